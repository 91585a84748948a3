#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Faults of the type userspace that this one replaces, each named by its number in
# the list they were collected in. Most are about a daemon that is restarted, hangs
# or answers nonsense.

# shellcheck source-path=SCRIPTDIR source=testd_lib.sh
. "$(dirname "$0")/testd_lib.sh"

# A mirror with equal legs, in sync, with a log on disk. What differs afterwards is
# a fault.
start()		# [WORD...]: of the log, behind the uuid
{
	start_on true "$@"
}

# The same with a leg that takes its time with writes.
start_slow()	# MILLISECONDS [WORD...]
{
	start_on "slow_leg $1" "${@:2}"
}

# The same with a leg that keeps writes until let_go.
start_held()	# [WORD...]
{
	start_on holding_leg "$@"
	hold_leg
}

start_on()	# COMMAND-FOR-THE-LEG [WORD...]
{
	local leg=$1

	shift
	setup
	fill_dev "$(dev leg1)" $LEN "leg 0"
	clean_delay 0
	$leg
	testd_start
	[ $# -gt 0 ] || set -- testd-disk "$log" $RS nosync
	make_mirror "$@"
}

make_mirror()
{
	dm_create m "$(umirror u "$@")"
	in_sync m || fail "a nosync mirror: $(dm_status m)"
	trace_mark
}

same_legs()
{
	[ -z "$(differing "$(dev leg0)" "$(dev leg1)")" ]
}

# What was written is on both legs, perhaps after a resync.
expect_same_legs()
{
	wait_until same_legs || fail "regions differing: $(differing "$(dev leg0)" "$(dev leg1)")"
}

bounded_write()	# REGION [TEXT]
{
	within write_region m "$1" "${2:-written}" || fail "a write to region $1 is not over"
}

# --- B1 ------------------------------------------------------------------------

# During a suspend a write ends, and the old table's worker waits for the answer to its
# CLEAR. A second one ends meanwhile, and with it the suspend. The worker comes back
# when the new table has the log, and must keep quiet. (On a machine that takes longer than
# the answer it is quiet anyway.)
late_clear()
{
	local old

	start_slow 1000
	old=$(awk '$2 == "?" && $3 == "CTR" { print $5; exit }' "$trace")
	dm_load m "$(umirror u testd-disk "$log" $RS)"
	testd_mistakes "CLEAR_REGION delay=2500 count=1"
	write_region m 14 &
	wait_until was_marked 14 || fail "region 14 is not marked"
	write_region m 15 &
	wait_until was_marked 15 || fail "region 15 is not marked"
	dm_suspend m
	dm_resume m
	wait_jobs
	# The old table goes when its worker has come to an end.
	wait_until dtr_of "$old" || fail "the old table stays: $(requests)"
	expect "requests for the old table after its POSTSUSPEND" "" \
		"$(trace_since | awk -v old="$old" '
			$2 != "?" || $5 != old { next }
			off && $3 ~ /MARK|CLEAR|FLUSH/ { print $3 }
			$3 == "POSTSUSPEND" { off = 1 }' | xargs)"
	dm_remove m
	expect_same_legs
}

dtr_of()	# LUID
{
	trace_since | awk -v l="$1" '$2 == "?" && $3 == "DTR" && $5 == l { found = 1 } END { exit !found }'
}

# --- B4: a daemon that is new here ---------------------------------------------

# An error is not the answer "not in sync", which would send the write to one leg.
restart_idle()
{
	local events

	start
	events=$(dm_events m)
	testd_kill
	testd_start
	trace_mark
	bounded_write 5 "after the restart"
	wait_until holds_nothing u || fail "held: $(held_regions u)"
	expect_same_legs
	expect "what leg 1 holds" "after the restart" \
		"$(read_dev "$(dev leg1)" $((5 * RS)) 1 | head -n 1)"
	[[ " $(regions_of MARK_REGION FLUSH) " == *" 5 "* ]] || fail "region 5 was not marked"
	[ "$(dm_events m)" -gt "$events" ] || fail "no event"
	dm_remove m
}

# --- B5: what is no answer to IN_SYNC -------------------------------------------

in_sync_answer()	# MISTAKE
{
	local i

	start
	# A mirror that is in sync does not ask.
	testd_mistakes "IN_SYNC $1 count=2" "GET_SYNC_COUNT value=1"
	bounded_write 5 "with $1"
	testd_mistakes
	# The write is on both legs, or its region is known not to be.
	for i in 0 1; do
		expect "what leg $i holds" "with $1" \
			"$(read_dev "$(dev leg$i)" $((5 * RS)) 1 | head -n 1)"
	done
	dm_remove m
}

in_sync_2()	{ in_sync_answer value=2; }
in_sync_5()	{ in_sync_answer value=-5; }
in_sync_2_32()	{ in_sync_answer value=0x100000000; }
in_sync_empty()	{ in_sync_answer len=0; }
in_sync_4()	{ in_sync_answer size=4; }

# --- B6: GET_RESYNC_WORK out of range -------------------------------------------

resync_beyond()
{
	local half=$((LEN / 2)) before i

	setup
	testd_start
	trace_mark
	before=$(read_dev "$(dev leg1)" $half $RS | sha1sum)
	testd_mistakes "GET_RESYNC_WORK value=1 value2=$((NR / 2)) count=1" \
		"GET_RESYNC_WORK value=7 value2=3 count=1"
	dm_create m "$(mirror_table $half "$(ulog u testd-core $RS)" "$legs")"
	# After an error the worker asks again when it comes round the next time.
	for i in 1 2 3; do
		wait_until requested GET_RESYNC_WORK $i || fail "not asked again: $(requests)"
		write_region m 1
	done
	wait_sync m $((NR / 2))
	dm_remove m
	expect "what is behind the mirror's end" "$before" \
		"$(read_dev "$(dev leg1)" $half $RS | sha1sum)"
	expect "regions differing" "" "$(differing "$(dev leg0)" "$(dev leg1)" $half)"
}

# --- B8: region sizes (0 has a file of its own: userspace_zero.sh) --------------

region_size()	# SECTORS...
{
	local size

	setup
	testd_start
	for size; do
		testd_mistakes "GET_REGION_SIZE value=$size"
		if dm_create m "$(umirror u testd-core $RS)" 2>/dev/null; then
			fail "region size $size was accepted: $(dm_status m)"
		fi
	done
	testd_mistakes "GET_REGION_SIZE size=4"
	if dm_create m "$(umirror u testd-core $RS)" 2>/dev/null; then
		fail "half a number was accepted: $(dm_status m)"
	fi
}

size_3000() { region_size 3000; }
size_1() { region_size 1; }
size_large() { region_size 8192 0x100000080; }

# --- B12: a failed MARK, FLUSH or CLEAR -----------------------------------------

# The daemon could not take the mark; the write is issued all the same, as there is no
# handle_errors. It must be marked later, at the latest with the next one.
failed_mark()	# [integrated_flush]
{
	start_held "$@" testd-disk "$log" $RS nosync
	# An error of ours stands, and a FLUSH is not asked for again (B74).
	testd_mistakes "MARK_REGION undone error=-5 count=$(is_ours && echo 1 || echo 2)" \
		"FLUSH undone error=-5 count=2"
	write_region m 5 &
	wait_until mark_failed || fail "region 5 is not marked"
	wait_until text_on_leg0 5 || fail "the write is not issued"
	testd_mistakes
	if is_ours; then
		testd_kill
		testd_start
	fi
	write_region m 6 &
	wait_until region_dirty 6 || fail "region 6 is not dirty on disk"
	wait_until region_dirty 5 || fail "region 5 is not dirty on disk with its write in flight"
	let_go
	wait_jobs
	dm_remove m
	expect_same_legs
}

text_on_leg0()	# REGION
{
	read_dev "$(dev leg0)" $(($1 * RS)) 1 | grep -q "to region $1"
}

mark_failed()
{
	trace_since | grep -qE ' x (MARK_REGION|FLUSH) '
}

failed_mark_plain() { failed_mark; }
failed_mark_integrated() { failed_mark integrated_flush; }

clear_failed()
{
	trace_since | grep -q ' x CLEAR_REGION '
}

# A daemon that cannot clear is no reason not to mark.
failed_clear()
{
	start_on holding_leg
	testd_mistakes "CLEAR_REGION undone error=-5"
	write_region m 5
	wait_until clear_failed || fail "region 5 is not cleared"
	hold_leg
	write_region m 6 &
	wait_until region_dirty 6 || fail "region 6 is not dirty on disk with its write in flight"
	let_go
	wait_jobs
	# And the clear is not lost.
	testd_mistakes
	write_region m 7
	wait_until log_all_clean "$log" || fail "dirty for ever: $(log_dirty "$log")"
	dm_remove m
}

# --- B17 to B21, B25: restarts, hangs, and who waits ----------------------------

# The answer to the repeated CTR names a device.
restart_with_device()
{
	local writer

	start
	testd_kill
	write_region m 5 "while it was away" &
	writer=$!
	wait_until in_flight m || fail "the write does not wait"
	testd_start
	wait_until gone $writer || fail "the write still waits after the restart"
	wait $writer || fail "the write failed"
	bounded_write 6
	dm_remove m
	expect_same_legs
}

# The worker and a status find the daemon gone at the same time.
restart_with_two()
{
	local writer status

	start testd-core $RS nosync
	testd_kill
	write_region m 5 &
	writer=$!
	dm_status m >/dev/null &
	status=$!
	wait_until in_flight m || fail "the write does not wait"
	testd_start
	wait_until gone $writer || fail "the write still waits after the restart"
	wait_until gone $status || fail "the status still waits after the restart"
	expect "the log's status" "1 testd-core" "$(log_status m)"
	within dm_remove m || fail "the mirror cannot be removed"
	expect_same_legs
}

# In an ioctl that waits, or there and back.
asleep_or_gone()	# PID
{
	local stat

	{ read -r stat <"/proc/$1/stat"; } 2>/dev/null || return 0
	[[ ${stat##*) } == [DZ]* ]]
}

requests_lost()
{
	[ "$(netlink_socket "$testd" 9)" -gt 0 ]
}

# A daemon that lives, but is behind with reading. A lost request is not a lost daemon.
overrun()
{
	local i list=() p

	setup
	fill_dev "$(dev leg1)" $LEN "leg 0"
	testd_start --rcvbuf 1024
	for i in 1 2 3 4 5 6; do
		dm_create "m$i" "$(mirror_table $LEN "$(ulog "u$i" testd-core $RS nosync)" "$legs")"
	done
	testd_mistakes "STATUS_INFO freeze count=1"
	for i in 1 2 3 4 5 6; do
		dm_status "m$i" >"$work/status.$i" &
		list+=($!)
	done
	# It has read one request, and its socket cannot take the others.
	wait_until noted "no answer to STATUS_INFO" 1 || fail "the daemon does not freeze"
	wait_until requests_lost || fail "no request was lost"
	testd_mistakes
	for p in "${list[@]}"; do
		wait_until gone "$p" || fail "a status hangs though the daemon lives"
	done
	trace_mark
	for i in 1 2 3 4 5 6; do
		expect "the log's status" "1 testd-core" "$(within log_status "m$i"; cat "$work/out")"
		within dm_remove "m$i" || fail "mirror $i cannot be removed"
	done
	expect "logs made" "6" "$(awk '$2 == "?" && $3 == "CTR"' "$trace" | wc -l)"
}

# killed COMMAND...: SIGKILL ends it while it waits for a daemon.
killed()
{
	local pid

	"$@" >"$work/out" 2>&1 &
	pid=$!
	# The daemon does not read it, and somebody waits for the answer.
	wait_until unread "$testd" || { echo "# nothing was asked"; return 1; }
	wait_until asleep_or_gone $pid
	! gone $pid || { echo "# over at once: $*: $(cat "$work/out")"; return 1; }
	disown $pid	# or bash says what became of it
	kill -KILL $pid
	wait_until gone $pid
}

kill_status()
{
	start
	kill -STOP "$testd"
	killed $DMSETUP status "$PREFIX-m" || fail "a status cannot be killed"
	kill -CONT "$testd"
	in_sync m || fail "after a killed status: $(dm_status m)"
	dm_remove m
}

kill_create()
{
	start
	kill -STOP "$testd"
	killed $DMSETUP create "$PREFIX-n" --table "$(umirror v testd-core $RS)" ||
		fail "a create cannot be killed"
	kill -CONT "$testd"
	dm_remove m
	! $DMSETUP info "$PREFIX-n" >/dev/null 2>&1 || dm_remove n
}

# The kernel log must not be flooded, nor the processor used up, by one who is killed.
spinning()
{
	local pid before after

	start
	testd_kill
	$DMSETUP status "$PREFIX-m" >/dev/null 2>&1 &
	pid=$!
	# In the kernel, or there and back.
	wait_until asleep_or_gone $pid
	disown $pid
	kill -KILL $pid 2>/dev/null || :
	before=$(dmesg | tail -n 1)
	# A second of a machine that is ten times as slow has fewer, and a flood has thousands.
	lines=$(timeout 1 dmesg --follow-new 2>/dev/null | wc -l) || :
	after=$(dmesg | tail -n 1)
	[ "$lines" -lt 50 ] || fail "$lines kernel messages in 1 s, from '$before' to '$after'"
	wait_until gone $pid || fail "the status cannot be killed"
	testd_start
	within dm_remove m || fail "the mirror cannot be removed"
}

# The daemon dies with a request in its hands.
dies_with_request()
{
	local start writer

	start testd-core $RS nosync
	testd_mistakes "MARK_REGION exit"
	write_region m 5 &
	writer=$!
	wait_until gone "$testd" || fail "the daemon was not asked"
	: >"$control"
	testd_start
	# Without waiting until the request has had no answer, which is 15 s.
	start=$SECONDS
	wait_until gone $writer || fail "the write still waits after the restart"
	allow 8
	[ $((SECONDS - start)) -le $allowed_s ] ||
		fail "the write waited for $((SECONDS - start)) s after the restart"
	wait $writer || fail "the write failed"
	within dm_remove m || fail "the mirror cannot be removed"
	expect_same_legs
}

# --- B23 -----------------------------------------------------------------------

# One mirror has a write that must wait for another node; another is not to wait with
# it. Stock's mirrors together ask four questions a second: two of them are never less than
# 250 ms apart, on any machine. Without such a limit some are, also on one that hardly gets
# its turn. The daemon's hint is 0, so that stock asks for every region.
write_all()	# a write to each region, one after the other
{
	dd if=/dev/zero of="$(dmdev m)" oflag=direct bs=$((RS * 512)) count=$NR status=none
}

rate_limit()
{
	local close
	local parked="IS_REMOTE_RECOVERING uuid=parked value=1 value2=0"
	# A mirror that is in sync does not ask.
	local others=("GET_SYNC_COUNT value=1" "GET_RESYNC_WORK undone value=0 value2=0")

	setup
	clean_delay 0
	nullb leg2 2
	nullb leg3 2
	testd_start
	testd_mistakes "$parked" "IS_REMOTE_RECOVERING uuid=u value2=0" "${others[@]}"
	dm_create m "$(umirror u testd-core $RS nosync)"
	dm_create p "$(mirror_table $LEN "$(ulog parked testd-core $RS nosync)" "$(dev leg2) $(dev leg3)")"
	write_region p 0 "parked" &
	wait_until requested IS_REMOTE_RECOVERING 1 parked || fail "no write is parked"
	trace_mark
	write_all
	requested IS_REMOTE_RECOVERING $NR u || fail "not every write asked"
	close=$(trace_since | awk '
		$2 != "?" || $3 != "IS_REMOTE_RECOVERING" || $6 != "u" { next }
		last != "" && $1 - last < 0.2 { n++ }
		{ last = $1 }
		END { print n + 0 }')
	echo "# of $NR questions $close were less than 200 ms after the one before"
	[ "$close" -ge 3 ] || fail "no two questions are less than 200 ms apart"
	testd_mistakes
	wait_jobs
	dm_remove p
	dm_remove m
}

# --- B26: errors that the kernel has another use for -----------------------------

error_answer()	# TYPE ERRNO
{
	start
	testd_mistakes "$1 error=$2 count=1" "GET_SYNC_COUNT value=1 count=5"
	bounded_write 5 "in spite of it"
	expect_same_legs
	expect "the log's status" "3 testd-disk $(majmin "$log") A" \
		"$(within log_status m; cat "$work/out")"
	within dm_remove m || fail "the mirror cannot be removed"
}

in_sync_eagain() { error_answer IN_SYNC -11; }
in_sync_esrch() { error_answer IN_SYNC -3; }

# --- B27: what a new daemon is told -----------------------------------------------

inactive_not_resumed()
{
	local luid status

	start testd-core $RS nosync
	dm_load m "$(umirror u testd-core $RS)"
	luid=$(awk '$2 == "?" && $3 == "CTR" { l = $5 } END { print l }' "$trace")
	testd_kill
	$DMSETUP status --inactive "$PREFIX-m" >/dev/null &
	status=$!
	wait_until asleep_or_gone $status
	testd_start
	trace_mark
	wait_until gone $status || fail "the status still waits after the restart"
	within $DMSETUP status --inactive "$PREFIX-m" || fail "the status waits"
	expect "RESUMEs for the inactive table" "" \
		"$(trace_since | awk -v l="$luid" '$2 == "?" && $3 == "RESUME" && $5 == l { print $3 }')"
	within dm_remove m || fail "the mirror cannot be removed"
}

# The words sync and nosync were about the legs when the table was made.
marks_given_again()
{
	local w

	start_held
	write_region m 5 &
	w=$!
	wait_until region_dirty 5 || fail "region 5 is not marked"
	testd_kill
	# Nobody has to write for the marks to be given again.
	trace_mark
	testd_start
	write_region m 6 &
	wait_until region_dirty 6 || fail "region 6 is not marked"
	! gone $w || fail "the write did not wait for the leg"
	expect "words in CTR" "$LEN testd-disk $log $RS" \
		"$(awk '$2 == "?" && $3 == "CTR" { l = ""; for (i = 9; i <= NF; i++) l = l " " $i }
			END { print substr(l, 2) }' "$trace" | tr -d '\0')"
	[[ " $(regions_of MARK_REGION FLUSH) " == *" 5 "* ]] || fail "region 5 is not marked again"
	region_dirty 5 || fail "region 5 is clean with its write in flight"
	let_go
	wait_jobs
	dm_remove m
	expect_same_legs
}

marks_before_io()
{
	local w

	start_held
	write_region m 5 &
	w=$!
	wait_until region_dirty 5 || fail "region 5 is not marked"
	testd_kill
	testd_start
	trace_mark
	write_region m 6 &
	wait_until requested FLUSH || fail "no FLUSH: $(requests)"
	kill -0 $w 2>/dev/null || fail "the write did not wait for the leg"
	# The first FLUSH after RESUME makes the old mark durable, or has it.
	trace_since | awk '
		$2 != "?" { next }
		$3 == "MARK_REGION" || $3 == "FLUSH" { for (i = 9; i <= NF; i++) if ($i == 5) found = 1 }
		$3 == "FLUSH" { exit !found }' || fail "a FLUSH before region 5 was marked again"
	let_go
	wait_jobs
	dm_remove m
}

# --- B29, B30: payloads that are not what they say ---------------------------------

# data_size says more than the message has.
data_size_lies()
{
	start
	testd_mistakes "STATUS_INFO claim=14000"
	expect "the log's status" "userspace 1 COM_FAILURE" \
		"$(within log_status m; cat "$work/out")"
	testd_mistakes "GET_SYNC_COUNT claim=16"
	within dm_status m || fail "the status is not over"
	testd_mistakes
	expect "the log's status" "3 testd-disk $(majmin "$log") A" "$(log_status m)"
	dm_remove m
}

# Neither a missing NUL nor a very long status harms. All lengths where the answer just
# fits into dmsetup's first buffer, to the longest that the connector takes.
long_status()
{
	local size answer want

	start testd-core $RS nosync
	testd_mistakes "STATUS_INFO no-nul"
	expect "the log's status" "1 testd-core" "$(log_status m)"
	for size in 1 127 1000 $(seq 16003 16011) 16180; do
		testd_mistakes "STATUS_INFO size=$size no-nul"
		within log_status m || fail "size $size: no status"
		answer=$(cat "$work/out")
		[ "$answer" != "userspace 1 COM_FAILURE" ] || continue
		# So many letters of the true status, and the rest A.
		want=$((size > 12 ? 12 : size))
		expect "size $size, the status" "$(head -c $want <<<"1 testd-core")" "${answer:0:want}"
		expect "size $size, other characters" "" "$(tr -d A <<<"${answer:want}")"
		expect "size $size, its length" "$size" ${#answer}
	done
	testd_mistakes
	dm_remove m
}

# --- B31: luids ---------------------------------------------------------------------

luids()
{
	local i

	setup
	testd_start
	for i in 1 2 3 4 5 6 7 8; do
		dm_create m "$(umirror u testd-core $RS nosync)"
		dm_remove m
	done
	expect "different luids in 8 tables" 8 \
		"$(awk '$2 == "?" && $3 == "CTR" { print $5 }' "$trace" | sort -u | wc -l)"
	# One that begins anywhere has that many digits, and hardly ever looks like a
	# kernel address of UML (below 2^32) or of a 64-bit machine.
	expect "luids that may be addresses" "" "$(awk '$2 == "?" && $3 == "CTR" &&
		($5 ~ /^ffff/ || length($5) < 10) { print $5 }' "$trace" | xargs)"
}

# --- B32: constructors that fail after CTR -------------------------------------------

# not_made MISTAKE: the daemon is told that the log it made is not wanted.
not_made()
{
	testd_mistakes "$1"
	trace_mark
	if dm_create m "$(umirror u testd-core $RS nosync)" 2>/dev/null; then
		fail "made with $1"
	fi
	testd_mistakes
	wait_until requested DTR || fail "no DTR after $1: $(requests)"
}

dtr_region_size() { setup; testd_start; not_made "GET_REGION_SIZE error=-5"; }
dtr_no_nul() { setup; testd_start; not_made "CTR size=5"; }

# The text "none", which is no device.
dtr_no_device()
{
	local before i

	setup
	testd_start
	before=$(threads)
	for i in 1 2 3 4 5; do
		not_made "CTR value=$((0x656e6f6e))"
	done
	[ "$(threads)" -le $((before + 1)) ] || fail "$(threads) kernel threads, $before before"
}

threads()
{
	ps -e -o comm= | grep -c 'dmlog' || :
}

# --- B33: whose answer is it? ---------------------------------------------------------

# A wrong answer, which says 5 regions, and then the right one.
stranger()	# MISTAKE
{
	start
	testd_mistakes "GET_SYNC_COUNT value=5 then-right=300 $1"
	expect "regions in sync ($1)" "$NR/$NR" "$(sync_ratio m)"
	testd_mistakes
	dm_remove m
}

wrong_luid()	{ stranger wrong-luid; }
wrong_uuid()	{ stranger wrong-uuid; }
wrong_type()	{ stranger wrong-type; }

# A number that is the same after each boot fits an old answer.
first_seq()
{
	local first second

	setup
	testd_start
	dm_create m "$(umirror u testd-core $RS nosync)"
	first=$(awk '$2 == "?" { print $4; exit }' "$trace")
	dm_remove m
	unload_modules
	load_modules
	trace_mark
	dm_create m "$(umirror u testd-core $RS nosync)"
	second=$(trace_since | awk '$2 == "?" { print $4; exit }')
	dm_remove m
	[ "$first" != "$second" ] || fail "the first request has the number $first each time"
}

# --- B34 ------------------------------------------------------------------------------

positive_error()
{
	setup
	testd_start
	testd_mistakes "CTR error=5"
	if dm_create m "$(umirror u testd-core $RS nosync)" 2>/dev/null; then
		fail "made though CTR failed with +5"
	fi
}

measure_machine
run_tests \
	late_clear	"B1: silence for a replaced table after its POSTSUSPEND" \
	restart_idle	"B4: daemon restarted while idle: the next write is marked, on both legs" \
	in_sync_2	"B5: IN_SYNC answered with 2" \
	in_sync_5	"B5: IN_SYNC answered with -5" \
	in_sync_2_32	"B5: IN_SYNC answered with 2^32" \
	in_sync_empty	"B5: IN_SYNC answered with nothing" \
	in_sync_4	"IN_SYNC answered with 4 bytes" \
	resync_beyond	"B6: GET_RESYNC_WORK beyond the mirror's end" \
	size_3000	"B8: region size 3000" \
	size_1		"B8: region size 1" \
	size_large	"B8: region size larger than the mirror" \
	failed_mark_plain "B12: a mark that failed is made up for" \
	failed_mark_integrated "B12: a mark that failed is made up for (integrated_flush)" \
	failed_clear	"B12: a clear that fails does not fail marks, and is not lost" \
	restart_with_device "B17: daemon restarted, CTR names a device" \
	restart_with_two "B18: daemon restarted, two wait for it" \
	overrun		"B19: a daemon that is behind with reading is not a dead one" \
	kill_status	"B20: a status that waits for a daemon can be killed" \
	kill_create	"B20: a create that waits for a daemon can be killed" \
	spinning	"B21: a killed status leaves no flood of messages" \
	dies_with_request "B25: a daemon that dies with a request is noticed at once" \
	rate_limit	"B23: a parked write of one mirror does not slow another down" \
	in_sync_eagain	"B26: an answer with -EAGAIN" \
	in_sync_esrch	"B26: an answer with -ESRCH" \
	inactive_not_resumed "B27: a table that is not live is not resumed" \
	marks_given_again "B27: a new daemon gets the marks, and no nosync" \
	marks_before_io	"B27: a new daemon gets the marks before the first FLUSH" \
	data_size_lies	"B29: data_size larger than the message" \
	long_status	"B30: a status without NUL, and very long ones" \
	luids		"B31: luids are neither used twice nor addresses" \
	dtr_region_size	"B32: DTR after a failed GET_REGION_SIZE" \
	dtr_no_nul	"B32: DTR after a device name without NUL" \
	dtr_no_device	"B32: DTR after a device that is not there, no thread left" \
	wrong_luid	"B33: an answer for another luid" \
	wrong_uuid	"B33: an answer for another uuid" \
	wrong_type	"B33: an answer of another type" \
	first_seq	"B33: numbers begin anywhere" \
	positive_error	"B34: a positive error is an error"
