#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# A daemon that says that a region has no sectors. In a file of its own, because the
# kernel that divides by it is gone.

# shellcheck source-path=SCRIPTDIR source=testd_lib.sh
. "$(dirname "$0")/testd_lib.sh"

zero()
{
	local size

	setup
	testd_start
	for size in 0x200000000 0; do
		testd_mistakes "GET_REGION_SIZE value=$size"
		if dm_create m "$(umirror u testd-core $RS)" 2>/dev/null; then
			fail "region size $size was accepted: $(dm_status m)"
		fi
	done
}

run_tests \
	zero	"B8: region size 0, and a multiple of 2^32"
