"""Two lit formats: shell tests that guard against tests which test nothing, and Catch2 files."""

import os
import re

import lit.formats
import lit.Test
import lit.util

CHECK_LINE = re.compile(r"^\s*(//|#|;)\s*[A-Z0-9_-]*CHECK[A-Z0-9_-]*:", re.M)
FILECHECK_CALL = re.compile(r"^\s*(//|#|;)\s*RUN:.*\bFileCheck\b", re.M)
FEATURE_LINE = re.compile(r"^\s*(?://|#|;)\s*(?:REQUIRES|UNSUPPORTED):(.*)$", re.M)


class CheckedShTest(lit.formats.ShTest):
    """ShTest that fails a file which has CHECK lines but never calls FileCheck,
    and one which names a feature that nothing ever provides."""

    def __init__(self, known_features):
        # lit's own shell: the same behaviour everywhere, and no process for it.
        super().__init__(execute_external=False)
        self.known_features = known_features

    def execute(self, test, litConfig):
        with open(test.getSourcePath(), encoding="utf-8", errors="replace") as f:
            text = f.read()
        if CHECK_LINE.search(text) and not FILECHECK_CALL.search(text):
            return lit.Test.Result(
                lit.Test.FAIL, "the file has CHECK lines but no RUN line calls FileCheck"
            )
        for line in FEATURE_LINE.findall(text):
            for word in re.findall(r"[\w.+-]+", line):
                if word not in self.known_features and word not in ("true", "false"):
                    return lit.Test.Result(
                        lit.Test.FAIL,
                        f"unknown feature '{word}'; test/lit.cfg.py provides "
                        + ", ".join(sorted(self.known_features)),
                    )
        return super().execute(test, litConfig)


class Catch2File(lit.formats.FileBasedTest):
    """One source file of the unit tests: runs the test cases that it defines."""

    def __init__(self, executable):
        self.executable = executable

    def execute(self, test, litConfig):
        stem = os.path.splitext(os.path.basename(test.getSourcePath()))[0]
        # -# turns each file's name into a tag; NoTests fails a file that is not linked in.
        command = [self.executable, "-#", "--warn", "NoTests", f"[#{stem}]"]
        try:
            out, err, code = lit.util.executeCommand(
                command, env=test.config.environment, timeout=litConfig.maxIndividualTestTime
            )
        except lit.util.ExecuteCommandTimeoutException as e:
            return lit.Test.Result(lit.Test.TIMEOUT, e.out)
        if code == 0:
            return lit.Test.Result(lit.Test.PASS)
        return lit.Test.Result(lit.Test.FAIL, " ".join(command) + "\n" + out + err)
