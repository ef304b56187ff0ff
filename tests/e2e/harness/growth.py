"""Watches a folder for a recording and notes when it appears and each time it grows."""
import os
import threading
import time


class GrowthWatch:
    """Polls every 2 ms; `step` bounds how exactly it could see, `first_byte` and `longest_pause` are what it saw."""

    def __init__(self, folder, suffixes=(".ts", ".mkv", ".mp4")):
        self._folder, self._suffixes = folder, suffixes
        self.growths, self.slowest_poll = [], 0.0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self):
        self.started = time.monotonic()
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._over.set()
        self._thread.join()

    def _file(self):
        found = [entry for entry in os.scandir(self._folder) if entry.name.endswith(self._suffixes)]
        return found[0].path if found else None

    def _watch(self):
        path, size, last = None, 0, time.monotonic()
        while not self._over.wait(0.002):
            now = time.monotonic()
            self.slowest_poll, last = max(self.slowest_poll, now - last), now
            path = path or self._file()
            if path and (grown := os.stat(path).st_size) > size:
                size = grown
                self.growths.append((now, size))

    @property
    def first_byte(self):
        """Monotonic time of the first byte seen."""
        assert self.growths, "the file never had a byte"
        return self.growths[0][0]

    def pauses(self, start=0.0):
        """The times between one growth and the next, from `start` on."""
        times = [when for when, _ in self.growths if when >= start]
        return [later - earlier for earlier, later in zip(times, times[1:])]

    def longest_pause(self, start=0.0):
        return max(self.pauses(start), default=0.0)
