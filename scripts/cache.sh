#!/bin/bash
# What the scripts share that keep Debian's packages, and what is built of them, in
# the cache: ${XDG_CACHE_HOME:-~/.cache}/dm-log, one directory per version. To be
# sourced, under "set -eu" and inherit_errexit.

# What is built here is not a part of the make that may have called us.
unset MAKEFLAGS MFLAGS MAKELEVEL MAKEOVERRIDES

cache=${XDG_CACHE_HOME:-$HOME/.cache}/dm-log

say() { echo "$(basename "$0"): $*" >&2; }
die() { say "$*"; exit 1; }

# cached NAME FUNCTION ARGS...: print $cache/NAME, made by FUNCTION in a
# temporary directory beside it. It gets its name when it is complete, so an
# aborted run leaves no half directory behind, and of two runs one waits.
cached() {
	local name=$1 dir=$cache/$1 tmp; shift
	if [ ! -d "$dir" ]; then
		mkdir -p "$cache"
		exec 9>"$cache/.$name.lock"
		flock -n 9 || { say "waiting for another run to make $name"; flock 9; }
		if [ ! -d "$dir" ]; then
			rm -rf "$cache/.$name.tmp."*
			tmp=$(mktemp -d "$cache/.$name.tmp.XXXXXX")
			chmod 755 "$tmp"
			"$@" "$tmp" "$dir" >&2 9>&-
			mv "$tmp" "$dir"
		fi
		exec 9>&-
	fi
	echo "$dir"
}

# Versions go into directory names; a tilde there would be asking for trouble.
plain() { tr '~' '-' <<<"$1"; }

apt_field() { apt-cache --no-all-versions show "$1" 2>/dev/null | sed -n "s/^$2: //p" | head -n 1; }

update_lists() {
	local as_root=()
	# Lists of our own (APT_CONFIG) are no matter of root's.
	[ "$(id -u)" = 0 ] || [ -n "${APT_CONFIG-}" ] || as_root=(sudo)
	say "updating the package lists"
	mkdir -p "$cache"
	# One at a time: apt itself gives up at once.
	(flock 8; "${as_root[@]}" apt-get -qq update 8>&- >&2) 8>"$cache/.lists.lock"
}

EX_TEMPFAIL=75

# unpack DIR: all the packages in DIR/deb, into DIR.
unpack() {
	local deb
	for deb in "$1"/deb/*.deb; do
		dpkg -x "$deb" "$1"
	done
	rm -r "$1/deb"
}

# fetch DIR PACKAGE=VERSION...: download and unpack.
fetch() {
	local dir=$1; shift
	say "downloading $*"
	mkdir "$dir/deb"
	(cd "$dir/deb" && apt-get -qq -o APT::Sandbox::User= download "$@") || exit $EX_TEMPFAIL
	unpack "$dir"
}

# The package lists may name a version that the archive has replaced since: try
# again with fresh ones if COMMAND says EX_TEMPFAIL. (A process of its own, since a
# function called in a condition would carry on after errors.)
with_fresh_lists() { # COMMAND...
	local status=0
	"$@" || status=$?
	if [ $status = $EX_TEMPFAIL ]; then
		update_lists
		"$@"
	else
		return $status
	fi
}

# Run a long build; its output goes to a log, a line every 30 s shows life.
logged() { # LOG COMMAND...
	local log=$1 pid start=$SECONDS next=$((SECONDS + 30)); shift
	"$@" >"$log" 2>&1 &
	pid=$!
	# A build left running would write into a directory nobody waits for.
	trap 'kill "$pid" 2>/dev/null' EXIT
	while kill -0 "$pid" 2>/dev/null; do
		sleep 1
		[ $SECONDS -ge $next ] || continue
		next=$((SECONDS + 30))
		say "$((SECONDS - start)) s: $(tail -n 1 "$log")"
	done
	trap - EXIT
	wait "$pid" || { tail -n 40 "$log" >&2; die "build failed, see $log"; }
}
