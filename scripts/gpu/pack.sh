#!/usr/bin/env bash
# Packs what a GPU machine without compilers or packages needs into one folder: the executables of a build, the GPU
# tests, and the shared libraries that they load. Usage: scripts/gpu/pack.sh FOLDER [PRESET]
set -euo pipefail
cd "$(dirname "$0")/../.."
folder=${1:?usage: scripts/gpu/pack.sh FOLDER [PRESET]}
bin=build/${2:-release}/bin
programs=(moetuned moetune moetune-compile-worker moetune-measure-worker)
tests=()
for path in "$bin"/*gpu_test "$bin"/cuda_kernel_bench; do
  [ -x "$path" ] && tests+=("$(basename "$path")")
done

rm -rf "$folder"
mkdir -p "$folder/bin" "$folder/lib"
cp -r "$bin/triton" "$folder/bin/"
for name in "${programs[@]}" "${tests[@]}"; do
  cp "$bin/$name" "$folder/bin/"
  strip --strip-debug "$folder/bin/$name"
done
# For scripts/gpu/evidence.sh: the launch library for Python, and what compresses rows.
[ -e "$bin/libmoetune_triton_launch.so" ] && cp "$bin/libmoetune_triton_launch.so" "$folder/bin/" &&
  strip --strip-debug "$folder/bin/libmoetune_triton_launch.so"
zstd=$(command -v zstd) && cp "$zstd" "$folder/bin/"
# The C and C++ runtimes come from the machine itself; everything else travels along.
find "$folder/bin" -maxdepth 1 -type f -exec ldd {} + | awk '/=> \// {print $3}' | sort -u |
  grep -Ev '/(libc|libm|libdl|libpthread|librt|libresolv|libstdc\+\+|libgcc_s|ld-linux[^/]*)\.so' |
  xargs -r cp -t "$folder/lib"
du -sh "$folder" | awk '{print "packed " $1 " into " $2}'
