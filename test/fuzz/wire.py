"""Protobuf messages as editable trees, with the schema read from onnx.proto."""

import pathlib
import re
from typing import Dict, List, Optional, Tuple, Union

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5


def read_varint(data: bytes, at: int) -> Tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return value, at
        if shift > 63:
            raise ValueError("varint too long")


def varint(value: int) -> bytes:
    value &= (1 << 64) - 1
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


class Schema:
    """Message name -> field number -> (field name, type name)."""

    def __init__(self, path: pathlib.Path):
        text = re.sub(r"//.*", "", path.read_text(encoding="utf-8"))
        self.messages: Dict[str, Dict[int, Tuple[str, str]]] = {}
        stack: List[str] = []
        token = re.compile(
            r"(message|enum|oneof)\s+(\w+)\s*\{|"
            r"(?:repeated|optional)?\s*(\w+)\s+(\w+)\s*=\s*(\d+)[^;]*;|\}"
        )
        for match in token.finditer(text):
            kind, name, type_name, field, number = match.groups()
            if kind:
                stack.append(name if kind == "message" else "")
                if kind == "message":
                    self.messages.setdefault(self._qualified(stack), {})
            elif number:
                owner = self._qualified(stack)
                if owner in self.messages:
                    self.messages[owner][int(number)] = (field, type_name)
            else:
                stack.pop()

    @staticmethod
    def _qualified(stack: List[str]) -> str:
        return ".".join(name for name in stack if name)

    def child(self, message: str, number: int) -> Optional[str]:
        """The type of a field's messages; None when it holds something else."""
        type_name = self.messages.get(message, {}).get(number, ("", ""))[1]
        for candidate in (f"{message}.{type_name}", type_name):
            if candidate in self.messages:
                return candidate
        return None

    def number(self, message: str, field: str) -> int:
        return next(n for n, (f, _) in self.messages[message].items() if f == field)


class Field:
    """One field: an int, bytes, or a Message."""

    def __init__(self, number: int, wire: int, value: "Union[int, bytes, Message]"):
        self.number, self.wire, self.value = number, wire, value

    def copy(self) -> "Field":
        value = self.value.copy() if isinstance(self.value, Message) else self.value
        return Field(self.number, self.wire, value)


class Message:
    """A message of a known type whose fields are kept in file order."""

    def __init__(self, type_name: str, fields: List[Field]):
        self.type_name, self.fields = type_name, fields

    def copy(self) -> "Message":
        return Message(self.type_name, [field.copy() for field in self.fields])

    @staticmethod
    def parse(schema: Schema, type_name: str, data: bytes) -> "Message":
        fields, at = [], 0
        while at < len(data):
            tag, at = read_varint(data, at)
            number, wire = tag >> 3, tag & 7
            value: Union[int, bytes, Message]
            if wire == VARINT:
                value, at = read_varint(data, at)
            elif wire in (FIXED64, FIXED32):
                size = 8 if wire == FIXED64 else 4
                value, at = data[at : at + size], at + size
            elif wire == BYTES:
                size, at = read_varint(data, at)
                if at + size > len(data):
                    raise ValueError("field too long")
                value, at = data[at : at + size], at + size
                child = schema.child(type_name, number)
                if child:
                    value = Message.parse(schema, child, value)
            else:
                raise ValueError("groups are not used by ONNX")
            fields.append(Field(number, wire, value))
        return Message(type_name, fields)

    def encode(self) -> bytes:
        parts = []
        for field in self.fields:
            parts.append(varint(field.number << 3 | field.wire))
            if field.wire == VARINT:
                parts.append(varint(field.value))
            elif field.wire == BYTES:
                payload = field.value.encode() if isinstance(field.value, Message) else field.value
                parts += [varint(len(payload)), payload]
            else:
                parts.append(field.value)
        return b"".join(parts)

    def walk(self, depth: int = 0):
        """All messages in here, this one first."""
        yield self
        if depth < 40:
            for field in self.fields:
                if isinstance(field.value, Message):
                    yield from field.value.walk(depth + 1)
