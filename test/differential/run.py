#!/usr/bin/env python3
"""Differential test: random quantized graphs through dlc-run against a straightforward reference (graphs.py).

    test/differential/run.py                          # all graphs on the host
    test/differential/run.py --sample=33              # every 33rd: the sample of the normal suite
    test/differential/run.py --only=17,204 --keep=DIR # these, and keep their models and data
    test/differential/run.py -- --target=cortex-m4    # the rest goes to dlc-run
    test/differential/run.py --bundle=20 -- --target=cortex-m55   # 20 graphs a model: quick under QEMU

Needs Debian's python3-numpy.
"""

import argparse
import collections
import json
import os
import pathlib
import subprocess
import sys
import tempfile

import graphs
import onnx_file

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], epilog="What follows -- goes to dlc-run.")
    parser.add_argument("--count", type=int, default=graphs.COUNT, metavar="N", help=f"graphs (default: {graphs.COUNT})")
    parser.add_argument("--seed", type=int, default=1, metavar="S", help="of all graphs (default: 1)")
    parser.add_argument("--from", type=int, default=0, dest="first", metavar="N", help="the first (default: 0)")
    parser.add_argument("--sample", type=int, default=1, metavar="N", help="only one graph in N")
    parser.add_argument("--only", default="", metavar="I,J,...", help="only these graphs")
    parser.add_argument("--bundle", type=int, default=1, metavar="N", help="graphs in one model (default: 1)")
    parser.add_argument("--keep", type=pathlib.Path, metavar="DIR", help="where models and data go and stay")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="tests at a time")
    parser.add_argument("--dlc-run", default=ROOT / "build" / "bin" / "dlc-run", type=pathlib.Path)
    arguments, rest = sys.argv[1:], []
    if "--" in arguments:
        split = arguments.index("--")
        arguments, rest = arguments[:split], arguments[split + 1:]
    return parser.parse_args(arguments), rest


def write(folder, seed, numbers):
    """One model with these graphs side by side, and its data; returns what the graphs are."""
    model = onnx_file.Graph("random")
    builders = [graphs.build(seed, n, model, f"g{n}_") for n in numbers]
    data = folder / "test_data_set_0"
    data.mkdir(parents=True)
    model.save(folder / "model.onnx", f"random quantized graphs {numbers} of seed {seed}")
    for kind in ("inputs", "outputs"):
        tensors = [tensor for builder in builders for tensor in getattr(builder, kind)]
        for i, (name, array) in enumerate(tensors):
            (data / f"{kind[:-1]}_{i}.pb").write_bytes(onnx_file.tensor(name, array))
    return ["; ".join(builder.text) for builder in builders]


def run(args, rest, folder, bundles):
    """{bundle: (result, why)} of lists of graph numbers."""
    texts, names = {}, {}
    for bundle in bundles:
        name = f"graph{bundle[0]:04}" + (f"-{bundle[-1]:04}" if len(bundle) > 1 else "")
        names[name] = bundle
        texts[bundle] = write(folder / name, args.seed, bundle)
    results = folder / "results.json"
    command = [args.dlc_run, "--verify", folder, "--rtol=1e-5", "--atol=1e-9", f"--json={results}",
               f"--jobs={args.jobs}", *rest]
    process = subprocess.run(command, stdout=subprocess.DEVNULL, check=False)
    if process.returncode not in (0, 1):
        sys.exit(f"error: {' '.join(map(str, command))} ended with status {process.returncode}")
    tests = json.loads(results.read_text(encoding="utf-8"))["tests"]
    verdicts = {names[t["name"].split("/")[-1]]: (t["result"], t.get("why", "")) for t in tests}
    return verdicts, texts


def main():
    args, rest = parse_arguments()
    numbers = [int(n) for n in args.only.split(",")] if args.only else range(args.first, args.count, args.sample)
    bundles = [tuple(numbers[i:i + args.bundle]) for i in range(0, len(numbers), args.bundle)]
    with tempfile.TemporaryDirectory() as scratch:
        folder = args.keep or pathlib.Path(scratch)
        verdicts, texts = run(args, rest, folder / "all" if args.bundle > 1 else folder, bundles)
        # A model of several graphs that does not pass: each graph alone.
        again = [(n,) for bundle, (result, _) in verdicts.items() if len(bundle) > 1 and result != "PASS" for n in bundle]
        if again:
            verdicts = {bundle: verdict for bundle, verdict in verdicts.items() if verdict[0] == "PASS"}
            more, more_texts = run(args, rest, folder / "single", again)
            verdicts |= more
            texts |= more_texts
    counts = collections.Counter()
    for bundle, (result, why) in sorted(verdicts.items()):
        counts[result] += len(bundle)
        if result != "PASS":
            print(f"{result} graph {bundle[0]}: {why}\n    {texts[bundle][0]}")
    print(f"{counts['PASS']} graphs agree with the reference, {counts['FAIL']} do not, {counts['SKIP']} skipped")
    sys.exit(1 if counts["FAIL"] or not counts["PASS"] else 0)


if __name__ == "__main__":
    main()
