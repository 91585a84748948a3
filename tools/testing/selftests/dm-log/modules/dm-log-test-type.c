// SPDX-License-Identifier: GPL-2.0-only
/*
 * The smallest useful dirty log type in a module of its own: a worked example
 * for writing one, and what registry.sh tests the registry with.
 *
 * The type "test-null" takes the region size and remembers nothing. Each of its
 * regions is always out of sync, so the mirror reads and writes its first leg
 * only and never copies anything.
 *
 * What a type needs:
 *  - a struct dm_dirty_log_type with all operations but presuspend, postsuspend,
 *    resume and is_remote_recovering, which may be NULL;
 *  - .module = THIS_MODULE: every log made of it then holds this module;
 *  - for loading on demand, a module called dm-log-<type name>. For the name
 *    "test-null-x" dm-log asks for the modules dm-log-test-null-x,
 *    dm-log-test-null and dm-log-test until the type is there, so that several
 *    types can share one module, as the two below do.
 */

#include <linux/device-mapper.h>
#include <linux/dm-dirty-log.h>
#include <linux/kernel.h>
#include <linux/log2.h>
#include <linux/module.h>
#include <linux/slab.h>

#define DM_MSG_PREFIX "dirty region log"

static char *name = "test-null";
module_param(name, charp, 0444);
MODULE_PARM_DESC(name, "Name to register the first type under");

struct null_log {
	unsigned int region_size_sectors;
};

/* An ioctl's thread; may sleep. Whatever the errno, the mirror sees -EINVAL. */
static int null_ctr(struct dm_dirty_log *log, struct dm_target *ti,
		    unsigned int argc, char **argv)
{
	struct null_log *nl;
	unsigned int region_size_sectors;

	if (argc != 1) {
		DMERR("%s: expected <region size>, got %u arguments",
		      log->type->name, argc);
		return -EINVAL;
	}

	/* The mirror divides by this and shifts by its logarithm, unchecked. */
	if (kstrtouint(argv[0], 10, &region_size_sectors) ||
	    region_size_sectors < 2 || region_size_sectors > ti->len ||
	    !is_power_of_2(region_size_sectors)) {
		DMERR("%s: region size '%s': expected a power of two from 2 to the target's length",
		      log->type->name, argv[0]);
		return -EINVAL;
	}

	nl = kzalloc(sizeof(*nl), GFP_KERNEL);
	if (!nl)
		return -ENOMEM;

	nl->region_size_sectors = region_size_sectors;
	log->context = nl;
	return 0;
}

/* Also for a log that was never resumed. The legs are gone already. */
static void null_dtr(struct dm_dirty_log *log)
{
	kfree(log->context);
}

static uint32_t null_get_region_size(struct dm_dirty_log *log)
{
	struct null_log *nl = log->context;

	return nl->region_size_sectors;
}

static int null_is_clean(struct dm_dirty_log *log, region_t region)
{
	return 0;
}

/*
 * With !can_block from any context: no sleeping. Another type would say
 * -EWOULDBLOCK there if it cannot tell without; the worker then asks again.
 */
static int null_in_sync(struct dm_dirty_log *log, region_t region, int can_block)
{
	return 0;
}

/* The worker, which must not send out writes before their marks are safe. */
static int null_flush(struct dm_dirty_log *log)
{
	return 0;
}

/* The worker, under a rwlock: must not sleep. */
static void null_mark_region(struct dm_dirty_log *log, region_t region)
{
}

static void null_clear_region(struct dm_dirty_log *log, region_t region)
{
}

/* Nothing to copy, ever. */
static int null_get_resync_work(struct dm_dirty_log *log, region_t *region)
{
	return 0;
}

static void null_set_region_sync(struct dm_dirty_log *log, region_t region,
				 int in_sync)
{
}

static region_t null_get_sync_count(struct dm_dirty_log *log)
{
	return 0;
}

static int null_status(struct dm_dirty_log *log, status_type_t status_type,
		       char *result, unsigned int maxlen)
{
	struct null_log *nl = log->context;
	unsigned int sz = 0;

	switch (status_type) {
	case STATUSTYPE_INFO:
		DMEMIT("1 %s", log->type->name);
		break;
	case STATUSTYPE_TABLE:
		/* With a blank at the end: the mirror appends its own. */
		DMEMIT("%s 1 %u ", log->type->name, nl->region_size_sectors);
		break;
	case STATUSTYPE_IMA:
		*result = '\0';
		break;
	}
	return sz;
}

#define NULL_OPERATIONS						\
	.module = THIS_MODULE,					\
	.ctr = null_ctr,					\
	.dtr = null_dtr,					\
	.get_region_size = null_get_region_size,		\
	.is_clean = null_is_clean,				\
	.in_sync = null_in_sync,				\
	.flush = null_flush,					\
	.mark_region = null_mark_region,			\
	.clear_region = null_clear_region,			\
	.get_resync_work = null_get_resync_work,		\
	.set_region_sync = null_set_region_sync,		\
	.get_sync_count = null_get_sync_count,			\
	.status = null_status

static struct dm_dirty_log_type null_type = {
	NULL_OPERATIONS,
};

static struct dm_dirty_log_type null_x_type = {
	.name = "test-null-x",
	NULL_OPERATIONS,
};

static int __init null_init(void)
{
	int r;

	null_type.name = name;
	r = dm_dirty_log_type_register(&null_type);
	if (r)
		return r;

	r = dm_dirty_log_type_register(&null_x_type);
	if (r)
		dm_dirty_log_type_unregister(&null_type);
	return r;
}

/* Not called while there is a log of either type: each holds the module. */
static void __exit null_exit(void)
{
	dm_dirty_log_type_unregister(&null_x_type);
	dm_dirty_log_type_unregister(&null_type);
}

module_init(null_init);
module_exit(null_exit);

MODULE_DESCRIPTION("Device-mapper dirty log type for tests");
MODULE_LICENSE("GPL");
