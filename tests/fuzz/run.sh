#!/usr/bin/env bash
# Runs fuzz targets with libFuzzer, as many at once as there are cores. Builds nothing; before it:
#
#   scripts/setup.sh long && cmake --preset fuzz && cmake --build --preset fuzz
#
#   tests/fuzz/run.sh [SECONDS] [TARGET...]       60 seconds and every target by default
#
# Inputs that reach new code are kept in build/fuzz/fuzzing/corpus/TARGET. Exits with 1 when a target found something,
# after naming the input that shows it. JOBS=n sets how many run at once.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

readonly build=build/fuzz
readonly state=$build/fuzzing
readonly sources=tests/fuzz

die() {
  echo "run.sh: $*" >&2
  exit 2
}

seconds=${1:-60}
[[ $seconds =~ ^[1-9][0-9]*$ ]] || die "SECONDS must be a positive number, not '$seconds'"
targets=("${@:2}")
((${#targets[@]})) || mapfile -t targets < <(find "$sources/corpus" -mindepth 1 -maxdepth 1 -printf '%f\n' | sort)
for target in "${targets[@]}"; do
  [[ -d $sources/corpus/$target ]] || die "there is no target '$target' in $sources/corpus"
  [[ -x $build/bin/fuzz_$target ]] ||
    die "fuzz_$target is not built: cmake --preset fuzz && cmake --build --preset fuzz"
done

# What targets write goes to memory where there is such a folder.
scratch=$(mktemp -d "$([[ -w /dev/shm ]] && echo /dev/shm || echo "${TMPDIR:-/tmp}")/moetune_fuzzing_XXXXXX")
running=()
# shellcheck disable=SC2317  # called by the trap
clean_up() {
  ((${#running[@]} == 0)) || kill "${running[@]}" 2>/dev/null || true
  wait
  rm -rf "$scratch"
}
trap clean_up EXIT
trap 'exit 130' INT TERM

mkdir -p "$state/findings" "$state/logs"
cat "$sources"/dictionaries/*.dict >"$state/all.dict"

# Becomes one target. An input may take 25 s, for machines that do other work too, and 1 GiB, most of which is the
# sanitizers' own; no allocation is larger than 160 MiB.
fuzz() {
  local target=$1
  mkdir -p "$state/corpus/$target" "$scratch/$target"
  # The leak sanitizer overlooks what only the fake stack of another thread holds.
  exec env TMPDIR="$scratch/$target" ASAN_OPTIONS=quarantine_size_mb=64:detect_stack_use_after_return=0 UBSAN_OPTIONS=print_stacktrace=1 \
    "$build/bin/fuzz_$target" -max_total_time="$seconds" -timeout=25 -rss_limit_mb=1024 -malloc_limit_mb=160 \
    -max_len=16384 -dict="$state/all.dict" -artifact_prefix="$state/findings/$target-" -print_final_stats=1 \
    "$state/corpus/$target" "$sources/corpus/$target" >"$state/logs/$target.log" 2>&1
}

summarise() {
  local target=$1 log=$state/logs/$1.log
  local executed memory covered
  executed=$(awk '/^stat::number_of_executed_units:/ {print $2}' "$log")
  memory=$(awk '/^stat::peak_rss_mb:/ {print $2}' "$log")
  covered=$(grep -o ' cov: [0-9]*' "$log" | tail -n 1 | tr -dc '0-9')
  printf '%-16s %10s inputs %7s edges %6s MiB' "$target" "${executed:-?}" "${covered:-?}" "${memory:-?}"
}

declare -A target_of=()
failed=0
collect() {
  local pid status=0
  wait -n -p pid "${running[@]}" || status=$?
  local target=${target_of[$pid]} left=()
  for other in "${running[@]}"; do [[ $other == "$pid" ]] || left+=("$other"); done
  running=("${left[@]+"${left[@]}"}")
  if ((status == 0)); then
    echo "$(summarise "$target")  no finding"
    return
  fi
  failed=1
  echo "$(summarise "$target")  FINDING"
  local found
  found=$(sed -n 's/.*Test unit written to //p' "$state/logs/$target.log" | tail -n 1)
  echo "  ${found:-no input was kept}; the report is in $state/logs/$target.log"
  [[ -z $found ]] || echo "  again: $build/bin/fuzz_$target $found"
}

jobs=${JOBS:-$(nproc)}
for target in "${targets[@]}"; do
  while ((${#running[@]} >= jobs)); do collect; done
  fuzz "$target" &
  running+=($!)
  target_of[$!]=$target
done
while ((${#running[@]})); do collect; done
exit "$failed"
