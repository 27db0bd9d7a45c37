#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""lancefs_udf: a Python function, or a class, as a function of lancefs.

    #!/usr/bin/env python3
    from lancefs_udf import run

    def words(caption: str) -> int:
        return len(caption.split())

    run(words)

The parameters are the columns that it takes, the hints say the types.  Rows come and go as
Arrow streams on standard input and output; pyarrow reads and writes them if it is there,
and what follows here does it without.  What the function prints goes to standard error.

A class is made once a worker: its setup() is called before the first row, and __call__ for
each.  A function of batches gets arrays: @udf(batch=True), or np.ndarray or pa.Array as the
hint.  Several outputs: a NamedTuple, a dataclass or tuple[...] as the hint of what is
returned, or @udf(outputs="width:int32, height:int32").  A string as a hint is a type as
lancefs writes it: -> "float32[512]".

Null is None.  Unless skip_null=False is said, a row with a null is not computed, and null.
A row that raises fails alone.  See lancefs-udf(7).
"""

import collections
import dataclasses
import datetime
import inspect
import os
import re
import struct
import sys
import traceback
import types
import typing

__all__ = ["run", "udf"]

ERROR_COLUMN = "_error"


# --- types: lancefs's names for them ---

@dataclasses.dataclass(frozen=True)
class Type:
    kind: str  # "int32", "list", "fixed_list", "struct", "timestamp" ...
    children: tuple = ()  # of lists the item, of structs (name, type)
    size: int = 0  # of fixed lists and binaries; precision of decimals
    unit: str = ""  # of times; scale of decimals
    zone: str = ""

    def __str__(self):
        if self.kind == "fixed_list":
            return f"{self.children[0]}[{self.size}]"
        if self.kind in ("list", "large_list"):
            return f"{self.kind}<{self.children[0]}>"
        if self.kind == "struct":
            return f"struct<{', '.join(f'{name}: {t}' for name, t in self.children)}>"
        if self.kind == "decimal128":
            return f"decimal({self.size}, {self.unit})"
        if self.kind == "fixed_size_binary":
            return f"{self.kind}[{self.size}]"
        if self.unit:
            return f"{self.kind}[{self.unit}{', ' + self.zone if self.zone else ''}]"
        return self.kind


INTS = {f"{u}int{n}": (n, not u) for n in (8, 16, 32, 64) for u in ("", "u")}
CODES = {"int8": "b", "uint8": "B", "int16": "h", "uint16": "H", "int32": "i", "uint32": "I", "int64": "q",
         "uint64": "Q", "float16": "e", "float32": "f", "float64": "d"}
TEXTS = ("string", "large_string", "binary", "large_binary")
PLAIN = {*CODES, *TEXTS, "bool", "null", "date32", "date64"}
OTHER_NAMES = {"boolean": "bool", "int": "int32", "integer": "int32", "bigint": "int64", "smallint": "int16",
               "tinyint": "int8", "float": "float32", "real": "float32", "half": "float16", "halffloat": "float16",
               "double": "float64", "utf8": "string", "text": "string", "varchar": "string", "date": "date32"}


def split_outside(text, separator):
    """The parts of a text between separators that no bracket or quote holds."""
    parts, depth, quoted, start = [], 0, False, 0
    for i, c in enumerate(text):
        quoted ^= c == '"'
        depth += 0 if quoted else (c in "<([") - (c in ">)]")
        if c == separator and not depth and not quoted:
            parts.append(text[start:i])
            start = i + 1
    return parts + [text[start:]]


def parse_type(text):
    text = text.strip()
    name = OTHER_NAMES.get(text.lower(), text)
    if name in PLAIN:
        return Type(name)
    if match := re.fullmatch(r"(timestamp|duration|time32|time64)(?:\[(s|ms|us|ns)(?:\s*,\s*([^\]]+))?\])?", text):
        return Type(match[1], unit=match[2] or "us", zone=match[3] or "")
    if match := re.fullmatch(r"fixed_size_binary\[(\d+)\]", text):
        return Type("fixed_size_binary", size=int(match[1]))
    if match := re.fullmatch(r"decimal(?:128)?\((\d+)(?:\s*,\s*(\d+))?\)", text):
        return Type("decimal128", size=int(match[1]), unit=match[2] or "0")
    if match := re.fullmatch(r"(.+)\[(\d+)\]", text, re.S):
        return Type("fixed_list", (parse_type(match[1]),), int(match[2]))
    if match := re.fullmatch(r"(list|large_list)<(.+)>", text, re.S):
        return Type(match[1], (parse_type(match[2]),))
    if match := re.fullmatch(r"struct<(.+)>", text, re.S):
        return Type("struct", tuple(parse_outputs(match[1])))
    raise TypeError(f"no type '{text}'")


def parse_outputs(text):
    """[(name, type)] of "a:float32, b:string"; one type alone has no name."""
    outputs = []
    for part in split_outside(text, ","):
        pieces = split_outside(part, ":")
        name = pieces[0].strip().strip('"') if len(pieces) > 1 else None
        outputs.append((name, parse_type(pieces[-1])))
    return outputs


# --- hints ---

HINTS = {str: "string", int: "int64", float: "float64", bool: "bool", bytes: "binary", bytearray: "binary",
         datetime.date: "date32", datetime.datetime: "timestamp[us]", datetime.timedelta: "duration[us]"}


def without_none(hint):
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        rest = [a for a in typing.get_args(hint) if a is not type(None)]
        return rest[0] if len(rest) == 1 else hint
    return hint


def type_of_hint(hint):
    """The type that a hint stands for, None if it says none."""
    hint = without_none(hint)
    if isinstance(hint, Type):
        return hint
    if isinstance(hint, str):
        return parse_type(hint)
    if hasattr(hint, "__metadata__"):  # Annotated
        texts = [m for m in hint.__metadata__ if isinstance(m, str)]
        return parse_type(texts[0]) if texts else type_of_hint(hint.__origin__)
    if hint in HINTS:
        return parse_type(HINTS[hint])
    if typing.get_origin(hint) in (list, collections.abc.Sequence, collections.abc.Iterable):
        return Type("list", (type_of_hint(typing.get_args(hint)[0]),))
    name = getattr(hint, "__name__", "")
    if getattr(hint, "__module__", "") == "numpy" and (name in CODES or name in ("bool_", "bool")):
        return Type(name.rstrip("_"))
    return None


def hints_of(thing):
    """As typing.get_type_hints, but what cannot be evaluated stays a text."""
    hints, known = {}, vars(sys.modules.get(thing.__module__, types))
    for name, hint in getattr(thing, "__annotations__", {}).items():
        if isinstance(hint, typing.ForwardRef):
            hint = hint.__forward_arg__
        if isinstance(hint, str):
            try:
                hint = eval(hint, dict(known))  # the author's own words
            except Exception:
                pass
        hints[name] = hint
    return hints


def outputs_of_hint(hint, where):
    """[(name, type)] of what a function returns."""
    hint = without_none(hint)
    args = typing.get_args(hint)
    if isinstance(hint, str):
        return parse_outputs(hint)
    if typing.get_origin(hint) is tuple and args and args[-1] is not Ellipsis:
        named = [(f"out{i + 1}", a) for i, a in enumerate(args)]
    elif isinstance(hint, type) and (hasattr(hint, "_fields") or dataclasses.is_dataclass(hint)
                                     or typing.is_typeddict(hint)):
        hints = hints_of(hint)
        names = [f.name for f in dataclasses.fields(hint)] if dataclasses.is_dataclass(hint) else list(hints)
        named = [(name, hints[name]) for name in names]
    else:
        named = [(None, hint)]
    outputs = [(name, type_of_hint(h)) for name, h in named]
    if any(t is None for _, t in outputs):
        raise TypeError(f"{where}: of which type is what it returns? say it as a hint, or @udf(type=\"float32\")")
    return outputs


# --- what a function is ---

def udf(function=None, *, batch=None, skip_null=True, type=None, outputs=None, inputs=None):
    """Say more of a function or a class than its hints do; run() takes it."""
    def mark(f):
        f.lancefs_options = {"batch": batch, "skip_null": skip_null, "outputs": outputs or type, "inputs": inputs}
        return f
    return mark if function is None else mark(function)


def is_array_hint(hint):
    module, name = getattr(hint, "__module__", "") or "", getattr(hint, "__name__", "")
    hint_of = getattr(hint, "__origin__", None)  # NDArray[...], Annotated[...]
    return (name == "ndarray" and module == "numpy") or (name.endswith("Array") and module.startswith("pyarrow")) \
        or (hint_of is not None and hint_of is not hint and is_array_hint(hint_of))


def wants_arrow(hint):
    return hint is not None and (getattr(hint, "__module__", "") or "").startswith("pyarrow")


class Function:
    """A function, or a class whose objects are called, with its columns and types."""

    def __init__(self, target):
        options = getattr(target, "lancefs_options", {})
        self.target, self.call = target, None
        self.name = getattr(target, "__name__", type(target).__name__)
        code = target
        if inspect.isclass(target):
            code = target.__call__
        elif not inspect.isroutine(target):  # an object
            code = type(target).__call__
        self.hints = hints_of(code)
        parameters = list(inspect.signature(code).parameters.values())
        if code is not target:
            parameters = parameters[1:]  # self
        self.parameters = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
        inputs = options.get("inputs")
        self.inputs = list(inputs) if inputs else [p.name for p in self.parameters]
        first = [self.hints.get(p.name) for p in self.parameters]
        self.wants_arrow = [wants_arrow(h) for h in first]
        self.is_batch = options.get("batch")
        if self.is_batch is None:
            self.is_batch = any(is_array_hint(h) for h in first)
        self.skips_null = options.get("skip_null", True)
        stated = options.get("outputs")
        if isinstance(stated, str):
            self.outputs = parse_outputs(stated)
        elif stated:
            pairs = stated.items() if isinstance(stated, dict) else stated
            self.outputs = [(name, type_of_hint(h)) for name, h in pairs]
        else:
            self.outputs = outputs_of_hint(self.hints.get("return"), self.name)
        self.checks = [checker(t) for _, t in self.outputs]
        self.is_single = len(self.outputs) == 1 and self.outputs[0][0] is None
        self.values_of = self.value_of if self.is_single else self.all_values_of

    def setup(self):
        instance = self.target() if inspect.isclass(self.target) else self.target
        if not inspect.isroutine(instance) and callable(getattr(instance, "setup", None)):
            instance.setup()
        self.call = instance

    def describe(self):
        def one(name, t):
            if name is None:
                return str(t)
            return f"{name}:{t}" if re.fullmatch(r"\w+", name) else f'"{name}":{t}'
        optional = {p.name for p in self.parameters if p.default is not p.empty}
        inputs = [quote(name) for name in self.inputs if name not in optional]
        print("shape = arrow")
        fold("outputs", ", ".join(one(name, t) for name, t in self.outputs))
        if inputs:
            fold("inputs", ", ".join(inputs))

    def value_of(self, value):
        return (self.checks[0](value),)

    def all_values_of(self, value):
        return tuple(check(part) for check, part in zip(self.checks, self.parts(value)))

    def parts(self, value):
        """What was returned, as one value for each output."""
        if self.is_single:
            return (value,)
        if value is None:
            return (None,) * len(self.outputs)
        if isinstance(value, dict):
            return tuple(value.get(name) for name, _ in self.outputs)
        if dataclasses.is_dataclass(value):
            return tuple(getattr(value, f.name) for f in dataclasses.fields(value))
        if len(self.outputs) == 1 and not isinstance(value, (tuple, list)):
            return (value,)
        if len(value) != len(self.outputs):
            raise TypeError(f"it returned {len(value)} values, not {len(self.outputs)}")
        return tuple(value)


def quote(word):
    """As in sh; a backslash before a blank at the end of a line would lose it."""
    return "".join(c if c.isalnum() or c in "_./:=@%+-" else f"'{c}'" if c.isspace() else "\\" + c for c in word)


def fold(key, text):
    """A line of udf.ini, and what goes on in short lines below it."""
    pieces = re.findall(r".{1,110}(?:(?=[^\s;#\\])|$)", text, re.S) or [""]
    print(f"{key} = " + "\\\n\t".join(pieces))


# --- values: what a type takes, as plain Python ---

EPOCH = datetime.date(1970, 1, 1)
EPOCH_TIME = datetime.datetime(1970, 1, 1)
PER_SECOND = {"s": 1, "ms": 1000, "us": 1000_000, "ns": 1000_000_000}


def plain(value):
    """numpy's scalars and arrays as Python's values."""
    return value.tolist() if hasattr(value, "tolist") and hasattr(value, "dtype") else value


def check_int(kind):
    bits, is_signed = INTS[kind]
    low, high = (-(1 << bits - 1), (1 << bits - 1) - 1) if is_signed else (0, (1 << bits) - 1)

    def check(value):
        number = value
        if type(value) is not int:  # most are
            number = plain(value)
            if isinstance(number, float) and not number.is_integer() or isinstance(number, (str, bytes)):
                raise TypeError(f"{value!r:.80} is no {kind}")
            number = int(number)
        if not low <= number <= high:
            raise OverflowError(f"{number} does not fit into {kind}")
        return number
    return check


def check_float(value):
    if isinstance(value, (str, bytes)):
        raise TypeError(f"{value!r:.80} is no number")
    return float(plain(value))


def check_text(value):
    if not isinstance(value, str):
        raise TypeError(f"{value!r:.80} is no str")
    value.encode()  # lone surrogates are none of UTF-8
    return value


def check_bytes(value):
    if isinstance(value, (bytes, bytearray, memoryview)):
        return bytes(value)
    if hasattr(value, "tobytes"):
        return value.tobytes()
    raise TypeError(f"{value!r:.80} is no bytes")


def check_bool(value):
    value = plain(value)
    if value not in (False, True):
        raise TypeError(f"{value!r:.80} is no bool")
    return bool(value)


def ticks(delta, unit):
    micro = (delta.days * 86400 + delta.seconds) * 1000_000 + delta.microseconds
    return micro * PER_SECOND[unit] // 1000_000


def check_time(t):
    def check(value):
        if isinstance(value, int):
            return value
        if t.kind == "duration":
            return ticks(value, t.unit)
        if not isinstance(value, datetime.datetime):
            value = datetime.datetime.combine(value, datetime.time())
        if value.tzinfo:
            value = value.astimezone(datetime.timezone.utc).replace(tzinfo=None)
        return ticks(value - EPOCH_TIME, t.unit)
    return check


def check_date(t):
    per_day = 1 if t.kind == "date32" else 86400_000

    def check(value):
        if isinstance(value, int):
            return value
        if isinstance(value, datetime.datetime):
            value = value.date()
        return (value - EPOCH).days * per_day
    return check


def check_items(t):
    item = checker(t.children[0])

    def check(value):
        value = plain(value)
        if isinstance(value, (str, bytes)):
            raise TypeError(f"{value!r:.80} is no list")
        items = [item(v) for v in value]
        if t.kind == "fixed_list" and len(items) != t.size:
            raise ValueError(f"{len(items)} values, not {t.size}")
        return items
    return check


def check_struct(t):
    members = [(name, checker(child)) for name, child in t.children]

    def check(value):
        if dataclasses.is_dataclass(value):
            value = vars(value)
        elif hasattr(value, "_asdict"):
            value = value._asdict()
        elif not isinstance(value, dict):
            value = dict(zip((name for name, _ in members), value))
        return {name: check_member(value.get(name)) for name, check_member in members}
    return check


def checker(t):
    """A function that turns a value into what can be written as the type, or raises."""
    if t.kind in INTS:
        check = check_int(t.kind)
    elif t.kind.startswith("float"):
        check = check_float
    elif t.kind in ("string", "large_string"):
        check = check_text
    elif t.kind in ("binary", "large_binary", "fixed_size_binary"):
        check = check_bytes
    elif t.kind == "bool":
        check = check_bool
    elif t.kind in ("timestamp", "duration"):
        check = check_time(t)
    elif t.kind in ("date32", "date64"):
        check = check_date(t)
    elif t.kind in ("list", "large_list", "fixed_list"):
        check = check_items(t)
    elif t.kind == "struct":
        check = check_struct(t)
    else:
        return lambda value: value
    return lambda value: None if value is None else check(value)


# --- rows ---

def reason(error):
    """One line: what was raised, and where in the author's own file."""
    frames = [f for f in traceback.extract_tb(error.__traceback__) if os.path.basename(f.filename) != "lancefs_udf.py"]
    place = f" ({os.path.basename(frames[-1].filename)}, line {frames[-1].lineno})" if frames else ""
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}{place}"[:1000]


def run_rows(f, columns, n_rows):
    """Values of each output, and why rows failed."""
    rows, errors = [], [None] * n_rows
    empty = (None,) * len(f.outputs)
    skipped = {row for column in columns for row, v in enumerate(column) if v is None} if f.skips_null else ()
    call, values_of = f.call, f.values_of
    for row, args in enumerate(zip(*columns) if columns else ((),) * n_rows):
        values = empty
        if row not in skipped:
            try:
                values = values_of(call(*args))
            except Exception as error:
                errors[row] = reason(error)
        rows.append(values)
    return [[values[i] for values in rows] for i in range(len(f.outputs))], errors


def run_batch(f, arrays, n_rows, make):
    """The same of a function of batches; what raises is halved down to the rows that do."""
    try:
        results = f.parts(f.call(*arrays))
        for (_, t), result in zip(f.outputs, results):
            if result is not None and len(result) != n_rows:
                raise ValueError(f"it returned {len(result)} values for {n_rows} rows")
        return [make(result, t, n_rows) for (_, t), result in zip(f.outputs, results)], [None] * n_rows
    except Exception as error:
        if n_rows <= 1:
            return [make(None, t, n_rows) for _, t in f.outputs], [reason(error)] * n_rows
    half = n_rows // 2
    left = run_batch(f, [a[:half] for a in arrays], half, make)
    right = run_batch(f, [a[half:] for a in arrays], n_rows - half, make)
    return [join(a, b) for a, b in zip(left[0], right[0])], left[1] + right[1]


def join(a, b):
    if isinstance(a, list):
        return a + b
    import pyarrow
    return pyarrow.concat_arrays([a, b])


def arguments(f, names):
    """For each parameter the number of the column that it is; those with defaults may have none."""
    if all(name in names for name in f.inputs):
        return [names.index(name) for name in f.inputs]
    if len(names) == len(f.inputs):
        return list(range(len(names)))
    required = [p.name for p in f.parameters if p.default is p.empty]
    if len(names) >= len(required):
        return list(range(min(len(names), len(f.inputs))))
    raise SystemExit(f"{f.name} takes the columns {', '.join(f.inputs)}; it is given {', '.join(names)}")


# --- with pyarrow ---

def arrow_type(t, pa):
    if t.kind in ("list", "large_list"):
        return getattr(pa, t.kind + "_" if t.kind == "list" else t.kind)(arrow_type(t.children[0], pa))
    if t.kind == "fixed_list":
        return pa.list_(arrow_type(t.children[0], pa), t.size)
    if t.kind == "struct":
        return pa.struct([(name, arrow_type(child, pa)) for name, child in t.children])
    if t.kind == "timestamp":
        return pa.timestamp(t.unit, t.zone or None)
    if t.kind in ("duration", "time32", "time64"):
        return getattr(pa, t.kind)(t.unit)
    if t.kind == "decimal128":
        return pa.decimal128(t.size, int(t.unit))
    if t.kind == "fixed_size_binary":
        return pa.binary(t.size)
    return getattr(pa, {"bool": "bool_"}.get(t.kind, t.kind))()


def numpy_of(column):
    """A column of pyarrow as numpy has it: vectors as a matrix, nulls as NaN or None."""
    import pyarrow as pa
    if pa.types.is_fixed_size_list(column.type) and column.null_count == 0:
        flat = column.flatten().to_numpy(zero_copy_only=False)
        return flat.reshape(len(column), column.type.list_size)
    return column.to_numpy(zero_copy_only=False)


def arrow_array(result, t, n_rows):
    """What a function of batches returned, as an array of the type."""
    import pyarrow as pa
    wanted = arrow_type(t, pa)
    if result is None:
        return pa.nulls(n_rows, wanted)
    if isinstance(result, pa.ChunkedArray):
        result = result.combine_chunks()
    if isinstance(result, pa.Array):
        return result if result.type == wanted else result.cast(wanted)
    if getattr(result, "ndim", 1) == 2 and t.kind == "fixed_list":
        if result.shape[1] != t.size:
            raise ValueError(f"{result.shape[1]} values a row, not {t.size}")
        item = arrow_array(result.reshape(-1), t.children[0], result.size)
        return pa.FixedSizeListArray.from_arrays(item, t.size)
    if getattr(result, "dtype", None) is not None and result.dtype.kind in "biuf":
        return pa.array(result).cast(wanted)
    check = checker(t)
    return pa.array([check(v) for v in result], wanted)


class NoPandas:
    """Nothing that is called pandas is found."""

    @staticmethod
    def find_spec(name, path=None, target=None):
        if name == "pandas":
            raise ImportError(name)


def spare_pandas(pa):
    """pyarrow imports pandas to see whether a list is one of its, once, and that takes longer than all else here.
    Lists of rows are not; where pandas is needed, as by to_pandas(), pyarrow looks for it again."""
    sys.meta_path.insert(0, NoPandas)
    try:
        pa.array([0])
    finally:
        sys.meta_path.remove(NoPandas)


def serve_with_pyarrow(f, source, out, pa):
    if not f.is_batch:
        spare_pandas(pa)
    reader = pa.ipc.open_stream(source)
    at = arguments(f, reader.schema.names)
    fields = [pa.field(name or "value", arrow_type(t, pa)) for name, t in f.outputs]
    schema = pa.schema(fields + [pa.field(ERROR_COLUMN, pa.string())])
    with pa.ipc.new_stream(out, schema) as writer:
        out.flush()
        for batch in reader:
            columns = [batch.column(i) for i in at]
            if f.is_batch:
                wants = f.wants_arrow + [False] * len(columns)
                arrays = [c if arrow else numpy_of(c) for c, arrow in zip(columns, wants)]
                outputs, errors = run_batch(f, arrays, batch.num_rows, arrow_array)
            else:
                outputs, errors = run_rows(f, [c.to_pylist() for c in columns], batch.num_rows)
                outputs = [pa.array(v, field.type) for v, field in zip(outputs, fields)]
            writer.write_batch(pa.record_batch([*outputs, pa.array(errors, pa.string())], schema=schema))
            out.flush()
    out.flush()


# --- without pyarrow: Arrow's streams by hand ---
# Source: Arrow columnar format, "IPC Streaming Format"; Schema.fbs, Message.fbs; FlatBuffers' binary format.

class Table:
    """A table of FlatBuffers that is read."""

    def __init__(self, data, at):
        self.data, self.at = data, at
        self.vtable = at - struct.unpack_from("<i", data, at)[0]
        self.size = struct.unpack_from("<H", data, self.vtable)[0]

    def place(self, slot):
        entry = 4 + 2 * slot
        offset = struct.unpack_from("<H", self.data, self.vtable + entry)[0] if entry < self.size else 0
        return self.at + offset if offset else None

    def number(self, slot, code, default=0):
        at = self.place(slot)
        return default if at is None else struct.unpack_from("<" + code, self.data, at)[0]

    def follow(self, at):
        return at + struct.unpack_from("<I", self.data, at)[0]

    def table(self, slot):
        at = self.place(slot)
        return None if at is None else Table(self.data, self.follow(at))

    def vector(self, slot):
        """(first element, count)"""
        at = self.place(slot)
        if at is None:
            return 0, 0
        at = self.follow(at)
        return at + 4, struct.unpack_from("<I", self.data, at)[0]

    def tables(self, slot):
        at, n = self.vector(slot)
        return [Table(self.data, self.follow(at + 4 * i)) for i in range(n)]

    def text(self, slot):
        at, n = self.vector(slot)
        return bytes(self.data[at:at + n]).decode()

    def pairs(self, slot):
        at, n = self.vector(slot)
        return [struct.unpack_from("<qq", self.data, at + 16 * i) for i in range(n)]


UNITS = ("s", "ms", "us", "ns")
FLAT_KINDS = {1: "null", 4: "binary", 5: "string", 6: "bool", 12: "list", 13: "struct", 19: "large_binary",
              20: "large_string", 21: "large_list"}


def read_field(field):
    """(name, Type) of a field of a schema."""
    number, detail = field.number(2, "B"), field.table(3)
    children = [read_field(c) for c in field.tables(5)]
    items = tuple(t for _, t in children)
    if field.table(4):
        raise SystemExit("a dictionary column needs pyarrow")
    if number == 2:
        t = Type(("" if detail.number(1, "?") else "u") + f"int{detail.number(0, 'i')}")
    elif number == 3:
        t = Type(("float16", "float32", "float64")[detail.number(0, "h")])
    elif number == 8:
        t = Type(("date32", "date64")[detail.number(0, "h", 1)])
    elif number == 10:
        t = Type("timestamp", unit=UNITS[detail.number(0, "h")], zone=detail.text(1))
    elif number == 18:
        t = Type("duration", unit=UNITS[detail.number(0, "h", 1)])
    elif number == 15:
        t = Type("fixed_size_binary", size=detail.number(0, "i"))
    elif number == 16:
        t = Type("fixed_list", items, detail.number(0, "i"))
    elif number == 13:
        t = Type("struct", tuple(children))
    elif number in FLAT_KINDS:
        t = Type(FLAT_KINDS[number], items)
    else:
        raise SystemExit(f"the column '{field.text(0)}' is of a type that needs pyarrow")
    return field.text(0), t


class Body:
    """The buffers of a batch, in the order in which its columns take them."""

    def __init__(self, batch, data):
        self.nodes, self.buffers = iter(batch.pairs(1)), iter(batch.pairs(2))
        self.data = data

    def buffer(self):
        offset, length = next(self.buffers)
        return self.data[offset:offset + length]

    def column(self, t):
        n, n_null = next(self.nodes)
        if t.kind == "null":
            return [None] * n
        validity = self.buffer()
        values = self.values(t, n)
        if n_null:
            values = [v if validity[i >> 3] >> (i & 7) & 1 else None for i, v in enumerate(values)]
        return values

    def offsets(self, t, n):
        code, width = ("q", 8) if t.kind.startswith("large") else ("i", 4)
        data = self.buffer()
        return struct.unpack_from(f"<{n + 1}{code}", data) if len(data) >= (n + 1) * width else (0,) * (n + 1)

    def values(self, t, n):
        if t.kind in CODES:
            return list(struct.unpack_from(f"<{n}{CODES[t.kind]}", self.buffer()))
        if t.kind == "bool":
            bits = self.buffer()
            return [bool(bits[i >> 3] >> (i & 7) & 1) for i in range(n)]
        if t.kind in TEXTS:
            offsets, data = self.offsets(t, n), self.buffer()
            parts = [bytes(data[a:b]) for a, b in zip(offsets, offsets[1:])]
            return [p.decode() for p in parts] if "string" in t.kind else parts
        if t.kind == "fixed_size_binary":
            data = self.buffer()
            return [bytes(data[i * t.size:(i + 1) * t.size]) for i in range(n)]
        if t.kind in ("list", "large_list"):
            offsets, items = self.offsets(t, n), self.column(t.children[0])
            return [items[a:b] for a, b in zip(offsets, offsets[1:])]
        if t.kind == "fixed_list":
            items = self.column(t.children[0])
            return [items[i * t.size:(i + 1) * t.size] for i in range(n)]
        if t.kind == "struct":
            members = [(name, self.column(child)) for name, child in t.children]
            return [{name: values[i] for name, values in members} for i in range(n)]
        return [read_time(t, v) for v in struct.unpack_from(f"<{n}{time_code(t)}", self.buffer())]


def time_code(t):
    return "i" if t.kind == "date32" else "q"


def read_time(t, value):
    if t.kind == "date32":
        return EPOCH + datetime.timedelta(days=value)
    if t.kind == "date64":
        return EPOCH + datetime.timedelta(milliseconds=value)
    delta = datetime.timedelta(microseconds=value * 1000_000 // PER_SECOND[t.unit])
    if t.kind == "duration":
        return delta
    return EPOCH_TIME.replace(tzinfo=datetime.timezone.utc) + delta if t.zone else EPOCH_TIME + delta


def read_exactly(source, n):
    data = source.read(n)
    if len(data) != n:
        raise EOFError("the stream is cut short")
    return data


def read_message(source):
    """(kind, table, body), None at the end."""
    head = source.read(4)
    if len(head) == 4 and head == b"\xff\xff\xff\xff":
        head = source.read(4)
    if len(head) < 4 or head == bytes(4):
        return None
    data = read_exactly(source, struct.unpack("<i", head)[0])
    message = Table(data, struct.unpack_from("<I", data)[0])
    return message.number(1, "B"), message.table(2), memoryview(read_exactly(source, message.number(3, "q")))


class Flat:
    """FlatBuffers that are written from the front: what a table points to comes behind it."""

    def __init__(self):
        self.data = bytearray(4)

    def align(self, n, ahead=0):
        self.data += bytes(-(len(self.data) + ahead) % n)

    def root(self, fields):
        struct.pack_into("<I", self.data, 0, self.table(fields))
        self.align(8)
        return bytes(self.data)

    def table(self, fields):
        """fields: {slot: (code, value)}; of code "ref" the value writes itself and gives its place."""
        size = 4 + 2 * (max(fields, default=-1) + 1)
        self.align(8, size)
        vtable, places, at = len(self.data), {}, 4
        for slot in sorted(fields, key=lambda s: -self.width(fields[s][0])):
            width = self.width(fields[slot][0])
            at += -at % width
            places[slot] = at
            at += width
        slots = [places.get(i, 0) for i in range((size - 4) // 2)]
        self.data += struct.pack(f"<HH{len(slots)}H", size, at, *slots)
        start = len(self.data)
        self.data += struct.pack("<i", start - vtable) + bytes(at - 4)
        for slot, (code, value) in fields.items():
            place = start + places[slot]
            if code == "ref":
                self.point(place, value)
            else:
                struct.pack_into("<" + code, self.data, place, value)
        return start

    @staticmethod
    def width(code):
        return 4 if code == "ref" else struct.calcsize("<" + code)

    def point(self, place, write):
        target = write()
        struct.pack_into("<I", self.data, place, target - place)

    def text(self, value):
        def write():
            self.align(4)
            at, raw = len(self.data), value.encode()
            self.data += struct.pack("<I", len(raw)) + raw + b"\0"
            return at
        return "ref", write

    def tables(self, items):
        def write():
            self.align(4)
            at = len(self.data)
            self.data += struct.pack("<I", len(items)) + bytes(4 * len(items))
            for i, fields in enumerate(items):
                self.point(at + 4 + 4 * i, lambda fields=fields: self.table(fields))
            return at
        return "ref", write

    def pairs(self, items):
        def write():
            self.align(8, 4)
            at = len(self.data)
            self.data += struct.pack("<I", len(items)) + b"".join(struct.pack("<qq", *p) for p in items)
            return at
        return "ref", write

    def sub(self, fields):
        return "ref", lambda: self.table(fields)


def flat_type(flat, t):
    """(number, fields) of a type of a schema."""
    if t.kind in INTS:
        bits, is_signed = INTS[t.kind]
        return 2, {0: ("i", bits), 1: ("?", is_signed)}
    if t.kind.startswith("float"):
        return 3, {0: ("h", ("float16", "float32", "float64").index(t.kind))}
    if t.kind in ("date32", "date64"):
        return 8, {0: ("h", int(t.kind == "date64"))}
    if t.kind == "timestamp":
        zone = {1: flat.text(t.zone)} if t.zone else {}
        return 10, {0: ("h", UNITS.index(t.unit)), **zone}
    if t.kind == "duration":
        return 18, {0: ("h", UNITS.index(t.unit))}
    if t.kind == "fixed_size_binary":
        return 15, {0: ("i", t.size)}
    if t.kind == "fixed_list":
        return 16, {0: ("i", t.size)}
    for number, kind in FLAT_KINDS.items():
        if kind == t.kind:
            return number, {}
    raise SystemExit(f"values of type {t} need pyarrow")


def flat_field(flat, name, t):
    number, detail = flat_type(flat, t)
    children = t.children if t.kind == "struct" else [("item", child) for child in t.children]
    return {0: flat.text(name), 1: ("?", True), 2: ("B", number), 3: flat.sub(detail),
            5: flat.tables([flat_field(flat, n, c) for n, c in children])}


def frame(kind, header, body_length):
    flat = Flat()
    data = flat.root({0: ("h", 4), 1: ("B", kind), 2: flat.sub(header(flat)), 3: ("q", body_length)})
    return b"\xff\xff\xff\xff" + struct.pack("<i", len(data)) + data


def schema_message(outputs):
    return frame(1, lambda flat: {1: flat.tables([flat_field(flat, n, t) for n, t in outputs])}, 0)


class Batch:
    """The buffers of a batch that is written."""

    def __init__(self, n_rows):
        self.n_rows, self.nodes, self.buffers, self.body = n_rows, [], [], bytearray()

    def buffer(self, data):
        self.buffers.append((len(self.body), len(data)))
        self.body += data
        self.body += bytes(-len(self.body) % 64)

    def bits(self, values):
        data = bytearray((len(values) + 7) // 8)
        for i, value in enumerate(values):
            data[i >> 3] |= bool(value) << (i & 7)
        self.buffer(data)

    def column(self, t, values):
        n_null = values.count(None)
        self.nodes.append((len(values), n_null))
        if t.kind == "null":
            return
        if n_null:
            self.bits([v is not None for v in values])
        else:
            self.buffer(b"")
        self.values(t, values)

    def offsets(self, t, lengths):
        at, all_of = 0, [0]
        for n in lengths:
            at += n
            all_of.append(at)
        self.buffer(struct.pack(f"<{len(all_of)}{'q' if t.kind.startswith('large') else 'i'}", *all_of))

    def values(self, t, values):
        if t.kind in CODES:
            self.buffer(struct.pack(f"<{len(values)}{CODES[t.kind]}", *(v or 0 for v in values)))
        elif t.kind == "bool":
            self.bits(values)
        elif t.kind in TEXTS:
            raw = [b"" if v is None else v.encode() if isinstance(v, str) else v for v in values]
            self.offsets(t, map(len, raw))
            self.buffer(b"".join(raw))
        elif t.kind == "fixed_size_binary":
            self.buffer(b"".join(v or bytes(t.size) for v in values))
        elif t.kind in ("list", "large_list"):
            self.offsets(t, (len(v or ()) for v in values))
            self.column(t.children[0], [item for v in values for item in v or ()])
        elif t.kind == "fixed_list":
            self.column(t.children[0], [item for v in values for item in v or [None] * t.size])
        elif t.kind == "struct":
            for name, child in t.children:
                self.column(child, [None if v is None else v[name] for v in values])
        else:
            self.buffer(struct.pack(f"<{len(values)}{time_code(t)}", *(v or 0 for v in values)))

    def message(self):
        def header(flat):
            return {0: ("q", self.n_rows), 1: flat.pairs(self.nodes), 2: flat.pairs(self.buffers)}
        return frame(3, header, len(self.body)) + self.body


def plain_list(result, t, n_rows):
    check = checker(t)
    return [None] * n_rows if result is None else [check(plain(v)) for v in result]


def array_of(values, t):
    """A column for a function of batches as pyarrow would give it, if numpy is there."""
    try:
        import numpy
    except ImportError:
        return values
    has_null = None in values
    if t.kind.startswith("float") or t.kind in INTS:
        kind = t.kind if not has_null or t.kind.startswith("float") else "float64"
        return numpy.array([numpy.nan if v is None else v for v in values] if has_null else values, kind)
    if t.kind == "bool" and not has_null:
        return numpy.array(values, bool)
    if t.kind == "fixed_list" and not has_null and t.children[0].kind in CODES:
        return numpy.array(values, t.children[0].kind).reshape(len(values), t.size)
    array = numpy.empty(len(values), dtype=object)
    array[:] = values
    return array


def serve_by_hand(f, source, out):
    first = read_message(source)
    if first is None:
        return
    fields = [read_field(field) for field in first[1].tables(1)]
    at = arguments(f, [name for name, _ in fields])
    outputs = [(name or "value", t) for name, t in f.outputs] + [(ERROR_COLUMN, Type("string"))]
    out.write(schema_message(outputs))
    out.flush()
    while (message := read_message(source)) is not None:
        if message[0] != 3:
            raise SystemExit("a dictionary needs pyarrow")
        body, n_rows = Body(message[1], message[2]), message[1].number(0, "q")
        every = [body.column(t) for _, t in fields]
        columns = [every[i] for i in at]
        if f.is_batch:
            values, errors = run_batch(f, [array_of(c, fields[i][1]) for c, i in zip(columns, at)], n_rows, plain_list)
        else:
            values, errors = run_rows(f, columns, n_rows)
        batch = Batch(n_rows)
        for (_, t), column in zip(outputs, [*values, errors]):
            batch.column(t, column)
        out.write(batch.message())
        out.flush()
    out.write(b"\xff\xff\xff\xff\0\0\0\0")
    out.flush()


# --- running ---

def take_stdout():
    """Standard output for the answers alone; whoever prints meets standard error."""
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    sys.stdout.flush()
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(line_buffering=True)
    return out


def run(target=None):
    """Serve a function, a class or an object; without one the one that @udf marked."""
    if target is None:
        module = sys.modules["__main__"]
        marked = [v for v in vars(module).values() if hasattr(v, "lancefs_options")]
        if len(marked) != 1:
            raise SystemExit(f"run(FUNCTION): {len(marked)} functions are marked with @udf")
        target = marked[0]
    f = Function(target)
    if "--describe" in sys.argv[1:]:
        if STDOUT:
            os.dup2(STDOUT.fileno(), 1)
        f.describe()
        sys.stdout.flush()
        return
    if sys.stdin.isatty():
        raise SystemExit(f"{sys.argv[0]}: an Arrow stream is read from standard input; --describe says the types")
    out = STDOUT or take_stdout()
    source = os.fdopen(os.dup(0), "rb")
    f.setup()
    try:
        import pyarrow
        import pyarrow.ipc
    except ImportError:
        serve_by_hand(f, source, out)
    else:
        serve_with_pyarrow(f, source, out, pyarrow)


# From here on, so that what is printed while a script is loaded does no harm.
STDOUT = take_stdout() if "LANCEFS_UDF" in os.environ else None
