/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The userspace log, for its four parts: userspace.c (the type),
 * sync.c (what the daemon is asked about regions),
 * marks.c (which marks and clears it has to be told of) and
 * session.c (requests, and daemons that come and go).
 */

#ifndef DM_LOG_USERSPACE_H
#define DM_LOG_USERSPACE_H

#include <linux/atomic.h>
#include <linux/mutex.h>

#include "answers.h"
#include "cache.h"
#include "ulog.h"

struct dm_dev;

/* Not the number of any region. */
#define US_NO_REGION		U64_MAX
/* Regions that are asked for "remote recovering", answer 1: see there. */
#define US_NR_BUSY		64

/**
 * enum us_wait - who waits for an answer, and so for how long
 * @US_WAIT_WORKER: the worker, for a write or a read that cannot go on without:
 *	until the daemon answers. Ends only if a suspend wants to get through, or
 *	after daemon_timeout_s.
 * @US_WAIT_LIMITED: the worker or the cleaner, for something that can be put off
 * @US_WAIT_IOCTL: a process, which may be killed: not long, and once it is known
 *	that the daemon does not answer, shorter still
 */
enum us_wait {
	US_WAIT_WORKER,
	US_WAIT_LIMITED,
	US_WAIT_IOCTL,
};

/**
 * struct us_log - a log that a daemon keeps
 * @cache: region map, and when it is committed. The map knows of this node's
 *	writes only: CLEAN is a region that this node has no mark for, NOSYNC one
 *	that a write of ours has failed in.
 * @client: the log's address for the daemon
 * @dev: the device that the daemon named, or NULL
 *
 * @argc: number of words in the table line, uuid included
 * @line: these words, from the uuid on, separated by blanks
 * @ctr_args: payload of CTR
 * @integrated: integrated_flush: FLUSH carries the marks
 *
 * @session_lock: one reconnect at a time; protects @changed, @introduced and
 *	@awake
 * @generation: how often answers were forgotten: at a resume, and for another daemon
 * @stale: the daemon may not know this log, or its marks
 * @lost: the socket of @client.portid was closed
 * @changed: the daemon is another or has forgotten the log, and the log is not
 *	connected to it yet
 * @introduced: the daemon has been sent CTR, and may know the log
 * @awake: RESUME has been answered, too
 * @want_awake: between resume and postsuspend; written by the ioctl thread
 * @ever_awake: RESUME has been answered once: sync and nosync have been heard
 * @waiting: it was reported that no daemon answers
 * @waiting_since: in jiffies of 64 bits: a daemon may be away for longer than 32 last
 *
 * @replay: marks have to be given again
 * @nosync_owed: SET_REGION_SYNC 0 has to be sent for all regions that are NOSYNC
 * @held: per region: the daemon has confirmed our mark; under commit_lock
 * @maybe: per region: the daemon may count it as marked by us, or as dirty; set
 *	by the worker, cleared under commit_lock
 * @owed: chunks that may have a region to CLEAR; under commit_lock
 * @nr_owed: whether there are any; read by anyone
 * @bits: images of one chunk; under commit_lock
 * @batch: regions on their way to the daemon; under commit_lock
 * @chunks: chunks being committed; under commit_lock
 *
 * @answers: of this pass
 * @busy: regions that another node recovers, and until when to believe it
 * @write_region: the region of the write that the worker is sorting
 * @unanswered: somebody gave up waiting in this pass
 * @flush_failed: the last flush failed
 * @hint: regions below are in sync, says the daemon
 * @sync_count: the daemon's last count of regions in sync, for the worker
 * @sync_count_until: how long to believe it, like @busy in jiffies of 64 bits,
 *	which do not come round again
 * @in_sync_map: insync_cache: regions known to be in sync; or NULL
 * @counted: the worker has asked since then whether all are
 */
struct us_log {
	struct dm_log_cache cache;
	struct dm_ulog_client client;
	struct dm_dev *dev;

	unsigned int argc;
	char *line;
	char *ctr_args;
	bool integrated;

	struct mutex session_lock;	/* reconnecting */
	atomic_t generation;
	bool stale;
	bool lost;
	bool changed;
	bool introduced;
	bool awake;
	bool want_awake;
	bool ever_awake;
	bool waiting;
	u64 waiting_since;

	bool replay;
	bool nosync_owed;
	unsigned long *held;
	unsigned long *maybe;
	unsigned long *owed;
	unsigned long nr_owed;
	u64 *bits;
	u64 *batch;
	unsigned long *chunks;

	struct dm_log_answers answers;
	struct {
		u64 region;
		u64 until;
		bool used;
	} busy[US_NR_BUSY];
	u64 write_region;
	bool unanswered;
	bool flush_failed;
	u64 hint;
	u64 sync_count;
	u64 sync_count_until;
	unsigned long *in_sync_map;
	bool counted;
};

static inline struct us_log *cache_to_us_log(struct dm_log_cache *cache)
{
	return container_of(cache, struct us_log, cache);
}

static inline struct us_log *to_us_log(struct dm_dirty_log *log)
{
	return cache_to_us_log(to_dm_log_cache(log));
}

/* session.c */
void us_session_init(struct us_log *us);
int us_request(struct us_log *us, u32 type, const void *data, size_t size,
	       void *reply, size_t reply_size, enum us_wait wait);
int us_request_status(struct us_log *us, char *reply, size_t capacity);
int us_request_ctr(struct us_log *us, char *device, size_t capacity,
		   size_t *device_size);
int us_request_region_size(struct us_log *us, u64 *sectors);
int us_tell(struct us_log *us, u32 type);
int us_reconnect(struct us_log *us, enum us_wait wait);
void us_forget_answers(struct us_log *us);
bool us_given_up(struct us_log *us);
void us_report_waiting(struct us_log *us, u32 type, unsigned long since, int error);
void us_lost(struct dm_ulog_client *client);
int us_check_region_size(struct us_log *us, u64 sectors, u64 len);

/* sync.c */
int us_is_clean(struct dm_dirty_log *log, region_t region);
int us_in_sync(struct dm_dirty_log *log, region_t region, int can_block);
int us_is_remote_recovering(struct dm_dirty_log *log, region_t region);
region_t us_get_sync_count(struct dm_dirty_log *log);
int us_get_resync_work(struct dm_dirty_log *log, region_t *region);
void us_set_region_sync(struct dm_dirty_log *log, region_t region, int in_sync);

/* marks.c */
void us_fill_map(unsigned long *map, u64 nr_regions, bool value);
int us_commit_init(struct us_log *us);
void us_commit_exit(struct us_log *us);
int us_commit(struct dm_log_cache *cache, bool all);
bool us_has_more(struct dm_log_cache *cache);

#endif /* DM_LOG_USERSPACE_H */
