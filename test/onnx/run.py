#!/usr/bin/env python3
"""Runs ONNX's own tests through dlc-run and compares with the checked-in lists of passes.

    test/onnx/run.py host                      # against expected-host.txt; fails when a pass is lost
    test/onnx/run.py cortex-m4 --update        # also adds new passes to the list
    test/onnx/run.py aarch64 --sample=10       # every tenth test or so, always the same ones
    test/onnx/run.py sve -- --sve-bits=512     # the rest goes to dlc-run
    test/onnx/run.py all

The tests are those of Debian's package libonnx-testdata.
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import zlib

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
SUITES = ("node", "simple", "pytorch-operator", "pytorch-converted")
CONFIGURATIONS = {
    "host": ["--target=host"],
    "cpp": ["--target=host", "--emit=cpp"],
    "aarch64": ["--target=aarch64"],
    "sve": ["--target=aarch64", "--mattr=+sve"],
    "cortex-m4": ["--target=cortex-m4"],
}


def parse_arguments():
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0], epilog="What follows -- goes to dlc-run."
    )
    parser.add_argument("configuration", choices=[*CONFIGURATIONS, "all"])
    parser.add_argument("--update", action="store_true", help="add new passes to the list")
    parser.add_argument("--sample", type=int, default=1, metavar="N", help="run one test in N")
    parser.add_argument("--filter", default="", metavar="TEXT", help="only tests whose name contains TEXT")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="tests at a time")
    parser.add_argument("--dlc-run", default=ROOT / "build" / "bin" / "dlc-run", type=pathlib.Path)
    parser.add_argument("--data", default="/usr/share/libonnx-testdata/data", type=pathlib.Path)
    parser.add_argument("--json", type=pathlib.Path, help="keep the results of dlc-run in this file")
    arguments = sys.argv[1:]
    rest = []
    if "--" in arguments:
        split = arguments.index("--")
        arguments, rest = arguments[:split], arguments[split + 1 :]
    return parser.parse_args(arguments), rest


def find_tests(args):
    """Names ("node/test_abs") of the tests to run."""
    names = []
    for suite in SUITES:
        if not (args.data / suite).is_dir():
            sys.exit(f"error: no folder {args.data / suite}; install libonnx-testdata, or say --data=DIR")
        names += [f"{suite}/{d.name}" for d in (args.data / suite).iterdir() if (d / "model.onnx").exists()]
    # A checksum picks the sample, so that a new test does not move it.
    return sorted(
        n for n in names if args.filter in n and zlib.crc32(n.encode()) % args.sample == 0
    )


def run_tests(args, options, names):
    """Runs dlc-run; returns {name: (result, why, seconds)}."""
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        for name in names:
            link = folder / "tests" / name
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(args.data / name)
        results = args.json or folder / "results.json"
        command = [args.dlc_run, "--verify", folder / "tests", f"--json={results}", f"--jobs={args.jobs}", *options]
        process = subprocess.run(command, stdout=subprocess.DEVNULL, check=False)
        if process.returncode not in (0, 1):
            sys.exit(f"error: {' '.join(map(str, command))} ended with status {process.returncode}")
        with open(results, encoding="utf-8") as f:
            tests = json.load(f)["tests"]
    return {t["name"]: (t["result"], t.get("why", ""), t.get("seconds", 0)) for t in tests}


def read_list(path):
    if not path.exists():
        return set()
    lines = path.read_text(encoding="utf-8").splitlines()
    return {line for line in lines if line and not line.startswith("#")}


def check(args, configuration, rest):
    """Runs one configuration; returns whether no pass was lost."""
    names = find_tests(args)
    results = run_tests(args, CONFIGURATIONS[configuration] + rest, names)
    path = HERE / f"expected-{configuration}.txt"
    expected = read_list(path)
    passed = {name for name, (result, _, _) in results.items() if result == "PASS"}
    lost = sorted((expected & set(names)) - passed)
    new = sorted(passed - expected)

    for name in lost:
        result, why, _ = results.get(name, ("FAIL", "did not run", 0))
        print(f"LOST {name}: {result} {why}")
    if new and args.update:
        header = f"# Tests of libonnx-testdata that pass: test/onnx/run.py {configuration} --update\n"
        path.write_text(header + "".join(f"{n}\n" for n in sorted(expected | passed)), encoding="utf-8")
        print(f"{len(new)} new passes are now in {path.name}")
    elif new:
        print(f"{len(new)} new passes, such as {', '.join(new[:5])}: add them with --update")
    slow = sorted(results.items(), key=lambda item: -item[1][2])[:10]
    print("slowest: " + ", ".join(f"{name} {seconds:.1f} s" for name, (_, _, seconds) in slow))
    skipped = sum(result == "SKIP" for result, _, _ in results.values())
    print(
        f"{configuration}: {len(passed)} passed, {len(results) - len(passed) - skipped} failed, {skipped} skipped"
        f" ({len(lost)} expected passes lost)"
    )
    return not lost


def main():
    args, rest = parse_arguments()
    chosen = CONFIGURATIONS if args.configuration == "all" else [args.configuration]
    fine = [check(args, configuration, rest) for configuration in chosen]
    sys.exit(0 if all(fine) else 1)


if __name__ == "__main__":
    main()
