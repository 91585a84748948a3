/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The userspace log, for its parts: userspace.c (the type),
 * sync.c (what the daemon is asked about regions that are read or written),
 * resync.c (and about recovery),
 * marks.c (which marks and clears it has to be told of),
 * request.c (requests, which are repeated),
 * session.c (daemons that come and go) and
 * wake.c (the mirror's worker, when they have come).
 */

#ifndef DM_LOG_USERSPACE_H
#define DM_LOG_USERSPACE_H

#include <linux/atomic.h>
#include <linux/blk_types.h>
#include <linux/completion.h>
#include <linux/mutex.h>
#include <linux/spinlock.h>

#include "cache.h"
#include "ulog.h"

struct dm_dev;
struct mapped_device;

/* Writes whose answer is remembered; a power of two. */
#define US_NR_SLOTS		64
/* A live daemon with a full socket buffer gets this long to read from it. */
#define US_OVERRUN_MS		1000U
/* Reads that are queued and not asked for yet; a power of two. */
#define US_NR_READS		256

/**
 * enum us_wait - who waits for an answer, and so for how long
 * @US_WAIT_WORKER: the worker, for a mark that a write waits for: until the daemon
 *	answers. Ends only if a suspend wants to get through, or after daemon_timeout_s.
 *	A suspend waits for a recovery first, and says that it does when that is over: so
 *	while this node recovers a region it ends, too.
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
 * struct us_until - who waits, and until when
 * @wait: who
 * @end: in jiffies; the worker may have a longer breath
 */
struct us_until {
	enum us_wait wait;
	unsigned long end;
};

/**
 * enum us_state - what a log is for its daemon
 * @US_ASLEEP: it knows the log
 * @US_AWAKE: RESUME was answered
 * @US_HALTED: so was PRESUSPEND, since then
 * @US_LOST: nobody knows
 */
enum us_state {
	US_ASLEEP,
	US_AWAKE,
	US_HALTED,
	US_LOST,
};

/**
 * struct us_session - which daemon there is, see session.c
 * @mutex: one thread at a time looks for the daemon, or tells it what is wanted; protects
 *	@told, @changed, @unsure, @heard and @old
 * @lock: protects @state and the client's portid, which is 0 if the socket was closed
 * @epoch: number of the daemon, and of the resume, from 1
 *
 * @state: see there; read by anyone
 * @told: what the daemon was told last, and has answered
 * @wanted: what it is to be; written by the ioctl thread
 * @changed: it is another, or has forgotten the log, and was not told all since
 * @unsure: POSTSUSPEND was not answered
 * @ctr_sent: it has been sent CTR, and may know the log
 * @heard: RESUME has been answered once: sync and nosync have been heard
 * @old: a cluster's daemon was told POSTSUSPEND, and not CTR since then; like @left_at
 *	read by a resume without the mutex
 * @left_at: when that was, in jiffies of 64 bits
 *
 * @waiting: it was reported that no daemon answers
 * @waiting_since: in jiffies of 64 bits: a daemon may be away for longer than 32 last
 */
struct us_session {
	struct mutex mutex;		/* what the daemon is told */
	spinlock_t lock;		/* state, portid */
	atomic_t epoch;

	enum us_state state;
	enum us_state told;
	enum us_state wanted;
	bool changed;
	bool unsure;
	bool ctr_sent;
	bool heard;
	bool old;
	u64 left_at;

	bool waiting;
	u64 waiting_since;
};

/**
 * struct us_slot - what was said of a write
 * @region: to which
 * @pass: in which pass
 * @waits: it has to wait, so it can be asked again in another pass
 * @until: how long to believe that; in jiffies of 64 bits, which do not come round again
 */
struct us_slot {
	u64 region;
	u64 pass;
	u64 until;
	bool waits;
};

/**
 * struct us_answer - what was said of a read
 * @region: from which
 * @in_sync: any leg will do
 */
struct us_answer {
	u64 region;
	bool in_sync;
};

/**
 * struct us_sync - what the daemon has said of regions; the worker only
 * @pass: number of this pass, from 1
 * @writing: it has come to its writes
 * @let_go: one of them is going to be issued
 * @overwriting: a write had the slot of another one in this pass
 * @overwritten: and in the last one
 * @unanswered: somebody gave up waiting in this pass
 * @nr_answers: length of @answer
 * @answer: of this pass, about reads
 * @slot: about writes, hashed by region
 *
 * @all: the epoch in which the daemon has counted all regions in sync, or 0; read
 *	by anyone
 * @count: its last count; written by whoever asks
 * @count_until: when to ask for another, in jiffies of 64 bits
 * @search_over: the epoch in which it has told that there is nothing to recover,
 *	though all were in sync before; or 0
 * @handed: the epoch in which it has given a region to recover; under commit_lock
 * @halted_since: it is being suspended, and so are we, since then; or 0
 * @over_since: its search for regions to recover has been over since then; or 0
 * @over_seen: the last answer that said so
 * @asking_since: the first question of this pass, in jiffies of 64 bits; or 0
 * @counted: the pass in which it has counted last
 */
struct us_sync {
	u64 pass;
	bool writing;
	bool let_go;
	bool overwriting;
	bool overwritten;
	bool unanswered;
	unsigned int nr_answers;
	struct us_answer answer[DM_ULOG_WAVE];
	struct us_slot slot[US_NR_SLOTS];

	int all;
	unsigned long count;
	u64 count_until;
	int search_over;
	int handed;
	u64 halted_since;
	u64 over_since;
	u64 over_seen;
	u64 asking_since;
	u64 counted;
};

/**
 * struct us_reads - regions of reads that were queued
 * @lock: protects the rest
 * @head: number of the next one
 * @tail: of the first that is still here
 * @end: of the first that is not in this pass
 * @region: a ring
 */
struct us_reads {
	spinlock_t lock;		/* all of it */
	unsigned int head;
	unsigned int tail;
	unsigned int end;
	u64 region[US_NR_READS];
};

/**
 * struct us_questions - about reads, asked together; the worker only
 * @calls: the requests
 * @region: their payload
 * @in_sync: payload of the answers
 */
struct us_questions {
	struct dm_ulog_call calls[DM_ULOG_WAVE];
	__u64 region[DM_ULOG_WAVE];
	__s64 in_sync[DM_ULOG_WAVE];
};

/* Regions that are marked, or cleared, in one wave. */
#define US_NR_MARKS		512U
#define US_NR_CLEARS		512U
/* SET_REGION_SYNC in one wave: what the marks and FLUSH leave room for. */
#define US_NR_NEWS		(DM_ULOG_WAVE - 1 - US_NR_MARKS / DM_ULOG_GROUP)

/**
 * struct us_news - payload of SET_REGION_SYNC
 * @region: of which
 * @in_sync: 1 or 0
 */
struct us_news {
	__u64 region;
	__s64 in_sync;
};

/**
 * struct us_wave - requests that are sent together; under commit_lock
 * @nr: number of requests
 * @nr_news: SET_REGION_SYNC among them
 * @calls: the requests
 * @news: payload of SET_REGION_SYNC
 * @batch: that of the others
 */
struct us_wave {
	unsigned int nr;
	unsigned int nr_news;
	struct dm_ulog_call calls[DM_ULOG_WAVE];
	struct us_news news[US_NR_NEWS];
	u64 batch[US_NR_MARKS];
};

/**
 * struct us_marks - what the daemon was told of writes; under commit_lock
 * @epoch: which daemon; read by anyone
 * @refused: the epoch in which it could not store marks, or 0; read by anyone
 * @again: it has to be told of idle regions, too
 * @cluster: several nodes may share it
 * @quiet_until: nothing is cleared before, in jiffies of 64 bits
 * @renew_at: when marks are given again; the cleaner
 * @wave: what is being sent
 * @chunks: whence it comes
 */
struct us_marks {
	int epoch;
	int refused;
	bool again;
	bool cluster;
	u64 quiet_until;
	u64 renew_at;
	struct us_wave *wave;
	unsigned long *chunks;
};

/**
 * struct us_wake - wakes the mirror's worker, see wake.c
 * @wanted: the worker had no answer, and nothing may wake it; set by it
 * @epoch: the daemon that it knows of, likewise
 * @idle: no read is under way
 * @md: the mirror's device, held while one is
 * @bio: the read
 * @vec: where it goes
 */
struct us_wake {
	bool wanted;
	int epoch;
	struct completion idle;
	struct mapped_device *md;
	struct bio bio;
	struct bio_vec vec;
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
 * @insync_cache: what the daemon counts in sync stays so
 *
 * @session: which daemon that is, and what it knows
 * @marks: what the daemon was told of writes
 * @flush_failed: the last flush failed; the worker only
 * @sync: what the daemon has said
 * @reads: what it is going to be asked
 * @questions: room for that
 * @wake: wakes the worker when the daemon is back
 */
struct us_log {
	struct dm_log_cache cache;
	struct dm_ulog_client client;
	struct dm_dev *dev;

	unsigned int argc;
	char *line;
	char *ctr_args;
	bool integrated;
	bool insync_cache;

	struct us_session session;
	struct us_marks marks;
	bool flush_failed;
	struct us_sync sync;
	struct us_reads reads;
	struct us_questions *questions;
	struct us_wake wake;
};

static inline struct us_log *cache_to_us_log(struct dm_log_cache *cache)
{
	return container_of(cache, struct us_log, cache);
}

static inline int us_epoch(const struct us_log *us)
{
	return atomic_read(&us->session.epoch);
}

/* If not: all that was noted of the daemon that was found is seen, its epoch, too. */
static inline bool us_is_lost(const struct us_log *us)
{
	/* Pairs with the release in found(). */
	return smp_load_acquire(&us->session.state) == US_LOST;
}

static inline bool us_region_exists(const struct us_log *us, u64 region)
{
	return region < us->cache.common.args.nr_regions;
}

static inline struct us_log *to_us_log(struct dm_dirty_log *log)
{
	return cache_to_us_log(to_dm_log_cache(log));
}

/* request.c */
struct us_until us_until(struct us_log *us, enum us_wait wait);
int us_ask(struct us_log *us, struct dm_ulog_call *calls, unsigned int nr,
	   enum us_wait wait, int epoch);
int us_ask_unrepeated(struct us_log *us, struct dm_ulog_call *calls, unsigned int nr,
		      int epoch);
int us_ask_once(struct us_log *us, struct dm_ulog_call *call, const struct us_until *until);
int us_request(struct us_log *us, u32 type, const void *data, size_t size,
	       void *reply, size_t reply_size, enum us_wait wait);
int us_request_status(struct us_log *us, char *reply, size_t capacity);
bool us_is_unanswered(int error);
bool us_given_up(struct us_log *us);
void us_report_waiting(struct us_log *us, u32 type, unsigned long since, int error);
void us_report_answer(struct us_log *us);

/* session.c */
void us_session_init(struct us_log *us);
void us_lost(struct dm_ulog_client *client);
void us_doubt(struct us_log *us);
void us_meet(struct us_log *us, u32 portid);
int us_reconnect(struct us_log *us, const struct us_until *until);
void us_wait_to_rejoin(struct us_log *us);
int us_want(struct us_log *us, enum us_state wanted);
int us_request_ctr(struct us_log *us, char *device, size_t capacity,
		   size_t *device_size);
int us_request_region_size(struct us_log *us, u64 *sectors);
int us_check_region_size(struct us_log *us, u64 sectors, u64 len);
int us_forget(struct us_log *us);

/* sync.c */
int us_sync_init(struct us_log *us);
void us_sync_exit(struct us_log *us);
bool us_sync_new_pass(struct us_log *us);
void us_sync_flush_failed(struct us_log *us);
int us_is_clean(struct dm_dirty_log *log, region_t region);
int us_in_sync(struct dm_dirty_log *log, region_t region, int can_block);
int us_is_remote_recovering(struct dm_dirty_log *log, region_t region);
int us_ask_in_pass(struct us_log *us, struct dm_ulog_call *calls, unsigned int nr);
int us_protocol_error(struct us_log *us, u32 type, u64 value, const char *expected);

/* resync.c */
bool us_are_all_known(struct us_log *us);
bool us_are_all_in_sync(struct us_log *us);
region_t us_get_sync_count(struct dm_dirty_log *log);
int us_get_resync_work(struct dm_dirty_log *log, region_t *region);
void us_set_region_sync(struct dm_dirty_log *log, region_t region, int in_sync);

/* wake.c */
void us_wake_init(struct us_log *us);
void us_wake_exit(struct us_log *us);
bool us_wake(struct us_log *us);
void us_wake_resumed(struct us_log *us);
void us_wake_later(struct us_log *us);
void us_wake_if_wanted(struct us_log *us);

/* marks.c */
int us_marks_init(struct us_log *us);
void us_marks_exit(struct us_log *us);
int us_commit(struct dm_log_cache *cache, bool all);
int us_clean(struct dm_log_cache *cache, u64 *from);
bool us_may_clear(struct us_log *us);
void us_renew(struct us_log *us);
int us_tell_recovered(struct us_log *us, u64 region, int epoch);
bool us_has_more(struct dm_log_cache *cache);

/* A region is out of sync, so there is something to recover; by the worker. */
static inline void us_forget_all(struct us_sync *sync)
{
	WRITE_ONCE(sync->all, 0);
	sync->search_over = 0;
}

/* Is there another daemon, which has to be told what is marked? In any context. */
static inline bool us_has_met_another(const struct us_log *us)
{
	/* Pairs with meet_daemon(): if not, what has to be given again is pending. */
	return smp_load_acquire(&us->marks.epoch) != us_epoch(us);
}

/* Is there one that cannot store marks? In any context. */
static inline bool us_is_refused(const struct us_log *us)
{
	return READ_ONCE(us->marks.refused) == us_epoch(us);
}

#endif /* DM_LOG_USERSPACE_H */
