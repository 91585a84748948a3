// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit tests of the registry of log types: contract A2, and B41.
 */

#include <kunit/static_stub.h>
#include <kunit/test.h>
#include <linux/atomic.h>
#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/dm-dirty-log.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/sched/task.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "../private.h"

#define MAX_REQUESTS	4

/**
 * struct fake_type - a log type that counts what is asked of it
 * @type: what gets registered
 * @nr_ctr: calls of the constructor
 * @nr_dtr: calls of the destructor
 * @ctr_result: what the constructor is to return
 * @log: as the constructor or the destructor saw it last
 * @ti: as the constructor saw it last
 * @argc: as the constructor saw it last
 * @argv: as the constructor saw it last
 */
struct fake_type {
	struct dm_dirty_log_type type;
	atomic_t nr_ctr;
	atomic_t nr_dtr;
	int ctr_result;

	struct dm_dirty_log *log;
	struct dm_target *ti;
	unsigned int argc;
	char **argv;
};

/**
 * struct registry_test - what a test and the stub for request_module() share
 * @nr_requests: number of modules asked for
 * @requests: their names, without "dm-log-"
 * @bring: the type that a module brings, if it is loaded
 * @bring_by: the name of that module
 */
struct registry_test {
	int nr_requests;
	char requests[MAX_REQUESTS][32];
	struct fake_type *bring;
	const char *bring_by;
};

static struct fake_type *to_fake(struct dm_dirty_log_type *type)
{
	return container_of(type, struct fake_type, type);
}

static int fake_ctr(struct dm_dirty_log *log, struct dm_target *ti,
		    unsigned int argc, char **argv)
{
	struct fake_type *fake = to_fake(log->type);

	atomic_inc(&fake->nr_ctr);
	fake->log = log;
	fake->ti = ti;
	fake->argc = argc;
	fake->argv = argv;
	return fake->ctr_result;
}

static void fake_dtr(struct dm_dirty_log *log)
{
	struct fake_type *fake = to_fake(log->type);

	atomic_inc(&fake->nr_dtr);
	fake->log = log;
}

static uint32_t fake_get_region_size(struct dm_dirty_log *log)
{
	return 4711;
}

static int fake_flush(struct dm_target *ti)
{
	return 0;
}

static struct fake_type *new_fake(struct kunit *test, const char *name)
{
	struct fake_type *fake = kunit_kzalloc(test, sizeof(*fake), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, fake);
	fake->type.name = name;
	fake->type.module = THIS_MODULE;
	fake->type.ctr = fake_ctr;
	fake->type.dtr = fake_dtr;
	fake->type.get_region_size = fake_get_region_size;
	return fake;
}

static void forget_type(void *type)
{
	dm_dirty_log_type_unregister(type);
}

/* Register, and unregister when the test ends, however it ends. */
static void register_fake(struct kunit *test, struct fake_type *fake)
{
	int r;

	KUNIT_ASSERT_EQ(test, dm_dirty_log_type_register(&fake->type), 0);
	r = kunit_add_action_or_reset(test, forget_type, &fake->type);
	KUNIT_ASSERT_EQ(test, r, 0);
}

/* Expect it to be refused, and leave nothing behind if it is not. */
static void register_refused(struct kunit *test, struct fake_type *fake, int err)
{
	int r = dm_dirty_log_type_register(&fake->type);

	if (!r)
		dm_dirty_log_type_unregister(&fake->type);
	KUNIT_ASSERT_EQ(test, r, err);
}

static void unregister_fake(struct kunit *test, struct fake_type *fake)
{
	kunit_remove_action(test, forget_type, &fake->type);
	KUNIT_EXPECT_EQ(test, dm_dirty_log_type_unregister(&fake->type), 0);
}

static struct dm_dirty_log *create(const char *name)
{
	return dm_dirty_log_create(name, NULL, NULL, 0, NULL);
}

/* Notes the name, and acts as the module that brings @bring if it is that one. */
static int fake_request_module(const char *suffix)
{
	struct kunit *test = kunit_get_current_test();
	struct registry_test *rt = test->priv;

	if (rt->nr_requests < MAX_REQUESTS)
		strscpy(rt->requests[rt->nr_requests], suffix,
			sizeof(rt->requests[0]));
	rt->nr_requests++;

	if (rt->bring && !strcmp(suffix, rt->bring_by))
		register_fake(test, rt->bring);
	return 0;
}

/* Everything that is given to create() reaches the constructor or the log. */
static void registry_create(struct kunit *test)
{
	struct fake_type *fake = new_fake(test, "kunit");
	char *argv[3] = { };
	struct registry_test *rt = test->priv;
	struct dm_target ti = { .len = 1 };
	struct dm_dirty_log *log;

	register_fake(test, fake);
	log = dm_dirty_log_create("kunit", &ti, fake_flush, 3, argv);
	KUNIT_ASSERT_NOT_NULL(test, log);

	KUNIT_EXPECT_PTR_EQ(test, log->type, &fake->type);
	KUNIT_EXPECT_PTR_EQ(test, log->flush_callback_fn, &fake_flush);
	KUNIT_EXPECT_EQ(test, atomic_read(&fake->nr_ctr), 1);
	KUNIT_EXPECT_PTR_EQ(test, fake->log, log);
	KUNIT_EXPECT_PTR_EQ(test, fake->ti, &ti);
	KUNIT_EXPECT_EQ(test, fake->argc, 3);
	KUNIT_EXPECT_PTR_EQ(test, fake->argv, &argv[0]);
	/* A type that is known is not looked for. */
	KUNIT_EXPECT_EQ(test, rt->nr_requests, 0);

	fake->log = NULL;
	KUNIT_EXPECT_EQ(test, atomic_read(&fake->nr_dtr), 0);
	dm_dirty_log_destroy(log);
	KUNIT_EXPECT_EQ(test, atomic_read(&fake->nr_dtr), 1);
	KUNIT_EXPECT_PTR_EQ(test, fake->log, log);
}

/* The type that is named is the one that is used. */
static void registry_finds_by_name(struct kunit *test)
{
	static const char * const names[] = { "kunit-a", "kunit-ab", "kunit-b" };
	struct fake_type *fake[ARRAY_SIZE(names)];
	struct dm_dirty_log *log;
	int i;

	for (i = 0; i < ARRAY_SIZE(names); i++) {
		fake[i] = new_fake(test, names[i]);
		register_fake(test, fake[i]);
	}
	for (i = 0; i < ARRAY_SIZE(names); i++) {
		log = create(names[i]);
		KUNIT_ASSERT_NOT_NULL(test, log);
		KUNIT_EXPECT_PTR_EQ(test, log->type, &fake[i]->type);
		dm_dirty_log_destroy(log);
	}
	/* Neither a part of a name nor another case of it. */
	KUNIT_EXPECT_NULL(test, create("kunit"));
	KUNIT_EXPECT_NULL(test, create("KUNIT-A"));
	KUNIT_EXPECT_NULL(test, create("kunit-abc"));
}

static void registry_duplicate(struct kunit *test)
{
	struct fake_type *first = new_fake(test, "kunit");
	struct fake_type *second = new_fake(test, "kunit");
	struct dm_dirty_log *log;

	register_fake(test, first);
	register_refused(test, second, -EBUSY);
	/* Also the very same object, which must not be listed twice. */
	register_refused(test, first, -EBUSY);

	log = create("kunit");
	KUNIT_ASSERT_NOT_NULL(test, log);
	KUNIT_EXPECT_PTR_EQ(test, log->type, &first->type);
	dm_dirty_log_destroy(log);

	unregister_fake(test, first);
	register_fake(test, second);
	log = create("kunit");
	KUNIT_ASSERT_NOT_NULL(test, log);
	KUNIT_EXPECT_PTR_EQ(test, log->type, &second->type);
	dm_dirty_log_destroy(log);
}

/* core and disk are there as soon as the module is. */
static void registry_builtins(struct kunit *test)
{
	register_refused(test, new_fake(test, "core"), -EBUSY);
	register_refused(test, new_fake(test, "disk"), -EBUSY);
}

static void registry_nameless(struct kunit *test)
{
	register_refused(test, new_fake(test, ""), -EINVAL);
	register_refused(test, new_fake(test, NULL), -EINVAL);
}

/* B41: what counts is the object, not its name. */
static void registry_unregister_stranger(struct kunit *test)
{
	struct fake_type *known = new_fake(test, "kunit");
	struct fake_type *stranger = new_fake(test, "kunit");
	struct fake_type *nobody = new_fake(test, "kunit-nobody");
	struct dm_dirty_log *log;

	register_fake(test, known);
	KUNIT_EXPECT_EQ(test, dm_dirty_log_type_unregister(&stranger->type),
			-EINVAL);
	KUNIT_EXPECT_EQ(test, dm_dirty_log_type_unregister(&nobody->type),
			-EINVAL);

	log = create("kunit");
	KUNIT_ASSERT_NOT_NULL(test, log);
	KUNIT_EXPECT_PTR_EQ(test, log->type, &known->type);
	dm_dirty_log_destroy(log);

	unregister_fake(test, known);
	KUNIT_EXPECT_EQ(test, dm_dirty_log_type_unregister(&known->type), -EINVAL);
}

struct request_case {
	const char *name;
	int nr_requests;
	const char *requests[MAX_REQUESTS];
};

static const struct request_case request_cases[] = {
	{ "a", 1, { "a" } },
	{ "a-b", 2, { "a-b", "a" } },
	{ "a-b-c", 3, { "a-b-c", "a-b", "a" } },
	{ "a--b", 3, { "a--b", "a-", "a" } },
	{ "a-", 2, { "a-", "a" } },
	{ "a_b.c", 1, { "a_b.c" } },
};

KUNIT_ARRAY_PARAM_DESC(request, request_cases, name);

/* A2: the name of the module is cut at the last '-' until nothing is left to cut. */
static void registry_requests_modules(struct kunit *test)
{
	const struct request_case *c = test->param_value;
	struct registry_test *rt = test->priv;
	int i;

	KUNIT_EXPECT_NULL(test, create(c->name));
	KUNIT_ASSERT_EQ(test, rt->nr_requests, c->nr_requests);
	for (i = 0; i < c->nr_requests; i++)
		KUNIT_EXPECT_STREQ(test, rt->requests[i], c->requests[i]);
}

/* A2: one module can bring a family of types; the search ends with it. */
static void registry_module_brings_type(struct kunit *test)
{
	struct registry_test *rt = test->priv;
	struct dm_dirty_log *log;

	rt->bring = new_fake(test, "kunit-b-c");
	rt->bring_by = "kunit-b";
	log = create("kunit-b-c");
	KUNIT_ASSERT_NOT_NULL(test, log);
	KUNIT_EXPECT_PTR_EQ(test, log->type, &rt->bring->type);
	KUNIT_EXPECT_EQ(test, rt->nr_requests, 2);
	dm_dirty_log_destroy(log);
}

/* A2: only the module's name gets shorter, never the type's. */
static void registry_module_brings_other_type(struct kunit *test)
{
	struct registry_test *rt = test->priv;

	rt->bring = new_fake(test, "kunit-b");
	rt->bring_by = "kunit-b";
	KUNIT_EXPECT_NULL(test, create("kunit-b-c"));
	KUNIT_EXPECT_EQ(test, rt->nr_requests, 3);
	KUNIT_EXPECT_EQ(test, atomic_read(&rt->bring->nr_ctr), 0);
}

/* A1: whatever the errno, create() says NULL; what was not made is not unmade. */
static void registry_constructor_fails(struct kunit *test)
{
	struct fake_type *fake = new_fake(test, "kunit");
	static const int results[] = { -EINVAL, -ENOMEM, -ENXIO };
	struct registry_test *rt = test->priv;
	int i;

	register_fake(test, fake);
	for (i = 0; i < ARRAY_SIZE(results); i++) {
		fake->ctr_result = results[i];
		KUNIT_EXPECT_NULL(test, create("kunit"));
		KUNIT_EXPECT_EQ(test, atomic_read(&fake->nr_ctr), i + 1);
	}
	KUNIT_EXPECT_EQ(test, atomic_read(&fake->nr_dtr), 0);
	/* The type is known, so no module can help. */
	KUNIT_EXPECT_EQ(test, rt->nr_requests, 0);
}

/* Logs in use go on working; no new ones can be had. */
static void registry_unregister_in_use(struct kunit *test)
{
	struct fake_type *fake = new_fake(test, "kunit");
	struct dm_dirty_log *log;

	register_fake(test, fake);
	log = create("kunit");
	KUNIT_ASSERT_NOT_NULL(test, log);

	unregister_fake(test, fake);
	KUNIT_EXPECT_NULL(test, create("kunit"));
	KUNIT_EXPECT_EQ(test, log->type->get_region_size(log), 4711);
	KUNIT_EXPECT_EQ(test, atomic_read(&fake->nr_dtr), 0);

	dm_dirty_log_destroy(log);
	KUNIT_EXPECT_EQ(test, atomic_read(&fake->nr_ctr), 1);
	KUNIT_EXPECT_EQ(test, atomic_read(&fake->nr_dtr), 1);
}

/*
 * A module of the test's own, so that its references can be counted, and it can
 * be about to go, also where dm-log is built in.
 */
#ifdef CONFIG_MODULE_UNLOAD
static struct module *new_module(struct kunit *test)
{
	struct module *module = kunit_kzalloc(test, sizeof(*module), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, module);
	module->state = MODULE_STATE_LIVE;
	/* As of a module that is loaded and not used: module_refcount() is 0. */
	atomic_set(&module->refcnt, 1);
	return module;
}

/* A2: a log holds a reference to its type's module, and a failure leaves none. */
static void registry_module_references(struct kunit *test)
{
	struct fake_type *fake = new_fake(test, "kunit");
	struct module *module = new_module(test);
	struct dm_dirty_log *log[2];

	fake->type.module = module;
	register_fake(test, fake);
	KUNIT_EXPECT_EQ(test, module_refcount(module), 0);

	log[0] = create("kunit");
	KUNIT_ASSERT_NOT_NULL(test, log[0]);
	KUNIT_EXPECT_EQ(test, module_refcount(module), 1);
	log[1] = create("kunit");
	KUNIT_ASSERT_NOT_NULL(test, log[1]);
	KUNIT_EXPECT_EQ(test, module_refcount(module), 2);

	fake->ctr_result = -EINVAL;
	KUNIT_EXPECT_NULL(test, create("kunit"));
	KUNIT_EXPECT_EQ(test, module_refcount(module), 2);

	dm_dirty_log_destroy(log[0]);
	KUNIT_EXPECT_EQ(test, module_refcount(module), 1);
	unregister_fake(test, fake);
	KUNIT_EXPECT_EQ(test, module_refcount(module), 1);
	dm_dirty_log_destroy(log[1]);
	KUNIT_EXPECT_EQ(test, module_refcount(module), 0);
}

/* A type whose module is being removed is as good as none. */
static void registry_module_going(struct kunit *test)
{
	struct fake_type *fake = new_fake(test, "kunit");
	struct module *module = new_module(test);

	fake->type.module = module;
	module->state = MODULE_STATE_GOING;
	register_fake(test, fake);
	KUNIT_EXPECT_NULL(test, create("kunit"));
	KUNIT_EXPECT_EQ(test, atomic_read(&fake->nr_ctr), 0);
	KUNIT_EXPECT_EQ(test, module_refcount(module), 0);
}
#else
static void registry_module_references(struct kunit *test)
{
	kunit_skip(test, "needs CONFIG_MODULE_UNLOAD");
}

static void registry_module_going(struct kunit *test)
{
	kunit_skip(test, "needs CONFIG_MODULE_UNLOAD");
}
#endif

/*
 * Several threads register and unregister types of one name while others make
 * logs of it. Each registrar has an object of its own.
 */
#define RACE_ROUNDS	40
#define RACE_REGISTRARS	2
#define RACE_CREATORS	2
#define RACE_NAME	"kunit-race"

struct race {
	struct kunit *test;
	struct completion done;		/* once for each thread */
	struct fake_type *fake[RACE_REGISTRARS];
	atomic_t next_fake;
	atomic_t nr_registered;		/* types of that name, now */
	atomic_t nr_registrations;	/* ... and so far */
	atomic_t nr_logs;		/* made so far */
	atomic_t nr_errors;
};

static int race_ctr(struct dm_dirty_log *log, struct dm_target *ti,
		    unsigned int argc, char **argv)
{
	atomic_inc(&to_fake(log->type)->nr_ctr);
	return 0;
}

static void race_dtr(struct dm_dirty_log *log)
{
	atomic_inc(&to_fake(log->type)->nr_dtr);
}

/* Long enough for other threads to come in between. */
static void race_pause(void)
{
	usleep_range(100, 200);
}

static int race_register(void *data)
{
	struct race *race = data;
	struct fake_type *fake;
	int i, r;

	fake = race->fake[atomic_fetch_inc(&race->next_fake)];
	for (i = 0; i < RACE_ROUNDS; i++) {
		r = dm_dirty_log_type_register(&fake->type);
		if (!r) {
			if (atomic_inc_return(&race->nr_registered) != 1)
				atomic_inc(&race->nr_errors);
			atomic_inc(&race->nr_registrations);
			race_pause();
			atomic_dec(&race->nr_registered);
			r = dm_dirty_log_type_unregister(&fake->type);
			if (r)
				atomic_inc(&race->nr_errors);
		} else if (r != -EBUSY) {
			atomic_inc(&race->nr_errors);
		}
		race_pause();
	}
	complete(&race->done);
	return 0;
}

static int race_create(void *data)
{
	struct race *race = data;
	struct dm_dirty_log *log;
	int i;

	/* The stub for request_module() works for tasks of the test. */
	current->kunit_test = race->test;
	for (i = 0; i < RACE_ROUNDS; i++) {
		log = create(RACE_NAME);
		race_pause();
		if (!log)
			continue;
		atomic_inc(&race->nr_logs);
		if (strcmp(log->type->name, RACE_NAME) ||
		    log->type->get_region_size(log) != 4711)
			atomic_inc(&race->nr_errors);
		dm_dirty_log_destroy(log);
	}
	current->kunit_test = NULL;
	complete(&race->done);
	return 0;
}

/* Instead of a module that is not there: a while, in which one may register. */
static int race_request_module(const char *suffix)
{
	race_pause();
	return 0;
}

static void registry_concurrent_use(struct kunit *test)
{
	struct task_struct *task[RACE_REGISTRARS + RACE_CREATORS];
	struct race *race = kunit_kzalloc(test, sizeof(*race), GFP_KERNEL);
	int i, nr, nr_ctr = 0, nr_dtr = 0;

	KUNIT_ASSERT_NOT_NULL(test, race);
	race->test = test;
	kunit_activate_static_stub(test, dm_log_request_module,
				   race_request_module);
	init_completion(&race->done);
	for (i = 0; i < RACE_REGISTRARS; i++) {
		race->fake[i] = new_fake(test, RACE_NAME);
		race->fake[i]->type.ctr = race_ctr;
		race->fake[i]->type.dtr = race_dtr;
	}

	for (nr = 0; nr < ARRAY_SIZE(task); nr++) {
		task[nr] = kthread_create(nr < RACE_REGISTRARS ? race_register :
					  race_create, race, "dm-log-race/%d", nr);
		if (IS_ERR(task[nr]))
			break;
		get_task_struct(task[nr]);
		wake_up_process(task[nr]);
	}
	KUNIT_EXPECT_EQ(test, nr, ARRAY_SIZE(task));

	/* Stop them when they have ended: before, they might not have begun. */
	for (i = 0; i < nr; i++)
		wait_for_completion(&race->done);
	for (i = 0; i < nr; i++) {
		kthread_stop(task[i]);
		put_task_struct(task[i]);
	}

	KUNIT_EXPECT_EQ(test, atomic_read(&race->nr_errors), 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&race->nr_registered), 0);
	/* There was something to race for. */
	KUNIT_EXPECT_GT(test, atomic_read(&race->nr_registrations), 0);
	KUNIT_EXPECT_GT(test, atomic_read(&race->nr_logs), 0);

	for (i = 0; i < RACE_REGISTRARS; i++) {
		nr_ctr += atomic_read(&race->fake[i]->nr_ctr);
		nr_dtr += atomic_read(&race->fake[i]->nr_dtr);
		KUNIT_EXPECT_EQ(test, dm_dirty_log_type_unregister(&race->fake[i]->type),
				-EINVAL);
	}
	KUNIT_EXPECT_EQ(test, nr_ctr, atomic_read(&race->nr_logs));
	KUNIT_EXPECT_EQ(test, nr_dtr, atomic_read(&race->nr_logs));
}

static int registry_test_init(struct kunit *test)
{
	test->priv = kunit_kzalloc(test, sizeof(struct registry_test), GFP_KERNEL);
	if (!test->priv)
		return -ENOMEM;
	/* No test loads a module. */
	kunit_activate_static_stub(test, dm_log_request_module,
				   fake_request_module);
	return 0;
}

static struct kunit_case dm_log_registry_cases[] = {
	KUNIT_CASE(registry_create),
	KUNIT_CASE(registry_finds_by_name),
	KUNIT_CASE(registry_duplicate),
	KUNIT_CASE(registry_builtins),
	KUNIT_CASE(registry_nameless),
	KUNIT_CASE(registry_unregister_stranger),
	KUNIT_CASE_PARAM(registry_requests_modules, request_gen_params),
	KUNIT_CASE(registry_module_brings_type),
	KUNIT_CASE(registry_module_brings_other_type),
	KUNIT_CASE(registry_constructor_fails),
	KUNIT_CASE(registry_unregister_in_use),
	KUNIT_CASE(registry_module_references),
	KUNIT_CASE(registry_module_going),
	KUNIT_CASE(registry_concurrent_use),
	{}
};

static struct kunit_suite dm_log_registry_suite = {
	.name = "dm_log_registry",
	.init = registry_test_init,
	.test_cases = dm_log_registry_cases,
};

kunit_test_suite(dm_log_registry_suite);
