"""Extension types: JSON and bfloat16 are shown as what they mean, others as their storage."""

import json
import os
import random

import lance
import numpy as np
import pyarrow as pa
import pytest
from lance.arrow import bfloat16_array

import columns
import fuzz_read


def random_json(rng, depth=3):
    kind = rng.randrange(9 if depth else 6)
    if kind == 0:
        return rng.choice((None, True, False))
    if kind == 1:
        return rng.choice((0, -1, 255, 256, 2**31, -2**63, 2**64 - 1, rng.randint(-10**6, 10**6)))
    if kind in (2, 3):
        return rng.choice((0.5, -1e-7, 1e-5, 1e16, 12345.678, 1e300, rng.gauss(0, 1), rng.gauss(0, 1) * 10**rng.randint(-30, 30)))
    if kind in (4, 5):
        return "".join(rng.choice(("a", "é", "画", '"', "\\", "\n", "\x01", "\x7f", "😀")) for _ in range(rng.randint(0, 9)))
    if kind < 8:
        return [random_json(rng, depth - 1) for _ in range(rng.randint(0, 4))]
    return {random_json(rng, 0).__repr__(): random_json(rng, depth - 1) for _ in range(rng.randint(0, 4))}


def write(path, version, rows=2000, seed=5):
    rng = random.Random(seed)
    texts = [None if rng.random() < 0.1 else json.dumps(random_json(rng)) for _ in range(rows)]
    floats = [None if rng.random() < 0.1 else rng.gauss(0, 1) for _ in range(rows)]
    vectors = pa.FixedSizeListArray.from_arrays(bfloat16_array([rng.gauss(0, 1) for _ in range(rows * 4)]), 4)
    ids = pa.array([rng.randbytes(16) for _ in range(rows)], pa.uuid())
    table = pa.table({"j": pa.array(texts, pa.json_()), "b": bfloat16_array(floats), "v": vectors, "u": ids})
    return lance.write_dataset(table, str(path), data_storage_version=version, max_rows_per_file=900)


def as_float(column):
    """bfloat16 values as float32, by their bits."""
    storage = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    storage = storage.storage if isinstance(storage, pa.ExtensionArray) else storage
    return [None if v is None else np.uint32(int.from_bytes(v, "little") << 16).view(np.float32) for v in storage.to_pylist()]


@pytest.mark.parametrize("version", ("2.0", "2.1", "2.2"))
def test_extensions__read(tmp_path, mount, version):
    path = tmp_path / "t.lance"
    expected = write(path, version).to_table()
    where = mount(path)
    assert set(os.listdir(where / "columns")) == {"j.txt", "b.txt", "v.npy", "u"}
    texts = expected.column("j").to_pylist()
    lines = [columns.unescape(line) for line in (where / "columns" / "j.txt").read_text().split("\n")[:-1]]
    assert lines == texts
    values = as_float(expected.column("b"))
    lines = (where / "columns" / "b.txt").read_text().split("\n")[:-1]
    assert [None if x == "\\N" else np.float32(x) for x in lines] == values
    vectors = np.load(where / "columns" / "v.npy")
    assert vectors.dtype == np.float32 and vectors.shape == (expected.num_rows, 4)
    assert vectors.ravel().tolist() == as_float(expected.column("v").combine_chunks().flatten())
    for name in ("j", "b", "u"):
        fuzz_read.compare(fuzz_read.read_arrow(str(path), name), expected.column(name), name)
    row = next(i for i, text in enumerate(texts) if text and text.startswith("{"))
    assert (where / "rows" / str(row) / "j.txt").read_text() == texts[row]
    table = json.loads((where / "table" / "table.jsonl").read_text().split("\n")[row])
    assert table["j"] == texts[row]
    assert os.getxattr(where / "columns" / "j.txt", "user.lance.extension") == b"lance.json"
    assert os.getxattr(where / "columns" / "j.txt", "user.lance.type") == b"large_binary"
