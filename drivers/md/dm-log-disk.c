// SPDX-License-Identifier: GPL-2.0-only
/*
 * The disk log: survives a crash.
 *
 * Table line:	disk <2|3> <device> <region size in sectors> [sync|nosync]
 * Status:	3 disk <major:minor> <A|D|F>
 *
 * The crash rule: at every instant, every region whose legs may differ is dirty
 * on the log device. flush() commits what was marked before the mirror writes
 * (dm-log-store.c); a region becomes clean on the device only after its writes
 * have ended and the legs have been flushed since.
 *
 * The second half is lazy. A region that was cleared stays dirty on the device
 * until it has been idle for clean_delay_ms, so that writing to it again costs
 * no I/O, and many are cleaned at once for one flush of the legs. The price is
 * that a crash costs copying them, so their number is bounded.
 *
 * Threads and locks. The worker flushes; the cleaner (a work item) and the ioctl
 * thread (suspend, resume) clean and commit, too.
 *
 * clean_lock	one cleaning at a time. Held across a flush of the legs, so the
 *		worker only tries it.
 * commit_lock	one user of the store at a time. Nests inside clean_lock. Held
 *		across I/O to the log device only, never across a flush of the
 *		legs, so the worker waits for it.
 *
 * Suspended. From presuspend on the cleaner stays away. postsuspend commits a
 * last time and closes the gate: the worker of this mirror may still clear
 * regions and flush, but the log device may belong to another table by then, so
 * nothing is written, and nobody is waiting for it: all I/O has ended.
 */

#include <linux/delay.h>
#include <linux/device-mapper.h>
#include <linux/dm-dirty-log.h>
#include <linux/err.h>
#include <linux/jiffies.h>
#include <linux/kstrtox.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/workqueue.h>
#if IS_ENABLED(CONFIG_DM_LOG_KUNIT_TEST)
#include <kunit/static_stub.h>
#endif

#include "dm-dirty-log-private.h"
#include "dm-log-common.h"
#include "dm-log-dev.h"
#include "dm-log-store.h"
#include "dm-log-types.h"

#define DM_MSG_PREFIX "dirty region log"

/* How long suspend waits for the worker to clear what has completed. */
#define CLEAR_WAIT_MS		500
/* How often an unreadable log device is tried again. */
#define RETRY_MS		5000

#define CLEAN_DELAY_MS_MAX	(60 * 60 * 1000)
#define IDLE_REGIONS_MAX	INT_MAX

VISIBLE_IF_DM_LOG_KUNIT unsigned int dm_log_clean_delay_ms = 5000;
VISIBLE_IF_DM_LOG_KUNIT unsigned int dm_log_max_idle_regions = 8192;

static int set_bounded(const char *val, const struct kernel_param *kp,
		       unsigned int max)
{
	unsigned int value;

	if (kstrtouint(val, 0, &value) || value > max) {
		DMERR("parameter %s: '%.*s' is not valid: expected 0 to %u",
		      kp->name, (int)strcspn(val, "\n"), val, max);
		return -EINVAL;
	}
	WRITE_ONCE(*(unsigned int *)kp->arg, value);
	return 0;
}

static int set_clean_delay_ms(const char *val, const struct kernel_param *kp)
{
	return set_bounded(val, kp, CLEAN_DELAY_MS_MAX);
}

static const struct kernel_param_ops clean_delay_ms_ops = {
	.set = set_clean_delay_ms,
	.get = param_get_uint,
};
module_param_cb(clean_delay_ms, &clean_delay_ms_ops, &dm_log_clean_delay_ms,
		0644);
MODULE_PARM_DESC(clean_delay_ms,
		 "Milliseconds that an idle region stays dirty on disk; 0 cleans at once");

static int set_max_idle_regions(const char *val, const struct kernel_param *kp)
{
	return set_bounded(val, kp, IDLE_REGIONS_MAX);
}

static const struct kernel_param_ops max_idle_regions_ops = {
	.set = set_max_idle_regions,
	.get = param_get_uint,
};
module_param_cb(max_idle_regions, &max_idle_regions_ops,
		&dm_log_max_idle_regions, 0644);
MODULE_PARM_DESC(max_idle_regions,
		 "Idle regions of one log that may stay dirty on disk for so long");

static struct workqueue_struct *dm_log_wq;

/**
 * struct disk_log - a log on a device
 * @common: arguments and region map
 * @log: the log, for the flush callback
 * @ti: the target, for the flush callback and events
 * @dev: the log device
 * @store: the stable copy on it; under @commit_lock
 *
 * @commit_lock: see above
 * @clean_lock: see above
 * @cleaner: cleans in the background
 * @hurry: the cleaner was told not to wait; written by worker and cleaner
 * @legs_failed: the last flush of the legs failed; under @clean_lock
 *
 * @live: between resume and presuspend: the cleaner may run. Written by the
 *	ioctl thread
 * @gated: no I/O to the log device: suspended, or never resumed; written under
 *	both locks, read under one
 * @resumed: was resumed at least once; ioctl thread only
 * @failing: an event was raised for the current trouble; under @commit_lock
 */
struct disk_log {
	struct dm_log_common common;
	struct dm_dirty_log *log;
	struct dm_target *ti;
	struct dm_log_dev *dev;
	struct dm_log_store store;

	struct mutex commit_lock;	/* the store */
	struct mutex clean_lock;	/* one cleaning at a time */
	struct delayed_work cleaner;
	bool hurry;
	bool legs_failed;

	bool live;
	bool gated;
	bool resumed;
	bool failing;
};

static struct disk_log *to_disk_log(struct dm_dirty_log *log)
{
	return container_of((struct dm_log_common *)log->context,
			    struct disk_log, common);
}

/* Seam for tests, which have no table. */
VISIBLE_IF_DM_LOG_KUNIT void dm_log_raise_event(struct dm_target *ti)
{
#if IS_ENABLED(CONFIG_DM_LOG_KUNIT_TEST)
	KUNIT_STATIC_STUB_REDIRECT(dm_log_raise_event, ti);
#endif
	dm_table_event(ti->table);
}

static void report_failure(struct disk_log *dl, int error)
{
	switch (dl->store.state) {
	case DM_LOG_STORE_UNREADABLE:
		DMERR_LIMIT("disk: cannot read log device %s (error %d): all regions out of sync",
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
	dm_log_raise_event(dl->ti);
}

/* Tell the world, once, that the log device is in trouble, or no longer is. */
static void report_health(struct disk_log *dl, int error)
{
	bool failing = dl->store.io_failed || dl->store.flush_failed;

	lockdep_assert_held(&dl->commit_lock);

	if (failing && !dl->failing)
		report_failure(dl, error);
	else if (!failing && dl->failing)
		DMWARN_LIMIT("disk: log device %s works again", dl->dev->name);
	dl->failing = failing;
}

/* Make all marks durable, unless suspended. */
static int commit(struct disk_log *dl)
{
	int r = 0;

	mutex_lock(&dl->commit_lock);
	if (!dl->gated) {
		r = dm_log_store_commit(&dl->store);
		if (r)
			report_health(dl, r);
	}
	mutex_unlock(&dl->commit_lock);
	return r;
}

static int flush_legs(struct disk_log *dl)
{
	if (!dl->log->flush_callback_fn)
		return 0;
	return dl->log->flush_callback_fn(dl->ti);
}

/*
 * Flush the legs and clean the regions that this allows; the caller commits.
 * @all: also regions that were cleared only a moment ago.
 * @defer: rather let other commits take the cleaned regions along.
 *
 * If the legs cannot be flushed it is not known whether the idle regions are the
 * same on all of them: they stay dirty, and the next attempt will tell.
 */
static void clean_regions(struct disk_log *dl, bool all, bool defer)
{
	struct dm_regions *rg = &dl->common.regions;
	int r = 0;

	lockdep_assert_held(&dl->clean_lock);

	if (dl->gated || dl->dev->read_only)
		return;

	if (dm_regions_begin_clean(rg))
		r = flush_legs(dl);
	if (r) {
		if (!dl->legs_failed)
			DMWARN_LIMIT("disk: cannot flush the legs (error %d): %s stays dirty",
				     r, dl->dev->name);
	} else {
		dm_regions_end_clean(rg, all, defer);
		if (!defer && all)
			dm_regions_pend_cleaned(rg);
	}
	WRITE_ONCE(dl->legs_failed, r != 0);
}

/*
 * Idle regions are copied after a crash. So are those out of sync: while these
 * are more, as in a full resync, the idle ones don't matter.
 */
static bool too_many_idle(struct disk_log *dl)
{
	const struct dm_regions *rg = &dl->common.regions;
	u64 nr_idle = dm_regions_nr_idle(rg);

	return nr_idle > READ_ONCE(dm_log_max_idle_regions) &&
	       nr_idle > dm_regions_nr_nosync(rg);
}

/* The cleaner's next run; called by the worker in every pass, so it is cheap. */
static void schedule_cleaner(struct disk_log *dl)
{
	unsigned int delay_ms = READ_ONCE(dm_log_clean_delay_ms);

	if (!READ_ONCE(dl->live))
		return;

	if (too_many_idle(dl) && !READ_ONCE(dl->legs_failed)) {
		if (!READ_ONCE(dl->hurry)) {
			WRITE_ONCE(dl->hurry, true);
			mod_delayed_work(dm_log_wq, &dl->cleaner, 0);
		}
	} else if (!delayed_work_pending(&dl->cleaner)) {
		queue_delayed_work(dm_log_wq, &dl->cleaner,
				   msecs_to_jiffies(delay_ms));
	}
}

static void retry_store(struct disk_log *dl)
{
	struct dm_regions *rg = &dl->common.regions;

	mutex_lock(&dl->clean_lock);
	dm_regions_share(rg);
	mutex_lock(&dl->commit_lock);
	if (!dl->gated && dl->store.state == DM_LOG_STORE_UNREADABLE &&
	    !dm_log_store_retry(&dl->store))
		DMINFO("disk: log device %s can be read again and is in use",
		       dl->dev->name);
	mutex_unlock(&dl->commit_lock);
	dm_regions_unshare(rg);
	mutex_unlock(&dl->clean_lock);
}

static void disk_cleaner(struct work_struct *work)
{
	struct disk_log *dl = container_of(to_delayed_work(work),
					   struct disk_log, cleaner);
	struct dm_regions *rg = &dl->common.regions;
	bool busy;

	if (!READ_ONCE(dl->live))
		return;

	if (READ_ONCE(dl->store.state) == DM_LOG_STORE_UNREADABLE) {
		retry_store(dl);
		if (READ_ONCE(dl->store.state) == DM_LOG_STORE_UNREADABLE) {
			queue_delayed_work(dm_log_wq, &dl->cleaner,
					   msecs_to_jiffies(RETRY_MS));
			return;
		}
	}

	busy = too_many_idle(dl);
	mutex_lock(&dl->clean_lock);
	dm_regions_share(rg);
	clean_regions(dl, busy, busy);
	commit(dl);
	dm_regions_unshare(rg);
	mutex_unlock(&dl->clean_lock);
	WRITE_ONCE(dl->hurry, false);

	/* The worker of an idle mirror does not run: see to the rest here. */
	if (dm_regions_nr_idle(rg) || dm_regions_has_cleaned(rg) ||
	    (dm_regions_uncommitted(rg) &&
	     READ_ONCE(dl->store.state) == DM_LOG_STORE_OPEN))
		queue_delayed_work(dm_log_wq, &dl->cleaner,
				   msecs_to_jiffies(max(READ_ONCE(dm_log_clean_delay_ms),
							1000U)));
}

#if IS_ENABLED(CONFIG_DM_LOG_KUNIT_TEST)
/* Run the cleaner now, in the test's own task. */
void dm_log_disk_run_cleaner(struct dm_dirty_log *log)
{
	disk_cleaner(&to_disk_log(log)->cleaner.work);
}
#endif

static int check_size(const struct disk_log *dl)
{
	u64 needed = dm_log_store_sectors(dl->common.args.nr_regions,
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
	dm_log_common_exit(&dl->common);
	if (dl->dev)
		dl->dev->ops->close(dl->dev);
	mutex_destroy(&dl->clean_lock);
	mutex_destroy(&dl->commit_lock);
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

	dl = kzalloc(sizeof(*dl), GFP_KERNEL);
	if (!dl)
		return -ENOMEM;

	dl->log = log;
	dl->ti = ti;
	dl->gated = true;
	mutex_init(&dl->commit_lock);
	mutex_init(&dl->clean_lock);
	INIT_DELAYED_WORK(&dl->cleaner, disk_cleaner);

	r = dm_log_parse_args("disk", ti->len, argc - 1, argv + 1,
			      &dl->common.args);
	if (r)
		goto bad;

	dl->dev = dm_log_dev_open(ti, argv[0]);
	if (IS_ERR(dl->dev)) {
		r = PTR_ERR(dl->dev);
		dl->dev = NULL;
		goto bad;
	}

	r = check_size(dl);
	if (r)
		goto bad;

	r = dm_log_common_init(&dl->common, "disk", true);
	if (r)
		goto bad;

	r = dm_log_store_init(&dl->store, dl->dev, &dl->common.regions,
			      dl->common.args.region_sectors);
	if (r) {
		DMERR("disk: no memory for I/O to log device %s", dl->dev->name);
		goto bad;
	}

	log->context = &dl->common;
	return 0;

bad:
	free_disk_log(dl);
	return r;
}

static void disk_dtr(struct dm_dirty_log *log)
{
	struct disk_log *dl = to_disk_log(log);

	WRITE_ONCE(dl->live, false);
	cancel_delayed_work_sync(&dl->cleaner);
	free_disk_log(dl);
}

static int disk_presuspend(struct dm_dirty_log *log)
{
	struct disk_log *dl = to_disk_log(log);

	/* What the worker queues after this finds !live and does nothing. */
	WRITE_ONCE(dl->live, false);
	cancel_delayed_work_sync(&dl->cleaner);
	return 0;
}

/*
 * All I/O has ended, but the worker may not have cleared all regions yet. Give
 * it a moment: what it clears later stays dirty on the device and will be
 * copied. Regions that failed are never cleared, so there must be an end.
 */
static void wait_for_clears(struct disk_log *dl)
{
	unsigned long end = jiffies + msecs_to_jiffies(CLEAR_WAIT_MS);

	while (dm_regions_nr_dirty(&dl->common.regions) &&
	       time_before(jiffies, end))
		usleep_range(500, 1000);
}

static int disk_postsuspend(struct dm_dirty_log *log)
{
	struct disk_log *dl = to_disk_log(log);
	struct dm_regions *rg = &dl->common.regions;
	int r;

	/* Also a log that was never resumed comes here; its gate is closed. */
	wait_for_clears(dl);

	mutex_lock(&dl->clean_lock);
	dm_regions_share(rg);
	clean_regions(dl, true, false);
	r = commit(dl);
	mutex_lock(&dl->commit_lock);
	dl->gated = true;
	mutex_unlock(&dl->commit_lock);
	dm_regions_unshare(rg);
	mutex_unlock(&dl->clean_lock);
	return r;
}

/*
 * The keyword of the table line is for a log's first resume. Later the log knows
 * better: what failed since must not become clean, nor what was copied dirty.
 */
static enum dm_log_load how_to_load(const struct disk_log *dl)
{
	if (dl->resumed)
		return DM_LOG_MERGE;

	switch (dl->common.args.sync) {
	case DM_LOG_SYNC_FORCE:
		return DM_LOG_ALL_NOSYNC;
	case DM_LOG_SYNC_SKIP:
		return DM_LOG_ALL_CLEAN;
	case DM_LOG_SYNC_DEFAULT:
		break;
	}
	return DM_LOG_LOAD;
}

static int disk_resume(struct dm_dirty_log *log)
{
	struct disk_log *dl = to_disk_log(log);
	struct dm_regions *rg = &dl->common.regions;
	int r;

	mutex_lock(&dl->clean_lock);
	dm_regions_share(rg);
	mutex_lock(&dl->commit_lock);

	dm_regions_restart_resync(rg);
	r = dm_log_store_resume(&dl->store, how_to_load(dl));
	report_health(dl, r);

	dl->legs_failed = false;
	dl->hurry = false;
	dl->resumed = true;
	dl->gated = false;

	mutex_unlock(&dl->commit_lock);
	dm_regions_unshare(rg);
	mutex_unlock(&dl->clean_lock);

	WRITE_ONCE(dl->live, true);
	if (dl->store.state == DM_LOG_STORE_UNREADABLE)
		queue_delayed_work(dm_log_wq, &dl->cleaner,
				   msecs_to_jiffies(RETRY_MS));
	return r;
}

static int disk_flush(struct dm_dirty_log *log)
{
	struct disk_log *dl = to_disk_log(log);
	struct dm_regions *rg = &dl->common.regions;

	if (dm_regions_nr_idle(rg)) {
		if (READ_ONCE(dm_log_clean_delay_ms)) {
			schedule_cleaner(dl);
		} else if (READ_ONCE(dl->live) && mutex_trylock(&dl->clean_lock)) {
			clean_regions(dl, true, false);
			mutex_unlock(&dl->clean_lock);
		}
	}

	if (!dm_regions_uncommitted(rg))
		return 0;
	return commit(dl);
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
	const struct dm_log_args *args = &dl->common.args;
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
};

/**
 * dm_log_disk_init() - what disk logs share, before the type is registered
 *
 * Context: module init.
 * Return: 0 or -ENOMEM.
 */
int __init dm_log_disk_init(void)
{
	dm_log_wq = alloc_workqueue("dm-log", WQ_MEM_RECLAIM, 0);
	return dm_log_wq ? 0 : -ENOMEM;
}

/**
 * dm_log_disk_exit() - undo dm_log_disk_init(); no disk log exists any more
 *
 * Context: module init or exit.
 */
void dm_log_disk_exit(void)
{
	destroy_workqueue(dm_log_wq);
}
