/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The inside of the region map, for its two halves: regions.c, what the
 * mirror's worker does, and regions-stable.c, what the stable copy gets.
 */

#ifndef DM_LOG_REGIONS_PRIVATE_H
#define DM_LOG_REGIONS_PRIVATE_H

#include <linux/bitops.h>
#include <linux/minmax.h>

#include "regions.h"

#define CELL_BITS		DM_REGION_STATE_BITS
#define CELL_MASK		DM_REGION_STATE_MASK
#define CELLS_PER_WORD		DM_REGIONS_PER_WORD
#define CHUNK_WORDS		(DM_REGIONS_PER_CHUNK / CELLS_PER_WORD)

/* The low bit of every cell of a word. */
#define CELL_LOW		(~0UL / CELL_MASK)

/* The low bit of every cell of a word that is in the state. */
static inline unsigned long cells_nosync(unsigned long word)
{
	return ~(word | word >> 1) & CELL_LOW;
}

static inline unsigned long chunk_first_word(unsigned long chunk)
{
	return chunk * CHUNK_WORDS;
}

static inline unsigned long chunk_nr_words(const struct dm_regions *rg,
					   unsigned long chunk)
{
	return min_t(unsigned long, CHUNK_WORDS,
		     rg->nr_cell_words - chunk_first_word(chunk));
}

/* Cells of a word that stand for no region; not 0 in the last word only. */
static inline unsigned long padding_cells(const struct dm_regions *rg,
					  unsigned long word)
{
	unsigned int used = rg->nr_regions % CELLS_PER_WORD;

	if (word != rg->nr_cell_words - 1 || !used)
		return 0;
	return ~0UL << used * CELL_BITS;
}

/* Only durable maps count. */
static __always_inline void add_dirty(struct dm_regions *rg, long nr)
{
	if (rg->durable)
		WRITE_ONCE(rg->nr_dirty, rg->nr_dirty + nr);
}

static __always_inline void add_marked(struct dm_regions *rg, long nr)
{
	if (rg->durable)
		WRITE_ONCE(rg->nr_marked, rg->nr_marked + nr);
}

/* The stable copy of the chunk may be cleaner than the map: commit it before any write. */
static __always_inline void pend_chunk(struct dm_regions *rg, unsigned long chunk)
{
	if (rg->durable && !__test_and_set_bit(chunk, rg->pending))
		WRITE_ONCE(rg->nr_uncommitted, rg->nr_uncommitted + 1);
}

#endif /* DM_LOG_REGIONS_PRIVATE_H */
