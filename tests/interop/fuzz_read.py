#!/usr/bin/env python3
"""Random datasets, written by pylance and compared with what lancefs reads.

fuzz_read.py --count 200 --seed 7 [--keep DIR]: each dataset has random nested types, nulls,
sizes around the format's edges, encodings forced by field metadata, fragments, deletions and
evolutions; all rows, ranges and single rows are read.  A difference prints the seed that
reproduces it (--seed S --count 1) and ends with status 1.
"""

import argparse
import collections
import datetime
import decimal
import io
import pathlib
import random
import shutil
import string
import subprocess
import sys
import tempfile

import lance
import numpy as np
import pyarrow as pa

import columns
from conftest import BIN, mounted

SIZES = (0, 1, 2, 3, 100, 1000, 1023, 1024, 1025, 2048, 4096, 4097)
INTEGERS = (pa.int8(), pa.int16(), pa.int32(), pa.int64(), pa.uint8(), pa.uint16(), pa.uint32(), pa.uint64())
FLOATS = (pa.float16(), pa.float32(), pa.float64())
TIMES = (pa.date32(), pa.date64(), pa.time32("s"), pa.time32("ms"), pa.time64("us"), pa.time64("ns"),
         pa.timestamp("s"), pa.timestamp("ms"), pa.timestamp("us", "UTC"), pa.timestamp("ns", "+08:00"),
         pa.duration("s"), pa.duration("ns"))
OTHERS = (pa.bool_(), pa.decimal128(20, 2), pa.decimal256(50, 5), pa.binary(1), pa.binary(16), pa.binary(300))
STRINGS = (pa.string(), pa.large_string(), pa.binary(), pa.large_binary())


def random_leaf(rng):
    return rng.choice(rng.choice((INTEGERS, FLOATS, TIMES, OTHERS, STRINGS, STRINGS)))


def random_type(rng, version, depth):
    kind = rng.random()
    if depth == 0 or kind < 0.45:
        if rng.random() < 0.15:
            return pa.list_(rng.choice((pa.float32(), pa.uint8(), pa.float64(), pa.int16())),
                            rng.choice((1, 3, 16, 64, 200)))
        return random_leaf(rng)
    if kind < 0.65:
        return rng.choice((pa.list_, pa.large_list))(random_type(rng, version, depth - 1))
    if kind < 0.92 or version != "2.2":
        return pa.struct([(f"f{i}", random_type(rng, version, depth - 1)) for i in range(rng.randint(1, 3))])
    return pa.map_(rng.choice((pa.string(), pa.int32())), random_type(rng, version, depth - 1))


class Values:
    """Values of one leaf: few or many distinct, short or long, runs or random."""

    def __init__(self, rng):
        self.rng = rng
        self.style = rng.choice(("random", "random", "few", "runs", "constant"))
        self.length = rng.choice((3, 12, 40, 300)) if rng.random() < 0.95 else 40000
        self.pool, self.at = None, 0

    def one(self, kind):
        if self.style != "random":
            if self.pool is None:
                self.pool = [self.fresh(kind) for _ in range({"few": 9, "runs": 5, "constant": 1}[self.style])]
            self.at += 1
            return self.pool[self.at // 37 % len(self.pool) if self.style == "runs"
                             else self.rng.randrange(len(self.pool))]
        return self.fresh(kind)

    def fresh(self, kind):
        rng, t = self.rng, pa.types
        if t.is_boolean(kind):
            return rng.random() < 0.3
        if t.is_integer(kind):
            info = np.iinfo(kind.to_pandas_dtype())
            if rng.random() < 0.7:
                return rng.randint(0, min(info.max, 1000))
            return rng.randint(info.min, info.max)
        if t.is_floating(kind):
            value = rng.choice((rng.gauss(0, 1), float("nan"), float("inf"), -0.0, float(rng.randint(0, 9))))
            return np.float16(value) if kind == pa.float16() else value
        if t.is_decimal(kind):
            return decimal.Decimal(rng.randint(-10**9, 10**9)) / 10**kind.scale
        if t.is_fixed_size_binary(kind):
            return rng.randbytes(kind.byte_width)
        if t.is_binary(kind) or t.is_large_binary(kind):
            return rng.randbytes(rng.randint(0, self.length))
        if t.is_string(kind) or t.is_large_string(kind):
            words = ("red", "house", "é", "画", "photo of", "\n", "x" * 20)
            return "".join(rng.choice(words) for _ in range(rng.randint(0, self.length // 5 + 1)))
        if t.is_date(kind):
            return datetime.date(1970, 1, 1) + datetime.timedelta(rng.randint(-9999, 9999))
        if t.is_time32(kind):
            return rng.randint(0, 86399)
        if t.is_temporal(kind):
            return rng.randint(0, 2**36)
        raise AssertionError(kind)


class Column:
    def __init__(self, rng, kind, version):
        self.rng, self.kind = rng, kind
        self.nulls = rng.choice((0, 0, 0.1, 0.5, 0.97))
        self.item_nulls = rng.choice((0, 0, 0.2))
        self.struct_nulls = version != "2.0"
        self.items = rng.choice((2, 4, 4, 30))
        self.leaves = collections.defaultdict(lambda: Values(rng))

    def value(self, kind, nulls, path=()):
        rng, t = self.rng, pa.types
        if rng.random() < nulls and (self.struct_nulls or not t.is_struct(kind)):
            return None
        if t.is_struct(kind):
            return {f.name: self.value(f.type, self.item_nulls, path + (f.name,)) for f in kind}
        if t.is_map(kind):
            keys = {self.leaves[path + ("k",)].fresh(kind.key_type) for _ in range(rng.randint(0, self.items))}
            return [(k, self.value(kind.item_type, self.item_nulls, path + ("v",))) for k in sorted(keys)]
        if t.is_fixed_size_list(kind):
            return [self.value(kind.value_type, self.item_nulls, path + ("i",)) for _ in range(kind.list_size)]
        if t.is_list(kind) or t.is_large_list(kind):
            return [self.value(kind.value_type, self.item_nulls, path + ("i",))
                    for _ in range(rng.randint(0, self.items))]
        return self.leaves[path].one(kind)

    def array(self, rows):
        return pa.array([self.value(self.kind, self.nulls) for _ in range(rows)], self.kind)


def random_metadata(rng, version):
    if rng.random() < 0.6:
        return None
    if version == "2.0":
        return {"lance-encoding:compression": rng.choice(("zstd", "lz4", "fsst"))}
    return rng.choice(({"lance-encoding:compression": rng.choice(("zstd", "lz4", "none", "fsst"))},
                       {"lance-encoding:compression": "zstd", "lance-encoding:bss": "on"},
                       {"lance-encoding:dict-divisor": "100000"},
                       {"lance-encoding:structural-encoding": rng.choice(("fullzip", "miniblock"))}))


def make_dataset(rng, version, path):
    """A dataset with a history; None if pylance refuses to write it."""
    rows = rng.choice(SIZES) if rng.random() < 0.8 else rng.randint(1, 6000)
    made = [Column(rng, random_type(rng, version, rng.randint(0, 3)), version) for _ in range(rng.randint(1, 4))]
    if rows * max(c.items for c in made) > 60000:
        rows //= 10
    schema = pa.schema([pa.field("id", pa.int64())] + [
        pa.field(f"c{i}", c.kind, metadata=random_metadata(rng, version)) for i, c in enumerate(made)])

    def table(first, count):
        return pa.table([pa.array(range(first, first + count), pa.int64())] + [c.array(count) for c in made],
                        schema=schema)

    dataset = lance.write_dataset(table(0, rows), path, data_storage_version=version, schema=schema,
                                  max_rows_per_file=rng.choice((1 << 20, max(1, rows // 3 + 1), 700)),
                                  enable_stable_row_ids=rng.random() < 0.3)
    for _ in range(rng.choice((0, 0, 1, 2, 3))):
        step = rng.choice(("append", "delete", "delete", "add", "rename", "drop", "compact"))
        names = [n for n in dataset.schema.names if n.startswith("c")]
        if step == "append" and set(dataset.schema.names) == set(schema.names):
            dataset = lance.write_dataset(table(rows, 57), path, mode="append")
            rows += 57
        elif step == "delete":
            dataset.delete(f"id % {rng.choice((2, 3, 7, 50))} = 1 or id < {rng.choice((0, 5, 300))}")
        elif step == "add":
            dataset.add_columns({f"n{rng.randrange(10**6)}": rng.choice(("id * 2", "cast(id as string)", "id % 5 = 0"))})
        elif step == "rename" and names:
            dataset.alter_columns({"path": names[0], "name": f"r{rng.randrange(10**6)}"})
        elif step == "drop" and len(names) > 1:
            dataset.drop_columns([names[-1]])
        elif step == "compact":
            dataset.optimize.compact_files()
    return lance.dataset(path)


def read_arrow(path, name, *options):
    done = subprocess.run([BIN / "lancectl", "export", path, name, "--format=arrow", *options],
                          capture_output=True, timeout=300)
    assert done.returncode == 0, done.stderr.decode(errors="replace")
    return pa.ipc.open_file(io.BytesIO(done.stdout)).read_all().column(0)


def compare(got, expected, what):
    got.validate(full=True)
    assert got.type == expected.type, f"{what}: type {got.type}, pylance says {expected.type}"
    if columns.same_values(got, expected):
        return
    for row, (a, b) in enumerate(zip(got.to_pylist(), expected.to_pylist())):
        assert repr(a) == repr(b), f"{what}: row {row}: {str(a)[:200]!r}, pylance says {str(b)[:200]!r}"
    assert len(got) == len(expected), f"{what}: {len(got)} rows, pylance says {len(expected)}"


def check_dataset(rng, dataset, path):
    expected = dataset.to_table()
    for name in expected.column_names:
        compare(read_arrow(path, name), expected.column(name), name)
        for _ in range(2 if expected.num_rows else 0):
            first = rng.randrange(expected.num_rows)
            end = min(expected.num_rows, first + rng.choice((1, 1, 2, 100, 1500)))
            compare(read_arrow(path, name, f"--rows={first}:{end}"), expected.column(name)[first:end],
                    f"{name}, rows {first}:{end}")
    return expected


def check_mount(rng, expected, path, where):
    """Every listed file of some rows is there just for values that are not null."""
    with mounted(path, where) as mnt:
        for name in expected.column_names:
            compare(columns.read_arrow(mnt / "columns" / f"{name}.arrow").column(0), expected.column(name), name)
        for _ in range(5 if expected.num_rows else 0):
            row = rng.randrange(expected.num_rows)
            listed = {p.name.rsplit(".", 1)[0] for p in (mnt / "rows" / str(row)).iterdir()}
            assert listed == {n for n in expected.column_names if expected.column(n)[row].is_valid}, f"rows/{row}"
        columns.check_sizes(mnt / "columns")


def kinds_of(schema):
    for field in schema:
        yield str(field.type).split("[")[0].split("(")[0].split("<")[0]


def run(seed, count, keep=None):
    """Returns (datasets compared, refused by pylance, coverage)."""
    compared, refused, coverage = 0, collections.Counter(), collections.Counter()
    for number in range(seed, seed + count):
        rng = random.Random(number)
        version = rng.choice(("2.0", "2.1", "2.2"))
        where = pathlib.Path(tempfile.mkdtemp(prefix="lancefs-fuzz-"))
        path = str(where / "t.lance")
        try:
            try:
                dataset = make_dataset(rng, version, path)
                dataset.to_table()
            except BaseException as error:  # pylance panics are BaseExceptions
                if isinstance(error, (KeyboardInterrupt, SystemExit)):
                    raise
                refused[str(error).split("\n")[0][:90]] += 1
                continue
            expected = check_dataset(rng, dataset, path)
            if number % 8 == 0:
                check_mount(rng, expected, path, where / "mnt")
            compared += 1
            coverage.update((version, kind) for kind in kinds_of(expected.schema))
        except AssertionError:
            print(f"seed {number}, version {version}: fuzz_read.py --seed {number} --count 1", file=sys.stderr)
            if keep:
                shutil.copytree(path, pathlib.Path(keep) / f"seed{number}.lance", dirs_exist_ok=True)
            raise
        finally:
            shutil.rmtree(where, ignore_errors=True)
    return compared, refused, coverage


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--keep", help="where a dataset that differs is copied")
    args = parser.parse_args()
    compared, refused, coverage = run(args.seed, args.count, args.keep)
    print(f"{compared} datasets equal, {sum(refused.values())} refused by pylance")
    for why, n in refused.most_common(8):
        print(f"  {n} x {why}")
    for kind in sorted({k for _, k in coverage}):
        print(f"  {kind:24}" + "".join(f"{coverage[(v, kind)]:8}" for v in ("2.0", "2.1", "2.2")))


if __name__ == "__main__":
    main()
