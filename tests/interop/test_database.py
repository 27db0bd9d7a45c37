"""A mounted database, with LanceDB as the peer."""

import os
import time

import lancedb
import pyarrow as pa


def make(path):
    db = lancedb.connect(str(path))
    db.create_table("foo", pa.table({"a": pa.array(range(10), pa.int64()), "s": [f"s{i}" for i in range(10)]}))
    db.create_table("with-dash_1.2", pa.table({"a": [1.5, None]}))
    db.create_namespace(["ns"])
    db.create_namespace(["ns", "deep"])
    db.create_table("foo", pa.table({"b": [True, False]}), namespace_path=["ns"])
    db.create_table("bar", pa.table({"b": ["x"]}), namespace_path=["ns", "deep"])
    return db


def test_database__shows_what_lancedb_lists(mount, tmp_path):
    db = make(tmp_path / "db")
    where = mount(tmp_path / "db")
    assert set(os.listdir(where)) == set(db.table_names()) | {"ns"}
    assert set(os.listdir(where / "ns")) == {"foo", "deep"}
    assert (where / "foo" / "columns" / "s.txt").read_text().split() == [f"s{i}" for i in range(10)]
    assert (where / "ns" / "foo" / "columns" / "b.txt").read_text() == "true\nfalse\n"
    assert (where / "ns" / "deep" / "bar" / "columns" / "b.txt").read_text() == "x\n"
    assert (where / "with-dash_1.2" / "columns" / "a.txt").read_text() == "1.5\n\\N\n"


def test_database__follows_lancedb(mount, tmp_path):
    db = make(tmp_path / "db")
    where = mount(tmp_path / "db")
    assert "later" not in os.listdir(where)
    db.create_table("later", pa.table({"a": [1]}))
    db.create_table("later", pa.table({"a": [2]}), namespace_path=["ns"])
    assert (where / "later" / "columns" / "a.txt").read_text() == "1\n"
    assert (where / "ns" / "later" / "columns" / "a.txt").read_text() == "2\n"
    db.open_table("later").add([{"a": 7}])
    assert (where / "later" / "columns" / "a.txt").read_text() == "1\n7\n"
    db.drop_table("later")
    db.drop_table("foo", namespace_path=["ns"])
    time.sleep(1.1)
    assert "later" not in os.listdir(where) and not (where / "later").exists()
    assert set(os.listdir(where / "ns")) == {"deep", "later"}


def test_database__a_column_written_is_lancedbs(mount, tmp_path):
    db = make(tmp_path / "db")
    where = mount(tmp_path / "db")
    (where / "foo" / "columns" / "n.txt").write_text("".join(f"{i * i}\n" for i in range(10)))
    (where / "ns" / "foo" / "columns" / "n.txt").write_text("3\n4\n")
    assert db.open_table("foo").to_arrow()["n"].to_pylist() == [i * i for i in range(10)]
    assert db.open_table("foo", namespace_path=["ns"]).to_arrow()["n"].to_pylist() == [3, 4]


def test_database__hundreds_of_tables(mount, tmp_path):
    db = lancedb.connect(str(tmp_path / "db"))
    for i in range(150):
        db.create_table(f"t{i:03}", pa.table({"a": [i]}))
    where = mount(tmp_path / "db")
    for i in range(150):
        assert (where / f"t{i:03}" / "columns" / "a.txt").read_text() == f"{i}\n"
    assert len(os.listdir(where)) == 150
