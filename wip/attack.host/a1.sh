python3 - <<'P'
p='drivers/md/dm-log/sync.c'; s=open(p).read()
a="	if (answer->is_recovering || !over || in_sync) {\n"
assert a in s
s=s.replace(a,"""	static u64 over_since[3]; /* XXX test: by node */
	u64 *os=&over_since[shim_node()];
	if (answer->is_recovering) {
		if (answer->in_sync_hint + 1 < us->cache.common.args.nr_regions) { *os = 0; sync->search_over = shim_a2() ? 0 : sync->search_over; return true; }
		if (!*os || *os > now) *os = now;
		return time_before64(now, *os + msecs_to_jiffies(dm_log_resend_ms));
	}
"""+a)
s=s.replace("static bool judge(","int shim_node(void); int shim_a2(void);\nstatic bool judge(",1)
open(p,'w').write(s)
P
