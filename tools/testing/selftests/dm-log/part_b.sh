#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Faults of the log this one replaces, each named by its number in the list
# they were collected in. Those that need a file of their own, or belong to a
# topic that has one, are there: grep for "B<number>:".

. "$(dirname "$0")/dm_log_lib.sh"

log=$(dev log)

setup()		# [NULL_BLK ATTRIBUTE...]
{
	nullb leg0 2 "$@"
	nullb leg1 2 "$@"
	nullb log 1
	stamp_legs "$(dev leg0)" "$(dev leg1)"
}

mirror()	# "LOG ARGUMENTS" LEG0 LEG1 [FEATURES]
{
	mirror_table $LEN "$1" "$2 $3" "${4:-}"
}

out_of_sync()	# REGIONS
{
	[ "$(sync_ratio m)" = "$((NR - $1))/$NR" ]
}

ok_leg()	{ dm_swap leg1 "$(linear "$(dev leg1)" $LEN)"; }
failing_leg()	{ dm_swap leg1 "$(fail_writes "$(dev leg1)" $LEN)"; }

# Two writes end during a suspend. The old table's worker cleans the region of
# the first, waiting for the legs to flush; so it comes to the second only after
# the suspend, waits for the legs again, and then writes its own idea of the whole
# bitset over the log, which the new table owns by now.
late_write()
{
	local resume writer

	need_target delay
	setup cache_size=1
	clean_delay 0
	dm_create old "$(linear "$(dev leg0)" $LEN)"
	# Through the new one a write is over when the test lets it.
	dm_create hold "$(linear "$(dev leg0)" $LEN)"
	dm_create new "0 $LEN delay $(dev leg0) 0 0 $(dmdev hold) 0 0 $(dev leg0) 0 0"
	dm_create m "$(mirror "disk 3 $log $RS nosync" "$(dmdev old)" "$(dev leg1)")"
	dm_load m "$(mirror "disk 2 $log $RS" "$(dmdev new)" "$(dev leg1)")"
	write_region m 0	# what the resume left to be flushed
	wait_until log_all_clean "$log" || fail "region 0 not clean after its write"
	# Through the old table, a write takes 1 s, to region 15 and those behind it 1.4 s,
	# and a flush 2 s. (On a machine that takes longer to suspend a mirror the old worker
	# has come to its end before.)
	dm_swap old "$(slow_writes 0 15 1000)
$(slow_writes 15 $NR 1400)"
	write_region m 14 "through the old table" &
	wait_until region_dirty 14 || fail "region 14 was never marked"
	write_region m 15 "through the old table" &
	wait_until region_dirty 15 || fail "region 15 was never marked"
	dm_suspend m
	dm_suspend hold --noflush --nolockfs
	# This returns when the old table is gone. The new one is live at once, and
	# gets what is written now.
	dm_resume m &
	resume=$!
	write_region m 21 "through the new table" &
	writer=$!
	wait_until region_dirty 21 || fail "region 21 was never marked"
	until gone $resume; do
		region_dirty 21 ||
			fail "region 21 wiped to clean in the log with its write in flight"
		nap 0.1
	done
	region_dirty 21 ||
		fail "region 21 wiped to clean in the log with its write in flight"
	! gone $writer || fail "the write did not wait for the leg"
	dm_resume hold
	wait_jobs
	dm_remove m
}

slow_writes()	# FIRST-REGION END MILLISECONDS: to leg 0, a line of a table
{
	local first=$(($1 * RS)) leg

	leg=$(dev leg0)
	echo "$first $(($2 * RS - first)) delay $leg $first 0 $leg $first $3 $leg $first 2000"
}

region_dirty()
{
	! log_clean "$log" "$1"
}

# A region that lost a leg is out of sync until it has been copied, whatever the
# table said about the log when it was made.
failed_region()	# "LOG ARGUMENTS"
{
	need_target flakey
	setup
	dm_create leg1 "$(linear "$(dev leg1)" $LEN)"
	fill_dev "$(dev leg1)" $LEN "leg 0"
	dm_create m "$(mirror "$1" "$(dev leg0)" "$(dmdev leg1)")"
	in_sync m || fail "nosync mirror: $(dm_status m)"
	failing_leg
	write_region m 19 "one leg only"
	wait_until out_of_sync 1 || fail "after a leg's write error: $(dm_status m)"
	# Still failing, so that nothing can be copied behind our back.
	dm_suspend m
	ok_leg
	dm_resume m
	wait_sync m
	dm_remove m
	expect "regions differing" "" "$(differing "$(dev leg0)" "$(dev leg1)")"
}

failed_region_core() { failed_region "core 2 $RS nosync"; }
failed_region_disk() { failed_region "disk 3 $log $RS nosync"; }

# sync asks for one full copy, not for one at every resume.
sync_once()
{
	setup
	dm_create m "$(mirror "disk 3 $log $RS sync" "$(dev leg0)" "$(dev leg1)")"
	wait_sync m
	dm_suspend m
	stamp_legs "$(dev leg0)" "$(dev leg1)"
	dm_resume m
	wait_sync m
	dm_remove m
	expect "regions not copied again" "$(all_regions)" \
		"$(differing "$(dev leg0)" "$(dev leg1)")"
}

dirty_regions()	# "REGIONS"
{
	[ "$(log_dirty "$log")" = "$1" ]
}

# One failed leg flush makes uncertain what was written a moment ago or is written
# later, until the next resume: the leg may have lost it, and a flush that succeeds then
# proves nothing. It does so for no other region, and not for ever.
leg_flush()
{
	need_target delay
	need_target flakey
	setup cache_size=1
	clean_delay 0
	# dm-delay sends flushes where we like.
	dm_create flush "$(linear "$(dev leg1)" $LEN)"
	dm_create leg1 "0 $LEN delay $(dev leg1) 0 0 $(dev leg1) 0 0 $(dmdev flush) 0 0"
	dm_create m "$(mirror "disk 3 $log $RS nosync" "$(dev leg0)" "$(dmdev leg1)")"
	write_region m 2
	wait_until log_clean "$log" 2 || fail "region 2 not clean after its write"
	dm_swap flush "$(fail_writes "$(dev leg1)" $LEN)"
	write_region m 3
	wait_until leg_failed || fail "no leg flush failed: $(dm_status m)"
	# What this does to the log is written before this write goes on.
	write_region m 3
	expect "dirty regions after a failed leg flush" 3 "$(log_dirty "$log")"
	dm_swap flush "$(linear "$(dev leg1)" $LEN)"
	write_region m 4
	wait_until dirty_regions "3 4" || fail "dirty regions: $(log_dirty "$log")"
	out_of_sync 1 || fail "all in sync before the next resume: $(dm_status m)"
	dm_suspend m
	dirty_regions "3 4" || fail "dirty regions after a suspend: $(log_dirty "$log")"
	dm_resume m
	wait_sync m
	wait_until log_all_clean "$log" ||
		fail "never clean again: $(log_bits "$log")"
	dm_suspend m
	stamp_legs "$(dev leg0)" "$(dev leg1)"
	dm_load m "$(mirror "disk 2 $log $RS" "$(dev leg0)" "$(dmdev leg1)")"
	dm_resume m
	wait_sync m
	dm_remove m
	expect "regions not copied" "$(all_regions)" \
		"$(differing "$(dev leg0)" "$(dev leg1)")"
}

leg_failed()
{
	case $(leg_health m) in *F*) return 0 ;; esac
	return 1
}

# A region whose copy failed is left alone until the next resume: deliberate,
# see B28.
no_retry()	# "LOG ARGUMENTS"
{
	need_target flakey
	setup
	dm_create leg1 "0 $((9 * RS)) linear $(dev leg1) 0
$((9 * RS)) $RS flakey $(dev leg1) $((9 * RS)) 0 3600 1 error_writes
$((10 * RS)) $((LEN - 10 * RS)) linear $(dev leg1) $((10 * RS))"
	# handle_errors: without it the mirror reports a failed copy as done.
	dm_create m "$(mirror "$1" "$(dev leg0)" "$(dmdev leg1)" "1 handle_errors")"
	wait_until out_of_sync 1 || fail "with one region failing: $(dm_status m)"
	ok_leg
	# The worker comes round and may look for something to copy.
	worker_passes m 9
	write_region m 20
	worker_passes m 9
	out_of_sync 1 || fail "retried before the next resume: $(dm_status m)"
	dm_suspend m
	dm_resume m
	wait_sync m
	dm_remove m
	expect "regions differing" "" "$(differing "$(dev leg0)" "$(dev leg1)")"
}

# Without handle_errors the mirror reports a failed copy as done. What was not copied must
# not count, and is copied when it can be.
given_up()	# "LOG ARGUMENTS"
{
	need_target flakey
	setup
	dm_create leg1 "0 $((9 * RS)) linear $(dev leg1) 0
$((9 * RS)) $RS flakey $(dev leg1) $((9 * RS)) 0 3600 1 error_writes
$((10 * RS)) $((LEN - 10 * RS)) linear $(dev leg1) $((10 * RS))"
	dm_create m "$(mirror "$1" "$(dev leg0)" "$(dmdev leg1)")"
	wait_until out_of_sync 1 || fail "with one region failing: $(dm_status m)"
	worker_passes m 20
	out_of_sync 1 || fail "a failed copy counts: $(dm_status m)"
	ok_leg
	dm_suspend m
	dm_resume m
	wait_sync m
	dm_remove m
	expect "regions differing" "" "$(differing "$(dev leg0)" "$(dev leg1)")"
}

given_up_core() { given_up "core 1 $RS"; }
given_up_disk() { given_up "disk 2 $log $RS"; }

no_retry_core() { no_retry "core 1 $RS"; }
no_retry_disk() { no_retry "disk 2 $log $RS"; }

too_large()
{
	setup
	# 2^32 + 1024
	if dm_create m "$(mirror "core 1 4294968320" "$(dev leg0)" "$(dev leg1)")" 2>/dev/null; then
		fail "accepted as $(dm_table m)"
	fi
}

# A read-only table writes nothing, least of all its log.
read_only()
{
	local before

	setup
	fill_dev "$log" 2048 "whatever was here"
	log_format "$log" 3 5
	before=$(dev_sum "$log" 2048)
	dm_create m "$(mirror "disk 2 $log $RS" "$(dev leg0)" "$(dev leg1)")" --readonly
	worker_passes m 3
	expect "log bytes while active" "$before" "$(dev_sum "$log" 2048)"
	dm_remove m
	expect "log bytes" "$before" "$(dev_sum "$log" 2048)"
}

# A read-only log device under a writable table: its bits are read, it cannot
# be a log, and the mirror works all the same.
read_only_device()
{
	local before

	setup
	log_format "$log" 3 5
	before=$(dev_sum "$log" 2048)
	blockdev --setro "$log"
	dm_create m "$(mirror "disk 2 $log $RS" "$(dev leg0)" "$(dev leg1)")"
	dmesg | grep -q "log device '$log' is read-only: expected" ||
		fail "the kernel log does not say that the log is read-only"
	wait_sync m
	write_region m 8 "without a log"
	expect "log status" D "$(dm_status m | awk '{ print $NF }')"
	expect "what the mirror reads" "without a log" \
		"$(read_dev "$(dmdev m)" $((8 * RS)) 1 | head -n 1)"
	dm_remove m
	blockdev --setrw "$log"
	expect "log bytes" "$before" "$(dev_sum "$log" 2048)"
	expect "regions not copied" "$(without 3 5)" \
		"$(differing "$(dev leg0)" "$(dev leg1)")"
}

# What the kernel counted for the log device: sectors written, and flushes.
log_ios()
{
	awk '{ print $7, $16 }' "/sys/block/${log#/dev/}/stat"
}

# A mark is durable after one round trip: the log device is told to write through
# its cache, or flushed once if it cannot. At a resume it is flushed, too, since
# what is read there may have been written only a moment ago.
one_round_trip()	# FUA FLUSHES
{
	local before after

	nullb leg0 2
	nullb leg1 2
	nullb log 1 cache_size=1 fua="$1"
	log_format "$log"
	clean_delay 3600000
	before=$(log_ios)
	dm_create m "$(mirror "disk 2 $log $RS" "$(dev leg0)" "$(dev leg1)")"
	after=$(log_ios)
	[ "${after#* }" -gt "${before#* }" ] || fail "log not flushed at resume"
	# Whatever a resume may leave to be done is done with this.
	write_region m 7
	before=$(log_ios)
	write_region m 3
	after=$(log_ios)
	expect "sectors written to the log" 1 $((${after% *} - ${before% *}))
	expect "flushes of the log" "$2" $((${after#* } - ${before#* }))
	expect "dirty regions" "3 7" "$(log_dirty "$log")"
	dm_remove m
}

fua() { one_round_trip 1 0; }
no_fua() { one_round_trip 0 1; }

run_tests \
	late_write	"B1: no write to the log from a table that was replaced" \
	failed_region_disk "B2: disk nosync: a region that lost a leg is copied after resume" \
	failed_region_core "core nosync: a region that lost a leg is copied after resume" \
	sync_once	"B2: disk sync: no second full copy at the next resume" \
	leg_flush	"B46: one failed leg flush leaves dirty what it makes uncertain (B7: no more)" \
	given_up_core	"B47: core, errors not handled: a failed copy does not count" \
	given_up_disk	"B47: disk, errors not handled: a failed copy does not count" \
	no_retry_core	"core: a failed copy is retried at the next resume only (B28)" \
	no_retry_disk	"disk: a failed copy is retried at the next resume only (B28)" \
	too_large	"B35: region size 2^32 + 1024 is refused" \
	read_only	"B36: a read-only table does not write its log" \
	read_only_device "B36: a read-only log device is read and not written" \
	fua		"B43: a mark is one write with FUA" \
	no_fua		"B43: a mark is one write and one flush without FUA"
