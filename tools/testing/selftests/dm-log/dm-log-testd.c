// SPDX-License-Identifier: GPL-2.0
/*
 * A daemon for dirty logs of type "userspace": what the kernel asks over the
 * connector, see linux/dm-log-userspace.h, it answers. It keeps the log types
 *
 *	testd-core REGION-SIZE [sync|nosync]
 *	testd-disk DEVICE REGION-SIZE [sync|nosync]
 *
 * which are named in the table line behind the uuid:
 *
 *	0 4096 mirror userspace 4 UUID testd-core 128 nosync 2 /dev/a 0 /dev/b 0
 *
 * It is an example, complete but for other nodes, and the opposite number of the
 * selftests: with --control it makes mistakes to order.
 *
 * The mirror's writes wait for this process. So it must never need memory that is
 * to be had only by writing something out, perhaps to that mirror: it locks what it
 * has. And it must be running before the first mirror and until after the last.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <linux/netlink.h>
#include <linux/prctl.h>

#include "testd.h"

#define HEADER_BYTES	(NLMSG_HDRLEN + sizeof(struct cn_msg))

int testd_socket;
static int trace_fd = -1;
static int receive_buffer;

/*
 * Payloads
 *
 * A request begins at an offset that is not a multiple of 8, but it has been copied
 * by now. memcpy() because a char array may be read as anything, but not be anything.
 */

__u64 testd_get_u64(const struct dm_ulog_request *rq, unsigned int index)
{
	__u64 value;

	memcpy(&value, rq->data + index * sizeof(value), sizeof(value));
	return value;
}

void testd_put_u64(struct dm_ulog_request *rq, unsigned int index, __u64 value)
{
	memcpy(rq->data + index * sizeof(value), &value, sizeof(value));
	rq->data_size = (index + 1) * sizeof(value);
}

/*
 * Requests
 *
 * Each function gets an answer that has no payload yet, and returns its error. The
 * kernel may repeat a request whose answer got lost, so doing one twice must do no harm.
 */

struct exchange {
	struct testd_log *log;		/* NULL for CTR only */
	const struct dm_ulog_request *rq;
	struct dm_ulog_request *answer;
};

static int serve_ctr(struct exchange *x)
{
	const char *device;
	int r;

	r = testd_log_create(x->rq);
	if (r)
		return r;
	/* The kernel opens the log's device too, on behalf of the table. */
	device = testd_log_device(testd_log_find(x->rq));
	if (device) {
		x->answer->data_size = strlen(device) + 1;
		memcpy(x->answer->data, device, x->answer->data_size);
	}
	return 0;
}

static int serve_dtr(struct exchange *x)
{
	testd_log_destroy(x->log);
	return 0;
}

static int serve_presuspend(struct exchange *x)
{
	testd_log_presuspend(x->log);
	return 0;
}

static int serve_postsuspend(struct exchange *x)
{
	return testd_log_postsuspend(x->log);
}

static int serve_resume(struct exchange *x)
{
	return testd_log_resume(x->log);
}

static int serve_get_region_size(struct exchange *x)
{
	testd_put_u64(x->answer, 0, testd_log_region_sectors(x->log));
	return 0;
}

static int serve_is_clean(struct exchange *x)
{
	testd_put_u64(x->answer, 0, testd_log_is_clean(x->log, testd_get_u64(x->rq, 0)));
	return 0;
}

static int serve_in_sync(struct exchange *x)
{
	testd_put_u64(x->answer, 0, testd_log_is_in_sync(x->log, testd_get_u64(x->rq, 0)));
	return 0;
}

static int serve_mark(struct exchange *x)
{
	unsigned int i;

	for (i = 0; i < x->rq->data_size / sizeof(__u64); i++)
		testd_log_mark(x->log, testd_get_u64(x->rq, i));
	return 0;
}

/*
 * Nothing waits for a clear, so a short answer before it is done would do. It is on
 * the device after the next FLUSH only, at the latest POSTSUSPEND.
 */
static int serve_clear(struct exchange *x)
{
	unsigned int i;

	for (i = 0; i < x->rq->data_size / sizeof(__u64); i++)
		testd_log_clear(x->log, testd_get_u64(x->rq, i));
	return 0;
}

/* A log with integrated_flush brings its marks along. */
static int serve_flush(struct exchange *x)
{
	serve_mark(x);
	return testd_log_flush(x->log);
}

static int serve_get_resync_work(struct exchange *x)
{
	__u64 region = 0;
	bool work = testd_log_resync_work(x->log, &region);

	testd_put_u64(x->answer, 0, work);
	testd_put_u64(x->answer, 1, region);
	return 0;
}

static int serve_set_region_sync(struct exchange *x)
{
	testd_log_set_sync(x->log, testd_get_u64(x->rq, 0), testd_get_u64(x->rq, 1));
	return 0;
}

static int serve_get_sync_count(struct exchange *x)
{
	testd_put_u64(x->answer, 0, testd_log_sync_count(x->log));
	return 0;
}

static int serve_status(struct exchange *x)
{
	x->answer->data_size = testd_log_status(x->log, x->answer->data, TESTD_MAX_PAYLOAD) + 1;
	return 0;
}

/* Never, where there is one node. The hint spares the kernel more such questions. */
static int serve_is_remote_recovering(struct exchange *x)
{
	testd_put_u64(x->answer, 0, 0);
	testd_put_u64(x->answer, 1, testd_log_sync_hint(x->log));
	return 0;
}

/* What a request brings: nothing, text, regions, or one region with something behind it. */
enum payload { NOTHING, TEXT, REGIONS, REGION, REGION_AND_VALUE };

static const struct request_type {
	const char *name;
	enum payload payload;
	int (*serve)(struct exchange *x);
} request_types[DM_ULOG_IS_REMOTE_RECOVERING + 1] = {
	[DM_ULOG_CTR] = { "CTR", TEXT, serve_ctr },
	[DM_ULOG_DTR] = { "DTR", NOTHING, serve_dtr },
	[DM_ULOG_PRESUSPEND] = { "PRESUSPEND", NOTHING, serve_presuspend },
	[DM_ULOG_POSTSUSPEND] = { "POSTSUSPEND", NOTHING, serve_postsuspend },
	[DM_ULOG_RESUME] = { "RESUME", NOTHING, serve_resume },
	[DM_ULOG_GET_REGION_SIZE] = { "GET_REGION_SIZE", NOTHING, serve_get_region_size },
	[DM_ULOG_IS_CLEAN] = { "IS_CLEAN", REGION, serve_is_clean },
	[DM_ULOG_IN_SYNC] = { "IN_SYNC", REGION, serve_in_sync },
	[DM_ULOG_FLUSH] = { "FLUSH", REGIONS, serve_flush },
	[DM_ULOG_MARK_REGION] = { "MARK_REGION", REGIONS, serve_mark },
	[DM_ULOG_CLEAR_REGION] = { "CLEAR_REGION", REGIONS, serve_clear },
	[DM_ULOG_GET_RESYNC_WORK] = { "GET_RESYNC_WORK", NOTHING, serve_get_resync_work },
	[DM_ULOG_SET_REGION_SYNC] = { "SET_REGION_SYNC", REGION_AND_VALUE, serve_set_region_sync },
	[DM_ULOG_GET_SYNC_COUNT] = { "GET_SYNC_COUNT", NOTHING, serve_get_sync_count },
	[DM_ULOG_STATUS_INFO] = { "STATUS_INFO", NOTHING, serve_status },
	[DM_ULOG_STATUS_TABLE] = { "STATUS_TABLE", NOTHING, serve_status },
	[DM_ULOG_IS_REMOTE_RECOVERING] = { "IS_REMOTE_RECOVERING", REGION,
					   serve_is_remote_recovering },
};

static const struct request_type *type_of(const struct dm_ulog_request *rq)
{
	static const struct request_type unknown = { "UNKNOWN", NOTHING, NULL };
	unsigned int n = DM_ULOG_REQUEST_TYPE(rq->request_type);

	if (n > DM_ULOG_IS_REMOTE_RECOVERING || !request_types[n].name)
		return &unknown;
	return &request_types[n];
}

/* The kernel is not an enemy, but a region out of range would hit our own memory. */
static bool payload_is_valid(const struct testd_log *log, const struct dm_ulog_request *rq)
{
	unsigned int i, regions = 0;

	switch (type_of(rq)->payload) {
	case NOTHING:
	case TEXT:
		return true;
	case REGIONS:
		if (rq->data_size % sizeof(__u64))
			return false;
		regions = rq->data_size / sizeof(__u64);
		break;
	case REGION:
	case REGION_AND_VALUE:
		regions = 1;
		if (rq->data_size != (type_of(rq)->payload == REGION ? 8 : 16))
			return false;
		break;
	}
	for (i = 0; i < regions; i++)
		if (!testd_log_has_region(log, testd_get_u64(rq, i)))
			return false;
	return true;
}

static int serve(const struct dm_ulog_request *rq, struct dm_ulog_request *answer)
{
	const struct request_type *type = type_of(rq);
	struct exchange x = { testd_log_find(rq), rq, answer };

	if (!type->serve)
		return -EINVAL;
	/*
	 * Perhaps we have been restarted and the kernel will introduce this log by a
	 * CTR. Until then it is not known, which is different from out of sync.
	 */
	if (!x.log && type->serve != serve_ctr)
		return -EINVAL;
	if (!payload_is_valid(x.log, rq))
		return -EINVAL;
	return type->serve(&x);
}

/*
 * Trace: one line per message, written at once and as a whole, so that it tells what
 * happened up to a kill -9. An answer is traced before it is sent: what the kernel
 * does next comes later than the line.
 */

static void trace_line(const char *line, size_t length)
{
	if (trace_fd >= 0 && write(trace_fd, line, length) < 0)
		trace_fd = -1;
}

static size_t trace_time(char *line, size_t size)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return snprintf(line, size, "%lld.%06ld ", (long long)now.tv_sec, now.tv_nsec / 1000);
}

void testd_note(const char *format, ...)
{
	char line[512] = "# ";
	size_t length = 2;
	va_list args;

	length += trace_time(line + length, sizeof(line) - length);
	va_start(args, format);
	length += vsnprintf(line + length, sizeof(line) - length - 1, format, args);
	va_end(args);
	if (length > sizeof(line) - 2)
		length = sizeof(line) - 2;
	line[length++] = '\n';
	trace_line(line, length);
}

/* TIME ?|! TYPE SEQ LUID UUID DATA-SIZE ERROR [NUMBER...|TEXT] */
void testd_trace(char direction, const char *type, const struct dm_ulog_request *rq)
{
	unsigned int code = DM_ULOG_REQUEST_TYPE(rq->request_type);
	char line[2048];
	size_t length, i;

	length = trace_time(line, sizeof(line));
	length += snprintf(line + length, sizeof(line) - length, "%c %s %u %llx %s %u %d",
			   direction, type, rq->seq, rq->luid, rq->uuid, rq->data_size,
			   rq->error);
	if (code == DM_ULOG_CTR || code == DM_ULOG_STATUS_INFO)
		length += snprintf(line + length, sizeof(line) - length, " %.*s",
				   rq->data_size < 1024 ? (int)rq->data_size : 1024, rq->data);
	else
		for (i = 0; i < rq->data_size / 8 && i < 64; i++)
			length += snprintf(line + length, sizeof(line) - length, " %llu",
					   testd_get_u64(rq, i));
	line[length++] = '\n';
	trace_line(line, length);
}

/*
 * Connector
 */

int testd_open_socket(bool listen)
{
	struct sockaddr_nl address = { .nl_family = AF_NETLINK };
	int group = CN_IDX_DM;
	int fd;

	fd = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_CONNECTOR);
	if (fd < 0)
		return -1;
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) ||
	    /* The kernel doubles the number. FORCE, since the default may not be enough. */
	    (listen && receive_buffer &&
	     setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &receive_buffer,
			sizeof(receive_buffer))) ||
	    (listen && setsockopt(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group,
				  sizeof(group)))) {
		close(fd);
		return -1;
	}
	return fd;
}

int testd_send(int fd, __u32 seq, __u32 ack, const union testd_message *answer, size_t len)
{
	struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	static char packet[HEADER_BYTES + TESTD_MAX_MESSAGE];
	struct nlmsghdr nlh = {
		.nlmsg_len = HEADER_BYTES + len,
		.nlmsg_type = NLMSG_DONE,
	};
	struct cn_msg cn = {
		.id = { CN_IDX_DM, CN_VAL_DM_USERSPACE_LOG },
		.seq = seq,
		.ack = ack,
		.len = len,
	};

	memcpy(packet, &nlh, sizeof(nlh));
	memcpy(packet + NLMSG_HDRLEN, &cn, sizeof(cn));
	memcpy(packet + HEADER_BYTES, answer, len);
	return sendto(fd, packet, HEADER_BYTES + len, 0, (struct sockaddr *)&kernel,
		      sizeof(kernel)) < 0 ? -1 : 0;
}

/* One request, or false if there was none. */
static bool receive(union testd_message *request)
{
	static char packet[HEADER_BYTES + TESTD_MAX_MESSAGE];
	struct sockaddr_nl from;
	socklen_t from_size = sizeof(from);
	struct nlmsghdr nlh;
	struct cn_msg cn;
	ssize_t n;

	n = recvfrom(testd_socket, packet, sizeof(packet), MSG_DONTWAIT,
		     (struct sockaddr *)&from, &from_size);
	if (n < 0) {
		/* ENOBUFS: there was more than we could take. The kernel will repeat it. */
		if (errno != EAGAIN && errno != EINTR)
			testd_note("recvfrom: %s", strerror(errno));
		return false;
	}
	/* Anybody may send us something. */
	if (from_size < sizeof(from) || from.nl_pid != 0)
		return false;
	if ((size_t)n < HEADER_BYTES + sizeof(request->rq))
		return false;
	memcpy(&nlh, packet, sizeof(nlh));
	memcpy(&cn, packet + NLMSG_HDRLEN, sizeof(cn));
	if (nlh.nlmsg_type != NLMSG_DONE || cn.id.idx != CN_IDX_DM ||
	    cn.id.val != CN_VAL_DM_USERSPACE_LOG || cn.len < sizeof(request->rq) ||
	    HEADER_BYTES + cn.len > (size_t)n)
		return false;
	memcpy(request, packet + HEADER_BYTES, cn.len);
	request->rq.uuid[DM_UUID_LEN - 1] = 0;
	return request->rq.data_size <= cn.len - sizeof(request->rq);
}

static void handle_request(void)
{
	static union testd_message request, answer;
	const struct testd_fault *fault;
	const char *type;

	if (!receive(&request))
		return;
	type = type_of(&request.rq)->name;
	testd_trace('?', type, &request.rq);
	fault = testd_fault_for(&request.rq, type);

	answer.rq = request.rq;
	answer.rq.data_size = 0;
	if (testd_fault_serve(fault))
		answer.rq.error = serve(&request.rq, &answer.rq);
	if (answer.rq.error)
		answer.rq.data_size = 0;

	if (fault) {
		testd_fault_send(fault, &request.rq, &answer);
		return;
	}
	testd_trace('!', type, &answer.rq);
	if (testd_send(testd_socket, answer.rq.seq, 0, &answer,
		       sizeof(answer.rq) + answer.rq.data_size))
		testd_note("send: %s", strerror(errno));
}

/*
 * The program
 */

static void usage(void)
{
	fputs("Usage: dm-log-testd [--trace FILE] [--control FILE] [--rcvbuf BYTES]\n"
	      "  --trace    append one line for every request and every answer\n"
	      "  --control  mistakes to make, read now and at each SIGHUP, see testd-faults.c\n"
	      "  --rcvbuf   size of the socket's receive buffer\n", stderr);
	exit(2);
}

static void die(const char *what)
{
	fprintf(stderr, "dm-log-testd: %s: %s\n", what, strerror(errno));
	exit(1);
}

static int open_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	if (sigprocmask(SIG_BLOCK, &set, NULL))
		return -1;
	return signalfd(-1, &set, SFD_CLOEXEC);
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "trace", required_argument, NULL, 't' },
		{ "control", required_argument, NULL, 'c' },
		{ "rcvbuf", required_argument, NULL, 'r' },
		{ }
	};
	const char *control = NULL;
	struct signalfd_siginfo signal;
	struct pollfd fds[2];
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (option) {
		case 't':
			trace_fd = open(optarg, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
			if (trace_fd < 0)
				die(optarg);
			break;
		case 'c':
			control = optarg;
			break;
		case 'r':
			receive_buffer = atoi(optarg);
			break;
		default:
			usage();
		}
	}
	if (optind != argc)
		usage();

	if (mlockall(MCL_CURRENT | MCL_FUTURE))
		die("mlockall");
	/* Nor may the kernel's own memory for us wait for a mirror that waits for us. */
	if (prctl(PR_SET_IO_FLUSHER, 1, 0, 0, 0) && errno != EINVAL)
		die("PR_SET_IO_FLUSHER");
	fds[0] = (struct pollfd){ .fd = open_signals(), .events = POLLIN };
	if (fds[0].fd < 0)
		die("signals");
	testd_socket = testd_open_socket(true);
	if (testd_socket < 0)
		die("netlink connector");
	fds[1] = (struct pollfd){ .fd = testd_socket, .events = POLLIN };
	if (control)
		testd_faults_load(control);
	testd_note("ready, pid %d", getpid());

	for (;;) {
		/* An error of the socket is told by receive(), and ends nothing. */
		if (poll(fds, testd_faults_frozen() ? 1 : 2, testd_faults_timeout()) < 0 &&
		    errno != EINTR)
			die("poll");
		testd_faults_send_held(false);
		if (fds[1].revents && !testd_faults_frozen())
			handle_request();
		if (!fds[0].revents || read(fds[0].fd, &signal, sizeof(signal)) < 0)
			continue;
		if (signal.ssi_signo != SIGHUP)
			break;
		/* However late they were to be: a test waits for what it has seen enough of. */
		testd_faults_send_held(true);
		if (control)
			testd_faults_load(control);
	}
	testd_note("ends");
	return 0;
}
