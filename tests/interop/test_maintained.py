"""What the tree shows right before, during and after deletes and compactions, ours and pylance's."""

import collections
import contextlib
import errno
import mmap
import os
import random
import threading

import lance
import pyarrow as pa
import pytest

from compacted import compact
from conftest import lancectl
from written import txt

ROWS = 600


def make(path, rows=ROWS, per_file=60, stable=False, version="2.1"):
    ids = range(rows)
    table = pa.table({"id": pa.array(ids, pa.int64()), "text": pa.array([f"text {i}" for i in ids]),
                      "image": pa.array([b"GIF89a%d" % i for i in ids], pa.binary())})
    lance.write_dataset(table, str(path), max_rows_per_file=per_file, enable_stable_row_ids=stable,
                        data_storage_version=version)
    return path


@pytest.fixture
def path(tmp_path):
    return make(tmp_path / "t.lance")


def texts(path, version=None):
    return lance.dataset(str(path), version=version).to_table(columns=["text"]).column("text").to_pylist()


def pylance_deletes(path, where, predicate):
    lance.dataset(str(path)).delete(predicate)


def lancectl_deletes(path, where, predicate):
    lancectl("delete", path, predicate)


def control_deletes(path, where, predicate):
    (where / "control").write_text(f"delete '{predicate}'\n")


def pylance_compacts(path, where):
    lance.dataset(str(path)).optimize.compact_files()


def lancectl_compacts(path, where):
    assert compact(path)["groups"] > 0


def control_compacts(path, where):
    (where / "control").write_text("compact --wait\n")


DELETES = (pylance_deletes, lancectl_deletes, control_deletes)
COMPACTS = (pylance_compacts, lancectl_compacts, control_compacts)


# --- right after ---

@pytest.mark.parametrize("delete", DELETES)
def test_rows__are_renumbered_at_once(path, mount, delete):
    where = mount(path, "-o", "version-poll=3600")
    left = texts(path)
    for _ in range(12):
        assert (where / "rows" / "5" / "text.txt").read_text() == left[5]
        assert (where / "columns" / "image" / "0000005.gif").read_bytes() == b"GIF89a" + left[5][5:].encode()
        assert (where / "rows" / str(len(left) - 1) / "text.txt").exists()
        delete(path, where, f"id = {left[3][5:]}")
        del left[3]
        assert (where / "rows" / "5" / "text.txt").read_text() == left[5]
        assert (where / "columns" / "image" / "0000005.gif").read_bytes() == b"GIF89a" + left[5][5:].encode()
        assert not (where / "rows" / str(len(left))).exists()
        assert os.stat(where / "columns" / "text.txt").st_size == len(txt(left))
        assert f"rows: {len(left)}\n" in (where / "info").read_text()
        assert len(os.listdir(where / "rows")) == len(left)


@pytest.mark.parametrize("compacts", COMPACTS)
def test_tree__is_the_same_after_a_compaction(path, mount, compacts):
    where = mount(path, "-o", "version-poll=3600")
    lance.dataset(str(path)).delete("id % 7 = 3")
    left = texts(path)
    before = {p.name: p.read_bytes() for p in (where / "columns").iterdir() if p.is_file()}
    assert "physical rows: 60\n" in (where / "fragments" / "0" / "info").read_text()
    compacts(path, where)
    assert {p.name: p.read_bytes() for p in (where / "columns").iterdir() if p.is_file()} == before
    for name, data in before.items():
        assert os.stat(where / "columns" / name).st_size == len(data)
    assert not (where / "fragments" / "0").exists()
    (fragment,) = lance.dataset(str(path)).get_fragments()
    assert os.listdir(where / "fragments") == [str(fragment.fragment_id)]
    info = (where / "fragments" / str(fragment.fragment_id) / "info").read_text()
    assert f"physical rows: {len(left)}\n" in info and "deleted rows: 0\n" in info
    assert (where / "fragments" / str(fragment.fragment_id) / "columns" / "text.txt").read_text() == txt(left)
    assert (where / "rows" / "100" / "text.txt").read_text() == left[100]
    assert len(os.listdir(where / "columns" / "image")) == len(left)
    assert "Rewrite" in (where / "history").read_text().splitlines()[0]


# --- what is open ---

@pytest.mark.parametrize("compacts", COMPACTS)
def test_open_files__keep_their_version(path, mount, compacts):
    where = mount(path)
    before = texts(path)
    with contextlib.ExitStack() as stack:
        file = stack.enter_context(open(where / "columns" / "text.txt"))
        value = stack.enter_context(open(where / "rows" / "599" / "text.txt"))
        numbers = stack.enter_context(open(where / "columns" / "id.npy", "rb"))
        pages = stack.enter_context(mmap.mmap(numbers.fileno(), 0, prot=mmap.PROT_READ))
        listing = stack.enter_context(os.scandir(where / "rows"))
        names = [next(listing).name for _ in range(3)]
        head = file.read(100)
        lance.dataset(str(path)).delete("id % 2 = 0")
        compacts(path, where)
        assert head + file.read() == txt(before)
        assert value.read() == before[599]
        assert pages[-8:] == (599).to_bytes(8, "little")
        names += [entry.name for entry in listing]
        assert sorted(map(int, names)) == list(range(ROWS)), "a listing is of one version"
        assert (where / "columns" / "text.txt").read_text() == txt(before[1::2])
        assert (where / "versions" / "1" / "columns" / "text.txt").read_text() == txt(before)


def test_long_listing__is_of_one_version(tmp_path, mount):
    """So long that the kernel asks for it in parts, while rows go."""
    path = make(tmp_path / "t.lance", rows=20000, per_file=2000)
    where = mount(path)
    with os.scandir(where / "columns" / "image") as listing:
        names = [next(listing).name]
        for k in range(4):
            lance.dataset(str(path)).delete(f"id % 7 = {k}")
            lance.dataset(str(path)).optimize.compact_files()
            names += [next(listing).name for _ in range(2000)]
        names += [entry.name for entry in listing]
    assert names == [f"{i:07d}.gif" for i in range(20000)]
    assert len(os.listdir(where / "columns" / "image")) == len(texts(path))


@pytest.mark.parametrize("stable", (False, True))
def test_column_written_meanwhile__lands_in_its_rows(tmp_path, mount, stable):
    """Its rows are those of when it was opened; what cannot be told apart is refused, never mixed."""
    path = make(tmp_path / "t.lance", stable=stable)
    where = mount(path)
    lance.dataset(str(path)).delete("id % 5 = 2")
    kept = [t[5:] for t in texts(path)]
    file = open(where / "columns" / "n.txt", "w")
    file.write("".join(f"{k}\n" for k in kept[:200]))
    file.flush()
    lance.dataset(str(path)).optimize.compact_files()
    file.write("".join(f"{k}\n" for k in kept[200:]))
    try:
        file.close()
    except OSError as error:
        assert error.errno == errno.EBUSY
        assert "n.txt" in os.listdir(where / "rejected") and "n" not in lance.dataset(str(path)).schema.names
        return
    table = lance.dataset(str(path)).to_table(columns=["id", "n"])
    assert table.column("id").to_pylist() == table.column("n").to_pylist()


# --- times ---

def times(where):
    return {p.name: os.stat(p).st_mtime_ns for p in (where / "columns").iterdir() if p.is_file()}


@pytest.mark.parametrize("compacts", COMPACTS)
def test_times__do_not_move_by_a_compaction(path, mount, compacts):
    where = mount(path)
    lancectl("add", path, "later", "id * 2")
    lance.dataset(str(path)).delete("id % 7 = 3")
    lancectl("add", path, "last", "id * 3")
    os.utime(where / "columns" / "text.txt", ns=(10**18, 10**18))
    before = times(where)
    assert before["later.txt"] < before["last.txt"] and before["text.txt"] == 10**18
    compacts(path, where)
    assert times(where) == before
    assert times(mount(path)) == before
    lancectl("add", path, "more", "id * 4")
    lancectl("compact", path, "--columns")
    compacts_again = times(where)
    assert {name: compacts_again[name] for name in before} == before
    lance.dataset(str(path)).delete("id = 1")
    assert all(now > before[name] for name, now in times(where).items() if name in before)


def test_times__do_not_go_back_by_a_cleanup(path, mount):
    """What the versions before a compaction told is gone with them."""
    where = mount(path)
    before = times(where)
    lance.dataset(str(path)).delete("id % 7 = 3")
    deleted = times(where)
    lance.dataset(str(path)).optimize.compact_files()
    assert times(where) == deleted
    clean(path)
    assert times(where) == deleted and all(deleted[name] > before[name] for name in before)
    again = times(mount(path))
    assert all(again[name] >= deleted[name] for name in before)


# --- cleaned up under readers ---

def clean(path):
    import datetime
    lance.dataset(str(path)).cleanup_old_versions(older_than=datetime.timedelta(0), delete_unverified=False)


class Readers:
    """Threads that read in the tree until they are told to stop; .seen is what they got."""

    def __init__(self, where, count=3):
        self.where, self.stopped = where, threading.Event()
        self.seen = collections.Counter()  # (what, version, text or errno)
        self.lock = threading.Lock()
        kinds = [self.pinned, self.live, self.value]
        self.threads = [threading.Thread(target=self.run, args=(kinds[i % 3], i)) for i in range(3 * count)]

    def run(self, kind, seed):
        rng = random.Random(seed)
        while not self.stopped.is_set():
            kind(rng)

    def read(self, what, file, version=None):
        try:
            with open(self.where / file, newline="") as f:
                got = f.read()
        except OSError as error:
            got = error.errno
        with self.lock:
            self.seen[what, version, got] += 1

    def pinned(self, rng):
        version = rng.choice([n for n in os.listdir(self.where / "versions") if n != "latest"] or ["1"])
        for _ in range(3):
            self.read("pinned", f"versions/{version}/columns/text.txt", int(version))

    def live(self, rng):
        self.read("live", "columns/text.txt")

    def value(self, rng):
        self.read("value", "rows/0/text.txt")

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stopped.set()
        for thread in self.threads:
            thread.join()


def test_pinned_versions__during_foreign_cleanups(path, mount):
    """Right bytes or ESTALE; a name that is gone is ENOENT."""
    where = mount(path)
    shown = {1: texts(path)}
    with open(where / "versions" / "1" / "columns" / "text.txt") as held, Readers(where) as readers:
        head = held.read(10)
        for k in range(50):
            dataset = lance.dataset(str(path))
            if k % 2:
                dataset.delete(f"id % 41 = {k % 41}")
            else:
                lance.write_dataset(pa.table({"id": pa.array([1000 + k], pa.int64()), "text": [f"appended {k}"],
                                              "image": pa.array([b"x"], pa.binary())}), dataset, mode="append")
            shown[lance.dataset(str(path)).version] = texts(path)
            lance.dataset(str(path)).optimize.compact_files()
            latest = lance.dataset(str(path)).version
            for version in range(max(shown) + 1, latest + 1):
                shown[version] = texts(path, version)
            clean(path)
        try:
            assert head + held.read() == txt(shown[1])
        except OSError as error:
            assert error.errno == errno.ESTALE
    check_seen(readers.seen, {version: txt(values) for version, values in shown.items()}, shown)
    stale = [key for key in readers.seen if key[2] == errno.ESTALE]
    if stale:
        assert "cleaned up" in (where / "last_error").read_text()
    assert (where / "columns" / "text.txt").read_text() == txt(texts(path))


@contextlib.contextmanager
def opened(directory):
    fd = os.open(directory, os.O_DIRECTORY)
    try:
        yield fd
    finally:
        os.close(fd)


def why_not(look):
    try:
        assert look()
        return None
    except OSError as error:
        return errno.errorcode[error.errno]


def looks(top):
    """What there is to look at below a version that is held open: {what: how}."""
    def read(name):
        with open(os.open(name, os.O_RDONLY, dir_fd=top), "rb") as f:
            return f.read()

    def listed(name):
        fd = os.open(name, os.O_DIRECTORY, dir_fd=top)
        try:
            return os.listdir(fd)
        finally:
            os.close(fd)

    files = ["columns/text.txt", "columns/id.npy", "columns/image/0000007.gif", "rows/9/text.txt", "table/table.jsonl",
             "columns/text.mask.npy", "fragments/2/columns/text.txt", "fragments/2/deleted", "info", "schema", "changes"]
    directories = ["columns", "columns/image", "rows", "rows/9", "fragments/2/files"]
    return {**{name: lambda name=name: read(name) for name in files},
            **{name: lambda name=name: listed(name) for name in directories}}


def test_version_that_is_gone__says_so(path, mount):
    """Names are found as long as the version's directory is; files that are gone are ESTALE, and why is told."""
    where = mount(path)
    lance.dataset(str(path)).delete("id % 7 = 3")
    with opened(where / "versions" / "2") as top, opened(where / "versions/2/fragments/2/files") as files:
        (name,) = os.listdir(files)
        lance.dataset(str(path)).optimize.compact_files()
        clean(path)
        said = {what: why_not(look) for what, look in looks(top).items()}
        said["a data file"] = why_not(lambda: os.stat(name, dir_fd=files))
    assert said.pop("columns/image/0000007.gif") in ("ENOENT", "ESTALE")  # what they are cannot be told
    assert set(said.values()) == {None, "ESTALE"}, said
    assert {what for what, code in said.items() if not code} >= {"columns", "rows", "info", "schema"}, said
    assert "cleaned up" in (where / "last_error").read_text()


def check_seen(seen, right, shown):
    live, first = set(right.values()), {values[0] for values in shown.values()}
    for (what, version, got), n in seen.items():
        if what == "pinned":
            assert got in (right[version], errno.ESTALE, errno.ENOENT), (version, str(got)[:100], n)
        else:
            assert got in (live if what == "live" else first) or got == errno.ESTALE, (what, str(got)[:100], n)
    good = sum(n for (_, _, got), n in seen.items() if isinstance(got, str))
    assert good > len(right) / 2, seen
