#!/usr/bin/env python3
"""What `mvad-bench compare` measures, with the PyTorch reference: python compare_torch.py [options] > torch.json

Then `mvad-bench compare --torch torch.json` with the same model options sets it beside mvad. The reference is mvad_ref.py in the
folder `reference` under --reference, or under what MVAD_REFERENCE_DIR names. A forward pass is features and anomaly maps; a training
step is forward, loss, backward, clipping and AdamW. Images and results lie in host memory, as mvad's.

--mode tells how PyTorch computes: f32 (exact products), tf32, bf16 or f16 (autocast), each with -compile behind it for torch.compile.
All but f32 keep images channels last, which is PyTorch's fast layout there.
"""
import argparse
import contextlib
import datetime
import importlib.util
import json
import os
import platform
import statistics
import sys
import time

GEMM_SIZE, GEMM_SIZE_CUDA, GEMM_REPEATS, COPY_BYTES = 2048, 4096, 5, 256 << 20


def three(text):
    values = [int(part) for part in text.split(",")]
    if len(values) != 3:
        raise argparse.ArgumentTypeError("three numbers, as in 8,8,8")
    return values


def read_options():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--reference", default=os.environ.get("MVAD_REFERENCE_DIR"), help="folder with reference/mvad_ref.py")
    parser.add_argument("--backbone", default="resnet34")
    parser.add_argument("--projection", default="qkv", choices=["none", "qkv"])
    parser.add_argument("--route-projection", action="store_true")
    parser.add_argument("--views", type=int, default=5)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--windows", type=three, default=[8, 8, 8])
    parser.add_argument("--topk", type=three, default=[16, 32, 64])
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--warmup", type=int, default=1)
    parser.add_argument("--threads", type=int, default=0, help="0: as PyTorch chooses")
    parser.add_argument("--device", default="cpu", help="cpu, cuda, cuda:1, ..")
    parser.add_argument("--work", default="both", choices=["forward", "training", "both"])
    parser.add_argument("--mode", default="f32", choices=[t + c for t in ("f32", "tf32", "bf16", "f16") for c in ("", "-compile")])
    parser.add_argument("--save", help="write into this file instead of standard output")
    return parser.parse_args()


def load_reference(folder):
    if not folder:
        sys.exit("compare_torch.py: no reference: give --reference or set MVAD_REFERENCE_DIR")
    path = os.path.join(folder, "reference", "mvad_ref.py")
    if not os.path.exists(path):
        sys.exit(f"compare_torch.py: {path}: no such file")
    spec = importlib.util.spec_from_file_location("mvad_ref", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def resident(key):
    """Bytes of a line of /proc/self/status; None where the system does not tell."""
    try:
        with open("/proc/self/status") as status:
            for line in status:
                if line.startswith(key + ":"):
                    return int(line.split()[1]) * 1024
    except OSError:
        pass
    return None


def reset_peak():
    try:
        with open("/proc/self/clear_refs", "w") as file:
            file.write("5")
    except OSError:
        pass


def seconds_of(run, repeats, warmup):
    times = []
    for i in range(-warmup, repeats):
        begin = time.perf_counter()
        run()
        if i >= 0:
            times.append(time.perf_counter() - begin)
    return times


def measure(torch, device, work, run, options):
    cuda = device.type == "cuda"
    if cuda:
        torch.cuda.reset_peak_memory_stats(device)
    reset_peak()
    before = resident("VmRSS")
    times = seconds_of(run, options.repeats, options.warmup)
    peak = resident("VmHWM")
    return {
        "work": work,
        "repeats": options.repeats,
        "seconds_median": statistics.median(times),
        "seconds_min": min(times),
        "seconds_max": max(times),
        "host_peak_bytes": max(0, peak - before) if peak and before else None,
        "device_peak_bytes": torch.cuda.max_memory_allocated(device) if cuda else None,
    }


def gemm_rate(torch, device, dtype):
    size = GEMM_SIZE_CUDA if device.type == "cuda" else GEMM_SIZE
    a, b = (torch.rand(size, size, device=device).to(dtype) for _ in range(2))

    def run():
        torch.mm(a, b)
        if device.type == "cuda":
            torch.cuda.synchronize(device)

    return size**3 / statistics.median(seconds_of(run, GEMM_REPEATS, 1))


def copy_rate(torch, device):
    source = torch.zeros(COPY_BYTES, dtype=torch.uint8, device=device)
    target = torch.empty_like(source)

    def run():
        target.copy_(source)
        if device.type == "cuda":
            torch.cuda.synchronize(device)

    return 2 * COPY_BYTES / statistics.median(seconds_of(run, GEMM_REPEATS, 1))


def forward_pass(torch, reference, net, images, device, size, precision):
    def run():
        with torch.no_grad(), precision():
            reference.anomaly_maps(*net(images.to(device)), size=size).cpu()

    return run


def training_step(torch, reference, net, images, device, precision, half):
    parameters = [p for p in net.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(parameters, lr=1e-4, betas=(0.9, 0.999), eps=1e-8, weight_decay=1e-4)
    scaler = torch.amp.GradScaler(device.type, enabled=half)

    def run():
        optimizer.zero_grad()
        with precision():
            value = reference.loss(*net(images.to(device)))
        scaler.scale(value).backward()
        scaler.unscale_(optimizer)
        torch.nn.utils.clip_grad_norm_(parameters, 5.0)
        scaler.step(optimizer)
        scaler.update()
        value.item()

    return run


def main():
    options = read_options()
    reference = load_reference(options.reference)
    import torch

    if options.threads:
        torch.set_num_threads(options.threads)
    torch.manual_seed(1)
    device = torch.device(options.device)
    net = reference.MVAD(options.backbone, tuple(options.windows), tuple(options.topk), options.projection,
                         options.route_projection, options.views).to(device)
    images = torch.rand(options.batch * options.views, 3, options.size, options.size) * 4 - 2
    torch.set_default_device(device)  # where the reference draws its dropout
    name = options.mode.replace("-compile", "")
    dtype = {"f32": torch.float32, "tf32": torch.float32, "bf16": torch.bfloat16, "f16": torch.float16}[name]
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = name != "f32"

    def precision():
        return contextlib.nullcontext() if dtype == torch.float32 else torch.autocast(device.type, dtype=dtype)

    if name != "f32":
        torch.backends.cudnn.benchmark = True
        net, images = net.to(memory_format=torch.channels_last), images.to(memory_format=torch.channels_last)
    if options.mode.endswith("-compile"):
        net = torch.compile(net)
    results = []
    if options.work != "training":
        run = forward_pass(torch, reference, net.eval(), images, device, options.size, precision)
        results.append(measure(torch, device, "forward", run, options))
    if options.work != "forward":
        run = training_step(torch, reference, net.train(), images, device, precision, name == "f16")
        results.append(measure(torch, device, "training", run, options))
    cuda = device.type == "cuda"
    text = json.dumps({
        "framework": f"PyTorch {torch.__version__}",
        "python": platform.python_version(),
        "device": options.device,
        "device_name": torch.cuda.get_device_name(device) if cuda else platform.processor() or platform.machine(),
        "cuda": torch.version.cuda if cuda else None,
        "threads": torch.get_num_threads(),
        "date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M:%S"),
        "config": {
            "backbone": options.backbone,
            "projection": options.projection,
            "route_projection": options.route_projection,
            "views": options.views,
            "size": options.size,
            "windows": options.windows,
            "topk": options.topk,
            "blocks": [1, 2, 4],
        },
        "mode": options.mode,
        "batch": options.batch,
        "warmup": options.warmup,
        "gemm_macs_per_second": gemm_rate(torch, device, dtype),
        "copy_bytes_per_second": copy_rate(torch, device),
        "results": results,
    }, indent=1)
    with open(options.save, "w") if options.save else contextlib.nullcontext(sys.stdout) as file:
        print(text, file=file)


if __name__ == "__main__":
    main()
