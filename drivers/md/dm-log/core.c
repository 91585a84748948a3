// SPDX-License-Identifier: GPL-2.0-only
/*
 * The core log: everything in memory.
 *
 * Table line:	core <1|2> <region size in sectors> [sync|nosync]
 *
 * Nothing survives the table, but everything survives suspend and resume. There
 * is no stable copy, so flush does nothing and a cleared region is clean at
 * once. See struct dm_dirty_log_type for what the operations promise.
 */

#include <linux/device-mapper.h>
#include <linux/dm-dirty-log.h>
#include <linux/module.h>
#include <linux/slab.h>

#include "common.h"
#include "logs.h"
#include "trace.h"
#include "types.h"

static int core_ctr(struct dm_dirty_log *log, struct dm_target *ti,
		    unsigned int argc, char **argv)
{
	struct dm_log_common *common;
	int r;

	common = kzalloc_obj(*common);
	if (!common)
		return -ENOMEM;

	r = dm_log_parse_args("core", ti->len, argc, argv, &common->args);
	if (!r)
		r = dm_log_common_init(common, "core", false);
	if (r) {
		kfree(common);
		return r;
	}

	dm_log_common_name(common, ti, "core");
	log->context = common;
	dm_logs_add(common);
	return 0;
}

static void core_dtr(struct dm_dirty_log *log)
{
	struct dm_log_common *common = log->context;

	dm_logs_remove(common);
	dm_log_common_exit(common);
	kfree(common);
}

static int core_presuspend(struct dm_dirty_log *log)
{
	struct dm_log_common *common = log->context;

	WRITE_ONCE(common->live, false);
	return 0;
}

static int core_postsuspend(struct dm_dirty_log *log)
{
	dm_log_wait_for_clears(log->context);
	return 0;
}

static int core_resume(struct dm_dirty_log *log)
{
	struct dm_log_common *common = log->context;

	if (common->args.sync == DM_LOG_SYNC_SKIP)
		dm_logs_tell_dropped(common, 0);
	dm_regions_restart(&common->regions);
	trace_dm_log_resume(common->stats.dev, "core", common->args.nr_regions,
			    dm_regions_nr_nosync(&common->regions), 0);
	WRITE_ONCE(common->live, true);
	return 0;
}

static int core_flush(struct dm_dirty_log *log)
{
	struct dm_log_common *common = log->context;

	common->let_go = false;
	return 0;
}

static int core_status(struct dm_dirty_log *log, status_type_t status_type,
		       char *result, unsigned int maxlen)
{
	struct dm_log_common *common = log->context;
	unsigned int sz = 0;

	switch (status_type) {
	case STATUSTYPE_INFO:
		DMEMIT("1 %s", log->type->name);
		break;
	case STATUSTYPE_TABLE:
		DMEMIT("%s %u ", log->type->name, dm_log_nr_args(&common->args));
		sz += dm_log_emit_args(&common->args, result + sz, maxlen - sz);
		break;
	case STATUSTYPE_IMA:
		*result = '\0';
		break;
	}
	return sz;
}

struct dm_dirty_log_type dm_log_core_type = {
	.name = "core",
	.module = THIS_MODULE,
	.ctr = core_ctr,
	.dtr = core_dtr,
	.presuspend = core_presuspend,
	.postsuspend = core_postsuspend,
	.resume = core_resume,
	.get_region_size = dm_log_get_region_size,
	.is_clean = dm_log_is_clean,
	.in_sync = dm_log_in_sync,
	.flush = core_flush,
	.mark_region = dm_log_mark_region,
	.clear_region = dm_log_clear_region,
	.get_resync_work = dm_log_get_resync_work,
	.set_region_sync = dm_log_set_region_sync,
	.get_sync_count = dm_log_get_sync_count,
	.status = core_status,
	.is_remote_recovering = dm_log_is_remote_recovering,
};
