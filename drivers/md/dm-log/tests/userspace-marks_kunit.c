// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit tests of what the userspace log tells its daemon of this node's writes: marks, when
 * they are lazily cleared, and what becomes of both if a request fails or is lost.
 */

#include <kunit/test.h>
#include <linux/bitmap.h>
#include <linux/bitops.h>
#include <linux/string.h>

#include "../private.h"
#include "../userspace.h"
#include "userspace-test.h"

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

static struct kunit_case dm_log_userspace_marks_cases[] = {
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
	KUNIT_CASE(us_flush_fails_among_others),
	KUNIT_CASE(us_idle_without_mark),
	KUNIT_CASE(us_renewal_ends),
	KUNIT_CASE(us_renewal_in_time),
	KUNIT_CASE(us_mark_of_what_failed),
	{}
};

static struct kunit_suite dm_log_userspace_marks_suite = {
	.name = "dm_log_userspace_marks",
	.init = us_test_init,
	.exit = us_test_exit,
	.test_cases = dm_log_userspace_marks_cases,
};

kunit_test_suite(dm_log_userspace_marks_suite);
