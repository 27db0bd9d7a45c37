#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Width, height and mean brightness (0 to 1) of images; needs Pillow.

    lancectl udf add photos.lance jpeg_size.py

One run makes three columns:

    lancectl add photos.lance jpeg_width jpeg_height brightness --udf=jpeg_size --inputs=image
"""

import io
from typing import NamedTuple

from lancefs_udf import run


class Size(NamedTuple):
    width: "int32"  # types as lancefs calls them
    height: "int32"
    brightness: "float32"


class JpegSize:
    def setup(self):
        """Once a worker; the types are known without Pillow."""
        from PIL import Image, ImageStat
        self.open, self.stat = Image.open, ImageStat.Stat

    def __call__(self, image: bytes) -> Size:
        with self.open(io.BytesIO(image)) as picture:
            width, height = picture.size
            picture.draft("L", (256, 256))  # JPEGs are decoded smaller, which is faster
            return Size(width, height, self.stat(picture.convert("L")).mean[0] / 255)


run(JpegSize)
