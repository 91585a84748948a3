// SPDX-License-Identifier: GPL-2.0-only
/*
 * The transport of the userspace log. See ulog.h; the protocol is described
 * in include/uapi/linux/dm-log-userspace.h.
 *
 * Every attempt to send a request has a number of its own, which the answer
 * repeats. A request that was not answered stands in a table, by that number, as long
 * as a thread waits for the answer. One that comes later finds nothing and is dropped.
 */

#include <linux/atomic.h>
#include <linux/capability.h>
#include <linux/delay.h>
#include <linux/device-mapper.h>
#include <linux/err.h>
#include <linux/hashtable.h>
#include <linux/jiffies.h>
#include <linux/minmax.h>
#include <linux/netlink.h>
#include <linux/notifier.h>
#include <linux/random.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/string.h>
#include <linux/user_namespace.h>
#include <net/net_namespace.h>
#if IS_ENABLED(CONFIG_DM_LOG_KUNIT_TEST)
#include <kunit/static_stub.h>
#endif

#include "private.h"
#include "trace.h"
#include "ulog.h"

#define DM_MSG_PREFIX "dirty region log"

#define MESSAGE_BYTES	(sizeof(struct cn_msg) + sizeof(struct dm_ulog_request) + \
			 DM_ULOG_MAX_PAYLOAD)

static const struct cb_id ulog_cb_id = { CN_IDX_DM, CN_VAL_DM_USERSPACE_LOG };

/**
 * struct ulog_wait - a thread that waits for answers; on its stack
 * @client: the log
 * @nr_left: how many are missing; under ulog_lock
 * @done: none is; or, if @lost, the daemon is gone
 * @lost: see @done
 */
struct ulog_wait {
	struct dm_ulog_client *client;
	unsigned int nr_left;
	bool done;
	bool lost;
};

/* Requests that were not answered by @seq, and all clients. */
static DEFINE_HASHTABLE(ulog_calls, 6);
static LIST_HEAD(ulog_clients);
static DEFINE_SPINLOCK(ulog_lock);

static atomic_t ulog_seq;
static atomic64_t ulog_luid;
/* Threads inside ulog_callback(). */
static atomic_t ulog_callbacks;

static const char * const type_names[] = {
	[DM_ULOG_CTR] = "CTR",
	[DM_ULOG_DTR] = "DTR",
	[DM_ULOG_PRESUSPEND] = "PRESUSPEND",
	[DM_ULOG_POSTSUSPEND] = "POSTSUSPEND",
	[DM_ULOG_RESUME] = "RESUME",
	[DM_ULOG_GET_REGION_SIZE] = "GET_REGION_SIZE",
	[DM_ULOG_IS_CLEAN] = "IS_CLEAN",
	[DM_ULOG_IN_SYNC] = "IN_SYNC",
	[DM_ULOG_FLUSH] = "FLUSH",
	[DM_ULOG_MARK_REGION] = "MARK_REGION",
	[DM_ULOG_CLEAR_REGION] = "CLEAR_REGION",
	[DM_ULOG_GET_RESYNC_WORK] = "GET_RESYNC_WORK",
	[DM_ULOG_SET_REGION_SYNC] = "SET_REGION_SYNC",
	[DM_ULOG_GET_SYNC_COUNT] = "GET_SYNC_COUNT",
	[DM_ULOG_STATUS_INFO] = "STATUS_INFO",
	[DM_ULOG_STATUS_TABLE] = "STATUS_TABLE",
	[DM_ULOG_IS_REMOTE_RECOVERING] = "IS_REMOTE_RECOVERING",
};

/**
 * dm_ulog_type_name() - a request type in words
 * @type: any number
 *
 * Return: its name, or "unknown request".
 */
const char *dm_ulog_type_name(u32 type)
{
	if (type < ARRAY_SIZE(type_names) && type_names[type])
		return type_names[type];
	return "unknown request";
}

static struct dm_ulog_call *find_call(u32 seq)
{
	struct dm_ulog_call *call;

	lockdep_assert_held(&ulog_lock);

	hash_for_each_possible(ulog_calls, call, node, seq)
		if (call->seq == seq)
			return call;
	return NULL;
}

/* The thread may go on, and its stack frame away, once the lock is dropped. */
static void end_wait(struct ulog_wait *wait)
{
	WRITE_ONCE(wait->done, true);
	wake_up_all(&wait->client->wait);
}

/* An errno from outside: positive ones are errors too. */
static int to_errno(s64 error)
{
	if (error > 0)
		error = -error;
	return error < -MAX_ERRNO ? -EIO : error;
}

static bool answer_belongs(const struct dm_ulog_call *call,
			   const struct dm_ulog_request *answer)
{
	const struct dm_ulog_client *client = call->wait->client;

	/* cmirrord answers requests of a cluster without a luid. */
	return (!answer->luid || answer->luid == client->luid) &&
	       !strncmp(answer->uuid, client->uuid, sizeof(answer->uuid)) &&
	       DM_ULOG_REQUEST_TYPE(answer->request_type) == call->type;
}

/* A full answer; @len bytes follow the header of the connector. */
static void take_answer(struct dm_ulog_call *call,
			const struct dm_ulog_request *answer,
			const void *payload, size_t len)
{
	call->error = to_errno(answer->error);
	call->reply_size = 0;
	if (answer->data_size > len) {
		DMERR_LIMIT("userspace: log %s: answer to %s announces %u bytes, has %zu",
			    call->wait->client->uuid, dm_ulog_type_name(call->type),
			    answer->data_size, len);
		call->error = -EPROTO;
	} else if (!call->error && answer->data_size > call->capacity) {
		DMERR_LIMIT("userspace: log %s: answer to %s has %u bytes, expected at most %zu",
			    call->wait->client->uuid, dm_ulog_type_name(call->type),
			    answer->data_size, call->capacity);
		call->error = -ENOSPC;
	} else if (!call->error) {
		memcpy(call->reply, payload, answer->data_size);
		call->reply_size = answer->data_size;
	}
}

/* A message has come from a privileged process. */
VISIBLE_IF_DM_LOG_KUNIT void dm_ulog_receive(const struct cn_msg *msg, u32 portid)
{
	/* In the message it is not aligned for its first member. */
	struct dm_ulog_request answer;
	struct dm_ulog_call *call;
	u32 seq = msg->seq;

	if (msg->len) {
		if (msg->len < sizeof(answer)) {
			DMERR_LIMIT("userspace: answer of %u bytes ignored: expected 0 or %zu",
				    msg->len, sizeof(answer));
			return;
		}
		memcpy(&answer, msg->data, sizeof(answer));
		seq = answer.seq;
	}

	spin_lock(&ulog_lock);
	call = find_call(seq);
	/* Late or twice: that happens, and is no reason to talk. */
	if (!call)
		goto out;

	if (!msg->len) {
		call->error = msg->ack > MAX_ERRNO ? -EIO : -(int)msg->ack;
		call->reply_size = 0;
	} else if (answer_belongs(call, &answer)) {
		take_answer(call, &answer, msg->data + sizeof(answer),
			    msg->len - sizeof(answer));
	} else {
		DMERR_LIMIT("userspace: answer ignored: not for %s of log %s, whose number it has",
			    dm_ulog_type_name(call->type), call->wait->client->uuid);
		goto out;
	}
	call->portid = portid;
	hash_del(&call->node);
	if (!--call->wait->nr_left)
		end_wait(call->wait);
out:
	spin_unlock(&ulog_lock);
}

/*
 * Called in the context of the process that sends. That process must be
 * privileged, and must have been when it opened the socket: a message that it was
 * tricked into writing to somebody else's socket does not count.
 */
static void ulog_callback(struct cn_msg *msg, struct netlink_skb_parms *nsp)
{
	atomic_inc(&ulog_callbacks);
	if (__netlink_ns_capable(nsp, &init_user_ns, CAP_SYS_ADMIN))
		dm_ulog_receive(msg, nsp->portid);
	/* Pairs with the acquire in dm_ulog_exit(). */
	atomic_dec_return_release(&ulog_callbacks);
}

/* A socket of the connector was closed. */
VISIBLE_IF_DM_LOG_KUNIT void dm_ulog_released(u32 portid)
{
	struct dm_ulog_client *client;
	struct dm_ulog_call *call;
	struct hlist_node *next;
	int bucket;

	spin_lock(&ulog_lock);
	hash_for_each_safe(ulog_calls, bucket, next, call, node) {
		if (READ_ONCE(call->wait->client->portid) != portid)
			continue;
		hash_del(&call->node);
		call->wait->lost = true;
		end_wait(call->wait);
	}
	/* They may forget the number. */
	list_for_each_entry(client, &ulog_clients, list)
		if (READ_ONCE(client->portid) == portid)
			client->lost(client);
	spin_unlock(&ulog_lock);
}

static int ulog_netlink_event(struct notifier_block *nb, unsigned long event,
			      void *data)
{
	const struct netlink_notify *notify = data;

	if (event == NETLINK_URELEASE && notify->protocol == NETLINK_CONNECTOR &&
	    notify->portid && net_eq(notify->net, &init_net))
		dm_ulog_released(notify->portid);
	return NOTIFY_DONE;
}

static struct notifier_block ulog_netlink_notifier = {
	.notifier_call = ulog_netlink_event,
};

/* Seam for tests, which are their own daemon. */
VISIBLE_IF_DM_LOG_KUNIT int dm_ulog_send(struct cn_msg *msg)
{
#if IS_ENABLED(CONFIG_DM_LOG_KUNIT_TEST)
	KUNIT_STATIC_STUB_REDIRECT(dm_ulog_send, msg);
#endif
	return cn_netlink_send(msg, 0, CN_IDX_DM, GFP_NOIO);
}

static int send_request(struct dm_ulog_client *client, const struct dm_ulog_call *call)
{
	struct dm_ulog_request request = {
		.luid = client->luid,
		.version = DM_ULOG_REQUEST_VERSION,
		.seq = call->seq,
		.request_type = call->type,
		.data_size = call->size,
	};
	unsigned int noio;
	struct cn_msg *msg;
	int r;

	strscpy_pad(request.uuid, client->uuid, sizeof(request.uuid));

	mutex_lock(&client->send_lock);
	msg = client->buffer;
	memset(msg, 0, sizeof(*msg));
	msg->id = ulog_cb_id;
	msg->seq = call->seq;
	msg->len = sizeof(request) + call->size;
	memcpy(msg->data, &request, sizeof(request));
	memcpy(msg->data + sizeof(request), call->data, call->size);

	/* Netlink clones and queues: none of it may wait for this mirror. */
	noio = memalloc_noio_save();
	r = dm_ulog_send(msg);
	memalloc_noio_restore(noio);
	mutex_unlock(&client->send_lock);
	return r;
}

/*
 * How long to wait, with a word from dm_ulog_hurry() taken into account: not
 * beyond that time, but a daemon that lives gets a chance to answer.
 */
static long time_left(const struct dm_ulog_client *client, unsigned long start,
		      unsigned long timeout, bool hurry)
{
	unsigned long passed = jiffies - start;

	if (hurry)
		timeout = min(timeout, max_t(long, READ_ONCE(client->hurry_until) - start,
					     HZ));
	return passed < timeout ? timeout - passed : 0;
}

static int wait_for_answers(struct ulog_wait *wait, unsigned long timeout)
{
	struct dm_ulog_client *client = wait->client;
	unsigned long start = jiffies;
	long r;

	for (;;) {
		bool hurry = READ_ONCE(client->hurry);
		long left = time_left(client, start, timeout, dm_ulog_is_hurried(client));

		/* A work item gets no signals. */
		r = wait_event_killable_timeout(client->wait,
						READ_ONCE(wait->done) ||
						READ_ONCE(client->hurry) != hurry, left);
		if (READ_ONCE(wait->done))
			return 0;
		if (r < 0)
			return -EINTR;
		if (!r)
			return -ETIMEDOUT;
	}
}

static int check_sizes(const struct dm_ulog_client *client,
		       const struct dm_ulog_call *calls, unsigned int nr)
{
	unsigned int i;

	for (i = 0; i < nr; i++) {
		if (calls[i].size <= DM_ULOG_MAX_PAYLOAD)
			continue;
		DMERR("userspace: payload of %zu bytes for %s of log %s: expected at most %u",
		      calls[i].size, dm_ulog_type_name(calls[i].type), client->uuid,
		      DM_ULOG_MAX_PAYLOAD);
		return -EINVAL;
	}
	return 0;
}

/* In the order of the calls; what stands behind one that cannot be sent is not sent. */
static int send_requests(struct ulog_wait *wait, struct dm_ulog_call *calls,
			 unsigned int nr)
{
	struct dm_ulog_client *client = wait->client;
	unsigned int i;
	int r = 0;

	for (i = 0; i < nr && !r; i++) {
		struct dm_ulog_call *call = &calls[i];

		trace_dm_log_request(client->uuid, client->luid, call->seq, call->type,
				     dm_ulog_type_name(call->type), call->size);
		spin_lock(&ulog_lock);
		hash_add(ulog_calls, &call->node, call->seq);
		spin_unlock(&ulog_lock);
		r = send_request(client, call);
	}
	return r;
}

/**
 * dm_ulog_calls() - ask the daemon once
 * @client: the log
 * @calls: what to ask, and where the answers go
 * @nr: how many: they are sent in this order, without waiting for an answer in between
 *
 * Several threads may ask for one log at a time, and are answered in any order.
 *
 * Context: process context, may sleep; allocates only memory that does not wait
 * for I/O.
 * Return: 0 if all answers have come, which may be errors: see @calls. Otherwise
 *	nobody knows whether the daemon did what it was asked:
 *	-EINVAL	a payload is too long (nothing was sent)
 *	-ESRCH	nobody listens, or nobody had room for the message
 *	-ENOMEM, -ENOBUFS	no memory to send it
 *	-ETIMEDOUT	no answer in time
 *	-ECONNRESET	the daemon closed its socket instead
 *	-EINTR	a fatal signal
 */
int dm_ulog_calls(struct dm_ulog_client *client, struct dm_ulog_call *calls,
		  unsigned int nr)
{
	struct ulog_wait wait = { .client = client, .nr_left = nr };
	unsigned int i;
	u64 start = 0;
	int r;

	r = check_sizes(client, calls, nr);
	if (r)
		return r;
	for (i = 0; i < nr; i++) {
		calls[i].error = 0;
		calls[i].reply_size = 0;
		calls[i].portid = 0;
		calls[i].wait = &wait;
		calls[i].seq = atomic_inc_return(&ulog_seq);
		INIT_HLIST_NODE(&calls[i].node);
	}
	if (trace_dm_log_reply_enabled())
		start = ktime_get_ns();

	r = send_requests(&wait, calls, nr);
	if (!r)
		r = wait_for_answers(&wait, calls->timeout);

	spin_lock(&ulog_lock);
	if (wait.done)
		r = wait.lost ? -ECONNRESET : 0;
	for (i = 0; i < nr; i++)
		hash_del(&calls[i].node);
	spin_unlock(&ulog_lock);

	for (i = 0; start && i < nr; i++)
		trace_dm_log_reply(client->uuid, client->luid, calls[i].seq, calls[i].type,
				   dm_ulog_type_name(calls[i].type), calls[i].reply_size,
				   ktime_get_ns() - start, calls[i].error, r);

	if (!r)
		WRITE_ONCE(client->silent, false);
	else if (r == -ETIMEDOUT)
		WRITE_ONCE(client->silent, true);
	return r;
}

/**
 * dm_ulog_hurry() - let nobody wait beyond a time
 * @client: the log
 * @until: that time, in jiffies; calls that begin later wait a second
 *
 * Context: any that may take a spinlock. Undone by dm_ulog_no_hurry().
 */
void dm_ulog_hurry(struct dm_ulog_client *client, unsigned long until)
{
	WRITE_ONCE(client->hurry_until, until);
	/* Who sees the flag sees the time: wake_up_all() is a barrier, too. */
	smp_store_release(&client->hurry, true);
	wake_up_all(&client->wait);
}

/**
 * dm_ulog_no_hurry() - undo dm_ulog_hurry()
 * @client: the log
 */
void dm_ulog_no_hurry(struct dm_ulog_client *client)
{
	WRITE_ONCE(client->hurry, false);
}

/**
 * dm_ulog_client_init() - make a log known to the transport
 * @client: zeroed memory
 * @uuid: its name, shorter than DM_UUID_LEN
 * @lost: see struct dm_ulog_client
 *
 * Context: process context, may sleep.
 * Return: 0 or -ENOMEM.
 */
int dm_ulog_client_init(struct dm_ulog_client *client, const char *uuid,
			void (*lost)(struct dm_ulog_client *client))
{
	client->buffer = kzalloc(MESSAGE_BYTES, GFP_KERNEL);
	if (!client->buffer)
		return -ENOMEM;

	strscpy(client->uuid, uuid, sizeof(client->uuid));
	client->lost = lost;
	init_waitqueue_head(&client->wait);
	mutex_init(&client->send_lock);
	/* An opaque number: a daemon must not learn where the kernel's memory is. */
	do {
		client->luid = atomic64_inc_return(&ulog_luid);
	} while (!client->luid);

	spin_lock(&ulog_lock);
	list_add(&client->list, &ulog_clients);
	spin_unlock(&ulog_lock);
	return 0;
}

/**
 * dm_ulog_client_exit() - forget a log
 * @client: what dm_ulog_client_init() was called for, whether it succeeded or not,
 *	or zeroed memory; nobody waits for an answer
 *
 * When it returns, @lost is not running and will not be called again.
 */
void dm_ulog_client_exit(struct dm_ulog_client *client)
{
	if (!client->buffer)
		return;

	spin_lock(&ulog_lock);
	list_del(&client->list);
	spin_unlock(&ulog_lock);
	mutex_destroy(&client->send_lock);
	kfree(client->buffer);
	client->buffer = NULL;
}

/**
 * dm_ulog_init() - register with the connector
 *
 * Context: module init.
 * Return: 0 or a negative errno: the connector is not there, or another module
 *	serves the userspace log.
 */
int __init dm_ulog_init(void)
{
	int r;

	/* Answers that an earlier life of the module missed must not match. */
	atomic_set(&ulog_seq, get_random_u32());
	atomic64_set(&ulog_luid, get_random_u64());

	r = netlink_register_notifier(&ulog_netlink_notifier);
	if (r)
		return r;

	r = cn_add_callback(&ulog_cb_id, "dmlogusr", ulog_callback);
	if (r)
		netlink_unregister_notifier(&ulog_netlink_notifier);
	return r;
}

/**
 * dm_ulog_exit() - undo dm_ulog_init(); no log of the type exists any more
 *
 * Context: module init or exit, may sleep.
 */
void dm_ulog_exit(void)
{
	cn_del_callback(&ulog_cb_id);
	netlink_unregister_notifier(&ulog_netlink_notifier);
	/* The connector does not wait for a callback that is running. */
	while (atomic_read_acquire(&ulog_callbacks))
		usleep_range(500, 1000);
}
