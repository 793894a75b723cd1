#!/usr/bin/env python3
"""Checks that the tensor stages keep what a model computes.

    stages_keep_numbers.py MODEL_DIR...

Each model is lowered by dlc-opt and executed by its reference interpreter after
legalize, and again after simplify and after tile.
"""

import pathlib
import subprocess
import sys

CHECK = "--dlc-interpret=mode=check rtol=1e-4 atol=1e-5"
STAGES = ["--dlc-stage-legalize", "--dlc-interpret=mode=record dynamic-size=32",
          "--dlc-stage-simplify", CHECK,
          "--dlc-stage-layout", "--dlc-stage-schedule", "--dlc-stage-tile", CHECK]


def run(command, text=None):
    done = subprocess.run(command, input=text, capture_output=True, text=True, timeout=300)
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))}:\n{done.stderr[:2000]}")
    return done.stdout


def main():
    for folder in map(pathlib.Path, sys.argv[1:]):
        # The target decides how weights are packed.
        text = run(["dlc-compile", folder / "model.onnx", "--target=aarch64", "--stop-after=import",
                    "--print-constants", "-o", "-"])
        run(["dlc-opt", "-", "-o", "/dev/null"] + STAGES, text)
        print(f"{folder.name}: the same numbers")


if __name__ == "__main__":
    main()
