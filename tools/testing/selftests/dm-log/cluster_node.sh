#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# One node of a cluster, inside a guest: cluster.sh tells it what to do.
#
#   cluster_node.sh NODE NODES
#
# $RESULTS/order.N is the Nth order, shell commands that may use everything below
# and in the libraries. What they print is left in $RESULTS/output.N, then their
# status in $RESULTS/status.N.

. "$(dirname "$0")/dm_log_cluster_lib.sh"

node=$1 nodes=$2
LEG0=/dev/ubda
LEG1=/dev/ubdb
LOG=/dev/ubdc
subnet=10.83.76	# of a network that exists nowhere else

boot()
{
	local n addresses=()

	mkdir -p $RUN
	kmsg_mark
	echo "$kmsg_mark" >$RUN/kmsg_mark
	ip addr add "$subnet.$node/24" dev eth0
	ip link set eth0 up
	for ((n = 1; n <= nodes; n++)); do addresses+=("$subnet.$n"); done
	load_modules
	[ -n "${DM_LOG_KO:-}" ] || modprobe dm-log-userspace
	start_corosync "$node" "${addresses[@]}"
	start_cmirrord
	# cmirrord wants a name for the log's device, and we want one of the legs
	# to be late at times.
	dm_create log "$(linear $LOG 2048)"
	dm_create slow "$(slow_table 0)"
}

slow_table()	# DELAY-MS
{
	echo "0 $LEN delay $LEG1 0 0 $LEG1 0 $1"
}

slow()		# DELAY-MS: of writes to the second leg
{
	dm_swap slow "$(slow_table "$1")"
}

# Of our own type disk, too, which keeps its log in the same way.
table()		# disk|core|local
{
	local log

	case $1 in
	local)	log="disk 2 $(dmdev log) $RS" ;;
	*)	log=$(cluster_log "$1") ;;
	esac
	mirror_table $LEN "$log" "$LEG0 $(dmdev slow)" "1 handle_errors"
}

mirror()	# disk|core|local
{
	bounded dm_create m "$(table "$1")"
}

# What dmeventd does after a failure: the same table again, and what waits is not failed.
renew()		# disk|core
{
	bounded dm_load m "$(table "$1")"
	bounded dm_suspend m --noflush
	bounded dm_resume m
}

# Below those that use it, without waiting for what is under way.
swap()		# NAME TABLE
{
	dm_load "$1" "$2"
	dm_suspend "$1" --noflush
	dm_resume "$1"
}

leg_is()	# broken|well: the second leg, for writes and for this node
{
	case $1 in
	broken)	swap slow "$(fail_writes $LEG1 $LEN)" ;;
	well)	swap slow "$(slow_table 0)" ;;
	esac
}

log_is()	# broken|well: its disk, for writes and for this node
{
	case $1 in
	broken)	swap log "$(fail_writes $LOG 2048)" ;;
	well)	swap log "$(linear $LOG 2048)" ;;
	esac
}

restart_cmirrord()
{
	kill_cmirrord
	start_cmirrord
}

sync_ratio_is()	# RATIO
{
	[ "$(sync_ratio m)" = "$1" ]
}

said()		# TEXT: the kernel, since this node was booted
{
	kmsg_mark=$(cat $RUN/kmsg_mark)
	[[ $(kmsg_since) == *"$1"* ]]
}

# Nothing is known of these disks: legs that differ, and no log.
new_disks()
{
	stamp_legs $LEG0 $LEG1
	zero_dev $LOG 2048
}

# The legs as they are, whatever the mirror thinks.
legs_differ()
{
	differing $LEG0 $LEG1
}

sectors_written()
{
	awk '{ print $7 }' "/sys/block/${LEG1#/dev/}/stat"
}

# A region on its way: on the first leg, not yet on the second.
half_written()	# REGION TEXT
{
	[ "$(text_at $LEG0 "$1")" = "$2" ] && [ "$(text_at $LEG1 "$1")" != "$2" ]
}

text_at()	# DEVICE REGION
{
	read_dev "$1" $(($2 * RS)) 1 | head -n 1
}

# Write to these regions, again and again, and count.
write_on()	# REGION...
{
	local r

	: >$RUN/written
	rm -f $RUN/enough
	while [ ! -e $RUN/enough ]; do
		for r; do
			write_region m "$r" "node $node, $RANDOM"
			echo "$r" >>$RUN/written
		done
	done
}

written()
{
	wc -l <$RUN/written
}

wrote_more()	# THAN
{
	[ "$(written)" -gt "$1" ]
}

recovering()	# NODE
{
	[ "$(cmirrord_field recoverer)" = "$1" ] &&
		[ "$(cmirrord_field recovering_region)" -lt $NR ] 2>/dev/null
}

# A write into the region that the other node is copying, which takes longer than
# this test: prints the region.
write_into_recovery()	# OTHER-NODE
{
	local r

	wait_until recovering "$1" || fail "node $1 does not recover anything"
	r=$(cmirrord_field recovering_region)
	begin held write_region m "$r" "written during recovery"
	wait_until in_flight m || fail "nothing is written"
	# The mirror asks again every 200 ms. A machine that has not done so often by then
	# shows less, and nothing wrong.
	nap 1
	! ended held || fail "the write to region $r was not held back"
	recovering "$1" && [ "$(cmirrord_field recovering_region)" = "$r" ] ||
		fail "region $r was not held long enough"
	echo "$r"
}

is_dirty()	# REGIONS
{
	[ "$(dirty_in_cmirrord)" = "$1" ]
}

wait_dirty()	# REGIONS
{
	wait_until is_dirty "$1" ||
		fail "dirty regions: expected '$1', got '$(dirty_in_cmirrord)'"
}

dirty_on_disk()
{
	log_dirty $LOG
}

stop_writing()
{
	touch $RUN/enough
	result w
}

quiet()
{
	kmsg_mark=$(cat $RUN/kmsg_mark)
	! kernel_complained
}

n=1
while :; do
	while [ ! -e "$RESULTS/order.$n" ]; do nap 0.05; done
	( set -eu; . "$RESULTS/order.$n" ) >"$RESULTS/output.$n" 2>&1
	echo $? >"$RESULTS/status.$n.new"
	mv "$RESULTS/status.$n.new" "$RESULTS/status.$n"
	n=$((n + 1))
done
