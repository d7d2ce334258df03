"""Writes python.safetensors, the file of test_safetensors.c that comes from the Python library.

Usage: python make_python_safetensors.py [OUT]       (needs torch and safetensors)
"""

import os
import sys

import torch
from safetensors.torch import save_file

TENSORS = {
    "f64": torch.tensor([[0.1, -2.5, 1e300], [5e-324, 0.0, 1 / 3]], dtype=torch.float64),
    "f32": torch.tensor([[0.1, -2.5], [3.0, 1e-40]], dtype=torch.float32),
    "f16": torch.tensor([1.0, 6e-8, -65504.0], dtype=torch.float16),
    "bf16": torch.tensor([1.0, 3.140625, -1e38], dtype=torch.bfloat16),
    "i64": torch.tensor(7, dtype=torch.int64),
    "u8": torch.tensor([1, 2, 3], dtype=torch.uint8),
    "bool": torch.tensor([True, False]),
    "empty": torch.zeros((0, 3), dtype=torch.float32),
    "größe": torch.tensor(42.0),
}
METADATA = {"format": "pt", "note": 'two\nlines, "quotes" and ü'}


def main():
    folder = os.path.dirname(os.path.abspath(__file__))
    path = sys.argv[1] if len(sys.argv) > 1 else os.path.join(folder, "python.safetensors")
    save_file(TENSORS, path, metadata=METADATA)


if __name__ == "__main__":
    main()
