/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The write-intent cache: when the stable copy of a region map (a disk, a
 * daemon) is brought up to date, and when it must be left alone.
 *
 * The crash rule: at every instant, every region whose legs may differ is dirty
 * in the stable copy. flush() commits what was marked before the mirror writes;
 * a region becomes clean in the stable copy only after its writes have ended and
 * the legs have been flushed since.
 *
 * The second half is lazy. A region that was cleared stays dirty in the stable
 * copy until it has been idle for clean_delay_ms, so that writing to it again
 * costs nothing, and many are cleaned at once for one flush of the legs. The
 * price is that a crash costs copying them, so their number is bounded.
 *
 * Threads and locks. The worker commits marks. The cleaner (a work item) cleans, and
 * nobody else does, but a suspend, once it has stopped the cleaner: so no lock is
 * held while the legs are flushed.
 *
 * commit_lock	one user of the stable copy at a time: the worker, the cleaner, the
 *		ioctl thread (suspend, resume). Held across I/O to the stable copy
 *		only, never across a flush of the legs, so the worker waits for it.
 *
 * Suspended. From presuspend on the cleaner stays away. postsuspend commits a
 * last time and closes the gate: the worker of this mirror may still clear
 * regions and flush, but the stable copy may belong to another table by then, so
 * it is left alone, and nobody is waiting for it: all I/O has ended.
 */

#ifndef DM_LOG_CACHE_H
#define DM_LOG_CACHE_H

#include <linux/dm-dirty-log.h>
#include <linux/mutex.h>
#include <linux/workqueue.h>

#include "common.h"

struct dm_log_cache;

/**
 * struct dm_log_cache_ops - what kind of stable copy there is
 * @commit: Make the stable copy as dirty as the map, durably; and with @all also
 *	as clean as the map, if that does not happen anyway. Called under
 *	@commit_lock by any thread, never while gated; may sleep. Return: 0; 1 to
 *	be called again after others had a chance to take @commit_lock, with @all
 *	only; or a negative errno, if a mark may not be durable.
 * @clean: Optional: make idle regions clean that may be, see dm_regions_pick_idle(): from
 *	*@from on, as many as go together. Called under @commit_lock, never while gated, by
 *	the cleaner, or a suspend that has stopped it; may sleep. Return: their number, 0
 *	if there is none left, or a negative errno. Otherwise dm_regions_clean() does it.
 * @may_clean: Optional: may anything be made clean now?
 * @tend: Optional. Called by the cleaner before it does anything, without locks.
 *	Return: 0, or the milliseconds after which to come back because the
 *	stable copy cannot be used now.
 * @has_more: Is there something that only a further run of the cleaner, or a
 *	flush, would bring to the stable copy? Any context.
 */
struct dm_log_cache_ops {
	int (*commit)(struct dm_log_cache *cache, bool all);
	int (*clean)(struct dm_log_cache *cache, u64 *from);
	bool (*may_clean)(struct dm_log_cache *cache);
	unsigned int (*tend)(struct dm_log_cache *cache);
	bool (*has_more)(struct dm_log_cache *cache);
};

/**
 * struct dm_log_cache - a log with a stable copy
 * @common: arguments and region map; what the log's context points to. The cleaner
 *	may run while it is live
 * @ops: the kind of stable copy
 * @name: which stable copy, for messages
 * @read_only: it cannot be written
 * @longest_ms: the cleaner has more to do, which does not wait for longer; 0 if not
 * @log: the log, for the flush callback
 *
 * @commit_lock: see above
 * @cleaner: cleans in the background
 * @hurry: the cleaner was told not to wait; written by worker and cleaner
 * @flushed: the last run of the cleaner has flushed the legs; written by whoever cleans
 * @unusable: the stable copy could not be used when the cleaner looked, since the
 *	last resume; written by both
 *
 * @gated: the stable copy is not ours: suspended, or never resumed; under
 *	@commit_lock
 * @resumed: was resumed at least once; ioctl thread only
 */
struct dm_log_cache {
	struct dm_log_common common;
	const struct dm_log_cache_ops *ops;
	const char *name;
	bool read_only;
	unsigned int longest_ms;
	struct dm_dirty_log *log;

	struct mutex commit_lock;	/* the stable copy */
	struct delayed_work cleaner;
	bool hurry;
	bool flushed;
	bool unusable;

	bool gated;
	bool resumed;
};

/**
 * to_dm_log_cache() - the cache of a log that has one
 * @log: a disk or userspace log
 *
 * Return: its cache.
 */
static inline struct dm_log_cache *to_dm_log_cache(struct dm_dirty_log *log)
{
	return container_of((struct dm_log_common *)log->context,
			    struct dm_log_cache, common);
}

void dm_log_cache_init(struct dm_log_cache *cache, const char *type,
		       const struct dm_log_cache_ops *ops,
		       struct dm_dirty_log *log, struct dm_target *ti);
void dm_log_cache_exit(struct dm_log_cache *cache);

void dm_log_cache_opened(struct dm_log_cache *cache);
void dm_log_cache_start(struct dm_log_cache *cache, int error);
void dm_log_cache_tend(struct dm_log_cache *cache, unsigned int delay_ms);
bool dm_log_cache_at_rest(struct dm_log_cache *cache, bool busy_too);
void dm_log_cache_stop(struct dm_log_cache *cache);
int dm_log_cache_close(struct dm_log_cache *cache);

int dm_log_cache_flush(struct dm_log_cache *cache, bool force);
void dm_log_cache_flush_later(struct dm_log_cache *cache, bool force);
int dm_log_cache_commit(struct dm_log_cache *cache, bool all);

int dm_log_cache_module_init(void);
void dm_log_cache_module_exit(void);

#endif /* DM_LOG_CACHE_H */
