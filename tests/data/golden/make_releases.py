#!/usr/bin/env python3
"""Write the golden datasets release-*: run with pylance 14.0.2, LANCEFS_BIN and LANCEFS_RELEASES set; see MADE.

Each is written by an older release of pylance, in a process of its own (make_releases.py write PATH
VERSION), then compared with what the newest reads and kept as make.py keeps its own.
"""

import inspect
import os
import pathlib
import subprocess
import sys

import lance
import pyarrow as pa

HERE = pathlib.Path(__file__).parent
RELEASES = {"0.10.18": ("0.1",), "0.15.0": ("0.1", "2.0"), "0.20.0": ("2.0",), "0.25.2": ("2.0",),
            "0.30.0": ("0.1",), "0.39.0": ("2.0", "2.1"), "1.0.4": ("2.0", "2.1"), "2.0.1": ("2.1", "2.2"),
            "4.0.2": ("2.0", "2.1", "2.2"), "7.1.0": ("2.2",), "10.0.0": ("0.1", "2.2")}


RELEASE = tuple(int(part) for part in lance.__version__.split(".")[:2])


def options(version):
    known = inspect.signature(lance.write_dataset).parameters
    made = {"data_storage_version": version} if "data_storage_version" in known else {
        "use_legacy_format" if "use_legacy_format" in known else "use_experimental_writer":
            (version == "0.1") == ("use_legacy_format" in known)}
    stable = {"enable_stable_row_ids", "enable_move_stable_row_ids"} & set(known)
    return made | {name: version != "0.1" for name in stable}


def blob(version, values):
    if version == "2.2" and RELEASE >= (4, 0):  # the first release of 2.2 wrote those of 2.1 too
        return lance.blob_field("blob"), lance.blob_array(values)
    return (pa.field("blob", pa.large_binary(), metadata={"lance-encoding:blob": "true"}),
            pa.array(values, pa.large_binary()))


def table(version, first, rows):
    ids = range(first, first + rows)
    flat = version in ("0.1", "2.0")  # which do not hold null structs
    maybe = lambda i, value: None if i % 5 == 2 else value
    pair = pa.struct([("a", pa.int32()), ("b", pa.string())])
    columns = {
        "i": pa.array(ids, pa.int64()),
        "f": pa.array([maybe(i, i / 3) for i in ids], pa.float32()),
        "t": pa.array([maybe(i, f"text {i} é" * (i % 4)) for i in ids], pa.string()),
        "few": pa.array([("red", "green", None)[i % 3] for i in ids], pa.large_string()),
        "v": pa.array([maybe(i, [i, i + 1, i + 2]) for i in ids], pa.list_(pa.int16(), 3)),
        "l": pa.array([[k for k in range(i % 7)] for i in ids], pa.list_(pa.int32())),
        "s": pa.array([{"a": i, "b": None} if flat else maybe(i, {"a": maybe(i + 1, i), "b": str(i)}) for i in ids], pair),
        "ts": pa.array([maybe(i, i * 10**6) for i in ids], pa.timestamp("us", "UTC")),
        "b": pa.array([i % 3 == 1 for i in ids]),
    }
    fields = [pa.field(name, a.type) for name, a in columns.items()]
    made = list(columns.values())
    if RELEASE < (1, 0) if version == "0.1" else RELEASE >= (0, 20):  # others refuse to append or to write it
        words = pa.array([f"word {i % 3}" for i in ids]).dictionary_encode()
        fields.append(pa.field("d", pa.dictionary(pa.int8(), pa.string())))
        made.append(pa.DictionaryArray.from_arrays(words.indices.cast(pa.int8()), words.dictionary))
    if version != "0.1" and RELEASE >= (0, 20):
        fields.append(pa.field("p", pa.struct([("a", pa.int16()), ("b", pa.float64())]),
                               metadata={"packed": "true", "lance-encoding:packed": "true"}))
        made.append(pa.array([{"a": i, "b": i / 2} for i in ids], fields[-1].type))
    if version == "2.2" or (version == "2.0" and (0, 20) <= RELEASE < (1, 0)):
        field, array = blob(version, [maybe(i, b"x" * (i % 4)) for i in ids])
        fields.append(field)
        made.append(array)
    if RELEASE >= (1, 0):
        fields.append(pa.field("j", pa.json_()))
        made.append(pa.array([maybe(i, '{"k":[%d,null]}' % i) for i in ids], pa.json_()))
    return pa.table(made, schema=pa.schema(fields))


def write(path, version):
    lance.write_dataset(table(version, 0, 40), path, **options(version))
    more = table(version, 42, 28)  # 0.1 wants the values of a dictionary in the same order
    lance.write_dataset(more, path, mode="append", **options(version))
    lance.dataset(path).delete("i % 7 = 3")
    if version == "0.1" or "data_storage_version" in options(version):
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
