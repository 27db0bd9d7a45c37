"""bin files become columns: the values alone, of a stated type or the replaced column's."""

import lance
import numpy as np
import pyarrow as pa
import pytest

TYPES = {"int8": "i1", "uint16": "<u2", "int32": "<i4", "uint64": "<u8", "float16": "<f2", "float32": "<f4",
         "float64": "<f8"}


def make(path, rows=300):
    lance.write_dataset(pa.table({"id": pa.array(range(rows), pa.int64())}), str(path), max_rows_per_file=130)
    return path


def column(path, name):
    return lance.dataset(str(path)).to_table(columns=[name]).column(0)


@pytest.mark.parametrize("name", TYPES)
def test_bin__of_a_stated_type(tmp_path, mount, name):
    path = make(tmp_path / "t.lance")
    where = mount(path)
    values = (np.arange(300) % 120).astype(TYPES[name])
    (where / "columns" / f"c.{name}.bin").write_bytes(values.tobytes())
    got = column(path, "c")
    assert str(got.type) == {"float16": "halffloat", "float32": "float", "float64": "double"}.get(name, name)
    assert np.array_equal(got.to_numpy(), values)
    assert (where / "columns" / "c.bin").read_bytes() == values.tobytes()
    (where / "columns" / "c.bin").write_bytes(values[::-1].tobytes())  # a replacement keeps its type
    assert np.array_equal(column(path, "c").to_numpy(), values[::-1])


def test_bin__vectors_times_and_booleans(tmp_path, mount):
    path = make(tmp_path / "t.lance")
    where = mount(path)
    vectors = np.arange(1200, dtype="<f4").reshape(300, 4)
    vectors.tofile(where / "columns" / "v.float32[4].bin")
    assert np.array_equal(np.stack(column(path, "v").to_numpy()), vectors)
    for name, kind in (("t", "timestamp[us]"), ("d", "date32"), ("b", "bool")):
        array = pa.array([i % 2 == 0 for i in range(300)]) if name == "b" else pa.array(
            range(300), pa.int32() if name == "d" else pa.int64()).cast(pa.date32() if name == "d" else pa.timestamp("us"))
        lance.dataset(str(path)).add_columns(pa.table({name: array}).to_reader(), batch_size=300)
        raw = (where / "columns" / f"{name}.bin").read_bytes()
        (where / "columns" / f"{name}2.{kind}.bin").write_bytes(raw)
        assert column(path, name + "2") == column(path, name)


def test_bin__what_is_wrong_is_told(tmp_path, mount):
    path = make(tmp_path / "t.lance")
    where = mount(path)
    for name, data, part in (("c.bin", b"x" * 1200, "state it"), ("c.int32.bin", b"x" * 1199, "expected 300 rows"),
                             ("c.int32.bin", b"x" * 1204, "after the last row"), ("c.string.bin", b"x", "string")):
        with pytest.raises(OSError):
            (where / "columns" / name).write_bytes(data)
        assert part in (where / "last_error").read_text().split("\n")[0], name
    assert lance.dataset(str(path)).version == 1


@pytest.mark.parametrize("cut", (1, 700, 2399))
def test_npy__cut_short_within_a_batch_is_refused(tmp_path, mount, cut):
    path = make(tmp_path / "t.lance")
    where = mount(path)
    np.save(tmp_path / "x.npy", np.arange(300))
    with pytest.raises(OSError):
        (where / "columns" / "x.npy").write_bytes((tmp_path / "x.npy").read_bytes()[:-cut])
    with pytest.raises(OSError):
        (where / "columns" / "y.csv").write_text("y\n12")
    assert lance.dataset(str(path)).version == 1
