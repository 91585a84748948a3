#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Mirrors of two and three legs on core and disk logs: tables, status, resync,
# suspend and resume.

. "$(dirname "$0")/dm_log_lib.sh"

# setup LEGS: legs with contents of their own and a blank log
setup()
{
	local i

	legs=
	for ((i = 0; i < $1; i++)); do
		nullb leg$i 2
		legs="$legs $(dev leg$i)"
	done
	nullb log 1
	log=$(dev log)
	# shellcheck disable=SC2086 # a list
	stamp_legs $legs
}

# The mirror's own status and what its log says; table as it was loaded.
expect_lines()	# LEGS "LOG ARGUMENTS"
{
	local tail="1 core" args nodes=

	case $2 in
	disk*) tail="3 disk $(majmin "$log") A" ;;
	esac
	expect "status" "$NR/$NR 1 $(repeat A "$1") $tail" \
		"$(dm_status m | cut -d' ' -f$((5 + $1))-)"
	# shellcheck disable=SC2086
	for leg in $legs; do nodes="$nodes $(majmin "$leg") 0"; done
	args=${2/$log/$(majmin "$log")}
	expect "table" "0 $LEN mirror $args $1$nodes" "$(dm_table m)"
}

differing_legs()
{
	local leg

	for leg in $legs; do
		[ "$leg" = "$(dev leg0)" ] || differing "$(dev leg0)" "$leg"
	done
}

# resyncs LEGS "LOG ARGUMENTS": everything is copied, and stays in sync over
# suspend, resume and a write.
resyncs()
{
	dm_create m "$(mirror_table $LEN "$2" "$legs")"
	wait_sync m
	expect_lines "$@"
	dm_suspend m
	dm_resume m
	wait_sync m
	expect_lines "$@"
	write_region m 3 "after resume"
	expect "what the mirror reads" "after resume" \
		"$(read_dev "$(dmdev m)" $((3 * RS)) 1 | head -n 1)"
	dm_remove m
	expect "regions differing" "" "$(differing_legs)"
	expect "what leg 0 holds" "after resume" \
		"$(read_dev "$(dev leg0)" $((3 * RS)) 1 | head -n 1)"
}

# nosync says the legs are equal already: nothing but writes is copied.
stays()
{
	local leg

	dm_create m "$(mirror_table $LEN "$2" "$legs")"
	in_sync m || fail "nosync mirror starts as $(dm_status m)"
	expect_lines "$@"
	dm_suspend m
	dm_resume m
	in_sync m || fail "nosync mirror after resume: $(dm_status m)"
	write_region m 5 "both legs"
	dm_remove m
	for leg in $legs; do
		[ "$leg" = "$(dev leg0)" ] ||
			expect "regions differing on $leg" "$(all_regions)" \
				"$(differing "$(dev leg0)" "$leg")"
		expect "the write on $leg" "both legs" \
			"$(read_dev "$leg" $((5 * RS)) 1 | head -n 1)"
	done
}


core_2()	{ setup 2; resyncs 2 "core 1 $RS"; }
core_3()	{ setup 3; resyncs 3 "core 1 $RS"; }
core_sync_2()	{ setup 2; resyncs 2 "core 2 $RS sync"; }
core_sync_3()	{ setup 3; resyncs 3 "core 2 $RS sync"; }
core_nosync_2()	{ setup 2; stays 2 "core 2 $RS nosync"; }
core_nosync_3()	{ setup 3; stays 3 "core 2 $RS nosync"; }
disk_2()	{ setup 2; resyncs 2 "disk 2 $log $RS"; log_is_clean; }
disk_3()	{ setup 3; resyncs 3 "disk 2 $log $RS"; log_is_clean; }
disk_sync_2()	{ setup 2; resyncs 2 "disk 3 $log $RS sync"; log_is_clean; }
disk_sync_3()	{ setup 3; resyncs 3 "disk 3 $log $RS sync"; log_is_clean; }
disk_nosync_2()	{ setup 2; stays 2 "disk 3 $log $RS nosync"; log_is_clean; }
disk_nosync_3()	{ setup 3; stays 3 "disk 3 $log $RS nosync"; log_is_clean; }

log_is_clean()
{
	expect "header" "4d695272 00000002 $(printf %016x $NR)" "$(log_header "$log")"
	expect "dirty regions of a removed mirror's log" "" "$(log_dirty "$log")"
	expect "padding" "$(repeat 0 $((64 - NR)))" "$(log_bits "$log" | cut -d: -f2)"
}

# slow_mirror "LOG ARGUMENTS": 8 regions, each of which takes a while to copy, so that this
# machine can ask for the status several times meanwhile.
slow_mirror()
{
	need_target delay
	setup 2
	# shellcheck disable=SC2154 # measure_machine makes machine_ms
	dm_create slow "0 $LEN delay $(dev leg0) 0 $((50 + machine_ms / 4))"
	dm_create m "$(mirror_table $LEN "$1" "$(dmdev slow) $(dev leg1)")"
}

# The count goes up step by step; an event is raised at the end.
progress()
{
	local last=0 now events seen=0

	slow_mirror "$1"
	events=$(dm_events m)
	until in_sync m 8; do
		now=$(sync_ratio m)
		expect "regions" 8 "${now#*/}"
		now=${now%/*}
		[ "$now" -ge "$last" ] || fail "progress went from $last to $now"
		[ "$now" = "$last" ] || seen=$((seen + 1))
		last=$now
	done
	[ "$seen" -ge 2 ] || fail "only $seen steps of progress seen"
	wait_until event_after "$events" || fail "no event at the end of the resync"
	dm_remove m
	expect "regions differing" "" "$(differing "$(dev leg0)" "$(dev leg1)")"
}

event_after()
{
	[ "$(dm_events m)" -gt "$1" ]
}

core_progress() { progress "core 1 512"; }
disk_progress() { progress "disk 2 $(dev log) 512"; }

# Suspended half way, the resync goes on where it was.
suspend_half_way()
{
	local half

	slow_mirror "$1"
	wait_until some_progress || fail "no progress: $(dm_status m)"
	dm_suspend m
	half=$(sync_ratio m)
	! in_sync m 8 || fail "too fast to be suspended half way"
	dm_resume m
	[ "$(sync_ratio m | cut -d/ -f1)" -ge "${half%/*}" ] ||
		fail "progress lost by suspend: $half, then $(sync_ratio m)"
	wait_sync m 8
	dm_remove m
	expect "regions differing" "" "$(differing "$(dev leg0)" "$(dev leg1)")"
}

some_progress()
{
	case $(sync_ratio m) in 0/*) return 1 ;; esac
}

core_half_way() { suspend_half_way "core 1 512"; }
disk_half_way() { suspend_half_way "disk 2 $(dev log) 512"; }

# The last region may be shorter than the others, down to one sector.
odd_length()
{
	local len=$((LEN - RS + 1))

	setup 2
	dm_create m "$(mirror_table $len "disk 2 $log $RS" "$legs")"
	wait_sync m
	dm_suspend m
	expect "region count on disk" "$(printf %016x $NR)" "$(log_count "$log")"
	expect "dirty regions" "" "$(log_dirty "$log")"
	dm_remove m
	expect "regions differing" "" "$(differing "$(dev leg0)" "$(dev leg1)" "$len")"
	expect "beyond the end" $((NR - 1)) "$(differing "$(dev leg0)" "$(dev leg1)")"
}

# A region that is being written is dirty in the disk log before the write
# reaches a leg, and clean again some time after it.
marks_first()
{
	local i writer

	setup 2
	clean_delay 0
	dm_create slow "$(linear "$(dev leg1)" $LEN)"
	dm_create m "$(mirror_table $LEN "disk 3 $log $RS nosync" "$(dev leg0) $(dmdev slow)")"
	for i in 0 9 31; do
		# The leg keeps what it is given, until the test has seen enough.
		dm_suspend slow --noflush --nolockfs
		write_region m $i &
		writer=$!
		wait_until region_dirty "$log" $i ||
			fail "region $i not dirty on disk while being written"
		kill -0 $writer 2>/dev/null || fail "the write to region $i did not wait for the leg"
		dm_resume slow
		wait $writer
		wait_until log_clean "$log" $i ||
			fail "region $i never clean again: $(log_bits "$log")"
	done
	dm_remove m
}

region_dirty()
{
	! log_clean "$@"
}

# The delay of our own log: an idle region is cleaned in the background, and
# all are cleaned by a suspend.
cleans_lazily()
{
	is_ours || skip "stock cleans at once"
	setup 2
	# An hour: no machine is so slow that it is over before all has been looked at.
	clean_delay 3600000
	dm_create m "$(mirror_table $LEN "disk 3 $log $RS nosync" "$legs")"
	write_region m 7
	# The mirror's worker comes round again.
	write_region m 9
	write_region m 9
	expect "dirty with a delay of an hour" "7 9" "$(log_dirty "$log")"
	dm_suspend m
	expect "dirty when suspended" "" "$(log_dirty "$log")"
	clean_delay 300
	dm_resume m
	in_sync m || fail "resume after a clean suspend: $(dm_status m)"
	write_region m 7
	wait_until log_clean "$log" 7 || fail "an idle region was never cleaned"
	dm_remove m
}

# A leg fails under writes to several regions and is back; the mirror is suspended and
# resumed with the table that it has, as "lvchange --refresh" does. It gets its writes
# back and must not hold them for good because it has to recover their regions first.
leg_is_back()	# TYPE
{
	local i writers=() leg

	is_ours || skip "with stock a write hangs"
	need_target flakey
	setup 1
	nullb leg1 2
	leg=$(dev leg1)
	dm_create leg "$(linear "$leg" $LEN)"
	legs="$(dev leg0) $(dmdev leg)"
	case $1 in
	core)	i="core 2" ;;
	disk)	i="disk 3 $log" ;;
	esac
	dm_create m "$(mirror_table $LEN "$i $RS sync" "$legs" "1 handle_errors")"
	wait_sync m
	dm_swap leg "$(fail_writes "$leg" $LEN)"
	for i in 3 9 15 21 27; do
		write_region m $i "region $i, kept" &
		writers+=($!)
	done
	wait_until sync_count $((NR - 5)) || fail "expected 5 regions lost: $(dm_status m)"
	dm_swap leg "$(linear "$leg" $LEN)"
	dm_suspend m --noflush
	dm_resume m
	for i in "${writers[@]}"; do
		wait_until gone "$i" || fail "a write hangs: $(dm_status m)"
		wait "$i" || fail "a write has failed"
	done
	wait_until in_sync m || fail "not in sync: $(dm_status m)"
	# It has forgotten that the leg failed.
	write_region m 9 "and again"
	dm_remove m
	expect "regions differing" "" "$(differing_legs)"
	expect "what leg 0 holds" "region 21, kept" \
		"$(read_dev "$(dev leg0)" $((21 * RS)) 1 | head -n 1)"
}

sync_count()	# REGIONS
{
	[ "$(sync_ratio m)" = "$1/$NR" ]
}

leg_is_back_core() { leg_is_back core; }
leg_is_back_disk() { leg_is_back disk; }

measure_machine
run_tests \
	core_2		"core log, 2 legs: full resync, suspend, resume" \
	core_3		"core log, 3 legs: full resync, suspend, resume" \
	core_sync_2	"core log, 2 legs, sync: full resync" \
	core_sync_3	"core log, 3 legs, sync: full resync" \
	core_nosync_2	"core log, 2 legs, nosync: nothing copied" \
	core_nosync_3	"core log, 3 legs, nosync: nothing copied" \
	disk_2		"disk log, 2 legs: full resync, suspend, resume" \
	disk_3		"disk log, 3 legs: full resync, suspend, resume" \
	disk_sync_2	"disk log, 2 legs, sync: full resync" \
	disk_sync_3	"disk log, 3 legs, sync: full resync" \
	disk_nosync_2	"disk log, 2 legs, nosync: nothing copied" \
	disk_nosync_3	"disk log, 3 legs, nosync: nothing copied" \
	core_progress	"core log: resync progress is counted, ends with an event" \
	disk_progress	"disk log: resync progress is counted, ends with an event" \
	core_half_way	"core log: a resync goes on after suspend and resume" \
	disk_half_way	"disk log: a resync goes on after suspend and resume" \
	odd_length	"disk log: a last region of one sector" \
	marks_first	"disk log: dirty on disk before the write, clean after it" \
	cleans_lazily	"disk log: idle regions are cleaned later, all by suspend" \
	leg_is_back_core "core log: a leg that is back gets the writes that were held" \
	leg_is_back_disk "disk log: a leg that is back gets the writes that were held"
