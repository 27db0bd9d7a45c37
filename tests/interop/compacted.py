"""compact: running it, what it may not change, and tables with an index of each kind."""

import json
import os

import lance
import lancedb
import numpy as np
import pyarrow as pa

import columns
import random_data
from conftest import lancectl

LINEAGE = ["_row_created_at_version", "_row_last_updated_at_version"]
DIM = 16


def compact(path, *options):
    """Its answer."""
    done = lancectl("compact", path, "--json", *options, check=False)
    text = (done.stdout + done.stderr).decode(errors="replace")
    assert "Sanitizer" not in text and "runtime error" not in text and done.returncode == 0, text
    return json.loads(done.stdout)


# --- what there is ---

def values(dataset, name):
    """A column's values; of blobs their bytes."""
    if not random_data.is_blob(dataset.schema.field(name)):
        return dataset.to_table(columns=[name]).column(name)
    rows = dataset.count_rows()
    taken = dataset.take_blobs(name, indices=list(range(rows))) if rows else []
    return pa.chunked_array([pa.array([None if b is None else b.read() for b in taken], pa.large_binary())])


def picture(dataset):
    """{name: values in order} of the columns, and of the rows' ids and versions where rows keep them."""
    shown = {name: values(dataset, name) for name in dataset.schema.names}
    if dataset.has_stable_row_ids:
        system = dataset.to_table(columns=LINEAGE, with_row_id=True)
        shown.update((name, system.column(name)) for name in system.column_names)
    return shown


def names(dataset):
    """What is said of a table besides its rows."""
    def ids(fields):
        return [(f.id(), f.name(), ids(f.children())) for f in fields]

    return {"schema": dataset.schema, "ids": ids(dataset.lance_schema.fields()),
            "config": dataset.config(), "metadata": dataset.metadata, "tags": dataset.tags.list()}


def check_same(now, before):
    assert list(now) == list(before)
    for name, old in before.items():
        new = now[name]
        assert new.type == old.type and len(new) == len(old), f"{name}: {len(new)} rows, there were {len(old)}"
        if columns.identical(new, old):
            continue
        for row, (a, b) in enumerate(zip(new.to_pylist(), old.to_pylist())):
            assert repr(a) == repr(b), f"{name}: row {row}: {str(a)[:200]!r}, it was {str(b)[:200]!r}"
        raise AssertionError(f"{name}: bits differ")


def taken(values, order):
    """Rows in another order; dictionaries, whose order Arrow cannot change if they differ and hold nulls, as text."""
    if "dictionary" not in str(values.type):
        return values.take(order)
    shown = [repr(value) for value in values.to_pylist()]
    return pa.chunked_array([pa.array([shown[i] for i in order.to_pylist()], pa.string())])


def data_files(dataset):
    return [f for fragment in dataset.get_fragments() for f in fragment.data_files()]


def count(path):
    """What an answer counts, by pylance and by the files on disk."""
    dataset = lance.dataset(str(path))
    fragments = dataset.get_fragments()
    return {"fragments": len(fragments), "files": len(data_files(dataset)),
            "deleted_rows": sum(f.num_deletions for f in fragments),
            "bytes": sum(os.stat(f"{path}/data/{f.path}").st_size for f in data_files(dataset))}


def everything(path):
    """Every file of a dataset, but for what lancefs keeps of its own."""
    return {str(p.relative_to(path)): p.stat().st_size for p in path.rglob("*")
            if p.is_file() and "_lancefs" not in p.parts}


def rewrites(dataset, since):
    """(version, groups) of the versions after `since` that rewrote fragments."""
    for number in range(since + 1, dataset.version + 1):
        operation = dataset.read_transaction(number).operation
        if type(operation).__name__ == "Rewrite":
            yield number, operation.groups


def order_after(old, now):
    """Where each row was: what is rewritten becomes fragments behind the others, and keeps its order."""
    rows, n = {}, 0
    for fragment in old.get_fragments():
        rows[fragment.fragment_id] = list(range(n, n + fragment.count_rows()))
        n += fragment.count_rows()
    for number, groups in rewrites(now, old.version):
        fresh = [f for f in now.checkout_version(number).get_fragments() if f.fragment_id not in rows]
        for group in groups:
            if [f.id for f in group.old_fragments] == [f.id for f in group.new_fragments]:
                continue  # its files only
            moved = [row for f in group.old_fragments for row in rows.pop(f.id)]
            for _ in group.new_fragments:
                made = fresh.pop(0)
                count = made.count_rows()
                rows[made.fragment_id], moved = moved[:count], moved[count:]
            assert not moved, "rows of a group are not in its new fragments"
    return [row for _, kept in sorted(rows.items()) for row in kept]


def compact_checked(path, *options):
    """Compact: nothing that can be seen changes, and the answer is what happened."""
    old = lance.dataset(str(path))
    shown, said_of_it, were = picture(old), names(old), count(path)
    said = compact(path, *options)
    now = lance.dataset(str(path))
    now.validate()
    order = pa.array(order_after(old, now), pa.int64())
    if order.equals(pa.array(range(len(order)), pa.int64())):
        check_same(picture(now), shown)
    else:
        every = pa.array(range(len(order)), pa.int64())
        check_same({name: taken(values, every) for name, values in picture(now).items()},
                   {name: taken(values, order) for name, values in shown.items()})
    said_now = names(now)
    assert said_now == said_of_it and said_now["schema"].equals(said_of_it["schema"], check_metadata=True)
    are = count(path)
    assert {name: said[name] for name in are} == {name: [were[name], are[name]] for name in are}, said
    assert said["version"] == (now.version if said["groups"] else None), said
    assert said["groups"] == sum(1 for _ in rewrites(now, old.version)), said
    return said


# --- tables with indices ---

INDICES = (("id", "BTREE"), ("kind", "BITMAP"), ("tags", "LABEL_LIST"), ("text", "INVERTED"), ("z", "ZONEMAP"))


def rows_of(ids):
    """Rows that follow from their ids."""
    ids = list(ids)
    vectors = np.random.default_rng(ids[0] if ids else 0).random(len(ids) * DIM, dtype=np.float32)
    return pa.table({
        "id": pa.array(ids, pa.int64()),
        "kind": pa.array([None if i % 11 == 0 else f"k{i % 7}" for i in ids], pa.string()),
        "tags": pa.array([[f"t{i % 5}", f"t{5 + i % 3}"] for i in ids], pa.list_(pa.string())),
        "text": pa.array([f"word{i % 50} common{' rare' if i % 97 == 0 else ''}" for i in ids], pa.string()),
        "z": pa.array([i // 3 for i in ids], pa.int64()),
        "vec": pa.FixedSizeListArray.from_arrays(pa.array(vectors), DIM),
    })


def build_indices(dataset):
    for column, kind in INDICES:
        dataset.create_scalar_index(column, kind)
    dataset.create_index("vec", "IVF_PQ", num_partitions=2, num_sub_vectors=4)


FILTERS = ("id = 77", "id >= 300 AND id < 420", "id IN (1, 2, 1999)", "kind = 'k3'", "kind IS NULL",
           "kind IN ('k1', 'k5') AND id < 700", "array_has_any(tags, ['t1', 't6'])", "array_has_all(tags, ['t2', 't7'])",
           "z > 100 AND z < 130", "z = 5", "z >= 600 OR kind = 'k0'", "id < 0")
WORDS = ("word7", "rare", "common", "word3 rare", "none")
VECTORS = np.random.default_rng(5).random((3, DIM), dtype=np.float32)


def ids_in(table):
    return sorted(table.column("id").to_pylist())


def nearest(q):
    """So many of those that the index finds are measured again that what it finds is exact."""
    return {"column": "vec", "q": q, "k": 20, "nprobes": 2, "refine_factor": 200}


def answers(path):
    """{query: ids} through the indices, by pylance."""
    dataset = lance.dataset(str(path))
    found = {f: ids_in(dataset.to_table(columns=["id"], filter=f)) for f in FILTERS}
    for word in WORDS:
        found[word] = ids_in(dataset.to_table(columns=["id", "_score"], full_text_query=word, limit=100000))
    for i, q in enumerate(VECTORS):
        found[f"nearest {i}"] = ids_in(dataset.to_table(columns=["id", "_distance"], nearest=nearest(q)))
        found[f"nearest {i} of a kind"] = ids_in(dataset.to_table(
            columns=["id", "_distance"], nearest=nearest(q), filter="kind = 'k2'", prefilter=True))
    return found


def answers_of_lancedb(path):
    """The same through LanceDB, which reads a directory of tables."""
    table = lancedb.connect(str(path.parent)).open_table(path.stem)
    found = {f: ids_in(table.search().where(f).limit(100000).to_arrow()) for f in FILTERS}
    for word in WORDS:
        found[word] = ids_in(table.search(word, query_type="fts").limit(100000).to_arrow())
    for i, q in enumerate(VECTORS):
        near = lambda: table.search(q).nprobes(2).refine_factor(200).limit(20)
        found[f"nearest {i}"] = ids_in(near().to_arrow())
        found[f"nearest {i} of a kind"] = ids_in(near().where("kind = 'k2'", prefilter=True).to_arrow())
    return found


def scanned(path):
    """The same without any index."""
    dataset = lance.dataset(str(path))
    found = {f: ids_in(dataset.to_table(columns=["id"], filter=f, use_scalar_index=False)) for f in FILTERS}
    table = dataset.to_table(columns=["id", "text"])
    for word in WORDS:
        found[word] = sorted(i for i, text in zip(*(table.column(c).to_pylist() for c in ("id", "text")))
                             if set(word.split()) & set(text.split()))
    for i, q in enumerate(VECTORS):
        flat = {"column": "vec", "q": q, "k": 20, "use_index": False}
        found[f"nearest {i}"] = ids_in(dataset.to_table(columns=["id", "_distance"], nearest=flat))
        found[f"nearest {i} of a kind"] = ids_in(dataset.to_table(
            columns=["id", "_distance"], nearest=flat, filter="kind = 'k2'", prefilter=True, use_scalar_index=False))
    return found


def check_answers(path, *more):
    """Every query finds the same with indices and without; by pylance, and as more say."""
    expected = scanned(path)
    for ask in (answers, *more):
        found = ask(path)
        wrong = {query: (len(found[query]), len(ids)) for query, ids in expected.items() if found[query] != ids}
        assert not wrong, f"{ask.__name__}: {wrong}"
    return expected
