#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""What the figures of guest.sh mean: a table, TAP, and pictures.

  report.py [--table] [--tap] [--svg DIRECTORY] raw.tsv

A figure is the median of the runs; where two variants ran by turns, that of all
turns together. A figure that was not measured is "-".

If there is a cputime.tsv (see cputime.py) beside raw.tsv, seconds are those in
which the guest ran or had nothing to do, not those in which it wanted to run and
the host did not let it.
"""

import argparse
import bisect
import collections
import csv
import os
import statistics
import sys

NR_HUGE = 1 << 31

# The most that mark, clear and in_sync may take. A mirror does each a few times for a write.
MAX_NS = 40

# Words in the names of goals that a quick run leaves out.
FULL_ONLY = ("instant log: log bytes", "instant, 512 B", "1ms, 4096 B", "disk log: ")


# What a mirror's worker asks a log's daemon.
REQUESTS = ("IN_SYNC", "FLUSH", "MARK_REGION", "CLEAR_REGION", "GET_RESYNC_WORK",
            "SET_REGION_SYNC", "GET_SYNC_COUNT", "IS_REMOTE_RECOVERING")


class CpuTime:
    """CPU time that the host gave to the guest."""

    def __init__(self, path):
        self.samples = []
        if os.path.exists(path):
            with open(path) as f:
                self.samples = [tuple(map(int, line.split())) for line in f]
        self.times = [t for t, _ in self.samples]

    def until(self, us):
        n = bisect.bisect_right(self.times, us)
        if n == 0 or n == len(self.times):
            return self.samples[0 if n == 0 else -1][1]
        (t0, c0), (t1, c1) = self.samples[n - 1:n + 1]
        return c0 + (c1 - c0) * (us - t0) / (t1 - t0)

    def between(self, start, end):
        return self.until(end) - self.until(start)


class Figures:
    def __init__(self, path):
        self.runs = collections.defaultdict(dict)
        self.cpu = CpuTime(os.path.join(os.path.dirname(path), "cputime.tsv"))
        self.wall_us = self.own_us = 0
        with open(path, newline="") as f:
            for row in csv.DictReader(f, delimiter="\t"):
                key = (row["experiment"], row["size"], row["latency"],
                       row["block"], row["variant"], row["metric"])
                self.runs[key][row["run"]] = float(row["value"])
        for key in [k for k in self.runs if k[5] == "us"]:
            self.guest_time(key[:4], key[4])

    def guest_time(self, case, variant):
        """Put own_us, the guest's own time, and what follows from it."""
        start = self.get(case, variant, "start_us")
        writes = self.get(case, variant, "writes")
        cpu_ms = self.get(case, variant, "cpu_ms")
        idle = self.get(case, variant, "idle_us")
        own = {}
        for run, us in self.get(case, variant, "us").items():
            own[run] = us
            self.runs[(*case, variant, "own_share")][run] = 1
            if self.cpu.samples:
                ran = self.cpu.between(start[run], start[run] + us)
                own[run] = min(us, ran + idle[run])
                self.runs[(*case, variant, "own_share")][run] = own[run] / us
            self.wall_us += us
            self.own_us += own[run]
            if run in cpu_ms:
                self.runs[(*case, variant, "own_cpu_ms")][run] = \
                    cpu_ms[run] * own[run] / us
        if case[0].endswith("-turns"):
            own, writes = ({"all": sum(v.values())} for v in (own, writes))
        if writes:
            self.runs[(*case, variant, "iops")] = {
                run: writes[run] * 1e6 / own[run] for run in own}

    def get(self, case, variant, metric):
        """Values by run."""
        if metric.endswith("_per_counted_write"):
            return self.quotient(self.requests(case, variant, metric.split("_per_")[0]),
                                 self.get(case, variant, "count_writes"))
        if metric == "log_bytes_per_write":
            return self.quotient(self.get(case, variant, "log_bytes"),
                                 self.get(case, variant, "writes"))
        return self.runs.get((*case, variant, metric), {})

    def requests(self, case, variant, what):
        """Requests of one type, or of "all", or those that "change" something. Not of a run
        whose count is incomplete."""
        types = {"all": REQUESTS, "change": ("MARK_REGION", "CLEAR_REGION", "FLUSH")}
        return {run: sum(self.get(case, variant, "count_" + t).get(run, 0)
                         for t in types.get(what, (what,)))
                for run, lost in self.get(case, variant, "count_lost").items() if not lost}

    @staticmethod
    def quotient(a, b):
        return {run: a[run] / b[run] for run in a if b.get(run)}

    def median(self, case, variant, metric):
        values = self.get(case, variant, metric).values()
        return statistics.median(values) if values else None

    def quiet(self, case, variant, metric):
        """As median(), of the half of the runs in which the host gave the guest the most of
        its time. With a daemon it is not enough to leave the waiting out: the stock log
        with cmirrord waits for ticks of the guest's clock, which goes on meanwhile, and the
        guest's processes are the host's, which takes longer to change between them."""
        values = self.get(case, variant, metric)
        share = self.get(case, variant, "own_share")
        runs = sorted(values, key=lambda run: share[run], reverse=True)
        runs = runs[:(len(runs) + 1) // 2]
        return statistics.median(values[r] for r in runs) if runs else None

    def ratio(self, case, variant, base, metric):
        values = self.quotient(self.get(case, variant, metric),
                               self.get(case, base, metric)).values()
        return statistics.median(values) if values else None


# name: what was measured. stock, md, core, ours: figures. ratio: ours to what
# the goal compares it with. goal: (comparison, limit) for judged.
Row = collections.namedtuple("Row", "name stock md core ours ratio judged goal")


def rows(figures):
    f = figures

    def case(pattern, size="1TiB", latency="1ms", block="4096"):
        return (pattern, size, latency, block)

    def load(name, where, metric, ratio=None, goal=None, judge="ours"):
        core = next(filter(None, (f.median(where, v, metric)
                                  for v in ("core-ours", "core-stock", "wait-ours"))), None)
        ours = f.median(where, "ours", metric)
        against = f.ratio(where, "ours", ratio, metric) if ratio else None
        return Row(name, f.median(where, "stock", metric), f.median(where, "md", metric),
                   core if metric == "iops" else None, ours, against,
                   ours if judge == "ours" else against, goal)

    per_write, iops = "log_bytes_per_write", "iops"
    hot, hot1g, uniform = case("hot64M"), case("hot1G"), case("uniform")
    instant, uniform512 = case("hot64M", latency="instant"), case("uniform", block="512")

    yield load("hot 64 MiB, 1 ms log: log bytes per write", hot, per_write,
               goal=("<=", 1))
    yield load("hot 64 MiB, instant log: log bytes per write", instant, per_write,
               goal=("<=", 1))
    yield load("hot 1 GiB, 1 ms log: log bytes per write", hot1g, per_write)
    for pattern, text in (("hot64M", "hot 64 MiB"), ("hot1G", "hot 1 GiB")):
        by_turns = load(f"{text}, 1 ms log: IOPS, against core", case(pattern + "-turns"), iops,
                        "core-ours", (">=", 0.97), "ratio")
        alone = load("", case(pattern), iops)
        yield by_turns._replace(stock=alone.stock, md=alone.md)
    stock_turns = case("hot64M-turns")
    yield Row("the same for stock, 64 MiB: IOPS, against core",
              f.median(stock_turns, "stock", iops), None,
              f.median(stock_turns, "core-stock", iops), None,
              f.ratio(stock_turns, "stock", "core-stock", iops), None, None)
    yield load("hot 64 MiB, instant log: IOPS, against stock", instant, iops, "stock")
    yield load("uniform, 1 ms log: IOPS, against stock", uniform, iops, "stock",
               (">=", 2.5), "ratio")
    yield load("the same, against core that waits for a write once a pass",
               case("uniform-wait-turns"), iops, "wait-ours", (">=", 0.95), "ratio")
    yield load("uniform, instant log: IOPS, against stock",
               case("uniform", latency="instant"), iops, "stock")
    yield load("uniform, 1 ms log: log bytes per write", uniform, per_write,
               goal=("<=", 4096))
    yield load("uniform, 512-byte blocks: log bytes per write", uniform512, per_write,
               goal=("<=", 512))

    for latency, block in (("instant", "4096"), ("instant", "512"), ("void", "4096"),
                           ("1ms", "4096")):
        for pattern in ("seq", "random"):
            small, large = (case(f"flush-{pattern}", size, latency, block)
                            for size in ("1GiB", "100TiB"))
            times = {v: f.median(large, v, "marked") for v in ("stock", "ours")}
            grows = None
            if times["ours"]:
                grows = times["ours"] / f.median(small, "ours", "marked")
            yield Row(f"flush, ns, 100 TiB against 1 GiB ({pattern}, {latency}, {block} B)",
                      times["stock"], None, None, times["ours"], grows, grows, ("<=", 1.1))

    resync = ("resync", str(1 << 17), "instant", "4096")
    # Header and bits, in blocks.
    log_size = -(-(1024 + (1 << 17) // 8) // 4096) * 4096
    size = {v: f.median(resync, v, "log_bytes") for v in ("stock", "ours")}
    times_log = size["ours"] and size["ours"] / log_size
    yield Row("resync of 2^17 regions: log bytes, against the log's size",
              size["stock"], None, None, size["ours"], times_log, times_log, ("<=", 4))

    resume = ("resume", str(NR_HUGE - 128), "instant", "4096")
    yield Row("resume, fresh log, 2^31 regions: CPU ms, against stock",
              f.median(resume, "stock", "own_cpu_ms"), None, None,
              f.median(resume, "ours", "own_cpu_ms"),
              f.ratio(resume, "ours", "stock", "own_cpu_ms"),
              f.ratio(resume, "ours", "stock", "own_cpu_ms"), ("<=", 0.02))

    def ns(name, kind, operation, nr, goal=None, scale=100):
        where = (kind, str(nr), "-", "-")
        stock, ours = (f.median(where, v, operation) for v in ("stock", "ours"))
        ratio = ours / stock if ours is not None and stock else None
        ours = ours and ours / scale
        return Row(name, stock and stock / scale, None, None, ours, ratio, ours, goal)

    def operations(kind, exponent, name):
        # What the map costs while it is in the cache; beyond that it is the memory's time.
        goal = ("<=", MAX_NS) if exponent == 11 else None
        for pattern in ("seq", "random"):
            for operation in ("mark", "clear", "in_sync"):
                yield ns(f"{name}{operation}, ns (2^{exponent} regions, {pattern})",
                         f"ops-{kind}-{pattern}", operation, 1 << exponent, goal)
            if kind == "core":
                yield ns(f"next resync region, ns (2^{exponent} regions, {pattern})",
                         f"ops-core-{pattern}", "resync", 1 << exponent)

    for exponent in (11, 21, 31):
        yield from operations("core", exponent, "")
    for exponent in (11, 21, 31):
        yield ns(f"next resync region, ns, when it is the last of 2^{exponent}",
                 "last", "last", 1 << exponent, scale=1)
    for exponent in (11, 21):
        yield from operations("disk", exponent, "disk log: ")


def daemon_rows(figures):
    """Logs that a daemon keeps."""
    f = figures

    def case(experiment):
        return (experiment, "1TiB", "instant", "4096")

    def row(name, where, metric, goal, core=None, ratio=False):
        stock, ours = (f.median(where, v, metric) for v in ("stock", "ours"))
        against = f.ratio(where, "ours", "stock", metric) if ratio else None
        return Row(name, stock, None, core, ours, against, against if ratio else ours, goal)

    core = f.quiet(case("cmirrord"), "core-ours", "iops")
    for kind in ("core", "disk"):
        load, ask = case(f"cmirrord-{kind}"), case(f"cmirrord-{kind}-ask")
        name = f"clustered-{kind}, hot 64 MiB: "
        stock, ours = (f.quiet(load, v, "iops") for v in ("stock", "ours"))
        ratio = ours / stock if ours and stock else None
        yield Row(name + "IOPS, against stock", stock, None, core, ours, ratio, ratio, (">=", 15))

        # Not one, ever.
        stock, ours = (max(f.requests(load, v, "change").values(), default=None)
                       for v in ("stock", "ours"))
        yield Row(name + "MARK, CLEAR and FLUSH requests", stock, None, None, ours, None, ours,
                  ("<=", 0))
        yield row(name + "IN_SYNC requests per write", load, "IN_SYNC_per_counted_write",
                  ("<=", 1))
        yield row(f"clustered-{kind}: bare IN_SYNC round trip, ns", ask, "asked", None)

        def waits(variant):
            """Seconds of round trips for a write."""
            asked = f.median(load, variant, "IN_SYNC_per_counted_write")
            ns = f.median(ask, variant, "asked")
            return asked * ns / 1e9 if asked and ns else None

        def share(variant):
            iops, seconds = f.quiet(load, variant, "iops"), waits(variant)
            return iops * seconds if iops and seconds else None

        yield Row(name + "share of the time that these round trips take", share("stock"), None,
                  None, share("ours"), None, None, None)
        # One CPU does all of it, so that nothing of it overlaps.
        ours, limit = f.quiet(load, "ours", "iops"), None
        if core and waits("ours"):
            limit = 1 / (1 / core + waits("ours"))
        against = ours / limit if ours and limit else None
        yield Row(name + "IOPS, against core and these round trips", None, None, limit, ours,
                  against, against, (">=", 0.8))

    turns = case("testd-turns")
    against = f.ratio(turns, "ours", "core-ours", "iops")
    yield Row("insync_cache, dm-log-testd, hot 64 MiB: IOPS, against core", None, None,
              f.median(turns, "core-ours", "iops"), f.median(turns, "ours", "iops"), against,
              against, (">=", 0.9))
    # Half of what stock asks is 1 + 2/b for b writes in a pass, and that is what this
    # log asks, too; that a CLEAR has 32 regions comes on top.
    uniform, metric = case("testd-uniform"), "all_per_counted_write"
    yield row("dm-log-testd, uniform: requests per write, against stock", uniform, metric, None,
              ratio=True)
    stock = f.get(uniform, "stock", metric)
    cached = f.get(case("testd-cached"), "ours", metric)
    against = f.quotient(cached, stock).values()
    against = statistics.median(against) if against else None
    yield Row("the same with insync_cache", f.median(uniform, "stock", metric), None, None,
              f.median(case("testd-cached"), "ours", metric), against, against, ("<=", 0.5))


def all_rows(figures):
    yield from rows(figures)
    yield from daemon_rows(figures)


def measured(row):
    return any(v is not None for v in row[1:6])


def met(row):
    comparison, limit = row.goal
    return row.judged <= limit if comparison == "<=" else row.judged >= limit


def number(value):
    if value is None:
        return "-"
    if value and abs(value) < 10:
        return f"{value:.3g}"
    return f"{value:,.0f}"


def print_notes(figures):
    if figures.wall_us:
        print("# The host kept the guest waiting for "
              f"{1 - figures.own_us / figures.wall_us:.0%} of the time; that is not counted.")
    device = {lat: figures.median(("device", "64MiB", lat + "-4096", "-"), "-", "us_per_write")
              for lat in ("1ms", "instant")}
    print("# A 4 KiB write to the log device from user space:",
          ", ".join(f"{lat} {us:,.0f} us" for lat, us in device.items() if us))
    print("# One CPU and no preemption in the guest: locks cost nothing there.")


def print_table(figures):
    print_notes(figures)
    head = ("case (1 TiB mirror unless it says otherwise)", "stock", "md", "core", "ours",
            "ratio", "goal", "met")
    lines = [head]
    for row in filter(measured, all_rows(figures)):
        judged = row.goal and row.judged is not None
        lines.append((row.name, *map(number, row[1:5]),
                      "-" if row.ratio is None else f"{row.ratio:.3g}",
                      f"{row.goal[0]} {row.goal[1]:g}" if row.goal else "",
                      ("yes" if met(row) else "NO") if judged else ""))
    widths = [max(map(len, column)) for column in zip(*lines)]
    for line in lines:
        print(line[0].ljust(widths[0]), *(t.rjust(w) for t, w in zip(line[1:], widths[1:])),
              sep="  ")


def print_tap(figures):
    goals = [r for r in all_rows(figures) if r.goal and
             (r.judged is not None or not any(word in r.name for word in FULL_ONLY))]
    print(f"TAP version 13\n1..{len(goals)}")
    failed = 0
    for n, row in enumerate(goals, 1):
        good = row.judged is not None and met(row)
        failed += not good
        print("ok" if good else "not ok", n,
              f"- {row.name}: {number(row.judged)} (goal {row.goal[0]} {row.goal[1]:g})")
    return not failed


# --- pictures ----------------------------------------------------------------

SIZES = {"1GiB": 2**30, "32GiB": 2**35, "1TiB": 2**40, "10TiB": 10 * 2**40,
         "100TiB": 100 * 2**40}

STYLE = """
  text { font: 14px "DejaVu Sans", Verdana, sans-serif; fill: #24292f; }
  .back { fill: #ffffff; }
  .title { font-size: 17px; font-weight: bold; }
  .grid { stroke: #d0d7de; stroke-width: 1; }
  .axis { stroke: #57606a; stroke-width: 1.5; }
  path, .key { fill: none; stroke-width: 2.5; }
  .stock { stroke: #bc4c00; } .ours { stroke: #0969da; } .core { stroke: #2da44e; }
  circle.stock { fill: #bc4c00; } circle.ours { fill: #0969da; }
  circle.core { fill: #2da44e; }
  .uniform { stroke-dasharray: 7 5; } circle.uniform { stroke-dasharray: none; }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3; } .back { fill: #0d1117; } .grid { stroke: #30363d; }
    .axis { stroke: #8b949e; }
    .stock { stroke: #f0883e; } .ours { stroke: #58a6ff; } .core { stroke: #3fb950; }
    circle.stock { fill: #f0883e; } circle.ours { fill: #58a6ff; }
    circle.core { fill: #3fb950; }
  }
"""

LOADS = (("stock", "hot64M", "stock, hot 64 MiB"),
         ("stock", "uniform", "stock, uniform"),
         ("ours", "hot64M", "this log, hot 64 MiB"),
         ("ours", "uniform", "this log, uniform"))


def log10(x):
    import math
    return math.log10(x)


def draw(path, title, unit, lines, decades, zero):
    """lines: (class, label, [(size, value)]); decades: powers of ten on the y
    axis; zero: below them is a place for 0, which no such axis has."""
    left, right, top, bottom = 100, 700, 60, 400
    first, last = decades
    floor = bottom - (40 if zero else 0)

    def x(size):
        low, high = log10(2**30), log10(100 * 2**40)
        return left + 20 + (right - left - 40) * (log10(size) - low) / (high - low)

    def y(value):
        if value < 10**first:
            return bottom if zero else floor
        return floor - (floor - top) * (log10(value) - first) / (last - first)

    out = []
    for power in range(first, last + 1):
        at = y(10**power)
        out.append(f'<line class="grid" x1="{left}" y1="{at:.1f}" x2="{right}" y2="{at:.1f}"/>'
                   f'<text x="{left - 10}" y="{at + 5:.1f}" text-anchor="end">'
                   f'{10**power:,}</text>')
    if zero:
        out.append(f'<text x="{left - 10}" y="{bottom + 5}" text-anchor="end">'
                   f'&lt; {10**first:,}</text>')
    for name, size in SIZES.items():
        label = name.replace("iB", " iB").replace("G iB", " GiB").replace("T iB", " TiB")
        out.append(f'<line class="grid" x1="{x(size):.1f}" y1="{top}" x2="{x(size):.1f}" '
                   f'y2="{bottom}"/><text x="{x(size):.1f}" y="{bottom + 24}" '
                   f'text-anchor="middle">{label}</text>')
    out.append(f'<line class="axis" x1="{left}" y1="{bottom}" x2="{right}" y2="{bottom}"/>'
               f'<line class="axis" x1="{left}" y1="{top}" x2="{left}" y2="{bottom}"/>')
    legend = bottom + 80
    for n, (kind, label, points) in enumerate(lines):
        at = [(x(SIZES[size]), y(value)) for size, value in points]
        d = " L".join(f"{a:.1f} {b:.1f}" for a, b in at)
        out.append(f'<path class="{kind}" d="M{d}"/>')
        out += [f'<circle class="{kind}" cx="{a:.1f}" cy="{b:.1f}" r="3.5"/>' for a, b in at]
        kx, ky = left + 10 + n % 2 * 300, legend + n // 2 * 24
        out.append(f'<line class="key {kind}" x1="{kx}" y1="{ky - 5}" x2="{kx + 40}" '
                   f'y2="{ky - 5}"/><text x="{kx + 50}" y="{ky}">{label}</text>')
    height = legend + (len(lines) + 1) // 2 * 24
    with open(path, "w") as f:
        f.write(f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 740 {height}" '
                f'width="740" height="{height}" role="img">\n<title>{title}</title>\n'
                f'<style>{STYLE}</style>\n'
                f'<rect class="back" width="740" height="{height}"/>\n'
                f'<text class="title" x="{left}" y="26">{title}</text>\n'
                f'<text x="{left}" y="48">{unit}</text>\n'
                f'<text x="{(left + right) // 2}" y="{bottom + 48}" '
                f'text-anchor="middle">size of the mirror</text>\n'
                + "\n".join(out) + "\n</svg>\n")


def draw_all(figures, directory):
    def line(variant, pattern, metric):
        points = [(size, figures.median((pattern, size, "1ms", "4096"), variant, metric))
                  for size in SIZES]
        return [p for p in points if p[1] is not None]

    def lines(metric):
        for variant, pattern, label in LOADS:
            kind = variant + (" uniform" if pattern == "uniform" else "")
            yield kind, label, line(variant, pattern, metric)

    draw(f"{directory}/dm-log-bytes.svg", "Log traffic", "log bytes written per 4 KiB write",
         list(lines("log_bytes_per_write")), (0, 7), True)
    core = line("core-ours", "hot64M", "iops")
    draw(f"{directory}/dm-log-iops.svg", "Mirror speed, log device with 1 ms per request",
         "4 KiB writes per second, queue depth 16",
         [*lines("iops"), ("core", "no disk log (core), hot 64 MiB", core)], (2, 5), False)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--table", action="store_true")
    parser.add_argument("--tap", action="store_true")
    parser.add_argument("--svg", metavar="DIRECTORY")
    parser.add_argument("raw")
    args = parser.parse_args()

    figures = Figures(args.raw)
    if args.table:
        print_table(figures)
    if args.svg:
        draw_all(figures, args.svg)
    if args.tap and not print_tap(figures):
        sys.exit(1)


if __name__ == "__main__":
    main()
