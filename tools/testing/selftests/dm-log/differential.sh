#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# One script of table loads, writes, resyncs, suspends, reloads and failures,
# for two and three legs on core and disk logs, that prints every table and
# status line and the log device's bytes:
#
#   differential.sh >FILE	on the modules that DM_LOG_KO says
#
# differential-compare.sh then compares two such files.
#
# LEGS (2 3): how many legs the mirrors have. CLEAN_DELAY_MS (0) is for our module. With a
# delay, lines "live-log", which show the log of a mirror that is not suspended, say when they
# were read, no more.

. "$(dirname "${BASH_SOURCE[0]}")/dm_log_lib.sh"

# Forks are slow in UML, and this is run three times: hence few of them.
get_bytes()	# the first 8 KiB of the log: header, bitset, and what is behind
{
	bytes=$(exec od -An -v -tx1 -w16 < <(exec dd if="$log" iflag=direct bs=8k count=1 status=none))
}

get_status()
{
	status=$(exec $DMSETUP status "$PREFIX-m")
}

# Until nothing changes any more: status and log are the same for as long as this machine
# takes for ten programs, a quarter of a second perhaps. A mirror with a core log has no
# device that could change.
settle()
{
	local last='' same=''

	[ "$type" = disk ] || get_bytes
	while [ -z "$same" ]; do
		nap $settle_s
		get_status
		[ "$type" != disk ] || get_bytes
		[ "$status$bytes" != "$last" ] || same=y
		last=$status$bytes
	done
}

# Device numbers are not what is compared.
remember_names()
{
	local n

	nodes=
	for n in $PREFIX-leg0 $PREFIX-leg2 mapper/$PREFIX-leg1 mapper/$PREFIX-log; do
		nodes="$nodes $(majmin "/dev/$n")=$n"
	done
}

names()		# LINE-NAME LINE
{
	local n out="$2 "

	for n in $nodes; do
		out=${out// ${n%%=*} / ${n#*=} }
	done
	echo "$1 $out"
}

show_log()	# STEP LINE-NAME: from $bytes
{
	awk -v step="$where/$1 $2" '
		BEGIN { for (i = 0; i < 256; i++) hex[sprintf("%02x", i)] = i }
		NR == 1 {
			print step, "header", $4 $3 $2 $1, $8 $7 $6 $5, \
				$16 $15 $14 $13 $12 $11 $10 $9
			next
		}
		NR == 65 {
			for (i = 1; i <= 8; i++) {
				b = hex[$i]
				for (j = 0; j < 8; j++) { bits = bits b % 2; b = int(b / 2) }
			}
			for (i = 1; i <= 8; i++) $i = "00"
		}
		{	# any checksum will do: it says whether two are the same
			for (i = 1; i <= 16; i++) {
				s = (s * 31 + hex[$i]) % 16777213
				part[NR < 65] = s
			}
			if (NR == 64) s = 0
		}
		END {
			print step, "bits", bits
			print step, "private", part[1]
			print step, "behind", part[0]
		}' <<<"$bytes"
}

show()		# STEP
{
	settle
	names "$where/$1 table" "$(dm_table m)"
	names "$where/$1 status" "$status"
	show_log "$1" live-log
}

# Suspended: the log's bytes are final.
show_suspended()	# STEP
{
	settle
	dm_suspend m
	get_bytes
	get_status
	names "$where/$1 table" "$(dm_table m)"
	names "$where/$1 status" "$status"
	show_log "$1" log
}

# Nobody uses the log.
show_removed()	# STEP
{
	get_bytes
	show_log "$1" log
}

# A dm error is an answer too.
attempt()	# STEP COMMAND...
{
	local step=$1

	shift
	if "$@" >/dev/null 2>&1; then
		echo "$where/$step accepted"
	else
		echo "$where/$step refused"
	fi
}

leg_list()	# LEGS: leg 1 is the one that fails
{
	legs="$(dev leg0) $(dmdev leg1)"
	[ "$1" = 2 ] || legs="$legs $(dev leg2)"
}

table()		# REGIONS LOG-ARGUMENTS
{
	mirror_table $(($1 * RS)) "$2" "$legs"
}

log_args()	# [KEYWORD]
{
	case $type in
	core) echo "core $((1 + $#)) $RS${1:+ $1}" ;;
	disk) echo "disk $((2 + $#)) $(dmdev log) $RS${1:+ $1}" ;;
	esac
}

begin()		# KEYWORD
{
	dm_create m "$(table 32 "$(log_args "$@")")"
}

reload()	# REGIONS [KEYWORD]
{
	dm_load m "$(table "$1" "$(log_args "${@:2}")")"
	dm_suspend m
	dm_resume m
}

differ()
{
	echo "$where/$1 legs-differ $(differing "$(dev leg0)" "$(dev leg1)")"
}

write_some()
{
	local r

	for r in "$@"; do write_region m "$r" "differential $r"; done
}

scenario()	# TYPE LEGS
{
	type=$1
	where=$1/$2
	nullb leg0 2
	nullb leg1 2
	nullb leg2 2
	nullb log 1
	log=$(dev log)
	dm_create leg1 "$(linear "$(dev leg1)" $LEN)"
	dm_create log "$(linear "$log" 2048)"
	remember_names
	leg_list "$2"
	stamp_legs "$(dev leg0)" "$(dev leg1)" "$(dev leg2)"

	begin
	show new
	write_some 0 7 31
	show written
	show_suspended suspended
	dm_resume m
	show resumed
	differ synced
	reload 20;		show shrunk
	show_suspended shrunk-suspended
	dm_resume m
	reload 32;		show grown
	show_suspended grown-suspended
	dm_resume m
	reload 30 sync;		show sync
	show_suspended sync-suspended
	dm_resume m
	reload 32 nosync;	show nosync
	show_suspended nosync-suspended
	dm_resume m
	dm_remove m
	show_removed removed

	# A leg fails under a table that never had a keyword, and heals.
	begin
	wait_sync m
	dm_swap leg1 "$(fail_writes "$(dev leg1)" $LEN)"
	write_some 5 6
	show failed-leg
	show_suspended failed-leg-suspended
	dm_swap leg1 "$(linear "$(dev leg1)" $LEN)"
	dm_resume m
	wait_sync m
	show healed-leg
	dm_remove m
	differ healed-leg
	show_removed healed-removed

	# The same with nosync (B2).
	begin nosync
	dm_swap leg1 "$(fail_writes "$(dev leg1)" $LEN)"
	write_some 9
	show nosync-failed-leg
	show_suspended nosync-failed-leg-suspended
	dm_swap leg1 "$(linear "$(dev leg1)" $LEN)"
	dm_resume m
	wait_sync m
	show nosync-healed-leg
	dm_remove m
	differ nosync-healed-leg
	fill_dev "$(dev leg1)" $LEN "leg 0"
	fill_dev "$(dev leg0)" $LEN "leg 0"

	attempt no-arguments begin ""
	attempt bad-keyword begin nonsense
	attempt size-3 dm_create m "$(RS=3; table 32 "$(RS=3 log_args)")"
	attempt size-2^32 dm_create m "$(table 32 "$(RS=4294968320 log_args)")"
	[ -z "$($DMSETUP info -c --noheadings -o name 2>/dev/null | grep "^$PREFIX-m")" ] ||
		dm_remove m
}

disk_scenario()	# LEGS
{
	local header step

	scenario disk "$1"

	[ "$1" = 2 ] || return 0	# the legs are no matter for what follows

	# What a header says.
	for header in "2 32" "1 32" "2 -1" "2 20" "2 0" "2 $((1 << 32))" "3 32"; do
		step=header-${header// /-}
		zero_dev "$log" 2048
		log_format "$log" 3 30
		# shellcheck disable=SC2086 # two words
		log_set_header "$log" $LOG_MAGIC $header
		stamp_legs "$(dev leg0)" "$(dev leg1)" "$(dev leg2)"
		begin
		wait_sync m
		show "$step"
		show_suspended "$step-suspended"
		dm_remove m
		differ "$step"
	done

	# The log fails, heals, and is resumed.
	zero_dev "$log" 2048
	begin nosync
	dm_swap log "$(fail_writes "$log" 2048)"
	write_some 4
	show log-failed
	dm_swap log "$(linear "$log" 2048)"
	write_some 11
	show log-healed
	reload 32
	show log-healed-reload
	dm_swap log "$(fail_writes "$log" 2048)"
	write_some 4
	dm_swap log "$(linear "$log" 2048)"
	write_some 11
	show_suspended log-healed-suspended
	dm_resume m
	show log-healed-resumed
	dm_remove m

	# It cannot be read at first.
	zero_dev "$log" 2048
	log_format "$log" 3 30
	dm_swap log "$(fail_reads "$log" 2048)"
	begin
	wait_sync m
	show unreadable
	dm_remove m
	dm_swap log "$(linear "$log" 2048)"
	show_removed unreadable
	begin
	wait_sync m
	show readable-again
	show_suspended readable-again-suspended
	dm_remove m

	# Read-only.
	zero_dev "$log" 2048
	log_format "$log" 3 30
	log_set_header "$log" $LOG_MAGIC 2 20
	dm_create m "$(table 32 "$(log_args)")" --readonly
	names "$where/read-only table" "$(dm_table m)"
	dm_remove m
	show_removed read-only
}

run()
{
	local nr part parts=()

	set -eu
	preflight
	trap '[ $? = 0 ] || explain' EXIT
	measure_machine
	# shellcheck disable=SC2154 # measure_machine makes machine_ms
	printf -v settle_s '%d.%03d' $((machine_ms / 2000)) $((machine_ms / 2 % 1000))
	for nr in ${LEGS:-2 3}; do parts+=("scenario core $nr" "disk_scenario $nr"); done
	for part in "${parts[@]}"; do
		load_modules
		clean_delay "${CLEAN_DELAY_MS:-0}"
		kmsg_mark
		( trap - EXIT; set -eu; $part )
		! kernel_complained
		remove_devices
		unload_modules
	done
	echo "end of the differential run"
}

run
