"""A kernel's parameters bound to what a launch passes, by name, so that versions with more or fewer of them work."""

import dataclasses

from gemm_launch import Constant, Integer, Pointer, Varying
from refusal import Refusal

# Constants of the tile, or that follow from it.
TILE_CONSTANTS = ("BLOCK_SIZE_M", "BLOCK_SIZE_N", "BLOCK_SIZE_K", "GROUP_SIZE_M", "even_Ks", "SWAP_AB", "swap_ab")
GROUP = "GROUP_SIZE_M"


@dataclasses.dataclass(frozen=True)
class Binding:
    """Everything that a compiled kernel depends on but its tile, and how it is launched. `signature`: parameter -> type
    of Triton, "constexpr" for what is folded away; `constants`: values of the folded ones, but the tile's; `divisible`:
    run-time parameters that are multiples of 16."""

    signature: dict
    constants: dict
    divisible: tuple
    launch_pdl: bool

    def parameters(self):
        """What the launcher has to pass, in order: [{"name": "a_ptr", "type": "*bf16"}, ...]. Pointers take 8 bytes,
        i32 4 and i64 8, each naturally aligned. Triton's own pointers come after them (triton_version.py)."""
        return [{"name": name, "type": kind} for name, kind in self.signature.items() if kind != "constexpr"]

    def family(self):
        """The binding as a plan has it: options() without the tile."""
        family = {"signature": self.signature, "constants": self.constants, "divisible": sorted(self.divisible)}
        return {**family, "launch_pdl": True} if self.launch_pdl else family


def bind(parameters, launch, variant, *, group_at_run_time, defaults_allowed):
    """The binding of a kernel with these parameters to a launch. `group_at_run_time` makes GROUP_SIZE_M an argument, so
    that one compiled kernel serves all of its values. Raises Refusal naming a parameter that cannot be supplied; with
    `defaults_allowed` one that has a default keeps it (not for an engine, whose launcher may pass another value)."""
    values = launch.values(variant)
    names = [parameter.name for parameter in parameters]
    signature, constants, divisible = {}, {}, []
    for parameter in parameters:
        name = parameter.name
        if name in TILE_CONSTANTS:
            signature[name] = "i32" if name == GROUP and group_at_run_time else "constexpr"
            continue
        if name not in values:
            if defaults_allowed and parameter.default is not None and parameter.constexpr:
                signature[name] = "constexpr"
                constants[name] = {"source": parameter.default}
                continue
            kind = "a compile-time constant" if parameter.constexpr else "an argument"
            raise Refusal(f"the kernel has a parameter that moetune cannot supply: {name}, {kind}")
        signature[name], constant, multiple = _bound(parameter, values[name])
        if signature[name] == "constexpr":
            constants[name] = constant
        if multiple:
            divisible.append(name)
    if variant.naive and "naive_block_assignment" not in names:
        raise Refusal("the kernel has no small-batch path (no parameter naive_block_assignment)")
    uses_pdl = constants.get("USE_GDC") is True
    return Binding(signature, constants, tuple(divisible), uses_pdl)


def _bound(parameter, value):
    """Type, value of a constant, and whether the argument is known to be a multiple of 16, the rules being those of
    Triton's JIT: None and 1 become constants, everything else stays an argument."""
    if isinstance(value, Constant):
        if not parameter.constexpr and value.value is not None:
            raise Refusal(f"parameter {parameter.name} is an argument of the kernel, moetune knows it as a compile-time "
                          "constant")
        return "constexpr", value.value, False
    if parameter.constexpr:
        if isinstance(value, Integer):
            return "constexpr", value.value, False
        raise Refusal(f"parameter {parameter.name} is a compile-time constant of the kernel, moetune knows it as an "
                      "argument")
    if isinstance(value, Pointer):
        return value.type, None, parameter.specialized
    if isinstance(value, Varying):
        return "i32", None, False
    if value.value == 1 and parameter.specialized:
        return "constexpr", 1, False
    multiple = value.hint and parameter.specialized and value.value % 16 == 0
    return "i32" if value.value < 2**31 else "i64", None, multiple


def tile_constants(parameters, tile, launch, *, swap_rule, clamp, group_at_run_time):
    """Constants of the tile as the engine's launcher sets them: with `clamp` BLOCK_SIZE_K is at most a quantisation
    block. `swap_rule` (BLOCK_SIZE_M, BLOCK_SIZE_N) tells whether the operands change places. Raises Refusal for a tile
    that the kernel cannot run."""
    names = {parameter.name for parameter in parameters}
    block = launch.problem.block_shape
    block_k = tile["BLOCK_SIZE_K"]
    if block and clamp:
        block_k = min(block_k, *block)
    if block and block[1] % block_k:
        raise Refusal(f"BLOCK_SIZE_K {block_k} is not a divisor of the {block[1]} elements that share a scale")
    swap = launch.problem.dtype == "fp8_w8a8" and {"SWAP_AB", "swap_ab"} & names and swap_rule(
        tile["BLOCK_SIZE_M"], tile["BLOCK_SIZE_N"])
    constants = {
        "BLOCK_SIZE_M": tile["BLOCK_SIZE_M"],
        "BLOCK_SIZE_N": tile["BLOCK_SIZE_N"],
        "BLOCK_SIZE_K": block_k,
        "even_Ks": launch.k % block_k == 0,
        "SWAP_AB": bool(swap),
        "swap_ab": bool(swap),
    }
    if not group_at_run_time:
        constants[GROUP] = tile[GROUP]
    return {name: value for name, value in constants.items() if name in names}
