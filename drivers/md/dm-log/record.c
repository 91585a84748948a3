// SPDX-License-Identifier: GPL-2.0-only
/*
 * Whose log it is. The header of a log tells neither the size of a region nor
 * whose regions they are, so the bits could be read as what they are not. The record
 * behind the header does. See record.h for its bytes.
 *
 * Written wherever that place is unused: all zeros or all ones, as LVM leaves it,
 * or a record already. Other bytes are somebody else's and stay.
 *
 * Believed only if it agrees with the header. Other libraries keep the record
 * without knowing it, or overwrite it; if they give the header another number of
 * regions, what stands in the record is about a log that is no more. A record that
 * is not believed says nothing, and the log is read as if it had none. One that is
 * believed has only one thing to say: these bits are not yours. So the worst that
 * it can do is to have too much copied.
 *
 * It cannot be torn from the header, since both are in the device's first 512
 * bytes, which it writes as a whole. The checksum is for bytes that change by
 * other means.
 */

#include <linux/crc32.h>
#include <linux/device-mapper.h>
#include <linux/stddef.h>
#include <linux/string.h>

#include "record.h"

#define DM_MSG_PREFIX "dirty region log"

/* "LVM-", volume group, logical volume, and perhaps "-" and the layer's name. */
#define LVM_PREFIX		"LVM-"
#define LVM_VG			(sizeof(LVM_PREFIX) - 1)
#define LVM_ID_LEN		32
#define LVM_LV			(LVM_VG + LVM_ID_LEN)
#define LVM_END			(LVM_LV + LVM_ID_LEN)

static bool has_magic(const struct dm_log_record_disk *record)
{
	return record->magic == cpu_to_le64(DM_LOG_RECORD_MAGIC);
}

static bool is_unused(const void *bytes, size_t nr)
{
	u8 first = *(const u8 *)bytes;

	return (first == 0 || first == 0xff) && !memchr_inv(bytes, first, nr);
}

/* How many bytes may be written: a whole record, the short form, or nothing. */
static size_t room(const struct dm_log_record_disk *record)
{
	bool ours = has_magic(record);

	/* Once there was room for all of it, even if it is damaged now. */
	if (ours && record->length)
		return sizeof(*record);
	if (!ours && !is_unused(record, DM_LOG_RECORD_SHORT))
		return 0;
	return is_unused((const u8 *)record + DM_LOG_RECORD_SHORT,
			 sizeof(*record) - DM_LOG_RECORD_SHORT) ?
		sizeof(*record) : DM_LOG_RECORD_SHORT;
}

static __le32 checksum(const struct dm_log_record_disk *record)
{
	size_t bytes = offsetof(struct dm_log_record_disk, crc);

	return cpu_to_le32(~crc32_le(~0U, (const u8 *)record, bytes));
}

/**
 * dm_log_record_write() - say whose log it is
 * @record: what stands behind the header now; changed if there is room
 * @nr_regions: as in the header
 * @owner: the mirror
 */
void dm_log_record_write(struct dm_log_record_disk *record, u64 nr_regions,
			 const struct dm_log_owner *owner)
{
	size_t bytes = room(record);
	struct dm_log_record_disk new = {
		.magic = cpu_to_le64(DM_LOG_RECORD_MAGIC),
		.nr_regions = cpu_to_le64(nr_regions),
		.region_sectors = cpu_to_le32(owner->region_sectors),
	};

	if (bytes == sizeof(new)) {
		new.length = cpu_to_le32(sizeof(new));
		memcpy(new.uuid, owner->uuid,
		       strnlen(owner->uuid, sizeof(new.uuid)));
		new.crc = checksum(&new);
	}
	memcpy(record, &new, bytes);
}

/* False if the record says nothing. */
static bool parse(const struct dm_log_record_disk *record, u64 nr_regions,
		  struct dm_log_owner *owner)
{
	memset(owner, 0, sizeof(*owner));
	if (!has_magic(record) || record->nr_regions != cpu_to_le64(nr_regions))
		return false;

	owner->region_sectors = le32_to_cpu(record->region_sectors);
	if (!record->length)
		return true;
	if (record->length != cpu_to_le32(sizeof(*record)) ||
	    record->crc != checksum(record))
		return false;

	memcpy(owner->uuid, record->uuid, sizeof(record->uuid));
	return true;
}

static bool is_lvm(const char *uuid)
{
	return !strncmp(uuid, LVM_PREFIX, LVM_VG) &&
	       strnlen(uuid, LVM_END) == LVM_END &&
	       (uuid[LVM_END] == '\0' || uuid[LVM_END] == '-');
}

/*
 * True unless the UUIDs tell two mirrors apart. LVM moves a mirror to another
 * logical volume of the group while it is converted, and to another group by
 * vgsplit and vgmerge, but not both at a time.
 */
static bool same_mirror(const char *a, const char *b)
{
	if (!*a || !*b)
		return true;
	if (is_lvm(a) && is_lvm(b))
		return !memcmp(a + LVM_VG, b + LVM_VG, LVM_ID_LEN) ||
		       !memcmp(a + LVM_LV, b + LVM_LV, LVM_ID_LEN);
	return !strcmp(a, b);
}

/**
 * dm_log_record_fits() - may the bits of this log be believed?
 * @record: what stands behind the header
 * @nr_regions: as in the header
 * @owner: the mirror that wants to use the log
 * @dev_name: the log device, for a message; NULL: no message
 *
 * Return: false, after the message, if the record says that the bits were written
 *	for regions of another size or for another mirror. Otherwise true.
 */
bool dm_log_record_fits(const struct dm_log_record_disk *record, u64 nr_regions,
			const struct dm_log_owner *owner, const char *dev_name)
{
	struct dm_log_owner found;

	if (!parse(record, nr_regions, &found))
		return true;

	if (found.region_sectors != owner->region_sectors) {
		if (!dev_name)
			return false;
		DMWARN_LIMIT("log device %s: regions of %u sectors, expected %u: all out of sync",
			     dev_name, found.region_sectors, owner->region_sectors);
		return false;
	}

	if (!same_mirror(found.uuid, owner->uuid)) {
		if (!dev_name)
			return false;
		/* Escaped, for it may be anything. */
		DMWARN_LIMIT("log device %s belongs to mirror %*pE, expected %s: all out of sync",
			     dev_name, (int)strlen(found.uuid), found.uuid, owner->uuid);
		return false;
	}
	return true;
}
