// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit test of the userspace log's crash rule: while a write is in flight, the
 * daemon has been given the region's mark, has confirmed it, and has not been told
 * to clear it; and this is true of the daemon that lives, not of one that died.
 *
 * A model mirror drives a real log at random: writes, failed writes, recovery,
 * cleaning, questions, suspend. Its daemon dies and comes back with nothing,
 * fails, keeps silent and talks nonsense, also at random.
 */

#include <kunit/test.h>
#include <linux/bitmap.h>
#include <linux/bitops.h>
#include <linux/dm-dirty-log.h>
#include <linux/err.h>
#include <linux/moduleparam.h>
#include <linux/prandom.h>
#include <linux/random.h>
#include <linux/string.h>

#include "../common.h"
#include "../private.h"
#include "../userspace.h"
#include "fake-daemon.h"

#define NR_ACTIVE	48
#define NR_STEPS	6000

static unsigned long long us_seed;
module_param(us_seed, ullong, 0444);
MODULE_PARM_DESC(us_seed, "KUnit: replay the run with this seed");

/**
 * struct us_region - the truth about one region
 * @nr: its number
 * @marked: a write to it is wanted
 * @in_flight: the write was issued
 * @failed: a write has failed, and the region was not recovered since
 * @unsure: it was recovered, but perhaps the daemon could not be told, so that it
 *	is to be recovered again
 */
struct us_region {
	u64 nr;
	bool marked;
	bool in_flight;
	bool failed;
	bool unsure;
};

/**
 * struct us_mirror - the model
 * @fm: mirror and daemon; the first member
 * @region: the regions in use
 * @rnd: decides
 * @told: that the last daemon has died was noticed
 * @suspended: between postsuspend and resume
 * @step: for messages
 * @writes: how many were issued
 * @restarts: how many daemons died
 */
struct us_mirror {
	struct dm_log_fake_mirror fm;
	struct us_region region[NR_ACTIVE];
	struct rnd_state rnd;
	bool told;
	bool suspended;
	unsigned int step;
	unsigned int writes;
	unsigned int restarts;
};

static struct us_mirror *to_us_mirror(struct dm_log_fake_mirror *fm)
{
	return container_of(fm, struct us_mirror, fm);
}

static u32 pick(struct us_mirror *um, u32 limit)
{
	return prandom_u32_state(&um->rnd) % limit;
}

static struct us_region *pick_region(struct us_mirror *um)
{
	return &um->region[pick(um, pick(um, 2) ? 6 : NR_ACTIVE)];
}

/* The daemon may never be told to clear what is being written, or has failed. */
static void check_clear(struct dm_log_fake_mirror *fm, u64 region)
{
	struct us_mirror *um = to_us_mirror(fm);
	int i;

	for (i = 0; i < NR_ACTIVE; i++) {
		const struct us_region *r = &um->region[i];

		if (r->nr == region && (r->in_flight || r->failed))
			KUNIT_FAIL(fm->test, "step %u: region %llu cleared: flight %d, failed %d\n",
				   um->step, region, r->in_flight, r->failed);
	}
}

/* Who has not been heard of may be anyone: the kernel cannot know. */
static bool knows_its_daemon(const struct us_mirror *um)
{
	return um->fm.daemon.answered || um->told;
}

static void check_marks(struct us_mirror *um)
{
	int i;

	for (i = 0; i < NR_ACTIVE; i++) {
		const struct us_region *r = &um->region[i];

		if (r->in_flight && !test_bit(r->nr, um->fm.daemon.durable))
			KUNIT_FAIL(um->fm.test, "step %u: region %llu in flight without a mark\n",
				   um->step, r->nr);
	}
}

static void want_write(struct us_mirror *um, struct us_region *r)
{
	if (r->failed)
		return;
	um->fm.log->type->mark_region(um->fm.log, r->nr);
	r->marked = true;
}

static void flush(struct us_mirror *um)
{
	struct dm_dirty_log *log = um->fm.log;
	DECLARE_BITMAP(ready, NR_ACTIVE) = { };
	int i;

	/* Without a daemon they have to wait. */
	for (i = 0; i < NR_ACTIVE; i++)
		if (um->region[i].marked && !um->region[i].in_flight &&
		    !log->type->is_remote_recovering(log, um->region[i].nr))
			__set_bit(i, ready);
	if (log->type->flush(log))
		return;
	for_each_set_bit(i, ready, NR_ACTIVE) {
		um->region[i].in_flight = true;
		um->writes++;
	}
	/* Without a write nobody waits for the marks to be given to a new daemon. */
	if (!bitmap_empty(ready, NR_ACTIVE) && knows_its_daemon(um))
		check_marks(um);
}

/* The write has ended, or was given up before it was issued. */
static void end_write(struct us_mirror *um, struct us_region *r)
{
	if (!r->marked)
		return;
	r->in_flight = false;
	r->marked = false;
	um->fm.log->type->clear_region(um->fm.log, r->nr);
}

static void fail_write(struct us_mirror *um, struct us_region *r)
{
	if (!r->in_flight)
		return;
	r->in_flight = false;
	r->marked = false;
	r->failed = true;
	um->fm.log->type->set_region_sync(um->fm.log, r->nr, 0);
}

/*
 * After a failure nothing is CLEARed for as long as there is the log. Here one log goes
 * through many: it is to forget them, as its successor would.
 */
static void forget_failures(struct us_mirror *um)
{
	struct us_log *us = to_us_log(um->fm.log);

	us->cache.common.regions.legs = DM_LEGS_GOOD;
	us->cache.common.regions.spoiled = false;
	us->marks.refused = 0;
}

static void recover(struct us_mirror *um, struct us_region *r)
{
	struct us_log *us = to_us_log(um->fm.log);

	if (r->marked)
		return;
	r->unsure = pick(um, 2);
	/* A new pass, and a daemon that is known to be the one that gives the region. */
	flush(um);
	if (!r->unsure) {
		dm_log_fake_forgive(&um->fm.daemon);
		forget_failures(um);
	}
	um->fm.log->type->is_clean(um->fm.log, r->nr);
	dm_regions_offer(&us->cache.common.regions, r->nr);
	us->sync.handed = us_epoch(us);
	um->fm.log->type->clear_region(um->fm.log, r->nr);
	r->failed = false;
	um->fm.log->type->set_region_sync(um->fm.log, r->nr, 1);
	if (test_bit(r->nr, um->fm.daemon.in_sync))
		return;
	KUNIT_EXPECT_TRUE_MSG(um->fm.test, r->unsure, "step %u: region %llu", um->step, r->nr);
}

static void end_all_writes(struct us_mirror *um)
{
	int i;

	for (i = 0; i < NR_ACTIVE; i++)
		end_write(um, &um->region[i]);
}

/* The worker goes on while the cleaner flushes the legs. */
static void write_in_leg_flush(struct dm_log_fake_mirror *fm)
{
	struct us_mirror *um = to_us_mirror(fm);
	int i, nr = pick(um, 4);

	if (um->suspended)
		return;
	for (i = 0; i < nr; i++)
		want_write(um, pick_region(um));
	if (nr && pick(um, 2))
		flush(um);
	for (i = 0; i < nr; i++)
		end_write(um, pick_region(um));
}

/* What the answers are does not matter here, but who gives them. */
static void ask(struct us_mirror *um)
{
	struct dm_dirty_log *log = um->fm.log;
	struct us_region *r = pick_region(um);
	region_t region;
	char buf[64];

	switch (pick(um, 8)) {
	case 0 ... 1:
		log->type->is_remote_recovering(log, r->nr);
		fallthrough;
	case 2 ... 3:
		log->type->in_sync(log, r->nr, 1);
		break;
	case 4:
		log->type->get_resync_work(log, &region);
		break;
	case 5:
		log->type->get_sync_count(log);
		break;
	case 6:
		log->type->status(log, STATUSTYPE_INFO, buf, sizeof(buf));
		break;
	case 7:
		log->type->is_clean(log, r->nr);
		break;
	}
}

static void restart_daemon(struct us_mirror *um)
{
	bool tell = pick(um, 2);

	um->restarts++;
	/* Of the death of one that was never heard of nobody takes notice. */
	if (um->fm.daemon.answered)
		um->told = tell;
	if (!pick(um, 3)) {
		um->fm.daemon.dead = true;
		um->fm.daemon.revive_after = 1 + pick(um, 4);
	}
	dm_log_fake_restart(&um->fm, tell);
}

/* Something will go wrong soon. */
static void break_daemon(struct us_mirror *um)
{
	static const int errors[] = {
		-EIO, -EINVAL, -ENOENT, -EAGAIN, -ENOMEM, -ESRCH, -EBUSY, EIO,
	};
	static const int send_errors[] = { -ESRCH, -ENOBUFS, -ENOMEM };
	static const u64 odd[] = { 0, 1, 2, 5, FAKE_REGIONS, U64_MAX };
	struct dm_log_fake_daemon *daemon = &um->fm.daemon;
	u32 type = 1 + pick(um, FAKE_TYPES - 1);
	unsigned int nr = 1 + pick(um, 2);

	/* Half of all requests that matter. */
	if (pick(um, 2))
		type = DM_ULOG_FLUSH + pick(um, 3);
	daemon->error = errors[pick(um, ARRAY_SIZE(errors))];
	daemon->short_error = pick(um, 2) && daemon->error < 0;

	switch (pick(um, 6)) {
	case 0 ... 1:
		daemon->fail[type] = nr;
		break;
	case 2:
		daemon->mute[type] = nr;
		break;
	case 3:
		daemon->ignore[type] = nr;
		break;
	case 4:
		daemon->odd_reply[0] = odd[pick(um, ARRAY_SIZE(odd))];
		daemon->odd_reply[1] = odd[pick(um, ARRAY_SIZE(odd))];
		daemon->odd_size = 4 * pick(um, 7);
		daemon->odd[type] = nr;
		break;
	case 5:
		daemon->send_error = send_errors[pick(um, ARRAY_SIZE(send_errors))];
		daemon->send_fails = nr;
		break;
	}
}

/* All that was written before is clean at the daemon, and then there is silence. */
static void suspend_and_resume(struct us_mirror *um)
{
	struct dm_dirty_log *log = um->fm.log;
	bool well = pick(um, 2);
	unsigned int traced;
	int i, late = pick(um, 4) ? -1 : pick(um, NR_ACTIVE);

	log->type->presuspend(log);
	if (pick(um, 2))
		flush(um);
	if (well) {
		dm_log_fake_forgive(&um->fm.daemon);
		um->fm.fail_leg_flushes = 0;
	}
	for (i = 0; i < NR_ACTIVE; i++)
		if (i != late)
			end_write(um, &um->region[i]);
	/* Ended, but the worker comes too late to say so. */
	if (late >= 0)
		um->region[late].in_flight = false;

	forget_failures(um);
	um->suspended = true;
	/* POSTSUSPEND itself may be the first that a new one hears. */
	well = well && knows_its_daemon(um);
	i = log->type->postsuspend(log);
	if (well) {
		KUNIT_EXPECT_EQ_MSG(um->fm.test, i, 0, "step %u", um->step);
		for (i = 0; i < NR_ACTIVE; i++)
			if (i != late && !um->region[i].failed && !um->region[i].unsure &&
			    test_bit(um->region[i].nr, um->fm.daemon.marked))
				KUNIT_FAIL(um->fm.test, "step %u: region %llu not clean\n",
					   um->step, um->region[i].nr);
	}

	traced = um->fm.daemon.traced;
	if (late >= 0)
		end_write(um, &um->region[late]);
	KUNIT_EXPECT_EQ(um->fm.test, log->type->flush(log), 0);
	dm_log_run_cleaner(log);
	KUNIT_EXPECT_EQ(um->fm.test, um->fm.daemon.traced, traced);
	if (!pick(um, 3))
		restart_daemon(um);
	log->type->resume(log);
	um->suspended = false;
}

static void step(struct us_mirror *um)
{
	switch (pick(um, 64)) {
	case 0 ... 19:
		want_write(um, pick_region(um));
		break;
	case 20 ... 29:
		flush(um);
		break;
	case 30 ... 43:
		end_write(um, pick_region(um));
		break;
	case 44 ... 45:
		fail_write(um, pick_region(um));
		break;
	case 46 ... 48:
		recover(um, pick_region(um));
		break;
	case 49 ... 54:
		dm_log_run_cleaner(um->fm.log);
		break;
	case 55 ... 59:
		ask(um);
		break;
	case 60:
		um->fm.fail_leg_flushes = pick(um, 2);
		break;
	case 61:
		suspend_and_resume(um);
		break;
	case 62:
		break_daemon(um);
		break;
	case 63:
		restart_daemon(um);
		break;
	}
	um->fm.daemon.traced = 0;
}

/* Left alone, all that is marked or has failed becomes clean. */
static void settle(struct us_mirror *um)
{
	int i;

	dm_log_fake_forgive(&um->fm.daemon);
	um->fm.fail_leg_flushes = 0;
	um->fm.in_leg_flush = NULL;
	forget_failures(um);
	um->fm.log->type->in_sync(um->fm.log, 1, 1);
	end_all_writes(um);
	for (i = 0; i < NR_ACTIVE; i++)
		if (um->region[i].failed || um->region[i].unsure)
			recover(um, &um->region[i]);
	flush(um);
	forget_failures(um);
	for (i = 0; i < 4; i++)
		dm_log_run_cleaner(um->fm.log);
	KUNIT_EXPECT_EQ(um->fm.test, bitmap_weight(um->fm.daemon.marked, FAKE_REGIONS), 0);
	KUNIT_EXPECT_TRUE(um->fm.test, um->fm.daemon.awake);
	um->fm.daemon.traced = 0;
	flush(um);
	dm_log_run_cleaner(um->fm.log);
	KUNIT_EXPECT_EQ(um->fm.test, um->fm.daemon.traced, 0);
}

static int us_random_init(struct kunit *test)
{
	return dm_log_fake_mirror_init(test, sizeof(struct us_mirror));
}

static void us_random_exit(struct kunit *test)
{
	dm_log_fake_mirror_exit(test->priv);
}

static void random_run(struct kunit *test, const char *words, u64 seed)
{
	struct us_mirror *um = test->priv;
	int i;

	kunit_info(test, "seed %llu\n", seed);
	prandom_seed_state(&um->rnd, seed);
	for (i = 0; i < NR_ACTIVE; i++)
		um->region[i] = (struct us_region){
			/* Three chunks and their borders. */
			.nr = i < 16 ? i : i < 32 ? 4088 + i - 16 : FAKE_REGIONS - NR_ACTIVE + i,
		};
	dm_log_resend_ms = 10;
	um->fm.on_clear = check_clear;
	um->fm.in_leg_flush = write_in_leg_flush;
	KUNIT_ASSERT_TRUE(test, dm_log_fake_create(&um->fm, words));
	KUNIT_ASSERT_EQ(test, um->fm.log->type->resume(um->fm.log), 0);

	for (um->step = 0; um->step < NR_STEPS && test->status != KUNIT_FAILURE; um->step++)
		step(um);
	if (test->status != KUNIT_FAILURE)
		settle(um);
	kunit_info(test, "%u writes, %u daemons\n", um->writes, um->restarts);
	KUNIT_EXPECT_GT(test, um->writes, 100);
	dm_log_fake_forgive(&um->fm.daemon);
	dm_log_fake_destroy(&um->fm);
}

static void us_random(struct kunit *test)
{
	random_run(test, "u testd-core 1024", us_seed ?: get_random_u64());
}

static void us_random_integrated(struct kunit *test)
{
	random_run(test, "u integrated_flush insync_cache core 1024",
		   us_seed ?: get_random_u64());
}

static struct kunit_case dm_log_userspace_random_cases[] = {
	KUNIT_CASE_SLOW(us_random),
	KUNIT_CASE_SLOW(us_random_integrated),
	{}
};

static struct kunit_suite dm_log_userspace_random_suite = {
	.name = "dm_log_userspace_random",
	.init = us_random_init,
	.exit = us_random_exit,
	.test_cases = dm_log_userspace_random_cases,
};

kunit_test_suite(dm_log_userspace_random_suite);
