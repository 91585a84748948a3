// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit tests of the record that says whose log it is: its bytes, when it is
 * believed, and what it leaves alone. The log is read and written by the real store
 * on a device in memory; all regions are clean at first, so that a log which is
 * believed has all regions in sync.
 */

#include <kunit/test.h>
#include <linux/string.h>
#include <linux/unaligned.h>

#include "../regions.h"
#include "../store.h"
#include "fake-dev.h"

#define MAGIC		0x4D695272
#define NR_REGIONS	10000
#define REGION_SECTORS	1024
#define LOG_SECTORS	8
#define RECORD		16
#define RECORD_SHORT_END 40
#define RECORD_END	172

#define VG1		"LVM-vvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvv"
#define VG2		"LVM-wwwwwwwwwwwwwwwwwwwwwwwwwwwwwwww"
#define LV1		"llllllllllllllllllllllllllllllll"
#define LV2		"mmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmm"
#define UUID64		"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

/* With @kept: what the device had, or should have; too much for a small stack. */
struct record_log {
	struct dm_log_fake_dev *fake;
	struct dm_regions regions;
	struct dm_log_store store;
	u8 kept[1024];
};

static void close_log(struct record_log *log)
{
	dm_log_store_exit(&log->store);
	dm_regions_exit(&log->regions);
}

static int record_init(struct kunit *test)
{
	struct record_log *log = kunit_kzalloc(test, sizeof(*log), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, log);
	log->fake = dm_log_fake_dev_new(test, LOG_SECTORS, 1);
	test->priv = log;
	return 0;
}

static void record_exit(struct kunit *test)
{
	close_log(test->priv);
}

/* Make everything between header and bits @fill, and all regions clean. */
static void put_clean_log(struct record_log *log, u8 fill)
{
	u64 region;

	memset(log->fake->data, fill, 1024);
	dm_log_fake_dev_header(log->fake, MAGIC, 2, NR_REGIONS);
	for (region = 0; region < NR_REGIONS; region++)
		dm_log_fake_dev_set_bit(log->fake, region, true);
}

/* A table is loaded. */
static void open_log(struct kunit *test, const char *uuid, u32 region_sectors)
{
	struct record_log *log = test->priv;

	close_log(log);
	KUNIT_ASSERT_EQ(test, dm_regions_init(&log->regions, NR_REGIONS,
					      DM_REGION_NOSYNC, true), 0);
	KUNIT_ASSERT_EQ(test, dm_log_store_init(&log->store, &log->fake->dev,
						&log->regions, region_sectors), 0);
	strscpy(log->store.owner.uuid, uuid, sizeof(log->store.owner.uuid));
}

/* ... and goes live: the number of regions in sync. */
static u64 resume_log(struct kunit *test, enum dm_log_load load)
{
	struct record_log *log = test->priv;

	KUNIT_EXPECT_EQ(test, dm_log_store_resume(&log->store, load), 0);
	return dm_regions_sync_count(&log->regions);
}

static u64 use_log(struct kunit *test, const char *uuid)
{
	open_log(test, uuid, REGION_SECTORS);
	return resume_log(test, DM_LOG_LOAD);
}

/* The device holds a clean log of ours that belongs to the mirror @uuid. */
static struct record_log *start_with(struct kunit *test, const char *uuid)
{
	struct record_log *log = test->priv;

	put_clean_log(log, 0);
	KUNIT_ASSERT_EQ(test, use_log(test, uuid), NR_REGIONS);
	return log;
}

static void expect_bytes(struct kunit *test, const char *uuid, u32 crc)
{
	struct record_log *log = test->priv;
	u8 expected[RECORD_END - RECORD] = "DLOGRege\x10\x27\0\0\0\0\0\0"
					   "\0\x04\0\0\x9c\0\0\0";

	memcpy(expected + 24, uuid, strlen(uuid));
	put_unaligned_le32(crc, expected + 152);
	KUNIT_EXPECT_MEMEQ(test, log->fake->data + RECORD, expected, sizeof(expected));
}

/* The checksums are zlib's, computed elsewhere. Nothing else is touched. */
static void record_bytes(struct kunit *test)
{
	static const u8 fills[] = { 0, 0xff };
	struct record_log *log = test->priv;
	int i, j;

	for (i = 0; i < ARRAY_SIZE(fills); i++) {
		put_clean_log(log, fills[i]);
		KUNIT_EXPECT_EQ(test, use_log(test, VG1 LV1), NR_REGIONS);
		expect_bytes(test, VG1 LV1, 0xa5b0c84d);
		for (j = RECORD_END; j < 1024; j++)
			KUNIT_ASSERT_EQ(test, log->fake->data[j], fills[i]);
	}

	KUNIT_EXPECT_EQ(test, use_log(test, ""), NR_REGIONS);
	expect_bytes(test, "", 0x054007e0);

	/* The longest that device-mapper allows fills its place. */
	KUNIT_EXPECT_EQ(test, use_log(test, UUID64 UUID64), NR_REGIONS);
	expect_bytes(test, UUID64 UUID64, 0xea613d91);

	/* Bits share the block. */
	log->fake->dev.block_sectors = 8;
	put_clean_log(log, 0);
	KUNIT_EXPECT_EQ(test, use_log(test, VG1 LV1), NR_REGIONS);
	expect_bytes(test, VG1 LV1, 0xa5b0c84d);
	KUNIT_EXPECT_EQ(test, use_log(test, VG2 LV2), 0);
	expect_bytes(test, VG2 LV2, 0x265e7640);
}

struct uuid_case {
	const char *desc;
	const char *recorded;
	const char *wanted;
	bool same;
};

static const struct uuid_case uuid_cases[] = {
	{ "the same", "mirror-1", "mirror-1", true },
	{ "another", "mirror-1", "mirror-2", false },
	{ "shorter", "mirror-1", "mirror-", false },
	{ "longer", "mirror-1", "mirror-10", false },
	{ "the longest", UUID64 UUID64, UUID64 UUID64, true },
	{ "differs in the last of 128", UUID64 UUID64,
	  UUID64 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdeg",
	  false },
	{ "none, then one", "", "mirror-1", true },
	{ "one, then none", "mirror-1", "", true },
	{ "none at all", "", "", true },
	{ "LVM: the same", VG1 LV1, VG1 LV1, true },
	{ "LVM: a layer in the group", VG1 LV1, VG1 LV2, true },
	{ "LVM: vgsplit", VG1 LV1, VG2 LV1, true },
	{ "LVM: another", VG1 LV1, VG2 LV2, false },
	{ "LVM: halves exchanged", "LVM-" LV1 LV2, "LVM-" LV2 LV1, false },
	{ "LVM: the same with a suffix", VG1 LV1, VG1 LV1 "-real", true },
	{ "LVM: a layer with a suffix", VG1 LV1 "-real", VG1 LV2 "-cow", true },
	{ "LVM: another with the same suffix", VG1 LV1 "-real", VG2 LV2 "-real", false },
	{ "LVM and another program", VG1 LV1, "mirror-1", false },
	{ "like LVM's, but too long", VG1 LV1 "x", VG1 LV2 "x", false },
	{ "like LVM's, but too short", VG1, VG1 "l", false },
	{ "like LVM's, but another prefix", "LWM-" LV1 LV1, "LWM-" LV1 LV2, false },
};

KUNIT_ARRAY_PARAM_DESC(uuid, uuid_cases, desc);

static void record_uuid(struct kunit *test)
{
	const struct uuid_case *c = test->param_value;

	start_with(test, c->recorded);
	KUNIT_EXPECT_EQ(test, use_log(test, c->wanted), c->same ? NR_REGIONS : 0);
	/* Out of sync on the device, too; and from now on it is this mirror's. */
	KUNIT_EXPECT_EQ(test, use_log(test, c->wanted), c->same ? NR_REGIONS : 0);
	KUNIT_EXPECT_EQ(test, resume_log(test, DM_LOG_ALL_CLEAN), NR_REGIONS);
	KUNIT_EXPECT_EQ(test, use_log(test, c->wanted), NR_REGIONS);
	KUNIT_EXPECT_EQ(test, use_log(test, c->recorded), c->same ? NR_REGIONS : 0);
}

static void record_region_size(struct kunit *test)
{
	start_with(test, "mirror-1");
	open_log(test, "mirror-1", REGION_SECTORS / 2);
	KUNIT_EXPECT_EQ(test, resume_log(test, DM_LOG_LOAD), 0);
	KUNIT_EXPECT_EQ(test, resume_log(test, DM_LOG_ALL_CLEAN), NR_REGIONS);
	open_log(test, "mirror-1", REGION_SECTORS / 2);
	KUNIT_EXPECT_EQ(test, resume_log(test, DM_LOG_LOAD), NR_REGIONS);
	KUNIT_EXPECT_EQ(test, use_log(test, "mirror-1"), 0);
}

/* Whoever changes the header knows better, but not if only the bits change. */
static void record_other_writer(struct kunit *test)
{
	struct record_log *log = start_with(test, "mirror-1");

	dm_log_fake_dev_header(log->fake, MAGIC, 2, NR_REGIONS - 1);
	KUNIT_EXPECT_EQ(test, use_log(test, "mirror-2"), NR_REGIONS - 1);

	/* LVM begins a log, and has not overwritten the record. */
	log = start_with(test, "mirror-1");
	dm_log_fake_dev_header(log->fake, MAGIC, 2, U64_MAX);
	KUNIT_EXPECT_EQ(test, use_log(test, "mirror-2"), NR_REGIONS);

	log = start_with(test, "mirror-1");
	dm_log_fake_dev_set_bit(log->fake, 77, false);
	KUNIT_EXPECT_EQ(test, use_log(test, "mirror-1"), NR_REGIONS - 1);
	KUNIT_EXPECT_EQ(test, use_log(test, "mirror-2"), 0);
}

/*
 * A record with any byte changed says nothing, and is replaced; unless it is not to
 * be recognised any more: then it is somebody else's.
 */
static void record_damaged(struct kunit *test)
{
	struct record_log *log = test->priv;
	int i;

	for (i = RECORD; i < RECORD_END; i++) {
		start_with(test, "mirror-1");
		log->fake->data[i] ^= 0x55;
		memcpy(log->kept, log->fake->data, sizeof(log->kept));
		KUNIT_ASSERT_EQ(test, use_log(test, "mirror-2"), NR_REGIONS);
		if (i < RECORD + 8)
			KUNIT_ASSERT_MEMEQ(test, log->fake->data, log->kept,
					   sizeof(log->kept));
		else
			KUNIT_ASSERT_EQ(test, use_log(test, "mirror-1"), 0);
	}
}

static void put_short_record(struct record_log *log, u32 region_sectors)
{
	u8 *at = log->fake->data + RECORD;

	memcpy(at, "DLOGRege", 8);
	put_unaligned_le64(NR_REGIONS, at + 8);
	put_unaligned_le32(region_sectors, at + 16);
	put_unaligned_le32(0, at + 20);
}

/* A log that an earlier version wrote: of another size, or anybody's. */
static void record_short(struct kunit *test)
{
	static const u8 fills[] = { 0, 0xff };
	struct record_log *log = test->priv;
	int i;

	for (i = 0; i < ARRAY_SIZE(fills); i++) {
		put_clean_log(log, fills[i]);
		put_short_record(log, REGION_SECTORS * 2);
		KUNIT_EXPECT_EQ(test, use_log(test, VG1 LV1), 0);
		expect_bytes(test, VG1 LV1, 0xa5b0c84d);

		put_clean_log(log, fills[i]);
		put_short_record(log, REGION_SECTORS);
		KUNIT_EXPECT_EQ(test, use_log(test, VG1 LV1), NR_REGIONS);
		expect_bytes(test, VG1 LV1, 0xa5b0c84d);
		KUNIT_EXPECT_EQ(test, log->fake->data[RECORD_END], fills[i]);
	}
}

/* Where only the short form has room it tells the region size. */
static void record_short_kept(struct kunit *test)
{
	struct record_log *log = test->priv;
	int i;

	for (i = RECORD_SHORT_END; i < RECORD_END; i++) {
		put_clean_log(log, 0);
		log->fake->data[i] = 'x';
		memcpy(log->kept, log->fake->data, sizeof(log->kept));
		KUNIT_ASSERT_EQ(test, use_log(test, "mirror-1"), NR_REGIONS);
		memcpy(log->kept + RECORD, "DLOGRege\x10\x27\0\0\0\0\0\0\0\x04\0\0\0\0\0\0", 24);
		KUNIT_ASSERT_MEMEQ(test, log->fake->data, log->kept, sizeof(log->kept));

		KUNIT_ASSERT_EQ(test, use_log(test, "mirror-2"), NR_REGIONS);
		KUNIT_ASSERT_MEMEQ(test, log->fake->data, log->kept, sizeof(log->kept));
		open_log(test, "mirror-2", 4096);
		KUNIT_ASSERT_EQ(test, resume_log(test, DM_LOG_LOAD), 0);
		log->kept[RECORD + 17] = 0x10;
		KUNIT_ASSERT_MEMEQ(test, log->fake->data, log->kept, sizeof(log->kept));
	}
}

/* Bytes that are not ours are neither read as a record nor written. */
static void record_no_room(struct kunit *test)
{
	struct record_log *log = test->priv;
	int i;

	for (i = RECORD; i < RECORD_SHORT_END; i++) {
		put_clean_log(log, i % 2 ? 0 : 0xff);
		log->fake->data[i] = 'x';
		memcpy(log->kept, log->fake->data, sizeof(log->kept));
		KUNIT_ASSERT_EQ(test, use_log(test, "mirror-1"), NR_REGIONS);
		KUNIT_ASSERT_EQ(test, use_log(test, "mirror-2"), NR_REGIONS);
		KUNIT_ASSERT_MEMEQ(test, log->fake->data, log->kept, sizeof(log->kept));
	}

	put_clean_log(log, 'x');
	memcpy(log->kept, log->fake->data, sizeof(log->kept));
	KUNIT_EXPECT_EQ(test, use_log(test, "mirror-1"), NR_REGIONS);
	KUNIT_EXPECT_MEMEQ(test, log->fake->data, log->kept, sizeof(log->kept));
}

/* "sync" and "nosync" begin a new log, whoever had it before. */
static void record_keyword(struct kunit *test)
{
	start_with(test, "mirror-1");
	open_log(test, "mirror-2", REGION_SECTORS);
	KUNIT_EXPECT_EQ(test, resume_log(test, DM_LOG_ALL_CLEAN), NR_REGIONS);
	KUNIT_EXPECT_EQ(test, use_log(test, "mirror-2"), NR_REGIONS);

	open_log(test, "mirror-3", REGION_SECTORS);
	KUNIT_EXPECT_EQ(test, resume_log(test, DM_LOG_ALL_NOSYNC), 0);
	KUNIT_EXPECT_EQ(test, resume_log(test, DM_LOG_ALL_CLEAN), NR_REGIONS);
	KUNIT_EXPECT_EQ(test, use_log(test, "mirror-3"), NR_REGIONS);
	KUNIT_EXPECT_EQ(test, use_log(test, "mirror-2"), 0);
}

/* After the two reads of a log's ends, which succeed. */
static void fail_bits(struct dm_log_fake_dev *fake, bool write)
{
	unsigned int *nr_reads = fake->private;

	if (!write && (*nr_reads)++ >= 2)
		fake->fail_reads = 1;
}

/* What "nosync" drops: what the log says of this mirror's regions, and no more. */
static void record_dropped(struct kunit *test)
{
	struct record_log *log = start_with(test, "mirror-1");
	unsigned int nr_reads = 0;

	dm_log_fake_dev_set_bit(log->fake, 0, false);
	dm_log_fake_dev_set_bit(log->fake, 4096, false);
	dm_log_fake_dev_set_bit(log->fake, NR_REGIONS - 1, false);

	open_log(test, "mirror-2", REGION_SECTORS);
	resume_log(test, DM_LOG_ALL_CLEAN);
	KUNIT_EXPECT_EQ(test, log->store.nr_dropped, 0);

	/* What the header does not vouch for, the log says nothing of. */
	start_with(test, "mirror-1");
	dm_log_fake_dev_set_bit(log->fake, 5, false);
	dm_log_fake_dev_set_bit(log->fake, 4999, false);
	dm_log_fake_dev_set_bit(log->fake, 5000, false);
	dm_log_fake_dev_header(log->fake, MAGIC, 2, 5000);
	open_log(test, "mirror-1", REGION_SECTORS);
	resume_log(test, DM_LOG_ALL_CLEAN);
	KUNIT_EXPECT_EQ(test, log->store.nr_dropped, 2);

	/* Now it is all clean; as one that LVM has prepared is. */
	open_log(test, "mirror-1", REGION_SECTORS);
	resume_log(test, DM_LOG_ALL_CLEAN);
	KUNIT_EXPECT_EQ(test, log->store.nr_dropped, 0);
	put_clean_log(log, 0xff);
	dm_log_fake_dev_header(log->fake, MAGIC, 2, U64_MAX);
	dm_log_fake_dev_set_bit(log->fake, 77, false);
	open_log(test, "mirror-1", REGION_SECTORS);
	resume_log(test, DM_LOG_ALL_CLEAN);
	KUNIT_EXPECT_EQ(test, log->store.nr_dropped, 1);

	/* No log, another version, or bits that cannot be read: nothing is known. */
	dm_log_fake_dev_set_bit(log->fake, 77, false);
	dm_log_fake_dev_header(log->fake, MAGIC, 3, NR_REGIONS);
	open_log(test, "mirror-1", REGION_SECTORS);
	KUNIT_EXPECT_EQ(test, resume_log(test, DM_LOG_ALL_CLEAN), NR_REGIONS);
	KUNIT_EXPECT_EQ(test, log->store.nr_dropped, 0);
	dm_log_fake_dev_set_bit(log->fake, 77, false);
	dm_log_fake_dev_header(log->fake, 0, 2, NR_REGIONS);
	open_log(test, "mirror-1", REGION_SECTORS);
	resume_log(test, DM_LOG_ALL_CLEAN);
	KUNIT_EXPECT_EQ(test, log->store.nr_dropped, 0);
	dm_log_fake_dev_set_bit(log->fake, 77, false);
	log->fake->before_io = fail_bits;
	log->fake->private = &nr_reads;
	open_log(test, "mirror-1", REGION_SECTORS);
	KUNIT_EXPECT_EQ(test, resume_log(test, DM_LOG_ALL_CLEAN), NR_REGIONS);
	KUNIT_EXPECT_EQ(test, log->store.nr_dropped, 0);
	KUNIT_EXPECT_TRUE(test, dm_log_fake_dev_bit(log->fake, 77));
	KUNIT_EXPECT_GT(test, nr_reads, 2);
}

/* The power is cut after so many writes: all that follow fail. */
static void cut_power(struct dm_log_fake_dev *fake, bool write)
{
	unsigned int *left = fake->private;

	if (write && *left)
		(*left)--;
	else if (write)
		fake->fail_writes = 1;
}

/*
 * Another mirror takes over the log, with all regions clean or not, and the power is cut at
 * any moment: the one whose log it was never finds clean what it had marked.
 */
static void record_taken_in_parts(struct kunit *test)
{
	static const enum dm_log_load loads[] = {
		DM_LOG_LOAD, DM_LOG_ALL_NOSYNC, DM_LOG_ALL_CLEAN,
	};
	struct record_log *log;
	unsigned int i, cut, left;

	for (i = 0; i < ARRAY_SIZE(loads); i++) {
		for (cut = 0, left = 0; !left; cut++) {
			log = start_with(test, VG1 LV1);
			dm_regions_mark(&log->regions, 5);
			dm_regions_mark(&log->regions, 9999);
			KUNIT_EXPECT_EQ(test, dm_log_store_commit(&log->store), 0);

			left = cut;
			log->fake->private = &left;
			log->fake->before_io = cut_power;
			open_log(test, VG2 LV2, REGION_SECTORS);
			dm_log_store_resume(&log->store, loads[i]);
			log->fake->before_io = NULL;
			log->fake->fail_writes = 0;

			use_log(test, VG1 LV1);
			KUNIT_EXPECT_FALSE(test, dm_regions_in_sync(&log->regions, 5));
			KUNIT_EXPECT_FALSE(test, dm_regions_in_sync(&log->regions, 9999));
		}
		KUNIT_EXPECT_GT(test, cut, 2);
	}
}

/* A later resume finds its own record, also if the UUID was given in between. */
static void record_resume_again(struct kunit *test)
{
	struct record_log *log = start_with(test, "mirror-1");

	KUNIT_EXPECT_EQ(test, resume_log(test, DM_LOG_MERGE), NR_REGIONS);

	log = start_with(test, "");
	strscpy(log->store.owner.uuid, "mirror-1", sizeof(log->store.owner.uuid));
	KUNIT_EXPECT_EQ(test, resume_log(test, DM_LOG_MERGE), NR_REGIONS);
	KUNIT_EXPECT_EQ(test, resume_log(test, DM_LOG_MERGE), NR_REGIONS);
	KUNIT_EXPECT_EQ(test, use_log(test, "mirror-2"), 0);
}

static void record_read_only(struct kunit *test)
{
	struct record_log *log = start_with(test, "mirror-1");
	u64 writes = log->fake->nr_writes;

	log->fake->dev.read_only = true;
	KUNIT_EXPECT_EQ(test, use_log(test, "mirror-2"), 0);
	KUNIT_EXPECT_EQ(test, use_log(test, "mirror-1"), NR_REGIONS);
	KUNIT_EXPECT_EQ(test, log->fake->nr_writes, writes);
}

/*
 * As long as the bits on the device are the old mirror's, so is the record: a log
 * is taken over as a whole, or not.
 */
static void record_last(struct kunit *test)
{
	struct record_log *log = start_with(test, "mirror-1");

	open_log(test, "mirror-2", REGION_SECTORS);
	log->fake->fail_writes = 1;
	KUNIT_EXPECT_EQ(test, dm_log_store_resume(&log->store, DM_LOG_LOAD), -EIO);
	KUNIT_EXPECT_EQ(test, use_log(test, "mirror-1"), NR_REGIONS);

	/* The bits are written, the header is not. */
	open_log(test, "mirror-2", REGION_SECTORS);
	log->fake->fail_flushes = 1;
	KUNIT_EXPECT_EQ(test, dm_log_store_resume(&log->store, DM_LOG_LOAD), -EIO);
	KUNIT_EXPECT_FALSE(test, dm_log_fake_dev_bit(log->fake, 0));
	KUNIT_EXPECT_EQ(test, use_log(test, "mirror-1"), 0);

	/* They share a block, and the first sector arrives, but not all bits do. */
	log->fake->dev.block_sectors = 8;
	start_with(test, "mirror-1");
	open_log(test, "mirror-2", REGION_SECTORS);
	log->fake->fail_writes = 1;
	log->fake->torn = true;
	KUNIT_EXPECT_EQ(test, dm_log_store_resume(&log->store, DM_LOG_LOAD), -EIO);
	KUNIT_EXPECT_FALSE(test, dm_log_fake_dev_bit(log->fake, 0));
	KUNIT_EXPECT_TRUE(test, dm_log_fake_dev_bit(log->fake, 4096));
	KUNIT_EXPECT_EQ(test, use_log(test, "mirror-2"), 0);
}

static void record_unreadable(struct kunit *test)
{
	struct record_log *log = start_with(test, "mirror-1");

	open_log(test, "mirror-2", REGION_SECTORS);
	log->fake->fail_reads = 3;
	KUNIT_EXPECT_EQ(test, dm_log_store_resume(&log->store, DM_LOG_LOAD), -EIO);
	KUNIT_EXPECT_EQ(test, dm_log_store_probe(&log->store), 0);
	KUNIT_EXPECT_EQ(test, dm_log_store_reopen(&log->store), 0);
	KUNIT_EXPECT_EQ(test, use_log(test, "mirror-2"), 0);
	KUNIT_EXPECT_EQ(test, resume_log(test, DM_LOG_ALL_CLEAN), NR_REGIONS);
	KUNIT_EXPECT_EQ(test, use_log(test, "mirror-2"), NR_REGIONS);
}

static struct kunit_case dm_log_record_cases[] = {
	KUNIT_CASE(record_bytes),
	KUNIT_CASE_PARAM(record_uuid, uuid_gen_params),
	KUNIT_CASE(record_region_size),
	KUNIT_CASE(record_other_writer),
	KUNIT_CASE(record_damaged),
	KUNIT_CASE(record_short),
	KUNIT_CASE(record_short_kept),
	KUNIT_CASE(record_no_room),
	KUNIT_CASE(record_keyword),
	KUNIT_CASE(record_dropped),
	KUNIT_CASE(record_taken_in_parts),
	KUNIT_CASE(record_resume_again),
	KUNIT_CASE(record_read_only),
	KUNIT_CASE(record_last),
	KUNIT_CASE(record_unreadable),
	{}
};

static struct kunit_suite dm_log_record_suite = {
	.name = "dm_log_record",
	.init = record_init,
	.exit = record_exit,
	.test_cases = dm_log_record_cases,
};

kunit_test_suite(dm_log_record_suite);
