#!/usr/bin/env python3
"""Write the golden datasets, or those named: run with pylance 14.0.2 and LANCEFS_BIN set; see MADE.

Each dataset is written by pylance, compared with pylance's values column by column, and what
`lancectl export --format=jsonl` then says is kept beside it as the expected text.
"""

import os
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile

os.environ["LANCE_ENABLE_UNSTABLE_DATA_OVERLAY_FILES"] = "1"
HERE = pathlib.Path(__file__).parent
sys.path.insert(0, str(HERE.parent.parent / "interop"))

import lance  # noqa: E402
import lancedb  # noqa: E402
import pyarrow as pa  # noqa: E402

import columns  # noqa: E402
import fuzz_read  # noqa: E402
import laion  # noqa: E402
import random_data  # noqa: E402
import random_places  # noqa: E402
import test_lineage  # noqa: E402
import test_only_read  # noqa: E402
import test_overlays  # noqa: E402
import test_types  # noqa: E402
from conftest import BIN  # noqa: E402


def export(path, name):
    return subprocess.run([BIN / "lancectl", "export", path, name, "--format=jsonl"], check=True,
                          capture_output=True).stdout


def keep(name, by, computed=()):
    """The dataset that by(path) writes, and beside it what is expected of each column, and of some that Lance computes."""
    where = HERE / name
    shutil.rmtree(where, ignore_errors=True)
    path = str(where / "t.lance")
    by(path)
    dataset = lance.dataset(path)
    (where / "expect").mkdir()
    for field in dataset.schema:
        if random_data.is_blob(field):
            continue
        got = fuzz_read.read_arrow(path, field.name)
        fuzz_read.compare(got, dataset.to_table(columns=[field.name]).column(0), f"{name}: {field.name}")
        (where / "expect" / f"{field.name}.jsonl").write_bytes(export(path, field.name))
    for column in computed:
        fuzz_read.compare(fuzz_read.read_arrow(path, column), dataset.scanner([column]).to_table().column(0), column)
        (where / "expect" / f"{column}.jsonl").write_bytes(export(path, column))
    if dataset.describe_indices():
        listed = subprocess.run([BIN / "lancectl", "indices", path], check=True, capture_output=True).stdout
        (where / "expect" / "indices").write_bytes(listed)
    hint = where / "t.lance" / "_versions" / "latest_version_hint.json"
    hint.unlink(missing_ok=True)


def write(name, table, version, *steps, rows_per_file=1 << 20):
    if len(sys.argv) > 1 and name not in sys.argv[1:]:
        return

    def by(path):
        lance.write_dataset(table, path, data_storage_version=version, max_rows_per_file=rows_per_file)
        for step in steps:
            step(lance.dataset(path))

    keep(name, by)


def write_database(where):
    """A database with namespaces, one of which has the name of a table."""
    shutil.rmtree(where, ignore_errors=True)
    db = lancedb.connect(str(where))
    db.create_table("captions", [{"id": i, "caption": f"c{i}"} for i in range(5)])
    db.create_table("bar", [{"id": i} for i in range(3)])
    db.create_namespace(["bar"])
    db.create_namespace(["bar", "deep"])
    db.create_table("inner", [{"b": 1}], namespace_path=["bar"])
    db.create_table("inner", [{"b": 2}], namespace_path=["bar", "deep"])
    for hint in where.rglob("latest_version_hint.json"):
        hint.unlink()


def write_branches(where):
    """A branch, and a branch of that, in a dataset that was moved: their manifests name its old place."""
    shutil.rmtree(where, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix="lance-golden-") as old:
        main = lance.write_dataset(laion.table(60, embeddings=False, images=False), f"{old}/t.lance",
                                   max_rows_per_file=25)
        main.delete("width % 4 = 0")
        branch = main.create_branch("feat/x")
        branch.delete("width % 4 = 1")
        lance.write_dataset(laion.table(5, embeddings=False, images=False), branch, mode="append")
        child = branch.checkout_version(("feat/x", None)).create_branch("y")
        child.add_columns({"area": "width * height"})
        for name in (None, "feat/x", "y"):
            path = f"{old}/t.lance" + (f"/tree/{name}" if name else "")
            expect = where / "expect" / path.removeprefix(f"{old}/t.lance").lstrip("/")
            expect.mkdir(parents=True, exist_ok=True)
            dataset = main.checkout_version((name, None))
            for column in dataset.schema.names:
                got = fuzz_read.read_arrow(path, column)
                fuzz_read.compare(got, dataset.to_table(columns=[column]).column(0), f"{path}: {column}")
                text = subprocess.run([BIN / "lancectl", "export", path, column, "--format=jsonl"], check=True,
                                      capture_output=True).stdout
                (expect / f"{column}.jsonl").write_bytes(text)
        shutil.move(f"{old}/t.lance", where / "t.lance")
    for hint in where.rglob("latest_version_hint.json"):
        hint.unlink()


def special_table(rows=210):
    """What ordinary tables have not: dictionaries within lists and structs and of more values than a signed
    index counts, vectors of nulls and of null vectors, packed structs, compression that is turned off."""
    texts = [None if i % 9 == 4 else f"text {i % 5}" for i in range(rows)]
    words = pa.dictionary(pa.int8(), pa.string())
    pair = pa.struct([("a", pa.int16()), ("b", pa.float64())])
    packed = {"lance-encoding:packed": "true"}
    table = {
        "i": pa.array(range(rows), pa.int32()),
        "d": pa.DictionaryArray.from_arrays(pa.array(range(rows), pa.uint8()), [f"value {i}" for i in range(rows)]),
        "ld": pa.array([texts[i:i + i % 3] for i in range(rows)], pa.list_(words)),
        "sd": pa.array([{"x": texts[i], "y": i} for i in range(rows)], pa.struct([("x", words), ("y", pa.int16())])),
        "vn": pa.array([None if i % 3 == 1 else [None, None] for i in range(rows)], pa.list_(pa.null(), 2)),
        "p": pa.array([{"a": i, "b": i / 4} for i in range(rows)], pair),
        "plain": pa.array([f"plain {i}" for i in range(rows)], pa.string()),
        "vv": pa.array([[None, None]] * rows, pa.list_(pa.list_(pa.uint8(), 2), 2)),
    }
    fields = [pa.field(name, a.type) for name, a in table.items()]
    fields[5] = fields[5].with_metadata(packed)
    fields[6] = fields[6].with_metadata({"lance-encoding:compression": "none"})
    return pa.table(list(table.values()), schema=pa.schema(fields))


def deep_table():
    """A fixed-size list of structs within structs; pylance does not read it beside other columns."""
    item = pa.struct([("a", pa.int32())])
    kind = pa.struct([("x", pa.list_(pa.struct([("y", pa.list_(item, 2))]), 3))])
    rows = [{"x": [{"y": [{"a": 1}, None]}, None, {"y": None}]}, None, {"x": None},
            {"x": [{"y": [{"a": None}, {"a": 4}]}] * 3}]
    return pa.table({"s": pa.array(rows * 5, kind)})


def legacy_table(rows=150):
    """What 0.1 files hold; nulls but those of text are lost when they are written."""
    texts = [None if i % 9 == 4 else f"text {i}" * (i % 3) for i in range(rows)]
    return pa.table({
        "i": pa.array(range(rows), pa.int32()),
        "f": pa.array([i / 4 for i in range(rows)], pa.float64()),
        "b": pa.array([i % 3 == 1 for i in range(rows)]),
        "t": pa.array(texts, pa.string()),
        "big": pa.array([bytes([i]) * (i % 5) for i in range(rows)], pa.large_binary()),
        "gone": pa.array(range(rows), pa.int16()),
        "v": pa.array([[i, i / 2, -i] for i in range(rows)], pa.list_(pa.float32(), 3)),
        "vb": pa.array([[i % 2 == 0] * 5 for i in range(rows)], pa.list_(pa.bool_(), 5)),
        "fixed": pa.array([b"%05d" % i for i in range(rows)], pa.binary(5)),
        "d": pa.DictionaryArray.from_arrays(pa.array([i % 3 for i in range(rows)], pa.int8()), ["a", "b", "c"]),
        "l": pa.array([[texts[k] or "" for k in range(i % 4)] for i in range(rows)], pa.list_(pa.string())),
        "s": pa.array([{"x": i, "y": [{"z": f"{i}"}] * (i % 3)} for i in range(rows)],
                      pa.struct([("x", pa.int64()), ("y", pa.large_list(pa.struct([("z", pa.string())])))])),
        "ts": pa.array(range(rows), pa.timestamp("us", "UTC")),
        "n": pa.nulls(rows),
    })


def write_lineage(path):
    """Row ids and versions that were moved to data files."""
    table = pa.table({"a": pa.array(range(400), pa.int64()), "t": [f"row {i}" for i in range(400)]})
    dataset = lance.write_dataset(table, path, max_rows_per_file=150, enable_stable_row_ids=True)
    dataset.update_config(random_places.SPILL)
    for turn in range(3):
        dataset.update({"a": "a + 1000"}, where=f"a % {7 + turn} = {turn}")
    dataset.delete("a % 31 = 2")
    dataset.optimize.compact_files(target_rows_per_fragment=300)


def write_reuse(path):
    """An index that compactions left as it was."""
    table = pa.table({"a": pa.array(range(400), pa.int64()), "t": [f"row {i}" for i in range(400)]})
    dataset = lance.write_dataset(table, path, max_rows_per_file=50)
    dataset.create_scalar_index("a", "BTREE")
    dataset.delete("a % 31 = 2")
    dataset.optimize.compact_files(target_rows_per_fragment=150, defer_index_remap=True)


def main():
    for name, by in (("overlays", lambda path: test_overlays.overlaid(random.Random(7), pathlib.Path(path), "2.2")),
                     ("lineage", write_lineage), ("reuse", write_reuse)):
        if len(sys.argv) == 1 or name in sys.argv:
            keep(name, by, test_lineage.SYSTEM if name == "lineage" else ())
    if len(sys.argv) == 1 or "database" in sys.argv:
        write_database(HERE / "database" / "db")
    if len(sys.argv) == 1 or "branches" in sys.argv:
        write_branches(HERE / "branches")
    nested, flat = test_types.nested_table(rows=90), test_types.flat_table(rows=130)
    assert columns.same_values(nested["i"], nested["i"])
    for version in ("2.2", "2.3"):
        write(f"deep-{version}", deep_table(), version)
    write("layouts-2.3", test_only_read.every_layout(rows=160), "2.3", lambda d: d.delete("chunks % 5 = 3"))
    write("legacy", legacy_table(), "legacy", lambda d: d.delete("i % 7 = 3"), lambda d: d.add_columns({"twice": "i * 2"}),
          lambda d: d.drop_columns(["gone"]), rows_per_file=70)
    for version in ("2.0", "2.1", "2.2"):
        # pylance 14.0.2 knows members of a packed struct by their places: only the last may be missing
        drop = "i" if version == "2.0" else "p.b"
        write(f"special-{version}", special_table(), version, lambda d: d.delete("i < 20"),
              lambda d: d.drop_columns([drop]))
        write(f"flat-{version}", flat, version, rows_per_file=70)
        write(f"captions-{version}", laion.table(300, embeddings=False, images=False), version,
              lambda d: d.delete("width % 3 = 0"), lambda d: d.add_columns({"area": "width * height"}),
              lambda d: d.drop_columns(["url"]), rows_per_file=120)
        if version != "2.0":
            write(f"nested-{version}", nested, version, lambda d: d.delete("i % 7 = 3"), rows_per_file=40)


if __name__ == "__main__":
    main()
