"""What a sequential tuner costs in all, from the times of a sample of its configurations."""

import dataclasses
import math
import statistics

from jit_kernel import Shape


@dataclasses.dataclass(frozen=True)
class Visit:
    """One configuration at one batch size. `new`: the process had no compiled kernel for it."""

    config: tuple
    batch: int
    new: bool
    seconds: float
    ok: bool = True


def batch_class(problem, batch):
    """Batches of one class share their compiled kernels: the JIT compiles anew where the small-batch path begins or ends and
    where a size that it specialises on is 1 or (not) a multiple of 16."""
    shape = Shape(problem, "up", batch)
    return shape.naive, shape.pairs == 1, shape.pairs % 16 == 0, shape.em(16) % 16 == 0


def interpolated(points, at):
    """Linear between the points {x: y}, constant beyond them. Times grow ever slower with the batch until they are
    proportional to it, so between two points this is too little rather than too much."""
    known = sorted(points)
    if at <= known[0]:
        return points[known[0]]
    for low, high in zip(known, known[1:]):
        if at <= high:
            return points[low] + (points[high] - points[low]) * (at - low) / (high - low)
    return points[known[-1]]


@dataclasses.dataclass(frozen=True)
class Estimate:
    """Seconds, with their standard error from the spread among the configurations of the sample."""

    seconds: float
    error: float
    configs: int
    new_mean: float  # of a visit that compiles
    new_error: float
    cached_mean: float  # of one that does not
    cached_error: float


def mean_and_error(values):
    error = statistics.stdev(values) / math.sqrt(len(values)) if len(values) > 1 else math.nan
    return statistics.fmean(values), error


def total_of_config(visits, problem, batches, candidates, distinct):
    """What the whole loop would cost if every configuration were like this one. Each of `candidates` is visited at each
    batch; each of the `distinct` ones among them is compiled once for each class of batches."""
    cached = {visit.batch: visit.seconds for visit in visits if not visit.new}
    extra = {batch_class(problem, visit.batch): visit.seconds - cached[visit.batch] for visit in visits if visit.new}
    usual = statistics.fmean(extra.values())
    compiled = sum(extra.get(each, usual) for each in {batch_class(problem, batch) for batch in batches})
    return candidates * sum(interpolated(cached, batch) for batch in batches) + distinct * compiled


def estimate(visits, problem, batches, candidates, distinct):
    """An Estimate of the whole loop from visits to a random sample of configurations, each of which was visited at the same
    batches, and after every new visit once more. Raises ValueError when there is none."""
    by_config = {}
    for visit in visits:
        by_config.setdefault(visit.config, []).append(visit)
    if not by_config:
        raise ValueError("no configuration was measured: allow more time")
    totals = [total_of_config(members, problem, batches, candidates, distinct) for members in by_config.values()]
    new = mean_and_error([visit.seconds for visit in visits if visit.new])
    return Estimate(*mean_and_error(totals), len(totals), *new,
                    *mean_and_error([visit.seconds for visit in visits if not visit.new]))
