/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The transport of the userspace log: some requests to a daemon over the connector,
 * an answer to each. Who is asked again, and when, is not its business.
 *
 * The protocol is described in include/uapi/linux/dm-log-userspace.h. What comes
 * from outside is not trusted: an answer is taken only from a privileged process,
 * for a request that is waiting, of the same log and type; its sizes are checked
 * before anything is read.
 */

#ifndef DM_LOG_ULOG_H
#define DM_LOG_ULOG_H

#include <linux/connector.h>
#include <linux/dm-log-userspace.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/types.h>
#include <linux/wait.h>

struct netlink_skb_parms;
struct ulog_wait;

/* What a daemon can be sent at most: its buffers are not larger. */
#define DM_ULOG_MAX_PAYLOAD	332
/* Regions in one MARK, CLEAR or FLUSH. */
#define DM_ULOG_GROUP		32
/* Requests that are under way together: the daemon's socket has room for more. */
#define DM_ULOG_WAVE		32

/**
 * struct dm_ulog_client - one log, as the transport knows it
 * @luid: number of this log, unique on this machine since boot, never 0
 * @uuid: the log's name, the same on all nodes
 * @lost: called when the process that answered for this log last has closed its
 *	socket; atomic context
 *
 * @portid: who answered last; 0 if nobody did. Written by whoever uses the
 *	client, read by the transport
 * @silent: the last wait for an answer ended without one
 * @hurry: nobody waits beyond @hurry_until
 * @hurry_until: in jiffies
 *
 * @wait: woken when an answer has come, and by dm_ulog_hurry()
 * @send_lock: protects @buffer
 * @buffer: the message on its way out: reserved, since requests are made while
 *	memory is being written out
 * @list: all clients
 */
struct dm_ulog_client {
	u64 luid;
	char uuid[DM_UUID_LEN];
	void (*lost)(struct dm_ulog_client *client);

	u32 portid;
	bool silent;
	bool hurry;
	unsigned long hurry_until;

	wait_queue_head_t wait;
	struct mutex send_lock;		/* buffer */
	void *buffer;
	struct list_head list;
};

/**
 * struct dm_ulog_call - a request and its answer
 * @type: one of DM_ULOG_*
 * @data: payload of the request
 * @size: its length in bytes
 * @reply: where the answer's payload goes
 * @capacity: the most it may have, in bytes
 * @timeout: how long to wait, in jiffies; the first of several says it for all
 *
 * @error: result: what the daemon said: 0 or a negative errno. -EPROTO if what it
 *	sent contradicts itself, -ENOSPC if it sent more than @capacity.
 * @reply_size: result: length of the payload in @reply; 0 if @error is not 0
 * @portid: result: who answered; 0 if nobody did
 *
 * @node: the transport's, like what follows: in the table of those not answered
 * @wait: who waits
 * @seq: the attempt's number
 */
struct dm_ulog_call {
	u32 type;
	const void *data;
	size_t size;
	void *reply;
	size_t capacity;
	unsigned long timeout;

	int error;
	size_t reply_size;
	u32 portid;

	struct hlist_node node;
	struct ulog_wait *wait;
	u32 seq;
};

int dm_ulog_client_init(struct dm_ulog_client *client, const char *uuid,
			void (*lost)(struct dm_ulog_client *client));
void dm_ulog_client_exit(struct dm_ulog_client *client);

int dm_ulog_calls(struct dm_ulog_client *client, struct dm_ulog_call *calls,
		  unsigned int nr);
/* How long nobody waits for long, once a suspend has waited long enough. */
#define DM_ULOG_HURRY_MS	60000U

/* A suspend that was interrupted does not say so: its hurry ends by itself. */
static inline bool dm_ulog_is_hurried(const struct dm_ulog_client *client)
{
	/* Pairs with dm_ulog_hurry(): until when. */
	return smp_load_acquire(&client->hurry) &&
	       !time_after(jiffies, READ_ONCE(client->hurry_until) +
			   msecs_to_jiffies(DM_ULOG_HURRY_MS));
}

void dm_ulog_hurry(struct dm_ulog_client *client, unsigned long until);
void dm_ulog_no_hurry(struct dm_ulog_client *client);

const char *dm_ulog_type_name(u32 type);

int dm_ulog_init(void);
void dm_ulog_exit(void);

#if IS_ENABLED(CONFIG_DM_LOG_KUNIT_TEST)
int dm_ulog_send(struct cn_msg *msg);
void dm_ulog_receive(const struct cn_msg *msg, u32 portid);
void dm_ulog_released(u32 portid);
#endif

/* One request, see dm_ulog_calls(). */
static inline int dm_ulog_call(struct dm_ulog_client *client, struct dm_ulog_call *call)
{
	return dm_ulog_calls(client, call, 1);
}

#endif /* DM_LOG_ULOG_H */
