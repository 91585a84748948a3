# SPDX-License-Identifier: GPL-2.0
#
# Guest side of scripts/raid-log: two mirrors in use, the log of one on md's raid1, that of the
# other on dm-raid's, both on the same two disks. These are lost and come back; then the host
# cuts the power, and a second boot looks what is left. Prints TAP lines without numbers;
#   @writing		the power may go at any time
#   @copied M SECTORS	what a mirror's recovery wrote to its second leg
#   @same M, @lost M N	afterwards; see soak-io.c
# Disks: two legs, each half for one mirror; two for the logs; acknowledgments of each mirror.
# shellcheck shell=dash
# shellcheck disable=SC2016 # claim evaluates its second argument
set -u

explain_more() { cat /proc/mdstat; tail -n 20 /tmp/said; }
# What follows needs what was claimed.
must() { claim "$@" || exit 1; } # NAME CONDITION

half=$(($(cat /sys/block/vda/size) / 2))	# sectors
blocks=$((half / 8))

# What the log disks have: for md the first half, for dm-raid the second: its own data and the
# log's.
raid_half=$(($(cat /sys/block/vdc/size) / 2))
meta=2048

linear() { echo "0 $2 linear $1 ${3:-0}"; }
swap() { # NAME TABLE
	dms load "$1" --table "$2" && dms suspend --noflush --nolockfs "$1" && dms resume "$1"
}
parts() { # create|swap COMMAND... with "c" or "d", and "error" or nothing: the parts of a disk
	for part in "md 0 $raid_half" "meta $raid_half $meta" \
		"data $((raid_half + meta)) $((raid_half - meta))"; do
		# shellcheck disable=SC2086 # words
		set -- "$1" "$2" "${3:-}" $part
		table=$(linear "/dev/vd$2" "$6" "$5")
		[ -z "$3" ] || table="0 $6 error"
		if [ "$1" = create ]; then
			dms create "$4$2" --table "$table"
		else
			swap "$4$2" "$table"
		fi || return
	done
}
lose() { parts swap "$1" error; }
back() { parts swap "$1"; }

raid_table() {
	echo "0 $((raid_half - meta)) raid raid1 1 0 2 /dev/mapper/metac /dev/mapper/datac" \
		"/dev/mapper/metad /dev/mapper/datad"
}

log_of() { case $1 in m0) echo /dev/md0 ;; m1) echo /dev/mapper/raid ;; esac; }
table_of() { # MIRROR "LOG'S PART, WITH @ FOR ITS DEVICE"
	echo "0 $half mirror $(echo "$2" | sed "s:@:$(log_of "$1"):") 2 /dev/mapper/${1}leg0 0" \
		"/dev/mapper/${1}leg1 0 1 handle_errors"
}

mirrors() { # "LOG'S PART": both are made
	n=0
	for m in m0 m1; do
		dms create ${m}leg0 --table "$(linear /dev/vda "$half" $((n * half)))" &&
			dms create ${m}leg1 --table "$(linear /dev/vdb "$half" $((n * half)))" &&
			dms mknodes && dms create $m --table "$(table_of $m "$1")" || return
		n=$((n + 1))
	done
	dms mknodes
}

with_log() { # "LOG'S PART": both get another table
	for m in m0 m1; do
		dms load $m --table "$(table_of $m "$1")" && dms suspend --noflush $m &&
			dms resume $m || return
	done
}

all_in_sync() { s=$(in_sync "$1") && [ "${s%/*}" = "${s#*/}" ]; }
wait_in_sync() { wait_until all_in_sync "$1" || { dms status "$1"; return 1; }; }
status_of() { dms status "$1" | sed 's/.* //'; }

acks() { awk '{ print $5 }' "/sys/block/$1/stat"; } # DISK
more() { [ "$(acks "$1")" -gt "$2" ]; }
goes_on() { # both are written to, and no log says that it is in trouble
	for d in vde vdf; do
		wait_until more $d $(($(acks $d) + 20)) || { echo "# writes are held"; return 1; }
	done
	[ "$(status_of m0)$(status_of m1)" = AA ] || { dms status; return 1; }
}
held() { # both, for as long as nobody helps
	wait_until is_bad m0 && wait_until is_bad m1
}
is_bad() { [ "$(status_of "$1")" = D ]; }

md_has() { [ "$(cat /sys/block/md0/md/degraded)" = "$1" ] && md_idle; }
md_idle() { [ "$(cat /sys/block/md0/md/sync_action)" = idle ]; }
raid_has() { dms status raid | grep -q " $1 "; }
whole() { wait_until md_has 0 && wait_until raid_has AA; }

# An array that was assembled anew has the disk that was left behind as a failed one, or not at all,
# or as a good one: which depends on whether its data, or the other one's, say that it failed.
take_in() {
	! md_has 0 || return 0
	mdadm /dev/md0 --remove /dev/mapper/mdc >/tmp/said 2>&1
	mdadm /dev/md0 --add /dev/mapper/mdc >/tmp/said 2>&1
}

readd() { # DISK: as the manual has it
	mdadm /dev/md0 --remove "/dev/mapper/md$1" --add "/dev/mapper/md$1" >/tmp/said 2>&1 &&
		dms suspend raid && dms resume raid
}

prepare() {
	modprobe raid1 && modprobe dm-raid && parts create c && parts create d && dms mknodes
}

first_boot() {
	must "modules loaded are the ones meant" check_modules
	must "two logs on raid1" '
		prepare && mdadm --create /dev/md0 --run --level=1 --raid-devices=2 --bitmap=none \
			--data-offset=1M /dev/mapper/mdc /dev/mapper/mdd >/tmp/said 2>&1 &&
		dms create raid --table "$(raid_table)" && dms mknodes && whole'
	must "mirrors with these logs, in use" '
		mirrors "disk 3 @ $REGION sync" && wait_in_sync m0 && wait_in_sync m1 &&
		{ /data/soak-io write /dev/mapper/m0 /dev/vde 0 $blocks "$SEED" &
		  /data/soak-io write /dev/mapper/m1 /dev/vdf 0 $blocks "$((SEED + 1))" & } &&
		goes_on'
	must "the first disk of the logs is lost: writes go on" '
		lose c && goes_on && wait_until md_has 1 && wait_until raid_has DA && goes_on'
	must "it is back and taken in again: writes go on" 'back c && readd c && whole && goes_on'
	must "the second disk is lost: writes go on" '
		lose d && goes_on && wait_until md_has 1 && wait_until raid_has AD && goes_on'
	must "it is back and taken in again: writes go on" 'back d && readd d && whole && goes_on'
	must "both are lost: both logs are in trouble, writes are held" 'lose c && lose d && held'
	# md writes no more to an array that has lost its last disk. So the mirror takes a log in
	# memory, until there is an array again, of the disk that was lost last; nobody knows what
	# this one did not record.
	must "both are back: with a core log, and then with a new log on the array, writes go on" '
		back c && back d && with_log "core 2 $REGION nosync" &&
		mdadm --stop /dev/md0 >/tmp/said 2>&1 && dms remove raid &&
		mdadm --assemble --run /dev/md0 /dev/mapper/mdc /dev/mapper/mdd >/tmp/said 2>&1 &&
		take_in &&
		dms create raid --table "$(raid_table)" && dms mknodes && whole &&
		with_log "disk 3 @ $REGION sync" && wait_in_sync m0 && wait_in_sync m1 && goes_on'
	# From now on little is dirty, so that the stale log is soon wrong.
	must "the first disk is lost once more, and is there again, stale, when the power goes" '
		echo 0 >/sys/module/dm_log/parameters/clean_delay_ms && goes_on && lose c && wait_until md_has 1 && wait_until raid_has DA && goes_on && back c && goes_on && goes_on'
	end
	echo "@writing"
	sleep "$HANG_S"
	echo "# nobody cut the power"
	exit 1
}

written() { awk '{ print $7 }' "/sys/dev/block/$1/stat"; }
number() { dms info -c --noheadings --separator : -o major,minor "$1"; }

lega=/dev/mapper/m0leg0 legb=/dev/mapper/m0leg1
configure_lvm() {
	mkdir -p /etc/lvm /run/lvm /run/lock/lvm
	cat >/etc/lvm/lvm.conf <<-CONF
	devices {
		scan = "/dev"
		filter = [ "a|^/dev/mapper/m0leg.\$|", "a|^/dev/md0\$|", "r|.*|" ]
		obtain_device_list_from_udev = 0
		external_device_info_source = "none"
		use_devicesfile = 0
	}
	global { use_lvmpolld = 0  event_activation = 0  locking_dir = "/run/lock/lvm" }
	activation { udev_sync = 0  udev_rules = 0  monitoring = 0 }
	backup { backup = 0  archive = 0 }
	CONF
}
lv() { timeout -k 5 "$HANG_S" lvm "$@" >/tmp/said 2>&1; }
log_lies_on() { lvm lvs -a --noheadings -o devices vg/m_mlog 2>/dev/null | tr -d ' ' | sed 's/(.*//'; }
# LVM's own data go to all physical volumes; the mirror has 8192 sectors.
few() { [ "$1" -lt 2048 ] || { echo "# $1 sectors were written"; return 1; }; }

second_boot() {
	must "both arrays are there, and know which disk is stale" '
		prepare &&
		mdadm --assemble --run /dev/md0 /dev/mapper/mdc /dev/mapper/mdd >/tmp/said 2>&1;
		[ "$(cat /sys/block/md0/md/degraded)" = 1 ] &&
		dms create raid --table "$(raid_table)" && dms mknodes && wait_until raid_has AA'
	must "the mirrors are in sync again" '
		mirrors "disk 2 @ $REGION" && wait_in_sync m0 && wait_in_sync m1'
	must "the stale disk is taken in again" '
		take_in && whole'
	acks=vde
	for m in m0 m1; do
		echo "@copied $m $(written "$(number ${m}leg1)")"
		dms remove $m
		cmp /dev/mapper/${m}leg0 /dev/mapper/${m}leg1 && echo "@same $m"
		echo "@verified $m $(/data/soak-io verify /dev/$acks 0 $blocks \
			/dev/mapper/${m}leg0 /dev/mapper/${m}leg1 | tr '\n' ' ')"
		acks=vdf
	done
	# As the manual has it, on what the first mirror had.
	must "LVM puts the log of a new mirror on the array" '
		configure_lvm && lv pvcreate -y -ff $lega $legb && lv vgcreate -s 256k vg $lega $legb &&
		lv pvcreate -y -ff /dev/md0 && lv vgextend vg /dev/md0 &&
		lv lvcreate -y --type mirror -m1 --mirrorlog disk -R 64k -L 4M -n m vg $lega $legb /dev/md0 &&
		[ "$(log_lies_on)" = /dev/md0 ] && wait_in_sync vg-m'
	must "LVM moves the log of a mirror to the array by way of a core log, nothing is copied" '
		sectors=$(written "$(number m0leg1)") &&
		lv lvconvert -y --mirrorlog core vg/m && all_in_sync vg-m && dms table vg-m | grep -q " mirror core " &&
		lv lvconvert -y --mirrorlog disk vg/m /dev/md0 && all_in_sync vg-m && [ "$(log_lies_on)" = /dev/md0 ] &&
		few $(($(written "$(number m0leg1)") - sectors))'
	must "no warning or bug in the kernel log" '
		! dmesg | grep -E "WARNING|BUG|Oops|Call Trace|scheduling while|use.after"'
	end
}

chmod +x /data/soak-io
"$PHASE"
