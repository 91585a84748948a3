// SPDX-License-Identifier: GPL-2.0-only
/*
 * The userspace log: what the daemon knows of the state of regions, and what it is
 * told of it. It has the say, because other nodes have a part in that; what may be
 * remembered of its answers, and for how long, is decided here.
 */

#include <linux/bitops.h>
#include <linux/device-mapper.h>
#include <linux/hash.h>
#include <linux/jiffies.h>
#include <linux/log2.h>
#include <linux/sched.h>

#include "private.h"
#include "trace.h"
#include "userspace.h"

#define DM_MSG_PREFIX "dirty region log"

/* How long an answer "being recovered elsewhere" is believed. */
#define BUSY_MS			250
/* How long the worker believes a count of regions that are not all in sync. */
#define SYNC_COUNT_MS		100
/* How often a question is repeated that was answered with an error. */
#define ANSWER_TRIES		3

static int protocol_error(struct us_log *us, u32 type, u64 value, const char *expected)
{
	DMERR_LIMIT("userspace: log %s: answer to %s is %llu, expected %s",
		    us->client.uuid, dm_ulog_type_name(type), value, expected);
	return -EPROTO;
}

static int ask_bool(struct us_log *us, u32 type, u64 region, bool *value,
		    enum us_wait wait)
{
	__u64 question = region;
	__s64 answer;
	int r;

	r = us_request(us, type, &question, sizeof(question), &answer,
		       sizeof(answer), wait);
	if (r)
		return r;
	if (answer != 0 && answer != 1)
		return protocol_error(us, type, answer, "0 or 1");
	*value = answer;
	return 0;
}

static bool region_exists(const struct us_log *us, u64 region)
{
	return region < us->cache.common.args.nr_regions;
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
	bool clean;

	if (!region_exists(us, region) ||
	    ask_bool(us, DM_ULOG_IS_CLEAN, region, &clean, US_WAIT_LIMITED))
		return 0;
	return clean;
}

/*
 * What is remembered for longer than a pass must come from the daemon that is there.
 * Another thread may have found a new one while this answer was on its way: then
 * us_forget_answers() has been here, or comes after the question whether it has.
 */
static bool is_outdated(struct us_log *us, int generation)
{
	/* Pairs with the barrier in us_forget_answers(). */
	smp_mb();
	return atomic_read(&us->generation) != generation;
}

static void note_hint(struct us_log *us, u64 hint, int generation)
{
	WRITE_ONCE(us->hint, hint);
	if (is_outdated(us, generation))
		WRITE_ONCE(us->hint, 0);
}

static void note_sync(struct us_log *us, u64 region, bool in_sync, int generation)
{
	struct dm_regions *rg = &us->cache.common.regions;

	if (!in_sync) {
		/* The hint is older than that. */
		if (region < us->hint)
			WRITE_ONCE(us->hint, region);
		if (us->in_sync_map)
			clear_bit(region, us->in_sync_map);
		return;
	}
	if (us->in_sync_map) {
		set_bit(region, us->in_sync_map);
		if (is_outdated(us, generation))
			clear_bit(region, us->in_sync_map);
	}
	/* A write of ours had failed, and another node has recovered it. */
	if (dm_regions_state(rg, region) == DM_REGION_NOSYNC)
		dm_regions_recovered(rg, region);
}

/* The daemon has counted as many regions in sync as there are; the worker only. */
static void note_all_in_sync(struct us_log *us, int generation)
{
	const struct dm_regions *rg = &us->cache.common.regions;

	/*
	 * If a region has failed here the daemon has not been told yet. The map is read
	 * by anyone at any time: it must not say so of that one for a moment, either.
	 */
	if (!us->in_sync_map || dm_regions_nr_nosync(rg) ||
	    is_outdated(us, generation))
		return;

	us_fill_map(us->in_sync_map, rg->nr_regions, true);
	if (is_outdated(us, generation))
		us_fill_map(us->in_sync_map, rg->nr_regions, false);
}

/*
 * No answer, and the worker must not wait any longer. A read goes to the first
 * leg, as for a region out of sync. A write must not, since no one would know: it
 * is taken for a write to a region in sync, which needs a mark, and the flush that
 * follows fails.
 */
static int in_sync_unknown(struct us_log *us, u64 region)
{
	us->unanswered = true;
	if (us->write_region != region)
		return 0;
	us->cache.common.refused = true;
	return 1;
}

/* There may be many I/Os, and giving up takes time: once for all in a pass. */
static bool need_not_ask(struct us_log *us)
{
	return us->unanswered && us_given_up(us);
}

static int ask_sync_count(struct us_log *us, u64 *count, enum us_wait wait)
{
	u64 nr_regions = us->cache.common.args.nr_regions;
	int generation = atomic_read(&us->generation);
	__u64 answer;
	int r;

	r = us_request(us, DM_ULOG_GET_SYNC_COUNT, NULL, 0, &answer, sizeof(answer),
		       wait);
	if (r)
		return r;
	if (answer > nr_regions)
		return protocol_error(us, DM_ULOG_GET_SYNC_COUNT, answer,
				      "not more than the number of regions");
	if (answer == nr_regions) {
		note_hint(us, nr_regions, generation);
		/* Somebody else's answer may be older than what the worker says. */
		if (wait != US_WAIT_IOCTL)
			note_all_in_sync(us, generation);
	}
	*count = answer;
	return 0;
}

/* insync_cache: are all regions in sync? Then none has to be asked for. */
static bool all_in_sync(struct us_log *us)
{
	u64 count;

	if (!us->in_sync_map || READ_ONCE(us->counted))
		return false;
	WRITE_ONCE(us->counted, true);
	return !ask_sync_count(us, &count, US_WAIT_LIMITED) &&
	       count == us->cache.common.args.nr_regions;
}

static bool ask_in_sync(struct us_log *us, u64 region)
{
	int generation = atomic_read(&us->generation), tries = 0;
	bool in_sync;
	int r;

	if (need_not_ask(us))
		return in_sync_unknown(us, region);
	if (all_in_sync(us) && test_bit(region, us->in_sync_map))
		return true;
	/* A daemon that errs may do so once only. */
	do {
		r = ask_bool(us, DM_ULOG_IN_SYNC, region, &in_sync, US_WAIT_WORKER);
	} while (r && ++tries < ANSWER_TRIES && !us_given_up(us));
	if (r)
		return in_sync_unknown(us, region);
	note_sync(us, region, in_sync, generation);
	return in_sync;
}

/**
 * us_in_sync() - the in_sync operation
 * @log: the log
 * @region: any number
 * @can_block: whether the caller may sleep
 *
 * The daemon is asked once for all questions of a pass; see answers.h. With
 * insync_cache not even that, if it has called the region in sync before, or has
 * counted as many regions in sync as there are.
 *
 * Context: the worker; any if @can_block is 0.
 * Return: 1 or 0; -EWOULDBLOCK if @can_block is 0 and the daemon had to be asked.
 */
int us_in_sync(struct dm_dirty_log *log, region_t region, int can_block)
{
	struct us_log *us = to_us_log(log);
	struct dm_log_answer *answer;
	bool in_sync;

	if (!region_exists(us, region))
		return can_block ? 0 : -EWOULDBLOCK;
	in_sync = us->in_sync_map && !READ_ONCE(us->stale) &&
		  test_bit(region, us->in_sync_map);
	if (!can_block)
		return in_sync ? 1 : -EWOULDBLOCK;

	answer = dm_log_answers_get(&us->answers, region);
	if (answer && answer->known & DM_LOG_SYNC_KNOWN)
		return (answer->known & DM_LOG_IN_SYNC) != 0;

	if (!in_sync)
		in_sync = ask_in_sync(us, region);
	if (answer)
		answer->known |= DM_LOG_SYNC_KNOWN | (in_sync ? DM_LOG_IN_SYNC : 0);
	return in_sync;
}

static bool is_busy(const struct us_log *us, u64 region)
{
	unsigned int i = hash_64(region, ilog2(US_NR_BUSY));

	return us->busy[i].used && us->busy[i].region == region &&
	       time_before64(get_jiffies_64(), us->busy[i].until);
}

static void note_busy(struct us_log *us, u64 region)
{
	unsigned int i = hash_64(region, ilog2(US_NR_BUSY));

	us->busy[i].region = region;
	us->busy[i].until = get_jiffies_64() + msecs_to_jiffies(BUSY_MS);
	us->busy[i].used = true;
}

static int ask_remote_recovering(struct us_log *us, u64 region, bool *recovering)
{
	int generation = atomic_read(&us->generation);
	u64 nr_regions = us->cache.common.args.nr_regions;
	__u64 question = region;
	struct {
		__s64 is_recovering;
		__u64 in_sync_hint;
	} answer;
	int r;

	r = us_request(us, DM_ULOG_IS_REMOTE_RECOVERING, &question,
		       sizeof(question), &answer, sizeof(answer), US_WAIT_LIMITED);
	if (r)
		return r;
	if (answer.is_recovering != 0 && answer.is_recovering != 1)
		return protocol_error(us, DM_ULOG_IS_REMOTE_RECOVERING,
				      answer.is_recovering, "0 or 1");
	if (answer.in_sync_hint > nr_regions)
		return protocol_error(us, DM_ULOG_IS_REMOTE_RECOVERING,
				      answer.in_sync_hint,
				      "a hint of not more than the number of regions");
	note_hint(us, answer.in_sync_hint, generation);
	*recovering = answer.is_recovering;
	return 0;
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
 * Context: the worker.
 * Return: 1 if the write has to wait, otherwise 0.
 */
int us_is_remote_recovering(struct dm_dirty_log *log, region_t region)
{
	struct us_log *us = to_us_log(log);
	struct dm_log_answer *answer;
	bool recovering;
	int r;

	us->write_region = region;
	if (!region_exists(us, region))
		return 0;

	/*
	 * Too many regions for this pass: their writes have to wait for another,
	 * since what will be said of them must hold for this one.
	 */
	answer = dm_log_answers_get(&us->answers, region);
	if (!answer)
		return 1;
	if (!READ_ONCE(us->stale)) {
		if (region < us->hint ||
		    (us->in_sync_map && test_bit(region, us->in_sync_map)))
			return 0;
	}
	if (is_busy(us, region))
		return 1;
	if (answer->known & DM_LOG_REMOTE_IDLE)
		return 0;

	if (need_not_ask(us)) {
		us->cache.common.refused = true;
		return 0;
	}
	r = ask_remote_recovering(us, region, &recovering);
	if (r) {
		if (!us_given_up(us))
			return 1;
		us->unanswered = true;
		us->cache.common.refused = true;
		return 0;
	}
	if (recovering) {
		note_busy(us, region);
		return 1;
	}
	answer->known |= DM_LOG_REMOTE_IDLE;
	return 0;
}

/**
 * us_get_sync_count() - the get_sync_count operation
 * @log: the log
 *
 * Context: the worker, or a process, which is always told the daemon's answer.
 * Return: number of regions in sync; 0 without an answer.
 */
region_t us_get_sync_count(struct dm_dirty_log *log)
{
	struct us_log *us = to_us_log(log);
	/* The other caller is a process that wants the status. */
	bool worker = current->flags & PF_WQ_WORKER;
	u64 count;

	if (worker && time_before64(get_jiffies_64(), us->sync_count_until))
		return us->sync_count;

	if (ask_sync_count(us, &count, worker ? US_WAIT_LIMITED : US_WAIT_IOCTL))
		return 0;

	if (worker && count < us->cache.common.args.nr_regions) {
		us->sync_count = count;
		us->sync_count_until = get_jiffies_64() +
				       msecs_to_jiffies(SYNC_COUNT_MS);
	}
	return count;
}

static int ask_resync_work(struct us_log *us, u64 *region)
{
	struct {
		__s64 i;
		__u64 r;
	} work;
	int r;

	r = us_request(us, DM_ULOG_GET_RESYNC_WORK, NULL, 0, &work, sizeof(work),
		       US_WAIT_LIMITED);
	if (r)
		return r;
	if (work.i != 0 && work.i != 1)
		return protocol_error(us, DM_ULOG_GET_RESYNC_WORK, work.i, "0 or 1");
	if (work.i && !region_exists(us, work.r))
		return protocol_error(us, DM_ULOG_GET_RESYNC_WORK, work.r,
				      "a region of the mirror");
	*region = work.r;
	return work.i;
}

/**
 * us_get_resync_work() - the get_resync_work operation
 * @log: the log
 * @region: set on success only
 *
 * Context: the worker, which is not kept longer than a suspend could bear.
 * Return: 1 with a region, 0, or a negative errno.
 */
int us_get_resync_work(struct dm_dirty_log *log, region_t *region)
{
	struct us_log *us = to_us_log(log);
	struct dm_log_answer *answer;
	unsigned int tries = 0;
	u64 work;
	int r;

	if (us->hint >= us->cache.common.args.nr_regions)
		return 0;

	/* After an error an idle mirror would not ask again before it is resumed. */
	do {
		r = ask_resync_work(us, &work);
	} while (r == -EPROTO && ++tries < ANSWER_TRIES);
	if (r <= 0)
		return r;

	/* The mirror asks next whether it is in sync. */
	dm_regions_offer(&us->cache.common.regions, work);
	note_sync(us, work, false, 0);
	answer = dm_log_answers_get(&us->answers, work);
	if (answer)
		answer->known = DM_LOG_SYNC_KNOWN;
	trace_dm_log_resync_work(us->cache.common.stats.dev, work);
	*region = work;
	return 1;
}

/**
 * us_set_region_sync() - the set_region_sync operation
 * @log: the log
 * @region: its number
 * @in_sync: whether the legs agree now
 *
 * If the daemon cannot be told that they do, the region will be recovered again. If
 * it cannot be told that they do not, it will be before any other mark. A recovery that
 * was given up is one that has failed, see dm_regions_set_sync().
 *
 * Context: the worker.
 */
void us_set_region_sync(struct dm_dirty_log *log, region_t region, int in_sync)
{
	struct us_log *us = to_us_log(log);
	struct dm_regions *rg = &us->cache.common.regions;
	struct dm_log_answer *answer;
	struct {
		__u64 region;
		__s64 in_sync;
	} news = { .region = region };
	bool recovered = in_sync && dm_regions_is_recovered(rg, region);
	bool known = !dm_regions_may_clean(rg);
	int generation = atomic_read(&us->generation);
	int r;

	if (!region_exists(us, region)) {
		pr_warn_once("device-mapper: dirty region log: region %llu is out of range, expected less than %llu\n",
			     (u64)region, us->cache.common.args.nr_regions);
		return;
	}

	trace_dm_log_set_region_sync(us->cache.common.stats.dev, region, in_sync);
	news.in_sync = recovered;
	answer = dm_log_answers_get(&us->answers, region);
	if (answer)
		answer->known = DM_LOG_SYNC_KNOWN | (recovered ? DM_LOG_IN_SYNC : 0);
	if (!recovered) {
		note_sync(us, region, false, 0);
		/* Its mark is never cleared: it stays dirty until recovered. */
		if (dm_regions_state(rg, region) != DM_REGION_CLEAN)
			dm_regions_set_sync(rg, region, false);
		dm_regions_legs_failed(rg);
		if (!known)
			dm_log_raise_event(us->cache.common.ti);
	}

	r = us_request(us, DM_ULOG_SET_REGION_SYNC, &news, sizeof(news), NULL, 0,
		       US_WAIT_LIMITED);
	if (r && !recovered)
		/* To be told before anything else. */
		WRITE_ONCE(us->nosync_owed, true);
	if (r) {
		DMWARN_LIMIT("userspace: log %s: cannot tell that region %llu is %s (error %d)",
			     us->client.uuid, (u64)region,
			     recovered ? "recovered, it will be again" : "out of sync", r);
		return;
	}

	if (recovered) {
		/* To be cleared after the next flush of the legs. */
		set_bit(region, us->maybe);
		dm_regions_set_sync(rg, region, true);
		note_sync(us, region, true, generation);
	}
}
