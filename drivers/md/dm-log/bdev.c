// SPDX-License-Identifier: GPL-2.0-only
/*
 * The block device of a disk log. See bdev.h.
 */

#include <linux/blkdev.h>
#include <linux/completion.h>
#include <linux/device-mapper.h>
#include <linux/dm-io.h>
#include <linux/ioprio.h>
#include <linux/kdev_t.h>
#include <linux/slab.h>
#include <linux/string.h>
#if IS_ENABLED(CONFIG_DM_LOG_KUNIT_TEST)
#include <kunit/static_stub.h>
#endif

#include "bdev.h"

#define DM_MSG_PREFIX "dirty region log"

/**
 * struct dm_log_bdev - a block device opened for a target
 * @dev: what others see
 * @bdev: the block device
 * @ti: the target, which holds it
 * @dm_dev: how that does; NULL in a test
 * @client: memory reserve for I/O
 */
struct dm_log_bdev {
	struct dm_log_dev dev;
	struct block_device *bdev;
	struct dm_target *ti;
	struct dm_dev *dm_dev;
	struct dm_io_client *client;
};

static struct dm_log_bdev *to_bdev(struct dm_log_dev *dev)
{
	return container_of(dev, struct dm_log_bdev, dev);
}

static int bdev_read(struct dm_log_dev *dev, sector_t sector,
		     unsigned int nr_sectors, void *data)
{
	struct dm_log_bdev *lb = to_bdev(dev);
	struct dm_io_region where = {
		.bdev = lb->bdev,
		.sector = sector,
		.count = nr_sectors,
	};
	struct dm_io_request req = {
		.bi_opf = REQ_OP_READ | REQ_META,
		.mem.type = DM_IO_VMA,
		.mem.ptr.vma = data,
		.client = lb->client,
	};

	/* dm-io cannot be relied on to clear what a failed read did not fill. */
	memset(data, 0, (size_t)nr_sectors << SECTOR_SHIFT);
	return dm_io(&req, 1, &where, NULL, NULL, IOPRIO_DEFAULT);
}

static int bdev_flush(struct dm_log_bdev *lb)
{
	struct dm_io_region where = {
		.bdev = lb->bdev,
	};
	struct dm_io_request req = {
		.bi_opf = REQ_OP_WRITE | REQ_PREFLUSH,
		.mem.type = DM_IO_KMEM,
		.client = lb->client,
	};

	return dm_io(&req, 1, &where, NULL, NULL, IOPRIO_DEFAULT);
}

/* The writes of one call to bdev_write(), and one more until all are issued. */
struct write_wave {
	atomic_t in_flight;
	struct completion done;
};

static void put_wave(struct write_wave *wave)
{
	if (atomic_dec_and_test(&wave->in_flight))
		complete(&wave->done);
}

static void end_write(struct dm_log_extent *extent, int error)
{
	extent->error = error;
	put_wave(extent->private);
}

/* What the device calls unsupported is not on it, and not among the errors. */
static void write_done(unsigned long error_bits, unsigned long unsup_bits, void *context)
{
	end_write(context, error_bits | unsup_bits ? -EIO : 0);
}

static void issue_write(struct dm_log_bdev *lb, struct dm_log_extent *extent,
			blk_opf_t opf)
{
	struct dm_io_region where = {
		.bdev = lb->bdev,
		.sector = extent->sector,
		.count = extent->nr_sectors,
	};
	struct dm_io_request req = {
		.bi_opf = opf,
		.mem.type = DM_IO_VMA,
		.mem.ptr.vma = extent->data,
		.notify.fn = write_done,
		.notify.context = extent,
		.client = lb->client,
	};

	/* An asynchronous dm_io() fails only for a memory type it doesn't know. */
	if (WARN_ON_ONCE(dm_io(&req, 1, &where, NULL, NULL, IOPRIO_DEFAULT)))
		end_write(extent, -EIO);
}

static int bdev_write(struct dm_log_dev *dev, struct dm_log_extent *extents,
		      unsigned int nr, bool preflush)
{
	struct dm_log_bdev *lb = to_bdev(dev);
	struct block_device *bdev = lb->bdev;
	blk_opf_t opf = REQ_OP_WRITE | REQ_SYNC | REQ_META;
	struct write_wave wave;
	unsigned int i;
	bool flush;

	/*
	 * One round trip where the device can: FUA. Where the block layer
	 * would emulate it with a flush per write, write all and flush once.
	 */
	flush = bdev_write_cache(bdev) && !bdev_fua(bdev);
	if (!flush)
		opf |= REQ_FUA;
	if (preflush)
		opf |= REQ_PREFLUSH;

	atomic_set(&wave.in_flight, 1);
	init_completion(&wave.done);
	for (i = 0; i < nr; i++) {
		extents[i].private = &wave;
		atomic_inc(&wave.in_flight);
		issue_write(lb, &extents[i], opf);
	}
	put_wave(&wave);
	wait_for_completion_io(&wave.done);

	for (i = 0; i < nr; i++)
		if (extents[i].error)
			return extents[i].error;

	return flush ? bdev_flush(lb) : 0;
}

static void bdev_close(struct dm_log_dev *dev)
{
	struct dm_log_bdev *lb = to_bdev(dev);

	dm_io_client_destroy(lb->client);
	if (lb->dm_dev)
		dm_put_device(lb->ti, lb->dm_dev);
	kfree(lb);
}

static const struct dm_log_dev_ops bdev_ops = {
	.read = bdev_read,
	.write = bdev_write,
	.close = bdev_close,
};

/**
 * dm_log_dev_of() - what a log can do with a block device
 * @bdev: the device; somebody else holds it open
 * @writable: whether it was opened for writing, too
 *
 * Context: may sleep.
 * Return: the device, to be closed with its close operation, or an error pointer:
 *	-ENOMEM.
 */
struct dm_log_dev *dm_log_dev_of(struct block_device *bdev, bool writable)
{
	struct dm_log_bdev *lb;

	lb = kzalloc_obj(*lb);
	if (!lb)
		return ERR_PTR(-ENOMEM);

	lb->client = dm_io_client_create();
	if (IS_ERR(lb->client)) {
		kfree(lb);
		return ERR_PTR(-ENOMEM);
	}
	lb->bdev = bdev;
	lb->dev.ops = &bdev_ops;
	format_dev_t(lb->dev.name, bdev->bd_dev);
	lb->dev.number = bdev->bd_dev;
	lb->dev.nr_sectors = bdev_nr_sectors(bdev);
	lb->dev.block_sectors = bdev_logical_block_size(bdev) >> SECTOR_SHIFT;
	lb->dev.read_only = !writable || bdev_read_only(bdev);
	return &lb->dev;
}

/**
 * dm_log_dev_open() - open the block device of a log
 * @ti: the target whose log it is; will hold the device
 * @path: a path, or "major:minor"
 *
 * The device is opened with the table's mode. Errors are reported here.
 *
 * Context: the target's constructor; may sleep.
 * Return: the device, to be closed with its close operation, or an error
 *	pointer: what dm_get_device() returned, or -ENOMEM.
 */
struct dm_log_dev *dm_log_dev_open(struct dm_target *ti, const char *path)
{
	struct dm_log_dev *dev;
	struct dm_dev *dm_dev;
	bool writable;
	int r;

#if IS_ENABLED(CONFIG_DM_LOG_KUNIT_TEST)
	KUNIT_STATIC_STUB_REDIRECT(dm_log_dev_open, ti, path);
#endif
	r = dm_get_device(ti, path, dm_table_get_mode(ti->table), &dm_dev);
	if (r) {
		DMERR("cannot open log device '%s' (error %d): expected a usable block device",
		      path, r);
		return ERR_PTR(r);
	}

	writable = dm_table_get_mode(ti->table) & BLK_OPEN_WRITE;
	dev = dm_log_dev_of(dm_dev->bdev, writable);
	if (IS_ERR(dev)) {
		DMERR("no memory for I/O to log device '%s'", path);
		dm_put_device(ti, dm_dev);
		return dev;
	}

	if (writable && dev->read_only)
		DMWARN("log device '%s' is read-only: expected a writable one to record in",
		       path);
	to_bdev(dev)->ti = ti;
	to_bdev(dev)->dm_dev = dm_dev;
	return dev;
}
