"""The teacher's batch norms after re-estimation on two batches of 32 images: teacher_norms.safetensors.

Every norm sees its input normalised by the statistics of the batch at hand. The new running mean is the mean of the batches'
means; the new running variance is that of all their values together: the mean of the batches' unbiased variances plus the
(biased) variance of their means. Parameters follow from their names (README.md), for the configuration in the metadata.
Image k, 64 x 64 pixels of 8 bits, has at row y, column x, channel c the value

    (53 k + 5 (k mod 7 + 1) x + 3 (k mod 5 + 1) y + 101 c) mod 256

and is normalised as mvad.h says. Images 0 to 31 are the first batch, 32 to 63 the second.
"""
import numpy as np
import torch
import torch.nn.functional as F

import make_golden
import mvad_torch

SIZE, BATCH, BATCHES = 64, 32, 2


def images():
    k, y, x, c = np.meshgrid(np.arange(BATCH * BATCHES), np.arange(SIZE), np.arange(SIZE), np.arange(3), indexing="ij")
    pixels = (53 * k + 5 * (k % 7 + 1) * x + 3 * (k % 5 + 1) * y + 101 * c) % 256
    mean, std = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
    return torch.from_numpy(((pixels / 255 - mean) / std).astype(np.float32).astype(np.float64)).movedim(3, 1)


def main():
    found = {}

    def batch_norm(p, name, x, training):
        gamma, beta = (p.take(f"{name}.{n}", (x.shape[1],)) for n in ("weight", "bias"))
        found.setdefault(name, []).append((x.mean((0, 2, 3)), x.var((0, 2, 3), unbiased=True)))
        return F.batch_norm(x, None, None, gamma, beta, True, 0.1, 1e-5)

    mvad_torch.batch_norm = batch_norm
    config = mvad_torch.Config("resnet18", SIZE, 2, "none", 0, (4, 4, 2), (5, 6, 3))
    parameters = mvad_torch.Parameters()
    parameters.training = False
    with torch.no_grad():
        for batch in images().split(BATCH):
            mvad_torch.teacher_features(parameters, config, batch)
    tensors = {}
    for name, batches in found.items():
        means, variances = (torch.stack(values) for values in zip(*batches))
        tensors[name + ".running_mean"] = means.mean(0).numpy()
        tensors[name + ".running_var"] = (variances.mean(0) + means.var(0, unbiased=False)).numpy()
    make_golden.save("teacher_norms.safetensors", tensors, config.metadata() | {"computed_in": "float64"})


if __name__ == "__main__":
    main()
