// SPDX-License-Identifier: GPL-2.0-only
/*
 * What core and disk logs have in common. See common.h; what the
 * operations promise stands with struct dm_dirty_log_type.
 */

#include <linux/blkdev.h>
#include <linux/delay.h>
#include <linux/device-mapper.h>
#include <linux/jiffies.h>
#include <linux/sched.h>

#include "common.h"
#include "private.h"
#include "trace.h"

#define DM_MSG_PREFIX "dirty region log"

unsigned int dm_log_clear_wait_ms = 500;

/**
 * dm_log_common_name() - say whose log it is
 * @common: zeroed memory
 * @ti: the log's target
 * @type: the log type's name
 *
 * Context: the constructor, before anything is counted or traced.
 */
void dm_log_common_name(struct dm_log_common *common, struct dm_target *ti,
			const char *type)
{
	/* A unit test has no table, or one without a device. */
	struct mapped_device *md = ti->table ? dm_table_get_md(ti->table) : NULL;

	common->type = type;
	common->ti = ti;
	if (md)
		common->stats.dev = disk_devt(dm_disk(md));
}

/**
 * dm_log_common_init() - set up the map for the arguments
 * @common: @args is filled in
 * @type: the log type's name, for messages
 * @durable: the log has a stable copy
 *
 * Until the first resume every region is out of sync, or, with "nosync", clean.
 *
 * Context: process context, may sleep.
 * Return: 0, -ENOMEM or -EFBIG.
 */
int dm_log_common_init(struct dm_log_common *common, const char *type,
		       bool durable)
{
	const struct dm_log_args *args = &common->args;
	int r;

	r = dm_regions_init(&common->regions, args->nr_regions,
			    args->sync == DM_LOG_SYNC_SKIP ?
			    DM_REGION_CLEAN : DM_REGION_NOSYNC, durable);
	if (r)
		DMERR("%s: no memory for %llu regions of %u sectors (error %d)",
		      type, args->nr_regions, args->region_sectors, r);
	return r;
}

/**
 * dm_log_common_exit() - free the map
 * @common: zeroed memory, or what dm_log_common_init() was called for
 *
 * Context: process context, may sleep.
 */
void dm_log_common_exit(struct dm_log_common *common)
{
	dm_regions_exit(&common->regions);
}

/**
 * dm_log_wait_for_clears() - let the worker clear what has completed
 * @common: what is being suspended
 *
 * All I/O has ended, but the worker may not have cleared all regions yet. Give it a
 * moment: what it clears later is copied. Regions that failed are never cleared, so
 * there must be an end.
 *
 * Context: ioctl, may sleep.
 */
void dm_log_wait_for_clears(struct dm_log_common *common)
{
	unsigned long end = jiffies + msecs_to_jiffies(dm_log_clear_wait_ms);

	while (dm_regions_nr_dirty(&common->regions) && time_before(jiffies, end))
		usleep_range(500, 1000);
}

static struct dm_regions *log_regions(struct dm_dirty_log *log)
{
	struct dm_log_common *common = log->context;

	return &common->regions;
}

/**
 * dm_log_get_region_size() - the get_region_size operation
 * @log: a core or disk log
 *
 * Return: size of a region in sectors.
 */
uint32_t dm_log_get_region_size(struct dm_dirty_log *log)
{
	struct dm_log_common *common = log->context;

	return common->args.region_sectors;
}

/**
 * dm_log_is_clean() - the is_clean operation
 * @log: a core or disk log
 * @region: any number
 *
 * Return: 1 if in sync and no write is in flight, otherwise 0.
 */
int dm_log_is_clean(struct dm_dirty_log *log, region_t region)
{
	return dm_regions_is_clean(log_regions(log), region);
}

/**
 * dm_log_in_sync() - the in_sync operation
 * @log: a core or disk log
 * @region: any number
 * @can_block: whether the caller may sleep
 *
 * When a read fails, the mirror asks with @can_block == 0 about a region that
 * it computed from the bio as it was remapped, which may be any region or none
 * (dm-raid1.c, mirror_available()). "Ask again" makes it restore the bio and ask
 * the worker, which knows. In the map path it means the same as 0.
 *
 * Return: 1 in sync; otherwise 0, or -EWOULDBLOCK if @can_block is 0.
 */
int dm_log_in_sync(struct dm_dirty_log *log, region_t region, int can_block)
{
	struct dm_log_common *common = log->context;

	if (dm_regions_in_sync(&common->regions, region))
		return 1;
	if (!can_block)
		return -EWOULDBLOCK;
	if (unlikely(common->refusing)) {
		common->refused = true;
		return 1;
	}
	/*
	 * A write that could not wait goes to all legs. So has the next to its region:
	 * what dm-region-hash was told once it does not ask again while that is in use.
	 */
	return common->let_go;
}

/**
 * dm_log_mark_region() - the mark_region operation
 * @log: a core or disk log
 * @region: its number
 */
void dm_log_mark_region(struct dm_dirty_log *log, region_t region)
{
	struct dm_log_common *common = log->context;

	trace_dm_log_mark_region(common->stats.dev, region);
	common->marked = true;
	dm_regions_mark(&common->regions, region);
}

/**
 * dm_log_clear_region() - the clear_region operation
 * @log: a core or disk log
 * @region: its number
 */
void dm_log_clear_region(struct dm_dirty_log *log, region_t region)
{
	struct dm_log_common *common = log->context;

	trace_dm_log_clear_region(common->stats.dev, region);
	dm_regions_clear(&common->regions, region);
}

/**
 * dm_log_get_resync_work() - the get_resync_work operation
 * @log: a core or disk log
 * @region: set on success only
 *
 * Return: 1 with a region, or 0.
 */
int dm_log_get_resync_work(struct dm_dirty_log *log, region_t *region)
{
	struct dm_log_common *common = log->context;
	u64 next;

	if (!dm_regions_next_resync(&common->regions, &next))
		return 0;
	trace_dm_log_resync_work(common->stats.dev, next);
	*region = next;
	return 1;
}

/**
 * dm_log_set_region_sync() - the set_region_sync operation
 * @log: a core or disk log
 * @region: its number
 * @in_sync: whether the legs agree now
 */
void dm_log_set_region_sync(struct dm_dirty_log *log, region_t region,
			    int in_sync)
{
	struct dm_log_common *common = log->context;
	bool known = !dm_regions_may_clean(&common->regions);

	trace_dm_log_set_region_sync(common->stats.dev, region, in_sync);
	if (!dm_regions_set_sync(&common->regions, region, in_sync))
		DMWARN_LIMIT("%s: region %llu of %u:%u could not be recovered (resume to try)",
			     common->type, (u64)region, MAJOR(common->stats.dev),
			     MINOR(common->stats.dev));
	if (!known && !dm_regions_may_clean(&common->regions))
		dm_log_raise_event(common->ti);
}

/**
 * dm_log_is_remote_recovering() - the is_remote_recovering operation
 * @log: a core or disk log
 * @region: any number
 *
 * There is no other node: it is this one that is going to recover the region. While it is
 * being suspended it does not, and the suspend waits for the write: it goes to all legs,
 * and the region stays out of sync.
 *
 * Return: 1 if a write should wait for that, otherwise 0.
 */
int dm_log_is_remote_recovering(struct dm_dirty_log *log, region_t region)
{
	struct dm_log_common *common = log->context;

	if (!dm_regions_awaits_recovery(&common->regions, region))
		return 0;
	if (READ_ONCE(common->live))
		return 1;
	common->let_go = true;
	return 0;
}

/**
 * dm_log_get_sync_count() - the get_sync_count operation
 * @log: a core or disk log
 *
 * The mirror's worker is never told that all is in sync while a leg may have failed. If
 * that is because the mirror would not report it, see dm_regions_spoil(), status tells what
 * is: the log device has failed, and LVM replaces that only after the conversion has ended
 * in which it is just then looking at the regions.
 *
 * Return: number of regions in sync.
 */
region_t dm_log_get_sync_count(struct dm_dirty_log *log)
{
	struct dm_log_common *common = log->context;
	struct dm_regions *rg = &common->regions;

	if (READ_ONCE(rg->spoiled) && READ_ONCE(rg->legs) != DM_LEGS_FAILED &&
	    READ_ONCE(common->worker) != current)
		return rg->nr_regions - dm_regions_nr_nosync(rg);
	return dm_regions_sync_count(rg);
}
