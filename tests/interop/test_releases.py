"""Datasets that each of several releases of pylance wrote, read as the newest reads them.

LANCEFS_RELEASES is a directory with a virtual environment venv-RELEASE for each older one;
tools/test --long makes them.
"""

import ast
import json
import os
import pathlib
import random
import subprocess
import sys

import lance
import pytest

import fuzz_read
import layouts
import random_history
from conftest import lancectl

pytestmark = pytest.mark.long
RELEASES = ("1.0.4", "4.0.2", "8.0.1", "11.0.0", "14.0.2")
VERSIONS = ("2.0", "2.1", "2.2")
SEEDS = 12
LOSING_BLOB_NULLS = ("4.0.2", "8.0.1")
BLOBS = """
import lance, pyarrow, sys
values = [None if i % 3 == 1 else b"x" * (i * i * 7 % 200) * (500 if i % 5 == 0 else 1) for i in range(100)]
schema = pyarrow.schema([lance.blob_field("blob")])
lance.write_dataset(pyarrow.table([lance.blob_array(values)], schema=schema), sys.argv[1], data_storage_version="2.2")
print(values)
"""


def python_of(release):
    if release == lance.__version__:
        return sys.executable
    found = pathlib.Path(os.environ.get("LANCEFS_RELEASES", "/nonexistent")) / f"venv-{release}" / "bin" / "python"
    if not found.exists():
        pytest.skip(f"no pylance {release}: run tools/test --long")
    return found


def write(release, path, seed, version, *words):
    """What the release refused, or None if it wrote nothing at all."""
    script = pathlib.Path(random_history.__file__)
    done = subprocess.run([python_of(release), script, path, str(seed), version, *words], capture_output=True,
                          timeout=600, env=dict(os.environ, RUST_BACKTRACE="0"))
    if done.returncode:
        return None
    return json.loads(done.stdout.splitlines()[-1])[0]


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("release", RELEASES)
def test_release__is_read_as_pylance_reads_it(tmp_path, capsys, release, version):
    totals = fuzz_read.Totals()
    for seed in range(SEEDS + 1):
        path = str(tmp_path / f"t{seed}" / "t.lance")
        os.mkdir(os.path.dirname(path))
        refused = write(release, path, seed, version, *(["every"] if seed == 0 else []))
        if refused is None:
            assert seed, "the table of all types was not written"
            continue
        assert f"writer: lance {release}\n" in lancectl("info", path).stdout.decode()
        totals.refused.update(refused)
        check = fuzz_read.Check(random.Random(seed), path, totals, loses_blob_nulls=release in LOSING_BLOB_NULLS)
        check.run(lance.dataset(path), with_mount=seed % 6 == 0)
        totals.compared += 1
    with capsys.disabled():
        print(f"\npylance {release}, version {version}: " + next(totals.report()))
        if os.environ.get("LANCEFS_VERBOSE"):
            print("\n".join(f"  {n} x {why}" for why, n in totals.refused.most_common()))
            print("\n".join(layouts.table(totals.pages)))
    assert totals.compared > SEEDS // 2


@pytest.mark.parametrize("release", RELEASES[1:])
def test_blobs__are_what_was_written(tmp_path, mount, release):
    path = tmp_path / "t.lance"
    done = subprocess.run([python_of(release), "-c", BLOBS, path], capture_output=True, check=True, timeout=600)
    written = ast.literal_eval(done.stdout.decode())
    files = {int(p.name.split(".")[0]): p for p in (mount(path) / "columns" / "blob").iterdir()}
    assert {row: path.read_bytes() for row, path in files.items()} == {
        row: value for row, value in enumerate(written) if value is not None}
