#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The counters in debugfs, against what can be seen of the log from outside: the log
# device's own statistics, and the messages that its daemon got.

# shellcheck source-path=SCRIPTDIR source=testd_lib.sh
. "$(dirname "$0")/testd_lib.sh"

COUNTERS=/sys/kernel/debug/dm_log

# lines NAME [SECTOR]: of all tables that a device has, without their first two words
lines()
{
	local words dev

	dev=$(majmin "$(dmdev "$1")")
	while read -ra words; do
		[ "${words[0]} ${words[1]}" != "$dev ${2:-0}" ] || echo "${words[*]:2}"
	done <$COUNTERS
}

# count NAME COUNTER [SECTOR]: of the table that is live
count()
{
	local line word

	line=$(lines "$1" "${3:-0}" | grep ' live=1 ') || fail "no line of $1 that is live"
	for word in $line; do
		[ "${word%%=*}" != "$2" ] || { echo "${word#*=}"; return; }
	done
	fail "no counter $2 in: $line"
}

# types NAME: the log types of all its tables and whether they are live
types()
{
	lines "$1" | cut -d ' ' -f 1,2 | xargs
}

# What a device was written: requests and bytes, as the block layer counts.
written()	# DEVICE
{
	awk '{ print $5, $7 * 512 }' "/sys/block/${1#/dev/}/stat"
}

begin_counters()
{
	is_ours || skip "stock has no counters"
	[ -e $COUNTERS ] || fail "no $COUNTERS"
	clean_delay 3600000
	setup
}

disk_counters()
{
	local requests bytes now more

	begin_counters
	dm_create m "$(mirror_table $LEN "disk 2 $log $RS" "$legs")"
	wait_sync m
	expect "type" "disk live=1" "$(types m)"
	expect "regions" "$NR $RS" "$(count m regions) $(count m region_sectors)"
	expect "out of sync" 0 "$(count m out_of_sync)"

	# A new mark is a commit, and one of a region that has it is none.
	dm_suspend m
	dm_resume m
	expect "idle after a resume" 0 "$(count m idle)"
	read -r requests bytes <<<"$(written "$log")"
	now="$(count m writes) $(count m bytes) $(count m commits)"
	write_region m 3
	read -r more _ <<<"$(written "$log")"
	[ "$more" -gt "$requests" ] || fail "the write had no mark"
	wait_until idle_is 1 || fail "$(count m idle) idle regions"
	set -- $now
	read -r more now <<<"$(written "$log")"
	expect "writes to the log" $((more - requests)) $(($(count m writes) - $1))
	expect "bytes" $((now - bytes)) $(($(count m bytes) - $2))
	expect "commits" 1 $(($(count m commits) - $3))

	now="$(count m writes) $(count m commits) $(count m free_flushes)"
	write_region m 3 "again"
	set -- $now
	expect "writes and commits for a marked region" "$1 $2" \
		"$(count m writes) $(count m commits)"
	[ "$(count m free_flushes)" -gt "$3" ] || fail "no flush was free"
	[ "$(count m flushes)" -gt "$(count m free_flushes)" ] || fail "too many were free"

	dm_suspend m
	clean_delay 10
	dm_resume m
	now="$(count m cleaned) $(count m cleanings)"
	write_region m 4
	wait_until cleaned_one || fail "$(count m idle) idle regions"
	set -- $now
	expect "cleaned" 1 $(($(count m cleaned) - $1))
	[ "$(count m cleanings)" -gt "$2" ] || fail "no cleaning was counted"
	expect "commit errors" 0 "$(count m commit_errors)"
}

# When a write has ended, the log may have to be told so yet.
idle_is()	# REGIONS
{
	[ "$(count m idle)" = "$1" ]
}

cleaned_one()
{
	[ "$(count m cleaned)" != "${now% *}" ]
}

commit_errors()
{
	begin_counters
	dm_create l "$(linear "$log" 2048)"
	# Without handle_errors, which would have the mirror hold the write for ever.
	dm_create m "$(mirror_table $LEN "disk 3 $(dmdev l) $RS nosync" "$legs")"
	expect "errors" 0 "$(count m commit_errors)"
	dm_swap l "$(fail_writes "$log" 2048)"
	( write_region m 3 || : ) &
	writer=$!
	wait_until commit_failed || fail "no error was counted"
	expect "out of sync" 0 "$(count m out_of_sync)"
	dm_swap l "$(linear "$log" 2048)"
	wait_until gone $writer
}

commit_failed()
{
	[ "$(count m commit_errors)" -gt 0 ]
}

# One line for each table, whether it is live or not.
each_table()
{
	local counters

	begin_counters
	expect "mode" 444 "$(stat -c %a $COUNTERS)"
	expect "lines without a mirror" "" "$(cat $COUNTERS)"
	dm_create m "$(mirror_table $LEN "disk 3 $log $RS nosync" "$legs")"
	expect "live" "disk live=1" "$(types m)"
	dm_suspend m
	expect "suspended" "disk live=0" "$(types m)"
	dm_resume m
	dm_load m "$(mirror_table $LEN "core 2 $RS nosync" "$legs")"
	expect "loaded" "disk live=1 core live=0" "$(types m)"
	dm_suspend m
	expect "both suspended" "disk live=0 core live=0" "$(types m)"
	dm_resume m
	expect "replaced" "core live=1" "$(types m)"
	# What a core log has not is 0.
	counters=$(lines m)
	expect "a core log" "core live=1 regions=$NR region_sectors=$RS out_of_sync=0 dirty=0 idle=0" \
		"${counters%% flushes=*}"
	expect "its counters" "" "$(xargs -n 1 <<<"${counters#* idle=0}" | grep -v '=0$' || :)"
	# A table that never goes live.
	dm_load m "$(mirror_table $LEN "core 1 $RS" "$legs")"
	expect "loaded" "core live=1 core live=0" "$(types m)"
	$DMSETUP clear "$(dmname m)"
	expect "cleared" "core live=1" "$(types m)"
	dm_remove m
	expect "lines afterwards" "" "$(cat $COUNTERS)"
	! kernel_complained || fail "the kernel complained"
}

# As pvmove has them: several mirrors in one device.
two_targets()
{
	local half=$((LEN / 2))

	begin_counters
	$DMSETUP create "$(dmname m)" <<-END
	0 $half mirror core 2 $RS nosync 2 $(dev leg0) 0 $(dev leg1) 0
	$half $half mirror core 2 $((RS / 2)) nosync 2 $(dev leg0) $half $(dev leg1) $half
	END
	$DMSETUP mknodes "$(dmname m)"
	expect "region sizes" "$RS $((RS / 2))" \
		"$(count m region_sectors) $(count m region_sectors $half)"
}

# More than fits into a page.
many_logs()
{
	local i

	begin_counters
	for ((i = 0; i < NR; i++)); do
		echo "$((i * RS)) $RS mirror core 2 $RS nosync 2" \
			"$(dev leg0) $((i * RS)) $(dev leg1) $((i * RS))"
	done | $DMSETUP create "$(dmname m)"
	$DMSETUP mknodes "$(dmname m)"
	[ "$(wc -c <$COUNTERS)" -gt 4096 ] || fail "only $(wc -c <$COUNTERS) bytes"
	expect "where they begin" "$(seq -s ' ' 0 $RS $((LEN - RS)))" \
		"$(cut -d ' ' -f 2 $COUNTERS | xargs)"
}

# Reading while logs come and go: neither may wait for the other.
read_while_changing()
{
	local reader i

	begin_counters
	dm_create m "$(mirror_table $LEN "disk 3 $log $RS nosync" "$legs")"
	while :; do : "$(<$COUNTERS)"; done &
	reader=$!
	for ((i = 0; i < ${ROUNDS:-20}; i++)); do
		dm_swap m "$(mirror_table $LEN "disk 3 $log $RS nosync" "$legs")"
		dm_suspend m
		dm_resume m
	done
	kill $reader
	expect "type" "disk live=1" "$(types m)"
}

# What there is of the log outside of device-mapper.
files()
{
	find "/sys/dev/block/$(majmin "$(dmdev m)")/" $COUNTERS 2>/dev/null | sort
}

# Such an entry is made and removed under locks that a task may hold which waits for
# memory, which waits for this mirror.
suspended_files()
{
	local before

	is_ours || skip "stock has no counters"
	setup
	dm_create m "$(mirror_table $LEN "disk 3 $log $RS nosync" "$legs")"
	before=$(files)
	dm_suspend m
	expect "what changed with the suspend" "" "$(diff <(echo "$before") <(files) || :)"
	dm_resume m
	dm_suspend m
	dm_load m "$(mirror_table $LEN "disk 3 $log $RS nosync" "$legs")"
	dm_resume m
	expect "what changed with another table" "" "$(diff <(echo "$before") <(files) || :)"
}

all_clean()
{
	log_all_clean "$log"
}

# Nothing but the parameter pulls in the timer of an idle mirror. With the pass that the
# second write begins, the worker has cleared the first one's region, and set the timer.
delay_lowered()
{
	is_ours || skip "stock has no delay"
	setup
	dm_create m "$(mirror_table $LEN "disk 3 $log $RS nosync" "$legs")"
	clean_delay 3600000
	write_region m 3
	write_region m 4
	expect "dirty" "3 4" "$(log_dirty "$log")"
	clean_delay 10
	wait_until all_clean || fail "still dirty: $(log_dirty "$log")"
	clean_delay 3600000
	write_region m 3
	write_region m 4
	expect "dirty" "3 4" "$(log_dirty "$log")"
	clean_delay 0
	wait_until all_clean || fail "still dirty: $(log_dirty "$log")"
}

daemon_counters()
{
	local before writer

	begin_counters
	testd_start
	dm_create m "$(umirror u testd-core $RS nosync)"
	expect "type" "userspace live=1" "$(types m)"
	expect "bytes written to a device" 0 "$(count m bytes)"
	write_region m 3
	before=$(count m requests)
	trace_mark
	write_region m 4
	write_region m 5
	# The mirror's worker may come round once more, between the one count and the other.
	wait_until same_requests || fail "$(requests | wc -w) requests at the daemon," \
		"$(($(count m requests) - before)) counted"
	expect "unanswered" 0 "$(count m unanswered)"
	testd_kill
	( write_region m 6 || : ) &
	writer=$!
	wait_until unanswered || fail "no request was unanswered"
	testd_start
	wait_until gone $writer || fail "the write does not end"
}

same_requests()
{
	[ "$(requests | wc -w)" = $(($(count m requests) - before)) ]
}

unanswered()
{
	[ "$(count m unanswered)" -gt 0 ]
}

run_tests \
	disk_counters	"counters of a disk log agree with its device" \
	commit_errors	"commits that fail are counted" \
	each_table	"each table has a line, live or not" \
	two_targets	"each target has its own" \
	many_logs	"more than a page of them" \
	read_while_changing "reading them while logs come and go" \
	suspended_files	"B48: no file comes or goes while a mirror is suspended" \
	delay_lowered	"B55: a shorter delay does not wait for the longer one" \
	daemon_counters	"counters of a userspace log agree with its daemon"
