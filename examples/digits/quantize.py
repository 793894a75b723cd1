"""Post-training quantization: the trained network as int8, calibrated on images, computed in integers, written as ONNX.

Weights are symmetric with a scale for each output channel, activations asymmetric
with one scale for each tensor, biases int32. ONNX states it with
QuantizeLinear and DequantizeLinear around float operators (the "Q/DQ form").
"""

import numpy as np

import network
import onnx_file

INPUT = (np.float32(1 / 255), -128)  # scale and zero point: pixel - 128 is the quantized input
OUTPUT = (np.float32(1 / 256), -128)  # of probabilities


class Stage:
    """An operator with what surrounds it folded in: kind, name, weights [..., outputs], bias, ReLU, output range."""

    def __init__(self, kind, name, weight=None, bias=None, stride=1):
        self.kind, self.name, self.weight, self.bias, self.stride = kind, name, weight, bias, stride
        self.relu = False
        self.low = self.high = 0.0

    def windows(self, x, zero):
        """The nine shifted images of a 3x3 window, padded with `zero`."""
        h, w, s = x.shape[1], x.shape[2], self.stride
        p = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)), constant_values=zero)
        return [p[:, i:i + h:s, j:j + w:s] for i in range(3) for j in range(3)]

    def sums(self, x, weight, zero=0):
        """Products of x and weights summed, in x's type."""
        if self.kind == "conv":
            return np.concatenate(self.windows(x, zero), -1) @ weight.reshape(9, -1)
        if self.kind == "depthwise":
            return sum(x * w for x, w in zip(self.windows(x, zero), weight.reshape(9, -1)))
        return x @ weight  # pointwise, dense


def fold(net):
    """The layers of a trained network as stages; batch normalization goes into weights and bias."""
    stages, counters = [], {}

    def add(kind, *parameters, **options):
        counters[kind] = counters.get(kind, 0) + 1
        single = kind in ("average", "dense")
        stages.append(Stage(kind, kind if single else f"{kind}{counters[kind]}", *parameters, **options))

    for layer in net.layers:
        if isinstance(layer, network.Conv3x3):
            add("conv", layer.weight.reshape(3, 3, -1), np.float32(0))
        elif isinstance(layer, network.Depthwise3x3):
            add("depthwise", layer.weight, np.float32(0), stride=layer.stride)
        elif isinstance(layer, network.Dense):
            add("dense" if "bias" in layer.params else "pointwise", layer.weight, layer.bias)
        elif isinstance(layer, network.BatchNorm):
            factor = layer.scale / np.sqrt(layer.variance + np.float32(layer.epsilon))
            stages[-1].weight = stages[-1].weight * factor
            stages[-1].bias = (stages[-1].bias - layer.mean) * factor + layer.shift
        elif isinstance(layer, network.Relu):
            stages[-1].relu = True
        elif isinstance(layer, network.MaxPool2):
            add("pool")
        elif isinstance(layer, network.GlobalAveragePool):
            add("average")
    return stages


def max_pool(x):
    return np.maximum.reduce([x[:, i::2, j::2] for i in (0, 1) for j in (0, 1)])


def calibrate(stages, images, batch=500):
    """Notes the range of every stage's output over the images, and derives scales and integer weights."""
    for first in range(0, len(images), batch):
        x = network.as_input(images[first:first + batch])
        for stage in stages:
            if stage.kind == "pool":
                x = max_pool(x)
            elif stage.kind == "average":
                x = x.mean((1, 2))
            else:
                x = stage.sums(x, stage.weight) + stage.bias
            if stage.relu:
                x = np.maximum(x, 0)
            stage.low, stage.high = min(stage.low, x.min()), max(stage.high, x.max())
    scale, zero = INPUT
    for stage in stages:
        stage.input = scale, zero
        if stage.kind != "pool":  # a maximum keeps its input's scale
            scale = np.float32((stage.high - stage.low) / 255)
            zero = int(np.rint(-128 - stage.low / scale))
        stage.output = scale, zero
        if stage.weight is not None:
            largest = np.abs(stage.weight).max(tuple(range(stage.weight.ndim - 1)))
            stage.weight_scale = np.maximum(largest / 127, 1e-12).astype(np.float32)
            stage.bias_scale = stage.input[0] * stage.weight_scale
            stage.q_weight = np.rint(stage.weight / stage.weight_scale).astype(np.int8)
            stage.q_bias = np.rint(stage.bias / stage.bias_scale).astype(np.int32)


def quantized(x, scale, zero):
    return np.clip(np.rint(x / np.float64(scale)) + zero, -128, 127).astype(np.int32)


def outputs(stages, images, batch=500):
    """What the ONNX definition makes of uint8 images: quantized probabilities, int8 [n, classes]."""
    parts = []
    for first in range(0, len(images), batch):
        x = images[first:first + batch, :, :, None].astype(np.int32) + INPUT[1]
        for stage in stages:
            scale, zero = stage.input
            if stage.kind == "pool":
                x = max_pool(x)
            elif stage.kind == "average":
                x = quantized((x.mean((1, 2)) - zero) * scale, *stage.output)
            else:
                # The zero point is what padding holds, and adds nothing to a sum.
                sums = stage.sums(x - zero, stage.q_weight.astype(np.int32)) + stage.q_bias
                x = quantized(sums * stage.bias_scale.astype(np.float64), *stage.output)
                if stage.relu:
                    x = np.maximum(x, stage.output[1])
        scale, zero = stages[-1].output
        parts.append(quantized(network.softmax((x - zero) * np.float64(scale)), *OUTPUT).astype(np.int8))
    return np.concatenate(parts)


class Writer:
    """Adds nodes to an ONNX graph, with values and constants in the Q/DQ form."""

    def __init__(self, graph):
        self.graph = graph

    def dequantize(self, value, name, scale, zero=None, axis=None):
        """Float `name` of an integer value; scales in a vector belong to the slices along an axis."""
        inputs = [value, self.graph.constant(f"{name}.scale", np.float32(scale))]
        if zero is not None:
            inputs.append(self.graph.constant(f"{name}.zero", np.int8(zero)))
        return self.graph.node("DequantizeLinear", inputs, name, **({} if axis is None else {"axis": axis}))

    def quantize(self, value, name, scale, zero):
        return self.graph.node("QuantizeLinear", [value, self.graph.constant(f"{name}.scale", np.float32(scale)),
                                                  self.graph.constant(f"{name}.zero", np.int8(zero))], name)

    def weights(self, stage, array, axis):
        """Dequantized weights and bias of a stage; `array` is q_weight in ONNX's order."""
        w = self.graph.constant(stage.name + ".q_weight", array)
        b = self.graph.constant(stage.name + ".q_bias", stage.q_bias)
        return [self.dequantize(w, stage.name + ".weight", stage.weight_scale, axis=axis),
                self.dequantize(b, stage.name + ".bias", stage.bias_scale, axis=0)]


def export_int8(stages, size, classes, path, doc):
    """The stages as ONNX: int8 image (pixel - 128) in, int8 probabilities (256 p - 128) out."""
    graph = onnx_file.Graph("digits_int8")
    writer = Writer(graph)
    value = graph.input("image", np.int8, (1, 1, size, size))
    for stage in stages:
        x = [writer.dequantize(value, stage.name + ".input", *stage.input)]
        if stage.kind == "conv":
            x += writer.weights(stage, stage.q_weight.reshape(3, 3, 1, -1).transpose(3, 2, 0, 1), 0)
            y = graph.node("Conv", x, stage.name, kernel_shape=[3, 3], pads=[1, 1, 1, 1])
        elif stage.kind == "depthwise":
            x += writer.weights(stage, stage.q_weight.transpose(2, 0, 1)[:, None], 0)
            y = graph.node("Conv", x, stage.name, group=stage.weight.shape[-1], kernel_shape=[3, 3],
                           pads=[1, 1, 1, 1], strides=[stage.stride] * 2)
        elif stage.kind == "pointwise":
            x += writer.weights(stage, stage.q_weight.T[:, :, None, None], 0)
            y = graph.node("Conv", x, stage.name, kernel_shape=[1, 1])
        elif stage.kind == "dense":
            x += writer.weights(stage, stage.q_weight, 1)
            y = graph.node("Gemm", x, stage.name)
        elif stage.kind == "pool":
            y = graph.node("MaxPool", x, stage.name, kernel_shape=[2, 2], strides=[2, 2])
        else:
            y = graph.node("GlobalAveragePool", x, stage.name)
        if stage.relu:
            y = graph.node("Relu", [y], stage.name + ".relu")
        value = writer.quantize(y, stage.name + ".output", *stage.output)
        if stage.kind == "average":
            value = graph.node("Flatten", [value], "features")
    logits = writer.dequantize(value, "logits", *stages[-1].output)
    y = graph.node("Softmax", [logits], "softmax", axis=-1)
    graph.output(writer.quantize(y, "probabilities", *OUTPUT), np.int8, (1, classes))
    graph.save(path, doc)
