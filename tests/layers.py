#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""layers: every #include "..." goes where etc/LAYERS lets it.

With --self-test: includes that must be refused are refused.
"""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.M)


class Rules:
    def __init__(self, text):
        self.order, self.only, self.banned = [], {}, {}
        for line in text.splitlines():
            words = line.split("#")[0].split()
            if not words:
                continue
            name, rest = words[0], words[1:]
            kind = rest[0] if rest else None
            assert kind in (None, "only", "not"), f"etc/LAYERS: {line}"
            if name not in ("fs", "tools", "core"):
                self.order.append(name)
            if kind == "only":
                self.only[name] = set(rest[1:])
            if kind == "not":
                self.banned[name] = set(rest[1:])

    def allowed(self, layer):
        if layer in self.only:
            return self.only[layer]
        return set(self.order[:self.order.index(layer)])

    def judge(self, path, quote, header):
        """None, or what is wrong with this include in the file core/<layer>/… or fs/…"""
        top, layer = path.parts[0], path.parts[1] if path.parts[0] == "core" else path.parts[0]
        if header in self.banned.get(top, ()) or (top == "core" and "fuse" in header):
            return f"{top} must not include <{header}>"
        if quote == "<":
            return None
        if path.parts[0] == "core" and len(path.parts) == 2:
            return None if header == "command/command.h" else "an umbrella header includes command/command.h alone"
        parts = header.split("/")
        if len(parts) == 1:
            own = (ROOT / path).parent / header
            generated = header.endswith(".pb-c.h") and layer == "proto"
            # the generated code beside which it is built, or a private header of its own folder
            return None if own.exists() or generated else f'"{header}" is no file of {layer}'
        if parts[0] == layer:
            return None
        if parts[0] not in self.order:
            return f'"{header}" is of no layer'
        if parts[0] not in self.allowed(layer):
            return f"{layer} must not use {parts[0]}"
        if header != f"{parts[0]}/{parts[0]}.h":
            return f'only "{parts[0]}/{parts[0]}.h" is public'
        return None


def self_test(rules):
    cases = (("core/array/x.c", '"', "array/array_priv.h", True), ("core/array/x.c", '"', "base/base.h", True),
             ("core/table/x.c", '"', "file/file.h", True), ("core/array/x.c", '"', "file/file.h", False),
             ("core/encoding/x.c", '"', "io/io.h", False), ("core/format/x.c", '"', "table/table.h", False),
             ("core/table/x.c", '"', "file/file_priv.h", False), ("core/base/x.c", "<", "fuse.h", False),
             ("core/job/x.c", '"', "fs.h", False), ("fs/x.c", '"', "command/command.h", True),
             ("fs/x.c", '"', "command/command_priv.h", False), ("fs/x.c", '"', "encoding/encoding.h", False),
             ("tools/x.c", '"', "encoding/encoding.h", False), ("fs/x.c", '"', "fs.h", True))
    for path, quote, header, is_fine in cases:
        why = rules.judge(pathlib.Path(path), quote, header)
        assert (why is None) == is_fine, (path, header, why)
    return 0


def main():
    rules = Rules((ROOT / "etc/LAYERS").read_text())
    if "--self-test" in sys.argv:
        return self_test(rules)
    files = sorted(p for top in ("core", "fs", "tools") for p in (ROOT / top).rglob("*.[ch]"))
    wrong = 0
    for file in files:
        path = file.relative_to(ROOT)
        if path.parts[0] == "core" and len(path.parts) > 2 and path.parts[1] not in rules.order:
            print(f"{path}: core/{path.parts[1]} is not in etc/LAYERS")
            wrong += 1
            continue
        text = file.read_text()
        for match in INCLUDE.finditer(text):
            why = rules.judge(path, match[1], match[2])
            if why:
                print(f"{path}:{text.count(chr(10), 0, match.start(2)) + 1}: {why}")
                wrong += 1
    print(f"{len(files)} files, {wrong} wrong includes")
    return 1 if wrong or len(files) < 50 else 0


sys.exit(main())
