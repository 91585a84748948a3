#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The daemon dies without warning and is started again, over and over, while writers are
# at work. What is shown, each by itself:
#
#	A  Every write had its region marked. The writers tell the time before and after
#	   each of their writes, the trace when a region was held: from the answer to the
#	   FLUSH that followed its mark to its CLEAR, or to the first FLUSH of a daemon that
#	   was not given the mark again. The two must overlap, or the region was out of
#	   sync, which the trace tells, too.
#
#	B  The log on disk is true whenever the daemon dies. As long as there is none,
#	   nothing can be marked; so wherever the legs differ now, the log must say dirty,
#	   for this is what a crash would leave. One leg takes three seconds for a write, so
#	   that every write that is in flight can be seen, before, during and after a restart.
#
# In every other round the daemon is killed at any time. In the others it dies at the
# worst: when it has answered one of its first FLUSHes, before it hears anything else. A
# write that was in flight across the restart, and whose mark was not given to this
# daemon before, would be one that B sees.
#
# A trusts the trace, B trusts nobody. A alone would not see a mark that was lost on the
# way to the next daemon, B no write without a mark that is over.
#
# The first test is the hardest: each new daemon finds a log on disk that is all clean,
# so that it knows nothing but what the kernel tells it. In the second it finds what the
# last one wrote, calls the marked regions out of sync, and has them copied.
#
# KILLS, or else ROUNDS, is the number of deaths (100), LIMIT the seconds they may take (300).
# A slow machine does with fewer deaths, half of them at least, and goes on until then
# and until legs have differed, however long that takes.

# shellcheck source-path=SCRIPTDIR source=testd_lib.sh
. "$(dirname "$0")/testd_lib.sh"

ROUNDS=${KILLS:-${ROUNDS:-100}}
LIMIT=${LIMIT:-300}

# Small, because both legs are read at every kill.
RS=16
LEN=$((RS * NR))

WRITERS=8

# The trace has the time since boot, which bash can tell to 10 ms only: see when it
# changes. Being late makes the offset larger, so the smallest is the best.
clock_offset()
{
	local up now i offset best=

	for i in 1 2 3 4 5 6 7 8 9 10; do
		read -r up _ </proc/uptime
		now=$up
		while [ "$now" = "$up" ]; do
			read -r now _ </proc/uptime
			offset=$((${EPOCHREALTIME/./} - 10000 * 10#${now/./}))
		done
		[ -n "$best" ] && [ "$best" -le "$offset" ] || best=$offset
	done
	echo "$best"
}

# One line for each write: region, time before, time after, in microseconds.
writer()	# LOG
{
	local r from

	while [ ! -e "$work/stop" ]; do
		r=$((RANDOM % NR))
		from=$((${EPOCHREALTIME/./} - offset))
		dd if="$work/blocks" of="$(dmdev m)" bs=4096 count=1 skip=$((RANDOM % 64)) \
			seek=$((r * RS / 8 + RANDOM % (RS / 8))) oflag=direct conv=notrunc \
			status=none || { echo "error $r"; return 1; }
		echo "$r $from $((${EPOCHREALTIME/./} - offset))"
	done >"$1"
}

# A. Who is held when, from the trace; then the writes.
check_marked()
{
	awk '
	function us(t) { split(t, p, "."); return p[1] * 1000000 + p[2] }
	function list(  i, l) { for (i = 9; i <= NF; i++) l = l " " $i; return l }
	FNR == 1 { file++ }
	file == 1 {
		if ($2 == "?" && ($3 == "MARK_REGION" || $3 == "FLUSH")) asked[$4] = list()
		if ($2 == "?" && $3 == "IN_SYNC") question[$4] = $9
		if ($2 == "x") $2 = "!"	# all that is wrong is that the daemon ends
		# Out of sync, and so taken by the mirror from then on, until it is copied.
		if ($2 == "!" && $3 == "IN_SYNC" && $8 == 0) {
			r = question[$4]
			if ($9 == 0 && !(r in nosync)) {
				j = nosync[r] = n[r]++
				from[r, j] = us($1)
				to[r, j] = 1e18
			}
			if ($9 == 1 && r in nosync) { to[r, nosync[r]] = us($1); delete nosync[r] }
		}
		if ($2 == "?" && $3 == "SET_REGION_SYNC" && $10 == 1 && $9 in nosync) {
			to[$9, nosync[$9]] = us($1)
			delete nosync[$9]
		}
		if ($1 == "#" && $3 == "ready,") {
			waiting = ""
			flushes = 0
			began[++daemons] = us($2)
		}
		if ($2 == "!" && $8 == 0 && ($3 == "MARK_REGION" || $3 == "FLUSH"))
			waiting = waiting asked[$4]
		if ($2 == "!" && $8 == 0 && $3 == "FLUSH") {
			m = split(waiting, regions, " ")
			if (!flushes++) {
				flushed[daemons] = us($1)
				split("", given)
				for (i = 1; i <= m; i++) given[regions[i]]
				for (r in open) {
					if (r in given) { again++; continue }
					to[r, open[r]] = us($1)
					delete open[r]
				}
			}
			for (i = 1; i <= m; i++) {
				r = regions[i]
				if (r in open) continue
				j = open[r] = n[r]++
				from[r, j] = us($1)
				to[r, j] = 1e18
			}
			waiting = ""
		}
		if ($2 == "?" && $3 == "CLEAR_REGION")
			for (i = 9; i <= NF; i++)
				if ($i in open) { to[$i, open[$i]] = us($1); delete open[$i] }
		next
	}
	$1 == "error" { print "# a write to region " $2 " failed"; bad++; next }
	{
		writes++
		for (i = 1; i <= daemons; i++)
			if ($2 < began[i] && i in flushed && $3 > flushed[i]) { crossed++; break }
		# The clocks agree to a few milliseconds.
		for (i = 0; i < n[$1]; i++)
			if (from[$1, i] <= $3 + 20000 && to[$1, i] >= $2 - 20000) next
		bad++
		if (bad < 5)
			printf "# region %d was written between %.6f and %.6f and not marked\n",
				$1, $2 / 1e6, $3 / 1e6
	}
	END {
		print "# A: " writes " writes, " bad + 0 " without a mark; " again + 0 \
			" marks given again, " crossed + 0 " writes in flight across a restart"
		if (!crossed) print "# no write was in flight across a restart: nothing was proved"
		exit bad > 0 || !crossed
	}' "$trace" "$work"/writes.*
}

# B. Now, with the daemon dead.
check_disk()
{
	local r dirty differ

	differ=$(differing "$(dev leg0)" "$(dev leg1)")
	[ -n "$differ" ] || return 0
	dirty=" $(log_dirty "$log") "
	for r in $differ; do
		different=$((different + 1))
		[[ $dirty == *" $r "* ]] || {
			echo "# round $round: the legs differ in region $r, dirty are only$dirty"
			clean=$((clean + 1))
		}
	done
}

flushed()
{
	local lines line

	mapfile -t -s $((trace_from - 1)) lines <"$trace"
	for line in "${lines[@]}"; do
		[[ $line != *" ! FLUSH "*" 0 0" ]] || return 0
	done
	return 1
}

# The mistakes of the next daemon: perhaps the time of its death.
next_mistakes()	# [MISTAKE...]
{
	# Stock cannot do with more in the answer to a repeated CTR, see B17.
	is_ours || set -- "CTR error=0" "$@"
	printf '%s\n' "$@" >"$control"
}

more_deaths()	# ROUNDS
{
	local passed=$((SECONDS - begin))

	[ $round -le "$1" ] || return
	[ $passed -lt $((LIMIT / 2)) ] || [ $round -le $(($1 / 2)) ] || [ $different = 0 ]
}

deaths()	# ROUNDS FORGET [WORD...]
{
	local rounds=$1 forget=$2 begin=$SECONDS broken='' i p writers=()

	shift 2
	need_target delay
	setup
	fill_dev "$(dev leg1)" $LEN "leg 0"
	dm_create slow "0 $LEN delay $(dev leg1) 0 0 $(dev leg1) 0 3000"
	legs="$(dev leg0) $(dmdev slow)"
	head -c $((64 * 4096)) /dev/urandom >"$work/blocks"
	next_mistakes
	testd_start
	dm_create m "$(umirror u "$@" testd-disk "$log" $RS nosync)"
	in_sync m || fail "a nosync mirror: $(dm_status m)"
	trace_mark
	rm -f "$work/stop" "$work"/writes.*
	offset=$(clock_offset)
	for ((i = 0; i < WRITERS; i++)); do
		writer "$work/writes.$i" &
		writers+=($!)
	done
	different=0 clean=0 wrong=0
	for ((round = 1; ; round++)); do
		more_deaths "$rounds" || break
		if [ $((round % 2)) = 1 ]; then
			wait_until flushed || { broken=1; break; }
			sleep 0.0$((RANDOM % 10))
			testd_kill
			next_mistakes "FLUSH skip=$((RANDOM % 3)) exit-after"
		else
			wait_until gone "$testd" || { broken=1; break; }
			next_mistakes
		fi
		check_disk
		[ -z "$forget" ] || log_format "$log"
		trace_mark
		testd_spawn
	done
	if [ -n "$broken" ]; then
		echo "# round $round: nothing is flushed"
		wrong=$((wrong + 1))
	fi
	touch "$work/stop"
	next_mistakes
	# The last one, if it lives still, may have orders to die.
	gone "$testd" || testd_kill
	testd_start
	for p in "${writers[@]}"; do
		wait_until gone "$p" || fail "a write is still waiting"
		wait "$p" || fail "a write failed"
	done
	check_marked || wrong=$((wrong + 1))
	echo "# B: $((round - 1)) deaths, $different regions in which the legs differed, $clean of them not dirty"
	[ $wrong = 0 ] && [ $clean = 0 ] || fail "marks were lost"
	[ $different -gt 0 ] || fail "the legs never differed: nothing was proved"
	dm_swap slow "$(linear "$(dev leg1)" $LEN)"
	wait_until in_sync m || fail "at last: $(dm_status m)"
	dm_remove m
	expect "regions differing at last" "" "$(differing "$(dev leg0)" "$(dev leg1)")"
	expect "dirty regions at last" "" "$(log_dirty "$log")"
}

forgetting()
{
	clean_delay 100
	deaths $((ROUNDS / 2)) forget
}

remembering()
{
	deaths $((ROUNDS - ROUNDS / 2)) "" integrated_flush
}

run_tests \
	forgetting	"B4: kill -9 under load, new daemons know nothing: no mark is lost" \
	remembering	"B4: kill -9 under load, integrated_flush: no mark is lost"
