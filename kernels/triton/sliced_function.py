"""A value that a function of an engine computes on its way, without the rest of that function: the statements that the
value depends on, found by syntax tree."""

import ast

from kernel_source import FILE_NAME
from refusal import Refusal

COMPOUND = (ast.For, ast.While, ast.With, ast.Try, ast.Match, ast.AsyncFor, ast.AsyncWith)


def sliced_function(function, node, expression, given):
    """A FunctionDef that returns `expression` as it stands where the statement or expression `node` inside `function` is
    reached. Its parameters are those of `function` that this takes: the ones in `given`, and others whose defaults are
    constants. Branches around `node` are taken; a branch that constant defaults alone decide is decided. Raises Refusal
    naming what is in the way."""
    parameters = _parameters(function)
    set_again = set().union(*map(_assigned, function.body))
    slicer = _Slicer({name: default for name, default in parameters.items()
                      if isinstance(default, ast.Constant) and name not in {*given, *set_again}})
    kept, needed = slicer.before(function.body, node, names_in(expression))
    taken = [name for name in parameters if name in needed]
    for name in taken:
        if name not in given and not isinstance(parameters[name], ast.Constant):
            raise Refusal(f"{ast.unparse(expression)} depends on the parameter {name}, which moetune cannot supply")
    signature = ", ".join(name if name in given else f"{name}={ast.unparse(parameters[name])}" for name in taken)
    # Keywords only, so that those with a default need not come last.
    sliced = ast.parse(f"def {function.name}({signature and '*, ' + signature}): pass").body[0]
    sliced.body = [*kept, ast.Return(expression)]
    return ast.fix_missing_locations(sliced)


def names_in(node):
    """Names that an expression reads."""
    return {inner.id for inner in ast.walk(node) if isinstance(inner, ast.Name) and isinstance(inner.ctx, ast.Load)}


def _parameters(function):
    """Name -> default, None without one."""
    arguments = function.args
    plain = arguments.posonlyargs + arguments.args
    defaults = [None] * (len(plain) - len(arguments.defaults)) + arguments.defaults
    named = [*zip(plain, defaults), *zip(arguments.kwonlyargs, arguments.kw_defaults)]
    return {argument.arg: default for argument, default in named}


class _Slicer:
    """Walks backwards from a value to what it was made of. `constants`: parameter -> its default, a constant."""

    def __init__(self, constants):
        self._constants = constants

    def before(self, statements, node, needed):
        """(statements to run, names to have before them) for the names `needed` at `node`."""
        for place, statement in enumerate(statements):
            if not any(inner is node for inner in ast.walk(statement)):
                continue
            inside = []
            for branch in _branches(statement):
                if any(inner is node for each in branch for inner in ast.walk(each)):
                    inside, needed = self.before(branch, node, needed)
            outside, needed = self._slice(statements[:place], needed)
            return outside + inside, needed
        raise Refusal("the value is not computed where it is used")

    def _slice(self, statements, needed):
        kept = []
        for statement in reversed(statements):
            part, needed = self._keep(statement, needed)
            kept = part + kept
        return kept, needed

    def _keep(self, statement, needed):
        """What of one statement `needed` depends on, and the names to have before it."""
        assigned = _assigned(statement)
        if not assigned & needed:
            return [], needed
        if isinstance(statement, ast.If):
            return self._keep_branch(statement, needed)
        if isinstance(statement, (ast.Assign, ast.AnnAssign)):
            return [statement], (needed - _rebound(statement)) | names_in(statement)
        if isinstance(statement, ast.AugAssign):
            return [statement], needed | names_in(statement.value)
        raise Refusal(f"{min(assigned & needed)} is set by a statement that moetune does not follow: "
                      f"{ast.unparse(statement).splitlines()[0]}")

    def _keep_branch(self, statement, needed):
        if names_in(statement.test) <= self._constants.keys():
            return self._slice(statement.body if self._decided(statement.test) else statement.orelse, needed)
        body, in_body = self._slice(statement.body, needed)
        orelse, in_else = self._slice(statement.orelse, needed)
        kept = ast.If(statement.test, body or [ast.Pass()], orelse)
        return [kept], in_body | in_else | names_in(statement.test)

    def _decided(self, test):
        values = {name: default.value for name, default in self._constants.items()}
        try:
            return eval(compile(ast.Expression(test), FILE_NAME, "eval"), {"__builtins__": {}}, values)  # noqa: S307
        except Exception as error:
            raise Refusal(f"the condition {ast.unparse(test)} cannot be decided: {error}") from error


def _branches(statement):
    if isinstance(statement, COMPOUND) and not isinstance(statement, ast.With):
        raise Refusal(f"the value is used in a statement that moetune does not follow: "
                      f"{ast.unparse(statement).splitlines()[0]}")
    return [branch for branch in (getattr(statement, "body", None), getattr(statement, "orelse", None))
            if isinstance(branch, list)]


def _rebound(statement):
    """Names whose old value an assignment has no use for."""
    targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
    if statement.value is None:
        return set()
    flat = [inner for target in targets for inner in (target.elts if isinstance(target, ast.Tuple) else [target])]
    return {target.id for target in flat if isinstance(target, ast.Name)}


def _assigned(statement):
    """Names that a statement may bind, or change an element of."""
    found = set()
    for node in ast.walk(statement):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.add(node.id)
        elif isinstance(node, (ast.Subscript, ast.Attribute)) and isinstance(node.ctx, ast.Store):
            found |= {inner.id for inner in ast.walk(node) if isinstance(inner, ast.Name)}
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            found |= {alias.asname or alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.FunctionDef):
            found.add(node.name)
    return found
