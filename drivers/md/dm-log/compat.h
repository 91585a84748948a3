/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Differences between the kernels that dm-log.ko is built for out of tree, and
 * its version there, if it has one. The build forces this header in; the sources
 * and the in-tree patch know nothing of it.
 */

#ifndef DM_LOG_COMPAT_H
#define DM_LOG_COMPAT_H

#include <linux/version.h>

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 5, 0)
/* Modes of block devices were those of files. */
#define BLK_OPEN_WRITE	((__force unsigned int)FMODE_WRITE)
#endif

#ifdef DM_LOG_VERSION	/* in registry.c only */
#include <linux/module.h>
MODULE_VERSION(DM_LOG_VERSION);
#endif

#endif /* DM_LOG_COMPAT_H */
