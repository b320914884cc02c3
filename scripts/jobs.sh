#!/usr/bin/env bash
# Prints how many compile jobs this machine carries: one per core, as long as each finds 1.5 GiB of memory.
set -euo pipefail

readonly kib_per_job=$((1536 * 1024))
memory_kib=$(awk '/^MemAvailable:/ {print $2}' /proc/meminfo)
if limit=$(cat /sys/fs/cgroup/memory.max 2>/dev/null) && [[ $limit != max ]]; then
  memory_kib=$((limit / 1024 < memory_kib ? limit / 1024 : memory_kib))
fi
cores=$(nproc)
jobs=$((memory_kib / kib_per_job))
jobs=$((jobs < cores ? jobs : cores))
echo $((jobs > 1 ? jobs : 1))
