// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit test of the userspace log in a cluster: up to three nodes, each with a real log
 * and a model of a mirror (fake-nodes.h), and their daemons (fake-cluster.h).
 *
 * What happens is picked at random, in short stories that begin with a mirror in sync; each
 * story has its own seed, and tells how it went if a rule is broken:
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
#include "fake-nodes.h"

#define FAR		4099
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

static const char * const event_names[NR_EVENTS] = {
	[EV_MEET] = "meet", [EV_FAIL_WRITE] = "fail_write", [EV_FAIL_COPY] = "fail_copy",
	[EV_FAIL_LEG_FLUSH] = "fail_leg_flush", [EV_FAIL_DISK] = "fail_disk",
	[EV_LOSE_ASK] = "lose_ask", [EV_LOSE_ANSWER] = "lose_answer", [EV_LATE] = "late",
	[EV_ERROR] = "error", [EV_NONSENSE] = "nonsense", [EV_SEND] = "send",
	[EV_RESTART] = "restart", [EV_CRASH] = "crash", [EV_POWER] = "power",
	[EV_SUSPEND] = "suspend", [EV_RELOAD] = "reload", [EV_LEAVE] = "leave",
	[EV_STATUS] = "status",
};

static u64 elapsed_ms(const struct nodes *nd)
{
	return jiffies_to_msecs(jiffies - nd->began);
}

static bool is_late(const struct nodes *nd)
{
	return nodes_virtual && elapsed_ms(nd) > nodes_story_s * MSEC_PER_SEC;
}

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

/* Does it happen now? Nothing does unless it is among the events of the story. */
bool nodes_happens(struct nodes *nd, enum nodes_event event)
{
	if (is_late(nd) && !nd->mended)
		mend_all(nd);
	if (!nd->odds[event] || pick(nd, nd->odds[event]))
		return false;
	nd->tally.events[event]++;
	return true;
}

/*
 * The judge
 */

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

void nodes_check_map(struct nodes *nd, struct nodes_node *n)
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

void nodes_check(struct nodes *nd)
{
	int i;

	for (i = 0; i < NR_ACTIVE; i++) {
		check_region(nd, i);
		nd->tally.out_of_sync += !(nd->cl.replica[0].sync & BIT(i));
	}
}

/* From which legs could it be served, and what would be found there? */
void nodes_judge_read(struct nodes *nd, struct nodes_node *n, int region, int block,
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

/*
 * What happens
 */

void nodes_others(struct nodes *nd, enum nodes_event event, unsigned int nr)
{
	if (nd->depth >= MAX_DEPTH || nd->wrong || !nodes_happens(nd, event))
		return;
	nd->depth++;
	lockdep_off();
	for (nr = 1 + pick(nd, nr); nr && !nd->wrong; nr--)
		nodes_step(nd);
	lockdep_on();
	nd->depth--;
}

void nodes_wait_ms(struct nodes *nd, unsigned int ms)
{
	if (nodes_virtual)
		msleep(ms);
	else if (!pick(nd, 50))
		usleep_range(500, 1000);
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

static void change(struct nodes *nd, struct nodes_node *n)
{
	if (!n->log) {
		nodes_start_node(nd, n);
		return;
	}
	if (n->phase == NODE_SUSPENDED) {
		nodes_resume(nd, n);
		return;
	}
	if (nodes_happens(nd, EV_SUSPEND)) {
		nodes_suspend(nd, n);
		if (!nd->wrong)
			nodes_resume(nd, n);
	} else if (nodes_happens(nd, EV_RELOAD)) {
		nodes_reload(nd, n);
	} else if (nodes_happens(nd, EV_LEAVE)) {
		nodes_suspend(nd, n);
	} else if (nodes_happens(nd, EV_CRASH)) {
		nodes_crash(nd, n);
	}
}

static void io_step(struct nodes *nd)
{
	struct nodes_node *n = &nd->node[pick(nd, nd->nr_nodes)];
	int region = pick(nd, pick(nd, 2) ? 2 : NR_ACTIVE), block = pick(nd, NR_BLOCKS);
	struct nodes_block *b = &nd->region[region].block[block];

	switch (pick(nd, 8)) {
	case 0 ... 2:
		if (n->log && !n->blocked)
			nodes_new_write(nd, n, region, block);
		break;
	case 3:
		if (n->log && !n->blocked)
			nodes_new_read(nd, n, region, block);
		break;
	case 4 ... 6:
		nodes_land(nd, region, block,
			   b->place == AT_LEGS && nodes_happens(nd, EV_FAIL_WRITE));
		break;
	case 7:
		nodes_copy_on(nd, n, n->copy == COPY_WRITE && nodes_happens(nd, EV_FAIL_COPY));
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
			nodes_do_mirror(nd, n);
		break;
	case 11 ... 12:
		if (may_change(n) && n->phase == NODE_LIVE)
			nodes_run_cleaner(nd, n);
		break;
	case 13:
		if (n->log ? may_change(n) : !n->ioctl)
			change(nd, n);
		break;
	case 14:
		nodes_wait_ms(nd, 10 + pick(nd, pick(nd, 4) ? 200 : 6000));
		break;
	case 15:
		if (nodes_happens(nd, EV_FAIL_LEG_FLUSH))
			n->fail_leg_flushes = 1;
		if (nodes_happens(nd, EV_FAIL_DISK))
			nd->cl.disk_fails = 1 + pick(nd, 2);
		if (nodes_happens(nd, EV_RESTART))
			nodes_restart_daemon(nd, n);
		if (may_change(n) && nodes_happens(nd, EV_STATUS)) {
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

void nodes_step(struct nodes *nd)
{
	nodes_hurry_io(nd);
	if (pick(nd, 3))
		io_step(nd);
	else
		log_step(nd);
	nodes_check(nd);
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

static void settle_node(struct nodes *nd, struct nodes_node *n, bool clean)
{
	/* A region that was given to a node which is dead is given to nobody else. */
	if (!n->log)
		nodes_start_node(nd, n);
	if (!n->log)
		return;
	if (n->phase == NODE_SUSPENDED)
		nodes_resume(nd, n);
	/* What waits is tried again every now and then, and nothing else. */
	if (n->woken || n->reads || nodes_has_writes(nd, n))
		nodes_do_mirror(nd, n);
	nodes_copy_on(nd, n, false);
	nodes_copy_on(nd, n, false);
	if (clean)
		nodes_run_cleaner(nd, n);
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
		    n->copy != NO_COPY || nodes_has_writes(nd, n))
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
				nodes_land(nd, i / NR_BLOCKS, i % NR_BLOCKS, false);
		nodes_check(nd);
		rest = is_at_rest(nd) ? rest + 1 : 0;
		nodes_wait_ms(nd, SETTLE_STEP_MS);
	}
}

/* A full resync of an idle mirror, whose daemon is away for a while in the middle of it. */
static void resync_alone(struct nodes *nd)
{
	struct nodes_node *n = &nd->node[0];

	if (!is_alone(nd))
		return;
	nodes_suspend(nd, n);
	note(nd, -1, -1, "all dirty", 0);
	nd->cl.disk = 0;
	nodes_resume(nd, n);
	nodes_do_mirror(nd, n);
	if (pick(nd, 2))
		nodes_restart_daemon(nd, n);
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
			nodes_land(nd, i / NR_BLOCKS, i % NR_BLOCKS, false);
	nd->settling = true;
	/* Whom nodes_may_hand_out() has refused work. */
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
	nd->cl.may_hand_out = nodes_may_hand_out;
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
		nodes_start_node(nd, &nd->node[i]);
	set_odds(nd);
	steps = 200 + pick(nd, 2000);
	while (steps-- && !nd->wrong && !is_late(nd)) {
		nodes_step(nd);
		if (nodes_happens(nd, EV_POWER))
			nodes_cut_power(nd);
	}
	if (!nd->wrong && nodes_virtual)
		settle(nd);
	if (nd->wrong)
		tell(nd);
	mend_all(nd);
	for (i = 0; i < nd->nr_nodes; i++)
		if (nd->node[i].log)
			nodes_crash(nd, &nd->node[i]);
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
		INIT_DELAYED_WORK(&nd->late[i].work, nodes_deliver_late);

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
