"""Eight writers of lancefs beside four of pylance on one dataset: nothing is lost, doubled or left over."""

import collections
import json
import pathlib
import subprocess
import sys

import lance
import pyarrow as pa
import pytest
from lance.file import LanceFileReader

from stress import BATCH, Ours, Theirs



STRESS = pathlib.Path(__file__).with_name("stress.py")
ROWS = 500
OPERATIONS = {"add": "Merge", "replace": "Merge", "append": "Append", "delete": "Delete", "drop": "Project", "update": "Update"}


def start(path, mounts, target):
    writers = []
    for number in range(8):
        writers.append(["lancefs", str(number), path, str(target), mounts[number % len(mounts)]])
    for number in range(4):
        writers.append(["pylance", str(number), path, str(target)])
    return [subprocess.Popen([sys.executable, STRESS, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            for words in writers]


def watch(path, processes):
    """Validate what is there, again and again, while they write."""
    checked = 0
    while any(p.poll() is None for p in processes):
        dataset = lance.dataset(str(path))
        dataset.validate()
        assert dataset.to_table(columns=["id", "v"], filter="v != 3 * id").num_rows == 0
        checked += 1
    return checked


def results(processes):
    ours, theirs = [], []
    for i, process in enumerate(processes):
        out, error = process.communicate(timeout=600)
        assert process.returncode == 0, error.decode()
        (ours if i < 8 else theirs).append(json.loads(out))
    return ours, theirs


def flat(logs, operation):
    return [subject for log in logs for done, subject in log["done"] if done == operation]


def check_rows(dataset, logs):
    expected = set(range(ROWS))
    for ids in flat(logs, "append"):
        expected |= set(ids)
    for ids in flat(logs, "delete"):
        expected -= set(ids)
    ids = dataset.to_table(columns=["id"]).column("id").to_pylist()
    assert len(ids) == len(set(ids)), "a row is there twice"
    assert set(ids) == expected


def check_updates(dataset, logs):
    """Each update counted once in each of its rows."""
    expected = collections.Counter(i for ids in flat(logs, "update") for i in ids)
    table = dataset.to_table(columns=["id", "n"])
    wrong = {i: n for i, n in zip(*(table.column(c).to_pylist() for c in ("id", "n"))) if (n or 0) != expected[i]}
    assert not wrong and expected


def check_columns(dataset, logs):
    expected = {"id", "v", "n"} | set(flat(logs, "add"))
    expected -= set(flat(logs, "drop"))
    assert set(dataset.schema.names) == expected
    table = dataset.to_table()
    for log in logs:
        last = {}
        for operation, subject in log["done"]:
            if operation in ("add", "replace"):
                last[subject] = operation
        for name in last:
            if name in table.column_names:
                values = set(table.column(name).to_pylist()) - {None}
                assert len(values) <= 1, f"{name} is a mixture: {values}"


def check_history(dataset, logs, before):
    """Each success is one version, and each version one success."""
    counted = collections.Counter()
    for version in dataset.versions():
        if version["version"] > before:
            counted[type(dataset.read_transaction(version["version"]).operation).__name__] += 1
    for name in set(OPERATIONS.values()):
        wanted = sum(len(flat(logs, operation)) for operation, of in OPERATIONS.items() if of == name)
        assert counted[name] == wanted, f"{name}: {counted[name]} versions, {wanted} successes"
    assert set(counted) <= set(OPERATIONS.values()) | {"Rewrite", "BaseOperation", "ReserveFragments"}, counted


def is_ours(file):
    """A data file that only lancefs writes here: a column alone, or a batch of new rows."""
    try:
        reader = LanceFileReader(str(file))
    except (OSError, ValueError):
        return True  # cut short: pylance leaves none in a run without crashes
    names = reader.metadata().schema.names
    if "id" not in names:
        return len(names) == 1 and (names[0].startswith("ours") or names == ["n"])
    ids = reader.read_all().to_table().column("id").to_pylist()
    first = ids[0]
    return Ours.first_id <= first < Theirs.first_id and ids == list(range(first, first + BATCH))


def check_files(path, dataset):
    used = set()
    for version in dataset.versions():
        for fragment in dataset.checkout_version(version["version"]).get_fragments():
            used |= {pathlib.Path(f.path).name for f in fragment.data_files()}
    left = [f for f in (path / "data").iterdir() if f.name not in used]
    assert not [f for f in left if is_ours(f)], "lancefs left data files"
    assert not [f for f in (path / "_versions").iterdir() if f.name.startswith(".tmp")]
    return len(left)


def run(tmp_path, mount, target, stable):
    path = tmp_path / "t.lance"
    ids = pa.array(range(ROWS), pa.int64())
    table = pa.table({"id": ids, "v": pa.array([3 * i for i in range(ROWS)], pa.int64()),
                      "n": pa.array([0] * ROWS, pa.int64())})
    dataset = lance.write_dataset(table, str(path), max_rows_per_file=200, enable_stable_row_ids=stable)
    before = dataset.version
    processes = start(path, [mount(path), mount(path)], target)
    checked = watch(path, processes)
    ours, theirs = results(processes)
    dataset = lance.dataset(str(path))
    for version in dataset.versions():
        dataset.checkout_version(version["version"]).validate()
    check_rows(dataset, ours + theirs)
    check_updates(dataset, ours + theirs)
    check_columns(dataset, ours + theirs)
    check_history(dataset, ours + theirs, before)
    left = check_files(path, dataset)
    assert dataset.version >= target and checked > 0
    print({"versions": dataset.version, "validated": checked, "left by pylance": left,
           "ours": sum(len(log["done"]) for log in ours), "ours lost": sum(log["lost"] for log in ours),
           "theirs": sum(len(log["done"]) for log in theirs), "theirs lost": sum(log["lost"] for log in theirs)})


@pytest.mark.timeout(600)
@pytest.mark.parametrize("stable", (False, True))
def test_twelve_writers__of_120_versions(tmp_path, mount, stable):
    run(tmp_path, mount, 120, stable)


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("stable", (False, True))
def test_twelve_writers__of_1000_versions(tmp_path, mount, stable):
    run(tmp_path, mount, 1000, stable)


READER = """
import sys, time
end, wrong, n = time.time() + 4, 0, 0
while time.time() < end:
    n += 1
    with open(sys.argv[1] + "/info") as f:
        wrong += "rows:" not in f.read()
    if n % 10 == 0:
        with open(f"{sys.argv[1]}/append/{sys.argv[2]}_{n}.csv", "w") as f:
            f.write("id\\n1\\n")
print(n, wrong)
sys.exit(wrong > 0)
"""


def test_generated_text__is_whole_while_others_read_and_commit(tmp_path, mount):
    path = tmp_path / "t.lance"
    lance.write_dataset(pa.table({"id": pa.array(range(10), pa.int64())}), str(path))
    mounts = [mount(path), mount(path)]
    readers = [subprocess.Popen([sys.executable, "-c", READER, mounts[i % 2], str(i)]) for i in range(6)]
    assert [r.wait(timeout=120) for r in readers] == [0] * 6
    lance.dataset(str(path)).validate()
