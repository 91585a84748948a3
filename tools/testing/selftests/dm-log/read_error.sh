#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# B3: when a read from the primary leg fails, dm-mirror asks the log about a
# region it computes from the bio after that was remapped to the leg. With a leg
# that starts somewhere far into its device, that is a region far beyond the
# last. On stock this is a kernel panic, hence a file of its own.

. "$(dirname "$0")/dm_log_lib.sh"

OFFSET=$((1 << 31))	# sectors: far enough to leave any bitset's memory

setup()
{
	need_target flakey
	# No memory behind these: only the regions used are real, as linear maps
	# of small disks into a large, otherwise failing device.
	nullb disk0 2
	nullb disk1 2
	nullb log 1
	fill_dev "$(dev disk0)" $LEN "same data"
	fill_dev "$(dev disk1)" $LEN "same data"
	dm_create leg0 "$(far "$(linear "$(dev disk0)" $LEN)")"
	dm_create leg1 "$(far "$(linear "$(dev disk1)" $LEN)")"
}

far()		# TABLE-LINE: the same at OFFSET
{
	echo "0 $OFFSET error
$OFFSET ${1#0 }"
}

read_error()	# "LOG ARGUMENTS"
{
	local r

	setup
	dm_create m "0 $LEN mirror $1 2 $(dmdev leg0) $OFFSET $(dmdev leg1) $OFFSET"
	in_sync m || fail "nosync mirror: $(dm_status m)"
	dm_swap leg0 "$(far "$(fail_reads "$(dev disk0)" $LEN)")"
	for r in 0 1 17 31; do
		expect "data of region $r, from the other leg" \
			"$(read_dev "$(dev disk1)" $((r * RS)) 8 | sha1sum)" \
			"$(read_dev "$(dmdev m)" $((r * RS)) 8 | sha1sum)"
	done
	dm_swap leg0 "$(far "$(linear "$(dev disk0)" $LEN)")"
	write_region m 4 "still alive"
	dm_remove m
	expect "regions differing" "" "$(differing "$(dev disk0)" "$(dev disk1)")"
}

on_core() { read_error "core 2 $RS nosync"; }
on_disk() { read_error "disk 3 $(dev log) $RS nosync"; }

run_tests \
	on_core "B3: core: a read error on a leg with an offset is survived" \
	on_disk "B3: disk: a read error on a leg with an offset is survived"
