/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a log counts, and where that can be read: in the directory dm_log of the
 * mirror's block device in sysfs, one value to a file. Documented in
 * Documentation/ABI/testing/sysfs-block-dm-log.
 */

#ifndef DM_LOG_STATS_H
#define DM_LOG_STATS_H

#include <linux/atomic.h>
#include <linux/compiler.h>
#include <linux/completion.h>
#include <linux/kobject.h>
#include <linux/types.h>

struct dm_target;

/* Which values a log has; a bit of a mask. */
#define DM_LOG_STATS_SYNC	0x1	/* knows what is in sync */
#define DM_LOG_STATS_CACHE	0x2	/* has a stable copy */
#define DM_LOG_STATS_DISK	0x4	/* it is a device */
#define DM_LOG_STATS_DAEMON	0x8	/* it is a daemon */

/**
 * struct dm_log_stats - counters of one log, since its table was loaded
 * @flushes: calls of flush(); the worker counts
 * @free_flushes: those which found every mark in the stable copy already
 * @commits: changes brought to the stable copy, like all that follow up to
 *	@bytes under the cache's commit_lock
 * @commit_errors: those that failed
 * @writes: writes to the log device
 * @bytes: what they wrote
 * @cleanings: how often idle regions were cleaned; under clean_lock
 * @cleaned: how many regions
 * @requests: messages to the daemon, those that were sent again included
 * @unanswered: those without an answer
 *
 * @dev: the mirror's block device; 0 in tests
 * @ti: the target
 * @type: the log type's name
 * @kinds: DM_LOG_STATS_*
 * @kobj: the directory
 * @shown: it is there; ioctl thread only
 * @released: nobody looks at it any more
 */
struct dm_log_stats {
	u64 flushes;
	u64 free_flushes;
	u64 commits;
	u64 commit_errors;
	u64 writes;
	u64 bytes;
	u64 cleanings;
	u64 cleaned;
	atomic64_t requests;
	atomic64_t unanswered;

	dev_t dev;
	struct dm_target *ti;
	const char *type;
	unsigned int kinds;
	struct kobject kobj;
	bool shown;
	struct completion released;
};

/* Count what only one thread at a time counts and any may read. */
static inline void dm_log_count(u64 *counter, u64 n)
{
	WRITE_ONCE(*counter, *counter + n);
}

void dm_log_stats_init(struct dm_log_stats *stats, struct dm_target *ti,
		       const char *type, unsigned int kinds);
void dm_log_stats_show(struct dm_log_stats *stats);
void dm_log_stats_hide(struct dm_log_stats *stats);

#endif /* DM_LOG_STATS_H */
