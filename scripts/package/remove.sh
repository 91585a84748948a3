# SPDX-License-Identifier: GPL-2.0-only
#
# Ours runs on the newer kernel; the package is removed, and purged.
# shellcheck shell=dash
# shellcheck disable=SC2154 # lib.sh's
. /steps/lib.sh

claim "root is on a mirror with a log on disk, in sync" root_is_a_mirror
claim "ours is in use, as DKMS built it" in_use ours "$(version "$second")"
claim "LVM's checks work, a mirror can be made" lvm_works ours

claim "dpkg -r" dpkg_works "dpkg -r" dpkg -r dm-log-dkms
claim "DKMS has nothing more" dkms_has none
nothing_left() {
	is "" "$(find /etc /lib/modprobe.d /lib/modules /run /usr/share /usr/src /var -xdev \
		-path '*dm-log*' ! -path '/lib/modules/*/kernel/*' ! -path '/usr/src/linux-*' \
		! -path '/var/lib/dpkg/*'; find /lib/modules/*/updates 2>/dev/null)"
}
claim "nothing of it is left" nothing_left
for k in $kernel $other; do
	claim "modprobe finds the kernel's own in $k" modprobe_finds stock "$k"
	claim "the initramfs of $k holds the kernel's own" initramfs_holds stock "$k"
done
claim "ours stays in use until a restart" in_memory ours "$(version "$second")"
purged() {
	dpkg -P dm-log-dkms || return
	! dpkg-query -W dm-log-dkms && is "" "$(find /var/lib/dpkg -name '*dm-log*')"
}
claim "dpkg -P: dpkg knows it no more" purged
end
