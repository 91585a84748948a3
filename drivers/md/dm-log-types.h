/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The log types built into dm-log: what the registry needs to know of them.
 */

#ifndef DM_LOG_TYPES_H
#define DM_LOG_TYPES_H

struct dm_dirty_log_type;

extern struct dm_dirty_log_type dm_log_core_type;
extern struct dm_dirty_log_type dm_log_disk_type;

#endif /* DM_LOG_TYPES_H */
