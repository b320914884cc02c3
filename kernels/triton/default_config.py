"""The tile that an engine uses when it finds no tuned file: its own heuristic, lifted out of its package."""

from host_function import lift_function, parameter_names
from moe_problem import TILE_FIELDS
from platform_facts import facts_about
from refusal import Refusal
from source_file import SourceFile

HEURISTIC = "get_default_config"

# What Triton's NVIDIA backend takes where a launch does not say it.
TRITON_DEFAULTS = {"num_warps": 4, "num_stages": 3}


class DefaultConfig:
    """The heuristic of one engine for one GPU."""

    def __init__(self, engine, machine):
        self._path = engine.file_with(HEURISTIC)
        self._file = SourceFile.read(self._path, engine.root)
        self._function = lift_function(self._file, HEURISTIC, facts_about(machine))
        self.source = f"{engine.name} {engine.version} {HEURISTIC}"

    def tile(self, problem, batch):
        """The six fields of the tile for `batch` tokens, as the heuristic gives them: what the launcher clamps is not
        clamped yet. Raises Refusal."""
        known = {
            "M": batch,
            "E": problem.num_experts,
            "N": problem.intermediate_size,
            "K": problem.hidden_size,
            "topk": problem.topk,
            "dtype": problem.dtype,
            "is_marlin": False,
            "block_shape": list(problem.block_shape) if problem.block_shape else None,
        }
        names, optional = parameter_names(self._file, HEURISTIC)
        for name in names:
            if name not in known and name not in optional:
                raise Refusal(f"{HEURISTIC} of {self._path} has a parameter that moetune cannot supply: {name}")
        given = self._function(**{name: known[name] for name in names if name in known})
        tile = {**TRITON_DEFAULTS, **given}
        for name in TILE_FIELDS:
            if not isinstance(tile.get(name), int):
                raise Refusal(f"{HEURISTIC} of {self._path} gives no {name} for {batch} tokens")
        return {name: tile[name] for name in TILE_FIELDS}
