// SPDX-License-Identifier: GPL-2.0-only
/*
 * The userspace log's session with its daemon: requests that are repeated until
 * they are answered, and daemons that die, hang and come back.
 *
 * An error is not an answer. A daemon that was restarted does not know the log and
 * says so to every request; taken for "not in sync", that would make the mirror
 * write to one leg and forget about it. So after an error, or an answer from
 * another process than before, the daemon is asked whether it knows the log
 * (GET_REGION_SIZE), and if not, gets to know it: CTR, RESUME if the log is live,
 * and all marks again. Then the request is repeated.
 *
 * Not every failure to deliver a message means that the daemon is gone: a full
 * socket buffer looks the same. It is gone if its socket was closed, of which
 * netlink tells, or if it does not know the log.
 */

#include <linux/delay.h>
#include <linux/device-mapper.h>
#include <linux/jiffies.h>
#include <linux/log2.h>
#include <linux/minmax.h>
#include <linux/sched/signal.h>
#include <linux/string.h>

#include "private.h"
#include "trace.h"
#include "userspace.h"

#define DM_MSG_PREFIX "dirty region log"

/* A process that asks a daemon which is known not to answer. */
#define SILENT_MS		(1 * MSEC_PER_SEC)
/* An undelivered message is tried again after a time that grows up to this. */
#define BACKOFF_MAX_MS		250U
/* A live daemon with a full socket buffer gets this long to read from it. */
#define OVERRUN_MS		(1 * MSEC_PER_SEC)

/* How often CTR is sent before loading a table fails. */
#define CTR_TRIES		4

/*
 * A request that was not answered for so long is sent again (protocol); what can
 * be put off is put off. Only tests are in more of a hurry.
 */
unsigned int dm_log_resend_ms = 15 * MSEC_PER_SEC;

/**
 * struct us_try - requests while they are being tried, all together
 * @calls: the requests
 * @nr: how many
 * @exact: the payload of an answer must have exactly @calls.capacity bytes
 * @wait: who waits
 * @generation: the only daemon that they are for; 0: any
 * @start: since when, in jiffies
 * @limit_ms: how long %US_WAIT_LIMITED waits: not long if nobody answers anyway
 * @backoff_ms: how long to wait before the next attempt
 * @probed: an error was answered, and the daemon said that it knows the log
 * @switched: the answers came from another socket than the ones before
 */
struct us_try {
	struct dm_ulog_call *calls;
	unsigned int nr;
	bool exact;
	enum us_wait wait;
	int generation;
	unsigned long start;
	unsigned int limit_ms;
	unsigned int backoff_ms;
	bool probed;
	bool switched;
};

/**
 * us_session_init() - prepare to talk to a daemon
 * @us: the log
 */
void us_session_init(struct us_log *us)
{
	mutex_init(&us->session_lock);
	/* 0 is none. */
	atomic_set(&us->generation, 1);
}

/**
 * us_lost() - the daemon has closed its socket
 * @client: the log's client
 *
 * Context: atomic.
 */
void us_lost(struct dm_ulog_client *client)
{
	struct us_log *us = container_of(client, struct us_log, client);

	WRITE_ONCE(us->lost, true);
	/* Pairs with the barrier in reconnect_locked(). */
	smp_mb();
	WRITE_ONCE(us->stale, true);
	/* If nobody asks for anything, the cleaner gives the marks again. */
	dm_log_cache_tend(&us->cache, 0);
}

/**
 * us_given_up() - has waiting for the daemon come to an end?
 * @us: the log
 *
 * Return: true if a suspend has waited long enough, or I/O has.
 */
bool us_given_up(struct us_log *us)
{
	unsigned int timeout_s = READ_ONCE(dm_log_daemon_timeout_s);

	if (READ_ONCE(us->client.hurry) &&
	    time_after_eq(jiffies, READ_ONCE(us->client.hurry_until)))
		return true;
	return timeout_s && READ_ONCE(us->waiting) &&
	       time_after_eq64(get_jiffies_64(), READ_ONCE(us->waiting_since) +
			       timeout_s * HZ);
}

/**
 * us_report_waiting() - say once, not for every retry, that no daemon answers
 * @us: the log
 * @type: to what
 * @since: when, in jiffies
 * @error: how it failed
 */
void us_report_waiting(struct us_log *us, u32 type, unsigned long since, int error)
{
	if (READ_ONCE(us->waiting))
		return;
	us->waiting_since = get_jiffies_64() - (jiffies - since);
	WRITE_ONCE(us->waiting, true);
	trace_dm_log_failure(us->cache.common.stats.dev, us->client.uuid, error);
	DMWARN("userspace: log %s: no answer to %s from a daemon (error %d): waiting",
	       us->client.uuid, dm_ulog_type_name(type), error);
	if (us->cache.resumed)
		dm_log_raise_event(us->cache.common.ti);
}

static void report_answer(struct us_log *us)
{
	if (!READ_ONCE(us->waiting))
		return;
	WRITE_ONCE(us->waiting, false);
	DMINFO("userspace: log %s: the daemon answers again", us->client.uuid);
}

static unsigned long wait_limit_ms(struct us_log *us, enum us_wait wait)
{
	/* Whoever listens is not the daemon that we knew. */
	if (READ_ONCE(us->lost))
		return SILENT_MS;

	if (us_given_up(us) || (wait != US_WAIT_WORKER && READ_ONCE(us->client.silent)))
		return min_t(unsigned int, SILENT_MS, dm_log_resend_ms);
	return dm_log_resend_ms;
}

static void check_answer(struct us_log *us, const struct us_try *try,
			 struct dm_ulog_call *call)
{
	if (call->error || !try->exact || call->reply_size == call->capacity)
		return;
	DMERR_LIMIT("userspace: log %s: answer to %s has %zu bytes, expected %zu",
		    us->client.uuid, dm_ulog_type_name(call->type), call->reply_size,
		    call->capacity);
	call->error = -EPROTO;
}

/* An answer to each message; the answers' errors are in @try->calls. */
static int ask_once(struct us_log *us, struct us_try *try)
{
	unsigned int timeout_s = READ_ONCE(dm_log_daemon_timeout_s);
	unsigned long ms = wait_limit_ms(us, try->wait);
	struct dm_log_stats *stats = &us->cache.common.stats;
	unsigned int i;
	int r;

	if (timeout_s && try->wait != US_WAIT_IOCTL)
		ms = min_t(unsigned long, ms, timeout_s * MSEC_PER_SEC);
	try->calls->timeout = msecs_to_jiffies(ms);
	try->calls->killable = try->wait == US_WAIT_IOCTL;
	atomic64_add(try->nr, &stats->requests);
	r = dm_ulog_calls(&us->client, try->calls, try->nr);
	for (i = 0; i < try->nr; i++) {
		if (!try->calls[i].portid)
			atomic64_inc(&stats->unanswered);
		else if (!r)
			check_answer(us, try, &try->calls[i]);
	}
	return r;
}

/*
 * The daemon's errors, so that none of them looks like one of the transport's:
 * only that it asks for another attempt is as good as no answer.
 */
static int answered_error(int error)
{
	switch (error) {
	case -EAGAIN:
	case -ENOMEM:
		return -EBUSY;
	case -ESRCH:
	case -ENOBUFS:
	case -ETIMEDOUT:
	case -ECONNRESET:
	case -EINTR:
	case -EBUSY:
		return -EIO;
	}
	return error;
}

/* Ask something while reconnecting: 0, or the daemon's or the transport's error. */
static int ask(struct us_log *us, u32 type, const void *data, size_t size,
	       void *reply, size_t capacity, enum us_wait wait, u32 *portid)
{
	struct dm_ulog_call call = {
		.type = type,
		.data = data,
		.size = size,
		.reply = reply,
		.capacity = capacity,
	};
	struct us_try try = {
		.calls = &call,
		.nr = 1,
		.exact = type != DM_ULOG_CTR,
		.wait = wait,
	};
	int r = ask_once(us, &try);

	if (r)
		return r;
	*portid = call.portid;
	return answered_error(call.error);
}

/**
 * us_is_unanswered() - was nothing learned about the daemon?
 * @error: what became of a request
 *
 * Return: true if it was not answered.
 */
bool us_is_unanswered(int error)
{
	switch (error) {
	case -ESRCH:
	case -ENOMEM:
	case -ENOBUFS:
	case -ETIMEDOUT:
	case -ECONNRESET:
	case -EINTR:
	case -EBUSY:
		return true;
	}
	return false;
}

/**
 * us_check_region_size() - is this a region size?
 * @us: the log
 * @sectors: what the daemon said
 * @len: length of the target in sectors
 *
 * Return: 0, or -EINVAL after a message.
 */
int us_check_region_size(struct us_log *us, u64 sectors, u64 len)
{
	if (sectors >= 2 && sectors <= BIT_ULL(31) && is_power_of_2(sectors) &&
	    sectors <= len)
		return 0;

	DMERR("userspace: log %s: bad region size %llu: expected a power of two from 2 to %llu",
	      us->client.uuid, sectors, min(len, BIT_ULL(31)));
	return -EINVAL;
}

/*
 * The first time the words sync and nosync make a new log. Said again, to a daemon
 * that reads the log which the last one left, nosync would declare clean what was
 * being written.
 */
static size_t ctr_size(const struct us_log *us)
{
	size_t size = strlen(us->ctr_args);
	const char *last = strrchr(us->ctr_args, ' ');

	if (READ_ONCE(us->ever_awake) && last &&
	    (!strcmp(last, " sync") || !strcmp(last, " nosync")))
		size = last - us->ctr_args;
	return size;
}

/* Make a daemon that does not know the log know it. */
static int introduce(struct us_log *us, enum us_wait wait, u32 *portid)
{
	/* The name of the device, which we have already. */
	char device[DM_NAME_LEN];
	size_t size = ctr_size(us);
	int r;

	us->introduced = true;
	WRITE_ONCE(us->awake, false);
	r = ask(us, DM_ULOG_CTR, us->ctr_args, size, device, sizeof(device), wait,
		portid);
	if (r && !us_is_unanswered(r)) {
		/* Perhaps an earlier CTR was carried out, and its answer lost. */
		r = ask(us, DM_ULOG_DTR, NULL, 0, NULL, 0, wait, portid);
		if (!us_is_unanswered(r))
			r = ask(us, DM_ULOG_CTR, us->ctr_args, size, device,
				sizeof(device), wait, portid);
	}
	if (r && !us_is_unanswered(r)) {
		us->introduced = false;
		DMERR_LIMIT("userspace: log %s: the new daemon does not accept the log (error %d)",
			    us->client.uuid, r);
	}
	return r;
}

/* The daemon's regions have another size: it is another log, or a mistake. */
static int check_known_size(const struct us_log *us, u64 sectors)
{
	u32 expected = us->cache.common.args.region_sectors;

	if (sectors == expected)
		return 0;
	DMERR_LIMIT("userspace: log %s: the daemon's regions have %llu sectors, expected %u",
		    us->client.uuid, sectors, expected);
	return -EPROTO;
}

/**
 * us_forget_answers() - nothing that the daemon has said of regions holds any more
 * @us: the log
 *
 * Also not what is on its way. The answers of this pass of the worker, about reads, are
 * not meant.
 *
 * Context: any thread.
 */
void us_forget_answers(struct us_log *us)
{
	atomic_inc(&us->generation);
}

static int reconnect_locked(struct us_log *us, enum us_wait wait)
{
	u32 portid = 0;
	u64 sectors = 0;
	int r;

	lockdep_assert_held(&us->session_lock);

	/* What us_lost() says from now on is about whoever answers next. */
	if (READ_ONCE(us->lost)) {
		us->changed = true;
		WRITE_ONCE(us->lost, false);
	}
	r = ask(us, DM_ULOG_GET_REGION_SIZE, NULL, 0, &sectors, sizeof(sectors),
		wait, &portid);
	if (us_is_unanswered(r))
		return r;
	/* To be remembered if this attempt fails later. */
	if (r || portid != us->client.portid)
		us->changed = true;
	WRITE_ONCE(us->client.portid, portid);

	if (r) {
		r = introduce(us, wait, &portid);
		if (!r)
			r = ask(us, DM_ULOG_GET_REGION_SIZE, NULL, 0, &sectors,
				sizeof(sectors), wait, &portid);
	}
	if (!r)
		r = check_known_size(us, sectors);
	if (r)
		return r;

	if (READ_ONCE(us->want_awake) && !us->awake) {
		r = ask(us, DM_ULOG_RESUME, NULL, 0, NULL, 0, wait, &portid);
		if (r)
			return r;
		WRITE_ONCE(us->awake, true);
		WRITE_ONCE(us->ever_awake, true);
	}

	if (us->changed) {
		us->changed = false;
		us_forget_answers(us);
		DMINFO("userspace: log %s: connected to its daemon again",
		       us->client.uuid);
	}
	/* Pairs with try_once(), which must see what was found out. */
	smp_store_release(&us->stale, false);
	/* Pairs with the barrier in us_lost(): was it lost again? */
	smp_mb();
	if (READ_ONCE(us->lost))
		WRITE_ONCE(us->stale, true);
	report_answer(us);
	return 0;
}

/*
 * A process does not queue behind the worker, which may wait for long; it gives a
 * reconnect under way a moment to end.
 */
static int lock_session(struct us_log *us, enum us_wait wait)
{
	unsigned long end = jiffies + msecs_to_jiffies(SILENT_MS);

	if (wait != US_WAIT_IOCTL) {
		mutex_lock(&us->session_lock);
		return 0;
	}

	while (!mutex_trylock(&us->session_lock)) {
		if (fatal_signal_pending(current))
			return -EINTR;
		if (time_after(jiffies, end))
			return -ESRCH;
		msleep(20);
	}
	return 0;
}

/**
 * us_reconnect() - find out whether the daemon knows the log, or make it know
 * @us: the log
 * @wait: who waits
 *
 * One attempt. Does nothing if another thread has done it meanwhile.
 *
 * Context: process context, may sleep.
 * Return: 0; or a negative errno, and the log is still stale.
 */
int us_reconnect(struct us_log *us, enum us_wait wait)
{
	int r;

	r = lock_session(us, wait);
	if (r)
		return r;
	if (READ_ONCE(us->stale))
		r = reconnect_locked(us, wait);
	mutex_unlock(&us->session_lock);
	return r;
}

/* Does this node copy a region? By the worker. */
static bool is_recovering(const struct us_log *us)
{
	return us->cache.common.regions.recovering != DM_REGIONS_NONE;
}

static bool out_of_time(struct us_log *us, const struct us_try *try, int error)
{
	unsigned long waited = jiffies - try->start;

	switch (try->wait) {
	case US_WAIT_WORKER:
		return us_given_up(us) || (is_recovering(us) &&
		       waited >= 2 * msecs_to_jiffies(dm_log_resend_ms));
	case US_WAIT_LIMITED:
		/* Without I/O there is nobody for whom waiting is worth it. */
		return error == -ETIMEDOUT || us_given_up(us) || READ_ONCE(us->client.hurry) ||
		       !READ_ONCE(us->want_awake) ||
		       waited >= msecs_to_jiffies(try->limit_ms);
	case US_WAIT_IOCTL:
		break;
	}
	/* It took its time, is known to be gone, or is only busy. */
	return error == -ETIMEDOUT || READ_ONCE(us->stale) ||
	       waited >= msecs_to_jiffies(OVERRUN_MS);
}

static void back_off(struct us_log *us, struct us_try *try)
{
	try->backoff_ms = clamp(2 * try->backoff_ms, 10U, BACKOFF_MAX_MS);
	if (READ_ONCE(us->client.hurry))
		msleep(min(try->backoff_ms, 100U));
	else
		wait_event_timeout(us->client.wait, READ_ONCE(us->client.hurry),
				   msecs_to_jiffies(try->backoff_ms));
}

/*
 * Has the daemon answered with an error? Does it know the log at all?
 * Return: -EAGAIN or -EBUSY if the requests are to be made again, at once or soon.
 */
static int check_errors(struct us_log *us, struct us_try *try)
{
	bool errs = false;
	unsigned int i;

	for (i = 0; i < try->nr; i++) {
		if (try->calls[i].error == -EAGAIN)
			return -EBUSY;
		errs |= try->calls[i].error != 0;
	}
	if (!errs || try->probed)
		return 0;
	try->probed = true;
	WRITE_ONCE(us->stale, true);
	return -EAGAIN;
}

/* What a daemon was told is not repeated after an error, whatever else was answered. */
static bool is_refused(const struct us_try *try)
{
	unsigned int i;

	for (i = 0; try->generation && i < try->nr; i++)
		if (try->calls[i].error && try->calls[i].error != -EAGAIN)
			return true;
	return false;
}

/*
 * An answer from another process than before: nothing is known of what that one
 * knows. If it is the same again after a reconnect, it is a second socket of the
 * same daemon. Several answers are worth something if they come from one.
 * Return: true if the answers may be used.
 */
static bool accept_sender(struct us_log *us, struct us_try *try)
{
	u32 portid = try->calls->portid;
	bool one = true;
	unsigned int i;

	for (i = 1; i < try->nr; i++)
		one &= try->calls[i].portid == portid;
	if (one && READ_ONCE(us->client.portid) == portid)
		return true;
	if (one && try->switched) {
		WRITE_ONCE(us->client.portid, portid);
		return true;
	}
	try->switched = true;
	WRITE_ONCE(us->stale, true);
	return false;
}

/* One round. Return: 0 with answers in @try->calls, -EAGAIN for another round. */
static int try_once(struct us_log *us, struct us_try *try)
{
	int r;

	/* Pairs with the release in reconnect_locked(). */
	if (smp_load_acquire(&us->stale)) {
		r = us_reconnect(us, try->wait);
		if (r)
			return r;
	}
	if (try->generation && try->generation != atomic_read(&us->generation))
		return -ESTALE;
	/* One that knows the log means what it says. */
	if (try->generation && try->probed)
		return 0;
	r = ask_once(us, try);
	if (is_refused(try))
		return check_errors(us, try);
	if (r)
		return r;
	if (!accept_sender(us, try))
		return -EAGAIN;
	return check_errors(us, try);
}

static int try_until_answered(struct us_log *us, struct us_try *try)
{
	int r;

	try->start = jiffies;
	try->limit_ms = dm_log_resend_ms;
	if (READ_ONCE(us->waiting))
		try->limit_ms = min_t(unsigned int, SILENT_MS, dm_log_resend_ms);
	for (;;) {
		r = try_once(us, try);
		if (!r) {
			report_answer(us);
			return 0;
		}
		if (r == -EAGAIN)
			continue;
		if (r == -ESTALE)
			return r;
		if (r == -EINTR ||
		    (try->wait == US_WAIT_IOCTL && fatal_signal_pending(current)))
			return -EINTR;
		if (out_of_time(us, try, r)) {
			us_report_waiting(us, try->calls->type, try->start, r);
			return r;
		}
		/* A socket that was full for a moment is no news. */
		if (r == -ETIMEDOUT ||
		    time_after(jiffies, try->start + msecs_to_jiffies(OVERRUN_MS)))
			us_report_waiting(us, try->calls->type, try->start, r);
		back_off(us, try);
	}
}

/**
 * us_ask() - ask the daemon several things at once, and see to it that answers come
 * @us: the log
 * @calls: what is asked; an answer must have exactly as many bytes as there is room for
 * @nr: how many, up to %DM_ULOG_WAVE
 * @wait: who waits
 * @generation: of the daemon that they are for, not its successor; 0: for any
 *
 * All are answered by one daemon that knows the log, or all are asked again: in the same
 * order, and nothing behind one that could not be sent. Questions are asked once more
 * after an error; what is for one daemon is not, if that knows the log.
 *
 * Context: process context, may sleep.
 * Return: 0 if all were answered, with the daemon's errors, or -EPROTO for an answer
 *	of another length, in @calls; -ESTALE if there is another daemon; or what
 *	dm_ulog_calls() returns, if no answers came in the time that @wait allows.
 */
int us_ask(struct us_log *us, struct dm_ulog_call *calls, unsigned int nr,
	   enum us_wait wait, int generation)
{
	struct us_try try = {
		.calls = calls,
		.nr = nr,
		.exact = true,
		.wait = wait,
		.generation = generation,
	};

	return try_until_answered(us, &try);
}

/**
 * us_request() - ask the daemon, and see to it that an answer comes
 * @us: the log
 * @type: one of DM_ULOG_*
 * @data: payload of the request
 * @size: its length in bytes
 * @reply: where the answer's payload goes; zeroed if there is none
 * @reply_size: the length that it must have
 * @wait: who waits
 *
 * Context: process context, may sleep.
 * Return: 0, or a negative errno: the daemon's, if it knows the log; or as for us_ask().
 */
int us_request(struct us_log *us, u32 type, const void *data, size_t size,
	       void *reply, size_t reply_size, enum us_wait wait)
{
	struct dm_ulog_call call = {
		.type = type,
		.data = data,
		.size = size,
		.reply = reply,
		.capacity = reply_size,
	};
	int r;

	r = us_ask(us, &call, 1, wait, 0) ?: call.error;
	if (r && reply_size)
		memset(reply, 0, reply_size);
	return r;
}

/**
 * us_request_status() - ask the daemon for its status string
 * @us: the log
 * @reply: the answer, always NUL-terminated
 * @capacity: room in @reply
 *
 * Context: a process; killable.
 * Return: 0, or a negative errno as for us_request().
 */
int us_request_status(struct us_log *us, char *reply, size_t capacity)
{
	struct dm_ulog_call call = {
		.type = DM_ULOG_STATUS_INFO,
		.reply = reply,
		.capacity = capacity - 1,
	};
	struct us_try try = { .calls = &call, .nr = 1, .wait = US_WAIT_IOCTL };
	int r;

	r = try_until_answered(us, &try) ?: call.error;
	reply[r ? 0 : call.reply_size] = '\0';
	return r;
}

/* After CTR: the daemon knows the log unless it says that it does not. */
static void note_ctr(struct us_log *us, int r, int error)
{
	switch (r) {
	case 0:
		/* The last two are our words for an answer that makes no sense. */
		us->introduced = !error || error == -EPROTO || error == -ENOSPC;
		break;
	case -ETIMEDOUT:
	case -ECONNRESET:
	case -EINTR:
		us->introduced = true;
		break;
	}
}

/**
 * us_request_ctr() - introduce a new log to whichever daemon answers
 * @us: the log
 * @device: the answer: a NUL-terminated name, or nothing
 * @capacity: room in @device
 * @device_size: set to the length of the answer
 *
 * Context: a process; killable.
 * Return: 0, or a negative errno: the daemon's or the transport's.
 */
int us_request_ctr(struct us_log *us, char *device, size_t capacity,
		   size_t *device_size)
{
	struct dm_ulog_call call = {
		.type = DM_ULOG_CTR,
		.data = us->ctr_args,
		.size = strlen(us->ctr_args),
		.reply = device,
		.capacity = capacity,
	};
	struct us_try try = { .calls = &call, .nr = 1, .wait = US_WAIT_IOCTL };
	unsigned int i;
	u32 portid;
	int r;

	for (i = 0; i < CTR_TRIES; i++) {
		r = ask_once(us, &try);
		if (!r && call.error && i) {
			/* The one before was carried out, and its answer lost? */
			r = ask(us, DM_ULOG_DTR, NULL, 0, NULL, 0, try.wait, &portid);
			if (!us_is_unanswered(r))
				r = ask_once(us, &try);
		}
		note_ctr(us, r, call.error);
		if (!r && call.error != -EAGAIN)
			break;
		if (r == -EINTR || r == -EINVAL)
			return r;
		if (r != -ETIMEDOUT)
			msleep(50);
	}
	if (r)
		return r;

	WRITE_ONCE(us->client.portid, call.portid);
	*device_size = call.reply_size;
	return call.error;
}

/**
 * us_request_region_size() - ask the daemon of a new log for its region size
 * @us: the log
 * @sectors: set on success only
 *
 * Context: a process; killable.
 * Return: 0, or a negative errno: the daemon's or the transport's.
 */
int us_request_region_size(struct us_log *us, u64 *sectors)
{
	__u64 answer = 0;
	u32 portid;
	int r;

	r = ask(us, DM_ULOG_GET_REGION_SIZE, NULL, 0, &answer, sizeof(answer),
		US_WAIT_IOCTL, &portid);
	if (!r)
		*sectors = answer;
	return r;
}

/**
 * us_tell() - tell the daemon something, once, and do not insist
 * @us: the log
 * @type: DM_ULOG_PRESUSPEND, _POSTSUSPEND, _RESUME or _DTR
 *
 * Context: a process; killable.
 * Return: 0, or a negative errno: the daemon's or the transport's.
 */
int us_tell(struct us_log *us, u32 type)
{
	u32 portid = 0;
	int r;

	/*
	 * Known to be gone: to its successor the log means nothing yet. But if that
	 * is not certain, DTR is the last chance to have the log forgotten.
	 */
	if (READ_ONCE(us->stale) && type != DM_ULOG_DTR)
		return -ESRCH;
	r = ask(us, type, NULL, 0, NULL, 0, US_WAIT_IOCTL, &portid);
	/* A stranger, or perhaps one: whoever asks next finds out. */
	if (portid && (r || portid != READ_ONCE(us->client.portid)))
		WRITE_ONCE(us->stale, true);
	return r;
}
