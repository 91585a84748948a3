// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit tests of how the userspace log recovers: how many regions are in sync, the search
 * for those that are not, what the daemon is told of what has failed and of what was
 * recovered, and who wakes an idle mirror to go on.
 */

#include <kunit/test.h>
#include <linux/bitops.h>
#include <linux/dm-dirty-log.h>
#include <linux/limits.h>
#include <linux/string.h>

#include "../common.h"
#include "../userspace.h"
#include "userspace-test.h"

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

static struct kunit_case dm_log_userspace_resync_cases[] = {
	KUNIT_CASE(us_recovered),
	KUNIT_CASE(us_recovered_then_marked),
	KUNIT_CASE(us_failed_write),
	KUNIT_CASE(us_given_up_not_cleared),
	KUNIT_CASE(us_failed_write_not_told),
	KUNIT_CASE(us_resync_work_checked),
	KUNIT_CASE(us_count_before_resume),
	KUNIT_CASE(us_search_not_over),
	KUNIT_CASE(us_search_over),
	KUNIT_CASE(us_cleared_too_early),
	KUNIT_CASE(us_recovered_for_another),
	KUNIT_CASE(us_idle_is_woken),
	KUNIT_CASE(us_idle_is_woken_for_failed),
	KUNIT_CASE(us_refused_is_told),
	KUNIT_CASE(us_work_of_another),
	KUNIT_CASE(us_search_begins_again),
	KUNIT_CASE(us_recovered_told_once),
	KUNIT_CASE(us_count_with_failed),
	KUNIT_CASE(us_sync_count),
	{}
};

static struct kunit_suite dm_log_userspace_resync_suite = {
	.name = "dm_log_userspace_resync",
	.init = us_test_init,
	.exit = us_test_exit,
	.test_cases = dm_log_userspace_resync_cases,
};

kunit_test_suite(dm_log_userspace_resync_suite);
