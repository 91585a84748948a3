python3 - <<'P'
p='drivers/md/dm-log/sync.c'; s=open(p).read()
a="return answer->is_recovering && !over;"
if a in s: s=s.replace(a,"return answer->is_recovering;"); print("3 patched")
a="	us->cache.common.refused = true;\n	return false;\n"
if a in s: s=s.replace(a,"	us->cache.common.refused = true;\n	if (!dm_regions_in_sync(&us->cache.common.regions, region)) { us->refused_region = region; }\n	return false;\n"); print("5 patched")
open(p,'w').write(s)
p='drivers/md/dm-log/userspace.h'; s=open(p).read()
s=s.replace("	bool flush_failed;\n","	bool flush_failed;\n	u64 refused_region;\n"); open(p,'w').write(s)
p='drivers/md/dm-log/userspace.c'; s=open(p).read()
i=s.index("static int us_flush"); j=s.index("	return r;\n",i)
s=s[:j]+"""	if (r) { u64 x; struct dm_regions *rg = &us->cache.common.regions; for (x = dm_regions_next_nosync(rg, 0); x < rg->nr_regions; x = dm_regions_next_nosync(rg, x + 1)) if (x != rg->recovering) dm_regions_set_sync(rg, x, false); }
"""+s[j:]
open(p,'w').write(s)
p='drivers/md/dm-log/marks.c'; s=open(p).read()
a="		if (wave->nr_news == US_NR_NEWS)\n			break;\n"
if a in s and "regions.recovering" not in s:
	s=s.replace(a,"		if (wave->batch[i] == us->cache.common.regions.recovering)\n			continue;\n"+a); print("1 patched")
open(p,'w').write(s)
P
