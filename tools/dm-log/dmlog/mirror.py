# SPDX-License-Identifier: GPL-2.0-only
"""A live mirror: what dmsetup says of it, and where its log is."""

import collections
import os
import re
import stat
import subprocess
import time

from dmlog.store import BadLog

RATE_SECONDS = 60           # the time that a resync's rate is taken over
STILL_SECONDS = 10          # a copy of one region takes less, even from a slow disk
COUNTERS = "/sys/kernel/debug/dm_log"


def dmsetup(*words):
    # Debian has it where the PATH of other users does not lead.
    env = dict(os.environ, LC_ALL="C", PATH=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    try:
        done = subprocess.run(["dmsetup", *words], env=env, text=True,
                              capture_output=True, check=False)
    except OSError as e:
        raise BadLog(f"dmsetup cannot be run: {e.strerror}") from e
    if done.returncode:
        said = done.stderr.splitlines() or ["failed"]
        raise BadLog(f"dmsetup {' '.join(words)}: {said[0]}")
    return [line.split() for line in done.stdout.splitlines()]


def sysfs(major, minor, attribute):
    try:
        with open(f"/sys/dev/block/{major}:{minor}/{attribute}", encoding="utf-8") as f:
            return f.read()
    except OSError:
        return ""


def device_number(name):
    """Its major:minor, as in the first word of the counters; None if it cannot be had."""
    try:
        return dmsetup("info", "-c", "--noheadings", "--separator", ":", "-o", "major,minor",
                       name)[0][0]
    except (BadLog, IndexError):
        return None


def out_of_sync(number, start):
    """What the log itself counts as out of sync; None: nobody tells, or it is not ours."""
    try:
        with open(COUNTERS, encoding="utf-8") as f:
            for line in f:
                words = line.split()
                if words[:2] == [number, str(start)] and "live=1" in words:
                    return next(int(w[12:]) for w in words if w.startswith("out_of_sync="))
    except (OSError, StopIteration, ValueError):
        pass
    return None


def dm_name(target):
    """The device-mapper name behind a path, a name or vg/lv; None: something else."""
    try:
        st = os.stat(target)
    except OSError:
        # No node need be there, if udev is not.
        name = target.removeprefix("/dev/").removeprefix("mapper/")
        if name.startswith("/"):
            return None
        # LVM doubles the dashes inside of names.
        return "-".join(part.replace("-", "--") for part in name.split("/")) \
            if "/" in name else name
    if not stat.S_ISBLK(st.st_mode):
        return None
    return sysfs(os.major(st.st_rdev), os.minor(st.st_rdev), "dm/name").strip() or None


def device_path(numbers):
    """The node of the device with these major:minor."""
    major, minor = map(int, numbers.split(":"))
    for line in sysfs(major, minor, "uevent").splitlines():
        if line.startswith("DEVNAME="):
            path = "/dev/" + line[len("DEVNAME="):]
            if os.path.exists(path) and os.stat(path).st_rdev == os.makedev(major, minor):
                return path
    raise BadLog(f"log device {numbers}: has no node in /dev, expected one to read it from")


class Mirror:
    """One mirror target of a table: LVM's pvmove makes tables with several."""

    def __init__(self, name, words):
        self.name = name
        self.start, self.length = int(words[0]), int(words[1])
        self.log_type = words[3]
        arguments = words[5:5 + int(words[4])]
        legs = words[5 + len(arguments):]
        self.legs = legs[1:1 + 2 * int(legs[0]):2]
        self.log_device = self.region_sectors = self.regions = None
        if self.log_type == "disk":
            self.log_device, self.region_sectors = arguments[0], int(arguments[1])
        elif self.log_type == "core":
            self.region_sectors = int(arguments[0])
        self.arguments = arguments
        if self.region_sectors:
            self.regions = -(-self.length // self.region_sectors)
        self.in_sync = self.total = self.move = None
        self.health = self.log_status = ""

    def update(self, words):
        """Take in the status line of the same target."""
        rest = words[4 + int(words[3]):]
        self.in_sync, self.total = map(int, rest[0].split("/"))
        self.health = rest[2]
        self.log_status = " ".join(rest[3:])
        # What the daemon of a userspace log says goes without a region size.
        self.regions = self.total

    def to_copy(self):
        """Regions that are not in sync. The status may call one less in sync than are, see
        the manual, "A leg cannot be flushed"."""
        counted = out_of_sync(device_number(self.name), self.start)
        return self.total - self.in_sync if counted is None else counted

    def failed(self, progress):
        """Regions that could not be copied; None: that cannot be said yet, or nobody looked
        for long enough. A letter of the health tells that a copy has failed; it is tried
        once more when all others have been, so the number is known when nothing moves."""
        if self.in_sync == self.total:
            return 0
        if "S" not in self.health or not progress or progress.still() < STILL_SECONDS:
            return None
        return self.to_copy()

    def log_health(self):
        return self.log_status.split()[-1] if self.log_type == "disk" else None

    def why_no_map(self):
        if self.log_type == "core":
            return "the log is in the kernel's memory: there is no map to be read, only progress"
        more = ""
        if "clustered-disk" in self.arguments[1:-2]:
            device = self.arguments[self.arguments.index("clustered-disk", 1) + 1]
            more = f"; what it has on its device {device} can be looked at by that name"
        return (f"the log is kept elsewhere (type {self.log_type}, {' '.join(self.arguments)}): "
                f"there is no map to be read, only progress{more}")


class Move:
    """A table of mirrors and linear parts, which is how LVM moves a volume: what has been
    moved, and what is to be, is linear. The mirror's first leg is where it comes from."""

    def __init__(self, table, found):
        sources = {mirror.legs[0] for mirror in found}
        current = min(mirror.start for mirror in found)
        self.segments = len(table)
        self.segment = 1 + sum(int(words[0]) < current for words in table)
        self.sectors = sum(int(words[1]) for words in table)
        self.moved = sum(int(words[1]) for words in table
                         if words[2] == "linear" and words[3] not in sources)
        for mirror in found:
            self.moved += min(mirror.length, mirror.in_sync * (mirror.region_sectors or 0))

    @staticmethod
    def is_one(name, table, found):
        """LVM's name, or its kind of table."""
        return bool(found) and all(words[2] in ("linear", "mirror") for words in table) and \
            (len(table) > len(found) or re.search(r"(^|[^-]-)pvmove\d+$", name) is not None)


def mirrors(name):
    """All mirror targets of a device, with their status; [] if it has none."""
    for _ in range(3):
        whole = dmsetup("table", name)
        table = [words for words in whole if words[2:3] == ["mirror"]]
        status = {words[0]: words for words in dmsetup("status", name)
                  if words[2:3] == ["mirror"]} if table else {}
        # Between the two a move may have come to its next segment.
        if status.keys() == {words[0] for words in table}:
            break
    found = []
    for words in table:
        try:
            mirror = Mirror(name, words)
            mirror.update(status[words[0]])
        except (IndexError, KeyError, ValueError) as e:
            raise BadLog(f"{name}: table or status not understood: expected those of a mirror, "
                         f"got '{' '.join(words)}'") from e
        found.append(mirror)
    if Move.is_one(name, whole, found):
        found[0].move = Move(whole, found)
    return found


class Progress:
    """How fast a resync goes, over the last minute."""

    def __init__(self):
        self.samples = collections.deque()

    def add(self, in_sync, now=None):
        now = time.monotonic() if now is None else now
        # Less than before: a leg failed, or another table. Begin again.
        if self.samples and in_sync < self.samples[-1][1]:
            self.samples.clear()
        self.samples.append((now, in_sync))
        while len(self.samples) > 2 and self.samples[1][0] <= now - RATE_SECONDS:
            self.samples.popleft()

    def still(self):
        """For how many seconds it has been where it is."""
        (now, last), since = self.samples[-1], None
        for t, n in reversed(self.samples):
            if n != last:
                break
            since = t
        return now - since

    def rate(self):
        """Regions a second, None if nothing can be said yet."""
        if len(self.samples) < 2:
            return None
        (t0, n0), (t1, n1) = self.samples[0], self.samples[-1]
        return (n1 - n0) / (t1 - t0) if t1 > t0 else None

    def seconds_left(self, total):
        """None if it cannot be said: nothing moved."""
        rate = self.rate()
        return (total - self.samples[-1][1]) / rate if rate else None
