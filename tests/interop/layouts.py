"""Which page layouts and encodings a dataset's data files use, read from the files themselves.

Only the messages on the way from a footer to a page's encoding are known here, by the numbers of
their fields; values are not decoded.  Sources: Lance's file2.proto, encodings_v2_0.proto,
encodings_v2_1.proto and encodings_v2_3.proto.
"""

import collections
import pathlib
import struct

import pyarrow as pa

LAYOUTS = {1: "mini", 2: "constant", 3: "zip", 4: "blob"}
# compressive encodings: number -> (name, the fields that hold further ones)
COMPRESSIVE = {1: ("flat", ()), 2: ("variable", (1,)), 3: ("constant", ()), 4: ("bits", (3,)), 5: ("bits1024", ()),
               6: ("fsst", (2,)), 7: ("dictionary", (1, 2)), 8: ("rle", (1, 2)), 9: ("split", (1,)),
               10: ("general", (3,)), 11: ("list", (2,)), 12: ("packed", (2,)), 13: ("packed-variable", ()),
               14: ("range", ()), 15: ("delta", (3,))}
PLANES = {1: "chunked", 2: "zipped", 3: "constant", 4: "none", 5: "indexed"}
ARRAY = {1: ("flat", ()), 3: ("list", (2,)), 4: ("offsets", (1,)), 5: ("header", ()), 6: ("binary", ()),
         7: ("dictionary", (2,)), 8: ("fsst", (1,)), 9: ("packed", ()), 10: ("bits", ()), 11: ("fixed-binary", ()),
         12: ("bits1024", ())}
SCHEMES = {1: "lz4", 2: "zstd"}


def varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return value, at


def fields(data):
    """{number: [values]} of a message; a value is an int or bytes."""
    found, at = collections.defaultdict(list), 0
    while at < len(data):
        tag, at = varint(data, at)
        if tag & 7 == 0:
            value, at = varint(data, at)
        else:
            size, at = {1: (8, at), 5: (4, at)}.get(tag & 7) or varint(data, at)
            value, at = data[at:at + size], at + size
        found[tag >> 3].append(value)
    return found


def first(message, *numbers):
    """The message at the end of a path of field numbers."""
    for number in numbers:
        message = fields(message)[number][0]
    return message


def compressive(message):
    """"general(zstd) variable", from the outside in; "rle(flat32, flat8)"; up to 2.2 what can be no other is left out."""
    [(number, [body])] = fields(message).items()
    name, inner = COMPRESSIVE.get(number, (f"#{number}", ()))
    parts = fields(body)
    if name == "general":
        name += "(" + SCHEMES.get(fields(parts[1][0])[1][0], "?") + ")"
    if name == "list" and parts[3]:
        name += "+nulls"
    inside = [compressive(parts[n][0]) for n in inner if parts[n]]
    if name == "variable":
        return name if inside == ["flat"] else f"variable({inside[0]})"
    if name == "rle":
        width = fields(first(parts[2][0], 1))[1][0] if inside[1] == "flat" else 0
        return f"rle {inside[0]}" if inside[0] == "flat" and width == 8 else f"rle({inside[0]}, {inside[1]}{width or ''})"
    if name == "dictionary":
        return f"dictionary({', '.join(inside)})"
    return " ".join([name, *(i for i in inside if number != 4)])


def array_encoding(message):
    [(number, [body])] = fields(message).items()
    if number == 2:  # nullable
        [(form, [values])] = fields(body).items()
        return "all-null" if form == 3 else "nulls " * (form == 2) + array_encoding(first(values, form))
    name, inner = ARRAY.get(number, (f"#{number}", ()))
    if number == 1 and fields(body)[3]:
        name += "(" + bytes(first(body, 3, 1)).decode() + ")"
    return " ".join([name, *(array_encoding(fields(body)[n][0]) for n in inner if number != 4)])


def page_layout(message):
    """(layout, encoding of its values)."""
    [(number, [body])] = fields(message).items()
    parts, layout = fields(body), LAYOUTS.get(number, f"#{number}")
    if layout == "mini":
        dictionary = "+dict" if parts[4] else ""
        return layout + dictionary, compressive(parts[3][0]) + (" / " + compressive(parts[4][0]) if dictionary else "")
    if layout == "zip":
        return layout, compressive(parts[7][0])
    if layout == "blob":
        return layout, "descriptors"
    return layout, "value" if parts[6] else "levels or null"


def chunks(parts):
    return compressive(parts[1][0]) + (" / " + compressive(parts[3][0]) if parts[3] else "")


def sequences(structure):
    """The encodings of a sparse structure's positions and counts."""
    for layer in fields(structure)[1]:
        [(number, [body])] = fields(layer).items()
        parts = fields(body)
        validity = body if number == 1 else parts[5 if number == 2 else 2][0]
        yield f"{'nulls' if fields(validity)[1][0] == 1 else 'valid'}: {compressive(first(validity, 2))}"
        if number == 2:
            yield f"lists: {compressive(parts[2][0])}"
            yield f"counts: {compressive(parts[4][0])}"
        if number == 3:
            yield "fixed lists"


def planar_pages(message):
    """(layout, encoding of its values) of a 2.3 page, then one for each sequence of its structure."""
    [(dense_or_sparse, [structure])] = fields(first(message, 1)).items()
    [(number, [body])] = fields(first(message, 2)).items()
    parts, layout = fields(body), ("dense " if dense_or_sparse == 1 else "sparse ") + PLANES.get(number, f"#{number}")
    if number == 1:
        yield layout + ("+dict" if parts[3] else ""), chunks(parts)
        for part, what in ((1, "rep"), (2, "def")):
            if parts[2] and fields(parts[2][0])[part]:
                yield "levels", f"{what}: {compressive(first(parts[2][0], part))}"
    elif number == 2:
        yield layout, compressive(parts[1][0])
    elif number == 5:
        yield layout, f"{compressive(parts[1][0])} / {compressive(first(parts[2][0], 1))}"
    else:
        yield layout, "value" if number == 3 else "null"
    if dense_or_sparse == 2:
        for sequence in sequences(structure):
            yield "structure", sequence


def file_pages(path):
    """[[(layout, encoding) of each page] of each column] of one data file; of 2.3 its structure's parts, too."""
    data = memoryview(pathlib.Path(path).read_bytes())
    _, table, _, _, n_columns, major, minor, _ = struct.unpack("<QQQIIHH4s", data[-40:])
    out = []
    for column in range(n_columns):
        at, size = struct.unpack_from("<QQ", data, table + 16 * column)
        pages = []
        for page in fields(data[at:at + size])[2]:
            described = fields(first(page, 4, 2, 1))[2][0]
            if (major, minor) in ((0, 3), (2, 0)):
                pages.append((array_encoding(described).split()[0], array_encoding(described)))
            elif (major, minor) == (2, 3):
                pages.extend(planar_pages(described))
            else:
                pages.append(page_layout(described))
        out.append(pages)
    return f"{2 if major == 0 else major}.{0 if major == 0 else minor}", out


def kind_of(field):
    """A type's name in the coverage table."""
    kind, metadata = field.type, field.metadata or {}
    if b"lance-encoding:blob" in metadata or "blob" in str(kind):
        return "blob"
    if pa.types.is_struct(kind):
        return "packed struct" if {b"packed", b"lance-encoding:packed"} & set(metadata) else "struct"
    if pa.types.is_dictionary(kind):
        return f"dictionary of {kind.value_type}"
    if pa.types.is_fixed_size_list(kind):
        return "vector of " + kind_of(pa.field("", kind.value_type))
    if isinstance(kind, pa.BaseExtensionType):
        return str(kind).split("<")[1].rstrip(">")
    return str(kind).split("[")[0].split("(")[0].split("<")[0]


def owners(lance_schema, arrow_schema):
    """{field id: Arrow field} of a dataset's schema, nested ones too."""
    found = {}

    def walk(lance_field, arrow_field):
        found[lance_field.id()] = arrow_field
        kind, children = arrow_field.type, lance_field.children()
        inner = [kind.field(i) for i in range(kind.num_fields)] if pa.types.is_nested(kind) else []
        for a, b in zip(children, inner):
            walk(a, b)

    for lance_field, arrow_field in zip(lance_schema.fields(), arrow_schema):
        walk(lance_field, arrow_field)
    return found


def of_dataset(dataset):
    """Counter of (type, version, layout, encoding), one for each page of the dataset's version."""
    found, known = collections.Counter(), owners(dataset.lance_schema, dataset.schema)
    for fragment in dataset.get_fragments():
        for file in fragment.data_files():
            path = pathlib.Path(dataset.uri) / "data" / file.path
            if not path.exists():  # it is in a base path
                continue
            version, file_columns = file_pages(path)
            for field_id, column in zip(file.fields, file.column_indices):
                if column >= 0 and field_id in known:
                    kind = kind_of(known[field_id])
                    found.update((kind, version, *page) for page in file_columns[column])
    return found


def grid(title, counts):
    """Lines of a table, from a Counter of (row, head)."""
    heads = sorted({head for _, head in counts})
    rows = sorted({row for row, _ in counts})
    width = max([len(title), *(len(row) + 2 for row in rows)])
    wide = [max(12, len(head) + 2) for head in heads]
    yield f"{title:{width}}" + "".join(f"{head:>{w}}" for head, w in zip(heads, wide))
    for row in rows:
        yield f"  {row:{width - 2}}" + "".join(f"{counts[row, head] or '-':>{w}}" for head, w in zip(heads, wide))


def table(found):
    """The lines of tables: pages by type and layout for each version, encodings by version."""
    encodings = collections.Counter()
    for version in sorted({version for _, version, _, _ in found}):
        kinds = collections.Counter()
        for (kind, v, layout, encoding), n in found.items():
            if v == version:
                if layout not in ("levels", "structure"):
                    kinds[kind, layout] += n
                encodings[f"{layout}: {encoding}", version] += n
        yield from grid(f"pages of {version}", kinds)
    yield from grid("encodings", encodings)
