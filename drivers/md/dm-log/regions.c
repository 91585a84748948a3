// SPDX-License-Identifier: GPL-2.0-only
/*
 * The region map: states of regions in memory, and what the mirror's worker does
 * to them. See regions.h for words and rules, regions-stable.c for
 * what has to reach the stable copy.
 */

#include <linux/bitmap.h>
#include <linux/bitops.h>
#include <linux/bug.h>
#include <linux/log2.h>
#include <linux/math64.h>
#include <linux/minmax.h>
#include <linux/overflow.h>
#include <linux/printk.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/vmalloc.h>

#include "regions-private.h"

static_assert(DM_REGIONS_PER_CHUNK % CELLS_PER_WORD == 0);
static_assert(DM_REGION_NOSYNC == 0);

static __always_inline enum dm_region_state
get_cell(const struct dm_regions *rg, u64 region)
{
	unsigned long word = READ_ONCE(rg->cells[region / CELLS_PER_WORD]);

	return word >> (region % CELLS_PER_WORD * CELL_BITS) & CELL_MASK;
}

static __always_inline void
set_cell(struct dm_regions *rg, u64 region, enum dm_region_state state)
{
	unsigned long *cell = &rg->cells[region / CELLS_PER_WORD];
	unsigned int shift = region % CELLS_PER_WORD * CELL_BITS;
	unsigned long word = *cell;

	word &= ~(CELL_MASK << shift);
	word |= (unsigned long)state << shift;
	/* Readers take no lock: they see the old state or the new one. */
	WRITE_ONCE(*cell, word);
}

static __always_inline unsigned long chunk_of(u64 region)
{
	return region / DM_REGIONS_PER_CHUNK;
}

static __always_inline bool region_exists(const struct dm_regions *rg, u64 region)
{
	if (likely(region < rg->nr_regions))
		return true;

	pr_warn_once("device-mapper: dirty region log: region %llu is out of range, expected less than %llu\n",
		     region, rg->nr_regions);
	return false;
}

/**
 * dm_regions_alloc_bitmap() - allocate a bitmap, of any length
 * @nr: number of bits
 *
 * Context: process context, may sleep.
 * Return: zeroed memory, for vfree(); or NULL.
 */
unsigned long *dm_regions_alloc_bitmap(u64 nr)
{
	size_t words = DIV_ROUND_UP_ULL(nr, BITS_PER_LONG);

	/* 32-bit machines can count further than they can address. */
	if (words != DIV_ROUND_UP_ULL(nr, BITS_PER_LONG))
		return NULL;
	/* Random access to large maps: the fewer pages the better. */
	return vmalloc_huge(array_size(words, sizeof(unsigned long)),
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
 * Return: 0, -ENOMEM, or -EFBIG if this machine cannot address such a map.
 *	After an error dm_regions_exit() may but need not be called.
 */
int dm_regions_init(struct dm_regions *rg, u64 nr_regions,
		    enum dm_region_state state, bool durable)
{
	u64 nr_words = DIV_ROUND_UP_ULL(nr_regions, CELLS_PER_WORD);

	memset(rg, 0, sizeof(*rg));
	raw_spin_lock_init(&rg->lock);
	rg->nr_regions = nr_regions;
	rg->durable = durable;
	rg->recovering = DM_REGIONS_NONE;
	rg->wanted = DM_REGIONS_NONE;

	rg->nr_cell_words = nr_words;
	if (rg->nr_cell_words != nr_words)
		return -EFBIG;
	rg->nr_chunks = DIV_ROUND_UP_ULL(nr_words, CHUNK_WORDS);

	rg->cells = dm_regions_alloc_bitmap(nr_words * BITS_PER_LONG);
	if (!rg->cells)
		return -ENOMEM;
	rg->cells[rg->nr_cell_words - 1] |=
		padding_cells(rg, rg->nr_cell_words - 1);
	rg->nr_nosync = nr_regions;

	if (durable) {
		rg->idle = dm_regions_alloc_bitmap(rg->nr_chunks);
		rg->pending = dm_regions_alloc_bitmap(rg->nr_chunks);
		rg->stale = dm_regions_alloc_bitmap(rg->nr_chunks);
		if (!rg->idle || !rg->pending || !rg->stale) {
			dm_regions_exit(rg);
			return -ENOMEM;
		}
	}

	if (state == DM_REGION_CLEAN)
		dm_regions_fill(rg, state);
	return 0;
}

/**
 * dm_regions_exit() - free a map; also one that was never or only partly set up
 * @rg: zeroed memory, or what dm_regions_init() was called for
 *
 * Context: process context, may sleep.
 */
void dm_regions_exit(struct dm_regions *rg)
{
	vfree(rg->stale);
	vfree(rg->pending);
	vfree(rg->idle);
	vfree(rg->cells);
	memset(rg, 0, sizeof(*rg));
}

/* All writes to an in-sync region have ended, or it has been recovered. */
static __always_inline void set_idle(struct dm_regions *rg, u64 region)
{
	if (!rg->durable) {
		set_cell(rg, region, DM_REGION_CLEAN);
		return;
	}

	__set_bit(region % DM_REGIONS_RECENT, rg->recent);
	set_cell(rg, region, DM_REGION_IDLE);
	__set_bit(chunk_of(region), rg->idle);
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
	if (!region_exists(rg, region))
		return;

	raw_spin_lock(&rg->lock);
	switch (get_cell(rg, region)) {
	case DM_REGION_CLEAN:
		pend_chunk(rg, chunk_of(region));
		set_cell(rg, region, DM_REGION_DIRTY);
		add_marked(rg, 1);
		add_dirty(rg, 1);
		break;
	case DM_REGION_IDLE:
		set_cell(rg, region, DM_REGION_DIRTY);
		add_dirty(rg, 1);
		if (rg->by_region)
			pend_chunk(rg, chunk_of(region));
		break;
	case DM_REGION_DIRTY:
	case DM_REGION_NOSYNC:
		break;
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

	raw_spin_lock(&rg->lock);
	switch (get_cell(rg, region)) {
	case DM_REGION_DIRTY:
		add_dirty(rg, -1);
		set_idle(rg, region);
		break;
	case DM_REGION_NOSYNC:
		if (region == rg->recovering)
			rg->recovered = true;
		break;
	case DM_REGION_IDLE:
	case DM_REGION_CLEAN:
		break;
	}
	raw_spin_unlock(&rg->lock);
}

/* A region gets in sync. With the last one, the mirror forgets that a leg has failed. */
static void sub_nosync(struct dm_regions *rg)
{
	WRITE_ONCE(rg->nr_nosync, rg->nr_nosync - 1);
	if (!rg->nr_nosync) {
		rg->leg_failed = false;
		dm_regions_await_nothing(rg);
	}
}

static void lose_sync(struct dm_regions *rg, u64 region)
{
	rg->leg_failed = true;
	dm_regions_await_nothing(rg);

	switch (get_cell(rg, region)) {
	case DM_REGION_NOSYNC:
		return;
	case DM_REGION_DIRTY:
		add_dirty(rg, -1);
		fallthrough;
	case DM_REGION_IDLE:
		add_marked(rg, -1);
		break;
	case DM_REGION_CLEAN:
		pend_chunk(rg, chunk_of(region));
		break;
	}
	set_cell(rg, region, DM_REGION_NOSYNC);
	WRITE_ONCE(rg->nr_nosync, rg->nr_nosync + 1);
}

static void gain_sync(struct dm_regions *rg, u64 region, bool recovered)
{
	if (get_cell(rg, region) != DM_REGION_NOSYNC)
		return;

	/*
	 * Without a clear the region was not recovered, only given up (the
	 * mirror does so when it does not handle errors): readable, but to be
	 * copied after the next start.
	 */
	add_marked(rg, 1);
	if (recovered) {
		set_idle(rg, region);
	} else {
		set_cell(rg, region, DM_REGION_DIRTY);
		add_dirty(rg, 1);
		/* The leg still fails: no write shall wait for one copy after another. */
		dm_regions_await_nothing(rg);
	}
	sub_nosync(rg);
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

	raw_spin_lock(&rg->lock);
	if (region == rg->recovering) {
		recovered = rg->recovered;
		rg->recovering = DM_REGIONS_NONE;
	}

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
	if (!region_exists(rg, region))
		return;

	raw_spin_lock(&rg->lock);
	switch (get_cell(rg, region)) {
	case DM_REGION_NOSYNC:
		sub_nosync(rg);
		add_marked(rg, 1);
		set_idle(rg, region);
		break;
	case DM_REGION_CLEAN:
		add_marked(rg, 1);
		set_idle(rg, region);
		break;
	case DM_REGION_IDLE:
		/* Recovered again, so flush the legs again. */
		__set_bit(region % DM_REGIONS_RECENT, rg->recent);
		break;
	case DM_REGION_DIRTY:
		break;
	}
	raw_spin_unlock(&rg->lock);
}

/* A region that is out of sync and may be offered for recovery */
static bool is_recoverable(const struct dm_regions *rg, u64 region)
{
	return region < rg->nr_regions && region != rg->recovering &&
	       get_cell(rg, region) == DM_REGION_NOSYNC;
}

/* dm_regions_awaits_recovery(), if there is something to wait for. */
bool dm_regions_awaits_recovery_slow(struct dm_regions *rg, u64 region)
{
	bool waits = is_recoverable(rg, region);

	if (waits && !is_recoverable(rg, rg->wanted))
		rg->wanted = region;
	return waits;
}

/**
 * dm_regions_next_nosync() - find a region that is out of sync
 * @rg: the map
 * @from: the region to begin with
 *
 * Context: any thread, may sleep. A region that changes meanwhile is found or not.
 * Return: its number, or the number of regions if there is none.
 */
u64 dm_regions_next_nosync(struct dm_regions *rg, u64 from)
{
	while (from < rg->nr_regions && READ_ONCE(rg->nr_nosync)) {
		unsigned long chunk = chunk_of(from), w = from / CELLS_PER_WORD;
		unsigned long end = chunk_first_word(chunk) + chunk_nr_words(rg, chunk);

		for (; w < end; w++) {
			unsigned long found = cells_nosync(READ_ONCE(rg->cells[w]));
			u64 first = (u64)w * CELLS_PER_WORD;

			if (from > first)
				found &= ~0UL << (from - first) * CELL_BITS;
			if (found)
				return first + __ffs(found) / CELL_BITS;
		}
		from = (u64)end * CELLS_PER_WORD;
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
	u64 next = rg->nr_regions;

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
 * Context: any thread, while no region is recovering.
 */
void dm_regions_restart_resync(struct dm_regions *rg)
{
	raw_spin_lock(&rg->lock);
	rg->cursor = 0;
	rg->recovering = DM_REGIONS_NONE;
	rg->wanted = DM_REGIONS_NONE;
	WRITE_ONCE(rg->recover_first, rg->leg_failed && rg->nr_nosync);
	raw_spin_unlock(&rg->lock);
}
