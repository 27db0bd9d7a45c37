"""Tables of 0.1 files, which pylance still writes, read as it reads them; and what is refused."""

import lance
import pyarrow as pa
import pytest

import fuzz_read
from conftest import lancectl


def test_random_datasets__equal_pylance(capsys):
    totals = fuzz_read.run(1, 15, storage="0.1")
    with capsys.disabled():
        print("\nfuzz_read: 0.1: " + next(totals.report()))
    assert totals.compared >= 5 and not totals.differences, totals.differences


def old_table(path, rows=10):
    lance.write_dataset(pa.table({"i": range(rows), "t": [None if i % 3 == 1 else f"t{i}" for i in range(rows)]}), path,
                        data_storage_version="legacy", max_rows_per_group=4)
    return lance.dataset(path)


@pytest.mark.parametrize("words", [("add", "x", "1"), ("delete", "i = 1"), ("compact",), ("drop", "i")])
def test_writing__is_refused_with_what_to_do(tmp_path, words):
    path = str(tmp_path / "t.lance")
    before = old_table(path).version
    done = lancectl(words[0], path, *words[1:], check=False)
    message = done.stderr if isinstance(done.stderr, str) else done.stderr.decode()
    assert done.returncode == 1 and "0.1" in message and "lancectl create NEW --from=" in message
    assert lance.dataset(path).version == before


def test_create__migrates(tmp_path):
    old, new = str(tmp_path / "old.lance"), str(tmp_path / "new.lance")
    dataset = old_table(old)
    lancectl("create", new, f"--from={old}")
    made = lance.dataset(new)
    assert made.data_storage_version == "2.2"
    assert made.to_table().equals(dataset.to_table())
