// SPDX-License-Identifier: GPL-2.0-only
/*
 * The userspace log: what the daemon is asked of regions that are read or written. It has
 * the say, because other nodes have a part in that. All of this is the worker's, but for
 * in_sync(., 0).
 *
 * A pass of the worker. First come the reads: whether a region is in sync is asked for
 * all of them together, at the first one. What was answered holds until the next flush,
 * and for reads only. Then come the writes. The first is_remote_recovering() tells: from
 * then on until the flush, in_sync is asked about writes, and the answer is 1, without a
 * question.
 *
 * Why a write need not ask. is_remote_recovering() let it go: nobody copies its region. If
 * that is out of sync all the same, the write goes to all legs, with a mark: the stored
 * bit stays dirty until the region is recovered, and reads ask, and use the first leg. What
 * loses data is a 0 that is old: one leg is written, without a mark, and dm-region-hash
 * keeps to that as long as the table lives.
 *
 * Why is_remote_recovering() need not be asked while all regions are in sync: there is
 * nothing to recover, and it takes a while until there is. So a count of all regions
 * is believed for a moment. (What remains is a hole of the protocol: a region that is given
 * to another node to be recovered while a write of ours is in flight, or in this moment.)
 */

#include <linux/bitops.h>
#include <linux/device-mapper.h>
#include <linux/hash.h>
#include <linux/jiffies.h>
#include <linux/log2.h>
#include <linux/slab.h>

#include "private.h"
#include "trace.h"
#include "userspace.h"

#define DM_MSG_PREFIX "dirty region log"

/* How long a write's "has to wait" is believed. The mirror tries again after 200 ms. */
#define PARKED_MS		150
/*
 * What a node that was given a region may be kept by before it copies it, in units of
 * dm_log_resend_ms: an answer that was lost, a mark that is not answered meanwhile.
 */
#define COPY_RESENDS		4U
/* And how slowly it may copy: in sectors a second, of a leg that is nearly dead. */
#define COPY_SECTORS		2048U

/**
 * us_sync_init() - prepare to ask
 * @us: the log
 *
 * Context: process context, may sleep.
 * Return: 0 or -ENOMEM.
 */
int us_sync_init(struct us_log *us)
{
	spin_lock_init(&us->reads.lock);
	us->sync.pass = 1;
	us->questions = kvzalloc_obj(*us->questions);
	return us->questions ? 0 : -ENOMEM;
}

/**
 * us_sync_exit() - free what us_sync_init() allocated
 * @us: the log; may be half set up
 */
void us_sync_exit(struct us_log *us)
{
	kvfree(us->questions);
}

/**
 * us_sync_new_pass() - the worker flushes: what it was told held until now
 * @us: the log
 *
 * Return: true if writes are going to be issued that were let go since the last flush.
 */
bool us_sync_new_pass(struct us_log *us)
{
	struct us_sync *sync = &us->sync;
	bool let_go = sync->let_go;

	sync->writing = false;
	sync->let_go = false;
	sync->overwritten = sync->overwriting;
	sync->overwriting = false;
	sync->unanswered = false;
	sync->nr_answers = 0;
	sync->asking_since = 0;
	sync->pass++;
	if (READ_ONCE(us->cache.common.live))
		sync->halted_since = 0;

	/* What is queued from now on is not in this pass. */
	spin_lock_irq(&us->reads.lock);
	us->reads.end = us->reads.head;
	spin_unlock_irq(&us->reads.lock);
	return let_go;
}

/* What failed here is to be told, whatever the daemon has been told before. */
static void owe_nosync(struct us_log *us, u64 region)
{
	us_forget_all(&us->sync);
	dm_regions_set_sync(&us->cache.common.regions, region, false);
}

/**
 * us_sync_flush_failed() - the mirror may write all the same, to one leg what failed here
 * @us: the log
 *
 * Others have to know, whatever they have been told before: once more, after it.
 *
 * Context: the worker, after us_sync_new_pass().
 */
void us_sync_flush_failed(struct us_log *us)
{
	struct dm_regions *rg = &us->cache.common.regions;
	const struct us_slot *slot;

	/* Which region had the same slot is not known: all are to be told again. */
	if (us->sync.overwritten && dm_regions_nr_nosync(rg)) {
		us_forget_all(&us->sync);
		dm_regions_forget_held(rg);
	}
	for (slot = us->sync.slot; slot < us->sync.slot + US_NR_SLOTS; slot++)
		if (slot->pass == us->sync.pass - 1 && !slot->waits &&
		    !dm_regions_in_sync(rg, slot->region) && slot->region < rg->nr_regions)
			owe_nosync(us, slot->region);
}

/**
 * us_protocol_error() - an answer makes no sense
 * @us: the log
 * @type: of the question
 * @value: what was answered
 * @expected: in words
 *
 * Return: -EPROTO.
 */
int us_protocol_error(struct us_log *us, u32 type, u64 value, const char *expected)
{
	DMERR_LIMIT("userspace: log %s: answer to %s is %llu, expected %s",
		    us->client.uuid, dm_ulog_type_name(type), value, expected);
	return -EPROTO;
}

/**
 * us_ask_in_pass() - ask the daemon about regions
 * @us: the log
 * @calls: what is asked
 * @nr: how many
 *
 * No answer: in this pass there is no more waiting for any, each would take its time. Nor
 * if there are answers, but all together they take as long.
 *
 * Context: the worker.
 * Return: as for us_ask(); -ETIMEDOUT if there is no more waiting.
 */
int us_ask_in_pass(struct us_log *us, struct dm_ulog_call *calls, unsigned int nr)
{
	u64 now = get_jiffies_64();
	int r;

	if (!us->sync.asking_since)
		us->sync.asking_since = now;
	if (us->sync.unanswered ||
	    time_after_eq64(now, us->sync.asking_since + msecs_to_jiffies(dm_log_resend_ms)))
		return -ETIMEDOUT;
	r = us_ask(us, calls, nr, US_WAIT_LIMITED, 0);
	us->sync.unanswered = r != 0;
	return r;
}

/**
 * us_is_clean() - the is_clean operation
 * @log: the log
 * @region: any number
 *
 * Return: 1 or 0, as the daemon says; 0 without an answer.
 */
int us_is_clean(struct dm_dirty_log *log, region_t region)
{
	struct us_log *us = to_us_log(log);
	__u64 question = region;
	__s64 answer;

	if (!us_region_exists(us, region) ||
	    us_request(us, DM_ULOG_IS_CLEAN, &question, sizeof(question), &answer,
		       sizeof(answer), US_WAIT_LIMITED))
		return 0;
	return answer == 1;
}

/*
 * Reads
 */

/* A read is about to be queued; in any context. */
static void note_read(struct us_reads *reads, u64 region)
{
	unsigned long flags;

	spin_lock_irqsave(&reads->lock, flags);
	/* What finds no room will be asked for by itself. */
	if (reads->head - reads->tail < US_NR_READS &&
	    (reads->head == reads->tail ||
	     reads->region[(reads->head - 1) % US_NR_READS] != region))
		reads->region[reads->head++ % US_NR_READS] = region;
	spin_unlock_irqrestore(&reads->lock, flags);
}

static bool is_asked(const struct us_questions *q, unsigned int nr, u64 region)
{
	while (nr--)
		if (q->region[nr] == region)
			return true;
	return false;
}

/* Those whose turn it is in this pass, as many as go together. */
static unsigned int take_reads(struct us_reads *reads, struct us_questions *q,
			       unsigned int nr)
{
	spin_lock_irq(&reads->lock);
	while (nr < DM_ULOG_WAVE && reads->tail != reads->end) {
		u64 region = reads->region[reads->tail++ % US_NR_READS];

		if (!is_asked(q, nr, region))
			q->region[nr++] = region;
	}
	spin_unlock_irq(&reads->lock);
	return nr;
}

static void ask_reads(struct us_log *us, u64 region)
{
	const struct dm_regions *rg = &us->cache.common.regions;
	struct us_questions *q = us->questions;
	struct us_sync *sync = &us->sync;
	unsigned int i, nr;

	q->region[0] = region;
	nr = take_reads(&us->reads, q, 1);
	for (i = 0; i < nr; i++)
		q->calls[i] = (struct dm_ulog_call){
			.type = DM_ULOG_IN_SYNC,
			.data = &q->region[i],
			.size = sizeof(q->region[i]),
			.reply = &q->in_sync[i],
			.capacity = sizeof(q->in_sync[i]),
		};
	if (us_ask_in_pass(us, q->calls, nr))
		return;

	sync->nr_answers = 0;
	for (i = 0; i < nr; i++) {
		if (q->calls[i].error)
			continue;
		if (q->in_sync[i] != 0 && q->in_sync[i] != 1) {
			us_protocol_error(us, DM_ULOG_IN_SYNC, q->in_sync[i], "0 or 1");
			continue;
		}
		sync->answer[sync->nr_answers].region = q->region[i];
		/* What failed here is read from the first leg until it is copied. */
		sync->answer[sync->nr_answers++].in_sync =
			q->in_sync[i] && dm_regions_in_sync(rg, q->region[i]);
	}
}

static const struct us_answer *find_answer(const struct us_sync *sync, u64 region)
{
	unsigned int i;

	for (i = 0; i < sync->nr_answers; i++)
		if (sync->answer[i].region == region)
			return &sync->answer[i];
	return NULL;
}

/* Without an answer a read goes to the first leg, as for a region out of sync. */
static bool may_read_any_leg(struct us_log *us, u64 region)
{
	const struct us_answer *answer = find_answer(&us->sync, region);

	if (!answer) {
		ask_reads(us, region);
		answer = find_answer(&us->sync, region);
	}
	return answer && answer->in_sync;
}

/**
 * us_in_sync() - the in_sync operation
 * @log: the log
 * @region: any number
 * @can_block: whether the caller may sleep
 *
 * With insync_cache the daemon is not asked if it has counted as many regions in
 * sync as there are, until another daemon comes or a region fails here.
 *
 * Context: the worker; any if @can_block is 0.
 * Return: 1 or 0; -EWOULDBLOCK if @can_block is 0 and the daemon has to be asked.
 */
int us_in_sync(struct dm_dirty_log *log, region_t region, int can_block)
{
	struct us_log *us = to_us_log(log);
	const struct dm_regions *rg = &us->cache.common.regions;

	if (!us_region_exists(us, region))
		return can_block ? 0 : -EWOULDBLOCK;
	if (us->insync_cache && dm_regions_in_sync(rg, region) && us_are_all_known(us))
		return 1;
	if (!can_block) {
		note_read(&us->reads, region);
		return -EWOULDBLOCK;
	}

	if (us->sync.writing)
		return 1;
	/* The mirror asks what it has just been told. */
	if (region == rg->recovering)
		return 0;
	if (us->insync_cache && dm_regions_in_sync(rg, region) && us_are_all_in_sync(us))
		return 1;
	return may_read_any_leg(us, region);
}

/*
 * Writes
 */

struct remote_recovering {
	__s64 is_recovering;
	__u64 in_sync_hint;
};

/* How long a node that was given a region may take to copy it. */
static u64 copy_ms(const struct us_log *us)
{
	return COPY_RESENDS * (u64)dm_log_resend_ms +
	       us->cache.common.args.region_sectors / COPY_SECTORS * MSEC_PER_SEC;
}

/*
 * The search for regions to recover has come to its end, as far as the hint can tell:
 * cmirrord's stays at the last region if that was copied. Nobody will be given a region
 * before a RESUME, so who waited for this one, which is out of sync, would wait for ever.
 * But somebody may still copy it who was given it before: that takes less than the time
 * since the end was first seen.
 */
static bool is_over(struct us_log *us)
{
	struct us_sync *sync = &us->sync;
	u64 now = get_jiffies_64(), copy = msecs_to_jiffies(copy_ms(us));

	/* One that was seen some time ago may be another search's. */
	if (!sync->over_since || time_after64(now, sync->over_seen + copy))
		sync->over_since = now;
	sync->over_seen = now;
	return time_after_eq64(now, sync->over_since + copy);
}

/*
 * A cmirrord that is being suspended says that nobody recovers anything, whoever does:
 * the write waits until that is over; or, if this node is being suspended, long enough
 * for the copy of a region to end.
 */
static bool is_halt_over(struct us_log *us)
{
	struct us_sync *sync = &us->sync;
	u64 now = get_jiffies_64();

	if (READ_ONCE(us->cache.common.live)) {
		sync->halted_since = 0;
		return false;
	}
	if (!sync->halted_since)
		sync->halted_since = now;
	return time_after_eq64(now, sync->halted_since + msecs_to_jiffies(dm_log_resend_ms / 5));
}

/* Has the write to wait? */
static bool judge(struct us_log *us, u64 region, const struct remote_recovering *answer,
		  bool in_sync)
{
	u64 nr_regions = us->cache.common.args.nr_regions, hint = answer->in_sync_hint;
	struct us_sync *sync = &us->sync;

	if (!answer->is_recovering)
		return !in_sync && hint >= nr_regions && !is_halt_over(us);
	/* It is to be recovered: by whom, if all nodes took all for in sync before? */
	sync->search_over = 0;
	if (hint < nr_regions - 1) {
		sync->over_since = 0;
		return true;
	}
	/* The last region may be being copied at any time: the kernel's own waits, too. */
	return region == hint || !is_over(us);
}

/*
 * Ask about a write. IS_REMOTE_RECOVERING comes last: it is the newest that is known of
 * the region. Return: whether it has to wait, also if there is no answer.
 */
static bool ask_write(struct us_log *us, u64 region, struct us_slot *slot)
{
	struct remote_recovering answer;
	__u64 question = region;
	__s64 in_sync;
	struct dm_ulog_call calls[] = {
		{
			.type = DM_ULOG_IN_SYNC,
			.data = &question,
			.size = sizeof(question),
			.reply = &in_sync,
			.capacity = sizeof(in_sync),
		},
		{
			.type = DM_ULOG_IS_REMOTE_RECOVERING,
			.data = &question,
			.size = sizeof(question),
			.reply = &answer,
			.capacity = sizeof(answer),
		},
	};

	if (us_ask_in_pass(us, calls, ARRAY_SIZE(calls)) || calls[0].error || calls[1].error)
		return true;
	if (in_sync != 0 && in_sync != 1)
		return us_protocol_error(us, calls[0].type, in_sync, "0 or 1");
	if (answer.is_recovering != 0 && answer.is_recovering != 1)
		return us_protocol_error(us, calls[1].type, answer.is_recovering, "0 or 1");

	if (slot->pass == us->sync.pass && !slot->waits && slot->region != region)
		us->sync.overwriting = true;
	slot->region = region;
	slot->pass = us->sync.pass;
	slot->waits = judge(us, region, &answer, in_sync);
	slot->until = get_jiffies_64() + msecs_to_jiffies(PARKED_MS);

	/*
	 * It failed here, and is not to be recovered: another node has, perhaps since
	 * IN_SYNC was answered. dm-region-hash goes on writing it on one leg. (A cmirrord that
	 * has seen all regions in sync once says IN_SYNC 1 of each ever after.)
	 */
	if (!slot->waits && !answer.is_recovering &&
	    !dm_regions_in_sync(&us->cache.common.regions, region))
		owe_nosync(us, region);
	return slot->waits;
}

static bool has_to_wait(struct us_log *us, u64 region)
{
	struct us_sync *sync = &us->sync;
	struct us_slot *slot = &sync->slot[hash_64(region, ilog2(US_NR_SLOTS))];
	bool waits;

	if (dm_regions_in_sync(&us->cache.common.regions, region) && us_are_all_in_sync(us))
		return false;
	if (slot->region == region && slot->pass == sync->pass && !slot->waits)
		return false;

	waits = (slot->region == region && slot->waits &&
		 time_before64(get_jiffies_64(), slot->until)) ||
		ask_write(us, region, slot);
	if (!waits || !us_given_up(us))
		return waits;

	/* A suspend cannot wait. The flush that follows fails for this one. */
	us->cache.common.refused = true;
	*slot = (struct us_slot){ .region = region, .pass = sync->pass };
	return false;
}

/**
 * us_is_remote_recovering() - the is_remote_recovering operation
 * @log: the log
 * @region: its number
 *
 * The mirror asks before anything else about a write, and tries a write that has
 * to wait again after 200 ms. So this is where writes wait for a daemon that is
 * gone: the worker itself goes on, a suspend can come through.
 *
 * A write to the region that this node recovers is told to go on: dm-region-hash
 * keeps it until that is done.
 *
 * Context: the worker.
 * Return: 1 if the write has to wait, otherwise 0.
 */
int us_is_remote_recovering(struct dm_dirty_log *log, region_t region)
{
	struct us_log *us = to_us_log(log);

	us->sync.writing = true;
	if (!us_region_exists(us, region) || region == us->cache.common.regions.recovering)
		return 0;
	if (has_to_wait(us, region))
		return 1;
	us->sync.let_go = true;
	return 0;
}
