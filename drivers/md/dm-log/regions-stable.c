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
#include <linux/sched.h>
#include <linux/sizes.h>
#include <linux/string.h>

#include "regions-private.h"

#define WORDS_PER_U64		(sizeof(u64) * BITS_PER_BYTE / CELLS_PER_WORD)

static_assert(DM_REGION_CLEAN == CELL_MASK);

/* The low bit of every cell of a word that is in the state. */
static unsigned long cells_dirty(unsigned long word)
{
	return word & ~(word >> 1) & CELL_LOW;
}

static unsigned long cells_idle(unsigned long word)
{
	return ~word & (word >> 1) & CELL_LOW;
}

static unsigned long cells_marked(unsigned long word)
{
	return (word ^ word >> 1) & CELL_LOW;
}

static unsigned long cells_clean(unsigned long word)
{
	return word & (word >> 1) & CELL_LOW;
}

/* Gather the low bit of every cell into the low half of a word. */
static unsigned long squeeze_cells(unsigned long low)
{
	unsigned long x = low;

	x = (x | x >> 1) & (~0UL / 0x5);	/* 0x3333... */
	x = (x | x >> 2) & (~0UL / 0x11);	/* 0x0f0f... */
	x = (x | x >> 4) & (~0UL / 0x101);	/* 0x00ff... */
	x = (x | x >> 8) & (~0UL / 0x10001);	/* 0x0000ffff... */
#if BITS_PER_LONG == 64
	x = (x | x >> 16) & U32_MAX;
#endif
	return x;
}

/* The reverse: bit n of the low half becomes the low bit of cell n. */
static unsigned long spread_cells(unsigned long x)
{
#if BITS_PER_LONG == 64
	x = (x | x << 16) & (~0UL / 0x10001);
#endif
	x = (x | x << 8) & (~0UL / 0x101);
	x = (x | x << 4) & (~0UL / 0x11);
	x = (x | x << 2) & (~0UL / 0x5);
	return (x | x << 1) & CELL_LOW;
}

/* Set one word of cells, keeping the counts. */
static void replace_word(struct dm_regions *rg, unsigned long w,
			 unsigned long word)
{
	unsigned long old = rg->cells[w];

	word |= padding_cells(rg, w);
	if (word == old)
		return;

	WRITE_ONCE(rg->cells[w], word);
	WRITE_ONCE(rg->nr_nosync, rg->nr_nosync + hweight_long(cells_nosync(word)) -
		   hweight_long(cells_nosync(old)));
	add_dirty(rg, (long)hweight_long(cells_dirty(word)) -
		      (long)hweight_long(cells_dirty(old)));
	add_marked(rg, (long)hweight_long(cells_marked(word)) -
		       (long)hweight_long(cells_marked(old)));
}

/**
 * dm_regions_load() - take over a chunk's clean bits from the stable copy
 * @rg: the map
 * @chunk: its number
 * @bits: DM_REGIONS_CHUNK_U64S numbers; bit n % 64 of number n / 64 belongs to
 *	the chunk's region n. Bits past the last region are ignored.
 *
 * Regions become CLEAN or NOSYNC; whatever was pending in the chunk is
 * forgotten. The count of regions in sync never passes through a value that
 * neither the old nor the new states give.
 *
 * Context: any thread.
 */
void dm_regions_load(struct dm_regions *rg, unsigned long chunk, const u64 *bits)
{
	unsigned long first = chunk_first_word(chunk);
	unsigned long i, nr = chunk_nr_words(rg, chunk);

	raw_spin_lock(&rg->lock);
	for (i = 0; i < nr; i++) {
		unsigned long half = bits[i / WORDS_PER_U64] >>
				     (i % WORDS_PER_U64 * CELLS_PER_WORD);
		unsigned long low = spread_cells(half & (~0UL >> CELLS_PER_WORD));

		replace_word(rg, first + i, low | low << 1);
	}
	if (rg->durable) {
		__clear_bit(chunk, rg->idle);
		__clear_bit(chunk, rg->stale);
		if (__test_and_clear_bit(chunk, rg->pending))
			WRITE_ONCE(rg->nr_uncommitted, rg->nr_uncommitted - 1);
	}
	raw_spin_unlock(&rg->lock);
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
	      !(rg->nr_nosync | rg->nr_marked))))
		return;

	memset(bits, state == DM_REGION_CLEAN ? 0xff : 0, sizeof(bits));
	for (chunk = 0; chunk < rg->nr_chunks; chunk++) {
		dm_regions_load(rg, chunk, bits);
		cond_resched();
	}
}

/* The clean bits of the 64 regions from cell word @w on, padding included. */
static u64 clean_bits(const struct dm_regions *rg, unsigned long w)
{
	u64 bits = 0;
	unsigned int i;

	for (i = 0; i < WORDS_PER_U64 && w + i < rg->nr_cell_words; i++) {
		unsigned long word = rg->cells[w + i];
		unsigned long half;

		/* Most words of most mirrors are one or the other. */
		if (word == ~0UL)
			half = ~0UL >> CELLS_PER_WORD;
		else if (!word)
			half = 0;
		else
			half = squeeze_cells(cells_clean(word));
		bits |= (u64)half << i * CELLS_PER_WORD;
	}
	return bits;
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
	u64 used = rg->nr_regions - (u64)chunk * DM_REGIONS_PER_CHUNK;
	unsigned int i;

	raw_spin_lock(&rg->lock);
	for (i = 0; i < nr_u64s; i++)
		bits[i] = clean_bits(rg, chunk_first_word(chunk) + i * WORDS_PER_U64);
	raw_spin_unlock(&rg->lock);

	/* The cells past the last region are CLEAN; the bits are not. */
	if (used < (u64)nr_u64s * BITS_PER_TYPE(u64)) {
		i = used / BITS_PER_TYPE(u64);
		bits[i] &= BIT_ULL(used % BITS_PER_TYPE(u64)) - 1;
		while (++i < nr_u64s)
			bits[i] = 0;
	}
}

/**
 * dm_regions_dirty_image() - which regions of a chunk a write may be in flight in
 * @rg: a durable map
 * @chunk: its number
 * @bits: filled: bit n % 64 of number n / 64 is 1 if the chunk's region n is
 *	DIRTY or NOSYNC
 * @nr_u64s: how many numbers are wanted
 *
 * Context: any thread.
 */
void dm_regions_dirty_image(struct dm_regions *rg, unsigned long chunk, u64 *bits,
			    unsigned int nr_u64s)
{
	unsigned long first = chunk_first_word(chunk);
	unsigned long end = first + chunk_nr_words(rg, chunk);
	unsigned int i;

	raw_spin_lock(&rg->lock);
	memset(bits, 0, nr_u64s * sizeof(*bits));
	for (i = 0; i < nr_u64s * WORDS_PER_U64 && first + i < end; i++) {
		unsigned long low = ~(rg->cells[first + i] >> 1) & CELL_LOW;

		if (low)
			bits[i / WORDS_PER_U64] |= (u64)squeeze_cells(low) <<
						   (i % WORDS_PER_U64 * CELLS_PER_WORD);
	}
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

/* Of a word of cells, those that may be cleaned. */
static unsigned long cleanable(const struct dm_regions *rg, unsigned long w, bool *recent)
{
	unsigned long idle = cells_idle(rg->cells[w]), clean = 0;

	for (; idle; idle &= idle - 1) {
		u64 region = (u64)w * CELLS_PER_WORD + __ffs(idle) / CELL_BITS;

		if (test_bit(region % DM_REGIONS_RECENT, rg->recent))
			*recent = true;
		else
			clean |= idle & -idle;
	}
	return clean;
}

static unsigned int clean_chunk(struct dm_regions *rg, unsigned long chunk, bool defer)
{
	unsigned long w = chunk_first_word(chunk);
	unsigned long end = w + chunk_nr_words(rg, chunk);
	unsigned int nr_cleaned = 0;
	bool recent = false;

	raw_spin_lock(&rg->lock);
	for (; w < end; w++) {
		unsigned long clean = cleanable(rg, w, &recent);

		/* IDLE (2) becomes CLEAN (3). */
		if (clean)
			WRITE_ONCE(rg->cells[w], rg->cells[w] | clean);
		nr_cleaned += hweight_long(clean);
	}
	if (nr_cleaned) {
		add_marked(rg, -(long)nr_cleaned);
		if (defer)
			__set_bit(chunk, rg->stale);
		else
			pend_chunk(rg, chunk);
	}
	if (!recent)
		__clear_bit(chunk, rg->idle);
	raw_spin_unlock(&rg->lock);
	return nr_cleaned;
}

/* First set bit of a bitmap of chunks, from @from on. */
static unsigned long next_chunk(struct dm_regions *rg, const unsigned long *bitmap,
				unsigned long from)
{
	unsigned long chunk;

	raw_spin_lock(&rg->lock);
	chunk = find_next_bit(bitmap, rg->nr_chunks, from);
	raw_spin_unlock(&rg->lock);
	return chunk;
}

/**
 * dm_regions_clean() - clean what the flushed legs allow
 * @rg: a durable map
 * @defer: the mirror is busy, so do not commit only to make regions clean: a commit
 *	for another reason takes them along, or dm_regions_pend_stale() sees to it
 *
 * Every idle region that has not been written since dm_regions_forget_recent(). The
 * legs have been flushed since.
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
		pend_chunk(rg, chunk);
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
	pend_chunk(rg, chunk);
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
	raw_spin_lock(&rg->lock);
	bitmap_fill(rg->pending, rg->nr_chunks);
	WRITE_ONCE(rg->nr_uncommitted, rg->nr_chunks);
	raw_spin_unlock(&rg->lock);
}

/**
 * dm_regions_pend_unclean() - the stable copy has forgotten what it knew
 * @rg: a durable map
 *
 * Every chunk that has a region that is not clean has to be committed.
 *
 * Context: any thread, may sleep.
 */
void dm_regions_pend_unclean(struct dm_regions *rg)
{
	unsigned long chunk;

	for (chunk = 0; chunk < rg->nr_chunks; chunk++) {
		raw_spin_lock(&rg->lock);
		if (memchr_inv(rg->cells + chunk_first_word(chunk), 0xff,
			       chunk_nr_words(rg, chunk) * sizeof(*rg->cells)))
			pend_chunk(rg, chunk);
		raw_spin_unlock(&rg->lock);
		cond_resched();
	}
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
