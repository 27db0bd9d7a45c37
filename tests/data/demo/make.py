#!/usr/bin/env python3
"""Make the demo dataset photos.lance: small drawn landscapes, each with a caption.

Needs pylance, pyarrow, numpy and Pillow; see MADE for the versions that the files here are
from.  The rows come from a seed: only file names inside the dataset differ from run to run.
"""

import argparse
import io
import math
import pathlib
import random
import shutil

import lance
import numpy as np
import pyarrow as pa
from PIL import Image, ImageDraw, ImageFilter

ROWS = 240
SIZES = ((160, 120), (120, 160), (168, 112), (144, 144), (176, 99))
SCALE = 2  # drawn larger, then reduced: smooth edges

SKIES = {  # name: top, bottom, colour of sun or moon
    "dawn": ((92, 105, 168), (250, 190, 150), (255, 236, 200)),
    "noon": ((62, 132, 214), (196, 226, 246), (255, 252, 226)),
    "sunset": ((70, 46, 110), (248, 132, 74), (255, 214, 120)),
    "night": ((8, 12, 40), (44, 58, 104), (240, 240, 224)),
    "storm": ((58, 66, 80), (150, 158, 164), (206, 210, 208)),
}
WORDS = {
    "en": {"mountains": "mountains", "sea": "a sailing boat at sea", "city": "the city skyline",
           "forest": "a pine forest", "desert": "dunes in the desert", "balloon": "a balloon over fields",
           "house": "a red house on a hill", "lighthouse": "a lighthouse on the cliff",
           "dawn": "at dawn", "noon": "at noon", "sunset": "at sunset", "night": "by night",
           "storm": "before the storm"},
    "de": {"mountains": "Berge über dem Tal", "sea": "ein Segelboot auf dem Meer", "city": "die Dächer der Stadt",
           "forest": "ein Tannenwald", "desert": "Dünen in der Wüste", "balloon": "ein Ballon über den Feldern",
           "house": "ein rotes Häuschen auf dem Hügel", "lighthouse": "der Leuchtturm auf der Klippe",
           "dawn": "im Morgengrauen", "noon": "am Mittag", "sunset": "in der Abendröte", "night": "bei Nacht",
           "storm": "vor dem Sturm"},
    "fr": {"mountains": "les montagnes", "sea": "un voilier en mer", "city": "les toits de la ville",
           "forest": "une forêt de sapins", "desert": "des dunes dans le désert",
           "balloon": "une montgolfière au-dessus des champs", "house": "une maison rouge sur la colline",
           "lighthouse": "le phare sur la falaise", "dawn": "à l’aube", "noon": "à midi",
           "sunset": "au coucher du soleil", "night": "la nuit", "storm": "avant l’orage"},
    "ja": {"mountains": "山並み", "sea": "海とヨット", "city": "街の灯り", "forest": "松の森", "desert": "砂漠の丘",
           "balloon": "畑の上の気球", "house": "丘の赤い家", "lighthouse": "崖の灯台", "dawn": "、夜明け",
           "noon": "、正午", "sunset": "、夕焼け", "night": "、夜", "storm": "、嵐の前"},
}
ENDINGS = ("", "", "", "", " 🌅", " — “my favourite”", "\nprinted twice", "\t(scan 2)", " 100 %", ", f/8, 1/125 s",
           " in C:\\photos")


def mix(a, b, t):
    return tuple(round(x + (y - x) * t) for x, y in zip(a, b))


def ridge(rng, width, base, height, roughness):
    """Points of a mountain line from left to right."""
    waves = [(rng.uniform(0.5, 4), rng.uniform(0, 6.3), rng.uniform(0.2, 1)) for _ in range(4)]
    total = sum(w[2] for w in waves)
    points = []
    for x in range(0, width + 8, 8):
        y = sum(a * math.sin(f * 6.3 * x / width + p) for f, p, a in waves) / total
        points.append((x, base - height * (0.5 + 0.5 * y) + rng.uniform(-roughness, roughness)))
    return points


class Scene:
    def __init__(self, rng, kind, sky, size):
        self.rng, self.kind, self.sky = rng, kind, sky
        self.w, self.h = size[0] * SCALE, size[1] * SCALE
        self.top, self.bottom, self.light = SKIES[sky]
        column = np.linspace(0, 1, self.h)[:, None, None]
        rows = np.array(self.top) * (1 - column) + np.array(self.bottom) * column
        self.image = Image.fromarray(np.broadcast_to(rows, (self.h, self.w, 3)).astype(np.uint8).copy())
        self.draw = ImageDraw.Draw(self.image)
        self.horizon = self.h * rng.uniform(0.58, 0.7)

    def dark(self, colour, t=None):
        shade = {"dawn": 0.25, "noon": 0.0, "sunset": 0.45, "night": 0.75, "storm": 0.35}[self.sky]
        return mix(colour, self.top, shade if t is None else t)

    def circle(self, x, y, r, fill):
        self.draw.ellipse((x - r, y - r, x + r, y + r), fill=fill)

    def lights(self):
        rng = self.rng
        if self.sky == "night":
            for _ in range(40):
                self.circle(rng.uniform(0, self.w), rng.uniform(0, self.horizon), rng.choice((1, 1, 2)), (220, 224, 240))
        self.sun_x, self.sun_r = self.w * rng.uniform(0.15, 0.85), min(self.w, self.h) * rng.uniform(0.06, 0.1)
        y = self.horizon * {"sunset": 0.9, "dawn": 0.85}.get(self.sky, rng.uniform(0.2, 0.5))
        if self.sky != "storm":
            self.circle(self.sun_x, y, self.sun_r * 1.5, mix(self.light, self.bottom, 0.6))
            self.circle(self.sun_x, y, self.sun_r, self.light)
        for _ in range({"storm": 9, "noon": 4}.get(self.sky, 2)):
            x, y = rng.uniform(0, self.w), rng.uniform(0.05, 0.5) * self.horizon
            cloud = mix(self.bottom, (255, 255, 255), 0.1 if self.sky in ("night", "storm") else 0.6)
            for _ in range(5):
                self.circle(x + rng.uniform(-34, 34), y + rng.uniform(-5, 5), rng.uniform(7, 15), cloud)

    def hills(self, colour, count=3, height=0.25):
        for i in range(count):
            t = (i + 1) / count
            base = self.horizon + (self.h - self.horizon) * 0.5 * i / count
            line = ridge(self.rng, self.w, base + 8, self.h * height * (1.2 - t), 1.5)
            fill = mix(self.bottom, self.dark(colour), 0.35 + 0.65 * t)
            self.draw.polygon(line + [(self.w + 8, self.h), (0, self.h)], fill=fill)

    def ground(self, colour, y=None):
        self.draw.rectangle((0, y or self.horizon, self.w, self.h), fill=self.dark(colour))

    def mountains(self):
        self.hills((70, 84, 112), 4, 0.5)
        self.ground((74, 110, 66), self.h * 0.88)

    def sea(self):
        self.ground((28, 92, 140))
        for i in range(26):
            y = self.horizon + (self.h - self.horizon) * (i / 26) ** 1.4
            x, length = self.rng.uniform(-20, self.w), self.rng.uniform(10, 50)
            self.draw.line((x, y, x + length, y), fill=mix(self.dark((28, 92, 140)), self.light, 0.3), width=2)
        x, y, s = self.w * self.rng.uniform(0.25, 0.75), self.horizon + 14, self.h * self.rng.uniform(0.14, 0.24)
        self.draw.polygon([(x - s * .5, y), (x + s * .5, y), (x + s * .3, y + s * .2), (x - s * .3, y + s * .2)], fill=self.dark((96, 46, 30)))
        self.draw.polygon([(x, y - s), (x, y - 3), (x + s * .45, y - 3)], fill=self.dark((246, 244, 236)))
        self.draw.polygon([(x - 3, y - s * .8), (x - 3, y - 3), (x - s * .35, y - 3)], fill=self.dark((226, 90, 60)))

    def city(self):
        x = 0
        while x < self.w:
            width, height = self.rng.uniform(16, 40), self.h * self.rng.uniform(0.12, 0.5)
            self.draw.rectangle((x, self.horizon + 20 - height, x + width, self.h), fill=self.dark((64, 70, 92), 0.3))
            for wx in range(int(x) + 4, int(x + width) - 5, 8):
                for wy in range(int(self.horizon + 26 - height), int(self.horizon + 10), 11):
                    if self.rng.random() < 0.45:
                        self.draw.rectangle((wx, wy, wx + 3, wy + 4), fill=(250, 222, 140))
            x += width + self.rng.choice((0, 3, 8))
        self.ground((44, 60, 90), self.horizon + 20)

    def forest(self):
        self.hills((60, 90, 92), 2, 0.4)
        for i in range(34):
            t = i / 34
            x, y = self.rng.uniform(0, self.w), self.horizon + (self.h - self.horizon) * t * 0.9
            s = self.h * (0.1 + 0.16 * t)
            colour = mix(self.bottom, self.dark((26, 84, 52)), 0.45 + 0.55 * t)
            for j in range(3):
                self.draw.polygon([(x, y - s + j * s * .22), (x - s * (.16 + .07 * j), y - s * .55 + j * s * .24),
                                   (x + s * (.16 + .07 * j), y - s * .55 + j * s * .24)], fill=colour)
            self.draw.rectangle((x - 2, y - s * .1, x + 2, y), fill=self.dark((84, 58, 40)))

    def desert(self):
        for i in range(4):
            line = ridge(self.rng, self.w, self.horizon + 12 + i * 26, self.h * 0.13, 0)
            self.draw.polygon(line + [(self.w + 8, self.h), (0, self.h)], fill=self.dark(mix((226, 176, 110), (176, 104, 60), i / 3)))

    def balloon(self):
        self.hills((120, 160, 84), 3, 0.14)
        x, y, r = self.w * self.rng.uniform(.25, .75), self.h * self.rng.uniform(.22, .38), self.h * self.rng.uniform(.1, .16)
        stripes = self.rng.choice((((214, 54, 54), (250, 214, 90)), ((44, 110, 190), (240, 240, 240)), ((236, 132, 46), (90, 50, 120))))
        self.draw.polygon([(x - r * .75, y + r * .6), (x + r * .75, y + r * .6), (x + 5, y + r * 1.7), (x - 5, y + r * 1.7)], fill=self.dark(stripes[0], 0.2))
        for i, width in enumerate((1, .72, .4, .12)):
            self.draw.ellipse((x - r * width, y - r, x + r * width, y + r), fill=self.dark(stripes[i % 2], 0.1))
        self.draw.rectangle((x - 6, y + r * 1.8, x + 6, y + r * 1.8 + 9), fill=self.dark((110, 72, 40)))

    def house(self):
        self.hills((92, 140, 70), 2, 0.2)
        x, y, s = self.w * self.rng.uniform(.25, .65), self.horizon - self.h * .02, self.h * self.rng.uniform(.16, .22)
        self.draw.rectangle((x, y, x + s * 1.3, y + s), fill=self.dark((186, 54, 44)))
        self.draw.polygon([(x - 8, y), (x + s * 1.3 + 8, y), (x + s * .65, y - s * .7)], fill=self.dark((70, 62, 66)))
        glow = (255, 226, 140) if self.sky in ("night", "sunset") else self.dark((220, 232, 240))
        self.draw.rectangle((x + s * .2, y + s * .25, x + s * .5, y + s * .55), fill=glow)
        self.draw.rectangle((x + s * .75, y + s * .3, x + s * 1.05, y + s), fill=self.dark((240, 236, 224)))

    def lighthouse(self):
        self.ground((34, 88, 128))
        x = self.w * self.rng.uniform(.2, .5)
        self.draw.polygon([(0, self.horizon - 12), (x + 50, self.horizon - 6), (x + 76, self.h), (0, self.h)], fill=self.dark((96, 88, 76)))
        s, y = self.h * .4, self.horizon - 8
        for i in range(5):
            a, b = 13 - i * 1.5, 13 - (i + 1) * 1.5
            self.draw.polygon([(x - a, y - s * i / 5), (x + a, y - s * i / 5), (x + b, y - s * (i + 1) / 5), (x - b, y - s * (i + 1) / 5)],
                              fill=self.dark(((200, 48, 44), (244, 240, 232))[i % 2]))
        if self.sky in ("night", "sunset", "storm"):
            self.draw.polygon([(x, y - s - 4), (self.w, y - s - 40), (self.w, y - s + 20)], fill=mix(self.bottom, (255, 246, 190), 0.5))
        self.circle(x, y - s - 4, 8, (255, 240, 160))

    def jpeg(self):
        self.lights()
        getattr(self, self.kind)()
        self.image = self.image.resize((self.w // SCALE, self.h // SCALE), Image.Resampling.LANCZOS)
        self.image = self.image.filter(ImageFilter.GaussianBlur(0.4))
        out = io.BytesIO()
        self.image.save(out, "JPEG", quality=68, optimize=True)
        return out.getvalue()

    def features(self):
        """A small embedding: mean colour of a grid of cells, normalised."""
        cells = np.asarray(self.image.resize((4, 2), Image.Resampling.BOX), np.float32) / 255
        grey = cells.mean(axis=2, keepdims=True)
        vector = np.concatenate([cells, grey], axis=2).ravel()
        return vector / np.linalg.norm(vector)


def caption(rng, kind, sky):
    chance = rng.random()
    if chance < 0.05:
        return None
    if chance < 0.08:
        return ""
    words = WORDS[rng.choice(("en", "en", "en", "de", "fr", "ja"))]
    space = "" if words is WORDS["ja"] else " "
    text = words[kind] + space + words[sky] + rng.choice(ENDINGS)
    return text[0].upper() + text[1:]


def table():
    rng = random.Random(20)
    kinds = sorted(WORDS["en"].keys() - SKIES.keys())
    rows = []
    for row in range(ROWS):
        kind, sky = kinds[row % len(kinds)], rng.choice(sorted(SKIES))
        scene = Scene(rng, kind, sky, rng.choice(SIZES))
        image = scene.jpeg()
        rows.append({
            "key": f"{row:05d}", "caption": caption(rng, kind, sky), "width": scene.image.width,
            "height": scene.image.height, "license": rng.choice(("cc0-1.0", "cc0-1.0", "cc-by-4.0", None)),
            "rating": None if rng.random() < 0.1 else round(rng.uniform(1, 5), 1),
            "embedding": scene.features().tolist(), "image": image if row != 41 else None})
    schema = pa.schema([
        pa.field("key", pa.string(), nullable=False), ("caption", pa.string()), ("width", pa.int64()),
        ("height", pa.int64()), ("license", pa.string()), ("rating", pa.float64()),
        ("embedding", pa.list_(pa.float32(), 32)), pa.field("image", pa.binary(), metadata={"mime": "image/jpeg"})])
    return pa.Table.from_pylist(rows, schema)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path(__file__).parent / "photos.lance")
    out = parser.parse_args().out
    shutil.rmtree(out, ignore_errors=True)
    lance.write_dataset(table(), str(out))
    dataset = lance.dataset(str(out))
    size = sum(f.stat().st_size for f in out.rglob("*") if f.is_file())
    print(f"{out.name}: {dataset.count_rows()} rows, storage {dataset.data_storage_version}, {size} bytes, "
          f"pylance {lance.__version__}")


if __name__ == "__main__":
    main()
