"""Columns by expressions: pylance's add_columns of the same text makes the same column."""

import random

import lance
import lancedb
import pyarrow as pa
import pytest

from conftest import lancectl
from test_schema import VERSIONS, fails, valid

FIRST = ["caption_length", "length(caption)", "aspect", "CAST(width AS DOUBLE)/CAST(height AS DOUBLE)",
         "image_area", "width*height"]


def rows_of(n, seed=1):
    rng = random.Random(seed)

    def maybe(make):
        return [None if rng.random() < 0.1 else make() for _ in range(n)]

    return pa.table({
        "key": pa.array([f"{i:09d}" for i in range(n)], pa.string()),
        "caption": pa.array(maybe(lambda: rng.choice(["a dog", "", "Ünïcode ✓", "x" * 300])), pa.string()),
        "width": pa.array(maybe(lambda: rng.randint(-3, 900)), pa.int64()),
        "height": pa.array(maybe(lambda: rng.randint(1, 900)), pa.int32()),
        "score": pa.array(maybe(lambda: rng.choice([0.0, -1.5, float("nan")])), pa.float32()),
        "vector": pa.array(maybe(lambda: [rng.random() for _ in range(4)]), pa.list_(pa.float32(), 4)),
        "meta": pa.array([{"a": i, "b": str(i)} for i in range(n)]),
    })


def make(path, version, n=900, stable=False):
    rows = rows_of(n)
    if version == "2.0":
        rows = rows.drop_columns(["meta"])
    lance.write_dataset(rows, str(path), data_storage_version=version, max_rows_per_file=250,
                        enable_stable_row_ids=stable)
    lance.dataset(str(path)).delete("height % 5 = 1")
    return path


def same(got, want):
    """NaN is NaN."""
    assert got.schema.types == want.schema.types and got.column_names == want.column_names
    assert repr(got.to_pylist()) == repr(want.to_pylist())


def twice(tmp_path, version, **kwargs):
    return make(tmp_path / "ours.lance", version, **kwargs), make(tmp_path / "theirs.lance", version, **kwargs)


@pytest.mark.parametrize("stable", (False, True))
@pytest.mark.parametrize("version", VERSIONS)
def test_the_first_use(tmp_path, version, stable):
    ours, theirs = twice(tmp_path, version, stable=stable)
    before = lance.dataset(str(ours)).version
    lancectl("add", ours, *FIRST)
    lance.dataset(str(theirs)).add_columns(dict(zip(FIRST[::2], FIRST[1::2])))
    got, want = valid(ours), lance.dataset(str(theirs))
    assert got.version == before + 1
    same(got.to_table(), want.to_table())
    assert got.schema.field("aspect").metadata[b"lancefs:text"] == FIRST[3].encode()
    assert got.schema.field("aspect").metadata[b"lancefs:source"] == b"sql"


@pytest.mark.parametrize("text", [
    "height + 1", "coalesce(caption, 'none')", "score * 2", "upper(caption)", "width > height", "md5(caption)",
    "caption LIKE '%dog%'", "vector[2]", "array_distance(vector, vector)", "caption IS NULL", "width / 7", "width % 7",
    "regexp_replace(caption, '[aeiou]', '_')", "'constant'", "1", "score", "isnan(score)", "meta.a", "meta['b'] || '!'",
])
def test_one_expression(tmp_path, text):
    ours, theirs = twice(tmp_path, "2.2")
    lancectl("add", ours, "x", text)
    lance.dataset(str(theirs)).add_columns({"x": text})
    same(valid(ours).to_table(columns=["x"]), lance.dataset(str(theirs)).to_table(columns=["x"]))


def test_no_rows(tmp_path):
    path = tmp_path / "t.lance"
    lance.write_dataset(rows_of(0), str(path), data_storage_version="2.2")
    lancectl("add", path, *FIRST)
    assert valid(path).count_rows() == 0
    assert [str(f.type) for f in lance.dataset(str(path)).schema][-3:] == ["int32", "double", "int64"]


def test_all_rows_of_a_fragment_are_deleted(tmp_path):
    ours, theirs = twice(tmp_path, "2.2")
    for path in (ours, theirs):
        lance.dataset(str(path)).delete("key < '000000250'")
    lancectl("add", ours, *FIRST)
    lance.dataset(str(theirs)).add_columns(dict(zip(FIRST[::2], FIRST[1::2])))
    same(valid(ours).to_table(), lance.dataset(str(theirs)).to_table())


@pytest.mark.parametrize("version", VERSIONS)
def test_where__leaves_the_others_null(tmp_path, version):
    path = make(tmp_path / "t.lance", version)
    lancectl("add", path, "ratio", "width / height", "big", "'big'", "--where=width > 400")
    rows = valid(path).to_table().to_pylist()
    for row in rows:
        is_big = row["width"] is not None and row["width"] > 400
        assert row["big"] == ("big" if is_big else None)
        assert row["ratio"] == (row["width"] // row["height"] if is_big and row["height"] else None)


def test_type__casts(tmp_path):
    path = make(tmp_path / "t.lance", "2.2")
    lancectl("add", path, "a", "height + 0", "--type=int16")
    assert valid(path).schema.field("a").type == pa.int16()
    before = lance.dataset(str(path)).version
    said = fails("add", path, "b", "width * 1000", "--type=int16")
    assert "int16" in said and "row" in said
    assert lance.dataset(str(path)).version == before


@pytest.mark.parametrize("words, said", [
    (["caption", "1"], "there is a column 'caption'"),
    (["x", "captoin"], "did you mean 'caption'?"),
    (["x", "lenght(caption)"], "did you mean 'length'?"),
    (["x", "caption +"], "the text ends"),
    (["x", "width / 0"], "row 0: division by zero"),
    (["x", "CAST(caption AS INT)"], "is not int32"),
    (["x", "vector + 1"], "do not go together"),
    (["x", "width", "y", "nope"], "y: column 1: no column 'nope'"),
    (["x", "width", "x", "height"], "comes twice"),
    (["_rowid", "width"], "name"),
    (["x", "width", "--where=caption"], "true or false"),
    (["x"], "needs an expression"),
])
def test_what_cannot_be__is_said_and_nothing_is_committed(tmp_path, words, said):
    path = make(tmp_path / "t.lance", "2.2")
    before = lance.dataset(str(path)).version
    files = sorted(p.name for p in (path / "data").iterdir())
    assert said in fails("add", path, *words)
    assert lance.dataset(str(path)).version == before
    assert sorted(p.name for p in (path / "data").iterdir()) == files


def test_control__word_for_word(tmp_path, mount):
    ours, theirs = twice(tmp_path, "2.2")
    where = mount(ours)
    words = " ".join(w if i % 2 == 0 else f"'{w}'" for i, w in enumerate(FIRST))
    (where / "control").write_text(f"add {words}\n")
    lance.dataset(str(theirs)).add_columns(dict(zip(FIRST[::2], FIRST[1::2])))
    same(valid(ours).to_table(), lance.dataset(str(theirs)).to_table())
    sql = "SELECT key, caption FROM t WHERE caption_length > 80 AND image_area >= 512*512 LIMIT 5"
    (where / "queries/some.sql").write_text(sql)
    want = lance.dataset(str(theirs)).to_table(columns=["key", "caption"], limit=5,
                                               filter="caption_length > 80 AND image_area >= 512*512")
    with pa.memory_map(str(where / "queries/some.arrow")) as f:
        assert pa.ipc.open_file(f).read_all() == want
    assert lancectl("query", ours, sql).stdout.decode() == (where / "queries/some.csv").read_text()


def test_computed_columns__are_lancedbs(tmp_path):
    db = lancedb.connect(str(tmp_path))
    table = db.create_table("t", pa.table({"i": [1, 2, None, 4], "s": ["a", "bb", None, "d"]}))
    path = tmp_path / "t.lance"
    table.add_columns(computed={"twice": "i * 2"})
    lancectl("refresh", path)
    lancectl("add", path, "loud", "upper(s)", "--computed")
    table = db.open_table("t")
    assert table.to_arrow()["twice"].to_pylist() == [2, 4, None, 8]
    table.add(pa.table({"i": [7, 8], "s": ["p", None]}))
    table.update(where="i = 1", values={"i": 100})
    lancectl("refresh", path, "twice", "loud")
    version = valid(path).version
    assert b"all values are right" in lancectl("refresh", path).stdout
    rows = {r["i"]: (r["twice"], r["loud"]) for r in db.open_table("t").to_arrow().to_pylist()}
    assert rows == {2: (4, "BB"), None: (None, None), 4: (8, "D"), 7: (14, "P"), 8: (16, None), 100: (200, "A")}
    assert lance.dataset(str(path)).version == version
    before = db.open_table("t").to_arrow()
    table = db.open_table("t")
    table.refresh_column("twice")
    table.refresh_column("loud")
    assert db.open_table("t").to_arrow() == before
    assert "not declared as computed" in fails("refresh", path, "i")
    assert "computed by LanceDB" in fails("update", path, "twice=1")
