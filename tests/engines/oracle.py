"""The engines' own functions around their tuned files, lifted out of released packages and run without the engine, and
moetune's answers to the same questions."""

import ast
import functools
import json
import os
import pathlib
import re
import subprocess
import sys
import types

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.dont_write_bytecode = True
sys.path.insert(0, str(ROOT / "tests" / "kernels" / "triton"))
import engine_files  # noqa: E402

LOOK_UP = ("get_config_file_name", "get_moe_configs", "try_get_optimal_moe_config")
HEURISTIC = ("get_default_config", "_use_low_smem_fp8_default", "get_moe_wna16_block_config", "should_moe_wna16_use_cuda", "_ensure_block_size_k_divisible")


class Answers:
    """moetune's side: the program engine_answers."""

    def __init__(self, program):
        self._process = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8")

    def __call__(self, ask, **fields):
        self._process.stdin.write(json.dumps({"ask": ask, **fields}) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())

    def close(self):
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait()


class Silence:
    """A logger."""

    def __getattr__(self, _):
        return lambda *arguments, **keywords: None


def off(**_):
    """Settings of which every optional mode is off."""
    return types.SimpleNamespace(enable_deterministic_inference=False)


class Engine:
    """The functions of one released version, on a GPU whose driver calls it `device`, with Triton `triton_version`
    and so many bytes of shared memory a block. Files are looked for below `folder`: put one where place() says."""

    def __init__(self, name, version, folder, device="NVIDIA H200", triton_version="3.6.0",
                 shared_memory=232448):
        self.name, self.version = name, version
        self._folder = pathlib.Path(folder)
        self._triton_version = triton_version
        self._text = "\n".join(path.read_text(encoding="utf-8") for path in self._sources())
        exec_facts = types.SimpleNamespace(deterministic=off())
        self._scope = {
            "functools": functools, "json": json, "os": os, "re": re, "logger": Silence(),
            "__file__": str(self._folder / "fused_moe.py"),
            "triton": types.SimpleNamespace(__version__=triton_version),
            "current_platform": types.SimpleNamespace(get_device_name=lambda *_: device, is_cuda=lambda: True,
                                                      is_rocm=lambda: False),
            "envs": types.SimpleNamespace(VLLM_TUNED_CONFIG_FOLDER=str(self._folder), VLLM_BATCH_INVARIANT=False),
            "vllm_is_batch_invariant": lambda: False,
            "next_power_of_2": lambda n: 1 << max(n - 1, 0).bit_length(),
            "get_device_name": lambda *_: device,
            "get_config": lambda: None,
            "get_global_server_args": off,
            "get_exec": lambda: exec_facts,
            "_is_hip": False, "_is_cuda": True,
            "_get_cuda_shared_memory_per_block_optin": lambda *_: shared_memory,
        }
        self._lift((*LOOK_UP, *HEURISTIC, "get_device_name_as_file_name"))
        # The engines read a file once.
        self._scope["get_moe_configs"] = functools.lru_cache(self._scope["get_moe_configs"])

    def _sources(self):
        folders = [engine_files.folder(self.name, self.version)]
        naming = engine_files.naming_folder(self.name, self.version)
        if naming.is_dir():
            folders.append(naming)
        return [path for folder in folders for path in sorted(folder.rglob("*.py"))]

    def _lift(self, names):
        """Defines the functions of these names without their annotations, decorators and own imports, and the numbers
        that stand beside them."""
        for path in self._sources():
            for node in ast.parse(path.read_text(encoding="utf-8")).body:
                is_wanted = isinstance(node, ast.FunctionDef) and node.name in names
                if is_wanted or _is_number(node):
                    module = ast.Module([_Bare().visit(node)], [])
                    exec(compile(module, str(path), "exec"), self._scope)  # noqa: S102

    def __getattr__(self, name):
        if name.startswith("__") or name not in self._scope:
            raise AttributeError(f"{self.name} {self.version} has no {name}")
        return self._scope[name]

    def parameters(self, name):
        code = self._scope[name]
        code = getattr(code, "__wrapped__", code).__code__
        return code.co_varnames[:code.co_argcount]

    def reads_down_file(self):
        return "down_moe" in self.parameters("get_config_file_name")

    def place(self):
        """The folder in which this version looks for a file first."""
        if self.name == "vllm":
            return self._folder if "VLLM_TUNED_CONFIG_FOLDER" in self._text else self._folder / "configs"
        if "SGLANG_MOE_CONFIG_DIR" not in self._text:
            return self._folder / "configs"
        return self._folder / "configs" / f"triton_{self._triton_version.replace('.', '_')}"


def _is_number(node):
    """Whether it is an assignment of a number, or of an expression of numbers, to a name of a module."""
    parts = ast.walk(node.value) if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) else ()
    parts = [part for part in parts if not isinstance(part, (ast.operator, ast.BinOp))]
    return bool(parts) and all(isinstance(part, ast.Constant) and isinstance(part.value, int) for part in parts)


class _Bare(ast.NodeTransformer):
    def visit_FunctionDef(self, node):
        self.generic_visit(node)
        node.decorator_list, node.returns = [], None
        node.body = [inner for inner in node.body if not isinstance(inner, (ast.Import, ast.ImportFrom))]
        return node

    def visit_arg(self, node):
        node.annotation = None
        return node


def versions():
    """(engine, version) of every release that was fetched."""
    return [(name, version) for name, version, _ in engine_files.all_folders()]
