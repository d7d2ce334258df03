"""Writes the seeds that are no text: seeds/image, seeds/safetensors and seeds/torch_zip. Needs Pillow and numpy; run it anywhere, without arguments."""
import json
import os
import struct

import numpy as np
from PIL import Image

FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "seeds")


def image(name, array, mode=None, **options):
    picture = Image.fromarray(array, mode) if mode else Image.fromarray(array)
    picture.save(os.path.join(FOLDER, "image", name), **options)


def exif(orientation):
    data = Image.Exif()
    data[0x0112] = orientation
    return data


def images():
    y, x = np.mgrid[0:12, 0:17].astype(np.uint8)
    colour = np.stack((x * 15, y * 20, x ^ y * 9), -1).astype(np.uint8)
    grey = colour[..., 0].copy()
    image("baseline.jpg", colour, quality=80)
    image("progressive.jpg", colour, progressive=True, quality=50)
    image("grey.jpg", grey, quality=70)
    image("subsampled_turned.jpg", colour, subsampling=2, exif=exif(6))
    image("restart.jpg", colour, restart_marker_blocks=1)
    image("cmyk.jpg", np.dstack((colour, grey)), "CMYK")
    image("rgb.png", colour)
    image("grey.png", grey)
    image("alpha.png", np.dstack((colour, grey)))
    image("deep.png", (grey.astype(np.uint16) * 257))
    Image.fromarray(colour).quantize(7).save(os.path.join(FOLDER, "image", "palette.png"), bits=4)
    Image.fromarray(grey > 90).save(os.path.join(FOLDER, "image", "mask.png"))
    image("rgb.bmp", colour)
    Image.fromarray(colour).quantize(16).save(os.path.join(FOLDER, "image", "palette.bmp"))
    image("alpha.bmp", np.dstack((colour, grey)))


def safetensors(name, entries, data, metadata=None):
    header = {"__metadata__": metadata} if metadata else {}
    header.update({key: dict(dtype=kind, shape=shape, data_offsets=offsets) for key, kind, shape, offsets in entries})
    text = json.dumps(header, ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    with open(os.path.join(FOLDER, "safetensors", name), "wb") as out:
        out.write(struct.pack("<Q", len(text)) + text + data)


def unchecked(name):
    """A zip archive without checksums, which PyTorch can write too: a changed byte is not found at once."""
    with open(os.path.join(FOLDER, os.pardir, os.pardir, "golden", "torch", name), "rb") as archive:
        data = bytearray(archive.read())
    at = data.find(b"PK\x01\x02")
    while at >= 0:
        data[at + 16:at + 20] = bytes(4)
        at = data.find(b"PK\x01\x02", at + 4)
    with open(os.path.join(FOLDER, "torch_zip", name), "wb") as out:
        out.write(data)


def main():
    for kind in "image", "safetensors", "torch_zip":
        os.makedirs(os.path.join(FOLDER, kind), exist_ok=True)
    images()
    for name in "zip_types.pth", "zip_strided.pth", "zip_checkpoint.pth", "zip_plain.pth", "zip_big_endian.pth":
        unchecked(name)
    safetensors("empty.safetensors", [], b"")
    safetensors("types.safetensors", [("d", "F64", [1], [0, 8]), ("f", "F32", [2], [8, 16]), ("h", "F16", [1, 1], [16, 18]),
                                      ("b", "BF16", [], [18, 20]), ("i", "I64", [0, 3], [20, 20]), ("ü", "U8", [3], [20, 23])],
                bytes(range(23)), {"mvad.backbone": "resnet18", "note": 'two\nlines, "quoted"'})


if __name__ == "__main__":
    main()
