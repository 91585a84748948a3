/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The daemons of a cluster's log for KUnit tests: a replica on each node, and the disk
 * that they write. Written from the protocol (include/uapi/linux/dm-log-userspace.h) and
 * from what LVM's cmirrord does, not from what our code expects.
 *
 * Requests that concern the cluster reach all replicas at once and in one order; the
 * member with the lowest number is the server, answers, and writes the disk. Others are
 * answered by the node's own replica. Who joins gets the server's bits, but not what the
 * server knows of marks; the first one reads the disk.
 *
 * Only few regions are of interest, the active ones. All others are in sync for good.
 */

#ifndef DM_LOG_FAKE_CLUSTER_H
#define DM_LOG_FAKE_CLUSTER_H

#include <linux/dm-log-userspace.h>
#include <linux/types.h>

#define CLUSTER_NODES		3
#define CLUSTER_ACTIVE		6
#define CLUSTER_LOGS		2
#define CLUSTER_TYPES		(DM_ULOG_IS_REMOTE_RECOVERING + 1)
#define CLUSTER_SECTORS		1024
/* A node that has given marks gives them again after so long. */
#define CLUSTER_RENEW_MS	5000

/* No active region */
#define CLUSTER_NONE		(-1)

/**
 * struct cluster_replica - a daemon
 * @listening: it is there
 * @portid: of its socket
 * @pending: luids of logs that were created, or suspended; 0 for none
 * @official: luid of the resumed log, or 0
 *
 * @sync: regions in sync, a bit for each active region, likewise the next two
 * @clean: neither marked nor out of sync
 * @marks: by node
 * @marks_of: luid of the log that they are of
 * @touched: something changed since the last FLUSH
 * @in_sync: all regions were in sync once since RESUME
 * @halted: after PRESUSPEND
 * @halted_since: since when, in jiffies
 * @recovering: an active region that is being recovered, or CLUSTER_NONE
 * @recoverer: by that node
 * @search: number of the region where the search for work goes on
 * @wanted: regions that writes wait for, in the order in which they get their turn
 * @nr_wanted: how many
 * @periods: for each node, struct cluster's @periods when this one joined
 */
struct cluster_replica {
	bool listening;
	u32 portid;
	u64 pending[CLUSTER_LOGS];
	u64 official;

	u32 sync;
	u32 clean;
	u32 marks[CLUSTER_NODES];
	u64 marks_of;
	bool touched;
	bool in_sync;
	bool halted;
	u64 halted_since;
	int recovering;
	unsigned int recoverer;
	u64 search;
	int wanted[CLUSTER_ACTIVE];
	unsigned int nr_wanted;
	unsigned int periods[CLUSTER_NODES];
};

/**
 * struct cluster - all daemons
 * @replica: one on each node
 * @nr_regions: of the mirror
 * @number: of the active regions
 * @like_cmirrord: parks writes to all that is not in sync, ends its search, and so on;
 *	otherwise what the protocol allows as well
 * @integrated: FLUSH may carry marks
 *
 * @disk: clean bits on the disk
 * @disk_fails: so many writes to it fail
 * @unwritten: clean there and dirty for the server, who may not know that: a write has
 *	failed, of which cmirrord thinks no more, or the server was another one
 * @refused: nodes that were told of it, and have not resumed since
 * @doubt: clean there, since the server did not know all marks when it wrote it
 * @given: for each node the marks that it has given and not taken back
 * @dead: those that were given by a node which crashed: nobody gives them again, and it
 *	takes them back itself, once it lives again
 * @cleaned: for each node: when its cleaner has run last, in jiffies, and could give
 *	marks again: not sooner than after the time which that takes
 * @periods: how often it has
 * @lost_sync: for each active region: since when it is out of sync, in jiffies
 * @latched: for each node: regions called in sync only because all were, once
 *
 * @may_hand_out: may the region be recovered by the node now?
 * @private: for them
 */
struct cluster {
	struct cluster_replica replica[CLUSTER_NODES];
	u64 nr_regions;
	u64 number[CLUSTER_ACTIVE];
	bool like_cmirrord;
	bool integrated;

	u32 disk;
	unsigned int disk_fails;
	u32 unwritten;
	u8 refused;
	u32 doubt;
	u32 given[CLUSTER_NODES];
	u32 dead;
	u64 cleaned[CLUSTER_NODES];
	unsigned int periods[CLUSTER_NODES];
	u64 lost_sync[CLUSTER_ACTIVE];
	u32 latched[CLUSTER_NODES];

	bool (*may_hand_out)(struct cluster *cl, int region, unsigned int node);
	void *private;
};

void cluster_init(struct cluster *cl, unsigned int nr_nodes);
int cluster_region(const struct cluster *cl, u64 number);
int cluster_server(const struct cluster *cl);
bool cluster_is_doubtful(const struct cluster *cl, int region);
bool cluster_asks_all(u32 type);
int cluster_request(struct cluster *cl, unsigned int node,
		    const struct dm_ulog_request *request, const u64 *payload, u64 *reply);
void cluster_note_given(struct cluster *cl, unsigned int from, u32 type, const u64 *payload,
			unsigned int nr);
void cluster_restart(struct cluster *cl, unsigned int node);
void cluster_cleaned(struct cluster *cl, unsigned int node);
void cluster_crash(struct cluster *cl, unsigned int node);

/* Is the node's replica a member? */
static inline bool cluster_member(const struct cluster *cl, unsigned int node)
{
	return cl->replica[node].official != 0;
}

#endif /* DM_LOG_FAKE_CLUSTER_H */
