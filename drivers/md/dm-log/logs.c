// SPDX-License-Identifier: GPL-2.0-only
/*
 * All logs, in one list: what concerns every log that there is. No two of them use one
 * device; their counters are one file in debugfs; they are clean before an orderly
 * reboot; and a lower limit does not wait for timers that were set before.
 *
 * A log is in the list from the end of its constructor to the beginning of its
 * destructor, whether it was resumed or not. The file belongs to the module: no
 * operation of a log goes to debugfs or sysfs. Between presuspend and the end of resume
 * such a lock could be held by a task that waits for memory, which waits for this
 * mirror.
 *
 * logs_lock is a leaf. Under it counts are read and cleaners are woken, and no lock
 * of a log is taken: a log that hangs in its commit hangs alone.
 */

#include <linux/debugfs.h>
#include <linux/delay.h>
#include <linux/device-mapper.h>
#include <linux/jiffies.h>
#include <linux/kstrtox.h>
#include <linux/limits.h>
#include <linux/list.h>
#include <linux/moduleparam.h>
#include <linux/reboot.h>
#include <linux/seq_file.h>
#include <linux/spinlock.h>
#include <linux/string.h>
#include <linux/sysfs.h>

#include "cache.h"
#include "logs.h"
#include "private.h"

#define DM_MSG_PREFIX "dirty region log"

/* How often a reboot looks whether all logs are at rest. */
#define REBOOT_NAP_MS		10

/* How long it waits for all of them together. */
VISIBLE_IF_DM_LOG_KUNIT unsigned int dm_logs_reboot_wait_ms = 5000;

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
 * Context: the destructor, before it stops the cleaner, which could be woken
 * until now.
 */
void dm_logs_remove(struct dm_log_common *common)
{
	spin_lock(&logs_lock);
	list_del(&common->list);
	spin_unlock(&logs_lock);
}

/*
 * Who has which device
 *
 * A commit writes whole blocks from one log's memory. So of two logs on one device each
 * would erase the other's marks, and the record tells the second only, and it only if
 * the two mirrors have UUIDs.
 *
 * A log has its device from the beginning of a resume to the end of its postsuspend,
 * after which it does not touch it, see cache.h. Device-mapper suspends a table before it
 * resumes the next one, so a device that is reloaded, renamed or moved never meets itself.
 */

static bool is_same_target(const struct dm_log_common *a, const struct dm_log_common *b)
{
	return a->stats.dev == b->stats.dev && a->ti->begin == b->ti->begin;
}

/**
 * dm_logs_take_device() - use a block device, unless another log does
 * @common: the log; what it has already it may take again
 * @device: the device; 0 is no device, and nobody's
 * @handed: a log that has suspended may have handed it on; or else that comes back, and
 *	keeps it until it is destroyed
 *
 * Context: any that may take a spinlock.
 * Return: 0, or the mirror whose log uses the device.
 */
dev_t dm_logs_take_device(struct dm_log_common *common, dev_t device, bool handed)
{
	struct dm_log_common *other;
	dev_t user = 0;

	if (!device)
		return 0;
	spin_lock(&logs_lock);
	list_for_each_entry(other, &logs, list)
		if (other != common && other->device == device && (other->holds || !handed))
			user = other->stats.dev;
	if (user) {
		common->device = 0;
		common->waits = device;
	} else {
		common->device = device;
		common->holds = true;
		list_for_each_entry(other, &logs, list)
			if (other->device == device && !is_same_target(other, common))
				other->waits = device;
	}
	spin_unlock(&logs_lock);
	return user;
}

/**
 * dm_logs_leave_device() - others may use this log's device
 * @common: the log, which will not touch it before it has taken it again
 * @written: what is there is about this log's regions
 *
 * Context: any that may take a spinlock.
 */
void dm_logs_leave_device(struct dm_log_common *common, bool written)
{
	spin_lock(&logs_lock);
	if (common->holds && written)
		common->waits = 0;
	common->holds = false;
	spin_unlock(&logs_lock);
}

/**
 * dm_logs_distrust() - the bits on a device are not what a log is about to know
 * @common: the log
 * @device: its device
 *
 * That holds for the next table, too, unless this log has written them by then.
 *
 * Context: any that may take a spinlock.
 */
void dm_logs_distrust(struct dm_log_common *common, dev_t device)
{
	spin_lock(&logs_lock);
	common->waits = device;
	spin_unlock(&logs_lock);
}

/**
 * dm_logs_are_anothers() - are the bits on a device about other regions than a log's?
 * @common: the log, in its first resume
 * @device: its device
 *
 * The record does not tell the targets of one mapped device apart, nor mirrors without a
 * UUID. The logs before a reload do: they are in the list until the new ones were resumed.
 *
 * Context: any that may take a spinlock.
 * Return: true if the log before was refused the device, or another has had it since; if
 *	another target of the same mapped device has had it; or if one was refused it, and
 *	this one, which was not there before, may be that one.
 */
bool dm_logs_are_anothers(const struct dm_log_common *common, dev_t device)
{
	bool anothers = false, refused = false, before = false;
	const struct dm_log_common *other;

	if (!device)
		return false;
	spin_lock(&logs_lock);
	list_for_each_entry(other, &logs, list) {
		if (other == common || other->stats.dev != common->stats.dev)
			continue;
		if (is_same_target(other, common)) {
			before |= other->device || other->waits;
			anothers |= other->waits == device;
		} else {
			anothers |= other->device == device;
			refused |= other->waits == device;
		}
	}
	spin_unlock(&logs_lock);
	return anothers || (refused && !before);
}

/**
 * dm_logs_tell_dropped() - say how many regions "nosync" calls clean that are not
 * @common: the log, in its first resume, or a later one of a core log
 * @nr: how many its stable copy had; not asked for if there was a log before a reload,
 *	which knows better
 *
 * The log before a reload is in the list until the new one was resumed, and before it.
 *
 * Context: ioctl.
 */
void dm_logs_tell_dropped(const struct dm_log_common *common, u64 nr)
{
	const struct dm_log_common *before;
	dev_t dev = common->stats.dev;

	spin_lock(&logs_lock);
	list_for_each_entry(before, &logs, list) {
		const struct dm_regions *rg = &before->regions;

		if (before == common)
			break;
		/* What is in sync in a log kept by a daemon, the daemon knows. */
		if (dev && before->stats.dev == dev && !rg->held &&
		    before->ti->begin == common->ti->begin)
			nr = dm_regions_nr_nosync(rg) + dm_regions_nr_dirty(rg) +
			     dm_regions_nr_idle(rg);
	}
	spin_unlock(&logs_lock);
	if (!nr)
		return;
	DMWARN("%s: nosync: %llu region(s) of %u:%u that were out of sync count as in sync",
	       common->type, nr, MAJOR(dev), MINOR(dev));
	dm_log_raise_event(common->ti);
}

/*
 * The counters' file
 */

static void show_log(struct seq_file *m, const struct dm_log_common *common)
{
	const struct dm_log_stats *stats = &common->stats;
	const struct dm_regions *rg = &common->regions;

	seq_printf(m, "%u:%u %llu %s live=%u regions=%llu region_sectors=%u",
		   MAJOR(stats->dev), MINOR(stats->dev), (u64)common->ti->begin, common->type,
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

/*
 * Cleaning before its time
 */

static void clean_all_now(void)
{
	struct dm_log_common *common;

	spin_lock(&logs_lock);
	list_for_each_entry(common, &logs, list)
		if (common->cache)
			dm_log_cache_tend(common->cache, 0);
	spin_unlock(&logs_lock);
}

static bool all_at_rest(bool busy_too)
{
	const struct dm_log_common *common;
	bool at_rest = true;

	spin_lock(&logs_lock);
	list_for_each_entry(common, &logs, list)
		if (common->cache && !dm_log_cache_at_rest(common->cache, busy_too))
			at_rest = false;
	spin_unlock(&logs_lock);
	return at_rest;
}

/*
 * A mirror under a root filesystem is never suspended. What it was last written would
 * be copied after each reboot: clean it now, and at once whatever is written from now
 * on. Only counts are looked at, and not for ever: a leg, log device or daemon that
 * is dead keeps regions dirty, not the machine from going down.
 */
VISIBLE_IF_DM_LOG_KUNIT int dm_logs_reboot(struct notifier_block *nb,
					   unsigned long action, void *unused)
{
	unsigned long begin = jiffies;
	unsigned long clears = begin + msecs_to_jiffies(dm_log_clear_wait_ms);
	unsigned long end = begin + msecs_to_jiffies(dm_logs_reboot_wait_ms);

	WRITE_ONCE(dm_log_clean_delay_ms, 0);
	clean_all_now();
	while (!all_at_rest(time_before(jiffies, clears)) && time_before(jiffies, end))
		msleep(REBOOT_NAP_MS);
	return NOTIFY_DONE;
}

static struct notifier_block reboot_notifier = {
	.notifier_call = dm_logs_reboot,
	/* As early as md, before whatever has a leg or a log of ours. */
	.priority = INT_MAX,
};

/*
 * Module parameters
 */

/* A lower limit applies at once: timers may be set for an hour. They are set anew then. */
VISIBLE_IF_DM_LOG_KUNIT int dm_logs_set_param(const char *val,
					      const struct kernel_param *kp)
{
	const struct dm_logs_param *param = kp->arg;
	unsigned int value, before = *param->value;

	if (kstrtouint(val, 0, &value) || value > param->max) {
		DMERR("parameter %s: '%.*s' is not valid: expected 0 to %u",
		      kp->name, (int)strcspn(val, "\n"), val, param->max);
		return -EINVAL;
	}
	WRITE_ONCE(*param->value, value);
	if (value < before)
		clean_all_now();
	return 0;
}

static int get_param(char *page, const struct kernel_param *kp)
{
	const struct dm_logs_param *param = kp->arg;

	return sysfs_emit(page, "%u\n", *param->value);
}

static const struct kernel_param_ops param_ops = {
	.set = dm_logs_set_param,
	.get = get_param,
};

static struct dm_logs_param clean_delay_ms = { &dm_log_clean_delay_ms, 60 * 60 * 1000 };
module_param_cb(clean_delay_ms, &param_ops, &clean_delay_ms, 0644);
MODULE_PARM_DESC(clean_delay_ms,
		 "Milliseconds that an idle region stays dirty on disk or at the daemon; 0 cleans at once");

static struct dm_logs_param max_idle_regions = { &dm_log_max_idle_regions, INT_MAX };
module_param_cb(max_idle_regions, &param_ops, &max_idle_regions, 0644);
MODULE_PARM_DESC(max_idle_regions,
		 "Idle regions of one log that may stay dirty for so long");

#if IS_ENABLED(CONFIG_DM_LOG_USERSPACE)
unsigned int dm_log_daemon_timeout_s;

static struct dm_logs_param daemon_timeout_s = { &dm_log_daemon_timeout_s, 24 * 60 * 60 };
module_param_cb(daemon_timeout_s, &param_ops, &daemon_timeout_s, 0644);
MODULE_PARM_DESC(daemon_timeout_s,
		 "Seconds that I/O waits for a log daemon before it fails; 0 waits for ever");
#endif

/**
 * dm_logs_init() - the counters' file, and what happens before a reboot
 *
 * A mirror works without the file, so that this does not fail.
 *
 * Context: module init, before any log type is registered.
 */
void __init dm_logs_init(void)
{
	logs_file = debugfs_create_file("dm_log", 0444, NULL, NULL, &dm_logs_fops);
	register_reboot_notifier(&reboot_notifier);
}

/**
 * dm_logs_exit() - undo dm_logs_init()
 *
 * Context: module init or exit; no log exists any more. Waits for those who read the file.
 */
void dm_logs_exit(void)
{
	unregister_reboot_notifier(&reboot_notifier);
	debugfs_remove(logs_file);
}
