"""Runs random chains of layers in bands of rows and layer after layer: results must be the same, bit for bit.

usage: row_chains.py SEED COUNT PROTO_DIR WORK_DIR [options of dlc-run]
Chains: convolutions (strides 1 to 3, dilation, asymmetric pads, groups, depthwise, pointwise), pools, activations,
residual additions, values that are needed again after the chain; floats and int8 (seed and number decide).
"""

import pathlib
import random
import re
import shutil
import subprocess
import sys


class Model:
    def __init__(self, rng, quantized):
        self.rng, self.quantized = rng, quantized
        self.nodes, self.initializers, self.count = [], [], 0

    def name(self):
        self.count += 1
        return "t%d" % self.count

    def tensor(self, data_type, dims, values):
        field = {1: "float_data", 7: "int64_data"}.get(data_type, "int32_data")
        name = self.name()
        text = " ".join("dims: %d" % d for d in dims) + " " + " ".join("%s: %r" % (field, v) for v in values)
        self.initializers.append('initializer { name: "%s" data_type: %d %s }' % (name, data_type, text))
        return name

    def node(self, op, inputs, **attributes):
        out, text = self.name(), ""
        for key, v in attributes.items():
            kind = "type: INT i: %d" % v if isinstance(v, int) else "type: INTS " + " ".join("ints: %d" % i for i in v)
            text += ' attribute { name: "%s" %s }' % (key, kind)
        ins = " ".join('input: "%s"' % i for i in inputs)
        self.nodes.append('node { op_type: "%s" name: "%s_%s" %s output: "%s"%s }' % (op, op, out, ins, out, text))
        return out

    def requantized(self, v):
        """What follows a layer of a quantized network."""
        if not self.quantized:
            return v
        scale = self.tensor(1, [], [self.rng.choice([0.02, 0.05, 0.11])])
        zero = self.tensor(3, [], [self.rng.choice([-128, 0, 7])])
        return self.node("DequantizeLinear", [self.node("QuantizeLinear", [v, scale, zero]), scale, zero])

    def weights(self, dims):
        n = 1
        for d in dims:
            n *= d
        if not self.quantized:
            return self.tensor(1, dims, [round(self.rng.uniform(-1, 1), 3) for _ in range(n)])
        scale = self.tensor(1, [], [0.01])
        zero = self.tensor(3, [], [0])
        q = self.tensor(3, dims, [self.rng.randint(-127, 127) for _ in range(n)])
        return self.node("DequantizeLinear", [q, scale, zero])

    def window(self, h, w):
        """Kernel, strides, dilations and pads that leave something of h by w."""
        while True:
            k = [self.rng.choice([1, 2, 3, 3, 5]) for _ in range(2)]
            s = [self.rng.choice([1, 1, 2, 3]) for _ in range(2)]
            d = [self.rng.choice([1, 1, 2]) for _ in range(2)]
            span = [(k[i] - 1) * d[i] + 1 for i in range(2)]
            p = [self.rng.randint(0, min(2, span[i % 2] - 1)) for i in range(4)]
            out = [(n + p[i] + p[i + 2] - span[i]) // s[i] + 1 if n + p[i] + p[i + 2] >= span[i] else 0
                   for i, n in enumerate((h, w))]
            if out[0] >= 3 and out[1] >= 1:
                return k, s, d, p, out

    def layer(self, v, shape, others):
        c, h, w = shape
        kind = self.rng.choice(["conv", "conv", "depthwise", "depthwise", "pointwise", "pointwise", "pool", "act", "add"])
        if kind == "add":
            same = [o for o, s in others if s == shape and o != v]
            if same:
                return self.requantized(self.node("Add", [v, self.rng.choice(same)])), shape
            kind = "act"
        if kind == "act":
            return self.requantized(self.node(self.rng.choice(["Relu", "HardSwish"]), [v])), shape
        if kind == "pool":
            k, s, _, p, out = self.window(h, w)
            op = self.rng.choice(["MaxPool", "AveragePool"])
            return (self.requantized(self.node(op, [v], kernel_shape=k, strides=s, pads=p)), (c, out[0], out[1]))
        group = 1
        if kind == "pointwise":
            o, (k, s, d, p, out) = self.rng.choice([4, 6, 16]), ([1, 1], [1, 1], [1, 1], [0] * 4, [h, w])
        else:
            k, s, d, p, out = self.window(h, w)
            o = self.rng.choice([3, 8, 12])
            if kind == "depthwise":
                group = o = c
            elif c % 2 == 0 and o % 2 == 0 and self.rng.random() < 0.3:
                group = 2
        weights = self.weights([o, c // group] + k)
        v = self.node("Conv", [v, weights], kernel_shape=k, strides=s, dilations=d, pads=p, group=group)
        return self.requantized(v), (o, out[0], out[1])

    def text(self):
        shape = (self.rng.choice([3, 4, 8]), self.rng.randint(17, 31), self.rng.randint(5, 14))
        io = lambda kind, name, dims: '%s { name: "%s" type { tensor_type { elem_type: 1 shape { %s } } } }' % (
            kind, name, " ".join("dim { dim_value: %d }" % d for d in (1,) + dims))
        v, values = self.requantized("x"), []
        first = shape
        for _ in range(self.rng.randint(3, 8)):
            values.append((v, shape))
            v, shape = self.layer(v, shape, values)
        outputs = [io("output", v, shape)]
        if self.rng.random() < 0.3:  # something that the chain passes on the way
            other, otherShape = self.rng.choice(values)
            outputs.append(io("output", self.node("Relu", [other]), otherShape))
        return 'ir_version: 8 opset_import { version: 17 } graph { name: "g" %s %s %s %s }' % (
            " ".join(self.nodes), " ".join(self.initializers), io("input", "x", first), " ".join(outputs))


def main():
    seed, count, protos, work, options = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4], sys.argv[5:]
    folder = pathlib.Path(work)
    folder.mkdir(parents=True, exist_ok=True)
    banded = 0
    for number in range(count):
        rng = random.Random(seed * 1000 + number)
        model = folder / ("%d.onnx" % number)
        model.write_bytes(subprocess.run(
            ["protoc", "--encode=onnx.ModelProto", "-I" + protos, "onnx.proto"], check=True, stdout=subprocess.PIPE,
            input=Model(rng, number % 2 == 1).text().encode()).stdout)

        def run(name, *more):
            shutil.rmtree(folder / name, ignore_errors=True)
            result = subprocess.run(["dlc-run", str(model), "--output=" + str(folder / name), *options, *more],
                                    stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            return result.returncode, result.stdout

        def outputs(name):
            return {f.name: f.read_bytes() for f in sorted((folder / name).iterdir())}

        code, text = run("whole", "--ram-budget=512M")
        if code:
            sys.exit("graph %d: %s" % (number, text))
        _, text = run("none", "--ram-budget=8")
        lowest = re.search(r"layer after layer it needs (\d+) bytes; the lowest budget that works is (\d+)", text)
        if not lowest:
            continue
        most, least = int(lowest[1]), int(lowest[2])
        banded += 1
        for budget in (least, (least + most) // 2):
            code, text = run("bands", "--ram-budget=%d" % budget, "--poison-arena")
            if code or outputs("bands") != outputs("whole"):
                sys.exit("graph %d, --ram-budget=%d (layer after layer %d): %s" % (
                    number, budget, most, text if code else "results differ"))
    print("%d of %d graphs run in bands, with the same results" % (banded, count))


if __name__ == "__main__":
    main()
