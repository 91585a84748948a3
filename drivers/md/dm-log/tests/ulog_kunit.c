// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit tests of the userspace log's transport: every byte that goes out, and
 * everything that may come back, which is not trusted. The daemon is a function
 * of the test. "B" numbers are points of the contract at which the stock library
 * is wrong.
 */

#include <kunit/static_stub.h>
#include <kunit/test.h>
#include <linux/bits.h>
#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/dm-log-userspace.h>
#include <linux/err.h>
#include <linux/jiffies.h>
#include <linux/kthread.h>
#include <linux/mutex.h>
#include <linux/sched.h>
#include <linux/string.h>
#include <linux/unaligned.h>
#include <linux/wait.h>

#include "../ulog.h"

#define UUID		"LVM-0123456789abcdef"
#define PORTID		4711
#define REQUEST_BYTES	160
#define MESSAGE_BYTES	(sizeof(struct cn_msg) + REQUEST_BYTES)
#define MAX_ANSWER	1024
/* Nobody answers: a bound that is met, however long the machine takes to meet it. */
#define SHORT		msecs_to_jiffies(30)
/* One that is not met, on any machine; the runner's own limit ends what hangs. */
#define LONG		msecs_to_jiffies(60 * 60 * MSEC_PER_SEC)

/**
 * struct ulog_test - the test's end of the connector
 * @test: the test
 * @client: the log
 * @answer: optional; called with a request while it is being sent
 * @error: what sending returns
 * @nr_sent: messages sent, or tried to
 * @sent: the last one
 * @nr_lost: how often the log was told that its daemon is gone
 * @row: for @answer
 */
struct ulog_test {
	struct kunit *test;
	struct dm_ulog_client client;
	void (*answer)(struct ulog_test *ut, const struct cn_msg *msg);
	int error;
	unsigned int nr_sent;
	u8 sent[MESSAGE_BYTES + DM_ULOG_MAX_PAYLOAD];
	unsigned int nr_lost;
	const void *row;
};

static struct ulog_test *client_to_test(struct dm_ulog_client *client)
{
	return container_of(client, struct ulog_test, client);
}

static int take_message(struct cn_msg *msg)
{
	struct ulog_test *ut = kunit_get_current_test()->priv;

	ut->nr_sent++;
	memset(ut->sent, 0, sizeof(ut->sent));
	KUNIT_ASSERT_LE(ut->test, sizeof(*msg) + msg->len, sizeof(ut->sent));
	memcpy(ut->sent, msg, sizeof(*msg) + msg->len);
	if (!ut->error && ut->answer)
		ut->answer(ut, msg);
	return ut->error;
}

static void count_lost(struct dm_ulog_client *client)
{
	client_to_test(client)->nr_lost++;
}

static int ulog_test_init(struct kunit *test)
{
	struct ulog_test *ut = kunit_kzalloc(test, sizeof(*ut), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, ut);
	ut->test = test;
	test->priv = ut;
	KUNIT_ASSERT_EQ(test, dm_ulog_client_init(&ut->client, UUID, count_lost), 0);
	kunit_activate_static_stub(test, dm_ulog_send, take_message);
	return 0;
}

static void ulog_test_exit(struct kunit *test)
{
	struct ulog_test *ut = test->priv;

	dm_ulog_client_exit(&ut->client);
}

/* The numbers of a request, read as the contract says rather than with our struct. */
static u32 get_u32(const struct cn_msg *msg, unsigned int offset)
{
	u32 value;

	memcpy(&value, msg->data + offset, sizeof(value));
	return value;
}

static u64 get_u64(const struct cn_msg *msg, unsigned int offset)
{
	u64 value;

	memcpy(&value, msg->data + offset, sizeof(value));
	return value;
}

/**
 * struct full_answer - an answer that repeats a request, and how it differs
 * @what: description
 * @luid: xor
 * @uuid: xor of its first byte
 * @seq: xor
 * @type: xor
 * @error: instead of 0
 * @data_size: instead of @len
 * @len: bytes that follow the header
 * @cut: length of the whole message, if not 0
 * @expect: what dm_ulog_call() returns
 * @expect_error: the answer's error, as the caller sees it
 * @expect_size: payload that the caller gets
 */
struct full_answer {
	const char *what;
	u64 luid;
	u8 uuid;
	u32 seq;
	u32 type;
	s32 error;
	u32 data_size;
	u16 len;
	u16 cut;
	int expect;
	int expect_error;
	size_t expect_size;
};

/* Payload: the bytes 1, 2, 3, ... */
static void send_full(struct ulog_test *ut, const struct cn_msg *msg,
		      const struct full_answer *row)
{
	union {
		struct cn_msg msg;
		u8 bytes[sizeof(struct cn_msg) + MAX_ANSWER];
	} *answer = kunit_kzalloc(ut->test, sizeof(*answer), GFP_KERNEL);
	u8 *data;
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(ut->test, answer);
	memcpy(answer, msg, MESSAGE_BYTES);
	data = answer->msg.data;
	answer->msg.len = row->cut ?: REQUEST_BYTES + row->len;
	put_unaligned(get_u64(msg, 0) ^ row->luid, (u64 *)data);
	data[8] ^= row->uuid;
	put_unaligned(row->error, (s32 *)(data + 144));
	put_unaligned(get_u32(msg, 148) ^ row->seq, (u32 *)(data + 148));
	put_unaligned(get_u32(msg, 152) ^ row->type, (u32 *)(data + 152));
	put_unaligned(row->data_size ?: row->len, (u32 *)(data + 156));
	for (i = 0; i < row->len; i++)
		data[REQUEST_BYTES + i] = i + 1;
	dm_ulog_receive(&answer->msg, PORTID);
	kunit_kfree(ut->test, answer);
}

static void send_short(const struct cn_msg *msg, u32 ack)
{
	struct cn_msg answer = *msg;

	answer.ack = ack;
	answer.len = 0;
	dm_ulog_receive(&answer, PORTID);
}

static void answer_row(struct ulog_test *ut, const struct cn_msg *msg)
{
	send_full(ut, msg, ut->row);
}

static void answer_ok(struct ulog_test *ut, const struct cn_msg *msg)
{
	send_short(msg, 0);
}

/* Contract A4: where everything is in a message; B31: no pointer among it. */
static void ulog_wire(struct kunit *test)
{
	struct ulog_test *ut = test->priv;
	const struct cn_msg *msg = (void *)ut->sent;
	char payload[] = "12345";
	struct dm_ulog_call call = {
		.type = DM_ULOG_MARK_REGION,
		.data = payload,
		.size = 5,
		.timeout = LONG,
	};
	u8 expected[REQUEST_BYTES + 5] = { };
	u64 luid = ut->client.luid;

	ut->answer = answer_ok;
	memset(ut->client.buffer, 0x6b, MESSAGE_BYTES + DM_ULOG_MAX_PAYLOAD);
	KUNIT_ASSERT_EQ(test, dm_ulog_call(&ut->client, &call), 0);
	KUNIT_EXPECT_EQ(test, ut->nr_sent, 1);

	KUNIT_EXPECT_EQ(test, sizeof(*msg), 20);
	KUNIT_EXPECT_EQ(test, msg->id.idx, 7);
	KUNIT_EXPECT_EQ(test, msg->id.val, 1);
	KUNIT_EXPECT_EQ(test, msg->ack, 0);
	KUNIT_EXPECT_EQ(test, msg->len, 165);
	KUNIT_EXPECT_EQ(test, msg->flags, 0);

	memcpy(expected, &luid, 8);
	memcpy(expected + 8, UUID, strlen(UUID));
	expected[IS_ENABLED(CONFIG_CPU_BIG_ENDIAN) ? 143 : 140] = 3;
	memcpy(expected + 148, &msg->seq, 4);
	expected[IS_ENABLED(CONFIG_CPU_BIG_ENDIAN) ? 155 : 152] = 10;
	expected[IS_ENABLED(CONFIG_CPU_BIG_ENDIAN) ? 159 : 156] = 5;
	memcpy(expected + 160, payload, 5);
	KUNIT_EXPECT_MEMEQ(test, msg->data, expected, sizeof(expected));
}

/* B31: every log has a number of its own, also after one is gone; it is no address. */
static void ulog_luid(struct kunit *test)
{
	struct ulog_test *ut = test->priv;
	u64 seen[4] = { ut->client.luid };
	struct dm_ulog_client *other;
	int i, j;

	other = kunit_kzalloc(test, sizeof(*other), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, other);
	for (i = 1; i < ARRAY_SIZE(seen); i++) {
		KUNIT_ASSERT_EQ(test, dm_ulog_client_init(other, UUID, count_lost), 0);
		seen[i] = other->luid;
		dm_ulog_client_exit(other);
	}
	for (i = 0; i < ARRAY_SIZE(seen); i++) {
		KUNIT_EXPECT_NE(test, seen[i], 0);
		KUNIT_EXPECT_NE(test, seen[i], (unsigned long)&ut->client);
		KUNIT_EXPECT_NE(test, seen[i], (unsigned long)other);
		for (j = 0; j < i; j++)
			KUNIT_EXPECT_NE(test, seen[i], seen[j]);
	}
}

/* A uuid of the greatest length still ends in a NUL. */
static void ulog_longest_uuid(struct kunit *test)
{
	struct ulog_test *ut = test->priv;
	const struct cn_msg *msg = (void *)ut->sent;
	struct dm_ulog_call call = { .type = DM_ULOG_RESUME, .timeout = LONG };
	char uuid[DM_UUID_LEN];

	memset(uuid, 'u', sizeof(uuid) - 1);
	uuid[sizeof(uuid) - 1] = '\0';
	dm_ulog_client_exit(&ut->client);
	KUNIT_ASSERT_EQ(test, dm_ulog_client_init(&ut->client, uuid, count_lost), 0);
	ut->answer = answer_ok;
	KUNIT_EXPECT_EQ(test, dm_ulog_call(&ut->client, &call), 0);
	KUNIT_EXPECT_MEMEQ(test, msg->data + 8, uuid, 129);
	KUNIT_EXPECT_EQ(test, msg->data[137] | msg->data[138] | msg->data[139], 0);
}

/* B33: every attempt has a number of its own, the same in both headers. */
static void ulog_seq(struct kunit *test)
{
	struct ulog_test *ut = test->priv;
	const struct cn_msg *msg = (void *)ut->sent;
	struct dm_ulog_call call = { .type = DM_ULOG_FLUSH, .timeout = LONG };
	u32 seen[8];
	int i, j;

	ut->answer = answer_ok;
	for (i = 0; i < ARRAY_SIZE(seen); i++) {
		KUNIT_EXPECT_EQ(test, dm_ulog_call(&ut->client, &call), 0);
		seen[i] = msg->seq;
		KUNIT_EXPECT_EQ(test, get_u32(msg, 148), msg->seq);
		for (j = 0; j < i; j++)
			KUNIT_EXPECT_NE(test, seen[i], seen[j]);
	}
}

/* Contract A4: 332 bytes of payload go out, 333 do not. */
static void ulog_payload_limit(struct kunit *test)
{
	struct ulog_test *ut = test->priv;
	const struct cn_msg *msg = (void *)ut->sent;
	u8 payload[DM_ULOG_MAX_PAYLOAD + 1];
	struct dm_ulog_call call = {
		.type = DM_ULOG_CTR,
		.data = payload,
		.size = DM_ULOG_MAX_PAYLOAD,
		.timeout = LONG,
	};

	KUNIT_EXPECT_EQ(test, DM_ULOG_MAX_PAYLOAD, 332);
	memset(payload, 'p', sizeof(payload));
	ut->answer = answer_ok;
	KUNIT_EXPECT_EQ(test, dm_ulog_call(&ut->client, &call), 0);
	KUNIT_EXPECT_EQ(test, msg->len, 492);
	KUNIT_EXPECT_EQ(test, get_u32(msg, 156), 332);
	KUNIT_EXPECT_MEMEQ(test, msg->data + 160, payload, 332);

	call.size++;
	KUNIT_EXPECT_EQ(test, dm_ulog_call(&ut->client, &call), -EINVAL);
	KUNIT_EXPECT_EQ(test, ut->nr_sent, 1);
}

/* Sending fails: the caller hears why at once, and the request is forgotten. */
static void ulog_send_errors(struct kunit *test)
{
	static const int errors[] = { -ESRCH, -ENOBUFS, -ENOMEM };
	struct ulog_test *ut = test->priv;
	const struct cn_msg *msg = (void *)ut->sent;
	struct dm_ulog_call call = { .type = DM_ULOG_FLUSH, .timeout = LONG };
	int i;

	for (i = 0; i < ARRAY_SIZE(errors); i++) {
		ut->error = errors[i];
		KUNIT_EXPECT_EQ(test, dm_ulog_call(&ut->client, &call), errors[i]);
		send_short(msg, 0);
		KUNIT_EXPECT_EQ(test, call.portid, 0);
	}
	KUNIT_EXPECT_FALSE(test, ut->client.silent);
}

struct short_answer {
	u32 ack;
	int error;
};

static void answer_short_row(struct ulog_test *ut, const struct cn_msg *msg)
{
	const struct short_answer *row = ut->row;

	send_short(msg, row->ack);
}

/* The short answer: a positive errno, or 0, or nonsense; never a payload. */
static void ulog_short_answers(struct kunit *test)
{
	static const struct short_answer rows[] = {
		{ 0, 0 }, { 1, -1 }, { EINVAL, -EINVAL }, { EAGAIN, -EAGAIN },
		{ MAX_ERRNO, -MAX_ERRNO }, { MAX_ERRNO + 1, -EIO },
		{ INT_MAX, -EIO }, { 0x80000000, -EIO }, { (u32)-EINVAL, -EIO },
		{ U32_MAX, -EIO },
	};
	struct ulog_test *ut = test->priv;
	u64 reply = 0x6b;
	struct dm_ulog_call call = {
		.type = DM_ULOG_IN_SYNC,
		.reply = &reply,
		.capacity = sizeof(reply),
		.timeout = LONG,
	};
	int i;

	ut->answer = answer_short_row;
	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		ut->row = &rows[i];
		call.error = -EPERM;
		call.reply_size = sizeof(reply);
		KUNIT_EXPECT_EQ(test, dm_ulog_call(&ut->client, &call), 0);
		KUNIT_EXPECT_EQ_MSG(test, call.error, rows[i].error, "ack %u",
				    rows[i].ack);
		KUNIT_EXPECT_EQ(test, call.reply_size, 0);
		KUNIT_EXPECT_EQ(test, call.portid, PORTID);
		KUNIT_EXPECT_EQ(test, reply, 0x6b);
	}
}

#define IGNORED		.expect = -ETIMEDOUT

static const struct full_answer full_answers[] = {
	{ "no payload" },
	{ "some payload", .len = 3, .expect_size = 3 },
	{ "as much as fits", .len = 16, .expect_size = 16 },
	{ "one byte more than fits", .len = 17, .expect_error = -ENOSPC },
	{ "much more than fits", .len = 800, .expect_error = -ENOSPC },
	{ "less announced than sent", .len = 16, .data_size = 8, .expect_size = 8 },
	/* B29: what lies behind the message is not read. */
	{ "one byte more announced than sent", .len = 8, .data_size = 9,
	  .expect_error = -EPROTO },
	{ "14000 bytes announced", .len = 8, .data_size = 14000,
	  .expect_error = -EPROTO },
	{ "2^32 - 1 bytes announced", .data_size = U32_MAX, .expect_error = -EPROTO },
	{ "2^32 - 160 bytes announced", .data_size = -160, .expect_error = -EPROTO },
	{ "an error", .error = -ENOENT, .expect_error = -ENOENT },
	{ "an error with payload", .error = -EIO, .len = 8, .expect_error = -EIO },
	{ "an error with too much payload", .error = -EIO, .len = 800,
	  .expect_error = -EIO },
	/* B34 */
	{ "a positive error", .error = EINVAL, .expect_error = -EINVAL },
	{ "a positive error with payload", .error = EIO, .len = 8,
	  .expect_error = -EIO },
	{ "the last errno", .error = -MAX_ERRNO, .expect_error = -MAX_ERRNO },
	{ "no errno", .error = -MAX_ERRNO - 1, .expect_error = -EIO },
	{ "no positive errno", .error = MAX_ERRNO + 1, .expect_error = -EIO },
	{ "INT_MIN", .error = INT_MIN, .expect_error = -EIO },
	{ "INT_MAX", .error = INT_MAX, .expect_error = -EIO },
	/* The other 24 bits of the type are reserved. */
	{ "reserved bits of the type", .type = 0xabcdef00, .len = 8, .expect_size = 8 },
	/* Neither short nor full. */
	{ "1 byte", .cut = 1, IGNORED },
	{ "159 bytes", .cut = 159, IGNORED },
	/* B33 */
	{ "another seq", .seq = 1, .len = 8, IGNORED },
	{ "another luid", .luid = 1, .len = 8, IGNORED },
	{ "another luid, high half", .luid = BIT_ULL(63), .len = 8, IGNORED },
	{ "another uuid", .uuid = 1, .len = 8, IGNORED },
	{ "no uuid", .uuid = 'L', .len = 8, IGNORED },
	{ "another type", .type = 1, .len = 8, IGNORED },
};

static void ulog_full_answers(struct kunit *test)
{
	struct ulog_test *ut = test->priv;
	u8 reply[32], expected[32];
	struct dm_ulog_call call = {
		.type = DM_ULOG_GET_RESYNC_WORK,
		.reply = reply,
		.capacity = 16,
	};
	int i, j;

	ut->answer = answer_row;
	for (i = 0; i < ARRAY_SIZE(full_answers); i++) {
		const struct full_answer *row = &full_answers[i];

		memset(reply, 0x6b, sizeof(reply));
		memset(expected, 0x6b, sizeof(expected));
		for (j = 0; j < row->expect_size; j++)
			expected[j] = j + 1;
		ut->row = row;
		call.timeout = row->expect ? 1 : LONG;

		KUNIT_EXPECT_EQ_MSG(test, dm_ulog_call(&ut->client, &call),
				    row->expect, "%s", row->what);
		KUNIT_EXPECT_EQ_MSG(test, call.error, row->expect_error, "%s",
				    row->what);
		KUNIT_EXPECT_EQ_MSG(test, call.reply_size, row->expect_size, "%s",
				    row->what);
		KUNIT_EXPECT_EQ_MSG(test, call.portid, row->expect ? 0 : PORTID,
				    "%s", row->what);
		KUNIT_EXPECT_EQ_MSG(test, memcmp(reply, expected, sizeof(reply)), 0,
				    "%s", row->what);
	}
}

/* B33: cmirrord answers requests of a cluster without a luid. */
static void ulog_luid_0(struct kunit *test)
{
	struct ulog_test *ut = test->priv;
	struct full_answer row = { .luid = ut->client.luid };
	struct dm_ulog_call call = { .type = DM_ULOG_FLUSH, .timeout = LONG };

	ut->row = &row;
	ut->answer = answer_row;
	KUNIT_EXPECT_EQ(test, dm_ulog_call(&ut->client, &call), 0);
	KUNIT_EXPECT_EQ(test, call.error, 0);
}

/* A full answer is found by the request's number, whatever the connector's says. */
static void answer_with_other_cn_seq(struct ulog_test *ut, const struct cn_msg *msg)
{
	static const struct full_answer none;
	struct {
		struct cn_msg msg;
		u8 request[REQUEST_BYTES];
	} copy;

	memcpy(&copy, msg, sizeof(copy));
	copy.msg.seq++;
	send_full(ut, &copy.msg, &none);
}

static void ulog_other_cn_seq(struct kunit *test)
{
	struct ulog_test *ut = test->priv;
	struct dm_ulog_call call = { .type = DM_ULOG_FLUSH, .timeout = LONG };

	ut->answer = answer_with_other_cn_seq;
	KUNIT_EXPECT_EQ(test, dm_ulog_call(&ut->client, &call), 0);
}

/* The first answer counts. */
static void answer_twice(struct ulog_test *ut, const struct cn_msg *msg)
{
	send_full(ut, msg, ut->row);
	send_short(msg, EIO);
	send_full(ut, msg, &(struct full_answer){ .error = -EIO });
}

static void ulog_duplicate_answer(struct kunit *test)
{
	static const struct full_answer row = { .len = 8 };
	struct ulog_test *ut = test->priv;
	u64 reply;
	struct dm_ulog_call call = {
		.type = DM_ULOG_IN_SYNC,
		.reply = &reply,
		.capacity = sizeof(reply),
		.timeout = LONG,
	};

	ut->row = &row;
	ut->answer = answer_twice;
	KUNIT_EXPECT_EQ(test, dm_ulog_call(&ut->client, &call), 0);
	KUNIT_EXPECT_EQ(test, call.error, 0);
	KUNIT_EXPECT_EQ(test, call.reply_size, 8);
}

/* Too late: dropped, also if the next request is waiting. */
static void ulog_late_answer(struct kunit *test)
{
	static const struct full_answer row = { .len = 8 };
	struct ulog_test *ut = test->priv;
	u64 reply = 0x6b;
	struct dm_ulog_call call = {
		.type = DM_ULOG_IN_SYNC,
		.reply = &reply,
		.capacity = sizeof(reply),
		.timeout = SHORT,
	};
	unsigned long start = jiffies;

	KUNIT_EXPECT_EQ(test, dm_ulog_call(&ut->client, &call), -ETIMEDOUT);
	KUNIT_EXPECT_TRUE(test, time_after_eq(jiffies, start + SHORT));
	KUNIT_EXPECT_TRUE(test, ut->client.silent);
	send_full(ut, (void *)ut->sent, &row);
	send_short((void *)ut->sent, 0);
	KUNIT_EXPECT_EQ(test, reply, 0x6b);
	KUNIT_EXPECT_EQ(test, call.portid, 0);

	ut->answer = answer_ok;
	KUNIT_EXPECT_EQ(test, dm_ulog_call(&ut->client, &call), 0);
	KUNIT_EXPECT_FALSE(test, ut->client.silent);
}

/*
 * Several requests of one log
 */

#define NR_ASKERS	3

/**
 * struct asker - a thread that waits for an answer
 * @ut: the test
 * @call: what it asks
 * @reply: the answer
 * @result: of dm_ulog_call()
 * @sent: its message
 * @done: it has its answer
 */
struct asker {
	struct ulog_test *ut;
	struct dm_ulog_call call;
	u64 reply;
	int result;
	struct {
		struct cn_msg msg;
		u8 request[REQUEST_BYTES];
	} sent;
	struct completion done;
};

static int run_asker(void *data)
{
	struct asker *asker = data;

	/* The test's stub is for this thread, too. */
	current->kunit_test = asker->ut->test;
	asker->result = dm_ulog_call(&asker->ut->client, &asker->call);
	current->kunit_test = NULL;
	complete(&asker->done);
	return 0;
}

static void keep_message(struct ulog_test *ut, const struct cn_msg *msg)
{
	struct asker *askers = (void *)ut->row;
	int i;

	for (i = 0; i < NR_ASKERS; i++)
		if (askers[i].call.type == get_u32(msg, 152))
			memcpy(&askers[i].sent, msg, sizeof(askers[i].sent));
}

static void wait_for_messages(struct ulog_test *ut, unsigned int nr)
{
	while (READ_ONCE(ut->nr_sent) < nr)
		usleep_range(500, 1000);
	/* The message is kept after it was counted. */
	mutex_lock(&ut->client.send_lock);
	KUNIT_EXPECT_EQ(ut->test, ut->nr_sent, nr);
	mutex_unlock(&ut->client.send_lock);
}

/* Answers come in any order, and each to the one who asked. */
static void ulog_any_order(struct kunit *test)
{
	static const u32 types[NR_ASKERS] = {
		DM_ULOG_IN_SYNC, DM_ULOG_GET_SYNC_COUNT, DM_ULOG_IS_CLEAN,
	};
	static const int orders[][NR_ASKERS] = {
		{ 0, 1, 2 }, { 0, 2, 1 }, { 1, 0, 2 }, { 1, 2, 0 }, { 2, 0, 1 },
		{ 2, 1, 0 },
	};
	struct ulog_test *ut = test->priv;
	struct asker *askers;
	int i, n;

	askers = kunit_kcalloc(test, NR_ASKERS, sizeof(*askers), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, askers);
	ut->row = askers;
	ut->answer = keep_message;

	for (n = 0; n < ARRAY_SIZE(orders); n++) {
		ut->nr_sent = 0;
		for (i = 0; i < NR_ASKERS; i++) {
			struct asker *asker = &askers[i];

			memset(asker, 0, sizeof(*asker));
			asker->ut = ut;
			asker->call.type = types[i];
			asker->call.reply = &asker->reply;
			asker->call.capacity = sizeof(asker->reply);
			asker->call.timeout = LONG;
			init_completion(&asker->done);
			KUNIT_ASSERT_FALSE(test, IS_ERR(kthread_run(run_asker, asker,
								    "dm-log-ask")));
		}
		wait_for_messages(ut, NR_ASKERS);

		for (i = 0; i < NR_ASKERS; i++) {
			struct asker *asker = &askers[orders[n][i]];
			struct full_answer row = { .len = i + 1 };

			send_full(ut, &asker->sent.msg, &row);
			wait_for_completion(&asker->done);
			KUNIT_EXPECT_EQ(test, asker->result, 0);
			KUNIT_EXPECT_EQ(test, asker->call.reply_size, i + 1);
		}
	}
}

/*
 * Several requests at a time
 */

/**
 * struct several - requests that are under way together
 * @nr: how many were sent
 * @copy: the requests
 */
struct several {
	unsigned int nr;
	struct {
		struct cn_msg msg;
		u8 request[REQUEST_BYTES];
	} copy[4];
};

static void collect(struct ulog_test *ut, const struct cn_msg *msg)
{
	struct several *several = (void *)ut->row;

	memcpy(&several->copy[several->nr++], msg, sizeof(several->copy[0]));
	if (several->nr == 3)
		ut->error = ut->nr_lost ? -ENOBUFS : 0;
}

/* The last one first, and one of them with an error. */
static void answer_all_backwards(struct ulog_test *ut, const struct cn_msg *msg)
{
	struct several *several = (void *)ut->row;

	collect(ut, msg);
	if (several->nr < 4)
		return;
	send_short(&several->copy[3].msg, 0);
	send_short(&several->copy[1].msg, EIO);
	send_short(&several->copy[0].msg, 0);
	send_short(&several->copy[2].msg, 0);
}

static void answer_but_one(struct ulog_test *ut, const struct cn_msg *msg)
{
	struct several *several = (void *)ut->row;

	collect(ut, msg);
	if (several->nr != 2)
		send_short(&several->copy[several->nr - 1].msg, 0);
}

/* They are sent without waiting, and each gets its own answer, or all are in vain. */
static void ulog_several(struct kunit *test)
{
	struct ulog_test *ut = test->priv;
	struct several several = { };
	struct dm_ulog_call calls[4] = {
		{ .type = DM_ULOG_MARK_REGION, .timeout = LONG },
		{ .type = DM_ULOG_MARK_REGION },
		{ .type = DM_ULOG_MARK_REGION },
		{ .type = DM_ULOG_FLUSH },
	};
	int i;

	ut->row = &several;
	ut->answer = answer_all_backwards;
	KUNIT_EXPECT_EQ(test, dm_ulog_calls(&ut->client, calls, 4), 0);
	for (i = 0; i < 4; i++) {
		KUNIT_EXPECT_EQ(test, calls[i].error, i == 1 ? -EIO : 0);
		KUNIT_EXPECT_EQ(test, get_u32(&several.copy[i].msg, 152), calls[i].type);
	}

	several.nr = 0;
	calls->timeout = SHORT;
	ut->answer = answer_but_one;
	KUNIT_EXPECT_EQ(test, dm_ulog_calls(&ut->client, calls, 4), -ETIMEDOUT);
	KUNIT_EXPECT_NE(test, calls[0].portid, 0);
	KUNIT_EXPECT_EQ(test, calls[1].portid, 0);
	/* That one is too late. */
	send_short(&several.copy[1].msg, 0);
	KUNIT_EXPECT_EQ(test, calls[1].portid, 0);

	/* Behind what cannot be sent nothing is. */
	several.nr = 0;
	ut->nr_lost = 1;
	ut->nr_sent = 0;
	calls->timeout = LONG;
	ut->answer = collect;
	KUNIT_EXPECT_EQ(test, dm_ulog_calls(&ut->client, calls, 4), -ENOBUFS);
	KUNIT_EXPECT_EQ(test, ut->nr_sent, 3);
	for (i = 0; i < 3; i++)
		send_short(&several.copy[i].msg, 0);
	KUNIT_EXPECT_EQ(test, calls[0].portid, 0);
}

static void answer_one_and_release(struct ulog_test *ut, const struct cn_msg *msg)
{
	struct several *several = (void *)ut->row;

	collect(ut, msg);
	if (several->nr == 2)
		dm_ulog_released(PORTID);
	else
		send_short(msg, 0);
}

/* The daemon is lost under some of them: nobody waits for the others. */
static void ulog_several_lost(struct kunit *test)
{
	struct ulog_test *ut = test->priv;
	struct several several = { };
	struct dm_ulog_call calls[3] = {
		{ .type = DM_ULOG_MARK_REGION, .timeout = LONG },
		{ .type = DM_ULOG_MARK_REGION },
		{ .type = DM_ULOG_FLUSH },
	};

	ut->row = &several;
	ut->client.portid = PORTID;
	ut->answer = answer_one_and_release;
	KUNIT_EXPECT_EQ(test, dm_ulog_calls(&ut->client, calls, 3), -ECONNRESET);
}

/*
 * Daemons that die, and callers in a hurry
 */

static void answer_release(struct ulog_test *ut, const struct cn_msg *msg)
{
	/* Another one, then the one. */
	dm_ulog_released(PORTID + 1);
	KUNIT_EXPECT_EQ(ut->test, ut->nr_lost, 0);
	dm_ulog_released(PORTID);
	send_short(msg, 0);
}

/* B25: who waits hears at once that the daemon has closed its socket. */
static void ulog_lost_waiting(struct kunit *test)
{
	struct ulog_test *ut = test->priv;
	struct dm_ulog_call call = { .type = DM_ULOG_FLUSH, .timeout = LONG };

	ut->client.portid = PORTID;
	ut->answer = answer_release;
	/* Who went on waiting would get another error, an hour later. */
	KUNIT_EXPECT_EQ(test, dm_ulog_call(&ut->client, &call), -ECONNRESET);
	KUNIT_EXPECT_EQ(test, ut->nr_lost, 1);
	KUNIT_EXPECT_EQ(test, call.portid, 0);
	KUNIT_EXPECT_FALSE(test, ut->client.silent);
}

/* All logs of the daemon are told, and no others, and none that is gone. */
static void ulog_lost_idle(struct kunit *test)
{
	struct ulog_test *ut = test->priv;
	struct ulog_test *other = kunit_kzalloc(test, sizeof(*other), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, other);
	KUNIT_ASSERT_EQ(test, dm_ulog_client_init(&other->client, "other",
						  count_lost), 0);
	ut->client.portid = PORTID;
	other->client.portid = PORTID;
	dm_ulog_released(PORTID - 1);
	KUNIT_EXPECT_EQ(test, ut->nr_lost + other->nr_lost, 0);
	dm_ulog_released(PORTID);
	KUNIT_EXPECT_EQ(test, ut->nr_lost, 1);
	KUNIT_EXPECT_EQ(test, other->nr_lost, 1);

	other->client.portid = PORTID + 1;
	dm_ulog_released(PORTID);
	KUNIT_EXPECT_EQ(test, ut->nr_lost, 2);
	KUNIT_EXPECT_EQ(test, other->nr_lost, 1);
	dm_ulog_client_exit(&other->client);
	dm_ulog_released(PORTID + 1);
	KUNIT_EXPECT_EQ(test, other->nr_lost, 1);
}

/* A client that was never set up, or could not be, can be taken down. */
static void ulog_exit_twice(struct kunit *test)
{
	struct ulog_test *ut = test->priv;
	struct dm_ulog_client *empty = kunit_kzalloc(test, sizeof(*empty), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, empty);
	dm_ulog_client_exit(empty);
	dm_ulog_client_exit(&ut->client);
	dm_ulog_client_exit(&ut->client);
}

static void answer_hurry(struct ulog_test *ut, const struct cn_msg *msg)
{
	dm_ulog_hurry(&ut->client, jiffies + SHORT);
}

/* A suspend cuts the worker's wait short, but a living daemon gets its second. */
static void ulog_hurry(struct kunit *test)
{
	struct ulog_test *ut = test->priv;
	struct dm_ulog_call call = { .type = DM_ULOG_FLUSH, .timeout = LONG };
	unsigned long start = jiffies;

	/* That this ends at all is what shows it: LONG is an hour. */
	ut->answer = answer_hurry;
	KUNIT_EXPECT_EQ(test, dm_ulog_call(&ut->client, &call), -ETIMEDOUT);
	KUNIT_EXPECT_TRUE(test, time_after_eq(jiffies, start + HZ));

	/*
	 * It does not make a short wait longer, ... (A hurry that ends in two hours is
	 * the longest of all waits.)
	 */
	dm_ulog_hurry(&ut->client, jiffies + 2 * LONG);
	ut->answer = NULL;
	call.timeout = SHORT;
	KUNIT_EXPECT_EQ(test, dm_ulog_call(&ut->client, &call), -ETIMEDOUT);

	/* ... nor keeps an answer from being heard. */
	ut->answer = answer_ok;
	KUNIT_EXPECT_EQ(test, dm_ulog_call(&ut->client, &call), 0);
	dm_ulog_no_hurry(&ut->client);
	KUNIT_EXPECT_FALSE(test, ut->client.hurry);
}

/* The same for a wait that has begun before. */
static void ulog_hurry_later(struct kunit *test)
{
	struct ulog_test *ut = test->priv;
	struct asker *asker = kunit_kzalloc(test, sizeof(*asker), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, asker);
	asker->ut = ut;
	asker->call.type = DM_ULOG_FLUSH;
	asker->call.timeout = LONG;
	init_completion(&asker->done);
	KUNIT_ASSERT_FALSE(test, IS_ERR(kthread_run(run_asker, asker, "dm-log-ask")));
	/* It has sent its request, and waits for an hour, or is about to. */
	wait_for_messages(ut, 1);
	while (!wq_has_sleeper(&ut->client.wait))
		usleep_range(500, 1000);
	dm_ulog_hurry(&ut->client, jiffies);
	wait_for_completion(&asker->done);
	KUNIT_EXPECT_EQ(test, asker->result, -ETIMEDOUT);
}

/* Messages are in words; whatever a daemon sends back has none of its own. */
static void ulog_type_names(struct kunit *test)
{
	KUNIT_EXPECT_STREQ(test, dm_ulog_type_name(0), "unknown request");
	KUNIT_EXPECT_STREQ(test, dm_ulog_type_name(DM_ULOG_CTR), "CTR");
	KUNIT_EXPECT_STREQ(test, dm_ulog_type_name(DM_ULOG_IS_REMOTE_RECOVERING),
			   "IS_REMOTE_RECOVERING");
	KUNIT_EXPECT_STREQ(test, dm_ulog_type_name(18), "unknown request");
	KUNIT_EXPECT_STREQ(test, dm_ulog_type_name(U32_MAX), "unknown request");
}

static struct kunit_case dm_log_ulog_cases[] = {
	KUNIT_CASE(ulog_wire),
	KUNIT_CASE(ulog_luid),
	KUNIT_CASE(ulog_longest_uuid),
	KUNIT_CASE(ulog_seq),
	KUNIT_CASE(ulog_payload_limit),
	KUNIT_CASE(ulog_send_errors),
	KUNIT_CASE(ulog_short_answers),
	KUNIT_CASE(ulog_full_answers),
	KUNIT_CASE(ulog_luid_0),
	KUNIT_CASE(ulog_other_cn_seq),
	KUNIT_CASE(ulog_duplicate_answer),
	KUNIT_CASE(ulog_late_answer),
	KUNIT_CASE(ulog_any_order),
	KUNIT_CASE(ulog_several),
	KUNIT_CASE(ulog_several_lost),
	KUNIT_CASE(ulog_lost_waiting),
	KUNIT_CASE(ulog_lost_idle),
	KUNIT_CASE(ulog_exit_twice),
	KUNIT_CASE_SLOW(ulog_hurry),
	KUNIT_CASE_SLOW(ulog_hurry_later),
	KUNIT_CASE(ulog_type_names),
	{}
};

static struct kunit_suite dm_log_ulog_suite = {
	.name = "dm_log_ulog",
	.init = ulog_test_init,
	.exit = ulog_test_exit,
	.test_cases = dm_log_ulog_cases,
};

kunit_test_suite(dm_log_ulog_suite);
