/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The dirty region log: which regions of a mirror may differ between its legs.
 *
 * Users: a target that writes to several legs creates a log with
 * dm_dirty_log_create() and calls the operations of its type. Log types, in
 * this module or in others, offer themselves with dm_dirty_log_type_register().
 *
 * Both structures are ABI: prebuilt users check the CRCs of the four exported
 * functions, which cover the name, type and order of every member.
 */

#ifndef _LINUX_DM_DIRTY_LOG
#define _LINUX_DM_DIRTY_LOG

#ifdef __KERNEL__

#include <linux/types.h>
#include <linux/device-mapper.h>

/* Number of a region, counted from the start of the target. */
typedef sector_t region_t;

struct dm_dirty_log_type;

/**
 * struct dm_dirty_log - one log, as its user sees it
 * @type: the type that made the log and whose operations serve it
 * @flush_callback_fn: makes the legs durable: returns 0 when everything that
 *	was written to any leg before the call is on stable storage, or a
 *	negative errno. Sleeps. A log may call it only between the first
 *	resume and the end of postsuspend; before, the user's own state does
 *	not exist yet, and in the destructor it is already gone.
 * @context: private to the log type
 */
struct dm_dirty_log {
	struct dm_dirty_log_type *type;
	int (*flush_callback_fn)(struct dm_target *ti);
	void *context;
};

/**
 * struct dm_dirty_log_type - the operations of one kind of log
 * @name: the word that selects the type in a table line
 * @module: owner; every log of this type holds a reference to it
 * @list: for the registry only
 *
 * @ctr: Make a log. @argv holds @argc words and does not include the type's
 *	name and the argument count. ``ti->private`` is not set and the flush
 *	callback must not be called yet. Context: ioctl, may sleep. Return: 0
 *	or a negative errno.
 * @dtr: Free the log; also one that was never resumed. The user's worker has
 *	been drained and the legs are gone: no flush callback. Context: ioctl,
 *	may sleep.
 * @presuspend: Optional. Recovery has stopped; writes are still in flight and
 *	the worker is alive. Context: ioctl, may sleep. Return: 0 or a negative
 *	errno, which is reported and otherwise ignored.
 * @postsuspend: Optional. All I/O has completed, but the worker may still call
 *	clear_region() and flush(), now and later. Another table may own the
 *	stable copy of the log as soon as this returns. Context and return as
 *	for @presuspend.
 * @resume: Optional. Called before I/O is admitted, also after every suspend.
 *	Context and return as for @presuspend: the mirror goes live even if
 *	this fails.
 * @get_region_size: Size of a region in sectors: a power of two, not zero. Called
 *	once, by the user's constructor, so it may sleep.
 * @is_clean: 1 if the region is clean, 0 if a write may be in flight, the
 *	legs may differ, or the region does not exist. May sleep.
 * @in_sync: Do all legs hold the same data, writes in flight aside?
 *	With @can_block == 0: any context, including hard interrupts, any
 *	region number. Return: 1 in sync, 0 not, -EWOULDBLOCK "ask again where
 *	blocking is allowed", other negative errno: fail the I/O. With
 *	@can_block != 0: the worker only, may sleep. Return: 1 or 0, no other.
 * @flush: Make all that was marked since the last flush durable. Context: the
 *	worker, in the write-out path: may sleep, but must not allocate memory
 *	that could wait for this mirror. Return: 0 if every mark is durable,
 *	otherwise a negative errno.
 * @mark_region: A write to the region is about to be issued. Context: the
 *	worker, with preemption disabled: MUST NOT SLEEP, cannot fail. The
 *	write is issued only after the next flush().
 * @clear_region: All writes to the region have ended. Also called for
 *	regions that were recovered and never marked. Context: the worker;
 *	cannot fail.
 * @get_resync_work: Choose the next region to recover. On success the region
 *	counts as recovering until set_region_sync() is called for it. Context:
 *	the worker, may sleep; never between presuspend and resume. Return: 1
 *	with @region set to a number below the region count, 0 if there is
 *	nothing to do, or a negative errno.
 * @set_region_sync: The region has been recovered (@in_sync 1), or recovery or
 *	a write to a leg has failed (0). Ends recovery of the region. Context:
 *	the worker, may sleep; cannot fail.
 * @get_sync_count: Number of regions in sync. Context: worker or ioctl.
 * @status: Write the log's part of the status or table line, NUL-terminated,
 *	into @result of @maxlen bytes. Context: ioctl; must not wait for I/O
 *	of this mirror. Return: number of characters written.
 * @is_remote_recovering: Optional. 1 if a write to the region has to wait, because
 *	another node recovers it or for another reason; 0 if not. Context: the worker,
 *	may sleep.
 *
 * "The worker" is the user's one thread (work item) that handles writes and
 * recovery; it never runs concurrently with itself, but does run concurrently
 * with the operations called from an ioctl.
 */
struct dm_dirty_log_type {
	const char *name;
	struct module *module;

	struct list_head list;

	int (*ctr)(struct dm_dirty_log *log, struct dm_target *ti,
		   unsigned int argc, char **argv);
	void (*dtr)(struct dm_dirty_log *log);

	int (*presuspend)(struct dm_dirty_log *log);
	int (*postsuspend)(struct dm_dirty_log *log);
	int (*resume)(struct dm_dirty_log *log);

	uint32_t (*get_region_size)(struct dm_dirty_log *log);

	int (*is_clean)(struct dm_dirty_log *log, region_t region);
	int (*in_sync)(struct dm_dirty_log *log, region_t region,
		       int can_block);

	int (*flush)(struct dm_dirty_log *log);

	void (*mark_region)(struct dm_dirty_log *log, region_t region);
	void (*clear_region)(struct dm_dirty_log *log, region_t region);

	int (*get_resync_work)(struct dm_dirty_log *log, region_t *region);
	void (*set_region_sync)(struct dm_dirty_log *log,
				region_t region, int in_sync);
	region_t (*get_sync_count)(struct dm_dirty_log *log);

	int (*status)(struct dm_dirty_log *log, status_type_t status_type,
		      char *result, unsigned int maxlen);

	int (*is_remote_recovering)(struct dm_dirty_log *log, region_t region);
};

int dm_dirty_log_type_register(struct dm_dirty_log_type *type);
int dm_dirty_log_type_unregister(struct dm_dirty_log_type *type);

struct dm_dirty_log *
dm_dirty_log_create(const char *type_name, struct dm_target *ti,
		    int (*flush_callback_fn)(struct dm_target *ti),
		    unsigned int argc, char **argv);
void dm_dirty_log_destroy(struct dm_dirty_log *log);

#endif	/* __KERNEL__ */
#endif	/* _LINUX_DM_DIRTY_LOG */
