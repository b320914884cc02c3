#!/usr/bin/env bash
# Installs what moetune is built, tested and run with, on Debian 12 or a relative of it. What is there already is left
# alone; when nothing is missing, nothing is asked of the network.
#
#   scripts/setup.sh [PART...]
#
# Parts, the first three by default:
#   packages  Debian packages: compiler, build tools, libraries, linters
#   cuda      NVRTC and the CUDA headers as NVIDIA's PyPI wheels in .venv, unless there is a CUDA Toolkit 12.4 or newer
#   triton    Triton in .venv; the build and the CUDA kernel do without
#   long      Debian packages that only the long tests and the benchmarks need
set -euo pipefail
export LC_ALL=C
cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly packages=(
  # compiler and tools
  ca-certificates ccache cmake curl g++ git gnuplot-nox make ninja-build pkg-config python3 python3-venv zstd
  # libraries
  libcli11-dev libcpp-httplib-dev libfmt-dev libmuparser-dev libspdlog-dev libsqlite3-dev libsqlitecpp-dev libssl-dev
  libzstd-dev nlohmann-json3-dev
  # tests, benchmarks and linters
  clang-format-19 clang-tidy-19 libbenchmark-dev libgmock-dev libgtest-dev shellcheck sqlite3
)
readonly long_packages=(
  clang-19 libclang-rt-19-dev  # fuzzing
  wrk                          # the load generator of the benchmarks
)
# 12.9 is the one CUDA release whose compiler knows sm_80 to sm_121 and whose code runs on drivers from 525 on.
readonly cuda_wheels=(nvidia-cuda-nvrtc-cu12==12.9.86 nvidia-cuda-runtime-cu12==12.9.79)
# numpy is for a test alone: Triton's interpreter, which checks kernels on the CPU, needs it, and no newer one.
readonly triton_wheels=(triton==3.6.0 numpy==2.1.3)

say() { echo "setup: $*"; }
die() {
  echo "setup: $*" >&2
  exit 1
}

# Runs a command whose output matters only when it fails.
quietly() {
  local output
  output=$("$@" 2>&1 </dev/null) || {
    echo "$output" >&2
    return 1
  }
}

# Sets `sudo` to what a command needs in front to run as root. A password is asked for only where somebody can type it.
become_root() {
  sudo=()
  ((EUID)) || return 0
  command -v sudo >/dev/null ||
    die "installing packages needs root, and there is no sudo. Run once as root: apt-get install ${missing[*]}"
  sudo -n true 2>/dev/null || { [[ -t 0 ]] && sudo -v; } ||
    die "installing packages needs root, and sudo asks for a password. Run once: sudo apt-get install ${missing[*]}"
  sudo=(sudo)
}

# Prints those of the named Debian packages that are not installed.
missing_packages() {
  comm -13 \
    <(dpkg-query --show --showformat='${db:Status-Status} ${Package}\n' "$@" 2>/dev/null |
      sed -n 's/^installed //p' | sort -u) \
    <(printf '%s\n' "$@" | sort -u)
}

install_packages() {
  if ! command -v apt-get >/dev/null; then
    for tool in c++ cmake ninja pkg-config python3; do
      command -v "$tool" >/dev/null || die "this system has no apt-get, and $tool is missing. Install what answers to" \
        "these Debian packages, then run this again: $*"
    done
    say "no apt-get here: taking it that the counterparts of these Debian packages are installed: $*"
    return
  fi
  mapfile -t missing < <(missing_packages "$@")
  ((${#missing[@]})) || return 0
  become_root
  say "installing ${#missing[@]} Debian packages: ${missing[*]}"
  did_something=yes
  local apt=("${sudo[@]}" env DEBIAN_FRONTEND=noninteractive
    apt-get -q -y -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3)
  quietly "${apt[@]}" update || die "apt-get update failed, see above"
  quietly "${apt[@]}" install --no-install-recommends "${missing[@]}" ||
    die "apt-get could not install all of: ${missing[*]}. Debian 12 has them in its main section"
}

# Succeeds when .venv holds exactly this wheel (name==version), completely: pip writes RECORD last.
has_wheel() {
  local name=${1%%==*} version=${1##*==}
  compgen -G ".venv/lib/python3*/site-packages/${name//-/_}-$version.dist-info/RECORD" >/dev/null
}

install_wheels() {
  local absent=() wheel
  for wheel in "$@"; do
    has_wheel "$wheel" || absent+=("$wheel")
  done
  ((${#absent[@]})) || return 0
  did_something=yes
  local python=${PYTHON:-python3}
  "$python" -c 'import sys; sys.exit(sys.version_info < (3, 10))' ||
    die "Python 3.10 or newer is needed, and $python is not: name another with PYTHON=..."
  if ! .venv/bin/python -m pip --version >/dev/null 2>&1; then
    say "making a virtual environment in .venv with $("$python" --version)"
    "$python" -m venv --clear .venv || die "could not make .venv: does $python have its venv module?"
  fi
  say "installing Python wheels in .venv: ${absent[*]}"
  .venv/bin/python -m pip install --quiet --disable-pip-version-check --no-input --only-binary :all: "${absent[@]}" \
    </dev/null || die "pip could not install ${absent[*]}, see above"
}

# A toolkit is looked for exactly where the build will look.
install_cuda() {
  cmake -P cmake/CudaHeaders.cmake >/dev/null 2>&1 || install_wheels "${cuda_wheels[@]}"
}

parts=("$@")
((${#parts[@]})) || parts=(packages cuda triton)
did_something=no
for part in "${parts[@]}"; do
  case $part in
    packages) install_packages "${packages[@]}" ;;
    cuda) install_cuda ;;
    triton) install_wheels "${triton_wheels[@]}" ;;
    long) install_packages "${long_packages[@]}" ;;
    *) die "unknown part '$part': packages, cuda, triton and long are known" ;;
  esac
done
if [[ $did_something == yes ]]; then
  say "done in $SECONDS s"
else
  say "nothing to do"
fi
