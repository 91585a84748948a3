#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Table reloads: growth, shrink, another log type. The legs differ everywhere
# when a new table is resumed, so that the regions equal at the end are those
# that it copied.

. "$(dirname "$0")/dm_log_lib.sh"

log=$(dev log)
legs="$(dev leg0) $(dev leg1)"

setup()
{
	nullb leg0 2
	nullb leg1 2
	nullb log 1
}

# table REGIONS "LOG ARGUMENTS"
table()
{
	mirror_table $(($1 * RS)) "$2" "$legs"
}

# reload REGIONS "LOG ARGUMENTS": wait for the old table, swap, wait for the new
reload()
{
	dm_load m "$(table "$@")"
	dm_suspend m
	# shellcheck disable=SC2086 # a list
	stamp_legs $legs
	dm_resume m
	wait_sync m "$1"
	not_copied=$(differing "$(dev leg0)" "$(dev leg1)" $(($1 * RS)))
}

begin()
{
	setup
	# shellcheck disable=SC2086
	stamp_legs $legs
	dm_create m "$(table "$@")"
	wait_sync m "$1"
}

end()		# REGIONS
{
	dm_remove m
	expect "header" "4d695272 00000002 $(printf %016x "$1")" "$(log_header "$log")"
	expect "bits and padding" \
		"$(repeat 1 "$1"):$(repeat 0 $((63 - ($1 + 63) % 64)))" \
		"$(log_bits "$log" "$1")"
}

disk_same()
{
	begin 32 "disk 2 $log $RS"
	reload 32 "disk 2 $log $RS"
	expect "not copied" "$(all_regions)" "$not_copied"
	end 32
}

disk_grow()
{
	begin 20 "disk 2 $log $RS"
	reload 32 "disk 2 $log $RS"
	expect "not copied" "$(all_regions 0 19)" "$not_copied"
	end 32
}

disk_shrink()
{
	begin 32 "disk 2 $log $RS"
	reload 20 "disk 2 $log $RS"
	expect "not copied" "$(all_regions 0 19)" "$not_copied"
	end 20
}

# What was clean before the shrink is dirty when it comes back.
disk_regrow()
{
	begin 32 "disk 2 $log $RS"
	reload 20 "disk 2 $log $RS"
	reload 32 "disk 2 $log $RS"
	expect "not copied" "$(all_regions 0 19)" "$not_copied"
	end 32
}

disk_grow_nosync()
{
	begin 20 "disk 2 $log $RS"
	reload 32 "disk 3 $log $RS nosync"
	expect "not copied" "$(all_regions)" "$not_copied"
	end 32
}

disk_grow_sync()
{
	begin 20 "disk 3 $log $RS nosync"
	reload 32 "disk 3 $log $RS sync"
	expect "not copied" "" "$not_copied"
	end 32
}

# Growth across a 64-bit word and across the bitset's first block, and back.
# Small regions keep the disks small.
disk_blocks()
{
	local n

	RS=8
	nullb leg0 20
	nullb leg1 20
	nullb log 1
	dm_create m "$(table 4090 "disk 3 $log $RS nosync")"
	for n in 4096 4097 4200 4150 64 65 63; do
		dm_load m "$(table $n "disk 2 $log $RS")"
		dm_suspend m
		dm_resume m
		wait_sync m $n
		dm_suspend m
		expect "count on disk" "$(printf %016x $n)" "$(log_count "$log")"
		expect "dirty regions of $n" "" "$(log_dirty "$log" $n)"
		expect "ones in the padding of $n" "" \
			"$(log_bits "$log" $n | cut -d: -f2 | tr -d 0)"
		dm_resume m
	done
	dm_remove m
}

core_grow()
{
	begin 20 "core 1 $RS"
	reload 32 "core 1 $RS"
	expect "not copied" "" "$not_copied"
	reload 20 "core 2 $RS nosync"
	expect "not copied with nosync" "$(all_regions 0 19)" "$not_copied"
	dm_remove m
}

# A log is added to, and taken from, a mirror in sync: what LVM does.
core_to_disk()
{
	begin 32 "core 1 $RS"
	reload 32 "disk 3 $log $RS nosync"
	expect "not copied by the disk log" "$(all_regions)" "$not_copied"
	reload 32 "core 2 $RS nosync"
	expect "not copied by the core log" "$(all_regions)" "$not_copied"
	end 32
}

# Loaded but never resumed: the log on disk is nobody else's business.
never_resumed()
{
	local before

	begin 32 "disk 2 $log $RS"
	dm_suspend m
	before=$(dev_sum "$log" 2048)
	dm_load m "$(table 20 "disk 3 $log $RS sync")"
	$DMSETUP table --inactive "$(dmname m)" >/dev/null
	$DMSETUP status --inactive "$(dmname m)" >/dev/null
	# This is over when the new mirror's worker, which has come round, has ended.
	$DMSETUP clear "$(dmname m)"
	expect "the log's bytes" "$before" "$(dev_sum "$log" 2048)"
	dm_resume m
	in_sync m || fail "after clear: $(dm_status m)"
	end 32
}

# An inactive table has a table line and a status line too.
inactive_lines()
{
	setup
	dm_create m "$(table 32 "core 2 $RS nosync")"
	dm_load m "$(table 32 "disk 3 $log $RS nosync")"
	expect "inactive table" "0 $LEN mirror disk 3 $(majmin "$log") $RS nosync 2 $(majmin "$(dev leg0)") 0 $(majmin "$(dev leg1)") 0" \
		"$($DMSETUP table --inactive "$(dmname m)")"
	expect "inactive status" \
		"0 $LEN mirror 2 $(majmin "$(dev leg0)") $(majmin "$(dev leg1)") $NR/$NR 1 AA 3 disk $(majmin "$log") A" \
		"$($DMSETUP status --inactive "$(dmname m)")"
	dm_remove m
}

# Writes all the while: none is lost by a reload, the legs agree in the end.
reload_under_load()
{
	local i writer

	begin 32 "disk 2 $log $RS"
	writer m
	for i in 1 2 3 4 5 6; do
		dm_swap m "$(table 32 "disk 2 $log $RS")"
	done
	stop_writer
	wait_sync m
	end 32
	expect "regions differing" "" "$(differing "$(dev leg0)" "$(dev leg1)")"
}

run_tests \
	disk_same	"disk log: same size, nothing copied" \
	disk_grow	"disk log: growth copies the new regions only" \
	disk_shrink	"disk log: shrink copies nothing" \
	disk_regrow	"disk log: growth after a shrink copies what had gone" \
	disk_grow_nosync "disk log: growth with nosync copies nothing" \
	disk_grow_sync	"disk log: growth with sync copies everything" \
	disk_blocks	"disk log: growth over word and block boundaries and back" \
	core_grow	"core log: a new table starts from nothing, or from nosync" \
	core_to_disk	"core to disk and back with nosync: nothing copied" \
	never_resumed	"a table loaded but never resumed leaves the log alone" \
	inactive_lines	"table and status lines of an inactive table" \
	reload_under_load "reloads while writing lose nothing"
