"""SQL expressions against pylance, and against DataFusion where Lance's parser refuses.

The same text must give the same type, values and nulls, or fail in both.  What is meant
to differ is listed in the page lancefs-sql(7), section DIFFERENCES, and in KEPT here.
"""

import io
import math
import pathlib
import random
import re
import subprocess

import expr_gen
import lance
import pyarrow as pa
import pytest
from conftest import BIN

datafusion = pytest.importorskip("datafusion")

ROOT = pathlib.Path(__file__).resolve().parents[2]
EXPR_OF = BIN.parent / "tests" / "expr_of"

# Failures of Lance that are its parser's or planner's: DataFusion may know better.
PLANNING = re.compile(r"not supported SQL|could not convert to literal|is not supported|Unsupported data type|parser|"
                      r"sql parser|Expected a literal|Invalid user input")

# A word of the difference as the page has it, and what it looks like: expression,
# our outcome, theirs.
KEPT = []


def kept(name, expression, ours=None, theirs=None):
    KEPT.append((name, re.compile(expression), ours and re.compile(ours), theirs and re.compile(theirs)))


def describe(outcome):
    return outcome if isinstance(outcome, str) else f"{outcome.type} {values(outcome)}"


def is_kept(text, ours, theirs):
    for name, expression, our_pattern, their_pattern in KEPT:
        if expression.search(text) and (not our_pattern or our_pattern.search(describe(ours))) and \
                (not their_pattern or their_pattern.search(describe(theirs))):
            return name
    return None


# --- outcomes: a column, or a string that says why there is none ---


def ours(dataset, texts):
    run = subprocess.run([EXPR_OF, dataset], input="\n".join(texts).encode() + b"\n", capture_output=True, check=False)
    assert run.returncode == 0, run.stderr.decode()[:3000]
    out = io.BytesIO(run.stdout)
    for _ in texts:
        word, _, rest = out.readline().decode(errors="replace").rstrip("\n").partition(" ")
        if word == "ok":
            yield pa.ipc.open_file(out.read(int(rest))).read_all()["x"]
        else:
            assert "BUG" not in rest, rest
            yield f"error: {rest}"


def lances(dataset, text):
    try:
        return dataset.scanner(columns={"x": text, "other": "i8"}).to_table()["x"]
    except (ValueError, OSError, RuntimeError, NotImplementedError, BaseException) as problem:  # panics too
        if isinstance(problem, KeyboardInterrupt):
            raise
        return f"error: {problem}"


def datafusions(context, text):
    try:
        return context.sql(f"select {text} as x from t").to_arrow_table()["x"]
    except BaseException as problem:  # a panic is no Exception
        if isinstance(problem, KeyboardInterrupt):
            raise
        return f"error: {problem}"


def plain(kind):
    """The type as Lance stores it: views are strings and bytes."""
    if pa.types.is_string_view(kind):
        return pa.string()
    if pa.types.is_binary_view(kind):
        return pa.binary()
    if pa.types.is_list(kind):
        return pa.list_(plain(kind.value_type))
    if pa.types.is_struct(kind):
        return pa.struct([(f.name, plain(f.type)) for f in kind])
    return kind


def stored(kind):
    """The integer type that a time is kept as; Python has not all times."""
    if pa.types.is_date32(kind) or pa.types.is_time32(kind):
        return pa.int32()
    return pa.int64() if pa.types.is_temporal(kind) else None


def values(column):
    integer = stored(column.type)
    if integer is not None:
        column = column.cast(integer)
    return column.to_pylist()


def equal(a, b, ulps=0):
    if isinstance(a, float) and isinstance(b, float):
        if math.isnan(a) or math.isnan(b):
            return math.isnan(a) and math.isnan(b)
        return (a == b and math.copysign(1, a) == math.copysign(1, b)) or \
            (ulps > 0 and abs(a - b) <= ulps * math.ulp(max(abs(a), abs(b))))
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(equal(x, y, ulps) for x, y in zip(a, b))
    if isinstance(a, dict) and isinstance(b, dict):
        return list(a) == list(b) and all(equal(a[k], b[k], ulps) for k in a)
    return type(a) is type(b) and a == b


def agree(text, a, b):
    if isinstance(a, str) or isinstance(b, str):
        return isinstance(a, str) and isinstance(b, str)
    kind = plain(b.type)
    if plain(a.type) != kind:
        return False
    # two libraries of mathematical functions may differ in the last bit
    ulps = 2 if re.search(r"\b(exp|ln|log\w*|sinh?|cosh?|tanh?|a\w+h|cot|pow\w*)\(", text) else 0
    try:
        return equal(values(a), values(b.cast(kind)), ulps)
    except (OverflowError, ValueError, pa.ArrowInvalid):  # no such date in Python
        return a.cast(pa.string()) == b.cast(pa.string())


def compare(dataset, context, texts):
    """Lines about expressions whose outcomes differ, and how many were accepted."""
    lines, n_accepted, n_kept = [], 0, {}
    opened = lance.dataset(dataset)
    for text, mine in zip(texts, ours(dataset, texts)):
        theirs, who = lances(opened, text), "pylance"
        if isinstance(theirs, str) and PLANNING.search(theirs):
            theirs, who = datafusions(context, text), "datafusion"
        n_accepted += not isinstance(theirs, str)
        if agree(text, mine, theirs):
            continue
        name = is_kept(text, mine, theirs)
        if name:
            n_kept[name] = n_kept.get(name, 0) + 1
            continue
        lines.append(f"{text}\n      ours: {describe(mine)[:400]}\n{who:>10}: {describe(theirs)[:400]}")
    return lines, n_accepted, n_kept


# --- tables ---


def make_dataset(path, rows, seed):
    """Several fragments, some of their rows deleted; returns the rows that are left."""
    rng = random.Random(seed)
    data = expr_gen.table(rng, rows)
    lance.write_dataset(data, path, max_rows_per_file=max(1, rows // 3), data_storage_version="2.1")
    dataset = lance.dataset(path)
    dataset.delete("_rowid % 7 = 3" if rows else "false")
    return dataset.to_table()


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    where = tmp_path_factory.mktemp("expr")
    made = {}
    for name, rows in (("many", 45), ("empty", 0), ("one", 1)):
        context = datafusion.SessionContext()
        context.from_arrow(make_dataset(where / name, rows, len(name)), name="t")
        made[name] = (where / name, context)
    return made


def check(tables, name, texts, record_property=None):
    lines, n_accepted, n_kept = compare(*tables[name], texts)
    print(f"{len(texts)} expressions, {n_accepted} accepted, {len(lines)} differ, kept: {n_kept}")
    assert not lines, "\n".join([f"{len(lines)} of {len(texts)} differ:"] + lines[:60])
    assert n_accepted > len(texts) // 4


def test_random_expressions__agree(tables):
    check(tables, "many", expr_gen.expressions(1, 1300))


def test_random_expressions__over_no_rows(tables):
    check(tables, "empty", expr_gen.expressions(2, 200))


@pytest.mark.long
@pytest.mark.parametrize("seed", range(100, 110))
def test_random_expressions__long(tables, seed):
    check(tables, "many", expr_gen.expressions(seed, 2000))


def test_kept_differences__are_in_the_page():
    page = (ROOT / "etc" / "man" / "lancefs-sql.7").read_text()
    section = page.split(".SH DIFFERENCES")[1].split(".SH")[0]
    assert len({name for name, *_ in KEPT}) <= 10
    for name, *_ in KEPT:
        assert name in section, name
