// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit tests of what concerns all logs: the counters' file.
 */

#include <kunit/static_stub.h>
#include <kunit/test.h>
#include <linux/device-mapper.h>
#include <linux/dm-dirty-log.h>
#include <linux/seq_file.h>
#include <linux/sizes.h>
#include <linux/string.h>

#include "../private.h"
#include "../store.h"
#include "fake-dev.h"

#define MAGIC		0x4D695272
#define NR_REGIONS	10000
#define REGION_SECTORS	1024
#define LOG_SECTORS	24

#define ONE_HOUR_MS	(60 * 60 * 1000)

/* No other log is there, or begins here. */
#define BEGIN		4711

struct logs_mirror {
	struct dm_target ti;
	struct dm_dirty_log *log;
	struct dm_log_fake_dev *fake;
};

struct logs_test {
	struct logs_mirror mirrors[2];
	unsigned int old_delay;
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
	return 0;
}

static int logs_test_init(struct kunit *test)
{
	struct logs_test *lt = kunit_kzalloc(test, sizeof(*lt), GFP_KERNEL);
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, lt);
	for (i = 0; i < ARRAY_SIZE(lt->mirrors); i++) {
		struct logs_mirror *lm = &lt->mirrors[i];

		lm->ti.begin = BEGIN + i;
		lm->ti.len = (sector_t)NR_REGIONS * REGION_SECTORS;
		lm->fake = dm_log_fake_dev_new(test, LOG_SECTORS, 1);
	}
	lt->old_delay = dm_log_clean_delay_ms;
	dm_log_clean_delay_ms = ONE_HOUR_MS;
	test->priv = lt;
	kunit_activate_static_stub(test, dm_log_dev_open, open_fake);
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

	for (i = 0; i < ARRAY_SIZE(lt->mirrors); i++)
		destroy_log(&lt->mirrors[i]);
	dm_log_clean_delay_ms = lt->old_delay;
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

static void suspend_log(struct kunit *test, struct logs_mirror *lm)
{
	KUNIT_EXPECT_EQ(test, lm->log->type->presuspend(lm->log), 0);
	if (lm->log->type->postsuspend)
		KUNIT_EXPECT_EQ(test, lm->log->type->postsuspend(lm->log), 0);
}

static void begin_write(struct kunit *test, struct logs_mirror *lm, u64 region)
{
	lm->log->type->mark_region(lm->log, region);
	KUNIT_EXPECT_EQ(test, lm->log->type->flush(lm->log), 0);
}

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

static struct kunit_case dm_logs_cases[] = {
	KUNIT_CASE(logs_core_line),
	KUNIT_CASE(logs_disk_line),
	KUNIT_CASE(logs_failed_ctr),
	KUNIT_CASE(logs_short_buffer),
	{}
};

static struct kunit_suite dm_logs_suite = {
	.name = "dm_log_logs",
	.init = logs_test_init,
	.exit = logs_test_exit,
	.test_cases = dm_logs_cases,
};

kunit_test_suite(dm_logs_suite);
