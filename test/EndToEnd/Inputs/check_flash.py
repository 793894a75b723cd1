"""Checks a manifest's flash: check_flash.py PREFIX MOST_CODE MOST_CONSTANTS."""

import json
import subprocess
import sys

prefix, code, constants = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
with open(prefix + ".json", encoding="utf-8") as file:
    manifest = json.load(file)
found = manifest["code_bytes"], manifest["weights_bytes"]
text = int(subprocess.check_output(["arm-none-eabi-size", prefix + ".o"], text=True).splitlines()[1].split()[0])
if sum(found) != text:
    sys.exit(f"the manifest states {found[0]} + {found[1]} bytes, the object has {text}")
if found[0] > code or found[1] > constants:
    sys.exit(f"code has {found[0]} bytes of at most {code}, constants {found[1]} of {constants}")
