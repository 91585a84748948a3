#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Shared parts of the tests with several nodes: to switch them on and off, from outside of
# all of them, and to give them their orders (see cluster_node.sh).
#
#	set_up TAP,MAC...	one for each node, which are numbered from 1
#
#   RUN_UML      scripts/run-uml, which boots them
#   GUEST_ENV    NAME=VALUE words for what runs in there
#   OUT          a directory for logs, disks and orders

# shellcheck source-path=SCRIPTDIR source=dm_log_lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/dm_log_lib.sh"

set_up()	# TAP,MAC...
{
	[ -n "${RUN_UML:-}" ] && [ $# -ge 2 ] || {
		ktap_skip_all "needs guests and a network: run scripts/cluster"
		exit "$KSFT_SKIP"
	}
	nets=("" "$@")
	mapfile -t nodes < <(seq $#)
	disks=$OUT/disks
	rm -f "$OUT"/node*/pid # of another run: such a number may be anybody's now
	trap power_off_all EXIT
	trap 'exit 143' TERM
}

# --- nodes -------------------------------------------------------------------

power_on()	# NODE
{
	local dir=$OUT/node$1 options=() d

	rm -rf "$dir"
	mkdir -p "$dir"
	for d in leg0 leg1 log; do options+=(--shared "$disks/$d"); done
	# shellcheck disable=SC2086 # words
	"$RUN_UML" --results "$dir" --timeout $((18 * HANG_S)) --kernel-arg loglevel=1 --net "${nets[$1]}" \
		"${options[@]}" bash "$lib_dir/cluster_node.sh" "$1" ${#nodes[@]} $GUEST_ENV \
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
	for pid in $(cat "$OUT"/node*/pid 2>/dev/null); do
		kill "$pid" 2>/dev/null || continue
		wait_until off "$pid" || echo "# process $pid survives"
	done
}

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

# each NODE... -- COMMAND ARGUMENT...: one node after the other
each()
{
	local some=() node

	while [ "$1" != -- ]; do some+=("$1"); shift; done
	shift
	for node in "${some[@]}"; do on "$node" "$@"; done
}

all()		# COMMAND ARGUMENT...
{
	each "${nodes[@]}" -- "$@"
}

# Late writes to the second leg are how one node stops in the middle of something
# while another is looked at: they come after an hour, or when told.
LATE=3600000

boot_all()
{
	local node d

	mkdir -p "$disks"
	for d in leg0 leg1 log; do
		rm -f "$disks/$d"
		truncate -s 2M "$disks/$d"
	done
	for node in "${nodes[@]}"; do power_on "$node"; done
	all boot
	all wait_until members_are ${#nodes[@]}
}

# --- tests ---------------------------------------------------------------------

failed=

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
		for node in "${nodes[@]}"; do why "$node"; done
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
