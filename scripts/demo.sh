#!/usr/bin/env bash
# The main job in one go: tunes the example problem on this machine's GPU, or, where there is none, from a recording of
# an H200 with every kernel really compiled; prints the table and writes the engine's file.
# Usage: scripts/demo.sh [BIN_FOLDER [WORK_FOLDER]]
set -euo pipefail
cd "$(dirname "$0")/.."
bin=$(realpath "${1:-build/release/bin}")
work=$(realpath -m "${2:-build/demo}")
recording=examples/recordings/h200_e256_n512_k2048_top8_fp8_block128.jsonl.zst
shape=(-E 256 -N 512 --hidden-size 2048 --topk 8 --dtype fp8_w8a8 "--block-shape=128,128" --kernel cuda)
mkdir -p "$work/data" "$work/configs"

"$bin/moetuned" --data-dir "$work/data" --cache-dir "$work/cache" --listen 127.0.0.1:0 --log-level warn >"$work/ready" &
daemon=$!
trap 'kill "$daemon" 2>/dev/null; wait "$daemon" 2>/dev/null || true' EXIT
until grep -q listening "$work/ready"; do
  kill -0 "$daemon" 2>/dev/null || { echo "moetuned did not start" >&2; exit 1; }
  sleep 0.1
done
url=$(sed 's/^listening on //' "$work/ready")
moetune() { "$bin/moetune" --server "$url" "$@"; }

allow=()
if moetune --json doctor | grep -q '"uuid"'; then
  echo "Tuning E=256, N=512 (fp8, block 128x128) on this machine's GPU."
  moetune tune "${shape[@]}"
else
  echo "No GPU here: times come from a recorded H200, every kernel is really compiled."
  moetune tune "${shape[@]}" --recording "$recording" --compile
  allow=(--allow-recorded)
fi
moetune best -E 256 -N 512
moetune export -E 256 -N 512 --kernel cuda "${allow[@]}" -o "$work/configs"
echo
echo "While a daemon runs, ask it yourself, e.g. for 100 tokens (start one on this data: $bin/moetuned --data-dir $work/data):"
echo "  curl -s '$url/best?E=256&N=512&batch=100'"
