#!/usr/bin/env python3
"""Compares the evaluator with compiled code on random tensor programs.

    evaluate_differential.py --seed=1 --count=40 [--keep=DIR]

Every program is a function of constants that returns the bits of its results.
All are interpreted by `dlc-opt --dlc-interpret`, and compiled and run by mlir-opt
and mlir-runner of the LLVM that we build with. Undefined behaviour is avoided by
construction (divisors, shift amounts, ranges of conversions); NaNs are made equal.
"""

import argparse
import pathlib
import random
import re
import subprocess
import sys
import tempfile

INTS = ["i8", "i16", "i32", "i64"]
FLOATS = ["f16", "bf16", "f32", "f64"]
WIDTH = {"i1": 1, "i8": 8, "i16": 16, "i32": 32, "i64": 64, "f16": 16, "bf16": 16, "f32": 32, "f64": 64, "index": 64}


def tensor_type(shape, element):
    return "tensor<" + "".join(f"{d}x" for d in shape) + element + ">"


class Program:
    """One function: statements, and the tensors that exist so far."""

    def __init__(self, rng):
        self.rng = rng
        self.lines = []
        self.count = 0
        self.tensors = []  # (name, shape, element)
        self.indent = "  "

    def name(self):
        self.count += 1
        return f"%v{self.count}"

    def emit(self, text):
        """Emits `<name> = text`, returns the name."""
        name = self.name()
        self.lines.append(f"{self.indent}{name} = {text}")
        return name

    def put(self, text):
        self.lines.append(self.indent + text)

    # Scalars.

    def literal(self, element):
        if element == "i1":
            return self.rng.choice(["true", "false"])
        if element == "index":
            return str(self.rng.randrange(0, 9))
        if element in INTS:
            w = WIDTH[element]
            edge = [0, 1, -1, (1 << (w - 1)) - 1, -(1 << (w - 1))]
            return str(self.rng.choice(edge + [self.rng.randrange(-100, 100)] * 8))
        return repr(self.rng.choice([0.0, 1.0, -1.0, 0.5, self.rng.uniform(-4, 4), self.rng.uniform(-4, 4),
                                     self.rng.uniform(-3e4, 3e4)]))

    def constant(self, element):
        value = self.literal(element)
        return self.emit(f"arith.constant {value}" + ("" if element == "i1" else f" : {element}"))

    def integer(self, element, value):
        return self.emit(f"arith.constant {value} : {element}")

    def scalar_step(self, values):
        """Adds one random operation on scalars to `values` [(name, element)]."""
        rng = self.rng
        # Late values more often: long chains rather than many short ones.
        a, t = values[max(rng.randrange(len(values)), rng.randrange(len(values)))]
        same = [v for v, e in values if e == t]
        b, c = rng.choice(same), rng.choice(same)
        if t == "i1":
            op = rng.choice(["andi", "ori", "xori"])
            return self.emit(f"arith.{op} {a}, {b} : i1"), "i1"
        if t in INTS or t == "index":
            kind = rng.randrange(9 if t == "index" else 13)
            if kind < 3:
                op = rng.choice(["addi", "subi", "muli", "andi", "ori", "xori", "maxsi", "minsi", "maxui", "minui"])
                return self.emit(f"arith.{op} {a}, {b} : {t}"), t
            if kind == 3:  # division by 1, 3, 5, 7
                low = self.emit(f"arith.andi {b}, {self.integer(t, 7)} : {t}")
                by = self.emit(f"arith.ori {low}, {self.integer(t, 1)} : {t}")
                op = rng.choice(["divsi", "divui", "remsi", "remui", "floordivsi", "ceildivsi", "ceildivui"])
                return self.emit(f"arith.{op} {a}, {by} : {t}"), t
            if kind == 4:
                by = self.emit(f"arith.andi {b}, {self.integer(t, 7)} : {t}")
                return self.emit(f"arith.{rng.choice(['shli', 'shrsi', 'shrui'])} {a}, {by} : {t}"), t
            if kind == 5:
                p = rng.choice(["eq", "ne", "slt", "sle", "sgt", "sge", "ult", "ule", "ugt", "uge"])
                return self.emit(f"arith.cmpi {p}, {a}, {b} : {t}"), "i1"
            if kind == 6:
                flag = self.emit(f"arith.cmpi slt, {a}, {b} : {t}")
                return self.emit(f"arith.select {flag}, {c}, {a} : {t}"), t
            if kind == 7:
                if t == "index":
                    to = rng.choice(INTS)
                    return self.emit(f"arith.index_cast {a} : index to {to}"), to
                op = rng.choice(["arith.index_cast", "arith.index_castui"])
                return self.emit(f"{op} {a} : {t} to index"), "index"
            if kind == 8:
                p = rng.choice(["slt", "uge"])
                flag = self.emit(f"arith.cmpi {p}, {a}, {b} : {t}")
                return self.emit(f"arith.select {flag}, {a}, {b} : {t}"), t
            if kind == 9:
                to = rng.choice([e for e in INTS if e != t])
                op = "trunci" if WIDTH[to] < WIDTH[t] else rng.choice(["extsi", "extui"])
                return self.emit(f"arith.{op} {a} : {t} to {to}"), to
            if kind == 10:
                # Widths above 32 round twice on the way to a half: compilers differ.
                to = rng.choice(["f32", "f64"] if WIDTH[t] > 16 else FLOATS)
                return self.emit(f"arith.{rng.choice(['sitofp', 'uitofp'])} {a} : {t} to {to}"), to
            if kind == 11:
                return self.emit(f"math.{rng.choice(['ctlz', 'cttz', 'ctpop', 'absi'])} {a} : {t}"), t
            pair = self.name()
            op = rng.choice(["mulsi_extended", "mului_extended"])
            self.put(f"{pair}:2 = arith.{op} {a}, {b} : {t}")
            return f"{pair}#1", t
        kind = rng.randrange(9)
        if t == "bf16" and kind in (0, 1, 2, 8):
            kind = 6  # MLIR's emulation drops roundings between two operations
        if kind < 3:
            # LLVM's minimum of two f16 zeros ignores their signs.
            op = rng.choice(["addf", "subf", "mulf", "divf"] + (["maximumf", "minimumf"] if t != "f16" else []))
            return self.emit(f"arith.{op} {a}, {b} : {t}"), t
        if kind == 3:
            op = rng.choice(["math.absf", "arith.negf"] + (["math.floor", "math.ceil", "math.sqrt", "math.trunc", "math.roundeven"] if t in ("f32", "f64") else []))
            return self.emit(f"{op} {a} : {t}"), t
        if kind == 4:
            p = rng.choice("oeq ogt oge olt ole one ord ueq ugt uge ult ule une uno".split())
            return self.emit(f"arith.cmpf {p}, {a}, {b} : {t}"), "i1"
        if kind == 5:
            flag = self.emit(f"arith.cmpf olt, {a}, {b} : {t}")
            return self.emit(f"arith.select {flag}, {b}, {c} : {t}"), t
        if kind == 6:
            to = rng.choice([e for e in FLOATS if WIDTH[e] != WIDTH[t]])
            return self.emit(f"arith.{'truncf' if WIDTH[to] < WIDTH[t] else 'extf'} {a} : {t} to {to}"), to
        if kind == 7:  # to an integer, in range and no NaN
            flag = self.emit(f"arith.cmpf ord, {a}, {a} : {t}")
            zero = self.emit(f"arith.constant 0.0 : {t}")
            number = self.emit(f"arith.select {flag}, {a}, {zero} : {t}")
            high, low = self.emit(f"arith.constant 100.0 : {t}"), self.emit(f"arith.constant -100.0 : {t}")
            number = self.emit(f"arith.minimumf {number}, {high} : {t}")
            to = rng.choice(INTS)
            if rng.random() < 0.5:
                number = self.emit(f"arith.maximumf {number}, {low} : {t}")
                return self.emit(f"arith.fptosi {number} : {t} to {to}"), to
            number = self.emit(f"arith.maximumf {number}, {zero} : {t}")
            return self.emit(f"arith.fptoui {number} : {t} to {to}"), to
        if t in ("f32", "f64"):
            op = rng.choice([f"math.fma {a}, {b}, {c}", f"math.copysign {a}, {b}"])
            return self.emit(f"{op} : {t}"), t
        return self.emit(f"arith.subf {a}, {b} : {t}"), t

    def scalar_body(self, values, want, steps):
        """Random steps, then a value of type `want` (some conversion of one there)."""
        values = list(values)
        for _ in range(steps):
            values.append(self.scalar_step(values))
        fitting = [v for v, e in values if e == want]
        if fitting:
            return fitting[-1]
        return self.constant(want)

    # Tensors.

    def add(self, name, shape, element):
        self.tensors.append((name, list(shape), element))
        return name

    def input(self):
        rng = self.rng
        shape = [rng.randrange(1, 5) for _ in range(rng.randrange(0, 4))]
        element = rng.choice(INTS + FLOATS + ["i1", "index"])

        def nest(dims):
            if not dims:
                return self.literal(element)
            return "[" + ", ".join(nest(dims[1:]) for _ in range(dims[0])) + "]"

        name = self.emit(f"arith.constant dense<{nest(shape)}> : {tensor_type(shape, element)}")
        self.add(name, shape, element)

    def empty(self, shape, element):
        return self.emit(f"tensor.empty() : {tensor_type(shape, element)}")

    def generic(self, inputs, maps, iterators, shape, element, init=None):
        """linalg.generic; inputs are (name, shape, element), maps one more than inputs."""
        rng = self.rng
        dims = ", ".join(f"d{i}" for i in range(len(iterators)))
        maps = ", ".join(f"affine_map<({dims}) -> ({m})>" for m in maps)
        kinds = ", ".join(f'"{k}"' for k in iterators)
        out = init or self.empty(shape, element)
        result = self.name()
        arguments = [(self.name(), e) for _, _, e in inputs] + [(self.name(), element)]
        ins = ""
        if inputs:
            ins = f"ins({', '.join(n for n, _, _ in inputs)} : {', '.join(tensor_type(s, e) for _, s, e in inputs)}) "
        self.put(f"{result} = linalg.generic {{indexing_maps = [{maps}], iterator_types = [{kinds}]}} {ins}"
                 f"outs({out} : {tensor_type(shape, element)}) {{")
        self.put("^bb0(" + ", ".join(f"{n}: {e}" for n, e in arguments) + "):")
        self.indent += "  "
        usable = arguments if init else arguments[:-1]
        usable = list(usable)
        if iterators and rng.random() < 0.4:
            index = self.emit(f"linalg.index {rng.randrange(len(iterators))} : index")
            usable.append((index, "index"))
        if not usable:
            usable.append((self.constant(element), element))
        if init and "reduction" in iterators:
            # Something that depends on the accumulator.
            value = self.scalar_body(usable, element, 3)
            op = {"i1": "xori"}.get(element, "addi" if element in INTS + ["index"] else "addf")
            value = self.emit(f"arith.{op} {arguments[-1][0]}, {value} : {element}")
        else:
            value = self.scalar_body(usable, element, rng.randrange(1, 7))
        self.put(f"linalg.yield {value} : {element}")
        self.indent = self.indent[:-2]
        self.put(f"}} -> {tensor_type(shape, element)}")
        return self.add(result, shape, element)

    def step(self):
        rng = self.rng
        name, shape, element = rng.choice(self.tensors)
        kind = rng.choice(["map", "map", "broadcast", "reduce", "window", "transpose", "slice", "insert", "pad",
                           "reshape", "loop", "branch", "generate", "gather", "splat", "concat"])
        rank = len(shape)
        any_type = rng.choice(INTS + FLOATS + ["i1", "index"])
        identity = ", ".join(f"d{i}" for i in range(rank))
        if kind == "map":
            others = [t for t in self.tensors if t[1] == shape]
            inputs = [(name, shape, element)] + [rng.choice(others) for _ in range(rng.randrange(2))]
            self.generic(inputs, [identity] * (len(inputs) + 1), ["parallel"] * rank, shape, any_type)
        elif kind == "broadcast":
            extra = rng.randrange(1, 4)
            at = rng.randrange(rank + 1)
            new = shape[:at] + [extra] + shape[at:]
            source = ", ".join(f"d{i}" for i in range(rank + 1) if i != at)
            target = ", ".join(f"d{i}" for i in range(rank + 1))
            self.generic([(name, shape, element)], [source, target], ["parallel"] * (rank + 1), new, any_type)
        elif kind == "reduce" and rank > 0:
            gone = sorted(rng.sample(range(rank), rng.randrange(1, rank + 1)))
            kept = [d for d in range(rank) if d not in gone]
            new = [shape[d] for d in kept]
            fill = self.emit(f"linalg.fill ins({self.constant(any_type)} : {any_type}) outs({self.empty(new, any_type)} : "
                             f"{tensor_type(new, any_type)}) -> {tensor_type(new, any_type)}")
            self.generic([(name, shape, element)], [identity, ", ".join(f"d{d}" for d in kept)],
                         ["reduction" if d in gone else "parallel" for d in range(rank)], new, any_type, init=fill)
        elif kind == "window" and rank == 1 and shape[0] >= 2:
            k = rng.randrange(1, shape[0])
            stride = rng.randrange(1, 3)
            out = (shape[0] - k) // stride + 1
            weights = self.emit(f"linalg.fill ins({self.constant(element)} : {element}) outs({self.empty([k], element)} : "
                                f"{tensor_type([k], element)}) -> {tensor_type([k], element)}")
            fill = self.emit(f"linalg.fill ins({self.constant(element)} : {element}) outs({self.empty([out], element)} : "
                             f"{tensor_type([out], element)}) -> {tensor_type([out], element)}")
            self.generic([(name, shape, element), (weights, [k], element)],
                         [f"d0 * {stride} + d1", "d1", "d0"], ["parallel", "reduction"], [out], element, init=fill)
        elif kind == "transpose" and rank >= 2:
            order = rng.sample(range(rank), rank)
            new = [shape[d] for d in order]
            t = self.emit(f"linalg.transpose ins({name} : {tensor_type(shape, element)}) outs({self.empty(new, element)} : "
                          f"{tensor_type(new, element)}) permutation = [{', '.join(map(str, order))}]")
            self.add(t, new, element)
        elif kind == "slice" and rank > 0:
            sizes, offsets, strides = [], [], []
            for d in shape:
                stride = rng.randrange(1, 3)
                size = rng.randrange(1, (d - 1) // stride + 2)
                strides.append(stride)
                sizes.append(size)
                offsets.append(rng.randrange(0, d - (size - 1) * stride))
            t = self.emit(f"tensor.extract_slice {name}{offsets} {sizes} {strides} : {tensor_type(shape, element)} to "
                          f"{tensor_type(sizes, element)}")
            self.add(t, sizes, element)
        elif kind == "insert" and rank > 0:
            sizes = [rng.randrange(1, d + 1) for d in shape]
            offsets = [rng.randrange(0, d - s + 1) for d, s in zip(shape, sizes)]
            fill = self.emit(f"linalg.fill ins({self.constant(element)} : {element}) outs({self.empty(sizes, element)} : "
                             f"{tensor_type(sizes, element)}) -> {tensor_type(sizes, element)}")
            t = self.emit(f"tensor.insert_slice {fill} into {name}{offsets} {sizes} {[1] * rank} : "
                          f"{tensor_type(sizes, element)} into {tensor_type(shape, element)}")
            self.add(t, shape, element)
        elif kind == "pad" and rank > 0:
            low = [rng.randrange(0, 3) for _ in shape]
            high = [rng.randrange(0, 3) for _ in shape]
            new = [a + d + b for a, d, b in zip(low, shape, high)]
            value = self.constant(element)
            indices = ", ".join(f"%i{d}: index" for d in range(rank))
            t = self.emit(f"tensor.pad {name} low{low} high{high} {{")
            self.put(f"^bb0({indices}):\n{self.indent}  tensor.yield {value} : {element}")
            self.put(f"}} : {tensor_type(shape, element)} to {tensor_type(new, element)}")
            self.add(t, new, element)
        elif kind == "reshape" and rank >= 2:
            flat = 1
            for d in shape:
                flat *= d
            groups = [list(range(rank))]
            t = self.emit(f"tensor.collapse_shape {name} {groups} : {tensor_type(shape, element)} into "
                          f"{tensor_type([flat], element)}")
            self.add(t, [flat], element)
            t = self.emit(f"tensor.expand_shape {t} {groups} output_shape {shape[::-1]} : {tensor_type([flat], element)} "
                          f"into {tensor_type(shape[::-1], element)}")
            self.add(t, shape[::-1], element)
        elif kind == "loop" and rank == 1:
            # Writes every second element, carries a scalar.
            c0, c1, n, by = self.integer("index", 0), self.integer("index", 1), self.integer("index", shape[0]), self.integer("index", 2)
            start = self.constant(element)
            iv, acc, carried = self.name(), self.name(), self.name()
            loop = self.name()
            kind_type = tensor_type(shape, element)
            self.put(f"{loop}:2 = scf.for {iv} = {rng.choice([c0, c1])} to {n} step {by} iter_args({acc} = {name}, {carried} = {start}) "
                     f"-> ({kind_type}, {element}) {{")
            self.indent += "  "
            old = self.emit(f"tensor.extract {acc}[{iv}] : {kind_type}")
            value = self.scalar_body([(old, element), (carried, element), (iv, "index")], element, 3)
            new = self.emit(f"tensor.insert {value} into {acc}[{iv}] : {kind_type}")
            if rng.random() < 0.5:
                flag = self.emit(f"arith.cmpi ult, {iv}, {by} : index")
                chosen = self.name()
                self.put(f"{chosen} = scf.if {flag} -> ({kind_type}) {{")
                other = self.emit(f"  tensor.insert {carried} into {new}[{c0}] : {kind_type}")
                self.put(f"  scf.yield {other} : {kind_type}\n{self.indent}}} else {{\n{self.indent}  scf.yield {new} : {kind_type}\n{self.indent}}}")
                new = chosen
            self.put(f"scf.yield {new}, {value} : {kind_type}, {element}")
            self.indent = self.indent[:-2]
            self.put("}")
            self.add(f"{loop}#0", shape, element)
        elif kind == "branch":
            same = rng.choice([t for t in self.tensors if t[1] == shape and t[2] == element])[0]
            flag = self.constant("i1")
            kind_type = tensor_type(shape, element)
            t = self.emit(f"scf.if {flag} -> ({kind_type}) {{\n{self.indent}  scf.yield {name} : {kind_type}\n"
                          f"{self.indent}}} else {{\n{self.indent}  scf.yield {same} : {kind_type}\n{self.indent}}}")
            self.add(t, shape, element)
        elif kind == "generate":
            new = [rng.randrange(1, 5) for _ in range(rng.randrange(1, 3))]
            indices = [self.name() for _ in new]
            t = self.emit("tensor.generate {")
            self.put("^bb0(" + ", ".join(f"{i}: index" for i in indices) + "):")
            self.indent += "  "
            value = self.scalar_body([(i, "index") for i in indices], any_type, 6)
            self.put(f"tensor.yield {value} : {any_type}")
            self.indent = self.indent[:-2]
            self.put(f"}} : {tensor_type(new, any_type)}")
            self.add(t, new, any_type)
        elif kind == "gather" and rank == 1:
            # Reads an element whose index is computed, inside a generic.
            new = [rng.randrange(1, 5)]
            result, out = self.name(), self.name()
            empty = self.empty(new, element)
            self.put(f'{result} = linalg.generic {{indexing_maps = [affine_map<(d0) -> (d0)>], iterator_types = ["parallel"]}} '
                     f"outs({empty} : {tensor_type(new, element)}) {{")
            self.put(f"^bb0({out}: {element}):")
            self.indent += "  "
            i = self.emit("linalg.index 0 : index")
            i = self.emit(f"arith.muli {i}, {self.integer('index', rng.randrange(0, 7))} : index")
            i = self.emit(f"arith.remui {i}, {self.integer('index', shape[0])} : index")
            value = self.emit(f"tensor.extract {name}[{i}] : {tensor_type(shape, element)}")
            self.put(f"linalg.yield {value} : {element}")
            self.indent = self.indent[:-2]
            self.put(f"}} -> {tensor_type(new, element)}")
            self.add(result, new, element)
        elif kind == "splat":
            new = [rng.randrange(1, 4) for _ in range(rng.randrange(1, 3))]
            t = self.emit(f"tensor.splat {self.constant(any_type)} : {tensor_type(new, any_type)}")
            self.add(t, new, any_type)
        elif kind == "concat" and rank > 0:
            axis = rng.randrange(rank)
            new = list(shape)
            new[axis] *= 2
            t = self.emit(f"tensor.concat dim({axis}) {name}, {name} : ({tensor_type(shape, element)}, "
                          f"{tensor_type(shape, element)}) -> {tensor_type(new, element)}")
            self.add(t, new, element)

    def bits(self):
        """The bits of the last tensors in one tensor<?xi64> each, as text of types."""
        results = []
        for name, shape, element in self.tensors[-3:]:
            size = 1
            for d in shape:
                size *= d
            flat = name
            if len(shape) != 1:
                groups = [list(range(len(shape)))] if shape else []
                if shape:
                    flat = self.emit(f"tensor.collapse_shape {name} {groups} : {tensor_type(shape, element)} into {tensor_type([size], element)}")
                else:
                    flat = self.emit(f"tensor.expand_shape {name} [] output_shape [1] : {tensor_type([], element)} into {tensor_type([1], element)}")
            out = self.empty([size], "i64")
            result, x, y = self.name(), self.name(), self.name()
            m = "affine_map<(d0) -> (d0)>"
            self.put(f'{result} = linalg.generic {{indexing_maps = [{m}, {m}], iterator_types = ["parallel"]}} '
                     f"ins({flat} : {tensor_type([size], element)}) outs({out} : {tensor_type([size], 'i64')}) {{")
            self.put(f"^bb0({x}: {element}, {y}: i64):")
            self.indent += "  "
            value, integer = x, element
            if element in FLOATS:
                integer = f"i{WIDTH[element]}"
                value = self.emit(f"arith.bitcast {x} : {element} to {integer}")
                nan = self.emit(f"arith.cmpf uno, {x}, {x} : {element}")
                value = self.emit(f"arith.select {nan}, {self.integer(integer, 99)}, {value} : {integer}")
            if integer == "index":
                value = self.emit(f"arith.index_cast {value} : index to i64")
            elif integer != "i64":
                value = self.emit(f"arith.extui {value} : {integer} to i64")
            self.put(f"linalg.yield {value} : i64")
            self.indent = self.indent[:-2]
            self.put(f"}} -> {tensor_type([size], 'i64')}")
            results.append((result, tensor_type([size], "i64")))
        return results


def function(name, seed):
    program = Program(random.Random(seed))
    for _ in range(3):
        program.input()
    for _ in range(program.rng.randrange(3, 10)):
        program.step()
    results = program.bits()
    types = ", ".join(t for _, t in results)
    program.put(f"return {', '.join(n for n, _ in results)} : {types}")
    text = "\n".join(program.lines)
    return f"func.func @{name}() -> ({types}) {{\n{text}\n}}\n", [t for _, t in results]


PIPELINE = [
    "--arith-emulate-unsupported-floats=source-types=bf16 target-type=f32",
    "--one-shot-bufferize=bufferize-function-boundaries",
    "--convert-linalg-to-loops", "--convert-scf-to-cf", "--expand-strided-metadata", "--lower-affine",
    "--arith-expand=include-bf16", "--convert-math-to-llvm", "--convert-math-to-libm", "--convert-arith-to-llvm", "--convert-index-to-llvm", "--finalize-memref-to-llvm",
    "--convert-func-to-llvm", "--convert-cf-to-llvm", "--reconcile-unrealized-casts",
]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=40)
    parser.add_argument("--libs", required=True, help="folder of LLVM's runner libraries")
    parser.add_argument("--keep", type=pathlib.Path, help="folder for the programs")
    args = parser.parse_args()
    folder = args.keep or pathlib.Path(tempfile.mkdtemp())
    folder.mkdir(parents=True, exist_ok=True)

    functions, calls = [], []
    for i in range(args.count):
        text, types = function(f"p{i}", args.seed * 100000 + i)
        functions.append(text)
        results = ", ".join(f"%r{i}_{k}" for k in range(len(types)))
        calls.append(f"  {results} = func.call @p{i}() : () -> ({', '.join(types)})")
        for k, t in enumerate(types):
            calls.append(f"  %c{i}_{k} = tensor.cast %r{i}_{k} : {t} to tensor<*xi64>")
            calls.append(f"  func.call @printMemrefI64(%c{i}_{k}) : (tensor<*xi64>) -> ()")
    source = folder / "programs.mlir"
    source.write_text("".join(functions))
    driver = "func.func private @printMemrefI64(tensor<*xi64>)\nfunc.func @main() {\n" + "\n".join(calls) + "\n  return\n}\n"
    compiled = folder / "compiled.mlir"
    compiled.write_text("".join(functions) + driver)

    def run(command, text=None):
        done = subprocess.run(command, input=text, capture_output=True, text=True, timeout=300)
        if done.returncode != 0:
            sys.exit(f"{command[0]} failed on programs in {folder}:\n{done.stderr[:3000]}")
        return done.stdout

    interpreted = run(["dlc-opt", str(source), "--dlc-interpret", "--mlir-print-elementsattrs-with-hex-if-larger=-1"])
    lowered = run(["mlir-opt", str(compiled)] + PIPELINE)
    printed = run(["mlir-runner", "-e", "main", "-entry-point-result=void"] +
                  [f"-shared-libs={args.libs}/lib{n}.so" for n in ("mlir_runner_utils", "mlir_c_runner_utils", "mlir_float16_utils")],
                  lowered)

    def numbers(text, size):
        values = [int(v) for v in re.findall(r"-?\d+", text)]
        return values * size if len(values) == 1 else values

    expected = [[int(v) for v in re.findall(r"-?\d+", block)] for block in re.findall(r"data =\s*\[(.*?)\]", printed, re.S)]
    found = []
    for body in re.split(r"func\.func @", interpreted)[1:]:
        constants = {n: numbers(v, int(s)) for n, v, s in
                     re.findall(r"(%\S+) = arith\.constant dense<(.*?)> : tensor<(\d+)xi64>", body)}
        returned = re.search(r"return (.*?) :", body).group(1).split(", ")
        found += [(re.match(r"\w+", body).group(0), k, constants[r]) for k, r in enumerate(returned)]
    if len(found) != len(expected):
        sys.exit(f"{len(found)} interpreted results, {len(expected)} compiled ones")
    bad = 0
    for (name, k, have), want in zip(found, expected):
        if have != want:
            bad += 1
            print(f"{name} result {k}: interpreted {have}, compiled {want}")
    print(f"{len(found)} results of {args.count} programs, {bad} differ")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
