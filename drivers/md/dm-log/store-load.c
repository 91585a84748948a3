// SPDX-License-Identifier: GPL-2.0-only
/*
 * The stable copy of a region map on a device: how it is read, at a resume and when a
 * device that could not be read works again. See store.h for the format, store.c for
 * the other half.
 *
 * Whose log. The header does not tell it, so a bitset could be read that was written
 * for another region size, or for another mirror. The record behind the header
 * does, see record.c. If it does not fit, a new log is begun.
 */

#include <linux/bitops.h>
#include <linux/device-mapper.h>
#include <linux/minmax.h>
#include <linux/sched/mm.h>
#include <linux/vmalloc.h>

#include "regions.h"
#include "store.h"

#define DM_MSG_PREFIX "dirty region log"

/* For a large bitset; given back afterwards. */
#define LOAD_BUF_BYTES		SZ_1M
#define READ_TRIES		3

static int read_sectors(struct dm_log_store *store, sector_t sector,
			unsigned int nr_sectors, void *data)
{
	int tries, r;

	for (tries = 0; tries < READ_TRIES; tries++) {
		r = store->dev->ops->read(store->dev, sector, nr_sectors, data);
		if (!r)
			return 0;
	}
	return r;
}

/* Read the blocks that hold bytes which are not ours. */
static int read_ends(struct dm_log_store *store)
{
	unsigned int block_sectors = store->dev->block_sectors;
	int r;

	r = read_sectors(store, 0, store_head_blocks(store) * block_sectors,
			 store->head);
	if (!r)
		r = read_sectors(store, (store->nr_blocks - 1) * block_sectors,
				 block_sectors, store->tail);
	return r;
}

enum header_kind { HEADER_NONE, HEADER_VALID, HEADER_FOREIGN };

static enum header_kind parse_header(struct dm_log_store *store, u64 *nr_regions)
{
	const struct dm_log_header_disk *header = store->head;
	u32 version = le32_to_cpu(header->version);

	*nr_regions = 0;
	if (le32_to_cpu(header->magic) != DM_LOG_MAGIC)
		return HEADER_NONE;

	if (version == DM_LOG_VERSION ||
	    (version == 1 && cpu_to_le32(1) == (__force __le32)1)) {
		*nr_regions = le64_to_cpu(header->nr_regions);
		return HEADER_VALID;
	}

	return HEADER_FOREIGN;
}

static int refuse_version(struct dm_log_store *store)
{
	const struct dm_log_header_disk *header = store->head;

	DMERR_LIMIT("log device %s has version %u, expected %u: not used, all regions out of sync",
		    store->dev->name, le32_to_cpu(header->version), DM_LOG_VERSION);
	return -EPROTONOSUPPORT;
}

/* Clear the bits of regions from @limit on; true if one was set. */
static bool limit_bits(u64 *bits, u64 first_region, u64 limit, unsigned int nr_u64s)
{
	bool changed = false;
	unsigned int i;

	for (i = 0; i < nr_u64s; i++) {
		u64 first = first_region + i * BITS_PER_TYPE(u64);
		u64 keep;

		if (limit >= first + BITS_PER_TYPE(u64))
			continue;
		keep = limit > first ? BIT_ULL(limit - first) - 1 : 0;
		changed |= (bits[i] & ~keep) != 0;
		bits[i] &= keep;
	}
	return changed;
}

/*
 * Take over one sector of the bitset, which is converted where it stands. If it does not
 * matter, count what it says.
 */
static void load_chunk(struct dm_log_store *store, unsigned long chunk,
		       void *sector, u64 valid, enum dm_log_load load)
{
	struct dm_regions *rg = store->regions;
	unsigned int i, nr = dm_regions_chunk_u64s(rg, chunk);
	const __le64 *from = sector;
	u64 *bits = sector;
	bool changed;

	for (i = 0; i < nr; i++)
		bits[i] = le64_to_cpu(from[i]);

	/* Regions beyond what the header vouches for, and the padding. */
	changed = limit_bits(bits, (u64)chunk * DM_REGIONS_PER_CHUNK,
			     min_t(u64, valid, rg->nr_regions), nr);
	if (load == DM_LOG_ALL_CLEAN) {
		for (i = 0; i < nr; i++)
			store->nr_dropped -= hweight64(bits[i]);
		return;
	}
	changed |= dm_regions_load(rg, chunk, bits, load == DM_LOG_MERGE);
	if (changed)
		dm_regions_pend(rg, chunk);
}

static int load_bits(struct dm_log_store *store, u64 valid, enum dm_log_load load)
{
	unsigned long chunk = 0, nr_chunks = store->regions->nr_chunks;
	unsigned int noio = memalloc_noio_save();
	unsigned int i, n, buf_sectors = store->buf_blocks * store->dev->block_sectors;
	void *buf = store->buf, *large = NULL;
	int r = 0;

	/* The bitset starts and ends in blocks, but not on their borders. */
	if (nr_chunks > buf_sectors) {
		large = __vmalloc(LOAD_BUF_BYTES, GFP_NOIO | __GFP_NOWARN);
		if (large) {
			buf = large;
			buf_sectors = LOAD_BUF_BYTES >> SECTOR_SHIFT;
			buf_sectors -= buf_sectors % store->dev->block_sectors;
		}
	}

	while (chunk < nr_chunks) {
		sector_t sector = chunk + DM_LOG_HEADER_SECTORS;
		unsigned int skip = sector & (store->dev->block_sectors - 1);
		sector_t end = store->nr_blocks * store->dev->block_sectors;

		sector -= skip;
		n = min_t(u64, buf_sectors, end - sector);
		r = read_sectors(store, sector, n, buf);
		if (r)
			break;
		for (i = skip; i < n && chunk < nr_chunks; i++, chunk++)
			load_chunk(store, chunk, buf + (i << SECTOR_SHIFT),
				   valid, load);
		cond_resched();
	}

	vfree(large);
	memalloc_noio_restore(noio);
	return r;
}

/* Nobody relies on these bits. So what cannot be read, or is another's, says nothing. */
static void count_dropped(struct dm_log_store *store)
{
	u64 valid;

	store->nr_dropped = 0;
	if (parse_header(store, &valid) != HEADER_VALID ||
	    !dm_log_record_fits(store_record(store), valid, &store->owner, NULL))
		return;
	store->nr_dropped = min_t(u64, valid, store->regions->nr_regions);
	if (load_bits(store, valid, DM_LOG_ALL_CLEAN))
		store->nr_dropped = 0;
}

/*
 * All is going to be clean in what was another mirror's log. Should the power be cut on the
 * way there, that one must not find our bits under its record: so first all is dirty, and
 * then ours. What fails will fail again.
 */
static void disown(struct dm_log_store *store)
{
	u64 valid;

	if (store->dev->read_only || parse_header(store, &valid) != HEADER_VALID ||
	    dm_log_record_fits(store_record(store), valid, &store->owner, NULL))
		return;
	dm_regions_fill(store->regions, DM_REGION_NOSYNC);
	dm_regions_pend_all(store->regions);
	dm_log_store_begin(store);
}

static int read_log(struct dm_log_store *store, enum dm_log_load load)
{
	u64 valid;
	int r;

	r = read_ends(store);
	if (r)
		return r;

	if (load == DM_LOG_LOAD || load == DM_LOG_MERGE) {
		switch (parse_header(store, &valid)) {
		case HEADER_VALID:
			if (dm_log_record_fits(store_record(store), valid,
					       &store->owner, store->dev->name))
				return load_bits(store, valid, load);
			load = DM_LOG_ALL_NOSYNC;
			break;
		case HEADER_FOREIGN:
			return refuse_version(store);
		case HEADER_NONE:
			load = DM_LOG_ALL_NOSYNC;
			break;
		}
	}

	/* A new log. */
	if (load == DM_LOG_ALL_CLEAN) {
		count_dropped(store);
		disown(store);
	}
	dm_regions_fill(store->regions, load == DM_LOG_ALL_CLEAN ?
			DM_REGION_CLEAN : DM_REGION_NOSYNC);
	dm_regions_pend_all(store->regions);
	return 0;
}

/* Until dm_log_store_reopen(), or for good, the map is all that there is. */
static int go_without(struct dm_log_store *store, enum dm_log_load load, int error)
{
	store->state = error == -EPROTONOSUPPORT ? DM_LOG_STORE_FOREIGN :
						   DM_LOG_STORE_UNREADABLE;
	store->io_failed = true;
	dm_regions_fill(store->regions, load == DM_LOG_ALL_CLEAN ?
			DM_REGION_CLEAN : DM_REGION_NOSYNC);
	/*
	 * The device may say "clean" of any region: no mark is durable,
	 * not even that of a region which is dirty in the map already.
	 */
	if (store->state == DM_LOG_STORE_UNREADABLE)
		dm_regions_pend_all(store->regions);
	return error;
}

/**
 * dm_log_store_refuse() - resume without the device, which is in another's use
 * @store: the store; nothing is being committed
 * @load: what to do with the bits that are there
 *
 * Like a resume that could not read the device, but that it is not looked at.
 *
 * Context: process context, may sleep; serialised by the caller.
 * Return: -EBUSY.
 */
int dm_log_store_refuse(struct dm_log_store *store, enum dm_log_load load)
{
	store->head_stale = true;
	store->flush_failed = false;
	return go_without(store, load, -EBUSY);
}

/**
 * dm_log_store_resume() - read the log and bring it up to date
 * @store: the store; nothing is being committed
 * @load: what to do with the bits that are there
 *
 * If the device cannot be read or is not understood, all regions are out of sync
 * and nothing is written. Except for DM_LOG_ALL_CLEAN: then the bits on the
 * device do not matter, the administrator vouches for the mirror. Of a device
 * that cannot be read the map counts as uncommitted, so that commits fail.
 *
 * Context: process context, may sleep; serialised by the caller.
 * Return: 0 if everything was read, written and made durable; -EPROTONOSUPPORT
 *	for an unknown version; otherwise the device's first error.
 */
int dm_log_store_resume(struct dm_log_store *store, enum dm_log_load load)
{
	int r;

	store->head_stale = true;
	r = read_log(store, load);
	if (r)
		return go_without(store, load, r);

	store->state = DM_LOG_STORE_OPEN;
	if (!store->dev->read_only) {
		r = dm_log_store_begin(store);
		if (r)
			return r;
	}

	store->io_failed = false;
	store->flush_failed = false;
	return 0;
}

/**
 * dm_log_store_probe() - can a log be read again?
 * @store: in state DM_LOG_STORE_UNREADABLE
 *
 * Context: process context, may sleep; by one thread, beside commits, which fail.
 * Return: 0, to be followed by dm_log_store_reopen(), or the device's error.
 */
int dm_log_store_probe(struct dm_log_store *store)
{
	return read_ends(store);
}

/**
 * dm_log_store_reopen() - use a log that can be read again
 * @store: in state DM_LOG_STORE_UNREADABLE, and probed
 *
 * The map has been without a stable copy since the resume. Now the device may be written,
 * and gets all that the map says.
 *
 * Context: process context, may sleep; serialised by the caller.
 * Return: 0, -EPROTONOSUPPORT, or the device's error.
 */
int dm_log_store_reopen(struct dm_log_store *store)
{
	u64 valid;

	if (parse_header(store, &valid) == HEADER_FOREIGN) {
		store->state = DM_LOG_STORE_FOREIGN;
		return refuse_version(store);
	}

	store->state = DM_LOG_STORE_OPEN;
	dm_regions_pend_all(store->regions);
	return store->dev->read_only ? 0 : dm_log_store_begin(store);
}
