# SPDX-License-Identifier: GPL-2.0-only
#
# Ours runs; a newer kernel is installed, then, without the headers of the older kernel,
# a newer version of the package.
# shellcheck shell=dash
# shellcheck disable=SC2154 # lib.sh's
. /steps/lib.sh

claim "root is on a mirror with a log on disk, in sync" root_is_a_mirror
claim "ours is in use, as DKMS built it" in_use ours "$(version "$first")"
claim "LVM's checks work, a mirror can be made" lvm_works ours

claim "dpkg -i of a newer kernel and its headers" \
	dpkg_works "kernel upgrade" dpkg -i /upgrade/*.deb
newer=$(other_kernels)
claim "DKMS has built it for $newer" dkms_has "$(version "$first")" "$kernel" "$newer"
claim "modprobe finds ours in $newer" modprobe_finds ours "$newer"
claim "the initramfs of $newer holds ours" initramfs_holds ours "$newer"

claim "dpkg -r of the older kernel's headers" dpkg_works "headers removal" \
	dpkg -r "linux-headers-$kernel" linux-headers-cloud-amd64
claim "dpkg -i of a newer version" dpkg_works "package upgrade" dpkg -i "$second"
claim "it is installed" installed "$(version "$second")"
claim "DKMS has built it for $newer only" dkms_has "$(version "$second")" "$newer"
claim "of the old version's source nothing is left" \
	is "/usr/src/dm-log-$(version "$second")" "$(echo /usr/src/dm-log*)"
claim "modprobe finds ours in $newer" modprobe_finds ours "$newer"
claim "the initramfs of $newer holds ours" initramfs_holds ours "$newer"
claim "modprobe finds the kernel's own in $kernel" modprobe_finds stock "$kernel" line
claim "the initramfs of $kernel holds the kernel's own" initramfs_holds stock "$kernel" line
claim "ours stays in use until a restart" in_memory ours "$(version "$first")"
end
