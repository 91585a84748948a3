sed -i "s/		payload.region = region;/		if (region == rg->recovering) continue;\n		payload.region = region;/" drivers/md/dm-log/marks.c
sed -i 's/return answer->is_recovering \&\& !over;/return answer->is_recovering;/' drivers/md/dm-log/sync.c
python3 - <<'P'
p='drivers/md/dm-log/session.c'; s=open(p).read()
a="""	r = ask_once(us, try);
	if (r)
		return r;
	if (!accept_sender(us, try))
		return -EAGAIN;
	return check_errors(us, try);
"""
assert a in s
s=s.replace(a,"""	r = ask_once(us, try);
	if (r)
		return try->generation ? -ESTALE : r;
	if (!accept_sender(us, try))
		return try->generation ? -ESTALE : -EAGAIN;
	r = check_errors(us, try);
	return r && try->generation ? -ESTALE : r;
""")
a="		if (r == -EAGAIN)\n			continue;\n"
assert a in s
open(p,'w').write(s)
P
python3 - <<'P'
p='drivers/md/dm-log/sync.c'; s=open(p).read()
a="""	us->cache.common.refused = true;
	return false;
"""
assert a in s
s=s.replace(a,"""	us->cache.common.refused = true;
	if (!dm_regions_in_sync(&us->cache.common.regions, region))
		WRITE_ONCE(us->nosync_owed, us->nosync_owed + 1);
	return false;
""")
open(p,'w').write(s)
P
python3 - <<'P'
p='drivers/md/dm-log/userspace.c'; s=open(p).read()
i=s.index("static int us_flush"); j=s.index("	return r;\n",i)
s=s[:j]+"	if (r && dm_regions_nr_nosync(&us->cache.common.regions))\n		WRITE_ONCE(us->nosync_owed, us->nosync_owed + 1);\n"+s[j:]
open(p,'w').write(s)
P
