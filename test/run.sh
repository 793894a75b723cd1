#!/usr/bin/env bash
# Runs every test, after its own set-up. Ends with "N passed, N failed, N skipped"; status 0 when none failed.
# Arguments go to lit: `test/run.sh --filter=EndToEnd`.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/../examples/setup.sh"

dlc_setup all

# Real models, when this checkout stands beside their archive.
unpack=$dlc_root/../shared/testdata/unpack.sh
if [ -z "${DLC_MODELS:-}" ] && [ -x "$unpack" ]; then
  dlc_say "unpacking models to test with"
  "$unpack" "$dlc_build/testdata" >/dev/null
fi

dlc_say "running the tests"
results=$dlc_build/test-results.json
rm -f "$results"
LIT_OPTS="$*" ninja -C "$dlc_build" check-dlc || true
[ -e "$results" ] || dlc_die "the tests did not run to their end"
python3 "$dlc_root/test/summarize.py" "$results"
