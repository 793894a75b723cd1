"""Writes a model of If nodes nested to a depth: usage: nested.py DEPTH > model.onnx."""

import sys


def field(number: int, payload: bytes) -> bytes:
    """A length-delimited protobuf field."""
    return varint(number << 3 | 2) + varint(len(payload)) + payload


def varint(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes(out) + bytes([value])


graph = b""
for _ in range(int(sys.argv[1])):
    attribute = field(1, b"then_branch") + field(6, graph) + b"\xa0\x01\x05"
    node = field(2, b"y") + field(4, b"If") + field(5, attribute)
    graph = field(1, node) + field(12, field(1, b"y"))
sys.stdout.buffer.write(b"\x08\x08" + field(8, b"\x10\x11") + field(7, graph))
