"""Column files read as any program would, made comparable with pylance's values."""

import base64
import csv
import errno
import json
import os

import numpy as np
import pyarrow as pa

ESCAPES = {"\\": "\\", "t": "\t", "n": "\n", "r": "\r"}


def unescape(line):
    """A txt line's value; None for \\N."""
    if line == "\\N":
        return None
    if "\\" not in line:
        return line
    out, i = [], 0
    while i < len(line):
        if line[i] == "\\":
            i += 1
            out.append(ESCAPES[line[i]])
        else:
            out.append(line[i])
        i += 1
    return "".join(out)


def escape(value):
    if value is None:
        return "\\N"
    return (value.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r"))


def parse(text, kind):
    if text is None or pa.types.is_null(kind):
        return None
    if pa.types.is_boolean(kind):
        return {"true": True, "false": False}[text]
    if pa.types.is_integer(kind):
        return int(text)
    if pa.types.is_floating(kind):
        return float(text)
    return text


def read_txt(path, kind):
    with open(path, newline="", encoding="utf-8", errors="surrogateescape") as f:
        data = f.read()
    assert data == "" or data.endswith("\n")
    lines = data.split("\n")[:-1]
    return pa.array([parse(unescape(line), kind) for line in lines], kind)


def read_csv(path, kind):
    """Python's csv module cannot tell an empty field from "": only non-null ones are parsed."""
    with open(path, newline="", encoding="utf-8") as f:
        rows = list(csv.reader(f))
    return rows[0][0], [row[0] if row else "" for row in rows[1:]]


def read_arrow(path):
    with pa.memory_map(os.fspath(path)) as source:
        return pa.ipc.open_file(source).read_all()


def as_numpy(column):
    """What the npy file must hold: nulls are NaN in floats, 0 elsewhere."""
    kind = column.type
    if pa.types.is_fixed_size_list(kind):
        flat = np.asarray(column.combine_chunks().flatten()) if column.null_count == 0 else None
        assert flat is not None
        return flat.reshape(len(column), kind.list_size)
    dtype = kind.to_pandas_dtype()
    fill = np.nan if pa.types.is_floating(kind) else 0
    return np.array([fill if v is None else v for v in column.to_pylist()], dtype=dtype)


def same_values(a, b):
    """Equal as Arrow arrays, NaN equal to NaN."""
    a = a.combine_chunks() if isinstance(a, pa.ChunkedArray) else a
    b = b.combine_chunks() if isinstance(b, pa.ChunkedArray) else b
    if pa.types.is_floating(a.type):
        return a.is_null().equals(b.is_null()) and np.array_equal(
            a.fill_null(0).to_numpy(zero_copy_only=False), b.fill_null(0).to_numpy(zero_copy_only=False),
            equal_nan=True)
    return a.equals(b)


def file_type(kind):
    """The type that a column's Arrow file has: each dictionary as its values."""
    t = pa.types
    if t.is_dictionary(kind):
        return file_type(kind.value_type)
    plain = lambda field: field.with_type(file_type(field.type))
    if t.is_struct(kind):
        return pa.struct([plain(field) for field in kind])
    if t.is_map(kind):
        return pa.map_(plain(kind.key_field), plain(kind.item_field))
    if t.is_fixed_size_list(kind):
        return pa.list_(plain(kind.value_field), kind.list_size)
    if t.is_list(kind):
        return pa.list_(plain(kind.value_field))
    return pa.large_list(plain(kind.value_field)) if t.is_large_list(kind) else kind


def identical(a, b):
    """Equal to the last bit of every value that is not null; how dictionaries are numbered does not count."""
    if not len(a) and not len(b):
        return True
    try:
        a, b = (x.combine_chunks() if isinstance(x, pa.ChunkedArray) else x for x in (a, b))
    except pa.ArrowException:  # dictionaries that differ and hold nulls
        return repr(a.to_pylist()) == repr(b.to_pylist())
    t, kind = pa.types, a.type
    if isinstance(kind, pa.BaseExtensionType):
        return identical(a.storage, b.storage)
    if t.is_dictionary(b.type):
        b = b.dictionary_decode()
    if t.is_dictionary(kind):
        return identical(a.dictionary_decode(), b)
    if len(a) != len(b) or not a.is_valid().equals(b.is_valid()):
        return False
    if t.is_null(kind):
        return True
    a, b = (x.filter(x.is_valid()) if x.null_count else x for x in (a, b))
    if t.is_struct(kind):
        return all(identical(a.field(i), b.field(i)) for i in range(kind.num_fields))
    if t.is_map(kind):
        try:
            a, b = (x.cast(pa.list_(pa.struct([x.type.key_field, x.type.item_field]))) for x in (a, b))
        except pa.ArrowException:  # values that must not be null, with nulls around them
            return repr(a.to_pylist()) == repr(b.to_pylist())
        return identical(a, b)
    if t.is_list(kind) or t.is_large_list(kind):
        return a.value_lengths().equals(b.value_lengths()) and identical(a.flatten(), b.flatten())
    if t.is_fixed_size_list(kind):
        return identical(a.flatten(), b.flatten())
    if t.is_floating(kind):
        bits = {16: np.uint16, 32: np.uint32, 64: np.uint64}[kind.bit_width]
        return np.array_equal(*(x.to_numpy(zero_copy_only=False).view(bits) for x in (a, b)))
    return a.equals(b)


def check_column(directory, name, expected, rng=None):
    """Every format in which the column can be read equals `expected` (a ChunkedArray)."""
    kind = expected.type
    checked = []
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        check_binary(directory / name, expected)
        checked.append("directory")
    arrow = read_arrow(directory / f"{name}.arrow")
    assert arrow.column_names == [name] and arrow.column(0).type == kind
    arrow.validate(full=True)
    assert same_values(arrow.column(0), expected), f"{name}.arrow"
    checked.append("arrow")
    check_jsonl(directory / f"{name}.jsonl", name, expected)
    checked.append("jsonl")
    if pa.types.is_fixed_size_list(kind) or pa.types.is_integer(kind) or pa.types.is_floating(kind):
        for mode in (None, "r"):
            got = np.load(directory / f"{name}.npy", mmap_mode=mode)
            want = as_numpy(expected)
            assert got.dtype == want.dtype and np.array_equal(got, want, equal_nan=True), f"{name}.npy"
        check_bin(directory / f"{name}.bin", expected)
        checked += ["npy", "bin"]
    if not pa.types.is_nested(kind) and "directory" not in checked:
        assert same_values(read_txt(directory / f"{name}.txt", kind), expected), f"{name}.txt"
        header, values = read_csv(directory / f"{name}.csv", kind)
        want = expected.to_pylist()
        assert header == name and len(values) == len(want), f"{name}.csv"
        assert all(got == "" for got, value in zip(values, want) if value is None), f"{name}.csv"
        parsed = [None if value is None else parse(got, kind) for got, value in zip(values, want)]
        assert same_values(pa.array(parsed, kind), expected), f"{name}.csv"
        checked += ["txt", "csv"]
    return checked


def check_jsonl(path, name, expected):
    kind = expected.type
    with open(path, encoding="utf-8") as f:
        values = [json.loads(line)[name] for line in f]
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        values = [None if v is None else base64.b64decode(v, validate=True) for v in values]
    assert same_values(pa.array(values, kind), expected), path.name


def check_bin(path, expected):
    if expected.null_count == 0:
        assert path.read_bytes() == as_numpy(expected).tobytes(), path.name
        return
    try:
        path.read_bytes()
    except OSError as error:
        assert error.errno == errno.EINVAL
    else:
        raise AssertionError(f"{path.name} was read although the column has nulls")


def check_binary(directory, expected):
    names = sorted(os.listdir(directory))
    values = {i: v for i, v in enumerate(expected.to_pylist()) if v is not None}
    assert [int(n.split(".")[0]) for n in names] == sorted(values)
    for name in names:
        assert (directory / name).read_bytes() == values[int(name.split(".")[0])]


def check_sizes(top):
    """stat equals what is read, for every file below top; returns how many."""
    count = 0
    for folder, _, files in os.walk(top):
        for name in files:
            path = os.path.join(folder, name)
            if os.path.islink(path) or name in ("control", "metrics"):
                continue
            size = os.stat(path).st_size
            with open(path, "rb") as f:
                assert size == len(f.read()), path
            count += 1
    return count
