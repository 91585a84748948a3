// SPDX-License-Identifier: GPL-2.0-only
/*
 * A device-mapper target for log devices: it reads, and says of each write that it is
 * not supported, as some devices do (virtio_blk, NVMe).
 *
 * Table line:	0 <sectors> log-refuse <device>
 */

#include <linux/bio.h>
#include <linux/blkdev.h>
#include <linux/device-mapper.h>
#include <linux/module.h>

static int refuse_ctr(struct dm_target *ti, unsigned int argc, char **argv)
{
	struct dm_dev *dev;
	int r;

	if (argc != 1) {
		ti->error = "Expected <device>";
		return -EINVAL;
	}
	r = dm_get_device(ti, argv[0], dm_table_get_mode(ti->table), &dev);
	if (r) {
		ti->error = "Cannot open the device";
		return r;
	}
	ti->private = dev;
	return 0;
}

static void refuse_dtr(struct dm_target *ti)
{
	dm_put_device(ti, ti->private);
}

static int refuse_map(struct dm_target *ti, struct bio *bio)
{
	struct dm_dev *dev = ti->private;

	if (op_is_write(bio_op(bio))) {
		bio->bi_status = BLK_STS_NOTSUPP;
		bio_endio(bio);
		return DM_MAPIO_SUBMITTED;
	}
	bio_set_dev(bio, dev->bdev);
	bio->bi_iter.bi_sector = dm_target_offset(ti, bio->bi_iter.bi_sector);
	return DM_MAPIO_REMAPPED;
}

static struct target_type refuse_target = {
	.name = "log-refuse",
	.version = { 1, 0, 0 },
	.module = THIS_MODULE,
	.ctr = refuse_ctr,
	.dtr = refuse_dtr,
	.map = refuse_map,
};

static int __init refuse_init(void)
{
	return dm_register_target(&refuse_target);
}

static void __exit refuse_exit(void)
{
	dm_unregister_target(&refuse_target);
}

module_init(refuse_init);
module_exit(refuse_exit);

MODULE_DESCRIPTION("Device-mapper target that refuses writes, for tests");
MODULE_LICENSE("GPL");
