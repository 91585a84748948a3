#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# What replay.sh does, between the log type disk and cmirrord's clustered-disk, which
# have one format: a log that one of them kept until a power cut, the other one opens.
#
# cmirrord never flushes what it writes to its log: with a volatile cache below, its
# marks may be lost. So its log is tried on a disk without one. There a power cut leaves
# what has ended so far, which is what is recorded where nothing has FUA.
#
#   POINTS, FILES, SEED  see dm_log_replay_lib.sh; POINTS (60) in each direction

POINTS=${POINTS:-60}
FILES=${FILES:-12}

. "$(dirname "$0")/dm_log_cluster_lib.sh"
. "$(dirname "$0")/dm_log_replay_lib.sh"

# To copy a region takes several questions to the daemon.
RS=256
NR=$((LEN / RS))

need_daemons
need_replay

# Who keeps the log: "disk", or "cmirrord".
mirror_arguments()
{
	if [ "$keeper" = disk ]; then
		echo "disk 2 $(dmdev log) $RS"
	else
		cluster_log disk
	fi
}

record()	# KEEPER
{
	keeper=$1
	record_begin "$keeper" 96
	[ "$keeper" = disk ] || start_cmirrord
	second_log=:
	fill_mirror "$FILES"
	[ "$keeper" = disk ] || stop_cmirrord
	record_end
	say_recording
}

record_disk()
{
	record disk
}

record_cmirrord()
{
	record cmirrord
}

disk_by_cmirrord()
{
	use_recording disk
	keeper=cmirrord
	start_cmirrord
	replay "$POINTS"
	stop_cmirrord
}

cmirrord_by_disk()
{
	use_recording cmirrord
	keeper=disk
	points=points_in_order
	replay "$POINTS"
}

( set -eu; start_corosync 1 127.0.0.1 ) ||
	{ echo "Bail out! no corosync"; exit 1; }
echo "# SEED=$SEED POINTS=$POINTS FILES=$FILES"
run_tests \
	record_disk		"a file system at work on a log of ours is recorded" \
	disk_by_cmirrord	"power cuts: what ours wrote, cmirrord recovers" \
	record_cmirrord		"a file system at work on a log of cmirrord is recorded" \
	cmirrord_by_disk	"power cuts: what cmirrord wrote, ours recovers"
stop_corosync
