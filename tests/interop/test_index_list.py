"""What indices there are, as pylance describes them: kinds, columns, coverage, sizes, segments."""

import json
import random

import lance
import numpy as np
import pyarrow as pa
import pytest

from conftest import lancectl
from test_bad import set_flags

KINDS = {"a": ("BTREE", "ZONEMAP", "BLOOMFILTER"), "c": ("BITMAP",), "l": ("LABEL_LIST",), "s": ("INVERTED", "NGRAM")}
VECTORS = ("IVF_FLAT", "IVF_PQ", "IVF_SQ", "IVF_RQ", "IVF_HNSW_FLAT", "IVF_HNSW_SQ", "IVF_HNSW_PQ")
TAGGED = 1 << 10


def table(first, rows):
    ids = range(first, first + rows)
    vectors = np.random.default_rng(first).random(rows * 16, dtype=np.float32)
    return pa.table({"a": pa.array(ids, pa.int64()), "c": [f"c{i % 5}" for i in ids], "l": [[f"t{i % 3}"] for i in ids],
                     "s": [f"word {i % 50}" for i in ids], "p": [{"x": i} for i in ids],
                     "v": pa.FixedSizeListArray.from_arrays(pa.array(vectors), 16)})


def described(path, name=None):
    """{name: its segments}"""
    found = {}
    for line in lancectl("indices", path, *([name] if name else []), "--json").stdout.splitlines():
        segment = json.loads(line)
        found.setdefault(segment["name"], []).append(segment)
    return found


def check(path):
    dataset = lance.dataset(str(path))
    ours = {name: s for name, s in described(path).items() if not name.startswith("__lance")}
    theirs = {d.name: d for d in dataset.describe_indices() if not d.name.startswith("__lance")}
    assert ours.keys() == theirs.keys()
    types = {i["name"]: i["type"] for i in dataset.list_indices()}
    for name, segments in ours.items():
        assert sum(s["rows"] for s in segments) == theirs[name].num_rows_indexed, name
        assert sum(s["bytes"] for s in segments) == theirs[name].total_size_bytes, name
        assert {s["uuid"] for s in segments} == {s.uuid for s in theirs[name].segments}
        assert {s["type"] for s in segments} == {types[name]}
        stats = dataset.stats.index_stats(name)
        assert sum(s["fragments"] for s in segments) == stats["num_indexed_fragments"], name
        assert {s["rows"] + s["uncovered_rows"] for s in segments} == {dataset.count_rows()}
        assert {s["built_from_version"] + s["versions_behind"] for s in segments} == {dataset.version}
        for s in segments:
            folder = path / "_indices" / s["uuid"]
            assert {f["name"]: f["bytes"] for f in s["files"]} == {p.name: p.stat().st_size for p in folder.iterdir()}
    return ours


@pytest.fixture
def indexed(tmp_path):
    path = tmp_path / "t.lance"
    dataset = lance.write_dataset(table(0, 600), str(path), max_rows_per_file=200)
    for column, kinds in KINDS.items():
        for kind in kinds:
            dataset.create_scalar_index(column, kind, name=f"{column} {kind}", replace=False)
    return path


def test_indices__every_kind(indexed, mount):
    dataset = lance.dataset(str(indexed))
    for kind in VECTORS:
        options = {"num_sub_vectors": 4} if "PQ" in kind else {}
        dataset.create_index("v", kind, name=kind, replace=False, num_partitions=2, metric="cosine", **options)
    ours = check(indexed)
    assert {ours[kind][0]["type"] for kind in VECTORS} == set(VECTORS)
    assert {ours[kind][0]["metric"] for kind in VECTORS} == {"cosine"}
    dataset.create_scalar_index("p.x", "BTREE", name="member")
    assert check(indexed)["member"][0]["columns"] == ["p.x"]
    shown = mount(indexed) / "indices" / "IVF_PQ.json"
    assert json.loads(shown.read_text()) == described(indexed, "IVF_PQ")["IVF_PQ"][0]
    line = lancectl("indices", indexed, "member").stdout.decode().split("\t")
    assert line[:4] == ["member", "BTree", "p.x", "600 of 600 rows"]
    none = lancectl("indices", indexed, "nobody", check=False)
    assert none.returncode == 1 and b"no index 'nobody'" in none.stderr


@pytest.mark.parametrize("seed", range(3))
def test_indices__as_rows_come_and_go(indexed, seed):
    rng, rows = random.Random(seed), 600
    for _ in range(6):
        dataset = lance.dataset(str(indexed))
        step = rng.choice(("append", "append", "delete", "update", "optimize", "compact"))
        if step == "append":
            lance.write_dataset(table(rows, 100), str(indexed), mode="append")
            rows += 100
        elif step == "delete":
            dataset.delete(f"a % 11 = {rng.randrange(11)}")
        elif step == "update":
            dataset.update({"c": "'c9'"}, where=f"a % 7 = {rng.randrange(7)}")
        elif step == "optimize":
            dataset.optimize.optimize_indices(num_indices_to_merge=rng.choice((0, 1)))
        else:
            dataset.optimize.compact_files(target_rows_per_fragment=400)
        check(indexed)


@pytest.mark.parametrize("is_tagged", (False, True))
def test_indices__that_compactions_left(tmp_path, is_tagged, mount):
    """The bitmaps are those of fragments that are gone; a history tells what became of them."""
    path = tmp_path / "t.lance"
    dataset = lance.write_dataset(table(0, 600), str(path), max_rows_per_file=100)
    dataset.create_scalar_index("a", "BTREE", name="a")
    if is_tagged:
        set_flags(path, reader=TAGGED, writer=TAGGED)
    for turn in range(2):
        lance.write_dataset(table(600 + 150 * turn, 150), str(path), mode="append", max_rows_per_file=50)
        dataset = lance.dataset(str(path))
        dataset.delete(f"a % 13 = {turn}")
        dataset.optimize.compact_files(target_rows_per_fragment=250 + 250 * turn, defer_index_remap=True)
        [theirs] = [d for d in lance.dataset(str(path)).describe_indices() if d.name == "a"] or [None]
        assert theirs or (is_tagged and turn), "only then is the index of no use"
        assert sum(s["rows"] for s in described(path)["a"]) == (theirs.num_rows_indexed if theirs else 0)
    assert described(path)["__lance_frag_reuse"][0]["type"] == "FragmentReuse"
    rows = [int(a) for a in lancectl("export", path, "a", "--format=txt").stdout.split()]
    assert rows == lance.dataset(str(path)).to_table(["a"])["a"].to_pylist()
    where = mount(path)
    assert len((where / "columns" / "s.txt").read_text().splitlines()) == len(rows)
    if is_tagged:
        with pytest.raises(OSError):
            (where / "columns" / "new.txt").write_text("1\n" * len(rows))
        assert "tagged fragment reuse" in (where / "last_error").read_text()
