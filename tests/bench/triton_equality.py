"""Proves that moetune's launch of a Triton kernel is Triton's own, on a GPU with PyTorch: `triton_equality.py --library
libmoetune_triton_launch.so [--engine-path FOLDER] [--output FOLDER]`.

The same tensors go through (a) the JIT function and launcher of Triton, as an engine uses them, and (b) the product's C++
launch of the cubin that a compile worker made for the same job. Outputs, poisoned with NaN before, are compared bit by bit.
Then CUDA graphs of both are replayed in turn, timed by events inside the graphs. Group "constant" is the unchanged kernel, as
sweeps use it; "runtime" (--runtime-group) the one with GROUP_SIZE_M as an argument, held against the same launch of Triton.

--dry-run needs neither GPU nor PyTorch: everything is planned and compiled on both sides, and what the two launches would
pass to the kernel is compared instead of what they compute.

Exit status: 0 when all that was compared is equal, 1 when something is not or nothing was compared.
"""

import argparse
import concurrent.futures
import os
import pathlib
import statistics
import sys
import tempfile
import time

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import equality_report as report  # noqa: E402
import published_space  # noqa: E402
from compile_crew import CompileCrew  # noqa: E402
from jit_kernel import PARAMETERS, JitKernel, Shape, code_digest, engine_of, grid_of, shadows  # noqa: E402
from launch_library import LaunchError, LaunchLibrary, call_text, pointer_array  # noqa: E402

GEMMS = ("up", "down")
DEVICE = "NVIDIA_H200"
GRAPH_US = 2000  # of work in one graph, so that a pair costs the same at all batch sizes and heats nothing
MAX_LAUNCHES = 20
ROUNDS = 7


class Comparison:
    """One launch of Triton and the product's candidates for the same: futures, until the pair's turn comes."""

    def __init__(self, crew, plans, place, kernel, problem_name, config, number, groups):
        self.kernel, self.problem_name, self.config = kernel, problem_name, config
        self.problem = published_space.PROBLEMS[problem_name]
        self.batch, self.gemm = place
        self.shape = Shape(self.problem, self.gemm, self.batch, engine_of(kernel))
        self.jit = crew.start_jit(kernel, self.problem, self.gemm, self.batch, config)
        self.candidates = {}
        self.alignment = plans[kernel, problem_name, groups[0]].alignment
        for group in groups:
            plan = plans[kernel, problem_name, group]
            artifact = plan.artifact(self.batch, self.gemm, number)
            self.candidates[group] = plan.refused[number] if artifact is None else crew.start_artifact(
                kernel, plan.options(artifact))

    def row(self, group, status, **more):
        return {"kernel": self.kernel, "problem": self.problem_name, "batch": self.batch, "gemm": self.gemm, "group": group,
                "config": self.config, "status": status} | more

    def rows_of(self, status, reason):
        return [self.row(group, status, reason=reason) for group in self.candidates]

    def call(self):
        return call_text(self.problem, self.config, self.batch, self.gemm, self.alignment)

    def compiled(self, deadline):
        """({group: (reply, cubin)} of what compiled, rows of what did not, digest of Triton's code or None). Raises
        TimeoutError."""
        digest, why = self.jit.result(max(0.0, deadline - time.monotonic()))
        compiled, rows = {}, []
        for group, future in self.candidates.items():
            if isinstance(future, str):
                rows.append(self.row(group, report.REFUSED_BY_BOTH if digest is None else report.DISAGREEMENT,
                                     reason=f"moetune: {future}; Triton: {why}"))
                continue
            reply, cubin = future.result(max(0.0, deadline - time.monotonic()))
            if reply is not None and reply["status"] == "ok":
                compiled[group] = reply, cubin
                continue
            told = "the worker died" if reply is None else f"{reply['status']}: {reply['log_tail'][-160:]}"
            # Triton finds out about shared memory when it loads the kernel, so its compiler succeeds.
            both = digest is None or (reply is not None and reply["status"] == "out_of_resources")
            rows.append(self.row(group, report.REFUSED_BY_BOTH if both else report.DISAGREEMENT,
                                 reason=f"moetune: {told}; Triton: {why or 'compiles'}"))
        if compiled and digest is None:
            rows += [self.row(group, report.DISAGREEMENT, reason=f"only Triton fails: {why}") for group in compiled]
            compiled = {}
        return compiled, rows, digest


class DryRun:
    """Compares what would be passed."""

    def __init__(self, library, engine_paths):
        self._library, self._engine_paths, self._kernels = library, engine_paths, {}

    def compare(self, pair, compiled, digest):
        if pair.kernel not in self._kernels:
            self._kernels[pair.kernel] = JitKernel(pair.kernel, self._engine_paths)
        tensors = shadows(pair.shape)
        expected = self._kernels[pair.kernel].arguments(pair.shape, pair.config, tensors)
        addresses = {name: tensor.data_ptr() for name, tensor in tensors.items() if tensor is not None}
        expected |= {PARAMETERS[name]: address for name, address in addresses.items()}
        expected |= {"global_scratch": 0, "profile_scratch": 0}
        for group, (reply, cubin) in compiled.items():
            passed, grid = self._library.arguments(reply["launch"], pair.call(), pointer_array(addresses))
            differing = [name for name, value in passed.items() if value != expected[name]]
            if grid != grid_of(pair.shape, pair.config):
                differing.append("the grid")
            if reply["launch"]["num_warps"] != pair.config["num_warps"]:
                differing.append("num_warps")
            status = report.ARGUMENTS_DIFFERENT if differing else report.ARGUMENTS_EQUAL
            yield pair.row(group, status, same_code=same_code(group, reply, cubin, digest), reason=", ".join(differing))


class OnGpu:
    """Compares what the launches write, and their times."""

    def __init__(self, library, engine_paths):
        import torch
        from moe_tensors import Operands
        self._torch, self._operands_type, self._operands = torch, Operands, {}
        self._library, self._engine_paths, self._kernels = library, engine_paths, {}
        torch.manual_seed(0)
        torch.cuda.set_device(0)
        torch.zeros(1, device="cuda")  # PyTorch's context is current from now on
        self._stream = torch.cuda.Stream()

    def refused(self, pair):
        """Whether Triton refuses to launch what compiled."""
        with self._torch.cuda.stream(self._stream):
            try:
                self._kernel(pair.kernel).bound(pair.shape, pair.config, self._tensors(pair))()
            except Exception as error:
                return type(error).__name__ == "OutOfResources"
            finally:
                self._torch.cuda.synchronize()
        return False

    def compare(self, pair, compiled, digest):
        with self._torch.cuda.stream(self._stream):
            yield from self._compare(pair, compiled, digest)

    def _kernel(self, name):
        if name not in self._kernels:
            self._kernels[name] = JitKernel(name, self._engine_paths)
        return self._kernels[name]

    def _tensors(self, pair):
        key = pair.problem_name, pair.shape.engine
        if key not in self._operands:
            self._operands[key] = self._operands_type(self._torch, pair.problem, pair.shape.engine)
        return self._operands[key].tensors(pair.gemm, pair.batch, pair.config["BLOCK_SIZE_M"])

    def _compare(self, pair, compiled, digest):
        torch, stream = self._torch, self._stream.cuda_stream
        tensors = self._tensors(pair)
        pointers = pointer_array({name: tensor.data_ptr() for name, tensor in tensors.items() if tensor is not None})
        out, call, loaded = tensors["c"], pair.call(), {}
        launches = {"triton": self._kernel(pair.kernel).bound(pair.shape, pair.config, tensors)}
        try:
            expected = self._result(launches["triton"], out)
        except Exception as error:  # for instance more registers than a block of so many warps has
            yield from self._refusals(pair, compiled, f"{type(error).__name__}: {str(error)[:160]}")
            return
        try:
            finite = bool(torch.isfinite(expected).all())
            rows = {}
            for group, (reply, cubin) in compiled.items():
                loaded[group] = kernel = self._library.load(reply, cubin)
                launches[group] = lambda kernel=kernel: kernel.launch(call, pointers, stream)
                result = self._result(launches[group], out)
                equal = torch.equal(result.view(torch.int16), expected.view(torch.int16))
                status = report.DIFFERENT if not equal else report.EQUAL if finite else report.NOT_WRITTEN
                rows[group] = pair.row(group, status, same_code=same_code(group, reply, cubin, digest))
            times, count = self._times(launches)
            for group, row in rows.items():
                yield row | {"triton_us": times["triton"], "moetune_us": times[group], "launches": count,
                             "ratio": times[group] / times["triton"]}
        except LaunchError as error:
            yield from (pair.row(group, report.DIFFERENT, reason=str(error)) for group in compiled)
        finally:
            self._stream.synchronize()
            for kernel in loaded.values():
                kernel.close()

    def _refusals(self, pair, compiled, why):
        """Where Triton does not launch, the product must not either."""
        for group, (reply, cubin) in compiled.items():
            try:
                self._library.load(reply, cubin).close()
                yield pair.row(group, report.DISAGREEMENT, reason=f"only Triton refuses: {why}")
            except LaunchError as error:
                yield pair.row(group, report.REFUSED_BY_BOTH, reason=f"moetune: {error}; Triton: {why}")

    def _result(self, launch, out):
        """The output of one launch into poisoned memory."""
        out.fill_(float("nan"))
        launch()
        return out.clone()

    def _times(self, launches):
        """({name: microseconds of a launch}, launches in a graph): medians over rounds in which all take turns."""
        first = self._graph(launches["triton"], 2)
        for _ in range(2):  # the first replay is slower
            first.replay()
            self._stream.synchronize()
        count = max(2, min(MAX_LAUNCHES, round(GRAPH_US / (first.elapsed_us() / 2))))
        first.close()
        graphs = {name: self._graph(launch, count) for name, launch in launches.items()}
        samples = {name: [] for name in graphs}
        names = list(graphs)
        for turn in range(ROUNDS + 1):
            for name in names if turn % 2 else reversed(names):
                graphs[name].replay()
            self._stream.synchronize()
            if turn:
                for name, graph in graphs.items():
                    samples[name].append(graph.elapsed_us() / count)
        for graph in graphs.values():
            graph.close()
        return {name: statistics.median(values) for name, values in samples.items()}, count

    def _graph(self, launch, count):
        return self._library.capture(self._stream.cuda_stream, lambda: [launch() for _ in range(count)])


def same_code(group, reply, cubin, digest):
    """Whether moetune's compiler made the very instructions of Triton's; not asked of a changed kernel."""
    return code_digest(cubin, reply["launch"]["name"]) == digest if group == "constant" else None


def comparisons(crew, arguments, tiles):
    """All pairs in the order of their turns: each configuration with all kernels, problems and batches, so that an early end
    leaves none of those out."""
    plans = {}
    for kernel in arguments.kernels:
        for name in arguments.problems:
            for group in groups_of(arguments, kernel):
                plans[kernel, name, group] = crew.plan(kernel, published_space.PROBLEMS[name], arguments.batches, tiles[name],
                                                       DEVICE, group)
    count = min(map(len, tiles.values()))
    return [Comparison(crew, plans, (batch, gemm), kernel, name, tiles[name][number], number, groups_of(arguments, kernel))
            for number in range(count) for name in arguments.problems for kernel in arguments.kernels
            for batch in arguments.batches for gemm in GEMMS]


def groups_of(arguments, kernel):
    return ("constant", "runtime") if kernel in arguments.runtime_group else ("constant",)


def compare_all(pairs, bench, deadline):
    rows = []
    for pair in pairs:
        try:
            compiled, failed, digest = pair.compiled(deadline)
        except concurrent.futures.TimeoutError:
            rows += pair.rows_of(report.NOT_REACHED, "no time was left")
            continue
        if any(row["status"] == report.REFUSED_BY_BOTH for row in failed) and digest and isinstance(bench, OnGpu):
            if not bench.refused(pair):
                failed = [row | {"status": report.DISAGREEMENT} for row in failed]
        rows += failed
        if compiled and time.monotonic() >= deadline:
            rows += [pair.row(group, report.NOT_REACHED, reason="no time was left") for group in compiled]
        elif compiled:
            try:
                rows += bench.compare(pair, compiled, digest)
            except Exception as error:  # a poisoned context: nothing after it can be trusted
                rows += pair.rows_of(report.DISAGREEMENT, f"{type(error).__name__}: {error}")
                break
    return rows


def read_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--library", type=pathlib.Path, required=True, help="libmoetune_triton_launch.so")
    parser.add_argument("--engine-path", action="append", default=[], help="folder with vLLM, for the kernel vllm")
    parser.add_argument("--kernels", nargs="+", default=["vllm", "builtin"])
    parser.add_argument("--runtime-group", nargs="*", default=[], metavar="KERNEL",
                        help="kernels of which the variant with GROUP_SIZE_M as an argument is compared too")
    parser.add_argument("--problems", nargs="+", choices=published_space.PROBLEMS, default=list(published_space.PROBLEMS))
    parser.add_argument("--batches", nargs="+", type=int, default=[1, 16, 128, 2048])
    parser.add_argument("--tiles", type=int, default=24, help="random tiles")
    parser.add_argument("--groups", type=int, default=2, help="values of GROUP_SIZE_M for each tile")
    parser.add_argument("--configurations", type=int, default=40, help="so many have to be equal in every cell of the table")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=max(2, os.cpu_count() - 1))
    parser.add_argument("--seconds", type=float, default=95, help="pairs whose turn has not come by then are left out")
    parser.add_argument("--output", type=pathlib.Path, help="folder for equality.csv and equality.json")
    parser.add_argument("--dry-run", action="store_true", help="without a GPU: compare arguments only")
    return parser.parse_args()


def main():
    begin = time.monotonic()
    arguments = read_arguments()
    tiles = {name: published_space.comparison_tiles(published_space.PROBLEMS[name].get("block_shape"), arguments.tiles,
                                                    arguments.groups, arguments.seed) for name in arguments.problems}
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        os.environ["TRITON_CACHE_DIR"] = str(pathlib.Path(folder, "triton"))
        with CompileCrew(folder, arguments.jobs, arguments.engine_path) as crew:
            pairs = comparisons(crew, arguments, tiles)
            print("to compile: {} kernels by moetune's workers, {} by Triton's JIT".format(*crew.counts()), flush=True)
            bench = (DryRun if arguments.dry_run else OnGpu)(LaunchLibrary(arguments.library), arguments.engine_path)
            rows = compare_all(pairs, bench, begin + arguments.seconds)
    for line in report.lines(rows, arguments.configurations):
        print(line)
    for row in [row for row in rows if row["status"] in report.BAD][:20]:
        print(f"{row['status']}: {row['kernel']} {row['problem']} M={row['batch']} {row['gemm']} {row['group']} "
              f"{list(row['config'].values())} {row.get('reason', '')}")
    if arguments.output:
        report.write(rows, arguments.output)
    print(f"{time.monotonic() - begin:.1f} s in all")
    return 1 if report.shortfalls(rows, arguments.configurations) else 0


if __name__ == "__main__":
    sys.exit(main())
