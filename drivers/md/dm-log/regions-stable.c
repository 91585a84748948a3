// SPDX-License-Identifier: GPL-2.0-only
/*
 * The region map and its stable copy: taking states over from it, cleaning idle
 * regions, and what has to be committed. See regions.h for words and
 * rules, regions.c for the other half.
 *
 * Age. A region that has just become idle is likely to be written again, so it
 * is cleaned only after it has been idle for a whole period. One bit per region
 * would make the map half as large again; a small bitmap in which many regions
 * share a bit does as well: a shared bit can only delay cleaning. The same bitmap
 * carries the safety rule that a region which was written after the legs began
 * to be flushed must not be cleaned: its bit is set by the clear, and nothing
 * but the next period's start resets it.
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

/* The chunk is committed, or has to be anyway. */
static void forget_cleaned(struct dm_regions *rg, unsigned long chunk)
{
	unsigned int nr;

	if (!rg->nr_cleaned)
		return;
	nr = dm_log_summary_clear(&rg->cleaned[0], chunk) +
	     dm_log_summary_clear(&rg->cleaned[1], chunk);

	if (nr)
		WRITE_ONCE(rg->nr_cleaned, rg->nr_cleaned - nr);
}

/* Commit the chunk with the next mark in it, or when it has come to rest. */
static void defer_cleaned(struct dm_regions *rg, unsigned long chunk)
{
	forget_cleaned(rg, chunk);
	dm_log_summary_set(&rg->cleaned[rg->cleaned_now], chunk);
	WRITE_ONCE(rg->nr_cleaned, rg->nr_cleaned + 1);
}

static void pend_cleaned(struct dm_regions *rg, struct dm_log_summary *cleaned)
{
	unsigned long chunk;

	for (chunk = dm_log_summary_next(cleaned, 0); chunk < rg->nr_chunks;
	     chunk = dm_log_summary_next(cleaned, chunk + 1)) {
		raw_spin_lock(&rg->lock);
		forget_cleaned(rg, chunk);
		pend_chunk(rg, chunk);
		raw_spin_unlock(&rg->lock);
		cond_resched();
	}
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
	unsigned long nosync = 0;

	raw_spin_lock(&rg->lock);
	for (i = 0; i < nr; i++) {
		unsigned long half = bits[i / WORDS_PER_U64] >>
				     (i % WORDS_PER_U64 * CELLS_PER_WORD);
		unsigned long low = spread_cells(half & (~0UL >> CELLS_PER_WORD));

		replace_word(rg, first + i, low | low << 1);
		nosync |= cells_nosync(rg->cells[first + i]);
	}

	if (nosync)
		dm_log_summary_set(&rg->nosync, chunk);
	else
		dm_log_summary_clear(&rg->nosync, chunk);
	if (rg->durable) {
		__set_bit(chunk, rg->unclean);
		dm_log_summary_clear(&rg->idle, chunk);
		forget_cleaned(rg, chunk);
		if (dm_log_summary_clear(&rg->pending, chunk))
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

static void image_chunk(struct dm_regions *rg, unsigned long chunk, u64 *bits,
			unsigned int nr_u64s)
{
	unsigned long first = chunk_first_word(chunk);
	u64 all = U64_MAX;
	unsigned int i;

	/* Large mirrors have few chunks that are worth a look. */
	if (rg->nr_nosync == rg->nr_regions) {
		memset(bits, 0, nr_u64s * sizeof(*bits));
		return;
	}
	if (!test_bit(chunk, rg->unclean)) {
		memset(bits, 0xff, nr_u64s * sizeof(*bits));
		return;
	}

	for (i = 0; i < nr_u64s; i++) {
		bits[i] = clean_bits(rg, first + i * WORDS_PER_U64);
		all &= bits[i];
	}
	if (all == U64_MAX && nr_u64s == DM_REGIONS_CHUNK_U64S)
		__clear_bit(chunk, rg->unclean);
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
	image_chunk(rg, chunk, bits, nr_u64s);
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

/* That of @recent which is not being filled. */
static unsigned long *old_recent(const struct dm_regions *rg)
{
	return rg->recent[rg->fresh == rg->recent[0]];
}

/**
 * dm_regions_begin_clean() - start a period of cleaning
 * @rg: the map
 *
 * To be followed by a flush of the legs and, only if that succeeded, by
 * dm_regions_end_clean(). The caller serialises such sequences.
 *
 * Context: any thread.
 * Return: false if no region is idle, so that there is nothing to flush for.
 */
bool dm_regions_begin_clean(struct dm_regions *rg)
{
	bool any = dm_regions_nr_idle(rg) != 0;

	raw_spin_lock(&rg->lock);
	rg->fresh = old_recent(rg);
	bitmap_zero(rg->fresh, rg->recent_mask + 1);
	raw_spin_unlock(&rg->lock);
	return any;
}

/* What remains in a chunk after cleaning. */
struct clean_result {
	u64 nr_cleaned;
	bool idle;
	bool nosync;
};

static void clean_word(struct dm_regions *rg, unsigned long w, bool all,
		       struct clean_result *result)
{
	unsigned long idle = cells_idle(rg->cells[w]);
	unsigned long *old = old_recent(rg);
	unsigned long clean = 0;

	if (cells_nosync(rg->cells[w]))
		result->nosync = true;

	for (; idle; idle &= idle - 1) {
		u64 region = (u64)w * CELLS_PER_WORD + __ffs(idle) / CELL_BITS;
		unsigned int bit = region & rg->recent_mask;

		if (test_bit(bit, rg->fresh) || (!all && test_bit(bit, old)))
			result->idle = true;
		else
			clean |= idle & -idle;
	}

	/* IDLE (2) becomes CLEAN (3). */
	if (clean)
		WRITE_ONCE(rg->cells[w], rg->cells[w] | clean);
	result->nr_cleaned += hweight_long(clean);
}

static u64 clean_chunk(struct dm_regions *rg, unsigned long chunk, bool all,
		       bool defer)
{
	unsigned long w = chunk_first_word(chunk);
	unsigned long end = w + chunk_nr_words(rg, chunk);
	struct clean_result result = { };

	raw_spin_lock(&rg->lock);
	for (; w < end; w++)
		clean_word(rg, w, all, &result);

	if (result.nr_cleaned) {
		add_marked(rg, -(long)result.nr_cleaned);
		/* Recovery goes on here: one commit when it has passed. */
		if (defer || result.nosync)
			defer_cleaned(rg, chunk);
		else
			pend_chunk(rg, chunk);
	}
	if (!result.idle)
		dm_log_summary_clear(&rg->idle, chunk);
	raw_spin_unlock(&rg->lock);

	return result.nr_cleaned;
}

/**
 * dm_regions_end_clean() - clean what the flushed legs allow
 * @rg: the map
 * @all: also regions that became idle shortly before dm_regions_begin_clean();
 *	otherwise only those that were idle for a whole period
 * @defer: the mirror is busy, so do not commit only to make regions clean
 *
 * The legs have been flushed since dm_regions_begin_clean(), unless that said
 * that there is nothing to flush for. A region that has been written to since
 * then stays idle even if that write has ended, too.
 *
 * The cleaned regions' chunks become pending. With @defer, or if a chunk still
 * has regions to recover, they do so only if they see no change until the next
 * call; commits for other reasons take them along.
 *
 * Context: any thread, may sleep.
 * Return: the number of regions cleaned.
 */
u64 dm_regions_end_clean(struct dm_regions *rg, bool all, bool defer)
{
	unsigned long chunk;
	u64 total = 0;

	rg->cleaned_now = !rg->cleaned_now;
	for (chunk = dm_log_summary_next(&rg->idle, 0); chunk < rg->nr_chunks;
	     chunk = dm_log_summary_next(&rg->idle, chunk + 1)) {
		total += clean_chunk(rg, chunk, all, defer);
		cond_resched();
	}
	pend_cleaned(rg, &rg->cleaned[!rg->cleaned_now]);
	return total;
}

/**
 * dm_regions_pend_cleaned() - commit all cleaned regions, do not wait for more
 * @rg: a durable map
 *
 * Context: any thread, may sleep.
 */
void dm_regions_pend_cleaned(struct dm_regions *rg)
{
	pend_cleaned(rg, &rg->cleaned[0]);
	pend_cleaned(rg, &rg->cleaned[1]);
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
	dm_log_summary_set_all(&rg->pending);
	WRITE_ONCE(rg->nr_uncommitted, rg->nr_chunks);
	dm_log_summary_clear_all(&rg->cleaned[0]);
	dm_log_summary_clear_all(&rg->cleaned[1]);
	WRITE_ONCE(rg->nr_cleaned, 0);
	raw_spin_unlock(&rg->lock);
}

/**
 * dm_regions_pend_unclean() - the stable copy has forgotten what it knew
 * @rg: a durable map
 *
 * Every chunk that may have a region that is not clean has to be committed.
 *
 * Context: any thread, may sleep.
 */
void dm_regions_pend_unclean(struct dm_regions *rg)
{
	unsigned long chunk = find_first_bit(rg->unclean, rg->nr_chunks);

	while (chunk < rg->nr_chunks) {
		dm_regions_pend(rg, chunk);
		chunk = find_next_bit(rg->unclean, rg->nr_chunks, chunk + 1);
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
	unsigned long chunk;

	raw_spin_lock(&rg->lock);
	chunk = dm_log_summary_next(&rg->pending, from);
	raw_spin_unlock(&rg->lock);
	return chunk;
}

/**
 * dm_regions_begin_commit() - start to commit some neighbouring chunks
 * @rg: a durable map
 * @chunk: the first
 * @nr: how many
 *
 * Call this before dm_regions_image(), so that a mark which the image misses
 * makes its chunk pending again. The chunks stay uncommitted until
 * dm_regions_end_commit().
 *
 * Context: any thread. The caller serialises commits.
 * Return: what to tell dm_regions_end_commit().
 */
unsigned int dm_regions_begin_commit(struct dm_regions *rg, unsigned long chunk,
				     unsigned int nr)
{
	unsigned int i, taken = 0;

	raw_spin_lock(&rg->lock);
	for (i = 0; i < nr; i++) {
		if (dm_log_summary_test(&rg->pending, chunk + i))
			taken += dm_log_summary_clear(&rg->pending, chunk + i);
		forget_cleaned(rg, chunk + i);
	}
	raw_spin_unlock(&rg->lock);
	return taken;
}

/**
 * dm_regions_end_commit() - a commit has ended
 * @rg: a durable map
 * @chunk: as for dm_regions_begin_commit()
 * @nr: as for dm_regions_begin_commit()
 * @taken: what dm_regions_begin_commit() returned
 * @committed: whether the stable copy is now as the image was. If not, nothing
 *	is known of it, and all the chunks are pending.
 *
 * Context: any thread.
 */
void dm_regions_end_commit(struct dm_regions *rg, unsigned long chunk,
			   unsigned int nr, unsigned int taken, bool committed)
{
	unsigned int i;

	raw_spin_lock(&rg->lock);
	if (!committed)
		for (i = 0; i < nr; i++)
			pend_chunk(rg, chunk + i);

	/* Pairs with dm_regions_uncommitted(). */
	smp_store_release(&rg->nr_uncommitted, rg->nr_uncommitted - taken);
	raw_spin_unlock(&rg->lock);
}
