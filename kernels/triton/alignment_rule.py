"""How many entries an engine's alignment has, and how many rows its launcher covers: lifted out of the package as two
functions, and described by the few numbers that they come down to."""

import ast
import dataclasses
import itertools
import types

from host_function import lift_node
from kernel_source import KERNEL
from refusal import Refusal
from sliced_function import sliced_function
from source_file import SourceFile

ALIGN = "moe_align_block_size"
MAX_EXTRA_EXPERTS = 4
ROUND_TO = (1, 2, 4, 8, 16, 32, 64, 128, 256)

# Where every rule is tried: around each change from few pairs to many, and at odd numbers, which show what is rounded.
EXPERTS = (1, 3, 8, 60, 128, 256, 511)
BLOCKS = (16, 32, 64, 128, 256)

# Plain arithmetic that the engines import from far away.
ARITHMETIC = {
    "triton": types.SimpleNamespace(cdiv=lambda x, y: -(-x // y)),
    "cdiv": lambda x, y: -(-x // y),
    "round_up": lambda x, y: -(-x // y) * y,
}


@dataclasses.dataclass(frozen=True)
class AlignmentRule:
    """Sizes of one launch for `pairs` = M * topk token-expert pairs of E experts in row blocks of b rows.

    sorted_token_ids has pairs + X * (b - 1) entries, rounded up to a multiple of `round_to`. X is E + `extra_experts`, or
    `pairs` when that is less and `pairs_limit` is set. A launch covers as many rows; with `rows_limit`, while A has fewer
    rows than b, at most rows * top_k * b. With `naive` M * topk * 4 <= E pairs are not aligned: they cover pairs * b."""

    naive: bool = True
    extra_experts: int = 0
    pairs_limit: bool = True
    round_to: int = 1
    rows_limit: bool = True

    def sorted_size(self, pairs, experts, block):
        padded = experts + self.extra_experts
        size = pairs + (min(pairs, padded) if self.pairs_limit else padded) * (block - 1)
        return -(-size // self.round_to) * self.round_to

    def rows(self, sorted_size, rows, top_k, block):
        return min(sorted_size, rows * top_k * block) if self.rows_limit and rows < block else sorted_size

    def fields(self):
        """As plans have it."""
        return dataclasses.asdict(self)

    def follows_from_source(self):
        """Whether a kernel of this source is taken to be launched so: as vLLM 0.33 does it."""
        return dataclasses.replace(self, naive=True) == AlignmentRule()


class EngineAlignment:
    """What an engine does, in `rule`. `kernel_file` is the SourceFile with its kernel and launcher, `kernel_parameters` are
    the kernel's names in order, `naive` says whether it has the small-batch path. Raises Refusal when the code cannot be
    lifted, or is no such rule."""

    def __init__(self, engine, kernel_file, kernel_parameters, naive):
        self._sizes, self._where = _lift_sizes(engine)
        rows = _lift_rows(kernel_file, kernel_parameters)
        self.rule = _with_launcher(self._fitted(naive), rows, kernel_file.path)

    def check(self, points):
        """Raises Refusal where the rule is not what the engine does for one of the (batch, topk, experts, block)."""
        for batch, topk, experts, block in points:
            size = self._sizes(batch, topk, experts, block)
            if self.rule.sorted_size(batch * topk, experts, block) != size:
                raise self._unknown(f"{size} entries for {batch} tokens, topk {topk}, {experts} experts, BLOCK_SIZE_M {block}")

    def _fitted(self, naive):
        wanted = {point: self._sizes(*point) for point in _points()}
        for round_to, extra, limit in itertools.product(ROUND_TO, range(MAX_EXTRA_EXPERTS + 1), (False, True)):
            rule = AlignmentRule(naive, extra, limit, round_to)
            if all(rule.sorted_size(batch * topk, experts, block) == size
                   for (batch, topk, experts, block), size in wanted.items()):
                return rule
        raise self._unknown("no number of experts, limit and rounding gives its sizes")

    def _unknown(self, why):
        return Refusal(f"{ALIGN} of {self._where} sizes sorted_token_ids in a way that moetune does not know: {why}")


def _points():
    for experts in EXPERTS:
        pairs = {1, 2, 5, experts // 4, *range(experts - 2, experts + MAX_EXTRA_EXPERTS + 2), 2 * experts + 1, 32771}
        for count, block in itertools.product(sorted(pairs), BLOCKS):
            if count > 0:
                yield count, 1, experts, block


def _with_launcher(rule, rows, where):
    """`rule` with the launcher's limit, as rows(sorted entries or None, rows of A, top_k, block) tells it."""
    cases = [(size, count, top_k, block) for count, top_k, block, size in itertools.product(
        (1, 5, 15, 16, 100, 255, 256, 4096), (1, 8), BLOCKS, (16, 1000, 4100, 100001))]
    if rule.naive:
        for _, count, top_k, block in cases:
            if rows(None, count, top_k, block) != count * top_k * block:
                raise Refusal(f"the launcher in {where} covers another number of rows than one block a pair where it "
                              "skips alignment, which moetune does not know")
    for limit in (False, True):
        found = dataclasses.replace(rule, rows_limit=limit)
        if all(found.rows(*case) == rows(*case) for case in cases):
            return found
    raise Refusal(f"the launcher in {where} limits the rows that it covers in a way that moetune does not know: "
                  f"{rows(*cases[0])} for sorted entries, rows of A, top_k and BLOCK_SIZE_M of {cases[0]}")


def _lift_sizes(engine):
    """(batch, topk, experts, block) -> entries of sorted_token_ids, and the file that says so. Newer versions of SGLang
    have further functions of that name, which are given the tensor."""
    found, reasons = [], []
    for path in engine.files_with(ALIGN):
        file = SourceFile.read(path, engine.root)
        function = file.function(ALIGN)
        for statement, size in _allocations(function):
            try:
                given = ("topk_ids", "num_experts", "block_size")
                found.append((_lift(file, function, statement, size, given), path))
            except Refusal as refusal:
                reasons.append(str(refusal))
    if reasons:
        raise Refusal(reasons[0])
    if len(found) != 1:
        where = ", ".join(str(path) for _, path in found) or "none of its files about MoE does"
        raise Refusal(f"{engine.name} {engine.version} in {engine.root}: one function {ALIGN} should allocate "
                      f"sorted_token_ids: {where}")
    lifted, where = found[0]
    return lambda batch, topk, experts, block: lifted(
        topk_ids=Shaped(batch, topk), num_experts=experts, block_size=block), where


def _allocations(function):
    """(statement, size) of what a function returns first, where it allocates that: `sorted = torch.empty((size,), ...)`."""
    first = {node.value.elts[0].id for node in ast.walk(function)
             if isinstance(node, ast.Return) and isinstance(node.value, ast.Tuple) and isinstance(node.value.elts[0], ast.Name)}
    for node in ast.walk(function):
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id in first and (
                isinstance(node.value, ast.Call) and node.value.args):
            shape = node.value.args[0]
            yield node, shape.elts[0] if isinstance(shape, ast.Tuple) and len(shape.elts) == 1 else shape


def _lift_rows(file, kernel_parameters):
    """(entries of sorted_token_ids or None, rows of A, top_k, block) -> EM, as the launcher passes it to the kernel."""
    launches = [(function, node) for function in file.tree.body if isinstance(function, ast.FunctionDef)
                for node in ast.walk(function)
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Subscript)
                and isinstance(node.func.value, ast.Name) and node.func.value.id == KERNEL]
    if len(launches) != 1:
        raise Refusal(f"{file.path} should launch {KERNEL} in one place, not {len(launches)}")
    function, call = launches[0]
    passed = dict(zip(kernel_parameters, call.args)) | {keyword.arg: keyword.value for keyword in call.keywords}
    if "EM" not in passed:
        raise Refusal(f"{function.name} of {file.path} does not pass EM to {KERNEL}")
    _check_grid(function, call, passed["EM"], file.path)
    lifted = _lift(file, function, call, passed["EM"], ("A", "sorted_token_ids", "top_k", "config"))
    return lambda size, rows, top_k, block: lifted(
        A=Shaped(rows, 16), sorted_token_ids=None if size is None else Shaped(size), top_k=top_k,
        config={"BLOCK_SIZE_M": block})


def _lift(file, function, node, expression, given):
    """`expression` at `node` in `function` as something to call with all of `given` by name. Raises Refusal."""
    try:
        sliced = sliced_function(function, node, expression, given)
        lifted = lift_node(file, sliced, ARITHMETIC, function.name)
    except Refusal as refusal:
        raise Refusal(f"{function.name} of {file.path}: {refusal}") from None
    taken = {argument.arg for argument in sliced.args.kwonlyargs}

    def call(**values):
        value = lifted(**{name: value for name, value in values.items() if name in taken})
        if not isinstance(value, int):
            raise Refusal(f"{function.name} of {file.path}: {ast.unparse(expression)} is no number but {value}")
        return value

    return call


def _check_grid(function, call, em, path):
    """The grid has to be that of EM rows."""
    grid = ast.unparse(call.func.slice)
    for node in ast.walk(function):
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == grid:
            covered = [ast.unparse(inner.args[0]) for inner in ast.walk(node.value)
                       if isinstance(inner, ast.Call) and len(inner.args) == 2 and "BLOCK_SIZE_M" in ast.unparse(inner.args[1])]
            if covered == [ast.unparse(em)]:
                return
    raise Refusal(f"{function.name} of {path} launches {KERNEL} on a grid that is not one of "
                  f"cdiv({ast.unparse(em)}, BLOCK_SIZE_M) row blocks")


class Shaped:
    """Stands for a tensor, of which only the shape is asked."""

    def __init__(self, *shape):
        self.shape = shape

    def size(self, dimension=None):
        return self.shape if dimension is None else self.shape[dimension]

    def numel(self):
        count = 1
        for length in self.shape:
            count *= length
        return count
