"""Writes ONNX files without the onnx package: just enough protobuf to state nodes, tensors and types, and to read constants back.

Field numbers are those of onnx.proto3 (ONNX 1.12, IR version 8).
"""

import numpy as np

DTYPES = {np.dtype(name): number for name, number in (
    ("float32", 1), ("uint8", 2), ("int8", 3), ("uint16", 4), ("int16", 5), ("int32", 6), ("int64", 7), ("bool", 9))}


def varint(value):
    value &= (1 << 64) - 1
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def number(field, value):
    return varint(field << 3) + varint(value)


def chunk(field, data):
    """A length-delimited field: bytes, text, or a nested message."""
    data = data.encode() if isinstance(data, str) else data
    return varint(field << 3 | 2) + varint(len(data)) + data


def tensor(name, array):
    array = np.ascontiguousarray(array)
    dims = b"".join(number(1, d) for d in array.shape)
    return dims + number(2, DTYPES[array.dtype]) + chunk(8, name) + chunk(9, array.tobytes())


def attribute(name, value):
    head = chunk(1, name)
    if isinstance(value, float):
        return head + varint(2 << 3 | 5) + np.float32(value).tobytes() + number(20, 1)
    if isinstance(value, int):
        return head + number(3, value) + number(20, 2)
    if isinstance(value, str):
        return head + chunk(4, value) + number(20, 3)
    return head + b"".join(number(8, v) for v in value) + number(20, 7)


def value_info(name, dtype, shape):
    dims = b"".join(chunk(1, number(1, d)) for d in shape)
    tensor_type = number(1, DTYPES[np.dtype(dtype)]) + chunk(2, dims)
    return chunk(1, name) + chunk(2, chunk(1, tensor_type))


class Graph:
    """Collects nodes and constants in order; every value is its name."""

    def __init__(self, name):
        self.name, self.nodes, self.constants, self.inputs, self.outputs = name, [], [], [], []
        self.opsets = {"": 17}  # of the domains in use

    def input(self, name, dtype, shape):
        self.inputs.append(value_info(name, dtype, shape))
        return name

    def output(self, name, dtype, shape):
        self.outputs.append(value_info(name, dtype, shape))

    def constant(self, name, array):
        self.constants.append(tensor(name, array))
        return name

    def constant_of(self, name, shape, dtype, data):
        """A constant whose type, a number of ONNX, numpy may not have."""
        dims = b"".join(number(1, d) for d in shape)
        self.constants.append(dims + number(2, dtype) + chunk(8, name) + chunk(9, data))
        return name

    def node(self, op, inputs, output, domain="", **attributes):
        self.nodes.append(
            b"".join(chunk(1, i) for i in inputs) + chunk(2, output) + chunk(3, output) + chunk(4, op)
            + (chunk(7, domain) if domain else b"") + b"".join(chunk(5, attribute(k, v)) for k, v in sorted(attributes.items())))
        return output

    def save(self, path, doc):
        graph = (b"".join(chunk(1, n) for n in self.nodes) + chunk(2, self.name)
                 + b"".join(chunk(5, c) for c in self.constants)
                 + b"".join(chunk(11, i) for i in self.inputs) + b"".join(chunk(12, o) for o in self.outputs))
        model = (number(1, 8) + chunk(2, "dlc examples") + chunk(6, doc) + chunk(7, graph)
                 + b"".join(chunk(8, chunk(1, d) + number(2, v)) for d, v in self.opsets.items()))
        with open(path, "wb") as f:
            f.write(model)


def fields(data):
    """(field number, value) of a message; a value is an int or bytes."""
    at = 0

    def read_varint():
        nonlocal at
        value = shift = 0
        while True:
            byte = data[at]
            at += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    while at < len(data):
        key = read_varint()
        if key & 7 == 0:
            yield key >> 3, read_varint()
        else:
            size = {1: 8, 5: 4}[key & 7] if key & 7 != 2 else read_varint()
            yield key >> 3, data[at:at + size]
            at += size


def read_constants(path):
    """{name: array} of the constants in a file that Graph.save wrote."""
    dtypes = {number: dtype for dtype, number in DTYPES.items()}
    with open(path, "rb") as f:
        graph = next(value for field, value in fields(f.read()) if field == 7)
    constants = {}
    for field, value in fields(graph):
        if field == 5:
            parts = list(fields(value))
            one = dict(parts)
            dims = [v for k, v in parts if k == 1]
            constants[one[8].decode()] = np.frombuffer(one[9], dtypes[one[2]]).reshape(dims)
    return constants
