# SPDX-License-Identifier: GPL-2.0
#
# Second boot of scripts/demo, on the disks as the power cut left them: let the
# mirror resync, replay the journal, check the files.  Lines "@name value" are
# results for the host.
# shellcheck shell=dash
set -eu

mirror=/dev/mapper/demo
sectors=$((LEG_MB * 2048))

sectors_written() { awk '{ print $7 }' "/sys/block/$1/stat"; }

# Copy slowly until the first status is read: a few regions are done in no time.
throttle=/sys/module/dm_mirror/parameters/raid1_resync_throttle
echo 1 >$throttle
before=$(sectors_written vdb)
dms create demo --table "0 $sectors mirror disk 2 /dev/vdc $REGION \
	2 /dev/vda 0 /dev/vdb 0 1 handle_errors"
s=$(in_sync demo)
first=$s
echo 100 >$throttle
echo "mirror is up again, regions in sync: $s"
all_in_sync() { s=$(in_sync demo) && [ "${s%/*}" = "${s#*/}" ]; }
wait_until all_in_sync
after=$(sectors_written vdb)
status=$(dms status demo)
echo "resync done, regions in sync: $s"
echo "@first $first"
echo "@final $s"
echo "@status $status"
echo "@copied $(((after - before) * 512))"

dms mknodes
mkdir /mnt
mount -t ext4 "$mirror" /mnt
echo "mounted; compare $(wc -l </data/manifest) files with their checksums"
rc=0
(cd /mnt && sha256sum -c /data/manifest) >/tmp/result 2>&1 || rc=$?
grep -v ': OK$' /tmp/result | head -20 || :
echo "@intact $(grep -c ': OK$' /tmp/result)"
umount /mnt

echo "check the file system"
rc=0
e2fsck -fn "$mirror" || rc=$?
echo "@e2fsck $rc"

dms remove demo
sync
echo "@down"
