// SPDX-License-Identifier: GPL-2.0-only
/*
 * The userspace log: how many regions are in sync, and recovery. The daemon has the say.
 */

#include <linux/device-mapper.h>
#include <linux/jiffies.h>
#include <linux/minmax.h>

#include "private.h"
#include "trace.h"
#include "userspace.h"

#define DM_MSG_PREFIX "dirty region log"

/* How long a count of regions in sync is believed. */
#define COUNT_MS		100
/* How often a search is repeated that was answered with nonsense. */
#define ANSWER_TRIES		3

static int check_count(struct us_log *us, u64 count)
{
	if (count > us->cache.common.args.nr_regions)
		return us_protocol_error(us, DM_ULOG_GET_SYNC_COUNT, count,
				      "not more than the number of regions");
	WRITE_ONCE(us->sync.count, count);
	return 0;
}

/* Before RESUME the daemon does not know what it is going to find; nor after a suspend. */
static bool may_count(const struct us_log *us)
{
	return READ_ONCE(us->session.wanted) != US_ASLEEP &&
	       READ_ONCE(us->session.state) != US_ASLEEP;
}

/* Does the daemon count all regions as in sync? By the worker. */
static bool count_all(struct us_log *us)
{
	__u64 count;
	struct dm_ulog_call call = {
		.type = DM_ULOG_GET_SYNC_COUNT,
		.reply = &count,
		.capacity = sizeof(count),
	};

	return may_count(us) && !us_ask_in_pass(us, &call, 1) && !call.error &&
	       !check_count(us, count) && count == us->cache.common.args.nr_regions;
}

/*
 * Has a region failed that the daemon may take for in sync? It is told by a commit. As
 * long as anything has to be committed that is not known; for one that cannot store marks
 * there may be something for ever.
 */
static bool owes_nosync(struct us_log *us)
{
	const struct dm_regions *rg = &us->cache.common.regions;

	return dm_regions_nr_nosync(rg) &&
	       (us_has_met_another(us) ||
		(dm_regions_uncommitted(rg) && !us_is_refused(us)));
}

/**
 * us_are_all_known() - has the daemon that is there counted all regions?
 * @us: the log
 *
 * Context: any.
 * Return: true if they were in sync then; those that failed here are not.
 */
bool us_are_all_known(struct us_log *us)
{
	return !us_is_lost(us) &&
	       READ_ONCE(us->sync.all) == us_epoch(us);
}

/**
 * us_are_all_in_sync() - the same; and if it was some time ago, ask again
 * @us: the log
 *
 * Context: the worker.
 * Return: true if they were in sync a moment ago; those that failed here are not.
 */
bool us_are_all_in_sync(struct us_log *us)
{
	struct us_sync *sync = &us->sync;
	u64 now = get_jiffies_64();
	int epoch;

	if (time_before64(now, sync->count_until) ||
	    (us->insync_cache && us_are_all_known(us)))
		return us_are_all_known(us);

	epoch = us_epoch(us);
	/* Once in a pass, if they are not: a slow daemon would be asked for each write. */
	if (sync->counted == sync->pass && sync->all != epoch)
		return false;
	sync->counted = sync->pass;
	WRITE_ONCE(sync->all, 0);
	if (count_all(us) && !owes_nosync(us))
		WRITE_ONCE(sync->all, epoch);
	sync->count_until = now + msecs_to_jiffies(COUNT_MS);
	return us_are_all_known(us);
}

/*
 * Recovery
 */

/**
 * us_get_sync_count() - the get_sync_count operation
 * @log: the log
 *
 * With the number of all regions the mirror takes itself for in sync. So that is not
 * said before the daemon has read its log, nor when it is not there to be asked; nor, to the
 * worker, as long as dm-region-hash writes a region to one leg, because it failed here.
 *
 * Context: the worker, or a process.
 * Return: number of regions in sync, as the daemon says now; or said last, or one
 *	less.
 */
region_t us_get_sync_count(struct dm_dirty_log *log)
{
	struct us_log *us = to_us_log(log);
	u64 nr_regions = us->cache.common.args.nr_regions;
	__u64 count;

	if (may_count(us) &&
	    !us_request(us, DM_ULOG_GET_SYNC_COUNT, NULL, 0, &count, sizeof(count),
			US_WAIT_IOCTL) &&
	    !check_count(us, count) &&
	    (count < nr_regions || us->cache.common.worker != current ||
	     !dm_regions_nr_nosync(&us->cache.common.regions)))
		return count;
	return min_t(u64, READ_ONCE(us->sync.count), nr_regions - 1);
}

static int ask_resync_work(struct us_log *us, u64 *region)
{
	struct {
		__s64 i;
		__u64 r;
	} work;
	struct dm_ulog_call call = {
		.type = DM_ULOG_GET_RESYNC_WORK,
		.reply = &work,
		.capacity = sizeof(work),
	};
	unsigned int tries;
	int r;

	/* After an error an idle mirror would not ask again before it is resumed. */
	for (tries = 0; tries < ANSWER_TRIES; tries++) {
		r = us_ask_in_pass(us, &call, 1);
		if (r)
			us_wake_later(us);
		else
			WRITE_ONCE(us->wake.epoch, us_epoch(us));
		r = r ?: call.error;
		if (!r && work.i != 0 && work.i != 1)
			r = us_protocol_error(us, call.type, work.i, "0 or 1");
		if (!r && work.i && !us_region_exists(us, work.r))
			r = us_protocol_error(us, call.type, work.r, "a region of the mirror");
		if (r != -EPROTO)
			break;
	}
	if (r)
		return r;
	*region = work.r;
	return work.i;
}

/*
 * Under commit_lock: what has failed here is not to be told after a region was given to
 * us, or that recovery would be over for the daemon. So the map knows of it before that.
 * Return: 1 with a region, 0, or a negative errno.
 */
static int get_work(struct us_log *us, u64 *work)
{
	struct us_sync *sync = &us->sync;
	unsigned int tries = 0;
	int r, epoch, all = 0;

	for (;;) {
		epoch = us_epoch(us);
		/* What has failed here has to be known before it is given to anybody. */
		if (owes_nosync(us)) {
			us_wake_later(us);
			return 0;
		}
		r = ask_resync_work(us, work);
		/* By whom was that said? */
		if (epoch != us_epoch(us) && tries++ < ANSWER_TRIES)
			continue;
		if (r)
			break;
		if (all == epoch)
			sync->search_over = epoch;
		if (all || !count_all(us) || owes_nosync(us))
			break;
		all = epoch;
	}
	if (r <= 0)
		return r;
	sync->handed = epoch;
	dm_regions_offer(&us->cache.common.regions, *work);
	return 1;
}

/**
 * us_get_resync_work() - the get_resync_work operation
 * @log: the log
 * @region: set on success only
 *
 * Once all regions are in sync it is asked a last time: that ends cmirrord's search on all
 * nodes, so that nobody is given a region that fails later while others, who take all
 * for in sync, write to it. A region that fails here begins it anew.
 *
 * Context: the worker, which is not kept longer than a suspend could bear.
 * Return: 1 with a region, 0, or a negative errno.
 */
int us_get_resync_work(struct dm_dirty_log *log, region_t *region)
{
	struct us_log *us = to_us_log(log);
	u64 work;
	int r;

	if (us->sync.search_over == us_epoch(us))
		return 0;
	mutex_lock(&us->cache.commit_lock);
	r = get_work(us, &work);
	mutex_unlock(&us->cache.commit_lock);
	if (r <= 0)
		return r;

	us_forget_all(&us->sync);
	us->sync.over_since = 0;
	trace_dm_log_resync_work(us->cache.common.stats.dev, work);
	*region = work;
	return 1;
}

/*
 * One wait in a pass, as for a question. What has failed is committed at once, lest the
 * write be acknowledged before others know.
 */
static int tell_sync(struct us_log *us, u64 region, bool recovered)
{
	int r;

	if (us->sync.unanswered)
		return -ETIMEDOUT;
	if (recovered)
		r = us_tell_recovered(us, region, us->sync.handed);
	else
		r = dm_log_cache_commit(&us->cache, true);
	us->sync.unanswered = us_is_unanswered(r);
	return r;
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
	bool recovered = in_sync && dm_regions_is_recovered(rg, region);
	bool known = !dm_regions_may_clean(rg);
	int r;

	if (!us_region_exists(us, region)) {
		pr_warn_once("device-mapper: dirty region log: region %llu is out of range, expected less than %llu\n",
			     (u64)region, us->cache.common.args.nr_regions);
		return;
	}

	trace_dm_log_set_region_sync(us->cache.common.stats.dev, region, in_sync);
	if (!recovered) {
		us_forget_all(&us->sync);
		/* Its mark is never cleared: it stays dirty until recovered. */
		dm_regions_set_sync(rg, region, in_sync && region == rg->recovering);
		if (!known)
			dm_log_raise_event(us->cache.common.ti);
	}

	r = tell_sync(us, region, recovered);
	if (r) {
		DMWARN_LIMIT("userspace: log %s: cannot tell that region %llu is %s (error %d)",
			     us->client.uuid, (u64)region,
			     recovered ? "recovered, it will be again" : "out of sync", r);
		if (recovered)
			dm_regions_offer(rg, DM_REGIONS_NONE);
		else
			dm_log_cache_tend(&us->cache, MSEC_PER_SEC);
	}
}
