# SPDX-License-Identifier: GPL-2.0-only
#
# Ours runs, and the root filesystem is written to right before the end, which is a restart
# (if there is a file of that name beside this one) or a power cut.
# shellcheck shell=dash
# shellcheck disable=SC2154 # lib.sh's
. /steps/lib.sh

claim "root is on a mirror with a log on disk, in sync" root_is_a_mirror
claim "ours is in use, as DKMS built it" in_use ours "$(version "$first")"
claim "it is written to" dd if=/dev/urandom of=/var/tmp/written bs=1M count=16 conv=fsync status=none
end
