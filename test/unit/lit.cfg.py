"""The Catch2 unit tests as one lit test a file."""

import os
import sys

sys.path.insert(0, os.path.join(config.dlc_source_dir, "test"))
import dlc_formats

config.name = "dlc-unit"
config.test_source_root = os.path.dirname(__file__)
config.test_exec_root = os.path.join(config.dlc_test_build_dir, "unit")
config.suffixes = [".cpp"]
config.excludes = ["Main.cpp"]
config.test_format = dlc_formats.Catch2File(
    os.path.join(config.dlc_tools_dir, "dlc-unit-tests")
)
