"""Triton's own way to a fused MoE kernel: the lifted source as a JIT function, and what an engine's launcher passes to it.

Nothing here knows the plan that moetune compiles by: this is the other side of the comparison.
"""

import hashlib
import os
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "kernels" / "triton"))

from kernel import Kernel  # noqa: E402
from platform_facts import Machine  # noqa: E402

ARCH = "sm_90a"
CAPABILITY = 90
TENSOR_TYPES = {"a": None, "w": None, "c": "bfloat16", "a_scale": "float32", "w_scale": "float32",
                "topk_weights": "float32", "sorted_token_ids": "int32", "expert_ids": "int32",
                "num_tokens_post_padded": "int32"}
PARAMETERS = {"a": "a_ptr", "w": "b_ptr", "c": "c_ptr", "a_scale": "a_scale_ptr", "w_scale": "b_scale_ptr",
              "topk_weights": "topk_weights_ptr", "sorted_token_ids": "sorted_token_ids_ptr",
              "expert_ids": "expert_ids_ptr", "num_tokens_post_padded": "num_tokens_post_padded_ptr"}


def ceil_div(value, divisor):
    return -(-value // divisor)


class Shape:
    """One GEMM of a problem (as in a plan request) at one batch size, as the engines see it: C (pairs, n) = A (rows, k) of
    which row p // top_k meets the weights (E, n, k) of pair p's expert. `engine` is whose launcher it is: vllm's or
    sglang's."""

    def __init__(self, problem, gemm, batch, engine="vllm"):
        up = gemm == "up"
        self.engine = engine
        self.problem = problem
        self.block = problem.get("block_shape")
        self.experts = problem["E"]
        self.n = problem["N"] * 2 if up else problem["hidden_size"]
        self.k = problem["hidden_size"] if up else problem["N"]
        self.pairs = batch * problem["topk"]
        self.rows = batch if up else self.pairs
        self.top_k = problem["topk"] if up else 1
        self.mul_routed_weight = not up
        self.early = engine == "sglang" and self.rows <= 512  # the next kernel may start earlier
        self.naive = engine == "vllm" and self.pairs * 4 <= self.experts

    def sorted_size(self, block_m):
        """Entries of sorted_token_ids; none on the small-batch path. SGLang (0.5.23) counts one expert more, for pairs of
        experts elsewhere, and rounds up to a multiple of 4."""
        if self.engine == "sglang":
            few = self.pairs < self.experts + 1
            size = self.pairs * block_m if few else self.pairs + (self.experts + 1) * (block_m - 1)
            return ceil_div(size, 4) * 4
        size = self.pairs + self.experts * (block_m - 1)
        return min(size, self.pairs * block_m) if self.pairs < self.experts else size

    def em(self, block_m):
        """Rows that the grid covers."""
        if self.naive:
            return self.pairs * block_m
        size = self.sorted_size(block_m)
        limited = self.engine == "vllm" and self.rows < block_m
        return min(size, self.rows * self.top_k * block_m) if limited else size


def arguments_of(shape, tile, tensors, swap_ab, dtype):
    """Parameter -> value as vLLM's (0.33.0; builtin's parameters are among them) or SGLang's (0.5.23) launcher passes it
    on a GPU with programmatic dependent launches, tensors being contiguous. `tensors`: names of TENSOR_TYPES, None where there is none; `dtype`: Triton's type of C."""
    block = shape.block
    clamps = block and shape.engine == "vllm"
    block_k = min(tile["BLOCK_SIZE_K"], *block) if clamps else tile["BLOCK_SIZE_K"]
    blocks_k = shape.k // block[1] if block else 0
    return {
        **{PARAMETERS[name]: tensor for name, tensor in tensors.items()},
        "b_bias_ptr": None,
        "N": shape.n,
        "K": shape.k,
        "EM": shape.em(tile["BLOCK_SIZE_M"]),
        "num_valid_tokens": shape.pairs,
        "stride_am": shape.k, "stride_ak": 1,
        "stride_be": shape.n * shape.k, "stride_bk": 1, "stride_bn": shape.k,
        "stride_cm": shape.n, "stride_cn": 1,
        "stride_asm": blocks_k, "stride_ask": 1 if block else 0,
        "stride_bse": shape.n // block[0] * blocks_k if block else 0,
        "stride_bsk": 1 if block else 0,
        "stride_bsn": blocks_k,
        "stride_bbe": 0, "stride_bbn": 0,
        "group_n": block[0] if block else 0,
        "group_k": block[1] if block else 0,
        "naive_block_assignment": shape.naive,
        "BLOCK_SIZE_M": tile["BLOCK_SIZE_M"],
        "BLOCK_SIZE_N": tile["BLOCK_SIZE_N"],
        "BLOCK_SIZE_K": block_k,
        "GROUP_SIZE_M": tile["GROUP_SIZE_M"],
        "SPLIT_K": 1,
        "MUL_ROUTED_WEIGHT": shape.mul_routed_weight,
        "top_k": shape.top_k,
        "compute_type": dtype,
        "use_fp8_w8a8": block is not None,
        "use_int8_w8a8": False,
        "use_int8_w8a16": False,
        "per_channel_quant": False,
        "HAS_BIAS": False,
        "SWAP_AB": swap_ab,
        "USE_TD": False,
        "even_Ks": shape.k % block_k == 0,
        "a_desc": None, "b_desc": None, "bias_ptr": None, "add_mask_ptr": None,
        "stride_bias_e": 0, "stride_bias_n": 0,
        "c_sorted": False,
        "swap_ab": swap_ab,
        "FUSE_ADD_TO_OUTPUT": False,
        "MASK_OUTPUT": False,
        "FUSE_SUM_ALL_REDUCE": False,
        "ROUTER_TOPK": 1,
        "FUSE_SWIGLU": False,
        "A_OUTPUT_SLICES": 1, "A_OUTPUT_SLICE_WIDTH": 0, "A_OUTPUT_SLICE_K": 0,
        "USE_GDC": True,
        "GDC_EARLY": shape.early,
    }


def grid_of(shape, tile):
    return ceil_div(shape.em(tile["BLOCK_SIZE_M"]), tile["BLOCK_SIZE_M"]) * ceil_div(shape.n, tile["BLOCK_SIZE_N"])


class Shadow:
    """What the JIT wants to know of a tensor, without one: its type and an address."""

    def __init__(self, dtype, address=0x1000):
        self.dtype = f"torch.{dtype}"
        self._address = address

    def data_ptr(self):
        return self._address


def shadows(shape):
    """Shadow tensors of one launch, each at an address of its own."""
    element = "float8_e4m3fn" if shape.block else "bfloat16"
    absent = set() if shape.block else {"a_scale", "w_scale"}
    absent |= {"sorted_token_ids"} if shape.naive else set()
    return {name: None if name in absent else Shadow(dtype or element, 0x1000 * (number + 1))
            for number, (name, dtype) in enumerate(TENSOR_TYPES.items())}


class TargetOnly:
    """What a JIT function asks of a driver before it compiles, on a machine or in a process without one."""

    def get_current_device(self):
        return 0

    def get_current_stream(self, _):
        return 0

    def get_current_target(self):
        from triton.backends.compiler import GPUTarget
        return GPUTarget("cuda", CAPABILITY, 32)


class JitKernel:
    """A lifted kernel, compiled and launched by Triton as it does it for an engine."""

    def __init__(self, name, engine_paths=(), device="NVIDIA_H200"):
        import triton.language
        kernel = Kernel.find(name, engine_paths)
        self._swap_rule = kernel.swap_rule(Machine(CAPABILITY, device))
        self._names = [parameter.name for parameter in kernel.parameters]
        self._early_start = {"launch_pdl": True} if "USE_GDC" in self._names else {}
        self._function = kernel.source.load()
        self._dtype = triton.language.bfloat16

    def arguments(self, shape, tile, tensors):
        """The kernel's parameters by name, in its order. Raises KeyError for one that no launcher passes."""
        swap = shape.block is not None and self._swap_rule(tile["BLOCK_SIZE_M"], tile["BLOCK_SIZE_N"])
        passed = arguments_of(shape, tile, tensors, swap, self._dtype)
        return {name: passed[name] for name in self._names}

    def bound(self, shape, tile, tensors):
        """A function without arguments that launches the kernel once into PyTorch's current stream."""
        arguments = self.arguments(shape, tile, tensors)
        launch = self._function[(grid_of(shape, tile),)]
        return lambda: launch(**arguments, **self._options(tile))

    def _options(self, tile):
        return {"num_warps": tile["num_warps"], "num_stages": tile["num_stages"], **self._early_start}

    def compile(self, shape, tile):
        """Compiles into Triton's cache and returns the SHA-256 of the machine code. Needs no GPU where a TargetOnly is
        the active driver. Raises whatever Triton raises."""
        arguments = self.arguments(shape, tile, shadows(shape))
        compiled = self._function.warmup(**arguments, grid=(1,), **self._options(tile))
        return code_digest(compiled.asm["cubin"], compiled.metadata.name)


def code_digest(cubin, name):
    """Of the instructions alone: other sections tell of source files."""
    from cubin_file import section
    return hashlib.sha256(section(cubin, f".text.{name}")).hexdigest()


def engine_of(kernel):
    """Whose launcher a kernel has: moetune's own is launched as vLLM's."""
    return "sglang" if kernel == "sglang" else "vllm"


_kernels = {}


def be_silent():
    """In a process of a pool: a compilation that fails prints the whole module."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)


def compile_here(name, engine_paths, problem, gemm, batch, tile):
    """JitKernel.compile() in a process of a pool, which has no driver: (digest, "") or (None, why)."""
    import triton.runtime
    triton.runtime.driver.set_active(TargetOnly())
    try:
        if name not in _kernels:
            _kernels[name] = JitKernel(name, engine_paths)
        return _kernels[name].compile(Shape(problem, gemm, batch, engine_of(name)), tile), ""
    except Exception as error:  # whatever a compiler does is a result
        return None, f"{type(error).__name__}: {str(error)[:200]}"
