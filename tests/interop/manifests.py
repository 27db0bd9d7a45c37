"""Manifests taken apart and put together, so that tests can write what only old writers wrote.

Only the messages that are named here are known; the rest is kept as bytes.  Source: table.proto.
"""

import pathlib
import struct

FIELDS, FRAGMENTS, WRITER_FLAGS, WRITER_VERSION, DATA_FORMAT = 1, 2, 10, 13, 15  # of Manifest
FIELD_ID = 3  # of Field
ID, FILES, DELETION_FILE, PHYSICAL_ROWS = 1, 2, 3, 4  # of DataFragment
FIELD_IDS, SIZE = 2, 6  # of DataFile
DELETED_ROWS = 4  # of DeletionFile


def varint(value):
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes(out) + bytes([value])


def read_varint(data, at):
    value = shift = 0
    while True:
        value |= (data[at] & 127) << shift
        shift, at = shift + 7, at + 1
        if data[at - 1] < 128:
            return value, at


class Message:
    """A message as a list of [number, value]; a value is an int or bytes."""

    def __init__(self, data=b""):
        self.items, at = [], 0
        while at < len(data):
            tag, at = read_varint(data, at)
            assert tag & 7 in (0, 2), "a kind of field that manifests have not"
            value, at = read_varint(data, at)
            if tag & 7 == 2:
                value, at = data[at:at + value], at + value
            self.items.append([tag >> 3, value])

    def __bytes__(self):
        return b"".join(varint(n << 3) + varint(v) if isinstance(v, int) else
                        varint(n << 3 | 2) + varint(len(v)) + v for n, v in self.items)

    def __getitem__(self, number):
        return [value for n, value in self.items if n == number]

    def __setitem__(self, number, values):
        """Put these values where those of the number were."""
        self.items = [item for item in self.items if item[0] != number] + [[number, value] for value in values]

    def change(self, number, function, only=None):
        """Apply function(message) to each message of the number, or to one of them."""
        made = []
        for i, value in enumerate(self[number]):
            message = Message(value)
            if only in (None, i):
                function(message)
            made.append(bytes(message))
        self[number] = made


def path_of(dataset, version):
    versions = pathlib.Path(dataset) / "_versions"
    found = [p for p in (versions / f"{version}.manifest", versions / f"{2**64 - 1 - version:020}.manifest")
             if p.exists()]
    return found[0]


def patch(dataset, version, function):
    """Apply function(message) to the manifest of a version; what lies in front of it stays."""
    path = path_of(dataset, version)
    data = path.read_bytes()
    position, = struct.unpack_from("<Q", data, len(data) - 16)
    length, = struct.unpack_from("<I", data, position)
    message = Message(data[position + 4:position + 4 + length])
    function(message)
    made = bytes(message)
    path.write_bytes(data[:position] + struct.pack("<I", len(made)) + made + data[-16:])
