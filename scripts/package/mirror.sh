# SPDX-License-Identifier: GPL-2.0-only
#
# Run by scripts/run-qemu for scripts/check-package: a mirror LV on disks whose contents
# from 1 MiB on are the filesystem already. Disks: two legs, the log.
# shellcheck shell=dash
set -eu
mkdir -p /etc/lvm /run/lvm /run/lock/lvm
cat >/etc/lvm/lvm.conf <<'CONF'
activation { udev_sync=0 udev_rules=0 verify_udev_operations=0 monitoring=0 }
global { use_lvmpolld=0 event_activation=0 }
devices { use_devicesfile=0 }
CONF
{
	lvm pvcreate --dataalignment 1m /dev/vda /dev/vdb /dev/vdc
	lvm vgcreate vg /dev/vda /dev/vdb /dev/vdc
	# The legs are the same already. At the next start the log has a say again.
	lvm lvcreate -y --type mirror -m 1 --mirrorlog disk --nosync -Wn -Zn -L "$SIZE" -n root vg \
		/dev/vda /dev/vdb /dev/vdc
} >/tmp/log 2>&1 || { sed 's/^/# /' /tmp/log; exit 1; }
places=$(dms table | sed -nE 's/^vg-root_mimage_[01]: 0 [0-9]+ linear //p' | sort | tr '\n' ' ')
expected="$(cat /sys/block/vda/dev) 2048 $(cat /sys/block/vdb/dev) 2048 "
lvm vgchange -an vg >/dev/null
[ "$places" = "$expected" ] || { echo "# the legs are at $places, expected $expected"; exit 1; }
