// SPDX-License-Identifier: GPL-2.0-only
/*
 * The region map: states of regions in memory, and what of them still has to
 * reach the stable copy. See dm-log-regions.h for words and rules.
 *
 * Two things here are not obvious:
 *
 * Locking. One thread, the mirror's worker, makes nearly all changes; now and
 * then another (the background cleaner, suspend, resume) joins. So the lock is
 * elided while the worker is alone: dm_regions_share() announces the second
 * thread, waits until the worker can no longer be inside an unlocked change,
 * and from then on both take the lock. mark, clear and set_sync cost no atomic
 * operation otherwise.
 *
 * Age. A region that has just become idle is likely to be written again, so it
 * is cleaned only after it has been idle for a whole period. One bit per region
 * would double the memory for that; a small bitmap in which many regions share
 * a bit does as well: a shared bit can only delay cleaning. The same bitmap
 * carries the safety rule that a region which was written after the legs began
 * to be flushed must not be cleaned: its bit is set by the clear, and nothing
 * but the next period's start resets it.
 */

#include <linux/bitmap.h>
#include <linux/bitops.h>
#include <linux/bug.h>
#include <linux/log2.h>
#include <linux/math64.h>
#include <linux/minmax.h>
#include <linux/overflow.h>
#include <linux/preempt.h>
#include <linux/printk.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/vmalloc.h>

#include "dm-log-regions.h"

#define CELL_BITS		DM_REGION_STATE_BITS
#define CELL_MASK		DM_REGION_STATE_MASK
#define CELLS_PER_WORD		DM_REGIONS_PER_WORD
#define CHUNK_WORDS		(DM_REGIONS_PER_CHUNK / CELLS_PER_WORD)
#define WORDS_PER_U64		(sizeof(u64) * BITS_PER_BYTE / CELLS_PER_WORD)

/* The low bit of every cell of a word. */
#define CELL_LOW		(~0UL / CELL_MASK)

/* Enough to tell hot regions apart; 8 KiB for both bitmaps. */
#define RECENT_MAX_BITS		SZ_32K

static_assert(DM_REGIONS_PER_CHUNK % CELLS_PER_WORD == 0);
static_assert(DM_REGION_NOSYNC == 0);
static_assert(DM_REGION_CLEAN == CELL_MASK);

/*
 * Cells of a word that are in a given state: the low bit of each such cell.
 */
static unsigned long cells_nosync(unsigned long word)
{
	return ~(word | word >> 1) & CELL_LOW;
}

static unsigned long cells_dirty(unsigned long word)
{
	return word & ~(word >> 1) & CELL_LOW;
}

static unsigned long cells_idle(unsigned long word)
{
	return ~word & (word >> 1) & CELL_LOW;
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

static unsigned long chunk_first_word(unsigned long chunk)
{
	return chunk * CHUNK_WORDS;
}

static unsigned long chunk_nr_words(const struct dm_regions *rg,
				    unsigned long chunk)
{
	return min_t(unsigned long, CHUNK_WORDS,
		     rg->nr_cell_words - chunk_first_word(chunk));
}

/* Cells of a word that stand for no region; not 0 in the last word only. */
static unsigned long padding_cells(const struct dm_regions *rg,
				   unsigned long word)
{
	unsigned int used = rg->nr_regions % CELLS_PER_WORD;

	if (word != rg->nr_cell_words - 1 || !used)
		return 0;
	return ~0UL << used * CELL_BITS;
}

static __always_inline bool region_exists(const struct dm_regions *rg, u64 region)
{
	if (likely(region < rg->nr_regions))
		return true;

	pr_warn_once("device-mapper: dirty region log: region %llu is out of range, expected less than %llu\n",
		     region, rg->nr_regions);
	return false;
}

/*
 * Make one change of the map. Preemption stays off so that dm_regions_share()
 * can wait for changes that saw @shared false.
 */
struct map_guard {
	unsigned long flags;
	bool locked;
};

static __always_inline struct map_guard begin_change(struct dm_regions *rg)
	__acquires(&rg->lock)
{
	struct map_guard guard = { };

	preempt_disable();
	/* Pairs with the release in dm_regions_unshare(). */
	guard.locked = smp_load_acquire(&rg->shared);
	if (unlikely(guard.locked))
		raw_spin_lock_irqsave(&rg->lock, guard.flags);
	else
		__acquire(&rg->lock);
	return guard;
}

static __always_inline void end_change(struct dm_regions *rg, struct map_guard guard)
	__releases(&rg->lock)
{
	if (unlikely(guard.locked))
		raw_spin_unlock_irqrestore(&rg->lock, guard.flags);
	else
		__release(&rg->lock);
	preempt_enable();
}

/**
 * dm_regions_share() - let the calling thread change the map beside the worker
 * @rg: the map
 *
 * Context: process context, may sleep. At most one thread at a time: the caller
 * serialises. Ends with dm_regions_unshare().
 */
void dm_regions_share(struct dm_regions *rg)
{
	WARN_ON_ONCE(rg->shared);
	WRITE_ONCE(rg->shared, true);
	WRITE_ONCE(rg->simple, false);
	/* A change that missed these runs with preemption off: wait it out. */
	synchronize_rcu();
}

/**
 * dm_regions_unshare() - leave the map to the worker again
 * @rg: the map
 *
 * Context: the thread that called dm_regions_share().
 */
void dm_regions_unshare(struct dm_regions *rg)
{
	/* The worker's next unlocked change must see all of ours. */
	smp_store_release(&rg->shared, false);
	/* The same, where the guard is not used: dm_regions_try_step(). */
	smp_store_release(&rg->simple, !rg->durable);
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
	rg->simple = !durable;

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

		rg->recent_size = nr_regions >= RECENT_MAX_BITS ?
				  RECENT_MAX_BITS :
				  roundup_pow_of_two((unsigned long)nr_regions);
		for (i = 0; i < ARRAY_SIZE(rg->recent); i++) {
			rg->recent[i] = bitmap_zalloc(rg->recent_size, GFP_KERNEL);
			if (!rg->recent[i]) {
				r = -ENOMEM;
				goto bad;
			}
		}
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

/* Only durable maps count; dm_regions_try_step() relies on it. */
static __always_inline void add_dirty(struct dm_regions *rg, long nr)
{
	if (rg->durable)
		WRITE_ONCE(rg->nr_dirty, rg->nr_dirty + nr);
}

static __always_inline void pend_chunk(struct dm_regions *rg, unsigned long chunk)
{
	if (!rg->durable || dm_log_summary_test(&rg->pending, chunk))
		return;
	if (dm_log_summary_set(&rg->pending, chunk))
		WRITE_ONCE(rg->nr_uncommitted, rg->nr_uncommitted + 1);
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

/* The chunk is committed, or has to be anyway. */
static void forget_cleaned(struct dm_regions *rg, unsigned long chunk)
{
	unsigned int nr = dm_log_summary_clear(&rg->cleaned[0], chunk) +
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
		struct map_guard guard = begin_change(rg);

		forget_cleaned(rg, chunk);
		pend_chunk(rg, chunk);
		end_change(rg, guard);
		cond_resched();
	}
}

/* All writes to an in-sync region have ended. */
static __always_inline void set_idle(struct dm_regions *rg, u64 region)
{
	if (!rg->durable) {
		set_cell(rg, region, DM_REGION_CLEAN);
		return;
	}

	/* First the bit that keeps the cleaner off, see dm_regions_end_clean() */
	__set_bit(region & (rg->recent_size - 1), rg->recent[rg->recent_now]);
	set_cell(rg, region, DM_REGION_IDLE);
	WRITE_ONCE(rg->nr_idle, rg->nr_idle + 1);
	if (!dm_log_summary_test(&rg->idle, chunk_of(region)))
		dm_log_summary_set(&rg->idle, chunk_of(region));
}

/* dm_regions_mark(), whatever the state and whoever else is in the map. */
void dm_regions_mark_slow(struct dm_regions *rg, u64 region)
{
	struct map_guard guard;

	if (!region_exists(rg, region))
		return;

	guard = begin_change(rg);
	switch (get_cell(rg, region)) {
	case DM_REGION_CLEAN:
		leave_clean(rg, chunk_of(region));
		set_cell(rg, region, DM_REGION_DIRTY);
		add_dirty(rg, 1);
		break;
	case DM_REGION_IDLE:
		set_cell(rg, region, DM_REGION_DIRTY);
		WRITE_ONCE(rg->nr_idle, rg->nr_idle - 1);
		add_dirty(rg, 1);
		break;
	case DM_REGION_DIRTY:
	case DM_REGION_NOSYNC:
		break;
	}
	end_change(rg, guard);
}

static int find_recovering(const struct dm_regions *rg, u64 region)
{
	int i;

	for (i = 0; i < rg->nr_recovering; i++)
		if (rg->recovering[i].region == region)
			return i;
	return -ENOENT;
}

/* dm_regions_clear(), whatever the state and whoever else is in the map. */
void dm_regions_clear_slow(struct dm_regions *rg, u64 region)
{
	struct map_guard guard;
	int i;

	if (!region_exists(rg, region))
		return;

	guard = begin_change(rg);
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
	end_change(rg, guard);
}

static void lose_sync(struct dm_regions *rg, u64 region)
{
	switch (get_cell(rg, region)) {
	case DM_REGION_NOSYNC:
		return;
	case DM_REGION_DIRTY:
		add_dirty(rg, -1);
		break;
	case DM_REGION_IDLE:
		WRITE_ONCE(rg->nr_idle, rg->nr_idle - 1);
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
	if (cleared) {
		set_idle(rg, region);
	} else {
		set_cell(rg, region, DM_REGION_DIRTY);
		add_dirty(rg, 1);
	}
	WRITE_ONCE(rg->nr_nosync, rg->nr_nosync - 1);
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
	struct map_guard guard;
	bool cleared = false;
	int i;

	if (!region_exists(rg, region))
		return;

	guard = begin_change(rg);
	i = find_recovering(rg, region);
	if (i >= 0) {
		cleared = rg->recovering[i].cleared;
		rg->recovering[i] = rg->recovering[--rg->nr_recovering];
	}

	if (in_sync)
		gain_sync(rg, region, cleared);
	else
		lose_sync(rg, region);
	end_change(rg, guard);
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
 * recovery spin.
 *
 * Context: the worker; does not sleep.
 * Return: true if there is one, which counts as recovering from now on.
 */
bool dm_regions_next_resync(struct dm_regions *rg, u64 *region)
{
	struct map_guard guard = begin_change(rg);
	bool found = false, any;
	unsigned long chunk;

	if (rg->cursor >= rg->nr_regions ||
	    rg->nr_recovering == DM_REGIONS_MAX_RECOVERING)
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

	if (found) {
		rg->cursor = *region + 1;
		rg->recovering[rg->nr_recovering].region = *region;
		rg->recovering[rg->nr_recovering].cleared = false;
		rg->nr_recovering++;
	} else {
		rg->cursor = rg->nr_regions;
	}
out:
	end_change(rg, guard);
	return found;
}

/**
 * dm_regions_restart_resync() - offer every region that is out of sync again
 * @rg: the map
 *
 * Context: the worker or the sharing thread, while no region is recovering.
 */
void dm_regions_restart_resync(struct dm_regions *rg)
{
	struct map_guard guard = begin_change(rg);

	rg->cursor = 0;
	rg->nr_recovering = 0;
	end_change(rg, guard);
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
	WRITE_ONCE(rg->nr_idle, rg->nr_idle + hweight_long(cells_idle(word)) -
		   hweight_long(cells_idle(old)));
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
 * Context: the worker or the sharing thread.
 */
void dm_regions_load(struct dm_regions *rg, unsigned long chunk, const u64 *bits)
{
	unsigned long first = chunk_first_word(chunk);
	unsigned long i, nr = chunk_nr_words(rg, chunk);
	struct map_guard guard = begin_change(rg);
	unsigned long nosync = 0;

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
	end_change(rg, guard);
}

/**
 * dm_regions_fill() - set all regions to one state
 * @rg: the map
 * @state: DM_REGION_NOSYNC or DM_REGION_CLEAN
 *
 * Like dm_regions_load() of every chunk with the same bits. Costs nothing if the
 * regions are in that state already.
 *
 * Context: the worker or the sharing thread, may sleep.
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
 * Context: the worker or the sharing thread.
 */
void dm_regions_image(struct dm_regions *rg, unsigned long chunk, u64 *bits,
		      unsigned int nr_u64s)
{
	u64 used = rg->nr_regions - (u64)chunk * DM_REGIONS_PER_CHUNK;
	struct map_guard guard = begin_change(rg);
	unsigned int i;

	image_chunk(rg, chunk, bits, nr_u64s);
	end_change(rg, guard);

	/* The cells past the last region are CLEAN; the bits are not. */
	if (used < (u64)nr_u64s * BITS_PER_TYPE(u64)) {
		i = used / BITS_PER_TYPE(u64);
		bits[i] &= BIT_ULL(used % BITS_PER_TYPE(u64)) - 1;
		while (++i < nr_u64s)
			bits[i] = 0;
	}
}

/**
 * dm_regions_begin_clean() - start a period of cleaning
 * @rg: the map
 *
 * To be followed by a flush of the legs and, only if that succeeded, by
 * dm_regions_end_clean(). The caller serialises such sequences.
 *
 * Context: the worker or the sharing thread.
 * Return: false if no region is idle, so that there is nothing to flush for.
 */
bool dm_regions_begin_clean(struct dm_regions *rg)
{
	struct map_guard guard = begin_change(rg);
	bool any = rg->nr_idle != 0;

	rg->recent_now = !rg->recent_now;
	bitmap_zero(rg->recent[rg->recent_now], rg->recent_size);
	end_change(rg, guard);
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
	unsigned long *fresh = rg->recent[rg->recent_now];
	unsigned long *old = rg->recent[!rg->recent_now];
	unsigned long clean = 0;

	if (cells_nosync(rg->cells[w]))
		result->nosync = true;

	for (; idle; idle &= idle - 1) {
		u64 region = (u64)w * CELLS_PER_WORD + __ffs(idle) / CELL_BITS;
		unsigned int bit = region & (rg->recent_size - 1);

		if (test_bit(bit, fresh) || (!all && test_bit(bit, old)))
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
	struct map_guard guard = begin_change(rg);
	struct clean_result result = { };

	for (; w < end; w++)
		clean_word(rg, w, all, &result);

	if (result.nr_cleaned) {
		WRITE_ONCE(rg->nr_idle, rg->nr_idle - result.nr_cleaned);
		/* Recovery goes on here: one commit when it has passed. */
		if (defer || result.nosync)
			defer_cleaned(rg, chunk);
		else
			pend_chunk(rg, chunk);
	}
	if (!result.idle)
		dm_log_summary_clear(&rg->idle, chunk);
	end_change(rg, guard);

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
 * Context: the worker or the sharing thread, may sleep.
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
 * Context: the worker or the sharing thread, may sleep.
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
 * Context: the worker or the sharing thread.
 */
void dm_regions_pend(struct dm_regions *rg, unsigned long chunk)
{
	struct map_guard guard = begin_change(rg);

	pend_chunk(rg, chunk);
	end_change(rg, guard);
}

/**
 * dm_regions_pend_all() - the stable copy of every chunk has to be written
 * @rg: a durable map
 *
 * Context: the worker or the sharing thread, while nothing is being committed.
 */
void dm_regions_pend_all(struct dm_regions *rg)
{
	struct map_guard guard = begin_change(rg);

	dm_log_summary_set_all(&rg->pending);
	WRITE_ONCE(rg->nr_uncommitted, rg->nr_chunks);
	dm_log_summary_clear_all(&rg->cleaned[0]);
	dm_log_summary_clear_all(&rg->cleaned[1]);
	WRITE_ONCE(rg->nr_cleaned, 0);
	end_change(rg, guard);
}

/**
 * dm_regions_next_pending() - find a chunk that has to be committed
 * @rg: a durable map
 * @from: the chunk to begin with
 *
 * Context: the worker or the sharing thread.
 * Return: its number, or the number of chunks if there is none.
 */
unsigned long dm_regions_next_pending(struct dm_regions *rg, unsigned long from)
{
	struct map_guard guard = begin_change(rg);
	unsigned long chunk = dm_log_summary_next(&rg->pending, from);

	end_change(rg, guard);
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
 * Context: the worker or the sharing thread. The caller serialises commits.
 * Return: what to tell dm_regions_end_commit().
 */
unsigned int dm_regions_begin_commit(struct dm_regions *rg, unsigned long chunk,
				     unsigned int nr)
{
	struct map_guard guard = begin_change(rg);
	unsigned int i, taken = 0;

	for (i = 0; i < nr; i++) {
		taken += dm_log_summary_clear(&rg->pending, chunk + i);
		forget_cleaned(rg, chunk + i);
	}
	end_change(rg, guard);
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
 * Context: the worker or the sharing thread.
 */
void dm_regions_end_commit(struct dm_regions *rg, unsigned long chunk,
			   unsigned int nr, unsigned int taken, bool committed)
{
	struct map_guard guard = begin_change(rg);
	unsigned int i;

	if (!committed)
		for (i = 0; i < nr; i++)
			pend_chunk(rg, chunk + i);

	/* Pairs with dm_regions_uncommitted(). */
	smp_store_release(&rg->nr_uncommitted, rg->nr_uncommitted - taken);
	end_change(rg, guard);
}
