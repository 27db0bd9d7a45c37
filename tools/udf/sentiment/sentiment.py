#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How likely a caption is of something pleasant: a small model, and a file that it is in; needs numpy.

The model is a logistic regression over hashed words.  Make its file, then register the
directory, whose udf.ini declares the file as a model:

    ./sentiment.py --make
    lancectl udf add photos.lance sentiment/

A model that is too large for a bundle stays where it is: models = /absolute/path.
"""

import pathlib
import re
import sys
import zlib

MODEL = pathlib.Path(__file__).with_name("model.npz")
SIZE = 1024
PLEASANT = "a sunny beach|happy children play in a park|a beautiful garden with flowers|friends laugh at a party|" \
    "a cute puppy on the grass|a delicious cake|a lovely sunset over the sea|a smiling woman"
OTHER = "a broken car|dark clouds over an empty street|a sad old man alone|garbage on the road|" \
    "an ugly grey building|a storm has destroyed a house|a sick dog in the rain|angry people shout"


def features(texts):
    """A row of word counts for each text, by the words' hashes."""
    import numpy as np
    rows = np.zeros((len(texts), SIZE), dtype=np.float32)
    for row, text in zip(rows, texts):
        for word in re.findall(r"\w+", (text or "").lower()):
            row[zlib.crc32(word.encode()) % SIZE] += 1
    return rows


def make():
    """Learn from the sentences above, and write the model."""
    import numpy as np
    good, bad = PLEASANT.split("|"), OTHER.split("|")
    x, y = features(good + bad), np.array([1.0] * len(good) + [0.0] * len(bad), dtype=np.float32)
    weights, bias = np.zeros(SIZE, dtype=np.float32), np.float32(0)
    for _ in range(500):
        wrong = 1 / (1 + np.exp(-(x @ weights + bias))) - y
        weights -= 0.3 * (x.T @ wrong / len(y) + 0.001 * weights)
        bias -= 0.3 * wrong.mean()
    np.savez(MODEL, weights=weights, bias=bias)


class Sentiment:
    def setup(self):
        import numpy as np
        model = np.load(MODEL)
        self.weights, self.bias = model["weights"], model["bias"]

    def __call__(self, caption):
        import numpy as np
        return 1 / (1 + np.exp(-(features(caption) @ self.weights + self.bias)))


if "--make" in sys.argv:
    make()
else:
    from lancefs_udf import run, udf
    run(udf(Sentiment, batch=True, type="float32"))
