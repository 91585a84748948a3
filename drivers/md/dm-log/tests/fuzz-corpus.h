/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Log headers from which the fuzz test begins: what others write, what we write or
 * wrote, and what may be left of it.
 */

#ifndef DM_LOG_FUZZ_CORPUS_H
#define DM_LOG_FUZZ_CORPUS_H

#include <linux/array_size.h>
#include <linux/limits.h>
#include <linux/types.h>

/**
 * enum fuzz_record - what stands behind the header
 * @FUZZ_NO_RECORD: the filling
 * @FUZZ_RIGHT: the record that our code writes for this mirror
 * @FUZZ_OTHER_SIZE: that of a mirror with as many regions of twice the size
 * @FUZZ_HALF: the first half of the right one
 */
enum fuzz_record { FUZZ_NO_RECORD, FUZZ_RIGHT, FUZZ_OTHER_SIZE, FUZZ_HALF };

/**
 * struct fuzz_header - a log, as its writer meant it
 * @what: who wrote it, for messages
 * @fill: all bytes from 16 to 1023
 * @bits: all bytes of the bitset, and what follows it
 * @magic: as in the header
 * @version: likewise
 * @relative: @nr_regions is added to the mirror's number of regions
 * @nr_regions: as in the header
 * @record: behind the header
 */
struct fuzz_header {
	const char *what;
	u8 fill;
	u8 bits;
	u32 magic;
	u32 version;
	bool relative;
	u64 nr_regions;
	enum fuzz_record record;
};

#define FUZZ_MAGIC	0x4D695272

static const struct fuzz_header fuzz_headers_corpus[] = {
	{ "zeros", 0, 0, 0, 0, false, 0 },
	{ "ones", 0xff, 0xff, U32_MAX, U32_MAX, false, U64_MAX },
	{ "LVM, in sync", 0xff, 0xff, FUZZ_MAGIC, 2, false, U64_MAX },
	{ "LVM, out of sync", 0, 0, FUZZ_MAGIC, 2, false, U64_MAX },
	{ "stock", 0x6b, 0xff, FUZZ_MAGIC, 2, true, 0 },
	{ "stock on LVM's ones", 0xff, 0xa5, FUZZ_MAGIC, 2, true, 0 },
	{ "stock on LVM's zeros", 0, 0x5a, FUZZ_MAGIC, 2, true, 0 },
	{ "stock, smaller by one", 0, 0xff, FUZZ_MAGIC, 2, true, -1ULL },
	{ "stock, larger by one", 0, 0xff, FUZZ_MAGIC, 2, true, 1 },
	{ "stock, smaller by a word", 0, 0xff, FUZZ_MAGIC, 2, true, -64ULL },
	{ "stock, just begun", 0x6b, 0xff, FUZZ_MAGIC, 2, false, 0 },
	{ "stock, freed memory written back", 0x6b, 0xff, 0x6b6b6b6b, 0x6b6b6b6b, true, 0 },
	{ "version 1", 0, 0xff, FUZZ_MAGIC, 1, true, 0 },
	{ "version 1 on LVM's ones", 0xff, 0xff, FUZZ_MAGIC, 1, false, U64_MAX },
	{ "version 1, big-endian", 0, 0xff, 0x7252694D, 0x01000000, true, 0 },
	{ "version 0", 0, 0xff, FUZZ_MAGIC, 0, true, 0 },
	{ "version 3", 0, 0xff, FUZZ_MAGIC, 3, true, 0 },
	{ "version 2^31 + 2", 0xff, 0xff, FUZZ_MAGIC, 0x80000002, true, 0 },
	{ "version 258", 0xff, 0xff, FUZZ_MAGIC, 0x0102, true, 0 },
	{ "magic, other byte order", 0, 0xff, 0x7252694D, 2, true, 0 },
	{ "count of 2^31", 0, 0xff, FUZZ_MAGIC, 2, false, 1ULL << 31 },
	{ "count of 2^32", 0, 0xff, FUZZ_MAGIC, 2, false, 1ULL << 32 },
	{ "count of 2^32 + 1", 0, 0xff, FUZZ_MAGIC, 2, false, (1ULL << 32) + 1 },
	{ "count of 2^63", 0, 0xff, FUZZ_MAGIC, 2, false, 1ULL << 63 },
	{ "count of -64", 0, 0xff, FUZZ_MAGIC, 2, false, -64ULL },
	{ "ours", 0, 0xff, FUZZ_MAGIC, 2, true, 0, FUZZ_RIGHT },
	{ "ours on LVM's ones", 0xff, 0xf7, FUZZ_MAGIC, 2, true, 0, FUZZ_RIGHT },
	{ "ours, other region size", 0, 0xff, FUZZ_MAGIC, 2, true, 0, FUZZ_OTHER_SIZE },
	{ "ours, other region size, on ones", 0xff, 0xff, FUZZ_MAGIC, 2, true, 0,
	  FUZZ_OTHER_SIZE },
	{ "ours, then stock with a smaller mirror", 0, 0xff, FUZZ_MAGIC, 2, true, -1ULL,
	  FUZZ_RIGHT },
	{ "ours, then stock with a larger mirror", 0xff, 0xff, FUZZ_MAGIC, 2, true, 64,
	  FUZZ_OTHER_SIZE },
	{ "ours, then LVM", 0, 0xff, FUZZ_MAGIC, 2, false, U64_MAX, FUZZ_RIGHT },
	{ "ours, record cut", 0, 0xff, FUZZ_MAGIC, 2, true, 0, FUZZ_HALF },
	{ "ours, record cut, on ones", 0xff, 0xff, FUZZ_MAGIC, 2, true, 0, FUZZ_HALF },
	{ "record without a header", 0, 0xff, 0, 0, true, 0, FUZZ_RIGHT },
	{ "record behind a version to come", 0, 0xff, FUZZ_MAGIC, 3, true, 0, FUZZ_RIGHT },
};

#define FUZZ_RAW_BYTES	48

/* First bytes of real devices, byte by byte; what follows them is ones. */
static const u8 fuzz_raw_corpus[][FUZZ_RAW_BYTES] = {
	/* Linux 6.12, a mirror of 100 regions, on zeros. */
	{ 0x72, 0x52, 0x69, 0x4d, 2, 0, 0, 0, 100, 0, 0, 0, 0, 0, 0, 0 },
	/* LVM before the first activation. */
	{ 0x72, 0x52, 0x69, 0x4d, 2, 0, 0, 0,
	  0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff },
	/* A big-endian machine's version 1. */
	{ 0x4d, 0x69, 0x52, 0x72, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 100 },
	/* Ours with a record of 24 bytes: 100 regions of 1024 sectors. */
	{ 0x72, 0x52, 0x69, 0x4d, 2, 0, 0, 0, 100, 0, 0, 0, 0, 0, 0, 0,
	  'D', 'L', 'O', 'G', 'R', 'e', 'g', 'e', 100, 0, 0, 0, 0, 0, 0, 0,
	  0, 4, 0, 0, 0, 0, 0, 0 },
	/* The same, with another number in the header. */
	{ 0x72, 0x52, 0x69, 0x4d, 2, 0, 0, 0, 99, 0, 0, 0, 0, 0, 0, 0,
	  'D', 'L', 'O', 'G', 'R', 'e', 'g', 'e', 100, 0, 0, 0, 0, 0, 0, 0,
	  0, 4, 0, 0, 0, 0, 0, 0 },
	/* A region size of 0, and something where there should be zeros. */
	{ 0x72, 0x52, 0x69, 0x4d, 2, 0, 0, 0, 100, 0, 0, 0, 0, 0, 0, 0,
	  'D', 'L', 'O', 'G', 'R', 'e', 'g', 'e', 100, 0, 0, 0, 0, 0, 0, 0,
	  0, 0, 0, 0, 1, 0, 0, 0 },
	/* Something else: LVM's label, a swap header's neighbour, text. */
	{ 'L', 'A', 'B', 'E', 'L', 'O', 'N', 'E', 1, 0, 0, 0, 0, 0, 0, 0,
	  0x9c, 0x1a, 0x5d, 0x11, 0x20, 0, 0, 0, 'L', 'V', 'M', '2', ' ', '0', '0', '1' },
	{ 0xeb, 0x63, 0x90, 0x10, 0x8e, 0xd0, 0xbc, 0, 0xb0, 0xb8, 0, 0, 0x8e, 0xd8 },
};

#endif /* DM_LOG_FUZZ_CORPUS_H */
