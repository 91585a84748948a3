#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Everything at once: status, tables, suspend and resume, reloads, removal, events,
# module parameters, log types that come and go, modules that somebody tries to unload,
# log devices that fail and daemons that die in the midst of any request, against running
# I/O and against each other, on several mirrors.
#
# Single operations may fail here, since others are in their way. What must hold: all of
# them end; the kernel has nothing to complain about; and afterwards, each mirror is
# brought in sync, its legs are the same, and everything can be removed.
#
# SECONDS_EACH is how long it lasts (20), SEED chooses what is done, as far as the
# scheduler lets it.

# shellcheck source-path=SCRIPTDIR source=testd_lib.sh
. "$(dirname "$0")/testd_lib.sh"

SECONDS_EACH=${SECONDS_EACH:-20}
SEED=${SEED:-$RANDOM}

mirrors="core disk user"
actors=()
complaints=$work/complaints

# --- random ------------------------------------------------------------------

# one_of WORD...: it is in $REPLY, for a subshell has random numbers of its own.
one_of()
{
	local n=$((RANDOM % $# + 1))

	REPLY=${!n}
}

# Without a process of its own: on an emulated machine these are what takes the time.
mkfifo "$work/never"
exec {never}<>"$work/never"

pause()		# MILLISECONDS, below 1000: at most
{
	local ms=$((RANDOM % $1 + 1000))

	read -r -t "0.${ms#1}" -u "$never"
}

# actor NAME COMMAND...: over and over until it is over, counting.
actor()
{
	local name=$1 n=0

	shift
	(
		set +e
		RANDOM=$((SEED + ${#actors[@]}))
		while [ ! -e "$work/stop" ]; do
			"$@" >/dev/null 2>&1
			n=$((n + 1))
			echo $n >"$work/count.$name"
		done
	) &
	actors+=("$name:$!")
}

# --- the mirrors -------------------------------------------------------------

log_dev()	# MIRROR: a device that can be made to fail
{
	dmdev "$1-log"
}

# A log for MIRROR, of NR regions of RS sectors; the type is not always the same.
log_words()	# MIRROR TYPE RS [WORD]
{
	case $2 in
	core)	echo "core $(($# - 2)) ${*:3}" ;;
	disk)	echo "disk $(($# - 1)) $(log_dev "$1") ${*:3}" ;;
	user)	ulog "$1" testd-disk "$(log_dev "$1")" "${@:3}" ;;
	memory)	ulog "$1" testd-core "${@:3}" ;;
	null)	echo "test-null 1 $3" ;;
	esac
}

features="1 handle_errors"
table()		# MIRROR REGIONS TYPE RS [WORD]
{
	mirror_table $(($2 * RS)) "$(log_words "$1" "${@:3}")" \
		"$(dev "$1-leg0") $(dev "$1-leg1")" "$features"
}

usual()		# MIRROR [WORD]
{
	table "$1" $NR "$1" $RS "${@:2}"
}

make_mirror()	# MIRROR
{
	nullb "$1-leg0" 2
	nullb "$1-leg1" 2
	nullb "$1-disk" 1
	dm_create "$1-log" "$(linear "$(dev "$1-disk")" 1024)"
	dm_create "$1" "$(usual "$1")"
}

# Writes that never overlap, for the legs are to be the same in the end.
load_on()	# MIRROR
{
	fio --name=f --filename="$(dmdev "$1")" --rw=randrw --rwmixread=30 --direct=1 \
		--bsrange=512-32k --rate_iops=100 --ioengine=libaio --iodepth=8 --serialize_overlap=1 \
		--fsync=32 --continue_on_error=all --thread --time_based --runtime=10 \
		--randseed=$RANDOM --size=$((LEN * 512)) &
	echo $! >"$work/fio.$1"
	wait $!
}

# --- those who get in each other's way ---------------------------------------

asks()		# about all devices
{
	one_of status status "status --noflush" table "table --inactive" info deps
	# shellcheck disable=SC2086 # words
	$DMSETUP $REPLY
	one_of $mirrors
	$DMSETUP message "$PREFIX-$REPLY" 0 hello	# which a mirror does not understand
}

waits()		# MIRROR
{
	timeout 1 $DMSETUP wait "$PREFIX-$1"
}

suspends()	# MIRROR
{
	one_of "" --noflush --nolockfs "--noflush --nolockfs"
	# shellcheck disable=SC2086 # words
	dm_suspend "$1" $REPLY
	pause 50
	dm_resume "$1"
	pause 200
}

# Another size, region size or type; two of these may meet on one mirror.
reloads()	# MIRROR
{
	local nr type rs word

	one_of $NR $NR $NR 20 8
	nr=$REPLY
	one_of "$1" "$1" core disk user memory null
	type=$REPLY
	one_of $RS $RS 64 256
	rs=$REPLY
	one_of "" "" "" sync nosync
	word=$REPLY
	dm_load "$1" "$(table "$1" "$nr" "$type" "$rs" ${word:+"$word"})"
	pause 50
	one_of suspend clear suspend suspend
	if [ $REPLY = clear ]; then
		$DMSETUP clear "$PREFIX-$1"
		return
	fi
	one_of "" --noflush
	dm_suspend "$1" ${REPLY:+"$REPLY"}
	dm_resume "$1"
	pause 200
}

# With handle_errors a mirror keeps a write that its log failed until it gets another
# table, and this one never does.
comes_and_goes()	# TYPE
{
	local features=

	dm_create "extra-$1" "$(table extra $NR "$1" $RS)"
	dm_status "extra-$1"
	write_region "extra-$1" $((RANDOM % NR))
	pause 50
	dm_remove "extra-$1"
	pause 50
}

parameters()
{
	one_of 0 1 100 5000
	clean_delay "$REPLY"
	one_of 1 4 65536
	echo "$REPLY" >$PARAMS/max_idle_regions
	# Waiting must end with this, too; most of the time there is no limit.
	one_of 0 0 0 1
	echo "$REPLY" >$PARAMS/daemon_timeout_s
	pause 500
}

# What is in use stays; the types of another module come and go.
modules()
{
	local m

	for m in dm-log dm-mirror dm-region-hash; do
		! rmmod $m || echo "$m was unloaded while in use" >>"$complaints"
	done
	[ -r "${DM_LOG_TEST_KO:-}" ] || { pause 500; return; }
	# Under the name of a type that is there it must be refused.
	one_of test-null test-null core
	insmod "$DM_LOG_TEST_KO" name=$REPLY
	pause 300
	rmmod dm-log-test-null
}

log_fails()	# MIRROR
{
	local disk

	disk=$(dev "$1-disk")
	one_of "0 1024 error" "$(fail_writes "$disk" 1024)" "$(fail_reads "$disk" 1024)"
	dm_swap "$1-log" "$REPLY"
	pause 300
	dm_swap "$1-log" "$(linear "$disk" 1024)"
	pause 999
}

# A daemon dies in the midst of this request or that, before it is done or after the
# answer; or it hangs, forgets or lies.
daemon_trouble()
{
	local type mistake

	one_of CTR DTR PRESUSPEND POSTSUSPEND RESUME GET_REGION_SIZE IN_SYNC FLUSH \
		MARK_REGION CLEAR_REGION GET_RESYNC_WORK SET_REGION_SYNC GET_SYNC_COUNT \
		STATUS_INFO STATUS_TABLE IS_REMOTE_RECOVERING "*"
	type=$REPLY
	one_of exit exit exit exit-after exit-after freeze drop twice error=-5 delay=300
	mistake=$REPLY
	printf '%s\n' "$type $mistake skip=$((RANDOM % 5)) count=1" >"$control"
	if gone "$testd"; then
		testd_spawn
	else
		kill -HUP "$testd"
	fi
	pause 700
	one_of kill stop "" ""
	case $REPLY in
	kill)	testd_kill ;;
	stop)	kill -STOP "$testd"; pause 300; kill -CONT "$testd" ;;
	esac
	echo "$testd" >"$work/testd"
	pause 200
}

# --- the test ----------------------------------------------------------------

listen()
{
	: >"$complaints"
	# From now on; the ring of messages is too small for all that is said here.
	dmesg --follow-new | grep --line-buffered -E \
		'WARNING:|BUG:|Oops|INFO: task|UBSAN:|Call Trace|KCSAN' >>"$complaints" &
	listener=$!
}

# On this mirror the last word: a table as at first, all of it copied again.
settle()	# MIRROR
{
	dm_swap "$1-log" "$(linear "$(dev "$1-disk")" 1024)"
	within dm_load "$1" "$(usual "$1" sync)" || fail "$1: no table: $(cat "$work/out")"
	within dm_suspend "$1" --noflush || fail "$1 is not suspended"
	within dm_resume "$1" || fail "$1 is not resumed"
	wait_until in_sync "$1" || fail "$1 is not in sync: $(dm_status "$1")"
}

end_fio()	# MIRROR
{
	kill -KILL "$(cat "$work/fio.$1")" 2>/dev/null || :
	wait_until gone "$(cat "$work/fio.$1")" || fail "$1: I/O does not end"
}

all_at_once()
{
	local m a

	[ "${DM_LOG_EXPECT:-}" != stock ] || skip "stock does not survive this"
	need_target flakey
	echo "# SEED=$SEED SECONDS_EACH=$SECONDS_EACH"
	listen
	echo "" >"$control"
	testd_start
	for m in $mirrors; do
		make_mirror "$m"
	done
	nullb extra-leg0 2
	nullb extra-leg1 2
	nullb extra-disk 1
	dm_create extra-log "$(linear "$(dev extra-disk)" 1024)"
	for m in $mirrors; do
		actor "io-$m" load_on "$m"
		actor "waits-$m" waits "$m"
		actor "suspends-$m" suspends "$m"
		actor "reloads-$m" reloads "$m"
	done
	actor asks asks
	actor asks-too asks
	actor reloads-too reloads disk
	actor log-disk log_fails disk
	actor log-user log_fails user
	for m in core disk user null; do
		actor "extra-$m" comes_and_goes $m
	done
	actor parameters parameters
	actor modules modules
	actor daemon daemon_trouble
	sleep "$SECONDS_EACH"

	# Who waits for a daemon gets one that makes no mistakes, when the last actor has gone.
	touch "$work/stop"
	for a in "${actors[@]}"; do
		[[ $a != daemon:* ]] || wait_until gone "${a#*:}" || fail "the daemons' actor"
	done
	for m in $(cat "$pids"); do
		kill -KILL "$m" 2>/dev/null || :
	done
	echo 0 >$PARAMS/daemon_timeout_s
	echo "" >"$control"
	testd_spawn
	for m in $mirrors; do
		# Its I/O may be held or suspended: whatever it waits for.
		within dm_resume "$m" || :
	done
	for a in "${actors[@]}"; do
		[[ $a == io-* ]] || wait_until gone "${a#*:}" ||
			fail "${a%:*} does not end: $(cat "/proc/${a#*:}/stack" 2>/dev/null | head -n 5)"
	done
	rmmod dm-log-test-null 2>/dev/null || :
	for m in $mirrors; do
		settle "$m"
		end_fio "$m"
	done
	for m in $mirrors; do
		dm_load "$m" "$(usual "$m" sync)"
		dm_suspend "$m"
		dm_resume "$m"
		wait_until in_sync "$m" || fail "$m at the end: $(dm_status "$m")"
		within dm_remove "$m" || fail "$m cannot be removed: $(cat "$work/out")"
		expect "$m: regions differing" "" "$(differing "$(dev "$m-leg0")" "$(dev "$m-leg1")")"
	done
	kill $listener 2>/dev/null || :
	for a in "${actors[@]}"; do
		a=${a%:*}
		printf '%s %s, ' "$(cat "$work/count.$a" 2>/dev/null || echo 0)" "$a"
	done | sed 's/^/# tally: /; s/, $/\n/'
	sed 's/^/# kernel: /' "$complaints"
	[ ! -s "$complaints" ] || fail "the kernel complained"
}

run_tests \
	all_at_once	"B18: everything at once: all of it ends, the legs are equal"
