"""Random columns: types, the metadata that chooses their encoding, and values.

What decides how a value is stored is how it repeats, how long it is and what is null, so each
leaf has its own style of values, and each field its own share of nulls.
"""

import datetime
import decimal
import json
import re

import lance
import numpy as np
import pyarrow as pa

try:
    from lance.arrow import BFloat16Type, EncodedImageType, FixedShapeImageTensorType, ImageURIType
    IMAGES = {"image.uri": ImageURIType(), "image.encoded": EncodedImageType(),
              "image.tensor": FixedShapeImageTensorType(pa.uint8(), (2, 3, 3))}
except ImportError:  # an old release without pandas
    IMAGES = {}

    def BFloat16Type():
        return pa.binary(2)

INTEGERS = (pa.int8(), pa.int16(), pa.int32(), pa.int64(), pa.uint8(), pa.uint16(), pa.uint32(), pa.uint64())
FLOATS = (pa.float16(), pa.float32(), pa.float64())
ZONES = (None, "UTC", "+08:00", "Europe/Berlin", "-03:30")
TIMES = (pa.date32(), pa.date64(), pa.time32("s"), pa.time32("ms"), pa.time64("us"), pa.time64("ns"),
         *(pa.duration(u) for u in ("s", "ms", "us", "ns")),
         *(pa.timestamp(u, z) for u in ("s", "ms", "us", "ns") for z in ZONES))
DECIMALS = (pa.decimal128(20, 2), pa.decimal128(38, 0), pa.decimal256(50, 5), pa.decimal256(76, 10))
FIXED = (pa.bool_(), pa.binary(1), pa.binary(3), pa.binary(16), pa.binary(300))
STRINGS = (pa.string(), pa.large_string(), pa.binary(), pa.large_binary())
BFLOAT16 = BFloat16Type()
JSON = pa.json_() if hasattr(pa, "json_") else pa.string()  # which an old pyarrow lacks
UUID = pa.uuid() if hasattr(pa, "uuid") else pa.binary(16)
EXTENSIONS = (BFLOAT16, UUID, JSON)
DICTIONARY_VALUES = (pa.string(), pa.string(), pa.large_string(), pa.binary(), pa.int64(), pa.int16(), pa.float64())
PACKED = "lance-encoding:packed"
BLOB = "lance-encoding:blob"
MAX_ROW_WEIGHT = 3000  # of leaf values a row: lists of lists of many items are left out


def is_blob(field):
    return BLOB.encode() in (field.metadata or {}) or "lance.blob" in str(field.type)


# --- types ---

def random_vector(rng, version):
    item = rng.choice((pa.float32(), pa.uint8(), pa.float64(), pa.int16(), BFLOAT16, pa.null(),
                       rng.choice(FLOATS), rng.choice(TIMES), rng.choice(DECIMALS), rng.choice(FIXED)))
    if rng.random() < 0.15:
        item = pa.list_(item, rng.choice((1, 2, 8)))
    return pa.list_(item, rng.choice((1, 2, 3, 8, 16, 64, 200)))


def random_dictionary(rng):
    return pa.dictionary(rng.choice(INTEGERS), rng.choice(DICTIONARY_VALUES))


def random_leaf(rng, version):
    kind = rng.random()
    if kind < 0.15:
        return random_vector(rng, version)
    if kind < 0.25:
        return random_dictionary(rng)
    if kind < 0.30:
        return rng.choice(EXTENSIONS)
    if kind < 0.33:
        return pa.null()
    return rng.choice(rng.choice((INTEGERS, FLOATS, TIMES, DECIMALS, FIXED, STRINGS, STRINGS)))


def random_metadata(rng, version):
    """Keys that change the encoding; most fields have none."""
    if rng.random() < 0.55:
        return {}
    compression = rng.choice(("zstd", "lz4", "none", "fsst"))
    if version == "2.0":
        return {"lance-encoding:compression": compression}
    if version == "2.3" and rng.random() < 0.6:
        sparse = {"lance-encoding:structural-encoding": "sparse"}
        return {**sparse, "lance-encoding:compression": compression} if rng.random() < 0.2 else sparse
    return dict(rng.choice((
        {"lance-encoding:compression": compression},
        {"lance-encoding:compression": "zstd", "lance-encoding:compression-level": str(rng.randint(1, 19))},
        {"lance-encoding:compression": rng.choice(("zstd", "lz4")), "lance-encoding:bss": rng.choice(("on", "auto"))},
        {"lance-encoding:rle-threshold": rng.choice(("0.1", "0.9", "1.0"))},
        {"lance-encoding:dict-divisor": rng.choice(("1", "100000"))},
        {"lance-encoding:dict-size-ratio": rng.choice(("0.1", "1.0"))},
        {"lance-encoding:dict-divisor": "1", "lance-encoding:dict-size-ratio": "1.0",
         "lance-encoding:dict-values-compression": rng.choice(("zstd", "lz4", "none"))},
        {"lance-encoding:structural-encoding": rng.choice(("fullzip", "miniblock"))},
        {"lance-encoding:structural-encoding": "fullzip", "lance-encoding:compression": compression},
        {"lance-encoding:minichunk-size": rng.choice(("64", "1000", "16384", "100000"))})))


def random_packed(rng, version, name):
    kinds = [rng.choice((*INTEGERS, *FLOATS, *TIMES[:6], *DECIMALS)) for _ in range(rng.randint(1, 4))]
    if version != "2.1" and rng.random() < 0.4:
        kinds.append(pa.list_(rng.choice((pa.float32(), pa.int8())), rng.choice((2, 5))))
    if version >= "2.2" and rng.random() < 0.5:
        kinds.append(rng.choice(STRINGS))
    rng.shuffle(kinds)
    return pa.field(name, pa.struct([pa.field(f"p{i}", k) for i, k in enumerate(kinds)]),
                    metadata={rng.choice((PACKED, "packed")): "true"})


def random_blob(rng, version, name):
    if version < "2.2" or not hasattr(lance, "blob_field"):  # older releases have only the former
        return pa.field(name, pa.large_binary(), metadata={BLOB: "true"})
    sizes = rng.choice(({}, {f"{BLOB}-inline-size-threshold": "20", f"{BLOB}-dedicated-size-threshold": "250"}))
    field = lance.blob_field(name)
    return field.with_metadata({**(field.metadata or {}), **sizes}) if sizes else field


def random_field(rng, version, depth, name):
    kind = rng.random()
    if kind < 0.06:
        return random_packed(rng, version, name)
    if depth == 0 or kind < 0.45:
        made = random_leaf(rng, version)
    elif kind < 0.65:
        made = rng.choice((pa.list_, pa.large_list))(random_field(rng, version, depth - 1, "item"))
    elif kind < 0.92 or version < "2.2":
        made = pa.struct([random_field(rng, version, depth - 1, f"f{i}") for i in range(rng.randint(1, 3))])
    elif kind < 0.97:
        made = pa.map_(rng.choice((pa.string(), pa.int32())), random_field(rng, version, depth - 1, "value"))
    else:
        inside = depth - 1 if version >= "2.3" else 0
        made = pa.list_(pa.struct([random_field(rng, version, inside, f"f{i}") for i in range(rng.randint(1, 2))]), 3)
    nullable = pa.types.is_null(made) or rng.random() < 0.9
    return pa.field(name, made, nullable=nullable, metadata=random_metadata(rng, version) or None)


def every_field(rng, version):
    """A field of each type, alone and nested, some with each kind of metadata."""
    leaves = [*INTEGERS, *FLOATS, *TIMES[:10], *(pa.timestamp(u, z) for u in ("s", "ns") for z in ZONES[:3]),
              *DECIMALS, *FIXED, *STRINGS, *STRINGS, *EXTENSIONS, pa.null(),
              *(pa.dictionary(pa.int8(), v) for v in DICTIONARY_VALUES[1:]), pa.dictionary(pa.uint32(), pa.string()),
              *(pa.list_(i, n) for i in (pa.float32(), pa.bool_(), pa.int8(), BFLOAT16) for n in (3, 200)),
              pa.list_(pa.list_(pa.int16(), 2), 3)]
    nested = [pa.list_(pa.int32()), pa.large_list(pa.string()), pa.list_(pa.list_(pa.float64())),
              pa.list_(pa.dictionary(pa.int16(), pa.string())), pa.list_(pa.list_(pa.float32(), 4)),
              pa.struct([("a", pa.int64()), ("b", pa.string())]), pa.list_(pa.struct([("a", pa.int8()), ("b", pa.binary())])),
              pa.struct([("a", pa.list_(pa.int64())), ("b", pa.struct([("c", pa.bool_()), ("d", pa.large_string())]))]),
              pa.map_(pa.string(), pa.int32()), pa.list_(pa.struct([("a", pa.float32())]), 3),
              pa.list_(pa.float16(), 16), pa.list_(BFLOAT16, 16), pa.list_(pa.float64(), 8), pa.list_(pa.binary(3), 2),
              pa.list_(pa.bool_()), pa.list_(pa.large_binary()), pa.large_list(pa.struct([("a", pa.string())])),
              pa.struct([("a", pa.dictionary(pa.int8(), pa.string()))]), pa.struct([("v", pa.list_(pa.float32(), 4))]),
              pa.fixed_shape_tensor(pa.float32(), (2, 3)), *IMAGES.values()]
    fields = [pa.field(f"c{i}", kind) for i, kind in enumerate(leaves + nested)]
    fields += [pa.field(f"m{i}", rng.choice(leaves), metadata=random_metadata(rng, version) or None) for i in range(12)]
    fields.append(pa.field("blob1", pa.large_binary(), metadata={BLOB: "true"}))
    return fields + [random_packed(rng, version, "packed"), random_blob(rng, version, "blob")]


def label(field):
    """A field's type in a few words, with what its metadata make of it."""
    t, kind, metadata = pa.types, field.type, field.metadata or {}
    inner = lambda type: label(pa.field("", type))
    if is_blob(field):
        return "blob" if t.is_large_binary(kind) else "blob v2"
    if {PACKED.encode(), b"packed"} & set(metadata):
        return "packed struct"
    if isinstance(kind, pa.BaseExtensionType):
        return kind.extension_name
    if t.is_dictionary(kind):
        return f"dictionary<{inner(kind.value_type)}>"
    if t.is_struct(kind):
        return f"struct<{', '.join(label(f) for f in kind)}>"
    if t.is_map(kind):
        return f"map<{inner(kind.key_type)}, {inner(kind.item_type)}>"
    if t.is_fixed_size_list(kind):
        return f"{inner(kind.value_type)}[n]"
    if t.is_list(kind) or t.is_large_list(kind):
        return ("large_list" if t.is_large_list(kind) else "list") + f"<{inner(kind.value_type)}>"
    if t.is_timestamp(kind):
        return f"timestamp[{kind.unit}{', tz' if kind.tz else ''}]"
    return re.sub(r"[(]\d+, ", "(", re.sub(r"\[\d+\]", "[n]", str(kind)))


# --- values ---

class Values:
    """Values of one leaf: few or many distinct, short or long, runs or random."""

    def __init__(self, rng):
        self.rng = rng
        self.style = rng.choice(("random", "random", "few", "many", "runs", "constant"))
        self.length = rng.choice((3, 12, 40, 300)) if rng.random() < 0.95 else rng.choice((3000, 40000))
        if self.style in ("few", "many", "runs") and rng.random() < 0.15:
            self.length = 3000  # dictionaries of more than 64 KiB
        self.run = rng.choice((37, 37, 37, 700))
        self.bits = rng.choice((0, 1, 5, 10, 17, 64))
        self.pool, self.at = None, 0

    def one(self, kind):
        if pa.types.is_dictionary(kind):
            kind = kind.value_type
            self.style = "few" if self.style in ("random", "many") else self.style
        if self.style == "random":
            return self.fresh(kind)
        if self.pool is None:
            count = {"few": 9, "many": 90, "runs": 5, "constant": 1}[self.style]
            self.pool = [self.fresh(kind) for _ in range(count)]
        self.at += 1
        return self.pool[self.at // self.run % len(self.pool) if self.style == "runs" else self.rng.randrange(len(self.pool))]

    def fresh(self, kind):
        rng, t = self.rng, pa.types
        if t.is_boolean(kind):
            return rng.random() < 0.3
        if t.is_integer(kind):
            info = np.iinfo(kind.to_pandas_dtype())
            if rng.random() < 0.9:
                return rng.randint(0, min(info.max, 2**self.bits))
            return rng.randint(info.min, info.max)
        if t.is_floating(kind):
            value = rng.choice((rng.gauss(0, 1), float("nan"), float("inf"), -0.0, float(rng.randint(0, 9))))
            return np.float16(value) if kind == pa.float16() else value
        if t.is_decimal(kind):
            digits = rng.choice((9, 18, kind.precision))
            return decimal.Decimal(rng.randint(-10**digits + 1, 10**digits - 1)).scaleb(
                -kind.scale, decimal.Context(prec=kind.precision))
        if t.is_fixed_size_binary(kind):
            return rng.randbytes(kind.byte_width)
        if t.is_binary(kind) or t.is_large_binary(kind):
            return rng.randbytes(rng.randint(0, self.length))
        if t.is_string(kind) or t.is_large_string(kind):
            words = ("red", "house", "é", "画", "photo of", "\n", "x" * 20, "\\", "\t", "🙂", "\0")
            return "".join(rng.choice(words) for _ in range(rng.randint(0, self.length // 5 + 1)))
        if t.is_date(kind):
            return datetime.date(1970, 1, 1) + datetime.timedelta(rng.randint(-9999, 9999))
        if t.is_time32(kind):
            return rng.randint(0, 86399)
        if t.is_temporal(kind):
            return rng.randint(0, 2**min(36, self.bits))
        raise AssertionError(kind)

    def document(self):
        """A JSON value as text."""
        rng = self.rng
        return json.dumps(rng.choice((None, True, rng.randint(-99, 2**40), rng.random(), "é\n", [], {},
                                      [1, None, "x"], {"a": [rng.randint(0, 9)], "b": {"c": None}})))


def storage_of(kind):
    """The type with each extension type replaced by what stores it."""
    t = pa.types
    if isinstance(kind, pa.BaseExtensionType):
        return kind.storage_type
    if t.is_struct(kind):
        return pa.struct([f.with_type(storage_of(f.type)) for f in kind])
    if t.is_map(kind):
        return pa.map_(kind.key_field, kind.item_field.with_type(storage_of(kind.item_type)))
    if t.is_fixed_size_list(kind):
        return pa.list_(kind.value_field.with_type(storage_of(kind.value_type)), kind.list_size)
    if t.is_list(kind):
        return pa.list_(kind.value_field.with_type(storage_of(kind.value_type)))
    if t.is_large_list(kind):
        return pa.large_list(kind.value_field.with_type(storage_of(kind.value_type)))
    return kind


class Chance:
    """What happens with a probability: at random, every so often or in runs."""

    def __init__(self, rng):
        self.rng, self.at = rng, 0
        self.style, self.step = rng.choice(("random", "random", "every", "runs")), rng.choice((2, 3, 50, 400))

    def __call__(self, probability):
        self.at += 1
        if self.style == "random" or probability in (0, 1):
            return self.rng.random() < probability
        if self.style == "every":
            return (self.at % self.step == 0) == (probability < 0.6)
        return self.at % self.step < probability * self.step


def as_array(values, kind):
    """pa.array, also of dictionaries that an old pyarrow does not make of values."""
    try:
        return pa.array(values, kind)
    except pa.ArrowNotImplementedError:
        if not pa.types.is_dictionary(kind):
            raise
        plain = pa.array(values, kind.value_type).dictionary_encode()
        return pa.DictionaryArray.from_arrays(plain.indices.cast(kind.index_type), plain.dictionary)


class Leaves(dict):
    """Values of each leaf by its path; a copy of it goes on with the same ones."""

    def __init__(self, rng):
        super().__init__()
        self.rng = rng

    def __missing__(self, path):
        self[path] = made = Values(self.rng)
        return made


class Column:
    """Makes arrays of one field's values."""

    def __init__(self, rng, field, version):
        self.rng, self.field, self.version = rng, field, version
        self.nulls = rng.choice((0, 0, 0.1, 0.5, 0.97, 1))
        self.inner_nulls = rng.choice((0, 0, 0.2))
        self.items = rng.choice((2, 4, 4, 30)) if rng.random() < 0.97 else 3000
        self.is_null, self.is_full = Chance(rng), Chance(rng)
        self.fill = rng.choice((0, 0, 0, 0.1, 0.5, 1)) if self.items < 3000 else 0  # of the lists, that have all of .items
        self.distinct = rng.choice((2, 20, 90)) if rng.random() < 0.15 else 0
        self.leaves = Leaves(rng)
        while self.items > 4 and self.weight() > MAX_ROW_WEIGHT:
            self.items //= 4

    def weight(self):
        """About how many leaf values a row has."""
        def of(kind):
            t = pa.types
            if t.is_fixed_size_list(kind):
                return kind.list_size * of(kind.value_type)
            if t.is_list(kind) or t.is_large_list(kind):
                return self.items * (1 + self.fill) / 2 * of(kind.value_type)
            if t.is_map(kind):
                return min(self.items, 30) / 2 * (1 + of(kind.item_type))
            return sum(of(f.type) for f in kind) if t.is_struct(kind) else 1
        return of(self.field.type)

    def may_be_null(self, field):
        if not field.nullable:
            return False
        return self.version != "2.0" or not pa.types.is_struct(field.type)

    def value(self, field, nulls, path=()):
        if isinstance(field.type, pa.BaseExtensionType) and field.type != JSON:
            field = field.with_type(field.type.storage_type)
        rng, t, kind = self.rng, pa.types, field.type
        if t.is_null(kind) or (self.may_be_null(field) and self.is_null(nulls)):
            return None
        if t.is_struct(kind):
            packed = {PACKED.encode(), b"packed"} & set(field.metadata or {})
            nulls = 0 if packed else self.inner_nulls
            return {f.name: self.value(f, nulls, path + (f.name,)) for f in kind}
        if t.is_map(kind):
            count = rng.randint(0, min(self.items, 30))
            keys = {self.leaves[path + ("k",)].fresh(kind.key_type) for _ in range(count)}
            return [(k, self.value(kind.item_field, self.inner_nulls, path + ("v",))) for k in sorted(keys)]
        if t.is_fixed_size_list(kind):
            return [self.value(kind.value_field, self.inner_nulls, path + ("i",)) for _ in range(kind.list_size)]
        if t.is_list(kind) or t.is_large_list(kind):
            count = rng.randint(0, self.items) if self.fill in (0, 1) else 0
            count = self.items if self.fill and self.is_full(self.fill) else count
            if self.items == 3000 and not path and rng.random() < 0.02:
                count = 70000  # more slots than 16 bits count
            return [self.value(kind.value_field, self.inner_nulls, path + ("i",)) for _ in range(count)]
        if kind == JSON and JSON != pa.string():
            return self.leaves[path].document()
        return self.leaves[path].one(storage_of(kind))

    def blobs(self, rows):
        sizes = self.rng.choice(((0, 3, 60), (1, 100, 300), (0, 70000)))
        made = [None if self.field.nullable and self.rng.random() < self.nulls
                else self.rng.randbytes(self.rng.choice(sizes)) for _ in range(rows)]
        legacy = pa.types.is_large_binary(self.field.type)
        return pa.array(made, pa.large_binary()) if legacy else lance.blob_array(made)

    def array(self, rows):
        if is_blob(self.field):
            return self.blobs(rows)
        kind, storage = self.field.type, storage_of(self.field.type)
        # a slice: offsets that do not begin at 0; pylance 14 panics on those of structs
        skip = 0 if "struct" in str(kind) or "map" in str(kind) else self.rng.choice((0, 0, 0, 5))
        values = [self.value(self.field, self.nulls) for _ in range(min(rows + skip, self.distinct or rows + skip))]
        values += [self.rng.choice(values) for _ in range(rows + skip - len(values))]
        made = as_array(values, storage)[skip:]
        if storage == kind:
            return made
        if isinstance(kind, pa.BaseExtensionType):
            return pa.ExtensionArray.from_storage(kind, made)
        return made.cast(kind)
