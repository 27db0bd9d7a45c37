"""SELECT: DuckDB answers the same on the same rows; scans and SQLite agree with each other."""

import csv
import io
import math
import random

import duckdb
import lance
import pyarrow as pa
import pyarrow.ipc
import pytest

from conftest import lancectl
from test_schema import VERSIONS, fails, valid

WORDS = ["a dog", "a cat", "", "Dog", "ein Hündchen", "a_b", "100%", "it's", "zebra", "\n", "x" * 60]


def rows_of(rng, n):
    def maybe(make):
        return [None if rng.random() < 0.15 else make() for _ in range(n)]

    return pa.table({
        "id": pa.array(range(n), pa.int64()),
        "i": pa.array(maybe(lambda: rng.randint(-20, 20)), pa.int32()),
        "k": pa.array(maybe(lambda: rng.choice([0, 1, 2, 127, -128])), pa.int8()),
        "d": pa.array(maybe(lambda: rng.choice([0.0, 1.5, -2.25, 1e10, 3.0])), pa.float64()),
        "f": pa.array(maybe(lambda: rng.choice([0.5, 1.25, -3.0, 0.1])), pa.float32()),
        "s": pa.array(maybe(lambda: rng.choice(WORDS)), pa.string()),
        "b": pa.array(maybe(lambda: rng.random() < 0.5), pa.bool_()),
        "md5": pa.array([f"{rng.randint(0, n // 4):032x}" for _ in range(n)], pa.string()),
        "v": pa.array(maybe(lambda: [rng.random(), 1.0]), pa.list_(pa.float32(), 2)),
    })


@pytest.fixture(scope="module", params=VERSIONS)
def table(request, tmp_path_factory):
    """A table of several fragments with deleted rows, and its rows."""
    rng = random.Random(request.param)
    path = tmp_path_factory.mktemp("query") / "facts.lance"
    rows = rows_of(rng, 700)
    lance.write_dataset(rows, str(path), max_rows_per_file=250, data_storage_version=request.param)
    lance.dataset(str(path)).delete("id % 7 = 3")
    other = pa.table({"k": pa.array([0, 1, 2, 2, None], pa.int8()), "name": ["zero", "one", "two", "deux", "none"]})
    lance.write_dataset(other, str(path.parent / "names.lance"), data_storage_version=request.param)
    return path, lance.dataset(str(path)).to_table(), other


def value(rng, column):
    if column in ("i", "k", "id"):
        return str(rng.choice([-128, -3, 0, 1, 5, 127, 300]))
    if column in ("d", "f"):
        return rng.choice(["0.5", "1.5", "0", "-2.25", "1e10", "0.1", "3"])
    return "'" + rng.choice(WORDS[:9]).replace("'", "''") + "'"


def condition(rng, depth=2):
    if depth and rng.random() < 0.5:
        kind = rng.choice(["AND", "OR", "NOT"])
        if kind == "NOT":
            return f"NOT ({condition(rng, depth - 1)})"
        return f"({condition(rng, depth - 1)} {kind} {condition(rng, depth - 1)})"
    column = rng.choice(["i", "k", "id", "d", "s"])
    kind = rng.randrange(7)
    if kind == 0:
        return f"{column} IS {rng.choice(['', 'NOT '])}NULL"
    if kind == 1:
        return f"{column} {rng.choice(['', 'NOT '])}IN ({value(rng, column)}, {value(rng, column)})"
    if kind == 2:
        return f"{column} BETWEEN {value(rng, column)} AND {value(rng, column)}"
    if kind == 3:
        return "s " + rng.choice(["", "NOT "]) + "LIKE " + rng.choice(["'a%'", "'%dog'", "'%o%'", "'_ cat'", "'Dog'"])
    if kind == 4:
        return "b"
    if kind == 5:
        return "i + k > 3"
    return f"{column} {rng.choice(['=', '<>', '<', '<=', '>', '>='])} {value(rng, column)}"


def item(rng):
    return rng.choice(["i", "k", "d", "s", "b", "md5", "id", "i + 1", "i * i", "d - 1.5", "s || 'x'", "length(s)",
                       "i + k - 1", "upper(md5)", "coalesce(i, -1)", "CASE WHEN i > 0 THEN s ELSE md5 END"])


def simple(rng):
    items = ", ".join(f"{item(rng)} AS c{n}" for n in range(rng.randint(1, 4)))
    tail = f" WHERE {condition(rng)}" if rng.random() < 0.8 else ""
    return f"SELECT id, {items} FROM t{tail}", False


def limited(rng):
    return f"SELECT id, s FROM t WHERE {condition(rng)} LIMIT {rng.randint(0, 40)} OFFSET {rng.randint(0, 9)}", True


def counted(rng):
    return f"SELECT count(*) FROM t WHERE {condition(rng)}", True


def grouped(rng):
    key = rng.choice(["k", "s", "b", "md5"])
    return (f"SELECT {key} AS g, count(*) AS n, sum(i) AS total, min(d) AS low, max(s) AS high FROM t "
            f"WHERE {condition(rng)} GROUP BY {key}"), False


def windowed(rng):
    over = f"PARTITION BY {rng.choice(['md5', 'k', 's'])} ORDER BY id"
    what = rng.choice(["count(*)", "row_number()", "sum(i)", "lag(i)", "first_value(s)"])
    return f"SELECT id, {what} OVER ({over}) AS w FROM t WHERE {condition(rng)}", False


def joined(rng):
    kind = rng.choice(["JOIN", "LEFT JOIN"])
    return f"SELECT t.id, n.name FROM t {kind} names n ON n.k = t.k WHERE {condition(rng).replace('k ', 't.k ')}", False


def nested(rng):
    return (f"WITH u AS (SELECT id, i, s FROM t WHERE {condition(rng)}) SELECT id, i FROM u "
            f"WHERE i IN (SELECT max(i) FROM u) OR i = (SELECT min(i) FROM t) ORDER BY id"), True


KINDS = [simple, simple, limited, counted, grouped, windowed, joined, nested]


def plain(v):
    """A value as both engines mean it."""
    if isinstance(v, bool):
        return int(v)
    if isinstance(v, float):
        return "nan" if math.isnan(v) else float(f"{v:.10g}")
    return v


def answer(path, sql):
    lancectl("query", path, sql, "--format=arrow", "--output=" + str(path.parent / "out.arrow"))
    with pa.memory_map(str(path.parent / "out.arrow")) as f:
        return pa.ipc.open_file(f).read_all()


def as_rows(t, in_order):
    columns = [[plain(v) for v in c.to_pylist()] for c in t.columns]
    rows = list(zip(*columns))
    return rows if in_order else sorted(rows, key=repr)


def compare(path, rows, names, queries):
    peer = duckdb.connect()
    peer.execute("SET default_null_order='nulls_first'; SET threads=1; SET preserve_insertion_order=true")
    peer.register("t", rows)
    peer.register("names", names)
    for sql, in_order in queries:
        want = as_rows(peer.execute(sql).to_arrow_table(), in_order)
        got = as_rows(answer(path, sql), in_order)
        assert got == want, sql


@pytest.mark.parametrize("seed", range(2))
def test_duckdb_agrees(table, seed):
    rng = random.Random(seed)
    compare(*table, [rng.choice(KINDS)(rng) for _ in range(30)])


@pytest.mark.long
def test_duckdb_agrees__on_thousands(table):
    rng = random.Random(99)
    compare(*table, [rng.choice(KINDS)(rng) for _ in range(2000)])


@pytest.mark.parametrize("sql", [
    "SELECT count(*) FROM t LIMIT 0",
    "SELECT count(*) FROM t LIMIT 1 OFFSET 1",
    "SELECT t.id, t.s FROM t WHERE t.id < 20",
    "SELECT x.id FROM t AS x WHERE x.i > 3",
    'SELECT "id", "s" AS "the s" FROM t WHERE "i" = 1',
    "SELECT id FROM t WHERE s = 'it''s'",
    "SELECT -i AS n, NOT b AS m FROM t",
    "SELECT DISTINCT k FROM t",
    "SELECT id FROM t WHERE i = (SELECT max(i) FROM t)",
    "SELECT count(i), count(DISTINCT s), avg(d) FROM t",
    "SELECT id FROM t ORDER BY i NULLS FIRST, id DESC LIMIT 7",
    "SELECT i FROM t UNION SELECT k FROM t",
    "SELECT id FROM t EXCEPT SELECT id FROM t WHERE b",
])
def test_one_form(table, sql):
    compare(*table, [(sql, "ORDER" in sql)])


def test_plain_columns_keep_their_types(table):
    path, rows, _ = table
    for sql in ("SELECT * FROM t LIMIT 50", "SELECT * FROM t ORDER BY id LIMIT 50"):
        got = answer(path, sql)
        assert got.schema.types == rows.schema.types, sql
        assert got.to_pylist() == rows.slice(0, 50).to_pylist(), sql


def text(*words):
    return lancectl("query", *words).stdout.decode()


def test_formats_say_the_same(table):
    path, rows, _ = table
    sql = "SELECT id, s, d FROM t WHERE d > 1 LIMIT 20"
    want = answer(path, sql).to_pylist()
    got = list(csv.DictReader(io.StringIO(text(path, sql))))
    assert [(int(r["id"]), float(r["d"])) for r in got] == [(r["id"], r["d"]) for r in want]
    lines = text(path, sql, "--format=txt").splitlines()
    assert [line.split("\t")[0] for line in lines] == [str(r["id"]) for r in want]
    assert text(path, sql, "--format=jsonl").count("\n") == len(want)


@pytest.mark.parametrize("suffix", ("csv", "jsonl", "arrow"))
def test_a_file_is_a_table(table, tmp_path, suffix):
    path, rows, _ = table
    scores = pa.table({"id": rows["id"].to_pylist()[::3], "score": [n / 2 for n in range(len(rows["id"][::3]))]})
    file = tmp_path / f"scores.{suffix}"
    if suffix == "arrow":
        with pa.ipc.new_file(str(file), scores.schema) as out:
            out.write_table(scores)
    elif suffix == "csv":
        file.write_text("id,score\n" + "".join(f"{r['id']},{r['score']}\n" for r in scores.to_pylist()))
    else:
        file.write_text("".join(f'{{"id": {r["id"]}, "score": {r["score"]}}}\n' for r in scores.to_pylist()))
    got = answer(path, f"SELECT t.id, score, md5 FROM t JOIN '{file}' s ON s.id = t.id ORDER BY t.id")
    joined = rows.drop_columns(["v"]).join(scores, "id", join_type="inner").sort_by("id")
    assert got["id"].to_pylist() == joined["id"].to_pylist()
    assert got["score"].to_pylist() == joined["score"].to_pylist()
    assert got["md5"].to_pylist() == joined["md5"].to_pylist()


def test_add_query__counts_near_duplicates(table, fresh):
    path, rows, _ = table
    copy = fresh(path)
    lancectl("add", copy, "copies", "--query=SELECT count(*) OVER (PARTITION BY md5) FROM t")
    after = valid(copy).to_table()
    count = {}
    for m in rows["md5"].to_pylist():
        count[m] = count.get(m, 0) + 1
    assert after["copies"].to_pylist() == [count[m] for m in rows["md5"].to_pylist()]
    assert after.drop_columns(["copies"]) == rows


@pytest.mark.parametrize("sql, words", [
    ("SELEC id FROM t", "syntax error"),
    ("SELECT nope FROM t", "no column 'nope'"),
    ("SELECT max(nope) FROM t", "no such column: nope"),
    ("SELECT id FROM nope", "no table 'nope'"),
    ("SELECT id FROM 'nope.csv'", "nope.csv"),
    ("DROP TABLE t", "only reads"),
    ("SELECT id FROM t; SELECT id FROM t", "one statement"),
    ("ATTACH 'x.db' AS x", "only reads"),
    ("SELECT load_extension('x'), max(id) FROM t", "not authorized"),
    ("SELECT id / 0 FROM t", "division by zero"),
    ("SELECT id FROM t WHERE s > 1 + id", ""),
])
def test_what_cannot_be__is_said(table, sql, words):
    path, _, _ = table
    assert words in fails("query", path, sql)
