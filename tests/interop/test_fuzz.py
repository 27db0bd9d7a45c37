"""A little of the differential fuzzer, with a seed that changes from day to day."""

import time

import fuzz_read


def test_random_datasets__equal_pylance(capsys):
    seed = int(time.time()) // 1000 * 1000
    totals = fuzz_read.run(seed, 12)
    with capsys.disabled():
        print(f"\nfuzz_read: seed {seed}: " + next(totals.report()))
    assert totals.compared >= 7 and not totals.differences, totals.differences
