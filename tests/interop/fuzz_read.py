#!/usr/bin/env python3
"""Random datasets, written by pylance and compared with what lancefs reads.

fuzz_read.py --count 200 --seed 7 [--keep DIR]: each dataset has random nested types, nulls,
sizes around the format's edges, encodings forced by field metadata, fragments, deletions and
evolutions, and lies in several places (random_places.py); all rows, ranges, single rows and earlier versions are read.  A difference prints the
seed that reproduces it (--seed S --count 1) and in the end the status is 1.
"""

import argparse
import collections
import io
import multiprocessing
import os
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile

import lance
import pyarrow as pa

import columns
import layouts
import random_data
import random_history
import random_places
from conftest import BIN, lancectl, mounted

VERSIONS = ("2.0", "2.1", "2.2", "2.3")
BLOCK = 25  # seeds that share a process, and what pylance reads from its environment
ENVIRONMENT = {
    "LANCE_MINIBLOCK_MAX_VALUES": ("1", "256", "32768"),
    "LANCE_BINARY_MINIBLOCK_CHUNK_SIZE": ("512", "16384"),
    "LANCE_ENCODING_DICT_TOO_SMALL": ("2",),
    "LANCE_ENCODING_DICT_DIVISOR": ("1", "50"),
    "LANCE_ENCODING_DICT_SIZE_RATIO": ("0.3", "1.0"),
    "LANCE_ENCODING_DICT_VALUES_COMPRESSION": ("zstd", "none"),
    "LANCE_DICT_ENCODING_THRESHOLD": ("0", "3"),
}


class Totals:
    """What a run did; those of its parts add up."""

    def __init__(self):
        self.compared = self.columns = self.reads = self.mounts = self.versions = 0
        self.refused, self.steps, self.pages, self.kinds = (collections.Counter() for _ in range(4))
        self.differences = []

    def add(self, other):
        for name, value in vars(other).items():
            setattr(self, name, getattr(self, name) + value)

    def report(self):
        yield (f"{self.compared} datasets, {self.columns} columns in {self.versions} versions, {self.reads} reads, "
               f"{self.mounts} mounts: {len(self.differences)} differences; "
               f"{sum(self.refused.values())} refusals by pylance")
        for why, n in self.refused.most_common():
            yield f"  {n:5} x {why}"
        yield "steps: " + ", ".join(f"{n} {name}" for name, n in sorted(self.steps.items()) if n)
        yield from layouts.table(self.pages)
        yield from layouts.grid("columns compared", self.kinds)


def read_arrow(path, name, *options):
    done = subprocess.run([BIN / "lancectl", "export", path, name, "--format=arrow", *options],
                          capture_output=True, timeout=300)
    assert done.returncode == 0, f"{name} {options}: {done.stderr.decode(errors='replace')}"
    return pa.ipc.open_file(io.BytesIO(done.stdout)).read_all().column(0)


def is_sound(column):
    try:
        column.validate(full=True)
    except pa.ArrowInvalid:
        return False
    return True


def compare(got, expected, what):
    """Same type, rows and bits, and sound, unless pylance has written what no reader can find sound."""
    got.validate()
    assert is_sound(got) or not is_sound(expected), f"{what}: values that do not fit the type"
    kind = columns.file_type(expected.type)
    assert got.type == kind, f"{what}: type {got.type}, pylance says {kind}"
    assert len(got) == len(expected), f"{what}: {len(got)} rows, pylance says {len(expected)}"
    if columns.identical(got, expected):
        return
    for row, (a, b) in enumerate(zip(got.to_pylist(), expected.to_pylist())):
        assert repr(a) == repr(b), f"{what}: row {row}: {str(a)[:200]!r}, pylance says {str(b)[:200]!r}"
    raise AssertionError(f"{what}: bits differ, as in the sign of a zero")


def is_blob(dataset, name):
    return random_data.is_blob(dataset.schema.field(name))


class Check:
    """One dataset's comparison; .outcomes has what came of each column of its latest version.

    loses_blob_nulls: pylance 14.0.2 reads the nulls of blobs that releases 4 to 8 wrote as empty
    """

    def __init__(self, rng, path, totals, loses_blob_nulls=False, every_version=False):
        self.rng, self.path, self.totals = rng, path, totals
        self.loses_blob_nulls, self.every_version = loses_blob_nulls, every_version
        self.outcomes = {}

    def expected(self, dataset, options):
        """{column: values}; a column that pylance does not read back is counted, and that we do not fail is seen."""
        found = {}
        for name in dataset.schema.names:
            try:
                found[name] = dataset.to_table(columns=[name]).column(name)
            except BaseException as error:
                if not random_history.is_refusal(error):
                    raise
                ours = subprocess.run([BIN / "lancectl", "export", self.path, name, "--format=arrow", *options],
                                      capture_output=True, timeout=300)
                assert ours.returncode in (0, 1), f"{name} {options}: {ours.stderr.decode(errors='replace')}"
                reads = "lancefs refuses" if ours.returncode else "lancefs reads"
                self.outcomes[name] = f"pylance refuses, {reads}: {random_history.reason(error)}"
                self.totals.refused[f"read: {random_history.reason(error)}"] += 1
        return found

    def column(self, name, values, options):
        """A column as a whole, and parts of it; one of an older version."""
        rng, what, rows = self.rng, f"{name}{options}", len(values)
        compare(read_arrow(self.path, name, *options), values, what)
        ranges = [(first, min(rows, first + rng.choice((2, 100, 1500))))
                  for first in (rng.randrange(rows) for _ in range(2 if rows else 0))]
        ranges += [(row, row + 1) for row in (rng.randrange(rows), rows - 1)] if rows else []
        ranges = ranges[:1] if options else ranges
        for first, end in ranges:
            compare(read_arrow(self.path, name, f"--rows={first}:{end}", *options), values[first:end],
                    f"{what}, rows {first}:{end}")
        self.totals.columns += 1
        self.totals.reads += 1 + len(ranges)

    def version(self, dataset, number=None):
        """Every column; the first difference is raised when all were compared."""
        options = [f"--version={number}"] if number else []
        expected = self.expected(dataset, options)
        self.totals.versions += 1
        self.totals.kinds.update((layouts.kind_of(dataset.schema.field(name)), dataset.data_storage_version)
                                 for name in expected)
        problems = []
        for name, values in expected.items():
            if is_blob(dataset, name):
                continue
            try:
                self.column(name, values, options)
                self.outcomes.setdefault(name, "equal")
            except AssertionError as error:
                self.outcomes[name] = "differs"
                problems.append(error)
        assert not problems, f"{len(problems)} columns differ: " + "; ".join(str(p)[:300] for p in problems)
        return expected

    def commands(self, dataset, expected):
        """What lancectl says of the dataset as a whole."""
        info = dict(line.split(": ", 1) for line in
                    lancectl("info", self.path).stdout.decode().splitlines() if ": " in line)
        rows = len(next(iter(expected.values()))) if expected else dataset.count_rows()
        assert int(info["rows"]) == rows and int(info["version"]) == dataset.version, f"info: {info}"
        assert info["storage version"] == dataset.data_storage_version, f"info: {info}"
        assert int(info["fragments"]) == len(dataset.get_fragments()), f"info: {info}"
        history = lancectl("history", self.path).stdout.decode().splitlines()
        assert [int(line.split("\t")[0]) for line in history] == sorted(
            (v["version"] for v in dataset.versions()), reverse=True), "history"
        if "id" in expected:
            counted = lancectl("query", self.path, "SELECT count(*), sum(id) FROM t WHERE id % 3 = 1").stdout.decode()
            ids = dataset.to_table(columns=["id"], filter="id % 3 = 1").column("id").to_pylist()
            total = str(sum(ids)) if ids else ""
            assert counted.splitlines()[1] == f"{len(ids)},{total}", f"query: {counted!r}, pylance: {len(ids)} {total}"

    def row_ids(self, dataset):
        for name, options in (("_rowid", {"with_row_id": True}), ("_rowaddr", {"with_row_address": True})):
            try:
                expected = dataset.to_table(columns=[], **options).column(name)
            except BaseException as error:
                if not random_history.is_refusal(error):
                    raise
                continue
            compare(read_arrow(self.path, name), expected, name)

    def branches(self, dataset):
        for name in dataset.branches.list():
            path = f"{self.path}/tree/{name}"
            check = Check(self.rng, path, self.totals, self.loses_blob_nulls)
            check.version(dataset.checkout_version((name, None)))

    def verify(self, expected):
        """Sound, but for columns that pylance does not read either; if there are others."""
        if not expected:
            return
        done = subprocess.run([BIN / "lancectl", "verify", self.path, "--deep"], capture_output=True, text=True,
                              errors="replace", timeout=300)
        problems = [line for line in done.stdout.splitlines() if line.startswith("problem: ") and (
            ": column " not in line or line.split(": column ")[1].split(": ")[0] in expected)]
        assert not problems and (done.returncode == 0 or "problem: " in done.stdout), f"verify: {problems} {done.stderr}"

    def blobs(self, dataset, name, where):
        rows = dataset.count_rows()
        try:
            taken = dataset.take_blobs(name, indices=list(range(rows))) if rows else []
            values = [None if blob is None else blob.read() for blob in taken]
        except BaseException as error:
            if not random_history.is_refusal(error):
                raise
            self.totals.refused[f"take_blobs: {random_history.reason(error)}"] += 1
            self.outcomes[name] = f"pylance refuses, lancefs reads: {random_history.reason(error)}"
            return
        files = {int(p.name.split(".")[0]): p for p in (where / "columns" / name).iterdir()}
        present = {row for row, value in enumerate(values) if value is not None and (
            row in files or not self.loses_blob_nulls or value != b"")}
        self.outcomes[name] = "differs"
        assert set(files) == present, f"blobs {name}: {len(files)} files, pylance has {len(present)}"
        for row, path in files.items():
            assert path.read_bytes() == values[row], f"blob {name}, row {row}"
        self.outcomes[name] = "equal"
        self.totals.columns += 1
        self.totals.reads += len(files)

    def row(self, dataset, expected, row, where):
        """A file for each value that is not null; text and bytes are exact."""
        paths = {p.name.rsplit(".", 1)[0]: p for p in (where / "rows" / str(row)).iterdir()}
        for name, values in expected.items():
            if is_blob(dataset, name):
                continue
            assert (name in paths) == values[row].is_valid, f"rows/{row}: {name}"
            t, kind = pa.types, values.type
            if name in paths and (t.is_string(kind) or t.is_large_string(kind)):
                assert paths[name].read_bytes() == values[row].as_py().encode(), f"rows/{row}/{name}"
            elif name in paths and (t.is_binary(kind) or t.is_large_binary(kind) or t.is_fixed_size_binary(kind)):
                assert paths[name].read_bytes() == values[row].as_py(), f"rows/{row}/{name}"
            elif name in paths:
                assert paths[name].stat().st_size == len(paths[name].read_bytes()), f"rows/{row}/{name}"

    def mount(self, dataset, expected, older):
        """The same through the tree; `older` is {version: its columns}."""
        rng = self.rng
        with mounted(self.path, pathlib.Path(self.path).parent / "mnt") as where:
            for name, values in expected.items():
                if is_blob(dataset, name):
                    self.blobs(dataset, name, where)
                    continue
                compare(columns.read_arrow(where / "columns" / f"{name}.arrow").column(0), values, f"mount: {name}")
            if len(expected) == len(dataset.schema):
                # no memory map: it would keep the mount busy
                whole = pa.ipc.open_file((where / "table" / "table.arrow").read_bytes()).read_all()
                for name in whole.column_names:
                    compare(whole.column(name), expected[name], f"table.arrow: {name}")
                rows = dataset.count_rows()
                for row in {rng.randrange(rows) for _ in range(8)} if rows else ():
                    self.row(dataset, expected, row, where)
                columns.check_sizes(where / "columns")
                columns.check_sizes(where / "versions" / str(dataset.version) / "columns")
            for number, values in older.items():
                top = where / "versions" / str(number)
                for name in values:
                    if not is_blob(lance.dataset(self.path, version=number), name):
                        compare(columns.read_arrow(top / "columns" / f"{name}.arrow").column(0), values[name],
                                f"mount: versions/{number}: {name}")
            for tag, what in dataset.tags.list().items():
                assert os.readlink(where / "tags" / tag).endswith(f"versions/{what['version']}"), f"tag {tag}"
        self.totals.mounts += 1

    def refused(self, numbers):
        """Versions that pylance does not open are refused or read, but no crash."""
        for number in numbers:
            ours = lancectl("verify", self.path, f"--version={number}", check=False)
            assert ours.returncode in (0, 1), f"version {number}: {ours.stderr.decode(errors='replace')}"
            self.totals.refused[f"version: lancefs {'refuses' if ours.returncode else 'reads'}"] += 1

    def run(self, dataset, with_mount):
        expected = self.version(dataset)
        older = {}
        numbers = [v["version"] for v in dataset.versions() if v["version"] != dataset.version]
        for number in numbers if self.every_version else self.rng.sample(numbers, min(2, len(numbers))):
            older[number] = self.version(lance.dataset(self.path, version=number), number)
        self.verify(expected)
        if self.every_version:
            self.commands(dataset, expected)
            self.row_ids(dataset)
            self.branches(dataset)
        if with_mount or any(is_blob(dataset, name) for name in expected):
            self.mount(dataset, expected, older)
        if len(expected) == len(dataset.schema):
            self.totals.pages += layouts.of_dataset(dataset)


def run_one(seed, keep, totals, storage=None):
    rng = random.Random(seed)
    where = pathlib.Path(tempfile.mkdtemp(prefix="lancefs-fuzz-"))
    history = random_places.History(rng, str(where / "t.lance"), VERSIONS)
    os.environ["LANCEFS_ROOTS"] = str(where)
    try:
        try:
            dataset = history.make(storage)
        except BaseException as error:
            if not random_history.is_refusal(error):
                raise
            totals.refused[f"whole dataset: {random_history.reason(error)}"] += 1
            return
        Check(rng, history.path, totals).run(dataset, seed % 8 == 0)
        totals.compared += 1
    except Exception as error:
        totals.differences.append((seed, history.version, repr(error)))
        print(f"seed {seed}, version {history.version}: {error!r}\n  again: fuzz_read.py --seed {seed} --count 1",
              file=sys.stderr, flush=True)
        if keep:
            shutil.copytree(where, pathlib.Path(keep) / f"seed{seed}", dirs_exist_ok=True)
    finally:
        totals.refused += history.refused
        totals.steps += history.steps
        shutil.rmtree(where, ignore_errors=True)


def run_block(seeds, keep, storage=None):
    """In a process of its own: pylance reads its environment once."""
    rng = random.Random(seeds[0] // BLOCK)
    for name, values in ENVIRONMENT.items():
        if rng.random() < 0.25:
            os.environ[name] = rng.choice(values)
    silent = os.open(os.devnull, os.O_WRONLY)
    stderr = os.dup(2)
    os.dup2(silent, 2)  # pylance's panics are expected, their backtraces long
    sys.stderr = os.fdopen(stderr, "w")
    os.environ["LANCE_ENABLE_UNSTABLE_DATA_OVERLAY_FILES"] = "1"
    totals = Totals()
    for seed in seeds:
        run_one(seed, keep, totals, storage)
    return totals


def run(seed, count, keep=None, progress=None, storage=None):
    """Compare `count` datasets; returns Totals."""
    totals, seeds = Totals(), list(range(seed, seed + count))
    spawn = multiprocessing.get_context("spawn")
    while seeds:
        block = [s for s in seeds if s // BLOCK == seeds[0] // BLOCK]
        seeds = seeds[len(block):]
        with spawn.Pool(1) as pool:
            totals.add(pool.apply(run_block, (block, keep, storage)))
        if progress:
            progress(totals)
    return totals


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--keep", help="where a dataset that differs is copied")
    parser.add_argument("--storage", help="one storage version, as 0.1, instead of any")
    parser.add_argument("--report", help="a file that holds the report so far")
    args = parser.parse_args()

    def progress(totals):
        if args.report:
            pathlib.Path(args.report).write_text("\n".join(totals.report()) + "\n")

    totals = run(args.seed, args.count, args.keep, progress, args.storage)
    print("\n".join(totals.report()))
    sys.exit(1 if totals.differences else 0)


if __name__ == "__main__":
    main()
