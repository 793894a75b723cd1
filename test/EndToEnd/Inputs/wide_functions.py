"""Writes an ONNX test: functions of 16-bit tensors, with what the definition gives for every STEPth input.

    wide_functions.py DIR [STEP [FIRST LAST]]    # with FIRST and LAST only those of the cases below
"""

import math
import pathlib
import sys

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[3] / "examples" / "digits"))
import onnx_file

erf = np.vectorize(math.erf)


def sigmoid(v):
    return 1 / (1 + np.exp(-v))


# Operator, its attributes, what it computes; scale and zero point of the input and the result.
CASES = [
    ("Sigmoid", {}, sigmoid, "int16", 1 / 4096, 0, "int16", 1 / 32768, 0),
    ("Sigmoid", {}, sigmoid, "uint16", 3.3e-4, 30000, "uint16", 1 / 65536, 0),
    ("Sigmoid", {}, sigmoid, "int16", 1e-2, 100, "int16", 1 / 32768, 0),
    ("Tanh", {}, np.tanh, "int16", 1 / 4096, 0, "int16", 1 / 32768, 0),
    ("Tanh", {}, np.tanh, "int16", 3.1e-4, 0, "int8", 1 / 128, 0),
    ("Gelu", {}, lambda v: .5 * v * (1 + erf(v / math.sqrt(2))), "int16", 2.7e-4, 0, "int16", 2.6e-4, -10),
    ("HardSwish", {}, lambda v: v * np.clip(v / 6 + .5, 0, 1), "int16", 1 / 4096, 0, "int16", 1 / 4096, 0),
    ("HardSigmoid", {"alpha": .2, "beta": .5}, lambda v: np.clip(v * np.float64(np.float32(.2)) + .5, 0, 1),
     "uint16", 2.3e-4, 40000, "int16", 1 / 32768, 0),
    ("Exp", {}, np.exp, "int16", 2.3e-4, 0, "uint16", 1e-2, 17),
    ("LeakyRelu", {"alpha": .25}, lambda v: np.where(v < 0, v * .25, v), "int16", 1 / 4096, 0, "int16", 1 / 4096, 0),
    ("LeakyRelu", {"alpha": .1}, lambda v: np.where(v < 0, v * np.float64(np.float32(.1)), v),
     "int16", 2.3e-4, 0, "int16", 2.1e-4, 3),
    ("Elu", {"alpha": 1.0}, lambda v: np.where(v < 0, np.expm1(np.minimum(v, 0)), v), "int16", 2.3e-4, 0, "int16", 2.3e-4, 0),
    ("Softplus", {}, lambda v: np.log1p(np.exp(v)), "int16", 2.3e-4, 0, "int16", 2.4e-4, 0),
    ("Mish", {}, lambda v: v * np.tanh(np.log1p(np.exp(v))), "int16", 2e-4, 0, "int16", 2e-4, 0),
    ("Sigmoid", {}, sigmoid, "int8", 1 / 16, 3, "int16", 1 / 32768, 0),
    ("Softmax", {}, lambda v: np.exp(v - v.max()) / np.exp(v - v.max()).sum(), "int16", 2e-4, 0, "uint16", 1e-7, 0),
    ("Softmax", {}, lambda v: np.exp(v - v.max()) / np.exp(v - v.max()).sum(), "uint16", 1e-3, 9, "int8", 1 / 4096, -128),
]


def main():
    folder = pathlib.Path(sys.argv[1])
    step, first, last = ([int(a) for a in sys.argv[2:]] + [1, 0, len(CASES)][len(sys.argv) - 2:])[:3]
    data = folder / "test_data_set_0"
    data.mkdir(parents=True, exist_ok=True)
    graph = onnx_file.Graph("functions")
    graph.opsets[""] = 21
    inputs = {}
    cases = CASES[first:last]
    for i, (op, attributes, f, dtype, scale, zero, to, to_scale, to_zero) in enumerate(cases):
        scale, to_scale = np.float32(scale), np.float32(to_scale)
        ends = np.iinfo(dtype)
        x = np.arange(ends.min, ends.max + 1, step)
        if dtype not in inputs:
            inputs[dtype] = graph.input(f"x_{dtype}", dtype, x.shape)
            (data / f"input_{len(inputs) - 1}.pb").write_bytes(onnx_file.tensor(f"x_{dtype}", x.astype(dtype)))
        dequantized = graph.node("DequantizeLinear", [inputs[dtype], graph.constant(f"s{i}", scale),
                                                      graph.constant(f"z{i}", np.array(zero, dtype))], f"d{i}")
        y = graph.node(op, [dequantized], f"f{i}", **attributes)
        graph.node("QuantizeLinear", [y, graph.constant(f"t{i}", to_scale), graph.constant(f"u{i}", np.array(to_zero, to))], f"y{i}")
        graph.output(f"y{i}", to, x.shape)
        wanted = np.rint(f((x - zero) * np.float64(scale)) / np.float64(to_scale)) + to_zero
        wanted = np.clip(wanted, np.iinfo(to).min, np.iinfo(to).max).astype(to)
        (data / f"output_{i}.pb").write_bytes(onnx_file.tensor(f"y{i}", wanted))
    graph.save(folder / "model.onnx", "functions of 16-bit tensors")


if __name__ == "__main__":
    main()
