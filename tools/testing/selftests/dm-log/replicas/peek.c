// SPDX-License-Identifier: GPL-2.0-only
/*
 * cmirrord's functions.c, unmodified, and what it does not tell anybody. A part of each
 * daemon's shared object.
 */

#include <string.h>

#include "functions.c"
#include "local.h"

#include "cmirrord.h"

/* Of libdevmapper. What functions.c asks for in vain it does not ask for here. */
dm_bitset_t dm_bitset_create(struct dm_pool *mem, unsigned int num_bits)
{
	dm_bitset_t bits = calloc(num_bits / DM_BITS_PER_INT + 2, sizeof(int));

	(void)mem;
	if (bits)
		*bits = num_bits;
	return bits;
}

int dm_strncpy(char *dest, const char *src, size_t n)
{
	size_t length = strlen(src);

	if (!n || length >= n)
		return 0;
	memcpy(dest, src, length + 1);
	return 1;
}

/* What clogd.c does */
static int begin(void)
{
	log_is_open = 1;
	return init_local() ?: init_cluster();
}

static void look_at_log(const struct log_c *lc, struct cmirrord_log *log)
{
	const struct recovery_request *rr;
	const struct mark_entry *m;

	log->luid = lc->luid;
	log->region_count = lc->region_count;
	log->sync_count = lc->sync_count;
	log->bitmap_bytes = (lc->region_count + 7) / 8;
	log->sync = (const uint8_t *)(lc->sync_bits + 1);
	log->clean = (const uint8_t *)(lc->clean_bits + 1);
	log->nr_marks = 0;
	dm_list_iterate_items(m, &lc->mark_list) {
		if (log->nr_marks == CMIRRORD_MARKS)
			break;
		log->mark[log->nr_marks].region = m->region;
		log->mark[log->nr_marks++].node = m->nodeid;
	}
	log->touched = lc->touched;
	log->in_sync = lc->in_sync;
	log->halted = lc->recovery_halted;
	log->failed = lc->log_dev_failed;
	log->recovering = lc->recovering_region;
	log->recoverer = lc->recoverer;
	log->search = (unsigned int)lc->sync_search;
	log->nr_wanted = 0;
	for (rr = lc->recovery_request_list; rr && log->nr_wanted < CMIRRORD_WANTED; rr = rr->next)
		log->wanted[log->nr_wanted++] = rr->region;
}

static void look(struct cmirrord_state *state)
{
	const struct log_c *lc;

	state->nr_pending = 0;
	state->resumed = false;
	dm_list_iterate_items(lc, &log_pending_list)
		if (state->nr_pending < CMIRRORD_LOGS)
			state->pending[state->nr_pending++] = lc->luid;
	dm_list_iterate_items(lc, &log_list) {
		state->resumed = true;
		look_at_log(lc, &state->log);
	}
}

/* A request by a node that is none of ours, and past the cluster. */
static void tell(uint32_t from, const void *request, size_t bytes)
{
	union {
		struct clog_request rq;
		char bytes[2048];
	} r = { 0 };

	memcpy(&r.rq.u_rq, request, bytes);
	r.rq.u_rq.luid = 0;
	r.rq.originator = from;
	do_request(&r.rq, 0);
}

const struct cmirrord_inside cmirrord_inside = {
	.begin = begin,
	.look = look,
	.tell = tell,
};
