"""Deleted rows: what pylance's delete leaves of the same data, and what it makes of ours."""

import random
import shutil
import threading

import lance
import pyarrow as pa
import pytest

from conftest import lancectl
from test_schema import VERSIONS, fails, valid

PREDICATES = [
    "a = 7", "a % 10 = 3", "a >= 300 AND a < 600", "b IS NULL", "a > 250 OR b = 'n3'", "NOT (a < 880)", "x > 0.5",
    "b LIKE 'n1%' AND x < 0.25", "a IN (1, 2, 3, 899)", "true", "a IS NOT NULL", "b = 'none'",
]


def make(path, version="2.1", stable=False, n=900):
    rng = random.Random(7)
    dataset = lance.write_dataset(
        pa.table({"a": pa.array(range(n), pa.int64()),
                  "b": pa.array([None if rng.random() < 0.1 else f"n{rng.randrange(40)}" for _ in range(n)]),
                  "x": pa.array([None if rng.random() < 0.1 else rng.random() for _ in range(n)]),
                  "v": pa.array([[i, i] for i in range(n)], pa.list_(pa.float32(), 2))}),
        str(path), max_rows_per_file=300, data_storage_version=version, enable_stable_row_ids=stable)
    dataset.delete("a % 13 = 5")
    return lance.dataset(str(path))


def rows_of(dataset, stable):
    columns = dataset.schema.names + (["_row_created_at_version", "_row_last_updated_at_version"] if stable else [])
    return dataset.to_table(columns=columns, with_row_id=True, with_row_address=True)


@pytest.mark.parametrize("stable", (False, True))
@pytest.mark.parametrize("predicate", PREDICATES)
def test_delete__is_what_pylance_deletes(tmp_path, predicate, stable):
    ours, theirs = tmp_path / "ours.lance", tmp_path / "theirs.lance"
    before = make(ours, random.Random(predicate).choice(VERSIONS), stable)
    shutil.copytree(ours, theirs)
    other = lance.dataset(str(theirs))
    other.delete(predicate)
    said = lancectl("delete", ours, predicate).stdout.decode()
    after, want = valid(ours), lance.dataset(str(theirs))
    n = before.count_rows() - want.count_rows()
    assert rows_of(after, stable) == rows_of(want, stable)
    assert [f.fragment_id for f in after.get_fragments()] == [f.fragment_id for f in want.get_fragments()]
    if n == 0:
        assert "deleted no rows" in said and after.version == before.version
        return
    assert f"deleted {n} row" in said and f"restore {before.version}" in said
    assert after.version == before.version + 1
    operation = after.read_transaction(after.version).operation
    assert type(operation).__name__ == "Delete" and operation.predicate == predicate
    assert after.count_rows() == want.count_rows()
    lancectl("restore", ours, before.version)
    assert valid(ours).to_table() == before.to_table()


@pytest.mark.parametrize("stable", (False, True))
@pytest.mark.parametrize("kind", ("BTREE", "BITMAP", "ZONEMAP"))
def test_delete__with_an_index(tmp_path, kind, stable):
    path = tmp_path / "t.lance"
    make(path, stable=stable).create_scalar_index("a", kind)
    lancectl("delete", path, "a >= 200 AND a < 450")
    after = valid(path)
    table = after.to_table()
    for predicate in ("a = 199", "a = 200", "a = 450", "a > 100 AND a < 500", "a < 50"):
        want = lance.dataset(str(path)).to_table(filter=predicate, use_scalar_index=False)
        assert after.to_table(filter=predicate) == want
    assert table.num_rows == after.count_rows()
    after.optimize.optimize_indices()
    after.optimize.compact_files()
    assert valid(path).to_table().sort_by("a") == table.sort_by("a")


def test_delete__then_pylance_goes_on(tmp_path):
    path = tmp_path / "t.lance"
    make(path)
    lancectl("delete", path, "a < 100")
    dataset = lance.dataset(str(path))
    dataset.delete("a >= 100 AND a < 200")
    lancectl("delete", path, "a = 201 OR a >= 600")
    lance.write_dataset(lance.dataset(str(path)).to_table(limit=5), str(path), mode="append")
    lancectl("delete", path, "a = 203")
    after = valid(path)
    kept = [a for a in range(202, 600) if a % 13 != 5]
    assert after.to_table().column("a").to_pylist() == [a for a in kept + kept[:5] if a != 203]
    compacted = after.optimize.compact_files()
    assert compacted.fragments_removed and valid(path).to_table() == after.to_table()


def test_delete__a_stale_delete_of_pylance_is_merged(tmp_path):
    path = tmp_path / "t.lance"
    make(path)
    stale = lance.dataset(str(path))
    lancectl("delete", path, "a = 1")
    stale.delete("a = 2")
    assert valid(path).to_table(filter="a < 4").column("a").to_pylist() == [0, 3]
    stale = lance.dataset(str(path))
    lancectl("delete", path, "a < 300")
    stale.delete("a < 301")
    assert valid(path).to_table(limit=1).column("a").to_pylist() == [301]


def test_delete__many_writers(tmp_path):
    path = tmp_path / "t.lance"
    make(path)
    errors = []

    def ours(k):
        try:
            lancectl("delete", path, f"a % 10 = {k}")
        except Exception as e:  # pylint: disable=broad-except
            errors.append(getattr(e, "stderr", e))

    def theirs(k):
        lance.dataset(str(path)).delete(f"a % 10 = {k}")

    threads = [threading.Thread(target=ours if k % 3 else theirs, args=(k,)) for k in range(7)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not errors
    assert valid(path).to_table().column("a").to_pylist() == [a for a in range(900) if a % 13 != 5 and a % 10 >= 7]


def test_delete__refuses(tmp_path):
    path = tmp_path / "t.lance"
    version = make(path).version
    assert "did you mean 'a'" in fails("delete", path, "aa = 1") or "aa" in fails("delete", path, "aa = 1")
    assert fails("delete", path, "a +")
    assert fails("delete", path, "a + 1")
    assert fails("delete", path, "1 / (a - 7) = 1")
    assert valid(path).version == version


@pytest.mark.parametrize("one_in", (3, 10, 16, 40, 5000))
def test_delete__of_scattered_rows(tmp_path, one_in):
    path = tmp_path / "t.lance"
    rows = random.Random(1).sample(range(150_000), 150_000)
    lance.write_dataset(pa.table({"a": rows}), str(path))
    lancectl("delete", path, f"a % {one_in} = 1")
    assert valid(path).to_table().column("a").to_pylist() == [a for a in rows if a % one_in != 1]
    lance.dataset(str(path)).delete(f"a % {one_in} = 2")
    assert valid(path).to_table().column("a").to_pylist() == [a for a in rows if a % one_in not in (1, 2)]


@pytest.mark.parametrize("n", (1, 5000, 70000))
def test_delete__of_many_rows_in_one_fragment(tmp_path, n):
    path = tmp_path / "t.lance"
    lance.write_dataset(pa.table({"a": range(200_000)}), str(path))
    lancectl("delete", path, f"a % 2 = 1 AND a < {2 * n}")
    after = valid(path)
    assert after.count_rows() == 200_000 - n
    assert after.to_table().column("a").to_pylist() == [a for a in range(200_000) if a % 2 == 0 or a >= 2 * n]
