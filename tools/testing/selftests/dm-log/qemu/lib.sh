# SPDX-License-Identifier: GPL-2.0
#
# Helpers for the scripts that run in the QEMU guest (dash and busybox).
# shellcheck shell=dash
# shellcheck disable=SC2034 # used by the scripts

# How long to wait for what must come, in seconds: a hang, twenty times what a fast machine
# needs. The limit of the whole guest is behind it. As in dm_log_lib.sh.
HANG_S=100

wait_until() { # COMMAND...
	read -r now _ </proc/uptime
	deadline=$((${now%.*} + HANG_S + 1))
	until "$@"; do
		read -r now _ </proc/uptime
		[ "${now%.*}" -lt "$deadline" ] || { echo "# waited $HANG_S s in vain: $*"; return 1; }
		sleep 0.1
	done
}

# What a failure was about, so many lines of each: tables and status, the log's counters, what
# waits where, and the kernel's last words.
explain() {
	timeout 10 dmsetup --noudevsync table 2>&1 | sed 's/^/table /' | head -n 30
	timeout 10 dmsetup --noudevsync status --noflush 2>&1 | sed 's/^/status /' | head -n 30
	sed 's/^/counters /' /sys/kernel/debug/dm_log 2>/dev/null | head -n 30
	for f in /proc/[0-9]*; do
		grep -q '^State:.D' "$f/status" 2>/dev/null || continue
		echo "waits: ${f#/proc/} $(cat "$f/comm") in $(cat "$f/wchan")"
		head -n 12 "$f/stack" | sed 's/^/waits:     /'
	done 2>/dev/null | head -n 60
	dmesg | tail -n 20 | sed 's/^/kernel: /'
}

# A test of a script that calls end at its end. $group, if there is one, stands
# before the name. A script that knows more of a failure than explain has explain_more.
count=0 group=''
explain_more() { :; }
claim() { # NAME CONDITION
	count=$((count + 1))
	# A condition has many steps: which of them were taken, and what they complained of.
	{ set -x; eval "$2"; failed=$?; set +x; } 2>/tmp/steps
	if [ $failed = 0 ]; then
		echo "ok - ${group:+$group: }$1"
	else
		echo "not ok - ${group:+$group: }$1"
		{ tail -n 8 /tmp/steps; explain; explain_more; } 2>&1 | sed 's/^/# /'
		return 1
	fi
}

end() { echo "@done $count"; }

# EXPECTED ACTUAL: equal, or say how they differ
is() {
	[ "$1" = "$2" ] && return
	echo "# expected: '$1'"
	echo "# found:    '$2'"
	return 1
}

# There is no udev in the guest.
dms() { dmsetup --noudevsync --noudevrules "$@"; }

# in_sync NAME: the x/y of a mirror's status line.
in_sync() { dms status "$1" | tr ' ' '\n' | grep -m 1 '^[0-9]*/[0-9]*$'; }

# The loaded modules must be the files the host meant, told by their build ids:
# ours (or, on request, the stock) dm-log, and always the distribution's own
# dm-mirror, dm-region-hash and dm-mod.
check_modules() {
	for want in /qemu/build-id/*; do
		m=${want##*/}
		id=$(od -An -tx1 "/sys/module/$m/notes/.note.gnu.build-id" |
			tr -d ' \n')
		# The note is 16 bytes of header and name, then the id.
		id=${id#????????????????????????????????}
		if [ "$id" != "$(cat "$want")" ]; then
			echo "# $m: loaded build id ${id:-none}, expected $(cat "$want")"
			return 1
		fi
	done
	echo "# kernel $(uname -r), $(nproc) CPUs," \
		"dm-log is $(modinfo -n dm-log | sed 's:.*/modules/[^/]*/::')" \
		"(build id $(cut -c1-12 /qemu/build-id/dm_log)," \
		"taint '$(cat /sys/module/dm_log/taint)')," \
		"dm-mirror is $(modinfo -n dm-mirror | sed 's:.*/modules/[^/]*/::')"
}
