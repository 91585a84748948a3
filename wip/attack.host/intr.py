import sys,re
p=sys.argv[1]; s=open(p).read()
assert "	if (cl->disk & BIT(region)) {\n" in s
s=s.replace("	if (cl->disk & BIT(region)) {\n","	if (0) {\n")
a="""	n->phase = NODE_SUSPENDING;
	do_mirror(nd, n);
"""
assert a in s
s=s.replace(a,a+"""	if (shim_intr && !pick(nd, 3)) { note(nd, node_nr(nd, n), -1, "suspend is interrupted", 0); n->phase = NODE_LIVE; nd->current_node = before; n->ioctl = false; interrupted = true; return; }
""",1)
s=s.replace("static void suspend(struct nodes *nd,","static unsigned int shim_intr; static bool interrupted;\nstatic void suspend(struct nodes *nd,",1)
a="""	if (happens(nd, EV_SUSPEND)) {
		suspend(nd, n);
		if (!nd->wrong)
			resume(nd, n);
"""
assert a in s
s=s.replace(a,"""	if (happens(nd, EV_SUSPEND)) {
		interrupted = false;
		suspend(nd, n);
		if (!nd->wrong && !interrupted)
			resume(nd, n);
""",1)
i=s.index("		nd->region[region].unmarked |= BIT(node_nr(nd, n));")
s=s[:i]+"if (n->phase == NODE_SUSPENDING || !is_copied(nd, region))\n"+s[i:]
s=s.replace("		if (is_copied(nd, region))\n			excuse(","		if (is_copied(nd, region) && n->phase == NODE_SUSPENDING)\n			excuse(",1)
# cleaner of an interrupted one is not live: run_cleaner only if live
open(p,'w').write(s)
