#!/usr/bin/env python3
"""Benchmarks models on Cortex-M cores: instructions, RAM, flash, stack, and every layer; as Markdown, HTML and JSON.

    examples/benchmark/benchmark.py model.onnx                           # Markdown on standard output
    examples/benchmark/benchmark.py a.onnx folder/with/model.onnx --html=report.html --cores=cortex-m4,cortex-m55
    examples/benchmark/benchmark.py kws=model.onnx --beside='CMSIS-NN=peer.json' \\
        --cost='cost-tool {elf} --cpu {cpu} --json -' --cycles=cortex-m55=cortex-m55+branch

Instructions are those of one inference, counted by QEMU. RAM is the arena with the inputs and outputs outside
it, flash is code and constants, both from the manifest; stack is the manifest's bound and, after the slash, what the
model was seen to use. README.md beside this file says more.
"""

import argparse
import concurrent.futures
import hashlib
import html
import itertools
import json
import os
import pathlib
import re
import shlex
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
CORES = ("cortex-m4", "cortex-m7", "cortex-m33", "cortex-m55")
MODES = ("speed", "size", "ram")


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], epilog="What follows -- goes to dlc-run.")
    parser.add_argument("models", nargs="+", metavar="[NAME=]MODEL", help="an ONNX file, or a folder with model.onnx")
    parser.add_argument("--cores", default=",".join(CORES), help="targets of dlc-compile (default: %(default)s)")
    parser.add_argument("--modes", default=",".join(MODES), help="what to spend: -O... (default: %(default)s)")
    parser.add_argument("--cost", metavar="COMMAND", help="a tool that models cycles: {elf} and {cpu} are replaced, it "
                        "prints JSON with 'cycles' (see README.md)")
    parser.add_argument("--cycles", action="append", default=[], metavar="CORE=KEY",
                        help="which of the tool's cycles to take for a core (default: the core's name)")
    parser.add_argument("--beside", action="append", default=[], metavar="TITLE=FILE",
                        help="figures of others for comparison, JSON (see README.md)")
    parser.add_argument("--markdown", metavar="FILE", help="where the Markdown goes (default: standard output)")
    parser.add_argument("--html", metavar="FILE", help="also a page with bars")
    parser.add_argument("--json", metavar="FILE", help="also every figure")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="measurements at a time")
    parser.add_argument("--bin", type=pathlib.Path, default=ROOT / "build" / "bin", help="folder of dlc's commands")
    arguments, rest = sys.argv[1:], []
    if "--" in arguments:
        split = arguments.index("--")
        arguments, rest = arguments[:split], arguments[split + 1:]
    args = parser.parse_args(arguments)
    args.rest = rest
    args.models = [find_model(text) for text in args.models]
    args.cores, args.modes = args.cores.split(","), args.modes.split(",")
    if not set(args.modes) <= set(MODES):
        parser.error(f"--modes: found '{','.join(args.modes)}', expected some of {','.join(MODES)}")
    args.cycles = dict(pair(parser, "--cycles", text) for text in args.cycles)
    try:
        args.beside = {title: json.loads(pathlib.Path(path).read_text(encoding="utf-8"))
                       for title, path in (pair(parser, "--beside", text) for text in args.beside)}
    except (OSError, ValueError) as error:
        parser.error(f"--beside: {error}")
    return args


def pair(parser, option, text):
    if "=" not in text:
        parser.error(f"{option}: found '{text}', expected A=B")
    return text.split("=", 1)


def find_model(text):
    """(name, path) of [NAME=]MODEL."""
    name, path = text.split("=", 1) if "=" in text and not os.path.exists(text) else (None, text)
    path = pathlib.Path(path)
    if path.is_dir():
        return name or path.resolve().name, path / "model.onnx"
    return name or path.stem, path


class Failure(Exception):
    """A command failed; its message."""


def run(command):
    process = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False)
    if process.returncode:
        raise Failure((process.stderr.strip() or process.stdout.strip() or "no message").splitlines()[0])
    return process.stdout


def parse_json(text, what):
    """The JSON object in a command's output, which may begin with other lines."""
    try:
        return json.loads(text[text.index("{"):])
    except ValueError as error:
        raise Failure(f"{what} prints no JSON: {error}") from error


def measure(args, model, core, mode, folder):
    """All figures of a model on a core, a dict; with "error" where it cannot be compiled or run."""
    _, path = model
    own = folder / hashlib.sha256(f"{model} {core} {mode}".encode()).hexdigest()[:16]
    own.mkdir()
    elf = own / "program.elf"
    options = [path, f"--target={core}", f"-O{mode}", *args.rest]
    result = {}
    try:
        run([args.bin / "dlc-compile", *options, "--name=model", "--emit=obj,manifest", "-o", own / "model"])
        manifest = json.loads((own / "model.json").read_text(encoding="utf-8"))
        code, constants = manifest["code_bytes"], manifest["weights_bytes"]
        result |= {"ram": manifest["ram_bytes"], "arena": manifest["arena_bytes"], "flash": code + constants,
                   "code": code, "constants": constants, "stack": manifest["stack_bytes"], "macs": manifest["macs"]}
        bench = parse_json(run([args.bin / "dlc-run", *options, "--bench=1", f"--elf={elf}"]), "dlc-run")
        result |= {"instructions": bench.get("instructions"), "stack_seen": bench.get("stack_bytes")}
        layers = manifest["layers"]
        profile = parse_json(run([args.bin / "dlc-run", *options, "--bench=1", "--profile"]), "dlc-run")["layers"]
        result["layers"] = [
            {"name": layer["name"], "nodes": layer["nodes"], "kernel": layer.get("kernel") or "",
             "macs": layer["macs"], "constants": layer.get("weights_bytes", 0), "instructions": p.get("instructions")}
            for layer, p in zip(layers, profile)]
        if args.cost:
            add_cycles(args, core, elf, result)
            if mode == args.modes[0]:
                separated = own / "separated.elf"
                run([args.bin / "dlc-run", *options, "--bench=1", "--separate-layers", f"--elf={separated}"])
                add_layer_cycles(args, core, separated, result)
    except Failure as failure:
        result["error"] = str(failure).replace(f"{path}: ", "")
    return result


def ask(args, core, elf):
    """What the cost tool says of a program."""
    command = [part.format(elf=elf, cpu=core) for part in shlex.split(args.cost)]
    return parse_json(run(command), command[0])


def pick(args, core, cycles):
    return cycles.get(args.cycles.get(core, core)) if isinstance(cycles, dict) else cycles


def add_cycles(args, core, elf, result):
    result["cycles"] = pick(args, core, ask(args, core, elf).get("cycles"))
    if result["cycles"] is None:
        raise Failure(f"{shlex.split(args.cost)[0]} states no cycles '{args.cycles.get(core, core)}'; "
                      f"choose with --cycles={core}=KEY")


def add_layer_cycles(args, core, elf, result):
    """Cycles of layers, where the tool knows functions. In this program no two layers share one: layer k is
    all functions *_layer_k."""
    for symbol in ask(args, core, elf).get("symbols", []):
        found = re.search(r"_layer_(\d+)$", symbol["name"])
        if found and int(found.group(1)) < len(result["layers"]):
            layer = result["layers"][int(found.group(1))]
            layer["cycles"] = layer.get("cycles", 0) + (pick(args, core, symbol.get("cycles")) or 0)


# ---- Tables: lists of rows; a cell is text, or a number, or (number, share of a bar)


def count(value):
    return "" if value is None else f"{value:,}".replace(",", "\u202f")


def ratio(ours, theirs):
    return f"{ours / theirs:.2f}" if ours and theirs else ""


def summary(args, results, name):
    """One row for each core and mode."""
    figures = ["instructions"] + (["cycles"] if args.cost else []) + ["RAM", "flash"]
    head = ["core", "mode", *figures, "code", "constants", "stack"]
    for title, theirs in args.beside.items():
        head += [f"{title} {figure}" for figure in figures if beside_any(theirs, name, figure)]
        head += [f"ratio {figure}" for figure in figures if beside_any(theirs, name, figure)]
    rows = []
    for core in args.cores:
        for mode in args.modes:
            r = results[name, core, mode]
            if "error" in r:
                rows.append([core, f"-O{mode}", r["error"]] + [""] * (len(head) - 3))
                continue
            row = [core, f"-O{mode}", *(r.get(f.lower()) for f in figures), r["code"], r["constants"],
                   f"{r['stack']} / {r.get('stack_seen') or '?'}"]
            for theirs in args.beside.values():
                known = [f for f in figures if beside_any(theirs, name, f)]
                values = [theirs.get(name, {}).get(core, {}).get(f.lower()) for f in known]
                row += values + [ratio(r.get(f.lower()), v) for f, v in zip(known, values)]
            rows.append(row)
    return head, rows


def beside_any(theirs, name, figure):
    return any(figure.lower() in core for core in theirs.get(name, {}).values())


def layer_table(args, results, name, core, mode):
    """One row for each layer."""
    r = results[name, core, mode]
    key = "cycles" if args.cost and any("cycles" in layer for layer in r["layers"]) else "instructions"
    total = sum(layer.get(key) or 0 for layer in r["layers"]) or 1
    head = ["layer", "nodes", "kernel", "MACs", "instructions"] + (["cycles"] if key == "cycles" else []) + [
        f"{key} / MAC", "share"]
    rows = []
    for k, layer in enumerate(r["layers"]):
        cost, macs = layer.get(key), layer["macs"]
        row = [f"{k}", ", ".join(layer["nodes"]), layer["kernel"], macs or "", layer["instructions"]]
        row += [cost] if key == "cycles" else []
        row += [f"{cost / macs:.2f}" if macs and cost else "", (cost or 0) / total]
        rows.append(row)
    return head, rows


def groups_of(ours, theirs):
    """Pairs of lists of layers that do the same: those that multiply belong together in order, and what
    lies between two of them. What only one side has there (an addition that the other does with the
    convolution, a copy) counts with the layer before. Nothing where the numbers differ."""

    def parts(layers):  # what lies before the first that multiplies, it, what lies behind it, ...
        result = [[]]
        for layer in layers:
            if layer.get("macs"):
                result += [[layer], []]
            else:
                result[-1].append(layer)
        return result

    ours, theirs = parts(ours), parts(theirs)
    if len(ours) != len(theirs):
        return None
    groups = []
    for k, (mine, other) in enumerate(zip(ours, theirs)):
        if k % 2 or (mine and other):
            groups.append((mine, other))
        elif mine or other:
            if groups:
                groups[-1][0].extend(mine)
                groups[-1][1].extend(other)
            elif k + 1 < len(ours):
                ours[k + 1][:0], theirs[k + 1][:0] = mine, other
    return groups


def beside_table(args, results, name, core, title):
    """Our layers beside those of `title`, and what both need besides; None where there is nothing to compare."""
    r, theirs = results[name, core, args.modes[0]], args.beside[title].get(name, {}).get(core, {})
    key = "cycles" if any("cycles" in layer for layer in r["layers"]) else "instructions"
    ours = {}  # bands of rows are one layer
    for k, layer in enumerate(r["layers"]):
        whole = ours.setdefault((layer["name"], *layer["nodes"]),
                                {"nodes": layer["nodes"], "macs": 0, "indices": [], "cycles": 0, "instructions": 0})
        whole["indices"].append(str(k))
        for figure in ("macs", "cycles", "instructions"):
            whole[figure] += layer.get(figure) or 0
    ours = list(ours.values())
    groups = groups_of(ours, theirs.get("layers", []))
    if not groups or not any(layer.get(key) for layer in theirs["layers"]):
        return None
    rows = []
    for mine, other in groups:
        cost, peer = (sum(layer.get(key) or 0 for layer in side) for side in (mine, other))
        macs = sum(layer["macs"] for layer in mine)
        rows.append([", ".join(k for layer in mine for k in layer["indices"]), ", ".join(n for layer in mine for n in layer["nodes"]),
                     macs or "", cost, f"{cost / macs:.2f}" if macs else "",
                     " + ".join(layer.get("name", "") for layer in other), peer, ratio(cost, peer)])
    sums = [sum(row[i] for row in rows) for i in (3, 6)]
    totals = [r.get(key), theirs.get(key)]
    if all(totals):
        rows.append(["", "the rest: entry, library", "", totals[0] - sums[0], "", "", totals[1] - sums[1], ""])
    rows.append(["", "sum" if all(totals) else "layers", r["macs"], *(totals if all(totals) else sums)[:1], "", "",
                 (totals if all(totals) else sums)[1], ratio(*(totals if all(totals) else sums))])
    return ["layer", "nodes", "MACs", key, f"{key} / MAC", f"{title}", f"{title} {key}", "ratio"], rows


def sections(args, results):
    """(level, title, head, rows) of everything; no head: only a title."""
    for name, _ in args.models:
        good = next((r for (n, _, _), r in results.items() if n == name and "error" not in r), {})
        yield 2, f"{name}: {count(good['macs'])} MACs" if good else name, *summary(args, results, name)
        for core in args.cores:
            mode = args.modes[0]
            if "error" not in results[name, core, mode]:
                yield 3, f"{name}, layers on {core}, -O{mode}", *layer_table(args, results, name, core, mode)
                for title in args.beside:
                    table = beside_table(args, results, name, core, title)
                    if table:
                        yield 3, f"{name}, layers on {core}, -O{mode}, beside {title}", *table


def text_of(cell):
    if isinstance(cell, float):
        return f"{cell:.1%}"
    return count(cell) if isinstance(cell, int) or cell is None else str(cell)


def markdown(args, results):
    out = ["# Benchmark", ""]
    for level, title, head, rows in sections(args, results):
        right = [any(isinstance(row[i], (int, float)) for row in rows) for i in range(len(head))]
        out += ["#" * level + " " + title, "", "| " + " | ".join(head) + " |",
                "|" + "|".join(" ---: " if r else " --- " for r in right) + "|"]
        out += ["| " + " | ".join(text_of(cell).replace("|", "\\|") for cell in row) + " |" for row in rows]
        out.append("")
    return "\n".join(out)


STYLE = """
body { font: 14px/1.4 system-ui, sans-serif; margin: 2em auto; max-width: 75em; padding: 0 1em; color: #222; }
table { border-collapse: collapse; margin: .5em 0 2em; }
th, td { padding: .2em .7em; border-bottom: 1px solid #ddd; text-align: left; }
th { border-bottom: 2px solid #888; position: sticky; top: 0; background: #fff; }
td.n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
td.bar { min-width: 9em; }
td.bar span { display: inline-block; height: .8em; background: #4a7fb5; margin-right: .4em; }
@media (prefers-color-scheme: dark) { body, th { background: #181a1b; color: #ddd; } th, td { border-color: #444; } }
"""


def page(args, results):
    out = ["<!doctype html><html lang=en><meta charset=utf-8><title>Benchmark</title>",
           f"<style>{STYLE}</style><h1>Benchmark</h1>"]
    for level, title, head, rows in sections(args, results):
        out.append(f"<h{level}>{html.escape(title)}</h{level}><table><tr>")
        out += [f"<th>{html.escape(h)}" for h in head]
        widest = max((cell for row in rows for cell in row if isinstance(cell, float)), default=1) or 1
        for row in rows:
            out.append("<tr>")
            for cell in row:
                text = html.escape(text_of(cell))
                if isinstance(cell, float):
                    out.append(f"<td class=bar><span style='width:{6 * cell / widest:.2f}em'></span>{text}")
                else:
                    numeric = isinstance(cell, int) or re.fullmatch(r"[\d.]+", text)
                    out.append(f"<td class=n>{text}" if numeric else f"<td>{text}")
        out.append("</table>")
    return "\n".join(out) + "\n"


def main():
    args = parse_arguments()
    jobs = list(itertools.product(args.models, args.cores, args.modes))
    results = {}
    with tempfile.TemporaryDirectory() as scratch, concurrent.futures.ThreadPoolExecutor(max(1, args.jobs)) as pool:
        futures = [pool.submit(measure, args, *job, pathlib.Path(scratch)) for job in jobs]
        for done, (((name, _), core, mode), future) in enumerate(zip(jobs, futures), 1):
            results[name, core, mode] = future.result()
            if sys.stderr.isatty():
                print(f"[{done}/{len(jobs)}] {name} {core} -O{mode}", file=sys.stderr)
    text = markdown(args, results)
    if args.markdown:
        pathlib.Path(args.markdown).write_text(text, encoding="utf-8")
    else:
        print(text)
    if args.html:
        pathlib.Path(args.html).write_text(page(args, results), encoding="utf-8")
    if args.json:
        listed = [{"model": n, "core": c, "mode": m, **r} for (n, c, m), r in results.items()]
        pathlib.Path(args.json).write_text(json.dumps(listed, indent=1) + "\n", encoding="utf-8")
    errors = [f"{n} {c} -O{m}: error: {r['error']}" for (n, c, m), r in results.items() if "error" in r]
    for error in errors:
        print(error, file=sys.stderr)
    sys.exit(1 if errors else 0)


if __name__ == "__main__":
    main()
