"""The engines' real source files, from their wheels on the package index that pip is configured for. Only the few files
that matter are read out of a wheel, which may have hundreds of megabytes; they are kept in a folder that is not under
version control. `engine_files.py` fetches what is missing."""

import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile

ROOT = pathlib.Path(__file__).resolve().parents[3]
CACHE = pathlib.Path(os.environ.get("MOETUNE_ENGINE_CACHE", ROOT / ".cache" / "engines"))

# Spread over a year and a half (April 2025 to November 2026). Among them are versions before and after every change of the
# kernel's parameters and of the place of its file.
VERSIONS = {
    "vllm": ("0.8.5", "0.11.0", "0.16.0", "0.24.0", "0.33.0"),
    "sglang": ("0.4.6", "0.5.3", "0.5.8", "0.5.15", "0.5.23"),
}
NEWEST = {name: versions[-1] for name, versions in VERSIONS.items()}

WANTED = {
    "vllm": r"vllm/model_executor/layers/fused_moe/(fused_moe|config|utils|moe_align_block_size)\.py",
    "sglang": r"sglang/(srt/layers/moe/.*fused_moe_triton[^/]*\.py|srt/layers/moe/.*/fused_moe\.py|"
              r"kernels/ops/moe/fused_moe_triton_kernels\.py|srt/layers/moe/.*moe_align_block_size\.py|"
              r"(jit_kernel|kernels/ops/moe)/moe_align\.py|kernels/ops/moe/__init__\.py)",
}
METADATA = r"[^/]*\.dist-info/METADATA"
# Where a version makes the device's name for files, if not in one of those.
NAMING = {("vllm", "0.33.0"): r"vllm/utils/platform_utils\.py"}
# In a fetched folder: the pattern that it was fetched by. A folder with another one is fetched again.
MARKER = ".wanted"
TUNED = r".*/configs/(triton_[^/]*/)?E=[^/]*\.json"

# Any wheel will do, whatever this machine is: the newest platform tags come first.
PLATFORMS = [f"manylinux_2_{minor}_x86_64" for minor in range(40, 16, -1)] + ["manylinux2014_x86_64", "manylinux1_x86_64"]
PYTHON = (3, 11)


def folder(name, version):
    """Where the files of one version lie once they have been fetched."""
    return CACHE / f"{name}-{version}"


def naming_folder(name, version):
    """Where the file of NAMING lies once it has been fetched."""
    return CACHE / f"{name}-{version}-naming"


def tuned_folder(name):
    """Where the tuned files that the newest version of an engine ships lie once they have been fetched."""
    return CACHE / f"{name}-{NEWEST[name]}-tuned"


def all_folders():
    """(name, version, folder) of every version in VERSIONS. Raises FileNotFoundError naming the first that is missing."""
    found = [(name, version, folder(name, version)) for name, versions in VERSIONS.items() for version in versions]
    for name, version, path in found:
        if not path.is_dir():
            raise FileNotFoundError(f"{name} {version} is not in {CACHE}: run {pathlib.Path(__file__).name} first")
    return found


class Index:
    """The package index as pip sees it, with its configuration, proxies and certificates."""

    def __init__(self):
        # pip has no public interface for any of this; these names have been stable since pip 20.3.
        from pip._internal.commands.download import DownloadCommand
        from pip._internal.models.target_python import TargetPython
        command = DownloadCommand("download", "")
        options, _ = command.parse_args(["nothing", "--no-deps", "--only-binary", ":all:"])
        self._context = command.main_context()
        self._context.__enter__()
        self._session = command.get_default_session(options)
        self._finder = command._build_package_finder(
            options, self._session, TargetPython(platforms=PLATFORMS, py_version_info=PYTHON))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._context.__exit__(None, None, None)

    def wheel(self, name, version):
        """The wheel as an open zipfile of which only what is read is transferred."""
        from pip._internal.network.lazy_wheel import HTTPRangeRequestUnsupported, LazyZipOverHTTP
        from pip._vendor.packaging.specifiers import SpecifierSet
        best = self._finder.find_best_candidate(name, SpecifierSet(f"=={version}")).best_candidate
        if best is None:
            raise LookupError(f"the package index has no wheel of {name} {version}")
        try:
            return zipfile.ZipFile(LazyZipOverHTTP(best.link.url_without_fragment, self._session))
        except HTTPRangeRequestUnsupported:
            return zipfile.ZipFile(_whole(name, version))


def _whole(name, version):
    """The whole wheel, where the index cannot send a part of it."""
    with tempfile.TemporaryDirectory() as target:
        platforms = [argument for platform in PLATFORMS for argument in ("--platform", platform)]
        subprocess.run([sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:",
                        *platforms, "--python-version", ".".join(map(str, PYTHON)), "--dest", target,
                        f"{name}=={version}"], check=True)
        file = tempfile.TemporaryFile()
        with next(pathlib.Path(target).glob("*.whl")).open("rb") as wheel:
            shutil.copyfileobj(wheel, file)
        return file


def fetch(index, name, version, wanted, target):
    """Puts the files of one version that match the pattern into a folder, all or nothing, in the place of an older one."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with index.wheel(name, version) as wheel, tempfile.TemporaryDirectory(dir=CACHE) as unfinished:
        pattern = re.compile(f"({wanted})$")
        files = [member for member in wheel.namelist() if pattern.match(member)]
        if not files:
            raise LookupError(f"{name} {version} has no file like {wanted}")
        for member in files:
            path = pathlib.Path(unfinished, "files", member)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(wheel.read(member))
        pathlib.Path(unfinished, "files", MARKER).write_text(wanted, encoding="utf-8")
        if target.is_dir():
            target.rename(pathlib.Path(unfinished, "old"))
        pathlib.Path(unfinished, "files").rename(target)
    print(f"{target.name}: {len(files)} files")


def is_fetched(wanted, target):
    marker = target / MARKER
    return marker.is_file() and marker.read_text(encoding="utf-8") == wanted


def main():
    parts = [(name, version, f"{WANTED[name]}|{METADATA}", folder(name, version))
             for name, versions in VERSIONS.items() for version in versions]
    parts += [(name, version, TUNED, tuned_folder(name)) for name, version in NEWEST.items()]
    parts += [(name, version, wanted, naming_folder(name, version)) for (name, version), wanted in NAMING.items()]
    missing = [part for part in parts if not is_fetched(*part[2:])]
    if missing:
        with Index() as index:
            for part in missing:
                fetch(index, *part)
    print(f"{len(all_folders())} versions in {CACHE}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
