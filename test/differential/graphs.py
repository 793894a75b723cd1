"""Random quantized graphs as ONNX, with the results that the ONNX definition gives for random inputs.

Graphs are made step by step; every step adds nodes and computes their result in float64, integers exactly. Where
a real number lies so near to a tie that float arithmetic may round either way, the graph is thrown away
(Ambiguous), so that what is left has one right answer. Exact ties with scales that are powers of two stay:
they go to the even number.
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


class Builder:
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

    # ---- Steps: a quantized tensor in, one out

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

    def resize(self, x):
        """Upsampling by repetition."""
        if x.q.ndim != 4 or x.q.size > 800:
            return self.rectified(x)
        by = [self.between(1, 2), self.between(1, 3)]
        self.text.append(f"resize {list(x.shape)} by {by}")
        scales = self.constant(np.array([1, 1, *by], np.float32), "scales")
        return self.moved(x, x.q.repeat(by[0], 2).repeat(by[1], 3), lambda name: self.node(
            "Resize", [name, "", scales], mode="nearest", coordinate_transformation_mode="asymmetric",
            nearest_mode="floor"))

    def bilinear(self, x):
        """Interpolation of the last two dimensions, up and down."""
        if x.q.ndim != 4 or x.q.size > 600:
            return self.rectified(x)
        by, mode = [self.pick(1, 2, 2, 3, 4, .5) for _ in range(2)], self.pick("half_pixel", "asymmetric")
        sizes = [int(np.floor(d * s)) for d, s in zip(x.shape[2:], by)]
        if min(sizes) < 1:
            return self.rectified(x)
        self.text.append(f"bilinear {list(x.shape)} by {by} {mode}")

        def along(values, axis, size, scale):
            at = (np.arange(size) + .5) / scale - .5 if mode == "half_pixel" else np.arange(size) / scale
            low = np.floor(at)
            first, second = (np.clip(low + i, 0, values.shape[axis] - 1).astype(int) for i in (0, 1))
            weight = (at - low).reshape([-1 if d == axis else 1 for d in range(4)])
            return values.take(first, axis) * (1 - weight) + values.take(second, axis) * weight

        def both(values):
            return along(along(values, 2, sizes[0], by[0]), 3, sizes[1], by[1])

        name = self.node("Resize", [self.dequantize(x), "", self.constant(np.array([1, 1, *by], np.float32), "scales")],
                         mode="linear", coordinate_transformation_mode=mode)
        parameters = (x.scale, x.zero, x.dtype) if self.chance(.6) else None
        # Sums of quarters and the like are exact in steps of the scale, ties, too.
        exact = "steps" if parameters else self.dyadic and is_power_of_two(x.scale)
        real = both((x.q - x.zero).astype(np.float64)) * np.float64(x.scale)
        return self.quantize(name, real, both(np.abs(x.real)), 3 not in by and exact, relative=2.0**-19,
                             parameters=parameters)

    def interpolated(self, x):
        """Resize of one to three dimensions with any weights, linear or cubic."""
        if x.q.ndim < 3 or x.q.size > 600:
            return self.rectified(x)
        mode = self.pick("linear", "linear", "linear", "cubic")
        transform = self.pick("half_pixel", "align_corners", "asymmetric", "pytorch_half_pixel", "half_pixel_symmetric")
        by_scale = transform != "align_corners" and self.chance(.4)
        dims = [2, 3] if x.q.ndim == 4 else [self.between(1, x.q.ndim - 1)]
        sizes, factors = list(x.shape), [np.float32(1)] * x.q.ndim
        for d in dims:
            if by_scale:
                factors[d] = np.float32(self.pick(1.5, 2, 3, .75, self.rng.uniform(.5, 2.5)))
                sizes[d] = int(np.floor(x.shape[d] * np.float64(factors[d])))
            else:
                sizes[d] = self.between(1, 3 * x.shape[d])
        if 0 in sizes or sizes == list(x.shape):
            return self.rectified(x)
        self.text.append(f"resize {mode} {transform} {list(x.shape)} -> {sizes} {factors if by_scale else ''}")

        def kernel(distance):
            distance = np.abs(distance)
            if mode == "linear":
                return np.maximum(1 - distance, 0)
            a = -.75
            return np.where(distance < 1, ((a + 2) * distance - (a + 3)) * distance**2 + 1,
                            np.where(distance < 2, a * (((distance - 5) * distance + 8) * distance - 4), 0))

        def along(values, axis, combine):
            length, size = x.shape[axis], sizes[axis]
            scale = np.float64(factors[axis]) if by_scale else size / length
            o = np.arange(size)
            if transform == "align_corners":
                at = o * (length - 1) / (size - 1) if size > 1 else np.zeros(1)
            elif transform == "asymmetric":
                at = o / scale
            else:
                at = (o + .5) / scale - .5
                if transform == "pytorch_half_pixel" and (length * scale == 1):
                    at = np.zeros(1)
                if transform == "half_pixel_symmetric":
                    at = at + length / 2 * (1 - size / (length * scale))
            first, taps, result = np.floor(at), (0, 1) if mode == "linear" else (-1, 0, 1, 2), 0
            for t in taps:
                weight = kernel(first + t - at).reshape([-1 if d == axis else 1 for d in range(values.ndim)])
                result = result + values.take(np.clip(first + t, 0, length - 1).astype(int), axis) * combine(weight)
            return result

        def all_dims(values, combine=lambda weight: weight):
            for d in dims:
                if sizes[d] != x.shape[d]:
                    values = along(values, d, combine)
            return values

        given = [self.constant(np.array(factors, np.float32), "scales")] if by_scale else [
            "", self.constant(np.array(sizes, np.int64), "sizes")]
        name = self.node("Resize", [self.dequantize(x), "", *given], mode=mode, coordinate_transformation_mode=transform)
        steps = all_dims((x.q - x.zero).astype(np.float64))
        if not by_scale and mode == "linear" and self.chance(.5):
            # Fractions of whole steps: ties are exact, whatever the denominator.
            whole = 4 * np.prod([2.0 * sizes[d] * max(sizes[d] - 1, 1) for d in dims])
            if whole < 2**36:
                steps = np.rint(steps * whole) / whole
                low, high = RANGES[x.dtype]
                q = np.clip(np.rint(steps) + x.zero, low, high).astype(np.int64)
                return self.stored(self.node("QuantizeLinear", [name, *self.parameters(x.scale, x.zero, x.dtype)]), q,
                                   x.dtype, x.scale, x.zero)
        real, size = steps * np.float64(x.scale), all_dims(np.abs(x.real), np.abs) + np.abs(x.zero * np.float64(x.scale))
        name, real = self.activation(name, real, size)
        # Weights of 20 bits where scales are no fractions; 16-bit tensors have none of these.
        if x.dtype.endswith("16") and by_scale:
            raise Ambiguous("weights")
        return self.quantize(name, real, size, relative=2.0**-16 if by_scale else 2.0**-19, wide=2.0**-28)

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

    # ---- Steps that only move data, on the integers or between DequantizeLinear and QuantizeLinear

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

    def normalized(self, x):
        """Normalizations and norms: rows less their mean, over their deviation or length."""
        if x.q.ndim < 2:
            return self.rectified(x)
        d = np.float64(x.scale) * (x.q - x.zero)
        rank, channels, epsilon = x.q.ndim, x.shape[1], self.pick(1e-5, 1e-5, 1e-3, 1e-12)
        self.graph.opsets[""] = max(self.graph.opsets[""], 18)
        op = self.pick("LayerNormalization", "LayerNormalization", "RMSNormalization", "InstanceNormalization",
                       "GroupNormalization", "MeanVarianceNormalization", "LpNormalization", "ReduceL1", "ReduceL2",
                       "ReduceSumSquare")
        inputs, attributes = [self.dequantize(x)], {}

        def parameters(shape, beta=True):
            low, high = self.pick((.5, 1.5), (1, 1), (-2, 2))
            gamma = self.rng.uniform(low, high, shape).astype(np.float32)
            if self.chance(.3):
                q = self.rng.integers(-128, 128, shape)
                stored = Tensor(self.constant(q.astype(np.int8), "gamma"), q, "int8", self.scale(.001, .05), self.between(-9, 9))
                inputs.append(self.dequantize(stored))
                gamma = stored.real
            else:
                inputs.append(self.constant(gamma, "gamma"))
            offsets = (self.rng.normal(0, self.pick(0, 1), shape) if beta else np.zeros(shape)).astype(np.float32)
            if beta:
                inputs.append(self.constant(offsets, "beta"))
            return gamma.astype(np.float64), offsets.astype(np.float64)

        def over_deviation(values, axes):
            centred = values - values.mean(axes, keepdims=True)
            # Halves of rows that are all equal are no noise of the mean.
            centred[np.broadcast_to(np.ptp(values, axes, keepdims=True) == 0, values.shape)] = 0
            variance = (centred**2).mean(axes, keepdims=True)
            return centred, variance

        if op in ("LayerNormalization", "RMSNormalization"):
            axis = self.between(1, rank - 1)
            axes = tuple(range(axis, rank))
            root = op == "RMSNormalization"
            gamma, beta = parameters(x.shape[axis:], beta=not root and self.chance(.8))
            if root:
                self.graph.opsets[""] = 23
            centred, variance = (d, (d**2).mean(axes, keepdims=True)) if root else over_deviation(d, axes)
            y, attributes = centred / np.sqrt(variance + np.float32(epsilon)) * gamma, {"axis": axis, "epsilon": epsilon}
        elif op == "InstanceNormalization" and rank > 2:
            gamma, beta = (v.reshape(-1, *[1] * (rank - 2)) for v in parameters((channels,)))
            centred, variance = over_deviation(d, tuple(range(2, rank)))
            y, attributes = centred / np.sqrt(variance + np.float32(epsilon)) * gamma, {"epsilon": epsilon}
        elif op == "GroupNormalization" and rank > 2:
            self.graph.opsets[""] = max(self.graph.opsets[""], 21)
            groups = self.pick(*(g for g in range(1, channels + 1) if channels % g == 0))
            gamma, beta = (v.reshape(-1, *[1] * (rank - 2)) for v in parameters((channels,)))
            centred, variance = over_deviation(d.reshape(x.shape[0], groups, -1), (2,))
            y = (centred / np.sqrt(variance + np.float32(epsilon))).reshape(x.shape) * gamma
            attributes = {"epsilon": epsilon, "num_groups": groups}
        elif op == "MeanVarianceNormalization" and rank == 4:
            centred, variance = over_deviation(d, (0, 2, 3))
            y, beta = centred / (np.sqrt(variance) + 1e-9), np.zeros(())
        elif op == "LpNormalization":
            p, axis = self.pick(1, 2), self.between(-rank, rank - 1)
            length = np.abs(d).sum(axis, keepdims=True) if p == 1 else np.sqrt((d**2).sum(axis, keepdims=True))
            y, beta, attributes = d / np.where(length == 0, 1, length), np.zeros(()), {"axis": axis, "p": p}
        else:
            op = op if op.startswith("Reduce") else "ReduceL2"
            axes, keep = tuple(sorted(self.rng.permutation(rank)[:self.between(1, rank)].tolist())), int(self.chance(.5))
            keep |= len(axes) == rank
            inputs.append(self.constant(np.array(axes, np.int64), "axes"))
            f = {"ReduceL1": np.abs(d).sum, "ReduceL2": (d**2).sum, "ReduceSumSquare": (d**2).sum}[op]
            y, beta, attributes = f(axis=axes, keepdims=bool(keep)), np.zeros(()), {"keepdims": keep}
            if op == "ReduceL2":
                y = np.sqrt(y)
        self.text.append(f"{op} {list(x.shape)} {attributes}")
        real, size = y + beta, np.abs(y) + np.abs(beta)
        name, real = self.activation(self.node(op, inputs, **attributes), real, size)
        return self.quantize(name, real, size, relative=2.0**-20 if self.wide else 2.0**-19, wide=2.0**-28)

    STEPS = ("conv",) * 12 + ("gemm",) * 4 + ("products", "combine", "combine", "combine", "combine", "concat",
             "concat", "pool", "pool", "pool", "rectified", "rectified", "requantize", "softmax", "reshape",
             "transpose", "pad", "slice", "transposed", "transposed", "sums", "resize")

    def build(self):
        channels, size = self.pick(1, 2, 3, 4, 5, 7, 8, 12, 16, 17), self.between(1, 9)
        kind = self.rng.random()
        if kind < .75:
            shape = (1, channels, size, self.between(1, 9))
        elif kind < .85:
            shape = (self.between(1, 2), channels, self.between(1, 30))
        elif kind < .95:
            shape = (self.between(1, 4), self.between(1, 80))
        else:
            shape = (2, channels, size, size)
        x = self.input(shape)
        if self.chance(.2):
            self.input(shape)
        first = x
        for _ in range(self.between(1, 5)):
            previous = x
            x = getattr(self, self.pick(*self.steps))(x)
            if x.q.size > 5000:
                raise Ambiguous("size")
            if self.chance(.1):
                x = self.pick(x, previous)
        if x is first:
            raise Ambiguous("empty")
        outputs = [x] + ([self.pick(*self.values)] if self.chance(.15) else [])
        for t in outputs:
            if t.name in [name for name, _ in self.inputs] or t.name in [name for name, _ in self.outputs]:
                continue
            if self.chance(.15):
                name, data = self.dequantize(t), t.real.astype(np.float32)
            else:
                name, data = t.name, t.q.astype(t.dtype)
            self.output(name, data)
        used = {t.q.size for t in outputs}
        if 0 in used or not self.outputs:
            raise Ambiguous("empty")


class NarrowBuilder(Builder):
    """Graphs whose weights have two or four bits."""

    def weight_type(self):
        self.graph.opsets[""] = 25
        return self.pick("int4", "int4", "int4", "uint4", "uint4", "int2", "uint2")


def families():
    """Graphs with steps of their own: their numbers, the class that makes them, and the steps that it has more."""
    from exporters import ExporterBuilder
    from recurrent_graphs import RecurrentBuilder
    return [(range(2200, 2300), Builder, ("bilinear",) * 20), (range(2300, 2350), Builder, ("ordered",) * 40),
            (range(2350, 2550), ExporterBuilder, ExporterBuilder.MORE),
            (range(2550, 2650), Builder, ("normalized",) * 40), (range(2650, 2730), Builder, ("interpolated",) * 40),
            (range(2730, 2830), RecurrentBuilder, RecurrentBuilder.MORE),
            (range(2830, 2930), NarrowBuilder, ("conv", "gemm") * 6)]


WIDE = (*range(2000, 2200), *range(2634, 2650), *range(2720, 2730), *range(2810, 2830))  # graphs with activations of 16 bits
COUNT = 2930  # graphs in all


def build(seed, number, graph, prefix=""):
    """Adds graph `number` of a seed to `graph`; returns its builder."""
    kind, more = next(((k, m) for numbers, k, m in families() if number in numbers), (Builder, ()))
    for attempt in range(1000):
        mark = [len(part) for part in (graph.nodes, graph.constants, graph.inputs, graph.outputs)]
        builder = kind(np.random.default_rng([seed, number, attempt]), graph, prefix, wide=number in WIDE)
        builder.steps += more
        try:
            builder.build()
            return builder
        except Ambiguous:
            for part, size in zip((graph.nodes, graph.constants, graph.inputs, graph.outputs), mark):
                del part[size:]
    raise RuntimeError(f"no graph for seed {seed}, number {number}")
