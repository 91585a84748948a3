#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Record how much CPU time the host gives to a User-Mode Linux guest.

  cputime.py TEXT > cputime.tsv

The guest is the one whose uml_dir= begins with TEXT. Fifty times a second a line
"time in us <tab> CPU time in us", until the guest ends. It has one CPU and no
notion of stolen time, so on a busy host it takes waiting for slowness. What the
host's scheduler knows (/proc/PID/schedstat, first number) is summed over the
guest's processes, of which one at a time has something to do.
"""

import os
import sys
import time


def guest_pids(text):
    pids, sessions = [], set()
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/stat") as f:
                session = f.read().rpartition(")")[2].split()[3]
            with open(f"/proc/{pid}/cmdline") as f:
                cmdline = f.read()
        except OSError:
            continue
        pids.append((pid, session))
        if f"uml_dir={text}" in cmdline:
            sessions.add(session)
    return [pid for pid, session in pids if session in sessions]


def main():
    text = sys.argv[1]
    used = {}
    pids, look_again, seen = [], 0, False
    while True:
        now = time.time()
        if now >= look_again:
            pids = guest_pids(text)
            look_again = now + 0.2
            if seen and not pids:
                return
            seen = seen or bool(pids)
        for pid in pids:
            try:
                with open(f"/proc/{pid}/schedstat") as f:
                    used[pid] = int(f.read().split()[0])
            except OSError:
                pass  # ended; what it used still counts
        print(f"{now * 1e6:.0f}\t{sum(used.values()) // 1000}", flush=True)
        time.sleep(0.02)


if __name__ == "__main__":
    main()
