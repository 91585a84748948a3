#!/bin/bash
# What scripts/make-patch and scripts/make-series share: which files are ours, what
# changes in the kernel's own, what the kernel loses. To be sourced, under "set -eu"
# and inherit_errexit, with $release.
#
# Files that go, or are replaced as a whole, are deleted without quoting them:
# git accepts "Binary files differ" for a deletion if the index line has the full
# hash of what is deleted. A path that is replaced is deleted and then added, as
# in git's own patches for a change of file type.

top=$(cd "$(dirname "$0")/.." && pwd)
# shellcheck disable=SC2154 # whoever sources it
stock=$("$top/scripts/kernel" source "$release")
package=$("$top/scripts/kernel" source-package "$release")

say() { echo "${0##*/}: $*" >&2; }
die() { say "$*"; exit 1; }

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# The sources are for the newest kernel. In an older one they need what the build outside of
# the kernel has for that; the newest does without.
old=''
grep -q sync_unsup_bits "$stock/include/linux/dm-io.h" || old=y

# What is ours in the kernel's tree. Left out: what only an out-of-tree build needs, and
# a test that is no test of a kernel.
files=$work/files
{
	# A git tree knows what the tests compiled in place; a tarball has none.
	env -u GIT_DIR git -C "$top" ls-files -co --exclude-standard 2>/dev/null ||
		(cd "$top" && find . -type f -printf '%P\n')
} | grep -E '^(drivers|include|Documentation|tools)/' |
	grep -vxE "drivers/md/dm-log/(Kbuild$([ -n "$old" ] || echo "|compat\.h"))" |
	grep -v '^tools/testing/selftests/dm-log/replicas/' |
	while read -r file; do [ ! -e "$top/$file" ] || echo "$file"; done |
	LC_ALL=C sort >"$files"

# Trees are compared by git's plumbing in a repository of their own: neither the
# user's settings nor this repository's have a say in what comes out.
begin_repository() {
	export GIT_DIR=$work/git
	git init -q
}

# tree DIRECTORY: its name.
tree() {
	git --work-tree="$work/$1" add -A -f . && git write-tree
}

# difference TREE TREE: as a patch.
difference() { git diff-tree -p --full-index "$1" "$2"; }

# The userspace log is no longer a module of its own, but a part of dm-log.
(cd "$stock" && grep -rlx CONFIG_DM_LOG_USERSPACE=m arch) >"$work/defconfigs"

# edit DIRECTORY FILE SED-SCRIPT: change a file of the kernel there. Not finding the
# place to change is an error, not an unchanged file.
edit() {
	local dir=$work/$1 file=$2
	mkdir -p "$dir/$(dirname "$file")"
	[ -e "$dir/$file" ] || cp "$stock/$file" "$dir/$file"
	cp "$dir/$file" "$work/unedited"
	sed -i "$3" "$dir/$file"
	! cmp -s "$work/unedited" "$dir/$file" || die "nothing to change in $file"
}

# edit_step DIRECTORY STEP: what a step of the series changes in the kernel's own files.
# shellcheck disable=SC2016 # make's variables, not the shell's
edit_step() {
	local dir=$1 file
	case $2 in
	regions)
		edit "$dir" drivers/md/Makefile '
			/^obj-$(CONFIG_DM_MIRROR)/s/ dm-log\.o/& dm-log\//'
		;;
	store)
		edit "$dir" drivers/md/Kconfig '
			/^config DM_MIRROR$/,/^$/s/^\([ \t]*\)depends on BLK_DEV_DM$/&\
\1select CRC32/'
		;;
	registry)
		edit "$dir" drivers/md/Makefile '/^obj-$(CONFIG_DM_MIRROR)/s/ dm-log\.o//'
		;;
	userspace)
		edit "$dir" drivers/md/Makefile '
			/^dm-log-userspace-y/d
			/^obj-$(CONFIG_DM_LOG_USERSPACE)/d'
		edit "$dir" drivers/md/Kconfig '
			/^config DM_LOG_USERSPACE$/,/^$/s/^\ttristate /\tbool /'
		while read -r file; do
			edit "$dir" "$file" "s/^CONFIG_DM_LOG_USERSPACE=m$/CONFIG_DM_LOG_USERSPACE=y/"
		done <"$work/defconfigs"
		;;
	kunit)
		edit "$dir" drivers/md/Kconfig '
			/^config DM_LOG_USERSPACE$/i source "drivers/md/dm-log/Kconfig"\
'
		;;
	selftests)
		edit "$dir" tools/testing/selftests/Makefile '
			/^TARGETS += dmabuf-heaps$/i TARGETS += dm-log'
		;;
	documentation)
		edit "$dir" Documentation/admin-guide/device-mapper/index.rst "$(sed -nE \
			's|^Documentation/.*/(dm-log-.*)\.rst$|/^    dm-log$/a \\    \1|p' "$files")"
		;;
	maintainers)
		edit "$dir" MAINTAINERS '
			/^DEVICE-MAPPER VDO TARGET$/i DEVICE-MAPPER DIRTY REGION LOG\
L:	dm-devel@lists.linux.dev\
S:	Maintained\
F:	Documentation/ABI/testing/debugfs-dm-log\
F:	Documentation/admin-guide/device-mapper/dm-log*.rst\
F:	drivers/md/dm-log/\
F:	include/linux/dm-dirty-log.h\
F:	include/linux/dm-log-userspace.h\
F:	include/uapi/linux/dm-log-userspace.h\
F:	tools/dm-log/\
F:	tools/testing/kunit/configs/dm-log.config\
F:	tools/testing/selftests/dm-log/\
'
		;;
	esac
}

steps() { sed -E '/^#/d; s/\t.*//; /^$/d' "$top/scripts/series/steps" | uniq; }

# removed STEP: what the kernel loses in it and does not get back.
removed() {
	case $1 in
	registry)  echo drivers/md/dm-log.c ;;
	userspace) printf 'drivers/md/dm-log-userspace-%s\n' base.c transfer.c transfer.h ;;
	esac
}

# step_of FILE: where one of ours belongs.
step_of() {
	local step patterns pattern
	while read -r step patterns; do
		set -f
		for pattern in $patterns; do
			# shellcheck disable=SC2053 # patterns they are
			[[ $1 == $pattern ]] && { set +f; echo "$step"; return; }
		done
		set +f
	done < <(grep -v '^#' "$top/scripts/series/steps")
	die "no step for $1: name it in scripts/series/steps"
}

# delete FILE: a patch that deletes FILE of the kernel, unquoted.
delete() {
	cat <<-END
		diff --git a/$1 b/$1
		deleted file mode 100644
		index $(git hash-object --no-filters "$stock/$1")..0000000000000000000000000000000000000000
		Binary files a/$1 and /dev/null differ
	END
}

# Our Makefile in that kernel.
# shellcheck disable=SC2016 # make's variables, not the shell's
our_makefile() {
	local script=''
	[ -z "$old" ] || script='/^dm-log-y/{
		i # What this kernel lacks of the newest, for which the sources are written.\
ccflags-y += -include $(src)/compat.h\

		:rest
		n
		b rest
	}'
	sed "$script" "$top/drivers/md/dm-log/Makefile"
}

# add DIRECTORY FILE: put one of ours there; what must be deleted first goes to stdout.
# What is the same as the kernel's needs neither.
add() {
	if [ -e "$stock/$2" ]; then
		! cmp -s "$top/$2" "$stock/$2" || return 0
		delete "$2"
	fi
	mkdir -p "$work/$1/$(dirname "$2")"
	cp -p "$top/$2" "$work/$1/$2"
	[ "$2" != drivers/md/dm-log/Makefile ] || our_makefile >"$work/$1/$2"
}
