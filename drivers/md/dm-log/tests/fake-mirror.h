/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A mirror of two legs for KUnit tests: what dm-raid1.c and dm-region-hash.c do to
 * a log, in their order, without a byte of data. It knows what of the legs may be
 * lost, and judges what the log does.
 *
 * What it believes, as the kernel's mirror does: struct dm_log_fake_region's @state
 * is dm-region-hash's entry; struct dm_log_fake_mirror begins with what is struct
 * mirror_set there.
 *
 * What is true, at the worst: every write goes to other sectors of its region than
 * the one before, and what is lost is lost on one leg only. So it is enough to know
 * for each region whether the legs differ (somewhere), which legs have all that
 * was acknowledged, and which have in a volatile cache what was written last.
 */

#ifndef DM_LOG_FAKE_MIRROR_H
#define DM_LOG_FAKE_MIRROR_H

#include <linux/bits.h>
#include <linux/device-mapper.h>
#include <linux/dm-dirty-log.h>
#include <linux/types.h>

struct kunit;

#define FAKE_LEGS	2
#define FAKE_ALL_LEGS	3

/* dm-raid1.c's enum dm_raid1_error, but for reads, which are not modelled. */
#define FAKE_WRITE_ERROR	BIT(0)
#define FAKE_FLUSH_ERROR	BIT(1)
#define FAKE_SYNC_ERROR		BIT(2)

enum dm_log_fake_state {
	FAKE_ABSENT,		/* not in the hash */
	FAKE_CLEAN,		/* on the list of clean regions */
	FAKE_DIRTY,
	FAKE_NOSYNC,
	FAKE_RECOVERING,
};

enum dm_log_fake_copy {
	FAKE_NO_COPY,
	FAKE_QUIESCING,		/* writes to the region have to end first */
	FAKE_QUIESCED,
	FAKE_COPYING,
	FAKE_COPIED,		/* on the list of recovered regions */
	FAKE_COPY_FAILED,
};

enum dm_log_fake_phase {
	FAKE_NEW,		/* never resumed */
	FAKE_LIVE,
	FAKE_SUSPENDING,	/* after presuspend: no recovery, no cleaner */
	FAKE_SUSPENDED,
};

/**
 * struct dm_log_fake_region - one region
 * @nr: its number
 *
 * @state: dm-region-hash's entry
 * @pending: writes that count there
 *
 * @queued: writes in ms->writes
 * @taken: of these, the worker has in hand
 * @sync: of these, found to be for all legs, likewise @nosync for one and @recover
 *	for later
 * @nosync: see @sync
 * @recover: see @sync
 * @delayed: writes that wait for the region to be recovered
 * @all: writes in flight to all legs, by the legs on which they are going to fail
 * @one: writes in flight to one leg only, by leg
 * @failed: writes in ms->failures, by the legs on which they failed; by none: not
 *	attempted
 * @in_hand: of these, the worker has in hand
 * @held: writes in ms->holds
 * @requeued: writes that a noflush suspend gave back and that come again
 *
 * @differ: the legs are not known to be the same; what may be lost of their caches
 *	is not counted, nor are writes in flight
 * @good: legs that have all that was acknowledged
 * @torn: no leg can be blamed for lacking what was acknowledged: the mirror's own
 *	rules lost it, whatever the log does
 * @forgotten: the mirror has forgotten a failure before it told the log
 * @unmarked: written to although flush() failed, as the mirror does unless it
 *	handles errors; until flush() is good again
 * @lost: legs that have lost what is not acknowledged yet, but may be
 * @answered: a write, not a read, was told that the region is in sync, because it
 *	cannot wait, and has to go to all legs; the hash then tells reads the same
 * @ended: for each leg, when the last write to it has ended
 * @acked: for each leg, when the last of these that is acknowledged has
 */
struct dm_log_fake_region {
	u64 nr;

	enum dm_log_fake_state state;
	unsigned int pending;

	u8 queued;
	u8 taken;
	u8 sync;
	u8 nosync;
	u8 recover;
	u8 delayed;
	u8 all[FAKE_ALL_LEGS + 1];
	u8 one[FAKE_LEGS];
	u8 failed[FAKE_ALL_LEGS + 1];
	u8 in_hand[FAKE_ALL_LEGS + 1];
	u8 held;
	u8 requeued;

	bool differ;
	u8 good;
	bool torn;
	bool forgotten;
	bool unmarked;
	bool answered;
	u8 lost;
	u64 ended[FAKE_LEGS];
	u64 acked[FAKE_LEGS];
};

/**
 * struct dm_log_fake_tally - how often what was met
 * @passes: passes of the worker
 * @writes: to all legs
 * @nosync_writes: to one leg only
 * @waits: writes put back because the log told them to wait
 * @holds: writes held because of an error
 * @failed_writes: on a leg
 * @copies: that went well
 * @failed_copies: by a leg that could not be read or written
 * @given_up: of these, told to the log as if they had gone well
 * @leg_flushes: by the log, that went well
 * @failed_leg_flushes: by the log
 * @losses: of a leg's cache, with something in it
 * @cycles: of a leg's power
 * @log_errors: returned by flush()
 * @switches: of the default leg
 * @resets: of the mirror's knowledge of failures
 * @suspends: and resumes
 * @looks: at the state of the legs, likewise all that follow
 * @differing: a region's legs differ
 * @unflushed: they may come to differ by a loss
 * @one_leg: a region can be read from one leg only
 * @no_leg: or from none
 * @stale: a leg lacks something acknowledged
 */
struct dm_log_fake_tally {
	u64 passes;
	u64 writes;
	u64 nosync_writes;
	u64 waits;
	u64 holds;
	u64 failed_writes;
	u64 copies;
	u64 failed_copies;
	u64 given_up;
	u64 leg_flushes;
	u64 failed_leg_flushes;
	u64 losses;
	u64 cycles;
	u64 log_errors;
	u64 switches;
	u64 resets;
	u64 suspends;

	u64 looks;
	u64 differing;
	u64 unflushed;
	u64 one_leg;
	u64 no_leg;
	u64 stale;
};

#define FAKE_HISTORY	256

/**
 * struct dm_log_fake_event - for whoever wants to know how it came
 * @what: in words
 * @region: where, or U64_MAX
 * @legs: mask of legs, if it means something
 */
struct dm_log_fake_event {
	const char *what;
	u64 region;
	u8 legs;
};

/**
 * struct dm_log_fake_mirror - the mirror
 * @ti: its target
 * @log: its log
 * @region: its regions, or those that are used of them
 * @nr_slots: length of @region
 * @nr_regions: of the mirror
 * @handle_errors: the feature
 * @keep_log: the feature
 * @caches: what a leg's cache loses counts. Not with a log that cannot know.
 *
 * @phase: of the device
 * @in_sync: as in struct mirror_set, likewise the next three
 * @log_failure: sticky
 * @leg_failure: see @in_sync
 * @default_leg: see @in_sync
 * @stopping: ms->suspend
 * @noflush: this suspend gives back what is held, instead of failing it
 * @error_types: for each leg
 * @errors: mask of legs that have an error count
 * @woken: the worker has something to do
 * @in_pass: it does it
 * @slot: recovery may begin
 * @stop_recovery: a suspend waits for the slot
 * @copy: where the recovery of @recovering is
 * @recovering: slot of the region that is being recovered
 * @source: the leg that is copied from
 * @copy_fails: mask of legs on which the copy is going to fail
 * @copy_lost: something of what was copied is gone from a cache already
 *
 * @seq: the time, in writes that have ended
 * @flushed: for each leg, what has ended by then is on stable storage
 * @begun: when the last flush by the log began
 * @cycled: mask of legs that had a power failure which nobody has noticed yet
 * @failures: of legs, as the log was to be told of them
 * @failures_then: at the last resume
 * @believed: get_sync_count() has once returned all
 * @log_read_only: set by the test: the log device cannot be written
 * @log_trouble: the log device has failed since the table was loaded; set by the test
 * @marked: mark_region() was called since flush() was good
 * @asked_one: in_sync() answered 1 for a write whose region the log knows to be out
 *	of sync; flush() has to fail now
 * @nothing_offered: the last pass found no region to recover
 * @waited: the last pass put back a write
 *
 * @during_flush: optional; the legs are being flushed
 * @flush_fails: optional; which legs fail in it
 * @pick_loss: optional; is this region of a leg among what is lost? All are, if
 *	there is no such function.
 * @other_region: optional; a region was recovered that is not in @region
 * @dispatched: optional; writes were given to the legs
 * @private: for them
 *
 * @wrong: the first rule that was broken, or NULL
 * @wrong_region: and where
 * @history: the last events, if the test wants them, else NULL
 * @nr_events: so many were written down
 * @tally: what was met
 */
struct dm_log_fake_mirror {
	struct dm_target ti;
	struct dm_dirty_log *log;
	struct dm_log_fake_region *region;
	unsigned int nr_slots;
	u64 nr_regions;
	bool handle_errors;
	bool keep_log;
	bool caches;

	enum dm_log_fake_phase phase;
	bool in_sync;
	bool log_failure;
	bool leg_failure;
	u8 default_leg;
	bool stopping;
	bool noflush;
	u8 error_types[FAKE_LEGS];
	u8 errors;
	bool woken;
	bool in_pass;
	bool slot;
	bool stop_recovery;
	enum dm_log_fake_copy copy;
	unsigned int recovering;
	u8 source;
	u8 copy_fails;
	bool copy_lost;

	u64 seq;
	u64 flushed[FAKE_LEGS];
	u64 begun;
	u8 cycled;
	u64 failures;
	u64 failures_then;
	bool believed;
	bool log_read_only;
	bool log_trouble;
	bool marked;
	bool asked_one;
	bool nothing_offered;
	bool waited;

	void (*during_flush)(struct dm_log_fake_mirror *fm);
	u8 (*flush_fails)(struct dm_log_fake_mirror *fm);
	bool (*pick_loss)(struct dm_log_fake_mirror *fm);
	void (*other_region)(struct dm_log_fake_mirror *fm, u64 nr);
	void (*dispatched)(struct dm_log_fake_mirror *fm);
	void *private;

	const char *wrong;
	u64 wrong_region;
	struct dm_log_fake_event *history;
	u64 nr_events;
	struct dm_log_fake_tally tally;
};

/* What the table line and the userspace tools do. */
int dm_log_fake_mirror_flush_legs(struct dm_target *ti);
void dm_log_fake_mirror_new(struct dm_log_fake_mirror *fm, struct dm_dirty_log *log);
void dm_log_fake_mirror_presuspend(struct dm_log_fake_mirror *fm, bool noflush);
void dm_log_fake_mirror_postsuspend(struct dm_log_fake_mirror *fm, bool late);
void dm_log_fake_mirror_resume(struct dm_log_fake_mirror *fm);

/* What the worker does. */
void dm_log_fake_mirror_work(struct dm_log_fake_mirror *fm);

/* What applications and devices do; the worker is only woken. */
void dm_log_fake_mirror_write(struct dm_log_fake_mirror *fm, unsigned int slot);
bool dm_log_fake_mirror_end_write(struct dm_log_fake_mirror *fm, unsigned int slot);
bool dm_log_fake_mirror_fail_write(struct dm_log_fake_mirror *fm, unsigned int slot,
				   u8 legs, bool lossy);
bool dm_log_fake_mirror_end_copy(struct dm_log_fake_mirror *fm);
bool dm_log_fake_mirror_fail_copy(struct dm_log_fake_mirror *fm, u8 legs, bool lossy);
void dm_log_fake_mirror_cycle_leg(struct dm_log_fake_mirror *fm, unsigned int leg);
void dm_log_fake_mirror_power_cut(struct dm_log_fake_mirror *fm);

bool dm_log_fake_mirror_unflushed(const struct dm_log_fake_mirror *fm,
				  const struct dm_log_fake_region *r, unsigned int leg);
bool dm_log_fake_mirror_may_differ(const struct dm_log_fake_mirror *fm,
				   const struct dm_log_fake_region *r);
u8 dm_log_fake_mirror_doomed(const struct dm_log_fake_mirror *fm);
bool dm_log_fake_mirror_check(struct dm_log_fake_mirror *fm);
void dm_log_fake_mirror_tell(struct dm_log_fake_mirror *fm, struct kunit *test);

static inline unsigned int dm_log_fake_in_flight(const struct dm_log_fake_region *r)
{
	return r->all[0] + r->all[1] + r->all[2] + r->all[3] + r->one[0] + r->one[1];
}

static inline unsigned int dm_log_fake_failed(const u8 *failed)
{
	return failed[0] + failed[1] + failed[2] + failed[3];
}

#endif /* DM_LOG_FAKE_MIRROR_H */
