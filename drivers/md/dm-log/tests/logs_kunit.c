// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit tests of what concerns all logs: the counters' file, what happens before a
 * reboot, and module parameters. "B" numbers are points of the contract.
 *
 * Cleaners run by themselves here, in a thread of their own: static stubs are not
 * seen there, so that nothing may fail that raises an event.
 */

#include <kunit/static_stub.h>
#include <kunit/test-bug.h>
#include <kunit/test.h>
#include <linux/bits.h>
#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/device-mapper.h>
#include <linux/dm-dirty-log.h>
#include <linux/jiffies.h>
#include <linux/moduleparam.h>
#include <linux/reboot.h>
#include <linux/seq_file.h>
#include <linux/sizes.h>
#include <linux/string.h>
#include <linux/workqueue.h>

#include "../cache.h"
#include "../logs.h"
#include "../private.h"
#include "../store.h"
#include "fake-dev.h"

#define MAGIC		0x4D695272
#define NR_REGIONS	10000
#define REGION_SECTORS	1024
#define LOG_SECTORS	24

#define ONE_HOUR_MS	(60 * 60 * 1000)
/* What is given up for hanging, on the slowest of machines. */
#define HANGS_MS	60000

/* No other log is there, or begins here. */
#define BEGIN		4711

struct logs_mirror {
	struct dm_target ti;
	struct dm_dirty_log *log;
	struct dm_log_fake_dev *fake;
	bool hang;
	struct completion in_flush;
	struct completion go_on;
	struct delayed_work ends_write;
};

struct logs_test {
	struct kunit *test;
	struct logs_mirror mirrors[3];
	unsigned int nr_tends;
	unsigned int nr_events;
	unsigned int old[3];
};

static struct logs_mirror *to_mirror(struct dm_target *ti)
{
	return container_of(ti, struct logs_mirror, ti);
}

static struct dm_log_dev *open_fake(struct dm_target *ti, const char *path)
{
	struct logs_mirror *lm = to_mirror(ti);

	lm->fake->open = true;
	return &lm->fake->dev;
}

static int flush_legs(struct dm_target *ti)
{
	struct logs_mirror *lm = to_mirror(ti);

	if (lm->hang) {
		complete(&lm->in_flush);
		wait_for_completion(&lm->go_on);
	}
	return 0;
}

static void count_tend(struct dm_log_cache *cache, unsigned int delay_ms)
{
	struct logs_test *lt = kunit_get_current_test()->priv;

	KUNIT_EXPECT_EQ(lt->test, delay_ms, 0);
	lt->nr_tends++;
}

static void ignore_tend(struct dm_log_cache *cache, unsigned int delay_ms)
{
}

static void count_event(struct dm_target *ti)
{
	struct logs_test *lt = kunit_get_current_test()->priv;

	lt->nr_events++;
}

/* The worker, after the last write to region 1 has ended. */
static void end_write(struct work_struct *work)
{
	struct logs_mirror *lm = container_of(to_delayed_work(work),
					      struct logs_mirror, ends_write);

	lm->log->type->clear_region(lm->log, 1);
	lm->log->type->flush(lm->log);
}

static int logs_test_init(struct kunit *test)
{
	struct logs_test *lt = kunit_kzalloc(test, sizeof(*lt), GFP_KERNEL);
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, lt);
	lt->test = test;
	for (i = 0; i < ARRAY_SIZE(lt->mirrors); i++) {
		struct logs_mirror *lm = &lt->mirrors[i];

		lm->ti.begin = BEGIN + i;
		lm->ti.len = (sector_t)NR_REGIONS * REGION_SECTORS;
		lm->fake = dm_log_fake_dev_new(test, LOG_SECTORS, 1);
		init_completion(&lm->in_flush);
		init_completion(&lm->go_on);
		INIT_DELAYED_WORK(&lm->ends_write, end_write);
	}
	lt->old[0] = dm_log_clean_delay_ms;
	lt->old[1] = dm_log_max_idle_regions;
	lt->old[2] = dm_logs_reboot_wait_ms;
	dm_log_clean_delay_ms = ONE_HOUR_MS;
	dm_log_max_idle_regions = 8192;
	test->priv = lt;
	kunit_activate_static_stub(test, dm_log_dev_open, open_fake);
	kunit_activate_static_stub(test, dm_log_raise_event, count_event);
	return 0;
}

static void destroy_log(struct logs_mirror *lm)
{
	if (lm->log)
		dm_dirty_log_destroy(lm->log);
	lm->log = NULL;
}

static void logs_test_exit(struct kunit *test)
{
	struct logs_test *lt = test->priv;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(lt->mirrors); i++) {
		complete_all(&lt->mirrors[i].go_on);
		cancel_delayed_work_sync(&lt->mirrors[i].ends_write);
		destroy_log(&lt->mirrors[i]);
	}
	dm_log_clean_delay_ms = lt->old[0];
	dm_log_max_idle_regions = lt->old[1];
	dm_logs_reboot_wait_ms = lt->old[2];
}

static struct logs_mirror *core_log(struct kunit *test, unsigned int i)
{
	struct logs_mirror *lm = &((struct logs_test *)test->priv)->mirrors[i];
	char size[] = "1024", *argv[] = { size };

	lm->log = dm_dirty_log_create("core", &lm->ti, flush_legs, 1, argv);
	KUNIT_ASSERT_NOT_NULL(test, lm->log);
	return lm;
}

static struct logs_mirror *disk_log(struct kunit *test, unsigned int i)
{
	struct logs_mirror *lm = &((struct logs_test *)test->priv)->mirrors[i];
	char path[] = "259:7", size[] = "1024", *argv[] = { path, size };

	dm_log_fake_dev_header(lm->fake, MAGIC, 2, NR_REGIONS);
	memset(lm->fake->data + 1024, 0xff, BITS_TO_BYTES(NR_REGIONS));
	lm->log = dm_dirty_log_create("disk", &lm->ti, flush_legs, 2, argv);
	KUNIT_ASSERT_NOT_NULL(test, lm->log);
	return lm;
}

static struct logs_mirror *live_disk_log(struct kunit *test, unsigned int i)
{
	struct logs_mirror *lm = disk_log(test, i);

	KUNIT_ASSERT_EQ(test, lm->log->type->resume(lm->log), 0);
	return lm;
}

static void suspend_log(struct kunit *test, struct logs_mirror *lm)
{
	KUNIT_EXPECT_EQ(test, lm->log->type->presuspend(lm->log), 0);
	if (lm->log->type->postsuspend)
		KUNIT_EXPECT_EQ(test, lm->log->type->postsuspend(lm->log), 0);
}

/* One whose device cannot be written to. */
static void suspend_in_vain(struct kunit *test, struct logs_mirror *lm)
{
	KUNIT_EXPECT_EQ(test, lm->log->type->presuspend(lm->log), 0);
	KUNIT_EXPECT_NE(test, lm->log->type->postsuspend(lm->log), 0);
}

static void begin_write(struct kunit *test, struct logs_mirror *lm, u64 region)
{
	lm->log->type->mark_region(lm->log, region);
	KUNIT_EXPECT_EQ(test, lm->log->type->flush(lm->log), 0);
}

static void write_region(struct kunit *test, struct logs_mirror *lm, u64 region)
{
	begin_write(test, lm, region);
	lm->log->type->clear_region(lm->log, region);
	KUNIT_EXPECT_EQ(test, lm->log->type->flush(lm->log), 0);
	KUNIT_EXPECT_FALSE(test, dm_log_fake_dev_bit(lm->fake, region));
}

/*
 * The file
 */

/* What the file shows of a mirror: its line from the third word on, or NULL. */
static const char *line(struct kunit *test, struct logs_mirror *lm)
{
	size_t size = SZ_64K;
	struct seq_file m = { .buf = kunit_kzalloc(test, size, GFP_KERNEL), .size = size };
	char *at, *next, head[32];

	KUNIT_ASSERT_NOT_NULL(test, m.buf);
	KUNIT_EXPECT_EQ(test, dm_logs_show(&m, NULL), 0);
	KUNIT_ASSERT_FALSE(test, seq_has_overflowed(&m));
	m.buf[m.count] = '\0';
	snprintf(head, sizeof(head), "0:0 %llu ", (unsigned long long)lm->ti.begin);
	for (next = m.buf; (at = strsep(&next, "\n")); )
		if (str_has_prefix(at, head))
			return at + strlen(head);
	return NULL;
}

#define REGIONS		" regions=10000 region_sectors=1024"
#define NO_COUNTERS	" flushes=0 free_flushes=0 commits=0 commit_errors=0"	\
			" cleanings=0 cleaned=0 writes=0 bytes=0"		\
			" requests=0 unanswered=0"

static void logs_core_line(struct kunit *test)
{
	struct logs_mirror *lm = core_log(test, 0);

	KUNIT_EXPECT_STREQ(test, line(test, lm),
			   "core live=0" REGIONS " out_of_sync=10000 dirty=0 idle=0" NO_COUNTERS);
	lm->log->type->resume(lm->log);
	KUNIT_EXPECT_STREQ(test, line(test, lm),
			   "core live=1" REGIONS " out_of_sync=10000 dirty=0 idle=0" NO_COUNTERS);
	suspend_log(test, lm);
	KUNIT_EXPECT_STREQ(test, line(test, lm),
			   "core live=0" REGIONS " out_of_sync=10000 dirty=0 idle=0" NO_COUNTERS);
	destroy_log(lm);
	KUNIT_EXPECT_NULL(test, line(test, lm));
}

static void logs_disk_line(struct kunit *test)
{
	struct logs_mirror *lm = disk_log(test, 0);
	u64 nr_extents;

	KUNIT_EXPECT_STREQ(test, line(test, lm),
			   "disk live=0" REGIONS " out_of_sync=10000 dirty=0 idle=0" NO_COUNTERS);
	lm->log->type->resume(lm->log);
	KUNIT_EXPECT_NOT_NULL(test, strstr(line(test, lm),
					   "disk live=1" REGIONS " out_of_sync=0 dirty=0 idle=0"));
	nr_extents = lm->fake->nr_extents;
	begin_write(test, lm, 3);
	KUNIT_EXPECT_EQ(test, lm->fake->nr_extents, nr_extents + 1);
	KUNIT_EXPECT_NOT_NULL(test, strstr(line(test, lm), " dirty=1 idle=0 "));
	KUNIT_EXPECT_NOT_NULL(test, strstr(line(test, lm),
					   " flushes=1 free_flushes=0 commits=1 "));
	lm->log->type->clear_region(lm->log, 3);
	KUNIT_EXPECT_EQ(test, lm->log->type->flush(lm->log), 0);
	KUNIT_EXPECT_NOT_NULL(test, strstr(line(test, lm), " dirty=0 idle=1 "));
	KUNIT_EXPECT_NOT_NULL(test, strstr(line(test, lm),
					   " flushes=2 free_flushes=1 commits=1 "));
	suspend_log(test, lm);
	KUNIT_EXPECT_NOT_NULL(test, strstr(line(test, lm), "disk live=0"));
	KUNIT_EXPECT_NOT_NULL(test, strstr(line(test, lm), " cleanings=1 cleaned=1 "));
	destroy_log(lm);
	KUNIT_EXPECT_NULL(test, line(test, lm));
}

/* A constructor that fails leaves nothing behind in the list. */
static void logs_failed_ctr(struct kunit *test)
{
	struct logs_mirror *lm = &((struct logs_test *)test->priv)->mirrors[0];
	char path[] = "259:7", size[] = "1024", *argv[] = { path, size };

	lm->fake->dev.nr_sectors = 1;
	KUNIT_EXPECT_NULL(test, dm_dirty_log_create("disk", &lm->ti, flush_legs, 2, argv));
	KUNIT_EXPECT_NULL(test, line(test, lm));
}

/* seq_file comes again with more room, as often as it takes. */
static void logs_short_buffer(struct kunit *test)
{
	char buf[64];
	struct seq_file m = { .buf = buf, .size = sizeof(buf) };

	core_log(test, 0);
	core_log(test, 1);
	KUNIT_EXPECT_EQ(test, dm_logs_show(&m, NULL), 0);
	KUNIT_EXPECT_TRUE(test, seq_has_overflowed(&m));
}

/*
 * Who has which device
 */

#define NUMBER(i)	MKDEV(253, i)

/* A disk log of mirror 253:@mirror on device 253:@device. Cleaners run when they are told. */
static struct logs_mirror *log_on(struct kunit *test, unsigned int i, unsigned int mirror,
				  unsigned int device)
{
	struct logs_mirror *lm = &((struct logs_test *)test->priv)->mirrors[i];

	kunit_activate_static_stub(test, dm_log_cache_tend, ignore_tend);
	lm->fake->dev.number = NUMBER(device);
	disk_log(test, i);
	to_dm_log_cache(lm->log)->common.stats.dev = NUMBER(mirror);
	return lm;
}

static int resume_log(struct logs_mirror *lm)
{
	return lm->log->type->resume(lm->log);
}

static void expect_health(struct kunit *test, struct logs_mirror *lm, char health)
{
	char status[32];

	lm->log->type->status(lm->log, STATUSTYPE_INFO, status, sizeof(status));
	KUNIT_EXPECT_EQ(test, status[strlen(status) - 1], health);
}

/* Without its device: nothing is read or written, all is out of sync, no mark holds. */
static void expect_refused(struct kunit *test, struct logs_mirror *lm)
{
	u64 nr_reads = lm->fake->nr_reads, nr_writes = lm->fake->nr_writes;

	KUNIT_EXPECT_EQ(test, resume_log(lm), -EBUSY);
	expect_health(test, lm, 'D');
	KUNIT_EXPECT_EQ(test, lm->log->type->get_sync_count(lm->log), 0);
	KUNIT_EXPECT_EQ(test, lm->log->type->is_remote_recovering(lm->log, 5), 1);
	lm->log->type->mark_region(lm->log, 5);
	KUNIT_EXPECT_NE(test, lm->log->type->flush(lm->log), 0);
	dm_log_run_cleaner(lm->log);
	KUNIT_EXPECT_EQ(test, lm->fake->nr_reads, nr_reads);
	KUNIT_EXPECT_EQ(test, lm->fake->nr_writes, nr_writes);
}

static void expect_in_use(struct kunit *test, struct logs_mirror *lm)
{
	KUNIT_EXPECT_TRUE(test, to_dm_log_cache(lm->log)->common.holds);
	begin_write(test, lm, 7);
	KUNIT_EXPECT_FALSE(test, dm_log_fake_dev_bit(lm->fake, 7));
	lm->log->type->clear_region(lm->log, 7);
}

static void expect_not_taken(struct kunit *test, struct logs_mirror *lm)
{
	u64 nr_writes = lm->fake->nr_writes;

	dm_log_run_cleaner(lm->log);
	KUNIT_EXPECT_FALSE(test, to_dm_log_cache(lm->log)->common.holds);
	KUNIT_EXPECT_EQ(test, lm->fake->nr_writes, nr_writes);
}

/* The second is refused, says so once, and is in nobody's way until the first is gone. */
static void logs_device_in_use(struct kunit *test)
{
	struct logs_mirror *first = log_on(test, 0, 0, 7), *second = log_on(test, 1, 1, 7);
	struct logs_test *lt = test->priv;

	KUNIT_EXPECT_EQ(test, resume_log(first), 0);
	expect_refused(test, second);
	KUNIT_EXPECT_EQ(test, lt->nr_events, 1);
	expect_health(test, first, 'A');
	expect_in_use(test, first);
	lt->nr_events = 0;

	/* A suspend changes nothing, nor another table. */
	suspend_in_vain(test, second);
	expect_refused(test, second);
	KUNIT_EXPECT_EQ(test, lt->nr_events, 0);
	suspend_in_vain(test, second);
	destroy_log(second);
	log_on(test, 1, 1, 7);
	expect_refused(test, second);
	expect_in_use(test, first);

	suspend_log(test, first);
	destroy_log(first);
	dm_log_run_cleaner(second->log);
	expect_in_use(test, second);
	/* What is on the device is what memory knows: all is out of sync. */
	KUNIT_EXPECT_FALSE(test, dm_log_fake_dev_bit(second->fake, 9999));
	expect_health(test, second, 'D');
	suspend_log(test, second);
	KUNIT_EXPECT_EQ(test, resume_log(second), 0);
	expect_health(test, second, 'A');
}

/* A mirror that is suspended for a moment finds its log where it was. */
static void logs_device_comes_back(struct kunit *test)
{
	struct logs_mirror *first = log_on(test, 0, 0, 7), *second = log_on(test, 1, 1, 7);

	KUNIT_EXPECT_EQ(test, resume_log(first), 0);
	expect_refused(test, second);
	suspend_log(test, first);
	expect_not_taken(test, second);
	KUNIT_EXPECT_EQ(test, resume_log(first), 0);
	expect_in_use(test, first);
	expect_not_taken(test, second);

	/* However long that takes, and if the second is resumed meanwhile. */
	suspend_log(test, first);
	expect_not_taken(test, second);
	suspend_in_vain(test, second);
	expect_refused(test, second);
	KUNIT_EXPECT_EQ(test, resume_log(first), 0);
	expect_in_use(test, first);
}

/* One that had a device once, and was refused it since, is in nobody's way. */
static void logs_device_refused(struct kunit *test)
{
	struct logs_mirror *first = log_on(test, 0, 0, 7), *second = log_on(test, 1, 1, 7),
			   *third = log_on(test, 2, 2, 7);

	KUNIT_EXPECT_EQ(test, resume_log(first), 0);
	suspend_log(test, first);
	KUNIT_EXPECT_EQ(test, resume_log(second), 0);
	expect_refused(test, first);
	expect_refused(test, third);
	suspend_in_vain(test, first);
	suspend_log(test, second);
	destroy_log(second);
	dm_log_run_cleaner(third->log);
	expect_in_use(test, third);
}

/* A log moves from one mirror to the next without a pause: lvconvert. */
static void logs_device_moves(struct kunit *test)
{
	struct logs_mirror *first = log_on(test, 0, 0, 7), *second = log_on(test, 1, 1, 7);

	KUNIT_EXPECT_EQ(test, resume_log(first), 0);
	suspend_log(test, first);
	KUNIT_EXPECT_EQ(test, resume_log(second), 0);
	expect_in_use(test, second);
	/* The gate is closed: what the first's worker is late with goes nowhere. */
	first->log->type->mark_region(first->log, 9);
	KUNIT_EXPECT_EQ(test, first->log->type->flush(first->log), 0);
	KUNIT_EXPECT_TRUE(test, dm_log_fake_dev_bit(first->fake, 9));
	destroy_log(first);
	expect_in_use(test, second);
}

/* A reload: the table that is live, the one that is not, and one that never was. */
static void logs_device_reload(struct kunit *test)
{
	struct logs_mirror *old = log_on(test, 0, 0, 7), *dropped = log_on(test, 1, 0, 7);
	struct logs_mirror *new;
	struct logs_test *lt = test->priv;

	KUNIT_EXPECT_EQ(test, resume_log(old), 0);
	destroy_log(dropped);
	new = log_on(test, 1, 0, 7);
	suspend_log(test, old);
	KUNIT_EXPECT_EQ(test, resume_log(new), 0);
	destroy_log(old);
	expect_in_use(test, new);

	/* Taken by a resume, not by a constructor; and by each resume anew. */
	log_on(test, 0, 0, 7);
	suspend_log(test, new);
	KUNIT_EXPECT_EQ(test, resume_log(new), 0);
	suspend_log(test, new);
	KUNIT_EXPECT_EQ(test, resume_log(old), 0);
	expect_in_use(test, old);
	expect_health(test, old, 'A');
	KUNIT_EXPECT_EQ(test, lt->nr_events, 0);
}

/* An interrupted suspend: presuspend, and no more. Then writes go on. */
static void logs_device_presuspended(struct kunit *test)
{
	struct logs_mirror *first = log_on(test, 0, 0, 7), *second = log_on(test, 1, 1, 7);

	KUNIT_EXPECT_EQ(test, resume_log(first), 0);
	first->log->type->presuspend(first->log);
	expect_refused(test, second);
	expect_in_use(test, first);
	suspend_log(test, first);
	destroy_log(first);
	second->log->type->presuspend(second->log);
	second->log->type->postsuspend(second->log);
	KUNIT_EXPECT_EQ(test, resume_log(second), 0);
}

/* A device that cannot be read is its log's all the same, and used when it can. */
static void logs_device_unreadable(struct kunit *test)
{
	struct logs_mirror *first = log_on(test, 0, 0, 7), *second = log_on(test, 1, 1, 7);

	first->fake->fail_reads = 1000;
	KUNIT_EXPECT_NE(test, resume_log(first), 0);
	expect_refused(test, second);
	first->fake->fail_reads = 0;
	dm_log_run_cleaner(first->log);
	expect_in_use(test, first);
	expect_not_taken(test, second);

	/* The second's turn, and the device cannot be read again. */
	suspend_log(test, first);
	destroy_log(first);
	second->fake->fail_reads = 1000;
	dm_log_run_cleaner(second->log);
	KUNIT_EXPECT_EQ(test, second->fake->nr_writes, 0);
	log_on(test, 0, 0, 7);
	expect_refused(test, first);
	second->fake->fail_reads = 0;
	dm_log_run_cleaner(second->log);
	expect_in_use(test, second);
}

/* Three want one device: it goes to one of them, and then to the next. */
static void logs_device_three(struct kunit *test)
{
	struct logs_mirror *first = log_on(test, 0, 0, 7), *second = log_on(test, 1, 1, 7);
	struct logs_mirror *third = log_on(test, 2, 0, 7);

	KUNIT_EXPECT_EQ(test, resume_log(first), 0);
	expect_refused(test, second);
	/* Another target of the first one's device. */
	expect_refused(test, third);
	destroy_log(first);
	dm_log_run_cleaner(third->log);
	expect_in_use(test, third);
	expect_not_taken(test, second);
	destroy_log(third);
	dm_log_run_cleaner(second->log);
	expect_in_use(test, second);
}

/*
 * Two targets of one device are suspended one after the other: what the first has just
 * written is not the second's to overwrite, however long that took.
 */
static void logs_device_suspend(struct kunit *test)
{
	struct logs_mirror *first = log_on(test, 0, 0, 7), *second = log_on(test, 1, 0, 7);
	u64 nr_writes;

	KUNIT_EXPECT_EQ(test, resume_log(first), 0);
	expect_refused(test, second);
	nr_writes = second->fake->nr_writes;
	first->log->type->presuspend(first->log);
	second->log->type->presuspend(second->log);
	KUNIT_EXPECT_EQ(test, first->log->type->postsuspend(first->log), 0);
	KUNIT_EXPECT_NE(test, second->log->type->postsuspend(second->log), 0);
	KUNIT_EXPECT_EQ(test, second->fake->nr_writes, nr_writes);
	KUNIT_EXPECT_EQ(test, resume_log(first), 0);
	expect_refused(test, second);

	/* If it is gone for good, what the second knows is written. */
	suspend_log(test, first);
	destroy_log(first);
	second->log->type->presuspend(second->log);
	KUNIT_EXPECT_EQ(test, second->log->type->postsuspend(second->log), 0);
	KUNIT_EXPECT_FALSE(test, dm_log_fake_dev_bit(second->fake, 9999));
	KUNIT_EXPECT_EQ(test, resume_log(second), 0);
}

/* How it goes on, with a new table, for a target that was refused. */
static struct logs_mirror *next_table(struct kunit *test, unsigned int i, unsigned int mirror,
				      struct logs_mirror *before)
{
	struct logs_mirror *lm = log_on(test, i, mirror, 7);

	lm->ti.begin = before->ti.begin;
	return lm;
}

static void expect_not_believed(struct kunit *test, struct logs_mirror *lm)
{
	/* No record, as of a mirror without a UUID: all bits there are 1. */
	KUNIT_EXPECT_EQ(test, resume_log(lm), 0);
	KUNIT_EXPECT_EQ(test, lm->log->type->get_sync_count(lm->log), 0);
	KUNIT_EXPECT_FALSE(test, dm_log_fake_dev_bit(lm->fake, 9999));
}

/* Two targets of one device; a new table gives the first of them a log of its own. */
static void logs_device_next_target(struct kunit *test)
{
	struct logs_mirror *first = log_on(test, 0, 0, 7), *second = log_on(test, 1, 0, 7);

	KUNIT_EXPECT_EQ(test, resume_log(first), 0);
	expect_refused(test, second);
	first->log->type->presuspend(first->log);
	second->log->type->presuspend(second->log);
	KUNIT_EXPECT_EQ(test, first->log->type->postsuspend(first->log), 0);
	KUNIT_EXPECT_NE(test, second->log->type->postsuspend(second->log), 0);
	expect_not_believed(test, next_table(test, 2, 0, second));
}

/* Another mirror was refused, and gets a new table while the first is suspended. */
static void logs_device_next_mirror(struct kunit *test)
{
	struct logs_mirror *first = log_on(test, 0, 0, 7), *second = log_on(test, 1, 1, 7);

	KUNIT_EXPECT_EQ(test, resume_log(first), 0);
	expect_refused(test, second);
	suspend_log(test, first);
	suspend_in_vain(test, second);
	expect_not_believed(test, next_table(test, 2, 1, second));
}

/* The second took it from the first, wrote it, and is gone: a new table for the first. */
static void logs_device_next_first(struct kunit *test)
{
	struct logs_mirror *first = log_on(test, 0, 0, 7), *second = log_on(test, 1, 1, 7);

	KUNIT_EXPECT_EQ(test, resume_log(first), 0);
	suspend_log(test, first);
	KUNIT_EXPECT_EQ(test, resume_log(second), 0);
	expect_in_use(test, second);
	suspend_log(test, second);
	destroy_log(second);
	expect_not_believed(test, next_table(test, 2, 0, first));
}

/* The next table could not write them: they are not its own yet, nor the next one's. */
static void logs_device_next_again(struct kunit *test)
{
	struct logs_mirror *first = log_on(test, 0, 0, 7), *second = log_on(test, 1, 0, 7);
	struct logs_mirror *next, *again, *moved;

	KUNIT_EXPECT_EQ(test, resume_log(first), 0);
	expect_refused(test, second);
	suspend_log(test, first);
	suspend_in_vain(test, second);
	next = next_table(test, 2, 0, second);
	next->fake->fail_writes = 1000;
	KUNIT_EXPECT_NE(test, resume_log(next), 0);
	destroy_log(first);
	destroy_log(second);
	suspend_in_vain(test, next);
	again = next_table(test, 0, 0, next);
	expect_not_believed(test, again);
	suspend_log(test, again);
	destroy_log(again);
	/* Nor if it is at another place of the device now. */
	moved = log_on(test, 1, 0, 7);
	moved->ti.begin = next->ti.begin + 1;
	expect_not_believed(test, moved);
}

/* "sync", and the log could not be written: what it says is not so for the next table. */
static void logs_device_sync_unwritten(struct kunit *test)
{
	struct logs_mirror *lm = log_on(test, 0, 0, 7), *next;

	to_dm_log_cache(lm->log)->common.args.sync = DM_LOG_SYNC_FORCE;
	lm->fake->fail_writes = 1000;
	KUNIT_EXPECT_NE(test, resume_log(lm), 0);
	suspend_in_vain(test, lm);
	next = next_table(test, 1, 0, lm);
	expect_not_believed(test, next);
}

/* A log that had failed before is told, too, that its device is another's now. */
static void logs_device_news(struct kunit *test)
{
	struct logs_mirror *first = log_on(test, 0, 0, 7), *second = log_on(test, 1, 1, 7);
	struct logs_test *lt = test->priv;

	KUNIT_EXPECT_EQ(test, resume_log(first), 0);
	first->fake->fail_flushes = 2;
	first->log->type->mark_region(first->log, 5);
	KUNIT_EXPECT_NE(test, first->log->type->flush(first->log), 0);
	expect_health(test, first, 'F');
	suspend_log(test, first);
	KUNIT_EXPECT_EQ(test, resume_log(second), 0);
	lt->nr_events = 0;
	KUNIT_EXPECT_EQ(test, resume_log(first), -EBUSY);
	KUNIT_EXPECT_EQ(test, lt->nr_events, 1);
	expect_health(test, first, 'D');
}

/* B52: one that could not be used before its last resume is waited for like any other. */
static void logs_device_reboot(struct kunit *test)
{
	struct logs_mirror *first = log_on(test, 0, 0, 7), *second = log_on(test, 1, 1, 7);
	u64 region;

	KUNIT_EXPECT_EQ(test, resume_log(first), 0);
	KUNIT_EXPECT_EQ(test, resume_log(second), -EBUSY);
	dm_log_run_cleaner(second->log);
	suspend_log(test, first);
	destroy_log(first);
	suspend_log(test, second);
	KUNIT_EXPECT_EQ(test, resume_log(second), 0);
	KUNIT_ASSERT_EQ(test, second->log->type->get_resync_work(second->log, &region), 1);
	second->log->type->clear_region(second->log, region);
	second->log->type->set_region_sync(second->log, region, 1);
	KUNIT_EXPECT_FALSE(test, dm_log_fake_dev_bit(second->fake, region));
	kunit_deactivate_static_stub(test, dm_log_cache_tend);
	dm_logs_reboot_wait_ms = HANGS_MS;
	dm_logs_reboot(NULL, SYS_RESTART, NULL);
	KUNIT_EXPECT_TRUE(test, dm_log_fake_dev_bit(second->fake, region));
}

/* Who never writes is in nobody's way, and nobody in his. */
static void logs_device_read_only(struct kunit *test)
{
	struct logs_mirror *first, *second = log_on(test, 1, 1, 7);

	((struct logs_test *)test->priv)->mirrors[0].fake->dev.read_only = true;
	first = log_on(test, 0, 0, 7);
	KUNIT_EXPECT_EQ(test, resume_log(first), 0);
	KUNIT_EXPECT_EQ(test, resume_log(second), 0);
	expect_in_use(test, second);
	suspend_log(test, first);
	KUNIT_EXPECT_EQ(test, resume_log(first), 0);
	KUNIT_EXPECT_EQ(test, first->log->type->get_sync_count(first->log), NR_REGIONS);
	expect_in_use(test, second);
}

/* Of devices without a number nothing is known; and two are two. */
static void logs_device_others(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, resume_log(log_on(test, 0, 0, 7)), 0);
	KUNIT_EXPECT_EQ(test, resume_log(log_on(test, 1, 1, 8)), 0);
	KUNIT_EXPECT_EQ(test, resume_log(disk_log(test, 2)), 0);
}

/*
 * "nosync" over a log before it
 */

static struct logs_mirror *core_of(struct kunit *test, unsigned int i, const char *sync,
				   unsigned int mirror)
{
	struct logs_mirror *lm = &((struct logs_test *)test->priv)->mirrors[i];
	char size[] = "1024", word[8], *argv[] = { size, word };

	strscpy(word, sync, sizeof(word));
	lm->ti.begin = BEGIN;
	lm->log = dm_dirty_log_create("core", &lm->ti, flush_legs, 1 + !!*sync, argv);
	KUNIT_ASSERT_NOT_NULL(test, lm->log);
	((struct dm_log_common *)lm->log->context)->stats.dev = NUMBER(mirror);
	return lm;
}

static void set_sync(struct logs_mirror *lm, u64 region, int in_sync)
{
	lm->log->type->set_region_sync(lm->log, region, in_sync);
}

/* One event, at the first resume, if the log before has regions out of sync. */
static void logs_nosync_dropped(struct kunit *test)
{
	struct logs_test *lt = test->priv;
	struct logs_mirror *before = core_of(test, 0, "nosync", 1), *lm;

	KUNIT_EXPECT_EQ(test, resume_log(before), 0);
	KUNIT_EXPECT_EQ(test, lt->nr_events, 0);
	lm = core_of(test, 1, "nosync", 1);
	suspend_log(test, before);
	KUNIT_EXPECT_EQ(test, resume_log(lm), 0);
	KUNIT_EXPECT_EQ(test, lt->nr_events, 0);
	destroy_log(before);

	before = lm;
	set_sync(before, 3, 0);
	KUNIT_EXPECT_EQ(test, lt->nr_events, 1);
	lm = core_of(test, 0, "nosync", 1);
	suspend_log(test, before);
	KUNIT_EXPECT_EQ(test, resume_log(lm), 0);
	KUNIT_EXPECT_EQ(test, lt->nr_events, 2);
	destroy_log(before);
	suspend_log(test, lm);
	KUNIT_EXPECT_EQ(test, resume_log(lm), 0);
	KUNIT_EXPECT_EQ(test, lt->nr_events, 2);
	KUNIT_EXPECT_EQ(test, lm->log->type->get_sync_count(lm->log), NR_REGIONS);
}

/* Not for a log of another device, of another target, of a later table; nor without nosync. */
static void logs_nosync_others(struct kunit *test)
{
	struct logs_test *lt = test->priv;
	struct logs_mirror *before = core_of(test, 0, "", 1), *lm;

	KUNIT_EXPECT_EQ(test, resume_log(before), 0);
	lm = core_of(test, 1, "nosync", 2);
	KUNIT_EXPECT_EQ(test, resume_log(lm), 0);
	destroy_log(lm);
	lm = core_of(test, 1, "nosync", 1);
	lm->ti.begin++;
	KUNIT_EXPECT_EQ(test, resume_log(lm), 0);
	destroy_log(lm);
	lm = core_of(test, 1, "sync", 1);
	KUNIT_EXPECT_EQ(test, resume_log(lm), 0);
	destroy_log(lm);
	destroy_log(before);
	lm = core_of(test, 1, "nosync", 1);
	core_of(test, 0, "", 1);
	KUNIT_EXPECT_EQ(test, resume_log(lm), 0);
	KUNIT_EXPECT_EQ(test, lt->nr_events, 0);
}

/*
 * Reboot
 */

static unsigned long ms_since(unsigned long start)
{
	return jiffies_to_msecs(jiffies - start);
}

struct action_case {
	const char *desc;
	unsigned long action;
};

static const struct action_case action_cases[] = {
	{ "restart", SYS_RESTART },
	{ "halt", SYS_HALT },
	{ "power off", SYS_POWER_OFF },
};

KUNIT_ARRAY_PARAM_DESC(action, action_cases, desc);

/* B52: all that can be clean is clean when it returns. */
static void logs_reboot_cleans(struct kunit *test)
{
	const struct action_case *c = test->param_value;
	struct logs_mirror *one = live_disk_log(test, 0), *other = live_disk_log(test, 1);
	unsigned long start;

	dm_logs_reboot_wait_ms = HANGS_MS;
	write_region(test, one, 1);
	write_region(test, one, 9999);
	write_region(test, other, 2);
	start = jiffies;
	KUNIT_EXPECT_EQ(test, dm_logs_reboot(NULL, c->action, NULL), NOTIFY_DONE);
	KUNIT_EXPECT_LT(test, ms_since(start), HANGS_MS);
	KUNIT_EXPECT_TRUE(test, dm_log_fake_dev_bit(one->fake, 1));
	KUNIT_EXPECT_TRUE(test, dm_log_fake_dev_bit(one->fake, 9999));
	KUNIT_EXPECT_TRUE(test, dm_log_fake_dev_bit(other->fake, 2));

	/* What is written after all does not stay dirty, either. */
	KUNIT_EXPECT_EQ(test, dm_log_clean_delay_ms, 0);
}

/* B52: the last write has ended, but the worker has still to say so. */
static void logs_reboot_awaits_clear(struct kunit *test)
{
	struct logs_mirror *lm = live_disk_log(test, 0);

	dm_logs_reboot_wait_ms = HANGS_MS;
	begin_write(test, lm, 1);
	schedule_delayed_work(&lm->ends_write, msecs_to_jiffies(50));
	dm_logs_reboot(NULL, SYS_POWER_OFF, NULL);
	KUNIT_EXPECT_TRUE(test, dm_log_fake_dev_bit(lm->fake, 1));
}

/* B52: a region in which a write never ends is not waited for. */
static void logs_reboot_busy(struct kunit *test)
{
	struct logs_mirror *lm = live_disk_log(test, 0);
	unsigned long start = jiffies;

	dm_logs_reboot_wait_ms = HANGS_MS;
	begin_write(test, lm, 1);
	dm_logs_reboot(NULL, SYS_POWER_OFF, NULL);
	KUNIT_EXPECT_LT(test, ms_since(start), HANGS_MS);
	KUNIT_EXPECT_FALSE(test, dm_log_fake_dev_bit(lm->fake, 1));
}

/* B52: a leg that hangs stops neither the reboot nor the other mirror's cleaning. */
static void logs_reboot_hung(struct kunit *test)
{
	struct logs_mirror *lm = live_disk_log(test, 0), *other = live_disk_log(test, 1);
	unsigned long start;

	KUNIT_EXPECT_EQ(test, dm_logs_reboot_wait_ms, 5000);
	dm_logs_reboot_wait_ms = 1000;
	write_region(test, lm, 1);
	write_region(test, other, 2);
	lm->hang = true;
	start = jiffies;
	dm_logs_reboot(NULL, SYS_POWER_OFF, NULL);
	KUNIT_EXPECT_GE(test, ms_since(start), 1000);
	KUNIT_EXPECT_TRUE(test, try_wait_for_completion(&lm->in_flush));
	KUNIT_EXPECT_FALSE(test, dm_log_fake_dev_bit(lm->fake, 1));
	KUNIT_EXPECT_TRUE(test, dm_log_fake_dev_bit(other->fake, 2));
	lm->hang = false;
	complete_all(&lm->go_on);
}

/* B52: nor does a commit that hangs, with a lock of the log held. */
static void logs_reboot_locked(struct kunit *test)
{
	struct logs_mirror *lm = live_disk_log(test, 0);
	struct dm_log_cache *cache = to_dm_log_cache(lm->log);
	unsigned long start;

	dm_logs_reboot_wait_ms = 300;
	write_region(test, lm, 1);
	mutex_lock(&cache->commit_lock);
	start = jiffies;
	dm_logs_reboot(NULL, SYS_POWER_OFF, NULL);
	KUNIT_EXPECT_GE(test, ms_since(start), 300);
	KUNIT_EXPECT_NOT_NULL(test, line(test, lm));
	mutex_unlock(&cache->commit_lock);
}

/* B52: logs that are not live are left alone and not waited for. */
static void logs_reboot_not_live(struct kunit *test)
{
	struct logs_mirror *lm = live_disk_log(test, 0);
	unsigned long start;
	u64 nr_writes;

	/* The suspend cannot write what it has cleaned, and leaves it to the next resume. */
	write_region(test, lm, 1);
	lm->fake->fail_writes = UINT_MAX;
	suspend_in_vain(test, lm);
	disk_log(test, 1);
	dm_logs_reboot_wait_ms = HANGS_MS;
	nr_writes = lm->fake->nr_writes;
	start = jiffies;
	dm_logs_reboot(NULL, SYS_POWER_OFF, NULL);
	KUNIT_EXPECT_LT(test, ms_since(start), HANGS_MS);
	KUNIT_EXPECT_EQ(test, lm->fake->nr_writes, nr_writes);
}

/*
 * Parameters
 */

static int set_clean_delay(const char *val)
{
	struct dm_logs_param param = { &dm_log_clean_delay_ms, ONE_HOUR_MS };
	struct kernel_param kp = { .name = "clean_delay_ms", .arg = &param };

	return dm_logs_set_param(val, &kp);
}

static void logs_param(struct kunit *test)
{
	struct logs_test *lt = test->priv;

	live_disk_log(test, 0);
	core_log(test, 1);
	kunit_activate_static_stub(test, dm_log_cache_tend, count_tend);
	KUNIT_EXPECT_EQ(test, set_clean_delay("3600000\n"), 0);
	KUNIT_EXPECT_EQ(test, lt->nr_tends, 0);
	/* Not for the core log, which has nothing to clean. */
	KUNIT_EXPECT_EQ(test, set_clean_delay("100\n"), 0);
	KUNIT_EXPECT_EQ(test, dm_log_clean_delay_ms, 100);
	KUNIT_EXPECT_EQ(test, lt->nr_tends, 1);
	KUNIT_EXPECT_EQ(test, set_clean_delay("0x80"), 0);
	KUNIT_EXPECT_EQ(test, set_clean_delay("3600001"), -EINVAL);
	KUNIT_EXPECT_EQ(test, set_clean_delay("-1"), -EINVAL);
	KUNIT_EXPECT_EQ(test, set_clean_delay(""), -EINVAL);
	KUNIT_EXPECT_EQ(test, dm_log_clean_delay_ms, 128);
	KUNIT_EXPECT_EQ(test, lt->nr_tends, 1);
	kunit_deactivate_static_stub(test, dm_log_cache_tend);
}

static bool becomes_clean(struct logs_mirror *lm, u64 region)
{
	unsigned long start = jiffies;

	while (!dm_log_fake_dev_bit(lm->fake, region)) {
		if (ms_since(start) > HANGS_MS)
			return false;
		msleep(20);
	}
	return true;
}

/* B55: a timer was set for an hour. */
static void logs_param_pulls_in(struct kunit *test)
{
	struct logs_mirror *lm = live_disk_log(test, 0);

	write_region(test, lm, 1);
	KUNIT_EXPECT_EQ(test, set_clean_delay("10"), 0);
	KUNIT_EXPECT_TRUE(test, becomes_clean(lm, 1));

	KUNIT_EXPECT_EQ(test, set_clean_delay("3600000"), 0);
	write_region(test, lm, 2);
	KUNIT_EXPECT_EQ(test, set_clean_delay("0"), 0);
	KUNIT_EXPECT_TRUE(test, becomes_clean(lm, 2));
}

static struct kunit_case dm_logs_cases[] = {
	KUNIT_CASE(logs_core_line),
	KUNIT_CASE(logs_disk_line),
	KUNIT_CASE(logs_failed_ctr),
	KUNIT_CASE(logs_short_buffer),
	KUNIT_CASE(logs_device_in_use),
	KUNIT_CASE(logs_device_comes_back),
	KUNIT_CASE(logs_device_refused),
	KUNIT_CASE(logs_device_moves),
	KUNIT_CASE(logs_device_reload),
	KUNIT_CASE(logs_device_presuspended),
	KUNIT_CASE(logs_device_unreadable),
	KUNIT_CASE(logs_device_three),
	KUNIT_CASE(logs_device_suspend),
	KUNIT_CASE(logs_device_next_target),
	KUNIT_CASE(logs_device_next_mirror),
	KUNIT_CASE(logs_device_next_first),
	KUNIT_CASE(logs_device_next_again),
	KUNIT_CASE(logs_device_sync_unwritten),
	KUNIT_CASE(logs_device_news),
	KUNIT_CASE(logs_device_reboot),
	KUNIT_CASE(logs_device_read_only),
	KUNIT_CASE(logs_device_others),
	KUNIT_CASE(logs_nosync_dropped),
	KUNIT_CASE(logs_nosync_others),
	KUNIT_CASE_PARAM(logs_reboot_cleans, action_gen_params),
	KUNIT_CASE(logs_reboot_awaits_clear),
	KUNIT_CASE(logs_reboot_busy),
	KUNIT_CASE(logs_reboot_hung),
	KUNIT_CASE(logs_reboot_locked),
	KUNIT_CASE(logs_reboot_not_live),
	KUNIT_CASE(logs_param),
	KUNIT_CASE(logs_param_pulls_in),
	{}
};

static struct kunit_suite dm_logs_suite = {
	.name = "dm_log_logs",
	.init = logs_test_init,
	.exit = logs_test_exit,
	.test_cases = dm_logs_cases,
};

kunit_test_suite(dm_logs_suite);
