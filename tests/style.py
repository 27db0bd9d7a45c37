#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""style: clang-format agrees, every source names its licence, nothing is left to do.

With --fix: lets clang-format write.
"""

import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
TOPS = ("core", "fs", "tools", "tests", "etc", ".ci")
SPDX = "SPDX-License-Identifier: Apache-2.0"
LATER = re.compile(r"\b(TO" r"DO|FIX" r"ME|X" r"XX)\b")


def sources():
    for top in TOPS:
        for path in sorted((ROOT / top).rglob("*")):
            parts = path.relative_to(ROOT).parts
            if path.is_file() and "data" not in parts[1:3] and "__pycache__" not in parts:
                yield path
    yield ROOT / "CMakeLists.txt"
    yield ROOT / "README.md"


def main():
    wrong = []
    c_files, n_files = [], 0
    for path in sources():
        try:
            text = path.read_text()
        except UnicodeDecodeError:
            continue
        n_files += 1
        name = path.relative_to(ROOT)
        if path.suffix in (".c", ".h"):
            c_files.append(str(path))
            if text.splitlines()[:1] != [f"// {SPDX}"]:
                wrong.append(f"{name}:1: the first line must be '// {SPDX}'")
        elif text.startswith("#!") and path.suffix != ".py" and SPDX not in text[:200]:
            wrong.append(f"{name}:2: no '{SPDX}'")
        for number, line in enumerate(text.splitlines(), 1):
            if LATER.search(line):
                wrong.append(f"{name}:{number}: {line.strip()}")
    if "--fix" in sys.argv:
        subprocess.run(["clang-format", "-i", *c_files], check=True)
    done = subprocess.run(["clang-format", "--dry-run", "-Werror", *c_files], capture_output=True, text=True)
    if done.returncode:
        places = sorted({line.split(": error")[0].replace(f"{ROOT}/", "")
                         for line in done.stderr.splitlines() if ": error" in line})
        wrong += [f"{place}: clang-format disagrees" for place in places] or [done.stderr]
    for line in wrong:
        print(line)
    print(f"{n_files} files, {len(c_files)} of them C, {len(wrong)} complaints")
    return 1 if wrong or len(c_files) < 50 else 0


sys.exit(main())
