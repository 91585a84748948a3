# SPDX-License-Identifier: GPL-2.0-only
"""Many regions made few: what is dirty in each cell of a map, and in which ranges.

A log may have 2^32 regions, which is half a gigabyte of bits. They are looked at
in pieces, and of a piece that is all clean or all dirty no more than that.
"""

import re

from dmlog.store import CHUNK

BLOCK = 4096
ALL_CLEAN = b"\xff" * CHUNK
ALL_DIRTY = bytes(CHUNK)
# Bytes with dirty regions: runs of nothing else, and runs of mixed ones.
NOT_CLEAN = re.compile(b"\0+|[^\0\xff]+")


class Fold:
    """How many regions are dirty in each cell of a map with at most so many cells.

    A cell stands for a power of two of regions, which makes for round numbers and
    for cells that begin with a byte, if they are not smaller than one.
    """

    def __init__(self, regions, max_cells):
        self.regions = regions
        self.per_cell = 1
        while self.per_cell * max_cells < regions:
            self.per_cell *= 2
        self.dirty = [0] * -(-regions // self.per_cell)

    def total(self):
        return sum(self.dirty)

    def share(self, cell):
        """The dirty share of the cell's regions; the last cell may have fewer."""
        size = min(self.per_cell, self.regions - cell * self.per_cell)
        return self.dirty[cell] / size

    def add_dirty(self, first, count):
        end = first + count
        while first < end:
            cell = first // self.per_cell
            next_cell = min(end, (cell + 1) * self.per_cell)
            self.dirty[cell] += next_cell - first
            first = next_cell

    def add_bits(self, first, data):
        if self.per_cell < 8:
            # A byte of bits has several cells.
            for begin, length in dirty_runs(first, data):
                self.add_dirty(begin, length)
            return
        step = self.per_cell // 8
        begin = 0
        while begin < len(data):
            cell = (first // 8 + begin) // step
            end = min(len(data), (cell + 1) * step - first // 8)
            bits = int.from_bytes(data[begin:end], "little")
            self.dirty[cell] += (end - begin) * 8 - bits.bit_count()
            begin = end


class Ranges:
    """The first dirty regions, as [first, last] of each range, no more than a limit."""

    def __init__(self, limit):
        self.limit = limit
        self.found = []
        self.complete = True

    def add_dirty(self, first, count):
        if not self.complete:
            return
        if self.found and self.found[-1][1] == first - 1:
            self.found[-1][1] += count
        elif len(self.found) < self.limit:
            self.found.append([first, first + count - 1])
        else:
            self.complete = False

    def add_bits(self, first, data):
        if not self.complete:
            return
        for begin, length in dirty_runs(first, data):
            self.add_dirty(begin, length)
            if not self.complete:
                return


def dirty_runs(first, data):
    """Yield first region and length of runs that together are all that is dirty."""
    for found in NOT_CLEAN.finditer(data):
        begin = first + found.start() * 8
        if not data[found.start()]:
            yield begin, (found.end() - found.start()) * 8
            continue
        for byte in found[0]:
            for bit in range(8):
                if not byte >> bit & 1:
                    yield begin + bit, 1
            begin += 8


def scan_bits(first, count, data, sinks):
    if data == ALL_CLEAN[:len(data)]:
        return
    # The bits of a last byte that are no regions are set, so this is exact.
    if data == ALL_DIRTY[:len(data)]:
        for sink in sinks:
            sink.add_dirty(first, count)
    elif len(data) > BLOCK:
        for begin in range(0, len(data), BLOCK):
            block = data[begin:begin + BLOCK]
            scan_bits(first + begin * 8, min(BLOCK * 8, count - begin * 8), block, sinks)
    else:
        for sink in sinks:
            sink.add_bits(first, data)


def scan(log, sinks):
    """Show all regions of the log to folds and ranges, in order."""
    for first, count, data in log.chunks():
        scan_bits(first, count, data, sinks)
    if log.recorded < log.regions:
        for sink in sinks:
            sink.add_dirty(log.recorded, log.regions - log.recorded)
