// SPDX-License-Identifier: GPL-2.0-only
/*
 * In place of tests/fake-cluster.c: the daemons of the model's nodes are cmirrords.
 *
 * The model judges by what struct cluster says: so that is filled in from what the daemons
 * know, and what no daemon knows (who has given which marks, since when a region is out of
 * sync, and so on; see fake-cluster.h) from what is asked of them and what they write.
 *
 * fake-cluster.c is there, too, under other names. Before each request it is given the state
 * that the real daemons are in; and what it answers, and the state that it comes to, have to
 * be theirs. So whatever the model of KUnit lets a cmirrord do, a cmirrord does. Where it does
 * not, see is_known().
 */

#include <linux/bitops.h>
#include <linux/errno.h>
#include <linux/jiffies.h>
#include <linux/minmax.h>
#include <linux/string.h>

#include "ulog.h"

#include "cmirrord.h"
#include "replicas.h"

#define FIRST_PORTID	1000
#define LOG_MAGIC	0x4D695272
#define LOG_VERSION	2
#define LOG_BITS	1024
/* Whoever recovers the regions that are of no interest, at once */
#define NOBODY		99

struct replicas replicas;

/* It has more logs than the model has places. */
static bool crowded[CLUSTER_NODES];

static struct cluster *the_cluster;
static unsigned int asker;
static bool resuming;

/*
 * What the daemons know
 */

static bool test_bitmap(const u8 *bitmap, u64 number)
{
	return bitmap[number / 8] >> number % 8 & 1;
}

static u32 active_bits(const struct cluster *cl, const u8 *bitmap)
{
	unsigned int i;
	u32 bits = 0;

	for (i = 0; i < CLUSTER_ACTIVE; i++)
		if (test_bitmap(bitmap, cl->number[i]))
			bits |= BIT(i);
	return bits;
}

static unsigned int node_of_id(u32 id)
{
	return id - 1;
}

static void learn_log(struct cluster *cl, struct cluster_replica *r,
		      const struct cmirrord_log *log)
{
	unsigned int i;
	int region;

	r->official = log->luid;
	r->sync = active_bits(cl, log->sync);
	r->clean = active_bits(cl, log->clean);
	memset(r->marks, 0, sizeof(r->marks));
	for (i = 0; i < log->nr_marks; i++) {
		region = cluster_region(cl, log->mark[i].region);
		if (region != CLUSTER_NONE && node_of_id(log->mark[i].node) < CLUSTER_NODES)
			r->marks[node_of_id(log->mark[i].node)] |= BIT(region);
	}
	r->touched = log->touched;
	r->in_sync = log->in_sync;
	if (log->halted && !r->halted)
		r->halted_since = get_jiffies_64();
	r->halted = log->halted;
	r->recovering = log->recovering == U64_MAX ? CLUSTER_NONE :
			cluster_region(cl, log->recovering);
	r->recoverer = node_of_id(log->recoverer);
	r->search = log->search;
	/* There the next one is the first. */
	r->nr_wanted = 0;
	for (i = log->nr_wanted; i--; ) {
		region = cluster_region(cl, log->wanted[i]);
		if (region != CLUSTER_NONE && r->nr_wanted < CLUSTER_ACTIVE)
			r->wanted[r->nr_wanted++] = region;
	}
}

static void learn(struct cluster *cl, unsigned int node)
{
	struct cluster_replica *r = &cl->replica[node];
	u32 before = cluster_member(cl, node) ? r->sync : 0;
	struct cmirrord_state state;
	unsigned int i;

	cmirrord_look(node, &state);
	crowded[node] = state.nr_pending >= CLUSTER_LOGS;
	for (i = 0; i < CLUSTER_LOGS; i++)
		r->pending[i] = i < state.nr_pending ? state.pending[i] : 0;
	if (state.resumed) {
		learn_log(cl, r, &state.log);
	} else {
		r->official = 0;
		r->recovering = CLUSTER_NONE;
	}
	for (i = 0; i < CLUSTER_ACTIVE; i++)
		if (before & ~r->sync & BIT(i))
			cl->lost_sync[i] = get_jiffies_64();
}

static void learn_all(struct cluster *cl)
{
	unsigned int node;

	for (node = 0; node < CLUSTER_NODES; node++)
		learn(cl, node);
}

/*
 * Their log device is struct cluster's, which the test may change.
 */

static uint64_t now_ms(void)
{
	return jiffies_to_msecs(jiffies);
}

static void wait_ms(unsigned int ms)
{
	msleep(ms);
}

static int read_disk(unsigned int node, void *buf, size_t bytes)
{
	const struct cluster *cl = the_cluster;
	const u32 header[2] = { LOG_MAGIC, LOG_VERSION };
	u8 *bitmap = buf + LOG_BITS;
	unsigned int i;

	memset(buf, 0, bytes);
	memcpy(buf, header, sizeof(header));
	memcpy(buf + sizeof(header), &cl->nr_regions, sizeof(cl->nr_regions));
	memset(bitmap, 0xff, cl->nr_regions / 8);
	for (i = 0; i < cl->nr_regions % 8; i++)
		bitmap[cl->nr_regions / 8] |= BIT(i);
	for (i = 0; i < CLUSTER_ACTIVE; i++)
		if (!(cl->disk & BIT(i)))
			bitmap[cl->number[i] / 8] &= ~BIT(cl->number[i] % 8);
	return 0;
}

static int write_disk(unsigned int node, const void *buf, size_t bytes)
{
	struct cluster *cl = the_cluster;
	u32 clean = active_bits(cl, buf + LOG_BITS);
	unsigned int i;

	replicas.disk_writes++;
	if (cl->disk_fails) {
		cl->disk_fails--;
		cl->unwritten |= cl->disk & ~clean;
		cl->refused |= BIT(asker);
		replicas.disk_failures++;
		return -EIO;
	}
	if (!resuming) {
		learn_all(cl);
		cl->doubt = 0;
		for (i = 0; i < CLUSTER_ACTIVE; i++)
			if (clean & BIT(i) && cluster_is_doubtful(cl, i))
				cl->doubt |= BIT(i);
		cl->refused = 0;
	}
	cl->disk = clean;
	cl->unwritten = 0;
	return 0;
}

static const struct cmirrord_world world = {
	.now_ms = now_ms,
	.wait_ms = wait_ms,
	.read = read_disk,
	.write = write_disk,
};

/*
 * Beside the model
 */

static const char *compare_replicas(const struct cluster_replica *real,
				    const struct cluster_replica *fake)
{
	if (real->official != fake->official)
		return "member";
	if (!real->official)
		return NULL;
	if (real->sync != fake->sync)
		return "sync";
	if (real->clean != fake->clean)
		return "clean";
	if (memcmp(real->marks, fake->marks, sizeof(real->marks)))
		return "marks";
	if (real->touched != fake->touched)
		return "touched";
	if (real->in_sync != fake->in_sync)
		return "in_sync";
	if (real->halted != fake->halted)
		return "halted";
	if (real->recovering != fake->recovering)
		return "recovering";
	if (real->recovering != CLUSTER_NONE && real->recoverer != fake->recoverer)
		return "recoverer";
	if (real->search != fake->search)
		return "search";
	if (real->nr_wanted != fake->nr_wanted ||
	    memcmp(real->wanted, fake->wanted, real->nr_wanted * sizeof(real->wanted[0])))
		return "wanted";
	return NULL;
}

static const char *compare(const struct cluster *cl, int result, const u64 *reply,
			   const struct cluster *model, int expected, const u64 *expected_reply,
			   u32 type)
{
	/* Where there is nothing to do, nothing says what not. */
	int length = type == DM_ULOG_GET_RESYNC_WORK && !reply[0] ? 8 : result;
	const char *what;
	unsigned int node;

	if (min(result, 0) != min(expected, 0))
		return "error";
	if (type != DM_ULOG_CTR && type != DM_ULOG_STATUS_INFO &&
	    (result != expected ||
	     (result > 0 && memcmp(reply, expected_reply, length))))
		return "answer";
	for (node = 0; node < CLUSTER_NODES; node++) {
		what = compare_replicas(&cl->replica[node], &model->replica[node]);
		if (what)
			return what;
	}
	if (cl->disk != model->disk)
		return "disk";
	if (cl->unwritten != model->unwritten)
		return "unwritten";
	if (cl->refused != model->refused)
		return "refused";
	if (cl->doubt != model->doubt)
		return "doubt";
	return NULL;
}

static void tell_replica(const char *who, unsigned int node, const struct cluster_replica *r)
{
	printf("#       %s %u: member %d, sync %x, clean %x, marks %x %x %x,", who, node,
	       !!r->official, r->sync, r->clean, r->marks[0], r->marks[1], r->marks[2]);
	printf(" touched %d, in_sync %d, recovering %d by %u, search %llu, wanted %u\n",
	       r->touched, r->in_sync, r->recovering, r->recoverer, r->search, r->nr_wanted);
}

static void tell_difference(const struct cluster *cl, const struct cluster *model,
			    unsigned int node, u32 type, const char *what, int result,
			    int expected)
{
	unsigned int i;

	printf("#     node %u, %s, they differ: %s; cmirrord says %d, the model %d;",
	       node, dm_ulog_type_name(type), what, result, expected);
	printf(" disk %x, %x; unwritten %x, %x; doubt %x, %x\n", cl->disk, model->disk,
	       cl->unwritten, model->unwritten, cl->doubt, model->doubt);
	for (i = 0; i < CLUSTER_NODES; i++) {
		tell_replica("cmirrord", i, &cl->replica[i]);
		tell_replica("model   ", i, &model->replica[i]);
	}
}

/*
 * What the model simplifies, or leaves to the judge, and cmirrord does:
 *
 * - If it does not know the log, a request for the cluster is answered by -ENOENT; CLEAR by 0,
 *   before it is sent there. RESUME is answered by 0, and nothing is done; likewise if the
 *   mirror's former log has not left yet. From then on requests of the new log reach the former
 *   one, for in the cluster a luid means nothing.
 * - Who resumes first writes the log. If that fails, RESUME does, but has been done; and the
 *   next one finds all out of sync.
 * - RESUME of a log that is resumed forgets that all was in sync once.
 * - A log that is suspended keeps the regions that writes wait for. All members send their
 *   bits to one that joins, who takes those that come first: not the server's.
 * - Each replica finds for itself what is to be recovered next; the server's answer counts.
 * - It keeps as many logs as there are, also those whose DTR it has not heard; the model's
 *   places are fewer.
 */
static bool is_known(unsigned int node, u32 type, const char *what, int result, int expected)
{
	if (crowded[node] && !strcmp(what, "error"))
		return true;
	if (!strcmp(what, "error"))
		return type == DM_ULOG_RESUME || (type == DM_ULOG_CLEAR_REGION && !result) ||
		       (cluster_asks_all(type) && result == -ENOENT && expected == -EINVAL) ||
		       (cluster_asks_all(type) && expected == -ENOENT);
	switch (type) {
	case DM_ULOG_RESUME:
		return strcmp(what, "member") && strcmp(what, "halted") && strcmp(what, "search");
	case DM_ULOG_GET_RESYNC_WORK:
		return !strcmp(what, "recovering") || !strcmp(what, "recoverer");
	case DM_ULOG_FLUSH:
		return !strcmp(what, "doubt");
	}
	return false;
}

static void count_difference(u32 type, const char *what, bool known)
{
	unsigned int i;

	replicas.unknown += !known;
	for (i = 0; i < ARRAY_SIZE(replicas.difference); i++) {
		struct replicas_difference *d = &replicas.difference[i];

		if (d->what && (d->type != type || d->known != known || strcmp(d->what, what)))
			continue;
		d->what = what;
		d->type = type;
		d->known = known;
		d->count++;
		return;
	}
}

/*
 * fake-cluster.h
 */

/* What a daemon answers to GET_RESYNC_WORK, so that it can be told from what it may. */
static int next_work(const struct cluster *cl, unsigned int node)
{
	const struct cluster_replica *r = &cl->replica[cluster_server(cl)];
	unsigned int i = r->nr_wanted;
	int region;

	if (r->search >= cl->nr_regions)
		return CLUSTER_NONE;
	if (r->recovering != CLUSTER_NONE)
		return r->recoverer == node ? r->recovering : CLUSTER_NONE;
	while (i--)
		if (!(r->sync & BIT(r->wanted[i])))
			return r->wanted[i];
	for (region = 0; region < CLUSTER_ACTIVE; region++)
		if (!(r->sync & BIT(region)) && cl->number[region] >= r->search)
			return region;
	return CLUSTER_NONE;
}

struct question {
	struct dm_ulog_request request;
	u64 payload[64];
};

/* All is to be recovered, if the log device has failed: what is of no interest has been. */
static void recover_others(struct cluster *cl, unsigned int node)
{
	struct question q = { 0 };
	struct cmirrord_state state;
	u64 number;

	cmirrord_look(node, &state);
	for (number = 0; number < cl->nr_regions; number++) {
		if (cluster_region(cl, number) != CLUSTER_NONE ||
		    test_bitmap(state.log.sync, number))
			continue;
		strscpy(q.request.uuid, "u", sizeof(q.request.uuid));
		q.payload[0] = number;
		q.payload[1] = 1;
		q.request.request_type = DM_ULOG_SET_REGION_SYNC;
		q.request.data_size = 16;
		cmirrord_tell(node, NOBODY, &q, sizeof(q.request) + q.request.data_size);
		q.request.request_type = DM_ULOG_CLEAR_REGION;
		q.request.data_size = 8;
		cmirrord_tell(node, NOBODY, &q, sizeof(q.request) + q.request.data_size);
	}
}

static void joined(struct cluster *cl, unsigned int node)
{
	unsigned int i;
	bool alone = true;

	memcpy(cl->replica[node].periods, cl->periods, sizeof(cl->periods));
	for (i = 0; i < CLUSTER_NODES; i++)
		alone &= i == node || !cluster_member(cl, i);
	if (!alone)
		return;
	cl->dead &= cl->disk;
	for (i = 0; i < CLUSTER_ACTIVE; i++)
		cl->lost_sync[i] = get_jiffies_64();
	recover_others(cl, node);
	learn(cl, node);
}

/* The next server, or the one that there is, may know better than the disk. */
static void left(struct cluster *cl)
{
	int server = cluster_server(cl);

	if (server >= 0)
		cl->unwritten |= cl->disk & ~cl->replica[server].clean;
}

/* The log device's name is what the model does not know. */
static void name_disk(struct question *q)
{
	char *words = (char *)q->payload, *type;

	type = strchr(words, ' ');
	if (!type || strcmp(type, " clustered-disk 1024"))
		return;
	strscpy(type, " clustered-disk " CMIRRORD_DISK " 1024",
		sizeof(q->payload) - (type - words));
	q->request.data_size = strlen(words) + 1;
}

static int ask(struct cluster *cl, unsigned int node, const struct dm_ulog_request *request,
	       const u64 *payload, u64 *reply)
{
	u32 type = DM_ULOG_REQUEST_TYPE(request->request_type);
	bool was_member = cluster_member(cl, node);
	struct question q;
	int result;

	q.request = *request;
	memset(q.payload, 0, sizeof(q.payload));
	memcpy(q.payload, payload, request->data_size);
	if (type == DM_ULOG_CTR)
		name_disk(&q);
	asker = node;
	resuming = type == DM_ULOG_RESUME;
	result = cmirrord_ask(node, &q, sizeof(q.request) + q.request.data_size, reply,
			      REPLICAS_REPLY);
	resuming = false;
	learn_all(cl);
	if (!was_member && cluster_member(cl, node))
		joined(cl, node);
	else if (was_member && !cluster_member(cl, node))
		left(cl);
	return result;
}

int cluster_request(struct cluster *cl, unsigned int node,
		    const struct dm_ulog_request *request, const u64 *payload, u64 *reply)
{
	u32 type = DM_ULOG_REQUEST_TYPE(request->request_type);
	unsigned int nr = request->data_size / sizeof(u64);
	u64 expected_reply[REPLICAS_REPLY / sizeof(u64)];
	struct cluster model = *cl;
	const char *what = NULL;
	int region, result, expected;

	the_cluster = cl;
	replicas.requests++;
	region = type == DM_ULOG_GET_RESYNC_WORK && cluster_member(cl, node) ?
		 next_work(cl, node) : CLUSTER_NONE;
	/* It is not asked: what it would do is the protocol's fault, and nobody else's. */
	if (region != CLUSTER_NONE && !cl->may_hand_out(cl, region, node)) {
		replicas.not_asked++;
		reply[0] = 0;
		reply[1] = 0;
		return 2 * sizeof(u64);
	}
	expected = fake_cluster_request(&model, node, request, payload, expected_reply);

	if (cluster_member(cl, node) &&
	    (type == DM_ULOG_MARK_REGION || type == DM_ULOG_CLEAR_REGION))
		cluster_note_given(cl, node, type, payload, nr);
	if (type == DM_ULOG_RESUME)
		cl->refused &= ~BIT(node);
	result = ask(cl, node, request, payload, reply);
	if (type == DM_ULOG_IN_SYNC && result > 0) {
		region = cluster_region(cl, payload[0]);
		if (region != CLUSTER_NONE && reply[0] && !(cl->replica[node].sync & BIT(region)))
			cl->latched[node] |= BIT(region);
	}
	what = compare(cl, result, reply, &model, expected, expected_reply, type);
	if (what) {
		bool known = is_known(node, type, what, result, expected);

		count_difference(type, what, known);
		if (cmirrord_verbose || !known)
			tell_difference(cl, &model, node, type, what, result, expected);
	}
	return result;
}

static void restart(struct cluster *cl, unsigned int node)
{
	bool was_member = cluster_member(cl, node);

	the_cluster = cl;
	if (cmirrord_runs(node))
		cmirrord_kill(node);
	cmirrord_start(node);
	replicas.starts++;
	learn_all(cl);
	if (was_member)
		left(cl);
}

/* Another daemon takes the place of the node's, and knows nothing. */
void cluster_restart(struct cluster *cl, unsigned int node)
{
	struct cluster_replica *r = &cl->replica[node];

	restart(cl, node);
	r->portid++;
	r->listening = true;
}

/* The node is gone; its daemon with it. */
void cluster_crash(struct cluster *cl, unsigned int node)
{
	cl->dead |= cl->given[node];
	cl->given[node] = 0;
	cluster_restart(cl, node);
	cl->replica[node].listening = false;
}

void cluster_init(struct cluster *cl, unsigned int nr_nodes)
{
	unsigned int node;

	the_cluster = cl;
	if (!cl->like_cmirrord)
		replicas_bail_out("the daemons are cmirrords: nodes_daemon=1");
	cmirrord_init(&world, replicas_folder);
	fake_cluster_init(cl, nr_nodes);
	for (node = 0; node < nr_nodes; node++)
		restart(cl, node);
}
