"""An engine's own functions, run from the first line to the last with tensors that are shapes: what moetune tells from a
part of them has to be what the whole of them does."""

import ast
import functools
import types
import unittest.mock

from launch_call import KERNEL, ShapeOnly

import support  # noqa: F401: puts the lifted modules on the path

from kernel_source import free_names

ALIGN = "moe_align_block_size"


class Tensor(ShapeOnly):
    """One that can be filled and has the attributes of any other, without a meaning."""

    def fill_(self, _):
        return self

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return unittest.mock.MagicMock(name=name)


def empty(shape, **_):
    return Tensor(*(shape if isinstance(shape, tuple) else (shape,)))


def cdiv(value, divisor):
    return -(-value // divisor)


def whole_function(path, name, **known):
    """The last function `name` of a file, without decorators and annotations. What it uses of the file and of other modules
    is `known`, or does nothing."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    function = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == name][-1]
    for node in ast.walk(function):
        if isinstance(node, ast.FunctionDef):
            node.decorator_list, node.returns = [], None
        elif isinstance(node, ast.arg):
            node.annotation = None
    text = ast.unparse(function)
    scope = {used: known.get(used, unittest.mock.MagicMock(name=used)) for used in free_names(text)}
    exec(compile(text, str(path), "exec"), scope)  # noqa: S102
    return scope[name]


@functools.cache
def _align(path):
    return whole_function(
        path, ALIGN, torch=types.SimpleNamespace(empty=empty, int32=None, zeros=empty),
        triton=types.SimpleNamespace(cdiv=cdiv, next_power_of_2=None), _is_cuda=False, _is_hip=False,
        _SGLANG_EXPERIMENTAL_LORA_OPTI=False, enable_moe_align_block_size_triton=False)


def allocated(path, batch, topk, experts, block):
    """(entries of sorted_token_ids, entries of expert_ids) that the engine's moe_align_block_size allocates."""
    sorted_ids, expert_ids, *_ = _align(path)(topk_ids=Tensor(batch, topk), num_experts=experts, block_size=block)
    return sorted_ids.shape[0], expert_ids.shape[0]


class Recorder:
    """Stands for the kernel: keeps (grid, arguments by position, arguments by name) of its launches."""

    def __init__(self):
        self.launches = []

    def __getitem__(self, grid):
        return lambda *arguments, **named: self.launches.append((grid, arguments, named))


@functools.cache
def _launcher(path):
    """(function, its parameters, those of them without a default, the Recorder)."""
    recorder = Recorder()
    tree = ast.parse(path.read_text(encoding="utf-8"))
    launcher = next(node for node in tree.body if isinstance(node, ast.FunctionDef) and f"{KERNEL}[grid](" in ast.unparse(node))
    function = whole_function(path, launcher.name, **{KERNEL: recorder}, triton=types.SimpleNamespace(cdiv=cdiv),
                              padding_size=0, resolve_moe_use_td=lambda: False, _is_hip=False, _is_cuda=True)
    names = [argument.arg for argument in launcher.args.args]
    return function, names, names[:len(names) - len(launcher.args.defaults)], recorder


def launched(path, kernel_parameters, size, rows, top_k, config):
    """(EM, blocks of the grid) of the launch by the engine's launcher for bf16, with `size` entries of sorted_token_ids, None
    without, and B (8, 256, 512)."""
    function, names, required, recorder = _launcher(path)
    known = {"A": Tensor(rows, 512), "B": Tensor(8, 256, 512), "C": Tensor(rows, top_k, 256), "topk_weights": Tensor(rows, 1),
             "topk_ids": Tensor(rows, top_k), "sorted_token_ids": None if size is None else Tensor(size), "top_k": top_k,
             "config": dict(config), "mul_routed_weight": False}
    recorder.launches.clear()
    function(**{name: False if name.startswith("use_") else None for name in required}
             | {name: known[name] for name in names if name in known})
    (grid, arguments, named), = recorder.launches
    return (dict(zip(kernel_parameters, arguments)) | named)["EM"], grid(config)[0]
