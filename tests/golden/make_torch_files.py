"""Writes torch/*.pth, files of torch.save in all its containers, and torch_files.safetensors with what PyTorch reads from them.

Run it in this folder, without arguments; needs torch, numpy and safetensors. Made with PyTorch 2.15.0.

torch_files.safetensors holds each tensor of FILE.pth under the name "FILE:NAME": what torch.load gives, floating-point types
converted to float32 by PyTorch, others as they are. Containers that a current PyTorch does not write (the tar archive, pickles of
Python 2, parts of storages, a big-endian archive) are put together here byte by byte; PyTorch's own reader has to accept them.
"""
import io
import os
import pickle
import struct
import tarfile
import warnings
import zipfile
from collections import OrderedDict

import torch
from safetensors.torch import save_file
from torch import nn

FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "torch")
INF, NAN = float("inf"), float("nan")


def all_types():
    return OrderedDict([
        ("f64", torch.tensor([[0.1, -2.5, 1e300], [5e-324, 0.0, 1 / 3]], dtype=torch.float64)),
        ("f32", torch.tensor([[0.1, -2.5], [3.0, 1e-40]])),
        ("f16", torch.tensor([1.0, 6e-8, -65504.0, INF, NAN], dtype=torch.float16)),
        ("bf16", torch.tensor([1.0, 3.140625, -1e38, -INF], dtype=torch.bfloat16)),
        ("i64", torch.tensor(-7, dtype=torch.int64)),
        ("i32", torch.tensor([1, -2], dtype=torch.int32)),
        ("i16", torch.tensor([[3], [-4]], dtype=torch.int16)),
        ("i8", torch.tensor([5, -6], dtype=torch.int8)),
        ("u8", torch.tensor([7, 255], dtype=torch.uint8)),
        ("bool", torch.tensor([True, False])),
        ("empty", torch.zeros((0, 3))),
        ("größe", torch.tensor(42.0)),
    ])


def strided():
    base = torch.arange(24.0).reshape(2, 3, 4)
    image = torch.arange(2 * 3 * 2 * 2.0).reshape(2, 3, 2, 2) * 0.5
    half = torch.arange(12.0).to(torch.float16).reshape(3, 4)
    return {
        "base": base,
        "same": base,
        "transposed": base.permute(2, 0, 1),
        "part": base[1, 1:, ::2],
        "column": base[:, :, 1],
        "expanded": torch.tensor([1.5, -2.5]).reshape(2, 1).expand(2, 3),
        "channels_last": image.contiguous(memory_format=torch.channels_last),
        "one": base[:1, :1, :1].transpose(0, 2),
        "half_transposed": half.t(),
    }


def module():
    torch.manual_seed(1)
    net = nn.Sequential(OrderedDict(conv=nn.Conv2d(2, 3, 3), bn=nn.BatchNorm2d(3), linear=nn.Linear(2, 2)))
    net.bn(torch.randn(2, 3, 4, 4))
    return net


def checkpoint(name, prefix):
    """What training codes save: the state dict among much else."""
    net = module()
    optimizer = torch.optim.AdamW(net.parameters(), lr=0.1)
    net.conv(torch.randn(1, 2, 4, 4)).sum().backward()
    optimizer.step()
    state = OrderedDict((prefix + key, value) for key, value in net.state_dict().items())
    return {"epoch": 3, "rate": 0.125, name: state, "optimizer": optimizer.state_dict(), "done": [True, None, (1, -300, 70000)],
            "big": 1 << 40, "shape": torch.Size([2, 3]), "where": torch.device("cpu"), "kind": torch.float16}


# ---- by hand ----

def unicode(text):
    data = text.encode()
    return b"X" + struct.pack("<I", len(data)) + data


def bytestring(text):
    """As Python 2 wrote its texts."""
    return b"U" + bytes([len(text)]) + text.encode()


def number(value):
    data = pickle.dumps(value, 2)
    return data[2:-1]


def name(module_name, attribute):
    return b"c" + module_name.encode() + b"\n" + attribute.encode() + b"\n"


def tuple_of(*parts):
    return b"(" + b"".join(parts) + b"t"


def program(body):
    return b"\x80\x02" + body + b"."


MAGIC = bytes.fromhex("80028a0a6cfc9c46f9206aa850192e")


def stream(body, storages):
    """The stream of five pickles; `storages` are (key, elements as a list of floats)."""
    system = dict(protocol_version=1001, little_endian=True, type_sizes=dict(short=2, int=4, long=4))
    out = MAGIC + pickle.dumps(1001, 2) + pickle.dumps(system, 2) + program(body)
    out += pickle.dumps([key for key, _ in storages], 2)
    for _, values in storages:
        out += struct.pack(f"<q{len(values)}f", len(values), *values)
    return out


def rebuilt(storage_id, offset, sizes, strides):
    arguments = tuple_of(storage_id + b"Q", number(offset), number(sizes), number(strides), number(False),
                         name("collections", "OrderedDict") + b")R")
    return name("torch._utils", "_rebuild_tensor_v2") + arguments + b"R"


def stream_of_views():
    """Two tensors on parts of one storage, as PyTorch before 0.4 named them."""
    def part(view):
        return tuple_of(bytestring("storage"), name("torch", "FloatStorage"), bytestring("94"), bytestring("cpu"), number(6), view)
    first = part(number(("94a", 1, 4)))
    second = part(b"N")
    pairs = tuple_of(unicode("part"), rebuilt(first, 1, (3,), (1,)))[1:-1] + unicode("whole") + rebuilt(second, 0, (2, 3), (3, 1))
    return stream(b"}(" + pairs + b"u", [("94", [0.5, 1.5, 2.5, 3.5, 4.5, 5.5])])


def stream_of_python2():
    """An OrderedDict as Python 2 wrote it: from a list of lists; texts are byte strings."""
    def storage(key, count):
        return tuple_of(bytestring("storage"), name("torch", "FloatStorage"), bytestring(key), bytestring("cuda:0"), number(count), b"N")
    old = name("torch._utils", "_rebuild_tensor") + tuple_of(storage("1", 2) + b"Q", number(0), number((2,)), number((1,))) + b"R"
    parameter = (name("torch._utils", "_rebuild_parameter") +
                 tuple_of(rebuilt(storage("2", 4), 0, (2, 2), (1, 2)), number(True), name("collections", "OrderedDict") + b")R") + b"R")
    pairs = b"]" + b"(" + b"](" + bytestring("bias") + old + b"e" + b"](" + bytestring("weight") + parameter + b"e" + b"e"
    return stream(name("collections", "OrderedDict") + b"(" + pairs + b"tR", [("1", [1.25, -1.25]), ("2", [1.0, 2.0, 3.0, 4.0])])


def tar(members):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for member, data in members:
            info = tarfile.TarInfo(member)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
        end = archive.offset + 1024
    return out.getvalue()[:end]  # without the rest of the padding


def tar_archive():
    """PyTorch 0.1: keys are pointers; parameters are made by NEWOBJ and filled by BUILD."""
    weights, statistics, counts = 94001122334455, 94001122334456, 3
    view, key = 94001122334500, 94001122334000
    storages = pickle.dumps(3, 2)
    for number_, kind, code, values in ((weights, "FloatStorage", "f", [1, 2, 3, 4, 5, 6]), (statistics, "DoubleStorage", "d", [0.5, 0.25]),
                                        (counts, "LongStorage", "q", [-9])):
        storages += program(tuple_of(number(number_), bytestring("cpu"), name("torch", kind)))
        storages += struct.pack(f"<q{len(values)}{code}", len(values), *values)
    storages += pickle.dumps([(view, weights, 2, 3)], 2)
    tensors = pickle.dumps(4, 2)
    for i, (storage, kind, sizes, strides, offset) in enumerate((
            (weights, "FloatTensor", (3, 2), (1, 3), 0), (statistics, "DoubleTensor", (2,), (1,), 0),
            (counts, "LongTensor", (1,), (1,), 0), (view, "FloatTensor", (2,), (1,), 1))):
        tensors += program(tuple_of(number(key + i), number(storage), name("torch", kind)))
        n = len(sizes)
        tensors += struct.pack(f"<i4x{n}q{n}qq", n, *sizes, *strides, offset)

    def tensor(i):
        return unicode(str(key + i)) + b"Q"

    empty = name("collections", "OrderedDict") + b")R"
    parameter = (name("torch.nn.parameter", "Parameter") + b")\x81" + tuple_of(tensor(0), b"N", empty, number(True), number(False)) + b"b")
    wrapped = name("torch.nn.parameter", "Parameter") + b"(" + tensor(3) + b"t\x81"
    body = (empty + b"(" + unicode("conv.weight") + parameter + unicode("bn.running_var") + tensor(1) +
            unicode("bn.num_batches_tracked") + tensor(2) + unicode("part") + wrapped + b"u")
    system = dict(protocol_version=1000, little_endian=True, type_sizes=dict(short=2, int=4, long=4))
    return tar([("sys_info", pickle.dumps(system, 2)), ("pickle", program(body)), ("storages", storages), ("tensors", tensors)])


def rewritten(data, change):
    """A zip archive written again by Python, without zip64 and with a comment, its entries through change(name, bytes)."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as source, zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as target:
        target.comment = b"written again"
        for entry in source.namelist():
            target.writestr(zipfile.ZipInfo(entry), change(entry, source.read(entry)))
    return out.getvalue()


def big_endian(tensors):
    """Each storage turned round by the size of its elements."""
    sizes = [tensor.element_size() for tensor in tensors.values()]
    data = saved(tensors)

    def change(entry, content):
        if entry.endswith("/byteorder"):
            return b"big"
        if "/data/" not in entry:
            return content
        size = sizes[int(entry.rsplit("/", 1)[1])]
        return b"".join(content[i:i + size][::-1] for i in range(0, len(content), size))
    return rewritten(data, change)


def saved(value, **options):
    out = io.BytesIO()
    torch.save(value, out, **options)
    return out.getvalue()


OLD = dict(_use_new_zipfile_serialization=False)


def without_checksums(value):
    torch.serialization.set_crc32_options(False)
    try:
        return saved(value)
    finally:
        torch.serialization.set_crc32_options(True)


def files():
    return {
        "zip_types": saved(all_types()),
        "zip_strided": saved(strided()),
        "zip_module": saved(module().state_dict()),
        "zip_parameters": saved(dict(module().named_parameters())),
        "zip_checkpoint": saved(checkpoint("net", "module.")),
        "zip_protocol3": saved(strided(), pickle_protocol=3),
        "zip_unchecked": without_checksums({"a": torch.tensor([1.0, 2.0])}),
        "zip_big_endian": big_endian(all_types()),
        "zip_plain": rewritten(saved(strided()), lambda entry, content: content),
        "stream_types": saved(all_types(), **OLD),
        "stream_strided": saved(strided(), **OLD),
        "stream_module": saved(module().state_dict(), **OLD),
        "stream_checkpoint": saved({"state": checkpoint("state_dict", ""), "model": checkpoint("state_dict", "")}, **OLD),
        "stream_views": stream_of_views(),
        "stream_python2": stream_of_python2(),
        "tar": tar_archive(),
    }


def decoded(key):
    return key.decode() if isinstance(key, bytes) else key


def state_dict(loaded):
    for key in ("state_dict", "net", "model"):
        if isinstance(loaded.get(key), dict):
            return state_dict(loaded[key])
    tensors = {decoded(key): value for key, value in loaded.items() if isinstance(value, torch.Tensor)}
    if all(key.startswith("module.") for key in tensors):
        tensors = {key[len("module."):]: value for key, value in tensors.items()}
    return tensors


def main():
    os.makedirs(FOLDER, exist_ok=True)
    expected = {}
    warnings.simplefilter("ignore")
    for file, data in files().items():
        path = os.path.join(FOLDER, file + ".pth")
        with open(path, "wb") as out:
            out.write(data)
        for key, value in state_dict(torch.load(path, map_location="cpu", weights_only=False)).items():
            value = value.detach()
            value = value.float() if value.is_floating_point() else value
            expected[f"{file}:{key}"] = value.contiguous().clone()
    save_file(expected, os.path.join(FOLDER, os.pardir, "torch_files.safetensors"))


if __name__ == "__main__":
    main()
