"""soak: one of several processes that change and tidy up one dataset for so many seconds.

usage: soak.py KIND NUMBER DATASET SECONDS MOUNT

KIND is a name of KINDS.  Prints, as JSON, what succeeded: [operation, subject] pairs, and why what failed did.
Row i has v = 3 i.  What loses against another's commit, or against a cleanup of what it read, counts as lost.
"""

import collections
import csv
import datetime
import errno
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

import stress

AGE = 4  # seconds that versions are kept


class Soaking:
    """What is common to all: steps until the time is over."""

    pause = 0.05
    first_id = stress.Ours.first_id

    def prepare(self):
        self.why = collections.Counter()

    def soak(self, seconds):
        self.prepare()
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.step()
        print(json.dumps({"done": self.done, "lost": self.lost, "why": self.why}))


class Pylance(Soaking, stress.Theirs):
    first_id = stress.Theirs.first_id

    def attempt(self, work):
        import lance

        try:
            return work(lance.dataset(str(self.path)))
        except (OSError, ValueError, RuntimeError) as error:
            text = str(error).lower()
            known = [w for w in ("conflict", "retry", "incompatible", "not found", "no such file", "does not exist") if w in text]
            if not known:
                raise
            self.why[known[0]] += 1
            return None


class PylanceWriter(Pylance):
    def weights(self):
        return {"append": 4, "delete": 3}


class PylanceKeeper(Pylance):
    """Compacts, cleans up and looks after the index."""

    def weights(self):
        return {"compact": 4, "clean": 2, "optimize": 1}

    def clean(self):
        age = datetime.timedelta(seconds=AGE)
        return self.attempt(lambda d: d.cleanup_old_versions(older_than=age, delete_unverified=False) and True)

    def optimize(self):
        return self.attempt(lambda d: d.optimize.optimize_indices() or True)


class Lancefs(Soaking, stress.Writer):
    prefix = "ours"

    def command(self, *words):
        """Whether it did it; conflicts and what was cleaned up meanwhile are no failures of the test."""
        done = subprocess.run([stress.BIN / "lancectl", words[0], self.path, *words[1:]], capture_output=True, text=True)
        text = done.stdout + done.stderr
        assert "Sanitizer" not in text and "runtime error" not in text, text
        if done.returncode == 0:
            return True
        assert done.returncode == 3 or "cleaned up" in text, f"{words}: {done.returncode}: {text}"
        self.why[f"{words[0]}: {text.splitlines()[-1][:60]}"] += 1
        return False


class LancefsWriter(Lancefs):
    def weights(self):
        return {"append": 4, "delete": 3, "add": 1, "drop": 1 if len(self.columns) > 2 else 0}

    def append(self):
        ids = self.next_ids()
        with tempfile.NamedTemporaryFile("w", suffix=".csv") as file:
            file.write("id,v\n" + "".join(f"{i},{3 * i}\n" for i in ids))
            file.flush()
            if not self.command("append", file.name):
                return None
        self.rows.append(ids)
        return ids

    def delete(self):
        ids = self.rows.pop(self.rng.randrange(len(self.rows)))[:3]
        return ids if self.command("delete", f"id in ({','.join(map(str, ids))})") else None

    def add(self):
        name = self.next_column()
        if not self.command("add", name, f"id * 0 + {self.number}"):
            return None
        self.columns.append(name)
        return name

    def drop(self):
        name = self.columns.pop(self.rng.randrange(len(self.columns)))
        return name if self.command("drop", name) else None


class LancefsKeeper(Lancefs):
    def weights(self):
        return {"compact": 3, "merge": 2, "clean": 2}

    def compact(self):
        return True if self.command("compact") else None

    def merge(self):
        return True if self.command("compact", "--columns") else None

    def clean(self):
        return True if self.command("cleanup", f"--older-than={AGE}s") else None


class Reader(Soaking, stress.Writer):
    """Looks at versions in the mount: whole and right, or a name or a file that is gone."""

    def weights(self):
        return {"pinned": 3, "live": 2, "row": 2}

    def attempt(self, work):
        try:
            return work()
        except OSError as error:
            assert error.errno in (errno.ESTALE, errno.ENOENT), error
            self.why[errno.errorcode[error.errno]] += 1
            return None

    def pinned(self):
        def look():
            number = self.rng.choice([n for n in os.listdir(self.where / "versions") if n != "latest"])
            ids, values = ((self.where / "versions" / number / "columns" / f"{name}.txt").read_text().split()
                           for name in ("id", "v"))
            assert len(set(ids)) == len(ids) > 0 and values == [str(3 * int(i)) for i in ids], f"version {number}"
            return int(number)

        return self.attempt(look)

    def live(self):
        def look():
            with open(self.where / "table" / "table.csv", newline="") as file:
                rows = list(csv.DictReader(file))
            assert rows and all(int(row["v"]) == 3 * int(row["id"]) for row in rows)
            return len(rows)

        return self.attempt(look)

    def row(self):
        def look():
            number = self.rng.randrange(300)
            return int((self.where / "rows" / str(number) / "id.txt").read_text()) >= 0

        return self.attempt(look)


KINDS = {kind.__name__: kind for kind in (PylanceWriter, PylanceKeeper, LancefsWriter, LancefsKeeper, Reader)}


def main():
    kind, number, path, seconds = sys.argv[1], int(sys.argv[2]), pathlib.Path(sys.argv[3]), float(sys.argv[4])
    member = KINDS[kind](number, path)
    member.where = pathlib.Path(sys.argv[5])
    member.soak(seconds)


if __name__ == "__main__":
    main()
