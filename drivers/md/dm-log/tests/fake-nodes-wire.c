// SPDX-License-Identifier: GPL-2.0-only
/*
 * The daemons' side of the wire, for KUnit tests with nodes of a cluster: fake-cluster.c
 * does what is asked; here some of it gets lost, is late, or wrong. See fake-nodes.h.
 */

#include <kunit/test.h>
#include <linux/bitops.h>
#include <linux/connector.h>
#include <linux/dm-log-userspace.h>
#include <linux/errno.h>
#include <linux/jiffies.h>
#include <linux/minmax.h>
#include <linux/string.h>
#include <linux/workqueue.h>

#include "../private.h"
#include "../ulog.h"
#include "fake-nodes.h"

#define STUCK_MS	300000

bool nodes_may_hand_out(struct cluster *cl, int region, unsigned int node)
{
	struct nodes *nd = cl->private;
	unsigned int i;

	/*
	 * What no log could prevent: a recovery that begins under another node's write, or
	 * while one may still believe that all is in sync.
	 */
	for (i = 0; i < NR_BLOCKS; i++) {
		const struct nodes_block *b = &nd->region[region].block[i];

		if (b->node != node && is_written(b))
			return false;
	}
	for (i = 0; i < nd->nr_nodes; i++)
		if (i != node && nd->node[i].asking == region && nd->node[i].let_go)
			return false;
	for (i = 0; i < nd->nr_nodes; i++)
		if (i != node && nd->node[i].log && nd->node[i].handing == region)
			return false;
	for (i = 0; i < nd->nr_nodes; i++)
		if (i != node && nd->node[i].copying == region && nd->node[i].copy != NO_COPY)
			return false;
	return nd->settling ||
	       time_after64(get_jiffies_64(), cl->lost_sync[region] + msecs_to_jiffies(200));
}

void nodes_deliver_late(struct work_struct *work)
{
	struct nodes_late *late = container_of(to_delayed_work(work), struct nodes_late, work);

	dm_ulog_receive(&late->msg, late->portid);
	WRITE_ONCE(late->queued, false);
}

static void fill_answer(struct cn_msg *msg, const struct cn_msg *question,
			const struct dm_ulog_request *request, int result, const u64 *reply,
			bool brief)
{
	struct dm_ulog_request answer = *request;

	*msg = *question;
	answer.error = min(result, 0);
	answer.data_size = max(result, 0);
	if (cluster_asks_all(DM_ULOG_REQUEST_TYPE(request->request_type)))
		answer.luid = 0;
	if (result < 0 && brief) {
		msg->ack = -result;
		msg->len = 0;
		return;
	}
	msg->ack = 0;
	msg->len = sizeof(answer) + answer.data_size;
	memcpy(msg->data, &answer, sizeof(answer));
	memcpy(msg->data + sizeof(answer), reply, answer.data_size);
}

/* Something that is no answer to this question */
static int talk_nonsense(struct nodes *nd, u32 type, int result, u64 *reply)
{
	switch (type) {
	case DM_ULOG_IN_SYNC:
	case DM_ULOG_IS_CLEAN:
	case DM_ULOG_GET_RESYNC_WORK:
		reply[0] = 2 + pick(nd, 2);
		break;
	case DM_ULOG_IS_REMOTE_RECOVERING:
		reply[pick(nd, 2)] = nd->cl.nr_regions + 1;
		break;
	case DM_ULOG_GET_SYNC_COUNT:
		reply[0] = nd->cl.nr_regions + 1;
		break;
	default:
		return result == 0 ? 4 : result;
	}
	return pick(nd, 2) ? result : 4;
}

static struct nodes_late *free_late(struct nodes *nd)
{
	unsigned int i;

	for (i = 0; i < NR_LATE; i++)
		if (!READ_ONCE(nd->late[i].queued))
			return &nd->late[i];
	return NULL;
}

static void answer_late(struct nodes *nd, const struct cn_msg *question,
			const struct dm_ulog_request *request, int result,
			const u64 *reply, u32 portid)
{
	struct nodes_late *late = free_late(nd);

	if (!late)
		return;
	fill_answer(&late->msg, question, request, result, reply, false);
	late->portid = portid;
	late->queued = true;
	schedule_delayed_work(&late->work,
			      msecs_to_jiffies(1 + pick(nd, pick(nd, 2) ? dm_log_resend_ms :
							2 * dm_log_resend_ms)));
}

static struct nodes_node *node_of(struct nodes *nd, const struct dm_ulog_request *request)
{
	struct nodes_node *n;

	for (n = nd->node; n < nd->node + nd->nr_nodes; n++)
		if (n->luid[0] == request->luid || n->luid[1] == request->luid)
			return n;
	n = &nd->node[nd->current_node];
	KUNIT_ASSERT_EQ(nd->test, (u32)DM_ULOG_CTR, request->request_type);
	n->luid[n->creating] = request->luid;
	return n;
}

static const int errors[] = { -EIO, -EINVAL, -ENOENT, -EAGAIN, -ENOMEM, -ESRCH, -EBUSY };
static const int send_errors[] = { -ESRCH, -ENOBUFS, -ENOMEM };

/* Trouble seldom comes once only: a few requests in a row, or of one type. */
static bool has_trouble(struct nodes *nd, struct nodes_node *n, enum nodes_event event,
			u32 type, unsigned int *left)
{
	if (*left && (!n->troubled || n->troubled == type)) {
		(*left)--;
		return true;
	}
	if (!nodes_happens(nd, event))
		return false;
	*left = pick(nd, pick(nd, 2) ? 2 : 10);
	n->troubled = pick(nd, 2) ? type : 0;
	return true;
}

/* Takes the place of dm_ulog_send(). */
int nodes_send(struct cn_msg *msg)
{
	struct nodes *nd = the_nodes();
	u64 payload[DM_ULOG_MAX_PAYLOAD / sizeof(u64) + 1], *reply = nd->reply[nd->depth];
	struct nodes_answer *answer = &nd->answer[nd->depth];
	struct dm_ulog_request request;
	struct cluster_replica *replica;
	struct nodes_node *n;
	u32 type, portid;
	u8 refused;
	int node, result, region = -1;

	memcpy(&request, msg->data, sizeof(request));
	memset(payload, 0, sizeof(payload));
	memcpy(payload, msg->data + sizeof(request), request.data_size);
	type = request.request_type;
	n = node_of(nd, &request);
	node = node_nr(nd, n);
	replica = &nd->cl.replica[node];
	nd->tally.requests++;
	if (request.data_size == 8 || type == DM_ULOG_SET_REGION_SYNC)
		region = cluster_region(&nd->cl, payload[0]);

	/* Nobody would wait for so long: somebody gives the node another daemon. */
	if (n->pass && time_after64(get_jiffies_64(), n->pass_since + msecs_to_jiffies(STUCK_MS))) {
		nd->tally.stuck++;
		n->pass_since = get_jiffies_64();
		note(nd, node, region, "stuck", type);
		cluster_restart(&nd->cl, node);
	}
	if (nodes_happens(nd, EV_SEND)) {
		note(nd, node, region, "not sent", type);
		n->faults++;
		return send_errors[pick(nd, ARRAY_SIZE(send_errors))];
	}
	if (!replica->listening) {
		n->faults++;
		if (n->revive_after && !--n->revive_after)
			replica->listening = true;
		return -ESRCH;
	}
	nodes_hurry_io(nd);
	nodes_others(nd, EV_MEET, 4);
	if (!replica->listening) {
		n->faults++;
		return -ESRCH;
	}
	if (has_trouble(nd, n, EV_LOSE_ASK, type, &n->losses)) {
		note(nd, node, region, dm_ulog_type_name(type), -1000);
		n->faults++;
		return 0;
	}
	portid = replica->portid;
	refused = nd->cl.refused;
	if (has_trouble(nd, n, EV_ERROR, type, &n->errors)) {
		result = errors[pick(nd, ARRAY_SIZE(errors))];
		n->faults++;
	} else {
		result = cluster_request(&nd->cl, node, &request, payload, reply);
		nd->tally.joins += type == DM_ULOG_RESUME;
	}
	if (type == DM_ULOG_GET_RESYNC_WORK && result > 0 && reply[0] == 1 && n->pass)
		n->handing = cluster_region(&nd->cl, reply[1]);
	note_more(nd, node, region, dm_ulog_type_name(type),
		  result > 0 ? reply[0] : result, reply[1]);
	if ((type == DM_ULOG_IS_REMOTE_RECOVERING && result > 0 && !reply[0]) ||
	    (type == DM_ULOG_GET_SYNC_COUNT && result > 0 && reply[0] == nd->cl.nr_regions))
		n->let_go = true;
	nodes_check(nd);
	if (result >= 0 && nodes_happens(nd, EV_NONSENSE)) {
		result = talk_nonsense(nd, type, result, reply);
		note(nd, node, region, "nonsense answered", result);
		n->faults++;
	}
	if (nodes_happens(nd, EV_LOSE_ANSWER)) {
		note(nd, node, region, "answer lost", 0);
		n->faults++;
		nd->cl.refused &= refused | ~BIT(node);
		return 0;
	}
	if (nodes_happens(nd, EV_LATE)) {
		note(nd, node, region, "late answer", 0);
		n->faults++;
		nd->cl.refused &= refused | ~BIT(node);
		answer_late(nd, msg, &request, result, reply, portid);
		return 0;
	}
	fill_answer(&answer->msg, msg, &request, result, reply, pick(nd, 2));
	nodes_others(nd, EV_MEET, 4);
	dm_ulog_receive(&answer->msg, portid);
	if (nd->odds[EV_RESTART] && replica->portid == portid && !pick(nd, 100))
		nodes_restart_daemon(nd, n);
	return 0;
}
