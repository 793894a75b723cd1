"""Ways to corrupt a model: on its bytes, on its structure, and on what it says."""

import pathlib
import random
import struct
from typing import List, Tuple

import wire
from wire import BYTES, VARINT, Field, Message

SCHEMA = wire.Schema(pathlib.Path(__file__).parent.parent / "Import" / "Inputs" / "onnx.proto")

ABSURD = [
    -1, 0, 1, 2, 3, 5, 7, 16, 17, 63, 64, 127, 128, 255, 256, 1000, 65535, 65536, 1 << 20,
    (1 << 31) - 1, 1 << 31, 1 << 32, 1 << 33, 1 << 40, 1 << 62, (1 << 63) - 1, -(1 << 63),
    -2, -3, -128, -(1 << 31),
]
FLOATS = [0.0, -0.0, 1.0, -1.0, 0.5, 1e-45, 1e38, -1e38, float("inf"), float("-inf"), float("nan")]
WORDS = [
    b"", b"NOTSET", b"SAME_UPPER", b"VALID", b"linear", b"ij,jk->ik", b"...->", b"i,i,i->ii",
    b"\xff\x00", b"constant", b"add", b"a" * 5000, b"CRD", b"reflect", b"tf_crop_and_resize",
]


class Corpus:
    """The valid models, and what they have that others can borrow."""

    def __init__(self, paths: List[pathlib.Path]):
        self.paths = paths
        self.cache = {}
        self.words = None

    def load(self, path: pathlib.Path) -> Tuple[bytes, Message]:
        if path not in self.cache:
            data = path.read_bytes()
            self.cache[path] = data, Message.parse(SCHEMA, "ModelProto", data)
        data, model = self.cache[path]
        return data, model.copy()

    def operators(self) -> List[bytes]:
        """Operators of a sample of the models."""
        if self.words is None:
            found = set()
            for path in self.paths[:: max(1, len(self.paths) // 400)]:
                for node in of_type(self.load(path)[1], "NodeProto"):
                    found.update(f.value for f in fields(node, "op_type"))
            self.words = sorted(found)
        return self.words

    def corrupt(self, rng: random.Random) -> Tuple[str, bytes, str]:
        """Name of the model that was taken, the corrupted bytes, what was done."""
        path = rng.choice(self.paths)
        data, model = self.load(path)
        done = []
        if rng.random() < 0.93:
            for _ in range(rng.choice([1, 1, 1, 2, 2, 3, 5])):
                mutation = rng.choice(STRUCTURED)
                if mutation(self, rng, model):
                    done.append(mutation.__name__)
            data = model.encode()
        if not done or rng.random() < 0.04:
            mutation = rng.choice(RAW)
            data = mutation(rng, data)
            done.append(mutation.__name__)
        name = path.parent.name if path.name == "model.onnx" else path.name
        return name, data, "+".join(done)


def of_type(model: Message, *types: str) -> List[Message]:
    return [m for m in model.walk() if m.type_name in types]


def fields(message: Message, name: str) -> List[Field]:
    number = SCHEMA.number(message.type_name, name)
    return [f for f in message.fields if f.number == number]


def with_field(model: Message, type_name: str, name: str) -> List[Tuple[Message, Field]]:
    return [(m, f) for m in of_type(model, type_name) for f in fields(m, name)]


def integers(found: List[Field]) -> List[int]:
    """The values of a repeated integer field, packed or not."""
    values = []
    for field in found:
        if isinstance(field.value, int):
            values.append(field.value)
            continue
        at = 0
        while at < len(field.value):
            value, at = wire.read_varint(field.value, at)
            values.append(value)
    return values


# --- bytes ---


def flip_bits(rng: random.Random, data: bytes) -> bytes:
    out = bytearray(data or b"\0")
    for _ in range(rng.choice([1, 1, 2, 4, 16])):
        out[rng.randrange(len(out))] ^= 1 << rng.randrange(8)
    return bytes(out)


def truncate(rng: random.Random, data: bytes) -> bytes:
    return data[: rng.randrange(len(data) + 1)]


def cut_out(rng: random.Random, data: bytes) -> bytes:
    at = rng.randrange(len(data) + 1)
    return data[:at] + data[at + rng.randrange(1, 64) :]


def insert_noise(rng: random.Random, data: bytes) -> bytes:
    at = rng.randrange(len(data) + 1)
    return data[:at] + rng.randbytes(rng.randrange(1, 64)) + data[at:]


def repeat_bytes(rng: random.Random, data: bytes) -> bytes:
    at = rng.randrange(len(data) + 1)
    piece = data[at : at + rng.randrange(1, 200)]
    return data[:at] + piece * rng.choice([2, 3, 100]) + data[at:]


RAW = [flip_bits, flip_bits, truncate, cut_out, insert_noise, repeat_bytes]


# --- structure; each returns whether it changed something ---


def drop_field(_, rng: random.Random, model: Message) -> bool:
    messages = [m for m in model.walk() if m.fields]
    if messages:
        message = rng.choice(messages)
        del message.fields[rng.randrange(len(message.fields))]
    return bool(messages)


def duplicate_field(_, rng: random.Random, model: Message) -> bool:
    messages = [m for m in model.walk() if m.fields]
    if messages:
        message = rng.choice(messages)
        field = rng.choice(message.fields)
        for _ in range(rng.choice([1, 1, 2, 20])):
            message.fields.insert(rng.randrange(len(message.fields) + 1), field.copy())
    return bool(messages)


def shuffle_fields(_, rng: random.Random, model: Message) -> bool:
    messages = [m for m in model.walk() if len(m.fields) > 1]
    if messages:
        rng.shuffle(rng.choice(messages).fields)
    return bool(messages)


def swap_values(_, rng: random.Random, model: Message) -> bool:
    """Exchanges two fields of one kind: types of values, data of tensors, ..."""
    by_kind = {}
    for message in model.walk():
        for field in message.fields:
            by_kind.setdefault((message.type_name, field.number, field.wire), []).append(field)
    kinds = [same for same in by_kind.values() if len(same) > 1]
    if kinds:
        one, two = rng.sample(rng.choice(kinds), 2)
        one.value, two.value = two.value, one.value
    return bool(kinds)


def splice(corpus: Corpus, rng: random.Random, model: Message) -> bool:
    """Puts a part of another model into this one, where its kind belongs."""
    donor = corpus.load(rng.choice(corpus.paths))[1]
    target = rng.choice(list(model.walk()))
    sources = [m for m in of_type(donor, target.type_name) if m.fields]
    if not sources:
        return False
    field = rng.choice(rng.choice(sources).fields).copy()
    same = [i for i, f in enumerate(target.fields) if f.number == field.number]
    if same and rng.random() < 0.5:
        target.fields[rng.choice(same)] = field
    else:
        target.fields.insert(rng.randrange(len(target.fields) + 1), field)
    return True


def nest_graph(_, rng: random.Random, model: Message) -> bool:
    """Puts a graph into an attribute of one of its own nodes, a few times."""
    graphs, nodes = of_type(model, "GraphProto"), of_type(model, "NodeProto")
    if not graphs or not nodes:
        return False

    def attribute(graph: Message) -> Field:
        number = SCHEMA.number("AttributeProto", "g")
        parts = [Field(1, BYTES, rng.choice([b"body", b"then_branch", b"else_branch"])),
                 Field(number, BYTES, graph), Field(20, VARINT, 5)]
        return Field(5, BYTES, Message("AttributeProto", parts))

    graph = rng.choice(graphs).copy()
    for _ in range(rng.choice([1, 2, 6])):
        inner = of_type(graph, "NodeProto")
        if not inner or len(list(graph.walk())) > 3000:
            break
        rng.choice(inner).fields.append(attribute(graph.copy()))
    rng.choice(nodes).fields.append(attribute(graph))
    return True


def make_function(corpus: Corpus, rng: random.Random, model: Message) -> bool:
    """Declares one of the operators as a function of the model, often recursive."""
    nodes = [n for n in of_type(model, "NodeProto") if fields(n, "op_type")]
    if not nodes:
        return False
    node = rng.choice(nodes)
    body = [n.copy() for n in rng.sample(nodes, min(len(nodes), 3))]
    if rng.random() < 0.7:  # not recursive, for once
        for inner in body:
            fields(inner, "op_type")[0].value = rng.choice(corpus.operators())
    parts = [Field(1, BYTES, fields(node, "op_type")[0].value)]
    parts += [Field(4, BYTES, f.value) for f in fields(node, "input")]
    parts += [Field(5, BYTES, f.value) for f in fields(node, "output")]
    parts += [Field(7, BYTES, n) for n in body]
    parts += [Field(6, BYTES, f.value) for _, f in with_field(model, "AttributeProto", "name")[:3]]
    parts += [Field(10, BYTES, f.value) for f in fields(node, "domain")]
    model.fields.append(Field(25, BYTES, Message("FunctionProto", parts)))
    return True


# --- meaning ---


def change_dtype(_, rng: random.Random, model: Message) -> bool:
    found = with_field(model, "TensorProto", "data_type")
    found += with_field(model, "TypeProto.Tensor", "elem_type")
    found += with_field(model, "TypeProto.SparseTensor", "elem_type")
    if not found:
        return False
    value = rng.choice([*range(28), -1, 1 << 31, 1 << 40])
    old = rng.choice(found)[1].value
    same = [field for _, field in found if field.value == old]
    # One lie, or the same one everywhere: the latter gets further.
    for field in same if rng.random() < 0.4 else [rng.choice(same)]:
        field.value = value
    return True


def change_dims(_, rng: random.Random, model: Message) -> bool:
    """Absurd sizes, ranks and zero dimensions in tensors and value types."""
    found = of_type(model, "TensorProto", "TensorShapeProto", "SparseTensorProto")
    if not found:
        return False
    message = rng.choice(found)
    name = "dim" if message.type_name == "TensorShapeProto" else "dims"
    number = SCHEMA.number(message.type_name, name)
    dims = fields(message, name)

    def make(size: int) -> Field:
        if name == "dims":
            return Field(number, VARINT, size)
        parts = [Field(1, VARINT, size)]
        return Field(number, BYTES, Message("TensorShapeProto.Dimension", parts))

    action = rng.randrange(4)
    if action == 0 and dims:
        message.fields.remove(rng.choice(dims))
    elif action == 1 or not dims:
        for _ in range(rng.choice([1, 1, 2, 20])):
            message.fields.append(make(rng.choice(ABSURD)))
    else:
        for field in [rng.choice(dims)] if action == 2 else dims:
            fresh = make(rng.choice(ABSURD))
            field.wire, field.value = fresh.wire, fresh.value
    return True


def rewire(_, rng: random.Random, model: Message) -> bool:
    """Lets a node read or write another value: cycles, double definitions, wrong inputs."""
    found = []
    for kind, name in (("NodeProto", "input"), ("NodeProto", "output"),
                       ("ValueInfoProto", "name"), ("TensorProto", "name")):
        found += [field for _, field in with_field(model, kind, name)]
    if found:
        rng.choice(found).value = rng.choice([f.value for f in found] + [b"", b"nothing"])
    return bool(found)


def change_arity(_, rng: random.Random, model: Message) -> bool:
    nodes = of_type(model, "NodeProto")
    names = [f.value for m in nodes for n in ("input", "output") for f in fields(m, n)]
    if not names:
        return False
    node = rng.choice(nodes)
    number = rng.choice([1, 1, 2])
    for _ in range(rng.choice([1, 1, 2, 30])):
        fresh = number == 2 and rng.random() < 0.9
        value = b"new%d" % rng.randrange(10**9) if fresh else rng.choice(names + [b""])
        node.fields.append(Field(number, BYTES, value))
    return True


def change_operator(corpus: Corpus, rng: random.Random, model: Message) -> bool:
    found = with_field(model, "NodeProto", "op_type")
    if found:
        rng.choice(found)[1].value = rng.choice(corpus.operators())
    return bool(found)


def change_opset(_, rng: random.Random, model: Message) -> bool:
    found = with_field(model, "OperatorSetIdProto", "version")
    found += with_field(model, "ModelProto", "ir_version")
    if found:
        rng.choice(found)[1].value = rng.choice([*range(30), *ABSURD])
    return bool(found)


def change_attribute(_, rng: random.Random, model: Message) -> bool:
    found = of_type(model, "AttributeProto")
    if not found:
        return False
    attribute = rng.choice(found)
    kind = rng.choice(["i", "i", "ints", "ints", "f", "s", "type", "name", "ref"])
    if kind == "i":
        for field in fields(attribute, "i"):
            field.value = rng.choice(ABSURD)
    elif kind == "ints":
        number = SCHEMA.number("AttributeProto", "ints")
        values = integers(fields(attribute, "ints")) or [1]
        values[rng.randrange(len(values))] = rng.choice(ABSURD)
        if rng.random() < 0.2:
            values = rng.choice([values[:-1], values * 2, values * 10])
        attribute.fields = [f for f in attribute.fields if f.number != number]
        attribute.fields += [Field(number, VARINT, value) for value in values]
    elif kind == "f":
        for field in fields(attribute, "f"):
            field.value = struct.pack("<f", rng.choice(FLOATS))
    elif kind == "s":
        for field in fields(attribute, "s"):
            field.value = rng.choice(WORDS)
    elif kind == "type":
        for field in fields(attribute, "type"):
            field.value = rng.randrange(17)
    elif kind == "name":
        names = [f.value for _, f in with_field(model, "AttributeProto", "name")]
        for field in fields(attribute, "name"):
            field.value = rng.choice(names + [b"", b"axis", b"axes", b"to", b"body"])
    else:
        number = SCHEMA.number("AttributeProto", "ref_attr_name")
        attribute.fields.append(Field(number, BYTES, b"axis"))
    return True


def change_constant(_, rng: random.Random, model: Message) -> bool:
    """Other values in tensors: shapes, axes, indices, scales and pads become absurd."""
    raw, int64 = SCHEMA.number("TensorProto", "raw_data"), SCHEMA.number("TensorProto", "int64_data")
    found = [(m, f) for m in of_type(model, "TensorProto") for f in m.fields
             if f.number in (raw, int64) and isinstance(f.value, bytes) and f.value]
    if not found:
        return False
    tensor, field = rng.choice(found)
    if field.number == int64:
        values = integers([field])
        values[rng.randrange(len(values))] = rng.choice(ABSURD)
        field.value = b"".join(map(wire.varint, values))
        return True
    dtype = next((f.value for f in fields(tensor, "data_type")), 0)
    data = bytearray(field.value)
    pick = {7: ("<q", ABSURD), 1: ("<f", FLOATS)}.get(dtype, ("<B", range(256)))
    size = struct.calcsize(pick[0])
    if len(data) >= size:
        at = rng.randrange(len(data) // size) * size
        data[at : at + size] = struct.pack(pick[0], rng.choice(pick[1]))
    field.value = bytes(data)
    return True


STRUCTURED = [
    drop_field, duplicate_field, shuffle_fields, swap_values, splice, splice, nest_graph,
    make_function, change_dtype, change_dtype, change_dims, change_dims, change_dims, rewire,
    rewire, change_arity, change_operator, change_operator, change_opset, change_attribute,
    change_attribute, change_attribute, change_constant, change_constant,
]
