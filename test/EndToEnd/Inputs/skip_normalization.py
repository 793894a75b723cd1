"""Writes ONNX tests of ONNX Runtime's normalizations, with results of the definition: skip_normalization.py SOURCE FOLDER"""

import pathlib
import sys

import numpy as np

SOURCE, FOLDER = sys.argv[1], pathlib.Path(sys.argv[2])
sys.path.insert(0, f"{SOURCE}/examples/digits")
import onnx_file

rng = np.random.default_rng(3)


def write(name, op, domain, shapes, results, count, **attributes):
    """`results` of the inputs in float64, of which the model has those named by `count`."""
    graph = onnx_file.Graph(name)
    graph.opsets = {"": 17, "com.microsoft": 1}
    data = [rng.normal(.3, 1, shape).astype(np.float32) if shape is not None else None for shape in shapes]
    names = [f"x{i}" if a is not None else "" for i, a in enumerate(data)]
    for n, a in zip(names, data):
        if a is not None:
            graph.input(n, a.dtype, a.shape)
    expected = results(*(a if a is None else a.astype(np.float64) for a in data))
    chosen = [f"y{i}" if i in count else "" for i in range(max(count) + 1)]
    graph.nodes.append(b"".join(onnx_file.chunk(1, n) for n in names) + b"".join(onnx_file.chunk(2, n) for n in chosen)
                       + onnx_file.chunk(3, "n") + onnx_file.chunk(4, op) + onnx_file.chunk(7, domain)
                       + b"".join(onnx_file.chunk(5, onnx_file.attribute(k, v)) for k, v in attributes.items()))
    folder = FOLDER / name / "test_data_set_0"
    folder.mkdir(parents=True, exist_ok=True)
    given = [(n, a) for n, a in zip(names, data) if a is not None]
    wanted = [(f"y{i}", expected[i].astype(np.float32)) for i in count]
    for n, a in wanted:
        graph.output(n, a.dtype, a.shape)
    graph.save(folder.parent / "model.onnx", name)
    for kind, tensors in (("input", given), ("output", wanted)):
        for i, (n, a) in enumerate(tensors):
            (folder / f"{kind}_{i}.pb").write_bytes(onnx_file.tensor(n, a))


def skip(epsilon):
    def compute(x, y, gamma, beta=None, bias=None):
        s = x + y + (0 if bias is None else bias)
        mean = s.mean(-1, keepdims=True)
        inverse = 1 / np.sqrt(((s - mean)**2).mean(-1, keepdims=True) + np.float32(epsilon))
        return (s - mean) * inverse * gamma + (0 if beta is None else beta), mean, inverse, s
    return compute


def simplified(x, gamma):
    inverse = 1 / np.sqrt((x**2).mean(-1, keepdims=True) + np.float32(1e-5))
    return x * inverse * gamma, inverse


def skip_simplified(x, y, gamma, bias=None):
    s = x + y + (0 if bias is None else bias)
    normal, inverse = simplified(s, gamma)
    return normal, None, inverse, s


A, V = (2, 3, 16), (16,)
write("skip", "SkipLayerNormalization", "com.microsoft", [A, A, V], skip(1e-12), [0])
write("skip_all", "SkipLayerNormalization", "com.microsoft", [A, A, V, V, V], skip(.1), [0, 1, 2, 3], epsilon=.1)
write("skip_bias", "SkipLayerNormalization", "com.microsoft", [A, (3, 16), V, None, V], skip(1e-5), [0, 3], epsilon=1e-5)
write("simplified", "SimplifiedLayerNormalization", "", [A, V], simplified, [0, 1], axis=-1)
write("skip_simplified", "SkipSimplifiedLayerNormalization", "com.microsoft", [A, A, V, V], skip_simplified, [0, 2, 3], epsilon=1e-5)
