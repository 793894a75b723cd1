# Sets up what the project needs, for examples/quickstart.sh and test/run.sh, which source this file:
# packages of Debian 12, then a configured and built compiler. Quick when nothing is left to do.

dlc_root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
dlc_build=$dlc_root/build

dlc_packages=(
  # to build the compiler
  cmake ninja-build g++ clang-22 lld-22 liblld-22-dev llvm-22-dev llvm-22-tools libmlir-22-dev mlir-22-tools
  libonnx-dev libprotobuf-dev protobuf-compiler libfmt-dev ccache
  # to link and run what it compiles
  g++-aarch64-linux-gnu gcc-arm-none-eabi libnewlib-arm-none-eabi libstdc++-arm-none-eabi-newlib
  qemu-user qemu-system-arm
  # to test it
  catch2 libonnx-testdata python3 python3-numpy
)

# dlc_say TEXT: a step of the progress, with the seconds since the start.
dlc_say() {
  printf '[%3ds] %s\n' "$SECONDS" "$*"
}

dlc_die() {
  printf 'error: %s\n' "$*" >&2
  exit 1
}

# Runs a command as root, through sudo where needed.
dlc_as_root() {
  if [ "$(id -u)" -eq 0 ]; then
    "$@"
  elif command -v sudo >/dev/null; then
    sudo "$@"
  else
    dlc_die "'$*' needs root: run this script as root, or install sudo"
  fi
}

# dlc_run_logged LOG COMMAND...: keeps the output in a log, and shows its end when the command fails.
dlc_run_logged() {
  local log=$1
  shift
  if ! "$@" >"$log" 2>&1; then
    tail -n 30 "$log" >&2
    dlc_die "'$*' failed; all of its output is in $log"
  fi
}

dlc_install_packages() {
  command -v dpkg-query >/dev/null ||
    dlc_die "this is not a Debian system; install what ${BASH_SOURCE[0]} lists, and use CMake by hand"
  local missing=() package
  for package in "${dlc_packages[@]}"; do
    [ "$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing+=("$package")
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  dlc_say "installing ${#missing[@]} packages (two to five minutes, 5 GB): ${missing[*]}"
  local log
  log=$(mktemp)
  dlc_run_logged "$log" dlc_as_root apt-get update
  if ! apt-cache show llvm-22-dev >/dev/null 2>&1; then
    # LLVM 22 came to Debian 12 with its security updates, which a minimal system may not list.
    local list=/etc/apt/sources.list.d/debian-security.list
    dlc_say "adding Debian's security updates ($list)"
    echo "deb http://deb.debian.org/debian-security bookworm-security main" | dlc_as_root tee "$list" >/dev/null
    dlc_run_logged "$log" dlc_as_root apt-get update
  fi
  dlc_run_logged "$log" dlc_as_root env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y --no-install-recommends "${missing[@]}"
  rm -f "$log"
}

# dlc_build_targets TARGET...: configures when that has not been done, and builds.
dlc_build_targets() {
  mkdir -p "$dlc_build"
  if [ ! -e "$dlc_build/build.ninja" ]; then
    dlc_say "configuring"
    (cd "$dlc_root" && dlc_run_logged "$dlc_build/configure.log" cmake --preset release)
  fi
  dlc_say "building $* (minutes on the first run, seconds later)"
  if [ -t 1 ]; then
    ninja -C "$dlc_build" "$@" || dlc_die "the build failed"
  else
    dlc_run_logged "$dlc_build/build.log" ninja -C "$dlc_build" "$@"
  fi
}

# dlc_setup TARGET...: everything above.
dlc_setup() {
  dlc_install_packages
  dlc_build_targets "$@"
}
