// SPDX-License-Identifier: GPL-2.0-only
/*
 * Registry of dirty log types, and the module that holds the built-in ones.
 *
 * A type is known by its name. Types come from this module (dm_log_builtins
 * below) or from modules of their own, which are loaded on demand. Every log
 * keeps the module of its type in memory.
 */

#include <linux/device-mapper.h>
#include <linux/dm-dirty-log.h>
#include <linux/init.h>
#include <linux/list.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/string.h>
/*
 * struct module refers to struct vm_struct: its definition must be in sight
 * for the symbol CRCs to be those of the distribution's kernel.
 */
#include <linux/vmalloc.h>
#if IS_ENABLED(CONFIG_DM_LOG_KUNIT_TEST)
#include <kunit/static_stub.h>
#endif

#include "cache.h"
#include "logs.h"
#include "private.h"
#include "types.h"

#define DM_MSG_PREFIX "dirty region log"

static LIST_HEAD(dm_log_types);
static DEFINE_SPINLOCK(dm_log_types_lock);

static struct dm_dirty_log_type *find_type_locked(const char *name)
{
	struct dm_dirty_log_type *type;

	lockdep_assert_held(&dm_log_types_lock);

	list_for_each_entry(type, &dm_log_types, list)
		if (!strcmp(type->name, name))
			return type;

	return NULL;
}

/* The type of that name with a reference to its module, or NULL. */
static struct dm_dirty_log_type *try_get_type(const char *name)
{
	struct dm_dirty_log_type *type;

	spin_lock(&dm_log_types_lock);
	type = find_type_locked(name);
	if (type && !try_module_get(type->module))
		type = NULL;
	spin_unlock(&dm_log_types_lock);

	return type;
}

static void put_type(struct dm_dirty_log_type *type)
{
	module_put(type->module);
}

VISIBLE_IF_DM_LOG_KUNIT int dm_log_request_module(const char *suffix)
{
#if IS_ENABLED(CONFIG_DM_LOG_KUNIT_TEST)
	KUNIT_STATIC_STUB_REDIRECT(dm_log_request_module, suffix);
#endif
	return request_module("dm-log-%s", suffix);
}

/*
 * Find a type, loading modules until one brings it: for "a-b-c" dm-log-a-b-c,
 * then dm-log-a-b, then dm-log-a. So one module can serve a family of types
 * ("clustered-disk" and "clustered-core" from dm-log-clustered).
 */
static struct dm_dirty_log_type *get_type(const char *name)
{
	struct dm_dirty_log_type *type;
	char *module_name, *dash;

	type = try_get_type(name);
	if (type)
		return type;

	module_name = kstrdup(name, GFP_KERNEL);
	if (!module_name) {
		DMERR("no memory to look for log type '%s'", name);
		return NULL;
	}

	for (;;) {
		dm_log_request_module(module_name);
		type = try_get_type(name);
		if (type)
			break;
		dash = strrchr(module_name, '-');
		if (!dash)
			break;
		*dash = '\0';
	}
	kfree(module_name);

	if (!type)
		DMERR("unknown log type '%s': neither built in nor in a module dm-log-%s",
		      name, name);
	return type;
}

/**
 * dm_dirty_log_type_register() - make a log type known by its name
 * @type: the type; stays in use until it is unregistered and the last
 *	reference to its module is gone
 *
 * Context: process context; does not sleep.
 * Return: 0, -EBUSY if a type of that name is registered, -EINVAL if the type
 *	has no name.
 */
int dm_dirty_log_type_register(struct dm_dirty_log_type *type)
{
	int r = 0;

	if (!type->name || !*type->name) {
		DMERR("cannot register a log type without a name");
		return -EINVAL;
	}

	spin_lock(&dm_log_types_lock);
	if (find_type_locked(type->name))
		r = -EBUSY;
	else
		list_add(&type->list, &dm_log_types);
	spin_unlock(&dm_log_types_lock);

	if (r)
		DMERR("cannot register log type '%s': the name is taken",
		      type->name);
	return r;
}
EXPORT_SYMBOL(dm_dirty_log_type_register);

/**
 * dm_dirty_log_type_unregister() - forget a log type
 * @type: what was registered; another type of the same name is left alone
 *
 * Logs of the type stay alive: each holds a reference to the type's module.
 *
 * Context: process context; does not sleep.
 * Return: 0, or -EINVAL if @type is not registered.
 */
int dm_dirty_log_type_unregister(struct dm_dirty_log_type *type)
{
	struct dm_dirty_log_type *known;
	int r = -EINVAL;

	spin_lock(&dm_log_types_lock);
	list_for_each_entry(known, &dm_log_types, list) {
		if (known == type) {
			list_del(&type->list);
			r = 0;
			break;
		}
	}
	spin_unlock(&dm_log_types_lock);

	if (r)
		DMERR("cannot unregister log type '%s': it is not registered",
		      type->name);
	return r;
}
EXPORT_SYMBOL(dm_dirty_log_type_unregister);

/**
 * dm_dirty_log_create() - make a log for a target
 * @type_name: the log's type; a module that provides it is loaded if needed
 * @ti: the target that will use the log
 * @flush_callback_fn: makes the target's legs durable; see struct dm_dirty_log
 * @argc: number of words in @argv
 * @argv: the log's arguments, without the type's name and the count
 *
 * Context: process context, may sleep and load a module.
 * Return: the log, or NULL (not an error pointer) if the type is unknown, its
 *	constructor failed or memory is short. The reason is in the kernel log.
 */
struct dm_dirty_log *
dm_dirty_log_create(const char *type_name, struct dm_target *ti,
		    int (*flush_callback_fn)(struct dm_target *ti),
		    unsigned int argc, char **argv)
{
	struct dm_dirty_log_type *type;
	struct dm_dirty_log *log;

	log = kzalloc_obj(*log);
	if (!log)
		return NULL;

	type = get_type(type_name);
	if (!type)
		goto out_free;

	log->type = type;
	log->flush_callback_fn = flush_callback_fn;

	if (type->ctr(log, ti, argc, argv))
		goto out_put;

	return log;

out_put:
	put_type(type);
out_free:
	kfree(log);
	return NULL;
}
EXPORT_SYMBOL(dm_dirty_log_create);

/**
 * dm_dirty_log_destroy() - free a log
 * @log: what dm_dirty_log_create() returned; resumed, suspended or neither
 *
 * Context: process context, may sleep. The target's worker no longer runs.
 */
void dm_dirty_log_destroy(struct dm_dirty_log *log)
{
	struct dm_dirty_log_type *type = log->type;

	type->dtr(log);
	/* From here on the type's code may go away. */
	put_type(type);
	kfree(log);
}
EXPORT_SYMBOL(dm_dirty_log_destroy);

/**
 * dm_log_raise_event() - tell who waits for events that something happened
 * @ti: the target whose log it happened to
 *
 * Context: process context. A seam for tests, which have no table.
 */
void dm_log_raise_event(struct dm_target *ti)
{
#if IS_ENABLED(CONFIG_DM_LOG_KUNIT_TEST)
	KUNIT_STATIC_STUB_REDIRECT(dm_log_raise_event, ti);
#endif
	dm_table_event(ti->table);
}

/**
 * dm_log_mirror_uuid() - what tells a mapped device from all others
 * @ti: its target
 * @uuid: gets the UUID, up to DM_UUID_LEN bytes; an empty string if it has none
 *
 * It may be given its UUID at any time, and then keeps it.
 *
 * Context: process context, may sleep, but not for I/O. A seam for tests.
 */
void dm_log_mirror_uuid(struct dm_target *ti, char *uuid)
{
#if IS_ENABLED(CONFIG_DM_LOG_KUNIT_TEST)
	KUNIT_STATIC_STUB_REDIRECT(dm_log_mirror_uuid, ti, uuid);
#endif
	if (!ti->table ||
	    dm_copy_name_and_uuid(dm_table_get_md(ti->table), NULL, uuid))
		*uuid = '\0';
}

/**
 * struct dm_log_builtin - a log type that lives in this module
 * @type: what gets registered
 * @init: optional; runs before the type is registered
 * @exit: optional; undoes @init
 * @required: whether loading the module fails if the type cannot be had
 */
struct dm_log_builtin {
	struct dm_dirty_log_type *type;
	int (*init)(void);
	void (*exit)(void);
	bool required;
};

static const struct dm_log_builtin dm_log_builtins[] = {
	{ .type = &dm_log_core_type },
	{ .type = &dm_log_disk_type, .required = true },
#if IS_ENABLED(CONFIG_DM_LOG_USERSPACE)
	{
		.type = &dm_log_userspace_type,
		.init = dm_log_userspace_init,
		.exit = dm_log_userspace_exit,
	},
#endif
};

/* Bit n: dm_log_builtins[n] is registered. Written by init and exit only. */
static unsigned long dm_log_builtins_up;

static int __init start_builtin(const struct dm_log_builtin *builtin)
{
	int r;

	r = builtin->init ? builtin->init() : 0;
	if (r)
		return r;

	r = dm_dirty_log_type_register(builtin->type);
	if (r && builtin->exit)
		builtin->exit();
	return r;
}

static void stop_builtins(void)
{
	int i;

	for (i = ARRAY_SIZE(dm_log_builtins) - 1; i >= 0; i--) {
		const struct dm_log_builtin *builtin = &dm_log_builtins[i];

		if (!test_bit(i, &dm_log_builtins_up))
			continue;
		dm_dirty_log_type_unregister(builtin->type);
		if (builtin->exit)
			builtin->exit();
	}
}

static int __init dm_log_init(void)
{
	int i, r;

	r = dm_log_cache_module_init();
	if (r)
		return r;
	dm_logs_init();

	for (i = 0; i < ARRAY_SIZE(dm_log_builtins); i++) {
		r = start_builtin(&dm_log_builtins[i]);
		if (!r) {
			__set_bit(i, &dm_log_builtins_up);
		} else if (dm_log_builtins[i].required) {
			stop_builtins();
			dm_logs_exit();
			dm_log_cache_module_exit();
			return r;
		}
	}
	return 0;
}

static void __exit dm_log_exit(void)
{
	stop_builtins();
	dm_logs_exit();
	dm_log_cache_module_exit();
}

module_init(dm_log_init);
module_exit(dm_log_exit);

MODULE_DESCRIPTION(DM_NAME " dirty region log");
MODULE_LICENSE("GPL");
