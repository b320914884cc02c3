"""The problem, tile and architecture of a request, read strictly. Field names are those of schema/problem.hpp."""

import dataclasses
import re

from refusal import Refusal

DTYPES = (None, "fp8_w8a8", "int8_w8a16")
TILE_FIELDS = ("BLOCK_SIZE_M", "BLOCK_SIZE_N", "BLOCK_SIZE_K", "GROUP_SIZE_M", "num_warps", "num_stages")

# Shared memory that a block may opt in to, in bytes, by compute capability (CUDA's programming guide, "Technical
# Specifications per Compute Capability").
SHARED_LIMITS = {75: 65536, 80: 166912, 86: 101376, 87: 166912, 89: 101376, 90: 232448, 100: 232448, 103: 232448,
                 110: 232448, 120: 101376, 121: 101376}


@dataclasses.dataclass(frozen=True)
class Problem:
    """A fused MoE step without its batch size; see schema::Problem for the shapes."""

    num_experts: int
    intermediate_size: int
    hidden_size: int
    topk: int
    dtype: str | None
    act_dtype: str
    block_shape: tuple | None
    gated: bool
    per_channel_quant: bool
    router_weight_on_input: bool

    @classmethod
    def of(cls, value):
        """From a request's "problem". Raises Refusal naming the field."""
        fields = dict(_object(value, "problem"))
        read = cls(
            num_experts=_integer(fields, "E"),
            intermediate_size=_integer(fields, "N"),
            hidden_size=_integer(fields, "hidden_size"),
            topk=_integer(fields, "topk"),
            dtype=fields.pop("dtype", None),
            act_dtype=fields.pop("act_dtype", "bfloat16"),
            block_shape=tuple(fields.pop("block_shape", None) or ()) or None,
            gated=_flag(fields, "gated", True),
            per_channel_quant=_flag(fields, "per_channel_quant", False),
            router_weight_on_input=_flag(fields, "router_weight_on_input", False))
        if fields:
            raise Refusal(f"problem has a field that is not known: {sorted(fields)[0]}")
        read.check()
        return read

    def check(self):
        """Raises Refusal for what the Triton kernels of this worker do not compute."""
        if self.dtype == "int4_w4a16" or (self.dtype == "int8_w8a16" and self.block_shape):
            raise Refusal(f"{self.dtype}{' with groups' if self.dtype != 'int4_w4a16' else ''} runs in another kernel "
                          "(wna16), which moetune does not tune")
        if self.dtype not in DTYPES:
            raise Refusal(f"dtype {self.dtype} is not one that moetune tunes with Triton: leave it out for bf16 and "
                          "fp16, or use fp8_w8a8 or int8_w8a16")
        if self.act_dtype not in ("bfloat16", "float16"):
            raise Refusal(f"act_dtype {self.act_dtype} is not known: use bfloat16 or float16")
        if self.block_shape and (len(self.block_shape) != 2 or min(self.block_shape) < 1):
            raise Refusal(f"block_shape must be two positive integers [n, k], not {list(self.block_shape)}")
        if self.block_shape and self.dtype != "fp8_w8a8":
            raise Refusal("block_shape needs dtype fp8_w8a8")


def capability_of(arch):
    """"sm_90a" -> 90. Raises Refusal."""
    found = re.fullmatch(r"sm_(\d{2,3})[af]?", str(arch))
    if not found:
        raise Refusal(f"arch must be like sm_90, not {arch}")
    return int(found[1])


def check_dtype(problem, capability):
    """Raises Refusal for numbers that the architecture does not have."""
    if problem.dtype == "fp8_w8a8" and capability < 89:
        raise Refusal(f"fp8_w8a8 needs an architecture of sm_89 or newer: Triton has no e4m3 numbers on sm_{capability}")


def read_tile(value):
    """The six fields of a tile as a dict. Raises Refusal naming the field."""
    fields = dict(_object(value, "config"))
    tile = {name: _integer(fields, name) for name in TILE_FIELDS}
    if fields:
        raise Refusal(f"config has a field that is not known: {sorted(fields)[0]}")
    return tile


def _object(value, name):
    if not isinstance(value, dict):
        raise Refusal(f"{name} must be an object")
    return value


def _integer(fields, name):
    value = fields.pop(name, None)
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise Refusal(f"{name} must be an integer of at least 1, not {value}")
    return value


def _flag(fields, name, default):
    value = fields.pop(name, default)
    if not isinstance(value, bool):
        raise Refusal(f"{name} must be true or false, not {value}")
    return value
