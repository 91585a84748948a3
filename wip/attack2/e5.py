import sys
p=sys.argv[1]+'/drivers/md/dm-log/tests/nodes_kunit.c'
s=open(p).read()
# nested cleaner
a="static const int errors[] ="
s=s.replace(a,"""static unsigned long e5_cleaners, e5_passes;
static void nest_cleaner(struct nodes *nd, struct nodes_node *n, struct cn_msg *msg, u32 type)
{
	struct us_log *us;
	struct cn_msg saved = *msg;
	if (!n->pass || n->cleaning || n->ioctl || n->phase != NODE_LIVE || nd->depth >= MAX_DEPTH || nd->wrong || !n->log)
		return;
	if (type != DM_ULOG_IN_SYNC && type != DM_ULOG_IS_REMOTE_RECOVERING &&
	    type != DM_ULOG_GET_RESYNC_WORK && type != DM_ULOG_GET_SYNC_COUNT)
		return;
	us = cache_to_us_log(to_dm_log_cache(n->log));
	if (mutex_is_locked(&us->cache.commit_lock) || mutex_is_locked(&us->session.mutex))
		return;
	if (!nd->odds[EV_MEET] || pick(nd, 6))
		return;
	us->client.send_lock.locked = 0;
	nd->depth++;
	e5_cleaners++;
	run_cleaner(nd, n);
	nd->depth--;
	us->client.send_lock.locked = 1;
	*msg = saved;
}

static struct nodes *e5_nd;
void shim_unlocked(struct mutex *m)
{
	struct nodes *nd = e5_nd;
	unsigned int i;
	if (!nd || nd->depth >= MAX_DEPTH || nd->wrong) return;
	for (i = 0; i < nd->nr_nodes; i++) {
		struct nodes_node *n = &nd->node[i];
		struct us_log *us;
		if (!n->log || !n->cleaning || n->pass || n->ioctl) continue;
		us = cache_to_us_log(to_dm_log_cache(n->log));
		if (m != &us->cache.commit_lock) continue;
		if (!nd->odds[EV_MEET] || pick(nd, 3)) return;
		e5_passes++;
		nd->depth++;
		do_mirror(nd, n);
		nd->depth--;
		return;
	}
}

"""+a,1)
s=s.replace("""	others(nd, EV_MEET, 4);
	dm_ulog_receive(&answer->msg, portid);""","""	nest_cleaner(nd, n, msg, type);
	others(nd, EV_MEET, 4);
	dm_ulog_receive(&answer->msg, portid);""",1)
s=s.replace("	nd->seed = seed;\n","	nd->seed = seed;\n	e5_nd = nd;\n",1)
s=s.replace("static void tell_tally(struct nodes *nd)\n{","static void tell_tally(struct nodes *nd)\n{\n	printf(\"E5 cleaners %lu passes %lu\\n\", e5_cleaners, e5_passes);\n",1)
open(p,'w').write(s)
