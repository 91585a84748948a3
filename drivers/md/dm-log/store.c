// SPDX-License-Identifier: GPL-2.0-only
/*
 * The stable copy of a region map on a device: how it is written. See store.h for the
 * format, store-load.c for the other half.
 *
 * Only blocks with pending chunks are written, as many at a time as the
 * buffer holds; what fails stays pending, because a failed write may have
 * changed the device or not. A block is composed of the map's clean bits and,
 * where it also has bytes that are not ours, of what was read at resume. So
 * nothing is ever written that was not set by the map or read from the device.
 *
 * Order. A header says how many bits are valid. When a log is begun or grows, the
 * new bits are made durable first, with the old header if they share its block,
 * and the header last, so that a power cut in between leaves the old header, which
 * does not vouch for them. That holds also if a block is torn into sectors. The
 * header is written at every resume, after a flush of the device: until then the
 * bits that were read may not be durable. Bits that go to where another mirror's log is
 * must all be dirty until the header with our record is there.
 */

#include <linux/bitops.h>
#include <linux/device-mapper.h>
#include <linux/math64.h>
#include <linux/minmax.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/vmalloc.h>
#if IS_ENABLED(CONFIG_DM_LOG_KUNIT_TEST)
#include <kunit/static_stub.h>
#endif

#include "counters.h"
#include "private.h"
#include "regions.h"
#include "store.h"
#include "trace.h"

#define DM_MSG_PREFIX "dirty region log"

/* A commit of 32 blocks of 4 KiB goes out at once. */
#define BUF_BYTES		SZ_128K

/**
 * dm_log_store_sectors() - how much of a device a log takes
 * @nr_regions: number of regions
 * @block_sectors: the device's logical block, in sectors
 *
 * Return: header and bitset in sectors, rounded up to whole blocks.
 */
u64 dm_log_store_sectors(u64 nr_regions, unsigned int block_sectors)
{
	u64 sectors = DM_LOG_HEADER_SECTORS +
		      DIV_ROUND_UP_ULL(nr_regions, DM_REGIONS_PER_CHUNK);

	return DIV_ROUND_UP_ULL(sectors, block_sectors) * block_sectors;
}

static u64 block_of_chunk(const struct dm_log_store *store, unsigned long chunk)
{
	return div_u64((u64)chunk + DM_LOG_HEADER_SECTORS,
		       store->dev->block_sectors);
}

/* Sectors of the block that belong to the bitset: first chunk and number. */
static unsigned long block_chunks(const struct dm_log_store *store, u64 block,
				  unsigned int *nr)
{
	u64 start = block * store->dev->block_sectors;
	u64 end = start + store->dev->block_sectors;

	start = max_t(u64, start, DM_LOG_HEADER_SECTORS) - DM_LOG_HEADER_SECTORS;
	end = max_t(u64, end, DM_LOG_HEADER_SECTORS) - DM_LOG_HEADER_SECTORS;
	end = min_t(u64, end, store->regions->nr_chunks);
	*nr = end > start ? end - start : 0;
	return start;
}

/* dm-io wants memory from vmalloc(). A seam for tests, which make millions of stores. */
VISIBLE_IF_DM_LOG_KUNIT void *dm_log_store_alloc(size_t bytes)
{
#if IS_ENABLED(CONFIG_DM_LOG_KUNIT_TEST)
	KUNIT_STATIC_STUB_REDIRECT(dm_log_store_alloc, bytes);
#endif
	return vzalloc(bytes);
}

/**
 * dm_log_store_init() - prepare to keep a map on a device
 * @store: what to set up
 * @dev: the device, large enough for dm_log_store_sectors(); stays the caller's
 * @regions: the map; stays the caller's
 * @region_sectors: size of a region
 *
 * Context: process context, may sleep. Does not touch the device.
 * Return: 0 or -ENOMEM, after which dm_log_store_exit() may but need not be
 *	called.
 */
int dm_log_store_init(struct dm_log_store *store, struct dm_log_dev *dev,
		      struct dm_regions *regions, u32 region_sectors)
{
	memset(store, 0, sizeof(*store));
	store->dev = dev;
	store->regions = regions;
	store->owner.region_sectors = region_sectors;
	store->nr_blocks = div_u64(dm_log_store_sectors(regions->nr_regions,
							dev->block_sectors),
				   dev->block_sectors);
	store->buf_blocks = min_t(u64, store->nr_blocks,
				  max_t(u64, BUF_BYTES / store_block_bytes(store), 1));

	/* In one piece. */
	store->head = dm_log_store_alloc((store_head_blocks(store) + 1 + store->buf_blocks) *
					 store_block_bytes(store));
	store->extents = kvcalloc(store->buf_blocks, sizeof(*store->extents),
				  GFP_KERNEL);
	if (store->head && store->extents) {
		store->tail = store->head + store_head_blocks(store) * store_block_bytes(store);
		store->buf = store->tail + store_block_bytes(store);
		return 0;
	}

	dm_log_store_exit(store);
	return -ENOMEM;
}

/**
 * dm_log_store_exit() - free what dm_log_store_init() allocated
 * @store: zeroed memory, or what dm_log_store_init() was called for
 *
 * Context: process context, may sleep. Does not touch the device.
 */
void dm_log_store_exit(struct dm_log_store *store)
{
	kvfree(store->extents);
	kvfree(store->head);
	memset(store, 0, sizeof(*store));
}

/* Fill @out with what block @block of the device should be. */
static void compose_block(struct dm_log_store *store, u64 block, void *out)
{
	unsigned int i, j, nr, nr_chunks, skip;
	unsigned long chunk;

	if (block < store_head_blocks(store))
		memcpy(out, store->head + block * store_block_bytes(store),
		       store_block_bytes(store));
	else if (block == store->nr_blocks - 1)
		memcpy(out, store->tail, store_block_bytes(store));

	chunk = block_chunks(store, block, &nr_chunks);
	skip = chunk + DM_LOG_HEADER_SECTORS - block * store->dev->block_sectors;
	for (i = 0; i < nr_chunks; i++) {
		void *sector = out + ((skip + i) << SECTOR_SHIFT);
		__le64 *to = sector;
		u64 *bits = sector;

		nr = dm_regions_chunk_u64s(store->regions, chunk + i);
		dm_regions_image(store->regions, chunk + i, bits, nr);
		for (j = 0; j < nr; j++)
			to[j] = cpu_to_le64(bits[j]);
	}
}

/* Put a block into the buffer; joins it to the last extent. Return: the chunk after it. */
static unsigned long gather_block(struct dm_log_store *store, u64 block,
				  unsigned int index, unsigned int *nr_extents)
{
	void *data = store->buf + index * store_block_bytes(store);
	sector_t sector = block * store->dev->block_sectors;
	struct dm_log_extent *extent;
	unsigned int nr_chunks;
	unsigned long chunk;

	chunk = block_chunks(store, block, &nr_chunks);
	dm_regions_take(store->regions, chunk, nr_chunks);
	compose_block(store, block, data);

	extent = *nr_extents ? &store->extents[*nr_extents - 1] : NULL;
	if (!extent || extent->sector + extent->nr_sectors != sector) {
		extent = &store->extents[(*nr_extents)++];
		extent->sector = sector;
		extent->nr_sectors = 0;
		extent->data = data;
	}
	extent->nr_sectors += store->dev->block_sectors;
	return chunk + nr_chunks;
}

/* Nothing is known of what an extent should have written. */
static void pend_extent(struct dm_log_store *store, const struct dm_log_extent *extent)
{
	sector_t sector, end = extent->sector + extent->nr_sectors;

	for (sector = extent->sector; sector < end; sector++)
		if (sector >= DM_LOG_HEADER_SECTORS &&
		    sector - DM_LOG_HEADER_SECTORS < store->regions->nr_chunks)
			dm_regions_pend(store->regions, sector - DM_LOG_HEADER_SECTORS);
}

static void count_write(struct dm_log_store *store, unsigned int nr_blocks,
			unsigned int nr_extents, u64 start, int error)
{
	u64 bytes = (u64)nr_blocks * store_block_bytes(store);

	if (!store->stats)
		return;
	dm_log_count(&store->stats->writes, nr_extents);
	dm_log_count(&store->stats->bytes, bytes);
	if (start)
		trace_dm_log_write(store->stats->dev, store->extents[0].sector,
				   nr_extents, nr_blocks, bytes,
				   ktime_get_ns() - start, error);
}

/* Write what has been gathered; with @preflush after all that was written before. */
static int write_gathered(struct dm_log_store *store, unsigned int nr_blocks,
			  unsigned int nr_extents, bool preflush)
{
	u64 start = trace_dm_log_write_enabled() ? ktime_get_ns() : 0;
	bool lost = false;
	unsigned int i;
	int r;

	for (i = 0; i < nr_extents; i++)
		store->extents[i].error = 0;

	r = store->dev->ops->write(store->dev, store->extents, nr_extents,
				   preflush);
	count_write(store, nr_blocks, nr_extents, start, r);

	for (i = 0; i < nr_extents; i++)
		if (store->extents[i].error)
			lost = true;
	if (lost)
		store->io_failed = true;
	else if (r)
		store->flush_failed = true;

	/* One fails all: the flush for the others may not have been sent. */
	for (i = 0; r && i < nr_extents; i++)
		pend_extent(store, &store->extents[i]);
	dm_regions_committed(store->regions);
	return r;
}

/* Commit all pending chunks. */
static int commit_pending(struct dm_log_store *store)
{
	struct dm_regions *rg = store->regions;
	unsigned long chunk = dm_regions_next_pending(rg, 0);
	int r = 0;

	while (chunk < rg->nr_chunks) {
		unsigned int n = 0, nr_extents = 0;
		int wave;

		while (n < store->buf_blocks && chunk < rg->nr_chunks) {
			chunk = gather_block(store, block_of_chunk(store, chunk), n++,
					     &nr_extents);
			chunk = dm_regions_next_pending(rg, chunk);
		}
		wave = write_gathered(store, n, nr_extents, false);
		if (!r)
			r = wave;
		cond_resched();
	}
	return r;
}

/* From now on block 0 is composed with a header of this mirror. */
static void update_header(struct dm_log_store *store)
{
	struct dm_log_header_disk *header = store->head;

	header->magic = cpu_to_le32(DM_LOG_MAGIC);
	header->version = cpu_to_le32(DM_LOG_VERSION);
	header->nr_regions = cpu_to_le64(store->regions->nr_regions);
	dm_log_record_write(store_record(store), store->regions->nr_regions,
			    &store->owner);
}

/**
 * dm_log_store_begin() - commit everything, the header last
 * @store: read, or to be written anew
 *
 * What was read and did not have to change may still be in the device's cache, and must
 * not be lost once it counts: so flush it before the header; failing that, write it.
 *
 * Context: process context, may sleep; serialised by the caller.
 * Return: 0, or the device's first error.
 */
int dm_log_store_begin(struct dm_log_store *store)
{
	unsigned int nr_extents = 0;
	int r;

	r = commit_pending(store);
	if (r)
		return r;

	update_header(store);
	gather_block(store, 0, 0, &nr_extents);
	r = write_gathered(store, 1, nr_extents, true);
	if (r)
		/*
		 * Also if no bit has changed: the old header may vouch for regions
		 * that a smaller mirror does not have, and a larger one believes.
		 */
		dm_regions_pend_all(store->regions);
	else
		store->head_stale = false;
	return r;
}

/**
 * dm_log_store_commit() - make the map's changes durable
 * @store: resumed at least once
 *
 * Context: process context, may sleep; serialised by the caller. Allocates
 * nothing.
 * Return: 0 if nothing is uncommitted any more, or if the device is not ours to
 *	write (DM_LOG_STORE_FOREIGN). -EROFS if it is read-only, -EIO while it is
 *	unreadable, or the first error of the device.
 */
int dm_log_store_commit(struct dm_log_store *store)
{
	if (!dm_regions_uncommitted(store->regions))
		return 0;

	switch (store->state) {
	case DM_LOG_STORE_FOREIGN:
		return 0;
	case DM_LOG_STORE_CLOSED:
	case DM_LOG_STORE_UNREADABLE:
		return -EIO;
	case DM_LOG_STORE_OPEN:
		break;
	}

	if (store->dev->read_only) {
		store->io_failed = true;
		return -EROFS;
	}
	return store->head_stale ? dm_log_store_begin(store) :
				   commit_pending(store);
}
