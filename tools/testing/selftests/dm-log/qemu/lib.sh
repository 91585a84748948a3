# SPDX-License-Identifier: GPL-2.0
#
# Helpers for the scripts that run in the QEMU guest (dash and busybox).
# shellcheck shell=dash

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
