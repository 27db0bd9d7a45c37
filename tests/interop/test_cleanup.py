"""cleanup: what no version needs goes, what one needs stays, compared with pylance's own."""

import datetime
import errno
import fcntl
import json
import os
import random
import shutil
import subprocess
import time

import lance
import pyarrow as pa
import pytest

from conftest import BIN, lancectl, mounted
from random_history import History, is_refusal, reason
from test_bad import set_flags
from test_blobs import blob_table

DAYS = 86400


def files(path):
    """What there is but for lancefs' own state: names and sizes."""
    return {str(p.relative_to(path)): p.stat().st_size for p in path.rglob("*")
            if p.is_file() and "_lancefs" not in p.parts}


def clean(path, *options, **kwargs):
    return json.loads(lancectl("cleanup", path, "--json", *options, **kwargs).stdout)


def shown(dataset):
    """All values, as text: nan is nan.  Some versions pylance cannot read; why is told in the same words again."""
    try:
        dataset.validate()
        return repr(dataset.to_table().to_pydict())
    except BaseException as error:
        if not is_refusal(error):
            raise
        return reason(error)


def contents(path, branch=None):
    """Every version that is there, as pylance reads it."""
    dataset = lance.dataset(str(path))
    if branch:
        dataset = dataset.checkout_version((branch, None))
    result = {}
    for version in dataset.versions():
        result[version["version"]] = shown(dataset.checkout_version((branch, version["version"])))
    return result


def assert_kept(before, after):
    assert after and set(after) <= set(before)
    for number, text in after.items():
        assert text == before[number], number


def table(n, first=0):
    return pa.table({"a": pa.array(range(first, first + n), pa.int64()),
                     "s": pa.array([None if i % 7 == 0 else f"row {i}" for i in range(first, first + n)])})


@pytest.fixture
def dataset(tmp_path):
    """Six versions."""
    path = tmp_path / "t.lance"
    ds = lance.write_dataset(table(60), str(path), max_rows_per_file=25)
    ds.delete("a = 3 OR a = 30")
    lance.write_dataset(table(30, 60), str(path), mode="append")
    ds = lance.dataset(str(path))
    ds.add_columns({"b": "a * 2"})
    ds.optimize.compact_files()
    assert lance.dataset(str(path)).version >= 5
    return path


# --- random histories, beside pylance ---


def pylance_cleans(path, **kwargs):
    lance.dataset(str(path)).cleanup_old_versions(older_than=datetime.timedelta(0), error_if_tagged_old_versions=False,
                                                  **kwargs)


def make_history(path, seed):
    rng = random.Random(seed)
    history = History(rng, path)
    history.version = rng.choice(("2.0", "2.1", "2.2"))
    history.write("create")
    for _ in range(12):
        history.take_step(rng.choice((None, None, History.append, History.delete, History.index, History.tag,
                                      History.compact, History.add_sql)))
    return rng


@pytest.mark.parametrize("seed", range(12))
def test_random_history__as_pylance_cleans_up(tmp_path, seed):
    path, backup = tmp_path / "t.lance", tmp_path / "backup"
    rng = make_history(path, seed)
    for i in range(rng.choice((0, 0, 3))):
        (path / "data" / f"left{i}.lance").write_bytes(b"x" * i)
    before = contents(path)
    shutil.copytree(path, backup)
    unverified = rng.random() < 0.5
    pylance_cleans(path, delete_unverified=unverified)
    want, kept = files(path), set(contents(path))
    shutil.rmtree(path)
    shutil.copytree(backup, path)
    report = clean(path, "--older-than=0s", *(["--unreferenced-older-than=0s"] if unverified else []))
    after = contents(path)
    assert_kept(before, after)
    assert set(after) == kept
    got = files(path)
    assert got.keys() == want.keys()
    assert report["bytes"] == [sum(files(backup).values()), sum(got.values())]
    removed = sum(kind["n"] for kind in report["removed"].values())
    assert removed == len(files(backup)) - len(got)
    assert lancectl("verify", path, "--deep").returncode == 0
    lance.dataset(str(path)).delete("id % 2 = 0")  # and it goes on
    assert clean(path, "--older-than=0s", "--unreferenced-older-than=0s")["failed"] == 0
    lance.dataset(str(path)).validate()


# --- policies ---


def versions(path):
    return [v["version"] for v in lance.dataset(str(path)).versions()]


def test_policies(dataset, fresh):
    n = lance.dataset(str(dataset)).version
    lance.dataset(str(dataset)).tags.create("first", 1)
    for options, want in (((), list(range(1, n + 1))), (("--older-than=1h",), list(range(1, n + 1))),
                          (("--older-than=0s",), [1, n]), (("--keep=2",), [1, n - 1, n]),
                          (("--keep=2", "--older-than=1h"), list(range(1, n + 1))),
                          (("--keep=99",), list(range(1, n + 1)))):
        path = fresh(dataset)
        before = contents(path)
        clean(path, *options)
        assert versions(path) == want, options
        assert_kept(before, contents(path))


def test_answers(dataset):
    n = lance.dataset(str(dataset)).version
    answer = lancectl("cleanup", dataset).stdout.decode()
    assert answer == f"nothing to clean up: {n} versions kept ({n} recent)\n"
    lance.dataset(str(dataset)).tags.create("first", 1)
    before = files(dataset)
    answer = lancectl("cleanup", dataset, "--older-than=0s", "--dry-run").stdout.decode()
    assert answer.startswith(f"would clean up: {n - 2} versions, ")
    assert "; 2 versions kept (1 tagged, 1 recent); " in answer
    assert files(dataset) == before
    answer = lancectl("cleanup", dataset, "--older-than=0s").stdout.decode()
    assert answer.startswith(f"cleaned up: {n - 2} versions, ") and answer.count("\n") == 1
    for wrong in ("--keep=0", "--older-than=soon", "--what=1"):
        out = lancectl("cleanup", dataset, wrong, check=False)
        assert out.returncode == 1 and b"--" in out.stderr


def test_lock__one_at_a_time(dataset):
    lock = dataset / "_lancefs" / "cleanup.lock"
    lock.parent.mkdir()
    with open(lock, "w") as f:
        fcntl.flock(f, fcntl.LOCK_EX)
        f.write("job 99 is cleaning up this table")
        f.flush()
        out = lancectl("cleanup", dataset, "--older-than=0s", check=False)
        assert out.returncode == 3 and b"job 99 is cleaning up" in out.stderr
    assert clean(dataset, "--older-than=0s")["removed"]["versions"]["n"] > 0
    assert not lock.exists()


# --- what stays ---


def test_indices__of_versions_that_stay(dataset):
    ds = lance.dataset(str(dataset))
    ds.create_scalar_index("a", "BTREE")
    ds.tags.create("indexed", ds.version)
    ds.create_scalar_index("s", "BITMAP")
    ds.create_scalar_index("a", "BTREE", replace=True)
    ds.create_scalar_index("a", "BTREE", replace=True)
    assert len(os.listdir(dataset / "_indices")) == 4
    report = clean(dataset, "--older-than=0s")
    assert len(os.listdir(dataset / "_indices")) == 3 and report["removed"]["index_files"]["n"] > 0
    for at in (lance.dataset(str(dataset)), lance.dataset(str(dataset), version="indexed")):
        at.validate()
        assert at.to_table(filter="a = 40").num_rows == 1


def test_blobs__go_with_their_data_file(tmp_path):
    path = tmp_path / "t.lance"
    big = [bytes([i]) * (100_000 if i % 2 else 5_000_000) for i in range(4)]
    lance.write_dataset(blob_table("2.2", big), str(path), data_storage_version="2.2")
    lance.write_dataset(blob_table("2.2", big[:2]), str(path), data_storage_version="2.2", mode="overwrite")
    blobs = sorted(path.rglob("*.blob"))
    left = path / "data" / "left"
    left.mkdir()
    (left / "1.blob").write_bytes(b"x")
    os.utime(left / "1.blob", (time.time() - 8 * DAYS,) * 2)
    clean(path, "--older-than=0s")
    kept = sorted(path.rglob("*.blob"))
    assert kept and set(kept) < set(blobs)
    assert {p.parent.name + ".lance" for p in kept} == set(p.name for p in path.glob("data/*.lance"))
    assert {p.name for p in path.glob("data/*") if p.is_dir()} == {p.parent.name for p in kept}
    taken = lance.dataset(str(path)).take_blobs("b", indices=[0, 1])
    assert [b.read() for b in taken] == big[:2]


def test_branches__read_their_parents_files(dataset, mount):
    ds = lance.dataset(str(dataset))
    ds.create_branch("old", 2)
    deep = ds.checkout_version(("old", None)).create_branch("deep/er")
    deep.delete("a > 50")
    before = {name: contents(dataset, name) for name in ("old", "deep/er")}
    everything = files(dataset)
    clean(dataset, "--older-than=0s")
    clean(dataset / "tree" / "old", "--older-than=0s")
    clean(dataset / "tree" / "deep/er", "--older-than=0s")
    assert len(files(dataset)) < len(everything) and len(versions(dataset)) == 1
    for name in before:
        assert_kept(before[name], contents(dataset, name))
    where = mount(dataset)
    assert (where / "branches" / "deep%2Fer" / "columns" / "a.txt").read_text().split() == \
        [str(i) for i in range(51) if i not in (3, 30)]
    ds.branches.delete("deep/er")
    ds.branches.delete("old")
    assert clean(dataset, "--older-than=0s")["removed"]["data_files"]["n"] == 0  # they may be in flight
    assert clean(dataset, "--unreferenced-older-than=0s")["removed"]["data_files"]["n"] > 0
    lance.dataset(str(dataset)).validate()


def test_branch_that_is_being_made__is_seen(dataset):
    """Its manifest is there before its file in _refs is."""
    lance.dataset(str(dataset)).create_branch("b", 2)
    ref = dataset / "_refs" / "branches" / "b.json"
    text = ref.read_text()
    ref.unlink()
    clean(dataset, "--older-than=0s", "--unreferenced-older-than=0s")
    ref.write_text(text)
    assert lance.dataset(str(dataset)).checkout_version(("b", None)).count_rows() == 58


def test_dataset_that_was_moved__keeps_what_its_branches_need(dataset, tmp_path):
    b = lance.dataset(str(dataset)).create_branch("b", 2)
    want = b.to_table()
    moved = tmp_path / "moved.lance"
    dataset.rename(moved)
    clean(moved, "--older-than=0s", "--unreferenced-older-than=0s")
    moved.rename(dataset)
    assert lance.dataset(str(dataset)).checkout_version(("b", None)).to_table() == want


def test_moved_dataset_with_an_unknown_base__is_refused(dataset, tmp_path):
    ds = lance.dataset(str(dataset))
    ds.create_branch("b", 2)
    ds.checkout_version(("b", None)).create_branch("c").delete("a = 1")
    moved = tmp_path / "moved.lance"
    dataset.rename(moved)
    manifests = sorted((moved / "tree" / "c" / "_versions").glob("*.manifest"))
    manifests[-1].unlink()  # the first version told how the dataset was called
    before = files(moved)
    out = lancectl("cleanup", moved, "--older-than=0s", check=False)
    assert out.returncode == 1 and b"branch c" in out.stderr and str(dataset).encode() in out.stderr
    assert files(moved) == before


def test_shallow_clone__of_another_dataset(dataset, tmp_path):
    """Its own files go, those of the other stay where they are."""
    ds = lance.dataset(str(dataset))
    clone = tmp_path / "clone.lance"
    ds.shallow_clone(str(clone), ds.version)
    there = files(dataset)
    lance.write_dataset(table(5, 500).append_column("b", pa.array([0] * 5, pa.int64())), str(clone), mode="append")
    lance.dataset(str(clone)).delete("a > 500")
    lance.dataset(str(clone)).create_branch("b")
    want = lance.dataset(str(clone)).to_table()
    report = clean(clone, "--older-than=0s", "--unreferenced-older-than=0s")
    assert report["removed"]["versions"]["n"] == 2
    assert lance.dataset(str(clone)).to_table() == want and files(dataset) == there
    lance.dataset(str(clone)).checkout_version(("b", None)).validate()


def test_detached_manifest__keeps_its_files(dataset):
    ds = lance.dataset(str(dataset), version=1)
    detached = lance.LanceDataset.commit(ds, lance.LanceOperation.Delete([], [], "false"), read_version=1, detached=True)
    number, want = detached.version, detached.to_table()
    assert any(p.name.startswith("d") for p in (dataset / "_versions").iterdir())
    clean(dataset, "--older-than=0s", "--unreferenced-older-than=0s")
    assert len(versions(dataset)) == 1
    assert lance.dataset(str(dataset), version=number).to_table() == want


def test_names_of_v1(tmp_path):
    path = tmp_path / "t.lance"
    for i in range(4):
        lance.write_dataset(table(10, i), str(path), mode="append" if i else "create", enable_v2_manifest_paths=False)
    assert (path / "_versions" / "1.manifest").exists()
    clean(path, "--keep=2")
    assert sorted(p.name for p in (path / "_versions").glob("*.manifest")) == ["3.manifest", "4.manifest"]
    assert lance.dataset(str(path)).count_rows() == 40


# --- what cannot be understood ---


@pytest.mark.parametrize("what", ("manifest", "tag", "branch", "flag"))
def test_broken__is_refused_and_nothing_removed(dataset, what):
    ds = lance.dataset(str(dataset))
    ds.tags.create("t", 1)
    ds.create_branch("b", 2)
    if what == "manifest":
        victim = sorted((dataset / "_versions").glob("*.manifest"))[2]
        victim.write_bytes(victim.read_bytes()[:-5])
        says = victim.name
    elif what == "tag":
        (dataset / "_refs" / "tags" / "t.json").write_text("{")
        says = "_refs/tags/t.json"
    elif what == "branch":
        (dataset / "_refs" / "branches" / "b.json").write_text("{")
        says = "_refs/branches/b.json"
    else:
        set_flags(dataset, writer=1 << 40)
        says = "flag 40"
    before = files(dataset)
    out = lancectl("cleanup", dataset, "--older-than=0s", check=False)
    assert out.returncode == 1 and says.encode() in out.stderr, out.stderr
    assert files(dataset) == before


# --- others at the same time ---


def test_files_in_flight__stay(dataset):
    ds = lance.dataset(str(dataset))
    fragments = lance.fragment.write_fragments(table(10, 1000).append_column("b", pa.array([1] * 10, pa.int64())), ds)
    clean(dataset, "--older-than=0s")
    ds = lance.LanceDataset.commit(ds, lance.LanceOperation.Append(fragments), read_version=ds.version)
    assert ds.to_table(filter="a >= 1000").num_rows == 10
    ds.validate()


def test_own_state__goes_when_nobody_needs_it(dataset, tmp_path):
    script = tmp_path / "double"
    script.write_text("#!/usr/bin/awk -f\n{ print $1 * 2 }\n")
    script.chmod(0o755)
    lancectl("udf", "add", dataset, script, "--name=double", "--type=int64", "--no-sandbox", check=False)
    bundles = [p for p in (dataset / "_udfs").iterdir() if len(p.name) == 64]
    assert len(bundles) == 1
    lancectl("add", dataset, "d", "--udf=double", "--inputs=a")
    lancectl("udf", "remove", dataset, "double", "--force", check=False)
    old = time.time() - 8 * DAYS

    def age(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            path.write_text("x")
        os.utime(path, (old, old))
        return path

    ids = [f.id() for f in lance.dataset(str(dataset)).lance_schema.fields()]
    stay = [age(dataset / "_lancefs" / "computed" / f"{ids[-1]}.tsv"), age(dataset / "_lancefs" / "notes"),
            age(dataset / "_udfs" / "foreign" / "x")]
    go = [age(dataset / "_lancefs" / "computed" / "77777.tsv"), age(dataset / "_udfs" / ".tmp-1" / "f"),
          age(dataset / "_lancefs" / "checkpoints" / "ab" / "77777-x.log"), age(dataset / "_udfs" / "names" / ".tmp_1")]
    os.utime(dataset / "_udfs" / ".tmp-1", (old, old))
    os.utime(bundles[0], (old, old))
    report = clean(dataset)
    assert report["removed"]["state"]["n"] == 4
    assert all(p.exists() for p in stay) and not any(p.exists() for p in go)
    assert bundles[0].exists()
    lancectl("drop", dataset, "d")
    clean(dataset)
    assert bundles[0].exists()  # an older version has the column
    clean(dataset, "--older-than=0s")
    assert not bundles[0].exists() and not stay[0].exists()


# --- versions in use ---


def old_and_new(path, rows=200_000):
    """Version 1 and version 2 have no file in common."""
    lance.write_dataset(table(rows), str(path), max_rows_per_file=rows // 20)
    lance.write_dataset(table(10, 7), str(path), mode="overwrite")
    return "".join(f"{i}\n" for i in range(rows))


def wait_for(condition):
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_mount__keeps_what_is_open(tmp_path):
    path = tmp_path / "t.lance"
    want = old_and_new(path)
    with mounted(path, tmp_path / "mnt") as where:
        with open(where / "versions" / "1" / "columns" / "a.txt") as f:
            head = f.read(1000)
            report = clean(path, "--older-than=0s", "--unreferenced-older-than=0s")
            assert report["kept"] == {"recent": 1, "tagged": 0, "in_use": 1}
            assert head + f.read() == want
            assert (where / "versions" / "1" / "columns" / "a.txt").read_text() == want
        # the mount's own cleanup heeds its own readers
        with open(where / "versions" / "1" / "columns" / "s.txt") as f:
            (where / "control").write_text("cleanup --older-than=0s --wait\n")
            assert len(f.read().split("\n")) == 200_001
        assert versions(path) == [1, 2]
        lease, = (path / "_lancefs" / "leases").iterdir()
        wait_for(lambda: not lease.exists())  # another one, without version 1
        report = clean(path, "--older-than=0s")
        assert report["kept"]["in_use"] == 0 and report["removed"]["data_files"]["n"] == 20
        assert os.listdir(where / "versions") in (["latest", "2"], ["2", "latest"])
        assert (where / "columns" / "a.txt").read_text().split() == [str(i) for i in range(7, 17)]
    assert not (path / "_lancefs" / "leases").exists()


def test_live_file__keeps_its_bytes(tmp_path):
    path = tmp_path / "t.lance"
    lance.write_dataset(table(200_000), str(path), max_rows_per_file=10_000)
    with mounted(path, tmp_path / "mnt") as where, open(where / "columns" / "a.txt") as f:
        head = f.read(1000)
        lance.write_dataset(table(10, 7), str(path), mode="overwrite")
        assert (where / "columns" / "a.txt").read_text().startswith("7\n")
        clean(path, "--older-than=0s", "--unreferenced-older-than=0s")
        assert head + f.read() == "".join(f"{i}\n" for i in range(200_000))


def test_mount_that_was_killed__holds_nothing(tmp_path):
    path, where = tmp_path / "t.lance", tmp_path / "mnt"
    old_and_new(path, 2000)
    where.mkdir()
    daemon = subprocess.Popen([BIN / "lancefs", "-f", path, where])
    wait_for(lambda: os.path.ismount(where))
    fd = os.open(where / "versions" / "1" / "columns" / "a.txt", os.O_RDONLY)
    assert clean(path, "--older-than=0s")["kept"]["in_use"] == 1
    daemon.kill()
    daemon.wait()
    with pytest.raises(OSError):
        os.close(fd)
    subprocess.run(["fusermount3", "-uz", where], check=True)
    assert clean(path, "--older-than=0s")["kept"]["in_use"] == 0
    assert versions(path) == [2]
    assert not list((path / "_lancefs" / "leases").iterdir())


def test_lancectl__keeps_what_it_works_with(tmp_path):
    path = tmp_path / "t.lance"
    lance.write_dataset(table(200_000), str(path), max_rows_per_file=10_000)
    export = subprocess.Popen([BIN / "lancectl", "export", path, "a", "--format=txt"], stdout=subprocess.PIPE)
    head = export.stdout.read(100)
    lance.write_dataset(table(10, 7), str(path), mode="overwrite")
    assert clean(path, "--older-than=0s")["kept"]["in_use"] == 1
    assert (head + export.stdout.read()).count(b"\n") == 200_000
    assert export.wait() == 0
    assert clean(path, "--older-than=0s")["kept"]["in_use"] == 0
    assert lance.dataset(str(path)).count_rows() == 10


def test_foreign_cleanup__right_bytes_or_estale(tmp_path):
    """Others know nothing of leases."""
    path = tmp_path / "t.lance"
    want = old_and_new(path)
    with mounted(path, tmp_path / "mnt") as where:
        with open(where / "versions" / "1" / "columns" / "a.txt") as f:
            got = f.read(1000)
            pylance_cleans(path)
            assert not list(path.glob("_versions/18446744073709551614.manifest"))
            try:
                got += f.read()
            except OSError as error:
                assert error.errno == errno.ESTALE
                assert "a.txt" in (where / "last_error").read_text()
            else:
                assert got == want
            assert want.startswith(got)
        assert (where / "columns" / "a.txt").read_text().split() == [str(i) for i in range(7, 17)]
        assert not (where / "versions" / "1").exists() or os.listdir(where / "versions" / "1")


def test_concurrent_writers_and_cleanups(tmp_path):
    """pylance appends, deletes and compacts; cleanups run one after the other; every row is there once."""
    path = tmp_path / "t.lance"
    lance.write_dataset(table(1000), str(path))
    stop = time.monotonic() + 12
    seen = 0
    with mounted(path, tmp_path / "mnt") as where:
        cleaner = subprocess.Popen(["sh", "-c", f"while :; do {BIN}/lancectl cleanup {path} --older-than=0s --quiet >> "
                                                f"{tmp_path}/out 2>&1 || exit 1; done"])
        n, gone = 1000, set()
        rng = random.Random(5)
        while time.monotonic() < stop:
            step = rng.randrange(4)
            if step == 0:
                lance.write_dataset(table(100, n), str(path), mode="append")
                n += 100
            elif step == 1:
                lance.dataset(str(path)).delete(f"a % 97 = {len(gone)}")
                gone.add(len(gone))
            elif step == 2:
                lance.dataset(str(path)).optimize.compact_files()
            have = (where / "columns" / "a.txt").read_text().split()
            assert len(have) == len(set(have))
            seen += 1
        assert cleaner.poll() is None, (tmp_path / "out").read_text()
        cleaner.kill()
        cleaner.wait()
    got = lance.dataset(str(path)).to_table()["a"].to_pylist()
    want = set(range(n))
    assert len(got) == len(set(got)) and set(got) <= want and seen > 3
    assert all(a % 97 >= len(gone) or a >= 1000 for a in got)
    lance.dataset(str(path)).validate()
    wait_for(lambda: subprocess.run(["pgrep", "-f", f"cleanup {path}"], capture_output=True).returncode == 1)
    clean(path, "--older-than=0s", "--unreferenced-older-than=0s")
    named = {f.path for fragment in lance.dataset(str(path)).get_fragments() for f in fragment.data_files()}
    assert named == set(os.listdir(path / "data"))


# --- optimize ---


def test_optimize__is_both(tmp_path):
    path = tmp_path / "t.lance"
    for i in range(6):
        lance.write_dataset(table(100, 100 * i), str(path), mode="append" if i else "create")
    lance.dataset(str(path)).delete("a % 3 = 0")
    want = lance.dataset(str(path)).to_table()
    before = files(path)
    dry = json.loads(lancectl("optimize", path, "--older-than=0s", "--dry-run", "--json").stdout)
    assert dry["compact"]["fragments"] == [6, 1] and files(path) == before
    out = lancectl("optimize", path, "--older-than=0s").stdout.decode()
    assert out.startswith("compacted: 6 fragments -> 1, ") and "; cleaned up: " in out and out.count("\n") == 1
    assert "; 1 version kept (1 recent); " in out
    assert lance.dataset(str(path)).to_table() == want and len(versions(path)) == 1
    assert len(list((path / "data").iterdir())) == 1
    out = lancectl("optimize", path, "--older-than=0s").stdout.decode()
    assert out.startswith("nothing to compact: ") and "; nothing to clean up: " in out
    assert lancectl("optimize", path, "--keep=0", check=False).returncode == 1


def test_full_disk__is_made_room_on(tmp_path):
    where = tmp_path / "disk"
    where.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", where], capture_output=True).returncode:
        pytest.skip("no permission to mount a tmpfs")
    try:
        path = where / "t.lance"
        for i in range(4):
            lance.write_dataset(table(50_000, i), str(path), mode="overwrite" if i else "create")
        want = lance.dataset(str(path)).to_table()
        with open(where / "ballast", "wb", buffering=0) as f, pytest.raises(OSError):
            while True:
                f.write(b"x" * 4096)
        assert os.statvfs(where).f_bavail == 0
        out = lancectl("cleanup", path, "--older-than=0s")
        assert out.stdout.startswith(b"cleaned up: 3 versions"), out
        assert os.statvfs(where).f_bavail > 0
        assert lance.dataset(str(path)).to_table() == want
        assert clean(path, "--older-than=0s")["removed"]["versions"]["n"] == 0
    finally:
        subprocess.run(["umount", "-l", where], check=True)
