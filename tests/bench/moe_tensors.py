"""Random operands of the two GEMMs of a fused MoE step as PyTorch tensors on the GPU."""

from jit_kernel import Shape

SCALES = (0.005, 0.02)  # of block-quantised operands: results of order one


def align(torch, topk_ids, experts, block_m, size):
    """(sorted_token_ids (size,), expert_ids (ceil(size / block_m),), num_tokens_post_padded (1,)) of topk_ids (M, topk), all
    int32 and on its device: pairs sorted by expert, each expert's padded to a multiple of block_m by the value M * topk.
    All shapes are known beforehand, so it can be captured in a graph."""
    flat = topk_ids.flatten().long()
    pairs = flat.numel()
    counts = torch.zeros(experts, dtype=torch.long, device=flat.device).scatter_add_(0, flat, torch.ones_like(flat))
    padded = (counts + block_m - 1) // block_m * block_m
    ends, padded_ends = counts.cumsum(0), padded.cumsum(0)
    experts_in_order, order = torch.sort(flat, stable=True)
    place = torch.arange(pairs, device=flat.device) - (ends - counts)[experts_in_order]
    place = place + (padded_ends - padded)[experts_in_order]
    sorted_ids = torch.full((size,), pairs, dtype=torch.int32, device=flat.device)
    sorted_ids[place] = order.int()
    starts = torch.arange(0, size, block_m, device=flat.device)
    expert_ids = torch.searchsorted(padded_ends, starts, right=True).clamp(max=experts - 1).int()
    return sorted_ids, expert_ids, padded_ends[-1:].int()


class Weights:
    """Weights (E, n, k) of one GEMM, with their scales (E, n / block_n, k / block_k) when there is a block."""

    def __init__(self, torch, problem, gemm):
        shape = Shape(problem, gemm, 1)
        self.values = random_values(torch, (shape.experts, shape.n, shape.k), shape.block, 0.05)
        self.scales = random_scales(torch, (shape.experts, shape.n, shape.k), shape.block, True)


class Operands:
    """Everything of one problem, made when it is first asked for. PyTorch's current device."""

    def __init__(self, torch, problem, engine="vllm"):
        self._torch, self._problem, self._engine = torch, problem, engine
        self._weights = {gemm: Weights(torch, problem, gemm) for gemm in ("up", "down")}
        self._batches, self._alignments = {}, {}

    def tensors(self, gemm, batch, block_m):
        """The tensors of one launch by the names of jit_kernel.TENSOR_TYPES."""
        made = self._batch(batch)
        weights = self._weights[gemm]
        return {"a": made[gemm][0], "w": weights.values, "c": made[gemm][2], "a_scale": made[gemm][1],
                "w_scale": weights.scales, "topk_weights": made["topk_weights"],
                **dict(zip(("sorted_token_ids", "expert_ids", "num_tokens_post_padded"),
                           self._alignment(batch, block_m)))}

    def _batch(self, batch):
        if batch not in self._batches:
            torch, problem = self._torch, self._problem
            logits = torch.randn(batch, problem["E"], device="cuda")
            weights, ids = torch.softmax(logits, 1).topk(problem["topk"], 1)
            made = {"topk_weights": weights.contiguous(), "topk_ids": ids.int().contiguous()}
            for gemm in ("up", "down"):
                shape = Shape(problem, gemm, batch)
                c = torch.empty(shape.pairs, shape.n, dtype=torch.bfloat16, device="cuda")
                made[gemm] = (random_values(torch, (shape.rows, shape.k), shape.block, 1.0),
                              random_scales(torch, (shape.rows, shape.k), shape.block, False), c)
            self._batches[batch] = made
        return self._batches[batch]

    def _alignment(self, batch, block_m):
        key = (batch, block_m)
        if key not in self._alignments:
            torch, ids = self._torch, self._batch(batch)["topk_ids"]
            shape = Shape(self._problem, "up", batch, self._engine)
            if shape.naive:
                count = torch.full((1,), shape.pairs * block_m, dtype=torch.int32, device="cuda")
                self._alignments[key] = (None, ids.flatten(), count)
            else:
                self._alignments[key] = align(torch, ids, shape.experts, block_m, shape.sorted_size(block_m))
        return self._alignments[key]


def random_values(torch, size, block, deviation):
    """bfloat16, or fp8 e4m3 of about unit size when there is a quantisation block."""
    if not block:
        return torch.randn(size, dtype=torch.bfloat16, device="cuda").mul_(deviation)
    return torch.randn(size, dtype=torch.float16, device="cuda").to(torch.float8_e4m3fn)


def random_scales(torch, size, block, of_weights, device="cuda"):
    """float32 scales of blocks of `size`, None without a block: (..., n / block_n, k / block_k) of weights, else
    (rows, k / block_k)."""
    if not block:
        return None
    *outer, inner, k = size
    shape = (*outer, inner // block[0] if of_weights else inner, k // block[1])
    return torch.empty(shape, dtype=torch.float32, device=device).uniform_(*SCALES)
