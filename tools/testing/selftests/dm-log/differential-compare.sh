#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Compare two outputs of differential.sh, print TAP:
#
#   differential-compare.sh STOCK OURS NAME all|suspended
#
# The only differences allowed are those that the faults of stock make, listed
# here by their number with what either side has to show (patterns of awk). One
# that does not occur is an error in this list. "suspended" leaves out what the
# log of a live mirror shows, which depends on when clean regions are written.
set -eu

stock=$1 ours=$2 name=$3 what=$4

# NUMBER, step and line, stock, ours: separated by tabs
allowed()
{
	cat <<'END'
B2	^disk/./nosync-healed-leg legs-differ$	^9$	^$
B10	^disk/2/header-3-32(-suspended)? (live-)?log bits$	^1111111111111111111111111111111100000000000000000000000000000000$	^1110111111111111111111111111110100000000000000000000000000000000$
B11	^disk/2/unreadable (live-)?log header$	^00000000 00000000 0000000000000020$	^4d695272 00000002 0000000000000020$
B11	^disk/2/unreadable (live-)?log bits$	^1111111111111111111111111111111100000000000000000000000000000000$	^1110111111111111111111111111110100000000000000000000000000000000$
B13	^disk/./.* log private$	^0$	^[1-9][0-9]*$
B14	^disk/2/header-2-4294967296 legs-differ$	^$	^0 1 2 4 .* 28 29 31$
B35	^(core|disk)/./size-2\^32$	^accepted$	^refused$
B36	^disk/2/read-only log header$	0020$	0014$
B36	^disk/2/read-only log bits$	^1111111111111111111111111111111100000000000000000000000000000000$	^1110111111111111111111111111110100000000000000000000000000000000$
B37	^disk/2/log-healed-resumed status$	 D $	 A $
END
	# With a delay the suspend has something to write, and finds that the log works.
	[ "$what" != suspended ] || cat <<'END'
B37	^disk/2/log-healed-suspended status$	 32/32 1 AA .* D $	 32/32 1 AA .* A $
END
	[ "$what" = suspended ] || cat <<'END'
B13	^disk/./.* live-log private$	^0$	^[1-9][0-9]*$
B69	^disk/2/log-healed(-suspended|-resumed)? (live-)?log bits$	^1111111111111111111111111111111100000000000000000000000000000000$	^1111011111101111111111111111111100000000000000000000000000000000$
END
}

awk -v name="$name" -v what="$what" '
	# A line: step, what is shown, value. For a log: which log, what, value.
	function split_line(line) {
		split(line, word, " ")
		key = word[1] " " word[2]
		if (word[2] ~ /log$/) key = key " " word[3]
		if (word[2] ~ /^(accepted|refused)$/) key = word[1]
		value = substr(line, length(key) + 2)
	}
	function step_of(key) { sub(/ .*/, "", key); return key }
	FNR == 1 { file++ }
	file == 1 {
		split($0, f, /\t+/)
		number[++rules] = f[1]; where[rules] = f[2]
		on_stock[rules] = f[3]; on_ours[rules] = f[4]
		next
	}
	!/^(core|disk)\// { if (/^end of the differential run/) ended++; next }
	what == "suspended" && $2 == "live-log" { next }
	{ split_line($0) }
	file == 2 { order[++n] = key; a[key] = value; next }
	{ b[key] = value; if (!(key in a)) extra = extra " [" key "]" }
	END {
		for (i = 1; i <= n; i++) {
			key = order[i]
			step = step_of(key)
			if (!(step in seen)) { seen[step] = 1; steps[++m] = step }
			compared++
			if (!(key in b)) { bad[step] = bad[step] "\n# missing: " key; continue }
			if (a[key] == b[key]) continue
			hit = 0
			for (r = 1; r <= rules && !hit; r++)
				if (key ~ where[r] && a[key] ~ on_stock[r] && b[key] ~ on_ours[r]) {
					hit = r; used[r]++
					why[step] = why[step] " " number[r]
				}
			if (!hit)
				bad[step] = bad[step] "\n# " key "\n#   stock: " a[key] "\n#   ours:  " b[key]
		}
		for (i = 1; i <= m; i++) {
			if (steps[i] in bad) {
				print "not ok - " name ": " steps[i] bad[steps[i]]
				failed++
			} else
				same++
		}
		for (r = 1; r <= rules; r++)
			if (used[r])
				print "ok - " name ": " number[r] " differs as it must, " used[r] " times: " where[r]
			else
				print "not ok - " name ": " number[r] " does not occur: " where[r]
		if (extra) print "not ok - " name ": only in ours:" extra
		if (ended != 2) print "not ok - " name ": a run did not reach its end"
		print (failed || !compared ? "not ok" : "ok") " - " name ": " compared \
			" lines of " m " steps compared, " same " steps as they must be"
	}' - "$stock" "$ours" < <(allowed) || { echo "not ok - $name: comparison failed"; exit 1; }
