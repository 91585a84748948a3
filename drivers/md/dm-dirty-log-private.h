/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the parts of dm-log share that belongs to none of them, and the seams
 * through which the KUnit suites reach the rest of the kernel's place.
 */

#ifndef DM_DIRTY_LOG_PRIVATE_H
#define DM_DIRTY_LOG_PRIVATE_H

#include <linux/kconfig.h>

struct dm_target;

/* Static, except where a test in another file of dm-log calls or stubs it. */
#if IS_ENABLED(CONFIG_DM_LOG_KUNIT_TEST)
#define VISIBLE_IF_DM_LOG_KUNIT

int dm_log_request_module(const char *suffix);
#else
#define VISIBLE_IF_DM_LOG_KUNIT static
#endif

#endif /* DM_DIRTY_LOG_PRIVATE_H */
