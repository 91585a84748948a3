#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# A mirror that is active on two nodes at a time, with cmirrord over corosync.
# This runs outside of both and gives them their orders (see cluster_node.sh).
#
#   cluster.sh TAP1,MAC1 TAP2,MAC2
#
#   RUN_UML      scripts/run-uml, which boots them
#   GUEST_ENV    NAME=VALUE words for what runs in there
#   OUT          a directory for logs, disks and orders

. "$(dirname "$0")/dm_log_lib.sh"

[ $# = 2 ] && [ -n "${RUN_UML:-}" ] || {
	ktap_skip_all "needs guests and a network: run scripts/cluster"
	exit "$KSFT_SKIP"
}
nets=("" "$1" "$2")
here=$(dirname "$(readlink -f "$0")")
disks=$OUT/disks
rm -f "$OUT"/node[12]/pid # of another run: such a number may be anybody's now

# --- nodes -------------------------------------------------------------------

power_on()	# NODE
{
	local dir=$OUT/node$1 options=() d

	rm -rf "$dir"
	mkdir -p "$dir"
	for d in leg0 leg1 log; do options+=(--shared "$disks/$d"); done
	# shellcheck disable=SC2086 # words
	"$RUN_UML" --results "$dir" --timeout $((18 * HANG_S)) --kernel-arg loglevel=1 --net "${nets[$1]}" \
		"${options[@]}" bash "$here/cluster_node.sh" "$1" 2 $GUEST_ENV \
		>"$OUT/node$1.log" 2>&1 &
	echo $! >"$dir/pid"
}

power_cut()	# NODE
{
	local pid

	pid=$(cat "$OUT/node$1/pid")
	kill "$pid"
	wait_until off "$pid" || fail "node $1 survives its power cut"
	rm "$OUT/node$1/pid"
}

# However this ends, nothing goes on without it.
power_off_all()
{
	local pid

	trap '' TERM
	for pid in $(cat "$OUT"/node[12]/pid 2>/dev/null); do
		kill "$pid" 2>/dev/null || continue
		wait_until off "$pid" || echo "# process $pid survives"
	done
}
trap power_off_all EXIT
trap 'exit 143' TERM

off()		# PID; one that nobody has waited for yet has no program any more
{
	[ ! -e "/proc/$1/exe" ]
}

# on NODE COMMAND ARGUMENT...: what it prints, and its status
on()
{
	local dir=$OUT/node$1 node=$1 n=1 status

	shift
	while [ -e "$dir/order.$n" ]; do n=$((n + 1)); done
	printf '%q ' "$@" >"$dir/order.new"
	mv "$dir/order.new" "$dir/order.$n"
	# The node has the first word, about what it waits for itself.
	wait_at_most $((2 * HANG_S)) answered "$dir" $n || fail "node $node did not finish: $*"
	[ -e "$dir/status.$n" ] || fail "node $node died: $*"
	status=$(cat "$dir/status.$n")
	if [ "$status" = 0 ]; then
		cat "$dir/output.$n"
	else
		echo "# node $node failed: $*" >&2
		sed '/^#/!s/^/# /' "$dir/output.$n" >&2
	fi
	return "$status"
}

answered()	# DIRECTORY ORDER
{
	[ -e "$1/status.$2" ] || off "$(cat "$1/pid")"
}

both()		# COMMAND...
{
	on 1 "$@"
	on 2 "$@"
}

# --- tests, in this order, of the log type $type -----------------------------
#
# Late writes to the second leg are how one node stops in the middle of something
# while the other is looked at: they come after an hour, or when told.
LATE=3600000

boot()
{
	local d

	mkdir -p "$disks"
	for d in leg0 leg1 log; do
		rm -f "$disks/$d"
		truncate -s 2M "$disks/$d"
	done
	power_on 1
	power_on 2
	both boot
	both wait_until members_are 2
}

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
	both wait_sync m
	expect "legs" "" "$(on 1 legs_differ)"
	expect "region $region" "written during recovery" "$(on 1 text_at /dev/ubdb "$region")"
	both wait_until is_dirty ""
}

marked()
{
	on 1 slow $LATE
	on 1 begin w write_region m 7 "written by node 1"
	on 2 wait_until is_dirty 7
	on 2 half_written 7 "written by node 1"
	[ "$type" = core ] || expect "dirty on disk" 7 "$(on 2 dirty_on_disk)"
	! on 1 ended w 2>/dev/null || fail "the write ended before its region was looked at"
	on 1 slow 0
	on 1 result w
	both wait_until is_dirty ""
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
	on $survivor wait_until is_dirty "$HALF"
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
	both wait_until members_are 2
	before=$(on $writer sectors_written)
	on $writer mirror "$type"
	on $writer in_sync m
	expect "sectors copied" "$before" "$(on $writer sectors_written)"
	# shellcheck disable=SC2086 # words
	on $writer begin w write_on 0 $HALF
	on $survivor begin w write_on 1 5
	both wait_until wrote_more 12
	both stop_writing
	expect "legs" "" "$(on $survivor legs_differ)"
	both wait_until is_dirty ""
}

removed()
{
	both bounded dm_remove m
	both stop_cmirrord
	[ "$type" = core ] || expect "dirty on disk" "" "$(on 1 dirty_on_disk)"
	both quiet
	both start_cmirrord
}

run()		# FUNCTION DESCRIPTION
{
	local rc start=$SECONDS

	if [ -n "$failed" ]; then
		ktap_test_fail "- $2 (not tried after the failure)"
		return
	fi
	( set -eu; "$1" )
	rc=$?
	echo "# took $((SECONDS - start)) s"
	if [ $rc = 0 ]; then
		ktap_test_pass "- $2"
	else
		for node in 1 2; do why "$node"; done
		ktap_test_fail "- $2"
		failed=1
	fi
}

# What a node looks like after a failure. One that still hangs in its last order, or has no
# power, does not say; its own console has been written down.
why()		# NODE
{
	local dir=$OUT/node$1 n=1

	echo "# node $1:"
	while [ -e "$dir/order.$n" ]; do n=$((n + 1)); done
	if [ ! -e "$dir/pid" ] || off "$(cat "$dir/pid")"; then
		echo "#   is off"
	elif [ $n -gt 1 ] && [ ! -e "$dir/status.$((n - 1))" ]; then
		echo "#   has not ended: $(cat "$dir/order.$((n - 1))")"
	else
		on "$1" explain || :
	fi
	tail -n 10 "$OUT/node$1.log" | sed 's/^/#   console: /'
}

# The node killed is the one that answers for the log, and then the other.
failed=
ktap_print_header
ktap_set_plan 17
run boot "two nodes find each other"
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
