#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The counters in sysfs, against what can be seen of the log from outside: the log
# device's own statistics, and the messages that its daemon got.

# shellcheck source-path=SCRIPTDIR source=testd_lib.sh
. "$(dirname "$0")/testd_lib.sh"

# dir NAME: where a mirror's counters are, unless it has several targets
dir()
{
	echo "/sys/dev/block/$(majmin "$(dmdev "$1")")/dm_log"
}

files()		# NAME
{
	find "$(dir "$1")/" -type f -printf '%f\n' | sort | xargs
}

count()		# NAME COUNTER
{
	cat "$(dir "$1")/$2"
}

# What a device was written: requests and bytes, as the block layer counts.
written()	# DEVICE
{
	awk '{ print $5, $7 * 512 }' "/sys/block/${1#/dev/}/stat"
}

begin_counters()
{
	is_ours || skip "stock has no counters"
	clean_delay 3600000
	setup
}

disk_files="cleanings commit_errors commits flushes free_flushes log_bytes log_writes
	region_sectors regions regions_cleaned regions_dirty regions_idle
	regions_out_of_sync type"

disk_counters()
{
	local requests bytes now more

	begin_counters
	dm_create m "$(mirror_table $LEN "disk 2 $log $RS" "$legs")"
	expect "files" "$(xargs <<<"$disk_files")" "$(files m)"
	wait_sync m
	expect "type" "disk" "$(count m type)"
	expect "regions" "$NR $RS" "$(count m regions) $(count m region_sectors)"
	expect "out of sync" 0 "$(count m regions_out_of_sync)"

	# A new mark is a commit, and one of a region that has it is none.
	dm_suspend m
	dm_resume m
	expect "idle after a resume" 0 "$(count m regions_idle)"
	read -r requests bytes <<<"$(written "$log")"
	now="$(count m log_writes) $(count m log_bytes) $(count m commits)"
	write_region m 3
	read -r more _ <<<"$(written "$log")"
	[ "$more" -gt "$requests" ] || fail "the write had no mark"
	wait_until idle_is 1 || fail "$(count m regions_idle) idle regions"
	set -- $now
	read -r more now <<<"$(written "$log")"
	expect "writes to the log" $((more - requests)) $(($(count m log_writes) - $1))
	expect "bytes" $((now - bytes)) $(($(count m log_bytes) - $2))
	expect "commits" 1 $(($(count m commits) - $3))

	now="$(count m log_writes) $(count m commits) $(count m free_flushes)"
	write_region m 3 "again"
	set -- $now
	expect "writes and commits for a marked region" "$1 $2" \
		"$(count m log_writes) $(count m commits)"
	[ "$(count m free_flushes)" -gt "$3" ] || fail "no flush was free"
	[ "$(count m flushes)" -gt "$(count m free_flushes)" ] || fail "too many were free"

	dm_suspend m
	clean_delay 10
	dm_resume m
	now="$(count m regions_cleaned) $(count m cleanings)"
	write_region m 4
	wait_until cleaned_one || fail "$(count m regions_idle) idle regions"
	set -- $now
	expect "cleaned" 1 $(($(count m regions_cleaned) - $1))
	[ "$(count m cleanings)" -gt "$2" ] || fail "no cleaning was counted"
	expect "commit errors" 0 "$(count m commit_errors)"
}

idle_is()	# REGIONS
{
	[ "$(count m regions_idle)" = "$1" ]
}

cleaned_one()
{
	[ "$(count m regions_cleaned)" != "${now% *}" ]
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
	expect "out of sync" 0 "$(count m regions_out_of_sync)"
	dm_swap l "$(linear "$log" 2048)"
	wait_until gone $writer
}

commit_failed()
{
	[ "$(count m commit_errors)" -gt 0 ]
}

# They are those of the table that is live.
comes_and_goes()
{
	begin_counters
	dm_create m "$(mirror_table $LEN "disk 3 $log $RS nosync" "$legs")"
	dm_suspend m
	[ ! -e "$(dir m)" ] || fail "counters of a suspended mirror"
	dm_resume m
	expect "type" "disk" "$(count m type)"
	dm_load m "$(mirror_table $LEN "core 2 $RS nosync" "$legs")"
	expect "type before the resume" "disk" "$(count m type)"
	dm_suspend m
	dm_resume m
	expect "files of a core log" "region_sectors regions regions_out_of_sync type" \
		"$(files m)"
	expect "type" "core" "$(count m type)"
	dm_remove m
	kernel_complained && fail "the kernel complained" || :
}

# As pvmove has them: several mirrors in one device.
two_targets()
{
	local half=$((LEN / 2)) d

	begin_counters
	$DMSETUP create "$(dmname m)" <<-END
	0 $half mirror core 2 $RS nosync 2 $(dev leg0) 0 $(dev leg1) 0
	$half $half mirror core 2 $((RS / 2)) nosync 2 $(dev leg0) $half $(dev leg1) $half
	END
	$DMSETUP mknodes "$(dmname m)"
	d=$(dir m)
	expect "region sizes" "$RS $((RS / 2))" \
		"$(cat "$d/region_sectors" "$d-$half/region_sectors" | xargs)"
}

# Reading while the directory goes away: neither may wait for the other.
read_while_suspending()
{
	local reader i

	begin_counters
	dm_create m "$(mirror_table $LEN "disk 3 $log $RS nosync" "$legs")"
	while cat "$(dir m)"/* >/dev/null 2>&1 || :; do :; done &
	reader=$!
	for ((i = 0; i < ${ROUNDS:-20}; i++)); do
		dm_suspend m
		dm_resume m
	done
	kill $reader
	expect "type" "disk" "$(count m type)"
}

daemon_counters()
{
	local before writer

	begin_counters
	testd_start
	dm_create m "$(umirror u testd-core $RS nosync)"
	expect "type" "userspace" "$(count m type)"
	[ ! -e "$(dir m)/log_bytes" ] || fail "bytes written to a daemon"
	write_region m 3
	before=$(count m daemon_requests)
	trace_mark
	write_region m 4
	write_region m 5
	# The mirror's worker may come round once more, between the one count and the other.
	wait_until same_requests || fail "$(requests | wc -w) requests at the daemon," \
		"$(($(count m daemon_requests) - before)) counted"
	expect "unanswered" 0 "$(count m daemon_unanswered)"
	testd_kill
	( write_region m 6 || : ) &
	writer=$!
	wait_until unanswered || fail "no request was unanswered"
	testd_start
	wait_until gone $writer || fail "the write does not end"
}

same_requests()
{
	[ "$(requests | wc -w)" = $(($(count m daemon_requests) - before)) ]
}

unanswered()
{
	[ "$(count m daemon_unanswered)" -gt 0 ]
}

run_tests \
	disk_counters	"counters of a disk log agree with its device" \
	commit_errors	"commits that fail are counted" \
	comes_and_goes	"counters come and go with the live table" \
	two_targets	"each target has its own" \
	read_while_suspending "reading them while suspending" \
	daemon_counters	"counters of a userspace log agree with its daemon"
