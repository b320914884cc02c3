"""What can be tuned with this Python: its Triton, the engines that it would import and those in the folders given, as
JSON. `inspect_engines.py plan` answers each line on stdin, a plan request, with a line instead. Neither imports Triton,
torch or an engine."""

import argparse
import importlib.util
import json
import os
import pathlib
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from default_config import HEURISTIC  # noqa: E402
from engine_package import ENGINES, find_engines, literal_of  # noqa: E402
from kernel import BUILTIN, Kernel  # noqa: E402
from moe_problem import Problem  # noqa: E402
from gemm_launch import GemmLaunch, Variant  # noqa: E402
from plan import plan_for  # noqa: E402
from platform_facts import Machine  # noqa: E402
from refusal import Refusal  # noqa: E402
from triton_version import compiler_text, oldest_text, supported  # noqa: E402
from version import VERSION  # noqa: E402

# One problem of every kind that moetune tunes, on the architecture that has all of them.
KINDS = {
    "bf16": {},
    "fp16": {"act_dtype": "float16"},
    "fp8_w8a8": {"dtype": "fp8_w8a8"},
    "fp8_w8a8 per channel": {"dtype": "fp8_w8a8", "per_channel_quant": True},
    "fp8_w8a8 block": {"dtype": "fp8_w8a8", "block_shape": [128, 128]},
    "int8_w8a16": {"dtype": "int8_w8a16"},
}
SHAPE = {"E": 8, "N": 1024, "hidden_size": 1024, "topk": 2}
MACHINE = Machine(90, "NVIDIA_H200")


def triton_facts():
    """Version, folder and whether moetune can drive it, read from Triton's files."""
    try:
        spec = importlib.util.find_spec("triton")
    except (ImportError, ValueError):
        spec = None
    if spec is None or not spec.origin:
        return {"found": False, "reason": "this Python has no package triton"}
    version = literal_of(pathlib.Path(spec.origin), "__version__") or "unknown"
    facts = {"found": True, "version": version, "compiler": compiler_text(version), "path": os.path.dirname(spec.origin),
             "supported": supported(version)}
    if not facts["supported"]:
        facts["reason"] = f"triton {version} is too old: moetune drives {oldest_text()} and newer"
    return facts


def kernel_facts(kernel):
    """Digest, parameters, and which kinds of problems it can be bound to; the reason for those that it cannot."""
    facts = {
        "path": str(kernel.path),
        "kernel_digest": kernel.digest,
        "alignment": kernel.alignment.fields(),
        "parameters": [{"name": parameter.name, "constexpr": parameter.constexpr, "default": parameter.default}
                       for parameter in kernel.parameters],
        "tunes": [],
        "refuses": {},
    }
    for kind, fields in KINDS.items():
        try:
            for gemm in ("up", "down"):
                kernel.binding(GemmLaunch(Problem.of(SHAPE | fields), gemm, MACHINE.capability), Variant(), False)
            facts["tunes"].append(kind)
        except Refusal as refusal:
            facts["refuses"][kind] = str(refusal)
    return facts


def default_facts(kernel):
    """Whether the engine's heuristic can be asked."""
    try:
        heuristic = kernel.default_config(MACHINE)
        heuristic.tile(Problem.of(SHAPE), 1)
        return {"source": heuristic.source}
    except Refusal as refusal:
        return {"source": None, "reason": f"{HEURISTIC}: {refusal}"}


def inspect(engine_paths):
    """The whole answer."""
    answer = {"version": VERSION, "python": sys.executable, "triton": triton_facts(), "engines": [],
              "builtin": kernel_facts(Kernel.find(BUILTIN))}
    found = find_engines(engine_paths)
    for name in ENGINES:
        if name not in found:
            continue
        engine = {"name": name, "version": found[name].version, "root": str(found[name].root)}
        try:
            kernel = Kernel.find(name, engine_paths)
            engine |= kernel_facts(kernel) | {"default": default_facts(kernel), "down_file": kernel.reads_down_file}
        except Refusal as refusal:
            engine["reason"] = str(refusal)
        answer["engines"].append(engine)
    return answer


def answer(ask):
    """Prints what `ask` returns, or why it refuses, as one line. Returns the exit status that says which."""
    try:
        text, status = json.dumps(ask()), 0
    except (Refusal, ValueError) as error:
        text, status = json.dumps({"error": str(error)}), 1
    print(text, flush=True)
    return status


def main():
    parser = argparse.ArgumentParser(prog="inspect_engines.py", description=__doc__)
    parser.add_argument("what", nargs="?", choices=("inspect", "plan"), default="inspect")
    parser.add_argument("--engine-path", action="append", default=[], metavar="FOLDER")
    parser.add_argument("--kernel-path", action="append", default=[], metavar="FOLDER")
    arguments = parser.parse_args()
    if arguments.what == "inspect":
        return answer(lambda: inspect(arguments.engine_path))
    status = 0
    for line in sys.stdin:
        importlib.invalidate_caches()  # an engine may have been installed since
        status |= answer(lambda: plan_for(json.loads(line), arguments.engine_path, arguments.kernel_path))
    return status


if __name__ == "__main__":
    sys.exit(main())
