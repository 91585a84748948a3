// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit test of the crash rule: whenever the power fails, every region whose legs
 * may differ is dirty on the log device.
 *
 * A model mirror drives a real disk log at random: writes, failed writes,
 * recovery, cleaning, suspend, reload with another number of regions or with
 * regions of another size, failing log I/O. It knows which regions' legs may
 * differ: failed or never copied, written on one leg only, a write in flight, or
 * written since the last flush of the legs. During every write to the log device,
 * and whenever writes to the legs were let go, the power fails with every subset
 * of the sectors that are not known to be durable (a random choice, if they are
 * many) on the medium. Each time the real code reads the log back, and no region
 * whose legs may differ must be in sync.
 */

#include <kunit/static_stub.h>
#include <kunit/test.h>
#include <linux/bitops.h>
#include <linux/device-mapper.h>
#include <linux/dm-dirty-log.h>
#include <linux/prandom.h>
#include <linux/random.h>
#include <linux/string.h>

#include "../cache.h"
#include "../private.h"
#include "../regions.h"
#include "../store.h"
#include "fake-dev.h"

/* Three chunks, so that commits have several sectors; few regions in use. */
#define LARGE		9000
#define SMALL		5000
#define NR_ACTIVE	48
#define REGION_SECTORS	1024
#define LOG_SECTORS	16
#define RUBBISH		0x6b
#define MAX_SUBSETS	128
#define ONE_HOUR_MS	(60 * 60 * 1000)

static unsigned int crash_states = 1000000;
module_param(crash_states, uint, 0444);
MODULE_PARM_DESC(crash_states, "KUnit: how many crash states to try");

static unsigned long long crash_seed;
module_param(crash_seed, ullong, 0444);
MODULE_PARM_DESC(crash_seed, "KUnit: replay the run with this seed");

/**
 * struct crash_region - the truth about one region
 * @nr: its number
 * @in_sync: the mirror believes its legs to agree
 * @differ: they don't, or nobody knows
 * @marked: marked and not cleared
 * @held: a write waits for the log to be flushed
 * @in_flight: a write is in flight
 * @unflushed: the legs may still lose a write that has ended
 * @touched: since the flush of the legs under way has begun
 */
struct crash_region {
	u64 nr;
	bool in_sync;
	bool differ;
	bool marked;
	bool held;
	bool in_flight;
	bool unflushed;
	bool touched;
};

/**
 * struct crash_tally - how often what was done
 * @passes: passes of the worker
 * @cleans: runs of the cleaner
 * @recovered: regions copied
 * @failed_writes: of the legs
 * @failed_flushes: of the legs
 * @suspends: and resumes
 * @reloads: of these, with a new table
 * @resized: of these, with more or fewer regions
 * @other_size: of these, with regions of another size
 * @log_writes_failed: were told to fail, likewise the next two
 * @log_flushes_failed: the write went well
 * @log_reads_failed: at a resume
 */
struct crash_tally {
	u64 passes;
	u64 cleans;
	u64 recovered;
	u64 failed_writes;
	u64 failed_flushes;
	u64 suspends;
	u64 reloads;
	u64 resized;
	u64 other_size;
	u64 log_writes_failed;
	u64 log_flushes_failed;
	u64 log_reads_failed;
};

/**
 * struct crash_param - the log device
 * @block_sectors: its logical block
 * @fill: what is on it before it becomes a log. Where that is used, there is no
 *	room for a record of the region size, which must not change then.
 */
struct crash_param {
	unsigned int block_sectors;
	u8 fill;
};

struct crash_mirror {
	struct kunit *test;
	const struct crash_param *param;
	struct dm_target ti;
	struct dm_dirty_log *log;
	struct dm_log_fake_dev *fake;
	struct crash_region region[NR_ACTIVE];
	struct rnd_state rnd;
	u64 nr_regions;
	u32 region_sectors;
	bool in_cleaner;
	struct crash_tally tally;

	/* The machine after the crash. */
	struct dm_log_fake_dev *disk;
	struct dm_regions regions[2];
	struct dm_log_store store[2][2];

	u64 states;
	u64 writes;
	u64 dirty;	/* regions that had to be, and were, dirty */
};

static struct crash_mirror *to_crash_mirror(struct dm_target *ti)
{
	return container_of(ti, struct crash_mirror, ti);
}

static u32 pick(struct crash_mirror *cm, u32 limit)
{
	return prandom_u32_state(&cm->rnd) % limit;
}

static bool exists(const struct crash_mirror *cm, const struct crash_region *r)
{
	return r->nr < cm->nr_regions;
}

static bool may_differ(const struct crash_region *r)
{
	return r->differ || r->in_flight || r->unflushed;
}

/* Start the crashed machine on what is on its disk. */
static void recover_and_check(struct crash_mirror *cm)
{
	int which = cm->nr_regions == LARGE, size = cm->region_sectors != REGION_SECTORS;
	struct dm_regions *rg = &cm->regions[which];
	int i;

	dm_regions_fill(rg, DM_REGION_NOSYNC);
	KUNIT_EXPECT_EQ(cm->test, dm_log_store_resume(&cm->store[which][size],
						      DM_LOG_LOAD), 0);
	cm->states++;

	for (i = 0; i < NR_ACTIVE; i++) {
		const struct crash_region *r = &cm->region[i];

		if (!exists(cm, r) || !may_differ(r))
			continue;
		cm->dirty++;
		if (dm_regions_in_sync(rg, r->nr)) {
			KUNIT_FAIL(cm->test,
				   "region %llu lost: differ %d, flight %d, unflushed %d\n",
				   r->nr, r->differ, r->in_flight, r->unflushed);
			return;
		}
	}
}

/* Any subset. */
static u64 pick_sectors(struct crash_mirror *cm)
{
	return (u64)prandom_u32_state(&cm->rnd) << 32 | prandom_u32_state(&cm->rnd);
}

/* The medium, with those of the cached sectors that are in @kept. */
static void put_medium(struct crash_mirror *cm, u64 kept)
{
	struct dm_log_fake_dev *fake = cm->fake;
	unsigned int s;

	memcpy(cm->disk->data, fake->medium, LOG_SECTORS << SECTOR_SHIFT);
	for (s = 0; s < LOG_SECTORS; s++)
		if (fake->cached & kept & BIT_ULL(s))
			memcpy(cm->disk->data + (s << SECTOR_SHIFT),
			       fake->data + (s << SECTOR_SHIFT), SECTOR_SIZE);
}

/* Of @nr sectors that may be lost: all subsets if they are few, or some. */
static unsigned int nr_subsets(unsigned int nr)
{
	return nr < 7 ? 1U << nr : MAX_SUBSETS;
}

/* The power fails while these extents are being written. */
static void crash_in_write(struct dm_log_fake_dev *fake,
			   const struct dm_log_extent *extents, unsigned int nr)
{
	struct crash_mirror *cm = fake->private;
	unsigned int i, s, sectors = 0, subset, subsets;
	u64 kept;

	for (i = 0; i < nr; i++)
		sectors += extents[i].nr_sectors;
	subsets = nr_subsets(sectors);
	cm->writes++;

	for (subset = 0; subset < subsets; subset++) {
		unsigned int n = 0;

		if (cm->test->status == KUNIT_FAILURE)
			return;
		kept = subsets < MAX_SUBSETS ? subset : pick_sectors(cm);

		put_medium(cm, fake->cached ? pick_sectors(cm) : 0);
		for (i = 0; i < nr; i++)
			for (s = 0; s < extents[i].nr_sectors; s++, n++)
				if (kept >> n & 1)
					memcpy(cm->disk->data +
					       ((extents[i].sector + s) << SECTOR_SHIFT),
					       extents[i].data + (s << SECTOR_SHIFT),
					       SECTOR_SIZE);
		recover_and_check(cm);
	}
}

/* The power fails while nothing is being written. */
static void crash_at_rest(struct crash_mirror *cm)
{
	unsigned int subset, subsets = nr_subsets(hweight64(cm->fake->cached));

	for (subset = 0; subset < subsets; subset++) {
		u64 kept = 0, cached = cm->fake->cached;
		unsigned int n;

		if (cm->test->status == KUNIT_FAILURE)
			return;
		for (n = 0; cached; cached &= cached - 1, n++)
			if (subset >> n & 1)
				kept |= cached & -cached;
		put_medium(cm, subsets < MAX_SUBSETS ? kept : pick_sectors(cm));
		recover_and_check(cm);
	}
}

static struct dm_log_dev *open_crash_dev(struct dm_target *ti, const char *path)
{
	return &to_crash_mirror(ti)->fake->dev;
}

/* The cleaner runs when the model says so. */
static void ignore_kick(struct dm_log_cache *cache, unsigned int delay_ms)
{
}

static void ignore_event(struct dm_target *ti)
{
}

static void flush_log(struct crash_mirror *cm)
{
	bool failed = cm->log->type->flush(cm->log) != 0;
	int i;

	/*
	 * A write is issued only if its mark is known to be durable. One to a region
	 * out of sync needs no mark: it is issued anyway.
	 */
	for (i = 0; i < NR_ACTIVE; i++) {
		struct crash_region *r = &cm->region[i];

		if (!r->held || (failed && r->in_sync))
			continue;
		r->held = false;
		if (r->in_sync)
			r->in_flight = true;
		else
			r->differ = true;
	}
	crash_at_rest(cm);
}

static void start_write(struct crash_mirror *cm, struct crash_region *r)
{
	if (!exists(cm, r) || cm->log->type->is_remote_recovering(cm->log, r->nr))
		return;
	/* Out of sync: only one leg will be written, and there is no mark. */
	if (r->in_sync && !r->marked) {
		cm->log->type->mark_region(cm->log, r->nr);
		r->marked = true;
	}
	r->held = true;
}

static void end_write(struct crash_region *r)
{
	if (!r->in_flight)
		return;
	r->in_flight = false;
	r->unflushed = true;
	r->touched = true;
}

static void fail_write(struct crash_mirror *cm, struct crash_region *r)
{
	if (!r->in_flight)
		return;
	end_write(r);
	cm->tally.failed_writes++;
	r->in_sync = false;
	r->differ = true;
	r->marked = false;
	r->held = false;
	cm->log->type->set_region_sync(cm->log, r->nr, 0);
}

static void clear_ended(struct crash_mirror *cm)
{
	int i;

	for (i = 0; i < NR_ACTIVE; i++) {
		struct crash_region *r = &cm->region[i];

		if (r->marked && !r->held && !r->in_flight && pick(cm, 4)) {
			cm->log->type->clear_region(cm->log, r->nr);
			r->marked = false;
		}
	}
}

static struct crash_region *find_region(struct crash_mirror *cm, u64 nr)
{
	int i;

	for (i = 0; i < NR_ACTIVE; i++)
		if (cm->region[i].nr == nr)
			return &cm->region[i];
	return NULL;
}

static void recover_regions(struct crash_mirror *cm)
{
	region_t nr;
	int i;

	/* The inactive ones are many, and out of sync after growing. */
	for (i = 0; i < 2000; i++) {
		struct crash_region *r;

		if (cm->log->type->get_resync_work(cm->log, &nr) != 1)
			return;
		r = find_region(cm, nr);
		if (r) {
			if (!pick(cm, 8)) {
				cm->log->type->set_region_sync(cm->log, nr, 0);
				return;
			}
			cm->tally.recovered++;
			/* A copy of what was there already cannot be lost. */
			if (r->differ) {
				r->unflushed = true;
				r->touched = true;
			}
			r->differ = false;
			r->in_sync = true;
		}
		cm->log->type->clear_region(cm->log, nr);
		cm->log->type->set_region_sync(cm->log, nr, 1);
		if (r && !pick(cm, 3))
			return;
	}
}

/* One pass of the worker, with whatever may have happened since the last. */
static void worker_pass(struct crash_mirror *cm)
{
	int i;

	cm->tally.passes++;
	for (i = pick(cm, 4); i > 0; i--)
		end_write(&cm->region[pick(cm, NR_ACTIVE)]);
	if (!pick(cm, 16))
		fail_write(cm, &cm->region[pick(cm, NR_ACTIVE)]);
	clear_ended(cm);
	flush_log(cm);
	if (!pick(cm, 4))
		recover_regions(cm);
	for (i = pick(cm, 4); i > 0; i--)
		start_write(cm, &cm->region[pick(cm, NR_ACTIVE)]);
	flush_log(cm);
}

static int crash_flush_legs(struct dm_target *ti)
{
	struct crash_mirror *cm = to_crash_mirror(ti);
	int i;

	for (i = 0; i < NR_ACTIVE; i++)
		cm->region[i].touched = false;

	/* The worker goes on while the cleaner waits for the legs. */
	if (cm->in_cleaner) {
		cm->in_cleaner = false;
		for (i = pick(cm, 3); i > 0; i--)
			worker_pass(cm);
	}
	if (!pick(cm, 6)) {
		cm->tally.failed_flushes++;
		return -EIO;
	}

	for (i = 0; i < NR_ACTIVE; i++)
		if (!cm->region[i].touched)
			cm->region[i].unflushed = false;
	return 0;
}

static void run_cleaner(struct crash_mirror *cm)
{
	cm->tally.cleans++;
	cm->in_cleaner = true;
	dm_log_run_cleaner(cm->log);
	cm->in_cleaner = false;
}

static void create_crash_log(struct crash_mirror *cm)
{
	char dev[] = "dev", size[16];
	char *argv[2];

	argv[0] = dev;
	argv[1] = size;
	snprintf(size, sizeof(size), "%u", cm->region_sectors);
	cm->ti.len = cm->nr_regions * cm->region_sectors;
	cm->log = dm_dirty_log_create("disk", &cm->ti, crash_flush_legs, 2, argv);
	KUNIT_ASSERT_NOT_NULL(cm->test, cm->log);
}

/* Resume, and believe what the log says: that may be less than the truth. */
static void resume_crash_log(struct crash_mirror *cm)
{
	int i;

	cm->log->type->resume(cm->log);
	for (i = 0; i < NR_ACTIVE; i++) {
		struct crash_region *r = &cm->region[i];
		bool in_sync;

		if (!exists(cm, r))
			continue;
		in_sync = cm->log->type->in_sync(cm->log, r->nr, 1);
		/* A clean shutdown or not: never more than the truth. */
		if (in_sync && r->differ)
			KUNIT_FAIL(cm->test, "region %llu came back in sync\n", r->nr);
		r->in_sync = in_sync;
		r->marked = false;
		r->held = false;
	}
}

/* A new table, with another geometry or the same. */
static void reload(struct crash_mirror *cm)
{
	u64 old_nr_regions = cm->nr_regions;
	int i;

	dm_dirty_log_destroy(cm->log);
	cm->tally.reloads++;
	cm->nr_regions = pick(cm, 2) ? LARGE : SMALL;
	cm->tally.resized += cm->nr_regions != old_nr_regions;
	/* The bits say nothing of regions of another size. */
	if (cm->param->fill != RUBBISH && !pick(cm, 4)) {
		cm->tally.other_size++;
		cm->region_sectors ^= REGION_SECTORS ^ 2 * REGION_SECTORS;
		for (i = 0; i < NR_ACTIVE; i++)
			cm->region[i] = (struct crash_region) {
				.nr = cm->region[i].nr,
				.differ = true,
			};
	}
	create_crash_log(cm);
	/* What is not part of the mirror any more has no say. */
	for (i = 0; i < NR_ACTIVE; i++)
		if (!exists(cm, &cm->region[i])) {
			cm->region[i].in_sync = false;
			cm->region[i].differ = true;
		}
}

static void suspend_and_resume(struct crash_mirror *cm)
{
	u64 old_nr_regions = cm->nr_regions;
	u32 old_region_sectors = cm->region_sectors;
	int i;

	cm->tally.suspends++;
	cm->log->type->presuspend(cm->log);
	for (i = 0; i < NR_ACTIVE; i++) {
		end_write(&cm->region[i]);
		/* Held writes go back to where they came from. */
		cm->region[i].held = false;
	}
	/*
	 * The worker clears most in time; the rest it clears when the log is
	 * suspended. Waiting for that would take half a second each time.
	 */
	for (i = 0; i < NR_ACTIVE; i++) {
		struct crash_region *r = &cm->region[i];

		if (r->marked)
			cm->log->type->clear_region(cm->log, r->nr);
		r->marked = false;
	}
	cm->log->type->postsuspend(cm->log);
	if (pick(cm, 2))
		cm->log->type->flush(cm->log);

	if (pick(cm, 2))
		reload(cm);
	/* A header that cannot be written yet is written later, but last. */
	if (!pick(cm, 8))
		cm->fake->fail_writes = 1;
	/*
	 * But if a mirror has become smaller, or has other regions, and the device
	 * did not hear of it, there is nothing to stop it from vouching for what is
	 * gone once the mirror is again what it was.
	 */
	if (cm->nr_regions < old_nr_regions || cm->region_sectors != old_region_sectors) {
		cm->fake->fail_reads = 0;
		cm->fake->fail_writes = 0;
		cm->fake->fail_flushes = 0;
	} else if (!pick(cm, 8)) {
		/* Unreadable until the cleaner tries again. */
		cm->tally.log_reads_failed++;
		cm->fake->fail_reads = 3 + pick(cm, 6);
	}
	resume_crash_log(cm);
	cm->fake->fail_writes = 0;
}

static void crash_step(struct crash_mirror *cm)
{
	switch (pick(cm, 40)) {
	case 0:
		suspend_and_resume(cm);
		break;
	case 1 ... 5:
		run_cleaner(cm);
		break;
	case 6:
		dm_log_clean_delay_ms = pick(cm, 2) ? 0 : ONE_HOUR_MS;
		break;
	case 7:
		cm->tally.log_writes_failed++;
		cm->fake->fail_writes = 1;
		cm->fake->torn = pick(cm, 2);
		break;
	case 8:
		cm->tally.log_flushes_failed++;
		cm->fake->fail_flushes = 1;
		cm->fake->fua = pick(cm, 2);
		break;
	default:
		worker_pass(cm);
		break;
	}
}

static void free_machine(void *data)
{
	struct crash_mirror *cm = data;
	int i;

	for (i = 0; i < ARRAY_SIZE(cm->store); i++) {
		dm_log_store_exit(&cm->store[i][0]);
		dm_log_store_exit(&cm->store[i][1]);
		dm_regions_exit(&cm->regions[i]);
	}
}

static void new_machine(struct crash_mirror *cm)
{
	static const u64 sizes[] = { SMALL, LARGE };
	unsigned int block_sectors = cm->param->block_sectors;
	int i, j;

	cm->fake = dm_log_fake_dev_new(cm->test, LOG_SECTORS, block_sectors);
	cm->disk = dm_log_fake_dev_new(cm->test, LOG_SECTORS, block_sectors);
	memset(cm->fake->data, cm->param->fill, LOG_SECTORS << SECTOR_SHIFT);
	memset(cm->fake->medium, cm->param->fill, LOG_SECTORS << SECTOR_SHIFT);
	cm->fake->private = cm;
	KUNIT_ASSERT_EQ(cm->test, kunit_add_action_or_reset(cm->test, free_machine,
							    cm), 0);
	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		KUNIT_ASSERT_EQ(cm->test, dm_regions_init(&cm->regions[i], sizes[i],
							  DM_REGION_NOSYNC, true), 0);
		for (j = 0; j < 2; j++)
			KUNIT_ASSERT_EQ(cm->test,
					dm_log_store_init(&cm->store[i][j], &cm->disk->dev,
							  &cm->regions[i],
							  REGION_SECTORS << j), 0);
	}
}

/* Around the borders of chunks, the ends, and anywhere. */
static void choose_active(struct crash_mirror *cm)
{
	static const u16 borders[] = { 0, 1, 4094, 4095, 4096, 4097, 4999, 5000,
				       8191, 8192, 8998, 8999 };
	int i;

	for (i = 0; i < NR_ACTIVE; i++)
		cm->region[i].nr = U64_MAX;
	for (i = 0; i < NR_ACTIVE; i++) {
		u64 nr = i < ARRAY_SIZE(borders) ? borders[i] : pick(cm, LARGE);

		while (find_region(cm, nr))
			nr = pick(cm, LARGE);
		cm->region[i].nr = nr;
		/* The mirror is new. */
		cm->region[i].differ = true;
	}
}

static void print_tally(struct crash_mirror *cm, u64 seed)
{
	const struct crash_tally *t = &cm->tally;

	kunit_info(cm->test, "%u-byte blocks: %llu crash states at %llu writes, %llu regions had to be dirty; seed %llu\n",
		   cm->param->block_sectors << SECTOR_SHIFT, cm->states, cm->writes,
		   cm->dirty, seed);
	kunit_info(cm->test, "%llu passes, %llu cleanings, %llu regions recovered, %llu failed writes, %llu failed flushes of the legs\n",
		   t->passes, t->cleans, t->recovered, t->failed_writes, t->failed_flushes);
	kunit_info(cm->test, "%llu suspends, %llu reloads, %llu resized, %llu with another region size\n",
		   t->suspends, t->reloads, t->resized, t->other_size);
	kunit_info(cm->test, "log device: %llu writes, %llu flushes, %llu reads told to fail\n",
		   t->log_writes_failed, t->log_flushes_failed, t->log_reads_failed);
}

static const struct crash_param crash_params[] = {
	{ 1, RUBBISH }, { 1, 0 }, { 2, 0xff }, { 8, RUBBISH }, { 8, 0 },
};

static void crash_random(struct kunit *test)
{
	struct crash_mirror *cm = kunit_kzalloc(test, sizeof(*cm), GFP_KERNEL);
	u64 seed = crash_seed ?: get_random_u64();
	unsigned int old_delay = dm_log_clean_delay_ms;

	KUNIT_ASSERT_NOT_NULL(test, cm);
	cm->test = test;
	cm->param = test->param_value;
	cm->nr_regions = LARGE;
	cm->region_sectors = REGION_SECTORS;
	prandom_seed_state(&cm->rnd, seed);
	new_machine(cm);
	kunit_activate_static_stub(test, dm_log_dev_open, open_crash_dev);
	kunit_activate_static_stub(test, dm_log_raise_event, ignore_event);
	kunit_activate_static_stub(test, dm_log_cache_tend, ignore_kick);

	choose_active(cm);

	dm_log_clean_delay_ms = ONE_HOUR_MS;
	create_crash_log(cm);
	/* From now on; an empty device has nothing to lose. */
	cm->fake->before_write = crash_in_write;
	resume_crash_log(cm);

	while (cm->states < DIV_ROUND_UP(crash_states, ARRAY_SIZE(crash_params)) &&
	       test->status != KUNIT_FAILURE) {
		crash_step(cm);
		cond_resched();
	}

	cm->fake->before_write = NULL;
	dm_dirty_log_destroy(cm->log);
	dm_log_clean_delay_ms = old_delay;
	print_tally(cm, seed);
	/* A test that loses nothing because nothing could be lost proves nothing. */
	KUNIT_EXPECT_GT(test, cm->dirty, cm->states);
}

static void describe_param(const struct crash_param *param, char *desc)
{
	snprintf(desc, KUNIT_PARAM_DESC_SIZE, "%u-byte blocks, on %02x",
		 param->block_sectors << SECTOR_SHIFT, param->fill);
}

KUNIT_ARRAY_PARAM(crash_block, crash_params, describe_param);

static struct kunit_case dm_log_crash_cases[] = {
	KUNIT_CASE_PARAM_ATTR(crash_random, crash_block_gen_params,
			      { .speed = KUNIT_SPEED_SLOW }),
	{}
};

static struct kunit_suite dm_log_crash_suite = {
	.name = "dm_log_crash",
	.test_cases = dm_log_crash_cases,
};

kunit_test_suite(dm_log_crash_suite);
