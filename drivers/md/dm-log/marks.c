// SPDX-License-Identifier: GPL-2.0-only
/*
 * The userspace log's stable copy: what the daemon knows of this node's marks.
 *
 * The region map says what is to be known; two bitmaps say what is known. A region
 * is *held* if the daemon has confirmed our mark, so that another write needs
 * none. It is *maybe* marked if a MARK was sent and not undone by a confirmed
 * CLEAR, or if this node has recovered it, so that a CLEAR is owed once the map
 * calls it clean. Both are needed: a message that was not answered may or may not
 * have been acted upon.
 *
 * A MARK is sent for a region that is dirty and not held, and confirmed by a FLUSH
 * before the write goes out. A CLEAR is sent for a region that is clean and maybe
 * marked. Before it is sent the region stops to be held: what happens if it is
 * never answered does not matter, the next write to the region marks it again,
 * and a daemon takes requests in the order in which they are sent.
 */

#include <linux/bitops.h>
#include <linux/device-mapper.h>
#include <linux/math64.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "private.h"
#include "userspace.h"

#define DM_MSG_PREFIX "dirty region log"

/* Regions that are marked for one FLUSH. */
#define MARK_BATCH	1024U
/* Chunks they may come from. */
#define CHUNK_BATCH	64U
/* Regions that are cleared before the worker gets a chance. */
#define CLEAR_BATCH	256U

/* How often marks are given again before a commit fails. */
#define MAX_REPLAYS	100U

/**
 * us_commit_init() - allocate what is known of the daemon's knowledge
 * @us: the log, with its region map set up
 *
 * Memory: 2 bits per region, on top of the region map's 2, and 11 KiB.
 *
 * Context: process context, may sleep.
 * Return: 0 or -ENOMEM, after which us_commit_exit() must be called.
 */
int us_commit_init(struct us_log *us)
{
	struct dm_regions *rg = &us->cache.common.regions;

	rg->by_region = true;
	us->held = dm_regions_alloc_bitmap(rg->nr_regions);
	us->maybe = dm_regions_alloc_bitmap(rg->nr_regions);
	us->owed = dm_regions_alloc_bitmap(rg->nr_chunks);
	us->bits = kcalloc(2 * DM_REGIONS_CHUNK_U64S, sizeof(u64), GFP_KERNEL);
	us->batch = kcalloc(MARK_BATCH, sizeof(u64), GFP_KERNEL);
	us->chunks = kcalloc(CHUNK_BATCH, sizeof(*us->chunks), GFP_KERNEL);
	if (!us->held || !us->maybe || !us->owed || !us->bits || !us->batch ||
	    !us->chunks)
		return -ENOMEM;
	return 0;
}

/**
 * us_commit_exit() - free what us_commit_init() allocated
 * @us: the log; may be half set up
 */
void us_commit_exit(struct us_log *us)
{
	kfree(us->chunks);
	kfree(us->batch);
	kfree(us->bits);
	kvfree(us->owed);
	kvfree(us->maybe);
	kvfree(us->held);
}

/* Sixty-four bits of a bitmap. */
static u64 map_u64(const unsigned long *map, u64 index)
{
#if BITS_PER_LONG == 64
	return READ_ONCE(map[index]);
#else
	return READ_ONCE(map[2 * index]) | (u64)READ_ONCE(map[2 * index + 1]) << 32;
#endif
}

static void owe_clears(struct us_log *us, unsigned long chunk)
{
	if (!__test_and_set_bit(chunk, us->owed))
		WRITE_ONCE(us->nr_owed, us->nr_owed + 1);
}

static void owe_no_clears(struct us_log *us, unsigned long chunk)
{
	if (__test_and_clear_bit(chunk, us->owed))
		WRITE_ONCE(us->nr_owed, us->nr_owed - 1);
}

/*
 * Collect regions of a chunk: clean ones that may be marked, to CLEAR, or dirty
 * ones that are not held, to MARK. With @replay also idle ones: the daemon that
 * held them has forgotten.
 * Return: the new number of regions in the batch, or @max + 1 if there are more.
 */
static unsigned int gather(struct us_log *us, unsigned long chunk, bool to_clear,
			   bool replay, unsigned int n, unsigned int max)
{
	struct dm_regions *rg = &us->cache.common.regions;
	unsigned int i, nr = dm_regions_chunk_u64s(rg, chunk);
	u64 first = (u64)chunk * DM_REGIONS_CHUNK_U64S;
	u64 *clean = us->bits, *dirty = us->bits + DM_REGIONS_CHUNK_U64S;
	bool owed = false;

	dm_regions_image(rg, chunk, clean, nr);
	dm_regions_dirty_image(rg, chunk, dirty, nr);

	for (i = 0; i < nr; i++) {
		u64 maybe = map_u64(us->maybe, first + i);
		u64 base = (first + i) * BITS_PER_TYPE(u64);
		u64 found;

		owed |= (clean[i] & maybe) != 0;
		if (to_clear)
			found = clean[i] & maybe;
		else if (replay)
			found = (dirty[i] | (maybe & ~clean[i])) &
				~map_u64(us->held, first + i);
		else
			found = dirty[i] & ~map_u64(us->held, first + i);

		for (; found; found &= found - 1) {
			if (n == max)
				return max + 1;
			us->batch[n++] = base + __ffs64(found);
		}
	}
	if (owed && !to_clear)
		owe_clears(us, chunk);
	return n;
}

static int send_groups(struct us_log *us, u32 type, unsigned int nr,
		       enum us_wait wait)
{
	unsigned int i, n;
	int r;

	for (i = 0; i < nr; i += n) {
		n = min_t(unsigned int, nr - i, DM_ULOG_GROUP);
		r = us_request(us, type, &us->batch[i], n * sizeof(u64), NULL, 0,
			       wait);
		if (r)
			return r;
	}
	return 0;
}

/* MARK the batch, and make sure that the marks are durable. */
static int mark_batch(struct us_log *us, unsigned int nr, enum us_wait wait)
{
	unsigned int i;
	int r;

	if (!nr)
		return 0;

	/* Whatever becomes of the message. */
	for (i = 0; i < nr; i++)
		set_bit(us->batch[i], us->maybe);

	if (us->integrated) {
		r = send_groups(us, DM_ULOG_FLUSH, nr, wait);
	} else {
		r = send_groups(us, DM_ULOG_MARK_REGION, nr, wait);
		if (!r)
			r = us_request(us, DM_ULOG_FLUSH, NULL, 0, NULL, 0, wait);
	}
	return r;
}

/* Commit as many pending chunks as a batch can take. */
static int commit_some(struct us_log *us, bool replay, enum us_wait wait)
{
	struct dm_regions *rg = &us->cache.common.regions;
	unsigned int i, nr_chunks = 0, nr = 0;
	unsigned long chunk, partly = rg->nr_chunks;
	bool committed;
	int generation, r;

	generation = atomic_read(&us->generation);
	for (chunk = dm_regions_next_pending(rg, 0);
	     chunk < rg->nr_chunks && nr_chunks < CHUNK_BATCH && nr < MARK_BATCH;
	     chunk = dm_regions_next_pending(rg, chunk + 1)) {
		us->chunks[nr_chunks++] = chunk;
		dm_regions_take(rg, chunk, 1);
		nr = gather(us, chunk, false, replay, nr, MARK_BATCH);
		if (nr > MARK_BATCH) {
			nr = MARK_BATCH;
			partly = chunk;
		}
	}

	r = mark_batch(us, nr, wait);
	/* Of two daemons each may have been told half of it. */
	committed = !r && generation == atomic_read(&us->generation);
	if (committed)
		for (i = 0; i < nr; i++)
			__set_bit(us->batch[i], us->held);

	for (i = 0; i < nr_chunks; i++)
		if (!committed || us->chunks[i] == partly)
			dm_regions_pend(rg, us->chunks[i]);
	dm_regions_committed(rg);
	return r;
}

/* A write of ours has failed, and the daemon does not know yet. */
static int send_nosync(struct us_log *us, enum us_wait wait)
{
	struct dm_regions *rg = &us->cache.common.regions;
	struct dm_ulog_sync {
		__u64 region;
		__s64 in_sync;
	} payload = { };
	u64 region;
	int r;

	for (region = dm_regions_next_nosync(rg, 0); region < rg->nr_regions;
	     region = dm_regions_next_nosync(rg, region + 1)) {
		payload.region = region;
		r = us_request(us, DM_ULOG_SET_REGION_SYNC, &payload,
			       sizeof(payload), NULL, 0, wait);
		if (r)
			return r;
		cond_resched();
	}
	return 0;
}

static int commit_marks(struct us_log *us, enum us_wait wait)
{
	struct dm_regions *rg = &us->cache.common.regions;
	unsigned int owed, rounds = 0;
	bool replay = false;
	int r;

	do {
		/* A daemon that is another one at every word cannot be told much. */
		if (rounds++ == MAX_REPLAYS)
			return -EIO;
		if (READ_ONCE(us->replay)) {
			WRITE_ONCE(us->replay, false);
			/* Longer than bitmap_zero() could count. */
			memset(us->held, 0, BITS_TO_LONGS(rg->nr_regions) * sizeof(long));
			dm_regions_pend_unclean(rg);
			replay = true;
		}
		owed = READ_ONCE(us->nosync_owed);
		if (owed != us->nosync_told) {
			r = send_nosync(us, wait);
			if (r)
				return r;
			WRITE_ONCE(us->nosync_told, owed);
		}
		while (dm_regions_next_pending(rg, 0) < rg->nr_chunks) {
			r = commit_some(us, replay, wait);
			if (r) {
				/* What was not given again yet still has to be. */
				if (replay)
					WRITE_ONCE(us->replay, true);
				return r;
			}
			if (READ_ONCE(us->replay))
				break;
			cond_resched();
		}
	} while (READ_ONCE(us->replay));
	return 0;
}

/*
 * CLEAR some of what is owed. A CLEAR that fails stays owed: it must not keep marks
 * from being made.
 * Return: 1 if there is more, otherwise 0.
 */
static int clear_some(struct us_log *us)
{
	struct dm_regions *rg = &us->cache.common.regions;
	unsigned int i, nr = 0;
	unsigned long chunk;
	int r;

	for (chunk = find_first_bit(us->owed, rg->nr_chunks);
	     chunk < rg->nr_chunks && nr < CLEAR_BATCH;
	     chunk = find_next_bit(us->owed, rg->nr_chunks, chunk + 1)) {
		nr = gather(us, chunk, true, false, nr, CLEAR_BATCH);
		if (nr <= CLEAR_BATCH)
			owe_no_clears(us, chunk);
	}
	nr = min(nr, CLEAR_BATCH);
	if (!nr)
		return 0;

	/* Both now: the worker may recover a region before this is answered. */
	for (i = 0; i < nr; i++) {
		__clear_bit(us->batch[i], us->held);
		clear_bit(us->batch[i], us->maybe);
	}
	r = send_groups(us, DM_ULOG_CLEAR_REGION, nr, US_WAIT_LIMITED);
	/* That it was answered does not mean that it was done. */
	if (!r)
		r = us_request(us, DM_ULOG_FLUSH, NULL, 0, NULL, 0, US_WAIT_LIMITED);
	for (i = 0; r && i < nr; i++) {
		set_bit(us->batch[i], us->maybe);
		owe_clears(us, div_u64(us->batch[i], DM_REGIONS_PER_CHUNK));
	}
	if (r) {
		DMWARN_LIMIT("userspace: log %s: cannot clear regions (error %d): they stay dirty",
			     us->client.uuid, r);
		return 0;
	}
	return us->nr_owed != 0;
}

/**
 * us_commit() - the commit operation of the cache: tell the daemon
 * @cache: the log's cache
 * @all: also CLEAR
 *
 * If the daemon was lost its successor has to be given all marks again, before any
 * write relies on them; if there is none to rely on, that can wait. A region that is
 * out of sync has one to rely on: when the daemon could not be told that it was
 * recovered, the mirror writes to it again before the map knows.
 *
 * Context: see struct dm_log_cache_ops.
 * Return: see there.
 */
int us_commit(struct dm_log_cache *cache, bool all)
{
	struct us_log *us = cache_to_us_log(cache);
	struct dm_regions *rg = &cache->common.regions;
	/* The cleaner can come again, and nobody waits for a suspend's last commit. */
	enum us_wait wait = all ? US_WAIT_LIMITED : US_WAIT_WORKER;
	int r;

	if (READ_ONCE(us->stale)) {
		if (!dm_regions_nr_dirty(rg) && !dm_regions_nr_nosync(rg)) {
			r = us_reconnect(us, US_WAIT_LIMITED);
			if (r)
				return 0;
		} else {
			u64 sectors;

			r = us_request(us, DM_ULOG_GET_REGION_SIZE, NULL, 0,
				       &sectors, sizeof(sectors), wait);
			if (r)
				return r;
		}
	}
	r = commit_marks(us, wait);
	if (r)
		return r;
	return all ? clear_some(us) : 0;
}

/**
 * us_has_more() - the has_more operation of the cache
 * @cache: the log's cache
 *
 * Return: true if the cleaner should run again.
 */
bool us_has_more(struct dm_log_cache *cache)
{
	struct us_log *us = cache_to_us_log(cache);

	return dm_regions_uncommitted(&cache->common.regions) ||
	       dm_regions_has_stale(&cache->common.regions) ||
	       READ_ONCE(us->nr_owed) || READ_ONCE(us->replay) ||
	       us_owes_nosync(us) || READ_ONCE(us->stale);
}
