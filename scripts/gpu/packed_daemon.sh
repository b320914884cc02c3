# For the scripts beside it, which source it: problems by short names, and a daemon of a packed folder (scripts/gpu/pack.sh).
# Set before start_daemon: `packed`, an array that runs a packed program (see packed_in), `engine`, options of the daemon,
# and the folders `work` and `logs`. It sets `data`, `log` and `daemon`, or `failed` when nothing listens.
# shellcheck shell=bash disable=SC2034,SC2154  # variables are shared with the sourcing script
data='' log='' daemon=''

# packed_in FOLDER [COMMAND...]: sets `packed`, behind COMMAND. Other programs must not see the libraries that came along.
packed_in() {
  local folder=$1
  shift
  packed=("$@" env "LD_LIBRARY_PATH=$folder/lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}" "PATH=$folder/bin:$PATH")
}

# shape_of PROBLEM: options of `moetune tune`
shape_of() {
  case $1 in
    fp8) printf '%s' '-E 256 -N 512 --hidden-size 2048 --topk 8 --dtype fp8_w8a8 --block-shape=128,128' ;;
    bf16) printf '%s' '-E 128 -N 768 --hidden-size 2048 --topk 8' ;;
    large) printf '%s' '-E 8 -N 14336 --hidden-size 4096 --topk 2' ;;
    *) echo "unknown problem $1: use fp8, bf16 or large" >&2 && return 2 ;;
  esac
}

# check_problems PROBLEM...: ends the script with 2 where one is unknown
check_problems() {
  local problem
  for problem in "$@"; do shape_of "$problem" >/dev/null || exit 2; done
}

# start_daemon NAME CACHE SECONDS: its results are in a folder of NAME's below `work`, its kernels in one of CACHE's
start_daemon() {
  data=$work/data_$1
  log=$logs/daemon_$1.log
  "${packed[@]}" timeout -k 5 "$3" moetuned --data-dir "$data" --cache-dir "$work/cache_$2" --listen 127.0.0.1:0 \
    --python "$(command -v python3)" "${engine[@]}" >"$work/ready_$1" 2>>"$log" &
  daemon=$!
  for _ in $(seq 300); do
    grep -q listening "$work/ready_$1" && return 0
    kill -0 "$daemon" 2>/dev/null || break
    sleep 0.1
  done
  echo "FAILED: the daemon does not start:"
  tail -n 5 "$log"
  failed=1
  return 1
}

end_daemon() {
  [ -n "$daemon" ] || return 0
  kill -TERM "$daemon" 2>/dev/null
  wait "$daemon" 2>/dev/null
  daemon=''
}
