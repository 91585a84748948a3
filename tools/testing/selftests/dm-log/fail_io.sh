#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Every I/O of a disk log fails once, in turn: the first of a mirror's life, then the
# second and so on, until it has no more. Each time: the status letter, the event, what
# is dirty on disk while a write is under way, whether the mirror serves, and whether
# the log is right in the end.
#
# Wants a kernel with fail_make_request, see fault-injection.rst.

. "$(dirname "$0")/dm_log_lib.sh"

FAULT=/sys/kernel/debug/fail_make_request
PERIOD=256	# more I/O than a mirror's life has here

# The log is a linear device: it fails, and what is below shows its bytes all the same.
# So is the second leg, where writes can be held up.
setup()
{
	[ -d $FAULT ] || skip "needs CONFIG_FAIL_MAKE_REQUEST and debugfs"
	nullb leg0 2
	nullb leg1 2
	nullb disk 1
	disk=$(dev disk)
	fill_dev "$(dev leg0)" $LEN "same data"
	fill_dev "$(dev leg1)" $LEN "same data"
	dm_create log "$(linear "$disk" 2048)"
	dm_create leg1 "$(linear "$(dev leg1)" $LEN)"
	log=$(dmdev log)
	legs="$(dev leg0) $(dmdev leg1)"
	sysfs=/sys/dev/block/$(majmin "$log")
	clean_delay 0
	echo 0 >$FAULT/verbose
	echo 0 >$FAULT/space
	echo N >$FAULT/task-filter
	echo $PERIOD >$FAULT/interval
	echo 100 >$FAULT/probability
	echo 0 >$FAULT/times
	echo 1 >"$sysfs/make-it-fail"
}

read_log()	# TIMES
{
	dd if="$log" of=/dev/null iflag=direct bs=512 count="$1" status=none 2>/dev/null
}

# arm N: the Nth I/O from here fails, and no other. Each one counts that passes by, and
# when the count can be divided by the period one fails: first find out where it stands.
arm()
{
	echo 1 >$FAULT/times
	! read_log $((PERIOD + 1)) || fail "nothing fails with fail_make_request"
	echo -1 >$FAULT/times
	read_log $((PERIOD - $1)) || fail "the wrong I/O failed"
	echo 1 >$FAULT/times
}

disarm() { echo 0 >$FAULT/times; }

# True after the failure that was ordered.
hit() { [ "$(cat $FAULT/times)" = 0 ]; }

log_reads() { awk '{ print $1 }' "$sysfs/stat"; }

holds()		# REGION TEXT
{
	local leg

	for leg in $legs; do
		expect "failure $n: what $leg holds" "$2" \
			"$(read_dev "$leg" $(($1 * RS)) 1 | head -n 1)"
	done
}

has_text()	# LEG REGION
{
	[ "$(read_dev "$1" $(($2 * RS)) 1 | head -n 1)" = "failure $n" ]
}

# All regions are clean, if need be after another attempt at writing: nobody else writes.
wait_clean()
{
	wait_until log_all_clean "$disk" || fail "failure $n: dirty: $(log_dirty "$disk")"
}

# What was marked durably is dirty on disk while the write goes on, which is when one leg
# has it and the other one not. Only if the mark itself met the failure there is nothing
# to be durable.
write_seen()	# REGION
{
	local writer before dirty

	wait_clean
	before=$(cat $FAULT/times)
	dm_suspend leg1
	write_region m "$1" "failure $n" &
	writer=$!
	wait_until has_text "$(dev leg0)" "$1" || fail "failure $n: nothing is written"
	dirty=$(log_dirty "$disk")
	! has_text "$(dev leg1)" "$1" || fail "failure $n: nothing is under way"
	if [ "$before" = "$(cat $FAULT/times)" ]; then
		seen=$((seen + 1))
		[[ " $dirty " == *" $1 "* ]] ||
			fail "failure $n: region $1 is being written, but dirty are: $dirty"
	fi
	dm_resume leg1
	wait $writer || fail "failure $n: a write to region $1 failed"
	expect "failure $n: what the mirror reads" "failure $n" \
		"$(read_dev "$(dmdev m)" $(($1 * RS)) 1 | head -n 1)"
	holds "$1" "failure $n"
}

# Before any resume that could set it right. A read is tried again at once, and so the
# failure of one is no failure of the log.
check_health()
{
	local got extra=0

	got="$(log_health m) and $(dm_events m) event(s)"
	if hit && [ "$n" -gt "$reads" ]; then
		extra=1 failed=$((failed + 1))
	fi
	[[ $got == $([ $extra = 0 ] && echo A || echo "[DF]")" and $((events + extra)) event(s)" ]] ||
		fail "failure $n: log is $got, of which $events are the mirror's"
}

# One life of a mirror: brought up, resynced, written, suspended, resumed, written,
# removed. In the first one, with n=0, nothing fails: it says what is normal.
life()		# TABLE
{
	local before

	before=$(log_reads)
	dm_create m "$1"
	[ "$n" != 0 ] || reads=$(($(log_reads) - before))
	wait_sync m
	write_seen 7
	write_region m 8 "failure $n"
	wait_clean
	[ "$n" != 0 ] || events=$(dm_events m)
	check_health
	before=$(cat $FAULT/times)
	dm_suspend m
	dm_resume m
	[ "$before" != "$(cat $FAULT/times)" ] ||
		expect "failure $n: health after a resume without a fault" A "$(log_health m)"
	write_seen 11
	before=$(cat $FAULT/times)
	dm_remove m
	# What could not be said any more is dirty.
	[ "$before" != "$(cat $FAULT/times)" ] ||
		expect "failure $n: dirty after removal" "" "$(log_dirty "$disk")"
}

# The next life, without failures: everything is as it should be.
check_afterwards()	# TABLE
{
	local r

	dm_create m "$1"
	wait_sync m
	expect "failure $n: health afterwards" A "$(log_health m)"
	dm_remove m
	expect "failure $n: the header afterwards" "$(printf '%08x %08x %016x' $LOG_MAGIC 2 $NR)" \
		"$(log_header "$disk")"
	expect "failure $n: dirty afterwards" "" "$(log_dirty "$disk")"
	expect "failure $n: regions differing afterwards" "" \
		"$(differing "$(dev leg0)" "$(dev leg1)")"
	for r in 7 8 11; do
		holds $r "failure $n"
	done
}

# sweep KEYWORD PREPARE: until a life has no more I/O. PREPARE makes the log's bytes and
# the legs. The keyword is not for the life afterwards, which has to believe the log.
sweep()
{
	local args="disk $((${#1} ? 3 : 2)) $log $RS" n reads events failed=0 seen=0

	for ((n = 0; n < PERIOD; n++)); do
		"$2"
		[ $n = 0 ] || arm $n
		life "$(mirror_table $LEN "$args${1:+ $1}" "$legs")"
		if [ $n != 0 ] && ! hit; then
			disarm
			break
		fi
		echo "# failure $n is over"
		check_afterwards "$(mirror_table $LEN "${args/disk 3/disk 2}" "$legs")"
	done
	echo "# ${1:-default}: $((n - 1)) I/Os of the log failed, one at a time; $reads reads at" \
		"a resume; D or F until the next resume $failed times"
	[ $failed -ge 3 ] && [ $n -gt 10 ] || fail "hardly an I/O failed"
	echo "# $seen times a write was seen under way, and its region dirty on disk"
	[ $seen -ge $n ] || fail "hardly a write was seen"
}

dirty_regions()
{
	log_format "$disk" 4 20
	fill_at "$(dev leg0)" $((4 * RS)) 8 "newer in $n"
	fill_at "$(dev leg1)" $((20 * RS)) 8 "older in $n"
}

no_log() { zero_dev "$disk" 64; }

dirty_log()
{
	setup
	sweep "" dirty_regions
}

new_log()
{
	setup
	sweep nosync no_log
}

run_tests \
	dirty_log "a dirty log: each I/O fails once: status, event, marks, and healed" \
	new_log	"a new log: each I/O fails once: status, event, marks, and healed"
