"""Files outside of a dataset: base paths, clones, blobs of the user's; and who may not read them."""

import errno
import os
import pathlib
import shutil
import subprocess

import lance
import pyarrow as pa
import pytest
from lance.blob import Blob

import columns
from conftest import lancectl

NAMES = ("a.bin", "dir#1/b%41 c.bin", "dir#1/é [x].bin")


def rows(path, name, *options):
    return [int(x) for x in lancectl("export", path, name, "--format=txt", *options).stdout.split()]


def patch(file, old, new):
    """Other text of the same length in a file."""
    assert len(old) == len(new)
    data = file.read_bytes()
    assert old.encode() in data, f"{old} is not in {file}"
    file.write_bytes(data.replace(old.encode(), new.encode()))


def newest(path):
    return min((path / "_versions").glob("*.manifest"))


def refusal(path, *words):
    done = lancectl("export", path, *words, check=False)
    assert done.returncode == 1 and b"Sanitizer" not in done.stderr
    return done.stderr.decode()


# --- base paths and clones ---


@pytest.fixture
def spread(tmp_path):
    """A table whose fragments lie in a bare directory, in another dataset's place, and its own."""
    base = lambda name, spelled, is_root: lance.DatasetBasePath(spelled, name=name, is_dataset_root=is_root)
    path = tmp_path / "t.lance"
    table = lambda first: pa.table({"a": pa.array(range(first, first + 10), pa.int64()),
                                    "s": [f"row {i}" for i in range(first, first + 10)]})
    bases = [base("bare", (tmp_path / "bare dir").as_uri(), False), base("full", str(tmp_path / "full"), True)]
    lance.write_dataset(table(0), str(path), initial_bases=bases, target_bases=["bare"])
    lance.write_dataset(table(10), str(path), mode="append", target_bases=["full"])
    lance.write_dataset(table(20), str(path), mode="append").delete("a % 4 = 1")
    return path


def test_bases__are_read_where_allowed(tmp_path, spread, mount):
    want = lance.dataset(str(spread)).to_table()
    assert rows(spread, "a", f"--roots={tmp_path}") == want["a"].to_pylist()
    assert rows(spread, "a", f"--roots={tmp_path}/full:{tmp_path}//bare dir/./") == want["a"].to_pylist()
    where = mount(spread, "-o", f"roots={tmp_path}")
    assert columns.read_arrow(where / "columns" / "s.arrow")[0].to_pylist() == want["s"].to_pylist()
    sizes = [p.stat().st_size for p in (where / "fragments" / "0" / "files").iterdir()]
    assert sizes == [p.stat().st_size for p in (tmp_path / "bare dir").iterdir()]
    (where / "columns" / "new.txt").write_text("7\n" * want.num_rows)
    assert set(lance.dataset(str(spread)).to_table()["new"].to_pylist()) == {7}
    assert b"sound" in lancectl("verify", "--deep", spread, f"--roots={tmp_path}").stdout


def test_bases__are_refused_elsewhere(tmp_path, spread, mount):
    assert f"roots={tmp_path}/bare dir" in refusal(spread, "a")
    assert f"roots={tmp_path}/full" in refusal(spread, "a", f"--roots={tmp_path}/bare dir")
    (tmp_path / "ful").mkdir()  # a name's beginning is not a directory above it
    assert f"roots={tmp_path}/full" in refusal(spread, "a", f"--roots={tmp_path}/bare dir:{tmp_path}/ful")
    where = mount(spread)
    with pytest.raises(OSError) as e:
        (where / "columns" / "a.npy").read_bytes()
    assert e.value.errno == errno.EOPNOTSUPP
    assert f"roots={tmp_path}" in (where / "last_error").read_text()


@pytest.mark.parametrize("new", ["../{}", "s3://{}", "gs://{}", "{}/.."])
def test_bases__that_lead_elsewhere(tmp_path, spread, new):
    """Whatever the manifest says is a path of another kind, or leads upwards."""
    old = str(tmp_path / "full")
    room = len(old) - len(new.format(""))
    for manifest in (spread / "_versions").glob("*.manifest"):
        if old.encode() in manifest.read_bytes():
            patch(manifest, old, new.format(old[-room:]))
    text = refusal(spread, "a", "--roots=/")
    assert any(why in text for why in ("neither an absolute path", "'..'", "that is not recorded"))


def test_bases__do_not_follow_links_out(tmp_path, spread):
    """Neither the base nor a file in it is a link that leads out of the allowed directory."""
    (tmp_path / "full").rename(tmp_path / "moved")
    (tmp_path / "full").symlink_to("moved")
    options = f"--roots={tmp_path}/bare dir:{tmp_path}/full"
    assert len(rows(spread, "a", options)) == 22  # the user said so himself
    [file] = (tmp_path / "moved" / "data").iterdir()
    file.rename(tmp_path / "secret")
    file.symlink_to("../../secret")
    assert "leads out of" in refusal(spread, "a", options)
    assert len(rows(spread, "a", f"--roots={tmp_path}")) == 22  # within it goes


def test_clone__is_read_and_written(tmp_path, spread, mount):
    lance.dataset(str(spread)).create_scalar_index("a", "BTREE")
    path = tmp_path / "clone.lance"
    lance.dataset(str(spread)).shallow_clone(str(path), lance.dataset(str(spread)).version)
    assert "outside of the dataset" in refusal(path, "a")
    where = mount(path, "-o", f"roots={tmp_path}")
    want = lance.dataset(str(path)).to_table()
    assert columns.read_arrow(where / "columns" / "a.arrow")[0].to_pylist() == want["a"].to_pylist()
    (where / "columns" / "more.txt").write_text("".join(f"{i}\n" for i in range(22)))
    for line in ("delete 'a = 2'", "update s=upper(s) --where='a > 25'", "add twice 'a * 2'"):
        (where / "control").write_text(line + "\n")
    dataset = lance.dataset(str(path))
    dataset.validate()
    got = dataset.to_table()
    assert got.sort_by("a")["twice"].to_pylist() == [2 * a for a in sorted(want["a"].to_pylist()) if a != 2]
    assert {s for s in got["s"].to_pylist() if s.startswith("ROW")} == {f"ROW {i}" for i in (26, 27, 28)}
    assert dataset.to_table(filter="a = 26").num_rows == 1
    assert lance.dataset(str(spread)).to_table().equals(want.select(["a", "s"]))
    (where / "control").write_text("compact --wait\n")
    lance.dataset(str(path)).validate()
    assert sorted(lance.dataset(str(path)).to_table()["a"].to_pylist()) == sorted(got["a"].to_pylist())
    assert b"sound" in lancectl("verify", "--deep", path, f"--roots={tmp_path}").stdout
    new = tmp_path / "new.lance"
    lancectl("create", new, f"--from={path}", f"--roots={tmp_path}")
    assert sorted(rows(new, "a")) == sorted(got["a"].to_pylist())


def test_clone_by_a_relative_path__is_looked_for_in_the_roots(tmp_path, monkeypatch):
    """pylance records the path of the dataset as it was spelled, relative to where it worked."""
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    lance.write_dataset(pa.table({"a": range(5)}), "t.lance").shallow_clone("clone.lance", 1)
    path = tmp_path / "work" / "clone.lance"
    want = lance.dataset("clone.lance").to_table()["a"].to_pylist()
    assert rows(path, "a", f"--roots={tmp_path}:{tmp_path}/work") == want
    assert "name that directory" in refusal(path, "a") and "'t.lance'" in refusal(path, "a", f"--roots={tmp_path}")
    monkeypatch.chdir(tmp_path)
    assert rows(path, "a", "--roots=work") == want
    for manifest in (path / "_versions").glob("*.manifest"):
        patch(manifest, "t.lance", "../work")
    assert "'../work'" in refusal(path, "a", "--roots=/")


def test_branch_option__writes_there(tmp_path, mount):
    path = tmp_path / "t.lance"
    ds = lance.write_dataset(pa.table({"a": [1, 2, 3]}), str(path))
    ds.create_branch("feat/x")
    where = mount(path, "-o", "branch=feat/x")
    (where / "columns" / "b.txt").write_text("x\ny\nz\n")
    (where / "control").write_text("delete 'a = 2'\n")
    assert lance.dataset(str(path)).to_table().to_pydict() == {"a": [1, 2, 3]}
    assert ds.checkout_version(("feat/x", None)).to_table().to_pydict() == {"a": [1, 3], "b": ["x", "z"]}
    (where / "control").write_text("query 'SELECT count(*) AS n FROM t' --format=csv\n")
    lancectl("rename", path, "b", "c", "--branch=feat/x")
    assert lancectl("export", path, "c", "--branch=feat/x").stdout == b"x\nz\n"
    assert lancectl("query", path, "SELECT sum(a) AS n FROM t", "--branch=feat/x").stdout.split() == [b"n", b"4"]
    none = lancectl("info", path, "--branch=none", check=False)
    assert none.returncode == 1 and b"no branch 'none'" in none.stderr


def test_branch_option__of_no_branch(tmp_path):
    path = tmp_path / "t.lance"
    lance.write_dataset(pa.table({"a": [1]}), str(path))
    (tmp_path / "mnt").mkdir()
    done = subprocess.run([pathlib.Path(os.environ["LANCEFS_BIN"]) / "lancefs", "-f", "-o", "branch=../x", path,
                           tmp_path / "mnt"], capture_output=True, timeout=60)
    assert done.returncode != 0 and b"no branch '../x'" in done.stderr


# --- blobs of the user's ---


@pytest.fixture
def files(tmp_path):
    root = tmp_path / "images"
    for i, name in enumerate(NAMES):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(bytes(range(256)) * 300 + bytes([i]))
    return root


def write_blobs(path, blobs, **options):
    table = pa.table([lance.blob_array(blobs)], schema=pa.schema([lance.blob_field("b")]))
    return lance.write_dataset(table, str(path), data_storage_version="2.2", **options)


def expected(path, n):
    taken = lance.dataset(str(path)).take_blobs("b", indices=list(range(n)))
    return [None if blob is None else blob.readall() for blob in taken]


def shown(where, n):
    """Row by row; where it is refused, the errno."""
    found = [None] * n
    for file in (where / "columns" / "b").iterdir():
        try:
            found[int(file.name.split(".")[0])] = file.read_bytes()
        except OSError as e:
            found[int(file.name.split(".")[0])] = e.errno
    return found


def ranges(files):
    uris = [(files / name).as_uri() for name in NAMES]
    return [Blob.from_uri(uri) for uri in uris] + [Blob.from_uri(uris[1], 1000, 70000), None, b"inline", b"",
                                                   Blob.from_uri(uris[2], 76800, 1)]


def test_external_blobs__are_read_by_range(tmp_path, files, mount):
    path = tmp_path / "t.lance"
    write_blobs(path, ranges(files), allow_external_blob_outside_bases=True)
    want = expected(path, 8)
    where = mount(path, "-o", f"roots={files}")
    assert shown(where, 8) == want
    [file] = (where / "columns" / "b").glob("0*3.*")
    assert file.stat().st_size == 70000
    with open(file, "rb", buffering=0) as f:
        assert os.pread(f.fileno(), 100, 69950) == want[3][69950:]
    assert b"sound" in lancectl("verify", "--deep", path, f"--roots={files}").stdout


def test_external_blobs__are_refused_elsewhere(tmp_path, files, mount):
    path = tmp_path / "t.lance"
    write_blobs(path, ranges(files), allow_external_blob_outside_bases=True)
    no = errno.EOPNOTSUPP
    assert shown(mount(path), 8) == [no, no, no, no, None, b"inline", b"", no]
    where = mount(path, "-o", f"roots={files}/dir#1")
    assert shown(where, 8)[0] == no and shown(where, 8)[1:] == expected(path, 8)[1:]
    assert f"roots={files}/a.bin" in (where / "last_error").read_text()


def test_blobs_in_bases__are_relative(tmp_path, files, mount):
    path = tmp_path / "t.lance"
    bases = [lance.DatasetBasePath(str(files), name="images", is_dataset_root=False)]
    write_blobs(path, ranges(files), initial_bases=bases)
    assert shown(mount(path, "-o", f"roots={tmp_path}"), 8) == expected(path, 8)
    assert shown(mount(path), 8)[:2] == [errno.EOPNOTSUPP] * 2


@pytest.mark.parametrize("evil", ["../secret.txt", "./../../x.bin", "/etc/passwd000"])
def test_blobs_in_bases__do_not_lead_out(tmp_path, files, mount, evil):
    plain = "x" * len(evil)
    (tmp_path / "secret.txt").write_text("secret")
    (files / plain).write_text("here")
    path = tmp_path / "t.lance"
    bases = [lance.DatasetBasePath(str(files), name="images", is_dataset_root=False)]
    write_blobs(path, [Blob.from_uri((files / plain).as_uri())], initial_bases=bases)
    [data] = (path / "data").glob("*.lance")
    assert shown(mount(path, "-o", f"roots={tmp_path}"), 1) == [b"here"]
    patch(data, plain, evil)
    assert shown(mount(path, "-o", f"roots={tmp_path}"), 1) == [errno.EIO]


@pytest.mark.parametrize("evil", ["file:///../../../../etc/passwd", "http://host/", "s3://bucket/key", "relative/path",
                                  "file://host/etc/passwd", "file:////etc/passwd", "file:///etc/%70asswd",
                                  "file:///etc/%2e%2e/etc/passwd", "file:///etc/passwd%00", "file:///etc/%zz"])
def test_external_blobs__of_other_kinds(tmp_path, files, mount, evil):
    uri = (files / ("y" * 100)).as_uri()
    (files / ("y" * 100)).write_text("here")
    path = tmp_path / "t.lance"
    write_blobs(path, [Blob.from_uri(uri)], allow_external_blob_outside_bases=True)
    [data] = (path / "data").glob("*.lance")
    evil += "/" * (len(uri) - len(evil))
    patch(data, uri, evil)
    [got] = shown(mount(path, "-o", f"roots={tmp_path}"), 1)
    assert got in (errno.EOPNOTSUPP, errno.EIO)


def test_external_blobs__links_pipes_and_gaps(tmp_path, files, mount):
    """What is no plain file within the directory is an error of that row alone."""
    (tmp_path / "secret").write_text("secret")
    (files / "link").symlink_to(tmp_path / "secret")
    (files / "inner").symlink_to("a.bin")
    (files / "up").symlink_to("..")
    (files / "folder").mkdir()
    os.mkfifo(files / "pipe")
    (files / "gone").write_text("x")
    (files / "short").write_bytes(b"0123456789")
    names = ("link", "inner", "up/secret", "folder", "pipe", "gone")
    blobs = [Blob.from_uri((files / name).as_uri(), 0, 1) for name in names]
    blobs += [Blob.from_uri((files / "short").as_uri(), 8, 2), Blob.from_uri((files / "short").as_uri(), 8, 3)]
    path = tmp_path / "t.lance"
    write_blobs(path, blobs, allow_external_blob_outside_bases=True)
    (files / "gone").unlink()
    io = errno.EIO
    got = shown(mount(path, "-o", f"roots={files}"), 8)
    assert got == [io, b"\x00", io, errno.EISDIR, errno.EISDIR, io, b"89", io]


def test_external_blobs__not_through_a_mount(tmp_path, files, mount):
    """A blob that is a file of its own mount would be read for ever."""
    path = tmp_path / "t.lance"
    where = tmp_path / "mnt0"
    inside = where / "columns" / "b" / "0000000.bin"
    write_blobs(path, [Blob.from_uri(inside.as_uri(), 0, 5), Blob.from_uri((files / "a.bin").as_uri(), 0, 2)],
                allow_external_blob_outside_bases=True)
    assert mount(path, "-o", f"roots={tmp_path}") == where
    assert shown(where, 2) == [errno.EIO, b"\x00\x01"]


def test_managed_blobs_of_pylance(tmp_path, mount):
    path = tmp_path / "t.lance"
    blobs = [b"a", None, b"", b"x" * 70000, b"y" * 5000000, b"z" * 300]
    schema = pa.schema([pa.field("id", pa.int64()), lance.blob_field("b")], metadata={"lance.blob.managed": "true"})
    table = pa.table([pa.array(range(6)), lance.blob_array(blobs)], schema=schema)
    lance.write_dataset(table, str(path), data_storage_version="2.2")
    lance.write_dataset(table, str(path), mode="append").delete("id = 3")
    lance.dataset(str(path)).optimize.compact_files()
    want = expected(path, 10)
    assert want == 2 * [blob for i, blob in enumerate(blobs) if i != 3] and list((path / "_blobs").iterdir())
    where = mount(path)
    assert shown(where, 10) == want
    with pytest.raises(OSError):
        (where / "columns" / "new.txt").write_text("1\n" * 10)
    assert "managed blobs" in (where / "last_error").read_text()
    clone = tmp_path / "clone.lance"
    lance.dataset(str(path)).shallow_clone(str(clone), lance.dataset(str(path)).version)
    assert shown(mount(clone, "-o", f"roots={tmp_path}"), 10) == want


@pytest.mark.parametrize("kind", [4, 5])
def test_managed_blobs__lie_in_the_table_or_a_base(tmp_path, files, mount, kind):
    """Descriptors of external blobs, made those of managed ones, which have the same shape."""
    path = tmp_path / "t.lance"
    bases = [lance.DatasetBasePath(str(files), name="images", is_dataset_root=False)]
    write_blobs(path, [Blob.from_uri((files / "a.bin").as_uri(), 10, 20)], initial_bases=bases)
    [data] = (path / "data").glob("*.lance")
    raw = bytearray(data.read_bytes())
    at = raw.index(b"a.bin") - 4 - 4 - 8 - 8 - 1  # length, id, size and position stand before it
    assert raw[at] == 3
    raw[at] = kind
    data.write_bytes(bytes(raw))
    if kind == 4:
        shutil.copy(files / "a.bin", path)
    want = expected(path, 1)
    assert want == [bytes(range(10, 30))]
    assert shown(mount(path, "-o", f"roots={files}"), 1) == want
    assert shown(mount(path), 1) == (want if kind == 4 else [errno.EOPNOTSUPP])
