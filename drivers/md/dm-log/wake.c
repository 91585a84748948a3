// SPDX-License-Identifier: GPL-2.0-only
/*
 * The userspace log: wake the mirror's worker.
 *
 * A mirror that nobody reads or writes asks for a region to recover when it has recovered
 * one, and not again if there was no answer. When the daemon is back, or another one,
 * somebody has to wake it, and all that wakes it is I/O. So the log reads a block of the
 * mirror's own disk. Not a flush: that fails with a leg, and a mirror may hold it until it
 * is resumed, for ever if the device is removed instead; a read ends.
 */

#include <linux/bio.h>
#include <linux/blkdev.h>
#include <linux/device-mapper.h>
#include <linux/gfp.h>
#if IS_ENABLED(CONFIG_DM_LOG_KUNIT_TEST)
#include <kunit/static_stub.h>
#endif

#include "private.h"
#include "userspace.h"

/* How long the worker that had no answer sleeps. */
#define WAKE_MS		2000U

/**
 * us_wake_init() - prepare to wake the worker
 * @us: the log
 */
void us_wake_init(struct us_log *us)
{
	init_completion(&us->wake.idle);
	complete(&us->wake.idle);
}

/**
 * us_wake_exit() - wait until a read has ended for good
 * @us: the log
 *
 * Context: the destructor. The device was held while the read was under way, so all that
 * can be left of it are a few instructions.
 */
void us_wake_exit(struct us_log *us)
{
	wait_for_completion(&us->wake.idle);
}

static void end_read(struct bio *bio)
{
	struct us_wake *wake = container_of(bio, struct us_wake, bio);

	__free_pages(wake->vec.bv_page, get_order(wake->vec.bv_len));
	bio_uninit(bio);
	/* From here on the device may go, and takes the log with it but for this: */
	dm_put(wake->md);
	complete(&wake->idle);
}

/**
 * us_wake() - wake the mirror's worker
 * @us: the log
 *
 * A seam for tests, whose logs have no device.
 *
 * Context: the cleaner, so before presuspend.
 * Return: false if there is no memory, or it is being woken or resumed.
 */
bool us_wake(struct us_log *us)
{
	struct us_wake *wake = &us->wake;
	struct block_device *bdev;
	struct page *page;
	unsigned int size;

#if IS_ENABLED(CONFIG_DM_LOG_KUNIT_TEST)
	KUNIT_STATIC_STUB_REDIRECT(us_wake, us);
#endif
	/* What is submitted now might stay there until the device is resumed once more. */
	if (dm_suspended(us->cache.common.ti))
		return false;
	wake->md = dm_table_get_md(us->cache.common.ti->table);
	bdev = dm_disk(wake->md)->part0;
	size = bdev_logical_block_size(bdev);
	page = alloc_pages(GFP_NOIO | __GFP_NOWARN, get_order(size));
	if (!page)
		return false;
	if (!try_wait_for_completion(&wake->idle))
		goto bad;
	if (dm_hold(wake->md)) {
		complete(&wake->idle);
		goto bad;
	}

	bio_init(&wake->bio, bdev, &wake->vec, 1, REQ_OP_READ);
	wake->bio.bi_iter.bi_sector = us->cache.common.ti->begin;
	wake->bio.bi_end_io = end_read;
	__bio_add_page(&wake->bio, page, size, 0);
	submit_bio(&wake->bio);
	return true;

bad:
	__free_pages(page, get_order(size));
	return false;
}

/**
 * us_wake_resumed() - the worker has just been woken
 * @us: the log
 *
 * Context: a resume.
 */
void us_wake_resumed(struct us_log *us)
{
	WRITE_ONCE(us->wake.wanted, false);
	WRITE_ONCE(us->wake.epoch, us_epoch(us));
}

/**
 * us_wake_later() - the worker wants to ask again
 * @us: the log
 *
 * Context: the worker.
 */
void us_wake_later(struct us_log *us)
{
	if (READ_ONCE(us->wake.wanted) && delayed_work_pending(&us->cache.cleaner))
		return;
	WRITE_ONCE(us->wake.wanted, true);
	dm_log_cache_tend(&us->cache, WAKE_MS);
}

/**
 * us_wake_if_wanted() - the daemon is there: should the worker know?
 * @us: the log
 *
 * So it should if it is another one, which may take other regions for out of sync.
 *
 * Context: the cleaner.
 */
void us_wake_if_wanted(struct us_log *us)
{
	struct us_wake *wake = &us->wake;

	if (!READ_ONCE(wake->wanted) && READ_ONCE(wake->epoch) == us_epoch(us))
		return;
	/* Before: it may want to be woken again at once. */
	WRITE_ONCE(wake->wanted, false);
	WRITE_ONCE(wake->epoch, us_epoch(us));
	if (!us_wake(us))
		WRITE_ONCE(wake->wanted, true);
}
