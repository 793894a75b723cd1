"""Compiles every conversion of the small float formats and compares it with a plain definition.

usage: small_floats.py [--bin=DIR] [--llvm=DIR] [--target=NAME] [--native]

Extension is tried on all numbers of a format, truncation on every midpoint of neighbours, what lies
beside it, special values and random numbers; arithmetic on random pairs.
"""

import argparse
import os
import subprocess
import sys
import tempfile

import accuracy

# type: (width, mantissa bits, bias, infinity, NaN pattern or -1 where all above infinity are)
FORMATS = {
    "f16": (16, 10, 15, 0x7C00, -1),
    "bf16": (16, 7, 127, 0x7F80, -1),
    "f8E5M2": (8, 2, 15, 0x7C, -1),
    "f8E4M3": (8, 3, 7, 0x78, -1),
    "f8E4M3FN": (8, 3, 7, 0, 0x7F),
    "f8E5M2FNUZ": (8, 2, 16, 0, 0x80),
    "f8E4M3FNUZ": (8, 3, 8, 0, 0x80),
}


def module(attr):
    lines = ["module" + (f" attributes {{rt.target = #rt.target<{attr}>}}" if attr else "") + " {"]
    for t, (width, *_) in FORMATS.items():
        i = f"i{width}"

        def function(name, arguments, result, body):
            signature = ", ".join(f"%{n}: {a}" for n, a in enumerate(arguments))
            lines.append(f"func.func @{t}_{name}({signature}) -> {result} {{\n{body}  return %r : {result}\n}}")

        take = lambda n: f"  %s{n} = arith.bitcast %{n} : {i} to {t}\n"
        give = f"  %r = arith.bitcast %t : {t} to {i}\n"
        for wide in ("f32", "f64"):
            function(f"to_{wide}", [i], wide, take(0) + f"  %r = arith.extf %s0 : {t} to {wide}\n")
            function(f"from_{wide}", [wide], i, f"  %t = arith.truncf %0 : {wide} to {t}\n" + give)
        for op in ("addf", "mulf", "divf"):
            function(op, [i, i], i, take(0) + take(1) + f"  %t = arith.{op} %s0, %s1 : {t}\n" + give)
        for source in ("i32", "i64"):
            for sign in ("si", "ui"):
                function(
                    f"{sign}_{source}", [source], i, f"  %t = arith.{sign}tofp %0 : {source} to {t}\n" + give
                )
    return "\n".join(lines) + "\n}\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--bin", default="")
    parser.add_argument("--llvm", default="")
    parser.add_argument("--target", default="host", choices=accuracy.TARGETS)
    parser.add_argument("--native", action="store_true", help="keep the target's own conversions")
    parser.add_argument("--keep", help="folder for the generated files")
    args = parser.parse_args()
    if not accuracy.runs(args.target):
        return
    with tempfile.TemporaryDirectory() as temporary:
        folder = args.keep or temporary
        os.makedirs(folder, exist_ok=True)
        with open(os.path.join(folder, "table.inc"), "w") as f:
            for t, (width, mantissa, bias, infinity, nan) in FORMATS.items():
                f.write(f"FORMAT({t}, {width}, {mantissa}, {bias}, {infinity}, {nan})\n")
        native = "true" if args.native else "false"
        pipeline = f"dlc-expand-small-floats{{native-conversions={native}}}"
        accuracy.lower(args, module(accuracy.TARGETS[args.target]["attr"]), pipeline, os.path.join(folder, "f"))
        command = accuracy.link(args, "small_floats.c", folder)
        sys.exit(subprocess.run(command).returncode)


if __name__ == "__main__":
    main()
