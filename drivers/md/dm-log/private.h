/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the parts of dm-log share that belongs to none of them, and the seams
 * through which the KUnit suites reach the rest of the kernel's place.
 */

#ifndef DM_LOG_PRIVATE_H
#define DM_LOG_PRIVATE_H

#include <linux/kconfig.h>
#include <linux/types.h>

struct dm_dirty_log;
struct dm_target;
struct kernel_param;
struct notifier_block;
struct seq_file;

/* Static, except where a test in another file of dm-log calls or stubs it. */
#if IS_ENABLED(CONFIG_DM_LOG_KUNIT_TEST)
#define VISIBLE_IF_DM_LOG_KUNIT

int dm_log_request_module(const char *suffix);
void dm_log_run_cleaner(struct dm_dirty_log *log);
void *dm_log_store_alloc(size_t bytes);
int dm_logs_show(struct seq_file *m, void *unused);
int dm_logs_reboot(struct notifier_block *nb, unsigned long action, void *unused);
int dm_logs_set_param(const char *val, const struct kernel_param *kp);

extern const size_t dm_log_disk_size;
extern unsigned int dm_logs_reboot_wait_ms;
#else
#define VISIBLE_IF_DM_LOG_KUNIT static
#endif

/* Module parameters; logs.c sets them. */
extern unsigned int dm_log_clean_delay_ms;
extern unsigned int dm_log_max_idle_regions;
extern unsigned int dm_log_daemon_timeout_s;

/* How long to wait for the worker to clear what has completed. Tests are in a hurry. */
extern unsigned int dm_log_clear_wait_ms;

/* How long to wait for an answer of a daemon. Tests are in more of a hurry. */
extern unsigned int dm_log_resend_ms;

void dm_log_raise_event(struct dm_target *ti);
void dm_log_mirror_uuid(struct dm_target *ti, char *uuid);

#endif /* DM_LOG_PRIVATE_H */
