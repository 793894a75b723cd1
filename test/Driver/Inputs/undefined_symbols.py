"""Compiles models of every kind of arithmetic for every target and looks at the undefined symbols of the objects.

usage: undefined_symbols.py DLC_COMPILE SCRATCH DIGITS ONNX_TESTDATA
"""

import json
import pathlib
import re
import subprocess
import sys

# double and 64-bit arithmetic, transcendental functions, half formats, division, loops, recurrence, integers
TESTS = """node/test_add_uint8 node/test_cast_DOUBLE_to_FLOAT16 node/test_cast_FLOAT_to_BFLOAT16 node/test_erf
node/test_gru_defaults node/test_mod_int64_fmod node/test_mod_mixed_sign_int64 node/test_nonzero_example
node/test_pow_types_int64_float32 node/test_reduce_log_sum_exp_default_axes_keepdims_random
node/test_resize_upsample_sizes_cubic node/test_sin node/test_top_k node/test_dynamicquantizelinear
pytorch-converted/test_Conv3d""".split()
# memcpy and the like; what compilers' own libraries define; runtime-lite
ALLOWED = re.compile(r"mem(cpy|set|move)$|__aeabi_\w+$|dlc_(parallel_for|profile_begin|profile_end|alloc|free)$")


def main():
    compiler, scratch, digits, testdata = sys.argv[1:]
    scratch = pathlib.Path(scratch)
    scratch.mkdir(exist_ok=True)
    listed = subprocess.run([compiler, "--list-targets"], capture_output=True, text=True, check=True).stdout
    targets = [line.split()[0] for line in listed.splitlines() if line[:1].islower()]
    models = [pathlib.Path(digits)] + [pathlib.Path(testdata, test, "model.onnx") for test in TESTS]
    bad = objects = 0
    for model in models:
        for target in targets:
            prefix = scratch / "x"
            result = subprocess.run(
                [compiler, model, f"--target={target}", "--name=x", "-o", prefix], capture_output=True, text=True
            )
            if result.returncode == 1:  # what firmware cannot do
                continue
            found = subprocess.run(["llvm-nm", "-u", "-j", f"{prefix}.o"], capture_output=True, text=True, check=True)
            undefined = sorted(found.stdout.split())
            manifest = sorted(json.loads(pathlib.Path(f"{prefix}.json").read_text())["undefined_symbols"])
            wrong = [symbol for symbol in undefined if not ALLOWED.match(symbol)]
            if result.returncode or wrong or undefined != manifest:
                bad += 1
                print(f"{model} --target={target}: exit {result.returncode}, {wrong}, {undefined} but {manifest}")
            objects += 1
    print(f"{objects} objects for {len(targets)} targets, {bad} bad")
    sys.exit(bad != 0 or objects < 0.9 * len(models) * len(targets))


main()
