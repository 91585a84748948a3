// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit tests of the core log through the operations that a mirror calls:
 * contract A3, and B3, B9, B15 and B28.
 */

#include <kunit/static_stub.h>
#include <kunit/test.h>
#include <linux/delay.h>
#include <linux/device-mapper.h>
#include <linux/dm-dirty-log.h>
#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/prandom.h>
#include <linux/random.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "../common.h"
#include "../private.h"
#include "../types.h"

#define REGION_SECTORS	1024

/* The two ways to ask; the second never sleeps. */
static int in_sync(struct dm_dirty_log *log, region_t region)
{
	return log->type->in_sync(log, region, 1);
}

static int in_sync_now(struct dm_dirty_log *log, region_t region)
{
	return log->type->in_sync(log, region, 0);
}

static void destroy_log(void *log)
{
	dm_dirty_log_destroy(log);
}

static void ignore_event(struct dm_target *ti)
{
}

static int core_test_init(struct kunit *test)
{
	kunit_activate_static_stub(test, dm_log_raise_event, ignore_event);
	return 0;
}

static struct dm_dirty_log *try_new_core(struct kunit *test, sector_t len,
					 unsigned int argc, const char **argv)
{
	struct dm_target *ti = kunit_kzalloc(test, sizeof(*ti), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, ti);
	ti->len = len;
	return dm_dirty_log_create("core", ti, NULL, argc, (char **)argv);
}

/* A log of so many regions, the last one short if not alone; @sync may be NULL. */
static struct dm_dirty_log *new_core(struct kunit *test, u64 nr_regions,
				     const char *sync)
{
	struct dm_dirty_log *log;
	const char *argv[2];
	int r;

	argv[0] = __stringify(REGION_SECTORS);
	argv[1] = sync;
	log = try_new_core(test, max_t(u64, nr_regions * REGION_SECTORS - 1,
				       REGION_SECTORS), sync ? 2 : 1, argv);
	KUNIT_ASSERT_NOT_NULL(test, log);
	r = kunit_add_action_or_reset(test, destroy_log, log);
	KUNIT_ASSERT_EQ(test, r, 0);
	return log;
}

static u64 sync_count(struct dm_dirty_log *log)
{
	return log->type->get_sync_count(log);
}

/* The next region to recover, or -1. */
static s64 next_resync(struct dm_dirty_log *log)
{
	region_t region = 0;

	return log->type->get_resync_work(log, &region) == 1 ? region : -1;
}

/* As the mirror tells it when a region has been copied. */
static void recovered(struct dm_dirty_log *log, region_t region)
{
	log->type->clear_region(log, region);
	log->type->set_region_sync(log, region, 1);
}

/* The same, of a region that the log would not have chosen. */
static void put_in_sync(struct dm_dirty_log *log, region_t region)
{
	dm_regions_offer(&((struct dm_log_common *)log->context)->regions, region);
	recovered(log, region);
}

struct ctr_case {
	const char *desc;
	sector_t len;
	unsigned int argc;
	const char *argv[3];
};

static const struct ctr_case ctr_cases[] = {
	{ "too few arguments", 4096, 0, { } },
	{ "too many arguments", 4096, 3, { "1024", "sync", "nosync" } },
	{ "bad region size", 4096, 1, { "1000" } },
	{ "region size above the target's", 4096, 1, { "8192" } },
	{ "bad word", 4096, 2, { "1024", "Sync" } },
};

KUNIT_ARRAY_PARAM_DESC(ctr, ctr_cases, desc);

/* Bad arguments are refused; what they are is the business of dm_log_args. */
static void core_bad_arguments(struct kunit *test)
{
	const struct ctr_case *c = test->param_value;
	const char *argv[3];

	memcpy(argv, c->argv, sizeof(argv));
	KUNIT_EXPECT_NULL(test, try_new_core(test, c->len, c->argc, argv));
}

static void core_region_size(struct kunit *test)
{
	struct dm_dirty_log *log = new_core(test, 1, NULL);

	KUNIT_EXPECT_EQ(test, log->type->get_region_size(log), REGION_SECTORS);
}

/* After a leg has failed, writes wait for recovery from resume to suspend. */
static void core_awaits_recovery(struct kunit *test)
{
	struct dm_dirty_log *log = new_core(test, 4, "nosync");
	const struct dm_dirty_log_type *type = log->type;
	region_t region;

	type->resume(log);
	KUNIT_EXPECT_EQ(test, type->is_remote_recovering(log, 1), 0);
	type->set_region_sync(log, 1, 0);
	type->set_region_sync(log, 2, 0);
	KUNIT_EXPECT_EQ(test, type->is_remote_recovering(log, 1), 0);
	type->presuspend(log);
	type->resume(log);
	KUNIT_EXPECT_EQ(test, type->is_remote_recovering(log, 0), 0);
	KUNIT_EXPECT_EQ(test, type->is_remote_recovering(log, 2), 1);
	KUNIT_ASSERT_EQ(test, type->get_resync_work(log, &region), 1);
	KUNIT_EXPECT_EQ(test, region, 2);
	KUNIT_EXPECT_EQ(test, type->is_remote_recovering(log, 2), 0);
	KUNIT_EXPECT_EQ(test, type->is_remote_recovering(log, 1), 1);
	type->presuspend(log);
	KUNIT_EXPECT_EQ(test, type->is_remote_recovering(log, 1), 0);
}

struct status_case {
	const char *desc;
	const char *sync;
	status_type_t status_type;
	const char *text;
};

static const struct status_case status_cases[] = {
	{ "info", NULL, STATUSTYPE_INFO, "1 core" },
	{ "info, nosync", "nosync", STATUSTYPE_INFO, "1 core" },
	{ "table", NULL, STATUSTYPE_TABLE, "core 1 1024 " },
	{ "table, sync", "sync", STATUSTYPE_TABLE, "core 2 1024 sync " },
	{ "table, nosync", "nosync", STATUSTYPE_TABLE, "core 2 1024 nosync " },
	{ "measurement", NULL, STATUSTYPE_IMA, "" },
	{ "measurement, nosync", "nosync", STATUSTYPE_IMA, "" },
};

KUNIT_ARRAY_PARAM_DESC(status, status_cases, desc);

/* Contract A3: the very characters, since libdm compares them. */
static void core_status(struct kunit *test)
{
	const struct status_case *c = test->param_value;
	struct dm_dirty_log *log = new_core(test, 3, c->sync);
	int len = strlen(c->text);
	char result[64];
	int maxlen, sz;

	memset(result, 'x', sizeof(result));
	sz = log->type->status(log, c->status_type, result, sizeof(result));
	KUNIT_EXPECT_EQ(test, sz, len);
	KUNIT_EXPECT_STREQ(test, result, c->text);

	/* A short buffer: terminated, nothing behind it, never claimed fuller. */
	for (maxlen = 1; maxlen <= len; maxlen++) {
		memset(result, 'x', sizeof(result));
		sz = log->type->status(log, c->status_type, result, maxlen);
		KUNIT_EXPECT_EQ(test, sz, maxlen - 1);
		KUNIT_EXPECT_EQ(test, strnlen(result, maxlen), maxlen - 1);
		KUNIT_EXPECT_MEMEQ(test, result, c->text, maxlen - 1);
		KUNIT_EXPECT_EQ(test, result[maxlen], 'x');
	}
}

struct initial_case {
	const char *sync;
	const char *desc;
	bool in_sync;
};

static const struct initial_case initial_cases[] = {
	{ NULL, "default", false },
	{ "sync", "sync", false },
	{ "nosync", "nosync", true },
};

KUNIT_ARRAY_PARAM_DESC(initial, initial_cases, desc);

/* Contract A3: before the first resume, when the mirror already asks. */
static void core_initial_state(struct kunit *test)
{
	static const u64 sizes[] = { 1, 2, 31, 32, 33, 64, 65, 4096, 4097 };
	const struct initial_case *c = test->param_value;
	struct dm_dirty_log *log;
	u64 region;
	int i;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		log = new_core(test, sizes[i], c->sync);
		KUNIT_EXPECT_EQ(test, sync_count(log), c->in_sync ? sizes[i] : 0);
		for (region = 0; region < sizes[i]; region++) {
			KUNIT_ASSERT_EQ(test, in_sync(log, region), c->in_sync);
			KUNIT_ASSERT_EQ(test, in_sync_now(log, region),
					c->in_sync ? 1 : -EWOULDBLOCK);
			if (c->in_sync)
				KUNIT_ASSERT_EQ(test, log->type->is_clean(log, region), 1);
		}
		KUNIT_EXPECT_EQ(test, log->type->flush(log), 0);
		/* Nor does the resume change it. */
		KUNIT_EXPECT_EQ(test, log->type->resume(log), 0);
		KUNIT_EXPECT_EQ(test, sync_count(log), c->in_sync ? sizes[i] : 0);
		KUNIT_EXPECT_EQ(test, next_resync(log), c->in_sync ? -1 : 0);
	}
}

/* Every region once, in order, and only then nothing. */
static void core_resync_order(struct kunit *test)
{
	const u64 nr = 4100;
	struct dm_dirty_log *log = new_core(test, nr, NULL);
	u64 region;

	log->type->resume(log);
	for (region = 0; region < nr; region++) {
		KUNIT_ASSERT_EQ(test, next_resync(log), region);
		KUNIT_ASSERT_EQ(test, in_sync(log, region), 0);
		recovered(log, region);
		KUNIT_ASSERT_EQ(test, in_sync(log, region), 1);
		KUNIT_ASSERT_EQ(test, log->type->is_clean(log, region), 1);
		KUNIT_ASSERT_EQ(test, sync_count(log), region + 1);
		KUNIT_ASSERT_EQ(test, log->type->flush(log), 0);
	}
	KUNIT_EXPECT_EQ(test, next_resync(log), -1);
}

/* What is in sync is passed over; while a region is recovered there is no other. */
static void core_resync_skips(struct kunit *test)
{
	struct dm_dirty_log *log = new_core(test, 10, NULL);
	region_t region = 99;

	put_in_sync(log, 0);
	put_in_sync(log, 2);
	put_in_sync(log, 3);
	log->type->resume(log);
	KUNIT_EXPECT_EQ(test, next_resync(log), 1);
	KUNIT_EXPECT_EQ(test, next_resync(log), -1);
	log->type->set_region_sync(log, 1, 0);
	KUNIT_EXPECT_EQ(test, next_resync(log), 4);
	recovered(log, 4);
	KUNIT_EXPECT_EQ(test, next_resync(log), 5);

	for (region = 1; region < 10; region++)
		put_in_sync(log, region);
	/* Nothing to do leaves the caller's number alone. */
	region = 99;
	KUNIT_EXPECT_EQ(test, log->type->get_resync_work(log, &region), 0);
	KUNIT_EXPECT_EQ(test, region, 99);
}

/* B28: a region that fails behind the cursor has to wait for a resume. */
static void core_failed_region_waits(struct kunit *test)
{
	struct dm_dirty_log *log = new_core(test, 4, NULL);

	log->type->resume(log);
	KUNIT_EXPECT_EQ(test, next_resync(log), 0);
	log->type->set_region_sync(log, 0, 0);		/* not recovered */
	KUNIT_EXPECT_EQ(test, next_resync(log), 1);
	recovered(log, 1);
	log->type->set_region_sync(log, 1, 0);		/* a write to it failed */
	put_in_sync(log, 3);
	log->type->set_region_sync(log, 3, 0);		/* ahead of the cursor */
	KUNIT_EXPECT_EQ(test, next_resync(log), 2);
	recovered(log, 2);
	KUNIT_EXPECT_EQ(test, next_resync(log), 3);
	recovered(log, 3);
	KUNIT_EXPECT_EQ(test, next_resync(log), -1);
	KUNIT_EXPECT_EQ(test, sync_count(log), 2);

	log->type->resume(log);
	KUNIT_EXPECT_EQ(test, next_resync(log), 0);
	recovered(log, 0);
	KUNIT_EXPECT_EQ(test, next_resync(log), 1);
	recovered(log, 1);
	KUNIT_EXPECT_EQ(test, next_resync(log), -1);
	KUNIT_EXPECT_EQ(test, sync_count(log), 4);
}

/* A resume in the middle of a recovery offers that region again. */
static void core_resume_forgets_recovering(struct kunit *test)
{
	struct dm_dirty_log *log = new_core(test, 4, NULL);

	log->type->resume(log);
	KUNIT_EXPECT_EQ(test, next_resync(log), 0);
	log->type->resume(log);
	KUNIT_EXPECT_EQ(test, next_resync(log), 0);
	recovered(log, 0);
	KUNIT_EXPECT_EQ(test, next_resync(log), 1);
}

/* B15: what is told twice counts once, or "in sync" would never come. */
static void core_count_cannot_drift(struct kunit *test)
{
	struct dm_dirty_log *log = new_core(test, 3, NULL);
	int i;

	log->type->resume(log);
	for (i = 0; i < 2; i++) {
		put_in_sync(log, 1);
		KUNIT_EXPECT_EQ(test, sync_count(log), 1);
	}
	for (i = 0; i < 2; i++) {
		log->type->set_region_sync(log, 1, 0);
		KUNIT_EXPECT_EQ(test, sync_count(log), 0);
	}
	/* Nor do marks and clears count. */
	for (i = 0; i < 2; i++) {
		log->type->mark_region(log, 2);
		KUNIT_EXPECT_EQ(test, sync_count(log), 0);
	}
	for (i = 0; i < 2; i++) {
		log->type->clear_region(log, 2);
		KUNIT_EXPECT_EQ(test, sync_count(log), 0);
	}
	/* Also in a log that is all in sync already. */
	log = new_core(test, 3, "nosync");
	log->type->set_region_sync(log, 0, 1);
	KUNIT_EXPECT_EQ(test, sync_count(log), 3);
}

/* A mark makes a region not clean, and changes nothing else. */
static void core_mark_and_clear(struct kunit *test)
{
	struct dm_dirty_log *log = new_core(test, 100, "nosync");
	u64 region;

	log->type->resume(log);
	log->type->mark_region(log, 32);
	log->type->mark_region(log, 32);
	KUNIT_EXPECT_EQ(test, log->type->flush(log), 0);
	for (region = 0; region < 100; region++) {
		KUNIT_EXPECT_EQ(test, log->type->is_clean(log, region), region != 32);
		KUNIT_EXPECT_EQ(test, in_sync(log, region), 1);
		KUNIT_EXPECT_EQ(test, in_sync_now(log, region), 1);
	}
	KUNIT_EXPECT_EQ(test, sync_count(log), 100);
	KUNIT_EXPECT_EQ(test, next_resync(log), -1);

	log->type->clear_region(log, 32);
	KUNIT_EXPECT_EQ(test, log->type->is_clean(log, 32), 1);
}

static int suspend(struct dm_dirty_log *log)
{
	log->type->presuspend(log);
	return log->type->postsuspend(log);
}

/*
 * Contract A3: all survives suspend and resume. B73: but a region that was written to and
 * never cleared: an application's flush has failed, of which no log hears, and the
 * mirror takes such a region for out of sync.
 */
static void core_state_survives_resume(struct kunit *test)
{
	struct dm_dirty_log *log = new_core(test, 5000, NULL);
	u64 region;

	log->type->resume(log);
	for (region = 0; region < 5000; region += 3)
		put_in_sync(log, region);
	for (region = 0; region < 5000; region += 6)
		log->type->mark_region(log, region);

	log->type->flush(log);
	suspend(log);
	KUNIT_EXPECT_EQ(test, sync_count(log), DIV_ROUND_UP(5000, 3));
	log->type->resume(log);

	KUNIT_EXPECT_EQ(test, sync_count(log), 5000 / 6);
	for (region = 0; region < 5000; region++) {
		KUNIT_ASSERT_EQ(test, in_sync(log, region), region % 6 == 3);
		KUNIT_ASSERT_EQ(test, log->type->is_clean(log, region),
				region % 6 == 3);
	}
}

static int clear_late(void *log)
{
	msleep(20);
	((struct dm_dirty_log *)log)->type->clear_region(log, 2);
	return 0;
}

/* B73: what the worker is about to clear is not out of sync. */
static void core_suspend_waits_for_clears(struct kunit *test)
{
	struct dm_dirty_log *log = new_core(test, 4, "nosync");
	unsigned int old = dm_log_clear_wait_ms;
	struct task_struct *worker;

	log->type->resume(log);
	log->type->mark_region(log, 2);
	log->type->presuspend(log);
	dm_log_clear_wait_ms = 60 * MSEC_PER_SEC;
	worker = kthread_run(clear_late, log, "dm-log-clear");
	KUNIT_ASSERT_FALSE(test, IS_ERR(worker));
	log->type->postsuspend(log);
	dm_log_clear_wait_ms = old;
	log->type->resume(log);
	KUNIT_EXPECT_EQ(test, sync_count(log), 4);
}

/*
 * B47: the destination of a pvmove fails for a moment. dm-region-hash reports such a
 * recovery as a good one; only the clear is missing.
 */
static void core_given_up(struct kunit *test)
{
	struct dm_dirty_log *log = new_core(test, 3, NULL);

	log->type->resume(log);
	KUNIT_EXPECT_EQ(test, next_resync(log), 0);
	log->type->set_region_sync(log, 0, 1);
	KUNIT_EXPECT_EQ(test, in_sync(log, 0), 0);
	KUNIT_EXPECT_EQ(test, sync_count(log), 0);
	KUNIT_EXPECT_EQ(test, next_resync(log), 1);
	recovered(log, 1);
	KUNIT_EXPECT_EQ(test, next_resync(log), 2);
	recovered(log, 2);
	KUNIT_EXPECT_EQ(test, sync_count(log), 2);
	/* It is back: once more, and the move is complete. */
	KUNIT_EXPECT_EQ(test, next_resync(log), 0);
	recovered(log, 0);
	KUNIT_EXPECT_EQ(test, next_resync(log), -1);
	KUNIT_EXPECT_EQ(test, sync_count(log), 3);
}

/* B70: a write that a suspend waits for does not wait, and goes to all legs. */
static void core_lets_go(struct kunit *test)
{
	struct dm_dirty_log *log = new_core(test, 3, "nosync");

	KUNIT_EXPECT_EQ(test, sync_count(log), 3);
	log->type->resume(log);
	log->type->mark_region(log, 1);
	suspend(log);
	log->type->resume(log);
	KUNIT_EXPECT_EQ(test, log->type->is_remote_recovering(log, 1), 1);
	KUNIT_EXPECT_EQ(test, log->type->is_remote_recovering(log, 2), 0);
	KUNIT_EXPECT_EQ(test, in_sync(log, 1), 0);

	log->type->presuspend(log);
	KUNIT_EXPECT_EQ(test, in_sync(log, 1), 0);
	KUNIT_EXPECT_EQ(test, log->type->is_remote_recovering(log, 1), 0);
	KUNIT_EXPECT_EQ(test, in_sync_now(log, 1), -EWOULDBLOCK);
	/* dm-region-hash asks twice, and what it was told last goes for the next write, too. */
	KUNIT_EXPECT_EQ(test, in_sync(log, 1), 1);
	KUNIT_EXPECT_EQ(test, in_sync(log, 1), 1);
	KUNIT_EXPECT_EQ(test, log->type->flush(log), 0);
	/* B71: not for the reads of the next pass. */
	KUNIT_EXPECT_EQ(test, in_sync(log, 1), 0);
	/* It may not ask at all, because it keeps something in mind already. */
	KUNIT_EXPECT_EQ(test, log->type->is_remote_recovering(log, 1), 0);
	KUNIT_EXPECT_EQ(test, log->type->flush(log), 0);
	KUNIT_EXPECT_EQ(test, in_sync(log, 1), 0);
	KUNIT_EXPECT_EQ(test, log->type->postsuspend(log), 0);
	KUNIT_EXPECT_EQ(test, sync_count(log), 2);
}

struct range_case {
	const char *desc;
	region_t region;
};

#define NR_REGIONS	100

static const struct range_case range_cases[] = {
	{ "the number of regions", NR_REGIONS },
	{ "one more", NR_REGIONS + 1 },
	{ "in the next word", 128 },
	{ "in the next chunk", 4096 },
	{ "2^31", BIT_ULL(31) },
	/* Region 0 if cut to 32 bits. */
	{ "2^32", BIT_ULL(32) },
	{ "2^62", BIT_ULL(62) },
	{ "2^64 - 1", U64_MAX },
};

KUNIT_ARRAY_PARAM_DESC(range, range_cases, desc);

/*
 * B3: after a read error the mirror asks about a number that means nothing. 0
 * would make it fail the read; "ask again" makes it ask with the right number.
 */
static void core_out_of_range(struct kunit *test)
{
	static const char * const sync[] = { NULL, "nosync" };
	const struct range_case *c = test->param_value;
	int i;

	for (i = 0; i < ARRAY_SIZE(sync); i++) {
		struct dm_dirty_log *log = new_core(test, NR_REGIONS, sync[i]);
		u64 count = sync[i] ? NR_REGIONS : 0;
		u64 region;

		KUNIT_EXPECT_EQ(test, in_sync_now(log, c->region), -EWOULDBLOCK);
		KUNIT_EXPECT_EQ(test, in_sync(log, c->region), 0);
		KUNIT_EXPECT_EQ(test, log->type->is_clean(log, c->region), 0);

		/* Changes are ignored, and hit no other region. */
		log->type->mark_region(log, c->region);
		log->type->clear_region(log, c->region);
		log->type->set_region_sync(log, c->region, 1);
		KUNIT_EXPECT_EQ(test, sync_count(log), count);
		log->type->set_region_sync(log, c->region, 0);
		KUNIT_EXPECT_EQ(test, sync_count(log), count);
		log->type->mark_region(log, c->region);
		for (region = 0; region < NR_REGIONS; region++) {
			KUNIT_EXPECT_EQ(test, in_sync(log, region), !!sync[i]);
			KUNIT_EXPECT_EQ(test, log->type->is_clean(log, region),
					!!sync[i]);
		}

		log->type->resume(log);
		KUNIT_EXPECT_EQ(test, next_resync(log), sync[i] ? -1 : 0);
	}
}

/* A1: asked in interrupts, too; CONFIG_DEBUG_ATOMIC_SLEEP and lockdep watch. */
static void core_in_sync_in_interrupt(struct kunit *test)
{
	struct dm_dirty_log *log = new_core(test, 3, NULL);
	unsigned long flags;
	int r[2];

	put_in_sync(log, 1);
	local_irq_save(flags);
	r[0] = in_sync_now(log, 0);
	r[1] = in_sync_now(log, 1);
	local_irq_restore(flags);
	KUNIT_EXPECT_EQ(test, r[0], -EWOULDBLOCK);
	KUNIT_EXPECT_EQ(test, r[1], 1);
}

/*
 * A log of any number of regions in next to no memory: all but the last chunk
 * are in sync and never looked at, so only that chunk's bits exist.
 */
struct sparse_core {
	struct dm_dirty_log log;
	struct dm_log_common common;
	struct dm_target ti;
	unsigned long marked[DM_REGIONS_PER_CHUNK / BITS_PER_LONG];
	unsigned long second[DM_REGIONS_PER_CHUNK / BITS_PER_LONG];
};

static struct dm_dirty_log *new_sparse_core(struct kunit *test, u64 nr_chunks)
{
	struct sparse_core *sparse = kunit_kzalloc(test, sizeof(*sparse), GFP_KERNEL);
	struct dm_regions *rg;

	KUNIT_ASSERT_NOT_NULL(test, sparse);
	rg = &sparse->common.regions;
	raw_spin_lock_init(&rg->lock);
	rg->nr_regions = nr_chunks * DM_REGIONS_PER_CHUNK;
	rg->nr_chunks = nr_chunks;
	/* DM_REGION_CLEAN */
	memset(sparse->second, 0xff, sizeof(sparse->second));
	rg->marked = sparse->marked - (nr_chunks - 1) * ARRAY_SIZE(sparse->marked);
	rg->second = sparse->second - (nr_chunks - 1) * ARRAY_SIZE(sparse->second);
	rg->recovering = DM_REGIONS_NONE;
	rg->wanted = DM_REGIONS_NONE;
	dm_log_common_name(&sparse->common, &sparse->ti, "core");
	sparse->log.type = &dm_log_core_type;
	sparse->log.context = &sparse->common;
	return &sparse->log;
}

struct large_case {
	const char *desc;
	u64 nr_chunks;
};

static const struct large_case large_cases[] = {
	{ "2^31 regions", BIT_ULL(31) / DM_REGIONS_PER_CHUNK },
	{ "2^31 + 4096 regions", BIT_ULL(31) / DM_REGIONS_PER_CHUNK + 1 },
#if BITS_PER_LONG == 64
	{ "2^32 regions", BIT_ULL(32) / DM_REGIONS_PER_CHUNK },
	{ "2^32 + 4096 regions", BIT_ULL(32) / DM_REGIONS_PER_CHUNK + 1 },
	{ "2^36 + 4096 regions", BIT_ULL(36) / DM_REGIONS_PER_CHUNK + 1 },
#endif
};

KUNIT_ARRAY_PARAM_DESC(large, large_cases, desc);

static void check_last_regions(struct kunit *test, struct dm_dirty_log *log,
			       u64 nr)
{
	KUNIT_EXPECT_EQ(test, sync_count(log), nr);
	KUNIT_EXPECT_EQ(test, in_sync_now(log, nr - 1), 1);
	KUNIT_EXPECT_EQ(test, in_sync_now(log, nr), -EWOULDBLOCK);

	log->type->mark_region(log, nr - 2);
	KUNIT_EXPECT_EQ(test, log->type->is_clean(log, nr - 2), 0);
	log->type->clear_region(log, nr - 2);
	KUNIT_EXPECT_EQ(test, log->type->is_clean(log, nr - 2), 1);

	log->type->set_region_sync(log, nr - 3, 0);
	log->type->set_region_sync(log, nr - 1, 0);
	KUNIT_EXPECT_EQ(test, sync_count(log), nr - 2);
	KUNIT_EXPECT_EQ(test, in_sync(log, nr - 1), 0);

	log->type->resume(log);
	/* Let the search have been through what a sparse map does not have. */
	((struct dm_log_common *)log->context)->regions.cursor = nr - 10;
	KUNIT_EXPECT_EQ(test, next_resync(log), nr - 3);
	recovered(log, nr - 3);
	/* The cursor is beyond 2^31 now, and goes on. */
	KUNIT_EXPECT_EQ(test, next_resync(log), nr - 1);
	recovered(log, nr - 1);
	KUNIT_EXPECT_EQ(test, next_resync(log), -1);
	KUNIT_EXPECT_EQ(test, sync_count(log), nr);
}

/* B9: numbers and counts of more than 31 and 32 bits. */
static void core_large_sparse(struct kunit *test)
{
	const struct large_case *c = test->param_value;

	check_last_regions(test, new_sparse_core(test, c->nr_chunks),
			   c->nr_chunks * DM_REGIONS_PER_CHUNK);
}

/* B9 again, on a log as its constructor makes it. */
static void core_large(struct kunit *test)
{
	const u64 nr = BIT_ULL(31) + 4097;
	const char *argv[2] = { [0] = "2", [1] = "nosync" };
	struct dm_dirty_log *log;

	if (totalram_pages() < SZ_1G / PAGE_SIZE * 3 / 4)
		kunit_skip(test, "needs 768 MiB of memory");
	log = try_new_core(test, 2 * nr - 1, 2, argv);
	if (!log)
		kunit_skip(test, "no memory for 2^31 regions");
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, destroy_log, log), 0);
	check_last_regions(test, log, nr);
}

/*
 * The model: a struct for each region. As the mirror does it, a region recovers
 * from get_resync_work() to set_region_sync(), one at a time.
 */
struct model_region {
	bool in_sync;
	bool dirty;
	bool recovering;
	bool cleared;		/* while recovering */
};

struct model {
	struct kunit *test;
	struct dm_dirty_log *log;
	struct model_region *region;
	u64 nr;
	u64 cursor;
	unsigned int nr_recovering;
	bool again;
	bool progress;
	struct rnd_state rnd;
};

static u32 pick(struct model *m, u32 limit)
{
	return prandom_u32_state(&m->rnd) % limit;
}

static void model_mark(struct model *m, u64 r)
{
	m->log->type->mark_region(m->log, r);
	if (r < m->nr && m->region[r].in_sync)
		m->region[r].dirty = true;
}

static void model_clear(struct model *m, u64 r)
{
	m->log->type->clear_region(m->log, r);
	if (r >= m->nr)
		return;
	m->region[r].dirty = false;
	if (m->region[r].recovering)
		m->region[r].cleared = true;
}

static void model_set_sync(struct model *m, u64 r, bool in_sync)
{
	struct model_region *mr = &m->region[r];

	m->log->type->set_region_sync(m->log, r, in_sync);
	if (r >= m->nr)
		return;
	if (in_sync && mr->recovering && mr->cleared) {
		mr->in_sync = true;
		m->progress = true;
	} else if (!in_sync || mr->recovering) {
		/* Without a clear it was not recovered, but given up. */
		m->again |= in_sync;
		mr->in_sync = false;
		mr->dirty = false;
	}
	m->nr_recovering -= mr->recovering;
	mr->recovering = false;
	mr->cleared = false;
}

static void model_next_resync(struct model *m)
{
	u64 r;

	if (m->nr_recovering)
		return;
	for (r = m->cursor; r < m->nr; r++)
		if (!m->region[r].in_sync)
			break;
	if (r >= m->nr && m->again && m->progress) {
		m->again = false;
		m->progress = false;
		for (r = 0; r < m->nr; r++)
			if (!m->region[r].in_sync)
				break;
	}

	KUNIT_ASSERT_EQ(m->test, next_resync(m->log), r < m->nr ? r : -1);
	m->cursor = r + 1;
	if (r < m->nr) {
		m->region[r].recovering = true;
		m->nr_recovering++;
	}
}

static void model_resume(struct model *m)
{
	u64 r;

	KUNIT_ASSERT_EQ(m->test, m->log->type->resume(m->log), 0);
	m->cursor = 0;
	m->nr_recovering = 0;
	m->again = false;
	m->progress = false;
	for (r = 0; r < m->nr; r++) {
		m->region[r].recovering = false;
		m->region[r].cleared = false;
		m->region[r].in_sync &= !m->region[r].dirty;
		m->region[r].dirty = false;
	}
}

static void model_step(struct model *m)
{
	/* Now and then a number that no region has. */
	u64 r = pick(m, 50) ? pick(m, m->nr) : m->nr + pick(m, 5000);

	switch (pick(m, 16)) {
	case 0 ... 3:
		model_mark(m, r);
		break;
	case 4 ... 6:
		model_clear(m, r);
		break;
	case 7 ... 8:
		model_set_sync(m, r, false);
		break;
	case 9:
		model_set_sync(m, r, true);
		break;
	case 10 ... 12:
		model_next_resync(m);
		break;
	case 13 ... 14:
		/* One that recovers is done, copied or not. */
		for (r = 0; r < m->nr && !m->region[r].recovering; r++)
			;
		if (r < m->nr) {
			if (pick(m, 8))
				model_clear(m, r);
			model_set_sync(m, r, pick(m, 8));
		}
		break;
	case 15:
		if (pick(m, 30))
			KUNIT_ASSERT_EQ(m->test, m->log->type->flush(m->log), 0);
		else
			model_resume(m);
		break;
	}
}

static void model_check(struct model *m)
{
	u64 r, count = 0;

	for (r = 0; r < m->nr; r++) {
		const struct model_region *mr = &m->region[r];

		count += mr->in_sync;
		if (in_sync(m->log, r) != mr->in_sync ||
		    in_sync_now(m->log, r) != (mr->in_sync ? 1 : -EWOULDBLOCK) ||
		    m->log->type->is_clean(m->log, r) != (mr->in_sync && !mr->dirty)) {
			KUNIT_FAIL(m->test, "region %llu: in sync %d, clean %d\n",
				   r, in_sync(m->log, r),
				   m->log->type->is_clean(m->log, r));
			return;
		}
	}
	KUNIT_ASSERT_EQ(m->test, sync_count(m->log), count);
}

struct random_case {
	const char *desc;
	const char *sync;
	u64 nr_regions;
};

static const struct random_case random_cases[] = {
	{ "1 region", NULL, 1 },
	{ "3 regions", "nosync", 3 },
	{ "64 regions", "sync", 64 },
	{ "65 regions", "nosync", 65 },
	{ "4097 regions", NULL, 4097 },
	{ "4097 regions, nosync", "nosync", 4097 },
};

KUNIT_ARRAY_PARAM_DESC(random, random_cases, desc);

/* Whatever comes in whatever order, log and model say the same. */
static void core_random(struct kunit *test)
{
	const struct random_case *c = test->param_value;
	struct model m = { .test = test, .nr = c->nr_regions };
	u64 r, seed = get_random_u64();
	int step;

	kunit_info(test, "seed 0x%llx\n", seed);
	prandom_seed_state(&m.rnd, seed);

	m.log = new_core(test, m.nr, c->sync);
	m.region = kunit_kcalloc(test, m.nr, sizeof(*m.region), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, m.region);
	for (r = 0; r < m.nr; r++)
		m.region[r].in_sync = c->sync && !strcmp(c->sync, "nosync");

	for (step = 0; step < 5000 && test->status != KUNIT_FAILURE; step++) {
		model_step(&m);
		model_check(&m);
	}
}

static struct kunit_case dm_log_core_cases[] = {
	KUNIT_CASE_PARAM(core_bad_arguments, ctr_gen_params),
	KUNIT_CASE(core_region_size),
	KUNIT_CASE(core_awaits_recovery),
	KUNIT_CASE_PARAM(core_status, status_gen_params),
	KUNIT_CASE_PARAM(core_initial_state, initial_gen_params),
	KUNIT_CASE(core_resync_order),
	KUNIT_CASE(core_resync_skips),
	KUNIT_CASE(core_failed_region_waits),
	KUNIT_CASE(core_resume_forgets_recovering),
	KUNIT_CASE(core_count_cannot_drift),
	KUNIT_CASE(core_mark_and_clear),
	KUNIT_CASE(core_state_survives_resume),
	KUNIT_CASE(core_suspend_waits_for_clears),
	KUNIT_CASE(core_given_up),
	KUNIT_CASE(core_lets_go),
	KUNIT_CASE_PARAM(core_out_of_range, range_gen_params),
	KUNIT_CASE(core_in_sync_in_interrupt),
	KUNIT_CASE_PARAM(core_large_sparse, large_gen_params),
	KUNIT_CASE_SLOW(core_large),
	KUNIT_CASE_PARAM_ATTR(core_random, random_gen_params,
			      { .speed = KUNIT_SPEED_SLOW }),
	{}
};

static struct kunit_suite dm_log_core_suite = {
	.name = "dm_log_core",
	.init = core_test_init,
	.test_cases = dm_log_core_cases,
};

kunit_test_suite(dm_log_core_suite);
