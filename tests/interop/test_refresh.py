"""Columns that are out of date: they say so, and a refresh computes what it should and no more."""

import os
import time

import lance
import pyarrow as pa
import pytest

from backfilled import backfill, declare, jobs, last_job, python
from conftest import lancectl
from test_backfill import CASE, expected, read, table
from test_resume import computed, logged, wait_for


def stale(where, mount, column="f"):
    return os.getxattr(mount / "columns" / f"{column}.txt", "user.lance.stale").decode()


def total(file):
    return sum(len(keys) for batches in computed(file).values() for keys in batches)


def make(tmp_path, rows=6000, per_file=1000):
    where = tmp_path / "t.lance"
    table(where, rows=rows, per_file=per_file)
    program, file = logged(tmp_path)
    declare(where, program, "f", type="int64")
    backfill(where, "f", "--no-sandbox")
    assert total(file) == rows
    return where, program, file


def refresh(where, column="f"):
    return lancectl("refresh", where, column, "--no-sandbox").stdout.decode()


def test_up_to_date__nothing_is_done(tmp_path, mount):
    where, _, file = make(tmp_path)
    assert stale(where, mount(where)) == "0"
    version = lance.dataset(str(where)).version
    assert "f is up to date" in refresh(where)
    assert lance.dataset(str(where)).version == version and total(file) == 6000


def test_an_input_column_changed__its_fragments_are_computed_again(tmp_path, mount):
    where, _, file = make(tmp_path)
    mnt = mount(where)
    lancectl("update", where, "k=k + 1000000", "--where=k >= 2000 AND k < 2010", "--mode=columns")
    assert stale(where, mnt) == "1"
    refresh(where)
    got = read(where, "k", "f")
    assert got["f"] == [expected(k) for k in got["k"]] and 1002000 in got["k"]
    assert total(file) == 6000 + 1000
    assert stale(where, mnt) == "0"


def test_rows_that_moved__are_computed_again(tmp_path, mount):
    where, _, file = make(tmp_path)
    mnt = mount(where)
    lance.dataset(str(where)).update({"k": "k + 1000000"}, "k % 1000 = 5")
    assert stale(where, mnt) == "1"
    refresh(where)
    got = read(where, "k", "f")
    assert got["f"] == [expected(k) for k in got["k"]]
    assert total(file) == 6000 + 6
    assert stale(where, mnt) == "0"


def test_rows_that_came__are_computed(tmp_path, mount):
    where, _, file = make(tmp_path)
    lance.write_dataset(pa.table({"k": pa.array(range(6000, 6500), pa.int64()), "s": ["x"] * 500}), str(where),
                        mode="append")
    assert stale(where, mount(where)) == "0"  # they are missing, not wrong
    refresh(where)
    got = read(where, "k", "f")
    assert got["f"] == [expected(k) for k in got["k"]] and total(file) == 6500


def test_rows_that_lancefs_appended__are_computed(tmp_path):
    where, _, file = make(tmp_path)
    rows = tmp_path / "more.csv"
    rows.write_text("k,s\n" + "".join(f"{k},x\n" for k in range(6000, 6400)))
    lancectl("append", where, rows)
    refresh(where)
    got = read(where, "k", "f")
    assert got["f"] == [expected(k) for k in got["k"]] and total(file) == 6400
    assert "f is up to date" in refresh(where)


def test_the_udf_changed__all_is_computed_again(tmp_path, mount):
    where, program, file = make(tmp_path)
    mnt = mount(where)
    program.write_text(program.read_text().replace("k * 3 + 1", "k * 5"))
    lancectl("udf", "add", where, program, "--shape=arrow", "--type=int64")
    assert stale(where, mnt) == "1"
    refresh(where)
    got = read(where, "k", "f")
    assert got["f"] == [k * 5 for k in got["k"]]
    assert stale(where, mnt) == "0" and "f is up to date" in refresh(where)


def test_another_udf__computes_what_is_not_its_own(tmp_path):
    where, program, file = make(tmp_path)
    program.write_text(program.read_text().replace("k * 3 + 1", "k * 5"))
    lancectl("udf", "add", where, program, "--shape=arrow", "--type=int64", "--name=other")
    lancectl("backfill", where, "f", "--udf=other", "--no-sandbox", "--where=k < 1000")
    got = read(where, "k", "f")
    assert got["f"] == [k * 5 if k < 1000 else expected(k) for k in got["k"]]
    assert total(file) == 7000
    # the first fragment is its own already
    lancectl("backfill", where, "f", "--udf=other", "--no-sandbox")
    assert read(where, "k", "f")["f"] == [k * 5 for k in range(6000)]
    assert total(file) == 12000


def test_other_writers_values__are_left_alone(tmp_path, mount):
    where, _, file = make(tmp_path)
    lancectl("update", where, "f=7", "--where=k < 1000", "--mode=columns")
    assert stale(where, mount(where)) == "0"
    assert "f is up to date" in refresh(where)
    assert read(where, "k", "f")["f"][:1000] == [7] * 1000


def test_rows_without_a_value__are_not_tried_for_ever(tmp_path):
    where = tmp_path / "t.lance"
    table(where, rows=3000, per_file=1000)
    body = "v = pa.array([None if k < 1500 else k for k in b.column(0).to_pylist()], pa.int64())"
    declare(where, python(tmp_path / "f.py", body), "f", type="int64")
    backfill(where, "f")
    assert "f is up to date" in refresh(where)


def test_compaction_by_others__keeps_the_values(tmp_path, mount):
    where, _, file = make(tmp_path)
    lance.dataset(str(where)).optimize.compact_files(target_rows_per_fragment=100_000)
    assert stale(where, mount(where)) == "0"
    assert "f is up to date" in refresh(where) and total(file) == 6000


def test_auto_backfill__while_mounted(tmp_path, mount):
    where = tmp_path / "t.lance"
    table(where, rows=3000, per_file=1000)
    mnt = mount(where)
    program = python(tmp_path / "f.py", CASE)
    lancectl("udf", "add", where, program, "--shape=arrow", "--type=int64")
    (mnt / "control").write_text("add f --udf=f --inputs=k --auto-backfill\n")
    done = lambda: None not in lance.dataset(str(where)).to_table(columns=["f"])["f"].to_pylist()
    wait_for(done, 30)
    for i in range(2):
        keys = range(3000 + i * 500, 3500 + i * 500)
        lance.write_dataset(pa.table({"k": pa.array(keys, pa.int64()), "s": ["x"] * 500}), str(where), mode="append")
        wait_for(done, 30)
    got = read(where, "k", "f")
    assert got["f"] == [expected(k) for k in got["k"]] and len(got["k"]) == 4000
    wait_for(lambda: last_job(where)["state"] == "DONE")
    time.sleep(1.5)
    assert len(jobs(where)) <= 3  # and none for nothing


def test_verify__computes_a_sample_again(tmp_path):
    where, _, file = make(tmp_path)
    said = lancectl("verify", where, "--recompute=300", "--no-sandbox").stdout.decode()
    assert "column f: 300 rows computed again, 0 values differ" in said and total(file) == 6300
    lancectl("update", where, "f=f + 1", "--where=k = 77")
    done = lancectl("verify", where, "--recompute=100000", "--no-sandbox", check=False)
    assert done.returncode == 1
    assert "column 'f', row 77: has 233, its UDF gives 232" in done.stdout.decode()
    assert "1 value is not what the UDF gives" in done.stderr.decode()


def test_gpus__are_handed_out(tmp_path):
    where = tmp_path / "t.lance"
    table(where, rows=2000, per_file=2000)
    body = "time.sleep(0.002 * len(b))\nv = pa.array([os.environ['CUDA_VISIBLE_DEVICES']] * len(b))"
    declare(where, python(tmp_path / "f.py", body), "f", type="string")
    env = {**os.environ, "CUDA_VISIBLE_DEVICES": "0,1,2"}
    lancectl("backfill", where, "f", "--gpus=1", "--workers=3", "--batch=32", env=env)
    assert set(read(where, "f")["f"]) == {"0", "1", "2"}
    lancectl("backfill", where, "f", "--gpus=2", "--workers=1", "--where=true", env=env)
    assert set(read(where, "f")["f"]) == {"0,1"}
    done = lancectl("backfill", where, "f", "--gpus=4", env=env, check=False)
    assert done.returncode == 1 and b"--gpus=4: this machine has 3" in done.stderr


def test_rows_that_moved_without_the_inputs__are_left_alone(tmp_path, mount):
    where, _, file = make(tmp_path)
    mnt = mount(where)
    lance.dataset(str(where)).update({"s": "'other'"}, "k % 1000 = 5")  # no input
    lance.dataset(str(where)).update({"f": "7"}, "k % 1000 = 6")  # what somebody wants it to be
    assert stale(where, mnt) == "0"
    assert "f is up to date" in refresh(where)
    got = read(where, "k", "f")
    assert got["f"] == [7 if k % 1000 == 6 else expected(k) for k in got["k"]] and total(file) == 6000


def test_rows_that_moved_before_a_resume(tmp_path):
    where, program, file = make(tmp_path)
    lance.dataset(str(where)).update({"k": "k + 1000000"}, "k % 1000 = 5")
    lance.write_dataset(pa.table({"k": pa.array(range(6000, 6500), pa.int64()), "s": ["x"] * 500}), str(where),
                        mode="append")
    backfill(where, "f", "--no-sandbox")  # what is null, and what moved
    got = read(where, "k", "f")
    assert got["f"] == [expected(k) for k in got["k"]] and total(file) == 6506
