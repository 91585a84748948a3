#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# A mirror under a mixed load, until the power is cut in the midst of it. Booted again
# and again on the same disks, by scripts/soak:
#
#	soak.sh check|nocheck load|end SEED KIND LEG0 LEG1 LOG ACKS
#
# check looks at what the last cut left: each region whose legs differ must be dirty in
# the log. Then it lets the mirror recover, which must copy the dirty regions and no other,
# and looks whether all writes are there that were acknowledged before the cut. nocheck is
# for fresh disks. load then does at random whatever may happen to a mirror, from SEED, and
# says when it wants the power cut. Now and then it takes the mirror down in order instead.
#
# KIND is what keeps the log:
#	disk	the type disk
#	testd	the type userspace, with dm-log-testd's log on the same device
#	stock	the kernel's own type disk: no failures, it does not survive them all
#
# Lines for the host: "@op NAME" what was done, "@NAME NUMBER" a figure.

# shellcheck source-path=SCRIPTDIR source=testd_lib.sh
. "$(dirname "$0")/testd_lib.sh"

MOST=256		# regions of the mirror, if it is not shrunk
NR=$MOST
LEN=$((RS * MOST))
FIO=64			# of them fio has these, the others are for writes with generations
FIRST=$((FIO * RS / 8))	# in blocks of 4 KiB
BLOCKS=$(((MOST - FIO) * RS / 8))
SPAN=24			# regions that fio writes to at a time

usage()
{
	ktap_skip_all "needs a power cut: see the head of $0"
	exit "$KSFT_SKIP"
}

[ $# -eq 8 ] || usage
phase=$1 then=$2 seed=$3 kind=$4
leg0=$5 leg1=$6 log=$7 acks=$8
soak_io=${SOAK_IO:-$lib_dir/soak-io}
flushing=$work/flushing	# locked as long as a flush is under way

# The host counts these.
wrong()
{
	echo "not ok - $*"
	explain
	# What hangs would hang us.
	exit 1
}

fail() { wrong "$@"; }

done_op()
{
	echo "@op $*"
}

chance()	# PERCENT
{
	[ $((RANDOM % 100)) -lt "$1" ]
}

# one_of WORD...: it is in $REPLY. A subshell has random numbers of its own, which
# $seed would not repeat.
one_of()
{
	local n=$((RANDOM % $# + 1))

	REPLY=${!n}
}

pause()		# MILLISECONDS, below 1000: at most
{
	local ms=$((RANDOM % $1 + 1000))

	sleep "0.${ms#1}"
}

# --- what a power cut left ---------------------------------------------------

# A region that the log does not have yet is dirty.
dirty_in_log()
{
	local have

	have=$((16#$(log_count "$log")))
	[ $have -le $MOST ] || have=$MOST
	echo "$(log_dirty "$log" $have) $(seq -s ' ' $have $((MOST - 1)))" | xargs
}

look()
{
	local r

	expect "magic and version" "4d695272 00000002" "$(log_header "$log" | cut -d' ' -f1,2)"
	dirty=$(dirty_in_log)
	nr_dirty=$(wc -w <<<"$dirty")
	differ=$(differing "$leg0" "$leg1")
	echo "@differ $(wc -w <<<"$differ")"
	echo "@dirty $nr_dirty"
	echo "@regions $MOST"
	echo "# regions that differ: $differ"
	for r in $differ; do
		[[ " $dirty " == *" $r "* ]] || wrong "region $r differs but is clean in the log"
	done
}

sectors_written()
{
	awk '{ print $7 }' "/sys/block/${leg1#/dev/}/stat"
}

# With the type disk, whoever wrote the log: they are to understand each other. At full
# speed, which fresh disks need too.
resync()
{
	dm_create m "$(mirror_table $LEN "disk 2 $log $RS" "$leg0 $leg1")"
	wait_sync m
	dm_remove m
}

recover()
{
	local before

	before=$(sectors_written)
	resync
	expect "sectors copied" $((nr_dirty * RS)) $(($(sectors_written) - before))
	expect "regions differing after recovery" "" "$(differing "$leg0" "$leg1")"
	expect "dirty regions after recovery" "" "$(log_dirty "$log" $MOST)"
	"$soak_io" verify "$acks" $FIRST $BLOCKS "$leg0" "$leg1" ||
		wrong "writes that were acknowledged are lost"
}

# --- the mirror --------------------------------------------------------------

# A leg that is behind the other at the next cut, or a log with a delay of its own.
delayed()	# DEVICE SECTORS MILLISECONDS
{
	echo "0 $2 delay $1 0 0 $1 0 $3"
}

table()		# a table line for the mirror as it is now
{
	local words

	words="disk 2 $(dmdev log) $RS"
	[ $kind != testd ] || words=$(ulog u testd-disk "$(dmdev log)" $RS)
	mirror_table $((NR * RS)) "$words" "$(dmdev leg0) $(dmdev leg1)" "1 handle_errors"
}

# It does not hang, whatever the state of the log and of the daemon.
bounded()	# COMMAND...
{
	within "$@" || wrong "fails, or is not over after $HANG_S s: $*: $(cat "$work/out")"
}

# A table whose daemon is not there is refused. The daemon will come back.
load()
{
	[ $kind != testd ] || wait_until loaded || wrong "the table cannot be loaded: $(cat "$work/out")"
	[ $kind = testd ] || bounded dm_load m "$(table)"
}

loaded()
{
	within dm_load m "$(table)"
}

swap()		# DEVICE TABLE: what a leg or the log is made of
{
	bounded dm_load "$1" "$2"
	bounded dm_suspend "$1" "${@:3}"
	bounded dm_resume "$1"
}

sector_count()	# leg0|leg1|log
{
	if [ "$1" = log ]; then echo $((512 * 2)); else echo $LEN; fi
}

# As it is when nothing is wrong with it: the second leg is behind the first, so that a
# cut leaves them different.
well()		# leg0|leg1|log
{
	local ms=0

	[ "$1" != leg1 ] || ms=10
	delayed "${!1}" "$(sector_count "$1")" $ms
}

# What userspace does after a failure: the same table again, without failing the
# writes that wait.
renew()
{
	load
	bounded dm_suspend m --noflush
	bounded dm_resume m
}

# --- what happens to it ------------------------------------------------------

# Locked by who must not be disturbed by, or makes, trouble with the daemon; unlocked in so
# many words, for the daemon inherits it.
exec {trouble}>"$work/trouble"

op_status()
{
	bounded dm_status m
	bounded dm_table m
	bounded dm_status m --noflush
}

op_suspend()
{
	one_of "" --noflush --nolockfs
	bounded dm_suspend m ${REPLY:+"$REPLY"}
	pause 200
	chance 70 || op_status
	bounded dm_resume m
}

op_reload()
{
	load
	chance 70 || op_status
	one_of "" --noflush
	bounded dm_suspend m ${REPLY:+"$REPLY"}
	bounded dm_resume m
}

op_resize()
{
	one_of $MOST $MOST $MOST 250 224 192
	NR=$REPLY
	op_reload
}

op_leg_speed()
{
	local leg

	one_of leg0 leg1
	leg=$REPLY
	one_of 0 10 20 30 50
	swap "$leg" "$(delayed "${!leg}" $LEN "$REPLY")"
}

op_cleaning()
{
	one_of 0 10 100 1000 5000
	clean_delay "$REPLY"
	one_of 1 4 16 64 65536
	echo "$REPLY" >$PARAMS/max_idle_regions
}

# The second leg only: after a cut the mirror trusts the first one, as dm-mirror does.
#
# And no flush from above as long as it fails, or dm-region-hash hangs, whatever the log:
# a flush that failed on a leg sets flush_failure, for as long as the table lives. From
# then on dm_rh_dec() makes each region NOSYNC whose last write ends, also one that is to
# be recovered and only waits for that. It is forgotten, its recovery never ends, and
# dm_rh_stop_recovery(), so the next suspend, waits for ever. The log's own flushes of the
# legs go another way and may fail.
op_leg_fails()
{
	local lock

	exec {lock}>>"$flushing"
	bounded flock $lock
	swap leg1 "$(fail_writes "$leg1" $LEN)"
	pause 300
	chance 70 || op_reload
	pause 300
	swap leg1 "$(well leg1)"
	renew
	# Of those who have inherited it, too.
	flock -u $lock
	exec {lock}>&-
}

# A log that dm-log-testd cannot read knows nothing of what is written to regions out of
# sync: unlike the type disk it does not hold such writes. So while its log fails it must
# not die, by a cut or otherwise; and it has read its log before.
op_log_fails()
{
	if [ $kind != testd ]; then
		fail_log
		return
	fi
	touch "$work/no_cut"
	flock $trouble
	bounded dm_status m
	fail_log
	rm -f "$work/no_cut"
	flock -u $trouble
}

fail_log()
{
	one_of "$(fail_writes "$log" 1024)" "$(fail_reads "$log" 1024)" "0 1024 error"
	swap log "$REPLY"
	pause 300
	chance 60 || op_reload
	pause 300
	swap log "$(well log)"
	renew
}

# Can anything still be written, in bounded time?
op_probe()
{
	! gone $writers || wrong "soak-io has ended"
	bounded write_region m $((RANDOM % FIO))
}

# Nothing but writes, to go on after what was before.
op_quiet()
{
	sleep 1
}

# The table of another type, on the same log.
op_type()
{
	case $kind in
	disk)	kind=testd ;;
	testd)	kind=disk ;;
	esac
	op_reload
	echo $kind >"$work/kind"
}

# What may happen to the daemon at any time, beside everything else.
daemon_trouble()
{
	local trouble

	RANDOM=$seed
	exec {trouble}>"$work/trouble"
	while [ ! -e "$work/stop" ]; do
		sleep 1
		pause 999
		[ "$(cat "$work/kind")" = testd ] || continue
		flock $trouble
		if chance 50; then
			testd_kill
			pause 300
			testd_spawn
			done_op daemon_killed
		else
			kill -STOP "$testd"
			pause 300
			kill -CONT "$testd"
			done_op daemon_stopped
		fi
		flock -u $trouble
	done
	touch "$work/stopped"
}

# --- the load ----------------------------------------------------------------

start_writers()
{
	"$soak_io" write "$(dmdev m)" "$acks" $FIRST $BLOCKS "$seed" &
	writers=$!
	# Two writes in flight to one sector may end in another order on each leg, on any
	# mirror: there must be none.
	( RANDOM=$seed
	while [ ! -e "$work/stop" ]; do
		fio --name=f --filename="$(dmdev m)" --rw=randrw --rwmixread=30 --direct=1 \
			--bsrange=512-64k --ioengine=libaio --iodepth=8 --serialize_overlap=1 \
			--continue_on_error=all --thread --randseed="$seed" --time_based --runtime=5 \
			--offset=$(((RANDOM % (FIO - SPAN)) * RS * 512)) \
			--size=$((SPAN * RS * 512)) --refill_buffers >/dev/null 2>&1
	done ) &
	fio=$!
	# Flushes, unless somebody else has the lock: see op_leg_fails.
	( RANDOM=$seed
	while [ ! -e "$work/stop" ]; do
		flock --no-fork "$flushing" sync "$(dmdev m)" 2>/dev/null || :
		pause 100
	done ) &
	flusher=$!
}

start()
{
	local d

	for d in leg0 leg1 log; do
		dm_create $d "$(well $d)"
	done
	case $kind in
	stock)	ops=(quiet quiet status suspend suspend leg_speed leg_speed reload probe) ;;
	*)	ops=(quiet quiet quiet status suspend suspend reload reload resize leg_speed
			leg_speed cleaning leg_fails log_fails probe type) ;;
	esac
	[ "$kind" = stock ] || testd_start
	echo "# create the mirror"
	dm_create m "$(table)"
	wait_sync m
	echo "# begin to write"
	if [ "$kind" != stock ]; then
		op_cleaning
		echo $kind >"$work/kind"
		daemon_trouble &
	fi
	start_writers
}

# In order, so that nothing is left to be copied.
take_down()
{
	touch "$work/stop"
	[ "$kind" = stock ] || wait_until [ -e "$work/stopped" ] || wrong "daemon_trouble"
	kill -KILL $writers $fio $flusher $(pgrep -P $writers) $(pgrep -P $fio)
	wait_until gone $writers || wrong "the writers do not end"
	NR=$MOST
	renew
	bounded wait_sync m
	until within dm_remove m; do
		[ $SECONDS -lt $((end + HANG_S)) ] || wrong "the mirror cannot be removed"
	done
	expect "regions differing at the end" "" "$(differing "$leg0" "$leg1")"
	expect "dirty regions at the end" "" "$(dirty_in_log)"
	done_op taken_down
}

written()	# SECTORS, by now
{
	[ "$(sectors_written)" -ge "$1" ]
}

load_until_cut()
{
	local before end orderly='' op

	chance 10 && orderly=y
	start
	before=$(sectors_written)
	end=$((SECONDS + 4 + RANDOM % 12))
	if [ -z "$orderly" ]; then
		# Not between two operations but at any time; once something has been written,
		# which takes a slow machine longer than that.
		( RANDOM=$seed
		sleep "$((end - SECONDS)).$((RANDOM % 900 + 100))"
		wait_until written $((before + 4 * RS)) || wrong "nothing is written"
		while [ -e "$work/no_cut" ]; do sleep 0.1; done
		echo "cut the power now"
		sleep $HANG_S ) &
	fi
	while [ -z "$orderly" ] || [ $SECONDS -lt $end ]; do
		[ $SECONDS -lt $((end + HANG_S)) ] || wrong "nobody cut the power"
		one_of "${ops[@]}"
		op=$REPLY
		"op_$op"
		done_op "$op"
		pause 300
	done
	take_down
}

[ "$then" = end ] || [ -x "$soak_io" ] || wrong "soak-io has not been built, set SOAK_IO"
set -eu
RANDOM=$seed
# The kernel says what hangs, and where, just when we have lost our patience.
echo $HANG_S >/proc/sys/kernel/hung_task_timeout_secs
load_modules
case $phase in
check)	look; recover ;;
*)	resync ;;
esac
[ "$then" = end ] || load_until_cut
