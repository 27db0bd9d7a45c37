"""Columns that Lance computes: row ids, addresses, and the versions that made or changed a row."""

import random

import lance
import pyarrow as pa
import pytest

import fuzz_read
from conftest import lancectl

SYSTEM = ("_rowid", "_rowaddr", "_rowoffset", "_row_created_at_version", "_row_last_updated_at_version")


def step(rng, path, dataset, rows):
    """One random change; appended values begin at `rows`."""
    kind = rng.choice(("append", "delete", "update", "compact", "merge", "add"))
    if kind == "append":
        lance.write_dataset(pa.table({"a": pa.array(range(rows, rows + 333), pa.int64())}), path, mode="append",
                            max_rows_per_file=rng.choice((100, 1000)))
        return rows + 333
    if kind == "delete":
        dataset.delete(f"a % {rng.choice((2, 3, 50))} = 1 and a > {rng.randrange(rows)}")
    elif kind == "update":
        dataset.update({"a": "a + 100000"}, where=f"a % {rng.choice((5, 40))} = 2")
    elif kind == "compact":
        dataset.optimize.compact_files(target_rows_per_fragment=rng.choice((400, 100000)))
    elif kind == "merge":
        keys = pa.table({"a": pa.array(range(rows - 20, rows + 20), pa.int64())})
        dataset.merge_insert("a").when_matched_update_all().when_not_matched_insert_all().execute(keys)
        return rows + 20
    return rows


def check(rng, path, version):
    dataset = lance.dataset(path, version=version)
    for name in SYSTEM:
        expected = dataset.scanner(columns=[name]).to_table().column(0)
        options = [f"--version={version}"]
        fuzz_read.compare(fuzz_read.read_arrow(path, name, *options), expected, f"{name} of version {version}")
        for _ in range(3 if len(expected) else 0):
            first = rng.randrange(len(expected))
            end = min(len(expected), first + rng.choice((1, 7, 200)))
            got = fuzz_read.read_arrow(path, name, f"--rows={first}:{end}", *options)
            fuzz_read.compare(got, expected[first:end], f"{name}, rows {first}:{end} of version {version}")


@pytest.mark.parametrize("stable", (False, True))
@pytest.mark.parametrize("seed", range(6))
def test_lineage__equals_pylances(tmp_path, stable, seed):
    rng, rows, path = random.Random(seed), 1000, str(tmp_path / "t.lance")
    lance.write_dataset(pa.table({"a": pa.array(range(rows), pa.int64())}), path, max_rows_per_file=300,
                        enable_stable_row_ids=stable)
    for _ in range(6):
        rows = step(rng, path, lance.dataset(path), rows)
    latest = lance.dataset(path).version
    for version in {1, latest, rng.randint(1, latest)}:
        check(rng, path, version)


def test_lineage__that_was_spilled(tmp_path):
    """pylance moves long sequences to hidden columns of data files where the table asks for it."""
    rng, path = random.Random(5), str(tmp_path / "t.lance")
    dataset = lance.write_dataset(pa.table({"a": pa.array(range(1000), pa.int64())}), path, max_rows_per_file=300,
                                  enable_stable_row_ids=True)
    dataset.update_config({"lance.row_lineage.spill": "true", "lance.row_lineage.inline_max_bytes": "16"})
    for turn in range(3):
        dataset.update({"a": "a + 1"}, where=f"a % {7 + turn} = {turn}")
        dataset.delete(f"a % {31 + turn} = 2")
    dataset.optimize.compact_files(target_rows_per_fragment=600)
    lance.dataset(path).update({"a": "a * 2"}, where="a % 3 = 1")
    dataset = lance.dataset(path)
    assert {-3, -4, -5} <= {id for f in dataset.get_fragments() for file in f.data_files() for id in file.fields}
    for version in (dataset.version - 1, dataset.version):
        check(rng, path, version)
    assert lancectl("verify", path, "--deep").returncode == 0
    refused = lancectl("rename", path, "a", "b", check=False)
    assert refused.returncode == 1 and b"spilled row lineage" in refused.stderr


def test_lineage__in_the_tree(tmp_path, mount):
    path = str(tmp_path / "t.lance")
    lance.write_dataset(pa.table({"a": pa.array(range(9), pa.int64())}), path, max_rows_per_file=4)
    where = mount(path)
    assert (where / "columns" / "_rowaddr.txt").read_text().split()[4:6] == [str(1 << 32), str(1 << 32 | 1)]
    assert "_rowaddr.txt" not in [p.name for p in (where / "columns").iterdir()]
    assert (where / "rows" / "8" / "_rowid.txt").read_text() == f"{2 << 32}\n"
    assert "_rowid.txt" not in [p.name for p in (where / "rows" / "8").iterdir()]
    with pytest.raises(OSError, match="Invalid argument"):
        (where / "columns" / "_rowid.txt").write_text("1\n" * 9)
    assert "reserves" in (where / "last_error").read_text()
    (where / "columns" / "copy.npy").write_bytes((where / "columns" / "_rowid.npy").read_bytes())
    dataset = lance.dataset(path)
    assert dataset.to_table()["copy"] == dataset.scanner(columns=["_rowid"]).to_table().column(0)
    assert lancectl("verify", path, "--deep").returncode == 0
