# SPDX-License-Identifier: GPL-2.0
#
# Guest side of scripts/lvm: Debian's LVM makes, converts, moves, resizes, breaks and
# repairs mirrors below a file system that is being written to. Prints TAP lines
# without numbers, then "@done COUNT".
# Disks: five physical volumes, of other contents each.
# shellcheck shell=dash
# shellcheck disable=SC2016,SC2034 # claim evaluates its second argument
set -u

writer='' mover=''
explain_more() {
	timeout 60 lvm lvs -a -o+devices
	tail -n 20 /tmp/said
	[ ! -e /run/dmeventd.log ] || tail -n 30 /run/dmeventd.log
}

# COMMAND...: of LVM. What it says is shown if the claim fails.
lv() { timeout -k 5 $HANG_S lvm "$@" >/tmp/said 2>&1; }

field() { lvm lvs -a --noheadings -o "$1" "vg/$2" 2>/dev/null | tr -d ' '; }

#
# The physical volumes: linear ones over the disks, which can be made to fail. That is
# a device whose I/O fails at once; one that vanishes looks the same to a mirror that
# has it open.
#

pv=/dev/mapper/pv
table() { echo "0 $(cat "/sys/block/vd$1/size") linear /dev/vd$1 0"; }
switch() { # NAME TABLE
	dms load "pv$1" --table "$2" && dms suspend --noflush --nolockfs "pv$1" && dms resume "pv$1"
}
lose() { switch "$1" "0 $(cat "/sys/block/vd$1/size") error"; }
return_of() { switch "$1" "$(table "$1")"; }
# Two MiB of it, from the fifth extent on.
part_is() { # NAME TARGET ARGUMENT...
	local name=$1 disk=/dev/vd$1

	shift
	switch "$name" "0 10240 linear $disk 0
10240 4096 $*
14336 $(($(cat "/sys/block/vd$name/size") - 14336)) linear $disk 14336"
}

# The same part of a device of its own that fails, and what follows it of one on which all
# waits, until the part is back: a copy gets that far and no further.
stuck_after_part() { # NAME
	local size
	size=$(cat "/sys/block/vd$1/size")
	dms create part --table "0 4096 error" &&
		dms create rest --table "0 $((size - 14336)) linear /dev/vd$1 14336" && dms mknodes &&
		switch "$1" "0 10240 linear /dev/vd$1 0
10240 4096 linear /dev/mapper/part 0
14336 $((size - 14336)) linear /dev/mapper/rest 0" && dms suspend rest
}
part_is_back() { # NAME
	dms load part --table "0 4096 linear /dev/vd$1 10240" && dms suspend part && dms resume part &&
		dms resume rest
}
whole_again() { # NAME
	return_of "$1" && dms remove part && dms remove rest
}

# The same part of a device of its own whose sectors cannot be read. It answers nothing
# until it is resumed: a copy gets that far and no further.
unreadable_part() { # NAME
	dms create part --table "0 4096 flakey /dev/vd$1 10240 0 3600 1 error_reads" && dms mknodes &&
		part_is "$1" linear /dev/mapper/part 0 && dms suspend part
}
readable_again() { # NAME
	return_of "$1" && dms remove part
}

# As a new disk, after its loss was dealt with.
replace() { # NAME
	return_of "$1" && dd if=/dev/zero of="$pv$1" bs=4k count=2 conv=fsync 2>/dev/null &&
		lv vgreduce -f --removemissing vg && lv pvcreate -y -ff "$pv$1" && lv vgextend vg "$pv$1"
}

few() { [ "$1" -lt 2048 ] || { echo "# $1 sectors were written"; return 1; }; }
written() { awk '{ print $7 }' "/sys/block/vd$1/stat"; }

throttle=/sys/module/dm_mirror/parameters/raid1_resync_throttle
slowly() { echo 1 >$throttle; }
fast() { echo 100 >$throttle; }

#
# The file system and its writer
#

# What was written n-th is a part of the pool that is told by n, 64 KiB of it, in file
# n % 24: over what was there, or into a new file that takes its place. A line of
# /run/acks is written after the fsync.
pool=/run/pool
writer() {
	set +x # claim had it
	while [ ! -e /run/stop ]; do
		n=$((n + 1)) f=/mnt/file$((n % 24)) skip=$((n * 37 % 1009))
		if [ $((n % 5)) = 0 ]; then
			dd if=$pool of=$f.new bs=4k skip=$skip count=16 conv=fsync && mv $f.new $f
		else
			dd if=$pool of=$f bs=4k skip=$skip count=16 conv=notrunc,fsync
		fi 2>/run/dd || { echo "write $n: $(tail -n 1 /run/dd)" >>/run/write-errors; sleep 0.5; }
		echo "$n $f $skip" >>/run/acks
		sleep 0.2
	done
}
start() {
	rm -f /run/stop
	n=$(tail -n 1 /run/acks | cut -d ' ' -f 1)
	writer &
	writer=$!
}
gone() { ! kill -0 "$1" 2>/dev/null; }
stop() {
	: >/run/stop
	[ -n "$writer" ] || return
	wait_until gone "$writer" || { echo "# a write hangs"; return 1; }
	wait "$writer"
	writer=''
}
acks() { wc -l </run/acks; }
more_than() { [ "$(acks)" -gt "$1" ]; }
goes_on() { # the writer is not held
	before=$(acks)
	wait_until more_than $((before + 2)) && return
	echo "# writes are held: $(acks) were acknowledged, $before before"
	return 1
}
held() {
	before=$(acks)
	sleep 3
	[ "$(acks)" -le $((before + 1)) ]
}

# Where a leg is to fail, there are no flushes: dm-region-hash remembers a flush that
# failed on a leg for as long as the table lives, and from then on forgets a region whose
# last write ends while it waits to be recovered. It is never recovered, its writes hang;
# with the kernel's own log, too.
options=noatime
no_flushes() { options=noatime,barrier=0; }

# make_fs LV: and have it written to
make_fs() {
	: >/run/acks
	rm -f /run/write-errors
	mke2fs -q -F -t ext4 -E lazy_itable_init=0,lazy_journal_init=0 "/dev/vg/$1" &&
		mount -t ext4 -o $options "/dev/vg/$1" /mnt && start && goes_on
}
drop_caches() { sync; echo 3 >/proc/sys/vm/drop_caches; }

# The last that was written to each file, and no write has failed.
intact() {
	if [ -s /run/write-errors ]; then
		sed 's/^/# /' /run/write-errors | head -n 3
		return 1
	fi
	drop_caches
	awk '{ s[$2] = $3 } END { for (f in s) print f, s[f] }' /run/acks >/run/last
	[ -s /run/last ] || return
	while read -r f skip; do
		dd if=$pool bs=4k skip="$skip" count=16 2>/dev/null | cmp - "$f" && continue
		echo "# $f is not what was written last"
		return 1
	done </run/last
}

# Whatever a mirror's legs are, they hold the same. NAME of the device
same_legs() {
	drop_caches
	dms table "$1" | grep ' mirror ' >/run/mirror || { echo "# $1 is no mirror"; return 1; }
	while read -r _ length _ rest; do
		# shellcheck disable=SC2086 # words
		set -- $rest
		shift $(($2 + 2))
		legs=$1
		shift
		first=$1 at=$2
		while [ "$((legs -= 1))" -gt 0 ]; do
			shift 2
			cmp -i $((at * 512)):$(($2 * 512)) -n $((length * 512)) \
				"/dev/dm-${first#*:}" "/dev/dm-${1#*:}" || return
		done
	done </run/mirror
}

is_in_sync() { # NAME
	s=$(in_sync "$1") && [ "${s%/*}" = "${s#*/}" ]
}
wait_in_sync() { # NAME
	wait_until is_in_sync "$1" && return
	echo "# not in sync: $(dms status "$1")"
	return 1
}

# The mirror is in sync, to LVM, too, with both legs the same; all files are there, and
# the log is of the type expected. The writer goes on then.
good_mirror() { # LV TYPE
	wait_in_sync "vg-$1" && is 100.00 "$(field copy_percent "$1")" && log_is "$1" "$2" || return
	stop || return
	good=0
	same_legs "vg-$1" && intact || good=1
	start
	return $good
}
good_linear() { # LV
	is linear "$(field segtype "$1")" || return
	stop || return
	good=0
	intact || good=1
	start
	return $good
}

has() { # status|table NAME PATTERN
	dms "$1" "$2" 2>/dev/null | grep -q "$3"
}

some_lost() { # what could not be written is out of sync
	s=$(in_sync vg-m)
	[ "${s%/*}" -lt 256 ] || { echo "# $s are in sync"; return 1; }
}

# What the log says of itself in debugfs; the kernel's own says nothing.
counters() { # LV
	grep "^$(dms info -c --noheadings --separator : -o major,minor "vg-$1") 0 " /sys/kernel/debug/dm_log
}
counted_as() { # LV TYPE
	[ -z "$STOCK" ] || return 0
	counters "$1" | grep -q "^[0-9:]* 0 $2 live=1 " ||
		{ sed "s/^/# /" /sys/kernel/debug/dm_log; return 1; }
}
# What is idle when a leg fails is copied, too: it may have been in the leg's cache. After a
# first copy that is everything, until the log has been cleaned.
few_idle() { # LV
	[ -z "$STOCK" ] || return 0
	idle=$(counters "$1" | sed 's/.* idle=\([0-9]*\) .*/\1/') && [ "$idle" -lt 64 ]
}
log_is() { # LV TYPE
	dms table "vg-$1" | grep -q " mirror $2 " || { echo "# $(dms table "vg-$1")"; return 1; }
	counted_as "$1" "$2"
}

clean_fs() { # LV: unmounted, and checked
	stop && umount /mnt && e2fsck -fn "/dev/vg/$1" >/tmp/said 2>&1
}

on() { # LV PV...: where it lies
	for p in $(lvm lvs -a --noheadings -o devices "vg/$1" 2>/dev/null | tr ',' ' '); do
		echo "${p%%(*}"
	done | sort | xargs
}

on_any() { # PV: anything of m
	lvm lvs -a --noheadings -o devices vg 2>/dev/null | grep "$pv$1("
}

# Repaired, by somebody else: nothing is left on the PV, nor on one that LVM does not find,
# which is what it calls a failed one until then.
goes_elsewhere() { # PV
	lvm lvs -a --noheadings -o devices vg >/tmp/devices 2>/dev/null &&
		! grep -q -e "$pv$1(" -e unknown /tmp/devices && has table vg-m " mirror disk "
}
# That may be before anybody has looked.
noticed() { # PV
	has status vg-m " AD 3 disk [0-9:]* A" || goes_elsewhere "$1"
}

configure() { # MONITORING
	cat >/etc/lvm/lvm.conf <<-CONF
	devices {
		scan = "/dev"
		filter = [ "a|^/dev/mapper/pv.$|", "r|.*|" ]
		obtain_device_list_from_udev = 0
		external_device_info_source = "none"
		use_devicesfile = 0
	}
	global { use_lvmpolld = 0  event_activation = 0  locking_dir = "/run/lock/lvm" }
	activation {
		udev_sync = 0  udev_rules = 0
		monitoring = $1
		mirror_image_fault_policy = "${2:-remove}"  mirror_log_fault_policy = "${3:-allocate}"
	}
	backup { backup = 0  archive = 0 }
	CONF
}

kill_mover() {
	[ -n "$mover" ] || return 0
	kill -9 "$mover" 2>/dev/null
	wait "$mover" 2>/dev/null
	mover=''
}

new() { # WHAT: a group of claims
	# Whatever went wrong before.
	if [ -n "$group" ]; then
		fast
		kill_mover
		dms resume rest 2>/dev/null
		[ -z "$writer" ] || stop || { dms wipe_table --noflush vg-m; stop; }
		umount /mnt 2>/dev/null
		for d in a b c d e; do
			dms table pv$d | tr '\n' ' ' | grep -q '^0 [0-9]* linear [0-9:]* 0 $' || { return_of $d; lv vgextend --restoremissing vg $pv$d; }
		done
		dms remove part rest 2>/dev/null
		lvm pvmove --abort >/dev/null 2>&1
		lvm lvremove -ff -y vg >/dev/null 2>&1
	fi
	group=$1
	options=noatime
	echo "@group $1 $(cut -d ' ' -f 1 /proc/uptime)"
}

#
# Begin
#

mkdir -p /etc/lvm /run/lvm /run/lock/lvm /mnt
mount -t tmpfs tmpfs /run
mkdir -p /run/lvm /run/lock/lvm
configure 0
dd if=/dev/urandom of=$pool bs=4k count=1025 2>/dev/null
for d in a b c d e; do
	dms create pv$d --table "$(table $d)"
done
dms mknodes

new start
claim "modules loaded are the ones meant" check_modules
claim "physical volumes and a volume group" '
	lv pvcreate ${pv}a ${pv}b ${pv}c ${pv}d ${pv}e &&
	lv vgcreate -s 1m vg ${pv}a ${pv}b ${pv}c ${pv}d ${pv}e'

group_core() {
new core
slowly
claim "lvcreate --type mirror --mirrorlog core" '
	lv lvcreate -y --type mirror -m1 --mirrorlog core -R 128k -L 32M -n m vg ${pv}a ${pv}b'
claim "a file system, while the first copy is under way" 'make_fs m && goes_on && fast'
claim "in sync, files and legs are right" 'good_mirror m core'
claim "lvconvert --mirrorlog disk, nothing is copied" '
	slowly; lv lvconvert -y --mirrorlog disk vg/m ${pv}c; s=$(in_sync vg-m); fast
	is 256/256 "$s" && good_mirror m disk'
claim "lvconvert --mirrorlog core, nothing is copied" '
	slowly; lv lvconvert -y --mirrorlog core vg/m; s=$(in_sync vg-m); fast
	is 256/256 "$s" && good_mirror m core'
claim "suspend and resume, nothing is copied" '
	dms suspend vg-m && dms resume vg-m && is 256/256 "$(in_sync vg-m)" && goes_on'
claim "deactivated and activated: all is copied again" '
	clean_fs m && lv lvchange -an vg/m && slowly && lv lvchange -ay vg/m && s=$(in_sync vg-m) && fast &&
	[ "${s%/*}" -lt 128 ] && wait_in_sync vg-m &&
	mount -t ext4 -o noatime /dev/vg/m /mnt && start && good_mirror m core'
claim "the file system is clean" 'clean_fs m && lv lvremove -y vg/m'
claim "lvcreate --mirrorlog mirrored: LVM itself refuses it" '
	! lv lvcreate -y --type mirror -m1 --mirrorlog mirrored -L 32M -n m vg && grep -q DEPRECATED /tmp/said'
}

group_convert() {
new convert
claim "a linear volume in use" 'lv lvcreate -y -L 32M -n m vg ${pv}a && make_fs m'
claim "lvconvert -m1, a disk log" '
	lv lvconvert -y -i1 --type mirror -m1 --mirrorlog disk -R 128k vg/m ${pv}b ${pv}c && good_mirror m disk'
claim "lvconvert -m2" 'lv lvconvert -y -i1 -m2 vg/m ${pv}d && good_mirror m disk && is 3 "$(dms table vg-m | wc -w | awk "{ print (\$1 - 10) / 2 }")"'
claim "lvconvert -m1, without the first leg" 'lv lvconvert -y -i1 -m1 vg/m ${pv}a && good_mirror m disk'
claim "lvconvert -m0" 'lv lvconvert -y -m0 vg/m ${pv}b && good_linear m && is ${pv}d "$(on m)"'
claim "lvconvert -m1, a core log" '
	lv lvconvert -y -i1 --type mirror -m1 --mirrorlog core -R 128k vg/m ${pv}a && good_mirror m core'
claim "the file system is clean" 'clean_fs m && lv lvremove -y vg/m'
}

group_resize() {
new resize
claim "lvcreate --mirrorlog disk, a file system" '
	lv lvcreate -y --type mirror -m1 --mirrorlog disk -R 128k -L 32M -n m vg ${pv}a ${pv}b ${pv}c && make_fs m &&
	good_mirror m disk'
claim "lvextend in use: what is new is copied, and only that" '
	slowly; lv lvextend -L 48M vg/m; s=$(in_sync vg-m); fast
	[ "${s#*/}" = 384 ] && [ "${s%/*}" -ge 256 ] && [ "${s%/*}" -lt 384 ] && good_mirror m disk || is "from 256/384" "$s"'
claim "resize2fs in use" 'resize2fs /dev/vg/m >/tmp/said 2>&1 && good_mirror m disk'
claim "lvreduce of the unmounted file system" '
	clean_fs m && resize2fs -f /dev/vg/m 24M >/tmp/said 2>&1 && lv lvreduce -y -f -L 24M vg/m &&
	is 192/192 "$(in_sync vg-m)" && mount -t ext4 -o noatime /dev/vg/m /mnt && start && good_mirror m disk'
claim "lvextend again: what was there once is not believed" '
	slowly; lv lvextend -L 32M vg/m; s=$(in_sync vg-m); fast
	[ "${s#*/}" = 256 ] && [ "${s%/*}" -ge 192 ] && [ "${s%/*}" -lt 256 ] && good_mirror m disk || is "from 192/256" "$s"'
claim "deactivated and activated: the log is kept, nothing is copied" '
	clean_fs m && lv lvchange -an vg/m && slowly && sectors=$(written b) && lv lvchange -ay vg/m &&
	is 256/256 "$(in_sync vg-m)" && sleep 1 && fast && few $(($(written b) - sectors)) &&
	is 100.00 "$(field copy_percent m)" && mount -t ext4 -o noatime /dev/vg/m /mnt && start && good_mirror m disk'
claim "lvextend --nosync in use: nothing is copied" '
	slowly; lv lvextend -y --nosync -L 40M vg/m; s=$(in_sync vg-m); fast; is 320/320 "$s" && goes_on'
claim "the file system is clean" 'clean_fs m && lv lvremove -y vg/m'
claim "lvcreate --nosync: nothing is copied, not after activation either" '
	slowly; sectors=$(written b)
	lv lvcreate -y --nosync --type mirror -m1 --mirrorlog disk -R 128k -L 32M -n m vg ${pv}a ${pv}b ${pv}c &&
	is 256/256 "$(in_sync vg-m)" && is M "$(field lv_attr m | cut -c 1)" &&
	lv lvchange -an vg/m && lv lvchange -ay vg/m && is 256/256 "$(in_sync vg-m)" && fast && sleep 1 &&
	few $(($(written b) - sectors)) &&
	! has table vg-m nosync'
claim "lvchange --resync of that: all is copied" '
	sectors=$(written b) && lv lvchange -y --resync vg/m && wait_in_sync vg-m &&
	is m "$(field lv_attr m | cut -c 1)" &&
	[ $(($(written b) - sectors)) -ge 65536 ] && lv lvremove -y vg/m'
}

group_pvmove() {
new pvmove
no_flushes
claim "a linear volume in use" 'lv lvcreate -y -L 32M -n m vg ${pv}a && make_fs m'
polled() { grep -q 'Moved: ' /tmp/moved; }
# COMMAND...: in the background, until its mirror is there and it has looked at it once. It
# does so again after its interval, -i; with an hour it leaves all to us.
moving() {
	lvm "$@" >/tmp/moved 2>&1 &
	mover=$!
	wait_until has table vg-pvmove0 " mirror core " && wait_until polled
}
# It ends by itself, and well.
moved() {
	wait_until gone "$mover" && wait "$mover" && return
	sed 's/^/# mover: /' /tmp/moved
	return 1
}
claim "pvmove has a mirror with a core log under the file system" '
	slowly && moving pvmove -i1 ${pv}a ${pv}d && counted_as pvmove0 core &&
	goes_on'
claim "pvmove ends, the files are on the other disk" '
	fast && moved && good_linear m && is ${pv}d "$(on m)" && [ ! -e /dev/mapper/vg-pvmove0 ]'
# A move with a part that cannot be copied does not end by itself, however slow we are.
claim "pvmove --abort leaves them where they were" '
	slowly && { [ -n "$STOCK" ] || part_is a error; } && moving pvmove -i1 ${pv}d ${pv}a && goes_on &&
	lv pvmove --abort && wait_until gone "$mover" && fast && return_of a && good_linear m && is ${pv}d "$(on m)" && [ ! -e /dev/mapper/vg-pvmove0 ]'
claim "pvmove, killed, goes on when it is called again" '
	slowly && moving pvmove -i3600 ${pv}d ${pv}a && kill_mover && fast && goes_on &&
	lv pvmove -i1 && good_linear m && is ${pv}a "$(on m)" && [ ! -e /dev/mapper/vg-pvmove0 ]'
# The legs of this mirror do not begin at 0, which used to be the end of it.
if [ -z "$STOCK" ]; then
	claim "the source fails when all is copied: reads go to the destination" '
		slowly && moving pvmove -i3600 ${pv}a ${pv}d && fast && wait_in_sync vg-pvmove0 && stop && drop_caches &&
		lose a && intact && has status vg-pvmove0 " RA 1 core" && kill_mover && return_of a && start && lv pvmove -i1 &&
		good_linear m && is ${pv}d "$(on m)" && lv pvmove -i1 ${pv}d ${pv}a'
else
	claim "the source fails when all is copied # SKIP stock panics" true
fi
claim "the destination fails and is back: the file system goes on, pvmove --abort" '
	slowly && moving pvmove -i3600 ${pv}a ${pv}d && lose d && fast && goes_on && has status vg-pvmove0 " A[DS] 1 core" &&
	kill_mover && return_of d && lv pvmove --abort && good_linear m && is ${pv}a "$(on m)"'
# A mirror without handle_errors says of a copy that failed that it was made.
# The kernel's log forgets its oldest lines, so there is a line of ours to look behind.
from_now_on() { echo "dm-log test: from now on" >/dev/kmsg; }
gave_up() {
	dmesg | awk '/dm-log test: from now on/ { found = 0 } /could not be recovered/ { found = 1 }
		END { exit !found }'
}
events() { dms info -c --noheadings -o events vg-pvmove0; }
lv_sum() { drop_caches; sha1sum </dev/vg/m; }
all_but_few() { # in sync, and no more will be: the same number as long as LVM looks twice
	before=$(in_sync vg-pvmove0)
	sleep 3
	[ "$before" = "$(in_sync vg-pvmove0)" ]
}
if [ -z "$STOCK" ]; then
	claim "B47: a part of the destination fails in mid-move and is back: it is copied again, the move ends" '
		stuck_after_part d && moving pvmove -i1 ${pv}a ${pv}d && wait_until has status vg-pvmove0 " AS 1 core" &&
		part_is_back d && moved && good_linear m && is ${pv}d "$(on m)" && whole_again d &&
		lv pvmove -i1 ${pv}d ${pv}a && good_linear m'
	# The kernel says no more than ten lines of this in five seconds, and has said them.
	sleep 5
	claim "the file system is clean" 'clean_fs m'
	claim "B47: sectors of the source cannot be read: the move does not end, event and kernel log tell" '
		sum=$(lv_sum) && unreadable_part a && from_now_on && moving pvmove -i1 ${pv}a ${pv}d && n=$(events) &&
		dms resume part && wait_until gave_up && wait_until all_but_few && [ "$(events)" -gt "$n" ] &&
		s=$(in_sync vg-pvmove0) && [ "${s%/*}" -lt "${s#*/}" ] && kill -0 $mover'
	claim "pvmove --abort leaves every byte as it was" '
		kill_mover && readable_again a && lv pvmove --abort && is ${pv}a "$(on m)" && is "$sum" "$(lv_sum)" &&
		lv lvremove -y vg/m'
else
	claim "the file system is clean" 'clean_fs m && lv lvremove -y vg/m'
fi
claim "pvmove of a leg of a mirror in use, and of its log" '
	lv lvcreate -y --type mirror -m1 --mirrorlog disk -R 128k -L 32M -n m vg ${pv}a ${pv}b ${pv}c && make_fs m &&
	lv pvmove -i1 ${pv}b ${pv}d && good_mirror m disk && is ${pv}d "$(on m_mimage_1)" &&
	lv pvmove -i1 ${pv}c ${pv}e && good_mirror m disk && is ${pv}e "$(on m_mlog)"'
claim "the file system is clean" 'clean_fs m && lv lvremove -y vg/m'
}

group_leg() {
new "loss of a leg"
no_flushes
claim "a mirror in use" '
	lv lvcreate -y --type mirror -m1 --mirrorlog disk -R 128k -L 32M -n m vg ${pv}a ${pv}b ${pv}c && make_fs m && good_mirror m disk'
claim "the second leg fails: the status tells, the mirror holds writes" '
	lose b && wait_until has status vg-m " AD 3 disk [0-9:]* A" && some_lost && held'
claim "lvconvert --repair takes a spare disk, writes go on" '
	lv lvconvert -y -i1 --repair vg/m && goes_on && good_mirror m disk && ! on_any b'
claim "the disk is replaced" 'replace b'
claim "the first leg fails: the status tells, the mirror holds writes" '
	lose a && wait_until has status vg-m " DA 3 disk [0-9:]* A" && some_lost && held'
claim "lvconvert --repair --use-policies: removes the leg, writes go on" '
	lv lvconvert -y --repair --use-policies vg/m && goes_on && good_linear m && ! on_any a'
claim "the disk is replaced" 'replace a'
claim "the file system is clean" 'clean_fs m && lv lvremove -y vg/m'
claim "with a core log: a leg fails, lvconvert --repair" '
	lv lvcreate -y --type mirror -m1 --mirrorlog core -R 128k -L 32M -n m vg ${pv}a ${pv}b && make_fs m && good_mirror m core &&
	lose a && wait_until has status vg-m " DA 1 core" && lv lvconvert -y -i1 --repair vg/m && goes_on &&
	good_mirror m core && ! on_any a && replace a'
claim "the file system is clean" 'clean_fs m && lv lvremove -y vg/m'
}

group_back() {
new "a leg that comes back"
no_flushes
claim "a mirror in use" '
	lv lvcreate -y --type mirror -m1 --mirrorlog disk -R 128k -L 32M -n m vg ${pv}a ${pv}b ${pv}c && make_fs m && good_mirror m disk'
claim "the second leg fails, and is back" '
	wait_until few_idle m && lose b && wait_until has status vg-m " AD 3 disk [0-9:]* A" && some_lost && return_of b && held'
claim "lvchange --refresh: writes go on, what was missing is copied, and only that" '
	sectors=$(written b); lv lvchange --refresh vg/m && goes_on && good_mirror m disk && has status vg-m " AA 3 disk [0-9:]* A" &&
	[ $(($(written b) - sectors)) -lt 32768 ]'
claim "the file system is clean" 'clean_fs m && lv lvremove -y vg/m'
}

group_log() {
new "loss of the log"
claim "a mirror in use" '
	lv lvcreate -y --type mirror -m1 --mirrorlog disk -R 128k -L 32M -n m vg ${pv}a ${pv}b ${pv}c && make_fs m && good_mirror m disk'
claim "the log fails: the status tells, the mirror holds writes" '
	lose c && wait_until has status vg-m " AA 3 disk [0-9:]* D" && held'
claim "lvconvert --repair gives it another one, writes go on" '
	lv lvconvert -y -i1 --repair vg/m && goes_on && good_mirror m disk && ! on_any c'
claim "the disk is replaced" 'replace c'
claim "the file system is clean" 'clean_fs m && lv lvremove -y vg/m'
}

# What administrators have: nobody calls lvconvert.
group_dmeventd() {
new dmeventd
no_flushes
configure 1 allocate
# With what it says, in case it does not do what is expected.
dmeventd -f -l -d >/run/dmeventd.log 2>&1 &
wait_until test -s /run/dmeventd.pid
claim "lvcreate, dmeventd watches the mirror" '
	lv lvcreate -y --type mirror -m1 --mirrorlog disk -R 128k -L 32M -n m vg ${pv}a ${pv}b ${pv}c &&
	make_fs m && good_mirror m disk && is monitored "$(field seg_monitor m)"'
claim "a leg fails: it takes a spare disk, writes go on" '
	lose b && wait_until noticed b && wait_until goes_elsewhere b &&
	goes_on && good_mirror m disk'
claim "the disk is replaced" 'replace b'
claim "the log fails: there is another one, writes go on" '
	l=$(on m_mlog) && l=${l#"$pv"} && [ -n "$l" ] && lose "$l" && wait_until goes_elsewhere "$l" && goes_on && good_mirror m disk'
claim "the disk is replaced" 'replace "$l"'
claim "the file system is clean" 'clean_fs m && lv lvremove -y vg/m'
kill "$(cat /run/dmeventd.pid)"
configure 0
}

for g in ${WANTED:-core convert resize pvmove leg back log dmeventd}; do
	group_$g
done

new end
claim "no warning, bug or leak in the kernel log" '
	! dmesg | grep -E "WARNING|BUG|Oops|Call Trace|scheduling while|use.after|leak"'
claim "LVM never has two mirrors use one log at a time" '
	! dmesg | grep "is in use by mirror"'
claim "nothing is left, and the modules unload" '
	lv vgremove -y vg && is 5 "$(dms ls | wc -l)" && rmmod dm-mirror && rmmod dm-region-hash &&
	{ rmmod dm-log-userspace 2>/dev/null; rmmod dm-log; }'
dmesg | grep -E 'dirty region log|device-mapper: raid1' | sed 's/^/# /'
end
