// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit tests of the userspace log: the words of its table line, what the daemon is asked
 * when a log is made and destroyed, and the status. The daemon is a part of the test
 * (fake-daemon.h). What is between a log's beginning and its end has suites of its own, in
 * userspace-*_kunit.c.
 */

#include <kunit/test.h>
#include <linux/bitops.h>
#include <linux/dm-dirty-log.h>
#include <linux/limits.h>
#include <linux/string.h>

#include "userspace-test.h"

/*
 * Create and destroy
 */

/* Contract A4: the words, and what becomes of them. */
static void us_arguments(struct kunit *test)
{
	static const struct {
		const char *words;
		const char *table;
		const char *ctr;
	} rows[] = {
		{ "u core 1024", "3 u core 1024 ", "core 1024" },
		{ "u x y", "3 u x y ", "x y" },
		{ "u clustered-disk 253:4 1024 nosync",
		  "5 u clustered-disk 253:4 1024 nosync ",
		  "clustered-disk 253:4 1024 nosync" },
		{ "u integrated_flush core", "3 u integrated_flush core ", "core" },
		{ "u Integrated_FLUSH core 1024",
		  "4 u integrated_flush core 1024 ", "core 1024" },
		{ "u insync_cache core 1024", "4 u insync_cache core 1024 ",
		  "core 1024" },
		{ "u integrated_flush insync_cache disk 253:4 1024",
		  "6 u integrated_flush insync_cache disk 253:4 1024 ",
		  "disk 253:4 1024" },
		/* Only at their places they are ours. */
		{ "u core integrated_flush", "3 u core integrated_flush ",
		  "core integrated_flush" },
		{ "u core insync_cache", "3 u core insync_cache ",
		  "core insync_cache" },
		{ "u clustered-core insync_cache",
		  "3 u clustered-core insync_cache ",
		  "clustered-core insync_cache" },
	};
	struct dm_log_fake_mirror *fm = test->priv;
	char expected[FAKE_STRING];
	int i;

	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		create_log(fm, rows[i].words);
		snprintf(expected, sizeof(expected), "userspace %s", rows[i].table);
		KUNIT_EXPECT_STREQ(test, status(fm, STATUSTYPE_TABLE, FAKE_STRING),
				   expected);
		snprintf(expected, sizeof(expected), LEN " %s", rows[i].ctr);
		KUNIT_EXPECT_STREQ(test, fm->daemon.ctr, expected);
		dm_log_fake_destroy(fm);
		KUNIT_EXPECT_FALSE(test, fm->daemon.known);
	}
}

/* No daemon is asked about a line that is wrong in itself. */
static void us_bad_arguments(struct kunit *test)
{
	static const char * const rows[] = {
		"", "u", "u core", "u integrated_flush", "u insync_cache",
		"u integrated_flush insync_cache",
		/* Other nodes would not tell what they do. */
		"u insync_cache clustered-disk 253:4 1024",
		"u integrated_flush insync_cache clustered-core 1024",
	};
	struct dm_log_fake_mirror *fm = test->priv;
	int i;

	for (i = 0; i < ARRAY_SIZE(rows); i++)
		KUNIT_EXPECT_FALSE_MSG(test, dm_log_fake_create(fm, rows[i]), "%s",
				       rows[i]);
	expect_trace(fm, "");
}

/* 128 characters of uuid, 332 of arguments, and not one more. */
static void us_longest_arguments(struct kunit *test)
{
	struct dm_log_fake_mirror *fm = test->priv;
	char words[FAKE_STRING];
	int i, prefix = strlen(LEN " ");

	for (i = 0; i < 2; i++) {
		memset(words, 'u', 128 + i);
		strscpy(words + 128 + i, " core 1024", 16);
		KUNIT_EXPECT_EQ(test, dm_log_fake_create(fm, words), !i);
		dm_log_fake_destroy(fm);
	}
	expect_trace(fm, "CSD");

	for (i = 0; i < 2; i++) {
		strscpy(words, "u a ", sizeof(words));
		memset(words + 4, 'w', 332 - prefix - 2 + i);
		words[4 + 332 - prefix - 2 + i] = '\0';
		KUNIT_EXPECT_EQ(test, dm_log_fake_create(fm, words), !i);
		KUNIT_EXPECT_EQ(test, strlen(fm->daemon.ctr), 332);
		dm_log_fake_destroy(fm);
	}
	expect_trace(fm, "CSD");
}

/*
 * B67: no word is looked at if there are more than fit into a message: an old dm-mirror
 * passes on a count near 2^32. As many as fit are taken.
 */
static void us_words_without_end(struct kunit *test)
{
	static const unsigned int counts[] = { 170, 1000, INT_MAX, UINT_MAX - 1, UINT_MAX };
	struct dm_log_fake_mirror *fm = test->priv;
	char words[FAKE_STRING] = "u integrated_flush insync_cache";
	size_t at = strlen(words);
	char *argv[1] = { };
	int i;

	for (i = 0; i < ARRAY_SIZE(counts); i++)
		KUNIT_EXPECT_NULL(test, dm_dirty_log_create("userspace", &fm->ti, NULL,
							    counts[i], argv));
	expect_trace(fm, "");

	/* 332 bytes: a length of eight digits, and 162 words of one letter with a blank. */
	for (i = 0; i < 162; i++)
		at += scnprintf(words + at, sizeof(words) - at, " w");
	KUNIT_EXPECT_TRUE(test, dm_log_fake_create(fm, words));
	KUNIT_EXPECT_EQ(test, strlen(fm->daemon.ctr), 332);
	dm_log_fake_destroy(fm);
	expect_trace(fm, "CSD");
}

/* Contract A4: exactly this, in this order. */
static void us_create_traffic(struct kunit *test)
{
	struct dm_log_fake_mirror *fm = test->priv;
	region_t region = 77;

	create_log(fm, WORDS);
	expect_trace(fm, "CS");
	KUNIT_EXPECT_STREQ(test, fm->daemon.ctr,
			   LEN " testd-disk 253:4 1024");
	KUNIT_EXPECT_EQ(test, fm->log->type->get_region_size(fm->log), 1024);

	/* The worker runs before the first resume. */
	__clear_bit(3, fm->daemon.in_sync);
	KUNIT_EXPECT_EQ(test, flush(fm), 0);
	KUNIT_EXPECT_EQ(test, sync_count(fm), 0);
	expect_trace(fm, "");

	KUNIT_EXPECT_EQ(test, resume_log(fm), 0);
	expect_trace(fm, "R");
	KUNIT_EXPECT_EQ(test, resync_work(fm, &region), 0);
	KUNIT_EXPECT_EQ(test, region, 77);
	KUNIT_EXPECT_EQ(test, flush(fm), 0);
	expect_trace(fm, "WN");

	KUNIT_EXPECT_EQ(test, suspend_log(fm), 0);
	expect_trace(fm, "PO");
	dm_log_fake_destroy(fm);
	expect_trace(fm, "D");
}

/* A log that was never resumed: no resume, no legs, no marks. */
static void us_never_resumed(struct kunit *test)
{
	struct dm_log_fake_mirror *fm = test->priv;

	create_log(fm, WORDS);
	forget_trace(&fm->daemon);
	KUNIT_EXPECT_EQ(test, flush(fm), 0);
	KUNIT_EXPECT_EQ(test, suspend_log(fm), 0);
	expect_trace(fm, "");
	dm_log_fake_destroy(fm);
	expect_trace(fm, "D");
}

static void us_no_daemon(struct kunit *test)
{
	struct dm_log_fake_mirror *fm = test->priv;

	fm->daemon.dead = true;
	KUNIT_EXPECT_FALSE(test, dm_log_fake_create(fm, WORDS));
	expect_trace(fm, "");
	/* It tries a few times, and does not wait for one to come. */
	KUNIT_EXPECT_GE(test, fm->daemon.nr_refused, 2);
	KUNIT_EXPECT_LE(test, fm->daemon.nr_refused, 5);
}

/* B8, B32, B34: whatever the daemon says while the log is made. */
static void us_failing_constructor(struct kunit *test)
{
	static const struct {
		const char *what;
		const char *traffic;
		u32 fail;
		s32 error;
		u32 odd;
		size_t odd_size;
		u64 odd_reply;
		const char *device;
		size_t device_size;
		u64 region_sectors;
	} rows[] = {
		{ "refused", "C", .fail = DM_ULOG_CTR, .error = -EINVAL },
		{ "refused with a positive error", "C", .fail = DM_ULOG_CTR,
		  .error = ENODEV },
		/* The daemon has the log, and will have it for ever. */
		{ "a device's name without a NUL", "CSD", .device = "/dev/a",
		  .device_size = 6 },
		{ "a device's name with a NUL inside", "CSD", .device = "/dev/a\0b",
		  .device_size = 9 },
		{ "a device that is not there", "CSD", .device = "/dev/nonexistent",
		  .device_size = 17 },
		{ "a device's name that is too long", "CD",
		  .device_size = 129 },
		{ "no region size", "CSD", .fail = DM_ULOG_GET_REGION_SIZE,
		  .error = -EIO },
		{ "an empty region size", "CSD", .odd = DM_ULOG_GET_REGION_SIZE },
		{ "a short region size", "CSD", .odd = DM_ULOG_GET_REGION_SIZE,
		  .odd_size = 4, .odd_reply = 0x0000040000000400 },
		{ "a long region size", "CSD", .odd = DM_ULOG_GET_REGION_SIZE,
		  .odd_size = 16, .odd_reply = 1024 },
		{ "region size 0", "CSD", .odd = DM_ULOG_GET_REGION_SIZE,
		  .odd_size = 8 },
		{ "region size 1", "CSD", .region_sectors = 1 },
		{ "region size 3000", "CSD", .region_sectors = 3000 },
		{ "region size 2^32", "CSD", .region_sectors = BIT_ULL(32) },
		{ "region size 2^32 + 1024", "CSD",
		  .region_sectors = BIT_ULL(32) + 1024 },
		{ "region size 2^63", "CSD", .region_sectors = BIT_ULL(63) },
		{ "a region larger than the target", "CSD",
		  .region_sectors = BIT_ULL(24) },
	};
	struct dm_log_fake_mirror *fm = test->priv;
	struct dm_log_fake_daemon *daemon = &fm->daemon;
	int i;

	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		daemon->error = rows[i].error;
		daemon->fail[rows[i].fail] = rows[i].fail != 0;
		daemon->odd[rows[i].odd] = rows[i].odd != 0;
		daemon->odd_size = rows[i].odd_size;
		daemon->odd_reply[0] = rows[i].odd_reply;
		daemon->region_sectors = rows[i].region_sectors ?: 1024;
		daemon->ctr_reply_size = rows[i].device_size;
		if (rows[i].device)
			memcpy(daemon->ctr_reply, rows[i].device, rows[i].device_size);

		KUNIT_EXPECT_FALSE_MSG(test, dm_log_fake_create(fm, WORDS), "%s",
				       rows[i].what);
		KUNIT_EXPECT_EQ_MSG(test, strcmp(daemon->trace, rows[i].traffic), 0,
				    "%s: %s", rows[i].what, daemon->trace);
		KUNIT_EXPECT_FALSE_MSG(test, daemon->known, "%s", rows[i].what);
		dm_log_fake_destroy(fm);
		dm_log_fake_forgive(daemon);
		daemon->known = false;
		forget_trace(daemon);
	}
}

/* The answer to CTR is lost, and then the daemon has the log already. */
static void us_ctr_answer_lost(struct kunit *test)
{
	struct dm_log_fake_mirror *fm = test->priv;

	fm->daemon.mute[DM_ULOG_CTR] = 1;
	create_log(fm, WORDS);
	expect_trace(fm, "CCDCS");
	KUNIT_EXPECT_TRUE(test, fm->daemon.known);
}

/* B32: nobody knows whether the daemon has the log: it is told to forget it. */
static void us_ctr_never_answered(struct kunit *test)
{
	struct dm_log_fake_mirror *fm = test->priv;

	fm->daemon.mute[DM_ULOG_CTR] = 4;
	KUNIT_EXPECT_FALSE(test, dm_log_fake_create(fm, WORDS));
	KUNIT_EXPECT_FALSE(test, fm->daemon.known);
}

/* B32: the log's end is told also if it was in doubt whether the daemon knows it. */
static void us_dtr_of_stale_log(struct kunit *test)
{
	struct dm_log_fake_mirror *fm = start(test, WORDS);

	KUNIT_EXPECT_EQ(test, suspend_log(fm), 0);
	dm_ulog_released(fm->daemon.portid);
	forget_trace(&fm->daemon);
	dm_log_fake_destroy(fm);
	expect_trace(fm, "D");
	KUNIT_EXPECT_FALSE(test, fm->daemon.known);
}

/*
 * Status
 */

/* B30, B38: the daemon's string, as far as there is room for it. */
static void us_status_strings(struct kunit *test)
{
	struct dm_log_fake_mirror *fm = start(test, WORDS);
	struct dm_log_fake_daemon *daemon = &fm->daemon;

	daemon->status = "3 clustered-disk 253:2 Arubbish";
	daemon->status_size = strlen("3 clustered-disk 253:2 A");
	KUNIT_EXPECT_STREQ(test, status(fm, STATUSTYPE_INFO, 256),
			   "3 clustered-disk 253:2 A");
	daemon->status_size = strlen("3 clustered-disk") + 1;
	KUNIT_EXPECT_STREQ(test, status(fm, STATUSTYPE_INFO, 256),
			   "3 clustered-disk ");
	KUNIT_EXPECT_STREQ(test, status(fm, STATUSTYPE_INFO, 10), "3 cluster");
	KUNIT_EXPECT_STREQ(test, status(fm, STATUSTYPE_INFO, 1), "");
	daemon->status_size = 0;
	KUNIT_EXPECT_STREQ(test, status(fm, STATUSTYPE_INFO, 256),
			   "userspace 1 COM_FAILURE");
	daemon->fail[DM_ULOG_STATUS_INFO] = 2;
	KUNIT_EXPECT_STREQ(test, status(fm, STATUSTYPE_INFO, 256),
			   "userspace 1 COM_FAILURE");
	KUNIT_EXPECT_STREQ(test, status(fm, STATUSTYPE_INFO, 12), "userspace 1");
	forget_trace(daemon);
	KUNIT_EXPECT_STREQ(test, status(fm, STATUSTYPE_IMA, 256), "");
	KUNIT_EXPECT_STREQ(test, status(fm, STATUSTYPE_TABLE, 256),
			   "userspace 4 LVM-uuid testd-disk 253:4 1024 ");
	KUNIT_EXPECT_STREQ(test, status(fm, STATUSTYPE_TABLE, 12), "userspace 4");
	expect_trace(fm, "");
}

/* B20: a status does not wait for a daemon that is known to be gone. */
static void us_status_without_daemon(struct kunit *test)
{
	struct dm_log_fake_mirror *fm = start(test, WORDS);

	fm->daemon.dead = true;
	dm_ulog_released(fm->daemon.portid);
	KUNIT_EXPECT_STREQ(test, status(fm, STATUSTYPE_INFO, 256),
			   "userspace 1 COM_FAILURE");
	KUNIT_EXPECT_EQ(test, sync_count(fm), 0);
	/* No attempts for a second, or for fifteen. */
	KUNIT_EXPECT_LE(test, fm->daemon.nr_refused, 4);
}

static struct kunit_case dm_log_userspace_cases[] = {
	KUNIT_CASE(us_arguments),
	KUNIT_CASE(us_bad_arguments),
	KUNIT_CASE(us_longest_arguments),
	KUNIT_CASE(us_words_without_end),
	KUNIT_CASE(us_create_traffic),
	KUNIT_CASE(us_never_resumed),
	KUNIT_CASE(us_no_daemon),
	KUNIT_CASE(us_failing_constructor),
	KUNIT_CASE(us_ctr_answer_lost),
	KUNIT_CASE_SLOW(us_ctr_never_answered),
	KUNIT_CASE(us_status_strings),
	KUNIT_CASE(us_status_without_daemon),
	KUNIT_CASE(us_dtr_of_stale_log),
	{}
};

static struct kunit_suite dm_log_userspace_suite = {
	.name = "dm_log_userspace",
	.init = us_test_init,
	.exit = us_test_exit,
	.test_cases = dm_log_userspace_cases,
};

kunit_test_suite(dm_log_userspace_suite);
