"""Prints a random module of the last IR, to compare what different emitters make of it.

usage: random_ir.py SEED [--ops=N] [--vectors=fixed|scalable]
Values of all scalar types, loads and stores in between, nested control flow, calls. What is
undefined or differs between processors does not occur: shifts by too much, divisions by zero,
casts of floats out of range, the sign and payload of a NaN.
"""

import argparse
import random

INTS = ["i8", "i16", "i32", "i64", "index"]
FLOATS = ["f32", "f64"]
MEMORY = ["i8", "i16", "i32", "i64", "f32", "f64", "i1"]
# (element, lanes as written)
VECTORS = {
    "fixed": [("f32", "4"), ("f32", "8"), ("f64", "2"), ("i8", "16"), ("i16", "8"), ("i32", "4"), ("i64", "4")],
    "scalable": [("f32", "[4]"), ("f64", "[2]"), ("i32", "[4]"), ("i64", "[2]"), ("i8", "[16]")],
}
N = 24  # elements of each input
K = 3  # values of each type that are stored for each element


def bits(t):
    return {"i1": 1, "i8": 8, "i16": 16, "i32": 32, "i64": 64, "f32": 32, "f64": 64}[t]


class Generator:
    def __init__(self, seed, vectors):
        self.random = random.Random(seed)
        self.lines = []
        self.count = 0
        self.indent = 2
        self.vectors = vectors
        self.depth = 0

    def bits(self, t):
        return 64 if t == "index" else bits(t)

    def put(self, text):
        self.lines.append("  " * self.indent + text)

    def new(self):
        self.count += 1
        return "%%v%d" % self.count

    def op(self, text):
        v = self.new()
        self.put(v + " = " + text)
        return v

    def pick(self, pool, t):
        pool.setdefault(t, [])
        if not pool[t] or self.random.random() < 0.1:
            pool[t].append(self.constant(t))
        # Mostly what is new, so that chains grow.
        values = pool[t]
        return self.random.choice(values[-6:] if self.random.random() < 0.7 else values)

    def constant(self, t):
        r = self.random
        if t.startswith("vector"):
            number = "%d.5" % r.randrange(9) if "xf" in t else r.randrange(99)
            return self.op("arith.constant dense<%s> : %s" % (number, t))
        if t == "i1":
            return self.op("arith.constant %s" % r.choice(["true", "false"]))
        if t in FLOATS:
            number = r.choice(["0.0", "-0.0", "1.0", "-1.5", "3.1415927", "1.0e-3", "255.0", "1.0e+20", "0.1"])
            return self.op("arith.constant %s : %s" % (number, t))
        n = self.bits(t)
        number = r.choice([0, 1, -1, 2, 3, 5, -7, 8, 100, (1 << (n - 1)) - 1, -(1 << (n - 1)), r.getrandbits(n - 1)])
        return self.op("arith.constant %d : %s" % (number, t))

    def masked(self, v, limit, t):
        m = self.op("arith.constant %d : %s" % (limit, t))
        return self.op("arith.andi %s, %s : %s" % (v, m, t))

    def position(self, pool, size):
        """An index in [0, size), a power of two."""
        return self.masked(self.pick(pool, "index"), size - 1, "index")

    def integer(self, pool, t):
        r = self.random
        a, b = self.pick(pool, t), self.pick(pool, t)
        name = r.choice(
            "addi addi subi muli muli andi ori xori shli shrsi shrui divsi divui remsi remui minsi maxsi minui maxui "
            "floordivsi ceildivsi cmp select neg abs clz ctz popcnt extended".split()
        )
        if name in ("shli", "shrsi", "shrui"):
            b = self.masked(b, self.bits(t) - 1, t)
        if name in ("divsi", "remsi", "floordivsi", "ceildivsi"):
            b = self.masked(b, 63, t)
            one = self.op("arith.constant 1 : %s" % t)
            b = self.op("arith.ori %s, %s : %s" % (b, one, t))
        if name in ("divui", "remui"):
            one = self.op("arith.constant 1 : %s" % t)
            b = self.op("arith.ori %s, %s : %s" % (b, one, t))
        if name == "cmp":
            p = r.choice("eq ne slt sle sgt sge ult ule ugt uge".split())
            pool["i1"].append(self.op("arith.cmpi %s, %s, %s : %s" % (p, a, b, t)))
        elif name == "select":
            pool[t].append(self.op("arith.select %s, %s, %s : %s" % (self.pick(pool, "i1"), a, b, t)))
        elif name == "neg":
            zero = self.op("arith.constant 0 : %s" % t)
            pool[t].append(self.op("arith.subi %s, %s : %s" % (zero, a, t)))
        elif name in ("abs", "clz", "ctz", "popcnt"):
            if t == "index":
                return
            f = {"abs": "absi", "clz": "ctlz", "ctz": "cttz", "popcnt": "ctpop"}[name]
            pool[t].append(self.op("math.%s %s : %s" % (f, a, t)))
        elif name == "extended":
            if t == "index":
                return
            f = r.choice(["mulsi_extended", "mului_extended", "addui_extended"])
            v = self.new()
            second = "i1" if f == "addui_extended" else t
            suffix = "%s, i1" % t if f == "addui_extended" else t
            self.put("%s:2 = arith.%s %s, %s : %s" % (v, f, a, b, suffix))
            pool[t].append(v + "#0")
            pool[second].append(v + "#1")
        else:
            pool[t].append(self.op("arith.%s %s, %s : %s" % (name, a, b, t)))

    def boolean(self, pool):
        r = self.random
        a, b = self.pick(pool, "i1"), self.pick(pool, "i1")
        name = r.choice("andi ori xori addi subi muli cmp select minsi maxui".split())
        if name == "cmp":
            p = r.choice("eq ne slt sle sgt sge ult ule ugt uge".split())
            v = self.op("arith.cmpi %s, %s, %s : i1" % (p, a, b))
        elif name == "select":
            v = self.op("arith.select %s, %s, %s : i1" % (self.pick(pool, "i1"), a, b))
        else:
            v = self.op("arith.%s %s, %s : i1" % (name, a, b))
        pool["i1"].append(v)

    def floating(self, pool, t):
        r = self.random
        a, b = self.pick(pool, t), self.pick(pool, t)
        name = r.choice("addf subf mulf mulf divf negf maximumf minimumf cmp select absf sqrt relu".split())
        if name == "cmp":
            p = r.choice("oeq ogt oge olt ole one ord ueq ugt uge ult ule une uno".split())
            pool["i1"].append(self.op("arith.cmpf %s, %s, %s : %s" % (p, a, b, t)))
        elif name == "select":
            pool[t].append(self.op("arith.select %s, %s, %s : %s" % (self.pick(pool, "i1"), a, b, t)))
        elif name == "negf":
            pool[t].append(self.op("arith.negf %s : %s" % (a, t)))
        elif name in ("absf", "sqrt"):
            pool[t].append(self.op("math.%s %s : %s" % (name, a, t)))
        elif name == "relu":
            zero = self.op("arith.constant %s : %s" % (r.choice(["0.0", "-0.0", "6.0"]), t))
            pool[t].append(self.op("arith.%s %s, %s : %s" % (r.choice(["maximumf", "minimumf"]), a, zero, t)))
        else:
            pool[t].append(self.op("arith.%s %s, %s : %s" % (name, a, b, t)))

    def cast(self, pool):
        r = self.random
        a, b = r.choice(INTS + FLOATS + ["i1"]), r.choice(INTS + FLOATS + ["i1"])
        if a == b:
            return
        v = self.pick(pool, a)
        if "index" in (a, b):
            if a in FLOATS or b in FLOATS or "i1" in (a, b):
                return
            name = r.choice(["index_cast", "index_castui"])
        elif a in FLOATS and b in FLOATS:
            name = "extf" if a == "f32" else "truncf"
        elif b in FLOATS:
            name = r.choice(["sitofp", "uitofp"])
        elif a in FLOATS:
            if b == "i1":
                return
            # Into the range of the result, and no NaN.
            ordered = self.op("arith.cmpf ord, %s, %s : %s" % (v, v, a))
            zero = self.op("arith.constant 0.0 : %s" % a)
            v = self.op("arith.select %s, %s, %s : %s" % (ordered, v, zero, a))
            name = r.choice(["fptosi", "fptoui"])
            low = self.op("arith.constant %s : %s" % ("-100.0" if name == "fptosi" else "0.0", a))
            high = self.op("arith.constant 100.0 : %s" % a)
            v = self.op("arith.maximumf %s, %s : %s" % (v, low, a))
            v = self.op("arith.minimumf %s, %s : %s" % (v, high, a))
        elif bits(a) < bits(b):
            name = r.choice(["extsi", "extui"])
        else:
            name = "trunci"
        pool[b].append(self.op("arith.%s %s : %s to %s" % (name, v, a, b)))

    def bitcast(self, pool):
        a, b = self.random.choice([("i32", "f32"), ("i64", "f64")])
        # No NaN: its payload may change on the way.
        v = self.masked(self.pick(pool, a), 0x3FFFFFFF if a == "i32" else 0x3FFFFFFFFFFFFFFF, a)
        pool[b].append(self.op("arith.bitcast %s : %s to %s" % (v, a, b)))

    def memory(self, pool):
        t = self.random.choice(MEMORY)
        i = self.position(pool, 8)
        if self.random.random() < 0.5:
            pool[t].append(self.op("memref.load %%scratch_%s[%s] : memref<64x%s>" % (t, i, t)))
        else:
            self.put("memref.store %s, %%scratch_%s[%s] : memref<64x%s>" % (self.pick(pool, t), t, i, t))

    def view(self, pool):
        t = self.random.choice(MEMORY)
        i = self.position(pool, 4)
        kind = "memref<4x%s, strided<[1], offset: ?>>" % t
        v = self.op("memref.subview %%scratch_%s[%s] [4] [1] : memref<64x%s> to %s" % (t, i, t, kind))
        for _ in range(self.random.randint(1, 3)):
            j = self.position(pool, 4)
            if self.random.random() < 0.5:
                pool[t].append(self.op("memref.load %s[%s] : %s" % (v, j, kind)))
            else:
                self.put("memref.store %s, %s[%s] : %s" % (self.pick(pool, t), v, j, kind))

    def vector(self, pool):
        r = self.random
        e, n = r.choice(self.vectors)
        t, m = "vector<%sx%s>" % (n, e), "vector<%sxi1>" % n
        scalable = "[" in n
        isf = e in FLOATS
        for k in (t, m):
            pool.setdefault(k, [])

        def one(kind):
            if not pool[kind] or r.random() < 0.1:
                if kind == m and scalable:
                    p = "arith.cmpf olt" if isf else "arith.cmpi slt"
                    pool[m].append(self.op("%s, %s, %s : %s" % (p, one(t), one(t), t)))
                elif kind == m:
                    i = self.masked(self.pick(pool, "index"), 15, "index")
                    pool[m].append(self.op("vector.create_mask %s : %s" % (i, m)))
                elif r.random() < 0.5:
                    pool[t].append(self.op("vector.broadcast %s : %s to %s" % (self.pick(pool, e), e, t)))
                else:
                    i = self.position(pool, 8)
                    pool[t].append(self.op("vector.load %%scratch_%s[%s] : memref<64x%s>, %s" % (e, i, e, t)))
            return r.choice(pool[kind][-4:])

        a, b, c, mask = one(t), one(t), one(t), one(m)
        kind = r.choice("binary binary binary load store cmp select logic extract insert reduce masked mstore special".split())
        if kind == "binary":
            if isf:
                name = r.choice("arith.addf arith.subf arith.mulf arith.divf arith.maximumf arith.minimumf".split())
            else:
                name = r.choice("arith.addi arith.subi arith.muli arith.andi arith.ori arith.xori arith.minsi arith.maxsi arith.minui arith.maxui".split())
            pool[t].append(self.op("%s %s, %s : %s" % (name, a, b, t)))
        elif kind == "load":
            pool[t].append(self.op("vector.load %%scratch_%s[%s] : memref<64x%s>, %s" % (e, self.position(pool, 8), e, t)))
        elif kind == "store":
            self.put("vector.store %s, %%scratch_%s[%s] : memref<64x%s>, %s" % (a, e, self.position(pool, 8), e, t))
        elif kind == "masked":
            pool[t].append(self.op("vector.maskedload %%scratch_%s[%s], %s, %s : memref<64x%s>, %s, %s into %s"
                                   % (e, self.position(pool, 8), mask, a, e, m, t, t)))
        elif kind == "mstore":
            self.put("vector.maskedstore %%scratch_%s[%s], %s, %s : memref<64x%s>, %s, %s"
                     % (e, self.position(pool, 8), mask, a, e, m, t))
        elif kind == "cmp":
            if isf:
                p = "oeq ogt oge olt ole ord ugt uge ult ule une uno".split() + ([] if scalable else ["one", "ueq"])
                pool[m].append(self.op("arith.cmpf %s, %s, %s : %s" % (r.choice(p), a, b, t)))
            else:
                p = "eq ne slt sle sgt sge ult ule ugt uge".split()
                pool[m].append(self.op("arith.cmpi %s, %s, %s : %s" % (r.choice(p), a, b, t)))
        elif kind == "select":
            pool[t].append(self.op("arith.select %s, %s, %s : %s, %s" % (mask, a, b, m, t)))
        elif kind == "logic":
            pool[m].append(self.op("arith.%s %s, %s : %s" % (r.choice(["andi", "ori", "xori"]), mask, one(m), m)))
        elif kind == "extract":
            pool[e].append(self.op("vector.extract %s[%d] : %s from %s" % (a, r.randrange(2), e, t)))
        elif kind == "insert":
            pool[t].append(self.op("vector.insert %s, %s[%d] : %s into %s" % (self.pick(pool, e), a, r.randrange(2), e, t)))
        elif kind == "reduce":
            names = ["add", "maximumf", "minimumf"] if isf else ["add", "minsi", "maxsi", "minui", "maxui", "and", "or", "xor"]
            if not scalable:
                names.append("mul")
            name = r.choice(names)
            if r.random() < 0.5 and not (scalable and name != "add"):
                v = self.op("vector.reduction <%s>, %s, %s : %s into %s" % (name, a, self.pick(pool, e), t, e))
            else:
                v = self.op("vector.reduction <%s>, %s : %s into %s" % (name, a, t, e))
            pool[e].append(v)
        elif isf:
            name = r.choice(["vector.fma", "negf", "absf", "sqrt"])
            if name == "vector.fma":
                # Small factors, so that the product is not the sum's only part.
                pool[t].append(self.op("vector.fma %s, %s, %s : %s" % (a, b, c, t)))
            else:
                pool[t].append(self.op("%s.%s %s : %s" % ("arith" if name == "negf" else "math", name, a, t)))
        elif not scalable:
            lanes = int(n)
            name = r.choice(["shuffle", "shift", "ext", "float"])
            if name == "shuffle":
                order = [r.randrange(2 * lanes) for _ in range(lanes)]
                pool[t].append(self.op("vector.shuffle %s, %s %s : %s, %s" % (a, b, order, t, t)))
            elif name == "shift":
                limit = self.op("arith.constant dense<%d> : %s" % (bits(e) - 1, t))
                by = self.op("arith.andi %s, %s : %s" % (b, limit, t))
                pool[t].append(self.op("arith.%s %s, %s : %s" % (r.choice(["shli", "shrsi", "shrui"]), a, by, t)))
            elif name == "ext" and e != "i64":
                wide = "vector<%sxi%d>" % (n, 2 * bits(e))
                x = self.op("arith.%s %s : %s to %s" % (r.choice(["extsi", "extui"]), a, t, wide))
                y = self.op("arith.%s %s : %s to %s" % (r.choice(["extsi", "extui"]), b, t, wide))
                x = self.op("arith.muli %s, %s : %s" % (x, y, wide))
                s = self.op("arith.constant dense<3> : %s" % wide)
                x = self.op("arith.shrsi %s, %s : %s" % (x, s, wide))
                pool[t].append(self.op("arith.trunci %s : %s to %s" % (x, wide, t)))
            elif name == "float" and e in ("i8", "i16", "i32"):
                f = "vector<%sxf32>" % n
                x = self.op("arith.%s %s : %s to %s" % (r.choice(["sitofp", "uitofp"]), a, t, f))
                pool["f32"].append(self.op("vector.reduction <add>, %s : %s into f32" % (x, f)))

    def child(self, pool):
        return {t: list(values) for t, values in pool.items()}

    def types(self, most=3):
        vectors = ["vector<%sx%s>" % (n, e) for e, n in self.vectors]
        return [self.random.choice(vectors if vectors and self.random.random() < 0.4 else INTS + FLOATS + ["i1"]) for _ in range(self.random.randint(0, most))]

    def block(self, pool, ops):
        self.indent += 1
        self.depth += 1
        inner = self.child(pool)
        for _ in range(ops):
            self.step(inner)
        self.indent -= 1
        self.depth -= 1
        return inner

    def leave(self, pool, types, op="scf.yield"):
        self.indent += 1
        values = [self.pick(pool, t) for t in types]
        self.put("%s %s" % (op, ", ".join(values)) + (" : " + ", ".join(types) if types else ""))
        self.indent -= 1

    def control(self, pool):
        r = self.random
        kind = r.choice(["if", "for", "for", "while", "switch"])
        types = self.types()
        v = self.new()
        results = "%s:%d = " % (v, len(types)) if types else ""
        arrow = " -> (%s)" % ", ".join(types) if types else ""
        listed = " -> %s" % ", ".join(types) if types else ""
        if kind == "if":
            c = self.pick(pool, "i1")
            self.put("%sscf.if %s%s {" % (results, c, arrow))
            self.leave(self.block(pool, r.randint(0, 4)), types)
            if types or r.random() < 0.5:
                self.put("} else {")
                self.leave(self.block(pool, r.randint(0, 4)), types)
            self.put("}")
        elif kind == "switch":
            c = self.masked(self.pick(pool, "index"), 3, "index")
            self.put("%sscf.index_switch %s%s" % (results, c, listed))
            for label in ("case 0", "case 2", "default"):
                self.put(label + " {")
                self.leave(self.block(pool, r.randint(0, 3)), types)
                self.put("}")
        elif kind == "for":
            bound = self.op("arith.constant %d : index" % r.randint(0, 4))
            if r.random() < 0.3:
                bound = self.masked(self.pick(pool, "index"), 3, "index")
            inits = [self.pick(pool, t) for t in types]
            args = ["%%a%d_%d" % (self.count, i) for i in range(len(types))]
            iv = "%%i%d" % self.count
            carried = " iter_args(%s)" % ", ".join("%s = %s" % p for p in zip(args, inits)) if types else ""
            self.put("%sscf.for %s = %%c0 to %s step %s%s%s {" % (results, iv, bound, r.choice(["%c1", "%c2"]), carried, arrow))
            inner = self.child(pool)
            inner["index"].append(iv)
            for t, a in zip(types, args):
                inner.setdefault(t, []).append(a)
            self.leave(self.block(inner, r.randint(1, 5)), types)
            self.put("}")
        else:
            # A counter of its own bounds the loop.
            types = ["i32"] + types
            zero = self.op("arith.constant 0 : i32")
            inits = [zero] + [self.pick(pool, t) for t in types[1:]]
            args = ["%%a%d_%d" % (self.count, i) for i in range(len(types))]
            after = ["%%b%d_%d" % (self.count, i) for i in range(len(types))]
            kinds = ", ".join(types)
            self.put("%s:%d = scf.while (%s) : (%s) -> (%s) {"
                     % (v, len(types), ", ".join("%s = %s" % p for p in zip(args, inits)), kinds, kinds))
            inner = self.child(pool)
            for t, a in zip(types, args):
                inner.setdefault(t, []).append(a)
            inner = self.block(inner, r.choice([0, 0, 1, 3]))
            self.indent += 1
            limit = self.op("arith.constant %d : i32" % r.randint(0, 4))
            c = self.op("arith.cmpi slt, %s, %s : i32" % (args[0], limit))
            if r.random() < 0.4:
                c = self.op("arith.andi %s, %s : i1" % (c, self.pick(inner, "i1")))
            plain = r.random() < 0.5
            values = args if plain else [args[0]] + [self.pick(inner, t) for t in types[1:]]
            self.put("scf.condition(%s) %s : %s" % (c, ", ".join(values), kinds))
            self.indent -= 1
            self.put("} do {")
            self.put("^bb0(%s):" % ", ".join("%s: %s" % p for p in zip(after, types)))
            inner = self.child(pool)
            for t, a in zip(types[1:], after[1:]):
                inner.setdefault(t, []).append(a)
            inner = self.block(inner, r.randint(0, 3))
            self.indent += 1
            one = self.op("arith.constant 1 : i32")
            nxt = self.op("arith.addi %s, %s : i32" % (after[0], one))
            values = [nxt] + [self.pick(inner, t) for t in types[1:]]
            self.put("scf.yield %s : %s" % (", ".join(values), kinds))
            self.indent -= 1
            self.put("}")
        for i, t in enumerate(types):
            pool.setdefault(t, []).append("%s#%d" % (v, i))

    def step(self, pool):
        r = self.random.random()
        if self.vectors and self.random.random() < 0.6:
            self.vector(pool)
            return
        if r < 0.35:
            self.integer(pool, self.random.choice(INTS))
        elif r < 0.55:
            self.floating(pool, self.random.choice(FLOATS))
        elif r < 0.62:
            self.boolean(pool)
        elif r < 0.76:
            self.cast(pool)
        elif r < 0.78:
            self.bitcast(pool)
        elif r < 0.90 or self.depth > 3:
            self.memory(pool) if self.random.random() < 0.7 else self.view(pool)
        else:
            self.control(pool)

    def function(self, ops):
        pool = {t: [] for t in INTS + FLOATS + ["i1"]}
        pool["index"].append("%i")
        for t in MEMORY:
            pool[t].append(self.op("memref.load %%in_%s[%%i] : memref<%dx%s>" % (t, N, t)))
            pool[t].append(self.op("memref.load %%in_%s[%%c2] : memref<%dx%s>" % (t, N, t)))
        for _ in range(ops):
            self.step(pool)
        for t in MEMORY:
            for k in range(K):
                kk = self.op("arith.constant %d : index" % k)
                self.put("memref.store %s, %%out_%s[%%i, %s] : memref<%dx%dx%s>" % (self.pick(pool, t), t, kk, N, K, t))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("seed", type=int)
    parser.add_argument("--ops", type=int, default=40)
    parser.add_argument("--vectors", choices=list(VECTORS))
    args = parser.parse_args()
    g = Generator(args.seed, VECTORS.get(args.vectors, []))
    ins = ["%%in_%s: memref<%dx%s>" % (t, N, t) for t in MEMORY]
    outs = ["%%out_%s: memref<%dx%dx%s>" % (t, N, K, t) for t in MEMORY]
    scratch = ["%%scratch_%s: memref<64x%s>" % (t, t) for t in MEMORY]
    constants = ["    %%c%d = arith.constant %d : index" % (i, i) for i in range(3)]
    print('module attributes {rt.name = "fuzz"} {')
    print("  func.func private @fuzz_layer_0(%s) attributes {rt.layer = {name = \"random\"}} {" % ", ".join(ins + outs + scratch))
    print("\n".join(constants))
    print("    %%n = arith.constant %d : index" % N)
    print("    scf.for %i = %c0 to %n step %c1 {")
    g.indent = 3
    g.function(args.ops)
    print("\n".join(g.lines))
    print("    }\n    return\n  }")
    size = 4096
    inputs = ", ".join('{name = "in_%s"}' % t for t in MEMORY)
    outputs = ", ".join('{name = "out_%s"}' % t for t in MEMORY)
    print("  func.func @fuzz_run(%s) attributes {rt.inputs = [%s], rt.outputs = [%s], rt.arena_bytes = %d : i64} {"
          % (", ".join(["%%arena: memref<%dxi8> {rt.arena}" % size] + ins + outs), inputs, outputs, size))
    print("    %c0 = arith.constant 0 : index\n    %c1 = arith.constant 1 : index\n    %c64 = arith.constant 64 : index")
    for k, t in enumerate(MEMORY):
        print("    %%o%d = arith.constant %d : index" % (k, 512 * k))
        print("    %%scratch_%s = memref.view %%arena[%%o%d][] : memref<%dxi8> to memref<64x%s>" % (t, k, size, t))
        zero = "false" if t == "i1" else ("0.0 : " if t in FLOATS else "0 : ") + t
        print("    %%z%d = arith.constant %s" % (k, zero))
        print("    scf.for %%i = %%c0 to %%c64 step %%c1 {\n      memref.store %%z%d, %%scratch_%s[%%i] : memref<64x%s>\n    }" % (k, t, t))
    names = ["%in_" + t for t in MEMORY] + ["%out_" + t for t in MEMORY] + ["%scratch_" + t for t in MEMORY]
    types = ["memref<%dx%s>" % (N, t) for t in MEMORY] + ["memref<%dx%dx%s>" % (N, K, t) for t in MEMORY] + ["memref<64x%s>" % t for t in MEMORY]
    print("    func.call @fuzz_layer_0(%s) : (%s) -> ()" % (", ".join(names), ", ".join(types)))
    print("    return\n  }\n}")


main()
