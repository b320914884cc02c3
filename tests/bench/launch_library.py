"""The product's launch of Triton kernels, for Python: libmoetune_triton_launch.so (triton_launch_library.cpp) by ctypes."""

import ctypes
import json

# Order of kernels/gemm_kernel.hpp's GemmPointers.
POINTERS = ("a", "w", "c", "a_scale", "w_scale", "topk_weights", "sorted_token_ids", "expert_ids", "num_tokens_post_padded")

_Record = ctypes.CFUNCTYPE(ctypes.c_int)
_MAX_PARAMETERS = 64


class LaunchError(Exception):
    """What the product's code answered."""


# vLLM 0.33's, as plans have it.
NEWEST_VLLM = {"naive": True, "extra_experts": 0, "pairs_limit": True, "round_to": 1, "rows_limit": True}


def call_text(problem, config, batch, gemm, alignment=NEWEST_VLLM):
    """One launch as the library reads it. `problem` as in a request; `gemm` is "up" or "down"; `alignment` as in a plan."""
    return json.dumps({"problem": problem, "config": config, "batch": batch, "gemm": 1 if gemm == "up" else 2,
                       "alignment": alignment}).encode()


def pointer_array(addresses):
    """`addresses`: name of POINTERS -> device address; what is missing is null."""
    return (ctypes.c_uint64 * len(POINTERS))(*(addresses.get(name, 0) for name in POINTERS))


class LaunchLibrary:
    """The loaded library. Everything works in the CUDA context that is current on the calling thread."""

    def __init__(self, path):
        library = self._library = ctypes.CDLL(str(path))
        pointer, number = ctypes.c_void_p, ctypes.c_uint64
        for name, result, arguments in (
                ("error", ctypes.c_char_p, []),
                ("load", pointer, [ctypes.c_char_p, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_int64, ctypes.c_int]),
                ("unload", None, [pointer]),
                ("launch", ctypes.c_int, [pointer, ctypes.c_char_p, pointer, number]),
                ("arguments", ctypes.c_int, [ctypes.c_char_p, ctypes.c_char_p, pointer, pointer, ctypes.c_int,
                                             ctypes.POINTER(ctypes.c_int64)]),
                ("capture", pointer, [number, _Record]),
                ("replay", ctypes.c_int, [pointer, number]),
                ("elapsed_us", ctypes.c_double, [pointer]),
                ("release", None, [pointer])):
            function = getattr(library, f"moetune_{name}")
            function.restype, function.argtypes = result, arguments
            setattr(self, f"_{name}", function)

    def error(self):
        return self._error().decode()

    def load(self, reply, cubin, device=0):
        """A kernel from a compile reply and its code. Raises LaunchError."""
        handle = self._load(json.dumps(reply["launch"]).encode(), cubin, len(cubin), reply["shared_bytes"], device)
        if not handle:
            raise LaunchError(self.error())
        return LoadedKernel(self, handle)

    def arguments(self, launch, call, pointers):
        """({parameter: value}, blocks of the grid) of a launch; needs no driver. Raises LaunchError."""
        values, grid = (ctypes.c_uint64 * _MAX_PARAMETERS)(), ctypes.c_int64()
        count = self._arguments(json.dumps(launch).encode(), call, pointers, values, _MAX_PARAMETERS, ctypes.byref(grid))
        if count < 0:
            raise LaunchError(self.error())
        names = [parameter["name"] for parameter in launch["parameters"]]
        return dict(zip(names, values[:count], strict=True)), grid.value

    def capture(self, stream, record):
        """A Graph of what `record` launches into `stream`, a CUstream as a number. Raises what record raises, or
        LaunchError."""
        failed = []

        def guarded():
            try:
                record()
            except Exception as error:  # must not unwind through C++
                failed.append(error)
                return 0
            return 1

        handle = self._capture(stream, _Record(guarded))
        if failed:
            raise failed[0]
        if not handle:
            raise LaunchError(self.error())
        return Graph(self, handle, stream)


class LoadedKernel:
    """A kernel in the current context, until close()."""

    def __init__(self, library, handle):
        self._library, self._handle = library, handle

    def launch(self, call, pointers, stream):
        """`call` from call_text(), `pointers` from pointer_array(). Raises LaunchError."""
        if not self._library._launch(self._handle, call, pointers, stream):
            raise LaunchError(self._library.error())

    def close(self):
        self._library._unload(self._handle)
        self._handle = None


class Graph:
    """Captured launches between two time stamps, until close()."""

    def __init__(self, library, handle, stream):
        self._library, self._handle, self._stream = library, handle, stream

    def replay(self):
        """Starts it. Raises LaunchError."""
        if not self._library._replay(self._handle, self._stream):
            raise LaunchError(self._library.error())

    def elapsed_us(self):
        """Of the last replay, which must have ended. Raises LaunchError."""
        elapsed = self._library._elapsed_us(self._handle)
        if elapsed < 0:
            raise LaunchError(self._library.error())
        return elapsed

    def close(self):
        self._library._release(self._handle)
        self._handle = None
