#!/usr/bin/env bash
# Installs the Debian 12 packages that building and testing need, and only those that are missing.
# Says nothing and needs no rights when all are there.
#   --build   only what building the programs needs      --list   prints the whole list and changes nothing
set -euo pipefail

packages=(
  # compiler and build
  clang-19 lld-19 llvm-19
  ccache cmake ninja-build make pkg-config
  # libraries
  libboost-dev libboost-system-dev libcpprest-dev libssl-dev zlib1g-dev
  nlohmann-json3-dev libsimdjson-dev libyaml-cpp-dev
  libspdlog-dev libfmt-dev libcli11-dev libexpected-dev libre2-dev prometheus-cpp-dev
  # what the image gets besides the program
  openssl ca-certificates
)
test_packages=(
  # linters, sanitizers
  clang-tidy-19 clang-format-19 libclang-rt-19-dev git
  # tests
  catch2 librapidcheck-dev
  # the lab's network, real users' certificates, scripts
  nftables iproute2 python3 python3-venv
  shellcheck yamllint
)

case "${1-}" in
'') packages+=("${test_packages[@]}") ;;
--build) ;;
--list)
  packages+=("${test_packages[@]}")
  printf '%s\n' "${packages[@]}"
  exit
  ;;
*)
  echo "usage: $0 [--build|--list]" >&2
  exit 2
  ;;
esac

if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
  echo "install-packages: this is no Debian; please install the equivalents of:" "${packages[@]}" >&2
  exit 1
fi

installed=$(dpkg-query -W -f '${db:Status-Abbrev}${binary:Package}\n' | sed -nE 's/^.i ([^:]+).*/\1/p')
mapfile -t missing < <(comm -23 <(printf '%s\n' "${packages[@]}" | LC_ALL=C sort) <(LC_ALL=C sort <<<"$installed"))
[[ ${#missing[@]} -gt 0 ]] || exit 0

as_root=()
if [[ $(id -u) -ne 0 ]]; then
  if ! command -v sudo >/dev/null; then
    echo "install-packages: missing, and neither root nor sudo is here to install them:" "${missing[@]}" >&2
    exit 1
  fi
  as_root=(sudo)
fi

echo "install-packages: installing" "${missing[@]}" >&2
output=$(mktemp)
trap 'rm -f "$output"' EXIT
apt() {
  # Another apt-get may be at work on this machine: wait for it, do not fail. Hundreds of lines help only after a failure.
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=900 "$@" >"$output" 2>&1 || {
    cat "$output" >&2
    return 1
  }
}
apt update || echo "install-packages: apt-get update failed; trying with the package lists at hand" >&2
apt install --no-install-recommends "${missing[@]}" || {
  echo "install-packages: apt-get could not install:" "${missing[@]}" >&2
  exit 1
}
