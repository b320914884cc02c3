"""Which compiled kernels a sweep needs: the answer to a "plan" request. Nothing is compiled and Triton is not needed."""

import json

from gemm_launch import SMALL_ROWS, GemmLaunch, Variant
from kernel import Kernel
from moe_problem import Problem, capability_of, check_dtype, read_tile
from platform_facts import Machine
from refusal import Refusal

GEMMS = ("up", "down")


def options_of(family, artifact):
    """What one compiled kernel depends on beside its source, compiler and architecture: the "options" of a compile job
    and of an artifact's key."""
    options = {name: value for name, value in family.items() if name != "parameters"}
    return {**options, "constants": {**family["constants"], **artifact["constants"]},
            "num_warps": artifact["num_warps"], "num_stages": artifact["num_stages"]}


def make_plan(kernel, request):
    """README.md has the fields of request and answer. Raises Refusal when nothing of it can be compiled; a tile that
    the kernel cannot run is listed as refused instead."""
    problem = Problem.of(request.get("problem"))
    machine = Machine(capability_of(request.get("arch")), request.get("device"))
    check_dtype(problem, machine.capability)
    batches = request.get("batches")
    if not isinstance(batches, list) or not batches or any(not isinstance(m, int) or m < 1 for m in batches):
        raise Refusal("batches must be a list of integers of at least 1")
    group = request.get("group", "constant")
    if group not in ("constant", "runtime"):
        raise Refusal(f"group must be constant or runtime, not {group}")
    tiles = [read_tile(config) for config in request.get("configs", [])]
    blocks = sorted({tile["BLOCK_SIZE_M"] for tile in tiles})
    kernel.check_alignment((batch, problem.topk, problem.num_experts, block) for batch in batches for block in blocks)
    plan = _Plan(kernel, problem, machine, tiles, group == "runtime")
    classes = [plan.uses(variants, members) for variants, members in _classes(kernel, problem, batches).items()]
    return {
        "kernel": kernel.name,
        "kernel_digest": kernel.digest,
        "families": plan.families,
        "artifacts": plan.artifacts,
        "classes": classes,
        "alignment": kernel.alignment.fields(),
        "refused": [{"config": config, "reason": reason} for config, reason in sorted(plan.refused.items())],
        "defaults": _defaults(kernel, problem, machine, batches),
    }


def _classes(kernel, problem, batches):
    """Batches by the variants of their two launches."""
    takes_rows = any(parameter.name == "GDC_EARLY" for parameter in kernel.parameters)
    classes = {}
    for batch in batches:
        naive = kernel.uses_naive_path(problem, batch)
        pairs = batch * problem.topk
        variants = tuple(
            Variant(naive=naive, small=takes_rows and rows <= SMALL_ROWS, single=pairs == 1) for rows in (batch, pairs))
        classes.setdefault(variants, []).append(batch)
    return classes


def _defaults(kernel, problem, machine, batches):
    """{"source", "configs": one a batch} of the engine's heuristic, or {"reason"} why there is none."""
    try:
        heuristic = kernel.default_config(machine)
        if heuristic is None:
            return {"reason": f"{kernel.name} is of no engine"}
        return {"source": heuristic.source, "configs": [heuristic.tile(problem, batch) for batch in batches]}
    except Refusal as refusal:
        return {"reason": str(refusal)}


class _Plan:
    """Gathers distinct families and artifacts while the launches of a problem are bound one after another."""

    def __init__(self, kernel, problem, machine, tiles, group_at_run_time):
        self.kernel = kernel
        self.tiles = tiles
        self.group_at_run_time = group_at_run_time
        self.launches = {gemm: GemmLaunch(problem, gemm, machine.capability) for gemm in GEMMS}
        self.swap_rule = kernel.swap_rule(machine)
        self.families = []
        self.artifacts = []
        self.refused = {}
        self._numbers = {}

    def uses(self, variants, batches):
        """For each GEMM the artifact of every tile, -1 for one that is refused."""
        numbers = {gemm: [self._artifact(gemm, variant, number) for number in range(len(self.tiles))]
                   for gemm, variant in zip(GEMMS, variants)}
        return {"batches": batches, "naive": variants[0].naive, **numbers}

    def _artifact(self, gemm, variant, number):
        launch, tile = self.launches[gemm], self.tiles[number]
        try:
            constants = self.kernel.tile_constants(launch, tile, self.group_at_run_time, self.swap_rule)
        except Refusal as refusal:
            self.refused[number] = str(refusal)
            return -1
        artifact = {"family": self._family(gemm, variant), "constants": constants, "num_warps": tile["num_warps"],
                    "num_stages": tile["num_stages"]}
        return self._number(artifact, self.artifacts)

    def _family(self, gemm, variant):
        known = self._numbers.get((gemm, variant))
        if known is None:
            binding = self.kernel.binding(self.launches[gemm], variant, self.group_at_run_time)
            known = self._number({**binding.family(), "parameters": binding.parameters()}, self.families)
            self._numbers[gemm, variant] = known
        return known

    def _number(self, value, values):
        """The place of `value` in `values`, at their end when it is new."""
        key = json.dumps(value, sort_keys=True)
        if key not in self._numbers:
            self._numbers[key] = len(values)
            values.append(value)
        return self._numbers[key]


def plan_for(request, engine_paths=(), kernel_paths=()):
    """make_plan() of the kernel that the request names."""
    return make_plan(Kernel.find(str(request.get("kernel")), engine_paths, kernel_paths), request)
