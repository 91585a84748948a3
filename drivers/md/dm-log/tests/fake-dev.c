// SPDX-License-Identifier: GPL-2.0-only
/*
 * A log device in memory for KUnit tests. See fake-dev.h.
 */

#include <kunit/static_stub.h>
#include <kunit/test.h>
#include <linux/bits.h>
#include <linux/blk_types.h>
#include <linux/string.h>
#include <linux/unaligned.h>
#include <linux/vmalloc.h>

#include "../private.h"
#include "fake-dev.h"

#define RUBBISH	0x6b

/* From the contract, too. */
#define FAKE_MAGIC	0x4D695272
#define FAKE_VERSION	2

static struct dm_log_fake_dev *to_fake(struct dm_log_dev *dev)
{
	return container_of(dev, struct dm_log_fake_dev, dev);
}

static bool use_up(unsigned int *count)
{
	if (!*count)
		return false;
	(*count)--;
	return true;
}

static int fake_read(struct dm_log_dev *dev, sector_t sector,
		     unsigned int nr_sectors, void *data)
{
	struct dm_log_fake_dev *fake = to_fake(dev);
	size_t bytes = (size_t)nr_sectors << SECTOR_SHIFT;

	if (fake->before_io)
		fake->before_io(fake, false);
	fake->nr_reads++;
	if (sector + nr_sectors > dev->nr_sectors ||
	    use_up(&fake->fail_reads)) {
		memset(data, RUBBISH, bytes);
		return -EIO;
	}
	memcpy(data, fake->data + (sector << SECTOR_SHIFT), bytes);
	return 0;
}

static void apply(struct dm_log_fake_dev *fake, const struct dm_log_extent *extent,
		  unsigned int step)
{
	unsigned int s;

	for (s = 0; s < extent->nr_sectors; s += step) {
		memcpy(fake->data + ((extent->sector + s) << SECTOR_SHIFT),
		       extent->data + (s << SECTOR_SHIFT), SECTOR_SIZE);
		fake->cached |= BIT_ULL(extent->sector + s);
	}
}

/* The sectors, as far as the cache has them, reach the medium. */
static void flush_sectors(struct dm_log_fake_dev *fake, u64 first, u64 nr)
{
	u64 s;

	for (s = first; s < first + nr; s++) {
		memcpy(fake->medium + (s << SECTOR_SHIFT),
		       fake->data + (s << SECTOR_SHIFT), SECTOR_SIZE);
		fake->cached &= ~BIT_ULL(s);
	}
}

static int fake_write(struct dm_log_dev *dev, struct dm_log_extent *extents,
		      unsigned int nr, bool preflush)
{
	struct dm_log_fake_dev *fake = to_fake(dev);
	unsigned int i;
	bool fail;
	int r = 0;

	if (fake->before_io)
		fake->before_io(fake, true);
	fail = use_up(&fake->fail_writes);
	fake->nr_writes++;
	fake->nr_extents += nr;
	if (preflush && !fail) {
		if (fake->before_write)
			fake->before_write(fake, NULL, 0);
		flush_sectors(fake, 0, dev->nr_sectors);
	}
	if (fake->before_write)
		fake->before_write(fake, extents, nr);

	for (i = 0; i < nr; i++) {
		struct dm_log_extent *extent = &extents[i];

		fake->sectors_written += extent->nr_sectors;
		if (extent->sector + extent->nr_sectors > dev->nr_sectors ||
		    extent->sector & (dev->block_sectors - 1) ||
		    extent->nr_sectors & (dev->block_sectors - 1)) {
			extent->error = -EINVAL;
		} else if (fail) {
			extent->error = -EIO;
			if (fake->torn || fake->whole)
				apply(fake, extent, fake->torn ? 2 : 1);
		} else {
			extent->error = 0;
			apply(fake, extent, 1);
		}
		if (extent->error)
			r = extent->error;
	}
	if (!r && use_up(&fake->fail_flushes))
		r = -EIO;
	if (r)
		return r;

	if (!fake->fua)
		flush_sectors(fake, 0, dev->nr_sectors);
	for (i = 0; i < nr; i++)
		flush_sectors(fake, extents[i].sector, extents[i].nr_sectors);
	return 0;
}

static void fake_close(struct dm_log_dev *dev)
{
	to_fake(dev)->open = false;
}

static const struct dm_log_dev_ops fake_ops = {
	.read = fake_read,
	.write = fake_write,
	.close = fake_close,
};

static void free_data(void *data)
{
	vfree(data);
}

/* Much faster where the kernel is a program, as in User-Mode Linux. */
static void *alloc_blocks(size_t bytes)
{
	return kzalloc(bytes, GFP_KERNEL);
}

static u8 *alloc_data(struct kunit *test, u64 nr_sectors)
{
	u8 *data = vmalloc(nr_sectors << SECTOR_SHIFT);

	KUNIT_ASSERT_NOT_NULL(test, data);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, free_data, data), 0);
	memset(data, RUBBISH, nr_sectors << SECTOR_SHIFT);
	return data;
}

/* A device full of rubbish; freed with the test. */
struct dm_log_fake_dev *dm_log_fake_dev_new(struct kunit *test, u64 nr_sectors,
					    unsigned int block_sectors)
{
	struct dm_log_fake_dev *fake;

	fake = kunit_kzalloc(test, sizeof(*fake), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, fake);
	KUNIT_ASSERT_LE(test, nr_sectors, BITS_PER_TYPE(fake->cached));
	fake->data = alloc_data(test, nr_sectors);
	fake->medium = alloc_data(test, nr_sectors);

	kunit_activate_static_stub(test, dm_log_store_alloc, alloc_blocks);
	fake->dev.ops = &fake_ops;
	strscpy(fake->dev.name, "259:7", sizeof(fake->dev.name));
	fake->dev.nr_sectors = nr_sectors;
	fake->dev.block_sectors = block_sectors;
	fake->open = true;
	return fake;
}

/* The device loses its power: of what it had cached, the sectors in @kept remain. */
void dm_log_fake_dev_cycle(struct dm_log_fake_dev *fake, u64 kept)
{
	u64 s;

	for (s = 0; s < fake->dev.nr_sectors; s++) {
		u8 *data = fake->data + (s << SECTOR_SHIFT);
		u8 *medium = fake->medium + (s << SECTOR_SHIFT);

		if (!(fake->cached & BIT_ULL(s)))
			continue;
		if (kept & BIT_ULL(s))
			memcpy(medium, data, SECTOR_SIZE);
		else
			memcpy(data, medium, SECTOR_SIZE);
	}
	fake->cached = 0;
}

static bool says_valid(const u8 *header, u64 region)
{
	return get_unaligned_le32(header) == FAKE_MAGIC &&
	       get_unaligned_le32(header + 4) == FAKE_VERSION &&
	       region < get_unaligned_le64(header + 8);
}

static bool says_clean(const u8 *sector, u64 region)
{
	return sector[region / 8 % SECTOR_SIZE] >> region % 8 & 1;
}

/* Sectors are written or not, each for itself. */
static bool may_say(const struct dm_log_fake_dev *fake, u64 sector, u64 region,
		    bool (*says)(const u8 *data, u64 region),
		    const struct dm_log_extent *extents, unsigned int nr)
{
	unsigned int i;

	if (says(fake->medium + (sector << SECTOR_SHIFT), region))
		return true;
	if (fake->cached & BIT_ULL(sector) &&
	    says(fake->data + (sector << SECTOR_SHIFT), region))
		return true;
	for (i = 0; i < nr; i++)
		if (sector >= extents[i].sector &&
		    sector < extents[i].sector + extents[i].nr_sectors &&
		    says(extents[i].data +
			 ((sector - extents[i].sector) << SECTOR_SHIFT), region))
			return true;
	return false;
}

/*
 * If the power failed now, perhaps while @extents are being written: could whoever
 * reads the device next take this region for clean? Written down from the format,
 * not from our code, and without regard to what else it writes to the header's sector.
 */
bool dm_log_fake_dev_may_be_clean(const struct dm_log_fake_dev *fake, u64 region,
				  const struct dm_log_extent *extents, unsigned int nr)
{
	u64 sector = (1024 + region / 8) >> SECTOR_SHIFT;

	return may_say(fake, 0, region, says_valid, extents, nr) &&
	       may_say(fake, sector, region, says_clean, extents, nr);
}

/* The first 16 bytes, written down from the contract rather than from our code. */
void dm_log_fake_dev_header(struct dm_log_fake_dev *fake, u32 magic, u32 version,
			    u64 nr_regions)
{
	put_unaligned_le32(magic, fake->data);
	put_unaligned_le32(version, fake->data + 4);
	put_unaligned_le64(nr_regions, fake->data + 8);
}

/* The clean bit of a region, likewise. */
bool dm_log_fake_dev_bit(const struct dm_log_fake_dev *fake, u64 region)
{
	return fake->data[1024 + region / 8] >> region % 8 & 1;
}

void dm_log_fake_dev_set_bit(struct dm_log_fake_dev *fake, u64 region, bool clean)
{
	u8 *byte = &fake->data[1024 + region / 8];

	*byte &= ~(1 << region % 8);
	*byte |= clean << region % 8;
}
