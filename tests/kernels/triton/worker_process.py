"""Drives a compile worker through its pipes as the daemon does."""

import contextlib
import importlib.util
import json
import os
import pathlib
import subprocess
import sys

import support

SKIPPED = 77  # what CTest takes for a skipped test


def need_triton():
    """Ends the test program, visibly, where there is no Triton."""
    if importlib.util.find_spec("triton") is None:
        print(f"skipped: {sys.executable} has no package triton (make setup installs it)")
        sys.exit(SKIPPED)


class Worker:
    """One worker process, whose home and temporary folder are `folder`."""

    def __init__(self, folder, *arguments, **environment):
        self.folder = pathlib.Path(folder)
        self.scratch = self.folder / "scratch"
        for name in ("scratch", "home", "tmp"):
            (self.folder / name).mkdir(exist_ok=True)
        variables = os.environ | {"HOME": str(self.folder / "home"), "TMPDIR": str(self.folder / "tmp"),
                                  "PYTHONDONTWRITEBYTECODE": "1"} | environment
        with open(self.folder / "worker.log", "w", encoding="utf-8") as log:
            self.process = subprocess.Popen(
                [sys.executable, support.SOURCES / "compile_worker.py", *map(str, arguments)], stdin=subprocess.PIPE,
                stdout=subprocess.PIPE, stderr=log, env=variables)
        self.hello = self._receive()
        self._jobs = 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end()

    def _receive(self):
        line = self.process.stdout.readline()
        return json.loads(line) if line else None

    def ask(self, **request):
        """The reply, or None when the worker has died."""
        self.process.stdin.write(json.dumps(request).encode() + b"\n")
        self.process.stdin.flush()
        return self._receive()

    def compile(self, options, arch, changes=None):
        """The reply to a compile job, some of its fields changed; its output is output(id)."""
        self._jobs += 1
        job = {"type": "compile", "id": self._jobs, "unit": "gemm", "arch": arch, "options": options,
               "kernel_digest": self.hello["kernel_digest"], "output": str(self.output(self._jobs))}
        return self.ask(**(job | (changes or {})))

    def output(self, identifier):
        return self.scratch / f"{identifier}.cubin"

    def log_text(self):
        return (self.folder / "worker.log").read_text(encoding="utf-8")

    def files_left(self):
        """What there is beside compiled kernels and the log."""
        return sorted(str(path.relative_to(self.folder)) for path in self.folder.rglob("*")
                      if path.is_file() and path.suffix != ".cubin" and path.name != "worker.log")

    def end(self):
        """Closes the worker's input and returns how it ended."""
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        status = self.process.wait(timeout=60)
        self.process.stdout.close()
        return status
