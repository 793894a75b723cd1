"""A small convolutional network in numpy: layers with forward and backward, channels last."""

import numpy as np


class Layer:
    params = ()  # names of what is trained

    def forward(self, x, train):
        raise NotImplementedError

    def backward(self, dy):
        """Sets self.grads[name]; returns the gradient of the input."""
        raise NotImplementedError


def pad1(x):
    return np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))


class Conv3x3(Layer):
    """3x3, padding 1, from one channel: weight [9, outputs]."""

    params = ("weight",)

    def __init__(self, rng, outputs):
        self.weight = rng.normal(0, (2 / 9) ** .5, (9, outputs)).astype(np.float32)

    def forward(self, x, train):
        n, h, w, _ = x.shape
        p = pad1(x)[..., 0]
        self.columns = np.stack([p[:, i:i + h, j:j + w] for i in range(3) for j in range(3)], -1).reshape(-1, 9)
        return (self.columns @ self.weight).reshape(n, h, w, -1)

    def backward(self, dy):
        self.grads = {"weight": self.columns.T @ dy.reshape(-1, dy.shape[-1])}
        return None  # the first layer


class Depthwise3x3(Layer):
    """3x3, padding 1, a filter for each channel: weight [3, 3, channels]."""

    params = ("weight",)

    def __init__(self, rng, channels, stride):
        self.weight = rng.normal(0, (2 / 9) ** .5, (3, 3, channels)).astype(np.float32)
        self.stride = stride

    def windows(self, p, h, w):
        s = self.stride
        for i in range(3):
            for j in range(3):
                yield i, j, (slice(None), slice(i, i + h, s), slice(j, j + w, s))

    def forward(self, x, train):
        self.shape, self.padded = x.shape, pad1(x)
        y = 0
        for i, j, window in self.windows(self.padded, *x.shape[1:3]):
            y = y + self.padded[window] * self.weight[i, j]
        return y

    def backward(self, dy):
        h, w = self.shape[1:3]
        dx, dw = np.zeros_like(self.padded), np.empty_like(self.weight)
        for i, j, window in self.windows(dx, h, w):
            dw[i, j] = (self.padded[window] * dy).sum((0, 1, 2))
            dx[window] += dy * self.weight[i, j]
        self.grads = {"weight": dw}
        return dx[:, 1:-1, 1:-1]


class Dense(Layer):
    """Matrix product over the last dimension: a pointwise convolution, or Gemm with a bias."""

    def __init__(self, rng, inputs, outputs, bias=False):
        self.weight = rng.normal(0, (2 / inputs) ** .5, (inputs, outputs)).astype(np.float32)
        self.bias = np.zeros(outputs, np.float32)
        self.params = ("weight", "bias") if bias else ("weight",)

    def forward(self, x, train):
        self.x = x
        flat = x.reshape(-1, x.shape[-1])
        return (flat @ self.weight + self.bias).reshape(*x.shape[:-1], -1)

    def backward(self, dy):
        d = dy.reshape(-1, dy.shape[-1])
        self.grads = {"weight": self.x.reshape(-1, self.x.shape[-1]).T @ d, "bias": d.sum(0)}
        return (d @ self.weight.T).reshape(self.x.shape)


class BatchNorm(Layer):
    params = ("scale", "shift")
    epsilon = 1e-3

    def __init__(self, channels):
        self.scale, self.shift = np.ones(channels, np.float32), np.zeros(channels, np.float32)
        self.mean, self.variance = np.zeros(channels, np.float32), np.ones(channels, np.float32)

    def forward(self, x, train):
        if train:
            mean = x.mean((0, 1, 2))
            centred = x - mean
            variance = (centred * centred).mean((0, 1, 2))
            self.mean += .05 * (mean - self.mean)
            self.variance += .05 * (variance - self.variance)
        else:
            centred, variance = x - self.mean, self.variance
        self.inverse = 1 / np.sqrt(variance + np.float32(self.epsilon))
        self.normal = centred * self.inverse
        return self.normal * self.scale + self.shift

    def backward(self, dy):
        self.grads = {"scale": (dy * self.normal).sum((0, 1, 2)), "shift": dy.sum((0, 1, 2))}
        count = dy.size // dy.shape[-1]
        inner = dy - (self.grads["shift"] + self.normal * self.grads["scale"]) / count
        return inner * (self.scale * self.inverse)


class Relu(Layer):
    def forward(self, x, train):
        self.positive = x > 0
        return x * self.positive

    def backward(self, dy):
        return dy * self.positive


class MaxPool2(Layer):
    def forward(self, x, train):
        self.quarters = [x[:, i::2, j::2] for i in (0, 1) for j in (0, 1)]
        self.y = np.maximum.reduce(self.quarters)
        self.shape = x.shape
        return self.y

    def backward(self, dy):
        dx = np.zeros(self.shape, dy.dtype)
        left = dy
        for (i, j), quarter in zip(((0, 0), (0, 1), (1, 0), (1, 1)), self.quarters):
            mine = np.where(quarter == self.y, left, 0)  # the first of equal maxima gets all
            dx[:, i::2, j::2] = mine
            left = left - mine
        return dx


class GlobalAveragePool(Layer):
    def forward(self, x, train):
        self.shape = x.shape
        return x.mean((1, 2))

    def backward(self, dy):
        n, h, w, c = self.shape
        return np.broadcast_to(dy[:, None, None] / np.float32(h * w), self.shape)


def softmax(logits):
    e = np.exp(logits - logits.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


class Adam:
    def __init__(self, layers):
        self.slots = [(layer, name) for layer in layers for name in layer.params]
        self.state = [(np.zeros_like(getattr(l, n)), np.zeros_like(getattr(l, n))) for l, n in self.slots]
        self.step_count = 0

    def step(self, rate):
        self.step_count += 1
        correction = (1 - .999**self.step_count) ** .5 / (1 - .9**self.step_count)
        for (layer, name), (m, v) in zip(self.slots, self.state):
            g = layer.grads[name]
            m += .1 * (g - m)
            v += .001 * (g * g - v)
            getattr(layer, name)[...] -= np.float32(rate * correction) * m / (np.sqrt(v) + 1e-7)


class Network:
    """conv 3x3 - pool - two depthwise separable blocks - average pool - gemm - softmax."""

    def __init__(self, rng, widths=(16, 32, 48), classes=10):
        a, b, c = widths
        self.layers = [
            Conv3x3(rng, a), BatchNorm(a), Relu(), MaxPool2(),
            Depthwise3x3(rng, a, 1), BatchNorm(a), Relu(), Dense(rng, a, b), BatchNorm(b), Relu(),
            Depthwise3x3(rng, b, 2), BatchNorm(b), Relu(), Dense(rng, b, c), BatchNorm(c), Relu(),
            GlobalAveragePool(), Dense(rng, c, classes, bias=True),
        ]

    def forward(self, x, train=False):
        for layer in self.layers:
            x = layer.forward(x, train)
        return x

    def backward(self, dy):
        for layer in reversed(self.layers):
            dy = layer.backward(dy)

    def probabilities(self, images, batch=500):
        """Softmax outputs for uint8 images [n, h, w]."""
        parts = [softmax(self.forward(as_input(images[i:i + batch]))) for i in range(0, len(images), batch)]
        return np.concatenate(parts)


def as_input(images):
    return (images.astype(np.float32) / np.float32(255))[..., None]
