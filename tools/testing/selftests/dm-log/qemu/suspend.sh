# SPDX-License-Identifier: GPL-2.0
#
# Guest side of scripts/bench --suspend: many mirrors with core logs are suspended and
# resumed, one after the other, with the kernel's own dm-log and with ours by turns.
# Prints "<stock|ours> <ms to suspend> <ms to resume>" for each turn.
# shellcheck shell=dash
set -eu

mods=/lib/modules/$(uname -r)
nr=100

use() { # stock|ours
	case $1 in
	stock) insmod "$mods"/kernel/drivers/md/dm-log.ko* ;;
	ours) insmod "$mods/updates/dm-log.ko" ;;
	esac
	is=stock
	[ ! -e /sys/module/dm_log/parameters/clean_delay_ms ] || is=ours
	[ $is = "$1" ] || { echo "# $is is loaded, not $1"; exit 1; }
	modprobe dm-mirror
}
unload() { rmmod dm-mirror dm-region-hash dm-log; }

now() { # in 1/100 s
	read -r up _ </proc/uptime
	echo "${up%.*}${up#*.}"
}

unload
modprobe null_blk nr_devices=1 gb=4
i=0 names=''
while [ $i -lt $nr ]; do
	names="$names m$i"
	i=$((i + 1))
done

turn() { # stock|ours
	use "$1"
	for m in $names; do
		at=$((${m#m} * 16384))
		dms create "$m" --table "0 8192 mirror core 2 128 nosync 2 /dev/nullb0 $at /dev/nullb0 $((at + 8192))"
	done
	start=$(now)
	# shellcheck disable=SC2086 # words
	dms suspend $names
	middle=$(now)
	# shellcheck disable=SC2086
	dms resume $names
	end=$(now)
	echo "$1 $(((middle - start) * 10)) $(((end - middle) * 10))"
	dms remove_all
	unload
}

i=0
while [ $i -lt "$TURNS" ]; do
	turn stock
	turn ours
	i=$((i + 1))
done
modprobe dm-mirror
