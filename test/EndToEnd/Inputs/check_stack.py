"""usage: check_stack.py LIMIT PREFIX...: stack_bytes of PREFIX.json (manifest) against PREFIX.run (dlc-run --bench)."""

import json
import sys

limit, own = int(sys.argv[1]), set()
for prefix in sys.argv[2:]:
    with open(prefix + ".json") as manifest, open(prefix + ".run") as run:
        stated, found = json.load(manifest)["stack_bytes"], json.load(run)["stack_bytes"]
    assert 0 < stated <= limit, f"{prefix}: {stated} bytes stated, more than {limit}"
    own.add(found - stated)
assert min(own) > 0 and max(own) - min(own) <= 16, f"the harness' own frames would be {sorted(own)}"
