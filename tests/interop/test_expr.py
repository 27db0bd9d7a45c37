"""SQL expressions against pylance.

The same text must give the same type, values and nulls, or fail in both.  What Lance's
own parser refuses is put into a function's argument, which DataFusion parses.  What is
meant to differ is in the page lancefs-sql(7), section DIFFERENCES, and in KEPT here.
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

ROOT = pathlib.Path(__file__).resolve().parents[2]
EXPR_OF = BIN.parent / "tests" / "expr_of"

# Refused by Lance's own parser, which DataFusion's may take.
PLANNING = re.compile(r"not supported SQL|could not convert to literal|Operator .* is not supported|"
                      r"Unary operator .* is not supported|Unsupported data type|Expected a literal")

# A word of the difference as the page has it, and what it looks like: expression,
# our outcome, theirs.
KEPT = []

# Not an outcome to follow: a bug, or a name that only Lance has.
BUGS = re.compile(r"declared as non-nullable|need to have the same data type|Internal error|could not cast array|panick|"
                  r"Invalid function 'is_valid'|offset overflow|Invalid timestamp value|capacity overflow")


def kept(name, expression, ours=None, theirs=None):
    KEPT.append((name, re.compile(expression), ours and re.compile(ours), theirs and re.compile(theirs)))


kept("string_view", r"\bn\b", "large_|int64", "string|binary|int32")
kept("string_view", r"arrow_typeof\(", "Utf8", "Utf8View")
kept("simplified", r"\blog\((.*),\s*\1\)|\bpow(er)?\(.*,[01]\)|array_has\w*\(.*make_array|\blog\(.*pow|-\(.*\|")
kept("constants", ".", "error.*(cannot be cast|division by zero|regular expression|flags|does not fit|times have|times are)")
kept("constants", r"cast\(.* (=|<|>|<=|>=|<>|!=|in|between) ", "error.*is not")  # the cast is taken off
kept("constants", r"is_valid|is (not )?null", "error")
kept("constants", ".", None, r"Cast error.*planner\.rs")
kept("constants", r"array_remove_all\(make_array")  # which is never null, it says
kept("decimals", r"\b(pow(er)?|round)\(", None, "decimal|Decimal|finite|Unsupported exp|Cannot|producer terminated|float|double")
kept("decimals", r"\bround\(cast\(.* as decimal")  # digits of a constant within more than one
kept("more is taken", ".", None, r"Unsupported SQL type|Dot access not supported|does not support: Null|"
     r"Fail to find the coerced type|does not support type Null")
kept("timestamp", r"as timestamp\)", r"timestamp\[us", r"timestamp\[ns")


def describe(outcome):
    return outcome if isinstance(outcome, str) else f"{outcome.type} {values(outcome)}"


def is_kept(text, ours, theirs):
    if isinstance(ours, str) and not isinstance(theirs, str) and theirs.null_count == len(theirs):
        return "constants"  # nothing comes of a null, so that it is not computed
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
    """The type with integers for times: Python has not all times."""
    if pa.types.is_date32(kind) or pa.types.is_time32(kind):
        return pa.int32()
    if pa.types.is_temporal(kind):
        return pa.int64()
    if pa.types.is_list(kind):
        return pa.list_(stored(kind.value_type))
    if pa.types.is_struct(kind):
        return pa.struct([(f.name, stored(f.type)) for f in kind])
    return kind


def values(column):
    kind = stored(column.type)
    return (column if kind == column.type else column.cast(kind)).to_pylist()


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
    # two libraries of mathematical functions may differ in the last bits
    loose = re.search(r"\b(cbrt|exp|ln|log\w*|sinh?|cosh?|tanh?|a\w+h|cot|pow\w*)\(", text)
    ulps = 0 if not loose else 2**30 if kind in (pa.float32(), pa.float16()) or "cast" in text else 4
    return equal(values(a), values(b.cast(kind)), ulps)


def compare(dataset, texts):
    """Lines about expressions whose outcomes differ, and how many were accepted."""
    lines, n_accepted, n_kept = [], 0, {}
    opened = lance.dataset(dataset)
    for text, mine in zip(texts, ours(dataset, texts)):
        theirs, who = lances(opened, text), "pylance"
        if isinstance(theirs, str) and PLANNING.search(theirs):
            theirs, who = lances(opened, f"get_field(struct({text}),'c0')"), "datafusion"
        n_accepted += not isinstance(theirs, str)
        if not opened.count_rows() and isinstance(mine, str) != isinstance(theirs, str):
            continue  # nothing was computed: when it fails is another matter
        if agree(text, mine, theirs) or (isinstance(theirs, str) and BUGS.search(theirs)):
            continue
        name = is_kept(text, mine, theirs)
        if name:
            n_kept[name] = n_kept.get(name, 0) + 1
            continue
        lines.append(f"{text}\n      ours: {describe(mine)[:400]}\n{who:>10}: {describe(theirs)[:400]}")
    return lines, n_accepted, n_kept


# --- tables ---


def make_dataset(path, rows, seed):
    """Several fragments, some of their rows deleted."""
    rng = random.Random(seed)
    data = expr_gen.table(rng, rows)
    lance.write_dataset(data, path, max_rows_per_file=max(1, rows // 3), data_storage_version="2.1")
    dataset = lance.dataset(path)
    dataset.delete("_rowid % 7 = 3" if rows else "false")


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    where = tmp_path_factory.mktemp("expr")
    made = {}
    for name, rows in (("many", 45), ("empty", 0), ("one", 1)):
        made[name] = where / name
        make_dataset(made[name], rows, len(name))
    return made


def check(tables, name, texts):
    lines, n_accepted, n_kept = compare(tables[name], texts)
    print(f"{len(texts)} expressions, {n_accepted} accepted, {len(lines)} differ, kept: {n_kept}")
    assert not lines, "\n".join([f"{len(lines)} of {len(texts)} differ:"] + lines[:60])
    assert n_accepted > len(texts) // 4


def test_random_expressions__agree(tables):
    check(tables, "many", expr_gen.expressions(1, 1300))


@pytest.mark.parametrize("name", ["empty", "one"])
def test_random_expressions__over_few_rows(tables, name):
    check(tables, name, expr_gen.expressions(len(name), 150))


@pytest.mark.long
@pytest.mark.parametrize("seed", range(100, 110))
def test_random_expressions__long(tables, seed):
    check(tables, "many", expr_gen.expressions(seed, 2000))


def test_kept_differences__are_in_the_page():
    page = (ROOT / "etc" / "man" / "lancefs-sql.7").read_text()
    section = page.split(".Sh DIFFERENCES")[1].split(".Sh")[0]
    assert len({name for name, *_ in KEPT}) <= 10
    for name, *_ in KEPT:
        assert f".It {name}\n" in section, name
