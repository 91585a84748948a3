/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * All logs: who has which device, their counters in debugfs, reboot, module parameters.
 * See logs.c.
 */

#ifndef DM_LOG_LOGS_H
#define DM_LOG_LOGS_H

#include <linux/types.h>

struct dm_log_common;

/**
 * struct dm_logs_param - a module parameter
 * @value: where it is kept
 * @max: its highest value; 0 is the lowest
 */
struct dm_logs_param {
	unsigned int *value;
	unsigned int max;
};

void dm_logs_add(struct dm_log_common *common);
void dm_logs_remove(struct dm_log_common *common);

dev_t dm_logs_take_device(struct dm_log_common *common, dev_t device, bool handed);
void dm_logs_leave_device(struct dm_log_common *common, bool written);
void dm_logs_distrust(struct dm_log_common *common, dev_t device);
bool dm_logs_are_anothers(const struct dm_log_common *common, dev_t device);
void dm_logs_tell_dropped(const struct dm_log_common *common, u64 nr);

void dm_logs_init(void);
void dm_logs_exit(void);

#endif /* DM_LOG_LOGS_H */
