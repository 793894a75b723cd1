#!/usr/bin/env python3
"""Compiles corrupted models and demands a result or a message: never a crash or a hang.

    corrupt.py --server build/bin/compile-server --count 20000 --seed 1 FOLDER...

takes every model below the folders, corrupts them in many ways (the same ones
for the same seed), and compiles each in a process of its own. A case fails when
dlc-compile would exit with anything but 0 or 1, exits with 1 and says nothing,
leaves a file behind after a failure, dies, or takes more than 10 seconds of
processor time (DLC_FUZZ_SECONDS). Failing models and their messages are kept in
--keep, and the exit code is 1.
"""

import argparse
import collections
import os
import pathlib
import queue
import random
import subprocess
import sys
import tempfile
import threading

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import mutate  # noqa: E402


class Server:
    """One compile-server process; started again when it dies itself."""

    def __init__(self, command, environment):
        self.command, self.environment = command, environment
        self.process = None

    def compile(self, path):
        """How the compilation ended, with what code, after how many seconds."""
        if self.process is None or self.process.poll() is not None:
            self.process = subprocess.Popen(
                self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                env=self.environment, text=True, start_new_session=True,  # Ctrl-C is for us
            )
        self.process.stdin.write(f"{path}\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline().split()
        if len(answer) != 3:
            return "server", 0, 0.0
        return answer[0], int(answer[1]), float(answer[2])

    def stop(self):
        if self.process:
            self.process.stdin.close()
            self.process.wait()


def verdict(how, code, log, leftovers):
    """Why a case failed; empty when it passed."""
    if how != "exit":
        return f"{how} {code}"
    if code not in (0, 1):
        return f"exit code {code}"
    if code == 1 and "error: " not in log:
        return "exit code 1 without a message"
    if code == 1 and leftovers:
        return "files left behind"
    return ""


class Run:
    """All cases of one call, shared by the worker threads."""

    def __init__(self, args, corpus):
        self.args, self.corpus = args, corpus
        self.work = queue.Queue()
        for number in range(args.first, args.first + args.count):
            self.work.put(number)
        self.lock = threading.Lock()
        self.results, self.failures, self.slowest = collections.Counter(), 0, []
        self.environment = dict(os.environ)
        # Exit code 1 is the sanitizers' default, and would look like a broken model.
        options = ("abort_on_error=1:detect_leaks=0:print_stacktrace=1:"
                   "hard_rss_limit_mb=4096:allocator_may_return_null=1")
        for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS"):
            given = self.environment.get(name)
            self.environment[name] = f"{given}:{options}" if given else options

    def drop_rest(self):
        """No case is begun any more."""
        try:
            while True:
                self.work.get_nowait()
        except queue.Empty:
            pass

    def worker(self, folder):
        folder.mkdir()
        server = Server([self.args.server, *self.args.option], self.environment)
        while True:
            try:
                number = self.work.get_nowait()
            except queue.Empty:
                break
            self.case(number, folder, server)
        server.stop()

    def case(self, number, folder, server):
        rng = random.Random(f"{self.args.seed}:{number}")
        name, data, what = self.corpus.corrupt(rng)
        path, log_path = folder / "model.onnx", folder / "model.onnx.log"
        path.write_bytes(data)
        how, code, seconds = server.compile(path)
        log = log_path.read_text(errors="replace") if log_path.exists() else ""
        leftovers = list(folder.glob("model.onnx.out*"))
        why = verdict(how, code, log, leftovers)
        for file in [log_path, *leftovers]:
            file.unlink(missing_ok=True)
        with self.lock:
            self.results["failed" if why else f"exit {code}"] += 1
            self.slowest = sorted([*self.slowest, (seconds, number)], reverse=True)[:5]
            if self.args.verbose:
                first = log.splitlines()[0] if log else ""
                print(f"{number} {how} {code} {seconds:.2f} {what} {name}: {first}")
            if not why:
                return
            self.failures += 1
            lines = [line for line in log.splitlines() if line.strip()]
            print(f"FAIL {number}: {why}: {what} in {name}", *lines[:3], sep="\n    ", flush=True)
            if self.args.keep:
                self.args.keep.mkdir(parents=True, exist_ok=True)
                (self.args.keep / f"{number}.onnx").write_bytes(data)
                (self.args.keep / f"{number}.log").write_text(f"{name}\n{what}\n{why}\n{log}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folders", nargs="+", type=pathlib.Path)
    parser.add_argument("--server", required=True, help="the compile-server executable")
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--first", type=int, default=0, help="number of the first case")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--keep", type=pathlib.Path, help="folder for failing models")
    parser.add_argument("--max-bytes", type=int, default=1 << 18, help="skip larger models")
    parser.add_argument("--option", action="append", default=[], help="for dlc-compile")
    parser.add_argument("--verbose", action="store_true", help="one line a case")
    args = parser.parse_args()

    seeds = sorted(
        path for folder in args.folders for path in folder.rglob("*.onnx")
        if path.stat().st_size <= args.max_bytes
    )
    if not seeds:
        sys.exit("no models found")
    run = Run(args, mutate.Corpus(seeds))
    with tempfile.TemporaryDirectory() as scratch:
        threads = [
            threading.Thread(target=run.worker, args=(pathlib.Path(scratch, str(i)),))
            for i in range(args.jobs)
        ]
        for thread in threads:
            thread.start()
        try:
            for thread in threads:
                thread.join()
        except KeyboardInterrupt:  # says what was done until now
            run.drop_rest()
            for thread in threads:
                thread.join()
    done = sum(run.results.values())
    summary = ", ".join(f"{count} {what}" for what, count in sorted(run.results.items()))
    slowest = ", ".join(f"{seconds:.1f} s (case {number})" for seconds, number in run.slowest)
    print(f"{done} corrupted models of {len(seeds)}: {summary}; slowest {slowest}")
    return 1 if run.failures or done != args.count else 0


if __name__ == "__main__":
    sys.exit(main())
