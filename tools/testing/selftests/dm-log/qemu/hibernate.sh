# SPDX-License-Identifier: GPL-2.0
#
# Guest side of scripts/distro-check: a hibernation with a mirror in use. It powers the
# guest off; the next one is started with WAKE=1, and goes on here, from memory. Prints TAP
# lines without numbers, then "@done COUNT".
# Disks: two legs, the log, swap.
# shellcheck shell=dash
set -u

region=1024 idle=3
counters=/sys/kernel/debug/dm_log

if [ -n "$WAKE" ]; then
	cat /sys/block/vdd/dev >/sys/power/resume
	echo "# no image was found"
	exit 1
fi

bit() { # of $idle on the log device; 1 is clean
	echo 3 >/proc/sys/vm/drop_caches
	byte=$(dd if=/dev/vdc bs=1 skip=1024 count=1 2>/dev/null | od -An -tu1 | tr -d ' ')
	echo $((byte >> idle & 1))
}

write_idle() {
	dd if=/dev/zero of=/dev/mapper/m bs=4096 count=1 seek=$((idle * region / 8)) \
		oflag=direct 2>/dev/null
}

dms create m --table "0 $(cat /sys/block/vda/size) mirror disk 3 /dev/vdc $region nosync 2 \
	/dev/vda 0 /dev/vdb 0" && dms mknodes m || exit 1
mkswap /dev/vdd >/dev/null && swapon /dev/vdd || exit 1
# Only the power-off would clean it.
echo 3600000 >/sys/module/dm_log/parameters/clean_delay_ms
write_idle || exit 1
tries=0
until grep -q ' live=1 .* dirty=0 idle=1 ' $counters; do
	tries=$((tries + 1))
	[ $tries -lt 600 ] || { echo "# $(cat $counters)"; exit 1; }
	sleep 0.1
done
before=$(bit)
echo shutdown >/sys/power/disk && echo disk >/sys/power/state || exit 1

# From here on in the second guest.
after=$(bit)
write_idle
echo "# the idle region's bit: $before when it fell asleep, $after when it woke up," \
	"$(bit) after a write"
[ "$before$after$(bit)" = 000 ] || printf 'not '
echo "ok - what was dirty when the system hibernated is dirty when it wakes up"
echo "@done 1"
