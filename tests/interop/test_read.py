"""Every column of image-caption tables, read through the mount, equals pylance's values."""

import random
import subprocess

import lance
import numpy as np
import pyarrow as pa
import pytest

import columns
import laion

VERSIONS = ("2.0", "2.1", "2.2")


def check_version(where, dataset):
    """All columns of a directory (live or versions/N) against one version of the dataset."""
    expected = dataset.to_table()
    formats = {}
    for name in expected.column_names:
        formats[name] = columns.check_column(where / "columns", name, expected.column(name))
    return expected, formats


def check_rows(where, expected, count=20, seed=0):
    rng = random.Random(seed)
    rows = [rng.randrange(expected.num_rows) for _ in range(count)] if expected.num_rows else []
    for row in rows:
        directory = where / "rows" / str(row)
        listed = {p.name.rsplit(".", 1)[0] for p in directory.iterdir()}
        values = {name: expected.column(name)[row].as_py() for name in expected.column_names}
        assert listed == {name for name, value in values.items() if value is not None}
        for path in directory.iterdir():
            value = values[path.name.rsplit(".", 1)[0]]
            data = path.read_bytes()
            if isinstance(value, bytes):
                assert data == value
            elif isinstance(value, str):
                assert data == value.encode()
            elif isinstance(value, int):
                assert data == b"%d\n" % value
            elif isinstance(value, float):
                kind = expected.schema.field(path.name.rsplit(".", 1)[0]).type
                assert pa.scalar(float(data), kind).as_py() == value
            else:
                assert np.allclose(np.fromstring(data.decode().strip("[]\n"), sep=","), value)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("rows", (0, 1, 5000))
def test_columns__of_small_images(tmp_path, mount, version, rows):
    path = laion.write(tmp_path / "t.lance", rows, version, per_fragment=1700)
    where = mount(path)
    expected, formats = check_version(where, lance.dataset(str(path)))
    assert set(formats) == set(expected.column_names)
    check_rows(where, expected)


@pytest.mark.parametrize("version", VERSIONS)
def test_columns__of_200000_rows(tmp_path, mount, version):
    path = laion.write(tmp_path / "t.lance", 200000, version, images=False, embeddings=False)
    where = mount(path)
    expected, _ = check_version(where, lance.dataset(str(path)))
    check_rows(where, expected)


@pytest.mark.parametrize("version", VERSIONS)
def test_columns__after_deletes_adds_and_drops(tmp_path, mount, version):
    path = laion.write(tmp_path / "t.lance", 3000, version, per_fragment=700)
    dataset = lance.dataset(str(path))
    where = mount(path)
    dataset.delete("width % 3 = 0 or key < '000000100'")
    dataset.add_columns({"area": "width * height"})
    dataset.drop_columns(["url"])
    lance.write_dataset(laion.table(500, first=3000).drop_columns(["url"]).append_column(
        "area", pa.array([None] * 500, pa.int64())), str(path), mode="append")
    dataset = lance.dataset(str(path))
    dataset.delete("key > '000003200' and height % 2 = 0")
    for version_number in [v["version"] for v in dataset.versions()]:
        check_version(where / "versions" / str(version_number), lance.dataset(str(path), version=version_number))
    dataset = lance.dataset(str(path))
    expected, _ = check_version(where, dataset)
    assert not (where / "columns" / "url.txt").exists()
    assert (where / "versions" / "1" / "columns" / "url.txt").exists()
    check_rows(where, expected)


def test_deletions__in_both_kinds_of_files(tmp_path, mount):
    path = laion.write(tmp_path / "t.lance", 60000, "2.2", images=False, embeddings=False)
    dataset = lance.dataset(str(path))
    dataset.delete("key like '%7'")
    kinds = {p.suffix for p in (path / "_deletions").iterdir()}
    dataset.delete("key = '000000002'")
    small = laion.write(tmp_path / "s.lance", 4000, "2.1", images=False, embeddings=False)
    lance.dataset(str(small)).delete("key like '%77'")
    kinds |= {p.suffix for p in (small / "_deletions").iterdir()}
    assert kinds == {".bin", ".arrow"}
    for one in (path, small):
        check_version(mount(one), lance.dataset(str(one)))


def test_manifest_names__of_both_schemes(tmp_path, mount):
    path = tmp_path / "v1.lance"
    lance.write_dataset(laion.table(100), str(path), enable_v2_manifest_paths=False)
    assert (path / "_versions" / "1.manifest").exists()
    check_version(mount(path), lance.dataset(str(path)))


def test_tags__are_links(tmp_path, mount):
    path = laion.write(tmp_path / "t.lance", 10, "2.2")
    dataset = lance.dataset(str(path))
    dataset.tags.create("first", 1)
    dataset.delete("key = '000000003'")
    where = mount(path)
    assert (where / "tags" / "first").readlink().name == "1"
    assert (where / "versions" / "latest").readlink().name == "2"
    assert len((where / "tags" / "first" / "columns" / "key.txt").read_text().splitlines()) == 10
    assert len((where / "columns" / "key.txt").read_text().splitlines()) == 9


def test_sizes__equal_what_is_read(tmp_path, mount):
    path = laion.write(tmp_path / "t.lance", 100, "2.2", per_fragment=40)
    dataset = lance.dataset(str(path))
    dataset.add_columns({"area": "width * height"})
    dataset.delete("key = '000000003'")
    where = mount(path)
    assert columns.check_sizes(where) > 4 * 99 * 15


def test_whole_mount__survives_ordinary_tools(tmp_path, mount):
    path = laion.write(tmp_path / "t.lance", 100, "2.2", embeddings=False)
    dataset = lance.dataset(str(path))
    dataset.add_columns({"area": "width * height"})
    dataset.delete("key = '000000003'")
    where = mount(path)
    for command in (["rsync", "-a", f"{where}/", f"{tmp_path}/rsynced/"],
                    ["cp", "-a", where, tmp_path / "copied"],
                    ["tar", "-C", where, "-cf", tmp_path / "t.tar", "."],
                    ["find", where],
                    ["du", "-s", where]):
        done = subprocess.run(command, capture_output=True, timeout=600)
        assert done.returncode == 0, (command, done.stderr[-500:])
    done = subprocess.run(["grep", "-r", "no such text anywhere", where], capture_output=True, timeout=600)
    assert done.returncode == 1, done.stderr
    copied = subprocess.run(["diff", "-r", tmp_path / "copied" / "rows", where / "rows"], capture_output=True)
    assert copied.returncode == 0, copied.stdout[-500:]


def test_foreign_commit__shows_in_the_next_lookup(tmp_path, mount):
    path = laion.write(tmp_path / "t.lance", 100, "2.2")
    where = mount(path)
    before = (where / "columns" / "width.txt").read_text()
    open_before = open(where / "columns" / "width.txt")
    dataset = lance.dataset(str(path))
    dataset.add_columns({"area": "width * height"})
    assert (where / "columns" / "area.txt").exists()
    assert (where / "columns" / "width.txt").read_text() == before
    assert open_before.read() == before
    open_before.close()


def test_duckdb__reads_a_csv_column(tmp_path, mount):
    duckdb = pytest.importorskip("duckdb")
    path = laion.write(tmp_path / "t.lance", 1000, "2.2", images=False, embeddings=False)
    where = mount(path)
    got = duckdb.sql(f"select * from read_csv('{where}/columns/width.csv')").fetchall()
    assert [row[0] for row in got] == lance.dataset(str(path)).to_table()["width"].to_pylist()
