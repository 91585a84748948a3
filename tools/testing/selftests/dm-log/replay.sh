#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# A file system at work on a mirror, all writes recorded with dm-log-writes; then,
# for power cuts all over the recording: every region whose legs differ is dirty in the
# log, the mirror recovers, the legs are equal, and no file is lost. The same with the
# kernel's own module, as the one that recovers and as the one that wrote.
#
#   DM_LOG_STOCK_KO  the kernel's own dm-log.ko
#   POINTS, FILES, SEED  see dm_log_replay_lib.sh

. "$(dirname "$0")/dm_log_replay_lib.sh"

STOCK_POINTS=50		# of a recording that stock wrote
STOCK_FILES=20

need_replay

need_stock()
{
	[ -r "${DM_LOG_STOCK_KO:-}" ] || skip "the kernel's own dm-log.ko: set DM_LOG_STOCK_KO"
	[ -z "${DM_LOG_KEEP_MODULES:-}" ] || skip "modules cannot be exchanged in this kernel"
}

use_stock()
{
	need_stock
	unload_modules
	DM_LOG_KO=$DM_LOG_STOCK_KO DM_LOG_EXPECT=stock load_modules
}

record()
{
	record_begin ours $((64 + FILES * 2))
	log_with_fua
	fill_mirror "$FILES" suspend
	record_end
	say_recording
	enough_points
}

# "All" is to mean something: as many boundaries of flushes and FUA writes.
enough_points()
{
	if [ "$POINTS" != all ]; then
		[ "$(points all | wc -l)" -ge "$POINTS" ] || fail "no $POINTS power cuts in there"
	else
		[ "$(points all | grep -c after)" -ge 2000 ] || fail "no 2000 flushes in there"
	fi
}

replay_ours()
{
	use_recording ours
	replay "$POINTS"
}

# At every fifth of them.
ours_by_stock()
{
	local nr

	use_recording ours
	use_stock
	nr=$POINTS
	[ "$nr" != all ] || nr=$(points all | wc -l)
	replay $(((nr + 4) / 5))
}

# Stock may write its log once more when it is suspended (B1): this does not.
record_stock()
{
	use_stock
	record_begin stock 96
	fill_mirror $STOCK_FILES
	record_end
	say_recording
	[ "$(points all | wc -l)" -ge $STOCK_POINTS ] || fail "no $STOCK_POINTS power cuts in there"
}

stock_by_ours()
{
	need_stock
	use_recording stock
	replay $STOCK_POINTS
}

echo "# SEED=$SEED POINTS=$POINTS FILES=$FILES"
run_tests \
	record		"a file system at work is recorded" \
	replay_ours	"power cuts: all that differs is dirty, all recovers" \
	ours_by_stock	"power cuts: what ours wrote, stock recovers" \
	record_stock	"a file system at work on stock is recorded" \
	stock_by_ours	"power cuts: what stock wrote, ours recovers"
