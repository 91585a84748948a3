/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * For programs and modules that look for the userspace log's protocol beside
 * dm-dirty-log.h.
 */

#ifndef _LINUX_DM_LOG_USERSPACE_H
#define _LINUX_DM_LOG_USERSPACE_H

#include <uapi/linux/dm-log-userspace.h>

#endif /* _LINUX_DM_LOG_USERSPACE_H */
