"""What only old releases of Lance wrote into manifests, put there by hand and read as pylance reads it."""

import lance
import pyarrow as pa
import pytest

import fuzz_read
import manifests as m
from conftest import lancectl

ROWS = 30


def make(path, version, *steps):
    """Three fragments, rows deleted from each."""
    path = str(path / "t.lance")
    lance.write_dataset(pa.table({"i": range(ROWS), "t": [f"t{i}" for i in range(ROWS)]}), path, max_rows_per_file=10,
                        data_storage_version=version)
    lance.dataset(path).delete("i % 4 = 1")
    for step in steps:
        step(lance.dataset(path))
    return path, lance.dataset(path).version


def swap(manifest):
    first, second, third = manifest[m.FRAGMENTS]
    manifest[m.FRAGMENTS] = [second, first, third]


def every_fragment(function):
    return lambda manifest: manifest.change(m.FRAGMENTS, function)


def every_file(function):
    return every_fragment(lambda fragment: fragment.change(m.FILES, function))


def without_writer(manifest):
    manifest[m.WRITER_VERSION] = []
    manifest.change(m.FRAGMENTS, lambda fragment: fragment.__setitem__(m.PHYSICAL_ROWS, [7]))


def says_0_1(manifest):
    manifest.change(m.DATA_FORMAT, lambda made: made.__setitem__(2, [b"0.1"]))


def untold_deletions(fragment):
    fragment.change(m.DELETION_FILE, lambda file: file.__setitem__(m.DELETED_ROWS, []))


def written_by_0_10(manifest):
    manifest.change(m.WRITER_VERSION, lambda writer: writer.__setitem__(2, [b"0.10.5"]))


def reused_id(manifest):
    """Column j, in files of its own, gets the id of i, which is dropped: 0.10 did so."""
    written_by_0_10(manifest)

    def second_file_has_0(fragment):
        first, second = fragment[m.FILES]
        second = m.Message(second)
        second[m.FIELD_IDS] = [b"\0"]
        fragment[m.FILES] = [first, bytes(second)]

    manifest.change(m.FRAGMENTS, second_file_has_0)
    fields = [m.Message(field) for field in manifest[m.FIELDS]]
    fields[2][m.FIELD_ID] = [0]
    manifest[m.FIELDS] = [bytes(field) for field in (*fields[1:2], fields[2])]


def check(path):
    """Everything that pylance 14.0.2 reads; returns what was said on the way."""
    dataset = lance.dataset(path)
    for name in dataset.schema.names:
        values = dataset.to_table(columns=[name]).column(name)
        fuzz_read.compare(fuzz_read.read_arrow(path, name), values, name)
        for first in range(0, len(values), 13):
            fuzz_read.compare(fuzz_read.read_arrow(path, name, f"--rows={first}:{first + 1}"),
                              values[first:first + 1], f"{name}, row {first}")
    done = lancectl("info", path)
    info = done.stdout.decode()
    assert f"rows: {dataset.count_rows()}\n" in info and f"storage version: {dataset.data_storage_version}\n" in info
    return done.stderr.decode()


CASES = {
    "out of order": ("2.1", swap, "out of order", "out of order"),
    "no physical rows": ("2.0", every_fragment(lambda f: f.__setitem__(m.PHYSICAL_ROWS, [])), "", None),
    "wrong physical rows": ("2.1", without_writer, "the manifest says 7", "before Lance 0.8"),
    "deleted rows not told": ("2.2", every_fragment(untold_deletions), "", None),
    "no sizes": ("2.0", every_file(lambda file: file.__setitem__(m.SIZE, [])), "", None),
    "no format": ("2.1", lambda manifest: manifest.__setitem__(m.DATA_FORMAT, []), "", None),
}


@pytest.mark.parametrize("case", CASES)
def test_manifest__is_read_as_pylance_reads_it(tmp_path, case):
    version, function, warning, refusal = CASES[case]
    path, number = make(tmp_path, version)
    m.patch(path, number, function)
    said = check(path)
    assert warning in said if warning else said == ""
    done = lancectl("delete", path, "i = 0", check=False)
    assert done.returncode == (1 if refusal else 0) and (refusal or "").encode() in done.stderr, done.stderr
    if not refusal:
        check(path)


def test_ids_twice__are_read(tmp_path):
    path = str(tmp_path / "t.lance")
    lance.write_dataset(pa.table({"i": range(ROWS)}), path, max_rows_per_file=10)
    m.patch(path, 1, lambda manifest: manifest.change(
        m.FRAGMENTS, lambda fragment: fragment.__setitem__(m.ID, [1]), only=2))
    assert "come twice" in check(path)
    assert b"come twice" in lancectl("delete", path, "i = 0", check=False).stderr


def test_0_1_in_the_manifest__of_newer_files(tmp_path):
    path, number = make(tmp_path, "2.0")
    m.patch(path, number, says_0_1)
    m.patch(path, number, written_by_0_10)
    done = lancectl("export", path, "i")
    assert done.stdout.split() == [str(i).encode() for i in range(ROWS) if i % 4 != 1]
    assert b"which they are not" in done.stderr
    assert b"read-only" in lancectl("delete", path, "i = 0", check=False).stderr


@pytest.mark.parametrize("version", ("legacy", "2.1"))
def test_field_in_two_files__is_that_of_the_first(tmp_path, version):
    path, number = make(tmp_path, version, lambda d: d.add_columns({"j": "i * 100"}))
    m.patch(path, number, reused_id)
    assert "is in two files" in check(path)
    # the values of the dropped column: a commit of pylance mends it, one of ours would make it last
    assert lance.dataset(path).to_table(columns=["j"]).column("j")[:3].to_pylist() == [0, 2, 3]
    assert lancectl("verify", path, check=False).returncode == 1
    assert b"read-only" in lancectl("add", path, "x", "1", check=False).stderr


def test_empty_table__says_its_version_by_a_flag(tmp_path):
    """Writing to it must not lose that."""
    path = str(tmp_path / "t.lance")
    lance.write_dataset(pa.table({"i": pa.array([], pa.int64())}), path)

    def old(manifest):
        manifest[m.DATA_FORMAT] = []
        manifest[m.WRITER_FLAGS] = [4]

    m.patch(path, 1, old)
    check(path)
    lancectl("describe", path, "i", "comment=x")
    check(path)
    assert lance.dataset(path).data_storage_version == "2.2"


def test_size_of_0_1_file__without_its_metadata(tmp_path):
    """From 0.30 on that was told; a file that is smaller was cut."""
    path = str(tmp_path / "t.lance")
    lance.write_dataset(pa.table({"i": range(ROWS)}), path, data_storage_version="legacy")
    told = lambda size: m.patch(path, 1, lambda manifest: manifest.change(
        m.FRAGMENTS, lambda fragment: fragment.change(m.FILES, lambda file: file.__setitem__(m.SIZE, [size]))))
    told(240)
    assert check(path) == "" and lancectl("verify", path, "--deep").returncode == 0
    told(10**6)
    assert b"cut short" in lancectl("verify", path, check=False).stdout


def test_deletions_of_other_fragments__are_passed_over(tmp_path):
    """Releases up to 0.3x took stable row ids for offsets; pylance 14.0.2 reads that in 0.1 files."""
    path = str(tmp_path / "t.lance")
    dataset = lance.write_dataset(pa.table({"i": range(ROWS)}), path, data_storage_version="legacy",
                                  max_rows_per_file=10, enable_stable_row_ids=True)
    dataset.delete("i = 3 or i = 5")
    file, = (tmp_path / "t.lance" / "_deletions").iterdir()
    offsets = pa.record_batch([pa.array([3, 23, 70000, 9], pa.uint32())],
                              pa.schema([pa.field("row_id", pa.uint32(), nullable=False)]))
    with pa.ipc.new_file(file, offsets.schema) as out:
        out.write_batch(offsets)
    got = fuzz_read.read_arrow(path, "i")
    fuzz_read.compare(got, lance.dataset(path).to_table().column("i"), "i")
    assert got.to_pylist() == [i for i in range(ROWS) if i not in (3, 9)]
    done = lancectl("info", path)
    assert b"rows: 28\n" in done.stdout  # pylance counts what the manifest tells
