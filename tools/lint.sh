#!/usr/bin/env bash
# Linters:  tools/lint.sh fast|all   Each is run, also after one has complained; names what failed at the end.
#   fast: formatting of C++, shell scripts, YAML, Python, layers.  all: also clang-tidy and headers that stand alone.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

failed=()
check() { # check NAME COMMAND...
  local name=$1
  shift
  if "$@"; then echo "lint: $name: ok"; else echo "lint: $name: FAILED" >&2 && failed+=("$name"); fi
}

# files PATTERN...: of the project, by name; works without git, too.
files() {
  local pattern
  for pattern in "$@"; do
    find . \( -path ./build -o -path ./.git -o -path ./.cache \) -prune -o -type f -name "$pattern" -print
  done
}

cpp_format() { files '*.cpp' '*.hpp' | xargs -r clang-format-19 --dry-run --Werror; }
shell() { { files '*.sh' && grep -rlE '^#!.*\b(bash|sh)$' .ci tools; } | sort -u | xargs -r shellcheck; }
yaml() { files '*.yaml' '*.yml' Kustomization | xargs -r yamllint --strict; }
python() { files '*.py' | xargs -r "$(tools/venv.sh)" -m pyflakes; }
layers() { cmake -P tests/check_layers.cmake; }

tidy() {
  # It reads the precompiled headers and the list of commands that the build makes.
  tools/build.sh release || return
  run-clang-tidy-19 -quiet -use-color=0 -j "${JOBS:-$(nproc)}" -p build/release "$PWD/src/" 2>&1 |
    { grep -vE '^Running clang-tidy|^\[ *[0-9]+/|warnings? generated|^Suppressed |^Use -header-filter|^$' || true; }
  return "${PIPESTATUS[0]}"
}
headers() { tools/build.sh release all_verify_interface_header_sets; }

case ${1-} in fast | all) ;; *) echo "usage: $0 fast|all" >&2 && exit 2 ;; esac
check clang-format cpp_format
check shellcheck shell
check yamllint yaml
check python python
check layers layers
if [[ $1 == all ]]; then
  check headers headers
  check clang-tidy tidy
fi
[[ ${#failed[@]} -eq 0 ]] || { echo "lint: failed: ${failed[*]}" >&2 && exit 1; }
