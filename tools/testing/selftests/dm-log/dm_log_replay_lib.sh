#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Shared parts of the tests that record what a mirror writes with dm-log-writes, and
# try what a power cut at any point of that would have left.
#
# Both legs and the log are slices of one disk, so that what they write has one order.
# A flush of one is a flush of all, then. That is weaker than three disks, for which
# the KUnit suite of crashes stands.
#
# log-writes notes FUA writes at once, others with the flush behind them: where a sector
# is written both ways, a replay would mix them up. So there is a loop device between:
# it has a cache but no FUA, like most disks, and a write with FUA becomes a write and a
# flush. Only the log is also recorded without it, because all its writes have FUA then.
#
# What is asked for:
#   POINTS           how many power cuts (200), or "all": just after each flush or FUA write
#                    that made anything durable, and just before each flush that had a choice
#   FILES            how much is recorded: files written (40, with POINTS=all 200)
#   SEED             chooses which writes of a cache are kept (default: a random one, printed)
#   LOG_WRITES_REPLAY, MIRROR_LOOK  built from log-writes-replay.c and mirror-look.c;
#                    default: beside the tests

[ -n "${lib_dir:-}" ] || . "$(dirname "${BASH_SOURCE[0]}")/dm_log_lib.sh"

LOG_WRITES_REPLAY=${LOG_WRITES_REPLAY:-$lib_dir/log-writes-replay}
MIRROR_LOOK=${MIRROR_LOOK:-$lib_dir/mirror-look}
POINTS=${POINTS:-200}
SEED=${SEED:-$RANDOM}

# A file system of 8 MiB, 256 regions.
RS=64
NR=256
LEN=$((RS * NR))
LOG_LEN=2048
DISK_LEN=$((2 * LEN + LOG_LEN))

work=$(mktemp -d)
mnt=$work/mnt
trap 'rm -rf "$work"' EXIT
mkdir "$mnt"

need_replay()
{
	local program

	preflight
	$DMSETUP targets | grep -q "^log-writes " || modprobe dm-log-writes 2>/dev/null || {
		ktap_skip_all "no device-mapper target 'log-writes'"
		exit "$KSFT_SKIP"
	}
	for program in "$LOG_WRITES_REPLAY" "$MIRROR_LOOK"; do
		[ -x "$program" ] && continue
		ktap_skip_all "${program##*/} has not been built"
		exit "$KSFT_SKIP"
	done
	if [ "$POINTS" = all ]; then
		FILES=${FILES:-200}
	elif [[ $POINTS =~ ^[1-9][0-9]*$ ]]; then
		FILES=${FILES:-40}
	else
		echo "Bail out! POINTS=$POINTS: expected a number or 'all'"
		exit 1
	fi
}

# --- disks -------------------------------------------------------------------

# loop_over NAME FILE [OPTION...]: sets the variable NAME to the loop device
loop_over()
{
	local d

	d=$(losetup --show -f "$2" "${@:3}")
	echo "$d" >>"$work/loops"
	printf -v "$1" %s "$d"
}

# slices DEVICE: the two legs and the log of a mirror on it
slices()
{
	dm_create leg0 "$(linear "$1" $LEN)"
	dm_create leg1 "$(linear "$1" $LEN $LEN)"
	dm_create log "$(linear "$1" $LOG_LEN $((2 * LEN)))"
}

# What a failed test left: loop devices are in the way of all, and the test was a
# subshell, which took its variables along.
after_test()
{
	local d

	while mountpoint -q "$mnt"; do umount "$mnt" || break; done
	[ -e "$work/loops" ] || return 0
	for d in m leg0 leg1 log; do dm_remove $d >/dev/null 2>&1 || :; done
	for d in $(tac "$work/loops"); do
		losetup -d "$d" 2>/dev/null || { dm_remove w && losetup -d "$d"; }
	done
	rm "$work/loops"
}

# Newest first: what is on the disk, the disk, what records it, and what it records to.
remove_loop_users()
{
	local d

	[ -e "$work/loops" ] || return 0
	for d in leg0 leg1 log; do dm_remove $d 2>/dev/null || :; done
	for d in $(tac "$work/loops"); do
		[ "$d" != "${recorder:-}" ] || remove_recorder
		losetup -d "$d"
	done
	rm "$work/loops"
	log=
}

remove_recorder()
{
	! $DMSETUP status "$(dmname w)" | grep -q logging_disabled ||
		fail "the recording was cut short: no room, or an error"
	dm_remove w
	recorder=
}

mirror_arguments()
{
	echo "disk 2 ${log:-$(dmdev log)} $RS"
}

make_mirror()
{
	dm_create m "$(mirror_line)"
}

mirror_line()
{
	mirror_table $LEN "$(mirror_arguments)" "$(dmdev leg0) $(dmdev leg1)" "1 handle_errors"
}

# With one fork: there are thousands of power cuts.
wait_equal()
{
	wait_until is_equal || fail "$what: no end of the resync: $(dm_status m)"
}

is_equal()
{
	[[ $($DMSETUP status "$PREFIX-m") == *" $NR/$NR "* ]]
}

# --- recording ---------------------------------------------------------------

mark()		# TEXT-WITHOUT-BLANKS
{
	$DMSETUP message "$(dmname w)" 0 mark "$1"
}

# record_begin NAME MIB: legs that differ, and no log: kept as the image from which a
# replay begins. Where nothing has FUA, what is recorded is also the order in which all
# writes ended.
record_begin()
{
	recording=$work/$1
	nullb base $((DISK_LEN / 2048))
	fill_at "$(dev base)" $LEN $LEN "leg 1"
	dd if="$(dev base)" of="$recording.image" iflag=direct bs=1M status=none
	truncate -s "$2M" "$recording.log"
	loop_over recorder "$recording.log"
	dm_create w "0 $DISK_LEN log-writes $(dev base) $recorder"
	disk=
	loop_over disk "$(dmdev w)" --direct-io=on
	slices "$disk"
	: >"$recording.sums"
}

log_with_fua()
{
	dm_swap log "$(linear "$(dmdev w)" $LOG_LEN $((2 * LEN)))"
}

# As a device of its own: dm claims FUA for all of its own.
log_without_fua()
{
	dm_remove log
	# Nobody writes, and there is nothing in the cache.
	mark "quiet"
	loop_over log "$disk" --direct-io=on --offset $((2 * LEN * 512)) \
		--sizelimit $((LOG_LEN * 512))
}

record_end()
{
	remove_loop_users
	"$LOG_WRITES_REPLAY" list "$recording.log" >"$recording.list" ||
		lost "the recording cannot be replayed"
	expect "last entry" "dm-log-writes-end" "$(tail -n 1 "$recording.list" | cut -d' ' -f5)"
}

# points COUNT|all [WHERE]: "ENTRY before|after" of power cuts all over the recording: just
# after what made something durable, FUA or flush, and just before a flush that had a choice.
# In each COUNTth part of the recording it is WHERE, from 0 to 1.
points()
{
	awk -v wanted="$1" -v where="${2:-0.5}" '
		function choose(list, nr, count, when,	i) {
			if (count > nr) count = nr
			for (i = 0; i < count; i++)
				print list[int((i + where) * nr / count)], when
		}
		$4 ~ /M/ { next }
		$4 ~ /U/ && $3 { after[nr_after++] = $1; next }
		$4 !~ /F/ { cached++; next }
		cached > 1 { before[nr_before++] = $1 }
		cached > 0 { after[nr_after++] = $1 }
		{ cached = 0 }
		END {
			half = wanted == "all" ? NR : int(wanted / 2)
			choose(before, nr_before, half, "before")
			choose(after, nr_after, wanted == "all" ? NR : wanted - half, "after")
		}' "$recording.list" | sort -k1n -k2r
}

# The same where the disk has no cache: what had ended by then is there.
points_in_order()
{
	awk -v wanted="$1" -v where="${2:-0.5}" '
		$4 !~ /[MF]/ { entries[nr++] = $1 }
		END {
			if (wanted == "all" || wanted > nr)
				wanted = nr
			for (i = 0; i < wanted; i++)
				print entries[int((i + where) * nr / wanted)], "after"
		}' "$recording.list"
}

say_recording()
{
	awk '
		{ n[$4 ~ /M/ ? "mark" : $4 ~ /U/ && $3 ? "fua" : $4 ~ /F/ ? "flush" : "write"]++; s += $3 }
		END {
			printf "# recorded %d writes, %d with FUA, of %d KiB, %d flushes, %d facts\n",
				n["write"] + n["fua"], n["fua"], s / 2, n["flush"], n["mark"] - 1
		}' "$recording.list"
	echo "# good for $($points all | wc -l) power cuts"
}

# --- a file system at work ---------------------------------------------------

# Everybody's contents are told by the name, and listed for sha1sum.
write_file()	# NUMBER
{
	local f=f$1 sum _

	{ yes "$SEED file $1" || :; } 2>/dev/null | head -c $(($1 * 7919 % 30000 + 1)) \
		>"$work/contents"
	read -r sum _ < <(sha1sum "$work/contents")
	echo "$1 $sum  $f" >>"$recording.sums"
	dd if="$work/contents" of="$mnt/$f" bs=64k conv=fsync status=none
	mark "have:$1"
}

remove_file()	# NUMBER
{
	mark "drop:$1"
	rm "$mnt/f$1"
	sync -f "$mnt"
	mark "gone:$1"
}

# hammer IO-KIB: in the background, flushing now and then, in bursts, lest it be done
# long before the rest
hammer()
{
	fio --name=w --filename="$mnt/hammer" --rw=randwrite --bsrange=1k-8k --size=2M \
		--io_size="$1k" --direct=1 --ioengine=libaio --iodepth=16 --fdatasync=20 \
		--thinktime=80ms --thinktime_blocks=8 --randseed="$SEED" \
		--verify=crc32c --verify_fatal=1 --do_verify=0 >"$work/fio" 2>&1 &
	hammer=$!
}

hammered()
{
	wait $hammer || fail "fio: $(tail -n 3 "$work/fio")"
}

# work_on FIRST LAST [suspend]: the files with these numbers
work_on()
{
	local i

	hammer $((($2 - $1 + 1) * 40))
	for ((i = $1; i <= $2; i++)); do
		write_file $i
		[ $((i % 3)) != 0 ] || remove_file $((i / 3))
		[ $((i % 8)) != 0 ] || [ "${3:-}" != suspend ] || {
			dm_suspend m
			dm_resume m
		}
	done
	hammered
}

# fill_mirror FILES [suspend]: two lives of a file system on the mirror, each with a kind
# of log of its own
second_log=log_without_fua
fill_mirror()
{
	local half=$(($1 / 2)) what=recording

	clean_delay 100
	make_mirror
	wait_equal
	mkfs.ext4 -q -E nodiscard "$(dmdev m)"
	mark "mkfs"
	live 1 $half "${@:2}"
	$second_log
	make_mirror
	live $((half + 1)) "$1" "${@:2}"
}

# live FIRST LAST [suspend]: with cleaning soon, and with cleaning at once
live()
{
	local half=$((($1 + $2) / 2))

	mount "$(dmdev m)" "$mnt"
	clean_delay 100
	work_on "$1" $half "${@:3}"
	clean_delay 0
	work_on $((half + 1)) "$2" "${@:3}"
	umount "$mnt"
	dm_remove m
}

use_recording()	# NAME
{
	recording=$work/$1
	[ -e "$recording.list" ] || fail "there is no recording"
}

# --- power cuts --------------------------------------------------------------

# The disk that power cuts leave, and the image from which it is made.
replay_begin()
{
	cp "$recording.image" "$work/base"
	cp "$recording.image" "$work/disk"
	loop_over disk "$work/disk"
	slices "$disk"
	table=$(mirror_line)
	mirror=$(dmdev m)
	position=0:1
	reset_facts
	exec 3<"$recording.list"
}

replay_end()
{
	exec 3<&-
	remove_loop_users
}

# Otherwise nothing would be proved. Of a third of the power cuts it is usual that the legs
# differ, but of eight it may be none, by chance alone.
telling()
{
	[ $points_differ -gt $((nr_points / 10)) ] && [ $files_checked -gt $nr_points ]
}

tell_replay()
{
	echo "# $nr_points power cuts, $points_differ of them with legs that differ: in" \
		"$nr_differ_all regions, $nr_dirty_all were dirty, lost: 0"
	echo "# of $nr_cached_all writes in the cache $nr_kept_all were kept;" \
		"no file system yet: $((nr_points - points_fs)) times"
	echo "# $files_checked times a file that was synced, $gone_checked times one that" \
		"was removed, lost: 0"
	telling || fail "that proves nothing: after a tenth of the power cuts the legs are" \
		"to differ, and of each a file to be looked at"
}

reset_facts()
{
	local n sum

	have=() gone=() sums=() mkfs='' facts_read=-1
	while read -r n sum; do sums[n]=$sum; done <"$recording.sums"
}

# What is known of the file system when ENTRY is on the disk.
facts_until()	# ENTRY
{
	local _ text

	while [ "$facts_read" -lt "$1" ] && read -r -u 3 facts_read _ _ _ text; do
		case $text in
		mkfs)	mkfs=y ;;
		have:*)	have[${text#*:}]=y; unset "gone[${text#*:}]" ;;
		drop:*)	unset "have[${text#*:}]" ;;
		gone:*)	gone[${text#*:}]=y ;;
		esac
	done
}

look()
{
	read -r nr_differ nr_dirty nr_lost lost \
		< <("$MIRROR_LOOK" "$work/disk" $LEN $RS) || fail "$what: cannot look at the disk"
}

# lost WHAT: the recording is kept, for "log-writes-replay cut"
lost()
{
	[ -z "${RESULTS:-}" ] || cp --sparse=always "$recording".{image,log,list} "$RESULTS"
	fail "${what:+$what: }$*"
}

# cut_power ENTRY [SEED]
cut_power()
{
	local cached kept

	what="after entry $1${2:+, just before it ends, seed $2}"
	read -r position cached kept < <("$LOG_WRITES_REPLAY" cut "$recording.log" "$work/base" \
		"$position" "$1" "$work/disk" "${@:2}") || fail "no replay $what"
	facts_until "$1"
	look
	[ "$nr_lost" = 0 ] ||
		lost "$nr_lost regions differ and are clean in the log: $lost"
	nr_points=$((nr_points + 1))
	points_differ=$((points_differ + (nr_differ > 0)))
	nr_differ_all=$((nr_differ_all + nr_differ))
	nr_dirty_all=$((nr_dirty_all + nr_dirty))
	nr_cached_all=$((nr_cached_all + cached))
	nr_kept_all=$((nr_kept_all + kept))
}

check_files()
{
	local n

	[ ${#have[@]} = 0 ] || {
		for n in "${!have[@]}"; do echo "${sums[n]}"; done >"$work/sums"
		(cd "$mnt" && exec sha1sum --check --quiet "$work/sums" >"$work/lost" 2>&1) ||
			lost "of ${#have[@]} files that were synced: $(head -n 3 "$work/lost")"
	}
	for n in "${!gone[@]}"; do
		[ ! -e "$mnt/f$n" ] || lost "file $n is there again"
	done
	files_checked=$((files_checked + ${#have[@]}))
	gone_checked=$((gone_checked + ${#gone[@]}))
}

# After mkfs: while the legs are made equal, or when they are, replay the journal.
check_file_system()
{
	[ -n "$mkfs" ] || return 0
	mount "$mirror" "$mnt" || lost "the file system cannot be mounted"
	check_files
	umount "$mnt"
	points_fs=$((points_fs + 1))
}

recover()
{
	dm_create m "$table"
	[ $((nr_points % 2)) = 0 ] || wait_equal
	check_file_system
	wait_equal
	dm_remove m
	look
	[ "$nr_differ" = 0 ] || lost "$nr_differ regions differ after the resync"
	[ "$nr_dirty" = 0 ] || lost "$nr_dirty regions are dirty after the resync"
	[ -z "$mkfs" ] || e2fsck -fn "$work/disk" >"$work/fsck" 2>&1 ||
		lost "e2fsck: $(grep -v '^Pass' "$work/fsck" | head -n 4 | tr '\n' ' ')"
}

# replay COUNT|all: the power cuts that $points says, and as many again elsewhere while they
# tell nothing
points=points
replay()
{
	local where

	nr_points=0 points_differ=0 nr_differ_all=0 nr_dirty_all=0 nr_cached_all=0 nr_kept_all=0
	points_fs=0 files_checked=0 gone_checked=0
	for where in 0.5 0.1 0.9 0.3 0.7; do
		cut_all "$1" $where
		! telling || break
	done
	tell_replay
}

cut_all()	# COUNT|all WHERE
{
	local entry when seed

	$points "$@" >"$work/points"
	replay_begin
	while read -r -u 4 entry when; do
		seed=
		[ "$when" = after ] || seed=$((SEED + entry))
		# shellcheck disable=SC2086 # none, or one word
		cut_power "$entry" $seed
		recover
		[ $((nr_points % 50)) != 0 ] || echo "# $nr_points power cuts so far"
	done 4<"$work/points"
	replay_end
}
