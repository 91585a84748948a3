#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The log type userspace with a daemon that behaves: what it is asked and when,
# what comes of its answers, and what is refused.

# shellcheck source-path=SCRIPTDIR source=testd_lib.sh
. "$(dirname "$0")/testd_lib.sh"

leg_difference()	# the regions, if any
{
	differing "$(dev leg0)" "$(dev leg1)"
}

# For a mirror that is in sync from the start: what differs later is a fault.
setup_same()
{
	setup
	fill_dev "$(dev leg1)" $LEN "leg 0"
}

# The first words in a region of both legs.
expect_on_legs()	# REGION TEXT
{
	local leg

	for leg in "$(dev leg0)" "$(dev leg1)"; do
		expect "what $leg holds" "$2" "$(read_dev "$leg" $(($1 * RS)) 1 | head -n 1)"
	done
	expect "regions differing" "" "$(leg_difference)"
}

# The type's own order of things, up to the first question that has to do with
# work, and the payload of the first request of all.
traffic_at_create()
{
	local first

	setup
	testd_start
	trace_mark
	dm_create m "$(umirror uuid-1 testd-core $RS sync)"
	wait_sync m
	first=$(requests)
	# What stock's worker asks before the daemon has read its log is no use (B66).
	expect "the first requests" \
		"CTR GET_REGION_SIZE $(is_ours || echo "GET_SYNC_COUNT ")RESUME GET_RESYNC_WORK" \
		"$(cut -d' ' "-f1-$(is_ours && echo 4 || echo 5)" <<<"$first")"
	# Its length shows that no NUL is sent.
	expect "CTR's size, error and text" "24 0 4096 testd-core 128 sync" \
		"$(trace_since | awk '$2 == "?" { print $7, $8, $9, $10, $11, $12; exit }')"
	dm_remove m
	expect "the last requests" "PRESUSPEND POSTSUSPEND DTR" \
		"$(requests | tr ' ' '\n' | grep -E 'SUSPEND|DTR' | xargs)"
	expect "luids of one log" 1 "$(trace_since | awk '$2 == "?" { print $5 }' | sort -u | wc -l)"
}

# lines "WORD..." "TABLE'S WORDS" STATUS REGION-SIZE
lines()
{
	local t

	dm_create m "$(umirror $1)"
	t=$(dm_table m)
	expect "the table line" \
		"0 $LEN mirror userspace $2 2 $(majmin "$(dev leg0)") 0 $(majmin "$(dev leg1)") 0" "$t"
	wait_sync m $((LEN / $4))
	expect "the log's status" "$3" "$(log_status m)"
	dm_remove m
	# What it prints, it takes.
	dm_create m "$t"
	expect "the table line of the table line" "$t" "$(dm_table m)"
	dm_remove m
}

table_and_status()
{
	setup
	testd_start
	lines "u testd-core 128" "3 u testd-core 128" "1 testd-core" 128
	lines "u testd-core 128 sync" "4 u testd-core 128 sync" "1 testd-core" 128
	lines "u testd-disk $log 0128 nosync" "5 u testd-disk $log 0128 nosync" \
		"3 testd-disk $(majmin "$log") A" 128
	lines "u testd-disk $(majmin "$log") 256" "4 u testd-disk $(majmin "$log") 256" \
		"3 testd-disk $(majmin "$log") A" 256
	lines "u INTEGRATED_flush testd-core 64" "4 u integrated_flush testd-core 64" "1 testd-core" 64
}

# The device that the daemon names is the table's as well.
deps()
{
	local d want=

	setup
	testd_start
	dm_create m "$(umirror u testd-disk "$log" $RS nosync)"
	for d in "$log" $legs; do
		want="$want$(majmin "$d") "
	done
	expect "the table's devices" "$(xargs -n1 <<<"$want" | sort | xargs)" \
		"$($DMSETUP deps "$PREFIX-m" | grep -o '([0-9]*, [0-9]*)' | tr -d '() ' |
			tr , : | sort | xargs)"
	dm_remove m
}

# Every region is given out once, copied, and clean in the end.
resync()	# WORD...
{
	dm_create m "$(umirror u "$@")"
	wait_sync m
	wait_until requested CLEAR_REGION 1
	expect "regions differing" "" "$(leg_difference)"
	expect "regions given out" "$(all_regions)" "$(trace_since |
		awk '$2 == "!" && $3 == "GET_RESYNC_WORK" && $9 == 1 { print $10 }' | xargs)"
	expect "regions said to be in sync" "$(all_regions)" "$(trace_since |
		awk '$2 == "?" && $3 == "SET_REGION_SYNC" && $10 == 1 { print $9 }' | xargs)"
	# The order lets the daemon set the stored bit when it is told to clear.
	trace_since | awk '
		$2 != "?" { next }
		$3 == "SET_REGION_SYNC" { synced[$9] }
		$3 == "CLEAR_REGION" { for (i = 9; i <= NF; i++) if (!($i in synced)) exit 1 }' ||
		fail "a region was cleared before it was said to be in sync"
}

resync_core()
{
	setup
	testd_start
	trace_mark
	resync testd-core $RS
	dm_remove m
}

resync_disk()
{
	setup
	clean_delay 0
	testd_start
	trace_mark
	resync testd-disk "$log" $RS
	wait_until log_all_clean "$log" || fail "dirty: $(log_dirty "$log")"
	dm_remove m
	expect "the header" "4d695272 00000002 0000000000000020" "$(log_header "$log")"
	expect "dirty regions" "" "$(log_dirty "$log")"
}

nosync()
{
	setup
	testd_start
	trace_mark
	dm_create m "$(umirror u testd-disk "$log" $RS nosync)"
	in_sync m || fail "a nosync mirror: $(dm_status m)"
	dm_remove m
	expect "regions not copied" "$(all_regions)" "$(leg_difference)"
	expect "dirty regions" "" "$(log_dirty "$log")"
	# The stored log is what counts from now on.
	dm_create m "$(umirror u testd-disk "$log" $RS)"
	in_sync m || fail "after nosync: $(dm_status m)"
	dm_remove m
}

# A log with some dirty regions, as a crash leaves it.
crashed()
{
	setup
	log_format "$log" 3 17
	testd_start
	dm_create m "$(umirror u testd-disk "$log" $RS)"
	wait_sync m
	dm_remove m
	expect "regions not copied" "$(without 3 17)" "$(leg_difference)"
	expect "dirty regions" "" "$(log_dirty "$log")"
}

# What lvcreate leaves for a mirror that is in sync.
lvm_log()
{
	setup
	zero_dev "$log" 2048 '\377'
	log_set_header "$log" $LOG_MAGIC 2 -1
	testd_start
	dm_create m "$(umirror u testd-disk "$log" $RS)"
	in_sync m || fail "an initialised log: $(dm_status m)"
	dm_remove m
	expect "bytes between header and bitset" "" \
		"$(read_dev "$log" 0 2 | tail -c +17 | tr -d '\377')"
}

# A write is marked, on the log's device, while it is in flight, and no longer.
write_is_marked()	# [integrated_flush]
{
	local writer i

	setup
	clean_delay 0
	holding_leg
	testd_start
	dm_create m "$(umirror u "$@" testd-disk "$log" $RS nosync)"
	trace_mark
	hold_leg
	write_region m 9 &
	writer=$!
	wait_until region_dirty 9 || fail "never dirty"
	# The mirror's worker comes round again, with others.
	for i in 1 2 3; do
		dm_status m >/dev/null
		region_dirty 9 || fail "clean with its write in flight"
	done
	kill -0 $writer 2>/dev/null || fail "the write did not wait for the leg"
	let_go
	wait $writer
	wait_until log_all_clean "$log" || fail "dirty after all: $(log_dirty "$log")"
	dm_remove m
	expect "regions marked" 9 "$(regions_of MARK_REGION FLUSH)"
	expect "regions cleared" 9 "$(regions_of CLEAR_REGION)"
	if [ $# -gt 0 ]; then
		expect "MARK_REGION requests" 0 "$(nr_requests MARK_REGION)"
	else
		expect "regions in FLUSH" "" "$(regions_of FLUSH)"
	fi
}

write_plain() { write_is_marked; }
write_integrated() { write_is_marked integrated_flush; }

# Many regions at once: no request has more than 32, and none is lost.
groups()	# [integrated_flush]
{
	local sizes

	setup
	clean_delay 0
	testd_start
	dm_create m "$(umirror u "$@" testd-core 8 nosync)"
	trace_mark
	fill_at "$(dmdev m)" 0 $LEN "everything"
	wait_until holds_nothing u || fail "held after all: $(held_regions u)"
	dm_remove m
	expect "regions marked" "$(all_regions 0 511)" "$(regions_of MARK_REGION FLUSH)"
	sizes=$(trace_since | awk '$2 == "?" && $3 ~ /MARK|CLEAR|FLUSH/ { print $7 }' | sort -n | uniq)
	[ "$(tail -n 1 <<<"$sizes")" -le 256 ] || fail "payloads of $(xargs <<<"$sizes") bytes"
	[ "$(tail -n 1 <<<"$sizes")" -gt 8 ] || fail "one region in each request"
	expect "regions differing" "" "$(leg_difference)"
}

groups_plain() { groups; }
groups_integrated() { groups integrated_flush; }

# The data comes from where it should.
reads()
{
	setup
	testd_start
	dm_create m "$(umirror u testd-core $RS)"
	wait_sync m
	write_region m 4 "read me"
	trace_mark
	expect "what the mirror reads" "read me" \
		"$(read_dev "$(dmdev m)" $((4 * RS)) 1 | head -n 1)"
	requested IN_SYNC || fail "a read that did not ask"
	dm_remove m
}

# C3: what the daemon holds marked is not marked again, nor flushed; and a region that
# rests is cleared, with others.
hot_region()	# [insync_cache]
{
	local free='IS_REMOTE_RECOVERING|GET_SYNC_COUNT'

	is_ours || skip "stock marks and clears for every write"
	clean_delay 3600000
	setup_same
	testd_start
	dm_create m "$(umirror u "$@" testd-core $RS nosync)"
	write_region m 3
	trace_mark
	for _ in 1 2 3 4 5; do
		write_region m 3 "hot"
	done
	# Whether all are in sync is asked ten times a second at most.
	[[ $* != *insync_cache* ]] || free=none
	expect "requests for five writes to a marked region" "" \
		"$(requests | tr ' ' '\n' | grep -vE "$free" | xargs)"
	dm_remove m
	holds_nothing u || fail "still marked: $(held_regions u)"
	expect_on_legs 3 "hot"
}

# If all regions were called in sync none is asked for again, by writes or by reads, before
# the next resume; and the table line says so.
insync_cache()
{
	is_ours || skip "stock has no insync_cache"
	hot_region insync_cache
}

insync_cache_reads()
{
	local table

	is_ours || skip "stock has no insync_cache"
	setup_same
	testd_start
	table="$(umirror u insync_cache testd-core $RS nosync)"
	dm_create m "$table"
	expect "the table line" "userspace 5 u insync_cache testd-core $RS nosync" \
		"$(dm_table m | grep -o 'userspace.*nosync')"
	expect "what CTR says" "$LEN testd-core $RS nosync" \
		"$(awk '$2 == "?" && $3 == "CTR" { print $9, $10, $11, $12; exit }' "$trace")"
	write_region m 3 "read me"
	trace_mark
	expect "what the mirror reads" "read me" \
		"$(read_dev "$(dmdev m)" $((3 * RS)) 1 | head -n 1)"
	expect "IN_SYNC for a read" 0 "$(nr_requests IN_SYNC)"
	dm_suspend m
	dm_resume m
	trace_mark
	read_dev "$(dmdev m)" $((3 * RS)) 1 >/dev/null
	requested GET_SYNC_COUNT || fail "the answer outlived a resume"
	expect "IN_SYNC for a read if all are in sync" 0 "$(nr_requests IN_SYNC)"
	dm_remove m
}

# Everything has been cleared and stored when POSTSUSPEND is sent, and there is
# silence until RESUME, apart from questions about the state.
suspend_resume()
{
	setup
	testd_start
	dm_create m "$(umirror u testd-disk "$log" $RS nosync)"
	trace_mark
	write_region m 9
	dm_suspend m
	wait_until requested POSTSUSPEND
	expect "held regions" "" "$(held_regions u)"
	expect "dirty regions" "" "$(log_dirty "$log")"
	dm_status m >/dev/null
	dm_resume m
	in_sync m || fail "after resume: $(dm_status m)"
	write_region m 10
	expect "requests of the suspend" "PRESUSPEND POSTSUSPEND RESUME" \
		"$(requests | tr ' ' '\n' | grep -E 'SUSPEND|RESUME' | xargs)"
	expect "requests while suspended" "" "$(trace_since | awk '
		$2 != "?" { next }
		$3 == "RESUME" { off = 0 }
		off && $3 != "STATUS_INFO" && $3 != "GET_SYNC_COUNT" { print $3 }
		$3 == "POSTSUSPEND" { off = 1 }' | xargs)"
	dm_remove m
}

# Two tables with one uuid are two instances, told apart by the luid.
reload()
{
	local old new

	setup
	testd_start
	dm_create m "$(umirror u testd-disk "$log" $RS nosync)"
	old=$(awk '$2 == "?" && $3 == "CTR" { l = $5 } END { print l }' "$trace")
	write_region m 2
	trace_mark
	dm_load m "$(umirror u testd-disk "$log" $RS)"
	new=$(awk '$2 == "?" && $3 == "CTR" { l = $5 } END { print l }' "$trace")
	[ "$old" != "$new" ] || fail "both tables have the luid $old"
	expect "status of the inactive table" "3 testd-disk $(majmin "$log") A" \
		"$($DMSETUP status --inactive "$PREFIX-m" | awk '{ print $(NF-3), $(NF-2), $(NF-1), $NF }')"
	dm_suspend m
	dm_resume m
	in_sync m || fail "after the reload: $(dm_status m)"
	write_region m 3
	dm_remove m
	expect "the exchange" \
		"new:CTR old:PRESUSPEND old:POSTSUSPEND new:RESUME old:DTR new:PRESUSPEND new:POSTSUSPEND new:DTR" \
		"$(trace_since | awk -v old="$old" '
			$2 == "?" && $3 ~ /CTR|DTR|SUSPEND|RESUME/ {
				print ($5 == old ? "old" : "new") ":" $3 }' | xargs)"
}

# A table that is loaded and never used.
never_resumed()
{
	setup
	testd_start
	dm_create m "$(umirror u testd-core $RS nosync)"
	trace_mark
	dm_load m "$(umirror u testd-core $RS)"
	$DMSETUP clear "$PREFIX-m"
	wait_until requested DTR || fail "no DTR: $(requests)"
	expect "requests for it" "CTR DTR" \
		"$(requests | tr ' ' '\n' | grep -E 'CTR|DTR|SUSPEND|RESUME' | xargs)"
	dm_remove m
}

asked_slow()
{
	requested IS_REMOTE_RECOVERING 1 slow || requested MARK_REGION 1 slow
}

# While one daemon's log does not answer, another log goes on. The answers come after an
# hour, or when the daemon is told to make no mistakes.
two_logs()
{
	local slow

	setup_same
	nullb leg2 2
	nullb leg3 2
	testd_start
	dm_create m "$(umirror fast testd-core $RS nosync)"
	dm_create s "$(mirror_table $LEN "$(ulog slow testd-core $RS nosync)" "$(dev leg2) $(dev leg3)")"
	testd_mistakes "IS_REMOTE_RECOVERING uuid=slow delay=3600000" \
		"MARK_REGION uuid=slow delay=3600000"
	trace_mark
	write_region s 1 &
	slow=$!
	wait_until asked_slow || fail "nothing asked for the slow log"
	write_region m 1 "fast"
	write_region m 2 "fast"
	dm_status m >/dev/null
	! gone $slow || fail "the slow log did not wait"
	testd_mistakes
	wait_until gone $slow || fail "the slow write still waits"
	wait $slow || fail "the slow write failed"
	dm_remove s
	dm_remove m
	expect_on_legs 1 "fast"
	expect_on_legs 2 "fast"
}

# --- what is refused ---------------------------------------------------------

log_messages()
{
	kmsg_since | grep -E '^(device-mapper: (dirty region log|dm-log)|dm-log)' | grep -v ' version '
}

# refused "ARGUMENTS" [BAD-ARGUMENT]: -EINVAL, a message, and nothing left behind.
refused()
{
	local said messages refs

	kmsg_mark
	trace_mark
	refs=$(refs)
	if said=$(dm_create m "$(mirror_table $LEN "$1" "$legs")" 2>&1); then
		complain "$1" "accepted"
		dm_remove m
		return
	fi
	[[ $said == *"Invalid argument"* ]] || complain "$1" "not EINVAL: $said"
	[ "$(refs)" = "$refs" ] || complain "$1" "module reference leaked"
	[ "$(count_ok CTR)" = "$(count_ok DTR)" ] || complain "$1" "the daemon still has it"
	is_ours || return 0
	messages=$(log_messages)
	[ "$(grep -c . <<<"$messages")" = 1 ] ||
		complain "$1" "not one message but: '${messages//$'\n'/ / }'"
	[ -z "${2:-}" ] || [[ $messages == *"$2"* ]] ||
		complain "$1" "does not name '$2': $messages"
}

refs()
{
	module_refs dm-log
	! module_loaded dm-log-userspace || module_refs dm-log-userspace
}

count_ok()	# TYPE: answered with success
{
	trace_since | awk -v t="$1" '$2 == "!" && $3 == t && $8 == 0 { n++ } END { print n + 0 }'
}

complain()
{
	echo "# '$1': $2"
	complaints=$((complaints + 1))
}

bad_arguments()
{
	local long

	setup
	testd_start
	complaints=0
	long=$(repeat u 129)
	refused "userspace 0"
	refused "userspace 1 u"
	refused "userspace 2 u testd-core"
	refused "userspace 3 u integrated_flush testd-core"
	refused "userspace 3 $long testd-core 128" "$long"
	refused "userspace 3 u no-such-log 128"
	refused "userspace 3 u testd-core 100"
	refused "userspace 3 u testd-core 1"
	refused "userspace 3 u testd-core 8192"
	refused "userspace 4 u testd-core 128 async"
	refused "userspace 5 u testd-core 128 sync sync"
	refused "userspace 4 u testd-disk /dev/no-such-device 128"
	refused "userspace 3 u testd-disk $log"
	refused "userspace 4 u testd-core 128 $(repeat x 400)"
	refused "userspace 4 u insync_cache clustered-core 128" "insync_cache"
	[ $complaints = 0 ]
}

long_uuid()
{
	local uuid

	setup
	testd_start
	uuid=$(repeat u 128)
	dm_create m "$(umirror "$uuid" testd-core $RS nosync)"
	expect "the uuid that the daemon sees" "$uuid" "$(awk '$3 == "CTR" { print $6; exit }' "$trace")"
	dm_remove m
}

no_daemon()
{
	local start=$SECONDS refs

	setup
	refs=$(refs)
	if dm_create m "$(umirror u testd-core $RS)" 2>/dev/null; then
		fail "made without a daemon"
	fi
	# Without waiting for one, which would be 15 s.
	allow 5
	[ $((SECONDS - start)) -le $allowed_s ] || fail "took $((SECONDS - start)) s"
	expect "module references" "$refs" "$(refs)"
}

# The log is fine, the mirror is not: the daemon hears of it.
mirror_fails()
{
	setup
	testd_start
	trace_mark
	if dm_create m "$(mirror_table $LEN "$(ulog u testd-core $RS)" "$(dev leg0) /dev/no-such-leg")" \
		2>/dev/null; then
		fail "made with a leg that is not there"
	fi
	wait_until requested DTR || fail "no DTR: $(requests)"
}

# --- answers that are no fault, or must be harmless --------------------------

# Each of these is sent beside or instead of the right one.
harmless()	# MISTAKE...
{
	setup_same
	clean_delay 0
	testd_start
	dm_create m "$(umirror u testd-core $RS nosync)"
	testd_mistakes "$*"
	write_region m 3 "on both"
	write_region m 4 "on both"
	dm_status m >/dev/null
	expect "the log's status" "1 testd-core" "$(log_status m)"
	in_sync m || fail "$* and $(dm_status m)"
	wait_until holds_nothing u || fail "held: $(held_regions u)"
	dm_remove m
	expect_on_legs 3 "on both"
	expect_on_legs 4 "on both"
}

twice()		{ harmless "* twice"; }
contradict()	{ harmless "* contradict"; }
second_socket()	{ harmless "* second-socket"; }
luid_0()	{ harmless "* luid=0"; }
unprivileged()	{ harmless "* unprivileged then-right value=5"; }
short_clear()	{ harmless "CLEAR_REGION len=0"; }
try_again()	{ harmless "* ack=11 count=3"; }

flushes()	# UUID [unique]
{
	awk -v u="$1" '$2 == "?" && $3 == "FLUSH" && $6 == u { print $4 }' "$trace" |
		sort ${2:+-u} | wc -l
}

# What is no answer is asked again after 15 s, with another number. All at once,
# because it takes that long.
repeated()
{
	local faults=(drop len=80 seq=1000000 delay=16000) i writers=() w start=$SECONDS

	for i in "${!faults[@]}"; do
		nullb "a$i" 2
		nullb "b$i" 2
	done
	testd_start
	for i in "${!faults[@]}"; do
		dm_create "m$i" "$(mirror_table $LEN "$(ulog "u$i" testd-core $RS nosync)" \
			"$(dev "a$i") $(dev "b$i")")"
	done
	testd_mistakes "FLUSH uuid=u0 count=1 ${faults[0]}" "FLUSH uuid=u1 count=1 ${faults[1]}" \
		"FLUSH uuid=u2 count=1 ${faults[2]}" "FLUSH uuid=u3 count=1 ${faults[3]}"
	for i in "${!faults[@]}"; do
		write_region "m$i" 7 "late" &
		writers+=($!)
	done
	for w in "${writers[@]}"; do
		wait "$w" || fail "a write failed"
	done
	[ $((SECONDS - start)) -ge 13 ] || fail "not repeated but taken for an answer"
	# Once, not twice.
	allow 30
	[ $((SECONDS - start)) -le $allowed_s ] || fail "took $((SECONDS - start)) s"
	for i in "${!faults[@]}"; do
		dm_remove "m$i"
		[ "$(flushes "u$i")" -ge 2 ] || fail "not repeated: ${faults[i]}"
		expect "different numbers (${faults[i]})" "$(flushes "u$i")" "$(flushes "u$i" unique)"
		expect "what leg b$i holds" late \
			"$(read_dev "$(dev "b$i")" $((7 * RS)) 1 | head -n 1)"
	done
}

# An error in place of a status is told as such, and is not for ever.
com_failure()
{
	setup
	testd_start
	dm_create m "$(umirror u testd-core $RS nosync)"
	testd_mistakes "STATUS_INFO error=-5"
	expect "the log's status" "userspace 1 COM_FAILURE" "$(log_status m)"
	testd_mistakes
	expect "the log's status" "1 testd-core" "$(log_status m)"
	dm_remove m
}

measure_machine
run_tests \
	traffic_at_create "requests at create and remove" \
	table_and_status "table and status lines" \
	deps		"the device that CTR names is a dependency" \
	resync_core	"testd-core: a full resync" \
	resync_disk	"testd-disk: a full resync" \
	nosync		"testd-disk: nosync" \
	crashed		"testd-disk: what was dirty is copied, nothing else" \
	lvm_log		"testd-disk: a log initialised by LVM" \
	write_plain	"a write is marked on disk while it is in flight" \
	write_integrated "the same with integrated_flush, the marks in FLUSH" \
	groups_plain	"512 regions at once" \
	groups_integrated "512 regions at once with integrated_flush" \
	reads		"reads ask and get the data" \
	hot_region	"what is marked is not marked again" \
	insync_cache	"insync_cache: what is in sync is not asked for again" \
	insync_cache_reads "insync_cache: reads, until the next resume" \
	suspend_resume	"suspend: all is stored before, and silence until resume" \
	reload		"reload: two instances, told apart by luid" \
	never_resumed	"a table that is never used gets its DTR" \
	two_logs	"a slow log does not hold up another" \
	bad_arguments	"bad arguments are refused and leave nothing behind" \
	long_uuid	"a uuid of 128 characters" \
	no_daemon	"no table without a daemon, and no wait" \
	mirror_fails	"DTR for a log whose mirror could not be made" \
	twice		"answers that come twice" \
	contradict	"B33: of two answers that contradict each other the first counts" \
	second_socket	"answers from another socket" \
	luid_0		"answers with luid 0" \
	unprivileged	"answers from an unprivileged process are not heard" \
	short_clear	"an empty answer to CLEAR_REGION" \
	try_again	"short answers with -EAGAIN" \
	repeated	"what is not answered is repeated after 15 s" \
	com_failure	"an error for a status is COM_FAILURE"
