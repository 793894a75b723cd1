"""Steps in the forms that exporters write: no QuantizeLinear between a convolution and what follows it, weights as
floats between a pair of QuantizeLinear and DequantizeLinear, activations made of several nodes."""

import numpy as np

from builder import convolve
from graphs import Builder


class ExporterBuilder(Builder):
    MORE = ("conv",) * 10 + ("residual", "gated", "gated", "swish", "swish") * 4

    def stored_weights(self, inputs, real, attributes):
        """Quantization-aware training leaves weights as floats, with the rounding beside them."""
        if len(inputs) < 3 or not (np.asarray(real) != 0).any() or self.chance(.5):
            return inputs[0]
        return self.node("QuantizeLinear", [self.constant(real.astype(np.float32), "w"), *inputs[1:]], **attributes)

    def activation(self, name, real, magnitude):
        """LeakyRelu or PRelu, perhaps, on sums that were not rounded."""
        if self.chance(.5):
            return super().activation(name, real, magnitude)
        if self.chance(.4):
            alpha = float(np.float32(self.pick(.01, .1, .2, .5)))
            return (self.node("LeakyRelu", [name], alpha=alpha), np.where(real < 0, real * alpha, real))
        channels = real.shape[1] if real.ndim > 2 else real.shape[-1]
        slope = self.rng.uniform(.01, .9, self.pick(1, channels)).astype(np.float32)
        if real.ndim > 2 and slope.size > 1:
            slope = slope.reshape(-1, *[1] * (real.ndim - 2))
        self.text.append(f"prelu {list(slope.shape)}")
        return (self.node("PRelu", [name, self.constant(slope, "slope")]),
                np.where(real < 0, real * slope.astype(np.float64), real))

    def residual(self, x):
        """A convolution plus its input, rounded once."""
        if x.q.ndim != 4:
            return self.gemm(x)
        before, self.skip = self.activation, x
        self.activation = self.added
        try:
            c = x.shape[1]
            kernel = self.pick(1, 3)
            pads = [kernel // 2] * 4
            self.text.append(f"residual {list(x.shape)} kernel {kernel}")
            return self.linear(x, (c, c, kernel, kernel), 0,
                               lambda a, w: convolve(a, w, 1, [1, 1], [1, 1], pads),
                               lambda inputs, bias: self.node("Conv", inputs + ([bias] if bias else []),
                                                              kernel_shape=[kernel] * 2, pads=pads), None, 1)
        finally:
            self.activation = before

    def added(self, name, real, magnitude):
        """The residual sum; its magnitude is looked at like that of the convolution's own sum."""
        size = np.abs(self.skip.real)
        if size.max() > 64 * max(np.abs(real).max(), 1e-30):
            return name, real
        name, real = self.node("Add", [name, self.dequantize(self.skip)]), real + self.skip.real
        return (self.node("Relu", [name]), np.maximum(real, 0)) if self.chance(.5) else (name, real)

    def gated(self, x):
        """Squeeze and excite: channels scaled by a function of their means."""
        if x.q.ndim != 4:
            return self.swish(x)
        self.text.append(f"gated {list(x.shape)}")
        mean = self.quantize(self.node("GlobalAveragePool", [self.dequantize(x)]), x.real.mean((2, 3), keepdims=True),
                             np.abs(x.real).mean((2, 3), keepdims=True), relative=2.0**-20)
        gate = np.clip(mean.real / 6 + .5, 0, 1)
        gate = self.quantize(self.node("HardSigmoid", [self.dequantize(mean)], alpha=1 / 6, beta=.5), gate, gate + 1,
                             relative=2e-6, parameters=(np.float32(self.pick(1 / 255, 1 / 256)), -128, "int8"))
        real = x.real * gate.real
        return self.quantize(self.node("Mul", [self.dequantize(x), self.dequantize(gate)]), real, np.abs(real))

    def swish(self, x):
        """x * sigmoid(x) or x * clip(x + 3, 0, 6) / 6, every node's result rounded."""
        self.text.append(f"swish {list(x.shape)}")
        if self.chance(.5):
            gate = 1 / (1 + np.exp(-np.clip(x.real, -80, 80)))
            gate = self.quantize(self.node("Sigmoid", [self.dequantize(x)]), gate, gate + 1, relative=2e-6,
                                 parameters=(np.float32(1 / 256), -128, "int8"))
            last = 1.0
        else:
            name = self.node("Add", [self.dequantize(x), self.constant(np.float32(3), "three")])
            gate = self.quantize(name, x.real + 3, np.abs(x.real) + 3)
            name = self.node("Clip", [self.dequantize(gate), *(self.constant(np.float32(v), "bound") for v in (0, 6))])
            gate = self.quantize(name, np.clip(gate.real, 0, 6), np.abs(gate.real) + 6)
            last = np.float64(np.float32(1 / 6))
        real = x.real * gate.real
        name = self.node("Mul", [self.dequantize(x), self.dequantize(gate)])
        if last != 1.0 and self.chance(.5):
            value = self.quantize(name, real, np.abs(real))
            name, real = self.dequantize(value), value.real
        if last != 1.0:
            name = self.node("Mul", [name, self.constant(np.float32(last), "sixth")])
        return self.quantize(name, real * last, np.abs(real * last))
