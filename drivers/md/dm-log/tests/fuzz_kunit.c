// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit test of the disk log with headers and bitsets that nobody vouches for: a
 * corpus (fuzz-corpus.h), mutated, torn, or bytes at random.
 *
 * The real code resumes on each, and is compared with a reading of the same bytes
 * that was written down from the contract: no region may be in sync that is not
 * in that reading; of a log without a record of ours, none may be missing either.
 * What the device holds afterwards is compared to the byte. Then a region is
 * marked, and must be dirty on the medium.
 */

#include <kunit/static_stub.h>
#include <kunit/test.h>
#include <linux/bitmap.h>
#include <linux/device-mapper.h>
#include <linux/dm-dirty-log.h>
#include <linux/ktime.h>
#include <linux/math.h>
#include <linux/minmax.h>
#include <linux/moduleparam.h>
#include <linux/prandom.h>
#include <linux/random.h>
#include <linux/string.h>
#include <linux/unaligned.h>
#include <linux/vmalloc.h>

#include "../private.h"
#include "../regions.h"
#include "../store.h"
#include "fake-dev.h"
#include "fuzz-corpus.h"

#define MAX_REGIONS	9000
#define MAX_BYTES	(16 * SECTOR_SIZE)
#define POOL_BYTES	SZ_64K
#define BITSET		1024
#define ONE_HOUR_MS	(60 * 60 * 1000)

/* Of that many headers one goes through the whole type. */
#define TYPE_SHARE	128

static unsigned int fuzz_headers = 10000000;
module_param(fuzz_headers, uint, 0444);
MODULE_PARM_DESC(fuzz_headers, "KUnit: how many log headers to try");

static unsigned long long fuzz_headers_seed;
module_param(fuzz_headers_seed, ullong, 0444);
MODULE_PARM_DESC(fuzz_headers_seed, "KUnit: replay the headers of this seed");

/* The layout of our record is used here and nowhere else in this file. */

#define RECORD_BYTES	sizeof(struct dm_log_record_disk)

/* Whether the bytes behind a header might be ours. */
static bool has_record(const u8 *image)
{
	return get_unaligned_le64(image + 16) == DM_LOG_RECORD_MAGIC;
}

static int init_store(struct dm_log_store *store, struct dm_log_dev *dev,
		      struct dm_regions *rg, u32 region_sectors)
{
	return dm_log_store_init(store, dev, rg, region_sectors);
}

/**
 * struct fuzz_mirror - a mirror of some geometry, and its log
 * @nr_regions: regions
 * @region_sectors: their size
 * @bytes: of the device; the last block is not the log's
 * @fake: the device
 * @rg: the map
 * @store: the stable copy
 * @right: the record of this mirror, as our code writes it
 * @other: that of a mirror with larger regions
 */
struct fuzz_mirror {
	u64 nr_regions;
	u32 region_sectors;
	size_t bytes;
	struct dm_log_fake_dev *fake;
	struct dm_regions rg;
	struct dm_log_store store;
	u8 right[RECORD_BYTES];
	u8 other[RECORD_BYTES];
};

static const u16 fuzz_nr_regions[] = {
	1, 2, 7, 8, 9, 63, 64, 65, 66, 100, 127, 128, 129, 500, 512, 1000, 1001,
	4095, 4096, 4097, 8192, 8193, MAX_REGIONS,
};

#define NR_MIRRORS	(3 * ARRAY_SIZE(fuzz_nr_regions))

/**
 * struct fuzz_case - one try
 * @mirror: whose
 * @load: how the log is read
 * @read_only: the device is
 * @regions: bytes that have a region's bit
 * @foreign: a version that we do not know: must not be touched
 * @exact: the reading is what the map has to be, not only the most it may be
 * @before: the device's contents
 * @expected: what they have to be afterwards
 * @reading: the regions that may be in sync
 * @got: those that are
 */
struct fuzz_case {
	struct fuzz_mirror *mirror;
	enum dm_log_load load;
	bool read_only;
	size_t regions;
	bool foreign;
	bool exact;
	u8 before[MAX_BYTES] __aligned(8);
	u8 expected[MAX_BYTES] __aligned(8);
	u8 reading[MAX_REGIONS / 8 + 8];
	u8 got[MAX_REGIONS / 8 + 8];
};

/**
 * struct fuzz - the test
 * @test: itself
 * @ti: for the whole type; @mirror is the case's
 * @rnd: decides
 * @pool: bytes at random
 * @mirrors: of all geometries
 * @c: the try
 * @tried: how many so far
 * @in_sync: regions that were in sync
 * @refused: logs of foreign versions
 * @kept: logs with bytes that had to be kept behind the header
 * @records: logs with a record of ours, or the look of one
 */
struct fuzz {
	struct kunit *test;
	struct dm_target ti;
	struct rnd_state rnd;
	u8 *pool;
	struct fuzz_mirror mirrors[NR_MIRRORS];
	struct fuzz_case c;
	u64 tried;
	u64 in_sync;
	u64 refused;
	u64 kept;
	u64 records;
};

static u32 pick(struct fuzz *fz, u32 limit)
{
	return prandom_u32_state(&fz->rnd) % limit;
}

static u64 pick_u64(struct fuzz *fz)
{
	return (u64)prandom_u32_state(&fz->rnd) << 32 | prandom_u32_state(&fz->rnd);
}

/*
 * The generator
 */

static void put_random(struct fuzz *fz, void *to, size_t bytes)
{
	memcpy(to, fz->pool + pick(fz, POOL_BYTES - MAX_BYTES), bytes);
}

static void put_record(struct fuzz_mirror *fm, enum fuzz_record record, u8 *image)
{
	switch (record) {
	case FUZZ_NO_RECORD:
		break;
	case FUZZ_RIGHT:
		memcpy(image + 16, fm->right, RECORD_BYTES);
		break;
	case FUZZ_OTHER_SIZE:
		memcpy(image + 16, fm->other, RECORD_BYTES);
		break;
	case FUZZ_HALF:
		memcpy(image + 16, fm->right, RECORD_BYTES / 2);
		break;
	}
}

static void put_header(u8 *image, u32 magic, u32 version, u64 nr_regions)
{
	put_unaligned_le32(magic, image);
	put_unaligned_le32(version, image + 4);
	put_unaligned_le64(nr_regions, image + 8);
}

static void put_corpus(struct fuzz *fz, u8 *image)
{
	const unsigned int nr = ARRAY_SIZE(fuzz_headers_corpus);
	struct fuzz_mirror *fm = fz->c.mirror;
	unsigned int i = pick(fz, nr + ARRAY_SIZE(fuzz_raw_corpus));
	const struct fuzz_header *h;

	if (i >= nr) {
		memset(image, 0xff, fm->bytes);
		memcpy(image, fuzz_raw_corpus[i - nr], FUZZ_RAW_BYTES);
		return;
	}

	h = &fuzz_headers_corpus[i];
	memset(image, h->fill, BITSET);
	memset(image + BITSET, h->bits, fm->bytes - BITSET);
	put_header(image, h->magic, h->version,
		   h->nr_regions + (h->relative ? fm->nr_regions : 0));
	put_record(fm, h->record, image);
}

static u64 pick_count(struct fuzz *fz)
{
	static const u64 counts[] = {
		0, 1, 63, 64, 65, U32_MAX, 1ULL << 31, 1ULL << 32, 1ULL << 63,
		S64_MAX, U64_MAX,
	};
	u64 nr_regions = fz->c.mirror->nr_regions;

	switch (pick(fz, 4)) {
	case 0:
		return nr_regions + pick(fz, 5) - 2;
	case 1:
		return counts[pick(fz, ARRAY_SIZE(counts))];
	case 2:
		return pick(fz, nr_regions + 1);
	default:
		return pick_u64(fz);
	}
}

/* A header that is right but for its numbers, and bits at random. */
static void put_fields(struct fuzz *fz, u8 *image)
{
	static const u32 versions[] = { 2, 2, 2, 2, 1, 1, 0, 3, 0x02000000, U32_MAX };
	static const u32 magics[] = { FUZZ_MAGIC ^ 1, 0x7252694D, 0, U32_MAX };
	static const u8 fills[] = { 0, 0xff, 0x6b };
	u32 magic = pick(fz, 8) ? FUZZ_MAGIC : magics[pick(fz, ARRAY_SIZE(magics))];

	put_random(fz, image, fz->c.mirror->bytes);
	if (pick(fz, 4))
		memset(image, fills[pick(fz, ARRAY_SIZE(fills))], BITSET);
	put_header(image, magic, versions[pick(fz, ARRAY_SIZE(versions))],
		   pick_count(fz));
	put_record(fz->c.mirror, pick(fz, 4), image);
}

static void put_image(struct fuzz *fz, u8 *image)
{
	switch (pick(fz, 8)) {
	case 0:
		put_random(fz, image, fz->c.mirror->bytes);
		break;
	case 1 ... 3:
		put_corpus(fz, image);
		break;
	default:
		put_fields(fz, image);
		break;
	}
}

static void flip_bits(struct fuzz *fz, u8 *image, size_t first, size_t bytes)
{
	unsigned int i;

	for (i = pick(fz, 8); i > 0; i--)
		image[first + pick(fz, bytes)] ^= 1 << pick(fz, 8);
}

/* A power cut while one log was being written over another. */
static void tear(struct fuzz *fz, u8 *image)
{
	u8 *other = fz->c.expected;
	size_t s;

	put_image(fz, other);
	for (s = 0; s < fz->c.mirror->bytes; s += SECTOR_SIZE)
		if (pick(fz, 2))
			memcpy(image + s, other + s, SECTOR_SIZE);
}

static void mutate(struct fuzz *fz, u8 *image)
{
	switch (pick(fz, 8)) {
	case 0:
		flip_bits(fz, image, 0, 16);
		break;
	case 1:
		flip_bits(fz, image, 16, RECORD_BYTES);
		break;
	case 2:
		flip_bits(fz, image, 0, fz->c.mirror->bytes);
		break;
	case 3:
		tear(fz, image);
		break;
	case 4:
		put_random(fz, image + BITSET, fz->c.mirror->bytes - BITSET);
		break;
	}
}

static void generate(struct fuzz *fz)
{
	struct fuzz_case *c = &fz->c;

	/* The large ones take long to check. */
	do {
		c->mirror = &fz->mirrors[pick(fz, NR_MIRRORS)];
	} while (c->mirror->nr_regions > 1000 && pick(fz, 8));
	c->read_only = !pick(fz, 8);
	put_image(fz, c->before);
	mutate(fz, c->before);
}

/*
 * The other reading
 */

static bool is_known_version(const u8 *image)
{
	u32 version = get_unaligned_le32(image + 4);

	return version == 2 || (version == 1 && !IS_ENABLED(CONFIG_CPU_BIG_ENDIAN));
}

/* All bits of regions below @limit, and no others. */
static void keep_below(u8 *bits, size_t bytes, u64 limit)
{
	size_t i;

	for (i = min_t(u64, limit / 8, bytes); i < bytes; i++)
		bits[i] &= i == limit / 8 ? (1 << limit % 8) - 1 : 0;
}

/*
 * What the record has to say. All that is known of a record that is not in order is
 * that it can make regions dirty, but none clean.
 */
static void read_record(struct fuzz_case *c)
{
	const struct fuzz_mirror *fm = c->mirror;
	const u8 *record = c->before + 16;

	if (!has_record(c->before))
		return;
	c->exact = false;
	if (get_unaligned_le64(c->before + 8) != fm->nr_regions)
		return;
	if (!memcmp(record, fm->right, RECORD_BYTES))
		c->exact = true;
	else if (!memcmp(record, fm->other, RECORD_BYTES))
		memset(c->reading, 0, c->regions);
}

static void read_independently(struct fuzz_case *c)
{
	const struct fuzz_mirror *fm = c->mirror;
	bool new = c->load == DM_LOG_ALL_CLEAN || c->load == DM_LOG_ALL_NOSYNC;
	u64 count;

	c->regions = 8 * DIV_ROUND_UP(fm->nr_regions, 64);
	c->exact = true;
	c->foreign = false;
	if (new) {
		memset(c->reading, c->load == DM_LOG_ALL_CLEAN ? 0xff : 0, c->regions);
		keep_below(c->reading, c->regions, fm->nr_regions);
		return;
	}

	memset(c->reading, 0, c->regions);
	if (get_unaligned_le32(c->before) != FUZZ_MAGIC)
		return;
	c->foreign = !is_known_version(c->before);
	if (c->foreign)
		return;
	count = get_unaligned_le64(c->before + 8);
	memcpy(c->reading, c->before + BITSET, c->regions);
	keep_below(c->reading, c->regions, min(count, fm->nr_regions));
	read_record(c);
}

/*
 * The comparison
 */

static void complain(struct fuzz *fz, const char *what)
{
	const struct fuzz_case *c = &fz->c;

	KUNIT_FAIL(fz->test,
		   "header %llu: %s: %llu regions of %u sectors, %u-byte blocks, load %d, read-only %d, header %*ph, record %*ph, first bits %*ph\n",
		   fz->tried, what, c->mirror->nr_regions, c->mirror->region_sectors,
		   c->mirror->fake->dev.block_sectors << SECTOR_SHIFT, c->load,
		   c->read_only, 16, c->before, 48, c->before + 16, 8,
		   c->before + BITSET);
}

/* Whole sectors: memcmp() may go by bytes, and this is most of the test's work. */
static bool same(const u8 *a, const u8 *b, size_t bytes)
{
	const u64 *p = (const u64 *)a, *q = (const u64 *)b;
	size_t i;

	for (i = 0; i < bytes / sizeof(u64); i++)
		if (p[i] != q[i])
			return false;
	return true;
}

static bool zeros_or_ones(const u8 *bytes, size_t nr)
{
	return (*bytes == 0 || *bytes == 0xff) && !memchr_inv(bytes, *bytes, nr);
}

/* Magic and sizes, no length, and what came after that as it was. */
static bool is_short_record(const u8 *now, const u8 *before, const u8 *right)
{
	return !memcmp(now, right, DM_LOG_RECORD_SHORT - 4) &&
	       !get_unaligned_le32(now + DM_LOG_RECORD_SHORT - 4) &&
	       !memcmp(now + DM_LOG_RECORD_SHORT, before + DM_LOG_RECORD_SHORT,
		       RECORD_BYTES - DM_LOG_RECORD_SHORT);
}

/* The place of the record: ours to use, or to be kept as it was. */
static bool record_is_right(struct fuzz *fz, const u8 *now)
{
	const struct fuzz_case *c = &fz->c;
	const u8 *before = c->before + 16, *right = c->mirror->right;

	if (has_record(c->before))
		return !memcmp(now, before, RECORD_BYTES) ||
		       !memcmp(now, right, RECORD_BYTES) ||
		       is_short_record(now, before, right);
	if (zeros_or_ones(before, RECORD_BYTES))
		return !memcmp(now, right, RECORD_BYTES);
	if (zeros_or_ones(before, DM_LOG_RECORD_SHORT))
		return is_short_record(now, before, right);
	fz->kept++;
	return !memcmp(now, before, RECORD_BYTES);
}

static void check_device(struct fuzz *fz)
{
	struct fuzz_case *c = &fz->c;
	struct fuzz_mirror *fm = c->mirror;
	const u8 *now = fm->fake->data;

	memcpy(c->expected, c->before, fm->bytes);
	if (c->read_only || c->foreign) {
		if (fm->fake->nr_writes || !same(now, c->expected, fm->bytes))
			complain(fz, "must not be written");
		return;
	}

	put_header(c->expected, FUZZ_MAGIC, 2, fm->nr_regions);
	memcpy(c->expected + BITSET, c->got, c->regions);
	if (!record_is_right(fz, now + 16))
		complain(fz, "wrong record");
	memcpy(c->expected + 16, now + 16, RECORD_BYTES);
	if (!same(now, c->expected, fm->bytes))
		complain(fz, "wrong bytes on the device");
	if (fm->fake->cached || !same(fm->fake->medium, now, fm->bytes))
		complain(fz, "not durable");
}

static void check_map(struct fuzz *fz, u64 sync_count)
{
	struct fuzz_case *c = &fz->c;
	u64 nr = 0;
	size_t i;

	for (i = 0; i < c->regions; i++) {
		if (c->got[i] & ~c->reading[i]) {
			complain(fz, "a region is in sync that must not be");
			return;
		}
		if (c->exact && c->got[i] != c->reading[i]) {
			complain(fz, "a region is out of sync that need not be");
			return;
		}
		nr += hweight8(c->got[i]);
	}
	if (nr != sync_count)
		complain(fz, "wrong count of regions in sync");
	fz->in_sync += nr;
	fz->refused += c->foreign;
	fz->records += has_record(c->before);
}

/* The device as the case has it, all in its cache. */
static void load_device(struct fuzz_case *c)
{
	struct dm_log_fake_dev *fake = c->mirror->fake;

	memcpy(fake->data, c->before, c->mirror->bytes);
	fake->cached = GENMASK_ULL(fake->dev.nr_sectors - 1, 0);
	fake->dev.read_only = c->read_only;
	fake->nr_writes = 0;
}

/* A region has been marked, and that was committed with result @r. */
static void check_mark(struct fuzz *fz, u64 region, int r)
{
	struct fuzz_case *c = &fz->c;
	struct dm_log_fake_dev *fake = c->mirror->fake;
	bool was_clean = c->got[region / 8] >> region % 8 & 1;

	if (c->read_only || c->foreign) {
		/* Not durable, which is an error where it would matter. */
		if (c->read_only && was_clean && !r)
			complain(fz, "a mark is lost");
		if (fake->nr_writes)
			complain(fz, "must not be written by a mark");
		return;
	}
	if (r)
		complain(fz, "a mark fails");
	c->expected[BITSET + region / 8] &= ~(1 << region % 8);
	if (!same(fake->medium, c->expected, c->mirror->bytes))
		complain(fz, "wrong bytes on the medium after a mark");
}

/*
 * The store by itself
 */

/* With DM_LOG_MERGE the map has a say. */
static void spoil_map(struct fuzz *fz)
{
	struct fuzz_case *c = &fz->c;
	unsigned int i;

	for (i = pick(fz, 4); i > 0; i--) {
		u64 region = pick(fz, c->mirror->nr_regions);

		dm_regions_set_sync(&c->mirror->rg, region, false);
		c->reading[region / 8] &= ~(1 << region % 8);
	}
}

static void resume_store(struct fuzz *fz)
{
	struct fuzz_case *c = &fz->c;
	struct fuzz_mirror *fm = c->mirror;
	u64 i;
	int r;

	r = dm_log_store_resume(&fm->store, c->load);
	if (r != (c->foreign ? -EPROTONOSUPPORT : 0))
		complain(fz, "resume returns something else");

	memset(c->got, 0, c->regions);
	for (i = 0; i < fm->nr_regions; i++)
		c->got[i / 8] |= dm_regions_in_sync(&fm->rg, i) << i % 8;
	check_map(fz, fm->nr_regions - dm_regions_nr_nosync(&fm->rg));
}

static void try_store(struct fuzz *fz)
{
	struct fuzz_case *c = &fz->c;
	struct fuzz_mirror *fm = c->mirror;
	u64 region = pick(fz, fm->nr_regions);

	c->load = pick(fz, 16) ? DM_LOG_LOAD : pick(fz, 4);
	read_independently(c);
	/* What the map says must not shine through. */
	dm_regions_fill(&fm->rg, DM_REGION_CLEAN);
	if (c->load == DM_LOG_MERGE)
		spoil_map(fz);
	load_device(c);
	resume_store(fz);
	check_device(fz);

	dm_regions_mark(&fm->rg, region);
	check_mark(fz, region, dm_log_store_commit(&fm->store));
	dm_regions_clear(&fm->rg, region);
}

/*
 * The whole type
 */

static struct fuzz *to_fuzz(struct dm_target *ti)
{
	return container_of(ti, struct fuzz, ti);
}

static struct dm_log_dev *open_fuzz_dev(struct dm_target *ti, const char *path)
{
	struct dm_log_fake_dev *fake = to_fuzz(ti)->c.mirror->fake;

	fake->open = true;
	return &fake->dev;
}

static void ignore_event(struct dm_target *ti)
{
}

static int flush_legs(struct dm_target *ti)
{
	return 0;
}

static struct dm_dirty_log *create_log(struct fuzz *fz)
{
	char dev[] = "dev", size[16], sync[] = "sync", nosync[] = "nosync";
	struct fuzz_case *c = &fz->c;
	struct dm_dirty_log *log;
	unsigned int argc = 2;
	char *argv[3];

	argv[0] = dev;
	argv[1] = size;
	if (c->load == DM_LOG_ALL_NOSYNC)
		argv[argc++] = sync;
	else if (c->load == DM_LOG_ALL_CLEAN)
		argv[argc++] = nosync;
	snprintf(size, sizeof(size), "%u", c->mirror->region_sectors);
	fz->ti.len = c->mirror->nr_regions * c->mirror->region_sectors;
	/* The last region may be a part of one. */
	if (c->mirror->nr_regions > 1)
		fz->ti.len -= pick(fz, c->mirror->region_sectors);
	log = dm_dirty_log_create("disk", &fz->ti, flush_legs, argc, argv);
	KUNIT_ASSERT_NOT_NULL(fz->test, log);
	return log;
}

/* As letters: A3 of the contract. */
static void check_status(struct fuzz *fz, struct dm_dirty_log *log)
{
	char line[32];

	log->type->status(log, STATUSTYPE_INFO, line, sizeof(line));
	if (strcmp(line, fz->c.foreign ? "3 disk 259:7 D" : "3 disk 259:7 A"))
		complain(fz, line);
}

static void try_type(struct fuzz *fz)
{
	static const enum dm_log_load loads[] = {
		DM_LOG_LOAD, DM_LOG_LOAD, DM_LOG_LOAD, DM_LOG_ALL_NOSYNC, DM_LOG_ALL_CLEAN,
	};
	struct fuzz_case *c = &fz->c;
	struct fuzz_mirror *fm = c->mirror;
	u64 i, region = pick(fz, fm->nr_regions);
	struct dm_dirty_log *log;

	c->load = loads[pick(fz, ARRAY_SIZE(loads))];
	read_independently(c);
	load_device(c);
	log = create_log(fz);
	log->type->resume(log);
	memset(c->got, 0, c->regions);
	for (i = 0; i < fm->nr_regions; i++)
		c->got[i / 8] |= log->type->in_sync(log, i, 1) << i % 8;
	check_map(fz, log->type->get_sync_count(log));
	check_device(fz);
	check_status(fz, log);

	log->type->mark_region(log, region);
	check_mark(fz, region, log->type->flush(log));
	log->type->clear_region(log, region);
	log->type->presuspend(log);
	log->type->postsuspend(log);
	dm_dirty_log_destroy(log);
	/* As before the mark. */
	check_device(fz);
	if (fm->fake->open)
		complain(fz, "device still open");
}

/*
 * The run
 */

/* What our code writes behind the header. */
static void harvest_record(struct fuzz *fz, struct fuzz_mirror *fm, u32 region_sectors,
			   u8 *record)
{
	struct dm_log_store store;

	memset(fm->fake->data, 0, fm->bytes);
	KUNIT_ASSERT_EQ(fz->test, init_store(&store, &fm->fake->dev, &fm->rg,
					     region_sectors), 0);
	KUNIT_EXPECT_EQ(fz->test, dm_log_store_resume(&store, DM_LOG_LOAD), 0);
	dm_log_store_exit(&store);
	memcpy(record, fm->fake->data + 16, RECORD_BYTES);
	KUNIT_ASSERT_TRUE(fz->test, has_record(fm->fake->data));
}

static void free_mirrors(void *data)
{
	struct fuzz *fz = data;
	int i;

	for (i = 0; i < NR_MIRRORS; i++) {
		dm_log_store_exit(&fz->mirrors[i].store);
		dm_regions_exit(&fz->mirrors[i].rg);
	}
	vfree(fz->pool);
	vfree(fz);
}

static void new_mirror(struct fuzz *fz, struct fuzz_mirror *fm, u64 nr_regions,
		       unsigned int block_sectors, u32 region_sectors)
{
	struct kunit *test = fz->test;
	u64 sectors = dm_log_store_sectors(nr_regions, block_sectors) + block_sectors;

	fm->nr_regions = nr_regions;
	fm->region_sectors = region_sectors;
	fm->bytes = sectors << SECTOR_SHIFT;
	KUNIT_ASSERT_LE(test, fm->bytes, MAX_BYTES);
	fm->fake = dm_log_fake_dev_new(test, sectors, block_sectors);
	KUNIT_ASSERT_EQ(test, dm_regions_init(&fm->rg, nr_regions, DM_REGION_NOSYNC, true), 0);
	KUNIT_ASSERT_EQ(test, init_store(&fm->store, &fm->fake->dev, &fm->rg,
					 region_sectors), 0);
	harvest_record(fz, fm, 2 * region_sectors, fm->other);
	harvest_record(fz, fm, region_sectors, fm->right);
	KUNIT_ASSERT_TRUE(test, memcmp(fm->other, fm->right, RECORD_BYTES));
}

static struct fuzz *new_fuzz(struct kunit *test)
{
	static const u32 region_sectors[] = { 2, 1024, 8, 1U << 30, 2048 };
	struct fuzz *fz = vzalloc(sizeof(*fz));
	int i, j;

	KUNIT_ASSERT_NOT_NULL(test, fz);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, free_mirrors, fz), 0);
	fz->test = test;
	fz->pool = vmalloc(POOL_BYTES);
	KUNIT_ASSERT_NOT_NULL(test, fz->pool);
	for (i = 0; i < ARRAY_SIZE(fuzz_nr_regions); i++)
		for (j = 0; j < 3; j++)
			new_mirror(fz, &fz->mirrors[3 * i + j], fuzz_nr_regions[i],
				   j < 2 ? 1 + j : 8,
				   region_sectors[(3 * i + j) % ARRAY_SIZE(region_sectors)]);
	return fz;
}

static void run(struct kunit *test, void (*try)(struct fuzz *fz), unsigned int nr)
{
	struct fuzz *fz = new_fuzz(test);
	u64 seed = fuzz_headers_seed ?: get_random_u64();
	ktime_t start = ktime_get();

	prandom_seed_state(&fz->rnd, seed);
	prandom_bytes_state(&fz->rnd, fz->pool, POOL_BYTES);
	kunit_info(test, "seed %llu\n", seed);
	for (fz->tried = 0; fz->tried < nr && test->status != KUNIT_FAILURE; fz->tried++) {
		generate(fz);
		try(fz);
		cond_resched();
	}
	kunit_info(test, "%llu headers in %lld ms: %llu regions in sync, %llu foreign versions, %llu records, %llu with bytes to keep\n",
		   fz->tried, ktime_ms_delta(ktime_get(), start), fz->in_sync,
		   fz->refused, fz->records, fz->kept);
	/* Of all kinds there must have been some. */
	KUNIT_EXPECT_GT(test, fz->in_sync, fz->tried);
	KUNIT_EXPECT_GT(test, fz->refused, nr / 50);
	KUNIT_EXPECT_GT(test, fz->records, nr / 20);
	KUNIT_EXPECT_GT(test, fz->kept, nr / 20);
}

static void fuzz_store(struct kunit *test)
{
	run(test, try_store, fuzz_headers - fuzz_headers / TYPE_SHARE);
}

static void fuzz_type(struct kunit *test)
{
	unsigned int old_delay = dm_log_clean_delay_ms;

	kunit_activate_static_stub(test, dm_log_dev_open, open_fuzz_dev);
	kunit_activate_static_stub(test, dm_log_raise_event, ignore_event);
	dm_log_clean_delay_ms = ONE_HOUR_MS;
	run(test, try_type, fuzz_headers / TYPE_SHARE);
	dm_log_clean_delay_ms = old_delay;
}

static struct kunit_case dm_log_fuzz_cases[] = {
	KUNIT_CASE_SLOW(fuzz_store),
	KUNIT_CASE_SLOW(fuzz_type),
	{}
};

static struct kunit_suite dm_log_fuzz_suite = {
	.name = "dm_log_fuzz",
	.test_cases = dm_log_fuzz_cases,
};

kunit_test_suite(dm_log_fuzz_suite);
