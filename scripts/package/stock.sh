# SPDX-License-Identifier: GPL-2.0-only
#
# After the removal: as before the installation.
# shellcheck shell=dash
. /steps/lib.sh

claim "root is on a mirror with a log on disk, in sync" root_is_a_mirror
claim "the kernel's own module is in use" in_use stock
claim "LVM's checks work, a mirror can be made" lvm_works stock
end
