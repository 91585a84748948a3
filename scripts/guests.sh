#!/bin/bash
# What the scripts share that run selftests in guests and say how they ended. To be
# sourced with $top, $tests (their directory), $which ("ours" or "stock": the module
# under test) and $out (where logs go), under "set -eu".
# shellcheck disable=SC2154 # these

mkdir -p "$out"
# $SMP_KERNEL: empty, or what scripts/smp-kernel knows for QEMU instead of User-Mode Linux.
# $UML_KERNEL: empty, or "debug" for the one with all the checkers, which is slow, or
# "checked", where they look at modules only.
# A test that takes longer than guest_timeout hangs, and its guest with it.
# shellcheck source=scripts/bounds.sh
. "$top/scripts/bounds.sh"
patience=1
if [ -n "${SMP_KERNEL-}" ]; then
	uml=$("$top/scripts/smp-kernel" "$SMP_KERNEL")
	built=$uml
	guest_timeout=$(hang 180)
	patience=4
else
	uml=$("$top/scripts/kernel" uml "${UML_KERNEL-}")
	built=$("$top/scripts/module" "$uml")
	guest_timeout=$(hang 90)
	[ -z "${UML_KERNEL-}" ] || { guest_timeout=$(hang 150); patience=4; }
fi
# What costs most in a guest is to start programs: what is started often is linked statically,
# or not a program at all but a builtin of bash.
"$top/scripts/deps" bash-builtins
dmsetup=$("$top/scripts/cmirrord" dmsetup)
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
		"DM_LOG_EXPECT=$1" "DM_MIRROR_DIR=$uml/drivers/md" "DMSETUP=$dmsetup" \
		"DM_LOG_TEST_KO=$built/dm-log-test-null.ko" "KTAP_HELPERS=$helpers" \
		"DM_LOG_KEEP_MODULES=${UML_KERNEL-}" "DM_LOG_PATIENCE=$patience" \
		"DM_LOG_STOCK_KO=$uml/drivers/md/dm-log.ko" \
		"LOG_WRITES_REPLAY=$top/build/log-writes-replay" \
		"MIRROR_LOOK=$top/build/mirror-look"
}

# guest WHICH TEST [OPTION...] -- [ARGUMENT...] [NAME=VALUE...]
# $run is a name for the run where WHICH does not tell it from the others.
guest() {
	local variant=$1 test=$2 options=(--kernel-arg loglevel=1 --timeout "$guest_timeout")

	local more

	shift 2
	while [ "$1" != -- ]; do options+=("$1"); shift; done
	shift
	mapfile -t more < <(handed_on)
	# shellcheck disable=SC2046 # words
	scripts/run-uml --results "$out/$test.${run:-$variant}.results" "${options[@]}" \
		bash "$tests/$test.sh" "$@" $(environment "$variant") "${more[@]}"
}

# What is handed on to a test where it is set.
handed_on() {
	local name

	for name in ONLY ROUNDS KILLS POINTS FILES SEED SHARE SECONDS_EACH LEGS; do
		[ -z "${!name:-}" ] || echo "$name=${!name}"
	done
}

# For those that share a guest, a word a line. environment_of() is the caller's.
words_of() { environment "$1" | tr ' ' '\n'; handed_on; } # WHICH

# Each power cut of replay*.sh takes a third of a second of CPU, and all there are hours.
replay_timeout() { [ "${POINTS:-}" = all ] && hang 720 || echo "$guest_timeout"; }

# The result lines of one log and what was remarked, each with its test's name in front. A plan that
# was not fulfilled is a failure: of the guest that died, on stock of a test that
# was meant to kill it. How long a test took stands before its line, for scripts/stages.sh.
results() { # TEST
	awk -v test="$1" -v which="$which" '
		/^# took [0-9]+ ms/ { took = $3; next }
		/^# / && !/^# (took|Totals|exit status)/ { print "# " test ": " substr($0, 3) }
		/^1\.\.[0-9]+/ { planned += substr($1, 4) }
		/^(not )?ok( |$)/ {
			failed = /^not/
			sub(/^(not )?ok *[0-9]* *-? */, "")
			done++
			known = which == "stock" && /^B[0-9]+:/
			if (took != "")
				print "# took " took " ms: " test ": " $0
			took = ""
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
		}' "$out/$1.log" | tee "$out/$1.tap"
	! grep -q '^not ok' "$out/$1.tap" || last_words "$1" >&2
}

# What a guest in which something failed said in the end. (A test that fails says itself
# in which state it left what, see dm_log_lib.sh; a guest that hangs, uml-init.)
last_words() { # TEST
	echo "last lines of $1, the whole is in $out/$1.log:"
	tail -n 40 "$out/$1.log" | cut -c 1-300
}

# run_all TEST...: run_test, which the caller defines, with each of them, JOBS at a
# time (default: all CPUs), then print the results as one TAP document. In QEMU those that
# the caller has in shared=() have one guest, see together().
run_all() {
	local jobs=${JOBS:-$(nproc)} running=0 test start join=() apart=()

	say "$which: $*"
	for test; do
		if [ -n "${SMP_KERNEL-}" ] && [[ " ${shared[*]-} " == *" $test "* ]]; then
			join+=("$test")
		else
			apart+=("$test")
		fi
	done
	if [ ${#join[@]} -gt 0 ]; then
		together "${join[@]}" &
		running=1
	fi
	for test in "${apart[@]}"; do
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

# together TEST...: one after the other in one guest, with what each says in its log, as
# by logged_test. QEMU takes longer to boot than most tests do, and has translated the
# programs that they all use after the first. A guest in which a test failed, or that died
# of one, has served: the tests behind that one have a guest of their own.
together() {
	local dir=$out/$1.together left=("$@") test rest

	rm -rf "$dir"
	mkdir -p "$dir"
	for test; do rm -f "$out/$test.log"; done
	while [ ${#left[@]} -gt 0 ]; do
		for test in "${left[@]}"; do
			mapfile -t rest < <(environment_of "$test")
			printf '%q ' "$test" "${rest[@]}"
			echo
		done >"$dir/list"
		scripts/run-uml --results "$dir" --kernel-arg loglevel=1 \
			--timeout $((guest_timeout * ${#left[@]})) \
			bash scripts/guest-tests "$guest_timeout" "$tests" "$dir/list" \
			2>&1 | tell_apart || :
		[ -e "$out/${left[0]}.log" ] || cp "$dir/console" "$out/${left[0]}.log"
		rest=()
		for test in "${left[@]}"; do
			[ -e "$out/$test.log" ] || rest+=("$test")
		done
		left=("${rest[@]}")
	done
}

# What a guest says, to the logs of the tests that it is about.
tell_apart() {
	local line words log=$dir/console start

	: >"$log"
	while IFS= read -r line; do
		case $line in
		"@test "*)
			log=$out/${line#@test }.log start=$SECONDS
			: >"$log"
			;;
		"@end "*)
			read -ra words <<<"$line"
			echo "# exit status of ${words[1]}: ${words[2]}" >>"$log"
			say "${words[1]} done in $((SECONDS - start)) s"
			log=$dir/console
			;;
		*)	printf '%s\n' "$line" >>"$log" ;;
		esac
	done
	[ "$log" = "$dir/console" ] || echo "# exit status of a guest that ended early" >>"$log"
}
