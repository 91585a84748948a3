#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Shared parts of the selftests of the log type userspace: the daemon
# dm-log-testd, what it was asked, and mirrors whose log it keeps.
#
# A line of the trace has the fields
#	TIME ? TYPE SEQ LUID UUID DATA-SIZE ERROR [NUMBER...|TEXT]	a request
#	TIME ! TYPE ...							its answer
#	TIME x TYPE ...							a wrong answer
#	# TIME ...							anything else

. "$(dirname "$0")/dm_log_lib.sh"

USERSPACE=y
DM_LOG_TESTD=${DM_LOG_TESTD:-$lib_dir/dm-log-testd}
if [ ! -x "$DM_LOG_TESTD" ]; then
	ktap_skip_all "dm-log-testd has not been built, set DM_LOG_TESTD"
	exit "$KSFT_SKIP"
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trace=$work/trace
control=$work/control
pids=$work/pids		# of all daemons, for those a failed test left behind

# --- the daemon --------------------------------------------------------------

# testd_spawn [OPTION...]: its pid is $testd. It may not be listening yet.
testd_spawn()
{
	"$DM_LOG_TESTD" --trace "$trace" --control "$control" "$@" &
	testd=$!
	disown $testd	# "wait" is not to wait for it, nor bash to say what became of it
	echo $testd >>"$pids"
}

# testd_start [OPTION...]: it is listening when this returns.
testd_start()
{
	local n

	! is_ours || [ -e $PARAMS/daemon_timeout_s ] || skip "this dm-log has no type userspace"
	n=$(notes ready)
	touch "$control"
	testd_spawn "$@"
	wait_until noted ready $((n + 1)) || fail "the daemon does not start"
}

testd_kill()	# [SIGNAL]
{
	kill "-${1:-KILL}" "$testd"
	wait_until gone "$testd" || fail "the daemon survives SIG${1:-KILL}"
}

# testd_mistakes [LINE...]: from now on these, see testd-faults.c
testd_mistakes()
{
	local n

	n=$(notes control:)
	printf '%s\n' "$@" >"$control"
	kill -HUP "$testd"
	wait_until noted control: $((n + 1)) || fail "the daemon does not read its control file"
}

# Without a process: it is waited for.
count_notes()	# WORD: how many notes of the daemon begin with it, in $nr_notes
{
	local trace_lines=() line

	nr_notes=0
	[ ! -e "$trace" ] || mapfile -t trace_lines <"$trace"
	for line in "${trace_lines[@]}"; do
		[[ $line == \#* && $line =~ ^#\ [^\ ]+\ $1,?(\ |$) ]] || continue
		nr_notes=$((nr_notes + 1))
	done
}

notes()		# WORD
{
	local nr_notes

	count_notes "$1"
	echo "$nr_notes"
}

noted()		# WORD TIMES
{
	local nr_notes

	count_notes "$1"
	[ "$nr_notes" -ge "$2" ]
}

# --- the trace ---------------------------------------------------------------

trace_from=1

# What follows is about the trace from here on.
trace_mark()
{
	trace_from=$(($(wc -l <"$trace") + 1))
}

trace_since()
{
	tail -n "+$trace_from" "$trace"
}

# requests [UUID]: the types since the mark, on one line
requests()
{
	trace_since | awk -v u="${1:-}" '
		$2 == "?" && (u == "" || $6 == u) { l = l " " $3 }
		END { print substr(l, 2) }'
}

# nr_requests TYPE [UUID]
nr_requests()
{
	trace_since | awk -v t="$1" -v u="${2:-}" '
		$2 == "?" && $3 == t && (u == "" || $6 == u) { n++ } END { print n + 0 }'
}

requested()	# TYPE [TIMES [UUID]]
{
	[ "$(nr_requests "$1" "${3:-}")" -ge "${2:-1}" ]
}

# The regions that TYPE was about since the mark, sorted, each once.
regions_of()	# TYPE...
{
	trace_since | awk -v types=" $* " '
		$2 == "?" && index(types, " " $3 " ") { for (i = 9; i <= NF; i++) print $i }' |
		sort -nu | xargs
}

# The regions that the daemon holds marked for a log, by its trace: marked and not
# cleared since, for one luid or (without) for whichever table was last.
held_regions()	# UUID
{
	awk -v u="$1" '
		$2 != "?" || $6 != u { next }
		$3 == "MARK_REGION" || $3 == "FLUSH" { for (i = 9; i <= NF; i++) held[$i] }
		$3 == "CLEAR_REGION" { for (i = 9; i <= NF; i++) delete held[$i] }
		END { for (r in held) print r }' "$trace" | sort -n | xargs
}

# Once it is, this stays true: a mark may be cleared before a slow machine looks.
was_marked()	# REGION
{
	[[ " $(regions_of MARK_REGION FLUSH) " == *" $1 "* ]]
}

holds_nothing()	# UUID
{
	[ -z "$(held_regions "$1")" ]
}

# --- mirrors -----------------------------------------------------------------

log=$(dev log)
legs="$(dev leg0) $(dev leg1)"

# Two legs with different contents and a log device.
setup()
{
	nullb leg0 2
	nullb leg1 2
	nullb log 1
	stamp_legs "$(dev leg0)" "$(dev leg1)"
}

# ulog UUID WORD...: the log's part of a table line
ulog()
{
	echo "userspace $# $*"
}

# umirror UUID WORD...: a table with the usual mirror
umirror()
{
	mirror_table $LEN "$(ulog "$@")" "$legs"
}

# The log's part of the status line, after the leg's health.
log_status()	# NAME
{
	local words

	status_words "$1"
	echo "${words[*]:7 + ${words[3]:-0}}"
}

# A leg that takes its time with writes.
slow_leg()	# MILLISECONDS
{
	need_target delay
	dm_create slow "0 $LEN delay $(dev leg1) 0 0 $(dev leg1) 0 $1"
	legs="$(dev leg0) $(dmdev slow)"
}

# A leg that can be made to keep what it is given, from hold_leg to let_go: a write stays
# in flight until the test has seen enough, however slow the machine is.
holding_leg()
{
	dm_create slow "$(linear "$(dev leg1)" $LEN)"
	legs="$(dev leg0) $(dmdev slow)"
}

hold_leg()	{ dm_suspend slow --noflush --nolockfs; }
let_go()	{ dm_resume slow; }

region_dirty()	# REGION: in the log on disk
{
	! log_clean "$log" "$1"
}

# --- bounded -----------------------------------------------------------------

# within COMMAND...: run it in the background and give up waiting when it must be a hang,
# for a process in the kernel may not be killable. Its output is in $within_out.
within_out=$work/out
within()
{
	within_s $HANG_S "$@"
}

within_s()	# SECONDS COMMAND...
{
	local limit=$1 pid

	shift
	"$@" >"$within_out" 2>&1 &
	pid=$!
	wait_at_most "$limit" gone $pid || { echo "# not over after $limit s: $*"; return 124; }
	wait $pid
}

# --- the end of a test -------------------------------------------------------

stop_daemons()
{
	local p

	[ -e "$pids" ] || return 0
	for p in $(<"$pids"); do
		kill -KILL "$p" 2>/dev/null
	done
	rm -f "$pids"
}

# Whatever is left waiting for a daemon gets one that agrees to everything, so that
# one failed test does not take the others along.
after_test()
{
	stop_daemons
	[ -n "$($DMSETUP info -c --noheadings -o name 2>/dev/null | grep "^$PREFIX-")" ] || return
	printf '%s\n' "CTR error=0" "RESUME error=0" >"$control"
	"$DM_LOG_TESTD" --trace "$work/rescue" --control "$control" &
	echo $! >"$pids"
	disown $!
}

after_devices()
{
	stop_daemons
	# Where there is a place for results, to find out what went wrong.
	! [ -e "$trace" ] || ! [ -d "${RESULTS:-}" ] || cp "$trace" "$RESULTS/trace.$KTAP_TESTNO"
	rm -f "$trace" "$control" "$work/rescue"
}
