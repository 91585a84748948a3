#!/bin/bash
# with.sh REV OUT: code of $W/cluster at REV with our tests
set -e
rm -rf $W/nodes.host/tree; mkdir $W/nodes.host/tree; git -C ${R-$W/cluster} archive $1 drivers/md/dm-log include | tar x -C $W/nodes.host/tree
cp $W/nodes/drivers/md/dm-log/tests/{nodes_kunit.c,fake-cluster.[ch]} $W/nodes.host/tree/drivers/md/dm-log/tests/
[ -z "${P-}" ] || (cd $W/nodes.host/tree; . $W/nodes.host/$P)
$W/nodes.host/mk.sh $W/nodes.host/tree $2
