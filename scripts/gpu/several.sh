#!/usr/bin/env bash
# What a second GPU brings, on a machine with two or more of one name: the same sweeps on one and on several GPUs, from an
# empty and from a full kernel cache, with the wall time of each and the share of it that the GPUs were busy.
# Usage: scripts/gpu/several.sh PACKED_FOLDER OUT_FOLDER [OPTION VALUE]...
# (PACKED_FOLDER as made by scripts/gpu/pack.sh.) OUT_FOLDER gets several.txt (the table) and several_logs.tar.gz.
# Options, with their defaults:
#   --engine-path FOLDER    where vLLM is (none: the kernel is builtin)
#   --problems "fp8 bf16" (or large)   --gpus "0 0,1" (one column each; the first is what the others are compared with)
#   --strategies "race exhaustive" (the latter from a full cache only)   --seconds 500
#   --kernel NAME           in the place of vllm or builtin     --tune-options "" more options of `moetune tune`
set -u
usage="usage: several.sh PACKED_FOLDER OUT_FOLDER [OPTION VALUE]..."
folder=$(cd "${1:?$usage}" && pwd)
mkdir -p "${2:?$usage}"
out=$(cd "$2" && pwd)
shift 2
engine=() kernel=builtin problems='fp8 bf16' gpus='0 0,1' strategies='race exhaustive' seconds=500
tune_options=()
while [ $# -gt 1 ]; do
  case $1 in
    --engine-path) engine=(--engine-path "$(cd "$2" && pwd)") kernel=vllm ;;
    --problems) problems=$2 ;;
    --gpus) gpus=$2 ;;
    --strategies) strategies=$2 ;;
    --seconds) seconds=$2 ;;
    --kernel) kernel=$2 ;;
    --tune-options) read -ra tune_options <<<"$2" ;;
    *) echo "several.sh: unknown option $1; $usage" >&2 && exit 2 ;;
  esac
  shift 2
done
[ $# -eq 0 ] || { echo "several.sh: $1 needs a value; $usage" >&2 && exit 2; }
work=$(mktemp -d)
logs=$work/logs
mkdir -p "$logs"
export PYTHONDONTWRITEBYTECODE=1
failed=0
# shellcheck source=scripts/gpu/packed_daemon.sh
. "$(dirname "${BASH_SOURCE[0]}")/packed_daemon.sh"
packed_in "$folder"
# shellcheck disable=SC2086  # a list
check_problems $problems

trap 'end_daemon; tar czf "$out/several_logs.tar.gz" -C "$work" logs; rm -rf "$work"' EXIT

# sweep PROBLEM STRATEGY CACHE GPUS: one row of the table
sweep() {
  local shape id=$1_$2_$3_${4//,/+} left=$((seconds - SECONDS))
  read -ra shape <<<"$(shape_of "$1")"
  [ "$left" -ge 10 ] || { echo "no time left for $id" && failed=1 && return 1; }
  if ! "${packed[@]}" timeout -k 5 "$left" moetune --data-dir "$data" --json tune "${shape[@]}" --kernel "$kernel" \
    --strategy "$2" --gpus "$4" --no-imported "${tune_options[@]}" \
    >"$logs/tune_$id.json" 2>"$logs/tune_$id.log"; then
    echo "FAILED: $id" && tail -n 3 "$logs/tune_$id.log"
    failed=1
    return 1
  fi
  # "sweep 3 is done after 4.5 s, 2 device(s) measured for 7.0 s in all (78 %)"
  grep -o 'is done after .*' "$log" | tail -n 1 |
    awk -v problem="$1" -v strategy="$2" -v cache="$3" -v gpus="$4" '{
      gsub(/[()]/, ""); key = "'"$work"'/first_" problem strategy cache
      if ((getline first < key) <= 0) { first = $4; print $4 > key }
      printf "%-5s %-10s %-6s %-8s %8.1f s %8.1f s busy %4d %%   %5.2fx\n", problem, strategy, cache, gpus, $4, $10, $14, first / $4
    }' | tee -a "$out/several.txt"
}

nvidia-smi --query-gpu=index,name,uuid,driver_version --format=csv 2>/dev/null | tee "$logs/gpu.csv"
printf '%-5s %-10s %-6s %-8s %10s %15s %9s %7s\n' problem strategy cache gpus 'wall time' 'measuring' 'of all' speedup | tee "$out/several.txt"
for problem in $problems; do
  last=''
  for some in $gpus; do
    name=${problem}_empty_${some//,/+}
    start_daemon "$name" "$name" $((seconds + 60)) && sweep "$problem" race empty "$some"
    end_daemon
    last=$name
  done
  if start_daemon "${problem}_full" "$last" $((seconds + 60)); then
    for strategy in $strategies; do
      # The first one compiles what it lacks.
      first=${gpus##* }
      sweep "$problem" "$strategy" filled "$first"
      for _ in 1 2; do
        for some in $gpus; do sweep "$problem" "$strategy" full "$some"; done
      done
    done
  fi
  end_daemon
  grep -h 'slower than\|anchor' "$logs"/daemon_"$problem"_*.log | sort -u | tail -n 10
done
echo "done, failed=$failed"
exit $failed
