"""Commands written to control by several processes, as pylance sees what they did."""

import errno
import os
import subprocess
import sys
import threading

import lance
import pyarrow as pa
import pytest


@pytest.fixture
def dataset(tmp_path):
    path = tmp_path / "t.lance"
    lance.write_dataset(pa.table({"a": pa.array(range(5000)), "s": [f"row {i}" for i in range(5000)]}), str(path),
                        max_rows_per_file=2000)
    return path


def command(where, *lines):
    """One write; its reply, or the error."""
    fd = os.open(where / "control", os.O_RDWR)
    try:
        os.write(fd, "".join(line + "\n" for line in lines).encode())
        return os.pread(fd, 1 << 20, 0).decode()
    finally:
        os.close(fd)


def test_many_at_once__are_all_committed(mount, dataset, tmp_path):
    where = mount(dataset)
    for i in range(16):
        (tmp_path / f"c{i}.txt").write_text("".join(f"{i * k}\n" for k in range(5000)))
    replies = {}

    def put(i):
        for _ in range(20):  # the schema is changed by all of them
            try:
                replies[i] = command(where, f"put {tmp_path}/c{i}.txt")
                return
            except OSError as e:
                assert e.errno == errno.EBUSY, e

    threads = [threading.Thread(target=put, args=(i,)) for i in range(16)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    for i in range(16):
        assert replies[i].startswith(f"column c{i}: version ")
    ds = lance.dataset(str(dataset))
    ds.validate()
    table = ds.to_table()
    for i in range(16):
        assert table[f"c{i}"].to_pylist() == [i * k for k in range(5000)]


def test_each_process_has_its_directory(mount, dataset, tmp_path):
    where = mount(dataset)
    program = ("import os, sys; fd = os.open(sys.argv[1], os.O_WRONLY)\n"
               "os.write(fd, b'put x.txt --name=' + sys.argv[2].encode())")
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "x.txt").write_text(f"{name}\n" * 5000)
        subprocess.run([sys.executable, "-c", program, where / "control", name], cwd=tmp_path / name, check=True)
    table = lance.dataset(str(dataset)).to_table()
    assert set(table["one"].to_pylist()) == {"one"} and set(table["two"].to_pylist()) == {"two"}


def test_files_of_the_mount(mount, dataset):
    where = mount(dataset)
    command(where, "branch b", "drop s")
    reply = command(where, f"put {where}/versions/1/columns/s.arrow --name=again", f"append {where}/table/table.csv",
                    "info")
    assert reply.startswith("column again: version 3") and "rows: 10000\n" in reply
    ds = lance.dataset(str(dataset))
    ds.validate()
    assert ds.to_table()["again"].to_pylist() == [f"row {i}" for i in range(5000)] * 2
    with pytest.raises(OSError) as e:  # the branch has half the rows by now
        command(where, f"put {where}/branches/b/columns/a.npy --name=z")
    assert e.value.errno == errno.EINVAL
    assert "expected 10000 rows, got 5000" in (where / "last_error").read_text()


def test_line_numbers(mount, dataset):
    where = mount(dataset)
    with pytest.raises(OSError) as e:
        command(where, "tag one", "", "# a comment", "tag one")
    assert e.value.errno == errno.EEXIST
    assert (where / "control").read_text() == "tag one: version 1\nline 4: tag: there is a tag 'one' already\n"
