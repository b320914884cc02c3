#!/usr/bin/env bash
# Evidence about Triton kernels on a GPU machine that has PyTorch and Triton, in parts that can be chosen:
#   equality  moetune's launch of a Triton kernel against Triton's own, bit by bit and in time
#   sweeps    sweeps of two problems with each kernel, the first from an empty cache, with their rows, and what the picks of
#             each lose against the best of the last exhaustive one
#   loop      what the published tuner's loop would take for the same, extrapolated from a sample
# Usage: [STEPS="equality sweeps loop"] scripts/gpu/evidence.sh PACKED_FOLDER OUT_FOLDER [OPTION VALUE]...
# (PACKED_FOLDER as made by scripts/gpu/pack.sh.) OUT_FOLDER gets two files, refreshed after every sweep and part:
# evidence_logs.tar.gz and evidence_recordings.tar. Options, with their defaults:
#   --engine-path FOLDER    where vLLM is (none: only the kernel builtin)
#   --table FILE.csv        a table of the problem fp8 to compare with (none)
#   --kernels "vllm builtin"   --problems "fp8 bf16"   --strategies "race race" (one sweep each, on one cache)
#   --cpus LIST             the processors that moetune may use, as for taskset (all)
#   --equality-seconds 95   --sweeps-seconds 420   --loop-seconds 60 (for each problem)
#   --equality-options ""   --tune-options ""      more options of triton_equality.py and of `moetune tune`
set -u
usage="usage: evidence.sh PACKED_FOLDER OUT_FOLDER [OPTION VALUE]..."
bench=$(cd "$(dirname "$0")/../../tests/bench" && pwd)
facts=$(cd "$(dirname "$0")" && pwd)/sweep_facts.py
folder=$(cd "${1:?$usage}" && pwd)
mkdir -p "${2:?$usage}"
out=$(cd "$2" && pwd)
shift 2
engine=() table='' kernels='' problems='fp8 bf16' equality_s=95 sweeps_s=420 loop_s=60
equality_options=() tune_options=() strategies='race race' confined=()
while [ $# -gt 1 ]; do
  case $1 in
    --engine-path) engine=(--engine-path "$(cd "$2" && pwd)") ;;
    --table) table=$2 ;;
    --kernels) kernels=$2 ;;
    --problems) problems=$2 ;;
    --strategies) strategies=$2 ;;
    --cpus) confined=(taskset -c "$2") ;;
    --equality-seconds) equality_s=$2 ;;
    --sweeps-seconds) sweeps_s=$2 ;;
    --loop-seconds) loop_s=$2 ;;
    --equality-options) read -ra equality_options <<<"$2" ;;
    --tune-options) read -ra tune_options <<<"$2" ;;
    *) echo "evidence.sh: unknown option $1; $usage" >&2 && exit 2 ;;
  esac
  shift 2
done
[ $# -eq 0 ] || { echo "evidence.sh: $1 needs a value; $usage" >&2 && exit 2; }
[ -n "$kernels" ] || kernels="${engine:+vllm }builtin"
steps=" ${STEPS:-equality sweeps loop} "
work=$(mktemp -d)
logs=$work/logs
mkdir -p "$logs" "$work/recordings"
export PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
failed=0

step() { printf '\n== %s (%s s since the start)\n' "$*" "$SECONDS"; }
wants() { [[ $steps == *" $1 "* ]]; }
# shellcheck source=scripts/gpu/packed_daemon.sh
. "$(dirname "$facts")/packed_daemon.sh"
packed_in "$folder" "${confined[@]}"
# shellcheck disable=SC2086  # a list
check_problems $problems
client() { "${packed[@]}" timeout -k 5 60 moetune --data-dir "$data" "$@"; }

publish() {
  tar czf "$work/part" -C "$work" logs && cp "$work/part" "$out/evidence_logs.tar.gz"
  tar cf "$work/part" -C "$work" recordings && cp "$work/part" "$out/evidence_recordings.tar"
}

# run LOG LINES COMMAND...: its output goes to LOG, the last LINES of it and the wall time here
run() {
  local log=$logs/$1 lines=$2 begin status=0
  shift 2
  begin=$SECONDS
  "$@" >"$log" 2>&1 || status=$?
  tail -n "$lines" "$log"
  if [ "$status" -eq 0 ]; then
    echo "ok after $((SECONDS - begin)) s"
  else
    echo "FAILED: exit status $status after $((SECONDS - begin)) s"
    failed=1
  fi
}

trap 'end_daemon; publish; rm -rf "$work"' EXIT

# sweep KERNEL PROBLEM NUMBER STRATEGY: as long as the part's time lasts
sweep() {
  local name=$1_$2 shape begin left=$((sweeps_end - SECONDS)) status=0
  read -ra shape <<<"$(shape_of "$2")"
  if [ "$left" -lt 10 ]; then
    echo "no time left for sweep $3 of $name"
    return 1
  fi
  begin=$(date +%s.%N)
  "${packed[@]}" timeout -k 5 "$left" moetune --data-dir "$data" --json tune "${shape[@]}" --kernel "$1" --strategy "$4" \
    "${tune_options[@]}" \
    >"$logs/tune_${name}_$3.json" 2>"$logs/tune_${name}_$3.log" || status=$?
  awk -v begin="$begin" -v end="$(date +%s.%N)" 'BEGIN {printf "%.2f\n", end - begin}' >"$logs/tune_${name}_$3.seconds"
  if [ "$status" -ne 0 ]; then
    echo "FAILED: sweep $3 of $name: exit status $status"
    tail -n 3 "$logs/tune_${name}_$3.log"
    failed=1
  fi
  client trials --sweep "$3" --format jsonl >"$work/rows_${name}_$3.jsonl" 2>>"$logs/tune_${name}_$3.log"
  "${packed[@]}" zstd -q -19 -T0 -f "$work/rows_${name}_$3.jsonl" -o "$work/recordings/${name}_$3.jsonl.zst" || failed=1
  return "$status"
}

sweeps_of() {
  local kernel=$1 problem=$2 shape strategy number=0
  local name=${kernel}_$problem
  step "sweeps: $kernel, $problem"
  [ $((sweeps_end - SECONDS)) -ge 10 ] || { echo "no time left" && return; }
  if start_daemon "$name" "$name" $((sweeps_end - SECONDS + 60)); then
    read -ra shape <<<"$(shape_of "$problem")"
    for strategy in $strategies; do
      number=$((number + 1))
      sweep "$kernel" "$problem" "$number" "$strategy" || break
      publish
      [ "$number" -eq 1 ] || continue
      client --json best "${shape[@]:0:4}" --kernel "$kernel" >"$logs/best_$name.json" 2>&1
      [ "$problem" = fp8 ] && [ -n "$table" ] &&
        run "table_$name.txt" 30 timeout 60 python3 "$bench/compare_with_table.py" --kernel "$kernel" \
          "$work/rows_${name}_1.jsonl" "$table"
    done
  fi
  end_daemon
  [[ " $strategies " == *" exhaustive "* ]] &&
    run "regret_$name.txt" 12 timeout 60 python3 "$(dirname "$facts")/regret.py" "$kernel" "$work"/rows_"${name}"_*.jsonl
  python3 "$facts" "$logs" >"$logs/sweeps.jsonl"
  grep "\"$kernel\", \"problem\": \"$problem\"" "$logs/sweeps.jsonl"
  publish
}

nvidia-smi --query-gpu=name,driver_version,clocks.sm,clocks.max.sm --format=csv 2>/dev/null | tee "$logs/gpu.csv"
if wants equality; then
  step "equality: $kernels"
  read -ra names <<<"$kernels"
  run equality.log 60 timeout -k 5 $((equality_s + 30)) python3 "$bench/triton_equality.py" --output "$logs" \
    --library "$folder/bin/libmoetune_triton_launch.so" --kernels "${names[@]}" "${engine[@]}" --seconds "$equality_s" \
    "${equality_options[@]}"
  publish
fi
if wants sweeps; then
  sweeps_end=$((SECONDS + sweeps_s))
  for problem in $problems; do
    for kernel in $kernels; do sweeps_of "$kernel" "$problem"; done
  done
fi
if wants loop; then
  for problem in $problems; do
    kernel=${kernels%% *}
    step "the published tuner's loop: $kernel, $problem"
    wall=$(python3 "$facts" "$logs" --seconds "$kernel" "$problem")
    run "loop_$problem.log" 4 timeout -k 5 $((loop_s + 60)) python3 "$bench/published_tuner_loop.py" "${engine[@]}" \
      --kernel "$kernel" --problem "$problem" --seconds "$loop_s" --output "$logs/loop_$problem.json" \
      ${wall:+--moetune-seconds "$wall"}
    publish
  done
fi
step "done, failed=$failed"
exit $failed
