#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""corpus: starting corpora for the fuzzers, from the golden datasets.

    corpus.py GOLDEN OUT

OUT/<door>/ receives inputs in the form that fuzz_<door>.c takes apart: manifests, transactions,
deletion files, data files, their metadata and their pages as they are, and pages and encodings
made here of those kinds that the golden datasets lack.  Nothing but Python's library is needed.
"""

import io
import pathlib
import re
import struct
import sys
import tarfile

HERE = pathlib.Path(__file__).resolve().parent
MAX_INPUT = 16384
MAX_FOOTER = 4096


# --- protobuf, without its messages ---

def varint(n):
    out = bytearray()
    n &= (1 << 64) - 1
    while n > 127:
        out.append(n & 127 | 128)
        n >>= 7
    out.append(n)
    return bytes(out)


def num(field, value):
    return varint(field << 3) + varint(value)


def sub(field, *parts):
    body = b"".join(parts)
    return varint(field << 3 | 2) + varint(len(body)) + body


def packed(field, *values):
    return sub(field, *(varint(v) for v in values))


def read_varint(p, at):
    n = shift = 0
    while True:
        n |= (p[at] & 127) << shift
        shift += 7
        at += 1
        if p[at - 1] < 128:
            return n, at


def fields(p):
    """(number, value) of each field of a message; bytes for those with a length."""
    at = 0
    while at < len(p):
        tag, at = read_varint(p, at)
        kind = tag & 7
        if kind == 0:
            value, at = read_varint(p, at)
        elif kind == 2:
            n, at = read_varint(p, at)
            value = p[at:at + n]
            at += n
        else:
            n = 8 if kind == 1 else 4
            value = p[at:at + n]
            at += n
        yield tag >> 3, value


def get(p, number, default=None):
    """The last field of that number."""
    for n, value in fields(p):
        if n == number:
            default = value
    return default


def get_all(p, number):
    return [v for n, v in fields(p) if n == number]


def numbers(p, number):
    """A repeated number, packed or not."""
    out = []
    for value in get_all(p, number):
        if isinstance(value, int):
            out.append(value)
            continue
        at = 0
        while at < len(value):
            n, at = read_varint(value, at)
            out.append(n)
    return out


# --- inputs ---

class Corpus:
    def __init__(self, out):
        self.out, self.n = out, {}

    def add(self, door, data):
        if len(data) > MAX_INPUT:
            return
        where = self.out / door
        where.mkdir(parents=True, exist_ok=True)
        self.n[door] = self.n.get(door, 0) + 1
        (where / f"seed-{self.n[door]:04}").write_bytes(data)


def names_of(door):
    """The types that a fuzzer knows, in its order."""
    text = (HERE / f"fuzz_{door}.c").read_text()
    table = re.search(r"types\[\] = \{(.*?)\n\};", text, re.S).group(1)
    return [a or b for a, b in re.findall(r'"([^"]*)"|(BLOB_DESCRIPTOR)', table)]


PAGE_TYPES, ENCODING_TYPES = names_of("page"), names_of("encoding")
SHAPES = [[False], [False, True], [False, False], [False, True, True], [False, False, True, False], [False, 2, True]]
STRUCTURAL, PLANAR, V20_LEAF, V20_LISTS, V20_DICTIONARY = 0, 1, 2, 3, 6


def u16(*values):
    return struct.pack(f"<{len(values)}H", *values)


def page(dialect, type_name, shape, n_rows, descriptor, buffers, first=64, end=128):
    head = bytes([dialect, PAGE_TYPES.index(type_name), SHAPES.index(shape)])
    head += u16(n_rows) + bytes([0, first, end, len(buffers)])
    return head + u16(*map(len, buffers)) + u16(len(descriptor)) + descriptor + b"".join(buffers)


def encoding(position, type_name, n, message, rest, first=64, end=128):
    head = bytes([position, ENCODING_TYPES.index(type_name)]) + u16(n) + bytes([0, first, end])
    return head + u16(len(message)) + message + rest


# --- what golden data files hold ---

LOGICAL = {"int8": "uint8", "uint16": "int16", "halffloat": "int16", "uint32": "int32", "float": "float32",
           "date32:day": "int32", "double": "float64", "uint64": "int64", "large_string": "large_string",
           "date64:ms": "int64", "fixed_size_list:float:3": "float32[3]", "decimal:128:20:3": "decimal(20,3)"}


class Node:
    def __init__(self, message):
        self.id, self.parent = get(message, 3, 0), get(message, 4, 0)
        self.logical = get(message, 5, b"").decode()
        metadata = {get(e, 1, b""): get(e, 2, b"") for e in get_all(message, 10)}
        self.packed = metadata.get(b"lance-encoding:packed", b"").lower() == b"true"
        self.children = []


def tree(messages):
    nodes = [Node(m) for m in messages]
    top = []
    for i, node in enumerate(nodes):
        parent = next((p for p in nodes[:i] if p.id == node.parent), None)
        (parent.children if parent and node.parent < 1 << 31 else top).append(node)
    return top


def is_list(node):
    """The size of a fixed-size list of structs, too."""
    if node.logical.startswith("fixed_size_list:struct:"):
        return int(node.logical.rpartition(":")[2])
    return node.logical.startswith(("list", "large_list", "map"))


def columns(nodes, is_v20, path=()):
    """(node, layers from the inside) of each column, in the order of columns."""
    for node in nodes:
        layers = [is_list(node), *path]
        is_leaf = not node.children or node.packed
        if is_leaf or is_v20:
            yield node, layers if not is_v20 or is_leaf else None
        if not is_leaf:
            yield from columns(node.children, is_v20, layers)


def type_name(logical):
    if logical.startswith("dict:"):
        logical = logical.split(":")[1]
    if logical.startswith(("timestamp", "time64", "duration")):
        logical = "int64"
    if logical.startswith("time32"):
        logical = "int32"
    logical = LOGICAL.get(logical, logical)
    return logical if logical in PAGE_TYPES else None


class DataFile:
    def __init__(self, data):
        self.data = data
        _, cmo, gbo, _, n, major, minor = struct.unpack("<QQQIIHH", data[-40:-4])
        self.version = (major, minor)
        self.metas = [self.slice(cmo + 16 * i) for i in range(n)]
        self.descriptor = self.slice(gbo)
        self.body = data[:min([len(data), *(struct.unpack_from("<Q", data, cmo + 16 * i)[0] for i in range(n)),
                               struct.unpack_from("<Q", data, gbo)[0]])]

    def slice(self, at):
        pos, length = struct.unpack_from("<QQ", self.data, at)
        return self.data[pos:pos + length]

    def nodes(self):
        return tree(get_all(get(self.descriptor, 1, b""), 1))


def add_pages(corpus, f):
    is_v20 = f.version in ((0, 3), (2, 0))
    for (node, layers), meta in zip(columns(f.nodes(), is_v20), f.metas):
        for p in get_all(meta, 2):
            offsets, sizes = numbers(p, 1), numbers(p, 2)
            buffers = [f.data[o:o + s] for o, s in zip(offsets, sizes)]
            descriptor = get(get(get(get(p, 4, b""), 2, b""), 1, b""), 2, b"")
            n_rows = min(get(p, 3, 0), 65535)
            name = type_name(node.logical)
            if is_v20 and is_list(node):
                corpus.add("page", page(V20_LISTS, "int64", [False], n_rows, descriptor, buffers))
            elif name and is_v20 and layers:
                dialect = V20_DICTIONARY if node.logical.startswith("dict:") else V20_LEAF
                corpus.add("page", page(dialect, name, [False], n_rows, descriptor, buffers))
            elif name and layers in SHAPES and not is_v20:
                dialect = PLANAR if f.version == (2, 3) else STRUCTURAL
                corpus.add("page", page(dialect, name, layers, n_rows, descriptor, buffers))


def add_footer(corpus, f):
    versions = [(0, 3), (2, 1), (2, 2), (2, 0), (2, 3)]
    if f.version not in versions:
        return
    metas = f.metas[:12]
    messages = f.descriptor + b"".join(metas)
    body = f.body if len(f.body) + len(messages) < MAX_FOOTER - 64 else b""
    for field in range(min(3, len(metas))):
        head = bytes([versions.index(f.version), len(metas), field, 0, 0, 0])
        head += u16(len(f.descriptor), *map(len, metas))
        corpus.add("footer", head + messages + body)


# --- what golden tables hold ---

def add_manifest(corpus, data):
    pos = struct.unpack_from("<Q", data, len(data) - 16)[0]
    message = data[pos + 4:-16]
    section = b""
    where = get(message, 6)
    if where is not None:
        length = struct.unpack_from("<I", data, where)[0]
        section = data[where + 4:where + 4 + length]
        message += num(6, 0)  # where the fuzzer puts it
    for what in (0, 1, 12):
        corpus.add("table", bytes([what]) + u16(len(section)) + section + message)


def add_deletion(corpus, path):
    n_rows = 400  # more than any golden fragment has
    kind = 1 if path.suffix == ".bin" else 0
    corpus.add("deletion", bytes([kind]) + u16(n_rows) + bytes([0]) + path.read_bytes())


def add_golden(corpus, golden):
    for path in sorted(golden.rglob("*")):
        if path.suffix == ".lance" and path.is_file():
            data = path.read_bytes()
            corpus.add("file", data)
            if data[-8:-4] == b"\0\0\2\0":  # 0.1, which has no pages
                continue
            f = DataFile(data)
            add_pages(corpus, f)
            add_footer(corpus, f)
        elif path.suffix == ".manifest":
            add_manifest(corpus, path.read_bytes())
        elif path.suffix == ".txn":
            for shape in (0, 1):
                corpus.add("transaction", bytes([shape]) + path.read_bytes())
        elif path.parent.name == "_deletions":
            add_deletion(corpus, path)


# --- encodings, made by hand ---

def flat(bits):
    return sub(1, num(1, bits))


def variable(bits):
    return sub(2, sub(1, flat(bits)))


CONSTANT = sub(3)


def out_of_line(bits, width):
    return sub(4, num(1, bits), sub(3, flat(width)))


def inline(bits):
    return sub(5, num(1, bits))


def fsst_table():
    symbols = [b"the ", b"lance", b"a"]
    head = struct.pack("<II", len(symbols) | 1 << 24, 0x46535354)
    table = head + b"".join(s.ljust(8, b"\0") for s in symbols) + bytes(map(len, symbols))
    return table.ljust(2312, b"\0")


def fsst():
    return sub(6, sub(1, fsst_table()), sub(2, variable(32)))


def rle(bits):
    return sub(8, sub(1, flat(bits)), sub(2, flat(8)))


def bss(bits):
    return sub(9, sub(1, flat(bits)))


LZ4, ZSTD = 1, 2


def general(scheme, inner):
    return sub(10, sub(1, num(1, scheme)), sub(3, inner))


def fixed_list(n, inner, has_validity=False):
    return sub(11, num(1, n), num(3, has_validity), sub(2, inner))


def packed_struct(*bits):
    return sub(12, packed(1, *bits), sub(2, flat(sum(bits))))


def variable_packed(*parts):
    """A child is its width in bits, or 32 or 64 as text for the width of its length."""
    children = []
    for part in parts:
        if isinstance(part, str):
            children.append(sub(1, sub(1, variable(int(part))), num(3, int(part))))
        else:
            children.append(sub(1, sub(1, flat(part)), num(2, part)))
    return sub(13, *children)


def lz4(data, with_size=True):
    """One block of literals."""
    n, out = len(data), b""
    if n < 15:
        out = bytes([n << 4])
    else:
        out = b"\xf0" + b"\xff" * ((n - 15) // 255) + bytes([(n - 15) % 255])
    return (struct.pack("<I", n) if with_size else b"") + out + data


def zstd(data, with_size=True):
    """A frame of one raw block; magic, single segment with a size of four bytes."""
    frame = struct.pack("<IB", 0xfd2fb528, 0xa0) + struct.pack("<I", len(data))
    frame += struct.pack("<I", len(data) << 3 | 1)[:3] + data
    return (struct.pack("<Q", len(data)) if with_size else b"") + frame


def strings(*values, base=None, width=4):
    """Offsets and bytes, offsets from the start of the buffer."""
    code = "<I" if width == 4 else "<Q"
    at = (len(values) + 1) * width if base is None else base
    out = b""
    for value in (*values, b""):
        out += struct.pack(code, at)
        at += len(value)
    return out + b"".join(values)


def string_block(*values):
    head = struct.pack("<II", 32, 8 + 4 * (len(values) + 1))
    return head + strings(*values, base=0)


INTS = struct.pack("<16q", *range(16))
SHORTS = struct.pack("<16H", *([0] * 12 + [1] * 4))
WORDS = [b"the lance", b"", b"a", b"abc" * 5]
CODES = [b"\0\1", b"", b"\2", b"\xffz\2\2"]
BLOCK, MINI, ZIP_FIXED, ZIP_VAR = range(4)


def mini_cases():
    """(type, values, encoding, buffers) of one chunk."""
    yield "int64", 16, flat(64), [INTS]
    yield "bool", 16, flat(1), [b"\x55\xaa"]
    yield "decimal(20,3)", 2, flat(128), [INTS[:32]]
    yield "string", 4, variable(32), [strings(*WORDS)]
    yield "large_binary", 4, variable(64), [strings(*WORDS, width=8)]
    yield "int64", 100, inline(64), [struct.pack("<Q", 3) + bytes(range(128)) * 3]
    yield "int32", 1024, inline(32), [struct.pack("<I", 0)]
    yield "int16", 40, inline(16), [struct.pack("<H", 16) + bytes(2048)]
    yield "uint8", 40, inline(8), [b"\1" + bytes(128)]
    yield "string", 4, fsst(), [strings(*CODES)]
    yield "int32", 300, rle(32), [struct.pack("<2i", 7, -1), b"\xff\x2d"]
    yield "int16", 20, rle(16), [u16(1, 2), b"\x0a\x0a"]
    yield "uint8", 20, rle(8), [b"\1\2", b"\x0a\x0a"]
    yield "int64", 20, rle(64), [INTS[:16], b"\x0a\x0a"]
    yield "float64", 16, bss(64), [INTS]
    yield "float64", 16, general(ZSTD, bss(64)), [zstd(INTS)]
    yield "int64", 16, general(LZ4, flat(64)), [lz4(INTS)]
    yield "int64", 16, general(ZSTD, flat(64)), [zstd(INTS, with_size=False)]
    yield "string", 4, general(LZ4, variable(32)), [lz4(strings(*WORDS))]
    yield "string", 4, general(ZSTD, fsst()), [zstd(strings(*CODES))]
    yield "int32", 300, general(LZ4, rle(32)), [lz4(struct.pack("<2i", 7, -1)), b"\xff\x2d"]
    yield "float32[3]", 4, fixed_list(3, flat(32)), [INTS[:48]]
    yield "float32[3]", 4, fixed_list(3, flat(32), True), [b"\x55\x05", INTS[:48]]
    yield "float32[3]", 4, fixed_list(3, CONSTANT, True), [b"\0\0", b""]
    yield "bool[2][3]", 3, fixed_list(3, fixed_list(2, flat(1), True)), [b"\xff\xff\3", b"\x55\x55\1"]
    yield "float32[2][2]", 2, fixed_list(2, fixed_list(2, flat(32), True), True), [b"\xff", b"\x0f", INTS[:32]]
    yield "struct<a: int32, b: float64>", 8, packed_struct(32, 64), [INTS[:96]]
    yield "struct<a: int32, b: float64>", 8, general(ZSTD, packed_struct(32, 64)), [zstd(INTS[:96])]


def add_mini(corpus, name, n, message, buffers):
    corpus.add("encoding", encoding(MINI, name, n, message, u16(*map(len, buffers)) + b"".join(buffers)))
    if name not in PAGE_TYPES:
        return
    for is_large in (False, True):
        add_mini_pages(corpus, name, n, message, buffers, is_large)


def chunk(n_levels, levels, buffers, is_large):
    head = u16(n_levels, *map(len, levels)) + struct.pack(f"<{len(buffers)}{'I' if is_large else 'H'}",
                                                          *map(len, buffers))
    out = b""
    for part in (head, *levels, *buffers):
        out += part
        out += b"\xfe" * (-len(out) % 8)
    return out


def chunk_words(chunks, is_large, logs):
    return b"".join(struct.pack("<I" if is_large else "<H", (len(c) // 8 - 1) << 4 | log)
                    for c, log in zip(chunks, logs))


def add_mini_pages(corpus, name, n, message, buffers, is_large):
    common = sub(3, message) + num(7, len(buffers)) + num(9, n) + num(10, is_large)
    plain = chunk(0, [], buffers, is_large)
    corpus.add("page", page(STRUCTURAL, name, [False], n, sub(1, common, packed(6, 1)),
                            [chunk_words([plain], is_large, [0]), plain]))
    nulls = chunk(n, [u16(*(i % 3 == 0 for i in range(n)))], buffers, is_large)
    corpus.add("page", page(STRUCTURAL, name, [False, False], n, sub(1, common, sub(2, flat(16)), packed(6, 3, 1)),
                            [chunk_words([nulls], is_large, [0]), nulls]))
    # lists of two items, one of them empty
    rep = u16(*([1, 0] * (n // 2) + [1] * (n % 2)), 1)
    levels = u16(*[0] * n, 2)
    n_rows = (n + 1) // 2 + 1
    lists = chunk(n + 1, [rep, levels], buffers, is_large)
    corpus.add("page", page(STRUCTURAL, name, [False, True], n_rows,
                            sub(1, common, sub(1, flat(16)), sub(2, flat(16)), packed(6, 3, 5), num(8, 1)),
                            [chunk_words([lists], is_large, [0]), lists, struct.pack("<QQ", n_rows, 0)]))


def add_chunks(corpus):
    """Two chunks, a list that goes over both, and a dictionary."""
    half = [INTS[:64]], [INTS[64:]]
    plain = [chunk(0, [], b, False) for b in half]
    corpus.add("page", page(STRUCTURAL, "int64", [False], 16,
                            sub(1, sub(3, flat(64)), packed(6, 1), num(7, 1), num(9, 16)),
                            [chunk_words(plain, False, [3, 0]), b"".join(plain)]))
    lists = [chunk(8, [u16(1, 0, 0, 1, 0, 1, 0, 0)], half[0], False),
             chunk(8, [u16(0, 0, 1, 1, 0, 0, 1, 0)], half[1], False)]
    corpus.add("page", page(STRUCTURAL, "int64", [False, True], 6,
                            sub(1, sub(1, flat(16)), sub(3, flat(64)), packed(6, 1, 2), num(7, 1), num(8, 1),
                                num(9, 16)),
                            [chunk_words(lists, False, [3, 0]), b"".join(lists),
                             struct.pack("<4Q", 2, 3, 4, 0)]))
    codes = chunk(0, [], [struct.pack("<16i", *([0, 3, 2, 1] * 4))], False)
    for message, block in ((variable(32), string_block(*WORDS)), (general(LZ4, variable(32)),
                                                                  lz4(string_block(*WORDS)))):
        corpus.add("page", page(STRUCTURAL, "string", [False], 16,
                                sub(1, sub(3, flat(32)), sub(4, message), num(5, 4), packed(6, 1), num(7, 1),
                                    num(9, 16)),
                                [chunk_words([codes], False, [0]), codes, block]))


def add_blocks(corpus):
    cases = [("int16", 16, flat(16), SHORTS), ("int16", 16, inline(16), u16(1) + bytes(128)),
             ("int16", 1100, out_of_line(16, 1), bytes(128) + bytes(152)),
             ("int16", 1100, out_of_line(16, 1), bytes(256)), ("int16", 64, out_of_line(16, 0), b""),
             ("int16", 16, rle(16), struct.pack("<Q", 4) + u16(0, 1) + b"\x0c\4"),
             ("int64", 16, general(ZSTD, flat(64)), zstd(INTS)), ("string", 4, variable(32), string_block(*WORDS)),
             ("string", 4, general(LZ4, variable(32)), lz4(string_block(*WORDS)))]
    for name, n, message, block in cases:
        corpus.add("encoding", encoding(BLOCK, name, n, message, block))


def add_constants(corpus):
    scalar = struct.pack("<2I", 1, 8) + INTS[8:16]
    text = struct.pack("<3I", 2, 8, 3) + struct.pack("<2I", 0, 3) + b"abc"
    rep, levels = u16(1, 0, 1, 1), u16(0, 0, 2, 1)
    cases = [("int64", [False], 9, sub(2, packed(5, 3)), []),
             ("int64", [False], 9, sub(2, packed(5, 1), sub(6, INTS[:8])), []),
             ("int64", [False], 9, sub(2, packed(5, 1)), [scalar]), ("string", [False], 9, sub(2, packed(5, 1)), [text]),
             ("string", [False], 4, sub(2, packed(5, 3)), [text, b"", u16(0, 1, 0, 1)]),
             ("int64", [False, True], 3, sub(2, packed(5, 3, 6)), [scalar, rep, levels]),
             ("int64", [False, True], 3, sub(2, packed(5, 3, 6)), [rep, levels]),
             ("int64", [False, True], 40,
              sub(2, packed(5, 3, 6), sub(7, rle(16)), sub(8, out_of_line(16, 2)), num(9, 40), num(10, 40)),
              [struct.pack("<Q", 2) + u16(1) + b"\x28", bytes(256)])]
    for name, shape, n, descriptor, buffers in cases:
        corpus.add("page", page(STRUCTURAL, name, shape, n, descriptor, buffers))


def zip_page(value, details, layers, bits_rep, bits_def, n):
    return sub(3, num(1, bits_rep), num(2, bits_def), details, num(5, n), num(6, n), sub(7, value), packed(8, *layers))


def rows_of(*rows):
    at, index = 0, b""
    for row in (*rows, b""):
        index += struct.pack("<I", at)
        at += len(row)
    return [b"".join(rows), index]


def add_full_zip(corpus):
    def add(name, shape, n, descriptor, buffers):
        corpus.add("page", page(STRUCTURAL, name, shape, n, descriptor, buffers))

    def texts(head):
        return [head(i) + struct.pack("<I", len(w)) + w for i, w in enumerate(WORDS)]

    add("int64", [False], 16, zip_page(flat(64), num(3, 64), [1], 0, 0, 16), [INTS])
    add("float32[3]", [False], 4, zip_page(fixed_list(3, flat(32)), num(3, 96), [1], 0, 0, 4), [INTS[:48]])
    add("float32[3]", [False], 3, zip_page(fixed_list(3, flat(32), True), num(3, 104), [3], 0, 1, 3),
        [b"".join(bytes([i & 1, 5]) + INTS[:12] for i in range(3))])
    add("float32[3]", [False], 3, zip_page(fixed_list(3, CONSTANT, True), num(3, 8), [1], 0, 0, 3), [b"\0\0\0"])
    add("bool", [False], 8, zip_page(flat(8), num(3, 8), [1], 0, 0, 8), [b"\0\1\0\1\1\1\0\0"])
    for value, wrap in ((variable(32), lambda w: w), (general(ZSTD, variable(32)), zstd)):
        rows = [struct.pack("<I", len(wrap(w))) + wrap(w) for w in WORDS]
        add("string", [False], 4, zip_page(value, num(4, 32), [1], 0, 0, 4), rows_of(*rows))
        rows = [b"\0" + r for r in rows[:3]] + [b"\1"]
        add("string", [False], 4, zip_page(value, num(4, 32), [3], 0, 1, 4), rows_of(*rows))
    add("string", [False], 4, zip_page(fsst(), num(4, 32), [1], 0, 0, 4),
        rows_of(*(struct.pack("<I", len(c)) + c for c in CODES)))
    one, more = texts(lambda i: b"\4"), texts(lambda i: b"\0")
    add("string", [False, True], 3, zip_page(variable(32), num(4, 32), [1, 6], 1, 2, 5),
        rows_of(one[0] + more[1] + more[2], b"\6", one[3]))
    add("int64", [False, True], 2, zip_page(flat(64), num(3, 64), [1, 2], 1, 0, 3),
        rows_of(b"\1" + INTS[:8] + b"\0" + INTS[8:16], b"\1" + INTS[:8]))
    row = struct.pack("<qI", 5, 3) + b"abc"
    add("struct<a: int64, b: string>", [False], 2, zip_page(variable_packed(64, "32"), num(4, 32), [1], 0, 0, 2),
        rows_of(*[struct.pack("<I", len(row)) + row] * 2))
    blob = struct.pack("<BQQII", 0, 64, 5, 7, 0)
    inner = zip_page(variable_packed(8, 64, 64, 32, "32"), num(4, 32), [3], 0, 1, 2)
    add("BLOB_DESCRIPTOR", [False], 2, sub(4, sub(1, inner), packed(2, 3)),
        rows_of(b"\0" + struct.pack("<I", len(blob)) + blob, b"\1"))


# --- 2.3, made by hand ---

def constant(value, width=8):
    return sub(3, sub(1, struct.pack("<Q", value)[:width]))


def arithmetic(start, step, bits=64):
    return sub(14, num(1, bits), num(2, start), num(3, step))


def delta(start, deltas, bits=64):
    return sub(15, num(1, bits), num(2, start), sub(3, deltas))


def runs(values, lengths):
    return sub(8, sub(1, values), sub(2, lengths))


def block_dictionary(indices, items, n):
    return sub(7, sub(1, indices), sub(2, items), num(3, n))


def longs(*values):
    return struct.pack(f"<{len(values)}Q", *values)


def words(*values):
    return struct.pack(f"<{len(values)}I", *values)


def validity(meaning=1, positions=CONSTANT, n=0):
    return num(1, meaning), sub(2, positions), num(3, n)


def list_layer(n_items, positions, n, counts, *valid):
    return sub(2, num(1, n_items), sub(2, positions), num(3, n), sub(4, counts), sub(5, *(valid or validity())))


def sparse(plane, *layers):
    return sub(1, sub(2, *(sub(1, layer) for layer in layers))) + sub(2, plane)


def zipped(value, details, n):
    return sub(1, value) + details + num(5, n) + num(6, n)


def add_sequences(corpus):
    values = longs(7, 9)
    cases = [("int64", 5, constant(9), b""), ("int32", 5, constant(9, 4), b""), ("int64", 5, arithmetic(3, 4), b""),
             ("int32", 5, arithmetic(3, 4, 32), b""), ("int64", 4, delta(3, flat(64)), longs(0, 2, 5)),
             ("int64", 9, delta(3, arithmetic(1, 1)), b""), ("int32", 4, delta(3, out_of_line(32, 1), 32), bytes(128)),
             ("int64", 5, runs(flat(64), flat(32)), longs(16) + values + words(3, 2)),
             ("int64", 4, runs(flat(64), constant(2, 4)), longs(16) + values),
             ("int64", 5, runs(flat(64), out_of_line(8, 4)), longs(16) + values + b"\3\2"),
             ("int64", 6, runs(arithmetic(7, 2), arithmetic(1, 1, 32)), b""),
             ("int64", 5, runs(general(LZ4, flat(64)), flat(16)), longs(len(lz4(values))) + lz4(values) + u16(3, 2)),
             ("int64", 4, block_dictionary(flat(32), flat(64), 2), longs(16, 16) + words(0, 1, 1, 0) + values),
             ("int64", 4, block_dictionary(arithmetic(0, 1, 32), constant(5), 4), b""),
             ("float32[3]", 2, fixed_list(3, flat(32), True), (b"\5" + INTS[:12]) * 2),
             ("float32[3]", 2, general(LZ4, fixed_list(3, flat(32))), lz4(INTS[:24]))]
    for name, n, message, block in cases:
        corpus.add("encoding", encoding(BLOCK, name, n, message, block))
    text = b"".join(WORDS)
    ends = [sum(map(len, WORDS[:i])) for i in range(1, 5)]
    add_mini(corpus, "string", 4, sub(2, sub(1, delta(0, flat(32), 32))), [words(*map(len, WORDS)), text])
    add_mini(corpus, "string", 4, sub(2, sub(1, arithmetic(0, 3, 32))), [text])
    add_mini(corpus, "string", 4, sub(6, sub(1, fsst_table()), sub(2, sub(2, sub(1, constant(0, 4))))), [b""])
    add_mini(corpus, "large_binary", 4, sub(2, sub(1, runs(flat(64), flat(32)))),
             [longs(40) + longs(0, *ends) + words(1, 1, 1, 1, 1), text])
    add_mini(corpus, "int32", 300, runs(flat(32), out_of_line(16, 16)), [words(7, 8), u16(200, 100)])
    add_mini(corpus, "int32", 300, runs(general(ZSTD, flat(32)), flat(16)), [zstd(words(7, 8)), u16(200, 100)])


def add_planar(corpus):
    """Each structure, over each kind of values."""
    def add(name, shape, n, descriptor, buffers):
        corpus.add("page", page(PLANAR, name, shape, n, descriptor, buffers))

    leaf, some = sub(1, *validity()), sub(1, *validity(1, constant(1), 1))
    fixed = lambda n: sub(2, zipped(flat(64), num(3, 64), n))  # noqa: E731
    chunks = chunk(0, [], [INTS[:64]], True)
    chunked = sub(1, sub(1, flat(64)), num(5, 1))
    texts = rows_of(*(words(len(w)) + w for w in WORDS))
    lists = list_layer(4, flat(64), 3, flat(64), *validity(1, constant(1), 1))
    add("int64", [False], 8, sparse(chunked, sub(1, *validity(2, arithmetic(0, 2), 4))),
        [chunk_words([chunks], True, [0]), chunks])
    add("int64", [False], 9, sparse(fixed(8), some), [INTS[:64]])
    add("int64", [False], 9, sparse(sub(3, sub(1, INTS[8:16])), some), [])
    add("int64", [False], 9, sparse(sub(4), sub(1, *validity(2))), [])
    add("int64", [False, True], 5, sparse(sub(3, sub(1, INTS[8:16])), lists, some), [longs(0, 3, 4), longs(2, 1, 1)])
    add("int64", [False, True], 5, sparse(fixed(3), lists, some), [INTS[:24], longs(0, 3, 4), longs(2, 1, 1)])
    add("int64", [False, False], 9, sparse(fixed(5), sub(1, *validity(1, arithmetic(0, 4), 3)), some), [INTS[:40]])
    add("string", [False], 5, sparse(sub(2, zipped(variable(32), num(4, 32), 4)), some), texts)
    add("string", [False], 5, sparse(sub(5, sub(1, flat(32)), sub(2, zipped(variable(32), num(4, 32), 4))), some),
        [words(0, 3, 2, 1, 0), *texts])
    inside = list_layer(8, arithmetic(0, 1), 4, constant(2))
    add("int64", [False, True, True], 3, sparse(fixed(8), list_layer(4, arithmetic(0, 2), 2, constant(2)), inside, leaf),
        [INTS[:64]])
    add("int64", [False, False, True, False], 4,
        sparse(fixed(4), sub(1, *validity(2, arithmetic(1, 1), 2)), inside, leaf, leaf), [INTS[:32]])
    add("int64", [False, 2, True], 6,
        sparse(fixed(3), list_layer(3, arithmetic(0, 2), 2, flat(64)), sub(3, num(1, 2), sub(2, *validity(1, constant(1), 1))),
               sub(1, *validity(1, constant(5), 1))), [INTS[:24], longs(2, 1)])
    dense = lambda plane, *layers: sub(1, sub(1, packed(1, *layers))) + sub(2, plane)  # noqa: E731
    add("int64", [False], 8, dense(sub(1, sub(1, flat(64)), sub(2), num(5, 1), num(6, 8)), 1),
        [chunk_words([chunks], True, [0]), chunks])
    nulls = chunk(8, [u16(*(i % 2 for i in range(8)))], [INTS[:64]], True)
    add("int64", [False], 8, dense(sub(1, sub(1, flat(64)), sub(2, sub(2, flat(16))), num(5, 1), num(6, 8)), 3),
        [chunk_words([nulls], True, [0]), nulls])
    add("int64", [False], 16, dense(sub(2, sub(1, flat(64)), sub(2), num(3, 64), num(5, 16), num(6, 16)), 1), [INTS])
    add("int64", [False], 9, dense(sub(3, sub(1, INTS[:8])), 1), [])
    add("int64", [False], 9, dense(sub(4), 3), [])


def add_zip_values(corpus):
    fixed = [("int64", flat(64), 8, INTS), ("bool", flat(8), 1, b"\0\1\1\0"),
             ("float32[3]", fixed_list(3, flat(32), True), 13, (b"\5" + INTS[:12]) * 4),
             ("float32[3]", fixed_list(3, CONSTANT, True), 1, b"\0\5\7"),
             ("bool[2][3]", fixed_list(3, fixed_list(2, flat(1))), 1, b"\x15\x2a"),
             ("struct<a: int32, b: float64>", packed_struct(32, 64), 12, INTS[:96])]
    for name, message, width, data in fixed:
        for gap in (0, 1):
            corpus.add("encoding", encoding(ZIP_FIXED, name, 16, message, u16(width) + bytes([gap]) + data))
    row = struct.pack("<qI", 5, 2) + b"ab"
    units = [("string", variable(32), [b"ab", b"", b"abcd"]), ("string", fsst(), [b"\0\1", b"", b"\2\2"]),
             ("string", general(ZSTD, variable(32)), [zstd(b"ab")]),
             ("large_binary", general(LZ4, variable(64)), [lz4(b"abc")]),
             ("struct<a: int64, b: string>", variable_packed(64, "32"), [row, row])]
    for name, message, values in units:
        assert all(len(v) % 2 == 0 for v in values)
        sizes = bytes([len(values), *(len(v) // 2 for v in values)])
        corpus.add("encoding", encoding(ZIP_VAR, name, 16, message, sizes + b"".join(values)))


# --- 2.0, made by hand ---

def buffer_at(i):
    return num(1, i)


def flat20(bits, i, compression=b""):
    return sub(1, num(1, bits), sub(2, buffer_at(i)), compression)


def no_nulls(inner):
    return sub(2, sub(1, sub(1, inner)))


def some_nulls(validity, inner):
    return sub(2, sub(2, sub(1, validity), sub(2, inner)))


def add_v20(corpus):
    def add(name, n, descriptor, buffers, dialect=V20_LEAF):
        corpus.add("page", page(dialect, name, [False], n, descriptor, buffers))

    ends = struct.pack("<4Q", 9, 9 + 100, 10, 25)
    data = b"".join(WORDS)
    binary = sub(6, sub(1, no_nulls(flat20(64, 0))), sub(2, flat20(8, 1)), num(3, 100))
    add("string", 4, binary, [ends, data])
    codes = b"".join(CODES)
    code_ends = struct.pack("<4Q", 2, 2, 3, 7)
    binary = sub(6, sub(1, no_nulls(flat20(64, 0))), sub(2, flat20(8, 1)), num(3, 100))
    add("string", 4, sub(8, sub(1, binary), sub(2, fsst_table())), [code_ends, codes])
    add("int64", 16, some_nulls(flat20(1, 0), flat20(64, 1)), [b"\x55\xaa", INTS])
    add("int64", 16, no_nulls(flat20(64, 0, sub(3, sub(1, b"zstd")))), [zstd(INTS)])
    add("int64", 16, no_nulls(flat20(64, 0, sub(3, sub(1, b"lz4")))), [lz4(INTS)])
    add("int64", 16, sub(2, sub(3)), [])
    add("float32[3]", 4, no_nulls(sub(3, num(1, 3), sub(2, some_nulls(flat20(1, 0), flat20(32, 1))))),
        [b"\x55\x05", INTS[:48]])
    add("int64", 16, no_nulls(sub(10, num(1, 5), num(2, 64), sub(3, buffer_at(0)), num(4, 1))), [bytes(range(10))])
    add("int64", 16, no_nulls(sub(12, num(1, 5), num(2, 64), sub(3, buffer_at(0)))), [bytes(5 * 128)])
    add("string", 8, sub(11, sub(1, flat20(8, 0)), num(2, 3)), [b"abcdefgh" * 3])
    items = sub(6, sub(1, no_nulls(flat20(64, 1))), sub(2, flat20(8, 2)), num(3, 100))
    dictionary = sub(7, sub(1, flat20(8, 0)), sub(2, items), num(3, 4))
    for dialect in (V20_LEAF, V20_DICTIONARY):
        add("string", 6, dictionary, [b"\0\1\2\3\1\2", ends, data], dialect)
    add("struct<a: int32, b: float64>", 8, sub(9, sub(2, buffer_at(0))), [INTS[:96]])
    lists = sub(4, sub(1, no_nulls(flat20(64, 0))), num(2, 31), num(3, 30))
    add("int64", 4, lists, [struct.pack("<4Q", 3, 3 + 31, 10, 30)], V20_LISTS)


# --- tables and deletions, made by hand ---

def roaring(*containers):
    """(key, offsets) each, as arrays."""
    out = struct.pack("<II", 12346, len(containers))
    out += b"".join(u16(key, len(offsets) - 1) for key, offsets in containers)
    out += bytes(4 * len(containers))
    return out + b"".join(u16(*offsets) for _, offsets in containers)


def roaring_runs(key, *runs):
    """Under four containers there are no offsets."""
    return struct.pack("<I", 12347) + b"\1" + u16(key, 99) + u16(len(runs), *(n for run in runs for n in run))


def roaring_bitset(key):
    return struct.pack("<II", 12346, 1) + u16(key, 65535) + bytes(4) + b"\x7f" * 8192


def add_deletions(corpus):
    for n_rows, shift, data in ((400, 0, roaring((0, [1, 3, 399]))), (65535, 3, roaring((0, [1]), (7, [2, 9]))),
                                (65535, 3, roaring_runs(1, (5, 600), (700, 64000))), (65535, 2, roaring_bitset(1)),
                                (65535, 16, roaring((65000, [1])))):
        corpus.add("deletion", b"\1" + u16(n_rows) + bytes([shift]) + data)


def field_message(name, number, parent, logical):
    return sub(1, sub(2, name), num(3, number), num(4, parent), sub(5, logical), num(6, 1))


def add_tables(corpus):
    """A manifest over the data and deletion files that the fuzzer makes."""
    schema = (field_message(b"i", 0, -1, b"int64") + field_message(b"s", 1, -1, b"string") +
              field_message(b"l", 2, -1, b"list") + field_message(b"item", 3, 2, b"int32"))
    index = sub(1, sub(1, sub(1, bytes(16))), packed(2, 0), sub(3, b"by_i"), num(4, 1), sub(5, roaring((0, [0, 1]))),
                sub(6, sub(1, b"/lance.table.BTreeIndexDetails")))
    tail = sub(13, sub(1, b"lance"), sub(2, b"14.0.2")) + num(3, 7) + num(11, 1)
    for version, ids, what in ((b"2.2", (0, 1, 3), 9), (b"2.0", (0, 1, 2, 3), 12), (b"2.1", (0, 1, 3), 3)):
        data_file = sub(2, sub(1, b"a.lance"), packed(2, *ids), packed(3, *range(len(ids))), num(4, 2), num(5, 1))
        fragments = sub(2, data_file, num(4, 20)) + sub(2, num(1, 1), data_file, num(4, 20),
                                                        sub(3, num(1, 1), num(2, 1), num(3, 1), num(4, 2)))
        message = schema + fragments + tail + num(9, 1) + sub(15, sub(1, b"lance"), sub(2, version)) + num(6, 0)
        corpus.add("table", bytes([what]) + u16(len(index)) + index + message)


def add_lineage(corpus):
    """Row ids and versions of 20 rows, as each kind of segment."""
    holes = sub(1, num(1, 100), sub(2, u16(3, 5)))
    ranges = sub(1, sub(1, num(1, 0), num(2, 4))), sub(1, sub(2, num(1, 100), num(2, 108), sub(3, holes)))
    more = (sub(1, sub(3, num(1, 200), num(2, 208), sub(3, b"\x5b"))), sub(1, sub(4, sub(1, sub(2, bytes(8))))),
            sub(1, sub(5, sub(3, sub(2, bytes(16))))))
    ids = b"".join((*ranges, *more))
    runs = sub(1, sub(1, sub(1, num(2, 15))), num(2, 7)) + sub(1, sub(1, sub(1, num(1, 15), num(2, 20))), num(2, 9))
    fragment = sub(2, sub(2, sub(1, b"a.lance"), packed(2, 0), packed(3, 0), num(4, 2), num(5, 1)), num(4, 20),
                   sub(5, ids), sub(7, runs), sub(9, runs))
    message = field_message(b"i", 0, -1, b"int64") + fragment + num(3, 3) + num(9, 2) + num(10, 2)
    message += sub(13, sub(1, b"lance"), sub(2, b"14.0.2")) + sub(15, sub(1, b"lance"), sub(2, b"2.2"))
    corpus.add("table", b"\x09\0\0" + message)


def add_checkpoints(corpus):
    """The log that the fuzzer makes, with changes, and records of nothing behind it."""
    made, mends, others = 1, 2, 4
    for flags in (made, made | mends, made | mends | others):
        corpus.add("checkpoint", bytes([flags, 0]))
        for place in range(0, 400, 8):
            corpus.add("checkpoint", bytes([flags, 1]) + u16(place) + b"\xff")
    for rows, runs in ((4, (0, 4, 0)), (4, (0, 2, 3, 2, 1, 1)), (1 << 35, (0, 1 << 35, 0)), (1 << 64 - 1, (0, 1 << 64 - 1, 0))):
        record = struct.pack("<II8Q", 0x50434C46, 1, 3, 0, rows, 8 * len(runs), 0, 0, 0, 0) + bytes(8)
        record += struct.pack(f"<{len(runs)}Q", *runs)
        corpus.add("checkpoint", bytes([mends, 0]) + record)
        corpus.add("checkpoint", bytes([made | mends, 0]) + record * 2)


def jsonb_word(n):
    return struct.pack(">I", n)


def add_jsonb(corpus):
    """Scalars of each kind, and an object in an array."""
    texts = [b"\x40\x05", b"\x50" + bytes(7) + b"\x09", b"\x60" + struct.pack(">d", 1.5), b"\x70" + bytes(8) + b"\2",
             b"\x70" + b"\x7f" * 16 + b"\3", b"\x70" + b"\xff" * 32 + b"\0", b"\0"]
    for kind, value in [(0, b""), (1, b"text"), (3, b""), (4, b""), *((2, t) for t in texts)]:
        corpus.add("jsonb", jsonb_word(0x20000000) + jsonb_word(kind << 28 | len(value)) + value)
    inner = jsonb_word(0x40000002) + b"".join(map(jsonb_word, (1 << 28 | 1, 1 << 28 | 2, 2 << 28 | 2, 4 << 28)))
    inner += b"abc" + texts[0]
    corpus.add("jsonb", inner)
    corpus.add("jsonb", jsonb_word(0x80000002) + jsonb_word(5 << 28 | len(inner)) + jsonb_word(0) + inner)


# --- column files, made by hand ---

PARSE_FORMATS = re.findall(r"&fmt_(\w+)", (HERE.parents[1] / "core/format/registry.c").read_text().split("};")[0])
PARSE_TYPES = re.findall(r'NULL|"([^"]*)"', (HERE / "fuzz_parse.c").read_text().split("types[] = {")[1].split("};")[0])
TABLE, ANY_ROWS = 128, 255


SQL_ANSWERS = HERE.parent / "unit/test_expr.c"


def add_udf(corpus):
    """udf.ini, and comments of scripts: the first byte says which."""
    for text in ("shape = lines\ncommand = awk -f ./words.awk 'a b' \\; \"c\"\n", "# no\n[udf]\nshape: arrow\ntype = float32[4]\n",
                 "outputs = a:int32, \"b c\":struct<x: int8, y: list<string>>\ninputs = a, 'b,c'\n",
                 "models = a.npz\n\tsha256:" + "0" * 64 + ":/m\nreadable = /usr /opt\nlock = uv.lock\n",
                 "command = ./run \\\n  folded\\\n\tonce\nexecutable = run\ninterpreter = sh\n"):
        corpus.add("udf", b"\0" + text.encode())
    for text in ("#!/bin/sh\n# lancefs: shape=lines type=int64 inputs=caption\n", "-- lancefs: type=\"decimal(3,1)\"\n// lancefs: inputs=a,b\n"):
        corpus.add("udf", b"\1" + text.encode())


def add_sql(corpus):
    """The expressions that the unit tests know, alone and in a SELECT."""
    for text in re.findall(r'^\t\{"((?:[^"\\]|\\.)*)",', SQL_ANSWERS.read_text(), re.M):
        text = text.replace('\\"', '"').replace("\\\\", "\\")
        corpus.add("sql", text.encode())
        corpus.add("sql", f"SELECT {text} AS x, * FROM t WHERE {text} IS NOT NULL LIMIT 2".encode())


def parse_input(suffix, kind, rows, data, step=15):
    return bytes([PARSE_FORMATS.index(suffix), kind if isinstance(kind, int) else PARSE_TYPES.index(kind), rows,
                  step]) + data


def archive(form):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=form) as made:
        for name in ("d" * 101 + "/1.jpg", "0000002.bin"):
            member = tarfile.TarInfo(name)
            member.size = 3
            made.addfile(member, io.BytesIO(b"abc"))
    return out.getvalue()[:-8192]


def add_column_files(corpus):
    columns = [("csv", "int64", 2, b"c\n1\n\n"), ("csv", "string", 2, b'c\r\n"a""b"\r\n"x\ny"'), ("csv", "", 1, b"c\n1.5\n"),
               ("txt", "list<string>", 2, b'["a",null]\n\\N\n'), ("txt", "float32[3]", 1, b"[1,2.5,null]\n"),
               ("jsonl", "decimal(20,3)", 1, b'{"c":-12.345}\n'), ("jsonl", "binary", 1, b'{"c":"AAEC/w=="}\n'),
               ("jsonl", "map<string, int64>", 1, b'{"c":{"k":-0,"l":null}}\n'),
               ("jsonl", "large_list<decimal(20,3)[2]>", 1, b'{"c":[[1,"2.5"],null]}\n'),
               ("jsonl", "float64", 2, b'{"c":NaN}\n\n{"c":123456789012345678901}'),
               ("jsonl", "", 2, b'{"c":[{"a":1}]}\n{"c":[{"b":"\\ud83d\\ude00"},{"a":2.5}]}\n')]
    columns += [("tar", kind, rows, archive(form)) for form in (tarfile.GNU_FORMAT, tarfile.PAX_FORMAT)
                for kind, rows in (("binary", 9), ("fixed_size_binary[3]", ANY_ROWS), ("", 3))]
    for suffix, kind, rows, data in columns:
        corpus.add("parse", parse_input(suffix, kind, rows, data))
    tables = [("csv", b'a,b\n1,x\n"2","y""z"\n'), ("csv", b'\xef\xbb\xbf"b",a\r\n,\r\n'),
              ("jsonl", b'{"a":1,"b":"x"}\n{"b":null}\n'), ("jsonl", b'{"a":1.5,"b":[1,2],"c":"AA==","d":true}\n')]
    for suffix, data in tables:
        for kind in range(4):
            corpus.add("parse", parse_input(suffix, TABLE + kind, ANY_ROWS, data))


def main():
    corpus = Corpus(pathlib.Path(sys.argv[2]))
    add_golden(corpus, pathlib.Path(sys.argv[1]))
    for case in mini_cases():
        add_mini(corpus, *case)
    add_chunks(corpus)
    add_blocks(corpus)
    add_constants(corpus)
    add_full_zip(corpus)
    add_zip_values(corpus)
    add_sequences(corpus)
    add_planar(corpus)
    add_v20(corpus)
    add_deletions(corpus)
    add_tables(corpus)
    add_lineage(corpus)
    add_checkpoints(corpus)
    add_jsonb(corpus)
    add_sql(corpus)
    add_udf(corpus)
    add_column_files(corpus)
    print("corpus:", ", ".join(f"{n} {door}" for door, n in sorted(corpus.n.items())))


if __name__ == "__main__":
    main()
