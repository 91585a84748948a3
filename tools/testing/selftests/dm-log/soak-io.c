// SPDX-License-Identifier: GPL-2.0
/*
 * Writes whose fate is known after a power cut.
 *
 *	soak-io write DEVICE ACKS FIRST BLOCKS SEED	write at random, for ever
 *	soak-io verify ACKS FIRST BLOCKS DEVICE...	is all there that was acknowledged?
 *
 * Blocks have 4 KiB; FIRST and BLOCKS say which ones of DEVICE are used. Every sector
 * of a block says which sector it is, and of which generation. When a write is over,
 * its generation is written to ACKS, a device with one sector for each block, before
 * the block is written again. So a block must never be older than ACKS says. It may
 * be newer: a write that was under way when the power went.
 *
 * Writes may fail, and then may be there or not.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/types.h>

#define SECTOR		512
#define BLOCK		4096
#define SECTORS		(BLOCK / SECTOR)
#define WRITERS		8
#define WINDOW		64	/* blocks that a writer writes to ... */
#define WINDOW_WRITES	500	/* ... so many times, before it moves on */
#define MAGIC		0x6b616f732d676f6cULL

/* Of the machine that writes; no other one reads it. */
struct sector {
	__u64 magic;
	__u64 block;
	__u64 index;
	__u64 generation;
	__u64 writes;	/* in ACKS: how many have been acknowledged */
	char rest[SECTOR - 5 * sizeof(__u64)];
};

static __u64 first, blocks;

static void die(const char *what)
{
	fprintf(stderr, "soak-io: %s: %s\n", what, strerror(errno));
	exit(2);
}

static __u64 number(const char *what, const char *text)
{
	unsigned long long value;
	char *end;

	errno = 0;
	value = strtoull(text, &end, 10);
	if (errno || end == text || *end) {
		fprintf(stderr, "soak-io: %s is '%s', expected a decimal value\n", what, text);
		exit(2);
	}
	return value;
}

/* Past the page cache: what is acknowledged is what the device has. */
static int open_device(const char *path, int flags)
{
	int fd = open(path, flags | O_DIRECT | O_CLOEXEC);

	if (fd < 0)
		die(path);
	return fd;
}

static void *buffer(size_t bytes)
{
	void *p = aligned_alloc(BLOCK, bytes);

	if (!p)
		die("memory");
	memset(p, 0, bytes);
	return p;
}

static struct sector *read_acks(int fd)
{
	size_t bytes = blocks * sizeof(struct sector);
	struct sector *acks = buffer((bytes + BLOCK - 1) / BLOCK * BLOCK);

	if (pread(fd, acks, bytes, 0) != (ssize_t)bytes)
		die("reading the acknowledgments");
	return acks;
}

/*
 * Write
 */

static void fill(struct sector *data, __u64 block, __u64 generation)
{
	int i;

	for (i = 0; i < SECTORS; i++) {
		data[i].magic = MAGIC;
		data[i].block = block;
		data[i].index = i;
		data[i].generation = generation;
		memset(data[i].rest, 'a' + generation % 26, sizeof(data[i].rest));
	}
}

/* The block's generation on the device, which may be more than was acknowledged. */
static __u64 generation_there(int fd, struct sector *data, __u64 block)
{
	__u64 generation = 0;
	int i;

	if (pread(fd, data, BLOCK, block * BLOCK) != BLOCK)
		return 0;
	for (i = 0; i < SECTORS; i++)
		if (data[i].magic == MAGIC && data[i].generation > generation)
			generation = data[i].generation;
	return generation;
}

static void write_for_ever(const char *device, const char *acks_device, unsigned int writer,
			   unsigned int seed)
{
	int fd = open_device(device, O_RDWR), acks_fd = open_device(acks_device, O_RDWR);
	struct sector *acks = read_acks(acks_fd), *data = buffer(BLOCK), *ack = buffer(BLOCK);
	__u64 *generations = buffer((blocks + 1) * sizeof(*generations) / BLOCK * BLOCK + BLOCK);
	__u64 i, window = 0;
	unsigned int n;

	srandom(seed * WRITERS + writer);
	for (n = 0; ; n++) {
		/* Now here, now there, so that regions are hot and then idle. */
		if (n % WINDOW_WRITES == 0)
			window = random() % blocks;
		/* Of each block there is one writer. */
		i = (window + random() % WINDOW) % blocks / WRITERS * WRITERS + writer;
		if (i >= blocks)
			continue;
		if (!generations[i]) {
			generations[i] = generation_there(fd, data, first + i);
			if (generations[i] < acks[i].generation)
				generations[i] = acks[i].generation;
		}
		fill(data, first + i, ++generations[i]);
		if (pwrite(fd, data, BLOCK, (first + i) * BLOCK) != BLOCK) {
			usleep(10000);
			continue;
		}
		acks[i].magic = MAGIC;
		acks[i].block = first + i;
		acks[i].generation = generations[i];
		acks[i].writes++;
		*ack = acks[i];
		if (pwrite(acks_fd, ack, SECTOR, i * SECTOR) != SECTOR)
			die("writing an acknowledgment");
	}
}

static int writers(const char *device, const char *acks, unsigned int seed)
{
	unsigned int i;
	pid_t pid;

	for (i = 0; i < WRITERS; i++) {
		pid = fork();
		if (pid < 0)
			die("fork");
		if (!pid) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			write_for_ever(device, acks, i, seed);
		}
	}
	/* None of them ends but by mistake. */
	wait(NULL);
	return 2;
}

/*
 * Verify
 */

static int verify_block(const char *device, const struct sector *ack, const struct sector *data)
{
	int i;

	for (i = 0; i < SECTORS; i++) {
		if (data[i].magic != MAGIC || data[i].block != ack->block ||
		    data[i].index != (__u64)i) {
			printf("# %s: sector %d of block %llu is not what was written there\n",
			       device, i, (unsigned long long)ack->block);
			return 1;
		}
		if (data[i].generation < ack->generation) {
			printf("# %s: sector %d of block %llu: generation %llu, expected %llu\n",
			       device, i, (unsigned long long)ack->block,
			       (unsigned long long)data[i].generation,
			       (unsigned long long)ack->generation);
			return 1;
		}
	}
	return 0;
}

static int verify(const char *device, const struct sector *acks)
{
	int fd = open_device(device, O_RDONLY), lost = 0;
	struct sector *data = buffer(BLOCK);
	__u64 i;

	for (i = 0; i < blocks; i++) {
		if (acks[i].magic != MAGIC)
			continue;
		if (pread(fd, data, BLOCK, (first + i) * BLOCK) != BLOCK)
			die(device);
		lost += verify_block(device, &acks[i], data);
	}
	close(fd);
	free(data);
	return lost;
}

static int verify_all(const char *acks_device, char **devices)
{
	struct sector *acks = read_acks(open_device(acks_device, O_RDONLY));
	unsigned long long writes = 0, lost = 0;
	__u64 i;

	for (; *devices; devices++)
		lost += verify(*devices, acks);
	for (i = 0; i < blocks; i++)
		writes += acks[i].writes;
	printf("@acknowledged %llu\n@lost %llu\n", writes, lost);
	return lost > 0;
}

static void usage(void)
{
	fputs("Usage: soak-io write DEVICE ACKS FIRST BLOCKS SEED\n"
	      "       soak-io verify ACKS FIRST BLOCKS DEVICE...\n", stderr);
	exit(2);
}

int main(int argc, char **argv)
{
	if (argc == 7 && !strcmp(argv[1], "write")) {
		first = number("FIRST", argv[4]);
		blocks = number("BLOCKS", argv[5]);
		return writers(argv[2], argv[3], number("SEED", argv[6]));
	}
	if (argc >= 6 && !strcmp(argv[1], "verify")) {
		first = number("FIRST", argv[3]);
		blocks = number("BLOCKS", argv[4]);
		return verify_all(argv[2], argv + 5);
	}
	usage();
}
