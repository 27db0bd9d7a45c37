"""What stands beside what: the table of core/table/conflict.c against the answers of pylance.

Each operation is committed alone, which gives its transaction file, and then, as one who
knew only version 1, on top of each other operation.
"""

import shutil
import subprocess

import lance
import pyarrow as pa
import pytest
from lance import LanceOperation as Op

from conftest import BIN

ROWS = 100


def base(path):
    table = pa.table({"a": pa.array(range(ROWS), pa.int64()), "b": pa.array(range(ROWS), pa.int64())})
    dataset = lance.write_dataset(table, str(path), max_rows_per_file=ROWS // 2)
    dataset.add_columns(pa.field("empty", pa.int64()))
    dataset.add_columns(pa.field("other", pa.int64()))
    return lance.dataset(str(path))


def new_file(dataset, name, fragment):
    """A data file with values of one column for one fragment."""
    fields = [f.id() for f in dataset.lance_schema.fields() if f.name() == name]
    path = f"{dataset.uri}/data/{name}-{fragment}.lance"
    table = pa.table({name: pa.array(range(ROWS // 2), pa.int64())})
    with lance.file.LanceFileWriter(path, table.schema, version=dataset.data_storage_version) as out:
        out.write_batch(table)
    from lance.fragment import DataFile
    major, minor = dataset.data_storage_version.split(".")
    return DataFile(path=f"{name}-{fragment}.lance", fields=fields, column_indices=[0], file_major_version=int(major),
                    file_minor_version=int(minor))


def fragments(dataset):
    return [f.metadata for f in dataset.get_fragments()]


def with_deletion(dataset, index, predicate):
    return dataset.get_fragments()[index].delete(predicate)


def append(dataset):
    row = pa.table({name: pa.array([1], pa.int64()) for name in ("a", "b", "empty", "other")})
    return Op.Append([lance.fragment.LanceFragment.create(dataset.uri, row)])


def replace(dataset, name, *indices):
    return Op.DataReplacement([Op.DataReplacementGroup(i, new_file(dataset, name, i)) for i in indices])


def update_columns(dataset):
    metadata, modified = dataset.get_fragments()[0].update_columns(
        pa.table({"a": pa.array([1], pa.int64()), "b": pa.array([5], pa.int64())}), left_on="a", right_on="a")
    return Op.Update(updated_fragments=[metadata], fields_modified=modified)


def merge(dataset):
    merged = [f.merge_columns(lambda b: pa.record_batch({"c": pa.array([1] * len(b))}), ["a"]) for f in dataset.get_fragments()]
    return Op.Merge([m[0] for m in merged], merged[0][1])


def rewrite(dataset):
    old = fragments(dataset)
    new = [lance.fragment.LanceFragment.create(dataset.uri, dataset.to_table(), fragment_id=7)]
    return Op.Rewrite([Op.RewriteGroup(old, new)], [])


OPERATIONS = {
    "append": append,
    "delete rows": lambda d: Op.Delete([with_deletion(d, 0, "a = 3")], [], "a = 3"),
    "delete rows of another fragment": lambda d: Op.Delete([with_deletion(d, 1, "a = 73")], [], "a = 73"),
    "delete a fragment": lambda d: Op.Delete([], [1], "a >= 50"),
    "overwrite": lambda d: Op.Overwrite(d.schema, fragments(d)),
    "merge": merge,
    "project": lambda d: Op.Project(d.lance_schema),
    "restore": lambda d: Op.Restore(1),
    "config": lambda d: Op.UpdateConfig(config_updates=Op.UpdateMap({"k": "v"})),
    "field metadata": lambda d: Op.UpdateConfig(field_metadata_updates={0: Op.UpdateMap({"unit": "m"})}),
    "schema metadata": lambda d: Op.UpdateConfig(schema_metadata_updates=Op.UpdateMap({"x": "m"})),
    "table metadata": lambda d: Op.UpdateConfig(table_metadata_updates=Op.UpdateMap({"x": "m"})),
    "fill a column": lambda d: replace(d, "empty", 0),
    "fill another fragment": lambda d: replace(d, "empty", 1),
    "fill another column": lambda d: replace(d, "other", 0),
    "update columns": update_columns,
    "rewrite": rewrite,
}


def commit(dataset, operation, read_version):
    """none, retry or fatal, and why."""
    try:
        lance.LanceDataset.commit(dataset.uri, operation, read_version=read_version, max_retries=1)
    except (OSError, ValueError, RuntimeError) as error:
        text = str(error)
        return ("retry" if "retryable" in text.lower() or "please retry" in text.lower() else "fatal"), text
    return "none", ""


def transaction(path, known):
    new = {p for p in (path / "_transactions").iterdir()} - known
    assert len(new) == 1
    return new.pop()


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """Each operation's transaction file."""
    top = tmp_path_factory.mktemp("alone")
    base(top / "base")
    made = {}
    for i, (name, make) in enumerate(OPERATIONS.items()):
        path = top / str(i)
        shutil.copytree(top / "base", path)
        known = set((path / "_transactions").iterdir())
        dataset = lance.dataset(str(path))
        verdict, why = commit(dataset, make(dataset), dataset.version)
        assert verdict == "none", f"{name}: {why}"
        made[name] = transaction(path, known)
    return top, made


@pytest.mark.parametrize("theirs", OPERATIONS)
def test_conflict__is_pylances(alone, tmp_path, theirs):
    top, made = alone
    differences = []
    for i, (ours, make) in enumerate(OPERATIONS.items()):
        path = tmp_path / str(i)
        shutil.copytree(top / "base", path)
        dataset = lance.dataset(str(path))
        late, version = make(dataset), dataset.version
        verdict, why = commit(dataset, OPERATIONS[theirs](dataset), version)
        assert verdict == "none", why
        verdict, why = commit(dataset, late, version)
        said = subprocess.run([BIN.parent / "tests" / "conflict_of", made[ours], made[theirs]], check=True,
                              capture_output=True, text=True).stdout.strip()
        if said != verdict:
            differences.append(f"{ours} over {theirs}: pylance says {verdict} ({why[:200]}), lancefs {said}")
    assert not differences, "\n".join(differences)
