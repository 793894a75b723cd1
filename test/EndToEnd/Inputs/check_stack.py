"""usage: check_stack.py TOOLS LIMIT TARGET,... MODEL...: the stack that manifests state against what dlc-run sees used."""

import json
import pathlib
import subprocess
import sys
import tempfile

tools, limit, targets = pathlib.Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3].split(",")
with tempfile.TemporaryDirectory() as folder:
    for target in targets:
        for model in sys.argv[4:]:
            prefix = pathlib.Path(folder, "model")
            subprocess.run([tools / "dlc-compile", model, "--target=" + target, "--emit=manifest", "-o", prefix], check=True)
            run = subprocess.run([tools / "dlc-run", model, "--target=" + target, "--bench=1"], check=True, stdout=subprocess.PIPE)
            stated = json.loads(prefix.with_suffix(".json").read_text())["stack_bytes"]
            used = json.loads(run.stdout)["stack_bytes"]
            print(f"{target} {model}: {stated} bytes stated, {used} used")
            assert 0 < stated <= limit, f"more than {limit} stated"
            # Routines of the compiler's library may take less than is reserved for them.
            assert used <= stated <= used + 24
