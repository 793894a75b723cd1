"""Writes networks whose weights have few bits, with the results that numpy gives: NAME/model.onnx, NAME/test_data_set_0.

usage: compressed.py DIR                             writes them
       compressed.py --bounds DIR COMPILER TARGET...  checks the bytes of constants with -Osize
"""

import json
import pathlib
import subprocess
import sys

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent.parent.parent / "examples" / "digits"))
import onnx_file

f32 = np.float32
BITS = {"int4": (4, 22, -8, 7), "uint4": (4, 21, 0, 15), "int2": (2, 26, -2, 1), "uint2": (2, 25, 0, 3),
        "int8": (8, 3, -128, 127), "uint8": (8, 2, 0, 255)}
CASES = {}
# Bytes of constants, at most: numbers, scales of f32, zero points, biases; panels may have columns of padding.
BOUNDS = {"nbits": 13400, "convolutions": 7400, "gathers": 35400, "blocked": 4900, "elementwise": 1900, "integers": 21000}
EXCEPT = {("elementwise", "cortex-m0plus"),  # no division to find a channel with
          ("elementwise", "cortex-m55"), ("integers", "cortex-m55")}  # Helium's kernels read what they load


def case(f):
    CASES[f.__name__] = f
    return f


def packed(q, bits):
    """Numbers as bytes, lowest bits first."""
    q = np.asarray(q).ravel().astype(np.int64) & (1 << bits) - 1
    per = 8 // bits
    q = np.pad(q, (0, -q.size % per)).reshape(-1, per)
    return (q << (np.arange(per) * bits)).sum(-1).astype("uint8")


class Network:
    def __init__(self, seed):
        self.graph = onnx_file.Graph("test")
        self.graph.opsets.update({"": 21, "com.microsoft": 1})
        self.rng = np.random.default_rng(seed)
        self.inputs, self.outputs, self.count = [], [], 0

    def fresh(self):
        self.count += 1
        return f"v{self.count}"

    def input(self, array):
        name = self.graph.input(self.fresh(), array.dtype, array.shape)
        self.inputs.append((name, array))
        return name

    def output(self, name, array):
        self.graph.output(name, array.dtype, array.shape)
        self.outputs.append((name, array))

    def constant(self, array):
        return self.graph.constant(self.fresh(), np.asarray(array))

    def small(self, q, dtype):
        """A constant of a type that numpy may not have."""
        bits, number, _, _ = BITS[dtype]
        return self.graph.constant_of(self.fresh(), q.shape, number, packed(q, bits).tobytes())

    def integers(self, shape, dtype):
        return self.rng.integers(BITS[dtype][2], BITS[dtype][3] + 1, shape)

    def node(self, op, inputs, **attributes):
        return self.graph.node(op, inputs, self.fresh(), **attributes)

    def weights(self, shape, dtype, scales, zeros=None, **attributes):
        """Dequantized constants: name, values as f32, stored integers less zero points. `scales` has the
        shape of the stored scales."""
        q = self.integers(shape, dtype)
        s = self.rng.uniform(.01, .1, scales).astype(f32)
        z = np.zeros(scales, int) if zeros is None else self.integers(scales, zeros)
        inputs = [self.small(q, dtype), self.constant(s)]
        if zeros is not None:
            inputs.append(self.small(z, dtype))
        name = self.node("DequantizeLinear", inputs, **attributes)
        if "block_size" in attributes:
            s, z = (v.repeat(attributes["block_size"], attributes["axis"])
                    .take(range(shape[attributes["axis"]]), attributes["axis"]) for v in (s, z))
        elif s.ndim:
            wide = [1] * len(shape)
            wide[attributes["axis"]] = -1
            s, z = s.reshape(wide), z.reshape(wide)
        return name, (q - z).astype(f32) * s, q - z

    def save(self, folder):
        data = folder / "test_data_set_0"
        data.mkdir(parents=True, exist_ok=True)
        self.graph.save(folder / "model.onnx", folder.name)
        for kind in ("inputs", "outputs"):
            for i, (value, array) in enumerate(getattr(self, kind)):
                (data / f"{kind[:-1]}_{i}.pb").write_bytes(onnx_file.tensor(value, array))


def matmul_nbits(n, bits, zeros, rows, depth=96, columns=37, size=32):
    q = n.rng.integers(0, 1 << bits, (columns, depth))
    blocks = depth // size
    s = n.rng.uniform(.01, .1, (columns, blocks)).astype(f32)
    z = n.rng.integers(0, 1 << bits, (columns, blocks)) if zeros else np.full((columns, blocks), 1 << (bits - 1))
    w = (q - z.repeat(size, 1)) * s.repeat(size, 1)
    x = n.rng.normal(0, 1, (rows, depth)).astype(f32)
    inputs = [n.input(x), n.constant(packed(q, bits).reshape(columns, blocks, -1)), n.constant(s.ravel())]
    if zeros:
        per_row = -(-blocks * bits // 8)
        inputs.append(n.constant(np.concatenate([packed(row, bits) for row in z]).reshape(columns * per_row)))
    name = n.node("MatMulNBits", inputs, domain="com.microsoft", K=depth, N=columns, bits=bits, block_size=size)
    n.output(name, (x @ w.T).astype(f32))


@case
def nbits(n):
    for bits, zeros, rows in ((4, False, 1), (4, True, 1), (2, True, 1), (8, False, 1), (4, False, 11)):
        matmul_nbits(n, bits, zeros, rows)


def convolution(n, dtype, scales, zeros, group, shape=(1, 16, 7, 6), outputs=20, kernel=3):
    x = n.rng.normal(0, 1, shape).astype(f32)
    per_group = shape[1] // group
    more = {"axis": 0} if scales else {}
    name, w, _ = n.weights((outputs, per_group, kernel, kernel), dtype, scales, zeros, **more)
    y = np.zeros((1, outputs, shape[2] - kernel + 1, shape[3] - kernel + 1))
    for o in range(outputs):
        c = o // (outputs // group) * per_group
        for at in np.ndindex(kernel, kernel):
            part = x[0, c:c + per_group, at[0]:at[0] + y.shape[2], at[1]:at[1] + y.shape[3]]
            y[0, o] += np.tensordot(w[(o, slice(None)) + at], part, 1)
    n.output(n.node("Conv", [n.input(x), name], group=group), y.astype(f32))


@case
def convolutions(n):
    convolution(n, "int8", (20,), None, 1)
    convolution(n, "uint4", (20,), "uint4", 1)
    convolution(n, "int4", (), None, 2)
    convolution(n, "int4", (48,), None, 48, (1, 48, 7, 6), 48)
    convolution(n, "int2", (24,), None, 1, outputs=24, kernel=1)


@case
def gathers(n):
    rows = np.array([3, 0, 199, 42, 7])
    for dtype, scales, zeros, more in (("int4", (), None, {}), ("uint8", (), "uint8", {}),
                                       ("int8", (200,), None, {"axis": 0}), ("int2", (48,), None, {"axis": 1}),
                                       ("uint4", (200, 3), "uint4", {"axis": 1, "block_size": 16})):
        name, table, _ = n.weights((200, 48), dtype, scales, zeros, **more)
        n.output(n.node("Gather", [name, n.input(rows.astype("int32"))], axis=0), table[rows])


@case
def blocked(n):
    """DequantizeLinear in blocks of the depth, of a product with one row and with nine."""
    for rows in (1, 9):
        name, w, _ = n.weights((96, 40), "int4", (3, 40), None, axis=0, block_size=32)
        x = n.rng.normal(0, 1, (rows, 96)).astype(f32)
        n.output(n.node("MatMul", [n.input(x), name]), x @ w)


@case
def elementwise(n):
    name, w, _ = n.weights((60, 50), "uint4", (60,), "uint4", axis=0)
    x = n.rng.normal(0, 1, (2, 60, 50)).astype(f32)
    n.output(n.node("Add", [n.input(x), name]), x + w)


def integer_layer(n, x, dtype, zeros, w_shape, op, **attributes):
    """Inputs of 8 bits, weights of few bits, results of 8 bits; scales are powers of two: exact."""
    xs, ys = f32(2 ** -5), f32(1)
    q = n.integers(w_shape, dtype)
    z = n.integers((), zeros) if zeros else np.zeros((), int)
    s = f32(2 ** -4)
    w = n.node("DequantizeLinear", [n.small(q, dtype), n.constant(s)] + ([n.small(z.reshape(()), dtype)] if zeros else []))
    name = n.node("DequantizeLinear", [n.input(x), n.constant(xs), n.constant(np.int8(3))])
    name = n.node(op, [name, w], **attributes)
    name = n.node("QuantizeLinear", [name, n.constant(ys), n.constant(np.int8(-1))])
    return name, (x.astype(np.int64) - 3), q - z, lambda acc: np.clip(np.rint(acc * (2.0 ** -9)) - 1, -128, 127).astype("int8")


def integer_matmul(n, dtype, zeros, rows, depth, columns):
    x = n.rng.integers(-128, 128, (rows, depth)).astype("int8")
    name, xq, wq, result = integer_layer(n, x, dtype, zeros, (depth, columns), "MatMul")
    n.output(name, result(xq @ wq))


def integer_conv(n, dtype, zeros, shape, outputs, kernel, group=1, strides=(1, 1), pads=(0, 0, 0, 0)):
    x = n.rng.integers(-128, 128, shape).astype("int8")
    per_group = shape[1] // group
    name, xq, wq, result = integer_layer(n, x, dtype, zeros, (outputs, per_group, *kernel), "Conv",
                                         group=group, strides=list(strides), pads=list(pads))
    xq = np.pad(xq, ((0, 0), (0, 0), (pads[0], pads[2]), (pads[1], pads[3])))
    sizes = [(xq.shape[2 + d] - kernel[d]) // strides[d] + 1 for d in (0, 1)]
    y = np.zeros((1, outputs, *sizes), np.int64)
    for o in range(outputs):
        c = o // (outputs // group) * per_group
        for at in np.ndindex(*kernel):
            part = xq[0, c:c + per_group, at[0]:at[0] + (sizes[0] - 1) * strides[0] + 1:strides[0],
                      at[1]:at[1] + (sizes[1] - 1) * strides[1] + 1:strides[1]]
            y[0, o] += np.tensordot(wq[(o, slice(None)) + at], part, 1)
    n.output(name, result(y))


@case
def integers(n):
    integer_matmul(n, "int4", None, 1, 200, 50)
    integer_matmul(n, "uint4", "uint4", 1, 67, 33)
    integer_matmul(n, "int2", None, 1, 96, 40)
    integer_matmul(n, "int4", None, 6, 130, 31)
    integer_conv(n, "int4", None, (1, 16, 9, 8), 24, (3, 3), pads=(1, 1, 1, 1))
    integer_conv(n, "uint4", "uint4", (1, 12, 6, 7), 10, (3, 3), strides=(2, 1), pads=(1, 0, 1, 1))
    integer_conv(n, "int4", None, (1, 40, 5, 5), 19, (1, 1))
    integer_conv(n, "int4", None, (1, 24, 5, 5), 36, (3, 1), group=2)
    integer_conv(n, "int4", None, (1, 64, 9, 8), 64, (3, 3), group=64, pads=(1, 1, 1, 1))
    integer_conv(n, "uint2", "uint2", (1, 33, 6, 5), 20, (3, 3))


def check_bounds(folder, compiler, targets):
    failed = False
    for name, most in BOUNDS.items():
        for target in targets:
            prefix = folder / name / target
            subprocess.run([compiler, folder / name / "model.onnx", f"--target={target}", "-Osize", "--emit=manifest", "-o", prefix], check=True)
            found = json.loads(prefix.with_suffix(".json").read_text())["weights_bytes"]
            if found > most and (name, target) not in EXCEPT:
                failed = True
                print(f"{name} on {target}: {found} bytes of constants, expected at most {most}")
    sys.exit(failed)


def main():
    if sys.argv[1] == "--bounds":
        check_bounds(pathlib.Path(sys.argv[2]), sys.argv[3], sys.argv[4:])
    folder = pathlib.Path(sys.argv[1])
    for name in CASES:
        network = Network(sum(map(ord, name)))
        CASES[name](network)
        network.save(folder / name)


if __name__ == "__main__":
    main()
