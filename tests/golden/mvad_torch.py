"""The MVAD network as plain functions over a dictionary of parameters: what the C code is tested against.

Images are (samples * views, 3, S, S), samples outermost. A parameter comes into being when it is first asked for, filled
from its name, so the code that uses a parameter is also the only place that states its shape. After one forward pass the
dictionary holds every parameter and running statistic under the names of the released model.

    p = Parameters()
    teacher, student = forward(p, Config(), images)     # per scale, NCHW
    raw, smooth = anomaly_maps(teacher, student, 256)   # (images, S, S)
"""
import dataclasses
import math

import numpy as np
import torch
import torch.nn.functional as F

STAGE_BLOCKS = {"resnet18": (2, 2, 2), "resnet34": (3, 4, 6), "resnet50": (3, 4, 6), "wide_resnet50_2": (3, 4, 6)}
HEADS = 8


@dataclasses.dataclass(frozen=True)
class Config:
    backbone: str = "resnet34"
    image_size: int = 256
    views: int = 5
    projection: str = "qkv"
    route_projection: int = 0
    windows: tuple = (8, 8, 8)
    topk: tuple = (16, 32, 64)
    blocks: tuple = (1, 2, 4)

    @property
    def bottleneck(self):
        return self.backbone in ("resnet50", "wide_resnet50_2")

    @property
    def width(self):
        return 2 if self.backbone == "wide_resnet50_2" else 1

    def metadata(self):
        text = {}
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            text["mvad." + field.name] = ",".join(map(str, value)) if isinstance(value, tuple) else str(value)
        return text


# ---- values from names ----------------------------------------------------------------------------------------------


def uniform(name, count):
    """`count` float64 values in [-1, 1), multiples of 2^-23: splitmix64 streams started by the FNV-1a hash of the name."""
    state = 0xCBF29CE484222325
    for byte in name.encode():
        state = (state ^ byte) * 0x100000001B3 % 2**64
    z = np.uint64(state) + np.arange(1, count + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ z >> np.uint64(30)) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ z >> np.uint64(27)) * np.uint64(0x94D049BB133111EB)
    z ^= z >> np.uint64(31)
    return (z >> np.uint64(40)).astype(np.float64) * 2.0**-23 - 1


def named(name, shape, scale=1.0, offset=0.0):
    """offset + scale * uniform, rounded to float32 and held as float64: the same numbers in runs of either type."""
    values = offset + scale * uniform(name, math.prod(shape))
    return torch.from_numpy(values.astype(np.float32).astype(np.float64)).reshape(shape)


class Parameters(dict):
    """Name -> float64 tensor. `routing_gap` is the narrowest gap between a chosen and a rejected window so far."""

    routing_gap = math.inf

    def take(self, name, shape, fan_in=None):
        if name not in self:
            kind = name.rsplit(".", 1)[1]
            if kind == "running_var" or (kind == "weight" and len(shape) == 1):
                value = named(name, shape, 0.2, 1.0)
            elif kind in ("running_mean", "bias"):
                value = named(name, shape, 0.1)
            else:
                value = named(name, shape, math.sqrt(3 / (fan_in or math.prod(shape[1:]))))
            self[name] = value.requires_grad_(not (kind.startswith("running") or name.startswith("net_t.")))
        assert self[name].shape == torch.Size(shape), name
        return self[name]

    def trainable(self):
        return {name: value for name, value in self.items() if value.requires_grad}


# ---- layers ---------------------------------------------------------------------------------------------------------


def convolve(p, name, x, channels, size, stride=1, bias=False):
    weight = p.take(name + ".weight", (channels, x.shape[1], size, size))
    return F.conv2d(x, weight, p.take(name + ".bias", (channels,)) if bias else None, stride, size // 2)


def upsample(p, name, x, channels):
    return F.conv_transpose2d(x, p.take(name + ".weight", (x.shape[1], channels, 2, 2), fan_in=x.shape[1]), stride=2)


def batch_norm(p, name, x, training):
    mean, var, gamma, beta = (p.take(f"{name}.{n}", (x.shape[1],)) for n in ("running_mean", "running_var", "weight", "bias"))
    return F.batch_norm(x, mean, var, gamma, beta, training and not name.startswith("net_t."), 0.1, 1e-5)


def layer_norm(p, name, x):
    shape = x.shape[-1:]
    return F.layer_norm(x, shape, p.take(name + ".weight", shape), p.take(name + ".bias", shape), 1e-6)


def linear(p, name, x, channels):
    return F.linear(x, p.take(name + ".weight", (channels, x.shape[-1])), p.take(name + ".bias", (channels,)))


def residual_block(p, name, x, planes, bottleneck, width=1, stride=1, up=False):
    """A basic or bottleneck block of a ResNet. `up` turns the stride of 2 into a doubling."""

    def resize(layer, value, channels, size):
        if up and stride == 2:
            return upsample(p, f"{name}.{layer}", value, channels)
        return convolve(p, f"{name}.{layer}", value, channels, size, stride)

    def norm(layer, value):
        return batch_norm(p, f"{name}.{layer}", value, p.training)

    if bottleneck:
        out = 4 * planes
        y = norm("bn1", convolve(p, name + ".conv1", x, planes * width, 1)).relu()
        y = norm("bn2", resize("conv2", y, planes * width, 3)).relu()
        y = norm("bn3", convolve(p, name + ".conv3", y, out, 1))
    else:
        out = planes
        y = norm("bn1", resize("conv1", x, out, 3)).relu()
        y = norm("bn2", convolve(p, name + ".conv2", y, out, 3))
    if stride != 1 or x.shape[1] != out:
        shortcut = "upsample" if up else "downsample"
        x = norm(shortcut + ".1", resize(shortcut + ".0", x, out, 1))
    return (y + x).relu()


def residual_stage(p, name, x, planes, count, stride, bottleneck, width=1, up=False):
    for index in range(count):
        x = residual_block(p, f"{name}.{index}", x, planes, bottleneck, width, stride if index == 0 else 1, up)
    return x


# ---- attention over the windows of the other views ------------------------------------------------------------------


def position_encoding(height, width, channels):
    """(H, W, C): sine and cosine by turns, the first half of the channels from the row, the second from the column."""
    half = channels // 2
    channel = np.arange(half)
    rate = 10000.0 ** (2 * (channel // 2) / half)

    def encode(count):
        angle = (np.arange(count)[:, None] + 1) / (count + 1e-6) * 2 * np.pi / rate
        return np.where(channel % 2 == 0, np.sin(angle), np.cos(angle))

    rows = np.broadcast_to(encode(height)[:, None], (height, width, half))
    columns = np.broadcast_to(encode(width)[None], (height, width, half))
    return torch.from_numpy(np.concatenate((rows, columns), 2))


def pad_to_windows(x, windows):
    """(.., H, W, C), zeros right and below up to multiples of `windows`."""
    return F.pad(x, (0, 0, 0, -x.shape[-2] % windows, 0, -x.shape[-3] % windows))


def window_pixels(height, width, windows):
    """(P, pixels of a window): where the pixels of each window lie in a padded image of height x width."""
    grid = torch.arange(height * width).reshape(height, width)
    bands = grid.split(height // windows)
    return torch.stack([tile.flatten() for band in bands for tile in band.split(width // windows, 1)])


def choose_windows(query, key, topk):
    """query (P, C), key (O * P, C) window means -> indices (P, k), best first, and the relative gap to the rejected.

    The gap between the last chosen and the first rejected is taken relative to the largest the correlation could be.
    Windows that consist of padding do not count: as queries they are cropped, as keys they are interchangeable."""
    k = min(topk, len(key))
    score = query @ key.T
    order = score.sort(descending=True, stable=True)
    if k == len(key):
        return order.indices, math.inf
    gap = order.values[:, k - 1] - order.values[:, k]
    empty = (key == 0).all(1)
    counted = ~(empty[order.indices[:, k - 1]] & empty[order.indices[:, k]]) & (query != 0).any(1)
    bound = query.norm(dim=1) * key.norm(dim=1).max()
    return order.indices[:, :k], min((gap / bound)[counted].tolist(), default=math.inf)


def routed_attention(query, keys, values, windows, topk, heads=HEADS, route=None):
    """query (H, W, C) of a view, keys and values (O, H, W, C) of those it may look at -> (H, W, C), the log of the
    softmax denominators (H, W, heads), chosen windows (P, k), relative routing gap."""
    height, width, channels = query.shape
    query, keys, values = (pad_to_windows(x, windows) for x in (query, keys, values))
    padded = query.shape[:2]
    pixels = window_pixels(*padded, windows)
    query, keys, values = query.flatten(0, 1), keys.flatten(1, 2), values.flatten(1, 2)
    with torch.no_grad():
        mean = query[pixels].mean(1)
        mean = mean if route is None else route(mean)
        chosen, gap = choose_windows(mean, keys[:, pixels].mean(2).flatten(0, 1), topk)
    # A window's pixels are its offsets within an image plus the start of the view that holds it.
    view, window = chosen // len(pixels), chosen % len(pixels)
    positions = (view[..., None] * keys.shape[1] + pixels[window]).flatten(1)
    split = (heads, channels // heads)
    q = query[pixels].unflatten(-1, split)
    k, v = (x.flatten(0, 1)[positions].unflatten(-1, split) for x in (keys, values))
    logits = torch.einsum("pqhc,pkhc->pqhk", q, k) * channels**-0.5
    out = torch.einsum("pqhk,pkhc->pqhc", logits.softmax(-1), v).flatten(2)
    inverse = pixels.flatten().argsort()

    def to_image(x):
        return x.flatten(0, 1)[inverse].unflatten(0, padded)[:height, :width]

    return to_image(out), to_image(logits.logsumexp(-1)), chosen, gap


def other_views(view, views):
    return [i for i in range(views) if i != view] or [view]


def attention(p, name, config, scale, x, features):
    """x and features (samples, V, H, W, C): the views' queries against the features of the other views."""
    channels = x.shape[-1]
    query, keys, values = x, features, features
    if config.projection == "qkv":
        query, keys, values = (linear(p, f"{name}.{n}", t, channels) for n, t in (("q", x), ("key", features), ("v", features)))
    route = (lambda mean: linear(p, name + ".route", mean, channels)) if config.route_projection else None
    out = []
    for sample in range(len(x)):
        for view in range(config.views):
            others = other_views(view, config.views)
            y, _, _, gap = routed_attention(
                query[sample, view], keys[sample, others], values[sample, others],
                config.windows[scale], config.topk[scale], route=route)
            p.routing_gap = min(p.routing_gap, gap)
            out.append(y)
    return torch.stack(out).unflatten(0, x.shape[:2])


# ---- the network ----------------------------------------------------------------------------------------------------


def teacher_features(p, config, images):
    count, big, width = STAGE_BLOCKS[config.backbone], config.bottleneck, config.width
    weight = p.take("net_t.conv1.weight", (64, 3, 7, 7))
    x = batch_norm(p, "net_t.bn1", F.conv2d(images, weight, None, 2, 3), False).relu()
    x = F.max_pool2d(x, 3, 2, 1)
    features = []
    for i, planes in enumerate((64, 128, 256)):
        x = residual_stage(p, f"net_t.layer{i + 1}", x, planes, count[i], 1 if i == 0 else 2, big, width)
        features.append(x)
    return features


def fuse_views(p, config, scale, features):
    """(samples * V, C, H, W) of one scale -> the same shape, each view having seen the others."""
    x = features.unflatten(0, (-1, config.views)).permute(0, 1, 3, 4, 2)
    height, width, channels = x.shape[2:]
    position = position_encoding(height, width, channels)
    y = x
    for block in range(config.blocks[scale]):
        tag = str(block) if block else ""
        name = "mff_oce.{}" + str(scale) + "{}" + tag
        seen = attention(p, name.format("mvas", ""), config, scale, y + position, x)
        y = layer_norm(p, name.format("norm", 1), y + seen)
        mlp = name.format("mlp", "")
        hidden = linear(p, mlp + ".0", y, 4 * channels).relu()
        y = layer_norm(p, name.format("norm", 2), y + linear(p, mlp + ".3", hidden, channels))
    return y.permute(0, 1, 4, 2, 3).flatten(0, 1)


def fusion(p, config, features):
    e0, e1, e2 = (fuse_views(p, config, scale, x) for scale, x in enumerate(features))
    base = e0.shape[1]

    def unit(conv, norm, x, channels, size, stride, bias):
        x = convolve(p, "mff_oce." + conv, x, channels, size, stride, bias)
        return batch_norm(p, "mff_oce." + norm, x, p.training).relu()

    f0 = unit("conv1", "bn1", e0, 2 * base, 3, 2, False)
    f1 = unit("conv21", "bn21", e1, 2 * base, 1, 1, True) + f0
    f2 = unit("conv2", "bn2", f1, 4 * base, 3, 2, False) + unit("conv31", "bn31", e2, 4 * base, 1, 1, True)
    z = unit("convf", "bnf", f2, 4 * base, 1, 1, True)
    return residual_stage(p, "mff_oce.bn_layer", z, 2 * base, 3, 2, bottleneck=True)


def student_features(p, config, z):
    features = []
    for i, planes in enumerate((256, 128, 64)):
        count = STAGE_BLOCKS[config.backbone][i]
        z = residual_stage(p, f"net_s.layer{i + 1}", z, planes, count, 2, config.bottleneck, config.width, up=True)
        features.insert(0, z)
    return features


def forward(p, config, images, training=False):
    """Features of the teacher and of the student, each a list of three from stride 4 to stride 16."""
    p.training = training
    with torch.no_grad():
        teacher = teacher_features(p, config, images)
    return teacher, student_features(p, config, fusion(p, config, teacher))


def loss(teacher, student, weight=5.0):
    return weight * sum(((t - s) ** 2).mean() for t, s in zip(teacher, student))


# ---- scores ---------------------------------------------------------------------------------------------------------


def gaussian_blur(maps, sigma):
    """(N, H, W); edges mirrored including the edge pixel, as often as the radius asks for."""
    radius = int(4 * sigma + 0.5)
    kernel = np.exp(-0.5 * (np.arange(-radius, radius + 1) / sigma) ** 2)
    kernel = torch.from_numpy(kernel / kernel.sum())
    x = torch.from_numpy(np.pad(maps.numpy(), ((0, 0), (radius, radius), (radius, radius)), "symmetric"))
    x = F.conv2d(x[:, None], kernel[None, None, :, None])
    return F.conv2d(x, kernel[None, None, None, :])[:, 0]


def anomaly_maps(teacher, student, size, sigma=4.0):
    """Before and after the Gaussian."""
    distances = [1 - F.cosine_similarity(t, s, 1, 1e-8) for t, s in zip(teacher, student)]
    resized = [F.interpolate(d[:, None], size=(size, size), mode="bilinear", align_corners=True) for d in distances]
    raw = (sum(resized) / len(resized))[:, 0].detach()
    return raw, gaussian_blur(raw, sigma)
