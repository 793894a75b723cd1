"""Compares integer kernels with the plain loops, layer by layer, on a Cortex-M in QEMU.

usage: layers.py SOURCE_DIR BUILD_DIR WORK_DIR [--target=T] [--random=N] [--seed=S] [--layer=SPEC]...
                 [--cpp=COMPILER] [--elf=FILE] [-Osize] [--activations=BITS]

A module with one convolution or product for each layer goes through the stages twice: as it is, and for a
target without the kernels. Both objects run on the same random inputs; every byte must be equal, and so
must those of the C++ when a compiler is named. SPEC: conv HxWxC k=KHxKW o=O s=SYxSX d=DYxDX g=G p=T,L,B,R
w=BITS a=BITS acc=BITS e=EPILOGUE, or matmul MxK o=N; bits are those of weights, activations and sums.
"""

import argparse
import os
import random
import re
import subprocess
import sys

BOARDS = {  # target: board, gcc flags, triple and options of clang
    "cortex-m0": ("mps2-an385", ["-mcpu=cortex-m0", "-mfloat-abi=soft"], "thumbv6m-none-eabi"),
    "cortex-m0plus": ("mps2-an385", ["-mcpu=cortex-m0plus", "-mfloat-abi=soft"], "thumbv6m-none-eabi"),
    "cortex-m3": ("mps2-an385", ["-mcpu=cortex-m3", "-mfloat-abi=soft"], "thumbv7m-none-eabi"),
    "cortex-m4": ("mps2-an386", ["-mcpu=cortex-m4", "-mfpu=fpv4-sp-d16", "-mfloat-abi=hard"], "thumbv7em-none-eabihf"),
    "cortex-m7": ("mps2-an500", ["-mcpu=cortex-m7", "-mfpu=fpv5-d16", "-mfloat-abi=hard"], "thumbv7em-none-eabihf"),
    "cortex-m33": ("mps2-an505", ["-mcpu=cortex-m33", "-mfpu=fpv5-sp-d16", "-mfloat-abi=hard"], "thumbv8m.main-none-eabihf"),
    "cortex-m55": ("mps3-an547", ["-mcpu=cortex-m55", "-mfloat-abi=hard"], "thumbv8.1m.main-none-eabihf"),
}
def scaled(name, of, by):
    """The upper half of a product, as additions of quantized tensors compute it."""
    return """
    %{0}_up = arith.shli {1}, %left : i32
    %{0}_by = arith.constant {2} : i32
    %{0}_low, %{0} = arith.mulsi_extended %{0}_up, %{0}_by : i32""".format(name, of, by)


def pair(first, second):
    """first + (second + constant), of %q2 and %r."""
    return """
    %left = arith.constant 23 : i32
    %six = arith.constant 6 : i32
    %shift = arith.constant 20 : i32
    %min = arith.constant -128 : i32
    %max = arith.constant 127 : i32
    %s = arith.addi %acc, %b : i32
    %lo, %hi = arith.mulsi_extended %s, %m : i32
    %q0 = arith.shrsi %hi, %six : i32
    %q1 = arith.maxsi %q0, %min : i32
    %q2 = arith.minsi %q1, %max : i32
    %r = arith.extsi %extra0 : i8 to i32""" + scaled("p1", second, 415133429) + """
    %c = arith.constant -38488337 : i32
    %p2 = arith.addi %p1, %c : i32""" + scaled("p3", first, 1098017566) + """
    %t = arith.addi %p3, %p2 : i32
    %u = arith.shrsi %t, %shift : i32
    %v = arith.maxsi %u, %min : i32
    %w = arith.minsi %v, %max : i32
    %q = arith.trunci %w : i32 to i8"""


EPILOGUES = {  # result type, operands beside bias and factor, body
    "requant": ("i8", [], """
    %s = arith.addi %acc, %b : i32
    %lo, %hi = arith.mulsi_extended %s, %m : i32
    %off = arith.constant 12345 : i32
    %t = arith.addi %hi, %off : i32
    %shift = arith.constant 6 : i32
    %u = arith.shrsi %t, %shift : i32
    %min = arith.constant -128 : i32
    %max = arith.constant 127 : i32
    %v = arith.maxsi %u, %min : i32
    %w = arith.minsi %v, %max : i32
    %q = arith.trunci %w : i32 to i8"""),
    "residual": ("i8", ["i8"], """
    %s = arith.addi %acc, %b : i32
    %lo, %hi = arith.mulsi_extended %s, %m : i32
    %r = arith.extsi %extra0 : i8 to i32
    %c = arith.constant 37 : i32
    %rc = arith.muli %r, %c : i32
    %t = arith.addi %hi, %rc : i32
    %shift = arith.constant 7 : i32
    %u = arith.shrsi %t, %shift : i32
    %min = arith.constant -100 : i32
    %max = arith.constant 90 : i32
    %v = arith.maxsi %u, %min : i32
    %w = arith.minsi %v, %max : i32
    %q = arith.trunci %w : i32 to i8"""),
    "wide": ("i16", [], """
    %s = arith.addi %acc, %b : ACC
    %x = arith.SEXT %s : ACC to i64
    %y = arith.extsi %m : i32 to i64
    %p = arith.muli %x, %y : i64
    %off = arith.constant 123456789012 : i64
    %t = arith.addi %p, %off : i64
    %shift = arith.constant 38 : i64
    %u = arith.shrsi %t, %shift : i64
    %v = arith.trunci %u : i64 to i32
    %min = arith.constant -32768 : i32
    %max = arith.constant 32767 : i32
    %v1 = arith.maxsi %v, %min : i32
    %w = arith.minsi %v1, %max : i32
    %q = arith.trunci %w : i32 to i16"""),
    "pair": ("i8", ["i8"], pair("%q2", "%r")),
    "mirrored": ("i8", ["i8"], pair("%r", "%q2")),
    "sum": ("i32", [], "\n    %t = arith.addi %acc, %b : i32\n    %q = arith.xori %t, %m : i32"),
    "float": ("f32", [], """
    %s = arith.addi %acc, %b : i32
    %f = arith.sitofp %s : i32 to f32
    %c = arith.constant 1.5e-3 : f32
    %q = arith.mulf %f, %c : f32"""),
}
TARGET_OF = re.compile(r"rt\.target = (#rt\.target<.*?>)[,}]")


def call(*command):
    result = subprocess.run(command, capture_output=True, text=True, errors="replace")
    if result.returncode != 0:
        sys.exit("%s\n%s%s\nexit code %d" % (" ".join(command), result.stdout[-3000:], result.stderr[-3000:], result.returncode))
    return result.stdout


class Layer:
    def __init__(self, spec):
        words = spec.split()
        fields = dict(word.split("=") for word in words[2:])
        pair = lambda key, default: [int(v) for v in fields.get(key, default).split("x")]
        self.spec, self.kind = spec, words[0]
        self.input = [int(v) for v in words[1].split("x")]
        self.outputs = int(fields["o"])
        self.bits = int(fields.get("w", "8"))
        self.activation = "i" + fields.get("a", "8")
        self.accumulator = "i" + fields.get("acc", "32")
        self.epilogue = fields.get("e", "requant")
        self.type, self.more, self.body = EPILOGUES[self.epilogue]
        is64 = self.accumulator == "i64"
        if is64 and self.epilogue != "wide":
            sys.exit("sums of 64 bits have the epilogue wide")
        self.body = self.body.replace("%x = arith.SEXT %s : ACC to i64", "%x = arith.addi %s, %s : i64" if is64 else
                                      "%x = arith.extsi %s : i32 to i64").replace("ACC", self.accumulator)
        if self.kind == "matmul":
            self.out = self.input[:-1] + [self.outputs]
            self.filter = [self.input[-1], self.outputs]
            self.macs = 1
            for v in self.input:
                self.macs *= v
            self.macs *= self.outputs
            return
        rank = len(self.input) - 1
        ones = "x".join(["1"] * rank)
        self.kernel, self.strides, self.dilations = pair("k", ones), pair("s", ones), pair("d", ones)
        self.group = int(fields.get("g", "1"))
        self.pads = [int(v) for v in fields.get("p", ",".join(["0"] * 2 * rank)).split(",")]
        self.padded = [self.input[d] + self.pads[d] + self.pads[rank + d] for d in range(rank)]
        spatial = [(self.padded[d] - (self.kernel[d] - 1) * self.dilations[d] - 1) // self.strides[d] + 1 for d in range(rank)]
        assert min(spatial) > 0, spec
        self.filter = self.kernel + [self.input[-1] // self.group, self.outputs]
        self.out = [1] + spatial + [self.outputs]
        self.macs = self.input[-1] // self.group * self.outputs
        for v in spatial + self.kernel:
            self.macs *= v

    def text(self, n, rng):
        tensor = lambda shape, type: "tensor<%s%s>" % ("".join("%dx" % v for v in shape), type)
        lines = []
        add = lines.append
        conv = self.kind == "conv"
        shape = ([1] if conv else []) + self.input
        width = max(8, self.bits)  # weights of four bits are int8 with small values
        weight = "i%d" % width
        count = 1
        for v in self.filter:
            count *= v
        limit = 7 if self.bits == 4 else 127 if self.bits == 8 else 32767 if self.accumulator == "i64" else 255
        # As hexadecimal bytes: quick to read, also when large.
        data = b"".join(rng.randint(-limit - (self.bits == 4), limit).to_bytes(width // 8, "little", signed=True) for _ in range(count))
        add("%%w%d = arith.constant dense<\"0x%s\"> : %s" % (n, data.hex().upper(), tensor(self.filter, weight)) if count > 1 else
            "%%w%d = arith.constant dense<%d> : %s" % (n, int.from_bytes(data, "little", signed=True), tensor(self.filter, weight)))
        channel = tensor([self.outputs], "i32")
        biases = tensor([self.outputs], self.accumulator)
        for name, low, high, type in (("b", -3000, 3000, biases), ("m", 1 << 24, 1 << 26, channel)):
            add("%%%s%d = arith.constant dense<[%s]> : %s" % (name, n, ", ".join(str(rng.randint(low, high)) for _ in range(self.outputs)), type))
        source = "%%x%d" % n
        if conv and any(self.pads):
            rank = len(self.kernel)
            padded = [1] + self.padded + [self.input[-1]]
            add("%%zp%d = arith.constant %d : %s" % (n, rng.randint(-128, 127) * (1 if self.activation == "i8" else 256), self.activation))
            add("%%p%d = tensor.pad %s low[0, %s, 0] high[0, %s, 0] {" % (n, source, ", ".join(map(str, self.pads[:rank])), ", ".join(map(str, self.pads[rank:]))))
            add("^bb0(%s):" % ", ".join("%%i%d_%d: index" % (n, d) for d in range(rank + 2)))
            add("  tensor.yield %%zp%d : %s\n} : %s to %s" % (n, self.activation, tensor(shape, self.activation), tensor(padded, self.activation)))
            source, shape = "%%p%d" % n, padded
        add("%%e%d = tensor.empty() : %s" % (n, tensor(self.out, self.type)))
        extra = "".join(", %%r%d" % n for _ in self.more)
        types = "".join(", " + tensor(self.out, t) for t in self.more)
        add("%%y%d = nn.%s ins(%s, %%w%d : %s, %s) epilogue(%%b%d, %%m%d%s : %s, %s%s) outs(%%e%d : %s)" % (
            n, self.kind, source, n, tensor(shape, self.activation), tensor(self.filter, weight), n, n, extra, biases, channel, types,
            n, tensor(self.out, self.type)))
        if conv:
            array = lambda v: "array<i64: %s>" % ", ".join(map(str, v))
            add("  attributes {channels_last = true, strides = %s, dilations = %s, group = %d : i64}" % (array(self.strides), array(self.dilations), self.group))
        add("{\n^bb0(%%acc: %s, %%b: %s, %%m: i32%s):%s\n  nn.yield %%q : %s\n} -> %s" % (
            self.accumulator, self.accumulator, "".join(", %%extra0: %s" % t for t in self.more), self.body, self.type, tensor(self.out, self.type)))
        return "\n".join(lines)

    def bytes_of(self, shape, type):
        count = {"i8": 1, "i16": 2, "i32": 4, "f32": 4}[type]
        for v in shape:
            count *= v
        return count

    def arguments(self, n):
        tensor = lambda shape, type: "tensor<%s%s>" % ("".join("%dx" % v for v in shape), type)
        shape = ([1] if self.kind == "conv" else []) + self.input
        return [("x%d" % n, tensor(shape, self.activation), self.bytes_of(shape, self.activation))] + [
            ("r%d" % n, tensor(self.out, t), self.bytes_of(self.out, t)) for t in self.more]

    def result(self, n):
        return ("tensor<%s%s>" % ("".join("%dx" % v for v in self.out), self.type), self.bytes_of(self.out, self.type))


def random_layer(rng, activations):
    if activations == 16:
        tail = " a=16 " + rng.choice(["w=8 e=wide"] * 3 + ["w=8 e=requant", "w=8 e=float", "w=16 e=wide", "w=8 e=wide acc=64", "w=16 e=wide acc=64"])
    else:
        epilogue = rng.choice(["requant"] * 4 + ["residual", "sum", "float"])
        tail = " w=%d e=%s" % (rng.choice([8, 8, 8, 16]), epilogue)
    if rng.random() < 0.25:
        return "matmul %dx%d o=%d" % (rng.choice([1, 1, 2, 3, 5]), rng.randint(1, 70), rng.randint(1, 20)) + tail
    kind = rng.choice(["general", "general", "depthwise", "depthwise", "grouped", "line"])
    if kind == "line":
        w, k, d, s = rng.randint(4, 12), rng.randint(1, 4), rng.randint(1, 2), rng.randint(1, 2)
        p = [rng.randint(0, 2), rng.randint(0, 2)]
        if w + sum(p) < (k - 1) * d + 1:
            return random_layer(rng, activations)
        c = rng.randint(1, 9)
        g = c if rng.random() < 0.4 else 1
        return "conv %dx%d k=%d o=%d s=%d d=%d g=%d p=%d,%d" % (w, c, k, c if g > 1 else rng.randint(1, 8), s, d, g, *p) + tail
    h, w = rng.randint(1, 9), rng.randint(1, 11)
    kh, kw = rng.randint(1, 5), rng.randint(1, 5)
    dy, dx = rng.choice([1, 1, 1, 2]), rng.choice([1, 1, 1, 2])
    sy, sx = rng.choice([1, 1, 2, 3]), rng.choice([1, 1, 2, 3])
    p = [rng.randint(0, 2) for _ in range(4)]
    if h + p[0] + p[2] < (kh - 1) * dy + 1 or w + p[1] + p[3] < (kw - 1) * dx + 1:
        return random_layer(rng, activations)
    if kind == "general":
        c, o, g = rng.randint(1, 17), rng.randint(1, 14), 1
    elif kind == "depthwise":
        c = o = g = rng.randint(2, 13)
    else:
        g = rng.randint(2, 3)
        c, o = g * rng.randint(1, 6), g * rng.randint(1, 6)
    return "conv %dx%dx%d k=%dx%d o=%d s=%dx%d d=%dx%d g=%d p=%d,%d,%d,%d" % (h, w, c, kh, kw, o, sy, sx, dy, dx, g, *p) + tail


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("source")
    parser.add_argument("build")
    parser.add_argument("work")
    parser.add_argument("--target", default="cortex-m4")
    parser.add_argument("--random", type=int, default=0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--activations", type=int, choices=[8, 16], default=8)
    parser.add_argument("--layer", action="append", default=[])
    parser.add_argument("--cpp")
    parser.add_argument("--elf")
    parser.add_argument("-O", dest="optimize", default="speed")
    args = parser.parse_args()
    rng = random.Random(args.seed)
    specs = args.layer + [random_layer(rng, args.activations) for _ in range(args.random)]
    layers = [Layer(spec) for spec in specs]
    os.makedirs(args.work, exist_ok=True)
    path = lambda name: os.path.join(args.work, name)
    board, flags, triple = BOARDS[args.target]

    # The target's facts as the compiler knows them.
    open(path("empty.mlir"), "w").write('module attributes {rt.name = "x"} {}')
    described = call("dlc-emit", path("empty.mlir"), "-o", path("empty"), "--target=" + args.target, "--emit=target")
    target = described.strip()

    def module(name, target):
        inputs = [a for n, l in enumerate(layers) for a in l.arguments(n)]
        results = [l.result(n)[0] for n, l in enumerate(layers)]
        body = random.Random(args.seed)
        dtype = lambda t: {"i8": "int8", "i16": "int16", "i32": "int32", "f32": "float32"}[t.rstrip(">").split("x")[-1]]
        kinds = lambda names, types: ", ".join('{name = "%s", dtype = "%s", type = %s}' % (n, dtype(t), t) for n, t in zip(names, types))
        text = 'module attributes {rt.name = "%s", rt.optimize = "%s", rt.requant = "onnx", rt.target = %s} {\n' % (name, args.optimize, target)
        text += "func.func @%s(%s) -> (%s) attributes {rt.inputs = [%s], rt.outputs = [%s]} {\n" % (
            name, ", ".join("%%%s: %s" % (a[0], a[1]) for a in inputs), ", ".join(results),
            kinds([a[0] for a in inputs], [a[1] for a in inputs]), kinds(["y%d" % n for n in range(len(layers))], results))
        for n, layer in enumerate(layers):
            text += layer.text(n, body) + "\n"
        text += "return %s : %s\n}\n}\n" % (", ".join("%%y%d" % n for n in range(len(layers))), ", ".join(results))
        open(path(name + ".in.mlir"), "w").write(text)
        call("dlc-opt", path(name + ".in.mlir"), "--dlc-stage-tile", "--dlc-stage-memory", "--dlc-stage-kernels",
             "--verify-each", "--mlir-print-debuginfo", "-o", path(name + ".mlir"))

    plain = re.sub(r"\bdsp = true, ", "", target)
    plain = plain.replace('isa = "mve"', 'isa = "scalar"')
    size = ["-Osize"] if args.optimize == "size" else []
    module("fast", target)
    call("dlc-emit", path("fast.mlir"), "-o", path("fast"), "--emit=obj,asm,cpp,header", *size)
    module("plain", plain.replace("#rt.target<", "#rt.target<"))
    call("dlc-emit", path("plain.mlir"), "-o", path("plain"), "--emit=obj,header")
    objects = [path("fast.o"), path("plain.o")]
    names = ["fast", "plain"]
    include = "-I" + os.path.join(args.source, "runtime-lite/include")
    if args.cpp:
        text = re.sub(r"\bfast_", "cpp_", open(path("fast.cpp")).read())
        open(path("cpp.cpp"), "w").write(text)
        options = ["--target=" + triple, "-mcpu=" + args.target] if "clang" in args.cpp else ["-mthumb", *flags]
        call(args.cpp, *options, "-std=c++17", "-O2", "-ffreestanding", "-fno-exceptions", "-fno-rtti", "-Wall", "-Wextra",
             "-Werror", "-ffunction-sections", include, "-c", path("cpp.cpp"), "-o", path("cpp.o"))
        names.append("cpp")
        objects.append(path("cpp.o"))

    c = '#include <stdint.h>\n#include <stddef.h>\nvoid dlc_platform_print(const char *);\n'
    sizes = [(a[0], a[2]) for n, l in enumerate(layers) for a in l.arguments(n)]
    outs = [("y%d" % n, l.result(n)[1]) for n, l in enumerate(layers)]
    arenas = {}
    for name in names:
        header = open(path(("fast" if name == "cpp" else name) + ".h")).read()
        arenas[name] = int(re.search(r"ARENA_BYTES\s+(\d+)", header).group(1))
        c += "int %s_run(void *%s);\n" % (name, ", const void *" * len(sizes) + ", void *" * len(outs))
        c += "static _Alignas(64) uint8_t %s_arena[%d];\n" % (name, max(1, arenas[name]))
    for name, count in sizes:
        c += "static _Alignas(16) uint8_t %s[%d];\n" % (name, count)
    for which in names:
        for name, count in outs:
            c += "static _Alignas(16) uint8_t %s_%s[%d + 8];\n" % (which, name, count)
    c += "static void fill(uint8_t *p, size_t n, uint32_t s) { for (size_t i = 0; i < n; ++i) { s = s * 1664525u + 1013904223u; p[i] = s >> 24; } }\n"
    c += "static int differs(const uint8_t *a, const uint8_t *b, size_t n, size_t all) {\n  for (size_t i = 0; i < n; ++i) if (a[i] != b[i]) return 1;\n"
    c += "  for (size_t i = n; i < all; ++i) if (a[i] != 0xA5) return 2;\n  return 0; }\n"
    c += "int main(int argc, char **argv) {\n  int bad = 0, runs = 1; (void)argc;\n  if (argc > 1) runs = argv[1][0] - '0';\n"
    for k, (name, count) in enumerate(sizes):
        c += "  fill(%s, %d, %d);\n" % (name, count, 17 * k + 5)
    for which in names:
        c += "  fill(%s_arena, sizeof %s_arena, 99);\n" % (which, which)
        for name, count in outs:
            c += "  for (int i = 0; i < %d + 8; ++i) %s_%s[i] = 0xA5;\n" % (count, which, name)
        c += "  for (int k = 0; k < runs; ++k) %s_run(%s_arena, %s, %s);\n" % (
            which, which, ", ".join(a[0] for a in sizes), ", ".join("%s_%s" % (which, o[0]) for o in outs))
    for which in names:
        if which != "plain":
            for n, (name, count) in enumerate(outs):
                c += '  if (differs(%s_%s, plain_%s, %d, %d + 8)) { dlc_platform_print("%s differs: %s\\n"); bad = 1; }\n' % (
                    which, name, name, count, count, which, layers[n].spec)
    c += '  dlc_platform_print(bad ? "FAIL\\n" : "equal\\n");\n  return bad;\n}\n'
    open(path("main.c"), "w").write(c)
    harness = os.path.join(args.build, "lib/dlc/harness", args.target, "cortex_m.o")
    elf = args.elf or path("layers.elf")
    call("arm-none-eabi-gcc", "-mthumb", *flags, "-O1", "-ffreestanding", "-nostdlib", "-Wl,--gc-sections",
         "-L" + os.path.join(args.source, "runtime-lite/harness/boards"),
         "-T", os.path.join(args.source, "runtime-lite/harness/boards", board + ".ld"), path("main.c"), *objects, harness,
         *memory(args, flags), "-lgcc", "-o", elf)
    result = subprocess.run(["qemu-system-arm", "-M", board, "-nographic", "-monitor", "none", "-serial", "none",
                             "-semihosting-config", "enable=on,target=native", "-kernel", elf], capture_output=True, text=True,
                            timeout=300)
    sys.stdout.write(result.stdout + result.stderr[-2000:])
    print("%d layers on %s, arena %d bytes" % (len(layers), args.target, arenas["fast"]))
    sys.exit(result.returncode)


def memory(args, flags):
    """memcpy and its like, where no C library is linked."""
    source = os.path.join(args.work, "memory.c")
    open(source, "w").write("""#include <stddef.h>
void *memcpy(void *d, const void *s, size_t n) { char *p = d; const char *q = s; while (n--) *p++ = *q++; return d; }
void *memset(void *d, int v, size_t n) { char *p = d; while (n--) *p++ = v; return d; }
void *memmove(void *d, const void *s, size_t n) { char *p = d; const char *q = s;
  if (p < q) while (n--) *p++ = *q++; else while (n--) p[n] = q[n]; return d; }
#define SAME(NAME, OF) __asm__(".global " NAME "\\n.set " NAME ", " OF "\\n.type " NAME ", %function\\n");
SAME("__aeabi_memcpy", "memcpy") SAME("__aeabi_memcpy4", "memcpy") SAME("__aeabi_memcpy8", "memcpy")
SAME("__aeabi_memmove", "memmove") SAME("__aeabi_memmove4", "memmove") SAME("__aeabi_memmove8", "memmove")
static void fill(void *d, size_t n, int v) __attribute__((used));
static void fill(void *d, size_t n, int v) { memset(d, v, n); }
void __aeabi_memset(void *d, size_t n, int v) { fill(d, n, v); }
void __aeabi_memset4(void *d, size_t n, int v) { fill(d, n, v); }
void __aeabi_memset8(void *d, size_t n, int v) { fill(d, n, v); }
void __aeabi_memclr(void *d, size_t n) { fill(d, n, 0); }
void __aeabi_memclr4(void *d, size_t n) { fill(d, n, 0); }
void __aeabi_memclr8(void *d, size_t n) { fill(d, n, 0); }
""")
    call("arm-none-eabi-gcc", "-mthumb", *flags, "-O1", "-ffreestanding", "-fno-builtin", "-fno-tree-loop-distribute-patterns",
         "-c", source, "-o", source + ".o")
    return [source + ".o"]


main()
