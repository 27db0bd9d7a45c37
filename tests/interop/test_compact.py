"""Compaction: nothing that can be seen changes, for pylance and LanceDB, and the answer is true."""

import copy
import fcntl
import random
import re
import shutil
import subprocess

import lance
import pyarrow as pa
import pyarrow.compute
import pytest

import compacted
import test_refresh
from compacted import (LINEAGE, answers_of_lancedb, check_answers, compact, compact_checked, count, everything,
                       picture)
from conftest import BIN, lancectl
from random_history import History
from test_resume import expected
from test_schema import VERSIONS, valid
from test_write import small_disk

STEPS_AFTER = (History.append, History.delete, History.add_sql, History.update, History.compact, History.append,
               History.delete_fragment, History.rename, History.compact)


def some_options(rng):
    options = [f"--target-rows={rng.choice((1 << 20, 1 << 20, 700, 100))}"]
    if rng.random() < 0.4:
        options.append(f"--max-deleted={rng.choice(('0', '0.5', '1'))}")
    return options


def by_id(history):
    dataset = lance.dataset(history.path)
    dataset.validate()
    order = pa.compute.sort_indices(dataset.to_table(columns=["id"]).column("id"))
    return {name: compacted.taken(compacted.values(dataset, name), order) for name in dataset.schema.names}


def go_on(rng, ours, twin):
    """pylance does the same to a table that was compacted and to one that was not."""
    for step in rng.sample(STEPS_AFTER, 5):
        ours.take_step(step)
        twin.take_step(step)
        assert not ours.refused - twin.refused, "pylance refuses what it does without the compaction"
        if twin.refused != ours.refused:
            return  # from here on they differ
        compacted.check_same(by_id(ours), by_id(twin))


def check_random(tmp_path, seed, history):
    rng = random.Random(seed)
    twin = copy.deepcopy(history)  # goes on with the same values
    twin.path = str(shutil.copytree(history.path, tmp_path / "twin.lance"))
    if rng.random() < 0.3:
        compact_checked(history.path, "--columns")
    compact_checked(history.path, *some_options(rng))
    go_on(rng, history, twin)
    compact_checked(history.path, *some_options(rng))
    assert lancectl("verify", history.path, "--deep", check=False).returncode == 0


@pytest.mark.parametrize("seed", [s for s in range(18) if s not in (6, 12, 15)] + [18])  # those take long
def test_random_dataset(tmp_path, seed):
    history = History(random.Random(seed), tmp_path / "t.lance")
    history.make()
    check_random(tmp_path, seed, history)


@pytest.mark.parametrize("version", VERSIONS)
def test_every_type(tmp_path, version):
    history = History(random.Random(int(float(version) * 10)), tmp_path / "t.lance")
    history.make_every_type(version)
    compact_checked(history.path, "--columns")
    compact_checked(history.path)
    lancectl("verify", history.path, "--deep")


NOT_NULL = pa.struct([pa.field("a", pa.int32()), pa.field("b", pa.int32(), nullable=False)])
STRUCT = pa.struct([("text", pa.string())])
# what random tables found to go wrong: storage versions that have it, a type, and rows of two fragments
SHAPES = {
    "lists of structs of a fixed size": (("2.2",), pa.list_(STRUCT, 3), [[{"text": str(i)}] * 3 for i in range(100)]),
    "none of these": (("2.2",), pa.list_(STRUCT, 3), [None] * 100),
    "no struct of what is not null": (("2.1", "2.2"), pa.struct([("f", NOT_NULL)]), [None] * 100),
    "a fragment without one": (("2.1", "2.2"), pa.struct([("f", NOT_NULL)]), [None] * 50 + [{"f": {"a": 1, "b": 2}}] * 50),
    "lists with nulls beside a null struct": (("2.1", "2.2"), pa.struct([("f", pa.list_(pa.int64()))]),
                                              [None, {"f": [1, None, 0]}] * 50),
    "lists without items": (VERSIONS, pa.large_list(STRUCT), [[]] * 60 + [None] * 40),
}


@pytest.mark.parametrize("shape, version", [(shape, v) for shape, (versions, *_) in SHAPES.items() for v in versions])
def test_shape(tmp_path, shape, version):
    _, kind, values = SHAPES[shape]
    path = tmp_path / "t.lance"
    table = pa.table({"id": pa.array(range(len(values)), pa.int64()), "c": pa.array(values, kind)})
    lance.write_dataset(table, str(path), data_storage_version=version, max_rows_per_file=50)
    compact_checked(path)


# --- deletions ---

def make(path, version="2.1", stable=False, rows=900, per_file=100, n_columns=2):
    table = pa.table({"a": pa.array(range(rows), pa.int64()),
                      "b": pa.array([None if i % 9 == 0 else f"text {i}" for i in range(rows)], pa.string())})
    dataset = lance.write_dataset(table, str(path), max_rows_per_file=per_file, data_storage_version=version,
                                  enable_stable_row_ids=stable)
    for i in range(n_columns):
        dataset.add_columns({f"c{i}": f"a * {i + 2}"})
    return lance.dataset(str(path))


DELETIONS = {
    "scattered": "a % 7 = 3",
    "clustered": "a >= 120 AND a < 190",
    "whole fragments": "a >= 100 AND a < 400",
    "the first and the last row": "a = 0 OR a = 899",
    "nearly all": "a % 97 != 5",
    "all": "true",
    "none": "false",
}


@pytest.mark.parametrize("stable", (False, True))
@pytest.mark.parametrize("deleted", DELETIONS)
def test_deletions__go(tmp_path, deleted, stable):
    path = tmp_path / "t.lance"
    version = random.Random(deleted).choice(VERSIONS)
    dataset = make(path, version, stable)
    dataset.delete(DELETIONS[deleted])
    dataset.update({"b": "'new'"}, "a % 50 = 1")
    said = compact_checked(path)
    left = lance.dataset(str(path))
    assert said["deleted_rows"][1] == 0 and said["fragments"][1] == min(1, left.count_rows()), said
    assert said["files"][1] == said["fragments"][1], said
    again = compact(path)
    assert again["groups"] == 0 and again["version"] is None, again
    left.delete("a % 2 = 0")
    assert valid(path).count_rows() == left.count_rows()


@pytest.mark.parametrize("stable", (False, True))
def test_lineage__stays(tmp_path, stable):
    path = tmp_path / "t.lance"
    dataset = make(path, stable=stable)
    for k in range(4):
        lance.write_dataset(dataset.to_table().slice(0, 50), str(path), mode="append")
        lance.dataset(str(path)).update({"b": f"'v{k}'"}, f"a % 10 = {k}")
    before = lance.dataset(str(path)).to_table(columns=["a", *LINEAGE]) if stable else None
    compact_checked(path)
    after = valid(path)
    if stable:
        assert after.to_table(columns=["a", *LINEAGE]) == before
        after.update({"b": "'late'"}, "a = 17")
        assert set(valid(path).to_table(columns=LINEAGE, filter="a = 17")[LINEAGE[1]].to_pylist()) == {after.version}


@pytest.mark.parametrize("version", VERSIONS)
def test_empty_tables(tmp_path, version):
    path = tmp_path / "t.lance"
    lance.write_dataset(pa.table({"a": pa.array([], pa.int64())}), str(path), data_storage_version=version)
    assert compact_checked(path)["groups"] == 0
    lance.write_dataset(pa.table({"a": pa.array([1], pa.int64())}), str(path), mode="append")
    lance.dataset(str(path)).delete("true")
    compact_checked(path)
    assert compact_checked(path, "--columns")["groups"] == 0
    assert valid(path).count_rows() == 0


# --- what is chosen ---

def test_target_rows__bounds_fragments(tmp_path):
    path = tmp_path / "t.lance"
    make(path)
    said = compact_checked(path, "--target-rows=300")
    assert said["fragments"] == [9, 3]
    assert [f.count_rows() for f in valid(path).get_fragments()] == [300] * 3


def test_target_bytes__bounds_fragments(tmp_path):
    path = tmp_path / "t.lance"
    vectors = pa.FixedSizeListArray.from_arrays(pa.array([float(i) for i in range(16 * 8000)], pa.float32()), 16)
    lance.write_dataset(pa.table({"v": vectors}), str(path), max_rows_per_file=500)
    said = compact_checked(path, "--target-bytes=200K")
    assert 2 <= said["fragments"][1] <= 6, said
    sizes = [(path / "data" / f.path).stat().st_size for f in compacted.data_files(valid(path))]
    assert max(sizes) <= 300_000, sizes


def test_max_deleted__leaves_what_has_fewer(tmp_path):
    path = tmp_path / "t.lance"
    make(path, rows=400, per_file=200)
    lance.dataset(str(path)).delete("a < 30 OR a = 250")
    said = compact_checked(path, "--target-rows=100", "--max-deleted=0.1")
    assert said["deleted_rows"] == [31, 1] and said["fragments"] == [2, 2], said
    said = compact_checked(path, "--target-rows=100", "--max-deleted=0.001")
    assert said["deleted_rows"] == [1, 0], said


def test_max_files__merges_what_has_more(tmp_path):
    path = tmp_path / "t.lance"
    make(path, rows=100, per_file=100, n_columns=5)
    assert compact_checked(path, "--target-rows=100", "--max-files=8")["groups"] == 0
    said = compact_checked(path, "--target-rows=100", "--max-files=3")
    assert said["files"] == [6, 1] and said["fragments"] == [1, 1], said


def test_dry_run__commits_nothing_and_is_right(tmp_path):
    path = tmp_path / "t.lance"
    make(path).delete("a % 3 = 0 AND a < 500")
    before, version = everything(path), valid(path).version
    promised = compact(path, "--dry-run")
    assert everything(path) == before and valid(path).version == version
    said = compact_checked(path)
    for name in ("fragments", "files", "deleted_rows", "groups"):
        assert promised[name] == said[name], name


def test_answer__is_one_line(tmp_path, mount):
    path = tmp_path / "t.lance"
    make(path)
    where = mount(path)
    with open(where / "control", "r+") as control:
        control.write("compact --wait\n")
        control.flush()
        said = control.read()
    version = valid(path).version
    assert re.search(r"compacted: 9 fragments -> 1, 27 files -> 1, 0 deleted rows -> 0, \d[\d.]* \w+ -> \d[\d.]* \w+ "
                     rf"in \d[\d.]* s: version {version}\n", said), said
    done = lancectl("compact", path)
    assert re.match(r"nothing to compact: 1 fragment, 1 file", done.stdout.decode()), done.stdout
    assert len(done.stdout.splitlines()) == 1


# --- columns that programs compute ---

def test_computed_column__is_computed_still(tmp_path, mount):
    where, _, file = test_refresh.make(tmp_path)
    lancectl("add", where, "other", "k + 1")
    assert compact_checked(where)["groups"] > 0
    assert test_refresh.stale(where, mount(where)) == "0"
    assert "f is up to date" in test_refresh.refresh(where) and test_refresh.total(file) == 6000


@pytest.mark.parametrize("mode, options", (("rows", ()), ("columns", ("--columns",))))
def test_stale_rows__are_stale_still(tmp_path, mount, mode, options):
    """What was changed since it was computed from is not forgotten by a compaction."""
    where, _, file = test_refresh.make(tmp_path)
    lancectl("update", where, "k=k + 1000000", "--where=k % 1000 = 5", f"--mode={mode}")
    mnt = mount(where)
    assert test_refresh.stale(where, mnt) == "1"
    assert compact_checked(where, *options)["groups"] > 0
    assert test_refresh.stale(where, mnt) == "1"
    test_refresh.refresh(where)
    got = lance.dataset(str(where)).to_table(columns=["k", "f"])
    assert got.column("f").to_pylist() == [expected(k) for k in got.column("k").to_pylist()]
    assert test_refresh.total(file) >= 6006


# --- faults ---

def test_full_disk__leaves_the_table(tmp_path):
    with small_disk(tmp_path / "disk", "5m") as disk:
        path = disk / "t.lance"
        images = pa.array([random.Random(i).randbytes(1000) for i in range(3000)], pa.binary())
        lance.write_dataset(pa.table({"image": images}), str(path), max_rows_per_file=300)
        before, shown = everything(path), picture(lance.dataset(str(path)))
        done = lancectl("compact", path, check=False)
        assert done.returncode == 1 and b"No space left" in done.stderr, done.stderr
        assert everything(path) == before
        compacted.check_same(picture(valid(path)), shown)
        subprocess.run(["mount", "-o", "remount,size=20m", disk], check=True)
        assert compact_checked(path)["fragments"] == [10, 1]


def kill_at(path, n_groups):
    """Kill a compaction when it has committed so many groups, and is about to do the next; False: it ended before."""
    target = valid(path).version + n_groups
    process = subprocess.Popen([BIN / "lancectl", "compact", path, "--target-rows=200"], stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL)
    while process.poll() is None and lance.dataset(str(path)).version < target:
        pass
    process.kill()
    return process.wait() != 0


@pytest.mark.parametrize("stable", (False, True))
def test_killed__goes_on_where_it_was(tmp_path, stable):
    path = tmp_path / "t.lance"
    make(path, stable=stable, rows=4000, per_file=50).delete("a % 9 = 4")
    old = lance.dataset(str(path))
    before = picture(old)
    killed = [kill_at(path, n) for n in (0, 1, 0, 3, 5)]
    assert any(killed)
    middle = valid(path)
    order = pa.array(compacted.order_after(old, middle), pa.int64())
    compacted.check_same(picture(middle), {name: values.take(order) for name, values in before.items()})
    compact_checked(path, "--target-rows=200")
    lancectl("cleanup", path, "--older-than=0s", "--unreferenced-older-than=0s")
    names = {f.path for f in compacted.data_files(valid(path))}
    assert {p.name for p in (path / "data").iterdir()} == names
    assert lancectl("verify", path, "--deep").returncode == 0


def test_lock__one_at_a_time(tmp_path):
    path = tmp_path / "t.lance"
    make(path)
    (path / "_lancefs").mkdir()
    with open(path / "_lancefs" / "compact.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = lancectl("compact", path, check=False)
        assert done.returncode == 3 and len(done.stderr.splitlines()) == 1, done.stderr
    compact_checked(path)


# --- indices ---

N = 2000
COVERAGES = ("full", "partial", "segments", "deferred", "empty fragment")


def make_indexed(path, coverage, stable):
    """2000 rows in ten fragments; the indices know of all, of the first ones, or of what deferred remaps tell."""
    first = N if coverage in ("full", "empty fragment") else N // 2
    dataset = lance.write_dataset(compacted.rows_of(range(first)), str(path), max_rows_per_file=200,
                                  enable_stable_row_ids=stable)
    compacted.build_indices(dataset)
    if first < N:
        lance.write_dataset(compacted.rows_of(range(first, N)), str(path), mode="append", max_rows_per_file=200)
    dataset = lance.dataset(str(path))
    if coverage == "segments":
        dataset.optimize.optimize_indices(num_indices_to_merge=0)
    dataset = lance.dataset(str(path))
    dataset.delete("id % 7 = 3 AND id < 900")
    if coverage == "deferred":
        dataset.optimize.compact_files(target_rows_per_fragment=400, defer_index_remap=not stable)
        lance.dataset(str(path)).delete("id % 9 = 4")
    if coverage == "empty fragment":
        dataset.delete("id >= 400 AND id < 800")
    return lance.dataset(str(path))


def indices_of(dataset):
    """{name: fragments that it says it knows}"""
    return {i.name: set().union(*(s.fragment_ids for s in i.segments)) for i in dataset.describe_indices()
            if not i.name.startswith("__")}


@pytest.mark.parametrize("stable", (False, True))
@pytest.mark.parametrize("coverage", COVERAGES)
def test_indices__answer_the_same(tmp_path, coverage, stable):
    path = tmp_path / "t.lance"
    make_indexed(path, coverage, stable)
    before = check_answers(path)
    said = compact_checked(path, "--target-rows=1000")
    assert said["groups"] > 0, said
    assert check_answers(path, answers_of_lancedb) == before
    dataset = lance.dataset(str(path))
    live = {f.fragment_id for f in dataset.get_fragments()}
    dataset.optimize.optimize_indices()
    assert check_answers(path, answers_of_lancedb) == before
    assert all(known >= live for known in indices_of(lance.dataset(str(path))).values())
    lance.write_dataset(compacted.rows_of(range(N, N + 300)), str(path), mode="append", max_rows_per_file=100)
    lance.dataset(str(path)).delete("id % 5 = 1")
    compact_checked(path)
    lance.dataset(str(path)).update({"kind": "'k6'"}, "id % 20 = 7")
    check_answers(path)
    lance.dataset(str(path)).optimize.compact_files()
    lance.dataset(str(path)).optimize.optimize_indices()
    check_answers(path)
    valid(path)


@pytest.mark.parametrize("stable", (False, True))
def test_columns_only__keeps_rows_and_indices(tmp_path, stable):
    """Twelve columns added: one file a fragment again, and nothing else is touched."""
    path = tmp_path / "t.lance"
    make_indexed(path, "full", stable)
    words = [word for i in range(11) for word in (f"n{i}", f"id * {i} + 1")]
    lancectl("add", path, *words[:2])
    lancectl("add", path, *words[2:])
    values = tmp_path / "put.txt"
    values.write_text("".join(f"{i}\n" for i in range(lance.dataset(str(path)).count_rows())))
    lancectl("put", path, values)
    old = lance.dataset(str(path))
    addresses = old.to_table(columns=["id"], with_row_address=True)
    known, before = indices_of(old), check_answers(path)
    unindexed = {name: old.stats.index_stats(name)["num_unindexed_rows"] for name in known}
    assert count(path)["files"] > len(old.get_fragments())
    said = compact_checked(path, "--columns")
    now = valid(path)
    assert said["files"][1] == said["fragments"][0] == said["fragments"][1] == len(now.get_fragments()), said
    assert said["deleted_rows"][0] == said["deleted_rows"][1] > 0
    assert now.to_table(columns=["id"], with_row_address=True) == addresses
    assert [f.fragment_id for f in now.get_fragments()] == [f.fragment_id for f in old.get_fragments()]
    assert indices_of(now) == known
    assert {name: now.stats.index_stats(name)["num_unindexed_rows"] for name in known} == unindexed
    assert "ScalarIndexQuery" in now.scanner(filter="kind = 'k3'").explain_plan(verbose=True)
    assert check_answers(path) == before


class Rows:
    """What a table that is changed at random must hold."""

    def __init__(self, rng, path, stable):
        self.rng, self.path = rng, path
        self.next_id = 600
        self.live = list(range(600))
        dataset = lance.write_dataset(compacted.rows_of(self.live), str(path), max_rows_per_file=100,
                                      enable_stable_row_ids=stable)
        compacted.build_indices(dataset)

    def dataset(self):
        return lance.dataset(str(self.path))

    def append(self):
        ids = range(self.next_id, self.next_id + self.rng.choice((5, 60, 130)))
        self.next_id = ids.stop
        self.live += ids
        lance.write_dataset(compacted.rows_of(ids), str(self.path), mode="append", max_rows_per_file=50)

    def delete(self):
        k, r = self.rng.choice(((3, 1), (10, 4), (40, 2)))
        low = self.rng.randrange(self.next_id)
        high = low + self.rng.choice((100, 400))
        self.live = [i for i in self.live if not (i % k == r and low <= i < high)]
        self.dataset().delete(f"id % {k} = {r} AND id >= {low} AND id < {high}")

    def update(self):
        """Moves rows to the end."""
        k = self.rng.choice((7, 30))
        self.dataset().update({"kind": f"'k{self.rng.randrange(7)}'"}, f"id % {k} = 2")

    def check(self):
        dataset = self.dataset()
        dataset.validate()
        table = dataset.to_table()
        assert ids_of(table) == sorted(self.live)
        made = compacted.rows_of(range(self.next_id)).drop_columns(["kind", "vec"])
        expected = made.take(pa.array(sorted(self.live)))
        assert table.drop_columns(["kind", "vec"]).sort_by("id") == expected
        check_answers(self.path)


def ids_of(table):
    return sorted(table.column("id").to_pylist())


@pytest.mark.parametrize("stable", (False, True))
def test_alternating__twenty_times(tmp_path, stable):
    """pylance and lancefs compact one dataset in turns, with changes in between."""
    seed = 20 + stable
    rng = random.Random(seed)
    rows = Rows(rng, tmp_path / "t.lance", stable)
    for turn in range(20):
        for _ in range(rng.randint(1, 3)):
            rng.choice((rows.append, rows.append, rows.delete, rows.update))()
        target = rng.choice((1 << 20, 300))
        before = picture(rows.dataset())
        if turn % 2:
            rows.dataset().optimize.compact_files(target_rows_per_fragment=target)
            compacted.check_same(picture(rows.dataset()), before)
        else:
            compact_checked(rows.path, f"--target-rows={target}")
        rows.check()
        if turn % 6 == 5:
            rows.dataset().optimize.optimize_indices()
            rows.check()
    assert lancectl("verify", rows.path, "--deep", check=False).returncode == 0, seed
