"""Branches: made by pylance and shown here, made here and used by pylance."""

import errno
import json
import os
import shutil
import time

import lance
import pyarrow as pa
import pytest

import columns
from conftest import lancectl
from test_bad import newest_manifest, varint


def table(n, first=0):
    return pa.table({"a": pa.array(range(first, first + n), pa.int64()),
                     "s": pa.array([None if i % 7 == 0 else f"row {i}" for i in range(first, first + n)]),
                     "v": pa.array([[i, i + 1] for i in range(first, first + n)], pa.list_(pa.float32(), 2)),
                     "b": pa.array([bytes([i % 256]) * (i % 5) for i in range(first, first + n)])})


@pytest.fixture
def dataset(tmp_path):
    path = tmp_path / "t.lance"
    ds = lance.write_dataset(table(60), str(path), max_rows_per_file=25)
    ds.delete("a = 3 OR a = 30")
    return path


def expected(ds):
    return ds.to_table().to_pydict()


def assert_shown(where, ds):
    """A directory of the mount shows what a dataset of pylance has."""
    want = ds.to_table()
    assert f"version: {ds.version}\n" in (where / "info").read_text()
    assert f"rows: {want.num_rows}\n" in (where / "info").read_text()
    for name in want.schema.names:
        got = columns.read_arrow(where / "columns" / f"{name}.arrow")[0].to_pylist()
        assert got == want[name].to_pylist(), name


def branch(ds, name, version=None):
    return ds.checkout_version((name, version))


@pytest.mark.parametrize("name", ["b", "feat/x", "a.b-c_d", "tree", "a/tree/b", ".dot", "ü/é"])
def test_branch_of_pylance__reads_equal(mount, dataset, name):
    ds = lance.dataset(str(dataset))
    b = ds.create_branch(name)
    where = mount(dataset)
    shown = where / "branches" / name.replace("/", "%2F").replace(".dot", "%2Edot")
    assert os.listdir(where / "branches") == [shown.name]
    assert_shown(shown, b)
    b.delete("a > 40 AND a < 45")
    assert_shown(shown, branch(ds, name))
    b = lance.write_dataset(table(9, 100), b, mode="append")
    b.add_columns({"twice": "a * 2"})
    assert_shown(shown, branch(ds, name))
    assert_shown(where, lance.dataset(str(dataset)))
    for version in (2, 3, 4):
        assert_shown(shown / "versions" / str(version), branch(ds, name, version))
    assert os.readlink(shown / "versions" / "latest") == "5"
    assert lancectl("info", dataset / "tree" / name).stdout.startswith(b"version: 5\n")
    assert b"sound" in lancectl("verify", dataset / "tree" / name, "--deep").stdout
    assert b"sound" in lancectl("verify", dataset, "--deep").stdout


def test_branch__has_what_a_version_has(mount, dataset):
    b = lance.dataset(str(dataset)).create_branch("b")
    where = mount(dataset)
    for i, value in enumerate(b.to_table()["b"].to_pylist()):
        assert (where / "branches" / "b" / "rows" / str(i) / "b.bin").read_bytes() == value
    assert set(os.listdir(where / "branches" / "b")) == set(os.listdir(where / "versions" / "2")) | {"versions"}
    for directory in ("branches", "branches/b", "branches/b/columns", "branches/b/rows/3", "branches/b/fragments/0"):
        for entry in os.scandir(where / directory):
            assert entry.inode() == os.lstat(entry.path).st_ino, entry.path
    files = where / "branches" / "b" / "fragments" / "0" / "files"
    (file,) = os.listdir(files)
    assert (files / file).read_bytes() == (dataset / "data" / file).read_bytes()


def test_branch__is_frozen(mount, dataset):
    lance.dataset(str(dataset)).create_branch("b")
    where = mount(dataset)
    shown = where / "branches" / "b"
    assert os.stat(shown / "columns" / "a.npy").st_mode & 0o777 == 0o444
    for path in ("columns/a.npy", "columns/n.txt", "info", "n.txt"):
        with pytest.raises(OSError) as e:
            (shown / path).write_text("1\n")
        assert e.value.errno == errno.EROFS, path
    for gesture in (lambda: os.remove(shown / "columns" / "a.npy"),
                    lambda: os.rename(shown / "columns" / "a.npy", shown / "columns" / "z.npy"),
                    lambda: os.truncate(shown / "columns" / "a.npy", 0),
                    lambda: os.setxattr(shown / "columns" / "a.npy", "user.lance.metadata.k", b"v")):
        with pytest.raises(OSError) as e:
            gesture()
        assert e.value.errno == errno.EROFS
    assert "a branch is shown here as old versions are" in (where / "last_error").read_text()


def test_branches_of_branches(mount, dataset):
    ds = lance.dataset(str(dataset))
    b = ds.create_branch("b")
    b.delete("a = 50")
    c = b.create_branch("c/d")
    c = lance.write_dataset(table(5, 200), c, mode="append")
    c.delete("a = 201 OR a = 1")
    e = c.create_branch("c/e")
    where = mount(dataset)
    assert_shown(where / "branches" / "c%2Fd", branch(ds, "c/d"))
    assert_shown(where / "branches" / "c%2Fe", e)
    assert lancectl("branch", dataset).stdout.decode().splitlines() == [
        line for line in lancectl("branch", dataset / "tree" / "c" / "d").stdout.decode().splitlines()]
    listed = [line.split("\t") for line in lancectl("branch", dataset).stdout.decode().splitlines()]
    assert [line[:3] for line in listed] == [["b", "main", "2"], ["c/d", "b", "3"], ["c/e", "c/d", "5"]]


def test_branches__come_and_go(mount, dataset):
    ds = lance.dataset(str(dataset))
    where = mount(dataset)
    assert os.listdir(where / "branches") == []
    b = ds.create_branch("b")
    first = os.stat(where / "branches" / "b").st_ino
    ds.branches.delete("b")
    assert os.listdir(where / "branches") == []
    ds.delete("a = 9")
    b = ds.create_branch("b")
    time.sleep(1.1)  # an entry is kept for a second
    assert os.stat(where / "branches" / "b").st_ino != first
    assert_shown(where / "branches" / "b", b)


def test_indices_of_a_branch(mount, dataset):
    ds = lance.dataset(str(dataset))
    ds.create_scalar_index("a", "BTREE")
    ds.create_branch("b")
    where = mount(dataset)
    assert os.listdir(where / "branches" / "b" / "indices") == ["a_idx.json"]
    lancectl("branch", dataset, "c", "--from=b")
    c = branch(lance.dataset(str(dataset)), "c")
    assert c.to_table(filter="a = 17")["a"].to_pylist() == [17]
    assert "ScalarIndexQuery" in c.scanner(filter="a = 17").explain_plan()


@pytest.mark.parametrize("storage", ["2.0", "2.1", "2.2"])
@pytest.mark.parametrize("stable", [False, True])
def test_branch_made_here__is_pylances(mount, tmp_path, storage, stable):
    path = tmp_path / "t.lance"
    ds = lance.write_dataset(table(40), str(path), max_rows_per_file=15, data_storage_version=storage,
                             enable_stable_row_ids=stable)
    ds.delete("a = 5")
    ds.tags.create("one", 1)
    lancectl("branch", path, "ours/x")
    lancectl("branch", path, "old", "one")
    ds = lance.dataset(str(path))
    listed = ds.branches.list()
    assert {k: (v["parent_branch"], v["parent_version"]) for k, v in listed.items()} == {
        "ours/x": (None, 2), "old": (None, 1)}
    theirs = ds.create_branch("theirs")
    assert_same_manifests(path, "ours/x", "theirs", ds)
    b = branch(ds, "ours/x")
    assert expected(b) == expected(ds) == expected(theirs)
    assert branch(ds, "old").count_rows() == 40
    b = lance.write_dataset(table(3, 70), b, mode="append")
    b.delete("a = 20")
    b.add_columns({"twice": "a * 2"})
    b.merge_insert("a").when_matched_update_all().when_not_matched_insert_all().execute(
        b.to_table().slice(0, 2))
    b.optimize.compact_files()
    b.validate()
    where = mount(path)
    assert_shown(where / "branches" / "ours%2Fx", branch(ds, "ours/x"))
    assert_shown(where, ds)
    assert expected(lance.dataset(str(path))) == expected(ds)
    child = branch(ds, "ours/x").create_branch("child")
    assert_shown(where / "branches" / "child", child)
    assert len(ds.branches.list()["child"]["branch_identifier"]) == 2
    with pytest.raises(Exception, match="referenced"):
        ds.branches.delete("ours/x")
    ds.branches.delete("old")
    assert sorted(os.listdir(where / "branches")) == ["child", "ours%2Fx", "theirs"]


def assert_same_manifests(path, ours, theirs, ds):
    """The reference files differ in times and identifiers only."""
    def reference(name):
        content = json.loads((path / "_refs" / "branches" / (name.replace("/", "%2F") + ".json")).read_text())
        content["identifier"]["version_mapping"] = [[v, len(u)] for v, u in content["identifier"]["version_mapping"]]
        return {**content, "createAt": 0}
    assert reference(ours) == reference(theirs)
    a, b = branch(ds, ours), branch(ds, theirs)
    assert a.version == b.version and a.schema == b.schema
    shape = [[(f.path, f.base_id) for f in fragment.data_files()] for fragment in a.get_fragments()]
    assert shape == [[(f.path, f.base_id) for f in fragment.data_files()] for fragment in b.get_fragments()]
    assert a.versions()[0]["timestamp"] > ds.versions()[-1]["timestamp"] < b.versions()[0]["timestamp"]


def test_branch_by_control(mount, dataset):
    where = mount(dataset)
    (where / "control").write_text("branch ours\n")
    assert (where / "control").read_text() == "branch ours: version 2 of main\n"
    assert_shown(where / "branches" / "ours", branch(lance.dataset(str(dataset)), "ours"))
    (where / "control").write_text("branch from/ours 2 --from=ours\n")
    (where / "control").write_text("branch\n")
    assert [line.split("\t")[:3] for line in (where / "control").read_text().splitlines()] == [
        ["from/ours", "ours", "2"], ["ours", "main", "2"]]
    for command, code in [("branch ours", errno.EEXIST), ("branch x 9", errno.ENOENT), ("branch x nope", errno.EINVAL),
                          ("branch ../x", errno.EINVAL), ("branch main", errno.EINVAL), ("branch /x", errno.EINVAL),
                          ("branch x.lock", errno.EINVAL), ("branch x --from=nope", errno.ENOENT),
                          ("branch ./x", errno.EINVAL), ("branch 'a b'", errno.EINVAL)]:
        with pytest.raises(OSError) as e:
            (where / "control").write_text(command + "\n")
        assert e.value.errno == code, command
    assert sorted(os.listdir(dataset / "tree")) == ["from", "ours"]


def test_half_made_branch__is_not_shown(mount, dataset):
    lancectl("branch", dataset, "b")
    os.remove(dataset / "_refs" / "branches" / "b.json")
    where = mount(dataset)
    assert os.listdir(where / "branches") == []
    with pytest.raises(FileNotFoundError):
        os.stat(where / "branches" / "b")
    told = lancectl("branch", dataset, "b", check=False)
    assert told.returncode == 1 and b"tree/b was left behind" in told.stderr
    with pytest.raises(Exception):
        lance.dataset(str(dataset)).create_branch("b")  # neither does pylance make it


def test_lancectl__writes_to_a_branch(dataset, tmp_path):
    ds = lance.dataset(str(dataset))
    b = ds.create_branch("feat/x")
    directory = dataset / "tree" / "feat" / "x"
    numbers = tmp_path / "n.txt"
    numbers.write_text("".join(f"{i}\n" for i in range(b.count_rows())))
    lancectl("put", directory, numbers)
    lancectl("put", directory, numbers, "--name=a", "--type=int64")
    lancectl("rename", directory, "s", "text")
    lancectl("tag", directory, "good")
    got = branch(ds, "feat/x")
    got.validate()
    assert got.to_table()["n"].to_pylist() == list(range(b.count_rows())) == got.to_table()["a"].to_pylist()
    assert "text" in got.schema.names and got.version == 5
    assert ds.tags.list()["good"]["branch"] == "feat/x" and ds.tags.list()["good"]["version"] == 5
    assert "n" not in lance.dataset(str(dataset)).schema.names
    lancectl("branch", directory, "y", "good")
    assert expected(branch(ds, "y")) == expected(got)
    lancectl("restore", directory, "2")
    assert expected(branch(ds, "feat/x")) == expected(b)


def test_tags_of_branches(mount, dataset):
    ds = lance.dataset(str(dataset))
    b = ds.create_branch("feat/x")
    b.delete("a = 7")
    ds.tags.create("theirs", ("feat/x", 3))
    where = mount(dataset)
    assert os.readlink(where / "tags" / "theirs") == "../branches/feat%2Fx/versions/3"
    assert_shown(where / "tags" / "theirs", branch(ds, "feat/x", 3))
    os.symlink("../branches/feat%2Fx/versions/2", where / "tags" / "ours")
    assert (ds.tags.list()["ours"]["branch"], ds.tags.list()["ours"]["version"]) == ("feat/x", 2)
    with pytest.raises(FileNotFoundError):
        os.symlink("../branches/nope/versions/2", where / "tags" / "no")


def test_moved_dataset(mount, dataset, tmp_path):
    ds = lance.dataset(str(dataset))
    b = ds.create_branch("feat/x")
    b.delete("a = 7")
    c = b.create_branch("c")
    want = expected(b), expected(c)
    moved = tmp_path / "elsewhere" / "u.lance"
    moved.parent.mkdir()
    os.rename(dataset, moved)
    where = mount(moved)
    for name, rows in (("feat%2Fx", want[0]), ("c", want[1])):
        got = columns.read_arrow(where / "branches" / name / "columns" / "a.arrow")[0].to_pylist()
        assert got == rows["a"]
        assert b"sound" in lancectl("verify", moved / "tree" / name.replace("%2F", "/"), "--deep").stdout
    lancectl("branch", moved, "after/the/move", "--from=c")
    assert b"sound" in lancectl("verify", moved / "tree/after/the/move", "--deep").stdout
    child = branch(lance.dataset(str(moved)), "after/the/move")  # it says where the files are now
    assert expected(child) == want[1]


def test_moved_dataset__without_the_first_version(dataset, tmp_path):
    ds = lance.dataset(str(dataset))
    b = ds.create_branch("b")
    b.delete("a = 7")
    c = b.create_branch("c")
    c.delete("a = 8")
    for name in ("b", "c"):
        oldest = max((dataset / "tree" / name / "_versions").glob("*.manifest"))
        os.remove(oldest)
    moved = tmp_path / "u.lance"
    os.rename(dataset, moved)
    # one base is where the branch began; which of two is the root, nobody knows any more
    assert b"sound" in lancectl("verify", moved / "tree" / "b", "--deep").stdout
    told = lancectl("export", moved / "tree" / "c", "a", check=False)
    assert told.returncode == 1 and b"outside of the dataset" in told.stderr


def test_dataset_by_a_link(mount, tmp_path):
    (tmp_path / "real").mkdir()
    os.symlink("real", tmp_path / "link")
    ds = lance.write_dataset(table(20), str(tmp_path / "link" / "t.lance"))
    b = ds.create_branch("b")
    where = mount(tmp_path / "real" / "t.lance")
    assert_shown(where / "branches" / "b", b)


def test_branch_taken_out__is_told(dataset, tmp_path):
    ds = lance.dataset(str(dataset))
    ds.create_branch("b")
    shutil.copytree(dataset / "tree" / "b", tmp_path / "b.lance")
    told = lancectl("export", tmp_path / "b.lance", "a", check=False)
    assert told.returncode == 1 and str(dataset).encode() in told.stderr and b"outside of the dataset" in told.stderr


def test_clone_elsewhere__is_told(mount, dataset, tmp_path):
    ds = lance.dataset(str(dataset))
    ds.shallow_clone(str(tmp_path / "clone.lance"), 2)
    told = lancectl("export", tmp_path / "clone.lance", "a", check=False)
    assert told.returncode == 1 and str(dataset).encode() in told.stderr and b"outside of the dataset" in told.stderr
    where = mount(tmp_path / "clone.lance")
    with pytest.raises(OSError) as e:
        (where / "columns" / "a.npy").read_bytes()
    assert e.value.errno == errno.EOPNOTSUPP
    assert str(dataset) in (where / "last_error").read_text()


HOSTILE = ["/", "//", "..", "/..", "/etc", "s3://bucket/x", "file:///etc", "tree/b", "ROOT/..", "ROOT/tree/../..",
           "ROOT/tree/b/../../..", "ROOT/tree/", "ROOTx", "/tree/b", ""]


def base_path(path):
    """The field base_paths of a manifest, with one base: id 0, a dataset's root."""
    base = b"\x18\x01\x22" + varint(len(path)) + path
    return b"\x92\x01" + varint(len(base)) + base


def rebase_manifest(manifest, dataset, path):
    """Write another path into the one base of a manifest."""
    raw = manifest.read_bytes()
    at = int.from_bytes(raw[-16:-8], "little")
    message = raw[at + 4:-16]
    assert base_path(bytes(dataset)) in message
    message = message.replace(base_path(bytes(dataset)), base_path(path))
    manifest.write_bytes(raw[:at] + len(message).to_bytes(4, "little") + message + raw[-16:])


REFUSED = (b"outside of the dataset", b"neither an absolute path", b"a path with '..'")


@pytest.mark.parametrize("base", HOSTILE)
def test_hostile_bases__are_refused(dataset, base):
    lance.dataset(str(dataset)).create_branch("b")
    rebase_manifest(newest_manifest(dataset / "tree" / "b"), dataset, base.replace("ROOT", str(dataset)).encode())
    told = lancectl("export", dataset / "tree" / "b", "a", check=False)
    assert told.returncode == 1 and any(why in told.stderr for why in REFUSED), told


@pytest.mark.parametrize("base", ["ROOT", "ROOT/", "file://ROOT"])
def test_spellings_of_the_root(dataset, base):
    lance.dataset(str(dataset)).create_branch("b")
    rebase_manifest(newest_manifest(dataset / "tree" / "b"), dataset, base.replace("ROOT", str(dataset)).encode())
    assert b"sound" in lancectl("verify", dataset / "tree" / "b", "--deep").stdout


def test_branch_whose_directory_leads_outside(mount, dataset, tmp_path):
    ds = lance.dataset(str(dataset))
    ds.create_branch("b")
    os.rename(dataset / "tree" / "b", tmp_path / "b")
    os.symlink(tmp_path / "b", dataset / "tree" / "b")
    where = mount(dataset)
    with pytest.raises(OSError) as e:
        os.listdir(where / "branches" / "b")
    assert e.value.errno == errno.EIO
    os.rename(dataset / "tree", tmp_path / "tree")
    os.mkdir(tmp_path / "outside")
    os.symlink(tmp_path / "outside", dataset / "tree")
    assert lancectl("branch", dataset, "new", check=False).returncode == 1
    assert os.listdir(tmp_path / "outside") == []


@pytest.mark.parametrize("name", ["..%2F..%2Fetc.json", "a%2F%2Fb.json", "%2E%2E.json", "x%00y.json", "main.json",
                                  ".tmp_1", "README", "%.json", "a%2.json", "%ZZ.json"])
def test_odd_references__are_not_shown(mount, dataset, name):
    ds = lance.dataset(str(dataset))
    ds.create_branch("b")
    shutil.copy(dataset / "_refs" / "branches" / "b.json", dataset / "_refs" / "branches" / name)
    assert os.listdir(mount(dataset) / "branches") == ["b"]


def test_crash_between_the_steps(dataset):
    """Whatever is missing, both programs go on."""
    lancectl("branch", dataset, "b")
    directory = dataset / "tree" / "b"
    shutil.rmtree(directory / "_versions")
    os.remove(dataset / "_refs" / "branches" / "b.json")
    lancectl("branch", dataset, "b")  # only a transaction file was left
    assert branch(lance.dataset(str(dataset)), "b").count_rows() == 58


def test_branches_in_a_database(mount, tmp_path):
    lancedb = pytest.importorskip("lancedb")
    db = lancedb.connect(str(tmp_path / "db"))
    db.create_table("t", table(12))
    lancectl("branch", tmp_path / "db" / "t.lance", "feat/x")
    where = mount(tmp_path / "db")
    assert (where / "t" / "branches" / "feat%2Fx" / "info").read_text().startswith("version: 1\n")
    assert db.open_table("t").count_rows() == 12
    branches = getattr(db.open_table("t"), "branches", None)
    if branches is not None:
        assert "feat/x" in branches.list()
