"""Compiled kernels a second at 1 and 2 jobs: `triton_throughput.py [--kernel builtin] [--engine-path FOLDER] [--jobs 1 2]
[--dtype bf16]`. Run it with the Python that has Triton."""

import argparse
import itertools
import pathlib
import queue
import resource
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "kernels" / "triton"))

import support  # noqa: E402
from worker_process import Worker, need_triton  # noqa: E402

from kernel import Kernel  # noqa: E402
from plan import make_plan  # noqa: E402

TILES = [support.tile(*shape, warps=warps, stages=stages) for shape in itertools.product((16, 64), (64, 128), (64, 128))
         for warps in (4, 8) for stages in (2, 3)]


def compile_all(arguments, jobs, options):
    """Seconds of wall time, of compilers, and of CPU of all the workers; the start of the workers is not counted."""
    with tempfile.TemporaryDirectory() as folder:
        worker_arguments = ["--kernel", arguments.kernel]
        for path in arguments.engine_path:
            worker_arguments += ["--engine-path", path]
        workers = []
        for number in range(jobs):
            place = pathlib.Path(folder, str(number))
            place.mkdir()
            workers.append(Worker(place, *worker_arguments))
        waiting, seconds = queue.SimpleQueue(), queue.SimpleQueue()
        for each in options:
            waiting.put(each)

        def serve(worker):
            while not waiting.empty():
                try:
                    reply = worker.compile(waiting.get_nowait(), arguments.arch)
                except queue.Empty:
                    return
                seconds.put(reply["seconds"])

        before, begin = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
        threads = [threading.Thread(target=serve, args=(worker,)) for worker in workers]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        wall = time.monotonic() - begin
        for worker in workers:
            worker.end()
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        return wall, sum(seconds.get() for _ in options), cpu


def main():
    need_triton()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kernel", default="builtin")
    parser.add_argument("--engine-path", action="append", default=[])
    parser.add_argument("--arch", default="sm_90a")
    parser.add_argument("--dtype", choices=support.KINDS, default="bf16")
    parser.add_argument("--jobs", type=int, nargs="+", default=[1, 2])
    arguments = parser.parse_args()
    kernel = Kernel.find(arguments.kernel, arguments.engine_path)
    plan = make_plan(kernel, support.request(arguments.dtype, arguments.arch, configs=TILES, group="runtime"))
    options = support.options_in(plan)
    for jobs in arguments.jobs:
        wall, compiler, cpu = compile_all(arguments, jobs, options)
        count = len(options)
        print(f"{arguments.kernel} {arguments.dtype}, {jobs} jobs: {count} kernels in {wall:.1f} s, {count / wall:.2f}/s; "
              f"{compiler / count:.2f} s each, {cpu / count:.2f} s of CPU each, starts included", flush=True)


if __name__ == "__main__":
    main()
