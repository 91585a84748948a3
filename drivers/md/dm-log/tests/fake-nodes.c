// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nodes of a cluster for KUnit tests: the mirror, as one of them has it, which is dm-raid1's
 * worker, dm-region-hash, and the I/O to the legs. See fake-nodes.h.
 */

#include <linux/bitops.h>
#include <linux/dm-dirty-log.h>
#include <linux/jiffies.h>
#include <linux/minmax.h>

#include "fake-nodes.h"

#define ALL_LEGS	3
/* I/O to the legs takes no longer. */
#define IO_MS		2000

/*
 * dm-region-hash
 */

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

void nodes_rh_dec(struct nodes *nd, struct nodes_node *n, int region)
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
void nodes_note_floor(struct nodes *nd, struct nodes_node *n)
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
	nodes_note_floor(nd, n);
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
		nodes_judge_read(nd, n, region, i % NR_BLOCKS, in_sync,
				 n->floor[region][i % NR_BLOCKS]);
	}
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

void nodes_end_write(struct nodes *nd, struct nodes_node *n, int region,
		     struct nodes_block *b, bool well)
{
	if (well)
		b->acked = b->latest;
	note_more(nd, node_nr(nd, n), region,
		  well ? "write acknowledged" : "write ends with an error",
		  b - nd->region[region].block, b->latest);
	b->lost &= !well;
	b->place = b->lost ? AT_LOST : AT_NONE;
	nodes_rh_dec(nd, n, region);
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
			nodes_end_write(nd, n, region, b, true);
		} else if (!n->stopping) {
			nd->tally.holds++;
			note(nd, node_nr(nd, n), region, "write held", 0);
			b->place = AT_HOLDS;
		} else if (n->noflush) {
			b->place = AT_REQUEUED;
			nodes_rh_dec(nd, n, region);
		} else {
			nodes_end_write(nd, n, region, b, false);
		}
	}
}

void nodes_do_mirror(struct nodes *nd, struct nodes_node *n)
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
	nodes_check_map(nd, n);
}

/*
 * What I/O does by itself
 */

void nodes_new_write(struct nodes *nd, struct nodes_node *n, int region, int block)
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

void nodes_new_read(struct nodes *nd, struct nodes_node *n, int region, int block)
{
	int r = type_of(n)->in_sync(n->log, number_of(nd, region), 0);

	if (r > 0) {
		nodes_judge_read(nd, n, region, block, true, nd->region[region].block[block].acked);
		return;
	}
	n->reads |= BIT(region * NR_BLOCKS + block);
	n->woken = true;
}

/* A write reaches a leg, or does not. */
void nodes_land(struct nodes *nd, int region, int block, bool fails)
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
		nodes_end_write(nd, n, region, b, true);
	}
}

void nodes_copy_on(struct nodes *nd, struct nodes_node *n, bool fails)
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

/* A copy does not take longer than it should take to write a region, and a write neither. */
void nodes_hurry_io(struct nodes *nd)
{
	unsigned int i;
	int region, b;

	for (i = 0; i < nd->nr_nodes; i++) {
		struct nodes_node *n = &nd->node[i];

		while ((n->copy == COPY_READ || n->copy == COPY_WRITE) &&
		       time_after64(get_jiffies_64(),
				    n->copy_since + msecs_to_jiffies(IO_MS)))
			nodes_copy_on(nd, n, false);
	}
	for (region = 0; region < NR_ACTIVE; region++)
		for (b = 0; b < NR_BLOCKS; b++) {
			const struct nodes_block *w = &nd->region[region].block[b];

			while (w->place == AT_LEGS &&
			       time_after64(get_jiffies_64(),
					    w->since + msecs_to_jiffies(IO_MS)))
				nodes_land(nd, region, b, false);
		}
}
