"""Compiles one operator after the other between quantized tensors for a core without FPU, and prints those that
compute with floats: integer_operators.py SOURCE DLC_COMPILE FOLDER [NAME...]"""

import pathlib
import re
import subprocess
import sys

import numpy as np

SOURCE, COMPILE, FOLDER = sys.argv[1], sys.argv[2], pathlib.Path(sys.argv[3])
sys.path.insert(0, f"{SOURCE}/examples/digits")
import onnx_file

FLOATS = re.compile(r"(?:arith|math)\.\w+\b.*\bf(?:32|64)\b")
MODELS = {}


def operator(shape=(1, 8, 6, 6), out=None, dtype="int8", result="int8"):
    """Registers a function that adds the nodes of a model: from the dequantized input to floats, which are quantized
    (or to the model's output, when `result` is another type)."""
    def register(make):
        MODELS[make.__name__] = (make, shape, out or shape, dtype, result)
        return make
    return register


class Model:
    def __init__(self, name):
        self.graph, self.count = onnx_file.Graph(name), 0
        self.graph.opsets = {"": 21}

    def fresh(self, what):
        self.count += 1
        return f"{what}{self.count}"

    def constant(self, value, dtype=np.float32):
        return self.graph.constant(self.fresh("c"), np.asarray(value, dtype))

    def node(self, op, inputs, **attributes):
        return self.graph.node(op, inputs, self.fresh(op.lower()), **attributes)

    def quantized(self, x, scale, zero=0, dtype="int8"):
        """Floats as an exporter passes them on: quantized and dequantized."""
        parameters = [self.constant(scale), self.constant(zero, dtype)]
        return self.node("DequantizeLinear", [self.node("QuantizeLinear", [x, *parameters]), *parameters])

    def stored(self, shape, scale, zero=0, dtype="int8"):
        """A constant that is quantized."""
        values = np.random.default_rng(self.count).integers(-100, 100, shape)
        return self.node("DequantizeLinear", [self.constant(values, dtype), self.constant(scale), self.constant(zero, dtype)])


@operator(out=(1, 6, 6), result="int64")
def arg_max(m, x):
    return m.node("ArgMax", [x], axis=1, keepdims=0)


@operator()
def clipped_by_comparison(m, x):
    return m.node("Where", [m.node("Greater", [x, m.constant(.3)]), x, m.constant(0)])


@operator(dtype="int16", result="int16")
def largest(m, x):
    return m.node("Max", [x, m.stored((1, 8, 6, 6), .021, 3, "int16")])


@operator(result="bool")
def less(m, x):
    return m.node("Less", [x, m.stored((8, 1, 1), .021, 3)])


@operator()
def mirrored(m, x):
    return m.node("Slice", [m.node("Pad", [x, m.constant([0, 0, 2, 2, 0, 0, 2, 2], "int64")], mode="reflect"),
                            m.constant([1, 1], "int64"), m.constant([7, 7], "int64"), m.constant([2, 3], "int64")])


@operator(shape=(1, 10, 32))
def attention(m, x):
    def heads(scale, zero, order):
        product = m.node("MatMul", [x, m.stored((32, 32), .004)])
        split = m.node("Reshape", [m.quantized(product, scale, zero), m.constant([1, 10, 4, 8], "int64")])
        return m.node("Transpose", [split], perm=order)

    q, k, v = heads(.03, 1, [0, 2, 1, 3]), heads(.025, -4, [0, 2, 3, 1]), heads(.04, 9, [0, 2, 1, 3])
    scores = m.quantized(m.node("Mul", [m.node("MatMul", [q, k]), m.constant(8**-.5)]), .05, 2)
    weights = m.quantized(m.node("Softmax", [scores], axis=-1), 1 / 256, -128)
    mixed = m.quantized(m.node("MatMul", [weights, v]), .03)
    return m.node("Reshape", [m.node("Transpose", [mixed], perm=[0, 2, 1, 3]), m.constant([1, 10, 32], "int64")])


def resized(m, x, sizes=None, scales=None, **attributes):
    given = ["", m.constant(sizes, "int64")] if sizes else [m.constant(scales)]
    return m.node("Resize", [x, m.constant([0] * 4 + [1] * 3 + [1.2]), *given], **attributes)


@operator(out=(1, 8, 12, 12))
def resize_bilinear(m, x):
    return resized(m, x, scales=[1, 1, 2, 2], mode="linear")


@operator(out=(1, 8, 11, 9))
def resize_align_corners(m, x):
    return resized(m, x, [1, 8, 11, 9], mode="linear", coordinate_transformation_mode="align_corners")


@operator(out=(1, 8, 7, 7), dtype="uint8")
def resize_by_no_fraction(m, x):
    return m.node("Relu", [resized(m, x, scales=[1, 1, 1.234, 1.234], mode="linear")])


@operator(out=(1, 8, 4, 9), dtype="int16", result="int16")
def resize_cubic(m, x):
    return resized(m, x, [1, 8, 4, 9], mode="cubic", coordinate_transformation_mode="pytorch_half_pixel")


@operator(out=(1, 8, 4, 9))
def resize_crop(m, x):
    return resized(m, x, [1, 8, 4, 9], mode="linear", coordinate_transformation_mode="tf_crop_and_resize", extrapolation_value=.7)


@operator(out=(1, 8, 2, 3))
def resize_antialias(m, x):
    return resized(m, x, [1, 8, 2, 3], mode="linear", antialias=1)


def parameters(m, *shape):
    rng = np.random.default_rng(len(shape))
    return [m.constant(rng.uniform(.5, 1, shape)), m.constant(rng.normal(0, 1, shape))]


@operator(shape=(1, 10, 32))
def layer_normalization(m, x):
    return m.node("LayerNormalization", [x, *parameters(m, 32)])


@operator(shape=(1, 10, 32), dtype="int16", result="int16")
def layer_normalization_wide(m, x):
    return m.node("LayerNormalization", [x, m.stored((32,), .01), m.stored((32,), .02)], axis=1 - 2)


@operator(shape=(1, 10, 32))
def rms_normalization(m, x):
    m.graph.opsets[""] = 23
    return m.node("RMSNormalization", [x, parameters(m, 32)[0]])


@operator(shape=(1, 10, 32), dtype="uint8")
def simplified_layer_normalization(m, x):
    return m.node("SimplifiedLayerNormalization", [x, parameters(m, 32)[0]], axis=-1)


@operator()
def instance_normalization(m, x):
    return m.node("Relu", [m.node("InstanceNormalization", [x, *parameters(m, 8)])])


@operator(dtype="uint8")
def group_normalization(m, x):
    return m.node("GroupNormalization", [x, *parameters(m, 8)], num_groups=2)


@operator()
def mean_variance_normalization(m, x):
    return m.node("Clip", [m.node("MeanVarianceNormalization", [x]), m.constant(-1), m.constant(1)])


@operator()
def l2_normalization(m, x):
    return m.node("LpNormalization", [x], axis=1)


@operator()
def l1_normalization(m, x):
    return m.node("LpNormalization", [x], axis=1, p=1)


@operator(out=(1, 1, 6, 6))
def reduce_l2(m, x):
    return m.node("ReduceL2", [x, m.constant([1], "int64")])


@operator(out=(1, 8))
def reduce_sum_square(m, x):
    return m.node("ReduceSumSquare", [x, m.constant([2, 3], "int64")], keepdims=0)


@operator(out=(1, 8), dtype="int16", result="int16")
def reduce_l1(m, x):
    return m.node("ReduceL1", [x, m.constant([2, 3], "int64")], keepdims=0)


def compute(name):
    make, shape, out, dtype, result = MODELS[name]
    m = Model(name)
    m.graph.input("x", dtype, shape)
    y = make(m, m.node("DequantizeLinear", ["x", m.constant(.021), m.constant(3, dtype)]))
    if result.startswith(("int8", "int16")):
        y = m.node("QuantizeLinear", [y, m.constant(.021), m.constant(3, result)])
    m.graph.output(y, result, out)
    FOLDER.mkdir(parents=True, exist_ok=True)
    m.graph.save(FOLDER / f"{name}.onnx", name)
    done = subprocess.run([COMPILE, FOLDER / f"{name}.onnx", "--target=cortex-m0plus", "--stop-after=memory", "-o", "-"],
                          capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(done.stderr)
    return FLOATS.findall(done.stdout)


chosen = sys.argv[4:] or list(MODELS)
floats = {name: found for name in chosen if (found := compute(name))}
for name, found in floats.items():
    print(f"{name}: {len(found)} operations on floats")
print(f"{len(chosen) - len(floats)} of {len(chosen)} operators compute in integers")
sys.exit(1 if floats else 0)
