"""How columns of text are encoded: as small as the reference writes them, and as it reads them."""

import random

import lance
import pyarrow as pa
import pytest

import conftest
import written

VERSIONS = ("2.0", "2.1", "2.2")
ROWS = 6000
WORDS = ("a photograph of the and in on with sunset river mountain old new blue red woman man dog "
         "stock vector illustration poster vintage wedding dress kitchen house modern design "
         "\u00e9t\u00e9 \u6c34 free shipping 2012 2019 black white").split()


def caption(rng):
    return " ".join(rng.choice(WORDS) + rng.choice(("", "", "s", "ing")) for _ in range(rng.randint(0, 14)))


def url(rng):
    return f"https://cdn{rng.randint(0, 30)}.example.com/images/{rng.getrandbits(48):x}/{caption(rng)[:12]}.jpg"


def exif(rng):
    return '{"Image Make": "%s", "Image XResolution": "%d"}' % (caption(rng), rng.randint(0, 300)) * 3


TEXTS = {
    "captions": caption,
    "urls": url,
    "long": exif,
    "hashes": lambda rng: f"{rng.getrandbits(128):032x}",
    "digits": lambda rng: str(rng.randint(0, 10**9)),
    "some_null": lambda rng: rng.choice((None, caption(rng))),
    "almost_all_null": lambda rng: caption(rng) if rng.random() < 0.01 else None,
    "all_null": lambda rng: None,
    "empty": lambda rng: "",
    "mostly_empty": lambda rng: rng.choice(("", "", "", caption(rng))),
    "equal": lambda rng: "one and the same",
    "equal_or_null": lambda rng: rng.choice((None, "x")),
    "kinds_3": lambda rng: rng.choice(("UNLIKELY", "UNSURE", "NSFW")),
    "kinds_90_or_null": lambda rng: rng.choice((None, f"license {rng.randint(0, 89)}")),
    "kinds_1000": lambda rng: f"site {rng.randint(0, 999)}",
    "incompressible": lambda rng: "".join(chr(rng.randint(0x4e00, 0x9fff)) for _ in range(rng.randint(0, 9))),
    "one_is_huge": lambda rng: caption(rng) * (2000 if rng.random() < 0.0004 else 1),
}


def data_bytes(where):
    return {p: p.stat().st_size for p in (where / "data").iterdir()}


def put(tmp_path, version, values):
    """The bytes of values as a column of a table's own data files, and of the reference's."""
    where = tmp_path / "t.lance"
    ids = pa.table({"id": pa.array(range(len(values)), pa.int64())})
    lance.write_dataset(ids, str(where), data_storage_version=version)
    text = tmp_path / "new.txt"
    text.write_text(written.txt(values), encoding="utf-8", newline="")
    before = data_bytes(where)
    conftest.lancectl("put", where, text, "--name=new", "--type=string")
    ours = sum(size for path, size in data_bytes(where).items() if path not in before)
    reference = tmp_path / "reference.lance"
    lance.write_dataset(pa.table({"new": pa.array(values, pa.string())}), str(reference), data_storage_version=version)
    return where, ours, sum(data_bytes(reference).values())


@pytest.mark.parametrize("rows", (1, 99, 1025, ROWS))
@pytest.mark.parametrize("kind", TEXTS)
@pytest.mark.parametrize("version", VERSIONS)
def test_text_is_small_and_read_by_pylance(tmp_path, version, kind, rows):
    rng = random.Random(f"{kind} {rows}")
    values = [TEXTS[kind](rng) for _ in range(rows)]
    where, ours, reference = put(tmp_path, version, values)
    dataset = lance.dataset(str(where))
    assert dataset.to_table(columns=["new"])["new"].to_pylist() == values
    some = rng.sample(range(rows), min(rows, 20))
    assert dataset.take(some, columns=["new"])["new"].to_pylist() == [values[i] for i in some]
    # a file has some hundred bytes of metadata whatever it holds
    assert ours <= 1.10 * reference + 700, f"{ours} bytes, the reference's {reference}"


@pytest.mark.parametrize("version", VERSIONS)
def test_nulls_and_lists_in_runs_are_read_by_pylance(tmp_path, version):
    rng = random.Random(version)
    runs = [rng.choice((None, 1)) for _ in range(20)]
    flags = [runs[i // 300] for i in range(ROWS)]
    lists = [None if not flags[i] else [rng.randint(0, 9)] * rng.choice((0, 1, 700)) for i in range(ROWS)]
    columns = {
        "ints": pa.array([flag and i for i, flag in enumerate(flags)], pa.int64()),
        "lists": pa.array(lists, pa.list_(pa.int32())),
    }
    where = tmp_path / "t.lance"
    lance.write_dataset(pa.table({"id": pa.array(range(ROWS), pa.int64())}), str(where), data_storage_version=version)
    for name, values in columns.items():
        file = tmp_path / f"{name}.arrow"
        with pa.OSFile(str(file), "wb") as sink, pa.ipc.new_file(sink, pa.schema([(name, values.type)])) as out:
            out.write_table(pa.table({name: values}))
        conftest.lancectl("put", where, file)
        dataset = lance.dataset(str(where))
        assert dataset.to_table(columns=[name])[name].to_pylist() == values.to_pylist()
        some = rng.sample(range(ROWS), 50)
        assert dataset.take(some, columns=[name])[name].to_pylist() == [values[i].as_py() for i in some]
    conftest.lancectl("verify", where, "--deep")


LARGE = {
    "long texts": lambda rng: " ".join(rng.choice(("kitchen", "dress", "poster", str(rng.random()))) for _ in range(6000)),
    "few long, many short": lambda rng: "x " * 20000 if rng.random() < 0.01 else str(rng.random()),
    "few long, more empty": lambda rng: "".join(map(str, range(9000))) if rng.random() < 0.3 else "",
    "nothing to gain": lambda rng: rng.randbytes(50000).hex(),
}


@pytest.mark.parametrize("kind", LARGE)
@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("type_", (pa.string(), pa.large_binary()), ids=str)
def test_large_values_are_small_and_read_by_pylance(tmp_path, version, kind, type_):
    rng = random.Random(kind)
    values = [None if rng.random() < 0.1 else LARGE[kind](rng) for _ in range(120)]
    array = pa.array(values, pa.string()).cast(pa.binary()).cast(type_)
    where, file = tmp_path / "t.lance", tmp_path / "new.arrow"
    lance.write_dataset(pa.table({"id": pa.array(range(len(values)))}), str(where), data_storage_version=version)
    with pa.OSFile(str(file), "wb") as sink, pa.ipc.new_file(sink, pa.schema([("new", type_)])) as out:
        out.write_table(pa.table({"new": array}))
    before = data_bytes(where)
    conftest.lancectl("put", where, file)
    ours = sum(size for path, size in data_bytes(where).items() if path not in before)
    lance.write_dataset(pa.table({"new": array}), str(tmp_path / "r.lance"), data_storage_version=version)
    dataset = lance.dataset(str(where))
    assert dataset.to_table(columns=["new"])["new"].combine_chunks() == array
    assert dataset.take([7, 3, 119], columns=["new"])["new"].to_pylist() == [array[i].as_py() for i in (7, 3, 119)]
    assert ours <= 1.10 * sum(data_bytes(tmp_path / "r.lance").values()) + 700
    conftest.lancectl("verify", where, "--deep")
