#!/usr/bin/env bash
# Lays out what the image holds:  tools/image-root.sh PROGRAM FOLDER   (the Dockerfile's last step, and what the tests run)
#
# The program without its debug information, the shared libraries that it needs, the public certificate authorities, names
# for its user; no shell, no package manager, nothing that can be written. For each package that something was taken from,
# its licence and what dpkg knows of it, where scanners look.
set -euo pipefail
shopt -s inherit_errexit

program=${1:?usage: $0 PROGRAM FOLDER}
root=${2:?usage: $0 PROGRAM FOLDER}
roots=/etc/ssl/certs/ca-certificates.crt
openssl_folder=$(openssl version -d | sed -nE 's/^OPENSSLDIR: "(.*)"$/\1/p')

mkdir -p "$root"
[[ -z $(ls -A "$root") ]] || { echo "image-root: $root is not empty" >&2 && exit 1; }
umask 022
chmod 755 "$root"

# Debian's /lib and /lib64 are links into /usr, and the loader is asked for by its name in there.
mkdir -p "$root/usr/bin" "$root/usr/lib"
ln -s usr/lib "$root/lib"
if [[ -d /lib64 ]]; then
  mkdir "$root/usr/lib64"
  ln -s usr/lib64 "$root/lib64"
fi

llvm-strip-19 --strip-all -o "$root/usr/bin/portcullis" "$program"
chmod 755 "$root/usr/bin/portcullis"

needed=$(ldd "$program")
if grep 'not found' <<<"$needed" >&2; then exit 1; fi
mapfile -t libraries < <(awk '$2 == "=>" && $3 ~ /^\// {print $3} $1 ~ /^\// {print $1}' <<<"$needed" | sort -u)
for library in "${libraries[@]}"; do
  install -D -m 755 "$library" "$root/usr${library#/usr}"
done

# OpenSSL looks for one file of this name before it looks anywhere else.
install -D -m 644 "$roots" "$root$roots"
mkdir -p "$root$openssl_folder"
ln -s "$roots" "$root$openssl_folder/cert.pem"

mkdir -p "$root/etc"
echo 'nonroot:x:65532:65532:nonroot:/:/sbin/nologin' >"$root/etc/passwd"
echo 'nonroot:x:65532:' >"$root/etc/group"
echo 'hosts: files dns' >"$root/etc/nsswitch.conf"

install -D -m 644 "$(dirname "${BASH_SOURCE[0]}")/../LICENSE" "$root/usr/share/doc/portcullis/LICENSE"
mkdir -p "$root/var/lib/dpkg/status.d"
for file in "${libraries[@]}" /usr/share/ca-certificates; do
  # A file is known to dpkg by the name that it had in its package: with or without /usr.
  owner=$(dpkg-query -S "$file" 2>/dev/null || dpkg-query -S "/usr$file" 2>/dev/null || dpkg-query -S "${file#/usr}" 2>/dev/null) ||
    { echo "image-root: $file is of no package" >&2 && exit 1; }
  package=${owner%%:*}
  [[ ! -e $root/var/lib/dpkg/status.d/$package ]] || continue
  dpkg-query -s "${owner%: *}" >"$root/var/lib/dpkg/status.d/$package"
  install -D -m 644 "/usr/share/doc/$package/copyright" "$root/usr/share/doc/$package/copyright"
done
