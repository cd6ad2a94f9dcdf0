#!/usr/bin/env bash
# Configures and builds:  tools/build.sh PRESET [TARGET...]   Without targets everything, tests included. JOBS=n limits it.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

preset=${1:?usage: $0 PRESET [TARGET...]}
shift
started=$SECONDS
if [[ ! -f build/$preset/build.ninja ]]; then
  mkdir -p "build/$preset"
  cmake --preset "$preset" >"build/$preset/configure.log" 2>&1 || {
    cat "build/$preset/configure.log" >&2
    exit 1
  }
fi
targets=()
[[ $# -eq 0 ]] || targets=(--target "$@")
cmake --build --preset "$preset" -j "${JOBS:-$(nproc)}" "${targets[@]}" -- --quiet
echo "built ${*:-everything} in build/$preset ($((SECONDS - started)) s)" >&2
