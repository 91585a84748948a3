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

wrote_more()	# THAN
{
	[ "$(wc -l <"$work/written")" -gt "$1" ]
}

# While writes go on: none fails, none is lost.
restart_under_load()
{
	local i writer

	start
	: >"$work/written"
	rm -f "$work/stop"
	( while [ ! -e "$work/stop" ]; do
		write_region m $((RANDOM % NR)) "write $RANDOM" || exit 1
		echo >>"$work/written"
	done ) &
	writer=$!
	for i in 10 20 30; do
		wait_until wrote_more $i || fail "the writes stand still"
		testd_kill
		wait_until in_flight m || fail "no write waits for the daemon"
		testd_start
	done
	wait_until wrote_more 40 || fail "the writes stand still"
	touch "$work/stop"
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
	# So that there is a resync to meet, and then no longer.
	slow_leg 100
	dm_create m "$(umirror u testd-disk "$log" $RS)"
	wait_until requested SET_REGION_SYNC 3 || fail "no resync: $(dm_status m)"
	testd_kill
	! in_sync m || fail "too fast to be met by a restart"
	testd_start
	dm_swap slow "$(linear "$(dev leg1)" $LEN)"
	wait_until in_sync m || fail "after the restart: $(dm_status m)"
	expect "regions differing" "" "$(differing "$(dev leg0)" "$(dev leg1)")"
	dm_remove m
}

# The kernel has noticed, and says so once; stock says nothing.
noticed()	# UUID
{
	! is_ours || kmsg_since | grep -q "log $1: no answer to"
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
	wait_until in_flight m || fail "the write is not under way"
	wait_until noticed u || fail "the kernel says nothing"
	# It tries again every 250 ms. A machine that has not tried often by then shows
	# less, and nothing wrong.
	nap 2
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
#
# With the daemon dead, or there and not answering. Most of this is waiting, 15 s and more
# each time: so there are several mirrors, each of which meets it in another state, and they
# wait beside each other. What fails says whose it is.

die()	{ testd_kill; }
hang()	{ kill -STOP "$testd"; }

five="idle busy copied alone back"

# NAME has "$legs" and $log; for all of them one daemon.
of()		# NAME
{
	legs="$(dev "$1-leg0") $(dev "$1-leg1")"
	log=$(dev "$1-log")
}

five_mirrors()
{
	local m

	testd_start
	for m in $five; do
		of $m
		nullb $m-leg0 2
		nullb $m-leg1 2
		nullb $m-log 1
		case $m in
		copied)	# a resync asks the daemon all the time
			need_target delay
			dm_create slow "0 $LEN delay ${legs#* } 0 0 ${legs#* } 0 300"
			dm_create $m "$(mirror_table $LEN "$(ulog $m testd-core $RS)" \
				"${legs% *} $(dmdev slow)")"
			wait_until requested SET_REGION_SYNC 2 $m || fail "no resync: $(dm_status $m)"
			;;
		alone)	# the first region is being copied as long as we like
			dm_create held "$(linear ${legs#* } $LEN)"
			dm_suspend held --noflush --nolockfs
			dm_create $m "$(mirror_table $LEN "$(ulog $m testd-core $RS)" \
				"${legs% *} $(dmdev held)")"
			wait_until requested GET_RESYNC_WORK 1 $m || fail "no resync: $(dm_status $m)"
			;;
		*)	dm_create $m "$(mirror_table $LEN "$(ulog $m testd-disk "$log" $RS nosync)" "$legs")"
			in_sync $m || fail "a nosync mirror: $(dm_status $m)"
			;;
		esac
	done
}

# From an idle mirror.
when_idle()
{
	timed "idle: the first status" dm_status idle
	expect "the log's status" "userspace 1 COM_FAILURE" "$(log_status idle)"
	timed "idle: the second status" dm_status idle
	# Not as long as the first one may take.
	allow 5
	[ $took -lt $((allowed_s * 1000)) ] || fail "idle: the second status took $took ms"
	timed "idle: a table" dm_table idle
	timed "idle: a suspend" dm_suspend idle
	timed "idle: a resume" dm_resume idle
	timed "idle: a removal" dm_remove idle
}

# The same with a write that waits for the daemon. Its waiting is no reason for others to.
when_busy()
{
	timed "busy: the first status" dm_status busy
	timed "busy: the second status" dm_status busy
	! gone $write || fail "busy: a write went on without a daemon"
}

# In the middle of a resync.
when_copied()
{
	timed "resync: a status" dm_status copied
	timed "resync: a suspend" dm_suspend copied
	timed "resync: a removal" dm_remove copied
}

# In the middle of another one, which nobody reads or writes: it cannot go on now.
when_alone()
{
	dm_resume held
	timed "alone: a status" dm_status alone
}

when_back()
{
	timed "back: a status" dm_status back
	expect "the log's status" "userspace 1 COM_FAILURE" "$(log_status back)"
}

healthy()	# NAME
{
	[ "$(log_status "$1")" = "3 testd-disk $(majmin "$log") A" ]
}

bounded()	# DEATH
{
	local m waiters=() w failed='' write

	five_mirrors
	trace_mark
	"$1"
	write_region busy 5 >/dev/null 2>&1 &
	write=$!
	wait_until in_flight busy || fail "the write is not under way"
	for m in $five; do
		( within_out=$work/out.$m; of $m; "when_$m" ) &
		waiters+=($!)
	done
	for w in "${waiters[@]}"; do
		wait "$w" || failed=1
	done
	[ -z "$failed" ] || fail "see above"

	if [ "$1" = hang ]; then
		kill -CONT "$testd"
	else
		testd_start
	fi
	# A suspend lets writes go first. It has to be told not to.
	of busy
	wait_until gone $write || fail "busy: the write still waits"
	timed "busy: a suspend" dm_suspend busy
	timed "busy: a resume" dm_resume busy
	timed "busy: a removal" dm_remove busy
	expect "busy: regions differing" "" "$(differing $legs)"
	# A daemon is asked again after a while, and what it answers counts.
	of back
	wait_until healthy back || fail "back: the log's status is $(log_status back)"
	write_region back 3
	wait_until in_sync back || fail "back: $(dm_status back)"
	dm_remove back
	expect "back: regions differing" "" "$(differing $legs)"
	# A resync goes on, though no I/O wakes the mirror.
	of alone
	wait_until in_sync alone || fail "alone: $(dm_status alone)"
	dm_remove alone
	expect "alone: regions differing" "" "$(differing $legs)"
}

bounded_dead() { bounded die; }
bounded_hung() { bounded hang; }

# A daemon that never comes back, and a bound for the worker's patience.
worker_bound()
{
	is_ours || skip "stock has no bound"
	start
	echo 1 >$PARAMS/daemon_timeout_s
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
	bounded_hung	"B20: daemon hung: status, suspend, resume, remove in bounded time, and back" \
	worker_bound	"daemon_timeout_s bounds the worker's wait"
