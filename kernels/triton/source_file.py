"""A Python source file that is read and never imported: which names its top level binds, and to what."""

import ast
import functools
import pathlib

from refusal import Refusal

# Modules of the engines that hand Triton on, and what they call it.
TRITON_AGAIN = {"triton_utils": {"triton": "triton", "tl": "triton.language"}}


class SourceFile:
    """One parsed file of a package. `root` is the folder that holds the package's own folder."""

    def __init__(self, path, root, text):
        self.path = path
        self.root = root
        try:
            self.tree = ast.parse(text)
        except (SyntaxError, ValueError) as error:
            raise Refusal(f"cannot read {self.path}: {error}") from None
        self._bindings = {}
        self._collect(self.tree.body)

    @staticmethod
    def read(path, root):
        """The file as it is now, parsed once. Raises Refusal."""
        try:
            return _parsed(pathlib.Path(path), pathlib.Path(root), pathlib.Path(path).read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError) as error:
            raise Refusal(f"cannot read {path}: {error}") from None

    def _collect(self, statements):
        """Bindings of the top level, those under a condition included."""
        for node in statements:
            if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
                self._bind(node.name, node)
            elif isinstance(node, (ast.Assign, ast.AnnAssign)):
                for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
                    if isinstance(target, ast.Name) and node.value is not None:
                        self._bind(target.id, node.value)
            elif isinstance(node, (ast.Import, ast.ImportFrom)):
                for alias in node.names:
                    self._bind(alias.asname or alias.name.split(".")[0], Imported.of(node, alias, self))
            elif isinstance(node, (ast.If, ast.Try)):
                for part in ("body", "orelse", "finalbody"):
                    self._collect(getattr(node, part, []))
                for handler in getattr(node, "handlers", []):
                    self._collect(handler.body)

    def _bind(self, name, value):
        self._bindings.setdefault(name, []).append(value)

    def names(self):
        return self._bindings.keys()

    def function(self, name):
        """The function `name` of the top level, or None."""
        found = [value for value in self._bindings.get(name, []) if isinstance(value, ast.FunctionDef)]
        return found[-1] if found else None

    def binding(self, name):
        """What `name` is bound to: a FunctionDef, a ClassDef, an expression or an Imported; None when it is not bound.
        Raises Refusal when that depends on a condition."""
        found = self._bindings.get(name, [])
        if len({ast.dump(value) if isinstance(value, ast.AST) else str(value) for value in found}) > 1:
            raise Refusal(f"{name} is defined in more than one way in {self.path}, which one holds depends on a "
                          "condition that only the engine itself can decide")
        return found[0] if found else None

    def imported_file(self, imported):
        """The source file of the same package that `imported` names something of. Raises Refusal when the file is not
        there."""
        base = self.root.joinpath(*imported.module.split("."))
        for path in (base.with_suffix(".py"), base / "__init__.py"):
            if path.is_file():
                return SourceFile.read(path, self.root)
        raise Refusal(f"{imported} is not there: looked for {base}.py next to {self.path.name}")


@functools.lru_cache(maxsize=64)
def _parsed(path, root, text):
    return SourceFile(path, root, text)


class Imported:
    """`from module import name`, or `import module` when `name` is None. `module` is absolute."""

    def __init__(self, module, name):
        self.module = module
        self.name = name

    @classmethod
    def of(cls, node, alias, file):
        if isinstance(node, ast.Import):
            return cls(alias.name if alias.asname else alias.name.split(".")[0], None)
        module = node.module or ""
        if node.level:
            package = file.path.relative_to(file.root).parts[:-node.level]
            module = ".".join([*package, *([module] if module else [])])
        return cls(module, alias.name)

    def __str__(self):
        return self.module if self.name is None else f"{self.module}.{self.name}"

    def triton_module(self):
        """The module of Triton that this is, "triton.language" for instance, or None."""
        again = TRITON_AGAIN.get(self.module.rpartition(".")[2], {})
        if self.name in again:
            return again[self.name]
        whole = str(self)
        return whole if whole.split(".")[0] == "triton" else None
