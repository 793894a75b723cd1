#!/usr/bin/env python3
"""Operators between quantized tensors, in the forms that exporters write, compute in integers on a core without FPU.

    test/onnx/integers.py                 # all forms: compiles each for cortex-m0plus and looks for float arithmetic
    test/onnx/integers.py swish lstm      # these
    test/onnx/integers.py --keep=DIR      # keep the models

Results are the business of test/differential; here none of these may fall back to floats. Needs Debian's python3-numpy.
"""

import argparse
import pathlib
import re
import subprocess
import sys
import tempfile

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "examples" / "digits"))
import onnx_file

FLOATS = re.compile(r"\b(arith\.(?:add|sub|mul|div|cmp|neg|maximum|minimum|maxnum|minnum|rem)f|math\.\w+)\b[^\n]*\bf(?:32|64)\b")
FORMS = {}
f32 = np.float32


def form(shape, dtype="int8", of=(1, 8, 12, 12), input_type="int8"):
    """A form: its result's shape and type, its input's."""
    def register(build):
        FORMS[build.__name__] = (build, of, input_type, shape, dtype)
        return build
    return register


class Model:
    def __init__(self, name):
        self.graph = onnx_file.Graph(name)
        self.rng = np.random.default_rng(7)
        self.scales = {}
        self.count = 0

    def name(self):
        self.count += 1
        return f"v{self.count}"

    def constant(self, array):
        return self.graph.constant(self.name(), np.asarray(array))

    def op(self, kind, *inputs, **attributes):
        return self.graph.node(kind, inputs, self.name(), **attributes)

    def scale(self, value):
        """About `value`: the same for the same, and no ratio of two is a simple one."""
        return self.scales.setdefault(value, f32(value * self.rng.uniform(.9, 1.1)))

    def q(self, x, scale, zero=0, dtype="int8"):
        return self.op("QuantizeLinear", x, self.constant(self.scale(scale)), self.constant(np.array(zero, dtype)))

    def dq(self, x, scale, zero=0, dtype="int8"):
        return self.op("DequantizeLinear", x, self.constant(self.scale(scale)), self.constant(np.array(zero, dtype)))

    def rounded(self, x, scale, zero=0, dtype="int8"):
        return self.dq(self.q(x, scale, zero, dtype), scale, zero, dtype)

    def weights(self, *shape, axis=0):
        n = shape[axis]
        return self.op("DequantizeLinear", self.constant(self.rng.integers(-127, 128, shape).astype("int8")),
                       self.constant(self.rng.uniform(.001, .01, n).astype(f32)), self.constant(np.zeros(n, "int8")), axis=axis)

    def floats(self, *shape):
        return self.constant(self.rng.normal(0, .1, shape).astype(f32))


# ---- Convolutions and what follows them before anything is rounded

@form((1, 16, 12, 12))
def fake_quantized_weights(m, x):
    scales, zeros = m.constant(np.full(16, .003, f32)), m.constant(np.zeros(16, "int8"))
    w = m.op("QuantizeLinear", m.floats(16, 8, 3, 3), scales, zeros, axis=0)
    w = m.op("DequantizeLinear", w, scales, zeros, axis=0)
    return m.q(m.op("Relu", m.op("Conv", x, w, m.floats(16), pads=[1] * 4)), .01, -128)


@form((1, 16, 12, 12))
def clip(m, x):
    y = m.op("Conv", x, m.weights(16, 8, 1, 1))
    return m.q(m.op("Clip", y, m.constant(f32(0)), m.constant(f32(6))), 6 / 255, -128)


@form((1, 6, 24, 24))
def transposed(m, x):
    return m.q(m.op("ConvTranspose", x, m.weights(8, 6, 3, 3, axis=1), m.floats(6), strides=[2, 2], pads=[1] * 4,
                    output_padding=[1, 1]), .02)


@form((1, 16, 6, 6))
def depthwise(m, x):
    return m.q(m.op("Conv", x, m.weights(16, 1, 3, 3), group=8, pads=[1] * 4, strides=[2, 2]), .02)


@form((1, 16, 12, 12))
def grouped(m, x):
    return m.q(m.op("Conv", x, m.weights(16, 2, 3, 3), group=4, pads=[1] * 4), .02)


@form((1, 16, 12, 12))
def batch_normalization(m, x):
    y = m.op("Conv", x, m.weights(16, 8, 3, 3), pads=[1] * 4)
    y = m.op("BatchNormalization", y, m.constant(m.rng.uniform(.5, 1.5, 16).astype(f32)), m.floats(16), m.floats(16),
             m.constant(m.rng.uniform(.5, 1.5, 16).astype(f32)))
    return m.q(m.op("Relu", y), .02, -128)


@form((1, 16, 12, 12))
def prelu(m, x):
    y = m.op("Conv", x, m.weights(16, 8, 3, 3), pads=[1] * 4)
    slopes = m.dq(m.constant(m.rng.integers(1, 127, (16, 1, 1)).astype("int8")), .003)
    return m.q(m.op("PRelu", y, slopes), .02, -10)


@form((1, 16, 12, 12))
def leaky_relu(m, x):
    return m.q(m.op("LeakyRelu", m.op("Conv", x, m.weights(16, 8, 3, 3), pads=[1] * 4), alpha=.1), .02, -10)


@form((1, 8, 12, 12))
def residual(m, x):
    return m.q(m.op("Relu", m.op("Add", m.op("Conv", x, m.weights(8, 8, 1, 1)), x)), .021, -128)


@form((1, 16, 50), of=(1, 8, 50))
def one_dimension(m, x):
    return m.q(m.op("Conv", x, m.weights(16, 8, 5), pads=[4, 0]), .03, 7)


@form((1, 8, 6, 6, 6), of=(1, 4, 6, 6, 6))
def three_dimensions(m, x):
    return m.q(m.op("Conv", x, m.weights(8, 4, 3, 3, 3), pads=[1] * 6), .03, 7)


@form((1, 10))
def gemm(m, x):
    x = m.op("Flatten", m.op("MaxPool", x, kernel_shape=[4, 4], strides=[4, 4]))
    return m.q(m.op("Gemm", x, m.weights(10, 72), m.floats(10), transB=1), .1)


# ---- Activations of one or several nodes

@form((1, 16, 12, 12))
def squeeze_and_excite(m, x):
    y = m.rounded(m.op("Conv", x, m.weights(16, 8, 1, 1), m.floats(16)), .03, 5)
    y = m.rounded(m.op("HardSwish", y), .025, -100)
    g = m.rounded(m.op("GlobalAveragePool", y), .01, -100)
    g = m.rounded(m.op("Relu", m.op("Conv", g, m.weights(4, 16, 1, 1))), .005, -128)
    g = m.rounded(m.op("Conv", g, m.weights(16, 4, 1, 1)), .011)
    g = m.rounded(m.op("HardSigmoid", g, alpha=1 / 6, beta=.5), 1 / 255, -128)
    return m.q(m.op("Mul", y, g), .02, -100)


@form((1, 8, 12, 12))
def hard_swish_of_nodes(m, x):
    t = m.rounded(m.op("Add", x, m.constant(f32(3))), .03, -20)
    t = m.rounded(m.op("Clip", t, m.constant(f32(0)), m.constant(f32(6))), 6 / 255, -128)
    t = m.rounded(m.op("Mul", x, t), .05, -10)
    return m.q(m.op("Mul", t, m.constant(f32(1 / 6))), .02, -100)


@form((1, 8, 12, 12))
def swish(m, x):
    return m.q(m.op("Mul", x, m.rounded(m.op("Sigmoid", x), 1 / 256, -128)), .021, -10)


@form((1, 8, 12, 12))
def tanh(m, x):
    return m.q(m.op("Tanh", x), 1 / 127)


@form((1, 8, 12, 12), "int16", input_type="int16")
def tanh_of_16_bits(m, x):
    return m.q(m.op("Tanh", x), 1 / 32768, 0, "int16")


@form((1, 10, 8), of=(1, 10, 32))
def gelu(m, x):
    x = m.rounded(m.op("MatMul", x, m.weights(32, 8, axis=1)), .02)
    t = m.op("Erf", m.op("Div", x, m.constant(f32(2**.5))))
    y = m.op("Mul", m.op("Mul", x, m.op("Add", t, m.constant(f32(1)))), m.constant(f32(.5)))
    return m.q(y, .021, -10)


@form((1, 10, 32), of=(1, 10, 32))
def attention(m, x):
    query, key, value = (m.rounded(m.op("MatMul", x, m.weights(32, 32, axis=1)), .03, i) for i in (1, -4, 9))
    def heads(t, order):
        return m.op("Transpose", m.op("Reshape", t, m.constant(np.array([1, 10, 4, 8]))), perm=order)
    query, key, value = heads(query, [0, 2, 1, 3]), heads(key, [0, 2, 3, 1]), heads(value, [0, 2, 1, 3])
    s = m.rounded(m.op("Mul", m.op("MatMul", query, key), m.constant(f32(8**-.5))), .05, 2)
    s = m.rounded(m.op("Softmax", s, axis=-1), 1 / 256, -128)
    y = m.rounded(m.op("MatMul", s, value), .02)
    return m.q(m.op("Reshape", m.op("Transpose", y, perm=[0, 2, 1, 3]), m.constant(np.array([1, 10, 32]))), .02)


@form((6, 1, 1, 8), of=(6, 1, 12))
def lstm(m, x):
    w, r = (m.dq(m.constant(m.rng.integers(-127, 128, (1, 32, n)).astype("int8")), .005) for n in (12, 8))
    return m.q(m.op("LSTM", x, w, r, m.floats(1, 64), hidden_size=8), 1 / 128)


# ---- Sums, products, pools, reductions

@form((1, 8, 12, 12))
def add_channels(m, x):
    return m.q(m.op("Add", x, m.dq(m.constant(m.rng.integers(-127, 128, (1, 8, 1, 1)).astype("int8")), .013)), .03, 3)


@form((1, 8, 12, 12))
def multiply_channels(m, x):
    return m.q(m.op("Mul", x, m.dq(m.constant(m.rng.integers(-127, 128, (1, 8, 1, 1)).astype("int8")), .013)), .03, 3)


@form((1, 8, 12, 12))
def subtract(m, x):
    y = m.rounded(m.op("Conv", x, m.weights(8, 8, 1, 1)), .013, 4)
    return m.q(m.op("Sub", x, y), .03, 3)


@form((1, 8, 12, 12))
def divide(m, x):
    return m.q(m.op("Div", x, m.constant(f32(2.5))), .01, 3)


@form((1, 16, 12, 12))
def concat(m, x):
    a = m.rounded(m.op("Conv", x, m.weights(8, 8, 1, 1)), .013, 4)
    b = m.op("Conv", x, m.weights(8, 8, 1, 1))
    return m.q(m.op("Concat", a, b, axis=1), .021, -4)


@form((1, 8, 6, 6))
def average_pool(m, x):
    return m.q(m.op("AveragePool", x, kernel_shape=[3, 3], strides=[2, 2], pads=[1] * 4), .021, 3)


@form((1, 8, 6, 6))
def max_pool(m, x):
    return m.q(m.op("MaxPool", x, kernel_shape=[3, 3], strides=[2, 2], pads=[1] * 4), .02, 3)


@form((1, 8))
def reduce_mean(m, x):
    return m.q(m.op("ReduceMean", x, axes=[2, 3], keepdims=0), .021, 3)


@form((1, 8))
def reduce_max(m, x):
    return m.q(m.op("ReduceMax", x, axes=[2, 3], keepdims=0), .021, 3)


@form((1, 1, 12, 12))
def reduce_l2(m, x):
    return m.q(m.op("ReduceL2", x, axes=[1], keepdims=1), .05, -128)


@form((1, 10, 32), of=(1, 10, 32))
def layer_normalization(m, x):
    return m.q(m.op("LayerNormalization", x, m.constant(m.rng.uniform(.5, 1, 32).astype(f32)), m.floats(32)), .03)


@form((1, 8, 12, 12))
def instance_normalization(m, x):
    return m.q(m.op("InstanceNormalization", x, m.floats(8), m.floats(8)), .03)


@form((1, 8, 12, 12))
def lp_normalization(m, x):
    return m.q(m.op("LpNormalization", x, axis=1), 1 / 128)


@form((1, 8, 24, 24))
def resize_by_two(m, x):
    return m.q(m.op("Resize", x, "", m.constant(np.array([1, 1, 2, 2], f32)), mode="linear",
                    coordinate_transformation_mode="half_pixel"), .02, 3)


@form((1, 8, 20, 20))
def resize_with_aligned_corners(m, x):
    return m.q(m.op("Resize", x, "", "", m.constant(np.array([1, 8, 20, 20])), mode="linear",
                    coordinate_transformation_mode="align_corners"), .02, 3)


@form((1, 12, 12), "int64")
def arg_max(m, x):
    return m.op("ArgMax", x, axis=1, keepdims=0)


@form((1, 8, 12, 12))
def where(m, x):
    return m.q(m.op("Where", m.op("Greater", x, m.constant(f32(.3))), x, m.constant(f32(0))), .02, 3)


@form((1, 10, 8), of=(1, 10), input_type="int64")
def embedding(m, x):
    table = m.dq(m.constant(m.rng.integers(-127, 128, (100, 16)).astype("int8")), .01)
    return m.q(m.op("MatMul", m.rounded(m.op("Gather", table, x), .01), m.weights(16, 8, axis=1)), .02)


def compile_form(name, folder, compiler, target):
    """None, or what is wrong."""
    build, of, input_type, shape, dtype = FORMS[name]
    m = Model(name)
    x = m.graph.input("x", input_type, of)
    m.graph.output(build(m, m.dq(x, .02, 0 if input_type == "int16" else 3, input_type) if input_type != "int64" else x),
                   dtype, shape)
    model, text = folder / f"{name}.onnx", folder / f"{name}.mlir"
    m.graph.save(model, name)
    run = subprocess.run([compiler, model, f"--target={target}", "--stop-after=memory", "-o", text], capture_output=True,
                         text=True)
    if run.returncode:
        return run.stderr.strip()
    found = sorted(set(FLOATS.findall(text.read_text())))
    return "computes in floats: " + ", ".join(found) if found else None


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("forms", nargs="*", metavar="FORM", help=", ".join(FORMS))
    parser.add_argument("--target", default="cortex-m0plus")
    parser.add_argument("--keep", metavar="DIR", type=pathlib.Path, help="where the models go and stay")
    parser.add_argument("--dlc-compile", default=str(ROOT / "build" / "bin" / "dlc-compile"))
    options = parser.parse_args()
    wrong = [f for f in options.forms if f not in FORMS]
    if wrong:
        parser.error(f"no form {', '.join(wrong)}; there are {', '.join(FORMS)}")
    failures = 0
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.keep or pathlib.Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        names = options.forms or list(FORMS)
        for name in names:
            problem = compile_form(name, folder, options.dlc_compile, options.target)
            if problem:
                failures += 1
                print(f"FAIL {name}: {problem}")
    print(f"{len(names) - failures} forms in integers, {failures} not")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
