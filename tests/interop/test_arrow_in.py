"""Arrow files and streams become columns: whoever writes them, whatever the types."""

import decimal
import io
import random
import subprocess

import duckdb
import lance
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.feather
import pytest

import fuzz_read
from random_data import Column, random_field

ROWS = 500


def make(path, version="2.2", rows=ROWS):
    lance.write_dataset(pa.table({"id": pa.array(range(rows), pa.int64())}), str(path), data_storage_version=version,
                        max_rows_per_file=200)
    return path


def column(path, name="c"):
    return lance.dataset(str(path)).to_table(columns=[name]).column(0)


def write_file(table, sink, **options):
    with pa.ipc.new_file(sink, table.schema, options=pa.ipc.IpcWriteOptions(**options)) as writer:
        writer.write_table(table, max_chunksize=170)


def write_stream(table, sink, **options):
    with pa.ipc.new_stream(sink, table.schema, options=pa.ipc.IpcWriteOptions(**options)) as writer:
        writer.write_table(table, max_chunksize=170)


FLAT = {
    "null": pa.nulls(ROWS), "bool": pa.array([None, True, False] * 166 + [None, True]),
    "i8": pa.array(range(-100, 100), pa.int8()).take(pa.array([i % 200 for i in range(ROWS)])),
    "u64": pa.array([2**64 - 1 - i for i in range(ROWS)], pa.uint64()),
    "f16": pa.array(np.arange(ROWS, dtype=np.float16)), "f32": pa.array(np.arange(ROWS, dtype=np.float32) / 3),
    "dec": pa.array([decimal.Decimal(i) / 100 for i in range(ROWS)], pa.decimal128(20, 2)),
    "dec256": pa.array([None if i % 3 else decimal.Decimal(i) for i in range(ROWS)], pa.decimal256(50, 0)),
    "d32": pa.array(range(ROWS), pa.int32()).cast(pa.date32()), "d64": pa.array([i * 86400000 for i in range(ROWS)], pa.date64()),
    "t32": pa.array(range(ROWS), pa.time32("ms")), "t64": pa.array(range(ROWS), pa.time64("ns")),
    "ts": pa.array(range(ROWS), pa.timestamp("us", "Asia/Tokyo")), "dur": pa.array(range(ROWS), pa.duration("s")),
    "fsb": pa.array([bytes([i % 256] * 3) for i in range(ROWS)], pa.binary(3)),
    "s": pa.array([None if i % 7 == 0 else "ü" * (i % 40) for i in range(ROWS)]),
    "ls": pa.array(["x" * (i % 9) for i in range(ROWS)], pa.large_string()),
    "b": pa.array([b"\0" * (i % 5) for i in range(ROWS)], pa.binary()),
    "l": pa.array([None if i % 5 == 0 else [i, None] * (i % 3) for i in range(ROWS)]),
    "fsl": pa.array([[i, i + 1.5] for i in range(ROWS)], pa.list_(pa.float32(), 2)),
    "st": pa.array([{"x": i, "y": [str(i)]} for i in range(ROWS)]),
}


@pytest.mark.parametrize("write", (write_file, write_stream))
@pytest.mark.parametrize("codec", (None, "lz4", "zstd"))
def test_arrow__every_type(tmp_path, mount, write, codec):
    path = make(tmp_path / "t.lance")
    where = mount(path)
    for name, values in FLAT.items():
        write(pa.table({name: values}), str(where / "columns" / f"{name}.arrow"), compression=codec)
        got = column(path, name)
        fuzz_read.compare(got, pa.chunked_array([values]), name)
    assert lance.dataset(str(path)).version == 1 + len(FLAT)


@pytest.mark.parametrize("version", ("2.0", "2.1", "2.2"))
def test_arrow__random_nested_types(tmp_path, mount, version):
    path = make(tmp_path / "t.lance", version, rows=300)
    where, rng, written = mount(path), random.Random(11), 0
    for i in range(40):
        field = random_field(rng, version, rng.randint(0, 3), "c")
        kind = field.type
        if field.metadata or any(word in str(kind) for word in ("dictionary", "extension", "blob")):
            continue
        values = Column(rng, field, version).array(300)
        try:
            lance.write_dataset(pa.table({"c": values}), str(tmp_path / f"try{i}.lance"), data_storage_version=version)
        except BaseException:  # what pylance does not write either
            continue
        try:
            rng.choice((write_file, write_stream))(pa.table({"c": values}), str(where / "columns" / f"c{i}.arrow"))
        except OSError:
            text = (where / "last_error").read_text().split("\n")[0]
            assert any(word in text for word in ("cannot", "only read", "in 2.0")), f"{kind}: {text}"
            continue
        fuzz_read.compare(column(path, f"c{i}"), pa.chunked_array([values]), f"c{i}: {kind}")
        written += 1
    assert written > 8


def test_arrow__slices_masks_and_dictionaries(tmp_path, mount):
    path = make(tmp_path / "t.lance")
    where = mount(path)
    text = pa.array([f"value {i}" for i in range(ROWS * 2)])
    words = pa.array(["a", "b", None] * 300).dictionary_encode()
    masked = pa.Array.from_buffers(pa.string(), ROWS, [pa.py_buffer(b"\x55" * 63), *text.buffers()[1:]])
    nested = pa.array([[f"v{i}"] * (i % 4) for i in range(ROWS * 2)])
    cases = {"slice": text.slice(300, ROWS), "dictionary": words.slice(7, ROWS), "masked": masked,
             "lists": nested.slice(123, ROWS), "struct": pa.StructArray.from_arrays([text, nested], ["t", "n"]).slice(9, ROWS)}
    for name, values in cases.items():
        write_stream(pa.table({name: values}), str(where / "columns" / f"{name}.arrow"))
        expected = values.dictionary_decode() if name == "dictionary" else values
        fuzz_read.compare(column(path, name), pa.chunked_array([expected]), name)


def test_arrow__other_writers(tmp_path, mount):
    path = make(tmp_path / "t.lance")
    where = mount(path)
    columns = where / "columns"
    frame = pd.DataFrame({"p": pd.Categorical([f"c{i % 3}" for i in range(ROWS)])})
    frame.to_feather(columns / "p.arrow")
    assert column(path, "p").to_pylist() == list(frame["p"])
    pl.DataFrame({"q": [None if i % 4 == 0 else "long enough to be a view %d" % i for i in range(ROWS)]}).write_ipc(
        columns / "q.arrow")
    assert column(path, "q").to_pylist() == [None if i % 4 == 0 else "long enough to be a view %d" % i for i in range(ROWS)]
    pl.DataFrame({"r": range(ROWS)}).write_ipc(columns / "r.arrow", compression="zstd")
    assert column(path, "r").to_pylist() == list(range(ROWS))
    table = duckdb.sql(f"select range * 2 as x from range({ROWS})").to_arrow_table()
    write_stream(table, str(columns / "x.arrow"))
    assert column(path, "x").to_pylist() == list(range(0, 2 * ROWS, 2))
    subprocess.run(["cp", columns / "q.arrow", columns / "copy.arrow"], check=True)
    assert column(path, "copy") == column(path, "q")


def test_arrow__what_is_wrong_is_told(tmp_path, mount):
    path = make(tmp_path / "t.lance")
    where = mount(path)

    def fails(table, part, name="c", cut=None):
        sink = io.BytesIO()
        write_file(table, sink)
        with pytest.raises(OSError):
            (where / "columns" / f"{name}.arrow").write_bytes(sink.getvalue()[:cut])
        assert part in (where / "last_error").read_text().split("\n")[0]

    good = pa.table({"c": pa.array(range(ROWS))})
    fails(good.slice(1), "expected 500 rows, got 499")
    fails(pa.concat_tables([good, good]), "expected 500 rows")
    fails(good, "cut short", cut=-20)
    fails(pa.table({"a": good["c"], "b": good["c"]}), "2 columns (a, b), none of which is called 'c'")
    fails(pa.table({"c": pa.nulls(ROWS, pa.month_day_nano_interval())}), "interval")
    union = pa.UnionArray.from_sparse(pa.array([0] * ROWS, pa.int8()), [pa.array(range(ROWS))])
    fails(pa.table({"c": union}), "union")
    with pytest.raises(OSError):
        (where / "columns" / "n.arrow").write_bytes(b"nothing of the kind" * 100)
    assert "not an Arrow IPC file" in (where / "last_error").read_text().split("\n")[0]
    write_file(pa.table({"a": good["c"], "c": pc_add(good["c"])}), str(where / "columns" / "c.arrow"))
    assert column(path).to_pylist() == list(range(1, ROWS + 1))
    assert lance.dataset(str(path)).version == 2


def pc_add(values):
    return pa.array([v + 1 for v in values.to_pylist()])
