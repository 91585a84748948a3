/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Nodes for KUnit tests, which share two legs with contents and a log kept by the daemons
 * of a cluster (fake-cluster.h): each has a real log, and a mirror that does what dm-raid1.c
 * and dm-region-hash.c do, in their order.
 *
 * All of it runs in one thread. While a node waits for an answer, or flushes the legs, the
 * others go on. When something happens, and whether what comes of it is wrong, is the test's
 * to say: see the last functions.
 */

#ifndef DM_LOG_FAKE_NODES_H
#define DM_LOG_FAKE_NODES_H

#include <kunit/test-bug.h>
#include <kunit/test.h>
#include <linux/connector.h>
#include <linux/device-mapper.h>
#include <linux/dm-dirty-log.h>
#include <linux/dm-log-userspace.h>
#include <linux/jiffies.h>
#include <linux/prandom.h>
#include <linux/types.h>
#include <linux/workqueue.h>

#include "fake-cluster.h"

#define NR_NODES	CLUSTER_NODES
#define NR_ACTIVE	CLUSTER_ACTIVE
#define NR_BLOCKS	2
#define NR_HISTORY	1024

/* What may go wrong, or change: bits of nodes_events. */
enum nodes_event {
	EV_MEET,		/* other nodes go on while one waits for an answer */
	EV_FAIL_WRITE,		/* a write fails on the second leg */
	EV_FAIL_COPY,
	EV_FAIL_LEG_FLUSH,
	EV_FAIL_DISK,		/* the daemons' disk */
	EV_LOSE_ASK,		/* a request gets lost */
	EV_LOSE_ANSWER,
	EV_LATE,		/* an answer is late, perhaps too late */
	EV_ERROR,		/* an error is answered, and nothing done */
	EV_NONSENSE,
	EV_SEND,		/* a message cannot be sent */
	EV_RESTART,		/* of a daemon */
	EV_CRASH,		/* of a node */
	EV_POWER,		/* of all nodes */
	EV_SUSPEND,		/* and resume */
	EV_RELOAD,		/* suspend, and resume with another log */
	EV_LEAVE,		/* suspend, and resume later */
	EV_STATUS,
	NR_EVENTS
};

enum nodes_place {
	AT_NONE,
	AT_QUEUE,		/* ms->writes */
	AT_TAKEN,		/* of these, what the worker has in hand */
	AT_SYNC,		/* let go: for all legs, for one, or for after the recovery */
	AT_NOSYNC,
	AT_RECOVER,
	AT_DELAYED,
	AT_LEGS,		/* in flight */
	AT_FAILURES,		/* ms->failures */
	AT_FAILED,		/* of these, what the worker has in hand */
	AT_HOLDS,
	AT_REQUEUED,		/* given back by a noflush suspend */
	AT_LOST,		/* its node is gone: nobody knows what has come of it */
};

/**
 * struct nodes_block - some sectors, to which one node at a time writes
 * @leg: what is there
 * @acked: what was acknowledged last
 * @latest: what was written last
 * @node: who writes
 * @place: how far that is
 * @to: legs that it still has to reach
 * @failed: legs that it did not
 * @tried: it was given to a leg
 * @lost: one before it was lost with its node, and nothing has mended that
 * @blind: its node could not know that the disk still calls the region clean
 * @since: when, in jiffies
 */
struct nodes_block {
	u32 leg[2];
	u32 acked;
	u32 latest;
	u8 node;
	u8 place;
	u8 to;
	u8 failed;
	bool tried;
	bool lost;
	bool blind;
	u64 since;
};

/**
 * struct nodes_region - the truth about a region
 * @block: its blocks
 * @excused: legs that differ are nobody's fault, until they agree
 * @unreported: the mirror does not tell that they do: but the region must stay dirty
 * @unmarked: nodes that wrote although their flush() had failed
 * @untold: nodes whose daemon could not be told that it is out of sync
 */
struct nodes_region {
	struct nodes_block block[NR_BLOCKS];
	bool excused;
	bool unreported;
	u8 unmarked;
	u8 untold;
};

enum nodes_state {
	RH_ABSENT,
	RH_CLEAN,
	RH_DIRTY,
	RH_NOSYNC,
	RH_RECOVERING,
};

enum nodes_copy {
	NO_COPY,
	QUIESCING,
	QUIESCED,
	COPY_READ,
	COPY_WRITE,
	COPIED,
	COPY_FAILED,
};

enum nodes_phase {
	NODE_ABSENT,
	NODE_LIVE,
	NODE_SUSPENDING,
	NODE_SUSPENDED,
};

struct nodes_entry {
	u8 state;
	u8 pending;
};

/**
 * struct nodes_node - a node, with its mirror
 * @ti: for the log, and for the log that replaces it
 * @log: the log
 * @slot: which of the two @ti is its own
 * @luid: of the logs
 * @creating: which of them is being created
 * @phase: of the mirror
 * @pass: its worker runs
 * @pass_since: since when, in jiffies
 * @cleaning: its cleaner runs
 * @flushing: it does, and flushes the legs
 * @ioctl: it is being suspended or resumed
 * @blocked: no new I/O reaches the mirror
 *
 * @in_sync: as in struct mirror_set, likewise the next three
 * @log_failure: sticky
 * @leg_failure: see @in_sync
 * @stopping: ms->suspend
 * @noflush: a suspend gives back what is held
 * @entry: dm-region-hash
 * @woken: the worker has something to do
 * @slot_free: recovery may begin
 * @handing: this region is being given to it, or CLUSTER_NONE
 * @presuspended: when, in jiffies
 * @copy: where it is
 * @copying: of this region
 * @copied: blocks read
 * @copy_since: since when, in jiffies
 *
 * @asking: is_remote_recovering() for this region, or CLUSTER_NONE
 * @let_go: the daemon has given the answer that lets the write to it go
 * @reads: blocks that reads wait for
 * @floor: what had been acknowledged when flush() returned last
 * @fail_leg_flushes: so many flushes of the legs fail
 * @lost_later: the kernel has not been told that the socket of this daemon was closed
 * @errors: so many requests more are answered with an error
 * @losses: likewise lost
 * @troubled: of this type only, or 0
 * @faults: messages of this node that went wrong
 * @revive_after: its daemon listens again after so many attempts to send
 */
struct nodes_node {
	struct dm_target ti[2];
	struct dm_dirty_log *log;
	unsigned int slot;
	u64 luid[2];
	unsigned int creating;
	enum nodes_phase phase;
	bool pass;
	u64 pass_since;
	bool cleaning;
	bool flushing;
	bool ioctl;
	bool blocked;

	bool in_sync;
	bool log_failure;
	bool leg_failure;
	bool stopping;
	bool noflush;
	struct nodes_entry entry[NR_ACTIVE];
	bool woken;
	bool slot_free;
	int handing;
	u64 presuspended;
	enum nodes_copy copy;
	int copying;
	u32 copied[NR_BLOCKS];
	u64 copy_since;

	int asking;
	bool let_go;
	u32 reads;
	u32 floor[NR_ACTIVE][NR_BLOCKS];
	unsigned int fail_leg_flushes;
	u32 lost_later;
	unsigned int errors;
	unsigned int losses;
	u32 troubled;
	unsigned int faults;
	unsigned int revive_after;
};

struct nodes_history {
	const char *what;
	s64 number;
	u32 extra;
	s16 node;
	s16 region;
	unsigned long when;
};

/* How often what was met, in all stories */
struct nodes_tally {
	u64 stories;
	u64 passes;
	u64 writes;
	u64 one_leg;
	u64 waits;
	u64 wakes;
	u64 reads;
	u64 sync_reads;
	u64 copies;
	u64 failed_writes;
	u64 holds;
	u64 log_errors;
	u64 requests;
	u64 events[NR_EVENTS];
	u64 joins;
	u64 looks;
	u64 differ;
	u64 dirty;
	u64 out_of_sync;
	u64 excused_unmarked;
	u64 excused_untold;
	u64 excused_unreported;
	u64 excused_dead;
	u64 excused_doubt;
	u64 excused_disk;
	u64 excused_other;
	u64 stuck;
};

/* An answer that arrives while the thread sleeps */
struct nodes_late {
	struct delayed_work work;
	struct cn_msg msg;
	u8 request[sizeof(struct dm_ulog_request)];
	u8 payload[64];
	u32 portid;
	bool queued;
};

struct nodes_answer {
	struct cn_msg msg;
	u8 request[sizeof(struct dm_ulog_request)];
	u8 payload[64];
};

#define MAX_DEPTH	3
#define NR_LATE		8

struct nodes {
	struct kunit *test;
	struct cluster cl;
	struct nodes_node node[NR_NODES];
	unsigned int nr_nodes;
	struct nodes_region region[NR_ACTIVE];
	bool handle_errors;
	const char *words;
	u32 version;

	struct rnd_state rnd;
	u64 seed;
	u32 events;
	u16 odds[NR_EVENTS];
	unsigned int depth;
	int current_node;
	bool mended;
	bool settling;

	const char *wrong;
	int wrong_region;
	struct nodes_history history[NR_HISTORY];
	unsigned int nr_history;
	unsigned long began;
	struct nodes_tally tally;
	struct nodes_answer answer[MAX_DEPTH + 1];
	u64 reply[MAX_DEPTH + 1][8];
	struct nodes_late late[NR_LATE];
	struct dm_table *table;
	unsigned int old[4];
};

static inline struct nodes *the_nodes(void)
{
	return kunit_get_current_test()->priv;
}

static inline u32 pick(struct nodes *nd, u32 limit)
{
	return prandom_u32_state(&nd->rnd) % limit;
}

static inline void note_more(struct nodes *nd, int node, int region, const char *what,
			     s64 number, u32 extra)
{
	nd->history[nd->nr_history++ % NR_HISTORY] = (struct nodes_history) {
		.what = what, .number = number, .extra = extra, .node = node,
		.region = region, .when = jiffies,
	};
}

static inline void note(struct nodes *nd, int node, int region, const char *what, s64 number)
{
	note_more(nd, node, region, what, number, 0);
}

static inline void broken(struct nodes *nd, int node, int region, const char *what)
{
	if (nd->wrong)
		return;
	note(nd, node, region, what, 0);
	nd->wrong = what;
	nd->wrong_region = region;
}

static inline int node_nr(const struct nodes *nd, const struct nodes_node *n)
{
	return n - nd->node;
}

static inline bool is_active(const struct nodes_block *b)
{
	return b->place != AT_NONE;
}

/* A write to it has been let go and has not ended on all legs. */
static inline bool is_written(const struct nodes_block *b)
{
	return b->place == AT_SYNC || b->place == AT_NOSYNC || b->place == AT_LEGS;
}

static inline void excuse(struct nodes *nd, int region, u64 *count, const char *why)
{
	struct nodes_region *r = &nd->region[region];

	if (r->excused)
		return;
	note(nd, -1, region, why, 0);
	r->excused = true;
	(*count)++;
}

static inline bool is_copied(const struct nodes *nd, int region)
{
	unsigned int i;

	for (i = 0; i < nd->nr_nodes; i++)
		if (nd->node[i].copy != NO_COPY && nd->node[i].copying == region)
			return true;
	return false;
}

static inline const struct dm_dirty_log_type *type_of(const struct nodes_node *n)
{
	return n->log->type;
}

static inline u64 number_of(const struct nodes *nd, int region)
{
	return nd->cl.number[region];
}

/* The node's next write in this place, after block number @i, which is set to its number. */
static inline struct nodes_block *next_write(struct nodes *nd, struct nodes_node *n, int *i,
					     enum nodes_place place)
{
	while (++*i < NR_ACTIVE * NR_BLOCKS) {
		struct nodes_block *b = &nd->region[*i / NR_BLOCKS].block[*i % NR_BLOCKS];

		if (b->place == place && b->node == node_nr(nd, n))
			return b;
	}
	return NULL;
}

/* The mirror: fake-nodes.c */
void nodes_rh_dec(struct nodes *nd, struct nodes_node *n, int region);
void nodes_note_floor(struct nodes *nd, struct nodes_node *n);
void nodes_end_write(struct nodes *nd, struct nodes_node *n, int region,
		     struct nodes_block *b, bool well);
void nodes_do_mirror(struct nodes *nd, struct nodes_node *n);
void nodes_new_write(struct nodes *nd, struct nodes_node *n, int region, int block);
void nodes_new_read(struct nodes *nd, struct nodes_node *n, int region, int block);
void nodes_land(struct nodes *nd, int region, int block, bool fails);
void nodes_copy_on(struct nodes *nd, struct nodes_node *n, bool fails);
void nodes_hurry_io(struct nodes *nd);

/* The log, the daemon and the machine come and go: fake-nodes-life.c */
void nodes_run_cleaner(struct nodes *nd, struct nodes_node *n);
void nodes_resume(struct nodes *nd, struct nodes_node *n);
bool nodes_has_writes(struct nodes *nd, struct nodes_node *n);
void nodes_suspend(struct nodes *nd, struct nodes_node *n);
void nodes_reload(struct nodes *nd, struct nodes_node *n);
void nodes_restart_daemon(struct nodes *nd, struct nodes_node *n);
void nodes_start_node(struct nodes *nd, struct nodes_node *n);
void nodes_crash(struct nodes *nd, struct nodes_node *n);
void nodes_cut_power(struct nodes *nd);

/* The daemons' side of the wire: fake-nodes-wire.c */
bool nodes_may_hand_out(struct cluster *cl, int region, unsigned int node);
void nodes_deliver_late(struct work_struct *work);
int nodes_send(struct cn_msg *msg);

/* For the test to define: what happens, what goes on meanwhile, and what is wrong. */
bool nodes_happens(struct nodes *nd, enum nodes_event event);
void nodes_check(struct nodes *nd);
void nodes_check_map(struct nodes *nd, struct nodes_node *n);
void nodes_judge_read(struct nodes *nd, struct nodes_node *n, int region, int block,
		      bool in_sync, u32 floor);
void nodes_others(struct nodes *nd, enum nodes_event event, unsigned int nr);
void nodes_step(struct nodes *nd);
void nodes_wait_ms(struct nodes *nd, unsigned int ms);

#endif /* DM_LOG_FAKE_NODES_H */
