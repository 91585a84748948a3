/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * All logs: their counters in debugfs, reboot, module parameters. See logs.c.
 */

#ifndef DM_LOG_LOGS_H
#define DM_LOG_LOGS_H

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

void dm_logs_init(void);
void dm_logs_exit(void);

#endif /* DM_LOG_LOGS_H */
