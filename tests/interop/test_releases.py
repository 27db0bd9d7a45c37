"""Datasets that each of several releases of pylance wrote, read as the newest reads them.

LANCEFS_RELEASES is a directory with a virtual environment venv-RELEASE for each older one;
tools/test --long makes them.  LANCEFS_RELEASE_TABLE is a file for the table of what was read.
"""

import ast
import json
import os
import pathlib
import random
import shutil
import subprocess
import sys

import lance
import pytest

import fuzz_read
import layouts
import random_history
import release_table
from conftest import lancectl

pytestmark = pytest.mark.long
HERE = pathlib.Path(__file__).parent
OLDER = [line.split()[0] for line in (HERE / "releases.txt").read_text().splitlines() if line[:1].isdigit()]
RELEASES = (*OLDER, lance.__version__)
FIRST = {"0.1": "0.10.18", "2.0": "0.10.18", "2.1": "0.20.0", "2.2": "0.39.0"}  # that writes it
WRITTEN = [(release, version) for version, first in FIRST.items() for release in RELEASES[RELEASES.index(first):]]
UNWRITTEN = [(release, version) for version, first in FIRST.items() for release in RELEASES[:RELEASES.index(first)]]
# before a version was done, releases wrote files that pylance 14.0.2 does not read, or few of their pages
UNFINISHED = (("0.10.18", "2.0"), ("0.20.0", "2.1"), ("0.25.2", "2.1"), ("0.30.0", "2.1"), ("0.39.0", "2.2"),
              ("1.0.4", "2.2"))
SEEDS = int(os.environ.get("LANCEFS_SEEDS", 25))
EVERY = 2  # of them have a column of each type
LOSING_BLOB_NULLS = ("2.0.1", "4.0.2", "7.1.0")
BLOBS = """
import lance, pyarrow, sys
values = [None if i % 3 == 1 else b"x" * (i * i * 7 % 200) * (500 if i % 5 == 0 else 1) for i in range(100)]
if sys.argv[2] == "v2":
    field, array = lance.blob_field("blob"), lance.blob_array(values)
else:
    field = pyarrow.field("blob", pyarrow.large_binary(), metadata={"lance-encoding:blob": "true"})
    array = pyarrow.array(values, pyarrow.large_binary())
lance.write_dataset(pyarrow.table([array], schema=pyarrow.schema([field])), sys.argv[1],
                    data_storage_version=sys.argv[3])
print(values)
"""


@pytest.fixture(scope="session")
def table():
    outcomes = release_table.Outcomes()
    yield outcomes
    if "LANCEFS_RELEASE_TABLE" in os.environ:
        pathlib.Path(os.environ["LANCEFS_RELEASE_TABLE"]).write_text("\n".join(outcomes.lines(lance.__version__)) + "\n")


def python_of(release):
    if release == lance.__version__:
        return sys.executable
    found = pathlib.Path(os.environ.get("LANCEFS_RELEASES", "/nonexistent")) / f"venv-{release}" / "bin" / "python"
    if not found.exists():
        pytest.skip(f"no pylance {release}: run tools/test --long")
    return found


def write(release, path, seed, version, *words):
    """(what the release made of it, None) or, if it wrote nothing at all, (None, why)."""
    script = pathlib.Path(random_history.__file__)
    done = subprocess.run([python_of(release), script, path, str(seed), version, *words], capture_output=True,
                          timeout=600, env=dict(os.environ, RUST_BACKTRACE="0"))
    if done.returncode:
        return None, done.stderr.decode(errors="replace").strip().splitlines()[-1]
    return json.loads(done.stdout.splitlines()[-1]), None


def files_of(path):
    return {str(p): (p.stat().st_size, p.stat().st_mtime_ns) for p in pathlib.Path(path).rglob("*") if p.is_file()}


def versions_of(path):
    """The versions that the newest pylance opens, and those that it does not."""
    opened, refused = [], []
    for number in range(1, len(os.listdir(f"{path}/_versions")) + 1):
        try:
            lance.dataset(path, version=number)
            opened.append(number)
        except BaseException as error:
            if not random_history.is_refusal(error):
                raise
            refused.append(number)
    return opened, refused


class Run:
    """The datasets of one release in one version."""

    def __init__(self, release, version):
        self.release, self.version = release, version
        self.totals = fuzz_read.Totals()

    def check(self, path, seed, **options):
        """{column: what came of it}; reading changes no file."""
        before = files_of(path)
        check = fuzz_read.Check(random.Random(seed), path, self.totals,
                                loses_blob_nulls=self.release in LOSING_BLOB_NULLS, every_version=True)
        opened, refused = versions_of(path)
        try:
            if refused:
                check.refused(refused)
                for number in opened:
                    check.version(lance.dataset(path, version=number), number)
            else:
                check.run(lance.dataset(path), **options)
        except AssertionError as error:
            self.totals.differences.append((seed, self.version, f"{pathlib.Path(path).name}: {error}"))
            if "LANCEFS_KEEP" in os.environ:
                kept = pathlib.Path(os.environ["LANCEFS_KEEP"]) / f"{self.release}-{self.version}-{seed}"
                shutil.copytree(path, kept / pathlib.Path(path).name, dirs_exist_ok=True)
        assert files_of(path) == before, "reading changed the dataset"
        return check.outcomes

    def dataset(self, where, seed, table):
        path = str(where / "t.lance")
        where.mkdir()
        made, why = write(self.release, path, seed, self.version, *(["every"] if seed < EVERY else []))
        if made is None:
            self.totals.refused[f"whole dataset: {why[:100]}"] += 1
            return
        self.totals.refused.update(made["refused"])
        self.totals.steps.update(made["steps"])
        assert f"writer: lance {self.release}\n" in lancectl("info", path, "--version=1").stdout.decode()
        outcomes = self.check(path, seed, with_mount=seed < EVERY or seed % 6 == 0)
        self.totals.compared += 1
        if seed < EVERY:
            for alone in sorted(pathlib.Path(path + ".alone").iterdir()):
                outcomes |= self.check(str(alone), seed, with_mount=False)
            table.add(self.release, self.version, made["fates"], outcomes)
        shutil.rmtree(where)


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("release, version", WRITTEN)
def test_release__is_read_as_pylance_reads_it(tmp_path, capsys, table, release, version):
    run = Run(release, version)
    for seed in range(SEEDS):
        run.dataset(tmp_path / f"t{seed}", seed, table)
    totals = run.totals
    table.datasets[release, version] = totals.compared
    with capsys.disabled():
        print(f"\npylance {release}, version {version}: " + next(totals.report()), flush=True)
        if os.environ.get("LANCEFS_VERBOSE"):
            print("\n".join(f"  {n} x {why}" for why, n in totals.refused.most_common()))
            print("\n".join(layouts.table(totals.pages)))
    assert not totals.differences, "\n".join(map(str, totals.differences))
    assert totals.compared > SEEDS // 2
    assert (release, version) in UNFINISHED or totals.columns > 100


@pytest.mark.parametrize("release, version", UNWRITTEN)
def test_release__does_not_write_the_version(tmp_path, release, version):
    made, why = write(release, str(tmp_path / "t.lance"), 1, version)
    assert made is None and "version" in why, why


@pytest.mark.parametrize("kind, version, release", [
    *(("v1", v, r) for v in ("2.0", "2.1") for r in RELEASES if (r, v) in WRITTEN and r not in OLDER[:3]
      and (r, v) not in UNFINISHED), ("v1", "2.2", "2.0.1"), *(("v2", "2.2", r) for r in RELEASES[OLDER.index("4.0.2"):])])
def test_blobs__are_what_was_written(tmp_path, mount, kind, version, release):
    path = tmp_path / "t.lance"
    done = subprocess.run([python_of(release), "-c", BLOBS, path, kind, version], capture_output=True, check=True,
                          timeout=600)
    written = ast.literal_eval(done.stdout.decode())
    files = {int(p.name.split(".")[0]): p for p in (mount(path) / "columns" / "blob").iterdir()}
    assert {row: path.read_bytes() for row, path in files.items()} == {
        row: value for row, value in enumerate(written) if value is not None}
