#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# What people met with the log itself: a log device that two mirrors are given by mistake,
# mirrors that are only to be looked at, and "nosync" over regions that are out of sync.

. "$(dirname "$0")/dm_log_lib.sh"

# Two mirrors' legs that differ, and a log.
begin()
{
	local i

	for i in 0 1 2 3; do nullb leg$i 2; done
	nullb log 1
	LOG=$(dev log) A_LEGS="$(dev leg0) $(dev leg1)" B_LEGS="$(dev leg2) $(dev leg3)"
	# shellcheck disable=SC2086 # a list
	stamp_legs $A_LEGS $B_LEGS
	kmsg_mark
}

log_table()	# "LEGS" [KEYWORD] [FEATURES]
{
	local k=${2:-}

	mirror_table "$LEN" "disk $((${#k} ? 3 : 2)) $LOG $RS${k:+ $k}" "$1" "${3:-}"
}

a_table() { log_table "$A_LEGS" "$@"; }
b_table() { log_table "$B_LEGS" "$@"; }

log_is()	# MIRROR HEALTH
{
	[ "$(log_health "$1")" = "$2" ]
}

number()	# DM-NAME
{
	majmin "$(dmdev "$1")"
}

sectors_written()	# RAM-DISK
{
	awk '{ print $7 }' "/sys/block/$PREFIX-$1/stat"
}

# What the record on the log device says: the UUID.
owner()
{
	read_dev "$LOG" 0 1 | tail -c +41 | head -c 128 | tr -d '\0'
}

owner_is()
{
	[ "$(owner)" = "$1" ]
}

dirty_is()
{
	[ "$(log_dirty "$LOG")" = "$1" ]
}

in_use_said()
{
	kmsg_since | grep "is in use by mirror" || :
}

# refused MIRROR [USER]: it was told, once, that its log is in use by another mirror's.
expect_refused()
{
	log_is "$1" D || fail "log of $1 is $(log_health "$1")"
	expect "what was said" "device-mapper: dirty region log: disk: log $(majmin "$LOG") of mirror $(number "$1") is in use by mirror $(number "${2:-$1}"): all dirty, writes held" \
		"$(in_use_said)"
}

# The whole of a mirror's life with its log to itself, from then on.
expect_own()	# MIRROR UUID
{
	log_is "$1" A || fail "log of $1 is $(log_health "$1")"
	wait_sync "$1"
	clean_delay 3600000
	dm_suspend "$1"
	owner_is "$2" || fail "the log is $(owner)'s"
	log_all_clean "$LOG" || fail "dirty after a suspend: $(log_dirty "$LOG")"
	dm_resume "$1"
	write_region "$1" 9
	log_clean "$LOG" 9 && fail "region 9 is written and clean"
	return 0
}

# The second is told, and named; the first's marks stay; and it has what it needs when the
# first is gone.
two_mirrors()
{
	local sum events

	begin
	clean_delay 3600000
	log_format "$LOG"
	dm_create a "$(a_table)" --uuid mirror-a
	write_region a 20
	dm_create b "$(b_table)" --uuid mirror-b
	expect_refused b a
	log_is a A || fail "the first's log is $(log_health a)"
	sum=$(dev_sum "$LOG" 2048)
	# It is a mirror all the same, without a log: all is copied, and writes go on.
	wait_sync b
	write_region b 5 "without a log"
	expect "the log's bytes" "$sum" "$(dev_sum "$LOG" 2048)"
	events=$(dm_events b)
	dm_suspend b
	dm_resume b
	dm_swap b "$(b_table)"
	wait_sync b
	expect "the log's bytes, after a reload" "$sum" "$(dev_sum "$LOG" 2048)"
	expect "messages of a resume and of another table" 2 "$(in_use_said | wc -l)"
	[ "$(dm_events b)" -gt "$events" ] || fail "no event for the new table"
	write_region a 7
	expect "the first's marks" "7 20" "$(log_dirty "$LOG")"

	dm_remove a
	wait_until owner_is mirror-b || fail "the log is $(owner)'s still"
	log_is b D || fail "log is $(log_health b) before a resume"
	dm_suspend b
	dm_resume b
	expect_own b mirror-b
	# shellcheck disable=SC2086
	expect "second mirror's legs" "" "$(differing $B_LEGS)"
}

# handle_errors: writes are held, as with any log that has failed.
two_held()
{
	local writer other

	begin
	log_format "$LOG"
	dm_create a "$(a_table)" --uuid mirror-a
	dm_create b "$(b_table '' '1 handle_errors')" --uuid mirror-b
	expect_refused b a
	wait_sync b
	write_region b 5 held &
	writer=$!
	wait_until in_flight b || fail "nothing is written"
	# The mirror's worker comes round with this one, and holds it, too.
	write_region b 6 held &
	other=$!
	wait_until in_flight b 2 || fail "nothing more is written"
	gone $writer && fail "a write without its mark"
	dm_remove a
	wait_until owner_is mirror-b || fail "the log is $(owner)'s still"
	dm_load b "$(b_table '' '1 handle_errors')"
	dm_suspend b --noflush
	dm_resume b
	wait $writer || fail "the held write failed"
	wait $other || fail "the other held write failed"
	expect_own b mirror-b
}

# nosync: the administrator vouches for the legs, and that is all that there is.
two_nosync()
{
	begin
	log_format "$LOG" 3
	dm_create a "$(a_table)" --uuid mirror-a
	wait_sync a
	dm_create b "$(b_table nosync)" --uuid mirror-b
	expect_refused b a
	in_sync b || fail "$(dm_status b)"
	owner_is mirror-a || fail "the log is $(owner)'s"
}

# One that is suspended comes back, however late, and keeps its log until it is removed.
suspended_for_long()
{
	local sum

	begin
	dm_create a "$(a_table)" --uuid mirror-a
	wait_sync a
	dm_create b "$(b_table)" --uuid mirror-b
	expect_refused b a
	dm_suspend a
	sum=$(dev_sum "$LOG" 2048)
	# A suspend tries it, and a resume does.
	dm_suspend b
	dm_resume b
	log_is b D || fail "log of b is $(log_health b)"
	expect "the log's bytes" "$sum" "$(dev_sum "$LOG" 2048)"
	dm_resume a
	expect_own a mirror-a
	dm_remove a
	wait_until owner_is mirror-b || fail "the log is $(owner)'s still"
}

# At the same moment: it is one of the two, and never both.
at_once()
{
	local i p healthy

	begin
	for i in $(seq 8); do
		$DMSETUP create "$(dmname a)" --uuid mirror-a --notable
		$DMSETUP create "$(dmname b)" --uuid mirror-b --notable
		dm_load a "$(a_table)"
		dm_load b "$(b_table)"
		kmsg_mark
		dm_resume a &
		p=$!
		dm_resume b
		wait $p
		healthy=
		! log_is a A || healthy+=a
		! log_is b A || healthy+=b
		case $healthy in
		a)	expect_refused b a ;;
		b)	expect_refused a b ;;
		*)	fail "round $i: healthy: '$healthy'" ;;
		esac
		owner_is mirror-$healthy || fail "round $i: $healthy has the log of $(owner)"
		dm_remove a
		dm_remove b
		zero_dev "$LOG" 8
	done
}

status_of()	# LINE: of a device with several targets
{
	$DMSETUP status "$(dmname m)" | sed -n "$1p"
}

targets_table()	# LOG LOG
{
	echo "0 $((LEN / 2)) mirror disk 2 $1 $RS 2 $(dev leg0) 0 $(dev leg1) 0
$((LEN / 2)) $((LEN / 2)) mirror disk 2 $2 $RS 2 $(dev leg0) $((LEN / 2)) $(dev leg1) $((LEN / 2))"
}

both_in_sync()
{
	[ "$($DMSETUP status "$(dmname m)" | grep -c " $((NR / 2))/$((NR / 2)) ")" = 2 ]
}

# The two targets of one device are two logs: device, UUID and sizes are the same, so that
# no record can tell them apart.
two_targets()
{
	begin
	clean_delay 3600000
	dm_create m "$(targets_table "$LOG" "$LOG")" --uuid one
	expect "first target's log" "A" "$(status_of 1 | awk '{ print $NF }')"
	expect "second target's log" "D" "$(status_of 2 | awk '{ print $NF }')"
	expect "what was said" 1 "$(in_use_said | grep -c "of mirror $(number m) is in use by mirror $(number m):")"
	wait_until both_in_sync || fail "$(dm_status m)"
	dm_suspend m
	dm_resume m
	wait_until both_in_sync || fail "after a resume: $(dm_status m)"
	dm_suspend m
	expect "dirty" "" "$(log_dirty "$LOG" $((NR / 2)))"
	dm_resume m
	wait_until both_in_sync || fail "after another: $(dm_status m)"
	write_region m 3
	write_region m 20
	expect "dirty" "3" "$(log_dirty "$LOG" $((NR / 2)))"
	expect "said" 1 "$(in_use_said | wc -l)"
}

# The first one is given a log of its own. What the other finds is the first one's log.
two_targets_mended()
{
	local other before

	begin
	nullb other 1
	other=$(dev other)
	dm_create m "$(targets_table "$LOG" "$LOG")" --uuid one
	expect "second target's log" "D" "$(status_of 2 | awk '{ print $NF }')"
	wait_until both_in_sync || fail "$(dm_status m)"
	before=$(sectors_written leg1)
	dm_swap m "$(targets_table "$other" "$LOG")"
	wait_until both_in_sync || fail "$(dm_status m)"
	expect "sectors copied" $LEN $(($(sectors_written leg1) - before))
	# From then on the log is its own.
	dm_swap m "$(targets_table "$other" "$LOG")"
	wait_until both_in_sync || fail "after another: $(dm_status m)"
	expect "sectors copied by then" $LEN $(($(sectors_written leg1) - before))
}

# With a log each, all is as it should be, whichever has which.
two_targets_two_logs()
{
	local other i

	begin
	nullb other 1
	other=$(dev other)
	clean_delay 3600000
	dm_create m "$(targets_table "$LOG" "$other")" --uuid one
	wait_until both_in_sync || fail "$(dm_status m)"
	for i in 1 2 3; do
		dm_swap m "$(targets_table "$other" "$LOG")"
		dm_swap m "$(targets_table "$LOG" "$other")"
	done
	dm_suspend m
	dm_resume m
	wait_until both_in_sync || fail "after reloads: $(dm_status m)"
	write_region m 3
	write_region m 20
	expect "first target's dirty regions" 3 "$(log_dirty "$LOG" $((NR / 2)))"
	expect "second target's" $((20 - NR / 2)) "$(log_dirty "$other" $((NR / 2)))"
	expect "said" "" "$(in_use_said)"
}

# --- nobody's mistake: whatever happens to one mirror and its log --------------

expect_quiet()	# WHAT
{
	expect "$1: said" "" "$(in_use_said)"
	log_is m A || fail "$1: log is $(log_health m)"
}

# Reload, in all the ways that there are: from table to table, by way of another type,
# with a table loaded that is never resumed, renamed, suspended in every manner.
reloads()
{
	local i

	begin
	dm_create m "$(a_table)" --uuid mirror-m
	wait_sync m
	writer m
	for i in $(seq 3); do
		dm_swap m "$(a_table)"
		expect_quiet "reload"
		dm_load m "$(a_table nosync)"
		$DMSETUP clear "$(dmname m)"
		dm_load m "$(a_table)"
		dm_load m "$(a_table '' '1 handle_errors')"
		dm_suspend m --noflush
		dm_resume m
		expect_quiet "reload without a flush"
		dm_suspend m --nolockfs
		dm_resume m
		expect_quiet "suspend"
		# One ioctl suspends the old table and resumes the new one.
		dm_load m "$(a_table)"
		dm_resume m
		expect_quiet "reload by a resume alone"
		dm_swap m "$(mirror_table $LEN "core 2 $RS nosync" "$A_LEGS")"
		dm_swap m "$(a_table nosync)"
		expect_quiet "from a core log"
	done
	stop_writer
	# Not while somebody opens it by its name.
	for i in $(seq 3); do
		$DMSETUP rename "$(dmname m)" "$(dmname n)"
		dm_load n "$(a_table)"
		dm_suspend n
		$DMSETUP rename "$(dmname n)" "$(dmname m)"
		dm_resume m
		expect_quiet "rename"
	done
	expect_own m mirror-m
	# shellcheck disable=SC2086
	expect "regions differing" "" "$(differing $A_LEGS)"
}

# The log moves: what is below it is suspended, exchanged and resumed; as pvmove does it,
# with a mirror in between.
log_moves()
{
	local i from to swap

	begin
	nullb other 1
	dm_create logd "$(linear "$LOG" 2048)"
	LOG=$(dmdev logd)
	dm_create m "$(a_table)" --uuid mirror-m
	wait_sync m
	writer m
	from=$(dev log) to=$(dev other)
	for i in 1 2; do
		dm_create pv "$(mirror_table 2048 "core 1 $RS" "$from $to")"
		dm_swap logd "$(linear "$(dmdev pv)" 2048)"
		wait_sync pv 16
		dm_swap logd "$(linear "$to" 2048)"
		dm_remove pv
		dm_suspend logd --noflush
		dm_resume logd
		expect_quiet "move $i"
		dm_swap m "$(a_table)"
		expect_quiet "reload after move $i"
		swap=$from from=$to to=$swap
	done
	stop_writer
	expect_own m mirror-m
}

# From one device to the next, as lvconvert does: the old one is suspended, and becomes
# something else after the new one has begun.
log_passed_on()
{
	local i

	begin
	dm_create m "$(a_table)" --uuid mirror-m
	wait_sync m
	for i in 1 2; do
		$DMSETUP create "$(dmname below)" --notable
		dm_load below "$(a_table)"
		dm_suspend m
		dm_resume below
		dm_load m "$(linear "$(dmdev below)" $LEN)"
		dm_resume m
		log_is below A || fail "log of the layer is $(log_health below)"
		in_sync below || fail "the layer copies: $(dm_status below)"
		write_region m 3
		dm_load m "$(a_table)"
		dm_suspend m
		dm_suspend below
		dm_resume m
		dm_remove below
		expect_quiet "with a layer and without"
		in_sync m || fail "all is copied: $(dm_status m)"
	done
	# Removed and made again, again and again.
	for i in $(seq 8); do
		dm_remove m
		dm_create m "$(a_table)" --uuid mirror-m
		expect_quiet "made again"
		in_sync m || fail "all is copied: $(dm_status m)"
		write_region m $i
	done
	# A name that goes when the last user does.
	exec 7<"$(dmdev m)"
	$DMSETUP remove --deferred "$(dmname m)"
	exec 7<&-
	wait_until gone_device m || fail "still there"
	dm_create m "$(a_table)" --uuid mirror-m
	expect_quiet "after a deferred removal"
}

gone_device()
{
	! $DMSETUP info "$(dmname "$1")" >/dev/null 2>&1
}

# A mirror that never writes its log is in nobody's way.
read_only_beside()
{
	begin
	log_format "$LOG" 3
	clean_delay 3600000
	dm_create m "$(a_table)" --uuid mirror-a
	wait_sync m
	dm_create b "$(b_table)" --uuid mirror-a2 --readonly
	expect_quiet "a read-only table on another's log"
	write_region m 6
	log_clean "$LOG" 6 && fail "region 6 is written and clean"
	dm_remove b
	expect_quiet "and gone"
	dm_remove m
	dm_create b "$(b_table)" --readonly
	dm_create m "$(a_table)" --uuid mirror-a
	expect_quiet "beside a read-only table"
}

# --- looking at a mirror --------------------------------------------------------

# A read-only table copies what is out of sync, like any other: it is the volume that is
# not to be written, not its legs. The log is read, and not written.
read_only_copies()
{
	local before first

	begin
	log_format "$LOG" 3 5
	before=$(dev_sum "$LOG" 2048) first=$(dev_sum "$(dev leg0)")
	dm_create m "$(a_table)" --readonly
	wait_sync m
	expect "what it shows" "$first" "$(dev_sum "$(dmdev m)")"
	dm_remove m
	# shellcheck disable=SC2086
	expect "regions not copied" "$(without 3 5)" "$(differing $A_LEGS)"
	expect "the log's bytes" "$before" "$(dev_sum "$LOG" 2048)"
	expect "the first leg's" "$first" "$(dev_sum "$(dev leg0)")"

	dm_create m "$(mirror_table $LEN "core 1 $RS" "$A_LEGS")" --readonly
	wait_sync m
	! write_region m 1 2>/dev/null || fail "a write to a read-only mirror"
	dm_remove m
	# shellcheck disable=SC2086
	expect "regions not copied with a core log" "" "$(differing $A_LEGS)"
}

# To look and not touch: the first leg has what the mirror would show.
look_only()
{
	local leg0 leg1

	begin
	log_format "$LOG" 3 5
	leg0=$(dev_sum "$(dev leg0)") leg1=$(dev_sum "$(dev leg1)")
	dm_create look "$(linear "$(dev leg0)" $LEN)" --readonly
	expect "what it shows" "$leg0" "$(dev_sum "$(dmdev look)")"
	! dd if=/dev/zero of="$(dmdev look)" oflag=direct bs=4096 count=1 status=none 2>/dev/null ||
		fail "it can be written"
	dm_remove look
	expect "the first leg" "$leg0" "$(dev_sum "$(dev leg0)")"
	expect "the second leg" "$leg1" "$(dev_sum "$(dev leg1)")"
}

# --- nosync ---------------------------------------------------------------------

dropped_said()
{
	kmsg_since | grep "nosync: " || :
}

# One message with the number, and an event. TYPE NUMBER EVENTS-BEFORE
expect_dropped()
{
	expect "said" "device-mapper: dirty region log: $1: nosync: $2 region(s) of $(number m) that were out of sync count as in sync" \
		"$(dropped_said)"
	[ "$(dm_events m)" -gt "$3" ] || fail "no event"
}

# A mirror with two regions that one leg has missed.
lose_two()	# "LOG ARGUMENTS" REGIONS
{
	need_target flakey
	dm_create leg1 "$(linear "$(dev leg1)" $LEN)"
	A_LEGS="$(dev leg0) $(dmdev leg1)"
	fill_dev "$(dev leg0)" $LEN same
	fill_dev "$(dev leg1)" $LEN same
	dm_create m "$(mirror_table $(($2 * RS)) "$1" "$A_LEGS")"
	dm_swap leg1 "$(fail_writes "$(dev leg1)" $LEN)"
	write_region m 2 one
	write_region m 6 two
	wait_until lost_two "$2" || fail "$(dm_status m)"
	dm_swap leg1 "$(linear "$(dev leg1)" $LEN)"
	kmsg_mark
}

lost_two()	# REGIONS
{
	[ "$(sync_ratio m)" = "$(($1 - 2))/$1" ]
}

# lvextend --nosync: what LVM does is done, and what it costs is said.
nosync_extension()
{
	local events

	begin
	lose_two "disk 3 $LOG $RS nosync" 16
	expect "what the first table drops" "" "$(dropped_said)"
	events=$(dm_events m)
	dm_swap m "$(a_table nosync)"
	in_sync m || fail "$(dm_status m)"
	# shellcheck disable=SC2086
	expect "regions differing" "2 6" "$(differing $A_LEGS)"
	expect_dropped disk 2 "$events"
	# Once, and not again.
	dm_suspend m
	dm_resume m
	dm_swap m "$(a_table nosync)"
	expect "messages" 1 "$(dropped_said | wc -l)"
}

# By way of a core log, which has nothing but its memory.
nosync_core()
{
	local events

	begin
	lose_two "core 2 $RS nosync" $NR
	events=$(dm_events m)
	dm_load m "$(mirror_table $LEN "core 2 $RS nosync" "$A_LEGS")"
	dm_suspend m
	dm_resume m
	in_sync m || fail "$(dm_status m)"
	expect_dropped core 2 "$events"
	dm_suspend m
	dm_resume m
	expect "messages" 1 "$(dropped_said | wc -l)"
}

# From one type to the other, when it is the log before that knows.
nosync_other_type()
{
	local events

	begin
	lose_two "core 2 $RS nosync" $NR
	log_format "$LOG"
	events=$(dm_events m)
	dm_swap m "$(a_table nosync)"
	in_sync m || fail "$(dm_status m)"
	expect_dropped disk 2 "$events"
	dm_swap leg1 "$(fail_writes "$(dev leg1)" $LEN)"
	write_region m 4 three
	wait_until lost_one || fail "$(dm_status m)"
	dm_swap leg1 "$(linear "$(dev leg1)" $LEN)"
	kmsg_mark
	events=$(dm_events m)
	dm_swap m "$(mirror_table $LEN "core 2 $RS nosync" "$A_LEGS")"
	expect_dropped core 1 "$events"
}

lost_one()
{
	[ "$(sync_ratio m)" = "$((NR - 1))/$NR" ]
}

# At an activation the device tells: after a crash, that is what was being written.
nosync_activation()
{
	begin
	log_format "$LOG" 3 5 31
	dm_create m "$(a_table nosync)"
	in_sync m || fail "$(dm_status m)"
	expect_dropped disk 3 0
	dm_remove m

	# What LVM has prepared says that all is in sync, or is not there.
	kmsg_mark
	zero_dev "$LOG" 2048 '\377'
	log_set_header "$LOG" $LOG_MAGIC 2 -1
	dm_create m "$(a_table nosync)"
	dm_remove m
	zero_dev "$LOG" 2048
	dm_create m "$(a_table nosync)"
	dm_remove m
	expect "said of a log that has nothing to say" "" "$(dropped_said)"

	# Without the word nothing is dropped.
	log_format "$LOG" 3
	dm_create m "$(a_table)"
	wait_sync m
	dm_remove m
	log_format "$LOG" 3
	dm_create m "$(a_table sync)"
	wait_sync m
	expect "said without the word" "" "$(dropped_said)"
}

run_tests \
	two_mirrors	"two mirrors on one log: the second is refused, then it is its turn" \
	two_held	"two mirrors on one log, handle_errors: writes are held until it is its turn" \
	two_nosync	"two mirrors on one log, nosync: the second writes nothing to it" \
	suspended_for_long "a mirror that is suspended keeps its log" \
	at_once		"two mirrors on one log, resumed at once: one has it" \
	two_targets	"two targets of one device on one log: the second is refused" \
	two_targets_mended "two targets of one device on one log: one is given another log" \
	two_targets_two_logs "two targets of one device with a log each" \
	reloads		"reload, rename, suspend: the log is the mirror's own" \
	log_moves	"a log that is moved stays the mirror's own" \
	log_passed_on	"a log that is passed on to another device, or activated anew" \
	read_only_beside "a read-only table on the log of a live mirror" \
	read_only_copies "a read-only table copies, and its log is not written" \
	look_only	"a read-only device over the first leg touches nothing" \
	nosync_extension "nosync says what it drops: a longer table" \
	nosync_core	"nosync says what it drops: core logs" \
	nosync_other_type "nosync says what it drops: core to disk and back" \
	nosync_activation "nosync says what it drops: activation"
