import subprocess,os,shutil,re,glob
T="/tmp/w/cl"; D=T+"/drivers/md/dm-log/"; H="/tmp/w/nodes.host/"
FL=["gcc","-g","-O1","-std=gnu11","-fno-strict-aliasing","-w","-include","shim.h","-Iinc","-I"+D,"-I."]
os.makedirs("obj",exist_ok=True)
src=[f for f in sorted(glob.glob(D+"*.c")) if not re.search(r"/(args|bdev|core|disk|logs|record|registry|store|store-load|trace)\.c$",f)]+[D+"tests/fake-cluster.c",D+"tests/regions-check.c",H+"wrap.c",H+"host.c"]
for f in src: subprocess.check_call(FL+["-c","-o","obj/"+os.path.basename(f)[:-2]+".o",f],cwd=H)
objs={os.path.basename(f)[:-2]:"obj/"+os.path.basename(f)[:-2]+".o" for f in src}
M=[
("no-mark","no MARK or FLUSH before a write",[("marks.c","	if (sent)\n		r = send_wave(us, wait);\n	if (sent && !r)","	if (sent && !r)")]),
("mark-no-flush","MARK without FLUSH",[("marks.c","	add_groups(wave, DM_ULOG_MARK_REGION, nr);\n	add_call(wave, DM_ULOG_FLUSH, NULL, 0);\n}","	add_groups(wave, DM_ULOG_MARK_REGION, nr);\n}")]),
("hint","a count of all regions is believed for ever",[("resync.c","#define COUNT_MS		100","#define COUNT_MS		100000000")]),
("read-kept","a read's answer is kept past a flush",[("sync.c","	sync->nr_answers = 0;","	;")]),
("read-for-write","a write takes a read's answer (56, 57)",[("sync.c","	if (us->sync.writing)\n		return 1;","	if (us->sync.writing)\n		return may_read_any_leg(us, region);")]),
("held-epoch","marks held by the last daemon count for the next",[("marks.c","	dm_regions_forget_held(&us->cache.common.regions);\n}\n\n/* The cleaner gives","	;\n}\n\n/* The cleaner gives")]),
("clear-held","CLEAR does not drop held",[("regions-held.c","			dm_regions_drop_held(rg, batch[i]);","			;")]),
("recovered","SET_REGION_SYNC 1 after a failed recovery (47)",[("resync.c","	bool recovered = in_sync && dm_regions_is_recovered(rg, region);","	bool recovered = in_sync;")]),
("pend-lost","what failed to be committed does not pend again",[("marks.c","		if (r || sent < nr)\n			dm_regions_pend","		if (sent < nr)\n			dm_regions_pend")]),
("remote","nobody asks whether a region is recovered elsewhere",[("sync.c","	if (has_to_wait(us, region))\n		return 1;","")]),
("flush-0","flush() returns 0 whatever has happened",[("userspace.c","	r = dm_log_cache_flush(&us->cache, force);","	r = dm_log_cache_flush(&us->cache, force); r = 0;")]),
("renew","held marks are not renewed (75)",[("marks.c","	if (!marks->cluster || time_before64(now, marks->renew_at))\n		return;","	return;")]),
("wake","nobody wakes an idle mirror when the daemon is back (67)",[("wake.c","	if (READ_ONCE(us->wake.wanted) && delayed","	return;\n	if (READ_ONCE(us->wake.wanted) && delayed")]),
("order","IRR before IN_SYNC",[("sync.c","	if (!slot->waits && !answer.is_recovering &&\n","	if (!slot->waits && !answer.is_recovering && in_sync &&\n")]),
("over15","the end of a search, 15 s",[("sync.c","#define COPY_RESENDS		4U","#define COPY_RESENDS		1U")]),
("refused-told","a daemon that cannot store marks is not told of failures",[("marks.c","			return tell_news(us, wait) == -EINTR ? -EINTR : -EIO;","			return -EIO;")]),
("refused-rec","nor of recovered regions",[("marks.c","	if (us->marks.epoch == epoch && !us->cache.gated) {","	if (us->marks.epoch == epoch && !us->cache.gated && !refused) {")]),
("handed","a region recovered for the last daemon is told to the next",[("resync.c","us_tell_recovered(us, region, us->sync.handed)","us_tell_recovered(us, region, us_epoch(us))")]),
("flush-refused","flush() is 0 though marks cannot be stored",[("marks.c","			return tell_news(us, wait) == -EINTR ? -EINTR : -EIO;","			return tell_news(us, wait);")]),
("count","all are counted in sync though one failed here",[("resync.c","	    (count < nr_regions || !dm_regions_nr_nosync(&us->cache.common.regions)))","	    1)")]),
("quiet","who has just joined clears at once (75)",[("marks.c","	return !us->marks.cluster ||","	return true ||")]),
("news","a region that failed here is not told",[("marks.c","		add_news(wave, wave->batch[i], false);","		;")]),
]
def run(tag):
    out=[]
    for seed in ("1","2","3"):
        try: r=subprocess.run([H+"mutant2","seed="+seed,"passes=300000"],capture_output=True,text=True,timeout=60)
        except subprocess.TimeoutExpired: out.append("hangs"); continue
        f=[l for l in r.stdout.splitlines() if l.startswith(("FAIL","DEAD","ASSERT","SPIN","WARN"))]
        st=[l for l in r.stdout.splitlines() if "stories," in l]
        out.append("%s passes %s"%(st[0].split()[2] if st else "rc %d"%r.returncode, f[0].replace("FAIL ","") if f else "NOT CAUGHT"))
    print("%-14s %s"%tag,*out,sep="\n    ",flush=True)
subprocess.check_call(["gcc","-o","mutant2"]+list(objs.values()),cwd=H); run(("(none)","unchanged"))
for n,w,reps in M:
    o=dict(objs); ok=True
    for f,a,b in reps:
        s=open(D+f).read()
        if a not in s: print(n,"NOT APPLICABLE",f,flush=True); ok=False; break
        p=H+"mm_"+f; open(p,"w").write(s.replace(a,b,1))
        subprocess.check_call(FL+["-c","-o","obj/mm.o",p],cwd=H); o[f[:-2]]="obj/mm.o"
    if not ok: continue
    subprocess.check_call(["gcc","-o","mutant2"]+list(o.values()),cwd=H); run((n,w))
