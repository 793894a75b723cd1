"""Steps of elements and windows: sums, products, functions, pools, softmax, concatenations."""

import numpy as np

from builder import RANGES, Tensor, is_power_of_two, windows


class ElementwiseSteps:
    def combine(self, x):
        """Add, Sub or Mul of two values, or of a value and a constant."""
        op = self.pick("Add", "Add", "Mul", "Sub")
        partners = [t for t in self.values if t.shape == x.shape]
        if self.chance(.35):
            shape = self.pick((), x.shape, (x.shape[1], *[1] * (x.q.ndim - 2)) if x.q.ndim > 2 else x.shape[-1:])
            dtype = self.dtype()
            q = self.integers(shape, dtype)
            other = Tensor(self.constant(np.asarray(q).astype(dtype), "k"), q, dtype, self.scale(1e-3, 1.0),
                           self.zero(dtype))
        else:
            other = self.pick(*partners)
        a, b = x.real, other.real
        self.text.append(f"{op} {list(x.shape)} {list(other.shape)}")
        real = {"Add": np.add, "Sub": np.subtract, "Mul": np.multiply}[op](a, b)
        size = np.abs(a * b) if op == "Mul" else np.abs(a) + np.abs(b)
        inputs = [self.dequantize(x), self.dequantize(other)]
        if op != "Sub" and self.chance(.3):
            inputs.reverse()
        ratio = np.float64(x.scale) / np.float64(other.scale)
        exact = self.dyadic and is_power_of_two(x.scale, other.scale) and (op == "Mul" or 2**-12 < ratio < 2**12)
        if op != "Sub" and self.chance(.2) and not (x.dtype + other.dtype).count("16") and x.dtype == other.dtype:
            parameters = self.choose(real, x.dtype)
            q = self.rounded(real, size, parameters, exact)
            name = self.node("QLinear" + op, [x.name, *self.parameters(x.scale, x.zero, x.dtype), other.name,
                                              *self.parameters(other.scale, other.zero, other.dtype),
                                              *self.parameters(*parameters)], domain="com.microsoft")
            return self.stored(name, q, parameters[2], parameters[0], parameters[1])
        name, real = self.activation(self.node(op, inputs), real, size)
        return self.quantize(name, real, size, exact)

    def concat(self, x):
        axis = self.between(0, x.q.ndim - 1) if x.q.ndim else 0
        def fits(t):
            return t.q.ndim == x.q.ndim and all(i == axis or a == b for i, (a, b) in enumerate(zip(t.shape, x.shape)))
        parts = [x, *(self.pick(*(t for t in self.values if fits(t))) for _ in range(self.between(1, 2)))]
        if sum(p.q.size for p in parts) > 4000 or not x.q.ndim:
            return self.rectified(x)
        self.text.append(f"concat axis {axis} {[list(p.shape) for p in parts]}")
        name = self.node("Concat", [self.dequantize(p) for p in parts], axis=axis)
        real = np.concatenate([p.real for p in parts], axis)
        return self.quantize(name, real, real, self.dyadic and is_power_of_two(*(p.scale for p in parts)))

    def pool(self, x):
        spatial = x.q.ndim - 2
        if spatial not in (1, 2):
            return self.rectified(x)
        if self.chance(.25):
            axes = tuple(range(2, x.q.ndim))
            name, real = self.node("GlobalAveragePool", [self.dequantize(x)]), x.real.mean(axes, keepdims=True)
            self.text.append(f"global average {list(x.shape)}")
            return self.quantize(name, real, np.abs(x.real).mean(axes, keepdims=True), relative=2.0**-20)
        kernel = [self.between(1, 3) for _ in range(spatial)]
        strides = [self.between(1, 2) for _ in range(spatial)]
        pads = [self.between(0, k - 1) for k in kernel + kernel] if self.chance(.5) else [0] * 2 * spatial
        attributes = {"kernel_shape": kernel, "strides": strides, "pads": pads}
        ones = [1] * spatial
        if self.chance(.5):
            q = np.maximum.reduce([v for _, v in windows(x.q, kernel, strides, ones, pads, -2**20)])
            self.text.append(f"max pool {list(x.shape)} {attributes}")
            if self.chance(.4) and not x.dtype.endswith("16"):  # on the integers
                return self.stored(self.node("MaxPool", [x.name], **attributes), q, x.dtype, x.scale, x.zero)
            name = self.node("MaxPool", [self.dequantize(x)], **attributes)
            parameters = (x.scale, x.zero, x.dtype) if self.chance(.6) else None
            real = (q - x.zero) * np.float64(x.scale)
            return self.quantize(name, real, real, self.dyadic and is_power_of_two(x.scale), parameters=parameters)
        include = int(self.chance(.3))
        self.text.append(f"average pool {list(x.shape)} {attributes} count_include_pad {include}")
        total = sum(v for _, v in windows(x.real, kernel, strides, ones, pads, 0))
        size = sum(v for _, v in windows(np.abs(x.real), kernel, strides, ones, pads, 0))
        count = sum(v for _, v in windows(np.ones(x.shape), kernel, strides, ones, pads, include))
        name = self.node("AveragePool", [self.dequantize(x)], count_include_pad=include, **attributes)
        return self.quantize(name, total / count, size / count, relative=2.0**-20)

    def rectified(self, x):
        """A function of each element."""
        f = {
            "Relu": (lambda v: np.maximum(v, 0), {}),
            "LeakyRelu": (lambda v: np.where(v < 0, v * np.float64(np.float32(.1)), v), {"alpha": .1}),
            "Sigmoid": (lambda v: 1 / (1 + np.exp(-v)), {}),
            "Tanh": (np.tanh, {}),
            "HardSigmoid": (lambda v: np.clip(v * np.float64(np.float32(.2)) + .5, 0, 1), {}),
            "HardSwish": (lambda v: v * np.clip(v / 6 + .5, 0, 1), {}),
            "Exp": (np.exp, {}),
            "Abs": (np.abs, {}),
            "Neg": (np.negative, {}),
        }
        op = self.pick(*f)
        compute, attributes = f[op]
        if op == "Exp" and np.abs(x.real).max() > 20:
            op, (compute, attributes) = "Relu", f["Relu"]
        with np.errstate(over="ignore"):
            real = compute(x.real)
        self.text.append(f"{op} {list(x.shape)}")
        plain = op in ("Relu", "Abs", "Neg")
        slack = np.abs(real) + (0 if plain else np.abs(x.real) if op == "HardSwish" else 1)
        return self.quantize(self.node(op, [self.dequantize(x)], **attributes), real, slack,
                             plain and self.dyadic and is_power_of_two(x.scale), relative=2.0**-21 if plain else 2e-6)

    def requantize(self, x):
        parameters = self.choose(x.real, self.pick("int8", "int8", "uint8", "uint8", "int16", "uint16"))
        if parameters[2].endswith("16"):
            self.graph.opsets[""] = max(self.graph.opsets[""], 21)
        self.text.append(f"requantize {list(x.shape)}")
        return self.quantize(self.dequantize(x), x.real, x.real, self.dyadic and is_power_of_two(x.scale),
                             parameters=parameters)

    def softmax(self, x):
        if not x.q.ndim:
            return self.rectified(x)
        axis = self.pick(-1, self.between(0, x.q.ndim - 1))
        e = np.exp(x.real - x.real.max(axis, keepdims=True))
        real = e / e.sum(axis, keepdims=True)
        self.text.append(f"softmax {list(x.shape)} axis {axis}")
        dtype = self.dtype()
        parameters = (np.float32(1 / 256), RANGES[dtype][0], dtype) if self.chance(.7) else None
        # The exponent's error is relative to the logit.
        size = real * (1 + np.abs(x.real - x.real.max(axis, keepdims=True)))
        return self.quantize(self.node("Softmax", [self.dequantize(x)], axis=axis), real, size, relative=1e-6,
                             parameters=parameters)
