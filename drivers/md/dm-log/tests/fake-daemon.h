/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A log daemon for KUnit tests, and the mirror around a userspace log: the daemon
 * is called when the log sends, acts, and answers before sending has returned. It
 * keeps marks and sync bits, writes down what it was asked, and fails on demand.
 */

#ifndef DM_LOG_FAKE_DAEMON_H
#define DM_LOG_FAKE_DAEMON_H

#include <linux/bitmap.h>
#include <linux/device-mapper.h>
#include <linux/dm-log-userspace.h>
#include <linux/types.h>

#include "../ulog.h"

struct dm_dirty_log;
struct kunit;

#define FAKE_REGIONS		10000
#define FAKE_REGION_SECTORS	1024
#define FAKE_TYPES		(DM_ULOG_IS_REMOTE_RECOVERING + 1)
#define FAKE_TRACE		256
#define FAKE_STRING		512

/**
 * struct dm_log_fake_daemon - the daemon and its knobs
 * @portid: of its socket; another one after a restart
 * @dead: does not listen
 * @revive_after: it listens again after so many attempts to send, if not 0
 * @known: CTR has been answered
 * @awake: RESUME, too
 * @answered: this instance has answered something
 * @luid: from CTR
 * @ctr: payload of the last CTR
 * @marked: what MARK and CLEAR say
 * @durable: marks that FLUSH has confirmed and no CLEAR has undone
 * @in_sync: sync bits
 *
 * @region_sectors: answer to GET_REGION_SIZE
 * @ctr_reply: answer to CTR
 * @ctr_reply_size: its length
 * @work: the next region of GET_RESYNC_WORK; none if there is no such region
 * @hint: of IS_REMOTE_RECOVERING
 * @recovering: the other answer of IS_REMOTE_RECOVERING
 * @status: answer to STATUS_INFO
 * @status_size: its length
 *
 * @error: how it fails
 * @short_error: in a short answer
 * @fail: per type: so many requests fail, and are not acted upon
 * @ignore: per type: so many requests are neither acted upon nor answered
 * @mute: per type: so many requests are acted upon, but not answered
 * @odd: per type: so many requests are answered with @odd_reply
 * @odd_reply: instead of the right payload
 * @odd_size: its length
 * @send_error: how sending fails
 * @send_fails: so many times
 *
 * @nr_refused: messages that could not be sent
 * @nr_regions: per type: regions in the payloads of MARK, CLEAR, FLUSH
 * @largest: the most regions that one message had
 * @trace: a letter for each request, see dm_log_fake_letters
 * @traced: its length
 * @lost_trace: requests that found no room in it
 */
struct dm_log_fake_daemon {
	u32 portid;
	bool dead;
	unsigned int revive_after;
	bool known;
	bool awake;
	bool answered;
	u64 luid;
	char ctr[FAKE_STRING];
	DECLARE_BITMAP(marked, FAKE_REGIONS);
	DECLARE_BITMAP(durable, FAKE_REGIONS);
	DECLARE_BITMAP(in_sync, FAKE_REGIONS);

	u64 region_sectors;
	char ctr_reply[FAKE_STRING];
	size_t ctr_reply_size;
	u64 work;
	u64 hint;
	s64 recovering;
	const char *status;
	size_t status_size;

	s32 error;
	bool short_error;
	unsigned int fail[FAKE_TYPES];
	unsigned int ignore[FAKE_TYPES];
	unsigned int mute[FAKE_TYPES];
	unsigned int odd[FAKE_TYPES];
	u64 odd_reply[8];
	size_t odd_size;
	int send_error;
	unsigned int send_fails;

	unsigned int nr_refused;
	unsigned int nr_regions[FAKE_TYPES];
	unsigned int largest;
	char trace[FAKE_TRACE];
	unsigned int traced;
	unsigned int lost_trace;
};

/**
 * struct dm_log_fake_mirror - the mirror around the log, and the log's daemon
 * @test: the test
 * @ti: what the log takes for its target
 * @log: the log, or NULL
 * @daemon: its daemon
 * @fail_leg_flushes: so many flushes of the legs fail
 * @in_leg_flush: optional; called during a flush of the legs
 * @on_clear: optional; called for a region before the daemon clears it
 * @on_request: optional; called for a request before the daemon gets it
 * @nr_events: events that the log has raised
 * @nr_tends: times that the log called for its cleaner
 * @tend_ms: when it is to run
 * @nr_wakes: times that it woke the worker
 * @wake_fails: so many attempts to do so fail
 * @old: module parameters, to be restored
 */
struct dm_log_fake_mirror {
	struct kunit *test;
	struct dm_target ti;
	struct dm_dirty_log *log;
	struct dm_log_fake_daemon daemon;
	unsigned int fail_leg_flushes;
	void (*in_leg_flush)(struct dm_log_fake_mirror *fm);
	void (*on_clear)(struct dm_log_fake_mirror *fm, u64 region);
	void (*on_request)(struct dm_log_fake_mirror *fm, u32 type);
	unsigned int nr_events;
	unsigned int nr_tends;
	unsigned int tend_ms;
	unsigned int nr_wakes;
	unsigned int wake_fails;
	unsigned int old[4];
};

int dm_log_fake_mirror_init(struct kunit *test, size_t size);
void dm_log_fake_mirror_exit(struct dm_log_fake_mirror *fm);
bool dm_log_fake_create(struct dm_log_fake_mirror *fm, const char *words);
void dm_log_fake_destroy(struct dm_log_fake_mirror *fm);
void dm_log_fake_restart(struct dm_log_fake_mirror *fm, bool tell);
int dm_log_fake_send(struct cn_msg *msg);
void dm_log_fake_forgive(struct dm_log_fake_daemon *daemon);

#endif /* DM_LOG_FAKE_DAEMON_H */
