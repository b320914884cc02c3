"""The Triton kernel of an engine, lifted out of its package: one text that holds the kernel and all that it uses, and
nothing else."""

import ast
import builtins
import dataclasses
import hashlib
import linecache
import symtable

from refusal import Refusal
from source_file import Imported, SourceFile

KERNEL = "fused_moe_kernel"

# The text is compiled under this name on every machine, so that the machine code does not depend on where it came from.
FILE_NAME = "<moetune kernel>"
MODULE_NAME = "moetune_kernel"

# Options of triton.jit that change the compiled kernel. The others (repr, launch_metadata) work at launch.
JIT_OPTIONS = {"do_not_specialize", "do_not_specialize_on_alignment", "noinline", "debug", "version"}


@dataclasses.dataclass(frozen=True)
class Parameter:
    """One parameter of a kernel, as its signature has it."""

    name: str
    constexpr: bool
    default: str | None  # source text
    specialized: bool  # False: not on its value, as do_not_specialize says


@dataclasses.dataclass(frozen=True)
class KernelSource:
    """A lifted kernel. `text` is the same for the same code: neither comments, layout and docstrings nor anything else
    in the file have an influence."""

    text: str
    parameters: tuple

    @property
    def digest(self):
        """SHA-256 of the text, 64 lower-case hex digits."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    def load(self, runtime=()):
        """The kernel as a triton JITFunction. The parameters named in `runtime` become run-time arguments although the
        source has them as constants. Imports triton."""
        text = without_constexpr(self.text, runtime) if runtime else self.text
        return load_text(text, KERNEL)


def lift(path, root):
    """The kernel of the file `path` in a package whose folder lies in `root`. Raises Refusal, which names what cannot
    be lifted."""
    file = SourceFile.read(path, root)
    function = file.function(KERNEL)
    if function is None:
        raise Refusal(f"{path} has no function {KERNEL}")
    lifter = _Lifter()
    lifter.function(file, function)
    return KernelSource(lifter.text(), _parameters(function))


def load_text(text, name):
    """The JITFunction `name` that `text` defines. Imports triton."""
    # Triton reads a function's source through the inspect module, which finds it here.
    linecache.cache[FILE_NAME] = (len(text), None, text.splitlines(keepends=True), FILE_NAME)
    module = {"__name__": MODULE_NAME}
    exec(compile(text, FILE_NAME, "exec"), module)  # noqa: S102
    return module[name]


def free_names(text):
    """Names that `text`, one or more definitions, takes from outside of itself, without Python's own."""
    used, bound = set(), set()

    def walk(table):
        for symbol in table.get_symbols():
            if table.get_type() == "module":
                bound.update([symbol.get_name()] if symbol.is_assigned() or symbol.is_namespace() else [])
                used.update([symbol.get_name()] if symbol.is_referenced() else [])
            elif symbol.is_global() and symbol.is_referenced():
                used.add(symbol.get_name())
        for child in table.get_children():
            walk(child)

    walk(symtable.symtable(text, FILE_NAME, "exec"))
    return sorted(name for name in used - bound if not hasattr(builtins, name))


def without_docstring(function):
    """The statements of a function; at least one."""
    body = function.body
    if isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant) and isinstance(body[0].value.value, str):
        body = body[1:]
    return body or [ast.Pass()]


def without_constexpr(text, names):
    """The kernel's text with some of its constants as plain parameters."""
    tree = ast.parse(text)
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and node.name == KERNEL:
            for argument in node.args.args:
                if argument.arg in names:
                    argument.annotation = None
    return ast.unparse(tree) + "\n"


class _Lifter:
    """Gathers definitions until nothing is missing."""

    def __init__(self):
        self._imports = {}
        self._constants = {}
        self._functions = {}

    def text(self):
        imports = {"triton": "import triton"} | self._imports
        functions = dict(sorted(self._functions.items()))
        functions[KERNEL] = functions.pop(KERNEL)
        # A constant may use another one: those come in the order in which they were completed.
        parts = [*(imports[name] for name in sorted(imports)), *self._constants.values(), *functions.values()]
        return "\n".join(parts) + "\n"

    def function(self, file, node):
        decorator = _jit_decorator(file, node)
        if decorator is None:
            raise Refusal(f"{node.name} in {file.path} is not a Triton function (no @triton.jit): it cannot be part of "
                          "a kernel")
        bare = ast.FunctionDef(name=node.name, args=node.args, body=without_docstring(node), decorator_list=[],
                               returns=None, type_comment=None, lineno=1, col_offset=0, type_params=[])
        text = ast.unparse(bare)
        if not self._take(self._functions, file, node.name, f"@{decorator}\n{text}"):
            return
        for name in free_names(text):
            self.name(file, name, node.name)

    def name(self, file, name, user):
        value = file.binding(name)
        if value is None:
            raise Refusal(f"{user} in {file.path} uses {name}, which that file does not define")
        if isinstance(value, Imported):
            self._import(file, name, value, user)
        elif isinstance(value, ast.FunctionDef):
            self.function(file, value)
        elif isinstance(value, ast.expr):
            self._constant(file, name, value, user)
        else:
            raise Refusal(f"{user} in {file.path} uses {name}, a class: moetune can lift functions and constants")

    def _import(self, file, name, imported, user):
        if imported.triton_module():
            line = f"import {imported.triton_module()} as {name}" if name != "triton" else "import triton"
            if imported.name and imported.module.split(".")[0] == "triton":
                line = f"from {imported.module} import {imported.name} as {name}"
            self._imports[name] = line
            return
        if imported.name is None or imported.module.split(".")[0] != file.path.relative_to(file.root).parts[0]:
            raise Refusal(f"{user} in {file.path} uses {name} from {imported}: only Triton and the package's own files "
                          "can be part of a kernel")
        other = file.imported_file(imported)
        if name != imported.name:
            raise Refusal(f"{user} in {file.path} uses {imported} under the name {name}: moetune cannot rename it")
        self.name(other, imported.name, user)

    def _constant(self, file, name, value, user):
        """A number, a text, a tl.constexpr of one, or an expression of such."""
        if name in self._constants:
            return
        for node in ast.walk(value):
            called = isinstance(node, ast.Call) and ast.unparse(node.func) not in ("tl.constexpr", "triton.language.constexpr")
            if called or isinstance(node, (ast.Lambda, ast.ListComp, ast.DictComp, ast.SetComp, ast.GeneratorExp)):
                raise Refusal(f"{user} in {file.path} uses {name} = {ast.unparse(value)}, which only the engine itself "
                              "can compute; a constant of numbers can be lifted")
        for other in free_names(f"_ = {ast.unparse(value)}"):
            self.name(file, other, name)
        self._take(self._constants, file, name, f"{name} = {ast.unparse(value)}")

    def _take(self, where, file, name, text):
        """False when it is known already."""
        if where.get(name, text) != text:
            raise Refusal(f"{name} in {file.path} is another one than the {name} that the kernel uses elsewhere")
        known = name in where
        where[name] = text
        return not known


def _jit_decorator(file, node):
    """The text of the decorator with the options that matter, or None when it is not a jitted function."""
    found = None
    for decorator in node.decorator_list:
        call = decorator if isinstance(decorator, ast.Call) else None
        called = ast.unparse(call.func if call else decorator)
        root = file.binding(called.split(".")[0])
        if not (isinstance(root, Imported) and root.triton_module() and called.rpartition(".")[2] == "jit"):
            raise Refusal(f"{node.name} in {file.path} is decorated with @{called}: moetune takes plain @triton.jit "
                          "functions, whose constants it sets itself")
        kept = [keyword for keyword in (call.keywords if call else []) if keyword.arg in JIT_OPTIONS]
        options = ", ".join(f"{keyword.arg}={ast.unparse(keyword.value)}" for keyword in sorted(kept, key=lambda k: k.arg))
        found = f"triton.jit({options})" if options else "triton.jit"
    return found


def _parameters(function):
    arguments = function.args
    if arguments.vararg or arguments.kwarg or arguments.kwonlyargs or arguments.posonlyargs:
        raise Refusal(f"{function.name} has parameters that are not plain ones (*, / or **)")
    defaults = [None] * (len(arguments.args) - len(arguments.defaults)) + arguments.defaults
    fixed = _do_not_specialize(function, [argument.arg for argument in arguments.args])
    return tuple(
        Parameter(argument.arg, _is_constexpr(argument), None if default is None else ast.unparse(default),
                  argument.arg not in fixed) for argument, default in zip(arguments.args, defaults))


def _is_constexpr(argument):
    return argument.annotation is not None and ast.unparse(argument.annotation).strip("'\"").endswith("constexpr")


def _do_not_specialize(function, names):
    fixed = set()
    for decorator in function.decorator_list:
        for keyword in getattr(decorator, "keywords", []):
            if keyword.arg == "do_not_specialize":
                fixed |= {item if isinstance(item, str) else names[item] for item in ast.literal_eval(keyword.value)}
    return fixed
