#!/bin/bash
# mk.sh TREE OUT
set -e
cd $W/attack.host; T=$1; O=$2; D=$T/drivers/md/dm-log
bash gen.sh $T
S=""; for f in cache common log regions regions-stable marks session sync ulog userspace answers; do [ -e $D/$f.c ] && S="$S $D/$f.c"; done
gcc -O0 -std=gnu11 -fno-strict-aliasing -w -Werror=implicit-function-declaration -Werror=incompatible-pointer-types ${SAN-} -include shim.h -Iinc -I$D -I. -o $O $S $D/tests/fake-cluster.c $D/tests/regions-check.c wrap.c host.c
