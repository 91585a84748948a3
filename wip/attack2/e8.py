import sys
p=sys.argv[1]+'/drivers/md/dm-log/tests/nodes_kunit.c'
s=open(p).read()
s=s.replace("static void copy_on(struct nodes *nd, struct nodes_node *n, bool fails)\n{","static void copy_on(struct nodes *nd, struct nodes_node *n, bool fails)\n{\n	if (n->copy == COPY_WRITE && n->copying == NR_ACTIVE - 1 && !time_after64(get_jiffies_64(), n->copy_since + msecs_to_jiffies(90000)))\n		return;\n",1)
s=s.replace("				    n->copy_since + msecs_to_jiffies(IO_MS)))","				    n->copy_since + msecs_to_jiffies(n->copying == NR_ACTIVE - 1 ? 90000 : IO_MS)))",1)
open(p,'w').write(s)
