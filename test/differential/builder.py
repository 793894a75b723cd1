"""What steps of random quantized graphs are made of: dice, nodes with the integers that they give, weights.

Every step adds nodes and computes their result in float64, integers exactly. Where a real number lies so near to a
tie that float arithmetic may round either way, the graph is thrown away (Ambiguous), so that what is left has one
right answer. Exact ties with scales that are powers of two stay: they go to the even number.
"""

import pathlib
import sys

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent.parent / "examples" / "digits"))
import onnx_file

RANGES = {"int8": (-128, 127), "uint8": (0, 255), "int16": (-32768, 32767), "uint16": (0, 65535),
          "int4": (-8, 7), "uint4": (0, 15), "int2": (-2, 1), "uint2": (0, 3)}
SMALL = {"int4": (4, 22), "uint4": (4, 21), "int2": (2, 26), "uint2": (2, 25)}  # bits, number in ONNX; numpy has none


class Ambiguous(Exception):
    """A result depends on the order in which floats are rounded, or a graph came out useless."""


class Tensor:
    """A quantized value: its name in the graph, stored integers (int64), dtype, float32 scale and zero point."""

    def __init__(self, name, q, dtype, scale, zero):
        self.name, self.q, self.dtype, self.scale, self.zero = name, q, dtype, np.float32(scale), int(zero)

    @property
    def real(self):
        return (self.q - self.zero) * np.float64(self.scale)

    @property
    def shape(self):
        return self.q.shape


def is_power_of_two(*scales):
    return all((np.frexp(np.float64(np.asarray(s)))[0] == .5).all() for s in scales)


def windows(x, kernel, strides, dilations, pads, fill):
    """Every tap of a window over the last dimensions: yields (position, view of x moved by it)."""
    n = len(kernel)
    width = [(0, 0)] * (x.ndim - n) + list(zip(pads[:n], pads[n:]))
    x = np.pad(x, width, constant_values=fill)
    sizes = [(d - (k - 1) * a - 1) // s + 1 for d, k, a, s in zip(x.shape[-n:], kernel, dilations, strides)]
    if min(sizes) < 1:
        raise Ambiguous("window larger than its input")
    for at in np.ndindex(*kernel):
        yield at, x[(...,) + tuple(slice(i * a, i * a + (o - 1) * s + 1, s)
                                   for i, a, o, s in zip(at, dilations, sizes, strides))]


def convolve(x, w, group, *geometry):
    """ONNX Conv of [N, C, ...] with [O, C/group, ...] in float64."""
    n, c = x.shape[:2]
    o = w.shape[0]
    y = 0
    for at, view in windows(x, w.shape[2:], *geometry, 0):
        grouped = view.reshape(n, group, c // group, -1)
        filters = w[(slice(None), slice(None)) + at].reshape(group, o // group, c // group)
        y = y + (filters @ grouped).reshape(n, o, *view.shape[2:])
    return y


class GraphBuilder:
    """Adds one random graph to an onnx_file.Graph; `inputs` and `outputs` are its data."""

    def __init__(self, rng, graph, prefix, wide=False):
        self.rng, self.graph, self.prefix = rng, graph, prefix
        self.wide = wide  # activations of 16 bits
        self.steps = self.STEPS
        self.counter = 0
        self.inputs, self.outputs = [], []  # (name, array)
        self.values = []  # quantized tensors that later steps may take up again
        self.dyadic = rng.random() < .25  # all scales powers of two: ties are exact
        self.text = []

    # ---- Dice

    def chance(self, p):
        return self.rng.random() < p

    def pick(self, *choices):
        return choices[self.rng.integers(len(choices))]

    def between(self, low, high):
        return int(self.rng.integers(low, high + 1))

    def fresh(self, what):
        self.counter += 1
        return f"{self.prefix}{what}{self.counter}"

    def scale(self, low=1e-4, high=10.0):
        """Log-uniform; sometimes outside of what networks have."""
        if self.chance(.04):
            low, high = self.pick((1e-9, 1e-6), (1e2, 1e5))
        s = np.exp(self.rng.uniform(np.log(low), np.log(high)))
        return np.float32(2.0 ** np.round(np.log2(s)) if self.dyadic else s)

    def dtype(self):
        if self.wide:
            self.graph.opsets[""] = max(self.graph.opsets[""], 21)
            return self.pick("int16", "int16", "int16", "uint16", "int8")
        return self.pick("int8", "int8", "int8", "uint8", "uint8")

    def zero(self, dtype):
        low, high = RANGES[dtype]
        return self.pick(low, high, 0, (low + high + 1) // 2, *(self.between(low, high) for _ in range(4)))

    def integers(self, shape, dtype):
        """Stored values: all of the range, a part of it, its ends, or one value."""
        low, high = RANGES[dtype]
        kind = self.rng.random()
        if kind < .7:
            return self.rng.integers(low, high + 1, shape)
        if kind < .85:
            a, b = sorted((self.between(low, high), self.between(low, high)))
            return self.rng.integers(a, b + 1, shape)
        if kind < .95:
            return self.rng.choice([low, high], shape)
        return np.full(shape, self.between(low, high))

    # ---- Nodes

    def node(self, op, inputs, **attributes):
        if "domain" in attributes:
            self.graph.opsets[attributes["domain"]] = 1
        return self.graph.node(op, inputs, self.fresh(op.lower()), **attributes)

    def output(self, name, data):
        self.graph.output(name, data.dtype, data.shape)
        self.outputs.append((name, data))

    def constant(self, array, what="c"):
        return self.graph.constant(self.fresh(what), array)

    def dequantize(self, t, axis=None):
        """Name of the floats that `t` stands for."""
        inputs = [t.name, self.constant(np.float32(t.scale), "scale")]
        if t.zero or self.chance(.8):
            inputs.append(self.constant(np.array(t.zero, t.dtype), "zero"))
        return self.node("DequantizeLinear", inputs)

    def input(self, shape):
        dtype = self.dtype()
        name, scale, zero = self.fresh("x"), self.scale(1e-3, 1.0), self.zero(dtype)
        q = self.integers(shape, dtype)
        if self.chance(.8):
            self.graph.input(name, dtype, shape)
            self.inputs.append((name, q.astype(dtype)))
            value = Tensor(name, q, dtype, scale, zero)
        else:  # float, quantized by the graph: whole steps and a bit, far from ties
            real = ((q - zero) + self.rng.uniform(-.4, .4, shape)) * np.float64(scale)
            self.graph.input(name, np.float32, shape)
            self.inputs.append((name, real.astype(np.float32)))
            value = self.stored(self.node("QuantizeLinear", [name, *self.parameters(scale, zero, dtype)]), q, dtype,
                                scale, zero)
        self.values.append(value)
        return value

    def parameters(self, scale, zero, dtype):
        return [self.constant(np.float32(scale), "scale"), self.constant(np.array(zero, dtype), "zero")]

    def stored(self, name, q, dtype, scale, zero):
        value = Tensor(name, q, dtype, scale, zero)
        self.values.append(value)
        return value

    def choose(self, real, dtype=None):
        """Output parameters that suit the numbers, more or less."""
        dtype = dtype or self.dtype()
        low, high = min(real.min(), 0), max(real.max(), 0)
        span = (high - low) or 1.0
        scale = np.float32(span / (RANGES[dtype][1] - RANGES[dtype][0]) * self.pick(1, 1, 1, 1, .5, 2, self.rng.uniform(.2, 5)))
        if self.chance(.04):
            scale = np.float32(scale * self.pick(1e-3, 1e3))
        if self.dyadic:
            scale = np.float32(2.0 ** np.round(np.log2(scale)))
        first, last = RANGES[dtype]
        zero = int(np.clip(np.rint(first - low / scale), first, last)) if self.chance(.6) else self.zero(dtype)
        if not 1e-12 < scale < 1e12:
            raise Ambiguous("scale")
        return scale, zero, dtype

    def rounded(self, real, magnitude, parameters, exact=False, relative=2.0**-21, wide=2.0**-36):
        """Stored integers for real numbers; `magnitude` bounds the terms that they are sums of, `relative` their
        error in floats, `wide` that in integers for results of 16 bits."""
        scale, zero, dtype = parameters
        low, high = RANGES[dtype]
        v = real / np.float64(scale)
        if dtype.endswith("16") and relative <= 2.0**-20:
            relative = wide  # floats of 32 bits would not do: integers it must be
        # Exact with powers of two while every float on the way holds 24 bits.
        if not (exact and (is_power_of_two(scale) or exact == "steps")):
            error = np.abs(magnitude) / np.float64(scale) * relative + 1e-9
            inside = (v > low - zero - 1) & (v < high - zero + 1)
            if (inside & (np.abs(v - np.floor(v) - .5) < error)).any():
                raise Ambiguous("near a tie")
        return np.clip(np.rint(v) + zero, low, high).astype(np.int64)

    def quantize(self, name, real, magnitude, exact=False, relative=2.0**-21, parameters=None, wide=2.0**-36):
        """QuantizeLinear of the floats `name`."""
        scale, zero, dtype = parameters = parameters or self.choose(real)
        q = self.rounded(real, magnitude, parameters, exact, relative, wide)
        inputs = [name, *self.parameters(scale, zero, dtype)]
        if dtype == "uint8" and zero == 0 and self.chance(.5):
            inputs.pop()
        return self.stored(self.node("QuantizeLinear", inputs), q, dtype, scale, zero)

    def activation(self, name, real, magnitude):
        """Perhaps a ReLU or Clip before a quantization."""
        kind = self.rng.random()
        if kind < .25:
            return self.node("Relu", [name]), np.maximum(real, 0)
        if kind < .35:
            low, high = sorted(self.rng.uniform(real.min() - .1, real.max() + .1, 2).astype(np.float32))
            low = self.pick(np.float32(0), low) if high > 0 else low
            # The bounds are floats like any other and may lie near a tie: `rounded` looks at them, too.
            return (self.node("Clip", [name, self.constant(low), self.constant(high)]),
                    np.clip(real, np.float64(low), np.float64(high)))
        return name, real

    # ---- Weights

    def weight_type(self):
        return self.pick("int8", "int8", "int8", "uint8")

    def integer_constant(self, array, dtype, what):
        if dtype not in SMALL:
            return self.constant(np.asarray(array, dtype), what)
        bits, number = SMALL[dtype]
        array = np.asarray(array)
        per = 8 // bits
        q = array.ravel().astype(np.int64) & (1 << bits) - 1
        q = np.pad(q, (0, -q.size % per)).reshape(-1, per)
        data = (q << (np.arange(per) * bits)).sum(-1).astype("uint8")
        return self.graph.constant_of(self.fresh(what), array.shape, number, data.tobytes())

    def weights(self, shape, axis):
        """Constant weights: (stored, dtype, zero points and scales along `axis` or scalars)."""
        dtype = self.weight_type()
        per_channel = axis is not None and self.chance(.6)
        axis = axis or 0
        channels = shape[axis]
        count = channels if per_channel else 1
        symmetric = dtype.startswith("int") and self.chance(.8)
        zeros = np.array([0 if symmetric else self.zero(dtype) for _ in range(count)])
        q = self.integers(shape, dtype)
        if symmetric:
            q = np.maximum(q, RANGES[dtype][0] + 1)
        scales = np.array([self.scale(1e-4, .1) for _ in range(count)], np.float32)
        if per_channel and not self.chance(.2):  # usually of one size
            scales = (scales[0] * np.float32(2) ** self.rng.integers(-3, 4, count)).astype(np.float32)
            if not self.dyadic:
                scales = (scales * self.rng.uniform(.5, 1, count)).astype(np.float32)
        along = [1] * len(shape)
        along[axis] = count
        if self.chance(.2):  # dead channels
            dead = self.rng.random(channels) < .3
            where = [slice(None)] * len(shape)
            where[axis] = dead
            q[tuple(where)] = np.broadcast_to(zeros.reshape(along), [
                channels if i == axis else 1 for i in range(len(shape))])[tuple(where)]
            if per_channel and not self.dyadic and self.chance(.5):
                scales[dead] = np.float32(1e-12)
        if not per_channel:
            scales, zeros = scales[0], zeros[0]
        return q, dtype, scales, zeros, along, per_channel

    def stored_weights(self, inputs, real, attributes):
        """What holds the weights: a constant of integers, scale and zero point are `inputs`."""
        return inputs[0]

    def linear(self, x, shape, axis, sums, qdq, qlinear, bias_axis):
        """Convolutions and products: sums(x, w) in float64; bias_axis None where there is none."""
        w, wtype, ws, wz, along, per_channel = self.weights(shape, axis)
        xc, wc = (x.q - x.zero).astype(np.float64), (w - np.reshape(wz, along)).astype(np.float64)
        acc, magnitude = sums(xc, wc), sums(np.abs(xc), np.abs(wc))
        if magnitude.max() >= 2.0**(36 if self.wide else 30):
            raise Ambiguous("sum")
        where = [1] * acc.ndim
        if bias_axis is None:
            bias_axis, with_bias = acc.ndim - 1, False
        else:
            with_bias = self.chance(.7)
        channels = acc.shape[bias_axis]
        where[bias_axis] = -1
        scales = np.float32(x.scale) * np.asarray(ws, np.float32)  # of sums, and of the bias
        if not np.isfinite(scales).all() or (scales < 1e-30).any():
            raise Ambiguous("scale")
        bias = None
        if with_bias:
            largest = max(1.0, magnitude.max())
            largest = min(largest, 2.0**29)
            bias = np.rint(self.rng.normal(0, self.pick(0, .1, .5) * largest, channels)).astype(np.int32)
            acc = acc + bias.reshape(where)
            magnitude = magnitude + np.abs(bias.reshape(where))
        factor = np.float64(x.scale) * np.float64(ws)
        real = acc * (factor.reshape(where) if per_channel else factor)
        size = magnitude * (factor.reshape(where) if per_channel else factor)
        exact = self.dyadic and is_power_of_two(x.scale, ws) and magnitude.max() < 2**24
        relative = 2.0**-21 if magnitude.max() < 2.0**30 else 2.0**-19  # sums of 64 bits
        self.text.append(f"{wtype} weights{' per channel' if per_channel else ''}{', bias' if with_bias else ''}")
        weight = self.integer_constant(w, wtype, "w")
        if qlinear and wtype not in SMALL and self.chance(.25) and not x.dtype.endswith("16"):
            parameters = self.choose(real)
            scale, zero, dtype = parameters
            q = self.rounded(real, size, parameters, exact, relative)
            name = qlinear([x.name, *self.parameters(x.scale, x.zero, x.dtype), weight,
                            self.constant(np.asarray(ws, np.float32), "scale"),
                            self.constant(np.asarray(wz, wtype), "zero"), *self.parameters(scale, zero, dtype)],
                           None if bias is None else self.constant(bias, "b"))
            if name:
                return self.stored(name, q, dtype, scale, zero)
        inputs = [weight, self.constant(np.asarray(ws, np.float32), "scale")]
        if np.any(wz) or self.chance(.7):
            inputs.append(self.integer_constant(wz, wtype, "zero"))
        attributes = {"axis": axis} if per_channel else {}
        inputs[0] = self.stored_weights(inputs, (w - np.reshape(wz, along)) * np.reshape(ws, along), attributes)
        name = qdq([self.dequantize(x), self.node("DequantizeLinear", inputs, **attributes)],
                   None if bias is None else self.node(
                       "DequantizeLinear", [self.constant(bias, "b"), self.constant(scales, "scale")],
                       **({"axis": 0} if per_channel else {})))
        name, real = self.activation(name, real, size)
        return self.quantize(name, real, size, exact, relative)
