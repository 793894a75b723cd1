#!/usr/bin/python3
"""Trains the quickstart's model on digits that it draws, quantizes it, and writes both and the held-out images.

    ./train.py              # about two minutes on one core; needs Debian's python3-numpy
    ./train.py --quick      # half a minute, less accurate: to try a change
    ./train.py --quantize   # seconds: quantizes digits.onnx again, without training

The same seeds give the same images everywhere; trained weights differ in their
last bits between BLAS libraries.
"""

import argparse
import pathlib
import time

import numpy as np

import network
import onnx_file
import quantize
import strokes

HERE = pathlib.Path(__file__).parent
TRAIN_SEED, TEST_SEED, WEIGHT_SEED, CALIBRATION_SEED = 1, 2, 3, 4
TEST_COUNT, COMMITTED = 5000, 200  # held out; the first of them are committed
CALIBRATION_COUNT = 1000  # drawn like the training images, for the ranges of activations


def train(images, labels, epochs, batch=64, rate=4e-3):
    rng = np.random.default_rng(WEIGHT_SEED)
    net = network.Network(rng)
    adam = network.Adam(net.layers)
    steps, step, started = epochs * (len(images) // batch), 0, time.time()
    for epoch in range(epochs):
        order, losses = rng.permutation(len(images)), []
        for first in range(0, len(images) - batch + 1, batch):
            pick = order[first:first + batch]
            p = network.softmax(net.forward(network.as_input(images[pick]), train=True))
            losses.append(-np.log(p[np.arange(batch), labels[pick]] + 1e-9).mean())
            p[np.arange(batch), labels[pick]] -= 1
            net.backward(p / np.float32(batch))
            adam.step(rate * (.5 + .5 * np.cos(np.pi * step / steps)))  # cosine decay
            step += 1
        print(f"epoch {epoch + 1}/{epochs}: loss {np.mean(losses):.4f}, {time.time() - started:.0f} s", flush=True)
    return net


def export_fp32(net, path, doc):
    """The network as ONNX: channels first, batch normalization left for the compiler to fold."""
    g = onnx_file.Graph("digits")
    size = strokes.SIZE
    value = g.input("image", np.float32, (1, 1, size, size))
    counters = {}

    def fresh(kind):
        counters[kind] = counters.get(kind, 0) + 1
        return f"{kind}{counters[kind]}"

    for layer in net.layers:
        if isinstance(layer, network.Conv3x3):
            name = fresh("conv")
            w = layer.weight.reshape(3, 3, 1, -1).transpose(3, 2, 0, 1)
            value = g.node("Conv", [value, g.constant(name + ".weight", w)], name,
                           kernel_shape=[3, 3], pads=[1, 1, 1, 1])
        elif isinstance(layer, network.Depthwise3x3):
            name, channels = fresh("depthwise"), layer.weight.shape[-1]
            w = layer.weight.transpose(2, 0, 1)[:, None]
            value = g.node("Conv", [value, g.constant(name + ".weight", w)], name, group=channels,
                           kernel_shape=[3, 3], pads=[1, 1, 1, 1], strides=[layer.stride] * 2)
        elif isinstance(layer, network.Dense) and "bias" in layer.params:
            weight, bias = g.constant("dense.weight", layer.weight), g.constant("dense.bias", layer.bias)
            value = g.node("Gemm", [value, weight, bias], "dense")
        elif isinstance(layer, network.Dense):
            name = fresh("pointwise")
            w = layer.weight.T[:, :, None, None]
            value = g.node("Conv", [value, g.constant(name + ".weight", w)], name, kernel_shape=[1, 1])
        elif isinstance(layer, network.BatchNorm):
            name = fresh("norm")
            parts = [g.constant(f"{name}.{part}", getattr(layer, part))
                     for part in ("scale", "shift", "mean", "variance")]
            value = g.node("BatchNormalization", [value, *parts], name, epsilon=layer.epsilon)
        elif isinstance(layer, network.Relu):
            value = g.node("Relu", [value], fresh("relu"))
        elif isinstance(layer, network.MaxPool2):
            value = g.node("MaxPool", [value], fresh("pool"), kernel_shape=[2, 2], strides=[2, 2])
        elif isinstance(layer, network.GlobalAveragePool):
            value = g.node("GlobalAveragePool", [value], "average")
            value = g.node("Flatten", [value], "features")
    value = g.node("Softmax", [value], "probabilities", axis=-1)
    g.output(value, np.float32, (1, 10))
    g.save(path, doc)


def load_fp32(path):
    """The network that export_fp32 wrote."""
    constants, net = onnx_file.read_constants(path), network.Network(np.random.default_rng(WEIGHT_SEED))
    counters = {}
    for layer in net.layers:
        kind = {network.Conv3x3: "conv", network.Depthwise3x3: "depthwise", network.Dense: "pointwise",
                network.BatchNorm: "norm"}.get(type(layer))
        counters[kind] = counters.get(kind, 0) + 1
        name = f"{kind}{counters[kind]}"
        if kind == "norm":
            for part in ("scale", "shift", "mean", "variance"):
                setattr(layer, part, constants[f"{name}.{part}"])
        elif kind == "pointwise" and "bias" in layer.params:
            layer.weight, layer.bias = constants["dense.weight"], constants["dense.bias"]
        elif kind:
            w = constants[name + ".weight"]
            if kind == "conv":
                layer.weight = w.transpose(2, 3, 1, 0).reshape(9, -1)
            elif kind == "depthwise":
                layer.weight = w[:, 0].transpose(1, 2, 0)
            else:
                layer.weight = w[:, :, 0, 0].T
    return net


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a quarter of the images, fewer epochs")
    parser.add_argument("--quantize", action="store_true", help="read digits.onnx instead of training")
    parser.add_argument("--output", type=pathlib.Path, default=HERE, help="folder to write to (default: beside this)")
    args = parser.parse_args()
    count, epochs = (6000, 3) if args.quick else (24000, 8)
    args.output.mkdir(parents=True, exist_ok=True)

    def describe(what, outputs):
        right = outputs.argmax(-1) == labels
        doc = (f"{what}: {right.mean():.2%} of {TEST_COUNT} held-out images right, "
               f"{right[:COMMITTED].sum()} of the {COMMITTED} committed ones.")
        print(doc, flush=True)
        return doc

    images, labels = strokes.dataset(TEST_SEED, TEST_COUNT)
    if args.quantize:
        net = load_fp32(args.output / "digits.onnx")
        describe("Hand-drawn digits", net.probabilities(images))
    else:
        print(f"drawing {count} digits", flush=True)
        net = train(*strokes.dataset(TRAIN_SEED, count), epochs)
        probabilities = net.probabilities(images)
        export_fp32(net, args.output / "digits.onnx", describe("Hand-drawn digits", probabilities))
        np.save(args.output / "images.npy", images[:COMMITTED])
        np.save(args.output / "labels.npy", labels[:COMMITTED])
        np.save(args.output / "probabilities.npy", probabilities[:COMMITTED])

    stages = quantize.fold(net)
    quantize.calibrate(stages, strokes.dataset(CALIBRATION_SEED, CALIBRATION_COUNT)[0])
    outputs = quantize.outputs(stages, images)
    quantize.export_int8(stages, strokes.SIZE, outputs.shape[-1], args.output / "digits_int8.onnx",
                         describe("Hand-drawn digits, int8", outputs))
    np.save(args.output / "probabilities_int8.npy", outputs[:COMMITTED])


if __name__ == "__main__":
    main()
