// SPDX-License-Identifier: GPL-2.0
/*
 * Make the disk that a power cut would have left, from what the device-mapper target
 * log-writes recorded. See Documentation/admin-guide/device-mapper/log-writes.rst.
 *
 *   log-writes-replay list LOG
 *	One line for each entry: NUMBER SECTOR SECTORS FLAGS [MARK]
 *
 *   log-writes-replay cut LOG BASE FROM ENTRY DISK [SEED]
 *	BASE is an image with what the disk had before the recording and all entries
 *	before the position FROM ("0:1" for none); DISK becomes the disk after ENTRY.
 *
 *	With a SEED, ENTRY is a flush, and the power fails just before it ends: of the
 *	writes that it was to make durable a random part is on the disk.
 *
 *	Prints the position that BASE has then, how many writes this flush was for, and
 *	how many of them are on DISK.
 *
 * The target notes a write when the flush behind it has ended, so all that is before an
 * entry is on the disk. It notes FUA writes at once: one may come before an older write
 * to the same sector that was still in the cache. That cannot be told from a younger one,
 * so "list" refuses a recording with any. A mark "quiet" says that all is on the disk.
 */

#include <assert.h>
#include <endian.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <linux/types.h>

#define SECTOR		512
#define MAX_SECTORS	0x1000000U	/* of the disk that was recorded */
#define MAGIC		0x6a736677736872ULL
#define VERSION		1

#define FLUSH		0x01
#define FUA		0x02
#define DISCARD		0x04
#define MARK		0x08
#define METADATA	0x10
#define KNOWN_FLAGS	(FLUSH | FUA | DISCARD | MARK | METADATA)

struct super_disk {
	__u64 magic;
	__u64 version;
	__u64 nr_entries;
	__u32 sector_bytes;
};

struct entry_disk {
	__u64 sector;
	__u64 nr_sectors;
	__u64 flags;
	__u64 data_bytes;
	char mark[SECTOR - 32];
};

static_assert(sizeof(struct entry_disk) == SECTOR, "an entry is one sector");

/* Where an entry is in the log: the how manyth, and its sector. */
struct position {
	__u64 entry;
	__u64 sector;
};

struct entry {
	struct position pos;
	__u64 sector, nr_sectors, flags;
	char mark[SECTOR - 32 + 1];
};

struct log {
	const char *name;
	int fd;
	__u64 nr_sectors;
	__u64 nr_entries;
};

struct image {
	const char *name;
	int fd;
	__u64 nr_sectors;
};

/* No image is mapped: in User-Mode Linux a page fault costs more than a page. */
static __u8 buffer[256 * 1024], old[sizeof(buffer)];

static void read_at(const char *name, int fd, void *data, __u64 at, size_t bytes)
{
	size_t done;
	ssize_t n;

	for (done = 0; done < bytes; done += n) {
		n = pread(fd, (char *)data + done, bytes - done, (off_t)(at + done));
		if (n <= 0)
			errx(1, "%s: cannot read at byte %llu: %s", name, at + done,
			     n ? strerror(errno) : "it ends before");
	}
}

static void write_at(const struct image *image, const void *data, __u64 at, size_t bytes)
{
	size_t done;
	ssize_t n;

	for (done = 0; done < bytes; done += n) {
		n = pwrite(image->fd, (const char *)data + done, bytes - done, (off_t)(at + done));
		if (n <= 0)
			errx(1, "%s: cannot write at byte %llu: %s", image->name, at + done,
			     strerror(errno));
	}
}

static struct log open_log(const char *name)
{
	union {
		struct super_disk super;
		char sector[SECTOR];
	} u;
	struct log log = { .name = name };
	off_t size;

	log.fd = open(name, O_RDONLY);
	size = log.fd < 0 ? -1 : lseek(log.fd, 0, SEEK_END);
	if (size < 0)
		errx(1, "%s: %s", name, strerror(errno));
	log.nr_sectors = size / SECTOR;

	read_at(name, log.fd, &u, 0, SECTOR);
	if (le64toh(u.super.magic) != MAGIC)
		errx(1, "%s: not a recording of log-writes: magic %#llx, expected %#llx", name,
		     (__u64)le64toh(u.super.magic), MAGIC);
	if (le64toh(u.super.version) != VERSION)
		errx(1, "%s: version %llu, expected %u", name, (__u64)le64toh(u.super.version),
		     VERSION);
	if (le32toh(u.super.sector_bytes) != SECTOR)
		errx(1, "%s: sectors of %u bytes, expected %u", name, le32toh(u.super.sector_bytes),
		     SECTOR);
	log.nr_entries = le64toh(u.super.nr_entries);
	return log;
}

static struct position read_entry(const struct log *log, struct position pos, struct entry *e)
{
	struct position next = { .entry = pos.entry + 1, .sector = pos.sector + 1 };
	struct entry_disk disk;
	__u64 data_bytes;

	if (pos.sector >= log->nr_sectors)
		errx(1, "%s: entry %llu is behind the end", log->name, pos.entry);
	read_at(log->name, log->fd, &disk, pos.sector * SECTOR, SECTOR);

	e->pos = pos;
	e->sector = le64toh(disk.sector);
	e->nr_sectors = le64toh(disk.nr_sectors);
	e->flags = le64toh(disk.flags);
	data_bytes = le64toh(disk.data_bytes);

	if (e->flags & ~(__u64)KNOWN_FLAGS)
		errx(1, "%s: entry %llu has flags %#llx, expected none but %#x", log->name,
		     pos.entry, e->flags, KNOWN_FLAGS);
	if (data_bytes > (e->flags & MARK ? sizeof(disk.mark) : 0))
		errx(1, "%s: entry %llu has %llu bytes of its own, expected at most %zu",
		     log->name, pos.entry, data_bytes, sizeof(disk.mark));
	memcpy(e->mark, disk.mark, data_bytes);
	e->mark[data_bytes] = '\0';

	/* A discard has no data behind it. */
	if (!(e->flags & DISCARD)) {
		if (e->nr_sectors > log->nr_sectors - next.sector)
			errx(1, "%s: entry %llu with %llu sectors passes the end",
			     log->name, pos.entry, e->nr_sectors);
		next.sector += e->nr_sectors;
	}
	return next;
}

static bool is_plain_write(const struct entry *e)
{
	return !(e->flags & (FLUSH | FUA | MARK));
}

static struct image open_image(const char *name)
{
	struct image image = { .name = name };
	struct stat st;

	image.fd = open(name, O_RDWR);
	if (image.fd < 0 || fstat(image.fd, &st))
		errx(1, "%s: %s", name, strerror(errno));
	image.nr_sectors = st.st_size / SECTOR;
	return image;
}

static size_t piece(__u64 at, __u64 end)
{
	return end - at < sizeof(buffer) ? end - at : sizeof(buffer);
}

/* Write only what differs: most of it does not, from one power cut to the next. */
static void copy(const struct image *from, const struct image *to)
{
	__u64 at, end = from->nr_sectors * SECTOR;
	size_t bytes, i, block = 4096;

	for (at = 0; at < end; at += bytes) {
		bytes = piece(at, end);
		read_at(from->name, from->fd, buffer, at, bytes);
		read_at(to->name, to->fd, old, at, bytes);
		for (i = 0; i < bytes; i += block) {
			if (block > bytes - i)
				block = bytes - i;
			if (memcmp(buffer + i, old + i, block))
				write_at(to, buffer + i, at + i, block);
		}
	}
}

static void apply(const struct log *log, const struct entry *e, const struct image *image)
{
	__u64 at = 0, end = e->nr_sectors * SECTOR, data = (e->pos.sector + 1) * SECTOR;
	size_t bytes;

	if (e->sector > image->nr_sectors || e->nr_sectors > image->nr_sectors - e->sector)
		errx(1, "%s: entry %llu writes %llu sectors at %llu of %s, which has %llu",
		     log->name, e->pos.entry, e->nr_sectors, e->sector, image->name,
		     image->nr_sectors);
	for (; at < end; at += bytes) {
		bytes = piece(at, end);
		if (e->flags & DISCARD)
			memset(buffer, 0, bytes);
		else
			read_at(log->name, log->fd, buffer, data + at, bytes);
		write_at(image, buffer, e->sector * SECTOR + at, bytes);
	}
}

/* splitmix64: good from the first number on, whatever the seed */
static __u64 next_random(__u64 *state)
{
	__u64 z = *state += 0x9e3779b97f4a7c15ULL;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
	return z ^ z >> 31;
}

/*
 * Remember, sector by sector, how many flushes were noted before the last FUA write. A
 * write noted much later was not in the cache then: few flushes run at a time.
 */
#define MANY_FLUSHES	8

static void check_order(const struct log *log, const struct entry *e)
{
	static __u64 *fua, nr_sectors, flushes = MANY_FLUSHES + 1;
	__u64 i, end = e->sector + e->nr_sectors;

	if (e->flags & MARK) {
		if (!strcmp(e->mark, "quiet"))
			flushes += MANY_FLUSHES;
		return;
	}
	if (end > MAX_SECTORS || end < e->sector)
		errx(1, "%s: entry %llu ends at sector %llu, expected at most %u",
		     log->name, e->pos.entry, end, MAX_SECTORS);
	if (end > nr_sectors) {
		fua = realloc(fua, end * sizeof(*fua));
		if (!fua)
			errx(1, "no memory");
		memset(fua + nr_sectors, 0, (end - nr_sectors) * sizeof(*fua));
		nr_sectors = end;
	}
	for (i = e->sector; i < end; i++) {
		if (e->flags & FUA)
			fua[i] = flushes;
		else if (fua[i] + MANY_FLUSHES > flushes)
			errx(1, "%s: entry %llu may be older than FUA before it to sector %llu",
			     log->name, e->pos.entry, i);
	}
	flushes += !!(e->flags & FLUSH);
}

static int list(const struct log *log)
{
	static const char names[] = "FUDMm";	/* flush, FUA, discard, mark, metadata */
	struct position pos = { .sector = 1 };
	struct entry e;
	int i;

	while (pos.entry < log->nr_entries) {
		pos = read_entry(log, pos, &e);
		check_order(log, &e);
		printf("%llu %llu %llu ", e.pos.entry, e.sector, e.nr_sectors);
		putchar('-');
		for (i = 0; names[i]; i++)
			if (e.flags >> i & 1)
				putchar(names[i]);
		printf("%s%s\n", *e.mark ? " " : "", e.mark);
	}
	return 0;
}

/* Where the writes begin that were in the cache when this flush began. */
static struct position flushed_from(const struct log *log, struct position pos, __u64 last)
{
	struct position start = pos;
	struct entry e;

	while (pos.entry < last) {
		pos = read_entry(log, pos, &e);
		if (!is_plain_write(&e))
			start = pos;
	}
	read_entry(log, pos, &e);
	if (!(e.flags & FLUSH))
		errx(1, "%s: entry %llu is no flush", log->name, last);
	return start;
}

static struct position apply_until(const struct log *log, struct position pos, __u64 end,
				   const struct image *image)
{
	struct entry e;

	while (pos.entry < end) {
		pos = read_entry(log, pos, &e);
		apply(log, &e, image);
	}
	return pos;
}

static int cut(const struct log *log, const struct image *base, struct position from,
	       __u64 last, const struct image *disk, const char *seed)
{
	unsigned int nr_cached = 0, nr_kept = 0;
	struct position pos, end = { .entry = last + 1 };
	__u64 random;
	struct entry e;

	if (last >= log->nr_entries || from.entry > last + 1)
		errx(1, "%s: no entry %llu between %llu and %llu", log->name, last,
		     from.entry, log->nr_entries);
	if (disk->nr_sectors != base->nr_sectors)
		errx(1, "%s has %llu sectors, expected %llu as in %s", disk->name,
		     disk->nr_sectors, base->nr_sectors, base->name);

	if (seed)
		end = flushed_from(log, from, last);
	end = apply_until(log, from, end.entry, base);
	copy(base, disk);

	if (seed) {
		random = strtoull(seed, NULL, 10);
		for (pos = end; pos.entry < last; ) {
			pos = read_entry(log, pos, &e);
			nr_cached++;
			if (next_random(&random) & 1)
				continue;
			apply(log, &e, disk);
			nr_kept++;
		}
	}
	printf("%llu:%llu %u %u\n", end.entry, end.sector, nr_cached, nr_kept);
	return 0;
}

int main(int argc, char **argv)
{
	struct image base, disk;
	struct position from;
	struct log log;

	if (argc == 3 && !strcmp(argv[1], "list")) {
		log = open_log(argv[2]);
		return list(&log);
	}
	if ((argc == 7 || argc == 8) && !strcmp(argv[1], "cut")) {
		log = open_log(argv[2]);
		base = open_image(argv[3]);
		if (sscanf(argv[4], "%llu:%llu", &from.entry, &from.sector) != 2)
			errx(1, "'%s' is no position: expected ENTRY:SECTOR", argv[4]);
		disk = open_image(argv[6]);
		return cut(&log, &base, from, strtoull(argv[5], NULL, 10), &disk,
			   argc == 8 ? argv[7] : NULL);
	}
	fputs("usage: log-writes-replay list LOG\n"
	      "       log-writes-replay cut LOG BASE FROM ENTRY DISK [SEED]\n", stderr);
	return 2;
}
