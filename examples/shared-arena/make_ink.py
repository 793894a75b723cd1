"""Writes ink.onnx, a network that says whether anything is drawn: no training, its weights are a box filter.

A 5x5 mean of the image, its largest value, and a sigmoid that is 1/2 where a quarter of the box is ink: a stroke
passes, specks do not.
"""

import os
import sys

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "digits"))
from onnx_file import Graph  # noqa: E402

SIZE = 20
STEEPNESS, THRESHOLD = 40.0, 0.25


def main():
    graph = Graph("ink")
    x = graph.input("image", np.float32, [1, 1, SIZE, SIZE])
    box = graph.constant("box", np.full((1, 1, 5, 5), STEEPNESS / 25, np.float32))
    bias = graph.constant("bias", np.full(1, -STEEPNESS * THRESHOLD, np.float32))
    blurred = graph.node("Conv", [x, box, bias], "blurred", kernel_shape=[5, 5])
    most = graph.node("GlobalMaxPool", [blurred], "most")
    graph.node("Sigmoid", [most], "ink")
    graph.output("ink", np.float32, [1, 1, 1, 1])
    graph.save(os.path.join(HERE, "ink.onnx"), "Whether anything is drawn: 0 to 1.")


if __name__ == "__main__":
    main()
