# SPDX-License-Identifier: GPL-2.0-only
"""The bytes of a disk log: how to read them, and what they mean.

The format is that of drivers/md/dm-log/store.h.
"""

import fcntl
import mmap
import os
import stat
import struct
import zlib

MAGIC = 0x4D695272          # bytes 72 52 69 4d
VERSION = 2
BITSET = 1024               # the byte where the bitset begins
RECORD_MAGIC = 0x65676552474F4C44   # "DLOGRege"
MAX_REGIONS = 0xFFFFFFFF    # more a mirror cannot have

CHUNK = 1 << 20
ALIGN = 4096
BLKSSZGET = 0x1268

# What else may be found where a log was expected: offset, bytes, name.
STRANGERS = (
    (512, b"LABELONE", "an LVM physical volume"),
    (4096, b"\xfc\x4e\x2b\xa9", "a member of an md array"),
    (0, b"bitm", "an md write-intent bitmap"),
    (0, b"SnAp", "a device-mapper snapshot's exception store"),
    (0, b"LUKS\xba\xbe", "a LUKS volume"),
    (0, b"XFSB", "an XFS file system, perhaps a leg of the mirror"),
    (1080, b"\x53\xef", "an ext2/3/4 file system, perhaps a leg of the mirror"),
    (510, b"\x55\xaa", "a disk with a partition table or boot sector"),
)


class BadLog(Exception):
    """What was found, what was expected, and what that means: one sentence."""


def log_bytes(nr_regions):
    """Header and bitset of so many regions, without the rounding to blocks."""
    return BITSET + (nr_regions + 63) // 64 * 8


class Source:
    """A file or block device that is only ever read.

    The kernel writes to a log device below the buffer cache of that device, so
    reads that go through the cache may find what was there long ago. Reads of
    block devices therefore go around it.
    """

    def __init__(self, path):
        self.path = path
        self.fd = -1
        flags = os.O_RDONLY | os.O_CLOEXEC
        try:
            mode = os.stat(path).st_mode
            if stat.S_ISBLK(mode):
                flags |= os.O_DIRECT
            elif not stat.S_ISREG(mode):
                raise BadLog(f"{path}: neither a file nor a block device: "
                             "expected a disk log, or an image of one")
            self.fd = os.open(path, flags)
            self.is_device = stat.S_ISBLK(mode)
            self.size = os.lseek(self.fd, 0, os.SEEK_END)
        except OSError as e:
            self.close()
            raise BadLog(f"{path}: cannot be opened: {e.strerror}") from e
        self.align = max(ALIGN, self.block_size())
        self.buffer = mmap.mmap(-1, max(CHUNK, self.align))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1

    def block_size(self):
        if not self.is_device:
            return 1
        answer = fcntl.ioctl(self.fd, BLKSSZGET, struct.pack("i", 0))
        return struct.unpack("i", answer)[0]

    def read(self, first, end):
        """Yield the bytes from first to end, or to the end of the source."""
        position = first // self.align * self.align
        end = min(end, self.size)
        while position < end:
            want = min(len(self.buffer), -(-(end - position) // self.align) * self.align)
            try:
                got = os.preadv(self.fd, [memoryview(self.buffer)[:want]], position)
            except OSError as e:
                raise BadLog(f"{self.path}: bytes {position} to {position + want - 1} "
                             f"cannot be read: {e.strerror}") from e
            if got == 0:
                raise BadLog(f"{self.path}: ends at byte {position}, expected {self.size} "
                             "bytes: it became shorter while it was read")
            skip = max(0, first - position)
            yield self.buffer[skip:min(got, end - position)]
            position += got

    def head(self):
        return b"".join(self.read(0, 2 * ALIGN))


class Header:
    """The first 16 bytes, found to be those of a log that can be understood."""

    def __init__(self, head, name):
        if len(head) < BITSET:
            raise BadLog(f"{name}: {len(head)} bytes, expected at least {log_bytes(1)}: "
                         "no dirty region log is as short as that")
        self.magic, self.version, self.nr_regions = struct.unpack_from("<IIQ", head)
        if self.magic != MAGIC:
            raise BadLog(f"{name}: byte 0: magic 0x{self.magic:08X}, expected 0x{MAGIC:08X} "
                         f"(bytes 72 52 69 4d): {self.stranger(head)}")
        if self.version not in (1, VERSION):
            raise BadLog(f"{name}: byte 4: version {self.version}, expected {VERSION}: "
                         "a log of a kind not known here; a mirror would take all its "
                         "regions for out of sync and leave the log alone")

    @staticmethod
    def stranger(head):
        """What these bytes may be if they are no log."""
        if struct.unpack_from(">II", head) == (MAGIC, 1):
            return ("a log of version 1 from a big-endian machine; here a mirror "
                    "would begin a new one")
        for offset, pattern, what in STRANGERS:
            if head[offset:offset + len(pattern)] == pattern:
                return f"no dirty region log, this looks like {what}"
        if not any(head[:16]):
            return "no dirty region log, or one that no mirror has used yet (all zeros)"
        return "no dirty region log, or one that no mirror has used yet"


class Record:
    """What the library keeps behind the header: believed only if nothing is wrong with it.

    There is a short form, which ends with a length of 0, and one with the UUID of
    the mirror and a checksum of all that stands before it.
    """

    FORM = struct.Struct("<QQII")
    LONG = struct.Struct("<QQII128sI")

    def __init__(self, nr_regions, region_sectors, uuid, doubt):
        self.nr_regions = nr_regions
        self.region_sectors = region_sectors
        self.uuid = uuid
        self.doubt = doubt      # why it is not believed, or None

    @classmethod
    def parse(cls, head, header):
        """The record, or None if there is none."""
        magic, nr_regions, region_sectors, length = cls.FORM.unpack_from(head, 16)
        if magic != RECORD_MAGIC:
            return None
        uuid = doubt = None
        if nr_regions != header.nr_regions:
            doubt = f"is for {nr_regions} regions, the header for {header.nr_regions}: " \
                    "somebody else wrote the log since"
        elif length == cls.LONG.size:
            *_, name, checksum = cls.LONG.unpack_from(head, 16)
            wanted = zlib.crc32(head[16:16 + cls.LONG.size - 4])
            if checksum == wanted:
                uuid = name.rstrip(b"\0").decode("ascii", "backslashreplace") or None
            else:
                doubt = f"has the checksum 0x{checksum:08x}, expected 0x{wanted:08x}"
        elif length:
            doubt = f"has a length of {length} bytes, expected 0 or {cls.LONG.size}"
        return cls(nr_regions, region_sectors, uuid, doubt)


class Log:
    """A log on a source, seen as a mirror would see it when it is resumed.

    regions is how many the mirror has, as far as that is known; recorded, of how
    many of them the bitset tells. The others are dirty.
    """

    def __init__(self, source, regions=None, region_sectors=None):
        head = source.head()
        self.source = source
        self.notes = []
        self.header = Header(head, source.path)
        self.record = Record.parse(head, self.header)
        self.region_sectors = region_sectors
        self.check_record()
        self.count_regions(regions)
        if self.header.version == 1:
            self.notes.append(f"version 1, as old kernels wrote it; becomes version {VERSION} "
                              "when a mirror is resumed with it")

    def check_record(self):
        record = self.record
        if not record:
            return
        if record.doubt:
            self.notes.append(f"the record behind the header {record.doubt}; it is not believed")
        elif record.region_sectors < 2 or record.region_sectors & (record.region_sectors - 1):
            raise BadLog(
                f"{self.source.path}: byte 32: regions of {record.region_sectors} sectors, "
                "expected a power of two: no mirror has such regions, so it would take all "
                "of them for out of sync")
        elif self.region_sectors is None:
            self.region_sectors = record.region_sectors
        elif self.region_sectors != record.region_sectors:
            raise BadLog(
                f"{self.source.path}: byte 32: regions of {record.region_sectors} sectors, "
                f"expected {self.region_sectors}: the bits say nothing about such "
                "regions, a mirror would take all of them for out of sync")

    def count_regions(self, regions):
        path, size = self.source.path, self.source.size
        recorded = self.header.nr_regions
        room = (size - BITSET) // 8 * 64
        if recorded > MAX_REGIONS and recorded > room:
            self.notes.append(f"prepared for a mirror of any size, as LVM does it: the header "
                              f"says {recorded} regions")
            if regions is None:
                recorded = min(room, MAX_REGIONS)
                self.notes.append(f"how many the mirror has is not known, all {recorded} bits "
                                  "that there is room for are shown")
        self.regions = recorded if regions is None else regions
        self.recorded = min(recorded, self.regions)
        if self.recorded > room:
            raise BadLog(f"{path}: {size} bytes, expected {log_bytes(self.recorded)} for "
                         f"{self.recorded} regions: cut short")
        if self.recorded < self.regions:
            self.notes.append(f"the log tells of {self.recorded} regions, the mirror has "
                              f"{self.regions}: the others are dirty")

    def chunks(self):
        """Yield first region, number of regions, and their bits, all others set."""
        first = 0
        for data in self.source.read(BITSET, BITSET + (self.recorded + 7) // 8):
            count = min(len(data) * 8, self.recorded - first)
            if count % 8:
                data = data[:-1] + bytes([data[-1] | 0xff << count % 8 & 0xff])
            yield first, count, data
            first += count
