"""A compile worker: (options of a plan, architecture) -> cubin. The daemon starts it; README.md has its protocol."""

import argparse
import faulthandler
import os
import resource
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import triton_compiler  # noqa: E402
from compiler_log import CompilerLog, log_tail  # noqa: E402
from kernel import Kernel  # noqa: E402
from plan import make_plan  # noqa: E402
from refusal import Refusal  # noqa: E402
from triton_version import compiler_text  # noqa: E402
from version import VERSION  # noqa: E402
from worker_channel import ChannelError, WorkerChannel  # noqa: E402

EXIT_USAGE = 2
EXIT_NO_COMPILER = 4
EXIT_FAILED = 70


class CompileWorker:
    """One kernel and the compiler of this Python."""

    def __init__(self, kernel):
        self._kernel = kernel
        self._compiler = triton_compiler.TritonCompiler(kernel.source)

    def hello(self):
        return {"type": "hello", "worker": "compile", "version": VERSION,
                "compiler": compiler_text(self._compiler.version), "kernel_digest": self._kernel.digest}

    def answer(self, request):
        """The reply to any request. Raises ChannelError for what is none."""
        identifier, kind = request.get("id"), request.get("type")
        if not isinstance(identifier, int) or kind not in ("compile", "plan"):
            raise ChannelError(f"a request needs an integer id and the type compile or plan, not {identifier}, {kind}")
        if kind == "compile":
            return {"type": "compiled", "id": identifier, **self._compiled(request)}
        try:
            return {"type": "planned", "id": identifier, **make_plan(self._kernel, request)}
        except Refusal as refusal:
            return {"type": "planned", "id": identifier, "error": str(refusal)}

    def _compiled(self, job):
        output = str(job.get("output"))
        log = CompilerLog(f"{output}.log")
        try:
            digest = job["kernel_digest"]
            if digest != self._kernel.digest:
                raise Refusal(f"the job is for a kernel with digest {digest}, this worker holds "
                              f"{self._kernel.digest}: its source has changed")
            with log:
                result = self._compiler.compile(job["options"], job["arch"], os.path.dirname(output) or ".")
            text = log.text() if result.reason else ""
        except (Refusal, KeyError) as error:
            missing = f"the job has no field {error}" if isinstance(error, KeyError) else str(error)
            return _reply(triton_compiler.Result("compile_error", 0), missing)
        except OSError as error:
            return {**_reply(triton_compiler.Result("ok", 0), ""), "not_written": f"cannot compile: {error}"}
        finally:
            log.remove()
        reply = _reply(result, log_tail(text, result.reason) if result.reason else "")
        if result.cubin is not None:
            reply["launch"] = result.launch
            try:
                with open(output, "wb") as file:
                    file.write(result.cubin)
            except OSError as error:
                reply["not_written"] = f"cannot write the compiled kernel: {error}"
        return reply


def _reply(result, log):
    return {"status": result.status, "cubin_bytes": len(result.cubin or b""), "shared_bytes": result.shared_bytes,
            "registers": result.registers, "spill_bytes": result.spill_bytes, "seconds": result.seconds, "log_tail": log}


def _arguments():
    parser = argparse.ArgumentParser(prog="compile_worker.py", description=__doc__)
    parser.add_argument("--kernel", required=True, metavar="NAME", help="vllm, sglang, builtin or a file's name")
    parser.add_argument("--engine-path", action="append", default=[], metavar="FOLDER")
    parser.add_argument("--kernel-path", action="append", default=[], metavar="FOLDER")
    parser.add_argument("--memory-limit-mib", type=int, default=0, metavar="N")
    return parser.parse_args()


def main():
    arguments = _arguments()
    channel = WorkerChannel()
    # The daemon keeps the end of the log of a worker that dies: where it was then.
    faulthandler.enable(file=os.dup(2))
    if arguments.memory_limit_mib > 0:
        limit = arguments.memory_limit_mib << 20
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    triton_compiler.set_environment()
    try:
        worker = CompileWorker(Kernel.find(arguments.kernel, arguments.engine_path, arguments.kernel_path))
        hello = worker.hello()
    except Refusal as refusal:
        return _complain(refusal, EXIT_NO_COMPILER)
    try:
        channel.send(hello)
        while (request := channel.receive()) is not None:
            channel.send(worker.answer(request))
    except (ChannelError, MemoryError) as error:
        return _complain(str(error) or "out of memory", EXIT_FAILED)
    return 0


def _complain(message, status):
    print(f"moetune compile_worker.py: {message}", file=sys.stderr)
    return status


if __name__ == "__main__":
    sys.exit(main())
