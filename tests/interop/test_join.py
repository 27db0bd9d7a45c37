"""Joined columns: what pandas' merge, and pylance's own, make of the same data."""

import json
import random

import lance
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from conftest import lancectl
from test_append import write_csv
from test_schema import VERSIONS, fails, valid

KEYS = {
    "int32": (pa.int32(), lambda k: k - 400),
    "uint64": (pa.uint64(), lambda k: k * 2**52),
    "string": (pa.string(), lambda k: f"ключ {k}, \"{k}\"" if k else ""),
    "large_string": (pa.large_string(), lambda k: str(k)),
    "binary": (pa.binary(), lambda k: k.to_bytes(3, "little")),
    "timestamp": (pa.timestamp("us"), lambda k: k * 1_000_001),
    "bool": (pa.bool_(), lambda k: k % 2 == 1),
}


def make(path, key, rng, version="2.1", stable=False, n=1500):
    """Fragments of 400 rows, some deleted, keys that come several times or are null."""
    kind, of = KEYS[key]
    keys = [None if rng.random() < 0.05 else of(rng.randrange(n)) for _ in range(n)]
    present = [None if rng.random() < 0.3 else rng.randrange(-9, 9) for _ in range(n)]
    table = pa.table({"row": pa.array(range(n), pa.int64()), "key": pa.array(keys, kind),
                      "old": pa.array(present, pa.int16())})
    dataset = lance.write_dataset(table, str(path), max_rows_per_file=400, data_storage_version=version,
                                  enable_stable_row_ids=stable)
    dataset.delete("row % 11 = 4 or (row >= 400 and row < 800)")
    return lance.dataset(str(path))


def features(key, rng, n=1500):
    """Distinct keys, half of which the table may have, in no order."""
    kind, of = KEYS[key]
    keys = list(dict.fromkeys(of(k) for k in rng.sample(range(n * 2), n)))
    m = len(keys)
    return pa.table({
        "old": pa.array([None if rng.random() < 0.2 else i % 3000 for i in range(m)], pa.int16()),
        "text": pa.array([None if rng.random() < 0.2 else "t" * (i % 40) + "é,\n" for i in range(m)], pa.string()),
        "key": pa.array(keys, kind),
        "vector": pa.array([None if rng.random() < 0.1 else [i, i / 2] for i in range(m)], pa.list_(pa.float32(), 2)),
        "items": pa.array([None if rng.random() < 0.1 else [str(i)] * (i % 4) for i in range(m)], pa.list_(pa.string())),
    })


def write_arrow(path, table, batch=333):
    with pa.ipc.new_file(path, table.schema) as out:
        for b in table.to_batches(max_chunksize=batch):
            out.write_batch(b)
    return path


def expected(before, table, missing):
    rows = {k: i for i, k in enumerate(table.column("key").to_pylist()) if k is not None}
    found = [rows.get(k) if k is not None else None for k in before.column("key").to_pylist()]
    out = {}
    for name in table.column_names:
        values = table.column(name).to_pylist()
        if name == "key":
            continue
        carried = before.column(name).to_pylist() if name in before.column_names and missing != "null" else [None] * len(found)
        out[name] = [carried[i] if f is None else values[f] for i, f in enumerate(found)]
    return out, found


@pytest.mark.parametrize("missing", (None, "null", "carry"))
@pytest.mark.parametrize("key", KEYS)
def test_join__is_the_join(tmp_path, key, missing):
    rng = random.Random(f"{key} {missing}")
    path = tmp_path / "t.lance"
    before = make(path, key, rng, rng.choice(VERSIONS), rng.random() < 0.5)
    table = features(key, rng)
    file = write_arrow(tmp_path / "f.arrow", table)
    options = [f"--on-missing={missing}"] if missing else []
    said = lancectl("join", path, file, "--on=key", *options).stdout.decode()
    after = valid(path)
    assert after.version == before.version + 1
    want, found = expected(before.to_table(), table, missing)
    got = after.to_table()
    assert got.select(before.schema.names[:2]) == before.to_table(columns=["row", "key"])
    for name, values in want.items():
        assert got.column(name).to_pylist() == values, name
        assert got.schema.field(name).type == table.schema.field(name).type
    used = {f for f in found if f is not None}
    assert f"rows matched: {sum(f is not None for f in found)}\n" in said
    assert f"rows without a match: {sum(f is None for f in found)}\n" in said
    assert f"keys of the file not used: {len(table) - len(used)}\n" in said
    assert after.read_transaction(after.version).operation.__class__.__name__ == "Merge"
    lancectl("restore", path, before.version)
    assert valid(path).to_table() == before.to_table()


@pytest.mark.parametrize("version", VERSIONS)
def test_join__is_what_pylance_merges(tmp_path, version):
    """pylance's merge knows no deleted rows in the same way, so none are."""
    rng = random.Random(3)
    n = 900
    keys = rng.sample(range(10 * n), n)
    data = pa.table({"key": pa.array(keys, pa.int64()), "x": pa.array([rng.random() for _ in keys])})
    right = pa.table({"key": pa.array(rng.sample(keys, n // 2) + [-1, -2], pa.int64()),
                      "a": pa.array([f"v{i}" for i in range(n // 2 + 2)]),
                      "b": pa.array([float(i) for i in range(n // 2 + 2)])})
    ours, theirs = tmp_path / "ours.lance", tmp_path / "theirs.lance"
    for path in (ours, theirs):
        lance.write_dataset(data, str(path), max_rows_per_file=250, data_storage_version=version)
    lance.dataset(str(theirs)).merge(right, left_on="key")
    lancectl("join", ours, write_arrow(tmp_path / "r.arrow", right), "--on=key")
    got, want = valid(ours).to_table(), lance.dataset(str(theirs)).to_table()
    assert got.to_pylist() == want.to_pylist()
    merged = data.to_pandas().merge(right.to_pandas(), on="key", how="left")
    pd.testing.assert_frame_equal(got.to_pandas(), merged)


def test_join__of_text_files(tmp_path):
    path = tmp_path / "t.lance"
    lance.write_dataset(pa.table({"id": pa.array([3, 1, None, 200], pa.int16()), "s": ["03", "1", None, "x"]}), str(path))
    lancectl("join", path, write_csv(tmp_path / "a.csv", ["a", "id"], [[1.5, 1], ["", 200], [7, 99999], [8, ""]]), "--on=id")
    assert valid(path).to_table().column("a").to_pylist() == [None, 1.5, None, None]
    said = lancectl("join", path, write_csv(tmp_path / "b.csv", ["s", "b"], [["03", "x"], [1, "y"], [2, "z"]]), "--on=s")
    assert b"keys of the file not used: 1\n" in said.stdout
    assert valid(path).to_table().column("b").to_pylist() == ["x", "y", None, None]
    file = tmp_path / "c.jsonl"
    file.write_text("".join(json.dumps(r) + "\n" for r in [{"id": 3, "c": {"x": 1, "y": ["a"]}}, {"id": 1, "c": None}]))
    lancectl("join", path, file, "--on=id")
    assert valid(path).to_table().column("c").to_pylist() == [{"x": 1, "y": ["a"]}, None, None, None]
    # filling keeps the column's type, and a value that is not of it is an error
    lancectl("join", path, write_csv(tmp_path / "d.csv", ["id", "s"], [[3, 17]]), "--on=id")
    assert valid(path).to_table().column("s").to_pylist() == ["17", "1", None, "x"]
    version = valid(path).version
    assert "line 2, column 'a'" in fails("join", path, write_csv(tmp_path / "e.csv", ["id", "a"], [[3, "q"]]), "--on=id")
    assert valid(path).version == version


def test_join__on_row_addresses(tmp_path):
    path = tmp_path / "t.lance"
    lance.write_dataset(pa.table({"x": range(10)}), str(path), max_rows_per_file=4)
    addresses = lance.dataset(str(path)).to_table(with_row_address=True).column("_rowaddr").to_pylist()
    lancectl("join", path, write_csv(tmp_path / "a.csv", ["_rowaddr", "y"], [[addresses[5], 5], [addresses[0], 0]]),
             "--on=_rowaddr")
    assert valid(path).to_table().column("y").to_pylist() == [0, None, None, None, None, 5, None, None, None, None]


def test_join__of_dictionaries_gives_their_values(tmp_path):
    path = tmp_path / "t.lance"
    lance.write_dataset(pa.table({"k": pa.array(["a", "b", "c"]).dictionary_encode(), "n": range(3)}), str(path))
    right = pa.table({"k": pa.array(["c", "a"]), "d": pa.array(["x", None]).dictionary_encode()})
    lancectl("join", path, write_arrow(tmp_path / "r.arrow", right), "--on=k")
    assert valid(path).to_table().column("d").to_pylist() == [None, None, "x"]
    assert valid(path).schema.field("d").type == pa.string()


def test_join__refuses(tmp_path):
    path = tmp_path / "t.lance"
    lance.write_dataset(pa.table({"id": [1, 2, 3], "f": [1.0, 2.0, 3.0], "s": ["a", "b", "c"],
                                  "must": pa.array([1, 2, 3])},
                                 schema=pa.schema([("id", pa.int64()), ("f", pa.float64()), ("s", pa.string()),
                                                   pa.field("must", pa.int64(), nullable=False)])), str(path))
    version, n_files = valid(path).version, len(list((path / "data").iterdir()))
    csv = tmp_path / "f.csv"
    write_csv(csv, ["id", "a"], [[1, 1], [2, 2], [1, 3], [7, 7], [2, 9], [2, 1]])
    said = fails("join", path, csv, "--on=id")
    assert "3 rows" in said and "1 (rows 1 and 3)" in said and "2 (rows 2 and 5)" in said
    write_csv(csv, ["id", "a"], [[1, 1], [7, 7]])
    said = fails("join", path, csv, "--on=id", "--on-missing=error")
    assert "2 rows" in said and "2 (row 1), 3 (row 2)" in said
    assert "null, carry or error" in fails("join", path, csv, "--on=id", "--on-missing=x")
    assert "cannot be a key" in fails("join", path, csv, "--on=f")
    assert "no column 's'" in fails("join", path, csv, "--on=s")
    assert "did you mean 'id'" in fails("join", path, csv, "--on=idd")
    assert "--on" in fails("join", path, csv)
    write_csv(csv, ["id"], [[1]])
    assert "no column besides 'id'" in fails("join", path, csv, "--on=id")
    right = pa.table({"id": ["1"], "a": [1]})
    assert "string in the file and int64" in fails("join", path, write_arrow(tmp_path / "r.arrow", right), "--on=id")
    write_csv(csv, ["id", "must"], [[1, 5]])
    assert "not null" in fails("join", path, csv, "--on=id", "--on-missing=null")
    assert valid(path).version == version and len(list((path / "data").iterdir())) == n_files
    lancectl("join", path, csv, "--on=id")
    assert valid(path).to_table().column("must").to_pylist() == [5, 2, 3]


def test_join__larger_than_memory_is_spilled(tmp_path):
    """Values go to a file without a name; the join is the same, in the order of the table or not."""
    rng = np.random.default_rng(5)
    n = 60_000
    path = tmp_path / "t.lance"
    lance.write_dataset(pa.table({"id": rng.permutation(n)}), str(path), max_rows_per_file=25_000)
    right = pa.table({"id": rng.permutation(n)[: n - 7],
                      "v": pa.FixedSizeListArray.from_arrays(pa.array(rng.random((n - 7) * 400, np.float32)), 400),
                      "t": [f"t{i}" * (i % 20) for i in range(n - 7)]})
    lancectl("join", path, write_arrow(tmp_path / "r.arrow", right, 5000), "--on=id")
    got = valid(path).to_table()
    order = {k: i for i, k in enumerate(right.column("id").to_pylist())}
    rows = pa.array([order.get(k) for k in got.column("id").to_pylist()], pa.int64())
    assert got.column("v").combine_chunks() == right.column("v").take(rows).combine_chunks()
    assert got.column("t").combine_chunks() == right.column("t").take(rows).combine_chunks()
    assert not [p for p in path.iterdir() if p.name not in ("data", "_versions", "_transactions", "_indices")]
