# SPDX-License-Identifier: GPL-2.0-only
"""The dirty map as an SVG picture."""

import html
import itertools
import os
import stat
import tempfile

from dmlog.store import BadLog
from dmlog.terminal import level, meanings, percent, place, plural, size

COLUMNS, ROWS = 128, 64     # cells, at most
WIDTH = 896                 # of the map
LEFT, TOP = 90, 84
# From light to dark, so that it does without colour as well.
COLOURS = ("#dbe6f2", "#f6c26b", "#e8862e", "#b8480c", "#5c1a00")
INK = "#1b1b1b"
FONT = 'font-family="DejaVu Sans, Arial, sans-serif"'


def text(x, y, words, points=12, more=""):
    return f'<text x="{x}" y="{y}" {FONT} font-size="{points}" fill="{INK}"{more}>' \
           f'{html.escape(words)}</text>'


def box(x, y, width, height, n):
    # Without the seam cells that touch would look like one.
    return f'<rect x="{x}" y="{y}" width="{width - 1}" height="{height - 1}" fill="{COLOURS[n]}"/>'


def heading(look):
    log = look.log
    facts = plural(log.regions, "region")
    if look.region_sectors:
        facts += f" of {size(look.region_sectors)} ({look.region_sectors} sectors), " \
                 f"{size(log.regions * look.region_sectors)} in all"
    facts += f"; {look.dirty} dirty ({percent(look.dirty, log.regions)})"
    if look.mirror:
        facts += f"; {look.mirror.in_sync} of {look.mirror.total} in sync"
    return f"Dirty regions of {look.name}", facts


class Grid:
    """Where the cells are: few are drawn large, and in fewer columns."""

    def __init__(self, nr_cells):
        self.columns = COLUMNS
        while self.columns > 16 and self.columns * self.columns > 2 * nr_cells:
            self.columns //= 2
        self.rows = -(-nr_cells // self.columns)
        self.cell = min(28, WIDTH // self.columns)
        self.bottom = TOP + self.rows * self.cell

    def draw(self, look, fold):
        levels = [level(fold.share(cell)) for cell in range(len(fold.dirty))]
        for row in range(self.rows):
            y = TOP + row * self.cell
            first = row * self.columns
            if row % 4 == 0:
                yield text(LEFT - 8, y + self.cell // 2 + 4, place(look, first * fold.per_cell), 9,
                           ' text-anchor="end"')
            x = LEFT
            for n, same in itertools.groupby(levels[first:first + self.columns]):
                width = len(list(same)) * self.cell
                yield box(x, y, width, self.cell, n)
                x += width


def legend(look, fold, y):
    words = f"One cell is {plural(fold.per_cell, 'region')}"
    if look.region_sectors:
        words += f", {size(fold.per_cell * look.region_sectors)}"
    yield text(LEFT, y, words + ". Rows run from left to right, the mirror from top to bottom.")
    for i, (n, meaning) in enumerate(meanings(fold)):
        x = LEFT + i * 180
        yield box(x, y + 14, 15, 8, n)
        yield text(x + 20, y + 22, meaning)


def svg(look, fold):
    """The picture as a string."""
    grid = Grid(len(fold.dirty))
    width, height = LEFT + WIDTH + 24, grid.bottom + 68
    title, facts = heading(look)
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}" role="img" aria-labelledby="title desc">',
        f'<title id="title">{html.escape(title)}</title>',
        f'<desc id="desc">{html.escape(facts)}</desc>',
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
        text(LEFT, 34, title, 18, ' font-weight="bold"'),
        text(LEFT, 58, facts),
        *grid.draw(look, fold),
        *legend(look, fold, grid.bottom + 30),
        "</svg>", ""])


def save(path, picture, source):
    """Put the picture into a new file that then takes the name, if that is harmless."""
    try:
        if os.path.exists(path):
            if not stat.S_ISREG(os.stat(path).st_mode) or os.path.samefile(path, source):
                raise BadLog(f"{path}: is a device, a directory or the log itself: "
                             "expected the name of a picture to write")
        directory = os.path.dirname(os.path.abspath(path))
        with tempfile.NamedTemporaryFile("w", encoding="utf-8", dir=directory,
                                         prefix=".dm-log-show.", delete=False) as f:
            try:
                f.write(picture)
                mask = os.umask(0)
                os.umask(mask)
                os.chmod(f.name, 0o666 & ~mask)
                os.replace(f.name, path)
            except OSError:
                os.unlink(f.name)
                raise
    except OSError as e:
        raise BadLog(f"{path}: cannot be written: {e.strerror}") from e
