"""Runs clang-tidy over every source of the compile database: `tidy.py ROOT BUILD JOBS`.

A file that passed is not looked at again, in no clone of this machine, until something that the verdict depends on
changes: clang-tidy, its settings, the flags, the file or a header of the project that it reaches. Passes are empty files
in $XDG_CACHE_HOME/moetune-lint, named by a hash of all that. Files to look at are read in batches; those of a batch with
findings are read again one by one, so that a finding is always one of the file as it stands.
"""

import concurrent.futures
import hashlib
import json
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys
import time

from batch import batches_of
from tree import LAYERS

TIDY = "clang-tidy-19"
FORGET_AFTER_S = 30 * 24 * 3600
QUOTED_INCLUDE = re.compile(rb'^\s*#\s*include\s*"([^"]+)"', re.MULTILINE)
# Flags of gcc alone, precompiled headers of gcc, and what makes no difference to a reader of the source.
DROPPED = re.compile(r"-Winvalid-pch|-fpch-preprocess|-Werror|-fno-sanitize-recover=.*|-fsanitize=.*|-g\d?|-O\w|-D_GLIBCXX_ASSERTIONS|-c")
DROPPED_WITH_VALUE = {"-o", "-include"}


def flags_of(command):
    """The compiler's flags without compiler, source and what clang cannot or need not read."""
    arguments = iter(shlex.split(command)[1:])
    flags = []
    for argument in arguments:
        if argument in DROPPED_WITH_VALUE:
            next(arguments)
        elif not DROPPED.fullmatch(argument) and not argument.endswith(".cpp"):
            flags.append(argument)
    # libstdc++ 12 itself calls what it has deprecated; gcc warns of our own calls.
    return [*flags, "-Wno-unknown-warning-option", "-Wno-deprecated-declarations"]


def closure(source, folders):
    """The source and every header of `folders` that its quoted includes reach."""
    found, queue = {}, [source]
    while queue:
        path = queue.pop()
        if path in found:
            continue
        found[path] = path.read_bytes()
        for name in QUOTED_INCLUDE.findall(found[path]):
            candidates = (folder / name.decode() for folder in [path.parent, *folders])
            queue += [candidate for candidate in candidates if candidate.is_file()][:1]
    return found


def findings_in(path, flags):
    """None when clean, else what clang-tidy says."""
    run = subprocess.run([TIDY, "--quiet", path, "--", *flags], capture_output=True, text=True, check=False)
    return None if run.returncode == 0 else run.stdout + run.stderr


class Source:
    """One entry of the compile database."""

    def __init__(self, root, entry):
        self.root = root
        self.path = pathlib.Path(entry["file"])
        self.flags = flags_of(entry["command"])

    def settings(self):
        """The .clang-tidy files that apply, nearest first: clang-tidy looks for them from the source upwards."""
        folders = [folder for folder in self.path.parents if folder.is_relative_to(self.root)]
        return tuple(path for path in (folder / ".clang-tidy" for folder in folders) if path.is_file())

    def key(self, version):
        folders = [pathlib.Path(flag[2:]) for flag in self.flags if flag.startswith("-I")]
        digest = hashlib.sha256(b"\0".join([version, *(path.read_bytes() for path in self.settings())]))
        digest.update(json.dumps(self.flags).replace(str(self.root), ".").encode())
        for path, content in sorted(closure(self.path, folders).items()):
            digest.update(str(path).replace(str(self.root), ".").encode() + b"\0" + content + b"\0")
        return digest.hexdigest()

    def findings(self):
        return findings_in(self.path, self.flags)


class Checker:
    """Runs clang-tidy in parallel, in batches that lie in `folder` with the settings of their sources."""

    def __init__(self, root, folder, jobs):
        self.root = root
        self.folder = folder
        self.jobs = jobs

    def check(self, sources):
        """Yields each source with its findings, or None."""
        self._lay_out_settings(sources)
        with concurrent.futures.ThreadPoolExecutor(self.jobs) as pool:
            batches = batches_of(sources)
            unclear = []
            for batch, is_clean in zip(batches, pool.map(self._is_clean, range(len(batches)), batches)):
                if is_clean:
                    yield from ((source, None) for source in batch.sources)
                else:
                    unclear += batch.sources
            yield from zip(unclear, pool.map(Source.findings, unclear))

    def _lay_out_settings(self, sources):
        shutil.rmtree(self.folder, ignore_errors=True)
        for settings in {path for source in sources for path in source.settings()}:
            copy = self.folder / settings.relative_to(self.root)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(settings.read_bytes())

    def _is_clean(self, number, batch):
        if len(batch.sources) == 1:
            return False
        first = batch.sources[0]
        path = self.folder / first.settings()[0].relative_to(self.root).with_name(f"batch_{number}.cpp")
        path.write_text(batch.text(), encoding="utf-8")
        return findings_in(path, first.flags) is None


def sources(root, build):
    """Sources of the project's folders; generated ones are left to their generators."""
    for entry in json.loads((build / "compile_commands.json").read_text(encoding="utf-8")):
        path = pathlib.Path(entry["file"])
        if path.suffix == ".cpp" and path.is_relative_to(root) and path.relative_to(root).parts[0] in {*LAYERS, "tests"}:
            yield Source(root, entry)


def pass_folder(build):
    """Where passes are kept; beside the build when there is no home to keep them in."""
    cache = os.environ.get("XDG_CACHE_HOME") or os.environ.get("HOME", "") and os.environ["HOME"] + "/.cache"
    for folder in (pathlib.Path(cache or build, "moetune-lint"), build / "moetune-lint"):
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError:
            continue
        if os.access(folder, os.W_OK):
            break
    for old in folder.iterdir():
        if old.stat().st_mtime < time.time() - FORGET_AFTER_S:
            old.unlink(missing_ok=True)
    return folder


def main(root, build, jobs):
    root, build = pathlib.Path(root).resolve(), pathlib.Path(build).resolve()
    version = subprocess.run([TIDY, "--version"], capture_output=True, check=True).stdout
    passes = pass_folder(build)
    stamps = {source: passes / source.key(version) for source in sources(root, build)}
    due = [source for source, stamp in stamps.items() if not stamp.exists()]
    for source in stamps.keys() - set(due):
        stamps[source].touch()
    failed = 0
    for source, findings in Checker(root, build / "lint", int(jobs)).check(due):
        if findings is None:
            stamps[source].touch()
        else:
            failed += 1
            print(findings, flush=True)
    print(f"{len(stamps)} files: {len(stamps) - len(due)} passed before, {len(due) - failed} passed now, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
