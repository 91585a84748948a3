/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What older kernels lack of the newest, for which the sources are written. The build
 * outside of the kernel, and a patch for an older kernel, force this header in; the
 * sources know nothing of it, and the newest kernel has it not. Also the version that
 * the module has, if it has one.
 */

#ifndef DM_LOG_COMPAT_H
#define DM_LOG_COMPAT_H

#include <linux/blkdev.h>
#include <linux/dm-io.h>
#include <linux/slab.h>

#ifndef kzalloc_obj
/* The size was said, not the type. */
#define kzalloc_obj(var)		kzalloc(sizeof(var), GFP_KERNEL)
#define kzalloc_objs(var, count)	kcalloc(count, sizeof(var), GFP_KERNEL)
#define kvzalloc_obj(var)		kvzalloc(sizeof(var), GFP_KERNEL)
#endif

#ifndef BLK_OPEN_WRITE
/* Modes of block devices were those of files. */
#define BLK_OPEN_WRITE	((__force unsigned int)FMODE_WRITE)
#endif

#ifndef DM_IO_HAS_UNSUP	/* the Kbuild has looked */
/* "Not supported" was one of the errors, and none had bits of its own. */
static inline int dm_io_without_unsup(struct dm_io_request *req, unsigned int nr,
				      struct dm_io_region *where, unsigned long *error_bits,
				      unsigned long *unsup_bits, unsigned short ioprio)
{
	return dm_io(req, nr, where, error_bits, ioprio);
}

#define dm_io dm_io_without_unsup

/* The definition of the callback in bdev.c: under that name, one with no such bits calls it. */
#define write_done(error_bits, unsup_bits, context)			\
	write_done_with_unsup(error_bits, unsup_bits, context);		\
	static void write_done(unsigned long error, void *extent)	\
	{								\
		write_done_with_unsup(error, 0, extent);		\
	}								\
	static void write_done_with_unsup(error_bits, unsup_bits, context)
#endif

#ifdef DM_LOG_VERSION	/* in registry.c only */
#include <linux/module.h>
MODULE_VERSION(DM_LOG_VERSION);
#endif

#endif /* DM_LOG_COMPAT_H */
