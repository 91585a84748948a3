// SPDX-License-Identifier: GPL-2.0
/*
 * Mistakes to order, for tests of the kernel's side.
 *
 * The control file has one line for each, of words:
 *
 *	TYPE MISTAKE[=NUMBER]... [skip=N] [count=N] [uuid=UUID]
 *
 * TYPE is a request type's name, or * for all. The first line that fits a request is
 * used: from the one after N on, N times or for ever, for one log or for all. Without
 * "undone" the request is carried out as always and only the answer is wrong.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <linux/capability.h>

#include "testd.h"

enum mistake {
	UNDONE,		/* answer, but do not do it */
	EXIT,		/* end before it is done */
	EXIT_AFTER,	/* end after the answer */
	FREEZE,		/* no answer, and read no request until SIGHUP */
	DROP,		/* no answer */
	DELAY,		/* answer so many milliseconds late, others meanwhile */
	TWICE,		/* send the answer twice */
	CONTRADICT,	/* a second answer with another payload, or -EIO */
	SEQ,		/* add to the sequence number */
	LUID,		/* luid of the answer, 0 is legal */
	WRONG_LUID,
	WRONG_UUID,
	WRONG_TYPE,
	ERROR,		/* error of the answer, which then has no payload */
	VALUE,		/* first number of the payload */
	VALUE2,		/* second number of the payload */
	ECHO_BACK,	/* the request's payload as the answer's */
	NO_NUL,		/* payload without its last byte */
	SIZE,		/* payload made so long, or short */
	CLAIM,		/* data_size, whatever is there */
	LEN,		/* bytes behind cn_msg, 0: none at all, an acknowledgment */
	ACK,		/* nothing but cn_msg.ack */
	THEN_RIGHT,	/* the right answer so many milliseconds after the wrong one */
	SECOND_SOCKET,	/* answer from another socket */
	UNPRIVILEGED,	/* answer from a process without CAP_SYS_ADMIN */
	NR_MISTAKES
};

static const char * const mistake_names[NR_MISTAKES] = {
	[UNDONE] = "undone",
	[EXIT] = "exit",
	[EXIT_AFTER] = "exit-after",
	[FREEZE] = "freeze",
	[DROP] = "drop",
	[DELAY] = "delay",
	[TWICE] = "twice",
	[CONTRADICT] = "contradict",
	[SEQ] = "seq",
	[LUID] = "luid",
	[WRONG_LUID] = "wrong-luid",
	[WRONG_UUID] = "wrong-uuid",
	[WRONG_TYPE] = "wrong-type",
	[ERROR] = "error",
	[VALUE] = "value",
	[VALUE2] = "value2",
	[ECHO_BACK] = "echo",
	[NO_NUL] = "no-nul",
	[SIZE] = "size",
	[CLAIM] = "claim",
	[LEN] = "len",
	[ACK] = "ack",
	[THEN_RIGHT] = "then-right",
	[SECOND_SOCKET] = "second-socket",
	[UNPRIVILEGED] = "unprivileged",
};

struct testd_fault {
	struct testd_fault *next;
	char type[32];
	char uuid[DM_UUID_LEN];
	long long skip;
	long long count;	/* negative: for ever */
	bool has[NR_MISTAKES];
	long long number[NR_MISTAKES];
};

static struct testd_fault *faults;
static bool frozen;

/* An answer that is held back. */
struct held {
	struct held *next;
	struct testd_fault fault;
	long long due;		/* milliseconds */
	__u32 seq;
	__u32 ack;
	size_t len;
	union testd_message answer;
};

static struct held *held;

static long long now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

/*
 * The control file
 */

static bool parse_word(struct testd_fault *fault, char *word)
{
	char *value = strchr(word, '=');
	unsigned int m;

	if (value)
		*value++ = 0;
	if (value && !strcmp(word, "uuid")) {
		snprintf(fault->uuid, sizeof(fault->uuid), "%s", value);
	} else if (value && !strcmp(word, "skip")) {
		fault->skip = atoll(value);
	} else if (value && !strcmp(word, "count")) {
		fault->count = atoll(value);
	} else {
		for (m = 0; m < NR_MISTAKES && strcmp(word, mistake_names[m]); m++)
			;
		if (m == NR_MISTAKES)
			return false;
		fault->has[m] = true;
		fault->number[m] = value ? (long long)strtoull(value, NULL, 0) : 0;
	}
	return true;
}

static struct testd_fault *parse_line(char *line)
{
	struct testd_fault *fault;
	char *save, *word = strtok_r(line, " \t\n", &save);

	if (!word || *word == '#')
		return NULL;
	fault = calloc(1, sizeof(*fault));
	if (!fault)
		return NULL;
	snprintf(fault->type, sizeof(fault->type), "%s", word);
	fault->count = -1;
	while ((word = strtok_r(NULL, " \t\n", &save))) {
		if (parse_word(fault, word))
			continue;
		fprintf(stderr, "dm-log-testd: no such mistake: %s\n", word);
		exit(2);
	}
	return fault;
}

void testd_faults_load(const char *path)
{
	struct testd_fault *fault, **link = &faults;
	unsigned int n = 0;
	char line[512];
	FILE *f;

	while (faults) {
		fault = faults;
		faults = fault->next;
		free(fault);
	}
	frozen = false;
	f = fopen(path, "re");
	if (f) {
		while (fgets(line, sizeof(line), f)) {
			fault = parse_line(line);
			if (!fault)
				continue;
			*link = fault;
			link = &fault->next;
			n++;
		}
		fclose(f);
	}
	testd_note("control: %u mistakes to make", n);
}

const struct testd_fault *testd_fault_for(const struct dm_ulog_request *rq, const char *type)
{
	struct testd_fault *fault;

	for (fault = faults; fault; fault = fault->next) {
		if (strcmp(fault->type, "*") && strcmp(fault->type, type))
			continue;
		if (*fault->uuid && strcmp(fault->uuid, rq->uuid))
			continue;
		if (!fault->count)
			continue;
		if (fault->skip) {
			fault->skip--;
			continue;
		}
		if (fault->count > 0)
			fault->count--;
		return fault;
	}
	return NULL;
}

bool testd_fault_serve(const struct testd_fault *fault)
{
	if (!fault)
		return true;
	if (fault->has[EXIT]) {
		testd_note("exits");
		_exit(0);
	}
	return !fault->has[UNDONE];
}

bool testd_faults_frozen(void)
{
	return frozen;
}

/*
 * Sending
 */

/* Without libcap; the child's capability is what the kernel looks at. */
static void send_unprivileged(const struct held *h)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = { };
	pid_t child = fork();

	if (!child)
		_exit(syscall(SYS_capset, &header, data) ||
		      testd_send(testd_socket, h->seq, h->ack, &h->answer, h->len));
	if (child > 0)
		waitpid(child, NULL, 0);
}

static void transmit(const struct held *h)
{
	static int second = -1;
	int fd = testd_socket;

	if (h->fault.has[UNPRIVILEGED]) {
		send_unprivileged(h);
		return;
	}
	if (h->fault.has[SECOND_SOCKET]) {
		/* Not closed again: to the kernel that would be a daemon that ends. */
		if (second < 0)
			second = testd_open_socket(false);
		fd = second;
	}
	if (testd_send(fd, h->seq, h->ack, &h->answer, h->len))
		testd_note("send: %s", strerror(errno));
}

/* Hold it back for so many milliseconds. */
static void hold(struct held *h, long long ms)
{
	h->due = now_ms() + ms;
	h->next = held;
	held = h;
}

static void transmit_all(struct held *h)
{
	transmit(h);
	if (h->fault.has[TWICE])
		transmit(h);
	if (!h->fault.has[CONTRADICT])
		return;
	if (h->answer.rq.data_size)
		h->answer.rq.data[0] ^= 1;
	else
		h->answer.rq.error = -EIO;
	transmit(h);
}

int testd_faults_timeout(void)
{
	long long first = -1;
	struct held *h;

	for (h = held; h; h = h->next)
		if (first < 0 || h->due < first)
			first = h->due;
	if (first < 0)
		return -1;
	return first > now_ms() ? (int)(first - now_ms()) : 0;
}

void testd_faults_send_held(bool all)
{
	struct held **link = &held, *h;

	while ((h = *link)) {
		if (!all && h->due > now_ms()) {
			link = &h->next;
			continue;
		}
		*link = h->next;
		testd_note("sends late answer %u", h->seq);
		transmit_all(h);
		free(h);
	}
}

/* Make the answer wrong, and return the number of bytes behind cn_msg. */
static size_t spoil(const struct testd_fault *fault, const struct dm_ulog_request *rq,
		    struct dm_ulog_request *answer)
{
	const long long *number = fault->number;
	const bool *has = fault->has;
	size_t payload;

	if (has[SEQ])
		answer->seq += number[SEQ];
	if (has[LUID])
		answer->luid = number[LUID];
	if (has[WRONG_LUID])
		answer->luid++;
	if (has[WRONG_UUID])
		answer->uuid[0] ^= 1;
	if (has[WRONG_TYPE])
		answer->request_type ^= 1;
	if (has[ERROR]) {
		answer->error = number[ERROR];
		answer->data_size = 0;
	}
	if (has[ECHO_BACK]) {
		memcpy(answer->data, rq->data, rq->data_size);
		answer->data_size = rq->data_size;
	}
	payload = answer->data_size;
	if (has[VALUE]) {
		testd_put_u64(answer, 0, number[VALUE]);
		payload = payload > 8 ? payload : 8;
	}
	if (has[VALUE2]) {
		testd_put_u64(answer, 1, number[VALUE2]);
		payload = payload > 16 ? payload : 16;
	}
	if (has[NO_NUL] && payload)
		payload--;
	if (has[SIZE]) {
		size_t size = number[SIZE];

		if (size > TESTD_MAX_PAYLOAD)
			size = TESTD_MAX_PAYLOAD;
		if (size > payload)
			memset(answer->data + payload, 'A', size - payload);
		payload = size;
	}
	answer->data_size = has[CLAIM] ? number[CLAIM] : (long long)payload;
	if (has[ACK])
		return 0;
	return has[LEN] ? (size_t)number[LEN] : sizeof(*answer) + payload;
}

void testd_fault_send(const struct testd_fault *fault, const struct dm_ulog_request *rq,
		      union testd_message *answer)
{
	struct held *h, *right;

	if (fault->has[FREEZE])
		frozen = true;
	if (fault->has[DROP] || fault->has[FREEZE]) {
		testd_note("no answer to %s %u", fault->type, rq->seq);
		return;
	}
	h = calloc(1, sizeof(*h));
	right = calloc(1, sizeof(*right));
	if (!h || !right)
		_exit(1);
	right->answer = *answer;
	right->seq = answer->rq.seq;
	right->len = sizeof(answer->rq) + answer->rq.data_size;

	h->fault = *fault;
	h->len = spoil(fault, rq, &answer->rq);
	h->seq = answer->rq.seq;
	h->ack = fault->has[ACK] ? fault->number[ACK] : 0;
	h->answer = *answer;
	/* "x", so that nobody takes it for an answer. */
	testd_trace('x', fault->type, &answer->rq);
	if (fault->has[DELAY]) {
		hold(h, fault->number[DELAY]);
	} else {
		transmit_all(h);
		free(h);
	}
	if (fault->has[THEN_RIGHT])
		hold(right, fault->number[THEN_RIGHT]);
	else
		free(right);
	if (fault->has[EXIT_AFTER]) {
		testd_note("exits");
		_exit(0);
	}
}
