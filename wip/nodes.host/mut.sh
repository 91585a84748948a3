#!/bin/bash
# mut.sh TREE NAME FILE 'python replace a' 'b'
set -e
cd $W/nodes.host; M=$W/nodes.host/m.$2; rm -rf $M; mkdir -p $M/drivers/md $M/include; cp -r $1/drivers/md/dm-log $M/drivers/md/; cp -r $1/include $M/
python3 - "$M/drivers/md/dm-log/$3" "$4" "$5" <<'P'
import sys
p,a,b=sys.argv[1:]; s=open(p).read(); assert a in s,a; open(p,'w').write(s.replace(a,b,1))
P
./mk.sh $M ./mut.$2; rm -rf $M
