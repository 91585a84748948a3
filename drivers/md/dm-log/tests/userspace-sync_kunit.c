// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit tests of what the userspace log asks its daemon about regions that are read or
 * written: which are in sync, and which another node recovers; how often it asks, and how
 * long an answer is believed.
 */

#include <kunit/test.h>
#include <linux/bitmap.h>
#include <linux/bitops.h>
#include <linux/delay.h>
#include <linux/dm-dirty-log.h>
#include <linux/jiffies.h>
#include <linux/limits.h>

#include "../private.h"
#include "../userspace.h"
#include "userspace-test.h"

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
	dm_log_resend_ms = 10 * MSEC_PER_SEC;	/* in one pass, on any machine */
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

static const struct odd_bool odd_bools[] = {
	{ 2, 8 }, { -5, 8 }, { BIT_ULL(32), 8 }, { BIT_ULL(32) + 1, 8 },
	{ U64_MAX, 8 }, { 1, 0 }, { 1, 4 }, { 0, 4 }, { 0, 0 }, { 1, 16 },
};

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

	dm_log_resend_ms = 10 * MSEC_PER_SEC;	/* in one pass, on any machine */
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

/* What was seen of a server in one suspend says nothing about the next. */
static void us_halt_of_another_time(struct kunit *test)
{
	struct dm_log_fake_mirror *fm = start(test, CLUSTER);
	struct us_sync *sync = &to_us_log(fm->log)->sync;

	sync->halted_since = 1;
	KUNIT_EXPECT_EQ(test, flush_idle(fm), 0);
	KUNIT_EXPECT_TRUE(test, !sync->halted_since);
}

static struct kunit_case dm_log_userspace_sync_cases[] = {
	KUNIT_CASE(us_in_sync_once_per_pass),
	KUNIT_CASE(us_reads_together),
	KUNIT_CASE(us_write_after_read),
	KUNIT_CASE(us_write_after_garbage),
	KUNIT_CASE(us_in_sync_garbage_read),
	KUNIT_CASE(us_in_sync_many_writes),
	KUNIT_CASE(us_writes_while_all_in_sync),
	KUNIT_CASE(us_halt_of_another_time),
	KUNIT_CASE(us_write_while_recovering),
	KUNIT_CASE(us_remote_search_over),
	KUNIT_CASE_SLOW(us_remote_halted),
	KUNIT_CASE(us_failed_flush_tells_again),
	KUNIT_CASE(us_write_to_what_failed),
	KUNIT_CASE(us_remote_recovering),
	KUNIT_CASE(us_remote_recovering_traffic),
	KUNIT_CASE(us_remote_recovering_error),
	KUNIT_CASE(us_insync_cache),
	KUNIT_CASE(us_insync_cache_ends),
	{}
};

static struct kunit_suite dm_log_userspace_sync_suite = {
	.name = "dm_log_userspace_sync",
	.init = us_test_init,
	.exit = us_test_exit,
	.test_cases = dm_log_userspace_sync_cases,
};

kunit_test_suite(dm_log_userspace_sync_suite);
