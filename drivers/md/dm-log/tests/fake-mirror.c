// SPDX-License-Identifier: GPL-2.0-only
/*
 * A mirror without data for KUnit tests. See fake-mirror.h.
 *
 * Functions are named after those of dm-raid1.c and dm-region-hash.c that they
 * stand for, and call the log where these do. What is left out: reads (each step
 * asks from which legs a read could be served), discards, and flushes by
 * applications, whose failure no log hears of.
 *
 * What the devices promise. A leg has a volatile cache; what is in it may be lost
 * when the leg fails a write, a copy or a flush, or loses its power. It never goes
 * unnoticed: what is in flight to a leg that lost its power fails, before a later
 * flush returns; if nothing is, the next write to all legs, copy or flush does. (Of
 * a failed read, or of a failed write to one leg, no log hears. The leg fails the
 * next I/O, too, then.)
 */

#include <kunit/test.h>
#include <linux/string.h>

#include "fake-mirror.h"

/* The first rule that was broken counts. */
static void broken(struct dm_log_fake_mirror *fm, const struct dm_log_fake_region *r,
		   const char *what)
{
	if (fm->wrong)
		return;
	fm->wrong = what;
	fm->wrong_region = r->nr;
}

/* So many regions that the test has no eye on are recovered in a pass. */
#define MAX_OTHERS	2000

static void note(struct dm_log_fake_mirror *fm, const struct dm_log_fake_region *r,
		 u8 legs, const char *what)
{
	if (fm->history)
		fm->history[fm->nr_events++ % FAKE_HISTORY] = (struct dm_log_fake_event) {
			.what = what, .region = r ? r->nr : U64_MAX, .legs = legs,
		};
}

static struct dm_log_fake_region *end_of(const struct dm_log_fake_mirror *fm)
{
	return fm->region + fm->nr_slots;
}

/*
 * The legs.
 */

bool dm_log_fake_mirror_unflushed(const struct dm_log_fake_mirror *fm,
				  const struct dm_log_fake_region *r, unsigned int leg)
{
	return r->ended[leg] > fm->flushed[leg];
}

/* After a power failure of all: may the legs differ, or could they become different? */
bool dm_log_fake_mirror_may_differ(const struct dm_log_fake_mirror *fm,
				   const struct dm_log_fake_region *r)
{
	unsigned int leg;

	if (r->differ || r->all[0] || r->all[1] || r->all[2] || r->all[3])
		return true;
	for (leg = 0; leg < FAKE_LEGS; leg++)
		if (fm->caches && dm_log_fake_mirror_unflushed(fm, r, leg))
			return true;
	return false;
}

static void lose_good(struct dm_log_fake_region *r, u8 legs)
{
	r->good &= ~legs;
	/* Nobody has it: no leg is better than the other. */
	if (!r->good)
		r->good = FAKE_ALL_LEGS;
}

/* What is in a leg's cache is gone. A write in flight may be there already, too. */
static void lose(struct dm_log_fake_mirror *fm, unsigned int leg)
{
	struct dm_log_fake_region *r;
	bool all = true, some = false;

	if (!fm->caches)
		return;
	note(fm, NULL, BIT(leg), "a leg loses its cache");

	for (r = fm->region; r < end_of(fm); r++) {
		bool in_flight = r->all[0] + r->all[1] + r->all[2] + r->all[3];

		if (!dm_log_fake_mirror_unflushed(fm, r, leg) && !in_flight)
			continue;
		if (fm->pick_loss && !fm->pick_loss(fm)) {
			all = false;
			continue;
		}
		some = true;
		note(fm, r, BIT(leg), "lost");
		r->differ = true;
		if (r->pending)
			r->lost |= BIT(leg);
		if (r->acked[leg] <= fm->flushed[leg])
			continue;
		/* If no other leg has it, it is worse if it is not lost. */
		if (r->good != BIT(leg))
			lose_good(r, BIT(leg));
	}
	if (fm->copy == FAKE_COPYING) {
		/* What the source has lost is copied nevertheless. */
		if (leg == fm->source)
			fm->region[fm->recovering].torn = true;
		else
			fm->copy_lost = true;
	}
	if (all)
		fm->flushed[leg] = fm->seq;
	fm->tally.losses += some;
}

/*
 * The mirror's choice of legs.
 */

static bool get_valid_mirror(const struct dm_log_fake_mirror *fm, u8 *leg)
{
	for (*leg = 0; *leg < FAKE_LEGS; (*leg)++)
		if (!(fm->errors & BIT(*leg)))
			return true;
	return false;
}

/*
 * If the default leg lacks what was acknowledged, and stays the default leg, then
 * reads fail for want of another, or the next recovery copies from it. No log can
 * prevent that.
 */
static void tear(struct dm_log_fake_mirror *fm)
{
	struct dm_log_fake_region *r;

	for (r = fm->region; r < end_of(fm); r++)
		if (!(r->good & BIT(fm->default_leg)) || r->one[!fm->default_leg])
			r->torn = true;
}

static void choose_default(struct dm_log_fake_mirror *fm, unsigned int leg, u8 type)
{
	u8 other;

	if (fm->error_types[leg] & type)
		return;
	fm->error_types[leg] |= type;
	if (!fm->handle_errors || leg != fm->default_leg)
		return;
	if (!fm->in_sync && !fm->keep_log)
		return;
	if (!get_valid_mirror(fm, &other))
		return;
	fm->tally.switches++;
	fm->default_leg = other;
	note(fm, NULL, BIT(other), "the new default leg");
	/* While out of sync that is wrong, and nothing that a log could cure. */
	if (!fm->in_sync)
		tear(fm);
}

static void fail_mirror(struct dm_log_fake_mirror *fm, unsigned int leg, u8 type)
{
	note(fm, NULL, BIT(leg), type == FAKE_WRITE_ERROR ? "has failed a write" :
	     type == FAKE_FLUSH_ERROR ? "has failed a flush" : "has failed a copy");
	fm->failures++;
	fm->leg_failure = true;
	fm->errors |= BIT(leg);
	choose_default(fm, leg, type);
	if (fm->default_leg == leg)
		tear(fm);
}

/* Legs that had a power failure of which the mirror has not heard yet. */
u8 dm_log_fake_mirror_doomed(const struct dm_log_fake_mirror *fm)
{
	const struct dm_log_fake_region *r;
	u8 legs = fm->cycled | fm->copy_fails;
	unsigned int m;

	for (r = fm->region; r < end_of(fm); r++)
		for (m = 1; m <= FAKE_ALL_LEGS; m++)
			if (r->all[m])
				legs |= m;
	return legs;
}

/* Some I/O to these legs is on its way now: if it is doomed, it alone is. */
static u8 take_cycled(struct dm_log_fake_mirror *fm)
{
	u8 legs = fm->cycled;

	fm->cycled = 0;
	return legs;
}

/*
 * dm-region-hash.
 */

static bool log_in_sync(struct dm_log_fake_mirror *fm, struct dm_log_fake_region *r)
{
	return fm->log->type->in_sync(fm->log, r->nr, 1);
}

static void rh_find(struct dm_log_fake_mirror *fm, struct dm_log_fake_region *r)
{
	if (r->state == FAKE_ABSENT)
		r->state = log_in_sync(fm, r) ? FAKE_CLEAN : FAKE_NOSYNC;
}

static void rh_remove(struct dm_log_fake_region *r)
{
	r->state = FAKE_ABSENT;
	r->answered = false;
}

static enum dm_log_fake_state rh_get_state(struct dm_log_fake_mirror *fm,
					   struct dm_log_fake_region *r)
{
	if (r->state != FAKE_ABSENT)
		return r->state;
	return log_in_sync(fm, r) ? FAKE_CLEAN : FAKE_NOSYNC;
}

static void rh_inc(struct dm_log_fake_mirror *fm, struct dm_log_fake_region *r)
{
	rh_find(fm, r);
	r->pending++;
	if (r->state == FAKE_CLEAN) {
		r->state = FAKE_DIRTY;
		fm->log->type->mark_region(fm->log, r->nr);
		fm->marked = true;
	}
}

static void rh_dec(struct dm_log_fake_mirror *fm, struct dm_log_fake_region *r)
{
	if (--r->pending)
		return;
	r->lost = 0;
	if (r->state == FAKE_RECOVERING)
		fm->copy = FAKE_QUIESCED;
	else if (r->state == FAKE_DIRTY)
		r->state = FAKE_CLEAN;
	fm->woken = true;
}

static void complete_resync_work(struct dm_log_fake_mirror *fm,
				 struct dm_log_fake_region *r, int success)
{
	note(fm, r, 0, success ? "set in sync" : "set out of sync after a copy");
	fm->log->type->set_region_sync(fm->log, r->nr, success);
	if (r->delayed)
		fm->woken = true;
	r->queued += r->delayed;
	r->delayed = 0;
	fm->copy = FAKE_NO_COPY;
	/* Who waits for it gets it before the worker can. */
	fm->slot = !fm->stop_recovery;
	fm->stop_recovery = false;
}

static void rh_mark_nosync(struct dm_log_fake_mirror *fm, struct dm_log_fake_region *r)
{
	bool recovering;

	note(fm, r, 0, "set out of sync after a write");
	fm->log->type->set_region_sync(fm->log, r->nr, 0);
	recovering = r->state == FAKE_RECOVERING;
	r->state = FAKE_NOSYNC;
	if (recovering)
		complete_resync_work(fm, r, 0);
}

/* Return: 0 if all marks are durable. */
static int flush_log(struct dm_log_fake_mirror *fm)
{
	struct dm_log_fake_region *r;

	if (fm->log->type->flush(fm->log))
		return -EIO;
	/*
	 * Else it says nothing: the stable copy is not this log's, or has never stored a
	 * mark, of which the mirror was told when it made one.
	 */
	if ((fm->phase != FAKE_LIVE && fm->phase != FAKE_SUSPENDING) || fm->log_read_only)
		return 0;
	fm->marked = false;
	for (r = fm->region; r < end_of(fm); r++)
		r->unmarked = false;
	return 0;
}

static void rh_update_states(struct dm_log_fake_mirror *fm)
{
	struct dm_log_fake_region *r = &fm->region[fm->recovering];
	enum dm_log_fake_copy copy = fm->copy;

	if (copy == FAKE_COPIED) {
		rh_remove(r);
		fm->log->type->clear_region(fm->log, r->nr);
		complete_resync_work(fm, r, 1);
	} else if (copy == FAKE_COPY_FAILED) {
		rh_remove(r);
		fm->tally.given_up += !fm->handle_errors;
		complete_resync_work(fm, r, !fm->handle_errors);
	}
	for (r = fm->region; r < end_of(fm); r++) {
		if (r->state != FAKE_CLEAN)
			continue;
		rh_remove(r);
		note(fm, r, 0, "clear");
		fm->log->type->clear_region(fm->log, r->nr);
	}
	flush_log(fm);
}

static struct dm_log_fake_region *find_region(struct dm_log_fake_mirror *fm, u64 nr)
{
	struct dm_log_fake_region *r;

	for (r = fm->region; r < end_of(fm); r++)
		if (r->nr == nr)
			return r;
	return NULL;
}

/*
 * One region at a time; but those that the test has no eye on are copied at once, and
 * in one pass, because they are many.
 */
static void rh_recovery_prepare(struct dm_log_fake_mirror *fm)
{
	struct dm_log_fake_region *r;
	unsigned int max_others = MAX_OTHERS;
	region_t nr;

	fm->nothing_offered = false;
	while (fm->slot && max_others--) {
		if (fm->log->type->get_resync_work(fm->log, &nr) <= 0) {
			fm->nothing_offered = true;
			return;
		}
		r = find_region(fm, nr);
		if (!r) {
			fm->log->type->clear_region(fm->log, nr);
			fm->log->type->set_region_sync(fm->log, nr, 1);
			if (fm->other_region)
				fm->other_region(fm, nr);
			continue;
		}
		fm->slot = false;
		note(fm, r, 0, "to be recovered");
		rh_find(fm, r);
		r->state = FAKE_RECOVERING;
		fm->recovering = r - fm->region;
		fm->copy = r->pending ? FAKE_QUIESCING : FAKE_QUIESCED;
	}
}

/*
 * dm-raid1: the worker.
 */

/* What has not been told to the log yet is forgotten with it. */
static void reset_ms_flags(struct dm_log_fake_mirror *fm)
{
	struct dm_log_fake_region *r;
	bool untold = false;

	for (r = fm->region; r < end_of(fm); r++)
		untold |= dm_log_fake_failed(r->failed) || dm_log_fake_failed(r->in_hand);
	for (r = fm->region; r < end_of(fm); r++)
		r->forgotten |= untold && r->differ;

	note(fm, NULL, 0, "all in sync: failures are forgotten");
	fm->tally.resets++;
	fm->leg_failure = false;
	fm->errors = 0;
	memset(fm->error_types, 0, sizeof(fm->error_types));
}

static void do_recovery(struct dm_log_fake_mirror *fm)
{
	struct dm_log_fake_region *r;
	u64 count;

	rh_recovery_prepare(fm);
	if (fm->copy == FAKE_QUIESCED) {
		fm->copy = FAKE_COPYING;
		fm->source = fm->default_leg;
		/* What nobody knows to be lost yet is copied. */
		r = &fm->region[fm->recovering];
		if (dm_log_fake_mirror_doomed(fm) & BIT(fm->source) & ~r->good)
			r->torn = true;
		fm->copy_fails = take_cycled(fm);
		fm->copy_lost = false;
	}
	if (fm->in_sync)
		return;
	count = fm->log->type->get_sync_count(fm->log);
	if (count > fm->nr_regions)
		broken(fm, fm->region, "more regions are in sync than there are");
	if (count == fm->nr_regions) {
		fm->believed = true;
		fm->in_sync = true;
		reset_ms_flags(fm);
	}
}

static void end_io(struct dm_log_fake_mirror *fm, struct dm_log_fake_region *r)
{
	rh_dec(fm, r);
}

static void hold_bio(struct dm_log_fake_mirror *fm, struct dm_log_fake_region *r)
{
	if (fm->stopping) {
		r->requeued += fm->noflush;
		end_io(fm, r);
		return;
	}
	fm->tally.holds++;
	note(fm, r, 0, "write held");
	r->held++;
	if (!fm->log_failure && fm->failures == fm->failures_then)
		broken(fm, r, "a write is held though nothing has failed since the resume");
}

static void classify(struct dm_log_fake_mirror *fm, struct dm_log_fake_region *r)
{
	const struct dm_dirty_log_type *type = fm->log->type;

	for (; r->taken; r->taken--) {
		if (type->is_remote_recovering &&
		    type->is_remote_recovering(fm->log, r->nr)) {
			fm->tally.waits++;
			if (!fm->waited)
				note(fm, r, 0, "write waits");
			fm->waited = true;
			r->queued++;
			continue;
		}
		/* What a log cannot let wait, nor write down, it refuses. */
		if (fm->phase == FAKE_SUSPENDING && fm->log_trouble &&
		    type->in_sync(fm->log, r->nr, 0) != 1)
			fm->asked_one = true;
		switch (rh_get_state(fm, r)) {
		case FAKE_ABSENT:
			break;
		case FAKE_CLEAN:
		case FAKE_DIRTY:
			if (r->state == FAKE_ABSENT &&
			    type->in_sync(fm->log, r->nr, 0) != 1) {
				fm->asked_one = true;
				r->answered = true;
			}
			r->sync++;
			break;
		case FAKE_NOSYNC:
			r->nosync++;
			break;
		case FAKE_RECOVERING:
			r->recover++;
			break;
		}
	}
}

static void do_write(struct dm_log_fake_mirror *fm, struct dm_log_fake_region *r,
		     bool unmarked)
{
	fm->tally.writes++;
	note(fm, r, FAKE_ALL_LEGS, unmarked ? "write, unmarked" : "write");
	r->unmarked |= unmarked;
	r->all[take_cycled(fm)]++;
}

static void do_nosync_write(struct dm_log_fake_mirror *fm, struct dm_log_fake_region *r)
{
	if (fm->leg_failure && fm->handle_errors && !fm->keep_log) {
		r->failed[0]++;
		fm->woken = true;
		return;
	}
	fm->tally.nosync_writes++;
	note(fm, r, BIT(fm->default_leg), "write");
	r->differ = true;
	r->one[fm->default_leg]++;
}

static void do_writes(struct dm_log_fake_mirror *fm, bool any)
{
	struct dm_log_fake_region *r;
	unsigned int i;
	bool failed;

	fm->waited = false;
	if (!any)
		return;

	for (r = fm->region; r < end_of(fm); r++)
		classify(fm, r);
	for (r = fm->region; r < end_of(fm); r++)
		for (i = 0; i < r->sync; i++)
			rh_inc(fm, r);
	for (r = fm->region; r < end_of(fm); r++)
		for (i = 0; i < r->nosync; i++)
			rh_inc(fm, r);

	failed = flush_log(fm);
	if (failed) {
		fm->tally.log_errors++;
		note(fm, NULL, 0, "flush() failed");
		if (!fm->marked && !fm->asked_one)
			broken(fm, fm->region, "flush() fails though there is no mark");
		fm->log_failure = true;
	}
	fm->asked_one = false;

	for (r = fm->region; r < end_of(fm); r++) {
		for (; r->sync; r->sync--) {
			if (fm->log_failure && fm->handle_errors) {
				r->failed[0]++;
				fm->woken = true;
			} else {
				do_write(fm, r, failed);
			}
		}
		r->delayed += r->recover;
		r->recover = 0;
		for (; r->nosync; r->nosync--)
			do_nosync_write(fm, r);
	}
	if (fm->dispatched)
		fm->dispatched(fm);
}

/* A write is said to have ended well, though it failed on @legs. */
static void acknowledge(struct dm_log_fake_mirror *fm, struct dm_log_fake_region *r,
			u8 legs)
{
	unsigned int leg;

	for (leg = 0; leg < FAKE_LEGS; leg++)
		if (!(legs & BIT(leg)))
			r->acked[leg] = r->ended[leg];
	lose_good(r, legs | r->lost);
	/* Lost on the default leg, as in tear(). */
	if (r->lost & BIT(fm->default_leg) & ~r->good)
		r->torn = true;
}

static void do_failure(struct dm_log_fake_mirror *fm, struct dm_log_fake_region *r,
		       u8 legs)
{
	u8 valid;

	if (!fm->log_failure) {
		fm->in_sync = false;
		rh_mark_nosync(fm, r);
	}
	if (!get_valid_mirror(fm, &valid) || (fm->keep_log && fm->log_failure)) {
		end_io(fm, r);
	} else if (fm->handle_errors && !fm->keep_log) {
		hold_bio(fm, r);
	} else {
		/* It is said to have succeeded. */
		acknowledge(fm, r, legs);
		if (!(r->good & BIT(fm->default_leg)))
			r->torn = true;
		end_io(fm, r);
	}
}

static void do_failures(struct dm_log_fake_mirror *fm)
{
	struct dm_log_fake_region *r;
	unsigned int legs;

	for (r = fm->region; r < end_of(fm); r++)
		for (legs = 0; legs <= FAKE_ALL_LEGS; legs++)
			for (; r->in_hand[legs]; r->in_hand[legs]--)
				do_failure(fm, r, legs);
}

static void do_mirror(struct dm_log_fake_mirror *fm)
{
	struct dm_log_fake_region *r;
	bool any = false;

	fm->tally.passes++;
	fm->in_pass = true;
	fm->woken = false;
	for (r = fm->region; r < end_of(fm); r++) {
		r->taken = r->queued;
		r->queued = 0;
		any |= r->taken;
		memcpy(r->in_hand, r->failed, sizeof(r->in_hand));
		memset(r->failed, 0, sizeof(r->failed));
	}
	rh_update_states(fm);
	do_recovery(fm);
	do_writes(fm, any);
	do_failures(fm);
	fm->in_pass = false;
}

/* Passes, until there is nothing to do but to wait. */
void dm_log_fake_mirror_work(struct dm_log_fake_mirror *fm)
{
	if (fm->in_pass)
		return;
	if (fm->waited)
		fm->woken = true;
	while (fm->woken)
		do_mirror(fm);
}

/*
 * What happens to I/O.
 */

void dm_log_fake_mirror_write(struct dm_log_fake_mirror *fm, unsigned int slot)
{
	fm->region[slot].queued++;
	fm->woken = true;
}

/* A write, if one is in flight that can, ends well. */
bool dm_log_fake_mirror_end_write(struct dm_log_fake_mirror *fm, unsigned int slot)
{
	struct dm_log_fake_region *r = &fm->region[slot];
	unsigned int leg;

	if (r->all[0]) {
		r->all[0]--;
		fm->seq++;
		for (leg = 0; leg < FAKE_LEGS; leg++)
			r->ended[leg] = fm->seq;
		note(fm, r, 0, "write has ended");
		acknowledge(fm, r, 0);
		end_io(fm, r);
		return true;
	}
	for (leg = 0; leg < FAKE_LEGS; leg++) {
		/* A leg that is not back yet fails it; that is seen by nobody. */
		if (!r->one[leg] || fm->cycled & BIT(leg))
			continue;
		r->one[leg]--;
		r->ended[leg] = ++fm->seq;
		note(fm, r, BIT(leg), "write has ended");
		acknowledge(fm, r, FAKE_ALL_LEGS & ~BIT(leg));
		end_io(fm, r);
		return true;
	}
	return false;
}

/*
 * A write to all legs, if one is in flight, fails on @legs; or, rather, one that has to
 * fail. With no @legs only such a one.
 */
bool dm_log_fake_mirror_fail_write(struct dm_log_fake_mirror *fm, unsigned int slot,
				   u8 legs, bool lossy)
{
	struct dm_log_fake_region *r = &fm->region[slot];
	unsigned int leg, m;

	for (m = FAKE_ALL_LEGS; m && !r->all[m]; m--)
		;
	if (!r->all[m] || !(m | legs))
		return false;
	if (m) {
		legs = m;
		lossy = false;
	}
	note(fm, r, legs, "write fails");
	r->all[m]--;
	r->failed[legs]++;
	r->differ = true;
	fm->seq++;
	for (leg = 0; leg < FAKE_LEGS; leg++) {
		if (!(legs & BIT(leg))) {
			r->ended[leg] = fm->seq;
			continue;
		}
		fm->tally.failed_writes++;
		if (lossy)
			lose(fm, leg);
		fail_mirror(fm, leg, FAKE_WRITE_ERROR);
	}
	fm->woken = true;
	return true;
}

/* The region is copied. What is copied to where it was already cannot be lost. */
bool dm_log_fake_mirror_end_copy(struct dm_log_fake_mirror *fm)
{
	struct dm_log_fake_region *r = &fm->region[fm->recovering];

	if (fm->copy != FAKE_COPYING || fm->copy_fails)
		return false;

	if (!(r->good & BIT(fm->source)) && !r->torn && !r->forgotten &&
	    !(dm_log_fake_mirror_doomed(fm) & BIT(fm->source)))
		broken(fm, r, "a recovery copies what is stale");
	if (r->differ) {
		r->ended[!fm->source] = ++fm->seq;
		r->acked[!fm->source] = fm->seq;
		r->differ = fm->copy_lost;
	}
	note(fm, r, BIT(fm->source), "copied from");
	r->good = FAKE_ALL_LEGS;
	r->torn = false;
	r->forgotten = false;
	fm->tally.copies++;
	fm->copy = FAKE_COPIED;
	fm->woken = true;
	return true;
}

/*
 * The copy fails. Unless errors are handled, kcopyd writes on even if it could not
 * read: what was in its pages. Otherwise what was the same stays the same.
 */
bool dm_log_fake_mirror_fail_copy(struct dm_log_fake_mirror *fm, u8 legs, bool lossy)
{
	struct dm_log_fake_region *r = &fm->region[fm->recovering];
	unsigned int leg;

	if (fm->copy != FAKE_COPYING)
		return false;
	if (fm->copy_fails) {
		legs = fm->copy_fails;
		lossy = false;
	}
	fm->copy_fails = 0;
	note(fm, r, legs, "copy fails");
	fm->tally.failed_copies++;
	/* Not while the log may call it clean: that is lost, as the manual says. */
	if (legs & BIT(fm->source) && !fm->handle_errors && !fm->log_trouble) {
		r->differ = true;
		lose_good(r, BIT(!fm->source));
	}
	for (leg = 0; leg < FAKE_LEGS; leg++) {
		if (!(legs & BIT(leg)))
			continue;
		if (lossy)
			lose(fm, leg);
		fail_mirror(fm, leg, FAKE_SYNC_ERROR);
	}
	fm->copy = FAKE_COPY_FAILED;
	fm->woken = true;
	return true;
}

/* A leg loses its power, and has it again. */
void dm_log_fake_mirror_cycle_leg(struct dm_log_fake_mirror *fm, unsigned int leg)
{
	struct dm_log_fake_region *r;
	bool noticed = false;
	unsigned int m;

	fm->tally.cycles++;
	note(fm, NULL, BIT(leg), "a leg has lost its power");
	fm->failures++;
	lose(fm, leg);
	for (r = fm->region; r < end_of(fm); r++)
		for (m = 0; m <= FAKE_ALL_LEGS; m++)
			if (r->all[m] && !(m & BIT(leg))) {
				r->all[m | BIT(leg)] += r->all[m];
				r->all[m] = 0;
				noticed = true;
			}
	if (fm->copy == FAKE_COPYING) {
		fm->copy_fails |= BIT(leg);
		noticed = true;
	}
	if (!noticed)
		fm->cycled |= BIT(leg);
}

/* The log's flush callback. */
int dm_log_fake_mirror_flush_legs(struct dm_target *ti)
{
	struct dm_log_fake_mirror *fm = container_of(ti, struct dm_log_fake_mirror, ti);
	u64 begun = fm->seq;
	unsigned int leg, slot;
	u8 fails;

	fm->begun = begun;
	if (fm->phase == FAKE_NEW || fm->phase == FAKE_SUSPENDED)
		broken(fm, fm->region, "the legs are flushed while they are not ours");
	if (fm->during_flush)
		fm->during_flush(fm);
	fails = take_cycled(fm);
	if (fm->flush_fails)
		fails |= fm->flush_fails(fm);

	/* What is in flight to a leg that lost its power has failed by now. */
	for (slot = 0; slot < fm->nr_slots; slot++)
		while (fm->region[slot].all[1] + fm->region[slot].all[2] +
		       fm->region[slot].all[3])
			dm_log_fake_mirror_fail_write(fm, slot, 0, false);
	if (fm->copy_fails)
		dm_log_fake_mirror_fail_copy(fm, 0, false);

	for (leg = 0; leg < FAKE_LEGS; leg++) {
		if (fails & BIT(leg)) {
			lose(fm, leg);
			fail_mirror(fm, leg, FAKE_FLUSH_ERROR);
		} else if (fm->flushed[leg] < begun) {
			fm->flushed[leg] = begun;
		}
	}
	note(fm, NULL, fails, "legs flushed, but for");
	if (fails) {
		fm->tally.failed_leg_flushes++;
		return -EIO;
	}
	fm->tally.leg_flushes++;
	return 0;
}

/*
 * What the device-mapper does.
 */

/* The mirror was told that flush() failed, and wrote; the next log cannot know. */
static void forgive(struct dm_log_fake_region *r)
{
	if (!r->unmarked)
		return;
	r->unmarked = false;
	r->differ = false;
	r->good = FAKE_ALL_LEGS;
	memset(r->ended, 0, sizeof(r->ended));
	memset(r->acked, 0, sizeof(r->acked));
}

/* A table with the log is loaded; the worker runs once before it is resumed. */
void dm_log_fake_mirror_new(struct dm_log_fake_mirror *fm, struct dm_dirty_log *log)
{
	struct dm_log_fake_region *r;

	fm->log = log;
	note(fm, NULL, fm->handle_errors | fm->keep_log << 1, "new table");
	fm->phase = FAKE_NEW;
	fm->in_sync = false;
	fm->log_failure = false;
	fm->leg_failure = false;
	fm->default_leg = 0;
	memset(fm->error_types, 0, sizeof(fm->error_types));
	fm->errors = 0;
	fm->slot = false;
	fm->copy = FAKE_NO_COPY;
	fm->marked = false;
	fm->believed = false;
	fm->log_trouble = false;
	for (r = fm->region; r < end_of(fm); r++) {
		rh_remove(r);
		forgive(r);
		/* Whoever loads a table knows which leg is the first. */
		r->torn |= !(r->good & BIT(0));
	}
	fm->woken = true;
	dm_log_fake_mirror_work(fm);
}

void dm_log_fake_mirror_resume(struct dm_log_fake_mirror *fm)
{
	struct dm_log_fake_region *r;

	note(fm, NULL, 0, "resume");
	fm->stopping = false;
	fm->failures_then = fm->failures;
	fm->phase = FAKE_LIVE;
	fm->log->type->resume(fm->log);
	fm->slot = true;
	fm->woken = true;
	for (r = fm->region; r < end_of(fm); r++) {
		r->forgotten = false;
		r->queued += r->requeued;
		r->requeued = 0;
	}
}

static void end_all(struct dm_log_fake_mirror *fm, unsigned int slot)
{
	struct dm_log_fake_region *r = &fm->region[slot];
	unsigned int leg;

	while (dm_log_fake_mirror_end_write(fm, slot))
		;
	while (dm_log_fake_mirror_fail_write(fm, slot, 0, false))
		;
	/* By a leg that is not back yet. */
	for (leg = 0; leg < FAKE_LEGS; leg++)
		for (; r->one[leg]; r->one[leg]--)
			end_io(fm, r);
}

/* Recovery is stopped: what is being recovered has to end first. */
void dm_log_fake_mirror_presuspend(struct dm_log_fake_mirror *fm, bool noflush)
{
	struct dm_log_fake_region *r;
	unsigned int i;

	note(fm, NULL, 0, "presuspend");
	fm->stopping = true;
	fm->noflush = noflush;
	for (r = fm->region; r < end_of(fm); r++)
		for (; r->held; r->held--) {
			r->requeued += noflush;
			end_io(fm, r);
		}

	fm->stop_recovery = !fm->slot;
	fm->slot = false;
	for (i = 0; fm->stop_recovery; i++) {
		if (i == 16) {
			broken(fm, &fm->region[fm->recovering],
			       "a suspend waits for ever for recovery to end");
			break;
		}
		if (fm->copy == FAKE_QUIESCING)
			end_all(fm, fm->recovering);
		if (!dm_log_fake_mirror_end_copy(fm))
			dm_log_fake_mirror_fail_copy(fm, 0, false);
		fm->woken = true;
		dm_log_fake_mirror_work(fm);
	}
	fm->stop_recovery = false;
	if (fm->log->type->presuspend)
		fm->log->type->presuspend(fm->log);
	fm->phase = FAKE_SUSPENDING;
	dm_log_fake_mirror_work(fm);
}

static bool is_busy(const struct dm_log_fake_region *r)
{
	return dm_log_fake_in_flight(r) || r->queued || r->delayed || r->held ||
	       dm_log_fake_failed(r->failed);
}

/*
 * All I/O ends. The worker may be @late: what it was woken for last, and no bio needs,
 * it does after this.
 */
void dm_log_fake_mirror_postsuspend(struct dm_log_fake_mirror *fm, bool late)
{
	struct dm_log_fake_region *r;
	unsigned int slot, i;
	bool busy;

	for (i = 0; ; i++) {
		busy = false;
		for (slot = 0; slot < fm->nr_slots; slot++) {
			end_all(fm, slot);
			busy |= is_busy(&fm->region[slot]);
		}
		if (!busy)
			break;
		if (i == 16) {
			for (r = fm->region; r < end_of(fm) && !is_busy(r); r++)
				;
			broken(fm, r, "a suspend waits for ever for a write to end");
			break;
		}
		fm->woken = true;
		dm_log_fake_mirror_work(fm);
	}
	if (!late)
		dm_log_fake_mirror_work(fm);
	note(fm, NULL, 0, "postsuspend");
	if (fm->log->type->postsuspend)
		fm->log->type->postsuspend(fm->log);
	fm->phase = FAKE_SUSPENDED;
	fm->tally.suspends++;
}

/* The machine loses its power: all caches may be lost, and all I/O is. */
void dm_log_fake_mirror_power_cut(struct dm_log_fake_mirror *fm)
{
	struct dm_log_fake_region *r;
	unsigned int leg;

	note(fm, NULL, 0, "power failure of all");
	for (r = fm->region; r < end_of(fm); r++) {
		u64 nr = r->nr;
		bool differ = dm_log_fake_mirror_may_differ(fm, r), torn = r->torn;
		bool unmarked = r->unmarked;
		u8 good = r->good;

		/* What was acknowledged only may be lost by all. */
		for (leg = 0; leg < FAKE_LEGS; leg++)
			if (dm_log_fake_mirror_unflushed(fm, r, leg))
				good = FAKE_ALL_LEGS;
		*r = (struct dm_log_fake_region) {
			.nr = nr,
			.differ = differ,
			.good = good,
			.torn = torn,
			.unmarked = unmarked,
		};
		forgive(r);
	}
	for (leg = 0; leg < FAKE_LEGS; leg++)
		fm->flushed[leg] = fm->seq;
	fm->cycled = 0;
	fm->copy_fails = 0;
	fm->stopping = false;
	fm->stop_recovery = false;
	fm->woken = false;
	fm->waited = false;
	fm->copy = FAKE_NO_COPY;
}

/*
 * The judge.
 */

/* The legs that a read of the region could be served from now. */
static u8 readable(struct dm_log_fake_mirror *fm, struct dm_log_fake_region *r)
{
	bool in_sync = r->state == FAKE_CLEAN || r->state == FAKE_DIRTY ||
		       fm->log->type->in_sync(fm->log, r->nr, 0) > 0 ||
		       (r->state == FAKE_ABSENT && log_in_sync(fm, r));

	if (in_sync)
		return FAKE_ALL_LEGS & ~fm->errors;
	return BIT(fm->default_leg) & ~fm->errors;
}

/**
 * dm_log_fake_mirror_check() - is everything as it ought to be?
 * @fm: the mirror, resumed or not, while its worker does nothing
 *
 * Return: true if so; otherwise @fm->wrong tells.
 */
bool dm_log_fake_mirror_check(struct dm_log_fake_mirror *fm)
{
	struct dm_log_fake_region *r;
	u8 legs, doomed;
	bool waits = false;

	if (fm->wrong)
		return false;
	if (fm->phase == FAKE_NEW || fm->phase == FAKE_SUSPENDED)
		return true;

	/* Reads of a leg that lost its power fail until that has been noticed. */
	doomed = dm_log_fake_mirror_doomed(fm);
	for (r = fm->region; r < end_of(fm); r++) {
		fm->tally.looks++;
		fm->tally.differing += r->differ;
		fm->tally.unflushed += dm_log_fake_mirror_may_differ(fm, r);
		fm->tally.stale += r->good != FAKE_ALL_LEGS;
		waits |= r->queued;

		legs = readable(fm, r) & ~doomed;
		fm->tally.no_leg += !legs;
		fm->tally.one_leg += legs == 1 || legs == 2;
		if (legs & ~r->good && !r->torn && !r->forgotten && !r->answered)
			broken(fm, r, "a read can miss what was acknowledged");
		if (legs == FAKE_ALL_LEGS && r->differ && !r->forgotten && !r->answered)
			broken(fm, r, "reads can come from legs that differ");
	}
	if (waits && fm->phase == FAKE_LIVE && fm->waited && fm->slot &&
	    fm->nothing_offered && fm->failures == fm->failures_then && !fm->log_trouble)
		broken(fm, fm->region, "a write waits for a recovery that does not come");
	return !fm->wrong;
}

/* How it came to that: what happened last to the region, and to all. */
void dm_log_fake_mirror_tell(struct dm_log_fake_mirror *fm, struct kunit *test)
{
	u64 i = fm->nr_events > FAKE_HISTORY ? fm->nr_events - FAKE_HISTORY : 0;

	for (; fm->history && i < fm->nr_events; i++) {
		const struct dm_log_fake_event *event = &fm->history[i % FAKE_HISTORY];

		if (event->region == fm->wrong_region)
			kunit_err(test, "region %llu: %s, legs %u\n", event->region,
				  event->what, event->legs);
		else if (event->region == U64_MAX)
			kunit_err(test, "%s, legs %u\n", event->what, event->legs);
	}
}
