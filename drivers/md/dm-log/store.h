/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The stable copy of a region map on a device: disk format version 2, how it is
 * read, and in what order it is written.
 *
 * Layout, all numbers little-endian
 *
 *	byte 0		struct dm_log_header_disk
 *	byte 16		struct dm_log_record_disk, if there was room for it
 *	byte 172	852 bytes that are kept as they are found
 *	byte 1024	the bitset: region n is bit n % 8 of byte n / 8; 1 means
 *			clean, 0 dirty or out of sync; ends at a multiple of 8
 *			bytes, the bits after the last region are 0
 *	then		to the end of the logical block: kept as found
 *
 * So chunk n of the region map is sector n + DM_LOG_HEADER_SECTORS.
 */

#ifndef DM_LOG_STORE_H
#define DM_LOG_STORE_H

#include <linux/blk_types.h>
#include <linux/build_bug.h>
#include <linux/math.h>
#include <linux/types.h>

#include "bdev.h"
#include "record.h"

struct dm_log_stats;
struct dm_regions;

#define DM_LOG_MAGIC		0x4D695272	/* "rRiM" */
#define DM_LOG_VERSION		2
#define DM_LOG_HEADER_SECTORS	2

/**
 * struct dm_log_header_disk - the first bytes of a log device
 * @magic: DM_LOG_MAGIC
 * @version: DM_LOG_VERSION. Version 1 was in the byte order of the CPU that
 *	wrote it, and otherwise the same.
 * @nr_regions: how many bits of the bitset are valid; may be far more than the
 *	mirror has regions (LVM writes 2^64 - 1 into a log that it prepares)
 */
struct dm_log_header_disk {
	__le32 magic;
	__le32 version;
	__le64 nr_regions;
} __packed;

static_assert(sizeof(struct dm_log_header_disk) == 16);
/* In the header's sector, so that a power cut cannot part the two. */
static_assert(sizeof(struct dm_log_header_disk) +
	      sizeof(struct dm_log_record_disk) <= SECTOR_SIZE);

/**
 * enum dm_log_load - what a resume does with the bits on the device
 * @DM_LOG_LOAD: use them, if there is a log
 * @DM_LOG_MERGE: use them, but a region that the map does not say is clean is
 *	out of sync: the device may have missed a commit
 * @DM_LOG_ALL_NOSYNC: begin a new log with every region out of sync
 * @DM_LOG_ALL_CLEAN: begin a new log with every region clean
 */
enum dm_log_load {
	DM_LOG_LOAD,
	DM_LOG_MERGE,
	DM_LOG_ALL_NOSYNC,
	DM_LOG_ALL_CLEAN,
};

/**
 * enum dm_log_store_state - may the device be written?
 * @DM_LOG_STORE_CLOSED: not resumed yet
 * @DM_LOG_STORE_OPEN: yes
 * @DM_LOG_STORE_UNREADABLE: no: what is on it could not be read, or is another's.
 *	Nothing can be committed until dm_log_store_reopen() succeeds.
 * @DM_LOG_STORE_FOREIGN: no: it holds a version that we do not know. Nothing is
 *	committed: whoever reads it next like us takes all regions for dirty.
 */
enum dm_log_store_state {
	DM_LOG_STORE_CLOSED,
	DM_LOG_STORE_OPEN,
	DM_LOG_STORE_UNREADABLE,
	DM_LOG_STORE_FOREIGN,
};

/**
 * struct dm_log_store - a region map's stable copy
 * @dev: the device
 * @regions: the map
 * @stats: where writes are counted, or NULL
 * @state: see enum dm_log_store_state
 * @io_failed: a read or write failed since the last good resume
 * @flush_failed: a flush failed since the last good resume
 * @nr_dropped: regions that the device called dirty when a resume began a new log with
 *	every region clean, as far as that could be read
 * @head_stale: the header on the device does not describe this mirror yet. It is
 *	written only after all bits that it makes valid.
 * @owner: the mirror. The caller may set its UUID before a resume.
 * @nr_blocks: logical blocks of the device that hold header and bitset
 * @head: the blocks that hold the first 1024 bytes: as they were read, and with
 *	our header once it is due
 * @tail: the last block, as it was read
 * @buf: blocks on their way to or from the device
 * @buf_blocks: size of @buf
 * @extents: the writes that they make
 *
 * All calls are serialised by the caller.
 */
struct dm_log_store {
	struct dm_log_dev *dev;
	struct dm_regions *regions;
	struct dm_log_stats *stats;
	enum dm_log_store_state state;
	bool io_failed;
	bool flush_failed;
	bool head_stale;
	u64 nr_dropped;
	struct dm_log_owner owner;
	u64 nr_blocks;
	void *head;
	void *tail;
	void *buf;
	unsigned int buf_blocks;
	struct dm_log_extent *extents;
};

/* In bytes. */
static inline size_t store_block_bytes(const struct dm_log_store *store)
{
	return (size_t)store->dev->block_sectors << SECTOR_SHIFT;
}

/* Blocks that hold some of the header's 1024 bytes. */
static inline unsigned int store_head_blocks(const struct dm_log_store *store)
{
	return DIV_ROUND_UP(DM_LOG_HEADER_SECTORS, store->dev->block_sectors);
}

static inline struct dm_log_record_disk *store_record(const struct dm_log_store *store)
{
	return store->head + sizeof(struct dm_log_header_disk);
}

u64 dm_log_store_sectors(u64 nr_regions, unsigned int block_sectors);

int dm_log_store_init(struct dm_log_store *store, struct dm_log_dev *dev,
		      struct dm_regions *regions, u32 region_sectors);
void dm_log_store_exit(struct dm_log_store *store);

int dm_log_store_begin(struct dm_log_store *store);

int dm_log_store_resume(struct dm_log_store *store, enum dm_log_load load);
int dm_log_store_refuse(struct dm_log_store *store, enum dm_log_load load);
int dm_log_store_probe(struct dm_log_store *store);
int dm_log_store_reopen(struct dm_log_store *store);
int dm_log_store_commit(struct dm_log_store *store);

/**
 * dm_log_store_knows() - is what is out of sync dirty on the device, too?
 * @store: resumed at least once
 *
 * Context: any.
 * Return: true once the map has been written after a resume, or if the device is not
 *	ours to write, whose next reader takes everything for dirty.
 */
static inline bool dm_log_store_knows(const struct dm_log_store *store)
{
	return !READ_ONCE(store->head_stale) ||
	       READ_ONCE(store->state) == DM_LOG_STORE_FOREIGN;
}

#endif /* DM_LOG_STORE_H */
