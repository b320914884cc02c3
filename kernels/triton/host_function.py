"""Functions of an engine that decide something on the host, a heuristic for instance: lifted by syntax tree and run
without the engine."""

import ast
import copy

from kernel_source import FILE_NAME, free_names, without_docstring
from refusal import Refusal
from source_file import Imported

# All of Python that a heuristic has a use for; nothing here reaches beyond its arguments.
BUILTINS = {function.__name__: function for function in (
    abs, all, any, bool, dict, enumerate, float, int, isinstance, len, list, max, min, range, round, set, sorted, str, sum,
    tuple, zip, AssertionError, TypeError, ValueError)}


def lift_function(file, name, facts):
    """The function `name` of the source file as something to call. What it uses is lifted with it; `facts` (name ->
    value) come first and stand for what only the engine knows. Raises Refusal naming what is in the way, also when
    called."""
    scope = {"__builtins__": dict(BUILTINS)}
    _define(file, name, facts, scope, name)
    return _guarded(file, name, scope[name])


def lift_node(file, node, facts, name):
    """The same of a FunctionDef that is made of parts of the source file; `name` is what messages call it."""
    scope = {"__builtins__": dict(BUILTINS)}
    _define_function(file, node, facts, scope)
    return _guarded(file, name, scope[node.name])


def _guarded(file, name, function):
    def call(*arguments, **keywords):
        try:
            return function(*arguments, **keywords)
        except Refusal as refusal:
            raise Refusal(f"{name} of {file.path}: {refusal}") from None
        except Exception as error:
            raise Refusal(f"{name} of {file.path} fails without its engine: {error}") from None

    return call


def parameter_names(file, name):
    """Names of a function's parameters, and of those the ones that have a default."""
    arguments = file.function(name).args.args
    names = [argument.arg for argument in arguments]
    return names, names[len(names) - len(file.function(name).args.defaults):]


def _define(file, name, facts, scope, user):
    if name in scope:
        return
    if name in facts:
        scope[name] = facts[name]
        return
    value = file.binding(name)
    if isinstance(value, Imported) and value.name == name and value.module.split(".")[0] == file.path.relative_to(
            file.root).parts[0]:
        _define(file.imported_file(value), name, facts, scope, user)
    elif isinstance(value, ast.FunctionDef):
        _define_function(file, value, facts, scope)
    elif isinstance(value, ast.expr):
        text = ast.unparse(value)
        _define_all(file, free_names(f"_ = {text}"), facts, scope, name)
        scope[name] = eval(compile(text, FILE_NAME, "eval"), scope)  # noqa: S307
    else:
        raise Refusal(f"{user} in {file.path} uses {name}, and moetune does not know what it is without the engine")


def _define_function(file, node, facts, scope):
    bare = copy.deepcopy(node)
    bare.body = without_docstring(bare)
    for inner in ast.walk(bare):
        # Caches and type hints: what they name need not be lifted.
        if isinstance(inner, ast.FunctionDef):
            inner.decorator_list, inner.returns = [], None
        elif isinstance(inner, ast.arg):
            inner.annotation = None
    text = ast.unparse(bare)
    scope[node.name] = None  # it may call itself
    _define_all(file, free_names(text), facts, scope, node.name)
    exec(compile(text, FILE_NAME, "exec"), scope)  # noqa: S102


def _define_all(file, names, facts, scope, user):
    for name in names:
        _define(file, name, facts, scope, user)
