# SPDX-License-Identifier: GPL-2.0
#
# First boot of scripts/demo: make a mirror, copy files to it, then keep
# writing until the power is cut.  For the host, which does the cutting:
#   @synced        everything in the archive is on stable storage
#   @file NAME ok  so is this file, written and fsync'd one by one
#   @end           the writer ran out of files
# Disks: two legs, the log, the archive.
# shellcheck shell=dash
set -eu

mirror=/dev/mapper/demo
sectors=$((LEG_MB * 2048))

echo "create a mirror of $LEG_MB MiB, log on disk, regions of $((REGION / 2)) KiB"
dms create demo --table "0 $sectors mirror disk 2 /dev/vdc $REGION \
	2 /dev/vda 0 /dev/vdb 0 1 handle_errors"
dms mknodes
s=$(in_sync demo)
until [ "${s%/*}" = "${s#*/}" ]; do
	echo "first resync, regions in sync: $s"
	sleep 1
	s=$(in_sync demo)
done
echo "first resync, regions in sync: $s, $(dms status demo)"

echo "make an ext4 file system and unpack the archive"
mke2fs -q -t ext4 "$mirror"
mkdir /mnt
mount -t ext4 "$mirror" /mnt
tar -xf /dev/vdd -C /mnt archive &
unpack=$!
while kill -0 $unpack 2>/dev/null; do
	sleep 1
	echo "$(df -m /mnt | awk 'END { print $3 }') MB written"
done
wait $unpack
# The tree that is written one by one comes from memory.
tar -xf /dev/vdd -C /tmp one-by-one
(cd /tmp && find one-by-one -type d) | (cd /mnt && xargs mkdir -p)
sync
echo "@synced"

# Files that are rewritten all the time, like a database or a disk image, 8 MiB
# each, with another part of the archive every time.
echo "write file by file, and rewrite three larger ones, until the power is cut"
for n in 1 2 3; do
	(skip=$n; while :; do
		dd if=/dev/vdd of=/mnt/rewritten.$n bs=1M count=8 skip=$skip \
			conv=notrunc,fsync
		skip=$(((skip + 8) % 100))
	done 2>/dev/null) &
done

(cd /tmp && find one-by-one -type f) | while read -r f; do
	dd if="/tmp/$f" of="/mnt/$f" bs=1M conv=fsync 2>/dev/null
	echo "@file $f ok"
done
echo "@end"
exit 1
