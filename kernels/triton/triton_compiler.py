"""Triton as a compiler from (kernel, options, architecture) to a cubin, without a GPU and without its cache folder."""

import contextlib
import dataclasses
import io
import os
import re
import tempfile
import time

from binding import GROUP
from moe_problem import SHARED_LIMITS, capability_of
from refusal import Refusal

# What a user may have set for good reason: a ptxas that knows a newer GPU than Triton's own.
KEPT_VARIABLES = {"TRITON_PTXAS_PATH", "TRITON_PTXAS_BLACKWELL_PATH"}
# Beside TRITON_*, what changes the code or what is printed (triton/knobs.py).
DROPPED_VARIABLES = {"DISABLE_PTXAS_OPT", "PTXAS_OPTIONS", "NVPTX_ENABLE_DUMP", "USE_IR_LOC", "MLIR_ENABLE_DUMP",
                     "MLIR_DUMP_PATH", "MLIR_ENABLE_TIMING", "MLIR_ENABLE_DIAGNOSTICS", "MLIR_ENABLE_REMARK",
                     "MLIR_DISABLE_MULTITHREADING", "LLVM_IR_ENABLE_DUMP", "LLVM_ENABLE_TIMING", "LLVM_PASS_PLUGIN_PATH",
                     "LLVM_EXTRACT_DI_LOCAL_VARIABLES", "DISABLE_LLVM_OPT", "ALLOW_LHS_TMEM_LAYOUT_CONVERSION"}

# Metadata of a compiled kernel -> name in a reply, and its value where this version of Triton does not have it.
LAUNCH_FIELDS = {
    "name": ("name", ""),
    "num_warps": ("num_warps", 0),
    "num_ctas": ("num_ctas", 1),
    "launch_pdl": ("launch_pdl", False),
    "launch_cooperative_grid": ("launch_cooperative_grid", False),
    "global_scratch_size": ("global_scratch_bytes", 0),
    "global_scratch_align": ("global_scratch_align", 1),
    "profile_scratch_size": ("profile_scratch_bytes", 0),
    "profile_scratch_align": ("profile_scratch_align", 1),
}
# Before this version kernels took one scratch pointer, and before the other none.
TWO_SCRATCH_POINTERS = (3, 4)
ONE_SCRATCH_POINTER = (3, 3)

PTXAS_RESOURCES = ("uses too much shared data", "out of resources", "too many resources")


@dataclasses.dataclass(frozen=True)
class Result:
    """What became of a compilation; `status` is ok, out_of_resources or compile_error. `cubin` is None unless ok."""

    status: str
    seconds: float
    cubin: bytes | None = None
    launch: dict | None = None
    shared_bytes: int = 0
    registers: int = 0
    spill_bytes: int = 0
    reason: str = ""


def set_environment():
    """Before Triton is imported: nothing that a user has set for his own runs has an influence on the code, and nothing
    is written to Triton's cache folder."""
    for name in list(os.environ):
        if (name.startswith("TRITON_") and name not in KEPT_VARIABLES) or name in DROPPED_VARIABLES:
            del os.environ[name]
    os.environ["TRITON_DISABLE_LINE_INFO"] = "1"
    os.environ["TRITON_STORE_BINARY_ONLY"] = "1"
    os.environ["TRITON_CACHE_MANAGER"] = "compile_capture:CompileCapture"
    # Should something write there in spite of all that, it fails instead of filling somebody's home.
    os.environ["TRITON_CACHE_DIR"] = os.devnull
    os.environ["TRITON_HOME"] = os.devnull
    os.environ["TRITON_DUMP_PTXAS_LOG"] = "1"


class TritonCompiler:
    """Holds one kernel. Needs set_environment(). Raises Refusal when there is no Triton for this Python."""

    def __init__(self, source):
        try:
            import triton
            from triton.backends.compiler import GPUTarget
            from triton.compiler import ASTSource
        except ImportError as error:
            raise Refusal(f"this Python has no Triton that can be used ({error}): install the package triton, or name "
                          "another Python") from None
        self._triton, self._target, self._source_type = triton, GPUTarget, ASTSource
        self._source = source
        self._functions = {}

    @property
    def version(self):
        return self._triton.__version__

    def compile(self, options, arch, scratch):
        """Compiles for `arch` ("sm_90a") what a plan calls `options`. ptxas reads and writes in the folder `scratch`.
        Raises Refusal for options that do not fit the kernel; what the compiler says is a Result."""
        capability = capability_of(arch)
        source = self._ast_source(options)
        flags = {"num_warps": options["num_warps"], "num_stages": options["num_stages"]}
        if options.get("launch_pdl"):
            flags["launch_pdl"] = True
        printed = io.StringIO()
        begin = time.monotonic()
        try:
            with contextlib.redirect_stdout(printed), _temporary_folder(scratch):
                self._run(source, self._target("cuda", capability, 32), flags)
        except self._compiled() as compiled:
            return self._accept(compiled, options, capability, time.monotonic() - begin, printed.getvalue())
        except Exception as error:  # whatever a compiler does is a result
            return _failure(error, time.monotonic() - begin)
        return Result("compile_error", time.monotonic() - begin, reason="the compiler ended without a result")

    def _run(self, source, target, flags):
        self._triton.compile(source, target=target, options=flags)

    @staticmethod
    def _compiled():
        import compile_capture
        return compile_capture.Compiled

    def _accept(self, compiled, options, capability, seconds, log):
        metadata = compiled.metadata
        shared = int(metadata.get("shared", 0))
        use = {"shared_bytes": shared, "registers": _largest(log, r"(\d+) registers"),
               "spill_bytes": _largest(log, r"(\d+) bytes spill stores")}
        limit = SHARED_LIMITS.get(capability)
        if limit and shared > limit:
            return Result("out_of_resources", seconds, **use, reason=f"needs {shared} bytes of shared memory, a block of "
                          f"sm_{capability} has {limit}")
        launch = {name: metadata.get(field, absent) for field, (name, absent) in LAUNCH_FIELDS.items()}
        launch = {name: LAUNCH_FIELDS_ABSENT[name] if value is None else value for name, value in launch.items()}
        launch["parameters"] = self.parameters(options)
        return Result("ok", seconds, compiled.cubin, launch, **use)

    def parameters(self, options):
        """The parameters of the compiled kernel in order, as in Binding.parameters()."""
        order = [parameter.name for parameter in self._source.parameters]
        passed = [{"name": name, "type": options["signature"][name]} for name in order
                  if options["signature"][name] != "constexpr"]
        return passed + [{"name": name, "type": "*u8"} for name in scratch_parameters(self.version)]

    def _ast_source(self, options):
        names = [parameter.name for parameter in self._source.parameters]
        signature, constants = options["signature"], options["constants"]
        if sorted(signature) != sorted(names):
            differing = sorted(set(signature) ^ set(names))
            raise Refusal(f"the job's options are for another kernel: {', '.join(differing)}")
        missing = [name for name in names if (signature[name] == "constexpr") != (name in constants)]
        if missing:
            raise Refusal(f"the job's options do not fit together at {missing[0]}")
        place = {name: (index,) for index, name in enumerate(names)}
        function = self._function(tuple(name for name in [GROUP] if name in names and signature[name] != "constexpr"))
        return self._source_type(
            fn=function,
            signature={name: signature[name] for name in names},
            constexprs={place[name]: self._constant(constants[name]) for name in names if name in constants},
            attrs={place[name]: [["tt.divisibility", 16]] for name in options["divisible"]})

    def _function(self, runtime):
        if runtime not in self._functions:
            self._functions[runtime] = self._source.load(runtime)
        return self._functions[runtime]

    def _constant(self, value):
        if not isinstance(value, dict):
            return value
        if "dtype" in value:
            language = self._triton.language
            return {"bf16": language.bfloat16, "fp16": language.float16}[value["dtype"]]
        return eval(value["source"], {"triton": self._triton, "tl": self._triton.language})  # noqa: S307


LAUNCH_FIELDS_ABSENT = dict(LAUNCH_FIELDS.values())


def scratch_parameters(version):
    """The pointers that kernels of this version of Triton ("3.6.0") take after their own parameters."""
    number = tuple(map(int, re.findall(r"\d+", version)[:2]))
    if number >= TWO_SCRATCH_POINTERS:
        return ["global_scratch", "profile_scratch"]
    return ["global_scratch"] if number >= ONE_SCRATCH_POINTER else []


@contextlib.contextmanager
def _temporary_folder(path):
    """Temporary files of this process go there, so that those of a worker that dies are found and removed."""
    before = tempfile.tempdir
    tempfile.tempdir = str(path)
    try:
        yield
    finally:
        tempfile.tempdir = before


def _failure(error, seconds):
    text = f"{type(error).__name__}: {error}"
    scarce = type(error).__name__ == "OutOfResources" or any(sign in text for sign in PTXAS_RESOURCES)
    return Result("out_of_resources" if scarce else "compile_error", seconds, reason=text)


def _largest(log, pattern):
    return max(map(int, re.findall(pattern, log)), default=0)
