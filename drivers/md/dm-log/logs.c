// SPDX-License-Identifier: GPL-2.0-only
/*
 * All logs, in one list: what concerns every log that there is. Their counters are
 * one file in debugfs.
 *
 * A log is in the list from the end of its constructor to the beginning of its
 * destructor, whether it was resumed or not. The file belongs to the module: no
 * operation of a log goes to debugfs or sysfs. Between presuspend and the end of resume
 * such a lock could be held by a task that waits for memory, which waits for this
 * mirror.
 *
 * logs_lock is a leaf. Under it counts are read, and no lock of a log is taken: a log
 * that hangs in its commit hangs alone.
 */

#include <linux/debugfs.h>
#include <linux/kdev_t.h>
#include <linux/list.h>
#include <linux/seq_file.h>
#include <linux/spinlock.h>

#include "cache.h"
#include "logs.h"
#include "private.h"

static LIST_HEAD(logs);
static DEFINE_SPINLOCK(logs_lock);
static struct dentry *logs_file;

/**
 * dm_logs_add() - from now on it is one of all logs
 * @common: the log, ready for its first resume
 *
 * Context: the constructor, at its end.
 */
void dm_logs_add(struct dm_log_common *common)
{
	spin_lock(&logs_lock);
	list_add_tail(&common->list, &logs);
	spin_unlock(&logs_lock);
}

/**
 * dm_logs_remove() - nobody comes to this log from the list any more
 * @common: what dm_logs_add() was called for
 *
 * Context: the destructor, at its beginning.
 */
void dm_logs_remove(struct dm_log_common *common)
{
	spin_lock(&logs_lock);
	list_del(&common->list);
	spin_unlock(&logs_lock);
}

/*
 * The counters' file
 */

static void show_log(struct seq_file *m, const struct dm_log_common *common)
{
	const struct dm_log_stats *stats = &common->stats;
	const struct dm_regions *rg = &common->regions;

	seq_printf(m, "%u:%u %llu %s live=%u regions=%llu region_sectors=%u",
		   MAJOR(stats->dev), MINOR(stats->dev), common->begin, common->type,
		   READ_ONCE(common->live), common->args.nr_regions,
		   common->args.region_sectors);
	seq_printf(m, " out_of_sync=%lu dirty=%lu idle=%lu", dm_regions_nr_nosync(rg),
		   dm_regions_nr_dirty(rg), dm_regions_nr_idle(rg));
	seq_printf(m, " flushes=%llu free_flushes=%llu commits=%llu commit_errors=%llu",
		   READ_ONCE(stats->flushes), READ_ONCE(stats->free_flushes),
		   READ_ONCE(stats->commits), READ_ONCE(stats->commit_errors));
	seq_printf(m, " cleanings=%llu cleaned=%llu writes=%llu bytes=%llu",
		   READ_ONCE(stats->cleanings), READ_ONCE(stats->cleaned),
		   READ_ONCE(stats->writes), READ_ONCE(stats->bytes));
	seq_printf(m, " requests=%lld unanswered=%lld\n",
		   atomic64_read(&stats->requests), atomic64_read(&stats->unanswered));
}

/*
 * All in one go, so that a log is neither missed nor shown twice because another one
 * came or went between two reads. Nothing is allocated here: what does not fit is
 * shown again to a larger buffer.
 */
VISIBLE_IF_DM_LOG_KUNIT int dm_logs_show(struct seq_file *m, void *unused)
{
	const struct dm_log_common *common;

	spin_lock(&logs_lock);
	list_for_each_entry(common, &logs, list) {
		if (seq_has_overflowed(m))
			break;
		show_log(m, common);
	}
	spin_unlock(&logs_lock);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(dm_logs);

/**
 * dm_logs_init() - make the counters' file
 *
 * A mirror works without the file, so that this does not fail.
 *
 * Context: module init, before any log type is registered.
 */
void __init dm_logs_init(void)
{
	logs_file = debugfs_create_file("dm_log", 0444, NULL, NULL, &dm_logs_fops);
}

/**
 * dm_logs_exit() - undo dm_logs_init()
 *
 * Context: module init or exit; no log exists any more. Waits for those who read the file.
 */
void dm_logs_exit(void)
{
	debugfs_remove(logs_file);
}
