# SPDX-License-Identifier: GPL-2.0
#
# Guest side of scripts/distro-check: the whole life of core and disk logs under
# the distribution's own dm-mirror. Prints TAP lines without numbers, then
# "@done COUNT".
# Disks: two legs, the log; and one with atomic writes, which every NVMe disk has, if only of a
# block.
# shellcheck shell=dash
# shellcheck disable=SC2016,SC2034 # claim evaluates its second argument
set -u

sectors=$(cat /sys/block/vda/size)
region=1024
regions=$((sectors / region))
a=$(cat /sys/block/vda/dev) b=$(cat /sys/block/vdb/dev) log=$(cat /sys/block/vdc/dev)
legs="2 $a 0 $b 0"

mirror() { # NAME LOG: create a mirror
	dms create "$1" --table "0 $sectors mirror $2 $legs" && dms mknodes
}

is_in_sync() { [ "$(in_sync "$1")" = $regions/$regions ]; }
wait_in_sync() { wait_until is_in_sync "$1"; } # NAME

status() { # LOG-STATUS: the whole line of a mirror in sync
	echo "0 $sectors mirror 2 $a $b $regions/$regions 1 AA $1"
}

drop_caches() {
	sync
	echo 3 >/proc/sys/vm/drop_caches
}

same_legs() {
	drop_caches
	cmp /dev/vda /dev/vdb
}

fill() { # DEVICE MB: random data
	dd if=/dev/urandom of="$1" bs=1M count="$2" 2>/dev/null
}

# The number of users in lsmod; nothing if not loaded.
users() { awk -v m="$1" '$1 == m { print $3 }' /proc/modules; }

# Regions that are dirty in the log on disk: zero bits from byte 1024 on.
dirty_on_disk() {
	drop_caches
	od -An -v -tu1 -w1 -j1024 -N$((regions / 8)) /dev/vdc | awk '
		{ for (i = 0; i < 8; i++) { n += $1 % 2 == 0; $1 = int($1 / 2) } }
		END { print n + 0 }'
}

claim "modules loaded are the ones meant" check_modules
# The newest kernels have no modversions, see scripts/crc-check.
claim "modversions are in force if the kernel has them, and nothing was forced" '
	is "$(modinfo -F vermagic dm-mirror)" "$(modinfo -F vermagic dm-log)" &&
	is 0 $(($(cat /proc/sys/kernel/tainted) & 2)) &&
	! dmesg | grep -i "symbol version\|disagrees"'

# core
fill /dev/vda 16
claim "core: create" 'mirror m "core 1 $region"'
claim "core: table" '
	is "0 $sectors mirror core 1 $region $legs" "$(dms table m)"'
claim "core: first resync" 'wait_in_sync m'
claim "core: status" 'is "$(status "1 core")" "$(dms status m)"'
claim "core: the resync made the legs identical" same_legs
claim "core: write" 'fill /dev/mapper/m 32 && same_legs'
claim "core: suspend and resume keep the sync state" '
	dms suspend m && is "$(status "1 core")" "$(dms status --noflush m)" &&
	dms resume m && is $regions/$regions "$(in_sync m)"'
claim "core: the mirror holds references while it exists" '
	[ "$(users dm_log)" -gt "$(users dm_region_hash)" ]'
claim "core: remove" 'dms remove m'

claim "core nosync: no resync" '
	mirror m "core 2 $region nosync" && is $regions/$regions "$(in_sync m)" &&
	is "0 $sectors mirror core 2 $region nosync $legs" "$(dms table m)" &&
	dms remove m'

# disk
claim "disk: create" 'mirror m "disk 2 /dev/vdc $region"'
claim "disk: table" '
	is "0 $sectors mirror disk 2 $log $region $legs" "$(dms table m)"'
claim "disk: first resync" 'wait_in_sync m'
claim "disk: status" 'is "$(status "3 disk $log A")" "$(dms status m)"'
claim "disk: write" 'fill /dev/mapper/m 32 && same_legs'
claim "disk: suspend and resume keep the sync state" '
	dms suspend m && is "$(status "3 disk $log A")" "$(dms status --noflush m)" &&
	dms resume m && is $regions/$regions "$(in_sync m)"'
claim "disk: remove" 'dms remove m'
claim "disk: the header is version 2 with the number of regions" '
	is "72 52 69 4d 02 00 00 00 $(printf %02x $((regions % 256))) $(
		printf %02x $((regions / 256))) 00 00 00 00 00 00" \
		"$(od -An -v -w16 -tx1 -N16 /dev/vdc | sed "s/^ //")"'
claim "disk: all regions are clean on disk after removal" 'is 0 "$(dirty_on_disk)"'
claim "disk: activated again, nothing to resync" '
	mirror m "disk 2 /dev/vdc $region" && is $regions/$regions "$(in_sync m)" &&
	dms remove m'
claim "disk sync: all is resynced" '
	mirror m "disk 3 /dev/vdc $region sync" &&
	is "0 $sectors mirror disk 3 $log $region sync $legs" "$(dms table m)" &&
	wait_in_sync m && dms remove m'

# Writers, status and suspend at once, on all CPUs.
stress() {
	mirror m "disk 2 /dev/vdc $region" || return
	pids=
	for n in 0 1 2 3; do
		(i=0; while [ $i -lt 6 ]; do
			dd if=/dev/urandom of=/dev/mapper/m bs=64k count=32 \
				seek=$((n * 200 + i * 32)) conv=notrunc,fsync 2>/dev/null ||
				exit 1
			i=$((i + 1))
		done) &
		pids="$pids $!"
	done
	rounds=0
	while [ $rounds -lt 8 ]; do
		rounds=$((rounds + 1))
		dms status m >/dev/null && dms suspend m && dms resume m || return
	done
	for p in $pids; do
		wait "$p" || return
	done
	wait_in_sync m && dms remove m && same_legs && is 0 "$(dirty_on_disk)"
}
claim "disk: writers while the mirror is suspended and resumed, $(nproc) CPUs" stress

# Bytes that are written at once, or not at all; nothing if the kernel does not know of that.
atomic_bytes() { cat "/sys/block/$1/queue/atomic_write_max_bytes" 2>/dev/null; } # DEVICE
has_nvme() { [ -b /dev/nvme0n1 ]; }

# What the mirror makes of them is a matter of its version.
atomic_writes() {
	of_leg=$(atomic_bytes nvme0n1)
	echo "# atomic writes of the leg: $of_leg bytes, mirror v$(mirror_version)"
	[ "$of_leg" -gt 0 ] || return
	d=$(cat /sys/block/nvme0n1/dev)
	dms create at --table "0 2048 mirror core 2 1024 nosync 2 $d 0 $d 2048" || return
	of_mirror=$(atomic_bytes "dm-$(dms info -c --noheadings -o minor at)")
	dms remove at
	case $(mirror_version) in
	1.1[0-4].*) is 0 "$of_mirror" ;;
	*)          is "$of_leg" "$of_mirror" ;;
	esac
}
mirror_version() { dms targets | sed -n 's/^mirror *v//p'; }
modprobe nvme
wait_until has_nvme
if [ -n "$(atomic_bytes nvme0n1)" ]; then
	claim "a mirror has the atomic writes of its legs since version 1.15, and none before" \
		atomic_writes
else
	claim "atomic writes # SKIP this kernel has none" has_nvme
fi

# Refusals
claim "unknown log type: EINVAL" '
	! mirror m "nosuch 1 $region" 2>/tmp/err &&
	grep -q "Invalid argument" /tmp/err && ! dms info m >/dev/null 2>&1'
if [ -z "$STOCK" ]; then
	claim "region size not a power of two: EINVAL" '
		! mirror m "core 1 1000" 2>/tmp/err &&
		grep -q "Invalid argument" /tmp/err'
else
	claim "region size not a power of two # SKIP stock takes it" true
fi
claim "log device too small for its bits: EINVAL" '
	dms create small --table "0 2 linear /dev/vdc 0" && dms mknodes &&
	! mirror m "disk 2 /dev/mapper/small 2" 2>/tmp/err &&
	grep -q "Invalid argument" /tmp/err && dms remove small'

# Ours is a part of dm-log; the kernel's own is there, too, and must not be found.
claim "modprobe dm-log-userspace" '
	modprobe dm-log-userspace &&
	is "${STOCK:+0}" "$(users dm_log_userspace)"'
claim "a userspace log without a daemon is refused, nothing leaks" '
	! mirror m "userspace 4 uuid-1 clustered-core $region nosync" 2>/tmp/err &&
	! dms info m >/dev/null 2>&1'

# Tracepoints, with a log device that fails in the end.
tracing=/sys/kernel/tracing
trace_disk() {
	mount -t tracefs tracefs $tracing && echo 1 >$tracing/events/dm_log/enable &&
		dms create l --table "0 2048 linear /dev/vdc 0" && dms mknodes &&
		mirror m "disk 3 /dev/mapper/l $region sync" && wait_in_sync m &&
		fill /dev/mapper/m 1 && dms suspend m && dms resume m &&
		dms load l --table "0 2048 error" && dms suspend l && dms resume l &&
		fill /dev/mapper/m 2
	dms remove --force m
	dms remove l
	! mirror m "userspace 4 uuid-1 clustered-core $region nosync" 2>/dev/null
	echo 0 >$tracing/events/dm_log/enable
}
traced() { # EVENT PATTERN
	grep -q "dm_log_$1: .*$2" $tracing/trace && return
	grep "dm_log_$1" $tracing/trace | head -n 3 | sed 's/^/# /'
	return 1
}
if [ -z "$STOCK" ]; then
	trace_disk
	claim "trace: resume" 'traced resume "disk regions $regions out_of_sync $regions error 0"'
	claim "trace: resync work" 'traced resync_work "region 0$"'
	claim "trace: set region sync" 'traced set_region_sync "region 0 in_sync 1"'
	claim "trace: mark and clear" '
		traced mark_region "region 1$" && traced clear_region "region 1$"'
	claim "trace: a commit, and one that failed" '
		traced commit "ns [1-9][0-9]* error 0" && traced commit "error -5"'
	claim "trace: a write" '
		traced write "sector 0 writes 1 blocks [1-9] bytes [1-9][0-9]* ns [1-9][0-9]* error 0"'
	claim "trace: cleaning" 'traced clean "cleaned [1-9][0-9]* error 0"'
	claim "trace: failure" 'traced failure "error -5"'
	claim "trace: request and no reply" '
		traced request "log uuid-1 .*CTR (1)" && traced reply "log uuid-1 .*CTR (1).*result -3"'
	umount $tracing
fi

# Unloading fails if anything is still referenced.
unload() {
	if [ -n "$(users dm_log_userspace)" ]; then
		rmmod dm-log-userspace || return
	fi
	rmmod dm-mirror && rmmod dm-region-hash &&
		is 0 "$(users dm_log)" && rmmod dm-log && is "" "$(users dm_log)"
}
claim "all modules unload" unload
claim "load, use and unload again, five times" '
	for n in 1 2 3 4 5; do
		modprobe dm-mirror && check_modules >/dev/null &&
			mirror m "core 2 $region nosync" && dms remove m && unload || break
		loaded=$n
	done
	is 5 "${loaded:-0}"'
claim "no warning, bug or leak in the kernel log" '
	! dmesg | grep -E "WARNING|BUG|Oops|Call Trace|scheduling while|use.after|leak"'
end
