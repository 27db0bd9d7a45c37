"""SELECT: DuckDB answers the same on the same rows; scans and SQLite agree with each other."""

import csv
import datetime as dt
import decimal
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


BIG = 2**53


@pytest.fixture(scope="module")
def odd(tmp_path_factory):
    """Values that are compared in more than one way, and names that need quotes."""
    path = tmp_path_factory.mktemp("odd") / "odd.lance"
    when = [dt.datetime(2020, 1, 1, 0, 0, n // 2, n % 2 * 500000) for n in range(8)]
    rows = pa.table({
        "id": pa.array(range(8), pa.int64()),
        "big": pa.array([BIG, BIG + 1, 10**17, 10**17 + 1, 2**63 - 1, -2**63, None, 0], pa.int64()),
        "d": pa.array([0.0, -0.0, math.inf, -math.inf, float(BIG), 1e19, None, 5.0], pa.float64()),
        "f": pa.array([0.0, -0.0, 0.5, -1.5, 1.5, 0.1, None, 5.0], pa.float32()),
        "s": pa.array(["a\\b", "a\0b", "a`b", "", "5", "05", None, "A"], pa.string()),
        "l": pa.array(["a\\%", "a%", "x'y", "", "5", "a\\\\b", None, "a"], pa.large_string()),
        "n": pa.array([decimal.Decimal(v) if v else None
                       for v in ("10.00", "9.00", "-1.50", "0.01", "100.25", "2.00", None, "5.00")],
                      pa.decimal128(10, 2)),
        "day": pa.array([w.date().replace(day=n + 1) for n, w in enumerate(when)], pa.date32()),
        "ts": pa.array(when, pa.timestamp("us")),
        "b": pa.array([True, False, None, True, False, True, None, False], pa.bool_()),
        "a b": pa.array(range(8), pa.int32()),
        "select": pa.array(range(8), pa.int32()),
        'q"t': pa.array(range(8), pa.int32()),
        "b`k": pa.array(range(8), pa.int32()),
        "k": pa.array(["x", "y", "x", None, "z", "y", "x", "x"]).dictionary_encode(),
        "o": pa.array([{"x": n, "y": [n]} for n in range(8)]),
    })
    lance.write_dataset(rows, str(path), max_rows_per_file=5, data_storage_version=VERSIONS[-1])
    keys = pa.table({
        "id": pa.array(range(10), pa.int64()),
        "i": pa.array([5, 0, None, 5, 7, 1, 0, 5, -1, 5], pa.int64()),
        "s": pa.array(["5", "05", None, "", "x", "5", "A", None, "", "a\\b"]),
        "d": pa.array([0.0, -0.0, 5.0, None, float(BIG), 1.0, 0.0, 5.0, -0.0, 1e19]),
        "w": pa.array(["5", "05", None, "0", "x", "7", "1.0", "-0", "", "3"]),
    })
    lance.write_dataset(keys, str(path.parent / "names.lance"), data_storage_version=VERSIONS[-1])
    return path, rows, keys


@pytest.mark.parametrize("where", [
    "d = 0", "d <> 0", "d >= 0", "d < 0", "d <= 0", "d IN (0, 5)", "d = -0.0", "d > 1e18",
    "f = 0", "f >= 0", "big > 9007199254740992.0", "big <> 9007199254740992.0",
    "big > 99999999999999999", "big < 9223372036854775807", "big IN (9007199254740993, NULL)", "id IN (NULL)",
    "s = 'a\\b'", "s LIKE 'a`%'", "s = 'a`b' OR l = 'x''y'", "s = ''", "s <> ''", "s IS NOT NULL AND s >= 'a'",
    "b", "b IS NULL", "b IS NOT TRUE", "n > 5", "n = 9", "n BETWEEN 2 AND 10", "n <> 5 AND n < 100", "day = '2020-01-05'",
    "k = 'x'", "k IN ('y', NULL)", "id = 3 OR s = '5' OR d = 5", "id IS NOT DISTINCT FROM 3",
    "s IS DISTINCT FROM '5'", '"a b" > 1 AND "select" < 7 AND "q""t" <> 3 AND "b`k" IN (2, 3, 4)',
    "id IN (SELECT i FROM names) AND s IN (SELECT s FROM names)", "t.id > 5",
])
def test_odd_values__are_compared_as_duckdb_does(odd, where):
    compare(*odd, [(f"SELECT id, \"a b\" FROM t WHERE {where} ORDER BY id", True)])


@pytest.mark.parametrize("where, want", [
    ("l LIKE 'a\\%'", [0, 5]),  # SQLite: the backslash is one; DuckDB: the same, Lance: it quotes
    ("s LIKE 'a\\b'", [0]),
    ("s = 'a' || char(0) || 'b'", [1]),
    ("s IN ('a' || char(0) || 'b', 'A')", [1, 7]),
    ("l = 'A' COLLATE NOCASE", [7]),
    ("s IN ('a') COLLATE NOCASE", []),
    ("s = 5", [4]),
    ("id = '5'", [5]),
    ("rowid = 2", [2]),
    ("ts >= '2020-01-01T00:00:01.000000'", [2, 3, 4, 5, 6, 7]),
    ("d < 9007199254740993", [0, 1, 3, 4, 7]),  # DuckDB makes a double of it
    ("d <> 9007199254740993", [0, 1, 2, 3, 4, 5, 7]),
    ("big > 1e17", [3, 4]),
    ("big <> 1e17", [0, 1, 3, 4, 5, 7]),
])
def test_odd_values__are_compared_as_sqlite_does(odd, where, want):
    path, _, _ = odd
    assert answer(path, f"SELECT id FROM t WHERE {where} ORDER BY id")["id"].to_pylist() == want


@pytest.mark.parametrize("on, in_duckdb", [
    ("t.s = n.s", None), ("t.s IS n.s", "t.s IS NOT DISTINCT FROM n.s"), ("t.d = n.d", None), ("t.d = n.i", None),
    ("t.id = n.i", None), ("t.id = n.w", "t.id = TRY_CAST(n.w AS DOUBLE)"),
    ("t.s = n.i", "TRY_CAST(t.s AS DOUBLE) = n.i"), ("t.id IS n.i", "t.id IS NOT DISTINCT FROM n.i"),
    ("t.s = n.s AND t.id = n.i", None), ("t.f = n.d", None), ("t.n = n.i", None), ("t.l = n.s", None),
])
@pytest.mark.parametrize("join", ["n CROSS JOIN t WHERE", "n LEFT JOIN t ON", "t LEFT JOIN n ON", "n FULL JOIN t ON"])
def test_joins__of_keys_of_other_types(odd, on, in_duckdb, join):
    path, rows, names = odd
    sql = "SELECT n.id AS a, t.id AS b FROM {} {} ORDER BY 1, 2"
    join = join.replace("n ", "names n ", 1) if join[0] == "n" else join.replace(" n ", " names n ", 1)
    with duckdb.connect() as peer:
        peer.execute("SET default_null_order='nulls_first'")
        peer.register("t", rows)
        peer.register("names", names)
        want = peer.execute(sql.format(join, in_duckdb or on)).fetchall()
    got = answer(path, sql.format(join, on))
    assert list(zip(*(c.to_pylist() for c in got.columns))) == want


def test_numbers_are_ordered_as_numbers(odd):
    path, rows, names = odd
    compare(path, rows, names, [(f"SELECT id, {c} FROM t ORDER BY {c}, id", True) for c in ("n", "d", "f", "day", "ts")])
    got = answer(path, "SELECT n, ts, day FROM t ORDER BY id")
    assert got == rows.select(["n", "ts", "day"])


def test_nan_is_null_to_sqlite(tmp_path):
    rows = pa.table({"id": [0, 1, 2], "d": [math.nan, None, 1.0]})
    lance.write_dataset(rows, str(tmp_path / "nan.lance"))
    assert text(tmp_path / "nan.lance", "SELECT id FROM t WHERE d IS NULL ORDER BY id") == "id\n0\n1\n"
    assert text(tmp_path / "nan.lance", "SELECT id FROM t WHERE d IS NOT NULL ORDER BY id") == "id\n2\n"


def test_long_lists_are_tested(tmp_path):
    rows = pa.table({"id": pa.array(range(30000), pa.int64())})
    lance.write_dataset(rows, str(tmp_path / "long.lance"))
    lance.write_dataset(rows.slice(7, 20000), str(tmp_path / "part.lance"))
    sql = "SELECT count(*) AS n FROM t WHERE id IN (SELECT id FROM part)"
    assert text(tmp_path / "long.lance", sql) == "n\n20000\n"
    many = " AND ".join(f"id <> {n}" for n in range(300))
    assert text(tmp_path / "long.lance", f"SELECT count(*) AS n, max(id) AS m FROM t WHERE {many}") == "n,m\n29700,29999\n"


def test_functions_see_all_digits(odd):
    path, _, _ = odd
    with_order = text(path, "SELECT nanvl(1.2345678901234567 * id, 0.0) AS x FROM t WHERE id = 1 ORDER BY id")
    assert with_order == "x\n1.2345678901234567\n"


def test_a_table_of_two_columns_of_a_name__is_told(tmp_path):
    lance.write_dataset(pa.table({"a": [1, 2], "A": [3, 4]}), str(tmp_path / "twice.lance"))
    assert "duplicate column name" in fails("query", tmp_path / "twice.lance", "SELECT a FROM t ORDER BY a")


def test_a_name_with_a_point__wants_quotes(odd, tmp_path):
    path, _, _ = odd
    lance.write_dataset(pa.table({"a": [1]}), str(tmp_path / "my.own.lance"))
    assert "quotes" in fails("query", tmp_path / "my.own.lance", "SELECT max(a) FROM my.own")
    assert text(tmp_path / "my.own.lance", "SELECT max(a) AS m FROM 'my.own'") == "m\n1\n"
    (tmp_path / "a.csv").write_text("a\n1\n")
    done = lancectl("query", path, "SELECT max(a) FROM a.csv", check=False, cwd=tmp_path)
    assert b"quotes" in done.stderr


@pytest.mark.parametrize("sql, words", [
    ("SELECT count(*) OVER (PARTITION BY u.md5) FROM t AS u JOIN (SELECT 1 AS x) ON x = 1", "ORDER BY"),
    ("WITH u AS (SELECT id, md5 FROM t) SELECT count(*) OVER (PARTITION BY md5) FROM u", "ORDER BY"),
    ("WITH u AS (SELECT id, md5 FROM t) SELECT count(*) OVER (PARTITION BY md5) FROM u ORDER BY id", None),
])
def test_add_query__knows_the_rows_order_or_says_so(table, fresh, sql, words):
    path, rows, _ = table
    copy = fresh(path)
    if words:
        assert words in fails("add", copy, "copies", "--query=" + sql)
        return
    lancectl("add", copy, "copies", "--query=" + sql)
    md5 = rows["md5"].to_pylist()
    assert valid(copy).to_table()["copies"].to_pylist() == [md5.count(m) for m in md5]


def test_a_mount_knows_the_tables_beside_it(tmp_path, mount):
    """Other tables of a database by name in queries/; a writer's file by its path in control."""
    database = tmp_path / "db"
    for name, first in (("a", 0), ("b", 2)):
        rows = pa.table({"i": pa.array(range(first, first + 4), pa.int64()), "s": [f"{name}{n}" for n in range(4)]})
        lance.write_dataset(rows, str(database / f"{name}.lance"))
    where = mount(database)
    (where / "a/queries/j.sql").write_text("SELECT a.i, a.s, b.s AS other FROM a JOIN b ON a.i = b.i ORDER BY 1")
    assert (where / "a/queries/j.csv").read_text() == "i,s,other\n2,a2,b0\n3,a3,b1\n"
    words = tmp_path / "words.csv"
    words.write_text("i,word\n1,uno\n9,nueve\n")
    with open(where / "a/control", "r+b", buffering=0) as control:
        control.write(f"query \"SELECT t.i, word FROM t JOIN '{words}' w USING (i)\"\n".encode())
        control.seek(0)
        assert control.read() == b"i,word\n1,uno\n"
