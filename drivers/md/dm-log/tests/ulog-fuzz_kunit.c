// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit test of the userspace log with messages that no daemon should send: a
 * corpus (ulog-fuzz-corpus.h), mutated, or bytes at random. While a
 * request is being sent some of them arrive; a good answer comes last.
 *
 * What becomes of each message is worked out a second time here, from the
 * protocol's description. A message lies in memory of its own that is not a byte
 * longer, and so does the place for an answer: KASAN sees what is read or
 * written beyond.
 */

#include <kunit/static_stub.h>
#include <kunit/test.h>
#include <linux/array_size.h>
#include <linux/bitmap.h>
#include <linux/dm-dirty-log.h>
#include <linux/err.h>
#include <linux/ktime.h>
#include <linux/minmax.h>
#include <linux/moduleparam.h>
#include <linux/prandom.h>
#include <linux/random.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/unaligned.h>

#include "../private.h"
#include "../ulog.h"
#include "fake-daemon.h"
#include "ulog-fuzz-corpus.h"

#define UUID		"LVM-0123456789abcdef"
#define REQUEST		160
#define UUID_BYTES	129
#define MAX_PAYLOAD	600
#define CN_BYTES	sizeof(struct cn_msg)
#define MAX_JUNK	6

/* Of that many messages one goes to a whole log. */
#define TYPE_SHARE	16

static unsigned int fuzz_messages = 1000000;
module_param(fuzz_messages, uint, 0444);
MODULE_PARM_DESC(fuzz_messages, "KUnit: how many messages of a log daemon to try");

static unsigned long long fuzz_messages_seed;
module_param(fuzz_messages_seed, ullong, 0444);
MODULE_PARM_DESC(fuzz_messages_seed, "KUnit: replay the messages of this seed");

/**
 * struct verdict - what a message means for the request that waits
 * @taken: it is the answer
 * @error: its error
 * @size: length of its payload, if there is no error
 * @first: the payload's first eight bytes
 * @second: the next ones
 * @payload: all of it
 */
struct verdict {
	bool taken;
	int error;
	size_t size;
	u64 first;
	u64 second;
	u8 payload[MAX_PAYLOAD];
};

/**
 * struct ulog_fuzz - the test
 * @fm: mirror and daemon; the first member
 * @rnd: decides
 * @client: a log that is nothing but its client
 * @capacity: room for the answer to the client's request
 * @verdict: on the first message that was taken
 * @sent: messages so far
 * @taken: those that were the answer to something
 * @denied: those that were taken and in error
 * @claimed: regions that a valid answer has called in sync, or clean
 * @yes: a valid answer to a request of the type was 1, since the last flush
 * @counts: valid answers to GET_SYNC_COUNT: one may not count, if others came from another
 *	socket, and then what was said before does
 * @nr_counts: how many there were
 */
struct ulog_fuzz {
	struct dm_log_fake_mirror fm;
	struct rnd_state rnd;
	struct dm_ulog_client client;
	size_t capacity;
	struct verdict verdict;
	u64 sent;
	u64 taken;
	u64 denied;
	DECLARE_BITMAP(claimed, FAKE_REGIONS);
	bool yes[FAKE_TYPES];
	u64 counts[64];
	unsigned int nr_counts;
};

static u32 pick(struct ulog_fuzz *uf, u32 limit)
{
	return prandom_u32_state(&uf->rnd) % limit;
}

/* Offsets as in the description of the protocol, not from our struct. */
static u32 get_u32(const u8 *data, unsigned int offset)
{
	u32 value;

	memcpy(&value, data + offset, sizeof(value));
	return value;
}

static void put_u32(u8 *data, unsigned int offset, u32 value)
{
	memcpy(data + offset, &value, sizeof(value));
}

static u64 get_u64(const u8 *data, unsigned int offset)
{
	u64 value;

	memcpy(&value, data + offset, sizeof(value));
	return value;
}

static void put_u64(u8 *data, unsigned int offset, u64 value)
{
	memcpy(data + offset, &value, sizeof(value));
}

/* How long the payload of an answer has to be; the last two may be shorter. */
static size_t answer_bytes(u32 type, size_t capacity)
{
	switch (type) {
	case DM_ULOG_GET_REGION_SIZE:
	case DM_ULOG_IS_CLEAN:
	case DM_ULOG_IN_SYNC:
	case DM_ULOG_GET_SYNC_COUNT:
		return 8;
	case DM_ULOG_GET_RESYNC_WORK:
	case DM_ULOG_IS_REMOTE_RECOVERING:
		return 16;
	case DM_ULOG_CTR:
	case DM_ULOG_STATUS_INFO:
		return min_t(size_t, capacity, MAX_PAYLOAD);
	default:
		return 0;
	}
}

/*
 * The generator
 */

static size_t pick_payload(struct ulog_fuzz *uf, size_t right)
{
	static const u16 sizes[] = { 0, 1, 4, 7, 8, 9, 15, 16, 17, 24, 127, 128, 129, 332 };

	switch (pick(uf, 4)) {
	case 0:
		return sizes[pick(uf, ARRAY_SIZE(sizes))];
	case 1:
		return pick(uf, MAX_PAYLOAD);
	default:
		return right;
	}
}

/* An answer of the corpus; or a good one with a payload at random. */
static void compose(struct ulog_fuzz *uf, struct cn_msg *msg, size_t right)
{
	static const struct fuzz_answer random = { .what = "random" };
	const struct fuzz_answer *row = &random;
	size_t payload;

	if (pick(uf, 2)) {
		row = &fuzz_answers_corpus[pick(uf, ARRAY_SIZE(fuzz_answers_corpus))];
		payload = row->payload == FUZZ_RIGHT_SIZE ? right : row->payload;
		put_u64(msg->data, REQUEST, row->first);
		put_u64(msg->data, REQUEST + 8, row->second);
	} else {
		payload = pick_payload(uf, right);
		put_u64(msg->data, REQUEST, pick(uf, 3));
		put_u64(msg->data, REQUEST + 8, pick(uf, 2) ? pick(uf, 2 * FAKE_REGIONS) :
						(u64)prandom_u32_state(&uf->rnd) << 32);
	}

	msg->ack = -row->error;
	msg->len = row->short_ack ? 0 : REQUEST + payload;
	if (row->no_luid)
		put_u64(msg->data, 0, 0);
	put_u32(msg->data, 144, row->error);
	put_u32(msg->data, 156, payload + row->lie);
}

/* Wrong in one place, or in some. */
static void mutate(struct ulog_fuzz *uf, struct cn_msg *msg)
{
	static const s32 numbers[] = {
		0, 1, -1, 2, 8, 16, 128, -EIO, -EINVAL, -4095, -4096, S32_MIN, S32_MAX,
	};
	u32 number = numbers[pick(uf, ARRAY_SIZE(numbers))];
	unsigned int i;

	switch (pick(uf, 16)) {
	case 0:
		msg->len = pick(uf, REQUEST + MAX_PAYLOAD);
		break;
	case 1:
		msg->len = REQUEST + pick(uf, 3) - 1;
		break;
	case 2:
		put_u32(msg->data, 144, number);
		break;
	case 3:
		put_u32(msg->data, 148, get_u32(msg->data, 148) + pick(uf, 3) - 1);
		break;
	case 4:
		put_u32(msg->data, 152, get_u32(msg->data, 152) ^ 1 << pick(uf, 32));
		break;
	case 5:
		put_u32(msg->data, 156, number);
		break;
	case 6:
		put_u64(msg->data, 0, get_u64(msg->data, 0) ^ 1ULL << pick(uf, 64));
		break;
	case 7:
		/* A name without an end. */
		memset(msg->data + 8, 'a', UUID_BYTES);
		break;
	case 8:
		msg->seq += pick(uf, 3) - 1;
		msg->ack = number;
		break;
	case 9:
		for (i = pick(uf, 16); i > 0; i--)
			msg->data[pick(uf, REQUEST + 16)] ^= 1 << pick(uf, 8);
		break;
	case 10:
		prandom_bytes_state(&uf->rnd, msg->data, REQUEST + 32);
		/* Or nobody would look at the rest. */
		if (pick(uf, 2))
			put_u32(msg->data, 148, msg->seq);
		break;
	}
}

/*
 * The protocol, once more
 */

static int as_errno(s64 error)
{
	error = error > 0 ? -error : error;
	return error < -4095 ? -EIO : error;
}

static bool same_uuid(const u8 *a, const u8 *b)
{
	int i;

	for (i = 0; i < UUID_BYTES; i++) {
		if (a[i] != b[i])
			return false;
		if (!a[i])
			return true;
	}
	return true;
}

/* What does @msg mean for @request, which has room for @capacity bytes? */
static void judge(const struct cn_msg *msg, const struct cn_msg *request,
		  size_t capacity, struct verdict *v)
{
	u32 size;

	v->taken = false;
	v->error = 0;
	v->size = 0;
	if (!msg->len) {
		v->taken = msg->seq == request->seq;
		v->error = msg->ack > 4095 ? -EIO : -(int)msg->ack;
		return;
	}
	if (msg->len < REQUEST || get_u32(msg->data, 148) != request->seq)
		return;
	if (get_u64(msg->data, 0) && get_u64(msg->data, 0) != get_u64(request->data, 0))
		return;
	if ((get_u32(msg->data, 152) & 0xff) != get_u32(request->data, 152) ||
	    !same_uuid(msg->data + 8, request->data + 8))
		return;

	v->taken = true;
	size = get_u32(msg->data, 156);
	v->error = as_errno((s32)get_u32(msg->data, 144));
	if (size > msg->len - REQUEST)
		v->error = -EPROTO;
	else if (!v->error && size > capacity)
		v->error = -ENOSPC;
	if (v->error)
		return;
	v->size = size;
	memcpy(v->payload, msg->data + REQUEST, size);
	v->first = size >= 8 ? get_u64(v->payload, 0) : 0;
	v->second = size >= 16 ? get_u64(v->payload, 8) : 0;
}

/* Valid as an answer to a question about regions. */
static void note_claim(struct ulog_fuzz *uf, const struct cn_msg *request)
{
	const struct verdict *v = &uf->verdict;
	u32 type = get_u32(request->data, 152);

	if (v->error || v->size != answer_bytes(type, 0))
		return;
	if (type == DM_ULOG_GET_SYNC_COUNT && v->first <= FAKE_REGIONS)
		uf->counts[uf->nr_counts++ % ARRAY_SIZE(uf->counts)] = v->first;
	if (v->first != 1)
		return;
	uf->yes[type] = true;
	if (type == DM_ULOG_IN_SYNC)
		set_bit(get_u64(request->data, REQUEST), uf->claimed);
}

static void send_junk(struct ulog_fuzz *uf, const struct cn_msg *request, size_t capacity)
{
	static union {
		struct cn_msg msg;
		u8 bytes[CN_BYTES + REQUEST + MAX_PAYLOAD];
	} draft;
	u32 type = get_u32(request->data, 152);
	struct verdict *v = &uf->verdict;
	struct verdict ignored;
	struct cn_msg *msg;

	memset(&draft, 'a', sizeof(draft));
	memcpy(&draft, request, CN_BYTES + REQUEST);
	compose(uf, &draft.msg, answer_bytes(type, capacity));
	mutate(uf, &draft.msg);
	/* A region size that is one would be believed, and the daemon's no longer. */
	if (type == DM_ULOG_GET_REGION_SIZE && get_u64(draft.msg.data, REQUEST) > 1)
		put_u64(draft.msg.data, REQUEST, 3 + 1024 * pick(uf, 3));
	/* What looks like "major:minor", or hex digits, would be opened: not tested here. */
	if (type == DM_ULOG_CTR && draft.msg.len > REQUEST)
		memset(draft.msg.data + REQUEST, 'g' + pick(uf, 20),
		       min(draft.msg.len - REQUEST, 8));

	uf->sent++;
	if (!v->taken) {
		judge(&draft.msg, request, capacity, v);
		uf->taken += v->taken;
		uf->denied += v->taken && v->error;
		if (v->taken)
			note_claim(uf, request);
	} else {
		/* The first one counts. */
		judge(&draft.msg, request, capacity, &ignored);
	}
	msg = kmemdup(&draft, CN_BYTES + draft.msg.len, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(uf->fm.test, msg);
	dm_ulog_receive(msg, pick(uf, 256) ? uf->fm.daemon.portid : pick(uf, 2));
	kfree(msg);
}

/*
 * The transport by itself
 */

static int send_to_nobody(struct cn_msg *request)
{
	struct ulog_fuzz *uf = kunit_get_current_test()->priv;
	unsigned int i;

	uf->verdict.taken = false;
	for (i = pick(uf, MAX_JUNK); i > 0; i--)
		send_junk(uf, request, uf->capacity);
	if (!uf->verdict.taken) {
		struct cn_msg *ack = kmemdup(request, CN_BYTES, GFP_KERNEL);

		KUNIT_ASSERT_NOT_NULL(uf->fm.test, ack);
		ack->len = 0;
		ack->ack = 0;
		judge(ack, request, uf->capacity, &uf->verdict);
		dm_ulog_receive(ack, uf->fm.daemon.portid);
		kfree(ack);
	}
	return 0;
}

static void check_call(struct ulog_fuzz *uf, const struct dm_ulog_call *call, int r)
{
	const struct verdict *v = &uf->verdict;
	struct kunit *test = uf->fm.test;

	if (r || call->error != v->error || call->reply_size != v->size ||
	    (v->size && memcmp(call->reply, v->payload, v->size)))
		KUNIT_FAIL(test,
			   "message %llu: %s: call returns %d, error %d, %zu bytes, expected error %d, %zu bytes\n",
			   uf->sent, dm_ulog_type_name(call->type), r, call->error,
			   call->reply_size, v->error, v->size);
	/* What the answer does not fill is left alone. */
	if (call->capacity > v->size &&
	    memchr_inv(call->reply + v->size, 0xa5, call->capacity - v->size))
		KUNIT_FAIL(test, "message %llu: more than the answer was written\n", uf->sent);
}

static void count_lost(struct dm_ulog_client *client)
{
}

static void begin(struct ulog_fuzz *uf)
{
	u64 seed = fuzz_messages_seed ?: get_random_u64();

	kunit_info(uf->fm.test, "seed %llu\n", seed);
	prandom_seed_state(&uf->rnd, seed);
}

static void end(struct ulog_fuzz *uf, ktime_t start)
{
	struct kunit *test = uf->fm.test;

	kunit_info(test, "%llu messages in %lld ms: %llu taken for an answer, %llu of these in error\n",
		   uf->sent, ktime_ms_delta(ktime_get(), start), uf->taken, uf->denied);
	KUNIT_EXPECT_GT(test, uf->taken * 20, uf->sent);
	KUNIT_EXPECT_GT(test, (uf->taken - uf->denied) * 20, uf->taken);
	KUNIT_EXPECT_GT(test, uf->denied * 20, uf->taken);
}

static void fuzz_transport(struct kunit *test)
{
	static const u16 capacities[] = { 0, 8, 16, 127, 128, 400 };
	struct ulog_fuzz *uf = test->priv;
	ktime_t start = ktime_get();

	begin(uf);
	kunit_activate_static_stub(test, dm_ulog_send, send_to_nobody);
	KUNIT_ASSERT_EQ(test, dm_ulog_client_init(&uf->client, UUID, count_lost), 0);
	while (uf->sent < fuzz_messages - fuzz_messages / TYPE_SHARE &&
	       test->status != KUNIT_FAILURE) {
		u64 region = pick(uf, FAKE_REGIONS);
		struct dm_ulog_call call = {
			.type = 1 + pick(uf, FAKE_TYPES - 1),
			.data = &region,
			.size = sizeof(region),
			.timeout = HZ,
		};
		int r;

		uf->capacity = capacities[pick(uf, ARRAY_SIZE(capacities))];
		call.capacity = uf->capacity;
		call.reply = kmalloc(uf->capacity, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, call.reply);
		memset(call.reply, 0xa5, uf->capacity);
		r = dm_ulog_call(&uf->client, &call);
		check_call(uf, &call, r);
		kfree(call.reply);
		cond_resched();
	}
	dm_ulog_client_exit(&uf->client);
	end(uf, start);
}

/*
 * A whole log
 */

static size_t capacity_of(u32 type)
{
	switch (type) {
	case DM_ULOG_CTR:
		return 128;
	case DM_ULOG_STATUS_INFO:
		return SZ_16K - 1;
	default:
		return answer_bytes(type, 0);
	}
}

/* Junk comes before a daemon that says what is true: no region is in sync. */
static int send_to_daemon(struct cn_msg *request)
{
	struct ulog_fuzz *uf = kunit_get_current_test()->priv;
	u32 type = get_u32(request->data, 152);
	unsigned int i, nr = pick(uf, MAX_JUNK);

	uf->verdict.taken = false;
	/* If too often it does not know the log, nothing else is asked. */
	if ((type <= DM_ULOG_RESUME || type == DM_ULOG_GET_REGION_SIZE) && pick(uf, 16))
		nr = 0;
	for (i = 0; i < nr; i++)
		send_junk(uf, request, capacity_of(type));
	return dm_log_fake_send(request);
}

static void ask_status(struct ulog_fuzz *uf)
{
	struct dm_dirty_log *log = uf->fm.log;
	unsigned int maxlen = 1 + pick(uf, 300);
	char *buf = kmalloc(maxlen, GFP_KERNEL);
	int len;

	KUNIT_ASSERT_NOT_NULL(uf->fm.test, buf);
	memset(buf, 'x', maxlen);
	len = log->type->status(log, STATUSTYPE_INFO, buf, maxlen);
	if (strnlen(buf, maxlen) == maxlen || len < 0)
		KUNIT_FAIL(uf->fm.test, "message %llu: status without an end\n", uf->sent);
	kfree(buf);
}

static void ask_work(struct ulog_fuzz *uf)
{
	region_t region = 4711000;
	int r = uf->fm.log->type->get_resync_work(uf->fm.log, &region);

	if (r > 0 && (region >= FAKE_REGIONS || !uf->yes[DM_ULOG_GET_RESYNC_WORK]))
		KUNIT_FAIL(uf->fm.test, "message %llu: region %llu to recover\n",
			   uf->sent, region);
	if (r <= 0 && region != 4711000)
		KUNIT_FAIL(uf->fm.test, "message %llu: region %llu in spite of %d\n",
			   uf->sent, region, r);
}

/* Said now; or said before, but not that all are. */
static bool was_counted(const struct ulog_fuzz *uf, u64 count)
{
	unsigned int i;

	for (i = 0; i < min_t(unsigned int, uf->nr_counts, ARRAY_SIZE(uf->counts)); i++)
		if (uf->counts[i] == count ||
		    (count == FAKE_REGIONS - 1 && uf->counts[i] == FAKE_REGIONS))
			return true;
	return !count;
}

static void ask_count(struct ulog_fuzz *uf)
{
	u64 count = uf->fm.log->type->get_sync_count(uf->fm.log);

	if (!was_counted(uf, count))
		KUNIT_FAIL(uf->fm.test, "message %llu: %llu regions in sync, nobody said so\n",
			   uf->sent, count);
}

static void ask_sync(struct ulog_fuzz *uf, u64 region)
{
	struct dm_dirty_log *log = uf->fm.log;
	int r = log->type->in_sync(log, region, 1);

	if (r == 0 || (r == 1 && test_bit(region, uf->claimed)))
		return;
	KUNIT_FAIL(uf->fm.test, "message %llu: region %llu in sync: %d\n", uf->sent,
		   region, r);
}

static void ask_clean(struct ulog_fuzz *uf, u64 region)
{
	struct dm_dirty_log *log = uf->fm.log;
	int r = log->type->is_clean(log, region);

	if (r == 0 || (r == 1 && uf->yes[DM_ULOG_IS_CLEAN]))
		return;
	KUNIT_FAIL(uf->fm.test, "message %llu: region %llu clean: %d\n", uf->sent,
		   region, r);
}

/* One pass of the worker. What it remembers lasts until the next flush. */
static void pass(struct ulog_fuzz *uf)
{
	const struct dm_dirty_log_type *type = uf->fm.log->type;
	struct dm_dirty_log *log = uf->fm.log;
	u64 region = pick(uf, FAKE_REGIONS);
	int r;

	memset(uf->yes, 0, sizeof(uf->yes));
	switch (pick(uf, 10)) {
	case 0 ... 1:
		ask_sync(uf, region);
		break;
	case 2:
		ask_clean(uf, region);
		break;
	case 3:
		ask_count(uf);
		break;
	case 4:
		ask_work(uf);
		break;
	case 5:
		ask_status(uf);
		break;
	case 6:
		r = type->is_remote_recovering(log, region);
		KUNIT_EXPECT_TRUE(uf->fm.test, r == 0 || r == 1);
		break;
	case 7:
		type->mark_region(log, region);
		break;
	case 8:
		type->clear_region(log, region);
		dm_log_run_cleaner(log);
		break;
	case 9:
		type->set_region_sync(log, region, 0);
		break;
	}
	type->flush(log);
}

static void fuzz_log(struct kunit *test, const char *words)
{
	struct ulog_fuzz *uf = test->priv;
	ktime_t start = ktime_get();
	unsigned int logs = 0;
	int i;

	begin(uf);
	bitmap_zero(uf->fm.daemon.in_sync, FAKE_REGIONS);
	dm_log_resend_ms = 10;
	kunit_activate_static_stub(test, dm_ulog_send, send_to_daemon);
	while (uf->sent < fuzz_messages / TYPE_SHARE / 2 && test->status != KUNIT_FAILURE) {
		bitmap_zero(uf->claimed, FAKE_REGIONS);
		uf->fm.daemon.known = false;
		/* If the daemon seems not to take it, there is none. */
		if (!dm_log_fake_create(&uf->fm, words))
			continue;
		logs++;
		uf->fm.log->type->resume(uf->fm.log);
		for (i = 0; i < 1000 && test->status != KUNIT_FAILURE; i++)
			pass(uf);
		uf->fm.log->type->presuspend(uf->fm.log);
		uf->fm.log->type->postsuspend(uf->fm.log);
		dm_log_fake_destroy(&uf->fm);
	}
	kunit_info(test, "%u logs\n", logs);
	end(uf, start);
}

static void fuzz_plain(struct kunit *test)
{
	fuzz_log(test, "u clustered-core 1024");
}

static void fuzz_integrated(struct kunit *test)
{
	fuzz_log(test, "u integrated_flush insync_cache core 1024");
}

static int ulog_fuzz_init(struct kunit *test)
{
	return dm_log_fake_mirror_init(test, sizeof(struct ulog_fuzz));
}

static void ulog_fuzz_exit(struct kunit *test)
{
	dm_log_fake_mirror_exit(test->priv);
}

static struct kunit_case dm_log_ulog_fuzz_cases[] = {
	KUNIT_CASE_SLOW(fuzz_transport),
	KUNIT_CASE_SLOW(fuzz_plain),
	KUNIT_CASE_SLOW(fuzz_integrated),
	{}
};

static struct kunit_suite dm_log_ulog_fuzz_suite = {
	.name = "dm_log_ulog_fuzz",
	.init = ulog_fuzz_init,
	.exit = ulog_fuzz_exit,
	.test_cases = dm_log_ulog_fuzz_cases,
};

kunit_test_suite(dm_log_ulog_fuzz_suite);
