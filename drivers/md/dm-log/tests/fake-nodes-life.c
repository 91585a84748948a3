// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nodes of a cluster for KUnit tests: how they come and go. A log is created, resumed,
 * suspended and replaced as device-mapper does it; a machine crashes, a daemon is
 * restarted; and the cleaner runs, beside the worker. See fake-nodes.h.
 */

#include <linux/bitops.h>
#include <linux/device-mapper.h>
#include <linux/dm-dirty-log.h>
#include <linux/errno.h>
#include <linux/jiffies.h>
#include <linux/string.h>

#include "../private.h"
#include "../ulog.h"
#include "fake-nodes.h"

void nodes_run_cleaner(struct nodes *nd, struct nodes_node *n)
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
	nodes_check_map(nd, n);
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
		nodes_others(nd, EV_MEET, 4);
		n->flushing = false;
	}
	if (n->fail_leg_flushes) {
		n->fail_leg_flushes--;
		note(nd, node_nr(nd, n), -1, "a leg cannot be flushed", 0);
		return -EIO;
	}
	return 0;
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

void nodes_resume(struct nodes *nd, struct nodes_node *n)
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
	nodes_note_floor(nd, n);
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
			nodes_land(nd, i / NR_BLOCKS, i % NR_BLOCKS, false);
	nodes_copy_on(nd, n, false);
	if (nd->depth < MAX_DEPTH && !nd->wrong) {
		unsigned int nr = pick(nd, 4);

		nd->depth++;
		while (nr--)
			nodes_step(nd);
		nd->depth--;
	}
	if (n->log && !n->pass)
		nodes_do_mirror(nd, n);
}

bool nodes_has_writes(struct nodes *nd, struct nodes_node *n)
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

void nodes_suspend(struct nodes *nd, struct nodes_node *n)
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
			nodes_rh_dec(nd, n, i / NR_BLOCKS);
		} else {
			nodes_end_write(nd, n, i / NR_BLOCKS, b, false);
		}
	}
	for (i = 0; n->copy != NO_COPY && i < 100 && !nd->wrong; i++)
		go_on(nd, n);
	n->slot_free = false;
	n->presuspended = get_jiffies_64();
	r = type_of(n)->presuspend(n->log);
	note(nd, node_nr(nd, n), -1, "presuspend", r);
	n->phase = NODE_SUSPENDING;
	nodes_do_mirror(nd, n);
	n->blocked = true;
	for (i = 0; (nodes_has_writes(nd, n) || n->reads) && i < 120 && !nd->wrong; i++) {
		go_on(nd, n);
		nodes_wait_ms(nd, 200);
	}
	if (nodes_has_writes(nd, n))
		give_up_writes(nd, n);
	if (pick(nd, 4))
		nodes_do_mirror(nd, n);
	r = type_of(n)->postsuspend(n->log);
	note(nd, node_nr(nd, n), -1, "postsuspend", r);
	n->phase = NODE_SUSPENDED;
	if (!pick(nd, 4))
		nodes_do_mirror(nd, n);
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

void nodes_reload(struct nodes *nd, struct nodes_node *n)
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
	nodes_suspend(nd, n);
	n->ioctl = true;
	forget_log(nd, n);
	/* What it has marked and not cleared, its successor does not know of. */
	nd->cl.dead |= nd->cl.given[node_nr(nd, n)];
	nd->cl.given[node_nr(nd, n)] = 0;
	n->log = new;
	n->slot = !n->slot;
	start_mirror(nd, n, in_sync);
	nodes_resume(nd, n);
	n->ioctl = true;
	destroy_log(nd, n, old);
	n->ioctl = false;
}

void nodes_restart_daemon(struct nodes *nd, struct nodes_node *n)
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

void nodes_start_node(struct nodes *nd, struct nodes_node *n)
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
	nodes_resume(nd, n);
}

/* The node is gone at once: whatever was on its way to a leg may have reached it. */
void nodes_crash(struct nodes *nd, struct nodes_node *n)
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

void nodes_cut_power(struct nodes *nd)
{
	unsigned int i;
	int region;

	note(nd, -1, -1, "power cut", 0);
	for (i = 0; i < nd->nr_nodes; i++)
		if (nd->node[i].log)
			nodes_crash(nd, &nd->node[i]);
	nodes_check(nd);
	for (region = 0; region < NR_ACTIVE; region++)
		forget_lost(nd, region);
	for (i = 0; i < nd->nr_nodes; i++)
		nodes_start_node(nd, &nd->node[i]);
}
