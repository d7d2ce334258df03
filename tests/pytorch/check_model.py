"""Weights from PyTorch to mvad and back: python check_model.py MVAD REFERENCE_DIR

A PyTorch model (mvad_ref.py in the folder `reference`) with random values is saved as training codes do, converted by `mvad convert`,
and the model file is loaded into another PyTorch model with load_state_dict(strict=True): all values are those of the first. Then
`mvad predict` has to give the second model's features and anomaly maps. Exit code 77 (skipped) without torch, safetensors or the
reference.
"""
import importlib.util
import os
import subprocess
import sys
import tempfile

SKIPPED = 77
SAMPLES, VIEWS, SIZE = 2, 3, 64
TOLERANCE = 1e-4  # of the largest value, in float32
CASES = {
    "resnet18": dict(backbone="resnet18", windows=(4, 4, 2), topk=(5, 6, 3), projection="qkv"),
    "resnet34": dict(backbone="resnet34", windows=(4, 2, 2), topk=(4, 4, 4), projection="none"),
    "resnet50": dict(backbone="resnet50", windows=(4, 4, 2), topk=(5, 6, 3), projection="qkv", route_projection=True),
}


def load_reference(folder):
    path = os.path.join(folder, "reference", "mvad_ref.py")
    if not os.path.exists(path):
        print(f"skipped: no {path}")
        sys.exit(SKIPPED)
    spec = importlib.util.spec_from_file_location("mvad_ref", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def randomise(net, torch):
    """Values that keep activations near 1; no two tensors alike."""
    generator = torch.Generator().manual_seed(5)
    for name, tensor in net.state_dict().items():
        if not tensor.is_floating_point():
            continue
        noise = torch.rand(tensor.shape, generator=generator) * 2 - 1
        if name.endswith("running_var") or (tensor.dim() == 1 and name.endswith("weight")):
            tensor.copy_(1 + 0.2 * noise)
        elif tensor.dim() == 1:
            tensor.copy_(0.1 * noise)
        else:
            tensor.copy_(noise * (3 / tensor[0].numel()) ** 0.5)


def options(case):
    listed = lambda values: ",".join(map(str, values))
    return (["--backbone", case["backbone"], "--projection", case["projection"], "--windows", listed(case["windows"]), "--topk",
             listed(case["topk"]), "--views", str(VIEWS), "--size", str(SIZE)] +
            (["--route-projection"] if case.get("route_projection") else []))


def check(case, mvad, reference, folder, torch, load_file, save_file):
    path = lambda name: os.path.join(folder, name)
    first = reference.MVAD(views=VIEWS, **case).eval()
    with torch.no_grad():
        randomise(first, torch)
    torch.save({"net": {"module." + key: value for key, value in first.state_dict().items()}, "epoch": 100}, path("ckpt.pth"))
    subprocess.run([mvad, "convert", path("ckpt.pth"), path("model.safetensors"), *options(case)], check=True)

    second = reference.MVAD(views=VIEWS, **case).eval()
    second.load_state_dict(load_file(path("model.safetensors")), strict=True)
    compared = 0
    for name, value in first.state_dict().items():
        if name.endswith("num_batches_tracked"):
            continue
        assert torch.equal(value, second.state_dict()[name]), name
        compared += 1

    images = torch.randn(SAMPLES * VIEWS, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(6))
    save_file({"input": images}, path("input.safetensors"))
    subprocess.run([mvad, "predict", "--model", path("model.safetensors"), "--tensor", path("input.safetensors"), "--dump",
                    path("dump.safetensors")], check=True, stdout=subprocess.DEVNULL)
    dump = load_file(path("dump.safetensors"))
    with torch.no_grad():
        teacher, student = second(images)
        expected = {"anomaly_map_raw": reference.anomaly_maps(teacher, student, SIZE, 0),
                    "anomaly_map": reference.anomaly_maps(teacher, student, SIZE)}
    for scale in range(3):
        expected[f"teacher.{scale}"], expected[f"student.{scale}"] = teacher[scale], student[scale]
    worst = 0
    for name, value in expected.items():
        assert dump[name].shape == value.shape, (name, dump[name].shape, value.shape)
        difference = ((dump[name] - value).abs().max() / value.abs().max()).item()
        assert difference <= TOLERANCE, (name, difference)
        worst = max(worst, difference)
    print(f"{case['backbone']}, projection {case['projection']}: {compared} tensors equal, outputs to {worst:.1e} of the largest value")


def main():
    mvad, reference_dir = sys.argv[1:]
    try:
        import torch
        from safetensors.torch import load_file, save_file
    except ImportError as error:
        print(f"skipped: {error}")
        sys.exit(SKIPPED)
    torch.set_num_threads(2)
    reference = load_reference(reference_dir)
    for case in CASES.values():
        with tempfile.TemporaryDirectory() as folder:
            check(case, mvad, reference, folder, torch, load_file, save_file)


if __name__ == "__main__":
    main()
