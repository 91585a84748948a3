#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# What users of mirrors reported, as they do it: reads, discards, waits, renames, removals and
# failures at the wrong moment. None of these is a fault of this log; they are here to stay
# so. What the mirror itself does that nobody expects is in recipes2.sh.

# shellcheck source-path=SCRIPTDIR source=testd_lib.sh
. "$(dirname "$0")/testd_lib.sh"
# shellcheck source-path=SCRIPTDIR source=recipes_lib.sh
. "$(dirname "$0")/recipes_lib.sh"

# Discards of the whole device, and of half a region, while it is copied. With -f blkdiscard does
# not look first what is there, which would take as long as the copy.
discards_in_a_resync()
{
	local nr=0 deadline

	need_target delay
	begin discard=1
	nullb leg2 2 discard=1
	dm_create slow "0 $LEN delay $L0 0 $((20 + machine_ms / 16)) $L0 0 0"
	dm_create m "$(mirror_table $LEN "disk 2 $LOG $RS" "$(dmdev slow) $L1 $(dev leg2)" "1 handle_errors")"
	deadline=$((SECONDS + HANG_S))
	while ! in_sync m; do
		[ $SECONDS -lt $deadline ] || fail "no end of the resync: $(dm_status m)"
		blkdiscard -f "$(dmdev m)" 2>/dev/null
		blkdiscard -f -o 65536 -l 4096 "$(dmdev m)" 2>/dev/null
		nr=$((nr + 1))
	done
	echo "# $nr discards of the whole device"
	[ $nr -ge 2 ] || fail "the resync was over after $nr discards"
	expect "health" "AAA A" "$(leg_health m) $(log_health m)"
	dm_suspend m
	expect "dirty" "" "$(log_dirty "$LOG")"
}

# A mirror between two linear parts, as pvmove has it, is read from its first moment on, with
# readahead, by a program that waits for it. The legs do not begin at the same sector. What is
# copied to was never written to before: it is all zeros.
read_at_once()
{
	local i reader n=1029 to last

	ours_only
	last=$(($(rounds 100) - 1))
	nullb leg0 2
	nullb leg1 52
	L0=$(dev leg0) L1=$(dev leg1)
	tr '\0' '.' </dev/zero | head -c $((LEN * 512)) >"$work/data"
	dd if=/dev/urandom of="$work/data" bs=64k count=32 conv=notrunc status=none
	dd if="$work/data" of="$L0" oflag=direct bs=64k status=none
	for ((i = 0; i <= last; i++)); do
		to=$((7 + i * (n + 1)))
		read_when_there &
		reader=$!
		$DMSETUP create "$PREFIX-m" <<-END
			0 1024 linear $L0 0
			1024 $n mirror core 1 4 2 $L0 1024 $L1 $to
			2053 2043 linear $L0 2053
		END
		wait_until gone $reader || fail "the reader hangs"
		wait $reader || fail "what was read, in round $i"
		wait_until first_log " out_of_sync=0 " || fail "not in sync: $(dm_status m)"
		expect "regions" 258 "$(count_first regions)"
		$DMSETUP remove "$PREFIX-m"
	done
	dd if="$L1" of="$work/copies" iflag=direct bs=64k status=none
	for i in 0 1 $((last / 2)) $last; do
		to=$((7 + i * (n + 1)))
		cmp <(sectors "$work/data" 1024 $n) <(sectors "$work/copies" $to $n) ||
			fail "copy $i is no copy"
		# The one sector before it and behind it.
		cmp <(sectors "$work/copies" $((to - 1)) 1) <(sectors /dev/zero 0 1) || fail "written before copy $i"
		cmp <(sectors "$work/copies" $((to + n)) 1) <(sectors /dev/zero 0 1) || fail "written behind copy $i"
	done
}

sectors()	# FILE SKIP COUNT
{
	dd if="$1" bs=512 skip="$2" count="$3" status=none
}

# What is asked hundreds of times takes no process.
first_log()	# WORDS: in the line of the only log
{
	local line=

	read -r line <$COUNTERS || :
	[[ $line == *"$1"* ]]
}

count_first()	# COUNTER
{
	local line

	read -r line <$COUNTERS
	line=${line#* "$1"=}
	echo "${line%% *}"
}

# Opening it fails for as long as it has no table.
read_when_there()
{
	until { exec 8<"/dev/mapper/$PREFIX-m"; } 2>/dev/null; do
		nap 0.002
	done
	exec cmp "$work/data" - <&8
}

# Who only looks, and who only reads, does not wait for a log device that is suspended, whether
# it has a mark or a cleaning to write. Writes and a suspend do, and then go on.
log_suspended()	# CLEAN-DELAY
{
	local events writer suspend

	begin
	log_on_dm
	dm_create leg1 "$(linear "$L1" $LEN)"
	dm_create m "$(mirror_table $LEN "disk 3 $LOGD $RS sync" "$L0 $(dmdev leg1)" "1 handle_errors")"
	settle
	clean_delay "$1"
	events=$(dm_events m)
	if [ "$1" = 0 ]; then
		# The mark is made, its write ends only when the log is suspended.
		dm_suspend leg1 --noflush --nolockfs
		write_region m 4 &
		writer=$!
		wait_until region_is_dirty 4 || fail "region 4 is not marked"
		dm_suspend logd --noflush --nolockfs
		dm_resume leg1
		wait_until gone $writer || fail "a write waits for a cleaning"
		wait $writer
	else
		dm_suspend logd --noflush --nolockfs
		write_region m 4 &
		writer=$!
		wait_until in_flight m || fail "no write is under way"
	fi
	soon $DMSETUP status "$(dmname m)"
	soon $DMSETUP table "$(dmname m)"
	soon $DMSETUP info "$(dmname m)"
	soon $DMSETUP deps "$(dmname m)"
	soon cat $COUNTERS
	soon $DMSETUP load "$(dmname m)" --table \
		"$(mirror_table $LEN "disk 2 $LOGD $RS" "$L0 $(dmdev leg1)" "1 handle_errors")"
	soon dd if="$(dmdev m)" of=/dev/null iflag=direct bs=64k count=32 status=none
	[ "$1" = 0 ] || ! gone $writer || fail "the write did not wait for its mark"
	dm_suspend m &
	suspend=$!
	soon $DMSETUP status --noflush "$(dmname m)"
	soon $DMSETUP status --noflush "$(dmname m)"
	! gone $suspend || fail "the suspend did not wait for the log"
	dm_resume logd
	wait_until gone $writer $suspend || fail "what waited for the log goes on waiting"
	wait $writer || fail "the write failed"
	wait $suspend || fail "the suspend failed"
	expect "events" "$events" "$(dm_events m)"
	expect "dirty" "" "$(log_dirty "$LOG")"
	# The table that was loaded meanwhile.
	dm_resume m
	expect "status" "$NR/$NR AA A" "$(sync_ratio m) $(leg_health m) $(log_health m)"
}

log_suspended_mark()	{ log_suspended 3600000; }
log_suspended_clean()	{ log_suspended 0; }

region_is_dirty()
{
	! log_clean "$LOG" "$1"
}

# The mirror holds writes, first for a leg and then for its log, too: all reads are served.
reads_while_held()
{
	local i writers=()

	need_target flakey
	begin
	fill_dev "$L1" $LEN "leg 0"
	log_on_dm
	dm_create leg1 "$(linear "$L1" $LEN)"
	dm_create m "$(mirror_table $LEN "disk 3 $LOGD $RS sync" "$L0 $(dmdev leg1)" "1 handle_errors")"
	settle
	dm_swap leg1 "$(fail_writes "$L1" $LEN)"
	write_region m 3 held &
	writers+=($!)
	wait_until health_is AD || fail "the failure is not shown: $(dm_status m)"
	many_reads 200
	expect "region 3" held "$(read_dev "$(dmdev m)" $((3 * RS)) 1 | head -n 1)"
	dm_swap logd "0 2048 error"
	write_region m 20 held &
	writers+=($!)
	wait_until log_is D || fail "the log's failure is not shown: $(dm_status m)"
	many_reads 200
	soon probe "$(dmdev m)"
	for i in "${writers[@]}"; do
		! gone "$i" || fail "a write was not held"
	done
	dm_swap leg1 "$(linear "$L1" $LEN)"
	dm_load m "$(mirror_table $LEN "core 2 $RS nosync" "$L0 $L1" "1 handle_errors")"
	dm_suspend m --noflush
	dm_resume m
	for i in "${writers[@]}"; do
		wait_until gone "$i" || fail "a write that was held hangs"
		wait "$i" || fail "a write that was held failed"
	done
	for i in 3 20; do
		expect "region $i of the second leg" held "$(read_dev "$L1" $((i * RS)) 1 | head -n 1)"
	done
}

health_is()
{
	[ "$(leg_health m)" = "$1" ]
}

# There is nothing to be found.
probe()
{
	blkid -p "$1" || [ $? = 2 ]
}

# The whole device so many times, by one program: below it lies the device as often.
many_reads()	# TIMES
{
	local i

	for ((i = 0; i < $1; i++)); do
		echo "$((i * LEN)) $LEN linear /dev/mapper/$PREFIX-m 0"
	done >"$work/many"
	$DMSETUP create "$(dmname many)" "$work/many" --readonly
	soon dd if="$(dmdev many)" of=/dev/null iflag=direct bs=64k status=none
	dm_remove many
}

# "dmsetup wait": an event at the end of a resync, one for a trouble however many writes and
# retries meet it, and one for the next.
events()
{
	local e i waiters=() writers=()

	need_target flakey
	begin
	clean_delay 100
	log_on_dm
	dm_create m "$(mirror_table $LEN "disk 3 $LOGD $RS sync" "$L0 $L1" "1 handle_errors")"
	soon $DMSETUP wait "$(dmname m)" 0
	settle
	e=$(dm_events m)
	for ((i = 0; i < 32; i++)); do
		$DMSETUP wait "$(dmname m)" "$e" &
		waiters+=($!)
	done
	dm_swap logd "$(fail_writes "$LOG" 2048)"
	for i in 1 2 3 4; do
		write_region m $i "trouble" &
		writers+=($!)
	done
	for i in "${waiters[@]}"; do
		wait_until gone "$i" || fail "who waits for an event is not woken"
	done
	# It is tried again with the next write, and fails again.
	i=$(count m commit_errors)
	write_region m 5 "trouble" &
	writers+=($!)
	wait_until counts_more commit_errors "$i" || fail "the log is not tried again"
	expect "events, one for all" $((e + 1)) "$(dm_events m)"

	dm_swap logd "$(linear "$LOG" 2048)"
	dm_load m "$(mirror_table $LEN "disk 2 $LOGD $RS" "$L0 $L1" "1 handle_errors")"
	dm_suspend m --noflush
	dm_resume m
	for i in "${writers[@]}"; do
		wait_until gone "$i" || fail "a write hangs"
		wait "$i" || fail "a write failed"
	done
	settle
	i=$(dm_events m)
	[ "$i" -ge $((e + 1)) ] || fail "events of the new table: $i, of the old one $((e + 1))"
	e=$i
	$DMSETUP wait "$(dmname m)" "$e" &
	i=$!
	dm_swap logd "$(fail_writes "$LOG" 2048)"
	write_region m 9 "more trouble" &
	wait_until gone "$i" || fail "the next trouble raises no event"
	expect "events of the next trouble" $((e + 1)) "$(dm_events m)"
	dm_load m "$(mirror_table $LEN "core 2 $RS nosync" "$L0 $L1" "1 handle_errors")"
	dm_suspend m --noflush
	dm_resume m
	wait_jobs
}

counts_more()	# COUNTER THAN
{
	[ "$(count m "$1")" -gt "$2" ]
}

# pvmove's dance: four segments of a volume in use, one after the other, each as a mirror, those
# before it on the destination and those behind it on the source.
SEGMENT=4096
move_table()	# SEGMENT "LOG ARGUMENTS"
{
	local i

	for i in 0 1 2 3; do
		if [ $i -lt "$1" ]; then
			echo "$((i * SEGMENT)) $SEGMENT linear $D $((i * SEGMENT))"
		elif [ $i = "$1" ] && [ -n "$2" ]; then
			echo "$((i * SEGMENT)) $SEGMENT mirror $2 2 $S $((i * SEGMENT)) $D $((i * SEGMENT))"
		else
			echo "$((i * SEGMENT)) $SEGMENT linear $S $((i * SEGMENT))"
		fi
	done
}

segment_in_sync()
{
	[[ $($DMSETUP status "$(dmname pv)") == *" $NR/$NR "* ]]
}

# As LVM does it: the volume is suspended, too, and the table below it exchanged.
next_table()
{
	$DMSETUP load "$(dmname pv)" <<<"$1"
	if [ -n "${2:-}" ]; then
		expect "a segment that begins" "0/$NR" "$($DMSETUP status --inactive "$(dmname pv)" |
			awk '$3 == "mirror" { print $(5 + $4) }')"
	fi
	dm_suspend lv --noflush
	dm_suspend pv --noflush
	dm_resume pv
	dm_resume lv
}

move_begins()	# "LOG ARGUMENTS"
{
	ours_only
	nullb src 8
	nullb dst 8
	S=$(dev src) D=$(dev dst)
	fill_dev "$S" $((4 * SEGMENT)) data
	read_dev "$S" 0 $((4 * SEGMENT)) >"$work/before"
	dd if=/dev/urandom of="$work/pool" bs=1M count=12 status=none
	$DMSETUP create "$(dmname pv)" <<<"$(move_table 0 "$1")"
	dm_create lv "$(linear "$(dmdev pv)" $((4 * SEGMENT)))"
}

# In a step three quarters of each segment, in blocks of 4 KiB; the last is as it was before.
write_step()	# STEP
{
	local j

	for j in 0 1 2 3; do
		dd if="$work/pool" of="$(dmdev lv)" oflag=direct bs=4k skip=$(($1 * 256 + j * 512)) \
			seek=$((j * 512)) count=384 status=none || return
	done
}

after_step()	# STEP SEGMENT: what is in a segment then
{
	dd if="$work/pool" bs=4k skip=$(($1 * 256 + $2 * 512)) count=384 status=none
	dd if="$work/before" bs=4k skip=$(($2 * 512 + 384)) count=128 status=none
}

move()		# "LOG ARGUMENTS"
{
	local i j writer

	move_begins "$1"
	for i in 0 1 2 3; do
		write_step $i &
		writer=$!
		expect "where the log's mirror begins" $((i * SEGMENT)) \
			"$(awk -v d="$(majmin "$(dmdev pv)")" '$1 == d { print $2 }' $COUNTERS)"
		wait_until segment_in_sync || fail "segment $i: $($DMSETUP status "$(dmname pv)")"
		# The last one has no other behind it.
		[ $i = 3 ] && set -- "$1" "" || set -- "$1" new
		next_table "$(move_table $((i + 1)) "$1")" "$2"
		wait_until gone $writer || fail "a write hangs"
		wait $writer || fail "a write failed"
		for ((j = 0; j <= i; j++)); do
			cmp <(after_step $i $j) <(read_dev "$D" $((j * SEGMENT)) $SEGMENT) ||
				fail "segment $j on the destination, after segment $i was moved"
		done
		for ((j = i + 2; j < 4; j++)); do
			cmp <(after_step $i $j) <(read_dev "$S" $((j * SEGMENT)) $SEGMENT) ||
				fail "segment $j on the source, after segment $i was moved"
		done
	done
}

move_core() { move "core 1 $RS"; }

# Each segment has the same uuid: the daemon must not take a new log for the one that goes.
move_userspace()
{
	local luids

	testd_start
	move "userspace 3 same-uuid testd-core $RS"
	luids=$(awk '$2 == "?" && $3 == "CTR" { print $5 }' "$trace")
	expect "logs that were made" 4 "$(wc -l <<<"$luids")"
	expect "with a luid of its own" 4 "$(sort -u <<<"$luids" | wc -l)"
	expect "logs that were ended" "$(sort <<<"$luids" | xargs)" \
		"$(awk '$2 == "?" && $3 == "DTR" { print $5 }' "$trace" | sort | xargs)"
}

# A move is given up while writes are under way: the rest is on the source, with all that was
# written.
move_aborted()
{
	local i writers=() source

	need_target delay
	move_begins "core 1 $RS"
	wait_until segment_in_sync || fail "$($DMSETUP status "$(dmname pv)")"
	# Both take their time with writes, so that none ends before the move does.
	source=$S
	for i in src dst; do
		dm_create slow$i "0 $((4 * SEGMENT)) delay $(dev $i) 0 0 $(dev $i) 0 $((50 + machine_ms / 4))"
	done
	S=$(dmdev slowsrc) D=$(dmdev slowdst)
	next_table "$(move_table 1 "core 1 $RS")" new
	for ((i = 0; i < 20; i++)); do
		dd if="$work/pool" of="$(dmdev lv)" oflag=direct bs=4k skip=$((25 * i)) seek=$((512 + 25 * i)) \
			count=25 status=none &
		writers+=($!)
	done
	wait_until in_flight lv 10 || fail "the writes are not under way"
	! segment_in_sync || fail "the segment has been moved: $($DMSETUP status "$(dmname pv)")"
	next_table "$(move_table 1 "")"
	! gone "${writers[0]}" || fail "the writes had ended before"
	for i in "${writers[@]}"; do
		wait_until gone "$i" || fail "a write hangs"
		wait "$i" || fail "a write failed"
	done
	cmp <(dd if="$work/pool" bs=4k count=500 status=none) <(read_dev "$source" $((8 * 512)) 4000) ||
		fail "the source has not all that was written"
}

# Removal, deferred for as long as somebody has the device open.
deferred()
{
	local table before after i dm n

	need_target delay
	begin
	dm_create slow "0 $LEN delay $L1 0 0 $L1 0 $((50 + machine_ms / 8))"
	table="$(mirror_table $LEN "disk 2 $LOG $RS" "$L0 $(dmdev slow)")"
	dm_create m "$table"
	dm=/sys/dev/block/$(majmin "$(dmdev m)")
	exec 7<"$(dmdev m)"
	wait_until moved || fail "no progress: $(dm_status m)"
	$DMSETUP remove --deferred "$(dmname m)"
	before=$(sync_ratio m)
	dm_suspend m
	dm_resume m
	wait_until moved_on "${before%/*}" || fail "no progress while it is to be removed: $(dm_status m)"
	before=$(sync_ratio m)
	exec 7<&-
	# Its name goes first, and what has the log device last.
	wait_until removed || fail "not removed when it is closed"
	wait_until not_there "$dm" || fail "its device is still there"
	! in_sync_was "$before" || fail "all was copied before: $before"
	dm_create m "$table"
	after=$(sync_ratio m)
	[ "${after%/*}" -ge "${before%/*}" ] || fail "in sync before $before, now $after"
	wait_sync m
	dm_remove m
	expect "differing" "" "$(differing "$L0" "$L1")"
	# The writes of a file system end with its last close, and with that so does the device.
	n=$(rounds 10)
	for ((i = 0; i < n; i++)); do
		close_and_gone $((50 * i)) 50
	done
	expect "what the second leg got" "round $((50 * n - 1))" "$(read_dev "$L1" 0 1 | head -n 1 | xargs)"
}

in_sync_was()
{
	[ "${1%/*}" = "${1#*/}" ]
}

moved()
{
	case $(sync_ratio m) in 0/*) return 1 ;; esac
}

moved_on()	# FROM
{
	local now

	now=$(sync_ratio m)
	[ "${now%/*}" -gt "$1" ]
}

# Mirrors that are open and to be removed, on the same legs; then each is written to and closed,
# one after the other.
close_and_gone()	# FIRST NUMBER
{
	local i n=$2 fd fds=() names=() dms=() all=

	for ((i = 0; i < n; i++)); do
		names+=("$PREFIX-r$i")
		all+="$PREFIX-r$i,,,rw,$(mirror_table $LEN "core 2 $RS nosync" "$L0 $L1");"
	done
	$DMSETUP create --concise "${all%;}"
	for ((i = 0; i < n; i++)); do
		exec {fd}>"/dev/mapper/${names[i]}"
		fds[i]=$fd
		dms[i]=/sys/dev/block/$(majmin "/dev/mapper/${names[i]}")
	done
	$DMSETUP remove --deferred "${names[@]}"
	for ((i = 0; i < n; i++)); do
		[ -e "${dms[i]}" ] || fail "round $(($1 + i)): gone while it is open"
		printf '%-511s\n' "round $(($1 + i))" >&"${fds[i]}"
		fd=${fds[i]}
		exec {fd}>&-
		wait_until not_there "${dms[i]}" || fail "round $(($1 + i)): not removed"
	done
	rm -f "${names[@]/#//dev/mapper/}"
}

not_there()
{
	[ ! -e "$1" ]
}

removed()
{
	! $DMSETUP info "$(dmname m)" >/dev/null 2>&1
}

# Tables that are refused and tables that nobody resumes, hundreds of them, beside a live mirror
# on the same log device that is being copied.
tables_in_vain()
{
	local refs before now

	need_target delay
	begin
	log_on_dm
	dm_create slow "0 $LEN delay $L1 0 0 $L1 0 $((1000 + machine_ms))"
	dm_create m "$(mirror_table $LEN "disk 2 $LOGD $RS" "$L0 $(dmdev slow)")" --uuid u
	refs=$(module_refs dm-log)
	wait_until moved || fail "no progress: $(dm_status m)"
	before=$(sync_ratio m)
	load_in_vain "$(rounds 200)" || fail "a table was not treated as expected"
	expect "references" "$refs" "$(module_refs dm-log)"
	now=$(sync_ratio m)
	echo "# in sync before the tables $before, after them $now"
	[ "${now%/*}" -ge "${before%/*}" ] || fail "in sync $before, then $now"
	! in_sync m || fail "the resync was over before"
	dm_swap slow "$(linear "$L1" $LEN)"
	expect "who has the log open" 1 "$($DMSETUP info -c --noheadings -o open "$(dmname logd)")"
	wait_sync m
	expect "health" "AA A" "$(leg_health m) $(log_health m)"
	dm_remove m
	expect "who has the log open" 0 "$($DMSETUP info -c --noheadings -o open "$(dmname logd)")"
	expect "header" "4d695272 00000002 $(printf %016x $NR)" "$(log_header "$LOG")"
	expect "dirty" "" "$(log_dirty "$LOG")"
	expect "differing" "" "$(differing "$L0" "$L1")"
}

# As dmsetup does it, without a program for each: that is a thousand.
load_in_vain()	# ROUNDS
{
	python3 - "$1" "$(dmname m)" "$LOGD" "$L0" "$L1" <<-'END'
		import errno, fcntl, struct, sys
		rounds, name, log, leg0, leg1 = sys.argv[1:]
		control = open("/dev/mapper/control", "rb+", buffering=0)

		def command(number, length=0, parameters=""):
		    """DM_TABLE_LOAD with one mirror, or DM_TABLE_CLEAR; the error, or 0."""
		    target = b""
		    if length:
		        words = parameters.encode().ljust((len(parameters) + 8) // 8 * 8, b"\0")
		        target = struct.pack("=QQiI16s", 0, length, 0, 40 + len(words), b"mirror") + words
		    head = struct.pack("=3I2IIiIIIQ128s129s7s", 4, 0, 0, 16384, 312, bool(length), 0, 0, 0, 0,
		                       0, name.encode(), b"", b"")
		    size = len(head) - 312
		    assert not size, size
		    try:
		        fcntl.ioctl(control, 0xc138fd00 | number, bytearray((head + target).ljust(16384, b"\0")))
		    except OSError as e:
		        return e.errno
		    return 0

		legs = f"2 {leg0} 0 {leg1} 0"
		refused = [(4096, f"disk 3 {log} 128 maybe {legs}"),
		           (4096, f"disk 2 {log} 128 2 {leg0} 0 /dev/missing 0"),
		           (4096, f"disk 2 {log} 128 {legs} 1 nonsense")]
		# The first is too long for the legs, which dm finds out when it is resumed.
		loaded = [(8192, f"disk 3 {log} 64 sync {legs}"), (2048, f"disk 3 {log} 256 nosync {legs}")]
		LOAD, CLEAR = 9, 10
		for n in range(int(rounds)):
		    for table in refused:
		        error = command(LOAD, *table)
		        if error not in (errno.EINVAL, errno.ENODEV, errno.ENOENT, errno.ENXIO):
		            sys.exit(f"# round {n}: {table}: error {error}")
		    for table in loaded:
		        error = command(LOAD, *table)
		        if error:
		            sys.exit(f"# round {n}: {table}: error {error}")
		    error = command(CLEAR)
		    if error:
		        sys.exit(f"# round {n}: clear: error {error}")
	END
}

# A table is wiped while writes are under way and regions are copied: what may differ is dirty.
wiped()
{
	local i writers=()

	need_target delay
	begin
	# A write of a region that is not in sync goes to the first leg only.
	dm_create slow0 "0 $LEN delay $L0 0 0 $L0 0 $((100 + machine_ms))"
	dm_create slow "0 $LEN delay $L1 0 0 $L1 0 $((100 + machine_ms / 4))"
	dm_create m "$(mirror_table $LEN "disk 2 $LOG $RS" "$(dmdev slow0) $(dmdev slow)")"
	wait_until moved || fail "no progress: $(dm_status m)"
	for i in 0 4 8 12 16 20 24 28; do
		write_region m $i "in flight" 2>/dev/null &
		writers+=($!)
	done
	wait_until in_flight m 2 || fail "no writes are under way"
	soon $DMSETUP wipe_table "$(dmname m)"
	for i in "${writers[@]}"; do
		wait_until gone "$i" || fail "a write hangs"
	done
	legs_agree_with_log
	expect "table" "0 $LEN error" "$(dm_table m | xargs)"
}

# One bit at the end of very many: lost, and found again at each resume.
last_of_many()	# "LOG ARGUMENTS" ROUNDS
{
	local i reads start took max=0 n=$((1 << 28)) stat

	ours_only
	need_target zero
	dm_create z "0 $((2 * n)) zero"
	dm_create e "0 $((2 * n - 2)) zero
$((2 * n - 2)) 2 error"
	dm_create m "$(mirror_table $((2 * n)) "$1" "$(dmdev z) $(dmdev e)")"
	# dm does not count what an error target refuses; a copy begins with a read.
	stat=/sys/dev/block/$(majmin "$(dmdev z)")/stat
	for ((i = 0; i < $2; i++)); do
		dd if=/dev/zero of="$(dmdev m)" oflag=direct bs=1k count=1 seek=$((n - 1)) status=none
		wait_until first_log " out_of_sync=1 " || fail "round $i, after a write that failed: $(dm_status m)"
		$DMSETUP suspend "$PREFIX-m"
		read -r reads _ <"$stat"
		start=${EPOCHREALTIME/./}
		$DMSETUP resume "$PREFIX-m"
		took=$(((${EPOCHREALTIME/./} - start) / 1000))
		[ $took -le $max ] || max=$took
		wait_until offered "$reads" || fail "round $i: the region is not tried again: $(dm_status m)"
		first_log " out_of_sync=1 " || fail "round $i: what cannot be copied is in sync"
	done
	expect "in sync" "$((n - 1))/$n" "$(sync_ratio m)"
	echo "# dmsetup resume took $max ms at most"
}

offered()	# READS: there have been more since
{
	local now

	read -r now _ <"$stat"
	[ "$now" -gt "$1" ]
}

ratio_is()
{
	[ "$(sync_ratio m)" = "$1" ]
}

last_of_many_core() { last_of_many "core 2 2 nosync" "$(rounds 100)"; }
last_of_many_disk()
{
	nullb log 33
	last_of_many "disk 3 $(dev log) 2 nosync" "$(rounds 5)"
}

# Writes ahead of a first copy that is interrupted: what was written and not copied yet is dirty.
ahead_of_resync()
{
	local r table

	need_target delay
	begin
	clean_delay 3600000
	dm_create slow "0 $LEN delay $L1 0 0 $L1 0 $((200 + machine_ms / 2))"
	table="$(mirror_table $LEN "disk 2 $LOG $RS" "$L0 $(dmdev slow)")"
	dm_create m "$table"
	for r in 31 30 29 28; do
		write_region m $r "ahead $r"
		legs_agree_with_log
	done
	dm_suspend m
	! in_sync m || fail "too fast"
	for r in 28 29 30 31; do
		! log_clean "$LOG" $r || fail "$r is clean though it was not copied: $(log_dirty "$LOG")"
	done
	legs_agree_with_log
	dm_resume m
	for r in 31 30; do
		write_region m $r "again $r"
		legs_agree_with_log
	done
	dm_remove m
	legs_agree_with_log
	dm_swap slow "$(linear "$L1" $LEN)"
	dm_create m "$table"
	wait_sync m
	dm_remove m
	expect "differing" "" "$(differing "$L0" "$L1")"
	expect "region 31" "again 31" "$(read_dev "$L1" $((31 * RS)) 1 | head -n 1)"
}

# Its name and uuid are changed while it is copied, and the counters' file is open all the time.
renamed()
{
	local i uuid sectors

	need_target delay
	begin
	sectors=$(sectors_written "$L1")
	dm_create slow "0 $LEN delay $L1 0 0 $L1 0 $((100 + machine_ms / 4))"
	dm_create m "$(mirror_table $LEN "disk 2 $LOG $RS" "$L0 $(dmdev slow)")"
	exec 7<$COUNTERS
	for ((i = 0; i < 50; i++)); do
		$DMSETUP rename "$(dmname m)" "$(dmname n)"
		$DMSETUP rename "$(dmname n)" "$(dmname m)"
	done
	$DMSETUP rename --setuuid "$(dmname m)" late
	dm_suspend m
	dm_resume m
	wait_sync m
	expect "sectors written to the second leg" $LEN $(($(sectors_written "$L1") - sectors))
	expect "uuid in the record" late "$(log_uuid)"
	dm_remove m
	expect "what was open over the removal" "" "$(cat <&7)"
	exec 7<&-
	expect "differing" "" "$(differing "$L0" "$L1")"
	# Its beginning is the other one's uuid, its length all there may be.
	uuid=late$(repeat r 124)
	kmsg_mark
	dm_create n "$(mirror_table $LEN "disk 2 $LOG $RS" "$L0 $L1")" --uuid "$uuid"
	[[ $(kmsg_since) == *"belongs to mirror late, expected $uuid"* ]] ||
		fail "not told from the other mirror: $(kmsg_since | grep 'dirty region log')"
	wait_sync n
	expect "uuid in the record" "$uuid" "$(log_uuid)"
	dm_remove n
}

sectors_written()	# DEVICE
{
	awk '{ print $7 }' "/sys/block/${1#/dev/}/stat"
}

log_uuid()
{
	read_dev "$LOG" 0 1 | tail -c +41 | head -c 128 | tr -d '\0'
}

# The first leg is shorter than the mirror; becomes shorter while it is in use; has no table.
short_leg()
{
	local before

	begin
	dm_create short "$(linear "$L0" $((LEN - 1)))"
	before=$(dev_sum "$LOG" 64)
	! dm_create m "$(mirror_table $LEN "disk 2 $LOG $RS" "$(dmdev short) $L1")" 2>/dev/null || fail "accepted"
	expect "log" "$before" "$(dev_sum "$LOG" 64)"
	dm_create m "$(mirror_table $((LEN - 1)) "disk 2 $LOG $RS" "$(dmdev short) $L1")"
	settle
	dm_load short "$(linear "$L0" 4000)"
	dm_suspend short
	dm_resume short
	dd if=/dev/zero of="$(dmdev m)" oflag=direct bs=512 seek=4090 count=1 status=none
	wait_until ratio_is "$((NR - 1))/$NR" || fail "after a write beyond the end: $(dm_status m)"
	expect "health" DA "$(leg_health m)"
	expect "dirty" 31 "$(log_dirty "$LOG")"
	dm_suspend m
	kmsg_mark
	dm_resume m
	wait_until given_up || fail "the region is not tried again"
	worker_passes m 31 2>/dev/null || :
	expect "in sync after a resume" "$((NR - 1))/$NR" "$(sync_ratio m)"
	expect "dirty after a resume" 31 "$(log_dirty "$LOG")"
	# It does not spin.
	expect "said of the region" 1 "$(given_up_said | wc -l)"
	dm_remove m
	$DMSETUP create "$(dmname empty)" --notable
	! dm_create n "$(mirror_table $LEN "core 1 $RS" "$(dmdev empty) $L1")" 2>/dev/null ||
		fail "a leg without a table was accepted"
}

given_up_said()
{
	kmsg_since | grep "region 31 of .* could not be recovered" || :
}

given_up()
{
	[ -n "$(given_up_said)" ]
}

measure_machine
run_tests \
	discards_in_a_resync	"discards while a mirror is copied" \
	read_at_once	"a move's device is read the moment it appears" \
	log_suspended_mark "the log's device is suspended, a mark waits: looks and reads do not" \
	log_suspended_clean "the log's device is suspended, a cleaning waits: looks and reads do not" \
	reads_while_held "reads are served while the mirror holds writes" \
	events		"dmsetup wait: one event for each trouble, all who wait are woken" \
	move_core	"pvmove's tables, segment by segment, in use" \
	move_userspace	"pvmove's tables, segment by segment, logs of one uuid kept by a daemon" \
	move_aborted	"a move is aborted in the middle of writes" \
	deferred	"deferred removal in a resync, and after a write, many times" \
	tables_in_vain	"tables that are refused or never resumed do not touch a live log" \
	wiped		"a table is wiped in a resync, with writes under way" \
	last_of_many_core "the last of 2^28 regions fails and is tried again, core log" \
	last_of_many_disk "the last of 2^28 regions fails and is tried again, disk log" \
	ahead_of_resync	"writes ahead of a first copy that is interrupted" \
	renamed		"name and uuid change while a mirror is copied" \
	short_leg	"the first leg is too short, or becomes so"
