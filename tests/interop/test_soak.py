"""lancefs and pylance write, compact and clean up one dataset side by side: nothing is lost, doubled or left over."""

import json
import os
import pathlib
import random
import subprocess
import sys

import lance
import pyarrow as pa
import pytest

from conftest import lancectl, mounted
from test_stress import check_columns, flat

SOAK = pathlib.Path(__file__).with_name("soak.py")
CREW = ("PylanceWriter", "PylanceWriter", "PylanceKeeper", "LancefsWriter", "LancefsWriter", "LancefsKeeper", "Reader")
ROWS = 300


def make(path, stable):
    ids = pa.array(range(ROWS), pa.int64())
    table = pa.table({"id": ids, "v": pa.array([3 * i for i in range(ROWS)], pa.int64()), "n": pa.nulls(ROWS, pa.int64())})
    dataset = lance.write_dataset(table, str(path), max_rows_per_file=100, enable_stable_row_ids=stable)
    dataset.create_scalar_index("id", "BTREE")


def run_crew(path, seconds, where):
    crew = [subprocess.Popen([sys.executable, SOAK, kind, str(number), path, str(seconds), where],
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE) for number, kind in enumerate(CREW)]
    logs = []
    for kind, process in zip(CREW, crew):
        out, error = process.communicate(timeout=seconds + 240)
        assert process.returncode == 0, f"{kind}: {error.decode()[-3000:]}"
        logs.append(json.loads(out))
        counts = {operation: len(flat(logs[-1:], operation)) for operation in {o for o, _ in logs[-1]["done"]}}
        print(kind, counts, "lost:", logs[-1]["lost"], logs[-1]["why"])
    return logs


def check_rows(dataset, logs):
    expected = set(range(ROWS)).union(*flat(logs, "append")).difference(*flat(logs, "delete"))
    table = dataset.to_table(columns=["id", "v"])
    ids = table.column("id").to_pylist()
    assert len(ids) == len(set(ids)), "a row is there twice"
    assert set(ids) == expected, (sorted(set(ids) - expected)[:9], sorted(expected - set(ids))[:9])
    assert table.column("v").to_pylist() == [3 * i for i in ids]
    for i in random.Random(1).sample(sorted(expected), 20) + flat(logs, "delete")[0]:
        assert dataset.to_table(columns=["id"], filter=f"id = {i}").num_rows == (i in expected), i


def referenced(dataset):
    """Files that the versions need which are there."""
    needed = set()
    for number in (v["version"] for v in dataset.versions()):
        version = dataset.checkout_version(number)
        version.validate()
        for fragment in version.get_fragments():
            needed |= {f"data/{f.path}" for f in fragment.data_files()}
            if fragment.deletion_file():
                needed.add(fragment.deletion_file())
        needed |= {f"_indices/{s.uuid}" for i in version.describe_indices() for s in i.segments}
    return needed


def there(path):
    """The same kinds of files, as they lie there."""
    found = {str(p.relative_to(path)) for d in ("data", "_deletions") for p in (path / d).rglob("*") if p.is_file()}
    return found | {f"_indices/{p.name}" for p in (path / "_indices").iterdir()}


def check_files(path):
    dataset = lance.dataset(str(path))
    needed = referenced(dataset)
    assert needed <= there(path), needed - there(path)
    lancectl("cleanup", path, "--older-than=0s", "--unreferenced-older-than=0s")
    dataset = lance.dataset(str(path))
    needed = referenced(dataset)
    assert there(path) == needed, (there(path) - needed, needed - there(path))
    assert len(list((path / "_transactions").iterdir())) <= 1
    left = [p.name for p in (path / "_versions").iterdir()]
    assert len([name for name in left if name.endswith(".manifest")]) == 1, left
    assert set(left) <= {n for n in left if n.endswith(".manifest")} | {"latest_version_hint.json"}, left


def soak(path, seconds, stable):
    make(path, stable)
    with mounted(path, path.parent / "mnt") as where:  # which holds no version when files are counted
        logs = run_crew(path, seconds, where)
    dataset = lance.dataset(str(path))
    dataset.validate()
    check_rows(dataset, logs)
    check_columns(dataset, logs)
    assert lancectl("verify", path, "--deep", check=False).returncode == 0
    check_files(path)
    check_rows(lance.dataset(str(path)), logs)
    assert all(flat(logs, operation) for operation in ("append", "delete", "compact", "merge", "clean", "add", "pinned", "live", "row"))


@pytest.mark.timeout(200)
@pytest.mark.parametrize("stable", (False, True))
def test_soak__of_ten_seconds(tmp_path, stable):
    soak(tmp_path / "t.lance", 10, stable)


@pytest.mark.long
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("stable", (False, True))
def test_soak__of_minutes(tmp_path, stable):
    soak(tmp_path / "t.lance", float(os.environ.get("LANCEFS_SOAK_SECONDS", "600")) / 2, stable)
