#!/bin/bash
# What scripts/check and scripts/torture share: run stages, several at a time, and sum
# up. To be sourced, under "set -eu" and inherit_errexit, in $top, with
#
#	stages		"NAME COMMAND ARGUMENT..." of each; started in this order
#	not_yet		names of stages whose script may be missing
#	results		where NAME.tap and NAME.log go
#	slots		how many stages run at a time
#	alone		lists of names of stages, of each of which only one runs at a time, with
#			others beside it
#	whole		names of stages that need all slots
#	idle		names of stages that mostly wait: they run beside all that
#	limit		seconds that all of it may take: what has not ended then is stopped and has
#			failed, and the table and the last line are printed all the same
#	budgets		a file with "NAME SECONDS" of each stage: one that took longer is named
#	progress	not empty: show what each stage said last, too
#
# and perhaps a function tally(), for what is to stand before the last line.
# shellcheck disable=SC2154 # these

say() { printf '%s\n' "$*"; }

# judge FILE STATUS: "PASSED FAILED SKIPPED" from a stage's TAP. Only innermost
# results count: in KTAP a line follows its own subtests, which are indented. A
# stage that stops early, breaks its plan, or fails without saying what, is a
# failure too.
judge() {
	awk -v status="$2" '
	/^ *(not )?ok / {
		indent = match($0, /[^ ]/)
		bad = $1 == "not"
		if (indent == 1)
			results++
		if (last > indent) {	# a summary of what has been counted
			if (bad && failed == before[indent] + 0)
				failed++
		} else if (bad)
			failed++
		else if (toupper($0) ~ /# SKIP/)
			skipped++
		else
			passed++
		last = indent
		for (i = indent; i <= 64; i++)
			before[i] = failed
	}
	/^1\.\.[0-9]+/ {
		plans++
		planned += substr($1, 4)
		if ($1 == "1..0" && toupper($0) ~ /# SKIP/)
			skipped++
	}
	/^ *Bail out!/ { bail = 1 }
	END {
		if (bail || !plans || planned != results || (status != 0 && !failed))
			failed++
		print passed + 0, failed + 0, skipped + 0
	}' "$1"
}

#
# Run them
#

declare -A pid=() start=() took=() cpu=() counts=()
queue=() waiting=() left_out=() nr_explained=0

want() { # NAME, among the arguments or without any
	local name=$1 w; shift
	[ $# -gt 0 ] || return 0
	for w; do [ "$w" != "$name" ] || return 0; done
	return 1
}

stop() {
	local name
	for name in "${!pid[@]}"; do
		kill "${pid[$name]}" 2>/dev/null || :
	done
	wait
}
trap stop EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

begin() { # STAGE
	local name command
	read -r name command <<<"$1"
	rm -f "$results/$name".*
	# For scripts/tried.
	git describe --always --dirty=+ --abbrev=9 --exclude '*' >"$results/$name.commit" 2>/dev/null || :
	# With its CPU time, which tells how much work it is, whatever runs beside it.
	# shellcheck disable=SC2016,SC2086 # for that shell; a command and its arguments
	timeout -k 20 $((limit > SECONDS ? limit - SECONDS : 1)) \
		bash -c 'TIMEFORMAT="%U %S"; { time "${@:2}" 2>&3; } 3>&2 2>"$1"' - \
		"$results/$name.cpu" $command \
		>"$results/$name.tap" 2>"$results/$name.log" </dev/null &
	pid[$name]=$! start[$name]=$SECONDS
	say "$name: started"
}

end() { # NAME
	local name=$1 status=0 passed failed skipped
	wait "${pid[$name]}" || status=$?
	unset "pid[$name]"
	took[$name]=$((SECONDS - start[$name]))
	cpu[$name]=$(awk '{ print int($1 + $2) }' "$results/$name.cpu")
	counts[$name]=$(judge "$results/$name.tap" "$status")
	read -r passed failed skipped <<<"${counts[$name]}"
	say "$name: $passed passed, $failed failed, $skipped skipped in ${took[$name]} s (CPU ${cpu[$name]} s)"
	[ "$failed" -gt 0 ] || return 0
	[ $status != 124 ] || say "    stopped, after $SECONDS s of $limit in all"
	say "    exit status $status; see $results/$name.tap and $name.log:"
	reasons "$name" | tee -a "$results/reasons"
	# What it takes to see it again; the rest of a log may not be at hand.
	grep -aE '^ *#.*(\<seed\>|(EXPECTATION|ASSERTION) FAILED)' -A 2 "$results/$name.tap" |
		head -n 60 | sed 's/^/    /' || :
	# Of the first all that explains it: the end of a guest's console, what waited for
	# what, counters. The others are often of the same cause.
	tail -n $((nr_explained++ ? 15 : 120)) "$results/$name.log" | sed 's/^/    | /'
}

# reasons NAME: what failed, with the remarks before and behind it, but not the state of
# everything, which is indented
reasons() {
	awk '
		/^ *#( [^ ]+:)?   / { next }
		/^ *#/ {
			if (behind-- > 0) print
			else if (kept < 5) remarks[kept++] = $0
			else {
				for (i = 1; i < 5; i++) remarks[i - 1] = remarks[i]
				remarks[4] = $0
			}
			next
		}
		{ behind = 0 }
		/^ *(not ok|Bail out)/ && failed++ < 20 {
			for (i = 0; i < kept; i++) print remarks[i]
			print
			behind = 12
		}
		{ kept = 0 }' "$results/$1.tap" | cut -c 1-300 | sed "s/^/    $1: /"
}

# Where the time goes: the five slowest stages, and the five slowest tests of those that
# say how long each took. And which stages took longer than they should.
slowest() {
	local stage name budget

	say "slowest stages: $(for stage in "${queue[@]}"; do
		name=${stage%% *}
		echo "${took[$name]} $name"
	done | sort -rn | awk 'NR <= 5 { printf "%s%s %d s", (NR > 1 ? ", " : ""), $2, $1 }')"
	say "slowest tests:"
	for stage in "${queue[@]}"; do
		name=${stage%% *}
		sed -nE "s/^ *# took ([0-9]+) ms: /\1 $name: /p" "$results/$name.tap"
	done | sort -rn | awk 'NR <= 5 { ms = $1; sub(/^[0-9]+ /, "    "); printf "%s, %.1f s\n", $0, ms / 1000 }'
	[ -n "${budgets-}" ] || return 0
	while read -r name budget _; do
		[ -z "${took[$name]-}" ] || [ "${took[$name]}" -le "$budget" ] ||
			say "warning: $name took ${took[$name]} s, over its budget of $budget s (${budgets#"$top/"})"
	done < <(grep -v '^#' "$budgets")
	say ""
}

sum_up() {
	local total_passed=0 total_failed=0 total_skipped=0 total_cpu=0
	local stage name passed failed skipped

	say ""
	printf '%-14s %8s %8s %8s %8s %8s\n' stage passed failed skipped seconds CPU
	for stage in "${queue[@]}"; do
		name=${stage%% *}
		read -r passed failed skipped <<<"${counts[$name]}"
		printf '%-14s %8d %8d %8d %8d %8d\n' "$name" "$passed" "$failed" "$skipped" \
			"${took[$name]}" "${cpu[$name]:-0}"
		total_cpu=$((total_cpu + ${cpu[$name]:-0}))
		total_passed=$((total_passed + passed))
		total_failed=$((total_failed + failed))
		total_skipped=$((total_skipped + skipped))
	done
	printf '%-14s %8d %8d %8d %8d %8d\n' all $total_passed $total_failed $total_skipped \
		$SECONDS $total_cpu
	for name in "${left_out[@]}"; do
		printf '%-14s %s\n' "$name" "not written yet"
	done
	say ""
	slowest
	# Again, for who sees the end only.
	[ ! -s "$results/reasons" ] || { cat "$results/reasons"; say ""; }
	[ "$(type -t tally)" != function ] || tally
	skipped=''
	[ $total_skipped = 0 ] || skipped=", $total_skipped skipped"
	say "$total_passed passed, $total_failed failed$skipped"
	[ $total_failed = 0 ]
}

in_list() { [[ " $2 " == *" $1 "* ]]; } # NAME "NAME..."

# One runs that this one must not run beside.
others_run() { # NAME
	local group other
	for group in "${alone[@]}"; do
		in_list "$1" "$group" || continue
		for other in "${!pid[@]}"; do ! in_list "$other" "$group" || return 0; done
	done
	return 1
}

# The first that waits, but for those that have to be alone while another of them runs,
# and as long as there is a slot that it needs.
begin_next() {
	local i name idle_runs='' used=0 need

	for name in "${!pid[@]}"; do
		if in_list "$name" "${idle-}"; then idle_runs=y
		elif in_list "$name" "${whole-}"; then used=$slots
		else used=$((used + 1)); fi
	done
	for i in "${!waiting[@]}"; do
		name=${waiting[$i]%% *}
		if in_list "$name" "${idle-}"; then
			[ -z "$idle_runs" ] || continue
		else
			need=1
			! in_list "$name" "${whole-}" || need=$slots
			[ $((used + need)) -le $slots ] || continue
			! others_run "$name" || continue
		fi
		begin "${waiting[$i]}"
		unset "waiting[$i]"
		return
	done
	return 1
}

run_stages() { # [NAME...]
	local arg stage name script word=30

	for arg; do
		printf '%s\n' "${stages[@]}" | grep -q "^$arg " || { say "no such stage: $arg"; exit 2; }
	done
	for stage in "${stages[@]}"; do
		read -r name script _ <<<"$stage"
		want "$name" "$@" || continue
		if [ ! -x "$script" ] && in_list "$name" "${not_yet[*]}"; then
			left_out+=("$name")
		else
			queue+=("$stage")
		fi
	done

	mkdir -p "$results"
	rm -f "$results/reasons"
	scripts/deps
	waiting=("${queue[@]}")
	# Each second: so without a process for each stage that waits.
	while [ ${#waiting[@]} -gt 0 ] || [ ${#pid[@]} -gt 0 ]; do
		while begin_next; do :; done
		sleep 1
		for name in "${!pid[@]}"; do
			kill -0 "${pid[$name]}" 2>/dev/null || end "$name"
		done
		# A sign of life.
		if [ $SECONDS -ge $word ] && [ ${#pid[@]} -gt 0 ]; then
			word=$((SECONDS + 30))
			say "[$SECONDS s]$(for name in "${!pid[@]}"; do
				printf ' %s (%d s)' "$name" $((SECONDS - start[$name])); done)"
			[ -z "${progress-}" ] || for name in "${!pid[@]}"; do
				say "    $name: $(tail -n 1 "$results/$name.log")"
			done
		fi
	done
	sum_up
}
