#!/bin/bash
# see.sh BIN seed events daemon lines [more]: history of the region
B=$1; shift; $B seed=$1 passes=0 events=$2 daemon=$3 tell=1 ${5-} > o; w=$(grep -a ^FAIL o | sed 's/.*region \([-0-9]*\):.*/\1/'); head -1 o; grep -nE "region $w:|region -1: (daemon|node|suspend|presus|postsus|resume|RESUME|POST|cleaner|CTR|MARK|CLEAR|FLUSH|flush|new table|GET_RESYNC_WORK 1|excused|all in)" o | tail -$4
