// SPDX-License-Identifier: GPL-2.0-only
/*
 * The userspace log's requests: they are repeated until they are answered by a daemon
 * that knows the log (session.c), or until whoever waits has waited long enough. That is
 * one time for a request, however often it is sent, and all that is sent to find out
 * about the daemon included.
 */

#include <linux/device-mapper.h>
#include <linux/jiffies.h>
#include <linux/minmax.h>
#include <linux/sched/signal.h>
#include <linux/string.h>

#include "private.h"
#include "trace.h"
#include "userspace.h"

#define DM_MSG_PREFIX "dirty region log"

/* How long a daemon that is known not to answer is waited for. */
#define SILENT_MS		1000U
/* An undelivered message is tried again after a time that grows up to this. */
#define BACKOFF_MAX_MS		250U

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
 * @until: who waits, and until when
 * @epoch: of the only daemon that they are for; 0: any
 * @once: they must not be sent twice
 * @sent: they have been sent
 * @start: since when, in jiffies
 * @backoff_ms: how long to wait before the next attempt
 * @probed: an error was answered, and the daemon said that it knows the log
 * @switched: the answers came from another socket than the ones before
 */
struct us_try {
	struct dm_ulog_call *calls;
	unsigned int nr;
	bool exact;
	struct us_until until;
	int epoch;
	bool once;
	bool sent;
	unsigned long start;
	unsigned int backoff_ms;
	bool probed;
	bool switched;
};

/**
 * us_given_up() - has waiting for the daemon come to an end?
 * @us: the log
 *
 * Return: true if a suspend has waited long enough, or I/O has.
 */
bool us_given_up(struct us_log *us)
{
	unsigned int timeout_s = READ_ONCE(dm_log_daemon_timeout_s);

	if (dm_ulog_is_hurried(&us->client) &&
	    time_after_eq(jiffies, READ_ONCE(us->client.hurry_until)))
		return true;
	/* Pairs with us_report_waiting(): since when. */
	return timeout_s && smp_load_acquire(&us->session.waiting) &&
	       time_after_eq64(get_jiffies_64(),
			       READ_ONCE(us->session.waiting_since) + timeout_s * HZ);
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
	if (READ_ONCE(us->session.waiting))
		return;
	us->session.waiting_since = get_jiffies_64() - (jiffies - since);
	/* Pairs with us_given_up(). */
	smp_store_release(&us->session.waiting, true);
	trace_dm_log_failure(us->cache.common.stats.dev, us->client.uuid, error);
	DMWARN("userspace: log %s: no answer to %s from a daemon (error %d): waiting",
	       us->client.uuid, dm_ulog_type_name(type), error);
	if (us->cache.resumed)
		dm_log_raise_event(us->cache.common.ti);
}

/**
 * us_report_answer() - say that a daemon answers again
 * @us: the log
 */
void us_report_answer(struct us_log *us)
{
	if (!READ_ONCE(us->session.waiting))
		return;
	WRITE_ONCE(us->session.waiting, false);
	DMINFO("userspace: log %s: the daemon answers again", us->client.uuid);
}

/**
 * us_until() - until when to wait
 * @us: the log
 * @wait: who
 *
 * Return: who, and until when.
 */
struct us_until us_until(struct us_log *us, enum us_wait wait)
{
	unsigned int ms = dm_log_resend_ms;

	if (READ_ONCE(us->session.waiting) || READ_ONCE(us->client.silent) || us_given_up(us))
		ms = min(ms, SILENT_MS);
	return (struct us_until){ .wait = wait, .end = jiffies + msecs_to_jiffies(ms) };
}

/* How long to wait for the answers to what is sent now, in jiffies. */
static unsigned long time_left(struct us_log *us, const struct us_until *until)
{
	unsigned int timeout_s = READ_ONCE(dm_log_daemon_timeout_s), ms = dm_log_resend_ms;
	long left = until->end - jiffies;

	/* Whoever listens is not the daemon that we knew. */
	if ((us_is_lost(us) && !READ_ONCE(us->client.portid)) || us_given_up(us))
		ms = min(ms, SILENT_MS);
	if (timeout_s && until->wait != US_WAIT_IOCTL)
		ms = min_t(unsigned long, ms, timeout_s * MSEC_PER_SEC);
	if (until->wait == US_WAIT_WORKER)
		return msecs_to_jiffies(ms);
	return clamp_t(long, left, 1, msecs_to_jiffies(ms));
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
	struct dm_log_stats *stats = &us->cache.common.stats;
	unsigned int i;
	int r;

	try->calls->timeout = time_left(us, &try->until);
	atomic64_add(try->nr, &stats->requests);
	r = dm_ulog_calls(&us->client, try->calls, try->nr);
	for (i = 0; i < try->nr; i++) {
		/*
		 * cmirrord could not pass it on to the others, as it cannot for a moment
		 * after one of them has died. Nobody has heard it: that is no answer.
		 */
		if (try->calls[i].error == -EBADE)
			try->calls[i].error = -EAGAIN;
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

/**
 * us_ask_once() - ask whoever answers, about itself
 * @us: the log
 * @call: the request, and where the answer goes
 * @until: who waits, and until when
 *
 * Context: process context, may sleep.
 * Return: 0, or the daemon's error or the transport's: see us_is_unanswered().
 */
int us_ask_once(struct us_log *us, struct dm_ulog_call *call, const struct us_until *until)
{
	struct us_try try = {
		.calls = call,
		.nr = 1,
		.exact = call->type != DM_ULOG_CTR,
		.until = *until,
	};

	return ask_once(us, &try) ?: answered_error(call->error);
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

/* Does this node copy a region? By the worker. */
static bool is_recovering(const struct us_log *us)
{
	return us->cache.common.regions.recovering != DM_REGIONS_NONE;
}

static bool out_of_time(struct us_log *us, const struct us_try *try)
{
	bool over = time_after_eq(jiffies, try->until.end);

	switch (try->until.wait) {
	case US_WAIT_WORKER:
		return us_given_up(us) || (is_recovering(us) &&
		       time_after_eq(jiffies, try->start +
				     2 * msecs_to_jiffies(dm_log_resend_ms)));
	case US_WAIT_LIMITED:
		/* Without I/O there is nobody for whom waiting is worth it. */
		return over || us_given_up(us) ||
		       READ_ONCE(us->session.wanted) == US_ASLEEP;
	case US_WAIT_IOCTL:
		break;
	}
	/* Known to be gone, or only busy. */
	return over || us_is_lost(us) ||
	       time_after_eq(jiffies, try->start + msecs_to_jiffies(US_OVERRUN_MS));
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

/* What a daemon was told is not repeated after an error, whatever else was answered. */
static bool is_refused(const struct us_try *try)
{
	unsigned int i;

	for (i = 0; try->epoch && i < try->nr; i++)
		if (try->calls[i].error && try->calls[i].error != -EAGAIN)
			return true;
	return false;
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
		/* Another error stands: what it was about may look done next time. */
		if (try->calls[i].error == -EAGAIN && !is_refused(try))
			return -EBUSY;
		errs |= try->calls[i].error != 0;
	}
	if (!errs || try->probed)
		return 0;
	try->probed = true;
	us_doubt(us);
	return -EAGAIN;
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
		us_meet(us, portid);
		return true;
	}
	try->switched = true;
	us_doubt(us);
	return false;
}

/* One round. Return: 0 with answers in @try->calls, -EAGAIN for another round. */
static int try_once(struct us_log *us, struct us_try *try)
{
	int r;

	if (us_is_lost(us)) {
		r = us_reconnect(us, &try->until);
		if (r)
			return r;
	}
	if (try->epoch && try->epoch != atomic_read(&us->session.epoch))
		return -ESTALE;
	/* One that knows the log means what it says. */
	if (try->epoch && try->probed)
		return 0;
	if (try->once && try->sent)
		return -ESTALE;
	try->sent = true;
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
	for (;;) {
		r = try_once(us, try);
		if (!r) {
			us_report_answer(us);
			return 0;
		}
		if (r == -EAGAIN)
			continue;
		if (r == -ESTALE)
			return r;
		if (r == -EINTR || fatal_signal_pending(current))
			return -EINTR;
		if (out_of_time(us, try)) {
			us_report_waiting(us, try->calls->type, try->start, r);
			return r;
		}
		/* A socket that was full for a moment is no news. */
		if (r == -ETIMEDOUT ||
		    time_after(jiffies, try->start + msecs_to_jiffies(US_OVERRUN_MS)))
			us_report_waiting(us, try->calls->type, try->start, r);
		back_off(us, try);
	}
}

static int ask_all(struct us_log *us, struct dm_ulog_call *calls, unsigned int nr,
		   enum us_wait wait, int epoch, bool once)
{
	struct us_try try = {
		.calls = calls,
		.nr = nr,
		.exact = true,
		.until = us_until(us, wait),
		.epoch = epoch,
		.once = once,
	};

	return try_until_answered(us, &try);
}

/**
 * us_ask() - ask the daemon several things at once, and see to it that answers come
 * @us: the log
 * @calls: what is asked; an answer must have exactly as many bytes as there is room for
 * @nr: how many, up to %DM_ULOG_WAVE
 * @wait: who waits
 * @epoch: of the daemon that they are for, not its successor; 0: for any
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
	   enum us_wait wait, int epoch)
{
	return ask_all(us, calls, nr, wait, epoch, false);
}

/**
 * us_ask_unrepeated() - tell the daemon something that must not be told twice
 * @us: the log
 * @calls: as for us_ask()
 * @nr: how many
 * @epoch: of the daemon that they are for
 *
 * If they are not answered nobody knows whether they were heard.
 *
 * Context: process context, may sleep.
 * Return: as for us_ask(); also -ESTALE if they were not answered at once.
 */
int us_ask_unrepeated(struct us_log *us, struct dm_ulog_call *calls, unsigned int nr,
		      int epoch)
{
	return ask_all(us, calls, nr, US_WAIT_LIMITED, epoch, true);
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
	struct us_try try = { .calls = &call, .nr = 1, .until = us_until(us, US_WAIT_IOCTL) };
	int r;

	r = try_until_answered(us, &try) ?: call.error;
	reply[r ? 0 : call.reply_size] = '\0';
	return r;
}
