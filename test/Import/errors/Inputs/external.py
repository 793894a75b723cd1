"""Imports models with external data: usage: external.py INPUTS FOLDER (with FOLDER/model/sub).

Prints one line a model: what is in it, and the message; some notes where they matter.
"""

import os
import pathlib
import subprocess
import sys

inputs, root = sys.argv[1], pathlib.Path(sys.argv[2])
folder = root / "model"
(root / "secret").write_bytes(bytes(16))
(folder / "weights").write_bytes(bytes(16))
(folder / "copy").write_bytes(bytes(16))
(folder / "link").symlink_to("weights")
(folder / "linked-folder").symlink_to("..")
os.link(folder / "copy", folder / "hard")
os.mkfifo(folder / "pipe")


def escape(text: str) -> str:
    return "".join(c if c.isprintable() and c not in '"\\' else f"\\{ord(c):03o}" for c in text)


def run(entries, extra="", count=1):
    """Returns the first message and its first note; demands exit code 1 unless it is a warning."""
    data = "".join(
        f'external_data {{ key: "{escape(k)}" value: "{escape(v)}" }}' for k, v in entries
    )
    tensors = "".join(
        f'initializer {{ name: "w{i}" dims: 1 data_type: 1 data_location: EXTERNAL {data} {extra} }}'
        for i in range(count)
    )
    text = f"ir_version: 8 opset_import {{ version: 17 }} graph {{ {tensors} }}"
    model = subprocess.run(
        ["protoc", "--encode=onnx.ModelProto", f"-I{inputs}", "onnx.proto"],
        input=text.encode(), stdout=subprocess.PIPE, check=True,
    ).stdout
    (folder / "model.onnx").write_bytes(model)
    result = subprocess.run(
        ["dlc-compile", str(folder / "model.onnx"), "--stop-after=import", "-o", "-"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60, text=True,
    )
    lines = result.stderr.splitlines() + [""]
    where, severity, message = lines[0].split(": ", 3)[1:]
    if not where.startswith("initializer 'w") or result.returncode != (severity == "error"):
        sys.exit(f"{entries}: exit code {result.returncode}, {lines[0]}")
    return message, lines[1]


for location in [
    "", "../secret", "sub/../../secret", "sub/../weights", "/etc/passwd", "weights\0.bin",
    "nothing", ".", "sub/", "sub", "weights/x", "link", "linked-folder/secret", "hard", "pipe",
]:
    message, note = run([("location", location)])
    shown = location.replace("\0", r"\x00")
    print(f"'{shown}': {message}")
print(note)

for keys in [
    [("offset", "-1")], [("offset", str(1 << 63))], [("offset", str((1 << 63) - 1))],
    [("offset", "13")], [("offset", "0x4")], [("length", "3")], [("length", "")],
    [("offset", "0"), ("offset", "0")], [("location", "weights")],
]:
    message, note = run([("location", "weights"), *keys])
    print(",".join(f"{k}={v}" for k, v in keys) + f": {message}")
print(run([("location", "weights"), ("offset", "13")])[1])
print("overlapping:", run([("location", "weights")], count=21)[0])
print("both:", run([("location", "weights")], extra='raw_data: "abcd"')[0])
print("unknown key:", run([("location", "weights"), ("evil", "x")])[0])
