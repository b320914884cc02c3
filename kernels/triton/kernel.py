"""A kernel by the name that the user gives: of an engine, moetune's own, or of a file."""

import functools
import hashlib
import json
import pathlib

from alignment_rule import AlignmentRule, EngineAlignment
from binding import bind, tile_constants
from default_config import DefaultConfig
from engine_package import ENGINES, find_engine
from host_function import lift_function, parameter_names
from kernel_source import KERNEL, lift
from platform_facts import facts_about
from refusal import Refusal
from source_file import SourceFile

BUILTIN = "builtin"
LOOK_UP = "get_moe_configs"
SWAP_RULES = ("enable_swap_ab", "should_enable_swap_ab")


class Kernel:
    """A lifted kernel and what is known about the launcher that it belongs to. `engine` is None unless it is of one."""

    def __init__(self, name, path, root, engine=None):
        self.name = name
        self.path = pathlib.Path(path)
        self.engine = engine
        self.source = lift(self.path, root)
        self._file = SourceFile.read(self.path, root)

    @classmethod
    def find(cls, name, engine_paths=(), kernel_paths=()):
        """`name` is vllm, sglang, builtin or a file's name, looked for in the folders `kernel_paths`. Raises Refusal."""
        if name in ENGINES:
            engine = find_engine(name, engine_paths)
            return cls(name, engine.file_with(KERNEL), engine.root, engine)
        if name == BUILTIN:
            path = pathlib.Path(__file__).with_name("fused_moe.py")
            return cls(name, path, path.parent)
        if not name.endswith(".py") or "/" in name:
            raise Refusal(f"kernel {name} is not known: use {', '.join(ENGINES)}, {BUILTIN} or the name of a .py file in "
                          "a folder given with --kernel-path")
        for folder in map(pathlib.Path, kernel_paths):
            if (folder / name).is_file():
                return cls(name, folder / name, folder)
        where = ", ".join(map(str, kernel_paths)) or "no folder was given"
        raise Refusal(f"kernel {name} is not in the folders of --kernel-path ({where})")

    @property
    def parameters(self):
        return self.source.parameters

    @property
    def has_naive_path(self):
        return any(parameter.name == "naive_block_assignment" for parameter in self.parameters)

    def uses_naive_path(self, problem, batch):
        """vLLM's rule, of kernels that have the path: M * topk * 4 <= E."""
        return self.has_naive_path and batch * problem.topk * 4 <= problem.num_experts

    @property
    def clamps_block_k(self):
        """SGLang's launcher leaves BLOCK_SIZE_K alone, all others limit it to a quantisation block."""
        return self.engine is None or self.engine.name != "sglang"

    @property
    def reads_down_file(self):
        """Whether the engine looks for a second file, with GEMM 2's tiles: newer versions of SGLang do."""
        if self.engine is None:
            return False
        try:
            path = self.engine.file_with(LOOK_UP)
        except Refusal:
            return False
        names, _ = parameter_names(SourceFile.read(path, self.engine.root), LOOK_UP)
        return "down_moe" in names

    @property
    def digest(self):
        """What names this kernel in rows and compiled files: its source's digest, or one of that and the AlignmentRule when
        its engine sizes launches otherwise than vLLM 0.33. vLLM 0.12 and 0.13 differ in nothing else. 64 lower-case hex
        digits. Raises Refusal when the rule cannot be told."""
        if self.alignment.follows_from_source():
            return self.source.digest
        fields = self.alignment.fields()
        del fields["naive"]  # follows from the parameters
        return hashlib.sha256(json.dumps([self.source.digest, fields], sort_keys=True).encode()).hexdigest()

    @property
    def alignment(self):
        """The AlignmentRule of the engine; a kernel that is of no engine has vLLM 0.33's. Raises Refusal."""
        return self._engine_alignment.rule if self.engine else AlignmentRule(naive=self.has_naive_path)

    def check_alignment(self, points):
        """Raises Refusal where the engine does not follow `alignment` for one of the (batch, topk, experts, block)."""
        if self.engine:
            self._engine_alignment.check(points)

    @functools.cached_property
    def _engine_alignment(self):
        names = [parameter.name for parameter in self.parameters]
        return EngineAlignment(self.engine, self._file, names, self.has_naive_path)

    def swap_rule(self, machine):
        """(BLOCK_SIZE_M, BLOCK_SIZE_N) -> whether the launcher exchanges the operands of fp8 kernels: the engine's own
        rule where it has one, else never."""
        for name in SWAP_RULES:
            if self.engine and self._file.binding(name) is not None:
                rule = lift_function(self._file, name, facts_about(machine))
                return lambda block_m, block_n: bool(rule(block_m, block_n))
        if self.engine and {"SWAP_AB", "swap_ab"} & {parameter.name for parameter in self.parameters}:
            raise Refusal(f"{self.path}: the kernel can exchange its operands, but the rule for it ({' or '.join(SWAP_RULES)}) "
                          "is not there")
        return lambda block_m, block_n: False

    def binding(self, launch, variant, group_at_run_time):
        """See bind()."""
        try:
            return bind(self.parameters, launch, variant, group_at_run_time=group_at_run_time,
                        defaults_allowed=self.engine is None)
        except Refusal as refusal:
            raise Refusal(f"{self._title()}: {refusal}") from None

    def tile_constants(self, launch, tile, group_at_run_time, swap_rule):
        """See tile_constants()."""
        return tile_constants(self.parameters, tile, launch, swap_rule=swap_rule, clamp=self.clamps_block_k,
                              group_at_run_time=group_at_run_time)

    def default_config(self, machine):
        """The engine's heuristic, None for a kernel that is of no engine. Raises Refusal."""
        return DefaultConfig(self.engine, machine) if self.engine else None

    def _title(self):
        return f"{self.engine.name} {self.engine.version}" if self.engine else f"{self.name} ({self.path})"
