#!/usr/bin/env bash
# Whether files can be trusted, on a GPU machine that has Triton, in parts that can be chosen:
#   safety  a fresh file against the engine's default, in turns, at 200 M drawn from 1 to 4096, and the file that the engine ships
#   again   two more tunes in the same database: what they change in the file
#   fresh   a tune in a database of its own: its file against the first one, at M where they differ and between
# Usage: [STEPS="safety again fresh"] scripts/gpu/safety.sh PACKED_FOLDER OUT_FOLDER [OPTION VALUE]...
# (PACKED_FOLDER as made by scripts/gpu/pack.sh.) OUT_FOLDER gets safety.txt and safety_logs.tar.gz with the files and all
# comparisons; the exit status is 1 where a file of ours is slower anywhere, not safe by its guarantee, or something did not
# end. Options, with their defaults:
#   --engine-path FOLDER    where vLLM is (none: the kernel is builtin)
#   --shipped FOLDER        where the engine's own files are (none)
#   --problems "fp8 bf16"   --draw 200   --seed 6   --seconds 500
set -u -o pipefail
usage="usage: safety.sh PACKED_FOLDER OUT_FOLDER [OPTION VALUE]..."
here=$(cd "$(dirname "$0")" && pwd)
folder=$(cd "${1:?$usage}" && pwd)
mkdir -p "${2:?$usage}"
out=$(cd "$2" && pwd)
shift 2
engine=() kernel=builtin shipped='' problems='fp8 bf16' draw=200 seed=6 seconds=500
while [ $# -gt 1 ]; do
  case $1 in
    --engine-path) engine=(--engine-path "$(cd "$2" && pwd)") kernel=vllm ;;
    --shipped) shipped=$(cd "$2" && pwd) ;;
    --problems) problems=$2 ;;
    --draw) draw=$2 ;;
    --seed) seed=$2 ;;
    --seconds) seconds=$2 ;;
    *) echo "safety.sh: unknown option $1; $usage" >&2 && exit 2 ;;
  esac
  shift 2
done
[ $# -eq 0 ] || { echo "safety.sh: $1 needs a value; $usage" >&2 && exit 2; }
steps=" ${STEPS:-safety again fresh} "
work=$(mktemp -d)
logs=$work/logs
mkdir -p "$logs"
export PYTHONDONTWRITEBYTECODE=1
failed=0
# shellcheck source=scripts/gpu/packed_daemon.sh
. "$here/packed_daemon.sh"
packed_in "$folder"
# shellcheck disable=SC2086  # a list
check_problems $problems
trap 'end_daemon; tar czf "$out/safety_logs.tar.gz" -C "$work" logs; rm -rf "$work"' EXIT

wants() { [[ $steps == *" $1 "* ]]; }
say() { printf '%s\n' "$*" | tee -a "$out/safety.txt"; }
# client LOG COMMAND...: as long as the time lasts
client() {
  local errors=$logs/$1.err left=$((seconds - SECONDS))
  shift
  [ "$left" -ge 10 ] || { say "no time left for: $*" && failed=1 && return 1; }
  "${packed[@]}" timeout -k 5 "$left" moetune --data-dir "$data" "$@" 2>>"$errors"
}

# tune PROBLEM NAME: tunes, and writes the file into the folder NAME
tune() {
  local begin shape status=0
  read -ra shape <<<"$(shape_of "$1")"
  begin=$(date +%s.%N)
  client "tune_$2" --json tune "${shape[@]}" --kernel "$kernel" >"$logs/tune_$2.json" || status=$?
  [ "$status" -eq 0 ] || { say "FAILED: $2: exit status $status" && failed=1 && return 1; }
  say "$2: $(awk -v begin="$begin" -v end="$(date +%s.%N)" 'BEGIN {printf "%.1f s", end - begin}'), $(tail -n 1 "$logs/tune_$2.err")"
  client "export_$2" export "${shape[@]:0:4}" --kernel "$kernel" --guarantee -o "$logs/$2" >"$logs/guarantee_$2.txt" || failed=1
  grep -hE '^(safe|not safe|measured)' "$logs/guarantee_$2.txt" "$logs/export_$2.err" | tee -a "$out/safety.txt"
}

# compare PROBLEM NAME BATCHES FILE...: to stdout
compare() {
  local shape name=$2 batches=$3
  read -ra shape <<<"$(shape_of "$1")"
  shift 3
  # A file that is slower somewhere is exit status 1, and a verdict like others.
  client "compare_$name" --json compare "$@" --hidden-size "${shape[5]}" --topk "${shape[7]}" --kernel "$kernel" --batch "$batches"
}

drawn=$(python3 -c 'import random, sys
random.seed(int(sys.argv[1])); print(*sorted(random.sample(range(1, 4097), int(sys.argv[2]))), sep=",")' "$seed" "$draw")
between=1,2,3,4,5,7,8,11,16,20,24,28,32,40,48,56,64,80,96,112,128,192,256,384,408,512,768,1024,1536,2048,3072,4096
nvidia-smi --query-gpu=name,driver_version,clocks.sm,clocks.max.sm --format=csv 2>/dev/null | tee "$logs/gpu.csv"
for problem in $problems; do
  if ! start_daemon "$problem" "$problem" $((seconds + 60)) || ! tune "$problem" "${problem}_first"; then
    end_daemon
    continue
  fi
  first=("$logs/${problem}_first"/*.json)
  files=("${first[0]}")
  if [ -n "$shipped" ] && [ -e "$shipped/$(basename "${first[0]}")" ]; then
    mkdir "$work/shipped_$problem"
    cp "$shipped/$(basename "${first[0]}")" "$work/shipped_$problem/"
    files+=("$work/shipped_$problem/$(basename "${first[0]}")")
  fi
  if wants again; then
    for number in second third; do
      tune "$problem" "${problem}_$number" || break
      is=another
      cmp -s "${first[0]}" "$logs/${problem}_$number/$(basename "${first[0]}")" && is='the first one'
      say "$problem: the $number file is $is"
    done
  fi
  if wants safety; then
    compare "$problem" "$problem" "$drawn" "${files[@]}" >"$logs/compare_$problem.json"
    say "$problem, tuned (then shipped) against the default:"
    python3 "$here/file_facts.py" <"$logs/compare_$problem.json" | tee -a "$out/safety.txt" || failed=1
  fi
  end_daemon
  if wants fresh && start_daemon "${problem}_fresh" "$problem" $((seconds + 60)) && tune "$problem" "${problem}_fresh"; then
    compare "$problem" "${problem}_fresh" "$between" "${first[0]}" "$logs/${problem}_fresh/$(basename "${first[0]}")" \
      >"$logs/compare_${problem}_fresh.json"
    say "$problem, the file of another tune against the first one:"
    python3 "$here/file_facts.py" --versus-first <"$logs/compare_${problem}_fresh.json" | tee -a "$out/safety.txt" || failed=1
  fi
  end_daemon
done
echo "done, failed=$failed"
exit $failed
