// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit test of all that can happen to a small mirror: two regions, two legs, and a
 * log that is the real code, on a device in memory.
 *
 * Every sequence of the events below, with at most two failures, up to
 * dm_log.scope_depth events. The log cannot be copied, so that each sequence is run
 * from the start; one that leads to where another has led before is not continued.
 * After each event the legs and the log device are judged as if the power failed
 * (with any part of what is cached anywhere lost) and as if every region were read
 * from any leg that the mirror would read. What is found first is the shortest
 * sequence that breaks a rule, and is printed.
 *
 * When are two states the same? If mirror, legs and log device are, which are this
 * test's own, and the memory of the log, and if the log cannot be told from the other's
 * by what it does: each state that is to be continued is probed first, see probe().
 * Should that miss something: of the sequences that are not continued some are all the
 * same, by one event, and if that leads to a state that is new, the test fails.
 */

#include <kunit/static_stub.h>
#include <kunit/test.h>
#include <linux/bitops.h>
#include <linux/device-mapper.h>
#include <linux/dm-dirty-log.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/vmalloc.h>
#include <linux/xxhash.h>

#include "../cache.h"
#include "../common.h"
#include "../private.h"
#include "fake-dev.h"
#include "fake-mirror.h"

#define REGIONS		2
#define REGION_SECTORS	8
#define LOG_SECTORS	3
#define RUBBISH		0x6b
#define ONE_HOUR_MS	(60 * 60 * 1000)
#define MAX_FAILURES	2
#define MAX_CUTS	1
#define MAX_DEPTH	16
#define MAX_RULES	64
/* In a region, so that one can be in flight while another has failed. */
#define MAX_WRITES	2
/* One of so many sequences that lead to a known state is continued. */
#define RECHECK		64

static unsigned int scope_depth = 9;
module_param(scope_depth, uint, 0444);
MODULE_PARM_DESC(scope_depth, "KUnit: how many events of a small mirror to try in every order");

enum scope_event {
	WRITE_0, WRITE_1,
	END_0, END_1, END_LATE_0, END_LATE_1,
	FAIL_0_0, FAIL_0_1, FAIL_1_0, FAIL_1_1,
	FAIL_LATE_0_0, FAIL_LATE_0_1, FAIL_LATE_1_0, FAIL_LATE_1_1,
	COPY, COPY_LATE, COPY_FAIL_SOURCE, COPY_FAIL_OTHER,
	PASS,
	CLEAN, CLEAN_FAIL_0, CLEAN_FAIL_1, CLEAN_BEGIN,
	FLUSHED, FLUSH_FAIL_0, FLUSH_FAIL_1,
	PRESUSPEND, SUSPEND, SUSPEND_LATE, SUSPEND_FAIL_0, SUSPEND_FAIL_1,
	RESUME,
	RELOAD,
	CYCLE_0, CYCLE_1, CYCLE_LOG,
	LOG_WRITE_FAILS, LOG_FLUSH_FAILS, LOG_UNREADABLE,
	POWER_CUT, POWER_CUT_KEPT,
	NR_EVENTS,
};

static const struct {
	const char *name;
	bool failure;
} events[NR_EVENTS] = {
	[WRITE_0] = { "write to region 0" },
	[WRITE_1] = { "write to region 1" },
	[END_0] = { "the write to region 0 ends" },
	[END_1] = { "the write to region 1 ends" },
	[END_LATE_0] = { "the write to region 0 ends, the worker is late" },
	[END_LATE_1] = { "the write to region 1 ends, the worker is late" },
	[FAIL_0_0] = { "the write to region 0 fails on leg 0", true },
	[FAIL_0_1] = { "the write to region 0 fails on leg 1", true },
	[FAIL_1_0] = { "the write to region 1 fails on leg 0", true },
	[FAIL_1_1] = { "the write to region 1 fails on leg 1", true },
	[FAIL_LATE_0_0] = { "the write to region 0 fails on leg 0, the worker is late", true },
	[FAIL_LATE_0_1] = { "the write to region 0 fails on leg 1, the worker is late", true },
	[FAIL_LATE_1_0] = { "the write to region 1 fails on leg 0, the worker is late", true },
	[FAIL_LATE_1_1] = { "the write to region 1 fails on leg 1, the worker is late", true },
	[COPY] = { "the copy ends" },
	[COPY_LATE] = { "the copy ends, the worker is late" },
	[COPY_FAIL_SOURCE] = { "the copy cannot be read", true },
	[COPY_FAIL_OTHER] = { "the copy cannot be written", true },
	[PASS] = { "the worker runs" },
	[CLEAN] = { "the cleaner runs" },
	[CLEAN_FAIL_0] = { "the cleaner runs, and leg 0 fails its flush", true },
	[CLEAN_FAIL_1] = { "the cleaner runs, and leg 1 fails its flush", true },
	[CLEAN_BEGIN] = { "the cleaner begins to flush the legs" },
	[FLUSHED] = { "that flush ends" },
	[FLUSH_FAIL_0] = { "that flush fails on leg 0", true },
	[FLUSH_FAIL_1] = { "that flush fails on leg 1", true },
	[PRESUSPEND] = { "presuspend" },
	[SUSPEND] = { "suspend" },
	[SUSPEND_LATE] = { "suspend, and the worker is late" },
	[SUSPEND_FAIL_0] = { "suspend, and leg 0 fails a flush", true },
	[SUSPEND_FAIL_1] = { "suspend, and leg 1 fails a flush", true },
	[RESUME] = { "resume" },
	[RELOAD] = { "a new table" },
	[CYCLE_0] = { "leg 0 loses its power for a moment", true },
	[CYCLE_1] = { "leg 1 loses its power for a moment", true },
	[CYCLE_LOG] = { "the log device loses its power for a moment", true },
	[LOG_WRITE_FAILS] = { "the next write to the log device will fail", true },
	[LOG_FLUSH_FAILS] = { "the next flush of the log device will fail", true },
	[LOG_UNREADABLE] = { "the log device cannot be read now", true },
	[POWER_CUT] = { "the power fails, what is cached is lost" },
	[POWER_CUT_KEPT] = { "the power fails, what the log device has cached is not lost" },
};

/**
 * struct scope_param - what kind of mirror
 * @name: for the reader
 * @type: of its log
 * @handle_errors: the feature
 * @keep_log: the feature
 * @dirty: the legs differ at first
 * @keyword: of the log
 * @read_only: so is the log device
 * @healthy: nothing fails
 */
struct scope_param {
	const char *name;
	const char *type;
	bool handle_errors;
	bool keep_log;
	bool dirty;
	const char *keyword;
	bool read_only;
	bool healthy;
};

/**
 * struct scope_node - a sequence of events
 * @event: the events
 * @known: it leads to where another has led, and is continued to see that this is so
 * @may: what can follow
 */
struct scope_node {
	u8 event[MAX_DEPTH - 1];
	bool known;
	u64 may;
};

#define NODES_PER_BLOCK	4096

struct scope_block {
	struct scope_block *next;
	unsigned int nr;
	struct scope_node node[NODES_PER_BLOCK];
};

struct scope_list {
	struct scope_block *first;
	struct scope_block *last;
	u64 nr;
};

/**
 * struct scope - one kind of mirror, and what can happen to it
 * @test: the test
 * @param: the kind
 * @fm: the mirror
 * @region: its regions
 * @fake: the log device
 * @image: what is on the log device at the start
 *
 * @event: the sequence that is being run
 * @nr_events: its length
 * @at: how far it is
 * @fails: the legs that fail the next flush by the log
 * @nest: the next flush of the legs lets other events happen
 * @nested: it does
 * @ended: the sequence ended in there, and has been judged
 * @hashing: it is to be continued, so find out about its state
 * @probing: it is probed what the log does; nothing is judged
 * @begun: something was written. The regions of a mirror in sync are alike before.
 * @nr_failures: in the sequence so far
 * @nr_cuts: power failures and new tables, likewise
 * @may: the result: what can follow
 * @hash: what is known of the state
 * @leg_flushes: while probing
 *
 * @seen: hashes of states
 * @seen_bits: its size, as a power of two
 * @nr_seen: used of it
 * @found: rules that were found broken, and which kinds of failure that took
 * @nr_found: length of @found
 * @nr_runs: sequences that were run
 * @nr_known: of these, led to a known state
 */
struct scope {
	struct kunit *test;
	const struct scope_param *param;
	struct dm_log_fake_mirror fm;
	struct dm_log_fake_region region[REGIONS];
	struct dm_log_fake_dev *fake;
	u8 image[LOG_SECTORS << SECTOR_SHIFT];

	u8 event[MAX_DEPTH];
	unsigned int nr_events;
	unsigned int at;
	u8 fails;
	bool nest;
	bool nested;
	bool ended;
	bool probing;
	bool hashing;
	bool begun;
	unsigned int nr_failures;
	unsigned int nr_cuts;
	u64 may;
	u64 hash;
	unsigned int leg_flushes;

	u64 *seen;
	unsigned int seen_bits;
	u64 nr_seen;

	struct {
		const char *wrong;
		unsigned int kinds;
	} found[MAX_RULES];
	unsigned int nr_found;
	u64 nr_runs;
	u64 nr_known;
};

static struct scope *to_scope(struct dm_log_fake_mirror *fm)
{
	return container_of(fm, struct scope, fm);
}

static bool is_disk(const struct scope *sc)
{
	return sc->param->type[0] == 'd';
}

/*
 * The set of states.
 */

/*
 * A state is left out if it was seen before, when no more failures, power failures and
 * new tables had been used up: whatever can follow now was followed then, and as there
 * were no more events behind, further.
 */
static unsigned int budget(unsigned int nr_failures, unsigned int nr_cuts)
{
	return BIT(nr_failures + (MAX_FAILURES + 1) * nr_cuts);
}

static u64 no_more(const struct scope *sc)
{
	unsigned int f, c;
	u64 mask = 0;

	for (f = 0; f <= sc->nr_failures; f++)
		for (c = 0; c <= sc->nr_cuts; c++)
			mask |= budget(f, c);
	return mask;
}

#define BUDGETS		(budget(MAX_FAILURES, MAX_CUTS) * 2 - 1)

static u64 *find(u64 *seen, unsigned int bits, u64 hash)
{
	u64 mask = BIT_ULL(bits) - 1, i;

	for (i = (hash >> 8) & mask; seen[i] & ~(u64)BUDGETS; i = (i + 1) & mask)
		if (!((seen[i] ^ hash) & ~(u64)BUDGETS))
			break;
	return &seen[i];
}

static void grow(struct scope *sc)
{
	u64 *more = vzalloc(sizeof(*more) << (sc->seen_bits + 1)), i;

	KUNIT_ASSERT_NOT_NULL(sc->test, more);
	for (i = 0; i < BIT_ULL(sc->seen_bits); i++)
		if (sc->seen[i])
			*find(more, sc->seen_bits + 1, sc->seen[i]) = sc->seen[i];
	vfree(sc->seen);
	sc->seen = more;
	sc->seen_bits++;
}

/* Return: true if the state is new. */
static bool see(struct scope *sc, u64 hash)
{
	u64 *place;

	hash &= ~(u64)BUDGETS;
	hash = hash ?: BUDGETS + 1;
	if (sc->nr_seen >= BIT_ULL(sc->seen_bits) / 4 * 3)
		grow(sc);
	place = find(sc->seen, sc->seen_bits, hash);
	if (*place & no_more(sc))
		return false;
	sc->nr_seen += !*place;
	*place |= hash | budget(sc->nr_failures, sc->nr_cuts);
	return true;
}

/*
 * What is known of a state.
 */

static void add_bytes(struct scope *sc, const void *data, size_t size)
{
	sc->hash = xxh64(data, size, sc->hash);
}

static void add(struct scope *sc, u64 value)
{
	add_bytes(sc, &value, sizeof(value));
}

static void add_device(struct scope *sc)
{
	const struct dm_log_fake_dev *fake = sc->fake;

	add_bytes(sc, fake->data, LOG_SECTORS << SECTOR_SHIFT);
	add_bytes(sc, fake->medium, LOG_SECTORS << SECTOR_SHIFT);
	add(sc, fake->cached | (u64)fake->fail_reads << 8 | (u64)fake->fail_writes << 16 |
		(u64)fake->fail_flushes << 24);
}

static void add_legs(struct scope *sc)
{
	const struct dm_log_fake_mirror *fm = &sc->fm;
	unsigned int i, leg;

	for (i = 0; i < REGIONS; i++) {
		const struct dm_log_fake_region *r = &fm->region[i];
		u8 flags = r->differ | r->torn << 1 | r->forgotten << 2 | r->unmarked << 3 |
			   r->answered << 4;
		u8 state[40] = { r->state, r->pending, r->queued, r->delayed, r->held,
				 r->requeued, r->torn ? FAKE_ALL_LEGS : r->good, flags };
		unsigned int n = 8;

		for (leg = 0; leg < FAKE_LEGS; leg++) {
			state[n++] = r->one[leg];
			state[n++] = dm_log_fake_mirror_unflushed(fm, r, leg);
			state[n++] = r->acked[leg] > fm->flushed[leg];
			state[n++] = sc->nested && r->ended[leg] > fm->begun;
		}
		memcpy(state + n, r->all, sizeof(r->all));
		n += sizeof(r->all);
		memcpy(state + n, r->failed, sizeof(r->failed));
		n += sizeof(r->failed);
		state[n++] = r->lost;
		add_bytes(sc, state, sizeof(state));
	}
}

static void add_mirror(struct scope *sc)
{
	const struct dm_log_fake_mirror *fm = &sc->fm;
	u8 state[] = {
		fm->phase, fm->in_sync, fm->log_failure, fm->handle_errors && fm->leg_failure,
		fm->default_leg, fm->stopping, fm->handle_errors ? fm->error_types[0] : 0,
		fm->handle_errors ? fm->error_types[1] : 0, fm->errors,
		fm->log_trouble, fm->woken, fm->slot, fm->copy,
		fm->copy != FAKE_NO_COPY ? fm->recovering : 0,
		fm->copy == FAKE_COPYING ? fm->source : 0, fm->copy_fails,
		fm->copy == FAKE_COPYING && fm->copy_lost, fm->cycled,
		fm->failures != fm->failures_then, fm->believed, fm->marked,
		fm->waited, sc->nested, sc->begun,
	};

	add_bytes(sc, state, sizeof(state));
}

static void add_regions(struct scope *sc)
{
	const struct dm_dirty_log_type *type = sc->fm.log->type;
	unsigned int i;

	for (i = 0; i < REGIONS; i++) {
		add(sc, type->in_sync(sc->fm.log, i, 0));
		add(sc, type->in_sync(sc->fm.log, i, 1));
		add(sc, type->is_clean(sc->fm.log, i));
	}
	add(sc, type->get_sync_count(sc->fm.log));
}

/*
 * User-Mode Linux has all addresses behind its memory for vmalloc(): what a word with flags in
 * its upper half looks like, too. So a pointer is what something is mapped at.
 */
static bool is_pointer(unsigned long word)
{
	const void *pointer = (const void *)word;

	return virt_addr_valid(pointer) ||
	       (is_vmalloc_addr(pointer) && vmalloc_to_page(pointer));
}

static void add_words(struct scope *sc, const void *from, const void *to)
{
	const unsigned long *word;

	for (word = from; word < (const unsigned long *)to; word++) {
		/* Where things are makes no difference. */
		if (*word && !is_pointer(*word)) {
			add(sc, (const void *)word - from);
			add(sc, *word);
		}
	}
}

/*
 * The memory that the log keeps what it knows in: everything but what it counts for the
 * reader, and the cleaner's timer. What it points to is probed.
 */
static void add_log(struct scope *sc)
{
	struct dm_log_common *common = sc->fm.log->context;
	const void *end = (const void *)common + (is_disk(sc) ? dm_log_disk_size : sizeof(*common));

	add_words(sc, common, &common->stats);
	if (common->cache) {
		add_words(sc, &common->stats + 1, &common->cache->cleaner);
		add_words(sc, &common->cache->cleaner + 1, end);
	} else {
		add_words(sc, &common->stats + 1, end);
	}
}

/* Let the log do all that it might do next, without failures, and note it. */
static void probe(struct scope *sc)
{
	struct dm_dirty_log *log = sc->fm.log;
	const struct dm_dirty_log_type *type = log->type;
	unsigned int i;
	region_t nr;

	sc->probing = true;
	sc->leg_flushes = 0;
	sc->fake->fail_reads = 0;
	sc->fake->fail_writes = 0;
	sc->fake->fail_flushes = 0;

	add_regions(sc);
	if (type->is_remote_recovering && sc->fm.phase != FAKE_SUSPENDED)
		for (i = 0; i < REGIONS; i++)
			add(sc, type->is_remote_recovering(log, i));
	add(sc, type->flush(log));
	add(sc, type->flush(log));
	add_device(sc);
	if (sc->fm.phase == FAKE_LIVE) {
		for (i = 0; i < 3 && is_disk(sc); i++) {
			dm_log_run_cleaner(log);
			add(sc, sc->leg_flushes);
			add_device(sc);
		}
		for (i = 0; i < REGIONS + 1 && sc->fm.slot; i++) {
			nr = REGIONS;
			add(sc, type->get_resync_work(log, &nr));
			add(sc, nr);
			if (nr == REGIONS)
				break;
			type->set_region_sync(log, nr, 0);
		}
	}
	for (i = 0; i < REGIONS; i++)
		type->clear_region(log, i);
	add(sc, type->flush(log));
	if (sc->fm.phase != FAKE_SUSPENDED) {
		if (sc->fm.phase == FAKE_LIVE && type->presuspend)
			type->presuspend(log);
		if (type->postsuspend)
			type->postsuspend(log);
		add(sc, sc->leg_flushes);
		add_device(sc);
		add_regions(sc);
	}
	type->resume(log);
	add_regions(sc);
	if (type->is_remote_recovering)
		for (i = 0; i < REGIONS; i++)
			add(sc, type->is_remote_recovering(log, i));
	for (i = 0; i < REGIONS + 1; i++) {
		nr = REGIONS;
		add(sc, type->get_resync_work(log, &nr));
		add(sc, nr);
		if (nr == REGIONS)
			break;
		type->clear_region(log, nr);
		type->set_region_sync(log, nr, 1);
		add_regions(sc);
	}
	for (i = 0; i < 3 && is_disk(sc); i++) {
		dm_log_run_cleaner(log);
		add(sc, sc->leg_flushes);
		add_device(sc);
	}
	sc->probing = false;
}

/*
 * Judging.
 */

static void check_crash(struct scope *sc, const struct dm_log_extent *extents,
			unsigned int nr)
{
	struct dm_log_fake_mirror *fm = &sc->fm;
	unsigned int i;

	if (!is_disk(sc) || sc->probing || fm->wrong)
		return;
	for (i = 0; i < REGIONS; i++) {
		const struct dm_log_fake_region *r = &fm->region[i];

		if (dm_log_fake_mirror_may_differ(fm, r) && !r->unmarked &&
		    dm_log_fake_dev_may_be_clean(sc->fake, r->nr, extents, nr)) {
			fm->wrong = "after a crash a region whose legs may differ would be clean";
			fm->wrong_region = r->nr;
		}
	}
}

static bool stable_bit(void *data, u64 region)
{
	return dm_log_fake_dev_may_be_clean(data, region, NULL, 0);
}

/* The invariants of the region map (regions-check.c). */
static void check_map(struct scope *sc)
{
	struct dm_log_fake_mirror *fm = &sc->fm;
	struct dm_log_common *common = fm->log->context;
	bool stable = is_disk(sc) && fm->phase == FAKE_LIVE && !fm->log_trouble;
	const char *wrong = dm_regions_check(&common->regions, stable ? stable_bit : NULL,
					     sc->fake);

	if (wrong && !fm->wrong)
		fm->wrong = wrong;
}

static void before_log_write(struct dm_log_fake_dev *fake,
			     const struct dm_log_extent *extents, unsigned int nr)
{
	check_crash(fake->private, extents, nr);
}

static void dispatched(struct dm_log_fake_mirror *fm)
{
	check_crash(to_scope(fm), NULL, 0);
}

static bool is_idle(const struct dm_log_fake_region *r)
{
	return !r->pending && !r->queued && !r->delayed && !r->held && !r->requeued;
}

/* Nothing has failed ever: a suspend leaves nothing to be copied. */
static void check_clean(struct scope *sc)
{
	struct dm_log_fake_mirror *fm = &sc->fm;
	unsigned int i;

	if (!is_disk(sc) || sc->nr_failures || sc->param->read_only)
		return;
	for (i = 0; i < REGIONS; i++) {
		const struct dm_log_fake_region *r = &fm->region[i];

		if (fm->log->type->in_sync(fm->log, i, 0) == 1 && is_idle(r) &&
		    r->state == FAKE_ABSENT && !dm_log_fake_dev_bit(sc->fake, i) &&
		    !fm->wrong) {
			fm->wrong = "a suspend leaves a region dirty though nothing failed";
			fm->wrong_region = i;
		}
	}
}

/*
 * The events.
 */

static void make_log(struct scope *sc)
{
	char dev[] = "dev", size[16], keyword[16];
	char *argv[3] = { dev, size, keyword };
	unsigned int argc = 2, i;
	struct dm_dirty_log *log;

	snprintf(size, sizeof(size), "%u", REGION_SECTORS);
	if (sc->param->keyword) {
		strscpy(keyword, sc->param->keyword, sizeof(keyword));
		argc++;
	}
	sc->fm.ti.len = REGIONS * REGION_SECTORS;
	log = dm_dirty_log_create(sc->param->type, &sc->fm.ti,
				  dm_log_fake_mirror_flush_legs,
				  is_disk(sc) ? argc : argc - 1,
				  is_disk(sc) ? argv : argv + 1);
	KUNIT_ASSERT_NOT_NULL(sc->test, log);
	/* A core log remembers nothing, and with "nosync" believes all. */
	for (i = 0; i < REGIONS && !is_disk(sc) && sc->param->keyword; i++) {
		sc->region[i].differ = false;
		sc->region[i].good = FAKE_ALL_LEGS;
	}
	dm_log_fake_mirror_new(&sc->fm, log);
	sc->fm.log_read_only = sc->param->read_only;
	sc->fm.log_trouble = sc->param->read_only || sc->fake->fail_reads ||
			     sc->fake->fail_writes || sc->fake->fail_flushes;
}

/* The log's own memory of the mirror is gone. */
static void reload(struct scope *sc)
{
	dm_dirty_log_destroy(sc->fm.log);
	make_log(sc);
}

static void power_cut(struct scope *sc, u64 kept)
{
	struct dm_log_fake_mirror *fm = &sc->fm;

	dm_log_fake_mirror_power_cut(fm);
	dm_dirty_log_destroy(fm->log);
	dm_log_fake_dev_cycle(sc->fake, kept);
	sc->fake->fail_reads = 0;
	sc->fake->fail_writes = 0;
	sc->fake->fail_flushes = 0;
	make_log(sc);
	dm_log_fake_mirror_resume(fm);
}

static void suspend(struct scope *sc, u8 fails, bool late)
{
	struct dm_log_fake_mirror *fm = &sc->fm;

	if (fm->phase == FAKE_LIVE)
		dm_log_fake_mirror_presuspend(fm, true);
	sc->fails = fails;
	dm_log_fake_mirror_postsuspend(fm, late);
	sc->fails = 0;
	if (!late)
		check_clean(sc);
}

static void clean(struct scope *sc, u8 fails)
{
	sc->fails = fails;
	dm_log_run_cleaner(sc->fm.log);
	sc->fails = 0;
}

static bool is_doomed(const struct scope *sc, enum scope_event event)
{
	const struct dm_log_fake_region *r;

	switch (event) {
	case FAIL_0_0 ... FAIL_1_1:
		r = &sc->region[(event - FAIL_0_0) / 2];
		return r->all[1] + r->all[2] + r->all[3];
	case FAIL_LATE_0_0 ... FAIL_LATE_1_1:
		r = &sc->region[(event - FAIL_LATE_0_0) / 2];
		return r->all[1] + r->all[2] + r->all[3];
	case COPY_FAIL_SOURCE:
		return sc->fm.copy_fails;
	default:
		return false;
	}
}

static void apply(struct scope *sc, enum scope_event event)
{
	struct dm_log_fake_mirror *fm = &sc->fm;
	bool late = false;

	/* What has to fail was counted before. */
	sc->nr_failures += events[event].failure && !is_doomed(sc, event);
	fm->log_trouble |= event >= CYCLE_LOG && event <= LOG_UNREADABLE;
	switch (event) {
	case WRITE_0:
	case WRITE_1:
		sc->begun = true;
		dm_log_fake_mirror_write(fm, event - WRITE_0);
		break;
	case END_LATE_0:
	case END_LATE_1:
		late = true;
		dm_log_fake_mirror_end_write(fm, event - END_LATE_0);
		break;
	case END_0:
	case END_1:
		dm_log_fake_mirror_end_write(fm, event - END_0);
		break;
	case FAIL_LATE_0_0 ... FAIL_LATE_1_1:
		late = true;
		dm_log_fake_mirror_fail_write(fm, (event - FAIL_LATE_0_0) / 2,
					      BIT((event - FAIL_LATE_0_0) % 2), true);
		break;
	case FAIL_0_0 ... FAIL_1_1:
		dm_log_fake_mirror_fail_write(fm, (event - FAIL_0_0) / 2,
					      BIT((event - FAIL_0_0) % 2), true);
		break;
	case COPY_LATE:
		late = true;
		fallthrough;
	case COPY:
		dm_log_fake_mirror_end_copy(fm);
		break;
	case COPY_FAIL_SOURCE:
		/* A sector that cannot be read; nothing is lost. */
		dm_log_fake_mirror_fail_copy(fm, BIT(fm->source), false);
		break;
	case COPY_FAIL_OTHER:
		dm_log_fake_mirror_fail_copy(fm, BIT(!fm->source), true);
		break;
	case PASS:
		break;
	case CLEAN:
		clean(sc, 0);
		break;
	case CLEAN_FAIL_0:
	case CLEAN_FAIL_1:
		clean(sc, BIT(event - CLEAN_FAIL_0));
		break;
	case CLEAN_BEGIN:
		sc->nest = true;
		clean(sc, 0);
		sc->nest = false;
		break;
	case FLUSHED:
	case FLUSH_FAIL_0:
	case FLUSH_FAIL_1:
		return;
	case PRESUSPEND:
		dm_log_fake_mirror_presuspend(fm, true);
		break;
	case SUSPEND_LATE:
		late = true;
		fallthrough;
	case SUSPEND:
		suspend(sc, 0, late);
		break;
	case SUSPEND_FAIL_0:
	case SUSPEND_FAIL_1:
		suspend(sc, BIT(event - SUSPEND_FAIL_0), false);
		break;
	case RESUME:
		dm_log_fake_mirror_resume(fm);
		break;
	case RELOAD:
		sc->nr_cuts++;
		reload(sc);
		break;
	case CYCLE_0:
	case CYCLE_1:
		dm_log_fake_mirror_cycle_leg(fm, event - CYCLE_0);
		break;
	case CYCLE_LOG:
		dm_log_fake_dev_cycle(sc->fake, 0);
		sc->fake->fail_writes = 1;
		break;
	case LOG_WRITE_FAILS:
		sc->fake->fail_writes = 1;
		break;
	case LOG_FLUSH_FAILS:
		sc->fake->fail_flushes = 1;
		break;
	case LOG_UNREADABLE:
		sc->fake->fail_reads = 3;
		break;
	case POWER_CUT:
	case POWER_CUT_KEPT:
		sc->nr_cuts++;
		power_cut(sc, event == POWER_CUT ? 0 : ~0ULL);
		break;
	case NR_EVENTS:
		break;
	}
	if (!late)
		dm_log_fake_mirror_work(fm);
}

/* Nothing is wrong at once after these, but for what was wrong before. */
static const u64 quiet_events =
	BIT_ULL(END_LATE_0) | BIT_ULL(END_LATE_1) | BIT_ULL(COPY_LATE) |
	BIT_ULL(CLEAN_BEGIN) | BIT_ULL(CYCLE_0) | BIT_ULL(CYCLE_1) | BIT_ULL(CYCLE_LOG) |
	BIT_ULL(LOG_WRITE_FAILS) | BIT_ULL(LOG_FLUSH_FAILS) | BIT_ULL(LOG_UNREADABLE) |
	BIT_ULL(RELOAD);

/*
 * What can happen now, but for failures. Of events whose order makes no difference one
 * order is enough: while the worker is late only that happens which it makes a
 * difference to.
 */
static u64 what_may(struct scope *sc)
{
	const struct dm_log_fake_mirror *fm = &sc->fm;
	bool live = fm->phase == FAKE_LIVE, bios = live || fm->phase == FAKE_SUSPENDING;
	bool failed = false, in_flight = false;
	unsigned int i;
	u64 may = 0;

	for (i = 0; i < REGIONS; i++) {
		const struct dm_log_fake_region *r = &fm->region[i];

		failed |= dm_log_fake_failed(r->failed);
		in_flight |= dm_log_fake_in_flight(r);
	}
	for (i = 0; i < REGIONS && bios; i++) {
		const struct dm_log_fake_region *r = &fm->region[i];

		if ((!fm->woken || failed) && (!i || sc->begun) &&
		    r->pending + r->queued + r->delayed + r->requeued < MAX_WRITES)
			may |= BIT_ULL(WRITE_0 + i);
		if (r->all[0] || (r->one[0] && !(fm->cycled & 1)) ||
		    (r->one[1] && !(fm->cycled & 2)))
			may |= BIT_ULL(END_0 + i);
		if (r->all[0] && r->pending == 1)
			may |= BIT_ULL(END_LATE_0 + i);
		if (r->all[1] + r->all[2] + r->all[3])
			may |= BIT_ULL(FAIL_0_0 + 2 * i) | BIT_ULL(FAIL_LATE_0_0 + 2 * i);
	}
	if (fm->copy == FAKE_COPYING)
		may |= fm->copy_fails ? BIT_ULL(COPY_FAIL_SOURCE) :
					BIT_ULL(COPY) | BIT_ULL(COPY_LATE);
	if (sc->nested)
		return may | BIT_ULL(FLUSHED);
	if (live && is_disk(sc))
		may |= BIT_ULL(CLEAN) | BIT_ULL(CLEAN_BEGIN);
	if (fm->phase == FAKE_SUSPENDED || fm->phase == FAKE_NEW) {
		may |= BIT_ULL(RESUME);
		if (fm->woken)
			may |= BIT_ULL(PASS);
		else if (sc->nr_cuts < MAX_CUTS)
			may |= BIT_ULL(RELOAD);
	} else if (!fm->woken) {
		may |= BIT_ULL(SUSPEND);
		if (in_flight)
			may |= BIT_ULL(SUSPEND_LATE);
		if (live)
			may |= BIT_ULL(PRESUSPEND);
	}
	/* What makes no difference to a failing log device can happen before it. */
	if (sc->fake->fail_writes || sc->fake->fail_flushes)
		return may & ~quiet_events & ~BIT_ULL(PRESUSPEND);
	if (sc->nr_cuts < MAX_CUTS) {
		may |= BIT_ULL(POWER_CUT);
		if (sc->fake->cached)
			may |= BIT_ULL(POWER_CUT_KEPT);
	}
	return may;
}

static bool has_cached(struct scope *sc, unsigned int leg)
{
	const struct dm_log_fake_region *r;

	for (r = sc->region; r < sc->region + REGIONS; r++)
		if (dm_log_fake_mirror_unflushed(&sc->fm, r, leg) || r->all[0])
			return true;
	return false;
}

static u64 what_may_fail(struct scope *sc)
{
	const struct dm_log_fake_mirror *fm = &sc->fm;
	bool live = fm->phase == FAKE_LIVE;
	bool runs = live || fm->phase == FAKE_SUSPENDING;
	unsigned int i, leg;
	u64 may = 0;

	for (i = 0; i < REGIONS; i++)
		for (leg = 0; fm->region[i].all[0] && leg < FAKE_LEGS; leg++)
			may |= BIT_ULL(FAIL_0_0 + 2 * i + leg) |
			       BIT_ULL(FAIL_LATE_0_0 + 2 * i + leg);
	if (fm->copy == FAKE_COPYING && !fm->copy_fails)
		may |= BIT_ULL(COPY_FAIL_SOURCE) | BIT_ULL(COPY_FAIL_OTHER);
	if (!is_disk(sc))
		return may;
	if (sc->fake->fail_writes || sc->fake->fail_flushes)
		return may & ~quiet_events;
	for (leg = 0; leg < FAKE_LEGS; leg++)
		if (has_cached(sc, leg))
			may |= BIT_ULL(CYCLE_0 + leg);
	if (sc->nested)
		return may | (fm->cycled ? 0 : BIT_ULL(FLUSH_FAIL_0) | BIT_ULL(FLUSH_FAIL_1));
	if (live && !fm->cycled)
		may |= BIT_ULL(CLEAN_FAIL_0) | BIT_ULL(CLEAN_FAIL_1);
	if (runs && !fm->woken && !fm->cycled)
		may |= BIT_ULL(SUSPEND_FAIL_0) | BIT_ULL(SUSPEND_FAIL_1);
	if (!runs && !sc->fake->fail_reads)
		may |= BIT_ULL(LOG_UNREADABLE);
	if (fm->phase != FAKE_SUSPENDING && !fm->woken && !sc->fake->fail_writes &&
	    !sc->fake->fail_flushes) {
		may |= BIT_ULL(LOG_WRITE_FAILS) | BIT_ULL(LOG_FLUSH_FAILS);
		if (sc->fake->cached)
			may |= BIT_ULL(CYCLE_LOG);
	}
	return may;
}

/* The sequence is at its end: look, and note what can follow. */
static void look(struct scope *sc)
{
	sc->ended = true;
	check_crash(sc, NULL, 0);
	check_map(sc);
	dm_log_fake_mirror_check(&sc->fm);
	if (!sc->hashing || sc->fm.wrong)
		return;
	sc->may = what_may(sc);
	if (!sc->param->healthy && sc->nr_failures < MAX_FAILURES)
		sc->may |= what_may_fail(sc);
	sc->hash = 0;
	add_mirror(sc);
	add_legs(sc);
	add_device(sc);
	add_log(sc);
}

/* The cleaner waits for the legs; other things may happen before they are flushed. */
static void during_flush(struct dm_log_fake_mirror *fm)
{
	struct scope *sc = to_scope(fm);

	if (sc->probing) {
		sc->leg_flushes++;
		return;
	}
	if (!sc->nest)
		return;
	sc->nest = false;
	sc->nested = true;
	while (sc->at < sc->nr_events) {
		enum scope_event event = sc->event[sc->at++];

		if (event >= FLUSHED && event <= FLUSH_FAIL_1) {
			sc->nr_failures += events[event].failure;
			if (event != FLUSHED)
				sc->fails = BIT(event - FLUSH_FAIL_0);
			sc->nested = false;
			return;
		}
		apply(sc, event);
	}
	look(sc);
	sc->nested = false;
}

static u8 flush_fails(struct dm_log_fake_mirror *fm)
{
	struct scope *sc = to_scope(fm);
	u8 fails = sc->fails;

	sc->fails = 0;
	return fails;
}

static void start(struct scope *sc)
{
	struct dm_log_fake_mirror *fm = &sc->fm;
	struct dm_log_fake_dev *fake = sc->fake;
	unsigned int i;

	memcpy(fake->data, sc->image, sizeof(sc->image));
	memcpy(fake->medium, sc->image, sizeof(sc->image));
	fake->cached = 0;
	fake->fail_reads = 0;
	fake->fail_writes = 0;
	fake->fail_flushes = 0;

	memset(fm, 0, sizeof(*fm));
	memset(sc->region, 0, sizeof(sc->region));
	for (i = 0; i < REGIONS; i++) {
		sc->region[i].nr = i;
		sc->region[i].differ = sc->param->dirty;
		sc->region[i].good = FAKE_ALL_LEGS;
	}
	fm->region = sc->region;
	fm->nr_slots = REGIONS;
	fm->nr_regions = REGIONS;
	fm->handle_errors = sc->param->handle_errors;
	fm->keep_log = sc->param->keep_log;
	fm->caches = is_disk(sc);
	fm->during_flush = during_flush;
	fm->flush_fails = flush_fails;
	fm->dispatched = dispatched;

	sc->at = 0;
	sc->fails = 0;
	sc->nest = false;
	sc->nested = false;
	sc->ended = false;
	sc->begun = sc->param->dirty;
	sc->nr_failures = 0;
	sc->nr_cuts = 0;
	sc->nr_runs++;

	make_log(sc);
	dm_log_fake_mirror_resume(fm);
	dm_log_fake_mirror_work(fm);
}

/* Run the sequence from the start. Return: false if it broke a rule. */
static bool run(struct scope *sc, bool hashing)
{
	bool good;

	sc->hashing = hashing;
	start(sc);
	while (sc->at < sc->nr_events && !sc->ended)
		apply(sc, sc->event[sc->at++]);
	if (!sc->ended)
		look(sc);
	good = !sc->fm.wrong;
	if (good && hashing)
		probe(sc);
	sc->probing = true;
	dm_dirty_log_destroy(sc->fm.log);
	sc->probing = false;
	return good;
}

static unsigned int kind(enum scope_event event)
{
	switch (event) {
	case FAIL_0_0 ... FAIL_LATE_1_1:
		return BIT(0);
	case COPY_FAIL_SOURCE:
		return BIT(1);
	case COPY_FAIL_OTHER:
		return BIT(2);
	case CLEAN_FAIL_0:
	case CLEAN_FAIL_1:
	case FLUSH_FAIL_0:
	case FLUSH_FAIL_1:
	case SUSPEND_FAIL_0:
	case SUSPEND_FAIL_1:
		return BIT(3);
	case CYCLE_0:
	case CYCLE_1:
		return BIT(4);
	case CYCLE_LOG ... LOG_UNREADABLE:
		return BIT(5 + event - CYCLE_LOG);
	default:
		return 0;
	}
}

/* Say so, if it took other kinds of failure than what was said before. */
static void tell(struct scope *sc)
{
	struct dm_log_fake_mirror *fm = &sc->fm;
	unsigned int i, kinds = 0;

	for (i = 0; i < sc->nr_events; i++)
		kinds |= kind(sc->event[i]);
	for (i = 0; i < sc->nr_found; i++)
		if (sc->found[i].wrong == fm->wrong &&
		    (sc->found[i].kinds & kinds) == sc->found[i].kinds)
			return;
	if (sc->nr_found < MAX_RULES) {
		sc->found[sc->nr_found].wrong = fm->wrong;
		sc->found[sc->nr_found++].kinds = kinds;
	}
	KUNIT_FAIL(sc->test, "%s: region %llu: %s:", sc->param->name, fm->wrong_region,
		   fm->wrong);
	for (i = 0; i < sc->nr_events; i++)
		kunit_err(sc->test, "%u. %s\n", i + 1, events[sc->event[i]].name);
}

/*
 * Breadth first.
 */

static struct scope_node *append(struct scope *sc, struct scope_list *list)
{
	struct scope_block *block = list->last;

	if (!block || block->nr == NODES_PER_BLOCK) {
		block = vmalloc(sizeof(*block));
		KUNIT_ASSERT_NOT_NULL(sc->test, block);
		block->next = NULL;
		block->nr = 0;
		if (list->last)
			list->last->next = block;
		else
			list->first = block;
		list->last = block;
	}
	list->nr++;
	return &block->node[block->nr++];
}

static void free_list(struct scope_list *list)
{
	while (list->first) {
		struct scope_block *block = list->first;

		list->first = block->next;
		vfree(block);
	}
	memset(list, 0, sizeof(*list));
}

/* A state was known, and what follows it is not: it was another one. */
static void tell_unknown(struct scope *sc)
{
	unsigned int i;

	KUNIT_FAIL(sc->test, "%s: a known state has a new successor:", sc->param->name);
	for (i = 0; i < sc->nr_events; i++)
		kunit_err(sc->test, "%u. %s\n", i + 1, events[sc->event[i]].name);
}

static void follow(struct scope *sc, const struct scope_node *node, unsigned int depth,
		   struct scope_list *next)
{
	bool last = depth + 1 == scope_depth, known = false;
	u64 may = last ? node->may & ~quiet_events : node->may;
	unsigned int event;

	if (last && node->known)
		return;
	memcpy(sc->event, node->event, depth);
	sc->nr_events = depth + 1;
	for (event = 0; event < NR_EVENTS; event++) {
		struct scope_node *child;

		if (!(may & BIT_ULL(event)))
			continue;
		sc->event[depth] = event;
		if (!run(sc, !last)) {
			tell(sc);
			continue;
		}
		if (last)
			continue;
		if (!see(sc, sc->hash)) {
			if (node->known || ++sc->nr_known % RECHECK || depth + 2 >= scope_depth)
				continue;
			known = true;
		} else if (node->known) {
			tell_unknown(sc);
			continue;
		}
		child = append(sc, next);
		child->known = known;
		known = false;
		memcpy(child->event, sc->event, depth + 1);
		child->may = sc->may;
	}
	cond_resched();
}

static struct dm_log_dev *open_scope_dev(struct dm_target *ti, const char *path)
{
	return &to_scope(container_of(ti, struct dm_log_fake_mirror, ti))->fake->dev;
}

static void ignore_event(struct dm_target *ti)
{
}

/* A log as LVM prepares one, which says of both regions what is true. */
static void prepare(struct scope *sc)
{
	sc->fake = dm_log_fake_dev_new(sc->test, LOG_SECTORS, 1);
	sc->fake->dev.read_only = sc->param->read_only;
	sc->fake->private = sc;
	sc->fake->before_write = before_log_write;
	memset(sc->fake->data, 0, sizeof(sc->image));
	dm_log_fake_dev_header(sc->fake, 0x4D695272, 2, U64_MAX);
	if (!sc->param->dirty)
		memset(sc->fake->data + 1024, 0xff, SECTOR_SIZE);
	memcpy(sc->image, sc->fake->data, sizeof(sc->image));
}

static void free_scope(void *data)
{
	struct scope *sc = data;

	vfree(sc->seen);
}

static void restore_parameters(void *data)
{
	unsigned int *old = data;

	dm_log_clean_delay_ms = old[0];
	dm_log_clear_wait_ms = old[1];
}

static struct scope *new_scope(struct kunit *test, const struct scope_param *param)
{
	struct scope *sc = kunit_kzalloc(test, sizeof(*sc), GFP_KERNEL);
	unsigned int *old = kunit_kzalloc(test, 2 * sizeof(*old), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, sc);
	KUNIT_ASSERT_NOT_NULL(test, old);
	sc->test = test;
	sc->param = param;
	sc->seen_bits = 16;
	sc->seen = vzalloc(sizeof(*sc->seen) << sc->seen_bits);
	KUNIT_ASSERT_NOT_NULL(test, sc->seen);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, free_scope, sc), 0);
	prepare(sc);
	kunit_activate_static_stub(test, dm_log_dev_open, open_scope_dev);
	kunit_activate_static_stub(test, dm_log_raise_event, ignore_event);

	old[0] = dm_log_clean_delay_ms;
	old[1] = dm_log_clear_wait_ms;
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, restore_parameters, old), 0);
	dm_log_clean_delay_ms = ONE_HOUR_MS;
	/* What the worker clears too late is cleared later. */
	dm_log_clear_wait_ms = 0;
	return sc;
}

static void scope_all(struct kunit *test)
{
	struct scope *sc = new_scope(test, test->param_value);
	unsigned int max_depth = min_t(unsigned int, scope_depth, MAX_DEPTH);
	struct scope_list list = {}, next = {};
	struct scope_block *block;
	struct scope_node *node;
	u64 begun = ktime_get_ns();
	unsigned int depth, i;

	if (!run(sc, true))
		tell(sc);
	see(sc, sc->hash);
	node = append(sc, &list);
	node->known = false;
	node->may = sc->may;

	for (depth = 0; depth < max_depth && list.nr; depth++) {
		for (block = list.first; block; block = block->next)
			for (i = 0; i < block->nr; i++)
				follow(sc, &block->node[i], depth, &next);
		free_list(&list);
		list = next;
		memset(&next, 0, sizeof(next));
		kunit_info(test, "%u events: %llu runs, %llu states, %llu of them new; %llu ms\n",
			   depth + 1, sc->nr_runs, sc->nr_seen, list.nr,
			   (ktime_get_ns() - begun) / NSEC_PER_MSEC);
	}
	free_list(&list);
}

enum scope_kind {
	IGNORED, HANDLED, KEEP_LOG,
	IGNORED_NEW, HANDLED_NEW, KEEP_LOG_NEW,
	IGNORED_READ_ONLY, HANDLED_READ_ONLY,
	IGNORED_CORE, HANDLED_CORE, HANDLED_CORE_NOSYNC,
};

static const struct scope_param scope_params[] = {
	[IGNORED] = { "errors ignored", "disk" },
	[HANDLED] = { "errors handled", "disk", .handle_errors = true },
	[KEEP_LOG] = { "keep_log", "disk", .handle_errors = true, .keep_log = true },
	[IGNORED_NEW] = { "errors ignored, new", "disk", .dirty = true },
	[HANDLED_NEW] = { "errors handled, new", "disk", .handle_errors = true, .dirty = true },
	[KEEP_LOG_NEW] = { "keep_log, new", "disk", .handle_errors = true, .keep_log = true,
			   .dirty = true },
	/* What is written to the legs there must not differ; nothing can make it dirty. */
	[IGNORED_READ_ONLY] = { "errors ignored, read-only log, sync", "disk",
				.keyword = "sync", .read_only = true, .healthy = true },
	[HANDLED_READ_ONLY] = { "errors handled, read-only log, sync", "disk",
				.handle_errors = true, .keyword = "sync", .read_only = true,
				.healthy = true },
	[IGNORED_CORE] = { "errors ignored, core", "core", .dirty = true },
	[HANDLED_CORE] = { "errors handled, core", "core", .handle_errors = true,
			   .dirty = true },
	[HANDLED_CORE_NOSYNC] = { "errors handled, core nosync", "core",
				  .handle_errors = true, .keyword = "nosync" },
};

/**
 * struct scope_story - what once went wrong
 * @name: what it is called
 * @kind: of mirror
 * @event: what happens, up to the first event that is no one's
 */
struct scope_story {
	const char *name;
	enum scope_kind kind;
	u8 event[MAX_DEPTH];
};

#define STORY(...) { __VA_ARGS__, NR_EVENTS }

static const struct scope_story scope_stories[] = {
	{ "46 a good flush after a failed one", IGNORED,
	  STORY(WRITE_0, END_0, CLEAN_FAIL_1, CLEAN, CLEAN, CLEAN) },
	{ "46 a good flush after a failed write", HANDLED,
	  STORY(WRITE_0, END_0, WRITE_1, FAIL_1_1, CLEAN, CLEAN, CLEAN) },
	{ "46 counted in sync after a failed flush", HANDLED_NEW,
	  STORY(COPY, COPY_LATE, CLEAN_FAIL_1) },
	{ "46 counted in sync after a failed write", IGNORED,
	  STORY(WRITE_0, POWER_CUT, WRITE_1, FAIL_1_1, COPY, COPY) },
	{ "47 a recovery given up", IGNORED_NEW,
	  STORY(COPY_FAIL_OTHER, COPY) },
	{ "47 a recovery given up is clean later", IGNORED_NEW,
	  STORY(COPY_FAIL_OTHER, COPY, CLEAN, CLEAN, SUSPEND) },
	{ "47 with a core log", IGNORED_CORE,
	  STORY(COPY_FAIL_SOURCE, COPY) },
	{ "49 a write after a failed flush and a resume", HANDLED,
	  STORY(WRITE_0, WRITE_1, END_0, END_1, SUSPEND_FAIL_1, RESUME, WRITE_1) },
	{ "49 a write after a failed write and a resume", HANDLED,
	  STORY(WRITE_0, WRITE_1, END_1, FAIL_0_1, SUSPEND, RESUME, WRITE_1) },
	{ "49 a write after two resumes", HANDLED_NEW,
	  STORY(COPY, CLEAN_FAIL_0, SUSPEND, LOG_UNREADABLE, RESUME, SUSPEND, RESUME,
		WRITE_1) },
	{ "50 no mark, but an unreadable log", HANDLED,
	  STORY(SUSPEND, LOG_UNREADABLE, RESUME, WRITE_0) },
	{ "53 a read-only log that calls all clean", HANDLED_READ_ONLY,
	  STORY(WRITE_0, SUSPEND, RESUME, WRITE_0) },
	{ "53 a write while that is suspended", IGNORED_READ_ONLY,
	  STORY(PRESUSPEND, WRITE_0, SUSPEND, RESUME) },
	{ "53 a write after that is resumed", IGNORED_READ_ONLY,
	  STORY(WRITE_0, SUSPEND, RESUME) },
	{ "69 a failure behind one of the log", IGNORED,
	  STORY(WRITE_0, LOG_WRITE_FAILS, WRITE_1, FAIL_0_1, END_1, CLEAN, CLEAN, CLEAN) },
	{ "69 the same with errors handled", HANDLED,
	  STORY(WRITE_0, LOG_WRITE_FAILS, WRITE_1, FAIL_0_1, SUSPEND) },
	{ "70 out of sync, and the mirror does not know", HANDLED,
	  STORY(WRITE_0, WRITE_1, SUSPEND_LATE, RESUME, WRITE_1, END_1, COPY_FAIL_SOURCE) },
	{ "71 a read while a write is refused", IGNORED,
	  STORY(WRITE_0, WRITE_1, POWER_CUT, SUSPEND, LOG_UNREADABLE, RESUME, PRESUSPEND,
		WRITE_1) },
	{ "72 a failure that the worker has not seen", IGNORED,
	  STORY(WRITE_0, END_0, WRITE_1, CYCLE_1, CLEAN, CLEAN, CLEAN) },
};

/* These do not have to be the shortest. */
static void scope_story(struct kunit *test)
{
	const struct scope_story *story = test->param_value;
	struct scope *sc = new_scope(test, &scope_params[story->kind]);
	unsigned int i;

	for (i = 0; story->event[i] != NR_EVENTS; i++)
		;
	for (sc->nr_events = 0; sc->nr_events <= i; sc->nr_events++) {
		memcpy(sc->event, story->event, sc->nr_events);
		if (!run(sc, true)) {
			tell(sc);
			return;
		}
		/* A log may be good enough to let it end otherwise. */
		if (sc->nr_events < i &&
		    !(sc->may & BIT_ULL(story->event[sc->nr_events]))) {
			kunit_info(test, "not so: %s\n",
				   events[story->event[sc->nr_events]].name);
			return;
		}
	}
}

static void describe_param(const struct scope_param *param, char *desc)
{
	strscpy(desc, param->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(scope, scope_params, describe_param);

static void describe_story(const struct scope_story *story, char *desc)
{
	strscpy(desc, story->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(scope_story, scope_stories, describe_story);

static struct kunit_case dm_log_scope_cases[] = {
	KUNIT_CASE_PARAM(scope_story, scope_story_gen_params),
	KUNIT_CASE_PARAM_ATTR(scope_all, scope_gen_params, { .speed = KUNIT_SPEED_SLOW }),
	{}
};

static struct kunit_suite dm_log_scope_suite = {
	.name = "dm_log_scope",
	.test_cases = dm_log_scope_cases,
};

kunit_test_suite(dm_log_scope_suite);
