#!/bin/sh
# Runs the C++ tests of kernels, checksum, exact scan and resizer as aarch64 code under qemu.
# Debian/Ubuntu: apt install g++-aarch64-linux-gnu qemu-user. Without them it says so and passes.
set -eu
cd "$(dirname "$0")/.."
compiler=${AARCH64_CXX:-aarch64-linux-gnu-g++}
for tool in "$compiler" qemu-aarch64; do
  if ! command -v "$tool" >/dev/null 2>&1; then
    echo "skip: $tool is not installed, NEON kernels not run"
    exit 0
  fi
done
out=build/neon
mkdir -p "$out"
# What the tests below need; static, so that qemu needs no aarch64 libraries.
sources="native/platform/cpu.cc native/kernels/*.cc native/format/crc32c.cc native/exact/*.cc
  native/image/*.cc test/native/runner.cc test/native/kernels_test.cc test/native/crc32c_test.cc
  test/native/exact_scan_test.cc test/native/top_k_test.cc test/native/resize_test.cc"
# shellcheck disable=SC2086  # the list is meant to be split
"$compiler" -std=c++20 -O2 -Wall -Wextra -Werror -static -pthread -Inative -Itest/native \
  -o "$out/tests" $sources
exec qemu-aarch64 "$out/tests" "$@"
