"""Compiles for a comparison: moetune's compile workers, driven as the daemon drives them, and processes that fill Triton's
own cache. All together keep a fixed number of processes busy."""

import concurrent.futures
import concurrent.futures.process
import multiprocessing
import pathlib
import queue
import sys
import tempfile

import jit_kernel

sys.path.insert(0, str(jit_kernel.ROOT / "tests" / "kernels" / "triton"))

from plan import options_of  # noqa: E402
from worker_process import Worker  # noqa: E402


class Planned:
    """The plan of one kernel and problem: which compiled kernel each launch takes."""

    def __init__(self, plan):
        if "error" in plan:
            raise RuntimeError(f"nothing can be compiled: {plan['error']}")
        self.alignment = plan["alignment"]
        self.refused = {item["config"]: item["reason"] for item in plan["refused"]}
        self._plan = plan
        self._class_of = {batch: members for members in plan["classes"] for batch in members["batches"]}

    def artifact(self, batch, gemm, config):
        """The number of the artifact, None for a refused tile."""
        number = self._class_of[batch][gemm][config]
        return number if number >= 0 else None

    def options(self, number):
        artifact = self._plan["artifacts"][number]
        return options_of(self._plan["families"][artifact["family"]], artifact)


class CompileCrew:
    """Works on at most `jobs` kernels at once. `folder` holds logs and cubins; Triton's cache is TRITON_CACHE_DIR of the
    environment. Use it as a context; its end drops what has not begun."""

    def __init__(self, folder, jobs, engine_paths):
        self._folder = pathlib.Path(folder)
        self._engine_paths = tuple(map(str, engine_paths))
        self._idle = {}
        self._all = []
        self._tasks = concurrent.futures.ThreadPoolExecutor(jobs)
        self._jit = concurrent.futures.ProcessPoolExecutor(
            jobs, multiprocessing.get_context("spawn"), initializer=jit_kernel.be_silent)
        self._jit_results = {}
        self._replies = {}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._tasks.shutdown(cancel_futures=True)
        self._jit.shutdown(cancel_futures=True)
        for worker in self._all:
            worker.end()

    def plan(self, kernel, problem, batches, configs, device, group):
        """Asks a worker, as the daemon asks."""
        worker = self._worker(kernel)
        reply = worker.ask(type="plan", id=0, arch=jit_kernel.ARCH, device=device, problem=problem,
                           batches=list(batches), configs=configs, group=group)
        self._idle[kernel].put(worker)
        if reply is None:
            raise RuntimeError(f"the compile worker died of a plan: {worker.log_text()[-500:]}")
        return Planned(reply)

    def start_artifact(self, kernel, options):
        """Compiles unless it has been asked for before; the future's result is (reply, cubin), reply None for a worker
        that died."""
        key = (kernel, repr(options))
        if key not in self._replies:
            self._replies[key] = self._tasks.submit(self._compile, kernel, options)
        return self._replies[key]

    def start_jit(self, kernel, problem, gemm, batch, tile):
        """Has Triton's JIT compile for a launch, unless it has for an equal one; see jit_kernel.compile_here()."""
        shape = jit_kernel.Shape(problem, gemm, batch, jit_kernel.engine_of(kernel))
        em = shape.em(tile["BLOCK_SIZE_M"])
        classes = (shape.naive, shape.early, *(name(value) for value in (em, shape.pairs) for name in (is_one, is_multiple)))
        key = (kernel, repr(problem), gemm, classes, tuple(tile.values()))
        if key not in self._jit_results:
            self._jit_results[key] = self._tasks.submit(self._compile_jit, kernel, problem, gemm, batch, tile)
        return self._jit_results[key]

    def counts(self):
        """(kernels by moetune's workers, kernels by Triton's JIT)."""
        return len(self._replies), len(self._jit_results)

    def _compile_jit(self, *job):
        kernel, *launch = job
        try:
            return self._jit.submit(jit_kernel.compile_here, kernel, self._engine_paths, *launch).result()
        except concurrent.futures.process.BrokenProcessPool as error:
            return None, f"the process died: {error}"

    def _compile(self, kernel, options):
        worker = self._worker(kernel)
        reply = worker.compile(options, jit_kernel.ARCH)
        if reply is None:
            return None, b""
        path = worker.output(reply["id"])
        cubin = path.read_bytes() if reply["status"] == "ok" else b""
        self._idle[kernel].put(worker)
        return reply, cubin

    def _worker(self, kernel):
        try:
            return self._idle.setdefault(kernel, queue.SimpleQueue()).get_nowait()
        except queue.Empty:
            arguments = ["--kernel", kernel]
            for path in self._engine_paths:
                arguments += ["--engine-path", path]
            worker = Worker(tempfile.mkdtemp(dir=self._folder), *arguments)
            if worker.hello is None:
                raise RuntimeError(f"the compile worker does not start: {worker.log_text()[-500:]}") from None
            self._all.append(worker)
            return worker


def is_one(value):
    return value == 1


def is_multiple(value):
    return value % 16 == 0
