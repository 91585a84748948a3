// SPDX-License-Identifier: GPL-2.0-only
/*
 * The region map: states of regions in memory, and what the mirror's worker does
 * to them. See regions.h for words and rules, regions-stable.c for what has to reach
 * the stable copy.
 *
 *			NOSYNC	  DIRTY	    IDLE      CLEAN	by
 * mark			-	  -	    DIRTY (1) DIRTY,	worker
 *							pend
 * clear		(2)	  IDLE,	    -	      -		worker
 *				    recent (3)
 * set_sync 1: recovered IDLE,	  -	    -	      -		worker
 *			  recent (3)
 * set_sync 1: given up	DIRTY	  -	    -	      -		worker
 * set_sync 0		-	  NOSYNC    NOSYNC    NOSYNC,	worker
 *							pend
 * recovered (4)	IDLE,	  -	    recent    IDLE,	worker
 *			  recent		        recent
 * clean: not recent,	-	  -	    CLEAN,    -		cleaner,
 *   legs flushed			      pend (5)		suspend
 * load			CLEAN or NOSYNC, as the stable copy says	resume
 * load, merge		NOSYNC	  NOSYNC    NOSYNC    CLEAN or	resume
 *							NOSYNC
 *
 * (1) by_region: pend, too	(2) of the region being recovered: so it is "recovered"
 * (3) not durable: CLEAN	(4) that the stable copy chose, not the map
 * (5) or stale, if the mirror is busy
 */

#include <linux/bitmap.h>
#include <linux/bitops.h>
#include <linux/minmax.h>
#include <linux/overflow.h>
#include <linux/printk.h>
#include <linux/sched.h>
#include <linux/string.h>
#include <linux/vmalloc.h>

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
 * Return: zeroed memory, a multiple of 8 bytes, for vfree(); or NULL.
 */
unsigned long *dm_regions_alloc_bitmap(u64 nr)
{
	size_t u64s = DIV_ROUND_UP_ULL(nr, BITS_PER_TYPE(u64));

	/* 32-bit machines can count further than they can address. */
	if (u64s != DIV_ROUND_UP_ULL(nr, BITS_PER_TYPE(u64)))
		return NULL;
	/* Random access to large maps: the fewer pages the better. */
	return vmalloc_huge(array_size(u64s, sizeof(u64)),
			    GFP_KERNEL | __GFP_ZERO | __GFP_NOWARN);
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
	vfree(rg->idle);
	vfree(rg->stale);
	vfree(rg->pending);
	vfree(rg->second);
	vfree(rg->marked);
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
	if (old == DM_REGION_CLEAN || old == DM_REGION_IDLE) {
		if (old == DM_REGION_CLEAN || rg->by_region)
			dm_regions_pend_locked(rg, region / DM_REGIONS_PER_CHUNK);
		set_state(rg, region, old, DM_REGION_DIRTY);
	}
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

/* With the last region in sync the mirror forgets that a leg has failed. */
static void forget_failure(struct dm_regions *rg)
{
	if (rg->nr_nosync)
		return;
	rg->leg_failed = false;
	dm_regions_await_nothing(rg);
}

static void lose_sync(struct dm_regions *rg, unsigned long region)
{
	enum dm_region_state old = dm_regions_state(rg, region);

	rg->leg_failed = true;
	dm_regions_await_nothing(rg);
	if (old == DM_REGION_CLEAN)
		dm_regions_pend_locked(rg, region / DM_REGIONS_PER_CHUNK);
	set_state(rg, region, old, DM_REGION_NOSYNC);
}

static void gain_sync(struct dm_regions *rg, unsigned long region, bool recovered)
{
	if (dm_regions_state(rg, region) != DM_REGION_NOSYNC)
		return;

	/*
	 * Without a clear the region was not recovered, only given up (the
	 * mirror does so when it does not handle errors): readable, but to be
	 * copied after the next start.
	 */
	if (recovered) {
		set_idle(rg, region, DM_REGION_NOSYNC);
	} else {
		set_state(rg, region, DM_REGION_NOSYNC, DM_REGION_DIRTY);
		/* The leg still fails: no write shall wait for one copy after another. */
		dm_regions_await_nothing(rg);
	}
	forget_failure(rg);
}

/**
 * dm_regions_set_sync() - recovery has ended, or a write to a leg has failed
 * @rg: the map
 * @region: its number; ignored with a warning if out of range
 * @in_sync: whether the legs agree now
 *
 * Context: the worker; does not sleep.
 */
void dm_regions_set_sync(struct dm_regions *rg, u64 region, bool in_sync)
{
	bool recovered = false;

	if (!region_exists(rg, region))
		return;

	if (region == rg->recovering) {
		recovered = rg->recovered;
		rg->recovering = DM_REGIONS_NONE;
	}

	raw_spin_lock(&rg->lock);
	if (in_sync)
		gain_sync(rg, region, recovered);
	else
		lose_sync(rg, region);
	raw_spin_unlock(&rg->lock);
}

/**
 * dm_regions_recovered() - a region has been recovered that the map did not choose
 * @rg: a durable map
 * @region: its number; ignored with a warning if out of range
 *
 * For a stable copy that keeps its own account of what is in sync. The region
 * becomes idle: after the next flush of the legs it may be called clean. Nothing
 * has to be committed for that.
 *
 * Context: the worker; does not sleep.
 */
void dm_regions_recovered(struct dm_regions *rg, u64 region)
{
	enum dm_region_state old;

	if (!region_exists(rg, region))
		return;

	raw_spin_lock(&rg->lock);
	old = dm_regions_state(rg, region);
	if (old != DM_REGION_DIRTY)
		set_idle(rg, region, old);
	if (old == DM_REGION_NOSYNC)
		forget_failure(rg);
	raw_spin_unlock(&rg->lock);
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
 * A write to a region under recovery waits for that and then goes on. So after a resume
 * with a failed leg, writes wait until it is the turn of their region, which is at once.
 * If the leg still fails, there is no such turn, and the mirror has its way.
 *
 * Context: the worker; does not sleep.
 * Return: true if so; the region is then the next one to be recovered.
 */
bool dm_regions_awaits_recovery(struct dm_regions *rg, u64 region)
{
	if (likely(!READ_ONCE(rg->recover_first)) || !is_recoverable(rg, region))
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
 * dm_regions_next_resync() - choose the next region to recover
 * @rg: the map
 * @region: set on success only
 *
 * Goes once through the map: a region that fails behind the cursor is offered
 * again after dm_regions_restart_resync() only, so that a dead leg does not make
 * recovery spin. A region that a write waits for has precedence. The mirror recovers
 * one region at a time.
 *
 * Context: the worker, may sleep.
 * Return: true if there is one, which counts as recovering from now on.
 */
bool dm_regions_next_resync(struct dm_regions *rg, u64 *region)
{
	u64 next;

	if (rg->recovering != DM_REGIONS_NONE)
		return false;

	if (READ_ONCE(rg->recover_first) && is_recoverable(rg, rg->wanted)) {
		next = rg->wanted;
		rg->wanted = DM_REGIONS_NONE;
	} else {
		next = dm_regions_next_nosync(rg, rg->cursor);
		rg->cursor = next < rg->nr_regions ? next + 1 : next;
	}
	if (next >= rg->nr_regions)
		return false;

	rg->recovering = next;
	rg->recovered = false;
	*region = next;
	return true;
}

/**
 * dm_regions_restart_resync() - offer every region that is out of sync again
 * @rg: the map
 *
 * Context: a resume, while no region is recovering.
 */
void dm_regions_restart_resync(struct dm_regions *rg)
{
	rg->cursor = 0;
	rg->recovering = DM_REGIONS_NONE;
	rg->wanted = DM_REGIONS_NONE;

	raw_spin_lock(&rg->lock);
	WRITE_ONCE(rg->recover_first, rg->leg_failed && rg->nr_nosync);
	raw_spin_unlock(&rg->lock);
}
