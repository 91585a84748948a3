// SPDX-License-Identifier: GPL-2.0
/*
 * Count what the kernel asks the daemon of a dirty log of type "userspace":
 *
 *	ulog-count UUID MILLISECONDS STAT-FILE
 *
 * It listens to the connector beside the daemon and answers nothing; it does not even
 * wake up for a message, but looks fifty times a second. Printed is,
 * for the time given, one line for every kind of request that came,
 *
 *	TYPE <tab> messages <tab> numbers of 64 bits in their payload
 *
 * and how long it really was ("us"; SIGTERM ends it early), how many writes the block
 * device counted in that time ("writes", from its STAT-FILE in sysfs), and how often
 * there was more than the socket could take ("lost"), which makes all this worthless.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <time.h>

#include <linux/connector.h>
#include <linux/dm-log-userspace.h>
#include <linux/netlink.h>

#define NR_TYPES	(DM_ULOG_IS_REMOTE_RECOVERING + 1)

static const char * const names[NR_TYPES] = {
	[0] = "unknown",
	[DM_ULOG_CTR] = "CTR",
	[DM_ULOG_DTR] = "DTR",
	[DM_ULOG_PRESUSPEND] = "PRESUSPEND",
	[DM_ULOG_POSTSUSPEND] = "POSTSUSPEND",
	[DM_ULOG_RESUME] = "RESUME",
	[DM_ULOG_GET_REGION_SIZE] = "GET_REGION_SIZE",
	[DM_ULOG_IS_CLEAN] = "IS_CLEAN",
	[DM_ULOG_IN_SYNC] = "IN_SYNC",
	[DM_ULOG_FLUSH] = "FLUSH",
	[DM_ULOG_MARK_REGION] = "MARK_REGION",
	[DM_ULOG_CLEAR_REGION] = "CLEAR_REGION",
	[DM_ULOG_GET_RESYNC_WORK] = "GET_RESYNC_WORK",
	[DM_ULOG_SET_REGION_SYNC] = "SET_REGION_SYNC",
	[DM_ULOG_GET_SYNC_COUNT] = "GET_SYNC_COUNT",
	[DM_ULOG_STATUS_INFO] = "STATUS_INFO",
	[DM_ULOG_STATUS_TABLE] = "STATUS_TABLE",
	[DM_ULOG_IS_REMOTE_RECOVERING] = "IS_REMOTE_RECOVERING",
};

static unsigned long long messages[NR_TYPES], numbers[NR_TYPES], lost;

static void die(const char *what)
{
	fprintf(stderr, "ulog-count: %s: %s\n", what, strerror(errno));
	exit(1);
}

static long long now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000LL + now.tv_nsec / 1000;
}

/* Writes completed: the fifth number (Documentation/block/stat.rst). */
static unsigned long long writes_of(const char *path)
{
	unsigned long long writes;
	FILE *f = fopen(path, "r");

	if (!f || fscanf(f, "%*u %*u %*u %*u %llu", &writes) != 1)
		die(path);
	fclose(f);
	return writes;
}

static int open_sigterm(void)
{
	sigset_t set;
	int fd;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	fd = sigprocmask(SIG_BLOCK, &set, NULL) ? -1 : signalfd(-1, &set, 0);
	if (fd < 0)
		die("signalfd");
	return fd;
}

static int open_socket(void)
{
	struct sockaddr_nl address = { .nl_family = AF_NETLINK };
	int group = CN_IDX_DM, size = 4 << 20;
	int fd = socket(AF_NETLINK, SOCK_DGRAM, NETLINK_CONNECTOR);

	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) ||
	    setsockopt(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof(group)))
		die("netlink connector");
	return fd;
}

/* Take one message. Return: false if there is none. */
static bool count_one(int fd, const char *uuid)
{
	const size_t headers = NLMSG_HDRLEN + sizeof(struct cn_msg);
	struct sockaddr_nl from = { };
	socklen_t from_size = sizeof(from);
	struct dm_ulog_request request;
	unsigned int type;
	char packet[4096];
	ssize_t n;

	n = recvfrom(fd, packet, sizeof(packet), MSG_DONTWAIT, (struct sockaddr *)&from,
		     &from_size);
	if (n < 0) {
		if (errno == ENOBUFS)
			lost++;
		else if (errno != EAGAIN && errno != EINTR)
			die("recvfrom");
		return errno != EAGAIN;
	}
	if (from.nl_pid || (size_t)n < headers + sizeof(request))
		return true;
	memcpy(&request, packet + headers, sizeof(request));
	if (strncmp(request.uuid, uuid, sizeof(request.uuid)))
		return true;
	type = DM_ULOG_REQUEST_TYPE(request.request_type);
	if (type >= NR_TYPES)
		type = 0;
	messages[type]++;
	numbers[type] += request.data_size / sizeof(__u64);
	return true;
}

/* All there are. Nobody asks while we have the CPU, or not for long. */
static void drain(int fd, const char *uuid)
{
	while (count_one(fd, uuid))
		;
}

int main(int argc, char **argv)
{
	unsigned long long writes;
	struct pollfd sigterm;
	long long start, end;
	unsigned int i;
	int fd, r;

	if (argc != 4) {
		fputs("Usage: ulog-count UUID MILLISECONDS STAT-FILE\n", stderr);
		return 2;
	}
	/* Who asks and who answers keep one CPU busy by themselves. */
	if (setpriority(PRIO_PROCESS, 0, -20))
		die("setpriority");
	sigterm = (struct pollfd){ .fd = open_sigterm(), .events = POLLIN };
	fd = open_socket();
	/* At both ends the messages are all taken just before the writes are read. */
	drain(fd, argv[1]);
	memset(messages, 0, sizeof(messages));
	memset(numbers, 0, sizeof(numbers));
	writes = writes_of(argv[3]);
	start = now_us();
	end = start + atoll(argv[2]) * 1000;
	do {
		r = poll(&sigterm, 1, 20);
		if (r < 0 && errno != EINTR)
			die("poll");
		drain(fd, argv[1]);
	} while (r <= 0 && now_us() < end);
	writes = writes_of(argv[3]) - writes;
	end = now_us();

	for (i = 0; i < NR_TYPES; i++)
		if (messages[i])
			printf("%s\t%llu\t%llu\n", names[i], messages[i], numbers[i]);
	printf("us\t%lld\t0\nwrites\t%llu\t0\nlost\t%llu\t0\n", end - start, writes, lost);
	return 0;
}
