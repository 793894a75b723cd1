"""Prints the totals and the slowest tests of a lit run: summarize.py test-results.json."""

import json
import sys

PASSED = {"PASS", "FLAKYPASS", "XFAIL"}
SKIPPED = {"UNSUPPORTED", "SKIPPED", "EXCLUDED"}

with open(sys.argv[1], encoding="utf-8") as f:
    tests = json.load(f)["tests"]

slowest = sorted(tests, key=lambda t: -(t["elapsed"] or 0))[:10]
print("Slowest tests:")
for test in slowest:
    print(f"  {test['elapsed'] or 0:7.2f} s  {test['name']}")

passed = sum(t["code"] in PASSED for t in tests)
skipped = sum(t["code"] in SKIPPED for t in tests)
failed = len(tests) - passed - skipped
print(f"{passed} passed, {failed} failed, {skipped} skipped")
sys.exit(failed != 0)
