#!/bin/bash
# with.sh REV OUT: code of $W/cluster at REV with our tests
set -e
rm -rf $W/attack.host/tree; mkdir $W/attack.host/tree; git -C $W/cluster archive $1 drivers/md/dm-log include | tar x -C $W/attack.host/tree
cp $W/nodes/drivers/md/dm-log/tests/{nodes_kunit.c,fake-cluster.[ch]} $W/attack.host/tree/drivers/md/dm-log/tests/
python3 $W/attack.host/settle.py $W/attack.host/tree/drivers/md/dm-log/tests/nodes_kunit.c; python3 $W/attack.host/intr.py $W/attack.host/tree/drivers/md/dm-log/tests/nodes_kunit.c; [ -z "${P-}" ] || (cd $W/attack.host/tree; . $W/attack.host/patch.sh)
$W/attack.host/mk.sh $W/attack.host/tree $2
