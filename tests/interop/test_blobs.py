"""Blob columns: one file a value, read by range, compared with pylance's take_blobs."""

import errno
import hashlib
import json
import os
import random
import shutil
import subprocess

import lance
import numpy as np
import pyarrow as pa
import pytest

from conftest import lancectl

VERSIONS = ("2.0", "2.1", "2.2")
SIZES = (0, 1, 65536, 65537, 5 << 20, 100, 0, 70000)  # inline, packed and dedicated ones
LEGACY = {"lance-encoding:blob": "true"}


def values(rows, seed=0):
    rng = np.random.default_rng(seed)
    return [None if i % 5 == 2 else rng.bytes(SIZES[i % len(SIZES)] if i < 16 else i * 7) for i in range(rows)]


def blob_table(version, blobs, name="b"):
    ids = pa.array(range(len(blobs)))
    if version == "2.2":
        return pa.table([ids, lance.blob_array(blobs)], schema=pa.schema([("id", pa.int64()), lance.blob_field(name)]))
    field = pa.field(name, pa.large_binary(), metadata=LEGACY)
    return pa.table([ids, pa.array(blobs, pa.large_binary())], schema=pa.schema([("id", pa.int64()), field]))


def write(path, version, blobs, **kwargs):
    return lance.write_dataset(blob_table(version, blobs), str(path), data_storage_version=version, **kwargs)


def of_pylance(path, name="b"):
    dataset = lance.dataset(str(path))
    taken = dataset.take_blobs(name, indices=list(range(dataset.count_rows())))
    return [None if blob is None else blob.read() for blob in taken]


def check(where, expected, name="b"):
    """Names, sizes and bytes, through both paths."""
    folder = where / "columns" / name
    names = sorted(os.listdir(folder))
    assert [int(n.split(".")[0]) for n in names] == [i for i, v in enumerate(expected) if v is not None]
    for file in names:
        row = int(file.split(".")[0])
        assert os.stat(folder / file).st_size == len(expected[row])
        assert (folder / file).read_bytes() == expected[row]
        assert (where / "rows" / str(row) / f"{name}.{file.split('.')[1]}").read_bytes() == expected[row]
    for row, value in enumerate(expected):
        listed = {n.split(".")[0] for n in os.listdir(where / "rows" / str(row))}
        assert (name in listed) == (value is not None)
        assert "id" in listed


def sidecars(path):
    return sorted(p for p in (path / "data").rglob("*.blob"))


@pytest.mark.parametrize("version", VERSIONS)
def test_blobs__equal_pylance(tmp_path, mount, version):
    path = tmp_path / "t.lance"
    write(path, version, values(60), max_rows_per_file=25)
    assert bool(sidecars(path)) == (version == "2.2")
    where = mount(path)
    expected = of_pylance(path)
    assert expected == values(60)
    check(where, expected)
    text = (where / "columns" / "id.txt").read_text()
    assert text.split() == [str(i) for i in range(60)]
    [column] = [c for c in json.loads(lancectl("schema", path, "--json").stdout) if c["name"] == "b"]
    assert column["type"] == "large_binary"
    mask = np.load(where / "columns" / "b.mask.npy")
    assert len(mask) == 60 and len(set(mask[[0, 1, 3]])) == 1 and mask[0] != mask[2]


@pytest.mark.parametrize("version", VERSIONS)
def test_deletions__rows_move_up(tmp_path, mount, version):
    path = tmp_path / "t.lance"
    dataset = write(path, version, values(60), max_rows_per_file=25)
    dataset.delete("id % 3 = 1 or (id >= 25 and id < 50)")
    left = [v for i, v in enumerate(values(60)) if not (i % 3 == 1 or 25 <= i < 50)]
    where = mount(path)
    assert of_pylance(path) == left
    check(where, left)
    check(where / "versions" / "1", values(60))


@pytest.mark.parametrize("version", VERSIONS)
def test_all_null_and_all_empty(tmp_path, mount, version):
    for name, blobs in (("null", [None] * 9), ("empty", [b""] * 9), ("few", [b"", None, b"x"])):
        path = tmp_path / f"{name}.lance"
        write(path, version, blobs)
        check(mount(path), blobs)


def test_legacy_metadata_at_2_2(tmp_path, mount):
    path = tmp_path / "t.lance"
    try:
        lance.write_dataset(blob_table("2.1", values(20)), str(path), data_storage_version="2.2")
    except OSError as e:
        pytest.skip(f"pylance does not write it: {e}")
    check(mount(path), of_pylance(path))


def test_rows_before_the_column__are_null(tmp_path, mount):
    path = tmp_path / "t.lance"
    lance.write_dataset(pa.table({"id": pa.array(range(5))}), str(path), data_storage_version="2.1")
    lance.dataset(str(path)).add_columns(pa.field("b", pa.large_binary(), metadata=LEGACY))
    lance.write_dataset(blob_table("2.1", [b"x", None, b"yy"]), str(path), mode="append")
    check(mount(path), [None] * 5 + [b"x", None, b"yy"])


def test_blobs_in_structs__are_refused_alone(tmp_path, mount):
    path = tmp_path / "t.lance"
    inner = pa.struct([pa.field("b", pa.large_binary(), metadata=LEGACY)])
    table = pa.table({"id": pa.array([1, 2]), "s": pa.array([{"b": b"x"}, {"b": b"y"}], inner)})
    lance.write_dataset(table, str(path), data_storage_version="2.1")
    where = mount(path)
    assert sorted(n.split(".")[0] for n in os.listdir(where / "rows" / "0")) == ["id", "s"]
    assert (where / "rows" / "0" / "id.txt").read_text() == "1\n"
    assert errno_of(where / "columns" / "s.jsonl") == errno.EOPNOTSUPP


@pytest.mark.parametrize("version", VERSIONS)
def test_extension__is_sniffed(tmp_path, mount, version):
    path = tmp_path / "t.lance"
    write(path, version, [None, b"\x89PNG" + b"x" * 100000, b"y"])
    assert sorted(os.listdir(mount(path) / "columns" / "b")) == ["0000001.png", "0000002.png"]


def rchar(mount_point):
    """Bytes that the daemon of a mount has read, and its peak memory in KiB."""
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            words = open(f"/proc/{pid}/cmdline", "rb").read().split(b"\0")
            if os.fsencode(mount_point) not in words or not words[0].endswith(b"/lancefs"):
                continue
            read = int(open(f"/proc/{pid}/io").readline().split()[1])
            peak = next(line for line in open(f"/proc/{pid}/status") if line.startswith("VmHWM"))
            return read, int(peak.split()[1])
        except OSError:
            continue
    raise AssertionError("no daemon")


@pytest.mark.parametrize("version", VERSIONS)
def test_range__is_all_that_is_read(tmp_path, mount, version, monkeypatch):
    options = os.environ.get("ASAN_OPTIONS", "")
    monkeypatch.setenv("ASAN_OPTIONS", options + ":quarantine_size_mb=1")  # freed memory is not memory in use
    size, at = 100 << 20, 50 << 20
    path = tmp_path / "t.lance"
    blob = np.random.default_rng(1).bytes(size)
    write(path, version, [b"small", blob])
    where = mount(path)
    file = where / "columns" / "b" / "0000001.bin"
    assert os.stat(file).st_size == size
    before, memory = rchar(where)
    fd = os.open(file, os.O_RDONLY)
    os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_RANDOM)  # the kernel's read-ahead is not ours to count
    assert os.pread(fd, 65536, at) == blob[at:at + 65536]
    os.close(fd)
    after, _ = rchar(where)
    assert 65536 <= after - before < 256 << 10
    with subprocess.Popen(["cat", file], stdout=subprocess.PIPE) as cat:
        digest = hashlib.sha256()
        for chunk in iter(lambda: cat.stdout.read(1 << 20), b""):
            digest.update(chunk)
    assert digest.digest() == hashlib.sha256(blob).digest()
    _, peak = rchar(where)
    assert peak - memory < size // 1024 // 2


def varint(data, at):
    value = shift = 0
    while True:
        value |= (data[at] & 127) << shift
        shift, at = shift + 7, at + 1
        if data[at - 1] < 128:
            return value, at


def manifest_fields(path):
    """The bytes of the manifest's Field messages; they are field 1 and come first."""
    data = path.read_bytes()
    start = int.from_bytes(data[-16:-8], "little")
    fields, at = [], start + 4
    while data[at] == 0x0A:
        size, at = varint(data, at + 1)
        fields.append(data[at:at + size])
        at += size
    return fields


@pytest.mark.parametrize("version", VERSIONS)
def test_commit__leaves_blobs_as_they_are(tmp_path, mount, version):
    path = tmp_path / "t.lance"
    blobs = values(30)
    write(path, version, blobs, max_rows_per_file=20)
    where = mount(path)
    (tmp_path / "n.txt").write_text("".join(f"{i * 2}\n" for i in range(30)))
    subprocess.run(["cp", tmp_path / "n.txt", where / "columns" / "n.int64.txt"], check=True)
    dataset = lance.dataset(str(path))
    assert dataset.to_table(columns=["n"])["n"].to_pylist() == [i * 2 for i in range(30)]
    new, old = (manifest_fields(p) for p in sorted((path / "_versions").glob("*.manifest")))
    assert len(new) == len(old) + 1 and new[:len(old)] == old
    assert of_pylance(path) == blobs
    check(where, blobs)
    assert lancectl("verify", "--deep", path).returncode == 0


@pytest.mark.parametrize("version", VERSIONS)
def test_whole_column__is_refused(tmp_path, mount, version):
    path = tmp_path / "t.lance"
    write(path, version, [b"x", None])
    where = mount(path)
    with pytest.raises(OSError) as e:
        (where / "columns" / "b.arrow").read_bytes()
    assert e.value.errno == errno.EOPNOTSUPP
    out = lancectl("export", path, "b", "--format=jsonl", check=False)
    assert out.returncode != 0 and b"blobs" in out.stderr
    assert [n for n in os.listdir(where / "columns") if n.startswith("b")] == ["b"]


@pytest.mark.parametrize("file, why", (("b.txt", "blobs"), ("b.int64.txt", "blobs"), ("b.jsonl", "column 'b'")))
def test_replacing__is_refused(tmp_path, mount, file, why):
    path = tmp_path / "t.lance"
    write(path, "2.2", [b"x", None])
    where = mount(path)
    (tmp_path / "n.txt").write_text("1\n2\n")
    assert subprocess.run(["cp", tmp_path / "n.txt", where / "columns" / file], check=False).returncode != 0
    assert why in (where / "last_error").read_text()
    assert lance.dataset(str(path)).version == 1
    check(where, [b"x", None])


# --- broken ones ---


def errno_of(path):
    with pytest.raises(OSError) as e:
        path.read_bytes()
    return e.value.errno


def test_sidecar_gone_or_cut__others_are_served(tmp_path, mount):
    path = tmp_path / "t.lance"
    write(path, "2.2", [b"in", b"p" * 65537, b"q" * 65538, b"d" * (5 << 20)])
    packed, dedicated = sorted(sidecars(path), key=lambda p: p.stat().st_size)
    os.truncate(packed, 65537 + 10)
    dedicated.unlink()
    where = mount(path)
    folder = where / "columns" / "b"
    assert len(os.listdir(folder)) == 4
    assert (folder / "0000000.bin").read_bytes() == b"in"
    assert (folder / "0000001.bin").read_bytes() == b"p" * 65537
    assert errno_of(folder / "0000002.bin") == errno.EIO
    assert errno_of(folder / "0000003.bin") == errno.ESTALE
    text = (where / "last_error").read_text()
    assert ".blob" in text and "row 2" in text and "row 3" in text
    assert (where / "columns" / "id.txt").read_text() == "0\n1\n2\n3\n"
    out = lancectl("verify", "--deep", path, check=False)
    assert out.returncode != 0 and b"row 2" in out.stdout + out.stderr


@pytest.mark.parametrize("version", VERSIONS)
def test_flipped_bytes__are_errors_not_crashes(tmp_path, mount, version):
    """The descriptors lie at the end of the data file; whatever they become, nothing else is served."""
    rng = random.Random(3)
    path = tmp_path / "t.lance"
    write(path, version, [b"x" * 100, None, b"", b"y" * 70000])
    [data] = (path / "data").glob("*.lance")
    good = data.read_bytes()
    for turn in range(8):
        bad = bytearray(good)
        for _ in range(12):
            bad[rng.randrange(max(0, len(bad) - 1500), len(bad) - 40)] ^= 1 << rng.randrange(8)
        copy = tmp_path / f"c{turn}.lance"
        shutil.copytree(path, copy)
        (copy / "data" / data.name).write_bytes(bad)
        where = mount(copy)
        for row in range(4):
            try:
                assert len((where / "columns" / "b" / f"000000{row}.bin").read_bytes()) < 1 << 20
            except OSError as e:
                assert e.errno in (errno.EIO, errno.ENOENT, errno.EOPNOTSUPP, errno.ESTALE)
