"""Steps that only move or choose elements, on the integers or between DequantizeLinear and QuantizeLinear."""

import numpy as np

from builder import Tensor, is_power_of_two


class MovingSteps:
    def moved(self, x, q, make):
        if self.chance(.5):
            return self.stored(make(x.name), q, x.dtype, x.scale, x.zero)
        real = (q - x.zero) * np.float64(x.scale)
        parameters = (x.scale, x.zero, x.dtype) if self.chance(.8) else None
        return self.quantize(make(self.dequantize(x)), real, real, self.dyadic and is_power_of_two(x.scale),
                             parameters=parameters)

    def reshape(self, x, shape=None):
        if shape is None:
            size = x.q.size
            first = self.pick(*(d for d in range(1, size + 1) if size % d == 0))
            second = self.pick(*(d for d in range(1, size // first + 1) if size // first % d == 0))
            shape = self.pick((1, first, second, -1), (1, size), (first, -1), (1, first, -1))
        self.text.append(f"reshape {list(x.shape)} -> {list(shape)}")
        return self.moved(x, x.q.reshape(shape),
                          lambda name: self.node("Reshape", [name, self.constant(np.array(shape, np.int64), "shape")]))

    def permuted(self, x, order):
        self.text.append(f"transpose {list(x.shape)} {order}")
        return self.moved(x, x.q.transpose(order), lambda name: self.node("Transpose", [name], perm=list(order)))

    def transpose(self, x):
        return self.permuted(x, [int(i) for i in self.rng.permutation(x.q.ndim)])

    def pad(self, x):
        if not x.q.ndim or x.q.size > 1000:
            return self.rectified(x)
        pads = [self.between(0, 2) if i > 1 or x.q.ndim < 3 else 0 for i in range(x.q.ndim)]
        self.text.append(f"pad {list(x.shape)} {pads}")
        q = np.pad(x.q, [(p, p) for p in pads], constant_values=x.zero)
        name = self.node("Pad", [self.dequantize(x), self.constant(np.array(pads + pads, np.int64), "pads")])
        real = (q - x.zero) * np.float64(x.scale)
        parameters = (x.scale, x.zero, x.dtype) if self.chance(.8) else None
        return self.quantize(name, real, real, self.dyadic and is_power_of_two(x.scale), parameters=parameters)

    def slice(self, x):
        if not x.q.ndim:
            return self.rectified(x)
        axis = self.between(0, x.q.ndim - 1)
        start = self.between(0, x.shape[axis] - 1)
        end = self.between(start + 1, x.shape[axis])
        step = self.pick(1, 1, 2)
        where = [slice(None)] * x.q.ndim
        where[axis] = slice(start, end, step)
        self.text.append(f"slice {list(x.shape)} axis {axis} {start}:{end}:{step}")
        return self.moved(x, x.q[tuple(where)], lambda name: self.node("Slice", [name, *(
            self.constant(np.array([v], np.int64), "s") for v in (start, end, axis, step))]))

    def ordered(self, x):
        """Comparisons and choices, which the stored integers allow as well as what they stand for."""
        if not x.q.ndim:
            return self.rectified(x)
        kind = self.pick("arg", "compare", "compare", "most", "pad", "scatter")
        if kind == "arg":
            op, axis, keep, last = self.pick("ArgMax", "ArgMin"), self.between(-x.q.ndim, x.q.ndim - 1), *(
                int(self.chance(.5)) for _ in range(2))
            self.text.append(f"{op} {list(x.shape)} axis {axis}")
            q = x.q if op == "ArgMax" else -x.q
            at = x.shape[axis] - 1 - np.flip(q, axis).argmax(axis) if last else q.argmax(axis)
            self.output(self.node(op, [self.dequantize(x)], axis=axis, keepdims=keep, select_last_index=last),
                        np.expand_dims(at, axis) if keep else at)
            return x
        if kind == "pad":
            pads = [self.between(0, min(2, d - 1)) for d in x.shape]
            mode = self.pick("edge", "reflect")
            self.text.append(f"pad {list(x.shape)} {pads} {mode}")
            pads_name = self.constant(np.array(pads + pads, np.int64), "pads")
            return self.moved(x, np.pad(x.q, [(p, p) for p in pads], mode=mode),
                              lambda name: self.node("Pad", [name, pads_name], mode=mode))
        # Another tensor that is quantized alike.
        q = self.integers(x.shape, x.dtype)
        other = Tensor(self.constant(q.astype(x.dtype), "k"), q, x.dtype, x.scale, x.zero)
        parameters = (x.scale, x.zero, x.dtype) if self.chance(.7) else None
        exact = self.dyadic and is_power_of_two(x.scale)
        if kind == "scatter":
            axis = self.between(0, x.q.ndim - 1)
            at = np.stack([self.rng.permutation(x.shape[axis]) for _ in range(x.q.size // x.shape[axis])], -1)
            at = np.moveaxis(at.reshape(x.shape[axis], *np.delete(x.shape, axis)), 0, axis)
            result = np.empty_like(x.q)
            np.put_along_axis(result, at, q, axis)
            self.text.append(f"scatter {list(x.shape)} axis {axis}")
            name = self.node("ScatterElements", [self.dequantize(x), self.constant(at.astype(np.int64)),
                                                 self.dequantize(other)], axis=axis)
        elif kind == "most":
            op = self.pick("Max", "Min")
            result = (np.maximum if op == "Max" else np.minimum)(x.q, q)
            self.text.append(f"{op} {list(x.shape)}")
            name = self.node(op, [self.dequantize(x), self.dequantize(other)])
        else:
            op, compare = self.pick(("Greater", np.greater), ("Less", np.less), ("Equal", np.equal),
                                    ("GreaterOrEqual", np.greater_equal), ("LessOrEqual", np.less_equal))
            limit = self.pick(q, q.ravel()[:1], q[..., -1:])
            with np.errstate(over="ignore"):
                a, b = ((v - x.zero).astype(np.float32) * x.scale for v in (x.q, limit))
            b = b if self.chance(.6) else np.nextafter(b, np.float32(self.pick(np.inf, -np.inf)))
            inputs, holds = [self.dequantize(x), self.constant(b, "limit")], compare(a, b)
            if self.chance(.3):
                inputs, holds = inputs[::-1], compare(b, a)
            elif self.chance(.3):
                inputs, holds = [inputs[0], self.dequantize(other)], compare(x.q, q)
            self.text.append(f"{op} {list(x.shape)} {list(limit.shape)}")
            result = np.where(holds, x.q, q)
            name = self.node("Where", [self.node(op, inputs), self.dequantize(x), self.dequantize(other)])
        real = (result - x.zero) * np.float64(x.scale)
        return self.quantize(name, real, real, exact, parameters=parameters)
