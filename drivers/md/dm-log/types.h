/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The log types built into dm-log: what the registry needs to know of them.
 */

#ifndef DM_LOG_TYPES_H
#define DM_LOG_TYPES_H

#include <linux/kconfig.h>

struct dm_dirty_log_type;

extern struct dm_dirty_log_type dm_log_core_type;
extern struct dm_dirty_log_type dm_log_disk_type;

#if IS_ENABLED(CONFIG_DM_LOG_USERSPACE)
extern struct dm_dirty_log_type dm_log_userspace_type;
int dm_log_userspace_init(void);
void dm_log_userspace_exit(void);
#endif

#endif /* DM_LOG_TYPES_H */
