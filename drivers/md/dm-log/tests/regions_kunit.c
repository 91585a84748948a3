// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit tests of the region map: the table in regions.c, row by row; what goes across
 * several steps; and random sequences against a model that keeps one struct for each
 * region and knows nothing of words, chunks or locks.
 */

#include <kunit/test.h>
#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/prandom.h>
#include <linux/random.h>
#include <linux/sched/task.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/vmalloc.h>

#include "../regions.h"

#define CHUNK	DM_REGIONS_PER_CHUNK

static void exit_regions(void *rg)
{
	dm_regions_exit(rg);
}

static struct dm_regions *new_regions(struct kunit *test, u64 nr,
				      enum dm_region_state state, bool durable)
{
	struct dm_regions *rg = kunit_kzalloc(test, sizeof(*rg), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, rg);
	KUNIT_ASSERT_EQ(test, dm_regions_init(rg, nr, state, durable), 0);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, exit_regions, rg), 0);
	return rg;
}

/* All of a chunk that a daemon has to be told of. */
static void hold_all(struct dm_regions *rg, unsigned long chunk)
{
	u64 batch[64];
	unsigned int nr;

	do {
		nr = dm_regions_pick_unheld(rg, chunk, false, batch, 0, 64);
		dm_regions_hold(rg, batch, min(nr, 64U));
	} while (nr > 64);
}

/* Commit everything; nobody looks at the bits. */
static void commit_all(struct dm_regions *rg)
{
	unsigned long chunk;

	for (chunk = dm_regions_next_pending(rg, 0); chunk < rg->nr_chunks;
	     chunk = dm_regions_next_pending(rg, chunk)) {
		dm_regions_take(rg, chunk, 1);
		if (rg->held)
			hold_all(rg, chunk);
		dm_regions_committed(rg);
	}
}

/* A run of the cleaner: the legs are flushed meanwhile. */
static u64 clean(struct dm_regions *rg, bool all, bool defer)
{
	u64 nr;

	dm_regions_pend_stale(rg);
	if (all)
		dm_regions_forget_recent(rg);
	nr = dm_regions_clean(rg, defer);
	if (!all)
		dm_regions_forget_recent(rg);
	return nr;
}

/* The map keeps its own rules, after every step. */
#define EXPECT_RULES(test, rg) do {						\
	const char *broken = dm_regions_check(rg, NULL, NULL);			\
										\
	KUNIT_EXPECT_NULL_MSG(test, broken, "%s", broken);			\
} while (0)

/*
 * The table of states and events in regions.c.
 */

enum map_kind { DISK, DAEMON, CORE, NR_KINDS };

static const char * const kind_names[] = { "disk", "daemon", "core" };

static const char * const state_names[] = { "NOSYNC", "CLEAN", "IDLE", "DIRTY" };

#define N	DM_REGION_NOSYNC
#define D	DM_REGION_DIRTY
#define I	DM_REGION_IDLE
#define C	DM_REGION_CLEAN
#define PEND	0x10
#define RECENT	0x20
#define STALE	0x40
#define FAILED	0x80
#define BACK	0x100
/* There is no such state of such a map. */
#define NEVER	0x200

/* The table's columns, for one kind of map. */
struct row {
	const char *event;
	void (*happens)(struct dm_regions *rg, u64 region);
	unsigned short to[NR_KINDS][4];
};

static void e_mark(struct dm_regions *rg, u64 region)
{
	dm_regions_mark(rg, region);
}

static void e_clear(struct dm_regions *rg, u64 region)
{
	dm_regions_clear(rg, region);
}

static void e_recovered(struct dm_regions *rg, u64 region)
{
	rg->recovering = region;
	rg->recovered = true;
	dm_regions_set_sync(rg, region, true);
}

static void e_given_up(struct dm_regions *rg, u64 region)
{
	rg->recovering = region;
	rg->recovered = false;
	dm_regions_set_sync(rg, region, true);
}

static void e_failed(struct dm_regions *rg, u64 region)
{
	dm_regions_set_sync(rg, region, false);
}

static void e_not_offered(struct dm_regions *rg, u64 region)
{
	dm_regions_clear(rg, region);
	dm_regions_set_sync(rg, region, true);
}

static void e_legs_failed(struct dm_regions *rg, u64 region)
{
	dm_regions_legs_failed(rg);
}

static void e_clean_failed(struct dm_regions *rg, u64 region)
{
	dm_regions_legs_failed(rg);
	dm_regions_clean(rg, false);
}

static void e_clean_spoiled(struct dm_regions *rg, u64 region)
{
	dm_regions_spoil(rg);
	dm_regions_clean(rg, false);
}

static void e_restart(struct dm_regions *rg, u64 region)
{
	dm_regions_restart(rg);
}

static void e_restart_failed(struct dm_regions *rg, u64 region)
{
	dm_regions_legs_failed(rg);
	dm_regions_restart(rg);
}

static void e_restart_spoiled(struct dm_regions *rg, u64 region)
{
	dm_regions_spoil(rg);
	dm_regions_restart(rg);
}

static void e_clean(struct dm_regions *rg, u64 region)
{
	dm_regions_clean(rg, false);
}

static void e_clean_busy(struct dm_regions *rg, u64 region)
{
	dm_regions_clean(rg, true);
}

static void e_clean_recent(struct dm_regions *rg, u64 region)
{
	__set_bit(region % DM_REGIONS_RECENT, rg->recent);
	dm_regions_clean(rg, false);
}

static void load(struct dm_regions *rg, u64 region, u64 word, bool merge)
{
	u64 bits[DM_REGIONS_CHUNK_U64S];

	memset(bits, word & 1 ? 0xff : 0, sizeof(bits));
	dm_regions_load(rg, region / CHUNK, bits, merge);
}

static void e_load_0(struct dm_regions *rg, u64 region)
{
	load(rg, region, 0, false);
}

static void e_load_1(struct dm_regions *rg, u64 region)
{
	load(rg, region, 1, false);
}

static void e_merge_0(struct dm_regions *rg, u64 region)
{
	load(rg, region, 0, true);
}

static void e_merge_1(struct dm_regions *rg, u64 region)
{
	load(rg, region, 1, true);
}

/* From NOSYNC, DIRTY, IDLE, CLEAN. */
static const struct row rows[] = {
	{ "mark", e_mark, {
		[DISK] = { N, D, D, D | PEND },
		[DAEMON] = { N, D, D, D | PEND },
		[CORE] = { N, D, NEVER, D } } },
	{ "clear", e_clear, {
		[DISK] = { N, I | RECENT, I, C },
		[DAEMON] = { N, I | RECENT, I, C },
		[CORE] = { N, C, NEVER, C } } },
	{ "set_sync 1: not offered", e_not_offered, {
		[DISK] = { N, I | RECENT, I, C },
		[DAEMON] = { N, I | RECENT, I, C },
		[CORE] = { N, C, NEVER, C } } },
	{ "set_sync 1: recovered", e_recovered, {
		[DISK] = { I | RECENT, D, I | RECENT, I | RECENT },
		[DAEMON] = { I | RECENT, D, I | RECENT, I | RECENT },
		[CORE] = { C, D, NEVER, C } } },
	{ "set_sync 1: given up", e_given_up, {
		[DISK] = { N | FAILED, N | FAILED, N | FAILED, N | PEND | FAILED },
		[DAEMON] = { N | PEND | FAILED, N | PEND | FAILED, N | PEND | FAILED,
			     N | PEND | FAILED },
		[CORE] = { N | FAILED, N | FAILED, NEVER, N | FAILED } } },
	{ "set_sync 0", e_failed, {
		[DISK] = { N | FAILED, N | FAILED, N | FAILED, N | PEND | FAILED },
		[DAEMON] = { N | PEND | FAILED, N | PEND | FAILED, N | PEND | FAILED,
			     N | PEND | FAILED },
		[CORE] = { N | FAILED, N | FAILED, NEVER, N | FAILED } } },
	{ "legs failed", e_legs_failed, {
		[DISK] = { N | FAILED, D | FAILED, I | FAILED, C | FAILED },
		[DAEMON] = { N | FAILED, D | FAILED, I | FAILED, C | FAILED },
		[CORE] = { N | FAILED, D | FAILED, NEVER, C | FAILED } } },
	{ "clean, but legs FAILED", e_clean_failed, {
		[DISK] = { N | FAILED, D | FAILED, I | FAILED, C | FAILED },
		[DAEMON] = { NEVER, NEVER, NEVER, NEVER },
		[CORE] = { NEVER, NEVER, NEVER, NEVER } } },
	{ "clean, but spoiled", e_clean_spoiled, {
		[DISK] = { N, D, I, C }, [DAEMON] = { NEVER, NEVER, NEVER, NEVER },
		[CORE] = { NEVER, NEVER, NEVER, NEVER } } },
	/* Nobody was told a count, and nothing has failed: a first copy. */
	{ "restart", e_restart, {
		[DISK] = { N, N, N, C }, [DAEMON] = { N, D, I, C },
		[CORE] = { N, N, NEVER, C } } },
	{ "restart, legs FAILED", e_restart_failed, {
		[DISK] = { N | BACK, N | BACK, N | BACK, C },
		[DAEMON] = { N | FAILED, D | FAILED, I | FAILED, C | FAILED },
		[CORE] = { N | BACK, N | BACK, NEVER, C } } },
	{ "restart, spoiled", e_restart_spoiled, {
		[DISK] = { N | BACK, N | BACK, N | BACK, C },
		[DAEMON] = { N | BACK, D, I, C },
		[CORE] = { NEVER, NEVER, NEVER, NEVER } } },
	{ "clean", e_clean, {
		[DISK] = { N, D, C | PEND, C },
		[DAEMON] = { NEVER, NEVER, NEVER, NEVER },
		[CORE] = { NEVER, NEVER, NEVER, NEVER } } },
	{ "clean, busy", e_clean_busy, {
		[DISK] = { N, D, C | STALE, C },
		[DAEMON] = { NEVER, NEVER, NEVER, NEVER },
		[CORE] = { NEVER, NEVER, NEVER, NEVER } } },
	{ "clean, but recent", e_clean_recent, {
		[DISK] = { N | RECENT, D | RECENT, I | RECENT, C | RECENT },
		[DAEMON] = { NEVER, NEVER, NEVER, NEVER },
		[CORE] = { NEVER, NEVER, NEVER, NEVER } } },
	{ "load 0", e_load_0, {
		[DISK] = { N, N, N, N }, [DAEMON] = { NEVER, NEVER, NEVER, NEVER },
		[CORE] = { N, N, NEVER, N } } },
	{ "load 1", e_load_1, {
		[DISK] = { C, C, C, C }, [DAEMON] = { NEVER, NEVER, NEVER, NEVER },
		[CORE] = { C, C, NEVER, C } } },
	{ "load 0, merge", e_merge_0, {
		[DISK] = { N, N, N, N }, [DAEMON] = { NEVER, NEVER, NEVER, NEVER },
		[CORE] = { N, N, NEVER, N } } },
	{ "load 1, merge", e_merge_1, {
		[DISK] = { N, N, N, C }, [DAEMON] = { NEVER, NEVER, NEVER, NEVER },
		[CORE] = { N, N, NEVER, C } } },
};

/* A map with its neighbours clean, nothing pending, and one region in a state. */
static void put_state(struct dm_regions *rg, u64 region, enum dm_region_state state)
{
	switch (state) {
	case DM_REGION_NOSYNC:
		dm_regions_set_sync(rg, region, false);
		break;
	case DM_REGION_DIRTY:
	case DM_REGION_IDLE:
		dm_regions_mark(rg, region);
		break;
	case DM_REGION_CLEAN:
		break;
	}
	if (rg->durable)
		commit_all(rg);
	if (state == DM_REGION_IDLE)
		dm_regions_clear(rg, region);
	if (rg->durable)
		dm_regions_forget_recent(rg);
	/* As if that had been long ago. */
	rg->legs = DM_LEGS_GOOD;
}

static unsigned int what_is(struct dm_regions *rg, u64 region)
{
	unsigned int is = dm_regions_state(rg, region);

	if (rg->legs == DM_LEGS_FAILED)
		is |= FAILED;
	if (rg->legs == DM_LEGS_BACK)
		is |= BACK;
	if (!rg->durable)
		return is;
	if (test_bit(region / CHUNK, rg->pending))
		is |= PEND;
	if (test_bit(region / CHUNK, rg->stale))
		is |= STALE;
	if (test_bit(region % DM_REGIONS_RECENT, rg->recent))
		is |= RECENT;
	return is;
}

static void regions_table(struct kunit *test)
{
	static const enum dm_region_state columns[] = { N, D, I, C };
	const u64 nr = 9 * CHUNK + 77;
	/* In the first chunk, at a border, in a later one, the last. */
	const u64 regions[] = { 5, CHUNK - 1, 8 * CHUNK + 3, nr - 1 };
	struct dm_regions *rg = kunit_kzalloc(test, sizeof(*rg), GFP_KERNEL);
	int i, kind, column, r;

	KUNIT_ASSERT_NOT_NULL(test, rg);
	for (i = 0; i < ARRAY_SIZE(rows); i++)
		for (kind = 0; kind < NR_KINDS; kind++)
			for (column = 0; column < ARRAY_SIZE(columns); column++) {
				unsigned int expected = rows[i].to[kind][column];
				enum dm_region_state from = columns[column];

				if (expected == NEVER)
					continue;
				for (r = 0; r < ARRAY_SIZE(regions); r++) {
					KUNIT_ASSERT_EQ(test, 0,
							dm_regions_init(rg, nr, C, kind != CORE));
					if (kind == DAEMON)
						KUNIT_ASSERT_EQ(test, 0, dm_regions_init_held(rg));
					put_state(rg, regions[r], from);
					rows[i].happens(rg, regions[r]);
					KUNIT_EXPECT_EQ_MSG(test, expected,
							    what_is(rg, regions[r]),
							    "%s: %s of a region that is %s",
							    kind_names[kind], rows[i].event,
							    state_names[from]);
					EXPECT_RULES(test, rg);
					dm_regions_exit(rg);
				}
			}
}

#undef N
#undef D
#undef I
#undef C

static void regions_initial_states(struct kunit *test)
{
	static const u64 sizes[] = { 1, 31, 32, 33, 4095, 4096, 4097, 100000 };
	struct dm_regions *rg;
	u64 region;
	int i;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		rg = new_regions(test, sizes[i], DM_REGION_NOSYNC, true);
		EXPECT_RULES(test, rg);
		KUNIT_EXPECT_EQ(test, dm_regions_sync_count(rg), 0);
		KUNIT_EXPECT_EQ(test, dm_regions_state(rg, sizes[i] - 1),
				DM_REGION_NOSYNC);
		KUNIT_EXPECT_FALSE(test, dm_regions_uncommitted(rg));
		KUNIT_EXPECT_TRUE(test, dm_regions_next_resync(rg, &region));
		KUNIT_EXPECT_EQ(test, region, 0);

		rg = new_regions(test, sizes[i], DM_REGION_CLEAN, true);
		EXPECT_RULES(test, rg);
		KUNIT_EXPECT_EQ(test, dm_regions_sync_count(rg), sizes[i]);
		KUNIT_EXPECT_EQ(test, dm_regions_state(rg, sizes[i] - 1),
				DM_REGION_CLEAN);
		KUNIT_EXPECT_FALSE(test, dm_regions_next_resync(rg, &region));
	}
}

/* B3: numbers that belong to no region are harmless, wherever they come from. */
static void regions_out_of_range(struct kunit *test)
{
	static const u64 numbers[] = { 100, 101, 128, 4096, U32_MAX, U64_MAX };
	struct dm_regions *rg = new_regions(test, 100, DM_REGION_CLEAN, true);
	int i;

	for (i = 0; i < ARRAY_SIZE(numbers); i++) {
		dm_regions_mark(rg, numbers[i]);
		dm_regions_clear(rg, numbers[i]);
		dm_regions_set_sync(rg, numbers[i], false);
		KUNIT_EXPECT_FALSE(test, dm_regions_in_sync(rg, numbers[i]));
		KUNIT_EXPECT_FALSE(test, dm_regions_is_clean(rg, numbers[i]));
	}
	KUNIT_EXPECT_EQ(test, dm_regions_sync_count(rg), 100);
	KUNIT_EXPECT_FALSE(test, dm_regions_uncommitted(rg));
}

/* Writing again to a region that is still dirty in the stable copy is free. */
static void regions_remark_is_free(struct kunit *test)
{
	struct dm_regions *rg = new_regions(test, 10000, DM_REGION_CLEAN, true);

	dm_regions_mark(rg, 5000);
	KUNIT_EXPECT_TRUE(test, dm_regions_uncommitted(rg));
	commit_all(rg);
	KUNIT_EXPECT_FALSE(test, dm_regions_uncommitted(rg));

	dm_regions_clear(rg, 5000);
	KUNIT_EXPECT_EQ(test, dm_regions_state(rg, 5000), DM_REGION_IDLE);
	dm_regions_mark(rg, 5000);
	KUNIT_EXPECT_EQ(test, dm_regions_state(rg, 5000), DM_REGION_DIRTY);
	KUNIT_EXPECT_FALSE(test, dm_regions_uncommitted(rg));
}

/* A mark that was not committed is not forgotten, whatever happens to the region. */
static void regions_failed_commit_stays_pending(struct kunit *test)
{
	struct dm_regions *rg = new_regions(test, 10000, DM_REGION_CLEAN, true);

	dm_regions_mark(rg, 5000);
	dm_regions_take(rg, 0, 2);
	/* In flight is not durable. */
	KUNIT_EXPECT_TRUE(test, dm_regions_uncommitted(rg));
	dm_regions_pend(rg, 0);
	dm_regions_pend(rg, 1);
	dm_regions_committed(rg);
	/* Nothing is known of either chunk now. */
	KUNIT_EXPECT_EQ(test, dm_regions_next_pending(rg, 0), 0);
	KUNIT_EXPECT_EQ(test, dm_regions_next_pending(rg, 1), 1);

	dm_regions_clear(rg, 5000);
	dm_regions_mark(rg, 5000);
	KUNIT_EXPECT_TRUE(test, dm_regions_uncommitted(rg));
	commit_all(rg);
	KUNIT_EXPECT_FALSE(test, dm_regions_uncommitted(rg));
}

/* A mark that comes while its chunk is being written needs another write. */
static void regions_mark_during_commit(struct kunit *test)
{
	struct dm_regions *rg = new_regions(test, 64, DM_REGION_CLEAN, true);

	dm_regions_mark(rg, 1);
	dm_regions_take(rg, 0, 1);
	dm_regions_mark(rg, 2);
	dm_regions_committed(rg);
	KUNIT_EXPECT_TRUE(test, dm_regions_uncommitted(rg));
	commit_all(rg);
	KUNIT_EXPECT_FALSE(test, dm_regions_uncommitted(rg));
}

/* Idle, and cleaned only when idle for a whole period. */
static void regions_cleaning_waits_a_period(struct kunit *test)
{
	struct dm_regions *rg = new_regions(test, 64, DM_REGION_CLEAN, true);

	dm_regions_mark(rg, 7);
	commit_all(rg);
	dm_regions_clear(rg, 7);

	KUNIT_EXPECT_EQ(test, clean(rg, false, false), 0);
	KUNIT_EXPECT_FALSE(test, dm_regions_uncommitted(rg));

	KUNIT_EXPECT_EQ(test, clean(rg, false, false), 1);
	KUNIT_EXPECT_EQ(test, dm_regions_state(rg, 7), DM_REGION_CLEAN);
	KUNIT_EXPECT_TRUE(test, dm_regions_uncommitted(rg));
	KUNIT_EXPECT_EQ(test, dm_regions_nr_idle(rg), 0);
}

/*
 * Contract, part C 2: a region that was written after the flush of the legs began
 * must not be cleaned by it, even if that write has ended, too.
 */
static void regions_no_clean_of_rewritten(struct kunit *test)
{
	struct dm_regions *rg = new_regions(test, 64, DM_REGION_CLEAN, true);
	int i;

	for (i = 0; i < 3; i++) {
		dm_regions_mark(rg, i);
		dm_regions_clear(rg, i);
	}
	dm_regions_forget_recent(rg);
	/* The legs are being flushed. */
	dm_regions_mark(rg, 1);
	dm_regions_clear(rg, 1);
	dm_regions_mark(rg, 2);
	KUNIT_EXPECT_EQ(test, dm_regions_clean(rg, false), 1);
	KUNIT_EXPECT_EQ(test, dm_regions_state(rg, 0), DM_REGION_CLEAN);
	KUNIT_EXPECT_EQ(test, dm_regions_state(rg, 1), DM_REGION_IDLE);
	KUNIT_EXPECT_EQ(test, dm_regions_state(rg, 2), DM_REGION_DIRTY);
}

/* On a busy mirror a clean bit waits for a mark to go with, but not for ever. */
static void regions_deferred_clean(struct kunit *test)
{
	struct dm_regions *rg = new_regions(test, 64, DM_REGION_CLEAN, true);

	dm_regions_mark(rg, 7);
	commit_all(rg);
	dm_regions_clear(rg, 7);
	KUNIT_EXPECT_EQ(test, clean(rg, true, true), 1);
	KUNIT_EXPECT_FALSE(test, dm_regions_uncommitted(rg));
	KUNIT_EXPECT_TRUE(test, dm_regions_has_stale(rg));

	/* Another mark takes it along ... */
	dm_regions_mark(rg, 8);
	commit_all(rg);
	KUNIT_EXPECT_FALSE(test, dm_regions_has_stale(rg));

	/* ... or the next cleaning commits it ... */
	dm_regions_clear(rg, 8);
	clean(rg, true, true);
	clean(rg, true, true);
	KUNIT_EXPECT_TRUE(test, dm_regions_uncommitted(rg));
	KUNIT_EXPECT_FALSE(test, dm_regions_has_stale(rg));
	commit_all(rg);

	/* ... or whoever is in a hurry. */
	dm_regions_mark(rg, 9);
	commit_all(rg);
	dm_regions_clear(rg, 9);
	clean(rg, true, true);
	dm_regions_pend_stale(rg);
	KUNIT_EXPECT_TRUE(test, dm_regions_uncommitted(rg));
	KUNIT_EXPECT_FALSE(test, dm_regions_has_stale(rg));
}

/* B47: a region recovered is idle; one given up without being copied is not in sync. */
static void regions_recovered(struct kunit *test)
{
	struct dm_regions *rg = new_regions(test, 2, DM_REGION_NOSYNC, true);
	u64 region;

	KUNIT_ASSERT_TRUE(test, dm_regions_next_resync(rg, &region));
	dm_regions_clear(rg, region);
	KUNIT_EXPECT_TRUE(test, dm_regions_set_sync(rg, region, true));
	KUNIT_EXPECT_EQ(test, dm_regions_state(rg, 0), DM_REGION_IDLE);

	KUNIT_ASSERT_TRUE(test, dm_regions_next_resync(rg, &region));
	KUNIT_EXPECT_FALSE(test, dm_regions_set_sync(rg, region, true));
	KUNIT_EXPECT_EQ(test, dm_regions_state(rg, 1), DM_REGION_NOSYNC);
	KUNIT_EXPECT_EQ(test, dm_regions_sync_count(rg), 1);

	/* Neither was news for the stable copy, which has both dirty. */
	KUNIT_EXPECT_FALSE(test, dm_regions_uncommitted(rg));
}

/* B47: what was given up is tried once more if anything could be recovered since. */
static void regions_given_up_again(struct kunit *test)
{
	struct dm_regions *rg = new_regions(test, 4, DM_REGION_NOSYNC, false);
	/* Offered, and whether it is recovered. */
	static const struct { u64 region; bool good; } rounds[] = {
		{ 0, false }, { 1, true }, { 2, false }, { 3, false },
		{ 0, false }, { 2, true }, { 3, false },
		{ 0, false }, { 3, false },
	};
	u64 region;
	int i;

	for (i = 0; i < ARRAY_SIZE(rounds); i++) {
		KUNIT_ASSERT_TRUE_MSG(test, dm_regions_next_resync(rg, &region), "round %d", i);
		KUNIT_ASSERT_EQ_MSG(test, region, rounds[i].region, "round %d", i);
		if (rounds[i].good)
			dm_regions_clear(rg, region);
		KUNIT_EXPECT_EQ(test, dm_regions_set_sync(rg, region, true), rounds[i].good);
		EXPECT_RULES(test, rg);
	}
	/* Nothing has got on: it would spin. */
	KUNIT_EXPECT_FALSE(test, dm_regions_next_resync(rg, &region));
	KUNIT_EXPECT_EQ(test, dm_regions_sync_count(rg), 2);

	/* A failed write is not a reason: with handle_errors its bio is held. */
	rg = new_regions(test, 2, DM_REGION_NOSYNC, false);
	KUNIT_ASSERT_TRUE(test, dm_regions_next_resync(rg, &region));
	dm_regions_set_sync(rg, region, false);
	KUNIT_ASSERT_TRUE(test, dm_regions_next_resync(rg, &region));
	dm_regions_clear(rg, region);
	dm_regions_set_sync(rg, region, true);
	KUNIT_EXPECT_FALSE(test, dm_regions_next_resync(rg, &region));
}

/*
 * B46: after a failure not all count as in sync before the next resume: the mirror would
 * read again from a leg that has lost what was in its cache.
 */
static void regions_one_is_missing(struct kunit *test)
{
	struct dm_regions *rg = new_regions(test, 3, DM_REGION_CLEAN, true);
	struct dm_regions *core = new_regions(test, 3, DM_REGION_CLEAN, false);

	dm_regions_legs_failed(rg);
	KUNIT_EXPECT_EQ(test, dm_regions_sync_count(rg), 2);
	KUNIT_EXPECT_FALSE(test, dm_regions_may_clean(rg));
	dm_regions_restart(rg);
	KUNIT_EXPECT_EQ(test, dm_regions_sync_count(rg), 3);
	KUNIT_EXPECT_TRUE(test, dm_regions_may_clean(rg));

	/* B69: for good, if the mirror was told of an error, and tells of none any more. */
	dm_regions_spoil(rg);
	KUNIT_EXPECT_EQ(test, dm_regions_sync_count(rg), 2);
	dm_regions_restart(rg);
	KUNIT_EXPECT_EQ(test, dm_regions_sync_count(rg), 2);
	KUNIT_EXPECT_FALSE(test, dm_regions_may_clean(rg));

	/* A core log knows nothing of caches. */
	dm_regions_legs_failed(core);
	KUNIT_EXPECT_EQ(test, dm_regions_sync_count(core), 3);
}

/*
 * B70: once the mirror has been told that all regions are in sync it takes one leg for as
 * good as the other, whatever a later resume finds. But not in a first copy, which a
 * refresh must not slow down.
 */
static void regions_believed(struct kunit *test)
{
	struct dm_regions *rg = new_regions(test, 3, DM_REGION_NOSYNC, true);
	u64 region;

	dm_regions_restart(rg);
	KUNIT_EXPECT_EQ(test, rg->legs, DM_LEGS_GOOD);
	while (dm_regions_next_resync(rg, &region)) {
		dm_regions_clear(rg, region);
		dm_regions_set_sync(rg, region, true);
		dm_regions_sync_count(rg);
		EXPECT_RULES(test, rg);
	}
	dm_regions_mark(rg, 1);
	dm_regions_restart(rg);
	KUNIT_EXPECT_EQ(test, rg->legs, DM_LEGS_BACK);
	KUNIT_EXPECT_TRUE(test, dm_regions_awaits_recovery(rg, 1));
	/* Also if it is resumed again before that. */
	dm_regions_restart(rg);
	KUNIT_EXPECT_EQ(test, rg->legs, DM_LEGS_BACK);
	for (region = 0; region < 3; region++) {
		dm_regions_offer(rg, region);
		dm_regions_clear(rg, region);
		KUNIT_EXPECT_EQ(test, rg->legs, DM_LEGS_BACK);
		dm_regions_set_sync(rg, region, true);
	}
	KUNIT_EXPECT_EQ(test, rg->legs, DM_LEGS_GOOD);

	/* Who has been told with "nosync", before the first resume. */
	rg = new_regions(test, 3, DM_REGION_CLEAN, true);
	KUNIT_EXPECT_EQ(test, dm_regions_sync_count(rg), 3);
	dm_regions_mark(rg, 1);
	dm_regions_restart(rg);
	KUNIT_EXPECT_EQ(test, rg->legs, DM_LEGS_BACK);

	/* Errors are not handled: nobody holds a write of a first copy. */
	rg = new_regions(test, 3, DM_REGION_NOSYNC, true);
	KUNIT_ASSERT_TRUE(test, dm_regions_next_resync(rg, &region));
	dm_regions_set_sync(rg, region, true);
	dm_regions_restart(rg);
	KUNIT_EXPECT_EQ(test, rg->legs, DM_LEGS_GOOD);
}

/* B58: a daemon is told of regions, and a mark is news if it does not hold the region. */
static void regions_held(struct kunit *test)
{
	struct dm_regions *rg = new_regions(test, 10000, DM_REGION_CLEAN, true);
	u64 batch[128], from = 0;

	KUNIT_ASSERT_EQ(test, dm_regions_init_held(rg), 0);
	dm_regions_mark(rg, 5000);
	EXPECT_RULES(test, rg);
	commit_all(rg);
	KUNIT_EXPECT_TRUE(test, dm_regions_is_held(rg, 5000));
	KUNIT_EXPECT_EQ(test, dm_regions_nr_held(rg), 1);
	dm_regions_mark(rg, 5000);
	dm_regions_clear(rg, 5000);
	dm_regions_mark(rg, 5000);
	KUNIT_EXPECT_FALSE(test, dm_regions_uncommitted(rg));
	dm_regions_clear(rg, 5000);

	/* Seen to be idle, it is not held any more: whatever becomes of the CLEAR. */
	KUNIT_EXPECT_EQ(test, dm_regions_pick_idle(rg, &from, batch, 128), 0);
	dm_regions_forget_recent(rg);
	from = 0;
	KUNIT_EXPECT_EQ(test, dm_regions_pick_idle(rg, &from, batch, 128), 1);
	KUNIT_EXPECT_EQ(test, batch[0], 5000);
	KUNIT_EXPECT_EQ(test, dm_regions_nr_held(rg), 0);
	EXPECT_RULES(test, rg);
	dm_regions_mark(rg, 5000);
	KUNIT_EXPECT_EQ(test, dm_regions_next_pending(rg, 0), 1);
	dm_regions_set_clean(rg, batch, 1);
	KUNIT_EXPECT_EQ(test, dm_regions_state(rg, 5000), DM_REGION_DIRTY);
	commit_all(rg);
	EXPECT_RULES(test, rg);

	/* Written to since, and idle again, it is recent. */
	dm_regions_clear(rg, 5000);
	dm_regions_set_clean(rg, batch, 1);
	KUNIT_EXPECT_EQ(test, dm_regions_state(rg, 5000), DM_REGION_IDLE);
	dm_regions_forget_recent(rg);
	/* Held again, too. */
	dm_regions_set_clean(rg, batch, 1);
	KUNIT_EXPECT_EQ(test, dm_regions_state(rg, 5000), DM_REGION_IDLE);
	from = 0;
	KUNIT_EXPECT_EQ(test, dm_regions_pick_idle(rg, &from, batch, 128), 1);
	dm_regions_set_clean(rg, batch, 1);
	KUNIT_EXPECT_EQ(test, dm_regions_state(rg, 5000), DM_REGION_CLEAN);
	KUNIT_EXPECT_EQ(test, dm_regions_nr_idle(rg), 0);
	EXPECT_RULES(test, rg);

	/* What fails while its mark is on its way has to be told once more. */
	dm_regions_mark(rg, 7);
	dm_regions_take(rg, 0, 1);
	KUNIT_EXPECT_EQ(test, dm_regions_pick_unheld(rg, 0, false, batch, 0, 128), 1);
	dm_regions_set_sync(rg, 7, false);
	dm_regions_hold(rg, batch, 1);
	dm_regions_committed(rg);
	KUNIT_EXPECT_FALSE(test, dm_regions_is_held(rg, 7));
	KUNIT_EXPECT_TRUE(test, dm_regions_uncommitted(rg));
	EXPECT_RULES(test, rg);
	commit_all(rg);
	KUNIT_EXPECT_TRUE(test, dm_regions_is_held(rg, 7));
	from = 0;
	KUNIT_EXPECT_EQ(test, dm_regions_pick_idle(rg, &from, batch, 128), 0);
}

/* More than go together, over words and chunks: each once, and then there is an end. */
static void regions_pick(struct kunit *test)
{
	const u64 nr = 2 * CHUNK + 70;
	struct dm_regions *rg = new_regions(test, nr, DM_REGION_CLEAN, true);
	unsigned long *seen = dm_regions_alloc_bitmap(nr);
	u64 batch[200], region, from;
	unsigned int i, n, total;

	KUNIT_ASSERT_NOT_NULL(test, seen);
	KUNIT_ASSERT_EQ(test, dm_regions_init_held(rg), 0);
	for (region = 0; region < nr; region++)
		dm_regions_mark(rg, region);
	KUNIT_EXPECT_EQ(test, dm_regions_pick_unheld(rg, 1, false, batch, 5, 200), 201);
	KUNIT_EXPECT_EQ(test, batch[5], CHUNK);
	KUNIT_EXPECT_EQ(test, batch[199], CHUNK + 194);
	KUNIT_EXPECT_EQ(test, dm_regions_pick_unheld(rg, 2, false, batch, 0, 200), 70);
	KUNIT_EXPECT_EQ(test, batch[69], nr - 1);
	commit_all(rg);
	KUNIT_EXPECT_EQ(test, dm_regions_nr_held(rg), nr);

	for (from = 0, total = 0; (n = dm_regions_pick_held(rg, &from, batch, 200)); total += n)
		for (i = 0; i < n; i++)
			KUNIT_EXPECT_EQ(test, batch[i], total + i);
	KUNIT_EXPECT_EQ(test, total, nr);

	for (region = 0; region < nr; region++)
		if (region % 3)
			dm_regions_clear(rg, region);
	KUNIT_EXPECT_EQ(test, dm_regions_pick_unheld(rg, 0, true, batch, 0, 200), 0);
	dm_regions_forget_recent(rg);
	for (from = 0, total = 0; (n = dm_regions_pick_idle(rg, &from, batch, 200)); total += n) {
		for (i = 0; i < n; i++)
			KUNIT_EXPECT_FALSE(test, __test_and_set_bit(batch[i], seen));
		dm_regions_set_clean(rg, batch, n);
		EXPECT_RULES(test, rg);
	}
	KUNIT_EXPECT_EQ(test, total, nr - DIV_ROUND_UP(nr, 3));
	KUNIT_EXPECT_EQ(test, dm_regions_nr_idle(rg), 0);
	KUNIT_EXPECT_FALSE(test, dm_regions_uncommitted(rg));
	kvfree(seen);
}

/* Another daemon: what is not clean is news again, idle regions included. */
static void regions_forget_held(struct kunit *test)
{
	struct dm_regions *rg = new_regions(test, 5 * CHUNK, DM_REGION_CLEAN, true);
	u64 batch[8];

	KUNIT_ASSERT_EQ(test, dm_regions_init_held(rg), 0);
	dm_regions_forget_held(rg);
	KUNIT_EXPECT_FALSE(test, dm_regions_uncommitted(rg));

	dm_regions_mark(rg, 0);
	dm_regions_clear(rg, 0);
	dm_regions_set_sync(rg, 2 * CHUNK, false);
	e_recovered(rg, 4 * CHUNK);
	commit_all(rg);
	dm_regions_forget_held(rg);
	KUNIT_EXPECT_EQ(test, dm_regions_nr_held(rg), 0);
	KUNIT_EXPECT_EQ(test, dm_regions_next_pending(rg, 0), 0);
	KUNIT_EXPECT_EQ(test, dm_regions_next_pending(rg, 1), 2);
	KUNIT_EXPECT_EQ(test, dm_regions_next_pending(rg, 3), 4);
	KUNIT_EXPECT_EQ(test, dm_regions_pick_unheld(rg, 4, false, batch, 0, 8), 0);
	KUNIT_EXPECT_EQ(test, dm_regions_pick_unheld(rg, 4, true, batch, 0, 8), 1);
	EXPECT_RULES(test, rg);
}

/* Recovered by somebody else's choice: idle, whatever it was, unless written to. */
static void regions_recovered_unasked(struct kunit *test)
{
	struct dm_regions *rg = new_regions(test, 5000, DM_REGION_CLEAN, true);

	dm_regions_set_sync(rg, 1, false);
	dm_regions_mark(rg, 2);
	dm_regions_mark(rg, 3);
	dm_regions_clear(rg, 3);
	commit_all(rg);
	/* As if the failure had been long ago. */
	rg->legs = DM_LEGS_GOOD;

	e_recovered(rg, 0);
	e_recovered(rg, 1);
	e_recovered(rg, 2);
	e_recovered(rg, 3);
	e_recovered(rg, 4999);
	e_recovered(rg, 5000);
	KUNIT_EXPECT_EQ(test, dm_regions_state(rg, 0), DM_REGION_IDLE);
	KUNIT_EXPECT_EQ(test, dm_regions_state(rg, 1), DM_REGION_IDLE);
	KUNIT_EXPECT_EQ(test, dm_regions_state(rg, 2), DM_REGION_DIRTY);
	KUNIT_EXPECT_EQ(test, dm_regions_state(rg, 3), DM_REGION_IDLE);
	KUNIT_EXPECT_EQ(test, dm_regions_state(rg, 4999), DM_REGION_IDLE);
	KUNIT_EXPECT_EQ(test, dm_regions_nr_nosync(rg), 0);
	KUNIT_EXPECT_EQ(test, dm_regions_nr_dirty(rg), 1);
	KUNIT_EXPECT_EQ(test, dm_regions_nr_idle(rg), 4);
	KUNIT_EXPECT_FALSE(test, dm_regions_uncommitted(rg));

	/* Copied while the legs are flushed: the next flush will do. */
	dm_regions_forget_recent(rg);
	e_recovered(rg, 3);
	KUNIT_EXPECT_EQ(test, dm_regions_clean(rg, false), 3);
	KUNIT_EXPECT_EQ(test, dm_regions_state(rg, 3), DM_REGION_IDLE);
	KUNIT_EXPECT_EQ(test, clean(rg, true, false), 1);
	/* Both chunks have news for the copy. */
	KUNIT_EXPECT_EQ(test, dm_regions_next_pending(rg, 0), 0);
	KUNIT_EXPECT_EQ(test, dm_regions_next_pending(rg, 1), 1);
}

/* From wherever one begins, across words and chunks, to the end. */
static void regions_next_nosync(struct kunit *test)
{
	static const u64 failed[] = { 0, 1, 31, 32, CHUNK - 1, 3 * CHUNK + 5 };
	const u64 nr = 3 * CHUNK + 6;
	struct dm_regions *rg = new_regions(test, nr, DM_REGION_CLEAN, true);
	u64 region;
	int i;

	KUNIT_EXPECT_EQ(test, dm_regions_next_nosync(rg, 0), nr);
	for (i = 0; i < ARRAY_SIZE(failed); i++)
		dm_regions_set_sync(rg, failed[i], false);
	for (i = 0, region = 0; i < ARRAY_SIZE(failed); i++, region++) {
		region = dm_regions_next_nosync(rg, region);
		KUNIT_EXPECT_EQ(test, region, failed[i]);
	}
	KUNIT_EXPECT_EQ(test, dm_regions_next_nosync(rg, region), nr);
	KUNIT_EXPECT_EQ(test, dm_regions_next_nosync(rg, CHUNK), nr - 1);
	KUNIT_EXPECT_EQ(test, dm_regions_next_nosync(rg, 33), CHUNK - 1);
	KUNIT_EXPECT_EQ(test, dm_regions_next_nosync(rg, nr), nr);
	KUNIT_EXPECT_EQ(test, dm_regions_next_nosync(rg, U64_MAX), nr);
}

/* B15: telling twice must not count twice. */
static void regions_count_cannot_drift(struct kunit *test)
{
	struct dm_regions *rg = new_regions(test, 10, DM_REGION_NOSYNC, true);
	int i;

	for (i = 0; i < 5; i++) {
		dm_regions_offer(rg, 3);
		dm_regions_clear(rg, 3);
		dm_regions_set_sync(rg, 3, true);
		dm_regions_set_sync(rg, 3, true);
	}
	KUNIT_EXPECT_EQ(test, dm_regions_sync_count(rg), 1);
	for (i = 0; i < 5; i++)
		dm_regions_set_sync(rg, 3, false);
	KUNIT_EXPECT_EQ(test, dm_regions_sync_count(rg), 0);
}

/* B28: once through the map, until told to start again. */
static void regions_failed_not_offered_again(struct kunit *test)
{
	struct dm_regions *rg = new_regions(test, 3, DM_REGION_NOSYNC, true);
	u64 region, expected;

	for (expected = 0; expected < 3; expected++) {
		KUNIT_ASSERT_TRUE(test, dm_regions_next_resync(rg, &region));
		KUNIT_EXPECT_EQ(test, region, expected);
		dm_regions_set_sync(rg, region, false);
	}
	KUNIT_EXPECT_FALSE(test, dm_regions_next_resync(rg, &region));
	dm_regions_restart(rg);
	KUNIT_EXPECT_TRUE(test, dm_regions_next_resync(rg, &region));
	KUNIT_EXPECT_EQ(test, region, 0);
}

/* After a leg has failed, a write to a region that is out of sync has it recovered. */
static void regions_awaits_recovery(struct kunit *test)
{
	struct dm_regions *rg = new_regions(test, 10, DM_REGION_CLEAN, false);
	u64 region;

	dm_regions_restart(rg);
	dm_regions_set_sync(rg, 2, false);
	dm_regions_set_sync(rg, 5, false);
	dm_regions_set_sync(rg, 7, false);
	/* While the leg is dead the mirror knows what to do with a write. */
	KUNIT_EXPECT_FALSE(test, dm_regions_awaits_recovery(rg, 5));

	dm_regions_restart(rg);
	KUNIT_EXPECT_FALSE(test, dm_regions_awaits_recovery(rg, 1));
	KUNIT_EXPECT_FALSE(test, dm_regions_awaits_recovery(rg, 10));
	KUNIT_EXPECT_FALSE(test, dm_regions_awaits_recovery(rg, DM_REGIONS_NONE));
	KUNIT_EXPECT_TRUE(test, dm_regions_awaits_recovery(rg, 7));
	KUNIT_EXPECT_TRUE(test, dm_regions_awaits_recovery(rg, 5));

	/* It goes first, and while it is being recovered the mirror keeps the write. */
	KUNIT_ASSERT_TRUE(test, dm_regions_next_resync(rg, &region));
	KUNIT_EXPECT_EQ(test, region, 7);
	KUNIT_EXPECT_FALSE(test, dm_regions_awaits_recovery(rg, 7));
	KUNIT_EXPECT_TRUE(test, dm_regions_awaits_recovery(rg, 5));
	dm_regions_clear(rg, 7);
	dm_regions_set_sync(rg, 7, true);
	KUNIT_EXPECT_TRUE(test, dm_regions_awaits_recovery(rg, 5));
	KUNIT_ASSERT_TRUE(test, dm_regions_next_resync(rg, &region));
	KUNIT_EXPECT_EQ(test, region, 5);
	dm_regions_clear(rg, 5);
	dm_regions_set_sync(rg, 5, true);

	/* Nobody asks for the last one, and nothing was skipped for those before. */
	KUNIT_ASSERT_TRUE(test, dm_regions_next_resync(rg, &region));
	KUNIT_EXPECT_EQ(test, region, 2);
	dm_regions_clear(rg, 2);
	dm_regions_set_sync(rg, 2, true);
	KUNIT_EXPECT_FALSE(test, dm_regions_next_resync(rg, &region));
	KUNIT_EXPECT_EQ(test, dm_regions_nr_nosync(rg), 0);

	/* All in sync: the failure is forgotten, and counts again only after the next. */
	dm_regions_restart(rg);
	KUNIT_EXPECT_FALSE(test, dm_regions_awaits_recovery(rg, 2));
}

/* A leg that is still dead, or a suspend: no write waits for what will not come. */
static void regions_awaits_no_more(struct kunit *test)
{
	struct dm_regions *rg = new_regions(test, 10, DM_REGION_CLEAN, true);
	u64 region;

	dm_regions_set_sync(rg, 3, false);
	dm_regions_set_sync(rg, 6, false);
	dm_regions_restart(rg);
	KUNIT_EXPECT_TRUE(test, dm_regions_awaits_recovery(rg, 6));
	KUNIT_ASSERT_TRUE(test, dm_regions_next_resync(rg, &region));
	KUNIT_EXPECT_EQ(test, region, 6);
	KUNIT_EXPECT_TRUE(test, dm_regions_awaits_recovery(rg, 3));
	dm_regions_set_sync(rg, 6, false);
	KUNIT_EXPECT_FALSE(test, dm_regions_awaits_recovery(rg, 3));
	KUNIT_EXPECT_FALSE(test, dm_regions_awaits_recovery(rg, 6));
	/* What was wanted is forgotten: B28, once through the map. */
	KUNIT_ASSERT_TRUE(test, dm_regions_next_resync(rg, &region));
	KUNIT_EXPECT_EQ(test, region, 3);
	dm_regions_set_sync(rg, 3, false);
	KUNIT_ASSERT_TRUE(test, dm_regions_next_resync(rg, &region));
	KUNIT_EXPECT_EQ(test, region, 6);
	dm_regions_set_sync(rg, 6, false);
	KUNIT_EXPECT_FALSE(test, dm_regions_next_resync(rg, &region));

	/* Without handle_errors a recovery that has failed is called one that has not. */
	dm_regions_restart(rg);
	KUNIT_EXPECT_TRUE(test, dm_regions_awaits_recovery(rg, 3));
	KUNIT_ASSERT_TRUE(test, dm_regions_next_resync(rg, &region));
	KUNIT_EXPECT_EQ(test, region, 3);
	KUNIT_EXPECT_TRUE(test, dm_regions_awaits_recovery(rg, 6));
	dm_regions_set_sync(rg, 3, true);
	KUNIT_EXPECT_FALSE(test, dm_regions_awaits_recovery(rg, 6));
}

/* The mirror recovers one region at a time: wait, do not forget. */
static void regions_one_recovering(struct kunit *test)
{
	struct dm_regions *rg = new_regions(test, 100, DM_REGION_NOSYNC, true);
	u64 region;

	KUNIT_ASSERT_TRUE(test, dm_regions_next_resync(rg, &region));
	KUNIT_EXPECT_FALSE(test, dm_regions_next_resync(rg, &region));
	KUNIT_EXPECT_EQ(test, region, 0);
	dm_regions_set_sync(rg, 2, true);
	KUNIT_EXPECT_FALSE(test, dm_regions_next_resync(rg, &region));
	dm_regions_clear(rg, 0);
	dm_regions_set_sync(rg, 0, true);
	KUNIT_EXPECT_TRUE(test, dm_regions_next_resync(rg, &region));
	KUNIT_EXPECT_EQ(test, region, 1);
}

static void regions_image_and_load(struct kunit *test)
{
	const u64 nr = CHUNK + 70;
	struct dm_regions *rg = new_regions(test, nr, DM_REGION_NOSYNC, true);
	u64 *in = kunit_kzalloc(test, SZ_512, GFP_KERNEL);
	u64 *out = kunit_kzalloc(test, SZ_512, GFP_KERNEL);
	u64 region;

	KUNIT_ASSERT_NOT_NULL(test, in);
	KUNIT_ASSERT_NOT_NULL(test, out);

	get_random_bytes(in, SZ_512);
	dm_regions_load(rg, 0, in, false);
	dm_regions_image(rg, 0, out, DM_REGIONS_CHUNK_U64S);
	KUNIT_EXPECT_MEMEQ(test, in, out, SZ_512);
	for (region = 0; region < CHUNK; region++)
		KUNIT_ASSERT_EQ(test, dm_regions_state(rg, region),
				in[region / 64] >> region % 64 & 1 ?
				DM_REGION_CLEAN : DM_REGION_NOSYNC);

	/* The last chunk is partly padding: ignored on the way in, 0 on the way out. */
	memset(in, 0xff, SZ_512);
	dm_regions_load(rg, 1, in, false);
	memset(in, 0, SZ_512);
	in[0] = U64_MAX;
	in[1] = BIT_ULL(70 - 64) - 1;
	dm_regions_image(rg, 1, out, DM_REGIONS_CHUNK_U64S);
	KUNIT_EXPECT_MEMEQ(test, in, out, SZ_512);
}

/* Searched in steps, with the lock dropped in between: chunks at the ends of these. */
static void regions_search_in_steps(struct kunit *test)
{
	static const unsigned long set[] = {
		0, SZ_32K - 1, SZ_32K, 3 * SZ_32K + 7, 4 * SZ_32K - 1, 4 * SZ_32K + 4,
	};
	struct dm_regions *rg = kunit_kzalloc(test, sizeof(*rg), GFP_KERNEL);
	unsigned long chunk;
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, rg);
	raw_spin_lock_init(&rg->lock);
	rg->durable = true;
	rg->nr_chunks = 4 * SZ_32K + 5;
	rg->pending = kunit_kzalloc(test, BITS_TO_LONGS(rg->nr_chunks) * sizeof(long),
				    GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, rg->pending);

	KUNIT_EXPECT_EQ(test, dm_regions_next_pending(rg, 0), rg->nr_chunks);
	for (i = 0; i < ARRAY_SIZE(set); i++)
		dm_regions_pend(rg, set[i]);
	chunk = dm_regions_next_pending(rg, 0);
	for (i = 0; i < ARRAY_SIZE(set); i++) {
		KUNIT_EXPECT_EQ(test, chunk, set[i]);
		chunk = dm_regions_next_pending(rg, set[i] + 1);
	}
	KUNIT_EXPECT_EQ(test, chunk, rg->nr_chunks);
	KUNIT_EXPECT_EQ(test, dm_regions_next_pending(rg, rg->nr_chunks), rg->nr_chunks);
}

/*
 * B9: the only region out of sync is the last of more than 2^31. Sparse memory
 * would do; what we have is 2 bits each.
 */
static void regions_beyond_2_31(struct kunit *test)
{
	const u64 nr = BIT_ULL(31) + 5000;
	struct dm_regions *rg = kunit_kzalloc(test, sizeof(*rg), GFP_KERNEL);
	u64 region;

	KUNIT_ASSERT_NOT_NULL(test, rg);
	if (totalram_pages() < SZ_1G / PAGE_SIZE * 3 / 4)
		kunit_skip(test, "needs 768 MiB of memory");
	if (dm_regions_init(rg, nr, DM_REGION_CLEAN, true))
		kunit_skip(test, "no memory for 2^31 regions");
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, exit_regions, rg), 0);

	KUNIT_EXPECT_EQ(test, dm_regions_sync_count(rg), nr);
	dm_regions_set_sync(rg, nr - 1, false);
	dm_regions_set_sync(rg, nr - 3, false);
	KUNIT_EXPECT_EQ(test, dm_regions_sync_count(rg), nr - 2);
	KUNIT_EXPECT_TRUE(test, dm_regions_next_resync(rg, &region));
	KUNIT_EXPECT_EQ(test, region, nr - 3);
	dm_regions_set_sync(rg, region, false);
	KUNIT_EXPECT_TRUE(test, dm_regions_next_resync(rg, &region));
	KUNIT_EXPECT_EQ(test, region, nr - 1);
	KUNIT_EXPECT_EQ(test, dm_regions_next_pending(rg, 0), rg->nr_chunks - 1);
}

/*
 * The model. "Unflushed" is what the map cannot see: data of ended writes that
 * the legs may still lose; "lost" is what they may have lost of that when one of them
 * failed, whatever flush is good later. "Stable" is the clean bit in the stable copy.
 */
struct model_region {
	bool in_sync;
	bool marked;
	bool unflushed;
	bool lost;
	bool stable;
	bool recovering;
	bool cleared;
	bool touched;	/* since the flush of the legs began */
};

struct model {
	struct kunit *test;
	struct dm_regions *rg;
	struct model_region *region;
	u64 nr;
	u64 cursor;
	u64 recovering;
	bool failed;
	bool again;
	bool progress;
	struct rnd_state rnd;
};

static u32 pick(struct model *m, u32 limit)
{
	return prandom_u32_state(&m->rnd) % limit;
}

/* Half the time in a small hot set, and often at the borders of chunks. */
static u64 pick_region(struct model *m)
{
	switch (pick(m, 4)) {
	case 0:
		return pick(m, min_t(u64, m->nr, 8));
	case 1:
		return min_t(u64, m->nr - 1, CHUNK - 2 + pick(m, 4));
	default:
		return pick(m, m->nr);
	}
}

static void model_mark(struct model *m, u64 r)
{
	enum dm_region_state before = dm_regions_state(m->rg, r);

	dm_regions_mark(m->rg, r);
	if (before == DM_REGION_CLEAN)
		KUNIT_ASSERT_EQ(m->test, dm_regions_next_pending(m->rg, r / CHUNK),
				r / CHUNK);
	if (m->region[r].in_sync)
		m->region[r].marked = true;
	m->region[r].touched = true;
}

static void model_clear(struct model *m, u64 r)
{
	struct model_region *mr = &m->region[r];

	dm_regions_clear(m->rg, r);
	if (mr->marked) {
		mr->marked = false;
		mr->unflushed = true;
		mr->touched = true;
	} else if (!mr->in_sync && mr->recovering) {
		mr->cleared = true;
	}
}

/* A leg fails: what is in its cache is gone. */
static void model_leg_fails(struct model *m)
{
	u64 r;

	m->failed = true;
	for (r = 0; r < m->nr; r++)
		m->region[r].lost |= m->region[r].unflushed;
}

static void model_recovers(struct model *m, struct model_region *mr)
{
	m->progress = true;
	mr->in_sync = true;
	mr->lost = false;
	if (!mr->marked) {
		mr->unflushed = true;
		mr->touched = true;
	}
}

static void model_set_sync(struct model *m, u64 r, bool in_sync)
{
	struct model_region *mr = &m->region[r];
	bool given_up = in_sync && mr->recovering && !mr->cleared;

	KUNIT_ASSERT_EQ(m->test, dm_regions_set_sync(m->rg, r, in_sync), !given_up);
	if (in_sync && mr->recovering && mr->cleared) {
		model_recovers(m, mr);
	} else if (!in_sync || mr->recovering) {
		mr->in_sync = false;
		mr->marked = false;
		model_leg_fails(m);
		m->again |= given_up;
	}
	if (mr->recovering)
		m->recovering--;
	mr->recovering = false;
	mr->cleared = false;
}

static void model_next_resync(struct model *m)
{
	u64 expected, got;
	bool found;

	found = dm_regions_next_resync(m->rg, &got);
	if (m->recovering) {
		KUNIT_ASSERT_FALSE(m->test, found);
		return;
	}
	for (expected = m->cursor; expected < m->nr; expected++)
		if (!m->region[expected].in_sync)
			break;
	if (expected == m->nr && m->again && m->progress) {
		m->again = false;
		m->progress = false;
		for (expected = 0; expected < m->nr; expected++)
			if (!m->region[expected].in_sync)
				break;
	}
	KUNIT_ASSERT_EQ(m->test, found, expected < m->nr);
	/* Having found nothing the map need not look again before a restart. */
	m->cursor = expected < m->nr ? expected + 1 : m->nr;
	if (found) {
		KUNIT_ASSERT_EQ(m->test, got, expected);
		m->region[got].recovering = true;
		m->recovering++;
	}
}

static void model_restart(struct model *m)
{
	u64 r;

	for (r = 0; r < m->nr; r++) {
		enum dm_region_state state = dm_regions_state(m->rg, r);

		m->region[r].recovering = false;
		m->region[r].cleared = false;
		if (state != DM_REGION_DIRTY && state != DM_REGION_IDLE)
			continue;
		m->region[r].in_sync = false;
		m->region[r].marked = false;
	}
	dm_regions_restart(m->rg);
	m->failed = false;
	m->again = false;
	m->progress = false;
	m->cursor = 0;
	m->recovering = 0;
}

/* Commit what is pending, chunk by chunk; writes may fail, and then write or not. */
static void model_commit(struct model *m)
{
	u64 bits[DM_REGIONS_CHUNK_U64S];
	unsigned long chunk;
	u64 r;

	for (chunk = dm_regions_next_pending(m->rg, 0); chunk < m->rg->nr_chunks;
	     chunk = dm_regions_next_pending(m->rg, chunk + 1)) {
		bool fail = !pick(m, 8);

		dm_regions_take(m->rg, chunk, 1);
		dm_regions_image(m->rg, chunk, bits, DM_REGIONS_CHUNK_U64S);
		if (!pick(m, 4))
			model_mark(m, pick_region(m));
		for (r = chunk * CHUNK; r < min(m->nr, (chunk + 1) * CHUNK); r++)
			if (!fail || pick(m, 2))
				m->region[r].stable =
					bits[r % CHUNK / 64] >> r % 64 & 1;
		if (fail)
			dm_regions_pend(m->rg, chunk);
		dm_regions_committed(m->rg);
	}
}

static void model_clean(struct model *m)
{
	int i, nr = pick(m, 6);
	bool all = pick(m, 2);
	u64 r;

	dm_regions_pend_stale(m->rg);
	for (r = 0; r < m->nr; r++)
		m->region[r].touched = false;
	if (all)
		dm_regions_forget_recent(m->rg);
	for (i = 0; i < nr; i++) {
		model_mark(m, pick_region(m));
		model_clear(m, pick_region(m));
	}
	/* Or else the legs could not be flushed. */
	if (pick(m, 16)) {
		for (r = 0; r < m->nr; r++)
			if (!m->region[r].touched)
				m->region[r].unflushed = false;
		r = dm_regions_clean(m->rg, pick(m, 2));
		if (m->failed)
			KUNIT_EXPECT_EQ(m->test, r, 0);
	} else {
		dm_regions_legs_failed(m->rg);
		model_leg_fails(m);
	}
	if (!all)
		dm_regions_forget_recent(m->rg);
}

static void model_check_search(struct model *m)
{
	u64 r, from = pick(m, m->nr), next = dm_regions_next_nosync(m->rg, from);

	for (r = from; r < min(next, m->nr); r++)
		if (!m->region[r].in_sync)
			KUNIT_FAIL(m->test, "region %llu is out of sync, next is %llu\n",
				   r, next);
	if (next < m->nr && m->region[next].in_sync)
		KUNIT_FAIL(m->test, "region %llu is not out of sync\n", next);
}

static void model_check(struct model *m)
{
	u64 r, in_sync = 0, dirty = 0, idle = 0;
	bool committed = !dm_regions_uncommitted(m->rg);

	for (r = 0; r < m->nr; r++) {
		enum dm_region_state state = dm_regions_state(m->rg, r);
		const struct model_region *mr = &m->region[r];
		bool safe = mr->in_sync && !mr->marked && !mr->unflushed && !mr->lost;
		bool dirty_now = state == DM_REGION_DIRTY;

		in_sync += mr->in_sync;
		dirty += state == DM_REGION_DIRTY;
		idle += state == DM_REGION_IDLE;

		if (dm_regions_in_sync(m->rg, r) != mr->in_sync ||
		    dirty_now != (mr->in_sync && mr->marked) ||
		    (state == DM_REGION_CLEAN && !safe) ||
		    /* The crash rule. */
		    (mr->stable && !safe && committed))
			KUNIT_FAIL(m->test, "region %llu: state %d, model %d%d%d%d, committed %d\n",
				   r, state, mr->in_sync, mr->marked,
				   mr->unflushed, mr->stable, committed);
	}
	KUNIT_ASSERT_EQ(m->test, dm_regions_sync_count(m->rg),
			in_sync - (in_sync == m->nr && m->failed));
	KUNIT_ASSERT_EQ(m->test, dm_regions_may_clean(m->rg), !m->failed);
	KUNIT_ASSERT_EQ(m->test, dm_regions_nr_dirty(m->rg), dirty);
	KUNIT_ASSERT_EQ(m->test, dm_regions_nr_idle(m->rg), idle);
}

static void model_step(struct model *m)
{
	u64 r = pick_region(m);

	switch (pick(m, 18)) {
	case 0 ... 4:
		model_mark(m, r);
		break;
	case 5 ... 8:
		model_clear(m, r);
		break;
	case 9:
		if (!pick(m, 4))
			model_set_sync(m, r, false);
		break;
	case 10:
		if (!pick(m, 4))
			model_set_sync(m, r, true);
		break;
	case 11:
		model_next_resync(m);
		break;
	case 12:
		for (r = 0; r < m->nr && !m->region[r].recovering; r++)
			;
		if (r < m->nr) {
			model_clear(m, r);
			model_set_sync(m, r, true);
		}
		break;
	case 13:
		model_commit(m);
		break;
	case 14:
		model_clean(m);
		break;
	case 15:
		if (!pick(m, 4))
			model_restart(m);
		break;
	case 16 ... 17:
		model_check_search(m);
		break;
	}
}

static void regions_random(struct kunit *test)
{
	static const u64 sizes[] = { 1, 40, CHUNK, CHUNK + 1, 2 * CHUNK + 77,
				      40000 };
	struct model m = { .test = test };
	u64 seed = get_random_u64(), r;
	int i, step;

	kunit_info(test, "seed 0x%llx\n", seed);
	prandom_seed_state(&m.rnd, seed);

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		m.nr = sizes[i];
		m.cursor = 0;
		m.recovering = 0;
		m.failed = false;
		m.again = false;
		m.progress = false;
		m.rg = new_regions(test, m.nr, i & 1 ? DM_REGION_CLEAN :
				   DM_REGION_NOSYNC, true);
		m.region = kvcalloc(m.nr, sizeof(*m.region), GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, m.region);
		for (r = 0; r < m.nr; r++) {
			m.region[r].in_sync = i & 1;
			m.region[r].stable = i & 1;
		}

		for (step = 0; step < 3000; step++) {
			model_step(&m);
			model_check(&m);
			EXPECT_RULES(test, m.rg);
			if (test->status == KUNIT_FAILURE)
				break;
		}

		/* Left alone, everything that is in sync becomes clean. */
		if (m.failed)
			model_restart(&m);
		for (r = 0; r < m.nr; r++)
			model_clear(&m, r);
		for (step = 0; step < 2; step++)
			clean(m.rg, false, false);
		if (!m.failed)
			KUNIT_EXPECT_EQ(test, dm_regions_nr_idle(m.rg), 0);
		KUNIT_EXPECT_EQ(test, dm_regions_nr_dirty(m.rg), 0);
		kvfree(m.region);
	}
}

/* The worker and one other thread at the same time: no update may be lost. */
#define RACE_REGIONS	(2 * CHUNK)

static int race_worker(void *data)
{
	struct dm_regions *rg = data;
	struct rnd_state rnd;
	u64 r;

	prandom_seed_state(&rnd, 1);
	while (!kthread_should_stop()) {
		r = prandom_u32_state(&rnd) % RACE_REGIONS;
		dm_regions_mark(rg, r);
		if (!(r % 16))
			dm_regions_set_sync(rg, r, false);
		dm_regions_clear(rg, r);
		if (!(r % 64))
			cond_resched();
	}
	return 0;
}

static void regions_two_threads(struct kunit *test)
{
	struct dm_regions *rg = new_regions(test, RACE_REGIONS, DM_REGION_CLEAN, true);
	struct task_struct *worker = kthread_run(race_worker, rg, "dm-log-race");
	u64 r, in_sync = 0, idle = 0;
	int i;

	KUNIT_ASSERT_FALSE(test, IS_ERR(worker));
	get_task_struct(worker);
	for (i = 0; i < 300; i++) {
		dm_regions_forget_recent(rg);
		cond_resched();
		dm_regions_clean(rg, false);
		commit_all(rg);
		cond_resched();
	}
	kthread_stop(worker);
	put_task_struct(worker);

	for (r = 0; r < RACE_REGIONS; r++) {
		in_sync += dm_regions_in_sync(rg, r);
		idle += dm_regions_state(rg, r) == DM_REGION_IDLE;
	}
	KUNIT_EXPECT_EQ(test, dm_regions_sync_count(rg), in_sync);
	KUNIT_EXPECT_EQ(test, dm_regions_nr_idle(rg), idle);
	KUNIT_EXPECT_EQ(test, dm_regions_nr_dirty(rg), 0);
	EXPECT_RULES(test, rg);
}

static struct kunit_case dm_log_regions_cases[] = {
	KUNIT_CASE(regions_table),
	KUNIT_CASE(regions_initial_states),
	KUNIT_CASE(regions_out_of_range),
	KUNIT_CASE(regions_remark_is_free),
	KUNIT_CASE(regions_failed_commit_stays_pending),
	KUNIT_CASE(regions_mark_during_commit),
	KUNIT_CASE(regions_cleaning_waits_a_period),
	KUNIT_CASE(regions_no_clean_of_rewritten),
	KUNIT_CASE(regions_deferred_clean),
	KUNIT_CASE(regions_recovered),
	KUNIT_CASE(regions_given_up_again),
	KUNIT_CASE(regions_one_is_missing),
	KUNIT_CASE(regions_believed),
	KUNIT_CASE(regions_held),
	KUNIT_CASE(regions_pick),
	KUNIT_CASE(regions_forget_held),
	KUNIT_CASE(regions_recovered_unasked),
	KUNIT_CASE(regions_next_nosync),
	KUNIT_CASE(regions_count_cannot_drift),
	KUNIT_CASE(regions_failed_not_offered_again),
	KUNIT_CASE(regions_awaits_recovery),
	KUNIT_CASE(regions_awaits_no_more),
	KUNIT_CASE(regions_one_recovering),
	KUNIT_CASE(regions_image_and_load),
	KUNIT_CASE(regions_search_in_steps),
	KUNIT_CASE_SLOW(regions_beyond_2_31),
	KUNIT_CASE_SLOW(regions_random),
	KUNIT_CASE(regions_two_threads),
	{}
};

static struct kunit_suite dm_log_regions_suite = {
	.name = "dm_log_regions",
	.test_cases = dm_log_regions_cases,
};

kunit_test_suite(dm_log_regions_suite);
