"""What the engines pass to their kernel for one of the step's two GEMMs, by the names of the kernel's parameters."""

import dataclasses

from refusal import Refusal

SMALL_ROWS = 512  # SGLang lets the next kernel start early up to so many rows of A


@dataclasses.dataclass(frozen=True)
class Pointer:
    """A device pointer, aligned to 16 bytes; `type` is Triton's, "*bf16"."""

    type: str


@dataclasses.dataclass(frozen=True)
class Integer:
    """A run-time integer of a known value, which the compiler may specialise on."""

    value: int
    hint: bool = True  # whether divisibility by 16 is passed on


@dataclasses.dataclass(frozen=True)
class Varying:
    """A run-time integer that depends on the batch; nothing is said about it."""


@dataclasses.dataclass(frozen=True)
class Constant:
    """A compile-time constant. {"dtype": "bf16"} stands for the element type of Triton."""

    value: object


@dataclasses.dataclass(frozen=True)
class Variant:
    """What tells launches of one problem, GEMM and tile apart: `naive` is the small-batch path without alignment,
    `small` that A has at most SMALL_ROWS rows, `single` that there is a single token-expert pair."""

    naive: bool = False
    small: bool = False
    single: bool = False


class GemmLaunch:
    """GEMM 1 ("up", A is x) or GEMM 2 ("down", A is the activation) of a problem. Shapes: A (rows, K), B (E, N, K), C
    (rows * top_k, N); all are contiguous."""

    def __init__(self, problem, gemm, capability):
        if gemm not in ("up", "down"):
            raise Refusal(f"gemm must be up or down, not {gemm}")
        self.problem = problem
        self.capability = capability
        up = gemm == "up"
        self.n = problem.intermediate_size * (2 if problem.gated else 1) if up else problem.hidden_size
        self.k = problem.hidden_size if up else problem.intermediate_size
        self.top_k = problem.topk if up else 1
        self.mul_routed_weight = problem.router_weight_on_input == up

    @property
    def compute_type(self):
        return "bf16" if self.problem.act_dtype == "bfloat16" else "fp16"

    def values(self, variant):
        """Everything but the tile: parameter name -> Pointer, Integer, Varying or Constant."""
        return {**self._pointers(variant), **self._sizes(variant), **self._strides(), **self._constants(variant)}

    def _pointers(self, variant):
        dtype = self.problem.dtype
        element = {None: self.compute_type, "fp8_w8a8": "fp8e4nv", "int8_w8a16": self.compute_type}[dtype]
        weight = {None: self.compute_type, "fp8_w8a8": "fp8e4nv", "int8_w8a16": "i8"}[dtype]
        absent = Constant(None)
        return {
            "a_ptr": Pointer(f"*{element}"),
            "b_ptr": Pointer(f"*{weight}"),
            "c_ptr": Pointer(f"*{self.compute_type}"),
            "a_scale_ptr": Pointer("*fp32") if dtype == "fp8_w8a8" else absent,
            "b_scale_ptr": Pointer("*fp32") if dtype else absent,
            "topk_weights_ptr": Pointer("*fp32"),
            "sorted_token_ids_ptr": absent if variant.naive else Pointer("*i32"),
            "expert_ids_ptr": Pointer("*i32"),
            "num_tokens_post_padded_ptr": Pointer("*i32"),
            # Biases, tensor descriptors and masks of adapters: not part of the problems that moetune tunes.
            **dict.fromkeys(("b_bias_ptr", "bias_ptr", "a_desc", "b_desc", "add_mask_ptr"), absent),
        }

    def _sizes(self, variant):
        return {
            "N": Integer(self.n),
            "K": Integer(self.k),
            "EM": Varying(),
            "num_valid_tokens": Integer(1) if variant.single else Varying(),
        }

    def _strides(self):
        """In elements. The hints of the scales' and biases' strides change nothing in the machine code, so models that
        differ in them share a kernel."""
        dtype, block = self.problem.dtype, self.problem.block_shape
        if dtype == "fp8_w8a8" and block:
            blocks_k = -(-self.k // block[1])
            a_scale, b_scale = (blocks_k, 1), (-(-self.n // block[0]) * blocks_k, 1, blocks_k)
        elif dtype == "fp8_w8a8" and self.problem.per_channel_quant:
            a_scale, b_scale = (1, 1), (self.n, 1, 1)
        elif dtype == "int8_w8a16":
            a_scale, b_scale = (0, 0), (self.n, 0, 1)
        else:
            a_scale, b_scale = (0, 0), (0, 0, 0)
        strides = {"stride_am": self.k, "stride_ak": 1, "stride_be": self.n * self.k, "stride_bk": 1,
                   "stride_bn": self.k, "stride_cm": self.n, "stride_cn": 1}
        scales = {"stride_asm": a_scale[0], "stride_ask": a_scale[1],
                  "stride_bse": b_scale[0], "stride_bsk": b_scale[1], "stride_bsn": b_scale[2],
                  "stride_bbe": 0, "stride_bbn": 0, "stride_bias_e": 0, "stride_bias_n": 0}
        return {name: Integer(value) for name, value in strides.items()} | {
            name: Integer(value, hint=False) for name, value in scales.items()}

    def _constants(self, variant):
        dtype = self.problem.dtype
        group_n, group_k = self.problem.block_shape or (0, 0)
        early_start = self.capability >= 90  # programmatic dependent launch
        constants = {
            "group_n": group_n,
            "group_k": group_k,
            "naive_block_assignment": variant.naive,
            "SPLIT_K": 1,
            "MUL_ROUTED_WEIGHT": self.mul_routed_weight,
            "top_k": self.top_k,
            "compute_type": {"dtype": self.compute_type},
            "use_fp8_w8a8": dtype == "fp8_w8a8",
            "use_int8_w8a8": False,
            "use_int8_w8a16": dtype == "int8_w8a16",
            "per_channel_quant": self.problem.per_channel_quant,
            "USE_GDC": early_start,
            "GDC_EARLY": early_start and variant.small,
            # Read only where one of the flags below is set.
            "ROUTER_TOPK": 1,
            "A_OUTPUT_SLICES": 1,
            "A_OUTPUT_SLICE_WIDTH": 0,
            "A_OUTPUT_SLICE_K": 0,
        }
        # Options of the engines that are off unless a model or a flag of the server asks for them.
        off = ("HAS_BIAS", "USE_TD", "c_sorted", "filter_expert", "FUSE_ADD_TO_OUTPUT", "MASK_OUTPUT",
               "FUSE_SUM_ALL_REDUCE", "LORA_PRESERVE_BASE", "FUSE_SWIGLU")
        return {name: Constant(value) for name, value in {**constants, **dict.fromkeys(off, False)}.items()}
