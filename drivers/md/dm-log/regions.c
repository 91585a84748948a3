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

/* Enough to tell hot regions apart; 8 KiB for both bitmaps. */
#define RECENT_MAX_BITS		SZ_32K

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
 * dm_regions_init() - allocate a map
 * @rg: what to set up
 * @nr_regions: number of regions, at least 1
 * @state: DM_REGION_NOSYNC or DM_REGION_CLEAN, for all regions
 * @durable: there will be a stable copy
 *
 * Memory: 2 bits per region, 6 bits per chunk of 4096 regions and their
 * summaries, and if @durable at most 8 KiB more.
 *
 * Context: process context, may sleep.
 * Return: 0, -ENOMEM, or -EFBIG if this machine cannot address such a map.
 *	After an error dm_regions_exit() may but need not be called.
 */
int dm_regions_init(struct dm_regions *rg, u64 nr_regions,
		    enum dm_region_state state, bool durable)
{
	u64 nr_words = DIV_ROUND_UP_ULL(nr_regions, CELLS_PER_WORD);
	size_t bytes;
	int i, r;

	memset(rg, 0, sizeof(*rg));
	raw_spin_lock_init(&rg->lock);
	rg->nr_regions = nr_regions;
	rg->durable = durable;
	rg->wanted = DM_REGIONS_NONE;

	rg->nr_cell_words = nr_words;
	if (rg->nr_cell_words != nr_words ||
	    check_mul_overflow(rg->nr_cell_words, sizeof(unsigned long), &bytes))
		return -EFBIG;
	rg->nr_chunks = DIV_ROUND_UP_ULL(nr_words, CHUNK_WORDS);

	r = -ENOMEM;
	/* Random access to large maps: the fewer pages the better. */
	rg->cells = vmalloc_huge(bytes, GFP_KERNEL | __GFP_ZERO | __GFP_NOWARN);
	if (!rg->cells)
		goto bad;
	rg->cells[rg->nr_cell_words - 1] |=
		padding_cells(rg, rg->nr_cell_words - 1);

	r = dm_log_summary_init(&rg->nosync, rg->nr_chunks);
	if (r)
		goto bad;
	dm_log_summary_set_all(&rg->nosync);
	rg->nr_nosync = nr_regions;

	if (durable) {
		r = dm_log_summary_init(&rg->idle, rg->nr_chunks);
		if (!r)
			r = dm_log_summary_init(&rg->pending, rg->nr_chunks);
		for (i = 0; !r && i < ARRAY_SIZE(rg->cleaned); i++)
			r = dm_log_summary_init(&rg->cleaned[i], rg->nr_chunks);
		if (r)
			goto bad;

		rg->unclean = __vmalloc(BITS_TO_LONGS(rg->nr_chunks) *
					sizeof(unsigned long),
					GFP_KERNEL | __GFP_NOWARN);
		if (!rg->unclean) {
			r = -ENOMEM;
			goto bad;
		}
		memset(rg->unclean, 0xff, BITS_TO_LONGS(rg->nr_chunks) *
		       sizeof(unsigned long));

		rg->recent_mask = (nr_regions >= RECENT_MAX_BITS ?
				   RECENT_MAX_BITS :
				   roundup_pow_of_two((unsigned long)nr_regions)) - 1;
		for (i = 0; i < ARRAY_SIZE(rg->recent); i++) {
			rg->recent[i] = bitmap_zalloc(rg->recent_mask + 1, GFP_KERNEL);
			if (!rg->recent[i]) {
				r = -ENOMEM;
				goto bad;
			}
		}
		rg->fresh = rg->recent[0];
	}

	if (state == DM_REGION_CLEAN)
		dm_regions_fill(rg, state);
	return 0;

bad:
	dm_regions_exit(rg);
	return r;
}

/**
 * dm_regions_exit() - free a map; also one that was never or only partly set up
 * @rg: zeroed memory, or what dm_regions_init() was called for
 *
 * Context: process context, may sleep.
 */
void dm_regions_exit(struct dm_regions *rg)
{
	bitmap_free(rg->recent[0]);
	bitmap_free(rg->recent[1]);
	dm_log_summary_exit(&rg->cleaned[0]);
	dm_log_summary_exit(&rg->cleaned[1]);
	dm_log_summary_exit(&rg->pending);
	dm_log_summary_exit(&rg->idle);
	vfree(rg->unclean);
	dm_log_summary_exit(&rg->nosync);
	vfree(rg->cells);
	memset(rg, 0, sizeof(*rg));
}

/* A region of the chunk stops to be clean: the stable copy has to know. */
static void leave_clean(struct dm_regions *rg, unsigned long chunk)
{
	if (!rg->durable)
		return;
	if (!test_bit(chunk, rg->unclean))
		__set_bit(chunk, rg->unclean);
	pend_chunk(rg, chunk);
}

/* All writes to an in-sync region have ended, or it has been recovered. */
static __always_inline void set_idle(struct dm_regions *rg, u64 region)
{
	if (!rg->durable) {
		set_cell(rg, region, DM_REGION_CLEAN);
		return;
	}

	/* First the bit that keeps the cleaner off, see dm_regions_end_clean() */
	__set_bit(region & rg->recent_mask, rg->fresh);
	set_cell(rg, region, DM_REGION_IDLE);
	if (!dm_log_summary_test(&rg->idle, chunk_of(region)))
		dm_log_summary_set(&rg->idle, chunk_of(region));
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
		leave_clean(rg, chunk_of(region));
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

static int find_recovering(const struct dm_regions *rg, u64 region)
{
	int i;

	for (i = 0; i < rg->nr_recovering; i++)
		if (rg->recovering[i].region == region)
			return i;
	return -ENOENT;
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
	int i;

	if (!region_exists(rg, region))
		return;

	raw_spin_lock(&rg->lock);
	switch (get_cell(rg, region)) {
	case DM_REGION_DIRTY:
		add_dirty(rg, -1);
		set_idle(rg, region);
		break;
	case DM_REGION_NOSYNC:
		i = find_recovering(rg, region);
		if (i >= 0)
			rg->recovering[i].cleared = true;
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
		leave_clean(rg, chunk_of(region));
		break;
	}
	set_cell(rg, region, DM_REGION_NOSYNC);
	WRITE_ONCE(rg->nr_nosync, rg->nr_nosync + 1);
	dm_log_summary_set(&rg->nosync, chunk_of(region));
}

static void gain_sync(struct dm_regions *rg, u64 region, bool cleared)
{
	if (get_cell(rg, region) != DM_REGION_NOSYNC)
		return;

	/*
	 * Without a clear the region was not recovered, only given up (the
	 * mirror does so when it does not handle errors): readable, but to be
	 * copied after the next start.
	 */
	add_marked(rg, 1);
	if (cleared) {
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
	bool cleared = false;
	int i;

	if (!region_exists(rg, region))
		return;

	raw_spin_lock(&rg->lock);
	i = find_recovering(rg, region);
	if (i >= 0) {
		cleared = rg->recovering[i].cleared;
		rg->recovering[i] = rg->recovering[--rg->nr_recovering];
	}

	if (in_sync)
		gain_sync(rg, region, cleared);
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
		__set_bit(chunk_of(region), rg->unclean);
		add_marked(rg, 1);
		set_idle(rg, region);
		break;
	case DM_REGION_IDLE:
		/* Recovered again, so flush the legs again. */
		__set_bit(region & rg->recent_mask, rg->fresh);
		break;
	case DM_REGION_DIRTY:
		break;
	}
	raw_spin_unlock(&rg->lock);
}

/* A region that is out of sync and may be offered for recovery */
static bool is_recoverable(const struct dm_regions *rg, u64 region)
{
	return region < rg->nr_regions && get_cell(rg, region) == DM_REGION_NOSYNC &&
	       find_recovering(rg, region) < 0;
}

/* dm_regions_awaits_recovery(), if there is something to wait for. */
bool dm_regions_awaits_recovery_slow(struct dm_regions *rg, u64 region)
{
	bool waits;

	raw_spin_lock(&rg->lock);
	waits = is_recoverable(rg, region);
	if (waits && !is_recoverable(rg, rg->wanted))
		rg->wanted = region;
	raw_spin_unlock(&rg->lock);
	return waits;
}

/* First NOSYNC region of the chunk that is at or after @from and not recovering. */
static bool next_resync_in_chunk(const struct dm_regions *rg, unsigned long chunk,
				 u64 from, u64 *region, bool *any)
{
	unsigned long first = chunk_first_word(chunk);
	unsigned long w = max_t(u64, first, from / CELLS_PER_WORD);
	unsigned long end = first + chunk_nr_words(rg, chunk);

	/* What lies before @from was not looked at. */
	*any = w != first;
	for (; w < end; w++) {
		unsigned long found = cells_nosync(rg->cells[w]);

		*any |= found != 0;
		for (; found; found &= found - 1) {
			u64 candidate = (u64)w * CELLS_PER_WORD +
					__ffs(found) / CELL_BITS;

			if (candidate >= from &&
			    find_recovering(rg, candidate) < 0) {
				*region = candidate;
				return true;
			}
		}
	}
	return false;
}

/**
 * dm_regions_next_resync() - choose the next region to recover
 * @rg: the map
 * @region: set on success only
 *
 * Goes once through the map: a region that fails behind the cursor is offered
 * again after dm_regions_restart_resync() only, so that a dead leg does not make
 * recovery spin. A region that a write waits for has precedence.
 *
 * Context: the worker; does not sleep.
 * Return: true if there is one, which counts as recovering from now on.
 */
bool dm_regions_next_resync(struct dm_regions *rg, u64 *region)
{
	bool found = false, any;
	unsigned long chunk;

	raw_spin_lock(&rg->lock);
	if (rg->nr_recovering == DM_REGIONS_MAX_RECOVERING)
		goto out;

	if (READ_ONCE(rg->recover_first) && is_recoverable(rg, rg->wanted)) {
		*region = rg->wanted;
		rg->wanted = DM_REGIONS_NONE;
		found = true;
		goto offer;
	}

	if (rg->cursor >= rg->nr_regions)
		goto out;

	chunk = dm_log_summary_next(&rg->nosync, chunk_of(rg->cursor));
	for (; chunk < rg->nr_chunks;
	     chunk = dm_log_summary_next(&rg->nosync, chunk + 1)) {
		found = next_resync_in_chunk(rg, chunk, rg->cursor, region, &any);
		if (found)
			break;
		if (!any)
			dm_log_summary_clear(&rg->nosync, chunk);
	}

	rg->cursor = found ? *region + 1 : rg->nr_regions;
offer:
	if (found) {
		rg->recovering[rg->nr_recovering].region = *region;
		rg->recovering[rg->nr_recovering].cleared = false;
		rg->nr_recovering++;
	}
out:
	raw_spin_unlock(&rg->lock);
	return found;
}

/**
 * dm_regions_next_nosync() - find a region that is out of sync
 * @rg: the map
 * @from: the region to begin with
 *
 * Context: any thread.
 * Return: its number, or the number of regions if there is none.
 */
u64 dm_regions_next_nosync(struct dm_regions *rg, u64 from)
{
	u64 region = rg->nr_regions;
	unsigned long chunk;

	raw_spin_lock(&rg->lock);
	if (from < rg->nr_regions && rg->nr_nosync) {
		for (chunk = dm_log_summary_next(&rg->nosync, chunk_of(from));
		     chunk < rg->nr_chunks && region == rg->nr_regions;
		     chunk = dm_log_summary_next(&rg->nosync, chunk + 1)) {
			unsigned long w = max_t(u64, chunk_first_word(chunk),
						from / CELLS_PER_WORD);
			unsigned long end = chunk_first_word(chunk) +
					    chunk_nr_words(rg, chunk);

			for (; w < end && region == rg->nr_regions; w++) {
				unsigned long found = cells_nosync(rg->cells[w]);
				u64 first = (u64)w * CELLS_PER_WORD;

				if (from > first)
					found &= ~0UL << (from - first) * CELL_BITS;
				if (found)
					region = first + __ffs(found) / CELL_BITS;
			}
		}
	}
	raw_spin_unlock(&rg->lock);
	return region;
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
	rg->nr_recovering = 0;
	rg->wanted = DM_REGIONS_NONE;
	WRITE_ONCE(rg->recover_first, rg->leg_failed && rg->nr_nosync);
	raw_spin_unlock(&rg->lock);
}
