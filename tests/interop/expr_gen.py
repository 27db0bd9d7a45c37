"""Random SQL expressions, and a table of all types for them to be about.

A template is an expression with kinds in braces, each to be filled by another template
or, at the end, by a column or a literal of that kind.  One argument in a few is of
another kind than it should be: what is refused must be refused alike.
"""

import datetime
import decimal
import random
import re
import string

import pyarrow as pa

COLUMNS = {
    "int": ["i8", "i16", "i32", "i64", "u8", "u16", "u32", "u64"],
    "float": ["f32", "f64"],
    "decimal": ["d1", "d2"],
    "text": ["s", "t", "n"],
    "bool": ["b", "c"],
    "date": ["dt"],
    "time": ["ts", "tm", "tz"],
    "list": ["li", "lf"],
    "texts": ["lt"],
    "vector": ["v", "w"],
    "struct": ["st"],
    "bytes": ["bin"],
}

LITERALS = {
    "int": ["0", "1", "2", "3", "-1", "7", "10", "100", "127", "128", "-128", "255", "256", "32767", "65535",
            "2147483647", "2147483648", "-2147483648", "9223372036854775807", "18446744073709551615"],    "few": ["0", "1", "3", "5", "20"],
    "small": ["0", "1", "2", "3", "-1", "-2", "5", "20"],
    "float": ["0.0", "-0.0", "0.5", "1.5", "-2.25", "2.5", "1e10", "1e-7", "1e300", "3.0", "100.125"],
    "decimal": ["cast(1.25 as decimal(5,2))", "cast(-7 as decimal(10,0))"],
    "text": ["''", "'a'", "'abc'", "'ABC'", "'é'", "'ß'", "' x '", "'1'", "'-12'", "'1.5'", "'2020-01-02'", "'true'",
             "'a,b,c'", "'it''s'", "'NaN'", "'xyzabc'"],
    "like": ["'%a%'", "'a%'", "'_b%'", "'%'", "''", "'abc'", "'%é'", "'a_c'", "'100\\%'", "'%b%c%'"],
    "regex": ["'a'", "'^a'", "'[a-c]+'", "'(a)(b)?'", "'\\d+'", "'\\w\\s\\w'", "''", "'é|ß'", "'x*'", "'(?i)B'", "'.'",
              "'b$'", "'['", "'[^a-z]'"],
    "flags": ["'i'", "'g'", "'gi'", "'s'"],
    "bool": ["true", "false"],
    "date": ["cast('2020-01-02' as date)", "make_date(2024,2,29)"],
    "time": ["to_timestamp('2020-01-02T03:04:05.678')", "cast('1969-12-31T23:59:59' as timestamp)"],
    "list": ["make_array(1,2,3)", "make_array(2)"],
    "texts": ["make_array('a','b')", "make_array('é')"],
    "vector": ["make_array(1.0,2.0,3.0)"],
    "struct": ["named_struct('a',1,'b','x')"],
    "bytes": ["x'00ff'", "x''"],
    "part": ["'year'", "'month'", "'week'", "'day'", "'doy'", "'dow'", "'hour'", "'minute'", "'second'", "'quarter'",
             "'epoch'", "'microsecond'", "'isodow'", "'isoyear'", "'nanosecond'", "'century'"],
    "grain": ["'year'", "'quarter'", "'month'", "'week'", "'day'", "'hour'", "'minute'", "'second'", "'millisecond'"],
    "stride": ["interval '15 minutes'", "interval '1 day'", "interval '1 month'", "interval '7 hours'"],
    "format": ["'%Y-%m-%d'", "'%H:%M:%S%.f'", "'%a %b %e %j'", "'%y%m%d'", "'%V %G %U'"],
    "encoding": ["'hex'", "'base64'"],
    "type": ["tinyint", "smallint", "int", "bigint", "tinyint unsigned", "int unsigned", "bigint unsigned", "float",
             "double", "string", "boolean", "date", "timestamp", "timestamp(3)", "decimal(10,2)", "decimal(20,5)"],
    "arrow": ["'Int8'", "'Int64'", "'UInt16'", "'Float32'", "'Utf8'", "'LargeUtf8'", "'Date32'",
              "'Timestamp(Nanosecond, None)'", "'Decimal128(12, 3)'", "'List(Float64)'", "'Date64'"],
}

ANY = ["int", "float", "text", "bool", "date", "time", "list", "texts", "decimal", "bytes", "struct"]
NUMBER = ["int", "int", "float", "decimal"]
PLAIN = ["int", "float", "text", "bool", "date", "decimal"]
COMPARABLE = ["int", "float", "text", "date", "time", "decimal", "bool"]

TEMPLATES = {
    "int": """
        {int} + {int};{int} - {int};{int} * {int};{int} / {int};{int} % {int};-{int};({int});{int} + 1;{int} * 3
        length({text});char_length({text});octet_length({text});bit_length({text});ascii({text});strpos({text},{text})
        levenshtein({text},{text});find_in_set({text},{text});instr({text},{text})
        regexp_count({text},{regex});regexp_instr({text},{regex});regexp_count({text},{regex},{small})
        abs({int});gcd({int},{int});lcm({int},{small});factorial({small})
        date_part({part},{time});date_part({part},{date});to_unixtime({time});to_unixtime({date})
        array_length({list});cardinality({texts});array_position({list},{int});array_element({list},{small})
        array_max({list});array_min({list});{list}[{small}];array_length({vector})
        nullif({int},{int});nvl({int},{int});nvl2({any},{int},{int});greatest({int},{int});least({int},{int},{int})
        coalesce({int},{int});case when {bool} then {int} else {int} end;case {int} when {int} then {int} end
        cast({any} as int);try_cast({text} as bigint);cast({int} as smallint);try_cast({float} as int unsigned)
        {date} - {date};{struct}.a;get_field({struct},'a');cast({bool} as int);bit_length({text})
        {int} & {int};{int} | {int};{int} << {small};{int} >> {small}
    """,
    "float": """
        {float} + {float};{float} - {number};{float} * {number};{float} / {number};{float} % {float};-{float}
        sqrt({number});cbrt({float});exp({float});ln({number});log({number});log({float},{float});log2({float})
        log10({number});sin({float});cos({float});tan({float});asin({float});acos({float});atan({float})
        sinh({float});cosh({float});tanh({float});asinh({float});acosh({float});atanh({float});atan2({float},{number})
        cot({float});degrees({float});radians({float});signum({number});round({float});round({float},{small})
        trunc({float});trunc({number},{small});power({number},{small});pow({float},{float});abs({float});pi()
        nanvl({float},{float});array_distance({vector},{vector});cosine_distance({vector},{vector})
        inner_product({vector},{list});array_element({vector},{small});array_element(lf,{small})
        cast({any} as double);try_cast({text} as double);cast({number} as float);greatest({float},{number})
        abs(f16);round(f16);f16 + f16;cast(f16 as double);log(f16);cast(f16 as float) * {float}
        coalesce({float},{number});nullif({float},{number});nvl({float},{number});least({number},{float})
        case when {bool} then {float} else {number} end;coalesce(floor({number}),1);coalesce(ceil({float}),1)
    """,
    "decimal": """
        {decimal} + {decimal};{decimal} - {int};{decimal} * {decimal};{decimal} / {decimal};{decimal} % {decimal}
        cast({number} as decimal(20,5));try_cast({text} as decimal(10,2));abs({decimal});round({decimal});-{decimal}
        round({decimal},1);coalesce({decimal},{decimal});greatest({decimal},{number});coalesce(ceil({decimal}),1)
        cast({decimal} as decimal(12,1));nullif({decimal},{decimal})
    """,
    "text": """
        lower({text});upper({text});initcap({text});btrim({text});ltrim({text});rtrim({text});btrim({text},{text})
        lpad({text},{few});rpad({text},{few},{text});left({text},{small});right({text},{small})
        coalesce(substr({text},{small}),'x');coalesce(substr({text},{small},{small}),{text});reverse({text})
        split_part({text},{text},{small});substr_index({text},{text},{small});replace({text},{text},{text})
        repeat({text},{few});translate({text},{text},{text});overlay({text},{text},{small});chr({small})
        concat({any},{any});concat({text},{text},{text});concat_ws({text},{any},{text});to_hex({int})
        {text} || {text};{text} || {plain};{plain} || {text};md5({text});encode({text},{encoding});encode({bytes},{encoding})
        regexp_replace({text},{regex},{text});regexp_replace({text},{regex},{text},{flags})
        cast({any} as string);to_char({time},{format});to_char({date},{format});arrow_typeof({any})
        array_to_string({list},{text});array_to_string({texts},{text},{text});array_element({texts},{small})
        coalesce({text},{text});nullif({text},{text});nvl({text},{text});greatest({text},{text});least({text},{text})
        case when {bool} then {text} else {text} end;{struct}.b;{struct}['b'];left(cast({any} as string),{small})
        array_min({texts})
    """,
    "bool": """
        {comparable} = {same};{comparable} < {same};{comparable} <= {same};{comparable} > {same};{comparable} <> {same}
        {number} = {number};{number} < {number};{number} >= {number};{any} = {any};{comparable} != {same}
        {bool} and {bool};{bool} or {bool};not {bool};not ({bool});({bool});{any} is null;{any} is not null
        {bool} is true;{bool} is not true;{bool} is false;{bool} is not false
        {comparable} is distinct from {same};{comparable} is not distinct from {same}
        {int} in ({int},{int});{text} in ({text},{text},{text});{int} not in ({small},{small});{float} in ({float})
        {int} between {int} and {int};{text} between {text} and {text};{float} not between {number} and {number}
        {text} like {like};{text} not like {like};{text} ilike {like}
        contains({text},{text});starts_with({text},{text});ends_with({text},{text})
        regexp_like({text},{regex});regexp_like({text},{regex},{flags});isnan({number});iszero({number});is_valid({any})
        array_has({list},{int});array_has({texts},{text});array_has_all({list},{list});array_has_any({texts},{texts})
        empty({list});cast({any} as boolean);coalesce({bool},{bool});nullif({bool},{bool})
        case when {bool} then {bool} else {bool} end
    """,
    "date": """
        cast({text} as date);cast({time} as date);try_cast({text} as date);make_date({int},{small},{small})
        to_date({text});to_date({time});coalesce({date},{date});nullif({date},{date});greatest({date},{date})
    """,
    "time": """
        date_trunc({grain},{time});date_trunc({grain},{date});cast({date} as timestamp);try_cast({text} as timestamp)
        to_timestamp({int});to_timestamp({text});to_timestamp_millis({int});to_timestamp_seconds({float})
        to_timestamp_micros({time});coalesce({time},{time});date_bin({stride},{time});to_local_time({time})
        from_unixtime({int});greatest({time},{time});cast({time} as timestamp(3))
    """,
    "list": """
        array_append({list},{int});array_prepend({int},{list});array_concat({list},{list});array_sort({list})
        array_distinct({list});array_slice({list},{small},{small});coalesce(li[{small}:{small}],li);array_reverse({list});make_array({int},{int})
        make_array({number},{number});array_remove_all({list},{int});coalesce({list},{list})
    """,
    "texts": """
        array_append({texts},{text});array_concat({texts},{texts});array_sort({texts},'DESC');array_distinct({texts})
        make_array({text},{text});regexp_match({text},{regex});array_slice({texts},{small},{small})
    """,
    "vector": "{vector};make_array({float},{float});array_reverse({vector});array_slice({vector},1,2)",
    "struct": "named_struct('a',{any},'b',{any});struct({any},{any})",
    "bytes": """
        sha256({text});sha224({bytes});sha512({text});digest({text},'md5');cast({text} as binary)
        decode(encode({text},{encoding}),{encoding});coalesce({bytes},{bytes});arrow_cast({text},'Binary')
    """,
    "any": "cast({any} as {type});try_cast({any} as {type});arrow_cast({any},{arrow});arrow_try_cast({any},{arrow})",
}
TEMPLATES = {kind: [t.strip() for t in re.split(r"[;\n]", text) if t.strip()] for kind, text in TEMPLATES.items()}
PLACE = re.compile(r"\{(\w+)\}")


class Generator:
    """Expressions by a random.Random; wrong: the share of arguments of a wrong kind."""

    def __init__(self, rng, wrong=0.01):
        self.rng, self.wrong = rng, wrong

    def leaf(self, kind):
        rng = self.rng
        if kind in COLUMNS and rng.random() < 0.72:
            return rng.choice(COLUMNS[kind])
        if rng.random() < 0.03 and kind not in ("list", "texts", "vector", "struct"):
            return "NULL"
        return rng.choice(LITERALS.get(kind) or COLUMNS[kind])

    def make(self, kind, depth):
        rng = self.rng
        if kind in LITERALS and kind not in COLUMNS:
            # small numbers are columns too, now and then
            return self.make("int", 0) if kind == "small" and rng.random() < 0.1 else rng.choice(LITERALS[kind])
        if rng.random() < self.wrong:
            kind = rng.choice(ANY)
        if kind in ("number", "plain"):
            kind = rng.choice(NUMBER if kind == "number" else PLAIN)
        if kind == "any":
            if depth > 0 and rng.random() < 0.15:
                return self.fill(rng.choice(TEMPLATES["any"]), depth - 1)
            kind = rng.choice(ANY)
        if depth <= 0 or rng.random() < 0.25:
            return self.leaf(kind)
        return self.fill(rng.choice(TEMPLATES[kind]), depth - 1)

    def fill(self, template, depth):
        same = self.rng.choice(COMPARABLE)

        def one(match):
            kind = same if match[1] in ("comparable", "same") else match[1]
            text = self.make(kind, depth - self.rng.randrange(2))
            # parentheses where the template's own operators might take parts of it
            return f"({text})" if re.search(r"[ ]", text) and not template.count(",") else text

        return PLACE.sub(one, template)

    def expression(self):
        """One of any kind, nested to depth 4 at most."""
        kind = self.rng.choice(list(TEMPLATES))
        template = self.rng.choice(TEMPLATES[kind])
        return self.fill(template, self.rng.choice([0, 0, 1, 1, 2, 3]))


# --- the table ---

WORDS = ["", "a", "abc", "ABC", "Abc def", "éß", "naïve", " x ", "a,b,c", "10%", "it's", "日本語", "Σας", "-12", "1.5", "true",
         "2020-01-02", "2020-01-02T03:04:05.678", "x" * 40, "aXbXc", "İ", "\n", "a_c"]


def _ints(rng, bits, signed):
    low, high = (-(1 << bits - 1), (1 << bits - 1) - 1) if signed else (0, (1 << bits) - 1)
    return lambda: rng.choice([low, high, 0, 1, rng.randint(low, high), rng.randint(max(low, -20), min(high, 20)),
                               rng.randint(max(low, -20), min(high, 20))])


def _floats(rng):
    return lambda: rng.choice([0.0, -0.0, 1.5, -2.25, float("nan"), float("inf"), float("-inf"), rng.uniform(-10, 10),
                               rng.gauss(0, 1e3), float(rng.randint(-5, 5))])


def _text(rng):
    return lambda: rng.choice(WORDS) if rng.random() < 0.8 else "".join(
        rng.choice(string.ascii_letters + " ,éß") for _ in range(rng.randrange(20)))


def _datetime(rng):
    base = datetime.datetime(1970, 1, 1)
    return lambda: rng.choice([base, base - datetime.timedelta(seconds=1), datetime.datetime(2020, 2, 29, 12, 30, 15, 123456),
                               base + datetime.timedelta(seconds=rng.randint(-3 * 10**9, 5 * 10**9),
                                                         microseconds=rng.randrange(10**6))])


def table(rng, n_rows):
    """Rows of every type, a fifth of them null."""
    def column(make, kind):
        return pa.array([None if rng.random() < 0.2 else make() for _ in range(n_rows)], kind)

    def items(make, most=4):
        return lambda: [None if rng.random() < 0.1 else make() for _ in range(rng.randrange(most))]

    text, floats, when = _text(rng), _floats(rng), _datetime(rng)
    small = _ints(rng, 8, True)
    columns = {f"i{bits}": column(_ints(rng, bits, True), getattr(pa, f"int{bits}")()) for bits in (8, 16, 32, 64)}
    columns |= {f"u{bits}": column(_ints(rng, bits, False), getattr(pa, f"uint{bits}")()) for bits in (8, 16, 32, 64)}
    columns |= {
        "f16": column(lambda: float(rng.randint(-40, 40)) / 4, pa.float16()),
        "f32": column(floats, pa.float32()),
        "f64": column(floats, pa.float64()),
        "d1": column(lambda: decimal.Decimal(rng.randint(-99999, 99999)).scaleb(-2), pa.decimal128(10, 2)),
        "d2": column(lambda: decimal.Decimal(rng.randint(-10**9, 10**9)).scaleb(-4), pa.decimal128(20, 4)),
        "s": column(text, pa.string()),
        "t": column(text, pa.string()),
        "n": column(lambda: str(small()), pa.large_string()),
        "b": column(lambda: rng.random() < 0.5, pa.bool_()),
        "c": column(lambda: rng.random() < 0.5, pa.bool_()),
        "dt": column(lambda: when().date(), pa.date32()),
        "ts": column(when, pa.timestamp("us")),
        "tm": column(when, pa.timestamp("ms")),
        "tz": column(when, pa.timestamp("ns", "America/New_York")),
        "li": column(items(small), pa.list_(pa.int32())),
        "lf": column(items(floats), pa.list_(pa.float64())),
        "lt": column(items(text), pa.list_(pa.string())),
        "v": column(lambda: [float(small()) for _ in range(3)], pa.list_(pa.float32(), 3)),
        "w": column(lambda: [rng.uniform(-1, 1) for _ in range(3)], pa.list_(pa.float32(), 3)),
        "st": column(lambda: {"a": None if rng.random() < 0.2 else small(), "b": text()},
                     pa.struct([("a", pa.int64()), ("b", pa.string())])),
        "bin": column(lambda: rng.randbytes(rng.randrange(6)), pa.binary()),
    }
    return pa.table(columns)


def expressions(seed, n):
    generator = Generator(random.Random(seed))
    return [generator.expression() for _ in range(n)]
