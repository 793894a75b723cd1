#!/usr/bin/env bash
# From an ONNX file to running programs: recognizes hand-drawn digits on a Cortex-M4 (QEMU), on AArch64
# Linux (QEMU) and on this machine, in fp32 and int8 side by side. Does its own set-up on Debian 12; quick when nothing is left to do.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/setup.sh"

examples=$dlc_root/examples
out=$dlc_build/quickstart
failed=0

# memory BUILD: what the two networks need, side by side, from the manifests that dlc-compile wrote.
memory() {
  python3 - "$1"/digits_fp32.dlc/digits.json "$1"/digits_int8.dlc/digits_int8.json <<'END'
import json, sys
models = [json.load(open(path)) for path in sys.argv[1:]]
print(f"\nbytes{'fp32':>24}{'int8':>9}")
for title, count in (
    ("RAM", lambda m: m["ram_bytes"]),
    ("  arena", lambda m: m["arena_bytes"]),
    ("  input and output", lambda m: m["ram_bytes"] - m["arena_bytes"]),
    ("stack", lambda m: m["stack_bytes"]),
    ("flash", lambda m: m["weights_bytes"] + m["code_bytes"]),
    ("  weights", lambda m: m["weights_bytes"]),
    ("  code", lambda m: m["code_bytes"]),
):
    print(f"{title:20}" + "".join(f"{count(m):9}" for m in models))
END
}

# try TITLE EXAMPLE TOOLCHAIN RUNNER...: builds an example with its CMake project, and runs it.
try() {
  local title=$1 example=$2 toolchain=$3
  shift 3
  local build=$out/$example${toolchain:+-$toolchain}
  printf '\n=== %s\n' "$title"
  mkdir -p "$build"
  dlc_run_logged "$build/configure.log" cmake -S "$examples/$example" -B "$build" -G Ninja \
    -Ddlc_DIR="$dlc_build/lib/cmake/dlc" ${toolchain:+-DCMAKE_TOOLCHAIN_FILE="$examples/toolchains/$toolchain.cmake"}
  dlc_run_logged "$build/build.log" cmake --build "$build"
  "$@" "$build/digits" </dev/null 2>&1 || failed=$((failed + 1))
  memory "$build"
}

dlc_setup dlc-compile
dlc_say "compiling examples/digits/digits.onnx and digits_int8.onnx for three targets"

try "Cortex-M4 firmware (QEMU's mps2-an386 board; counts are executed instructions)" \
  cortex-m-digits cortex-m4 \
  timeout 60 qemu-system-arm -M mps2-an386 -display none -monitor none -icount shift=6 -semihosting-config enable=on,target=native -kernel
try "AArch64 Linux (qemu-aarch64; times are those of the emulation)" \
  host-digits aarch64-linux timeout 60 qemu-aarch64
try "this machine" \
  host-digits ""

echo
if [ "$failed" -ne 0 ]; then
  dlc_die "$failed of 3 targets do not give the references' predictions"
fi
dlc_say "all three targets give the predictions of the references; programs, headers and manifests are in $out"
