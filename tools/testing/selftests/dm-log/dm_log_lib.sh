#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Shared parts of the dm-log selftests: the modules under test, throw-away
# block devices, mirrors, and a decoder for the disk log's bytes.
#
# Which modules are tested:
#   DM_LOG_KO        the dm-log.ko to test; unset: whatever modprobe finds
#   DM_LOG_USERSPACE_KO  the module with the type userspace, if it has its own
#   DM_LOG_TESTD     the daemon built from dm-log-testd.c; default: beside the tests
#   DM_MIRROR_DIR    directory with dm-region-hash.ko and dm-mirror.ko
#   DM_LOG_TEST_KO   the third-party log type built from modules/
#   DM_LOG_DISPOSABLE  set where the kernel is thrown away after a failed test:
#                    do not tidy up after that, since what hangs would hang us
#   DM_LOG_KEEP_MODULES  set where modules must not be loaded twice: do not unload them
#                    after a test, only see whether that would work. User-Mode Linux
#                    with KASAN takes what was loaded before for what is there.
#   DM_LOG_EXPECT    "ours" or "stock": refuse to test the other one
#   DMSETUP          the dmsetup to use; unset: whatever is in the path
#   KTAP_HELPERS     the kernel's ktap_helpers.sh when run outside its tree
#
# A test is a function that runs in a subshell under "set -eu": it passes by
# returning, fails by failing or by calling fail, skips by calling skip.
#
# Most functions here read from processes, so $! is theirs afterwards: keep it at once.

lib_dir=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
KTAP_HELPERS=${KTAP_HELPERS:-$lib_dir/../kselftest/ktap_helpers.sh}
if [ ! -r "$KTAP_HELPERS" ]; then
	echo "1..0 # SKIP kselftest/ktap_helpers.sh not found, set KTAP_HELPERS"
	exit 4
fi
. "$KTAP_HELPERS"

# There is no udev where these tests run; a running one would only race them. So the
# library makes the nodes.
DMSETUP=${DMSETUP:-dmsetup}
export DM_DISABLE_UDEV=1
NULLB=/sys/kernel/config/nullb
PREFIX=dmlt		# every device a test makes is called $PREFIX-something
PARAMS=/sys/module/dm_log/parameters
USERSPACE=		# not empty: load the type userspace as well

# The usual mirror: 32 regions of 64 KiB.
RS=128			# region size, sectors
NR=32			# regions
LEN=$((RS * NR))	# mirror size, sectors

fail()
{
	echo "# $*"
	exit "$KSFT_FAIL"
}

skip()
{
	echo "# skipped: $*"
	echo "$*" >"$skip_reason"
	exit "$KSFT_SKIP"
}

# expect WHAT WANTED GOT
expect()
{
	[ "$2" = "$3" ] || fail "$1: expected '$2', got '$3'"
}

# Forks and programs are what takes longest in a guest. So what each test does is done without
# one where bash has it as a builtin to load (Debian: bash-builtins). Not seq: that of bash counts
# down where the last number is below the first, and the one of coreutils prints nothing.
for builtin in mkdir rm rmdir; do
	enable -f $builtin $builtin 2>/dev/null || :
done

# nap SECONDS: sleep, without a process for it: most of what happens here is waiting.
exec {nap_fd}<> <(:)
nap()
{
	read -r -t "$1" -u "$nap_fd" || :
}

# --- time --------------------------------------------------------------------
#
# A verdict does not depend on how fast the machine is. So every bound on time is one of
# these, and a caller that has none of its own has the first:
#
#   a hang		wait_until and within, without a number: HANG_S
#   the feature's own	how long something may take because the log waits for a daemon, or
#			before it cleans: "allow SECONDS", which adds what this machine needs
#   that nothing happens	no time at all: the parameter is so large that no machine gets
#			there, or something else has happened meanwhile that would not have
#			come before it
#
# What is left are measurements, and those are in bench/.

# How long to wait for what must come. On a fast machine the slowest thing that is waited
# for takes some 5 s, a resync over a leg that is slow on purpose; this is twenty times as
# long, and the limit of the whole guest is behind it. A kernel full of checkers gets
# $DM_LOG_PATIENCE times as much. What stock does not do it never does, and there are many
# tests of that.
HANG_S=100
[ "${DM_LOG_EXPECT:-}" != stock ] || HANG_S=20
HANG_S=$((HANG_S * ${DM_LOG_PATIENCE:-1}))

hung_task=/proc/sys/kernel/hung_task_timeout_secs

# wait_until COMMAND...: poll, because none of what is waited for (resync, cleaning,
# events) can be waited on without knowing the module. What takes long is looked at less often,
# so that all comes at most a quarter late.
wait_until()
{
	wait_at_most $HANG_S "$@"
}

wait_at_most()	# SECONDS COMMAND...
{
	local limit=$1 deadline=$((SECONDS + $1 + 1)) ms=40 pause

	shift
	until "$@"; do
		[ "$SECONDS" -lt "$deadline" ] || { echo "# waited $limit s in vain: $*" >&2; return 1; }
		printf -v pause '0.%03d' $ms
		nap "$pause"
		[ $ms -ge 400 ] || ms=$((ms * 5 / 4))
	done
}

# How long this machine takes for twenty programs, in ms: more than a test starts while the
# log waits. It is asked once, before anything hangs, and by whoever needs to know.
measure_machine()
{
	local i start=${EPOCHREALTIME/./}

	for ((i = 0; i < 10; i++)); do
		$DMSETUP version >/dev/null
		dd if=/dev/zero of=/dev/null bs=64k count=16 status=none
	done
	machine_ms=$(((${EPOCHREALTIME/./} - start) / 1000))
	echo "# this machine takes $machine_ms ms for twenty programs"
}

# allow SECONDS: the feature's own time, and twenty times what this machine needs beside
# it, in $allowed_s.
allow()
{
	[ -n "${machine_ms:-}" ] || fail "measure_machine has not been called"
	allowed_s=$(($1 + (20 * machine_ms + 999) / 1000))
}

# wait_jobs: for all that this test has put into the background and not disowned. "wait"
# alone also waits for process substitutions, and for ever for one that had ended before
# bash (5.2) noted it, as long as any child is left, which may be a daemon. Like "wait",
# it does not tell how they ended.
wait_jobs()
{
	local pids

	pids=$(jobs -p)
	# shellcheck disable=SC2086 # words
	[ -z "$pids" ] || wait $pids || :
}

# --- modules -----------------------------------------------------------------

module_loaded()
{
	[ -d "/sys/module/${1//-/_}" ]
}

module_refs()
{
	echo "$(<"/sys/module/${1//-/_}/refcnt")"
}

is_ours()
{
	[ -e $PARAMS/clean_delay_ms ]
}

# True for a zombie too, which is waiting for us.
gone()		# PID
{
	local stat

	{ read -r stat <"/proc/$1/stat"; } 2>/dev/null || return 0
	stat=${stat##*) }
	[ "${stat:0:1}" = Z ]
}

# load_modules [DM-LOG-PARAMETER...]
# shellcheck disable=SC2120 # the tests give them
load_modules()
{
	if [ -n "${DM_LOG_KEEP_MODULES:-}" ] && module_loaded dm-mirror; then
		return
	fi
	if [ -n "${DM_LOG_KO:-}" ]; then
		insmod "$DM_LOG_KO" "$@" || return
		[ -z "$USERSPACE" ] || [ -z "${DM_LOG_USERSPACE_KO:-}" ] ||
			insmod "$DM_LOG_USERSPACE_KO" || return
		insmod "$DM_MIRROR_DIR/dm-region-hash.ko" || return
		insmod "$DM_MIRROR_DIR/dm-mirror.ko" || return
	else
		modprobe dm-log "$@" && modprobe dm-mirror || return
		[ -z "$USERSPACE" ] || modprobe dm-log-userspace || return
	fi
	case ${DM_LOG_EXPECT:-} in
	ours)	is_ours || { echo "# loaded dm-log is not ours"; return 1; } ;;
	stock)	! is_ours || { echo "# loaded dm-log is not stock"; return 1; } ;;
	esac
}

# What a test leaves behind keeps a module from being unloaded.
unload_modules()
{
	local m loaded=()

	if [ -n "${DM_LOG_KEEP_MODULES:-}" ]; then
		module_loaded dm-log || return 0
		clean_delay 5000
		! module_loaded dm-log-test-null || rmmod dm-log-test-null || return
		# Then only dm-mirror and dm-region-hash use dm-log.
		[ "$(module_refs dm-mirror)" = 0 ] && [ "$(module_refs dm-log)" = 2 ] && return
		echo "# references: dm-mirror $(module_refs dm-mirror), expected 0;" \
			"dm-log $(module_refs dm-log), expected 2"
		return 1
	fi
	for m in dm-log-test-null dm-mirror dm-region-hash dm-log-userspace dm-log; do
		! module_loaded $m || loaded+=("$m")
	done
	[ ${#loaded[@]} = 0 ] || rmmod "${loaded[@]}"
}

# clean_delay MS: how long a cleared region stays dirty in a disk log. Stock
# has no such delay, which is what 0 asks for.
clean_delay()
{
	! is_ours || echo "$1" >$PARAMS/clean_delay_ms
}

need_target()
{
	$DMSETUP targets | grep -q "^$1 " || modprobe "dm-$1" 2>/dev/null ||
		skip "no device-mapper target '$1'"
}

# The target that modules/ has for log devices. It stays: it is nobody's but the tests'.
need_refuse()
{
	$DMSETUP targets | grep -q "^log-refuse " ||
		insmod "${DM_LOG_TEST_KO%/*}/dm-log-test-refuse.ko" 2>/dev/null ||
		modprobe dm-log-test-refuse 2>/dev/null || skip "no module dm-log-test-refuse"
}

# --- kernel messages ---------------------------------------------------------

kmsg_mark()
{
	kmsg_mark="dm-log selftest mark $RANDOM$RANDOM"
	echo "<6>$kmsg_mark" >/dev/kmsg
}

# What the kernel said since the last mark, without time stamps.
kmsg_since()
{
	dmesg | awk -v m="$kmsg_mark" '
		{ sub(/^\[[^]]*\] */, "") }
		on
		$0 == m { on = 1 }'
}

COMPLAINTS='WARNING:|BUG:|Oops|INFO: task|UBSAN:|Call Trace'

kernel_complained()
{
	local said

	said=$(kmsg_since)
	[[ $said =~ $COMPLAINTS ]] || return
	our_races <<<"$said" | grep -E "$COMPLAINTS" | sed 's/^/# kernel: /' | grep .
}

# Without KCSAN's reports of data races in which no function of dm-log is involved: the
# kernel has some of its own.
our_races()
{
	awk '
		/^BUG: KCSAN:/ { inside = 1; text = "" }
		!inside { print; next }
		{ text = text $0 "\n" }
		/^=====/ { if (text ~ /\[dm_log/) printf "%s", text; inside = 0; text = "" }
		END { printf "%s", text }'
}

# --- block devices -----------------------------------------------------------

# nullb NAME MIB [ATTRIBUTE=VALUE...]: a RAM disk /dev/$PREFIX-NAME
nullb()
{
	local dir=$NULLB/$PREFIX-$1 a

	mkdir "$dir"
	echo "$2" >"$dir/size"
	echo 1 >"$dir/memory_backed"
	for a in "${@:3}"; do
		echo "${a#*=}" >"$dir/${a%%=*}"
	done
	echo 1 >"$dir/power"
	[ -b "/dev/$PREFIX-$1" ]
}

dev()		# NAME: the RAM disk's node
{
	echo "/dev/$PREFIX-$1"
}

majmin()	# DEVICE
{
	local major minor

	read -r major minor < <(exec stat -L -c "%t %T" "$1")
	echo "$((0x$major)):$((0x$minor))"
}

# Everything reads and writes around the page cache: dm writes below it.
read_dev()	# DEVICE SKIP-SECTORS SECTORS
{
	dd if="$1" iflag=direct bs=512 skip="$2" count="$3" status=none
}

write_dev()	# DEVICE SEEK-SECTORS, data on stdin padded to sectors
{
	dd of="$1" oflag=direct iflag=fullblock bs=512 seek="$2" conv=sync status=none
}

fill_dev()	# DEVICE SECTORS TEXT: the text over and over
{
	dd of="$1" oflag=direct iflag=fullblock,count_bytes bs=64k count=$(($2 * 512)) status=none \
		< <(exec yes "$3" 2>/dev/null)
}

zero_dev()	# DEVICE SECTORS [OCTAL]: fill with one byte, \0 by default
{
	dd of="$1" oflag=direct iflag=fullblock,count_bytes bs=64k count=$(($2 * 512)) status=none \
		< <(exec tr '\0' "${3:-\0}" </dev/zero 2>/dev/null)
}

dev_sum()	# DEVICE [SECTORS]
{
	local sum _

	read -r sum _ < <(exec sha1sum < <(exec dd if="$1" iflag=direct,count_bytes bs=64k \
		count=$((${2:-$LEN} * 512)) status=none))
	echo "$sum"
}

# --- device-mapper -----------------------------------------------------------

dmname()
{
	echo "$PREFIX-$1"
}

dmdev()
{
	echo "/dev/mapper/$PREFIX-$1"
}

dm_create()	# NAME TABLE [DMSETUP-OPTION...]
{
	$DMSETUP create "${@:3}" "$PREFIX-$1" --table "$2"
}

dm_load()	# NAME TABLE
{
	$DMSETUP load "$PREFIX-$1" --table "$2"
}

dm_suspend()
{
	$DMSETUP suspend "$PREFIX-$1" "${@:2}"
}

dm_resume()
{
	$DMSETUP resume "$PREFIX-$1"
}

# Load first, suspend last: what LVM does, and what gives both tables a life
# at the same time.
dm_swap()	# NAME TABLE
{
	dm_load "$@"
	dm_suspend "$1"
	dm_resume "$1"
}

dm_remove()
{
	$DMSETUP remove "$PREFIX-$1"
}

dm_status()
{
	$DMSETUP status "$PREFIX-$1"
}

dm_table()
{
	$DMSETUP table "$PREFIX-$1"
}

dm_events()
{
	$DMSETUP info -c --noheadings -o events "$PREFIX-$1"
}

# A daemon's socket, of protocol 11, in /proc/net/netlink: column 5 are bytes that it has
# not read, 9 messages that found no room.
netlink_socket()	# PID COLUMN
{
	awk -v pid="$1" -v column="$2" '$2 == 11 && $3 == pid { n = $column } END { print n + 0 }' \
		/proc/net/netlink
}

unread()	# PID
{
	[ "$(netlink_socket "$1" 5)" -gt 0 ]
}

# A device has so many writes to do.
in_flight()	# NAME [WRITES]
{
	local writes

	read -r _ writes <"/sys/dev/block/$(majmin "$(dmdev "$1")")/inflight"
	[ "$writes" -ge "${2:-1}" ]
}

# A mirror's worker has come round at least once, with all that was there before. A read of a
# region out of sync is for the worker to do, at the beginning of a pass.
worker_passes()	# MIRROR REGION: out of sync
{
	local i

	for i in 1 2; do
		read_dev "$(dmdev "$1")" $(($2 * RS)) 8 >/dev/null
	done
}

linear()	# DEVICE SECTORS [OFFSET]
{
	echo "0 $2 linear $1 ${3:-0}"
}

# Always failing, that is no up time: writes only, or reads only.
fail_writes()	# DEVICE SECTORS
{
	echo "0 $2 flakey $1 0 0 3600 1 error_writes"
}

fail_reads()	# DEVICE SECTORS
{
	echo "0 $2 flakey $1 0 0 3600 1 error_reads"
}

# --- mirrors -----------------------------------------------------------------

# mirror_table LENGTH "LOG ARGUMENTS" "LEG..." [FEATURES]
mirror_table()
{
	local t="0 $1 mirror $2" n=0 leg

	for leg in $3; do n=$((n + 1)); done
	t="$t $n"
	for leg in $3; do t="$t $leg 0"; done
	echo "$t${4:+ $4}"
}

# status: 0 LEN mirror N legs... SYNC/NR 1 HEALTH 1 core | 3 disk DEV HEALTH
#
# Forks and programs are what these tests spend their time with, in User-Mode Linux more
# than anywhere: so what is asked again and again takes one of each.
status_words()	# MIRROR: $words
{
	read -ra words < <(exec $DMSETUP status "$PREFIX-$1") || :
}

sync_ratio()
{
	local words

	status_words "$1"
	echo "${words[4 + ${words[3]:-0}]:-}"
}

leg_health()
{
	local words

	status_words "$1"
	echo "${words[6 + ${words[3]:-0}]:-}"
}

log_health()
{
	local words

	status_words "$1"
	echo "${words[*]: -1}"
}

in_sync()	# MIRROR [REGIONS]
{
	local words

	status_words "$1"
	[ "${words[4 + ${words[3]:-0}]:-}" = "${2:-$NR}/${2:-$NR}" ]
}

wait_sync()	# MIRROR [REGIONS]
{
	wait_until in_sync "$@" || fail "mirror $1 not in sync: $(dm_status "$1")"
}

# Write one block into a region through the mirror and wait for it.
write_region()	# MIRROR REGION [TEXT]
{
	local line=${3:-written by $$ to region $2}$'\n' block

	printf -v block '%*s' $((4096 / ${#line} + 1)) ''
	block=${block// /"$line"}
	dd of="$(dmdev "$1")" oflag=direct,seek_bytes iflag=fullblock bs=4096 count=1 \
		seek=$(($2 * RS * 512)) status=none <<<"${block:0:4096}"
}

# writer MIRROR: writes all the while, one at a time, as $writer, until stop_writer.
writer()
{
	local i

	(
		trap - EXIT
		while :; do
			for i in 1 9 17 25; do
				write_region "$1" $i "round $RANDOM" || exit 1
			done
		done
	) &
	writer=$!
}

# stop_writer: none has failed
stop_writer()
{
	kill -0 $writer || fail "the writer failed"
	kill $writer
	wait $writer || :
}

fill_at()	# DEVICE SECTOR SECTORS TEXT
{
	dd of="$1" oflag=direct,seek_bytes iflag=fullblock bs=$(($3 * 512)) count=1 \
		seek=$(($2 * 512)) status=none < <(exec yes "$4" 2>/dev/null)
}

# Give each leg contents of its own, so that it shows which regions a resync
# copied: those become equal, the others stay different.
stamp_legs()	# DEVICE...
{
	local n=0 d

	for d in "$@"; do
		fill_dev "$d" $LEN "leg $n"
		n=$((n + 1))
	done
}

# The regions in which two devices differ, on one line.
differing()	# DEVICE DEVICE [SECTORS]
{
	cmp -l -n $((${3:-$LEN} * 512)) \
		<(dd if="$1" iflag=direct bs=64k status=none) \
		<(dd if="$2" iflag=direct bs=64k status=none) |
		awk -v rs=$((RS * 512)) '
			{ r = int(($1 - 1) / rs); if (!(r in seen)) { seen[r]; l = l " " r } }
			END { print substr(l, 2) }'
}

all_regions()	# [FIRST LAST]
{
	seq -s ' ' "${1:-0}" "${2:-$((NR - 1))}"
}

# without REGION...: all regions of the usual mirror but these
without()
{
	local r out=

	for ((r = 0; r < NR; r++)); do
		[[ " $* " == *" $r "* ]] || out="$out $r"
	done
	echo "${out# }"
}

# --- the disk log's bytes, see dm-log.rst ------------------------------------

log_od()	# DEVICE SECTOR BYTES OD-OPTION...
{
	exec od -An -v -N "$3" "${@:4}" < <(exec dd if="$1" iflag=direct bs=512 skip="$2" \
		count=$((($3 + 511) / 512)) status=none)
}

# Magic, version and region count, in hexadecimal, most significant digit first.
log_header()	# DEVICE
{
	local w

	read -ra w < <(log_od "$1" 0 16 -tx4)
	echo "${w[0]} ${w[1]} ${w[3]}${w[2]}"
}

log_count()	# DEVICE: the header's region count
{
	local w

	read -ra w < <(log_od "$1" 0 16 -tx4)
	echo "${w[3]}${w[2]}"
}

# The bitset as a string of REGIONS digits in $bits, region 0 first: 1 = clean. The
# padding up to the next multiple of 64 follows after a colon.
get_log_bits()	# DEVICE [REGIONS]
{
	local n=${2:-$NR} bytes b i
	local size=$(((n + 63) / 64 * 8))

	read -ra bytes < <(log_od "$1" 2 $size -tu1 -w$size)
	bits=
	for b in "${bytes[@]}"; do
		for i in 1 2 4 8 16 32 64 128; do
			bits+=$(((b & i) != 0))
		done
	done
	bits=${bits:0:n}:${bits:n}
}

log_bits()	# DEVICE [REGIONS]
{
	local bits

	get_log_bits "$@"
	echo "$bits"
}

log_clean()	# DEVICE REGION
{
	local bits

	get_log_bits "$1"
	[ "${bits:$2:1}" = 1 ]
}

# The dirty regions on one line.
log_dirty()	# DEVICE [REGIONS]
{
	local bits dirty='' i

	get_log_bits "$@"
	for ((i = 0; i < ${2:-$NR}; i++)); do
		[ "${bits:i:1}" = 1 ] || dirty+=" $i"
	done
	echo "${dirty# }"
}

log_all_clean()	# DEVICE [REGIONS]
{
	local bits

	get_log_bits "$@"
	[[ ${bits%:*} != *0* ]]
}

le()		# BYTES VALUE: little endian, as printf escapes
{
	local i v=$2

	for ((i = 0; i < $1; i++)); do
		printf '\\x%02x' $((v & 255))
		v=$((v >> 8))
	done
}

# Patch the first 16 bytes and keep the rest, as LVM does.
log_set_header()	# DEVICE MAGIC VERSION REGIONS
{
	{
		printf "$(le 4 "$2")$(le 4 "$3")$(le 8 "$4")"
		read_dev "$1" 0 1 | tail -c +17
	} | write_dev "$1" 0
}

log_set_bits()	# DEVICE STRING-OF-0-AND-1, padded with zeros to 64 bits
{
	local s=$2 i b out=

	while [ $((${#s} % 64)) -ne 0 ]; do s=${s}0; done
	for ((i = 0; i < ${#s}; i += 8)); do
		b=${s:i:8}
		out+=$(le 1 $((2#$(rev <<<"$b"))))
	done
	{
		printf "$out"
		read_dev "$1" 2 $(((${#s} / 8 + 511) / 512)) | tail -c +$((${#s} / 8 + 1))
	} | write_dev "$1" 2
}

LOG_MAGIC=$((0x4D695272))

# A valid version 2 log: the usual mirror, all clean but the given regions.
log_format()	# DEVICE [DIRTY-REGION...]
{
	local s r

	s=$(printf '%*s' "$NR" '' | tr ' ' 1)
	for r in "${@:2}"; do s=${s:0:r}0${s:r+1}; done
	log_set_header "$1" $LOG_MAGIC 2 $NR
	log_set_bits "$1" "$s"
}

repeat()	# CHARACTER TIMES
{
	printf '%*s' "$2" '' | tr ' ' "$1"
}

# --- running tests -----------------------------------------------------------

# Remove whatever a test left, newest first and as often as it helps: devices are stacked.
# A mirror whose leg is an error device is removable all the same. Writes that a test left
# under way have to end first; after one that failed they may hang, and are not waited for.
remove_devices()	# [TEST'S STATUS]
{
	local round=0 d left deadline=$((SECONDS + HANG_S))

	[ "${1:-0}" = 0 ] || deadline=$((SECONDS + 10))
	while :; do
		round=$((round + 1))
		[ $round -le 3 ] || nap 0.5
		left=
		while read -r d; do
			[[ $d != $PREFIX-* ]] || left+=" $d"
		done < <(exec $DMSETUP info -c --noheadings -o name --sort -name 2>/dev/null)
		[ -n "$left" ] || break
		# shellcheck disable=SC2086 # words
		$DMSETUP remove $left >/dev/null 2>&1 || for d in $left; do
			$DMSETUP remove "$d" >/dev/null 2>&1 ||
				{ $DMSETUP resume "$d" && $DMSETUP remove "$d"; } >/dev/null 2>&1
		done
		[ $round -le 3 ] || [ $SECONDS -lt $deadline ] || break
	done
	for d in "$NULLB/$PREFIX"-*; do
		[ -d "$d" ] || continue
		echo 0 >"$d/power"
		rmdir "$d"
	done
	[ -z "$left" ] || { echo "# left behind:" $left; return 1; }
}

# What a failed test was about: tables and status of its devices, the log's counters, who
# waits where, and what the kernel said last. A status may hang as the test did, so it gets
# 5 s, which is no bound that a verdict depends on. So many lines of each, and no more.
explain()
{
	local dir d n=0 askers=() f

	dir=$(mktemp -d) || return 0
	while read -r d; do
		[[ $d == "$PREFIX"-* ]] || continue
		n=$((n + 1))
		{
			$DMSETUP table "$d" | sed "s/^/table $d: /"
			$DMSETUP status --noflush "$d" | sed "s/^/status $d: /"
			$DMSETUP info -c --noheadings -o suspended,tables_loaded,open,events "$d" |
				sed "s/^/state $d: /"
		} >"$dir/$n" 2>&1 </dev/null &
		askers+=($!)
	done < <(timeout 5 $DMSETUP info -c --noheadings -o name 2>/dev/null)
	for ((n = 0; n < 100; n++)); do
		all_gone "${askers[@]}" && break
		nap 0.05
	done
	for d in "${askers[@]}"; do
		gone "$d" && continue
		echo "#   the table or status of a device hangs"
		pkill -KILL -P "$d" || :
	done
	cat "$dir"/* 2>/dev/null | explained 60
	rm -rf "$dir"

	sed 's/^/counters: /' /sys/kernel/debug/dm_log 2>/dev/null | explained 40
	waiting_tasks | explained 80
	if [ -n "${kmsg_mark:-}" ]; then kmsg_since; else dmesg; fi | tail -n 20 |
		sed 's/^/kernel: /' | explained 20
}

explained()	# LINES
{
	head -n "$1" | cut -c 1-400 | sed 's/^/#   /'
}

all_gone()	# PID...
{
	local p

	for p; do
		gone "$p" || return
	done
}

# Tasks that cannot be interrupted, and where they are.
waiting_tasks()
{
	local stat task comm

	for stat in /proc/[0-9]*/task/[0-9]*/stat; do
		{ read -r task <"$stat"; } 2>/dev/null || continue
		[[ ${task##*) } == D* ]] || continue
		comm=${task#*(}
		stat=${stat%/stat}
		echo "waits: ${task%% *} (${comm%%)*}) in $(cat "$stat/wchan" 2>/dev/null)"
		head -n 12 "$stat/stack" 2>/dev/null | sed 's/^/waits:     /'
	done
}

preflight()
{
	[ "$(id -u)" = 0 ] || { ktap_skip_all "needs root"; exit "$KSFT_SKIP"; }
	command -v "$DMSETUP" >/dev/null ||
		{ ktap_skip_all "needs dmsetup"; exit "$KSFT_SKIP"; }
	[ -d $NULLB ] || modprobe null_blk nr_devices=0 2>/dev/null
	[ -d $NULLB ] || { ktap_skip_all "needs null_blk in configfs"; exit "$KSFT_SKIP"; }
	# What the kernel calls hung is a complaint: not before we do.
	if [ -w $hung_task ] && [ "$(<$hung_task)" -lt $HANG_S ]; then
		echo $HANG_S >$hung_task
	fi
	! module_loaded dm-log ||
		{ ktap_skip_all "dm-log is already loaded, its user is in the way"; exit "$KSFT_SKIP"; }
}

# The reports of kmemleak, one on each line, without those of a leak that the kernel's
# slab allocator has when it cannot make a cache. What is younger than 5 s is not looked at,
# and what looks like a leak may be nothing but on its way from one list to another: it has to
# be there twice.
leaks()
{
	local file=/sys/kernel/debug/kmemleak

	sleep 5.5
	echo scan >$file
	echo scan >$file
	awk '/^unreferenced/ { if (NR > 1) print ""; printf "%s", $0; next }
	     { sub(/^ */, ""); printf " | %s", $0 }
	     END { if (NR) print "" }' $file | { grep -v ' sysfs_slab_add+' || :; }
}

# Where it is on the kernel's command line.
has_leaked()
{
	local found

	grep -qw kmemleak=on /proc/cmdline || return
	found=$(leaks)
	[ -n "$found" ] || return
	echo clear >/sys/kernel/debug/kmemleak
	head -n 3 <<<"$found" | tr '|' '\n' | sed 's/^/# kmemleak: /'
}

# What a program has to do before and after the devices of a test are removed.
after_test() { :; }
after_devices() { :; }

# One test: load, run, take everything down again. A leak is a failure too.
run_one()	# FUNCTION DESCRIPTION
{
	local rc start=$EPOCHREALTIME

	kmsg_mark
	if ! load_modules; then
		unload_modules
		ktap_test_fail "- $2 (modules do not load)"
		return
	fi
	rm -f "$skip_reason"
	# Not in an "if": that would switch "set -e" off inside.
	( set -eu; "$1" )
	rc=$?
	# Now, before what it was about is gone.
	[ $rc = 0 ] || [ $rc = "$KSFT_SKIP" ] || explain
	if [ $rc -ne 1 ] || [ -z "${DM_LOG_DISPOSABLE:-}" ]; then
		after_test
		remove_devices $rc || rc=1
		after_devices
		if ! unload_modules; then
			echo "# the modules cannot be removed after the test"
			rc=1
		fi
	fi
	if kernel_complained || has_leaked; then
		rc=1
	fi
	echo "# took $(((${EPOCHREALTIME/./} - ${start/./}) / 1000)) ms"
	case $rc in
	0)	ktap_test_pass "- $2" ;;
	"$KSFT_SKIP")
		__ktap_test ok "- $2" "SKIP $(cat "$skip_reason" 2>/dev/null)"
		KTAP_CNT_SKIP=$((KTAP_CNT_SKIP + 1)) ;;
	*)
		ktap_test_fail "- $2" ;;
	esac
}

# run_tests FUNCTION DESCRIPTION [FUNCTION DESCRIPTION...]: the whole program.
# ONLY=pattern in the environment picks tests by their description.
run_tests()
{
	local list=()

	preflight
	skip_reason=$(mktemp)
	while [ $# -gt 0 ]; do
		# shellcheck disable=SC2053 # a pattern is wanted here
		[[ -n ${ONLY:-} && $2 != $ONLY ]] || list+=("$1" "$2")
		shift 2
	done
	ktap_print_header
	ktap_set_plan $((${#list[@]} / 2))
	set -- "${list[@]}"
	while [ $# -gt 0 ]; do
		run_one "$1" "$2"
		shift 2
	done
	rm -f "$skip_reason"
	ktap_finished
}
