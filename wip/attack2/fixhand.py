import sys
p=sys.argv[1]+'/drivers/md/dm-log/tests/nodes_kunit.c'
s=open(p).read()
s=s.replace("	bool slot_free;\n","	bool slot_free;\n	int handing;\n",1)
s=s.replace("	r = type_of(n)->get_resync_work(n->log, &number);\n	if (r <= 0)","	n->handing = 0;\n	r = type_of(n)->get_resync_work(n->log, &number);\n	n->handing = 0;\n	if (r <= 0)",1)
s=s.replace("		if (i != node && nd->node[i].copying == region && nd->node[i].copy != NO_COPY)\n			return false;","		if (i != node && ((nd->node[i].copying == region && nd->node[i].copy != NO_COPY) || nd->node[i].handing == region + 1))\n			return false;",1)
s=s.replace("	note_more(nd, node, region, dm_ulog_type_name(type),\n		  result > 0","	if (type == DM_ULOG_GET_RESYNC_WORK && result > 0 && reply[0] == 1 && n->pass)\n		n->handing = cluster_region(&nd->cl, reply[1]) + 1;\n	note_more(nd, node, region, dm_ulog_type_name(type),\n		  result > 0",1)
open(p,'w').write(s)
