// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit tests of a log's I/O to a real block device, through dm-io and the block layer.
 * The device is a disk in memory that answers as the test wants: whatever a device says
 * but "done" must not pass for a mark that is on it.
 */

#include <kunit/test.h>
#include <linux/bio.h>
#include <linux/blkdev.h>
#include <linux/err.h>
#include <linux/numa.h>
#include <linux/string.h>
#include <linux/vmalloc.h>

#include "../bdev.h"

#define NR_SECTORS	64
#define MAX_BIOS	16

/**
 * struct test_disk - the disk
 * @disk: what the kernel knows of it
 * @data: its contents
 * @answer: what it says to an I/O that has a sector from @bad_sector on, and does not do
 * @bad_sector: see there
 * @flush_answer: what it says to an I/O that is no more than a flush
 * @nr: I/Os it has seen, of which @seen has the first MAX_BIOS
 * @seen: flags, and where they were for
 */
struct test_disk {
	struct gendisk *disk;
	u8 data[NR_SECTORS << SECTOR_SHIFT];
	blk_status_t answer;
	sector_t bad_sector;
	blk_status_t flush_answer;
	unsigned int nr;
	struct {
		blk_opf_t opf;
		sector_t sector;
		unsigned int nr_sectors;
	} seen[MAX_BIOS];
};

static void test_disk_submit_bio(struct bio *bio)
{
	struct test_disk *td = bio->bi_bdev->bd_disk->private_data;
	u8 *data = td->data + (bio->bi_iter.bi_sector << SECTOR_SHIFT);
	struct bvec_iter iter;
	struct bio_vec bvec;

	if (td->nr < MAX_BIOS) {
		td->seen[td->nr].opf = bio->bi_opf;
		td->seen[td->nr].sector = bio->bi_iter.bi_sector;
		td->seen[td->nr].nr_sectors = bio_sectors(bio);
	}
	td->nr++;

	if (!bio_sectors(bio)) {
		bio->bi_status = td->flush_answer;
	} else if (td->answer && bio_end_sector(bio) > td->bad_sector) {
		bio->bi_status = td->answer;
	} else {
		bio_for_each_segment(bvec, bio, iter) {
			if (op_is_write(bio_op(bio)))
				memcpy_from_bvec(data, &bvec);
			else
				memcpy_to_bvec(&bvec, data);
			data += bvec.bv_len;
		}
	}
	bio_endio(bio);
}

static const struct block_device_operations test_disk_ops = {
	.owner = THIS_MODULE,
	.submit_bio = test_disk_submit_bio,
};

static void test_disk_free(void *data)
{
	struct test_disk *td = data;

	del_gendisk(td->disk);
	put_disk(td->disk);
}

static void test_dev_close(void *data)
{
	struct dm_log_dev *dev = data;

	dev->ops->close(dev);
}

static void test_data_free(void *data)
{
	vfree(data);
}

/* @features: BLK_FEAT_WRITE_CACHE, BLK_FEAT_FUA. Returns what a log has of the disk. */
static struct dm_log_dev *test_dev(struct kunit *test, unsigned int features)
{
	struct queue_limits limits = { .features = features };
	struct dm_log_dev *dev;
	struct test_disk *td;

	td = kunit_kzalloc(test, sizeof(*td), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, td);
	td->disk = blk_alloc_disk(&limits, NUMA_NO_NODE);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, td->disk);
	strscpy(td->disk->disk_name, "dm-log-kunit", sizeof(td->disk->disk_name));
	td->disk->fops = &test_disk_ops;
	td->disk->flags |= GENHD_FL_NO_PART;
	td->disk->private_data = td;
	set_capacity(td->disk, NR_SECTORS);
	if (add_disk(td->disk)) {
		put_disk(td->disk);
		KUNIT_FAIL_AND_ABORT(test, "no disk");
	}
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, test_disk_free, td), 0);

	dev = dm_log_dev_of(td->disk->part0, true);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, dev);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, test_dev_close, dev), 0);
	test->priv = td;
	td->nr = 0;
	return dev;
}

static void *test_data(struct kunit *test, unsigned int nr_sectors, u8 byte)
{
	void *data = vmalloc(nr_sectors << SECTOR_SHIFT);

	KUNIT_ASSERT_NOT_NULL(test, data);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, test_data_free, data), 0);
	memset(data, byte, nr_sectors << SECTOR_SHIFT);
	return data;
}

/* Three writes, of which one is for the sectors from 16 on. */
static void test_extents(struct kunit *test, struct dm_log_extent *extents)
{
	void *data = test_data(test, 8, 0xa5);
	unsigned int i;

	for (i = 0; i < 3; i++)
		extents[i] = (struct dm_log_extent){
			.sector = i * 8,
			.nr_sectors = 8,
			.data = data,
			.error = 1,
		};
}

static void bdev_describes_the_device(struct kunit *test)
{
	struct dm_log_dev *dev = test_dev(test, 0);
	struct test_disk *td = test->priv;
	char name[16];

	format_dev_t(name, td->disk->part0->bd_dev);
	KUNIT_EXPECT_STREQ(test, dev->name, name);
	KUNIT_EXPECT_EQ(test, dev->number, td->disk->part0->bd_dev);
	KUNIT_EXPECT_EQ(test, dev->nr_sectors, NR_SECTORS);
	KUNIT_EXPECT_EQ(test, dev->block_sectors, 1);
	KUNIT_EXPECT_FALSE(test, dev->read_only);
}

static void bdev_writes_and_reads(struct kunit *test)
{
	struct dm_log_dev *dev = test_dev(test, 0);
	struct test_disk *td = test->priv;
	struct dm_log_extent extents[3];
	u8 *data = test_data(test, 25, 0);
	unsigned int i;

	memset(td->data, 0x11, sizeof(td->data));
	test_extents(test, extents);
	KUNIT_EXPECT_EQ(test, dev->ops->write(dev, extents, 3, false), 0);
	for (i = 0; i < 3; i++)
		KUNIT_EXPECT_EQ(test, extents[i].error, 0);
	KUNIT_EXPECT_EQ(test, dev->ops->read(dev, 0, 25, data), 0);
	KUNIT_EXPECT_NULL(test, memchr_inv(data, 0xa5, 24 << SECTOR_SHIFT));
	KUNIT_EXPECT_NULL(test, memchr_inv(data + (24 << SECTOR_SHIFT), 0x11, SECTOR_SIZE));
}

struct bdev_answer {
	const char *desc;
	blk_status_t status;
};

/* The last two dm-io counts apart from errors in some kernels. */
static const struct bdev_answer bdev_answers[] = {
	{ "I/O error", BLK_STS_IOERR },
	{ "medium error", BLK_STS_MEDIUM },
	{ "no space", BLK_STS_NOSPC },
	{ "offline", BLK_STS_OFFLINE },
	{ "not supported", BLK_STS_NOTSUPP },
	{ "invalid", BLK_STS_INVAL },
};

KUNIT_ARRAY_PARAM_DESC(bdev_answer, bdev_answers, desc);

/* One of three writes is not done: it has an error, and so has the whole. */
static void bdev_write_is_refused(struct kunit *test)
{
	const struct bdev_answer *c = test->param_value;
	struct dm_log_dev *dev = test_dev(test, 0);
	struct test_disk *td = test->priv;
	struct dm_log_extent extents[3];

	td->answer = c->status;
	td->bad_sector = 16;
	test_extents(test, extents);
	KUNIT_EXPECT_LT(test, dev->ops->write(dev, extents, 3, false), 0);
	KUNIT_EXPECT_EQ(test, extents[0].error, 0);
	KUNIT_EXPECT_EQ(test, extents[1].error, 0);
	KUNIT_EXPECT_LT(test, extents[2].error, 0);
}

/* All that is said of a write whose flush was refused is that it may be lost. */
static void bdev_flush_is_refused(struct kunit *test)
{
	const struct bdev_answer *c = test->param_value;
	struct dm_log_dev *dev = test_dev(test, BLK_FEAT_WRITE_CACHE);
	struct test_disk *td = test->priv;
	struct dm_log_extent extents[3];
	unsigned int i;

	td->flush_answer = c->status;
	test_extents(test, extents);
	KUNIT_EXPECT_LT(test, dev->ops->write(dev, extents, 3, false), 0);
	for (i = 0; i < 3; i++)
		KUNIT_EXPECT_EQ(test, extents[i].error, 0);
}

static void bdev_read_is_refused(struct kunit *test)
{
	const struct bdev_answer *c = test->param_value;
	struct dm_log_dev *dev = test_dev(test, 0);
	struct test_disk *td = test->priv;

	td->answer = c->status;
	KUNIT_EXPECT_LT(test, dev->ops->read(dev, 0, 8, test_data(test, 8, 0xff)), 0);
}

/* How a write becomes durable: nothing to do, by itself, or by one flush behind all. */
static void bdev_is_durable(struct kunit *test)
{
	static const struct {
		unsigned int features;
		blk_opf_t write;
		bool flush;
	} cases[] = {
		{ .features = 0 },
		{ BLK_FEAT_WRITE_CACHE | BLK_FEAT_FUA, REQ_FUA, false },
		{ BLK_FEAT_WRITE_CACHE, 0, true },
	};
	unsigned int i, j;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		struct dm_log_dev *dev = test_dev(test, cases[i].features);
		struct test_disk *td = test->priv;
		struct dm_log_extent extents[3];

		test_extents(test, extents);
		KUNIT_EXPECT_EQ(test, dev->ops->write(dev, extents, 3, false), 0);
		KUNIT_EXPECT_EQ(test, td->nr, 3 + cases[i].flush);
		for (j = 0; j < 3; j++) {
			KUNIT_EXPECT_EQ(test, td->seen[j].nr_sectors, 8);
			KUNIT_EXPECT_EQ(test, td->seen[j].opf & (REQ_FUA | REQ_PREFLUSH),
					cases[i].write);
		}
		if (cases[i].flush) {
			KUNIT_EXPECT_EQ(test, td->seen[3].nr_sectors, 0);
			KUNIT_EXPECT_TRUE(test, td->seen[3].opf & REQ_PREFLUSH);
		}
		kunit_release_action(test, test_dev_close, dev);
		kunit_release_action(test, test_disk_free, td);
	}
}

static void bdev_preflush(struct kunit *test)
{
	struct dm_log_dev *dev = test_dev(test, BLK_FEAT_WRITE_CACHE | BLK_FEAT_FUA);
	struct test_disk *td = test->priv;
	struct dm_log_extent extents[3];

	test_extents(test, extents);
	KUNIT_EXPECT_EQ(test, dev->ops->write(dev, extents, 3, true), 0);
	KUNIT_EXPECT_EQ(test, td->nr, 3);
	KUNIT_EXPECT_TRUE(test, td->seen[0].opf & REQ_PREFLUSH);
	KUNIT_EXPECT_TRUE(test, td->seen[2].opf & REQ_PREFLUSH);
}

static struct kunit_case dm_log_bdev_cases[] = {
	KUNIT_CASE(bdev_describes_the_device),
	KUNIT_CASE(bdev_writes_and_reads),
	KUNIT_CASE_PARAM(bdev_write_is_refused, bdev_answer_gen_params),
	KUNIT_CASE_PARAM(bdev_flush_is_refused, bdev_answer_gen_params),
	KUNIT_CASE_PARAM(bdev_read_is_refused, bdev_answer_gen_params),
	KUNIT_CASE(bdev_is_durable),
	KUNIT_CASE(bdev_preflush),
	{}
};

static struct kunit_suite dm_log_bdev_suite = {
	.name = "dm_log_bdev",
	.test_cases = dm_log_bdev_cases,
};

kunit_test_suite(dm_log_bdev_suite);
