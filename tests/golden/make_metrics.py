"""Writes metrics.safetensors: scores and masks with the answers of scikit-learn and scikit-image.

Each case has maps (views, S, S), masks (the same, 0 or 1), labels (views), samples and
sample_labels (any number), and the answers
  regions   masks labelled with 8-connectivity, numbered row by row within each view
  expected  sample, image and pixel AUROC, AP, F1-max, then AUPRO; NaN where undefined
  strips    pixel AUROC, AP, F1-max and AUPRO from 50 strips and 21 thresholds
`large` has answers only: its scores and masks follow from the formulas of large_case, which the
test repeats.
"""

import numpy as np
from safetensors.numpy import save_file
from skimage.measure import label
from sklearn.metrics import average_precision_score, precision_recall_curve, roc_auc_score

LIMIT = 0.3


def ranking(labels, scores):
    labels, scores = np.ravel(labels), np.ravel(scores)
    if len(np.unique(labels)) < 2:
        return [np.nan] * 3
    precision, recall, _ = precision_recall_curve(labels, scores)
    both = precision + recall
    f1 = np.divide(2 * precision * recall, both, out=np.zeros_like(both), where=both > 0)
    return [roc_auc_score(labels, scores), average_precision_score(labels, scores), f1.max()]


def area_to_limit(fpr, pro):
    """Trapezoids below (fpr, pro), fpr ascending, cut at LIMIT."""
    inside = fpr <= LIMIT
    x = np.append(fpr[inside], LIMIT)
    y = np.append(pro[inside], np.interp(LIMIT, fpr[np.sum(inside) - 1:], pro[np.sum(inside) - 1:]))
    return np.trapezoid(y, x) / LIMIT


def region_weights(masks):
    """1 / area of its region at each anomalous pixel, and the labels."""
    regions = np.stack([label(m, connectivity=2) for m in masks])
    weights = np.zeros(masks.shape)
    for view, weight in zip(regions, weights):
        areas = np.bincount(view.ravel())
        weight[view > 0] = 1 / areas[view[view > 0]]
    return regions, weights


def aupro(masks, maps):
    regions, weights = region_weights(masks)
    count = sum(int(r.max()) for r in regions)
    normal = np.sum(masks == 0)
    if not count or not normal:
        return np.nan, regions
    order = np.argsort(-maps.ravel(), kind="stable")
    scores = maps.ravel()[order]
    pro = np.cumsum(weights.ravel()[order]) / count
    fpr = np.cumsum((masks.ravel() == 0)[order]) / normal
    last = np.append(scores[1:] != scores[:-1], True)
    return area_to_limit(np.append(0, fpr[last]), np.append(0, pro[last])), regions


def strips(masks, maps, count=50):
    anomalous, scores = masks.ravel() > 0, maps.ravel().astype(np.float64)
    if anomalous.all() or not anomalous.any() or scores.min() == scores.max():
        return [np.nan] * 4
    edges = scores.min() + (scores.max() - scores.min()) * np.arange(count + 1) / count
    edges[-1] = scores.max()
    weights = region_weights(masks)[1].ravel()
    above = [scores >= edge for edge in edges[::-1]]
    tpr = np.array([np.sum(a & anomalous) for a in above]) / anomalous.sum()
    fpr = np.array([np.sum(a & ~anomalous) for a in above]) / (~anomalous).sum()
    pro = np.array([np.sum(weights[a]) for a in above]) / weights.sum()
    precision = np.array([np.mean(anomalous[a]) for a in above])
    scaled = (scores - scores.min()) / (scores.max() - scores.min())
    f1 = [2 * np.sum(found & anomalous) / (np.sum(found) + anomalous.sum())
          for found in (scaled > 0.05 * i for i in range(21))]
    return [np.trapezoid(tpr, fpr), np.trapezoid(precision, tpr), max(f1),
            area_to_limit(fpr, pro) if fpr[0] <= LIMIT else np.nan]


def answers(maps, masks, labels, samples, sample_labels):
    pro, regions = aupro(masks, maps)
    expected = [*ranking(sample_labels, samples), *ranking(labels, maps.max(axis=(1, 2))),
                *ranking(masks, maps), pro]
    return np.array(expected), regions


def small_cases():
    random = np.random.default_rng(1)
    views, side = 5, 12

    def case(share, levels=None, shift=0.3, masks=None):
        if masks is None:
            masks = random.random((views, side, side)) < share
        maps = random.random(masks.shape) + shift * masks
        if levels:
            maps = np.floor(maps * levels) / levels
        labels = masks.any(axis=(1, 2)) ^ (np.arange(len(masks)) == 2)
        samples = np.floor(random.random(17) * 6) / 8
        return [maps.astype(np.float32), masks.astype(np.uint8), labels, samples.astype(np.float32),
                random.random(17) < 0.4]

    def empty():
        return np.zeros((views, side, side), bool)

    yield "distinct", case(0.1)
    yield "ties", case(0.2, levels=4)
    yield "dense", case(0.5, levels=40)

    constant = case(0.1)
    constant[0][:] = 0.25
    yield "constant", constant

    negative = case(0.1, levels=16)
    negative[0] -= 0.5
    negative[0][0, :2] = -0.0
    yield "negative", negative

    yield "normal", case(0, masks=empty())
    anomalous = case(1, levels=9, masks=~empty())
    anomalous[2][:] = True
    anomalous[4][:] = True
    yield "anomalous", anomalous

    # One region by corners only in each direction, single pixels, a ring, a comb and a spiral.
    shapes = empty()
    shapes[0][np.arange(8), np.arange(8)] = True
    shapes[0][np.arange(3), 11 - np.arange(3)] = True
    shapes[1][::3, ::4] = True
    shapes[2][2:9, 2:9] = True
    shapes[2][4:7, 4:7] = False
    shapes[2][5, 5] = True
    shapes[3][:8, ::2] = True
    shapes[3][8, :7] = True
    shapes[4][0, :] = shapes[4][:, 11] = shapes[4][11, 2:] = shapes[4][3:, 2] = True
    shapes[4][3, 4:9] = shapes[4][4:8, 8] = True
    yield "shapes", case(0, levels=50, shift=0.5, masks=shapes)

    one = empty()
    one[3, 11, 0] = True
    yield "one_pixel", case(0, levels=200, shift=0, masks=one)

    crowded = case(0.1, levels=1000)
    crowded[0] = (crowded[0] * 1e-5 + 0.5).astype(np.float32)
    crowded[0][0, 0, 0] = 1.9
    yield "crowded", crowded


def large_case(views=40, side=256):
    index = np.arange(views * side * side, dtype=np.uint64)
    z = (index + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ z >> np.uint64(30)) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ z >> np.uint64(27)) * np.uint64(0x94D049BB133111EB)
    z ^= z >> np.uint64(31)
    v, y, x = np.meshgrid(np.arange(views), np.arange(side), np.arange(side), indexing="ij")
    masks = (v % 3 == 1) & (((y >= 20 + v) & (y < 60 + v) & (x >= 30) & (x < 50 + 2 * v))
                            | ((y == x) & (y >= 150) & (y < 150 + v))
                            | ((7 * y + 13 * x) % 977 == 0) & (y > 200))
    # Bits of floats: 2^-8 times four powers of two, anomalous ones higher by 1.5 of them, with many
    # ties in every eighth view.
    bits = (z & np.uint64(0x01FFFFFF)).astype(np.uint32).reshape(masks.shape)
    bits += np.uint32(0x3B800000) + masks * np.uint32(0x00C00000)
    bits[::8] &= np.uint32(0xFFFF0000)
    return bits.view(np.float32), masks.astype(np.uint8), masks.any(axis=(1, 2))


def main():
    tensors = {}
    for name, (maps, masks, labels, samples, sample_labels) in small_cases():
        expected, regions = answers(maps, masks, labels, samples, sample_labels)
        tensors |= {f"{name}.maps": maps, f"{name}.masks": masks.astype(np.float16),
                    f"{name}.labels": labels.astype(np.float16), f"{name}.samples": samples,
                    f"{name}.sample_labels": sample_labels.astype(np.float16),
                    f"{name}.regions": regions.astype(np.float16), f"{name}.expected": expected,
                    f"{name}.strips": np.array(strips(masks, maps))}
    maps, masks, labels = large_case()
    tensors["large.expected"] = answers(maps, masks, labels, maps.max(axis=(1, 2)), labels)[0]
    tensors["large.strips"] = np.array(strips(masks, maps))
    save_file(tensors, "metrics.safetensors")
    for name, value in tensors.items():
        if name.endswith(("expected", "strips")):
            print(name, np.array2string(value, precision=4, max_line_width=100))


if __name__ == "__main__":
    main()
