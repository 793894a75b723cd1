"""Compares the C++ of a module of the last IR with its object, bit by bit.

usage: compare_cpp.py SOURCE_DIR FILE.mlir WORK_PREFIX [--target=T]... [--cxx=C]... [--compile-only=T]...
Every compilation uses -Wall -Wextra -Werror, freestanding, without exceptions and RTTI.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys

FLAGS = "-std=c++17 -ffreestanding -fno-exceptions -fno-rtti -Wall -Wextra -Werror -ffunction-sections".split()
# target: options of dlc-emit, compilers with their options, C compiler, how to run
TARGETS = {
    "host": (["--target=host"], [["g++"], ["clang++-22"]], ["gcc"], []),
    "host-avx2": (
        ["--target=host", "--mcpu=x86-64-v3"],
        [["g++", "-march=x86-64-v3"], ["clang++-22", "-march=x86-64-v3"], ["g++"]],
        ["gcc"],
        [],
    ),
    "aarch64": (
        ["--target=aarch64"],
        [["aarch64-linux-gnu-g++"], ["clang++-22", "--target=aarch64-linux-gnu"]],
        ["aarch64-linux-gnu-gcc", "-static"],
        ["qemu-aarch64", "-cpu", "max"],
    ),
    "sve": (
        ["--target=aarch64", "--mattr=+sve"],
        [["aarch64-linux-gnu-g++", "-march=armv8.2-a+sve"],
         ["clang++-22", "--target=aarch64-linux-gnu", "-march=armv8.2-a+sve"]],
        ["aarch64-linux-gnu-gcc", "-static"],
        ["qemu-aarch64", "-cpu", "max,sve512=on"],
    ),
    "cortex-m4": (
        ["--target=cortex-m4"],
        [["arm-none-eabi-g++", "-mcpu=cortex-m4", "-mthumb", "-mfloat-abi=hard", "-mfpu=fpv4-sp-d16"],
         ["clang++-22", "--target=thumbv7em-none-eabihf", "-mcpu=cortex-m4"]],
        None,
        [],
    ),
    "cortex-m0": (
        ["--target=cortex-m0"],
        [["arm-none-eabi-g++", "-mcpu=cortex-m0", "-mthumb"],
         ["clang++-22", "--target=thumbv6m-none-eabi", "-mcpu=cortex-m0"]],
        None,
        [],
    ),
}


def call(*command):
    result = subprocess.run(command, capture_output=True, text=True)
    if result.returncode != 0:
        sys.exit("%s\n%s%s\nexit code %d" % (" ".join(command), result.stdout, result.stderr, result.returncode))
    return result.stdout


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("source")
    parser.add_argument("file")
    parser.add_argument("prefix")
    parser.add_argument("--target", action="append", default=[])
    args = parser.parse_args()
    include = "-I" + os.path.join(args.source, "runtime-lite/include")
    name = re.search(r'rt\.name = "(\w+)"', open(args.file).read()).group(1)
    for target in args.target or ["host", "aarch64", "cortex-m4", "cortex-m0"]:
        emit, compilers, cc, runner = TARGETS[target]
        prefix = os.path.abspath(args.prefix) + "." + target
        call("dlc-emit", args.file, "-o", prefix, "--emit=cpp", *emit)
        if cc:
            call("dlc-emit", args.file, "-o", prefix, "--emit=obj", *emit)
            call("llvm-objcopy", "--prefix-symbols=ref_", prefix + ".o", prefix + ".ref.o")
            for symbol in ("memcpy", "memset", "memmove"):
                call("llvm-objcopy", "--redefine-sym", "ref_%s=%s" % (symbol, symbol), prefix + ".ref.o")
            if shutil.which(cc[0]) is None or (runner and shutil.which(runner[0]) is None):
                cc = None
        for number, compiler in enumerate(compilers):
            if shutil.which(compiler[0]) is None:
                continue
            for level in ("-O2", "-O0") if number == 0 else ("-O2",):
                out = "%s.%d%s" % (prefix, number, level)
                call(*compiler, *FLAGS, level, include, "-c", prefix + ".cpp", "-o", out + ".o")
                if cc:
                    call(*cc, "-O1", "-Wall", include, "-DMODEL=" + name,
                         os.path.join(args.source, "test/Codegen/Inputs/compare.c"),
                         out + ".o", prefix + ".ref.o", "-o", out + ".exe")
                    print(target, " ".join(compiler), level, call(*runner, out + ".exe").strip())


main()
