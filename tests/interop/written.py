"""A mounted table that columns are written into, and what must hold after each write."""

import contextlib
import os
import pathlib
import shutil
import subprocess
import sys
import time

import lance
import numpy as np
import pyarrow as pa

import columns

DEADLINE = 5  # seconds; what follows a last close is not waited for by close(2)


def make_table(where, version, rows=600, per_fragment=250, deleted="id % 10 = 3", **kwargs):
    """A table of a few columns in several fragments, some of its rows deleted."""
    ids = np.arange(rows)
    data = pa.table(
        {
            "id": pa.array(ids, pa.int64()),
            "caption": pa.array([f"caption {i}" for i in ids], pa.string()),
            "zip": pa.array([f"{i:05d}" for i in ids], pa.string()),
            "digits": pa.array([str(i) for i in ids], pa.string()),
            "score": pa.array(ids / 3, pa.float32()),
        }
    )
    dataset = lance.write_dataset(
        data, str(where), data_storage_version=version, max_rows_per_file=per_fragment, **kwargs
    )
    if deleted:
        dataset.delete(deleted)
    return where


def listing(path):
    return {
        str(p.relative_to(path))
        for folder in ("data", "_versions", "_transactions", "_deletions")
        for p in (path / folder).rglob("*")
    }


class Table:
    """A dataset, where it is mounted, and a scratch directory for the inputs of writers."""

    def __init__(self, path, where, scratch):
        self.path, self.where, self.scratch = path, where, scratch
        self.columns = where / "columns"

    def dataset(self):
        return lance.dataset(str(self.path))

    def rows(self):
        return self.dataset().count_rows()

    def sh(self, script, check=True, **variables):
        """Run bash in the mount; $IN is the scratch directory, $PY this Python, $VIM vim or vim.tiny."""
        vim = shutil.which("vim") or shutil.which("vim.tiny")
        env = dict(os.environ, IN=str(self.scratch), PY=sys.executable, VIM=vim, **variables)
        done = subprocess.run(
            ["bash", "-c", script],
            cwd=self.where,
            env=env,
            timeout=60,
            capture_output=True,
            text=True,
        )
        assert not check or done.returncode == 0, (script, done.stderr)
        return done

    def python(self, script, check=True, **variables):
        env = dict(os.environ, IN=str(self.scratch), **variables)
        done = subprocess.run(
            [sys.executable, "-c", script],
            cwd=self.where,
            env=env,
            timeout=60,
            capture_output=True,
            text=True,
        )
        assert not check or done.returncode == 0, (script, done.stderr)
        return done

    def last_error(self):
        return (self.where / "last_error").read_text()

    def rejected(self):
        return sorted(os.listdir(self.where / "rejected"))

    def wait_for(self, what):
        end = time.monotonic() + DEADLINE
        while not what():
            assert time.monotonic() < end, "it did not happen in time"
            time.sleep(0.02)

    @contextlib.contextmanager
    def commits(self, count):
        """The block makes exactly that many versions, and leaves nothing else behind."""
        before, files = self.dataset().version, listing(self.path)
        yield
        if count:
            self.wait_for(lambda: self.dataset().version >= before + count)
        # a commit at the last close may be between its link and its last step
        self.wait_for(lambda: not list((self.path / "_versions").glob(".tmp*")))
        dataset = self.dataset()
        assert dataset.version == before + count
        dataset.validate()
        new = listing(self.path) - files
        referenced = {
            f"data/{f.path}"
            for version in range(before + 1, before + count + 1)
            for fragment in lance.dataset(str(self.path), version=version).get_fragments()
            for f in fragment.data_files()
        }
        assert {f for f in new if f.startswith("data/")} <= referenced
        assert len([f for f in new if f.startswith("_transactions/")]) == count
        manifests = [f for f in new if f.startswith("_versions/")]
        assert len([f for f in manifests if f.endswith(".manifest")]) == count
        assert all(
            f.endswith(".manifest") or f == "_versions/latest_version_hint.json" for f in manifests
        )

    @contextlib.contextmanager
    def rejects(self, name, reason):
        """The block fails to write columns/NAME: nothing changes, and it can be read up why."""
        with contextlib.suppress(FileNotFoundError):
            (self.where / "rejected" / name).unlink()
        existed = (self.columns / name).exists()
        with self.commits(0):
            yield
            self.wait_for(lambda: (self.where / "rejected" / name).exists())
        assert (self.columns / name).exists() == existed
        told = (self.where / "rejected" / f"{name}.error").read_text()
        assert reason in told and f"mv rejected/{name} columns/" in told, told
        line = next(line for line in self.last_error().splitlines() if reason in line)
        assert line.count(f"columns/{name}") == 1, line

    def check(self, name, expected):
        """pylance and the mount show these values, and their type."""
        got = self.dataset().to_table(columns=[name]).column(name)
        assert got.type == expected.type, (name, got.type)
        assert columns.same_values(got, expected), name
        columns.check_column(self.columns, name, got)


def txt(values):
    """The lines of a txt file."""

    def line(value):
        if value is None:
            return "\\N"
        if isinstance(value, bool):
            return str(value).lower()
        return columns.escape(value) if isinstance(value, str) else str(value)

    return "".join(line(value) + "\n" for value in values)


def table_at(directory, mount, version="2.2", **kwargs):
    directory = pathlib.Path(directory)
    path = make_table(directory / "t.lance", version, **kwargs)
    scratch = directory / "in"
    scratch.mkdir()
    return Table(path, mount(path), scratch)
