// SPDX-License-Identifier: GPL-2.0-only
/*
 * The daemons of a cluster's log for KUnit tests. See fake-cluster.h.
 *
 * Functions are named after those of LVM's daemons/cmirrord/functions.c that they stand
 * for. Where a daemon that is not like_cmirrord goes another way, that is said.
 */

#include <linux/bitops.h>
#include <linux/errno.h>
#include <linux/jiffies.h>
#include <linux/minmax.h>
#include <linux/string.h>

#include "fake-cluster.h"

#define ALL_ACTIVE	((1U << CLUSTER_ACTIVE) - 1)
#define FIRST_PORTID	1000

int cluster_region(const struct cluster *cl, u64 number)
{
	int i;

	for (i = 0; i < CLUSTER_ACTIVE; i++)
		if (cl->number[i] == number)
			return i;
	return CLUSTER_NONE;
}

int cluster_server(const struct cluster *cl)
{
	unsigned int node;

	for (node = 0; node < CLUSTER_NODES; node++)
		if (cluster_member(cl, node))
			return node;
	return -1;
}

/**
 * cluster_is_doubtful() - has a node marked the region, and the server cannot know?
 * @cl: the daemons
 * @region: the region
 *
 * It knows only of marks that were given since it joined. Nodes give theirs again, but
 * that takes a while, and then they have to be written.
 */
bool cluster_is_doubtful(const struct cluster *cl, int region)
{
	int server = cluster_server(cl);
	const struct cluster_replica *s = &cl->replica[max(server, 0)];
	unsigned int node;
	bool known = true;

	if (server < 0)
		return cl->doubt & BIT(region);
	for (node = 0; node < CLUSTER_NODES; node++) {
		if (!(cl->given[node] & ~s->marks[node] & BIT(region)))
			continue;
		known = false;
		if (cl->periods[node] < s->periods[node] + 2)
			return true;
	}
	return known && cl->doubt & BIT(region);
}

/**
 * cluster_cleaned() - a node's cleaner has run, and no message of it was lost
 * @cl: the daemons
 * @node: the node
 */
void cluster_cleaned(struct cluster *cl, unsigned int node)
{
	u64 now = get_jiffies_64();

	if (time_before64(now, cl->cleaned[node] + msecs_to_jiffies(CLUSTER_RENEW_MS) + 2))
		return;
	cl->cleaned[node] = now;
	cl->periods[node]++;
}

/* Requests that are answered by the server */
bool cluster_asks_all(u32 type)
{
	switch (type) {
	case DM_ULOG_POSTSUSPEND:
	case DM_ULOG_IS_CLEAN:
	case DM_ULOG_FLUSH:
	case DM_ULOG_MARK_REGION:
	case DM_ULOG_CLEAR_REGION:
	case DM_ULOG_GET_RESYNC_WORK:
	case DM_ULOG_SET_REGION_SYNC:
	case DM_ULOG_STATUS_INFO:
	case DM_ULOG_IS_REMOTE_RECOVERING:
		return true;
	}
	return false;
}

static u64 count_sync(const struct cluster *cl, const struct cluster_replica *r)
{
	return cl->nr_regions - CLUSTER_ACTIVE + hweight32(r->sync);
}

/*
 * Membership
 */

static bool is_pending(const struct cluster_replica *r, u64 luid)
{
	unsigned int i;

	for (i = 0; i < CLUSTER_LOGS; i++)
		if (r->pending[i] == luid)
			return true;
	return false;
}

static void replace_pending(struct cluster_replica *r, u64 old, u64 new)
{
	unsigned int i;

	for (i = 0; i < CLUSTER_LOGS; i++)
		if (r->pending[i] == old) {
			r->pending[i] = new;
			return;
		}
}

/* The last one to hear of it: what was being recovered is anybody's again. */
static void leave(struct cluster *cl, unsigned int node)
{
	struct cluster_replica *r = &cl->replica[node];
	int server;
	unsigned int i;

	r->official = 0;
	r->recovering = CLUSTER_NONE;
	server = cluster_server(cl);
	if (server >= 0)
		cl->unwritten |= cl->disk & ~cl->replica[server].clean;
	if (cl->like_cmirrord)
		return;
	/* Who has left recovers nothing. */
	for (i = 0; i < CLUSTER_NODES; i++)
		if (cl->replica[i].recovering != CLUSTER_NONE &&
		    cl->replica[i].recoverer == node)
			cl->replica[i].recovering = CLUSTER_NONE;
}

static void join(struct cluster *cl, unsigned int node, u64 luid)
{
	struct cluster_replica *r = &cl->replica[node];
	int server = cluster_server(cl);
	unsigned int i;

	replace_pending(r, luid, 0);
	r->official = luid;
	memcpy(r->periods, cl->periods, sizeof(r->periods));
	/*
	 * cmirrord clears the bits past the last region, if that is not the last of 32. (If
	 * it is, a MARK before a new server joins is not written for the FLUSH after that.)
	 */
	r->touched = true;
	r->halted = false;
	r->in_sync = false;
	r->search = 0;
	r->nr_wanted = 0;
	/* cmirrord has those of the same log's former life, if any. */
	if (!cl->like_cmirrord || r->marks_of != luid)
		memset(r->marks, 0, sizeof(r->marks));
	r->marks_of = luid;
	if (server < 0) {
		r->clean = cl->disk;
		r->sync = cl->disk;
		r->recovering = CLUSTER_NONE;
		cl->dead &= cl->disk;
		for (i = 0; i < CLUSTER_ACTIVE; i++)
			cl->lost_sync[i] = get_jiffies_64();
		return;
	}
	r->clean = cl->replica[server].clean;
	r->sync = cl->replica[server].sync;
	r->recovering = cl->replica[server].recovering;
	r->recoverer = cl->replica[server].recoverer;
	if (!cl->like_cmirrord)
		memcpy(r->marks, cl->replica[server].marks, sizeof(r->marks));
}

/* What a member had marked that went without a word may differ. */
static void suspect(struct cluster *cl, unsigned int node)
{
	u32 marks = 0;
	unsigned int i;

	for (i = 0; i < CLUSTER_NODES; i++) {
		struct cluster_replica *r = &cl->replica[i];

		marks |= r->marks[node];
		r->sync &= ~r->marks[node];
		r->marks[node] = 0;
	}
	for (i = 0; i < CLUSTER_ACTIVE; i++)
		if (marks & BIT(i))
			cl->lost_sync[i] = get_jiffies_64();
}

/* Another daemon takes the place of the node's, and knows nothing. */
void cluster_restart(struct cluster *cl, unsigned int node)
{
	struct cluster_replica *r = &cl->replica[node];

	if (cluster_member(cl, node)) {
		leave(cl, node);
		if (!cl->like_cmirrord)
			suspect(cl, node);
	}
	memset(r->pending, 0, sizeof(r->pending));
	r->marks_of = 0;
	r->portid++;
	r->listening = true;
}

/* The node is gone; its daemon with it. */
void cluster_crash(struct cluster *cl, unsigned int node)
{
	if (cl->like_cmirrord)
		cl->dead |= cl->given[node];
	cl->given[node] = 0;
	cluster_restart(cl, node);
	cl->replica[node].listening = false;
}

void cluster_init(struct cluster *cl, unsigned int nr_nodes)
{
	unsigned int node;

	cl->disk = ALL_ACTIVE;
	for (node = 0; node < nr_nodes; node++) {
		struct cluster_replica *r = &cl->replica[node];

		r->portid = FIRST_PORTID * (node + 1);
		r->listening = true;
		r->recovering = CLUSTER_NONE;
	}
}

/*
 * Requests to one replica. @from is the node that asks.
 */

static void mark_region(struct cluster_replica *r, int region, unsigned int from)
{
	unsigned int i;
	u32 found = 0;

	for (i = 0; i < CLUSTER_NODES; i++)
		found |= r->marks[i];
	r->marks[from] |= BIT(region);
	if (found & BIT(region))
		return;
	r->clean &= ~BIT(region);
	r->touched = true;
}

static void clear_region(struct cluster_replica *r, int region, unsigned int from)
{
	unsigned int i;
	u32 found = 0;

	r->marks[from] &= ~BIT(region);
	for (i = 0; i < CLUSTER_NODES; i++)
		found |= r->marks[i];
	if (found & BIT(region) || !(r->sync & BIT(region)))
		return;
	r->clean |= BIT(region);
	r->touched = true;
}

static int flush(struct cluster *cl, struct cluster_replica *r, unsigned int from,
		 bool server)
{
	int i;

	if (!r->touched)
		return 0;
	if (server) {
		if (cl->disk_fails) {
			cl->disk_fails--;
			/* cmirrord thinks no more of it. */
			r->touched = false;
			cl->unwritten |= cl->disk & ~r->clean;
			cl->refused |= BIT(from);
			return -EIO;
		}
		cl->doubt = 0;
		for (i = 0; i < CLUSTER_ACTIVE; i++)
			if (r->clean & BIT(i) && cluster_is_doubtful(cl, i))
				cl->doubt |= BIT(i);
		cl->disk = r->clean;
		cl->unwritten = 0;
		cl->refused = 0;
	}
	r->touched = false;
	return 0;
}

static void hand_out(struct cluster_replica *r, int region, unsigned int from)
{
	r->recovering = region;
	r->recoverer = from;
}

/* Return: the region, or CLUSTER_NONE. */
static int get_resync_work(struct cluster *cl, struct cluster_replica *r,
			   unsigned int from)
{
	int i, region;

	if (cl->like_cmirrord && r->search >= cl->nr_regions)
		return CLUSTER_NONE;
	if (r->recovering != CLUSTER_NONE)
		return r->recoverer == from && cl->may_hand_out(cl, r->recovering, from) ?
		       r->recovering : CLUSTER_NONE;

	while (r->nr_wanted) {
		region = r->wanted[--r->nr_wanted];
		if (r->sync & BIT(region))
			continue;
		if (!cl->may_hand_out(cl, region, from))
			continue;
		hand_out(r, region, from);
		return region;
	}
	for (i = 0; i < CLUSTER_ACTIVE; i++) {
		if (cl->like_cmirrord && cl->number[i] < r->search)
			continue;
		if (r->sync & BIT(i))
			continue;
		if (!cl->may_hand_out(cl, i, from)) {
			/* It has to wait, and so do those behind it. */
			if (cl->like_cmirrord)
				return CLUSTER_NONE;
			continue;
		}
		r->search = cl->number[i] + 1;
		hand_out(r, i, from);
		return i;
	}
	r->search = cl->nr_regions + 1;
	return CLUSTER_NONE;
}

static void set_region_sync(struct cluster *cl, struct cluster_replica *r, int region,
			    unsigned int from, bool in_sync)
{
	/* cmirrord does not ask whose it was. */
	if (cl->like_cmirrord || (r->recovering == region && r->recoverer == from))
		r->recovering = CLUSTER_NONE;
	if (in_sync == !!(r->sync & BIT(region)))
		return;
	r->touched = true;
	if (in_sync) {
		r->sync |= BIT(region);
		if (r->sync == ALL_ACTIVE)
			r->in_sync = true;
	} else {
		r->sync &= ~BIT(region);
		cl->lost_sync[region] = get_jiffies_64();
	}
}

static u64 first_unsynced(const struct cluster *cl, const struct cluster_replica *r)
{
	int i;

	for (i = 0; i < CLUSTER_ACTIVE; i++)
		if (!(r->sync & BIT(i)))
			return cl->number[i];
	return cl->nr_regions;
}

static bool is_remote_recovering(struct cluster *cl, struct cluster_replica *r,
				 int region, unsigned int from, u64 *hint)
{
	bool recovering;
	unsigned int i;

	if (!cl->like_cmirrord) {
		*hint = first_unsynced(cl, r);
		return r->recovering == region && r->recoverer != from;
	}
	if (r->halted) {
		*hint = cl->nr_regions;
		return false;
	}
	*hint = r->search ? r->search - 1 : 0;
	recovering = region != CLUSTER_NONE && !(r->sync & BIT(region));
	if (recovering && region != r->recovering) {
		for (i = 0; i < r->nr_wanted; i++)
			if (r->wanted[i] == region)
				return true;
		r->wanted[r->nr_wanted++] = region;
	}
	return recovering;
}

/*
 * What was sent. The replica whose answer counts comes last, for what it does to the
 * others' state has been done to it already, but for hand_out().
 */
static int ask_replica(struct cluster *cl, unsigned int node, unsigned int from,
		       u32 type, const u64 *payload, unsigned int nr, bool server,
		       u64 *reply)
{
	struct cluster_replica *r = &cl->replica[node];
	unsigned int i;
	int region = nr ? cluster_region(cl, payload[0]) : CLUSTER_NONE;
	u64 hint;

	switch (type) {
	case DM_ULOG_MARK_REGION:
	case DM_ULOG_CLEAR_REGION:
		for (i = 0; i < nr; i++) {
			region = cluster_region(cl, payload[i]);
			if (region == CLUSTER_NONE)
				return -EINVAL;
			if (type == DM_ULOG_MARK_REGION)
				mark_region(r, region, from);
			else
				clear_region(r, region, from);
		}
		return 0;
	case DM_ULOG_FLUSH:
		for (i = 0; i < nr && cl->integrated; i++) {
			region = cluster_region(cl, payload[i]);
			if (region == CLUSTER_NONE)
				return -EINVAL;
			mark_region(r, region, from);
		}
		return flush(cl, r, from, server);
	case DM_ULOG_IS_CLEAN:
		reply[0] = region == CLUSTER_NONE || r->clean & BIT(region);
		return 8;
	case DM_ULOG_SET_REGION_SYNC:
		if (region == CLUSTER_NONE)
			return -EINVAL;
		set_region_sync(cl, r, region, from, payload[1]);
		return 0;
	case DM_ULOG_GET_RESYNC_WORK:
		region = get_resync_work(cl, r, from);
		reply[0] = region != CLUSTER_NONE;
		reply[1] = region != CLUSTER_NONE ? cl->number[region] : 0;
		return 16;
	case DM_ULOG_IS_REMOTE_RECOVERING:
		reply[0] = is_remote_recovering(cl, r, region, from, &hint);
		reply[1] = hint;
		return 16;
	case DM_ULOG_STATUS_INFO:
		strscpy((char *)reply, "1 clustered-core", 32);
		return strlen("1 clustered-core");
	}
	return -EINVAL;
}

/**
 * cluster_note_given() - a node has given marks, or taken them back
 * @cl: the daemons
 * @from: the node
 * @type: DM_ULOG_MARK_REGION, DM_ULOG_CLEAR_REGION or DM_ULOG_FLUSH
 * @payload: regions
 * @nr: how many
 */
void cluster_note_given(struct cluster *cl, unsigned int from, u32 type, const u64 *payload,
			unsigned int nr)
{
	unsigned int i;

	for (i = 0; i < nr; i++) {
		int region = cluster_region(cl, payload[i]);

		if (region == CLUSTER_NONE)
			continue;
		if (type == DM_ULOG_CLEAR_REGION)
			cl->given[from] &= ~BIT(region);
		else
			cl->given[from] |= BIT(region);
	}
}

static int ask_all(struct cluster *cl, unsigned int from, u32 type, const u64 *payload,
		   unsigned int nr, u64 *reply)
{
	int server = cluster_server(cl), node, r, result = 0;
	u64 unused[4];

	if (!cluster_member(cl, from))
		return -ENOENT;
	if (type == DM_ULOG_MARK_REGION || type == DM_ULOG_CLEAR_REGION ||
	    (type == DM_ULOG_FLUSH && cl->integrated))
		cluster_note_given(cl, from, type, payload, nr);
	for (node = CLUSTER_NODES - 1; node >= 0; node--) {
		if (!cluster_member(cl, node))
			continue;
		r = ask_replica(cl, node, from, type, payload, nr, node == server,
				node == server ? reply : unused);
		if (node == server)
			result = r;
	}
	for (node = 0; node < CLUSTER_NODES; node++)
		if (type == DM_ULOG_FLUSH && result && !cl->like_cmirrord)
			cl->replica[node].touched = true;
	/* All replicas come to the same conclusion, but not if they joined later. */
	if (type == DM_ULOG_GET_RESYNC_WORK && reply[0]) {
		int region = cluster_region(cl, reply[1]);

		for (node = 0; node < CLUSTER_NODES; node++)
			if (cluster_member(cl, node))
				hand_out(&cl->replica[node], region, from);
	}
	return result;
}

/*
 * The answer's payload goes to @reply. Return: its length, or a negative errno.
 */
int cluster_request(struct cluster *cl, unsigned int node,
		    const struct dm_ulog_request *request, const u64 *payload, u64 *reply)
{
	struct cluster_replica *r = &cl->replica[node];
	u32 type = DM_ULOG_REQUEST_TYPE(request->request_type);
	unsigned int nr = request->data_size / sizeof(u64);
	bool pending = is_pending(r, request->luid);
	bool official = r->official == request->luid;
	int region;

	if (type == DM_ULOG_CTR) {
		if (pending || official || !is_pending(r, 0))
			return -EINVAL;
		replace_pending(r, 0, request->luid);
		return 0;
	}
	if (!pending && !official)
		return -EINVAL;

	switch (type) {
	case DM_ULOG_DTR:
		if (official)
			leave(cl, node);
		else
			replace_pending(r, request->luid, 0);
		if (r->marks_of == request->luid)
			r->marks_of = 0;
		return 0;
	case DM_ULOG_GET_REGION_SIZE:
		reply[0] = CLUSTER_SECTORS;
		return 8;
	case DM_ULOG_GET_SYNC_COUNT:
		reply[0] = official ? count_sync(cl, r) : 0;
		return 8;
	case DM_ULOG_RESUME:
		cl->refused &= ~BIT(node);
		if (!pending)
			return 0;
		/* The mirror's former log has not left yet. */
		if (r->official)
			return -EEXIST;
		join(cl, node, request->luid);
		return 0;
	case DM_ULOG_PRESUSPEND:
		if (!official)
			return -EINVAL;
		r->halted = true;
		r->halted_since = get_jiffies_64();
		return 0;
	case DM_ULOG_POSTSUSPEND:
		if (!official)
			return -ENOENT;
		leave(cl, node);
		replace_pending(r, 0, request->luid);
		return 0;
	case DM_ULOG_IN_SYNC:
		if (!official)
			return -EINVAL;
		region = cluster_region(cl, payload[0]);
		if (region == CLUSTER_NONE) {
			reply[0] = 1;
			return 8;
		}
		reply[0] = !!(r->sync & BIT(region));
		if (!reply[0] && r->in_sync && cl->like_cmirrord) {
			reply[0] = 1;
			cl->latched[node] |= BIT(region);
		}
		return 8;
	}
	if (!official)
		return -ENOENT;
	return ask_all(cl, node, type, payload, nr, reply);
}
