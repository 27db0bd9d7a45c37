"""Renames, drops, metadata, tags and restores: pylance reads what they leave, and goes on from it."""

import random
import subprocess

import lance
import pyarrow as pa
import pytest

from conftest import lancectl

VERSIONS = ("2.0", "2.1", "2.2")


def make(path, version="2.2", stable=False):
    nested = [{"x": i, "y": {"z": str(i)}} for i in range(500)]
    table = pa.table({"a": pa.array(range(500), pa.int64()), "b": [f"b{i}" for i in range(500)], "s": nested})
    if version == "2.0":
        table = table.drop_columns(["s"])
    dataset = lance.write_dataset(table, str(path), data_storage_version=version, max_rows_per_file=200,
                                  enable_stable_row_ids=stable)
    dataset.delete("a % 7 = 3")
    dataset.add_columns({"c": "a * 2"})
    return lance.dataset(str(path))


def valid(path):
    dataset = lance.dataset(str(path))
    dataset.validate()
    return dataset


def fails(*words):
    done = lancectl(*words, check=False)
    assert done.returncode != 0
    return done.stderr.decode()


@pytest.mark.parametrize("version", VERSIONS)
def test_rename__keeps_values_and_indices(tmp_path, version):
    path = tmp_path / "t.lance"
    dataset = make(path, version)
    dataset.create_scalar_index("a", "BTREE")
    before = lance.dataset(str(path)).to_table()
    lancectl("rename", path, "a", "alpha")
    after = valid(path)
    assert after.schema.names[0] == "alpha" and after.to_table().column("alpha") == before.column("a")
    assert after.to_table(filter="alpha = 100").num_rows == 1
    assert "ScalarIndexQuery" in after.scanner(filter="alpha = 100").explain_plan()
    assert after.read_transaction(after.version).operation.__class__.__name__ == "Project"
    assert "no column 'a'" in fails("rename", path, "a", "x")
    assert "already" in fails("rename", path, "b", "c")
    assert "no dot" in fails("rename", path, "b", "c.d")
    assert "reserves" in fails("rename", path, "b", "_rowid")
    lance.dataset(str(path)).add_columns({"again": "alpha + 1"})
    assert valid(path).to_table().column("again").to_pylist() == [a + 1 for a in before.column("a").to_pylist()]


@pytest.mark.parametrize("version", VERSIONS)
def test_drop__leaves_the_rest(tmp_path, version):
    path = tmp_path / "t.lance"
    dataset = make(path, version)
    dataset.create_scalar_index("a", "BTREE")
    before = lance.dataset(str(path)).to_table()
    lancectl("drop", path, "a", "c")
    after = valid(path)
    names = [n for n in before.column_names if n not in ("a", "c")]
    assert after.to_table() == before.select(names) and not after.list_indices()
    assert sum(len(f.data_files()) for f in after.get_fragments()) == 3  # the files of c went
    after.add_columns({"d": "length(b)"})  # its id must not be one of the dropped columns'
    assert valid(path).to_table().column("d").to_pylist() == [len(b) for b in before.column("b").to_pylist()]
    assert lance.dataset(str(path), version=dataset.version).to_table() == before
    assert "one column" in fails("drop", path, *valid(path).schema.names)


def test_nested__members_are_renamed_and_dropped(tmp_path):
    path = tmp_path / "t.lance"
    before = make(path).to_table()
    lancectl("rename", path, "s.y.z", "text")
    lancectl("drop", path, "s.x")
    after = valid(path).to_table()
    assert after.column("s").to_pylist() == [{"y": {"text": v["y"]["z"]}} for v in before.column("s").to_pylist()]
    assert "no member left" in fails("drop", path, "s.y.text")
    assert "no column 's.q'" in fails("drop", path, "s.q")


def test_drop__not_what_says_how_many_rows_there_are(tmp_path):
    path = tmp_path / "t.lance"
    lance.write_dataset(pa.table({"a": range(5)}), str(path)).add_columns(pa.field("empty", pa.int32()))
    assert "how many rows" in fails("drop", path, "a")
    assert valid(path).count_rows() == 5


def test_describe__is_field_metadata(tmp_path):
    path = tmp_path / "t.lance"
    dataset = make(path)
    before = dataset.to_table()
    lancectl("describe", path, "a", "unit=m", "note=how far = far")
    metadata = lambda: valid(path).schema.field("a").metadata
    assert metadata() == {b"unit": b"m", b"note": b"how far = far"}
    version = lance.dataset(str(path)).version
    lancectl("describe", path, "a", "unit=m")
    assert lance.dataset(str(path)).version == version
    lance.dataset(str(path)).update_field_metadata({"a": {"mine": "1"}})
    lancectl("describe", path, "a", "unit=")
    assert metadata() == {b"note": b"how far = far", b"mine": b"1"}
    lancectl("describe", path, "s.y", "deep=yes")
    assert valid(path).schema.field("s").type.field("y").metadata == {b"deep": b"yes"}
    assert "is set when a column is written" in fails("describe", path, "a", "lance-encoding:blob=true")
    assert valid(path).to_table() == before.cast(valid(path).schema)


@pytest.mark.parametrize("stable", (False, True))
def test_restore__is_pylances(tmp_path, stable):
    path = tmp_path / "t.lance"
    dataset = make(path, stable=stable)
    old, version = dataset.to_table(), dataset.version
    lance.write_dataset(old.slice(0, 50), str(path), mode="append")
    lance.dataset(str(path)).update({"b": "'changed'"}, where="a < 100")
    lance.dataset(str(path)).drop_columns(["c"])
    lancectl("restore", path, str(version))
    after = valid(path)
    assert after.to_table() == old
    assert after.read_transaction(after.version).operation.__class__.__name__ == "Restore"
    lance.write_dataset(old.slice(0, 3), str(path), mode="append")
    assert valid(path).count_rows() == old.num_rows + 3
    if stable:
        ids = lance.dataset(str(path)).scanner(columns=["_rowid"]).to_table().column(0).to_pylist()
        assert len(set(ids)) == len(ids)


def test_tags__are_pylances(tmp_path):
    path = tmp_path / "t.lance"
    dataset = make(path)
    lancectl("tag", path, "v1.0", "1")
    lancectl("tag", path, "now")
    tags = lance.dataset(str(path)).tags
    assert {k: v["version"] for k, v in tags.list().items()} == {"v1.0": 1, "now": dataset.version}
    assert lance.dataset(str(path), version="v1.0").version == 1
    assert "already" in fails("tag", path, "now")
    for bad in ("", "a b", ".x", "x.", "a..b", "x.lock", "a/b"):
        assert "a tag is" in fails("tag", path, bad)
    tags.create("theirs", 2)
    lancectl("untag", path, "theirs")
    tags.delete("now")
    assert lancectl("untag", path, "now", check=False).returncode != 0
    assert set(lance.dataset(str(path)).tags.list()) == {"v1.0"}


def test_changes__race_with_pylances(tmp_path):
    """Twenty renames against twenty appends: none is lost."""
    path, rng = tmp_path / "t.lance", random.Random(3)
    make(path)
    rows = lance.dataset(str(path)).count_rows()
    row = lance.dataset(str(path)).to_table(limit=1)
    running = []
    for i in range(20):
        running.append(subprocess.Popen([lancectl.__globals__["BIN"] / "lancectl", "describe", path, "b", f"k{i}=v"],
                                        stdout=subprocess.DEVNULL))
        if rng.random() < 0.8:
            lance.write_dataset(row, str(path), mode="append")
            rows += 1
    assert [p.wait() for p in running] == [0] * 20
    after = valid(path)
    assert after.count_rows() == rows and len(after.schema.field("b").metadata) == 20
