/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the suites of the userspace log share: the log's operations, called as the mirror
 * calls them, and what its daemon was asked, as a string with a letter for each request,
 * see fake-daemon.c. "B" numbers in them are points of the contract at which the stock
 * library is wrong.
 */

#ifndef DM_LOG_USERSPACE_TEST_H
#define DM_LOG_USERSPACE_TEST_H

#include <kunit/test.h>
#include <linux/bitmap.h>
#include <linux/bitops.h>
#include <linux/dm-dirty-log.h>
#include <linux/string.h>

#include "../private.h"
#include "../userspace.h"
#include "fake-daemon.h"

#define NR		FAKE_REGIONS
#define LEN		"10240000"	/* NR regions of 1024 sectors */
#define WORDS		"LVM-uuid testd-disk 253:4 1024"
#define CLUSTER		"LVM-uuid clustered-disk 253:4 1024"

static inline int us_test_init(struct kunit *test)
{
	return dm_log_fake_mirror_init(test, sizeof(struct dm_log_fake_mirror));
}

static inline void us_test_exit(struct kunit *test)
{
	dm_log_fake_mirror_exit(test->priv);
}

static inline void forget_trace(struct dm_log_fake_daemon *daemon)
{
	memset(daemon->trace, 0, sizeof(daemon->trace));
	daemon->traced = 0;
	daemon->lost_trace = 0;
}

/* What has been asked since the last time? */
static inline void expect_trace_at(struct dm_log_fake_mirror *fm, const char *expected, int line)
{
	KUNIT_EXPECT_STREQ_MSG(fm->test, fm->daemon.trace, expected, "line %d", line);
	KUNIT_EXPECT_EQ(fm->test, fm->daemon.lost_trace, 0);
	forget_trace(&fm->daemon);
}

#define expect_trace(fm, expected)	expect_trace_at(fm, expected, __LINE__)

static inline void create_log(struct dm_log_fake_mirror *fm, const char *words)
{
	KUNIT_ASSERT_TRUE(fm->test, dm_log_fake_create(fm, words));
}

static inline int resume_log(struct dm_log_fake_mirror *fm)
{
	return fm->log->type->resume(fm->log);
}

static inline int suspend_log(struct dm_log_fake_mirror *fm)
{
	fm->log->type->presuspend(fm->log);
	return fm->log->type->postsuspend(fm->log);
}

/* Created and resumed, and nothing to be seen of it. */
static inline struct dm_log_fake_mirror *start(struct kunit *test, const char *words)
{
	struct dm_log_fake_mirror *fm = test->priv;

	create_log(fm, words);
	KUNIT_ASSERT_EQ(test, resume_log(fm), 0);
	forget_trace(&fm->daemon);
	return fm;
}

static inline void mark(struct dm_log_fake_mirror *fm, u64 region)
{
	fm->log->type->mark_region(fm->log, region);
}

static inline void clear(struct dm_log_fake_mirror *fm, u64 region)
{
	fm->log->type->clear_region(fm->log, region);
}

/* The first flush of a pass, or one of a pass without a write. */
static inline int flush_idle(struct dm_log_fake_mirror *fm)
{
	return fm->log->type->flush(fm->log);
}

/* That of a pass in which is_remote_recovering() has let a write go. */
static inline int flush(struct dm_log_fake_mirror *fm)
{
	to_us_log(fm->log)->sync.let_go = true;
	return fm->log->type->flush(fm->log);
}

static inline void set_sync(struct dm_log_fake_mirror *fm, u64 region, int in_sync)
{
	fm->log->type->set_region_sync(fm->log, region, in_sync);
}

static inline int in_sync(struct dm_log_fake_mirror *fm, u64 region)
{
	return fm->log->type->in_sync(fm->log, region, 1);
}

static inline int in_sync_now(struct dm_log_fake_mirror *fm, u64 region)
{
	return fm->log->type->in_sync(fm->log, region, 0);
}

static inline int busy(struct dm_log_fake_mirror *fm, u64 region)
{
	return fm->log->type->is_remote_recovering(fm->log, region);
}

static inline u64 sync_count(struct dm_log_fake_mirror *fm)
{
	return fm->log->type->get_sync_count(fm->log);
}

static inline int resync_work(struct dm_log_fake_mirror *fm, region_t *region)
{
	return fm->log->type->get_resync_work(fm->log, region);
}

/* A region is copied, whether the daemon would have chosen it or not. */
static inline void recover(struct dm_log_fake_mirror *fm, u64 region)
{
	struct us_log *us = to_us_log(fm->log);

	dm_regions_offer(&us->cache.common.regions, region);
	us->sync.handed = us_epoch(us);
	clear(fm, region);
	set_sync(fm, region, 1);
}

static inline void run_cleaner(struct dm_log_fake_mirror *fm, int times)
{
	while (times--)
		dm_log_run_cleaner(fm->log);
}

static inline void mark_some(struct dm_log_fake_mirror *fm, u64 first, u64 nr)
{
	u64 region;

	for (region = first; region < first + nr; region++)
		mark(fm, region);
}

static inline void clear_some(struct dm_log_fake_mirror *fm, u64 first, u64 nr)
{
	u64 region;

	for (region = first; region < first + nr; region++)
		clear(fm, region);
}

/* The daemon has confirmed that mark. */
static inline bool held(struct dm_log_fake_mirror *fm, u64 region)
{
	return test_bit(region, fm->daemon.durable);
}

static inline u64 nr_held(struct dm_log_fake_mirror *fm)
{
	return bitmap_weight(fm->daemon.durable, NR);
}

static inline const char *status(struct dm_log_fake_mirror *fm, status_type_t type,
				 unsigned int maxlen)
{
	char *buf = kunit_kzalloc(fm->test, maxlen + 1, GFP_KERNEL);
	int len;

	KUNIT_ASSERT_NOT_NULL(fm->test, buf);
	memset(buf, 'x', maxlen + 1);
	len = fm->log->type->status(fm->log, type, buf, maxlen);
	KUNIT_EXPECT_EQ(fm->test, len, strlen(buf));
	/* B30: not beyond what the caller has room for. */
	KUNIT_EXPECT_EQ(fm->test, buf[maxlen], 'x');
	return buf;
}

/* An answer: so many bytes, which begin with this value */
struct odd_bool {
	u64 value;
	size_t size;
};

static inline void answer_oddly(struct dm_log_fake_mirror *fm, u32 type,
				const struct odd_bool *odd)
{
	fm->daemon.odd_reply[0] = odd->value;
	fm->daemon.odd_reply[1] = 0;
	fm->daemon.odd_size = odd->size;
	fm->daemon.odd[type] = 16;
}

#endif /* DM_LOG_USERSPACE_TEST_H */
