// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit tests of the disk log: the whole type, through its operations, on a
 * device in memory. "B" numbers are points of the contract at which the stock
 * library is wrong.
 */

#include <kunit/static_stub.h>
#include <kunit/test.h>
#include <linux/device-mapper.h>
#include <linux/dm-dirty-log.h>
#include <linux/string.h>
#include <linux/workqueue.h>

#include "../cache.h"
#include "../private.h"
#include "../store.h"
#include "fake-dev.h"

#define MAGIC		0x4D695272
#define NR_REGIONS	10000
#define REGION_SECTORS	1024
#define LOG_SECTORS	24

/*
 * The mirror around the log. One per test, found through ti->private like a
 * real one; the log device comes from here too, since dm_log_dev_open() only
 * gets the target.
 */
struct test_mirror {
	struct kunit *test;
	struct dm_target ti;
	struct dm_dirty_log *log;
	struct dm_log_fake_dev *fake;
	unsigned int nr_leg_flushes;
	unsigned int fail_leg_flushes;
	unsigned int nr_events;
	unsigned int nr_kicks;
	unsigned int nr_locked;
	const char *uuid;
	void (*in_leg_flush)(struct test_mirror *tm);
	unsigned int old_delay;
	unsigned int old_max_idle;
};

static struct test_mirror *to_mirror(struct dm_target *ti)
{
	return container_of(ti, struct test_mirror, ti);
}

static int flush_legs(struct dm_target *ti)
{
	struct test_mirror *tm = to_mirror(ti);

	tm->nr_leg_flushes++;
	if (tm->in_leg_flush)
		tm->in_leg_flush(tm);
	if (tm->fail_leg_flushes) {
		tm->fail_leg_flushes--;
		return -EIO;
	}
	return 0;
}

static struct dm_log_dev *open_fake(struct dm_target *ti, const char *path)
{
	struct test_mirror *tm = to_mirror(ti);

	if (strcmp(path, "good"))
		return ERR_PTR(-ENODEV);
	tm->fake->open = true;
	return &tm->fake->dev;
}

static void count_event(struct dm_target *ti)
{
	to_mirror(ti)->nr_events++;
}

static void count_kick(struct dm_log_cache *cache, unsigned int delay_ms)
{
	if (cache->common.live)
		to_mirror(cache->common.ti)->nr_kicks++;
}

static void give_uuid(struct dm_target *ti, char *uuid)
{
	strscpy(uuid, to_mirror(ti)->uuid, DM_UUID_LEN);
}

static int disk_test_init(struct kunit *test)
{
	struct test_mirror *tm = kunit_kzalloc(test, sizeof(*tm), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, tm);
	tm->test = test;
	tm->ti.len = (sector_t)NR_REGIONS * REGION_SECTORS;
	tm->fake = dm_log_fake_dev_new(test, LOG_SECTORS, 1);
	tm->fake->open = false;
	test->priv = tm;

	/* The cleaner runs when the test says so. */
	tm->old_delay = dm_log_clean_delay_ms;
	tm->old_max_idle = dm_log_max_idle_regions;
	dm_log_clean_delay_ms = 60 * 60 * 1000;
	dm_log_max_idle_regions = 8192;

	kunit_activate_static_stub(test, dm_log_dev_open, open_fake);
	kunit_activate_static_stub(test, dm_log_raise_event, count_event);
	kunit_activate_static_stub(test, dm_log_cache_tend, count_kick);
	return 0;
}

static void destroy_log(struct test_mirror *tm)
{
	if (!tm->log)
		return;
	dm_dirty_log_destroy(tm->log);
	tm->log = NULL;
	KUNIT_EXPECT_FALSE(tm->test, tm->fake->open);
}

static void disk_test_exit(struct kunit *test)
{
	struct test_mirror *tm = test->priv;

	destroy_log(tm);
	dm_log_clean_delay_ms = tm->old_delay;
	dm_log_max_idle_regions = tm->old_max_idle;
}

static struct dm_dirty_log *try_create(struct test_mirror *tm, unsigned int argc,
				       char **argv)
{
	return dm_dirty_log_create("disk", &tm->ti, flush_legs, argc, argv);
}

static void create_log_sized(struct test_mirror *tm, char *size, const char *sync)
{
	char dev[] = "good", word[8];
	char *argv[3];

	argv[0] = dev;
	argv[1] = size;
	argv[2] = word;
	if (sync)
		strscpy(word, sync, sizeof(word));
	tm->log = try_create(tm, sync ? 3 : 2, argv);
	KUNIT_ASSERT_NOT_NULL(tm->test, tm->log);
}

static void create_log(struct test_mirror *tm, const char *sync)
{
	create_log_sized(tm, "1024", sync);
}

static int resume_log(struct test_mirror *tm)
{
	return tm->log->type->resume(tm->log);
}

static int suspend_log(struct test_mirror *tm)
{
	tm->log->type->presuspend(tm->log);
	return tm->log->type->postsuspend(tm->log);
}

static void mark(struct test_mirror *tm, u64 region)
{
	tm->log->type->mark_region(tm->log, region);
}

static void clear(struct test_mirror *tm, u64 region)
{
	tm->log->type->clear_region(tm->log, region);
}

static int flush(struct test_mirror *tm)
{
	return tm->log->type->flush(tm->log);
}

static u64 sync_count(struct test_mirror *tm)
{
	return tm->log->type->get_sync_count(tm->log);
}

static void set_sync(struct test_mirror *tm, u64 region, int in_sync)
{
	tm->log->type->set_region_sync(tm->log, region, in_sync);
}

static int in_sync(struct test_mirror *tm, u64 region)
{
	return tm->log->type->in_sync(tm->log, region, 1);
}

/* A write: marked, committed, done, cleared. */
static void write_region(struct test_mirror *tm, u64 region)
{
	mark(tm, region);
	KUNIT_EXPECT_EQ(tm->test, flush(tm), 0);
	clear(tm, region);
	KUNIT_EXPECT_EQ(tm->test, flush(tm), 0);
}

/* A region is copied, whether the log would have chosen it or not. */
static void recover_region(struct test_mirror *tm, u64 region)
{
	dm_regions_offer(&to_dm_log_cache(tm->log)->common.regions, region);
	clear(tm, region);
	set_sync(tm, region, 1);
}

/* The next region that the log wants to have copied. */
static void recover_next(struct test_mirror *tm, u64 expected)
{
	u64 region;

	KUNIT_ASSERT_EQ(tm->test, tm->log->type->get_resync_work(tm->log, &region), 1);
	KUNIT_EXPECT_EQ(tm->test, region, expected);
	recover_region(tm, region);
}

static int must_wait(struct test_mirror *tm, region_t region)
{
	return tm->log->type->is_remote_recovering(tm->log, region);
}

static const char *status(struct test_mirror *tm, status_type_t type)
{
	char *buf = kunit_kzalloc(tm->test, 256, GFP_KERNEL);
	int len;

	KUNIT_ASSERT_NOT_NULL(tm->test, buf);
	memset(buf, 'x', 256);
	len = tm->log->type->status(tm->log, type, buf, 256);
	KUNIT_EXPECT_EQ(tm->test, len, strlen(buf));
	return buf;
}

static void expect_health(struct test_mirror *tm, char health)
{
	char expected[] = "3 disk 259:7 ?";

	expected[sizeof(expected) - 2] = health;
	KUNIT_EXPECT_STREQ(tm->test, status(tm, STATUSTYPE_INFO), expected);
}

/* The device holds a log of this mirror in which all regions are clean. */
static void put_clean_log(struct test_mirror *tm)
{
	u64 region;

	dm_log_fake_dev_header(tm->fake, MAGIC, 2, NR_REGIONS);
	for (region = 0; region < NR_REGIONS; region++)
		dm_log_fake_dev_set_bit(tm->fake, region, true);
	for (; region % 64; region++)
		dm_log_fake_dev_set_bit(tm->fake, region, false);
}

static void start_clean(struct test_mirror *tm)
{
	put_clean_log(tm);
	create_log(tm, NULL);
	KUNIT_ASSERT_EQ(tm->test, resume_log(tm), 0);
	KUNIT_ASSERT_EQ(tm->test, sync_count(tm), NR_REGIONS);
}

static void disk_strings(struct kunit *test)
{
	struct test_mirror *tm = test->priv;

	create_log(tm, NULL);
	KUNIT_EXPECT_STREQ(test, status(tm, STATUSTYPE_INFO), "3 disk 259:7 A");
	KUNIT_EXPECT_STREQ(test, status(tm, STATUSTYPE_TABLE), "disk 2 259:7 1024 ");
	KUNIT_EXPECT_STREQ(test, status(tm, STATUSTYPE_IMA), "");
	destroy_log(tm);
	create_log(tm, "sync");
	KUNIT_EXPECT_STREQ(test, status(tm, STATUSTYPE_TABLE), "disk 3 259:7 1024 sync ");
	destroy_log(tm);
	create_log(tm, "nosync");
	KUNIT_EXPECT_STREQ(test, status(tm, STATUSTYPE_TABLE), "disk 3 259:7 1024 nosync ");
	KUNIT_EXPECT_EQ(test, tm->log->type->get_region_size(tm->log), 1024);
}

static void disk_bad_arguments(struct kunit *test)
{
	static char * const rows[][5] = {
		{ NULL }, { "good" }, { "good", "1024", "sync", "x" },
		{ "bad", "1024" }, { "good", "1000" }, { "good", "1024", "Sync" },
		{ "good", "4294968320" },
	};
	struct test_mirror *tm = test->priv;
	int i, argc;

	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		for (argc = 0; rows[i][argc]; argc++)
			;
		KUNIT_EXPECT_NULL(test, try_create(tm, argc, (char **)rows[i]));
		KUNIT_EXPECT_FALSE(test, tm->fake->open);
	}
	KUNIT_EXPECT_EQ(test, tm->fake->nr_reads + tm->fake->nr_writes, 0);
}

/* 1024 bytes of header and 8 * ceil(10000 / 64) = 1256 of bits: 5 sectors. */
static void disk_too_small(struct kunit *test)
{
	char dev[] = "good", size[] = "1024";
	struct test_mirror *tm = test->priv;
	char *argv[2];

	argv[0] = dev;
	argv[1] = size;
	tm->fake->dev.nr_sectors = 4;
	KUNIT_EXPECT_NULL(test, try_create(tm, 2, argv));
	KUNIT_EXPECT_FALSE(test, tm->fake->open);

	tm->fake->dev.nr_sectors = 5;
	create_log(tm, NULL);
	KUNIT_EXPECT_EQ(test, resume_log(tm), 0);
	destroy_log(tm);

	tm->fake->dev.block_sectors = 8;
	tm->fake->dev.nr_sectors = 7;
	KUNIT_EXPECT_NULL(test, try_create(tm, 2, argv));
	tm->fake->dev.nr_sectors = 8;
	create_log(tm, NULL);
	KUNIT_EXPECT_EQ(test, resume_log(tm), 0);
}

static void disk_before_resume(struct kunit *test)
{
	struct test_mirror *tm = test->priv;

	create_log(tm, "nosync");
	KUNIT_EXPECT_EQ(test, sync_count(tm), NR_REGIONS);
	KUNIT_EXPECT_EQ(test, flush(tm), 0);
	destroy_log(tm);

	create_log(tm, NULL);
	KUNIT_EXPECT_EQ(test, sync_count(tm), 0);
	KUNIT_EXPECT_EQ(test, flush(tm), 0);
	/* The mirror's constructor may fail: suspended without a resume. */
	KUNIT_EXPECT_EQ(test, suspend_log(tm), 0);

	KUNIT_EXPECT_EQ(test, tm->fake->nr_reads + tm->fake->nr_writes, 0);
	KUNIT_EXPECT_EQ(test, tm->nr_leg_flushes, 0);
}

/* No magic: a new log; bytes that are not ours stay as they were. */
static void disk_new_log(struct kunit *test)
{
	struct test_mirror *tm = test->priv;
	u8 *data = tm->fake->data;
	int i;

	create_log(tm, NULL);
	KUNIT_EXPECT_EQ(test, resume_log(tm), 0);
	KUNIT_EXPECT_EQ(test, sync_count(tm), 0);
	KUNIT_EXPECT_MEMEQ(test, data, "\x72\x52\x69\x4d\x02\0\0\0\x10\x27\0\0\0\0\0\0", 16);
	for (i = 16; i < 1024; i++)
		KUNIT_ASSERT_EQ(test, data[i], 0x6b);
	for (i = 1024; i < 1024 + 1256; i++)
		KUNIT_ASSERT_EQ(test, data[i], 0);
	for (; i < LOG_SECTORS * 512; i++)
		KUNIT_ASSERT_EQ(test, data[i], 0x6b);
	expect_health(tm, 'A');
}

/* A3: clean bits become in-sync regions; padding bits are cleared. */
static void disk_load(struct kunit *test)
{
	struct test_mirror *tm = test->priv;
	u64 region;

	put_clean_log(tm);
	dm_log_fake_dev_set_bit(tm->fake, 17, false);
	dm_log_fake_dev_set_bit(tm->fake, NR_REGIONS - 1, false);
	dm_log_fake_dev_set_bit(tm->fake, NR_REGIONS, true);
	create_log(tm, NULL);
	KUNIT_EXPECT_EQ(test, resume_log(tm), 0);
	KUNIT_EXPECT_EQ(test, sync_count(tm), NR_REGIONS - 2);
	KUNIT_EXPECT_EQ(test, in_sync(tm, 17), 0);
	KUNIT_EXPECT_EQ(test, in_sync(tm, 18), 1);
	KUNIT_EXPECT_FALSE(test, dm_log_fake_dev_bit(tm->fake, NR_REGIONS));

	KUNIT_EXPECT_EQ(test, tm->log->type->get_resync_work(tm->log, &region), 1);
	KUNIT_EXPECT_EQ(test, region, 17);
	set_sync(tm, region, 0);
	KUNIT_EXPECT_EQ(test, tm->log->type->get_resync_work(tm->log, &region), 1);
	KUNIT_EXPECT_EQ(test, region, NR_REGIONS - 1);
	set_sync(tm, region, 0);
	region = 4711;
	KUNIT_EXPECT_EQ(test, tm->log->type->get_resync_work(tm->log, &region), 0);
	KUNIT_EXPECT_EQ(test, region, 4711);
}

static void disk_version_1(struct kunit *test)
{
	struct test_mirror *tm = test->priv;

	if (IS_ENABLED(CONFIG_CPU_BIG_ENDIAN))
		kunit_skip(test, "version 1 is in native byte order");
	put_clean_log(tm);
	dm_log_fake_dev_header(tm->fake, MAGIC, 1, NR_REGIONS);
	create_log(tm, NULL);
	KUNIT_EXPECT_EQ(test, resume_log(tm), 0);
	KUNIT_EXPECT_EQ(test, sync_count(tm), NR_REGIONS);
	KUNIT_EXPECT_EQ(test, tm->fake->data[4], 2);
}

/*
 * A log of 150 regions, of which 1, 63, 64 and 149 are dirty, byte for byte as every
 * machine writes and reads it, whatever its byte order and the size of its words.
 */
#define GOLDEN_REGIONS	150

static const u8 golden_header[168] =
	"\x72\x52\x69\x4d\x02\0\0\0\x96\0\0\0\0\0\0\0"
	"DLOGRege\x96\0\0\0\0\0\0\0\0\x04\0\0\x9c\0\0\0golden";
static const u8 golden_crc[] = { 0x00, 0x18, 0x90, 0xe8 };
static const u8 golden_bits[24] = {
	0xfd, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f,
	0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
	0xff, 0xff, 0x1f, 0, 0, 0, 0, 0,
};

static const u64 golden_dirty[] = { 1, 63, 64, 149 };

static void golden_mirror(struct kunit *test)
{
	struct test_mirror *tm = test->priv;

	tm->ti.len = GOLDEN_REGIONS * REGION_SECTORS;
	tm->uuid = "golden";
	kunit_activate_static_stub(test, dm_log_mirror_uuid, give_uuid);
}

static void disk_golden_written(struct kunit *test)
{
	struct test_mirror *tm = test->priv;
	int i;

	golden_mirror(test);
	memset(tm->fake->data, 0, LOG_SECTORS * 512);
	create_log(tm, "nosync");
	KUNIT_ASSERT_EQ(test, resume_log(tm), 0);
	for (i = 0; i < ARRAY_SIZE(golden_dirty); i++)
		mark(tm, golden_dirty[i]);
	KUNIT_EXPECT_EQ(test, flush(tm), 0);
	KUNIT_EXPECT_MEMEQ(test, tm->fake->data, golden_header, sizeof(golden_header));
	KUNIT_EXPECT_MEMEQ(test, tm->fake->data + sizeof(golden_header), golden_crc,
			   sizeof(golden_crc));
	KUNIT_EXPECT_MEMEQ(test, tm->fake->data + 1024, golden_bits, sizeof(golden_bits));
	for (i = 0; i < ARRAY_SIZE(golden_dirty); i++)
		clear(tm, golden_dirty[i]);
}

static void disk_golden_read(struct kunit *test)
{
	struct test_mirror *tm = test->priv;
	u64 region;
	int i = 0;

	golden_mirror(test);
	memset(tm->fake->data, 0, LOG_SECTORS * 512);
	memcpy(tm->fake->data, golden_header, sizeof(golden_header));
	memcpy(tm->fake->data + sizeof(golden_header), golden_crc, sizeof(golden_crc));
	memcpy(tm->fake->data + 1024, golden_bits, sizeof(golden_bits));
	create_log(tm, NULL);
	KUNIT_ASSERT_EQ(test, resume_log(tm), 0);
	KUNIT_EXPECT_EQ(test, sync_count(tm), GOLDEN_REGIONS - ARRAY_SIZE(golden_dirty));
	for (region = 0; region < GOLDEN_REGIONS; region++) {
		bool dirty = i < ARRAY_SIZE(golden_dirty) && region == golden_dirty[i];

		KUNIT_EXPECT_EQ(test, in_sync(tm, region), !dirty);
		i += dirty;
	}
}

/* Version 1 has the byte order of the machine that wrote it: no other has it read. */
static void disk_golden_version_1(struct kunit *test)
{
	struct test_mirror *tm = test->priv;
	bool can = !IS_ENABLED(CONFIG_CPU_BIG_ENDIAN);

	golden_mirror(test);
	memset(tm->fake->data, 0, LOG_SECTORS * 512);
	memcpy(tm->fake->data, golden_header, 16);
	tm->fake->data[4] = 1;
	memcpy(tm->fake->data + 1024, golden_bits, sizeof(golden_bits));
	create_log(tm, NULL);
	KUNIT_EXPECT_EQ(test, resume_log(tm) == 0, can);
	KUNIT_EXPECT_EQ(test, sync_count(tm),
			can ? GOLDEN_REGIONS - ARRAY_SIZE(golden_dirty) : 0);
}

/* B14, A3: LVM prepares a log with nr_regions = 2^64 - 1; both fillings. */
static void disk_lvm_header(struct kunit *test)
{
	struct test_mirror *tm = test->priv;

	memset(tm->fake->data, 0xff, LOG_SECTORS * 512);
	dm_log_fake_dev_header(tm->fake, MAGIC, 2, U64_MAX);
	create_log(tm, NULL);
	KUNIT_EXPECT_EQ(test, resume_log(tm), 0);
	KUNIT_EXPECT_EQ(test, sync_count(tm), NR_REGIONS);
	KUNIT_EXPECT_EQ(test, tm->fake->data[8] | tm->fake->data[9] << 8, NR_REGIONS);
	destroy_log(tm);

	memset(tm->fake->data, 0, LOG_SECTORS * 512);
	dm_log_fake_dev_header(tm->fake, MAGIC, 2, U64_MAX);
	create_log(tm, NULL);
	KUNIT_EXPECT_EQ(test, resume_log(tm), 0);
	KUNIT_EXPECT_EQ(test, sync_count(tm), 0);
}

/* B14: counts that are small or negative if they are cut to 32 or 31 bits. */
static void disk_large_count(struct kunit *test)
{
	static const u64 counts[] = { BIT_ULL(32), BIT_ULL(31), BIT_ULL(63) + 1 };
	struct test_mirror *tm = test->priv;
	int i;

	for (i = 0; i < ARRAY_SIZE(counts); i++) {
		put_clean_log(tm);
		dm_log_fake_dev_header(tm->fake, MAGIC, 2, counts[i]);
		create_log(tm, NULL);
		KUNIT_EXPECT_EQ(test, resume_log(tm), 0);
		KUNIT_EXPECT_EQ(test, sync_count(tm), NR_REGIONS);
		destroy_log(tm);
	}
}

/* A3: what a mirror grows by is dirty, also if it had been there before. */
static void disk_grow_and_shrink(struct kunit *test)
{
	struct test_mirror *tm = test->priv;
	const u64 full = tm->ti.len;

	start_clean(tm);
	suspend_log(tm);
	destroy_log(tm);

	tm->ti.len = 5000 * REGION_SECTORS;
	create_log(tm, NULL);
	KUNIT_EXPECT_EQ(test, resume_log(tm), 0);
	KUNIT_EXPECT_EQ(test, sync_count(tm), 5000);
	/* Beyond the 64-bit boundary nothing is touched. */
	KUNIT_EXPECT_FALSE(test, dm_log_fake_dev_bit(tm->fake, 5000));
	KUNIT_EXPECT_TRUE(test, dm_log_fake_dev_bit(tm->fake, 5056));
	suspend_log(tm);
	destroy_log(tm);

	tm->ti.len = full;
	create_log(tm, NULL);
	KUNIT_EXPECT_EQ(test, resume_log(tm), 0);
	KUNIT_EXPECT_EQ(test, sync_count(tm), 5000);
	KUNIT_EXPECT_EQ(test, in_sync(tm, 4999), 1);
	KUNIT_EXPECT_EQ(test, in_sync(tm, 5000), 0);
	KUNIT_EXPECT_EQ(test, in_sync(tm, 9999), 0);
	KUNIT_EXPECT_FALSE(test, dm_log_fake_dev_bit(tm->fake, 9999));
}

/* B13: bits that were written with another region size mean nothing. */
static void disk_other_region_size(struct kunit *test)
{
	struct test_mirror *tm = test->priv;

	memset(tm->fake->data, 0, LOG_SECTORS * 512);
	start_clean(tm);
	suspend_log(tm);
	destroy_log(tm);

	create_log_sized(tm, "2048", NULL);
	KUNIT_EXPECT_EQ(test, resume_log(tm), 0);
	KUNIT_EXPECT_EQ(test, sync_count(tm), 0);
	suspend_log(tm);
	destroy_log(tm);

	/* That log is valid, and says so of its own size only. */
	create_log_sized(tm, "2048", "nosync");
	KUNIT_EXPECT_EQ(test, resume_log(tm), 0);
	suspend_log(tm);
	destroy_log(tm);
	create_log_sized(tm, "2048", NULL);
	KUNIT_EXPECT_EQ(test, resume_log(tm), 0);
	KUNIT_EXPECT_EQ(test, sync_count(tm), NR_REGIONS / 2);
	suspend_log(tm);
	destroy_log(tm);
	create_log_sized(tm, "512", NULL);
	KUNIT_EXPECT_EQ(test, resume_log(tm), 0);
	KUNIT_EXPECT_EQ(test, sync_count(tm), 0);
}

/* ... but a log that another library changed since is read as it would. */
static void disk_stale_record(struct kunit *test)
{
	struct test_mirror *tm = test->priv;

	memset(tm->fake->data, 0xff, LOG_SECTORS * 512);
	start_clean(tm);
	suspend_log(tm);
	destroy_log(tm);

	dm_log_fake_dev_header(tm->fake, MAGIC, 2, NR_REGIONS / 2);
	create_log_sized(tm, "2048", NULL);
	KUNIT_EXPECT_EQ(test, resume_log(tm), 0);
	KUNIT_EXPECT_EQ(test, sync_count(tm), NR_REGIONS / 2);
}

/* The bits of another mirror, by its UUID: record_kunit.c has all cases. */
static void disk_other_mirror(struct kunit *test)
{
	struct test_mirror *tm = test->priv;

	kunit_activate_static_stub(test, dm_log_mirror_uuid, give_uuid);
	memset(tm->fake->data, 0, LOG_SECTORS * 512);
	tm->uuid = "";
	start_clean(tm);
	suspend_log(tm);
	/* It is asked for at each resume. */
	tm->uuid = "mirror-1";
	KUNIT_EXPECT_EQ(test, resume_log(tm), 0);
	KUNIT_EXPECT_EQ(test, sync_count(tm), NR_REGIONS);
	suspend_log(tm);
	destroy_log(tm);

	tm->uuid = "mirror-2";
	create_log(tm, NULL);
	KUNIT_EXPECT_EQ(test, resume_log(tm), 0);
	KUNIT_EXPECT_EQ(test, sync_count(tm), 0);
	expect_health(tm, 'A');
	KUNIT_EXPECT_EQ(test, tm->nr_events, 0);
}

static void disk_mark_before_write(struct kunit *test)
{
	struct test_mirror *tm = test->priv;

	start_clean(tm);
	mark(tm, 9000);
	KUNIT_EXPECT_TRUE(test, dm_log_fake_dev_bit(tm->fake, 9000));
	KUNIT_EXPECT_EQ(test, flush(tm), 0);
	KUNIT_EXPECT_FALSE(test, dm_log_fake_dev_bit(tm->fake, 9000));
	KUNIT_EXPECT_TRUE(test, dm_log_fake_dev_bit(tm->fake, 8999));
}

/* B42: one changed region costs one block, and writing there again nothing. */
static void disk_cost(struct kunit *test)
{
	struct test_mirror *tm = test->priv;
	struct dm_log_fake_dev *fake = tm->fake;
	int i;

	start_clean(tm);
	fake->nr_writes = 0;
	fake->nr_extents = 0;
	fake->sectors_written = 0;

	KUNIT_EXPECT_EQ(test, flush(tm), 0);
	KUNIT_EXPECT_EQ(test, fake->nr_writes, 0);

	for (i = 0; i < 100; i++)
		write_region(tm, 4100 + i % 3);
	/* 4100, 4101 and 4102 at first sight, all in one sector. */
	KUNIT_EXPECT_EQ(test, fake->nr_writes, 3);
	KUNIT_EXPECT_EQ(test, fake->sectors_written, 3);
	KUNIT_EXPECT_EQ(test, tm->nr_leg_flushes, 0);

	/* Regions in all three sectors: neighbours go out as one extent. */
	mark(tm, 1);
	mark(tm, 4200);
	mark(tm, 9999);
	KUNIT_EXPECT_EQ(test, flush(tm), 0);
	KUNIT_EXPECT_EQ(test, fake->nr_writes, 4);
	KUNIT_EXPECT_EQ(test, fake->nr_extents, 4);
	KUNIT_EXPECT_EQ(test, fake->sectors_written, 6);
}

/* B42: recovery changes nothing that is stored until many regions are cleaned. */
static void disk_resync_cost(struct kunit *test)
{
	struct test_mirror *tm = test->priv;
	region_t region;
	u64 before;
	int nr = 0;

	create_log(tm, NULL);
	KUNIT_ASSERT_EQ(test, resume_log(tm), 0);
	before = tm->fake->nr_writes;
	while (tm->log->type->get_resync_work(tm->log, &region) == 1) {
		recover_region(tm, region);
		KUNIT_EXPECT_EQ(test, flush(tm), 0);
		nr++;
	}
	KUNIT_EXPECT_EQ(test, nr, NR_REGIONS);
	KUNIT_EXPECT_EQ(test, sync_count(tm), NR_REGIONS);
	KUNIT_EXPECT_EQ(test, tm->fake->nr_writes, before);
	KUNIT_EXPECT_EQ(test, suspend_log(tm), 0);
	KUNIT_EXPECT_EQ(test, tm->fake->nr_writes, before + 1);
	KUNIT_EXPECT_EQ(test, tm->nr_leg_flushes, 1);
	KUNIT_EXPECT_TRUE(test, dm_log_fake_dev_bit(tm->fake, 0));
	KUNIT_EXPECT_TRUE(test, dm_log_fake_dev_bit(tm->fake, NR_REGIONS - 1));
}

/* Idle regions are cleaned after a whole period, for one flush of the legs. */
static void disk_background_cleaning(struct kunit *test)
{
	struct test_mirror *tm = test->priv;
	int i;

	start_clean(tm);
	for (i = 0; i < 500; i++)
		write_region(tm, i * 20);
	dm_log_run_cleaner(tm->log);
	KUNIT_EXPECT_FALSE(test, dm_log_fake_dev_bit(tm->fake, 20));
	dm_log_run_cleaner(tm->log);
	KUNIT_EXPECT_TRUE(test, dm_log_fake_dev_bit(tm->fake, 20));
	KUNIT_EXPECT_TRUE(test, dm_log_fake_dev_bit(tm->fake, 499 * 20));
	KUNIT_EXPECT_EQ(test, tm->nr_leg_flushes, 1);
	dm_log_run_cleaner(tm->log);
	KUNIT_EXPECT_EQ(test, tm->nr_leg_flushes, 1);
}

/*
 * B72: a leg fails a write, and then flushes well, before the worker has told of the
 * write. What that flush would allow is cleaned only when it has had the time to.
 */
static void disk_failure_told_late(struct kunit *test)
{
	struct test_mirror *tm = test->priv;

	start_clean(tm);
	write_region(tm, 1);
	mark(tm, 2);
	KUNIT_EXPECT_EQ(test, flush(tm), 0);
	/* The write to region 2 has failed now, and what region 1 was written is lost. */
	dm_log_run_cleaner(tm->log);
	KUNIT_EXPECT_EQ(test, tm->nr_leg_flushes, 1);
	set_sync(tm, 2, 0);
	dm_log_run_cleaner(tm->log);
	dm_log_run_cleaner(tm->log);
	KUNIT_EXPECT_EQ(test, tm->nr_leg_flushes, 1);
	KUNIT_EXPECT_FALSE(test, dm_log_fake_dev_bit(tm->fake, 1));
}

/* clean_delay_ms=0: at once, the legs being flushed first. */
static void leg_flush_checks_dirty(struct test_mirror *tm)
{
	KUNIT_EXPECT_FALSE(tm->test, dm_log_fake_dev_bit(tm->fake, 77));
}

static void disk_no_delay(struct kunit *test)
{
	struct test_mirror *tm = test->priv;

	dm_log_clean_delay_ms = 0;
	start_clean(tm);
	mark(tm, 77);
	KUNIT_EXPECT_EQ(test, flush(tm), 0);
	KUNIT_EXPECT_EQ(test, tm->nr_leg_flushes, 0);
	clear(tm, 77);
	tm->in_leg_flush = leg_flush_checks_dirty;
	KUNIT_EXPECT_EQ(test, flush(tm), 0);
	/* Not here: the worker does not wait for the legs. */
	KUNIT_EXPECT_EQ(test, tm->nr_leg_flushes, 0);
	KUNIT_EXPECT_EQ(test, tm->nr_kicks, 1);
	dm_log_run_cleaner(tm->log);
	KUNIT_EXPECT_EQ(test, tm->nr_leg_flushes, 1);
	KUNIT_EXPECT_TRUE(test, dm_log_fake_dev_bit(tm->fake, 77));
}

/*
 * Contract, part C 1: a mark in the same sector must not take a clear along for
 * which the legs have not been flushed.
 */
static void disk_mark_carries_no_clean(struct kunit *test)
{
	struct test_mirror *tm = test->priv;

	start_clean(tm);
	write_region(tm, 10);
	mark(tm, 11);
	KUNIT_EXPECT_EQ(test, flush(tm), 0);
	KUNIT_EXPECT_FALSE(test, dm_log_fake_dev_bit(tm->fake, 10));
	KUNIT_EXPECT_FALSE(test, dm_log_fake_dev_bit(tm->fake, 11));
	KUNIT_EXPECT_EQ(test, tm->nr_leg_flushes, 0);
}

/* A region written while the cleaner flushes the legs stays dirty. */
static void rewrite_in_leg_flush(struct test_mirror *tm)
{
	tm->in_leg_flush = NULL;
	write_region(tm, 10);
	mark(tm, 12);
	KUNIT_EXPECT_EQ(tm->test, flush(tm), 0);
}

static void disk_rewrite_during_clean(struct kunit *test)
{
	struct test_mirror *tm = test->priv;

	start_clean(tm);
	write_region(tm, 10);
	write_region(tm, 11);
	write_region(tm, 12);
	tm->in_leg_flush = rewrite_in_leg_flush;
	dm_log_run_cleaner(tm->log);
	dm_log_run_cleaner(tm->log);
	KUNIT_EXPECT_FALSE(test, dm_log_fake_dev_bit(tm->fake, 10));
	KUNIT_EXPECT_TRUE(test, dm_log_fake_dev_bit(tm->fake, 11));
	KUNIT_EXPECT_FALSE(test, dm_log_fake_dev_bit(tm->fake, 12));
}

/* More idle regions than allowed are cleaned without waiting for a period. */
static void disk_max_idle(struct kunit *test)
{
	struct test_mirror *tm = test->priv;
	int i;

	dm_log_max_idle_regions = 50;
	start_clean(tm);
	for (i = 0; i < 50; i++) {
		mark(tm, i);
		clear(tm, i);
	}
	dm_log_run_cleaner(tm->log);
	KUNIT_EXPECT_FALSE(test, dm_log_fake_dev_bit(tm->fake, 3));
	mark(tm, 50);
	KUNIT_EXPECT_EQ(test, flush(tm), 0);
	clear(tm, 50);
	tm->nr_kicks = 0;
	KUNIT_EXPECT_EQ(test, flush(tm), 0);
	KUNIT_EXPECT_EQ(test, tm->nr_kicks, 1);
	dm_log_run_cleaner(tm->log);
	KUNIT_EXPECT_TRUE(test, tm->log->type->is_clean(tm->log, 50));

	/* Not worth a write of its own; a mark takes it along ... */
	KUNIT_EXPECT_FALSE(test, dm_log_fake_dev_bit(tm->fake, 3));
	mark(tm, 51);
	KUNIT_EXPECT_EQ(test, flush(tm), 0);
	KUNIT_EXPECT_TRUE(test, dm_log_fake_dev_bit(tm->fake, 3));
	KUNIT_EXPECT_TRUE(test, dm_log_fake_dev_bit(tm->fake, 50));
}

/* ... and if none comes, the next run of the cleaner commits it. */
static void disk_deferred_clean(struct kunit *test)
{
	struct test_mirror *tm = test->priv;

	start_clean(tm);
	write_region(tm, 3);
	dm_log_max_idle_regions = 0;
	dm_log_run_cleaner(tm->log);
	KUNIT_EXPECT_FALSE(test, dm_log_fake_dev_bit(tm->fake, 3));
	dm_log_run_cleaner(tm->log);
	KUNIT_EXPECT_TRUE(test, dm_log_fake_dev_bit(tm->fake, 3));
	KUNIT_EXPECT_EQ(test, tm->nr_leg_flushes, 1);
}

/* A clean shutdown leaves everything clean. */
static void disk_suspend_cleans(struct kunit *test)
{
	struct test_mirror *tm = test->priv;

	start_clean(tm);
	write_region(tm, 5);
	KUNIT_EXPECT_EQ(test, suspend_log(tm), 0);
	KUNIT_EXPECT_TRUE(test, dm_log_fake_dev_bit(tm->fake, 5));
	KUNIT_EXPECT_EQ(test, tm->nr_leg_flushes, 1);
}

/* B1: after postsuspend the device may be another table's. */
static void disk_gate(struct kunit *test)
{
	struct test_mirror *tm = test->priv;
	u64 writes, reads;

	start_clean(tm);
	mark(tm, 14);
	KUNIT_EXPECT_EQ(test, flush(tm), 0);
	/* The clear is late. */
	KUNIT_EXPECT_EQ(test, suspend_log(tm), 0);
	writes = tm->fake->nr_writes;
	reads = tm->fake->nr_reads;
	clear(tm, 14);
	mark(tm, 15);
	KUNIT_EXPECT_EQ(test, flush(tm), 0);
	dm_log_clean_delay_ms = 0;
	KUNIT_EXPECT_EQ(test, flush(tm), 0);
	dm_log_run_cleaner(tm->log);
	destroy_log(tm);
	KUNIT_EXPECT_EQ(test, tm->fake->nr_writes, writes);
	KUNIT_EXPECT_EQ(test, tm->fake->nr_reads, reads);
	KUNIT_EXPECT_EQ(test, tm->nr_leg_flushes, 0);
	KUNIT_EXPECT_FALSE(test, dm_log_fake_dev_bit(tm->fake, 14));
}

/* B2: the keyword is for the first resume; what failed later stays failed. */
static void disk_keyword_once(struct kunit *test)
{
	struct test_mirror *tm = test->priv;
	u64 region;

	create_log(tm, "nosync");
	KUNIT_EXPECT_EQ(test, resume_log(tm), 0);
	mark(tm, 20);
	KUNIT_EXPECT_EQ(test, flush(tm), 0);
	set_sync(tm, 20, 0);
	KUNIT_EXPECT_EQ(test, suspend_log(tm), 0);
	KUNIT_EXPECT_EQ(test, resume_log(tm), 0);
	KUNIT_EXPECT_EQ(test, sync_count(tm), NR_REGIONS - 1);
	KUNIT_EXPECT_EQ(test, tm->log->type->get_resync_work(tm->log, &region), 1);
	KUNIT_EXPECT_EQ(test, region, 20);
	destroy_log(tm);

	create_log(tm, "sync");
	KUNIT_EXPECT_EQ(test, resume_log(tm), 0);
	KUNIT_EXPECT_EQ(test, sync_count(tm), 0);
	KUNIT_EXPECT_EQ(test, tm->log->type->get_resync_work(tm->log, &region), 1);
	recover_region(tm, region);
	KUNIT_EXPECT_EQ(test, suspend_log(tm), 0);
	KUNIT_EXPECT_EQ(test, resume_log(tm), 0);
	KUNIT_EXPECT_EQ(test, sync_count(tm), 1);
}

/* A region that loses sync while it is clean on disk is committed dirty. */
static void disk_lost_sync_is_committed(struct kunit *test)
{
	struct test_mirror *tm = test->priv;

	start_clean(tm);
	set_sync(tm, 33, 0);
	KUNIT_EXPECT_EQ(test, flush(tm), 0);
	KUNIT_EXPECT_FALSE(test, dm_log_fake_dev_bit(tm->fake, 33));
}

/*
 * B7, B46: a failed flush of the legs makes uncertain what was idle, or is written since,
 * until the next resume, whatever flush is good meanwhile; nothing else.
 */
static void disk_leg_flush_fails(struct kunit *test)
{
	struct test_mirror *tm = test->priv;

	start_clean(tm);
	write_region(tm, 1);
	tm->fail_leg_flushes = 1;
	dm_log_run_cleaner(tm->log);
	KUNIT_EXPECT_EQ(test, tm->nr_events, 1);
	dm_log_run_cleaner(tm->log);
	KUNIT_EXPECT_FALSE(test, dm_log_fake_dev_bit(tm->fake, 1));
	KUNIT_EXPECT_TRUE(test, dm_log_fake_dev_bit(tm->fake, 2));
	/* The mirror must not forget yet which leg it was. */
	KUNIT_EXPECT_EQ(test, sync_count(tm), NR_REGIONS - 1);

	tm->nr_kicks = 0;
	write_region(tm, 3);
	dm_log_run_cleaner(tm->log);
	dm_log_run_cleaner(tm->log);
	KUNIT_EXPECT_EQ(test, tm->nr_leg_flushes, 1);
	KUNIT_EXPECT_EQ(test, tm->nr_kicks, 0);
	KUNIT_EXPECT_EQ(test, tm->nr_events, 1);
	expect_health(tm, 'A');

	KUNIT_EXPECT_EQ(test, suspend_log(tm), 0);
	KUNIT_EXPECT_EQ(test, tm->nr_leg_flushes, 1);
	KUNIT_EXPECT_FALSE(test, dm_log_fake_dev_bit(tm->fake, 1));
	KUNIT_EXPECT_FALSE(test, dm_log_fake_dev_bit(tm->fake, 3));
	KUNIT_EXPECT_EQ(test, resume_log(tm), 0);
	KUNIT_EXPECT_EQ(test, sync_count(tm), NR_REGIONS - 2);
	KUNIT_EXPECT_EQ(test, in_sync(tm, 1), 0);
	KUNIT_EXPECT_EQ(test, in_sync(tm, 3), 0);

	/* All is as it was once the two have been recovered. */
	recover_next(tm, 1);
	recover_next(tm, 3);
	KUNIT_EXPECT_EQ(test, sync_count(tm), NR_REGIONS);
	dm_log_run_cleaner(tm->log);
	dm_log_run_cleaner(tm->log);
	KUNIT_EXPECT_TRUE(test, dm_log_fake_dev_bit(tm->fake, 1));
	KUNIT_EXPECT_TRUE(test, dm_log_fake_dev_bit(tm->fake, 3));
}

/* B46: the same for a failed write, and for one at the last moment. */
static void disk_leg_write_fails(struct kunit *test)
{
	struct test_mirror *tm = test->priv;

	start_clean(tm);
	write_region(tm, 1);
	mark(tm, 2);
	KUNIT_EXPECT_EQ(test, flush(tm), 0);
	set_sync(tm, 2, 0);
	KUNIT_EXPECT_EQ(test, tm->nr_events, 1);
	dm_log_run_cleaner(tm->log);
	dm_log_run_cleaner(tm->log);
	KUNIT_EXPECT_FALSE(test, dm_log_fake_dev_bit(tm->fake, 1));
	KUNIT_EXPECT_EQ(test, suspend_log(tm), 0);
	KUNIT_EXPECT_EQ(test, resume_log(tm), 0);
	KUNIT_EXPECT_EQ(test, sync_count(tm), NR_REGIONS - 2);
	recover_next(tm, 1);
	recover_next(tm, 2);

	write_region(tm, 5);
	tm->fail_leg_flushes = 1;
	KUNIT_EXPECT_EQ(test, suspend_log(tm), 0);
	KUNIT_EXPECT_FALSE(test, dm_log_fake_dev_bit(tm->fake, 5));
	KUNIT_EXPECT_EQ(test, resume_log(tm), 0);
	KUNIT_EXPECT_EQ(test, in_sync(tm, 5), 0);
}

/*
 * B49: after either failure and a resume writes to what is out of sync wait for it to be
 * recovered first, or the mirror would hold them until the next suspend.
 */
static void disk_flush_fails_writes_wait(struct kunit *test)
{
	struct test_mirror *tm = test->priv;

	start_clean(tm);
	write_region(tm, 5);
	write_region(tm, 7);
	tm->fail_leg_flushes = 1;
	KUNIT_EXPECT_EQ(test, suspend_log(tm), 0);
	KUNIT_EXPECT_EQ(test, resume_log(tm), 0);
	KUNIT_EXPECT_EQ(test, must_wait(tm, 6), 0);
	KUNIT_EXPECT_EQ(test, must_wait(tm, 7), 1);
	recover_next(tm, 7);
	KUNIT_EXPECT_EQ(test, must_wait(tm, 7), 0);
	KUNIT_EXPECT_EQ(test, must_wait(tm, 5), 1);
	recover_next(tm, 5);
	KUNIT_EXPECT_EQ(test, sync_count(tm), NR_REGIONS);
}

/* B47: a recovery that was given up is not one; see core_given_up. */
static void disk_given_up(struct kunit *test)
{
	struct test_mirror *tm = test->priv;
	u64 region;

	put_clean_log(tm);
	dm_log_fake_dev_set_bit(tm->fake, 4, false);
	create_log(tm, NULL);
	KUNIT_ASSERT_EQ(test, resume_log(tm), 0);
	KUNIT_ASSERT_EQ(test, tm->log->type->get_resync_work(tm->log, &region), 1);
	set_sync(tm, region, 1);
	KUNIT_EXPECT_EQ(test, tm->nr_events, 1);
	KUNIT_EXPECT_EQ(test, in_sync(tm, 4), 0);
	KUNIT_EXPECT_EQ(test, sync_count(tm), NR_REGIONS - 1);
	write_region(tm, 4);
	dm_log_run_cleaner(tm->log);
	dm_log_run_cleaner(tm->log);
	KUNIT_EXPECT_FALSE(test, dm_log_fake_dev_bit(tm->fake, 4));
	KUNIT_EXPECT_EQ(test, suspend_log(tm), 0);
	KUNIT_EXPECT_FALSE(test, dm_log_fake_dev_bit(tm->fake, 4));
	/* Nobody holds its writes: they need not wait for the first copy to be complete. */
	KUNIT_EXPECT_EQ(test, resume_log(tm), 0);
	KUNIT_EXPECT_EQ(test, must_wait(tm, 4), 0);
}

static void disk_write_fails(struct kunit *test)
{
	struct test_mirror *tm = test->priv;

	start_clean(tm);
	/* B50: the mirror would never forget; so once more, of which nobody hears. */
	tm->fake->fail_writes = 1;
	mark(tm, 6);
	KUNIT_EXPECT_EQ(test, flush(tm), 0);
	KUNIT_EXPECT_FALSE(test, dm_log_fake_dev_bit(tm->fake, 6));
	expect_health(tm, 'D');
	KUNIT_EXPECT_EQ(test, tm->nr_events, 1);

	/* Nothing is left to be saved by trying twice then. */
	tm->fake->fail_writes = 3;
	mark(tm, 7);
	KUNIT_EXPECT_NE(test, flush(tm), 0);
	expect_health(tm, 'D');
	KUNIT_EXPECT_NE(test, flush(tm), 0);
	KUNIT_EXPECT_EQ(test, tm->nr_events, 1);
	/* Still known, and durable once the device can. */
	KUNIT_EXPECT_EQ(test, flush(tm), 0);
	KUNIT_EXPECT_FALSE(test, dm_log_fake_dev_bit(tm->fake, 7));
	expect_health(tm, 'D');

	/* B37: a clean resume forgives. */
	clear(tm, 6);
	clear(tm, 7);
	KUNIT_EXPECT_EQ(test, suspend_log(tm), 0);
	KUNIT_EXPECT_EQ(test, resume_log(tm), 0);
	expect_health(tm, 'A');
	tm->fake->fail_writes = 2;
	mark(tm, 8);
	KUNIT_EXPECT_NE(test, flush(tm), 0);
	KUNIT_EXPECT_EQ(test, tm->nr_events, 2);
}

/*
 * B69: once flush() has returned an error the mirror tells its log of no leg's failure any
 * more, not even after a resume of its table. So nothing becomes clean for as long.
 */
static void disk_error_hides_failures(struct kunit *test)
{
	struct test_mirror *tm = test->priv;

	start_clean(tm);
	write_region(tm, 3);
	tm->fake->fail_writes = 2;
	mark(tm, 7);
	KUNIT_EXPECT_NE(test, flush(tm), 0);
	KUNIT_EXPECT_EQ(test, flush(tm), 0);
	/* The write to region 7 has failed on a leg; of that nothing is heard. */
	clear(tm, 7);
	tm->nr_kicks = 0;
	KUNIT_EXPECT_EQ(test, flush(tm), 0);
	KUNIT_EXPECT_EQ(test, tm->nr_kicks, 0);
	dm_log_run_cleaner(tm->log);
	dm_log_run_cleaner(tm->log);
	KUNIT_EXPECT_EQ(test, sync_count(tm), NR_REGIONS - 1);
	KUNIT_EXPECT_EQ(test, suspend_log(tm), 0);
	KUNIT_EXPECT_FALSE(test, dm_log_fake_dev_bit(tm->fake, 3));
	KUNIT_EXPECT_FALSE(test, dm_log_fake_dev_bit(tm->fake, 7));

	KUNIT_EXPECT_EQ(test, resume_log(tm), 0);
	KUNIT_EXPECT_EQ(test, sync_count(tm), NR_REGIONS - 2);
	recover_next(tm, 3);
	recover_next(tm, 7);
	dm_log_run_cleaner(tm->log);
	dm_log_run_cleaner(tm->log);
	KUNIT_EXPECT_EQ(test, sync_count(tm), NR_REGIONS - 1);
	KUNIT_EXPECT_EQ(test, suspend_log(tm), 0);
	KUNIT_EXPECT_FALSE(test, dm_log_fake_dev_bit(tm->fake, 3));
	destroy_log(tm);

	/* A new table is a new mirror. */
	create_log(tm, NULL);
	KUNIT_EXPECT_EQ(test, resume_log(tm), 0);
	recover_next(tm, 3);
	recover_next(tm, 7);
	dm_log_run_cleaner(tm->log);
	dm_log_run_cleaner(tm->log);
	KUNIT_EXPECT_TRUE(test, dm_log_fake_dev_bit(tm->fake, 7));
	KUNIT_EXPECT_EQ(test, sync_count(tm), NR_REGIONS);
}

struct status_work {
	struct work_struct work;
	struct test_mirror *tm;
	u64 count;
};

static void look_at_status(struct work_struct *work)
{
	struct status_work *status = container_of(work, struct status_work, work);

	status->count = sync_count(status->tm);
}

/* As somebody else than the mirror's worker, which is this test. */
static u64 status_count(struct test_mirror *tm)
{
	struct status_work status = { .tm = tm };

	INIT_WORK_ONSTACK(&status.work, look_at_status);
	queue_work(system_unbound_wq, &status.work);
	flush_work(&status.work);
	destroy_work_on_stack(&status.work);
	return status.count;
}

/*
 * A conversion of LVM's looks at the status until all is in sync, and only then LVM replaces
 * a log that has failed meanwhile. So if that is all that has, all is.
 */
static void disk_status_after_error(struct kunit *test)
{
	struct test_mirror *tm = test->priv;

	start_clean(tm);
	KUNIT_EXPECT_EQ(test, status_count(tm), NR_REGIONS);
	tm->fake->fail_writes = 2;
	mark(tm, 7);
	KUNIT_EXPECT_NE(test, flush(tm), 0);
	KUNIT_EXPECT_EQ(test, sync_count(tm), NR_REGIONS - 1);
	KUNIT_EXPECT_EQ(test, status_count(tm), NR_REGIONS);

	set_sync(tm, 3, 0);
	KUNIT_EXPECT_EQ(test, status_count(tm), NR_REGIONS - 1);
	KUNIT_EXPECT_EQ(test, sync_count(tm), NR_REGIONS - 1);
}

/* B50: an error is about a mark. What else could not be written the cleaner writes. */
static void disk_error_without_mark(struct kunit *test)
{
	struct test_mirror *tm = test->priv;

	put_clean_log(tm);
	create_log(tm, NULL);
	tm->fake->fail_reads = 1000;
	KUNIT_EXPECT_NE(test, resume_log(tm), 0);
	KUNIT_EXPECT_EQ(test, flush(tm), 0);
	tm->fake->fail_reads = 0;
	tm->fake->fail_writes = 3;
	dm_log_run_cleaner(tm->log);
	tm->nr_kicks = 0;
	KUNIT_EXPECT_EQ(test, flush(tm), 0);
	KUNIT_EXPECT_EQ(test, tm->nr_kicks, 1);
	dm_log_run_cleaner(tm->log);
	KUNIT_EXPECT_FALSE(test, dm_log_fake_dev_bit(tm->fake, 5));
	KUNIT_EXPECT_EQ(test, tm->fake->cached, 0);
}

static void disk_flush_fails(struct kunit *test)
{
	struct test_mirror *tm = test->priv;

	start_clean(tm);
	tm->fake->fail_flushes = 2;
	mark(tm, 7);
	KUNIT_EXPECT_NE(test, flush(tm), 0);
	expect_health(tm, 'F');
	KUNIT_EXPECT_EQ(test, tm->nr_events, 1);
	KUNIT_EXPECT_NE(test, tm->fake->cached, 0);
	/* What may have been lost is written again. */
	KUNIT_EXPECT_EQ(test, flush(tm), 0);
	KUNIT_EXPECT_EQ(test, tm->fake->cached, 0);
	KUNIT_EXPECT_FALSE(test, dm_log_fake_dev_bit(tm->fake, 7));
}

/* What a failing device did not store must not come back clean at a resume. */
static void disk_lost_marks_survive_suspend(struct kunit *test)
{
	struct test_mirror *tm = test->priv;

	start_clean(tm);
	tm->fake->fail_writes = 100;
	mark(tm, 7);
	KUNIT_EXPECT_NE(test, flush(tm), 0);
	set_sync(tm, 7, 0);
	KUNIT_EXPECT_NE(test, suspend_log(tm), 0);
	KUNIT_EXPECT_TRUE(test, dm_log_fake_dev_bit(tm->fake, 7));
	tm->fake->fail_writes = 0;
	KUNIT_EXPECT_EQ(test, resume_log(tm), 0);
	KUNIT_EXPECT_EQ(test, in_sync(tm, 7), 0);
	KUNIT_EXPECT_FALSE(test, dm_log_fake_dev_bit(tm->fake, 7));
}

static void disk_first_write_fails(struct kunit *test)
{
	struct test_mirror *tm = test->priv;

	put_clean_log(tm);
	create_log(tm, NULL);
	tm->fake->fail_writes = 1;
	KUNIT_EXPECT_NE(test, resume_log(tm), 0);
	expect_health(tm, 'D');
	KUNIT_EXPECT_EQ(test, tm->nr_events, 1);
	KUNIT_EXPECT_EQ(test, sync_count(tm), NR_REGIONS);
	mark(tm, 3);
	KUNIT_EXPECT_EQ(test, flush(tm), 0);
	KUNIT_EXPECT_FALSE(test, dm_log_fake_dev_bit(tm->fake, 3));
}

/* A header must not vouch for bits that were not written. */
static void disk_header_last(struct kunit *test)
{
	struct test_mirror *tm = test->priv;

	/* Rubbish with the magic of a mirror that was smaller. */
	memset(tm->fake->data, 0xff, LOG_SECTORS * 512);
	dm_log_fake_dev_header(tm->fake, MAGIC, 2, 100);
	create_log(tm, NULL);
	tm->fake->fail_writes = 1;
	tm->fake->torn = true;
	KUNIT_EXPECT_NE(test, resume_log(tm), 0);
	KUNIT_EXPECT_EQ(test, tm->fake->data[8], 100);
	KUNIT_EXPECT_EQ(test, tm->fake->data[9], 0);
	/* The next commit finishes the job in the right order. */
	KUNIT_EXPECT_EQ(test, flush(tm), 0);
	KUNIT_EXPECT_EQ(test, tm->fake->data[8] | tm->fake->data[9] << 8, NR_REGIONS);
	KUNIT_EXPECT_FALSE(test, dm_log_fake_dev_bit(tm->fake, 9999));
}

/*
 * The header of a mirror that has shrunk: as long as the old one is there, a
 * mirror that grows again would believe what it says of the regions in between.
 */
static void disk_shrunk_header_retried(struct kunit *test)
{
	struct test_mirror *tm = test->priv;
	const u64 full = tm->ti.len;

	start_clean(tm);
	suspend_log(tm);
	destroy_log(tm);

	tm->ti.len = 4096 * REGION_SECTORS;
	create_log(tm, NULL);
	/* No bit has to change: the header is all there is to write. */
	tm->fake->fail_writes = 1;
	KUNIT_EXPECT_NE(test, resume_log(tm), 0);
	KUNIT_EXPECT_EQ(test, tm->fake->data[8] | tm->fake->data[9] << 8, NR_REGIONS);
	/* Also if the last chance to write it has a bad start. */
	tm->fake->fail_writes = 1;
	suspend_log(tm);
	KUNIT_EXPECT_EQ(test, tm->fake->data[8] | tm->fake->data[9] << 8, 4096);
	destroy_log(tm);

	tm->ti.len = full;
	create_log(tm, NULL);
	KUNIT_EXPECT_EQ(test, resume_log(tm), 0);
	KUNIT_EXPECT_EQ(test, sync_count(tm), 4096);
}

/*
 * What a resume reads may be in the device's cache only: LVM or a table before
 * this one wrote it. It counts from now on, so it must be durable.
 */
static void disk_resume_flushes(struct kunit *test)
{
	struct test_mirror *tm = test->priv;

	put_clean_log(tm);
	tm->fake->cached = ~0ULL >> (64 - LOG_SECTORS);
	tm->fake->fua = true;
	create_log(tm, NULL);
	KUNIT_EXPECT_EQ(test, resume_log(tm), 0);
	KUNIT_EXPECT_EQ(test, tm->fake->cached, 0);
	KUNIT_EXPECT_MEMEQ(test, tm->fake->medium, tm->fake->data, LOG_SECTORS * 512);
	/* One round trip: what changed nowhere is not written. */
	KUNIT_EXPECT_EQ(test, tm->fake->nr_writes, 1);
	destroy_log(tm);

	/* If that fails no mark counts before all of it has been written. */
	tm->fake->cached = ~0ULL >> (64 - LOG_SECTORS);
	tm->fake->fail_writes = 3;
	create_log(tm, NULL);
	KUNIT_EXPECT_NE(test, resume_log(tm), 0);
	mark(tm, 9);
	KUNIT_EXPECT_NE(test, flush(tm), 0);
	KUNIT_EXPECT_EQ(test, flush(tm), 0);
	KUNIT_EXPECT_EQ(test, tm->fake->cached, 0);
}

/* B11: a read error is retried; */
static void disk_read_retried(struct kunit *test)
{
	struct test_mirror *tm = test->priv;

	put_clean_log(tm);
	create_log(tm, NULL);
	tm->fake->fail_reads = 2;
	KUNIT_EXPECT_EQ(test, resume_log(tm), 0);
	expect_health(tm, 'A');
	KUNIT_EXPECT_EQ(test, sync_count(tm), NR_REGIONS);
}

/* ... if it stays, nothing is written over what may be a valid log; */
static void disk_unreadable(struct kunit *test)
{
	struct test_mirror *tm = test->priv;
	u8 *before = kunit_kmalloc(test, LOG_SECTORS * 512, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, before);
	put_clean_log(tm);
	memcpy(before, tm->fake->data, LOG_SECTORS * 512);
	create_log(tm, NULL);
	tm->fake->fail_reads = 1000;
	KUNIT_EXPECT_NE(test, resume_log(tm), 0);
	expect_health(tm, 'D');
	KUNIT_EXPECT_EQ(test, tm->nr_events, 1);
	KUNIT_EXPECT_EQ(test, sync_count(tm), 0);

	recover_region(tm, 4);
	set_sync(tm, 4, 1);
	mark(tm, 4);
	clear(tm, 4);
	dm_log_run_cleaner(tm->log);
	suspend_log(tm);
	KUNIT_EXPECT_EQ(test, tm->fake->nr_writes, 0);
	KUNIT_EXPECT_MEMEQ(test, before, tm->fake->data, LOG_SECTORS * 512);
}

/* ... a mark that cannot be stored is an error; and a device that can be read
 * again gets all that is known, which is less than it says.
 */
static void disk_readable_again(struct kunit *test)
{
	struct test_mirror *tm = test->priv;
	region_t region;

	put_clean_log(tm);
	create_log(tm, NULL);
	tm->fake->fail_reads = 3;
	KUNIT_EXPECT_NE(test, resume_log(tm), 0);

	KUNIT_ASSERT_EQ(test, tm->log->type->get_resync_work(tm->log, &region), 1);
	KUNIT_EXPECT_EQ(test, region, 0);
	recover_region(tm, 0);
	dm_log_clean_delay_ms = 0;
	KUNIT_EXPECT_EQ(test, flush(tm), 0);
	mark(tm, 0);
	KUNIT_EXPECT_NE(test, flush(tm), 0);
	KUNIT_EXPECT_EQ(test, tm->fake->nr_writes, 0);

	dm_log_run_cleaner(tm->log);
	KUNIT_EXPECT_EQ(test, flush(tm), 0);
	KUNIT_EXPECT_FALSE(test, dm_log_fake_dev_bit(tm->fake, 0));
	KUNIT_EXPECT_FALSE(test, dm_log_fake_dev_bit(tm->fake, 5000));
	expect_health(tm, 'D');
}

/*
 * As long as the log cannot be read it may call any region clean. So no mark is
 * durable, whatever the map says of the region.
 */
static void disk_unreadable_marks(struct kunit *test)
{
	struct test_mirror *tm = test->priv;

	put_clean_log(tm);
	create_log(tm, NULL);
	tm->fake->fail_reads = 1000;
	KUNIT_EXPECT_NE(test, resume_log(tm), 0);

	/* Out of sync: one leg is going to be written. */
	mark(tm, 5);
	KUNIT_EXPECT_NE(test, flush(tm), 0);

	/* Recovered, and not clean yet. */
	recover_region(tm, 6);
	mark(tm, 6);
	KUNIT_EXPECT_NE(test, flush(tm), 0);
	KUNIT_EXPECT_EQ(test, tm->fake->nr_writes, 0);

	tm->fake->fail_reads = 0;
	dm_log_run_cleaner(tm->log);
	KUNIT_EXPECT_EQ(test, flush(tm), 0);
	KUNIT_EXPECT_FALSE(test, dm_log_fake_dev_bit(tm->fake, 5));
	KUNIT_EXPECT_FALSE(test, dm_log_fake_dev_bit(tm->fake, 6));
}

/*
 * The worker of a mirror that is suspended may flush, which says nothing of any mark. One that
 * the device had not stored by then is not stored for that.
 */
static void disk_marks_outlive_suspend(struct kunit *test)
{
	struct test_mirror *tm = test->priv;

	start_clean(tm);
	tm->fake->fail_writes = 1000;
	mark(tm, 7);
	KUNIT_EXPECT_NE(test, flush(tm), 0);
	clear(tm, 7);
	KUNIT_EXPECT_NE(test, suspend_log(tm), 0);
	KUNIT_EXPECT_EQ(test, flush(tm), 0);

	tm->fake->fail_reads = 1000;
	KUNIT_EXPECT_NE(test, resume_log(tm), 0);
	recover_region(tm, 7);
	KUNIT_EXPECT_NE(test, flush(tm), 0);
	KUNIT_EXPECT_TRUE(test, dm_log_fake_dev_bit(tm->fake, 7));

	tm->fake->fail_writes = 0;
	tm->fake->fail_reads = 0;
	dm_log_run_cleaner(tm->log);
	KUNIT_EXPECT_EQ(test, flush(tm), 0);
	KUNIT_EXPECT_FALSE(test, dm_log_fake_dev_bit(tm->fake, 7));
}

/* After a leg has failed, writes wait for recovery from resume to suspend. */
static void disk_awaits_recovery(struct kunit *test)
{
	struct test_mirror *tm = test->priv;
	region_t region;

	create_log(tm, "nosync");
	KUNIT_ASSERT_EQ(test, resume_log(tm), 0);
	tm->log->type->set_region_sync(tm->log, 4, 0);
	tm->log->type->set_region_sync(tm->log, 7, 0);
	KUNIT_EXPECT_EQ(test, must_wait(tm, 7), 0);
	KUNIT_ASSERT_EQ(test, suspend_log(tm), 0);
	KUNIT_ASSERT_EQ(test, resume_log(tm), 0);
	KUNIT_EXPECT_EQ(test, must_wait(tm, 5), 0);
	KUNIT_EXPECT_EQ(test, must_wait(tm, 7), 1);
	KUNIT_ASSERT_EQ(test, tm->log->type->get_resync_work(tm->log, &region), 1);
	KUNIT_EXPECT_EQ(test, region, 7);
	KUNIT_EXPECT_EQ(test, must_wait(tm, 7), 0);
	KUNIT_EXPECT_EQ(test, must_wait(tm, 4), 1);
	tm->log->type->presuspend(tm->log);
	KUNIT_EXPECT_EQ(test, must_wait(tm, 4), 0);
	KUNIT_EXPECT_EQ(test, tm->log->type->postsuspend(tm->log), 0);
	KUNIT_EXPECT_FALSE(test, dm_log_fake_dev_bit(tm->fake, 4));
	KUNIT_EXPECT_FALSE(test, dm_log_fake_dev_bit(tm->fake, 7));
}

/*
 * The mirror writes to a region out of sync without a mark, on one leg only. Not while
 * the device may call that region clean.
 */
static void disk_unreadable_holds(struct kunit *test)
{
	struct test_mirror *tm = test->priv;

	put_clean_log(tm);
	create_log(tm, NULL);
	tm->fake->fail_reads = 1000;
	KUNIT_EXPECT_NE(test, resume_log(tm), 0);

	KUNIT_EXPECT_EQ(test, must_wait(tm, 5), 1);
	/* B50: it waits, so there is nothing to be refused. */
	KUNIT_EXPECT_EQ(test, flush(tm), 0);
	KUNIT_EXPECT_EQ(test, must_wait(tm, 5), 1);
	KUNIT_EXPECT_EQ(test, in_sync(tm, 5), 0);
	/* A region that was recovered meanwhile needs a mark. */
	recover_next(tm, 0);
	KUNIT_EXPECT_EQ(test, must_wait(tm, 0), 0);

	tm->fake->fail_reads = 0;
	dm_log_run_cleaner(tm->log);
	KUNIT_EXPECT_FALSE(test, dm_log_fake_dev_bit(tm->fake, 5));
	KUNIT_EXPECT_EQ(test, must_wait(tm, 5), 0);
}

/* B51: no read of a device that takes its time is waited for by the worker. */
static void worker_in_read(struct dm_log_fake_dev *fake, bool write)
{
	struct test_mirror *tm = fake->private;

	if (write)
		return;
	if (mutex_is_locked(&to_dm_log_cache(tm->log)->commit_lock)) {
		tm->nr_locked++;
		return;
	}
	mark(tm, 0);
	KUNIT_EXPECT_NE(tm->test, flush(tm), 0);
}

static void disk_unreadable_unlocked(struct kunit *test)
{
	struct test_mirror *tm = test->priv;

	put_clean_log(tm);
	create_log(tm, NULL);
	tm->fake->fail_reads = 5;
	KUNIT_EXPECT_NE(test, resume_log(tm), 0);
	tm->fake->private = tm;
	tm->fake->before_io = worker_in_read;
	dm_log_run_cleaner(tm->log);
	KUNIT_EXPECT_EQ(test, tm->nr_locked, 0);
	tm->fake->before_io = NULL;
	KUNIT_EXPECT_EQ(test, flush(tm), 0);
	KUNIT_EXPECT_FALSE(test, dm_log_fake_dev_bit(tm->fake, 5));
}

/* ... nor if it could be read, but has not been written; */
static void disk_unwritable_holds(struct kunit *test)
{
	struct test_mirror *tm = test->priv;

	put_clean_log(tm);
	create_log(tm, "sync");
	tm->fake->fail_writes = 1;
	KUNIT_EXPECT_NE(test, resume_log(tm), 0);
	KUNIT_EXPECT_EQ(test, must_wait(tm, 5), 1);
	KUNIT_EXPECT_EQ(test, flush(tm), 0);
	KUNIT_EXPECT_EQ(test, must_wait(tm, 5), 0);
	KUNIT_EXPECT_FALSE(test, dm_log_fake_dev_bit(tm->fake, 5));
}

/* ... a suspend gets the write back, which is refused like one without a mark, and is
 * the last chance to write the device.
 */
static void disk_unreadable_suspend(struct kunit *test)
{
	struct test_mirror *tm = test->priv;

	put_clean_log(tm);
	create_log(tm, NULL);
	tm->fake->fail_reads = 1000;
	KUNIT_EXPECT_NE(test, resume_log(tm), 0);
	KUNIT_EXPECT_EQ(test, must_wait(tm, 5), 1);

	tm->log->type->presuspend(tm->log);
	KUNIT_EXPECT_EQ(test, in_sync(tm, 5), 0);
	KUNIT_EXPECT_EQ(test, must_wait(tm, 5), 0);
	KUNIT_EXPECT_EQ(test, in_sync(tm, 5), 1);
	KUNIT_EXPECT_EQ(test, tm->log->type->in_sync(tm->log, 5, 0), -EWOULDBLOCK);
	mark(tm, 5);
	/* Whatever has become of the log: it was promised to fail. */
	tm->fake->fail_reads = 0;
	KUNIT_EXPECT_NE(test, flush(tm), 0);
	KUNIT_EXPECT_EQ(test, in_sync(tm, 5), 0);
	clear(tm, 5);

	KUNIT_EXPECT_EQ(test, tm->log->type->postsuspend(tm->log), 0);
	KUNIT_EXPECT_FALSE(test, dm_log_fake_dev_bit(tm->fake, 5));
	KUNIT_EXPECT_FALSE(test, dm_log_fake_dev_bit(tm->fake, 5000));
}

/* B11: nosync is trusted once; not to explain away a later read error. */
static void disk_unreadable_nosync(struct kunit *test)
{
	struct test_mirror *tm = test->priv;

	create_log(tm, "nosync");
	KUNIT_EXPECT_EQ(test, resume_log(tm), 0);
	KUNIT_EXPECT_EQ(test, suspend_log(tm), 0);
	tm->fake->fail_reads = 1000;
	KUNIT_EXPECT_NE(test, resume_log(tm), 0);
	KUNIT_EXPECT_EQ(test, sync_count(tm), 0);
}

/* B10: never write a log that we do not understand. */
static void disk_unknown_version(struct kunit *test)
{
	struct test_mirror *tm = test->priv;
	u8 *before = kunit_kmalloc(test, LOG_SECTORS * 512, GFP_KERNEL);
	region_t region;

	KUNIT_ASSERT_NOT_NULL(test, before);
	put_clean_log(tm);
	dm_log_fake_dev_header(tm->fake, MAGIC, 3, NR_REGIONS);
	memcpy(before, tm->fake->data, LOG_SECTORS * 512);
	create_log(tm, NULL);
	KUNIT_EXPECT_NE(test, resume_log(tm), 0);
	expect_health(tm, 'D');
	KUNIT_EXPECT_EQ(test, sync_count(tm), 0);
	KUNIT_ASSERT_EQ(test, tm->log->type->get_resync_work(tm->log, &region), 1);
	recover_region(tm, region);
	KUNIT_EXPECT_EQ(test, sync_count(tm), 1);
	write_region(tm, region);
	dm_log_run_cleaner(tm->log);
	KUNIT_EXPECT_EQ(test, suspend_log(tm), 0);
	KUNIT_EXPECT_EQ(test, tm->fake->nr_writes, 0);
	KUNIT_EXPECT_MEMEQ(test, before, tm->fake->data, LOG_SECTORS * 512);
}

/* B36: a log that must not be written is read, and serves reads. */
static void disk_read_only(struct kunit *test)
{
	struct test_mirror *tm = test->priv;
	region_t region;

	put_clean_log(tm);
	dm_log_fake_dev_set_bit(tm->fake, 6, false);
	dm_log_fake_dev_set_bit(tm->fake, NR_REGIONS, true);
	tm->fake->dev.read_only = true;
	create_log(tm, NULL);
	KUNIT_EXPECT_EQ(test, resume_log(tm), 0);
	expect_health(tm, 'A');
	KUNIT_EXPECT_EQ(test, sync_count(tm), NR_REGIONS - 1);
	KUNIT_ASSERT_EQ(test, tm->log->type->get_resync_work(tm->log, &region), 1);
	KUNIT_EXPECT_EQ(test, region, 6);
	recover_region(tm, 6);
	KUNIT_EXPECT_EQ(test, flush(tm), 0);
	dm_log_run_cleaner(tm->log);
	expect_health(tm, 'A');

	/* The table is writable, only the log is not: say so. */
	mark(tm, 8);
	KUNIT_EXPECT_NE(test, flush(tm), 0);
	expect_health(tm, 'D');
	suspend_log(tm);
	KUNIT_EXPECT_EQ(test, tm->fake->nr_writes, 0);
}

/* B53: a log that must not be written, and calls clean what the table does not. */
static void disk_read_only_sync(struct kunit *test)
{
	struct test_mirror *tm = test->priv;

	put_clean_log(tm);
	tm->fake->dev.read_only = true;
	create_log(tm, "sync");
	KUNIT_EXPECT_EQ(test, resume_log(tm), 0);
	KUNIT_EXPECT_EQ(test, sync_count(tm), 0);
	KUNIT_EXPECT_EQ(test, flush(tm), 0);
	recover_next(tm, 0);
	dm_log_run_cleaner(tm->log);
	KUNIT_EXPECT_EQ(test, flush(tm), 0);
	expect_health(tm, 'A');
	KUNIT_EXPECT_EQ(test, tm->nr_leg_flushes, 0);
	mark(tm, 0);
	KUNIT_EXPECT_NE(test, flush(tm), 0);
	expect_health(tm, 'D');
	/* One that is not in sync waits, as it would for any device that does not know. */
	KUNIT_EXPECT_EQ(test, must_wait(tm, 7), 1);
	suspend_log(tm);
	KUNIT_EXPECT_EQ(test, tm->fake->nr_writes, 0);
}

/* B3: no number does harm; 0 is never the answer where blocking is forbidden. */
static void disk_out_of_range(struct kunit *test)
{
	struct test_mirror *tm = test->priv;

	start_clean(tm);
	KUNIT_EXPECT_EQ(test, tm->log->type->in_sync(tm->log, U64_MAX, 0), -EWOULDBLOCK);
	KUNIT_EXPECT_EQ(test, tm->log->type->in_sync(tm->log, NR_REGIONS, 0), -EWOULDBLOCK);
	KUNIT_EXPECT_EQ(test, tm->log->type->in_sync(tm->log, NR_REGIONS, 1), 0);
	set_sync(tm, 5, 0);
	KUNIT_EXPECT_EQ(test, tm->log->type->in_sync(tm->log, 5, 0), -EWOULDBLOCK);
	KUNIT_EXPECT_EQ(test, tm->log->type->in_sync(tm->log, 6, 0), 1);
	mark(tm, NR_REGIONS);
	clear(tm, U64_MAX);
	set_sync(tm, NR_REGIONS, 0);
	KUNIT_EXPECT_EQ(test, sync_count(tm), NR_REGIONS - 1);
}

static struct kunit_case dm_log_disk_cases[] = {
	KUNIT_CASE(disk_strings),
	KUNIT_CASE(disk_bad_arguments),
	KUNIT_CASE(disk_too_small),
	KUNIT_CASE(disk_before_resume),
	KUNIT_CASE(disk_new_log),
	KUNIT_CASE(disk_load),
	KUNIT_CASE(disk_version_1),
	KUNIT_CASE(disk_golden_written),
	KUNIT_CASE(disk_golden_read),
	KUNIT_CASE(disk_golden_version_1),
	KUNIT_CASE(disk_lvm_header),
	KUNIT_CASE(disk_large_count),
	KUNIT_CASE(disk_grow_and_shrink),
	KUNIT_CASE(disk_other_region_size),
	KUNIT_CASE(disk_stale_record),
	KUNIT_CASE(disk_other_mirror),
	KUNIT_CASE(disk_mark_before_write),
	KUNIT_CASE(disk_cost),
	KUNIT_CASE(disk_resync_cost),
	KUNIT_CASE(disk_background_cleaning),
	KUNIT_CASE(disk_failure_told_late),
	KUNIT_CASE(disk_no_delay),
	KUNIT_CASE(disk_mark_carries_no_clean),
	KUNIT_CASE(disk_rewrite_during_clean),
	KUNIT_CASE(disk_max_idle),
	KUNIT_CASE(disk_deferred_clean),
	KUNIT_CASE(disk_suspend_cleans),
	KUNIT_CASE(disk_gate),
	KUNIT_CASE(disk_keyword_once),
	KUNIT_CASE(disk_lost_sync_is_committed),
	KUNIT_CASE(disk_leg_flush_fails),
	KUNIT_CASE(disk_leg_write_fails),
	KUNIT_CASE(disk_flush_fails_writes_wait),
	KUNIT_CASE(disk_given_up),
	KUNIT_CASE(disk_write_fails),
	KUNIT_CASE(disk_error_hides_failures),
	KUNIT_CASE(disk_status_after_error),
	KUNIT_CASE(disk_error_without_mark),
	KUNIT_CASE(disk_flush_fails),
	KUNIT_CASE(disk_lost_marks_survive_suspend),
	KUNIT_CASE(disk_first_write_fails),
	KUNIT_CASE(disk_header_last),
	KUNIT_CASE(disk_shrunk_header_retried),
	KUNIT_CASE(disk_resume_flushes),
	KUNIT_CASE(disk_read_retried),
	KUNIT_CASE(disk_unreadable),
	KUNIT_CASE(disk_readable_again),
	KUNIT_CASE(disk_unreadable_marks),
	KUNIT_CASE(disk_marks_outlive_suspend),
	KUNIT_CASE(disk_unreadable_holds),
	KUNIT_CASE(disk_unreadable_unlocked),
	KUNIT_CASE(disk_awaits_recovery),
	KUNIT_CASE(disk_unwritable_holds),
	KUNIT_CASE(disk_unreadable_suspend),
	KUNIT_CASE(disk_unreadable_nosync),
	KUNIT_CASE(disk_unknown_version),
	KUNIT_CASE(disk_read_only),
	KUNIT_CASE(disk_read_only_sync),
	KUNIT_CASE(disk_out_of_range),
	{}
};

static struct kunit_suite dm_log_disk_suite = {
	.name = "dm_log_disk",
	.init = disk_test_init,
	.exit = disk_test_exit,
	.test_cases = dm_log_disk_cases,
};

kunit_test_suite(dm_log_disk_suite);
