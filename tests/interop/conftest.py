"""Helpers of the interop tests: mounts, datasets, and column files as Arrow arrays."""

import contextlib
import os
import pathlib
import shutil
import subprocess
import time

import pytest

pytest.register_assert_rewrite("written", "columns")  # their assertions say what differs

BIN = pathlib.Path(os.environ["LANCEFS_BIN"])


@contextlib.contextmanager
def mounted(dataset, where, *options):
    """Mount a dataset; the daemon's stderr is kept beside the mount point and must stay clean."""
    where.mkdir(parents=True, exist_ok=True)
    log = where.parent / (where.name + ".log")
    with open(log, "ab") as stderr:
        daemon = subprocess.Popen([BIN / "lancefs", "-f", *options, dataset, where], stderr=stderr)
    try:
        deadline = time.monotonic() + 60
        while not os.path.ismount(where):
            assert daemon.poll() is None, log.read_text(errors="replace")
            assert time.monotonic() < deadline, "the mount did not appear"
            time.sleep(0.01)
        yield where
    finally:
        subprocess.run(["fusermount3", "-uz", where], check=False)
        try:
            code = daemon.wait(timeout=45)
        except subprocess.TimeoutExpired:
            daemon.kill()
            code = daemon.wait()
    text = log.read_text(errors="replace")
    assert "Sanitizer" not in text and "runtime error" not in text, text
    assert code == 0, text


@pytest.fixture
def mount(tmp_path):
    """mount(dataset, *options) -> mount point; unmounted at the end of the test."""
    with contextlib.ExitStack() as stack:
        count = iter(range(100))

        def make(dataset, *options):
            where = tmp_path / f"mnt{next(count)}"
            return stack.enter_context(mounted(dataset, where, *options))

        yield make


@pytest.fixture
def fresh(tmp_path):
    """fresh(dataset) -> a copy that the test may change."""
    count = iter(range(100))

    def copy(dataset):
        where = tmp_path / f"copy{next(count)}.lance"
        shutil.copytree(dataset, where)
        return where

    return copy


def lancectl(*words, check=True, **kwargs):
    return subprocess.run([BIN / "lancectl", *map(str, words)], check=check,
                          capture_output=True, **kwargs)


def cmdline(process):
    """The command line of a /proc entry; empty if it is gone."""
    try:
        return (process / "cmdline").read_bytes()
    except OSError:
        return b""
