"""Steps of random graphs that are recurrent operators between quantized tensors; the reference is a loop in float64."""

import pathlib
import sys

import numpy as np

from builder import RANGES
from graphs import Builder

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path += [str(ROOT / "examples" / "digits"), str(ROOT / "test" / "EndToEnd" / "Inputs")]
import onnx_file
from recurrent import GATES, recurrence

# What arithmetic with states of 16 (31) bits may be off by.
SLACK, WIDE_SLACK = 4e-5, 3e-7


class RecurrentBuilder(Builder):
    MORE = ("recurrent",) * 150

    def several(self, op, inputs, count, **attributes):
        """Names of the results of a node with more than one."""
        names = [self.fresh(op.lower()) for _ in range(count)]
        while inputs and not inputs[-1]:
            inputs.pop()
        self.graph.nodes.append(
            b"".join(onnx_file.chunk(1, i) for i in inputs) + b"".join(onnx_file.chunk(2, o) for o in names)
            + onnx_file.chunk(3, names[0]) + onnx_file.chunk(4, op)
            + b"".join(onnx_file.chunk(5, onnx_file.attribute(k, v)) for k, v in sorted(attributes.items())))
        return names

    def matrix(self, shape, size):
        """Constant weights up to `size`: what they stand for and the dequantized name."""
        dtype = self.pick("int8", "int8", "uint8")
        low, high = RANGES[dtype]
        q = self.rng.integers(low, high + 1, shape)
        zero = 0 if dtype == "int8" else self.pick(128, self.between(100, 156))
        along = self.chance(.5)
        scale = np.asarray(size / 128 * self.rng.uniform(.5, 1, shape[1] if along else ()), np.float32)
        inputs = [self.constant(q.astype(dtype), "w"), self.constant(scale, "scale"),
                  self.constant(np.full(scale.shape, zero, dtype), "zero")]
        name = self.node("DequantizeLinear", inputs, **({"axis": 1} if along else {}))
        return (q - zero) * (scale.astype(np.float64)[:, None] if along else scale.astype(np.float64)), name

    def state(self, shape, size):
        dtype = self.pick("int8", "uint8", "int16")
        scale, zero = size / (32768 if dtype == "int16" else 128), self.pick(0, 7) if dtype != "uint8" else 120
        q = self.rng.integers(*RANGES[dtype], shape)
        name = self.fresh("state")
        self.graph.input(name, dtype, shape)
        self.inputs.append((name, q.astype(dtype)))
        value = self.stored(name, q, dtype, scale, zero)
        return value.real, self.dequantize(value)

    def recurrent(self, _):
        self.graph.opsets[""] = 22
        op, direction = self.pick("LSTM", "LSTM", "GRU", "RNN"), self.pick("forward", "reverse", "bidirectional")
        time, batch, inputs, hidden = self.between(1, 6), self.pick(1, 1, 2), self.between(1, 20), self.between(1, 9)
        layout, flag = int(self.chance(.3)), int(self.chance(.4) and op != "RNN")
        directions, rows = (2 if direction == "bidirectional" else 1), GATES[op] * hidden
        x = self.input((batch, time, inputs) if layout else (time, batch, inputs))
        size = max(float(np.abs(x.real).max()), 1e-9)
        w, w_name = self.matrix((directions, rows, inputs), self.rng.uniform(.5, 4) / size / np.sqrt(inputs))
        r, r_name = self.matrix((directions, rows, hidden), self.rng.uniform(.3, 2) / np.sqrt(hidden))
        names = [self.dequantize(x), w_name, r_name]
        b = np.zeros((directions, 2 * rows), np.float32)
        if self.chance(.7):
            b = self.rng.uniform(-1, 1, b.shape).astype(np.float32)
            names.append(self.constant(b, "bias"))
        lengths = np.full(batch, time, np.int32)
        names += [""] * (4 - len(names))
        if self.chance(.3):
            lengths = self.rng.integers(1, time + 1, batch).astype(np.int32)
            name = self.fresh("lengths")
            self.graph.input(name, "int32", lengths.shape)
            self.inputs.append((name, lengths))
            names.append(name)
        names += [""] * (5 - len(names))
        h = c = np.zeros((directions, batch, hidden))
        swapped = (lambda a: a.transpose(1, 0, 2)) if layout else (lambda a: a)
        if self.chance(.4):
            h, name = self.state(swapped(h).shape, 1)
            h = swapped(h)
            names.append(name)
        names += [""] * (6 - len(names))
        if op == "LSTM" and self.chance(.4):
            c, name = self.state(swapped(c).shape, self.pick(1, 4))
            c = swapped(c)
            names.append(name)
        p = np.zeros((directions, 3 * hidden), np.float32)
        if op == "LSTM" and self.chance(.3):
            p = self.rng.uniform(-.7, .7, p.shape).astype(np.float32)
            names += [""] * (7 - len(names)) + [self.constant(p, "p")]
        attributes = {"hidden_size": hidden, "direction": direction, "layout": layout}
        clip = self.pick(0, 0, .75, 3.5)
        if clip:
            attributes["clip"] = clip
        if flag:
            attributes["linear_before_reset" if op == "GRU" else "input_forget"] = 1
        reals = self.compute(op, x.real.transpose(1, 0, 2) if layout else x.real, w, r, np.float64(b), h, c, np.float64(p),
                             lengths, direction, clip, flag)
        count = self.between(1, 3 if op == "LSTM" else 2)
        results = self.several(op, names, count, **attributes)
        self.text.append(f"{op} {time}x{batch}x{inputs} -> {hidden} {direction} layout {layout} flag {flag} clip {clip}")
        values = []
        for name, real in zip(results, reals):
            if layout:
                real = real.transpose(2, 0, 1, 3) if real.ndim == 4 else real.transpose(1, 0, 2)
            if real.ndim == 4 and self.chance(.5):
                shape = (real.shape[0], real.shape[1], -1)
                name = self.node("Reshape", [name, self.constant(np.array(shape, np.int64), "shape")])
                real = real.reshape(shape)
            values.append(self.quantize(name, real, np.ones_like(real), relative=WIDE_SLACK if self.wide else SLACK,
                                        wide=WIDE_SLACK))
        for value in values[1:]:
            self.output(value.name, value.q.astype(value.dtype))
        return values[0]

    def compute(self, op, x, w, r, b, h, c, p, lengths, direction, clip, flag):
        """Y, Y_h and Y_c."""
        parts = [recurrence(op, x, w[d], r[d], b[d], h[d], c[d], p[d], lengths, d == 1 or direction == "reverse", clip, flag)
                 for d in range(w.shape[0])]
        return [np.stack(arrays, 1 if i == 0 else 0) for i, arrays in enumerate(zip(*parts))]
