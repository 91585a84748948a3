/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What core and disk logs have in common: their arguments, a region map, and the
 * operations that need nothing else.
 */

#ifndef DM_LOG_COMMON_H
#define DM_LOG_COMMON_H

#include <linux/dm-dirty-log.h>
#include <linux/list.h>
#include <linux/types.h>

#include "args.h"
#include "counters.h"
#include "regions.h"

struct dm_log_cache;
struct dm_target;
struct task_struct;

/**
 * struct dm_log_common - what the context of a log points to
 * @args: from the table line
 * @regions: the state of all regions
 * @stats: what is counted, and whose log this is
 *
 * @type: the log type's name
 * @ti: the target
 * @live: between resume and presuspend; written by the ioctl thread
 * @worker: the mirror's, who called flush() last, or NULL; a worker begins each pass with that
 * @marked: a region was marked since flush() last found all marks durable; the worker
 *	only, as the next three
 * @let_go: a write of this pass cannot wait for the recovery of its region: what is asked
 *	until flush() is about writes, which go to all legs
 * @refusing: such writes must not be issued: the stable copy may call the region clean
 * @refused: there is one in this pass, so that flush() fails
 * @cache: that of a log which has a stable copy, which it lies in; or NULL
 * @list: all logs, see logs.c, and like what follows under its lock
 * @device: the block device that the log keeps or has kept its stable copy on, or 0
 * @holds: it does, so nobody else may
 * @waits: the device that it was refused, or that another had since, unless it has written
 *	it after that: what is there is not about these regions; or 0
 */
struct dm_log_common {
	struct dm_log_args args;
	struct dm_regions regions;
	struct dm_log_stats stats;

	const char *type;
	struct dm_target *ti;
	bool live;
	const struct task_struct *worker;
	bool marked;
	bool let_go;
	bool refusing;
	bool refused;
	struct dm_log_cache *cache;
	struct list_head list;
	dev_t device;
	bool holds;
	dev_t waits;
};

void dm_log_common_name(struct dm_log_common *common, struct dm_target *ti,
			const char *type);
int dm_log_common_init(struct dm_log_common *common, const char *type,
		       bool durable);
void dm_log_common_exit(struct dm_log_common *common);
void dm_log_wait_for_clears(struct dm_log_common *common);

uint32_t dm_log_get_region_size(struct dm_dirty_log *log);
int dm_log_is_clean(struct dm_dirty_log *log, region_t region);
int dm_log_in_sync(struct dm_dirty_log *log, region_t region, int can_block);
void dm_log_mark_region(struct dm_dirty_log *log, region_t region);
void dm_log_clear_region(struct dm_dirty_log *log, region_t region);
int dm_log_get_resync_work(struct dm_dirty_log *log, region_t *region);
void dm_log_set_region_sync(struct dm_dirty_log *log, region_t region,
			    int in_sync);
int dm_log_is_remote_recovering(struct dm_dirty_log *log, region_t region);
region_t dm_log_get_sync_count(struct dm_dirty_log *log);

#endif /* DM_LOG_COMMON_H */
