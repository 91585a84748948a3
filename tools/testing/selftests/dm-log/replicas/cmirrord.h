/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * LVM's cmirrord, one for each node of a cluster, in one process: what is around them.
 *
 * Each daemon is a copy of one shared object (see Makefile), so each has a state of its own,
 * and one that is started again begins with none. It is made of cmirrord's own sources,
 * unmodified: functions.c, which keeps a log, cluster.c, which puts requests to all nodes and
 * hands over a log's state to one that joins, local.c, which is the kernel's side, compat.c
 * and logging.c. This side takes the place of clogd.c and link_mon.c, which wait for
 * something to do, of corosync, of the kernel's socket, of the log device and of the clock.
 *
 * What a node sends to the cluster is put at once, in one order, into the queue of each
 * member; so are the changes of membership. Before the kernel's request is answered all queues
 * are empty again: it is as if the cluster took no time.
 */

#ifndef DM_LOG_REPLICAS_CMIRRORD_H
#define DM_LOG_REPLICAS_CMIRRORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CMIRRORD_NODES		3
#define CMIRRORD_LOGS		4
#define CMIRRORD_MARKS		256
#define CMIRRORD_WANTED		64

/**
 * struct cmirrord_log - what a daemon knows of a log
 * @luid: its number
 * @region_count: of the mirror
 * @sync_count: as it has been counted
 * @bitmap_bytes: length of each of the two that follow
 * @sync: regions in sync
 * @clean: regions neither marked nor out of sync
 * @nr_marks: how many there are
 * @mark: region and node of each
 * @touched: something changed since the last FLUSH
 * @in_sync: all regions were in sync once since RESUME
 * @halted: after PRESUSPEND
 * @failed: the log device has failed
 * @recovering: a region that is being recovered, or UINT64_MAX
 * @recoverer: by that node
 * @search: where the search for work goes on
 * @nr_wanted: how many regions writes wait for
 * @wanted: which, in the order in which they get their turn
 */
struct cmirrord_log {
	uint64_t luid;
	uint32_t region_count;
	uint64_t sync_count;
	size_t bitmap_bytes;
	const uint8_t *sync;
	const uint8_t *clean;
	unsigned int nr_marks;
	struct {
		uint64_t region;
		uint32_t node;
	} mark[CMIRRORD_MARKS];
	bool touched;
	bool in_sync;
	bool halted;
	bool failed;
	uint64_t recovering;
	uint32_t recoverer;
	uint64_t search;
	unsigned int nr_wanted;
	uint64_t wanted[CMIRRORD_WANTED];
};

/**
 * struct cmirrord_state - what a daemon knows
 * @nr_pending: how many logs were created, or suspended
 * @pending: their luids
 * @resumed: it has one that was resumed
 * @log: that one
 */
struct cmirrord_state {
	unsigned int nr_pending;
	uint64_t pending[CMIRRORD_LOGS];
	bool resumed;
	struct cmirrord_log log;
};

/**
 * struct cmirrord_world - what a daemon lives in
 * @now_ms: the time
 * @wait_ms: it sleeps
 * @read: its log device; a negative errno, or 0, likewise @write
 * @write: see @read
 */
struct cmirrord_world {
	uint64_t (*now_ms)(void);
	void (*wait_ms)(unsigned int ms);
	int (*read)(unsigned int node, void *buf, size_t bytes);
	int (*write)(unsigned int node, const void *buf, size_t bytes);
};

#define CMIRRORD_DISK		"/dev/log"

extern bool cmirrord_verbose;

void cmirrord_init(const struct cmirrord_world *world, const char *folder);
void cmirrord_start(unsigned int node);
void cmirrord_kill(unsigned int node);
bool cmirrord_runs(unsigned int node);
int cmirrord_ask(unsigned int node, const void *request, size_t bytes, void *answer,
		 size_t size);
void cmirrord_tell(unsigned int node, uint32_t from, const void *request, size_t bytes);
void cmirrord_look(unsigned int node, struct cmirrord_state *state);

/* The daemon's own side: peek.c, in each of the shared objects */
struct cmirrord_inside {
	int (*begin)(void);
	void (*look)(struct cmirrord_state *state);
	void (*tell)(uint32_t from, const void *request, size_t bytes);
};

extern const struct cmirrord_inside cmirrord_inside;

#endif /* DM_LOG_REPLICAS_CMIRRORD_H */
