# SPDX-License-Identifier: GPL-2.0-only
#
# Helpers for the steps of scripts/check-package, in the guest. A step prints TAP lines
# without numbers, then "@done COUNT"; other lines with @ are progress.
# shellcheck shell=dash
# shellcheck disable=SC2034

count=0
claim() { # NAME COMMAND...
	local claimed=$1; shift
	count=$((count + 1))
	if "$@" >/tmp/said 2>&1; then
		echo "ok - $claimed"
	else
		sed 's/^/# /' /tmp/said
		echo "not ok - $claimed"
	fi
}

kernel=$(uname -r)
other_kernels() { find /lib/modules -mindepth 1 -maxdepth 1 ! -name "$kernel" -printf '%f\n'; }
other=$(other_kernels)
version() { dpkg-deb -f "$1" Version; }
first=$(echo /steps/first/*.deb) second=$(echo /steps/second/*.deb)

# EXPECTED FOUND: equal, or say how they differ
is() {
	[ "$1" = "$2" ] && return
	echo "expected: $1"
	echo "found:    $2"
	return 1
}

# timed NAME COMMAND...: its output to /tmp/log, and to the host how long it took.
timed() {
	what=$1 since=$(cut -d . -f 1 /proc/uptime); shift
	status=0
	"$@" >/tmp/log 2>&1 || status=$?
	echo "@$what: $(($(cut -d . -f 1 /proc/uptime) - since)) s" >/dev/ttyS1
	cat /tmp/log >/dev/ttyS0
	return $status
}
dpkg_works() { timed "$@" || { cat /tmp/log; return 1; }; }

# KIND KERNEL [NAME]: the file of that module, of which 6.12 has compressed ones.
module() {
	case $1 in
	ours) echo "/lib/modules/$2/updates/dkms/${3-dm-log}.ko"* ;;
	stock) echo "/lib/modules/$2/kernel/drivers/md/${3-dm-log}.ko"* ;;
	esac
}

unpacked() { # FILE
	case $1 in
	*.xz) xz -dc "$1" ;;
	*) cat "$1" ;;
	esac
}

# What readelf shows of a file and sysfs of a loaded module.
build_id() {
	unpacked "$1" >/tmp/module && readelf -n /tmp/module | sed -n 's/.*Build ID: //p'
}
loaded_id() {
	# 16 bytes of header and name come before it.
	od -An -v -tx1 -j16 "/sys/module/$1/notes/.note.gnu.build-id" | tr -d ' \n'
}

# KIND [VERSION]: that is in memory.
in_memory() {
	# Ours has parameters, the kernel's own has none, and only DKMS's has a version.
	if [ "$1" = ours ]; then
		[ -e /sys/module/dm_log/parameters/clean_delay_ms ] &&
			is "$2" "$(cat /sys/module/dm_log/version)"
	else
		[ -d /sys/module/dm_log ] && [ ! -e /sys/module/dm_log/parameters ] &&
			[ ! -e /sys/module/dm_log/version ]
	fi
}

# KIND [VERSION]: that is in memory, and it is the file modprobe would load.
in_use() {
	in_memory "$@" || return
	file=$(module "$1" "$kernel")
	id=$(build_id "$file") && [ -n "$id" ] && is "$id" "$(loaded_id dm_log)"
}

# KIND KERNEL [line]: what modprobe would load for a mirror and for LVM's check; "line"
# if the package's line for modprobe is there all the same.
modprobe_finds() {
	is "$(module "$1" "$2")" "$(modinfo -k "$2" -n dm-log)" || return
	for name in dm-mirror dm-log-userspace; do
		modprobe -S "$2" --show-depends $name >/tmp/depends || return
		grep -qx "insmod $(module "$1" "$2") *" /tmp/depends &&
			is 1 "$(grep -c '^insmod .*/dm-log\.ko' /tmp/depends)" || {
			cat /tmp/depends
			return 1
		}
	done
	# Of the kernel's own: only if ours is not in memory.
	if [ "$1${3-}" = stock ]; then
		tail -n 1 /tmp/depends | grep "^insmod $(module stock "$2" dm-log-userspace)"
	else
		tail -n 1 /tmp/depends | grep '^install test -d /sys/module/dm_log/parameters '
	fi
}

# KIND KERNEL [line]: the initramfs holds that module, byte for byte, and no other. It
# has the package's line for modprobe, or has not.
initramfs_holds() {
	rm -rf /tmp/initramfs
	unmkinitramfs "/boot/initrd.img-$2" /tmp/initramfs || return
	# (Everything is below main/ if an archive with microcode comes first. Modules are
	# compressed one by one there in Debian 13.)
	found=$(cd /tmp/initramfs && find . -name 'dm-log.ko*')
	is "$(module "$1" "$2" | sed 's|.*lib/modules/||; s|\.xz$||')" \
		"$(echo "$found" | sed 's|.*lib/modules/||; s|\.xz$||')" &&
		unpacked "/tmp/initramfs/$found" >/tmp/found &&
		unpacked "$(module "$1" "$2")" | cmp - /tmp/found || return
	line=$(cd /tmp/initramfs && find . -path '*/modprobe.d/dm-log.conf')
	rm -rf /tmp/initramfs
	if [ "$1${3-}" = stock ]; then is "" "$line"; else [ -n "$line" ]; fi
}

root_is_a_mirror() {
	is "/dev/mapper/vg-root ext4" "$(findmnt -n -o SOURCE,FSTYPE / | tr -s ' ')" || return
	table=$(dmsetup table vg-root) && echo "$table"
	echo "$table" | grep -Eq '^0 [0-9]+ mirror disk [23] [0-9]+:[0-9]+ [0-9]+ ' || return
	! echo "$table" | grep -q nosync || return
	# Both legs alive, the log as well, all regions in sync.
	for _ in $(seq 120); do
		state=$(dmsetup status vg-root)
		# shellcheck disable=SC2086 # words
		set -- $state
		[ "${7%/*}" = "${7#*/}" ] && break
		sleep 1
	done
	echo "$state"
	is "${7#*/}" "${7%/*}" && is AA "$9" && echo "$state" | grep -Eq ' 3 disk [0-9]+:[0-9]+ A *$'
}

# KIND: what LVM does to find out whether it can have a mirror with a log daemon, and a
# mirror of its own.
lvm_works() {
	modprobe dm-log-userspace || return
	if [ "$1" = ours ]; then
		[ ! -e /sys/module/dm_log_userspace ] || return
	else
		is "$(build_id "$(module stock "$kernel" dm-log-userspace)")" \
			"$(loaded_id dm_log_userspace)" || return
	fi
	dmsetup targets | grep '^mirror ' &&
		is "root mirror 100.00" "$(lvs --noheadings -o lv_name,segtype,copy_percent vg |
			tr -s ' ' | sed 's/^ //; s/ $//')" || return
	# There is no udev here after the initramfs.
	alone='activation { udev_sync=0 udev_rules=0 verify_udev_operations=0 monitoring=0 }'
	lvcreate --config "$alone" -y --type mirror -m 1 --mirrorlog core -Wn -Zn -L 16m -n more vg &&
		dmsetup table vg-more | grep ' mirror core ' &&
		lvremove --config "$alone" -y vg/more
}

# VERSION KERNEL...: DKMS has exactly that.
dkms_has() {
	v=$1; shift
	is "$(for k; do echo "dm-log/$v, $k, x86_64: installed"; done | sort)" \
		"$(dkms status | sort)"
}

installed() { # VERSION
	is "ii $1" "$(dpkg-query -W -f '${db:Status-Abbrev}${Version}' dm-log-dkms)" &&
		is "" "$(dpkg --audit)"
}

end() { echo "@done $count"; }
