"""What the loop of vLLM's published tuner (benchmark_moe.py --tune) costs on this GPU, from a random sample of its
configurations: `published_tuner_loop.py --engine-path FOLDER --problem fp8 [--seconds 60] [--moetune-seconds 80]`.

For each configuration and batch size that tuner draws fresh random weights, inputs and routings, runs the step once (the
engine's kernel is compiled by Triton's JIT, in the process), captures ten steps in a CUDA graph, replays it five times, and
twenty times more with time stamps and another routing each. So does this program, in one process with an empty JIT cache.

Simplified, each time so that this loop costs less than the published one:
- routing and alignment are computed once a configuration, outside of the graph, instead of in each of the ten steps;
- inputs are quantised beforehand, GEMM 2's from random numbers: no quantisation in the step;
- no configuration look-up, no Ray, no import of the engine, no progress bar;
- the first visit of each batch size, which also loads libraries and compiles launchers, is not counted.
Dearer than the original: the activation takes two kernels of PyTorch instead of one, some 3 us a step.

The kernel is the lifted source of the engine's, launched by Triton with what the engine's launcher passes.
"""

import argparse
import json
import os
import pathlib
import random
import sys
import tempfile
import time

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import published_space  # noqa: E402
from jit_kernel import JitKernel, Shape  # noqa: E402
from tuner_cost import Visit, batch_class, estimate  # noqa: E402

STEPS, WARM_UPS, REPLAYS = 10, 5, 20


class Step:
    """Fresh random operands of one step: the two GEMMs with the activation between them and the sum after them."""

    def __init__(self, torch, kernel, problem, tile, batch, device="cuda"):
        from moe_tensors import align, random_scales
        self._torch, self._experts = torch, problem["E"]
        up, down = Shape(problem, "up", batch), Shape(problem, "down", batch)
        topk, block = problem["topk"], up.block
        weights = [values(torch, (shape.experts, shape.n, shape.k), block, device) for shape in (up, down)]
        x = torch.randn(batch, up.k, dtype=torch.bfloat16, device=device)
        self.gating_of = torch.randn(REPLAYS, batch, problem["E"], dtype=torch.float32, device=device)
        self.gating = self.gating_of[0].clone()
        topk_weights, ids = torch.softmax(self.gating, 1).topk(topk, 1)
        ids = ids.int().contiguous()
        if up.naive:
            count = torch.full((1,), up.pairs * tile["BLOCK_SIZE_M"], dtype=torch.int32, device=device)
            aligned = (None, ids.flatten(), count)
        else:
            aligned = align(torch, ids, up.experts, tile["BLOCK_SIZE_M"], up.sorted_size(tile["BLOCK_SIZE_M"]))
        self._c1, c2 = (torch.empty(shape.pairs, shape.n, dtype=torch.bfloat16, device=device) for shape in (up, down))
        self._activated = torch.empty(down.rows, down.k, dtype=torch.bfloat16, device=device)
        self._c2 = c2.view(batch, topk, down.n)
        self._out = torch.empty_like(x)
        inputs = [x, self._activated]
        if block:
            inputs = [values(torch, (shape.rows, shape.k), block, device) for shape in (up, down)]
        shared = {"topk_weights": topk_weights.contiguous(),
                  **dict(zip(("sorted_token_ids", "expert_ids", "num_tokens_post_padded"), aligned))}
        self._up, self._down = (
            kernel.bound(shape, tile, {"a": a, "w": w, "c": c, **shared,
                                       "a_scale": random_scales(torch, (shape.rows, shape.k), block, False, device),
                                       "w_scale": random_scales(torch, w.shape, block, True, device)})
            for shape, a, w, c in zip((up, down), inputs, weights, (self._c1, c2)))

    def run(self):
        torch = self._torch
        self._up()
        gate, value = self._c1.chunk(2, dim=1)
        torch.mul(torch.nn.functional.silu(gate), value, out=self._activated)
        self._down()
        torch.sum(self._c2, dim=1, out=self._out)


def values(torch, size, block, device):
    """As the tuner draws them: fp8 from half precision."""
    drawn = torch.randn(size, dtype=torch.float16 if block else torch.bfloat16, device=device)
    return drawn.to(torch.float8_e4m3fn) if block else drawn


def benchmark(torch, kernel, problem, tile, batch):
    """One iteration of the tuner: microseconds of a step. Raises what Triton raises."""
    step = Step(torch, kernel, problem, tile, batch)
    step.run()
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        for _ in range(STEPS):
            step.run()
    torch.cuda.synchronize()
    for _ in range(WARM_UPS):
        graph.replay()
    torch.cuda.synchronize()
    begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    total = 0.0
    for replay in range(REPLAYS):
        step.gating.copy_(step.gating_of[replay])
        torch.cuda.synchronize()
        begin.record()
        graph.replay()
        end.record()
        end.synchronize()
        total += begin.elapsed_time(end)
    graph.reset()
    return total * 1e3 / REPLAYS / STEPS


class Loop:
    """Visits configurations and remembers which kernels the process has compiled."""

    def __init__(self, torch, kernel, problem):
        self._torch, self._kernel, self._problem = torch, kernel, problem
        self._compiled = set()

    def visit(self, tile, batch):
        """A timed Visit, printed."""
        config = tuple(published_space.effective(tile, self._problem.get("block_shape")).values())
        key = (config, batch_class(self._problem, batch))
        new = key not in self._compiled
        self._compiled.add(key)
        begin, told = time.monotonic(), ""
        try:
            told = f"{benchmark(self._torch, self._kernel, self._problem, tile, batch):.1f} us"
        except Exception as error:  # the tuner goes on after one that does not fit, and dies of the others
            told = type(error).__name__
        seconds = time.monotonic() - begin
        print(f"{list(config)} M={batch}: {'new' if new else 'cached'}, {seconds:.3f} s ({told})", flush=True)
        return Visit(config, batch, new, seconds, told.endswith("us"))

    def visits(self, tile, batches):
        """At each batch, again where it was new."""
        found = []
        for batch in batches:
            found.append(self.visit(tile, batch))
            if found[-1].new:
                found.append(self.visit(tile, batch))
        return found


def sample(problem, count, seed):
    """The first of them is for warming up and is not of the sample. A duplicate costs what its original costs."""
    tiles = published_space.distinct(published_space.space(problem.get("block_shape")), problem.get("block_shape"))
    chosen = random.Random(seed).sample(tiles, min(count, len(tiles)))
    warm_up = {"BLOCK_SIZE_M": 16, "BLOCK_SIZE_N": 128, "BLOCK_SIZE_K": 128, "GROUP_SIZE_M": 8, "num_warps": 4, "num_stages": 2}
    return warm_up, chosen


def report(problem, visits, moetune_seconds):
    """Prints and returns what the whole loop comes to."""
    block = problem.get("block_shape")
    candidates = published_space.space(block)
    distinct = published_space.distinct(candidates, block)
    found = estimate(visits, problem, published_space.BATCHES, len(candidates), len(distinct))
    failed = len({visit.config for visit in visits if not visit.ok})
    print(f"{found.configs} configurations, {failed} of them failed; a new one {found.new_mean:.3f} +- {found.new_error:.3f} s, "
          f"a cached one {found.cached_mean:.3f} +- {found.cached_error:.3f} s (mean and its standard error)")
    print(f"the published loop over {len(candidates)} configurations ({len(distinct)} distinct) x "
          f"{len(published_space.BATCHES)} batches: {found.seconds:.0f} +- {found.error:.0f} s ({found.seconds / 3600:.2f} h)")
    result = {"candidates": len(candidates), "distinct": len(distinct), "batches": len(published_space.BATCHES),
              **vars(found)}
    if moetune_seconds:
        print(f"moetune took {moetune_seconds:.1f} s: {found.seconds / moetune_seconds:.1f} times as fast "
              f"(+- {found.error / moetune_seconds:.1f})")
        result |= {"moetune_seconds": moetune_seconds, "ratio": found.seconds / moetune_seconds}
    return result


def read_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--engine-path", action="append", default=[])
    parser.add_argument("--kernel", default="vllm")
    parser.add_argument("--problem", choices=published_space.PROBLEMS, default="fp8")
    parser.add_argument("--batches", nargs="+", type=int, default=[1, 256, 4096])
    parser.add_argument("--configs", type=int, default=1000, help="at most so many, as far as the time goes")
    parser.add_argument("--seconds", type=float, default=60, help="no configuration is begun after that")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--moetune-seconds", type=float, help="wall time of moetune's whole sweep, to compare with")
    parser.add_argument("--output", type=pathlib.Path, help="JSON file for visits and estimate")
    return parser.parse_args()


def main():
    arguments = read_arguments()
    begin = time.monotonic()
    problem = published_space.PROBLEMS[arguments.problem]
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as cache:
        os.environ["TRITON_CACHE_DIR"] = cache
        import torch
        torch.manual_seed(arguments.seed)
        loop = Loop(torch, JitKernel(arguments.kernel, arguments.engine_path), problem)
        warm_up, tiles = sample(problem, arguments.configs, arguments.seed)
        loop.visits(warm_up, arguments.batches)
        print("the above was for warming up", flush=True)
        visits = []
        for tile in tiles:
            if time.monotonic() - begin >= arguments.seconds:
                break
            visits += loop.visits(tile, arguments.batches)
    result = report(problem, visits, arguments.moetune_seconds)
    if arguments.output:
        rows = [vars(visit) for visit in visits]
        arguments.output.write_text(json.dumps({"problem": arguments.problem, "estimate": result, "visits": rows}, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
