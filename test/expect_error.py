"""Runs a command, prints its standard error, and fails unless it exited with the expected code
and printed nothing on standard output: expect_error.py CODE COMMAND..."""

import subprocess
import sys

result = subprocess.run(sys.argv[2:], capture_output=True, text=True, errors="replace")
print(result.stderr)
if result.stdout:
    print("unexpected standard output:", result.stdout)
if result.returncode != int(sys.argv[1]):
    print("unexpected exit code:", result.returncode)
sys.exit(result.returncode != int(sys.argv[1]) or bool(result.stdout))
