#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Whose log is it? Mirrors that get another's log copy everything and say so; the
# same mirror copies nothing, also after others have used its log. The legs are
# made to differ everywhere first, so those regions are equal that were copied.
#
# DM_LOG_STOCK_KO is the kernel's own dm-log.ko, for the tests that change modules.

. "$(dirname "$0")/dm_log_lib.sh"

VG1=LVM-vvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvv VG2=LVM-wwwwwwwwwwwwwwwwwwwwwwwwwwwwwwww
LV1=llllllllllllllllllllllllllllllll LV2=mmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmm

setup()
{
	nullb leg0 2
	nullb leg1 2
	nullb log 1
	log=$(dev log)
}

# activate UUID [KEYWORD]: bring the mirror up and take it down; $not_copied, $said
activate()
{
	local uuid=()

	[ -z "$1" ] || uuid=(--uuid "$1")
	shift
	stamp_legs "$(dev leg0)" "$(dev leg1)"
	kmsg_mark
	dm_create m "$(mirror_table $LEN "disk $((2 + $#)) $log $RS${1:+ $1}" \
		"$(dev leg0) $(dev leg1)")" "${uuid[@]}"
	wait_sync m
	dm_remove m
	not_copied=$(differing "$(dev leg0)" "$(dev leg1)")
	said=$(kmsg_since | grep 'dirty region log' || :)
}

expect_fits()	# WHAT
{
	expect "$1: regions not copied" "$(all_regions)" "$not_copied"
	expect "$1: kernel messages" "" "$said"
}

expect_misfit()	# WHAT OLD-UUID NEW-UUID
{
	expect "$1: regions not copied" "" "$not_copied"
	expect "$1: kernel messages" "device-mapper: dirty region log: log device $(majmin "$log") belongs to mirror $2, expected $3: all out of sync" "$said"
}

crc32()
{
	gzip -c | tail -c 8 | head -c 4
}

# The bytes of the document, put together by other means.
record()	# UUID
{
	{
		printf "DLOGRege$(le 8 $NR)$(le 4 $RS)$(le 4 156)%s" "$1"
		head -c $((128 - ${#1})) /dev/zero
	} >/tmp/record
	{ cat /tmp/record; crc32 </tmp/record; } | sha1sum
}

expect_record()	# UUID
{
	expect "record" "$(record "$1")" \
		"$(read_dev "$log" 0 1 | tail -c +17 | head -c 156 | sha1sum)"
	expect "non-zero bytes behind the record" 0 \
		"$(read_dev "$log" 0 2 | tail -c +173 | tr -d '\0' | wc -c)"
}

# with_modules ours|stock: from now on it is these
with_modules()
{
	local ko=$DM_LOG_KO

	[ -z "${DM_LOG_KEEP_MODULES:-}" ] || skip "modules cannot be loaded twice here"
	[ -r "${DM_LOG_STOCK_KO:-}" ] || skip "DM_LOG_STOCK_KO is not set to the kernel's dm-log.ko"
	[ "$1" = ours ] || ko=$DM_LOG_STOCK_KO
	unload_modules || fail "the modules cannot be unloaded"
	DM_LOG_KO=$ko DM_LOG_EXPECT=$1 load_modules || fail "no modules: $1"
}

same_mirror()
{
	setup
	activate mirror-1
	expect "regions not copied to a new log" "" "$not_copied"
	activate mirror-1
	expect_fits "again"
}

record_bytes()
{
	setup
	activate mirror-1 nosync
	expect_record mirror-1
	activate ""
	expect_record ""
}

# Two mirrors, two logs.
swapped()
{
	local log0 log1

	setup
	nullb other 1
	log0=$log log1=$(dev other)
	activate mirror-1
	log=$log1
	activate mirror-2

	activate mirror-1
	expect_misfit "the first on the second's log" mirror-2 mirror-1
	log=$log0
	activate mirror-2
	expect_misfit "the second on the first's log" mirror-1 mirror-2

	# That is theirs now.
	activate mirror-2
	expect_fits "the second, again"
	log=$log1
	activate mirror-1
	expect_fits "the first, again"
}

no_uuid()
{
	setup
	activate mirror-1
	activate ""
	expect_fits "no UUID"
	activate mirror-2
	expect_fits "a UUID where there was none"
}

# A mirror gets its UUID while it lives.
given_uuid()
{
	setup
	dm_create m "$(mirror_table $LEN "disk 3 $log $RS nosync" "$(dev leg0) $(dev leg1)")"
	$DMSETUP rename "$(dmname m)" --setuuid mirror-1
	dm_suspend m
	dm_resume m
	in_sync m || fail "after the resume: $(dm_status m)"
	expect_record mirror-1
	dm_remove m
	activate mirror-1
	expect_fits "loaded anew"
}

keyword()
{
	setup
	activate mirror-1
	activate mirror-2 nosync
	expect_fits "nosync"
	activate mirror-2
	expect_fits "the same mirror then"
}

# lvconvert puts a mirror under a layer of the same group, vgsplit changes the group.
lvm_moves()
{
	setup
	activate $VG1$LV1
	activate $VG1$LV2
	expect_fits "another volume of the group"
	activate $VG2$LV2-real
	expect_fits "the volume in another group"
}

lvm_other()
{
	setup
	activate $VG1$LV1
	activate $VG2$LV2
	expect_misfit "another volume in another group" $VG1$LV1 $VG2$LV2
}

# Nothing of ours keeps stock from reading the log, and it keeps our record.
stock_between()
{
	setup
	activate mirror-1
	expect_record mirror-1
	with_modules stock
	activate mirror-1
	expect "regions not copied by stock" "$(all_regions)" "$not_copied"
	expect_record mirror-1
	with_modules ours
	activate mirror-1
	expect_fits "back to ours"
	log_all_clean "$log" || fail "dirty: $(log_dirty "$log")"
}

stock_first()
{
	setup
	with_modules stock
	activate mirror-1
	expect "regions not copied to a new log" "" "$not_copied"
	with_modules ours
	activate mirror-1
	expect_fits "a log of stock's"
	expect_record mirror-1
}

# Too many dirty regions, rather than too few: its bits are another mirror's.
stock_on_others()
{
	setup
	activate mirror-1
	with_modules stock
	activate mirror-2
	expect "regions not copied by stock" "$(all_regions)" "$not_copied"
	with_modules ours
	activate mirror-2
	expect_misfit "what stock did not see" mirror-1 mirror-2
}

run_tests \
	same_mirror	"the same mirror again: nothing copied, nothing said" \
	record_bytes	"B13: the record's bytes are those of the document" \
	swapped		"B13: mirrors that swap their logs copy everything, once" \
	no_uuid		"no UUID says nothing about the mirror" \
	given_uuid	"B13: a mirror that is given a UUID while it lives" \
	keyword		"nosync on another's log: nothing copied, nothing said" \
	lvm_moves	"an LVM volume under a layer, or in another group" \
	lvm_other	"B13: another LVM volume in another group" \
	stock_between	"B13: stock uses our log in between" \
	stock_first	"B13: a log that stock began" \
	stock_on_others	"B13: stock uses another's log in between"
