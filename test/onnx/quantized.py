#!/usr/bin/env python3
"""Counts how many elements of the outputs of quantized networks are the stored ones: every target, as object and as C++.

    test/onnx/quantized.py                                # every target, form and mode
    test/onnx/quantized.py --targets=host,cortex-m4 --forms=object --modes=tflite
    test/onnx/quantized.py --filter=mlperf -- -Oram       # the rest goes to dlc-run

The networks are those of quantized.txt, which says what is expected, in the folder DLC_MODELS (default:
build/testdata/models). Mode tflite compares with what TensorFlow Lite gave, where that is known.
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
TARGETS = ("host", "aarch64", "cortex-m0plus", "cortex-m3", "cortex-m4", "cortex-m33", "cortex-m55")
FORMS = {
    "object": [],
    "g++": ["--emit=cpp"],
    "clang": ["--emit=cpp", "--cxx=clang++-22"],
}
MODES = ("onnx", "tflite")


def parse_arguments():
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0], epilog="What follows -- goes to dlc-run."
    )
    parser.add_argument("--targets", default=",".join(TARGETS), metavar="T,...", help="default: all of them")
    parser.add_argument("--forms", default=",".join(FORMS), metavar="F,...", help="object, g++, clang")
    parser.add_argument("--modes", default=",".join(MODES), metavar="M,...", help="onnx, tflite")
    parser.add_argument("--filter", default="", metavar="TEXT", help="only networks whose name contains TEXT")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="networks at a time")
    parser.add_argument("--dlc-run", default=ROOT / "build" / "bin" / "dlc-run", type=pathlib.Path)
    parser.add_argument("--data", type=pathlib.Path, help="folder with the networks, where it is another")
    arguments, rest = sys.argv[1:], []
    if "--" in arguments:
        split = arguments.index("--")
        arguments, rest = arguments[:split], arguments[split + 1 :]
    args = parser.parse_args(arguments)
    for name, known in (("targets", TARGETS), ("forms", FORMS), ("modes", MODES)):
        chosen = getattr(args, name).split(",")
        for choice in chosen:
            if choice not in known:
                parser.error(f"--{name}: {choice} is none of {', '.join(known)}")
        setattr(args, name, chosen)
    if not args.data:
        args.data = pathlib.Path(os.environ.get("DLC_MODELS") or ROOT / "build" / "testdata" / "models")
    return args, rest


def read_expectations(args):
    """{(network, mode): (least share of equal elements in percent, largest difference)}."""
    expected = {}
    for line in (HERE / "quantized.txt").read_text(encoding="utf-8").splitlines():
        if not line or line.startswith("#"):
            continue
        name, mode, *bounds = line.split()
        if args.filter in name and mode in args.modes:
            expected[name, mode] = (float(bounds[0]), float(bounds[1])) if bounds else (100.0, 0.0)
            if not (args.data / name / "model.onnx").exists():
                sys.exit(f"error: no {args.data / name}; unpack the models, or say --data=DIR")
    return expected


def verify(args, options, names):
    """What dlc-run says of these networks, {name: entry}; any difference passes, for it is counted here."""
    with tempfile.TemporaryDirectory() as folder:
        results = pathlib.Path(folder, "results.json")
        command = [args.dlc_run, "--verify", *[args.data / name for name in names], f"--json={results}",
                   f"--jobs={args.jobs}", "--rtol=0", "--atol=1e30", "--timeout=600", *options]
        process = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
        if process.returncode not in (0, 1):
            sys.exit(f"error: {' '.join(map(str, command))} ended with status {process.returncode}")
        return {t["name"]: t for t in json.loads(results.read_text(encoding="utf-8"))["tests"]}


def judge(entry, bounds):
    """(what the table says, whether that is as expected)."""
    if entry["result"] == "SKIP":
        return "does not fit", True
    if entry["result"] != "PASS" or "identical" not in entry:
        return f"FAILED: {entry.get('why', '')}", False
    same, elements, largest = entry["identical"], entry["elements"], entry["largest_difference"]
    fine = same >= bounds[0] / 100 * elements and largest <= bounds[1]
    if same == elements:
        return "identical", fine
    return f"{same} of {elements} ({100 * same / elements:.2f} %), largest {largest:g}", fine


def main():
    args, rest = parse_arguments()
    expected = read_expectations(args)
    unexpected = counted = 0
    for mode in args.modes:
        names = [name for name, own in expected if own == mode]
        for target in args.targets:
            for form in args.forms if names else ():
                options = [f"--target={target}", *FORMS[form], f"--requant={mode}", *rest]
                for name, entry in verify(args, options, names).items():
                    text, fine = judge(entry, expected[name, mode])
                    unexpected += not fine
                    counted += 1
                    print(f"{'' if fine else 'UNEXPECTED '}{name} {target} {form} {mode}: {text}", flush=True)
    print(f"{counted} combinations, {unexpected} not as expected")
    sys.exit(1 if unexpected or not counted else 0)


if __name__ == "__main__":
    main()
