#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# A mirror that is active on three nodes at a time, with cmirrord over corosync: nodes that
# die while they recover or write, join, lose their daemon, a leg or the log's disk, and
# power cuts of all of them. This runs outside of all and gives them their orders.
#
#   cluster_three.sh TAP1,MAC1 TAP2,MAC2 TAP3,MAC3	(see dm_log_nodes_lib.sh)
#
#   CUTS=n   how often all lose their power at once (4)

# shellcheck source-path=SCRIPTDIR source=dm_log_nodes_lib.sh
. "$(dirname "$0")/dm_log_nodes_lib.sh"

set_up "$@"
CUTS=${CUTS:-4}

# --- what tests begin and end with -------------------------------------------

# A first copy in which this node is stuck: it has copied the first leg's region, and its
# write to the second one comes after an hour.
begin_copy()	# NODE
{
	local n

	on "$1" new_disks
	on "$1" slow $LATE
	on "$1" mirror "$type"
	on "$1" wait_until recovering "$1"
	for n in "${nodes[@]}"; do [ "$n" = "$1" ] || on "$n" mirror "$type"; done
	all recovering "$1"
}

come_back()	# NODE
{
	power_on "$1"
	on "$1" boot
	all wait_until members_are ${#nodes[@]}
}

legs_are_equal()
{
	expect "regions differing" "" "$(on 1 legs_differ)"
}

remove_all()
{
	all bounded dm_remove m
	legs_are_equal
	[ "$type" = core ] || expect "dirty on disk" "" "$(on 1 dirty_on_disk)"
}

# --- tests, in this order, of the log type $type -----------------------------

# cmirrord gives the region of a node that is gone to nobody else, and has others wait with
# their writes to what is out of sync.
recoverer_returns()
{
	local region

	begin_copy 1
	region=$(on 2 cmirrord_field recovering_region)
	power_cut 1
	each 2 3 -- wait_until members_are 2
	on 2 begin w write_region m 30 "written by node 2"
	on 2 wait_until in_flight m
	each 2 3 -- recovering 1
	expect "region being recovered" "$region" "$(on 3 cmirrord_field recovering_region)"
	each 2 3 -- bounded dm_status m
	come_back 1
	on 1 mirror "$type"
	all wait_sync m
	on 2 result w
	all wait_dirty ""
	legs_are_equal
	expect "region 30" "written by node 2" "$(on 3 text_at /dev/ubdb 30)"
	remove_all
}

# The others take the mirror down instead; with the last of them goes what the daemons know.
all_deactivate()
{
	begin_copy 2
	power_cut 2
	each 1 3 -- wait_until members_are 2
	each 1 3 -- bounded dm_remove m
	on 3 mirror "$type"
	on 3 wait_sync m
	come_back 2
	each 1 2 -- mirror "$type"
	all in_sync m
	legs_are_equal
	remove_all
}

# A third node comes while two write and all is out of sync but what has been copied.
joins_writers()
{
	on 1 new_disks
	on 1 slow 20
	on 1 mirror "$type"
	on 2 mirror "$type"
	on 1 begin w write_on 0 9 18 31
	on 2 begin w write_on 1 10 19 30
	each 1 2 -- wait_until wrote_more 2
	on 3 mirror "$type"
	on 3 begin w write_on 2 11 20 29
	on 3 wait_until wrote_more 2
	all wait_sync m
	on 1 slow 0
	all wait_until wrote_more 12
	all stop_writing
	all wait_dirty ""
	legs_are_equal
}

# All of them, in the middle of a copy; and who comes first afterwards is not who was.
suspends()
{
	all bounded dm_remove m
	on 1 new_disks
	all slow 20
	all mirror "$type"
	all bounded dm_suspend m
	each 3 1 2 -- bounded dm_resume m
	all wait_sync m
	all slow 0
	# What a node has recovered stays marked for a while, and would after its death.
	all wait_dirty ""
	legs_are_equal
}

# A writer loses its power with writes half done, while the others write elsewhere.
HALF="3 9 20"

writer_killed()
{
	local r n before copied regions=$NR

	on 1 begin w write_on 24 25 26
	on 2 begin w write_on 14 15
	on 3 slow $LATE
	for r in $HALF; do on 3 begin "w$r" write_region m "$r" "half written $r"; done
	for r in $HALF; do on 1 wait_until half_written "$r" "half written $r"; done
	each 1 2 -- wait_until wrote_more 10
	power_cut 3
	for n in 1 2; do
		on $n wait_until wrote_more $(($(on $n written) + 10))
	done
	each 1 2 -- stop_writing
	# Otherwise nothing would be proved here.
	expect "regions differing" "$HALF" "$(on 1 legs_differ)"
	each 1 2 -- wait_dirty "$HALF"
	[ "$type" = core ] || expect "dirty on disk" "$HALF" "$(on 2 dirty_on_disk)"

	# The next one that is the first to have it brings the legs together.
	each 1 2 -- bounded dm_remove m
	before=$(on 2 sectors_written)
	on 2 mirror "$type"
	on 2 wait_sync m
	copied=$(($(on 2 sectors_written) - before))
	[ "$type" = core ] || regions=$(wc -w <<<"$HALF")
	expect "sectors copied" $((regions * RS)) $copied
	legs_are_equal
	for r in $HALF; do
		expect "region $r" "half written $r" "$(on 2 text_at /dev/ubdb "$r")"
	done
	come_back 3
	each 1 3 -- mirror "$type"
	all in_sync m
}

# A daemon that answers for the log is restarted. What it learns of the others are bits, not
# whose marks they are; so when its own node has written to a region of another node's, and
# cleared it, that one's mark must be there again before its power goes.
marks_survive()
{
	on 3 slow $LATE
	on 3 begin w write_region m 7 "half written 7"
	on 1 wait_until half_written 7 "half written 7"
	on 1 restart_cmirrord
	on 1 write_region m 7 "half written 7, too"
	# When this node has cleared a region it has cleared that one, too: it waits as long.
	on 1 write_region m 8
	on 1 wait_dirty 7
	all wait_dirty 7
	[ "$type" = core ] || expect "dirty on disk" 7 "$(on 1 dirty_on_disk)"
	power_cut 3
	each 1 2 -- wait_until members_are 2
	each 1 2 -- is_dirty 7
	each 1 2 -- bounded dm_remove m
	on 1 mirror "$type"
	on 1 wait_sync m
	legs_are_equal
	come_back 3
	each 2 3 -- mirror "$type"
	all in_sync m
}

# The disk of the log fails below the daemons: a mark that is not stored is none.
log_disk_fails()
{
	all log_is broken
	on 2 begin w write_region m 12 "written by node 2"
	on 2 wait_until said "cannot store"
	on 2 in_flight m || fail "a write that could not be marked has ended"
	[ "$(on 2 text_at /dev/ubda 12)" != "written by node 2" ] ||
		fail "a leg was written to without a mark"
	all log_is well
	all renew "$type"
	on 2 result w
	all wait_sync m
	all wait_dirty ""
	legs_are_equal
	expect "region 12" "written by node 2" "$(on 3 text_at /dev/ubdb 12)"
}

# A leg fails for one node only, which tells the others; that node's table is loaded again, as
# dmeventd does. cmirrord gives nothing away to be recovered once all was in sync, until the
# node that answers for it has resumed: LVM suspends a volume on all nodes.
leg_fails_on_one()
{
	on 2 leg_is broken
	on 2 begin w write_region m 16 "on one leg"
	on 1 wait_until sync_ratio_is $((NR - 1))/$NR
	on 2 leg_is well
	on 2 renew "$type"
	on 2 result w
	all sync_ratio_is $((NR - 1))/$NR
	each 1 3 -- renew "$type"
	# An idle mirror asks for a region to recover when it is resumed, and not again.
	all write_region m 17 "on both"
	all wait_sync m
	all wait_dirty ""
	legs_are_equal
	expect "region 16" "on one leg" "$(on 1 text_at /dev/ubdb 16)"
	remove_all
}

# All nodes write, and all lose their power at once. Whoever reads the log next, the daemon
# or the type disk, copies what may differ, and nothing else.
all_cut()
{
	local cut n before dirty differ copied log

	for ((cut = 1; cut <= CUTS; cut++)); do
		all mirror "$type"
		all wait_sync m
		each 1 2 -- slow 10
		on 3 slow $LATE
		# One write that is half done at the cut, whatever those in flight are.
		on 3 begin half write_region m 30 "half written, cut $cut"
		on 1 begin w write_on 0 1 2 3 5
		on 2 begin w write_on 3 10 11 12
		each 1 2 -- wait_until wrote_more $((2 + RANDOM % 8))
		on 1 wait_until half_written 30 "half written, cut $cut"
		for n in "${nodes[@]}"; do power_cut "$n"; done
		differ=$(differing "$disks/leg0" "$disks/leg1")
		dirty=$(log_dirty "$disks/log")
		echo "# cut $cut: differ: $differ; dirty: $dirty"
		[[ " $differ " == *" 30 "* ]] || fail "no write was half done: nothing was tried"
		for n in $differ; do
			[[ " $dirty " == *" $n "* ]] || fail "region $n differs but is clean in the log"
		done
		for n in "${nodes[@]}"; do power_on "$n"; done
		all boot
		all wait_until members_are ${#nodes[@]}
		before=$(on 1 sectors_written)
		log=$type
		[ $((cut % 2)) = 0 ] || log=local
		on 1 mirror "$log"
		on 1 wait_sync m
		copied=$(($(on 1 sectors_written) - before))
		expect "sectors copied" $(($(wc -w <<<"$dirty") * RS)) $copied
		legs_are_equal
		on 1 bounded dm_remove m
		expect "dirty on disk" "" "$(log_dirty "$disks/log")"
	done
}

still_quiet()
{
	all quiet
}

ktap_print_header
ktap_set_plan 18
run boot_all "three nodes find each other"
for type in disk core; do
	run recoverer_returns	"$type: the node that recovers is killed, returns and goes on"
	run all_deactivate	"$type: the node that recovers is killed, the others deactivate"
	run joins_writers	"$type: a third node joins two that write, in mid-copy"
	run suspends		"$type: all suspend in mid-copy and resume in another order"
	run writer_killed	"$type: a node is killed in mid-write, two write on"
	run marks_survive	"$type: B75: a daemon is restarted under another node's mark"
	[ $type = core ] ||
		run log_disk_fails "$type: B74: the disk of the log fails below the daemons"
	run leg_fails_on_one	"$type: a leg fails on one node, whose table is loaded again"
done
type=disk
run all_cut "disk: power cuts of all nodes, read by the daemon and by the type disk"
run still_quiet "no node's kernel has complained"
ktap_finished
