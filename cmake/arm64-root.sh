#!/usr/bin/env bash
# cmake/arm64-root.sh DIRECTORY: unpacks arm64's libraries that programs built on gofer link, from Debian's archive, into
# DIRECTORY. For cmake/arm64.cmake; nothing is installed, and the system's package lists stay as they are. The C and C++
# libraries come with the cross compiler.
set -euo pipefail

root=$(realpath -m "$1")
packages=(libboost1.74-dev libboost-context1.74-dev libboost-context1.74.0 libfmt-dev libfmt9 libdw-dev libdw1 libelf1
  zlib1g liblzma5 libbz2-1.0 libssl-dev libssl3 libgtest-dev libgmock-dev)

[[ -e $root/.complete ]] && exit
rm -rf "$root"
mkdir -p "$root" "$root.apt"/{lists/partial,cache/archives/partial,debs}
apt=(apt-get -q -o APT::Architecture=arm64 -o APT::Architectures=arm64 -o Dir::State::Lists="$root.apt/lists"
  -o Dir::State::status=/dev/null -o Dir::Cache="$root.apt/cache" -o Debug::NoLocking=1)
"${apt[@]}" update
(cd "$root.apt/debs" && "${apt[@]}" download "${packages[@]}")
for deb in "$root.apt"/debs/*.deb; do
  dpkg-deb -x "$deb" "$root"
done
rm -rf "$root.apt"
touch "$root/.complete"
