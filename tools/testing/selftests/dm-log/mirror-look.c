// SPDX-License-Identifier: GPL-2.0
/*
 * Look at a disk that has both legs of a mirror and its log, while nobody uses it:
 *
 *   mirror-look DISK LEG-SECTORS REGION-SECTORS
 *
 * One leg is at sector 0, the other one follows, then the log (see dm-log.rst). Prints
 *
 *   DIFFERING DIRTY LOST [REGION...]
 *
 * the numbers of regions whose legs differ, of those dirty in the log, and of those that
 * differ and are clean, which follow (the first ten). Without a valid log all are dirty.
 */

#include <endian.h>
#include <err.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <linux/types.h>

#define SECTOR		512
#define LOG_MAGIC	0x4d695272
#define LOG_VERSION	2
#define LOG_BITS	1024	/* offset of the bitset */
#define MAX_SECTORS	0x10000000000ULL
#define MAX_LOST	10

struct log_header_disk {
	__u32 magic;
	__u32 version;
	__u64 nr_regions;
};

static bool is_dirty(const __u8 *log, __u64 region)
{
	const struct log_header_disk *h = (const void *)log;

	if (le32toh(h->magic) != LOG_MAGIC || le32toh(h->version) != LOG_VERSION ||
	    region >= le64toh(h->nr_regions))
		return true;
	return !(log[LOG_BITS + region / 8] & 1 << region % 8);
}

static __u64 number(const char *text)
{
	char *end;
	__u64 n = strtoull(text, &end, 10);

	if (*end || !n || n > MAX_SECTORS)
		errx(2, "'%s': expected 1 to %llu sectors", text, MAX_SECTORS);
	return n;
}

static void read_at(const char *name, int fd, void *data, size_t bytes, __u64 at)
{
	if (pread(fd, data, bytes, (off_t)at) == (ssize_t)bytes)
		return;
	errx(1, "%s: cannot read %zu bytes at %llu", name, bytes, at);
}

static void *allocate(size_t bytes)
{
	void *p = malloc(bytes);

	if (!p)
		err(1, "%zu bytes", bytes);
	return p;
}

/* Region by region, not mapped: a page fault in User-Mode Linux costs more than a page. */
static void look(const char *name, int fd, __u64 leg_sectors, __u64 region_sectors)
{
	__u64 nr_regions = (leg_sectors + region_sectors - 1) / region_sectors;
	__u64 leg_bytes = leg_sectors * SECTOR, region_bytes = region_sectors * SECTOR;
	__u64 region, at, nr_differ = 0, nr_dirty = 0, nr_lost = 0, lost[MAX_LOST];
	size_t bytes, log_bytes = LOG_BITS + (nr_regions + 7) / 8;
	__u8 *log = allocate(log_bytes);
	__u8 *a = allocate(region_bytes), *b = allocate(region_bytes);
	bool differ, dirty;

	read_at(name, fd, log, log_bytes, 2 * leg_bytes);
	for (region = 0; region < nr_regions; region++) {
		at = region * region_bytes;
		bytes = region_bytes < leg_bytes - at ? region_bytes : leg_bytes - at;
		read_at(name, fd, a, bytes, at);
		read_at(name, fd, b, bytes, leg_bytes + at);

		differ = memcmp(a, b, bytes);
		dirty = is_dirty(log, region);
		nr_differ += differ;
		nr_dirty += dirty;
		if (differ && !dirty && nr_lost++ < MAX_LOST)
			lost[nr_lost - 1] = region;
	}

	printf("%llu %llu %llu", nr_differ, nr_dirty, nr_lost);
	for (region = 0; region < nr_lost && region < MAX_LOST; region++)
		printf(" %llu", lost[region]);
	putchar('\n');
}

int main(int argc, char **argv)
{
	__u64 leg_sectors, region_sectors;
	int fd;

	if (argc != 4) {
		fputs("usage: mirror-look DISK LEG-SECTORS REGION-SECTORS\n", stderr);
		return 2;
	}
	leg_sectors = number(argv[2]);
	region_sectors = number(argv[3]);
	fd = open(argv[1], O_RDONLY);
	if (fd < 0)
		err(1, "%s", argv[1]);
	look(argv[1], fd, leg_sectors, region_sectors);
	return 0;
}
