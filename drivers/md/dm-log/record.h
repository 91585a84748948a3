/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Whose log it is: a record behind the header of a log device, which tells what
 * the header does not.
 */

#ifndef DM_LOG_RECORD_H
#define DM_LOG_RECORD_H

#include <linux/build_bug.h>
#include <linux/dm-ioctl.h>
#include <linux/types.h>

#define DM_LOG_RECORD_MAGIC	0x65676552474F4C44ULL	/* "DLOGRege" */

/**
 * struct dm_log_record_disk - the record, as it stands behind the header
 *
 * Private to this library. There is a short form, which ends with @length, for
 * logs that have no room for more, and because this library once wrote no other.
 *
 * @magic: DM_LOG_RECORD_MAGIC
 * @nr_regions: as in the header that was written with it
 * @region_sectors: size of a region
 * @length: bytes of the record; 0 in the short form
 * @uuid: the mirror's device-mapper UUID, filled up with zeros; none: all zeros
 * @crc: CRC-32, the common one, of all that stands before it
 */
struct dm_log_record_disk {
	__le64 magic;
	__le64 nr_regions;
	__le32 region_sectors;
	__le32 length;
	__u8 uuid[DM_UUID_LEN - 1];
	__le32 crc;
} __packed;

#define DM_LOG_RECORD_SHORT	24

static_assert(offsetof(struct dm_log_record_disk, uuid) == DM_LOG_RECORD_SHORT);
static_assert(sizeof(struct dm_log_record_disk) == 156);

/**
 * struct dm_log_owner - the mirror that a log belongs to
 * @region_sectors: size of a region
 * @uuid: the mirror's device-mapper UUID; empty if it has none
 */
struct dm_log_owner {
	u32 region_sectors;
	char uuid[DM_UUID_LEN];
};

void dm_log_record_write(struct dm_log_record_disk *record, u64 nr_regions,
			 const struct dm_log_owner *owner);
bool dm_log_record_fits(const struct dm_log_record_disk *record, u64 nr_regions,
			const struct dm_log_owner *owner, const char *dev_name);

#endif /* DM_LOG_RECORD_H */
