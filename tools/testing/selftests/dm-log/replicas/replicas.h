/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What replicas.c counts.
 */

#ifndef DM_LOG_REPLICAS_H
#define DM_LOG_REPLICAS_H

#include <linux/types.h>

#include "tests/fake-cluster.h"

/* The model's place for an answer's payload */
#define REPLICAS_REPLY	64

/* How often what of a cmirrord was not as the model has it, by type of request */
struct replicas_difference {
	const char *what;
	u32 type;
	bool known;
	u64 count;
};

/**
 * struct replicas - in all stories
 * @requests: to the daemons
 * @not_asked: of these, those for work that was held back, see may_hand_out()
 * @starts: of daemons
 * @disk_writes: by the daemons
 * @disk_failures: of these
 * @unknown: differences that is_known() knows nothing of
 * @difference: between the model and a cmirrord
 */
struct replicas {
	u64 requests;
	u64 not_asked;
	u64 starts;
	u64 disk_writes;
	u64 disk_failures;
	u64 unknown;
	struct replicas_difference difference[32];
};

extern struct replicas replicas;
extern const char *replicas_folder;

void replicas_bail_out(const char *why);

/* fake-cluster.c's, see Makefile */
void fake_cluster_init(struct cluster *cl, unsigned int nr_nodes);
int fake_cluster_request(struct cluster *cl, unsigned int node,
			 const struct dm_ulog_request *request, const u64 *payload, u64 *reply);

#endif /* DM_LOG_REPLICAS_H */
