// SPDX-License-Identifier: GPL-2.0-only
/*
 * The disk log: survives a crash.
 *
 * Table line:	disk <2|3> <device> <region size in sectors> [sync|nosync]
 * Status:	3 disk <major:minor> <A|D|F>
 *
 * A region map whose stable copy is a device (store.c), brought up to date
 * by the write-intent cache (cache.h), which has the rules, the threads and
 * the locks.
 */

#include <linux/device-mapper.h>
#include <linux/dm-dirty-log.h>
#include <linux/err.h>
#include <linux/jiffies.h>
#include <linux/module.h>
#include <linux/slab.h>
#if IS_ENABLED(CONFIG_DM_LOG_KUNIT_TEST)
#include <kunit/static_stub.h>
#endif

#include "bdev.h"
#include "cache.h"
#include "logs.h"
#include "private.h"
#include "store.h"
#include "trace.h"
#include "types.h"

#define DM_MSG_PREFIX "dirty region log"

/* How often a log device that cannot be read, or is another's, is tried again. */
#define RETRY_MS		5000

/**
 * struct disk_log - a log on a device
 * @cache: arguments, region map, and when they are committed
 * @dev: the log device
 * @store: the stable copy on it; under the cache's commit_lock
 * @failing: an event was raised for the current trouble; under commit_lock
 * @user: the mirror whose log uses the device, so that ours does not, or 0; written by
 *	a resume, or the cleaner
 */
struct disk_log {
	struct dm_log_cache cache;
	struct dm_log_dev *dev;
	struct dm_log_store store;
	bool failing;
	dev_t user;
};

#if IS_ENABLED(CONFIG_DM_LOG_KUNIT_TEST)
const size_t dm_log_disk_size = sizeof(struct disk_log);
#endif

static struct disk_log *cache_to_disk_log(struct dm_log_cache *cache)
{
	return container_of(cache, struct disk_log, cache);
}

static struct disk_log *to_disk_log(struct dm_dirty_log *log)
{
	return cache_to_disk_log(to_dm_log_cache(log));
}

/* A log that never writes is in nobody's way. Return: true if the device is ours. */
static bool take_device(struct disk_log *dl, bool handed)
{
	dl->user = dl->cache.read_only ? 0 :
		dm_logs_take_device(&dl->cache.common, dl->dev->number, handed);
	return !dl->user;
}

static void report_user(struct disk_log *dl)
{
	dev_t dev = dl->cache.common.stats.dev, user = dl->user;

	DMERR("disk: log %s of mirror %u:%u is in use by mirror %u:%u: all dirty, writes held",
	      dl->dev->name, MAJOR(dev), MINOR(dev), MAJOR(user), MINOR(user));
}

static void report_failure(struct disk_log *dl, int error)
{
	dev_t dev = dl->cache.common.stats.dev;

	switch (dl->store.state) {
	case DM_LOG_STORE_UNREADABLE:
		if (dl->user) {
			report_user(dl);
			break;
		}
		DMERR_LIMIT("disk: cannot read log device %s (error %d): all dirty, writes held",
			    dl->dev->name, error);
		break;
	case DM_LOG_STORE_FOREIGN:
		/* Reported where the header was read. */
		break;
	default:
		DMERR_LIMIT("disk: cannot write log device %s (error %d): writes may be held",
			    dl->dev->name, error);
		break;
	}
	trace_dm_log_failure(dev, dl->dev->name, error);
	dm_log_raise_event(dl->cache.common.ti);
}

/* Tell the world, once, that the log device is in trouble, or no longer is. */
static void report_health(struct disk_log *dl, int error)
{
	bool failing = dl->store.io_failed || dl->store.flush_failed;

	lockdep_assert_held(&dl->cache.commit_lock);

	if (failing && !dl->failing)
		report_failure(dl, error);
	else if (!failing && dl->failing)
		DMWARN_LIMIT("disk: log device %s works again", dl->dev->name);
	dl->failing = failing;
}

static int disk_commit(struct dm_log_cache *cache, bool all)
{
	struct disk_log *dl = cache_to_disk_log(cache);
	int r;

	/* A block that is written tells all that the map knows of its regions. */
	r = dm_log_store_commit(&dl->store);
	if (r)
		report_health(dl, r);
	return r;
}

/*
 * Try again to use a log that could not be read, or was in another's use, when the mirror
 * was resumed. Without the lock, for which the worker may wait: reading may take as long as
 * the device pleases, and nobody else uses the buffers meanwhile, since a commit fails
 * before it comes to them.
 */
static unsigned int disk_tend(struct dm_log_cache *cache)
{
	struct disk_log *dl = cache_to_disk_log(cache);
	int r;

	if (READ_ONCE(dl->store.state) != DM_LOG_STORE_UNREADABLE || READ_ONCE(cache->gated))
		return 0;
	if ((dl->user && !take_device(dl, false)) || dm_log_store_probe(&dl->store))
		return RETRY_MS;

	mutex_lock(&cache->commit_lock);
	r = dm_log_store_reopen(&dl->store);
	/* If it fails again that is news. */
	dl->failing = false;
	if (r)
		report_health(dl, r);
	else
		DMINFO("disk: log device %s can be used now, and is", dl->dev->name);
	mutex_unlock(&cache->commit_lock);
	return 0;
}

static bool disk_has_more(struct dm_log_cache *cache)
{
	return !cache->read_only && dm_regions_uncommitted(&cache->common.regions) &&
	       READ_ONCE(cache_to_disk_log(cache)->store.state) == DM_LOG_STORE_OPEN;
}

static const struct dm_log_cache_ops disk_cache_ops = {
	.commit = disk_commit,
	.tend = disk_tend,
	.has_more = disk_has_more,
};

static int check_size(const struct disk_log *dl)
{
	u64 needed = dm_log_store_sectors(dl->cache.common.args.nr_regions,
					  dl->dev->block_sectors);

	if (needed <= dl->dev->nr_sectors)
		return 0;

	DMERR("disk: log device %s is too small: expected at least %llu sectors, got %llu",
	      dl->dev->name, needed, (unsigned long long)dl->dev->nr_sectors);
	return -EINVAL;
}

static void free_disk_log(struct disk_log *dl)
{
	dm_log_store_exit(&dl->store);
	dm_log_cache_exit(&dl->cache);
	if (dl->dev)
		dl->dev->ops->close(dl->dev);
	kfree(dl);
}

static int disk_ctr(struct dm_dirty_log *log, struct dm_target *ti,
		    unsigned int argc, char **argv)
{
	struct disk_log *dl;
	int r;

	if (argc < 2 || argc > 3) {
		DMERR("disk: expected <device> <region size> [sync|nosync], got %u argument(s)",
		      argc);
		return -EINVAL;
	}

	dl = kzalloc_obj(*dl);
	if (!dl)
		return -ENOMEM;

	dm_log_cache_init(&dl->cache, "disk", &disk_cache_ops, log, ti);

	r = dm_log_parse_args("disk", ti->len, argc - 1, argv + 1,
			      &dl->cache.common.args);
	if (r)
		goto bad;

	dl->dev = dm_log_dev_open(ti, argv[0]);
	if (IS_ERR(dl->dev)) {
		r = PTR_ERR(dl->dev);
		dl->dev = NULL;
		goto bad;
	}
	dl->cache.name = dl->dev->name;
	dl->cache.read_only = dl->dev->read_only;

	r = check_size(dl);
	if (r)
		goto bad;

	r = dm_log_common_init(&dl->cache.common, "disk", true);
	if (r)
		goto bad;

	r = dm_log_store_init(&dl->store, dl->dev, &dl->cache.common.regions,
			      dl->cache.common.args.region_sectors);
	if (r) {
		DMERR("disk: no memory for I/O to log device %s", dl->dev->name);
		goto bad;
	}

	dl->store.stats = &dl->cache.common.stats;

	log->context = &dl->cache.common;
	dm_logs_add(&dl->cache.common);
	return 0;

bad:
	free_disk_log(dl);
	return r;
}

static void disk_dtr(struct dm_dirty_log *log)
{
	struct disk_log *dl = to_disk_log(log);

	dm_logs_remove(&dl->cache.common);
	dm_log_cache_stop(&dl->cache);
	free_disk_log(dl);
}

static int disk_presuspend(struct dm_dirty_log *log)
{
	dm_log_cache_stop(to_dm_log_cache(log));
	return 0;
}

static int disk_postsuspend(struct dm_dirty_log *log)
{
	struct dm_log_cache *cache = to_dm_log_cache(log);
	int r;

	/* Somebody else may read it next. */
	disk_tend(cache);
	r = dm_log_cache_close(cache);
	dm_logs_leave_device(&cache->common, !to_disk_log(log)->store.head_stale);
	return r;
}

/*
 * The keyword of the table line is for a log's first resume. Later the log knows
 * better: what failed since must not become clean, nor what was copied dirty. Bits of
 * other regions are merged with a map that is all out of sync.
 */
static enum dm_log_load how_to_load(struct disk_log *dl)
{
	struct dm_log_common *common = &dl->cache.common;
	dev_t device = dl->dev->number;

	if (dl->cache.resumed)
		return DM_LOG_MERGE;

	switch (common->args.sync) {
	case DM_LOG_SYNC_FORCE:
		dm_logs_distrust(common, device);
		return DM_LOG_ALL_NOSYNC;
	case DM_LOG_SYNC_SKIP:
		return DM_LOG_ALL_CLEAN;
	case DM_LOG_SYNC_DEFAULT:
		break;
	}
	if (!dm_logs_are_anothers(common, device))
		return DM_LOG_LOAD;
	dm_logs_distrust(common, device);
	return DM_LOG_MERGE;
}

static int disk_resume(struct dm_dirty_log *log)
{
	struct disk_log *dl = to_disk_log(log);
	enum dm_log_load load = how_to_load(dl);
	dev_t user = dl->user;
	int r;

	mutex_lock(&dl->cache.commit_lock);
	dm_log_mirror_uuid(dl->cache.common.ti, dl->store.owner.uuid);
	/* Nobody hands it to who was refused it before. */
	r = take_device(dl, !user) ? dm_log_store_resume(&dl->store, load) :
				     dm_log_store_refuse(&dl->store, load);
	dm_regions_restart(&dl->cache.common.regions);
	/* Whose it is now is news, whatever had failed before. */
	if (dl->user && dl->user != user)
		dl->failing = false;
	report_health(dl, r);
	dm_log_cache_opened(&dl->cache);
	mutex_unlock(&dl->cache.commit_lock);

	dm_log_cache_start(&dl->cache, r);
	if (load == DM_LOG_ALL_CLEAN)
		dm_logs_tell_dropped(&dl->cache.common, dl->store.nr_dropped);
	/* An idle mirror has no worker that would try again. */
	if (r && dl->store.state != DM_LOG_STORE_FOREIGN)
		dm_log_cache_tend(&dl->cache, RETRY_MS);
	return r;
}

/*
 * The mirror writes to a region that is out of sync on one leg only, without a mark,
 * and whatever flush() says. That is right if the device calls it dirty, too. It may
 * not, if it could not be read or written since the resume: the next one to read it
 * would take the legs for equal. Then the write has to wait here, until the device
 * has been written.
 *
 * A suspend cannot wait for that. A write that it waits for is taken for one to a
 * region in sync, which needs a mark, and the flush that follows fails: with
 * handle_errors the mirror gives it back.
 */
static int disk_is_remote_recovering(struct dm_dirty_log *log, region_t region)
{
	struct disk_log *dl = to_disk_log(log);
	struct dm_log_common *common = &dl->cache.common;

	if (likely(dm_log_store_knows(&dl->store)) ||
	    dm_regions_in_sync(&common->regions, region))
		return dm_log_is_remote_recovering(log, region);
	if (READ_ONCE(common->live))
		return 1;
	common->refusing = true;
	return 0;
}

static int disk_flush(struct dm_dirty_log *log)
{
	return dm_log_cache_flush(to_dm_log_cache(log), false);
}

static char health(const struct disk_log *dl)
{
	if (READ_ONCE(dl->store.flush_failed))
		return 'F';
	return READ_ONCE(dl->store.io_failed) ? 'D' : 'A';
}

static int disk_status(struct dm_dirty_log *log, status_type_t status_type,
		       char *result, unsigned int maxlen)
{
	struct disk_log *dl = to_disk_log(log);
	const struct dm_log_args *args = &dl->cache.common.args;
	unsigned int sz = 0;

	switch (status_type) {
	case STATUSTYPE_INFO:
		DMEMIT("3 %s %s %c", log->type->name, dl->dev->name, health(dl));
		break;
	case STATUSTYPE_TABLE:
		DMEMIT("%s %u %s ", log->type->name, 1 + dm_log_nr_args(args),
		       dl->dev->name);
		sz += dm_log_emit_args(args, result + sz, maxlen - sz);
		break;
	case STATUSTYPE_IMA:
		*result = '\0';
		break;
	}
	return sz;
}

struct dm_dirty_log_type dm_log_disk_type = {
	.name = "disk",
	.module = THIS_MODULE,
	.ctr = disk_ctr,
	.dtr = disk_dtr,
	.presuspend = disk_presuspend,
	.postsuspend = disk_postsuspend,
	.resume = disk_resume,
	.get_region_size = dm_log_get_region_size,
	.is_clean = dm_log_is_clean,
	.in_sync = dm_log_in_sync,
	.flush = disk_flush,
	.mark_region = dm_log_mark_region,
	.clear_region = dm_log_clear_region,
	.get_resync_work = dm_log_get_resync_work,
	.set_region_sync = dm_log_set_region_sync,
	.get_sync_count = dm_log_get_sync_count,
	.status = disk_status,
	.is_remote_recovering = disk_is_remote_recovering,
};
