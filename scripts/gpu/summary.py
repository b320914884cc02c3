#!/usr/bin/env python3
"""Sums up sweeps from their trials (JSONL) and their views (JSON): rows by status, agreement of repeated scans, best rows.

Usage: summary.py TRIALS.jsonl SWEEP.json...
"""
import collections
import json
import statistics
import sys


def key_of(row):
    return (row["batch"], tuple(row["config"].values()))


def main():
    sweeps = {}
    for line in open(sys.argv[1]):
        row = json.loads(line)
        sweeps.setdefault(row["sweep"], {})[key_of(row)] = row
    for path in sys.argv[2:]:
        try:
            view = json.load(open(path))
        except ValueError:
            continue
        print(f"sweep {view['id']}: {view['state']}, trials {view['trials']}, compiles {view['compiles']},"
              f" {view['started_at']} .. {view['finished_at']}")
    labels = sorted(sweeps)
    for label in labels:
        gpus = collections.Counter(row["gpu_uuid"] for row in sweeps[label].values())
        print(f"{label}: {', '.join(f'{count} rows on {gpu}' for gpu, count in gpus.items())}")
    for first, second in zip(labels, labels[1:]):
        ratios = []
        for key, row in sweeps[first].items():
            other = sweeps[second].get(key)
            if other and row["status"] == "ok" == other["status"]:
                ratios.append(abs(other["latency_us"] / row["latency_us"] - 1))
        if ratios:
            ratios.sort()
            print(f"{first} against {second}: {len(ratios)} configurations, difference median {100 * statistics.median(ratios):.3f} %,"
                  f" 95th percentile {100 * ratios[int(len(ratios) * 0.95)]:.3f} %, worst {100 * ratios[-1]:.3f} %")
    for label in labels[:1]:
        best = {}
        for row in sweeps[label].values():
            if row["status"] == "ok" and row["latency_us"] < best.get(row["batch"], row)["latency_us"] + 1e-9:
                best[row["batch"]] = row
        for batch in sorted(best):
            config = best[batch]["config"]
            print(f"{label} batch {batch:5d} best {best[batch]['latency_us']:9.2f} us  {list(config.values())}")


if __name__ == "__main__":
    main()
