"""Compiles every expanded math function for a target, runs it and reports its error in ulp.

usage: accuracy.py [--bin=DIR] [--llvm=DIR] [--target=NAME] [--samples=N] [--every=N] [--functions=a,b]
                   [--hash] [--vector] [--inline] [--no-fma]

The reference is the C library in the next wider format (double for f32, long double for f64), so
only the host compares; other targets print a hash of all results (--hash), which must be the same
as the host's where neither fuses multiply and add. A bound in FUNCTIONS that is exceeded fails the
run. --every=1 tries all 2^32 arguments of the f32 functions of one argument (a minute or two each), --every=17
every 17th.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile

# name: (arguments, C reference, bound f32, bound f64, interval that gets half of the samples)
FUNCTIONS = {
    "exp": (1, "exp", 1.1, 1.1, (-110, 95)),
    "exp2": (1, "exp2", 1.1, 1.1, (-150, 130)),
    "expm1": (1, "expm1", 2.0, 2.0, (-20, 90)),
    "tanh": (1, "tanh", 2.0, 2.0, (-10, 10)),
    "sinh": (1, "sinh", 2.5, 2.5, (-20, 20)),
    "cosh": (1, "cosh", 2.0, 2.0, (-20, 20)),
    "log": (1, "log", 1.0, 1.0, (0, 10)),
    "log2": (1, "log2", 1.0, 1.0, (0, 10)),
    "log10": (1, "log10", 1.0, 1.0, (0, 10)),
    "log1p": (1, "log1p", 1.5, 1.5, (-1, 3)),
    "asinh": (1, "asinh", 3.0, 3.0, (-10, 10)),
    "acosh": (1, "acosh", 3.0, 3.0, (1, 10)),
    "atanh": (1, "atanh", 3.0, 3.0, (-1, 1)),
    "sin": (1, "sin", 1.0, 1.0, (-10, 10)),
    "cos": (1, "cos", 1.0, 1.0, (-10, 10)),
    "tan": (1, "tan", 2.5, 2.5, (-10, 10)),
    "asin": (1, "asin", 1.7, 1.7, (-1, 1)),
    "acos": (1, "acos", 1.5, 1.5, (-1, 1)),
    "atan": (1, "atan", 2.0, 2.0, (-5, 5)),
    "atan2": (2, "atan2", 2.0, 2.0, (-5, 5)),
    "erf": (1, "erf", 1.5, 1.5, (-6, 6)),
    "erfc": (1, "erfc", 4.0, 4.0, (-6, 27)),
    "powf": (2, "pow", 1.2, 1.2, (0, 20)),
    "cbrt": (1, "cbrt", 1.1, 1.1, (-10, 10)),
    "sqrt": (1, "sqrt", 0.5, 0.5, (0, 10)),
    "rsqrt": (1, "ref_rsqrt", 1.5, 1.5, (0, 10)),
    "floor": (1, "floor", 0, 0, (-10, 10)),
    "ceil": (1, "ceil", 0, 0, (-10, 10)),
    "trunc": (1, "trunc", 0, 0, (-10, 10)),
    "round": (1, "round", 0, 0, (-10, 10)),
    "roundeven": (1, "rint", 0, 0, (-10, 10)),
    "absf": (1, "fabs", 0, 0, (-10, 10)),
    "copysign": (2, "copysign", 0, 0, (-10, 10)),
    "maximumf": (2, "ref_maximum", 0, 0, (-2, 2)),
    "minimumf": (2, "ref_minimum", 0, 0, (-2, 2)),
    "maxnumf": (2, "ref_maxnum", 0, 0, (-2, 2)),
    "minnumf": (2, "ref_minnum", 0, 0, (-2, 2)),
    "remf": (2, "fmod", 0, 0, (-100, 100)),
}
ARITH = {"maximumf", "minimumf", "maxnumf", "minnumf", "remf"}

TARGETS = {
    "host": dict(
        attr='name = "host", triple = "x86_64-unknown-linux-gnu", cpu = "x86-64", features = "", float_abi = "",'
        ' isa = "sse", fpu_f32 = true, fpu_f64 = true',
        cc=["-O2"],
    ),
    "host-fma": dict(
        attr='name = "host", triple = "x86_64-unknown-linux-gnu", cpu = "x86-64-v3", features = "", float_abi = "",'
        ' isa = "avx", fpu_f32 = true, fpu_f64 = true, fma_f32 = true, fma_f64 = true, round_f32 = true,'
        " round_f64 = true, convert_f16 = true",
        cc=["-O2", "-march=x86-64-v3"],
    ),
    # No instruction for anything: what a soft-float target gets, on the host.
    "host-soft": dict(attr="", cc=["-O2"]),
    "aarch64": dict(
        attr='name = "aarch64", triple = "aarch64-unknown-linux-gnu", cpu = "generic", features = "",'
        ' float_abi = "", isa = "neon", fpu_f32 = true, fpu_f64 = true, fma_f32 = true, fma_f64 = true,'
        " round_f32 = true, round_f64 = true",
        cc=["-O2", "--target=aarch64-linux-gnu"],
        link=["aarch64-linux-gnu-gcc", "-static"],
        run=["qemu-aarch64"],
    ),
    "cortex-m4": dict(
        attr='name = "cortex-m4", triple = "thumbv7em-none-unknown-eabihf", cpu = "cortex-m4", features = "",'
        ' float_abi = "hard", isa = "scalar", index_bits = 32, fpu_f32 = true, fma_f32 = true',
        cc=["-O2", "--target=thumbv7em-none-eabihf", "-mcpu=cortex-m4", "-mfloat-abi=hard", "-mfpu=fpv4-sp-d16"],
        multilib=["-mthumb", "-march=armv7e-m+fp", "-mfloat-abi=hard"],
        run=["qemu-arm", "-cpu", "cortex-a15"],
    ),
    "cortex-m0": dict(
        attr='name = "cortex-m0", triple = "thumbv6m-none-unknown-eabi", cpu = "cortex-m0", features = "",'
        ' float_abi = "soft", isa = "scalar", index_bits = 32',
        cc=["-O2", "--target=thumbv6m-none-eabi", "-mcpu=cortex-m0", "-mfloat-abi=soft"],
        multilib=["-mthumb", "-march=armv6s-m", "-mfloat-abi=soft"],
        run=["qemu-arm", "-cpu", "cortex-a15"],
    ),
}


def module(names, attr, lanes):
    lines = ["module" + (f" attributes {{rt.target = #rt.target<{attr}>}}" if attr else "") + " {"]
    for name in names:
        count = FUNCTIONS[name][0]
        dialect = "arith" if name in ARITH else "math"
        for width in (32, 64):
            t = f"f{width}"
            args = ", ".join(f"%{i}: {t}" for i in range(count))
            uses = ", ".join(f"%{i}" for i in range(count))
            lines.append(
                f"func.func @t_{name}_{t}({args}) -> {t} {{\n"
                f"  %r = {dialect}.{name} {uses} : {t}\n  return %r : {t}\n}}"
            )
            if not lanes:
                continue
            v = f"vector<{lanes}x{t}>"
            m = f"memref<{lanes}x{t}>"
            args = ", ".join(f"%{i}: {m}" for i in range(count))
            loads = "".join(f"  %v{i} = vector.load %{i}[%c] : {m}, {v}\n" for i in range(count))
            uses = ", ".join(f"%v{i}" for i in range(count))
            lines.append(
                f"func.func @v_{name}_{t}({args}, %out: {m}) {{\n  %c = arith.constant 0 : index\n{loads}"
                f"  %r = {dialect}.{name} {uses} : {v}\n  vector.store %r, %out[%c] : {m}, {v}\n  return\n}}"
            )
    return "\n".join(lines) + "\n}\n"


def table(names, lanes):
    lines = [f"#define LANES {max(lanes, 1)}"]
    for name in names:
        count, reference, b32, b64, (low, high) = FUNCTIONS[name]
        lines.append(f'TEST{count}({name}, {reference}, {b32}, {b64}, {low}, {high})')
    return "\n".join(lines) + "\n"


def run(command, **kwargs):
    result = subprocess.run(command, capture_output=True, text=True, **kwargs)
    if result.returncode != 0:
        sys.exit(f"{' '.join(command)}\n{result.stdout}{result.stderr}")
    return result.stdout


def lower(args, text, pipeline, path):
    """Runs the given passes, then everything down to LLVM IR, and writes an object file."""
    target = TARGETS[args.target]
    tool = lambda name: os.path.join(args.llvm, name)
    opt = os.path.join(args.bin, "dlc-opt")
    text = run([opt, f"--pass-pipeline=builtin.module({pipeline},canonicalize,cse)"], input=text)
    text = re.sub(r"module attributes \{rt\.target = [^\n]*\{\n", "module {\n", text)
    bits = 32 if "index_bits = 32" in target["attr"] else 64
    width = f"index-bitwidth={bits}"
    text = run(
        [
            opt,
            "--pass-pipeline=builtin.module(convert-vector-to-scf,convert-scf-to-cf,convert-vector-to-llvm,"
            f"convert-math-to-llvm,convert-arith-to-llvm{{{width}}},convert-index-to-llvm{{{width}}},"
            f"finalize-memref-to-llvm{{{width}}},convert-func-to-llvm{{use-bare-ptr-memref-call-conv=1 {width}}},"
            f"convert-cf-to-llvm{{{width}}},canonicalize,reconcile-unrealized-casts)",
        ],
        input=text,
    )
    text = run([tool("mlir-translate"), "--mlir-to-llvmir"], input=text)
    with open(path + ".ll", "w") as f:
        f.write(text)
    clang = [tool("clang")] + target["cc"] + ["-ffp-contract=off", "-Wno-override-module"]
    run(clang + ["-c", path + ".ll", "-o", path + ".o"])


def link(args, source, folder):
    """Builds a C program with f.o; returns the command that runs it."""
    target = TARGETS[args.target]
    here = os.path.dirname(os.path.abspath(__file__))
    source = os.path.join(here, source)
    path = lambda name: os.path.join(folder, name)
    clang = os.path.join(args.llvm, "clang")
    if "multilib" in target:
        freestanding = ["-DFREESTANDING", "-ffreestanding", "-std=gnu11", "-I", folder]
        run([clang] + target["cc"] + freestanding + ["-c", source, "-o", path("main.o")])
        run(
            ["arm-none-eabi-gcc"] + target["multilib"]
            + ["-nostdlib", "-static", "-Wl,-e,_start", path("main.o"), path("f.o"), "-lgcc", "-o", path("test")]
        )
    elif "link" in target:
        compiler = target["link"]
        run([compiler[0], "-O2", "-ffp-contract=off", "-I", folder, "-c", source, "-o", path("main.o")])
        run(compiler + [path("main.o"), path("f.o"), "-lm", "-o", path("test")])
    else:
        # The reference is the C library's, compiled without our options.
        run([clang, "-O2", "-std=gnu11", "-I", folder, "-c", source, "-o", path("main.o")])
        run([clang, path("main.o"), path("f.o"), "-lm", "-o", path("test")])
    return target.get("run", []) + [path("test")]


def runs(target):
    """False (and a message) where this machine cannot run the target's code."""
    if target != "host-fma" or {"fma", "f16c", "avx2"} <= set(open("/proc/cpuinfo").read().split()):
        return True
    print("this processor is below x86-64-v3: nothing to run")
    return False


def build(args, names, folder):
    lanes = 4 if args.vector else 0
    options = "{" + ("" if args.fma else "fma=false ") + ("inline=true" if args.inline else "") + "}"
    with open(os.path.join(folder, "table.inc"), "w") as f:
        f.write(table(names, lanes))
    text = module(names, TARGETS[args.target]["attr"], lanes)
    lower(args, text, f"dlc-expand-math{options}", os.path.join(folder, "f"))
    return link(args, "accuracy.c", folder)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--bin", default="", help="folder of dlc-opt (default: PATH)")
    parser.add_argument("--llvm", default="", help="folder of clang and mlir-translate (default: PATH)")
    parser.add_argument("--target", default="host", choices=TARGETS)
    parser.add_argument("--samples", type=int, default=1 << 16)
    parser.add_argument("--every", type=int, default=0)
    parser.add_argument("--functions", default="")
    parser.add_argument("--hash", action="store_true")
    parser.add_argument("--vector", action="store_true")
    parser.add_argument("--inline", action="store_true")
    parser.add_argument("--no-fma", dest="fma", action="store_false")
    parser.add_argument("--keep", help="folder for the generated files")
    args = parser.parse_args()
    if not runs(args.target):
        return
    names = args.functions.split(",") if args.functions else list(FUNCTIONS)
    with tempfile.TemporaryDirectory() as temporary:
        folder = args.keep or temporary
        os.makedirs(folder, exist_ok=True)
        command = build(args, names, folder)
        mode = "hash" if args.hash or "run" in TARGETS[args.target] else "all" if args.every else "check"
        sys.exit(subprocess.run(command + [mode, str(args.every if mode == "all" else args.samples)]).returncode)


if __name__ == "__main__":
    main()
