/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a log counts. logs.c shows it, in debugfs, and
 * Documentation/ABI/testing/debugfs-dm-log says what it means.
 */

#ifndef DM_LOG_COUNTERS_H
#define DM_LOG_COUNTERS_H

#include <linux/atomic.h>
#include <linux/compiler.h>
#include <linux/types.h>

/**
 * struct dm_log_stats - counters of one log, since its table was loaded
 * @flushes: calls of flush(); the worker counts
 * @free_flushes: those which found every mark in the stable copy already
 * @commits: changes brought to the stable copy, like all that follow up to
 *	@bytes under the cache's commit_lock
 * @commit_errors: those that failed
 * @writes: writes to the log device
 * @bytes: what they wrote
 * @cleanings: how often idle regions were cleaned; the cleaner, or a suspend
 * @cleaned: how many regions
 * @requests: messages to the daemon, those that were sent again included
 * @unanswered: those without an answer
 *
 * @dev: whose they are: the mirror's block device, which tracepoints name, too; 0 in
 *	tests
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
};

/* Count what only one thread at a time counts and any may read. */
static inline void dm_log_count(u64 *counter, u64 n)
{
	WRITE_ONCE(*counter, *counter + n);
}

#endif /* DM_LOG_COUNTERS_H */
