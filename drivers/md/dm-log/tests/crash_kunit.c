// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit test of the crash rule: whenever the power fails, every region whose legs
 * may differ is dirty on the log device; and of what the mirror reads while it runs.
 *
 * A model of the mirror (fake-mirror.h) drives a real disk log at random: writes,
 * recovery, cleaning, suspend, reload with other features, with another number of
 * regions or with regions of another size, power failures of the whole machine; now
 * and then a leg fails a write, a copy or a flush, and loses some of what it had
 * cached, or it loses its power, or the log device does or fails.
 *
 * During every write to the log device, and whenever writes to the legs were let go,
 * the power fails with every subset of the sectors that are not known to be durable (a
 * random choice, if they are many) on the medium. No region whose legs may differ then
 * must be clean. That is judged by the format, where the header is one from which the
 * real code has started before; the real code starts where it is not, and now and then
 * where it is, and must agree about every region.
 */

#include <kunit/static_stub.h>
#include <kunit/test.h>
#include <linux/bitops.h>
#include <linux/device-mapper.h>
#include <linux/dm-dirty-log.h>
#include <linux/lockdep.h>
#include <linux/prandom.h>
#include <linux/random.h>
#include <linux/sched.h>
#include <linux/sort.h>
#include <linux/string.h>

#include "../cache.h"
#include "../common.h"
#include "../private.h"
#include "fake-dev.h"
#include "fake-mirror.h"

/* Three chunks, so that commits have several sectors; few regions in use. */
#define LARGE		9000
#define SMALL		5000
#define NR_ACTIVE	48
#define REGION_SECTORS	1024
#define LOG_SECTORS	16
#define HEADER_BYTES	1024
#define RUBBISH		0x6b
#define MAX_SUBSETS	32
#define ONE_HOUR_MS	(60 * 60 * 1000)
/* One of so many crashed machines is started although its header is known. */
#define START_EVERY	256
/* In one region at the same time. */
#define MAX_WRITES	3

static unsigned int crash_states = 1000000;
module_param(crash_states, uint, 0444);
MODULE_PARM_DESC(crash_states, "KUnit: how many crash states to try");

static unsigned long long crash_seed;
module_param(crash_seed, ullong, 0444);
MODULE_PARM_DESC(crash_seed, "KUnit: replay the run with this seed");

/**
 * struct crash_tally - how often what was done
 * @cleans: runs of the cleaner
 * @reloads: with a new table
 * @resized: of these, with more or fewer regions
 * @other_size: of these, with regions of another size
 * @power_cuts: after which the machine started again
 * @log_writes_failed: were told to fail, likewise the next three
 * @log_flushes_failed: the write went well
 * @log_reads_failed: at a resume
 * @log_cycles: power failures of the log device
 * @started: crashed machines that the real code has started on
 * @dirty: regions that had to be, and were, dirty after a crash
 * @clean: regions that were clean after a crash, of those that may be
 * @kept_dirty: the rest of these
 */
struct crash_tally {
	u64 cleans;
	u64 reloads;
	u64 resized;
	u64 other_size;
	u64 power_cuts;
	u64 log_writes_failed;
	u64 log_flushes_failed;
	u64 log_reads_failed;
	u64 log_cycles;
	u64 started;
	u64 dirty;
	u64 clean;
	u64 kept_dirty;
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

/**
 * struct crash - the test
 * @test: the test
 * @param: the log device
 * @fm: the mirror
 * @fake: its log device
 * @region: the regions that are used, in order; of a mirror that is small only the
 *	first ones exist
 * @region_sectors: their size
 * @rnd: chance
 * @in_cleaner: the cleaner runs, and the worker may run beside it
 * @fails: the legs that fail the next flush by the log
 * @lossy: they lose what they have cached
 *
 * @disk: what the machine finds on its log device after the crash
 * @starting: it is being started on that
 * @header: one from which it has started
 * @header_known: there is one for this geometry
 *
 * @states: crashes
 * @writes: to the log device during which it crashed
 * @tally: what was done
 */
struct crash {
	struct kunit *test;
	const struct crash_param *param;
	struct dm_log_fake_mirror fm;
	struct dm_log_fake_dev *fake;
	struct dm_log_fake_region region[NR_ACTIVE];
	u32 region_sectors;
	struct rnd_state rnd;
	bool in_cleaner;
	u8 fails;
	bool lossy;

	struct dm_log_fake_dev *disk;
	bool starting;
	u8 header[HEADER_BYTES];
	bool header_known;

	u64 states;
	u64 writes;
	struct crash_tally tally;
};

static struct crash *to_crash(struct dm_log_fake_mirror *fm)
{
	return container_of(fm, struct crash, fm);
}

static u32 pick(struct crash *cr, u32 limit)
{
	return prandom_u32_state(&cr->rnd) % limit;
}

static bool one_in(struct crash *cr, u32 nr)
{
	return !pick(cr, nr);
}

/*
 * The machine after the crash.
 */

static struct dm_dirty_log *make_log(struct crash *cr)
{
	char dev[] = "dev", size[16];
	char *argv[2] = { dev, size };
	struct dm_dirty_log *log;

	snprintf(size, sizeof(size), "%u", cr->region_sectors);
	cr->fm.ti.len = cr->fm.nr_regions * cr->region_sectors;
	log = dm_dirty_log_create("disk", &cr->fm.ti, dm_log_fake_mirror_flush_legs, 2, argv);
	KUNIT_ASSERT_NOT_NULL(cr->test, log);
	return log;
}

static bool bit_is_set(const struct dm_log_fake_dev *disk, u64 nr)
{
	return disk->data[HEADER_BYTES + nr / 8] >> nr % 8 & 1;
}

/* Start the crashed machine on what is on its disk. */
static void start(struct crash *cr, unsigned long *in_sync)
{
	/* It is another machine's, which the other one's is held under. */
	static struct lock_class_key key;
	struct dm_dirty_log *log;
	unsigned int i;
	bool any = false;

	cr->tally.started++;
	memcpy(cr->disk->medium, cr->disk->data, HEADER_BYTES);
	cr->starting = true;
	log = make_log(cr);
	cr->starting = false;
	lockdep_set_class(&to_dm_log_cache(log)->commit_lock, &key);
	log->type->resume(log);
	bitmap_zero(in_sync, NR_ACTIVE);
	for (i = 0; i < cr->fm.nr_slots; i++)
		if (log->type->in_sync(log, cr->region[i].nr, 1)) {
			__set_bit(i, in_sync);
			any = true;
		}
	dm_dirty_log_destroy(log);
	if (any) {
		memcpy(cr->header, cr->disk->medium, HEADER_BYTES);
		cr->header_known = true;
	}
}

static void start_and_check(struct crash *cr)
{
	bool known = cr->header_known && !memcmp(cr->header, cr->disk->data, HEADER_BYTES);
	DECLARE_BITMAP(in_sync, NR_ACTIVE);
	DECLARE_BITMAP(bits, NR_ACTIVE);
	unsigned int i;

	cr->states++;
	bitmap_zero(bits, NR_ACTIVE);
	for (i = 0; i < cr->fm.nr_slots; i++)
		__assign_bit(i, bits, bit_is_set(cr->disk, cr->region[i].nr));
	if (!known || cr->states % START_EVERY == 0) {
		start(cr, in_sync);
		if (known && !bitmap_equal(in_sync, bits, NR_ACTIVE))
			KUNIT_FAIL(cr->test, "the format says other regions are clean\n");
	} else {
		bitmap_copy(in_sync, bits, NR_ACTIVE);
	}

	for (i = 0; i < cr->fm.nr_slots; i++) {
		const struct dm_log_fake_region *r = &cr->region[i];

		if (!dm_log_fake_mirror_may_differ(&cr->fm, r)) {
			cr->tally.clean += test_bit(i, in_sync);
			cr->tally.kept_dirty += !test_bit(i, in_sync);
			continue;
		}
		if (r->unmarked)
			continue;
		cr->tally.dirty++;
		if (!test_bit(i, in_sync))
			continue;
		KUNIT_FAIL(cr->test,
			   "region %llu lost: differs %d, in flight %u, not flushed %d %d\n",
			   r->nr, r->differ, dm_log_fake_in_flight(r),
			   dm_log_fake_mirror_unflushed(&cr->fm, r, 0),
			   dm_log_fake_mirror_unflushed(&cr->fm, r, 1));
		cr->fm.wrong_region = r->nr;
		dm_log_fake_mirror_tell(&cr->fm, cr->test);
		return;
	}
}

/* Any subset. */
static u64 pick_sectors(struct crash *cr)
{
	return (u64)prandom_u32_state(&cr->rnd) << 32 | prandom_u32_state(&cr->rnd);
}

static void put_sector(struct crash *cr, u64 s, const u8 *data)
{
	memcpy(cr->disk->data + (s << SECTOR_SHIFT), data, SECTOR_SIZE);
}

/* The medium, with those of the cached sectors that are in @kept. */
static void put_medium(struct crash *cr, u64 kept)
{
	struct dm_log_fake_dev *fake = cr->fake;
	u64 s;

	memcpy(cr->disk->data, fake->medium, LOG_SECTORS << SECTOR_SHIFT);
	for (s = 0; fake->cached & kept && s < LOG_SECTORS; s++)
		if (fake->cached & kept & BIT_ULL(s))
			put_sector(cr, s, fake->data + (s << SECTOR_SHIFT));
}

/* Of @nr sectors that may be lost: all subsets if they are few, or some. */
static unsigned int nr_subsets(unsigned int nr)
{
	return nr < 5 ? 1U << nr : MAX_SUBSETS;
}

/* The power fails while these extents are being written. */
static void crash_in_write(struct dm_log_fake_dev *fake,
			   const struct dm_log_extent *extents, unsigned int nr)
{
	struct crash *cr = fake->private;
	unsigned int i, s, sectors = 0, subset, subsets;
	u64 kept;

	for (i = 0; i < nr; i++)
		sectors += extents[i].nr_sectors;
	subsets = nr_subsets(sectors);
	cr->writes++;

	for (subset = 0; subset < subsets; subset++) {
		unsigned int n = 0;

		if (cr->test->status == KUNIT_FAILURE)
			return;
		kept = subsets < MAX_SUBSETS ? subset : pick_sectors(cr);

		put_medium(cr, fake->cached ? pick_sectors(cr) : 0);
		for (i = 0; i < nr; i++)
			for (s = 0; s < extents[i].nr_sectors; s++, n++)
				if (kept >> n & 1)
					put_sector(cr, extents[i].sector + s,
						   extents[i].data + (s << SECTOR_SHIFT));
		start_and_check(cr);
	}
}

/* The power fails while nothing is being written. */
static void crash_at_rest(struct crash *cr)
{
	unsigned int subset, subsets = nr_subsets(hweight64(cr->fake->cached));

	for (subset = 0; subset < subsets; subset++) {
		u64 kept = 0, cached = cr->fake->cached;
		unsigned int n;

		if (cr->test->status == KUNIT_FAILURE)
			return;
		for (n = 0; cached; cached &= cached - 1, n++)
			if (subset >> n & 1)
				kept |= cached & -cached;
		put_medium(cr, subsets < MAX_SUBSETS ? kept : pick_sectors(cr));
		start_and_check(cr);
	}
}

static void dispatched(struct dm_log_fake_mirror *fm)
{
	crash_at_rest(to_crash(fm));
}

static struct dm_log_dev *open_crash_dev(struct dm_target *ti, const char *path)
{
	struct crash *cr = to_crash(container_of(ti, struct dm_log_fake_mirror, ti));

	return cr->starting ? &cr->disk->dev : &cr->fake->dev;
}

/* The cleaner runs when the model says so. */
static void ignore_kick(struct dm_log_cache *cache, unsigned int delay_ms)
{
}

static void ignore_event(struct dm_target *ti)
{
}

/*
 * The machine before the crash.
 */

static void look(struct crash *cr)
{
	struct dm_log_common *common = cr->fm.log->context;

	if (!cr->fm.wrong)
		cr->fm.wrong = dm_regions_check(&common->regions, NULL, NULL);
	if (!dm_log_fake_mirror_check(&cr->fm) && cr->test->status != KUNIT_FAILURE) {
		KUNIT_FAIL(cr->test, "region %llu: %s\n", cr->fm.wrong_region, cr->fm.wrong);
		dm_log_fake_mirror_tell(&cr->fm, cr->test);
	}
}

static bool pick_loss(struct dm_log_fake_mirror *fm)
{
	return pick(to_crash(fm), 4);
}

static unsigned int pick_slot(struct crash *cr)
{
	/* Some are written to more often than others. */
	return one_in(cr, 2) ? pick(cr, cr->fm.nr_slots) : pick(cr, 6);
}

static bool fail_some_write(struct crash *cr)
{
	unsigned int i, slot = pick(cr, cr->fm.nr_slots);

	for (i = 0; i < cr->fm.nr_slots; i++) {
		u8 legs = one_in(cr, 8) ? FAKE_ALL_LEGS : BIT(pick(cr, 2));

		if (dm_log_fake_mirror_fail_write(&cr->fm, (slot + i) % cr->fm.nr_slots,
						  legs, pick(cr, 4)))
			return true;
	}
	return false;
}

/* One of many things that go wrong. */
static void fail(struct crash *cr)
{
	struct dm_log_fake_mirror *fm = &cr->fm;

	switch (pick(cr, 7)) {
	case 0:
		fail_some_write(cr);
		break;
	case 1 ... 2:
		/* While all is cleaned at once it would be noticed too late, see below. */
		if (dm_log_clean_delay_ms)
			dm_log_fake_mirror_cycle_leg(fm, pick(cr, 2));
		break;
	case 3:
		cr->fails = one_in(cr, 8) ? FAKE_ALL_LEGS : BIT(pick(cr, 2));
		break;
	case 4:
		cr->tally.log_writes_failed++;
		fm->log_trouble = true;
		cr->fake->fail_writes = 1;
		cr->fake->torn = pick(cr, 2);
		break;
	case 5:
		cr->tally.log_flushes_failed++;
		fm->log_trouble = true;
		cr->fake->fail_flushes = 1;
		cr->fake->fua = pick(cr, 2);
		break;
	case 6:
		cr->tally.log_cycles++;
		fm->log_trouble = true;
		dm_log_fake_dev_cycle(cr->fake, pick_sectors(cr));
		cr->fake->fail_writes = 1;
		break;
	}
}

/* A few things happen, and then the worker runs, or is late. */
static void happen(struct crash *cr)
{
	struct dm_log_fake_mirror *fm = &cr->fm;
	int i;

	for (i = pick(cr, 4); i > 0; i--)
		dm_log_fake_mirror_end_write(fm, pick_slot(cr));
	for (i = pick(cr, 4); i > 0; i--) {
		unsigned int slot = pick_slot(cr);
		const struct dm_log_fake_region *r = &cr->region[slot];

		if (r->pending + r->queued + r->delayed < MAX_WRITES)
			dm_log_fake_mirror_write(fm, slot);
	}
	/* What has to fail does so in the end. */
	if (one_in(cr, 4))
		for (i = 0; i < fm->nr_slots; i++)
			dm_log_fake_mirror_fail_write(fm, i, 0, false);
	if (pick(cr, 3) && !dm_log_fake_mirror_end_copy(fm) && fm->copy_fails)
		dm_log_fake_mirror_fail_copy(fm, 0, false);
	if (one_in(cr, 200))
		fail(cr);
	if (fm->copy == FAKE_COPYING && one_in(cr, 100))
		dm_log_fake_mirror_fail_copy(fm, BIT(pick(cr, 2)), pick(cr, 2));
	if (pick(cr, 8)) {
		dm_log_fake_mirror_work(fm);
		crash_at_rest(cr);
	}
}

/* The worker goes on while the cleaner waits for the legs. */
static void during_flush(struct dm_log_fake_mirror *fm)
{
	struct crash *cr = to_crash(fm);
	int i;

	if (!cr->in_cleaner)
		return;
	cr->in_cleaner = false;
	for (i = pick(cr, 3); i > 0; i--)
		happen(cr);
}

/*
 * Where regions are cleaned in the same breath, a failure of which the log has not heard
 * would come too late, and cannot be helped (dm-log-design.rst).
 */
static u8 flush_fails(struct dm_log_fake_mirror *fm)
{
	struct crash *cr = to_crash(fm);
	u8 fails = cr->fails;
	unsigned int i;

	cr->fails = 0;
	if (dm_log_clean_delay_ms)
		return fails;
	if (fm->copy == FAKE_COPY_FAILED)
		fails |= BIT(0);
	for (i = 0; i < fm->nr_slots; i++)
		if (dm_log_fake_failed(cr->region[i].failed) ||
		    dm_log_fake_failed(cr->region[i].in_hand))
			fails |= BIT(0);
	return fails;
}

static void run_cleaner(struct crash *cr)
{
	cr->tally.cleans++;
	/* It has run before, and the worker has run since. */
	dm_log_fake_mirror_work(&cr->fm);
	cr->in_cleaner = true;
	dm_log_run_cleaner(cr->fm.log);
	cr->in_cleaner = false;
}

static void new_table(struct crash *cr)
{
	struct dm_log_fake_mirror *fm = &cr->fm;

	fm->handle_errors = pick(cr, 3);
	fm->keep_log = fm->handle_errors && one_in(cr, 3);
	dm_log_fake_mirror_new(fm, make_log(cr));
	fm->log_trouble = cr->fake->fail_reads || cr->fake->fail_writes ||
			  cr->fake->fail_flushes;
}

/* A new table, with another geometry or the same. */
static void reload(struct crash *cr)
{
	struct dm_log_fake_mirror *fm = &cr->fm;
	unsigned int i;

	cr->tally.reloads++;
	dm_dirty_log_destroy(fm->log);
	if (one_in(cr, 3)) {
		cr->tally.resized++;
		cr->header_known = false;
		fm->nr_regions = fm->nr_regions == LARGE ? SMALL : LARGE;
	}
	/* The bits say nothing of regions of another size. */
	if (cr->param->fill != RUBBISH && one_in(cr, 4)) {
		cr->tally.other_size++;
		cr->header_known = false;
		cr->region_sectors ^= REGION_SECTORS ^ 2 * REGION_SECTORS;
		fm->nr_slots = 0;
	}
	/* What is not part of the mirror any more has no say. */
	for (i = fm->nr_slots; i < NR_ACTIVE; i++)
		cr->region[i] = (struct dm_log_fake_region) {
			.nr = cr->region[i].nr, .differ = true, .good = FAKE_ALL_LEGS,
		};
	for (i = 0; i < NR_ACTIVE && cr->region[i].nr < fm->nr_regions; i++)
		;
	for (fm->nr_slots = i; i < NR_ACTIVE; i++)
		cr->region[i] = (struct dm_log_fake_region) {
			.nr = cr->region[i].nr, .differ = true, .good = FAKE_ALL_LEGS,
		};
	new_table(cr);
}

static void suspend_and_resume(struct crash *cr)
{
	struct dm_log_fake_mirror *fm = &cr->fm;
	u64 old_nr_regions = fm->nr_regions;
	u32 old_region_sectors = cr->region_sectors;
	bool late = one_in(cr, 4);
	int i;

	dm_log_fake_mirror_presuspend(fm, pick(cr, 2));
	look(cr);
	for (i = pick(cr, 3); i > 0; i--) {
		happen(cr);
		look(cr);
	}
	dm_log_fake_mirror_postsuspend(fm, late);
	if (pick(cr, 2)) {
		dm_log_fake_mirror_work(fm);
		crash_at_rest(cr);
	}
	if (pick(cr, 2)) {
		dm_log_fake_mirror_work(fm);
		reload(cr);
	}

	/* A header that cannot be written yet is written later, but last. */
	if (one_in(cr, 16)) {
		fm->log_trouble = true;
		cr->fake->fail_writes = 1;
	}
	/*
	 * But if a mirror has become smaller, or has other regions, and the device
	 * did not hear of it, there is nothing to stop it from vouching for what is
	 * gone once the mirror is again what it was.
	 */
	if (fm->nr_regions < old_nr_regions || cr->region_sectors != old_region_sectors) {
		cr->fake->fail_reads = 0;
		cr->fake->fail_writes = 0;
		cr->fake->fail_flushes = 0;
	} else if (one_in(cr, 16)) {
		/* Unreadable until the cleaner tries again. */
		cr->tally.log_reads_failed++;
		fm->log_trouble = true;
		cr->fake->fail_reads = 3 + pick(cr, 6);
	}
	dm_log_fake_mirror_resume(fm);
	cr->fake->fail_writes = 0;
	dm_log_fake_mirror_work(fm);
}

/* The machine loses its power, and starts again. */
static void power_cut(struct crash *cr)
{
	struct dm_log_fake_mirror *fm = &cr->fm;

	cr->tally.power_cuts++;
	dm_log_fake_mirror_power_cut(fm);
	dm_dirty_log_destroy(fm->log);
	dm_log_fake_dev_cycle(cr->fake, pick_sectors(cr));
	cr->fake->fail_reads = 0;
	cr->fake->fail_writes = 0;
	cr->fake->fail_flushes = 0;
	cr->fails = 0;
	new_table(cr);
	dm_log_fake_mirror_resume(fm);
	dm_log_fake_mirror_work(fm);
}

static void step(struct crash *cr)
{
	switch (pick(cr, 320)) {
	case 0 ... 3:
		suspend_and_resume(cr);
		break;
	case 4:
		power_cut(cr);
		break;
	case 5 ... 36:
		run_cleaner(cr);
		break;
	case 37:
		/* What has failed is reported before that. */
		if (!dm_log_fake_mirror_doomed(&cr->fm)) {
			dm_log_fake_mirror_work(&cr->fm);
			dm_log_clean_delay_ms = pick(cr, 4) ? ONE_HOUR_MS : 0;
		}
		break;
	default:
		happen(cr);
		break;
	}
	look(cr);
}

static int compare_regions(const void *a, const void *b)
{
	const struct dm_log_fake_region *ra = a, *rb = b;

	return ra->nr < rb->nr ? -1 : ra->nr > rb->nr;
}

static bool is_active(const struct crash *cr, u64 nr)
{
	int i;

	for (i = 0; i < NR_ACTIVE; i++)
		if (cr->region[i].nr == nr)
			return true;
	return false;
}

/* Around the borders of chunks, the ends, and anywhere. The mirror is new. */
static void choose_active(struct crash *cr)
{
	static const u16 borders[] = { 0, 1, 4094, 4095, 4096, 4097, 4999, 5000,
				       8191, 8192, 8998, 8999 };
	int i;

	for (i = 0; i < NR_ACTIVE; i++)
		cr->region[i].nr = U64_MAX;
	for (i = 0; i < NR_ACTIVE; i++) {
		u64 nr = i < ARRAY_SIZE(borders) ? borders[i] : pick(cr, LARGE);

		while (is_active(cr, nr))
			nr = pick(cr, LARGE);
		cr->region[i] = (struct dm_log_fake_region) {
			.nr = nr, .differ = true, .good = FAKE_ALL_LEGS,
		};
	}
	sort(cr->region, NR_ACTIVE, sizeof(cr->region[0]), compare_regions, NULL);
}

static void print_tally(struct crash *cr, u64 seed)
{
	const struct dm_log_fake_tally *m = &cr->fm.tally;
	const struct crash_tally *t = &cr->tally;
	u64 looks = max(m->looks, 1);

	kunit_info(cr->test, "%u-byte blocks: %llu crash states at %llu writes, %llu started; seed %llu\n",
		   cr->param->block_sectors << SECTOR_SHIFT, cr->states, cr->writes,
		   t->started, seed);
	kunit_info(cr->test, "regions then: %llu had to be dirty, %llu clean, %llu dirty though they could be clean\n",
		   t->dirty, t->clean, t->kept_dirty);
	kunit_info(cr->test, "mirror: %llu passes, %llu writes, %llu to one leg, %llu waited, %llu held, %llu regions copied\n",
		   m->passes, m->writes, m->nosync_writes, m->waits, m->holds, m->copies);
	kunit_info(cr->test, "legs: %llu flushes, failed: %llu flushes, %llu writes, %llu copies (%llu given up); %llu power failures, %llu losses\n",
		   m->leg_flushes, m->failed_leg_flushes, m->failed_writes,
		   m->failed_copies, m->given_up, m->cycles, m->losses);
	kunit_info(cr->test, "regions while it ran: %llu %% differed, %llu %% might, %llu %% lacked something on a leg, %llu %% readable from one leg, %llu %% from none\n",
		   m->differing * 100 / looks, m->unflushed * 100 / looks,
		   m->stale * 100 / looks, m->one_leg * 100 / looks,
		   m->no_leg * 100 / looks);
	kunit_info(cr->test, "%llu cleanings, %llu suspends, %llu reloads, %llu resized, %llu with another region size, %llu power cuts, %llu default legs changed, %llu failures forgotten\n",
		   t->cleans, m->suspends, t->reloads, t->resized, t->other_size,
		   t->power_cuts, m->switches, m->resets);
	kunit_info(cr->test, "log device: %llu writes, %llu flushes, %llu reads told to fail, %llu power failures; %llu flush() failed\n",
		   t->log_writes_failed, t->log_flushes_failed, t->log_reads_failed,
		   t->log_cycles, m->log_errors);
}

static const struct crash_param crash_params[] = {
	{ 1, RUBBISH }, { 1, 0 }, { 2, 0xff }, { 8, RUBBISH }, { 8, 0 },
};

static struct dm_log_fake_dev *new_device(struct crash *cr)
{
	struct dm_log_fake_dev *fake = dm_log_fake_dev_new(cr->test, LOG_SECTORS,
							   cr->param->block_sectors);

	memset(fake->data, cr->param->fill, LOG_SECTORS << SECTOR_SHIFT);
	memset(fake->medium, cr->param->fill, LOG_SECTORS << SECTOR_SHIFT);
	fake->private = cr;
	return fake;
}

static void crash_random(struct kunit *test)
{
	struct crash *cr = kunit_kzalloc(test, sizeof(*cr), GFP_KERNEL);
	u64 seed = crash_seed ?: get_random_u64();
	unsigned int old_delay = dm_log_clean_delay_ms, old_wait = dm_log_clear_wait_ms;

	KUNIT_ASSERT_NOT_NULL(test, cr);
	cr->test = test;
	cr->param = test->param_value;
	cr->region_sectors = REGION_SECTORS;
	prandom_seed_state(&cr->rnd, seed);
	cr->fake = new_device(cr);
	cr->disk = new_device(cr);
	kunit_activate_static_stub(test, dm_log_dev_open, open_crash_dev);
	kunit_activate_static_stub(test, dm_log_raise_event, ignore_event);
	kunit_activate_static_stub(test, dm_log_cache_tend, ignore_kick);

	cr->fm.history = kunit_kcalloc(test, FAKE_HISTORY, sizeof(*cr->fm.history),
				       GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, cr->fm.history);
	choose_active(cr);
	cr->fm.region = cr->region;
	cr->fm.nr_slots = NR_ACTIVE;
	cr->fm.nr_regions = LARGE;
	cr->fm.caches = true;
	cr->fm.during_flush = during_flush;
	cr->fm.flush_fails = flush_fails;
	cr->fm.pick_loss = pick_loss;
	cr->fm.dispatched = dispatched;

	dm_log_clean_delay_ms = ONE_HOUR_MS;
	/* What the worker clears too late is cleared later. */
	dm_log_clear_wait_ms = 0;
	new_table(cr);
	/* From now on; an empty device has nothing to lose. */
	cr->fake->before_write = crash_in_write;
	dm_log_fake_mirror_resume(&cr->fm);
	dm_log_fake_mirror_work(&cr->fm);

	while (cr->states < DIV_ROUND_UP(crash_states, ARRAY_SIZE(crash_params)) &&
	       test->status != KUNIT_FAILURE) {
		step(cr);
		cond_resched();
	}

	cr->fake->before_write = NULL;
	dm_dirty_log_destroy(cr->fm.log);
	dm_log_clean_delay_ms = old_delay;
	dm_log_clear_wait_ms = old_wait;
	print_tally(cr, seed);
	/*
	 * A test that loses nothing because nothing could be lost proves nothing, nor
	 * does one in which nothing becomes clean.
	 */
	KUNIT_EXPECT_GT(test, cr->tally.dirty, cr->states);
	KUNIT_EXPECT_GT(test, cr->tally.clean, cr->states);
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
