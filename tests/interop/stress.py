"""stress: writers that keep committing to one dataset until it has so many versions.

usage: stress.py KIND NUMBER DATASET VERSIONS [MOUNT]

KIND is lancefs or pylance.  Prints, as JSON, what succeeded: [operation, subject] pairs.
Row i of the table has v = 3 i, and n counts its updates; each writer makes rows and columns of its own.
"""

import json
import os
import pathlib
import random
import subprocess
import sys
import time

BIN = pathlib.Path(os.environ["LANCEFS_BIN"])
BATCH = 7  # rows of an append
STEP = 10**7  # ids of a writer


def n_versions(path):
    return sum(name.endswith(".manifest") for name in os.listdir(path / "_versions"))


class Writer:
    def __init__(self, number, path):
        self.number, self.path = number, path
        self.rng = random.Random(number)
        self.done, self.columns, self.rows = [], [], []
        self.count = 0
        self.lost = 0

    def next_ids(self):
        self.count += 1
        first = self.first_id + self.number * STEP + self.count * 100
        return list(range(first, first + BATCH))

    def next_column(self):
        self.count += 1
        return f"{self.prefix}{self.number}_{self.count}"

    def step(self):
        time.sleep(self.rng.random() * self.pause)
        weights = self.weights()
        operation = self.rng.choices(list(weights), list(weights.values()))[0]
        if operation in ("drop", "replace") and not self.columns:
            operation = "add"
        if operation in ("delete", "update") and not self.rows:
            operation = "append"
        subject = getattr(self, operation)()
        if subject is None:
            self.lost += 1
            return
        self.done.append([operation, subject])

    def run(self, target):
        while n_versions(self.path) < target:
            self.step()
        print(json.dumps({"done": self.done, "lost": self.lost}))


class Ours(Writer):
    """Through a mount, as programs do it."""

    prefix = "ours"
    first_id = 10**9
    pause = 0.5  # they would have all the versions otherwise

    def __init__(self, number, path, where):
        super().__init__(number, path)
        self.where = where

    def weights(self):
        return {"add": 3, "replace": 2, "append": 3, "delete": 1, "update": 3, "drop": 2 if len(self.columns) > 3 else 0}

    def n_rows(self):
        info = (self.where / "info").read_text()
        lines = [line for line in info.splitlines() if line.startswith("rows:")]
        assert len(lines) == 1, info
        return int(lines[0].split()[1])

    def write(self, file, text):
        try:
            with open(self.where / file, "w") as f:
                f.write(text)
            return True
        except OSError:
            return False  # rows came or went, or another commit won

    def add(self):
        name = self.next_column()
        if not self.write(f"columns/{name}.txt", f"{self.number}\n" * self.n_rows()):
            return None
        self.columns.append(name)
        return name

    def replace(self):
        name = self.rng.choice(self.columns)
        self.count += 1
        return name if self.write(f"columns/{name}.txt", f"{self.count}\n" * self.n_rows()) else None

    def append(self):
        ids = self.next_ids()
        text = "v,id\n" + "".join(f"{3 * i},{i}\n" for i in ids)
        if not self.write(f"append/{ids[0]}.csv", text):
            return None
        self.rows.append(ids)
        return ids

    def command(self, *words):
        ended = subprocess.run([BIN / "lancectl", words[0], self.path, *words[1:]], capture_output=True)
        return ended.returncode == 0 and b" no rows" not in ended.stdout

    def delete(self):
        ids = self.rows[self.rng.randrange(len(self.rows))]
        chosen = ids[:3]
        if not self.command("delete", f"id in ({','.join(map(str, chosen))})"):
            return None
        self.rows.remove(ids)
        return chosen

    def update(self):
        ids = self.rng.choice(self.rows)
        mode = self.rng.choice(("columns", "rows"))
        words = ["n=coalesce(n, 0) + 1", f"--where=id >= {ids[0]} AND id <= {ids[-1]}", f"--mode={mode}"]
        return ids if self.command("update", *words) else None

    def drop(self):
        name = self.columns.pop(self.rng.randrange(len(self.columns)))
        if not self.command("drop", name):
            self.columns.append(name)
            return None
        return name


class Theirs(Writer):
    """pylance; what it does not retry itself counts as lost."""

    prefix = "theirs"
    first_id = 2 * 10**9
    pause = 0

    def weights(self):
        compacts = self.number == 0
        return {"add": 2, "append": 3, "delete": 3, "compact": 1 if compacts else 0,
                "drop": 2 if len(self.columns) > 3 else 0}

    def attempt(self, work):
        import lance

        try:
            return work(lance.dataset(str(self.path)))
        except OSError as error:
            text = str(error).lower()
            if "conflict" not in text and "retry" not in text and "incompatible" not in text:
                raise
            return None

    def add(self):
        name = self.next_column()
        if self.attempt(lambda d: d.add_columns({name: f"id * 0 + {self.number}"}) or True) is None:
            return None
        self.columns.append(name)
        return name

    def append(self):
        import lance
        import pyarrow as pa

        ids = self.next_ids()
        table = pa.table({"id": pa.array(ids, pa.int64()), "v": pa.array([3 * i for i in ids], pa.int64()),
                          "n": pa.array([0] * len(ids), pa.int64())})
        if self.attempt(lambda d: lance.write_dataset(table, d, mode="append") or True) is None:
            return None
        self.rows.append(ids)
        return ids

    def delete(self):
        ids = self.rows.pop(self.rng.randrange(len(self.rows)))[:3]
        if self.attempt(lambda d: d.delete(f"id in ({','.join(map(str, ids))})") or True) is None:
            return None
        return ids

    def drop(self):
        name = self.columns.pop(self.rng.randrange(len(self.columns)))
        if self.attempt(lambda d: d.drop_columns([name]) or True) is None:
            self.columns.append(name)
            return None
        return name

    def compact(self):
        time.sleep(0.2)
        before = n_versions(self.path)
        return before if self.attempt(lambda d: d.optimize.compact_files() and True) else None


def main():
    kind, number, path, target = sys.argv[1], int(sys.argv[2]), pathlib.Path(sys.argv[3]), int(sys.argv[4])
    writer = Ours(number, path, pathlib.Path(sys.argv[5])) if kind == "lancefs" else Theirs(number, path)
    writer.run(target)


if __name__ == "__main__":
    main()
