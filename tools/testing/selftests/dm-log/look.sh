#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# dm-log-show on live mirrors: that it shows what the log on the device says now,
# follows a resync, has an answer for every type of log, and touches nothing.

# shellcheck source-path=SCRIPTDIR source=testd_lib.sh
. "$(dirname "$0")/testd_lib.sh"

SHOW=${DM_LOG_SHOW:-$lib_dir/../../../dm-log/dm-log-show}
[ -x "$SHOW" ] || SHOW=$(command -v dm-log-show) ||
	{ ktap_skip_all "dm-log-show not found, set DM_LOG_SHOW"; exit "$KSFT_SKIP"; }
python3 -c 'int.bit_count' 2>/dev/null ||
	{ ktap_skip_all "needs Python 3.10"; exit "$KSFT_SKIP"; }

# show STATUS ARGUMENT...: what it prints, if it ends with that status
show()
{
	local rc=0 out

	out=$("$SHOW" "${@:2}" 2>&1) || rc=$?
	expect "exit status of dm-log-show ${*:2} ($out)" "$1" "$rc" >&2
	echo "$out"
}

# look STATUS TARGET EXPRESSION: of what it says as JSON, which is j
look()
{
	local json

	json=$(show "$1" --json "$2")
	python3 -c 'import json, sys; j = json.loads(sys.argv[1]); print(eval(sys.argv[2]))' \
		"$json" "$3"
}

has()		# TEXT PART...
{
	local part

	for part in "${@:2}"; do
		[[ $1 == *"$part"* ]] || fail "expected '$part' in: $1"
	done
}

disk_mirror()	# [KEYWORD]
{
	dm_create m "$(mirror_table $LEN "disk $((2 + $#)) $log $RS $*" "$legs" "1 handle_errors")"
}

# The second leg takes its time with writes, so that a resync can be watched.
slow_mirror()	# MILLISECONDS [KEYWORD]
{
	setup
	slow_leg "$1"
	disk_mirror "${@:2}"
}

dirty_is()	# LIST
{
	[ "$(log_dirty "$log")" = "$1" ]
}

dirty_by_writes()
{
	local region target pids=()

	setup
	holding_leg
	disk_mirror nosync
	wait_until log_all_clean "$log" || fail "not clean: $(log_dirty "$log")"
	# From now on the buffer cache knows the log as it is now.
	dd if="$log" of=/dev/null bs=64k status=none
	expect "clean" "0 []" "$(look 0 "$(dmname m)" "j['dirty'], j['ranges']" | tr -d '(),')"
	# So that marks stay, with any module, until all has been looked at.
	hold_leg
	for region in 2 9 10 31; do
		write_region m $region &
		pids+=($!)
	done
	wait_until dirty_is "2 9 10 31" || fail "dirty: $(log_dirty "$log")"
	for target in "$(dmname m)" "$(dmdev m)" "$(majmin "$log")" "$log"; do
		expect "dirty regions of $target" "[[2, 2], [9, 10], [31, 31]]" \
			"$(look 1 "$target" "j['ranges']")"
	done
	has "$(show 1 --ascii --size 43x4 "$(dmname m)")" "$(dmname m), 2 MiB, 2 legs" \
		"32 of 32 regions in sync (100.0 %)" "32 of 64 KiB, 2 MiB" \
		" 0 B ..#......##....................#"
	let_go
	wait "${pids[@]}"
	dm_remove m
	expect "after the mirror" 0 "$(look 0 "$log" "j['dirty']")"
}

region_size_of_record()
{
	is_ours || skip "a log of this module has no record"
	slow_mirror 0 nosync
	dm_remove m
	expect "region size on the device" "$RS" "$(look 0 "$log" "j['region_sectors']")"
	has "$(show 2 --region-size $((RS * 2)) "$log")" \
		"regions of $RS sectors, expected $((RS * 2)): the bits say nothing"
}

# Sectors read and written, as the kernel counts them: of the log and the legs.
writes_of()
{
	awk '{ print $7 + $15, $16 }' "/sys/block/$PREFIX-$1/stat"
}

look_in_all_ways()	# true if nothing has changed
{
	counted="$(writes_of log) $(writes_of leg0) $(writes_of leg1) $(dev_sum "$log" 2048)"
	show 0 "$(dmname m)" >/dev/null
	show 0 "$log" >/dev/null
	show 0 --json --svg "$work/map.svg" "$(dmdev m)" >/dev/null
	show 0 --watch 0.1 --count 5 "$(dmname m)" >/dev/null
	show 2 --svg "$log" "$(dmname m)" >/dev/null
	now="$(writes_of log) $(writes_of leg0) $(writes_of leg1) $(dev_sum "$log" 2048)"
	[ "$now" = "$counted" ]
}

nothing_touched()
{
	local counted now

	slow_mirror 0
	wait_sync m
	wait_until log_all_clean "$log" || fail "not clean: $(log_dirty "$log")"
	# Stock writes once more after a resync, and either may have work to end: then it is
	# looked at once more.
	dm_suspend m
	dm_resume m
	wait_until look_in_all_ways ||
		fail "whenever it is looked at, something is written: '$counted' before, '$now' after"
	has "$(<"$work/map.svg")" "Dirty regions of $(dmdev m)" "32 of 32 in sync" "</svg>"
	dm_remove m
}

lines_in()	# FILE
{
	[ "$(wc -l <"$1")" -ge "$2" ]
}

# Each look is compared with the one before it. The resync begins when both look, so that it
# is not over before, and has 16 s.
watched_resync()
{
	local pids

	setup
	need_target delay
	dm_create under "$(linear "$(dev leg1)" $LEN)"
	legs="$(dev leg0) $(dmdev slow)"
	dm_create slow "0 $LEN delay $(dmdev under) 0 0 $(dmdev under) 0 500"
	dm_suspend under --noflush --nolockfs
	disk_mirror
	"$SHOW" --watch 0.3 --count 6 "$(dmname m)" >"$work/text" &
	pids=$!
	"$SHOW" --json --watch 0.3 --count 8 "$(dmname m)" >"$work/watched" &
	pids="$pids $!"
	wait_until lines_in "$work/text" 1 || fail "nothing is shown"
	wait_until lines_in "$work/watched" 1 || fail "nothing is shown"
	dm_resume under
	for pid in $pids; do
		wait $pid || [ $? = 1 ] || fail "exit status of --watch: $(cat "$work/text")"
	done
	python3 - "$work/watched" <<-'END' || fail "$(cat "$work/watched")"
		import json, sys
		looks = [json.loads(line) for line in open(sys.argv[1])]
		assert len(looks) == 8, len(looks)
		done = [look["mirror"]["in_sync"] for look in looks]
		assert done == sorted(done) and done[0] < done[-1], done
		speeds = [look["mirror"]["regions_per_second"] for look in looks]
		assert speeds[0] is None and max(speeds[1:]) > 0, speeds
		moving = [look for look in looks[1:] if look["mirror"]["seconds_left"] is not None]
		for look in moving:
		    mirror = look["mirror"]
		    left = (mirror["regions"] - mirror["in_sync"]) / mirror["regions_per_second"]
		    assert abs(left - mirror["seconds_left"]) < 0.01, mirror
		# What is not in sync is dirty: the log lags behind the status at most.
		for look in looks:
		    assert look["dirty"] >= 32 - looks[-1]["mirror"]["in_sync"], look
	END
	has "$(<"$work/text")" "regions/s, " "KiB/s, " "s left"
	dm_swap slow "$(linear "$(dev leg1)" $LEN)"
	wait_sync m
	dm_remove m
}

core_log()
{
	setup
	dm_create m "$(mirror_table $LEN "core 2 $RS nosync" "$legs")"
	has "$(show 0 "$(dmname m)")" "32 of 32 regions in sync" \
		"in the kernel's memory: there is no map to be read, only progress"
	dm_remove m
	# With a resync that does not get on.
	holding_leg
	hold_leg
	dm_create m "$(mirror_table $LEN "core 1 $RS" "$legs")"
	expect "no map" "None core" "$(look 1 "$(dmname m)" "j['map'], j['mirror']['log_type']" |
		tr -d "(),'")"
	let_go
	dm_remove m
}

userspace_log()
{
	setup
	testd_start
	dm_create m "$(umirror uuid-1 testd-core $RS)"
	wait_sync m
	has "$(show 0 "$(dmname m)")" "the log is kept elsewhere (type userspace, " \
		"uuid-1 testd-core $RS" "only progress" "32 of 32 regions in sync"
	dm_remove m
}

# What is on the device is not what the mirror wrote there: it cannot be shown, but
# the mirror can.
header_damaged()
{
	slow_mirror 0 nosync
	wait_until log_all_clean "$log" || fail "not clean: $(log_dirty "$log")"
	log_set_header "$log" 0x12345678 2 $NR
	has "$(show 2 "$(dmname m)")" "32 of 32 regions in sync" \
		"byte 0: magic 0x12345678, expected 0x4D695272"
	log_set_header "$log" $LOG_MAGIC 7 $NR
	expect "problem" True "$(look 2 "$(dmname m)" \
		"'version 7, expected 2' in j['problem'] and j['mirror']['in_sync'] == 32")"
	dm_remove m
}

# A log on a device-mapper device, as LVM has it; and vg/lv for a mirror's name.
log_on_dm()
{
	setup
	dm_create loglv "$(linear "$log" 64)"
	log_format "$log" 5
	expect "by the log's name" "[[5, 5]]" "$(look 1 "$(dmdev loglv)" "j['ranges']")"
	expect "as vg/lv" "[[5, 5]]" "$(look 1 "$PREFIX/loglv" "j['ranges']")"
	dm_create m "$(mirror_table $LEN "disk 3 $(dmdev loglv) $RS nosync" "$legs")"
	wait_until log_all_clean "$log" || fail "not clean: $(log_dirty "$log")"
	expect "as vg/lv" "$(dmname m) 0 $(majmin "$(dmdev loglv)")" "$(look 0 "$PREFIX/m" \
		"j['mirror']['name'], j['dirty'], j['mirror']['log_device']" | tr -d "(),'")"
	has "$(show 2 "$PREFIX/none")" "no such file, and no mirror: dmsetup table"
	dm_remove m
}

block_4k()
{
	setup
	nullb log4k 1 blocksize=4096
	log=$(dev log4k)
	dm_create m "$(mirror_table $LEN "disk 3 $log $RS nosync" "$legs")"
	expect "dirty" 0 "$(look 0 "$(dmname m)" "j['dirty']")"
	expect "regions" $NR "$(look 0 "$log" "j['log']['regions']")"
	dm_remove m
}

run_tests \
	dirty_by_writes	"regions that are being written, whatever the buffer cache says" \
	region_size_of_record "the record of a log without its mirror" \
	nothing_touched	"looking writes and flushes nothing" \
	watched_resync	"a resync is followed, with speed and time left" \
	core_log	"core: the progress, and why there is no map" \
	userspace_log	"userspace: the progress, and why there is no map" \
	header_damaged	"a log with a header that is none, under its mirror" \
	log_on_dm	"a log on a device-mapper device, a mirror as vg/lv" \
	block_4k	"a log device with blocks of 4 KiB"
