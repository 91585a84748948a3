/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a daemon has said of regions during one pass of the mirror's worker.
 *
 * The worker asks twice whether a region is in sync: when it sorts a write, and
 * when it notes that the write is pending. Both must hear the same: a write that
 * was sorted to go to one leg only must not be noted as going to all of them. So
 * what was said holds for the pass, for every region, and no longer.
 */

#ifndef DM_LOG_ANSWERS_H
#define DM_LOG_ANSWERS_H

#include <linux/types.h>

/* What may be known of a region. */
#define DM_LOG_SYNC_KNOWN	0x1	/* whether it is in sync: */
#define DM_LOG_IN_SYNC		0x2
#define DM_LOG_REMOTE_IDLE	0x4	/* no other node recovers it */

/**
 * struct dm_log_answer - what was said of one region
 * @region: its number
 * @pass: the pass in which it was said
 * @known: DM_LOG_* flags
 */
struct dm_log_answer {
	u64 region;
	u32 pass;
	u32 known;
};

/**
 * struct dm_log_answers - a table of answers, empty again after every pass
 * @slots: hashed by region, open addressing
 * @nr_slots: a power of two
 * @nr_used: slots of this pass
 * @pass: its number
 * @tight: the table was too small for the pass
 *
 * The worker only.
 */
struct dm_log_answers {
	struct dm_log_answer *slots;
	unsigned int nr_slots;
	unsigned int nr_used;
	u32 pass;
	bool tight;
};

int dm_log_answers_init(struct dm_log_answers *answers);
void dm_log_answers_exit(struct dm_log_answers *answers);
void dm_log_answers_new_pass(struct dm_log_answers *answers);
struct dm_log_answer *dm_log_answers_get(struct dm_log_answers *answers, u64 region);

#endif /* DM_LOG_ANSWERS_H */
