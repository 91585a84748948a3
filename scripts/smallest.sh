#!/bin/bash
# The smallest kernel that can have the mirror target, of $TREE: a few minutes to
# build, once, since its configurations differ in a handful of objects. To be sourced,
# with $top and $TREE.
# shellcheck disable=SC2154 # these

configure() { # OBJ MIRROR USERSPACE
	printf '%s\n' >"$1/fragment" CONFIG_64BIT=y CONFIG_MODULES=y CONFIG_BLOCK=y CONFIG_NET=y \
		CONFIG_MD=y CONFIG_BLK_DEV_DM=y CONFIG_CONNECTOR=y \
		"CONFIG_DM_MIRROR=$2" "CONFIG_DM_LOG_USERSPACE=$3"
	make -s -C "$TREE" ARCH=um O="$1" KCONFIG_ALLCONFIG="$1/fragment" allnoconfig >&2 &&
		grep -qx "CONFIG_DM_MIRROR=$2" "$1/.config" &&
		case $3 in
		n) ! grep -q '^CONFIG_DM_LOG_USERSPACE=' "$1/.config" ;;
		*) grep -qx "CONFIG_DM_LOG_USERSPACE=$3" "$1/.config" ;;
		esac
}

# Warnings about others' files are not ours to mend; those about ours would not
# come again from objects that are up to date.
forget() { find "$1" -path '*/drivers/md/*.o' -delete; } # OBJ

our_files=$(cd "$top" && find include -name '*.h' -printf '%f\n' |
	sed 's/\./\\./; s/^/(^|\/)/' | paste -sd '|')'|drivers/md/dm-log/'

# gcc names the file on the line, modpost the module, kernel-doc the file.
our_warnings() { grep -iE 'warning' "$1" | grep -E "$our_files" || :; } # LOG

build_errors() { grep -E 'error|ERROR|undefined|\*\*\*' "$1" | head -n 20 | sed 's/^/# /'; } # LOG
