// SPDX-License-Identifier: GPL-2.0-only
/*
 * Answers of one pass of the mirror's worker. See answers.h.
 */

#include <linux/hash.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/overflow.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>

#include "answers.h"

#define MIN_SLOTS	256U
#define MAX_SLOTS	65536U

static struct dm_log_answer *alloc_slots(unsigned int nr, gfp_t gfp)
{
	return kvmalloc_array(nr, sizeof(struct dm_log_answer),
			      gfp | __GFP_ZERO | __GFP_NOWARN);
}

/**
 * dm_log_answers_init() - make an empty table
 * @answers: what to set up
 *
 * Context: process context, may sleep.
 * Return: 0 or -ENOMEM.
 */
int dm_log_answers_init(struct dm_log_answers *answers)
{
	answers->slots = alloc_slots(MIN_SLOTS, GFP_KERNEL);
	if (!answers->slots)
		return -ENOMEM;
	answers->nr_slots = MIN_SLOTS;
	answers->nr_used = 0;
	answers->tight = false;
	/* Zeroed slots are of no pass. */
	answers->pass = 1;
	return 0;
}

/**
 * dm_log_answers_exit() - free a table
 * @answers: what dm_log_answers_init() was called for, or zeroed memory
 */
void dm_log_answers_exit(struct dm_log_answers *answers)
{
	kvfree(answers->slots);
	answers->slots = NULL;
}

/* The write-out path: more memory if it is to be had at once, or none. */
static void grow(struct dm_log_answers *answers)
{
	unsigned int noio = memalloc_noio_save();
	struct dm_log_answer *slots = alloc_slots(2 * answers->nr_slots, GFP_NOIO);

	memalloc_noio_restore(noio);
	if (!slots)
		return;
	kvfree(answers->slots);
	answers->slots = slots;
	answers->nr_slots *= 2;
}

/**
 * dm_log_answers_new_pass() - forget everything
 * @answers: the table
 *
 * Context: the worker; may sleep, but not for I/O.
 */
void dm_log_answers_new_pass(struct dm_log_answers *answers)
{
	if (answers->tight && answers->nr_slots < MAX_SLOTS)
		grow(answers);
	answers->tight = false;

	if (!answers->nr_used)
		return;
	answers->nr_used = 0;
	/* After a wrap old slots would look new. */
	if (!++answers->pass) {
		memset(answers->slots, 0,
		       array_size(answers->nr_slots, sizeof(*answers->slots)));
		answers->pass = 1;
	}
}

/**
 * dm_log_answers_get() - find what is known of a region, or a place to note it
 * @answers: the table
 * @region: any number
 *
 * Context: the worker; does not sleep.
 * Return: the region's slot; or NULL if the table is full, so that nothing that
 *	has to hold for the pass may be asked about this region.
 */
struct dm_log_answer *dm_log_answers_get(struct dm_log_answers *answers, u64 region)
{
	unsigned int i = hash_64(region, ilog2(answers->nr_slots));
	struct dm_log_answer *slot = &answers->slots[i];

	while (slot->pass == answers->pass) {
		if (slot->region == region)
			return slot;
		i = (i + 1) & (answers->nr_slots - 1);
		slot = &answers->slots[i];
	}

	/* One slot in four stays free, so that searches are short and end. */
	if (answers->nr_used >= answers->nr_slots / 4 * 3) {
		answers->tight = true;
		return NULL;
	}

	answers->nr_used++;
	slot->region = region;
	slot->pass = answers->pass;
	slot->known = 0;
	return slot;
}
