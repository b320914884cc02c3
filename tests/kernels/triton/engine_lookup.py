"""The engines' own search for a tuned file, lifted out of their released packages: what it finds in which folders."""

import builtins
import json
import os
import pathlib
import types
import unittest.mock

import engine_files
import support  # noqa: F401: puts the lifted modules on the path

import host_function
from host_function import parameter_names
from platform_facts import Facts, Machine, facts_about
from source_file import SourceFile

NAME = "get_moe_configs"


class Silent:
    """A logger that keeps what it was told."""

    def __init__(self):
        self.said = []

    def __getattr__(self, level):
        return lambda text, *arguments, **_: self.said.append(text % arguments if arguments else text)


class EngineLookup:
    """get_moe_configs of one released version on a GPU with that name. `package` stands for the folder of the engine's own
    module, with its configs/ in it."""

    def __init__(self, name, version, package, device="NVIDIA H200", triton="3.6.0"):
        self.name, self.version = name, version
        root = engine_files.folder(name, version)
        path = next(path for path in sorted(root.rglob("*.py")) if f"def {NAME}(" in path.read_text(encoding="utf-8"))
        self._file = SourceFile.read(path, root)
        self.logger = Silent()
        self._opened = []
        self._environment = {}
        facts = facts_about(Machine(90, device.replace(" ", "_")))
        facts["current_platform"] = Facts("current_platform", get_device_name=lambda: device)
        facts |= {
            "get_device_name_as_file_name": lambda: device.replace(" ", "_"),
            "os": types.SimpleNamespace(path=os.path, environ=self._environment, listdir=os.listdir),
            "json": json,
            "logger": self.logger,
            "triton": types.SimpleNamespace(__version__=triton),
            "__file__": str(pathlib.Path(package) / "fused_moe.py"),
        }
        self._facts = facts

    def _open(self, path, *arguments):
        self._opened.append(pathlib.Path(path))
        return builtins.open(path, *arguments)

    def has_variable(self):
        """Whether this version knows the environment variable with a folder of the user's."""
        variable = "VLLM_TUNED_CONFIG_FOLDER" if self.name == "vllm" else "SGLANG_MOE_CONFIG_DIR"
        return variable in self._file.path.read_text(encoding="utf-8")

    def knows_down(self):
        return "down_moe" in parameter_names(self._file, NAME)[0]

    def find(self, experts, size, dtype=None, block_shape=None, folder=None, down=False):
        """(the configurations by batch, the file that they were read from), with the variable set to `folder`; (None,
        None) when nothing is found."""
        folder = str(folder) if folder else None
        self._facts["envs"] = Facts("envs", VLLM_BATCH_INVARIANT=False, VLLM_TUNED_CONFIG_FOLDER=folder)
        self._environment.clear()
        if folder:
            self._environment["SGLANG_MOE_CONFIG_DIR"] = folder
        block_n, block_k = block_shape or (0, 0)
        known = {"E": experts, "N": size, "dtype": dtype, "block_n": block_n, "block_k": block_k,
                 "per_channel_quant": False, "down_moe": down}
        names, _ = parameter_names(self._file, NAME)
        self._opened.clear()
        # Reading a file is what this one function may do, and a heuristic may not.
        with unittest.mock.patch.dict(host_function.BUILTINS, {"open": self._open}):
            found = host_function.lift_function(self._file, NAME, self._facts)(**{name: known[name] for name in names})
        return found, self._opened[-1] if found is not None else None


def lookups(name, package, **machine):
    """One for each released version that the tests know."""
    return [EngineLookup(name, version, package, **machine) for version in engine_files.VERSIONS[name]]
