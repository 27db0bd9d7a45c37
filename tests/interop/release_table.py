"""What came of each type that each release of pylance writes, as a table in Markdown."""

import collections

SIGNS = {
    "equal": "=",
    "written": "w",
    "pylance refuses, lancefs refuses": "r",
    "pylance refuses, lancefs reads": "l",
    "differs": "≠",
}
LEGEND = """\
Each cell tells what came of a type that a release of pylance wrote into files of a version:

* `=` lancefs reads it as pylance {newest} does
* `w` that release refused to write it (`= w`: with some values or metadata only)
* `r` pylance {newest} refuses to read it, and so does lancefs
* `l` pylance {newest} refuses to read it, lancefs reads it
* `≠` lancefs reads something else
* empty: the release does not write this version, or its pyarrow has no such type
"""


def sign(outcome):
    return SIGNS[outcome.split(":")[0]]


class Outcomes:
    """{(release, version): {type: the outcomes of its columns}}"""

    def __init__(self):
        self.cells = collections.defaultdict(lambda: collections.defaultdict(collections.Counter))
        self.datasets = collections.Counter()

    def add(self, release, version, fates, outcomes):
        """fates: {column: (type, why it was not written)}; outcomes: {column: what came of reading it}"""
        cells = self.cells[release, version]
        for column, (kind, refusal) in fates.items():
            if refusal:
                cells[kind]["written: " + refusal] += 1
            elif column in outcomes:
                cells[kind][outcomes[column]] += 1

    def grid(self, version):
        releases = [release for release, v in self.cells if v == version]
        kinds = sorted({kind for r in releases for kind in self.cells[r, version]})
        yield f"| {version} | " + " | ".join(releases) + " |"
        yield "|---" * (len(releases) + 1) + "|"
        for kind in kinds:
            signs = (" ".join(sorted({sign(o) for o in self.cells[r, version][kind]})) for r in releases)
            yield f"| {kind} | " + " | ".join(signs) + " |"

    def reasons(self):
        """Why columns were refused, each reason once with its releases and types."""
        found = collections.defaultdict(lambda: (collections.Counter(), set()))
        for (release, version), cells in self.cells.items():
            for kind, outcomes in cells.items():
                for outcome in outcomes:
                    if sign(outcome) not in "=≠":
                        where, kinds = found[outcome]
                        where[f"{release} in {version}"] += 1
                        kinds.add(kind)
        for outcome, (where, kinds) in sorted(found.items()):
            names = sorted(kinds) if len(kinds) <= 6 else [f"{len(kinds)} types"]
            yield f"* `{sign(outcome)}` {outcome.split(': ', 1)[1]} ({', '.join(names)}; {', '.join(where)})"

    def lines(self, newest):
        yield from LEGEND.format(newest=newest).splitlines()
        for version in sorted({v for _, v in self.cells}):
            yield ""
            yield from self.grid(version)
        yield ""
        yield from self.reasons()
        yield ""
        yield "Datasets compared: " + ", ".join(f"{r} in {v} {n}" for (r, v), n in self.datasets.items())
