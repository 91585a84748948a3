// SPDX-License-Identifier: GPL-2.0-only
/*
 * The invariants of the region map, for every test that changes one: to be called after
 * every step.
 */

#include <linux/bitmap.h>
#include <linux/bitops.h>
#include <linux/bug.h>

#include "../regions.h"

static bool chunk_bit(const unsigned long *bitmap, u64 region)
{
	return test_bit(region / DM_REGIONS_PER_CHUNK, bitmap);
}

static const char *check_stable(struct dm_regions *rg,
				bool (*stable_bit)(void *data, u64 region), void *data)
{
	u64 region;

	/* Which chunks are being committed is not known here. */
	if (rg->nr_taken)
		return NULL;
	for (region = 0; region < rg->nr_regions; region++)
		if (!chunk_bit(rg->pending, region) &&
		    dm_regions_state(rg, region) != DM_REGION_CLEAN &&
		    stable_bit(data, region))
			return "a region is clean in the stable copy only, and nothing pends";
	return NULL;
}

/**
 * dm_regions_check() - does the map keep its own rules?
 * @rg: the map; nobody changes it meanwhile
 * @stable_bit: NULL, or the region's clean bit as the stable copy has it durably
 * @data: for @stable_bit
 *
 * Return: NULL, or in words what is wrong.
 */
const char *dm_regions_check(struct dm_regions *rg,
			     bool (*stable_bit)(void *data, u64 region), void *data)
{
	unsigned long w, nr_words = BITS_TO_LONGS(rg->nr_regions);
	unsigned long nosync = 0, dirty = 0, idle = 0;

	if (raw_spin_is_locked(&rg->lock))
		return "the lock is held";
	for (w = 0; w < nr_words; w++) {
		unsigned long marked = rg->marked[w], second = rg->second[w];
		u64 first = (u64)w * BITS_PER_LONG;

		if (rg->nr_regions - first < BITS_PER_LONG &&
		    (~second | marked) >> (rg->nr_regions - first))
			return "a bit past the last region is not CLEAN";
		if (rg->durable && marked & ~second && !chunk_bit(rg->idle, first))
			return "a region is IDLE in a chunk that is not idle";
		if (!rg->durable && marked & ~second)
			return "a region is IDLE in a map that is not durable";
		if (rg->held && rg->held[w] & second & ~marked)
			return "a region is CLEAN and held";
		if (rg->held && ~(marked ^ second) & ~rg->held[w] && !rg->nr_taken &&
		    !chunk_bit(rg->pending, first))
			return "a region is DIRTY or NOSYNC, not held, and not pending";
		nosync += hweight_long(~(marked | second));
		dirty += hweight_long(marked & second);
		idle += hweight_long(marked & ~second);
	}
	if (nosync != rg->nr_nosync)
		return "the count of NOSYNC regions is wrong";
	if (dirty != rg->nr_dirty)
		return "the count of DIRTY regions is wrong";
	if (idle != rg->nr_idle)
		return "the count of IDLE regions is wrong";
	if (rg->nr_uncommitted != rg->nr_taken +
	    (rg->durable ? bitmap_weight(rg->pending, rg->nr_chunks) : 0))
		return "the count of uncommitted chunks is wrong";
	if (rg->recovering != DM_REGIONS_NONE && rg->recovering >= rg->nr_regions)
		return "a region is recovered that does not exist";
	if (rg->held && bitmap_weight(rg->held, rg->nr_regions) != rg->nr_held)
		return "the count of held regions is wrong";
	return stable_bit && rg->durable ? check_stable(rg, stable_bit, data) : NULL;
}
