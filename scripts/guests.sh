#!/bin/bash
# What the scripts share that run selftests in guests and say how they ended. To be
# sourced with $top, $tests (their directory), $which ("ours" or "stock": the module
# under test) and $out (where logs go), under "set -eu".
# shellcheck disable=SC2154 # these

mkdir -p "$out"
# $SMP_KERNEL: empty, or "distro", "kasan" or "kcsan" for QEMU instead of User-Mode Linux.
# $UML_KERNEL: empty, or "debug" for the one with all the checkers, which is slow.
# A guest that takes longer than guest_timeout hangs. Machines differ much in what
# User-Mode Linux does most, trapping a process's system calls and page faults: the
# same selftests took 1190 s on one and 3456 s on another.
patience=1
if [ -n "${SMP_KERNEL-}" ]; then
	uml=$("$top/scripts/smp-kernel" "$SMP_KERNEL")
	built=$uml
	guest_timeout=3600
	patience=4
else
	uml=$("$top/scripts/kernel" uml "${UML_KERNEL-}")
	built=$("$top/scripts/module" "$uml")
	guest_timeout=1800
	[ -z "${UML_KERNEL-}" ] || { guest_timeout=3000; patience=4; }
fi
helpers=$("$top/scripts/kernel" source)/tools/testing/selftests/kselftest/ktap_helpers.sh

say() { echo "$(basename "$0"): $*" >&2; }

# Told to stop, take everything along that was started, and wait for it. run-uml, when
# it is told, cuts its guest's power; background jobs are deaf to ^C.
descendants() { # PID
	local child

	for child in $(pgrep -P "$1"); do
		descendants "$child"
		echo "$child"
	done
}
stop_guests() {
	local pids pid deadline=$((SECONDS + 30))

	trap '' INT TERM
	pids=$(descendants $$)
	# shellcheck disable=SC2086 # words
	kill $pids 2>/dev/null || :
	for pid in $pids; do
		while [ $SECONDS -lt $deadline ] && [ -e "/proc/$pid/exe" ]; do
			sleep 0.1
		done
	done
}
trap stop_guests EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# program NAME SOURCE...: build/NAME, as kselftest's lib.mk builds it. Another run may be
# using the last one: exchange it.
program() {
	local program=$top/build/$1

	shift
	${CC:-cc} -std=c11 -D_GNU_SOURCE -O2 -Wall -Wextra -Werror -isystem "$top/include/uapi" \
		"${@/#/$top/$tests/}" -o "$program.$$"
	mv "$program.$$" "$program"
}
program dm-log-testd dm-log-testd.c testd-log.c testd-faults.c
for name in log-writes-replay mirror-look fail-nth; do
	program $name $name.c
done

environment() { # WHICH
	local ko=$built/dm-log.ko userspace=''

	# In ours the type is a part of dm-log.
	if [ "$1" = stock ]; then
		ko=$uml/drivers/md/dm-log.ko
		userspace=$uml/drivers/md/dm-log-userspace.ko
	fi
	echo "DM_LOG_KO=$ko" "DM_LOG_USERSPACE_KO=$userspace" "DM_LOG_TESTD=$top/build/dm-log-testd" \
		"FAIL_NTH=$top/build/fail-nth" \
		"DM_LOG_EXPECT=$1" "DM_MIRROR_DIR=$uml/drivers/md" \
		"DM_LOG_TEST_KO=$built/dm-log-test-null.ko" "KTAP_HELPERS=$helpers" \
		"DM_LOG_KEEP_MODULES=${UML_KERNEL-}" "DM_LOG_PATIENCE=$patience" \
		"DM_LOG_STOCK_KO=$uml/drivers/md/dm-log.ko" \
		"LOG_WRITES_REPLAY=$top/build/log-writes-replay" \
		"MIRROR_LOOK=$top/build/mirror-look"
}

# guest WHICH TEST [OPTION...] -- [ARGUMENT...] [NAME=VALUE...]
# $run is a name for the run where WHICH does not tell it from the others. These variables
# are handed on, where they are set:
handed_on=(ONLY ROUNDS KILLS POINTS FILES SEED SECONDS_EACH)
guest() {
	local variant=$1 test=$2 options=(--kernel-arg loglevel=1 --timeout "$guest_timeout")
	local more=() name

	shift 2
	while [ "$1" != -- ]; do options+=("$1"); shift; done
	shift
	for name in "${handed_on[@]}"; do
		[ -z "${!name:-}" ] || more+=("$name=${!name}")
	done
	# shellcheck disable=SC2046 # words
	scripts/run-uml --results "$out/$test.${run:-$variant}.results" "${options[@]}" \
		bash "$tests/$test.sh" "$@" $(environment "$variant") \
		"${more[@]}"
}

# Each power cut of replay*.sh takes a third of a second of CPU, and all there are hours.
replay_timeout() { [ "${POINTS:-}" = all ] && echo 14400 || echo "$guest_timeout"; }

# The result lines of one log and what was remarked, each with its test's name in front. A plan that
# was not fulfilled is a failure: of the guest that died, on stock of a test that
# was meant to kill it.
results() { # TEST
	awk -v test="$1" -v which="$which" '
		/^# / && !/^# (took|Totals|exit status)/ { print "# " test ": " substr($0, 3) }
		/^1\.\.[0-9]+/ { planned += substr($1, 4) }
		/^(not )?ok( |$)/ {
			failed = /^not/
			sub(/^(not )?ok *[0-9]* *-? */, "")
			done++
			known = which == "stock" && /^B[0-9]+:/
			if (known && /# SKIP/)
				print "ok - " test ": " $0
			else if (known)
				print (failed ? "ok - " : "not ok - ") test ": " $0 \
					(failed ? " (stock fails, as described)" : " (stock passes)")
			else
				print (failed ? "not ok - " : "ok - ") test ": " $0
		}
		/^Kernel panic/ { panic = 1 }
		/^# exit status/ { status = $NF }
		END {
			extra = test == "crash" || test == "differential"
			if (which == "stock" && panic &&
			    (test == "read_error" || test == "huge" || test == "userspace_zero"))
				print "ok - " test ": stock panics, as described"
			else if (panic)
				print "not ok - " test ": kernel panic"
			else if (!done)
				print "not ok - " test ": no result, exit status " status
			else if (!extra && done != planned)
				print "not ok - " test ": only " done " of " planned " results"
		}' "$out/$1.log"
}

# run_all TEST...: run_test, which the caller defines, with each of them, JOBS at a
# time (default: all CPUs), then print the results as one TAP document.
run_all() {
	local jobs=${JOBS:-$(nproc)} running=0 test start

	say "$which: $*"
	for test; do
		if [ "$running" -ge "$jobs" ]; then
			wait -n || :
			running=$((running - 1))
		fi
		(
			start=$SECONDS
			run_test "$test"
			say "$test done in $((SECONDS - start)) s"
		) &
		running=$((running + 1))
	done
	wait

	for test; do
		results "$test"
	done | awk '
		# Numbered here, because each test counts for itself.
		/^(not )?ok - / { n++; sub(/ - /, " " n " - ") }
		{ print }
		/^ok .*# SKIP/ { skipped++; next }
		/^ok / { passed++ }
		/^not ok / { failed++ }
		END { printf "1..%d\n# %d passed, %d failed, %d skipped\n", n, passed, failed, skipped
		      exit failed > 0 }'
}

# logged_test TEST COMMAND...: what run_test is to do with a command's output. Its
# end is noted, since a guest may die before it says anything.
logged_test() {
	local test=$1 rc=0

	shift
	"$@" >"$out/$test.log" 2>&1 || rc=$?
	echo "# exit status of $test: $rc" >>"$out/$test.log"
}
