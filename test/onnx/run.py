#!/usr/bin/env python3
"""Runs ONNX's own tests through dlc-run and compares with the checked-in lists of passes.

    test/onnx/run.py host                      # against expected-host.txt; fails when a pass is lost
    test/onnx/run.py cortex-m4 --update        # also adds new passes to the list
    test/onnx/run.py aarch64 --sample=10       # every tenth test or so, always the same ones
    test/onnx/run.py sve -- --sve-bits=512     # the rest goes to dlc-run
    test/onnx/run.py host --models             # real networks instead, against models-host.txt
    test/onnx/run.py all

The tests are those of Debian's package libonnx-testdata. The real networks are those that models.txt names, in
the folder DLC_MODELS (default: build/testdata/models, where test/run.sh unpacks them).
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
    "cortex-m55": ["--target=cortex-m55"],
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
    parser.add_argument("--data", type=pathlib.Path, help="folder with the tests, where it is another")
    parser.add_argument("--models", action="store_true", help="run the networks of models.txt")
    parser.add_argument("--failures", action="store_true", help="say why tests fail that are not expected to pass")
    arguments = sys.argv[1:]
    rest = []
    if "--" in arguments:
        split = arguments.index("--")
        arguments, rest = arguments[:split], arguments[split + 1 :]
    args = parser.parse_args(arguments)
    if not args.data:
        models = os.environ.get("DLC_MODELS") or ROOT / "build" / "testdata" / "models"
        args.data = pathlib.Path(models if args.models else "/usr/share/libonnx-testdata/data")
    return args, rest


def read_list(path):
    """Lines of a file without comments; none when there is no file."""
    if not path.exists():
        return []
    return [line for line in path.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]


def find_tests(args):
    """{name ("node/test_abs"): options of dlc-run that only this test needs}."""
    tests = {}
    if args.models:
        for line in read_list(HERE / "models.txt"):
            name, *tolerance = line.split()
            tests[name] = tuple(tolerance)
            if not (args.data / name / "model.onnx").exists():
                sys.exit(f"error: no {args.data / name}; unpack the models, or say --data=DIR")
    else:
        for suite in SUITES:
            if not (args.data / suite).is_dir():
                sys.exit(f"error: no folder {args.data / suite}; install libonnx-testdata, or say --data=DIR")
            for folder in (args.data / suite).iterdir():
                if (folder / "model.onnx").exists():
                    tests[f"{suite}/{folder.name}"] = ()
    # A checksum picks the sample, so that a new test does not move it.
    return {
        name: options
        for name, options in sorted(tests.items())
        if args.filter in name and zlib.crc32(name.encode()) % args.sample == 0
    }


def run_tests(args, options, names):
    """Runs dlc-run on tests with the same options; returns {name: (result, why, seconds)}."""
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        for name in names:
            link = folder / "tests" / name
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(args.data / name)
        results = folder / "results.json"
        command = [args.dlc_run, "--verify", folder / "tests", f"--json={results}", f"--jobs={args.jobs}", *options]
        process = subprocess.run(command, stdout=subprocess.DEVNULL, check=False)
        if process.returncode not in (0, 1):
            sys.exit(f"error: {' '.join(map(str, command))} ended with status {process.returncode}")
        with open(results, encoding="utf-8") as f:
            tests = json.load(f)["tests"]
    return {t["name"]: (t["result"], t.get("why", ""), t.get("seconds", 0)) for t in tests}


def check(args, configuration, rest):
    """Runs one configuration; returns whether no pass was lost."""
    tests = find_tests(args)
    path = HERE / f"{'models' if args.models else 'expected'}-{configuration}.txt"
    expected = set(read_list(path))
    if args.models and not args.update:  # others take minutes under QEMU, only to be skipped
        tests = {name: options for name, options in tests.items() if name in expected}
    results = {}
    for own in sorted(set(tests.values())):
        names = [name for name, options in tests.items() if options == own]
        results |= run_tests(args, [*CONFIGURATIONS[configuration], *own, *rest], names)
    passed = {name for name, (result, _, _) in results.items() if result == "PASS"}
    lost = sorted((expected & set(tests)) - passed)
    new = sorted(passed - expected)

    for name in lost:
        result, why, _ = results.get(name, ("FAIL", "did not run", 0))
        print(f"LOST {name}: {result} {why}")
    if args.failures:
        for name, (result, why, _) in sorted(results.items()):
            if result != "PASS" and name not in lost:
                print(f"{result} {name}: {why}")
    if new and args.update:
        command = f"{configuration}{' --models' if args.models else ''} --update"
        header = f"# Tests that pass, written by test/onnx/run.py {command}\n"
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
