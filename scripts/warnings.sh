#!/bin/bash
# What a build said about our files. To be sourced, with $top.
# shellcheck disable=SC2154 # that

# Warnings about others' files are not ours to mend; those about ours would not
# come again from objects that are up to date.
forget() { find "$1" -path '*/drivers/md/*.o' -delete; } # OBJ

our_files=$(cd "$top" && find include -name '*.h' -printf '%f\n' |
	sed 's/\./\\./; s/^/(^|\/)/' | paste -sd '|')'|drivers/md/dm-log/'

# gcc names the file on the line, modpost the module, kernel-doc the file.
our_warnings() { grep -iE 'warning' "$1" | grep -E "$our_files" || :; } # LOG

build_errors() { grep -E 'error|ERROR|undefined|\*\*\*' "$1" | head -n 20 | sed 's/^/# /'; } # LOG
