// SPDX-License-Identifier: GPL-2.0-only
/*
 * The userspace log's stable copy: what the daemon is told of this node's writes. The
 * region map knows which regions it holds marked (regions-held.c).
 *
 * What belongs together is sent in one wave, without waiting in between: the daemon
 * carries out requests in the order in which they come. A commit is SET_REGION_SYNC 0 for
 * what has failed, MARK, and FLUSH; cleaning is CLEAR and FLUSH. A wave counts if all of
 * it was answered, without an error, by the daemon that it was meant for.
 *
 * An error stands. cmirrord forgets that it has something to write when it could not
 * write it: it answers the next FLUSH with 0, and has done nothing. So after a FLUSH that
 * was answered with an error every commit fails, and nothing is cleared, until there is
 * another daemon or a resume. The daemon is told everything all the same: what has failed
 * here, lest others read it; what was recovered, or it would be recovered for ever; and
 * marks, lest another node's CLEAR take effect.
 *
 * What a cmirrord tells another one that joins is which regions are dirty and out of sync,
 * but not who has marked them. Then any node's CLEAR makes a region clean that another has
 * marked. So in a cluster marks are given again every few seconds, and who has just
 * joined, or has a new daemon, clears nothing until all have done so, or it suspends.
 */

#include <linux/device-mapper.h>
#include <linux/jiffies.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "private.h"
#include "userspace.h"

#define DM_MSG_PREFIX "dirty region log"

/* Chunks that the regions of a wave may come from. */
#define CHUNK_BATCH	64U
/* How often a commit begins anew because there is another daemon. */
#define MAX_REPLAYS	100U
/* In a cluster: how often marks are given again, and when it is known that all were. */
#define RENEW_MS	5000U
#define QUIET_MS	(3 * RENEW_MS)

/**
 * us_marks_init() - allocate what is needed to tell the daemon
 * @us: the log, with its region map set up
 *
 * Memory: 1 bit per region, on top of the region map's 2, and 16 KiB.
 *
 * Context: process context, may sleep.
 * Return: 0 or -ENOMEM, after which us_marks_exit() must be called.
 */
int us_marks_init(struct us_log *us)
{
	struct us_marks *marks = &us->marks;

	/* The protocol has no name for it, but this is what LVM and cmirrord call theirs. */
	marks->cluster = strstr(us->ctr_args, " clustered");
	if (marks->cluster)
		us->cache.longest_ms = RENEW_MS;
	marks->wave = kzalloc_obj(*marks->wave);
	marks->chunks = kzalloc_objs(*marks->chunks, CHUNK_BATCH);
	if (!marks->wave || !marks->chunks)
		return -ENOMEM;
	return dm_regions_init_held(&us->cache.common.regions);
}

/**
 * us_marks_exit() - free what us_marks_init() allocated, but for what is in the map
 * @us: the log; may be half set up
 */
void us_marks_exit(struct us_log *us)
{
	kfree(us->marks.chunks);
	kfree(us->marks.wave);
}

static void add_call(struct us_wave *wave, u32 type, const void *data, size_t size)
{
	wave->calls[wave->nr++] = (struct dm_ulog_call){
		.type = type,
		.data = data,
		.size = size,
	};
}

static void add_news(struct us_wave *wave, u64 region, bool in_sync)
{
	struct us_news *news = &wave->news[wave->nr_news++];

	news->region = region;
	news->in_sync = in_sync;
	add_call(wave, DM_ULOG_SET_REGION_SYNC, news, sizeof(*news));
}

static void add_groups(struct us_wave *wave, u32 type, unsigned int nr)
{
	unsigned int i;

	for (i = 0; i < nr; i += DM_ULOG_GROUP)
		add_call(wave, type, &wave->batch[i],
			 min(nr - i, (unsigned int)DM_ULOG_GROUP) * sizeof(u64));
}

/* MARK what is in the batch, and make all that was marked durable. */
static void add_marks(struct us_log *us, struct us_wave *wave, unsigned int nr)
{
	if (us->integrated && nr) {
		add_groups(wave, DM_ULOG_FLUSH, nr);
		return;
	}
	add_groups(wave, DM_ULOG_MARK_REGION, nr);
	add_call(wave, DM_ULOG_FLUSH, NULL, 0);
}

/* The disk of the daemon has failed; it may not say so again. */
static void refuse(struct us_log *us, int error)
{
	if (us->marks.refused == us->marks.epoch)
		return;
	WRITE_ONCE(us->marks.refused, us->marks.epoch);
	DMWARN("userspace: log %s: the daemon cannot store marks (error %d): none counts",
	       us->client.uuid, error);
}

/* It has heard what was behind a FLUSH that failed, and before; not the marks in it. */
static int check_wave(struct us_log *us, int r)
{
	struct us_wave *wave = us->marks.wave;
	unsigned int i;

	if (r == -ESTALE)
		return r;
	/* Also if nothing could be learned of the daemon after it. */
	for (i = 0; i < wave->nr; i++) {
		int error = wave->calls[i].error;

		if (error && error != -EAGAIN && wave->calls[i].type == DM_ULOG_FLUSH)
			refuse(us, error);
		if (wave->calls[i].type != DM_ULOG_FLUSH || wave->calls[i].size)
			r = r ?: error;
	}
	return r;
}

static int send_wave(struct us_log *us, enum us_wait wait)
{
	struct us_wave *wave = us->marks.wave;

	return check_wave(us, us_ask(us, wave->calls, wave->nr, wait, us->marks.epoch));
}

static void begin_wave(struct us_log *us)
{
	lockdep_assert_held(&us->cache.commit_lock);
	us->marks.wave->nr = 0;
	us->marks.wave->nr_news = 0;
}

/*
 * Is this still the daemon that was told last? Another one has our marks from its disk,
 * or not at all; and whether one has kept them over a suspend is its secret.
 */
static void meet_daemon(struct us_log *us)
{
	struct us_marks *marks = &us->marks;
	int epoch = us_epoch(us);

	if (marks->epoch == epoch)
		return;
	marks->again = true;
	marks->quiet_until = get_jiffies_64() + msecs_to_jiffies(QUIET_MS);
	marks->renew_at = get_jiffies_64() + msecs_to_jiffies(RENEW_MS);
	dm_regions_forget_held(&us->cache.common.regions);
	/* Not before: the worker sees by this that there is something to tell. */
	smp_store_release(&marks->epoch, epoch);
}

/* The cleaner gives what is held again. */
static void plan_renewal(struct us_log *us)
{
	if (us->marks.cluster && dm_regions_nr_held(&us->cache.common.regions) &&
	    !delayed_work_pending(&us->cache.cleaner))
		dm_log_cache_tend(&us->cache, RENEW_MS);
}

/*
 * What is in the batch: first what has failed, then marks.
 * Return: for how many of the batch's regions there was room.
 */
static unsigned int build_commit(struct us_log *us, unsigned int nr)
{
	const struct dm_regions *rg = &us->cache.common.regions;
	struct us_wave *wave = us->marks.wave;
	unsigned int i;

	begin_wave(us);
	for (i = 0; i < nr; i++) {
		if (dm_regions_in_sync(rg, wave->batch[i]))
			continue;
		/* It was given to us, so that is known; and this would end the recovery. */
		if (wave->batch[i] == rg->recovering && us->sync.handed == us->marks.epoch)
			continue;
		if (wave->nr_news == US_NR_NEWS)
			break;
		add_news(wave, wave->batch[i], false);
	}
	add_marks(us, wave, i);
	return i;
}

/* Commit as many pending chunks as go into a wave. */
static int commit_some(struct us_log *us, enum us_wait wait)
{
	struct dm_regions *rg = &us->cache.common.regions;
	struct us_marks *marks = &us->marks;
	unsigned int i, sent, nr_chunks = 0, nr = 0;
	unsigned long chunk;
	int r = 0;

	for (chunk = dm_regions_next_pending(rg, 0);
	     chunk < rg->nr_chunks && nr_chunks < CHUNK_BATCH && nr < US_NR_MARKS;
	     chunk = dm_regions_next_pending(rg, chunk + 1)) {
		marks->chunks[nr_chunks++] = chunk;
		dm_regions_take(rg, chunk, 1);
		/* What is idle may be marked nowhere if a mark has failed. */
		nr = dm_regions_pick_unheld(rg, chunk, marks->again || rg->spoiled,
					    marks->wave->batch, nr, US_NR_MARKS);
	}

	sent = build_commit(us, min(nr, US_NR_MARKS));
	if (sent)
		r = send_wave(us, wait);
	if (sent && !r)
		dm_regions_hold(rg, marks->wave->batch, sent);
	for (i = 0; i < nr_chunks; i++)
		if (r || sent < nr)
			dm_regions_pend(rg, marks->chunks[i]);
	dm_regions_committed(rg);
	return r;
}

/* Does anything rely on marks, or could? */
static bool needs_daemon(const struct dm_regions *rg)
{
	return dm_regions_nr_dirty(rg) || dm_regions_nr_nosync(rg);
}

/* Whoever lives has to be found out before anything relies on old marks. */
static int find_daemon(struct us_log *us, enum us_wait wait)
{
	struct us_until until;
	u64 sectors;

	if (needs_daemon(&us->cache.common.regions))
		return us_request(us, DM_ULOG_GET_REGION_SIZE, NULL, 0, &sectors,
				  sizeof(sectors), wait);
	/* Nothing does. */
	until = us_until(us, US_WAIT_LIMITED);
	us_reconnect(us, &until);
	return 0;
}

static int commit_marks(struct us_log *us, enum us_wait wait)
{
	struct dm_regions *rg = &us->cache.common.regions;
	unsigned int rounds = 0;
	int r;

	for (;;) {
		meet_daemon(us);
		if (dm_regions_next_pending(rg, 0) >= rg->nr_chunks)
			break;
		r = commit_some(us, wait);
		/* A daemon that is another one at every word cannot be told much. */
		if (r && (r != -ESTALE || rounds++ == MAX_REPLAYS))
			return r == -ESTALE ? -EIO : r;
		cond_resched();
	}
	us->marks.again = false;
	return us->marks.refused == us->marks.epoch ? -EIO : 0;
}

/**
 * us_commit() - the commit operation of the cache: tell the daemon what is dirty
 * @cache: the log's cache
 * @all: nobody waits for a mark
 *
 * If the daemon was lost its successor has to be given all marks again, before any
 * write relies on them; if there is none to rely on, that can wait. A region that is
 * out of sync has one to rely on, too.
 *
 * Context: see struct dm_log_cache_ops.
 * Return: see there.
 */
int us_commit(struct dm_log_cache *cache, bool all)
{
	struct us_log *us = cache_to_us_log(cache);
	const struct dm_regions *rg = &cache->common.regions;
	/* The cleaner can come again, and so can a suspend, which does. */
	enum us_wait wait = all ? US_WAIT_LIMITED : US_WAIT_WORKER;
	int r = 0;

	if (us_is_lost(us))
		r = find_daemon(us, wait);
	/* Lost again? If there is anything to tell, that is found out by telling it. */
	if (!r && (!us_is_lost(us) || needs_daemon(rg)))
		r = commit_marks(us, wait);
	plan_renewal(us);
	return r;
}

/**
 * us_may_clear() - may this node clear regions?
 * @us: the log
 *
 * A suspend does, lest all be copied by the next resume: if another node has marked the
 * same region that is wrong until it gives its mark again, a few seconds later.
 *
 * Context: the cleaner, or a suspend.
 * Return: false as long as other nodes may not have given their marks again.
 */
bool us_may_clear(struct us_log *us)
{
	return !us->marks.cluster || !READ_ONCE(us->cache.common.live) ||
	       (us->marks.epoch == us_epoch(us) &&
		time_after_eq64(get_jiffies_64(), us->marks.quiet_until));
}

/**
 * us_clean() - the clean operation of the cache: CLEAR some regions
 * @cache: the log's cache
 * @from: see struct dm_log_cache_ops
 *
 * Context: see there.
 * Return: see there.
 */
int us_clean(struct dm_log_cache *cache, u64 *from)
{
	struct us_log *us = cache_to_us_log(cache);
	struct dm_regions *rg = &cache->common.regions;
	struct us_marks *marks = &us->marks;
	struct us_until until;
	unsigned int nr;
	int r;

	if (us_is_lost(us)) {
		until = us_until(us, US_WAIT_LIMITED);
		r = us_reconnect(us, &until);
		if (r)
			return r;
	}
	meet_daemon(us);
	/* A suspend does not wait for a slow daemon to hear of each region. */
	if (marks->refused == marks->epoch || !us_may_clear(us) || us_given_up(us))
		return 0;
	nr = dm_regions_pick_idle(rg, from, marks->wave->batch, US_NR_CLEARS);
	if (!nr)
		return 0;

	begin_wave(us);
	add_groups(marks->wave, DM_ULOG_CLEAR_REGION, nr);
	add_call(marks->wave, DM_ULOG_FLUSH, NULL, 0);
	r = send_wave(us, US_WAIT_LIMITED);
	if (!r && marks->refused == marks->epoch)
		r = -EIO;
	if (r) {
		DMWARN_LIMIT("userspace: log %s: cannot clear regions (error %d): they stay dirty",
			     us->client.uuid, r);
		return r;
	}
	dm_regions_set_clean(rg, marks->wave->batch, nr);
	return nr;
}

/**
 * us_renew() - give the marks that are held again
 * @us: the log
 *
 * Context: the cleaner.
 */
void us_renew(struct us_log *us)
{
	struct dm_regions *rg = &us->cache.common.regions;
	struct us_marks *marks = &us->marks;
	u64 from = 0, now = get_jiffies_64();
	unsigned int nr;
	int r = 0;

	if (!marks->cluster || time_before64(now, marks->renew_at))
		return;
	marks->renew_at = now + msecs_to_jiffies(RENEW_MS);
	do {
		nr = 0;
		mutex_lock(&us->cache.commit_lock);
		if (!us->cache.gated && marks->epoch == us_epoch(us))
			nr = dm_regions_pick_held(rg, &from, marks->wave->batch, US_NR_MARKS);
		begin_wave(us);
		add_marks(us, marks->wave, nr);
		if (nr)
			r = send_wave(us, US_WAIT_LIMITED);
		mutex_unlock(&us->cache.commit_lock);
	} while (!r && nr == US_NR_MARKS && READ_ONCE(us->cache.common.live));
}

/**
 * us_tell_recovered() - this node has recovered a region
 * @us: the log
 * @region: its number
 * @epoch: when the daemon gave it
 *
 * Its mark goes first, and is held: what was copied may be in the caches of the legs, so
 * another node's CLEAR must not make it clean. It is said once only: in between another
 * node may have said that the region is out of sync. The mark is given again if only that
 * was not heard.
 *
 * Context: the worker.
 * Return: 0, and the map knows; or a negative errno.
 */
int us_tell_recovered(struct us_log *us, u64 region, int epoch)
{
	struct dm_regions *rg = &us->cache.common.regions;
	struct us_wave *wave = us->marks.wave;
	const struct dm_ulog_call *mark = wave->calls, *news = wave->calls + 1;
	int r = -ESTALE;

	mutex_lock(&us->cache.commit_lock);
	meet_daemon(us);
	if (us->marks.epoch == epoch && !us->cache.gated) {
		begin_wave(us);
		wave->batch[0] = region;
		add_groups(wave, us->integrated ? DM_ULOG_FLUSH : DM_ULOG_MARK_REGION, 1);
		add_news(wave, region, true);
		if (!us->integrated)
			add_call(wave, DM_ULOG_FLUSH, NULL, 0);
		r = us_ask_unrepeated(us, wave->calls, wave->nr, epoch);
		r = check_wave(us, r);
		/* An error stands, see above: this is about a mark that nobody has heard. */
		if (r && (!mark->portid || mark->error == -EAGAIN) &&
		    news->portid && !news->error) {
			begin_wave(us);
			add_marks(us, wave, 1);
			r = send_wave(us, US_WAIT_LIMITED);
		}
	}
	if (!r) {
		dm_regions_set_sync(rg, region, true);
		dm_regions_hold(rg, wave->batch, 1);
		plan_renewal(us);
	}
	mutex_unlock(&us->cache.commit_lock);
	return r;
}

/**
 * us_has_more() - the has_more operation of the cache
 * @cache: the log's cache
 *
 * Return: true if the cleaner should run again.
 */
bool us_has_more(struct dm_log_cache *cache)
{
	struct us_log *us = cache_to_us_log(cache);

	return dm_regions_uncommitted(&cache->common.regions) || us_is_lost(us) ||
	       us_has_met_another(us) || READ_ONCE(us->wake.wanted);
}
