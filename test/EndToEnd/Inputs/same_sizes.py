"""Checks that copies of functions are as long as the functions but for a few instructions: same_sizes.py SHARED.o SEPARATE.o."""

import re
import subprocess
import sys


def sizes(path):
    lines = subprocess.check_output(["arm-none-eabi-nm", "-S", path], text=True).splitlines()
    return {f[3]: int(f[1], 16) for f in map(str.split, lines) if len(f) == 4 and f[2] in "tT"}


shared, separate = map(sizes, sys.argv[1:])
for name, size in separate.items():
    original = re.sub(r"_layer_\d+$", "", name) if name not in shared else name
    if abs(shared.get(original, 0) - size) > size // 50:
        sys.exit(f"{name} has {size} bytes, {original} {shared.get(original)}")
