// SPDX-License-Identifier: GPL-2.0-only
/*
 * The userspace log's session with its daemon: requests that are repeated until
 * they are answered, and daemons that die, hang and come back.
 *
 * from		event						to
 * -		CTR, GET_REGION_SIZE answered			ASLEEP
 * ASLEEP	RESUME answered (before it, in a cluster, after
 *		a POSTSUSPEND: DTR and CTR)			AWAKE; epoch
 * AWAKE	PRESUSPEND answered				HALTED
 * any but LOST	POSTSUSPEND answered				ASLEEP
 * any		the socket was closed; an answer from another	LOST; the cleaner
 *		socket; an answered error, once per request;	looks after it
 *		one of the messages above not answered
 * LOST		GET_REGION_SIZE answered: by the same socket	as before
 *		by another one					ASLEEP; epoch
 *		by an error; then CTR (error: DTR, CTR) and	ASLEEP; epoch
 *		GET_REGION_SIZE answered
 *		not answered, or lost again meanwhile		LOST
 *
 * Then it is told what it lacks of what is wanted, which resume, presuspend and
 * postsuspend say: that is all that they do.
 *
 * An error is not an answer. A daemon that was restarted does not know the log and
 * says so to every request; taken for "not in sync", that would make the mirror
 * write to one leg and forget about it. So after an error, or an answer from
 * another socket than before, the daemon is asked whether it knows the log. Then the
 * request is repeated; but not what it was told, if it does know the log (us_ask()).
 *
 * Not every failure to deliver a message means that the daemon is gone: a full
 * socket buffer looks the same. It is gone if its socket was closed, of which
 * netlink tells, or if it does not know the log.
 *
 * The epoch counts the daemons, and the resumes. Who remembers something that a daemon
 * has said, or was told, remembers the epoch with it; nobody else's fields are touched.
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

/* How often CTR is sent before loading a table fails. */
#define CTR_TRIES		4
/* A node that joins a cluster so soon after it has left may be taken for what it was. */
#define REJOIN_MS		3000U

/**
 * us_session_init() - prepare to talk to a daemon
 * @us: the log
 */
void us_session_init(struct us_log *us)
{
	mutex_init(&us->session.mutex);
	spin_lock_init(&us->session.lock);
	/* 0 is none. */
	atomic_set(&us->session.epoch, 1);
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

	spin_lock(&us->session.lock);
	WRITE_ONCE(client->portid, 0);
	WRITE_ONCE(us->session.state, US_LOST);
	spin_unlock(&us->session.lock);
	/* If nobody asks for anything, the cleaner gives the marks again. */
	dm_log_cache_tend(&us->cache, 0);
}

/**
 * us_doubt() - it is to be found out whether the daemon knows the log
 * @us: the log
 *
 * Context: any thread.
 */
void us_doubt(struct us_log *us)
{
	spin_lock(&us->session.lock);
	WRITE_ONCE(us->session.state, US_LOST);
	spin_unlock(&us->session.lock);
}

/**
 * us_meet() - a daemon has answered: from now on us_lost() is about that one
 * @us: the log
 * @portid: of its socket
 *
 * Context: any thread.
 */
void us_meet(struct us_log *us, u32 portid)
{
	spin_lock(&us->session.lock);
	WRITE_ONCE(us->client.portid, portid);
	spin_unlock(&us->session.lock);
}

/* It has been told all. Is it still there? */
static void found(struct us_log *us, u32 portid)
{
	spin_lock(&us->session.lock);
	if (us->client.portid == portid)
		/* Pairs with us_is_lost(), whose caller must see the epoch. */
		smp_store_release(&us->session.state, us->session.told);
	spin_unlock(&us->session.lock);
}

/* 0, or the daemon's or the transport's error. */
static int ask(struct us_log *us, u32 type, void *reply, size_t capacity,
	       const struct us_until *until, u32 *portid)
{
	struct dm_ulog_call call = { .type = type, .reply = reply, .capacity = capacity };
	int r = us_ask_once(us, &call, until);

	if (!us_is_unanswered(r))
		*portid = call.portid;
	return r;
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

	if (us->session.heard && last &&
	    (!strcmp(last, " sync") || !strcmp(last, " nosync")))
		size = last - us->ctr_args;
	return size;
}

static int send_ctr(struct us_log *us, const struct us_until *until)
{
	/* The name of the device, which we have already. */
	char device[DM_NAME_LEN];
	struct dm_ulog_call call = {
		.type = DM_ULOG_CTR,
		.data = us->ctr_args,
		.size = ctr_size(us),
		.reply = device,
		.capacity = sizeof(device),
	};
	int r = us_ask_once(us, &call, until);

	if (!r)
		WRITE_ONCE(us->session.old, false);
	return r;
}

/* Make a daemon that does not know the log know it. */
static int introduce(struct us_log *us, const struct us_until *until)
{
	u32 portid;
	int r;

	us->session.ctr_sent = true;
	r = send_ctr(us, until);
	if (r && !us_is_unanswered(r)) {
		/* Perhaps an earlier CTR was carried out, and its answer lost. */
		r = ask(us, DM_ULOG_DTR, NULL, 0, until, &portid);
		if (!us_is_unanswered(r))
			r = send_ctr(us, until);
	}
	if (r && !us_is_unanswered(r)) {
		us->session.ctr_sent = false;
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

/* Tell the daemon something, and learn whether it was that one that has heard it. */
static int tell(struct us_log *us, u32 type, const struct us_until *until)
{
	unsigned long start = jiffies;
	u32 portid;
	int r;

	/* A socket that is full for a moment loses nothing. */
	for (;;) {
		portid = 0;
		r = ask(us, type, NULL, 0, until, &portid);
		/* Nor does a daemon that asks for another attempt. */
		if (r == -EBUSY && time_before(jiffies, until->end) &&
		    !fatal_signal_pending(current)) {
			msleep(50);
			continue;
		}
		if ((r != -ESRCH && r != -ENOBUFS && r != -ENOMEM) ||
		    !READ_ONCE(us->client.portid) ||
		    time_after_eq(jiffies, start + msecs_to_jiffies(US_OVERRUN_MS)))
			break;
		msleep(50);
	}
	if (!r && portid != READ_ONCE(us->client.portid))
		r = -ESTALE;
	if (r)
		us_doubt(us);
	return r;
}

/*
 * What cmirrord knows of marks it keeps over a suspend, during which it hears of none. If
 * it is resumed with that, a region that another node has marked by then counts as marked,
 * whatever its bit says, and the mark that this node gives next leaves the bit clean, and
 * the disk's. So a cluster's log is made anew for a resume, as it is when a table is loaded.
 */
static int make_anew(struct us_log *us, const struct us_until *until)
{
	int r = tell(us, DM_ULOG_DTR, until);

	if (r)
		return r;
	r = send_ctr(us, until);
	if (r)
		us_doubt(us);
	return r;
}

/*
 * What it lacks of what is wanted.
 * @known: it has just said that it knows the log: an error about a suspend is none
 */
static int tell_wanted(struct us_log *us, const struct us_until *until, bool known)
{
	struct us_session *s = &us->session;
	enum us_state wanted = READ_ONCE(s->wanted);
	int r;

	if (wanted == US_ASLEEP ? s->told != US_ASLEEP : s->unsure) {
		r = tell(us, DM_ULOG_POSTSUSPEND, until);
		s->unsure = r != 0;
		if (r && (us_is_unanswered(r) || r == -ESTALE || !known))
			return r;
		s->told = US_ASLEEP;
		WRITE_ONCE(s->left_at, get_jiffies_64());
		WRITE_ONCE(s->old, us->marks.cluster);
	}
	if (wanted != US_ASLEEP && s->told == US_ASLEEP) {
		r = s->old ? make_anew(us, until) : 0;
		if (r)
			return r;
		r = tell(us, DM_ULOG_RESUME, until);
		if (r)
			return r;
		s->told = US_AWAKE;
		s->heard = true;
		/* It has read its log, and who knows whether it has kept our marks. */
		atomic_inc(&s->epoch);
	}
	if (wanted == US_HALTED && s->told == US_AWAKE) {
		r = tell(us, DM_ULOG_PRESUSPEND, until);
		if (r && (us_is_unanswered(r) || r == -ESTALE || !known))
			return r;
		s->told = US_HALTED;
	}
	return 0;
}

/* Which daemon is there, and does it know the log? */
static int find(struct us_log *us, const struct us_until *until)
{
	struct us_session *s = &us->session;
	u32 portid = 0, before = READ_ONCE(us->client.portid);
	u64 sectors = 0;
	int r;

	r = ask(us, DM_ULOG_GET_REGION_SIZE, &sectors, sizeof(sectors), until, &portid);
	if (us_is_unanswered(r))
		return r;
	/* To be remembered if this attempt fails later. */
	if (r || portid != before)
		s->changed = true;
	us_meet(us, portid);
	if (r) {
		r = introduce(us, until);
		if (!r)
			r = ask(us, DM_ULOG_GET_REGION_SIZE, &sectors, sizeof(sectors),
				until, &portid);
	}
	return r ?: check_known_size(us, sectors);
}

static int reconnect_locked(struct us_log *us, const struct us_until *until)
{
	struct us_session *s = &us->session;
	u32 portid;
	int r;

	lockdep_assert_held(&s->mutex);

	r = find(us, until);
	if (r)
		return r;
	if (s->changed) {
		/* Perhaps it is the same one after all, and would stay halted. */
		if (s->told == US_HALTED)
			s->unsure = true;
		s->told = US_ASLEEP;
	}
	portid = READ_ONCE(us->client.portid);
	r = tell_wanted(us, until, true);
	if (r)
		return r == -ESTALE ? -ECONNRESET : r;
	if (s->changed) {
		s->changed = false;
		atomic_inc(&s->epoch);
		DMINFO("userspace: log %s: connected to its daemon again",
		       us->client.uuid);
	}
	found(us, portid);
	us_report_answer(us);
	return 0;
}

static int unlock_session(struct us_log *us, int r)
{
	mutex_unlock(&us->session.mutex);
	wake_up_all(&us->client.wait);
	return r;
}

/*
 * A process does not queue behind the worker, which may wait for long; it gives a
 * reconnect under way a moment to end.
 */
static int lock_session(struct us_log *us, const struct us_until *until)
{
	struct mutex *mutex = &us->session.mutex;
	bool locked = false;
	long r;

	if (until->wait != US_WAIT_IOCTL) {
		mutex_lock(mutex);
		return 0;
	}
	r = wait_event_killable_timeout(us->client.wait, (locked = mutex_trylock(mutex)),
					max_t(long, min_t(long, until->end - jiffies, HZ), 1));
	if (locked)
		return 0;
	return r < 0 ? -EINTR : -ESRCH;
}

/**
 * us_reconnect() - find out whether the daemon knows the log, or make it know
 * @us: the log
 * @until: who waits, and until when
 *
 * One attempt. Does nothing if another thread has done it meanwhile.
 *
 * Context: process context, may sleep.
 * Return: 0; or a negative errno, and the daemon is still lost.
 */
int us_reconnect(struct us_log *us, const struct us_until *until)
{
	int r = lock_session(us, until);

	if (r)
		return r;
	if (us_is_lost(us))
		r = reconnect_locked(us, until);
	return unlock_session(us, r);
}

/**
 * us_wait_to_rejoin() - let a while pass between leaving a cluster and joining it
 * @us: the log, which is going to be resumed
 *
 * A checkpoint that another node has made for our life before the suspend could be taken for
 * one of this life. cmirrord waits by itself if the log is not made anew, and makes all its
 * logs wait.
 *
 * Context: a process, without a lock.
 */
void us_wait_to_rejoin(struct us_log *us)
{
	u64 end = READ_ONCE(us->session.left_at) + msecs_to_jiffies(REJOIN_MS);
	u64 now;

	if (!READ_ONCE(us->session.old))
		return;
	for (now = get_jiffies_64(); time_before64(now, end); now = get_jiffies_64())
		if (schedule_timeout_killable(end - now) && fatal_signal_pending(current))
			break;
}

/**
 * us_want() - say what the log is to be for the daemon from now on
 * @us: the log
 * @wanted: %US_AWAKE, %US_HALTED or %US_ASLEEP
 *
 * The daemon is told, or its successor. One that cannot be told now will be when it is
 * found again.
 *
 * Context: a process; killable.
 * Return: 0, or a negative errno: the daemon's or the transport's.
 */
int us_want(struct us_log *us, enum us_state wanted)
{
	struct us_until until = us_until(us, US_WAIT_IOCTL);
	u32 portid;
	int r;

	WRITE_ONCE(us->session.wanted, wanted);
	r = mutex_lock_killable(&us->session.mutex);
	if (r)
		return r;
	if (!us_is_lost(us)) {
		portid = READ_ONCE(us->client.portid);
		r = tell_wanted(us, &until, false);
		if (!r && !us_is_lost(us))
			found(us, portid);
	}
	/* A daemon that does not know the log gets to know it. */
	if (us_is_lost(us) && (!r || !us_is_unanswered(r)))
		r = reconnect_locked(us, &until);
	return unlock_session(us, r);
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
	struct us_until until;
	unsigned int i;
	u32 portid;
	int r;

	for (i = 0; i < CTR_TRIES; i++) {
		until = us_until(us, US_WAIT_IOCTL);
		r = us_ask_once(us, &call, &until);
		if (r && !us_is_unanswered(r) && i) {
			/* The one before was carried out, and its answer lost? */
			r = ask(us, DM_ULOG_DTR, NULL, 0, &until, &portid);
			if (!us_is_unanswered(r))
				r = us_ask_once(us, &call, &until);
		}
		/*
		 * It knows the log unless it says that it does not. These two are our words
		 * for an answer that makes no sense, the others for none.
		 */
		if (call.portid)
			us->session.ctr_sent = !r || r == -EPROTO || r == -ENOSPC;
		else if (r == -ETIMEDOUT || r == -ECONNRESET || r == -EINTR)
			us->session.ctr_sent = true;
		if (!us_is_unanswered(r) || r == -EINTR)
			break;
		if (r != -ETIMEDOUT)
			msleep(50);
	}
	if (!r) {
		us_meet(us, call.portid);
		*device_size = call.reply_size;
	}
	return r;
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
	struct us_until until = us_until(us, US_WAIT_IOCTL);
	__u64 answer = 0;
	u32 portid;
	int r;

	r = ask(us, DM_ULOG_GET_REGION_SIZE, &answer, sizeof(answer), &until, &portid);
	if (!r)
		*sectors = answer;
	return r;
}

/**
 * us_forget() - have the daemon forget the log, once, and do not insist
 * @us: the log
 *
 * Context: a process; killable.
 * Return: 0, or a negative errno: the daemon's or the transport's.
 */
int us_forget(struct us_log *us)
{
	struct us_until until = us_until(us, US_WAIT_IOCTL);
	u32 portid;

	/* If it is not certain that it knows the log, this is the last chance. */
	if (!us->session.ctr_sent)
		return 0;
	return ask(us, DM_ULOG_DTR, NULL, 0, &until, &portid);
}
