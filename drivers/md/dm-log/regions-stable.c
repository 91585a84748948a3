// SPDX-License-Identifier: GPL-2.0-only
/*
 * The region map and its stable copy: taking states over from it, cleaning idle
 * regions, and what has to be committed. See regions.h for words and
 * rules, regions.c for the other half.
 *
 * Age. A region that has just become idle is likely to be written again, so it
 * is cleaned only after it has been idle for a whole period. A small bitmap in which
 * many regions share a bit does for that: a shared bit can only delay cleaning. The
 * same bitmap carries the safety rule that a region which was written after the legs
 * began to be flushed must not be cleaned: its bit is set by the clear, and stays until
 * the bitmap is emptied, which is before the next flush of the legs begins.
 */

#include <linux/bitmap.h>
#include <linux/bitops.h>
#include <linux/minmax.h>
#include <linux/sched.h>
#include <linux/string.h>

#include "regions.h"

#define WORDS_PER_U64		(64 / BITS_PER_LONG)
#define CHUNK_WORDS		(DM_REGIONS_CHUNK_U64S * WORDS_PER_U64)
#define RECENT_WORDS		(DM_REGIONS_RECENT / BITS_PER_LONG)
/* How many are searched without a pause: as much memory as the recent ones have. */
#define CHUNKS_AT_ONCE		DM_REGIONS_RECENT

/* A chunk's words of the bitmaps of regions. */
static unsigned long first_word(unsigned long chunk)
{
	return chunk * CHUNK_WORDS;
}

static unsigned long end_word(const struct dm_regions *rg, unsigned long chunk)
{
	return first_word(chunk) + dm_regions_chunk_u64s(rg, chunk) * WORDS_PER_U64;
}

/* The bits of a word that stand for no region, for all that is loaded CLEAN. */
static unsigned long padding(const struct dm_regions *rg, unsigned long w)
{
	u64 first = (u64)w * BITS_PER_LONG;

	if (first >= rg->nr_regions)
		return ~0UL;
	return rg->nr_regions - first >= BITS_PER_LONG ? 0 : ~0UL << (rg->nr_regions - first);
}

static unsigned long clean_word(const struct dm_regions *rg, unsigned long w)
{
	return rg->second[w] & ~rg->marked[w];
}

/**
 * dm_regions_load() - take over a chunk's clean bits from the stable copy
 * @rg: the map
 * @chunk: its number
 * @bits: dm_regions_chunk_u64s() numbers; bit n % 64 of number n / 64 belongs to
 *	the chunk's region n. Bits past the last region are ignored.
 * @merge: the stable copy may have missed a commit: only what is CLEAN stays so
 *
 * Regions become CLEAN or NOSYNC; whatever was pending in the chunk is
 * forgotten. The count of regions in sync never passes through a value that
 * neither the old nor the new states give.
 *
 * Context: any thread.
 * Return: true if a bit was 1 and its region is NOSYNC now.
 */
bool dm_regions_load(struct dm_regions *rg, unsigned long chunk, const u64 *bits,
		     bool merge)
{
	unsigned long w, first = first_word(chunk), end = end_word(rg, chunk);
	long nosync = 0, dirty = 0, idle = 0;
	bool changed = false;

	raw_spin_lock(&rg->lock);
	for (w = first; w < end; w++) {
		unsigned long marked = rg->marked[w], second = rg->second[w];
		unsigned long i = w - first;
		unsigned long clean = bits[i / WORDS_PER_U64] >>
				      i % WORDS_PER_U64 * BITS_PER_LONG;

		clean |= padding(rg, w);
		if (merge) {
			changed |= clean & ~clean_word(rg, w);
			clean &= clean_word(rg, w);
		}
		nosync += hweight_long(~clean) - hweight_long(~(marked | second));
		dirty += hweight_long(marked & second);
		idle += hweight_long(marked & ~second);

		WRITE_ONCE(rg->second[w], second | clean);
		/* Pairs with dm_regions_state(). */
		smp_wmb();
		WRITE_ONCE(rg->marked[w], 0);
		WRITE_ONCE(rg->second[w], clean);
	}
	WRITE_ONCE(rg->nr_nosync, rg->nr_nosync + nosync);
	WRITE_ONCE(rg->nr_dirty, rg->nr_dirty - dirty);
	WRITE_ONCE(rg->nr_idle, rg->nr_idle - idle);
	if (rg->durable) {
		__clear_bit(chunk, rg->idle);
		__clear_bit(chunk, rg->stale);
		if (__test_and_clear_bit(chunk, rg->pending))
			WRITE_ONCE(rg->nr_uncommitted, rg->nr_uncommitted - 1);
	}
	raw_spin_unlock(&rg->lock);
	return changed;
}

/**
 * dm_regions_fill() - set all regions to one state
 * @rg: the map
 * @state: DM_REGION_NOSYNC or DM_REGION_CLEAN
 *
 * Like dm_regions_load() of every chunk with the same bits. Costs nothing if the
 * regions are in that state already.
 *
 * Context: any thread, may sleep.
 */
void dm_regions_fill(struct dm_regions *rg, enum dm_region_state state)
{
	u64 bits[DM_REGIONS_CHUNK_U64S];
	unsigned long chunk;

	if (!rg->nr_uncommitted &&
	    ((state == DM_REGION_NOSYNC && rg->nr_nosync == rg->nr_regions) ||
	     (state == DM_REGION_CLEAN &&
	      !(rg->nr_nosync | rg->nr_dirty | rg->nr_idle))))
		return;

	memset(bits, state == DM_REGION_CLEAN ? 0xff : 0, sizeof(bits));
	for (chunk = 0; chunk < rg->nr_chunks; chunk++) {
		dm_regions_load(rg, chunk, bits, false);
		cond_resched();
	}
}

/**
 * dm_regions_image() - a chunk's clean bits, as the stable copy should have them
 * @rg: a durable map
 * @chunk: its number
 * @bits: filled, in the form of dm_regions_load(); bits past the last region
 *	are 0
 * @nr_u64s: how many numbers are wanted
 *
 * Context: any thread.
 */
void dm_regions_image(struct dm_regions *rg, unsigned long chunk, u64 *bits,
		      unsigned int nr_u64s)
{
	unsigned long i, w = first_word(chunk);

	memset(bits, 0, nr_u64s * sizeof(*bits));
	raw_spin_lock(&rg->lock);
	for (i = 0; i < nr_u64s * WORDS_PER_U64 && w + i < end_word(rg, chunk); i++)
		bits[i / WORDS_PER_U64] |=
			(u64)(clean_word(rg, w + i) & ~padding(rg, w + i)) <<
			i % WORDS_PER_U64 * BITS_PER_LONG;
	raw_spin_unlock(&rg->lock);
}

/**
 * dm_regions_forget_recent() - what has ended until now may be cleaned
 * @rg: a durable map
 *
 * Before a flush of the legs begins, or after the regions that it allows were cleaned:
 * then no region can be cleaned whose last write ended after the flush had begun.
 *
 * Context: any thread.
 */
void dm_regions_forget_recent(struct dm_regions *rg)
{
	raw_spin_lock(&rg->lock);
	bitmap_zero(rg->recent, DM_REGIONS_RECENT);
	raw_spin_unlock(&rg->lock);
}

static unsigned int clean_chunk(struct dm_regions *rg, unsigned long chunk, bool defer)
{
	unsigned long w, left = 0, end = end_word(rg, chunk);
	unsigned int nr = 0;

	raw_spin_lock(&rg->lock);
	/* A failure may have been reported since the legs were flushed. */
	if (!dm_regions_may_clean(rg))
		goto out;
	for (w = first_word(chunk); w < end; w++) {
		unsigned long idle = rg->marked[w] & ~rg->second[w];
		unsigned long clean = idle & ~rg->recent[w % RECENT_WORDS];

		left |= idle & ~clean;
		if (!clean)
			continue;
		nr += hweight_long(clean);
		WRITE_ONCE(rg->second[w], rg->second[w] | clean);
		/* Pairs with dm_regions_state(). */
		smp_wmb();
		WRITE_ONCE(rg->marked[w], rg->marked[w] & ~clean);
	}
	WRITE_ONCE(rg->nr_idle, rg->nr_idle - nr);
	if (!left)
		__clear_bit(chunk, rg->idle);
	if (nr && defer)
		__set_bit(chunk, rg->stale);
	else if (nr)
		dm_regions_pend_locked(rg, chunk);
out:
	raw_spin_unlock(&rg->lock);
	return nr;
}

/*
 * First set bit of a bitmap of chunks, from @from on. In steps: how long the lock is held
 * must not depend on the size of the map.
 */
static unsigned long next_chunk(struct dm_regions *rg, const unsigned long *bitmap,
				unsigned long from)
{
	unsigned long end;

	do {
		end = min_t(u64, (u64)from + CHUNKS_AT_ONCE, rg->nr_chunks);
		raw_spin_lock(&rg->lock);
		from = find_next_bit(bitmap, end, from);
		raw_spin_unlock(&rg->lock);
	} while (from == end && end < rg->nr_chunks);
	return from;
}

/**
 * dm_regions_clean() - clean what the flushed legs allow
 * @rg: a durable map
 * @defer: the mirror is busy, so do not commit only to make regions clean: a commit
 *	for another reason takes them along, or dm_regions_pend_stale() sees to it
 *
 * Every idle region that has not been written since dm_regions_forget_recent(), unless a
 * leg has failed. The legs have been flushed since.
 *
 * Context: any thread, may sleep.
 * Return: the number of regions cleaned.
 */
u64 dm_regions_clean(struct dm_regions *rg, bool defer)
{
	unsigned long chunk;
	u64 total = 0;

	for (chunk = next_chunk(rg, rg->idle, 0); chunk < rg->nr_chunks;
	     chunk = next_chunk(rg, rg->idle, chunk + 1)) {
		total += clean_chunk(rg, chunk, defer);
		cond_resched();
	}
	return total;
}

/**
 * dm_regions_has_stale() - could something be committed that need not be?
 * @rg: a durable map
 *
 * Context: any thread.
 * Return: true if there are clean regions that are dirty in the stable copy.
 */
bool dm_regions_has_stale(struct dm_regions *rg)
{
	return next_chunk(rg, rg->stale, 0) < rg->nr_chunks;
}

/**
 * dm_regions_pend_stale() - commit all cleaned regions, do not wait for more
 * @rg: a durable map
 *
 * Context: any thread, may sleep.
 */
void dm_regions_pend_stale(struct dm_regions *rg)
{
	unsigned long chunk;

	for (chunk = next_chunk(rg, rg->stale, 0); chunk < rg->nr_chunks;
	     chunk = next_chunk(rg, rg->stale, chunk + 1)) {
		raw_spin_lock(&rg->lock);
		__clear_bit(chunk, rg->stale);
		dm_regions_pend_locked(rg, chunk);
		raw_spin_unlock(&rg->lock);
		cond_resched();
	}
}

/**
 * dm_regions_pend() - the stable copy of a chunk has to be written
 * @rg: a durable map
 * @chunk: its number
 *
 * Context: any thread.
 */
void dm_regions_pend(struct dm_regions *rg, unsigned long chunk)
{
	raw_spin_lock(&rg->lock);
	dm_regions_pend_locked(rg, chunk);
	raw_spin_unlock(&rg->lock);
}

/**
 * dm_regions_pend_all() - the stable copy of every chunk has to be written
 * @rg: a durable map
 *
 * Context: any thread, while nothing is being committed.
 */
void dm_regions_pend_all(struct dm_regions *rg)
{
	unsigned long chunk;

	for (chunk = 0; chunk < rg->nr_chunks; chunk++)
		dm_regions_pend(rg, chunk);
}

/**
 * dm_regions_next_pending() - find a chunk that has to be committed
 * @rg: a durable map
 * @from: the chunk to begin with
 *
 * Context: any thread.
 * Return: its number, or the number of chunks if there is none.
 */
unsigned long dm_regions_next_pending(struct dm_regions *rg, unsigned long from)
{
	return next_chunk(rg, rg->pending, from);
}

/**
 * dm_regions_take() - start to commit some neighbouring chunks
 * @rg: a durable map
 * @chunk: the first
 * @nr: how many
 *
 * Call this before dm_regions_image(), so that a mark which the image misses
 * makes its chunk pending again. The chunks stay uncommitted until
 * dm_regions_committed().
 *
 * Context: any thread. The caller serialises commits.
 */
void dm_regions_take(struct dm_regions *rg, unsigned long chunk, unsigned int nr)
{
	raw_spin_lock(&rg->lock);
	while (nr--) {
		__clear_bit(chunk + nr, rg->stale);
		rg->nr_taken += __test_and_clear_bit(chunk + nr, rg->pending);
	}
	raw_spin_unlock(&rg->lock);
}

/**
 * dm_regions_committed() - the commit of all chunks that were taken has ended
 * @rg: a durable map
 *
 * If it has failed nothing is known of the stable copy of these chunks: they are
 * pending again, by dm_regions_pend() before this.
 *
 * Context: any thread.
 */
void dm_regions_committed(struct dm_regions *rg)
{
	raw_spin_lock(&rg->lock);
	/* Pairs with dm_regions_uncommitted(). */
	smp_store_release(&rg->nr_uncommitted, rg->nr_uncommitted - rg->nr_taken);
	rg->nr_taken = 0;
	raw_spin_unlock(&rg->lock);
}
