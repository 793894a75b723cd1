#!/usr/bin/env python3
"""Tests of the quantized operators of com.microsoft against their definitions in numpy.

    test/onnx/microsoft.py                          # on the host
    test/onnx/microsoft.py -- --target=cortex-m4    # the rest goes to dlc-run
    test/onnx/microsoft.py --keep=DIR               # keep models and data

Needs Debian's python3-numpy.
"""

import argparse
import pathlib
import subprocess
import sys
import tempfile

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "examples" / "digits"))
import onnx_file

CASES = {}
RNG = np.random.default_rng(3)
f32 = np.float32


def case(f):
    CASES[f.__name__] = f
    return f


class Model:
    """One node, its constants, inputs and results."""

    def __init__(self):
        self.graph = onnx_file.Graph("test")
        self.graph.opsets["com.microsoft"] = 1
        self.inputs, self.outputs = [], []

    def input(self, array, name=""):
        name = name or f"x{len(self.inputs)}"
        self.graph.input(name, array.dtype, array.shape)
        self.inputs.append((name, array))
        return name

    def constant(self, array):
        return self.graph.constant(f"c{len(self.graph.constants)}", np.asarray(array))

    def node(self, op, inputs, result, **attributes):
        name = f"y{len(self.outputs)}"
        self.graph.node(op, inputs, name, domain="com.microsoft", **attributes)
        self.graph.output(name, result.dtype, result.shape)
        self.outputs.append((name, result))


def integers(shape, dtype="uint8"):
    info = np.iinfo(dtype)
    return RNG.integers(info.min, info.max + 1, shape).astype(dtype)


def saturated(real, scale, zero, dtype):
    info = np.iinfo(dtype)
    return np.clip(np.rint(real / f32(scale)) + int(zero), info.min, info.max).astype(dtype)


def centered(q, zero):
    return q.astype(np.int64) - np.asarray(zero).astype(np.int64)


@case
def quantize_16_bits(m):
    q = integers((2, 9), "int16")
    real = centered(q, 0) * f32(.0013)
    m.node("QuantizeLinear", [m.input(real.astype(f32)), m.constant(f32(.0013)), m.constant(np.int16(0))], q)


@case
def dequantize_16_bits_along_an_axis(m):
    q, zero, scale = integers((3, 5), "uint16"), integers(3, "uint16"), f32([.01, .5, 2])
    m.node("DequantizeLinear", [m.input(q), m.constant(scale), m.constant(zero)],
           (centered(q, zero[:, None]) * scale[:, None]).astype(f32), axis=0)


def integer_to_float(m, per_column, constant, bias):
    a, b = integers((3, 4, 10)), integers((10, 6), "int8")
    az, bz = np.uint8(77), integers(6, "int8") if per_column else np.int8(5)
    scale = f32(RNG.uniform(.01, .1, 6)) if per_column else f32(.02)
    extra = f32(RNG.normal(0, 1, 6))
    y = (centered(a, az) @ centered(b, bz)) * (f32(.1) * scale) + (extra if bias else 0)
    weight = m.constant if constant else m.input
    m.node("MatMulIntegerToFloat", [m.input(a), weight(b), m.constant(f32(.1)), m.constant(scale), m.constant(az),
                                    m.constant(bz)] + ([m.constant(extra)] if bias else []), y.astype(f32))


@case
def matmul_integer_to_float(m):
    integer_to_float(m, False, True, False)


@case
def matmul_integer_to_float_per_column(m):
    integer_to_float(m, True, True, True)


@case
def matmul_integer_to_float_of_inputs(m):
    integer_to_float(m, False, False, True)


@case
def dynamic_quantize_matmul(m):
    x, b, scale = f32(RNG.normal(0, 2, (4, 16))), integers((16, 5), "int8"), f32(RNG.uniform(.01, .1, 5))
    low, high = min(x.min(), f32(0)), max(x.max(), f32(0))
    xs = f32((high - low) / f32(255))
    xz = np.clip(np.rint(-low / xs), 0, 255)
    q = np.clip(np.rint(x / xs) + xz, 0, 255)
    bias = f32(RNG.normal(0, 1, 5))
    y = ((q - xz) @ b.astype(np.float64)) * (xs * scale) + bias
    m.node("DynamicQuantizeMatMul", [m.input(x), m.constant(b), m.constant(scale), "", m.constant(bias)], y.astype(f32))


def packed(q, bits):
    """[..., n] numbers as bytes, lowest bits first."""
    per = 8 // bits
    q = np.pad(q, [(0, 0)] * (q.ndim - 1) + [(0, -q.shape[-1] % per)]).reshape(*q.shape[:-1], -1, per)
    return (q << (np.arange(per) * bits)).sum(-1).astype("uint8")


def n_bits(m, bits, zeros, depth=40, columns=6, size=16):
    blocks = -(-depth // size)
    q = RNG.integers(0, 1 << bits, (columns, blocks * size))
    scale = f32(RNG.uniform(.01, .1, (columns, blocks)))
    z = RNG.integers(0, 1 << bits, (columns, blocks)) if zeros else np.full((columns, blocks), 1 << (bits - 1))
    w = ((q - z.repeat(size, 1)) * scale.repeat(size, 1))[:, :depth].T
    x = f32(RNG.normal(0, 1, (2, 3, depth)))
    inputs = [m.input(x), m.constant(packed(q, bits).reshape(columns, blocks, -1)), m.constant(scale.reshape(-1))]
    if zeros == "packed":
        inputs.append(m.constant(packed(z, bits).reshape(-1)))
    elif zeros:
        inputs.append(m.constant(f32(z)))
    m.node("MatMulNBits", inputs, (x @ w).astype(f32), K=depth, N=columns, bits=bits, block_size=size)


@case
def matmul_4_bits(m):
    n_bits(m, 4, None)


@case
def matmul_4_bits_with_zero_points(m):
    n_bits(m, 4, "packed")


@case
def matmul_2_bits_with_float_zero_points(m):
    n_bits(m, 2, "float")


@case
def qlinear_where(m):
    condition, x, y = RNG.random((4, 1)) < .5, integers((4, 6)), integers((4, 6))
    real = np.where(condition, centered(x, 12) * f32(.1), centered(y, 200) * f32(.033))
    pair = lambda s, z: [m.constant(f32(s)), m.constant(np.uint8(z))]
    m.node("QLinearWhere", [m.input(condition), m.input(x), *pair(.1, 12), m.input(y), *pair(.033, 200),
                            *pair(.07, 99)], saturated(real, .07, 99, "uint8"))


def parameters(m, scale, zero):
    return [m.constant(f32(scale)), m.constant(np.uint8(zero))]


@case
def qlinear_softmax_before_opset_13(m):
    x = integers((2, 3, 4))
    e = np.exp(centered(x, 3) * .02).reshape(2, 12)
    m.node("QLinearSoftmax", [m.input(x), *parameters(m, .02, 3), *parameters(m, 1 / 256, 0)],
           saturated((e / e.sum(1, keepdims=True)).reshape(x.shape), 1 / 256, 0, "uint8"), axis=1, opset=11)


@case
def qlinear_softmax(m):
    x = integers((2, 3, 40))
    e = np.exp(centered(x, 3) * .02)
    m.node("QLinearSoftmax", [m.input(x), *parameters(m, .02, 3), *parameters(m, 1 / 512, 7)],
           saturated(e / e.sum(-1, keepdims=True), 1 / 512, 7, "uint8"), axis=-1, opset=13)


@case
def qlinear_average_of_channels_last(m):
    x = integers((1, 7, 5, 6))
    real = (centered(x, 9) * .1).mean((1, 2), keepdims=True)
    m.node("QLinearGlobalAveragePool", [m.input(x), *parameters(m, .1, 9), *parameters(m, .03, 100)],
           saturated(real, .03, 100, "uint8"), channels_last=1)


@case
def dynamic_quantize_lstm(m):
    steps, batch, size, hidden = 4, 1, 5, 6
    x = f32(RNG.normal(0, 1, (steps, batch, size)))
    w, r = integers((1, size, 4 * hidden), "int8"), integers((1, hidden, 4 * hidden), "int8")
    ws, rs, b = f32(RNG.uniform(.002, .01, (1, 4 * hidden))), f32([.005]), f32(RNG.normal(0, .3, (1, 8 * hidden)))
    wf, rf = w[0] * ws[0], r[0] * rs[0]
    h, c, out = np.zeros((batch, hidden)), np.zeros((batch, hidden)), []
    sigmoid = lambda v: 1 / (1 + np.exp(-v))
    for t in range(steps):
        i, o, f, g = np.split(x[t] @ wf + h @ rf + b[0, :4 * hidden] + b[0, 4 * hidden:], 4, 1)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        h = sigmoid(o) * np.tanh(c)
        out.append(h)
    m.node("DynamicQuantizeLSTM", [m.input(x), m.constant(w), m.constant(r), m.constant(b), "", "", "", "",
                                   m.constant(ws), m.constant(np.zeros_like(ws, "int8")), m.constant(rs),
                                   m.constant(np.zeros(1, "int8"))],
           np.array(out)[:, None].astype(f32), hidden_size=hidden)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], epilog="What follows -- goes to dlc-run.")
    parser.add_argument("--keep", type=pathlib.Path, metavar="DIR", help="where models and data go and stay")
    parser.add_argument("--dlc-run", default=ROOT / "build" / "bin" / "dlc-run", type=pathlib.Path)
    arguments, rest = sys.argv[1:], []
    if "--" in arguments:
        split = arguments.index("--")
        arguments, rest = arguments[:split], arguments[split + 1:]
    args = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as scratch:
        folder = args.keep or pathlib.Path(scratch)
        for name, build in CASES.items():
            model, data = Model(), folder / name / "test_data_set_0"
            build(model)
            data.mkdir(parents=True)
            model.graph.save(folder / name / "model.onnx", name)
            for kind in ("inputs", "outputs"):
                for i, (value, array) in enumerate(getattr(model, kind)):
                    (data / f"{kind[:-1]}_{i}.pb").write_bytes(onnx_file.tensor(value, array))
        sys.exit(subprocess.run([args.dlc_run, "--verify", folder, "--rtol=1e-5", "--atol=2e-6", *rest], check=False).returncode)


if __name__ == "__main__":
    main()
