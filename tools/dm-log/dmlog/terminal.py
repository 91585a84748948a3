# SPDX-License-Identifier: GPL-2.0-only
"""A look at a log as text, and its map in characters."""

import os
import sys

from dmlog.store import VERSION

# From no region of a cell dirty to all: what is said, in characters, and in colour.
# Blue and yellow are told apart by everybody, and the characters do without.
LEVELS = ("clean", "some dirty, below 10 %", "10 to 50 % dirty", "50 % and more dirty",
          "all dirty")
SHADES = "\u00b7\u2591\u2592\u2593\u2588"
ASCII = ".-+*#"
COLOURS = (34, 33, 33, 33, 93)

LABEL = 11                  # columns in front of a row of the map


def level(share):
    """Which of the levels; a single dirty region of millions is not nothing."""
    if share in (0, 1):
        return 4 * int(share)
    return 1 if share < 0.1 else 2 if share < 0.5 else 3


def meanings(fold):
    """The levels that a fold's cells can have, and what they mean."""
    if fold.per_cell == 1:
        return [(0, "clean"), (4, "dirty")]
    return list(enumerate(LEVELS))


def size(sectors):
    """Sectors of 512 bytes, in the unit that suits."""
    value, unit = sectors * 512, "B"
    for larger in ("KiB", "MiB", "GiB", "TiB", "PiB", "EiB", "ZiB"):
        if value < 1024:
            break
        value, unit = value / 1024, larger
    return f"{value:.1f}".rstrip("0").rstrip(".") + " " + unit


def duration(seconds):
    seconds = round(seconds)
    hours, minutes = seconds // 3600, seconds // 60 % 60
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {seconds % 60} s" if minutes else f"{seconds} s"


def percent(part, whole):
    """Rounded, but neither to all nor to nothing."""
    share = 100 * part / whole if whole else 0
    if 0 < share < 0.1:
        return "< 0.1 %"
    if 99.9 < share < 100:
        return "> 99.9 %"
    return f"{share:.1f} %"


def printable(words):
    """Names come from devices and from other people: none may command a terminal."""
    return "".join(c if c.isprintable() else "?" for c in words)


def plural(number, noun):
    return f"{number} {noun}{'' if number == 1 else 's'}"


def knows_unicode():
    """Can the terminal show more than ASCII?"""
    env = os.environ.get
    if "utf" not in (sys.stdout.encoding or "").lower():
        return False
    # Python puts C.UTF-8 in the place of C, which says nothing of the terminal.
    if not env("LC_ALL") and env("LC_CTYPE") == "C.UTF-8" and env("LANG", "") in ("", "C", "POSIX"):
        return False
    return "utf" in (env("LC_ALL") or env("LC_CTYPE") or env("LANG") or "").lower()


class Style:
    def __init__(self, unicode=None, colour=None):
        if unicode is None:
            unicode = knows_unicode()
        if colour is None:
            colour = sys.stdout.isatty() and not os.environ.get("NO_COLOR") \
                and os.environ.get("TERM") != "dumb"
        self.shades = SHADES if unicode else ASCII
        self.colour = colour

    def paint(self, levels):
        """A row of cells; a colour is named where it changes."""
        out, last = [], None
        for n in levels:
            if self.colour and COLOURS[n] != last:
                last = COLOURS[n]
                out.append(f"\x1b[{last}m")
            out.append(self.shades[n])
        if last:
            out.append("\x1b[0m")
        return "".join(out)


def map_columns(columns):
    """How many cells fit in a row: a multiple of 16 if there is room."""
    room = max(1, columns - LABEL)
    return room // 16 * 16 or room


def place(look, region):
    """Where a region begins: its offset in the mirror, or its number."""
    return size(region * look.region_sectors) if look.region_sectors else str(region)


def map_lines(look, fold, columns, style):
    per_row = map_columns(columns)
    levels = [level(fold.share(cell)) for cell in range(len(fold.dirty))]
    for first in range(0, len(levels), per_row):
        label = place(look, first * fold.per_cell)
        yield f"{label:>{LABEL - 1}} {style.paint(levels[first:first + per_row])}"
    what = plural(fold.per_cell, "region")
    if look.region_sectors:
        what += f", {size(fold.per_cell * look.region_sectors)}"
    yield ""
    words = [f"{style.paint([n])} {meaning}" for n, meaning in meanings(fold)]
    # Two or three to a line, for narrow windows.
    yield f"{'a cell is':>{LABEL - 1}} {what}"
    for n in range(0, len(words), 3):
        yield f"{'':>{LABEL}}{'   '.join(words[n:n + 3])}"


def mirror_lines(look, progress):
    mirror = look.mirror
    state = f"{mirror.in_sync} of {plural(mirror.total, 'region')} in sync " \
            f"({percent(mirror.in_sync, mirror.total)})"
    yield "mirror", f"{mirror.name}, {size(mirror.length)}, {plural(len(mirror.legs), 'leg')} " \
                    f"({' '.join(mirror.legs)}), health {mirror.health}"
    yield "log type", f"{mirror.log_type}, status \"{mirror.log_status}\""
    yield "resync", state
    failed = mirror.failed(progress)
    if failed:
        yield "", f"{plural(failed, 'region')} could not be copied"
        return
    if "S" in mirror.health and mirror.in_sync != mirror.total:
        yield "", "a copy has failed, and is tried again at the end"
    if not progress or mirror.in_sync == mirror.total or progress.rate() is None:
        return
    rate = progress.rate()
    speed = f"{rate:.1f} regions/s"
    if mirror.region_sectors:
        speed += f", {size(int(rate * mirror.region_sectors))}/s"
    left = progress.seconds_left(mirror.total)
    yield "", f"{speed}, {duration(left)} left" if left else "nothing was copied lately"


def move_lines(move, progress):
    """Of all segments together; the mirror's own lines are about one of them."""
    yield "move", f"segment {move.segment} of {move.segments}, {size(move.moved)} of " \
                  f"{size(move.sectors)} moved ({percent(move.moved, move.sectors)})"
    left = progress and progress.seconds_left(move.sectors)
    if left:
        yield "", f"{size(int(progress.rate()))}/s, {duration(left)} left for all segments"


def log_lines(look):
    log = look.log
    yield "log", f"{log.source.path}, version {log.header.version}" \
        f"{'' if log.header.version == VERSION else ' (old)'}, header for " \
        f"{plural(log.header.nr_regions, 'region')}"
    record = "none: the region size is not on the device"
    if log.record:
        record = f"regions of {log.record.region_sectors} sectors"
        if log.record.uuid:
            record += f", mirror {log.record.uuid}"
        record += ", not believed" if log.record.doubt else ", agrees with the header"
    yield "record", record
    regions = str(log.regions)
    if look.region_sectors:
        regions += f" of {size(look.region_sectors)}, {size(log.regions * look.region_sectors)}"
    yield "regions", regions
    dirty = f"{look.dirty} ({percent(look.dirty, log.regions)})"
    if look.region_sectors and look.dirty:
        dirty += f", {size(look.dirty * look.region_sectors)} to copy after a crash"
    yield "dirty", dirty
    for note in log.notes:
        yield "note", note


def range_lines(look):
    for first, last in look.ranges.found:
        regions = f"{first}" if first == last else f"{first} to {last}"
        where = ""
        if look.region_sectors:
            begin, end = (n * look.region_sectors for n in (first, last + 1))
            where = f"  at {size(begin)}, {size(end - begin)}"
        yield f"{'':>{LABEL}}{regions}{where}"
    if not look.ranges.complete:
        yield f"{'':>{LABEL}}... and more (--ranges {look.ranges.limit * 10} lists more)"


def lines(look, columns, style, progress=None, of_move=None):
    """All of a look: what is known, what is dirty, the map."""
    pairs = []
    if look.mirror and look.mirror.move:
        pairs += move_lines(look.mirror.move, of_move)
    if look.mirror:
        pairs += mirror_lines(look, progress)
    if look.log:
        pairs += log_lines(look)
    for name, value in pairs:
        yield f"{name:>{LABEL - 1}} {printable(value)}"
    if look.problem:
        yield f"{'note':>{LABEL - 1}} {printable(look.problem)}"
    if not look.log:
        return
    if look.ranges and look.ranges.found:
        yield ""
        yield f"{'':>{LABEL}}dirty regions"
        yield from range_lines(look)
    yield ""
    yield from map_lines(look, look.fold, columns, style)
