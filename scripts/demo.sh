#!/usr/bin/env bash
# The main job in one go: tunes the example problem on this machine's GPU, or, where there is none, from a recording of
# vLLM's kernel on an H200; prints the table and writes the engine's file.
# Usage: scripts/demo.sh [BIN_FOLDER [WORK_FOLDER]]
set -euo pipefail
cd "$(dirname "$0")/.."
bin=$(realpath "${1:-build/release/bin}")
work=$(realpath -m "${2:-build/demo}")
recording=examples/recordings/h200_e256_n512_k2048_top8_fp8_block128_vllm.jsonl.zst
shape=(-E 256 -N 512 --hidden-size 2048 --topk 8 --dtype fp8_w8a8 "--block-shape=128,128")
mkdir -p "$work/data" "$work/configs"
: >"$work/ready" # the address in it may be that of an earlier run

"$bin/moetuned" --data-dir "$work/data" --cache-dir "$work/cache" --listen 127.0.0.1:0 --log-level warn >"$work/ready" &
daemon=$!
trap 'kill "$daemon" 2>/dev/null; wait "$daemon" 2>/dev/null || true' EXIT
until grep -q listening "$work/ready"; do
  kill -0 "$daemon" 2>/dev/null || { echo "moetuned did not start" >&2; exit 1; }
  sleep 0.1
done
url=$(sed 's/^listening on //' "$work/ready")
moetune() { "$bin/moetune" --server "$url" "$@"; }

doctor=$(moetune --json doctor)
has() { grep -qE "\"name\": ?\"$1\", ?\"status\": ?\"ok\"" <<<"$doctor"; }
options=()
if grep -q '"uuid"' <<<"$doctor"; then
  kernel=cuda
  if has Triton; then kernel=builtin; fi
  for engine in sglang vllm; do
    if has "$engine"; then kernel=$engine; fi
  done
  echo "Tuning E=256, N=512 (fp8, block 128x128) of kernel $kernel on this machine's GPU."
  moetune tune "${shape[@]}" --kernel "$kernel"
else
  kernel=vllm
  options=(--allow-recorded)
  echo "No GPU here: the times are those of vLLM's kernel on a recorded H200, and nothing is compiled."
  moetune tune "${shape[@]}" --kernel "$kernel" --recording "$recording"
fi
moetune best -E 256 -N 512 --kernel "$kernel"
if [ "$kernel" = sglang ]; then options+=(--format sglang); fi
moetune export -E 256 -N 512 --kernel "$kernel" "${options[@]}" -o "$work/configs"
echo
echo "Ask it yourself, e.g. for 100 tokens:"
echo "  $bin/moetuned --data-dir $work/data &"
echo "  curl -s 'http://127.0.0.1:8765/best?E=256&N=512&batch=100'"
