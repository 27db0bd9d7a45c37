"""Types and evolutions beyond the image-caption tables, read through the mount."""

import datetime
import decimal
import random

import lance
import numpy as np
import pyarrow as pa
import pytest

import columns

VERSIONS = ("2.0", "2.1", "2.2")


def nested_table(rows=600, seed=1):
    rng = random.Random(seed)
    maybe = lambda value, p=0.2: None if rng.random() < p else value
    return pa.table({
        "i": pa.array(range(rows)),
        "s": pa.array([maybe({"a": maybe(i), "b": maybe(str(i) * (i % 5))}) for i in range(rows)],
                      pa.struct([("a", pa.int64()), ("b", pa.string())])),
        "l": pa.array([maybe([maybe(i * k) for k in range(i % 4)]) for i in range(rows)], pa.list_(pa.int32())),
        "ls": pa.array([maybe([{"x": maybe(k), "t": maybe("é" * k)} for k in range(i % 3)]) for i in range(rows)],
                       pa.list_(pa.struct([("x", pa.int16()), ("t", pa.large_string())]))),
        "ll": pa.array([maybe([maybe([i, k]) for k in range(i % 3)]) for i in range(rows)],
                       pa.list_(pa.list_(pa.int64()))),
        "v": pa.array([maybe([rng.random() for _ in range(5)]) for _ in range(rows)], pa.list_(pa.float32(), 5)),
    })


def check(where, dataset, names=None):
    expected = dataset.to_table()
    for name in names or expected.column_names:
        got = columns.read_arrow(where / "columns" / f"{name}.arrow").column(0)
        got.validate(full=True)
        assert got.type == expected.schema.field(name).type
        assert columns.same_values(got, expected.column(name)), name


@pytest.mark.parametrize("version", ("2.1", "2.2"))
def test_nested__equal_pylance(tmp_path, mount, version):
    path = str(tmp_path / "t.lance")
    lance.write_dataset(nested_table(), path, data_storage_version=version, max_rows_per_file=250)
    dataset = lance.dataset(path)
    dataset.delete("i % 7 = 3")
    check(mount(path), lance.dataset(path))


def test_nested__children_in_files_of_their_own(tmp_path, mount):
    path = str(tmp_path / "t.lance")
    lance.write_dataset(nested_table(), path, data_storage_version="2.2", max_rows_per_file=250)
    dataset = lance.dataset(path)
    dataset.add_columns(pa.schema([pa.field("s", pa.struct([pa.field("z", pa.int64())]))]))

    def more(batch):
        values = [{"w": None if i % 5 == 0 else i * 10} if batch["s"][i].is_valid else None
                  for i in range(batch.num_rows)]
        return pa.record_batch([pa.array(values, pa.struct([("w", pa.int64())]))], ["s"])

    lance.dataset(path).add_columns(more, read_columns=["s"])
    assert any(len(f.data_files()) > 1 for f in lance.dataset(path).get_fragments())
    check(mount(path), lance.dataset(path))
    lance.dataset(path).drop_columns(["s.a"])
    check(mount(path), lance.dataset(path))


def flat_table(rows=1500, seed=2):
    rng = np.random.default_rng(seed)
    nulls = rng.random(rows) < 0.1
    stamp = datetime.datetime(2024, 2, 29, 12, 34, 56, 789012)

    def array(values, kind):
        return pa.array([None if n else v for v, n in zip(values, nulls)], kind)

    out = {}
    for kind in (pa.int8(), pa.int16(), pa.int32(), pa.int64(), pa.uint8(), pa.uint16(), pa.uint32(), pa.uint64()):
        info = np.iinfo(kind.to_pandas_dtype())
        values = [int(v) for v in rng.integers(info.min, info.max, rows, dtype=kind.to_pandas_dtype(), endpoint=True)]
        out[str(kind)] = array(values, kind)
    out["half"] = array(rng.normal(0, 1, rows).astype("f2"), pa.float16())
    for kind in (pa.float32(), pa.float64()):
        special = [float("nan"), float("inf"), -float("inf"), -0.0, 1e-310 if kind == pa.float64() else 1e-40]
        out[str(kind)] = array(special + rng.normal(0, 1e9, rows - 5).tolist(), kind)
    out["bool"] = array((rng.random(rows) < 0.5).tolist(), pa.bool_())
    out["dec"] = array([decimal.Decimal(int(v)) / 100 for v in rng.integers(-10**9, 10**9, rows)], pa.decimal128(20, 2))
    out["dec256"] = array([decimal.Decimal(int(v)) for v in rng.integers(-10**9, 10**9, rows)], pa.decimal256(50, 0))
    out["date32"] = array([stamp.date() + datetime.timedelta(int(v)) for v in rng.integers(-9999, 9999, rows)], pa.date32())
    for unit in ("s", "ms", "us", "ns"):
        values = [int(v) for v in rng.integers(-2**40, 2**40, rows)]
        out[f"ts_{unit}"] = array(values, pa.timestamp(unit))
        out[f"dur_{unit}"] = array(values, pa.duration(unit))
    out["ts_zone"] = array([int(v) for v in rng.integers(0, 2**50, rows)], pa.timestamp("us", "+08:00"))
    out["time32"] = array([int(v) for v in rng.integers(0, 86400, rows)], pa.time32("s"))
    out["time64"] = array([int(v) for v in rng.integers(0, 86400 * 10**9, rows)], pa.time64("ns"))
    out["fixed"] = array([rng.bytes(12) for _ in range(rows)], pa.binary(12))
    out["small_bin"] = array([rng.bytes(int(n)) for n in rng.integers(0, 40, rows)], pa.binary())
    out["large_bin"] = array([rng.bytes(int(n)) for n in rng.integers(0, 900, rows)], pa.large_binary())
    out["large_str"] = array(["é" * int(n) for n in rng.integers(0, 90, rows)], pa.large_string())
    out["nothing"] = pa.nulls(rows, pa.string())
    out["constant"] = pa.array([7] * rows)
    out["dictionary"] = pa.array([["x", "y", None][int(i)] for i in rng.integers(0, 3, rows)]).dictionary_encode()
    return pa.table(out)


@pytest.mark.parametrize("version", VERSIONS)
def test_flat_types__equal_pylance(tmp_path, mount, version):
    path = str(tmp_path / "t.lance")
    lance.write_dataset(flat_table(), path, data_storage_version=version, max_rows_per_file=600)
    dataset = lance.dataset(path)
    names = [n for n in dataset.schema.names if n != "dictionary"]
    where = mount(path)
    check(where, dataset, names)
    got = columns.read_arrow(where / "columns" / "dictionary.arrow").column(0)
    assert got.to_pylist() == dataset.to_table()["dictionary"].to_pylist()


def test_stable_row_ids__are_read(tmp_path, mount):
    path = str(tmp_path / "t.lance")
    table = pa.table({"i": pa.array(range(500)), "t": pa.array([str(i) for i in range(500)])})
    lance.write_dataset(table, path, enable_stable_row_ids=True, max_rows_per_file=200)
    dataset = lance.dataset(path)
    dataset.update({"t": "'new'"}, where="i % 50 = 7")
    dataset.delete("i % 90 = 1")
    dataset.optimize.compact_files()
    check(mount(path), lance.dataset(path))


def test_parts__members_and_masks(tmp_path, mount):
    path = str(tmp_path / "t.lance")
    lance.write_dataset(nested_table(), path, data_storage_version="2.2", max_rows_per_file=250)
    where = mount(path)
    expected = lance.dataset(path).to_table()
    members = expected["s"].combine_chunks()
    for member in ("a", "b"):
        want = [None if v is None else v[member] for v in members.to_pylist()]
        got = columns.read_txt(where / "columns" / f"s.{member}.txt", members.type.field(member).type)
        assert got.to_pylist() == want
        assert columns.read_arrow(where / "columns" / f"s.{member}.arrow").column(0).to_pylist() == want
    for name in ("v", "l", "i"):
        mask = np.load(where / "columns" / f"{name}.mask.npy")
        assert mask.dtype == bool and mask.tolist() == expected[name].is_null().to_pylist()
    assert not (where / "columns" / "s.c.txt").exists() and not (where / "columns" / "none.mask.npy").exists()
    with pytest.raises(OSError):
        (where / "columns" / "s.a.txt").write_text("1\n" * 600)
