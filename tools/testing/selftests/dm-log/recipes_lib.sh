#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Shared parts of recipes*.sh, to be sourced after dm_log_lib.sh: the mirror they are about,
# which has legs that differ, on L0 and L1, and a log on LOG.
# shellcheck disable=SC2034 # used by those who source it

COUNTERS=/sys/kernel/debug/dm_log

# How often something is done that a report says happened once in so many times: SHARE=n does
# an n-th of it.
rounds()	# NUMBER
{
	echo $((($1 + ${SHARE:-1} - 1) / ${SHARE:-1}))
}

# All of them have been tried with the library of this name only, but for those that say what
# is wrong with the kernel's own.
ours_only()
{
	is_ours || skip "it has not been tried with the kernel's own"
}

begin()		# [NULL_BLK ATTRIBUTE...]: of the legs
{
	[ -n "${stock_too:-}" ] || ours_only
	nullb leg0 2 "$@"
	nullb leg1 2 "$@"
	nullb log 1
	L0=$(dev leg0) L1=$(dev leg1) LOG=$(dev log)
	stamp_legs "$L0" "$L1"
}

# A log device that can be exchanged or suspended, LOGD.
log_on_dm()
{
	dm_create logd "$(linear "$LOG" 2048)"
	LOGD=$(dmdev logd)
}

# In sync, and all clean on the log.
settle()
{
	wait_sync m
	dm_suspend m
	dm_resume m
}

log_is()
{
	[ "$(log_health m)" = "$1" ]
}

# A counter of the live table of a mirror.
count()		# MIRROR COUNTER
{
	local line word dev

	dev=$(majmin "$(dmdev "$1")")
	while read -r line; do
		[[ $line == "$dev "*" live=1 "* ]] || continue
		for word in $line; do
			[ "${word%%=*}" != "$2" ] || { echo "${word#*=}"; return; }
		done
	done <$COUNTERS
	fail "no counter $2 of $1"
}

# soon COMMAND...: must end, and well, and not wait for what the test holds back.
soon()
{
	local pid

	"$@" >/dev/null &
	pid=$!
	wait_until gone_at_once $pid || fail "hangs: $*"
	wait $pid || fail "fails: $*"
}

gone_at_once()	# PID: most are, before the next look
{
	local i

	for ((i = 0; i < 10; i++)); do
		! gone "$1" || return 0
		nap 0.005
	done
	return 1
}

# The crash rule: a region in which the legs differ is dirty. The log is read first: a region
# may be copied meanwhile, and nobody writes.
legs_agree_with_log()
{
	local r dirty

	dirty=" $(log_dirty "$LOG") "
	for r in $(differing "$L0" "$L1"); do
		[[ $dirty == *" $r "* ]] || fail "region $r differs and is clean, dirty are:$dirty"
	done
}
