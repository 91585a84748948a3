import sys
p=sys.argv[1]+'/drivers/md/dm-log/tests/nodes_kunit.c'
s=open(p).read()
s=s.replace("static const int errors[] =","static bool e7_mute; static u64 e7_at, e7_max, e7_max2; static bool e7_rec; static unsigned long e7_n;\nstatic const int errors[] =",1)
s=s.replace("	portid = replica->portid;\n	refused","	if (!e7_mute && n->pass && nd->depth == 0 && !nd->settling && !pick(nd, 1500)) {\n		e7_mute = true; e7_at = get_jiffies_64(); e7_rec = n->copy != NO_COPY; note(nd, node, -1, \"E7: daemon stops\", type);\n	}\n	if (e7_mute) { note(nd, node, region, dm_ulog_type_name(type), -1001); return 0; }\n	portid = replica->portid;\n	refused",1)
s=s.replace("	while (steps-- && !nd->wrong) {\n		step(nd);","""	e7_mute = false;
	while (steps-- && !nd->wrong) {
		step(nd);
		if (e7_mute && nd->node[0].log && may_change(&nd->node[0]) && nd->node[0].phase == NODE_LIVE) {
			u64 b = get_jiffies_64();
			suspend(nd, &nd->node[0]);
			e7_n++;
			if (!e7_rec) e7_at = b;
			if (get_jiffies_64() - e7_at > e7_max) { e7_max = get_jiffies_64() - e7_at; printf("E7 %llu ms (suspend alone %llu) rec %d seed %llu\\n", (unsigned long long)e7_max, (unsigned long long)(get_jiffies_64()-b), e7_rec, nd->seed); }
			break;
		}""",1)
s=s.replace("	if (!nd->wrong && nodes_virtual)\n		settle(nd);","	e7_mute = false;",1)
s=s.replace("static bool has_trouble(","static bool has_trouble(",1)
open(p,'w').write(s)
