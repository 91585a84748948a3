// SPDX-License-Identifier: GPL-2.0-only
/*
 * A log daemon for KUnit tests. See fake-daemon.h.
 */

#include <kunit/static_stub.h>
#include <kunit/test.h>
#include <linux/bitops.h>
#include <linux/dm-dirty-log.h>
#include <linux/minmax.h>
#include <linux/string.h>

#include "../cache.h"
#include "../private.h"
#include "../userspace.h"
#include "fake-daemon.h"

#define FIRST_PORTID	1000
#define ONE_HOUR_MS	(60 * 60 * 1000)
#define MAX_WORDS	256

/*
 * CTR, DTR, PRESUSPEND, POSTSUSPEND, RESUME, GET_REGION_SIZE, IS_CLEAN, IN_SYNC,
 * FLUSH, MARK, CLEAR, GET_RESYNC_WORK, SET_REGION_SYNC, GET_SYNC_COUNT,
 * STATUS_INFO, STATUS_TABLE, IS_REMOTE_RECOVERING; a flush of the legs is a |.
 */
static const char letters[FAKE_TYPES + 1] = "?CDPORSLIFMXWYNTtQ";

static void trace(struct dm_log_fake_daemon *daemon, char letter)
{
	if (daemon->traced < FAKE_TRACE - 1)
		daemon->trace[daemon->traced++] = letter;
	else
		daemon->lost_trace++;
}

static bool use_up(unsigned int *count)
{
	if (!*count)
		return false;
	(*count)--;
	return true;
}

struct answer {
	struct cn_msg msg;
	u8 request[sizeof(struct dm_ulog_request)];
	u8 payload[SZ_2K];
};

static void send_answer(struct dm_log_fake_daemon *daemon, const struct cn_msg *msg,
			s32 error, const void *payload, size_t size)
{
	struct kunit *test = kunit_get_current_test();
	struct answer *answer = kunit_kzalloc(test, sizeof(*answer), GFP_KERNEL);
	struct dm_ulog_request request;

	KUNIT_ASSERT_NOT_NULL(test, answer);
	KUNIT_ASSERT_LE(test, size, sizeof(answer->payload));
	memcpy(&request, msg->data, sizeof(request));
	request.error = error;
	request.data_size = size;

	answer->msg = *msg;
	if (error && daemon->short_error) {
		answer->msg.ack = -error;
		answer->msg.len = 0;
	} else {
		answer->msg.len = sizeof(request) + size;
		memcpy(answer->request, &request, sizeof(request));
		memcpy(answer->payload, payload, size);
	}
	daemon->answered = true;
	dm_ulog_receive(&answer->msg, daemon->portid);
	kunit_kfree(test, answer);
}

static void do_ctr(struct dm_log_fake_daemon *daemon,
		   const struct dm_ulog_request *request, const char *payload)
{
	daemon->known = true;
	daemon->luid = request->luid;
	memset(daemon->ctr, 0, sizeof(daemon->ctr));
	memcpy(daemon->ctr, payload, request->data_size);
}

static void do_regions(struct dm_log_fake_mirror *fm, u32 type, const u64 *regions,
		       size_t size)
{
	struct dm_log_fake_daemon *daemon = &fm->daemon;
	unsigned int i, nr = size / sizeof(u64);

	KUNIT_EXPECT_EQ(fm->test, size % sizeof(u64), 0);
	daemon->nr_regions[type] += nr;
	daemon->largest = max(daemon->largest, nr);
	for (i = 0; i < nr; i++) {
		u64 region = regions[i];

		KUNIT_ASSERT_LT(fm->test, region, FAKE_REGIONS);
		if (type == DM_ULOG_CLEAR_REGION) {
			if (fm->on_clear)
				fm->on_clear(fm, region);
			__clear_bit(region, daemon->marked);
			__clear_bit(region, daemon->durable);
		} else {
			__set_bit(region, daemon->marked);
		}
	}
	if (type == DM_ULOG_FLUSH)
		bitmap_copy(daemon->durable, daemon->marked, FAKE_REGIONS);
}

/* The answer's payload goes to @reply. Return: its length, or a negative errno. */
static int act(struct dm_log_fake_mirror *fm, const struct dm_ulog_request *request,
	       const u64 *payload, u64 *reply)
{
	struct dm_log_fake_daemon *daemon = &fm->daemon;
	u32 type = request->request_type;

	if (type == DM_ULOG_CTR) {
		if (daemon->known)
			return -EINVAL;
		do_ctr(daemon, request, (const char *)payload);
		memcpy(reply, daemon->ctr_reply, daemon->ctr_reply_size);
		return daemon->ctr_reply_size;
	}
	if (!daemon->known || request->luid != daemon->luid)
		return -EINVAL;

	switch (type) {
	case DM_ULOG_DTR:
		daemon->known = false;
		daemon->awake = false;
		return 0;
	case DM_ULOG_POSTSUSPEND:
		daemon->awake = false;
		return 0;
	case DM_ULOG_RESUME:
		daemon->awake = true;
		return 0;
	case DM_ULOG_GET_REGION_SIZE:
		reply[0] = daemon->region_sectors;
		return 8;
	case DM_ULOG_IS_CLEAN:
		reply[0] = test_bit(payload[0], daemon->in_sync) &&
			   !test_bit(payload[0], daemon->marked);
		return 8;
	case DM_ULOG_IN_SYNC:
		reply[0] = test_bit(payload[0], daemon->in_sync);
		return 8;
	case DM_ULOG_MARK_REGION:
	case DM_ULOG_CLEAR_REGION:
	case DM_ULOG_FLUSH:
		do_regions(fm, type, payload, request->data_size);
		return 0;
	case DM_ULOG_GET_RESYNC_WORK:
		reply[0] = daemon->work < FAKE_REGIONS;
		reply[1] = daemon->work < FAKE_REGIONS ? daemon->work : 0;
		/* What it says in its place does not give the region away. */
		if (!daemon->odd[type])
			daemon->work = FAKE_REGIONS;
		return 16;
	case DM_ULOG_SET_REGION_SYNC:
		__assign_bit(payload[0], daemon->in_sync, payload[1]);
		return 0;
	case DM_ULOG_GET_SYNC_COUNT:
		reply[0] = bitmap_weight(daemon->in_sync, FAKE_REGIONS);
		return 8;
	case DM_ULOG_STATUS_INFO:
		memcpy(reply, daemon->status, daemon->status_size);
		return daemon->status_size;
	case DM_ULOG_IS_REMOTE_RECOVERING:
		reply[0] = daemon->recovering;
		reply[1] = daemon->hint;
		return 16;
	}
	return 0;
}

/* Takes the place of dm_ulog_send(): the daemon of the test gets the message. */
int dm_log_fake_send(struct cn_msg *msg)
{
	struct dm_log_fake_mirror *fm = kunit_get_current_test()->priv;
	struct dm_log_fake_daemon *daemon = &fm->daemon;
	u64 payload[FAKE_STRING / sizeof(u64)] = { };
	struct dm_ulog_request request;
	static u64 reply[SZ_2K / sizeof(u64)];
	s32 error = 0;
	u32 type;
	int r = 0;

	if (use_up(&daemon->send_fails)) {
		daemon->nr_refused++;
		return daemon->send_error;
	}
	if (daemon->dead) {
		daemon->nr_refused++;
		if (daemon->revive_after && !--daemon->revive_after)
			daemon->dead = false;
		return -ESRCH;
	}

	memcpy(&request, msg->data, sizeof(request));
	memcpy(payload, msg->data + sizeof(request), request.data_size);
	type = request.request_type;
	KUNIT_ASSERT_LT(fm->test, type, FAKE_TYPES);
	trace(daemon, letters[type]);

	if (fm->on_request)
		fm->on_request(fm, type);
	if (use_up(&daemon->ignore[type]))
		return 0;
	if (use_up(&daemon->fail[type]))
		error = daemon->error;
	else
		r = act(fm, &request, payload, reply);
	if (r < 0)
		error = r;
	if (use_up(&daemon->mute[type]))
		return 0;
	/* Nonsense, but it must not look like "done" for what was not. */
	if (!error && use_up(&daemon->odd[type]))
		send_answer(daemon, msg, 0, daemon->odd_reply, daemon->odd_size);
	else
		send_answer(daemon, msg, error, reply, error ? 0 : r);
	return 0;
}

static int fake_flush_legs(struct dm_target *ti)
{
	struct dm_log_fake_mirror *fm = container_of(ti, struct dm_log_fake_mirror, ti);

	trace(&fm->daemon, '|');
	if (fm->in_leg_flush)
		fm->in_leg_flush(fm);
	return use_up(&fm->fail_leg_flushes) ? -EIO : 0;
}

static void count_event(struct dm_target *ti)
{
	container_of(ti, struct dm_log_fake_mirror, ti)->nr_events++;
}

/* The cleaner runs when the test says so, and in the test's task. */
static void count_tend(struct dm_log_cache *cache, unsigned int delay_ms)
{
	struct dm_log_fake_mirror *fm =
		container_of(cache->common.ti, struct dm_log_fake_mirror, ti);

	fm->nr_tends++;
	fm->tend_ms = delay_ms;
}

/* There is no worker: the test does what it does. */
static bool count_wake(struct us_log *us)
{
	struct dm_log_fake_mirror *fm =
		container_of(us->cache.common.ti, struct dm_log_fake_mirror, ti);

	if (use_up(&fm->wake_fails))
		return false;
	fm->nr_wakes++;
	return true;
}

/* All that was to go wrong and has not, goes right. */
void dm_log_fake_forgive(struct dm_log_fake_daemon *daemon)
{
	memset(daemon->fail, 0, sizeof(daemon->fail));
	memset(daemon->ignore, 0, sizeof(daemon->ignore));
	memset(daemon->mute, 0, sizeof(daemon->mute));
	memset(daemon->odd, 0, sizeof(daemon->odd));
	daemon->send_fails = 0;
	daemon->dead = false;
	daemon->revive_after = 0;
}

/*
 * The mirror and its daemon: test->priv, of @size bytes, of which a struct
 * dm_log_fake_mirror is the first.
 */
int dm_log_fake_mirror_init(struct kunit *test, size_t size)
{
	struct dm_log_fake_mirror *fm = kunit_kzalloc(test, size, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, fm);
	fm->test = test;
	test->priv = fm;
	fm->ti.len = (sector_t)FAKE_REGIONS * FAKE_REGION_SECTORS;
	/* Only its mode is looked at. */
	fm->ti.table = kunit_kzalloc(test, PAGE_SIZE, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, fm->ti.table);

	fm->daemon.portid = FIRST_PORTID;
	fm->daemon.region_sectors = FAKE_REGION_SECTORS;
	fm->daemon.work = FAKE_REGIONS;
	fm->daemon.error = -EIO;
	fm->daemon.status = "1 fake";
	fm->daemon.status_size = strlen(fm->daemon.status);
	bitmap_fill(fm->daemon.in_sync, FAKE_REGIONS);

	fm->old[0] = dm_log_clean_delay_ms;
	fm->old[1] = dm_log_max_idle_regions;
	fm->old[2] = dm_log_resend_ms;
	fm->old[3] = dm_log_daemon_timeout_s;
	dm_log_clean_delay_ms = ONE_HOUR_MS;
	dm_log_max_idle_regions = 8192;
	dm_log_resend_ms = 50;

	kunit_activate_static_stub(test, dm_ulog_send, dm_log_fake_send);
	kunit_activate_static_stub(test, dm_log_raise_event, count_event);
	kunit_activate_static_stub(test, dm_log_cache_tend, count_tend);
	kunit_activate_static_stub(test, us_wake, count_wake);
	return 0;
}

void dm_log_fake_mirror_exit(struct dm_log_fake_mirror *fm)
{
	dm_log_fake_forgive(&fm->daemon);
	dm_log_fake_destroy(fm);
	dm_log_clean_delay_ms = fm->old[0];
	dm_log_max_idle_regions = fm->old[1];
	dm_log_resend_ms = fm->old[2];
	dm_log_daemon_timeout_s = fm->old[3];
}

/* The words are separated by blanks. */
bool dm_log_fake_create(struct dm_log_fake_mirror *fm, const char *words)
{
	char *copy = kunit_kzalloc(fm->test, strlen(words) + 1, GFP_KERNEL);
	char **argv = kunit_kcalloc(fm->test, MAX_WORDS, sizeof(*argv), GFP_KERNEL), *word;
	unsigned int argc = 0;

	KUNIT_ASSERT_NOT_NULL(fm->test, copy);
	KUNIT_ASSERT_NOT_NULL(fm->test, argv);
	strscpy(copy, words, strlen(words) + 1);
	while ((word = strsep(&copy, " ")) && *word)
		argv[argc++] = word;

	fm->log = dm_dirty_log_create("userspace", &fm->ti, fake_flush_legs, argc, argv);
	return fm->log;
}

void dm_log_fake_destroy(struct dm_log_fake_mirror *fm)
{
	if (fm->log)
		dm_dirty_log_destroy(fm->log);
	fm->log = NULL;
}

/* A daemon that knows nothing takes over; whether its predecessor's end is noticed. */
void dm_log_fake_restart(struct dm_log_fake_mirror *fm, bool tell)
{
	struct dm_log_fake_daemon *daemon = &fm->daemon;
	u32 old_portid = daemon->portid++;

	daemon->known = false;
	daemon->awake = false;
	daemon->answered = false;
	daemon->luid = 0;
	bitmap_zero(daemon->marked, FAKE_REGIONS);
	bitmap_zero(daemon->durable, FAKE_REGIONS);
	memset(daemon->ctr, 0, sizeof(daemon->ctr));
	if (tell)
		dm_ulog_released(old_portid);
}
