"""vLLM's own reading of a model's shape, lifted out of the tuning script of a released version, and the config.json files
of the corpus as that script sees them."""

import ast
import json

from oracle import ROOT, engine_files

CORPUS = ROOT / "tests" / "schema" / "model_configs"


class Config:
    """A config.json as an object with the attributes that it names. (The classes that Transformers has for models know
    defaults and second names besides; but for those in SECOND_NAMES a script misses what it would find there.)"""

    SECOND_NAMES = {"DbrxForCausalLM": {"hidden_size": "d_model"}}

    def __init__(self, fields):
        second = self.SECOND_NAMES.get(fields.get("architectures", [None])[0], {})
        self._fields = {**fields, **{name: fields[first] for name, first in second.items()}}

    def __getattr__(self, name):
        if name.startswith("__") or name not in self._fields:
            raise AttributeError(f"the config has no {name}")
        value = self._fields[name]
        return Config(value) if isinstance(value, dict) else value

    def get_text_config(self):
        return self.text_config if "text_config" in self._fields else self


def corpus():
    """{name: text} of every config.json."""
    return {path.stem: path.read_text(encoding="utf-8") for path in sorted(CORPUS.glob("*.json"))}


class Script:
    """The tuning script of one version."""

    def __init__(self, version):
        path = engine_files.script_folder(version) / "benchmark_moe.py"
        functions = {node.name: node for node in ast.parse(path.read_text(encoding="utf-8")).body
                     if isinstance(node, ast.FunctionDef)}
        function = functions.get("get_model_params") or _inside(functions["main"])
        scope = {}
        exec(compile(ast.fix_missing_locations(ast.Module([function], [])), str(path), "exec"), scope)  # noqa: S102
        self._function = scope["get_model_params"]

    def __call__(self, text):
        """(E, topk, intermediate size, hidden size), or the exception with which the script ends."""
        try:
            return self._function(Config(json.loads(text)))
        except (AttributeError, TypeError, ValueError) as error:
            return error


def _inside(main):
    """As a function of its own, what older versions have in the middle of theirs."""
    choice = next(node for node in main.body if isinstance(node, ast.If) and "architectures" in ast.dump(node.test))
    hidden = [node for node in main.body if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "hidden_size"]
    function = ast.parse("def get_model_params(config):\n    return E, topk, intermediate_size, hidden_size").body[0]
    # On one rank: the choice computes its slice besides.
    options = ast.parse("import types; args = types.SimpleNamespace(tp_size=1)").body
    function.body = [*options, choice, *hidden, *function.body]
    return function
