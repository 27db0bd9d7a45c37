"""The tree's rules: inodes, times, snapshots, attributes, what is refused, lancectl."""

import base64
import csv
import errno
import json
import os
import shutil
import struct
import subprocess
import time

import lance
import numpy as np
import pyarrow as pa
import pytest

import columns
import laion
from conftest import BIN, lancectl
from test_bad import newest_manifest, varint


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    path = tmp_path_factory.mktemp("tree") / "t.lance"
    laion.write(path, 300, "2.2", per_fragment=120)
    return path


def test_root__has_what_it_says(mount, dataset):
    where = mount(dataset)
    assert set(os.listdir(where)) == {"control", "metrics", "info", "schema", "history", "last_error", "columns", "rows",
                                      "versions", "tags", "append", "joins", "queries", "branches", "rejected", "fragments", "indices",
                                      "schema.json", "table", "udfs", "jobs"}
    assert "rows: 300\n" in (where / "info").read_text()
    schema = [line.split("\t") for line in (where / "schema").read_text().splitlines()]
    assert [line[0] for line in schema] == lance.dataset(str(dataset)).schema.names
    assert dict((line[0], line[1]) for line in schema)["img_emb"] == "float32[768]"
    assert (where / "history").read_text().startswith("1\t20")


def test_inodes__stand_for_content(fresh, dataset, mount):
    path = fresh(dataset)
    where = mount(path)
    before = os.stat(where / "columns" / "caption.txt")
    (where / "columns" / "n.txt").write_text("\n".join(map(str, range(300))) + "\n")
    after = os.stat(where / "columns" / "caption.txt")
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)
    first = os.stat(where / "columns" / "n.txt")
    (where / "columns" / "n.txt").write_text("\n".join(map(str, range(1, 301))) + "\n")
    assert os.stat(where / "columns" / "n.txt").st_ino != first.st_ino
    old = os.stat(where / "versions" / "1" / "columns" / "caption.txt")
    new = os.stat(where / "versions" / "2" / "columns" / "caption.txt")
    assert old.st_ino == new.st_ino != after.st_ino


def test_directory_entries__tell_the_same_inodes(mount, dataset):
    where = mount(dataset)
    for directory in (where, where / "columns", where / "rows" / "3", where / "versions" / "1",
                      where / "columns" / "image", where / "versions" / "1" / "columns", where / "joins"):
        for entry in os.scandir(directory):
            if entry.name not in ("control", "metrics"):  # a fresh node each time
                assert entry.inode() == os.lstat(entry.path).st_ino, entry.path


def test_open_file__keeps_its_version(fresh, dataset, mount):
    path = fresh(dataset)
    where = mount(path)
    (where / "columns" / "n.txt").write_text("1\n" * 300)
    with open(where / "columns" / "n.txt") as f:
        head = f.read(4)
        (where / "columns" / "n.txt").write_text("22\n" * 300)
        assert head + f.read() == "1\n" * 300
    assert (where / "columns" / "n.txt").read_text() == "22\n" * 300
    assert (where / "versions" / "2" / "columns" / "n.txt").read_text() == "1\n" * 300


def test_times__stick_to_content(fresh, dataset, mount, tmp_path):
    path = fresh(dataset)
    where = mount(path)
    file = where / "columns" / "caption.txt"
    os.utime(file, ns=(10**18, 10**18))
    assert os.stat(file).st_mtime_ns == 10**18
    (where / "columns" / "n.txt").write_text("1\n" * 300)
    assert os.stat(file).st_mtime_ns == 10**18
    lance.dataset(str(path)).delete("key = '000000001'")
    assert os.stat(file).st_mtime_ns > 10**18


def test_sizes__are_remembered_over_mounts(fresh, dataset, mount, tmp_path):
    path = fresh(dataset)
    cache = tmp_path / "cache"
    first = mount(path, "-o", f"cache-dir={cache}")
    size = os.stat(first / "columns" / "caption.txt").st_size
    os.utime(first / "columns" / "key.txt", ns=(10**18, 10**18))
    subprocess.run(["fusermount3", "-u", first], check=True)
    deadline = time.monotonic() + 10
    while not list(cache.glob("*.sizes2")) or not (path / "_lancefs" / "times" / "mtimes").exists():
        assert time.monotonic() < deadline, "nothing was written down at unmount"
        time.sleep(0.02)
    again = mount(path, "-o", f"cache-dir={cache}")
    assert os.stat(again / "columns" / "caption.txt").st_size == size
    assert os.stat(again / "columns" / "key.txt").st_mtime_ns == 10**18


def test_refusals__say_what_to_do(fresh, dataset, mount):
    where = mount(fresh(dataset))

    def refused(code, function):
        with pytest.raises(OSError) as caught:
            function()
        assert caught.value.errno == code

    refused(errno.EOPNOTSUPP, lambda: open(where / "columns" / "caption.txt", "ab"))
    refused(errno.EOPNOTSUPP, lambda: open(where / "columns" / "caption.txt", "r+b"))
    refused(errno.EOPNOTSUPP, lambda: os.truncate(where / "columns" / "caption.txt", 3))
    refused(errno.EOPNOTSUPP, lambda: os.mkdir(where / "columns" / "new"))
    refused(errno.EOPNOTSUPP, lambda: os.link(where / "columns" / "caption.txt", where / "columns" / "l.txt"))
    refused(errno.EPERM, lambda: os.remove(where / "columns" / "caption.txt"))
    refused(errno.EINVAL, lambda: open(where / "columns" / "x.unknown", "w"))
    refused(errno.EROFS, lambda: open(where / "versions" / "1" / "columns" / "caption.txt", "w"))
    refused(errno.EROFS, lambda: open(where / "rows" / "3" / "new.txt", "w"))
    refused(errno.ENODATA, lambda: os.getxattr(where / "columns" / "caption.txt", "user.none"))
    text = (where / "last_error").read_text()
    assert "x.unknown" in text and len(text.splitlines()) == 8
    os.chmod(where / "columns" / "caption.txt", 0o600)
    os.chown(where / "columns" / "caption.txt", 0, 0)


def test_attributes__of_a_column(fresh, dataset, mount):
    where = mount(fresh(dataset))
    file = where / "columns" / "caption.txt"
    get = lambda name: os.getxattr(file, "user.lance." + name).decode()
    assert (get("type"), get("rows"), get("version"), get("nullable")) == ("string", "300", "1", "true")
    nulls = lance.dataset(str(dataset)).to_table(columns=["caption"])["caption"].null_count
    assert int(get("nulls")) == nulls and int(get("bytes")) > 1000
    (where / "columns" / "n.txt").write_text("1\n" * 300)
    assert os.getxattr(where / "columns" / "n.txt", "user.lance.metadata.lancefs:source") == b"file"
    assert "user.lance.type" in os.listxattr(file)


def test_statfs__tells_the_store(mount, dataset):
    where = mount(dataset)
    there, here = os.statvfs(dataset), os.statvfs(where)
    assert (there.f_blocks, there.f_frsize) == (here.f_blocks, here.f_frsize)


def test_unknown_protobuf_fields__survive_a_commit(fresh, dataset, mount):
    """Field 99 of the manifest and field 77 of a fragment, as a newer Lance might write them."""
    path = fresh(dataset)
    manifest = newest_manifest(path)
    data = manifest.read_bytes()
    pos = struct.unpack("<q", data[-16:-8])[0]
    secret = b"from the future"
    message = data[pos + 4:-16] + varint(99 << 3 | 2) + varint(len(secret)) + secret
    manifest.write_bytes(data[:pos] + struct.pack("<I", len(message)) + message + data[-16:])
    where = mount(path)
    (where / "columns" / "n.txt").write_text("1\n" * 300)
    written = newest_manifest(path)
    assert written != manifest and secret in written.read_bytes()
    assert lance.dataset(str(path)).to_table(columns=["n"])["n"].to_pylist() == [1] * 300


def test_protected_columns__refuse(fresh, dataset, mount):
    where = mount(fresh(dataset), "-o", "protect=caption:key")
    with pytest.raises(OSError) as caught:
        (where / "columns" / "caption.txt").write_text("x\n" * 300)
    assert caught.value.errno == errno.EPERM
    (where / "columns" / "url.txt").write_text("x\n" * 300)


def test_lancectl__looks_exports_and_puts(fresh, dataset, tmp_path):
    path = fresh(dataset)
    info = json.loads(lancectl("info", path, "--json").stdout)
    assert info["rows"] == 300 and info["storage_version"] == "2.2"
    schema = json.loads(lancectl("schema", path, "--json").stdout)
    assert [field["name"] for field in schema] == lance.dataset(str(path)).schema.names
    out = tmp_path / "emb.npy"
    lancectl("export", path, "img_emb", f"--output={out}")
    want = lance.dataset(str(path)).to_table(columns=["img_emb"])["img_emb"].combine_chunks().flatten()
    assert np.array_equal(np.load(out), want.to_numpy().reshape(-1, laion.DIM))
    np.save(tmp_path / "half.npy", np.arange(300, dtype="f4") / 2)
    assert b"version 2" in lancectl("put", path, tmp_path / "half.npy").stdout
    assert lance.dataset(str(path)).to_table()["half"].to_pylist() == [i / 2 for i in range(300)]
    assert b"unchanged" in lancectl("put", path, tmp_path / "half.npy").stdout
    history = [json.loads(line) for line in lancectl("history", path, "--json").stdout.splitlines()]
    assert [(h["version"], h["operation"], h["columns"]) for h in history][0] == (2, "Merge", 1)
    for words, status, message in (
            ((), 2, b"usage"), (("nonsense", path), 2, b"no command"), (("info",), 2, b"usage"),
            (("export", path, "captoin"), 1, b"did you mean 'caption'"),
            (("put", path, tmp_path / "none.txt"), 1, b"No such file"),
            (("info", path, "--version=99"), 1, b"no version 99"),
            (("info", path, "--frobnicate"), 1, b"no option")):
        done = lancectl(*words, check=False)
        assert done.returncode == status and message in done.stderr, (words, done)


def test_control__answers_and_refuses(fresh, dataset, mount, tmp_path):
    path = fresh(dataset)
    where = mount(path)
    fd = os.open(where / "control", os.O_RDWR)
    os.write(fd, b"info\n")
    assert b"rows: 300" in os.read(fd, 4096)
    with pytest.raises(OSError) as caught:
        os.write(fd, b"expot caption\n")
    assert caught.value.errno == errno.EINVAL
    assert b"no command 'expot'" in os.pread(fd, 4096, 0)
    os.close(fd)
    (tmp_path / "n.txt").write_text("5\n" * 300)
    subprocess.run(["sh", "-c", f"echo 'put {tmp_path}/n.txt' > {where}/control"], check=True)
    assert (where / "columns" / "n.txt").read_text() == "5\n" * 300


def test_read_only__source(fresh, dataset, mount):
    where = mount(fresh(dataset), "-o", "ro")
    with pytest.raises(OSError) as caught:
        (where / "columns" / "n.txt").write_text("1\n" * 300)
    assert caught.value.errno == errno.EROFS
    assert len((where / "columns" / "key.txt").read_text().splitlines()) == 300


def test_many_fragments_and_versions(tmp_path, mount):
    path = tmp_path / "t.lance"
    table = pa.table({"i": pa.array(range(2000))})
    lance.write_dataset(table, str(path), max_rows_per_file=10, max_rows_per_group=10)
    dataset = lance.dataset(str(path))
    for value in range(30):
        dataset.delete(f"i = {value * 60}")
    where = mount(path)
    kept = [i for i in range(2000) if i % 60 or i >= 1800]
    assert [int(x) for x in (where / "columns" / "i.txt").read_text().split()] == kept
    assert len(os.listdir(where / "versions")) == 32
    (where / "columns" / "j.txt").write_text("".join(f"{i * 2}\n" for i in kept))
    got = lance.dataset(str(path)).to_table()
    assert got["j"].to_pylist() == [i * 2 for i in got["i"].to_pylist()]
    assert shutil.which("setfattr") is None or subprocess.run(
        ["getfattr", "-d", where / "columns" / "j.txt"], capture_output=True).returncode == 0


def test_fragments__show_their_parts(fresh, dataset, mount):
    path = fresh(dataset)
    lance.dataset(str(path)).delete("key in ('000000003', '000000005', '000000130')")
    where = mount(path)
    fragments = lance.dataset(str(path)).get_fragments()
    assert sorted(os.listdir(where / "fragments")) == [str(f.fragment_id) for f in fragments]
    for fragment in fragments:
        part = where / "fragments" / str(fragment.fragment_id)
        assert (part / "columns" / "key.txt").read_text().split() == fragment.to_table()["key"].to_pylist()
        assert f"rows: {fragment.count_rows()}\n" in (part / "info").read_text()
        for file in fragment.data_files():
            assert (part / "files" / file.path).read_bytes() == (path / "data" / file.path).read_bytes()
    assert (where / "fragments" / "0" / "deleted").read_text() == "3\n5\n"
    assert (where / "versions" / "1" / "fragments" / "0" / "deleted").read_text() == ""


def test_table__in_one_file(fresh, dataset, mount):
    path = fresh(dataset)
    lance.dataset(str(path)).delete("key in ('000000003', '000000130')")
    expected = lance.dataset(str(path)).to_table()
    where = mount(path)
    with pa.memory_map(str(where / "table" / "table.arrow")) as source:
        got = pa.ipc.open_file(source).read_all()
        got.validate(full=True)
        assert got.schema.names == expected.schema.names and got.num_rows == 298
        for name in expected.column_names:
            assert columns.same_values(got[name], expected[name]), name
    lines = [json.loads(line) for line in (where / "table" / "table.jsonl").read_text().splitlines()]
    assert [line["caption"] for line in lines] == expected["caption"].to_pylist()
    assert base64.b64decode(lines[5]["image"] or "") == (expected["image"][5].as_py() or b"")
    with open(where / "table" / "table.csv", newline="") as f:
        rows = list(csv.DictReader(f))
    flat = [n for n in expected.column_names if n not in ("image", "img_emb")]
    assert list(rows[0]) == flat and len(rows) == 298
    assert [row["caption"] for row in rows] == [v or "" for v in expected["caption"].to_pylist()]
    assert [int(row["width"]) for row in rows] == expected["width"].to_pylist()
    old = where / "versions" / "1" / "table" / "table.jsonl"
    assert len(old.read_text().splitlines()) == 300


def test_changes__of_a_version(fresh, dataset, mount):
    path = fresh(dataset)
    where = mount(path)
    (where / "columns" / "n.txt").write_text("1\n" * 300)
    (where / "columns" / "n.txt").write_text("2\n" * 300)
    lance.dataset(str(path)).drop_columns(["url"])
    lance.dataset(str(path)).alter_columns({"path": "key", "name": "id"})
    read = lambda n: (where / "versions" / str(n) / "changes").read_text().splitlines()
    assert read(1)[0].split("\t")[2] == "Overwrite" and len(read(1)) == 1
    assert read(2)[1:] == ["added\tn\tint64"]
    assert read(3)[1:] == ["values\tn\tint64"]
    assert read(4)[1:] == ["dropped\turl\tstring"]
    assert read(5)[1:] == ["renamed\tid\tstring"]


def test_indices__are_described(tmp_path, mount):
    path = tmp_path / "t.lance"
    lance.write_dataset(pa.table({"i": range(1000), "c": ["x", "y"] * 500}), str(path), max_rows_per_file=400)
    dataset = lance.dataset(str(path))
    dataset.create_scalar_index("i", "BTREE")
    dataset.create_scalar_index("c", "BITMAP", name="by/c")
    lance.write_dataset(pa.table({"i": range(10), "c": ["x"] * 10}), str(path), mode="append")
    where = mount(path)
    assert sorted(os.listdir(where / "indices")) == ["by%2Fc.json", "i_idx.json"]
    index = json.loads((where / "indices" / "i_idx.json").read_text())
    assert (index["type"], index["columns"], index["fragments"], index["uncovered_rows"]) == ("BTree", ["i"], 3, 10)
    assert json.loads((where / "indices" / "by%2Fc.json").read_text())["type"] == "Bitmap"
    assert os.listdir(where / "versions" / "1" / "indices") == []


def test_detached_versions__are_no_part_of_the_history(tmp_path, mount):
    path = tmp_path / "t.lance"
    lance.write_dataset(pa.table({"i": range(5)}), str(path))
    added = lance.fragment.write_fragments(pa.table({"i": range(5, 9)}), str(path))
    lance.LanceDataset.commit(str(path), lance.LanceOperation.Append(added), read_version=1, detached=True)
    assert [p.name[0] for p in (path / "_versions").glob("*.manifest")].count("d") == 1
    where = mount(path)
    assert sorted(os.listdir(where / "versions")) == ["1", "latest"]
    assert "rows: 5\n" in (where / "info").read_text()
    (where / "columns" / "n.txt").write_text("1\n" * 5)
    assert lance.dataset(str(path)).version == 2


def test_help__is_there():
    for program in ("lancefs", "lancectl"):
        done = subprocess.run([BIN / program, "--help"], capture_output=True, text=True)
        assert done.returncode == 0 and done.stdout.startswith("usage: " + program)
