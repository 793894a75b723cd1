"""Imports broken models: usage: import_errors.py INPUTS FOLDER [dlc-compile options].

Every FOLDER/NAME.textproto (parts of a file split by split-file) is encoded and
given to dlc-compile, which must exit with 1 and write nothing. Prints `NAME:` and
the messages, for FileCheck.
"""

import pathlib
import subprocess
import sys

inputs, folder, options = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), sys.argv[3:]
parts = sorted(folder.glob("*.textproto"))
if not parts:
    sys.exit(f"{folder}: no .textproto files")
for part in parts:
    encoded = subprocess.run(
        ["protoc", "--encode=onnx.ModelProto", f"-I{inputs}", "onnx.proto"],
        input=part.read_bytes(), stdout=subprocess.PIPE, check=True,
    ).stdout
    model = folder / "model.onnx"
    model.write_bytes(encoded)
    before = set(folder.iterdir())
    run = subprocess.run(
        ["dlc-compile", str(model), "--stop-after=import", "-o", "-", *options],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        timeout=60,  # far more than it takes: machines may be busy
    )
    print(f"{part.stem}:\n{run.stderr.decode(errors='replace')}", flush=True)
    if run.returncode != 1 or run.stdout or set(folder.iterdir()) != before:
        sys.exit(f"{part.stem}: exit code {run.returncode}, 1 expected, and no output")
