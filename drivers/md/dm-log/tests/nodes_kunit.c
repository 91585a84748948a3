// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit test of the userspace log in a cluster: up to three nodes, each with a real log
 * and with a mirror that does what dm-raid1.c and dm-region-hash.c do, in their order;
 * their daemons (fake-cluster.h); and two legs with contents, which they share.
 *
 * All of it runs in one thread. While a node waits for an answer, or flushes the legs,
 * the others go on. What happens is picked at random, in short stories that begin with a
 * mirror in sync; each story has its own seed, and tells how it went if a rule is broken:
 *
 * - What the disk of the daemons calls clean has no write in flight and legs that agree:
 *   at any moment all nodes may lose their power.
 * - What a daemon calls in sync has legs that agree, but where a write is under way.
 * - A read that may be served by a leg finds there what had been acknowledged when the
 *   pass began. An answer of the daemon holds for the pass in which it was asked for.
 * - The region map keeps its invariants (regions-check.c).
 * - When nothing goes wrong any more all writes end, and a node that is alone recovers all
 *   that is out of sync, though nobody reads or writes it: see settle().
 *
 * Not judged is what no log could prevent. That is counted: see struct nodes_tally.
 */

#include <kunit/static_stub.h>
#include <kunit/test.h>
#include <linux/bitops.h>
#include <linux/delay.h>
#include <linux/dm-dirty-log.h>
#include <linux/dm-log-userspace.h>
#include <linux/jiffies.h>
#include <linux/limits.h>
#include <linux/lockdep.h>
#include <linux/moduleparam.h>
#include <linux/prandom.h>
#include <linux/random.h>
#include <linux/string.h>
#include <linux/workqueue.h>

#include "../cache.h"
#include "../common.h"
#include "../private.h"
#include "../ulog.h"
#include "../userspace.h"
#include "fake-cluster.h"

#define NR_NODES	CLUSTER_NODES
#define NR_ACTIVE	CLUSTER_ACTIVE
#define NR_BLOCKS	2
#define NR_HISTORY	1024
#define ALL_LEGS	3
#define FAR		4099
/* I/O to the legs takes no longer. */
#define IO_MS		2000
#define STUCK_MS	300000
/* After a story nothing goes wrong for so long, and then all must have come to its end. */
#define SETTLE_MS	130000
#define SETTLE_STEP_MS	200
/* How often the cleaner runs meanwhile. */
#define SETTLE_STEPS	10

static unsigned long long nodes_seed;
module_param(nodes_seed, ullong, 0444);
MODULE_PARM_DESC(nodes_seed, "KUnit: begin the cluster's stories with this seed");

static unsigned int nodes_passes = 200000;
module_param(nodes_passes, uint, 0444);
MODULE_PARM_DESC(nodes_passes, "KUnit: passes of the workers in the cluster's stories; 0: one story");

/* Time is free: the kernel's clock jumps when there is nothing to do (UML, time-travel). */
static bool nodes_virtual;
module_param(nodes_virtual, bool, 0444);
MODULE_PARM_DESC(nodes_virtual, "KUnit: it costs no time to wait");

/* A test has five minutes, also of a clock that jumps. */
static unsigned int nodes_story_s = 100;
module_param(nodes_story_s, uint, 0444);
MODULE_PARM_DESC(nodes_story_s, "KUnit: nothing goes wrong any more in a cluster's story after so many seconds");

static unsigned int nodes_events = ~0U;
module_param(nodes_events, uint, 0444);
MODULE_PARM_DESC(nodes_events, "KUnit: mask of what may go wrong in the cluster's stories");

static int nodes_nodes = -1;
module_param(nodes_nodes, int, 0444);
MODULE_PARM_DESC(nodes_nodes, "KUnit: number of nodes in the cluster's stories");

static int nodes_daemon = -1;
module_param(nodes_daemon, int, 0444);
MODULE_PARM_DESC(nodes_daemon, "KUnit: 1: the cluster's daemons are like cmirrord, 0: they are not");

static bool nodes_tell;
module_param(nodes_tell, bool, 0444);
MODULE_PARM_DESC(nodes_tell, "KUnit: tell all that happened, not only where it went wrong");

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

static const char * const event_names[NR_EVENTS] = {
	[EV_MEET] = "meet", [EV_FAIL_WRITE] = "fail_write", [EV_FAIL_COPY] = "fail_copy",
	[EV_FAIL_LEG_FLUSH] = "fail_leg_flush", [EV_FAIL_DISK] = "fail_disk",
	[EV_LOSE_ASK] = "lose_ask", [EV_LOSE_ANSWER] = "lose_answer", [EV_LATE] = "late",
	[EV_ERROR] = "error", [EV_NONSENSE] = "nonsense", [EV_SEND] = "send",
	[EV_RESTART] = "restart", [EV_CRASH] = "crash", [EV_POWER] = "power",
	[EV_SUSPEND] = "suspend", [EV_RELOAD] = "reload", [EV_LEAVE] = "leave",
	[EV_STATUS] = "status",
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

static struct nodes *the_nodes(void)
{
	return kunit_get_current_test()->priv;
}

static u32 pick(struct nodes *nd, u32 limit)
{
	return prandom_u32_state(&nd->rnd) % limit;
}

/* Does it happen now? Nothing does unless it is among the events of the story. */
static void mend_all(struct nodes *nd);

static u64 elapsed_ms(const struct nodes *nd)
{
	return jiffies_to_msecs(jiffies - nd->began);
}

static bool is_late(const struct nodes *nd)
{
	return nodes_virtual && elapsed_ms(nd) > nodes_story_s * MSEC_PER_SEC;
}

static bool happens(struct nodes *nd, enum nodes_event event)
{
	if (is_late(nd) && !nd->mended)
		mend_all(nd);
	if (!nd->odds[event] || pick(nd, nd->odds[event]))
		return false;
	nd->tally.events[event]++;
	return true;
}

static void note_more(struct nodes *nd, int node, int region, const char *what,
		      s64 number, u32 extra)
{
	nd->history[nd->nr_history++ % NR_HISTORY] = (struct nodes_history) {
		.what = what, .number = number, .extra = extra, .node = node,
		.region = region, .when = jiffies,
	};
}

static void note(struct nodes *nd, int node, int region, const char *what, s64 number)
{
	note_more(nd, node, region, what, number, 0);
}

static void broken(struct nodes *nd, int node, int region, const char *what)
{
	if (nd->wrong)
		return;
	note(nd, node, region, what, 0);
	nd->wrong = what;
	nd->wrong_region = region;
}

static int node_nr(const struct nodes *nd, const struct nodes_node *n)
{
	return n - nd->node;
}

/*
 * The legs
 */

static bool is_active(const struct nodes_block *b)
{
	return b->place != AT_NONE;
}

/* A write to it has been let go and has not ended on all legs. */
static bool is_written(const struct nodes_block *b)
{
	return b->place == AT_SYNC || b->place == AT_NOSYNC || b->place == AT_LEGS;
}

static void excuse(struct nodes *nd, int region, u64 *count, const char *why)
{
	struct nodes_region *r = &nd->region[region];

	if (r->excused)
		return;
	note(nd, -1, region, why, 0);
	r->excused = true;
	(*count)++;
}

static bool is_copied(const struct nodes *nd, int region)
{
	unsigned int i;

	for (i = 0; i < nd->nr_nodes; i++)
		if (nd->node[i].copy != NO_COPY && nd->node[i].copying == region)
			return true;
	return false;
}

/* May the disk call the region clean, whatever this block? Some of that is cmirrord's. */
static u64 *excuse_for_clean(struct nodes *nd, int region, const struct nodes_block *b)
{
	struct cluster *cl = &nd->cl;

	if (b->lost && b->place != AT_LEGS && cl->dead & BIT(region))
		return &nd->tally.excused_dead;
	if (cl->unwritten & BIT(region) && b->blind)
		return &nd->tally.excused_disk;
	if (cluster_is_doubtful(cl, region))
		return &nd->tally.excused_doubt;
	return NULL;
}

/* What is found wrong by looking at everything */
static void check_region(struct nodes *nd, int region)
{
	struct nodes_region *r = &nd->region[region];
	bool differ = false, flying = false, quiet = false, wrong = false;
	bool written = false;
	struct cluster *cl = &nd->cl;
	unsigned int i, node;

	for (i = 0; i < NR_BLOCKS; i++) {
		const struct nodes_block *b = &r->block[i];

		written |= is_written(b);
		if (b->leg[0] == b->leg[1] && b->place != AT_LEGS)
			continue;
		differ |= b->leg[0] != b->leg[1];
		flying |= b->place == AT_LEGS;
		quiet |= !is_active(b);
		if (cl->disk & BIT(region)) {
			u64 *count = excuse_for_clean(nd, region, b);

			wrong |= !count;
			if (count)
				(*count)++;
		}
	}
	nd->tally.looks++;
	nd->tally.differ += differ;
	nd->tally.dirty += !(cl->disk & BIT(region));
	if (!differ && !written && !is_copied(nd, region)) {
		r->excused = false;
		r->unreported = false;
		r->unmarked = 0;
		return;
	}
	if (r->excused || r->unmarked || (!differ && !flying))
		return;
	if (wrong)
		broken(nd, -1, region, differ ? "clean on the disk, but the legs differ" :
		       "clean on the disk, but there is a write in flight");
	if (!quiet || r->unreported || r->untold)
		return;
	for (node = 0; node < NR_NODES; node++)
		if (cluster_member(cl, node) && cl->replica[node].sync & BIT(region))
			broken(nd, node, region, "called in sync, but the legs differ");
}

static void check_map(struct nodes *nd, struct nodes_node *n)
{
	struct dm_log_common *common;
	const char *wrong;

	if (!n->log || n->pass || n->cleaning || n->ioctl)
		return;
	common = n->log->context;
	wrong = dm_regions_check(&common->regions, NULL, NULL);
	if (wrong)
		broken(nd, node_nr(nd, n), -1, wrong);
}

static void check(struct nodes *nd)
{
	int i;

	for (i = 0; i < NR_ACTIVE; i++) {
		check_region(nd, i);
		nd->tally.out_of_sync += !(nd->cl.replica[0].sync & BIT(i));
	}
}

/*
 * dm-region-hash
 */

static const struct dm_dirty_log_type *type_of(const struct nodes_node *n)
{
	return n->log->type;
}

static u64 number_of(const struct nodes *nd, int region)
{
	return nd->cl.number[region];
}

static bool log_in_sync(struct nodes *nd, struct nodes_node *n, int region)
{
	int r = type_of(n)->in_sync(n->log, number_of(nd, region), 1);

	note(nd, node_nr(nd, n), region, "in_sync()", r);
	return r == 1;
}

static void rh_find(struct nodes *nd, struct nodes_node *n, int region)
{
	struct nodes_entry *e = &n->entry[region];

	if (e->state == RH_ABSENT)
		e->state = log_in_sync(nd, n, region) ? RH_CLEAN : RH_NOSYNC;
}

static void rh_inc(struct nodes *nd, struct nodes_node *n, int region)
{
	struct nodes_entry *e = &n->entry[region];

	rh_find(nd, n, region);
	e->pending++;
	if (e->state != RH_CLEAN)
		return;
	e->state = RH_DIRTY;
	note(nd, node_nr(nd, n), region, "mark", 0);
	type_of(n)->mark_region(n->log, number_of(nd, region));
}

static void rh_dec(struct nodes *nd, struct nodes_node *n, int region)
{
	struct nodes_entry *e = &n->entry[region];

	n->woken = true;
	if (--e->pending)
		return;
	if (e->state == RH_RECOVERING)
		n->copy = QUIESCED;
	else if (e->state == RH_DIRTY)
		e->state = RH_CLEAN;
}

/* Is there a replica that has not heard of it, and answers others? */
static bool is_called_in_sync(const struct nodes *nd, int region)
{
	unsigned int node;

	for (node = 0; node < NR_NODES; node++)
		if (cluster_member(&nd->cl, node) &&
		    nd->cl.replica[node].sync & BIT(region))
			return true;
	return false;
}

static void set_region_sync(struct nodes *nd, struct nodes_node *n, int region, int in_sync)
{
	struct nodes_region *r = &nd->region[region];

	note(nd, node_nr(nd, n), region, "set_region_sync", in_sync);
	type_of(n)->set_region_sync(n->log, number_of(nd, region), in_sync);
	if (in_sync || !is_called_in_sync(nd, region))
		return;
	r->untold |= BIT(node_nr(nd, n));
	nd->tally.excused_untold++;
}

static void complete_resync_work(struct nodes *nd, struct nodes_node *n, int success)
{
	struct nodes_region *r = &nd->region[n->copying];
	unsigned int i;

	set_region_sync(nd, n, n->copying, success);
	for (i = 0; i < NR_BLOCKS; i++)
		if (r->block[i].place == AT_DELAYED && r->block[i].node == node_nr(nd, n)) {
			r->block[i].place = AT_QUEUE;
			n->woken = true;
		}
	n->copy = NO_COPY;
	n->slot_free = !n->stopping;
}

static void rh_mark_nosync(struct nodes *nd, struct nodes_node *n, int region)
{
	struct nodes_entry *e = &n->entry[region];
	bool recovering;

	set_region_sync(nd, n, region, 0);
	recovering = e->state == RH_RECOVERING;
	e->state = RH_NOSYNC;
	if (recovering)
		complete_resync_work(nd, n, 0);
}

/* What is true when flush() has succeeded for a write. Others need not do anything. */
static void flushed(struct nodes *nd, struct nodes_node *n)
{
	u8 me = BIT(node_nr(nd, n));
	int i;

	if (n->phase != NODE_LIVE && n->phase != NODE_SUSPENDING)
		return;
	for (i = 0; i < NR_ACTIVE; i++) {
		/* With another daemon of its own the node hears the same of the disk. */
		if (!(nd->cl.unwritten & BIT(i)))
			nd->region[i].unmarked &= ~me;
		nd->region[i].untold &= ~me;
	}
}

/* What a read of the next pass must find. Nothing, where a daemon was not told the truth. */
static void note_floor(struct nodes *nd, struct nodes_node *n)
{
	int i, b;

	for (i = 0; i < NR_ACTIVE; i++) {
		const struct nodes_region *r = &nd->region[i];
		bool excused = r->excused || r->unmarked || r->untold || r->unreported;

		for (b = 0; b < NR_BLOCKS; b++)
			n->floor[i][b] = excused ? 0 : r->block[b].acked;
	}
}

static int flush_log(struct nodes *nd, struct nodes_node *n)
{
	int r;

	r = type_of(n)->flush(n->log);
	note(nd, node_nr(nd, n), -1, "flush()", r);
	nd->cl.latched[node_nr(nd, n)] = 0;
	note_floor(nd, n);
	return r;
}

static void rh_update_states(struct nodes *nd, struct nodes_node *n)
{
	enum nodes_copy copy = n->copy;
	u32 clean = 0;
	int i;

	for (i = 0; i < NR_ACTIVE; i++)
		if (n->entry[i].state == RH_CLEAN) {
			n->entry[i].state = RH_ABSENT;
			clean |= BIT(i);
		}
	if (copy == COPIED) {
		n->entry[n->copying].state = RH_ABSENT;
		type_of(n)->clear_region(n->log, number_of(nd, n->copying));
		complete_resync_work(nd, n, 1);
	} else if (copy == COPY_FAILED) {
		n->entry[n->copying].state = RH_ABSENT;
		complete_resync_work(nd, n, !nd->handle_errors);
	}
	for (i = 0; i < NR_ACTIVE; i++)
		if (clean & BIT(i)) {
			note(nd, node_nr(nd, n), i, "clear", 0);
			type_of(n)->clear_region(n->log, number_of(nd, i));
		}
	flush_log(nd, n);
}

static void rh_recovery_prepare(struct nodes *nd, struct nodes_node *n)
{
	region_t number;
	int r, region;

	if (!n->slot_free)
		return;
	n->handing = CLUSTER_NONE;
	r = type_of(n)->get_resync_work(n->log, &number);
	n->handing = CLUSTER_NONE;
	if (r <= 0)
		return;
	region = cluster_region(&nd->cl, number);
	if (region == CLUSTER_NONE) {
		broken(nd, node_nr(nd, n), -1, "to be recovered: a region always in sync");
		return;
	}
	note(nd, node_nr(nd, n), region, "to be recovered", 0);
	n->slot_free = false;
	rh_find(nd, n, region);
	n->entry[region].state = RH_RECOVERING;
	n->copying = region;
	n->copy = n->entry[region].pending ? QUIESCING : QUIESCED;
}

/*
 * dm-raid1: the worker
 */

static void do_recovery(struct nodes *nd, struct nodes_node *n)
{
	u64 count;

	rh_recovery_prepare(nd, n);
	if (n->copy == QUIESCED) {
		n->copy = COPY_READ;
		n->copy_since = get_jiffies_64();
	}
	if (n->in_sync)
		return;
	count = type_of(n)->get_sync_count(n->log);
	if (count > nd->cl.nr_regions)
		broken(nd, node_nr(nd, n), -1, "more regions are in sync than there are");
	if (count == nd->cl.nr_regions) {
		note(nd, node_nr(nd, n), -1, "all in sync", 0);
		n->in_sync = true;
		n->leg_failure = false;
	}
}

/* From which legs could it be served, and what would be found there? */
static void judge_read(struct nodes *nd, struct nodes_node *n, int region, int block,
		       bool in_sync, u32 floor)
{
	const struct nodes_region *r = &nd->region[region];
	const struct nodes_block *b = &r->block[block];

	nd->tally.reads++;
	nd->tally.sync_reads += in_sync;
	if (r->excused || r->unmarked || r->untold || r->unreported)
		return;
	if (b->leg[0] < floor)
		broken(nd, node_nr(nd, n), region, "a read of the first leg misses a write");
	if (in_sync && !n->leg_failure && b->leg[1] < floor)
		broken(nd, node_nr(nd, n), region, "a read of the second leg misses a write");
}

static void do_reads(struct nodes *nd, struct nodes_node *n, u32 reads)
{
	int i;

	for (i = 0; reads; i++, reads >>= 1) {
		int region = i / NR_BLOCKS;
		bool in_sync = false;

		if (!(reads & 1))
			continue;
		/* What the hash says is not the log's fault. */
		if (n->entry[region].state == RH_ABSENT)
			in_sync = log_in_sync(nd, n, region) &&
				  !(nd->cl.latched[node_nr(nd, n)] & BIT(region));
		judge_read(nd, n, region, i % NR_BLOCKS, in_sync,
			   n->floor[region][i % NR_BLOCKS]);
	}
}

/* The node's next write in this place, after block number @i, which is set to its number. */
static struct nodes_block *next_write(struct nodes *nd, struct nodes_node *n, int *i,
				      enum nodes_place place)
{
	while (++*i < NR_ACTIVE * NR_BLOCKS) {
		struct nodes_block *b = &nd->region[*i / NR_BLOCKS].block[*i % NR_BLOCKS];

		if (b->place == place && b->node == node_nr(nd, n))
			return b;
	}
	return NULL;
}

/*
 * A server that is being suspended says that nobody recovers anything, and goes on to hand
 * out regions. That it is out of sync tells that a write should wait, but not for how long.
 */
static bool cannot_wait(const struct nodes *nd, const struct nodes_node *n)
{
	int server = cluster_server(&nd->cl);
	const struct cluster_replica *s = &nd->cl.replica[max(server, 0)];

	/* A copy takes two seconds: for so long it can wait. */
	if (n->phase == NODE_SUSPENDING &&
	    time_after_eq64(get_jiffies_64(), n->presuspended + msecs_to_jiffies(2900)))
		return true;
	return server >= 0 && s->halted &&
	       time_after_eq64(get_jiffies_64(), s->halted_since + msecs_to_jiffies(15000));
}

/*
 * And if the node's own cmirrord says that it is in sync, because all were once, there is
 * nothing to tell a server that is being suspended from one whose search is over; nor if it
 * failed here: another node may have recovered it.
 */
static bool is_misled(const struct nodes *nd, const struct nodes_node *n, int region)
{
	int server = cluster_server(&nd->cl);

	return server >= 0 && nd->cl.replica[server].halted &&
	       (nd->cl.latched[node_nr(nd, n)] & BIT(region) ||
		n->entry[region].state == RH_NOSYNC);
}

static void classify(struct nodes *nd, struct nodes_node *n, int region,
		     struct nodes_block *b)
{
	enum nodes_state state = n->entry[region].state;
	int r;

	n->asking = region;
	n->let_go = false;
	r = type_of(n)->is_remote_recovering(n->log, number_of(nd, region));
	n->asking = CLUSTER_NONE;
	n->handing = CLUSTER_NONE;
	if (r) {
		note(nd, node_nr(nd, n), region, "write waits", 0);
		nd->tally.waits++;
		b->place = AT_QUEUE;
		return;
	}
	if (is_copied(nd, region) && (cannot_wait(nd, n) || is_misled(nd, n, region)))
		excuse(nd, region, &nd->tally.excused_other, "excused: could not wait for a copy");
	/* From here on nobody else begins to recover the region. */
	b->place = AT_SYNC;
	if (state == RH_ABSENT)
		state = log_in_sync(nd, n, region) ? RH_CLEAN : RH_NOSYNC;
	if (state == RH_NOSYNC)
		b->place = AT_NOSYNC;
	else if (state == RH_RECOVERING)
		b->place = AT_RECOVER;
}

static void end_write(struct nodes *nd, struct nodes_node *n, int region,
		      struct nodes_block *b, bool well)
{
	if (well)
		b->acked = b->latest;
	note_more(nd, node_nr(nd, n), region,
		  well ? "write acknowledged" : "write ends with an error",
		  b - nd->region[region].block, b->latest);
	b->lost &= !well;
	b->place = b->lost ? AT_LOST : AT_NONE;
	rh_dec(nd, n, region);
}

static void do_write(struct nodes *nd, struct nodes_node *n, int region,
		     struct nodes_block *b, bool unmarked)
{
	bool all = b->place == AT_SYNC;

	nd->tally.writes += all;
	nd->tally.one_leg += !all;
	note_more(nd, node_nr(nd, n), region, all ? "write to both legs" : "write to the first leg",
		  b - nd->region[region].block, b->latest);
	if (unmarked) {
		nd->region[region].unmarked |= BIT(node_nr(nd, n));
		nd->tally.excused_unmarked++;
		/* It did not wait for that, because a suspend could not. */
		if (is_copied(nd, region))
			excuse(nd, region, &nd->tally.excused_other,
			       "excused: written while it is copied");
	}
	b->place = AT_LEGS;
	b->to = all ? ALL_LEGS : 1;
	b->failed = 0;
	b->tried = true;
	/* The disk had failed for another node; this one has heard that all is well. */
	b->blind = nd->cl.unwritten & BIT(region) && !(nd->cl.refused & BIT(node_nr(nd, n)));
	b->since = get_jiffies_64();
}

static void do_writes(struct nodes *nd, struct nodes_node *n)
{
	struct nodes_block *b;
	bool any = false, let_go = false;
	int i, r;

	for (i = -1; (b = next_write(nd, n, &i, AT_TAKEN)); ) {
		any = true;
		classify(nd, n, i / NR_BLOCKS, b);
	}
	if (!any)
		return;
	for (i = -1; (b = next_write(nd, n, &i, AT_SYNC)); ) {
		let_go = true;
		rh_inc(nd, n, i / NR_BLOCKS);
	}
	for (i = -1; (b = next_write(nd, n, &i, AT_NOSYNC)); ) {
		let_go = true;
		rh_inc(nd, n, i / NR_BLOCKS);
	}

	r = flush_log(nd, n);
	if (r) {
		nd->tally.log_errors++;
		n->log_failure = true;
	} else if (let_go) {
		flushed(nd, n);
	}
	for (i = -1; (b = next_write(nd, n, &i, AT_SYNC)); ) {
		if (n->log_failure && nd->handle_errors) {
			b->place = AT_FAILURES;
			n->woken = true;
		} else {
			do_write(nd, n, i / NR_BLOCKS, b, r);
		}
	}
	for (i = -1; (b = next_write(nd, n, &i, AT_RECOVER)); )
		b->place = AT_DELAYED;
	for (i = -1; (b = next_write(nd, n, &i, AT_NOSYNC)); ) {
		if (n->leg_failure && nd->handle_errors) {
			b->place = AT_FAILURES;
			n->woken = true;
		} else {
			do_write(nd, n, i / NR_BLOCKS, b, r);
		}
	}
}

static void do_failures(struct nodes *nd, struct nodes_node *n)
{
	struct nodes_block *b;
	int i;

	for (i = -1; (b = next_write(nd, n, &i, AT_FAILED)); ) {
		int region = i / NR_BLOCKS;

		if (!n->log_failure) {
			n->in_sync = false;
			rh_mark_nosync(nd, n, region);
		} else if (b->tried) {
			nd->region[region].unreported = true;
			nd->tally.excused_unreported++;
		}
		if (!nd->handle_errors) {
			end_write(nd, n, region, b, true);
		} else if (!n->stopping) {
			nd->tally.holds++;
			note(nd, node_nr(nd, n), region, "write held", 0);
			b->place = AT_HOLDS;
		} else if (n->noflush) {
			b->place = AT_REQUEUED;
			rh_dec(nd, n, region);
		} else {
			end_write(nd, n, region, b, false);
		}
	}
}

static void do_mirror(struct nodes *nd, struct nodes_node *n)
{
	u32 reads = n->reads;
	struct nodes_block *b;
	int i, before = nd->current_node;

	nd->tally.passes++;
	nd->current_node = node_nr(nd, n);
	n->pass = true;
	n->pass_since = get_jiffies_64();
	n->woken = false;
	n->reads = 0;
	for (i = -1; (b = next_write(nd, n, &i, AT_QUEUE)); )
		b->place = AT_TAKEN;
	for (i = -1; (b = next_write(nd, n, &i, AT_FAILURES)); )
		b->place = AT_FAILED;
	rh_update_states(nd, n);
	do_recovery(nd, n);
	do_reads(nd, n, reads);
	do_writes(nd, n);
	do_failures(nd, n);
	n->pass = false;
	nd->current_node = before;
	check_map(nd, n);
}

/* May the worker begin a pass? Not if somebody holds what it needs. */
static bool may_pass(const struct nodes_node *n)
{
	return n->log && !n->pass && !n->ioctl && (!n->cleaning || n->flushing);
}

static bool may_change(const struct nodes_node *n)
{
	return n->log && !n->pass && !n->ioctl && !n->cleaning;
}

/*
 * What I/O does by itself
 */

static void new_write(struct nodes *nd, struct nodes_node *n, int region, int block)
{
	struct nodes_block *b = &nd->region[region].block[block];

	if (is_active(b) && b->place != AT_LOST)
		return;
	b->node = node_nr(nd, n);
	b->place = AT_QUEUE;
	b->tried = false;
	b->latest = ++nd->version;
	n->woken = true;
}

static void new_read(struct nodes *nd, struct nodes_node *n, int region, int block)
{
	int r = type_of(n)->in_sync(n->log, number_of(nd, region), 0);

	if (r > 0) {
		judge_read(nd, n, region, block, true, nd->region[region].block[block].acked);
		return;
	}
	n->reads |= BIT(region * NR_BLOCKS + block);
	n->woken = true;
}

/* A write reaches a leg, or does not. */
static void land(struct nodes *nd, int region, int block, bool fails)
{
	struct nodes_block *b = &nd->region[region].block[block];
	struct nodes_node *n = &nd->node[b->node];
	unsigned int leg;

	if (b->place != AT_LEGS)
		return;
	leg = b->to == ALL_LEGS ? pick(nd, 2) : b->to >> 1;
	fails = fails && leg == 1;
	if (fails) {
		nd->tally.failed_writes++;
		note(nd, b->node, region, "write fails on the second leg", block);
		n->leg_failure = true;
		b->failed |= BIT(leg);
	} else {
		b->leg[leg] = b->latest;
	}
	b->to &= ~BIT(leg);
	if (b->to)
		return;
	if (b->failed) {
		b->place = AT_FAILURES;
		n->woken = true;
	} else {
		end_write(nd, n, region, b, true);
	}
}

static void copy_on(struct nodes *nd, struct nodes_node *n, bool fails)
{
	struct nodes_region *r = &nd->region[n->copying];
	unsigned int i;

	switch (n->copy) {
	case COPY_READ:
		note(nd, node_nr(nd, n), n->copying, "copy: read", 0);
		for (i = 0; i < NR_BLOCKS; i++)
			n->copied[i] = r->block[i].leg[0];
		n->copy = COPY_WRITE;
		break;
	case COPY_WRITE:
		note(nd, node_nr(nd, n), n->copying, fails ? "copy fails" : "copy: written", 0);
		for (i = 0; i < (fails ? pick(nd, NR_BLOCKS) : NR_BLOCKS); i++)
			r->block[i].leg[1] = n->copied[i];
		if (fails) {
			n->leg_failure = true;
			n->copy = COPY_FAILED;
		} else {
			nd->tally.copies++;
			for (i = 0; i < NR_BLOCKS; i++) {
				r->block[i].lost = false;
				if (r->block[i].place == AT_LOST)
					r->block[i].place = AT_NONE;
			}
			n->copy = COPIED;
		}
		n->woken = true;
		break;
	default:
		break;
	}
}

/*
 * What happens
 */

static void step(struct nodes *nd);

static void others(struct nodes *nd, enum nodes_event event, unsigned int nr)
{
	if (nd->depth >= MAX_DEPTH || nd->wrong || !happens(nd, event))
		return;
	nd->depth++;
	lockdep_off();
	for (nr = 1 + pick(nd, nr); nr && !nd->wrong; nr--)
		step(nd);
	lockdep_on();
	nd->depth--;
}

static void run_cleaner(struct nodes *nd, struct nodes_node *n)
{
	int before = nd->current_node;
	unsigned int faults = n->faults;

	nd->current_node = node_nr(nd, n);
	n->cleaning = true;
	note(nd, node_nr(nd, n), -1, "cleaner", 0);
	dm_log_run_cleaner(n->log);
	n->cleaning = false;
	/* If a message was lost, it is to come again later. */
	if (n->faults == faults)
		cluster_cleaned(&nd->cl, node_nr(nd, n));
	nd->current_node = before;
	check_map(nd, n);
}

static int flush_legs(struct dm_target *ti)
{
	struct nodes *nd = the_nodes();
	struct nodes_node *n = NULL;
	unsigned int i;

	for (i = 0; i < nd->nr_nodes; i++)
		if (ti >= nd->node[i].ti && ti < nd->node[i].ti + 2)
			n = &nd->node[i];
	if (n->cleaning) {
		n->flushing = true;
		others(nd, EV_MEET, 4);
		n->flushing = false;
	}
	if (n->fail_leg_flushes) {
		n->fail_leg_flushes--;
		note(nd, node_nr(nd, n), -1, "a leg cannot be flushed", 0);
		return -EIO;
	}
	return 0;
}

/* A copy does not take longer than it should take to write a region, and a write neither. */
static void hurry_io(struct nodes *nd)
{
	unsigned int i;
	int region, b;

	for (i = 0; i < nd->nr_nodes; i++) {
		struct nodes_node *n = &nd->node[i];

		while ((n->copy == COPY_READ || n->copy == COPY_WRITE) &&
		       time_after64(get_jiffies_64(),
				    n->copy_since + msecs_to_jiffies(IO_MS)))
			copy_on(nd, n, false);
	}
	for (region = 0; region < NR_ACTIVE; region++)
		for (b = 0; b < NR_BLOCKS; b++) {
			const struct nodes_block *w = &nd->region[region].block[b];

			while (w->place == AT_LEGS &&
			       time_after64(get_jiffies_64(),
					    w->since + msecs_to_jiffies(IO_MS)))
				land(nd, region, b, false);
		}
}

static void wait_ms(struct nodes *nd, unsigned int ms)
{
	if (nodes_virtual)
		msleep(ms);
	else if (!pick(nd, 50))
		usleep_range(500, 1000);
}

static bool create_log(struct nodes *nd, struct nodes_node *n, unsigned int slot,
		       struct dm_dirty_log **log)
{
	char words[80], *argv[8], *rest = words, *word;
	unsigned int argc = 0;
	int before = nd->current_node;

	strscpy(words, nd->words, sizeof(words));
	while ((word = strsep(&rest, " ")) && *word)
		argv[argc++] = word;
	n->creating = slot;
	n->luid[slot] = 0;
	n->ti[slot].len = nd->cl.nr_regions * CLUSTER_SECTORS;
	n->ti[slot].table = nd->table;
	n->ti[slot].private = nd;
	nd->current_node = node_nr(nd, n);
	*log = dm_dirty_log_create("userspace", &n->ti[slot], flush_legs, argc, argv);
	nd->current_node = before;
	return *log;
}

/* A mirror is made; its worker runs once, before it is resumed. */
static void new_mirror(struct nodes *nd, struct nodes_node *n, struct dm_dirty_log *log,
		       bool *in_sync)
{
	log->type->flush(log);
	*in_sync = log->type->get_sync_count(log) == nd->cl.nr_regions;
}

static void start_mirror(struct nodes *nd, struct nodes_node *n, bool in_sync)
{
	n->in_sync = in_sync;
	n->log_failure = false;
	n->leg_failure = false;
	memset(n->entry, 0, sizeof(n->entry));
	n->copy = NO_COPY;
	n->slot_free = false;
	n->asking = CLUSTER_NONE;
	n->handing = CLUSTER_NONE;
	n->reads = 0;
}

static void resume(struct nodes *nd, struct nodes_node *n)
{
	int before = nd->current_node, i, r;
	struct nodes_block *w;

	n->ioctl = true;
	nd->current_node = node_nr(nd, n);
	r = type_of(n)->resume(n->log);
	note(nd, node_nr(nd, n), -1, "resume", r);
	n->stopping = false;
	n->slot_free = true;
	n->phase = NODE_LIVE;
	n->blocked = false;
	n->woken = true;
	for (i = -1; (w = next_write(nd, n, &i, AT_REQUEUED)); )
		w->place = AT_QUEUE;
	note_floor(nd, n);
	nd->current_node = before;
	n->ioctl = false;
}

/* The node's I/O goes on, and so do the others. */
static void go_on(struct nodes *nd, struct nodes_node *n)
{
	struct nodes_block *b;
	int i;

	for (i = -1; (b = next_write(nd, n, &i, AT_LEGS)); )
		while (b->place == AT_LEGS)
			land(nd, i / NR_BLOCKS, i % NR_BLOCKS, false);
	copy_on(nd, n, false);
	if (nd->depth < MAX_DEPTH && !nd->wrong) {
		unsigned int nr = pick(nd, 4);

		nd->depth++;
		while (nr--)
			step(nd);
		nd->depth--;
	}
	if (n->log && !n->pass)
		do_mirror(nd, n);
}

static bool has_writes(struct nodes *nd, struct nodes_node *n)
{
	struct nodes_block *b;
	int i, place;

	for (place = AT_QUEUE; place < AT_REQUEUED; place++)
		for (i = -1; (b = next_write(nd, n, &i, place)); )
			return true;
	return false;
}

/* The worker is stuck, or a write is: let it be lost, and say so. */
static void give_up_writes(struct nodes *nd, struct nodes_node *n)
{
	struct nodes_block *b;
	int i, place;

	nd->tally.stuck++;
	note(nd, node_nr(nd, n), -1, "given up waiting for writes", 0);
	for (place = AT_QUEUE; place < AT_REQUEUED; place++)
		for (i = -1; (b = next_write(nd, n, &i, place)); )
			b->place = b->lost || b->tried ? AT_LOST : AT_NONE;
	n->reads = 0;
}

static void suspend(struct nodes *nd, struct nodes_node *n)
{
	int before = nd->current_node, i, r;
	struct nodes_block *b;

	n->ioctl = true;
	nd->current_node = node_nr(nd, n);
	note(nd, node_nr(nd, n), -1, "suspend", 0);
	n->stopping = true;
	n->noflush = pick(nd, 2);
	for (i = -1; (b = next_write(nd, n, &i, AT_HOLDS)); ) {
		if (n->noflush) {
			b->place = AT_REQUEUED;
			rh_dec(nd, n, i / NR_BLOCKS);
		} else {
			end_write(nd, n, i / NR_BLOCKS, b, false);
		}
	}
	for (i = 0; n->copy != NO_COPY && i < 100 && !nd->wrong; i++)
		go_on(nd, n);
	n->slot_free = false;
	n->presuspended = get_jiffies_64();
	r = type_of(n)->presuspend(n->log);
	note(nd, node_nr(nd, n), -1, "presuspend", r);
	n->phase = NODE_SUSPENDING;
	do_mirror(nd, n);
	n->blocked = true;
	for (i = 0; (has_writes(nd, n) || n->reads) && i < 120 && !nd->wrong; i++) {
		go_on(nd, n);
		wait_ms(nd, 200);
	}
	if (has_writes(nd, n))
		give_up_writes(nd, n);
	if (pick(nd, 4))
		do_mirror(nd, n);
	r = type_of(n)->postsuspend(n->log);
	note(nd, node_nr(nd, n), -1, "postsuspend", r);
	n->phase = NODE_SUSPENDED;
	if (!pick(nd, 4))
		do_mirror(nd, n);
	nd->current_node = before;
	n->ioctl = false;
}

static void destroy_log(struct nodes *nd, struct nodes_node *n, struct dm_dirty_log *log)
{
	int before = nd->current_node;

	nd->current_node = node_nr(nd, n);
	dm_dirty_log_destroy(log);
	nd->current_node = before;
}

/* The region's marks, and the failures of its writes, go with the log. */
static void forget_log(struct nodes *nd, struct nodes_node *n)
{
	u8 me = BIT(node_nr(nd, n));
	int i;

	for (i = 0; i < NR_ACTIVE; i++) {
		struct nodes_region *r = &nd->region[i];

		if ((r->unmarked | r->untold) & me || r->unreported)
			excuse(nd, i, &nd->tally.excused_other,
			       "excused: with the log goes what it could not tell");
		r->unmarked &= ~me;
		r->untold &= ~me;
	}
}

static void reload(struct nodes *nd, struct nodes_node *n)
{
	struct dm_dirty_log *old = n->log, *new;
	int before = nd->current_node;
	bool in_sync;

	n->ioctl = true;
	if (!create_log(nd, n, !n->slot, &new)) {
		n->ioctl = false;
		return;
	}
	note(nd, node_nr(nd, n), -1, "new table", 0);
	nd->current_node = node_nr(nd, n);
	new_mirror(nd, n, new, &in_sync);
	nd->current_node = before;
	suspend(nd, n);
	n->ioctl = true;
	forget_log(nd, n);
	/* What it has marked and not cleared, its successor does not know of. */
	nd->cl.dead |= nd->cl.given[node_nr(nd, n)];
	nd->cl.given[node_nr(nd, n)] = 0;
	n->log = new;
	n->slot = !n->slot;
	start_mirror(nd, n, in_sync);
	resume(nd, n);
	n->ioctl = true;
	destroy_log(nd, n, old);
	n->ioctl = false;
}

static void restart_daemon(struct nodes *nd, struct nodes_node *n)
{
	struct cluster_replica *r = &nd->cl.replica[node_nr(nd, n)];
	u32 portid = r->portid;

	note(nd, node_nr(nd, n), -1, "daemon restarts", portid + 1);
	cluster_restart(&nd->cl, node_nr(nd, n));
	if (!pick(nd, 3)) {
		r->listening = false;
		n->revive_after = 1 + pick(nd, 4);
	}
	/* The news may come a little later. */
	if (n->lost_later)
		dm_ulog_released(n->lost_later);
	n->lost_later = 0;
	if (pick(nd, 4))
		dm_ulog_released(portid);
	else
		n->lost_later = portid;
}

static void start_node(struct nodes *nd, struct nodes_node *n)
{
	int before = nd->current_node;
	struct dm_dirty_log *log;
	bool in_sync;

	/* Perhaps while another one was started. */
	if (n->log || n->ioctl)
		return;
	n->ioctl = true;
	if (!create_log(nd, n, 0, &log)) {
		n->ioctl = false;
		return;
	}
	note(nd, node_nr(nd, n), -1, "node starts", 0);
	n->log = log;
	n->slot = 0;
	nd->current_node = node_nr(nd, n);
	new_mirror(nd, n, n->log, &in_sync);
	nd->current_node = before;
	start_mirror(nd, n, in_sync);
	resume(nd, n);
}

/* The node is gone at once: whatever was on its way to a leg may have reached it. */
static void crash(struct nodes *nd, struct nodes_node *n)
{
	struct dm_dirty_log *log = n->log;
	struct nodes_block *b;
	int i, place;

	note(nd, node_nr(nd, n), -1, "node crashes", 0);
	for (i = -1; (b = next_write(nd, n, &i, AT_LEGS)); ) {
		unsigned int leg;

		for (leg = 0; leg < 2; leg++)
			if (b->to & BIT(leg) && pick(nd, 2))
				b->leg[leg] = b->latest;
		b->lost = true;
		b->place = AT_LOST;
	}
	for (place = AT_QUEUE; place < AT_LOST; place++)
		for (i = -1; (b = next_write(nd, n, &i, place)); ) {
			b->lost |= b->tried;
			b->place = b->lost ? AT_LOST : AT_NONE;
		}
	forget_log(nd, n);
	n->reads = 0;
	n->phase = NODE_ABSENT;
	n->log = NULL;
	cluster_crash(&nd->cl, node_nr(nd, n));
	n->revive_after = 0;
	/* The machine is gone, but this kernel has to get rid of the log. */
	n->ioctl = true;
	destroy_log(nd, n, log);
	n->ioctl = false;
	nd->cl.replica[node_nr(nd, n)].listening = true;
}

static void change(struct nodes *nd, struct nodes_node *n)
{
	if (!n->log) {
		start_node(nd, n);
		return;
	}
	if (n->phase == NODE_SUSPENDED) {
		resume(nd, n);
		return;
	}
	if (happens(nd, EV_SUSPEND)) {
		suspend(nd, n);
		if (!nd->wrong)
			resume(nd, n);
	} else if (happens(nd, EV_RELOAD)) {
		reload(nd, n);
	} else if (happens(nd, EV_LEAVE)) {
		suspend(nd, n);
	} else if (happens(nd, EV_CRASH)) {
		crash(nd, n);
	}
}

/* Whoever comes back reads from the disk what may differ. */
static void forget_lost(struct nodes *nd, int region)
{
	struct nodes_region *r = &nd->region[region];
	unsigned int i;

	for (i = 0; i < NR_BLOCKS; i++) {
		struct nodes_block *b = &r->block[i];

		/* Unless it is clean there, which has been judged. */
		if (b->leg[0] != b->leg[1] && nd->cl.disk & BIT(region))
			excuse(nd, region, &nd->tally.excused_other,
			       "excused: clean on the disk already");
		b->place = AT_NONE;
		b->lost = false;
	}
}

static void cut_power(struct nodes *nd)
{
	unsigned int i;
	int region;

	note(nd, -1, -1, "power cut", 0);
	for (i = 0; i < nd->nr_nodes; i++)
		if (nd->node[i].log)
			crash(nd, &nd->node[i]);
	check(nd);
	for (region = 0; region < NR_ACTIVE; region++)
		forget_lost(nd, region);
	for (i = 0; i < nd->nr_nodes; i++)
		start_node(nd, &nd->node[i]);
}

static void io_step(struct nodes *nd)
{
	struct nodes_node *n = &nd->node[pick(nd, nd->nr_nodes)];
	int region = pick(nd, pick(nd, 2) ? 2 : NR_ACTIVE), block = pick(nd, NR_BLOCKS);
	struct nodes_block *b = &nd->region[region].block[block];

	switch (pick(nd, 8)) {
	case 0 ... 2:
		if (n->log && !n->blocked)
			new_write(nd, n, region, block);
		break;
	case 3:
		if (n->log && !n->blocked)
			new_read(nd, n, region, block);
		break;
	case 4 ... 6:
		land(nd, region, block, b->place == AT_LEGS && happens(nd, EV_FAIL_WRITE));
		break;
	case 7:
		copy_on(nd, n, n->copy == COPY_WRITE && happens(nd, EV_FAIL_COPY));
		break;
	}
}

static void log_step(struct nodes *nd)
{
	struct nodes_node *n = &nd->node[pick(nd, nd->nr_nodes)];
	char buf[64];

	switch (pick(nd, 16)) {
	case 0 ... 10:
		if (may_pass(n))
			do_mirror(nd, n);
		break;
	case 11 ... 12:
		if (may_change(n) && n->phase == NODE_LIVE)
			run_cleaner(nd, n);
		break;
	case 13:
		if (n->log ? may_change(n) : !n->ioctl)
			change(nd, n);
		break;
	case 14:
		wait_ms(nd, 10 + pick(nd, pick(nd, 4) ? 200 : 6000));
		break;
	case 15:
		if (happens(nd, EV_FAIL_LEG_FLUSH))
			n->fail_leg_flushes = 1;
		if (happens(nd, EV_FAIL_DISK))
			nd->cl.disk_fails = 1 + pick(nd, 2);
		if (happens(nd, EV_RESTART))
			restart_daemon(nd, n);
		if (may_change(n) && happens(nd, EV_STATUS)) {
			n->ioctl = true;
			n->log->type->status(n->log, STATUSTYPE_INFO, buf, sizeof(buf));
			n->log->type->get_sync_count(n->log);
			n->ioctl = false;
		}
		if (n->lost_later && pick(nd, 2)) {
			dm_ulog_released(n->lost_later);
			n->lost_later = 0;
		}
		break;
	}
}

static void step(struct nodes *nd)
{
	hurry_io(nd);
	if (pick(nd, 3))
		io_step(nd);
	else
		log_step(nd);
	check(nd);
}

/*
 * The daemons' side of the wire
 */

static bool may_hand_out(struct cluster *cl, int region, unsigned int node)
{
	struct nodes *nd = cl->private;
	unsigned int i;

	/*
	 * What no log could prevent: a recovery that begins under another node's write, or
	 * while one may still believe that all is in sync.
	 */
	for (i = 0; i < NR_BLOCKS; i++) {
		const struct nodes_block *b = &nd->region[region].block[i];

		if (b->node != node && is_written(b))
			return false;
	}
	for (i = 0; i < nd->nr_nodes; i++)
		if (i != node && nd->node[i].asking == region && nd->node[i].let_go)
			return false;
	for (i = 0; i < nd->nr_nodes; i++)
		if (i != node && nd->node[i].log && nd->node[i].handing == region)
			return false;
	for (i = 0; i < nd->nr_nodes; i++)
		if (i != node && nd->node[i].copying == region && nd->node[i].copy != NO_COPY)
			return false;
	return nd->settling ||
	       time_after64(get_jiffies_64(), cl->lost_sync[region] + msecs_to_jiffies(200));
}

static void deliver_late(struct work_struct *work)
{
	struct nodes_late *late = container_of(to_delayed_work(work), struct nodes_late, work);

	dm_ulog_receive(&late->msg, late->portid);
	WRITE_ONCE(late->queued, false);
}

static void fill_answer(struct cn_msg *msg, const struct cn_msg *question,
			const struct dm_ulog_request *request, int result, const u64 *reply,
			bool brief)
{
	struct dm_ulog_request answer = *request;

	*msg = *question;
	answer.error = min(result, 0);
	answer.data_size = max(result, 0);
	if (cluster_asks_all(DM_ULOG_REQUEST_TYPE(request->request_type)))
		answer.luid = 0;
	if (result < 0 && brief) {
		msg->ack = -result;
		msg->len = 0;
		return;
	}
	msg->ack = 0;
	msg->len = sizeof(answer) + answer.data_size;
	memcpy(msg->data, &answer, sizeof(answer));
	memcpy(msg->data + sizeof(answer), reply, answer.data_size);
}

/* Something that is no answer to this question */
static int talk_nonsense(struct nodes *nd, u32 type, int result, u64 *reply)
{
	switch (type) {
	case DM_ULOG_IN_SYNC:
	case DM_ULOG_IS_CLEAN:
	case DM_ULOG_GET_RESYNC_WORK:
		reply[0] = 2 + pick(nd, 2);
		break;
	case DM_ULOG_IS_REMOTE_RECOVERING:
		reply[pick(nd, 2)] = nd->cl.nr_regions + 1;
		break;
	case DM_ULOG_GET_SYNC_COUNT:
		reply[0] = nd->cl.nr_regions + 1;
		break;
	default:
		return result == 0 ? 4 : result;
	}
	return pick(nd, 2) ? result : 4;
}

static struct nodes_late *free_late(struct nodes *nd)
{
	unsigned int i;

	for (i = 0; i < NR_LATE; i++)
		if (!READ_ONCE(nd->late[i].queued))
			return &nd->late[i];
	return NULL;
}

static void answer_late(struct nodes *nd, const struct cn_msg *question,
			const struct dm_ulog_request *request, int result,
			const u64 *reply, u32 portid)
{
	struct nodes_late *late = free_late(nd);

	if (!late)
		return;
	fill_answer(&late->msg, question, request, result, reply, false);
	late->portid = portid;
	late->queued = true;
	schedule_delayed_work(&late->work,
			      msecs_to_jiffies(1 + pick(nd, pick(nd, 2) ? dm_log_resend_ms :
							2 * dm_log_resend_ms)));
}

static struct nodes_node *node_of(struct nodes *nd, const struct dm_ulog_request *request)
{
	struct nodes_node *n;

	for (n = nd->node; n < nd->node + nd->nr_nodes; n++)
		if (n->luid[0] == request->luid || n->luid[1] == request->luid)
			return n;
	n = &nd->node[nd->current_node];
	KUNIT_ASSERT_EQ(nd->test, (u32)DM_ULOG_CTR, request->request_type);
	n->luid[n->creating] = request->luid;
	return n;
}

static const int errors[] = { -EIO, -EINVAL, -ENOENT, -EAGAIN, -ENOMEM, -ESRCH, -EBUSY };
static const int send_errors[] = { -ESRCH, -ENOBUFS, -ENOMEM };

/* Trouble seldom comes once only: a few requests in a row, or of one type. */
static bool has_trouble(struct nodes *nd, struct nodes_node *n, enum nodes_event event,
			u32 type, unsigned int *left)
{
	if (*left && (!n->troubled || n->troubled == type)) {
		(*left)--;
		return true;
	}
	if (!happens(nd, event))
		return false;
	*left = pick(nd, pick(nd, 2) ? 2 : 10);
	n->troubled = pick(nd, 2) ? type : 0;
	return true;
}

/* Takes the place of dm_ulog_send(). */
static int nodes_send(struct cn_msg *msg)
{
	struct nodes *nd = the_nodes();
	u64 payload[DM_ULOG_MAX_PAYLOAD / sizeof(u64) + 1], *reply = nd->reply[nd->depth];
	struct nodes_answer *answer = &nd->answer[nd->depth];
	struct dm_ulog_request request;
	struct cluster_replica *replica;
	struct nodes_node *n;
	u32 type, portid;
	u8 refused;
	int node, result, region = -1;

	memcpy(&request, msg->data, sizeof(request));
	memset(payload, 0, sizeof(payload));
	memcpy(payload, msg->data + sizeof(request), request.data_size);
	type = request.request_type;
	n = node_of(nd, &request);
	node = node_nr(nd, n);
	replica = &nd->cl.replica[node];
	nd->tally.requests++;
	if (request.data_size == 8 || type == DM_ULOG_SET_REGION_SYNC)
		region = cluster_region(&nd->cl, payload[0]);

	/* Nobody would wait for so long: somebody gives the node another daemon. */
	if (n->pass && time_after64(get_jiffies_64(), n->pass_since + msecs_to_jiffies(STUCK_MS))) {
		nd->tally.stuck++;
		n->pass_since = get_jiffies_64();
		note(nd, node, region, "stuck", type);
		cluster_restart(&nd->cl, node);
	}
	if (happens(nd, EV_SEND)) {
		note(nd, node, region, "not sent", type);
		n->faults++;
		return send_errors[pick(nd, ARRAY_SIZE(send_errors))];
	}
	if (!replica->listening) {
		n->faults++;
		if (n->revive_after && !--n->revive_after)
			replica->listening = true;
		return -ESRCH;
	}
	hurry_io(nd);
	others(nd, EV_MEET, 4);
	if (!replica->listening) {
		n->faults++;
		return -ESRCH;
	}
	if (has_trouble(nd, n, EV_LOSE_ASK, type, &n->losses)) {
		note(nd, node, region, dm_ulog_type_name(type), -1000);
		n->faults++;
		return 0;
	}
	portid = replica->portid;
	refused = nd->cl.refused;
	if (has_trouble(nd, n, EV_ERROR, type, &n->errors)) {
		result = errors[pick(nd, ARRAY_SIZE(errors))];
		n->faults++;
	} else {
		result = cluster_request(&nd->cl, node, &request, payload, reply);
		nd->tally.joins += type == DM_ULOG_RESUME;
	}
	if (type == DM_ULOG_GET_RESYNC_WORK && result > 0 && reply[0] == 1 && n->pass)
		n->handing = cluster_region(&nd->cl, reply[1]);
	note_more(nd, node, region, dm_ulog_type_name(type),
		  result > 0 ? reply[0] : result, reply[1]);
	if ((type == DM_ULOG_IS_REMOTE_RECOVERING && result > 0 && !reply[0]) ||
	    (type == DM_ULOG_GET_SYNC_COUNT && result > 0 && reply[0] == nd->cl.nr_regions))
		n->let_go = true;
	check(nd);
	if (result >= 0 && happens(nd, EV_NONSENSE)) {
		result = talk_nonsense(nd, type, result, reply);
		note(nd, node, region, "nonsense answered", result);
		n->faults++;
	}
	if (happens(nd, EV_LOSE_ANSWER)) {
		note(nd, node, region, "answer lost", 0);
		n->faults++;
		nd->cl.refused &= refused | ~BIT(node);
		return 0;
	}
	if (happens(nd, EV_LATE)) {
		note(nd, node, region, "late answer", 0);
		n->faults++;
		nd->cl.refused &= refused | ~BIT(node);
		answer_late(nd, msg, &request, result, reply, portid);
		return 0;
	}
	fill_answer(&answer->msg, msg, &request, result, reply, pick(nd, 2));
	others(nd, EV_MEET, 4);
	dm_ulog_receive(&answer->msg, portid);
	if (nd->odds[EV_RESTART] && replica->portid == portid && !pick(nd, 100))
		restart_daemon(nd, n);
	return 0;
}

static void no_event(struct dm_target *ti)
{
}

static void no_tend(struct dm_log_cache *cache, unsigned int delay_ms)
{
}

static bool wake_node(struct us_log *us)
{
	struct dm_target *ti = us->cache.common.ti;
	struct nodes *nd = ti->private;
	unsigned int i;

	for (i = 0; i < nd->nr_nodes; i++)
		if (nd->node[i].ti <= ti && ti < nd->node[i].ti + 2)
			nd->node[i].woken = true;
	nd->tally.wakes++;
	return true;
}

/*
 * Stories
 */

static void tell(struct nodes *nd)
{
	unsigned int i = nd->nr_history > NR_HISTORY ? nd->nr_history - NR_HISTORY : 0;
	struct kunit *test = nd->test;

	kunit_err(test, "story %llu (nodes_seed): %s, %s handle_errors, %u nodes, like cmirrord: %d\n",
		  nd->seed, nd->words, nd->handle_errors ? "with" : "without", nd->nr_nodes,
		  nd->cl.like_cmirrord);
	for (; i < nd->nr_history; i++) {
		const struct nodes_history *h = &nd->history[i % NR_HISTORY];

		if (!nodes_tell && h->region != nd->wrong_region && h->region >= 0 &&
		    nd->wrong_region >= 0)
			continue;
		kunit_err(test, "%lu: node %d, region %d: %s %lld %u\n",
			  h->when - nd->began, h->node, h->region, h->what, h->number,
			  h->extra);
	}
	kunit_err(test, "disk %x, unwritten %x, refused %x, doubt %x, dead %x\n", nd->cl.disk,
		  nd->cl.unwritten, nd->cl.refused, nd->cl.doubt, nd->cl.dead);
	for (i = 0; i < nd->nr_nodes; i++) {
		const struct cluster_replica *r = &nd->cl.replica[i];

		kunit_err(test, "node %u: member %d, sync %x, clean %x, marks %x %x %x, given %x, recovering %d by %u\n",
			  i, cluster_member(&nd->cl, i), r->sync, r->clean, r->marks[0],
			  r->marks[1], r->marks[2], nd->cl.given[i], r->recovering, r->recoverer);
	}
	KUNIT_FAIL(test, "story %llu: region %d: %s\n", nd->seed, nd->wrong_region, nd->wrong);
}

/* How often each thing happens, once in so many times; in each story some only. */
static void set_odds(struct nodes *nd)
{
	static const u16 odds[NR_EVENTS] = {
		[EV_MEET] = 4, [EV_FAIL_WRITE] = 8, [EV_FAIL_COPY] = 8,
		[EV_FAIL_LEG_FLUSH] = 8, [EV_FAIL_DISK] = 8, [EV_LOSE_ASK] = 80,
		[EV_LOSE_ANSWER] = 40, [EV_LATE] = 40, [EV_ERROR] = 60, [EV_NONSENSE] = 30,
		[EV_SEND] = 30, [EV_RESTART] = 4, [EV_CRASH] = 4, [EV_POWER] = 100,
		[EV_SUSPEND] = 4, [EV_RELOAD] = 6, [EV_LEAVE] = 6, [EV_STATUS] = 4,
	};
	unsigned int i;

	for (i = 0; i < NR_EVENTS; i++) {
		nd->odds[i] = 0;
		if (!(nodes_events & BIT(i)))
			continue;
		if (i != EV_MEET && pick(nd, 3))
			continue;
		nd->odds[i] = odds[i] << pick(nd, 3);
	}
	/* Without virtual time lost messages cost some. */
	if (!nodes_virtual) {
		nd->odds[EV_LOSE_ASK] *= 4;
		nd->odds[EV_LOSE_ANSWER] *= 4;
		nd->odds[EV_LATE] *= 4;
	}
}

static const char * const words[] = {
	"u clustered-disk 1024",
	"u integrated_flush clustered-disk 1024",
	"u insync_cache disk 1024",
	"u integrated_flush insync_cache disk 1024",
};

/* All that was to go wrong goes right. */
static void mend_all(struct nodes *nd)
{
	unsigned int i;

	nd->mended = true;
	memset(nd->odds, 0, sizeof(nd->odds));
	nd->cl.disk_fails = 0;
	for (i = 0; i < nd->nr_nodes; i++) {
		struct nodes_node *n = &nd->node[i];

		n->errors = 0;
		n->losses = 0;
		n->revive_after = 0;
		n->fail_leg_flushes = 0;
		nd->cl.replica[i].listening = true;
		if (n->lost_later)
			dm_ulog_released(n->lost_later);
		n->lost_later = 0;
	}
}

static void settle_node(struct nodes *nd, struct nodes_node *n, bool clean)
{
	/* A region that was given to a node which is dead is given to nobody else. */
	if (!n->log)
		start_node(nd, n);
	if (!n->log)
		return;
	if (n->phase == NODE_SUSPENDED)
		resume(nd, n);
	/* What waits is tried again every now and then, and nothing else. */
	if (n->woken || n->reads || has_writes(nd, n))
		do_mirror(nd, n);
	copy_on(nd, n, false);
	copy_on(nd, n, false);
	if (clean)
		run_cleaner(nd, n);
}

/* A daemon that has not heard that the mirror's former log has gone refuses the next. */
static bool is_known(const struct nodes *nd, unsigned int node)
{
	const struct nodes_node *n = &nd->node[node];

	return nd->cl.replica[node].official == n->luid[n->slot];
}

/* Does one node recover all that is out of sync? A cmirrord searches once. */
static bool is_alone(const struct nodes *nd)
{
	return nd->nr_nodes == 1 && !nd->handle_errors && !nd->cl.like_cmirrord &&
	       nd->node[0].log && is_known(nd, 0);
}

/* What a mirror that holds back what has failed does with it is not the log's. */
static void judge_end(struct nodes *nd)
{
	const struct cluster_replica *r = &nd->cl.replica[0];
	int i, region, server = cluster_server(&nd->cl);

	/* It has refused POSTSUSPEND again and again. */
	if (server >= 0 && nd->cl.replica[server].halted)
		return;
	/* One that is dead may have been given a region. */
	for (i = 0; i < nd->nr_nodes; i++)
		if (!nd->node[i].log || !is_known(nd, i))
			return;

	for (i = 0; i < NR_ACTIVE * NR_BLOCKS && !nd->handle_errors; i++) {
		const struct nodes_block *b = &nd->region[i / NR_BLOCKS].block[i % NR_BLOCKS];

		/* cmirrord's hint stays at the last region: nobody knows whether it is copied. */
		if (nd->cl.like_cmirrord && i / NR_BLOCKS == NR_ACTIVE - 1)
			continue;
		if ((b->place == AT_QUEUE || b->place == AT_DELAYED))
			broken(nd, b->node, i / NR_BLOCKS, "a write never ends");
	}
	for (region = 0; region < NR_ACTIVE && is_alone(nd); region++)
		if (!(r->sync & BIT(region)))
			broken(nd, 0, region, "it is never recovered");
}

/* Is there nothing left to do? A cleaner that runs may still find something. */
static bool is_at_rest(struct nodes *nd)
{
	unsigned int i;

	for (i = 0; i < nd->nr_nodes; i++) {
		struct nodes_node *n = &nd->node[i];

		if (!n->log || n->phase != NODE_LIVE || n->woken || n->reads ||
		    n->copy != NO_COPY || has_writes(nd, n))
			return false;
	}
	return true;
}

/* Nobody begins to read or write. */
static void go_on_by_itself(struct nodes *nd, unsigned int steps)
{
	unsigned int i, step, rest = 0;

	for (step = 0; step < steps && rest < 3 * SETTLE_STEPS && !nd->wrong; step++) {
		for (i = 0; i < nd->nr_nodes && !nd->wrong; i++)
			settle_node(nd, &nd->node[i], step % SETTLE_STEPS == 0);
		for (i = 0; i < NR_ACTIVE * NR_BLOCKS; i++)
			while (nd->region[i / NR_BLOCKS].block[i % NR_BLOCKS].place == AT_LEGS)
				land(nd, i / NR_BLOCKS, i % NR_BLOCKS, false);
		check(nd);
		rest = is_at_rest(nd) ? rest + 1 : 0;
		wait_ms(nd, SETTLE_STEP_MS);
	}
}

/* A full resync of an idle mirror, whose daemon is away for a while in the middle of it. */
static void resync_alone(struct nodes *nd)
{
	struct nodes_node *n = &nd->node[0];

	if (!is_alone(nd))
		return;
	suspend(nd, n);
	note(nd, -1, -1, "all dirty", 0);
	nd->cl.disk = 0;
	resume(nd, n);
	do_mirror(nd, n);
	if (pick(nd, 2))
		restart_daemon(nd, n);
	nd->cl.replica[0].listening = false;
	n->revive_after = 0;
	go_on_by_itself(nd, 100);
	mend_all(nd);
	go_on_by_itself(nd, SETTLE_MS / SETTLE_STEP_MS);
}

/* The end of a story: does all come to its end? */
static void settle(struct nodes *nd)
{
	unsigned int i;

	mend_all(nd);
	note(nd, -1, -1, "settle", 0);
	for (i = 0; i < NR_ACTIVE * NR_BLOCKS; i++)
		while (nd->region[i / NR_BLOCKS].block[i % NR_BLOCKS].place == AT_LEGS)
			land(nd, i / NR_BLOCKS, i % NR_BLOCKS, false);
	nd->settling = true;
	/* Whom may_hand_out() has refused work. */
	for (i = 0; i < nd->nr_nodes; i++)
		nd->node[i].woken = true;
	go_on_by_itself(nd, SETTLE_MS / SETTLE_STEP_MS);
	if (!nd->wrong)
		judge_end(nd);
	if (!nd->wrong)
		resync_alone(nd);
	if (!nd->wrong)
		judge_end(nd);
	nd->settling = false;
}

static void story(struct nodes *nd, u64 seed)
{
	unsigned int i, steps;

	nd->seed = seed;
	prandom_seed_state(&nd->rnd, seed);
	memset(&nd->cl, 0, sizeof(nd->cl));
	memset(nd->node, 0, sizeof(nd->node));
	memset(nd->region, 0, sizeof(nd->region));
	nd->version = 0;
	nd->nr_history = 0;
	nd->began = jiffies;
	nd->mended = false;
	nd->depth = 0;

	nd->nr_nodes = nodes_nodes > 0 ? nodes_nodes : 1 + pick(nd, NR_NODES);
	nd->handle_errors = pick(nd, 2);
	nd->words = words[pick(nd, nd->nr_nodes == 1 ? 4 : 2)];
	if (nodes_daemon > 0)
		nd->words = words[0];
	nd->cl.like_cmirrord = pick(nd, 2);
	if (nodes_daemon >= 0)
		nd->cl.like_cmirrord = nodes_daemon;
	nd->cl.integrated = strstr(nd->words, "integrated");
	if (nd->cl.integrated)
		nd->cl.like_cmirrord = false;
	/* Two chunks of the map, or some bits */
	nd->cl.nr_regions = pick(nd, 4) ? NR_ACTIVE : FAR;
	for (i = 0; i < NR_ACTIVE; i++)
		nd->cl.number[i] = i < NR_ACTIVE / 2 ? i : nd->cl.nr_regions - NR_ACTIVE + i;
	nd->cl.may_hand_out = may_hand_out;
	nd->cl.private = nd;
	memset(nd->odds, 0, sizeof(nd->odds));
	cluster_init(&nd->cl, nd->nr_nodes);
	/* Some are out of sync from the beginning. */
	if (!pick(nd, 3)) {
		nd->cl.disk = pick(nd, 1U << NR_ACTIVE);
		for (i = 0; i < NR_ACTIVE; i++)
			if (!(nd->cl.disk & BIT(i)))
				nd->region[i].block[0].leg[0] = ++nd->version;
	}

	for (i = 0; i < nd->nr_nodes; i++)
		start_node(nd, &nd->node[i]);
	set_odds(nd);
	steps = 200 + pick(nd, 2000);
	while (steps-- && !nd->wrong && !is_late(nd)) {
		step(nd);
		if (happens(nd, EV_POWER))
			cut_power(nd);
	}
	if (!nd->wrong && nodes_virtual)
		settle(nd);
	if (nd->wrong)
		tell(nd);
	mend_all(nd);
	for (i = 0; i < nd->nr_nodes; i++)
		if (nd->node[i].log)
			crash(nd, &nd->node[i]);
	for (i = 0; i < NR_LATE; i++)
		flush_delayed_work(&nd->late[i].work);
	nd->tally.stories++;
}

static void tell_tally(struct nodes *nd)
{
	const struct nodes_tally *t = &nd->tally;
	struct kunit *test = nd->test;
	unsigned int i;

	kunit_info(test, "%llu stories, %llu passes, %llu requests, %llu joins\n", t->stories,
		   t->passes, t->requests, t->joins);
	kunit_info(test, "%llu writes, %llu to one leg, %llu waits, %llu held; %llu reads, %llu in sync\n",
		   t->writes, t->one_leg, t->waits, t->holds, t->reads, t->sync_reads);
	kunit_info(test, "%llu copies, %llu wakes, %llu failed writes, %llu log errors, %llu stuck\n",
		   t->copies, t->wakes, t->failed_writes, t->log_errors, t->stuck);
	kunit_info(test, "of %llu looks %llu at legs that differ, %llu dirty, %llu out of sync\n",
		   t->looks, t->differ, t->dirty, t->out_of_sync);
	kunit_info(test, "excused: %llu unmarked, %llu untold, %llu unreported, %llu other; of looks: %llu dead, %llu doubt, %llu disk\n",
		   t->excused_unmarked, t->excused_untold, t->excused_unreported,
		   t->excused_other, t->excused_dead, t->excused_doubt, t->excused_disk);
	for (i = 0; i < NR_EVENTS; i++)
		kunit_info(test, "%s: %llu\n", event_names[i], t->events[i]);
}

/* Of all parts so far */
static struct nodes_tally nodes_tally;

static int nodes_init(struct kunit *test)
{
	struct nodes *nd = kunit_kzalloc(test, sizeof(*nd), GFP_KERNEL);
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, nd);
	nd->test = test;
	nd->tally = nodes_tally;
	test->priv = nd;
	/* Only its mode is looked at. */
	nd->table = kunit_kzalloc(test, PAGE_SIZE, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, nd->table);
	for (i = 0; i < NR_LATE; i++)
		INIT_DELAYED_WORK(&nd->late[i].work, deliver_late);

	nd->old[0] = dm_log_clean_delay_ms;
	nd->old[1] = dm_log_resend_ms;
	nd->old[2] = dm_log_clear_wait_ms;
	/* It runs when the story says so, in its thread. */
	dm_log_clean_delay_ms = INT_MAX;
	dm_log_clear_wait_ms = 1;
	if (!nodes_virtual)
		dm_log_resend_ms = 20;
	kunit_activate_static_stub(test, dm_ulog_send, nodes_send);
	kunit_activate_static_stub(test, dm_log_raise_event, no_event);
	kunit_activate_static_stub(test, dm_log_cache_tend, no_tend);
	kunit_activate_static_stub(test, us_wake, wake_node);
	return 0;
}

static void nodes_exit(struct kunit *test)
{
	struct nodes *nd = test->priv;

	nodes_tally = nd->tally;
	dm_log_clean_delay_ms = nd->old[0];
	dm_log_resend_ms = nd->old[1];
	dm_log_clear_wait_ms = nd->old[2];
}

/* Another one follows if this is not over soon. */
#define PART_MS		20000
#define NR_PARTS	400

static const u16 nodes_parts[NR_PARTS];

static void describe_part(const u16 *part, char *desc)
{
	snprintf(desc, KUNIT_PARAM_DESC_SIZE, "part %td", part - nodes_parts + 1);
}

KUNIT_ARRAY_PARAM(nodes_part, nodes_parts, describe_part);

/* A share of the passes. One that is late leaves the rest to those that follow. */
static void nodes_stories(struct kunit *test)
{
	struct nodes *nd = test->priv;
	const u16 *part = test->param_value;
	unsigned int nr = part - nodes_parts + 1;
	unsigned long began = jiffies;
	static u64 seed;

	if (nr == 1)
		seed = nodes_seed ?: get_random_u64();
	while (!nd->wrong && nd->tally.passes * NR_PARTS < (u64)nodes_passes * nr + (nr == 1)) {
		story(nd, seed);
		seed = (seed ^ seed >> 31) * 0x9e3779b97f4a7c15ULL + 1;
		cond_resched();
		if (time_after(jiffies, began + msecs_to_jiffies(PART_MS)))
			break;
	}
	if (nr == NR_PARTS || nd->wrong)
		tell_tally(nd);
}

static struct kunit_case dm_log_nodes_cases[] = {
	KUNIT_CASE_PARAM_ATTR(nodes_stories, nodes_part_gen_params, { .speed = KUNIT_SPEED_SLOW }),
	{}
};

static struct kunit_suite dm_log_nodes_suite = {
	.name = "dm_log_nodes",
	.init = nodes_init,
	.exit = nodes_exit,
	.test_cases = dm_log_nodes_cases,
};

kunit_test_suite(dm_log_nodes_suite);
