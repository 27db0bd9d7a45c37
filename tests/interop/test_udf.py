"""tools/udf: Python functions over Arrow streams, with pyarrow and without, and the examples."""

import datetime
import io
import os
import pathlib
import random
import shutil
import subprocess
import sys
import textwrap

import numpy as np
import pyarrow as pa
import pytest

from conftest import BIN

UDF = pathlib.Path(__file__).resolve().parents[2] / "tools/udf"
DEMO = pathlib.Path(__file__).resolve().parents[1] / "data/demo/photos.lance"

# a script is run as it is, or as where pyarrow is not installed
RUN = """
import runpy, sys
if sys.argv[1] == "without":
    sys.modules["pyarrow"] = None
del sys.argv[:2]
runpy.run_path(sys.argv[0], run_name="__main__")
"""
both = pytest.mark.parametrize("pyarrow", ["with", "without"])


def call(tmp_path, pyarrow, script, *args, data=b"", check=True):
    if isinstance(script, str):
        path = tmp_path / "script.py"
        path.write_text("from lancefs_udf import run, udf\n" + textwrap.dedent(script))
        script = path
    done = subprocess.run([sys.executable, "-c", RUN, pyarrow, script, *args], input=data, capture_output=True,
                          env={**os.environ, "PYTHONPATH": str(UDF), "LANCEFS_UDF": "f", "PYTHONDONTWRITEBYTECODE": "1"})
    assert not check or done.returncode == 0, done.stderr.decode()
    return done


def answers(tmp_path, pyarrow, script, *batches):
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, batches[0].schema) as writer:
        for batch in batches:
            writer.write_batch(batch)
    done = call(tmp_path, pyarrow, script, data=sink.getvalue())
    return list(pa.ipc.open_stream(done.stdout))


def describe(tmp_path, script, **kwargs):
    return call(tmp_path, "without", script, "--describe", **kwargs).stdout.decode()


CAPTIONS = pa.record_batch({"caption": pa.array(["a b", None, "", "boom", "ü€"])})
LENGTH = """
    def f(caption: str) -> int:
        print("this must not be an answer")
        if caption == "boom":
            raise ValueError("no\\nway")
        return len(caption)
    run(f)
"""


@both
def test_rows(tmp_path, pyarrow):
    first, second = answers(tmp_path, pyarrow, LENGTH, CAPTIONS, CAPTIONS.slice(2))
    assert first.schema.field(0).type == pa.int64()
    assert first.column(0).to_pylist() == [3, None, 0, None, 2]
    assert first.schema.names[-1] == "_error"
    assert first.column(1).to_pylist() == [None, None, None, "ValueError: no way (script.py, line 6)", None]
    assert second.column(0).to_pylist() == [0, None, 2]


@both
def test_batch_is_answered_before_the_next_comes(tmp_path, pyarrow):
    script = tmp_path / "script.py"
    script.write_text("from lancefs_udf import run\n" + textwrap.dedent(LENGTH))
    with subprocess.Popen([sys.executable, "-c", RUN, pyarrow, script], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, env={**os.environ, "PYTHONPATH": str(UDF)}) as worker:
        with pa.ipc.new_stream(worker.stdin, CAPTIONS.schema) as writer:
            writer.write_batch(CAPTIONS)
            worker.stdin.flush()
            reader = pa.ipc.open_stream(worker.stdout)
            assert reader.read_next_batch().num_rows == 5
            writer.write_batch(CAPTIONS.slice(0, 1))
            worker.stdin.flush()
            assert reader.read_next_batch().num_rows == 1
        worker.stdin.close()
        assert worker.wait() == 0


@both
def test_several_outputs(tmp_path, pyarrow):
    for hint, value in (("tuple[int, str]", "(len(c), c.upper())"), ("Both", "Both(len(c), c.upper())"),
                        ("'out1:int64, out2:string'", "{'out2': c.upper(), 'out1': len(c)}")):
        script = f"""
            import dataclasses
            @dataclasses.dataclass
            class Both:
                out1: int
                out2: 'string'
            run(udf(lambda c: None, inputs=['c'])) if False else None
            def f(c: str) -> {hint}:
                return {value}
            run(f)
        """
        assert describe(tmp_path, script).splitlines()[1:] == ["outputs = out1:int64, out2:string", "inputs = c"]
        batch, = answers(tmp_path, pyarrow, script, CAPTIONS)
        assert batch.column(0).to_pylist() == [3, None, 0, 4, 2]
        assert batch.column(1).to_pylist() == ["A B", None, "", "BOOM", "Ü€"]


@both
def test_class_is_set_up_once(tmp_path, pyarrow):
    script = """
        class Counter:
            def setup(self):
                self.n = 100
            def __call__(self, caption: str | None) -> "int32":
                self.n += 1
                return self.n
        run(udf(Counter, skip_null=False))
    """
    first, second = answers(tmp_path, pyarrow, script, CAPTIONS, CAPTIONS)
    assert first.column(0).to_pylist() == [101, 102, 103, 104, 105]
    assert second.column(0).to_pylist()[0] == 106 and second.schema.field(0).type == pa.int32()


@both
def test_columns_by_name_or_by_place(tmp_path, pyarrow):
    script = """
        def f(a: int, b: int, scale: int = 10) -> int:
            return (a - b) * scale
        run(f)
    """
    assert describe(tmp_path, script).splitlines()[2] == "inputs = a, b"
    named = pa.record_batch({"b": pa.array([1]), "a": pa.array([5])})
    placed = pa.record_batch({"x": pa.array([1]), "y": pa.array([5])})
    assert answers(tmp_path, pyarrow, script, named)[0].column(0).to_pylist() in ([40], [-40])
    assert answers(tmp_path, pyarrow, script, placed)[0].column(0).to_pylist() == [-40]


@both
def test_batch_function(tmp_path, pyarrow):
    script = """
        import numpy as np
        @udf(type="float32")
        def f(x: np.ndarray):
            if (x == 3).any():
                raise RuntimeError("three")
            return x * 2
        run()
    """
    batch, = answers(tmp_path, pyarrow, script, pa.record_batch({"x": pa.array([1.0, 2, 3, 4, None])}))
    assert batch.schema.field(0).type == pa.float32()
    values = batch.column(0).to_pylist()
    assert values[:2] == [2, 4] and values[2] is None and values[3] == 8
    assert [e is not None for e in batch.column(1).to_pylist()] == [False, False, True, False, False]


@both
def test_vectors(tmp_path, pyarrow):
    script = """
        import numpy as np
        @udf(batch=True, type="float32[4]")
        def f(x):
            return np.outer(x, np.arange(4))
        run()
    """
    batch, = answers(tmp_path, pyarrow, script, pa.record_batch({"x": pa.array([1.0, 2.0])}))
    assert batch.schema.field(0).type == pa.list_(pa.float32(), 4)
    assert batch.column(0).to_pylist() == [[0, 1, 2, 3], [0, 2, 4, 6]]


def cases():
    rng = random.Random(7)
    n = 100
    some = [i for i in range(n)]
    yield "bool", pa.array([rng.random() < .5 for _ in some])
    for bits in (8, 16, 32, 64):
        half = 1 << bits - 1
        yield f"int{bits}", pa.array([rng.randrange(-half, half) for _ in some], f"int{bits}")
        yield f"uint{bits}", pa.array([rng.randrange(0, 2 * half) for _ in some], f"uint{bits}")
    yield "float16", pa.array(np.array([rng.randrange(100) / 4 for _ in some], "float16"))
    yield "float32", pa.array([rng.randrange(100) / 4 for _ in some], "float32")
    yield "float64", pa.array([rng.random() for _ in some])
    words = ["", "ü€", "a\tb\\", "x" * 200]
    yield "string", pa.array([rng.choice(words) for _ in some])
    yield "large_string", pa.array([rng.choice(words) for _ in some], "large_string")
    yield "binary", pa.array([rng.randbytes(rng.randrange(9)) for _ in some])
    yield "large_binary", pa.array([rng.randbytes(rng.randrange(9)) for _ in some], pa.large_binary())
    yield "fixed_size_binary[3]", pa.array([rng.randbytes(3) for _ in some], pa.binary(3))
    yield "date32", pa.array([datetime.date(1970, 1, 1) + datetime.timedelta(rng.randrange(-9999, 9999)) for _ in some])
    time = datetime.datetime(2024, 2, 29, 12, 30, 15, 999_000)
    for unit in ("s", "ms", "us"):
        yield f"timestamp[{unit}]", pa.array([time.replace(microsecond=0)] * n, pa.timestamp(unit))
    yield "timestamp[us, UTC]", pa.array([time] * n, pa.timestamp("us", "UTC"))
    yield "duration[ms]", pa.array([datetime.timedelta(seconds=-rng.randrange(99)) for _ in some], pa.duration("ms"))
    yield "list<int32>", pa.array([[1, None, 3][:rng.randrange(4)] for _ in some], pa.list_(pa.int32()))
    yield "float32[3]", pa.array([[1, 2, rng.randrange(5)] for _ in some], pa.list_(pa.float32(), 3))
    yield "struct<a: int32, b: list<string>>", pa.array([{"a": i, "b": ["x", None]} for i in some],
                                                       pa.struct([("a", pa.int32()), ("b", pa.list_(pa.string()))]))


@both
@pytest.mark.parametrize("nulls", ["none", "some", "all"])
def test_types_both_ways(tmp_path, pyarrow, nulls):
    """Columns of every type through a function that gives back what it gets."""
    keep = {"none": 1.1, "some": .5, "all": -1}[nulls]
    rng = random.Random(nulls)
    arrays = [(name, pa.array([v if rng.random() < keep else None for v in array.to_pylist()], array.type))
              for name, array in cases()]
    parameters = ", ".join(f"c{i}: {name!r}" for i, (name, _) in enumerate(arrays))
    outputs = ", ".join(f"c{i}:{name}" for i, (name, _) in enumerate(arrays))
    script = f"""
        def f({parameters}) -> {outputs!r}:
            return {", ".join(f"c{i}" for i in range(len(arrays)))}
        run(udf(f, skip_null=False))
    """
    rows = pa.record_batch({f"c{i}": array for i, (_, array) in enumerate(arrays)})
    out, empty = answers(tmp_path, pyarrow, script, rows, rows.slice(0, 0))
    out.validate(full=True)
    assert empty.num_rows == 0
    assert out.column(len(arrays)).null_count == rows.num_rows, out.column(len(arrays)).to_pylist()[:3]
    for i, (name, array) in enumerate(arrays):
        assert out.schema.field(i).type == array.type, name
        assert out.column(i).to_pylist() == array.to_pylist(), name


@both
def test_wrong_values_fail_their_row(tmp_path, pyarrow):
    script = """
        values = [1, 300, "x", 2.0, 2.5, None, -129, [1]]
        def f(x: int) -> "int8":
            return values[x]
        run(f)
    """
    batch, = answers(tmp_path, pyarrow, script, pa.record_batch({"x": pa.array(range(8))}))
    assert batch.column(0).to_pylist() == [1, None, None, 2, None, None, None, None]
    assert [e is None for e in batch.column(1).to_pylist()] == [True, False, False, True, False, True, False, False]


def test_what_cannot_be_described(tmp_path):
    done = call(tmp_path, "with", "def f(x): return x\nrun(f)\n", "--describe", check=False)
    assert done.returncode != 0 and b"of which type is what it returns" in done.stderr
    done = call(tmp_path, "with", "def f(x) -> 'flaot': return x\nrun(f)\n", "--describe", check=False)
    assert done.returncode != 0 and b"no type 'flaot'" in done.stderr


# --- registered ---

def add(dataset, path, *options):
    return subprocess.run([BIN / "lancectl", "udf", "add", dataset, path, *options], capture_output=True, text=True,
                          env={**os.environ, "LANCEFS_UDF_DIR": str(UDF),
                               "PATH": f"{pathlib.Path(sys.executable).parent}:{os.environ['PATH']}"})


def lines(done):
    assert done.returncode == 0, done.stderr
    return dict(line.split(": ", 1) for line in done.stdout.splitlines())


def test_registered_from_hints(tmp_path):
    dataset = shutil.copytree(DEMO, tmp_path / "photos.lance")
    script = tmp_path / "score.py"
    script.write_text("#!/usr/bin/env python3\nfrom lancefs_udf import run\n"
                      "def score(caption: str, width: int) -> tuple[float, bool]:\n    return 0.5, True\nrun(score)\n")
    script.chmod(0o755)
    said = lines(add(dataset, script))
    assert said["shape"] == "arrow" and said["outputs"] == "out1:float64, out2:bool" and said["inputs"] == "caption width"
    assert said["interpreter"].startswith("python3 (Python 3.")
    bundle = next(p for p in (dataset / "_udfs").iterdir() if p.name == said["hash"])
    assert sorted(p.name for p in bundle.iterdir()) == ["SHA256SUMS", "lancefs_udf.py", "score.py", "udf.ini"]
    assert (bundle / "lancefs_udf.py").read_bytes() == (UDF / "lancefs_udf.py").read_bytes()
    # an author's mistake is told in his own words
    script.write_text("#!/usr/bin/env python3\nimport lancefs_udf\nimport nosuchmodule\n")
    done = add(dataset, script)
    assert done.returncode == 1 and "ModuleNotFoundError: No module named 'nosuchmodule'" in done.stderr


# --- the examples ---

def test_example_awk(tmp_path):
    dataset = shutil.copytree(DEMO, tmp_path / "photos.lance")
    assert lines(add(dataset, UDF / "words.awk"))["type"] == "int64"
    done = subprocess.run([UDF / "words.awk"], input="a b c\n\n\\N\na\\tb\n", capture_output=True, text=True)
    assert done.stdout == "3\n0\n\\N\n2\n"


def test_example_c(tmp_path):
    program = tmp_path / "letters"
    subprocess.run(["cc", "-O2", "-Wall", "-Werror", "-o", program, UDF / "letters.c"], check=True)
    done = subprocess.run([program], input="abc\n\n\\N\nü\\t€\n", capture_output=True, text=True)
    assert done.stdout == "3\n0\n\\N\n3\n"
    dataset = shutil.copytree(DEMO, tmp_path / "photos.lance")
    said = lines(add(dataset, program, "--type=int64"))
    assert said["shape"] == "lines" and "interpreter" not in said


def test_example_jpeg(tmp_path):
    dataset = shutil.copytree(DEMO, tmp_path / "photos.lance")
    assert lines(add(dataset, UDF / "jpeg_size.py"))["outputs"] == "width:int32, height:int32, brightness:float32"
    image = pytest.importorskip("PIL.Image")
    sink = io.BytesIO()
    image.new("RGB", (64, 48), (255, 255, 255)).save(sink, "jpeg")
    rows = pa.record_batch({"image": pa.array([sink.getvalue(), None, b"no image"], pa.binary())})
    batch, = answers(tmp_path, "with", UDF / "jpeg_size.py", rows)
    assert batch.column(0).to_pylist() == [64, None, None] and batch.column(1).to_pylist() == [48, None, None]
    assert batch.column(2).to_pylist()[0] == pytest.approx(1, abs=.01)
    assert "UnidentifiedImageError" in batch.column(3).to_pylist()[2]


@both
def test_example_model(tmp_path, pyarrow):
    bundle = shutil.copytree(UDF / "sentiment", tmp_path / "sentiment")
    call(tmp_path, "with", bundle / "sentiment.py", "--make")
    rows = pa.record_batch({"caption": pa.array(["a beautiful sunny beach", "a sad man and garbage on a broken road"])})
    batch, = answers(tmp_path, pyarrow, bundle / "sentiment.py", rows)
    good, bad = batch.column(0).to_pylist()
    assert batch.schema.field(0).type == pa.float32() and good > .6 > .4 > bad
    dataset = shutil.copytree(DEMO, tmp_path / "photos.lance")
    said = lines(add(dataset, bundle))
    assert said["type"] == "float32" and said["model"].startswith("./model.npz sha256:")
    first = (bundle / "model.npz").read_bytes()
    call(tmp_path, "with", bundle / "sentiment.py", "--make")
    assert (bundle / "model.npz").read_bytes() == first
