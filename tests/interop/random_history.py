"""Random datasets with a history: what pylance is asked to do to a table, step by step.

A step that pylance refuses is counted and leaves the dataset as it is.  A column that pylance
cannot write is counted and left out, so that one refusal does not cost the other columns.

This runs in old releases of pylance too, with their pyarrow.
"""

import collections
import inspect
import json
import os
import random
import re
import shutil
import sys

import lance
import pyarrow as pa

import random_data

SIZES = (0, 1, 2, 3, 100, 1000, 1023, 1024, 1025, 2048, 4096, 4097)
MAX_WEIGHT = 60000  # of leaf values a column: more take too long to make


def reason(error):
    """The first words of a refusal, without what differs from case to case."""
    text = str(error).split("\n")[0].split(", /")[0].replace("Encountered internal error. Please file a bug report at "
                                                             "https://github.com/lance-format/lance/issues. ", "")
    return re.sub("[0-9]+", "#", text)[:110]


PARAMETERS = inspect.signature(lance.write_dataset).parameters


def storage_options(version):
    """What makes the release at hand write files of a version; an old one knows only two."""
    if "data_storage_version" in PARAMETERS:
        return {"data_storage_version": version}
    if version not in ("0.1", "2.0"):
        raise ValueError("this release has no such version")
    return ({"use_legacy_format": version == "0.1"} if "use_legacy_format" in PARAMETERS else
            {"use_experimental_writer": version == "2.0"})


def known_options(options):
    """Without those that the release at hand has not; one was called otherwise."""
    if "enable_move_stable_row_ids" in PARAMETERS and "enable_stable_row_ids" in options:
        options["enable_move_stable_row_ids"] = options["enable_stable_row_ids"]
    return {name: value for name, value in options.items() if name in PARAMETERS}


def as_udf(function, schema):
    """What add_columns wants of a function; old releases want it told its schema."""
    made = getattr(lance, "batch_udf", None) or getattr(lance, "add_columns_udf", None)
    return made(output_schema=schema)(function) if lance.__version__.startswith("0.") and made else function


def finished_versions():
    """Those of 2.x files that the release at hand writes as later ones read them."""
    release = tuple(map(int, re.findall("[0-9]+", lance.__version__)[:2]))
    count = 0 if release < (0, 16) else 1 if release < (0, 38) else 2 if release < (2, 0) else 3
    return ("2.0", "2.1", "2.2")[:count]


def append_options(version):
    """The oldest releases append files of their usual version else."""
    return {} if "data_storage_version" in PARAMETERS else storage_options(version)


def is_refusal(error):
    """pylance's panics are no Exceptions."""
    return not isinstance(error, (KeyboardInterrupt, SystemExit))


class History:
    """A dataset that is written at random; .refused counts what pylance would not do."""

    def __init__(self, rng, path, versions=("2.0", "2.1", "2.2")):
        self.rng, self.path, self.versions = rng, str(path), versions
        self.refused = collections.Counter()
        self.steps = collections.Counter()
        self.alone = None
        self.fates = {}  # column: (its type, why it was refused)
        self.next_id = self.next_name = 0

    # --- tables ---

    def new_columns(self, version):
        rng = self.rng
        count = 40 if rng.random() < 0.02 else rng.randint(1, 4)
        depth = 1 if count == 40 else 3
        made = []
        for i in range(count):
            name = f"c{i}" if rng.random() < 0.95 else rng.choice((f"C {i} é", f"c{i}-x", f"c{i}'s", f"c{i}_\"q\""))
            field = (random_data.random_blob(rng, version, name) if rng.random() < 0.05
                     else random_data.random_field(rng, version, rng.randint(0, depth), name))
            made.append(random_data.Column(rng, field, version))
        return [column for column in made if self.is_made(column)] or made[:1]

    def is_made(self, column):
        """An old pyarrow does not make every array."""
        try:
            random_data.Column(random.Random(0), column.field, self.version).array(1)
        except pa.ArrowNotImplementedError as error:
            self.fates[column.field.name] = [random_data.label(column.field), f"pyarrow: {reason(error)}"]
            return False
        return True

    def table(self, rows):
        """The next rows of the table as it was first written."""
        ids = pa.array(range(self.next_id, self.next_id + rows), pa.int64())
        self.next_id += rows
        fields = [pa.field("id", pa.int64()), *(c.field for c in self.columns)]
        return pa.table([ids, *(c.array(rows) for c in self.columns)], schema=pa.schema(fields))

    def write_options(self, rows):
        rng = self.rng
        options = {"max_rows_per_file": rng.choice((1 << 20, 1 << 20, max(1, rows // 3 + 1), 700)),
                   "enable_stable_row_ids": rng.random() < 0.3, "enable_v2_manifest_paths": rng.random() < 0.7}
        if self.version == "0.1":
            options["max_rows_per_group"] = rng.choice((1024, 1024, 10, 300))
        if rng.random() < 0.15:
            options["data_cache_bytes"] = rng.choice((1000, 20000, 300000))
        if rng.random() < 0.15:
            options["max_page_bytes"] = rng.choice((1000, 20000))
        return storage_options(self.version) | known_options(options)

    def written_alone(self, column, table):
        """Is there a dataset of this column alone, and can this release read it?  Notes the column's fate."""
        name, path = column.field.name, self.path + ".probe"
        what = "write"
        try:
            lance.write_dataset(table.select([name]), path, **storage_options(self.version))
            what = "read"
            lance.dataset(path).to_table()
        except BaseException as error:
            if not is_refusal(error):
                raise
            self.refused[f"{self.version} {what}: {reason(error)}"] += 1
            self.fates[name] = [random_data.label(column.field), reason(error) if what == "write" else ""]
            if what == "read" and self.alone:
                shutil.move(path, f"{self.alone}/{name}.lance")
            return False
        finally:
            shutil.rmtree(path, ignore_errors=True)
        self.fates[name] = [random_data.label(column.field), ""]
        return True

    def refuse_columns(self, table):
        """Leave out what pylance cannot write alone; returns what is left of the table."""
        self.columns = [column for column in self.columns if self.written_alone(column, table)]
        return table.select(["id", *(column.field.name for column in self.columns)])

    def written_together(self, columns, kept, table, write):
        """Of columns those that can be written with the kept ones, which they are added to."""
        names = ["id", *(column.field.name for column in kept + columns)]
        try:
            shutil.rmtree(self.path, ignore_errors=True)
            write(table.select(names))
            lance.dataset(self.path).to_table()
            kept += columns
        except BaseException as error:
            if not is_refusal(error):
                raise
            half = len(columns) // 2
            if half:
                self.written_together(columns[:half], kept, table, write)
                self.written_together(columns[half:], kept, table, write)
            else:
                self.refused[f"{self.version} write with others: {reason(error)}"] += 1
                name = columns[0].field.name
                lance.write_dataset(table.select([name]), f"{self.alone}/{name}.lance", **storage_options(self.version))

    def write(self, mode):
        """The first rows, or new ones of another schema instead of all there are."""
        rng = self.rng
        self.columns = self.new_columns(self.version)
        rows = rng.choice(SIZES) if rng.random() < 0.8 else rng.randint(1, 6000)
        rows = min(rows, int(MAX_WEIGHT / max(c.weight() for c in self.columns)) + 1)
        table = self.table(rows)
        data = lambda: table if rng.random() < 0.7 or not rows else pa.Table.from_batches(
            table.to_batches(max_chunksize=rng.choice((7, 100, 1024))), table.schema)
        try:
            dataset = lance.write_dataset(data(), self.path, mode=mode, **self.write_options(rows))
            for name in table.column_names:
                dataset.to_table(columns=[name])
        except BaseException as error:
            if not is_refusal(error):
                raise
            table = self.refuse_columns(table)
            if mode == "create":
                shutil.rmtree(self.path, ignore_errors=True)
            lance.write_dataset(table, self.path, mode=mode, **self.write_options(rows))

    # --- steps; each takes the dataset as it is ---

    def names(self, dataset):
        return [n for n in dataset.schema.names if n != "id"]

    def is_original(self, dataset):
        return dataset.schema.names == ["id", *(c.field.name for c in self.columns)]

    def append(self, dataset):
        if self.is_original(dataset):
            lance.write_dataset(self.table(self.rng.choice((1, 57, 300))), self.path, mode="append",
                                **append_options(self.version))

    def append_some(self, dataset):
        """Rows without some of the columns."""
        if self.is_original(dataset) and len(self.columns) > 1:
            table = self.table(20)
            lance.write_dataset(table.select(table.column_names[:2]), self.path, mode="append",
                                **append_options(self.version))

    def append_other_version(self, dataset):
        """Files of two storage versions in one table, where pylance writes them."""
        if self.is_original(dataset):
            lance.write_dataset(self.table(30), self.path, mode="append",
                                **storage_options(self.rng.choice(self.versions)))

    def delete(self, dataset):
        rng = self.rng
        dataset.delete(f"id % {rng.choice((2, 3, 7, 50))} = 1 or id < {rng.choice((0, 5, 300))}")

    def delete_fragment(self, dataset):
        dataset.delete(f"id >= {self.rng.randrange(self.next_id + 1)}")

    def add_sql(self, dataset):
        self.next_name += 1
        dataset.add_columns({f"n{self.next_name}": self.rng.choice((
            "id * 2", "cast(id as string)", "id % 5 = 0", "case when id % 3 = 0 then null else id end"))})

    def add_null(self, dataset):
        """A column of which only the name is written."""
        self.next_name += 1
        field = random_data.random_field(self.rng, self.version, self.rng.randint(0, 2), f"n{self.next_name}")
        dataset.add_columns(pa.schema([field.with_nullable(True)]))

    def add_values(self, dataset):
        self.next_name += 1
        field = random_data.random_field(self.rng, self.version, self.rng.randint(0, 2), f"n{self.next_name}")
        column = random_data.Column(self.rng, field, self.version)
        if column.weight() * dataset.count_rows() < MAX_WEIGHT:
            schema = pa.schema([field])
            values = lambda batch: pa.record_batch([column.array(batch.num_rows)], schema)
            dataset.add_columns(as_udf(values, schema), read_columns=["id"])

    def structs(self, dataset):
        """(name, struct type) of the struct columns."""
        return [(f.name, f.type) for f in dataset.schema if pa.types.is_struct(f.type) and f.type.num_fields]

    def add_nested(self, dataset):
        """A member for a struct that is there."""
        for name, _ in self.structs(dataset):
            self.next_name += 1
            inner = random_data.random_field(self.rng, self.version, 1, f"m{self.next_name}")
            dataset.add_columns(pa.schema([pa.field(name, pa.struct([inner.with_nullable(True)]))]))
            return

    def drop_nested(self, dataset):
        """Of packed structs the last: by place pylance 14.0.2 takes a dropped member's bytes for the next one's."""
        for name, kind in self.structs(dataset):
            packed = {b"packed", random_data.PACKED.encode()} & set(dataset.schema.field(name).metadata or {})
            if kind.num_fields > 1 and not (packed and self.version == "2.0"):
                member = kind.num_fields - 1 if packed else self.rng.randrange(kind.num_fields)
                dataset.drop_columns([f"{name}.{kind.field(member).name}"])
                return

    def rename_nested(self, dataset):
        for name, kind in self.structs(dataset):
            self.next_name += 1
            dataset.alter_columns({"path": f"{name}.{kind.field(0).name}", "name": f"r{self.next_name}"})
            return

    def cast(self, dataset):
        """Another type for a number, a text or a list of numbers, at the top or within a struct."""
        places = [(f.name, f.type) for f in dataset.schema if f.name != "id"]
        places += [(f"{n}.{f.name}", f.type) for n, kind in self.structs(dataset) for f in kind]
        self.rng.shuffle(places)
        for path, kind in places:
            t = pa.types
            wider = (pa.float64() if t.is_floating(kind) else pa.int64() if t.is_integer(kind) else
                     pa.large_string() if t.is_string(kind) else pa.large_binary() if t.is_binary(kind) else
                     pa.timestamp("ns", kind.tz) if t.is_timestamp(kind) else None)
            if wider and wider != kind:
                dataset.alter_columns({"path": path, "data_type": wider})
                return

    def rename(self, dataset):
        if names := self.names(dataset):
            self.next_name += 1
            dataset.alter_columns({"path": names[0], "name": f"r{self.next_name}"})

    def nullable(self, dataset):
        for field in dataset.schema:
            if not field.nullable:
                dataset.alter_columns({"path": field.name, "nullable": True})
                return

    def drop(self, dataset):
        names = self.names(dataset)
        if len(names) > 1:
            dataset.drop_columns([self.rng.choice(names)])

    def compact(self, dataset):
        dataset.optimize.compact_files(target_rows_per_fragment=self.rng.choice((1 << 20, 500)))

    def update(self, dataset):
        dataset.update({"id": f"id + {10**6 * self.rng.randint(1, 9)}"}, where=f"id % {self.rng.choice((2, 9))} = 0")

    def merge_insert(self, dataset):
        """Some rows changed, some new."""
        if self.is_original(dataset):
            self.next_id = max(0, self.next_id - self.rng.choice((0, 10, 100)))
            (dataset.merge_insert("id").when_matched_update_all().when_not_matched_insert_all()
             .execute(self.table(self.rng.choice((15, 150)))))

    def merge_some(self, dataset):
        """Some columns of some rows changed."""
        if self.is_original(dataset) and self.columns:
            self.next_id = max(0, self.next_id - 40)
            (dataset.merge_insert("id").when_matched_update_all()
             .execute(self.table(40).select(["id", self.columns[0].field.name])))

    def merge(self, dataset):
        self.next_name += 1
        ids = pa.array(range(0, self.next_id, 3), pa.int64())
        text = pa.array([None if i % 4 == 0 else f"joined {i}" for i in range(len(ids))], pa.string())
        dataset.merge(pa.table([ids, text], names=["id", f"n{self.next_name}"]), "id")

    def restore(self, dataset):
        dataset.checkout_version(self.rng.randint(1, dataset.version)).restore()

    def tag(self, dataset):
        self.next_name += 1
        dataset.tags.create(f"t{self.next_name}", self.rng.randint(1, dataset.version))

    def overwrite(self, dataset):
        self.version = self.rng.choice((self.version, *self.versions))
        self.write("overwrite")

    def config(self, dataset):
        dataset.update_config({"lance.auto_cleanup.interval": "1000", "a": str(self.rng.random())})

    def metadata(self, dataset):
        dataset.update_metadata({"about": "é" * 3})
        lance.dataset(self.path).update_schema_metadata({"k": "v"})

    def field_metadata(self, dataset):
        dataset.update_field_metadata({self.rng.choice(dataset.schema.names): {"comment": "x"}})

    def index(self, dataset):
        dataset.create_scalar_index("id", self.rng.choice(("BTREE", "BTREE", "BITMAP", "ZONEMAP")))

    def index_text(self, dataset):
        for field in dataset.schema:
            if pa.types.is_string(field.type):
                dataset.create_scalar_index(field.name, self.rng.choice(("INVERTED", "BITMAP", "NGRAM")))
                return

    def index_list(self, dataset):
        for field in dataset.schema:
            if pa.types.is_list(field.type) and not pa.types.is_nested(field.type.value_type):
                dataset.create_scalar_index(field.name, "LABEL_LIST")
                return

    def index_vectors(self, dataset):
        for field in dataset.schema:
            if pa.types.is_fixed_size_list(field.type) and field.type.value_type == pa.float32():
                dataset.create_index(field.name, "IVF_PQ", num_partitions=1, num_sub_vectors=1)
                return

    def optimize_indices(self, dataset):
        dataset.optimize.optimize_indices()

    def branch(self, dataset):
        """A branch that goes on from some version."""
        self.next_name += 1
        made = dataset.create_branch(f"b{self.next_name}", self.rng.randint(1, dataset.version))
        made.delete(f"id % {self.rng.choice((2, 5))} = 0")

    STEPS = (append, append, append_some, append_other_version, delete, delete, delete, delete_fragment, add_sql,
             add_null, add_values, add_values, add_nested, drop_nested, rename_nested, cast, cast, rename, nullable,
             drop, compact, compact, update, merge_insert, merge_some, merge, restore, tag, overwrite, config,
             metadata, field_metadata, index)
    MORE_STEPS = (index_text, index_list, index_vectors, optimize_indices, branch)

    REWRITING = (update, merge_insert, merge_some, merge, add_sql, compact)

    def loses_version(self, step):
        """The oldest releases rewrite a table of 2.0 as files of 0.1, which nobody reads beside the others."""
        return step in self.REWRITING and self.version != "0.1" and "data_storage_version" not in PARAMETERS

    def take_step(self, step=None):
        step = step or self.rng.choice(self.STEPS)
        if self.loses_version(step) and self.rng.random() < 0.9:
            return
        before = lance.dataset(self.path).version
        try:
            step(self, lance.dataset(self.path))
            self.steps[step.__name__] += lance.dataset(self.path).version > before or step in (History.tag, History.branch)
        except BaseException as error:
            if not is_refusal(error):
                raise
            self.refused[f"{self.version} {step.__name__}: {reason(error)}"] += 1

    def make(self, version=None, counts=(0, 0, 1, 2, 3, 5)):
        """A table and then some steps."""
        rng = self.rng
        self.version = version or rng.choice(self.versions)
        self.write("create")
        for _ in range(rng.choice(counts)):
            self.take_step()
        return lance.dataset(self.path)

    def make_every_type(self, version):
        """A column of each type that this release writes, in fragments, with rows deleted and columns added.

        What it cannot write beside the others, or cannot read, is in a dataset of its own in `alone`.
        """
        self.version, self.alone = version, self.path + ".alone"
        os.mkdir(self.alone)
        columns = [random_data.Column(self.rng, field, version) for field in random_data.every_field(self.rng, version)]
        self.columns = [column for column in columns if self.is_made(column)]
        table = self.refuse_columns(self.table(320))
        options = storage_options(version) | known_options({"enable_stable_row_ids": self.rng.random() < 0.5})
        kept = []
        self.written_together(self.columns, kept, table,
                              lambda part: lance.write_dataset(part, self.path, max_rows_per_file=130, **options))
        self.columns = kept
        table = table.select(["id", *(column.field.name for column in kept)])
        shutil.rmtree(self.path, ignore_errors=True)
        lance.write_dataset(table, self.path, max_rows_per_file=130, **options)
        for step in (History.delete, History.add_sql, History.add_null, History.add_values, History.append,
                     History.update, History.delete):
            self.take_step(step)


def main():
    """PATH SEED VERSION [every]: write one dataset with the release at hand, print what was refused."""
    path, seed, version = sys.argv[1:4]
    history = History(random.Random(int(seed)), path, finished_versions() or (version,))
    history.STEPS += History.MORE_STEPS
    if "every" in sys.argv[4:]:
        history.make_every_type(version)
    else:
        history.make(version, counts=(2, 4, 6, 9))
    print(json.dumps({"refused": history.refused, "steps": history.steps, "fates": history.fates}))


if __name__ == "__main__":
    main()
