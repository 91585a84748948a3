#!/bin/bash
# sum.sh BIN passes seeds
B=$1; P=$2; shift 2
for s in "$@"; do for j in "262143 0 -1" "1775 1 -1" "262127 1 1" "262143 1 -1"; do set -- $j; echo "seed $s e $1 d $2 n $3: $(timeout 400 $B seed=$s events=$1 daemon=$2 nodes=$3 passes=$P | grep -E '^FAIL|stories|DEAD|LONG|ASSERT|SPIN' | tr '\n' ' ')"; done; done
