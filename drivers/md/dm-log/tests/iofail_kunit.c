// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit test of a log device that fails: a mirror's life, from an existing log over
 * writes, recovery, cleaning, a failed leg, suspend, growing and shrinking, is run
 * once in peace, then once for each I/O to the log device with that I/O failing:
 * nothing, half or all of a write having happened, or only its flush missing; once,
 * or for a while.
 *
 * After each step: the status tells, an event was raised once, a flush fails only
 * with the device, marks that it confirms are durable, and a crash would lose no
 * region whose legs may differ. In the end the device holds what it holds in peace.
 */

#include <kunit/static_stub.h>
#include <kunit/test.h>
#include <linux/bitmap.h>
#include <linux/bits.h>
#include <linux/device-mapper.h>
#include <linux/dm-dirty-log.h>
#include <linux/minmax.h>
#include <linux/moduleparam.h>
#include <linux/printk.h>
#include <linux/stdarg.h>
#include <linux/string.h>

#include "../cache.h"
#include "../private.h"
#include "../regions.h"
#include "../store.h"
#include "fake-dev.h"

#define MAGIC		0x4D695272
#define REGION_SECTORS	1024
/* One chunk, and two. */
#define SMALL		4090
#define LARGE		4200
#define LOG_SECTORS	16
#define LOG_BYTES	(LOG_SECTORS * SECTOR_SIZE)
#define ONE_HOUR_MS	(60 * 60 * 1000)
#define NEVER		U32_MAX
/* As often as the library tries. */
#define READ_TRIES	3

/* An odd number, and no multiple of 5, lets all ways take their turn. */
static unsigned int iofail_every = 1;
module_param(iofail_every, uint, 0444);
MODULE_PARM_DESC(iofail_every, "KUnit: of all failures try only each Nth");

/**
 * enum iofail_kind - what a failing write does
 * @FAIL_NOTHING: nothing
 * @FAIL_TORN: it changes every other sector
 * @FAIL_WHOLE: it changes everything, but nobody is told
 * @FAIL_FLUSH: it goes well, but is not durable
 * @NR_KINDS: how many kinds there are
 */
enum iofail_kind { FAIL_NOTHING, FAIL_TORN, FAIL_WHOLE, FAIL_FLUSH, NR_KINDS };

/**
 * struct iofail - a mirror with a bad log device
 * @test: the test
 * @ti: its target
 * @log: its log
 * @fake: the device
 * @nr_regions: size of the mirror
 * @disk: the device after a crash
 * @rg: map of the mirror that comes after the crash, small and large
 * @store: its log
 *
 * @step: what is being done, for messages
 * @first: the first I/O that fails
 * @length: how many do
 * @kind: how
 * @healed: no more
 * @max_faults: no more once so many have
 * @ios: I/Os so far
 * @faults: those that failed
 * @reads_failed: reads that failed in a row
 *
 * @io_failed: the log must have noticed
 * @flush_failed: likewise
 * @failing: one of these at the last step
 * @unreadable: the log could not be read, nor has it been since
 * @events: that must have been raised
 * @nr_events: that were
 *
 * @in_flight: regions with a write in flight
 * @unflushed: written, and the legs not flushed since
 * @differ: legs differ
 * @dirty: any of these
 * @final: what is on the device in the end
 */
struct iofail {
	struct kunit *test;
	struct dm_target ti;
	struct dm_dirty_log *log;
	struct dm_log_fake_dev *fake;
	u64 nr_regions;
	struct dm_log_fake_dev *disk;
	struct dm_regions rg[2];
	struct dm_log_store store[2];

	const char *step;
	unsigned int first;
	unsigned int length;
	enum iofail_kind kind;
	bool healed;
	unsigned int max_faults;
	unsigned int ios;
	unsigned int faults;
	unsigned int reads_failed;

	bool io_failed;
	bool flush_failed;
	bool failing;
	bool unreadable;
	unsigned int events;
	unsigned int nr_events;

	DECLARE_BITMAP(in_flight, LARGE);
	DECLARE_BITMAP(unflushed, LARGE);
	DECLARE_BITMAP(differ, LARGE);
	DECLARE_BITMAP(dirty, LARGE);
	u8 final[LOG_BYTES];
};

static struct iofail *to_iofail(struct dm_target *ti)
{
	return container_of(ti, struct iofail, ti);
}

static __printf(2, 3) void complain(struct iofail *io, const char *fmt, ...)
{
	struct va_format vaf = { .fmt = fmt };
	va_list args;

	va_start(args, fmt);
	vaf.va = &args;
	KUNIT_FAIL(io->test, "I/O %u (%u of kind %d), %u-byte blocks, %s: %pV\n", io->first,
		   io->length, io->kind, io->fake->dev.block_sectors << SECTOR_SHIFT,
		   io->step, &vaf);
	va_end(args);
}

/*
 * The device
 */

static void fail_or_not(struct dm_log_fake_dev *fake, bool write)
{
	struct iofail *io = fake->private;
	unsigned int nr = io->ios++;
	bool fail = !io->healed && io->faults < io->max_faults &&
		    nr >= io->first && nr - io->first < io->length;

	fake->torn = io->kind == FAIL_TORN;
	fake->whole = io->kind == FAIL_WHOLE;
	if (!fail) {
		if (!write)
			io->reads_failed = 0;
		return;
	}
	io->faults++;
	if (!write) {
		fake->fail_reads = 1;
		if (!(++io->reads_failed % READ_TRIES))
			io->io_failed = true;
	} else if (io->kind == FAIL_FLUSH) {
		fake->fail_flushes = 1;
		io->flush_failed = true;
	} else {
		fake->fail_writes = 1;
		io->io_failed = true;
	}
}

static struct dm_log_dev *open_fake(struct dm_target *ti, const char *path)
{
	return &to_iofail(ti)->fake->dev;
}

static void count_event(struct dm_target *ti)
{
	to_iofail(ti)->nr_events++;
}

/* The cleaner runs when the test says so. */
static void ignore_tend(struct dm_log_cache *cache, unsigned int delay_ms)
{
}

static int flush_legs(struct dm_target *ti)
{
	bitmap_zero(to_iofail(ti)->unflushed, LARGE);
	return 0;
}

/*
 * What has to hold after each step
 */

/* The power fails, and the device has @data. */
static void check_crash(struct iofail *io, const u8 *data)
{
	int which = io->nr_regions == LARGE;
	struct dm_regions *rg = &io->rg[which];
	unsigned long i;

	memcpy(io->disk->data, data, LOG_BYTES);
	dm_regions_fill(rg, DM_REGION_NOSYNC);
	KUNIT_EXPECT_EQ(io->test, dm_log_store_resume(&io->store[which], DM_LOG_LOAD), 0);
	for_each_set_bit(i, io->dirty, io->nr_regions) {
		if (dm_regions_in_sync(rg, i)) {
			complain(io, "region %lu lost on the %s", i,
				 data == io->fake->data ? "device" : "medium");
			return;
		}
	}
}

static void check_status(struct iofail *io)
{
	char expected[] = "3 disk 259:7 A", line[32];
	bool failing = io->io_failed || io->flush_failed;

	if (failing)
		expected[sizeof(expected) - 2] = io->flush_failed ? 'F' : 'D';
	io->log->type->status(io->log, STATUSTYPE_INFO, line, sizeof(line));
	if (strcmp(line, expected))
		complain(io, "status '%s', expected '%s'", line, expected);

	io->events += failing && !io->failing;
	io->failing = failing;
	if (io->nr_events != io->events)
		complain(io, "%u events, expected %u", io->nr_events, io->events);
}

static void check(struct iofail *io)
{
	check_status(io);
	bitmap_or(io->dirty, io->in_flight, io->unflushed, LARGE);
	bitmap_or(io->dirty, io->dirty, io->differ, LARGE);
	check_crash(io, io->fake->medium);
	check_crash(io, io->fake->data);
}

/*
 * Steps
 */

static bool may_clean(struct iofail *io)
{
	return dm_regions_may_clean(&to_dm_log_cache(io->log)->common.regions);
}

static void flush_marks(struct iofail *io)
{
	unsigned int faults = io->faults;
	int r = io->log->type->flush(io->log);

	/* Of an unreadable log only a mark is an error, see begin_write(). */
	if (!io->unreadable && faults == io->faults && r)
		complain(io, "a flush fails (%d) and the device did not", r);
}

static void check_durable(struct iofail *io, u64 region)
{
	const struct dm_log_fake_dev *fake = io->fake;
	u64 sector = (1024 + region / 8) >> SECTOR_SHIFT;

	if (dm_log_fake_dev_bit(fake, region) || fake->cached & BIT_ULL(sector))
		complain(io, "the mark of region %llu is not durable", region);
}

/* As the mirror does: what was not confirmed is held, and tried again. */
static void begin_write(struct iofail *io, u64 region)
{
	const struct dm_dirty_log_type *type = io->log->type;
	bool in_sync = type->in_sync(io->log, region, 1);
	unsigned int tries, faults;
	int r;

	if (in_sync)
		type->mark_region(io->log, region);
	else if (type->is_remote_recovering(io->log, region))
		return;		/* it waits */
	for (tries = 0; tries < 3; tries++) {
		faults = io->faults;
		r = type->flush(io->log);
		if (io->unreadable ? !r : r && faults == io->faults)
			complain(io, "flush returns %d", r);
		if (!r)
			break;
		check(io);
	}
	if (!r) {
		check_durable(io, region);
		set_bit(region, in_sync ? io->in_flight : io->differ);
	}
	check(io);
}

static void end_write(struct iofail *io, u64 region)
{
	if (test_and_clear_bit(region, io->in_flight))
		set_bit(region, io->unflushed);
	if (io->log->type->in_sync(io->log, region, 1))
		io->log->type->clear_region(io->log, region);
	flush_marks(io);
	check(io);
}

static void write_region(struct iofail *io, u64 region)
{
	begin_write(io, region);
	end_write(io, region);
}

static void fail_write(struct iofail *io, u64 region)
{
	begin_write(io, region);
	if (test_and_clear_bit(region, io->in_flight))
		set_bit(region, io->differ);
	/* There is one event for the first failure. */
	io->events += may_clean(io);
	io->log->type->set_region_sync(io->log, region, 0);
	if (io->log->type->in_sync(io->log, region, 1))
		complain(io, "region %llu in sync", region);
	flush_marks(io);
	check(io);
}

static void recover_all(struct iofail *io)
{
	const struct dm_dirty_log_type *type = io->log->type;
	region_t region;

	while (type->get_resync_work(io->log, &region) == 1) {
		if (test_and_clear_bit(region, io->differ))
			set_bit(region, io->unflushed);
		type->clear_region(io->log, region);
		type->set_region_sync(io->log, region, 1);
	}
	/* After a failure one is missing until the next resume, or the next table. */
	if (type->get_sync_count(io->log) != io->nr_regions - !may_clean(io))
		complain(io, "%llu regions in sync", (u64)type->get_sync_count(io->log));
	flush_marks(io);
	check(io);
}

/* Once for regions that have just become idle, and once more. */
static void clean(struct iofail *io)
{
	int i;

	for (i = 0; i < 2; i++) {
		io->reads_failed = 0;
		dm_log_run_cleaner(io->log);
		/* Which also is when an unreadable log is tried again. */
		if (!io->reads_failed)
			io->unreadable = false;
		check(io);
	}
}

static void create_log(struct iofail *io, u64 nr_regions)
{
	char dev[] = "dev", size[] = "1024";
	char *argv[2];
	u64 i;

	argv[0] = dev;
	argv[1] = size;
	/* What is not part of the mirror any more, or was not, has no say. */
	for (i = min(nr_regions, io->nr_regions); i < LARGE; i++)
		set_bit(i, io->differ);
	io->nr_regions = nr_regions;
	io->ti.len = nr_regions * REGION_SECTORS;
	io->log = dm_dirty_log_create("disk", &io->ti, flush_legs, 2, argv);
	KUNIT_ASSERT_NOT_NULL(io->test, io->log);
	io->io_failed = false;
	io->flush_failed = false;
	io->failing = false;
}

static void resume_log(struct iofail *io)
{
	unsigned int faults = io->faults;
	int r;

	io->reads_failed = 0;
	r = io->log->type->resume(io->log);
	if (r && faults == io->faults)
		complain(io, "resume fails (%d) and the device did not", r);
	if (!r) {
		io->io_failed = false;
		io->flush_failed = false;
	}
	io->unreadable = r && io->reads_failed;
	check(io);
}

static void suspend_log(struct iofail *io)
{
	unsigned int faults = io->faults;
	int r;

	io->log->type->presuspend(io->log);
	r = io->log->type->postsuspend(io->log);
	/* Whatever comes from here on is not for the device. */
	io->unreadable = false;
	if (r && faults == io->faults && !io->io_failed)
		complain(io, "suspend fails (%d) and the device did not", r);
	check(io);
	io->log->type->flush(io->log);
}

static void destroy_log(struct iofail *io)
{
	dm_dirty_log_destroy(io->log);
	io->log = NULL;
}

static void put_old_log(struct iofail *io)
{
	u64 region;

	memset(io->fake->data, 0xff, LOG_BYTES);
	dm_log_fake_dev_header(io->fake, MAGIC, 2, SMALL);
	for (region = SMALL; region % 64; region++)
		dm_log_fake_dev_set_bit(io->fake, region, false);
	dm_log_fake_dev_set_bit(io->fake, 17, false);
	dm_log_fake_dev_set_bit(io->fake, 4000, false);
	memcpy(io->fake->medium, io->fake->data, LOG_BYTES);
	io->fake->cached = 0;
	set_bit(17, io->differ);
	set_bit(4000, io->differ);
}

static void first_life(struct iofail *io)
{
	io->step = "first resume";
	create_log(io, SMALL);
	resume_log(io);
	io->step = "writes";
	write_region(io, 1);
	write_region(io, 4089);
	io->step = "recovery";
	recover_all(io);
	io->step = "cleaning beside a write";
	begin_write(io, 2);
	clean(io);
	io->step = "failed write";
	fail_write(io, 3);
	end_write(io, 2);
	io->step = "suspend";
	suspend_log(io);
	io->step = "second resume";
	resume_log(io);
	io->step = "recovery after resume";
	clean(io);
	write_region(io, 3);
	recover_all(io);
	write_region(io, 2000);
	io->step = "last suspend of the first life";
	suspend_log(io);
	destroy_log(io);
}

static void second_life(struct iofail *io)
{
	io->step = "resume of a larger mirror";
	create_log(io, LARGE);
	resume_log(io);
	io->step = "writes to a larger mirror";
	write_region(io, 4150);
	clean(io);
	recover_all(io);
	write_region(io, 4150);
	begin_write(io, 4199);
	clean(io);
	end_write(io, 4199);
	io->step = "suspend of a larger mirror";
	suspend_log(io);
	destroy_log(io);
}

/*
 * The header of a mirror that became smaller and never could be written would vouch
 * for what is gone, and nothing can be done about it. So in these lives the device
 * comes round in time: at the last attempt, which is the second in a suspend.
 */
static void quiet_life(struct iofail *io)
{
	io->step = "smaller mirror without writes";
	create_log(io, SMALL);
	io->max_faults = io->faults + 2;
	resume_log(io);
	suspend_log(io);
	io->max_faults = NEVER;
	destroy_log(io);

	io->step = "as large as before";
	create_log(io, LARGE);
	resume_log(io);
	clean(io);
	recover_all(io);
	suspend_log(io);
	destroy_log(io);
}

static void third_life(struct iofail *io)
{
	io->step = "resume of a smaller mirror";
	create_log(io, SMALL);
	resume_log(io);
	io->step = "writes to a smaller mirror";
	write_region(io, 7);
	io->healed = true;
	clean(io);
	suspend_log(io);
	destroy_log(io);
}

static void last_life(struct iofail *io)
{
	io->step = "last life";
	create_log(io, LARGE);
	resume_log(io);
	recover_all(io);
	write_region(io, 4100);
	clean(io);
	clean(io);
	suspend_log(io);
	if (io->io_failed || io->flush_failed)
		complain(io, "still failing");
	destroy_log(io);
	if (io->fake->cached)
		complain(io, "not durable");
}

/* One life with failing I/Os; what it leaves is in @io->final. */
static void run(struct iofail *io, unsigned int first, unsigned int length,
		enum iofail_kind kind)
{
	io->first = first;
	io->length = length;
	io->kind = kind;
	io->healed = false;
	io->max_faults = NEVER;
	io->ios = 0;
	io->faults = 0;
	io->unreadable = false;
	io->nr_regions = SMALL;
	bitmap_zero(io->in_flight, LARGE);
	bitmap_zero(io->unflushed, LARGE);
	bitmap_zero(io->differ, LARGE);
	put_old_log(io);

	first_life(io);
	second_life(io);
	quiet_life(io);
	third_life(io);
	last_life(io);
	memcpy(io->final, io->fake->data, LOG_BYTES);
}

/*
 * The sweep
 */

static void free_maps(void *data)
{
	struct iofail *io = data;
	int i;

	for (i = 0; i < ARRAY_SIZE(io->rg); i++) {
		dm_log_store_exit(&io->store[i]);
		dm_regions_exit(&io->rg[i]);
	}
}

static struct iofail *new_iofail(struct kunit *test, unsigned int block_sectors)
{
	struct iofail *io = kunit_kzalloc(test, sizeof(*io), GFP_KERNEL);
	int i;

	KUNIT_ASSERT_NOT_NULL(test, io);
	io->test = test;
	io->fake = dm_log_fake_dev_new(test, LOG_SECTORS, block_sectors);
	io->fake->private = io;
	io->fake->before_io = fail_or_not;
	io->disk = dm_log_fake_dev_new(test, LOG_SECTORS, block_sectors);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, free_maps, io), 0);
	for (i = 0; i < ARRAY_SIZE(io->rg); i++) {
		KUNIT_ASSERT_EQ(test, dm_regions_init(&io->rg[i], i ? LARGE : SMALL,
						      DM_REGION_NOSYNC, true), 0);
		KUNIT_ASSERT_EQ(test, dm_log_store_init(&io->store[i], &io->disk->dev,
							&io->rg[i], REGION_SECTORS), 0);
	}
	return io;
}

static void sweep(struct kunit *test, unsigned int block_sectors, bool fua)
{
	static const unsigned int lengths[] = { 1, 2, READ_TRIES, 8, NEVER };
	struct iofail *io = new_iofail(test, block_sectors);
	u8 *good = kunit_kzalloc(test, LOG_BYTES, GFP_KERNEL);
	unsigned int n, ios, i, turn = 0, runs = 0, faults = 0;
	int kind;

	KUNIT_ASSERT_NOT_NULL(test, good);
	KUNIT_ASSERT_GT(test, iofail_every, 0);
	io->fake->fua = fua;
	run(io, NEVER, 0, FAIL_NOTHING);
	ios = io->ios;
	/* Of the failed write. */
	KUNIT_EXPECT_EQ(test, io->nr_events, 1);
	memcpy(good, io->final, LOG_BYTES);

	for (n = 0; n < ios; n++)
		for (kind = 0; kind < NR_KINDS; kind++)
			for (i = 0; i < ARRAY_SIZE(lengths); i++) {
				if (test->status == KUNIT_FAILURE)
					return;
				if (turn++ % iofail_every)
					continue;
				run(io, n, lengths[i], kind);
				runs++;
				faults += io->faults;
				if (memcmp(io->final, good, LOG_BYTES))
					complain(io, "another log than in peace");
				cond_resched();
			}
	kunit_info(test, "%u-byte blocks%s: %u I/Os, each failed in %u ways: %u lives, %u failures, %u events\n",
		   block_sectors << SECTOR_SHIFT, fua ? ", FUA" : "", ios,
		   turn / ios, runs, faults, io->nr_events);
	KUNIT_EXPECT_GE(test, faults, runs);
}

static void iofail_sweep(struct kunit *test)
{
	unsigned int old_delay = dm_log_clean_delay_ms;

	kunit_activate_static_stub(test, dm_log_dev_open, open_fake);
	kunit_activate_static_stub(test, dm_log_raise_event, count_event);
	kunit_activate_static_stub(test, dm_log_cache_tend, ignore_tend);
	dm_log_clean_delay_ms = ONE_HOUR_MS;
	sweep(test, 1, false);
	sweep(test, 1, true);
	sweep(test, 8, true);
	dm_log_clean_delay_ms = old_delay;
}

static struct kunit_case dm_log_iofail_cases[] = {
	KUNIT_CASE_SLOW(iofail_sweep),
	{}
};

static struct kunit_suite dm_log_iofail_suite = {
	.name = "dm_log_iofail",
	.test_cases = dm_log_iofail_cases,
};

kunit_test_suite(dm_log_iofail_suite);
