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
 * pending	a chunk whose clean bits may differ from the stable copy's
 * to commit	to make the stable copy equal to the map, so that it is durable
 *
 * Rules
 *
 * The stable copy is never cleaner than the legs: a region's clean bit is 1
 * there only if no write was in flight when it was committed and the legs have
 * been flushed since the last write to the region ended. See enum
 * dm_region_state for how the map keeps this.
 *
 * Who may call what
 *
 * any context		dm_regions_state(), _in_sync(), _is_clean(),
 *			_sync_count(), _nr_nosync(), _nr_idle(), _nr_dirty(),
 *			_uncommitted()
 * the worker		dm_regions_mark(), _clear(), _set_sync(),
 *			_next_resync(), _recovered(), _awaits_recovery()
 * one thread at a time	everything else; beside the worker
 */

#ifndef DM_LOG_REGIONS_H
#define DM_LOG_REGIONS_H

#include <linux/bitmap.h>
#include <linux/math64.h>
#include <linux/sizes.h>
#include <linux/spinlock.h>
#include <linux/types.h>

#define DM_REGIONS_PER_CHUNK	((u64)SZ_512 * BITS_PER_BYTE)
#define DM_REGIONS_CHUNK_U64S	(SZ_512 / sizeof(u64))

/* A region's state takes two bits of a word. */
#define DM_REGION_STATE_BITS	2
#define DM_REGION_STATE_MASK	3UL
#define DM_REGIONS_PER_WORD	(BITS_PER_LONG / DM_REGION_STATE_BITS)

/* The number of no region */
#define DM_REGIONS_NONE		U64_MAX

/* Bits that tell which regions were cleared a moment ago; 4 KiB. */
#define DM_REGIONS_RECENT	SZ_32K

/**
 * enum dm_region_state - all that is known of one region, in two bits
 * @DM_REGION_NOSYNC: the legs differ, or may. Clean bit 0.
 * @DM_REGION_DIRTY: in sync, but writes may be in flight. Clean bit 0.
 * @DM_REGION_IDLE: in sync and all writes have ended, but a leg may still hold
 *	them in a volatile cache. Clean bit 0, so that the next write to the
 *	region finds its mark already committed. Only in durable maps.
 * @DM_REGION_CLEAN: in sync, no write in flight, legs flushed. Clean bit 1.
 *
 * Zeroed memory says NOSYNC: what is not known is dirty.
 *
 * CLEAN -> DIRTY (mark) makes the chunk pending and so has to be committed
 * before the write; IDLE -> DIRTY does not, unless @by_region. DIRTY -> IDLE is a clear. IDLE ->
 * CLEAN is the only step that makes a clean bit 1, and only
 * dm_regions_clean() takes it, for regions that have been idle since before
 * dm_regions_forget_recent(): the caller flushes the legs between the two.
 */
enum dm_region_state {
	DM_REGION_NOSYNC = 0,
	DM_REGION_DIRTY = 1,
	DM_REGION_IDLE = 2,
	DM_REGION_CLEAN = 3,
};

/**
 * struct dm_regions - the region map
 * @nr_regions: number of regions, at least 1
 * @nr_chunks: number of chunks, the last one perhaps partly used
 * @cells: the states, two bits each; read by anyone without a lock. Cells past
 *	the last region are CLEAN, so that no search finds them.
 * @nr_cell_words: length of @cells
 * @durable: there is a stable copy: track pending chunks and idle regions
 * @by_region: the stable copy is told of regions, not of chunks, and its user
 *	knows of which: marking an idle region makes its chunk pending, too, and
 *	the user finds out whether there is anything to tell. Set right after
 *	dm_regions_init().
 *
 * @lock: protects all from here to @recent, and changes of @cells. Interrupts stay
 *	on: nobody takes it there.
 * @nr_dirty: number of DIRTY regions, if @durable; read by anyone
 * @nr_marked: number of DIRTY and IDLE regions, if @durable; read by anyone. Those
 *	that are IDLE are not counted: one count less to change in a mark or clear.
 * @nr_nosync: number of NOSYNC regions; read by anyone
 * @nr_uncommitted: pending chunks, and those of commits that have not ended;
 *	read by anyone
 * @nr_taken: those of the commit that has not ended
 * @pending: chunks that have to be committed
 * @stale: chunks in which regions became clean, and that were not committed since.
 *	They need not be: the stable copy only has more dirty regions than it might.
 * @idle: chunks that may have an IDLE region
 * @leg_failed: a write or a recovery has failed since all regions were in sync
 * @recover_first: writes wait until their region has been recovered, see
 *	dm_regions_awaits_recovery(). A suspend clears it without the lock.
 * @recent: regions that became idle since dm_regions_forget_recent(), a region's bit
 *	being its number modulo the size
 *
 * @cursor: where the search for regions to recover goes on
 * @recovering: the region being recovered, or DM_REGIONS_NONE
 * @recovered: it was cleared since it was offered
 * @wanted: the region that a write waits for, or DM_REGIONS_NONE. The search is the
 *	worker's, or a resume's while there is none.
 */
struct dm_regions {
	u64 nr_regions;
	unsigned long nr_chunks;
	unsigned long *cells;
	unsigned long nr_cell_words;
	bool durable;
	bool by_region;

	raw_spinlock_t lock;
	u64 nr_dirty;
	u64 nr_marked;
	u64 nr_nosync;
	unsigned long nr_uncommitted;
	unsigned long nr_taken;
	unsigned long *pending;
	unsigned long *stale;
	unsigned long *idle;
	bool leg_failed;
	bool recover_first;
	DECLARE_BITMAP(recent, DM_REGIONS_RECENT);

	u64 cursor;
	u64 recovering;
	bool recovered;
	u64 wanted;
};

unsigned long *dm_regions_alloc_bitmap(u64 nr);
int dm_regions_init(struct dm_regions *rg, u64 nr_regions,
		    enum dm_region_state state, bool durable);
void dm_regions_exit(struct dm_regions *rg);

void dm_regions_mark(struct dm_regions *rg, u64 region);
void dm_regions_clear(struct dm_regions *rg, u64 region);
void dm_regions_set_sync(struct dm_regions *rg, u64 region, bool in_sync);
bool dm_regions_next_resync(struct dm_regions *rg, u64 *region);
void dm_regions_recovered(struct dm_regions *rg, u64 region);
u64 dm_regions_next_nosync(struct dm_regions *rg, u64 from);

void dm_regions_restart_resync(struct dm_regions *rg);
bool dm_regions_awaits_recovery_slow(struct dm_regions *rg, u64 region);
void dm_regions_fill(struct dm_regions *rg, enum dm_region_state state);
void dm_regions_load(struct dm_regions *rg, unsigned long chunk, const u64 *bits);
void dm_regions_image(struct dm_regions *rg, unsigned long chunk, u64 *bits,
		      unsigned int nr_u64s);
void dm_regions_dirty_image(struct dm_regions *rg, unsigned long chunk, u64 *bits,
			    unsigned int nr_u64s);

void dm_regions_forget_recent(struct dm_regions *rg);
u64 dm_regions_clean(struct dm_regions *rg, bool defer);
bool dm_regions_has_stale(struct dm_regions *rg);
void dm_regions_pend_stale(struct dm_regions *rg);

void dm_regions_pend(struct dm_regions *rg, unsigned long chunk);
void dm_regions_pend_all(struct dm_regions *rg);
void dm_regions_pend_unclean(struct dm_regions *rg);
unsigned long dm_regions_next_pending(struct dm_regions *rg, unsigned long from);
void dm_regions_take(struct dm_regions *rg, unsigned long chunk, unsigned int nr);
void dm_regions_committed(struct dm_regions *rg);

/* Number of u64s of the stable bitset that hold regions. */
static inline u64 dm_regions_nr_u64s(const struct dm_regions *rg)
{
	return DIV_ROUND_UP_ULL(rg->nr_regions, BITS_PER_TYPE(u64));
}

/*
 * The functions from here to dm_regions_is_clean() serve every I/O: they are to be
 * inline even where the kernel is built for size.
 */

/**
 * dm_regions_state() - look at one region
 * @rg: the map
 * @region: any number
 *
 * No warning if it is out of range: after a read error the mirror asks about
 * regions that it computed from a remapped bio (dm-raid1.c, mirror_available()).
 *
 * Context: any.
 * Return: the state; DM_REGION_NOSYNC for a region that does not exist.
 */
static __always_inline enum dm_region_state
dm_regions_state(const struct dm_regions *rg, u64 region)
{
	unsigned int shift = region % DM_REGIONS_PER_WORD * DM_REGION_STATE_BITS;

	if (unlikely(region >= rg->nr_regions))
		return DM_REGION_NOSYNC;
	return READ_ONCE(rg->cells[region / DM_REGIONS_PER_WORD]) >> shift &
	       DM_REGION_STATE_MASK;
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
	return dm_regions_state(rg, region) >= DM_REGION_IDLE;
}

/**
 * dm_regions_awaits_recovery() - should a write wait until its region is recovered?
 * @rg: the map
 * @region: any number
 *
 * A mirror keeps in mind that a leg failed until all regions are in sync, over a
 * resume of the same table, too, which is what "lvchange --refresh" comes to. Until
 * then it takes a write to a region out of sync for one that has failed (dm-raid1.c,
 * do_writes()): with handle_errors it holds it until the next suspend. Held, it is
 * pending in the region, and a recovery of that waits for it.
 *
 * A write to a region under recovery waits for that and then goes on. So after a resume
 * with a failed leg, writes wait until it is the turn of their region, which is at once.
 * If the leg still fails, there is no such turn, and the mirror has its way.
 *
 * Context: the worker; does not sleep.
 * Return: true if so; the region is then the next one to be recovered.
 */
static inline bool dm_regions_awaits_recovery(struct dm_regions *rg, u64 region)
{
	return unlikely(READ_ONCE(rg->recover_first)) &&
	       dm_regions_awaits_recovery_slow(rg, region);
}

/**
 * dm_regions_await_nothing() - let no further write wait for recovery
 * @rg: the map
 *
 * A suspend ends recovery, and then waits for the writes.
 *
 * Context: any.
 */
static inline void dm_regions_await_nothing(struct dm_regions *rg)
{
	WRITE_ONCE(rg->recover_first, false);
}

/**
 * dm_regions_sync_count() - how many regions are in sync
 * @rg: the map
 *
 * Context: any.
 * Return: a count that was right at some moment during the call.
 */
static inline u64 dm_regions_sync_count(const struct dm_regions *rg)
{
	return rg->nr_regions - READ_ONCE(rg->nr_nosync);
}

/**
 * dm_regions_nr_nosync() - how many regions are out of sync
 * @rg: the map
 *
 * Context: any.
 * Return: their number.
 */
static inline u64 dm_regions_nr_nosync(const struct dm_regions *rg)
{
	return READ_ONCE(rg->nr_nosync);
}

/**
 * dm_regions_nr_idle() - how many regions wait to be cleaned
 * @rg: the map
 *
 * Context: any.
 * Return: their number; where others change the map meanwhile, it may be off by as
 *	many regions as they change.
 */
static inline u64 dm_regions_nr_idle(const struct dm_regions *rg)
{
	u64 nr_dirty = READ_ONCE(rg->nr_dirty);
	u64 nr_marked = READ_ONCE(rg->nr_marked);

	return nr_marked > nr_dirty ? nr_marked - nr_dirty : 0;
}

/**
 * dm_regions_nr_dirty() - how many regions are marked and not yet cleared
 * @rg: a durable map
 *
 * Context: any.
 * Return: their number, out-of-sync regions not included.
 */
static inline u64 dm_regions_nr_dirty(const struct dm_regions *rg)
{
	return READ_ONCE(rg->nr_dirty);
}

/**
 * dm_regions_uncommitted() - may the map differ from the stable copy?
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
