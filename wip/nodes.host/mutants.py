# mutants.py TREE: build each mutant of the code in TREE with our model, and see how soon it is caught
import subprocess,sys,shutil,os,time
T=sys.argv[1]; only=sys.argv[2:] 
D="drivers/md/dm-log/"
M=[
("no-mark","no MARK before a write (nothing is sent, all counts as held)",[("marks.c","	if (!nr)\n		return 0;\n\n	/* Whatever","	return 0;\n\n	/* Whatever")]),
("mark-no-flush","MARK is sent, FLUSH is not",[("marks.c","		if (!r)\n			r = us_request(us, DM_ULOG_FLUSH, NULL, 0, NULL, 0, wait);\n	}\n	return r;\n}\n\n/* Commit as","	}\n	return r;\n}\n\n/* Commit as")]),
("hint","a count of all regions in sync is believed for ever (the hint)",[("sync.c","#define COUNT_MS		100","#define COUNT_MS		100000000")]),
("read-kept","a read's answer is kept past a flush",[("sync.c","	sync->nr_answers = 0;\n	sync->pass++;","	sync->pass++;")]),
("read-for-write","a write takes what a read was answered (56, 57)",[("sync.c","	if (us->sync.writing)\n		return 1;","	if (us->sync.writing)\n		return find_answer(&us->sync, region) ? find_answer(&us->sync, region)->in_sync : 1;")]),
("held-epoch","marks held by a lost daemon count as held by its successor",[("marks.c","			memset(us->held, 0, BITS_TO_LONGS(rg->nr_regions) * sizeof(long));\n","")]),
("clear-late","held is dropped after the CLEAR only",[("marks.c","		__clear_bit(us->batch[i], us->held);\n",""),("marks.c","	for (i = 0; r && i < nr; i++) {\n		set_bit","	for (i = 0; i < nr; i++)\n		__clear_bit(us->batch[i], us->held);\n	for (i = 0; r && i < nr; i++) {\n		set_bit")]),
("clear-anyway","held is not dropped by a CLEAR",[("marks.c","		__clear_bit(us->batch[i], us->held);\n","")]),
("clear-unflushed","regions are cleaned without a flush of the legs",[]),
("recovered","SET_REGION_SYNC 1 after a recovery that failed (47)",[("sync.c","	bool recovered = in_sync && dm_regions_is_recovered(rg, region);","	bool recovered = in_sync;")]),
("late","a late answer is taken for the present question of its type",[("ulog.c","	hash_for_each_possible(ulog_waits, wait, node, seq)\n		if (wait->seq == seq)\n			return wait;\n	return NULL;","	hash_for_each_possible(ulog_waits, wait, node, seq)\n		if (wait->seq == seq)\n			return wait;\n	{ int b; struct hlist_node *n; hash_for_each_safe(ulog_waits, b, n, wait, node) if (wait->client) return wait; }\n	return NULL;")]),
("idle-mark","a mark of an idle region does not pend (58)",[("regions.c","old == DM_REGION_CLEAN || rg->by_region","old == DM_REGION_CLEAN")]),
("halted","is_remote_recovering = 0 is believed of a server that is being suspended",[("sync.c","	if (answer->is_recovering || !over || in_sync) {","	if (1) {")]),
("nosync-untold","a region NOSYNC here and in sync at the daemon is written without a word",[("sync.c","		WRITE_ONCE(us->nosync_owed, us->nosync_owed + 1);\n	return slot->waits;","		;\n	return slot->waits;")]),
("handed","SET_REGION_SYNC 1 to a daemon that did not hand the region out",[("sync.c","in_sync ? us->sync.handed : 0","0")]),
("flush-0","flush() returns 0 whatever the daemon says",[("userspace.c","	r = dm_log_cache_flush(&us->cache, force);","	r = dm_log_cache_flush(&us->cache, force); r = 0;")]),
("pend-lost","what could not be committed does not pend again",[("marks.c","		if (!committed || us->chunks[i] == partly)","		if (us->chunks[i] == partly)")]),
("replay-lost","a resume does not give marks again",[("userspace.c","		WRITE_ONCE(us->replay, true);","		;")]),
("remote","nobody asks whether a region is recovered elsewhere",[("sync.c","	if (has_to_wait(us, region))\n		return 1;","")]),
("untold","a failure that could not be told is forgotten",[("sync.c","			WRITE_ONCE(us->nosync_owed, us->nosync_owed + 1);\n			dm_log","			dm_log")]),
]
for name,what,reps in M:
    if only and name not in only: continue
    if not reps: continue
    m="$W/nodes.host/m"; shutil.rmtree(m,ignore_errors=True); shutil.copytree(T,m)
    ok=True
    for f,a,b in reps:
        p=os.path.join(m,D,f); s=open(p).read()
        if a not in s: print(name,"NOT APPLICABLE",f,repr(a[:50]),flush=True); ok=False; break
        open(p,"w").write(s.replace(a,b,1))
    if not ok: continue
    r=subprocess.run(["./mk.sh",m,"./mutant"],capture_output=True,text=True)
    if r.returncode: print(name,"DOES NOT BUILD",r.stderr[-300:]); continue
    res=[]
    for seed in ("1","2","3"):
        t=time.time()
        try: r=subprocess.run(["./mutant","seed="+seed,"passes=3000000"],capture_output=True,text=True,timeout=120)
        except subprocess.TimeoutExpired: res.append("hangs"); continue
        f=[l for l in r.stdout.splitlines() if l.startswith(("FAIL","DEAD","ASSERT","SPIN","WARN"))]
        st=[l for l in r.stdout.splitlines() if "stories," in l]
        res.append("%s passes%s"%(st[0].split()[2] if st else "rc %d"%r.returncode, (" "+f[0].replace("FAIL ","")) if f else " NOT CAUGHT"))
    print("%-14s %s\n    %s"%(name,what,"\n    ".join(res)),flush=True)
