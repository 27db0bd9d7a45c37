#!/usr/bin/env python3
"""Write the golden datasets release-*: run with pylance 14.0.2, LANCEFS_BIN and LANCEFS_RELEASES set; see MADE.

Each is written by an older release of pylance, in a process of its own (make_releases.py write PATH
VERSION), then compared with what the newest reads and kept as make.py keeps its own.
"""

import os
import pathlib
import subprocess
import sys

import lance
import pyarrow as pa

HERE = pathlib.Path(__file__).parent
RELEASES = {"1.0.4": ("2.0", "2.1"), "4.0.2": ("2.0", "2.1", "2.2"), "8.0.1": ("2.2",), "11.0.0": ("2.2",)}


def table(version, first, rows):
    ids = range(first, first + rows)
    maybe = lambda i, value: None if i % 5 == 2 else value
    flat = version == "2.0"  # which does not hold null structs
    pair = pa.struct([("a", pa.int32()), ("b", pa.string())])
    columns = {
        "i": pa.array(ids, pa.int64()),
        "f": pa.array([maybe(i, i / 3) for i in ids], pa.float32()),
        "t": pa.array([maybe(i, f"text {i} é" * (i % 4)) for i in ids], pa.string()),
        "few": pa.array([("red", "green", None)[i % 3] for i in ids], pa.large_string()),
        "d": pa.array([maybe(i, f"word {i % 3}") for i in ids], pa.dictionary(pa.int8(), pa.string())),
        "v": pa.array([maybe(i, [i, None, i + 2]) for i in ids], pa.list_(pa.int16(), 3)),
        "l": pa.array([maybe(i, [maybe(k, k) for k in range(i % 7)]) for i in ids], pa.list_(pa.int32())),
        "s": pa.array([{"a": i, "b": None} if flat else maybe(i, {"a": maybe(i + 1, i), "b": str(i)}) for i in ids], pair),
        "j": pa.array([maybe(i, '{"k":[%d,null]}' % i) for i in ids], pa.json_()),
        "p": pa.array([{"a": i, "b": i / 2} for i in ids], pa.struct([("a", pa.int16()), ("b", pa.float64())])),
        "ts": pa.array([maybe(i, i * 10**6) for i in ids], pa.timestamp("us", "UTC")),
        "n": pa.nulls(rows, pa.string()),
    }
    fields = [pa.field(name, a.type) for name, a in columns.items()]
    fields[9] = fields[9].with_metadata({"lance-encoding:packed": "true"})
    made = list(columns.values())
    if version == "2.2":
        fields.append(lance.blob_field("blob"))
        made.append(lance.blob_array([maybe(i, b"x" * (i % 4)) for i in ids]))
    return pa.table(made, schema=pa.schema(fields))


def write(path, version):
    lance.write_dataset(table(version, 0, 40), path, data_storage_version=version, enable_stable_row_ids=True)
    lance.write_dataset(table(version, 40, 30), path, mode="append")
    lance.dataset(path).delete("i % 7 = 3")
    lance.dataset(path).add_columns({"twice": "i * 2"})


def main():
    sys.path.insert(0, str(HERE))
    import make

    for release, versions in RELEASES.items():
        python = pathlib.Path(os.environ["LANCEFS_RELEASES"]) / f"venv-{release}" / "bin" / "python"
        for version in versions:
            by = lambda path, version=version: subprocess.run([python, __file__, "write", path, version], check=True)
            make.keep(f"release-{release}-{version}", by)


if __name__ == "__main__":
    write(*sys.argv[2:]) if sys.argv[1:2] == ["write"] else main()
