"""What programs write into columns/ becomes a column, or is refused without a trace."""

import contextlib
import errno
import mmap
import os
import pathlib
import re
import signal
import subprocess
import sys
import textwrap
import threading
import time

import duckdb
import lance
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

import columns
import conftest
import written
from written import txt

VERSIONS = ("2.0", "2.1", "2.2")
ROWS = 540  # live rows of a table as make_table() writes it


@pytest.fixture(scope="module", params=VERSIONS)
def shared(request, tmp_path_factory):
    """One mounted table a file version, for the tests that add columns of their own."""
    directory = tmp_path_factory.mktemp(f"v{request.param}")
    with contextlib.ExitStack() as stack:
        yield written.table_at(
            directory,
            lambda path: stack.enter_context(conftest.mounted(path, directory / "mnt")),
            version=request.param,
        )


@pytest.fixture
def table(tmp_path, mount):
    return written.table_at(tmp_path, mount)


def ints():
    return pa.array(range(7, 7 + ROWS), pa.int64())


# --- every way to write ---

PRELUDE = "set -e -o pipefail; f=columns/$NAME.txt; ints=$IN/ints.txt; "
WRITERS = {
    "redirection": "cat $ints > $f",
    "subshell": "(head -n 100 $ints; tail -n +101 $ints) > $f",
    "braces": "{ head -n 100 $ints; tail -n +101 $ints; } > $f",
    "append_of_own": "exec 3>$f; head -n 100 $ints >&3; tail -n +101 $ints >&3; exec 3>&-",
    "pipeline": "cat $ints | sort -n | cat > $f",
    "awk": "awk '{print $1}' $ints > $f",
    "awk_itself": "awk -v f=$f '{print $1 > f}' $ints",
    "perl": "perl -ne 'print' $ints > $f",
    "perl_itself": "perl -e 'open F, \">\", $ARGV[0]; open G, $ARGV[1]; print F while <G>; "
    "close F or exit 3' $f $ints",
    "python": "$PY -c 'import sys; [print(line, end=\"\") for line in sys.stdin]' < $ints > $f",
    "cp": "cp $ints $f",
    "cp_a": "cp -a $ints $f",
    "install": "install -m 600 $ints $f",
    "tee": "tee $f < $ints > /dev/null",
    "dd": "dd if=$ints of=$f status=none",
    "dd_bs_7": "dd if=$ints of=$f bs=7 status=none",
    "dd_bs_1M_fsync": "dd if=$ints of=$f bs=1M conv=fsync status=none",
    "mv": "cp $ints $IN/moved.txt; mv $IN/moved.txt $f",
    "rsync": "cp -a $ints $IN/$NAME.txt; rsync -a $IN/$NAME.txt columns/",
    "rsync_inplace": "cp -a $ints $IN/$NAME.txt; rsync -a --inplace $IN/$NAME.txt columns/",
    "dot_then_rename": "cp $ints columns/.$NAME; mv columns/.$NAME $f",
    "tmp_then_rename": "cp $ints $f.tmp; sync $f.tmp; mv $f.tmp $f",
    "touch_then_write": "touch $f; cat $ints > $f",
    "empty_then_write": ": > $f; cat $ints > $f",
    "sparse": "cp --sparse=always $ints $f",
    "head_c": "head -c 100000 $ints > $f",
    "typed_name": "cp $ints columns/$NAME.int64.txt",
    "csv": "(echo $NAME; cat $ints) > columns/$NAME.csv",
    "jsonl": "sed 's/.*/{\"x\": &}/' $ints > columns/$NAME.jsonl",
    "tar_x": "cp $ints $IN/$NAME.txt; tar -C $IN -c $NAME.txt | tar -C columns -x",
    "dd_notrunc": "dd if=$ints of=$f conv=notrunc status=none",
    "sort_o": "sort -n -o $f $ints",
    "ed": "printf 'a\\n' | cat - $ints <(printf '.\\nw %s\\nq\\n' $f) | ed -s",
    "vim": "$VIM -es -u NONE -c 'w $f' -c q $ints".replace("'w $f'", '"w $f"'),
    "split_filter": "split -l 1000 --filter='cat > columns/'$NAME.txt $ints",
    "uniq_out_file": "uniq $ints $f",
    "curl_like_part": "cp $ints $f.part; mv $f.part $f",
    "xargs_tee": "cat $ints | xargs -n 50 printf '%s\\n' | tee $f > /dev/null",
}


@pytest.mark.parametrize("writer", WRITERS)
def test_writer(shared, writer):
    (shared.scratch / "ints.txt").write_text(txt(ints().to_pylist()))
    with shared.commits(1):
        shared.sh(PRELUDE + WRITERS[writer], NAME=f"w_{writer}")
    shared.check(f"w_{writer}", ints())


PROGRAMS = {
    "np_save": """
        np.save(f + ".npy", np.arange(7, 7 + n))""",
    "np_save_open_file": """
        with open(f + ".npy", "wb") as out:
            np.save(out, np.arange(7, 7 + n))""",
    "np_savetxt": """
        np.savetxt(f + ".txt", np.arange(7, 7 + n), fmt="%d")""",
    "np_tofile": """
        np.arange(7, 7 + n).tofile(f + ".txt", sep="\\n")""",
    "pandas_to_csv": """
        pd.DataFrame({os.path.basename(f): np.arange(7, 7 + n)}).to_csv(f + ".csv", index=False)""",
    "polars_write_csv": """
        import polars
        polars.DataFrame({os.path.basename(f): np.arange(7, 7 + n)}).write_csv(f + ".csv")""",
    "duckdb_copy": """
        import duckdb
        name = os.path.basename(f)
        rows = f"select range + 7 as {name} from range({n}) order by 1"
        duckdb.sql(f"copy ({rows}) to '{f}.csv' (header)")""",
    "threads": """
        out = []
        def in_thread(work):
            thread = threading.Thread(target=work)
            thread.start()
            thread.join()
        in_thread(lambda: out.append(open(f + ".txt", "w")))
        in_thread(lambda: out[0].write("".join(f"{i + 7}\\n" for i in range(n))))
        in_thread(lambda: out[0].close())""",
    "popen_stdout_kept": """
        out = open(f + ".txt", "w")
        p = subprocess.Popen(["seq", "7", str(6 + n)], stdout=out)
        p.wait()
        out.close()""",
    "popen_stdout_closed_early": """
        out = open(f + ".txt", "w")
        p = subprocess.Popen(["sh", "-c", f"sleep 0.2; exec seq 7 {6 + n}"], stdout=out)
        out.close()
        p.wait()""",
    "popen_two_children": """
        out = open(f + ".txt", "w")
        subprocess.run(["seq", "7", "50"], stdout=out)
        subprocess.run(["seq", "51", str(6 + n)], stdout=out)
        out.close()""",
    "backwards": """
        text = "".join(f"{i + 7}\\n" for i in range(n)).encode()
        fd = os.open(f + ".txt", os.O_CREAT | os.O_WRONLY)
        os.pwrite(fd, text[1000:], 1000)
        os.pwrite(fd, text[:1000], 0)
        os.close(fd)""",
    "open_memmap": """
        x = np.lib.format.open_memmap(f + ".npy", "w+", np.int64, (n,))
        x[:] = np.arange(7, 7 + n)
        x.flush()
        del x""",
    "mmap_without_msync": """
        x = np.lib.format.open_memmap(f + ".npy", "w+", np.int64, (n,))
        x[:] = np.arange(7, 7 + n)
        del x""",
    "shutil_copy": """
        import shutil
        np.save(os.environ["IN"] + "/copied.npy", np.arange(7, 7 + n))
        shutil.copy(os.environ["IN"] + "/copied.npy", f + ".npy")""",
    "tempfile_then_replace": """
        import tempfile
        with tempfile.NamedTemporaryFile("w", dir="columns", prefix=".", delete=False) as out:
            out.write("".join(f"{i + 7}\\n" for i in range(n)))
        os.replace(out.name, f + ".txt")""",
}
IMPORTS = "import os, subprocess, threading\nimport numpy as np\nimport pandas as pd\n"


@pytest.mark.parametrize("program", PROGRAMS)
def test_program(shared, program):
    script = (
        IMPORTS + f"f = 'columns/p_{program}'\nn = {ROWS}\n" + textwrap.dedent(PROGRAMS[program])
    )
    with shared.commits(1):
        shared.python(script)
    shared.check(f"p_{program}", ints())


# --- closing, part by part ---


def test_incomplete_flush__latches_nothing(table):
    path = table.columns / "x.txt"
    shell = subprocess.Popen(
        ["bash"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=table.where, text=True
    )

    def say(command):
        shell.stdin.write(command + "; echo done\n")
        shell.stdin.flush()
        assert shell.stdout.readline() == "done\n"

    with table.commits(1):
        say("exec 3> columns/x.txt")
        assert path.exists()  # empty: listed
        say("echo 7 >&3 2> /dev/null")
        assert not path.exists()
        assert f"expected {ROWS} rows, got 1" in table.last_error()
        say("for i in {8..100}; do echo $i >&3; done 2> /dev/null")
        assert not path.exists()
        say("for i in {101..%d}; do echo $i; done >&3" % (ROWS + 6))
        table.check("x", ints())
    with table.commits(0):
        say("echo 5 >&3 2> $PWD/../err || echo no > ../status")
        assert (table.where / ".." / "status").read_text() == "no\n"
        say("exec 3>&-")
    shell.stdin.close()
    shell.wait()
    assert "has all its rows already" in table.last_error()
    table.check("x", ints())


@pytest.mark.parametrize(
    "script", ["touch columns/x.txt", ": > columns/x.txt", "true | cat > columns/x.txt"]
)
def test_empty_file__is_staged_without_error(table, script):
    with table.commits(0):
        table.sh(script)
        assert "x.txt" in os.listdir(table.columns)
        assert (table.columns / "x.txt").stat().st_size == 0
        (table.columns / "x.txt").unlink()
    assert "x.txt" not in os.listdir(table.columns)
    assert table.last_error() == "" and table.rejected() == []


def test_scratch_file__is_a_file_until_it_is_renamed_or_removed(table):
    with table.commits(0):
        (table.columns / ".part").write_text("anything\n")
        assert ".part" in os.listdir(table.columns)
        assert (table.columns / ".part").read_text() == "anything\n"
        os.rename(table.columns / ".part", table.columns / "other.tmp")
        assert (table.columns / "other.tmp").read_text() == "anything\n"
        (table.columns / "other.tmp").unlink()
        assert "other.tmp" not in os.listdir(table.columns)
    assert table.last_error() == ""


def test_removed_while_written__is_no_column(table):
    with table.commits(0):
        out = open(table.columns / "x.txt", "w")
        out.write("1\n")
        out.flush()
        (table.columns / "x.txt").unlink()
        out.close()
    assert not (table.columns / "x.txt").exists() and table.rejected() == []


def test_renamed_while_written__goes_on_under_its_new_name(table):
    with table.commits(1):
        out = open(table.columns / "x.txt", "w")
        out.write("1\n" * 100)
        out.flush()
        os.rename(table.columns / "x.txt", table.columns / "y.int32.txt")
        assert not (table.columns / "x.txt").exists()
        out.write("2\n" * (ROWS - 100))
        out.close()
    table.check("y", pa.array([1] * 100 + [2] * (ROWS - 100), pa.int32()))
    assert "x" not in table.dataset().schema.names


def test_failed_rename__leaves_the_file_where_it_was(table):
    with table.commits(0):
        (table.columns / "x.tmp").write_text("1\n2\n")
        with pytest.raises(OSError) as caught:
            os.rename(table.columns / "x.tmp", table.columns / "x.txt")
        assert caught.value.errno == 22
        assert (table.columns / "x.tmp").read_text() == "1\n2\n"
        assert not (table.columns / "x.txt").exists()
        assert (table.where / "rejected" / "x.txt").read_text() == "1\n2\n"
        (table.columns / "x.tmp").unlink()


@pytest.mark.long
def test_idle_file__goes_after_a_minute(table):
    (table.columns / "x.txt").touch()
    time.sleep(50)
    assert (table.columns / "x.txt").exists()
    time.sleep(15)
    assert not (table.columns / "x.txt").exists() and "x.txt" not in os.listdir(table.columns)


def test_two_writers_of_one_name__both_end(table):
    with table.commits(2):
        first, second = (open(table.columns / "id.txt", "w") for _ in range(2))
        first.write("1\n" * ROWS)
        first.close()
        other = table.sh(f"yes 2 | head -n {ROWS} > columns/id.txt")
        assert other.returncode == 0
        second.close()
    table.check("id", pa.array([2] * ROWS))


KILLED = {
    "in_the_middle": f"seq 1 100; kill -9 $BASHPID; seq 101 {ROWS}",
    "after_all_output": f"seq 1 {ROWS}; kill -9 $BASHPID",
    "term_after_all_output": f"seq 1 {ROWS}; kill $BASHPID",
    "failed_after_all_output": f"seq 1 {ROWS}; exit 3",
}


@pytest.mark.parametrize("how", KILLED)
def test_killed_writer__commits_nothing(shared, how):
    with shared.rejects(f"k_{how}.txt", "its writer was killed or failed"):
        done = shared.sh(f"({KILLED[how]}) > columns/k_{how}.txt", check=False)
        assert done.returncode != 0


def test_killed_threads__commit_nothing(table):
    script = f"""
import os, signal, threading
out = open("columns/x.txt", "w")
threading.Thread(target=out.write, args=("1\\n" * {ROWS},)).start()
out.flush()
threading.Thread(target=os.kill, args=(os.getpid(), signal.SIGKILL)).start()
while True: pass
"""
    with table.rejects("x.txt", "its writer was killed or failed"):
        assert table.python(script, check=False).returncode == -signal.SIGKILL


def test_held_file_with_holes__commits_zeros_at_the_last_close(table):
    image = np.zeros(ROWS, np.int64)
    image[0] = 5
    with table.commits(1):
        fd = os.open(table.columns / "y.npy", os.O_CREAT | os.O_RDWR)
        np.save(table.scratch / "y.npy", image)
        data = (table.scratch / "y.npy").read_bytes()
        os.pwrite(fd, data[:136], 0)
        os.pwrite(fd, b"\0", len(data) - 1)
        os.close(fd)
    table.check("y", pa.array(image))


# --- values and types ---


def with_nulls(values):
    return [None if i % 7 == 2 else value for i, value in enumerate(values)]


STRINGS = [
    "",
    "\\",
    "\\N",
    "a\tb",
    "line\nbreak",
    "\r",
    "naïve 🌅 猫",
    "'\"",
    "null",
    " x ",
    "1,5",
    "x" * 5000,
]
FLOATS = [
    0.1,
    -0.0,
    float("nan"),
    float("inf"),
    float("-inf"),
    5e-324,
    1.7976931348623157e308,
    1 / 3,
    1e22,
    -7.0,
]


def cycle(values):
    return [values[i % len(values)] for i in range(ROWS)]


UNTYPED = {
    "int64": pa.array(cycle([0, -1, 2**63 - 1, -(2**63), 42]), pa.int64()),
    "int64_nulls": pa.array(with_nulls(range(ROWS)), pa.int64()),
    "double": pa.array(cycle(FLOATS), pa.float64()),
    "double_nulls": pa.array(with_nulls(cycle(FLOATS)), pa.float64()),
    "double_from_one": pa.array([float(i) for i in range(ROWS - 1)] + [0.5], pa.float64()),
    "bool": pa.array(cycle([True, False, False]), pa.bool_()),
    "bool_nulls": pa.array(with_nulls(cycle([True, False])), pa.bool_()),
    "string": pa.array(cycle(STRINGS), pa.string()),
    "string_nulls": pa.array(with_nulls(cycle(STRINGS)), pa.string()),
    "leading_zeros": pa.array([f"{i:05d}" for i in range(ROWS)], pa.string()),
    "beyond_int64": pa.array(
        [str(i) for i in range(ROWS - 1)] + ["9223372036854775808"], pa.string()
    ),
}


@pytest.mark.parametrize("name", UNTYPED)
def test_txt__learns_its_type(shared, name):
    with shared.commits(1):
        (shared.columns / f"u_{name}.txt").write_text(txt(UNTYPED[name].to_pylist()), newline="")
    shared.check(f"u_{name}", UNTYPED[name])


def limits(kind):
    info = np.iinfo(kind.to_pandas_dtype())
    return cycle([int(info.min), int(info.max), 0, 1, 100])


TYPED = {
    kind: pa.array(with_nulls(limits(pa.type_for_alias(kind))), kind)
    for kind in ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")
}
TYPED |= {
    "float16": pa.array(np.array(cycle([0.5, -2, 65504, np.inf]), np.float16)),
    "float32": pa.array(
        with_nulls(cycle([float(np.float32(0.1)), float("nan"), -0.0, 1e30])), pa.float32()
    ),
    "float64": pa.array(with_nulls(cycle(FLOATS)), pa.float64()),
    "bool": pa.array(with_nulls(cycle([True, False])), pa.bool_()),
    "string": pa.array(with_nulls([str(i) for i in range(ROWS)]), pa.string()),
    "large_string": pa.array(with_nulls(cycle(STRINGS)), pa.large_string()),
}


@pytest.mark.parametrize("kind", TYPED)
def test_txt__of_a_stated_type(shared, kind):
    with shared.commits(1):
        (shared.columns / f"t_{kind}.{kind}.txt").write_text(
            txt(TYPED[kind].to_pylist()), newline=""
        )
    shared.check(f"t_{kind}", TYPED[kind])


def test_txt__all_null_of_a_stated_type(shared):
    with shared.commits(1):
        (shared.columns / "t_null.int32.txt").write_text("\\N\n" * ROWS)
    shared.check("t_null", pa.nulls(ROWS, pa.int32()))


ARRAYS = {
    str(np.dtype(kind)): (np.arange(ROWS) * 3 % 127).astype(kind)
    for kind in ("i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8", "?")
}
ARRAYS |= {
    "big_endian": np.arange(ROWS, dtype=">i4"),
    "vector4": np.arange(ROWS * 4, dtype=np.float32).reshape(ROWS, 4),
    "vector768": np.random.default_rng(1).standard_normal((ROWS, 768), dtype=np.float32),
    "vector16_f2": np.random.default_rng(2).standard_normal((ROWS, 16)).astype(np.float16),
    "vector3_int": np.arange(ROWS * 3).reshape(ROWS, 3),
}


@pytest.mark.parametrize("name", ARRAYS)
def test_npy(shared, name):
    x = ARRAYS[name]
    with shared.commits(1):
        np.save(shared.columns / f"n_{name}.npy", x)
    native = x.astype(x.dtype.newbyteorder("="))
    flat = pa.array(native.ravel())
    expected = flat if x.ndim == 1 else pa.FixedSizeListArray.from_arrays(flat, x.shape[1])
    got = shared.dataset().to_table(columns=[f"n_{name}"]).column(0)
    assert got.type == expected.type and columns.same_values(got, expected)
    assert np.array_equal(np.load(shared.columns / f"n_{name}.npy", mmap_mode="r"), native)


# --- what is wrong ---

WRONG_WRITES = {  # of a child whose own write or close fails: (script, status is seen, reason)
    "too_few": ("cp $IN/few.txt columns/e_too_few.txt", f"expected {ROWS} rows, got {ROWS - 1}"),
    "too_many": (
        "cp $IN/many.txt columns/e_too_many.txt",
        f"line {ROWS + 1}: the table has {ROWS} rows",
    ),
    "too_many_typed": (
        "cat $IN/many.txt > columns/e_too_many_typed.int64.txt",
        f"line {ROWS + 1}: the table has {ROWS} rows",
    ),
    "bad_value": ("cat $IN/bad.txt > columns/e_bad_value.int32.txt", "line 300"),
    "echo": (f"(seq 1 100; echo oops) > columns/e_echo.int64.txt", "line 101: 'oops' is not int64"),
    "printf": ("printf '1\\nx\\n' > columns/e_printf.int8.txt", "line 2: 'x' is not int8"),
    "perl": (
        "perl -e '$|=1; print \"x\\n\" or exit 4' > columns/e_perl.int8.txt",
        "line 1: 'x' is not int8",
    ),
    "out_of_range": ("printf '1\\n300\\n' > columns/e_out_of_range.uint8.txt", "line 2"),
    "bad_escape": ("printf '1\\n\\\\q\\n' > columns/e_bad_escape.string.txt", "line 2"),
    "all_null": (
        f"(yes '\\N' || true) | head -n {ROWS} > columns/e_all_null.txt.tmp; "
        "mv columns/e_all_null.txt.tmp columns/e_all_null.txt",
        "no value tells the type",
    ),
    "rename": (
        "cp $IN/few.txt columns/.e_rename; mv columns/.e_rename columns/e_rename.txt",
        f"expected {ROWS} rows, got {ROWS - 1}",
    ),
    "rsync": (
        "cp $IN/few.txt $IN/e_rsync.txt; rsync -a $IN/e_rsync.txt columns/",
        f"expected {ROWS} rows, got",
    ),
    "dd_fsync": ("dd if=$IN/bad.txt of=columns/e_dd_fsync.int32.txt bs=64 conv=fsync", "line 300"),
}
SUFFIX = {
    "too_many_typed": "int64.txt",
    "bad_value": "int32.txt",
    "echo": "int64.txt",
    "printf": "int8.txt",
    "perl": "int8.txt",
    "out_of_range": "uint8.txt",
    "bad_escape": "string.txt",
    "dd_fsync": "int32.txt",
}


@pytest.mark.parametrize("wrong", WRONG_WRITES)
def test_wrong_text__fails_its_writer(shared, wrong):
    lines = [f"{i}\n" for i in range(ROWS)]
    (shared.scratch / "few.txt").write_text("".join(lines[1:]))
    (shared.scratch / "many.txt").write_text("".join(lines) + "1\n")
    (shared.scratch / "bad.txt").write_text("".join(lines[:299]) + "bad\n" + "".join(lines[300:]))
    script, reason = WRONG_WRITES[wrong]
    with shared.rejects(f"e_{wrong}.{SUFFIX.get(wrong, 'txt')}", reason):
        done = shared.sh(script, check=False)
        assert done.returncode != 0, done
        said_by_mv = "to a subdirectory of itself"  # its words for rename's EINVAL
        assert (
            "Invalid argument" in done.stderr or said_by_mv in done.stderr or wrong == "perl"
        ), done.stderr
    reasons = [line for line in shared.last_error().splitlines() if f"e_{wrong}." in line]
    assert len(reasons) == 1, reasons  # told once, by write or by close


def npy(array):
    return lambda path: np.save(path, array)


def object_npy(path):
    with open(path, "wb") as f:
        np.save(f, np.array(["a", None] * (ROWS // 2), dtype=object), allow_pickle=True)


WRONG_ARRAYS = {
    "too_few": (npy(np.arange(ROWS - 1)), "rows"),
    "too_many": (npy(np.arange(ROWS + 1)), "rows"),
    "no_dimension": (npy(np.float64(5)), ""),
    "fortran": (npy(np.asfortranarray(np.arange(ROWS * 4.0).reshape(ROWS, 4))), "ortran"),
    "object": (object_npy, ""),
    "complex": (npy(np.zeros(ROWS, np.complex64)), ""),
    "not_npy": (lambda path: path.write_bytes(b"no npy file at all, but many bytes"), ""),
}


@pytest.mark.parametrize("wrong", WRONG_ARRAYS)
def test_wrong_npy__fails_its_writer(shared, wrong):
    write, reason = WRONG_ARRAYS[wrong]
    with shared.rejects(f"x_{wrong}.npy", reason):
        with pytest.raises(OSError) as caught:
            write(shared.columns / f"x_{wrong}.npy")
        assert caught.value.errno == 22 or "requested" in str(caught.value)


@pytest.mark.parametrize(
    "name",
    [
        "x.foo",
        "x",
        "x.parquet",
        "a.b.txt",
        "x.int99.txt",
        "%zz.txt",
        "%41.txt",
        "_rowid.txt",
        "_rowaddr.int64.txt",
    ],
)
def test_name__that_is_no_column(shared, name):
    with shared.commits(0):
        with pytest.raises(OSError) as caught:
            open(shared.columns / name, "w")
        assert caught.value.errno == 22
    assert name.split(".")[0] in shared.last_error().splitlines()[0]


def test_refused_gestures(table):
    column = table.columns / "id.txt"
    with table.commits(0):
        for gesture in (
            lambda: open(column, "a"),
            lambda: open(column, "r+"),
            lambda: os.truncate(column, 0),
            lambda: os.link(column, table.columns / "b.txt"),
            lambda: os.mkfifo(table.columns / "p.txt"),
            lambda: os.mkdir(table.columns / "d"),
        ):
            with pytest.raises(OSError) as caught:
                gesture()
            assert caught.value.errno in (95, 1), caught.value
        with pytest.raises(PermissionError):
            column.unlink()
        for path in (
            "rows/0/id.txt",
            "versions/1/columns/id.txt",
            "versions/1/columns/new.txt",
            "rows/x",
        ):
            with pytest.raises(OSError) as caught:
                open(table.where / path, "w")
            assert caught.value.errno == 30, path


def test_rejected__is_tried_again_by_mv(table):
    table.sh(f"cp /dev/stdin columns/x.txt <<< 5", check=False)
    assert table.rejected() == ["x.txt", "x.txt.error"]
    assert table.sh("mv rejected/x.txt columns/", check=False).returncode != 0
    assert (table.where / "rejected" / "x.txt").read_text() == "5\n"
    table.dataset().delete("id != 5")
    with table.commits(1):
        table.sh("mv rejected/x.txt columns/")
    table.check("x", pa.array([5]))
    assert table.rejected() == []


def test_rejected__of_one_name_keeps_the_last(table):
    for text in ("1\n", "2\n"):
        with table.rejects("x.txt", "got 1"):
            table.sh(f"printf '{text}' > $IN/x; cp $IN/x columns/x.txt", check=False)
        assert (table.where / "rejected" / "x.txt").read_text() == text
    (table.where / "rejected" / "x.txt").unlink()
    assert table.rejected() == []


def test_mistakes__leave_no_state_behind_at_unmount(tmp_path):
    path = written.make_table(tmp_path / "t.lance", "2.2")
    with conftest.mounted(path, tmp_path / "mnt") as where:
        (where / "columns" / "x.txt").write_text("1\n" * ROWS)
    assert not (path / "_lancefs").exists()


# --- replacing ---


def test_replacement__keeps_the_type(shared):
    with shared.commits(1):
        (shared.columns / "r.int32.txt").write_text(txt(range(ROWS)))
    with shared.commits(1):
        (shared.columns / "r.txt").write_text(txt(range(1, ROWS + 1)))
    shared.check("r", pa.array(range(1, ROWS + 1), pa.int32()))
    with shared.rejects("r.txt", "line 1"):
        with pytest.raises(OSError):
            (shared.columns / "r.txt").write_text("text\n" * ROWS)
    shared.check("r", pa.array(range(1, ROWS + 1), pa.int32()))
    with shared.commits(1):
        (shared.columns / "r.string.txt").write_text("text\n" * ROWS)
    shared.check("r", pa.array(["text"] * ROWS))
    with shared.commits(1):
        np.save(shared.columns / "r.npy", np.ones(ROWS))
    shared.check("r", pa.array(np.ones(ROWS)))


def test_replacement__of_equal_values_commits_nothing(shared):
    for name, values in {
        "txt": UNTYPED["string_nulls"],
        "nan": UNTYPED["double_nulls"],
        "bool": UNTYPED["bool_nulls"],
        "int": TYPED["uint8"],
    }.items():
        kind = columns_type(values)
        with shared.commits(1):
            (shared.columns / f"q_{name}.{kind}.txt").write_text(
                txt(values.to_pylist()), newline=""
            )
        with shared.commits(0):
            (shared.columns / f"q_{name}.txt").write_text(txt(values.to_pylist()), newline="")
            shared.sh(f"cp columns/q_{name}.csv $IN/; cp $IN/q_{name}.csv columns/")
        shared.check(f"q_{name}", values)
    x = np.random.default_rng(3).standard_normal((ROWS, 4), dtype=np.float32)
    with shared.commits(1):
        np.save(shared.columns / "q_vector.npy", x)
    with shared.commits(0):
        np.save(shared.columns / "q_vector.npy", x)


def columns_type(values):
    return {"double": "float64"}.get(str(values.type), str(values.type))


def test_replacement__leaves_open_readers_and_old_versions(table):
    before = (table.columns / "caption.txt").read_text()
    version = table.dataset().version
    reader = open(table.columns / "caption.txt")
    head = reader.read(10)
    with table.commits(1):
        table.sh("sed 's/caption/text/' columns/caption.txt > $IN/c; cp $IN/c columns/caption.txt")
    assert head + reader.read() == before
    reader.close()
    assert (table.columns / "caption.txt").read_text() == before.replace("caption", "text")
    assert (
        table.where / "versions" / str(version) / "columns" / "caption.txt"
    ).read_text() == before


def test_replacement__is_seen_by_its_writer_alone_until_the_commit(table):
    before = (table.columns / "id.txt").read_text()
    with table.commits(1):
        out = open(table.columns / "id.txt", "w")
        out.write("1\n" * 200)
        out.flush()
        assert table.sh("cat columns/id.txt").stdout == before
        out.write("1\n" * (ROWS - 200))
        out.close()
    assert table.sh("cat columns/id.txt").stdout == "1\n" * ROWS


EDITORS = {
    "sed": "sed -i s/caption/text/ columns/caption.txt",
    "sed_bak": "sed -i.bak s/caption/text/ columns/caption.txt; rm columns/caption.txt.bak",
    "sed_tilde": "sed -i~ s/caption/text/ columns/caption.txt; rm columns/caption.txt~",
    "perl": "perl -pi -e s/caption/text/ columns/caption.txt",
    "perl_tilde": "perl -pi~ -e s/caption/text/ columns/caption.txt; rm columns/caption.txt~",
    "vim": "$VIM -es -u NONE -c %s/caption/text/ -c wq columns/caption.txt",
    "vim_backup": "$VIM -es -u NONE -c 'set backup writebackup backupdir=.' -c %s/caption/text/ -c wq columns/caption.txt; "
    "rm -f columns/caption.txt~",
    "ed": "printf ',s/caption/text/\\nw\\nq\\n' | ed -s columns/caption.txt",
    "sponge_like": "sed s/caption/text/ columns/caption.txt > $IN/sponge; cat $IN/sponge > columns/caption.txt",
    "aside_and_new": "mv columns/caption.txt columns/caption.txt~; "
    "sed s/caption/text/ columns/caption.txt~ > columns/caption.txt; rm columns/caption.txt~",
}


@pytest.mark.parametrize("editor", EDITORS)
def test_editor(table, editor):
    before = (table.columns / "caption.txt").read_text()
    names = sorted(os.listdir(table.columns))
    with table.commits(1):
        table.sh("set -e; " + EDITORS[editor])
    assert "vim" not in editor or (table.where / "last_error").read_text() == ""
    assert (table.columns / "caption.txt").read_text() == before.replace("caption", "text")
    assert sorted(os.listdir(table.columns)) == names


def test_sort_o__over_the_column_that_it_reads(table):
    table.sh("cp columns/id.txt columns/x.txt")
    with table.commits(1):
        table.sh("sort -rn -o columns/x.txt columns/x.txt")
    table.check("x", pa.array(sorted(table.dataset().to_table(columns=["id"]).column(0).to_pylist(), reverse=True)))


@pytest.mark.parametrize("command", ["gzip", "bzip2", "xz", "zstd -q --rm"])
def test_compressors__are_refused_and_take_nothing(table, command):
    before = (table.columns / "caption.txt").read_text()
    with table.commits(0):
        done = table.sh(f"{command} columns/caption.txt", check=False)
    assert done.returncode != 0
    assert (table.columns / "caption.txt").read_text() == before
    assert not [name for name in os.listdir(table.columns) if name.startswith("caption.txt.")]


def test_nightly_job__with_unchanged_output_commits_nothing(table):
    job = "awk '{print length}' columns/caption.txt > columns/words.txt; np=columns/id.npy; cp $np columns/copy.npy"
    with table.commits(2):
        table.sh(job)
    time_of = (table.columns / "words.txt").stat().st_mtime_ns
    for _ in range(2):
        with table.commits(0):
            table.sh(job)
    assert (table.columns / "words.txt").stat().st_mtime_ns == time_of


def test_column_set_aside__is_not_dropped(table):
    before = (table.columns / "digits.txt").read_text()
    with table.commits(0):
        table.sh("mv columns/digits.txt columns/digits.txt~")
        assert (table.columns / "digits.txt~").read_text() == before
        assert "digits.txt~" in os.listdir(table.columns)
        assert (table.columns / "digits.txt").read_text() == before
        time.sleep(1.1)  # until then both names are one inode to the kernel
        table.sh("mv columns/digits.txt~ columns/digits.txt")
    assert "digits.txt~" not in os.listdir(table.columns)
    with table.commits(2):
        table.sh(
            "mv columns/digits.txt columns/digits.txt~; "
            "cp columns/id.txt $IN/i; sed -i s/1/2/ $IN/i; "
            "cp $IN/i columns/digits.txt; mv columns/digits.txt~ columns/digits.txt"
        )
    assert (table.columns / "digits.txt").read_text() == before
    assert table.dataset().schema.field("digits").type == pa.string()


def test_cp_a__keeps_the_type(table):
    with table.commits(2):
        table.sh(
            "cp -a columns/digits.txt columns/digits2.txt; "
            "cp columns/digits.txt columns/digits3.txt"
        )
    dataset = table.dataset()
    assert dataset.schema.field("digits2").type == pa.string()
    assert dataset.schema.field("digits3").type == pa.int64()
    table.check("digits2", dataset.to_table(columns=["digits"]).column(0))


@pytest.mark.parametrize("options", ["-a", "-a --inplace"])
def test_rsync__finds_nothing_to_do_the_second_time(table, options):
    (table.scratch / "x.txt").write_text(txt(range(ROWS)))
    os.utime(table.scratch / "x.txt", ns=(10**18, 10**18 + 123456789))
    with table.commits(1):
        table.sh(f"rsync {options} $IN/x.txt columns/")
    with table.commits(0):
        done = table.sh(f"rsync {options} --stats $IN/x.txt columns/")
    assert "Number of regular files transferred: 0" in done.stdout
    assert "Literal data: 0 bytes" in done.stdout
    assert (table.columns / "x.txt").stat().st_mtime_ns == 10**18 + 123456789
    with table.commits(0):  # touched, the same values
        table.sh("touch $IN/x.txt; rsync -a $IN/x.txt columns/")


def test_duckdb_copy__over_an_existing_column(table):
    with table.commits(1):
        (table.columns / "x.csv").write_text("x\n" + txt(range(ROWS)))
    with table.commits(1):
        duckdb.sql(
            f"copy (select range + 1 as x from range({ROWS}) order by 1) "
            f"to '{table.columns}/x.csv' (header)"
        )
    table.check("x", pa.array(range(1, ROWS + 1), pa.int64()))
    with table.rejects("x.csv", "expected"):
        with pytest.raises(duckdb.Error):
            duckdb.sql(
                f"copy (select range as x from range({ROWS - 5})) "
                f"to '{table.columns}/x.csv' (header)"
            )


def test_protected_column__is_not_replaced(tmp_path, mount):
    path = written.make_table(tmp_path / "t.lance", "2.2")
    where = mount(path, "-o", "protect=caption")
    with pytest.raises(PermissionError):
        open(where / "columns" / "caption.txt", "w")


def test_replacement__shows_at_once_in_every_format(table):
    for i in range(20):
        np.load(table.columns / "score.npy")  # the kernel knows this name
        kind = ("int32", "int64")[i % 2]
        (table.columns / f"score.{kind}.txt").write_text(f"{i}\n" * ROWS)
        got = np.load(table.columns / "score.npy")
        assert got.dtype == kind and set(got.tolist()) == {i}


def test_commit__shows_at_once(table):
    for i in range(30):
        before = table.dataset().version
        assert f"version: {before}\n" in (table.where / "info").read_text()
        (table.columns / "x.txt").write_text(f"{i}\n" * ROWS)
        assert f"version: {before + 1}\n" in (table.where / "info").read_text()
        assert (table.where / "history").read_text().startswith(f"{before + 1}\t")
        assert (table.columns / "x.txt").read_text() == f"{i}\n" * ROWS


# --- tables of other shapes ---


def test_table_without_rows(tmp_path, mount):
    table = written.table_at(tmp_path, mount, rows=0, deleted=None)
    with table.commits(1):
        np.save(table.columns / "x.npy", np.zeros(0, np.int32))
    assert table.dataset().schema.field("x").type == pa.int32()


def test_table_with_dead_fragment_and_one_row(tmp_path, mount):
    table = written.table_at(tmp_path, mount, rows=1, deleted=None)
    with table.commits(1):
        table.sh("echo 5 > columns/x.txt")
    table.check("x", pa.array([5]))


@pytest.mark.parametrize("version", VERSIONS)
def test_columns_of_pylance_and_lancefs_alternate(tmp_path, mount, version):
    table = written.table_at(tmp_path, mount, version)
    for i in range(3):
        with table.commits(1):
            (table.columns / f"ours{i}.txt").write_text(txt(range(i, ROWS + i)))
        table.dataset().add_columns({f"theirs{i}": f"ours{i} * 2"})
        assert (table.columns / f"theirs{i}.txt").read_text() == txt(
            2 * k for k in range(i, ROWS + i)
        )
    table.dataset().drop_columns(["ours1"])
    assert not (table.columns / "ours1.txt").exists()
    with table.commits(1):
        (table.columns / "ours1.txt").write_text("x\n" * ROWS)
    table.check("ours1", pa.array(["x"] * ROWS))
    table.dataset().optimize.compact_files()
    table.check("ours1", pa.array(["x"] * ROWS))
    table.check("ours2", pa.array(range(2, ROWS + 2), pa.int64()))


@pytest.mark.parametrize("version", VERSIONS)
def test_stable_row_ids(tmp_path, mount, version):
    table = written.table_at(tmp_path, mount, version, enable_stable_row_ids=True)
    meta = ["_rowid", "_row_created_at_version", "_row_last_updated_at_version"]
    before = table.dataset().to_table(columns=["id"] + meta)
    with table.commits(1):
        (table.columns / "x.txt").write_text(txt(range(ROWS)))
    added = table.dataset().to_table(columns=["id", "x"] + meta)
    assert added["_rowid"] == before["_rowid"]
    with table.commits(1):
        (table.columns / "x.txt").write_text(txt(range(1, ROWS + 1)))
    dataset = table.dataset()
    after = dataset.to_table(columns=["id", "x"] + meta)
    assert after["_rowid"] == before["_rowid"]
    assert set(after["_row_last_updated_at_version"].to_pylist()) == {dataset.version}
    assert after["_row_created_at_version"] == before["_row_created_at_version"]
    dataset.update({"x": "0"}, where="id = 5")
    lance.write_dataset(
        pa.table({"id": pa.array([9000], pa.int64())}), str(table.path), mode="append"
    )
    dataset = table.dataset()
    dataset.optimize.compact_files()
    table.check("x", table.dataset().to_table(columns=["x"]).column(0))
    table.dataset().validate()


@pytest.mark.parametrize("kind", ["BTREE", "BITMAP"])
def test_index__on_a_replaced_column(tmp_path, mount, kind):
    table = written.table_at(tmp_path, mount)
    dataset = table.dataset()
    dataset.create_scalar_index("id", kind)
    dataset.create_scalar_index("score", "BTREE")
    assert dataset.to_table(filter="id = 5").num_rows == 1
    with table.commits(1):
        (table.columns / "id.txt").write_text(txt(range(10000, 10000 + ROWS)))
    dataset = table.dataset()
    assert dataset.to_table(filter="id = 5").num_rows == 0
    assert dataset.to_table(filter="id = 10005").num_rows == 1
    assert dataset.to_table(filter="score > 100 and id < 10100").num_rows == 0
    dataset.optimize.optimize_indices()
    assert table.dataset().to_table(filter="id = 10005").num_rows == 1
    with table.commits(1):
        (table.columns / "id.string.txt").write_text("x\n" * ROWS)
    dataset = table.dataset()
    assert dataset.to_table(filter="id = 'x'").num_rows == ROWS
    assert {name for index in dataset.describe_indices() for name in index.field_names} == {"score"}


# --- others commit meanwhile ---


def append(dataset):
    lance.write_dataset(
        pa.table({"id": pa.array([9000, 9001], pa.int64())}), dataset.uri, mode="append"
    )


MEANWHILE = {
    "append": append,
    "delete": lambda dataset: dataset.delete("id % 10 = 4"),
    "add_column": lambda dataset: dataset.add_columns({"other": "id + 1"}),
    "drop_column": lambda dataset: dataset.drop_columns(["zip"]),
    "append_and_delete": lambda dataset: (
        append(dataset),
        lance.dataset(dataset.uri).delete("id = 9000 or id = 1"),
    ),
    "tag": lambda dataset: dataset.tags.create("now", dataset.version),
}


# zip.txt is what "drop_column" drops: see test_meanwhile__column_gone; a new type over
# appended rows: see test_new_type__keeps_rows_appended_meanwhile
MEANWHILE_CASES = [
    (version, what, name)
    for version in VERSIONS
    for what in MEANWHILE
    for name in ("new.txt", "score.txt", "zip.int64.txt")
    if (what, name) != ("drop_column", "zip.int64.txt")
    and not (what.startswith("append") and name == "zip.int64.txt")
    and (version == "2.2" or name != "score.txt")
]


@pytest.mark.parametrize("version, what, name", MEANWHILE_CASES)
def test_meanwhile(tmp_path, mount, version, what, name):
    table = written.table_at(tmp_path, mount, version)
    ids = table.dataset().to_table(columns=["id"]).column(0).to_pylist()
    column = name.split(".")[0]
    before = {}
    with open(table.columns / name, "w") as out:
        out.write(txt(ids[:200]))
        out.flush()
        MEANWHILE[what](table.dataset())
        expected = table.dataset().to_table(columns=["id"]).column(0).to_pylist()
        if column == "score":
            before = dict(
                zip(expected, table.dataset().to_table(columns=["score"]).column(0).to_pylist())
            )
        out.write(txt(ids[200:]))
    dataset = table.dataset()
    dataset.validate()
    got = dataset.to_table(columns=["id", column])
    assert got["id"].to_pylist() == expected
    wanted = [before.get(i) if i in {9000, 9001} else i for i in expected]
    assert got[column].to_pylist() == wanted
    columns.check_column(table.columns, column, got[column])


@pytest.mark.parametrize("what", ["compact", "overwrite", "overwrite_same_shape"])
def test_meanwhile__fragments_gone(table, what):
    with open(table.columns / "x.txt", "w") as out:
        out.write(txt(range(ROWS)))
        out.flush()
        if what == "compact":
            table.dataset().optimize.compact_files()
        elif what == "overwrite_same_shape":
            other = pa.table({"id": pa.array(range(5000, 5600), pa.int64())})
            lance.write_dataset(other, str(table.path), mode="overwrite", max_rows_per_file=250)
            lance.dataset(str(table.path)).delete("id % 10 = 3")
        else:
            lance.write_dataset(pa.table({"id": [1, 2]}), str(table.path), mode="overwrite")
        version = table.dataset().version
        files = written.listing(table.path)
        with pytest.raises(OSError) as caught:
            out.close()
        assert caught.value.errno == 16
    assert table.dataset().version == version and written.listing(table.path) == files
    assert table.rejected() == ["x.txt", "x.txt.error"]
    if what == "compact":
        with table.commits(1):
            table.sh("mv rejected/x.txt columns/")
        table.check("x", pa.array(range(ROWS)))


@pytest.mark.parametrize("name", ["x.txt", "score.txt"])
def test_meanwhile__all_rows_of_a_fragment_deleted(table, name):
    ids = table.dataset().to_table(columns=["id"]).column(0).to_pylist()
    column = name.split(".")[0]
    with open(table.columns / name, "w") as out:
        out.write(txt(ids))
        out.flush()
        table.dataset().delete("id < 250")
        append(table.dataset())
    dataset = table.dataset()
    dataset.validate()
    got = dataset.to_table(columns=["id", column])
    assert got["id"].to_pylist() == [i for i in ids if i >= 250] + [9000, 9001]
    assert got[column].to_pylist() == [i for i in ids if i >= 250] + [None, None]
    columns.check_column(table.columns, column, got[column])
    files = {
        f.path
        for v in dataset.versions()
        for f in lance.dataset(str(table.path), version=v["version"]).get_fragments()
        for f in f.data_files()
    }
    assert {p.name for p in (table.path / "data").iterdir()} == files


@pytest.mark.parametrize("what", ["dropped", "added"])
def test_meanwhile__column_gone(table, what):
    name = "zip.txt" if what == "dropped" else "fresh.txt"
    with open(table.columns / name, "w") as out:
        out.write(txt(range(ROWS)))
        out.flush()
        if what == "dropped":
            table.dataset().drop_columns(["zip"])
        else:
            table.dataset().add_columns({"fresh": "id"})
        with pytest.raises(OSError) as caught:
            out.close()
        assert caught.value.errno == 16
    assert name in table.rejected()


PEER = """
import sys, time, lance, pyarrow as pa
path, number = sys.argv[1], int(sys.argv[2])
for i in range(3):
    for attempt in range(50):
        try:
            lance.dataset(path).add_columns({f"peer{number}_{i}": f"id + {number}"})
            break
        except OSError as e:
            if "conflict" not in str(e).lower() and "retry" not in str(e).lower(): raise
            time.sleep(0.05)
    else:
        sys.exit(1)
"""


def test_ten_alternating_writers__lose_nothing(tmp_path, mount):
    table = written.table_at(tmp_path, mount)
    mounts = [table.where, mount(table.path)]
    failures = []
    before = table.dataset().version

    def ours(number):
        for i in range(3):
            try:
                (mounts[number % 2] / "columns" / f"ours{number}_{i}.txt").write_text(
                    txt(range(number, number + ROWS))
                )
            except OSError as e:
                failures.append(e)

    peers = [
        subprocess.Popen([sys.executable, "-c", PEER, str(table.path), str(i)]) for i in range(5)
    ]
    threads = [threading.Thread(target=ours, args=(i,)) for i in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [peer.wait(timeout=120) for peer in peers] == [0] * 5
    assert not failures
    dataset = table.dataset()
    assert dataset.version == before + 30
    dataset.validate()
    ids = dataset.to_table(columns=["id"]).column(0)
    for number in range(5):
        for i in range(3):
            table.check(f"ours{number}_{i}", pa.array(range(number, number + ROWS)))
            assert dataset.to_table(columns=[f"peer{number}_{i}"]).column(0) == pc.add(ids, number)
    dataset.add_columns({"last": "ours0_0 + ours4_2"})
    for where in mounts:
        assert (where / "columns" / "last.txt").read_text() == txt(2 * i + 4 for i in range(ROWS))


# --- the machine fails ---


@contextlib.contextmanager
def small_disk(where, size):
    where.mkdir()
    sudo = [] if os.geteuid() == 0 else ["sudo", "-n"]
    subprocess.run(
        [*sudo, "mount", "-t", "tmpfs", "-o", f"size={size},mode=777", "tmpfs", where], check=True
    )
    try:
        yield where
    finally:
        subprocess.run([*sudo, "umount", "-l", where], check=True)


@pytest.mark.parametrize("name", ["x.npy", "x.txt", ".x.npy"])
def test_full_disk__fails_the_writer_and_nothing_else(tmp_path, name):
    with small_disk(tmp_path / "disk", "4m") as disk:
        path = written.make_table(disk / "t.lance", "2.2")
        with conftest.mounted(path, tmp_path / "mnt") as where:
            table = written.Table(path, where, tmp_path)
            before = (where / "columns" / "caption.txt").read_text()
            with table.commits(0):
                with pytest.raises(OSError) as caught:
                    with open(where / "columns" / name, "wb") as out:
                        np.save(out, np.random.default_rng(1).random((ROWS, 2000)))
                        if name == "x.txt":
                            out.write(b"x" * (8 << 20))
                assert caught.value.errno in ((28,) if name != "x.txt" else (28, 22)), caught.value
            assert (where / "columns" / "caption.txt").read_text() == before
            for scratch in set(os.listdir(where / "columns")) & {name}:
                (where / "columns" / scratch).unlink()
            for kept in table.rejected():
                with contextlib.suppress(FileNotFoundError):
                    (where / "rejected" / kept).unlink()
            with table.commits(1):
                (where / "columns" / "small.txt").write_text(txt(range(ROWS)))


@pytest.mark.parametrize("name", ["x.txt", "x.int64.txt"])
def test_killed_daemon__leaves_the_dataset(tmp_path, name):
    path = written.make_table(tmp_path / "t.lance", "2.2")
    version = lance.dataset(str(path)).version
    where = tmp_path / "mnt"
    where.mkdir()
    daemon = subprocess.Popen(
        [conftest.BIN / "lancefs", "-f", path, where], stderr=subprocess.DEVNULL
    )
    try:
        while not os.path.ismount(where):
            time.sleep(0.01)
        out = open(where / "columns" / name, "wb", buffering=0)
        out.write(txt(range(300)).encode())
        daemon.kill()
        daemon.wait()
        with pytest.raises(OSError):
            out.write(b"1\n")
        with contextlib.suppress(OSError):
            out.close()
    finally:
        subprocess.run(["fusermount3", "-uz", where], check=False)
    assert lance.dataset(str(path)).version == version
    with conftest.mounted(path, where):
        (where / "columns" / name).write_text(txt(range(ROWS)))
    table = lance.dataset(str(path))
    table.validate()
    assert table.version == version + 1 and table.to_table(columns=["x"]).column(
        0
    ).to_pylist() == list(range(ROWS))


def test_large_sequential_files__are_written_once(tmp_path, mount):
    """Behind 16 MiB the bytes go to the data file alone, and memory stays bounded."""
    rows = 60000
    path = tmp_path / "t.lance"
    lance.write_dataset(pa.table({"i": pa.array(range(rows))}), str(path), max_rows_per_file=25000)
    where = mount(path)
    vectors = np.random.default_rng(5).standard_normal((rows, 768), dtype=np.float32)
    daemon = next(int(p.name) for p in pathlib.Path("/proc").glob("[0-9]*")
                  if str(path).encode() in conftest.cmdline(p) and b"lancefs" in conftest.cmdline(p))
    before = int(re.search(r"wchar: (\d+)", pathlib.Path(f"/proc/{daemon}/io").read_text())[1])
    np.save(where / "columns" / "vec.npy", vectors)
    written_bytes = int(re.search(r"wchar: (\d+)", pathlib.Path(f"/proc/{daemon}/io").read_text())[1]) - before
    assert vectors.nbytes < written_bytes < vectors.nbytes + (75 << 20)
    got = lance.dataset(str(path)).to_table(columns=["vec"])["vec"].combine_chunks().flatten().to_numpy()
    assert np.array_equal(got.reshape(rows, 768), vectors)
    version = lance.dataset(str(path)).version
    with pytest.raises(OSError):
        np.save(where / "columns" / "short.npy", vectors[:-1])
    with pytest.raises(OSError) as caught, open(where / "columns" / "back.npy", "wb", buffering=0) as f:
        np.lib.format.write_array_header_1_0(f, {"descr": "<f4", "fortran_order": False, "shape": (rows, 768)})
        for first in range(0, 30000, 1000):
            f.write(vectors[first:first + 1000].tobytes())
        f.seek(0)
        f.write(b"x")
    assert caught.value.errno == errno.EOPNOTSUPP
    assert lance.dataset(str(path)).version == version
    assert "too large to be kept" in (where / "rejected" / "back.npy.error").read_text()
    files = {f.path for g in lance.dataset(str(path)).get_fragments() for f in g.data_files()}
    assert {p.name for p in (path / "data").iterdir()} == files


def test_nearly_all_numbers__history_names_the_line_that_was_none(tmp_path, mount):
    path = tmp_path / "t.lance"
    lance.write_dataset(pa.table({"i": pa.array(range(1000))}), str(path))
    where = mount(path)
    lines = [str(i) for i in range(1000)]
    lines[456] = "n/a\\t" + "é" * 50
    (where / "columns" / "n.txt").write_text("\n".join(lines) + "\n")
    newest = (where / "history").read_text().splitlines()[0]
    assert "n became a string because of line 457: n/a" in newest
    dataset = lance.dataset(str(path))
    assert dataset.schema.field("n").type == pa.string()
    dataset.add_columns({"j": "i + 1"})
    assert (where / "columns" / "j.txt").read_text().split()[0] == "1"


# --- beside other writers ---

def open_and(where, name, text, meanwhile):
    """Write all of a file, let another writer commit, then close; the errno of the close, or 0."""
    fd = os.open(where / "columns" / name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.write(fd, text.encode())
    meanwhile()
    try:
        os.close(fd)
    except OSError as error:
        return error.errno
    return 0


@pytest.mark.parametrize("what", ("restore", "overwrite", "update"))
def test_commits_that_move_rows__make_the_column_busy(tmp_path, mount, what):
    path = str(tmp_path / "t.lance")
    dataset = lance.write_dataset(pa.table({"id": range(10), "x": range(100, 110)}), path, max_rows_per_file=4)
    dataset.delete("id < 5")
    where = mount(path)

    def meanwhile():
        dataset = lance.dataset(path)
        if what == "restore":
            lance.dataset(path, version=1).restore()
        elif what == "overwrite":
            lance.write_dataset(pa.table({"id": range(5), "x": range(5)}), path, mode="overwrite")
        else:
            dataset.update({"id": "100"}, where="id = 7")

    assert open_and(where, "x.txt", "0\n1\n2\n3\n4\n", meanwhile) == errno.EBUSY
    got = lance.dataset(path).to_table()
    assert sorted(got["x"].to_pylist()) == {"restore": list(range(100, 110)), "overwrite": list(range(5)),
                                            "update": list(range(105, 110))}[what]
    assert (where / "rejected" / "x.txt").exists()


def test_new_type__keeps_rows_appended_meanwhile(tmp_path, mount):
    path = str(tmp_path / "t.lance")
    lance.write_dataset(pa.table({"x": [1, 2, 3]}), path)
    where = mount(path)
    append = lambda: lance.write_dataset(pa.table({"x": [33, 44]}), path, mode="append")
    assert open_and(where, "x.string.txt", "a\nb\nc\n", append) == errno.EBUSY
    assert lance.dataset(path).to_table()["x"].to_pylist() == [1, 2, 3, 33, 44]


def test_not_null_column__takes_no_nulls(tmp_path, mount):
    path = str(tmp_path / "t.lance")
    schema = pa.schema([pa.field("x", pa.int64(), nullable=False)])
    lance.write_dataset(pa.table({"x": [1, 2, 3]}, schema=schema), path)
    where = mount(path)
    with pytest.raises(OSError) as caught:
        (where / "columns" / "x.txt").write_text("5\n\\N\n7\n")
    assert caught.value.errno == errno.EINVAL
    (where / "columns" / "x.txt").write_text("5\n6\n7\n")
    got = lance.dataset(path)
    assert got.to_table()["x"].to_pylist() == [5, 6, 7] and not got.schema.field("x").nullable


def test_column_declared_not_null_meanwhile__takes_no_nulls(tmp_path, mount):
    path = str(tmp_path / "t.lance")
    lance.write_dataset(pa.table({"x": [1, 2, 3]}), path)
    where = mount(path)
    tighten = lambda: lance.dataset(path).alter_columns({"path": "x", "nullable": False})
    assert open_and(where, "x.txt", "5\n\\N\n7\n", tighten) == errno.EBUSY
    assert lance.dataset(path).to_table()["x"].to_pylist() == [1, 2, 3]


def test_replacement__keeps_what_others_put_on_the_field(tmp_path, mount):
    path = str(tmp_path / "t.lance")
    schema = pa.schema([pa.field("id", pa.int64(), nullable=False,
                                 metadata={"lance-schema:unenforced-primary-key": "true"}),
                        pa.field("x", pa.int64())])
    lance.write_dataset(pa.table({"id": [1, 2, 3], "x": [4, 5, 6]}, schema=schema), path)
    where = mount(path)
    flag = lambda: sorted((pathlib.Path(path) / "_versions").glob("*.manifest"))[0].read_bytes().count(b"\x60\x01")
    before = flag()
    (where / "columns" / "id.txt").write_text("5\n6\n7\n")
    assert before > 0 and flag() == before
    tell = lambda: lance.dataset(path).update_field_metadata({"x": {"unit": "m"}})
    assert open_and(where, "x.txt", "7\n8\n9\n", tell) == 0
    field = lance.dataset(path).schema.field("x")
    assert field.metadata[b"unit"] == b"m" and field.metadata[b"lancefs:source"] == b"file"
    assert lance.dataset(path).to_table()["x"].to_pylist() == [7, 8, 9]


def test_migrated_manifest_names__are_followed(tmp_path, mount):
    path = str(tmp_path / "t.lance")
    dataset = lance.write_dataset(pa.table({"x": [1, 2, 3]}), path, enable_v2_manifest_paths=False)
    where = mount(path)
    dataset.migrate_manifest_paths_v2()
    (where / "columns" / "y.txt").write_text("1\n2\n3\n")
    assert lance.dataset(path).to_table()["y"].to_pylist() == [1, 2, 3]


def test_renamed_members_and_metadata__are_new_content(tmp_path, mount):
    path = str(tmp_path / "t.lance")
    lance.write_dataset(pa.table({"s": [{"a": i} for i in range(100)], "t": ["x"] * 100}), path,
                        data_storage_version="2.2")
    where = mount(path)
    assert '{"a":5}' in (where / "columns" / "s.txt").read_text()
    columns.read_arrow(where / "columns" / "t.arrow")
    lance.dataset(path).alter_columns({"path": "s.a", "name": "alpha_long"})
    lance.dataset(path).update_field_metadata({"t": {"note": "n" * 500}})
    time.sleep(0.1)
    assert (where / "columns" / "s.txt").read_text().splitlines()[99] == '{"alpha_long":99}'
    assert columns.read_arrow(where / "columns" / "t.arrow").num_rows == 100


def test_a_fifo_in_the_dataset__is_refused_at_once(tmp_path, mount):
    path = tmp_path / "t.lance"
    lance.write_dataset(pa.table({"x": [1, 2, 3]}), str(path))
    where = mount(path)
    os.mkfifo(path / "_versions" / f"{2**64 - 1 - 5:020d}.manifest")
    assert subprocess.run(["cat", where / "columns" / "x.txt"], timeout=20, capture_output=True).stdout == b"1\n2\n3\n"
