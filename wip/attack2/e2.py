import sys
p=sys.argv[1]+'/drivers/md/dm-log/tests/nodes_kunit.c'
s=open(p).read()
s=s.replace("	bool slot_free;\n","	bool slot_free;\n	u64 pre_at;\n",1)
s=s.replace("	n->slot_free = false;\n	r = type_of(n)->presuspend(n->log);","	n->slot_free = false;\n	n->pre_at = get_jiffies_64();\n	r = type_of(n)->presuspend(n->log);",1)
a="	if (n->phase == NODE_SUSPENDING)\n		return true;\n"
assert a in s
s=s.replace(a,"	if (n->phase == NODE_SUSPENDING &&\n	    time_after_eq64(get_jiffies_64(), n->pre_at + msecs_to_jiffies(2900)))\n		return true;\n")
open(p,'w').write(s)
