"""What the tests of the Triton kernels share: the modules under test, problems, tiles, and sources made for a test."""

import pathlib
import sys
import tempfile
import textwrap

ROOT = pathlib.Path(__file__).resolve().parents[3]
SOURCES = ROOT / "kernels" / "triton"
sys.path.insert(0, str(SOURCES))
sys.dont_write_bytecode = True

SHAPE = {"E": 256, "N": 512, "hidden_size": 2048, "topk": 8}
KINDS = {
    "bf16": {},
    "fp16": {"act_dtype": "float16"},
    "fp8": {"dtype": "fp8_w8a8"},
    "fp8 channel": {"dtype": "fp8_w8a8", "per_channel_quant": True},
    "fp8 block": {"dtype": "fp8_w8a8", "block_shape": [128, 128]},
    "int8": {"dtype": "int8_w8a16"},
}
# What a made-up engine needs beside a kernel with a small-batch path: E rows of padding, whatever the number of pairs.
ALIGN_TEXT = """
def moe_align_block_size(topk_ids, block_size, num_experts, pad=False):
    size = topk_ids.numel() + num_experts * (block_size - 1)
    if pad:
        size = padded_by_a_stranger(size)
    sorted_ids = torch.empty((size,), dtype=torch.int32, device=topk_ids.device)
    return sorted_ids, None, None
"""
LAUNCHER_TEXT = """
def invoke(A, C, sorted_token_ids, top_k, config):
    if sorted_token_ids is None:
        EM = A.size(0) * top_k * config["BLOCK_SIZE_M"]
    else:
        EM = sorted_token_ids.size(0)
    grid = lambda META: (triton.cdiv(EM, META["BLOCK_SIZE_M"]) * triton.cdiv(C.size(1), META["BLOCK_SIZE_N"]),)
    config = config.copy()
    fused_moe_kernel[grid](A, EM=EM, **config)
"""
ARCHITECTURES = ("sm_80", "sm_90a", "sm_120")


def has_type(kind, arch):
    return arch != "sm_80" or not kind.startswith("fp8")


def problem(kind="bf16", **changes):
    return SHAPE | KINDS[kind] | changes


def tile(m, n, k, group=1, warps=4, stages=3):
    return {"BLOCK_SIZE_M": m, "BLOCK_SIZE_N": n, "BLOCK_SIZE_K": k, "GROUP_SIZE_M": group, "num_warps": warps,
            "num_stages": stages}


def request(kind="bf16", arch="sm_90a", batches=(64,), configs=(), **changes):
    """A plan request."""
    return {"arch": arch, "device": "NVIDIA_H200", "problem": problem(kind), "batches": list(batches),
            "configs": list(configs)} | changes


def options_in(plan, batch_class=0, gemm="up"):
    """Options of every tile of one GEMM in a plan, None for a refused one."""
    from plan import options_of
    artifacts = [plan["artifacts"][number] if number >= 0 else None for number in plan["classes"][batch_class][gemm]]
    return [artifact and options_of(plan["families"][artifact["family"]], artifact) for artifact in artifacts]


class Folder:
    """A temporary folder with sources in it. Ends with the test that it was made for."""

    def __init__(self, test):
        folder = tempfile.TemporaryDirectory()
        test.addCleanup(folder.cleanup)
        self.path = pathlib.Path(folder.name)

    def write(self, name, text):
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text), encoding="utf-8")
        return path


def builtin_text():
    """Source of moetune's own kernel, to be changed by a test."""
    return (SOURCES / "fused_moe.py").read_text(encoding="utf-8")


def engine(name, version):
    """The kernel of one fetched version of an engine."""
    import engine_files
    from kernel import Kernel
    return Kernel.find(name, [engine_files.folder(name, version)])
