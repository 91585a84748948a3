// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit tests of the userspace log's daemons: they die, hang, answer late or with an error,
 * come back, and are then others, which know nothing. And of the time that the log gives
 * them.
 */

#include <kunit/test.h>
#include <linux/bitmap.h>
#include <linux/bitops.h>
#include <linux/delay.h>
#include <linux/dm-dirty-log.h>
#include <linux/err.h>
#include <linux/jiffies.h>
#include <linux/sched.h>
#include <linux/string.h>
#include <linux/workqueue.h>

#include "../private.h"
#include "../userspace.h"
#include "userspace-test.h"

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

/*
 * Errors and silence
 */

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

/*
 * cmirrord could not pass it on to the other nodes, one of which has just died: nobody has
 * heard of it, so what it was told is told again, and no mark is lost.
 */
static void us_not_passed_on(struct kunit *test)
{
	struct dm_log_fake_mirror *fm = start(test, WORDS);

	dm_log_resend_ms = 10 * MSEC_PER_SEC;
	fm->daemon.error = -EBADE;
	fm->daemon.fail[DM_ULOG_FLUSH] = 2;
	mark(fm, 5);
	KUNIT_EXPECT_EQ(test, flush(fm), 0);
	expect_trace(fm, "MFMFMF");
	fm->daemon.fail[DM_ULOG_MARK_REGION] = 1;
	mark(fm, 6);
	KUNIT_EXPECT_EQ(test, flush(fm), 0);
	expect_trace(fm, "MFMF");
	KUNIT_EXPECT_TRUE(test, held(fm, 6));
	KUNIT_EXPECT_FALSE(test, us_is_refused(to_us_log(fm->log)));
	/* A daemon that has not heard of a suspend would stay halted. */
	clear_some(fm, 5, 2);
	fm->daemon.fail[DM_ULOG_POSTSUSPEND] = 2;
	forget_trace(&fm->daemon);
	KUNIT_EXPECT_EQ(test, suspend_log(fm), 0);
	expect_trace(fm, "P|XFOOO");
}

/*
 * The same of the mark alone, while the others hear that its region was recovered: it is
 * given again, or the next node's CLEAR would make clean what is in the caches of the legs.
 */
static void us_mark_not_passed_on(struct kunit *test)
{
	struct dm_log_fake_mirror *fm = start(test, WORDS);

	dm_log_resend_ms = 10 * MSEC_PER_SEC;
	__clear_bit(7, fm->daemon.in_sync);
	fm->daemon.error = -EBADE;
	fm->daemon.fail[DM_ULOG_MARK_REGION] = 1;
	recover(fm, 7);
	expect_trace(fm, "MYFMF");
	KUNIT_EXPECT_TRUE(test, test_bit(7, fm->daemon.in_sync));
	KUNIT_EXPECT_TRUE(test, held(fm, 7));
	run_cleaner(fm, 2);
	expect_trace(fm, "|XF");
	/* One that was refused is not: the next word of a daemon whose disk fails means nothing. */
	fm->daemon.error = -EIO;
	fm->daemon.fail[DM_ULOG_MARK_REGION] = 1;
	recover(fm, 8);
	KUNIT_EXPECT_PTR_EQ(test, strchr(fm->daemon.trace, 'M'),
			    strrchr(fm->daemon.trace, 'M'));
	KUNIT_EXPECT_FALSE(test, held(fm, 8));
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

static struct kunit_case dm_log_userspace_session_cases[] = {
	KUNIT_CASE(us_lost_again),
	KUNIT_CASE_SLOW(us_pass_without_daemon),
	KUNIT_CASE_SLOW(us_slow_daemon),
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
	KUNIT_CASE(us_not_passed_on),
	KUNIT_CASE(us_mark_not_passed_on),
	KUNIT_CASE(us_again_in_probe),
	KUNIT_CASE(us_remote_errors),
	KUNIT_CASE(us_lost_answers),
	KUNIT_CASE(us_other_region_size),
	KUNIT_CASE_SLOW(us_daemon_timeout),
	{}
};

static struct kunit_suite dm_log_userspace_session_suite = {
	.name = "dm_log_userspace_session",
	.init = us_test_init,
	.exit = us_test_exit,
	.test_cases = dm_log_userspace_session_cases,
};

kunit_test_suite(dm_log_userspace_session_suite);
