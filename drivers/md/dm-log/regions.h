/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The region map: what a log knows of every region, and which of it the stable
 * copy (a disk, a daemon) does not know yet. No device, no I/O and no policy.
 *
 * Words
 *
 * region	a stretch of the mirror, numbered from 0
 * chunk	DM_REGIONS_PER_CHUNK regions whose clean bits fill one sector
 * clean bit	1 if the region's legs agree and will go on doing so unless it is
 *		marked; what a stable copy stores
 * pending	a chunk whose clean bits the stable copy may have 1 where the map has 0
 * stale	a chunk where it may be the other way round, which does no harm
 * to commit	to make the stable copy equal to the map, so that it is durable
 * held		a region that a daemon, which is told of regions, has a mark of ours for
 *
 * Rules
 *
 * The stable copy is never cleaner than the legs: a region's clean bit is 1
 * there only if no write was in flight when it was committed and the legs have
 * been flushed since the last write to the region ended. regions.c has the table of
 * states and events that keeps this.
 *
 * Who may call what
 *
 * any context		dm_regions_state(), _in_sync(), _is_clean(), _is_held(),
 *			_sync_count(), _nr_nosync(), _nr_idle(), _nr_dirty(),
 *			_may_clean(), _uncommitted()
 * the worker		dm_regions_mark(), _clear(), _set_sync(),
 *			_offer(), _next_resync(), _awaits_recovery(), _forget_held()
 * one thread at a time	everything else; beside the worker
 */

#ifndef DM_LOG_REGIONS_H
#define DM_LOG_REGIONS_H

#include <linux/bitops.h>
#include <linux/math64.h>
#include <linux/sizes.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <asm/barrier.h>

#define DM_REGIONS_PER_CHUNK	((u64)SZ_512 * BITS_PER_BYTE)
#define DM_REGIONS_CHUNK_U64S	(SZ_512 / sizeof(u64))

/* The number of no region */
#define DM_REGIONS_NONE		U64_MAX

/* Bits that tell which regions were cleared a moment ago; 4 KiB. */
#define DM_REGIONS_RECENT	SZ_32K

/**
 * enum dm_region_state - all that is known of one region, in two bits
 * @DM_REGION_NOSYNC: the legs differ, or may. Clean bit 0.
 * @DM_REGION_CLEAN: in sync, no write in flight, legs flushed. Clean bit 1.
 * @DM_REGION_IDLE: in sync and all writes have ended, but a leg may still hold
 *	them in a volatile cache. Clean bit 0, so that the next write to the
 *	region finds its mark already committed. Only in durable maps.
 * @DM_REGION_DIRTY: in sync, but writes may be in flight. Clean bit 0.
 *
 * Zeroed memory says NOSYNC: what is not known is dirty. Mark and clear change one bit
 * (a Gray code).
 */
enum dm_region_state {
	DM_REGION_NOSYNC = 0,
	DM_REGION_CLEAN = 1,
	DM_REGION_IDLE = 2,
	DM_REGION_DIRTY = 3,
};

/**
 * enum dm_regions_legs - what is known of the legs, all regions together
 * @DM_LEGS_GOOD: nothing has failed since the last resume
 * @DM_LEGS_FAILED: a write, a copy or a flush has failed: a leg may have lost what was
 *	in its cache, and a good flush after that proves nothing. Until the next resume
 *	nothing becomes CLEAN.
 * @DM_LEGS_BACK: resumed after that, and regions out of sync are left, see
 *	dm_regions_awaits_recovery()
 */
enum dm_regions_legs {
	DM_LEGS_GOOD,
	DM_LEGS_FAILED,
	DM_LEGS_BACK,
};

/**
 * struct dm_regions - the region map
 * @nr_regions: number of regions, at least 1
 * @nr_chunks: number of chunks, the last one perhaps partly used
 * @durable: there is a stable copy: track pending chunks and idle regions
 *
 * @lock: protects all from here to @recent. Interrupts stay on: nobody takes it there.
 * @marked: a bit for each region: it is DIRTY or IDLE; read by anyone without the lock
 * @second: a bit for each region: it is DIRTY or CLEAN; read by anyone. Bits past the
 *	last region are CLEAN, so that no search finds them.
 * @nr_nosync: number of NOSYNC regions; read by anyone
 * @nr_dirty: number of DIRTY regions; read by anyone
 * @nr_idle: number of IDLE regions; read by anyone
 * @nr_uncommitted: pending chunks, and those of commits that have not ended;
 *	read by anyone
 * @nr_taken: those of the commit that has not ended
 * @pending: chunks that have to be committed before any write
 * @stale: chunks in which regions became clean, and that were not committed since
 * @idle: chunks that may have an IDLE region
 * @held: a bit for each region, if the stable copy is told of regions, not of chunks: it
 *	has confirmed our mark, and SET_REGION_SYNC 0 if the region is NOSYNC; or NULL. A
 *	region that is not held and becomes DIRTY or NOSYNC makes its chunk pending.
 * @nr_held: number of bits in @held; read by anyone
 * @legs: see enum dm_regions_legs
 * @spoiled: the mirror was told that a mark is not durable: from then on it reports no
 *	failure of a leg any more (dm-raid1.c, do_failures()), until its table goes. So
 *	nothing becomes CLEAN for as long, either.
 * @given_up: a recovery was given up, so the mirror does not handle errors
 * @recent: regions that became idle since dm_regions_forget_recent(), a region's bit
 *	being its number modulo the size
 *
 * @cursor: where the search for regions to recover goes on
 * @recovering: the region being recovered, or DM_REGIONS_NONE
 * @recovered: it was cleared since it was offered
 * @again: search once more: a recovery was given up since the search began
 * @progress: a region was recovered since then, too
 * @wanted: the region that a write waits for, or DM_REGIONS_NONE. The search is the
 *	worker's, or a resume's while there is none.
 * @believed: somebody was told that all regions are in sync; never reset
 */
struct dm_regions {
	unsigned long nr_regions;
	unsigned long nr_chunks;
	bool durable;

	raw_spinlock_t lock;
	unsigned long *marked;
	unsigned long *second;
	unsigned long nr_nosync;
	unsigned long nr_dirty;
	unsigned long nr_idle;
	unsigned long nr_uncommitted;
	unsigned long nr_taken;
	unsigned long *pending;
	unsigned long *stale;
	unsigned long *idle;
	unsigned long *held;
	unsigned long nr_held;
	enum dm_regions_legs legs;
	bool spoiled;
	bool given_up;
	DECLARE_BITMAP(recent, DM_REGIONS_RECENT);

	u64 cursor;
	u64 recovering;
	bool recovered;
	bool again;
	bool progress;
	u64 wanted;
	bool believed;
};

unsigned long *dm_regions_alloc_bitmap(u64 nr);

int dm_regions_init(struct dm_regions *rg, u64 nr_regions,
		    enum dm_region_state state, bool durable);
void dm_regions_exit(struct dm_regions *rg);

void dm_regions_mark(struct dm_regions *rg, u64 region);
void dm_regions_clear(struct dm_regions *rg, u64 region);
bool dm_regions_set_sync(struct dm_regions *rg, u64 region, bool in_sync);
void dm_regions_offer(struct dm_regions *rg, u64 region);
bool dm_regions_next_resync(struct dm_regions *rg, u64 *region);
u64 dm_regions_next_nosync(struct dm_regions *rg, u64 from);
bool dm_regions_awaits_recovery(struct dm_regions *rg, u64 region);
void dm_regions_legs_failed(struct dm_regions *rg);
void dm_regions_spoil(struct dm_regions *rg);
void dm_regions_restart(struct dm_regions *rg);
u64 dm_regions_sync_count(struct dm_regions *rg);

/* regions-stable.c */
void dm_regions_fill(struct dm_regions *rg, enum dm_region_state state);
bool dm_regions_load(struct dm_regions *rg, unsigned long chunk, const u64 *bits,
		     bool merge);
void dm_regions_image(struct dm_regions *rg, unsigned long chunk, u64 *bits,
		      unsigned int nr_u64s);

void dm_regions_forget_recent(struct dm_regions *rg);
u64 dm_regions_clean(struct dm_regions *rg, bool defer);
bool dm_regions_has_stale(struct dm_regions *rg);
void dm_regions_pend_stale(struct dm_regions *rg);

void dm_regions_pend(struct dm_regions *rg, unsigned long chunk);
void dm_regions_pend_all(struct dm_regions *rg);
unsigned long dm_regions_next_pending(struct dm_regions *rg, unsigned long from);
void dm_regions_take(struct dm_regions *rg, unsigned long chunk, unsigned int nr);
void dm_regions_committed(struct dm_regions *rg);

/* regions-held.c */
int dm_regions_init_held(struct dm_regions *rg);
unsigned int dm_regions_pick_unheld(struct dm_regions *rg, unsigned long chunk,
				    bool idle_too, u64 *batch, unsigned int nr,
				    unsigned int max);
unsigned int dm_regions_pick_held(struct dm_regions *rg, u64 *from, u64 *batch,
				  unsigned int max);
unsigned int dm_regions_pick_idle(struct dm_regions *rg, u64 *from, u64 *batch,
				  unsigned int max);
void dm_regions_hold(struct dm_regions *rg, const u64 *batch, unsigned int nr);
void dm_regions_set_clean(struct dm_regions *rg, const u64 *batch, unsigned int nr);
void dm_regions_forget_held(struct dm_regions *rg);

#if IS_ENABLED(CONFIG_DM_LOG_KUNIT_TEST)
/* tests/regions-check.c: which invariant the map violates, or NULL */
const char *dm_regions_check(struct dm_regions *rg,
			     bool (*stable_bit)(void *data, u64 region), void *data);
#endif

/* The chunk must have to be committed before any write. Under the lock. */
static inline void dm_regions_pend_locked(struct dm_regions *rg, unsigned long chunk)
{
	if (rg->durable && !__test_and_set_bit(chunk, rg->pending))
		WRITE_ONCE(rg->nr_uncommitted, rg->nr_uncommitted + 1);
}

/* The daemon's mark does not count any more. Under the lock. */
static inline void dm_regions_drop_held(struct dm_regions *rg, unsigned long region)
{
	if (__test_and_clear_bit(region, rg->held))
		WRITE_ONCE(rg->nr_held, rg->nr_held - 1);
}

/* Number of u64s of the stable bitset that hold regions. */
static inline unsigned long dm_regions_nr_u64s(const struct dm_regions *rg)
{
	return DIV_ROUND_UP_ULL(rg->nr_regions, BITS_PER_TYPE(u64));
}

/* ... and of a chunk of it. */
static inline unsigned int dm_regions_chunk_u64s(const struct dm_regions *rg,
						 unsigned long chunk)
{
	return min_t(unsigned long, DM_REGIONS_CHUNK_U64S,
		     dm_regions_nr_u64s(rg) - chunk * DM_REGIONS_CHUNK_U64S);
}

/*
 * The functions from here to dm_regions_is_clean() serve every I/O: they are to be
 * inline even where the kernel is built for size.
 */

/* Not test_bit(): x86 has an instruction for bits in memory, and it is a slow one. */
static __always_inline unsigned int dm_regions_bit(const unsigned long *bitmap,
						   unsigned long nr)
{
	return READ_ONCE(bitmap[nr / BITS_PER_LONG]) >> nr % BITS_PER_LONG & 1;
}

/**
 * dm_regions_state() - look at one region
 * @rg: the map
 * @region: any number
 *
 * No warning if it is out of range: after a read error the mirror asks about
 * regions that it computed from a remapped bio (dm-raid1.c, mirror_available()).
 *
 * Without the lock the bits may be those of two states. The worker makes all changes but
 * the cleaner's, from IDLE to CLEAN, which sets one bit before it clears the other: so the
 * worker never takes a region in sync for NOSYNC. Another reader might, if the worker has
 * come from CLEAN over DIRTY to IDLE meanwhile, and asks the worker then.
 *
 * Context: any.
 * Return: the state; DM_REGION_NOSYNC for a region that does not exist.
 */
static __always_inline enum dm_region_state
dm_regions_state(const struct dm_regions *rg, u64 region)
{
	unsigned int marked;

	if (unlikely(region >= rg->nr_regions))
		return DM_REGION_NOSYNC;
	marked = dm_regions_bit(rg->marked, region);
	/* Pairs with the barriers in set_state() and clean_chunk(). */
	smp_rmb();
	return marked << 1 | dm_regions_bit(rg->second, region);
}

/**
 * dm_regions_in_sync() - do the legs agree, writes in flight aside?
 * @rg: the map
 * @region: any number
 *
 * Context: any.
 * Return: true if so; false for a region that does not exist.
 */
static __always_inline bool dm_regions_in_sync(const struct dm_regions *rg, u64 region)
{
	return dm_regions_state(rg, region) != DM_REGION_NOSYNC;
}

/**
 * dm_regions_is_clean() - in sync and no write in flight?
 * @rg: the map
 * @region: any number
 *
 * Context: any.
 * Return: true if so; false for a region that does not exist.
 */
static __always_inline bool dm_regions_is_clean(const struct dm_regions *rg, u64 region)
{
	enum dm_region_state state = dm_regions_state(rg, region);

	return state == DM_REGION_CLEAN || state == DM_REGION_IDLE;
}

/**
 * dm_regions_is_held() - has the daemon confirmed what it has to know of a region?
 * @rg: a map with @held
 * @region: its number
 *
 * Context: any.
 * Return: true if so.
 */
static inline bool dm_regions_is_held(const struct dm_regions *rg, u64 region)
{
	return dm_regions_bit(rg->held, region);
}

/**
 * dm_regions_may_clean() - could an idle region become clean?
 * @rg: the map
 *
 * Context: any.
 * Return: false if a leg has failed since the resume, or may have without our knowledge.
 */
static inline bool dm_regions_may_clean(const struct dm_regions *rg)
{
	return READ_ONCE(rg->legs) != DM_LEGS_FAILED && !READ_ONCE(rg->spoiled);
}

/**
 * dm_regions_is_recovered() - has this region been recovered?
 * @rg: the map
 * @region: any number
 *
 * Context: the worker.
 * Return: true if it was offered last, and cleared since.
 */
static inline bool dm_regions_is_recovered(const struct dm_regions *rg, u64 region)
{
	return region == rg->recovering && rg->recovered;
}

/**
 * dm_regions_nr_nosync() - how many regions are out of sync
 * @rg: the map
 *
 * Context: any.
 * Return: their number.
 */
static inline unsigned long dm_regions_nr_nosync(const struct dm_regions *rg)
{
	return READ_ONCE(rg->nr_nosync);
}

/**
 * dm_regions_nr_idle() - how many regions wait to be cleaned
 * @rg: the map
 *
 * Context: any.
 * Return: their number.
 */
static inline unsigned long dm_regions_nr_idle(const struct dm_regions *rg)
{
	return READ_ONCE(rg->nr_idle);
}

/**
 * dm_regions_nr_dirty() - how many regions are marked and not yet cleared
 * @rg: the map
 *
 * Context: any.
 * Return: their number, out-of-sync regions not included.
 */
static inline unsigned long dm_regions_nr_dirty(const struct dm_regions *rg)
{
	return READ_ONCE(rg->nr_dirty);
}

/**
 * dm_regions_nr_held() - how many marks of ours does the daemon hold?
 * @rg: the map
 *
 * Context: any.
 * Return: their number.
 */
static inline unsigned long dm_regions_nr_held(const struct dm_regions *rg)
{
	return READ_ONCE(rg->nr_held);
}

/**
 * dm_regions_uncommitted() - may the stable copy be cleaner than the map?
 * @rg: the map
 *
 * Context: any. If this says no, all commits before have ended, and what the
 * worker marked is durable.
 * Return: true if something is pending or being committed.
 */
static inline bool dm_regions_uncommitted(const struct dm_regions *rg)
{
	/* Pairs with the release in dm_regions_committed(). */
	return smp_load_acquire(&rg->nr_uncommitted) != 0;
}

#endif /* DM_LOG_REGIONS_H */
