#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Cluster mirrors on one node, with LVM's cmirrord over corosync: what works as
# long as the daemon does, and what becomes of the mirror when it does not.
#
# A test called "B<number>" is about a fault of the kernel's own module.

. "$(dirname "$0")/dm_log_cluster_lib.sh"

need_daemons
legs="$(dev leg0) $(dev leg1)"

# Late writes to the second leg: they come after an hour, or when told.
LATE=3600000

# setup [DELAY-MS]: two legs, the second one late with its writes; the log's
# device under a name that cmirrord can find, with a cache if log_cache is set; the daemons.
setup()
{
	nullb leg0 2
	nullb leg1 2
	nullb log 1 ${log_cache:+cache_size=1}
	dm_create log "$(linear "$(dev log)" 2048)"
	[ -n "${DM_LOG_KO:-}" ] || modprobe dm-log-userspace
	start_cmirrord
	legs="$(dev leg0) $(dev leg1)"
	[ $# = 0 ] || slow "$1"
	# shellcheck disable=SC2086 # a list
	stamp_legs $legs
}

slow_table()	# DELAY-MS
{
	echo "0 $LEN delay $(dev leg1) 0 0 $(dev leg1) 0 $1"
}

slow()
{
	dm_create slow "$(slow_table "$1")"
	legs="$(dev leg0) $(dmdev slow)"
}

table()		# TYPE [KEYWORD]
{
	mirror_table $LEN "$(cluster_log "$@")" "$legs" "1 handle_errors"
}

# mirror TYPE [KEYWORD]: in sync when it returns
mirror()
{
	bounded dm_create m "$(table "$@")"
	wait_sync m
}

not_in_sync_legs()
{
	differing "$(dev leg0)" "$(dev leg1)"
}

legs_equal()
{
	[ -z "$(not_in_sync_legs)" ]
}

# Remove the mirror: nothing may stay dirty in the log, or with the daemon.
finish()	# TYPE
{
	bounded dm_remove m
	stop_cmirrord
	[ "$1" = core ] || log_on_disk_is_clean
}

log_bits_are_clean()
{
	[ "$(log_bits "$(dev log)" | cut -d: -f1)" = "$(repeat 1 $NR)" ]
}

log_on_disk_is_clean()
{
	expect "header" "4d695272 00000002 $(printf %016x $NR)" "$(log_header "$(dev log)")"
	expect "bits" "$(repeat 1 $NR)" "$(log_bits "$(dev log)" | cut -d: -f1)"
}

# --- with a daemon that works ------------------------------------------------

lines()		# TYPE
{
	local t a b

	setup
	mirror "$1"
	a=$(majmin "$(dev leg0)")
	b=$(majmin "$(dev leg1)")
	expect "status" "0 $LEN mirror 2 $a $b $NR/$NR 1 AA $(cluster_log_status "$1")" \
		"$(dm_status m)"
	t="0 $LEN mirror $(cluster_log "$1") 2 $a 0 $b 0 1 handle_errors"
	expect "table" "$t" "$(dm_table m)"
	finish "$1"
}

resync()	# TYPE
{
	setup
	expect "regions differing before" "$(all_regions)" "$(not_in_sync_legs)"
	mirror "$1"
	expect "regions differing after" "" "$(not_in_sync_legs)"
	finish "$1"
}

# The daemon opens the device that the table names; dm must know of it too.
deps()		# TYPE
{
	local wanted=2

	setup
	mirror "$1"
	[ "$1" = core ] || wanted=3
	expect "devices used" $wanted "$($DMSETUP deps -o devno "$(dmname m)" | awk '{ print $1 }')"
	finish "$1"
}

is_dirty()	# REGION
{
	[ "$(dirty_in_cmirrord)" = "$1" ]
}

# Dirty while the write is on its way to the second leg, clean afterwards.
writes()	# TYPE
{
	setup 0
	mirror "$1"
	wait_until all_clean_in_cmirrord || fail "dirty at rest: $(dirty_in_cmirrord)"
	dm_swap slow "$(slow_table $LATE)"
	begin w write_region m 13 "a new text"
	wait_until is_dirty 13 || fail "dirty while writing: '$(dirty_in_cmirrord)'"
	! ended w || fail "the write ended before the region was seen to be dirty"
	[ "$1" = core ] || expect "dirty on disk" 13 "$(log_dirty "$(dev log)")"
	dm_swap slow "$(slow_table 0)"
	result w
	expect "regions differing" "" "$(not_in_sync_legs)"
	expect "read back" "a new text" "$(read_dev "$(dmdev m)" $((13 * RS)) 1 | head -n 1)"
	wait_until all_clean_in_cmirrord || fail "dirty after the write: $(dirty_in_cmirrord)"
	finish "$1"
}

# What it has marked is written to the log, and may be in a cache there for ever.
never_flushes()	# TYPE
{
	local log_cache=y flushes

	setup 0
	mirror "$1"
	wait_until all_clean_in_cmirrord || fail "dirty at rest: $(dirty_in_cmirrord)"
	flushes=$(log_flushes)
	dm_swap slow "$(slow_table $LATE)"
	begin w write_region m 13 "a new text"
	wait_until is_dirty 13 || fail "dirty while writing: '$(dirty_in_cmirrord)'"
	expect "dirty on disk" 13 "$(log_dirty "$(dev log)")"
	dm_swap slow "$(slow_table 0)"
	result w
	expect "flushes of the log" "$flushes" "$(log_flushes)"
	finish "$1"
}

log_flushes()
{
	awk '{ print $16 }' "/sys/block/$PREFIX-log/stat"
}

# More regions at a time than fit into one message of 32.
many_writes()	# TYPE
{
	local r n

	RS=8 NR=$((LEN / 8))
	setup 0
	mirror "$1" nosync
	dm_swap slow "$(slow_table $LATE)"
	begin w fio --name=w --filename="$(dmdev m)" --rw=write --bs=4k --direct=1 \
		--ioengine=libaio --iodepth=200 --size=$((200 * 4096)) --refill_buffers
	wait_until many_dirty 100 || fail "only $(dirty_in_cmirrord | wc -w) regions dirty"
	dm_swap slow "$(slow_table 0)"
	result w
	expect "regions differing" "$(seq -s ' ' 200 $((NR - 1)))" "$(not_in_sync_legs)"
	wait_until all_clean_in_cmirrord || fail "dirty after the writes: $(dirty_in_cmirrord)"
	finish "$1"
}

many_dirty()
{
	[ "$(dirty_in_cmirrord | wc -w)" -ge "$1" ]
}

# The first one to resume a log on disk believes it; one in memory has forgotten.
suspend_resume()	# TYPE
{
	setup
	mirror "$1"
	dm_suspend m
	# shellcheck disable=SC2086
	stamp_legs $legs
	bounded dm_resume m
	wait_sync m
	if [ "$1" = core ]; then
		expect "not copied" "" "$(not_in_sync_legs)"
	else
		expect "not copied" "$(all_regions)" "$(not_in_sync_legs)"
	fi
	finish "$1"
}

# A second table for the same log, with the old one still active.
reload()	# TYPE
{
	local i writer

	setup
	mirror "$1"
	begin w write_all_the_time
	for i in 1 2 3; do
		bounded dm_load m "$(table "$1")"
		bounded dm_suspend m
		bounded dm_resume m
	done
	! ended w || result w
	touch $RUN/enough
	result w
	wait_sync m
	expect "regions differing" "" "$(not_in_sync_legs)"
	wait_until all_clean_in_cmirrord || fail "dirty at rest: $(dirty_in_cmirrord)"
	finish "$1"
}

write_all_the_time()
{
	rm -f $RUN/enough
	while [ ! -e $RUN/enough ]; do
		for i in 1 9 17 25; do
			write_region m $i "round $RANDOM"
			echo $i >>$RUN/written
		done
	done
}

# --- with one that does not --------------------------------------------------

# Restarted while nothing is written. It knows nothing of the log then, and its
# "no such log" must not be taken for "not in sync": such a write goes to one leg
# only, and nobody copies it.
restart_idle()	# TYPE
{
	setup
	mirror "$1"
	wait_until all_clean_in_cmirrord || fail "dirty at rest: $(dirty_in_cmirrord)"
	kill_cmirrord
	start_cmirrord
	begin w write_region m 5 "written after the restart"
	result w
	wait_until legs_equal || fail "regions differing: $(not_in_sync_legs), status $(dm_status m)"
	expect "read back" "written after the restart" \
		"$(read_dev "$(dmdev m)" $((5 * RS)) 1 | head -n 1)"
	begin s wait_sync m
	result s
	finish "$1"
}

wrote_more()	# COUNT
{
	[ "$(wc -l <$RUN/written)" -gt "$1" ]
}

# Restarted under writes, and with somebody asking for the status all the while.
restart_busy()	# TYPE [WITH-STATUS]
{
	local n

	setup
	mirror "$1"
	: >$RUN/written
	begin w write_all_the_time
	wait_until wrote_more 8 || fail "nothing is written"
	kill_cmirrord
	[ $# = 1 ] || for n in 1 2 3 4; do begin "s$n" $DMSETUP status "$(dmname m)"; done
	wait_until in_flight m || fail "no write waits for the daemon"
	[ $# = 1 ] || for n in 5 6 7 8; do begin "s$n" $DMSETUP status "$(dmname m)"; done
	start_cmirrord
	n=$(wc -l <$RUN/written)
	wait_until wrote_more $((n + 8)) ||
		fail "writes do not go on"
	[ $# = 1 ] || for n in 1 2 3 4 5 6 7 8; do result "s$n"; done
	touch $RUN/enough
	result w
	wait_until legs_equal || fail "regions differing: $(not_in_sync_legs), status $(dm_status m)"
	begin s wait_sync m
	result s
	finish "$1"
}

restart_asked()	# TYPE
{
	restart_busy "$1" asked
}

freeze()
{
	kill -STOP "$(cmirrord_pid)"
}

thaw()
{
	kill -CONT "$(cmirrord_pid)"
}

# A daemon that does not answer: the administrator is told, not held.
frozen_status()	# TYPE
{
	setup
	mirror "$1"
	freeze
	begin w write_region m 5 "written while it was frozen"
	begin s $DMSETUP status "$(dmname m)"
	result s
	grep -q COM_FAILURE $RUN/job.s.out || fail "status: $(cat $RUN/job.s.out)"
	! ended w || fail "the write ended without the daemon"
	thaw
	result w
	expect "status" "$(cluster_log_status "$1")" "$(dm_status m | cut -d' ' -f10-)"
	expect "regions differing" "" "$(not_in_sync_legs)"
	finish "$1"
}

# Whoever asks can be killed.
frozen_kill()	# TYPE
{
	local pid

	setup
	mirror "$1"
	freeze
	$DMSETUP status "$(dmname m)" &
	pid=$!
	wait_until unread "$(cmirrord_pid)" || fail "the daemon was not asked"
	! gone $pid || fail "the status of a frozen daemon came at once"
	kill -9 $pid
	wait_until gone $pid || fail "SIGKILL does not end dmsetup status"
	thaw
	wait_sync m
	finish "$1"
}

# Frozen until it is asked, which is less than anybody's patience: everything goes on.
frozen_short()	# TYPE
{
	setup
	mirror "$1"
	freeze
	begin w write_region m 5 "written while it was frozen"
	wait_until unread "$(cmirrord_pid)" || fail "the daemon was not asked"
	! ended w || fail "the write ended without the daemon"
	thaw
	result w
	expect "regions differing" "" "$(not_in_sync_legs)"
	wait_sync m
	finish "$1"
}

dead_remove()	# TYPE
{
	setup
	mirror "$1"
	# What was copied becomes clean in the log a while later.
	[ "$1" = core ] || wait_until log_bits_are_clean || fail "the log does not become clean"
	kill_cmirrord
	bounded dm_remove m || fail "the mirror is not removed"
	[ "$1" = core ] || log_on_disk_is_clean
}

# add TYPE FUNCTION DESCRIPTION: as "TYPE: ...", a "B4: ..." stays first
tests=()
add()
{
	local d="$1: $3"

	eval "${2}_$1() { $2 $1; }"
	[[ $3 != B[0-9]*:* ]] || d="${3%%:*}: $1:${3#*:}"
	tests+=("${2}_$1" "$d")
}

both()		# FUNCTION DESCRIPTION
{
	add core "$@"
	add disk "$@"
}

both lines		"table and status lines"
both resync		"a full resync makes the legs equal"
both deps		"dmsetup deps names the log's device"
both writes		"a region is dirty while it is written, and clean afterwards"
both many_writes	"more regions at a time than one message holds"
add disk never_flushes	"cmirrord never flushes what it marks"
both suspend_resume	"suspend, resume: what is copied then"
both reload		"reloads while writing lose nothing"
both frozen_short	"a daemon stopped for a moment only makes writes wait"
both dead_remove	"removal without the daemon"
both restart_idle	"B4: the daemon restarted while nothing is written"
add core restart_busy	"B27: the daemon restarted under writes"
add disk restart_busy	"B17: the daemon restarted under writes"
both restart_asked	"B18: the daemon restarted under writes and status calls"
both frozen_status	"B20: status of a mirror whose daemon hangs"
both frozen_kill	"B20: SIGKILL for a status that waits for the daemon"

( set -eu; start_corosync 1 127.0.0.1 ) ||
	{ echo "Bail out! no corosync"; exit 1; }
run_tests "${tests[@]}"
stop_corosync
