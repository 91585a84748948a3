#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The log device fails, at the start or later, and heals. A log that cannot be
# written must not stop the mirror; one that cannot be read must not be written.

. "$(dirname "$0")/dm_log_lib.sh"

# The log is a device that can be turned into a failing one under the mirror.
setup()
{
	need_target flakey
	nullb leg0 2
	nullb leg1 2
	nullb disk 1
	disk=$(dev disk)
	legs="$(dev leg0) $(dev leg1)"
	stamp_legs "$(dev leg0)" "$(dev leg1)"
	dm_create log "$(linear "$disk" 2048)"
	log=$(dmdev log)
}

log_fails_writes() { dm_swap log "$(fail_writes "$disk" 2048)"; }
log_fails_reads() { dm_swap log "$(fail_reads "$disk" 2048)"; }
log_refuses_writes() { dm_swap log "0 2048 log-refuse $disk"; }
log_fails() { dm_swap log "0 2048 error"; }
log_heals() { dm_swap log "$(linear "$disk" 2048)"; }

mirror()	# [KEYWORD] [FEATURES]
{
	local k=${1:-}

	mirror_table $LEN "disk $((${#k} ? 3 : 2)) $log $RS${k:+ $k}" "$legs" "${2:-}"
}

log_is()
{
	[ "$(log_health m)" = "$1" ]
}

event_after()
{
	[ "$(dm_events m)" -gt "$1" ]
}

# A write to the log fails while the mirror runs: D, one event for the life of
# the table, data still written and read, and the dirty state is caught up with
# as soon as the log can be written again. A mirror that was told of an error tells its
# log of none of its legs' any more: so nothing becomes clean before it has a new table.
fails_later()	# WAY-TO-FAIL
{
	local events

	setup
	clean_delay 0
	dm_create m "$(mirror nosync)"
	write_region m 1
	wait_until log_clean "$disk" 1 || fail "region 1 not clean again"
	log_is A || fail "log is $(log_health m) before it fails"
	events=$(dm_events m)
	"$1"
	write_region m 2 "log is dead"
	wait_until log_is D || fail "log is $(log_health m) after a failed write"
	wait_until event_after "$events" || fail "no event"
	events=$(dm_events m)
	# Each of these has to fail before its write goes on.
	write_region m 3 "log is dead"
	write_region m 5 "log is dead"
	write_region m 7 "log is dead"
	expect "events for one failure" "$events" "$(dm_events m)"
	expect "what the mirror reads" "log is dead" \
		"$(read_dev "$(dmdev m)" $((3 * RS)) 1 | head -n 1)"
	log_heals
	write_region m 4
	wait_until dirty_regions "2 3 4 5 7" || fail "dirty: $(log_dirty "$disk")"
	log_is D || fail "log is $(log_health m) without a resume"
	dm_remove m
	expect "dirty regions" "2 3 4 5 7" "$(log_dirty "$disk")"
	dm_create m "$(mirror)"
	wait_sync m
	dm_remove m
	expect "dirty regions after a new table" "" "$(log_dirty "$disk")"
	expect "what leg 1 holds" "log is dead" \
		"$(read_dev "$(dev leg1)" $((2 * RS)) 1 | head -n 1)"
}

dirty_regions()	# "REGIONS"
{
	[ "$(log_dirty "$disk")" = "$1" ]
}

later_writes() { fails_later log_fails_writes; }
# What is "not supported" is no error to the dm-io of some kernels; the mark is lost.
later_refused()
{
	need_refuse
	fails_later log_refuses_writes
}

later_all() { fails_later log_fails; }

# A region that lost a leg is still out of sync, and dirty on disk, after the
# log died, healed, and the table was replaced.
dirty_survives()
{
	local dirty=6

	setup
	# B69: ours calls nothing clean that was written since the log has failed.
	! is_ours || dirty="6 9"
	dm_create leg1 "$(linear "$(dev leg1)" $LEN)"
	legs="$(dev leg0) $(dmdev leg1)"
	dm_create m "$(mirror nosync)"
	dm_swap leg1 "$(fail_writes "$(dev leg1)" $LEN)"
	write_region m 6 "one leg only"
	wait_until out_of_sync 1 || fail "after a leg's write error: $(dm_status m)"
	log_fails_writes
	dm_swap leg1 "$(linear "$(dev leg1)" $LEN)"
	write_region m 9 "log is dead"
	wait_until log_is D || fail "log is $(log_health m)"
	log_heals
	# Without the keyword, which on stock would begin anew (see B2).
	dm_load m "$(mirror)"
	dm_suspend m
	expect "dirty regions on disk" "$dirty" "$(log_dirty "$disk")"
	dm_resume m
	wait_sync m
	dm_remove m
	# shellcheck disable=SC2086 # numbers
	expect "regions not copied" "$(without $dirty)" \
		"$(differing "$(dev leg0)" "$(dev leg1)")"
}

out_of_sync()	# REGIONS
{
	[ "$(sync_ratio m)" = "$((NR - $1))/$NR" ]
}

# With handle_errors, writes wait for somebody to give the mirror another log.
handle_errors()
{
	local writer other

	setup
	dm_create m "$(mirror nosync "1 handle_errors")"
	log_fails_writes
	write_region m 8 "held" &
	writer=$!
	wait_until log_is D || fail "log is $(log_health m)"
	# The mirror's worker comes round with this one, and holds it, too.
	write_region m 9 "held" &
	other=$!
	wait_until in_flight m 2 || fail "nothing more is written"
	kill -0 $writer 2>/dev/null || fail "a write went on without its mark"
	dm_load m "$(mirror_table $LEN "core 2 $RS nosync" "$legs" "1 handle_errors")"
	dm_suspend m --noflush
	dm_resume m
	wait $writer || fail "the held write failed"
	wait $other || fail "the other held write failed"
	dm_remove m
	for leg in $legs; do
		expect "what $leg holds" "held" \
			"$(read_dev "$leg" $((8 * RS)) 1 | head -n 1)"
	done
}

# The very first write, at resume, fails.
first_write()
{
	setup
	log_fails_writes
	dm_create m "$(mirror)"
	wait_sync m
	log_is D || fail "log is $(log_health m)"
	write_region m 5 "no log"
	dm_remove m
	expect "regions differing" "" "$(differing "$(dev leg0)" "$(dev leg1)")"
}

# B37: a resume that reads, writes and flushes without a fault proves the log
# healthy again.
heals()
{
	setup
	clean_delay 0
	dm_create m "$(mirror nosync)"
	log_fails_writes
	write_region m 2
	wait_until log_is D || fail "log is $(log_health m) after a failed write"
	dm_suspend m
	dm_resume m
	log_is D || fail "log is $(log_health m) though it still fails"
	log_heals
	dm_suspend m
	dm_resume m
	log_is A || fail "log is $(log_health m) after a resume without a fault"
	dm_remove m
}

# B11: a valid log that cannot be read just now.
first_read()	# FAIL HEAL
{
	local before

	log_format "$disk" 4 20
	before=$(dev_sum "$disk" 2048)
	"$1"
	dm_create m "$(mirror)"
	wait_sync m
	log_is D || fail "log is $(log_health m) after a failed read"
	expect "regions copied without a log" "" "$(differing "$(dev leg0)" "$(dev leg1)")"
	write_region m 9
	dm_remove m
	"$2"
	expect "the log's bytes" "$before" "$(dev_sum "$disk" 2048)"
	# The log still says what it said.
	stamp_legs "$(dev leg0)" "$(dev leg1)"
	dm_create m "$(mirror)"
	wait_sync m
	log_is A || fail "log is $(log_health m) after it healed"
	dm_remove m
	expect "regions not copied" "$(without 4 20)" \
		"$(differing "$(dev leg0)" "$(dev leg1)")"
}

# A log that says "clean" of all regions, and cannot be read when the mirror is resumed:
# all are out of sync, and the mirror writes to such ones on one leg only. It must not,
# before the log says the same: whoever reads it next would take the legs for equal.
# The second leg is slow, lest the region be recovered first.
unreadable_holds()	# COMMAND: what happens to the log before the next table
{
	local writer

	need_target delay
	setup
	fill_dev "$(dev leg1)" $LEN "leg 0"
	dm_create leg1 "0 $LEN delay $(dev leg1) 0 200"
	legs="$(dev leg0) $(dmdev leg1)"
	dm_create m "$(mirror nosync)"
	dm_suspend m
	expect "dirty regions before" "" "$(log_dirty "$disk")"
	log_fails
	dm_load m "$(mirror '' "1 handle_errors")"
	dm_resume m 2>/dev/null || :
	write_region m 31 "on one leg?" &
	writer=$!
	wait_until in_flight m || fail "nothing is written"
	worker_passes m 30
	gone $writer && fail "a write to a region out of sync, of which the log may say clean"
	"$@"
	dm_load m "$(mirror '' "1 handle_errors")"
	dm_suspend m --noflush
	log_heals
	dm_resume m
	wait $writer || fail "the held write failed"
	dm_swap leg1 "$(linear "$(dev leg1)" $LEN)"
	wait_sync m
	dm_remove m
	expect "regions differing" "" "$(differing "$(dev leg0)" "$(dev leg1)")"
	expect "what leg 1 holds" "on one leg?" \
		"$(read_dev "$(dev leg1)" $((31 * RS)) 1 | head -n 1)"
}

# Until the suspend, or beyond it.
unreadable_heals()	{ unreadable_holds log_heals; }
unreadable_dead()	{ unreadable_holds :; }

# Nobody replaces the table: the write goes on when the log is back.
unreadable_waits()
{
	local writer

	setup
	dm_create leg1 "0 $LEN delay $(dev leg1) 0 200"
	legs="$(dev leg0) $(dmdev leg1)"
	dm_create m "$(mirror nosync)"
	dm_suspend m
	log_fails_writes
	dm_load m "$(mirror sync)"
	dm_resume m 2>/dev/null || :
	write_region m 31 "later" &
	writer=$!
	wait_until in_flight m || fail "nothing is written"
	worker_passes m 30
	gone $writer && fail "a write that the log knows nothing of"
	log_heals
	wait_until gone $writer || fail "still waiting"
	log_clean "$disk" 31 && fail "region 31 is clean on disk"
	dm_swap leg1 "$(linear "$(dev leg1)" $LEN)"
	wait_sync m
}

first_read_flakey()
{
	setup
	first_read log_fails_reads log_heals
}

dust_on()
{
	$DMSETUP message "$(dmname log)" 0 addbadblock 0
	$DMSETUP message "$(dmname log)" 0 addbadblock 2
	$DMSETUP message "$(dmname log)" 0 enable
}

dust_off()
{
	$DMSETUP message "$(dmname log)" 0 disable
}

first_read_dust()
{
	need_target dust
	setup
	dm_swap log "0 2048 dust $disk 0 512"
	first_read dust_on dust_off 2>/dev/null
}

# B11: nosync is an answer for the first resume only. When a later one cannot
# read the log, a region that lost a leg must not pass for clean.
read_fails_nosync()
{
	setup
	fill_dev "$(dev leg1)" $LEN "leg 0"
	dm_create leg1 "$(linear "$(dev leg1)" $LEN)"
	legs="$(dev leg0) $(dmdev leg1)"
	dm_create m "$(mirror nosync)"
	dm_swap leg1 "$(fail_writes "$(dev leg1)" $LEN)"
	write_region m 6 "one leg only"
	wait_until out_of_sync 1 || fail "after a leg's write error: $(dm_status m)"
	dm_suspend m
	dm_swap leg1 "$(linear "$(dev leg1)" $LEN)"
	log_fails_reads
	dm_resume m
	wait_sync m
	dm_remove m
	expect "regions differing" "" "$(differing "$(dev leg0)" "$(dev leg1)")"
}

run_tests \
	later_writes	"B69: log writes fail later: D, one event, data served, dirty until a new table" \
	later_refused	"B69: log writes not supported later: D, one event, data served, dirty until a new table" \
	later_all	"B69: log device gone later: D, one event, data served, dirty until a new table" \
	dirty_survives	"a region that lost a leg stays dirty over a dead log" \
	handle_errors	"handle_errors: writes wait for a new log" \
	unreadable_heals "B11: unreadable at resume, readable for the next table: nothing is lost" \
	unreadable_dead	"B11: unreadable until after the suspend: nothing is lost" \
	unreadable_waits "B12: a write to a region out of sync waits until the log says so, too" \
	first_write	"first write of the log fails: D, mirror resyncs and serves" \
	heals		"B37: A again after a resume without a fault, not before" \
	first_read_flakey "B11: log unreadable at resume (dm-flakey): not written, honoured later" \
	first_read_dust	"B11: log unreadable at resume (dm-dust): not written, honoured later" \
	read_fails_nosync "B11: nosync is not believed when a later resume cannot read"
