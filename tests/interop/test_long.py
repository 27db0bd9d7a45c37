"""The large comparisons: run by tools/test --long with the release build."""

import lance
import numpy as np
import pyarrow as pa
import pytest

import columns
import laion

pytestmark = pytest.mark.long
VERSIONS = ("2.0", "2.1", "2.2")


def check_by_column(where, path, names=None):
    """Column by column, so that memory holds one column of a million rows."""
    dataset = lance.dataset(str(path))
    checked = 0
    for name in names or dataset.schema.names:
        expected = dataset.to_table(columns=[name]).column(name)
        checked += len(columns.check_column(where / "columns", name, expected))
    return checked


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("version", VERSIONS)
def test_columns__of_1162252_rows(tmp_path, mount, version):
    path = laion.write(tmp_path / "t.lance", 1162252, version, images=False, embeddings=False)
    assert check_by_column(mount(path), path) > 40


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("version", VERSIONS)
def test_columns__of_200000_rows_with_embeddings(tmp_path, mount, version):
    path = laion.write(tmp_path / "t.lance", 200000, version, images=False, step=10000)
    dataset = lance.dataset(str(path))
    where = mount(path)
    got = np.load(where / "columns" / "img_emb.npy", mmap_mode="r")
    first = 0
    for batch in dataset.to_batches(columns=["img_emb"]):
        vectors = batch.column(0).flatten().to_numpy().reshape(-1, laion.DIM)
        assert np.array_equal(got[first:first + len(vectors)], vectors)
        first += len(vectors)
    assert first == len(got) == 200000
    assert check_by_column(where, path, [n for n in dataset.schema.names if n != "img_emb"]) > 40


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("version", VERSIONS)
def test_columns__of_5000_rows_with_large_images(tmp_path, mount, version):
    """Images over 32 KiB are compressed one by one where the writer does that."""
    path = tmp_path / "t.lance"
    table = laion.table(5000, embeddings=False)
    rng = np.random.default_rng(1)
    images = [None if v is None else v + rng.bytes(int(rng.integers(20000, 90000)))
              for v in table["image"].to_pylist()]
    index = table.schema.get_field_index("image")
    table = table.set_column(index, "image", pa.array(images, pa.binary()))
    lance.write_dataset(table, str(path), data_storage_version=version)
    assert check_by_column(mount(path), path, ["image", "caption"]) > 4
