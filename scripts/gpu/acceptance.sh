#!/usr/bin/env bash
# The main job on a real GPU, with proof: GPU tests, a full sweep from an empty and from a full cache, the agreement of
# the two scans, a kill -9 of the daemon in the middle of a third, and the files that come out of it.
# Usage: [STEPS="tests sweep rerun kill compare"] scripts/gpu/acceptance.sh PACKED_FOLDER OUT_FOLDER   (PACKED_FOLDER as made by
# scripts/gpu/pack.sh). The step `one` repeats the sweep on a single GPU of several. The step `triton` tunes the kernels
# named in KERNELS with the machine's own Triton, by default builtin; DAEMON_OPTIONS go to moetuned (--engine-path ...).
set -u
here=$(cd "$(dirname "$0")" && pwd)
packed=$(cd "${1:?usage: acceptance.sh PACKED_FOLDER OUT_FOLDER}" && pwd)
out=${2:?usage: acceptance.sh PACKED_FOLDER OUT_FOLDER}
mkdir -p "$out"
export LD_LIBRARY_PATH="$packed/lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
export PATH="$packed/bin:$PATH"
work=$(mktemp -d)
shape=(-E 256 -N 512 --hidden-size 2048 --topk 8 --dtype fp8_w8a8 "--block-shape=128,128" --kernel cuda)
steps=" ${STEPS:-tests sweep rerun kill} "
failed=0

step() { printf '\n== %s\n' "$*"; }
wants() { [[ $steps == *" $1 "* ]]; }
client() { moetune --data-dir "$work/data" "$@"; }

# run LOG COMMAND...: its output goes to OUT/LOG, the end of it and the wall time here
run() {
  local log=$out/$1 begin status=0
  shift
  begin=$(date +%s.%N)
  "$@" >"$log" 2>&1 || status=$?
  tail -n 45 "$log"
  echo "$begin $(date +%s.%N)" |
    awk -v status="$status" '{printf "%s: exit status %d after %.1f s\n", status ? "FAILED" : "ok", status, $2 - $1}'
  [ "$status" -eq 0 ] || failed=1
}

start_daemon() {
  # shellcheck disable=SC2086  # a list of options
  moetuned --data-dir "$work/data" --cache-dir "$work/cache" --listen 127.0.0.1:0 --python python3 \
    ${DAEMON_OPTIONS:-} >"$work/ready" 2>>"$out/daemon.log" &
  daemon=$!
  for _ in $(seq 600); do
    grep -q listening "$work/ready" && break
    sleep 0.1
  done
}

nvidia-smi --query-gpu=name,driver_version,clocks.sm,clocks.max.sm --format=csv
start_daemon
run doctor.log client doctor
if wants tests; then
  step "GPU tests"
  for test in "$packed"/bin/*gpu_test; do run "$(basename "$test").log" timeout 400 "$test" --gtest_brief=1; done
fi
if wants sweep; then
  step "a full sweep from an empty cache"
  run sweep1.log client tune "${shape[@]}"
fi
if wants rerun; then
  step "the same sweep from a full cache"
  run sweep2.log client tune "${shape[@]}"
fi
if wants one; then
  step "the same sweep on one of the GPUs"
  run sweep_one.log client tune "${shape[@]}" --gpus 0
fi
if wants kill; then
  step "kill -9 of the daemon in the middle"
  client tune "${shape[@]}" --detach
  id=$(client --json sweeps | python3 -c 'import json, sys; print(json.load(sys.stdin)["items"][-1]["id"])')
  for _ in $(seq 600); do
    trials=$(client --json sweep "$id" | python3 -c 'import json, sys; print(json.load(sys.stdin)["trials"]["done"])')
    [ "$trials" -ge 1500 ] && break
    kill -0 "$daemon" || break
    sleep 0.1
  done
  kill -9 "$daemon"
  wait "$daemon" 2>/dev/null
  echo "killed with $trials trials done"
  start_daemon
  run sweep3.log client sweep "$id" --follow
fi
if wants compare; then
  step "the exported file against the default and the best known, at its keys and between them"
  mkdir -p "$work/compare"
  client export -E 256 -N 512 --kernel cuda -o "$work/compare"
  # Status 1 is a finding about a batch between two keys, not a failure.
  client compare "$work"/compare/*.json --kernel cuda --hidden-size 2048 --topk 8 >"$out/compare.log" 2>&1
  [ $? -le 1 ] || failed=1
  tail -n 50 "$out/compare.log"
fi
if wants triton; then
  for kernel in ${KERNELS:-builtin}; do
    step "Triton: the kernel $kernel, from an empty and from a full cache"
    triton=("${shape[@]/#cuda/$kernel}")
    read -ra more <<<"${TRITON_OPTIONS:-}"
    for time in 1 2; do run "triton_${kernel}_$time.log" client tune "${triton[@]}" "${more[@]}"; done
    client trials -E 256 -N 512 --kernel "$kernel" --format jsonl | gzip -9 >"$out/trials_$kernel.jsonl.gz"
  done
fi

step "files"
for id in 1 2 3 4; do client --json sweep "$id" >"$out/sweep$id.json" 2>/dev/null; done
client best -E 256 -N 512 --kernel cuda >"$out/best.txt"
mkdir -p "$work/export"
run export.log client export -E 256 -N 512 --kernel cuda -o "$work/export"
for file in "$work"/export/*.json; do cp "$file" "$out/exported.json"; done
client trials --format jsonl >"$work/trials.jsonl"
gzip -9 -c "$work/trials.jsonl" >"$out/trials.jsonl.gz"
run summary.txt python3 "$here/summary.py" "$work/trials.jsonl" "$out"/sweep?.json
run check.log client db check
kill -TERM "$daemon" && wait "$daemon" || failed=1
grep -E "is done after|warn|error" "$out/daemon.log" | tail -n 40
(cd "$out" && tar czf logs.tar.gz -- *.log sweep?.json && rm -f -- *.log sweep?.json)
exit $failed
