// SPDX-License-Identifier: GPL-2.0-only
/*
 * A log's counters in sysfs. See stats.h.
 *
 * The directory is there while the log is the one of the live table: from resume to
 * suspend. Two tables of one device never show theirs at the same time, and each
 * target of a table has a directory of its own.
 */

#include <linux/blkdev.h>
#include <linux/device-mapper.h>
#include <linux/sched/mm.h>
#include <linux/sysfs.h>

#include "common.h"
#include "stats.h"

#define DM_MSG_PREFIX "dirty region log"

/**
 * struct stats_attr - a file
 * @attr: its name
 * @kinds: which logs have it: any of these, or all if 0
 * @get: its value
 */
struct stats_attr {
	struct attribute attr;
	unsigned int kinds;
	u64 (*get)(const struct dm_log_common *common);
};

#define STATS_ATTR(_name, _kinds, _value)				\
static u64 get_##_name(const struct dm_log_common *common)		\
{									\
	return _value;							\
}									\
static struct stats_attr attr_##_name = {				\
	.attr = { .name = __stringify(_name), .mode = 0444 },		\
	.kinds = _kinds,						\
	.get = get_##_name,						\
}

#define COUNTER(_field)	READ_ONCE(common->stats._field)

STATS_ATTR(regions, 0, common->args.nr_regions);
STATS_ATTR(region_sectors, 0, common->args.region_sectors);
STATS_ATTR(regions_out_of_sync, DM_LOG_STATS_SYNC,
	   dm_regions_nr_nosync(&common->regions));
STATS_ATTR(regions_dirty, DM_LOG_STATS_CACHE,
	   dm_regions_nr_dirty(&common->regions));
STATS_ATTR(regions_idle, DM_LOG_STATS_CACHE,
	   dm_regions_nr_idle(&common->regions));
STATS_ATTR(flushes, DM_LOG_STATS_CACHE, COUNTER(flushes));
STATS_ATTR(free_flushes, DM_LOG_STATS_CACHE, COUNTER(free_flushes));
STATS_ATTR(commits, DM_LOG_STATS_CACHE, COUNTER(commits));
STATS_ATTR(commit_errors, DM_LOG_STATS_CACHE, COUNTER(commit_errors));
STATS_ATTR(cleanings, DM_LOG_STATS_CACHE, COUNTER(cleanings));
STATS_ATTR(regions_cleaned, DM_LOG_STATS_CACHE, COUNTER(cleaned));
STATS_ATTR(log_writes, DM_LOG_STATS_DISK, COUNTER(writes));
STATS_ATTR(log_bytes, DM_LOG_STATS_DISK, COUNTER(bytes));
STATS_ATTR(daemon_requests, DM_LOG_STATS_DAEMON,
	   atomic64_read(&common->stats.requests));
STATS_ATTR(daemon_unanswered, DM_LOG_STATS_DAEMON,
	   atomic64_read(&common->stats.unanswered));

static struct attribute attr_type = { .name = "type", .mode = 0444 };

static struct attribute *stats_attrs[] = {
	&attr_type,
	&attr_regions.attr,
	&attr_region_sectors.attr,
	&attr_regions_out_of_sync.attr,
	&attr_regions_dirty.attr,
	&attr_regions_idle.attr,
	&attr_flushes.attr,
	&attr_free_flushes.attr,
	&attr_commits.attr,
	&attr_commit_errors.attr,
	&attr_cleanings.attr,
	&attr_regions_cleaned.attr,
	&attr_log_writes.attr,
	&attr_log_bytes.attr,
	&attr_daemon_requests.attr,
	&attr_daemon_unanswered.attr,
	NULL
};

static struct dm_log_stats *kobj_to_stats(struct kobject *kobj)
{
	return container_of(kobj, struct dm_log_stats, kobj);
}

static umode_t stats_is_visible(struct kobject *kobj, struct attribute *attr, int n)
{
	unsigned int kinds = 0;

	if (attr != &attr_type)
		kinds = container_of(attr, struct stats_attr, attr)->kinds;
	return !kinds || kinds & kobj_to_stats(kobj)->kinds ? attr->mode : 0;
}

static const struct attribute_group stats_group = {
	.attrs = stats_attrs,
	.is_visible = stats_is_visible,
};

static const struct attribute_group *stats_groups[] = {
	&stats_group,
	NULL
};

static ssize_t stats_read(struct kobject *kobj, struct attribute *attr, char *page)
{
	struct dm_log_stats *stats = kobj_to_stats(kobj);
	struct dm_log_common *common = container_of(stats, struct dm_log_common, stats);

	if (attr == &attr_type)
		return sysfs_emit(page, "%s\n", stats->type);
	return sysfs_emit(page, "%llu\n",
			  container_of(attr, struct stats_attr, attr)->get(common));
}

static void stats_release(struct kobject *kobj)
{
	complete(&kobj_to_stats(kobj)->released);
}

static const struct sysfs_ops stats_sysfs_ops = {
	.show = stats_read,
};

static const struct kobj_type stats_ktype = {
	.sysfs_ops = &stats_sysfs_ops,
	.default_groups = stats_groups,
	.release = stats_release,
};

static struct gendisk *stats_disk(const struct dm_log_stats *stats)
{
	struct mapped_device *md = NULL;

	/* A unit test has no table, or one without a device. */
	if (stats->ti->table)
		md = dm_table_get_md(stats->ti->table);
	return md ? dm_disk(md) : NULL;
}

/**
 * dm_log_stats_init() - begin to count
 * @stats: zeroed memory
 * @ti: the log's target
 * @type: name of the log type
 * @kinds: DM_LOG_STATS_* of what the log has
 *
 * Context: the constructor.
 */
void dm_log_stats_init(struct dm_log_stats *stats, struct dm_target *ti,
		       const char *type, unsigned int kinds)
{
	struct gendisk *disk;

	stats->ti = ti;
	stats->type = type;
	stats->kinds = kinds;
	disk = stats_disk(stats);
	if (disk)
		stats->dev = disk_devt(disk);
}

/**
 * dm_log_stats_show() - make the counters readable
 * @stats: those of a log of the live table, which may be shown already
 *
 * A mirror works without, so that this does not fail.
 *
 * Context: ioctl, may sleep. I/O may have to wait for this.
 */
void dm_log_stats_show(struct dm_log_stats *stats)
{
	struct gendisk *disk = stats_disk(stats);
	unsigned long long begin = stats->ti->begin;
	unsigned int noio;
	int r;

	if (stats->shown || !disk)
		return;

	/* The lifetime of the memory is not the kobject's business. */
	memset(&stats->kobj, 0, sizeof(stats->kobj));
	init_completion(&stats->released);
	noio = memalloc_noio_save();
	if (begin)
		r = kobject_init_and_add(&stats->kobj, &stats_ktype,
					 &disk_to_dev(disk)->kobj, "dm_log-%llu", begin);
	else
		r = kobject_init_and_add(&stats->kobj, &stats_ktype,
					 &disk_to_dev(disk)->kobj, "dm_log");
	memalloc_noio_restore(noio);
	if (r) {
		DMWARN("%s: no counters in sysfs (error %d)", stats->type, r);
		kobject_put(&stats->kobj);
		wait_for_completion(&stats->released);
		return;
	}
	stats->shown = true;
}

/**
 * dm_log_stats_hide() - the reverse of dm_log_stats_show()
 * @stats: what dm_log_stats_init() was called for, shown or not
 *
 * Context: ioctl; waits for those who are reading.
 */
void dm_log_stats_hide(struct dm_log_stats *stats)
{
	if (!stats->shown)
		return;
	stats->shown = false;
	kobject_del(&stats->kobj);
	kobject_put(&stats->kobj);
	wait_for_completion(&stats->released);
}
