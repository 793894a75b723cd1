"""Configuration of the lit suite: which files are tests, and what they may use."""

import os
import shutil
import subprocess
import sys

import lit.formats

sys.path.insert(0, os.path.dirname(__file__))
import dlc_formats

config.name = "dlc"
config.test_source_root = os.path.dirname(__file__)
config.test_exec_root = config.dlc_test_build_dir
config.suffixes = [".mlir", ".test", ".textproto"]
config.excludes = ["Inputs", "unit", "CMakeLists.txt", "README.md"]

# Our tools first, then FileCheck, not, split-file, llvm-nm, ... of the LLVM that we build with.
config.environment["PATH"] = os.pathsep.join(
    [config.dlc_tools_dir, config.llvm_tools_dir, os.environ["PATH"]]
)
config.environment["FILECHECK_OPTS"] = "--allow-unused-prefixes=false"
for name in ("HOME", "DLC_MODELS", "ASAN_OPTIONS", "UBSAN_OPTIONS", "CCACHE_DIR"):
    if name in os.environ:
        config.environment[name] = os.environ[name]

config.substitutions += [
    ("%python", sys.executable),
    ("%host_cc", config.host_cc),
    ("%host_cxx", config.host_cxx),
    ("%source", config.dlc_source_dir),
    ("%build", config.dlc_build_dir),
    ("%llvm_libs", os.path.join(os.path.dirname(config.llvm_tools_dir), "lib")),
    ("%tools", config.dlc_tools_dir),
    ("%llvm_tools", config.llvm_tools_dir),
]
if os.environ.get("DLC_ROUNDTRIP") == "1":
    config.substitutions.append((r"\bdlc-opt\b", "dlc-opt --verify-roundtrip"))

# Features: a test that REQUIRES one which is missing reports "unsupported". A
# name that is not in this table is an error, or a typing slip would switch a
# test off for good.
programs = {
    "dlc-compile": "dlc-compile",
    "dlc-run": "dlc-run",
    "qemu-aarch64": "qemu-aarch64",
    "qemu-arm": "qemu-arm",
    "qemu-system-arm": "qemu-system-arm",
    "aarch64-gcc": "aarch64-linux-gnu-g++",
    "arm-none-eabi-gcc": "arm-none-eabi-g++",
    "gcc": "g++",
    "mlir-runner": "mlir-runner",
    "protoc": "protoc",
}
known_features = {"onnx-testdata", "models", "numpy", "sanitize", *programs}
for feature, program in programs.items():
    if shutil.which(program, path=config.environment["PATH"]):
        config.available_features.add(feature)

# %numpy_python: a Python that has numpy.
for python in (sys.executable, "/usr/bin/python3"):
    if os.access(python, os.X_OK) and not subprocess.run([python, "-c", "import numpy"], capture_output=True).returncode:
        config.substitutions.append(("%numpy_python", f"{python} -B"))
        config.available_features.add("numpy")
        break

# %onnx_testdata: the node, simple and PyTorch tests of Debian's libonnx-testdata.
onnx_testdata = "/usr/share/libonnx-testdata/data"
config.substitutions.append(("%onnx_testdata", onnx_testdata))
if os.path.isdir(onnx_testdata):
    config.available_features.add("onnx-testdata")

# %models: a folder of real models, NAME/{model.onnx,test_data_set_*}, when there is one.
models = os.environ.get("DLC_MODELS") or os.path.join(
    config.dlc_build_dir, "testdata", "models"
)
config.substitutions.append(("%models", models))
if os.path.isdir(models):
    config.available_features.add("models")

if config.sanitize:
    config.available_features.add("sanitize")

config.test_format = dlc_formats.CheckedShTest(known_features)
