// SPDX-License-Identifier: GPL-2.0-only
/*
 * The region map and a daemon, which is told region by region: which have to be marked,
 * which it holds marked, and which may be cleared. See regions.h for words and rules,
 * regions.c for the table of states.
 *
 * CLEAN is a region for which the daemon has no mark of ours. A region is held once it
 * has confirmed the mark, and ceases to be in the same moment in which it is seen to be
 * idle, before CLEAR is sent: what becomes of that does not matter then, since the next
 * write to it finds it not held, and its mark queues behind the CLEAR.
 *
 * All but what regions.c does is serialised by the caller.
 */

#include <linux/bitops.h>
#include <linux/sched.h>

#include "regions.h"

#define CHUNK_WORDS		(DM_REGIONS_PER_CHUNK / BITS_PER_LONG)
#define RECENT_WORDS		(DM_REGIONS_RECENT / BITS_PER_LONG)

static unsigned long end_word(const struct dm_regions *rg, unsigned long chunk)
{
	return min_t(u64, (chunk + 1) * CHUNK_WORDS, BITS_TO_LONGS(rg->nr_regions));
}

/**
 * dm_regions_init_held() - the stable copy is told of regions
 * @rg: the map, all CLEAN
 *
 * Memory: 1 bit per region. Freed by dm_regions_exit().
 *
 * Context: process context, may sleep.
 * Return: 0 or -ENOMEM.
 */
int dm_regions_init_held(struct dm_regions *rg)
{
	rg->held = dm_regions_alloc_bitmap(rg->nr_regions);
	return rg->held ? 0 : -ENOMEM;
}

/* Add the regions of a word to a batch. Return: the new length, or @max + 1. */
static unsigned int add(u64 *batch, unsigned int nr, unsigned int max, unsigned long w,
			unsigned long found)
{
	for (; found; found &= found - 1) {
		if (nr == max)
			return max + 1;
		batch[nr++] = (u64)w * BITS_PER_LONG + __ffs(found);
	}
	return nr;
}

/**
 * dm_regions_pick_unheld() - which regions of a chunk have to be marked?
 * @rg: the map
 * @chunk: its number, taken
 * @idle_too: not only where a write may be in flight or has failed
 * @batch: where their numbers go
 * @nr: how many are there
 * @max: how many there may be
 *
 * Context: any thread.
 * Return: how many are there now; @max + 1 if there were more.
 */
unsigned int dm_regions_pick_unheld(struct dm_regions *rg, unsigned long chunk,
				    bool idle_too, u64 *batch, unsigned int nr,
				    unsigned int max)
{
	unsigned long w, end = end_word(rg, chunk);

	raw_spin_lock(&rg->lock);
	for (w = chunk * CHUNK_WORDS; w < end && nr <= max; w++) {
		/* DIRTY or NOSYNC */
		unsigned long found = ~(rg->marked[w] ^ rg->second[w]);

		if (idle_too)
			found |= rg->marked[w];
		nr = add(batch, nr, max, w, found & ~rg->held[w]);
	}
	raw_spin_unlock(&rg->lock);
	return nr;
}

/**
 * dm_regions_pick_held() - which regions does the daemon hold marked?
 * @rg: the map
 * @from: the region to begin with; set to where to go on
 * @batch: where their numbers go
 * @max: how many there may be
 *
 * Context: any thread, may sleep.
 * Return: their number; less than @max at the end of the map.
 */
unsigned int dm_regions_pick_held(struct dm_regions *rg, u64 *from, u64 *batch,
				  unsigned int max)
{
	unsigned int nr = 0;

	while (*from < rg->nr_regions && nr < max && READ_ONCE(rg->nr_held)) {
		unsigned long end = end_word(rg, *from / DM_REGIONS_PER_CHUNK) * BITS_PER_LONG;
		unsigned long region = *from;

		end = min(end, rg->nr_regions);
		raw_spin_lock(&rg->lock);
		for (; nr < max; region++) {
			region = find_next_bit(rg->held, end, region);
			if (region >= end)
				break;
			batch[nr++] = region;
		}
		raw_spin_unlock(&rg->lock);
		*from = region;
		cond_resched();
	}
	return nr;
}

/**
 * dm_regions_pick_idle() - which regions may be cleared?
 * @rg: the map, with the legs flushed since dm_regions_forget_recent()
 * @from: the region to begin with; set to where to go on
 * @batch: where their numbers go
 * @max: how many there may be
 *
 * They are not held any more.
 *
 * Context: any thread, may sleep.
 * Return: their number; 0 at the end of the map, or if a leg has failed.
 */
unsigned int dm_regions_pick_idle(struct dm_regions *rg, u64 *from, u64 *batch,
				  unsigned int max)
{
	unsigned long w = *from / BITS_PER_LONG, nr_words = BITS_TO_LONGS(rg->nr_regions);
	unsigned int i, before, nr = 0;

	while (w < nr_words && nr < max) {
		unsigned long chunk = w / CHUNK_WORDS, end = end_word(rg, chunk), any = 0;
		bool whole = w == chunk * CHUNK_WORDS;

		raw_spin_lock(&rg->lock);
		if (!dm_regions_may_clean(rg)) {
			raw_spin_unlock(&rg->lock);
			break;
		}
		if (!test_bit(chunk, rg->idle))
			w = end;
		before = nr;
		/* A word's regions go together. */
		for (; w < end && nr + BITS_PER_LONG <= max; w++) {
			unsigned long idle = rg->marked[w] & ~rg->second[w];

			any |= idle;
			nr = add(batch, nr, max, w, idle & ~rg->recent[w % RECENT_WORDS]);
		}
		for (i = before; i < nr; i++)
			dm_regions_drop_held(rg, batch[i]);
		if (whole && w == end && !any)
			__clear_bit(chunk, rg->idle);
		raw_spin_unlock(&rg->lock);
		if (w < end)
			break;
		cond_resched();
	}
	*from = (u64)w * BITS_PER_LONG;
	return nr;
}

/**
 * dm_regions_hold() - the daemon has confirmed marks
 * @rg: the map
 * @batch: of these regions, and SET_REGION_SYNC 0 where they were NOSYNC
 * @nr: how many
 *
 * What has failed since then, and is pending again for that, is not held.
 *
 * Context: any thread.
 */
void dm_regions_hold(struct dm_regions *rg, const u64 *batch, unsigned int nr)
{
	raw_spin_lock(&rg->lock);
	while (nr--) {
		if (!dm_regions_in_sync(rg, batch[nr]) &&
		    test_bit(batch[nr] / DM_REGIONS_PER_CHUNK, rg->pending))
			continue;
		if (!__test_and_set_bit(batch[nr], rg->held))
			WRITE_ONCE(rg->nr_held, rg->nr_held + 1);
	}
	raw_spin_unlock(&rg->lock);
}

/**
 * dm_regions_set_clean() - the daemon has confirmed that marks are cleared
 * @rg: the map
 * @batch: what dm_regions_pick_idle() has said
 * @nr: how many
 *
 * What was written to since then stays as it is.
 *
 * Context: any thread.
 */
void dm_regions_set_clean(struct dm_regions *rg, const u64 *batch, unsigned int nr)
{
	raw_spin_lock(&rg->lock);
	while (nr--) {
		unsigned long w = BIT_WORD(batch[nr]), mask = BIT_MASK(batch[nr]);

		if (dm_regions_state(rg, batch[nr]) != DM_REGION_IDLE ||
		    dm_regions_is_held(rg, batch[nr]) ||
		    test_bit(batch[nr] % DM_REGIONS_RECENT, rg->recent))
			continue;
		WRITE_ONCE(rg->second[w], rg->second[w] | mask);
		/* Pairs with dm_regions_state(). */
		smp_wmb();
		WRITE_ONCE(rg->marked[w], rg->marked[w] & ~mask);
		WRITE_ONCE(rg->nr_idle, rg->nr_idle - 1);
	}
	raw_spin_unlock(&rg->lock);
}

/**
 * dm_regions_forget_held() - there is another daemon
 * @rg: the map
 *
 * Every chunk that has a region that is not clean has to be committed.
 *
 * Context: any thread, may sleep.
 */
void dm_regions_forget_held(struct dm_regions *rg)
{
	unsigned long chunk, w;

	for (chunk = 0; chunk < rg->nr_chunks; chunk++) {
		unsigned long unclean = 0, end = end_word(rg, chunk);

		raw_spin_lock(&rg->lock);
		for (w = chunk * CHUNK_WORDS; w < end; w++) {
			unclean |= ~rg->second[w] | rg->marked[w];
			WRITE_ONCE(rg->nr_held, rg->nr_held - hweight_long(rg->held[w]));
			WRITE_ONCE(rg->held[w], 0);
		}
		if (unclean)
			dm_regions_pend_locked(rg, chunk);
		raw_spin_unlock(&rg->lock);
		cond_resched();
	}
}
