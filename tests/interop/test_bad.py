"""Bad input: a clear message, the right errno, and the rest of the tree still served."""

import errno
import os
import pathlib
import shutil
import struct
import subprocess

import lance
import numpy as np
import pyarrow as pa
import pytest

import columns
import laion
from conftest import BIN, lancectl, mounted


def mount_fails(dataset, tmp_path, *options):
    """What the mount command says when it refuses."""
    where = tmp_path / "refused"
    where.mkdir(exist_ok=True)
    done = subprocess.run([BIN / "lancefs", *options, dataset, where], capture_output=True, text=True, timeout=60)
    assert done.returncode == 1 and not os.path.ismount(where)
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr
    return done.stderr


def newest_manifest(path):
    return sorted((path / "_versions").glob("*.manifest"))[0]


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    path = tmp_path_factory.mktemp("bad") / "t.lance"
    laion.write(path, 400, "2.2", per_fragment=150, embeddings=False)
    return path


def test_not_a_dataset__is_said(tmp_path):
    empty = tmp_path / "empty"
    empty.mkdir()
    assert "not a Lance dataset" in mount_fails(empty, tmp_path)
    assert "No such file" in mount_fails(tmp_path / "missing", tmp_path)
    file = tmp_path / "file"
    file.write_text("x")
    assert "Not a directory" in mount_fails(file, tmp_path)
    done = lancectl("info", empty, check=False)
    assert done.returncode == 1 and b"not a Lance dataset" in done.stderr


def test_mount_point_inside__is_refused(fresh, dataset):
    path = fresh(dataset)
    inside = path / "mnt"
    inside.mkdir()
    done = subprocess.run([BIN / "lancefs", path, inside], capture_output=True, text=True)
    assert done.returncode == 1 and "lies in the dataset" in done.stderr


@pytest.mark.parametrize("keep", (0, 10, 20, 0.5, -1))
def test_half_written_manifest__is_refused(fresh, dataset, tmp_path, keep):
    path = fresh(dataset)
    manifest = newest_manifest(path)
    data = manifest.read_bytes()
    manifest.write_bytes(data[:int(len(data) * keep) if isinstance(keep, float) else keep])
    message = mount_fails(path, tmp_path)
    assert "manifest" in message and "version 1" in message


def test_half_written_manifest__later_keeps_the_last_good_version(fresh, dataset, mount):
    path = fresh(dataset)
    where = mount(path)
    before = (where / "columns" / "key.txt").read_text()
    name = f"{2**64 - 1 - 2:020d}.manifest"
    (path / "_versions" / name).write_bytes(newest_manifest(path).read_bytes()[:-7])
    assert (where / "columns" / "key.txt").read_text() == before
    assert "version: 1\n" in (where / "info").read_text()


@pytest.mark.parametrize("bit", (12, 16, 18, 40, 63))
def test_unknown_reader_flag__is_named(fresh, dataset, tmp_path, bit):
    path = fresh(dataset)
    set_flags(path, reader=1 << bit)
    assert f"flag {bit}" in mount_fails(path, tmp_path)


def test_unknown_writer_flag__is_read_only(fresh, dataset, mount):
    path = fresh(dataset)
    set_flags(path, writer=1 << 20)
    where = mount(path)
    assert len((where / "columns" / "key.txt").read_text().splitlines()) == 400
    with pytest.raises(OSError) as caught:
        (where / "columns" / "n.txt").write_text("1\n" * 400)
    assert caught.value.errno == errno.EROFS


def varint(value):
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes(out) + bytes([value])


def set_flags(path, reader=0, writer=0):
    """Append feature flags to the manifest message: the last one wins."""
    manifest = newest_manifest(path)
    data = manifest.read_bytes()
    pos = struct.unpack("<q", data[-16:-8])[0]
    message = data[pos + 4:-16]
    if reader:
        message += b"\x48" + varint(reader)
    if writer:
        message += b"\x50" + varint(writer)
    manifest.write_bytes(data[:pos] + struct.pack("<I", len(message)) + message + data[-16:])


def test_data_file_cut_short__hurts_only_its_rows(fresh, dataset, mount):
    path = fresh(dataset)
    frozen = lance.dataset(str(path)).to_table()
    victim = path / "data" / lance.dataset(str(path)).get_fragments()[1].data_files()[0].path
    victim.write_bytes(victim.read_bytes()[:-100])
    where = mount(path)
    with pytest.raises(OSError) as caught:
        (where / "columns" / "caption.txt").read_bytes()
    assert caught.value.errno == errno.EIO
    assert victim.name in (where / "last_error").read_text()
    assert "fragment 1" in (where / "last_error").read_text()
    assert (where / "rows" / "3" / "key.txt").read_text() == frozen["key"][3].as_py()
    assert (where / "rows" / "399" / "key.txt").read_text() == frozen["key"][399].as_py()
    assert (where / "info").read_text()


def test_missing_data_file__is_stale(fresh, dataset, mount):
    path = fresh(dataset)
    victim = path / "data" / lance.dataset(str(path)).get_fragments()[2].data_files()[0].path
    victim.unlink()
    where = mount(path)
    with pytest.raises(OSError) as caught:
        (where / "columns" / "key.txt").read_bytes()
    assert caught.value.errno == errno.ESTALE
    assert (where / "rows" / "3" / "key.txt").read_bytes()


def test_flipped_bits__never_crash(fresh, dataset, tmp_path):
    """Every error is EIO or EOPNOTSUPP with a message; the daemon lives (sanitizers see it)."""
    rng = np.random.default_rng(7)
    path = fresh(dataset)
    victim = path / "data" / lance.dataset(str(path)).get_fragments()[0].data_files()[0].path
    good = victim.read_bytes()
    allowed = {errno.EIO, errno.EOPNOTSUPP, errno.ESTALE}
    for attempt in range(12):
        data = bytearray(good)
        for _ in range(30):
            where = int(rng.integers(0, len(data)))
            if attempt % 2:  # the metadata lies at the end
                where = len(data) - 1 - int(rng.integers(0, 9000))
            data[where] ^= 1 << int(rng.integers(0, 8))
        victim.write_bytes(data)
        with mounted(path, tmp_path / f"m{attempt}") as mnt:
            for name in sorted(os.listdir(mnt / "columns")):
                try:
                    for file in ([mnt / "columns" / name] if (mnt / "columns" / name).is_file() else
                                 (mnt / "columns" / name).iterdir()):
                        file.read_bytes()
                except OSError as error:
                    assert error.errno in allowed, (name, error)
            assert (mnt / "info").read_text()


def test_flipped_manifest_bits__never_crash(fresh, dataset, tmp_path):
    rng = np.random.default_rng(8)
    path = fresh(dataset)
    manifest = newest_manifest(path)
    good = manifest.read_bytes()
    for _ in range(40):
        data = bytearray(good)
        for _ in range(int(rng.integers(1, 8))):
            data[int(rng.integers(0, len(data) - 16))] ^= 1 << int(rng.integers(0, 8))
        manifest.write_bytes(data)
        for command in ("info", "schema"):
            done = lancectl(command, path, check=False, timeout=60)
            assert done.returncode in (0, 1), done.stderr
            assert b"Sanitizer" not in done.stderr and b"runtime error" not in done.stderr, done.stderr


def test_odd_column_names__are_encoded(tmp_path, mount):
    names = ["a/b", "line\nbreak", "x" * 300, "", "#hash", "50%", "sp ace", "ünïcode", "tab\t"]
    table = pa.table({name: pa.array([i, i + 1]) for i, name in enumerate(names)})
    path = tmp_path / "t.lance"
    lance.write_dataset(table, str(path))
    where = mount(path)
    listed = sorted(os.listdir(where / "columns"))
    assert len(listed) == len(names) and all(len(name.encode()) <= 255 for name in listed)
    values = {tuple((where / "columns" / name).read_text().split()) for name in listed}
    assert values == {(str(i), str(i + 1)) for i in range(len(names))}
    assert {"a%2Fb.txt", "line%0Abreak.txt", "%.txt", "%23hash.txt", "50%25.txt",
            "sp ace.txt", "ünïcode.txt"} <= set(listed)
    assert not (where / "columns" / "a%2fb.txt").exists()
    (where / "columns" / "new%2Fname.txt").write_text("7\n8\n")
    assert lance.dataset(str(path)).to_table(columns=["new/name"])["new/name"].to_pylist() == [7, 8]
    with pytest.raises(OSError) as caught:
        (where / "columns" / "bad%2fname.txt").write_text("7\n8\n")
    assert caught.value.errno == errno.EINVAL and "bad%2Fname" in (where / "last_error").read_text()


def test_no_permission__is_said(fresh, dataset, tmp_path):
    if os.geteuid() != 0:
        pytest.fail("this test wants root, to become somebody else")
    path = fresh(dataset)
    home = pathlib.Path("/tmp") / f"lancefs-perm-{os.getpid()}"
    shutil.copytree(path, home / "t.lance")
    (home / "mnt").mkdir()
    try:
        os.chmod(home, 0o755)
        (home / "t.lance").chmod(0o700)
        done = subprocess.run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups",
                               BIN / "lancectl", "info", home / "t.lance"], capture_output=True, text=True)
        assert done.returncode == 1 and "Permission denied" in done.stderr
    finally:
        shutil.rmtree(home)


def test_columns_helper__sees_a_wrong_size(tmp_path):
    """The size check of the other tests can fail."""
    (tmp_path / "f").write_text("abc")
    assert columns.check_sizes(tmp_path) == 1


def test_verify__finds_what_is_wrong(fresh, dataset):
    path = fresh(dataset)
    done = lancectl("verify", path, "--deep")
    assert b"every value decoded: sound" in done.stdout
    (path / "data" / "stray.lance").write_bytes(b"")
    assert b"stray.lance belongs to no version" in lancectl("verify", path).stdout
    victim = path / "data" / lance.dataset(str(path)).get_fragments()[1].data_files()[0].path
    good = victim.read_bytes()
    victim.write_bytes(good[:-100])
    done = lancectl("verify", path, check=False)
    assert done.returncode == 1 and b"fragment 1" in done.stdout and b"1 problem" in done.stderr
    victim.unlink()
    done = lancectl("verify", path, check=False)
    assert done.returncode == 1 and b"is missing" in done.stdout
    victim.write_bytes(good[:500] + bytes(2000) + good[2500:])
    done = lancectl("verify", path, "--deep", check=False)
    assert done.returncode == 1 and b"column" in done.stdout
    assert lancectl("diff", path, 1, 1).stdout == b"rows\t400\t400\n"
