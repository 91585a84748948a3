// SPDX-License-Identifier: GPL-2.0-only
/*
 * The region map: states of regions in memory, and what the mirror's worker does
 * to them. See regions.h for words and rules, regions-stable.c for what has to reach
 * the stable copy.
 *
 *			NOSYNC	  DIRTY	    IDLE      CLEAN	by
 * mark (1)		-	  -	    DIRTY     DIRTY,	worker
 *							pend
 * clear		(2)	  IDLE,	    -	      -		worker
 *				    recent (3)
 * set_sync 1 (4):
 *   recovered		IDLE,	  -	    recent    IDLE,	worker
 *			  recent (3)		        recent
 *   given up (1, 5)	-	  NOSYNC    NOSYNC    NOSYNC,	worker
 *							pend
 * set_sync 0 (1, 6)	-	  NOSYNC    NOSYNC    NOSYNC,	worker
 *							pend
 * legs failed (6)	-	  -	    -	      -		cleaner, suspend
 * clean (7)		-	  -	    CLEAN,    -		cleaner, suspend
 *					      pend (8)
 * load			CLEAN or NOSYNC, as the stable copy says	resume
 * load, merge		NOSYNC	  NOSYNC    NOSYNC    CLEAN or	resume
 *							NOSYNC
 * restart (9)		-	  NOSYNC    NOSYNC    -		resume
 *
 * (1) with a daemon: see below	(2) of the region being recovered: it is "recovered" now
 * (3) not durable: CLEAN	(4) of the region being recovered; of others: nothing
 * (5) legs become FAILED; the search begins once more at its end
 * (6) legs become FAILED
 * (7) not recent, the legs flushed since, and legs not FAILED, nor the log spoiled
 * (8) or stale, if the mirror is busy
 * (9) not with a daemon. Legs become BACK or GOOD.
 *
 * A daemon is told of regions, not of chunks (regions-held.c). There mark pends if the
 * region is not held, in every state; what fails is not held any more, and pends.
 *
 * Why nothing that may differ becomes clean. A region becomes CLEAN when it is loaded, if
 * the stable copy was durable; or by "clean": then its last write ended before a flush of
 * the legs began, which was good, as was all else since the resume. A mark comes before
 * the next write, and makes it DIRTY. A failure that is not reported to the log, no log
 * can know.
 */

#include <linux/bitmap.h>
#include <linux/bitops.h>
#include <linux/minmax.h>
#include <linux/overflow.h>
#include <linux/printk.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "regions.h"

static_assert(DM_REGION_NOSYNC == 0);
static_assert(DM_REGIONS_PER_CHUNK % BITS_PER_LONG == 0);

static bool region_exists(const struct dm_regions *rg, u64 region)
{
	if (likely(region < rg->nr_regions))
		return true;

	pr_warn_once("device-mapper: dirty region log: region %llu is out of range, expected less than %lu\n",
		     region, rg->nr_regions);
	return false;
}

/**
 * dm_regions_alloc_bitmap() - allocate a bitmap, of any length
 * @nr: number of bits
 *
 * Context: process context, may sleep.
 * Return: zeroed memory, a multiple of 8 bytes, for kvfree(); or NULL.
 */
unsigned long *dm_regions_alloc_bitmap(u64 nr)
{
	size_t u64s = DIV_ROUND_UP_ULL(nr, BITS_PER_TYPE(u64));

	/* 32-bit machines can count further than they can address. */
	if (u64s != DIV_ROUND_UP_ULL(nr, BITS_PER_TYPE(u64)))
		return NULL;
	/* Random access to large maps: kvzalloc() takes huge pages for them. */
	return kvzalloc(array_size(u64s, sizeof(u64)), GFP_KERNEL | __GFP_NOWARN);
}

/**
 * dm_regions_init() - allocate a map
 * @rg: what to set up
 * @nr_regions: number of regions, at least 1
 * @state: DM_REGION_NOSYNC or DM_REGION_CLEAN, for all regions
 * @durable: there will be a stable copy
 *
 * Memory: 2 bits per region, and if @durable 3 bits per chunk of 4096.
 *
 * Context: process context, may sleep.
 * Return: 0, -ENOMEM, or -EFBIG if this machine cannot count the regions.
 *	After an error dm_regions_exit() may but need not be called.
 */
int dm_regions_init(struct dm_regions *rg, u64 nr_regions,
		    enum dm_region_state state, bool durable)
{
	size_t bytes = DIV_ROUND_UP_ULL(nr_regions, BITS_PER_TYPE(u64)) * sizeof(u64);

	memset(rg, 0, sizeof(*rg));
	raw_spin_lock_init(&rg->lock);
	if (nr_regions > ULONG_MAX - BITS_PER_TYPE(u64))
		return -EFBIG;
	rg->nr_regions = nr_regions;
	rg->nr_chunks = DIV_ROUND_UP_ULL(nr_regions, DM_REGIONS_PER_CHUNK);
	rg->durable = durable;
	rg->recovering = DM_REGIONS_NONE;
	rg->wanted = DM_REGIONS_NONE;

	rg->marked = dm_regions_alloc_bitmap(nr_regions);
	rg->second = dm_regions_alloc_bitmap(nr_regions);
	if (!rg->marked || !rg->second)
		goto bad;
	if (durable) {
		rg->pending = dm_regions_alloc_bitmap(rg->nr_chunks);
		rg->stale = dm_regions_alloc_bitmap(rg->nr_chunks);
		rg->idle = dm_regions_alloc_bitmap(rg->nr_chunks);
		if (!rg->pending || !rg->stale || !rg->idle)
			goto bad;
	}

	if (state == DM_REGION_CLEAN) {
		memset(rg->second, 0xff, bytes);
	} else {
		rg->nr_nosync = nr_regions;
		for (; nr_regions % BITS_PER_TYPE(u64); nr_regions++)
			__set_bit(nr_regions, rg->second);
	}
	return 0;

bad:
	dm_regions_exit(rg);
	return -ENOMEM;
}

/**
 * dm_regions_exit() - free a map; also one that was never or only partly set up
 * @rg: zeroed memory, or what dm_regions_init() was called for
 *
 * Context: process context, may sleep.
 */
void dm_regions_exit(struct dm_regions *rg)
{
	kvfree(rg->held);
	kvfree(rg->idle);
	kvfree(rg->stale);
	kvfree(rg->pending);
	kvfree(rg->second);
	kvfree(rg->marked);
	memset(rg, 0, sizeof(*rg));
}

static void count(struct dm_regions *rg, enum dm_region_state state, long change)
{
	switch (state) {
	case DM_REGION_NOSYNC:
		WRITE_ONCE(rg->nr_nosync, rg->nr_nosync + change);
		break;
	case DM_REGION_DIRTY:
		WRITE_ONCE(rg->nr_dirty, rg->nr_dirty + change);
		break;
	case DM_REGION_IDLE:
		WRITE_ONCE(rg->nr_idle, rg->nr_idle + change);
		break;
	case DM_REGION_CLEAN:
		break;
	}
}

static void set_state(struct dm_regions *rg, unsigned long region,
		      enum dm_region_state old, enum dm_region_state new)
{
	unsigned long *marked = &rg->marked[BIT_WORD(region)];
	unsigned long *second = &rg->second[BIT_WORD(region)];
	unsigned long mask = BIT_MASK(region);

	/* Readers take no lock: first what is set. */
	if (new & ~old & 2)
		WRITE_ONCE(*marked, *marked | mask);
	if (new & ~old & 1)
		WRITE_ONCE(*second, *second | mask);
	/* Pairs with dm_regions_state(). */
	smp_wmb();
	if (old & ~new & 2)
		WRITE_ONCE(*marked, *marked & ~mask);
	if (old & ~new & 1)
		WRITE_ONCE(*second, *second & ~mask);

	count(rg, old, -1);
	count(rg, new, 1);
}

/* A write or a copy has just ended: in sync, but the legs have to be flushed. */
static void set_idle(struct dm_regions *rg, unsigned long region,
		     enum dm_region_state old)
{
	if (!rg->durable) {
		set_state(rg, region, old, DM_REGION_CLEAN);
		return;
	}
	set_state(rg, region, old, DM_REGION_IDLE);
	__set_bit(region % DM_REGIONS_RECENT, rg->recent);
	__set_bit(region / DM_REGIONS_PER_CHUNK, rg->idle);
}

/**
 * dm_regions_mark() - a write to the region is about to start
 * @rg: the map
 * @region: its number; ignored with a warning if out of range
 *
 * The write may start once the map has been committed. A region that is out of
 * sync stays so: it cannot be dirtier.
 *
 * Context: the worker; does not sleep.
 */
void dm_regions_mark(struct dm_regions *rg, u64 region)
{
	enum dm_region_state old;

	if (!region_exists(rg, region))
		return;

	raw_spin_lock(&rg->lock);
	old = dm_regions_state(rg, region);
	if (rg->held ? !dm_regions_is_held(rg, region) : old == DM_REGION_CLEAN)
		dm_regions_pend_locked(rg, region / DM_REGIONS_PER_CHUNK);
	if (old == DM_REGION_CLEAN || old == DM_REGION_IDLE)
		set_state(rg, region, old, DM_REGION_DIRTY);
	raw_spin_unlock(&rg->lock);
}

/**
 * dm_regions_clear() - all writes to the region have ended
 * @rg: the map
 * @region: its number; ignored with a warning if out of range
 *
 * Also told of a region that was just recovered, before it is set in sync.
 *
 * Context: the worker; does not sleep.
 */
void dm_regions_clear(struct dm_regions *rg, u64 region)
{
	if (!region_exists(rg, region))
		return;

	if (region == rg->recovering)
		rg->recovered = true;

	raw_spin_lock(&rg->lock);
	if (dm_regions_state(rg, region) == DM_REGION_DIRTY)
		set_idle(rg, region, DM_REGION_DIRTY);
	raw_spin_unlock(&rg->lock);
}

static void lose_sync(struct dm_regions *rg, unsigned long region)
{
	enum dm_region_state old = dm_regions_state(rg, region);

	WRITE_ONCE(rg->legs, DM_LEGS_FAILED);
	/* A daemon has to hear it. */
	if (rg->held)
		dm_regions_drop_held(rg, region);
	if (old == DM_REGION_CLEAN || rg->held)
		dm_regions_pend_locked(rg, region / DM_REGIONS_PER_CHUNK);
	set_state(rg, region, old, DM_REGION_NOSYNC);
}

static void gain_sync(struct dm_regions *rg, unsigned long region)
{
	enum dm_region_state old = dm_regions_state(rg, region);

	rg->progress = true;
	if (old != DM_REGION_DIRTY)
		set_idle(rg, region, old);
	if (!rg->nr_nosync && rg->legs == DM_LEGS_BACK)
		WRITE_ONCE(rg->legs, DM_LEGS_GOOD);
}

/**
 * dm_regions_set_sync() - recovery has ended, or a write to a leg has failed
 * @rg: the map
 * @region: its number; ignored with a warning if out of range
 * @in_sync: whether the legs agree now
 *
 * A mirror that does not handle errors calls a region in sync whose recovery has failed,
 * too. It has not cleared it, then: it is out of sync, and will be recovered once more
 * if others can be.
 *
 * Context: the worker; does not sleep.
 * Return: false if a recovery was given up like that.
 */
bool dm_regions_set_sync(struct dm_regions *rg, u64 region, bool in_sync)
{
	bool offered = region == rg->recovering, recovered = offered && rg->recovered;

	if (!region_exists(rg, region))
		return true;
	if (offered)
		rg->recovering = DM_REGIONS_NONE;
	if (in_sync && !offered)
		return true;

	raw_spin_lock(&rg->lock);
	if (in_sync && recovered)
		gain_sync(rg, region);
	else
		lose_sync(rg, region);
	raw_spin_unlock(&rg->lock);

	if (!in_sync || recovered)
		return true;
	rg->given_up = true;
	rg->again = true;
	return false;
}

/* A region that is out of sync and may be offered for recovery */
static bool is_recoverable(const struct dm_regions *rg, u64 region)
{
	return region < rg->nr_regions && region != rg->recovering &&
	       !dm_regions_in_sync(rg, region);
}

/**
 * dm_regions_awaits_recovery() - should a write wait until its region is recovered?
 * @rg: the map
 * @region: any number
 *
 * A mirror keeps in mind that a leg failed until all regions are in sync, over a
 * resume of the same table, too, which is what "lvchange --refresh" comes to. Until
 * then it takes a write to a region out of sync for one that has failed (dm-raid1.c,
 * do_writes()): with handle_errors it holds it until the next suspend. Held, it is
 * pending in the region, and a recovery of that waits for it.
 *
 * And if it believes itself in sync it writes to one leg only, and when that leg fails
 * takes the other, which never got that write, for as good.
 *
 * A write to a region under recovery waits for that and then goes on. So after a resume
 * that leaves such regions (%DM_LEGS_BACK), writes wait until it is the turn of their
 * region, which is at once. If a leg still fails, there is no such turn, and the mirror
 * has its way. A suspend stops recovery and then waits for the writes: from presuspend
 * on the caller does not ask.
 *
 * Context: the worker; does not sleep.
 * Return: true if so; the region is then the next one to be recovered.
 */
bool dm_regions_awaits_recovery(struct dm_regions *rg, u64 region)
{
	if (likely(READ_ONCE(rg->legs) != DM_LEGS_BACK) || !is_recoverable(rg, region))
		return false;
	if (!is_recoverable(rg, rg->wanted))
		rg->wanted = region;
	return true;
}

/**
 * dm_regions_next_nosync() - find a region that is out of sync
 * @rg: the map
 * @from: the region to begin with
 *
 * Context: the worker, or a thread that keeps it from recovering regions; may sleep.
 * Return: its number, or the number of regions if there is none.
 */
u64 dm_regions_next_nosync(struct dm_regions *rg, u64 from)
{
	u64 region = from;

	while (region < rg->nr_regions && READ_ONCE(rg->nr_nosync)) {
		unsigned long w = region / BITS_PER_LONG, nosync;

		nosync = ~READ_ONCE(rg->marked[w]);
		/* Pairs with the barriers in set_state() and clean_chunk(). */
		smp_rmb();
		nosync &= ~READ_ONCE(rg->second[w]) & ~0UL << region % BITS_PER_LONG;
		region = (u64)w * BITS_PER_LONG;
		if (nosync)
			return region + __ffs(nosync);
		region += BITS_PER_LONG;
		if (!(region % DM_REGIONS_PER_CHUNK))
			cond_resched();
	}
	return rg->nr_regions;
}

/**
 * dm_regions_offer() - a region is going to be recovered
 * @rg: the map
 * @region: its number, which may come from who keeps the stable copy; or
 *	%DM_REGIONS_NONE: the one that was, is not
 *
 * Context: the worker; does not sleep.
 */
void dm_regions_offer(struct dm_regions *rg, u64 region)
{
	rg->recovering = region;
	rg->recovered = false;
}

/**
 * dm_regions_next_resync() - choose the next region to recover
 * @rg: the map
 * @region: set on success only
 *
 * Goes once through the map: a region that fails behind the cursor is offered again
 * after a resume only, so that a dead leg does not make recovery spin. But if the
 * mirror does not handle errors, nobody is going to see to it; so then once more, if
 * the legs have done something since. A region that a write waits for has precedence.
 * The mirror recovers one region at a time.
 *
 * Context: the worker, may sleep.
 * Return: true if there is one, which counts as recovering from now on.
 */
bool dm_regions_next_resync(struct dm_regions *rg, u64 *region)
{
	u64 next;

	if (rg->recovering != DM_REGIONS_NONE)
		return false;

	if (READ_ONCE(rg->legs) == DM_LEGS_BACK && is_recoverable(rg, rg->wanted)) {
		next = rg->wanted;
		rg->wanted = DM_REGIONS_NONE;
	} else {
		next = dm_regions_next_nosync(rg, rg->cursor);
		if (next >= rg->nr_regions && rg->again && rg->progress) {
			rg->again = false;
			rg->progress = false;
			next = dm_regions_next_nosync(rg, 0);
		}
		rg->cursor = next < rg->nr_regions ? next + 1 : next;
	}
	if (next >= rg->nr_regions)
		return false;

	dm_regions_offer(rg, next);
	*region = next;
	return true;
}

/**
 * dm_regions_legs_failed() - a flush of the legs has failed
 * @rg: the map
 *
 * Context: any thread.
 */
void dm_regions_legs_failed(struct dm_regions *rg)
{
	raw_spin_lock(&rg->lock);
	WRITE_ONCE(rg->legs, DM_LEGS_FAILED);
	raw_spin_unlock(&rg->lock);
}

/**
 * dm_regions_spoil() - the mirror is going to be told that a mark is not durable
 * @rg: the map
 *
 * Context: any thread, before the mirror is told.
 */
void dm_regions_spoil(struct dm_regions *rg)
{
	raw_spin_lock(&rg->lock);
	WRITE_ONCE(rg->spoiled, true);
	raw_spin_unlock(&rg->lock);
}

/* What was not clean when the mirror was suspended may differ. */
static void drop_marked(struct dm_regions *rg)
{
	unsigned long w, nr_words = BITS_TO_LONGS(rg->nr_regions);

	for (w = 0; w < nr_words && (rg->nr_dirty || rg->nr_idle); w++) {
		unsigned long marked, dirty;

		raw_spin_lock(&rg->lock);
		marked = rg->marked[w];
		dirty = marked & rg->second[w];
		WRITE_ONCE(rg->marked[w], 0);
		WRITE_ONCE(rg->second[w], rg->second[w] & ~dirty);
		WRITE_ONCE(rg->nr_nosync, rg->nr_nosync + hweight_long(marked));
		WRITE_ONCE(rg->nr_dirty, rg->nr_dirty - hweight_long(dirty));
		WRITE_ONCE(rg->nr_idle, rg->nr_idle - hweight_long(marked & ~dirty));
		raw_spin_unlock(&rg->lock);
		cond_resched();
	}
}

/**
 * dm_regions_restart() - offer every region that is out of sync again
 * @rg: the map, loaded if it is
 *
 * A region that was written to and not cleared since may differ, though no failure was
 * reported: dm-region-hash does not clear what was in flight when an application's
 * flush failed. One that is idle may, if a leg has failed.
 *
 * Writes do not wait in a first copy, unless a leg failed in it and the mirror handles
 * errors.
 *
 * Context: a resume, while no region is recovering.
 */
void dm_regions_restart(struct dm_regions *rg)
{
	bool suspect = rg->legs != DM_LEGS_GOOD || rg->spoiled;

	if (!rg->held)
		drop_marked(rg);

	rg->cursor = 0;
	rg->recovering = DM_REGIONS_NONE;
	rg->wanted = DM_REGIONS_NONE;
	rg->again = false;
	rg->progress = false;

	raw_spin_lock(&rg->lock);
	/* What a daemon holds for us stays, as long as the log does. */
	if (!rg->held || rg->legs != DM_LEGS_FAILED)
		WRITE_ONCE(rg->legs, rg->nr_nosync &&
			   (READ_ONCE(rg->believed) || (suspect && !rg->given_up)) ?
			   DM_LEGS_BACK : DM_LEGS_GOOD);
	raw_spin_unlock(&rg->lock);
}

/**
 * dm_regions_sync_count() - how many regions are in sync
 * @rg: the map
 *
 * With the last one the mirror forgets which legs have failed, and reads from them
 * again. If one may have lost what was in its cache, that must not be before the next
 * resume: so, with a stable copy, one is missing until then.
 *
 * Context: any.
 * Return: a count that was right at some moment during the call.
 */
u64 dm_regions_sync_count(struct dm_regions *rg)
{
	bool suspect = rg->durable && !dm_regions_may_clean(rg);
	u64 nr;

	/*
	 * Not the legs as a resume leaves them with the regions from before it. Pairs
	 * with the lock in dm_regions_load() and dm_regions_restart().
	 */
	smp_rmb();
	nr = rg->nr_regions - READ_ONCE(rg->nr_nosync);
	if (nr < rg->nr_regions)
		return nr;
	if (suspect)
		return nr - 1;
	WRITE_ONCE(rg->believed, true);
	return nr;
}
