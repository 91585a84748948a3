#!/bin/bash
# mk.sh TREE OUT
set -e
cd $W/nodes.host; T=$1; O=$2; D=$T/drivers/md/dm-log
bash gen.sh $T
S=$(ls $D/*.c | grep -vE "/(args|bdev|core|disk|logs|record|registry|store|store-load|trace)\.c$" | tr "\n" " ")
gcc -g -O2 -std=gnu11 -fno-strict-aliasing -w -Werror=implicit-function-declaration -Werror=incompatible-pointer-types ${SAN-} -include shim.h -Iinc -I$D -I. -o $O $S $D/tests/fake-cluster.c $D/tests/regions-check.c wrap.c host.c
