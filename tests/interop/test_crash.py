"""After a crash at any step of a commit, pylance opens the dataset and reads the old version or the new one."""

import collections
import os
import pathlib
import subprocess

import lance
import pyarrow as pa

from conftest import BIN

GOLDEN = pathlib.Path(__file__).parent.parent / "data" / "golden" / "captions-2.2" / "t.lance"


def test_crash__every_state_is_whole(tmp_path):
    subprocess.run([BIN.parent / "tests" / "test_crash"], env={**os.environ, "LANCEFS_CRASH_DIR": str(tmp_path)},
                   check=True, capture_output=True)
    old = lance.dataset(str(GOLDEN))
    before, seen, new = old.to_table(), collections.defaultdict(set), {}
    known = set()
    for path in sorted(tmp_path.iterdir()):
        operation = path.name.split("-")[0]
        files = frozenset((str(p.relative_to(path)), p.stat().st_size) for p in path.rglob("*"))
        if (operation, files) in known:
            continue
        known.add((operation, files))
        dataset = lance.dataset(str(path))
        dataset.validate()
        now = dataset.to_table()
        seen[operation].add(dataset.version)
        if dataset.version == old.version:
            assert now == before, path
        else:
            assert now == new.setdefault(operation, now), path
    assert len(seen) == 18 and all(versions == {old.version, old.version + 1} for versions in seen.values())
    assert new["restore"] == lance.dataset(str(GOLDEN), version=1).to_table()
    assert new["rename"].column("text") == before.column("caption")
    assert new["add"].column("new").null_count == before.num_rows
    assert new["columns"].column("caption").null_count == before.num_rows
    assert new["columns"].schema.names == before.schema.names + ["new"]
    assert new["append"].slice(before.num_rows) == before.slice(0, 3)
    assert new["cast"].column("width").to_pylist() == [None if w is None else str(w) for w in before.column("width").to_pylist()]
    chosen = [k < "000000003" or h % 19 == 7 for k, h in zip(*(before.column(n).to_pylist() for n in ("key", "height")))]
    assert new["update"].column("width").to_pylist() == [w + c for w, c in zip(before.column("width").to_pylist(), chosen)]
    assert new["moved"].sort_by("key").column("width") == new["update"].sort_by("key").column("width")
    assert new["compact"] == before and new["merge"] == before
    assert new["delete"] == pa.concat_tables([before.slice(0, 1), before.slice(3)])
    gone = old.get_fragments()[0].count_rows() + 1
    assert new["emptied"] == before.slice(gone)
