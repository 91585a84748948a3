# SPDX-License-Identifier: GPL-2.0
#
# Guest side of scripts/smp-races: the selftest races.sh, which wants bash and to load
# the modules itself.
# shellcheck shell=dash
set -eu

rmmod dm-mirror dm-region-hash dm-log
modprobe configfs
mount -t configfs none /sys/kernel/config
mkdir -p /dev/shm /var/tmp
for m in null_blk dm-flakey; do
	[ $m = null_blk ] && modprobe $m nr_devices=0 || modprobe $m
done
# The kernel says what hangs, and where, not before races.sh calls it a hang.
echo $HANG_S >/proc/sys/kernel/hung_task_timeout_secs
chmod +x /data/*
export KTAP_HELPERS=/data/ktap_helpers.sh DM_LOG_EXPECT=ours
DM_LOG_TEST_KO=$(echo /lib/modules/*/updates/dm-log-test-null.ko)
export DM_LOG_TEST_KO
exec bash /data/races.sh
