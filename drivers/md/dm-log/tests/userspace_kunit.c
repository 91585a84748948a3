// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit tests of the userspace log: the whole type, through its operations, with
 * a daemon that is a part of the test. What the daemon is asked is compared as a
 * string with a letter for each request, see fake-daemon.c. "B" numbers are
 * points of the contract at which the stock library is wrong.
 */

#include <kunit/test.h>
#include <linux/bitmap.h>
#include <linux/bitops.h>
#include <linux/delay.h>
#include <linux/dm-dirty-log.h>
#include <linux/err.h>
#include <linux/jiffies.h>
#include <linux/reboot.h>
#include <linux/sched.h>
#include <linux/string.h>
#include <linux/workqueue.h>

#include "../common.h"
#include "../private.h"
#include "../userspace.h"
#include "fake-daemon.h"

#define NR		FAKE_REGIONS
#define LEN		"10240000"	/* NR regions of 1024 sectors */
#define WORDS		"LVM-uuid testd-disk 253:4 1024"
#define CLUSTER		"LVM-uuid clustered-disk 253:4 1024"

static int us_test_init(struct kunit *test)
{
	return dm_log_fake_mirror_init(test, sizeof(struct dm_log_fake_mirror));
}

static void us_test_exit(struct kunit *test)
{
	dm_log_fake_mirror_exit(test->priv);
}

static void forget_trace(struct dm_log_fake_daemon *daemon)
{
	memset(daemon->trace, 0, sizeof(daemon->trace));
	daemon->traced = 0;
	daemon->lost_trace = 0;
}

/* What has been asked since the last time? */
static void expect_trace_at(struct dm_log_fake_mirror *fm, const char *expected, int line)
{
	KUNIT_EXPECT_STREQ_MSG(fm->test, fm->daemon.trace, expected, "line %d", line);
	KUNIT_EXPECT_EQ(fm->test, fm->daemon.lost_trace, 0);
	forget_trace(&fm->daemon);
}

#define expect_trace(fm, expected)	expect_trace_at(fm, expected, __LINE__)

static void create_log(struct dm_log_fake_mirror *fm, const char *words)
{
	KUNIT_ASSERT_TRUE(fm->test, dm_log_fake_create(fm, words));
}

static int resume_log(struct dm_log_fake_mirror *fm)
{
	return fm->log->type->resume(fm->log);
}

static int suspend_log(struct dm_log_fake_mirror *fm)
{
	fm->log->type->presuspend(fm->log);
	return fm->log->type->postsuspend(fm->log);
}

/* Created and resumed, and nothing to be seen of it. */
static struct dm_log_fake_mirror *start(struct kunit *test, const char *words)
{
	struct dm_log_fake_mirror *fm = test->priv;

	create_log(fm, words);
	KUNIT_ASSERT_EQ(test, resume_log(fm), 0);
	forget_trace(&fm->daemon);
	return fm;
}

static void mark(struct dm_log_fake_mirror *fm, u64 region)
{
	fm->log->type->mark_region(fm->log, region);
}

static void clear(struct dm_log_fake_mirror *fm, u64 region)
{
	fm->log->type->clear_region(fm->log, region);
}

/* The first flush of a pass, or one of a pass without a write. */
static int flush_idle(struct dm_log_fake_mirror *fm)
{
	return fm->log->type->flush(fm->log);
}

/* That of a pass in which is_remote_recovering() has let a write go. */
static int flush(struct dm_log_fake_mirror *fm)
{
	to_us_log(fm->log)->sync.let_go = true;
	return fm->log->type->flush(fm->log);
}

static void set_sync(struct dm_log_fake_mirror *fm, u64 region, int in_sync)
{
	fm->log->type->set_region_sync(fm->log, region, in_sync);
}

static int in_sync(struct dm_log_fake_mirror *fm, u64 region)
{
	return fm->log->type->in_sync(fm->log, region, 1);
}

static int in_sync_now(struct dm_log_fake_mirror *fm, u64 region)
{
	return fm->log->type->in_sync(fm->log, region, 0);
}

static int busy(struct dm_log_fake_mirror *fm, u64 region)
{
	return fm->log->type->is_remote_recovering(fm->log, region);
}

static u64 sync_count(struct dm_log_fake_mirror *fm)
{
	return fm->log->type->get_sync_count(fm->log);
}

static int resync_work(struct dm_log_fake_mirror *fm, region_t *region)
{
	return fm->log->type->get_resync_work(fm->log, region);
}

/* A region is copied, whether the daemon would have chosen it or not. */
static void recover(struct dm_log_fake_mirror *fm, u64 region)
{
	struct us_log *us = to_us_log(fm->log);

	dm_regions_offer(&us->cache.common.regions, region);
	us->sync.handed = us_epoch(us);
	clear(fm, region);
	set_sync(fm, region, 1);
}

static void run_cleaner(struct dm_log_fake_mirror *fm, int times)
{
	while (times--)
		dm_log_run_cleaner(fm->log);
}

static void mark_some(struct dm_log_fake_mirror *fm, u64 first, u64 nr)
{
	u64 region;

	for (region = first; region < first + nr; region++)
		mark(fm, region);
}

static void clear_some(struct dm_log_fake_mirror *fm, u64 first, u64 nr)
{
	u64 region;

	for (region = first; region < first + nr; region++)
		clear(fm, region);
}

/* The daemon has confirmed that mark. */
static bool held(struct dm_log_fake_mirror *fm, u64 region)
{
	return test_bit(region, fm->daemon.durable);
}

static u64 nr_held(struct dm_log_fake_mirror *fm)
{
	return bitmap_weight(fm->daemon.durable, NR);
}

static const char *status(struct dm_log_fake_mirror *fm, status_type_t type,
			  unsigned int maxlen)
{
	char *buf = kunit_kzalloc(fm->test, maxlen + 1, GFP_KERNEL);
	int len;

	KUNIT_ASSERT_NOT_NULL(fm->test, buf);
	memset(buf, 'x', maxlen + 1);
	len = fm->log->type->status(fm->log, type, buf, maxlen);
	KUNIT_EXPECT_EQ(fm->test, len, strlen(buf));
	/* B30: not beyond what the caller has room for. */
	KUNIT_EXPECT_EQ(fm->test, buf[maxlen], 'x');
	return buf;
}

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

/*
 * Marks and clears
 */

/* Nothing is said twice. */
static void us_marks(struct kunit *test)
{
	struct dm_log_fake_mirror *fm = start(test, WORDS);
	int i;

	mark(fm, 5);
	expect_trace(fm, "");
	KUNIT_EXPECT_EQ(test, flush(fm), 0);
	expect_trace(fm, "MF");
	KUNIT_EXPECT_TRUE(test, held(fm, 5));
	KUNIT_EXPECT_EQ(test, nr_held(fm), 1);

	/* Contract C3: a hot set costs nothing. */
	for (i = 0; i < 100; i++) {
		clear(fm, 5);
		KUNIT_EXPECT_EQ(test, flush(fm), 0);
		mark(fm, 5);
		KUNIT_EXPECT_EQ(test, flush(fm), 0);
	}
	expect_trace(fm, "");

	/* Its neighbour is news, it is not. */
	mark(fm, 6);
	clear(fm, 5);
	mark(fm, 5);
	KUNIT_EXPECT_EQ(test, flush(fm), 0);
	expect_trace(fm, "MF");
	KUNIT_EXPECT_EQ(test, fm->daemon.nr_regions[DM_ULOG_MARK_REGION], 2);
}

/* In groups of 32, one FLUSH for many; chunks have 4096 regions. */
static void us_mark_groups(struct kunit *test)
{
	struct dm_log_fake_mirror *fm = start(test, WORDS);

	mark_some(fm, 4090, 70);
	mark(fm, NR - 1);
	KUNIT_EXPECT_EQ(test, flush(fm), 0);
	expect_trace(fm, "MMMF");
	KUNIT_EXPECT_EQ(test, fm->daemon.largest, 32);
	KUNIT_EXPECT_EQ(test, nr_held(fm), 71);

	/* More than a batch. */
	mark_some(fm, 0, 3000);
	KUNIT_EXPECT_EQ(test, flush(fm), 0);
	KUNIT_EXPECT_EQ(test, nr_held(fm), 3071);
	KUNIT_EXPECT_EQ(test, fm->daemon.nr_regions[DM_ULOG_MARK_REGION], 3071);
	forget_trace(&fm->daemon);
	KUNIT_EXPECT_EQ(test, flush(fm), 0);
	expect_trace(fm, "");
}

/* Contract A4: the marks travel with FLUSH. */
static void us_integrated_flush(struct kunit *test)
{
	struct dm_log_fake_mirror *fm = start(test, "u integrated_flush core 1024");

	mark_some(fm, 100, 40);
	KUNIT_EXPECT_EQ(test, flush(fm), 0);
	expect_trace(fm, "FF");
	KUNIT_EXPECT_EQ(test, fm->daemon.nr_regions[DM_ULOG_FLUSH], 40);
	KUNIT_EXPECT_EQ(test, nr_held(fm), 40);
	clear_some(fm, 100, 40);
	run_cleaner(fm, 2);
	expect_trace(fm, "|XXF");
	KUNIT_EXPECT_EQ(test, nr_held(fm), 0);
}

/* Lazily, in groups, after a flush of the legs, and committed. */
static void us_lazy_clear(struct kunit *test)
{
	struct dm_log_fake_mirror *fm = start(test, WORDS);

	mark_some(fm, 0, 70);
	KUNIT_EXPECT_EQ(test, flush(fm), 0);
	expect_trace(fm, "MMMF");
	clear_some(fm, 0, 70);
	KUNIT_EXPECT_EQ(test, flush(fm), 0);
	expect_trace(fm, "");
	/* Idle, but not for a whole period. */
	run_cleaner(fm, 1);
	expect_trace(fm, "|");
	run_cleaner(fm, 1);
	expect_trace(fm, "XXXF");
	KUNIT_EXPECT_EQ(test, fm->daemon.largest, 32);
	KUNIT_EXPECT_EQ(test, fm->daemon.nr_regions[DM_ULOG_CLEAR_REGION], 70);
	KUNIT_EXPECT_EQ(test, nr_held(fm), 0);
	run_cleaner(fm, 3);
	KUNIT_EXPECT_EQ(test, flush(fm), 0);
	expect_trace(fm, "");
}

/* More clears than are sent before the worker gets a chance. */
static void us_many_clears(struct kunit *test)
{
	struct dm_log_fake_mirror *fm = start(test, WORDS);

	mark_some(fm, 3000, 2000);
	KUNIT_EXPECT_EQ(test, flush(fm), 0);
	clear_some(fm, 3000, 2000);
	run_cleaner(fm, 2);
	KUNIT_EXPECT_EQ(test, fm->daemon.nr_regions[DM_ULOG_CLEAR_REGION], 2000);
	KUNIT_EXPECT_EQ(test, nr_held(fm), 0);
}

/* clean_delay_ms=0: by the cleaner, at once. */
static void us_clear_at_once(struct kunit *test)
{
	struct dm_log_fake_mirror *fm = start(test, WORDS);

	dm_log_clean_delay_ms = 0;
	mark(fm, 5);
	KUNIT_EXPECT_EQ(test, flush(fm), 0);
	clear(fm, 5);
	KUNIT_EXPECT_EQ(test, flush(fm), 0);
	expect_trace(fm, "MF");
	run_cleaner(fm, 1);
	expect_trace(fm, "|XF");
}

/*
 * B7, B46: the legs could not be flushed: what a leg has lost no later flush will tell, so
 * our marks stay, and the daemon has all of it copied when they are forgotten.
 */
static void us_leg_flush_fails(struct kunit *test)
{
	struct dm_log_fake_mirror *fm = start(test, WORDS);

	mark(fm, 5);
	KUNIT_EXPECT_EQ(test, flush(fm), 0);
	clear(fm, 5);
	forget_trace(&fm->daemon);
	fm->fail_leg_flushes = 1;
	run_cleaner(fm, 3);
	expect_trace(fm, "|");
	KUNIT_EXPECT_EQ(test, suspend_log(fm), 0);
	expect_trace(fm, "PO");
	KUNIT_EXPECT_TRUE(test, held(fm, 5));
	KUNIT_EXPECT_EQ(test, resume_log(fm), 0);
	run_cleaner(fm, 3);
	KUNIT_EXPECT_TRUE(test, held(fm, 5));
}

static void write_5_and_6(struct dm_log_fake_mirror *fm)
{
	fm->in_leg_flush = NULL;
	mark(fm, 5);
	mark(fm, 6);
	KUNIT_EXPECT_EQ(fm->test, flush(fm), 0);
	clear(fm, 6);
}

/* Contract C2: written while the legs are flushed, so not cleared after it. */
static void us_mark_during_leg_flush(struct kunit *test)
{
	struct dm_log_fake_mirror *fm = start(test, WORDS);

	mark_some(fm, 4, 4);
	KUNIT_EXPECT_EQ(test, flush(fm), 0);
	clear_some(fm, 4, 4);
	forget_trace(&fm->daemon);
	fm->in_leg_flush = write_5_and_6;
	run_cleaner(fm, 2);
	/* Region 6 may be cleaned next. */
	expect_trace(fm, "|XF|");
	KUNIT_EXPECT_EQ(test, nr_held(fm), 2);
	KUNIT_EXPECT_TRUE(test, held(fm, 5));
	KUNIT_EXPECT_TRUE(test, held(fm, 6));
}

static void mark_5_in_clear(struct dm_log_fake_mirror *fm, u64 region)
{
	mark(fm, 5);
}

/* Written while the CLEAR is under way: the next flush sends the mark again. */
static void us_mark_during_clear(struct kunit *test)
{
	struct dm_log_fake_mirror *fm = start(test, WORDS);

	mark(fm, 5);
	KUNIT_EXPECT_EQ(test, flush(fm), 0);
	clear(fm, 5);
	run_cleaner(fm, 1);
	forget_trace(&fm->daemon);
	fm->on_clear = mark_5_in_clear;
	run_cleaner(fm, 1);
	expect_trace(fm, "XFMF");
	KUNIT_EXPECT_EQ(test, flush(fm), 0);
	expect_trace(fm, "");
	KUNIT_EXPECT_TRUE(test, held(fm, 5));
}

/* And after it, of course. */
static void us_mark_after_clear(struct kunit *test)
{
	struct dm_log_fake_mirror *fm = start(test, WORDS);

	mark(fm, 5);
	KUNIT_EXPECT_EQ(test, flush(fm), 0);
	clear(fm, 5);
	run_cleaner(fm, 2);
	mark(fm, 5);
	KUNIT_EXPECT_EQ(test, flush(fm), 0);
	expect_trace(fm, "MF|XFMF");
	KUNIT_EXPECT_TRUE(test, held(fm, 5));
}

/* B12: a mark that failed is not forgotten; and it raises an event. */
static void us_failing_marks(struct kunit *test)
{
	struct dm_log_fake_mirror *fm = start(test, WORDS);

	mark_some(fm, 0, 3);
	fm->daemon.fail[DM_ULOG_MARK_REGION] = 2;
	KUNIT_EXPECT_LT(test, flush(fm), 0);
	/* An error of a daemon that knows the log stands. */
	expect_trace(fm, "MFS");
	KUNIT_EXPECT_LT(test, flush(fm), 0);
	KUNIT_EXPECT_EQ(test, nr_held(fm), 0);
	/* One event for one failure, however often it is noticed. */
	KUNIT_EXPECT_EQ(test, fm->nr_events, 1);
	forget_trace(&fm->daemon);

	KUNIT_EXPECT_EQ(test, flush(fm), 0);
	expect_trace(fm, "MF");
	KUNIT_EXPECT_EQ(test, nr_held(fm), 3);
}

/* How a daemon loses what it could not store: it does not say so again. */
static void forget_if_flush_fails(struct dm_log_fake_mirror *fm, u32 type)
{
	if (type == DM_ULOG_FLUSH && fm->daemon.fail[type])
		bitmap_zero(fm->daemon.marked, NR);
}

/*
 * B74: a FLUSH that failed is not asked for again: cmirrord would say that all is well,
 * and have done nothing. No mark counts, old ones included, and nothing is cleared, until
 * there is another daemon, or a resume.
 */
static void us_failing_flush(struct kunit *test)
{
	struct dm_log_fake_mirror *fm = start(test, WORDS);
	int i;

	for (i = 0; i < 2; i++) {
		mark_some(fm, 0, 3);
		KUNIT_EXPECT_EQ(test, flush(fm), 0);
		clear(fm, 2);
		fm->on_request = forget_if_flush_fails;
		fm->daemon.fail[DM_ULOG_FLUSH] = 1;
		mark(fm, 7 + i);
		KUNIT_EXPECT_LT(test, flush(fm), 0);
		forget_trace(&fm->daemon);
		KUNIT_EXPECT_LT(test, flush(fm), 0);
		KUNIT_EXPECT_LT(test, flush(fm), 0);
		run_cleaner(fm, 3);
		expect_trace(fm, "");
		KUNIT_EXPECT_EQ(test, flush_idle(fm), 0);

		if (i) {
			dm_log_fake_restart(fm, true);
		} else {
			KUNIT_EXPECT_LT(test, suspend_log(fm), 0);
			KUNIT_EXPECT_EQ(test, resume_log(fm), 0);
		}
		KUNIT_EXPECT_EQ(test, flush(fm), 0);
		KUNIT_EXPECT_EQ(test, nr_held(fm), 4 + i);
	}
}

/* The same if nothing more can be learned of the daemon, or others are not answered. */
static void us_failing_flush_then_silence(struct kunit *test)
{
	struct dm_log_fake_mirror *fm = start(test, WORDS);

	fm->daemon.fail[DM_ULOG_FLUSH] = 1;
	fm->daemon.mute[DM_ULOG_MARK_REGION] = 1;
	fm->daemon.ignore[DM_ULOG_GET_REGION_SIZE] = 3;
	mark(fm, 5);
	KUNIT_EXPECT_LT(test, flush(fm), 0);
	forget_trace(&fm->daemon);
	KUNIT_EXPECT_LT(test, flush(fm), 0);
	KUNIT_EXPECT_NULL(test, strchr(fm->daemon.trace, 'F'));
}

/* The same if the mirror gives the write up: nobody knows what the daemon has. */
static void us_failed_mark_cleared(struct kunit *test)
{
	struct dm_log_fake_mirror *fm = start(test, WORDS);

	KUNIT_EXPECT_EQ(test, flush(fm), 0);
	mark(fm, 5);
	fm->daemon.fail[DM_ULOG_MARK_REGION] = 1;
	KUNIT_EXPECT_LT(test, flush(fm), 0);
	clear(fm, 5);
	KUNIT_EXPECT_EQ(test, flush(fm), 0);
	/* B69: nor what the mirror tells us of its legs from now on. */
	run_cleaner(fm, 2);
	/* The write after it needs its own, or one that was given since. */
	mark(fm, 5);
	KUNIT_EXPECT_EQ(test, flush(fm), 0);
	KUNIT_EXPECT_TRUE(test, held(fm, 5));
}

/* B12: a failing CLEAR does not keep marks from being made, and is made up for. */
static void us_failing_clears(struct kunit *test)
{
	struct dm_log_fake_mirror *fm = start(test, WORDS);

	mark_some(fm, 0, 3);
	KUNIT_EXPECT_EQ(test, flush(fm), 0);
	clear_some(fm, 0, 3);
	fm->daemon.fail[DM_ULOG_CLEAR_REGION] = 1;
	run_cleaner(fm, 1);
	forget_trace(&fm->daemon);
	run_cleaner(fm, 1);
	expect_trace(fm, "XFS|");
	KUNIT_EXPECT_EQ(test, nr_held(fm), 3);

	/* It may have been carried out: 1 is marked again. */
	mark(fm, 1);
	mark(fm, 9);
	KUNIT_EXPECT_EQ(test, flush(fm), 0);
	expect_trace(fm, "MF");
	KUNIT_EXPECT_EQ(test, fm->daemon.nr_regions[DM_ULOG_MARK_REGION], 5);
	KUNIT_EXPECT_GT(test, fm->nr_tends, 0);

	run_cleaner(fm, 1);
	expect_trace(fm, "XF");
	KUNIT_EXPECT_EQ(test, nr_held(fm), 2);
	KUNIT_EXPECT_TRUE(test, held(fm, 1));
}

/* B74: of a CLEAR whose FLUSH failed nothing is known, nor of any mark. */
static void us_failing_clear_flush(struct kunit *test)
{
	struct dm_log_fake_mirror *fm = start(test, WORDS);

	mark_some(fm, 5, 2);
	KUNIT_EXPECT_EQ(test, flush(fm), 0);
	clear(fm, 5);
	run_cleaner(fm, 1);
	fm->daemon.fail[DM_ULOG_FLUSH] = 1;
	forget_trace(&fm->daemon);
	run_cleaner(fm, 1);
	expect_trace(fm, "XFS|");
	run_cleaner(fm, 1);
	KUNIT_EXPECT_NULL(test, strchr(fm->daemon.trace, 'X'));
	KUNIT_EXPECT_LT(test, flush(fm), 0);
}

/* A wave is one, or none: what was sent behind a request that got lost does not count. */
static void us_wave_again(struct kunit *test)
{
	struct dm_log_fake_mirror *fm = start(test, WORDS);

	mark_some(fm, 0, 40);
	fm->daemon.ignore[DM_ULOG_MARK_REGION] = 1;
	KUNIT_EXPECT_EQ(test, flush(fm), 0);
	expect_trace(fm, "MMFMMF");
	KUNIT_EXPECT_EQ(test, nr_held(fm), 40);

	/* Nor is anything sent behind one that could not be. */
	mark_some(fm, 100, 40);
	fm->daemon.send_error = -ENOBUFS;
	fm->daemon.send_fails = 1;
	KUNIT_EXPECT_EQ(test, flush(fm), 0);
	expect_trace(fm, "MMF");
	KUNIT_EXPECT_EQ(test, nr_held(fm), 80);
}

/* B63: a write to what is held needs nothing, not even a lock. */
static void us_hot_write(struct kunit *test)
{
	struct dm_log_fake_mirror *fm = start(test, WORDS);
	const struct dm_regions *rg = &to_us_log(fm->log)->cache.common.regions;

	mark(fm, 5);
	KUNIT_EXPECT_EQ(test, flush(fm), 0);
	clear(fm, 5);
	mark(fm, 5);
	KUNIT_EXPECT_FALSE(test, dm_regions_uncommitted(rg));
	run_cleaner(fm, 2);
	KUNIT_EXPECT_FALSE(test, dm_regions_uncommitted(rg));
	clear(fm, 5);
	run_cleaner(fm, 2);
	mark(fm, 5);
	KUNIT_EXPECT_TRUE(test, dm_regions_uncommitted(rg));
}

/*
 * B75: in a cluster a daemon may have lost who has marked what: marks are given again
 * every few seconds, and who has just joined clears nothing until all have done so.
 */
static void us_marks_renewed(struct kunit *test)
{
	struct dm_log_fake_mirror *fm = start(test, CLUSTER);
	struct us_log *us = to_us_log(fm->log);

	mark_some(fm, 0, 40);
	KUNIT_EXPECT_EQ(test, flush(fm), 0);
	clear(fm, 1);
	forget_trace(&fm->daemon);
	run_cleaner(fm, 3);
	expect_trace(fm, "");
	/* But for a suspend, or all would be copied again. */
	KUNIT_EXPECT_EQ(test, suspend_log(fm), 0);
	expect_trace(fm, "P|XFO");
	KUNIT_EXPECT_EQ(test, resume_log(fm), 0);
	mark(fm, 1);
	KUNIT_EXPECT_EQ(test, flush(fm), 0);
	clear(fm, 1);
	forget_trace(&fm->daemon);

	/* Nobody has anything to say, but it is time. */
	bitmap_zero(fm->daemon.marked, NR);
	bitmap_zero(fm->daemon.durable, NR);
	us->marks.renew_at = 0;
	run_cleaner(fm, 3);
	expect_trace(fm, "MMF");
	KUNIT_EXPECT_EQ(test, nr_held(fm), 40);
	/* All others have had time, too. */
	us->marks.quiet_until = 0;
	run_cleaner(fm, 2);
	expect_trace(fm, "|XF");
	KUNIT_EXPECT_EQ(test, nr_held(fm), 39);

	dm_log_fake_restart(fm, true);
	clear(fm, 2);
	run_cleaner(fm, 3);
	KUNIT_EXPECT_EQ(test, nr_held(fm), 39);
	KUNIT_EXPECT_NULL(test, strchr(fm->daemon.trace, 'X'));
	KUNIT_EXPECT_LE(test, us->cache.longest_ms, 5000);
}

/*
 * Recovery and failures
 */

/* SET_REGION_SYNC at once, CLEAR with the others, later. */
static void us_recovered(struct kunit *test)
{
	struct dm_log_fake_mirror *fm = start(test, WORDS);
	region_t region = 0;

	__clear_bit(7, fm->daemon.in_sync);
	fm->daemon.work = 7;
	KUNIT_EXPECT_EQ(test, resync_work(fm, &region), 1);
	KUNIT_EXPECT_EQ(test, region, 7);
	/* The mirror asks what it has just been told. */
	KUNIT_EXPECT_EQ(test, in_sync(fm, 7), 0);
	clear(fm, 7);
	set_sync(fm, 7, 1);
	KUNIT_EXPECT_EQ(test, in_sync(fm, 7), 1);
	KUNIT_EXPECT_EQ(test, flush(fm), 0);
	/* What was copied may be in a cache: nobody else may clear it. */
	expect_trace(fm, "WMYFI");
	KUNIT_EXPECT_TRUE(test, test_bit(7, fm->daemon.in_sync));
	KUNIT_EXPECT_TRUE(test, held(fm, 7));
	run_cleaner(fm, 2);
	expect_trace(fm, "|XF");
	run_cleaner(fm, 2);
	expect_trace(fm, "");
}

/* Contract C3: it was marked when it was said to be recovered, and not cleared since. */
static void us_recovered_then_marked(struct kunit *test)
{
	struct dm_log_fake_mirror *fm = start(test, WORDS);

	recover(fm, 7);
	mark(fm, 7);
	KUNIT_EXPECT_EQ(test, flush(fm), 0);
	expect_trace(fm, "MYF");
	KUNIT_EXPECT_TRUE(test, held(fm, 7));
	run_cleaner(fm, 3);
	expect_trace(fm, "");
	clear(fm, 7);
	run_cleaner(fm, 2);
	expect_trace(fm, "|XF");
}

/* A write fails: its mark stays, whatever happens (B46). */
static void us_failed_write(struct kunit *test)
{
	struct dm_log_fake_mirror *fm = start(test, WORDS);

	mark(fm, 5);
	KUNIT_EXPECT_EQ(test, flush(fm), 0);
	set_sync(fm, 5, 0);
	KUNIT_EXPECT_EQ(test, in_sync(fm, 5), 0);
	expect_trace(fm, "MFYMFI");
	KUNIT_EXPECT_EQ(test, flush(fm), 0);
	run_cleaner(fm, 3);
	KUNIT_EXPECT_EQ(test, suspend_log(fm), 0);
	expect_trace(fm, "PO");
	KUNIT_EXPECT_TRUE(test, held(fm, 5));
	KUNIT_EXPECT_EQ(test, resume_log(fm), 0);
	KUNIT_EXPECT_EQ(test, flush(fm), 0);
	KUNIT_EXPECT_TRUE(test, held(fm, 5));
	forget_trace(&fm->daemon);

	recover(fm, 5);
	KUNIT_EXPECT_EQ(test, flush(fm), 0);
	expect_trace(fm, "MYF");
	KUNIT_EXPECT_TRUE(test, test_bit(5, fm->daemon.in_sync));
	run_cleaner(fm, 2);
	expect_trace(fm, "");
	KUNIT_EXPECT_TRUE(test, held(fm, 5));
}

/*
 * B47: given up, not recovered: the mirror does so if it does not handle errors. The
 * daemon must not believe it, nor any other node.
 */
static void us_given_up_not_cleared(struct kunit *test)
{
	struct dm_log_fake_mirror *fm = start(test, WORDS);

	mark(fm, 5);
	KUNIT_EXPECT_EQ(test, flush(fm), 0);
	set_sync(fm, 5, 0);
	__set_bit(5, fm->daemon.in_sync);
	dm_regions_offer(&((struct dm_log_common *)fm->log->context)->regions, 5);
	set_sync(fm, 5, 1);
	KUNIT_EXPECT_FALSE(test, test_bit(5, fm->daemon.in_sync));
	KUNIT_EXPECT_EQ(test, in_sync(fm, 5), 0);
	KUNIT_EXPECT_EQ(test, flush(fm), 0);
	run_cleaner(fm, 3);
	KUNIT_EXPECT_TRUE(test, held(fm, 5));
}

/* The daemon could not be told: it is, before anything else. */
static void us_failed_write_not_told(struct kunit *test)
{
	struct dm_log_fake_mirror *fm = start(test, WORDS);

	mark(fm, 5);
	KUNIT_EXPECT_EQ(test, flush(fm), 0);
	fm->daemon.fail[DM_ULOG_SET_REGION_SYNC] = 1;
	set_sync(fm, 5, 0);
	expect_trace(fm, "MFYMFS");
	KUNIT_EXPECT_TRUE(test, test_bit(5, fm->daemon.in_sync));
	mark(fm, 6);
	KUNIT_EXPECT_EQ(test, flush(fm), 0);
	expect_trace(fm, "YMF");
	KUNIT_EXPECT_FALSE(test, test_bit(5, fm->daemon.in_sync));
	KUNIT_EXPECT_EQ(test, flush(fm), 0);
	expect_trace(fm, "");
}

/* B6: what is copied over must be a region of this mirror. */
static void us_resync_work_checked(struct kunit *test)
{
	static const struct {
		s64 i;
		u64 region;
		size_t size;
		int result;
	} rows[] = {
		{ 0, 0, 16, 0 }, { 0, NR, 16, 0 }, { 1, 0, 16, 1 },
		{ 1, NR - 1, 16, 1 }, { 1, NR, 16, -EPROTO },
		{ 1, U64_MAX, 16, -EPROTO }, { 1, BIT_ULL(32), 16, -EPROTO },
		{ 2, 5, 16, -EPROTO }, { -5, 5, 16, -EPROTO },
		{ BIT_ULL(32), 5, 16, -EPROTO }, { BIT_ULL(32) + 1, 5, 16, -EPROTO },
		{ 1, 5, 0, -EPROTO }, { 1, 5, 8, -EPROTO }, { 1, 5, 24, -ENOSPC },
	};
	struct dm_log_fake_mirror *fm = start(test, WORDS);
	region_t region;
	int i;

	__clear_bit(3, fm->daemon.in_sync);
	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		region = 77;
		fm->daemon.odd_reply[0] = rows[i].i;
		fm->daemon.odd_reply[1] = rows[i].region;
		fm->daemon.odd_size = rows[i].size;
		fm->daemon.odd[DM_ULOG_GET_RESYNC_WORK] = 10;
		KUNIT_EXPECT_EQ_MSG(test, resync_work(fm, &region), rows[i].result,
				    "row %d", i);
		fm->daemon.odd[DM_ULOG_GET_RESYNC_WORK] = 0;
		KUNIT_EXPECT_EQ_MSG(test, region,
				    rows[i].result == 1 ? rows[i].region : 77,
				    "row %d", i);
	}

	/* A daemon that errs once is asked again: an idle mirror does not do it. */
	fm->daemon.work = 7;
	fm->daemon.odd_reply[0] = 1;
	fm->daemon.odd_reply[1] = NR;
	fm->daemon.odd_size = 16;
	fm->daemon.odd[DM_ULOG_GET_RESYNC_WORK] = 1;
	KUNIT_EXPECT_EQ(test, resync_work(fm, &region), 1);
	KUNIT_EXPECT_EQ(test, region, 7);
}

/*
 * Suspend and resume
 */

/* Contract C3: all that is clean is clean at the daemon, before POSTSUSPEND. */
static void us_suspend(struct kunit *test)
{
	struct dm_log_fake_mirror *fm = start(test, WORDS);

	mark_some(fm, 0, 40);
	KUNIT_EXPECT_EQ(test, flush(fm), 0);
	clear_some(fm, 0, 40);
	forget_trace(&fm->daemon);
	KUNIT_EXPECT_EQ(test, suspend_log(fm), 0);
	expect_trace(fm, "P|XXFO");
	KUNIT_EXPECT_EQ(test, nr_held(fm), 0);
}

/* B1: after that the log may be another table's. */
static void us_suspended_is_silent(struct kunit *test)
{
	struct dm_log_fake_mirror *fm = start(test, WORDS);

	mark_some(fm, 0, 3);
	KUNIT_EXPECT_EQ(test, flush(fm), 0);
	clear_some(fm, 0, 2);
	KUNIT_EXPECT_EQ(test, suspend_log(fm), 0);
	expect_trace(fm, "MFP|XFO");
	KUNIT_EXPECT_EQ(test, nr_held(fm), 1);

	/* The worker comes late. */
	clear(fm, 2);
	KUNIT_EXPECT_EQ(test, flush(fm), 0);
	run_cleaner(fm, 3);
	mark(fm, 9);
	KUNIT_EXPECT_EQ(test, flush(fm), 0);
	dm_ulog_released(fm->daemon.portid);
	KUNIT_EXPECT_EQ(test, flush(fm), 0);
	expect_trace(fm, "");
	KUNIT_EXPECT_EQ(test, nr_held(fm), 1);
	KUNIT_EXPECT_TRUE(test, held(fm, 2));
	dm_log_fake_destroy(fm);
	expect_trace(fm, "D");
}

/* Whether the daemon has kept marks over a suspend is its secret: all over again. */
static void us_resume_replays(struct kunit *test)
{
	struct dm_log_fake_mirror *fm = start(test, WORDS);

	mark_some(fm, 0, 3);
	KUNIT_EXPECT_EQ(test, flush(fm), 0);
	KUNIT_EXPECT_EQ(test, suspend_log(fm), 0);
	clear(fm, 2);
	bitmap_zero(fm->daemon.marked, NR);
	bitmap_zero(fm->daemon.durable, NR);
	forget_trace(&fm->daemon);

	KUNIT_EXPECT_EQ(test, resume_log(fm), 0);
	expect_trace(fm, "R");
	KUNIT_EXPECT_EQ(test, flush(fm), 0);
	expect_trace(fm, "MF");
	KUNIT_EXPECT_TRUE(test, held(fm, 0));
	KUNIT_EXPECT_TRUE(test, held(fm, 1));
	run_cleaner(fm, 2);
	KUNIT_EXPECT_EQ(test, nr_held(fm), 2);
}

/* A suspend comes to an end without a daemon, and loses no mark. */
static void us_suspend_without_daemon(struct kunit *test)
{
	struct dm_log_fake_mirror *fm = start(test, WORDS);

	mark(fm, 5);
	fm->daemon.dead = true;
	/* Who waits for ever never comes to an end here; who waits for long asks often. */
	fm->log->type->presuspend(fm->log);
	KUNIT_EXPECT_LT(test, fm->log->type->postsuspend(fm->log), 0);
	KUNIT_EXPECT_LE(test, fm->daemon.nr_refused, 60);

	fm->daemon.dead = false;
	KUNIT_EXPECT_EQ(test, resume_log(fm), 0);
	KUNIT_EXPECT_EQ(test, flush(fm), 0);
	KUNIT_EXPECT_TRUE(test, held(fm, 5));
}

/*
 * B59: from presuspend on a message that could not be sent says as little about the daemon
 * as before: the mirror would never forget the failure.
 */
static void us_send_errors_suspending(struct kunit *test)
{
	static const int errors[] = { -ESRCH, -ENOBUFS, -EAGAIN };
	struct dm_log_fake_mirror *fm = start(test, WORDS);
	int i;

	dm_log_resend_ms = 10 * MSEC_PER_SEC;
	fm->log->type->presuspend(fm->log);
	for (i = 0; i < ARRAY_SIZE(errors); i++) {
		mark(fm, i);
		fm->daemon.error = errors[i];
		if (errors[i] == -EAGAIN) {
			fm->daemon.fail[DM_ULOG_FLUSH] = 2;
		} else {
			fm->daemon.send_error = errors[i];
			fm->daemon.send_fails = 3;
		}
		KUNIT_EXPECT_EQ(test, flush(fm), 0);
		KUNIT_EXPECT_TRUE(test, held(fm, i));
	}
}

/* B67: what is said once only is not lost to a socket that is full for a moment. */
static void us_send_errors_of_states(struct kunit *test)
{
	struct dm_log_fake_mirror *fm = start(test, WORDS);

	fm->daemon.send_error = -ENOBUFS;
	fm->daemon.send_fails = 2;
	KUNIT_EXPECT_EQ(test, fm->log->type->presuspend(fm->log), 0);
	expect_trace(fm, "P");
	fm->daemon.send_fails = 2;
	KUNIT_EXPECT_EQ(test, fm->log->type->postsuspend(fm->log), 0);
	expect_trace(fm, "O");
	fm->daemon.send_fails = 2;
	KUNIT_EXPECT_EQ(test, resume_log(fm), 0);
	expect_trace(fm, "R");
}

/* POSTSUSPEND was not answered: cmirrord's halt would outlive the next RESUME. */
static void us_postsuspend_unanswered(struct kunit *test)
{
	struct dm_log_fake_mirror *fm = start(test, WORDS);

	fm->daemon.mute[DM_ULOG_POSTSUSPEND] = 1;
	KUNIT_EXPECT_LT(test, suspend_log(fm), 0);
	forget_trace(&fm->daemon);
	KUNIT_EXPECT_EQ(test, resume_log(fm), 0);
	KUNIT_EXPECT_NOT_NULL(test, strstr(fm->daemon.trace, "OR"));
	KUNIT_EXPECT_TRUE(test, fm->daemon.awake);
	KUNIT_EXPECT_EQ(test, suspend_log(fm), 0);
}

/* A daemon that knows the log, and has something against suspends: they go on. */
static void us_suspend_refused(struct kunit *test)
{
	struct dm_log_fake_mirror *fm = start(test, WORDS);

	fm->daemon.fail[DM_ULOG_PRESUSPEND] = 10;
	fm->daemon.fail[DM_ULOG_POSTSUSPEND] = 10;
	fm->log->type->presuspend(fm->log);
	expect_trace(fm, "PSP");
	mark(fm, 5);
	KUNIT_EXPECT_EQ(test, flush(fm), 0);
	expect_trace(fm, "MF");
	clear(fm, 5);
	fm->log->type->postsuspend(fm->log);
	expect_trace(fm, "|XFOSO");
	KUNIT_EXPECT_STREQ(test, status(fm, STATUSTYPE_INFO, 64), "1 fake");
	expect_trace(fm, "T");
}

/* The daemon is another while a suspend is under way: it is told how far that is. */
static void us_restart_halted(struct kunit *test)
{
	struct dm_log_fake_mirror *fm = start(test, WORDS);

	fm->log->type->presuspend(fm->log);
	dm_log_fake_restart(fm, true);
	forget_trace(&fm->daemon);
	mark(fm, 5);
	KUNIT_EXPECT_EQ(test, flush(fm), 0);
	expect_trace(fm, "SCSORPSMF");
}

/* B52: a reboot does not wait for a daemon that is gone. */
static void us_reboot_without_daemon(struct kunit *test)
{
	struct dm_log_fake_mirror *fm = start(test, WORDS);
	unsigned int old = dm_logs_reboot_wait_ms;
	unsigned long begin = jiffies;

	mark(fm, 5);
	KUNIT_EXPECT_EQ(test, flush(fm), 0);
	clear(fm, 5);
	fm->daemon.dead = true;
	dm_ulog_released(fm->daemon.portid);
	run_cleaner(fm, 1);
	dm_logs_reboot_wait_ms = 60 * MSEC_PER_SEC;
	dm_logs_reboot(NULL, SYS_POWER_OFF, NULL);
	KUNIT_EXPECT_TRUE(test, time_before(jiffies, begin + 60 * HZ));
	dm_logs_reboot_wait_ms = old;
	KUNIT_EXPECT_TRUE(test, held(fm, 5));
}

/*
 * Questions
 */

/*
 * Contract C4: a read asks once per pass, and what was said of it does not outlive the
 * pass; B3: for real regions only.
 */
static void us_in_sync_once_per_pass(struct kunit *test)
{
	struct dm_log_fake_mirror *fm = start(test, WORDS);

	KUNIT_EXPECT_EQ(test, in_sync_now(fm, 5), -EWOULDBLOCK);
	KUNIT_EXPECT_EQ(test, in_sync(fm, NR), 0);
	KUNIT_EXPECT_EQ(test, in_sync_now(fm, NR), -EWOULDBLOCK);
	KUNIT_EXPECT_EQ(test, in_sync(fm, U64_MAX), 0);
	KUNIT_EXPECT_EQ(test, fm->log->type->is_clean(fm->log, U64_MAX), 0);
	KUNIT_EXPECT_EQ(test, busy(fm, U64_MAX), 0);
	KUNIT_EXPECT_EQ(test, flush(fm), 0);
	expect_trace(fm, "");

	KUNIT_EXPECT_EQ(test, in_sync(fm, 5), 1);
	/* Another node has lost it meanwhile. */
	__clear_bit(5, fm->daemon.in_sync);
	KUNIT_EXPECT_EQ(test, in_sync(fm, 5), 1);
	KUNIT_EXPECT_EQ(test, in_sync_now(fm, 5), -EWOULDBLOCK);
	expect_trace(fm, "I");
	KUNIT_EXPECT_EQ(test, flush_idle(fm), 0);
	KUNIT_EXPECT_EQ(test, in_sync(fm, 5), 0);
	__set_bit(5, fm->daemon.in_sync);
	KUNIT_EXPECT_EQ(test, in_sync(fm, 5), 0);
	expect_trace(fm, "I");
	KUNIT_EXPECT_EQ(test, fm->log->type->is_clean(fm->log, 5), 1);
	expect_trace(fm, "L");
}

/* Reads that were queued before the pass are asked for together, each once. */
static void us_reads_together(struct kunit *test)
{
	struct dm_log_fake_mirror *fm = start(test, WORDS);
	int i;

	for (i = 0; i < 5; i++) {
		in_sync_now(fm, 10 + i);
		in_sync_now(fm, 10 + i);
	}
	in_sync_now(fm, 11);
	in_sync_now(fm, NR);
	KUNIT_EXPECT_EQ(test, flush_idle(fm), 0);
	/* This one is queued while the worker runs: for the next pass. */
	in_sync_now(fm, 99);
	__clear_bit(12, fm->daemon.in_sync);
	for (i = 4; i >= 0; i--)
		KUNIT_EXPECT_EQ(test, in_sync(fm, 10 + i), i != 2);
	expect_trace(fm, "IIIII");
	KUNIT_EXPECT_EQ(test, flush_idle(fm), 0);
	KUNIT_EXPECT_EQ(test, in_sync(fm, 99), 1);
	expect_trace(fm, "I");

	/* No more at a time than a socket has room for; what is too much asks by itself. */
	for (i = 0; i < 1000; i++)
		in_sync_now(fm, i);
	KUNIT_EXPECT_EQ(test, flush_idle(fm), 0);
	KUNIT_EXPECT_EQ(test, in_sync(fm, 0), 1);
	KUNIT_EXPECT_EQ(test, fm->daemon.traced, DM_ULOG_WAVE);
	for (i = 0; i < US_NR_READS; i++)
		KUNIT_EXPECT_EQ(test, in_sync(fm, i), i != 12);
	KUNIT_EXPECT_EQ(test, fm->daemon.traced, FAKE_TRACE - 1);
	KUNIT_EXPECT_EQ(test, fm->daemon.lost_trace, US_NR_READS - FAKE_TRACE + 1);
	forget_trace(&fm->daemon);
	KUNIT_EXPECT_EQ(test, in_sync(fm, US_NR_READS), 1);
	expect_trace(fm, "I");
}

/* The worker asks about a read of region 5, and then another node recovers it. */
static void read_5_too_early(struct dm_log_fake_mirror *fm)
{
	__clear_bit(5, fm->daemon.in_sync);
	KUNIT_EXPECT_EQ(fm->test, in_sync(fm, 5), 0);
	__set_bit(5, fm->daemon.in_sync);
}

/*
 * B56: what a read was told is not for a write of the same pass: that one would go to
 * one leg, without a mark.
 */
static void us_write_after_read(struct kunit *test)
{
	struct dm_log_fake_mirror *fm = start(test, WORDS);

	read_5_too_early(fm);
	KUNIT_EXPECT_EQ(test, busy(fm, 5), 0);
	KUNIT_EXPECT_EQ(test, in_sync(fm, 5), 1);
	KUNIT_EXPECT_EQ(test, in_sync(fm, 5), 1);
	mark(fm, 5);
	KUNIT_EXPECT_EQ(test, flush_idle(fm), 0);
	KUNIT_EXPECT_TRUE(test, held(fm, 5));
}

static const struct odd_bool {
	u64 value;
	size_t size;
} odd_bools[] = {
	{ 2, 8 }, { -5, 8 }, { BIT_ULL(32), 8 }, { BIT_ULL(32) + 1, 8 },
	{ U64_MAX, 8 }, { 1, 0 }, { 1, 4 }, { 0, 4 }, { 0, 0 }, { 1, 16 },
};

static void answer_oddly(struct dm_log_fake_mirror *fm, u32 type,
			 const struct odd_bool *odd)
{
	fm->daemon.odd_reply[0] = odd->value;
	fm->daemon.odd_reply[1] = 0;
	fm->daemon.odd_size = odd->size;
	fm->daemon.odd[type] = 16;
}

/*
 * B5, B57: nonsense about a read, or silence, is not a "no" about the write that follows:
 * that one must not go unmarked.
 */
static void us_write_after_garbage(struct kunit *test)
{
	struct dm_log_fake_mirror *fm = start(test, WORDS);
	int i;

	for (i = 0; i <= ARRAY_SIZE(odd_bools); i++) {
		u64 region = 10 + i;

		if (i < ARRAY_SIZE(odd_bools))
			answer_oddly(fm, DM_ULOG_IN_SYNC, &odd_bools[i]);
		else
			fm->daemon.ignore[DM_ULOG_IN_SYNC] = 16;
		KUNIT_EXPECT_EQ_MSG(test, in_sync(fm, region), 0, "row %d", i);
		KUNIT_EXPECT_EQ_MSG(test, flush_idle(fm), 0, "row %d", i);
		KUNIT_EXPECT_EQ_MSG(test, in_sync(fm, region), 0, "row %d", i);
		dm_log_fake_forgive(&fm->daemon);
		if (busy(fm, region)) {
			/* Nobody answers: it waits for the next pass. */
			KUNIT_EXPECT_EQ(test, i, ARRAY_SIZE(odd_bools));
			KUNIT_EXPECT_EQ(test, flush_idle(fm), 0);
			KUNIT_EXPECT_EQ(test, busy(fm, region), 0);
		}
		KUNIT_EXPECT_EQ_MSG(test, in_sync(fm, region), 1, "row %d", i);
		KUNIT_EXPECT_EQ_MSG(test, in_sync(fm, region), 1, "row %d", i);
		mark(fm, region);
		KUNIT_EXPECT_EQ(test, flush_idle(fm), 0);
		KUNIT_EXPECT_TRUE(test, held(fm, region));
	}
}

/* A read can do without: from the first leg. */
static void us_in_sync_garbage_read(struct kunit *test)
{
	struct dm_log_fake_mirror *fm = start(test, WORDS);
	int i;

	for (i = 0; i < ARRAY_SIZE(odd_bools); i++) {
		answer_oddly(fm, DM_ULOG_IN_SYNC, &odd_bools[i]);
		KUNIT_EXPECT_EQ_MSG(test, in_sync(fm, 10 + i), 0, "row %d", i);
		KUNIT_EXPECT_EQ(test, flush(fm), 0);
	}
}

/*
 * B5, Part D: a write does not ask whether its region is in sync, and both times the
 * answer is the same, however many there are in a pass.
 */
static void us_in_sync_many_writes(struct kunit *test)
{
	struct dm_log_fake_mirror *fm = start(test, WORDS);
	int i;

	__clear_bit(5, fm->daemon.in_sync);
	for (i = 0; i < 1000; i++) {
		KUNIT_EXPECT_EQ(test, busy(fm, i), 0);
		KUNIT_EXPECT_EQ(test, in_sync(fm, i), 1);
		forget_trace(&fm->daemon);
	}
	bitmap_zero(fm->daemon.in_sync, NR);
	for (i = 0; i < 1000; i++)
		KUNIT_EXPECT_EQ(test, in_sync(fm, i), 1);
	expect_trace(fm, "");
}

/* Part D: while all are in sync, a count answers for all writes, and not for long. */
static void us_writes_while_all_in_sync(struct kunit *test)
{
	struct dm_log_fake_mirror *fm = start(test, WORDS);
	struct us_log *us = to_us_log(fm->log);
	int i;

	fm->daemon.recovering = 1;
	KUNIT_EXPECT_EQ(test, busy(fm, 0), 0);
	/* Time stands still. */
	us->sync.count_until = get_jiffies_64() + 3600 * HZ;
	for (i = 0; i < 100; i++) {
		KUNIT_EXPECT_EQ(test, busy(fm, i), 0);
		KUNIT_EXPECT_EQ(test, in_sync(fm, i), 1);
		mark(fm, i);
		KUNIT_EXPECT_EQ(test, flush_idle(fm), 0);
		clear(fm, i);
	}
	KUNIT_EXPECT_EQ(test, fm->daemon.nr_regions[DM_ULOG_MARK_REGION], 100);
	forget_trace(&fm->daemon);
	for (i = 0; i < 100; i++) {
		KUNIT_EXPECT_EQ(test, busy(fm, i), 0);
		mark(fm, i);
		KUNIT_EXPECT_EQ(test, flush_idle(fm), 0);
		clear(fm, i);
	}
	/* A hot write costs no message of its own. */
	expect_trace(fm, "");

	us->sync.count_until = 0;
	__clear_bit(9, fm->daemon.in_sync);
	KUNIT_EXPECT_EQ(test, busy(fm, 0), 1);
	expect_trace(fm, "NIQ");
	/* A daemon is not asked twice in a pass. */
	us->sync.count_until = 0;
	KUNIT_EXPECT_EQ(test, busy(fm, 0), 1);
	expect_trace(fm, "");
	KUNIT_EXPECT_EQ(test, flush_idle(fm), 0);
	__set_bit(9, fm->daemon.in_sync);
	us->sync.count_until = 0;
	KUNIT_EXPECT_EQ(test, busy(fm, 0), 0);
	expect_trace(fm, "N");

	/* Not what failed here, nor by another daemon. */
	us->sync.count_until = get_jiffies_64() + 3600 * HZ;
	fm->daemon.fail[DM_ULOG_SET_REGION_SYNC] = 1;
	set_sync(fm, 7, 0);
	us->sync.count_until = 0;
	forget_trace(&fm->daemon);
	KUNIT_EXPECT_EQ(test, busy(fm, 7), 1);
	expect_trace(fm, "IQ");
	KUNIT_EXPECT_EQ(test, flush(fm), 0);
	__set_bit(7, fm->daemon.in_sync);
	KUNIT_EXPECT_EQ(test, busy(fm, 0), 0);
	us->sync.count_until = get_jiffies_64() + 3600 * HZ;
	dm_log_fake_restart(fm, true);
	KUNIT_EXPECT_EQ(test, busy(fm, 1), 1);
}

/*
 * B66: what the daemon counts before it has read its log is no count: the mirror would
 * take itself for in sync, for good.
 */
static void us_count_before_resume(struct kunit *test)
{
	struct dm_log_fake_mirror *fm = test->priv;

	create_log(fm, WORDS);
	KUNIT_EXPECT_EQ(test, sync_count(fm), 0);
	KUNIT_EXPECT_EQ(test, resume_log(fm), 0);
	KUNIT_EXPECT_EQ(test, sync_count(fm), NR);
	/* Nor do others have a say while this one is suspended. */
	KUNIT_EXPECT_EQ(test, suspend_log(fm), 0);
	forget_trace(&fm->daemon);
	KUNIT_EXPECT_EQ(test, sync_count(fm), NR - 1);
	expect_trace(fm, "");
	KUNIT_EXPECT_EQ(test, resume_log(fm), 0);
	KUNIT_EXPECT_EQ(test, sync_count(fm), NR);
}

static void count_in_resume(struct dm_log_fake_mirror *fm, u32 type)
{
	if (type != DM_ULOG_RESUME)
		return;
	fm->on_request = NULL;
	/* A status process. */
	KUNIT_EXPECT_LT(fm->test, sync_count(fm), NR);
}

/* B62: nobody else's count keeps the worker from asking for regions to recover. */
static void us_search_not_over(struct kunit *test)
{
	struct dm_log_fake_mirror *fm = test->priv;
	region_t region;

	create_log(fm, WORDS);
	fm->on_request = count_in_resume;
	KUNIT_EXPECT_EQ(test, resume_log(fm), 0);
	KUNIT_EXPECT_EQ(test, sync_count(fm), NR);
	fm->daemon.work = 5;
	KUNIT_EXPECT_EQ(test, resync_work(fm, &region), 1);
	set_sync(fm, 5, 0);

	/* Nor the count of a daemon that was not told what has failed. */
	fm->daemon.fail[DM_ULOG_SET_REGION_SYNC] = 1;
	set_sync(fm, 6, 0);
	__set_bit(5, fm->daemon.in_sync);
	fm->daemon.work = 6;
	KUNIT_EXPECT_EQ(test, resync_work(fm, &region), 0);
	KUNIT_EXPECT_EQ(test, flush(fm), 0);
	KUNIT_EXPECT_EQ(test, resync_work(fm, &region), 1);
}

/* It is asked until it says no while all are in sync, so that all nodes' search ends. */
static void us_search_over(struct kunit *test)
{
	struct dm_log_fake_mirror *fm = start(test, WORDS);
	region_t region;

	__clear_bit(5, fm->daemon.in_sync);
	KUNIT_EXPECT_EQ(test, resync_work(fm, &region), 0);
	expect_trace(fm, "WN");
	KUNIT_EXPECT_EQ(test, resync_work(fm, &region), 0);
	expect_trace(fm, "WN");
	__set_bit(5, fm->daemon.in_sync);
	KUNIT_EXPECT_EQ(test, resync_work(fm, &region), 0);
	expect_trace(fm, "WNW");
	KUNIT_EXPECT_EQ(test, resync_work(fm, &region), 0);
	expect_trace(fm, "");
	set_sync(fm, 7, 0);
	forget_trace(&fm->daemon);
	KUNIT_EXPECT_EQ(test, resync_work(fm, &region), 0);
	expect_trace(fm, "WN");
	recover(fm, 7);
	KUNIT_EXPECT_EQ(test, suspend_log(fm), 0);
	KUNIT_EXPECT_EQ(test, resume_log(fm), 0);
	forget_trace(&fm->daemon);
	KUNIT_EXPECT_EQ(test, resync_work(fm, &region), 0);
	expect_trace(fm, "WNW");
	dm_log_fake_restart(fm, true);
	KUNIT_EXPECT_EQ(test, flush(fm), 0);
	forget_trace(&fm->daemon);
	KUNIT_EXPECT_EQ(test, resync_work(fm, &region), 0);
	expect_trace(fm, "WNW");
}

/* B65: cleared before it was offered is not recovered, and given up is not either. */
static void us_cleared_too_early(struct kunit *test)
{
	struct dm_log_fake_mirror *fm = start(test, WORDS);
	region_t region;

	mark(fm, 5);
	KUNIT_EXPECT_EQ(test, flush(fm), 0);
	clear(fm, 5);
	__clear_bit(5, fm->daemon.in_sync);
	fm->daemon.work = 5;
	KUNIT_EXPECT_EQ(test, resync_work(fm, &region), 1);
	set_sync(fm, 5, 1);
	KUNIT_EXPECT_FALSE(test, test_bit(5, fm->daemon.in_sync));

	/* Nor is what was cleared when it was offered the last time. */
	fm->daemon.work = 5;
	KUNIT_EXPECT_EQ(test, resync_work(fm, &region), 1);
	clear(fm, 5);
	fm->daemon.work = 5;
	KUNIT_EXPECT_EQ(test, resync_work(fm, &region), 1);
	set_sync(fm, 5, 1);
	KUNIT_EXPECT_FALSE(test, test_bit(5, fm->daemon.in_sync));
}

/* Only the daemon that gave a region can be told that it was recovered. */
static void us_recovered_for_another(struct kunit *test)
{
	struct dm_log_fake_mirror *fm = start(test, WORDS);
	region_t region;

	__clear_bit(5, fm->daemon.in_sync);
	fm->daemon.work = 5;
	KUNIT_EXPECT_EQ(test, resync_work(fm, &region), 1);
	dm_log_fake_restart(fm, true);
	clear(fm, 5);
	KUNIT_EXPECT_EQ(test, flush(fm), 0);
	set_sync(fm, 5, 1);
	KUNIT_EXPECT_FALSE(test, test_bit(5, fm->daemon.in_sync));

	/* Also if that is only found out by telling it. */
	fm->daemon.work = 5;
	KUNIT_EXPECT_EQ(test, resync_work(fm, &region), 1);
	dm_log_fake_restart(fm, false);
	clear(fm, 5);
	set_sync(fm, 5, 1);
	KUNIT_EXPECT_FALSE(test, test_bit(5, fm->daemon.in_sync));
	/* Its writes are as others'. */
	fm->daemon.recovering = 1;
	KUNIT_EXPECT_EQ(test, busy(fm, 5), 1);
}

/*
 * Part D: the region that this node recovers is nobody else's: dm-region-hash keeps its
 * writes until that is done.
 */
static void us_write_while_recovering(struct kunit *test)
{
	struct dm_log_fake_mirror *fm = start(test, WORDS);
	region_t region;

	__clear_bit(5, fm->daemon.in_sync);
	fm->daemon.work = 5;
	fm->daemon.recovering = 1;
	KUNIT_EXPECT_EQ(test, resync_work(fm, &region), 1);
	forget_trace(&fm->daemon);
	KUNIT_EXPECT_EQ(test, busy(fm, 5), 0);
	expect_trace(fm, "");
	/* It does not go yet, and relies on no mark. */
	fm->daemon.dead = true;
	dm_ulog_released(fm->daemon.portid);
	KUNIT_EXPECT_EQ(test, flush_idle(fm), 0);
	KUNIT_EXPECT_EQ(test, fm->daemon.nr_refused, 0);
}

/*
 * B60: a suspend waits for a recovery first, and for that the worker is needed. Without
 * a daemon neither the first flush nor reads nor writes keep it: one wait in a pass.
 */
static void us_pass_without_daemon(struct kunit *test)
{
	struct dm_log_fake_mirror *fm = start(test, WORDS);
	unsigned long begin;
	region_t region;
	int i;

	mark(fm, 9);
	KUNIT_EXPECT_EQ(test, flush(fm), 0);
	__clear_bit(5, fm->daemon.in_sync);
	fm->daemon.work = 5;
	KUNIT_EXPECT_EQ(test, resync_work(fm, &region), 1);
	for (i = 0; i < 3; i++) {
		fm->daemon.dead = true;
		fm->daemon.nr_refused = 0;
		if (i == 1)
			dm_ulog_released(fm->daemon.portid);
		begin = jiffies;
		KUNIT_EXPECT_EQ(test, flush_idle(fm), 0);
		KUNIT_EXPECT_EQ(test, fm->daemon.nr_refused, 0);
		KUNIT_EXPECT_EQ(test, in_sync(fm, 1), 0);
		KUNIT_EXPECT_EQ(test, in_sync(fm, 2), 0);
		/* B61: nor each of many. */
		for (region = 100; region < 200; region++)
			KUNIT_EXPECT_EQ(test, busy(fm, region), 1);
		KUNIT_EXPECT_EQ(test, flush_idle(fm), 0);
		for (region = 100; region < 200; region++)
			set_sync(fm, region, 0);
		KUNIT_EXPECT_LE(test, fm->daemon.nr_refused, 20);
		KUNIT_EXPECT_TRUE(test, time_before(jiffies, begin + 20 * HZ));
	}
	/* A mark is waited for, but not for ever. */
	KUNIT_EXPECT_LT(test, flush(fm), 0);
	dm_log_fake_forgive(&fm->daemon);
	KUNIT_EXPECT_EQ(test, flush(fm), 0);
	KUNIT_EXPECT_EQ(test, bitmap_weight(fm->daemon.in_sync, NR), NR - 101);
}

/*
 * The hint of a search that is over, which cmirrord leaves at the last region: a write that
 * would wait for ever goes, once who was given a region before has copied it.
 */
static void us_remote_search_over(struct kunit *test)
{
	struct dm_log_fake_mirror *fm = start(test, WORDS);
	struct us_sync *sync = &to_us_log(fm->log)->sync;
	region_t region;
	u64 first;
	int i;

	dm_log_resend_ms = 15000;
	for (i = 0; i < 2; i++) {
		first = 20 * i;
		__clear_bit(first, fm->daemon.in_sync);
		fm->daemon.recovering = 1;
		fm->daemon.hint = NR - 2;
		KUNIT_EXPECT_EQ(test, busy(fm, first), 1);
		KUNIT_EXPECT_TRUE(test, !sync->over_since);
		fm->daemon.hint = NR - i;
		KUNIT_EXPECT_EQ(test, busy(fm, first + 1), 1);
		KUNIT_EXPECT_EQ(test, flush_idle(fm), 0);
		/* Who was given it may not even have begun to copy. */
		sync->over_since -= 59 * HZ;
		KUNIT_EXPECT_EQ(test, busy(fm, first + 2), 1);
		KUNIT_EXPECT_EQ(test, flush_idle(fm), 0);
		sync->over_since -= HZ;
		KUNIT_EXPECT_EQ(test, busy(fm, first + 3), 0);
		KUNIT_EXPECT_EQ(test, in_sync(fm, first + 3), 1);
		/* That is about the search, not about a region. */
		KUNIT_EXPECT_EQ(test, busy(fm, first + 4), 0);
		KUNIT_EXPECT_EQ(test, flush(fm), 0);
		/* The last one may be being copied right now, if the hint is there. */
		KUNIT_EXPECT_EQ(test, busy(fm, NR - 1), i);
		/* What was seen some time ago may have been another one. */
		sync->over_seen -= 61 * HZ;
		KUNIT_EXPECT_EQ(test, busy(fm, first + 5), 1);
		/* And if this node is given work, this is. */
		sync->over_since -= 60 * HZ;
		fm->daemon.work = first;
		KUNIT_EXPECT_EQ(test, resync_work(fm, &region), 1);
		KUNIT_EXPECT_EQ(test, busy(fm, first + 6), 1);
		KUNIT_EXPECT_EQ(test, flush_idle(fm), 0);
		recover(fm, first);
	}
}

/* A region is to be recovered, and all nodes took all for in sync: somebody has to ask. */
static void us_search_begins_again(struct kunit *test)
{
	struct dm_log_fake_mirror *fm = start(test, WORDS);
	region_t region;

	KUNIT_EXPECT_EQ(test, resync_work(fm, &region), 0);
	KUNIT_EXPECT_EQ(test, resync_work(fm, &region), 0);
	expect_trace(fm, "WNW");
	/* Another node has failed a write, and died. */
	__clear_bit(5, fm->daemon.in_sync);
	fm->daemon.recovering = 1;
	fm->daemon.work = 5;
	KUNIT_EXPECT_EQ(test, busy(fm, 5), 1);
	KUNIT_EXPECT_EQ(test, flush_idle(fm), 0);
	KUNIT_EXPECT_EQ(test, resync_work(fm, &region), 1);
}

/*
 * A cmirrord that is being suspended says that nobody recovers anything: a write to what
 * is out of sync waits, and not for long only if this node is being suspended, too.
 */
static void us_remote_halted(struct kunit *test)
{
	struct dm_log_fake_mirror *fm = start(test, WORDS);

	dm_log_resend_ms = 300;
	__clear_bit(5, fm->daemon.in_sync);
	fm->daemon.hint = NR;
	KUNIT_EXPECT_EQ(test, busy(fm, 7), 0);
	KUNIT_EXPECT_EQ(test, busy(fm, 5), 1);
	KUNIT_EXPECT_EQ(test, flush_idle(fm), 0);
	msleep(400);
	KUNIT_EXPECT_EQ(test, busy(fm, 7), 0);
	KUNIT_EXPECT_EQ(test, busy(fm, 5), 1);
	KUNIT_EXPECT_EQ(test, flush(fm), 0);
	fm->log->type->presuspend(fm->log);
	msleep(200);
	KUNIT_EXPECT_EQ(test, busy(fm, 5), 1);
	KUNIT_EXPECT_EQ(test, flush_idle(fm), 0);
	msleep(200);
	KUNIT_EXPECT_EQ(test, busy(fm, 5), 0);
}

/* A suspend that was interrupted says nothing: its hurry must not last. */
static void us_suspend_interrupted(struct kunit *test)
{
	struct dm_log_fake_mirror *fm = start(test, WORDS);

	__clear_bit(5, fm->daemon.in_sync);
	fm->daemon.recovering = 1;
	fm->log->type->presuspend(fm->log);
	dm_ulog_hurry(&to_us_log(fm->log)->client, jiffies - 61 * HZ);
	KUNIT_EXPECT_FALSE(test, dm_ulog_is_hurried(&to_us_log(fm->log)->client));
	KUNIT_EXPECT_EQ(test, busy(fm, 5), 1);
}

/* Said to be recovered twice, it could overrule another node's failure. */
static void us_recovered_told_once(struct kunit *test)
{
	static const u32 types[] = {
		DM_ULOG_MARK_REGION, DM_ULOG_SET_REGION_SYNC, DM_ULOG_FLUSH,
	};
	struct dm_log_fake_mirror *fm = start(test, WORDS);
	int i;

	for (i = 0; i < ARRAY_SIZE(types); i++) {
		fm->daemon.mute[types[i]] = 1;
		recover(fm, 5);
		KUNIT_EXPECT_PTR_EQ(test, strchr(fm->daemon.trace, 'Y'),
				    strrchr(fm->daemon.trace, 'Y'));
		KUNIT_EXPECT_EQ(test, flush(fm), 0);
		forget_trace(&fm->daemon);
	}
	recover(fm, 5);
	expect_trace(fm, "MYF");
}

/*
 * The mirror writes to a region that failed here on one leg, also if the flush before it has
 * failed: whatever others were told before, they have to be told after it.
 */
static void us_failed_flush_tells_again(struct kunit *test)
{
	struct dm_log_fake_mirror *fm = start(test, WORDS);

	set_sync(fm, 5, 0);
	KUNIT_EXPECT_EQ(test, flush(fm), 0);
	KUNIT_EXPECT_EQ(test, busy(fm, 5), 0);
	mark(fm, 6);
	fm->daemon.fail[DM_ULOG_MARK_REGION] = 1;
	KUNIT_EXPECT_LT(test, flush_idle(fm), 0);
	/* Another node's copy ended in between. */
	__set_bit(5, fm->daemon.in_sync);
	KUNIT_EXPECT_EQ(test, flush(fm), 0);
	KUNIT_EXPECT_FALSE(test, test_bit(5, fm->daemon.in_sync));
}

/* One leg is written to, so it is no time to read from any: contract 70, with a daemon. */
static void us_count_with_failed(struct kunit *test)
{
	struct dm_log_fake_mirror *fm = start(test, WORDS);

	set_sync(fm, 5, 0);
	__set_bit(5, fm->daemon.in_sync);
	/* That is for the worker, which flushes. A process is told what the daemon says. */
	KUNIT_EXPECT_EQ(test, sync_count(fm), NR);
	KUNIT_EXPECT_EQ(test, flush_idle(fm), 0);
	KUNIT_EXPECT_EQ(test, sync_count(fm), NR - 1);
	KUNIT_EXPECT_EQ(test, flush(fm), 0);
	recover(fm, 5);
	KUNIT_EXPECT_EQ(test, sync_count(fm), NR);
}

static void is_slow(struct dm_log_fake_mirror *fm, u32 type)
{
	msleep(60);
}

/* B61: nor do the answers of a slow daemon add up. */
static void us_slow_daemon(struct kunit *test)
{
	struct dm_log_fake_mirror *fm = start(test, WORDS);
	int i;

	dm_log_resend_ms = 300;
	__clear_bit(3, fm->daemon.in_sync);
	fm->on_request = is_slow;
	for (i = 0; i < 100; i++)
		busy(fm, i);
	KUNIT_EXPECT_LE(test, fm->daemon.traced, 20);
	fm->on_request = NULL;
}

/* A suspend does not wait for a region that another node recovers; but the write does. */
static void us_remote_recovering_suspended(struct kunit *test)
{
	struct dm_log_fake_mirror *fm = start(test, WORDS);

	__clear_bit(5, fm->daemon.in_sync);
	fm->daemon.recovering = 1;
	fm->log->type->presuspend(fm->log);
	KUNIT_EXPECT_EQ(test, busy(fm, 5), 1);
	KUNIT_EXPECT_EQ(test, flush_idle(fm), 0);
	dm_ulog_hurry(&to_us_log(fm->log)->client, jiffies);
	KUNIT_EXPECT_EQ(test, busy(fm, 5), 0);
	KUNIT_EXPECT_EQ(test, in_sync(fm, 5), 1);
	KUNIT_EXPECT_LT(test, flush_idle(fm), 0);
}

/*
 * A region failed here, and another node has recovered it: dm-region-hash goes on writing
 * it to one leg, so the others have to know, before the write.
 */
static void us_write_to_what_failed(struct kunit *test)
{
	struct dm_log_fake_mirror *fm = start(test, WORDS);

	set_sync(fm, 5, 0);
	KUNIT_EXPECT_EQ(test, flush(fm), 0);
	KUNIT_EXPECT_TRUE(test, held(fm, 5));
	forget_trace(&fm->daemon);
	__set_bit(5, fm->daemon.in_sync);
	KUNIT_EXPECT_EQ(test, busy(fm, 5), 0);
	KUNIT_EXPECT_EQ(test, flush_idle(fm), 0);
	KUNIT_EXPECT_FALSE(test, test_bit(5, fm->daemon.in_sync));
	expect_trace(fm, "IQYMF");
	/* Nor is it read from any leg. */
	__set_bit(5, fm->daemon.in_sync);
	KUNIT_EXPECT_EQ(test, in_sync(fm, 5), 0);
}

/* B58: recovered here, then cleared, then failed: the next write's mark is news. */
static void us_mark_of_what_failed(struct kunit *test)
{
	struct dm_log_fake_mirror *fm = start(test, WORDS);

	recover(fm, 5);
	run_cleaner(fm, 2);
	KUNIT_EXPECT_FALSE(test, held(fm, 5));
	dm_regions_offer(&to_us_log(fm->log)->cache.common.regions, 5);
	fm->daemon.fail[DM_ULOG_SET_REGION_SYNC] = 1;
	set_sync(fm, 5, 0);
	mark(fm, 5);
	KUNIT_EXPECT_EQ(test, flush(fm), 0);
	KUNIT_EXPECT_TRUE(test, held(fm, 5));
	KUNIT_EXPECT_FALSE(test, test_bit(5, fm->daemon.in_sync));
}

/* An answer of nobody: 2 is no bool. A hint of more than there is means all. */
static void us_remote_recovering(struct kunit *test)
{
	static const struct {
		s64 recovering;
		u64 hint;
		size_t size;
		int result;
	} rows[] = {
		{ 0, 0, 16, 0 }, { 0, 100, 16, 0 }, { 1, 0, 16, 1 },
		{ 2, 0, 16, 1 }, { -1, 0, 16, 1 }, { BIT_ULL(32), 0, 16, 1 },
		{ 0, NR + 1, 16, 0 }, { 0, U64_MAX, 16, 0 }, { 0, 0, 8, 1 },
		{ 0, 0, 0, 1 }, { 0, 0, 24, 1 },
	};
	struct dm_log_fake_mirror *fm = start(test, WORDS);
	int i;

	__clear_bit(3, fm->daemon.in_sync);
	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		u64 region = 200 + i;

		fm->daemon.odd_reply[0] = rows[i].recovering;
		fm->daemon.odd_reply[1] = rows[i].hint;
		fm->daemon.odd_size = rows[i].size;
		fm->daemon.odd[DM_ULOG_IS_REMOTE_RECOVERING] = 2;
		KUNIT_EXPECT_EQ_MSG(test, busy(fm, region), rows[i].result, "row %d", i);
		KUNIT_EXPECT_EQ(test, flush(fm), 0);
	}
}

/* B23: "1" is believed for a moment, "0" for the pass, and a hint not at all. */
static void us_remote_recovering_traffic(struct kunit *test)
{
	struct dm_log_fake_mirror *fm = start(test, WORDS);
	struct us_log *us = to_us_log(fm->log);

	__clear_bit(3, fm->daemon.in_sync);
	fm->daemon.hint = 100;
	KUNIT_EXPECT_EQ(test, busy(fm, 200), 0);
	us->sync.count_until = get_jiffies_64() + 3600 * HZ;
	KUNIT_EXPECT_EQ(test, busy(fm, 200), 0);
	expect_trace(fm, "NIQ");
	KUNIT_EXPECT_EQ(test, busy(fm, 99), 0);
	expect_trace(fm, "IQ");
	fm->daemon.recovering = 1;
	KUNIT_EXPECT_EQ(test, busy(fm, 100), 1);
	KUNIT_EXPECT_EQ(test, busy(fm, 201), 1);
	expect_trace(fm, "IQIQ");
	KUNIT_EXPECT_EQ(test, flush(fm), 0);
	KUNIT_EXPECT_EQ(test, busy(fm, 201), 1);
	expect_trace(fm, "");
	KUNIT_EXPECT_EQ(test, busy(fm, 200), 1);
	expect_trace(fm, "IQ");
	fm->daemon.recovering = 0;
	msleep(200);
	KUNIT_EXPECT_EQ(test, flush(fm), 0);
	KUNIT_EXPECT_EQ(test, busy(fm, 201), 0);
	expect_trace(fm, "IQ");
}

/* An error counts as 1; the mirror tries the write again. */
static void us_remote_recovering_error(struct kunit *test)
{
	struct dm_log_fake_mirror *fm = start(test, WORDS);

	__clear_bit(3, fm->daemon.in_sync);
	fm->daemon.fail[DM_ULOG_IS_REMOTE_RECOVERING] = 2;
	KUNIT_EXPECT_EQ(test, busy(fm, 5), 1);
	expect_trace(fm, "NIQSIQ");
	KUNIT_EXPECT_EQ(test, flush(fm), 0);
	KUNIT_EXPECT_EQ(test, busy(fm, 5), 0);
}

/* The count decides when the mirror is in sync: it must be a count. */
static void us_sync_count(struct kunit *test)
{
	struct dm_log_fake_mirror *fm = start(test, WORDS);

	__clear_bit(3, fm->daemon.in_sync);
	KUNIT_EXPECT_EQ(test, sync_count(fm), NR - 1);
	/* A status is about now. */
	KUNIT_EXPECT_EQ(test, sync_count(fm), NR - 1);
	expect_trace(fm, "NN");
	answer_oddly(fm, DM_ULOG_GET_SYNC_COUNT, &(struct odd_bool){ NR + 1, 8 });
	KUNIT_EXPECT_EQ(test, sync_count(fm), NR - 1);
	answer_oddly(fm, DM_ULOG_GET_SYNC_COUNT, &(struct odd_bool){ U64_MAX, 8 });
	KUNIT_EXPECT_EQ(test, sync_count(fm), NR - 1);
	answer_oddly(fm, DM_ULOG_GET_SYNC_COUNT, &(struct odd_bool){ NR, 4 });
	KUNIT_EXPECT_EQ(test, sync_count(fm), NR - 1);
	fm->daemon.odd[DM_ULOG_GET_SYNC_COUNT] = 0;
	fm->daemon.fail[DM_ULOG_GET_SYNC_COUNT] = 2;
	KUNIT_EXPECT_EQ(test, sync_count(fm), NR - 1);
	__set_bit(3, fm->daemon.in_sync);
	KUNIT_EXPECT_EQ(test, sync_count(fm), NR);
}

/* insync_cache: if all are in sync, that is said once for all. */
static void us_insync_cache(struct kunit *test)
{
	struct dm_log_fake_mirror *fm = start(test, "u insync_cache core 1024");
	struct us_log *us = to_us_log(fm->log);

	/* As long as one is not, each has to be asked for. */
	__clear_bit(6, fm->daemon.in_sync);
	KUNIT_EXPECT_EQ(test, in_sync_now(fm, 5), -EWOULDBLOCK);
	KUNIT_EXPECT_EQ(test, in_sync(fm, 5), 1);
	us->sync.count_until = get_jiffies_64() + 3600 * HZ;
	KUNIT_EXPECT_EQ(test, in_sync(fm, 6), 0);
	expect_trace(fm, "NII");
	KUNIT_EXPECT_EQ(test, in_sync_now(fm, 5), -EWOULDBLOCK);
	KUNIT_EXPECT_EQ(test, flush_idle(fm), 0);

	/* A status may be older than what the worker has said since. */
	__set_bit(6, fm->daemon.in_sync);
	KUNIT_EXPECT_EQ(test, sync_count(fm), NR);
	KUNIT_EXPECT_EQ(test, in_sync_now(fm, 5), -EWOULDBLOCK);
	forget_trace(&fm->daemon);
	us->sync.count_until = 0;
	KUNIT_EXPECT_EQ(test, in_sync(fm, 5), 1);
	KUNIT_EXPECT_EQ(test, in_sync(fm, NR - 1), 1);
	KUNIT_EXPECT_EQ(test, in_sync_now(fm, 0), 1);
	KUNIT_EXPECT_EQ(test, in_sync_now(fm, NR), -EWOULDBLOCK);
	us->sync.count_until = 0;
	KUNIT_EXPECT_EQ(test, in_sync(fm, 5), 1);
	KUNIT_EXPECT_EQ(test, busy(fm, 5), 0);
	KUNIT_EXPECT_EQ(test, in_sync_now(fm, 5), 1);
	expect_trace(fm, "N");
}

/* insync_cache: until there may be a reason to doubt it. */
static void us_insync_cache_ends(struct kunit *test)
{
	struct dm_log_fake_mirror *fm = start(test, "u insync_cache core 1024");
	struct us_log *us = to_us_log(fm->log);

	KUNIT_EXPECT_EQ(test, in_sync(fm, 5), 1);
	mark(fm, 5);
	KUNIT_EXPECT_EQ(test, flush(fm), 0);
	fm->daemon.fail[DM_ULOG_SET_REGION_SYNC] = 1;
	set_sync(fm, 5, 0);
	KUNIT_EXPECT_EQ(test, in_sync_now(fm, 5), -EWOULDBLOCK);
	KUNIT_EXPECT_EQ(test, in_sync_now(fm, 6), -EWOULDBLOCK);
	/* Also if the daemon has not heard of it. */
	us->sync.count_until = 0;
	KUNIT_EXPECT_EQ(test, in_sync(fm, 5), 0);
	KUNIT_EXPECT_EQ(test, in_sync_now(fm, 5), -EWOULDBLOCK);
	recover(fm, 5);
	us->sync.count_until = 0;
	KUNIT_EXPECT_EQ(test, flush(fm), 0);
	KUNIT_EXPECT_EQ(test, in_sync(fm, 5), 1);
	KUNIT_EXPECT_EQ(test, in_sync_now(fm, 5), 1);

	/* Another daemon, or a resume: to be counted again. */
	dm_log_fake_restart(fm, true);
	KUNIT_EXPECT_EQ(test, in_sync_now(fm, 6), -EWOULDBLOCK);
	KUNIT_EXPECT_EQ(test, flush(fm), 0);
	KUNIT_EXPECT_EQ(test, in_sync_now(fm, 6), -EWOULDBLOCK);
	us->sync.count_until = 0;
	KUNIT_EXPECT_EQ(test, in_sync(fm, 7), 1);
	KUNIT_EXPECT_EQ(test, in_sync_now(fm, 6), 1);
	KUNIT_EXPECT_EQ(test, suspend_log(fm), 0);
	KUNIT_EXPECT_EQ(test, resume_log(fm), 0);
	KUNIT_EXPECT_EQ(test, in_sync_now(fm, 8), -EWOULDBLOCK);
}

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

/*
 * B67: the mirror asks for work again if it had no answer, though nobody reads or writes
 * it. So it does if there is another daemon, but not if work was refused.
 */
static void us_idle_is_woken(struct kunit *test)
{
	struct dm_log_fake_mirror *fm = start(test, WORDS);
	region_t region;

	KUNIT_EXPECT_EQ(test, resync_work(fm, &region), 0);
	run_cleaner(fm, 1);
	KUNIT_EXPECT_EQ(test, fm->nr_wakes, 0);

	set_sync(fm, 7, 0);
	fm->nr_tends = 0;
	fm->daemon.dead = true;
	KUNIT_EXPECT_LT(test, resync_work(fm, &region), 0);
	KUNIT_EXPECT_GT(test, fm->nr_tends, 0);
	dm_log_fake_restart(fm, true);
	fm->daemon.dead = true;
	run_cleaner(fm, 1);
	KUNIT_EXPECT_EQ(test, fm->nr_wakes, 0);
	fm->daemon.dead = false;
	/* Memory is short. */
	fm->wake_fails = 1;
	fm->nr_tends = 0;
	run_cleaner(fm, 1);
	KUNIT_EXPECT_EQ(test, fm->nr_wakes, 0);
	KUNIT_EXPECT_GT(test, fm->nr_tends, 0);
	run_cleaner(fm, 1);
	KUNIT_EXPECT_EQ(test, fm->nr_wakes, 1);
	run_cleaner(fm, 1);
	KUNIT_EXPECT_EQ(test, fm->nr_wakes, 1);

	KUNIT_EXPECT_EQ(test, flush_idle(fm), 0);
	fm->daemon.fail[DM_ULOG_GET_RESYNC_WORK] = 2;
	KUNIT_EXPECT_LT(test, resync_work(fm, &region), 0);
	run_cleaner(fm, 1);
	KUNIT_EXPECT_EQ(test, fm->nr_wakes, 1);

	dm_log_fake_restart(fm, true);
	run_cleaner(fm, 1);
	KUNIT_EXPECT_EQ(test, fm->nr_wakes, 2);
	run_cleaner(fm, 1);
	KUNIT_EXPECT_EQ(test, fm->nr_wakes, 2);
	/* The worker of one that has been resumed asks by itself. */
	KUNIT_EXPECT_EQ(test, suspend_log(fm), 0);
	KUNIT_EXPECT_EQ(test, resume_log(fm), 0);
	run_cleaner(fm, 1);
	KUNIT_EXPECT_EQ(test, fm->nr_wakes, 2);
}

/* What has failed is known before work is asked for, and the worker comes back for it. */
static void us_idle_is_woken_for_failed(struct kunit *test)
{
	struct dm_log_fake_mirror *fm = start(test, WORDS);
	region_t region;

	fm->daemon.fail[DM_ULOG_SET_REGION_SYNC] = 1;
	set_sync(fm, 5, 0);
	forget_trace(&fm->daemon);
	KUNIT_EXPECT_EQ(test, resync_work(fm, &region), 0);
	expect_trace(fm, "");
	run_cleaner(fm, 1);
	KUNIT_EXPECT_EQ(test, fm->nr_wakes, 1);
	KUNIT_EXPECT_FALSE(test, test_bit(5, fm->daemon.in_sync));
	fm->daemon.work = 5;
	KUNIT_EXPECT_EQ(test, resync_work(fm, &region), 1);
}

/*
 * A daemon that cannot store marks is told what has failed and what was recovered: or
 * others would read what has failed, and this node would copy one region for ever.
 */
static void us_refused_is_told(struct kunit *test)
{
	struct dm_log_fake_mirror *fm = start(test, WORDS);
	region_t region;

	mark_some(fm, 5, 2);
	fm->daemon.fail[DM_ULOG_FLUSH] = 1;
	KUNIT_EXPECT_LT(test, flush(fm), 0);
	forget_trace(&fm->daemon);
	set_sync(fm, 5, 0);
	expect_trace(fm, "YMF");
	KUNIT_EXPECT_FALSE(test, test_bit(5, fm->daemon.in_sync));
	/* No write counts as marked for that, and nothing is told twice. */
	KUNIT_EXPECT_LT(test, flush(fm), 0);
	mark(fm, 5);
	KUNIT_EXPECT_LT(test, flush(fm), 0);
	run_cleaner(fm, 2);
	expect_trace(fm, "");

	fm->daemon.work = 5;
	KUNIT_EXPECT_EQ(test, resync_work(fm, &region), 1);
	clear(fm, 5);
	clear(fm, 5);
	forget_trace(&fm->daemon);
	set_sync(fm, 5, 1);
	expect_trace(fm, "MYF");
	KUNIT_EXPECT_TRUE(test, test_bit(5, fm->daemon.in_sync));
	mark(fm, 5);
	KUNIT_EXPECT_LT(test, flush(fm), 0);
	/* What it has not heard it will, and work is asked for all the same. */
	fm->daemon.fail[DM_ULOG_SET_REGION_SYNC] = 1;
	set_sync(fm, 7, 0);
	forget_trace(&fm->daemon);
	run_cleaner(fm, 1);
	expect_trace(fm, "YMF");
	KUNIT_EXPECT_FALSE(test, test_bit(7, fm->daemon.in_sync));
	KUNIT_EXPECT_EQ(test, resync_work(fm, &region), 0);
	expect_trace(fm, "WN");

	/* The next daemon stores what the last one could not. */
	dm_log_fake_restart(fm, true);
	KUNIT_EXPECT_EQ(test, flush(fm), 0);
	KUNIT_EXPECT_TRUE(test, held(fm, 5));
	KUNIT_EXPECT_TRUE(test, held(fm, 7));
}

static void restart_in_work(struct dm_log_fake_mirror *fm, u32 type)
{
	if (type != DM_ULOG_GET_RESYNC_WORK)
		return;
	fm->on_request = NULL;
	dm_log_fake_restart(fm, false);
	fm->daemon.work = 5;
}

/*
 * Work of a daemon that was found by asking for it: first it has to know what has failed
 * here. And what it gives is not told as failed: that would end the recovery.
 */
static void us_work_of_another(struct kunit *test)
{
	struct dm_log_fake_mirror *fm = start(test, WORDS);
	region_t region;

	set_sync(fm, 5, 0);
	fm->on_request = restart_in_work;
	KUNIT_EXPECT_EQ(test, resync_work(fm, &region), 0);
	KUNIT_EXPECT_EQ(test, flush(fm), 0);
	fm->daemon.work = 5;
	KUNIT_EXPECT_EQ(test, resync_work(fm, &region), 1);

	dm_regions_forget_held(&to_us_log(fm->log)->cache.common.regions);
	forget_trace(&fm->daemon);
	KUNIT_EXPECT_EQ(test, flush(fm), 0);
	expect_trace(fm, "MF");
	/* Another one may take it for in sync. */
	dm_log_fake_restart(fm, true);
	KUNIT_EXPECT_EQ(test, flush(fm), 0);
	KUNIT_EXPECT_NOT_NULL(test, strstr(fm->daemon.trace, "YMF"));
}

/* Once the daemon is found it is lost again: that is no reason to tell it nothing. */
static void doubt_in_probe(struct dm_log_fake_mirror *fm, u32 type)
{
	/* The first one is to find it. */
	if (type != DM_ULOG_GET_REGION_SIZE || !us_is_lost(to_us_log(fm->log)))
		fm->on_request = NULL;
	if (!fm->on_request)
		us_doubt(to_us_log(fm->log));
}

static void us_lost_again(struct kunit *test)
{
	struct dm_log_fake_mirror *fm = start(test, WORDS);

	mark(fm, 5);
	us_doubt(to_us_log(fm->log));
	fm->on_request = doubt_in_probe;
	KUNIT_EXPECT_EQ(test, flush(fm), 0);
	KUNIT_EXPECT_NULL(test, fm->on_request);
	KUNIT_EXPECT_TRUE(test, held(fm, 5));
}

static void errors_of_two_kinds(struct dm_log_fake_mirror *fm, u32 type)
{
	fm->daemon.error = type == DM_ULOG_FLUSH ? -EIO : -EAGAIN;
}

/* B74: the error of a FLUSH stands, whatever else has to be sent again. */
static void us_flush_fails_among_others(struct kunit *test)
{
	struct dm_log_fake_mirror *fm = start(test, WORDS);

	fm->on_request = errors_of_two_kinds;
	fm->daemon.fail[DM_ULOG_MARK_REGION] = 1;
	fm->daemon.fail[DM_ULOG_FLUSH] = 1;
	mark(fm, 5);
	KUNIT_EXPECT_LT(test, flush(fm), 0);
	KUNIT_EXPECT_LT(test, flush(fm), 0);
	KUNIT_EXPECT_TRUE(test, us_is_refused(to_us_log(fm->log)));
}

/* A write whose mark failed was issued all the same, and ended: it is marked later. */
static void us_idle_without_mark(struct kunit *test)
{
	struct dm_log_fake_mirror *fm = start(test, WORDS);

	fm->daemon.fail[DM_ULOG_MARK_REGION] = 1;
	mark(fm, 5);
	KUNIT_EXPECT_LT(test, flush(fm), 0);
	clear(fm, 5);
	KUNIT_EXPECT_FALSE(test, held(fm, 5));
	KUNIT_EXPECT_EQ(test, flush(fm), 0);
	KUNIT_EXPECT_TRUE(test, held(fm, 5));
}

static void gate_at_flush(struct dm_log_fake_mirror *fm, u32 type)
{
	if (type == DM_ULOG_FLUSH)
		to_us_log(fm->log)->cache.gated = true;
}

/* Marks are given again in several waves; a suspend in between ends it. */
static void us_renewal_ends(struct kunit *test)
{
	struct dm_log_fake_mirror *fm = start(test, CLUSTER);
	struct us_log *us = to_us_log(fm->log);

	mark_some(fm, 0, 2 * US_NR_MARKS);
	KUNIT_EXPECT_EQ(test, flush(fm), 0);
	forget_trace(&fm->daemon);
	us->marks.renew_at = 0;
	fm->on_request = gate_at_flush;
	us_renew(us);
	fm->on_request = NULL;
	us->cache.gated = false;
	KUNIT_EXPECT_EQ(test, fm->daemon.traced, US_NR_MARKS / DM_ULOG_GROUP + 1);
}

/* B75: the cleaner runs often enough for that, however late it is to clean. */
static void us_renewal_in_time(struct kunit *test)
{
	struct dm_log_fake_mirror *fm = start(test, CLUSTER);

	mark_some(fm, 0, 2);
	KUNIT_EXPECT_EQ(test, flush(fm), 0);
	clear(fm, 1);
	to_us_log(fm->log)->marks.quiet_until = 0;
	fm->tend_ms = 0;
	KUNIT_EXPECT_EQ(test, flush_idle(fm), 0);
	KUNIT_EXPECT_GT(test, fm->tend_ms, 0);
	KUNIT_EXPECT_LE(test, fm->tend_ms, 5000);
}

/* What was seen of a server in one suspend says nothing about the next. */
static void us_halt_of_another_time(struct kunit *test)
{
	struct dm_log_fake_mirror *fm = start(test, CLUSTER);
	struct us_sync *sync = &to_us_log(fm->log)->sync;

	sync->halted_since = 1;
	KUNIT_EXPECT_EQ(test, flush_idle(fm), 0);
	KUNIT_EXPECT_TRUE(test, !sync->halted_since);
}

/*
 * Daemons that come and go
 */

/* B4: what the new one does not know is not "out of sync". */
static void us_restart_unnoticed(struct kunit *test)
{
	struct dm_log_fake_mirror *fm = start(test, WORDS);

	mark_some(fm, 0, 3);
	KUNIT_EXPECT_EQ(test, flush(fm), 0);
	clear(fm, 2);
	forget_trace(&fm->daemon);
	dm_log_fake_restart(fm, false);
	KUNIT_EXPECT_EQ(test, in_sync(fm, 9), 1);
	expect_trace(fm, "ISCSRI");
	KUNIT_EXPECT_EQ(test, flush(fm), 0);
	expect_trace(fm, "MF");
	KUNIT_EXPECT_EQ(test, nr_held(fm), 3);
	/* Once is enough. */
	KUNIT_EXPECT_EQ(test, in_sync(fm, 9), 1);
	KUNIT_EXPECT_EQ(test, flush(fm), 0);
	expect_trace(fm, "I");
}

/* The same if it has the same number again, so that only the error tells. */
static void us_restart_same_portid(struct kunit *test)
{
	struct dm_log_fake_mirror *fm = start(test, WORDS);

	mark_some(fm, 0, 3);
	KUNIT_EXPECT_EQ(test, flush(fm), 0);
	forget_trace(&fm->daemon);
	dm_log_fake_restart(fm, false);
	fm->daemon.portid--;
	KUNIT_EXPECT_EQ(test, in_sync(fm, 9), 1);
	expect_trace(fm, "ISCSRI");
	KUNIT_EXPECT_EQ(test, flush(fm), 0);
	expect_trace(fm, "MF");
	KUNIT_EXPECT_EQ(test, nr_held(fm), 3);
}

/* Another daemon that knows the log all the same: what else does it know? */
static void us_other_portid_knows(struct kunit *test)
{
	struct dm_log_fake_mirror *fm = start(test, WORDS);

	mark_some(fm, 0, 3);
	KUNIT_EXPECT_EQ(test, flush(fm), 0);
	forget_trace(&fm->daemon);
	fm->daemon.portid++;
	bitmap_zero(fm->daemon.marked, NR);
	bitmap_zero(fm->daemon.durable, NR);
	KUNIT_EXPECT_EQ(test, in_sync(fm, 9), 1);
	expect_trace(fm, "ISRI");
	KUNIT_EXPECT_EQ(test, flush(fm), 0);
	expect_trace(fm, "MF");
	KUNIT_EXPECT_EQ(test, nr_held(fm), 3);
}

/* B25: netlink tells; the worker finds out without asking anything in vain. */
static void us_restart_noticed(struct kunit *test)
{
	struct dm_log_fake_mirror *fm = start(test, WORDS);

	mark_some(fm, 0, 3);
	KUNIT_EXPECT_EQ(test, flush(fm), 0);
	clear(fm, 2);
	forget_trace(&fm->daemon);
	dm_log_fake_restart(fm, true);
	KUNIT_EXPECT_EQ(test, fm->nr_tends, 1);
	KUNIT_EXPECT_EQ(test, flush(fm), 0);
	KUNIT_EXPECT_EQ(test, nr_held(fm), 3);
	KUNIT_EXPECT_TRUE(test, fm->daemon.awake);
	forget_trace(&fm->daemon);
	KUNIT_EXPECT_EQ(test, flush(fm), 0);
	expect_trace(fm, "");
}

/* Nobody does anything: the cleaner introduces the log and gives the marks again. */
static void us_restart_idle(struct kunit *test)
{
	struct dm_log_fake_mirror *fm = start(test, WORDS);

	mark_some(fm, 0, 3);
	KUNIT_EXPECT_EQ(test, flush(fm), 0);
	forget_trace(&fm->daemon);
	fm->daemon.dead = true;
	dm_log_fake_restart(fm, true);
	run_cleaner(fm, 1);
	KUNIT_EXPECT_EQ(test, fm->nr_events, 1);
	KUNIT_EXPECT_EQ(test, fm->nr_tends, 2);
	expect_trace(fm, "");

	fm->daemon.dead = false;
	run_cleaner(fm, 1);
	expect_trace(fm, "SCSRMF");
	KUNIT_EXPECT_EQ(test, nr_held(fm), 3);
	KUNIT_EXPECT_EQ(test, fm->nr_events, 1);
}

/* A mirror at rest does not wait for a daemon. */
static void us_flush_without_daemon(struct kunit *test)
{
	struct dm_log_fake_mirror *fm = start(test, WORDS);

	mark(fm, 5);
	KUNIT_EXPECT_EQ(test, flush(fm), 0);
	clear(fm, 5);
	fm->daemon.dead = true;
	dm_log_fake_restart(fm, true);
	KUNIT_EXPECT_EQ(test, flush(fm), 0);
	KUNIT_EXPECT_LE(test, fm->daemon.nr_refused, 4);
}

/*
 * A region was recovered, which the daemon could not be told, and is written to in the
 * same pass: for the map it is still out of sync, but its mark has to be there.
 */
static void us_restart_not_told(struct kunit *test)
{
	struct dm_log_fake_mirror *fm = start(test, WORDS);

	mark(fm, 5);
	KUNIT_EXPECT_EQ(test, flush(fm), 0);
	set_sync(fm, 5, 0);
	KUNIT_EXPECT_EQ(test, flush(fm), 0);
	fm->daemon.fail[DM_ULOG_SET_REGION_SYNC] = 10;
	recover(fm, 5);
	KUNIT_ASSERT_FALSE(test, test_bit(5, fm->daemon.in_sync));
	KUNIT_EXPECT_EQ(test, busy(fm, 5), 0);
	KUNIT_EXPECT_EQ(test, in_sync(fm, 5), 1);

	fm->daemon.dead = true;
	fm->daemon.revive_after = 3;
	dm_log_fake_restart(fm, true);
	fm->daemon.fail[DM_ULOG_SET_REGION_SYNC] = 0;
	mark(fm, 5);
	KUNIT_EXPECT_EQ(test, flush(fm), 0);
	KUNIT_EXPECT_TRUE(test, test_bit(5, fm->daemon.durable));
}

/* B18, B27: the new daemon hears no sync or nosync: that would be a new log. */
static void us_restart_args(struct kunit *test)
{
	static const struct {
		const char *words;
		const char *first;
		const char *again;
	} rows[] = {
		{ "u clustered-core 1024 nosync", LEN " clustered-core 1024 nosync",
		  LEN " clustered-core 1024" },
		{ "u clustered-disk 253:4 1024 sync",
		  LEN " clustered-disk 253:4 1024 sync",
		  LEN " clustered-disk 253:4 1024" },
		{ "u core 1024", LEN " core 1024", LEN " core 1024" },
		{ "u core nosync 1024", LEN " core nosync 1024",
		  LEN " core nosync 1024" },
		{ "u core 1024 NoSync", LEN " core 1024 NoSync",
		  LEN " core 1024 NoSync" },
	};
	struct dm_log_fake_mirror *fm = test->priv;
	int i;

	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		create_log(fm, rows[i].words);
		KUNIT_EXPECT_STREQ(test, fm->daemon.ctr, rows[i].first);
		/* Not heard yet. */
		dm_log_fake_restart(fm, true);
		KUNIT_EXPECT_STREQ(test, status(fm, STATUSTYPE_INFO, 256), "1 fake");
		KUNIT_EXPECT_STREQ(test, fm->daemon.ctr, rows[i].first);
		KUNIT_EXPECT_EQ(test, resume_log(fm), 0);
		dm_log_fake_restart(fm, true);
		KUNIT_EXPECT_EQ(test, in_sync(fm, 5), 1);
		KUNIT_EXPECT_STREQ(test, fm->daemon.ctr, rows[i].again);
		dm_log_fake_destroy(fm);
	}
}

/* B17: the new daemon names its device again; that is no news. */
static void us_restart_names_device(struct kunit *test)
{
	struct dm_log_fake_mirror *fm = start(test, WORDS);

	dm_log_fake_restart(fm, false);
	fm->daemon.ctr_reply_size = 128;
	memset(fm->daemon.ctr_reply, 'd', 127);
	KUNIT_EXPECT_EQ(test, in_sync(fm, 5), 1);
	expect_trace(fm, "ISCSRI");
}

/* B27: a log that is not resumed is not resumed by a restart, nor by a status. */
static void us_restart_not_resumed(struct kunit *test)
{
	struct dm_log_fake_mirror *fm = test->priv;

	create_log(fm, WORDS);
	forget_trace(&fm->daemon);
	dm_log_fake_restart(fm, false);
	KUNIT_EXPECT_STREQ(test, status(fm, STATUSTYPE_INFO, 256), "1 fake");
	expect_trace(fm, "TSCST");

	KUNIT_EXPECT_EQ(test, resume_log(fm), 0);
	expect_trace(fm, "R");
	KUNIT_EXPECT_EQ(test, suspend_log(fm), 0);
	expect_trace(fm, "PO");
	dm_log_fake_restart(fm, false);
	KUNIT_EXPECT_STREQ(test, status(fm, STATUSTYPE_INFO, 256), "1 fake");
	expect_trace(fm, "TSCST");
	KUNIT_EXPECT_FALSE(test, fm->daemon.awake);
}

/* What the worker does, in a worker, with the test's stubs. */
struct in_worker {
	struct work_struct work;
	struct dm_log_fake_mirror *fm;
	u64 count;
};

static void flush_in_worker(struct work_struct *work)
{
	struct in_worker *iw = container_of(work, struct in_worker, work);

	current->kunit_test = iw->fm->test;
	iw->count = in_sync(iw->fm, 9);
	KUNIT_EXPECT_EQ(iw->fm->test, flush(iw->fm), 0);
	current->kunit_test = NULL;
}

/* B18: a status and the worker find the new daemon at once; one introduces the log. */
static void us_restart_two_threads(struct kunit *test)
{
	struct dm_log_fake_mirror *fm = start(test, WORDS);
	struct in_worker iw = { .fm = fm };
	const char *ctr;
	int i;

	INIT_WORK_ONSTACK(&iw.work, flush_in_worker);
	mark_some(fm, 0, 3);
	KUNIT_EXPECT_EQ(test, flush(fm), 0);
	for (i = 0; i < 30; i++) {
		forget_trace(&fm->daemon);
		dm_log_fake_restart(fm, i % 2);
		schedule_work(&iw.work);
		KUNIT_EXPECT_STREQ(test, status(fm, STATUSTYPE_INFO, 64), "1 fake");
		flush_work(&iw.work);
		KUNIT_EXPECT_EQ(test, iw.count, 1);
		KUNIT_EXPECT_EQ(test, nr_held(fm), 3);
		ctr = strchr(fm->daemon.trace, 'C');
		KUNIT_EXPECT_PTR_EQ(test, ctr, strrchr(fm->daemon.trace, 'C'));
	}
	destroy_work_on_stack(&iw.work);
}

/* A daemon that was restarted while the log was suspended. */
static void us_restart_suspended(struct kunit *test)
{
	struct dm_log_fake_mirror *fm = start(test, WORDS);

	mark(fm, 5);
	KUNIT_EXPECT_EQ(test, flush(fm), 0);
	KUNIT_EXPECT_EQ(test, suspend_log(fm), 0);
	dm_log_fake_restart(fm, false);
	forget_trace(&fm->daemon);
	KUNIT_EXPECT_EQ(test, resume_log(fm), 0);
	expect_trace(fm, "RSCSR");
	KUNIT_EXPECT_EQ(test, flush(fm), 0);
	expect_trace(fm, "MF");
	KUNIT_EXPECT_TRUE(test, held(fm, 5));
}

/* B4: PRESUSPEND finds another daemon, and writes are still in flight. */
static void us_restart_seen_by_presuspend(struct kunit *test)
{
	struct dm_log_fake_mirror *fm = start(test, WORDS);

	mark(fm, 5);
	KUNIT_EXPECT_EQ(test, flush(fm), 0);
	dm_log_fake_restart(fm, false);
	fm->log->type->presuspend(fm->log);
	KUNIT_EXPECT_EQ(test, flush(fm), 0);
	KUNIT_EXPECT_TRUE(test, held(fm, 5));
	clear(fm, 5);
	KUNIT_EXPECT_EQ(test, fm->log->type->postsuspend(fm->log), 0);
	KUNIT_EXPECT_EQ(test, nr_held(fm), 0);
	KUNIT_EXPECT_FALSE(test, fm->daemon.awake);
}

/*
 * B4, B18: a reconnect that fails half way. When another one succeeds, the marks
 * have to be given again all the same.
 */
static void us_restart_in_steps(struct kunit *test)
{
	static const struct {
		u32 fail;
		u32 mute;
		u32 ignore;
		s32 error;
	} rows[] = {
		{ .fail = DM_ULOG_RESUME, .error = -EIO },
		{ .mute = DM_ULOG_RESUME },
		{ .ignore = DM_ULOG_RESUME },
		{ .mute = DM_ULOG_CTR },
		{ .ignore = DM_ULOG_CTR },
		{ .fail = DM_ULOG_CTR, .error = -EIO },
		{ .mute = DM_ULOG_GET_REGION_SIZE },
		{ .ignore = DM_ULOG_GET_REGION_SIZE },
	};
	struct dm_log_fake_mirror *fm = start(test, WORDS);
	int i, how;

	mark_some(fm, 0, 3);
	KUNIT_EXPECT_EQ(test, flush(fm), 0);
	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		for (how = 0; how < 2; how++) {
			dm_log_fake_restart(fm, how);
			fm->daemon.error = rows[i].error;
			fm->daemon.fail[rows[i].fail] = rows[i].fail != 0;
			fm->daemon.mute[rows[i].mute] = rows[i].mute != 0;
			fm->daemon.ignore[rows[i].ignore] = rows[i].ignore != 0;
			in_sync(fm, 9);
			KUNIT_EXPECT_EQ(test, flush(fm), 0);
			KUNIT_EXPECT_EQ_MSG(test, nr_held(fm), 3, "row %d.%d", i, how);
			KUNIT_EXPECT_TRUE_MSG(test, fm->daemon.awake, "row %d.%d", i, how);
			dm_log_fake_forgive(&fm->daemon);
			forget_trace(&fm->daemon);
		}
	}
}

static void restart_before_flush(struct dm_log_fake_mirror *fm, u32 type)
{
	if (type != DM_ULOG_FLUSH)
		return;
	fm->on_request = NULL;
	dm_log_fake_restart(fm, false);
}

/* A FLUSH does not confirm a MARK that another daemon was given. */
static void us_restart_between_mark_and_flush(struct kunit *test)
{
	struct dm_log_fake_mirror *fm = start(test, WORDS);

	mark(fm, 5);
	KUNIT_EXPECT_EQ(test, flush(fm), 0);
	forget_trace(&fm->daemon);
	mark(fm, 6);
	fm->on_request = restart_before_flush;
	KUNIT_EXPECT_EQ(test, flush(fm), 0);
	expect_trace(fm, "MFSCSRMF");
	KUNIT_EXPECT_EQ(test, nr_held(fm), 2);
}

static void other_daemon_for_in_sync(struct dm_log_fake_mirror *fm, u32 type)
{
	if (type != DM_ULOG_IN_SYNC)
		return;
	fm->on_request = NULL;
	fm->daemon.portid++;
}

/* B64: what is asked together is answered by one daemon, or asked again. */
static void us_restart_between_questions(struct kunit *test)
{
	struct dm_log_fake_mirror *fm = start(test, WORDS);

	__clear_bit(3, fm->daemon.in_sync);
	KUNIT_EXPECT_EQ(test, busy(fm, 5), 0);
	forget_trace(&fm->daemon);
	fm->on_request = other_daemon_for_in_sync;
	KUNIT_EXPECT_EQ(test, busy(fm, 6), 0);
	expect_trace(fm, "IQSRIQ");
}

/* What the old daemon did not hear of a failed write, the new one does. */
static void us_restart_nosync(struct kunit *test)
{
	struct dm_log_fake_mirror *fm = start(test, WORDS);

	mark(fm, 5);
	KUNIT_EXPECT_EQ(test, flush(fm), 0);
	fm->daemon.fail[DM_ULOG_SET_REGION_SYNC] = 1;
	set_sync(fm, 5, 0);
	dm_log_fake_restart(fm, true);
	KUNIT_EXPECT_EQ(test, flush(fm), 0);
	KUNIT_EXPECT_FALSE(test, test_bit(5, fm->daemon.in_sync));
	KUNIT_EXPECT_TRUE(test, held(fm, 5));
}

/* Two sockets of one daemon: no end of questions, but answers. */
static void us_two_sockets(struct kunit *test)
{
	struct dm_log_fake_mirror *fm = start(test, WORDS);
	int i;

	for (i = 0; i < 10; i++) {
		fm->daemon.portid ^= 1;
		mark(fm, i);
		KUNIT_EXPECT_EQ(test, in_sync(fm, i), 1);
		KUNIT_EXPECT_EQ(test, flush(fm), 0);
		KUNIT_EXPECT_EQ(test, nr_held(fm), i + 1);
	}
}

/* B19: a message that was not delivered says nothing about the daemon. */
static void us_send_errors(struct kunit *test)
{
	static const int errors[] = { -ESRCH, -ENOBUFS, -ENOMEM };
	struct dm_log_fake_mirror *fm = start(test, WORDS);
	int i;

	dm_log_resend_ms = 10 * MSEC_PER_SEC;
	for (i = 0; i < ARRAY_SIZE(errors); i++) {
		KUNIT_EXPECT_EQ(test, flush(fm), 0);
		fm->daemon.send_error = errors[i];
		fm->daemon.send_fails = 3;
		fm->daemon.nr_refused = 0;
		KUNIT_EXPECT_EQ(test, in_sync(fm, 5), 1);
		KUNIT_EXPECT_EQ(test, fm->daemon.nr_refused, 3);
		expect_trace(fm, "I");
		fm->daemon.send_fails = 1;
		mark(fm, i);
		KUNIT_EXPECT_EQ(test, flush(fm), 0);
		expect_trace(fm, "MF");
	}
	KUNIT_EXPECT_EQ(test, fm->nr_events, 0);
}

/* B26: again, with the same room for the answer; no reason to doubt the daemon. */
static void us_again(struct kunit *test)
{
	struct dm_log_fake_mirror *fm = start(test, WORDS);
	int i;

	dm_log_resend_ms = 10 * MSEC_PER_SEC;
	fm->daemon.error = -EAGAIN;
	for (i = 0; i < 2; i++) {
		fm->daemon.short_error = i;
		fm->daemon.fail[DM_ULOG_IN_SYNC] = 2;
		KUNIT_EXPECT_EQ(test, in_sync(fm, 5 + i), 1);
		expect_trace(fm, "III");
		fm->daemon.fail[DM_ULOG_STATUS_INFO] = 2;
		KUNIT_EXPECT_STREQ(test, status(fm, STATUSTYPE_INFO, 256), "1 fake");
		expect_trace(fm, "TTT");
	}
}

/* B26: the same while the daemon is asked whether it knows the log: that it may. */
static void us_again_in_probe(struct kunit *test)
{
	struct dm_log_fake_mirror *fm = start(test, WORDS);

	dm_log_resend_ms = 10 * MSEC_PER_SEC;
	dm_ulog_released(fm->daemon.portid);
	fm->daemon.error = -EAGAIN;
	fm->daemon.fail[DM_ULOG_GET_REGION_SIZE] = 1;
	KUNIT_EXPECT_EQ(test, in_sync(fm, 5), 1);
	expect_trace(fm, "SSRI");
}

/* B26: an error of the daemon's is one, also if sending could fail like that. */
static void us_remote_errors(struct kunit *test)
{
	static const int errors[] = {
		-ESRCH, -ENOBUFS, -ETIMEDOUT, -ECONNRESET, -EINTR, -EBUSY, -ENOENT,
		-ENODEV, -MAX_ERRNO,
	};
	struct dm_log_fake_mirror *fm = start(test, WORDS);
	int i;

	for (i = 0; i < ARRAY_SIZE(errors); i++) {
		dm_log_fake_restart(fm, true);
		fm->daemon.error = errors[i];
		fm->daemon.fail[DM_ULOG_GET_REGION_SIZE] = 1;
		KUNIT_EXPECT_EQ(test, in_sync(fm, 5), 1);
		expect_trace(fm, "SCSRI");
		KUNIT_EXPECT_EQ(test, flush(fm), 0);
		forget_trace(&fm->daemon);
	}
}

/* No answer: the same again, and the daemon may carry it out twice. */
static void us_lost_answers(struct kunit *test)
{
	struct dm_log_fake_mirror *fm = start(test, WORDS);

	fm->daemon.mute[DM_ULOG_MARK_REGION] = 1;
	fm->daemon.ignore[DM_ULOG_FLUSH] = 1;
	mark(fm, 5);
	KUNIT_EXPECT_EQ(test, flush(fm), 0);
	expect_trace(fm, "MFMF");
	KUNIT_EXPECT_TRUE(test, held(fm, 5));
	/* A read can do without, and in this pass nothing more is waited for. */
	fm->daemon.ignore[DM_ULOG_IN_SYNC] = 1;
	KUNIT_EXPECT_EQ(test, in_sync(fm, 5), 0);
	KUNIT_EXPECT_EQ(test, in_sync(fm, 6), 0);
	expect_trace(fm, "I");
	KUNIT_EXPECT_EQ(test, flush_idle(fm), 0);
	KUNIT_EXPECT_EQ(test, in_sync(fm, 5), 1);
	expect_trace(fm, "I");
	/* It was reported once, and raised an event for each silence. */
	KUNIT_EXPECT_GT(test, fm->nr_events, 0);
}

/* The new daemon's regions have another size: it must not be used. */
static void us_other_region_size(struct kunit *test)
{
	struct dm_log_fake_mirror *fm = start(test, WORDS);

	dm_log_fake_restart(fm, true);
	fm->daemon.region_sectors = 2048;
	KUNIT_EXPECT_EQ(test, busy(fm, 5), 1);
	KUNIT_EXPECT_FALSE(test, fm->daemon.awake);
	fm->daemon.region_sectors = 1024;
	KUNIT_EXPECT_EQ(test, flush(fm), 0);
	KUNIT_EXPECT_EQ(test, busy(fm, 5), 0);
	KUNIT_EXPECT_TRUE(test, fm->daemon.awake);
}

/* B20: daemon_timeout_s ends the wait, and the mark is not forgotten. */
static void us_daemon_timeout(struct kunit *test)
{
	struct dm_log_fake_mirror *fm = start(test, WORDS);
	unsigned long begin = jiffies;

	dm_log_daemon_timeout_s = 1;
	mark(fm, 5);
	fm->daemon.dead = true;
	/* Without it this would not end. */
	KUNIT_EXPECT_LT(test, flush(fm), 0);
	KUNIT_EXPECT_TRUE(test, time_after_eq(jiffies, begin + HZ));
	/* A write is not sorted to go unmarked. */
	KUNIT_EXPECT_EQ(test, busy(fm, 7), 0);
	KUNIT_EXPECT_EQ(test, in_sync(fm, 7), 1);
	fm->daemon.dead = false;
	KUNIT_EXPECT_LT(test, flush(fm), 0);
	KUNIT_EXPECT_EQ(test, flush(fm), 0);
	KUNIT_EXPECT_TRUE(test, held(fm, 5));
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
	KUNIT_CASE(us_marks),
	KUNIT_CASE(us_mark_groups),
	KUNIT_CASE(us_integrated_flush),
	KUNIT_CASE(us_lazy_clear),
	KUNIT_CASE(us_many_clears),
	KUNIT_CASE(us_clear_at_once),
	KUNIT_CASE(us_leg_flush_fails),
	KUNIT_CASE(us_mark_during_leg_flush),
	KUNIT_CASE(us_mark_during_clear),
	KUNIT_CASE(us_mark_after_clear),
	KUNIT_CASE(us_failing_marks),
	KUNIT_CASE(us_failing_flush),
	KUNIT_CASE(us_failing_flush_then_silence),
	KUNIT_CASE(us_failed_mark_cleared),
	KUNIT_CASE(us_failing_clears),
	KUNIT_CASE(us_failing_clear_flush),
	KUNIT_CASE(us_wave_again),
	KUNIT_CASE(us_hot_write),
	KUNIT_CASE(us_marks_renewed),
	KUNIT_CASE(us_recovered),
	KUNIT_CASE(us_recovered_then_marked),
	KUNIT_CASE(us_failed_write),
	KUNIT_CASE(us_given_up_not_cleared),
	KUNIT_CASE(us_failed_write_not_told),
	KUNIT_CASE(us_resync_work_checked),
	KUNIT_CASE(us_suspend),
	KUNIT_CASE(us_suspended_is_silent),
	KUNIT_CASE(us_resume_replays),
	KUNIT_CASE(us_suspend_without_daemon),
	KUNIT_CASE(us_send_errors_suspending),
	KUNIT_CASE(us_send_errors_of_states),
	KUNIT_CASE(us_postsuspend_unanswered),
	KUNIT_CASE(us_suspend_refused),
	KUNIT_CASE(us_restart_halted),
	KUNIT_CASE(us_reboot_without_daemon),
	KUNIT_CASE(us_in_sync_once_per_pass),
	KUNIT_CASE(us_reads_together),
	KUNIT_CASE(us_write_after_read),
	KUNIT_CASE(us_write_after_garbage),
	KUNIT_CASE(us_in_sync_garbage_read),
	KUNIT_CASE(us_in_sync_many_writes),
	KUNIT_CASE(us_writes_while_all_in_sync),
	KUNIT_CASE(us_count_before_resume),
	KUNIT_CASE(us_search_not_over),
	KUNIT_CASE(us_search_over),
	KUNIT_CASE(us_cleared_too_early),
	KUNIT_CASE(us_recovered_for_another),
	KUNIT_CASE(us_idle_is_woken),
	KUNIT_CASE(us_idle_is_woken_for_failed),
	KUNIT_CASE(us_refused_is_told),
	KUNIT_CASE(us_work_of_another),
	KUNIT_CASE(us_lost_again),
	KUNIT_CASE(us_flush_fails_among_others),
	KUNIT_CASE(us_idle_without_mark),
	KUNIT_CASE(us_renewal_ends),
	KUNIT_CASE(us_renewal_in_time),
	KUNIT_CASE(us_halt_of_another_time),
	KUNIT_CASE(us_write_while_recovering),
	KUNIT_CASE_SLOW(us_pass_without_daemon),
	KUNIT_CASE(us_remote_search_over),
	KUNIT_CASE(us_search_begins_again),
	KUNIT_CASE_SLOW(us_remote_halted),
	KUNIT_CASE(us_suspend_interrupted),
	KUNIT_CASE(us_recovered_told_once),
	KUNIT_CASE(us_failed_flush_tells_again),
	KUNIT_CASE(us_count_with_failed),
	KUNIT_CASE_SLOW(us_slow_daemon),
	KUNIT_CASE(us_remote_recovering_suspended),
	KUNIT_CASE(us_write_to_what_failed),
	KUNIT_CASE(us_mark_of_what_failed),
	KUNIT_CASE(us_remote_recovering),
	KUNIT_CASE(us_remote_recovering_traffic),
	KUNIT_CASE(us_remote_recovering_error),
	KUNIT_CASE(us_sync_count),
	KUNIT_CASE(us_insync_cache),
	KUNIT_CASE(us_insync_cache_ends),
	KUNIT_CASE(us_status_strings),
	KUNIT_CASE(us_status_without_daemon),
	KUNIT_CASE(us_restart_unnoticed),
	KUNIT_CASE(us_restart_same_portid),
	KUNIT_CASE(us_other_portid_knows),
	KUNIT_CASE(us_restart_noticed),
	KUNIT_CASE(us_restart_idle),
	KUNIT_CASE(us_flush_without_daemon),
	KUNIT_CASE(us_restart_not_told),
	KUNIT_CASE(us_restart_args),
	KUNIT_CASE(us_restart_names_device),
	KUNIT_CASE(us_restart_not_resumed),
	KUNIT_CASE(us_restart_two_threads),
	KUNIT_CASE(us_restart_suspended),
	KUNIT_CASE(us_restart_seen_by_presuspend),
	KUNIT_CASE_SLOW(us_restart_in_steps),
	KUNIT_CASE(us_restart_between_mark_and_flush),
	KUNIT_CASE(us_restart_between_questions),
	KUNIT_CASE(us_restart_nosync),
	KUNIT_CASE(us_two_sockets),
	KUNIT_CASE(us_send_errors),
	KUNIT_CASE(us_again),
	KUNIT_CASE(us_again_in_probe),
	KUNIT_CASE(us_remote_errors),
	KUNIT_CASE(us_lost_answers),
	KUNIT_CASE(us_other_region_size),
	KUNIT_CASE_SLOW(us_daemon_timeout),
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
