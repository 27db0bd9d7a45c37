"""Tables of versions that are only read, 0.1 and 2.3, read as pylance reads them; and what is refused."""

import random

import lance
import pyarrow as pa
import pytest

import fuzz_read
import layouts
from conftest import lancectl

STORAGE = {"0.1": "legacy", "2.3": "2.3"}
storages = pytest.mark.parametrize("storage", STORAGE)


@pytest.mark.parametrize("storage, seed, count, at_least", [("0.1", 1, 15, 5), ("2.3", 8, 3, 2)])
def test_random_datasets__equal_pylance(capsys, storage, seed, count, at_least):
    totals = fuzz_read.run(seed, count, storage=storage)
    with capsys.disabled():
        print(f"\nfuzz_read: {storage}: " + next(totals.report()))
    assert totals.compared >= at_least and not totals.differences, totals.differences


def made(path, storage, rows=10):
    lance.write_dataset(pa.table({"i": range(rows), "t": [None if i % 3 == 1 else f"t{i}" for i in range(rows)]}), path,
                        data_storage_version=STORAGE[storage], max_rows_per_group=4)
    return lance.dataset(path)


@storages
@pytest.mark.parametrize("words", [("add", "x", "1"), ("delete", "i = 1"), ("compact",), ("drop", "i")])
def test_writing__is_refused_with_what_to_do(tmp_path, words, storage):
    path = str(tmp_path / "t.lance")
    before = made(path, storage).version
    done = lancectl(words[0], path, *words[1:], check=False)
    message = done.stderr if isinstance(done.stderr, str) else done.stderr.decode()
    assert done.returncode == 1 and f"version {storage}" in message and "lancectl create NEW --from=" in message
    assert lance.dataset(path).version == before


@storages
def test_create__migrates(tmp_path, storage):
    old, new = str(tmp_path / "old.lance"), str(tmp_path / "new.lance")
    dataset = made(old, storage)
    lancectl("create", new, f"--from={old}")
    migrated = lance.dataset(new)
    assert migrated.data_storage_version == "2.2"
    assert migrated.to_table().equals(dataset.to_table())


# --- 2.3 ---

def some(rng, rows, share, make):
    return [make(i) if rng.random() < share else None for i in range(rows)]


def every_layout(rows=3000):
    """A column for each way in which pylance 14.0.2 lays a page of 2.3 out, by hints or by what is in it."""
    rng = random.Random(23)
    words = ["".join(rng.choice("abcdefgh") for _ in range(1500)) for _ in range(46)]
    point = pa.struct([("a", pa.int32()), ("l", pa.list_(pa.int16()))])
    three = [{"a": 1, "l": [1, 2]}, None, {"a": None, "l": []}]
    columns = {
        "chunks": (pa.int64(), range(rows), None),
        "runs": (pa.int32(), [i // 700 for i in range(rows)], None),
        "same": (pa.int16(), [7] * rows, None),
        "texts_of_a_length": (pa.string(), [f"{i:05}" for i in range(rows)], None),
        "short_texts": (pa.binary(), [rng.randbytes(rng.randint(0, 9)) for _ in range(rows)], None),
        "texts": (pa.string(), [f"text {rng.random()}"[:rng.randint(1, 24)] for _ in range(rows)], None),
        "few_texts": (pa.string(), [words[i % 46][:40] for i in range(rows)], None),
        "few_vectors": (pa.list_(pa.float32(), 8), [[float(i % 9)] * 8 for i in range(rows)], None),
        "wide": (pa.list_(pa.float32(), 64), [[float(i)] * 64 for i in range(rows)], None),
        "none": (pa.float64(), [None] * rows, None),
        "rarely_wide": (pa.string(), some(rng, rows, 0.1, lambda i: words[i % 46][:300] + str(i)), None),
        "rarely_one": (pa.int64(), some(rng, rows, 0.1, lambda i: 5), None),
        "sparse": (pa.int64(), some(rng, rows, 0.4, lambda i: i * i), "sparse"),
        "sparse_runs": (pa.int32(), [None if i // 90 % 2 else i // 40 for i in range(rows)], "sparse"),
        "sparse_few": (pa.string(), some(rng, rows, 0.5, lambda i: words[i % 46][:40]), "sparse"),
        "sparse_wide_few": (pa.string(), some(rng, rows, 0.7, lambda i: words[i * 7 % 46]), "sparse"),
        "sparse_wide": (pa.binary(), some(rng, rows, 0.2, lambda i: rng.randbytes(rng.randint(0, 600))), "sparse"),
        "sparse_lists": (pa.list_(pa.int32()), some(rng, rows, 0.7, lambda i: [rng.randint(0, 9)] * (i % 5)), "sparse"),
        "lists_of_lists_of_a_size": (pa.list_(pa.list_(point, 3)), some(rng, rows, 0.5, lambda i: [three] * (i % 3)), None),
    }
    fields = [pa.field(name, kind, metadata={"lance-encoding:structural-encoding": hint} if hint else None)
              for name, (kind, _, hint) in columns.items()]
    return pa.table([pa.array(values, kind) for kind, values, _ in columns.values()], schema=pa.schema(fields))


def test_every_layout_of_2_3__equals_pylance(tmp_path):
    path = str(tmp_path / "t.lance")
    lance.write_dataset(every_layout(), path, data_storage_version="2.3")
    dataset = lance.dataset(path)
    for name in dataset.schema.names:
        values = dataset.to_table(columns=[name]).column(0)
        fuzz_read.compare(fuzz_read.read_arrow(path, name), values, name)
        fuzz_read.compare(fuzz_read.read_arrow(path, name, "--rows=1001:1003"), values[1001:1003], f"{name}, two rows")
    assert lancectl("verify", path, "--deep").returncode == 0
    pages = layouts.of_dataset(dataset)
    assert {layout for _, _, layout, _ in pages} >= {
        *("dense " + plane for plane in ("chunked", "chunked+dict", "zipped", "constant")),
        *("sparse " + plane for plane in ("chunked", "chunked+dict", "zipped", "indexed", "constant", "none"))}
    encodings = " ".join(encoding for _, _, _, encoding in pages)
    for part in ("variable(range)", "variable(delta", "fixed lists", "counts: ", "list flat", "rle"):
        assert part in encodings, part


def test_files_of_2_3_in_a_table_of_2_2__are_rewritten(tmp_path):
    """pylance appends them, and so may a table that is written come to have them."""
    path = str(tmp_path / "t.lance")
    table = every_layout(rows=400).drop_columns("lists_of_lists_of_a_size")  # of 2.3 only, as are the hints
    table = table.cast(pa.schema([pa.field(f.name, f.type) for f in table.schema]))
    for version in ("2.2", "2.3", "2.3"):
        lance.write_dataset(table, path, mode="append", data_storage_version=version)
    lancectl("delete", path, "chunks % 7 = 2")
    lancectl("add", path, "twice", "chunks * 2")
    expected = lance.dataset(path).to_table()
    assert expected.num_rows == 3 * sum(i % 7 != 2 for i in range(400))
    lancectl("compact", path)
    dataset = lance.dataset(path)
    assert {f.file_minor_version for fragment in dataset.get_fragments() for f in fragment.data_files()} == {2}
    assert dataset.to_table().equals(expected)
