#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Power cuts in mid-write. This cannot cut its own power: it is booted again
# and again, on the same three disks, by somebody who does:
#
#   crash.sh check|nocheck write SEED|end LEG0 LEG1 LOG
#
# check looks at what the last power cut left, lets the mirror recover and looks
# again; nocheck is for fresh disks. write then writes at random, says when it
# wants the power cut ("cut the power now"), and goes on writing.

. "$(dirname "$0")/dm_log_lib.sh"

NR=256
LEN=$((RS * NR))
KNOWN=4			# regions whose contents are known: written before the cut
SPAN=48			# regions written at random

usage()
{
	ktap_skip_all "needs a power cut: see the head of $0"
	exit "$KSFT_SKIP"
}

[ $# -ge 5 ] || usage
phase=$1 then=$2
shift 2
seed=
[ "$then" != write ] || { seed=$1; shift; }
leg0=$1 leg1=$2 log=$3

mirror()	# LEG0 LEG1
{
	dm_create m "$(mirror_table $LEN "disk 2 $log $RS" "$1 $2")"
}

sectors_written()
{
	awk '{ print $7 }' "/sys/block/${leg1#/dev/}/stat"
}

known_text()
{
	read_dev "$1" $(($2 * RS)) 1 | head -n 1
}

# What is known before the mirror is touched.
look()
{
	differ=$(differing "$leg0" "$leg1")
	dirty=$(log_dirty "$log")
	nr_dirty=$(wc -w <<<"$dirty")
	echo "# $(wc -w <<<"$differ") regions differ, $nr_dirty of $NR are dirty in the log"
}

differing_are_dirty()
{
	local r

	for r in $differ; do
		[[ " $dirty " == *" $r "* ]] || fail "region $r differs but is clean in the log"
	done
}

# None may be: without the delay all is clean for a moment when the writes of one pass
# have ended. scripts/selftest sees to it that this is rare.
few_are_dirty()
{
	[ "$nr_dirty" -le $((SPAN + KNOWN)) ] || fail "$nr_dirty regions dirty of $((SPAN + KNOWN)) written"
}

recovers()
{
	local before

	before=$(sectors_written)
	mirror "$leg0" "$leg1"
	wait_sync m
	expect "sectors copied" $((nr_dirty * RS)) $(($(sectors_written) - before))
	dm_remove m
	expect "regions differing" "" "$(differing "$leg0" "$leg1")"
	expect "dirty regions" "" "$(log_dirty "$log")"
}

acknowledged()
{
	local r leg

	for leg in "$leg0" "$leg1"; do
		for ((r = 0; r < KNOWN; r++)); do
			[[ $(known_text "$leg" $r) == "acknowledged "* ]] ||
				fail "the write to region $r is not on $leg"
		done
		expect "texts on $leg" 1 "$(for ((r = 0; r < KNOWN; r++)); do
			known_text "$leg" $r; done | sort -u | wc -l)"
	done
}

# No test: leaves the mirror as it is.
write_until_cut()
{
	local r

	RANDOM=$seed
	load_modules || exit 1
	# Fresh disks are made equal at full speed; others are already.
	mirror "$leg0" "$leg1"
	wait_sync m
	dm_remove m
	# Every other time without the delay, which leaves far fewer regions
	# dirty: those that differ must be just these.
	clean_delay $((seed % 2 * 5000))
	# A slower leg, now this, now that: at any time, some writes have reached
	# one leg only.
	dm_create slow0 "0 $LEN delay $leg0 0 0 $leg0 0 $((seed / 2 % 2 * 30))"
	dm_create slow1 "0 $LEN delay $leg1 0 0 $leg1 0 $((30 - seed / 2 % 2 * 30))"
	mirror "$(dmdev slow0)" "$(dmdev slow1)"
	wait_sync m
	for ((r = 0; r < KNOWN; r++)); do
		write_region m $r "acknowledged $seed"
	done
	fio --name=w --filename="$(dmdev m)" --rw=randwrite --bs=4k --direct=1 \
		--ioengine=libaio --iodepth=8 --randseed="$seed" --time_based \
		--runtime=$((2 * HANG_S)) --refill_buffers \
		--offset=$(((KNOWN + RANDOM % (NR - KNOWN - SPAN)) * RS * 512)) \
		--size=$((SPAN * RS * 512)) >/dev/null 2>&1 &
	wait_until some_dirty || { echo "Bail out! nothing is being written"; exit 1; }
	sleep "0.$((RANDOM % 900 + 100))"
	echo "# cut the power now"
	sleep $HANG_S
	echo "Bail out! nobody cut the power"
	exit 1
}

some_dirty()
{
	[ "$(log_dirty "$log" | wc -w)" -gt $((KNOWN + 1)) ]
}

if [ "$phase" = check ]; then
	look
	# Not run_tests' last word: writing comes after it.
	( run_tests \
		differing_are_dirty "every region that differs is dirty in the log" \
		few_are_dirty	"the regions dirty are some of those written" \
		recovers	"recovery copies just these, then the legs are equal" \
		acknowledged	"what was acknowledged before the cut is on both legs" ) ||
		exit
fi
[ "$then" != write ] || { set -eu; write_until_cut; }
