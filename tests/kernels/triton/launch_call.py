"""What an engine's own launcher passes to its kernel: the call in its source, evaluated with tensors that are shapes."""

import ast

KERNEL = "fused_moe_kernel"


class ShapeOnly:
    """A contiguous tensor without contents."""

    def __init__(self, *shape):
        self.shape = shape
        self.ndim = len(shape)

    def size(self, dim):
        return self.shape[dim]

    def stride(self, dim):
        product = 1
        for extent in self.shape[dim % self.ndim + 1:]:
            product *= extent
        return product

    def numel(self):
        return self.stride(0) * self.shape[0]


def call_of(path):
    """Parameter name -> expression, of the launch `fused_moe_kernel[grid](...)` in the file."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    kernel = next(node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == KERNEL)
    names = [argument.arg for argument in kernel.args.args]
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and ast.unparse(node.func) == f"{KERNEL}[grid]"]
    if len(calls) != 1:
        raise ValueError(f"{path} launches the kernel {len(calls)} times")
    passed = dict(zip(names, calls[0].args))
    passed |= {keyword.arg: keyword.value for keyword in calls[0].keywords if keyword.arg}
    return passed


def values_of(path, problem, up, batch=64):
    """Parameter name -> value, of every argument that depends on shapes alone. `problem` as in a request."""
    n = problem["N"] * 2 if up else problem["hidden_size"]
    k = problem["hidden_size"] if up else problem["N"]
    rows = batch if up else batch * problem["topk"]
    block = problem.get("block_shape")
    a_scale = b_scale = None
    if block:
        a_scale = ShapeOnly(rows, k // block[1])
        b_scale = ShapeOnly(problem["E"], n // block[0], k // block[1])
    elif problem.get("dtype") == "fp8_w8a8" and problem.get("per_channel_quant"):
        a_scale, b_scale = ShapeOnly(rows, 1), ShapeOnly(problem["E"], n, 1)
    elif problem.get("dtype") == "fp8_w8a8":
        a_scale, b_scale = ShapeOnly(1), ShapeOnly(problem["E"])
    elif problem.get("dtype") == "int8_w8a16":
        b_scale = ShapeOnly(problem["E"], n)
    tensor = ShapeOnly(1 << 20)
    scope = {
        "A": ShapeOnly(rows, k), "B": ShapeOnly(problem["E"], n, k), "C": ShapeOnly(batch, problem["topk"], n),
        "A_scale": a_scale, "B_scale": b_scale, "B_bias": None, "bias": None, "topk_weights": tensor,
        "sorted_token_ids": tensor, "expert_ids": tensor, "num_tokens_post_padded": tensor, "block_shape": block,
        "a_desc": None, "b_desc": None, "add_output_mask": None, "padded_size": 0,
        "use_fp8_w8a8": problem.get("dtype") == "fp8_w8a8", "use_int8_w8a8": False,
        "use_int8_w8a16": problem.get("dtype") == "int8_w8a16",
        "per_channel_quant": problem.get("per_channel_quant", False), "top_k": problem["topk"] if up else 1,
        "mul_routed_weight": not up,
    }
    values = {}
    for name, expression in call_of(path).items():
        used = {node.id for node in ast.walk(expression) if isinstance(node, ast.Name)}
        if used <= scope.keys():
            values[name] = eval(compile(ast.Expression(expression), str(path), "eval"), {}, scope)  # noqa: S307
    return values
