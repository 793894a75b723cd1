"""Random quantized graphs as ONNX, with the results that the ONNX definition gives for random inputs.

Graphs are made step by step; every step adds nodes and computes their result in float64, integers exactly. Where
a real number lies so near to a tie that float arithmetic may round either way, the graph is thrown away
(Ambiguous), so that what is left has one right answer. Exact ties with scales that are powers of two stay:
they go to the even number.
"""

import numpy as np

from builder import Ambiguous, GraphBuilder
from elementwise_steps import ElementwiseSteps
from linear_steps import LinearSteps
from moving_steps import MovingSteps
from normalization_steps import NormalizationSteps
from resampling_steps import ResamplingSteps


class Builder(LinearSteps, ResamplingSteps, ElementwiseSteps, MovingSteps, NormalizationSteps, GraphBuilder):
    """Adds one random graph to an onnx_file.Graph; `inputs` and `outputs` are its data."""

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
