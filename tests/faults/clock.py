"""A wall clock that jumps while programs run (preload/clock.c). Their monotonic clocks go on as always."""

import mmap
import os
import shutil
import struct

from harness import ROOT

HOUR_S = 3600
JUMPS = [HOUR_S, 0, -HOUR_S, 0]
PRELOAD = ROOT / os.environ.get("BUILD", "build") / "tests/faults/preload/clock.so"


class Clock:
    """The seconds by which the wall clock of the programs that run in its environment is ahead. What they read is beside the
    file, because a program of another user may not reach this folder."""

    def __init__(self, file):
        self.file, self.preload = file, shutil.copy(PRELOAD, file.with_suffix(".so"))
        file.write_bytes(struct.pack("q", 0))
        file.chmod(0o644)
        with open(file, "r+b") as opened:
            self.memory = mmap.mmap(opened.fileno(), 0)

    def set(self, ahead_s):
        self.memory[:] = struct.pack("q", ahead_s)

    @property
    def environment(self):
        options = os.environ.get("ASAN_OPTIONS", "")
        return {
            "LD_PRELOAD": str(self.preload),
            "CLOCK_AHEAD": str(self.file),
            "ASAN_OPTIONS": f"{options}:verify_asan_link_order=0:detect_leaks=0",
        }
