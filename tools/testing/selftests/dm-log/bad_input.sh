#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Tables a log has to refuse: with -EINVAL, one kernel message that names the
# bad argument, and nothing kept - no module reference, no device, no memory.

. "$(dirname "$0")/dm_log_lib.sh"

log=$(dev log)

setup()
{
	nullb leg0 2
	nullb leg1 2
	nullb log 1
}

# What the log itself said: dm's own complaint about the table is not it.
log_messages()
{
	kmsg_since | grep -E '^(device-mapper: dirty region log|dm-log)'
}

# refused "LOG ARGUMENTS" [BAD-ARGUMENT]: all complaints are collected, so that
# one run shows every case that is wrong.
refused()
{
	local said messages refs

	kmsg_mark
	refs=$(module_refs dm-log)
	if said=$(dm_create m "$(mirror_table $LEN "$1" "$(dev leg0) $(dev leg1)")" 2>&1); then
		complain "$1" "accepted"
		dm_remove m
		return
	fi
	[[ $said == *"Invalid argument"* ]] || complain "$1" "not EINVAL: $said"
	[ "$(module_refs dm-log)" = "$refs" ] || complain "$1" "module reference leaked"
	expect_unused "$1"
	# Stock is not held to our messages.
	is_ours || return 0
	messages=$(log_messages)
	[ "$(grep -c . <<<"$messages")" = 1 ] ||
		complain "$1" "not one message but: '${messages//$'\n'/ / }'"
	[ -z "${2:-}" ] || [[ $messages == *"$2"* ]] ||
		complain "$1" "does not name '$2': $messages"
}

# Nobody holds the log's disk, or the device made of it, nor memory for a log.
expect_unused()
{
	local d

	for d in "/sys/block/${log#/dev/}/holders/"*; do
		[ -e "$d" ] || continue
		[ "$(cat "$d/dm/name")" = "$(dmname small)" ] &&
			[ "$(dm_open_count small)" = 0 ] || complain "$1" "log device held"
	done
	! grep -q '\[dm_log\]' /proc/vmallocinfo || complain "$1" "memory leaked"
}

dm_open_count()
{
	$DMSETUP info -c --noheadings -o open "$(dmname "$1")"
}

complain()
{
	echo "# '$1': $2"
	complaints=$((complaints + 1))
}

# Sum up a test's complaints.
verdict()
{
	[ "$complaints" = 0 ] || fail "$complaints complaints"
	# The very same devices still make a mirror.
	dm_create m "$(mirror_table $LEN "disk 2 $log $RS" "$(dev leg0) $(dev leg1)")"
	wait_sync m
	dm_remove m
}

counts()
{
	setup
	refused "core 0"
	refused "core 3 $RS nosync extra"
	refused "disk 0"
	refused "disk 1 $log"
	refused "disk 4 $log $RS sync extra"
	verdict
}

region_sizes()
{
	local size

	setup
	for size in 0 1 3 96 3000 $((LEN * 2)) $((LEN + 1)) 2147483648 4294967296 \
		18446744073709551616 99999999999999999999999 \
		abc "$RS"x "$RS". -$RS +$RS 0x80 0b1; do
		refused "core 1 $size" "$size"
		refused "disk 2 $log $size" "$size"
	done
	verdict
}

# B35: these are $RS and 1024 modulo 2^32.
region_sizes_2_32()
{
	setup
	refused "core 1 $(((1 << 32) + RS))" $(((1 << 32) + RS))
	refused "disk 2 $log $(((1 << 32) + 1024))" $(((1 << 32) + 1024))
	verdict
}

# Limits that are still good.
good_sizes()
{
	local size

	setup
	for size in 2 $LEN 0000$RS; do
		dm_create m "$(mirror_table $LEN "core 2 $size nosync" "$(dev leg0) $(dev leg1)")"
		expect "region size in the table" $((10#$size)) "$(dm_table m | cut -d' ' -f6)"
		dm_remove m
	done
}

sync_words()
{
	local word

	setup
	for word in maybe NOSYNC Sync no syncx -; do
		refused "core 2 $RS $word" "$word"
		refused "disk 3 $log $RS $word" "$word"
	done
	verdict
}

missing_device()
{
	setup
	refused "disk 2 /dev/$PREFIX-missing $RS" "/dev/$PREFIX-missing"
	refused "disk 2 999:999 $RS" "999:999"
	refused "disk 3 nonsense $RS nosync" nonsense
	verdict
}

# 32 regions take 1024 bytes and 8 more: three blocks of 512.
small_device()
{
	setup
	dm_create small "$(linear "$log" 2)"
	refused "disk 2 $(dmdev small) $RS"
	dm_remove small
	dm_create small "$(linear "$log" 3)"
	dm_create m "$(mirror_table $LEN "disk 2 $(dmdev small) $RS" "$(dev leg0) $(dev leg1)")"
	wait_sync m
	dm_remove m
	dm_remove small
	verdict
}

# 64 regions fill one word, a bitset's block holds 4096: around these limits.
small_device_limits()
{
	local n need

	setup
	for n in 64 65 4096 4097 8192 8193; do
		need=$(((1024 + (n + 63) / 64 * 8 + 511) / 512))
		dm_create small "$(linear "$log" $((need - 1)))"
		LEN=$((n * 2))
		RS=2
		nullb big 16
		refused "disk 2 $(dmdev small) $RS"
		dm_remove small
		dm_create small "$(linear "$log" $need)"
		dm_create m "$(mirror_table $LEN "disk 3 $(dmdev small) $RS nosync" "$(dev big) $(dev big)")"
		dm_remove m
		dm_remove small
		echo 0 >$NULLB/$PREFIX-big/power
		rmdir $NULLB/$PREFIX-big
	done
	[ "$complaints" = 0 ] || fail "$complaints complaints"
}

# The mirror can still fail after its log was made: the log goes again.
mirror_fails_later()
{
	local refs t

	setup
	refs=$(module_refs dm-log)
	for t in "0 $LEN mirror disk 2 $log $RS 2 $(dev leg0) 0 /dev/$PREFIX-missing 0" \
		 "0 $LEN mirror disk 2 $log $RS 1 $(dev leg0) 0" \
		 "0 $LEN mirror disk 2 $log $RS 2 $(dev leg0) 0 $(dev leg1) 0 1 nonsense"; do
		if dm_create m "$t" 2>/dev/null; then
			complain "$t" "accepted"
			dm_remove m
		fi
		[ "$(module_refs dm-log)" = "$refs" ] || complain "$t" "module reference leaked"
		expect_unused "$t"
	done
	verdict
}

# Refused time and again: what is lost each time would show up.
again_and_again()
{
	local i before after

	setup
	lots()
	{
		for ((i = 0; i < 60; i++)); do
			! dm_create m "$(mirror_table $LEN "disk 3 $log $RS maybe" "$(dev leg0) $(dev leg1)")" \
				2>/dev/null || fail "accepted"
		done
	}
	lots
	before=$(awk '/^Slab/ { print $2 }' /proc/meminfo)
	lots
	after=$(awk '/^Slab/ { print $2 }' /proc/meminfo)
	[ $((after - before)) -lt 500 ] || fail "slab grew by $((after - before)) KiB"
	verdict
}

complaints=0
run_tests \
	counts		"too few and too many arguments" \
	region_sizes	"region sizes that are none" \
	region_sizes_2_32 "B35: region sizes above 2^32" \
	good_sizes	"smallest and largest region size, leading zeros" \
	sync_words	"unknown sync words" \
	missing_device	"log device missing" \
	small_device	"log device one sector too small" \
	small_device_limits "log device one sector too small, at the bitset's limits" \
	mirror_fails_later "the mirror is refused after its log was made" \
	again_and_again	"refused many times: nothing leaked"
