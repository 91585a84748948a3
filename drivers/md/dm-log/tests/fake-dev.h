/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A log device in memory for KUnit tests: counts, fails on demand, and shows
 * every write to the test before it happens.
 */

#ifndef DM_LOG_FAKE_DEV_H
#define DM_LOG_FAKE_DEV_H

#include <linux/types.h>

#include "../bdev.h"

struct kunit;

/**
 * struct dm_log_fake_dev - the device and its knobs
 * @dev: what the code under test sees
 * @data: the device's contents, as a read shows them
 * @medium: what a power cut leaves of them, but for the sectors in @cached
 * @cached: bitmap of sectors whose contents may be on the medium or not yet
 * @open: opened and not closed yet
 * @fail_reads: that many reads fail, with rubbish in the buffer
 * @fail_writes: that many writes fail; whether they change @data is @torn
 * @fail_flushes: of that many writes all arrive, but are not made durable: they
 *	are in the device's cache until a later write is
 * @fua: a write makes itself durable and nothing that is older
 * @torn: a failing write changes every other sector
 * @whole: a failing write changes all sectors
 * @nr_reads: reads so far, failed ones included
 * @nr_writes: calls of write so far, failed ones included
 * @nr_extents: extents they had
 * @sectors_written: sectors they had
 * @before_io: optional; called before anything else, and may say what fails
 * @before_write: optional; called before @data changes; with no extents before the
 *	cache is flushed
 * @private: for @before_io and @before_write
 */
struct dm_log_fake_dev {
	struct dm_log_dev dev;
	u8 *data;
	u8 *medium;
	u64 cached;
	bool open;
	unsigned int fail_reads;
	unsigned int fail_writes;
	unsigned int fail_flushes;
	bool fua;
	bool torn;
	bool whole;
	u64 nr_reads;
	u64 nr_writes;
	u64 nr_extents;
	u64 sectors_written;
	void (*before_io)(struct dm_log_fake_dev *fake, bool write);
	void (*before_write)(struct dm_log_fake_dev *fake,
			     const struct dm_log_extent *extents, unsigned int nr);
	void *private;
};

struct dm_log_fake_dev *dm_log_fake_dev_new(struct kunit *test, u64 nr_sectors,
					    unsigned int block_sectors);
void dm_log_fake_dev_cycle(struct dm_log_fake_dev *fake, u64 kept);
bool dm_log_fake_dev_may_be_clean(const struct dm_log_fake_dev *fake, u64 region,
				  const struct dm_log_extent *extents, unsigned int nr);
void dm_log_fake_dev_header(struct dm_log_fake_dev *fake, u32 magic, u32 version,
			    u64 nr_regions);
bool dm_log_fake_dev_bit(const struct dm_log_fake_dev *fake, u64 region);
void dm_log_fake_dev_set_bit(struct dm_log_fake_dev *fake, u64 region, bool clean);

#endif /* DM_LOG_FAKE_DEV_H */
