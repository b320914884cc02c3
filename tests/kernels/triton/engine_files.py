"""The engines' real source files, from their wheels on the package index that pip is configured for, and vLLM's tuning
script, which is in its source distributions alone. Only the few files that matter are read out of a wheel, which may have
hundreds of megabytes; they are kept in a folder that is not under version control. `engine_files.py` fetches what is
missing."""

import hashlib
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tarfile
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
# The script that reads a model's shape, by the SHA-256 of its bytes: the end of a source distribution is not read, so that
# the index's own digest says nothing. SGLang's distributions have no such script.
SCRIPT = "benchmarks/kernels/benchmark_moe.py"
SCRIPTS = {
    "0.8.5": "efcfef718ca438084ffc6ae63c819f823e55356473b2cdcd04c3521f947a519b",
    "0.11.0": "f2f9af93d17de9e6366a032788ef175dfd46383bb04d301a155e203ce23382d0",
    "0.16.0": "50f8ec78f78a66a235e44e842f330747842d716b7b00d2ad8ba94219f0ac62be",
    "0.24.0": "70a13350d42a4879fd5f1fc806aa6ef72ff4fe0c47f4afac2960815617612876",
    "0.33.0": "aa4e74824c7b49254a8975d1d132bc82da5021a807002bbba2b751ab32faeecf",
}
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


def script_folder(version):
    """Where vLLM's tuning script lies once it has been fetched."""
    return CACHE / f"vllm-{version}-script"


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
        target = TargetPython(platforms=PLATFORMS, py_version_info=PYTHON)
        self._finder = command._build_package_finder(options, self._session, target)
        # A command of its own: the one before would lose its formats to these options.
        sources = DownloadCommand("download", "")
        options, _ = sources.parse_args(["nothing", "--no-deps", "--no-binary", ":all:"])
        self._source_finder = sources._build_package_finder(options, self._session, target)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._context.__exit__(None, None, None)

    def wheel(self, name, version):
        """The wheel as an open zipfile of which only what is read is transferred."""
        from pip._internal.network.lazy_wheel import HTTPRangeRequestUnsupported, LazyZipOverHTTP
        url = self._url(self._finder, "wheel", name, version)
        try:
            return zipfile.ZipFile(LazyZipOverHTTP(url, self._session))
        except HTTPRangeRequestUnsupported:
            return zipfile.ZipFile(_whole(name, version))

    def source_file(self, name, version, member):
        """The bytes of one file of the source distribution, of which no more than what comes before it is transferred."""
        url = self._url(self._source_finder, "source distribution", name, version)
        with self._session.get(url, stream=True, headers={"Accept-Encoding": "identity"}) as answer:
            answer.raise_for_status()
            with tarfile.open(fileobj=answer.raw, mode="r|gz") as archive:
                for entry in archive:
                    if entry.isfile() and entry.name.partition("/")[2] == member:
                        return archive.extractfile(entry).read()
        raise LookupError(f"the source distribution of {name} {version} has no {member}")

    def _url(self, finder, kind, name, version):
        from pip._vendor.packaging.specifiers import SpecifierSet
        best = finder.find_best_candidate(name, SpecifierSet(f"=={version}")).best_candidate
        if best is None:
            raise LookupError(f"the package index has no {kind} of {name} {version}")
        return best.link.url_without_fragment


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
        if target.is_dir():
            target.rename(pathlib.Path(unfinished, "old"))
        pathlib.Path(unfinished, "files").rename(target)
    pattern_file(target).write_text(wanted, encoding="utf-8")
    print(f"{target.name}: {len(files)} files")


def pattern_file(target):
    """Beside a fetched folder: the pattern that it was fetched by. A folder with another one is fetched again."""
    return target.with_name(f"{target.name}.wanted")


def is_fetched(wanted, target):
    known = pattern_file(target)
    return target.is_dir() and known.is_file() and known.read_text(encoding="utf-8") == wanted


def fetch_script(index, version, digest):
    """Puts vLLM's tuning script into its folder. Raises ValueError when it is another one than it was."""
    text = index.source_file("vllm", version, SCRIPT)
    if hashlib.sha256(text).hexdigest() != digest:
        raise ValueError(f"{SCRIPT} of vllm {version} has the SHA-256 {hashlib.sha256(text).hexdigest()}, not {digest}")
    CACHE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=CACHE) as unfinished:
        pathlib.Path(unfinished, "files").mkdir()
        pathlib.Path(unfinished, "files", pathlib.PurePath(SCRIPT).name).write_bytes(text)
        pathlib.Path(unfinished, "files").rename(script_folder(version))
    print(f"{script_folder(version).name}: 1 file")


def main():
    parts = [(name, version, f"{WANTED[name]}|{METADATA}", folder(name, version))
             for name, versions in VERSIONS.items() for version in versions]
    parts += [(name, version, TUNED, tuned_folder(name)) for name, version in NEWEST.items()]
    parts += [(name, version, wanted, naming_folder(name, version)) for (name, version), wanted in NAMING.items()]
    missing = [part for part in parts if not is_fetched(*part[2:])]
    scripts = [(version, digest) for version, digest in SCRIPTS.items() if not script_folder(version).is_dir()]
    if missing or scripts:
        with Index() as index:
            for part in missing:
                fetch(index, *part)
            for script in scripts:
                fetch_script(index, *script)
    print(f"{len(all_folders())} versions in {CACHE}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
