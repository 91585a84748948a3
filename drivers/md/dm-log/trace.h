/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Tracepoints of the dirty region log, dm_log:*. "dev" is the mirror's block
 * device, as major,minor. They are described, with examples, in
 * Documentation/admin-guide/device-mapper/dm-log.rst.
 */

#undef TRACE_SYSTEM
#define TRACE_SYSTEM dm_log

#if !defined(DM_LOG_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define DM_LOG_TRACE_H

#include <linux/types.h>
#include <linux/kdev_t.h>
#include <linux/string.h>
#include <linux/tracepoint.h>

/* Like DM_UUID_LEN, what names a log at most. */
#define DM_LOG_TRACE_NAME	129

DECLARE_EVENT_CLASS(dm_log_region,
	TP_PROTO(dev_t dev, u64 region),
	TP_ARGS(dev, region),
	TP_STRUCT__entry(
		__field(dev_t, dev)
		__field(u64, region)
	),
	TP_fast_assign(
		__entry->dev = dev;
		__entry->region = region;
	),
	TP_printk("dev %d,%d region %llu",
		  MAJOR(__entry->dev), MINOR(__entry->dev), __entry->region)
);

/* A write is about to start. */
DEFINE_EVENT(dm_log_region, dm_log_mark_region,
	TP_PROTO(dev_t dev, u64 region),
	TP_ARGS(dev, region)
);

/* All writes have ended. */
DEFINE_EVENT(dm_log_region, dm_log_clear_region,
	TP_PROTO(dev_t dev, u64 region),
	TP_ARGS(dev, region)
);

/* The mirror was given the region to recover. */
DEFINE_EVENT(dm_log_region, dm_log_resync_work,
	TP_PROTO(dev_t dev, u64 region),
	TP_ARGS(dev, region)
);

/* The region was recovered, or a write to a leg has failed. */
TRACE_EVENT(dm_log_set_region_sync,
	TP_PROTO(dev_t dev, u64 region, bool in_sync),
	TP_ARGS(dev, region, in_sync),
	TP_STRUCT__entry(
		__field(dev_t, dev)
		__field(u64, region)
		__field(bool, in_sync)
	),
	TP_fast_assign(
		__entry->dev = dev;
		__entry->region = region;
		__entry->in_sync = in_sync;
	),
	TP_printk("dev %d,%d region %llu in_sync %d",
		  MAJOR(__entry->dev), MINOR(__entry->dev), __entry->region,
		  __entry->in_sync)
);

/* Changes were brought to the stable copy, or not; @dirty regions are in there now. */
TRACE_EVENT(dm_log_commit,
	TP_PROTO(dev_t dev, u64 dirty, u64 ns, int error),
	TP_ARGS(dev, dirty, ns, error),
	TP_STRUCT__entry(
		__field(dev_t, dev)
		__field(u64, dirty)
		__field(u64, ns)
		__field(int, error)
	),
	TP_fast_assign(
		__entry->dev = dev;
		__entry->dirty = dirty;
		__entry->ns = ns;
		__entry->error = error;
	),
	TP_printk("dev %d,%d dirty %llu ns %llu error %d",
		  MAJOR(__entry->dev), MINOR(__entry->dev), __entry->dirty,
		  __entry->ns, __entry->error)
);

/* What a commit of a disk log writes at once. */
TRACE_EVENT(dm_log_write,
	TP_PROTO(dev_t dev, u64 sector, unsigned int writes, unsigned int blocks,
		 u64 bytes, u64 ns, int error),
	TP_ARGS(dev, sector, writes, blocks, bytes, ns, error),
	TP_STRUCT__entry(
		__field(dev_t, dev)
		__field(u64, sector)
		__field(unsigned int, writes)
		__field(unsigned int, blocks)
		__field(u64, bytes)
		__field(u64, ns)
		__field(int, error)
	),
	TP_fast_assign(
		__entry->dev = dev;
		__entry->sector = sector;
		__entry->writes = writes;
		__entry->blocks = blocks;
		__entry->bytes = bytes;
		__entry->ns = ns;
		__entry->error = error;
	),
	TP_printk("dev %d,%d sector %llu writes %u blocks %u bytes %llu ns %llu error %d",
		  MAJOR(__entry->dev), MINOR(__entry->dev), __entry->sector,
		  __entry->writes, __entry->blocks, __entry->bytes, __entry->ns,
		  __entry->error)
);

/* Idle regions were cleaned, or could not be, since the legs failed to flush. */
TRACE_EVENT(dm_log_clean,
	TP_PROTO(dev_t dev, u64 idle, u64 cleaned, int error),
	TP_ARGS(dev, idle, cleaned, error),
	TP_STRUCT__entry(
		__field(dev_t, dev)
		__field(u64, idle)
		__field(u64, cleaned)
		__field(int, error)
	),
	TP_fast_assign(
		__entry->dev = dev;
		__entry->idle = idle;
		__entry->cleaned = cleaned;
		__entry->error = error;
	),
	TP_printk("dev %d,%d idle %llu cleaned %llu error %d",
		  MAJOR(__entry->dev), MINOR(__entry->dev), __entry->idle,
		  __entry->cleaned, __entry->error)
);

TRACE_EVENT(dm_log_resume,
	TP_PROTO(dev_t dev, const char *type, u64 regions, u64 out_of_sync, int error),
	TP_ARGS(dev, type, regions, out_of_sync, error),
	TP_STRUCT__entry(
		__field(dev_t, dev)
		__array(char, type, 16)
		__field(u64, regions)
		__field(u64, out_of_sync)
		__field(int, error)
	),
	TP_fast_assign(
		__entry->dev = dev;
		strscpy(__entry->type, type, sizeof(__entry->type));
		__entry->regions = regions;
		__entry->out_of_sync = out_of_sync;
		__entry->error = error;
	),
	TP_printk("dev %d,%d %s regions %llu out_of_sync %llu error %d",
		  MAJOR(__entry->dev), MINOR(__entry->dev), __entry->type,
		  __entry->regions, __entry->out_of_sync, __entry->error)
);

/* The stable copy is in trouble; only the first of a series of failures. */
TRACE_EVENT(dm_log_failure,
	TP_PROTO(dev_t dev, const char *name, int error),
	TP_ARGS(dev, name, error),
	TP_STRUCT__entry(
		__field(dev_t, dev)
		__array(char, name, DM_LOG_TRACE_NAME)
		__field(int, error)
	),
	TP_fast_assign(
		__entry->dev = dev;
		strscpy(__entry->name, name, sizeof(__entry->name));
		__entry->error = error;
	),
	TP_printk("dev %d,%d log %s error %d",
		  MAJOR(__entry->dev), MINOR(__entry->dev), __entry->name,
		  __entry->error)
);

/* A message to a log daemon; type is the number of DM_ULOG_*. */
TRACE_EVENT(dm_log_request,
	TP_PROTO(const char *uuid, u64 luid, u32 seq, u32 type, const char *name,
		 size_t size),
	TP_ARGS(uuid, luid, seq, type, name, size),
	TP_STRUCT__entry(
		__array(char, uuid, DM_LOG_TRACE_NAME)
		__field(u64, luid)
		__field(u32, seq)
		__field(u32, type)
		__array(char, name, 24)
		__field(size_t, size)
	),
	TP_fast_assign(
		strscpy(__entry->uuid, uuid, sizeof(__entry->uuid));
		__entry->luid = luid;
		__entry->seq = seq;
		__entry->type = type;
		strscpy(__entry->name, name, sizeof(__entry->name));
		__entry->size = size;
	),
	TP_printk("log %s luid %llu seq %u %s (%u) size %zu",
		  __entry->uuid, __entry->luid, __entry->seq, __entry->name,
		  __entry->type, __entry->size)
);

/* Its answer, or (@result) why there is none; @error is the daemon's. */
TRACE_EVENT(dm_log_reply,
	TP_PROTO(const char *uuid, u64 luid, u32 seq, u32 type, const char *name,
		 size_t size, u64 ns, int error, int result),
	TP_ARGS(uuid, luid, seq, type, name, size, ns, error, result),
	TP_STRUCT__entry(
		__array(char, uuid, DM_LOG_TRACE_NAME)
		__field(u64, luid)
		__field(u32, seq)
		__field(u32, type)
		__array(char, name, 24)
		__field(size_t, size)
		__field(u64, ns)
		__field(int, error)
		__field(int, result)
	),
	TP_fast_assign(
		strscpy(__entry->uuid, uuid, sizeof(__entry->uuid));
		__entry->luid = luid;
		__entry->seq = seq;
		__entry->type = type;
		strscpy(__entry->name, name, sizeof(__entry->name));
		__entry->size = size;
		__entry->ns = ns;
		__entry->error = error;
		__entry->result = result;
	),
	TP_printk("log %s luid %llu seq %u %s (%u) size %zu ns %llu error %d result %d",
		  __entry->uuid, __entry->luid, __entry->seq, __entry->name,
		  __entry->type, __entry->size, __entry->ns, __entry->error,
		  __entry->result)
);

#endif /* DM_LOG_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
