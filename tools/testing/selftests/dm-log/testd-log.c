// SPDX-License-Identifier: GPL-2.0
/*
 * Dirty logs of one node: in memory (testd-core), and on a device in the format
 * of the kernel's disk log (testd-disk).
 *
 * Per region there are three bits:
 *
 *	in_sync	all legs hold the same, as far as is known since RESUME
 *	marked	the kernel may have writes in flight
 *	clean	in sync and not marked; what a disk log stores
 *
 * A log on disk has a fourth, the clean bit that the device has. The difference
 * between the two is what FLUSH has to write. It may be late with setting a bit,
 * but a bit whose region is marked must be 0 there before FLUSH is answered: after
 * a crash it is all that tells where the legs may differ.
 */
#include <errno.h>
#include <endian.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <linux/fs.h>

#include "testd.h"

#define SECTOR		512
#define MAX_REGIONS	UINT32_MAX
#define NO_REGION	UINT64_MAX

/* The disk log, little endian. The bitset follows, 1 = clean, from the lowest bit of each byte. */
struct log_header_disk {
	__u32 magic;
	__u32 version;
	__u64 nr_regions;
};

#define LOG_MAGIC	0x4D695272
#define LOG_VERSION	2
#define BITSET_OFFSET	1024

enum sync_word { SYNC_DEFAULT, SYNC_FORCE, SYNC_SKIP };

struct testd_log {
	struct testd_log *next;
	__u64 luid;
	char uuid[DM_UUID_LEN];

	enum sync_word sync_word;	/* what the table says, until the first RESUME */
	__u32 region_sectors;
	__u64 nr_regions;
	bool active;			/* between RESUME and POSTSUSPEND */

	__u8 *in_sync;
	__u8 *marked;
	__u8 *clean;			/* in @image */

	__u64 sync_count;
	__u64 sync_hint;		/* all regions below are in sync */
	__u64 cursor;		/* resync goes on here */
	__u64 recovering;		/* given to the kernel, or NO_REGION */

	/* Of a log on disk: the device's beginning as it is to be, and as it is. */
	int fd;				/* -1: in memory */
	char device[32];
	size_t block_bytes;
	size_t image_bytes;
	__u8 *image;
	__u8 *stored;
	bool readable;			/* a log that could not be read is not written */
	bool failed;
};

static struct testd_log *logs;

static bool test_bit(const __u8 *bits, __u64 n)
{
	return bits[n / 8] & (1 << n % 8);
}

static void assign_bit(__u8 *bits, __u64 n, bool value)
{
	if (value)
		bits[n / 8] |= 1 << n % 8;
	else
		bits[n / 8] &= ~(1 << n % 8);
}

static size_t bitset_bytes(__u64 nr_regions)
{
	return (nr_regions + 63) / 64 * 8;
}

static size_t round_up(size_t bytes, size_t unit)
{
	return (bytes + unit - 1) / unit * unit;
}

/*
 * The device
 */

/* "major:minor" as a path. There may be no udev to ask, but sysfs knows the name. */
static int device_path(const char *device, char *path, size_t size)
{
	char line[256];
	FILE *f;
	int r = -ENODEV;

	if (device[0] == '/') {
		snprintf(path, size, "%s", device);
		return 0;
	}
	snprintf(path, size, "/sys/dev/block/%s/uevent", device);
	f = fopen(path, "re");
	if (!f)
		return r;
	while (fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\n")] = 0;
		if (strncmp(line, "DEVNAME=", 8))
			continue;
		snprintf(path, size, "/dev/%s", line + 8);
		r = 0;
	}
	fclose(f);
	return r;
}

/*
 * O_DIRECT, because others write to this device as well, and a page cache would
 * not see it; O_DSYNC, because a mark counts when it is durable.
 */
static int open_device(struct testd_log *log, const char *device)
{
	char path[256];
	struct stat st;
	__u64 bytes;
	int block, r;

	r = device_path(device, path, sizeof(path));
	if (r)
		return r;
	log->fd = open(path, O_RDWR | O_DIRECT | O_DSYNC | O_CLOEXEC);
	if (log->fd < 0)
		return -errno;
	if (fstat(log->fd, &st) || ioctl(log->fd, BLKSSZGET, &block) ||
	    ioctl(log->fd, BLKGETSIZE64, &bytes))
		return -errno;
	snprintf(log->device, sizeof(log->device), "%u:%u", major(st.st_rdev), minor(st.st_rdev));
	log->block_bytes = block;
	log->image_bytes = round_up(BITSET_OFFSET + bitset_bytes(log->nr_regions), block);
	return log->image_bytes <= bytes ? 0 : -ENOSPC;
}

static int read_device(struct testd_log *log)
{
	size_t done = 0;
	ssize_t n;

	while (done < log->image_bytes) {
		n = pread(log->fd, log->stored + done, log->image_bytes - done, done);
		if (n <= 0)
			return n ? -errno : -EIO;
		done += n;
	}
	return 0;
}

/* Write the blocks that differ, neighbours together. */
static int write_device(struct testd_log *log)
{
	size_t unit = log->block_bytes, from, to;
	ssize_t n;

	for (from = 0; from < log->image_bytes; from = to) {
		to = from + unit;
		if (!memcmp(log->image + from, log->stored + from, unit))
			continue;
		while (to < log->image_bytes && memcmp(log->image + to, log->stored + to, unit))
			to += unit;
		n = pwrite(log->fd, log->image + from, to - from, from);
		if (n != (ssize_t)(to - from)) {
			/* @stored stays as it is, so that the next FLUSH tries again. */
			log->failed = true;
			return n < 0 ? -errno : -EIO;
		}
		memcpy(log->stored + from, log->image + from, to - from);
	}
	return 0;
}

/*
 * How many regions the stored bitset is about: those beyond are new. A header that
 * is not there means a new log; the count can be anything, LVM writes 2^64 - 1.
 */
static int recorded_regions(struct testd_log *log, __u64 *nr)
{
	struct log_header_disk header;

	memcpy(&header, log->stored, sizeof(header));
	if (le32toh(header.magic) != LOG_MAGIC) {
		*nr = 0;
		return 0;
	}
	if (le32toh(header.version) != LOG_VERSION && le32toh(header.version) != 1)
		return -EINVAL;
	*nr = le64toh(header.nr_regions);
	if (*nr > log->nr_regions)
		*nr = log->nr_regions;
	return 0;
}

/* What is neither header nor bitset is not ours, and stays. */
static void take_rest(struct testd_log *log)
{
	struct log_header_disk header = {
		.magic = htole32(LOG_MAGIC),
		.version = htole32(LOG_VERSION),
		.nr_regions = htole64(log->nr_regions),
	};
	size_t end = BITSET_OFFSET + bitset_bytes(log->nr_regions);

	memcpy(log->image, log->stored, BITSET_OFFSET);
	memcpy(log->image, &header, sizeof(header));
	memcpy(log->image + end, log->stored + end, log->image_bytes - end);
}

static int read_log(struct testd_log *log, __u64 *recorded)
{
	int r;

	r = read_device(log);
	if (!r)
		r = recorded_regions(log, recorded);
	log->readable = !r;
	if (r)
		log->failed = true;
	else
		take_rest(log);
	return r;
}

/* Take over what is stored, and store what this log makes of it. */
static int load_from_device(struct testd_log *log, enum sync_word word)
{
	__u64 recorded, n;
	int r;

	r = read_log(log, &recorded);
	if (r)
		return r;
	if (word != SYNC_DEFAULT)
		recorded = 0;

	memcpy(log->clean, log->stored + BITSET_OFFSET, bitset_bytes(log->nr_regions));
	for (n = recorded; n < log->nr_regions; n++)
		assign_bit(log->clean, n, word == SYNC_SKIP);
	for (; n < bitset_bytes(log->nr_regions) * 8; n++)
		assign_bit(log->clean, n, false);
	return write_device(log);
}

/*
 * A log's life
 */

static struct testd_log *find(__u64 luid, const char *uuid)
{
	struct testd_log *log;

	for (log = logs; log; log = log->next)
		if (log->luid == luid && !strcmp(log->uuid, uuid))
			break;
	return log;
}

struct testd_log *testd_log_find(const struct dm_ulog_request *rq)
{
	return find(rq->luid, rq->uuid);
}

static bool parse_number(const char *word, __u64 *number)
{
	char *end;

	if (!word || *word < '0' || *word > '9')
		return false;
	errno = 0;
	*number = strtoull(word, &end, 10);
	return !errno && !*end;
}

/* SECTORS testd-core REGION-SIZE [sync|nosync], or SECTORS testd-disk DEVICE REGION-SIZE ... */
static int parse(struct testd_log *log, char *args)
{
	__u64 target_sectors, region_sectors;
	char *save, *word, *device = NULL;

	if (!parse_number(strtok_r(args, " ", &save), &target_sectors))
		return -EINVAL;
	word = strtok_r(NULL, " ", &save);
	if (!word)
		return -EINVAL;
	if (!strcmp(word, "testd-disk")) {
		device = strtok_r(NULL, " ", &save);
		if (!device)
			return -EINVAL;
	} else if (strcmp(word, "testd-core")) {
		return -EINVAL;
	}

	if (!parse_number(strtok_r(NULL, " ", &save), &region_sectors))
		return -EINVAL;
	if (region_sectors < 2 || region_sectors > 1U << 31 || region_sectors > target_sectors ||
	    region_sectors & (region_sectors - 1))
		return -EINVAL;
	log->region_sectors = region_sectors;
	log->nr_regions = (target_sectors - 1) / region_sectors + 1;
	if (log->nr_regions > MAX_REGIONS)
		return -EINVAL;

	word = strtok_r(NULL, " ", &save);
	if (word && !strcmp(word, "sync"))
		log->sync_word = SYNC_FORCE;
	else if (word && !strcmp(word, "nosync"))
		log->sync_word = SYNC_SKIP;
	else if (word)
		return -EINVAL;
	if (strtok_r(NULL, " ", &save))
		return -EINVAL;

	log->image_bytes = BITSET_OFFSET + bitset_bytes(log->nr_regions);
	return device ? open_device(log, device) : 0;
}

static int allocate(struct testd_log *log)
{
	size_t align = log->fd < 0 ? sizeof(void *) : log->block_bytes;

	if (posix_memalign((void **)&log->image, align, log->image_bytes) ||
	    posix_memalign((void **)&log->stored, align, log->image_bytes))
		return -ENOMEM;
	memset(log->image, 0, log->image_bytes);
	log->clean = log->image + BITSET_OFFSET;
	log->marked = calloc(1, bitset_bytes(log->nr_regions));
	log->in_sync = calloc(1, bitset_bytes(log->nr_regions));
	return log->marked && log->in_sync ? 0 : -ENOMEM;
}

static void free_log(struct testd_log *log)
{
	if (log->fd >= 0)
		close(log->fd);
	free(log->image);
	free(log->stored);
	free(log->marked);
	free(log->in_sync);
	free(log);
}

/* As far as is known now, in sync is what is clean. */
static void sync_from_clean(struct testd_log *log)
{
	__u64 n;

	memcpy(log->in_sync, log->clean, bitset_bytes(log->nr_regions));
	log->sync_count = 0;
	for (n = 0; n < log->nr_regions; n++)
		log->sync_count += test_bit(log->in_sync, n);
}

int testd_log_create(const struct dm_ulog_request *rq)
{
	struct testd_log *log;
	char *args;
	int r;

	/* Also what a repetition meets whose first answer was lost. */
	if (testd_log_find(rq))
		return -EINVAL;

	log = calloc(1, sizeof(*log));
	/* With or without NUL. */
	args = strndup(rq->data, rq->data_size);
	if (!log || !args) {
		free(log);
		free(args);
		return -ENOMEM;
	}
	log->luid = rq->luid;
	snprintf(log->uuid, sizeof(log->uuid), "%s", rq->uuid);
	log->fd = -1;
	log->recovering = NO_REGION;

	r = parse(log, args);
	free(args);
	if (!r)
		r = allocate(log);
	if (r) {
		free_log(log);
		return r;
	}
	if (log->sync_word == SYNC_SKIP) {
		memset(log->clean, 0xff, bitset_bytes(log->nr_regions));
		sync_from_clean(log);
	}
	/* The device is not touched before RESUME: another table may use it still. */
	log->next = logs;
	logs = log;
	return 0;
}

void testd_log_destroy(struct testd_log *log)
{
	struct testd_log **link = &logs;

	while (*link != log)
		link = &(*link)->next;
	*link = log->next;
	free_log(log);
}

int testd_log_resume(struct testd_log *log)
{
	enum sync_word word = log->sync_word;
	int r = 0;

	/* Said twice, because the answer got lost: the marks of now are those of before. */
	if (log->active) {
		log->cursor = 0;
		log->sync_hint = 0;
		log->recovering = NO_REGION;
		return 0;
	}
	/*
	 * The word is about the legs when the table was made; after a suspend the
	 * log knows better.
	 */
	log->sync_word = SYNC_DEFAULT;
	log->active = true;
	log->cursor = 0;
	log->sync_hint = 0;
	log->recovering = NO_REGION;
	if (log->fd < 0)
		return 0;	/* memory has it all */

	r = load_from_device(log, word);
	if (!log->readable)
		memset(log->clean, 0, bitset_bytes(log->nr_regions));
	sync_from_clean(log);
	/* Marks of before the suspend are gone or stored, those of now follow. */
	memset(log->marked, 0, bitset_bytes(log->nr_regions));
	return r;
}

/* Recovery has stopped. With other nodes, one of them could have the region now. */
void testd_log_presuspend(struct testd_log *log)
{
	log->recovering = NO_REGION;
}

/* From here on the device may be another table's, whatever comes late. */
int testd_log_postsuspend(struct testd_log *log)
{
	int r = testd_log_flush(log);

	log->active = false;
	return r;
}

/*
 * A log that could not be read knows only what happened since; all else is dirty. It
 * must get to the device before another table reads that.
 */
int testd_log_flush(struct testd_log *log)
{
	__u64 recorded;

	if (log->fd < 0 || !log->active)
		return 0;
	if (!log->readable && read_log(log, &recorded))
		return -EIO;
	return write_device(log);
}

/*
 * Regions
 */

bool testd_log_has_region(const struct testd_log *log, __u64 region)
{
	return region < log->nr_regions;
}

bool testd_log_is_in_sync(const struct testd_log *log, __u64 region)
{
	return test_bit(log->in_sync, region);
}

bool testd_log_is_clean(const struct testd_log *log, __u64 region)
{
	return test_bit(log->clean, region);
}

static void update_clean(struct testd_log *log, __u64 region)
{
	assign_bit(log->clean, region,
		   test_bit(log->in_sync, region) && !test_bit(log->marked, region));
}

void testd_log_mark(struct testd_log *log, __u64 region)
{
	assign_bit(log->marked, region, true);
	update_clean(log, region);
}

/* Also sent for a region that was recovered and never marked. */
void testd_log_clear(struct testd_log *log, __u64 region)
{
	assign_bit(log->marked, region, false);
	update_clean(log, region);
}

void testd_log_set_sync(struct testd_log *log, __u64 region, bool in_sync)
{
	if (log->recovering == region)
		log->recovering = NO_REGION;
	if (test_bit(log->in_sync, region) != in_sync)
		log->sync_count += in_sync ? 1 : -1;
	assign_bit(log->in_sync, region, in_sync);
	/* What has become in sync becomes clean by its CLEAR_REGION, which follows. */
	if (!in_sync) {
		assign_bit(log->clean, region, false);
		if (log->sync_hint > region)
			log->sync_hint = region;
	}
}

/*
 * The kernel recovers one region at a time and asks when it has none. So one that
 * has been given out and not been heard of again is one whose answer was lost.
 *
 * A region that could not be recovered, or failed behind the cursor, has to wait
 * for the next RESUME, or a leg that is gone would keep everybody busy.
 */
bool testd_log_resync_work(struct testd_log *log, __u64 *region)
{
	if (log->recovering == NO_REGION) {
		while (log->cursor < log->nr_regions && test_bit(log->in_sync, log->cursor))
			log->cursor++;
		if (log->cursor == log->nr_regions)
			return false;
		log->recovering = log->cursor++;
	}
	*region = log->recovering;
	return true;
}

__u32 testd_log_region_sectors(const struct testd_log *log)
{
	return log->region_sectors;
}

__u64 testd_log_sync_count(const struct testd_log *log)
{
	return log->sync_count;
}

__u64 testd_log_sync_hint(struct testd_log *log)
{
	while (log->sync_hint < log->nr_regions && test_bit(log->in_sync, log->sync_hint))
		log->sync_hint++;
	return log->sync_hint;
}

const char *testd_log_device(const struct testd_log *log)
{
	return log->fd < 0 ? NULL : log->device;
}

int testd_log_status(const struct testd_log *log, char *text, size_t size)
{
	if (log->fd < 0)
		return snprintf(text, size, "1 testd-core");
	return snprintf(text, size, "3 testd-disk %s %c", log->device, log->failed ? 'D' : 'A');
}
