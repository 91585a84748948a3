#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# B9: more regions than fit into an int. The legs are null_blk devices without
# memory, which can be as large as one likes; only the log's bitset is real.
# On stock the disk log panics, hence a file of its own.

. "$(dirname "$0")/dm_log_lib.sh"

RS=2
NR=$(((1 << 31) + 64))
LEN=$((RS * NR))
MIB=$((LEN / 2048 + 1))

setup()		# MEGABYTES OF MEMORY NEEDED
{
	local free

	free=$(awk '/^MemAvailable/ { print int($2 / 1024) }' /proc/meminfo)
	[ "$free" -gt "$1" ] || skip "needs $1 MiB of memory, $free available"
	nullb leg0 $MIB memory_backed=0
	nullb leg1 $MIB memory_backed=0
	dm_create leg1 "$(linear "$(dev leg1)" $LEN)"
}

# Regions on both sides of 2^31 lose a leg; all are copied after a resume.
beyond_int()	# "LOG ARGUMENTS"
{
	local r

	dm_create m "$(mirror_table $LEN "$1" "$(dev leg0) $(dmdev leg1)")"
	in_sync m || fail "nosync mirror: $(dm_status m)"
	dm_swap leg1 "$(fail_writes "$(dev leg1)" $LEN)"
	for r in 5 $((NR - 60)) $((NR - 3)) $((NR - 1)); do
		dd if=/dev/zero of="$(dmdev m)" oflag=direct,seek_bytes bs=1024 \
			count=1 seek=$((r * 1024)) status=none
	done
	wait_until test_ratio $((NR - 4)) || fail "after errors: $(dm_status m)"
	dm_suspend m
	dm_swap leg1 "$(linear "$(dev leg1)" $LEN)"
	dm_resume m
	wait_sync m
	dm_remove m
}

test_ratio()
{
	[ "$(sync_ratio m)" = "$1/$NR" ]
}

on_core()
{
	setup 1000
	beyond_int "core 2 $RS nosync"
}

on_disk()
{
	setup 1400
	nullb log 260
	beyond_int "disk 3 $(dev log) $RS nosync"
	expect "region count on disk" "$(printf %016x $NR)" "$(log_count "$(dev log)")"
	expect "zeros in the bitset" 0 "$(dd if="$(dev log)" iflag=direct bs=1M status=none |
		tail -c +1025 | head -c $((NR / 8)) | tr -d '\377' | wc -c)"
}

# Two bits a region and one percent, buffers for I/O included.
memory()	# "LOG ARGUMENTS"
{
	local bytes

	dm_create m "$(mirror_table $LEN "$1" "$(dev leg0) $(dev leg1)")"
	bytes=$(awk '/\[dm_log\]/ { n += $2 } END { print n + 0 }' /proc/vmallocinfo)
	echo "# $bytes bytes for $NR regions"
	[ "$bytes" -ge $((NR / 4)) ] || fail "$bytes bytes cannot be all"
	[ "$bytes" -le $((NR / 4 * 101 / 100)) ] || fail "$bytes bytes for $NR regions"
	dm_remove m
}

# Enough for the buffers not to matter.
fewer_regions()
{
	NR=$((1 << 28))
	LEN=$((RS * NR))
	setup 600
}

memory_core()
{
	fewer_regions
	memory "core 2 $RS nosync"
}

memory_disk()
{
	fewer_regions
	nullb log 33
	memory "disk 3 $(dev log) $RS nosync"
}

run_tests \
	memory_core "B45: core: 2 bits of memory for a region" \
	memory_disk "B45: disk: 2 bits of memory for a region" \
	on_core "B9: core: regions above 2^31 are resynchronised" \
	on_disk "B9: disk: more than 2^31 regions"
