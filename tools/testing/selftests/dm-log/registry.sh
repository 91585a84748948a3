#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Log types of other modules: registering, loading by name, references.

. "$(dirname "$0")/dm_log_lib.sh"

helper=/tmp/dm-log-modprobe
requests=/tmp/dm-log-requests
modprobe_path=/proc/sys/kernel/modprobe

setup()
{
	nullb leg0 2
	nullb leg1 2
	legs="$(dev leg0) $(dev leg1)"
}

# It is loaded in each test anew.
need_module()
{
	[ -r "${DM_LOG_TEST_KO:-}" ] || skip "DM_LOG_TEST_KO is not set to dm-log-test-null.ko"
	[ -z "${DM_LOG_KEEP_MODULES:-}" ] || skip "modules cannot be loaded twice here"
}

create()	# "LOG ARGUMENTS"
{
	dm_create m "$(mirror_table $LEN "$1" "$legs")" 2>&1
}

refused()	# "LOG ARGUMENTS"
{
	local said refs

	refs=$(module_refs dm-log)
	! said=$(create "$1") || fail "'$1' was accepted"
	[[ $said == *"Invalid argument"* ]] || fail "'$1': not EINVAL but $said"
	expect "references to dm-log" "$refs" "$(module_refs dm-log)"
}

# Our own modprobe: notes what it is asked for, loads our test module by the
# name it has, and nothing else. Called as: modprobe -q -- NAME
fake_modprobe()
{
	old_modprobe=$(cat $modprobe_path)
	trap 'echo "$old_modprobe" >$modprobe_path' EXIT
	cat >$helper <<-END
		#!/bin/bash
		name=\${!#}
		echo "\$name" >>$requests
		[ "\$name" != dm-log-test-null ] || exec /sbin/insmod ${DM_LOG_TEST_KO:-none}
		exit 1
	END
	chmod +x $helper
	: >$requests
	echo $helper >$modprobe_path
}

expect_requests()
{
	expect "modules asked for" "$*" "$(tr '\n' ' ' <$requests | sed 's/ $//')"
}

# A mirror on the foreign type works.
works()
{
	need_module
	setup
	stamp_legs "$(dev leg0)" "$(dev leg1)"
	insmod "$DM_LOG_TEST_KO"
	create "test-null 1 $RS"
	expect "status" "0/$NR 1 AA 1 test-null" "$(dm_status m | cut -d' ' -f7-)"
	expect "table" "test-null 1 $RS" "$(dm_table m | cut -d' ' -f4-6)"
	write_region m 3 "one leg"
	dm_suspend m
	dm_resume m
	expect "what the mirror reads" "one leg" \
		"$(read_dev "$(dmdev m)" $((3 * RS)) 1 | head -n 1)"
	dm_remove m
	expect "regions differing" "$(all_regions)" "$(differing "$(dev leg0)" "$(dev leg1)")"
	rmmod dm-log-test-null
}

autoload()
{
	need_module
	setup
	fake_modprobe
	create "test-null 1 $RS"
	expect_requests dm-log-test-null
	dm_remove m
}

autoload_shortened()
{
	need_module
	setup
	fake_modprobe
	create "test-null-x 1 $RS"
	expect_requests dm-log-test-null-x dm-log-test-null
	expect "status" "1 test-null-x" "$(dm_status m | cut -d' ' -f10-)"
	dm_remove m
}

# The module is there, but not the type: the search goes on to the last '-'.
unknown_in_module()
{
	need_module
	setup
	insmod "$DM_LOG_TEST_KO"	# now, as it holds dm-log, which is counted
	fake_modprobe
	refused "test-null-y-z 1 $RS"
	expect_requests dm-log-test-null-y-z dm-log-test-null-y dm-log-test-null dm-log-test
}

unknown()
{
	setup
	fake_modprobe
	refused "nonesuch 1 $RS"
	expect_requests dm-log-nonesuch
	is_ours || return 0
	kmsg_since | grep -q "dirty region log.*nonesuch" || fail "no message names the type"
}

# A name that is there is not looked for elsewhere.
known()
{
	setup
	fake_modprobe
	create "core 1 $RS"
	expect_requests ""
	dm_remove m
}

duplicate()
{
	local n said

	need_module
	for n in core disk; do
		! said=$(insmod "$DM_LOG_TEST_KO" name=$n 2>&1) || fail "a second '$n' was accepted"
		[[ $said == *"busy"* ]] || fail "not EBUSY but $said"
		! module_loaded dm-log-test-null || fail "module still loaded"
	done
	# The second of two registrations fails: the first is taken back.
	! said=$(insmod "$DM_LOG_TEST_KO" name=test-null-x 2>&1) || fail "test-null-x twice"
	[[ $said == *"busy"* ]] || fail "not EBUSY but $said"
	insmod "$DM_LOG_TEST_KO"
	rmmod dm-log-test-null
	insmod "$DM_LOG_TEST_KO"
}

constructor_fails()
{
	need_module
	setup
	insmod "$DM_LOG_TEST_KO"
	refused "test-null 0"
	refused "test-null 2 $RS extra"
	refused "test-null 1 3"
	refused "test-null 1 text"
	expect "references to the type's module" 0 "$(module_refs dm-log-test-null)"
	rmmod dm-log-test-null
}

# A log, live or only loaded, holds its type's module.
in_use()
{
	need_module
	setup
	insmod "$DM_LOG_TEST_KO"
	create "test-null 1 $RS"
	! rmmod dm-log-test-null 2>/dev/null || fail "module removed under a live log"
	dm_load m "$(mirror_table $LEN "test-null-x 1 $RS" "$legs")"
	expect "references of two logs" 2 "$(module_refs dm-log-test-null)"
	dm_suspend m
	dm_resume m
	expect "references of one log" 1 "$(module_refs dm-log-test-null)"
	! rmmod dm-log 2>/dev/null || fail "dm-log removed under its users"
	dm_remove m
	rmmod dm-log-test-null
	# With the module its types are gone, and nobody brings them back.
	DM_LOG_TEST_KO=none fake_modprobe
	refused "test-null 1 $RS"
	expect_requests dm-log-test-null dm-log-test
}

# Creation and removal of logs and of the type at the same time.
concurrent()
{
	local pids=() p i

	need_module
	setup
	for p in a b; do
		(
			for ((i = 0; i < ${ROUNDS:-12}; i++)); do
				dm_create $p "$(mirror_table $LEN "test-null 1 $RS" "$legs")" 2>/dev/null &&
					dm_remove $p
			done
			exit 0
		) &
		pids+=($!)
	done
	for ((i = 0; i < ${ROUNDS:-12}; i++)); do
		insmod "$DM_LOG_TEST_KO" 2>/dev/null || :
		rmmod dm-log-test-null 2>/dev/null || :
	done
	wait "${pids[@]}"
	insmod "$DM_LOG_TEST_KO" 2>/dev/null || :
	create "test-null 1 $RS"
	dm_remove m
	rmmod dm-log-test-null
}

run_tests \
	works		"a log type of a separate module works" \
	autoload	"an unknown type's module is loaded" \
	autoload_shortened "test-null-x is found in module dm-log-test-null" \
	unknown_in_module "an unknown type is looked for up to its first part" \
	unknown		"an unknown type is refused" \
	known		"no module is asked for when the type is there" \
	duplicate	"a name that is taken is refused with EBUSY" \
	constructor_fails "a constructor's failure leaves no reference" \
	in_use		"a type's module stays while it is in use" \
	concurrent	"types and logs come and go at the same time"
