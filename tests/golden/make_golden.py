"""Writes the golden files of this folder; README.md says what they hold. Run it here, without arguments."""
import json
import struct

import numpy as np
import torch
import torch.nn.functional as F

import mvad_torch as mvad
from mvad_torch import Config, named

SAMPLED = 30  # elements of a digest beside its norm and sum
SETTINGS = {"lr": 1e-3, "betas": (0.9, 0.999), "eps": 1e-3, "weight_decay": 1e-4}
CLIP, LOSS_WEIGHT = 5.0, 5.0
SHARP = 3  # steps after which parameters still agree to ten digits, see README.md

# Name: configuration, samples, pseudo-name of the input (the one of a dozen with the widest routing gap), whole map kept
FORWARD = {
    "resnet18_views3": (Config("resnet18", 64, 3, "qkv", 0, (4, 2, 2), (3, 4, 2)), 1, "input3", True),
    "resnet34_views5": (Config("resnet34", 64, 5, "none", 0, (8, 8, 4), (16, 32, 16)), 1, "input0", False),
    "resnet50_qkv": (Config("resnet50", 32, 2, "qkv", 0, (2, 2, 1), (2, 1, 1)), 1, "input1", False),
    "wide_resnet50_2_none": (Config("wide_resnet50_2", 32, 2, "none", 0, (4, 2, 1), (3, 9, 1), (1, 1, 1)), 1, "input0", False),
    "resnet18_padded_route": (Config("resnet18", 96, 2, "qkv", 1, (7, 5, 4), (4, 4, 4)), 1, "input10", True),
    "resnet18_view1": (Config("resnet18", 64, 1, "qkv", 0, (4, 4, 2), (5, 3, 2)), 1, "input4", False),
    "resnet18_blocks213": (Config("resnet18", 64, 2, "qkv", 0, (4, 4, 2), (5, 6, 3), (2, 1, 3)), 1, "input6", False),
    "resnet18_batch2": (Config("resnet18", 64, 4, "none", 0, (4, 4, 2), (5, 6, 3)), 2, "input1", False),
}
# Name: configuration, samples, pseudo-name of the input, steps
TRAIN = {
    "resnet18_qkv": (Config("resnet18", 64, 3, "qkv", 0, (4, 4, 2), (5, 6, 3)), 2, "input0", 10),
    "resnet18_none": (Config("resnet18", 64, 2, "none", 0, (4, 4, 2), (5, 6, 3)), 2, "input2", 10),
    "resnet50_qkv": (Config("resnet50", 64, 2, "qkv", 0, (4, 2, 2), (5, 2, 1), (1, 1, 1)), 2, "input0", SHARP),
}


def save(path, tensors, metadata):
    """A safetensors file whose bytes depend on its content alone: the usual library writes metadata in random order."""
    header, blobs, offset = {"__metadata__": dict(sorted(metadata.items()))}, [], 0
    for name in sorted(tensors):
        array = np.ascontiguousarray(tensors[name])
        code = {"float64": "F64", "float32": "F32"}[array.dtype.name]
        header[name] = {"dtype": code, "shape": list(array.shape), "data_offsets": [offset, offset + array.nbytes]}
        blobs.append(array.tobytes())
        offset += array.nbytes
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + b"".join(blobs))


def digest(x):
    flat = x.detach().reshape(-1)
    step = max(flat.numel() // SAMPLED, 1)
    return torch.cat((flat.norm()[None], flat.sum()[None], flat[::step][:SAMPLED])).numpy()


def norm_and_head(x):
    flat = x.detach().reshape(-1)
    return torch.cat((flat.norm()[None], flat[:7])).numpy()


def describe(config, samples, input_name, gap):
    return config.metadata() | {
        "samples": str(samples), "input": f"{input_name} * 2", "routing_gap": f"{gap:.3e}",
        "computed_in": "float64", "layout": "NCHW", "weights": "hashed from their names"}


def network_input(config, samples, name):
    return named(name, (samples * config.views, 3, config.image_size, config.image_size), 2.0)


def make_forward(name, config, samples, input_name, keep_map):
    p, images = mvad.Parameters(), network_input(config, samples, input_name)
    with torch.no_grad():
        teacher, student = mvad.forward(p, config, images)
    raw, smooth = mvad.anomaly_maps(teacher, student, config.image_size)
    tensors = {"input.digest": digest(images), "anomaly_map_raw.digest": digest(raw), "anomaly_map.digest": digest(smooth)}
    for scale in range(3):
        tensors[f"teacher.{scale}.digest"] = digest(teacher[scale])
        tensors[f"student.{scale}.digest"] = digest(student[scale])
    score = smooth.amax((1, 2))
    tensors["image_score"] = score.numpy()
    tensors["sample_score"] = score.reshape(samples, config.views).amax(1).numpy()
    if keep_map:
        tensors["anomaly_map"] = smooth.to(torch.float32).numpy()
    count = sum(value.numel() for key, value in p.items() if "running_" not in key and not key.startswith("net_t."))
    extra = {"trainable_parameters": str(count)}
    save(f"forward_{name}.safetensors", tensors, describe(config, samples, input_name, p.routing_gap) | extra)


def train(config, samples, input_name, steps):
    """-> the parameters after the last step and what was seen on the way."""
    p, images = mvad.Parameters(), network_input(config, samples, input_name)
    seen, losses, norms, optimizer = {"input.digest": digest(images)}, [], [], None
    for step in range(1, steps + 1):
        loss = mvad.loss(*mvad.forward(p, config, images, training=True), LOSS_WEIGHT)
        trainable = p.trainable()
        optimizer = optimizer or torch.optim.AdamW(trainable.values(), foreach=False, **SETTINGS)
        optimizer.zero_grad()
        loss.backward()
        if step == 1:
            seen |= {f"grad0.{name}": norm_and_head(value.grad) for name, value in trainable.items()}
        norms.append(torch.nn.utils.clip_grad_norm_(trainable.values(), CLIP).item())
        losses.append(loss.item())
        optimizer.step()
        if step in (SHARP, steps):
            seen |= {f"after{step}.{name}": norm_and_head(value) for name, value in p.items() if not name.startswith("net_t.")}
    return p, seen | {"loss": np.array(losses), "grad_norm": np.array(norms)}


def make_train(name, config, samples, input_name, steps):
    p, tensors = train(config, samples, input_name, steps)
    text = ("AdamW lr 1e-3 betas 0.9,0.999 eps 1e-3 weight_decay 1e-4 (all parameters), gradient clipped to norm 5, "
            "loss 5 * sum of MSE, dropout 0, drop path 0, every step on the same batch")
    extra = {"optimizer": text, "steps": str(steps)}
    save(f"train_{name}.safetensors", tensors, describe(config, samples, input_name, p.routing_gap) | extra)


class Cases:
    """Collects the tensors of ops.safetensors; inputs by formula leave only their first elements behind."""

    def __init__(self):
        self.tensors, self.metadata = {}, {"computed_in": "float64", "layout": "NHWC"}

    def input(self, name, *shape, scale=1.0, offset=0.0):
        value = named(name, shape, scale, offset)
        self.tensors[name + ".head"] = value.reshape(-1)[:4].clone().numpy()
        return value.requires_grad_()

    def norm_input(self, name, *shape):
        """Of a scale or a variance."""
        return self.input(name, *shape, scale=0.2, offset=1.0)

    def output(self, name, value):
        self.tensors[name] = value.detach().clone().to(torch.float64).numpy()

    def gradients(self, case, y, *inputs):
        """Of sum(y * dy) with respect to (name, input) pairs."""
        dy = self.input(case + ".dy", *y.shape).detach()
        y.backward(dy)
        for name, x in inputs:
            self.output(f"{case}.{name}", x.grad)


def nchw(x):
    return x.permute(0, 3, 1, 2)


def nhwc(x):
    return x.permute(0, 2, 3, 1)


def conv_cases(c):
    shapes = {  # x (N, H, W, C), output channels, kernel, stride, padding
        "conv3x3": ((2, 5, 6, 3), 4, 3, 1, 1),
        "conv3x3_stride2": ((2, 7, 6, 5), 3, 3, 2, 1),
        "conv7x7_stride2": ((2, 9, 11, 3), 5, 7, 2, 3),
        "conv1x1_stride2": ((2, 5, 7, 6), 4, 1, 2, 0),
        "conv1x1": ((1, 3, 5, 7), 9, 1, 1, 0),
    }
    for case, (shape, out, size, stride, pad) in shapes.items():
        x = c.input(case + ".x", *shape)
        w = c.input(case + ".w", out, size, size, shape[3])
        bias = c.input(case + ".bias", out)
        y = nhwc(F.conv2d(nchw(x), nchw(w), bias, stride, pad))
        c.output(case + ".y", y)
        c.gradients(case, y, ("dx", x), ("dw", w), ("dbias", bias))

    case = "conv3x3_residual_relu"
    x, w, bias = c.input(case + ".x", 2, 4, 3, 5), c.input(case + ".w", 6, 3, 3, 5), c.input(case + ".bias", 6)
    residual = c.input(case + ".residual", 2, 4, 3, 6)
    c.output(case + ".y", (nhwc(F.conv2d(nchw(x), nchw(w), bias, 1, 1)) + residual).relu())

    case = "convt2x2"
    x, w = c.input(case + ".x", 2, 3, 5, 6), c.input(case + ".w", 6, 2, 2, 4)
    y = nhwc(F.conv_transpose2d(nchw(x), w.permute(0, 3, 1, 2), None, 2))
    c.output(case + ".y", y)
    c.gradients(case, y, ("dx", x), ("dw", w))


def norm_cases(c):
    for case, training in (("batch_norm", True), ("batch_norm_eval", False)):
        x = c.input(case + ".x", 2, 3, 5, 7)
        gamma, beta = c.norm_input(case + ".gamma", 7), c.input(case + ".beta", 7)
        mean, var = c.input(case + ".running_mean", 7).detach(), c.norm_input(case + ".running_var", 7).detach()
        y = nhwc(F.batch_norm(nchw(x), mean, var, gamma, beta, training, 0.1, 1e-5))
        c.output(case + ".y", y)
        if training:
            c.output(case + ".running_mean.after", mean)
            c.output(case + ".running_var.after", var)
            c.gradients(case, y, ("dx", x), ("dgamma", gamma), ("dbeta", beta))

    case = "layer_norm"
    x = c.input(case + ".x", 2, 3, 5, 11)
    gamma, beta = c.norm_input(case + ".gamma", 11), c.input(case + ".beta", 11)
    y = F.layer_norm(x, (11,), gamma, beta, 1e-6)
    c.output(case + ".y", y)
    c.gradients(case, y, ("dx", x), ("dgamma", gamma), ("dbeta", beta))


def image_cases(c):
    c.output("max_pool.y", nhwc(F.max_pool2d(nchw(c.input("max_pool.x", 2, 7, 10, 3)), 3, 2, 1)))
    for case, shape, size in (("resize", (2, 5, 3, 2), (11, 8)), ("resize_even", (1, 4, 4, 1), (16, 16))):
        x = c.input(case + ".x", *shape)
        c.output(case + ".y", nhwc(F.interpolate(nchw(x), size=size, mode="bilinear", align_corners=True)))

    t, s = c.input("cosine_map.t", 2, 3, 5, 7).detach(), c.input("cosine_map.s", 2, 3, 5, 7).detach()
    s[0, 0, 0] = 0  # a vector without direction
    c.output("cosine_map.y", 1 - F.cosine_similarity(t, s, -1, 1e-8)[..., None])

    for size in (40, 12):
        x = c.input(f"gaussian_blur{size}.x", 2, size, size, 1).detach()
        c.output(f"gaussian_blur{size}.y", mvad.gaussian_blur(x[..., 0], 4.0)[..., None])

    t, s = c.input("mse.t", 2, 3, 5, 7).detach(), c.input("mse.s", 2, 3, 5, 7)
    loss = LOSS_WEIGHT * F.mse_loss(s, t)
    loss.backward()
    c.output("mse.loss", loss)
    c.output("mse.ds", s.grad)


def attention_cases(c):
    cases = {  # views, side, channels, windows, K
        "attention": (3, 8, 16, 3, 4),
        "attention_view1": (1, 6, 8, 3, 5),
    }
    for case, (views, side, channels, windows, topk) in cases.items():
        q, k, v = (c.input(f"{case}.{n}", views, side, side, channels) for n in "qkv")
        out, lse, indices, gaps = [], [], [], []
        for view in range(views):
            others = torch.tensor(mvad.other_views(view, views))
            y, denominator, chosen, gap = mvad.routed_attention(q[view], k[others], v[others], windows, topk)
            area = windows * windows
            indices.append((others[chosen // area] * area + chosen % area).sort(-1).values)
            out.append(y)
            lse.append(denominator)
            gaps.append(gap)
        y = torch.stack(out)
        c.output(case + ".o", y)
        c.output(case + ".lse", torch.stack(lse))
        c.output(case + ".indices", torch.stack(indices)[..., None])
        c.gradients(case, y, ("dq", q), ("dk", k), ("dv", v))
        c.metadata[case + ".routing_gap"] = f"{min(gaps):.3e}"


def adamw_case(c):
    p = torch.nn.Parameter(c.input("adamw.p", 37).detach().clone())
    optimizer = torch.optim.AdamW([p], 0.0125, (0.9, 0.999), 1e-8, 0.1, foreach=False)
    for step, scale in enumerate((2.0, 0.5, 4.0), 1):
        p.grad = c.input(f"adamw.gradient{step}", 37, scale=scale).detach()
        c.output(f"adamw.norm{step}", torch.nn.utils.clip_grad_norm_([p], CLIP))
        optimizer.step()
        c.output(f"adamw.p{step}", p)
        c.output(f"adamw.m{step}", optimizer.state[p]["exp_avg"])
        c.output(f"adamw.v{step}", optimizer.state[p]["exp_avg_sq"])


def make_ops():
    c = Cases()
    conv_cases(c)
    norm_cases(c)
    image_cases(c)
    attention_cases(c)
    adamw_case(c)
    save("ops.safetensors", c.tensors, c.metadata)


if __name__ == "__main__":
    torch.set_num_threads(1)
    torch.set_default_dtype(torch.float64)
    make_ops()
    for name, case in FORWARD.items():
        make_forward(name, *case)
    for name, case in TRAIN.items():
        make_train(name, *case)
