// SPDX-License-Identifier: GPL-2.0-only
/*
 * Measure a dirty region log through its operations: a device-mapper target
 * that does to a log what dm-mirror does, without legs and without I/O.
 *
 * Table line:	0 <sectors> log-bench <log type> <number of args> <log args>
 *
 * Messages; each answers with one line:
 *
 *	ops seq|random <rounds>		median ns of an operation, see run_ops()
 *	flush seq|random <rounds>	ns of a flush, see run_flush()
 *	last <rounds>			median ns of get_resync_work() when only the
 *					last region is out of sync
 *	ask <rounds>			median ns of an in_sync() that has to be answered
 *					anew each time, as by a daemon
 *
 * All log types, of any dm-log.ko, are called in the same way, by the pointers in
 * struct dm_dirty_log_type. The log belongs to the thread that sends the
 * message, as it belongs to the mirror's worker otherwise.
 *
 * And a log type, for a mirror to be compared with:
 *
 *	bench-wait <device> <arguments of a core log>
 *
 * A core log that is no faster than its device allows: before each pass in which a region
 * is marked it waits for one write to the device. No log on that device can be faster
 * that marks at all.
 *
 * Kernel addresses that the code lands on make a difference of some ten percent
 * for operations of a few ns: compare medians of several module loads.
 */

#include <linux/bio.h>
#include <linux/blkdev.h>
#include <linux/device-mapper.h>
#include <linux/dm-dirty-log.h>
#include <linux/kstrtox.h>
#include <linux/ktime.h>
#include <linux/log2.h>
#include <linux/math64.h>
#include <linux/minmax.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/prandom.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/sort.h>
#include <linux/string.h>
#include <linux/workqueue.h>

#define DM_MSG_PREFIX "log-bench"

/* Regions per round. Their list (512 KiB) is read in order: prefetched. */
#define SAMPLE_MAX	65536
#define ROUNDS_MAX	10000

/**
 * struct bench - a log under measurement
 * @log: the log
 * @nr_regions: its number of regions
 * @sample: distinct region numbers
 * @nr_sample: how many
 * @lock: see below
 */
struct bench {
	struct dm_dirty_log *log;
	u64 nr_regions;
	u64 *sample;
	unsigned int nr_sample;
	struct mutex lock;	/* one message at a time */
};

/* Used to measure the loop around an operation. */
static noinline void do_nothing(struct dm_dirty_log *log, region_t region)
{
	barrier();
}

static int flush_no_legs(struct dm_target *ti)
{
	return 0;
}

static int compare_u64(const void *a, const void *b)
{
	u64 x = *(const u64 *)a, y = *(const u64 *)b;

	return x < y ? -1 : x > y;
}

static u64 median(u64 *values, unsigned int n)
{
	sort(values, n, sizeof(*values), compare_u64, NULL);
	return values[n / 2];
}

/* As robust as the median, and finer than a coarse clock: 256 ns on UML. */
static u64 mean_of_middle_half(u64 *values, unsigned int n)
{
	unsigned int i, end = n - n / 4;
	u64 sum = 0;

	sort(values, n, sizeof(*values), compare_u64, NULL);
	for (i = n / 4; i < end; i++)
		sum += values[i];
	return div_u64(sum, end - n / 4);
}

/*
 * Distinct regions: neighbours from the middle of the log, or ones from all over
 * it (an odd factor modulo a power of two is a permutation) in random order.
 */
static void fill_sample(struct bench *bench, bool random)
{
	u64 space = rounddown_pow_of_two(bench->nr_regions);
	struct rnd_state rnd;
	unsigned int i, j;

	for (i = 0; i < bench->nr_sample; i++)
		bench->sample[i] = random ?
			(i * 0x9e3779b97f4a7c15ULL) & (space - 1) :
			(bench->nr_regions - bench->nr_sample) / 2 + i;
	if (!random)
		return;

	/* The same order for every log. */
	prandom_seed_state(&rnd, 1);
	for (i = bench->nr_sample - 1; i > 0; i--) {
		j = prandom_u32_state(&rnd) % (i + 1);
		swap(bench->sample[i], bench->sample[j]);
	}
}

/*
 * ns for one call for every region of the sample, in units of 1/100 ns. Not
 * inlined: every operation is measured by the same machine code.
 */
static noinline u64 time_calls(struct bench *bench,
			       void (*op)(struct dm_dirty_log *log, region_t region))
{
	struct dm_dirty_log *log = bench->log;
	u64 start = ktime_get_ns();
	unsigned int i;

	for (i = 0; i < bench->nr_sample; i++)
		op(log, bench->sample[i]);
	return div_u64((ktime_get_ns() - start) * 100, bench->nr_sample);
}

static noinline u64 time_in_sync(struct bench *bench, unsigned int *nr_in_sync)
{
	int (*in_sync)(struct dm_dirty_log *log, region_t region, int can_block) =
		bench->log->type->in_sync;
	struct dm_dirty_log *log = bench->log;
	u64 start = ktime_get_ns();
	unsigned int i, n = 0;

	for (i = 0; i < bench->nr_sample; i++)
		n += in_sync(log, bench->sample[i], 0) == 1;
	*nr_in_sync = n;
	return div_u64((ktime_get_ns() - start) * 100, bench->nr_sample);
}

/* One recovered region after the other, as the mirror does it. */
static noinline u64 time_resync(struct bench *bench, unsigned int *nr_recovered)
{
	struct dm_dirty_log *log = bench->log;
	u64 start = ktime_get_ns();
	unsigned int n = 0;
	region_t region;

	while (n < bench->nr_sample &&
	       log->type->get_resync_work(log, &region) == 1) {
		log->type->clear_region(log, region);
		log->type->set_region_sync(log, region, 1);
		n++;
	}
	*nr_recovered = n;
	return div_u64((ktime_get_ns() - start) * 100, bench->nr_sample);
}

static bool is_core(const struct dm_dirty_log *log)
{
	return !strcmp(log->type->name, "core");
}

/*
 * Per round: mark all regions of the sample (clean or, with a write-intent
 * cache, idle before), clear them, ask whether they are in sync. "resync" is
 * get_resync_work(), clear_region() and set_region_sync() for one region; only for
 * logs whose resume() starts the search again and does no more, that is core.
 *
 * The log must be in sync to begin with. Answers in units of 1/100 ns.
 */
static int run_ops(struct bench *bench, bool random, unsigned int rounds,
		   char *result, unsigned int maxlen)
{
	enum { NOTHING, MARK, CLEAR, IN_SYNC, RESYNC, NR };
	struct dm_dirty_log *log = bench->log;
	bool resync = is_core(log);
	unsigned int i, n, round;
	u64 *times[NR];

	times[0] = kvcalloc(rounds, NR * sizeof(u64), GFP_KERNEL);
	if (!times[0])
		return -ENOMEM;
	for (i = 1; i < NR; i++)
		times[i] = times[i - 1] + rounds;

	fill_sample(bench, random);
	for (round = 0; round < rounds; round++) {
		times[NOTHING][round] = time_calls(bench, do_nothing);
		times[MARK][round] = time_calls(bench, log->type->mark_region);
		log->type->flush(log);
		times[CLEAR][round] = time_calls(bench, log->type->clear_region);
		log->type->flush(log);
		times[IN_SYNC][round] = time_in_sync(bench, &n);
		if (n == bench->nr_sample && resync) {
			for (i = 0; i < bench->nr_sample; i++)
				log->type->set_region_sync(log, bench->sample[i], 0);
			log->type->resume(log);
			times[RESYNC][round] = time_resync(bench, &n);
		}
		if (n != bench->nr_sample) {
			DMERR("round %u: %u regions in sync instead of %u",
			      round, n, bench->nr_sample);
			kvfree(times[0]);
			return -EIO;
		}
		cond_resched();
	}

	for (i = 0; i < NR; i++)
		times[i][0] = median(times[i], rounds);
	scnprintf(result, maxlen,
		  "nothing %llu mark %llu clear %llu in_sync %llu resync %llu",
		  times[NOTHING][0], times[MARK][0], times[CLEAR][0],
		  times[IN_SYNC][0], times[RESYNC][0]);
	kvfree(times[0]);
	return 1;
}

/*
 * Per round: mark one region that is clean, flush, clear it, flush: what a lone
 * write costs. Regions are not used twice, or a write-intent cache would know
 * them. Answers in ns: the flush after the mark, the one after the clear.
 */
static int run_flush(struct bench *bench, bool random, unsigned int rounds,
		     char *result, unsigned int maxlen)
{
	struct dm_dirty_log *log = bench->log;
	u64 *marked, *cleared, start;
	unsigned int round;
	int r = 0;

	if (rounds > bench->nr_sample)
		return -EINVAL;
	marked = kvmalloc_array(rounds, 2 * sizeof(u64), GFP_KERNEL);
	if (!marked)
		return -ENOMEM;
	cleared = marked + rounds;

	fill_sample(bench, random);
	for (round = 0; round < rounds && !r; round++) {
		log->type->mark_region(log, bench->sample[round]);
		start = ktime_get_ns();
		r = log->type->flush(log);
		marked[round] = ktime_get_ns() - start;

		log->type->clear_region(log, bench->sample[round]);
		start = ktime_get_ns();
		log->type->flush(log);
		cleared[round] = ktime_get_ns() - start;
		cond_resched();
	}

	if (!r) {
		scnprintf(result, maxlen, "marked %llu cleared %llu",
			  mean_of_middle_half(marked, rounds),
			  mean_of_middle_half(cleared, rounds));
		r = 1;
	}
	kvfree(marked);
	return r;
}

/* For core. Answers in ns. */
static int run_last(struct bench *bench, unsigned int rounds,
		    char *result, unsigned int maxlen)
{
	struct dm_dirty_log *log = bench->log;
	region_t last = bench->nr_regions - 1, region;
	unsigned int round;
	u64 *times, start;
	int r = 1;

	times = kvmalloc_array(rounds, sizeof(u64), GFP_KERNEL);
	if (!times)
		return -ENOMEM;

	for (round = 0; round < rounds && r == 1; round++) {
		log->type->set_region_sync(log, last, 0);
		log->type->resume(log);
		start = ktime_get_ns();
		r = log->type->get_resync_work(log, &region);
		times[round] = ktime_get_ns() - start;
		if (r != 1 || region != last)
			r = -EIO;
		log->type->set_region_sync(log, last, 1);
		cond_resched();
	}

	if (r == 1)
		scnprintf(result, maxlen, "last %llu", median(times, rounds));
	kvfree(times);
	return r;
}

/**
 * struct ask_work - what run_ask() leaves to a worker
 * @work: the work
 * @bench: the log
 * @times: result: ns of each round
 * @rounds: their number
 * @r: result: 0 or an errno
 */
struct ask_work {
	struct work_struct work;
	struct bench *bench;
	u64 *times;
	unsigned int rounds;
	int r;
};

static void ask(struct work_struct *work)
{
	struct ask_work *ask = container_of(work, struct ask_work, work);
	struct bench *bench = ask->bench;
	struct dm_dirty_log *log = bench->log;
	unsigned int round;
	u64 start;

	for (round = 0; round < ask->rounds; round++) {
		/* A new pass of the mirror's worker: no answer is known. */
		log->type->flush(log);
		start = ktime_get_ns();
		if (log->type->in_sync(log, bench->sample[round % bench->nr_sample], 1) != 1)
			ask->r = -EIO;
		ask->times[round] = ktime_get_ns() - start;
		cond_resched();
	}
}

/*
 * Per round: flush, with nothing to be flushed, and ask for a region in sync. In a
 * worker, because that is who waits for a daemon in a mirror. Answers in ns.
 */
static int run_ask(struct bench *bench, unsigned int rounds, char *result,
		   unsigned int maxlen)
{
	struct ask_work work = { .bench = bench, .rounds = rounds };

	work.times = kvmalloc_array(rounds, sizeof(u64), GFP_KERNEL);
	if (!work.times)
		return -ENOMEM;

	fill_sample(bench, true);
	INIT_WORK_ONSTACK(&work.work, ask);
	queue_work(system_long_wq, &work.work);
	flush_work(&work.work);
	destroy_work_on_stack(&work.work);

	if (!work.r) {
		scnprintf(result, maxlen, "asked %llu", median(work.times, rounds));
		work.r = 1;
	}
	kvfree(work.times);
	return work.r;
}

static int bench_message(struct dm_target *ti, unsigned int argc, char **argv,
			 char *result, unsigned int maxlen)
{
	struct bench *bench = ti->private;
	unsigned int rounds;
	int r = -EINVAL;

	if (argc < 2 || kstrtouint(argv[argc - 1], 10, &rounds) ||
	    !rounds || rounds > ROUNDS_MAX)
		return -EINVAL;

	mutex_lock(&bench->lock);
	if (argc == 3 && !strcmp(argv[0], "ops"))
		r = run_ops(bench, !strcmp(argv[1], "random"), rounds, result, maxlen);
	else if (argc == 3 && !strcmp(argv[0], "flush"))
		r = run_flush(bench, !strcmp(argv[1], "random"), rounds, result, maxlen);
	else if (argc == 2 && !strcmp(argv[0], "last") && is_core(bench->log))
		r = run_last(bench, rounds, result, maxlen);
	else if (argc == 2 && !strcmp(argv[0], "ask"))
		r = run_ask(bench, rounds, result, maxlen);
	mutex_unlock(&bench->lock);
	return r;
}

static void bench_dtr(struct dm_target *ti)
{
	struct bench *bench = ti->private;

	dm_dirty_log_destroy(bench->log);
	kvfree(bench->sample);
	mutex_destroy(&bench->lock);
	kfree(bench);
}

static int bench_ctr(struct dm_target *ti, unsigned int argc, char **argv)
{
	struct bench *bench;
	unsigned int nr_args;

	ti->error = "Expected <log type> <number of args> <log args>";
	if (argc < 2 || kstrtouint(argv[1], 10, &nr_args) || nr_args != argc - 2)
		return -EINVAL;

	bench = kzalloc(sizeof(*bench), GFP_KERNEL);
	if (!bench)
		return -ENOMEM;
	mutex_init(&bench->lock);

	ti->error = "Cannot create the log";
	bench->log = dm_dirty_log_create(argv[0], ti, flush_no_legs, nr_args, argv + 2);
	if (!bench->log) {
		kfree(bench);
		return -EINVAL;
	}
	bench->nr_regions = dm_sector_div_up(ti->len,
					     bench->log->type->get_region_size(bench->log));
	bench->nr_sample = min_t(u64, SAMPLE_MAX,
				 rounddown_pow_of_two(bench->nr_regions));
	ti->private = bench;

	ti->error = "No memory";
	bench->sample = kvmalloc_array(bench->nr_sample, sizeof(u64), GFP_KERNEL);
	if (!bench->sample) {
		bench_dtr(ti);
		return -ENOMEM;
	}
	return 0;
}

static int bench_map(struct dm_target *ti, struct bio *bio)
{
	return DM_MAPIO_KILL;
}

static void bench_presuspend(struct dm_target *ti)
{
	struct bench *bench = ti->private;

	if (bench->log->type->presuspend)
		bench->log->type->presuspend(bench->log);
}

static void bench_postsuspend(struct dm_target *ti)
{
	struct bench *bench = ti->private;

	if (bench->log->type->postsuspend)
		bench->log->type->postsuspend(bench->log);
}

static void bench_resume(struct dm_target *ti)
{
	struct bench *bench = ti->private;

	if (bench->log->type->resume && bench->log->type->resume(bench->log))
		DMERR("the log cannot be resumed");
}

static void bench_status(struct dm_target *ti, status_type_t type,
			 unsigned int status_flags, char *result, unsigned int maxlen)
{
	struct bench *bench = ti->private;

	bench->log->type->status(bench->log, type, result, maxlen);
}

static struct target_type bench_target = {
	.name = "log-bench",
	.version = { 1, 0, 0 },
	.module = THIS_MODULE,
	.ctr = bench_ctr,
	.dtr = bench_dtr,
	.map = bench_map,
	.presuspend = bench_presuspend,
	.postsuspend = bench_postsuspend,
	.resume = bench_resume,
	.message = bench_message,
	.status = bench_status,
};

/**
 * struct wait_log - a core log that waits
 * @core: the core log
 * @ti: the mirror, which holds the device
 * @dev: the device
 * @page: what is written to it
 * @marked: a region was marked since the last write
 */
struct wait_log {
	struct dm_dirty_log *core;
	struct dm_target *ti;
	struct dm_dev *dev;
	struct page *page;
	bool marked;
};

static struct dm_dirty_log *core_of(struct dm_dirty_log *log)
{
	struct wait_log *wl = log->context;

	return wl->core;
}

static void wait_dtr(struct dm_dirty_log *log)
{
	struct wait_log *wl = log->context;

	if (wl->core)
		dm_dirty_log_destroy(wl->core);
	if (wl->dev)
		dm_put_device(wl->ti, wl->dev);
	if (wl->page)
		__free_page(wl->page);
	kfree(wl);
}

static int wait_ctr(struct dm_dirty_log *log, struct dm_target *ti,
		    unsigned int argc, char **argv)
{
	struct wait_log *wl;
	int r = -ENOMEM;

	if (argc < 2) {
		DMERR("bench-wait: expected <device> <arguments of a core log>, got %u arguments",
		      argc);
		return -EINVAL;
	}

	wl = kzalloc(sizeof(*wl), GFP_KERNEL);
	if (!wl)
		return -ENOMEM;
	log->context = wl;
	wl->ti = ti;
	wl->page = alloc_page(GFP_KERNEL | __GFP_ZERO);
	if (!wl->page)
		goto bad;
	r = dm_get_device(ti, argv[0], dm_table_get_mode(ti->table), &wl->dev);
	if (r)
		goto bad;
	r = -EINVAL;
	wl->core = dm_dirty_log_create("core", ti, NULL, argc - 1, argv + 1);
	if (!wl->core)
		goto bad;
	return 0;

bad:
	wait_dtr(log);
	return r;
}

static int wait_presuspend(struct dm_dirty_log *log)
{
	struct dm_dirty_log *core = core_of(log);

	return core->type->presuspend ? core->type->presuspend(core) : 0;
}

static int wait_postsuspend(struct dm_dirty_log *log)
{
	struct dm_dirty_log *core = core_of(log);

	return core->type->postsuspend ? core->type->postsuspend(core) : 0;
}

static int wait_resume(struct dm_dirty_log *log)
{
	return core_of(log)->type->resume(core_of(log));
}

static uint32_t wait_get_region_size(struct dm_dirty_log *log)
{
	return core_of(log)->type->get_region_size(core_of(log));
}

static int wait_is_clean(struct dm_dirty_log *log, region_t region)
{
	return core_of(log)->type->is_clean(core_of(log), region);
}

static int wait_in_sync(struct dm_dirty_log *log, region_t region, int can_block)
{
	return core_of(log)->type->in_sync(core_of(log), region, can_block);
}

static int wait_flush(struct dm_dirty_log *log)
{
	struct wait_log *wl = log->context;
	struct bio *bio;
	int r;

	if (wl->marked) {
		bio = bio_alloc(wl->dev->bdev, 1, REQ_OP_WRITE | REQ_SYNC | REQ_FUA, GFP_NOIO);
		__bio_add_page(bio, wl->page, PAGE_SIZE, 0);
		r = submit_bio_wait(bio);
		bio_put(bio);
		if (r)
			return r;
	}
	wl->marked = false;
	return wl->core->type->flush(wl->core);
}

static void wait_mark_region(struct dm_dirty_log *log, region_t region)
{
	struct wait_log *wl = log->context;

	wl->marked = true;
	wl->core->type->mark_region(wl->core, region);
}

static void wait_clear_region(struct dm_dirty_log *log, region_t region)
{
	core_of(log)->type->clear_region(core_of(log), region);
}

static int wait_get_resync_work(struct dm_dirty_log *log, region_t *region)
{
	return core_of(log)->type->get_resync_work(core_of(log), region);
}

static void wait_set_region_sync(struct dm_dirty_log *log, region_t region, int in_sync)
{
	core_of(log)->type->set_region_sync(core_of(log), region, in_sync);
}

static region_t wait_get_sync_count(struct dm_dirty_log *log)
{
	return core_of(log)->type->get_sync_count(core_of(log));
}

static int wait_status(struct dm_dirty_log *log, status_type_t status_type,
		       char *result, unsigned int maxlen)
{
	return core_of(log)->type->status(core_of(log), status_type, result, maxlen);
}

static struct dm_dirty_log_type wait_type = {
	.name = "bench-wait",
	.module = THIS_MODULE,
	.ctr = wait_ctr,
	.dtr = wait_dtr,
	.presuspend = wait_presuspend,
	.postsuspend = wait_postsuspend,
	.resume = wait_resume,
	.get_region_size = wait_get_region_size,
	.is_clean = wait_is_clean,
	.in_sync = wait_in_sync,
	.flush = wait_flush,
	.mark_region = wait_mark_region,
	.clear_region = wait_clear_region,
	.get_resync_work = wait_get_resync_work,
	.set_region_sync = wait_set_region_sync,
	.get_sync_count = wait_get_sync_count,
	.status = wait_status,
};

/* Not module_dm(): Linux 6.1 has none. */
static int __init bench_init(void)
{
	int r = dm_register_target(&bench_target);

	if (r)
		return r;
	r = dm_dirty_log_type_register(&wait_type);
	if (r)
		dm_unregister_target(&bench_target);
	return r;
}

static void __exit bench_exit(void)
{
	dm_dirty_log_type_unregister(&wait_type);
	dm_unregister_target(&bench_target);
}

module_init(bench_init);
module_exit(bench_exit);

MODULE_DESCRIPTION("device-mapper target that measures dirty region logs");
MODULE_LICENSE("GPL");
