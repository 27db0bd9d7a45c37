"""Functions that are UDFs in tests, written to files, and what jobs say of them."""

import json
import stat
import sys

from conftest import lancectl

# A function of the arrow shape, in Python with pyarrow; BODY computes `v` from the record batch `b`.
ARROW = """#!{python}
import os, signal, sys, time
import pyarrow as pa, pyarrow.compute as pc
reader, writer = pa.ipc.open_stream(sys.stdin.buffer), None
out = os.fdopen(os.dup(1), "wb")
{setup}
for b in reader:
    names = None
{body}
    if not isinstance(v, list):
        v = [v]
    batch = pa.record_batch(v, names=names or ["o%d" % i for i in range(len(v))])
    if writer is None:
        writer = pa.ipc.new_stream(out, batch.schema)
    writer.write_batch(batch)
    out.flush()
"""

# A function of the lines shape; BODY prints for `line`.
LINES = """#!{python}
import os, signal, sys, time
{setup}
for line in sys.stdin:
    line = line.rstrip("\\n")
{body}
"""


def script(where, text):
    where.write_text(text)
    where.chmod(where.stat().st_mode | stat.S_IXUSR)
    return where


def indent(body):
    return "\n".join("    " + line for line in body.strip("\n").split("\n"))


def python(where, body, shape="arrow", setup=""):
    text = ARROW if shape == "arrow" else LINES
    return script(where, text.format(python=sys.executable, body=indent(body), setup=setup))


def declare(dataset, program, columns, *, shape="arrow", type=None, inputs="k", name=None):
    """Register a program and declare columns of it."""
    options = [f"--shape={shape}"]
    if type:
        options.append(f"--type={type}")
    name = name or program.stem
    lancectl("udf", "add", dataset, program, f"--name={name}", *options)
    lancectl("add", dataset, *columns.split(), f"--udf={name}", f"--inputs={inputs}")


def backfill(dataset, column, *options, code=0, timeout=120):
    """What it says; its exit status must be code."""
    done = lancectl("backfill", dataset, column, *options, check=False, timeout=timeout)
    text = (done.stdout + done.stderr).decode()
    assert "Sanitizer" not in text and "runtime error" not in text, text
    assert done.returncode == code, text
    return text


def jobs(dataset):
    done = lancectl("jobs", dataset, "--json").stdout.decode()
    return sorted((json.loads(line) for line in done.splitlines()), key=lambda job: job["id"])


def last_job(dataset):
    return jobs(dataset)[-1]


def errors(dataset, job=None):
    """Rows of errors.tsv: dictionaries."""
    job = job or last_job(dataset)["id"]
    file = dataset / "_lancefs" / "jobs" / str(job) / "errors.tsv"
    if not file.exists():
        return []
    names, *lines = [line.split("\t") for line in file.read_text().splitlines()]
    return [dict(zip(names, line)) for line in lines]


def log(dataset, job=None):
    job = job or last_job(dataset)["id"]
    return (dataset / "_lancefs" / "jobs" / str(job) / "log").read_text()
