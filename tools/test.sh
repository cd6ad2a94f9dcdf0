#!/usr/bin/env bash
# Builds and runs all tests:  tools/test.sh PRESET   The last line says how many passed and failed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

preset=${1:?usage: $0 PRESET}
build=build/$preset
tools/build.sh "$preset"
# Outside of ctest, because the first build of these takes longer than any test may.
tools/controlplane/build.sh --with-controller-manager >/dev/null
tools/controlplane/build.sh --helm >/dev/null
python=$(tools/venv.sh)

without=()
# What has nothing of ours in it that a sanitizer could look into.
[[ $preset == release || $preset == debug ]] || without=(-E '^(cluster|docs|layers|lint)$')

status=0
ctest --test-dir "$build" --output-on-failure --no-tests=error -j "${JOBS:-$(nproc)}" "${without[@]}" \
  --output-junit "$PWD/$build/tests.xml" --test-output-truncation head \
  --test-output-size-passed 1000000 --test-output-size-failed 1000000 || status=$?
"$python" tools/test_summary.py "$build/tests.xml" || status=1
exit "$status"
