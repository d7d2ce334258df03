"""Photographs resized by mvad and by Pillow: python check_photographs.py RESIZE_PHOTOGRAPH REFERENCE_DIR

Ten photographs of six classes and all five views, at sides from 32 to 1024. Resizing the same pixels may differ by 1 (Pillow 13 takes
columns first for some shapes). From the file on, the JPEG decoders differ as well: their rounding and their way to enlarge colours are
their own. Exit code 77 (skipped) without Pillow and NumPy, or without the photographs.
"""
import os
import subprocess
import sys

SKIPPED = 77
SIDES = (32, 64, 100, 128, 224, 255, 256, 320, 512, 1024)
RESIZED, DECODED = 1, 6  # allowed differences, of 255


def photographs(folder):
    """Every view in turn, of the test parts with the lowest numbers."""
    found = []
    for i, name in enumerate(sorted(os.listdir(folder)) * 2):
        view = f"_C{i % 5 + 1}_"
        parts = os.path.join(folder, name, "OK")
        part = os.path.join(parts, sorted(os.listdir(parts))[i])
        found += [os.path.join(part, file) for file in sorted(os.listdir(part)) if view in file]
    return found[:10]


def main():
    program, reference = sys.argv[1:]
    folder = os.path.join(reference, "data", "photos", "realiad_256")
    try:
        import numpy as np
        import PIL
        from PIL import Image
    except ImportError as error:
        print(f"skipped: {error}")
        return SKIPPED
    if not os.path.isdir(folder):
        print(f"skipped: no {folder}")
        return SKIPPED
    files, worst_resized, worst_file = photographs(folder), 0, 0
    assert len(files) == 10, files
    for file in files:
        out = subprocess.run([program, file, *map(str, SIDES)], stdout=subprocess.PIPE, check=True).stdout
        width, height = np.frombuffer(out, np.int32, 2)
        bytes_of = lambda begin, w, h: np.frombuffer(out, np.uint8, w * h * 3, begin).reshape(h, w, 3)
        decoded, begin = bytes_of(8, width, height), 8 + width * height * 3
        with Image.open(file) as opened:
            theirs = opened.convert("RGB")
        assert theirs.size == (width, height)
        difference = lambda a, b: int(np.abs(np.asarray(a).astype(int) - b).max())
        for side in SIDES:
            ours = bytes_of(begin, side, side)
            begin += side * side * 3
            resize = lambda image: image.resize((side, side), Image.Resampling.BILINEAR)
            worst_resized = max(worst_resized, difference(resize(Image.fromarray(decoded)), ours))
            worst_file = max(worst_file, difference(resize(theirs), ours))
        assert begin == len(out)
        print(f"{os.path.basename(file)} {width} x {height}: decoded {difference(theirs, decoded)}")
    print(f"Pillow {PIL.__version__}, sides {SIDES}: resized {worst_resized}, from the file on {worst_file}")
    return 0 if worst_resized <= RESIZED and worst_file <= DECODED else 1


if __name__ == "__main__":
    sys.exit(main())
