"""Triton as a compiler from (kernel, options, architecture) to a cubin, without a GPU and without its cache folder."""

import contextlib
import dataclasses
import io
import os
import re
import sys
import tempfile
import time
import traceback

from binding import GROUP
from cubin_file import parameters_of
from kernel_source import load_text
from moe_problem import SHARED_LIMITS, capability_of
from refusal import Refusal
from triton_version import PTXAS_VARIABLES, oldest_text, scratch_parameters, supported

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

TRIAL_KERNEL = """import triton
import triton.language as tl
@triton.jit
def trial(x):
    tl.store(x, 0)
"""

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
        # A ptxas of the user's stays: it may know a newer GPU than Triton's own.
        if (name.startswith("TRITON_") and name not in PTXAS_VARIABLES) or name in DROPPED_VARIABLES:
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
        if not supported(triton.__version__):
            raise Refusal(f"triton {triton.__version__} is too old: moetune drives {oldest_text()} and newer")
        self._triton, self._target, self._source_type = triton, GPUTarget, ASTSource
        self._source = source
        self._functions = {}
        _do_without_keys()
        self._try_out()

    @property
    def version(self):
        return self._triton.__version__

    def compile(self, options, arch, scratch):
        """Compiles for `arch` ("sm_90a") what a plan calls `options`. ptxas reads and writes in the folder `scratch`.
        Raises Refusal for options that do not fit the kernel, OSError when there is no room for its files; what the
        compiler says is a Result."""
        capability = capability_of(arch)
        source = self._ast_source(options)
        flags = {"num_warps": options["num_warps"], "num_stages": options["num_stages"]}
        if options.get("launch_pdl"):
            flags["launch_pdl"] = True
        limit = SHARED_LIMITS.get(capability, sys.maxsize)
        self._end_early(limit)
        printed = io.StringIO()
        begin = time.monotonic()
        try:
            with contextlib.redirect_stdout(printed), _temporary_folder(scratch):
                self._run(source, self._target("cuda", capability, 32), flags)
        except self._compiled() as compiled:
            return self._accept(compiled, options, limit, time.monotonic() - begin, printed.getvalue())
        except TooMuchShared as error:
            return _too_much(error.shared_bytes, limit, time.monotonic() - begin)
        except (OSError, MemoryError):  # says nothing about the kernel: a full disk
            raise
        except Exception as error:  # whatever a compiler does is a result
            if _ran_out_of_memory(error):  # Triton wraps what is raised while it walks through the source
                raise MemoryError from error
            return _failure(error, time.monotonic() - begin)
        return Result("compile_error", time.monotonic() - begin, reason="the compiler ended without a result")

    def _try_out(self):
        """Compiles a kernel of one line. A compiler that cannot do that (no ptxas, an unknown version of Triton) is found
        out here and not taken for a fault of the kernels."""
        function = load_text(TRIAL_KERNEL, "trial")
        try:
            with contextlib.redirect_stdout(io.StringIO()):
                self._run(self._source_type(fn=function, signature={"x": "*i32"}, constexprs={}, attrs={}),
                          self._target("cuda", 80, 32), {})
        except self._compiled() as compiled:
            told, found = len(scratch_parameters(self.version)), len(parameters_of(compiled.cubin, "trial")) - 1
            if found != told:
                raise Refusal(f"kernels of triton {self.version} take {found} pointers of its own, moetune knows of {told}: "
                              "it cannot launch them") from None
            return
        except Exception as error:
            raise Refusal(f"triton {self.version} does not compile the simplest kernel: {type(error).__name__}: "
                          f"{error}") from None
        raise Refusal(f"triton {self.version} keeps what it compiles to itself: moetune does not know this version")

    def _run(self, source, target, flags):
        self._triton.compile(source, target=target, options=flags)

    @staticmethod
    def _compiled():
        import compile_capture
        return compile_capture.Compiled

    def _end_early(self, limit):
        """Where this version of Triton lets its stages be changed (3.6 and newer), a kernel that needs too much shared
        memory does not go through ptxas: large tiles take longest there."""

        def guard(*arguments):
            # Some versions also ask, without arguments, for what this adds to the keys of their cache.
            stages = arguments[1] if len(arguments) > 1 else {}
            if "ptx" not in stages:
                return "", ""
            make_ptx = stages["ptx"]

            def guarded(source, metadata):
                if metadata.get("shared", 0) > limit:
                    raise TooMuchShared(metadata["shared"])
                return make_ptx(source, metadata)

            stages["ptx"] = guarded
            return "", ""

        runtime = getattr(getattr(self._triton, "knobs", None), "runtime", None)
        if hasattr(runtime, "add_stages_inspection_hook"):
            runtime.add_stages_inspection_hook = guard

    def _accept(self, compiled, options, limit, seconds, log):
        metadata = compiled.metadata
        shared = int(metadata.get("shared", 0))
        use = {"shared_bytes": shared, "registers": _largest(log, r"(\d+) registers"),
               "spill_bytes": _largest(log, r"(\d+) bytes spill stores")}
        if shared > limit:
            return dataclasses.replace(_too_much(shared, limit, seconds), **use)
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


class TooMuchShared(Exception):
    """Ends a compilation that cannot lead to a kernel which fits."""

    def __init__(self, shared_bytes):
        super().__init__()
        self.shared_bytes = shared_bytes


LAUNCH_FIELDS_ABSENT = dict(LAUNCH_FIELDS.values())


def _do_without_keys():
    """Triton reads all of its own files once a process, 300 MB, for keys of its cache: there is none."""
    import triton.compiler.compiler
    import triton.runtime.cache
    for module in (triton.compiler.compiler, triton.runtime.cache):
        if hasattr(module, "triton_key"):
            module.triton_key = lambda: ""


@contextlib.contextmanager
def _temporary_folder(path):
    """Temporary files of this process go there, so that those of a worker that dies are found and removed."""
    before = tempfile.tempdir
    tempfile.tempdir = str(path)
    try:
        yield
    finally:
        tempfile.tempdir = before


def _ran_out_of_memory(error):
    while error is not None and not isinstance(error, MemoryError):
        error = error.__cause__ or error.__context__
    return error is not None


def _too_much(shared, limit, seconds):
    return Result("out_of_resources", seconds, shared_bytes=shared,
                  reason=f"needs {shared} bytes of shared memory, a block has {limit}")


def _failure(error, seconds):
    place = traceback.extract_tb(error.__traceback__)[-1]
    text = f"{type(error).__name__}: {error} (line {place.lineno} of Triton's {os.path.basename(place.filename)})"
    scarce = type(error).__name__ == "OutOfResources" or any(sign in text for sign in PTXAS_RESOURCES)
    return Result("out_of_resources" if scarce else "compile_error", seconds, reason=text)


def _largest(log, pattern):
    return max(map(int, re.findall(pattern, log)), default=0)
