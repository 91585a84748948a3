// SPDX-License-Identifier: GPL-2.0-only
/*
 * What cmirrord finds around it. See cmirrord.h.
 *
 * Functions of the C library which a daemon calls are called host_ and their name here; the
 * Makefile says which.
 */

#include <corosync/cpg.h>
#include <dlfcn.h>
#include <errno.h>
#include <linux/connector.h>
#include <linux/dm-log-userspace.h>
#include <linux/netlink.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/types.h>
#include <syslog.h>
#include <time.h>

#include "cmirrord.h"

#define NO_NODE		CMIRRORD_NODES
#define SOCKET_FD	100
#define DISK_FD		200
#define NR_MEMBERS	16
#define MAX_MESSAGE	4096

/* Something in the order of the cluster, on its way to a member */
struct event {
	struct event *next;
	bool is_message;
	uint32_t node;
	uint32_t pid;
	size_t bytes;
	struct cpg_address left;
	struct cpg_address joined;
	bool is_join;
	unsigned int nr_members;
	struct cpg_address member[NR_MEMBERS];
	char message[];
};

/* A connection of a daemon to the cluster, which is there for one log */
struct member {
	cpg_handle_t handle;	/* 0: unused */
	unsigned int node;
	bool joined;
	struct cpg_name name;
	cpg_callbacks_t callbacks;
	struct event *first;
	struct event **last;
};

struct daemon {
	void *object;
	const struct cmirrord_inside *inside;
	uint32_t pid;
	int (*local_work)(void *data);
	int (*cluster_work)(void *data);
	void **memory;
	size_t nr_memory;
	size_t max_memory;
};

bool cmirrord_verbose;

static const struct cmirrord_world *world;
static const char *folder;
static struct daemon daemons[CMIRRORD_NODES];
static struct member members[NR_MEMBERS];
static unsigned int current = NO_NODE;
static uint32_t turn;

/* The kernel's request, and what was said to it */
static struct {
	char bytes[2048];
	size_t length;
} question;

static struct {
	uint32_t seq;
	bool answered;
	int error;
	char data[1024];
	size_t length;
} answer;

static void give_up(const char *why)
{
	printf("Bail out! %s (node %u)\n", why, current);
	fflush(stdout);
	abort();
}

static struct daemon *running(void)
{
	if (current == NO_NODE)
		give_up("no daemon runs");
	return &daemons[current];
}

/*
 * Memory goes with its process.
 */

static void *keep(void *p)
{
	struct daemon *d = running();

	if (!p)
		return NULL;
	if (d->nr_memory == d->max_memory) {
		d->max_memory = 2 * d->max_memory + 64;
		d->memory = realloc(d->memory, d->max_memory * sizeof(*d->memory));
		if (!d->memory)
			abort();
	}
	d->memory[d->nr_memory++] = p;
	return p;
}

void *host_malloc(size_t size)
{
	return keep(malloc(size));
}

void *host_calloc(size_t n, size_t size)
{
	return keep(calloc(n, size));
}

int host_posix_memalign(void **p, size_t align, size_t size)
{
	int r = posix_memalign(p, align, size);

	if (!r)
		keep(*p);
	return r;
}

void host_free(void *p)
{
	struct daemon *d = running();
	size_t i = d->nr_memory;

	if (!p)
		return;
	while (i--)
		if (d->memory[i] == p) {
			d->memory[i] = d->memory[--d->nr_memory];
			free(p);
			return;
		}
	give_up("free() of what is not there");
}

/*
 * The clock, the log device, and what a process is
 */

time_t host_time(time_t *t)
{
	time_t now = world->now_ms() / 1000;

	if (t)
		*t = now;
	return now;
}

unsigned int host_sleep(unsigned int seconds)
{
	unsigned int before = current;

	world->wait_ms(seconds * 1000);
	current = before;
	return 0;
}

pid_t host_getpid(void)
{
	return running()->pid;
}

int host_kill(pid_t pid, int sig)
{
	(void)pid;
	(void)sig;
	give_up("a daemon finds itself to be wrong");
	return 0;
}

void host_exit(int status)
{
	(void)status;
	give_up("a daemon exits");
}

void host_syslog(int priority, const char *format, ...)
{
	va_list args;

	(void)priority;
	if (!cmirrord_verbose)
		return;
	printf("      cmirrord %u: ", current);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
}

int host_stat(const char *path, struct stat *st)
{
	if (strcmp(path, CMIRRORD_DISK)) {
		errno = ENOENT;
		return -1;
	}
	memset(st, 0, sizeof(*st));
	st->st_mode = S_IFBLK | 0600;
	st->st_rdev = makedev(253, 7);
	return 0;
}

int host_fstat(int fd, struct stat *st)
{
	(void)fd;
	return host_stat(CMIRRORD_DISK, st);
}

int host_open(const char *path, int flags, ...)
{
	(void)path;
	(void)flags;
	return DISK_FD;
}

int host_close(int fd)
{
	(void)fd;
	return 0;
}

off_t host_lseek(int fd, off_t offset, int whence)
{
	(void)fd;
	(void)whence;
	return offset;
}

ssize_t host_read(int fd, void *buf, size_t bytes)
{
	int r = world->read(current, buf, bytes);

	(void)fd;
	if (!r)
		return bytes;
	errno = -r;
	return -1;
}

ssize_t host_write(int fd, const void *buf, size_t bytes)
{
	int r = world->write(current, buf, bytes);

	(void)fd;
	if (!r)
		return bytes;
	errno = -r;
	return -1;
}

/*
 * link_mon.c: what to call when there is something to do
 */

int links_register(int fd, const char *name, int (*callback)(void *data), void *data)
{
	(void)fd;
	(void)data;
	if (!strcmp(name, "local"))
		running()->local_work = callback;
	else
		running()->cluster_work = callback;
	return 0;
}

int links_unregister(int fd)
{
	(void)fd;
	return 0;
}

/*
 * The kernel's socket
 */

int host_socket(int domain, int type, int protocol)
{
	(void)domain;
	(void)type;
	(void)protocol;
	return SOCKET_FD;
}

int host_bind(int fd, const struct sockaddr *addr, socklen_t len)
{
	(void)fd;
	(void)addr;
	(void)len;
	return 0;
}

int host_setsockopt(int fd, int level, int name, const void *value, socklen_t len)
{
	(void)fd;
	(void)level;
	(void)name;
	(void)value;
	(void)len;
	return 0;
}

ssize_t host_recv(int fd, void *buf, size_t size, int flags)
{
	(void)fd;
	(void)flags;
	if (size < question.length)
		give_up("a request is too long");
	memcpy(buf, question.bytes, question.length);
	return question.length;
}

ssize_t host_send(int fd, const void *buf, size_t bytes, int flags)
{
	const struct nlmsghdr *header = buf;
	const struct cn_msg *msg = NLMSG_DATA(header);
	struct dm_ulog_request request;

	(void)fd;
	(void)flags;
	if (!msg->len) {
		if (msg->seq != answer.seq)
			return bytes;
		answer.error = -(int)msg->ack;
		answer.length = 0;
		answer.answered = true;
		return bytes;
	}
	memcpy(&request, msg->data, sizeof(request));
	/* It may answer what it was asked long ago. */
	if (request.seq != answer.seq)
		return bytes;
	answer.error = request.error;
	answer.length = request.data_size;
	if (answer.length > sizeof(answer.data))
		give_up("an answer is too long");
	memcpy(answer.data, msg->data + sizeof(request), answer.length);
	answer.answered = true;
	return bytes;
}

/*
 * corosync
 */

static struct member *member_of(cpg_handle_t handle)
{
	unsigned int i;

	for (i = 0; i < NR_MEMBERS; i++)
		if (handle && members[i].handle == handle)
			return &members[i];
	return NULL;
}

static void drop_queue(struct member *m)
{
	struct event *e;

	while ((e = m->first)) {
		m->first = e->next;
		free(e);
	}
	m->last = &m->first;
}

static void queue(struct member *m, const struct event *e)
{
	struct event *copy = malloc(sizeof(*e) + e->bytes);

	if (!copy)
		abort();
	memcpy(copy, e, sizeof(*e) + e->bytes);
	copy->next = NULL;
	*m->last = copy;
	m->last = &copy->next;
}

static void queue_all(const struct event *e)
{
	unsigned int i;

	for (i = 0; i < NR_MEMBERS; i++)
		if (members[i].handle && members[i].joined)
			queue(&members[i], e);
}

static uint32_t id_of(unsigned int node)
{
	return node + 1;
}

/* Who comes or goes is told so, and by the list of the others. */
static void change(struct member *who, bool is_join, uint32_t reason)
{
	struct event e = { .is_join = is_join };
	struct cpg_address address = {
		.nodeid = id_of(who->node), .pid = daemons[who->node].pid, .reason = reason,
	};
	unsigned int i;

	if (is_join)
		e.joined = address;
	else
		e.left = address;
	who->joined = is_join;
	for (i = 0; i < NR_MEMBERS; i++)
		if (members[i].handle && members[i].joined) {
			struct cpg_address *m = &e.member[e.nr_members++];

			m->nodeid = id_of(members[i].node);
			m->pid = daemons[members[i].node].pid;
		}
	queue_all(&e);
	if (!is_join)
		queue(who, &e);
}

cs_error_t cpg_initialize(cpg_handle_t *handle, cpg_callbacks_t *callbacks)
{
	static cpg_handle_t last;
	unsigned int i;

	for (i = 0; i < NR_MEMBERS && members[i].handle; i++)
		;
	if (i == NR_MEMBERS)
		give_up("too many members");
	members[i] = (struct member) {
		.handle = ++last, .node = current, .callbacks = *callbacks,
		.last = &members[i].first,
	};
	*handle = last;
	return CS_OK;
}

cs_error_t cpg_join(cpg_handle_t handle, const struct cpg_name *name)
{
	struct member *m = member_of(handle);

	m->name = *name;
	change(m, true, CPG_REASON_JOIN);
	return CS_OK;
}

cs_error_t cpg_leave(cpg_handle_t handle, const struct cpg_name *name)
{
	struct member *m = member_of(handle);

	(void)name;
	if (!m || !m->joined)
		return CS_ERR_NOT_EXIST;
	change(m, false, CPG_REASON_LEAVE);
	return CS_OK;
}

cs_error_t cpg_finalize(cpg_handle_t handle)
{
	struct member *m = member_of(handle);

	if (!m)
		return CS_ERR_BAD_HANDLE;
	drop_queue(m);
	m->handle = 0;
	return CS_OK;
}

cs_error_t cpg_fd_get(cpg_handle_t handle, int *fd)
{
	*fd = handle;
	return CS_OK;
}

cs_error_t cpg_mcast_joined(cpg_handle_t handle, cpg_guarantee_t guarantee,
			    const struct iovec *iov, unsigned int iov_len)
{
	struct member *m = member_of(handle);
	struct event *e;

	(void)guarantee;
	if (!m || !m->joined)
		return CS_ERR_NOT_EXIST;
	if (iov_len != 1 || iov->iov_len > MAX_MESSAGE)
		give_up("a message is too long");
	e = calloc(1, sizeof(*e) + iov->iov_len);
	if (!e)
		abort();
	e->is_message = true;
	e->node = id_of(m->node);
	e->pid = daemons[m->node].pid;
	e->bytes = iov->iov_len;
	memcpy(e->message, iov->iov_base, iov->iov_len);
	queue_all(e);
	free(e);
	return CS_OK;
}

static void deliver(struct member *m, struct event *e)
{
	static const struct cpg_address *none;

	if (e->is_message)
		m->callbacks.cpg_deliver_fn(m->handle, &m->name, e->node, e->pid, e->message,
					    e->bytes);
	else
		m->callbacks.cpg_confchg_fn(m->handle, &m->name, e->member, e->nr_members,
					    e->is_join ? none : &e->left, !e->is_join,
					    e->is_join ? &e->joined : none, e->is_join);
}

cs_error_t cpg_dispatch(cpg_handle_t handle, cs_dispatch_flags_t flags)
{
	struct member *m = member_of(handle);
	struct event *e;

	(void)flags;
	if (!m)
		return CS_ERR_BAD_HANDLE;
	/* A callback may finalize. */
	while (m->handle == handle && (e = m->first)) {
		m->first = e->next;
		if (!m->first)
			m->last = &m->first;
		deliver(m, e);
		free(e);
	}
	return CS_OK;
}

static bool has_work(unsigned int node)
{
	unsigned int i;

	for (i = 0; i < NR_MEMBERS; i++)
		if (members[i].handle && members[i].node == node && members[i].first)
			return true;
	return false;
}

static void do_work(unsigned int node)
{
	unsigned int before = current;

	current = node;
	if (daemons[node].cluster_work(NULL))
		give_up("a daemon cannot work");
	current = before;
}

/* Until all have seen all. Whose turn it is does not depend on what was asked. */
static void settle(void)
{
	unsigned int i, node;
	bool any;

	do {
		any = false;
		turn = turn * 1103515245 + 12345;
		for (i = 0; i < CMIRRORD_NODES && !any; i++) {
			node = ((turn >> 16) + i) % CMIRRORD_NODES;
			any = has_work(node);
			if (any)
				do_work(node);
		}
	} while (any);
}

/*
 * For the test
 */

/**
 * cmirrord_init() - where the daemons live: a world without any
 * @w: the world
 * @path: of their shared objects
 */
void cmirrord_init(const struct cmirrord_world *w, const char *path)
{
	unsigned int node;

	world = w;
	folder = path;
	for (node = 0; node < CMIRRORD_NODES; node++)
		if (cmirrord_runs(node))
			cmirrord_kill(node);
	turn = 1;
}

/**
 * cmirrord_start() - start a daemon
 * @node: on this node, which has none
 */
void cmirrord_start(unsigned int node)
{
	static uint32_t last_pid = 1000;
	struct daemon *d = &daemons[node];
	unsigned int before = current;
	char path[4096];

	snprintf(path, sizeof(path), "%s/cmirrord-%u.so", folder, node);
	d->object = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (!d->object) {
		printf("Bail out! %s\n", dlerror());
		exit(2);
	}
	d->inside = dlsym(d->object, "cmirrord_inside");
	d->pid = ++last_pid;
	current = node;
	if (!d->inside || d->inside->begin())
		give_up("a daemon does not begin");
	current = before;
}

/**
 * cmirrord_kill() - kill a daemon
 * @node: on this node, which has one; the others hear of it
 */
void cmirrord_kill(unsigned int node)
{
	struct daemon *d = &daemons[node];
	unsigned int i;

	for (i = 0; i < NR_MEMBERS; i++) {
		struct member *m = &members[i];

		if (!m->handle || m->node != node)
			continue;
		if (m->joined)
			change(m, false, CPG_REASON_PROCDOWN);
		drop_queue(m);
		m->handle = 0;
	}
	while (d->nr_memory)
		free(d->memory[--d->nr_memory]);
	dlclose(d->object);
	d->object = NULL;
	d->inside = NULL;
	settle();
}

/**
 * cmirrord_runs() - is there a daemon?
 * @node: on this node
 *
 * Return: true if there is.
 */
bool cmirrord_runs(unsigned int node)
{
	return daemons[node].object;
}

/**
 * cmirrord_ask() - the kernel's request to a node's daemon
 * @node: the node
 * @request: struct dm_ulog_request and its payload
 * @bytes: their length
 * @data: where the answer's payload goes
 * @size: no longer than this
 *
 * Return: its length, or a negative errno, or -ETIME: there was no answer.
 */
int cmirrord_ask(unsigned int node, const void *request, size_t bytes, void *data, size_t size)
{
	struct nlmsghdr *header = (struct nlmsghdr *)question.bytes;
	struct cn_msg *msg = NLMSG_DATA(header);
	unsigned int before = current;

	if (before != NO_NODE)
		give_up("asked while it runs");
	memset(&question, 0, sizeof(question));
	memcpy(msg->data, request, bytes);
	msg->id.idx = CN_IDX_DM;
	msg->id.val = CN_VAL_DM_USERSPACE_LOG;
	msg->seq = ((const struct dm_ulog_request *)request)->seq;
	msg->len = bytes;
	header->nlmsg_type = NLMSG_DONE;
	header->nlmsg_len = NLMSG_LENGTH(sizeof(*msg) + bytes);
	question.length = header->nlmsg_len;
	answer.seq = msg->seq;
	answer.answered = false;

	current = node;
	daemons[node].local_work(NULL);
	current = before;
	settle();
	if (!answer.answered)
		return -ETIME;
	if (answer.error)
		return answer.error;
	if (answer.length > size)
		give_up("an answer is longer than the model expects");
	memcpy(data, answer.data, answer.length);
	return answer.length;
}

/**
 * cmirrord_tell() - a request that comes to one daemon only, and not from a node here
 * @node: the daemon's
 * @from: from this one
 * @request: struct dm_ulog_request and its payload
 * @bytes: their length
 */
void cmirrord_tell(unsigned int node, uint32_t from, const void *request, size_t bytes)
{
	unsigned int before = current;

	current = node;
	daemons[node].inside->tell(from, request, bytes);
	current = before;
}

/**
 * cmirrord_look() - what does a daemon know?
 * @node: on this node
 * @state: that
 */
void cmirrord_look(unsigned int node, struct cmirrord_state *state)
{
	memset(state, 0, offsetof(struct cmirrord_state, log));
	if (daemons[node].inside)
		daemons[node].inside->look(state);
}
