/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The arguments that the log types of this module share:
 * <region size in sectors> [sync|nosync]
 */

#ifndef DM_LOG_ARGS_H
#define DM_LOG_ARGS_H

#include <linux/types.h>

/**
 * enum dm_log_sync - what the administrator says of a mirror's legs
 * @DM_LOG_SYNC_DEFAULT: nothing
 * @DM_LOG_SYNC_FORCE: "sync": copy every region
 * @DM_LOG_SYNC_SKIP: "nosync": the legs agree, copy none
 */
enum dm_log_sync {
	DM_LOG_SYNC_DEFAULT,
	DM_LOG_SYNC_FORCE,
	DM_LOG_SYNC_SKIP,
};

/**
 * struct dm_log_args - arguments, checked
 * @region_sectors: size of a region, a power of two from 2 to 2^31
 * @nr_regions: number of regions of the target, the last perhaps short
 * @sync: see enum dm_log_sync
 */
struct dm_log_args {
	u32 region_sectors;
	u64 nr_regions;
	enum dm_log_sync sync;
};

int dm_log_parse_args(const char *type, sector_t len, unsigned int argc,
		      char **argv, struct dm_log_args *args);
int dm_log_emit_args(const struct dm_log_args *args, char *result,
		     unsigned int maxlen);
unsigned int dm_log_nr_args(const struct dm_log_args *args);

#endif /* DM_LOG_ARGS_H */
