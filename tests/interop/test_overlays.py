"""Data overlays: newer values of some cells, committed by pylance and read as it reads them."""

import os
import random
import uuid

import lance
import pyarrow as pa
import pytest
from lance.file import LanceFileWriter

import columns
from conftest import lancectl

MINOR = {"2.0": 0, "2.1": 1, "2.2": 2}
PAIR = pa.struct([pa.field("x", pa.int32()), pa.field("y", pa.string())])
TYPES = {"i": pa.int64(), "s": pa.string(), "l": pa.list_(pa.int16()), "v": pa.list_(pa.float32(), 3), "p": PAIR}
LEAVES = {"i": ["i"], "s": ["s"], "l": ["l.item"], "v": ["v"], "p": ["p.x", "p.y"]}


@pytest.fixture(autouse=True)
def overlays_are_on(monkeypatch):
    """Else pylance refuses to read and to commit them."""
    monkeypatch.setenv("LANCE_ENABLE_UNSTABLE_DATA_OVERLAY_FILES", "1")


def value(rng, name):
    if name != "p" and rng.random() < 0.2:
        return None
    number = rng.randrange(1000)
    return {"i": number, "s": f"text {number}" * (number % 3), "l": [number, None, 1][:number % 4],
            "v": [float(number), 1.5, -1.0], "p": {"x": number, "y": None if number % 4 == 0 else str(number)}}[name]


def table(rng, rows, names=tuple(TYPES)):
    fields = [pa.field(n, TYPES[n], nullable=n != "p") for n in names]
    return pa.table([pa.array([value(rng, n) for _ in range(rows)], f.type) for n, f in zip(names, fields)],
                    schema=pa.schema(fields))


def ids(dataset):
    """Field ids by path."""
    found = {}

    def walk(fields, prefix):
        for f in fields:
            found[prefix + f.name()] = f.id()
            walk(f.children(), prefix + f.name() + ".")

    walk(dataset.lance_schema.fields(), "")
    return found


def overlay(rng, dataset, path, version, rows, is_sparse):
    """An overlay of some columns and rows of a fragment, and its values in a file of their own."""
    names = rng.sample(sorted(TYPES), rng.randint(1, 3))
    if version == "2.0":  # whose structs and lists have columns of their own
        names = [n for n in names if n in "is"] or ["i"]
    n = rng.randint(1, rows)
    known, fields = ids(dataset), []
    for name in names:
        fields += [known[leaf] for leaf in LEAVES[name]]
    file = f"{uuid.uuid4()}.lance"
    with LanceFileWriter(str(path / "data" / file), table(rng, n, names).schema, version=version) as writer:
        writer.write_batch(table(rng, n, names).to_batches()[0])
    of = {name: sorted(rng.sample(range(rows), n)) for name in names}
    shared = of[names[0]]
    data = lance.fragment.DataFile(file, fields, list(range(len(fields))), 2, MINOR[version])
    offsets = [of[name] for name in names for _ in LEAVES[name]] if is_sparse else shared
    return lance.LanceOperation.DataOverlayFile(data, offsets)


def overlaid(rng, path, version):
    """A dataset of two fragments, some rows deleted, with some overlays in each of some commits."""
    rows = rng.choice((1, 5, 100, 3000))
    lance.write_dataset(table(rng, rows), str(path), data_storage_version=version)
    dataset = lance.write_dataset(table(rng, rows), str(path), mode="append")
    for _ in range(rng.randint(1, 4)):
        groups = []
        for fragment in rng.sample((0, 1), rng.randint(1, 2)):
            made = [overlay(rng, dataset, path, version, rows, rng.random() < 0.5) for _ in range(rng.randint(1, 3))]
            groups.append(lance.LanceOperation.DataOverlayGroup(fragment, made))
        dataset = lance.LanceDataset.commit(str(path), lance.LanceOperation.DataOverlay(groups),
                                            read_version=dataset.version)
    if rng.random() < 0.5:
        dataset.delete("i % 7 = 3")
    return lance.dataset(str(path))


def read(path, name, tmp_path):
    out = tmp_path / "out.arrow"
    out.unlink(missing_ok=True)
    lancectl("export", path, name, "--format=arrow", f"--output={out}")
    return columns.read_arrow(out)[0]


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("version", MINOR)
def test_overlays__read_as_pylance_reads(tmp_path, version, seed):
    path = tmp_path / "t.lance"
    dataset = overlaid(random.Random(seed), path, version)
    for name in TYPES:
        assert read(path, name, tmp_path).to_pylist() == dataset.to_table([name])[name].to_pylist(), name
    assert b"sound" in lancectl("verify", "--deep", path).stdout


def test_mount__shows_them_and_writes_nothing(tmp_path, mount):
    path = tmp_path / "t.lance"
    dataset = overlaid(random.Random(7), path, "2.2")
    where = mount(path)
    assert columns.read_arrow(where / "columns" / "i.arrow")[0].to_pylist() == dataset.to_table(["i"])["i"].to_pylist()
    some = dataset.take([0], ["s"])["s"].to_pylist()[0]
    assert (where / "rows" / "0" / "s.txt").exists() == (some is not None)
    with pytest.raises(OSError):
        (where / "columns" / "new.txt").write_text("1\n")
    assert "data overlay files" in (where / "last_error").read_text()
    before = columns.read_arrow(where / "versions" / "2" / "columns" / "i.arrow")[0].to_pylist()
    assert before == lance.dataset(str(path), version=2).to_table(["i"])["i"].to_pylist()


def test_damaged_coverage__is_an_error(tmp_path):
    path = tmp_path / "t.lance"
    overlaid(random.Random(9), path, "2.2")
    [newest] = [p for p in [min((path / "_versions").glob("*.manifest"))]]
    good = newest.read_bytes()
    rng = random.Random(1)
    start = good.rindex(b"\x3a\x30") if b"\x3a\x30" in good else good.rindex(b"\x3b\x30")
    failed = 0
    for _ in range(20):
        bad = bytearray(good)
        bad[start + rng.randrange(2, 16)] ^= 1 << rng.randrange(8)
        newest.write_bytes(bytes(bad))
        done = lancectl("verify", "--deep", path, check=False)
        assert done.returncode in (0, 1) and b"Sanitizer" not in done.stderr
        failed += done.returncode
    assert failed, "no damage was found"
