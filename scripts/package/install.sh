# SPDX-License-Identifier: GPL-2.0-only
#
# The stock module runs; the package is installed.
# shellcheck shell=dash
# shellcheck disable=SC2154 # lib.sh's
. /steps/lib.sh

claim "root is on a mirror with a log on disk, in sync" root_is_a_mirror
claim "the kernel's own module is in use" in_use stock
claim "the initramfs holds the kernel's own" initramfs_holds stock "$kernel"

# A kernel that the package is not for, with headers and all.
mkdir -p /lib/modules/6.6.0-other
cp -P "/lib/modules/$kernel/build" /lib/modules/6.6.0-other/
claim "dpkg -i" dpkg_works "dpkg -i" dpkg -i "$first"
claim "it is installed" installed "$(version "$first")"
claim "DKMS has built it for $kernel only" dkms_has "$(version "$first")" "$kernel"
claim "it says that the running module stays" grep -q "stays until a restart" /tmp/log
hook() { timed "kernel hook" run-parts --arg=6.6.0-other --regex '^dkms$' /etc/kernel/postinst.d || { cat /tmp/log; return 1; }; }
claim "a kernel that it is not for can be installed" hook
rm -r /lib/modules/6.6.0-other
claim "modprobe finds ours" modprobe_finds ours "$kernel"
claim "the initramfs holds ours" initramfs_holds ours "$kernel"
claim "the kernel's own stays in use, and LVM finds what belongs to it" lvm_works stock
claim "and still does" in_use stock
end
