#!/usr/bin/env python3
"""The table of bench/gpu.sh: python gpu_table.py FOLDER reads its JSON files and steps.txt, writes table.md and gpu.json there.

A share of the matrix product's rate is of cuBLAS's in the same precision, as mvad measured it in the same run; on
OpenCL, of what that backend has for a product. The share of bandwidth is that of the bytes a step moves, as mvad counts them.
"""
import json
import os
import re
import statistics
import sys

MEGA = 1e6


def load(folder, pattern):
    found = {}
    for name in sorted(os.listdir(folder)):
        match = re.fullmatch(pattern, name)
        if not match:
            continue
        try:
            with open(os.path.join(folder, name)) as file:
                found[match.groups()] = json.load(file)
        except (OSError, ValueError) as error:
            print(f"gpu_table.py: {name}: {error}", file=sys.stderr)
    return found


def share(part, whole):
    return f"{100 * part / whole:.0f} %" if part and whole else ""


def is_ours(row):
    return row["program"].startswith("mvad")


def rows_of(mine, torch):
    rows = []
    for (program, work, batch, precision), m in mine.items():
        seconds = m["seconds_median"]
        gemm = m.get("gemm_macs_per_second")
        copy = m.get("copy_bytes_per_second")
        rows.append({
            "work": work, "batch": int(batch), "program": {"mvad": "mvad", "opencl": "mvad, OpenCL"}[program], "mode": precision, "seconds": seconds,
            "samples_per_second": int(batch) / seconds, "memory_bytes": m.get("device_peak_bytes") or m.get("planned_bytes"),
            "share_of_gemm": m["cost"]["macs_executed"] / seconds / gemm if gemm else None,
            "share_of_bandwidth": m["cost"]["traffic_bytes"] / seconds / copy if copy else None,
        })
    for (batch, mode), t in torch.items():
        for result in t["results"]:
            rows.append({
                "work": result["work"], "batch": int(batch), "program": t["framework"], "mode": mode,
                "seconds": result["seconds_median"], "samples_per_second": int(batch) / result["seconds_median"],
                "memory_bytes": result["device_peak_bytes"], "share_of_gemm": None, "share_of_bandwidth": None,
            })
    rows.sort(key=lambda r: (r["work"], r["batch"], not is_ours(r), r["seconds"]))
    return rows


def compared(rows):
    """For each work and batch: mvad's fastest beside PyTorch's fastest."""
    lines = []
    for key in sorted({(r["work"], r["batch"]) for r in rows}):
        of = [r for r in rows if (r["work"], r["batch"]) == key]
        mine, theirs = ([r for r in of if is_ours(r) == own] for own in (True, False))
        if not mine or not theirs:
            continue
        a, b = min(mine, key=lambda r: r["seconds"]), min(theirs, key=lambda r: r["seconds"])
        line = f"{key[0]}, batch {key[1]}: mvad {a['mode']} takes {a['seconds'] / b['seconds']:.2f} of the time of PyTorch {b['mode']}"
        if a["memory_bytes"] and b["memory_bytes"]:
            line += f" and {a['memory_bytes'] / b['memory_bytes']:.2f} of its memory"
        lines.append(line)
    return lines


def table(rows):
    lines = ["| work | batch | program | mode | ms | samples/s | peak MB | of GEMM | of bandwidth |",
             "|---|---:|---|---|---:|---:|---:|---:|---:|"]
    for r in rows:
        memory = f"{r['memory_bytes'] / MEGA:.0f}" if r["memory_bytes"] else ""
        lines.append(f"| {r['work']} | {r['batch']} | {r['program']} | {r['mode']} | {r['seconds'] * 1e3:.2f} "
                     f"| {r['samples_per_second']:.1f} | {memory} | {share(r['share_of_gemm'], 1)} "
                     f"| {share(r['share_of_bandwidth'], 1)} |")
    return lines


def losses_of(folder):
    """Losses of each training run: {(precision, seed): [loss of step 1, ..]}."""
    runs = {}
    for name in sorted(os.listdir(folder)):
        match = re.fullmatch(r"train-(\w+)-(\d+)", name)
        log = os.path.join(folder, name, "log.jsonl")
        if match and os.path.exists(log):
            with open(log) as file:
                lines = [json.loads(line) for line in file]
            runs[match.groups()] = [line["loss"] for line in lines if "loss" in line and "step" in line]
    return runs


def quality(folder):
    """How the loss of each precision differs from f32's, over steps 151 to 200 of the same seeds."""
    first, last = 150, 200
    runs = losses_of(folder)
    lines = []
    for precision in ("tf32", "f16", "bf16"):
        seeds = sorted(s for p, s in runs if p == precision and ("f32", s) in runs)
        ratios = [statistics.mean(runs[precision, s][first:last]) / statistics.mean(runs["f32", s][first:last]) - 1
                  for s in seeds if min(len(runs[p, s]) for p in (precision, "f32")) >= last]
        if ratios:
            lines.append(f"training in {precision}: loss of steps {first + 1} to {last} beside f32's, seeds {', '.join(seeds)}: "
                         + ", ".join(f"{100 * r:+.2f} %" for r in ratios) + f"; mean {100 * statistics.mean(ratios):+.2f} %")
    if ("f32", "1") in runs:
        means = [statistics.mean(r[first:last]) for (p, _), r in runs.items() if p == "f32" and len(r) >= last]
        if len(means) > 1:
            lines.append(f"f32 from seed to seed: {100 * (max(means) / min(means) - 1):.2f} % between the least and the most")
    return lines


def main():
    folder = sys.argv[1]
    mine = load(folder, r"(mvad|opencl)-(forward|training)-(\d+)-(\w+)\.json")
    torch = load(folder, r"torch-(\d+)-([\w-]+)\.json")
    rows = rows_of(mine, torch)
    with open(os.path.join(folder, "steps.txt")) as file:
        steps = file.read().splitlines()
    comparison = compared(rows) + quality(folder)
    device = next((m["device"] for m in mine.values()), None)
    title = f"{device['name']} ({device['details']})" if device else "nothing was measured"
    text = "\n".join([f"# {title}", "", *table(rows), "", *(f"- {c}" for c in comparison), "", "Steps:", "", *(f"- {s}" for s in steps)])
    with open(os.path.join(folder, "table.md"), "w") as file:
        print(text, file=file)
    with open(os.path.join(folder, "gpu.json"), "w") as file:
        json.dump({"device": device, "steps": steps, "rows": rows, "comparison": comparison}, file, indent=1)
    print(text)


if __name__ == "__main__":
    main()
