"""Updated rows: the values that pylance's update gives, in their places."""

import random
import shutil
import threading

import lance
import numpy as np
import pyarrow as pa
import pytest

from conftest import lancectl
from test_delete import make, rows_of
from test_schema import VERSIONS, fails, valid

UPDATES = [
    ({"x": "x + 1"}, "a % 10 = 3"),
    ({"b": "'new'"}, "b IS NULL"),
    ({"a": "a * 2"}, None),
    ({"b": "b || '!'", "x": "NULL"}, "a >= 290 AND a < 310"),
    ({"a": "-a", "b": "NULL"}, "x > 0.9"),
    ({"x": "a"}, "a < 300"),  # an integer becomes a double
    ({"a": "7"}, "a = 8"),
    ({"b": "upper(b)"}, "a IN (1, 2, 898)"),
    ({"x": "coalesce(x, 0.5)"}, "true"),
    ({"a": "x"}, "x < 0.3"),  # a double becomes an integer
    ({"b": "a"}, "a > 880"),
    ({"v": "[1.0, 2.0]"}, "a % 100 = 1"),
    ({"a": "1"}, "b = 'none'"),
]


def by_address(dataset):
    return dataset.to_table(with_row_address=True).sort_by("_rowaddr")


@pytest.mark.parametrize("stable", (False, True))
@pytest.mark.parametrize("case", UPDATES, ids=lambda c: " ".join(f"{k}={v}" for k, v in c[0].items()))
def test_update__gives_what_pylance_gives(tmp_path, case, stable):
    new, where = case
    ours, theirs = tmp_path / "ours.lance", tmp_path / "theirs.lance"
    before = make(ours, random.Random(str(case)).choice(VERSIONS), stable)
    before.add_columns({"id": "a"})
    before = lance.dataset(str(ours))
    shutil.copytree(ours, theirs)
    done = lance.dataset(str(theirs)).update(new, where)
    want = lance.dataset(str(theirs)).to_table().sort_by("id")
    options = [f"--where={where}"] if where else []
    said = lancectl("update", ours, *[f"{k}={v}" for k, v in new.items()], *options, "--mode=columns").stdout.decode()
    after = valid(ours)
    n = done["num_rows_updated"]
    assert after.to_table() == want, said
    if n == 0:
        assert "updated no rows" in said and after.version == before.version
        return
    assert f"updated {n} row" in said and f"restore {before.version}" in said
    assert after.version == before.version + 1
    operation = after.read_transaction(after.version).operation
    assert type(operation).__name__ == "Update"
    # rows stay where they are, and only the fragments and columns that changed are written
    old, now = by_address(before), by_address(after)
    assert old.column("_rowaddr") == now.column("_rowaddr")
    changed = {a >> 32 for a, x, y in zip(old.column("_rowaddr").to_pylist(), old.to_pylist(), now.to_pylist()) if x != y}
    for was, f in zip(before.get_fragments(), after.get_fragments()):
        fresh = {d.path for d in f.data_files()} - {d.path for d in was.data_files()}
        assert len(fresh) <= 1 and (fresh or f.fragment_id not in changed)
    if stable:
        check_lineage(before, after, where)
    lancectl("restore", ours, before.version)
    assert valid(ours).to_table() == before.to_table()


@pytest.mark.parametrize("stable", (False, True))
@pytest.mark.parametrize("case", UPDATES, ids=lambda c: " ".join(f"{k}={v}" for k, v in c[0].items()))
def test_update__of_rows_is_pylances(tmp_path, case, stable):
    """With --mode=rows the rows are where pylance puts them, with the same ids and versions."""
    new, where = case
    ours, theirs = tmp_path / "ours.lance", tmp_path / "theirs.lance"
    version = random.Random(str(case)).choice(VERSIONS)
    before = make(ours, version, stable)
    shutil.copytree(ours, theirs)
    other = lance.dataset(str(theirs))
    done = other.update(new, where, **({} if stable else {"data_storage_version": version}))
    options = [f"--where={where}"] if where else []
    said = lancectl("update", ours, *[f"{k}={v}" for k, v in new.items()], *options, "--mode=rows").stdout.decode()
    after, want = valid(ours), lance.dataset(str(theirs))
    assert rows_of(after, stable) == rows_of(want, stable), said
    if done["num_rows_updated"]:
        theirs_op, ours_op = (d.read_transaction(d.version).operation for d in (want, after))
        assert sorted(ours_op.fields_for_preserving_frag_bitmap) == sorted(theirs_op.fields_for_preserving_frag_bitmap)
        assert ours_op.removed_fragment_ids == theirs_op.removed_fragment_ids
        assert len(ours_op.new_fragments) == len(theirs_op.new_fragments)
        lancectl("update", ours, "x=0", "--where=a % 7 = 1", "--mode=rows")
        lance.dataset(str(theirs)).update({"x": "0"}, "a % 7 = 1")
        assert rows_of(valid(ours), stable).drop_columns(["_rowaddr"]) == \
            rows_of(lance.dataset(str(theirs)), stable).drop_columns(["_rowaddr"])
    lance.dataset(str(ours)).optimize.compact_files()
    assert valid(ours).count_rows() == before.count_rows()


def check_lineage(before, after, where):
    names = ["_row_created_at_version", "_row_last_updated_at_version"]
    old = before.to_table(columns=["id", *names], with_row_id=True)
    now = after.to_table(columns=["id", *names], with_row_id=True)
    assert old.column("_rowid") == now.column("_rowid") and old.column(names[0]) == now.column(names[0])
    chosen = set(before.to_table(columns=["id"], filter=where).column("id").to_pylist())
    want = [after.version if i in chosen else v
            for i, v in zip(old.column("id").to_pylist(), old.column(names[1]).to_pylist())]
    assert now.column(names[1]).to_pylist() == want


@pytest.mark.parametrize("mode", ("columns", "rows"))
@pytest.mark.parametrize("stable", (False, True))
@pytest.mark.parametrize("kind", ("BTREE", "BITMAP", "ZONEMAP"))
def test_update__with_an_index(tmp_path, kind, stable, mode):
    path = tmp_path / "t.lance"
    dataset = make(path, stable=stable)
    dataset.create_scalar_index("a", kind)
    dataset.create_scalar_index("b", "BTREE")
    lancectl("update", path, "a=a + 10000", "--where=a >= 310 AND a < 320", f"--mode={mode}")
    after = valid(path)
    for predicate in ("a = 10311", "a = 311", "a = 5", "a > 250 AND a < 330", "a > 10000", "b = 'n3'"):
        want = lance.dataset(str(path)).to_table(filter=predicate, use_scalar_index=False)
        assert after.to_table(filter=predicate).sort_by("x") == want.sort_by("x"), predicate
    table = after.to_table()
    after.optimize.optimize_indices()
    after.optimize.compact_files()
    assert valid(path).to_table() == table
    assert valid(path).to_table(filter="a = 10311").num_rows == 1


def test_update__of_a_struct_takes_its_members_from_indices(tmp_path):
    path = tmp_path / "t.lance"
    lance.write_dataset(pa.table({"k": range(100), "s": [{"a": i, "b": str(i)} for i in range(100)],
                                  "t": [{"a": -i, "b": "new"} for i in range(100)]}),
                        str(path), max_rows_per_file=50, data_storage_version="2.1")
    lance.dataset(str(path)).create_scalar_index("s.a", "BTREE")
    lancectl("update", path, "s=t", "--where=k = 3", "--mode=columns")
    after = valid(path)
    assert after.to_table(filter="s.a = -3").num_rows == 1 and after.to_table(filter="s.a = 3").num_rows == 0
    assert after.to_table(filter="s.a = 60").num_rows == 1


def test_put__of_a_struct_takes_its_members_from_indices(tmp_path):
    path = tmp_path / "t.lance"
    lance.write_dataset(pa.table({"s": [{"a": i} for i in range(100)]}), str(path), data_storage_version="2.1")
    lance.dataset(str(path)).create_scalar_index("s.a", "BTREE")
    file = tmp_path / "s.jsonl"
    file.write_text("".join(f'{{"s":{{"a":{-i}}}}}\n' for i in range(100)))
    lancectl("put", path, file)
    assert valid(path).to_table(filter="s.a = -3").num_rows == 1
    assert valid(path).to_table(filter="s.a = 3").num_rows == 0


@pytest.mark.parametrize("mode", ("columns", "rows"))
def test_update__many_writers(tmp_path, mode):
    """Ours and pylance's, on the same rows and columns: each is applied once."""
    path = tmp_path / "t.lance"
    make(path)
    before = valid(path).to_table()
    errors = []

    def ours(k):
        try:
            lancectl("update", path, "a=a + 1000", f"--where=a % 10 = {k}", f"--mode={mode}")
        except Exception as e:  # pylint: disable=broad-except
            errors.append(getattr(e, "stderr", e))

    def theirs(k):
        lance.dataset(str(path)).update({"a": "a + 1000"}, f"a % 10 = {k}")

    threads = [threading.Thread(target=ours if k % 2 else theirs, args=(k,)) for k in range(6)]
    threads.append(threading.Thread(target=lambda: lancectl("delete", path, "a % 10 = 9")))
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not errors
    want = sorted(a + (1000 if a % 10 < 6 else 0) for a in before.column("a").to_pylist() if a % 10 != 9)
    assert sorted(valid(path).to_table().column("a").to_pylist()) == want


def test_update__refuses(tmp_path):
    path = tmp_path / "t.lance"
    make(path)
    lance.dataset(str(path)).add_columns({"id": "a"})
    version, n_files = valid(path).version, len(list((path / "data").iterdir()))
    assert "did you mean" in fails("update", path, "aa=1")
    assert "NAME=EXPRESSION" in fails("update", path, "a")
    assert "twice" in fails("update", path, "a=1", "a=2")
    assert fails("update", path, "a=b +")
    assert fails("update", path, "a=1", "--where=a")
    assert "row " in fails("update", path, "a=1 / (a - 7)")
    assert fails("update", path, "a=b", "--where=b IS NOT NULL")
    assert valid(path).version == version and len(list((path / "data").iterdir())) == n_files


def test_update__of_a_not_null_column(tmp_path):
    path = tmp_path / "t.lance"
    schema = pa.schema([pa.field("a", pa.int64(), nullable=False), pa.field("b", pa.int64())])
    lance.write_dataset(pa.table({"a": [1, 2, 3], "b": [1, None, 3]}, schema=schema), str(path))
    assert "row 1" in fails("update", path, "a=b", "--mode=columns")
    assert "row 1" in fails("update", path, "a=b", "--mode=rows")
    lancectl("update", path, "a=b", "--where=b IS NOT NULL", "--mode=columns")
    assert valid(path).to_table().to_pylist() == [{"a": 1, "b": 1}, {"a": 2, "b": None}, {"a": 3, "b": 3}]


def test_update__of_a_column_without_data(tmp_path):
    path = tmp_path / "t.lance"
    make(path).add_columns(pa.schema([pa.field("later", pa.string())]))
    lancectl("update", path, "later='now'", "--where=a = 301", "--mode=columns")
    after = valid(path)
    assert after.to_table(filter="later = 'now'").column("a").to_pylist() == [301]
    lancectl("update", path, "later='then'", "--where=a = 1 OR a = 301", "--mode=rows")
    assert sorted(valid(path).to_table(filter="later = 'then'").column("a").to_pylist()) == [1, 301]
    lancectl("verify", "--deep", path)


@pytest.mark.parametrize("stable", (False, True))
def test_update__a_stale_update_of_pylance_sees_ours(tmp_path, stable):
    path = tmp_path / "t.lance"
    make(path, stable=stable)
    for mode in ("columns", "rows"):
        stale = lance.dataset(str(path))
        before = stale.to_table(filter="a < 20 OR a > 100").column("a").to_pylist()
        lancectl("update", path, "a=a + 100000", "--where=a % 10 = 1", f"--mode={mode}")
        stale.update({"a": "a + 1000000"}, "a % 10 = 1")
        stale = lance.dataset(str(path))
        lancectl("delete", path, "a = 2")
        stale.update({"x": "7"}, "a = 3")
        assert valid(path).to_table(filter="a = 3").column("x").to_pylist() == [7.0]
        changed = {a: a for a in before} | {a: a + 1100000 for a in before if a % 10 == 1}
        now = set(valid(path).to_table().column("a").to_pylist())
        assert all(changed[a] in now for a in before if a != 2)
        lancectl("verify", "--deep", path)


def test_rows__beside_blobs(tmp_path):
    path = tmp_path / "t.lance"
    schema = pa.schema([pa.field("a", pa.int64()), pa.field("blob", pa.large_binary(), metadata={"lance-encoding:blob": "true"})])
    lance.write_dataset(pa.table({"a": range(100), "blob": [str(i).encode() * 9 for i in range(100)]}, schema=schema),
                        str(path), data_storage_version="2.1", max_rows_per_file=40)
    assert "blobs" in fails("update", path, "a=1", "--mode=rows")
    assert "blobs" in fails("update", path, "blob=NULL")
    lancectl("update", path, "a=a + 1000", "--where=a > 50 AND a < 60")
    lancectl("delete", path, "a < 45")
    after = valid(path)
    assert after.to_table(columns=["a"]).column("a").to_pylist() == [a + 1000 * (50 < a < 60) for a in range(45, 100)]
    assert [b.readall() for b in after.take_blobs("blob", indices=[0, 54])] == [b"45" * 9, b"99" * 9]


def test_rows__on_a_branch(tmp_path):
    path = tmp_path / "t.lance"
    main = make(path)
    before = main.to_table()
    main.create_branch("b", main.version)
    branch = path / "tree" / "b"
    lancectl("delete", branch, "a < 310")
    lancectl("update", branch, "x=a", "--where=a % 2 = 0", "--mode=columns")
    lancectl("update", branch, "b='moved'", "--where=a = 401", "--mode=rows")
    now = lance.dataset(str(path)).checkout_version(("b", None)).to_table().sort_by("a")
    assert now.column("a").to_pylist() == [a for a in before.column("a").to_pylist() if a >= 310]
    assert all(x == a for a, x in zip(now.column("a").to_pylist(), now.column("x").to_pylist()) if a % 2 == 0)
    assert lance.dataset(str(path)).to_table() == before
    lancectl("verify", "--deep", branch)


def test_update__in_place_unless_that_writes_far_more(tmp_path):
    path = tmp_path / "t.lance"
    n = 45_000
    vectors = pa.FixedSizeListArray.from_arrays(pa.array(np.random.default_rng(1).random(n * 512, np.float32)), 512)
    lance.write_dataset(pa.table({"k": range(n), "v": vectors}), str(path))
    size = sum(p.stat().st_size for p in (path / "data").iterdir())
    lancectl("update", path, "k=-1", "--where=k = 7")
    assert valid(path).to_table(columns=["k"]).column("k").to_pylist()[7] == -1
    lancectl("update", path, "v=NULL", "--where=k = 8")
    after = valid(path)
    assert after.to_table(columns=["k"]).column("k").to_pylist()[-1] == 8
    assert after.to_table(filter="k = 8").column("v").to_pylist() == [None]
    assert sum(p.stat().st_size for p in (path / "data").iterdir()) < size + (2 << 20)
