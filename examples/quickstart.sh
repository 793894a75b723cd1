#!/usr/bin/env bash
# From an ONNX file to running programs: recognizes hand-drawn digits on a Cortex-M4 (QEMU), on AArch64
# Linux (QEMU) and on this machine. Does its own set-up on Debian 12; quick when nothing is left to do.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/setup.sh"

examples=$dlc_root/examples
out=$dlc_build/quickstart
failed=0

# memory MANIFEST: what the model needs, from the manifest that dlc-compile wrote.
memory() {
  python3 - "$1" <<'END'
import json, sys
m = json.load(open(sys.argv[1]))
print(f"RAM    {m['ram_bytes']:7} bytes: arena {m['arena_bytes']} (no plan can do with less than"
      f" {m['arena_lower_bound_bytes']}), input and output {m['ram_bytes'] - m['arena_bytes']};"
      f" stack {m['stack_bytes']} more")
print(f"Flash  {m['weights_bytes'] + m['code_bytes']:7} bytes: weights {m['weights_bytes']}, code {m['code_bytes']}")
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
  memory "$build/model.dlc/digits.json"
}

dlc_setup dlc-compile
dlc_say "compiling examples/digits/digits.onnx for three targets"

try "Cortex-M4 firmware (QEMU's mps2-an386 board; counts are executed instructions)" \
  cortex-m-digits cortex-m4 \
  timeout 60 qemu-system-arm -M mps2-an386 -display none -monitor none -icount shift=6 -semihosting-config enable=on,target=native -kernel
try "AArch64 Linux (qemu-aarch64; times are those of the emulation)" \
  host-digits aarch64-linux timeout 60 qemu-aarch64
try "this machine" \
  host-digits ""

echo
if [ "$failed" -ne 0 ]; then
  dlc_die "$failed of 3 targets do not give the reference's predictions"
fi
dlc_say "all three targets give the predictions of the reference; programs, headers and manifests are in $out"
