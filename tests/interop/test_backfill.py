"""Columns that UDFs compute: every value the function's, read back by pylance; faults and their ends."""

import hashlib
import json
import os
import pathlib
import random
import re
import shutil
import subprocess
import sys
import time

import lance
import lancedb
import numpy as np
import pyarrow as pa
import pytest

from backfilled import backfill, declare, errors, last_job, log, python, script
from conftest import lancectl
from random_data import Column
from test_blobs import values, write
from test_schema import VERSIONS

CASE = "v = pa.array([None if x is None else x * 3 + 1 for x in b.column(0).to_pylist()], pa.int64())"


def table(where, rows=5000, per_file=1500, version="2.2", stable=False, nulls=False):
    rng = random.Random(rows)
    k = [None if nulls and rng.random() < 0.2 else i for i in range(rows)]
    t = pa.table({"k": pa.array(k, pa.int64()),
                  "s": pa.array([None if nulls and rng.random() < 0.2 else f"a\tb\\{i}\n é{i}" for i in range(rows)])})
    return lance.write_dataset(t, str(where), max_rows_per_file=per_file, data_storage_version=version,
                               enable_stable_row_ids=stable)


def read(where, *columns):
    dataset = lance.dataset(str(where))
    dataset.validate()
    return dataset.to_table(columns=list(columns)).to_pydict()


def expected(k):
    return None if k is None else k * 3 + 1


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("shape", ("arrow", "lines"))
def test_values__are_the_functions(tmp_path, version, shape):
    where = tmp_path / "t.lance"
    dataset = table(where, version=version, stable=shape == "arrow", nulls=True)
    dataset.delete("k % 7 = 3 OR (k >= 1500 AND k < 3000)")
    if shape == "arrow":
        program = python(tmp_path / "f.py", CASE)
    else:
        program = python(tmp_path / "f.py", r"""print(r"\N" if line == r"\N" else int(line) * 3 + 1)""", "lines")
    declare(where, program, "f", shape=shape, type="int64")
    assert read(where, "f")["f"] == [None] * lance.dataset(str(where)).count_rows()
    said = backfill(where, "f")
    got = read(where, "k", "f")
    assert got["f"] == [expected(k) for k in got["k"]], said
    assert last_job(where)["state"] == "DONE"
    after = lance.dataset(str(where))
    operations = [type(after.read_transaction(v).operation).__name__ for v in range(2, after.version + 1)]
    assert operations == ["Delete", "Merge", "DataReplacement", "UpdateConfig"]
    # nothing more to do: rows whose value is null are looked at again, and nothing is committed
    backfill(where, "f")
    assert lance.dataset(str(where)).version == after.version


def test_metadata__says_what_made_it(tmp_path):
    where = tmp_path / "t.lance"
    table(where)
    program = script(tmp_path / "count.awk", "#!/usr/bin/awk -f\n{ print length($0) }\n")
    declare(where, program, "n", shape="lines", type="int32", inputs="s")
    backfill(where, "n")
    meta = {k.decode(): v.decode() for k, v in lance.dataset(str(where)).schema.field("n").metadata.items()}
    bundle = meta["virtual_column.udf"]
    assert (where / bundle / "count.awk").read_text() == program.read_text()
    assert meta["virtual_column"] == "true" and meta["virtual_column.udf_name"] == "count"
    assert json.loads(meta["virtual_column.udf_inputs"]) == ["s"]
    assert meta["virtual_column.udf_backend"] == "lancefs"
    assert meta["lancefs:source"] == "udf" and meta["lancefs:udf.shape"] == "lines"
    assert "awk" in meta["lancefs:udf.interpreter"].lower() and meta["lancefs:udf.interpreter_version"]
    assert int(meta["lancefs:version"]) >= 2 and meta["lancefs:time"].startswith("20") and meta["lancefs:host"]
    # LanceDB reads the column, and its rows beside it
    db = lancedb.connect(str(tmp_path))
    assert db.open_table("t").to_arrow()["n"].null_count == 0
    assert "udf" in lancectl("schema", where).stdout.decode().split("\nn")[-1]


TYPES = [
    (pa.bool_(), "bool"), (pa.int8(), "int8"), (pa.uint64(), "uint64"), (pa.float16(), "float16"),
    (pa.float32(), "float32"), (pa.float64(), "float64"), (pa.string(), "string"), (pa.binary(), "binary"),
    (pa.date32(), "date32"), (pa.timestamp("us"), "timestamp[us]"), (pa.decimal128(20, 2), "decimal(20,2)"),
    (pa.list_(pa.float32(), 4), "float32[4]"), (pa.list_(pa.int32()), "list<int32>"),
    (pa.struct([("a", pa.int32()), ("b", pa.string())]), "struct<a: int32, b: string>"),
]


@pytest.mark.parametrize("wanted,name", TYPES, ids=lambda x: x if isinstance(x, str) else "")
def test_types__go_through_the_pipes(tmp_path, wanted, name):
    where = tmp_path / "t.lance"
    values = Column(random.Random(name), pa.field("x", wanted), "2.2").array(3000)
    lance.write_dataset(pa.table({"x": values, "k": range(3000)}), str(where), max_rows_per_file=1100)
    declare(where, python(tmp_path / "same.py", "v = b.column(0)"), "y", type=name, inputs="x,k")
    backfill(where, "y")
    got = lance.dataset(str(where)).to_table()
    assert repr(got["y"].to_pylist()) == repr(got["x"].to_pylist())


def test_several_outputs__come_from_one_run(tmp_path):
    where = tmp_path / "t.lance"
    table(where)
    body = "v = [pc.add(b.column(0), 1), pc.cast(b.column(0), pa.string())]"
    lancectl("udf", "add", where, python(tmp_path / "two.py", body), "--shape=arrow", "--type=plus:int64, text:string")
    lancectl("add", where, "plus", "text", "--udf=two", "--inputs=k")
    backfill(where, "text")
    got = read(where, "k", "plus", "text")
    assert got["plus"] == [k + 1 for k in got["k"]] and got["text"] == [str(k) for k in got["k"]]
    dataset = lance.dataset(str(where))
    assert [type(dataset.read_transaction(v).operation).__name__ for v in (2, 3)] == ["Merge", "DataReplacement"]


def test_where__leaves_the_others_as_they_are(tmp_path):
    where = tmp_path / "t.lance"
    table(where)
    declare(where, python(tmp_path / "f.py", CASE), "f", type="int64")
    backfill(where, "f", "--where=k < 2000 AND k % 2 = 0")
    got = read(where, "k", "f")
    assert got["f"] == [expected(k) if k < 2000 and k % 2 == 0 else None for k in got["k"]]
    said = backfill(where, "f", "--dry-run")
    assert "rows: 4000 of 5000" in said
    assert "4000 rows computed" in backfill(where, "f")
    assert read(where, "k", "f")["f"] == [expected(k) for k in range(5000)]


def test_no_rows__nothing_is_done(tmp_path):
    where = tmp_path / "t.lance"
    lance.write_dataset(pa.table({"k": pa.array([], pa.int64())}), str(where))
    declare(where, python(tmp_path / "f.py", CASE), "f", type="int64")
    assert "0 rows computed" in backfill(where, "f")
    lance.write_dataset(pa.table({"k": [1, 2]}), str(where), mode="append")
    backfill(where, "f")
    assert read(where, "f")["f"] == [4, 7]


def test_another_udf__takes_the_column_over(tmp_path):
    where = tmp_path / "t.lance"
    table(where)
    declare(where, python(tmp_path / "f.py", CASE), "f", type="int64")
    backfill(where, "f")
    lancectl("udf", "add", where, python(tmp_path / "g.py", "v = pc.negate(b.column(0))"), "--shape=arrow",
             "--type=int64")
    backfill(where, "f", "--udf=g", "--where=true")
    got = read(where, "k", "f")
    assert got["f"] == [-k for k in got["k"]]
    meta = lance.dataset(str(where)).schema.field("f").metadata
    assert meta[b"virtual_column.udf_name"] == b"g"


def scratch():
    return {f for f in os.listdir("/dev/shm") if f.startswith("lancefs-udf")}


def test_binary_as_files(tmp_path):
    where = tmp_path / "t.lance"
    left = pathlib.Path("/dev/shm/lancefs-udf-killed")  # as if its process had been
    left.mkdir(exist_ok=True)
    (left / "0").write_bytes(b"x")
    before = scratch()
    rng = random.Random(3)
    blobs = [None if i % 50 == 9 else rng.randbytes(rng.randrange(0, 9000)) for i in range(2000)]
    lance.write_dataset(pa.table({"b": pa.array(blobs, pa.binary()), "k": range(2000)}), str(where),
                        max_rows_per_file=700)
    # size and first byte of the file, and the other column
    body = r"""
path, k = line.split("\t")
data = None if path == r"\N" else open(path, "rb").read()
print(r"\N" if data is None else "%d:%s:%s" % (len(data), data[:1].hex(), k))
"""
    declare(where, python(tmp_path / "size.py", body, "lines"), "size", shape="files", type="string", inputs="b,k")
    backfill(where, "size")
    assert read(where, "size")["size"] == [None if b is None else f"{len(b)}:{b[:1].hex()}:{i}"
                                           for i, b in enumerate(blobs)]
    assert scratch() <= before and not left.exists()


@pytest.mark.parametrize("shape", ("files", "arrow"))
@pytest.mark.parametrize("version", VERSIONS)
def test_blobs__are_read(tmp_path, shape, version):
    where = tmp_path / "t.lance"
    blobs = values(120)
    write(where, version, blobs, max_rows_per_file=50)
    lance.dataset(str(where)).delete("id IN (3, 4, 77)")
    if shape == "arrow":
        body = "v = pa.array([None if x is None else hashlib.md5(x).hexdigest() for x in b.column(0).to_pylist()])"
    else:
        body = "print(r'\\N' if line == r'\\N' else hashlib.md5(open(line, 'rb').read()).hexdigest())"
    program = python(tmp_path / "md5.py", body, "arrow" if shape == "arrow" else "lines", setup="import hashlib")
    declare(where, program, "md5", shape=shape, type="string", inputs="b")
    backfill(where, "md5")
    left = [b for i, b in enumerate(blobs) if i not in (3, 4, 77)]
    assert read(where, "md5")["md5"] == [None if b is None else hashlib.md5(b).hexdigest() for b in left]


# --- what functions do wrong ---

SEGV = "if line in ('17', '2500', '4999'): os.kill(os.getpid(), signal.SIGSEGV)\nprint(int(line) * 3 + 1)"
POISON = (17, 2500, 4999)


@pytest.mark.parametrize("on_error,code", (("null", 4), ("skip", 4), ("fail", 1)))
def test_poison__rows_are_found_and_listed(tmp_path, on_error, code):
    where = tmp_path / "t.lance"
    table(where)
    declare(where, python(tmp_path / "f.py", SEGV, "lines"), "f", shape="lines", type="int64")
    said = backfill(where, "f", f"--on-error={on_error}", code=code)
    listed = errors(where)
    if on_error == "fail":
        assert len(listed) == 1 and int(listed[0]["row"]) in POISON
        assert re.search(r"row (17|2500|4999) \(fragment \d, offset \d+\): signal 11", said)
        assert last_job(where)["state"] == "FAILED"
        # the row is mended: the next run goes on with what is there
        lance.dataset(str(where)).update({"k": "0"}, "k IN (17, 2500, 4999)")
        backfill(where, "f")
        got = read(where, "k", "f")
        assert got["f"] == [expected(k) for k in got["k"]]
        return
    assert sorted(int(e["row"]) for e in listed) == list(POISON)
    assert all("signal 11" in e["reason"] and int(e["attempt"]) >= 2 for e in listed)
    got = read(where, "k", "f")
    assert got["f"] == [None if k in POISON else expected(k) for k in got["k"]]
    assert last_job(where)["state"] == "DONE" and last_job(where)["is_partial"]


def test_errors_of_rows__need_no_crash(tmp_path):
    where = tmp_path / "t.lance"
    table(where)
    body = CASE + """
e = pa.array([f"ValueError: {k} is odd" if k % 1000 == 1 else None for k in b.column(0).to_pylist()], pa.string())
v, names = [v, e], ["f", "_error"]
"""
    declare(where, python(tmp_path / "f.py", body), "f", type="int64")
    backfill(where, "f", "--on-error=null", code=4)
    assert {int(e["row"]): e["reason"] for e in errors(where)} == \
        {k: f"ValueError: {k} is odd" for k in (1, 1001, 2001, 3001, 4001)}
    got = read(where, "k", "f")
    assert got["f"] == [None if k % 1000 == 1 else expected(k) for k in got["k"]]


def test_max_skip__ends_the_job(tmp_path):
    where = tmp_path / "t.lance"
    table(where)
    program = script(tmp_path / "f.awk", "#!/usr/bin/awk -f\n{ print $1 % 10 ? $1 : \"bad\" }\n")
    declare(where, program, "f", shape="lines", type="int64")
    said = backfill(where, "f", "--on-error=null", "--max-skip=20", code=1)
    assert "21 rows failed, more than --max-skip=20" in said
    assert lance.dataset(str(where)).to_table(columns=["f"])["f"].null_count == 5000
    backfill(where, "f", "--on-error=null", "--max-skip=500", code=4)
    assert lance.dataset(str(where)).to_table(columns=["f"])["f"].null_count == 500


FAULTS = {
    # name: (program, options, exit status, what is said, rows without a value)
    "few lines": ("#!/usr/bin/awk -f\n$1 != 777 { print $1 * 3 + 1 }\n", ["--on-error=null"], 4, "1 row without", 1),
    "many lines": ("#!/usr/bin/awk -f\n{ print $1 * 3 + 1 } $1 == 777 { print 0 }\n", ["--on-error=null"], 4,
                   "1 row without", 1),
    "a header": ("#!/usr/bin/awk -f\nBEGIN { print \"value\" } { print $1 * 3 + 1 }\n", ["--on-error=null"], 1,
                 "fails on every row.*more lines than", None),
    "garbage": ("#!/usr/bin/awk -f\n{ print $1 == 777 ? \"x7\" : $1 * 3 + 1 }\n", ["--on-error=null"], 4,
                "1 row without", 1),
    "garbage, fail": ("#!/usr/bin/awk -f\n{ print $1 == 777 ? \"x7\" : $1 * 3 + 1 }\n", [], 1,
                      "row 777 .*'x7'", None),
    "nothing": ("#!/bin/sh\nexit 0\n", ["--on-error=null"], 1, "fails on every row", None),
    "a status": ("#!/bin/sh\ncat >/dev/null; echo no model >&2; exit 3\n", [], 1, "exit status 3: no model", None),
    "a status, for a row": ("#!/bin/sh\nexec awk '$1 == 777 { exit 127 } { print $1 * 3 + 1 }'\n",
                            ["--on-error=null"], 4, "1 row without", 1),
    "hangs": ("#!/bin/sh\nexec sleep 1000\n", ["--timeout=300ms"], 1, "no sign of life for 0.3 s", None),
    "hangs on a row": ("#!/bin/sh\nexec awk '$1 == 777 { while (1); } { print $1 * 3 + 1; fflush() }'\n",
                       ["--timeout=500ms", "--on-error=null"], 4, "1 row without", 1),
    "no interpreter": ("#!/no/such/program\n", [], 1, "cannot be run", None),
    "noise": ("#!/bin/sh\nyes 'noise without end' >&2 &\nexec awk '{ print $1 * 3 + 1 }'\n", [], 0, "5000 rows", 0),
    "forks": ("#!/bin/sh\nsleep 300 &\nexec awk '{ print $1 * 3 + 1 }'\n", [], 0, "5000 rows", 0),
    "closes its input": ("#!/bin/sh\nexec 0</dev/null\nexit 0\n", [], 1, "", None),
    "never ends": ("#!/bin/sh\nawk '{ print $1 * 3 + 1 }'\nexec 1>&-\nexec sleep 1000\n", ["--timeout=300ms"], 1,
                   "", None),
}


@pytest.mark.parametrize("name", FAULTS)
@pytest.mark.parametrize("sandbox", (True, False), ids=("sandbox", "plain"))
def test_faults__end_as_they_should(tmp_path, name, sandbox):
    text, options, code, said, nulls = FAULTS[name]
    where = tmp_path / "t.lance"
    table(where)
    declare(where, script(tmp_path / "f.sh", text), "f", shape="lines", type="int64")
    before = lance.dataset(str(where)).version
    answer = backfill(where, "f", *options, *([] if sandbox else ["--no-sandbox"]), code=code)
    assert re.search(said, answer, re.S), answer
    job = last_job(where)
    assert job["state"] == ("FAILED" if code == 1 else "DONE")
    got = read(where, "k", "f")
    if nulls is None:
        assert got["f"] == [None] * 5000 and lance.dataset(str(where)).version == before
        return
    bad = {777} if nulls else set()
    assert got["f"] == [None if k in bad else expected(k) for k in got["k"]]
    assert [int(e["row"]) for e in errors(where)] == sorted(bad)


def test_memory__is_limited(tmp_path):
    where = tmp_path / "t.lance"
    table(where)
    body = "if line == '777': x = bytearray(1 << 30)\nprint(int(line) * 3 + 1)"
    declare(where, python(tmp_path / "f.py", body, "lines"), "f", shape="lines", type="int64")
    backfill(where, "f", "--memory=400M", "--on-error=null", code=4)
    (error,) = errors(where)
    assert error["row"] == "777" and "MemoryError" in error["text"]


def test_sandbox__has_no_network_and_no_dataset(tmp_path):
    where = tmp_path / "t.lance"
    table(where, rows=100)
    secret = tmp_path / "secret"
    secret.write_text("x")
    body = f"""
seen = []
try:
    socket.create_connection(("127.0.0.1", {{port}}), timeout=2)
    seen.append("network")
except OSError:
    pass
for path in ({str(where)!r} + "/data", {str(where)!r} + "/_versions"):
    if os.path.exists(path):
        seen.append(path)
for path in ({str(secret)!r}, "/etc/lancefs-test", {str(tmp_path)!r} + "/new"):
    try:
        open(path, "w").close()
        if os.path.exists(path):
            seen.append("wrote " + path)
    except OSError:
        pass
print(" ".join(seen))
"""
    import socket
    with socket.create_server(("127.0.0.1", 0)) as server:
        text = body.replace("{port}", str(server.getsockname()[1]))
        declare(where, python(tmp_path / "f.py", text, "lines", setup="import socket"), "f", shape="lines",
                type="string")
        backfill(where, "f")
        assert set(read(where, "f")["f"]) == {""}
        assert secret.read_text() == "x" and not (tmp_path / "new").exists()
        backfill(where, "f", "--where=true", "--no-sandbox")
        assert "network" in read(where, "f")["f"][0]


def test_udf_changed_on_disk__is_not_trusted(tmp_path):
    where = tmp_path / "t.lance"
    table(where)
    declare(where, python(tmp_path / "f.py", CASE), "f", type="int64")
    (bundle,) = (where / "_udfs").glob("?" * 64)
    (bundle / "f.py").write_text((bundle / "f.py").read_text().replace("* 3", "* 4"))
    said = backfill(where, "f", code=1)
    assert "f.py" in said
    assert lance.dataset(str(where)).to_table(columns=["f"])["f"].null_count == 5000


def test_input_dropped__says_so(tmp_path):
    where = tmp_path / "t.lance"
    table(where)
    declare(where, python(tmp_path / "f.py", CASE), "f", type="int64")
    lance.dataset(str(where)).drop_columns(["k"])
    assert "column 'k', which the UDF reads, was dropped" in backfill(where, "f", code=1)
