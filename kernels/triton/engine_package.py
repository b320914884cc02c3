"""Where the engines' packages are, found without importing them."""

import ast
import dataclasses
import importlib.metadata
import importlib.util
import pathlib
import re

from refusal import Refusal

ENGINES = ("vllm", "sglang")


@dataclasses.dataclass(frozen=True)
class EnginePackage:
    """An installed or unpacked engine. `root` is the folder that holds the package's folder."""

    name: str
    version: str
    root: pathlib.Path

    @property
    def folder(self):
        return self.root / self.name

    def files_with(self, function):
        """The package's files about MoE that define `function` on their top level."""
        pattern = re.compile(rf"^def {function}\(", re.MULTILINE)
        return [path for path in sorted(self.folder.rglob("*.py"))
                if "moe" in str(path.relative_to(self.folder)) and pattern.search(path.read_text("utf-8", "replace"))]

    def file_with(self, function):
        """The one such file. Raises Refusal when there is none, or more than one."""
        found = self.files_with(function)
        if len(found) == 1:
            return found[0]
        where = ", ".join(str(path) for path in found) or "none of its files about MoE does"
        raise Refusal(f"{self.name} {self.version} in {self.root}: one file should define {function}: {where}")


def find_engines(paths=()):
    """The engines in `paths` (a site-packages, an unpacked wheel, a checkout, or the package's own folder), then those
    that this Python would import. Of several of one name the first counts."""
    engines = {}
    for path in paths:
        for engine in _engines_below(pathlib.Path(path)):
            engines.setdefault(engine.name, engine)
    for name in ENGINES:
        engine = None if name in engines else _importable(name)
        if engine:
            engines[name] = engine
    return engines


def find_engine(name, paths=()):
    """Raises Refusal when it is not there."""
    engine = find_engines(paths).get(name)
    if engine is None:
        searched = ", ".join(map(str, paths))
        raise Refusal(f"{name} is not installed for this Python{f' and not in {searched}' if searched else ''}: start "
                      "moetuned with --engine-path FOLDER (an unpacked wheel or a checkout) or --python EXE, or use "
                      "--kernel builtin")
    return engine


def _engines_below(path):
    if not path.is_dir():
        raise Refusal(f"--engine-path {path} is not a folder")
    for name in ENGINES:
        # A checkout of SGLang has its package in python/.
        for root in (path, path / "python", *([path.parent] if path.name == name else [])):
            if (root / name).is_dir() and any((root / name).rglob("*.py")):
                yield EnginePackage(name, _version(name, root), root)
                break


def _importable(name):
    try:
        # A finder may be anything that a package has installed, an editable one for instance.
        spec = importlib.util.find_spec(name)
    except (ImportError, ValueError, AttributeError):
        return None
    places = list(spec.submodule_search_locations or []) if spec else []
    if not places:
        return None
    root = pathlib.Path(places[0]).parent
    version = _version(name, root)
    if version == "unknown":
        try:
            version = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            pass
    return EnginePackage(name, version, root)


def _version(name, root):
    """From the package's metadata or, in a checkout, its version file; "unknown" when there is neither."""
    for pattern in (f"{name}-*.dist-info/METADATA", "PKG-INFO", f"{name}.egg-info/PKG-INFO"):
        for path in sorted(root.glob(pattern)):
            found = re.search(r"^Version: (\S+)", path.read_text("utf-8", "replace"), re.MULTILINE)
            if found:
                return found[1]
    for path in (root / name / "_version.py", root / name / "version.py"):
        version = literal_of(path, "__version__") if path.is_file() else None
        if version:
            return version
    return "unknown"


def literal_of(path, name):
    """The text that the file `path` assigns to `name`, or None."""
    for node in ast.parse(path.read_text("utf-8", "replace")).body:
        targets = node.targets if isinstance(node, ast.Assign) else []
        if any(isinstance(target, ast.Name) and target.id == name for target in targets):
            if isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
                return node.value.value
    return None
