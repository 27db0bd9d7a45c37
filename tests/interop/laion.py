"""Image-caption tables from a seed: the shape of table that lancefs is used on most."""

import io
import json

import lance
import numpy as np
import pyarrow as pa
from PIL import Image

WORDS = ("a the of in with vintage modern black red blue wooden silver woman dog cat house kitchen "
         "garden beach mountain forest city bridge car ring lamp table poster photo vector logo "
         "wedding cake soup coffee wine cheap best new old set inch 2019 4K guide style").split()
RARE = ("🌅", "猫の写真", "café crème", "“quoted”", "50 % off\ttoday", "C:\\img", "a\nsecond line",
        "مرحبا", "carriage\rreturn", "\\N", "x,y \"z\"")
DIM = 768


def pool(rng, count=24):
    """Small real JPEGs."""
    pictures = []
    for _ in range(count):
        corners = Image.fromarray(rng.integers(0, 256, (3, 3, 3), dtype=np.uint8))
        size = tuple(int(v) for v in rng.integers(24, 64, 2))
        out = io.BytesIO()
        corners.resize(size, Image.Resampling.BICUBIC).save(out, "JPEG", quality=70)
        pictures.append((size, out.getvalue()))
    return pictures


def captions(rng, rows):
    lengths = np.clip(rng.lognormal(2.1, 0.7, rows), 1, 100).astype(int)
    picks = rng.integers(0, len(WORDS), (rows, 100))
    special = rng.random(rows)
    for row in range(rows):
        if special[row] < 0.02:
            yield ""
            continue
        words = [WORDS[i] for i in picks[row, :lengths[row]]]
        if special[row] > 0.9:
            words.insert(int(picks[row, 0]) % (len(words) + 1), RARE[int(picks[row, 1]) % len(RARE)])
        yield " ".join(words)


def exif(rng):
    kind = rng.random()
    if kind < 0.7:
        return "{}"
    tags = {f"EXIF {i}": str(rng.integers(1, 4000)) for i in range(int(rng.integers(1, 8)))}
    if kind > 0.97:
        tags["EXIF MakerNote"] = rng.integers(0, 256, int(rng.integers(100, 900))).tolist()
    return json.dumps(tags)


def with_nulls(rng, values, fraction):
    return [None if drop else value for value, drop in zip(values, rng.random(len(values)) < fraction)]


def table(rows, seed=0, images=True, embeddings=True, nulls=0.02, first=0):
    """Rows [first, first + rows) as a pyarrow table."""
    rng = np.random.default_rng([seed, first])
    pictures = pool(rng)
    pick = rng.integers(0, len(pictures), rows)
    keys = [f"{first + r:09d}" for r in range(rows)]
    sizes = np.array([pictures[p][0] for p in pick], dtype=np.int64).reshape(rows, 2)
    columns = {
        "image_path": pa.array([f"{(first + r) // 10000:05d}/{keys[r]}.jpg" for r in range(rows)], pa.string()),
        "caption": pa.array(with_nulls(rng, list(captions(rng, rows)), nulls), pa.string()),
        "NSFW": pa.array(with_nulls(rng, rng.choice(["UNLIKELY", "UNSURE", "NSFW"], rows).tolist(), nulls), pa.string()),
        "similarity": pa.array(rng.normal(0.33, 0.03, rows), pa.float64()),
        "LICENSE": pa.array(rng.choice(["?", "cc-by-2.0", "cc0-1.0"], rows, p=(0.96, 0.02, 0.02)).tolist(), pa.string()),
        "url": pa.array([f"https://example.org/{int(x):08x}/{keys[r]}.jpg"
                         for r, x in enumerate(rng.integers(0, 1 << 32, rows))], pa.string()),
        "key": pa.array(keys, pa.string()),
        "status": pa.array(["success"] * rows, pa.string()),
        "error_message": pa.nulls(rows),
        "width": pa.array(sizes[:, 0], pa.int64()),
        "height": pa.array(sizes[:, 1], pa.int64()),
        "original_width": pa.array((sizes[:, 0] * rng.uniform(1, 4, rows)).astype(np.int64)),
        "score": pa.array(with_nulls(rng, rng.normal(0, 1e10, rows).tolist(), nulls), pa.float32()),
        "exif": pa.array(with_nulls(rng, [exif(rng) for _ in range(rows)], nulls), pa.string()),
        "md5": pa.array([rng.bytes(16).hex() for _ in range(rows)], pa.string()),
    }
    if embeddings:
        vectors = rng.standard_normal((rows, DIM), dtype=np.float32)
        columns["img_emb"] = pa.FixedSizeListArray.from_arrays(pa.array(vectors.ravel()), DIM)
    if images:
        pads = rng.integers(0, 200, rows)
        columns["image"] = pa.array(
            with_nulls(rng, [pictures[p][1] + bytes(int(n)) for p, n in zip(pick, pads)], nulls), pa.binary())
    return pa.table(columns)


def write(where, rows, version, per_fragment=1 << 20, step=50000, **kwargs):
    """Write a dataset of that many rows; streams, so that a million rows fit."""
    schema = table(0, **kwargs).schema

    def batches():
        for first in range(0, rows, step):
            yield from table(min(step, rows - first), first=first, **kwargs).to_batches()

    lance.write_dataset(pa.RecordBatchReader.from_batches(schema, batches()), str(where),
                        data_storage_version=version, max_rows_per_file=per_fragment)
    return where
