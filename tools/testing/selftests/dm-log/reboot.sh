#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# What an orderly power-off leaves behind. This cannot look after its own end: it is
# booted twice, on the same three disks, by somebody who does:
#
#   reboot.sh leave|look well|ill LEG0 LEG1 LOG
#
# leave makes mirrors, writes to some regions and leaves all that as it is, to be powered
# off in order; look shows what of the regions are dirty then. With ill, there is a mirror
# beside the good one whose leg hangs, and another one whose log device is dead.

. "$(dirname "$0")/dm_log_lib.sh"

LOG_LEN=64		# sectors of a log device
WRITTEN="3 5 9"		# regions

usage()
{
	ktap_skip_all "needs to be booted twice: see the head of $0"
	exit "$KSFT_SKIP"
}

[ $# = 5 ] || usage
phase=$1 mirrors=good
[ "$2" != ill ] || mirrors="good hung dead"
shift 2
leg0=$1 leg1=$2 log=$3

# slices NAME: its parts of the disks
slices()
{
	local n

	case $1 in
	good)	n=0 ;;
	hung)	n=1 ;;
	dead)	n=2 ;;
	esac
	dm_create "$1-0" "$(linear "$leg0" $LEN $((n * LEN)))"
	dm_create "$1-1" "$(linear "$leg1" $LEN $((n * LEN)))"
	dm_create "$1-log" "$(linear "$log" $LOG_LEN $((n * LOG_LEN)))"
}

written_are_dirty()	# NAME
{
	[ "$(log_dirty "$(dmdev "$1-log")")" = "$WRITTEN" ]
}

# No test: leaves the mirrors as they are.
leave()
{
	local m r

	load_modules || return
	clean_delay 3600000
	for m in $mirrors; do
		slices "$m"
		# The disks are new and all zeros.
		dm_create "$m" "$(mirror_table $LEN "disk 3 $(dmdev "$m-log") $RS nosync" \
			"$(dmdev "$m-0") $(dmdev "$m-1")")"
		for r in $WRITTEN; do
			write_region "$m" "$r" "written to $m"
		done
		wait_until written_are_dirty "$m" || fail "dirty: $(log_dirty "$(dmdev "$m-log")")"
	done
	[[ $mirrors != *hung* ]] || dm_suspend hung-1
	[[ $mirrors != *dead* ]] || dm_swap dead-log "0 $LOG_LEN error"
	echo "# powering off, with clean_delay_ms=$(cat $PARAMS/clean_delay_ms)"
}

begin_look()
{
	is_ours || skip "stock cleans without delay"
	slices "$1"
}

good_is_clean()
{
	local leg r

	begin_look good
	expect "dirty regions" "" "$(log_dirty "$(dmdev good-log)")"
	for leg in 0 1; do
		for r in $WRITTEN; do
			[[ $(read_dev "$(dmdev "good-$leg")" $((r * RS)) 1) == "written to good"* ]] ||
				fail "region $r of leg $leg was not written"
		done
	done
}

# What could not be made durable must not be clean.
hung_is_dirty()
{
	begin_look hung
	expect "dirty regions" "$WRITTEN" "$(log_dirty "$(dmdev hung-log)")"
}

dead_is_dirty()
{
	begin_look dead
	expect "dirty regions" "$WRITTEN" "$(log_dirty "$(dmdev dead-log)")"
}

if [ "$phase" = leave ]; then
	( set -eu; leave )
	exit
fi
case $mirrors in
good)
	run_tests \
		good_is_clean	"B52: an orderly power-off leaves nothing to copy" ;;
*)
	run_tests \
		good_is_clean	"B52: nor beside mirrors that cannot be cleaned" \
		hung_is_dirty	"B52: a leg that hangs keeps its mirror's regions dirty, and nobody from powering off" \
		dead_is_dirty	"B52: a dead log device does not, either" ;;
esac
