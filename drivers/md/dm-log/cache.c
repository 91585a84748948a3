// SPDX-License-Identifier: GPL-2.0-only
/*
 * The write-intent cache of the log types that have a stable copy. See
 * cache.h for its rules, threads and locks.
 */

#include <linux/device-mapper.h>
#include <linux/jiffies.h>
#include <linux/minmax.h>
#include <linux/sched.h>
#if IS_ENABLED(CONFIG_DM_LOG_KUNIT_TEST)
#include <kunit/static_stub.h>
#endif

#include "cache.h"
#include "private.h"
#include "trace.h"
#include "types.h"

#define DM_MSG_PREFIX "dirty region log"

/* How soon the cleaner looks again at what it could not finish. */
#define AGAIN_MS		1000U

unsigned int dm_log_clean_delay_ms = 5000;
unsigned int dm_log_max_idle_regions = 8192;

static struct workqueue_struct *dm_log_wq;

static int commit_locked(struct dm_log_cache *cache, bool all)
{
	struct dm_log_stats *stats = &cache->common.stats;
	struct dm_regions *rg = &cache->common.regions;
	bool changed = dm_regions_uncommitted(rg);
	u64 start = 0;
	int r;

	if (cache->gated || (all && cache->read_only))
		return 0;

	if (trace_dm_log_commit_enabled())
		start = ktime_get_ns();
	r = cache->ops->commit(cache, all);
	/* By the worker. While gated nothing is said of its marks. */
	if (!all && !r)
		cache->common.marked = false;
	if (!changed && !r)
		return 0;

	dm_log_count(&stats->commits, 1);
	if (r < 0)
		dm_log_count(&stats->commit_errors, 1);
	if (start)
		trace_dm_log_commit(stats->dev, dm_regions_nr_dirty(rg) +
				    dm_regions_nr_idle(rg),
				    ktime_get_ns() - start, min(r, 0));
	return r;
}

/**
 * dm_log_cache_commit() - bring the stable copy up to date, unless suspended
 * @cache: the cache
 * @all: also make clean there what is clean in the map; if not, it is the worker who asks
 *
 * Context: any thread that may sleep.
 * Return: 0, or a negative errno if a mark may not be durable.
 */
int dm_log_cache_commit(struct dm_log_cache *cache, bool all)
{
	int r;

	do {
		mutex_lock(&cache->commit_lock);
		r = commit_locked(cache, all);
		mutex_unlock(&cache->commit_lock);
	} while (r > 0);
	return r;
}

static int flush_legs(struct dm_log_cache *cache)
{
	if (!cache->log->flush_callback_fn)
		return 0;
	return cache->log->flush_callback_fn(cache->common.ti);
}

/* It is not known what the legs have lost, and no later flush will tell. */
static void fail_legs(struct dm_log_cache *cache, int error)
{
	bool known = !dm_regions_may_clean(&cache->common.regions);

	dm_regions_legs_failed(&cache->common.regions);
	if (known)
		return;
	DMWARN_LIMIT("%s: cannot flush the legs (error %d): %s dirty until suspend, resume",
		     cache->common.type, error, cache->name);
	dm_log_raise_event(cache->common.ti);
}

/* Could the cleaner make a region clean? */
static bool may_clean(struct dm_log_cache *cache)
{
	return !cache->read_only && dm_regions_may_clean(&cache->common.regions);
}

/* By region: as often as it takes, with a chance for the worker in between. */
static u64 clean_by_region(struct dm_log_cache *cache)
{
	bool live = READ_ONCE(cache->common.live);
	u64 from = 0, total = 0;
	int r;

	do {
		mutex_lock(&cache->commit_lock);
		r = cache->gated ? 0 : cache->ops->clean(cache, &from);
		mutex_unlock(&cache->commit_lock);
		total += max(r, 0);
	} while (r > 0 && READ_ONCE(cache->common.live) == live);
	return total;
}

static u64 clean_now(struct dm_log_cache *cache, bool defer)
{
	if (cache->ops->clean)
		return clean_by_region(cache);
	return dm_regions_clean(&cache->common.regions, defer);
}

/*
 * Clean what the last flush of the legs allows, and flush them for the next time: a
 * failure that came before it has been reported by then. By the cleaner, and while that
 * is stopped by a suspend; the caller commits.
 * @all: flush, and then clean, regions too that were cleared only a moment ago.
 * @defer: rather let other commits take the cleaned regions along.
 */
static void clean_regions(struct dm_log_cache *cache, bool all, bool defer)
{
	struct dm_log_stats *stats = &cache->common.stats;
	struct dm_regions *rg = &cache->common.regions;
	u64 nr_idle = dm_regions_nr_idle(rg), nr_cleaned = 0;
	int r = 0;

	/* What was cleaned in the last run and not committed since. */
	dm_regions_pend_stale(rg);
	if (!may_clean(cache) || (cache->ops->may_clean && !cache->ops->may_clean(cache)))
		return;

	if (!all && cache->flushed)
		nr_cleaned = clean_now(cache, defer);
	cache->flushed = false;
	dm_regions_forget_recent(rg);
	if (dm_regions_nr_idle(rg)) {
		r = flush_legs(cache);
		if (r)
			fail_legs(cache, r);
		else if (all)
			nr_cleaned = clean_now(cache, defer);
		else
			cache->flushed = true;
	}

	if (nr_cleaned) {
		dm_log_count(&stats->cleanings, 1);
		dm_log_count(&stats->cleaned, nr_cleaned);
	}
	if (nr_idle)
		trace_dm_log_clean(stats->dev, nr_idle, nr_cleaned, r);
}

/*
 * Idle regions are copied after a crash. So are those out of sync: while these
 * are more, as in a full resync, the idle ones don't matter.
 */
static bool too_many_idle(struct dm_log_cache *cache)
{
	const struct dm_regions *rg = &cache->common.regions;
	u64 nr_idle = dm_regions_nr_idle(rg);

	return nr_idle > READ_ONCE(dm_log_max_idle_regions) &&
	       nr_idle > dm_regions_nr_nosync(rg);
}

/* Does the cleaner have to do without the delay? */
static bool in_a_hurry(struct dm_log_cache *cache)
{
	return !READ_ONCE(dm_log_clean_delay_ms) || too_many_idle(cache);
}

/* When to see to what can wait. */
static unsigned int delay_ms(const struct dm_log_cache *cache)
{
	unsigned int ms = READ_ONCE(dm_log_clean_delay_ms);

	return cache->longest_ms ? min(ms, cache->longest_ms) : ms;
}

/* The cleaner's next run; called by the worker in every pass, so it is cheap. */
static void schedule_cleaner(struct dm_log_cache *cache)
{
	if (!READ_ONCE(cache->common.live) || !may_clean(cache))
		return;

	if (!in_a_hurry(cache)) {
		if (!delayed_work_pending(&cache->cleaner))
			dm_log_cache_tend(cache, delay_ms(cache));
	} else if (!READ_ONCE(cache->hurry)) {
		WRITE_ONCE(cache->hurry, true);
		dm_log_cache_tend(cache, 0);
	}
}

/* Is there something that only the cleaner, or a suspend, does? */
static bool has_work(struct dm_log_cache *cache)
{
	struct dm_regions *rg = &cache->common.regions;

	return (dm_regions_nr_idle(rg) && may_clean(cache)) || dm_regions_has_stale(rg) ||
	       cache->ops->has_more(cache);
}

/* See to what is left, if that is not to happen sooner. */
static void tend_again(struct dm_log_cache *cache)
{
	unsigned int ms = max(delay_ms(cache), AGAIN_MS);

	if (!delayed_work_pending(&cache->cleaner) ||
	    time_after(READ_ONCE(cache->cleaner.timer.expires), jiffies + msecs_to_jiffies(ms)))
		dm_log_cache_tend(cache, ms);
}

static void run_cleaner(struct work_struct *work)
{
	struct dm_log_cache *cache = container_of(to_delayed_work(work),
						  struct dm_log_cache, cleaner);
	unsigned int later_ms;

	if (!READ_ONCE(cache->common.live))
		return;

	later_ms = cache->ops->tend ? cache->ops->tend(cache) : 0;
	WRITE_ONCE(cache->unusable, later_ms != 0);
	if (later_ms) {
		dm_log_cache_tend(cache, later_ms);
		return;
	}

	/* What becomes idle from now on may want another run. */
	WRITE_ONCE(cache->hurry, false);
	clean_regions(cache, in_a_hurry(cache), too_many_idle(cache));
	dm_log_cache_commit(cache, true);

	/* The worker of an idle mirror does not run: see to the rest here. */
	if (has_work(cache))
		tend_again(cache);
	/* The worker may have been in a hurry meanwhile, and that put it off. */
	if (READ_ONCE(cache->hurry))
		dm_log_cache_tend(cache, 0);
}

#if IS_ENABLED(CONFIG_DM_LOG_KUNIT_TEST)
/* Run the cleaner now, in the test's own task. */
void dm_log_run_cleaner(struct dm_dirty_log *log)
{
	run_cleaner(&to_dm_log_cache(log)->cleaner.work);
}
#endif

/**
 * dm_log_cache_init() - set up all of a cache but its region map
 * @cache: zeroed memory
 * @type: the log type's name
 * @ops: the kind of stable copy
 * @log: the log
 * @ti: its target
 *
 * The gate is closed until dm_log_cache_opened().
 */
void dm_log_cache_init(struct dm_log_cache *cache, const char *type,
		       const struct dm_log_cache_ops *ops,
		       struct dm_dirty_log *log, struct dm_target *ti)
{
	dm_log_common_name(&cache->common, ti, type);
	cache->common.cache = cache;
	cache->ops = ops;
	cache->log = log;
	cache->gated = true;
	mutex_init(&cache->commit_lock);
	INIT_DELAYED_WORK(&cache->cleaner, run_cleaner);
}

/**
 * dm_log_cache_exit() - free what a cache holds, its region map included
 * @cache: what dm_log_cache_init() was called for, stopped
 *
 * Context: process context, may sleep.
 */
void dm_log_cache_exit(struct dm_log_cache *cache)
{
	dm_log_common_exit(&cache->common);
	mutex_destroy(&cache->commit_lock);
}

/**
 * dm_log_cache_opened() - the stable copy is ours from now on
 * @cache: the cache, with @commit_lock held
 */
void dm_log_cache_opened(struct dm_log_cache *cache)
{
	lockdep_assert_held(&cache->commit_lock);

	cache->flushed = false;
	cache->hurry = false;
	WRITE_ONCE(cache->unusable, false);
	cache->resumed = true;
	cache->gated = false;
}

/**
 * dm_log_cache_start() - let the cleaner run
 * @cache: the cache, opened
 * @error: how opening it has ended, to be traced
 *
 * Context: ioctl.
 */
void dm_log_cache_start(struct dm_log_cache *cache, int error)
{
	const struct dm_regions *rg = &cache->common.regions;

	trace_dm_log_resume(cache->common.stats.dev, cache->common.type, rg->nr_regions,
			    dm_regions_nr_nosync(rg), error);
	WRITE_ONCE(cache->common.live, true);
}

/**
 * dm_log_cache_tend() - have the cleaner look at the stable copy
 * @cache: the cache; nothing happens unless it is live
 * @delay_ms: in how many milliseconds
 *
 * Context: any that may take a spinlock. A seam for tests, which run the cleaner
 * themselves.
 */
void dm_log_cache_tend(struct dm_log_cache *cache, unsigned int delay_ms)
{
#if IS_ENABLED(CONFIG_DM_LOG_KUNIT_TEST)
	KUNIT_STATIC_STUB_REDIRECT(dm_log_cache_tend, cache, delay_ms);
#endif
	if (READ_ONCE(cache->common.live))
		mod_delayed_work(dm_log_wq, &cache->cleaner,
				 msecs_to_jiffies(delay_ms));
}

/**
 * dm_log_cache_at_rest() - has everything been cleaned that can be?
 * @cache: the cache
 * @busy_too: regions with writes going on count as not cleaned yet
 *
 * Context: any. Only counts are looked at.
 * Return: true if so, also if the log is not live, or cannot be cleaned now because
 *	a leg or its stable copy does not work.
 */
bool dm_log_cache_at_rest(struct dm_log_cache *cache, bool busy_too)
{
	if (!READ_ONCE(cache->common.live) || READ_ONCE(cache->unusable))
		return true;
	if (busy_too && dm_regions_nr_dirty(&cache->common.regions))
		return false;
	/* What a running cleaner has in hand may be in no count for a moment. */
	return !has_work(cache) &&
	       !(work_busy(&cache->cleaner.work) & WORK_BUSY_RUNNING);
}

/**
 * dm_log_cache_stop() - keep the cleaner away
 * @cache: the cache; stopping it twice does no harm
 *
 * Context: ioctl; waits for the cleaner to end.
 */
void dm_log_cache_stop(struct dm_log_cache *cache)
{
	/* What the worker queues after this finds !live and does nothing. */
	WRITE_ONCE(cache->common.live, false);
	cancel_delayed_work_sync(&cache->cleaner);
}

/**
 * dm_log_cache_close() - commit and clean a last time, and close the gate
 * @cache: the cache, stopped; also one that was never opened
 *
 * Context: ioctl, after all I/O has ended.
 * Return: 0, or a negative errno if the stable copy may miss a mark.
 */
int dm_log_cache_close(struct dm_log_cache *cache)
{
	int r;

	dm_log_wait_for_clears(&cache->common);

	/* One that was never opened must not call the mirror back. */
	if (!cache->gated)
		clean_regions(cache, true, false);
	r = dm_log_cache_commit(cache, true);
	/* Nobody will come back to it: an error that passes shall not remain. */
	if (r)
		r = dm_log_cache_commit(cache, true);
	mutex_lock(&cache->commit_lock);
	cache->gated = true;
	mutex_unlock(&cache->commit_lock);
	return r;
}

/* A mirror that was told of an error does not tell us of any leg's any more. */
static void spoil(struct dm_log_cache *cache, int error)
{
	if (READ_ONCE(cache->common.regions.spoiled))
		return;
	dm_regions_spoil(&cache->common.regions);
	DMWARN("%s: a mark on %s is not durable (error %d): all dirty until a new table",
	       cache->common.type, cache->name, error);
}

static void begin_pass(struct dm_log_cache *cache)
{
	struct dm_log_common *common = &cache->common;

	dm_log_count(&common->stats.flushes, 1);
	WRITE_ONCE(common->worker, current);
	common->let_go = false;
	common->refusing = false;

	if (dm_regions_nr_idle(&common->regions))
		schedule_cleaner(cache);
}

/**
 * dm_log_cache_flush_later() - the flush operation, when no write waits for it
 * @cache: the cache
 * @force: there is something to commit, even if nothing seems to be uncommitted
 *
 * Context: the worker.
 */
void dm_log_cache_flush_later(struct dm_log_cache *cache, bool force)
{
	begin_pass(cache);
	if (!force && !dm_regions_uncommitted(&cache->common.regions))
		dm_log_count(&cache->common.stats.free_flushes, 1);
	else if (!delayed_work_pending(&cache->cleaner))
		dm_log_cache_tend(cache, AGAIN_MS);
}

/**
 * dm_log_cache_flush() - the flush operation: make all marks durable
 * @cache: the cache
 * @force: also if nothing seems to be uncommitted
 *
 * Costs nothing if no region needs it. An error is about a mark that was made since the
 * last time that there was none; others are the cleaner's to mend. (A daemon may have
 * lost marks that are older.)
 *
 * Context: the worker.
 * Return: 0, or a negative errno if a mark may not be durable.
 */
int dm_log_cache_flush(struct dm_log_cache *cache, bool force)
{
	struct dm_log_common *common = &cache->common;
	struct dm_regions *rg = &common->regions;
	bool old_marks = rg->held;
	int r = 0;

	begin_pass(cache);
	if (!force && !dm_regions_uncommitted(rg)) {
		dm_log_count(&common->stats.free_flushes, 1);
		common->marked = false;
	} else if (common->marked || old_marks || !cache->read_only) {
		r = dm_log_cache_commit(cache, false);
		/* A mirror never forgets an error: one that passes shall not count. */
		if (r && common->marked && !old_marks && !rg->spoiled && !cache->read_only)
			r = dm_log_cache_commit(cache, false);
	}
	if (r && !common->marked && !old_marks) {
		r = 0;
		if (!delayed_work_pending(&cache->cleaner))
			dm_log_cache_tend(cache, AGAIN_MS);
	}
	if (unlikely(common->refused)) {
		common->refused = false;
		r = r ?: -EIO;
	}
	if (unlikely(r))
		spoil(cache, r);
	return r;
}

/**
 * dm_log_cache_module_init() - what all caches share
 *
 * Context: module init, before any type that has a cache is registered.
 * Return: 0 or -ENOMEM.
 */
int __init dm_log_cache_module_init(void)
{
	/*
	 * Frozen while the system hibernates: what became clean after the image was made
	 * would still be idle in the image, and not be marked for its next write.
	 */
	dm_log_wq = alloc_workqueue("dm-log", WQ_MEM_RECLAIM | WQ_FREEZABLE | WQ_UNBOUND, 0);
	return dm_log_wq ? 0 : -ENOMEM;
}

/**
 * dm_log_cache_module_exit() - undo dm_log_cache_module_init()
 *
 * Context: module init or exit; no log with a cache exists any more.
 */
void dm_log_cache_module_exit(void)
{
	destroy_workqueue(dm_log_wq);
}
