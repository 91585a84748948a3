#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Logs that a daemon keeps, measured: a part of guest.sh, whose functions it uses.
# The same daemon serves stock and ours, by turns.
# shellcheck disable=SC2154 # guest.sh has these

uuid=bench-log
us_legs="2 /dev/leg0 0 /dev/leg1 0 1 handle_errors"
testd=
case $mode in
quick)	us_runs=2 asks=2000 count_ms=1000 ;;
full)	us_runs=3 asks=4000 count_ms=2000 ;;
*)	us_runs=5 asks=4000 count_ms=2000 window=3 ;;
esac

use_userspace() { # stock|ours
	use "$1"
	[ "$1" = ours ] || insmod "$stock_dir/dm-log-userspace.ko"
}

# --- daemons: one at a time, because each answers whatever is asked -----------

# The library of the cluster tests starts them. In a subshell: it has a lot of names.
with_cluster_lib() {
	# shellcheck source=tools/testing/selftests/dm-log/dm_log_cluster_lib.sh
	( set +u; . "$(dirname "$0")/../dm_log_cluster_lib.sh"; set -eu; "$@" )
}

start_cluster() {
	# cmirrord looks for its device among device-mapper's.
	create us-log "0 $((64 << 11)) linear /dev/log-instant-4096 0"
	# As it is shipped, with a real-time priority.
	COROSYNC_RR=yes with_cluster_lib start_corosync 1 127.0.0.1 || die "no corosync"
	with_cluster_lib start_cmirrord || die "no cmirrord"
}

stop_cluster() {
	with_cluster_lib stop_cmirrord || die "cmirrord does not end"
	with_cluster_lib stop_corosync
	remove us-log
}

# The protocol number of the connector is 11, and the port is the process.
listens() { # PID
	awk -v pid="$1" '$2 == 11 && $3 == pid { found = 1 } END { exit !found }' \
		/proc/net/netlink
}

start_testd() {
	"$ours_dir/dm-log-testd" &
	testd=$!
	until listens $testd; do
		kill -0 $testd || die "no dm-log-testd"
		sleep 0.05
	done
}

stop_testd() {
	kill $testd
	wait $testd || :
}

# us_table KIND [OPTION]: the log's part of a table line
us_table() {
	local words=()

	case $1 in
	core)		echo "core 2 $region nosync"; return ;;
	cmirrord-core)	words=(clustered-core "$region" nosync) ;;
	cmirrord-disk)	words=(clustered-disk "$(majmin /dev/mapper/us-log)" "$region" nosync) ;;
	testd)		words=(testd-core "$region" nosync) ;;
	esac
	set -- $uuid "${@:2}" "${words[@]}"
	echo "userspace $# $*"
}

majmin() { echo $((0x$(stat -L -c %t "$1"))):$((0x$(stat -L -c %T "$1"))); }

# --- figures -------------------------------------------------------------------

# What ulog-count has counted.
put_requests() { # EXPERIMENT SIZE LATENCY BLOCK VARIANT RUN
	local type messages numbers text=

	while read -r type messages numbers; do
		put "${@:1:6}" "count_$type" "$messages"
		[ "$numbers" = 0 ] || put "${@:1:6}" "count_${type}_numbers" "$numbers"
		text+=" $type $messages"
	done </tmp/requests
	say "$1 $5:$text"
}

# Requests while the mirror is written to, in a window of their own, since
# who counts them takes time from those who make and serve them.
count_requests() { # EXPERIMENT SIZE LATENCY BLOCK VARIANT RUN
	"$ours_dir/ulog-count" $uuid $count_ms "/sys/block/$node/stat" >/tmp/requests ||
		die "ulog-count failed"
	put_requests "$@"
}

# Requests for all writes of a mirror's life, up to the last CLEAR of its suspend:
# regions are cleared late, and many at a time.
requests_of_life() { # EXPERIMENT PATTERN SIZE KIND RUN [OPTION]
	local node fio counter

	create m "0 $(sectors "$3") mirror $(us_table "$4" "${@:6}") $us_legs"
	node=$(node_of /dev/mapper/m)
	"$ours_dir/ulog-count" $uuid 100000 "/sys/block/$node/stat" >/tmp/requests &
	counter=$!
	until listens $counter; do sleep 0.05; done
	# shellcheck disable=SC2046 # two words
	start_fio mapper/m "$5" $(area "$2" "$3") --runtime=3600
	sleep "$window"
	kill $fio
	wait $fio || :
	"${dmsetup[@]}" suspend m
	kill $counter
	wait $counter || die "ulog-count failed"
	remove m
	put_requests "$1" "$3" instant 4096 "$module" "$5"
}

# us_load EXPERIMENT PATTERN SIZE KIND RUN: KIND is one of us_table()'s
us_load() {
	local node fio key

	key=("$1" "$3" instant 4096 "$module" "$5")
	[ "$4" != core ] || key[4]=core-$module
	create m "0 $(sectors "$3") mirror $(us_table "$4") $us_legs"
	# shellcheck disable=SC2046 # two words
	start_fio mapper/m "$5" $(area "$2" "$3") --runtime=3600
	speed "${key[@]}" ''
	[ "$4" = core ] || count_requests "${key[@]}"
	kill $fio
	wait $fio || :
	remove m
}

# What the daemon takes for a question when nothing else goes on.
bare_round_trip() { # EXPERIMENT SIZE KIND RUN
	local answer

	create b "0 $(sectors "$2") log-bench $(us_table "$3")"
	message ask 100 >/dev/null
	answer=$(message ask $asks)
	put_pairs "$1" "$2" instant 4096 "$module" "$4" "$answer"
	say "$1 $module: $answer ns"
	remove b
}

measure_userspace() {
	local run kind was_warm=$warm

	warm=2
	start_cluster
	for ((run = 1; run <= us_runs; run++)); do
		for module in stock ours; do
			use_userspace $module
			us_load cmirrord hot64M 1TiB core $run
			for kind in cmirrord-core cmirrord-disk; do
				us_load $kind hot64M 1TiB $kind $run
				bare_round_trip $kind-ask 1TiB $kind $run
			done
		done
	done
	stop_cluster

	start_testd
	for ((run = 1; run <= us_runs; run++)); do
		for module in stock ours; do
			use_userspace $module
			requests_of_life testd-uniform uniform 1TiB testd $run
		done
		requests_of_life testd-cached uniform 1TiB testd $run insync_cache
	done
	core_and_other testd-turns hot64M 1TiB instant 4096 \
		"$(us_table testd insync_cache)" log-instant-4096
	stop_testd
	warm=$was_warm
}
