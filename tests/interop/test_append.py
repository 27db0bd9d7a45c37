"""Appended rows and columns that come together: pylance reads them, and goes on from them."""

import csv
import random

import lance
import pyarrow as pa
import pytest

from conftest import lancectl
from test_schema import VERSIONS, fails, make, valid


def write_csv(path, names, rows):
    with open(path, "w", newline="") as f:
        out = csv.writer(f)
        out.writerow(names)
        out.writerows(rows)
    return path


@pytest.mark.parametrize("stable", (False, True))
@pytest.mark.parametrize("version", VERSIONS)
def test_append_csv__is_what_pylance_would_append(tmp_path, version, stable):
    path = tmp_path / "t.lance"
    dataset = make(path, version, stable)
    dataset.create_scalar_index("a", "BTREE")
    before = lance.dataset(str(path))
    rows = [[i, f"n{i}, \"x\"\nz"] for i in range(1000, 1150)]
    lancectl("append", path, write_csv(tmp_path / "more.csv", ["a", "b"], rows))
    after = valid(path)
    old, new = before.to_table(), after.to_table()
    assert new.slice(0, len(old)) == old
    tail = new.slice(len(old))
    assert tail.column("a").to_pylist() == [r[0] for r in rows]
    assert tail.column("b").to_pylist() == [r[1] for r in rows]
    assert tail.column("c").null_count == len(rows)
    assert after.read_transaction(after.version).operation.__class__.__name__ == "Append"
    assert after.to_table(filter="a = 1003").num_rows == 1  # through the index and beside it
    ids = after.to_table(with_row_id=True).column("_rowid").to_pylist()
    assert len(set(ids)) == len(ids)
    if stable:
        lineage = after.to_table(columns=["_row_created_at_version", "_row_last_updated_at_version"])
        assert lineage.slice(len(old)).to_pylist() == [
            {"_row_created_at_version": after.version, "_row_last_updated_at_version": after.version}] * len(rows)
    after.delete("a = 1001")
    lance.write_dataset(pa.table({"a": pa.array([7], pa.int64()), "b": ["p"]}), str(path), mode="append")
    lance.dataset(str(path)).optimize.compact_files()
    assert valid(path).count_rows() == len(old) + 150


def test_append__to_a_table_without_rows(tmp_path):
    path = tmp_path / "t.lance"
    lance.write_dataset(pa.table({"a": pa.array([], pa.int32()), "b": pa.array([], pa.string())}), str(path))
    lancectl("append", path, write_csv(tmp_path / "m.csv", ["b", "a"], [["x", 1], ["y", 2]]))
    lancectl("append", path, write_csv(tmp_path / "m.csv", ["b", "a"], [["z", 3]]))
    assert valid(path).to_table().to_pylist() == [{"a": 1, "b": "x"}, {"a": 2, "b": "y"}, {"a": 3, "b": "z"}]
    assert len(valid(path).get_fragments()) == 2


def test_append__refuses_what_does_not_fit(tmp_path):
    path = tmp_path / "t.lance"
    version = make(path).version
    n_files = len(list((path / "data").iterdir()))
    bad = tmp_path / "bad.csv"
    write_csv(bad, ["a", "bb"], [[1, "x"]])
    assert "no column 'bb'" in fails("append", path, bad)
    write_csv(bad, ["a", "b"], [[1, "x"], ["q", "y"]])
    assert "line 3, column 'a': 'q' is not int64" in fails("append", path, bad)
    write_csv(bad, ["a", "b"], [[1, "x"], [2]])
    assert "line 3" in fails("append", path, bad)
    write_csv(bad, ["a", "a"], [[1, 2]])
    assert "'a'" in fails("append", path, bad)
    write_csv(bad, ["a"], [])
    assert "no rows" in fails("append", path, bad)
    assert "csv" in fails("append", path, tmp_path / "x.npy")
    assert valid(path).version == version
    assert len(list((path / "data").iterdir())) == n_files


def test_append__of_a_not_null_column(tmp_path):
    path = tmp_path / "t.lance"
    schema = pa.schema([pa.field("a", pa.int64(), nullable=False), pa.field("b", pa.string())])
    lance.write_dataset(pa.table({"a": [1], "b": ["x"]}, schema=schema), str(path))
    assert "'a'" in fails("append", path, write_csv(tmp_path / "m.csv", ["b"], [["x"]]))
    assert "'a'" in fails("append", path, write_csv(tmp_path / "m.csv", ["a", "b"], [["", "x"]]))
    lancectl("append", path, write_csv(tmp_path / "m.csv", ["a", "b"], [[2, ""]]))
    assert valid(path).to_table().to_pylist() == [{"a": 1, "b": "x"}, {"a": 2, "b": None}]


@pytest.mark.parametrize("version", VERSIONS)
def test_put__of_several_columns_is_one_version(tmp_path, version):
    path = tmp_path / "t.lance"
    dataset = make(path, version)
    dataset.create_scalar_index("a", "BTREE")
    n = dataset.count_rows()
    before = lance.dataset(str(path)).version
    rows = [[i * 3, f"t{i}", i / 4, "" if i % 5 == 0 else i % 3 == 0] for i in range(n)]
    rows = [[a, t, d, str(e).lower() if e != "" else ""] for a, t, d, e in rows]
    file = write_csv(tmp_path / "many.csv", ["a", "text", "number", "flag"], rows)
    said = lancectl("put", path, file).stdout.decode()
    assert "a, text, number, flag" in said
    after = valid(path)
    assert after.version == before + 1
    table = after.to_table()
    assert table.schema.field("a").type == pa.int64() and table.schema.field("number").type == pa.float64()
    assert table.schema.field("flag").type == pa.bool_()
    assert table.column("a").to_pylist() == [r[0] for r in rows]
    assert table.column("text").to_pylist() == [r[1] for r in rows]
    assert table.column("flag").to_pylist() == [None if r[3] == "" else r[3] == "true" for r in rows]
    assert after.to_table(filter="a = 30").num_rows == 1
    assert max(len(f.data_files()) for f in after.get_fragments()) == 3  # one new file a fragment
    assert "unchanged" in lancectl("put", path, file).stdout.decode()
    assert "expected" in fails("put", path, write_csv(tmp_path / "few.csv", ["p", "q"], [[1, 2]]))
    assert valid(path).version == after.version


CASTS = [
    (pa.int64(), "int8", pa.int8(), [1, -128, 127, None]),
    (pa.int64(), "uint64", pa.uint64(), [1, 0, 2**62, None]),
    (pa.uint64(), "int64", pa.int64(), [1, 2**63 - 1, None]),
    (pa.float64(), "int32", pa.int32(), [1.0, -7.0, None]),
    (pa.int32(), "float", pa.float32(), [1, -7, None]),
    (pa.float64(), "float16", pa.float16(), [1.5, float("inf"), None]),
    (pa.int64(), "string", pa.string(), [1, -7, None]),
    (pa.string(), "int64", pa.int64(), ["1", "-7", None]),
    (pa.string(), "double", pa.float64(), ["1.5", "-7", None]),
    (pa.string(), "large_string", pa.large_string(), ["", "é", None]),
    (pa.string(), "binary", pa.binary(), ["", "é", None]),
    (pa.binary(), "string", pa.string(), [b"", "é".encode(), None]),
    (pa.bool_(), "int8", pa.int8(), [True, False, None]),
    (pa.int8(), "bool", pa.bool_(), [1, 0, None]),
    (pa.timestamp("us"), "timestamp[s]", pa.timestamp("s"), [0, 5_000_000, None]),
    (pa.timestamp("s"), "timestamp[ns]", pa.timestamp("ns"), [0, 5, None]),
    (pa.float64(), "decimal(10,2)", pa.decimal128(10, 2), [1.5, -2.25, None]),
    (pa.list_(pa.float64(), 2), "float[2]", pa.list_(pa.float32(), 2), [[1.5, 2], [0, -1], None]),
    (pa.list_(pa.int64()), "list<int16>", pa.list_(pa.int16()), [[1, 2], [], None, [None]]),
]


@pytest.mark.parametrize("case", CASTS, ids=lambda c: f"{c[0]}-{c[1]}")
def test_cast__is_what_arrow_makes_of_it(tmp_path, case):
    old, name, new, values = case
    path = tmp_path / "t.lance"
    rng = random.Random(1)
    column = pa.array([rng.choice(values) for _ in range(700)], old)
    dataset = lance.write_dataset(pa.table({"x": column, "k": range(700)}), str(path), data_storage_version="2.1",
                                  max_rows_per_file=300)
    dataset.update_field_metadata({"x": {"unit": "px"}}) if hasattr(dataset, "update_field_metadata") else None
    dataset.delete("k % 10 = 3")
    kept = lance.dataset(str(path)).to_table().column("x")
    lancectl("cast", path, "x", name)
    after = valid(path)
    field = after.schema.field("x")
    assert field.type == new
    assert after.to_table().column("x").combine_chunks() == kept.cast(new).combine_chunks()
    assert after.schema.names == ["x", "k"]
    lancectl("cast", path, "x", name)
    assert valid(path).version == after.version


@pytest.mark.parametrize("old, name, values, row", [
    (pa.int64(), "int8", [1, 128], 1), (pa.int64(), "uint8", [-1], 0), (pa.float64(), "int64", [float("nan")], 0),
    (pa.string(), "int64", ["1", "2", "x"], 2), (pa.binary(), "string", [b"a", b"\xff"], 1),
    (pa.float64(), "float16", [1e6], 0), (pa.float64(), "uint64", [2.0**64], 0),
])
def test_cast__that_does_not_fit_names_the_row(tmp_path, old, name, values, row):
    path = tmp_path / "t.lance"
    lance.write_dataset(pa.table({"x": pa.array(values, old)}), str(path))
    assert f"row {row}:" in fails("cast", path, "x", name)
    assert valid(path).version == 1 and len(list((path / "data").iterdir())) == 1


@pytest.mark.parametrize("version", VERSIONS)
def test_create__from_a_file(tmp_path, version):
    rows = [[i, i / 4, f"row {i}", ""] for i in range(3000)]
    file = write_csv(tmp_path / "in.csv", ["i", "d", "s", "none"], rows)
    lancectl("create", tmp_path / "new.lance", "--from=" + str(file), "--storage=" + version)
    made = valid(tmp_path / "new.lance")
    assert made.version == 1 and made.data_storage_version == version
    assert made.schema == pa.schema({"i": pa.int64(), "d": pa.float64(), "s": pa.string(), "none": pa.string()})
    assert made.to_table().column("s").to_pylist() == [r[2] for r in rows]
    assert made.read_transaction(1).operation.__class__.__name__ == "Overwrite"
    lance.write_dataset(made.to_table(), str(tmp_path / "new.lance"), mode="append")
    made = valid(tmp_path / "new.lance")
    made.create_scalar_index("i", "BTREE")
    made.delete("i = 7")
    made.optimize.compact_files()
    assert valid(tmp_path / "new.lance").count_rows() == 5998
    assert "exists" in fails("create", tmp_path / "new.lance", "--from=" + str(file))


def test_create__from_a_part_of_a_table(tmp_path):
    dataset = make(tmp_path / "t.lance")
    lancectl("create", tmp_path / "part.lance", f"--from={tmp_path}/t.lance", "--columns=s,a", "--limit=250")
    part = valid(tmp_path / "part.lance")
    assert part.to_table() == lance.dataset(dataset.uri).to_table(columns=["s", "a"], limit=250)
    lancectl("create", tmp_path / "all.lance", f"--from={tmp_path}/t.lance")
    assert valid(tmp_path / "all.lance").to_table() == lance.dataset(dataset.uri).to_table()


def test_create__that_fails_leaves_nothing(tmp_path):
    bad = tmp_path / "bad.csv"
    bad.write_text("a,b\n1,x\n2\n")
    assert "line 3" in fails("create", tmp_path / "no.lance", f"--from={bad}")
    assert "no column 'zz'" in fails("create", tmp_path / "no.lance", f"--from={make(tmp_path / 't').uri}", "--columns=zz")
    assert not (tmp_path / "no.lance").exists()


def test_create__from_arrow(tmp_path):
    table = pa.table({"v": pa.array([[1.5, 2], None], pa.list_(pa.float32(), 2)), "n": pa.array([{"x": 1}, {"x": 2}])})
    with pa.ipc.new_file(tmp_path / "t.arrow", table.schema) as out:
        out.write_table(table)
    lancectl("create", tmp_path / "new.lance", f"--from={tmp_path}/t.arrow")
    assert valid(tmp_path / "new.lance").to_table() == table
