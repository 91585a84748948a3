#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# What the mirror does that its users do not expect, and no log can change: each test shows
# what a paragraph of the manual says ("What the mirror does, whatever the log").

# shellcheck source-path=SCRIPTDIR source=dm_log_lib.sh
. "$(dirname "$0")/dm_log_lib.sh"
# shellcheck source-path=SCRIPTDIR source=recipes_lib.sh
. "$(dirname "$0")/recipes_lib.sh"

# The second leg on a device that can be exchanged or suspended, D1.
leg1_on_dm()
{
	dm_create leg1 "$(linear "$L1" $LEN)"
	D1=$(dmdev leg1)
}

# The legs hold the same from the beginning.
begin_same()
{
	begin "$@"
	fill_dev "$L0" $LEN same
	fill_dev "$L1" $LEN same
}

disk_mirror()	# KEYWORD [FEATURES]: nosync, or "" for none
{
	local words=2

	[ -z "$1" ] || words=3
	dm_create m "$(mirror_table $LEN "disk $words $LOG $RS $1" "$L0 $D1" "${2:-}")"
}

ratio_is()
{
	[ "$(sync_ratio m)" = "$1/$NR" ] || return
}

health_is()
{
	[ "$(leg_health m)" = "$1" ]
}

# A line of what is in a region: the first one may begin in the region before.
text()		# DEVICE REGION
{
	read_dev "$1" $(($2 * RS)) 1 | sed -n 2p
}

differ()
{
	differing "$L0" "$L1"
}

# The mirror marks no region for a discard, so the crash rule has this exception.
discard_unmarked()
{
	local pid

	need_target flakey
	begin_same discard=1
	leg1_on_dm
	clean_delay 3600000
	disk_mirror sync
	settle
	# The second leg keeps what it is given.
	dm_suspend leg1 --noflush --nolockfs
	blkdiscard -o $((5 * RS * 512)) -l $((3 * RS * 512)) "$(dmdev m)" &
	pid=$!
	wait_until legs_differ "5 6 7" || fail "differing: $(differ)"
	expect "dirty while the legs differ" "" "$(log_dirty "$LOG")"
	dm_resume leg1
	wait $pid || fail "the discard failed"
	expect "differing" "" "$(differ)"
	# Zeroes are written, and are marked.
	blkdiscard -z -o $((12 * RS * 512)) -l $((2 * RS * 512)) "$(dmdev m)"
	expect "dirty after zeroes" "12 13" "$(log_dirty "$LOG")"
	# It fails on one leg: nobody is told, and nothing is copied, ever.
	dm_swap leg1 "$(fail_writes "$L1" $LEN)"
	blkdiscard -o $((9 * RS * 512)) -l $((RS * 512)) "$(dmdev m)" || echo "# the discard fails"
	expect "status" "$NR/$NR AA A" "$(sync_ratio m) $(leg_health m) $(log_health m)"
	expect "dirty" "12 13" "$(log_dirty "$LOG")"
	expect "differing" 9 "$(differ)"
	dm_swap leg1 "$(linear "$L1" $LEN)"
	dm_remove m
	disk_mirror ""
	wait_sync m
	expect "differing after another activation" 9 "$(differ)"
}

legs_differ()
{
	[ "$(differ)" = "$1" ]
}

# A crash when only the second leg has got a write: the first is copied over it.
second_leg_newer()
{
	begin_same
	log_on_dm
	clean_delay 3600000
	dm_create leg0 "$(linear "$L0" $LEN)"
	dm_create m "$(mirror_table $LEN "disk 3 $LOGD $RS nosync" "$(dmdev leg0) $L1")"
	dm_suspend leg0 --noflush --nolockfs
	write_region m 5 "under way" &
	wait_until legs_differ 5 || fail "differing: $(differ)"
	expect "dirty" 5 "$(log_dirty "$LOG")"
	expect "what the second leg has" "under way" "$(text "$L1" 5)"
	# The next life of the mirror: the first one is held, and never comes back.
	dm_create n "$(mirror_table $LEN "disk 2 $LOG $RS" "$L0 $L1")"
	wait_sync n
	expect "what is read" same "$(text "$(dmdev n)" 5)"
	expect "differing" "" "$(differ)"
	dm_remove n
	dm_resume leg0
	wait_jobs
}

# The first leg misses a write, and nobody handles errors: the write is acknowledged, its region
# dirty, and the next activation copies the first leg over it, or the second if they were
# exchanged in the table. The log knows which regions, not which leg.
first_leg_misses()	# [exchange]
{
	local table

	need_target flakey
	begin_same
	log_format "$LOG"
	dm_create leg0 "$(linear "$L0" $LEN)"
	table="$(mirror_table $LEN "disk 2 $LOG $RS" "$(dmdev leg0) $L1")"
	dm_create m "$table"
	dm_swap leg0 "$(fail_writes "$L0" $LEN)"
	write_region m 9 acknowledged
	wait_until ratio_is $((NR - 1)) || fail "after the failure: $(dm_status m)"
	expect "dirty" 9 "$(log_dirty "$LOG")"
	expect "what the second leg has" acknowledged "$(text "$L1" 9)"
	dm_remove m
	dm_swap leg0 "$(linear "$L0" $LEN)"
	[ -z "${1:-}" ] || table="$(mirror_table $LEN "disk 2 $LOG $RS" "$L1 $(dmdev leg0)")"
	dm_create m "$table"
	wait_sync m
	expect "what the mirror reads" "$([ -z "${1:-}" ] && echo same || echo acknowledged)" \
		"$(text "$(dmdev m)" 9)"
	expect "differing" "" "$(differ)"
}

first_leg_wins()	{ first_leg_misses; }
legs_exchanged()	{ first_leg_misses exchange; }

# The other way round nothing is lost: the second leg misses it, and gets it.
second_leg_misses()
{
	local table

	need_target flakey
	begin_same
	leg1_on_dm
	log_format "$LOG"
	table="$(mirror_table $LEN "disk 2 $LOG $RS" "$L0 $D1")"
	dm_create m "$table"
	dm_swap leg1 "$(fail_writes "$L1" $LEN)"
	write_region m 9 acknowledged
	wait_until ratio_is $((NR - 1)) || fail "after the failure: $(dm_status m)"
	dm_remove m
	dm_swap leg1 "$(linear "$L1" $LEN)"
	dm_create m "$table"
	wait_sync m
	expect "what the second leg has" acknowledged "$(text "$L1" 9)"
}

# Sectors that cannot be read, from the beginning of a region of the source.
bad_source()	# REGION SECTORS
{
	local at=$(($1 * RS)) parts=

	need_target flakey
	[ $at = 0 ] || parts="0 $at linear $L0 0
"
	dm_create bad "$parts$at $2 flakey $L0 $at 0 3600 1 error_reads
$((at + $2)) $((LEN - at - $2)) linear $L0 $((at + $2))"
}

# The whole of region 5 cannot be read.
unreadable()	# "LOG ARGUMENTS" [FEATURES]
{
	local stock_too=y

	begin
	bad_source 5 $RS
	before=$(region_sum 5)
	dm_create m "$(mirror_table $LEN "$1" "$(dmdev bad) $L1" "${2:-}")"
	wait_until ratio_is $((NR - 1)) || fail "with one region unreadable: $(dm_status m)"
	# What comes to the worker it does not find in sync.
	worker_passes m 5 2>/dev/null || :
	ratio_is $((NR - 1)) || fail "a copy that failed counts: $(dm_status m)"
	expect "differing" 5 "$(differ)"
}

region_sum()	# REGION: of the second leg
{
	read_dev "$L1" $(($1 * RS)) $RS | sha1sum
}

# What cannot be read is written all the same.
unreadable_source()
{
	local before

	unreadable "core 1 $RS"
	[ "$(region_sum 5)" != "$before" ] || fail "region 5 of the destination is as it was"
	echo "# region 5 of the destination: '$(text "$L1" 5 | tr -d '\0')'"
}

unreadable_handled()
{
	local before

	ours_only
	unreadable "core 1 $RS" "1 handle_errors"
	expect "health" "SA" "$(leg_health m)"
	expect "region 5 of the destination" "$before" "$(region_sum 5)"
}

unreadable_disk()
{
	local before

	unreadable "disk 2 $(dev log) $RS"
	dm_suspend m
	! log_clean "$LOG" 5 || fail "what could not be copied is clean"
	legs_agree_with_log
	# What could be copied, too, until a resume that copies all: a copy that failed may have
	# been the only sign of a leg that lost its cache.
	expect "dirty" "$(all_regions)" "$(log_dirty "$LOG")"
	dm_swap bad "$(linear "$L0" $LEN)"
	dm_resume m
	wait_sync m
	expect "differing when it can be read again" "" "$(differ)"
	dm_suspend m
	expect "dirty when all was copied" "" "$(log_dirty "$LOG")"
}

# From the mirror what is good of that region cannot be had either: it does not read from a leg
# that has failed, and the other is not in sync. From the source it can.
unreadable_reads()
{
	begin
	bad_source 5 8
	dm_create m "$(mirror_table $LEN "core 1 $RS" "$(dmdev bad) $L1")"
	wait_until ratio_is $((NR - 1)) || fail "with 8 sectors unreadable: $(dm_status m)"
	! worker_passes m 5 2>/dev/null || fail "sectors that cannot be read are read"
	expect "what the mirror reads of the others" "" "$(end_of_region "$(dmdev m)" 2>/dev/null)"
	expect "what the source has there" "leg 0" "$(end_of_region "$(dmdev bad)")"
	# What pvmove --abort comes to.
	dm_swap m "$(linear "$(dmdev bad)" $LEN)"
	expect "what can be read without a mirror" "leg 0" "$(end_of_region "$(dmdev m)")"
}

# A line from the last sector of region 5.
end_of_region()	# DEVICE
{
	read_dev "$1" $((6 * RS - 1)) 1 | sed -n 2p
}

# So it is with all that has not been copied yet.
unreadable_ahead()
{
	begin
	leg1_on_dm
	bad_source 0 8
	# One region after it is being copied.
	dm_suspend leg1 --noflush --nolockfs
	dm_create m "$(mirror_table $LEN "core 1 $RS" "$(dmdev bad) $D1" "1 handle_errors")"
	wait_until health_is SA || fail "the failure is not shown: $(dm_status m)"
	! worker_passes m 20 2>/dev/null || fail "what has not been copied is read"
	dm_resume leg1
	wait_until ratio_is $((NR - 1)) || fail "the others are not copied: $(dm_status m)"
	expect "what is read when it has been copied" "leg 0" "$(text "$(dmdev m)" 20)"
}

# pvmove's mirror, and its source fails when all has been copied: what is there can be read until
# it is written to.
source_fails()
{
	begin
	dm_create leg0 "$(linear "$L0" $LEN)"
	dm_create m "$(mirror_table $LEN "core 1 $RS" "$(dmdev leg0) $L1")"
	wait_sync m
	dm_swap leg0 "0 $LEN error"
	expect "what is read" "leg 0" "$(text "$(dmdev m)" 4)"
	write_region m 4 written
	wait_until ratio_is $((NR - 1)) || fail "after a write: $(dm_status m)"
	expect "what the destination has" written "$(text "$L1" 4)"
	! worker_passes m 4 2>/dev/null || fail "what is out of sync is read"
	expect "what is read elsewhere" "leg 0" "$(text "$(dmdev m)" 5)"
}

# keep_log: a leg fails, writes go on and are acknowledged, what the leg misses is out of sync and
# dirty.
keep_log()
{
	need_target flakey
	begin_same
	leg1_on_dm
	clean_delay 3600000
	disk_mirror nosync "2 handle_errors keep_log"
	write_region m 12 before
	# The log does not know of the one, and may think that the leg has lost the other.
	fill_at "$L1" $((20 * RS)) 8 "not copied"
	fill_at "$L1" $((12 * RS)) 8 lost
	dm_swap leg1 "$(fail_writes "$L1" $LEN)"
	soon write_region m 9 kept
	soon write_region m 9 kept
	soon write_region m 4 kept
	health_is AD || fail "the failure is not shown: $(dm_status m)"
	wait_until ratio_is $((NR - 2)) || fail "$(dm_status m)"
	expect "dirty" "4 9 12" "$(log_dirty "$LOG")"
	dm_swap leg1 "$(linear "$L1" $LEN)"
	dm_suspend m
	dm_resume m
	wait_sync m
	expect "differing" 20 "$(differ)"
	expect "region 9" kept "$(text "$L1" 9)"
}

# The first leg fails: as long as this table lives the second is the one that is read and copied
# from. The next table begins with the first again.
keep_log_first_leg()	# [wait]: until it has what it missed
{
	need_target flakey
	begin_same
	dm_create leg0 "$(linear "$L0" $LEN)"
	dm_create m "$(mirror_table $LEN "disk 3 $LOG $RS nosync" "$(dmdev leg0) $L1" "2 handle_errors keep_log")"
	dm_swap leg0 "$(fail_writes "$L0" $LEN)"
	soon write_region m 9 kept
	wait_until ratio_is $((NR - 1)) || fail "$(dm_status m)"
	expect "what is read" kept "$(text "$(dmdev m)" 9)"
	if [ -n "${1:-}" ]; then
		dm_swap leg0 "$(linear "$L0" $LEN)"
		dm_suspend m
		dm_resume m
		wait_sync m
		expect "what the first leg was given" kept "$(text "$L0" 9)"
	fi
	dm_remove m
	[ -n "${1:-}" ] || dm_swap leg0 "$(linear "$L0" $LEN)"
	dm_create m "$(mirror_table $LEN "disk 2 $LOG $RS" "$(dmdev leg0) $L1" "2 handle_errors keep_log")"
	wait_sync m
	expect "what the next table reads" "$([ -n "${1:-}" ] && echo kept || echo same)" \
		"$(text "$(dmdev m)" 9)"
}

keep_log_given_back() { keep_log_first_leg wait; }

# A write that no leg has, or that the log cannot mark, is not held either: it fails.
keep_log_fails()
{
	need_target flakey
	begin_same
	log_on_dm
	leg1_on_dm
	dm_create leg0 "$(linear "$L0" $LEN)"
	dm_create m "$(mirror_table $LEN "disk 3 $LOGD $RS nosync" "$(dmdev leg0) $D1" "2 handle_errors keep_log")"
	dm_swap logd "0 2048 error"
	! soon_or_fail write_region m 4 unmarked || fail "a write without a mark is acknowledged"
	expect "log" D "$(log_health m)"
	expect "region 4 of the legs" "same same" "$(text "$L0" 4) $(text "$L1" 4)"
	soon dd if="$(dmdev m)" of=/dev/null iflag=direct bs=64k count=32 status=none
	dm_remove m
	dm_swap logd "$(linear "$LOG" 2048)"
	dm_create m "$(mirror_table $LEN "disk 3 $LOGD $RS nosync" "$(dmdev leg0) $D1" "2 handle_errors keep_log")"
	dm_swap leg0 "$(fail_writes "$L0" $LEN)"
	dm_swap leg1 "$(fail_writes "$L1" $LEN)"
	! soon_or_fail write_region m 5 nowhere || fail "a write that no leg has is acknowledged"
}

# A suspend waits for the region that is being copied, however large it is.
suspend_waits()
{
	local pid

	begin
	leg1_on_dm
	dm_suspend leg1 --noflush --nolockfs
	dm_create m "$(mirror_table $LEN "disk 2 $LOG $RS" "$L0 $D1")"
	soon $DMSETUP status "$(dmname m)"
	dm_suspend m &
	pid=$!
	soon $DMSETUP status --noflush "$(dmname m)"
	soon $DMSETUP status --noflush "$(dmname m)"
	! gone $pid || fail "the suspend did not wait for the copy"
	dm_resume leg1
	wait_until gone $pid || fail "the suspend hangs"
	wait $pid
	expect "in sync" "1/$NR" "$(sync_ratio m)"
}

# The largest regions that there are, of 1 TiB: one mark for each, and a suspend waits for the
# copy of one. To have that end soon, a leg fails.
largest_regions()
{
	local i pid n size=$((1 << 31))

	need_target zero
	begin
	for i in 0 1; do
		dm_create far$i "0 2048 linear $(dev leg$i) 0
2048 $((size - 2045)) zero"
	done
	clean_delay 3600000
	dm_create m "$(far_mirror $((size + 3)) "disk 3 $LOG $size nosync")"
	expect "in sync" 2/2 "$(sync_ratio m)"
	n=$(count m commits)
	write_sector 0
	write_sector $((size - 1))
	expect "dirty after writes to the first" 0 "$(log_dirty "$LOG" 2)"
	write_sector $size
	write_sector $((size + 2))
	expect "dirty after writes to both" "0 1" "$(log_dirty "$LOG" 2)"
	expect "marks" 2 $(($(count m commits) - n))
	dm_suspend m
	expect "dirty after a suspend" "" "$(log_dirty "$LOG" 2)"
	dm_remove m

	dm_suspend far1 --noflush --nolockfs
	dm_create m "$(far_mirror $((size + 3)) "disk 3 $LOG $size sync") 1 handle_errors"
	soon $DMSETUP status "$(dmname m)"
	dm_suspend m &
	pid=$!
	soon $DMSETUP status --noflush "$(dmname m)"
	soon $DMSETUP status --noflush "$(dmname m)"
	! gone $pid || fail "the suspend did not wait for the copy"
	dm_load far1 "0 $((size + 3)) error"
	dm_resume far1
	wait_until gone $pid || fail "the suspend hangs"
	wait $pid
	expect "in sync" 0/2 "$(sync_ratio m)"
	dm_remove m

	kmsg_mark
	! dm_create m "$(far_mirror $((size - 1)) "core 1 $size")" 2>/dev/null ||
		fail "a region larger than the mirror was accepted"
	[[ $(kmsg_since) == *"expected a power of two from 2 to $((size - 1)) sectors"* ]] ||
		fail "not said why: $(kmsg_since | grep 'dirty region log')"
	dm_create m "$(far_mirror $((size - 1)) "core 2 $((size / 2)) nosync")"
	expect "regions of half the size" 2/2 "$(sync_ratio m)"
}

far_mirror()	# LENGTH "LOG ARGUMENTS"
{
	mirror_table "$1" "$2" "$(dmdev far0) $(dmdev far1)"
}

write_sector()	# SECTOR
{
	dd if=/dev/urandom of="$(dmdev m)" oflag=direct bs=512 count=1 seek="$1" status=none
}

# A flush costs the log nothing. Once the log has failed the mirror holds flushes, too, and who
# waits for one cannot be killed.
flushes_alone()
{
	local first second bytes pid writer

	need_target flakey
	begin_same cache_size=1
	log_on_dm
	dm_create m "$(mirror_table $LEN "disk 3 $LOGD $RS sync" "$L0 $L1" "1 handle_errors")"
	settle
	bytes=$(count m bytes)
	first=$(flushes "$L0") second=$(flushes "$L1")
	for pid in 1 2 3 4 5; do
		dd if=/dev/null of="$(dmdev m)" conv=fsync,notrunc status=none
	done
	[ $(($(flushes "$L0") - first)) -ge 5 ] || fail "the first leg was not flushed"
	[ $(($(flushes "$L1") - second)) -ge 5 ] || fail "the second leg was not flushed"
	expect "written to the log for them" 0 $(($(count m bytes) - bytes))
	dm_swap logd "$(fail_writes "$LOG" 2048)"
	write_region m 3 held &
	writer=$!
	wait_until log_is D || fail "the failure is not shown: $(dm_status m)"
	dd if=/dev/null of="$(dmdev m)" conv=fsync,notrunc status=none &
	pid=$!
	wait_until in_flight m 2 || fail "no flush is under way"
	soon $DMSETUP status "$(dmname m)"
	soon dd if="$(dmdev m)" of=/dev/null iflag=direct bs=64k count=32 status=none
	kill -KILL $pid
	soon $DMSETUP status "$(dmname m)"
	! gone $pid || fail "the flush was not held, or could be killed"
	dm_load m "$(mirror_table $LEN "core 2 $RS nosync" "$L0 $L1" "1 handle_errors")"
	dm_suspend m --noflush
	dm_resume m
	wait_until gone $pid $writer || fail "it goes on waiting with the next table"
	wait $writer || fail "the write failed"
}

flushes()	# DEVICE
{
	awk '{ print $16 }' "/sys/block/${1#/dev/}/stat"
}

# A log that is a part of a leg: accepted, and both write there. Where the log ends before the leg
# begins the two can share a device.
log_in_leg()
{
	begin_same
	dm_create m "$(mirror_table $LEN "disk 3 $L0 $RS nosync" "$L0 $L1")"
	expect "what is read where a header is" 7252694d \
		"$(read_dev "$(dmdev m)" 0 1 | od -An -tx1 -N 4 | tr -d ' ')"
	expect "what is read where the bits are" " ff ff ff ff" "$(log_od "$(dmdev m)" 2 4 -tx1)"
	write_region m 0 "over the header"
	expect "where the header was" "over the header" "$(text "$L0" 0)"
	dm_remove m
	dm_create m "$(mirror_table $LEN "disk 2 $L0 $RS" "$L0 $L1")"
	expect "what is read where that was written" 7252694d \
		"$(read_dev "$(dmdev m)" 0 1 | od -An -tx1 -N 4 | tr -d ' ')"
	wait_sync m
	dm_remove m
	zero_dev "$L0" 8
	fill_at "$L0" 8 64 different
	dm_create n "0 $((LEN - 8)) mirror disk 2 $L0 $RS 2 $L0 8 $L1 8"
	wait_sync n
	dm_suspend n
	dm_remove n
	expect "header" "4d695272 00000002 $(printf %016x $NR)" "$(log_header "$L0")"
	cmp <(read_dev "$L0" 8 $((LEN - 8))) <(read_dev "$L1" 8 $((LEN - 8))) || fail "legs differ"
}

# A log was replaced by a core log, and is taken up again: as it was it is believed, and what was
# written meanwhile is called clean.
log_comes_back()	# [wipe|sync]
{
	local keyword=${1:-}

	keyword=${keyword#wipe}
	begin_same
	log_on_dm
	leg1_on_dm
	dm_create m "$(mirror_table $LEN "disk 3 $LOGD $RS sync" "$L0 $D1")"
	settle
	dm_swap m "$(mirror_table $LEN "core 2 $RS nosync" "$L0 $D1")"
	[ "${1:-}" != wipe ] || zero_dev "$LOG" 2048
	# A crash while the second leg has not got a write yet.
	dm_suspend leg1 --noflush --nolockfs
	write_region m 5 "on one leg" &
	wait_until legs_differ 5 || fail "differing: $(differ)"
	dm_create n "$(mirror_table $LEN "disk $((${#keyword} ? 3 : 2)) $LOG $RS $keyword" "$L0 $L1")"
	if [ -n "${1:-}" ]; then
		wait_sync n
		expect "differing after all was copied" "" "$(differ)"
	else
		expect "in sync, it says" "$NR/$NR" "$(sync_ratio n)"
		expect "differing" 5 "$(differ)"
	fi
	dm_remove n
	dm_resume leg1
	wait_jobs
}

log_comes_back_wiped()	{ log_comes_back wipe; }
log_comes_back_sync()	{ log_comes_back sync; }

# nosync is what the table says, at each activation: what the log knew after a crash is gone.
nosync_each_time()
{
	local i

	begin
	D1=$L1
	for i in 1 2; do
		log_format "$LOG" 3 5
		disk_mirror nosync
		expect "in sync, it says" "$NR/$NR" "$(sync_ratio m)"
		dm_remove m
		expect "dirty" "" "$(log_dirty "$LOG")"
		expect "differing" "$(all_regions)" "$(differ)"
	done
	log_format "$LOG" 3 5
	disk_mirror ""
	wait_sync m
	expect "without it, differing" "$(without 3 5)" "$(differ)"
}

# The log is on a mirror that has lost a leg, and holds its writes: so do those of the mirror
# above, until the table below is replaced.
log_on_a_mirror()
{
	local pid marked

	need_target flakey
	begin_same
	clean_delay 3600000
	nullb log1 1
	dm_create half "$(linear "$(dev log1)" 2048)"
	dm_create logm "$(mirror_table 2048 "core 2 $RS nosync" "$LOG $(dmdev half)" "1 handle_errors")"
	dm_create m "$(mirror_table $LEN "disk 3 $(dmdev logm) $RS sync" "$L0 $L1" "1 handle_errors")"
	settle
	write_region m 3 marked
	dm_swap half "$(fail_writes "$(dev log1)" 2048)"
	write_region m 7 held &
	pid=$!
	wait_until lower_health AD || fail "the failure is not shown: $(dm_status logm)"
	soon $DMSETUP status "$(dmname m)"
	expect "the status above" "AA A" "$(leg_health m) $(log_health m)"
	# It waits for its log, and with it what needs no mark.
	write_region m 3 held &
	marked=$!
	wait_until in_flight m 2 || fail "nothing more is written"
	soon dd if="$(dmdev m)" of=/dev/null iflag=direct bs=64k count=32 status=none
	! gone $pid || fail "the write was not held"
	! gone $marked || fail "a write without need for a mark was not held"
	dm_load logm "$(linear "$LOG" 2048)"
	dm_suspend logm --noflush
	dm_resume logm
	wait_until gone $pid $marked || fail "a write hangs: $(dm_status m)"
	wait $pid || fail "the write failed"
	wait $marked || fail "the other write failed"
	expect "the log's status" A "$(log_health m)"
}

lower_health()
{
	[ "$(leg_health logm)" = "$1" ]
}

# Regions smaller than the block of a leg: dm cuts I/O at their borders, which the legs refuse.
small_regions()
{
	begin blocksize=4096
	kmsg_mark
	dm_create m "$(mirror_table $LEN "core 1 2" "$L0 $L1")"
	wait_until copies_fail || fail "no copy fails: $(dm_status m)"
	expect "in sync" "0/$((LEN / 2))" "$(sync_ratio m)"
	! soon_or_fail dd if=/dev/zero of="$(dmdev m)" oflag=direct bs=4096 count=1 status=none ||
		fail "a write of a block did not fail"
	expect "in sync" "0/$((LEN / 2))" "$(sync_ratio m)"
	dm_remove m
	dm_create m "$(mirror_table $LEN "core 1 8" "$L0 $L1")"
	wait_sync m $((LEN / 8))
	write_region m 3 works
	dm_remove m
	expect "differing" "" "$(differ)"
	! dm_create m "$(mirror_table $((LEN - 5)) "core 1 8" "$L0 $L1")" 2>/dev/null ||
		fail "a mirror with a part of a block was accepted"
}

copies_fail()
{
	[[ $(kmsg_since) == *"could not be recovered"* ]]
}

# soon, of what may fail
soon_or_fail()
{
	local pid

	"$@" 2>/dev/null &
	pid=$!
	wait_until gone $pid || fail "hangs: $*"
	wait $pid
}

run_tests \
	discard_unmarked "no region is marked for a discard" \
	second_leg_newer "a write under way: the first leg is right, whichever is newer" \
	first_leg_wins	"the first leg missed a write: after an activation it is gone from both" \
	legs_exchanged	"the first leg missed a write: it is there if the legs were exchanged" \
	second_leg_misses "the second leg missed a write: an activation copies it" \
	unreadable_source "B47: a source that cannot be read: its region stays out of sync" \
	unreadable_handled "the same with handle_errors: the destination stays as it was" \
	unreadable_disk	"B47: the same with a disk log: the region stays dirty" \
	unreadable_reads "a source that cannot be read: nor can the rest of the region" \
	unreadable_ahead "a source that cannot be read: nor can what has not been copied" \
	source_fails	"the source fails: what was copied is read until it is written to" \
	keep_log	"keep_log: a leg fails and writes go on" \
	keep_log_first_leg "keep_log: the first leg fails, the next table reads it again" \
	keep_log_given_back "keep_log: the first leg fails, and is given what it missed" \
	keep_log_fails	"keep_log: a write that no leg has, or without a mark, fails" \
	suspend_waits	"a suspend waits for the region that is being copied" \
	largest_regions	"regions of 1 TiB: a mark each, and a suspend waits for a copy" \
	flushes_alone	"flushes cost no log I/O, and are held when the log has failed" \
	log_in_leg	"a log within a leg, and before it on the same device" \
	log_comes_back	"a log that was replaced and comes back unwiped is believed" \
	log_comes_back_wiped "a log that was replaced and comes back wiped: all is copied" \
	log_comes_back_sync "a log that was replaced and comes back with sync: all is copied" \
	nosync_each_time "nosync throws away at each activation what the log knows" \
	log_on_a_mirror	"a log on a mirror that has lost a leg" \
	small_regions	"regions smaller than a leg's block"
