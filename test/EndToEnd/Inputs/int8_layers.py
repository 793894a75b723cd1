"""Prints a model of independent quantized layers with random sizes (ONNX textproto), for comparing targets.

usage: int8_layers.py SEED COUNT
Every layer has an input of its own and one output. Kinds: convolution (pointwise, of one and two dimensions, strided,
padded, dilated, grouped, depthwise), matrix product, convolution with a residual add.
"""

import random
import sys

rng = random.Random(int(sys.argv[1]))
nodes, initializers, inputs, outputs = [], [], [], []
DTYPE = {"f32": 1, "u8": 2, "i8": 3, "i32": 6, "i64": 7}


def tensor(name, dtype, dims, values):
    field = {"f32": "float_data", "i64": "int64_data"}.get(dtype, "int32_data")
    text = " ".join("dims: %d" % d for d in dims)
    data = " ".join("%s: %r" % (field, v) for v in values)
    initializers.append('initializer { name: "%s" data_type: %d %s %s }' % (name, DTYPE[dtype], text, data))
    return name


def value(kind, name, dtype, dims):
    shape = " ".join("dim { dim_value: %d }" % d for d in dims)
    return '%s { name: "%s" type { tensor_type { elem_type: %d shape { %s } } } }' % (kind, name, DTYPE[dtype], shape)


def node(op, ins, out, **attributes):
    text = ""
    for key, v in attributes.items():
        if isinstance(v, int):
            text += ' attribute { name: "%s" type: INT i: %d }' % (key, v)
        else:
            text += ' attribute { name: "%s" type: INTS %s }' % (key, " ".join("ints: %d" % i for i in v))
    nodes.append('node { op_type: "%s" %s output: "%s"%s }' % (op, " ".join('input: "%s"' % i for i in ins), out, text))
    return out


def parameters(name, scale, zero, dtype):
    return [tensor(name + "_s", "f32", [], [scale]), tensor(name + "_z", dtype, [], [zero])]


def zero_point(dtype):
    low, high = (0, 255) if dtype == "u8" else (-128, 127)
    return rng.choice([low, high, rng.randint(low, high)])


def weights(count, extreme):
    if extreme:  # the largest magnitudes: nothing may overflow
        return [rng.choice([-128, -127, 127]) for _ in range(count)]
    return [int(max(-127, min(127, rng.gauss(0, 40)))) for _ in range(count)]


def product(values):
    result = 1
    for v in values:
        result *= v
    return result


def conv(k):
    rank = rng.choice([2, 2, 2, 1])
    kind = rng.choice(["pointwise", "general", "general", "grouped", "depthwise", "depthwise", "depthwise"])
    kernel = [1] * rank if kind == "pointwise" else [rng.choice([1, 2, 3, 3, 5]) for _ in range(rank)]
    channels = rng.choice([1, 2, 3, 4, 5, 8, 11, 16, 17, 24, 32, 40])
    outputs_ = rng.choice([1, 2, 3, 4, 6, 8, 13, 16, 19])
    group = 1
    if kind == "grouped":
        group = rng.choice([2, 3])
        channels, outputs_ = channels * group, rng.choice([1, 3, 4, 5]) * group
    if kind == "depthwise":
        group = outputs_ = channels
    strides = [rng.choice([1, 1, 2, 3]) for _ in range(rank)]
    dilations = [rng.choice([1, 1, 1, 2]) for _ in range(rank)]
    padded = rng.random() < 0.6 and kind != "pointwise"
    pads = [rng.randint(0, (kernel[i % rank] - 1) * dilations[i % rank]) if padded else 0 for i in range(2 * rank)]
    spatial = [rng.randint(max(1, (kernel[d] - 1) * dilations[d] + 1 - pads[d] - pads[rank + d]), 12)
               for d in range(rank)]
    xt = rng.choice(["i8", "u8"])
    yt = xt
    depth = product(kernel) * channels // group
    name = "l%d" % k
    inputs.append(value("input", name + "_x", xt, [1, channels] + spatial))
    extreme = rng.random() < 0.15
    w = tensor(name + "_w", "i8", [outputs_, channels // group] + kernel, weights(depth * outputs_, extreme))
    scales = [0.01 * rng.uniform(0.5, 2) for _ in range(outputs_ if rng.random() < 0.7 else 1)]
    dims = [len(scales)] if len(scales) > 1 else []
    ws, wz = tensor(name + "_ws", "f32", dims, scales), tensor(name + "_wz", "i8", dims, [0] * len(scales))
    xs, xz = parameters(name + "_x", 0.05, zero_point(xt), xt)
    out = 0.05 * 0.01 * 60 * (depth**0.5) * (90 if extreme else 35) / 40 / 2
    ys, yz = parameters(name + "_y", out, zero_point(yt), yt)
    bias = tensor(name + "_b", "i32", [outputs_], [rng.randint(-9000, 9000) for _ in range(outputs_)])
    y = node("QLinearConv", [name + "_x", xs, xz, w, ws, wz, ys, yz, bias], name + "_y", kernel_shape=kernel,
             strides=strides, dilations=dilations, pads=pads, group=group)
    shape = [1, outputs_] + [(spatial[d] + pads[d] + pads[rank + d] - (kernel[d] - 1) * dilations[d] - 1) // strides[d]
                             + 1 for d in range(rank)]
    if rng.random() < 0.3:  # a residual
        inputs.append(value("input", name + "_r", yt, shape))
        rs, rz = parameters(name + "_r", out * 1.3, zero_point(yt), yt)
        ss, sz = parameters(name + "_t", out * 1.9, zero_point(yt), yt)
        for i, (v, s, z) in enumerate([(y, ys, yz), (name + "_r", rs, rz)]):
            node("DequantizeLinear", [v, s, z], name + "_d%d" % i)
        node("Add", [name + "_d0", name + "_d1"], name + "_f")
        y = node("QuantizeLinear", [name + "_f", ss, sz], name + "_t")
    outputs.append(value("output", y, yt, shape))


def matmul(k):
    name = "l%d" % k
    rows, depth, columns = rng.choice([1, 1, 2, 3, 5]), rng.choice([1, 7, 16, 31, 64, 100, 144]), rng.choice([1, 2, 4, 5, 12, 30])
    xt = rng.choice(["i8", "u8"])
    inputs.append(value("input", name + "_x", xt, [rows, depth]))
    w = tensor(name + "_w", "i8", [depth, columns], weights(depth * columns, False))
    args = [name + "_x", *parameters(name + "_x", 0.05, zero_point(xt), xt), w, *parameters(name + "_w", 0.01, 0, "i8"),
            *parameters(name + "_y", 0.05 * 0.01 * 40 * depth**0.5, zero_point(xt), xt)]
    outputs.append(value("output", node("QLinearMatMul", args, name + "_y"), xt, [rows, columns]))


for k in range(int(sys.argv[2])):
    (matmul if rng.random() < 0.15 else conv)(k)
print('ir_version: 8 opset_import { version: 15 } graph { name: "layers"')
print("\n".join(nodes + initializers + inputs + outputs))
print("}")
