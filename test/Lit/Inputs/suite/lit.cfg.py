"""A suite of which two tests must fail."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "..", ".."))
import dlc_formats

config.name = "guards"
config.suffixes = [".test"]
config.test_source_root = os.path.dirname(__file__)
config.test_exec_root = os.getcwd()  # keeps the source tree clean
config.test_format = dlc_formats.CheckedShTest({"qemu-aarch64"})
