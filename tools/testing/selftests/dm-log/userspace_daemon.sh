#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The daemon of a userspace log dies, hangs or comes back: I/O waits and goes on,
# marks are given again, and everything an administrator does ends in bounded time.

# shellcheck source-path=SCRIPTDIR source=testd_lib.sh
. "$(dirname "$0")/testd_lib.sh"

# What a status, suspend or remove may take without a daemon, which is up to the log and not
# to the machine: 15 s until it takes the daemon for lost, 15 s and 30 s for what a suspend
# waits for. (Stock's are not bounded, and no better for waiting.)
BOUND=60
[ "${DM_LOG_EXPECT:-}" != stock ] || BOUND=20

setup_same()
{
	setup
	fill_dev "$(dev leg1)" $LEN "leg 0"
}

same_legs()
{
	[ -z "$(differing "$(dev leg0)" "$(dev leg1)")" ]
}

expect_same_legs()
{
	wait_until same_legs || fail "regions differing: $(differing "$(dev leg0)" "$(dev leg1)")"
}

start()		# [WORD...]: a mirror that is in sync
{
	setup_same
	testd_start
	[ $# -gt 0 ] || set -- testd-disk "$log" $RS nosync
	dm_create m "$(umirror u "$@")"
	in_sync m || fail "a nosync mirror: $(dm_status m)"
	trace_mark
}

# timed WHAT COMMAND...: it is over in the log's time, and how long it took.
timed()
{
	local what=$1 start=${EPOCHREALTIME/./}

	shift
	allow $BOUND
	within_s $allowed_s "$@" ||
		fail "$what fails or is not over after $allowed_s s: $(cat "$within_out")"
	took=$(((${EPOCHREALTIME/./} - start) / 1000))
	echo "# $what: $took ms"
}

restart_core()
{
	start testd-core $RS nosync
	testd_kill
	testd_start
	trace_mark
	timed "a write after the restart" write_region m 5 "after"
	wait_until in_sync m || fail "after the restart: $(dm_status m)"
	expect_same_legs
	expect "the log's status" "1 testd-core" "$(log_status m)"
	dm_remove m
}

# While writes go on: none fails, none is lost.
restart_under_load()
{
	local i writer

	start
	( for ((i = 0; i < 80; i++)); do
		write_region m $((RANDOM % NR)) "write $i" || exit 1
	done ) &
	writer=$!
	for i in 1 2 3; do
		sleep 0.5
		testd_kill
		sleep 0.3
		testd_start
	done
	wait_until gone $writer || fail "the writes stand still"
	wait $writer || fail "a write failed"
	wait_until in_sync m || fail "after the restarts: $(dm_status m)"
	expect_same_legs
	dm_remove m
	expect "dirty regions" "" "$(log_dirty "$log")"
}

restart_in_resync()
{
	setup
	testd_start
	# So that there is a resync to meet.
	slow_leg 100
	dm_create m "$(umirror u testd-disk "$log" $RS)"
	wait_until requested SET_REGION_SYNC 3 || fail "no resync: $(dm_status m)"
	testd_kill
	testd_start
	wait_until in_sync m || fail "after the restart: $(dm_status m)"
	expect "regions differing" "" "$(differing "$(dev leg0)" "$(dev leg1)")"
	dm_remove m
}

# A write that finds no daemon waits; nothing reaches the legs; then it goes on.
io_waits()
{
	local w

	start
	kmsg_mark
	testd_kill
	write_region m 5 "waited" &
	w=$!
	sleep 5
	! gone $w || fail "a write went on without a daemon"
	! read_dev "$(dev leg0)" $((5 * RS)) 8 | grep -q waited || fail "it has reached a leg"
	if is_ours; then
		# How often it has tried is nobody's business.
		expect "messages about it" 1 "$(kmsg_since | grep -c 'dm-log\|dirty region log')"
	fi
	testd_start
	wait_until gone $w || fail "the write still waits"
	wait $w || fail "the write failed"
	expect_same_legs
	dm_remove m
}

# Marks that the dead daemon had are given to the next one before anything else.
marks_again()	# [integrated_flush]
{
	local w

	setup_same
	holding_leg
	testd_start
	dm_create m "$(umirror u "$@" testd-disk "$log" $RS nosync)"
	hold_leg
	write_region m 5 &
	w=$!
	write_region m 6 &
	wait_until region_dirty 5 || fail "region 5 is not marked"
	wait_until region_dirty 6 || fail "region 6 is not marked"
	testd_kill
	# As if its memory had been all there was.
	log_format "$log"
	testd_start
	trace_mark
	write_region m 7 &
	wait_until region_dirty 7 || fail "region 7 is not marked"
	expect "dirty regions" "5 6 7" "$(log_dirty "$log")"
	! gone $w || fail "a write did not wait for the leg"
	let_go
	wait_jobs
	dm_remove m
	expect_same_legs
}

marks_again_plain() { marks_again; }
marks_again_integrated() { marks_again integrated_flush; }

# --- bounded time ----------------------------------------------------------------

# With the daemon dead, or there and not answering: from an idle mirror.
bounded()	# DEATH
{
	start
	"$1"
	timed "the first status" dm_status m
	dm_status m >"$work/status"
	expect "the log's status" "userspace 1 COM_FAILURE" "$(log_status m)"
	timed "the second status" dm_status m
	allow 5
	[ $took -lt $((allowed_s * 1000)) ] || fail "the second status took $took ms"
	timed "a table" dm_table m
	timed "a suspend" dm_suspend m
	timed "a resume" dm_resume m
	timed "a removal" dm_remove m
}

die()	{ testd_kill; }
hang()	{ kill -STOP "$testd"; }

bounded_dead() { bounded die; }
bounded_hung() { bounded hang; }

# The same with a write that waits for the daemon. Its waiting is no reason for others to.
bounded_busy()	# DEATH
{
	local w

	start
	"$1"
	write_region m 5 >/dev/null 2>&1 &
	w=$!
	sleep 1
	timed "the first status" dm_status m
	timed "the second status" dm_status m
	! gone $w || fail "a write went on without a daemon"
	# A suspend lets writes go first. It has to be told not to.
	if [ "$1" = hang ]; then
		kill -CONT "$testd"
	else
		testd_start
	fi
	wait_until gone $w || fail "the write still waits"
	timed "a suspend" dm_suspend m
	timed "a resume" dm_resume m
	timed "a removal" dm_remove m
	expect_same_legs
}

bounded_busy_dead() { bounded_busy die; }
bounded_busy_hung() { bounded_busy hang; }

# In the middle of a resync, which asks the daemon all the time.
bounded_resync()	# DEATH
{
	setup
	slow_leg 300
	testd_start
	dm_create m "$(umirror u testd-core $RS)"
	wait_until requested SET_REGION_SYNC 2 || fail "no resync: $(dm_status m)"
	"$1"
	sleep 0.5
	timed "a status" dm_status m
	timed "a suspend" dm_suspend m
	timed "a removal" dm_remove m
}

bounded_resync_dead() { bounded_resync die; }
bounded_resync_hung() { bounded_resync hang; }

# It is asked again after a while, and what it answers counts.
comes_back()
{
	start
	hang
	timed "a status" dm_status m
	expect "the log's status" "userspace 1 COM_FAILURE" "$(log_status m)"
	kill -CONT "$testd"
	wait_until healthy || fail "after SIGCONT: $(log_status m)"
	write_region m 3
	expect_same_legs
	dm_remove m
}

healthy()
{
	[ "$(log_status m)" = "3 testd-disk $(majmin "$log") A" ]
}

# A daemon that never comes back, and a bound for the worker's patience.
worker_bound()
{
	is_ours || skip "stock has no bound"
	start
	echo 3 >$PARAMS/daemon_timeout_s
	hang
	write_region m 5 >/dev/null 2>&1 &
	wait_until gone $! || fail "the write still waits"
	timed "a removal" dm_remove m
}

measure_machine
run_tests \
	restart_core	"B4: testd-core restarted: resync" \
	restart_under_load "B17: restarts under load: no write is lost" \
	restart_in_resync "B17: restart during a resync" \
	io_waits	"B17: a write waits for a daemon and goes on" \
	marks_again_plain "B17: a new daemon is given the marks" \
	marks_again_integrated "B17: a new daemon is given the marks (integrated_flush)" \
	bounded_dead	"B20: daemon dead: status, suspend, resume, remove in bounded time" \
	bounded_hung	"B20: daemon hung: status, suspend, resume, remove in bounded time" \
	bounded_busy_dead "B20: daemon dead, a write waits: status in bounded time" \
	bounded_busy_hung "B20: daemon hung, a write waits: status in bounded time" \
	bounded_resync_dead "B20: daemon dead in a resync: status, suspend, remove" \
	bounded_resync_hung "B20: daemon hung in a resync: status, suspend, remove" \
	comes_back	"B20: a daemon that was stopped comes back" \
	worker_bound	"daemon_timeout_s bounds the worker's wait"
