#!/usr/bin/env python3
"""Runs every shell command of README.md in its order, in one shell, with the built executables in PATH.

Blocks marked ```sh are run; of the first one, `make` commands are checked to exist instead (this test is part of them).
Blocks marked ```sh gpu are run too: without a GPU they must fail with a message that says so.
Usage: run_readme.py CHECKOUT BIN_FOLDER
"""
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile


def blocks_of(text):
    return re.findall(r"^```sh( gpu)?\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def commands_of(block):
    joined = re.sub(r"\\\n\s*", " ", block)
    return [line for line in joined.splitlines() if line.strip()]


def main():
    checkout, binaries = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    blocks = blocks_of((checkout / "README.md").read_text())
    assert len(blocks) >= 5, "README.md has lost its command blocks"
    targets = set(re.findall(r"^([a-z-]+):", (checkout / "Makefile").read_text(), re.MULTILINE))
    with tempfile.TemporaryDirectory(prefix="moetune_readme_") as home:
        folder = pathlib.Path(home) / "checkout"
        folder.mkdir()
        (folder / "build").mkdir()
        shutil.copytree(checkout / "examples", folder / "examples")
        environment = dict(os.environ, PATH=f"{binaries}:{os.environ['PATH']}", HOME=home,
                           XDG_DATA_HOME=f"{home}/data", XDG_CACHE_HOME=f"{home}/cache")
        has_gpu = '"uuid"' in subprocess.run(["moetune", "--json", "doctor"], env=environment, cwd=folder,
                                             capture_output=True, text=True, timeout=120).stdout
        count = 0
        for gpu, block in blocks:
            commands = commands_of(block)
            if commands[0].startswith("make "):
                missing = [c for c in commands if c.split()[1] not in targets]
                assert not missing, f"README names targets that the Makefile lacks: {missing}"
                continue
            script = "set -eo pipefail\n" + "\n".join(commands)
            print(f"$ {block.strip()}", flush=True)
            done = subprocess.run(["bash", "-c", script], env=environment, cwd=folder, timeout=500,
                                  capture_output=True, text=True)
            print(done.stdout[-2000:] + done.stderr[-2000:], flush=True)
            if gpu and not has_gpu:
                assert done.returncode == 1 and "no GPU" in done.stderr, f"exit status {done.returncode}"
            else:
                assert done.returncode == 0, f"exit status {done.returncode}"
            count += len(commands)
        print(f"{count} commands of README.md ran")


if __name__ == "__main__":
    main()
