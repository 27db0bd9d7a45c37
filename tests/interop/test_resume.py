"""Backfills that are stopped: by kill -9, by request, by what others do; every row is computed once."""

import collections
import json
import os
import random
import shutil
import signal
import subprocess
import threading
import time

import lance
import pyarrow as pa
import pytest

from backfilled import backfill, declare, errors, jobs, last_job, log, python
from conftest import BIN, cmdline, lancectl
from test_backfill import expected, read, table

# Each batch is written to the function's own log before it is answered: process, and the keys.
LOGGED = """
keys = b.column(0).to_pylist()
with open({log!r}, "a") as f:
    f.write("%d %s\\n" % (os.getpid(), ",".join(map(str, keys))))
time.sleep({pause} * len(keys))
v = pa.array([k * 3 + 1 for k in keys], pa.int64())
"""


def logged(where, pause=0.0):
    """A function that logs; its program and its log."""
    file = where / "computed.log"
    return python(where / "logged.py", LOGGED.format(log=str(file), pause=pause)), file


def computed(file):
    """The batches of each process, in order: lists of keys."""
    batches = collections.defaultdict(list)
    for line in file.read_text().splitlines():
        pid, _, keys = line.partition(" ")
        batches[pid].append([int(k) for k in keys.split(",")])
    return batches


def wait_for(condition, seconds=60, what=""):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


def start(where, column, *options):
    return subprocess.Popen([BIN / "lancectl", "backfill", where, column, *options],
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def killed(tmp_path):
    """A table of 20,000 rows whose backfill was killed after 80 batches; it, and the function's log."""
    where = tmp_path / "t.lance"
    table(where, rows=20000, per_file=5000)
    program, file = logged(tmp_path, 0.0001)
    declare(where, program, "f", type="int64")
    process = start(where, "f", "--no-sandbox", "--batch=100", "--workers=1", "--commit-every=100")
    wait_for(lambda: file.exists() and file.read_text().count("\n") > 80)
    process.kill()
    process.communicate()
    return where, file


@pytest.mark.parametrize("seed", range(3))
def test_killed__goes_on_where_it_was(tmp_path, seed):
    where = tmp_path / "t.lance"
    table(where, rows=20000, per_file=3000)
    program, file = logged(tmp_path, 0.0001)
    declare(where, program, "f", type="int64")
    process = start(where, "f", "--no-sandbox", "--batch=100", "--workers=2", "--commit-every=1")
    rng = random.Random(seed)
    wait_for(lambda: file.exists() and file.read_text().count("\n") > rng.randrange(2, 60))
    process.kill()
    process.communicate()
    done = sum(len(keys) for batches in computed(file).values() for keys in batches)
    assert 0 < done < 20000
    said = lancectl("resume", where, "1").stdout.decode()
    got = read(where, "k", "f")
    assert got["f"] == [expected(k) for k in got["k"]], said
    count = collections.Counter(k for batches in computed(file).values() for keys in batches for k in keys)
    assert set(count) == set(range(20000))
    # twice: what was on its way to the two workers, three batches each at the most
    assert sum(count.values()) - 20000 <= 2 * 3 * 100
    assert last_job(where)["state"] == "DONE" and last_job(where)["attempts"] == 2
    assert not (where / "_lancefs" / "checkpoints").exists()


def test_another_backfill__uses_what_is_there(tmp_path):
    where, file = killed(tmp_path)
    lancectl("cancel", where, "1")
    before = sum(len(keys) for batches in computed(file).values() for keys in batches)
    # on a later version: rows came and went, and one fragment's input has other values
    dataset = lance.dataset(str(where))
    dataset.delete("k % 10 = 0")
    lance.write_dataset(pa.table({"k": pa.array(range(20000, 21000), pa.int64()), "s": ["x"] * 1000}), str(where),
                        mode="append")
    said = backfill(where, "f", "--no-sandbox", "--batch=100")
    assert "found in checkpoints" in said
    got = read(where, "k", "f")
    assert got["f"] == [expected(k) for k in got["k"]] and len(got["k"]) == 19000
    total = sum(len(keys) for batches in computed(file).values() for keys in batches)
    # none of what was there is computed again, but what was on its way
    assert total <= before + 19000 - int(0.9 * before) + 300 + 100


def test_changed_inputs__are_computed_again(tmp_path):
    where, file = killed(tmp_path)
    lancectl("update", where, "k=k + 100000", "--where=k < 200", "--mode=columns")
    lancectl("resume", where, "1")
    got = read(where, "k", "f")
    assert got["f"] == [expected(k) for k in got["k"]] and max(got["k"]) == 100199


def test_changed_while_it_runs__is_noticed(tmp_path):
    where = tmp_path / "t.lance"
    table(where, rows=6000, per_file=1000)
    program, file = logged(tmp_path, 0.0004)
    declare(where, program, "f", type="int64")
    process = start(where, "f", "--no-sandbox", "--batch=100", "--workers=1", "--commit-every=100")
    wait_for(lambda: file.exists() and file.read_text().count("\n") > 5)
    lancectl("update", where, "k=k + 100000", "--where=k < 100", "--mode=columns")
    lance.dataset(str(where)).update({"k": "k + 200000"}, "k = 1500")  # the row moves to the end
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    got = read(where, "k", "f")
    assert got["f"] == [expected(k) for k in got["k"]] and 201500 in got["k"] and 100099 in got["k"]


@pytest.mark.parametrize("damage", ("cut", "flip", "garbage", "gone"))
def test_broken_checkpoints__are_computed_again(tmp_path, damage):
    where, file = killed(tmp_path)
    (kept,) = (where / "_lancefs" / "checkpoints").rglob("*.log")
    data = bytearray(kept.read_bytes())
    rng = random.Random(damage)
    if damage == "cut":
        kept.write_bytes(data[:len(data) // 2 + 13])
    elif damage == "flip":
        for _ in range(20):
            data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        kept.write_bytes(data)
    elif damage == "garbage":
        kept.write_bytes(rng.randbytes(len(data)))
    else:
        kept.unlink()
    lancectl("resume", where, "1")
    got = read(where, "k", "f")
    assert got["f"] == [expected(k) for k in got["k"]]
    assert damage == "gone" or "computed again" in log(where)


def test_pause_and_cancel(tmp_path):
    where = tmp_path / "t.lance"
    table(where, rows=20000, per_file=5000)
    program, file = logged(tmp_path, 0.0002)
    declare(where, program, "f", type="int64")
    process = start(where, "f", "--no-sandbox", "--batch=100", "--workers=2")
    wait_for(lambda: file.exists() and file.read_text().count("\n") > 20)
    lancectl("pause", where, "1")
    process.communicate(timeout=10)
    assert last_job(where)["state"] == "PAUSED" and process.returncode != 0
    assert 0 < last_job(where)["done"] < 20000
    process = subprocess.Popen([BIN / "lancectl", "resume", where, "1"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    count = file.read_text().count("\n")
    wait_for(lambda: file.read_text().count("\n") > count + 20)
    lancectl("cancel", where, "1")
    process.communicate(timeout=10)
    assert last_job(where)["state"] == "CANCELLED"
    lancectl("resume", where, "1")
    got = read(where, "k", "f")
    assert got["f"] == [expected(k) for k in got["k"]]
    times = collections.Counter(k for batches in computed(file).values() for keys in batches for k in keys)
    assert sum(times.values()) - 20000 <= 2 * 2 * 3 * 100


def test_one_column__is_filled_by_one_job(tmp_path):
    where = tmp_path / "t.lance"
    table(where, rows=5000)
    program, file = logged(tmp_path, 0.0005)
    declare(where, program, "f", type="int64")
    process = start(where, "f", "--no-sandbox", "--batch=100", "--workers=1")
    wait_for(lambda: file.exists() and file.read_text().count("\n") > 2)
    said = backfill(where, "f", "--no-sandbox", code=3)
    assert "job 1" in said
    process.communicate(timeout=60)
    assert process.returncode == 0 and read(where, "f")["f"] == [expected(k) for k in range(5000)]


def test_full_disk__keeps_what_was_computed(tmp_path):
    where = tmp_path / "t.lance"
    table(where, rows=20000, per_file=5000)
    program, file = logged(tmp_path)
    declare(where, program, "f", type="int64")
    store = where / "_lancefs" / "checkpoints"
    store.mkdir(parents=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "none", store], check=True)
    try:
        said = backfill(where, "f", "--no-sandbox", "--batch=200", code=1)
        assert "No space left on device" in said and "checkpoint" in said
        assert last_job(where)["state"] == "FAILED"
        assert read(where, "f")["f"] == [None] * 20000
        subprocess.run(["mount", "-o", "remount,size=64m", store], check=True)
        said = lancectl("resume", where, "1").stdout.decode()
        assert read(where, "f")["f"] == [expected(k) for k in range(20000)], said
    finally:
        subprocess.run(["umount", "-l", store], check=True)
    total = sum(len(keys) for batches in computed(file).values() for keys in batches)
    assert total <= 20000 + os.cpu_count() * 3 * 200


# --- the mount ---

class Daemon:
    """A mount whose process may be killed."""

    def __init__(self, dataset, mnt):
        self.dataset, self.mnt, self.process = dataset, mnt, None
        mnt.mkdir()

    def up(self):
        self.process = subprocess.Popen([BIN / "lancefs", "-f", self.dataset, self.mnt], stderr=subprocess.DEVNULL)
        wait_for(lambda: os.path.ismount(self.mnt) or self.process.poll() is not None)
        assert self.process.poll() is None

    def kill(self):
        self.process.kill()
        self.process.wait()
        subprocess.run(["fusermount3", "-uz", self.mnt], check=False)

    def down(self):
        subprocess.run(["fusermount3", "-uz", self.mnt], check=False)
        self.process.wait(timeout=60)


def workers(program):
    """Processes that run a function, found by their command line."""
    found = []
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            line = cmdline(__import__("pathlib").Path("/proc") / entry)
            if program.name.encode() in line and b"_udfs" in line:
                found.append(int(entry))
    return found


class Others(threading.Thread):
    """What pylance does to the table meanwhile: appends, deletes, another column."""

    def __init__(self, where, rng):
        super().__init__()
        self.where, self.rng = str(where), rng
        self.ends, self.failed = threading.Event(), []
        self.next_key, self.did = 10_000_000, collections.Counter()

    def act(self, what):
        dataset = lance.dataset(self.where)
        if what == "append":
            keys = range(self.next_key, self.next_key + 300)
            self.next_key += 300
            rows = pa.table({"k": pa.array(keys, pa.int64()), "s": ["new"] * 300})
            lance.write_dataset(rows, self.where, mode="append")
        elif what == "delete":
            dataset.delete(f"k % 1009 = {self.rng.randrange(1009)}")
        else:
            dataset.add_columns({f"c{dataset.version}": "k + 1"})
        self.did[what] += 1

    def run(self):
        while not self.ends.wait(0.25):
            what = self.rng.choice(("append", "delete", "column"))
            try:
                self.act(what)
            except (OSError, RuntimeError, ValueError) as e:
                self.did["lost a race"] += 1  # adding a column is the whole table's business
                assert "conflict" in str(e).lower() or "concurrent" in str(e).lower(), e


def test_thirty_kills__and_others_at_work(tmp_path):
    where = tmp_path / "t.lance"
    rows, kills, batch = 200_000, 30, 500
    table(where, rows=rows, per_file=20_000)
    program, file = logged(tmp_path, 0.00012)
    declare(where, program, "f", type="int64")
    rng = random.Random(30)
    others = Others(where, rng)
    daemon = Daemon(where, tmp_path / "mnt")
    daemon.up()
    with open(daemon.mnt / "control", "w") as control:
        control.write(f"backfill f --no-sandbox --batch={batch} --workers=2 --commit-every=2\n")
    others.start()
    n_kills, victims = 0, collections.Counter()
    while n_kills < kills and last_job(where)["state"] in ("PENDING", "RUNNING"):
        time.sleep(rng.uniform(0.05, 0.6))
        found = workers(program)
        if rng.random() < 0.5 and found:
            try:
                os.kill(rng.choice(found), signal.SIGKILL)
            except ProcessLookupError:
                continue
            victims["worker"] += 1
        else:
            daemon.kill()
            daemon.up()
            victims["daemon"] += 1
        n_kills += 1
    assert n_kills == kills, "the job was over too early"
    others.ends.set()
    others.join()
    done = lambda: last_job(where)["state"] in ("DONE", "FAILED")
    wait_for(done, 120, "the job does not end")
    daemon.down()
    assert last_job(where)["state"] == "DONE", log(where)
    assert all(others.did[what] for what in ("append", "delete", "column")), others.did
    got = read(where, "k", "f")
    assert got["f"] == [expected(k) for k in got["k"]]
    batches = computed(file)
    count = collections.Counter(k for lists in batches.values() for keys in lists for k in keys)
    assert set(got["k"]) <= set(count)
    # what was computed more than once was on its way when a process was killed: it is among
    # the last three batches of a process that did not end by itself
    on_their_way = collections.Counter(k for lists in batches.values() for keys in lists[-3:] for k in keys)
    again = {k: n for k, n in count.items() if n > 1}
    wrong = [k for k, n in again.items() if n - 1 > on_their_way[k]]
    assert not wrong, (len(wrong), sorted(wrong)[:10])
    assert sum(n - 1 for n in again.values()) <= kills * 2 * 3 * batch
    assert victims["worker"] and victims["daemon"]


@pytest.mark.parametrize("what", ("drop input", "drop output", "replace input", "replace output"))
def test_columns_change_while_it_runs(tmp_path, what):
    where = tmp_path / "t.lance"
    table(where, rows=6000, per_file=1000)
    program, file = logged(tmp_path, 0.0004)
    declare(where, program, "f", type="int64")
    process = start(where, "f", "--no-sandbox", "--batch=100", "--workers=1", "--commit-every=2")
    wait_for(lambda: file.exists() and file.read_text().count("\n") > 5)
    if what.startswith("drop"):
        lance.dataset(str(where)).drop_columns(["k" if what == "drop input" else "f"])
    else:
        column = "k" if what == "replace input" else "f"
        values = tmp_path / f"{column}.txt"
        values.write_text("".join(f"{i + 50000}\n" for i in range(6000)))
        lancectl("put", where, values)
    out, err = process.communicate(timeout=60)
    dataset = lance.dataset(str(where))
    dataset.validate()
    if what == "replace input":
        assert process.returncode == 0, err
        got = read(where, "k", "f")
        assert got["k"][0] == 50000 and got["f"] == [expected(k) for k in got["k"]]
    elif what == "replace output":
        assert process.returncode == 0, err  # what somebody wrote stays: there are no nulls
        assert read(where, "f")["f"] == list(range(50000, 56000))
    else:
        assert process.returncode == 1 and b"dropped" in err or b"no column" in err, err
        assert last_job(where)["state"] == "FAILED"
