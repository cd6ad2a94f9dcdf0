#!/usr/bin/env bash
# Makes the virtual environment that the Python tools and tests run in, and prints the path of its python.
# It is made anew only when requirements.txt or the base Python has changed; several callers at once are fine.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/portcullis
venv=$cache/venv

# Debian's own Python, not a shim that happens to come first in PATH: what runs is then the same everywhere.
base=/usr/bin/python3
[[ -x $base ]] || base=$(command -v python3) || {
  echo "venv: no python3 here; tools/install-packages.sh installs it" >&2
  exit 1
}

wanted=$({ "$base" --version && cat "$here/requirements.txt"; } | sha256sum | cut -d' ' -f1)
mkdir -p "$cache"
exec 9>"$cache/.venv.lock"
flock 9
if [[ ! -x $venv/bin/python || $(cat "$venv/.requirements" 2>/dev/null) != "$wanted" ]]; then
  echo "venv: installing tools/requirements.txt into $venv" >&2
  "$base" -m venv --clear "$venv" >&2 || {
    echo "venv: $base cannot make one (on Debian: the package python3-venv)" >&2
    exit 1
  }
  "$venv/bin/pip" install --quiet --disable-pip-version-check -r "$here/requirements.txt" >&2
  echo "$wanted" >"$venv/.requirements"
fi
echo "$venv/bin/python"
