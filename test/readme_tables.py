#!/usr/bin/env python3
"""Checks the generated tables in our README files: operators, passes, stages.

    test/readme_tables.py             # fails, and shows a difference, when one is out of date
    test/readme_tables.py --update    # writes them
"""

import argparse
import collections
import difflib
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent


def output_of(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def operators(args):
    """One row for each domain and set of element types."""
    rows = collections.defaultdict(list)
    lines = output_of(args.tools / "dlc-compile", "--list-ops").splitlines()[1:]
    for line in lines:
        domain, name, opsets, types = line.split("\t")
        rows[domain, types].append(name if opsets == "1-" else f"{name} ({opsets})")
    text = "In parentheses: the opsets (`13-` is 13 and later), where not all.\n\n"
    text += "| domain | element types | operators |\n| --- | --- | --- |\n"
    for (domain, types), names in sorted(rows.items()):
        text += f"| {domain} | {types} | {', '.join(names)} |\n"
    return text


def passes(args):
    doc = "".join(
        output_of(args.llvm_tools / "mlir-tblgen", "-gen-pass-doc", ROOT / "passes" / file, f"-I{args.llvm_tools}/../include", f"-I{ROOT}")
        for file in ("Passes.td", "compress/CompressPasses.td", "memory/RowPasses.td")
    )
    text = "| pass | does |\n| --- | --- |\n"
    for name, summary in sorted(re.findall(r"^### `-(\S+)`\n\n_(.*)_$", doc, re.M)):
        text += f"| `{name}` | {summary} |\n"
    return text


def stages(args):
    text = "| stage | IR after it |\n| --- | --- |\n"
    for line in output_of(args.tools / "dlc-compile", "--list-stages").splitlines():
        name, description = line.split(None, 1)
        text += f"| `{name}` | {description} |\n"
    return text


TABLES = {"operators": ("README.md", operators), "passes": ("passes/README.md", passes), "stages": ("compiler/README.md", stages)}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--update", action="store_true")
    parser.add_argument("--tools", type=pathlib.Path, default=ROOT / "build" / "bin")
    parser.add_argument("--llvm-tools", type=pathlib.Path, default="/usr/lib/llvm-22/bin")
    args = parser.parse_args()
    stale = []
    for name, (file, generate) in TABLES.items():
        path = ROOT / file
        begin, end = f"<!-- {name}: written by test/readme_tables.py --update -->\n", f"<!-- end of {name} -->\n"
        head, rest = path.read_text(encoding="utf-8").split(begin)
        old, tail = rest.split(end)
        new = generate(args)
        if args.update:
            path.write_text(head + begin + new + end + tail, encoding="utf-8")
        elif new != old:
            stale.append(file)
            sys.stdout.writelines(difflib.unified_diff(old.splitlines(True), new.splitlines(True), file, "now"))
    if stale:
        sys.exit(f"out of date: {', '.join(stale)}; run test/readme_tables.py --update")


if __name__ == "__main__":
    main()
