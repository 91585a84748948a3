# SPDX-License-Identifier: GPL-2.0
#
# Guest side of scripts/power-cuts: let the mirror recover from the last power cut, see
# what came of it, then write until the next one.  For the host, which cuts the power:
#   @copied SECTORS    what the recovery wrote to the second leg
#   @same              the legs are identical after it
#   @acknowledged N, @lost N    see soak-io.c
#   @writing           the power may go at any time
# Disks: two legs, the log, the acknowledgments.
# shellcheck shell=dash
set -eu

mirror=/dev/mapper/m
sectors=$(cat /sys/block/vda/size)
blocks=$((sectors / 8))

sectors_written() { awk '{ print $7 }' /sys/block/vdb/stat; }

# The mirror's own wait, so that the legs are not read before they are equal.
wait_in_sync() {
	wait_until all_in_sync || { explain | sed 's/^/# /'; return 1; }
}
all_in_sync() { s=$(in_sync m) && [ "${s%/*}" = "${s#*/}" ]; }

create() {
	dms create m --table "0 $sectors mirror disk 2 /dev/vdc $REGION \
		2 /dev/vda 0 /dev/vdb 0 1 handle_errors"
	dms mknodes
	wait_in_sync
}

chmod +x /data/soak-io
[ -z "$STOCK" ] && echo "$CLEAN_DELAY_MS" >/sys/module/dm_log/parameters/clean_delay_ms
before=$(sectors_written)
create
dms remove m
after=$(sectors_written)
echo "@copied $((after - before))"
cmp /dev/vda /dev/vdb && echo "@same"
/data/soak-io verify /dev/vdd 0 "$blocks" /dev/vda /dev/vdb || :

create
/data/soak-io write "$mirror" /dev/vdd 0 "$blocks" "$SEED" &
# Under way, and not only begun.
under_way() { [ "$(awk '{ print $5 }' /sys/block/vdd/stat)" -gt 50 ]; }
wait_until under_way
echo "@writing"
sleep $HANG_S
echo "# nobody cut the power"
exit 1
