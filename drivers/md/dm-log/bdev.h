/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A place on which a log stores its bitset: sectors that can be read, written
 * and made durable. The disk type uses a block device; tests bring their own.
 */

#ifndef DM_LOG_DEV_H
#define DM_LOG_DEV_H

#include <linux/types.h>

struct block_device;
struct dm_target;
struct dm_log_dev;

/**
 * struct dm_log_extent - one contiguous write
 * @sector: where it goes
 * @nr_sectors: its length, a multiple of the device's block
 * @data: what to write; memory from vmalloc(), stable until the write has ended
 * @error: result: 0 or a negative errno
 * @private: for the device while the write is in flight
 */
struct dm_log_extent {
	sector_t sector;
	unsigned int nr_sectors;
	void *data;
	int error;
	void *private;
};

/**
 * struct dm_log_dev_ops - what a device can do
 * @read: Read @nr_sectors from @sector into @data (memory from vmalloc()). Return:
 *	0 or a negative errno, after which @data is undefined.
 * @write: Write @nr extents, all at the same time, and wait until they are on
 *	stable storage. Return: 0, or a negative errno. If every extent's error
 *	is 0 then, the writes went well and only the flush that should have made
 *	them durable failed. With @preflush, what the device was given earlier,
 *	by whomever, becomes durable before any of the extents does.
 * @close: Release the device and free @dev.
 *
 * @read and @write sleep, are called by one thread at a time, and must not
 * allocate memory that could wait for the mirror whose log this is.
 */
struct dm_log_dev_ops {
	int (*read)(struct dm_log_dev *dev, sector_t sector,
		    unsigned int nr_sectors, void *data);
	int (*write)(struct dm_log_dev *dev, struct dm_log_extent *extents,
		     unsigned int nr, bool preflush);
	void (*close)(struct dm_log_dev *dev);
};

/**
 * struct dm_log_dev - an open device
 * @ops: its operations
 * @name: as it stands in table and status lines ("major:minor")
 * @number: tells it from all others; 0 in most tests
 * @nr_sectors: size of the device
 * @block_sectors: sectors of its logical block: the unit of writing
 * @read_only: it must not be written: opened for a read-only table, or
 *	write-protected
 */
struct dm_log_dev {
	const struct dm_log_dev_ops *ops;
	char name[16];
	dev_t number;
	sector_t nr_sectors;
	unsigned int block_sectors;
	bool read_only;
};

struct dm_log_dev *dm_log_dev_of(struct block_device *bdev, bool writable);
struct dm_log_dev *dm_log_dev_open(struct dm_target *ti, const char *path);

#endif /* DM_LOG_DEV_H */
