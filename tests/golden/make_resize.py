#!/usr/bin/env python3
"""Makes images.bin: drawn images, image files of many kinds, and what Pillow makes of them.

    python3 make_resize.py [images.bin]        needs Pillow (made with 12.0) and NumPy

The file is a list of entries, each a line "NAME WIDTH HEIGHT CHANNELS BYTES" and then so many bytes:
    source.K               pixels of a drawn image
    resized.K.WxH          the same, resized by Pillow with its BILINEAR filter
    mask.K, mask.K.WxH     0/255 pixels, and Pillow's answer before the threshold
    file.NAME              an image file (WIDTH, HEIGHT and CHANNELS are 0)
    pixels.NAME            what loading it should give: upright RGB
    marks.NAME             what loading it as a mask should give: 0/255
"""
import io
import struct
import sys
import zlib

import numpy as np
from PIL import Image, ImageDraw, ImageOps

entries = []


def add(name, array):
    array = np.ascontiguousarray(array, dtype=np.uint8)
    height, width = array.shape[:2]
    channels = array.shape[2] if array.ndim == 3 else 1
    entries.append((f"{name} {width} {height} {channels}", array.tobytes()))


def add_file(name, data, pixels=None, marks=None):
    entries.append((f"file.{name} 0 0 0", data))
    if pixels is not None:
        add(f"pixels.{name}", pixels)
    if marks is not None:
        add(f"marks.{name}", marks)


def draw(width, height, seed):
    """Smooth colours, shapes with hard edges and some noise."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width]
    planes = [127 + 120 * np.sin(x / (3 + 2 * c) + y / (5 - c) + seed) for c in range(3)]
    image = Image.fromarray(np.stack(planes, 2).astype(np.uint8))
    pen = ImageDraw.Draw(image)
    for _ in range(6):
        a, b = random.integers(0, [width, height], (2, 2))
        box = [min(a[0], b[0]), min(a[1], b[1]), max(a[0], b[0]), max(a[1], b[1])]
        pen.ellipse([int(v) for v in box], fill=tuple(int(v) for v in random.choice([0, 255, 90], 3)))
    noisy = np.asarray(image).astype(int) + random.integers(-20, 21, (height, width, 3))
    return np.clip(noisy, 0, 255).astype(np.uint8)


def resized(array, width, height):
    return np.asarray(Image.fromarray(array).resize((width, height), Image.Resampling.BILINEAR))


def encoded(array, kind, mode=None, **options):
    image = array if isinstance(array, Image.Image) else Image.fromarray(array)
    buffer = io.BytesIO()
    (image.convert(mode) if mode else image).save(buffer, kind, **options)
    return buffer.getvalue()


def decoded(data, mode="RGB"):
    return np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(data))).convert(mode))


def png(width, height, depth, colour, rows, extra=b""):
    """A PNG by hand, for what Pillow doesn't write; rows are bytes without their filter byte."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))
            + extra + chunk(b"IDAT", zlib.compress(b"".join(b"\0" + row for row in rows))) + chunk(b"IEND", b""))


def make_resizes():
    sizes = {0: [(16, 16), (32, 20), (61, 30), (33, 47), (70, 52), (1, 1), (61, 1), (7, 90)], 1: [(8, 8), (40, 3)],
             2: [(5, 4), (1, 7)]}
    shapes = {0: (61, 47), 1: (80, 40), 2: (1, 1)}
    for k, (width, height) in shapes.items():
        source = draw(width, height, k)
        add(f"source.{k}", source)
        for w, h in sizes[k]:
            add(f"resized.{k}.{w}x{h}", resized(source, w, h))
    mask = (draw(50, 40, 9)[:, :, 0] > 150).astype(np.uint8) * 255
    add("mask.0", mask)
    for w, h in [(16, 16), (25, 20), (64, 64)]:
        add(f"mask.0.{w}x{h}", resized(mask, w, h))


def make_orientations():
    """Four colours in blocks of 8, so that JPEG's own error stays small."""
    blocks = np.kron(np.array([[[230, 30, 30], [30, 200, 30], [40, 40, 220]], [[240, 240, 240], [20, 20, 20],
                     [200, 200, 40]]], dtype=np.uint8), np.ones((8, 8, 1), dtype=np.uint8))
    for orientation in range(1, 9):
        exif = Image.Exif()
        exif[0x010F] = "mvad"  # an entry in front of the one that counts
        exif[0x0112] = orientation
        data = encoded(blocks, "JPEG", exif=exif, quality=90, subsampling=0)
        add_file(f"orientation{orientation}", data, decoded(data))
    # The same tag in the other byte order: the TIFF structure behind "Exif\0\0", with one entry.
    tiff = b"II*\0" + struct.pack("<IHHHIHHI", 8, 1, 0x0112, 3, 1, 6, 0, 0)
    data = encoded(blocks, "JPEG", exif=b"Exif\0\0" + tiff, quality=90, subsampling=0)
    add_file("little_endian", data, decoded(data))


def make_kinds():
    source = draw(29, 23, 5)
    grey = source[:, :, 1]
    alpha = draw(29, 23, 6)[:, :, 0]
    smooth = Image.fromarray(draw(23, 19, 7)).resize((45, 37), Image.Resampling.BICUBIC)
    palette = Image.fromarray(source).quantize(32)
    bits = Image.fromarray(grey).convert("1")

    lossless = {
        "rgb.png": encoded(source, "PNG"),
        "grey.png": encoded(grey, "PNG"),
        "rgba.png": encoded(np.dstack([source, alpha]), "PNG"),
        "grey_alpha.png": encoded(np.dstack([grey, alpha]), "PNG"),
        "palette.png": encoded(palette, "PNG"),
        "palette_clear.png": encoded(palette, "PNG", transparency=3),
        "palette_4bit.png": encoded(Image.fromarray(source).quantize(13), "PNG"),
        "bits.png": encoded(bits, "PNG"),
        "rgb.bmp": encoded(source, "BMP"),
        "grey.bmp": encoded(grey, "BMP"),
        "palette.bmp": encoded(palette, "BMP"),
    }
    for name, data in lossless.items():
        add_file(name, data, decoded(data))
    for name, options in {"plain": {}, "progressive": {"progressive": True}, "sub420": {"subsampling": 2},
                          "grey": {"mode": "L"}}.items():
        data = encoded(smooth, "JPEG", quality=85, **options)
        add_file(name + ".jpg", data, decoded(data))

    # 16 bits: the upper 8 count in a photograph, all of them in a mask.
    random = np.random.default_rng(8)
    deep = random.integers(0, 65536, (11, 13, 3)).astype(">u2")
    add_file("deep_rgb.png", png(13, 11, 16, 2, [row.tobytes() for row in deep]), deep >> 8)
    faint = np.zeros((11, 13), ">u2")
    faint[2:5, 3:9] = 1
    faint[7, 7] = 0xFF00
    add_file("deep_mask.png", png(13, 11, 16, 0, [row.tobytes() for row in faint]), None, (faint > 0) * 255)
    # Colours whose luma rounds to nothing, and just not.
    nearly = np.array([[[0, 0, 0], [1, 0, 0], [2, 0, 0], [0, 1, 0], [0, 0, 4], [0, 0, 5], [255, 255, 255]]], np.uint8)
    data = encoded(nearly, "PNG")
    add_file("luma.png", data, None, (decoded(data, "L") > 0) * 255)
    data = encoded(np.dstack([np.zeros((4, 4), np.uint8), np.full((4, 4), 255, np.uint8)]), "PNG")
    add_file("opaque_black.png", data, None, (decoded(data, "L") > 0) * 255)
    add_file("bits_mask.png", lossless["bits.png"], None, np.asarray(bits).astype(np.uint8) * 255)
    add_file("bomb.png", png(4, 4, 8, 0, [b"\0" * 4] * 4 + [b"\0" * 4000000]))  # unpacks to a thousand times itself


make_resizes()
make_orientations()
make_kinds()
with open(sys.argv[1] if len(sys.argv) > 1 else "images.bin", "wb") as file:
    for header, data in entries:
        file.write(f"{header} {len(data)}\n".encode() + data)
