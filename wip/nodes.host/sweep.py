import subprocess,sys
names="meet fail_write fail_copy fail_leg_flush fail_disk lose_ask lose_answer late error nonsense send restart crash power suspend reload leave status".split()
b=sys.argv[1]; ds=[int(x) for x in sys.argv[2].split(",")]; P=sys.argv[3] if len(sys.argv)>3 else "100000"; extra=sys.argv[4:]
for d in ds:
  for i,n in enumerate(names):
    for wm in (0,1):
        if i==0 and not wm: continue
        r=subprocess.run([b,"seed=7","events=%d"%((1<<i)|wm),"daemon=%d"%d,"passes="+P]+extra,capture_output=True,text=True)
        o=r.stdout
        f=[l for l in o.splitlines() if l.startswith(("FAIL","DEAD","ASSERT","SPIN"))]
        st=[l for l in o.splitlines() if "stories" in l]
        print(d,n+(" meet" if wm else ""),f[0] if f else "-", (st[0].split(",")[1] if st else "rc %d"%r.returncode),flush=True)
