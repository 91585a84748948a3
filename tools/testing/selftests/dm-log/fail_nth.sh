#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Every allocation of a constructor and of a resume fails once, in turn: the first
# one, then the second one and so on, until there are no more. Those of dm-mirror and
# device-mapper are among them. What a failure may do: refuse the table, or nothing.
#
# Most of what fails in a resume has no trace, and no consequence: I/O, for which there
# are reserves. With TRACE=2 in the environment it is listed which functions of dm-log did not get
# memory in a constructor, which takes several times as long.
#
# Wants a kernel with failslab and fail_page_alloc, see fault-injection.rst, and with
# kmemleak, booted with kmemleak=on, for what may have been left behind.

# shellcheck source-path=SCRIPTDIR source=testd_lib.sh
. "$(dirname "$0")/testd_lib.sh"

DEBUGFS=/sys/kernel/debug
FAIL_NTH=${FAIL_NTH:-$lib_dir/fail-nth}

# Each failure has its trace in the kernel's log, which is no complaint.
COMPLAINTS=${COMPLAINTS%|Call Trace}

# Whatever an allocation says about itself, it is to fail.
let_all_fail()
{
	local dir

	for dir in failslab fail_page_alloc; do
		[ -d "$DEBUGFS/$dir" ] || skip "needs CONFIG_${dir^^} and debugfs"
		echo N >"$DEBUGFS/$dir/ignore-gfp-wait"
		echo 0 >"$DEBUGFS/$dir/verbose"
		echo 0 >"$DEBUGFS/$dir/verbose_ratelimit_interval_ms"
	done
	echo N >"$DEBUGFS/failslab/cache-filter"
	echo N >"$DEBUGFS/fail_page_alloc/ignore-gfp-highmem"
	echo 0 >"$DEBUGFS/fail_page_alloc/min-order"
	[ -x "$FAIL_NTH" ] || skip "fail-nth has not been built"
	# What device-mapper keeps in reserve are hundreds of allocations, all alike.
	echo 1 >/sys/module/dm_mod/parameters/reserved_bio_based_ios
	echo 1 >/sys/module/dm_mod/parameters/kcopyd_subjob_size_kb
}

# A stack trace for each failure, without a limit to their number. A constructor has a
# thousand, and User-Mode Linux takes its time for a trace.
trace_failures()	# LEVEL
{
	echo "$1" | tee "$DEBUGFS/failslab/verbose" >"$DEBUGFS/fail_page_alloc/verbose"
}

forget_leaks()
{
	[ -e "$DEBUGFS/kmemleak" ] || skip "needs CONFIG_DEBUG_KMEMLEAK"
	echo clear >"$DEBUGFS/kmemleak" 2>/dev/null || skip "needs kmemleak=on"
}

expect_no_leak()
{
	local found

	found=$(leaks)
	echo "# kmemleak: $(grep -c 'sysfs_slab_add+' "$DEBUGFS/kmemleak") object(s) of the" \
		"slab allocator itself"
	[ -z "$found" ] || fail "$(wc -l <<<"$found") object(s) leaked: $(head -n 1 <<<"$found")"
	expect "references to dm-mirror" 0 "$(module_refs dm-mirror)"
	expect "references to dm-log" 2 "$(module_refs dm-log)"
}

# A device that has no table yet.
dm_create_empty()	# NAME
{
	$DMSETUP create "$PREFIX-$1" --notable
	$DMSETUP mknodes "$PREFIX-$1"
}

table_live()	# NAME
{
	[[ $($DMSETUP info -c --noheadings -o tables_loaded "$PREFIX-$1") == *Live* ]]
}

# What became of the failures of one sweep. The log's own are listed by function.
sweep_begin()
{
	refused=0 survived=0
	: >"$work/places"
}

sweep_count()	# ERROR PLACE
{
	case $1 in
	0)	survived=$((survived + 1)) ;;
	# dm-mirror takes whatever is wrong with a leg or a log for a wrong argument.
	ENOMEM|EINVAL|ENXIO) refused=$((refused + 1)) ;;
	*)	fail "failure $n, in $2: $1, expected success, ENOMEM, EINVAL or ENXIO" ;;
	esac
	echo "$1 $2" >>"$work/places"
}

# sweep_end WHAT TOTAL OURS: at least so many, so that nobody sweeps an empty room
sweep_end()
{
	local ours

	ours=$(grep -c 'dm_log:' "$work/places" || :)
	echo "# $1: $((refused + survived)) allocations failed, $ours of them in dm-log;" \
		"$refused refused, $survived survived, $(grep -c silent "$work/places" || :)" \
		"of all without a trace"
	sort "$work/places" | uniq -c | sort -rn |
		awk '/dm_log:/ { print "#    " $1 " times " $2 " in " $3 }'
	[ $((refused + survived)) -ge "$2" ] || fail "expected at least $2 failures"
	[ "$ours" -ge "$3" ] || fail "expected at least $3 failures in dm-log"
}

# --- constructors ------------------------------------------------------------

sweep_load()	# "LOG ARGUMENTS"
{
	local error place

	dm_create_empty m
	sweep_begin
	trace_failures "${TRACE:-0}"
	"$FAIL_NTH" load "$(dmname m)" "$(mirror_table $LEN "$1" "$legs")" >"$work/failures" ||
		fail "$(tail -n 1 "$work/failures")"
	while read -r n error place; do
		[ "$n" = end ] || sweep_count "$error" "$place"
	done <"$work/failures"
	expect "the end, where nothing fails" "end 0" "$(tail -n 1 "$work/failures")"
	sweep_end "constructor of $1" 50 5
	dm_remove m
}

# Whatever the daemon took on, it got rid of, by its luid.
expect_no_log_at_daemon()
{
	local left

	awk '$2 == "!" && $3 == "CTR" && $8 == 0 { has[$5] = 1; n++ }
	     $2 == "?" && $3 == "DTR" { delete has[$5] }
	     END { for (l in has) print "CTR of " l " without DTR"
		   print n + 0 >"'"$work/created"'" }' "$trace" >"$work/left"
	sed 's/^/# /' "$work/left"
	echo "# the daemon was given $(cat "$work/created") logs"
	left=$(wc -l <"$work/left")
	[ "$left" = 0 ] || fail "the daemon is left with $left log(s)"
}

# --- resumes -----------------------------------------------------------------

# A resume that went well, or as well as it could: the mirror serves, what may
# differ is copied, and the log, if it has bytes, ends clean.
expect_works()	# REGION...: these have to be copied
{
	local r leg

	wait_sync m
	write_region m 7 "after failure $n"
	expect "what the mirror reads" "after failure $n" \
		"$(read_dev "$(dmdev m)" $((7 * RS)) 1 | head -n 1)"
	dm_suspend m
	for r in "$@"; do
		cmp -s <(read_dev "$(dev leg0)" $((r * RS)) $RS) \
			<(read_dev "$(dev leg1)" $((r * RS)) $RS) ||
			fail "failure $n: region $r was dirty and has not been copied"
	done
	for leg in $legs; do
		expect "failure $n: what $leg holds" "after failure $n" \
			"$(read_dev "$leg" $((7 * RS)) 1 | head -n 1)"
	done
	[[ $kind != disk* ]] || expect "failure $n: dirty regions on disk" "" "$(log_dirty "$log")"
}

# Just the dirty regions, differently each time.
stamp_regions()	# REGION...
{
	local r leg

	for r in "$@"; do
		for leg in $legs; do
			fill_at "$leg" $((r * RS)) $RS "$leg before failure $n"
		done
	done
}

# sweep_resume "LOG ARGUMENTS" BEFORE REGION...: the first resume of a table. BEFORE
# is a function that prepares the log, the regions are those it makes dirty.
sweep_resume()
{
	local table kind=$1 injected error place

	table=$(mirror_table $LEN "$1" "$legs")
	sweep_begin
	trace_failures 2
	for ((n = 1; ; n++)); do
		stamp_regions "${@:3}"
		"$2" "${@:3}"
		dm_create_empty m
		dm_load m "$table"
		read -r injected error place < <("$FAIL_NTH" resume "$(dmname m)" $n)
		[ "$injected" = end ] || sweep_count "$error" "$place"
		if [ "$error" != 0 ]; then
			! table_live m || fail "failure $n: $error, but a live table"
			dm_load m "$table"
			dm_resume m || fail "failure $n: the next resume fails too"
		fi
		$DMSETUP mknodes "$PREFIX-m"
		expect_works "${@:3}"
		dm_remove m
		[ "$injected" != end ] || break
	done
	expect "error where nothing failed" 0 "$error"
	sweep_end "first resume of $1" 2 0
}

# sweep_again "LOG ARGUMENTS": resumes of a table that was suspended.
sweep_again()
{
	local kind=$1 injected error place

	n=0
	dm_create m "$(mirror_table $LEN "$1" "$legs")"
	wait_sync m
	dm_suspend m
	sweep_begin
	trace_failures 2
	for ((n = 1; ; n++)); do
		read -r injected error place < <("$FAIL_NTH" resume "$(dmname m)" $n)
		[ "$injected" = end ] || sweep_count "$error" "$place"
		[ "$error" = 0 ] || dm_resume m || fail "failure $n: the next resume fails too"
		expect_works
		[ "$injected" != end ] || break
	done
	expect "error where nothing failed" 0 "$error"
	sweep_end "later resume of $1" 1 0
	dm_remove m
}

log_is_new() { zero_dev "$log" 64; }
log_has_dirty() { log_format "$log" "$@"; }
as_it_is() { :; }

# --- the types ---------------------------------------------------------------

begin()
{
	let_all_fail
	setup
	forget_leaks
}

ctr_core()
{
	begin
	sweep_load "core 1 $RS"
	expect_no_leak
}

ctr_disk()
{
	begin
	sweep_load "disk 2 $log $RS"
	expect_no_leak
}

ctr_userspace()	# WORD...
{
	begin
	testd_start
	sweep_load "$(ulog u "$@")"
	expect_no_log_at_daemon
	testd_kill
	expect_no_leak
}
ctr_us_core() { ctr_userspace testd-core $RS; }
ctr_us_disk() { ctr_userspace insync_cache testd-disk "$log" $RS; }

resume_core()
{
	begin
	sweep_resume "core 2 $RS nosync" as_it_is
	sweep_again "core 1 $RS"
	expect_no_leak
}

resume_disk_new()
{
	begin
	clean_delay 0
	sweep_resume "disk 2 $log $RS" log_is_new 4 20
	expect_no_leak
}

resume_disk_old()
{
	begin
	clean_delay 0
	sweep_resume "disk 2 $log $RS" log_has_dirty 4 20
	expect_no_leak
}

resume_disk_nosync()
{
	begin
	clean_delay 0
	sweep_resume "disk 3 $log $RS nosync" log_has_dirty
	sweep_again "disk 3 $log $RS nosync"
	expect_no_leak
}

resume_userspace()	# WORD...
{
	begin
	testd_start
	sweep_resume "$(ulog u "$@")" "${before:-as_it_is}" ${dirty:-}
	sweep_again "$(ulog u "$@")"
	expect_no_log_at_daemon
	testd_kill
	expect_no_leak
}
resume_us_core() { resume_userspace testd-core $RS nosync; }
resume_us_disk() { before=log_has_dirty dirty="4 20" resume_userspace insync_cache testd-disk "$log" $RS; }

# After all this. For this boot, where modules must not be loaded twice.
unload()
{
	local m

	for m in dm-mirror dm-region-hash dm-log-userspace dm-log; do
		! module_loaded $m || rmmod $m || fail "cannot unload $m"
	done
	! module_loaded dm-log || fail "dm-log is still there"
}

run_tests \
	ctr_core	"core: every allocation of a constructor fails once" \
	ctr_disk	"disk: every allocation of a constructor fails once" \
	ctr_us_core	"userspace: every allocation of a constructor fails once" \
	ctr_us_disk	"userspace on a device: every allocation of a constructor fails once" \
	resume_core	"core: every allocation of a resume fails once" \
	resume_disk_new	"disk, new log: every allocation of a resume fails once" \
	resume_disk_old	"disk, dirty log: every allocation of a resume fails once" \
	resume_disk_nosync "disk, nosync: every allocation of a resume fails once" \
	resume_us_core	"userspace: every allocation of a resume fails once" \
	resume_us_disk	"userspace on a device: every allocation of a resume fails once" \
	unload		"after all that the modules can be unloaded"
