// SPDX-License-Identifier: GPL-2.0-only
/*
 * The userspace log: a daemon keeps it, so that a cluster can share one.
 *
 * Table line:	userspace <number of words> <uuid> [integrated_flush]
 *		[insync_cache] <words for the daemon>...
 * Status:	what the daemon says, or 1 COM_FAILURE
 *
 * Whether a region is in sync, and which is to be recovered next, is the daemon's
 * to say: other nodes have a part in it. This node keeps account of its own writes
 * only, in a region map whose stable copy is the daemon (marks.c)
 * and which is brought up to date by the write-intent cache (cache.h).
 *
 * See struct dm_dirty_log_type for what the operations promise, and
 * include/uapi/linux/dm-log-userspace.h for what the daemon is asked.
 */

#include <linux/device-mapper.h>
#include <linux/dm-dirty-log.h>
#include <linux/jiffies.h>
#include <linux/math64.h>
#include <linux/module.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "logs.h"
#include "private.h"
#include "types.h"
#include "userspace.h"

#define DM_MSG_PREFIX "dirty region log"

/* What the daemon may name as its device, including the NUL (protocol). */
#define DEVICE_BYTES		128
/* No message of the connector is longer. */
#define STATUS_BYTES		SZ_16K
/* How long a suspend waits for the worker to get answers. */
#define SUSPEND_WAIT_MS		15000

/*
 * Arguments
 */

/* Words of ours between the uuid and those for the daemon. */
struct us_options {
	bool integrated;
	bool insync_cache;
};

static unsigned int parse_options(unsigned int argc, char **argv,
				  struct us_options *options)
{
	unsigned int used = 0;

	if (used < argc && !strcasecmp(argv[used], "integrated_flush")) {
		options->integrated = true;
		used++;
	}
	if (used < argc && !strcasecmp(argv[used], "insync_cache")) {
		options->insync_cache = true;
		used++;
	}
	return used;
}

/* The words, separated by blanks, behind what the format makes. */
static char *join_words(const char *prefix, unsigned int argc, char **argv)
{
	size_t size = strlen(prefix) + 1;
	unsigned int i;
	char *text;

	for (i = 0; i < argc; i++)
		size += strlen(argv[i]) + 1;
	text = kmalloc(size, GFP_KERNEL);
	if (!text)
		return NULL;

	strscpy(text, prefix, size);
	for (i = 0; i < argc; i++) {
		if (i || *prefix)
			strlcat(text, " ", size);
		strlcat(text, argv[i], size);
	}
	return text;
}

static int check_args(unsigned int argc, char **argv, unsigned int nr_options,
		      const struct us_options *options)
{
	if (argc < 3) {
		DMERR("userspace: expected <uuid> [options] <word for daemon>..., got %u words",
		      argc);
		return -EINVAL;
	}
	if (strlen(argv[0]) >= DM_UUID_LEN) {
		DMERR("userspace: uuid '%s' has %zu characters, expected at most %d",
		      argv[0], strlen(argv[0]), DM_UUID_LEN - 1);
		return -EINVAL;
	}
	if (argc <= 1 + nr_options) {
		DMERR("userspace: log %s: expected arguments for the daemon, got none",
		      argv[0]);
		return -EINVAL;
	}
	/* Another node may set a region out of sync, and nobody would tell us. */
	if (options->insync_cache && str_has_prefix(argv[1 + nr_options], "clustered")) {
		DMERR("userspace: log %s: insync_cache with %s: expected a log of one node",
		      argv[0], argv[1 + nr_options]);
		return -EINVAL;
	}
	return 0;
}

static int parse_us_args(struct us_log *us, struct dm_target *ti, unsigned int argc,
			 char **argv, struct us_options *options)
{
	char *words[3], len[24];
	unsigned int nr_options = 0, nr_words = 0;
	char *prefix;
	int r;

	/*
	 * Before any of them is touched: an old dm-mirror passes on a count near 2^32. Each
	 * word takes two bytes of CTR's message, but for uuid and options.
	 */
	if (argc > 3 + DM_ULOG_MAX_PAYLOAD / 2) {
		DMERR("userspace: %u words, expected at most %d", argc,
		      3 + DM_ULOG_MAX_PAYLOAD / 2);
		return -EINVAL;
	}
	if (argc)
		nr_options = parse_options(argc - 1, argv + 1, options);
	r = check_args(argc, argv, nr_options, options);
	if (r)
		return r;

	us->argc = argc;
	words[nr_words++] = argv[0];
	if (options->integrated)
		words[nr_words++] = "integrated_flush";
	if (options->insync_cache)
		words[nr_words++] = "insync_cache";
	prefix = join_words("", nr_words, words);
	if (!prefix)
		return -ENOMEM;
	us->line = join_words(prefix, argc - 1 - nr_options, argv + 1 + nr_options);
	kfree(prefix);

	snprintf(len, sizeof(len), "%llu", (unsigned long long)ti->len);
	us->ctr_args = join_words(len, argc - 1 - nr_options, argv + 1 + nr_options);
	if (!us->line || !us->ctr_args)
		return -ENOMEM;

	if (strlen(us->ctr_args) > DM_ULOG_MAX_PAYLOAD) {
		DMERR("userspace: log %s: words for daemon: %zu characters, expected at most %d",
		      argv[0], strlen(us->ctr_args), DM_ULOG_MAX_PAYLOAD);
		return -EINVAL;
	}
	return 0;
}

/*
 * Create and destroy
 */

/* Hold the device that the daemon keeps its log on. */
static int hold_device(struct us_log *us, struct dm_target *ti, const char *name,
		       size_t size)
{
	int r;

	if (!size)
		return 0;

	if (strnlen(name, size) != size - 1) {
		DMERR("userspace: log %s: bad device in answer to CTR: expected a NUL at its end",
		      us->client.uuid);
		return -EPROTO;
	}

	r = dm_get_device(ti, name, dm_table_get_mode(ti->table), &us->dev);
	if (r)
		DMERR("userspace: log %s: cannot open the daemon's log device '%s' (error %d)",
		      us->client.uuid, name, r);
	return r;
}

static int get_regions(struct us_log *us, struct dm_target *ti)
{
	struct dm_log_args *args = &us->cache.common.args;
	u64 sectors;
	int r;

	r = us_request_region_size(us, &sectors);
	if (r) {
		DMERR("userspace: log %s: no region size from the daemon (error %d)",
		      us->client.uuid, r);
		return r;
	}
	r = us_check_region_size(us, sectors, ti->len);
	if (r)
		return r;

	args->region_sectors = sectors;
	args->nr_regions = DIV_ROUND_UP_ULL(ti->len, args->region_sectors);
	return 0;
}

static int alloc_maps(struct us_log *us)
{
	u64 nr_regions = us->cache.common.args.nr_regions;
	int r;

	/* This node has marked nothing yet. */
	r = dm_regions_init(&us->cache.common.regions, nr_regions,
			    DM_REGION_CLEAN, true);
	if (!r)
		r = us_marks_init(us);
	if (!r)
		r = us_sync_init(us);
	if (r)
		DMERR("userspace: log %s: no memory for %llu regions (error %d)",
		      us->client.uuid, nr_regions, r);
	return r;
}

static unsigned int us_tend(struct dm_log_cache *cache)
{
	struct us_log *us = cache_to_us_log(cache);
	struct us_until until = us_until(us, US_WAIT_LIMITED);
	unsigned long start = jiffies;
	int r;

	if (us_is_lost(us)) {
		r = us_reconnect(us, &until);
		if (r) {
			us_report_waiting(us, DM_ULOG_GET_REGION_SIZE, start, r);
			return 2 * MSEC_PER_SEC;
		}
	} else {
		us_renew(us);
	}
	us_wake_if_wanted(us);
	return 0;
}

static bool us_may_clean(struct dm_log_cache *cache)
{
	return us_may_clear(cache_to_us_log(cache));
}

static const struct dm_log_cache_ops us_cache_ops = {
	.commit = us_commit,
	.tend = us_tend,
	.clean = us_clean,
	.may_clean = us_may_clean,
	.has_more = us_has_more,
};

/* Also what was set up in part only. */
static void free_us_log(struct us_log *us, struct dm_target *ti)
{
	int r;

	dm_log_cache_stop(&us->cache);
	r = us_forget(us);
	if (r)
		DMWARN("userspace: log %s: the daemon was not told DTR (error %d)",
		       us->client.uuid, r);
	dm_ulog_client_exit(&us->client);
	/* What was queued when the daemon was lost just now. */
	dm_log_cache_stop(&us->cache);

	if (us->dev)
		dm_put_device(ti, us->dev);
	us_wake_exit(us);
	us_sync_exit(us);
	us_marks_exit(us);
	dm_log_cache_exit(&us->cache);
	mutex_destroy(&us->session.mutex);
	kfree(us->ctr_args);
	kfree(us->line);
	kfree(us);
}

static int us_ctr(struct dm_dirty_log *log, struct dm_target *ti,
		  unsigned int argc, char **argv)
{
	struct us_options options = { };
	char device[DEVICE_BYTES];
	size_t device_size = 0;
	struct us_log *us;
	int r;

	us = kzalloc_obj(*us);
	if (!us)
		return -ENOMEM;

	dm_log_cache_init(&us->cache, "userspace", &us_cache_ops, log, ti);
	us_session_init(us);
	us_wake_init(us);

	r = parse_us_args(us, ti, argc, argv, &options);
	if (r)
		goto bad;
	us->integrated = options.integrated;
	us->insync_cache = options.insync_cache;

	r = dm_ulog_client_init(&us->client, argv[0], us_lost);
	if (r)
		goto bad;
	us->cache.name = us->client.uuid;

	r = us_request_ctr(us, device, sizeof(device), &device_size);
	if (r) {
		DMERR("userspace: log %s: %s (error %d)", us->client.uuid,
		      r == -ESRCH ? "no log daemon is running" :
				    "the log daemon does not accept the log", r);
		goto bad;
	}
	r = get_regions(us, ti);
	if (r)
		goto bad;
	r = hold_device(us, ti, device, device_size);
	if (r)
		goto bad;
	r = alloc_maps(us);
	if (r)
		goto bad;

	log->context = &us->cache.common;
	dm_logs_add(&us->cache.common);
	return 0;

bad:
	free_us_log(us, ti);
	return r;
}

static void us_dtr(struct dm_dirty_log *log)
{
	struct us_log *us = to_us_log(log);

	dm_logs_remove(&us->cache.common);
	free_us_log(us, us->cache.common.ti);
}

/*
 * Suspend and resume
 */

static int us_presuspend(struct dm_dirty_log *log)
{
	struct us_log *us = to_us_log(log);

	/*
	 * The worker may be waiting for a daemon that is not there, and the
	 * mirror is about to wait for the worker.
	 */
	dm_ulog_hurry(&us->client, jiffies + msecs_to_jiffies(SUSPEND_WAIT_MS));
	dm_log_cache_stop(&us->cache);
	/* One that was never resumed has nothing to be halted. */
	if (!us->cache.resumed)
		return 0;
	return us_want(us, US_HALTED);
}

static int us_postsuspend(struct dm_dirty_log *log)
{
	struct us_log *us = to_us_log(log);
	int r, told;

	/* Its messages have a time of their own. */
	dm_ulog_hurry(&us->client, jiffies + msecs_to_jiffies(SUSPEND_WAIT_MS));
	/* Before POSTSUSPEND: after it another table may own the log. */
	r = dm_log_cache_close(&us->cache);

	told = us_want(us, US_ASLEEP);
	dm_ulog_no_hurry(&us->client);
	return r ?: told;
}

static int us_resume(struct dm_dirty_log *log)
{
	struct us_log *us = to_us_log(log);
	int r;

	dm_ulog_no_hurry(&us->client);
	us_wait_to_rejoin(us);
	mutex_lock(&us->cache.commit_lock);
	dm_regions_restart(&us->cache.common.regions);
	r = us_want(us, US_AWAKE);
	dm_log_cache_opened(&us->cache);
	mutex_unlock(&us->cache.commit_lock);

	us_wake_resumed(us);
	dm_log_cache_start(&us->cache, r);
	if (r)
		dm_log_cache_tend(&us->cache, MSEC_PER_SEC);
	return r;
}

/*
 * Marks
 */

/*
 * The mirror flushes twice in a pass, and nobody looks at what becomes of the first one,
 * nor waits for a mark when no write was let go. So only the second one may wait for the
 * daemon: a mirror that is to be suspended has to get to the end of a recovery first, for
 * which it needs the worker.
 */
static int us_flush(struct dm_dirty_log *log)
{
	struct us_log *us = to_us_log(log);
	bool force = us_is_lost(us) || us_has_met_another(us) || us_is_refused(us);
	int r;

	if (!us_sync_new_pass(us)) {
		dm_log_cache_flush_later(&us->cache, force);
		return 0;
	}

	r = dm_log_cache_flush(&us->cache, force);
	if (r)
		us_sync_flush_failed(us);
	/* The mirror may hold writes back now: somebody should look. */
	if (r && !us->flush_failed)
		dm_log_raise_event(us->cache.common.ti);
	us->flush_failed = r != 0;
	return r;
}

static int us_status(struct dm_dirty_log *log, status_type_t status_type,
		     char *result, unsigned int maxlen)
{
	struct us_log *us = to_us_log(log);
	unsigned int sz = 0;
	char *text;

	switch (status_type) {
	case STATUSTYPE_INFO:
		/*
		 * Into a buffer of our own: the daemon's string need not end, and
		 * what lies behind it in the caller's is not for everybody.
		 */
		text = kvmalloc(STATUS_BYTES, GFP_NOIO);
		if (text && !us_request_status(us, text, STATUS_BYTES) && *text)
			DMEMIT("%s", text);
		else
			DMEMIT("%s 1 COM_FAILURE", log->type->name);
		kvfree(text);
		break;
	case STATUSTYPE_TABLE:
		DMEMIT("%s %u %s ", log->type->name, us->argc, us->line);
		break;
	case STATUSTYPE_IMA:
		*result = '\0';
		break;
	}
	return sz;
}

struct dm_dirty_log_type dm_log_userspace_type = {
	.name = "userspace",
	.module = THIS_MODULE,
	.ctr = us_ctr,
	.dtr = us_dtr,
	.presuspend = us_presuspend,
	.postsuspend = us_postsuspend,
	.resume = us_resume,
	.get_region_size = dm_log_get_region_size,
	.is_clean = us_is_clean,
	.in_sync = us_in_sync,
	.flush = us_flush,
	.mark_region = dm_log_mark_region,
	.clear_region = dm_log_clear_region,
	.get_resync_work = us_get_resync_work,
	.set_region_sync = us_set_region_sync,
	.get_sync_count = us_get_sync_count,
	.status = us_status,
	.is_remote_recovering = us_is_remote_recovering,
};

/* LVM loads the module by this name before it makes a cluster mirror. */
MODULE_ALIAS("dm-log-userspace");

/**
 * dm_log_userspace_init() - what userspace logs share, before the type is known
 *
 * Context: module init.
 * Return: 0 or a negative errno.
 */
int __init dm_log_userspace_init(void)
{
	int r = dm_ulog_init();

	if (r)
		DMERR("userspace: cannot register with the connector (error %d)", r);
	return r;
}

/**
 * dm_log_userspace_exit() - undo dm_log_userspace_init()
 *
 * Context: module init or exit; no userspace log exists any more.
 */
void dm_log_userspace_exit(void)
{
	dm_ulog_exit();
}
