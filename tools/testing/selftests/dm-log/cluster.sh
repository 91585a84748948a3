#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# A mirror that is active on two nodes at a time, with cmirrord over corosync.
# This runs outside of both and gives them their orders.
#
#   cluster.sh TAP1,MAC1 TAP2,MAC2		(see dm_log_nodes_lib.sh)

. "$(dirname "$0")/dm_log_nodes_lib.sh"

set_up "$@"

# --- tests, in this order, of the log type $type -----------------------------

join()
{
	on 1 new_disks
	on 1 slow $LATE
	on 1 mirror "$type"
	on 1 wait_until recovering 1
	on 2 mirror "$type"
	# What the first node knows has come over.
	on 2 recovering 1
	expect "status on node 2" "0/$NR" "$(on 2 sync_ratio m)"
}

held_back()
{
	local region

	region=$(on 2 write_into_recovery 1)
	on 1 slow 0
	on 2 result held
	all wait_sync m
	expect "legs" "" "$(on 1 legs_differ)"
	expect "region $region" "written during recovery" "$(on 1 text_at /dev/ubdb "$region")"
	all wait_dirty ""
}

marked()
{
	on 1 slow $LATE
	on 1 begin w write_region m 7 "written by node 1"
	on 2 wait_dirty 7
	on 2 half_written 7 "written by node 1"
	[ "$type" = core ] || expect "dirty on disk" 7 "$(on 2 dirty_on_disk)"
	! on 1 ended w 2>/dev/null || fail "the write ended before its region was looked at"
	on 1 slow 0
	on 1 result w
	all wait_dirty ""
	[ "$type" = core ] || expect "dirty on disk" "" "$(on 2 dirty_on_disk)"
	expect "legs" "" "$(on 2 legs_differ)"
}

# The writer loses its power with writes to three regions half done, while the
# survivor is busy with three others.
HALF="3 9 20"
OTHERS="24 25 26"

killed()
{
	local r n

	# shellcheck disable=SC2086 # words
	on $survivor begin w write_on $OTHERS
	on $writer slow $LATE
	for r in $HALF; do on $writer begin "w$r" write_region m "$r" "half written $r"; done
	for r in $HALF; do on $survivor wait_until half_written "$r" "half written $r"; done
	on $survivor wait_until wrote_more 10
	power_cut $writer
	n=$(on $survivor written)
	on $survivor wait_until wrote_more $((n + 10))
	on $survivor stop_writing
}

dirty()
{
	local r differ dirty

	differ=$(on $survivor legs_differ)
	# Otherwise nothing would be proved here.
	expect "regions differing" "$HALF" "$differ"
	on $survivor wait_dirty "$HALF"
	[ "$type" = core ] || expect "dirty on disk" "$HALF" "$(on $survivor dirty_on_disk)"
}

# The survivor's next resume, as the first member, is what brings the legs together.
recovered()
{
	local r before copied regions=$NR

	before=$(on $survivor sectors_written)
	on $survivor dm_suspend m
	on $survivor bounded dm_resume m
	on $survivor wait_sync m
	copied=$(($(on $survivor sectors_written) - before))
	[ "$type" = core ] || regions=$(wc -w <<<"$HALF")
	expect "sectors copied" $((regions * RS)) $copied
	expect "legs" "" "$(on $survivor legs_differ)"
	for r in $HALF; do
		expect "region $r" "half written $r" "$(on $survivor text_at /dev/ubdb "$r")"
	done
}

# Nothing is copied when the other one is back, and both can write. cmirrord keeps a
# dead node's marks until the log is destroyed or that node takes them away, so it
# writes to these regions again, and all is clean.
returned()
{
	local before

	power_on $writer
	on $writer boot
	all wait_until members_are 2
	before=$(on $writer sectors_written)
	on $writer mirror "$type"
	on $writer in_sync m
	expect "sectors copied" "$before" "$(on $writer sectors_written)"
	# shellcheck disable=SC2086 # words
	on $writer begin w write_on 0 $HALF
	on $survivor begin w write_on 1 5
	all wait_until wrote_more 12
	all stop_writing
	expect "legs" "" "$(on $survivor legs_differ)"
	all wait_dirty ""
}

removed()
{
	all bounded dm_remove m
	all stop_cmirrord
	[ "$type" = core ] || expect "dirty on disk" "" "$(on 1 dirty_on_disk)"
	all quiet
	all start_cmirrord
}

# The node killed is the one that answers for the log, and then the other.
ktap_print_header
ktap_set_plan 17
run boot_all "two nodes find each other"
for type in disk core; do
	if [ $type = disk ]; then writer=1 survivor=2; else writer=2 survivor=1; fi
	run join	"$type: a second node joins while the first one resyncs"
	run held_back	"$type: a write waits while the other node copies its region"
	run marked	"$type: a region written on one node is dirty on the other"
	run killed	"$type: node $writer killed in mid-write, node $survivor writes on"
	run dirty	"$type: the legs differ, just where the log is dirty"
	run recovered	"$type: the survivor copies the dirty regions, the legs are equal"
	run returned	"$type: the killed node returns, nothing is copied, both write"
	run removed	"$type: removal on both nodes leaves nothing dirty"
done
ktap_finished
