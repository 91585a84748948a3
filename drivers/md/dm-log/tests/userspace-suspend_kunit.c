// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit tests of suspend, resume and reboot with the userspace log: what the daemon is told
 * until it says POSTSUSPEND, that nothing is said after that, and that no daemon keeps any
 * of it for long.
 */

#include <kunit/test.h>
#include <linux/bitmap.h>
#include <linux/bitops.h>
#include <linux/jiffies.h>
#include <linux/reboot.h>
#include <linux/string.h>

#include "../private.h"
#include "../userspace.h"
#include "userspace-test.h"

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

/*
 * cmirrord keeps what it knew of marks over a suspend, and then does not take a region for
 * dirty that is marked. In a cluster it is to forget the log before a resume.
 */
static void us_resume_in_cluster(struct kunit *test)
{
	struct dm_log_fake_mirror *fm = start(test, "u clustered-core 1024 nosync");
	struct dm_log_fake_daemon *daemon = &fm->daemon;
	unsigned long begin;

	KUNIT_EXPECT_EQ(test, suspend_log(fm), 0);
	forget_trace(daemon);
	begin = jiffies;
	KUNIT_EXPECT_EQ(test, resume_log(fm), 0);
	expect_trace(fm, "DCR");
	/* Not sooner than cmirrord joins a cluster that it has left. */
	KUNIT_EXPECT_TRUE(test, time_after_eq(jiffies, begin + 2 * HZ));
	/* What is said once is not said again. */
	KUNIT_EXPECT_NULL(test, strstr(daemon->ctr, "nosync"));

	/* One that does not know it has nothing to forget. */
	KUNIT_EXPECT_EQ(test, suspend_log(fm), 0);
	dm_log_fake_restart(fm, true);
	forget_trace(daemon);
	KUNIT_EXPECT_EQ(test, resume_log(fm), 0);
	expect_trace(fm, "SCSR");

	/* CTR was lost: then it does not know the log, and that is not the end. */
	KUNIT_EXPECT_EQ(test, suspend_log(fm), 0);
	to_us_log(fm->log)->session.left_at = 0;
	daemon->ignore[DM_ULOG_CTR] = 1;
	forget_trace(daemon);
	KUNIT_EXPECT_LT(test, resume_log(fm), 0);
	run_cleaner(fm, 1);
	KUNIT_EXPECT_TRUE(test, daemon->awake);
	expect_trace(fm, "DCSCSR");
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

static void clear_takes_long(struct dm_log_fake_mirror *fm, u32 type)
{
	if (type == DM_ULOG_CLEAR_REGION)
		dm_ulog_hurry(&to_us_log(fm->log)->client, jiffies - 1);
}

/* A daemon that answers, but slowly: a suspend has its time, and what is left stays marked. */
static void us_suspend_slow_daemon(struct kunit *test)
{
	struct dm_log_fake_mirror *fm = start(test, WORDS);

	mark_some(fm, 0, 3 * US_NR_CLEARS);
	KUNIT_EXPECT_EQ(test, flush(fm), 0);
	clear_some(fm, 0, 3 * US_NR_CLEARS);
	fm->on_request = clear_takes_long;
	KUNIT_EXPECT_EQ(test, suspend_log(fm), 0);
	KUNIT_EXPECT_EQ(test, nr_held(fm), 2 * US_NR_CLEARS);
	fm->on_request = NULL;
	KUNIT_EXPECT_EQ(test, resume_log(fm), 0);
	KUNIT_EXPECT_EQ(test, suspend_log(fm), 0);
	KUNIT_EXPECT_EQ(test, nr_held(fm), 0);
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

static struct kunit_case dm_log_userspace_suspend_cases[] = {
	KUNIT_CASE(us_suspend),
	KUNIT_CASE(us_suspended_is_silent),
	KUNIT_CASE(us_resume_replays),
	KUNIT_CASE(us_suspend_without_daemon),
	KUNIT_CASE(us_send_errors_suspending),
	KUNIT_CASE(us_send_errors_of_states),
	KUNIT_CASE(us_postsuspend_unanswered),
	KUNIT_CASE(us_resume_in_cluster),
	KUNIT_CASE(us_suspend_refused),
	KUNIT_CASE(us_restart_halted),
	KUNIT_CASE(us_reboot_without_daemon),
	KUNIT_CASE(us_suspend_interrupted),
	KUNIT_CASE(us_suspend_slow_daemon),
	KUNIT_CASE(us_remote_recovering_suspended),
	{}
};

static struct kunit_suite dm_log_userspace_suspend_suite = {
	.name = "dm_log_userspace_suspend",
	.init = us_test_init,
	.exit = us_test_exit,
	.test_cases = dm_log_userspace_suspend_cases,
};

kunit_test_suite(dm_log_userspace_suspend_suite);
