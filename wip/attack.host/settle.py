import sys
p=sys.argv[1]; s=open(p).read()
a="""	if (nd->wrong)
		tell(nd);
	memset(nd->odds, 0, sizeof(nd->odds));
"""
assert a in s
s=s.replace(a,"""	if (!nd->wrong && shim_settle) settle(nd);
	if (nd->wrong)
		tell(nd);
	memset(nd->odds, 0, sizeof(nd->odds));
""")
s=s.replace("static void story(struct nodes *nd, u64 seed)\n","""
static unsigned int shim_settle;
module_param(shim_settle, uint, 0444);
static void settle(struct nodes *nd)
{
	unsigned int i, round;
	int k, b;

	memset(nd->odds, 0, sizeof(nd->odds));
	note(nd, -1, -1, "settle", 0);
	nd->cl.disk_fails = 0;
	for (i = 0; i < nd->nr_nodes; i++) {
		struct nodes_node *n = &nd->node[i];
		n->errors = n->losses = 0; n->fail_leg_flushes = 0;
		nd->cl.replica[i].listening = true; n->revive_after = 0;
		if (n->lost_later) dm_ulog_released(n->lost_later); n->lost_later = 0;
	}
	for (round = 0; round < 1500 && !nd->wrong; round++) {
		for (i = 0; i < nd->nr_nodes && !nd->wrong; i++) {
			struct nodes_node *n = &nd->node[i];
			if (!n->log) continue;
			if (n->phase == NODE_SUSPENDED) { if (shim_settle & 2) continue; resume(nd, n); }
			if (n->woken || has_writes(nd, n) || n->reads || (shim_settle & 4)) do_mirror(nd, n);
			copy_on(nd, n, false); copy_on(nd, n, false);
			if (round % 25 == 0 && n->phase == NODE_LIVE) run_cleaner(nd, n);
		}
		for (k = 0; k < NR_ACTIVE; k++) for (b = 0; b < NR_BLOCKS; b++)
			while (nd->region[k].block[b].place == AT_LEGS) land(nd, k, b, false);
		check(nd);
		msleep(200);
	}
	for (k = 0; k < NR_ACTIVE && !nd->wrong; k++) for (b = 0; b < NR_BLOCKS; b++) {
		struct nodes_block *w = &nd->region[k].block[b];
		if (nd->node[w->node].phase != NODE_LIVE) continue;
		if (w->place == AT_QUEUE && !nd->handle_errors) broken(nd, w->node, k, "a write waits for ever"); 
		else if (w->place == AT_DELAYED && !nd->handle_errors) broken(nd, w->node, k, "a delayed write waits for ever");
	}
}

static void story(struct nodes *nd, u64 seed)
""",1)
# a resume does not wake the worker
s=s.replace("""	n->phase = NODE_LIVE;
	n->blocked = false;
	n->woken = true;
""","""	n->phase = NODE_LIVE;
	n->blocked = false;
""")
open(p,'w').write(s)
