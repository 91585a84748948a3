#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The measurements of scripts/bench, run in a guest that boots for this alone:
#
#   guest.sh full|quick|ops STOCK-DIR OURS-DIR
#
# Each directory holds a dm-log.ko, and OURS-DIR dm-log-bench.ko; dm-mirror.ko and
# dm-region-hash.ko are STOCK-DIR's for both. Figures go to $RESULTS/raw.tsv, one
# a line; what they mean is report.py's business.
#
# How a load is measured: fio writes; the kernel's own counters of the mirror
# and of the log device are read twice, and the difference is what counts. So
# bytes and writes belong to the same stretch of time, and nothing is estimated.
set -eu

mode=$1 stock_dir=$2 ours_dir=$3
raw=$RESULTS/raw.tsv

dmsetup=(dmsetup --noudevsync --noudevrules)
region=1024			# sectors: 512 KiB
leg_mib=$((100 << 20))		# the largest mirror: 100 TiB
tib=$((1 << 31))		# in sectors
gib=$((1 << 21))
export MDADM_NO_UDEV=1

if [ "$mode" = quick ]; then
	warm=1 window=2 turns=8
else
	warm=2 window=5 turns=16
fi

say() { printf '# %5s s: %s\n' "$SECONDS" "$*"; }
die() { echo "# bench: $*"; exit 1; }

# put EXPERIMENT SIZE LATENCY BLOCK VARIANT RUN METRIC VALUE
put() { local IFS=$'\t'; echo "$*" >>"$raw"; }

# --- devices -----------------------------------------------------------------

# nullb NAME MIB [ATTRIBUTE=VALUE...]
nullb() {
	local dir=/sys/kernel/config/nullb/$1 a
	mkdir "$dir"
	echo "$2" >"$dir/size"
	for a in "${@:3}"; do
		echo "${a#*=}" >"$dir/${a%%=*}"
	done
	echo 1 >"$dir/power"
	[ -b "/dev/$1" ] || die "no /dev/$1"
}

no_nullb() { rmdir "/sys/kernel/config/nullb/$1"; }

# A log device: backed by memory, because a log is read back, with a volatile
# cache, because without one a flush costs nothing. Its latency is per request.
log_device() { # NAME MIB LATENCY BLOCK-SIZE
	local attributes=(irqmode=0)
	[ "$3" = instant ] || attributes=(irqmode=2 completion_nsec=1000000)
	nullb "$1" "$2" memory_backed=1 cache_size="$2" blocksize="$4" "${attributes[@]}"
}

# stat_of DEVICE: read the counters into $s (Documentation/block/stat.rst)
stat_of() { read -ra s <"/sys/block/$1/stat"; }

# Read the guest's idle time, in us, into $idle
idle_time() {
	local cpu
	read -ra cpu </proc/stat
	idle=$(((cpu[4] + cpu[5]) * 10000))
}

# DEVICE's name in sysfs
node_of() {
	basename "$(readlink "/sys/dev/block/$((0x$(stat -L -c %t "$1"))):$((0x$(stat -L -c %T "$1")))")"
}

create() { # NAME TABLE
	"${dmsetup[@]}" create "$1" --table "$2"
	"${dmsetup[@]}" mknodes "$1"
}

remove() { "${dmsetup[@]}" remove --retry "$1"; }

# --- modules -----------------------------------------------------------------

unload() {
	local m
	for m in dm_log_bench dm_mirror dm_region_hash dm_log_userspace dm_log; do
		[ ! -d "/sys/module/$m" ] || rmmod "$m"
	done
}

# use stock|ours: load them by path, and look at what is loaded.
use() {
	local dir=$stock_dir is=stock
	[ "$1" = stock ] || dir=$ours_dir
	unload
	insmod "$dir/dm-log.ko"
	[ ! -e /sys/module/dm_log/parameters/clean_delay_ms ] || is=ours
	[ $is = "$1" ] || die "$dir/dm-log.ko is $is, not $1"
	insmod "$stock_dir/dm-region-hash.ko"
	insmod "$stock_dir/dm-mirror.ko"
	insmod "$ours_dir/dm-log-bench.ko"
	module=$1
}

# --- loads -------------------------------------------------------------------

fio_args=(--name=b --ioengine=libaio --direct=1 --rw=randwrite --bs=4k --iodepth=16
	--thread --gtod_reduce=1 --norandommap --random_generator=tausworthe64
	--time_based --minimal)

# start_fio DEVICE SEED OFFSET BYTES [OPTION...]: random writes to BYTES at OFFSET
# of /dev/DEVICE, in the background. Warm when this returns; $fio is its process,
# $node the device's name in sysfs.
start_fio() {
	local writes

	node=$(node_of "/dev/$1")
	stat_of "$node"
	writes=${s[4]}
	fio "${fio_args[@]}" --filename="/dev/$1" --randseed="$2" --offset="$3" \
		--size="$4" --ramp_time="$warm" "${@:5}" >/tmp/fio 2>&1 &
	fio=$!
	# Starting fio takes a while; the warm-up counts from its first write.
	until stat_of "$node"; [ "${s[4]}" -gt "$writes" ]; do
		kill -0 $fio 2>/dev/null || { cat /tmp/fio; die "fio failed"; }
		sleep 0.02
	done
	sleep "$warm"
}

# speed EXPERIMENT SIZE LATENCY BLOCK VARIANT RUN "LOG-DEVICE..."
#
# What is written in the next $window seconds to $node.
speed() {
	local log was_idle writes us bytes=0 ios=0 flushes=0 t

	idle_time
	was_idle=$idle t=${EPOCHREALTIME/./}
	stat_of "$node"
	writes=${s[4]}
	for log in $7; do
		stat_of "$log"
		ios=$((ios - s[4])) bytes=$((bytes - s[6] * 512)) flushes=$((flushes - s[15]))
	done
	# Not to the end: fio stops by its own clock.
	sleep "$(awk "BEGIN { print $window - 0.1 }")"
	us=$((${EPOCHREALTIME/./} - t))
	idle_time
	stat_of "$node"
	writes=$((s[4] - writes))
	for log in $7; do
		stat_of "$log"
		ios=$((ios + s[4])) bytes=$((bytes + s[6] * 512)) flushes=$((flushes + s[15]))
	done

	put "${@:1:6}" writes "$writes"
	put "${@:1:6}" start_us $t
	put "${@:1:6}" us $us
	put "${@:1:6}" idle_us $((idle - was_idle))
	put "${@:1:6}" log_bytes "$bytes"
	put "${@:1:6}" log_writes "$ios"
	put "${@:1:6}" log_flushes "$flushes"
	say "$1 $2 $3 $4 $5: $((writes * 1000000 / us)) writes/s, log" \
		"$((bytes / (writes ? writes : 1))) bytes/write, $ios writes, $flushes flushes"
}

# load EXPERIMENT SIZE LATENCY BLOCK VARIANT RUN DEVICE "LOG-DEVICE..." OFFSET BYTES
#
# Random writes to BYTES at OFFSET of /dev/DEVICE; -: no log device.
load() {
	local node fio

	start_fio "$7" "$6" "$9" "${10}" --runtime="$window"
	speed "${@:1:6}" "${8#-}"
	wait $fio || { cat /tmp/fio; die "fio failed"; }
	put "${@:1:6}" fio_iops "$(cut -d';' -f49 /tmp/fio)"
}

sectors() { # 1GiB
	case $1 in
	*TiB) echo $((${1%TiB} * tib)) ;;
	*GiB) echo $((${1%GiB} * gib)) ;;
	esac
}

area() { # PATTERN SIZE: offset and bytes of what is written to
	local bytes=$(($(sectors "$2") * 512))
	case $1 in
	hot64M) echo $((bytes / 2)) $((64 << 20)) ;;
	hot1G)  echo $((bytes / 2)) $((1 << 30)) ;;
	uniform) echo 0 $bytes ;;
	esac
}

# mirror_load LOG PATTERN SIZE LATENCY BLOCK RUN: LOG is disk or core
mirror_load() {
	local log="disk 3 /dev/log-$4-$5 $region nosync" logdev=log-$4-$5 variant=$module
	[ "$1" = disk ] || log="core 2 $region nosync" logdev=- variant=core-$module
	create m "0 $(sectors "$3") mirror $log 2 /dev/leg0 0 /dev/leg1 0 1 handle_errors"
	# shellcheck disable=SC2046 # two words
	load "$2" "$3" "$4" "$5" "$variant" "$6" mapper/m "$logdev" $(area "$2" "$3")
	remove m
}

# md's bitmap lives on the legs. They are put together so that it and nothing
# else falls on a device of its own, which is like the log device.
md_offset_mib=128
md_start() { # SIZE LATENCY BLOCK
	local n first=$((md_offset_mib * 2048))
	for n in 0 1; do
		log_device "md-log$n" $md_offset_mib "$2" "$3"
		create "md-leg$n" "0 $first linear /dev/md-log$n 0
$first $(sectors "$1") linear /dev/leg$n $first"
	done
	mdadm --create /dev/md0 --quiet --run --assume-clean --level=1 --raid-devices=2 \
		--metadata=1.2 --bitmap=internal --data-offset=${md_offset_mib}M \
		/dev/mapper/md-leg0 /dev/mapper/md-leg1 </dev/null >/tmp/mdadm 2>&1 ||
		{ cat /tmp/mdadm; return 1; }
}

md_stop() {
	local n
	mdadm --stop --quiet /dev/md0
	for n in 0 1; do
		remove "md-leg$n"
		no_nullb "md-log$n"
	done
}

md_load() { # PATTERN SIZE LATENCY BLOCK RUN
	md_start "$2" "$3" "$4" || { say "no md raid1 here"; return 0; }
	# shellcheck disable=SC2046 # two words
	load "$1" "$2" "$3" "$4" md "$5" md0 "md-log0 md-log1" $(area "$1" "$2")
	put "$1" "$2" "$3" "$4" md "$5" chunk_kib \
		$(($(cat /sys/block/md0/md/bitmap/chunksize) / 1024))
	md_stop
}

# What completion_nsec really gives, at QD 1 and with writes of 4 KiB.
device_latency() {
	local writes t us log
	for log in log-1ms-4096 log-instant-4096; do
		stat_of $log
		writes=${s[4]} t=${EPOCHREALTIME/./}
		dd if=/dev/zero of=/dev/$log bs=4k count=500 oflag=direct status=none
		us=$((${EPOCHREALTIME/./} - t))
		stat_of $log
		put device 64MiB ${log#log-} - - 1 us_per_write $((us / (s[4] - writes)))
		say "$log: $((us / (s[4] - writes))) us for a write at queue depth 1"
	done
}

# --- operations --------------------------------------------------------------

message() { "${dmsetup[@]}" message b 0 "$@"; }

# put_pairs EXPERIMENT SIZE LATENCY BLOCK VARIANT RUN "METRIC VALUE..."
put_pairs() {
	# shellcheck disable=SC2086
	set -- "${@:1:6}" $7
	while [ $# -gt 7 ]; do
		put "${@:1:6}" "$7" "$8"
		set -- "${@:1:6}" "${@:9}"
	done
}

# ns of an operation; the smallest regions there are, two sectors each.
operations() { # LOG-TYPE REGIONS RUN ROUNDS
	local pattern answer
	case $1 in
	core) create b "0 $(($2 * 2)) log-bench core 2 2 nosync" ;;
	disk) create b "0 $(($2 * 2)) log-bench disk 3 /dev/log-instant-4096 2 nosync" ;;
	esac
	for pattern in seq random; do
		answer=$(message ops $pattern "$4")
		put_pairs "ops-$1-$pattern" "$2" - - "$module" "$3" "$answer"
		say "$1, $2 regions, $pattern, $module: $answer (1/100 ns)"
	done
	if [ "$1" = core ]; then
		answer=$(message last 9)
		put_pairs last "$2" - - "$module" "$3" "$answer"
		say "$1, $2 regions, $module: $answer ns"
	fi
	remove b
}

flush_time() { # SIZE LOG-DEVICE RUN
	local pattern answer ios latency=${2#log-}
	for pattern in seq random; do
		create b "0 $(sectors "$1") log-bench disk 3 /dev/$2 $region nosync"
		stat_of "$2"
		ios=${s[4]}
		answer=$(message flush $pattern 208)
		stat_of "$2"
		put_pairs flush-$pattern "$1" "${latency%-*}" "${2##*-}" "$module" "$3" \
			"$answer log_writes $((s[4] - ios))"
		say "flush, $1, $2, $pattern regions, $module: $answer ns," \
			"$((s[4] - ios)) log writes for 208 marks"
		remove b
	done
}

# A log without memory behind it: a fresh log's contents do not matter, and
# copying 256 MiB into memory is the device's cost, not the log's. 128 regions
# short of 2^31, because there stock brings the kernel down (memweight()).
fresh_resume() { # RUN
	local regions=$(((1 << 31) - 128)) busy real user sys t
	nullb log-huge 512 blocksize=4096 irqmode=0
	"${dmsetup[@]}" create b --notable
	"${dmsetup[@]}" load b --table \
		"0 $((regions * 2)) log-bench disk 3 /dev/log-huge 2 sync"
	busy=$(awk '/^cpu / { print $2 + $3 + $4 + $7 + $8 }' /proc/stat)
	TIMEFORMAT='%R %U %S' t=${EPOCHREALTIME/./}
	read -r real user sys <<<"$({ time "${dmsetup[@]}" resume b; } 2>&1)"
	busy=$(($(awk '/^cpu / { print $2 + $3 + $4 + $7 + $8 }' /proc/stat) - busy))
	stat_of log-huge
	put resume $regions instant 4096 "$module" "$1" start_us "$t"
	put resume $regions instant 4096 "$module" "$1" us "$(ms "$real * 1000")"
	put resume $regions instant 4096 "$module" "$1" idle_us 0
	put resume $regions instant 4096 "$module" "$1" cpu_ms "$(ms "$user + $sys")"
	put resume $regions instant 4096 "$module" "$1" system_busy_ms $((busy * 10))
	put resume $regions instant 4096 "$module" "$1" log_bytes $((s[6] * 512))
	say "resume of $regions regions, $module: $real s, CPU $user + $sys s," \
		"system busy ${busy}0 ms, $((s[6] / 2)) KiB written"
	remove b
	no_nullb log-huge
}

ms() { awk "BEGIN { printf \"%.0f\", ($1) * 1000 }"; }

# dm-mirror copies a region at a time; they are small to keep that short. The
# log is the same size as that of a mirror with as many large ones.
full_resync() { # RUN
	local regions=$((1 << 17)) t bytes ios flushes tries=0
	stat_of log-instant-4096
	ios=${s[4]} bytes=${s[6]} flushes=${s[15]} t=${EPOCHREALTIME/./}
	create m "0 $((regions * 8)) mirror disk 3 /dev/log-instant-4096 8 sync 2 /dev/leg0 0 /dev/leg1 0"
	until "${dmsetup[@]}" status m | grep -q " $regions/$regions "; do
		tries=$((tries + 1))
		[ $tries -lt 1200 ] || die "no end to the resync: $("${dmsetup[@]}" status m)"
		sleep 0.1
	done
	t=$((${EPOCHREALTIME/./} - t))
	# What stays to be cleaned belongs to it.
	remove m
	stat_of log-instant-4096
	bytes=$(((s[6] - bytes) * 512))
	put resync $regions instant 4096 "$module" "$1" log_bytes $bytes
	put resync $regions instant 4096 "$module" "$1" log_writes $((s[4] - ios))
	put resync $regions instant 4096 "$module" "$1" log_flushes $((s[15] - flushes))
	put resync $regions instant 4096 "$module" "$1" ms $((t / 1000))
	say "resync of $regions regions, $module: $bytes bytes, $((s[4] - ios)) writes," \
		"$((s[15] - flushes)) flushes, $((t / 1000)) ms"
}

# --- what is run -------------------------------------------------------------

setup() {
	# Freed pages are kept for reuse in an order that is the wrong one for UML:
	# it maps a large vmalloc area page by page, beyond the host's limit.
	echo 100000 >/proc/sys/vm/percpu_pagelist_high_fraction
	printf '%s\t' experiment size latency block variant run metric >"$raw"
	echo value >>"$raw"
	nullb leg0 $leg_mib irqmode=0
	nullb leg1 $leg_mib irqmode=0
	log_device log-instant-4096 64 instant 4096
	log_device log-instant-512 64 instant 512
	log_device log-1ms-4096 64 1ms 4096
	log_device log-1ms-512 64 1ms 512
	# Takes what is written and keeps nothing: its own time is the same for all.
	nullb log-void-4096 64 blocksize=4096 irqmode=0
	device_latency
}

# Core, or what is given in its place, against another log, by turns of half a second:
# whatever else the host does meets both alike. Both mirrors are there all the time,
# each with a fio that is stopped and continued.
core_and_other() { # EXPERIMENT PATTERN SIZE LATENCY BLOCK LOG-TABLE LOG-DEVICE [CORE-TABLE NAME]
	local pattern=$2 len i turn name t us was_idle writes bytes fio=() node=() log=$7 where
	local core=${8:-core 2 $region nosync} core_name=${9:-core}
	len=$(sectors "$3")
	create core "0 $len mirror $core 2 /dev/leg0 0 /dev/leg1 0 1 handle_errors"
	create other "0 $len mirror $6 2 /dev/leg0 $len /dev/leg1 $len 1 handle_errors"
	where=$(area "$pattern" "$3")
	for name in core other; do
		node+=("$(node_of /dev/mapper/$name)")
		fio "${fio_args[@]}" --filename=/dev/mapper/$name --randseed=1 \
			--offset="${where% *}" --size="${where#* }" --runtime=3600 >/tmp/fio-$name 2>&1 &
		fio+=($!)
	done
	for i in 0 1; do
		until stat_of "${node[i]}"; [ "${s[4]}" -gt 0 ]; do
			kill -0 "${fio[i]}" || { cat /tmp/fio-*; die "fio failed"; }
			sleep 0.02
		done
	done
	sleep $((3 * warm)) # they share the CPU
	kill -STOP "${fio[@]}"

	set -- "$1" "${@:3}"
	for ((turn = 1; turn <= turns; turn++)); do
		for i in 0 1; do
			stat_of "${node[i]}"
			writes=${s[4]}
			stat_of "$log"
			idle_time
			bytes=${s[6]} was_idle=$idle t=${EPOCHREALTIME/./}
			kill -CONT "${fio[i]}"
			sleep 0.5
			kill -STOP "${fio[i]}"
			us=$((${EPOCHREALTIME/./} - t))
			idle_time
			stat_of "${node[i]}"
			writes=$((s[4] - writes))
			stat_of "$log"
			name=$core_name-$module
			[ $i = 0 ] || name=$module
			put "${@:1:4}" $name $turn start_us "$t"
			put "${@:1:4}" $name $turn us $us
			put "${@:1:4}" $name $turn idle_us $((idle - was_idle))
			put "${@:1:4}" $name $turn writes $writes
			put "${@:1:4}" $name $turn log_bytes $(((s[6] - bytes) * 512))
		done
	done
	say "${*:1:4}: by turns with $core_name, done"
	kill -CONT "${fio[@]}"
	kill "${fio[@]}"
	wait "${fio[@]}" || :
	remove core
	remove other
}

core_and_disk() { # PATTERN SIZE LATENCY BLOCK
	core_and_other "$1-turns" "$@" "disk 3 /dev/log-$3-$4 $region nosync" "log-$3-$4"
}

# A core log that waits for a device of the same kind once a pass: as fast as any that marks.
waiting_and_disk() { # PATTERN SIZE LATENCY
	core_and_other "$1-wait-turns" "$@" 4096 "disk 3 /dev/log-$3-4096 $region nosync" \
		"log-$3-4096" "bench-wait 3 /dev/log-$3-512 $region nosync" wait
}

stock_and_ours() { # RUNS PATTERN SIZE LATENCY BLOCK
	local run
	for ((run = 1; run <= $1; run++)); do
		for module in stock ours; do
			use $module
			mirror_load disk "${@:2}" $run
		done
	done
}

# The pictures: from 1 GiB to 100 TiB; those of 1 TiB are there already.
sizes() { # RUN
	local size pattern
	for size in 1GiB 32GiB 10TiB 100TiB; do
		for pattern in hot64M uniform; do
			mirror_load disk $pattern $size 1ms 4096 "$1"
		done
	done
}

small_logs() { # RUN: what takes no time
	operations core $((1 << 11)) "$1" 501
	operations core $((1 << 21)) "$1" 51
	operations disk $((1 << 11)) "$1" 501
	operations disk $((1 << 21)) "$1" 15
	for device in log-instant-4096 log-instant-512 log-void-4096 log-1ms-4096; do
		flush_time 1GiB $device "$1"
		flush_time 100TiB $device "$1"
	done
}

measure_quick() {
	local run
	for module in stock ours; do
		use $module
		fresh_resume 1
	done
	full_resync 1
	mirror_load disk hot64M 1TiB 1ms 4096 1
	core_and_disk hot64M 1TiB 1ms 4096
	core_and_disk hot1G 1TiB 1ms 4096
	waiting_and_disk uniform 1TiB 1ms
	mirror_load disk uniform 1TiB 1ms 512 1
	stock_and_ours 3 uniform 1TiB 1ms 4096
	for run in 1 2 3; do
		for module in ours stock; do
			use $module
			operations core $((1 << 11)) $run 501
			operations core $((1 << 21)) $run 51
		done
		use ours
		for device in log-instant-4096 log-void-4096 log-1ms-4096; do
			flush_time 1GiB $device $run
			flush_time 100TiB $device $run
		done
	done
}

# Nothing but operations; stock's flushes of 100 TiB are known to be slow.
measure_ops() {
	local run
	for run in 1 2 3 4 5; do
		for module in stock ours; do
			use $module
			operations core $((1 << 11)) $run 501
			operations core $((1 << 21)) $run 51
			operations disk $((1 << 11)) $run 501
			operations disk $((1 << 21)) $run 15
		done
		for device in log-instant-4096 log-instant-512 log-void-4096; do
			flush_time 1GiB $device $run
			flush_time 100TiB $device $run
		done
	done
}

measure_full() {
	local run
	# The large ones first, while the guest's memory is in one piece.
	for run in 1 2; do
		for module in stock ours; do
			use $module
			[ $run != 1 ] || fresh_resume 1
			operations core $((1 << 31)) $run 15
		done
	done

	use stock
	full_resync 1
	mirror_load disk hot64M 1TiB instant 4096 1
	mirror_load core hot64M 1TiB instant 4096 1
	mirror_load disk hot64M 1TiB 1ms 4096 1
	mirror_load disk hot1G 1TiB 1ms 4096 1
	core_and_disk hot64M 1TiB 1ms 4096
	sizes 1

	use ours
	full_resync 1
	mirror_load disk hot64M 1TiB instant 4096 1
	mirror_load core hot64M 1TiB instant 4096 1
	mirror_load disk hot64M 1TiB 1ms 4096 1
	mirror_load core hot64M 1TiB 1ms 4096 1
	core_and_disk hot64M 1TiB 1ms 4096
	mirror_load disk hot1G 1TiB 1ms 4096 1
	mirror_load core hot1G 1TiB 1ms 4096 1
	core_and_disk hot1G 1TiB 1ms 4096
	waiting_and_disk uniform 1TiB 1ms
	mirror_load core uniform 1TiB 1ms 4096 1
	sizes 1
	mirror_load core hot64M 1GiB 1ms 4096 1
	mirror_load core hot64M 100TiB 1ms 4096 1

	md_load hot64M 1TiB instant 4096 1
	md_load hot64M 1TiB 1ms 4096 1
	md_load hot1G 1TiB 1ms 4096 1
	md_load uniform 1TiB 1ms 4096 1

	stock_and_ours 3 uniform 1TiB 1ms 4096
	stock_and_ours 1 uniform 1TiB 1ms 512
	stock_and_ours 3 uniform 1TiB instant 4096
	for run in 1 2 3; do
		for module in stock ours; do
			use $module
			small_logs $run
		done
	done
}

# shellcheck source=tools/testing/selftests/dm-log/bench/userspace.sh
. "$(dirname "$0")/userspace.sh"

module=
setup
case $mode in
userspace) measure_userspace ;;
ops)	measure_ops ;;
*)
	"measure_$mode"
	measure_userspace ;;
esac
unload
