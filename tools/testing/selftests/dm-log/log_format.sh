#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# What a disk log makes of the bytes it finds and which bytes it writes. The
# legs differ in every region at the start, so the regions that are equal at
# the end are those that were copied: this is what the log was understood to say.

. "$(dirname "$0")/dm_log_lib.sh"

setup()
{
	nullb leg0 2
	nullb leg1 2
	nullb log 1
	log=$(dev log)
	stamp_legs "$(dev leg0)" "$(dev leg1)"
}

mirror()	# [KEYWORD]
{
	mirror_table $LEN "disk $((2 + $#)) $log $RS${1:+ $1}" "$(dev leg0) $(dev leg1)"
}

# activate [KEYWORD]: bring the mirror up, let it resync, take it down
activate()
{
	dm_create m "$(mirror "$@")"
	wait_sync m
	dm_remove m
}

expect_not_copied()	# REGIONS
{
	expect "regions not copied" "$1" "$(differing "$(dev leg0)" "$(dev leg1)")"
}

expect_clean_log()
{
	expect "header" "4d695272 00000002 $(printf %016x $NR)" "$(log_header "$log")"
	expect "bits and padding" "$(repeat 1 $NR):$(repeat 0 $((64 - NR)))" \
		"$(log_bits "$log")"
}

blank()
{
	setup
	activate
	expect_not_copied ""
	expect_clean_log
}

full_of_ones()
{
	setup
	zero_dev "$log" 2048 '\377'
	activate
	expect_not_copied ""
	expect_clean_log
}

full_of_text()
{
	setup
	fill_dev "$log" 2048 "not a log"
	activate
	expect_not_copied ""
	expect_clean_log
}

bad_magic()
{
	setup
	log_format "$log"
	log_set_header "$log" 0x4D695273 2 $NR
	activate
	expect_not_copied ""
	expect_clean_log
}

random_header()
{
	setup
	dd if=/dev/urandom of="$log" oflag=direct bs=64k count=1 status=none
	activate
	expect_not_copied ""
	expect_clean_log
}

# Only the dirty regions of a valid log are copied.
version_2()
{
	setup
	log_format "$log" 0 7 8 31
	activate
	expect_not_copied "$(without 0 7 8 31)"
	expect_clean_log
}

version_1()
{
	setup
	log_format "$log" 3 30
	log_set_header "$log" $LOG_MAGIC 1 $NR
	activate
	expect_not_copied "$(without 3 30)"
	expect_clean_log
}

# The keyword wins over a valid log.
keyword_nosync()
{
	setup
	log_format "$log" 3 30
	activate nosync
	expect_not_copied "$(all_regions)"
	expect_clean_log
}

keyword_sync()
{
	setup
	log_format "$log"
	activate sync
	expect_not_copied ""
	expect_clean_log
}

# LVM fills the log volume and writes nothing but the first 16 bytes.
lvm_header()	# FILL
{
	setup
	zero_dev "$log" 2048 "$1"
	log_set_header "$log" $LOG_MAGIC 2 -1
	activate
}

lvm_in_sync()
{
	lvm_header '\377'
	expect_not_copied "$(all_regions)"
	expect_clean_log
}

lvm_out_of_sync()
{
	lvm_header '\0'
	expect_not_copied ""
	expect_clean_log
}

# A count above 2^32 whose low half is zero is still a large count.
huge_count()
{
	setup
	log_format "$log" 5
	log_set_header "$log" $LOG_MAGIC 2 $((1 << 32))
	activate
	expect_not_copied "$(without 5)"
	expect_clean_log
}

# A log that recorded fewer regions says nothing about the others.
small_count()
{
	setup
	log_format "$log" 3
	log_set_header "$log" $LOG_MAGIC 2 20
	activate
	# shellcheck disable=SC2046 # one word for each region
	expect_not_copied "$(without 3 $(all_regions 20 31))"
	expect_clean_log
}

zero_count()
{
	setup
	log_format "$log"
	log_set_header "$log" $LOG_MAGIC 2 0
	activate
	expect_not_copied ""
	expect_clean_log
}

# Padding read from disk must not count as regions, and goes out as zeros.
dirty_padding()
{
	setup
	log_format "$log" 9
	log_set_bits "$log" "$(repeat 1 9)0$(repeat 1 54)"
	dm_create m "$(mirror)"
	wait_sync m
	dm_remove m
	expect_not_copied "$(without 9)"
	expect_clean_log
}

# Bytes 16 to 1023 are not the bitset's: whatever a stranger left there must
# not matter, and a stranger's bytes after the bitset's block stay.
strangers_bytes()
{
	local before

	setup
	fill_dev "$log" 2048 "a stranger's bytes"
	log_format "$log" 4
	before=$(read_dev "$log" 16 2032 | sha1sum)
	activate
	expect_not_copied "$(without 4)"
	expect_clean_log
	expect "bytes behind the log" "$before" "$(read_dev "$log" 16 2032 | sha1sum)"
}

# The first 16 bytes and the bitset are written as zeros and ones, the rest of
# the header is either kept or made of what we wrote: never memory's leftovers.
no_leftovers()
{
	setup
	activate
	dm_create m "$(mirror)"
	write_region m 2
	dm_remove m
	expect_clean_log
	# Only the private record of our own may stand in the header's rest: it
	# is the same for two logs of the same geometry.
	local first
	first=$(read_dev "$log" 0 2 | sha1sum)
	zero_dev "$log" 128
	activate
	expect "header of a second log" "$first" "$(read_dev "$log" 0 2 | sha1sum)"
	expect "non-zero bytes behind the bitset" 0 \
		"$(read_dev "$log" 3 13 | tr -d '\0' | wc -c)"
}

# B10: a log of the future is not ours to write.
wrong_version()
{
	local before

	setup
	log_format "$log" 6
	log_set_header "$log" $LOG_MAGIC 3 $NR
	before=$(dev_sum "$log" 2048)
	dm_create m "$(mirror)"
	wait_sync m
	expect "log status" D "$(log_health m)"
	write_region m 11
	dm_remove m
	expect_not_copied ""
	expect "log's bytes" "$before" "$(dev_sum "$log" 2048)"
}

# B13: the bits of another region size say nothing about these regions.
other_region_size()
{
	setup
	activate
	stamp_legs "$(dev leg0)" "$(dev leg1)"
	dm_create m "$(mirror_table $LEN "disk 2 $log $((RS * 2))" "$(dev leg0) $(dev leg1)")"
	wait_sync m $((NR / 2))
	dm_remove m
	expect_not_copied ""
}

# ... but not when somebody who knows nothing of our record has written the log
# since: its header is what counts then.
strangers_count()
{
	setup
	activate
	stamp_legs "$(dev leg0)" "$(dev leg1)"
	log_set_header "$log" $LOG_MAGIC 2 $((NR / 2))
	log_set_bits "$log" "$(repeat 1 $((NR / 2)))"
	dm_create m "$(mirror_table $LEN "disk 2 $log $((RS * 2))" "$(dev leg0) $(dev leg1)")"
	wait_sync m $((NR / 2))
	dm_remove m
	expect_not_copied "$(all_regions)"
}

# A logical block of 4 KiB: header and bits go in whole blocks.
block_4k()
{
	setup
	nullb log4k 1 blocksize=4096
	log=$(dev log4k)
	dm_create m "$(mirror)"
	wait_sync m
	dm_remove m
	expect_not_copied ""
	expect "header" "4d695272 00000002 $(printf %016x $NR)" \
		"$(dd if="$log" iflag=direct bs=4096 count=1 status=none |
			od -An -v -tx4 -N16 | awk '{ print $1, $2, $4 $3 }')"
	expect "bits" "ffffffff00000000" \
		"$(dd if="$log" iflag=direct bs=4096 count=1 status=none |
			od -An -v -tx1 -j1024 -N8 | tr -d ' ')"
}

run_tests \
	blank		"blank log device: all regions copied, version 2 written" \
	full_of_ones	"log device full of 0xff: all regions copied" \
	full_of_text	"log device full of text: all regions copied" \
	bad_magic	"wrong magic: all regions copied" \
	random_header	"random header: all regions copied" \
	version_2	"version 2: the dirty regions are copied, no others" \
	version_1	"version 1: the dirty regions are copied, no others" \
	keyword_nosync	"nosync on a log with dirty regions: nothing copied" \
	keyword_sync	"sync on a clean log: all regions copied" \
	lvm_in_sync	"LVM's fresh log of 0xff, 2^64-1 regions: nothing copied" \
	lvm_out_of_sync	"LVM's fresh log of 0x00, 2^64-1 regions: all copied" \
	huge_count	"B14: a header with 2^32 regions: its bits are honoured" \
	small_count	"header with fewer regions: the missing ones are copied" \
	zero_count	"header with no region: all copied" \
	dirty_padding	"ones in the padding are not regions and are cleared" \
	strangers_bytes	"a stranger's bytes in and behind the log do not matter" \
	no_leftovers	"no stray bytes in a log's header or behind its bits" \
	wrong_version	"B10: version 3: not a byte written, status D, all copied" \
	other_region_size "B13: bits of another region size are not believed" \
	strangers_count	"header changed by another writer: its bits are honoured" \
	block_4k	"log device with blocks of 4 KiB"
