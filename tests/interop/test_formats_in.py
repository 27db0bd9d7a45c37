"""Column files of every format become columns again, whoever writes them."""

import datetime
import decimal
import io
import json
import os
import random
import subprocess
import tarfile
import urllib.parse

import duckdb
import lance
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.csv
import pytest

import fuzz_read
import random_data
from conftest import lancectl

ROWS = 400
RNG = random.Random(20)


def maybe(value, i):
    return None if i % 7 == 3 else value


def rows(kind, value):
    return pa.array([maybe(value(i), i) for i in range(ROWS)], kind)


WORDS = ["", "a", "ü", "\\N", "\\", "a,b", 'say "no"', "line\nline", "tab\there", " x ", "null", "\U0001f600", "\r", "0x", "1e5"]
DAY = datetime.date(1999, 12, 31)
COLUMNS = {
    "b": rows(pa.bool_(), lambda i: i % 3 == 0), "i8": rows(pa.int8(), lambda i: i % 256 - 128),
    "u64": rows(pa.uint64(), lambda i: 2**64 - 1 - i), "i64": rows(pa.int64(), lambda i: (-1) ** i * (2**63 - 1 - i)),
    "f16": pa.array(np.arange(ROWS, dtype=np.float16) / 3), "f32": pa.array(np.arange(ROWS, dtype=np.float32) / 7),
    "f64": rows(pa.float64(), lambda i: [i / 3, 1e300, -0.0, 5e-324, float("inf"), float("-inf")][i % 6]),
    "dec": rows(pa.decimal128(38, 0), lambda i: decimal.Decimal(10**37 + i) * (-1) ** i),
    "dec256": rows(pa.decimal256(60, 9), lambda i: decimal.Decimal(i) / 1000),
    "d32": rows(pa.date32(), lambda i: DAY + datetime.timedelta(i)),
    "d64": rows(pa.date64(), lambda i: DAY + datetime.timedelta(i)),
    "t32": pa.array(range(ROWS), pa.time32("ms")), "t64": pa.array(range(ROWS), pa.time64("ns")),
    "ts": pa.array(range(ROWS), pa.timestamp("us", "UTC")), "tn": pa.array(range(ROWS), pa.timestamp("ns")),
    "dur": pa.array(range(ROWS), pa.duration("ms")),
    "s": rows(pa.string(), lambda i: WORDS[i % len(WORDS)] * (i % 3)),
    "ls": rows(pa.large_string(), lambda i: WORDS[i % len(WORDS)]),
    "bin": rows(pa.binary(), lambda i: RNG.randbytes(i % 600)),
    "lbin": rows(pa.large_binary(), lambda i: RNG.randbytes(i % 3)),
    "fsb": rows(pa.binary(5), lambda i: RNG.randbytes(5)),
    "l": rows(pa.list_(pa.int64()), lambda i: [i, None, -i][: i % 4]),
    "ll": rows(pa.large_list(pa.string()), lambda i: [WORDS[i % len(WORDS)]] * (i % 3)),
    "fsl": pa.array([[i / 3, i, -1.5] for i in range(ROWS)], pa.list_(pa.float32(), 3)),
    "st": rows(pa.struct([("x", pa.int32()), ("y", pa.list_(pa.string()))]), lambda i: {"x": maybe(i, i + 1), "y": ["é"]}),
    "lst": rows(pa.list_(pa.struct([("t", pa.timestamp("s")), ("f", pa.float64())])), lambda i: [{"t": i, "f": i / 3}]),
}
BINARY = ("bin", "lbin", "fsb")
NESTED = ("l", "ll", "fsl", "st", "lst")
NO_NULLS = [n for n, c in COLUMNS.items() if not c.null_count]


def fits(suffix, name):
    """What the man page says of the format."""
    numeric = not pa.types.is_decimal(COLUMNS[name].type) and name not in ("s", "ls")
    return {"txt": name not in BINARY, "csv": name not in BINARY + NESTED, "jsonl": True, "arrow": True,
            "tar": name in BINARY, "bin": name in NO_NULLS and numeric,
            "npy": name in NO_NULLS and numeric}[suffix]


def make(path, columns=None, version="2.2", count=ROWS):
    table = pa.table({"id": pa.array(range(count), pa.int64()), **(columns or {})})
    lance.write_dataset(table, str(path), data_storage_version=version, max_rows_per_file=170)
    return path


def column(path, name="c"):
    return lance.dataset(str(path)).to_table(columns=[name]).column(0)


def refused(where, name, data, part):
    with pytest.raises(OSError):
        (where / "columns" / name).write_bytes(data if isinstance(data, bytes) else data.encode())
    text = (where / "last_error").read_text().split("\n")[0]
    assert part in text, text


@pytest.mark.parametrize("version", ("2.0", "2.2"))
@pytest.mark.parametrize("suffix", ("txt", "csv", "jsonl", "arrow", "tar", "bin", "npy"))
def test_formats__what_is_read_can_be_written(tmp_path, mount, suffix, version):
    some = {n: c for n, c in COLUMNS.items() if n != "st" or version != "2.0"}  # it has no nulls of structs
    path = make(tmp_path / "t.lance", some, version)
    where = mount(path)
    for name, values in some.items():
        if not fits(suffix, name):
            continue
        # `schema` says the types
        kind = next(line.split("\t")[1] for line in (where / "schema").read_text().split("\n") if line.split("\t")[0] == name)
        kind = "." + urllib.parse.quote(kind, safe="[]<>,:() ") if suffix != "arrow" else ""
        target = where / "columns" / f"{name}_copy{kind}.{suffix}"
        done = subprocess.run(["cp", where / "columns" / f"{name}.{suffix}", target], capture_output=True, text=True)
        assert done.returncode == 0, (name, done.stderr, (where / "last_error").read_text())
        fuzz_read.compare(column(path, f"{name}_copy"), pa.chunked_array([values]), f"{name}.{suffix}")


@pytest.mark.parametrize("suffix", ("jsonl", "txt"))
@pytest.mark.parametrize("version", ("2.1", "2.2"))
def test_formats__random_nested_types(tmp_path, mount, suffix, version):
    rng, written = random.Random(7), 0
    for i in range(24):
        field = random_data.random_field(rng, version, rng.randint(1, 3), "c")
        kind = str(field.type)
        if field.metadata or any(w in kind for w in ("dictionary", "extension", "blob", "map", "/", "not null")):
            continue  # objects have each key once
        values = random_data.Column(rng, field, version).array(200)
        try:
            make(tmp_path / f"{i}.lance", {"c": values}, version, 200)
        except BaseException:  # what pylance does not write either
            continue
        where = mount(tmp_path / f"{i}.lance")
        kind = next(line.split("\t")[1] for line in (where / "schema").read_text().split("\n") if line.startswith("c\t"))
        if suffix == "txt" and kind.startswith(("binary", "large_binary", "fixed_size_binary")) or len(kind) > 200:
            continue
        done = subprocess.run(["cp", where / "columns" / f"c.{suffix}", where / "columns" / f"d.{kind}.{suffix}"], capture_output=True)
        if done.returncode:
            text = (where / "last_error").read_text().split("\n")[0]
            assert any(word in text for word in ("cannot", "only read")), f"{kind}: {text}"
            continue
        fuzz_read.compare(column(tmp_path / f"{i}.lance", "d"), column(tmp_path / f"{i}.lance", "c"), f"{i}: {kind}")
        written += 1
    assert written > 4


# --- csv, jsonl: other programs' ---

def simple_frame():
    return pd.DataFrame({"n": range(ROWS), "x": np.arange(ROWS) / 4, "s": [f"täxt, {i}" for i in range(ROWS)],
                         "b": [i % 2 == 0 for i in range(ROWS)]})


def write_pandas_csv(frame, path):
    words = {True: "true", False: "false"}  # pandas itself writes True, which is text
    frame.assign(**{n: frame[n].map(words) for n in frame if frame[n].dtype == bool}).to_csv(path, index=False)


def write_polars_csv(frame, path):
    pl.from_pandas(frame).write_csv(path)


def write_arrow_csv(frame, path):
    pa.csv.write_csv(pa.Table.from_pandas(frame), path)


def write_duckdb_csv(frame, path):
    duckdb.sql("select * from frame").write_csv(str(path))


def write_pandas_jsonl(frame, path):
    frame.to_json(path, orient="records", lines=True)


def write_polars_jsonl(frame, path):
    pl.from_pandas(frame).write_ndjson(path)


def write_duckdb_jsonl(frame, path):
    duckdb.sql(f"copy (select * from frame) to '{path}' (format json)")


def write_python_jsonl(frame, path):
    path.write_text("".join(json.dumps(row) + "\n" for row in frame.to_dict("records")))


CSV = (write_pandas_csv, write_polars_csv, write_arrow_csv, write_duckdb_csv)
JSONL = (write_pandas_jsonl, write_polars_jsonl, write_duckdb_jsonl, write_python_jsonl)


@pytest.mark.parametrize("write", CSV + JSONL)
def test_formats__other_programs_columns(tmp_path, mount, write):
    suffix = "csv" if write in CSV else "jsonl"
    path, frame = make(tmp_path / "t.lance"), simple_frame()
    where = mount(path)
    for name in frame:
        write(frame[[name]], tmp_path / f"{name}.{suffix}")
        subprocess.run(["cp", tmp_path / f"{name}.{suffix}", where / "columns"], check=True)
        assert column(path, name).to_pylist() == list(frame[name])
    assert [str(column(path, n).type) for n in frame] == ["int64", "double", "string", "bool"]


@pytest.mark.parametrize("write", CSV + JSONL)
def test_formats__other_programs_tables(tmp_path, write):
    """Learnt columns, and rows of a table that has them."""
    suffix = "csv" if write in CSV else "jsonl"
    path, frame = make(tmp_path / "t.lance"), simple_frame()
    write(frame, tmp_path / f"more.{suffix}")
    lancectl("put", path, tmp_path / f"more.{suffix}")
    for name in frame:
        assert column(path, name).to_pylist() == list(frame[name])
    lancectl("append", path, tmp_path / f"more.{suffix}")
    table = lance.dataset(str(path)).to_table()
    assert table.num_rows == 2 * ROWS
    assert table["s"].to_pylist() == 2 * list(frame["s"])
    assert table["id"].to_pylist() == [*range(ROWS), *[None] * ROWS]


def test_formats__arrow_tables(tmp_path):
    path = make(tmp_path / "t.lance", {"s": COLUMNS["s"], "l": COLUMNS["ll"]})
    more = pa.table({"l": COLUMNS["ll"].cast(pa.list_(pa.string())), "s": COLUMNS["s"].dictionary_encode()})
    with pa.ipc.new_file(str(tmp_path / "more.arrow"), more.schema) as writer:
        writer.write_table(more)
    lancectl("append", path, tmp_path / "more.arrow")
    table = lance.dataset(str(path)).to_table()
    assert table["s"].to_pylist() == 2 * COLUMNS["s"].to_pylist()
    assert table["l"].to_pylist() == 2 * COLUMNS["ll"].to_pylist()
    assert table.schema.field("l").type == pa.large_list(pa.string())
    pl.DataFrame({"s": ["x"], "no": [1]}).write_ipc(tmp_path / "bad.arrow")
    done = lancectl("append", path, tmp_path / "bad.arrow", check=False)
    assert done.returncode and b"no column 'no'" in done.stderr


def test_formats__a_replaced_column_keeps_its_width(tmp_path, mount):
    path = make(tmp_path / "t.lance", {"s": COLUMNS["s"]})
    where = mount(path)
    pl.DataFrame({"s": COLUMNS["s"].to_pylist()[::-1]}).write_ipc(where / "columns" / "s.arrow", compat_level=pl.CompatLevel.oldest())
    assert column(path, "s").type == pa.string()
    assert column(path, "s").to_pylist() == COLUMNS["s"].to_pylist()[::-1]


def test_formats__several_columns_replaced_keep_their_width(tmp_path):
    path = make(tmp_path / "t.lance", {"s": COLUMNS["s"], "l": COLUMNS["l"]})
    other = {"s": COLUMNS["s"].cast(pa.large_string()), "l": COLUMNS["l"].cast(pa.large_list(pa.int64()))}
    table = pa.table({name: values.take(pa.array(range(ROWS)[::-1])) for name, values in other.items()})
    with pa.ipc.new_file(str(tmp_path / "all.arrow"), table.schema) as writer:
        writer.write_table(table)
    lancectl("put", path, tmp_path / "all.arrow")
    for name in table.column_names:
        assert column(path, name).type == COLUMNS[name].type
        assert column(path, name).to_pylist() == COLUMNS[name].to_pylist()[::-1]


# --- jsonl ---

def test_formats__jsonl_of_nested_values(tmp_path, mount):
    path = make(tmp_path / "t.lance", count=4)
    where = mount(path)
    lines = [{"c": {"a": 1, "tags": ["x"]}}, {"c": {"a": 2.5}}, {"c": None}, {"c": {"tags": [], "more": {"deep": True}}}]
    (where / "columns" / "c.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert column(path).to_pylist() == [{"a": 1, "tags": ["x"], "more": None}, {"a": 2.5, "tags": None, "more": None}, None,
                                        {"a": None, "tags": [], "more": {"deep": True}}]
    assert pa.types.is_float64(column(path).type.field("a").type)
    (where / "columns" / "n.jsonl").write_text('{"n":NaN}\n{"n":-0.0}\n{"n":1e400}\n{"n":-Infinity}\n'.replace("1e400", "1e300"))
    assert str(column(path, "n").to_pylist()) == "[nan, -0.0, 1e+300, -inf]"
    refused(where, "e.jsonl", '{"e":1}\n{"e":"x"}\n{"e":1}\n{"e":1}\n', "line 2: a string where a number was before")
    refused(where, "e.uint8.jsonl", '{"e":1}\n{"e":256}\n', "line 2: '256' is not uint8")
    refused(where, "e.int64.jsonl", '{"e":1}\n{"e":2\n', "line 2: the JSON value does not end")
    refused(where, "e.int64.jsonl", '{"e":1}\n', "expected 4 rows, got 1")
    refused(where, "e.null[2].jsonl", '{"e":null}\n' * 4, "only read")


def test_formats__nested_text(tmp_path, mount):
    path = make(tmp_path / "t.lance", count=3)
    where = mount(path)
    (where / "columns" / "c.list<int64>.txt").write_text("[1,null]\n\\N\n[]\n")
    assert column(path).to_pylist() == [[1, None], None, []]
    (where / "columns" / "c.txt").write_text("[7]\n[8]\n[9]\n")  # a replacement keeps its type
    assert column(path).to_pylist() == [[7], [8], [9]]
    (where / "columns" / "u.txt").write_text("[7]\n[8]\n[9]\n")  # without a type it is text
    assert column(path, "u").to_pylist() == ["[7]", "[8]", "[9]"]
    refused(where, "d.list<int64>.txt", '[1]\n["x"]\n', "line 2: item 1: 'x' is not int64")


# --- tar ---

def image(i):
    return b"\xff\xd8\xff" + bytes([i % 256]) * (i * 7 % 1500)


@pytest.fixture
def images(tmp_path):
    where = tmp_path / "images"
    where.mkdir()
    for i in range(ROWS):
        if i % 9:
            (where / f"{i:05}.jpg").write_bytes(image(i))
    return where


EXPECTED_IMAGES = [image(i) if i % 9 else None for i in range(ROWS)]


@pytest.mark.parametrize("kind", ("gnu", "pax", "ustar", "v7", "oldgnu"))
def test_formats__tar_of_gnu_tar(tmp_path, mount, images, kind):
    path = make(tmp_path / "t.lance")
    where = mount(path)
    subprocess.run(["tar", "-C", tmp_path, "--sort=name", f"--format={kind}", "-cf", where / "columns" / "c.tar", "images"], check=True)
    assert column(path).to_pylist() == EXPECTED_IMAGES and column(path).type == pa.binary()
    (tmp_path / "out").mkdir()
    subprocess.run(["tar", "-C", tmp_path / "out", "-xf", where / "columns" / "c.tar"], check=True)
    assert sorted(os.listdir(tmp_path / "out")) == [f"{i:07}.bin" for i in range(ROWS) if i % 9]
    assert all((tmp_path / "out" / f"{i:07}.bin").read_bytes() == image(i) for i in range(ROWS) if i % 9)
    with tarfile.open(where / "columns" / "c.tar") as archive:
        assert all(m.mode == 0o644 and m.mtime == 0 for m in archive)


def test_formats__tar_streams_and_replaces(tmp_path, mount, images):
    path = make(tmp_path / "t.lance", {"c": COLUMNS["lbin"]})
    where = mount(path)
    with open(where / "columns" / "c.tar", "wb") as out, tarfile.open(fileobj=out, mode="w|") as archive:
        archive.add(images, arcname=".")
    assert column(path).type == pa.large_binary()
    assert column(path).to_pylist() == EXPECTED_IMAGES
    done = lancectl("export", path, "c", "--format=tar", f"--output={tmp_path}/c.tar")
    assert done.returncode == 0
    listed = subprocess.run(["tar", "tvf", tmp_path / "c.tar"], check=True, capture_output=True, text=True)
    assert len(listed.stdout.split("\n")) - 1 == sum(v is not None for v in EXPECTED_IMAGES) and not listed.stderr


def test_formats__tar_what_is_wrong_is_told(tmp_path, mount):
    path = make(tmp_path / "t.lance")
    where = mount(path)

    def archive(*names, cut=None, **info):
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode="w") as made:
            for name in names:
                member = tarfile.TarInfo(name)
                member.size = 3
                for key, value in info.items():
                    setattr(member, key, value)
                made.addfile(member, io.BytesIO(b"abc"))
        return out.getvalue()[:cut]

    refused(where, "c.tar", archive("1.jpg", "0.jpg"), "tar --sort=name")
    refused(where, "c.tar", archive("cat.jpg"), "must be a row number")
    refused(where, "c.tar", archive("400.jpg"), "the table has 400 rows")
    refused(where, "c.tar", archive("3.jpg", type=tarfile.SYMTYPE, size=0), "no plain file")
    refused(where, "c.tar", archive("3.jpg", cut=1024), "expected 400 rows, got 4")
    refused(where, "c.tar", archive("3.jpg", cut=1000), "expected 400 rows, got 4")
    refused(where, "c.tar", b"x" * 1024, "not a tar archive")
    refused(where, "c.fixed_size_binary[4].tar", archive("3.jpg"), "3 bytes, wanted 4")
    refused(where, "c.string.tar", archive("3.jpg"), "cannot be written as tar")
    assert lance.dataset(str(path)).version == 1


# --- npy ---

NUMBERS = [f"{order}{kind}" for order in "<>" for kind in ("i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8")]


@pytest.mark.parametrize("version", ((1, 0), (2, 0), (3, 0)))
def test_formats__npy_of_every_dtype(tmp_path, mount, version):
    path = make(tmp_path / "t.lance")
    where = mount(path)
    made = {f"n{i}": (np.arange(ROWS) % 100).astype(kind) for i, kind in enumerate(NUMBERS)}
    made["b"] = np.arange(ROWS) % 3 == 0
    for i, unit in enumerate(("s", "ms", "us", "ns")):
        made[f"M{i}"] = np.arange(ROWS).astype(f"M8[{unit}]")
        made[f"m{i}"] = np.arange(ROWS).astype(f">m8[{unit}]")
    made["D"] = np.arange(ROWS).astype("M8[D]")
    made["nat"] = np.array([np.datetime64("NaT", "us") if i % 3 else np.datetime64(i, "us") for i in range(ROWS)])
    made["v"] = np.arange(ROWS * 3, dtype=">f4").reshape(ROWS, 3)
    made["fortran1"] = np.asfortranarray(np.arange(ROWS).reshape(ROWS, 1))
    for name, values in made.items():
        with open(where / "columns" / f"{name}.npy", "wb") as out:
            np.lib.format.write_array(out, values, version=version)
        got = column(path, name)
        native = values.astype(values.dtype.newbyteorder("="))
        expected = pa.array(list(native), pa.list_(pa.from_numpy_dtype(native.dtype), values.shape[1])) if values.ndim > 1 else \
            pa.array(native)
        assert got.type == expected.type and got.combine_chunks() == expected, name


def test_formats__npy_refused_with_what_to_do(tmp_path, mount):
    path = make(tmp_path / "t.lance")
    where = mount(path)

    def saved(values):
        out = io.BytesIO()
        np.save(out, values, allow_pickle=True)
        return out.getvalue()

    for values, part in ((np.array(["x"] * ROWS), "write it as .txt"), (np.array([b"x"] * ROWS), "write it as .txt"),
                         (np.array([None] * ROWS), "Python objects"), (np.zeros(ROWS, "c16"), "complex"),
                         (np.zeros(ROWS, [("a", "i4"), ("b", "f4")]), "structure"), (np.zeros(ROWS, "V3"), "raw bytes"),
                         (np.zeros(ROWS, "f16"), "long double"), (np.zeros(ROWS, "M8[h]"), "unit"),
                         (np.asfortranarray(np.zeros((ROWS, 2))), "ascontiguousarray"), (np.float64(1), "single value")):
        refused(where, "c.npy", saved(values), part)
    assert lance.dataset(str(path)).version == 1
