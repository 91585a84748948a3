#!/bin/bash
# run.sh BIN N [args]: first N seeds, summary of violations
B=$1; N=$2; shift 2; O=$W/nodes.host/out.$$
for ((i=1;i<=N;i++)); do { timeout 20 $B seed=$i passes=0 "$@" > $O ; s=$?; } 2>/dev/null; if [ $s != 0 ]; then echo "$i $s $(grep -aE '^FAIL|DEADLOCK|ASSERT|not held|WARN ' $O | head -1 | sed 's/story [0-9]*: region [-0-9]*: //')"; fi; done 2>/dev/null >$O.all
cut -d' ' -f2- $O.all | sort | uniq -c | sort -rn | while read n rest; do echo "$n $rest: seeds $(grep -F -- "$rest" $O.all | head -5 | cut -d' ' -f1 | tr '\n' ' ')"; done
rm -f $O $O.all
