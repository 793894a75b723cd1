"""Steps that multiply: convolutions and matrix products."""

import numpy as np

from builder import Ambiguous, convolve, is_power_of_two


class LinearSteps:
    def conv(self, x):
        spatial = x.q.ndim - 2
        if spatial not in (1, 2):
            return self.rectified(x)
        c = x.shape[1]
        kind = self.rng.random()
        group = c if kind < .3 else self.pick(*(g for g in range(1, c + 1) if c % g == 0)) if kind < .45 else 1
        outputs = group * self.between(1, 2) if group > 1 else self.between(1, 20)
        kernel = [self.pick(1, 1, 2, 3, 3, 3, 4, 5) for _ in range(spatial)] if self.chance(.75) else [1] * spatial
        if self.chance(.5):
            kernel = [kernel[0]] * spatial
        strides = [self.pick(1, 1, 2)] * spatial if self.chance(.8) else [self.between(1, 3) for _ in range(spatial)]
        dilations = [self.pick(1, 1, 1, 2)] * spatial
        if self.chance(.5):
            pads = [(k - 1) * a // 2 for k, a in zip(kernel, dilations)] * 2
        else:
            pads = [self.between(0, (k - 1) * a) for k, a in zip(kernel, dilations)] + [
                self.between(0, (k - 1) * a) for k, a in zip(kernel, dilations)]
        attributes = {"kernel_shape": kernel, "strides": strides, "dilations": dilations, "pads": pads, "group": group}
        self.text.append(f"conv {list(x.shape)} -> {outputs} {attributes}")

        def with_bias(op):
            return lambda inputs, bias: self.node(op, inputs + ([bias] if bias else []), **attributes)

        return self.linear(x, (outputs, c // group, *kernel), 0,
                           lambda a, w: convolve(a, w, group, strides, dilations, pads),
                           with_bias("Conv"), with_bias("QLinearConv"), 1)

    def transposed(self, x):
        """ConvTranspose."""
        spatial = x.q.ndim - 2
        if spatial not in (1, 2) or x.q.size > 600:
            return self.rectified(x)
        c = x.shape[1]
        group = c if self.chance(.3) else 1
        outputs = group if group > 1 else self.between(1, 8)
        kernel = [self.between(1, 4) for _ in range(spatial)]
        strides = [self.between(1, 3) for _ in range(spatial)]
        pads = [self.between(0, k // 2) for k in kernel] * 2
        attributes = {"kernel_shape": kernel, "strides": strides, "pads": pads, "group": group}
        self.text.append(f"conv transpose {list(x.shape)} -> {outputs} {attributes}")

        def spread(a, w):
            n = a.shape[0]
            y = np.zeros((n, outputs, *((d - 1) * s + k for d, s, k in zip(a.shape[2:], strides, kernel))))
            grouped = a.reshape(n, group, c // group, -1)
            for at in np.ndindex(*kernel):
                filters = w[(slice(None), slice(None)) + at].reshape(group, c // group, -1).transpose(0, 2, 1)
                where = tuple(slice(i, i + (d - 1) * s + 1, s) for i, d, s in zip(at, a.shape[2:], strides))
                y[(slice(None), slice(None)) + where] += (filters @ grouped).reshape(n, outputs, *a.shape[2:])
            kept = tuple(slice(b, d - e) for b, e, d in zip(pads[:spatial], pads[spatial:], y.shape[2:]))
            if 0 in y[(slice(None), slice(None)) + kept].shape:
                raise Ambiguous("all is cut off")
            return y[(slice(None), slice(None)) + kept]

        # One scale for each output channel only fits where groups do not share them.
        axis = 1 if group == 1 else None
        return self.linear(x, (c, outputs // group, *kernel), axis, spread,
                           lambda inputs, bias: self.node("ConvTranspose", inputs + ([bias] if bias else []),
                                                          **attributes), None, 1)

    def sums(self, x):
        """ConvInteger or MatMulInteger: another output, of int32; the chain goes on without it."""
        wtype = "int8" if self.wide else self.dtype()
        wz = self.zero(wtype)
        centred = (x.q - x.zero).astype(np.float64)
        if x.q.ndim == 4 and self.chance(.6):
            kernel = [min(3, d) for d in x.shape[2:]]
            w = self.integers((self.between(1, 6), x.shape[1], *kernel), wtype)
            acc = convolve(centred, (w - wz).astype(np.float64), 1, [1, 1], [1, 1], [1, 0, 0, 1])
            op, attributes = "ConvInteger", {"kernel_shape": kernel, "pads": [1, 0, 0, 1]}
        elif x.q.ndim > 1:
            w = self.integers((x.shape[-1], self.between(1, 9)), wtype)
            acc, op, attributes = centred @ (w - wz), "MatMulInteger", {}
        else:
            return self.rectified(x)
        if x.dtype.endswith("16"):
            return self.rectified(x)
        self.text.append(f"{op} {list(x.shape)} {list(w.shape)}")
        self.output(self.node(op, [x.name, self.constant(w.astype(wtype), "w"),
                                   self.constant(np.array(x.zero, x.dtype), "zero"),
                                   self.constant(np.array(wz, wtype), "zero")], **attributes), acc.astype(np.int32))
        return x

    def gemm(self, x):
        """Flatten, then Gemm or MatMul."""
        outputs = self.between(1, 24)
        if x.q.ndim > 2 and self.chance(.6) or x.q.ndim < 2:
            x = self.reshape(x, (x.shape[0] if x.q.ndim > 1 else 1, -1))
        depth = x.shape[-1]
        self.text.append(f"gemm {list(x.shape)} -> {outputs}")
        if x.q.ndim == 2 and self.chance(.6):
            transposed = int(self.chance(.5))
            shape = (outputs, depth) if transposed else (depth, outputs)

            def gemm(inputs, bias):
                return self.node("Gemm", inputs + ([bias] if bias else []), transB=transposed)

            return self.linear(x, shape, 0 if transposed else 1,
                               lambda a, w: a @ (w.T if transposed else w), gemm, None, 1)
        return self.linear(x, (depth, outputs), 1, lambda a, w: a @ w, lambda inputs, _: self.node("MatMul", inputs),
                           lambda inputs, _: self.node("QLinearMatMul", inputs), None)

    def products(self, x):
        """MatMul of two values that are both computed."""
        if x.q.ndim < 2:
            return self.rectified(x)
        other = self.pick(*self.values)
        if other.q.ndim != x.q.ndim or other.shape[:-2] != x.shape[:-2] or other.shape[-2] != x.shape[-1]:
            other = self.permuted(x, [*range(x.q.ndim - 2), x.q.ndim - 1, x.q.ndim - 2])
        a, b = (x.q - x.zero).astype(np.float64), (other.q - other.zero).astype(np.float64)
        factor = np.float64(x.scale) * np.float64(other.scale)
        acc, size = a @ b, np.abs(a) @ np.abs(b)
        self.text.append(f"matmul {list(x.shape)} {list(other.shape)}")
        exact = self.dyadic and is_power_of_two(x.scale, other.scale) and size.max() < 2**24
        return self.quantize(self.node("MatMul", [self.dequantize(x), self.dequantize(other)]), acc * factor,
                             size * factor, exact)
