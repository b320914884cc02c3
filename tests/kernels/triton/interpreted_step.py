"""One GEMM of a fused MoE step in Triton's interpreter, on the CPU, and the same by numpy. Needs Triton and numpy, and
TRITON_INTERPRET=1 before Triton is imported."""

import dataclasses

import numpy as np
import support
import triton.language as tl
import triton.runtime.interpreter as interpreter

from gemm_launch import GemmLaunch, Variant
from moe_problem import Problem

TOKENS = 9
SPARE_BLOCKS = 2  # row blocks behind the last expert's: num_tokens_post_padded has to stop them
UNTOUCHED = 7.0


class HostTensor:
    """As much of torch's tensor as the interpreter asks for."""

    def __init__(self, array, dtype):
        self.array = np.ascontiguousarray(array)
        self.dtype = dtype

    def data_ptr(self):
        return self.array.ctypes.data

    def new_empty(self, *_, **__):
        return HostTensor(np.empty(0, self.array.dtype), self.dtype)

    def set_(self, storage, *_):
        self.array = storage.array

    def untyped_storage(self):
        return self

    def cpu(self):
        return self

    def size(self):
        return self.array.shape

    def stride(self):
        return tuple(step // self.array.itemsize for step in self.array.strides)

    def storage_offset(self):
        return 0

    def copy_(self, _):
        """Nothing to do: host and device are the same here."""


# Without torch there is nothing to unwrap.
interpreter._unwrap_tensor = lambda tensor: tensor
interpreter._rewrap_tensor = lambda tensor, original_tensor=None: tensor


def e4m3(numbers):
    """Numbers that e4m3 has (bias 7, three bits of mantissa), as its bytes."""
    codes = {}
    for code in range(255):
        exponent, mantissa = (code >> 3) & 15, code & 7
        if code & 127 != 127:
            size = mantissa / 8 * 2.0**-6 if exponent == 0 else (1 + mantissa / 8) * 2.0**(exponent - 7)
            codes.setdefault(-size if code & 128 else size, code)
    return np.vectorize(lambda number: codes[float(number)], otypes=[np.uint8])(numbers)


@dataclasses.dataclass
class Step:
    """Inputs of one GEMM. A (rows, k), B (experts, n, k) without and with their scales, experts and weights of pairs."""

    launch: GemmLaunch
    a: np.ndarray
    b: np.ndarray
    a_scale: np.ndarray | None
    b_scale: np.ndarray | None
    experts: np.ndarray
    weights: np.ndarray

    @classmethod
    def random(cls, kind, gemm, seed):
        """A small step of random numbers that the kind's types hold exactly; shapes are no multiples of any tile."""
        fields = support.problem(kind, E=5, N=48, hidden_size=80, topk=2, act_dtype="float16")
        if fields.get("block_shape"):
            fields["block_shape"] = [32, 32]
        problem = Problem.of(fields)
        launch = GemmLaunch(problem, gemm, 90)
        rows = TOKENS * (problem.topk if gemm == "down" else 1)
        random = np.random.default_rng(seed)
        a = random.integers(-4, 5, (rows, launch.k)) / 4
        size = 100 if kind == "int8" else 4
        b = random.integers(-size, size + 1, (problem.num_experts, launch.n, launch.k)) / (1 if kind == "int8" else 4)
        experts = np.concatenate([random.permutation(problem.num_experts)[:problem.topk] for _ in range(TOKENS)])
        step = cls(launch, a, b, None, None, experts, random.random(len(experts), np.float32))
        step._scale(kind, random)
        return step

    def _scale(self, kind, random):
        experts, n, k = self.b.shape
        if kind == "fp8 block":
            blocks = -(-k // 32)
            self.a_scale = random.random((len(self.a), blocks), np.float32)
            self.b_scale = random.random((experts, -(-n // 32), blocks), np.float32)
        elif kind == "fp8 channel":
            self.a_scale = random.random((len(self.a), 1), np.float32)
            self.b_scale = random.random((experts, n, 1), np.float32)
        elif kind == "fp8":
            self.a_scale, self.b_scale = random.random(1, np.float32), random.random(experts, np.float32)
        elif kind == "int8":
            self.b_scale = random.random((experts, n), np.float32) / 100

    def expected(self):
        """By numpy, in 64 bits: (pairs, n)."""
        a, b = self.a, self.b
        if self.b_scale is not None:
            b = b * self._spread(self.b_scale, b.shape)
        if self.a_scale is not None:
            a = a * self._spread(self.a_scale, a.shape)
        out = np.stack([a[pair // self.launch.top_k] @ b[expert].T for pair, expert in enumerate(self.experts)])
        return out * self.weights[:, None] if self.launch.mul_routed_weight else out

    @staticmethod
    def _spread(scale, shape):
        """One scale an element."""
        scale = scale.reshape(scale.shape + (1,) * (len(shape) - scale.ndim) if scale.size > 1 else (1,) * len(shape))
        for axis, extent in enumerate(shape):
            if scale.shape[axis] not in (1, extent):
                scale = np.repeat(scale, 32, axis)[(slice(None),) * axis + (slice(extent),)]
        return scale

    def run(self, kernel, tile, naive):
        """By the kernel in the interpreter: (pairs, n)."""
        out = np.full((len(self.experts), self.launch.n), UNTOUCHED, np.float16)
        variant = Variant(naive=naive)
        known = self._arguments(out, tile["BLOCK_SIZE_M"], naive)
        known |= kernel.tile_constants(self.launch, tile, False, lambda *_: False)
        values = self.launch.values(variant)
        kernel.binding(self.launch, variant, False)
        arguments = [known[parameter.name] if parameter.name in known else _plain(values[parameter.name].value)
                     for parameter in kernel.parameters]
        rows = -(-known["EM"] // tile["BLOCK_SIZE_M"])
        kernel.source.load()[(rows * -(-self.launch.n // tile["BLOCK_SIZE_N"]),)](*arguments)
        return out

    def _arguments(self, out, block_m, naive):
        types = {None: ("fp16", "fp16"), "fp8_w8a8": ("fp8e4nv", "fp8e4nv"), "int8_w8a16": ("fp16", "i8")}
        a, b = (_tensor(array, dtype) for array, dtype in zip((self.a, self.b), types[self.launch.problem.dtype]))
        pairs = len(self.experts)
        if naive:
            sorted_ids, experts, padded = None, self.experts, pairs * block_m
        else:
            sorted_ids, experts = [], []
            for expert in range(len(self.b)):
                members = np.flatnonzero(self.experts == expert)
                blocks = -(-len(members) // block_m)
                sorted_ids += [*members, *[pairs] * (blocks * block_m - len(members))]
                experts += [expert] * blocks
            padded = len(sorted_ids)
            sorted_ids += [0] * (SPARE_BLOCKS * block_m)
            experts += [0] * SPARE_BLOCKS
        return {
            "a_ptr": a, "b_ptr": b, "c_ptr": HostTensor(out, "fp16"),
            "a_scale_ptr": _tensor(self.a_scale, "fp32"), "b_scale_ptr": _tensor(self.b_scale, "fp32"),
            "topk_weights_ptr": _tensor(self.weights, "fp32"), "sorted_token_ids_ptr": _tensor(sorted_ids, "i32"),
            "expert_ids_ptr": _tensor(experts, "i32"), "num_tokens_post_padded_ptr": _tensor([padded], "i32"),
            "EM": padded if naive else len(sorted_ids), "num_valid_tokens": pairs,
        }


def _tensor(array, dtype):
    if array is None:
        return None
    if dtype == "fp8e4nv":
        return HostTensor(e4m3(array), dtype)
    numbers = {"fp16": np.float16, "fp32": np.float32, "i8": np.int8, "i32": np.int32}[dtype]
    return HostTensor(np.asarray(array).astype(numbers), dtype)


def _plain(value):
    return tl.float16 if isinstance(value, dict) else value
