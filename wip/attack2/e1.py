import sys
p=sys.argv[1]+'/drivers/md/dm-log/tests/nodes_kunit.c'
s=open(p).read()
a="""	dm_ulog_receive(&answer->msg, portid);
	return 0;
}

static void no_event"""
assert a in s
s=s.replace(a,"""	dm_ulog_receive(&answer->msg, portid);
	if (nd->odds[EV_RESTART] && replica->portid == portid && !pick(nd, 60)) {
		note(nd, node, -1, "E1: dies after its answer", type);
		restart_daemon(nd, n);
	}
	return 0;
}

static void no_event""")
open(p,'w').write(s)
