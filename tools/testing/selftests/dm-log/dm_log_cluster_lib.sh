#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Shared parts of the tests with LVM's cluster mirror daemon: corosync and
# cmirrord, what cmirrord thinks of a log, and commands that may hang.
#
#   CMIRRORD             the daemon; unset: whatever is in $PATH
#   COROSYNC             the same
#
# A kernel that waits for a daemon may do so for ever: nothing here waits for
# a process without a bound.

. "$(dirname "${BASH_SOURCE[0]}")/dm_log_lib.sh"
USERSPACE=y

CMIRRORD=${CMIRRORD:-$(command -v cmirrord)}
COROSYNC=${COROSYNC:-$(command -v corosync)}
UUID=$PREFIX-cluster-log
RUN=/run/dm-log-cluster		# inside the guest

need_daemons()
{
	[ -x "$CMIRRORD" ] || { ktap_skip_all "needs cmirrord"; exit "$KSFT_SKIP"; }
	[ -x "$COROSYNC" ] || { ktap_skip_all "needs corosync"; exit "$KSFT_SKIP"; }
}

# --- commands that may hang --------------------------------------------------

# bounded COMMAND...: status 124 if it hangs (HANG_S is several times the 15 s after which
# the kernel asks a daemon again). It is killed, but not waited for: it may sit in the
# kernel. (Its output goes through a file because a pipe would be waited for.)
bounded()
{
	local out pid rc=0

	out=$(mktemp)
	"$@" >"$out" 2>&1 &
	pid=$!
	if wait_until gone $pid; then
		wait $pid || rc=$?
	else
		kill -9 $pid 2>/dev/null || :
		echo "# still running: $*" >&2
		rc=124
	fi
	cat "$out"
	return $rc
}

# Used by everything in the library that looks at a mirror.
dm_status()
{
	bounded $DMSETUP status "$PREFIX-$1"
}

# begin NAME COMMAND...: in the background; ended and result ask for it.
begin()
{
	local name=$1

	shift
	rm -f "$RUN/job.$name"
	{
		( set -eu; "$@" ) && echo 0 >"$RUN/job.$name.new" ||
			echo $? >"$RUN/job.$name.new"
		mv "$RUN/job.$name.new" "$RUN/job.$name"
	} >"$RUN/job.$name.out" 2>&1 &
}

ended()		# NAME
{
	[ -e "$RUN/job.$1" ]
}

# result NAME: wait for its end, fail if there is none or it failed
result()
{
	wait_until ended "$1" || fail "'$1' has not ended"
	[ "$(cat "$RUN/job.$1")" = 0 ] ||
		fail "'$1' failed: $(tail -n 3 "$RUN/job.$1.out")"
}

# --- corosync ----------------------------------------------------------------

# start_corosync NODEID ADDRESS...: this node's number and all nodes' addresses.
# COROSYNC_RR=yes has it run as it does by default, with a real-time priority: a test
# on one CPU is over sooner without.
start_corosync()
{
	local n=0 a

	mkdir -p $RUN
	{
		cat <<-EOF
		totem {
			version: 2
			cluster_name: dm-log
			transport: udpu
			crypto_cipher: none
			crypto_hash: none
			token: 1000
		}
		logging {
			to_stderr: yes
			to_syslog: no
			to_logfile: no
			timestamp: on
		}
		system {
			state_dir: $RUN
			sched_rr: ${COROSYNC_RR:-no}
			move_to_root_cgroup: no
		}
		nodelist {
		EOF
		for a in "${@:2}"; do
			n=$((n + 1))
			printf 'node {\nring0_addr: %s\nnodeid: %d\nname: node%d\n}\n' \
				"$a" $n $n
		done
		echo "}"
	} >$RUN/corosync.conf
	: >$RUN/corosync.log
	"$COROSYNC" -f -c $RUN/corosync.conf >$RUN/corosync.log 2>&1 &
	echo $! >$RUN/corosync.pid
	wait_until corosync_ready ||
		fail "corosync does not start: $(tail -n 3 $RUN/corosync.log)"
}

stop_corosync()
{
	kill "$(cat $RUN/corosync.pid)"
}

corosync_ready()
{
	grep -q 'ready to provide service' $RUN/corosync.log
}

# The last membership that corosync has agreed on.
members()
{
	sed -n 's/.*Sync members\[\([0-9]*\)\].*/\1/p' $RUN/corosync.log | tail -n 1
}

members_are()	# COUNT
{
	[ "$(members)" = "$1" ]
}

# --- cmirrord ----------------------------------------------------------------

cmirrord_pid()
{
	cat $RUN/cmirrord.pid
}

# One that a failed test left is in the way. Its output by lines, or what it says of
# its logs would come in blocks of 4096 bytes.
start_cmirrord()
{
	[ ! -e $RUN/cmirrord.pid ] || gone "$(cmirrord_pid)" || kill_cmirrord
	rm -f /run/cmirrord.pid
	stdbuf -oL "$CMIRRORD" -f >>$RUN/cmirrord.log 2>&1 &
	echo $! >$RUN/cmirrord.pid
	disown $! # or the shell comments on its being killed
	wait_until listens || fail "cmirrord does not start: $(tail -n 3 $RUN/cmirrord.log)"
}

# Netlink protocol 11 is the connector, and the daemon's port is its pid.
listens()
{
	awk -v pid="$(cmirrord_pid)" '$2 == 11 && $3 == pid { found = 1 }
		END { exit !found }' /proc/net/netlink
}

kill_cmirrord()
{
	local pid

	pid=$(cmirrord_pid)
	kill -9 "$pid"
	wait_until gone "$pid" || fail "cmirrord survives a SIGKILL"
}

# It refuses to go while it has a log: what was removed must be known as such.
stop_cmirrord()
{
	local pid

	pid=$(cmirrord_pid)
	kill "$pid"
	wait_until gone "$pid" || fail "cmirrord stays: $(tail -n 1 $RUN/cmirrord.log)"
}

# ask_cmirrord: have it write down its logs, and show what it wrote. It does so
# between two requests, ending with the history of its last ones.
ask_cmirrord()
{
	local old new

	old=$(wc -l <$RUN/cmirrord.log)
	kill -USR1 "$(cmirrord_pid)"
	wait_until answered $((old + 1)) || fail "cmirrord does not answer to SIGUSR1"
	tail -n +$((old + 1)) $RUN/cmirrord.log
}

answered()	# LINE
{
	tail -n "+$1" $RUN/cmirrord.log | grep -q 'CLUSTER COMPONENT DEBUGGING'
}

# A field of the active log, "recoverer" or "recovering_region".
cmirrord_field()
{
	ask_cmirrord | sed -n "s/^ *$1 *: *//p" | head -n 1
}

# cmirrord_zeros clean_bits|sync_bits: the regions that are not, on one line.
# The bits are printed as "[  0 -  15] FF 0F ...".
cmirrord_zeros()
{
	ask_cmirrord | awk -v which="$1:" -v n="$NR" '
		# Suspended logs come first, without this line.
		/^ *recoverer / { active = 1 }
		active && $1 == which { on = 1; next }
		on && /^\[/ {
			sub(/^\[[^]]*\] */, "")
			for (i = 1; i <= NF; i++) bytes[count++] = $i
			next
		}
		on { exit }
		END {
			if (!count) { print "no log"; exit }
			for (r = 0; r < n; r++) {
				digit = substr(bytes[int(r / 8)], r % 8 < 4 ? 2 : 1, 1)
				value = index("0123456789ABCDEF", digit) - 1
				if (int(value / 2 ^ (r % 4)) % 2 == 0) l = l " " r
			}
			print substr(l, 2)
		}'
}

dirty_in_cmirrord()
{
	cmirrord_zeros clean_bits
}

all_clean_in_cmirrord()
{
	[ -z "$(dirty_in_cmirrord)" ]
}

# --- mirrors -----------------------------------------------------------------

# cluster_log TYPE [KEYWORD]: the log's part of a table line, counted as dm does
cluster_log()
{
	local dev=

	[ "$1" = core ] || dev="$(majmin "$(dmdev log)") "
	# shellcheck disable=SC2086 # words
	set -- $UUID "clustered-$1" $dev $RS ${2:-}
	echo "userspace $# $*"
}

# What a mirror in sync has in its status line behind the legs' health.
cluster_log_status()	# TYPE
{
	case $1 in
	core)	echo "1 clustered-core" ;;
	disk)	echo "3 clustered-disk $(majmin "$(dmdev log)") A" ;;
	esac
}
