"""Writes ONNX tests of LSTM, GRU and RNN between quantized tensors, with what the definition gives in float64.

    recurrent.py DIR [FIRST LAST]    # a folder for each case below
"""

import pathlib
import sys

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[3] / "examples" / "digits"))
import onnx_file

GATES = {"LSTM": 4, "GRU": 3, "RNN": 1}


def sigmoid(v):
    return 1 / (1 + np.exp(-v))


def recurrence(op, x, w, r, b, h, c, p, lengths, reverse, clip, flag):
    """One direction: x [T, N, I], states [N, H]; returns Y [T, N, H] and the final states."""
    size = r.shape[1]
    wb, rb = b[:w.shape[0]], b[w.shape[0]:]
    y = np.zeros((x.shape[0], *h.shape))
    limit = (lambda v: np.clip(v, -clip, clip)) if clip else (lambda v: v)
    for t in range(x.shape[0])[::-1 if reverse else 1]:
        g = x[t] @ w.T + wb
        if op == "RNN":
            new_h, new_c = np.tanh(limit(g + h @ r.T + rb)), c
        elif op == "GRU":
            k = h @ r[:2 * size].T + rb[:2 * size]
            z, reset = sigmoid(limit(g[:, :size] + k[:, :size])), sigmoid(limit(g[:, size:2 * size] + k[:, size:]))
            if flag:
                inner = reset * (h @ r[2 * size:].T + rb[2 * size:])
            else:
                inner = (reset * h) @ r[2 * size:].T + rb[2 * size:]
            new_h, new_c = (1 - z) * np.tanh(limit(g[:, 2 * size:] + inner)) + z * h, c
        else:
            i, o, f, n = np.split(g + h @ r.T + rb, 4, axis=1)
            pi, po, pf = np.split(p, 3)
            i = sigmoid(limit(i + pi * c))
            f = 1 - i if flag else sigmoid(limit(f + pf * c))
            new_c = f * c + i * np.tanh(limit(n))
            new_h = sigmoid(limit(o + po * new_c)) * np.tanh(new_c)
        live = (t < lengths)[:, None]
        y[t] = np.where(live, new_h, 0)
        h, c = np.where(live, new_h, h), np.where(live, new_c, c)
    return y, h, c


class Case:
    def __init__(self, seed, op="LSTM", time=20, batch=1, inputs=16, hidden=32, direction="forward", layout=0, x="int8",
                 y="int8", symmetric=True, per_channel=False, bias=True, states=False, lengths=False, peepholes=False,
                 clip=0.0, flag=0, weights="int8", size=1.0, final=True):
        self.__dict__.update(locals())

    def quantized(self, graph, name, real, dtype, scale=None, zero=None, axis=None):
        """Stored integers, what they stand for, and the name of the dequantized tensor."""
        ends = np.iinfo(dtype)
        if scale is None:
            over = tuple(i for i in range(real.ndim) if i != axis) if axis is not None else None
            scale = np.abs(real).max(over) / min(-ends.min or ends.max / 2, ends.max)
        if zero is None:
            zero = 0 if ends.min else (ends.max + 1) // 2
        scale = np.float32(scale)
        shape = [1] * real.ndim
        if axis is not None:
            shape[axis] = -1
        wide = np.float64(scale).reshape(shape) if axis is not None else np.float64(scale)
        q = np.clip(np.rint(real / wide) + zero, ends.min, ends.max).astype(dtype)
        zeros = np.full(scale.shape, zero, dtype)
        attributes = {"axis": axis} if axis is not None else {}
        output = graph.node("DequantizeLinear", [name, graph.constant(name + "_s", scale), graph.constant(name + "_z", zeros)],
                            name + "_f", **attributes)
        return q, (q.astype(np.float64) - zero) * wide, output

    def write(self, folder):
        rng = np.random.default_rng(self.seed)
        data = folder / "test_data_set_0"
        data.mkdir(parents=True, exist_ok=True)
        graph = onnx_file.Graph("recurrent")
        graph.opsets[""] = 22
        directions = 2 if self.direction == "bidirectional" else 1
        rows = GATES[self.op] * self.hidden
        files = [0]

        def given(name, array):
            graph.input(name, array.dtype, array.shape)
            (data / f"input_{files[0]}.pb").write_bytes(onnx_file.tensor(name, array))
            files[0] += 1

        shape = (self.batch, self.time) if self.layout else (self.time, self.batch)
        x, x_real, x_name = self.quantized(graph, "x", rng.normal(size=(*shape, self.inputs)).clip(-3, 3), self.x,
                                           None if self.symmetric else 6.2 / 255, None if self.symmetric else 10)
        given("x", x)
        axis = 1 if self.per_channel else None
        spread = self.size / np.sqrt(self.hidden)
        w, w_real, w_name = self.quantized(graph, "w", rng.uniform(-spread, spread, (directions, rows, self.inputs)), self.weights, axis=axis)
        r, r_real, r_name = self.quantized(graph, "r", rng.uniform(-spread, spread, (directions, rows, self.hidden)), self.weights, axis=axis)
        graph.constant("w", w)
        graph.constant("r", r)
        b = rng.uniform(-spread, spread, (directions, 2 * rows)).astype(np.float32) if self.bias else np.zeros((directions, 2 * rows))
        names = [x_name, w_name, r_name, graph.constant("b", b) if self.bias else ""]
        lengths = np.full(self.batch, self.time)
        if self.lengths:
            lengths = rng.integers(1, self.time + 1, self.batch).astype(np.int32)
            given("lengths", lengths)
        names.append("lengths" if self.lengths else "")
        h = c = np.zeros((directions, self.batch, self.hidden))
        p = np.zeros((directions, 3 * self.hidden))
        if self.states:
            form = (lambda a: a.transpose(1, 0, 2)) if self.layout else (lambda a: a)
            h0, h, h_name = self.quantized(graph, "h", form(rng.uniform(-.9, .9, h.shape)), "int8", 1 / 128)
            given("h", h0)
            h = form(h)
            names.append(h_name)
            if self.op == "LSTM":
                c0, c, c_name = self.quantized(graph, "c", form(rng.uniform(-2, 2, c.shape)), "uint8", 1 / 32, 100)
                given("c", c0)
                c = form(c)
                names.append(c_name)
        if self.peepholes:
            names += [""] * (7 - len(names))
            p = rng.uniform(-.5, .5, p.shape).astype(np.float32)
            names.append(graph.constant("p", p))
        attributes = {"hidden_size": self.hidden, "direction": self.direction, "layout": self.layout}
        if self.clip:
            attributes["clip"] = self.clip
        if self.flag:
            attributes["linear_before_reset" if self.op == "GRU" else "input_forget"] = 1
        outputs = ["y", "y_h"] + (["y_c"] if self.op == "LSTM" else [])
        while names[-1] == "":
            names.pop()
        if not self.final:
            outputs = outputs[:1]
        self.node(graph, names, outputs, attributes)
        x_time = x_real.transpose(1, 0, 2) if self.layout else x_real
        parts = [recurrence(self.op, x_time, w_real[d], r_real[d], np.float64(b[d]), h[d], c[d], np.float64(p[d]), lengths,
                            d == 1 or self.direction == "reverse", self.clip, self.flag) for d in range(directions)]
        wanted = [np.stack(a, 1 if i == 0 else 0) for i, a in enumerate(zip(*parts))]
        if self.layout:
            wanted = [wanted[0].transpose(2, 0, 1, 3)] + [a.transpose(1, 0, 2) for a in wanted[1:]]
        ends = np.iinfo(self.y)
        half = -ends.min or (ends.max + 1) // 2
        zero = 0 if ends.min else half
        for i, (name, real) in enumerate(zip(outputs, wanted)):
            scale = np.float32((4 if name == "y_c" else 1) / half)
            graph.node("QuantizeLinear", [name, graph.constant(name + "_s", scale), graph.constant(name + "_z", np.array(zero, self.y))], name + "_q")
            graph.output(name + "_q", self.y, real.shape)
            q = np.clip(np.rint(real / np.float64(scale)) + zero, ends.min, ends.max).astype(self.y)
            (data / f"output_{i}.pb").write_bytes(onnx_file.tensor(name + "_q", q))
        graph.save(folder / "model.onnx", "quantized recurrent operator")

    def node(self, graph, names, outputs, attributes):
        parts = b"".join(onnx_file.chunk(1, i) for i in names) + b"".join(onnx_file.chunk(2, o) for o in outputs)
        graph.nodes.append(parts + onnx_file.chunk(3, self.op) + onnx_file.chunk(4, self.op)
                           + b"".join(onnx_file.chunk(5, onnx_file.attribute(k, v)) for k, v in sorted(attributes.items())))


CASES = [
    Case(1),
    Case(2, x="uint8", symmetric=False, per_channel=True, y="uint8"),
    Case(3, op="GRU", flag=1),
    Case(4, op="GRU", flag=0, per_channel=True, states=True),
    Case(5, op="RNN", time=12, states=True),
    Case(6, direction="bidirectional", batch=3, lengths=True, states=True, peepholes=True),
    Case(7, op="GRU", direction="bidirectional", layout=1, batch=2, lengths=True),
    Case(8, op="LSTM", direction="reverse", layout=1, clip=1.5, size=4.0, flag=1, states=True),
    Case(9, x="int16", y="int16", time=15),
    Case(10, op="GRU", x="int16", y="int16", weights="uint8", flag=1),
    Case(11, op="RNN", y="uint16", bias=False),
    Case(12, hidden=64, inputs=40, time=64, size=2.0),
]


def main():
    folder = pathlib.Path(sys.argv[1])
    first, last = [int(a) for a in sys.argv[2:]] or (0, len(CASES))
    for case in CASES[first:last]:
        case.write(folder / f"case{case.seed:02}")


if __name__ == "__main__":
    main()
