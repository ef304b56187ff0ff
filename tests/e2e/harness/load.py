"""bench/load: many publishers of one encoded loop, who say themselves whether they kept to time (bench/README.md)."""
import contextlib
import socket

import pytest

from harness.certificate import self_signed
from harness.paths import LOAD
from harness.program import Program, free_port
from harness.waiting import until

MOST_LATE_P99_MS, MOST_LATE_MS = 20, 200  # as bench/load has it
CONNECT_SECONDS = 60


class Load(Program):
    """A load that lasts until it is told to finish."""

    def __init__(self, folder, kind, *where, sessions, ramp, seed=1, name="load", **options):
        flags = [word for option, value in options.items() for word in (f"--{option.replace('_', '-')}", value)]
        super().__init__([LOAD, kind, *where, "--sessions", sessions, "--ramp", ramp, "--seed", seed, "--seconds", 3600,
                          "--progress", *flags], folder / f"{name}.log")
        self.patience = CONNECT_SECONDS + sessions / ramp
        self.starts = []  # Unix seconds at which the first frame of each session was due
        self.last = None

    def wait_until_sending(self):
        """Until all sessions send; fails where the recorder did not take one."""
        first = self.wait_for(lambda: self.events and self.events[0], self.patience, "all sessions to send")
        assert not first["failed"] and all(first["starts"]), f"{first['failed']} sessions failed: {first['error']}"
        self.starts = first["starts"]

    def finish(self):
        """Says goodbye for all sessions. Returns the figures."""
        if self.last is None:
            self.end(seconds=40)
            assert len(self.events) == 2, f"{self.name} ended without its figures:\n{self.tail()}"
            self.last = self.events[1]
        return self.last


def whip(folder, programs, service, **options):
    """Publishers to http://…/whip/s0, s1, …; returns when all send."""
    load = Load(folder, "whip", f"{service.url}/whip/s{{}}", **options)
    programs.append(load)
    try:
        load.wait_until_sending()
    except AssertionError as error:
        raise AssertionError(f"{error}\n{service.admission()}") from None
    return load


class Rooms(Load):
    """A LiveKit server's stand-in, of so many rooms, over wss: its certificate is to be trusted."""

    def __init__(self, folder, **options):
        self.port = free_port()
        self.url = f"wss://localhost:{self.port}"
        self.certificate, key = self_signed(folder)
        super().__init__(folder, "rooms", "--listen", f"127.0.0.1:{self.port}", wait=600, certificate=self.certificate, key=key,
                         **options)
        self.patience = 600
        until(self._is_open, 20, "the rooms to be open")

    def _is_open(self):
        self.alive()
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
            return True


def heed(figure, *loads):
    """Ends the loads. Skips a test whose load was not what it should have been: it says more of this machine than of the
    recorder. A session that the recorder did not take, or let go, is a failure."""
    for load in loads:
        last = load.finish()
        figure(f"lateness of the {load.name} itself, p99", last["late_p99_ms"] / 1000, "s")
        figure(f"lateness of the {load.name} itself, longest", last["late_max_ms"] / 1000, "s")
        assert not last["failed"], f"{last['failed']} sessions of the {load.name} failed: {last['error']}"
        if last["spoilt"]:
            figure(f"SPOILT, nothing of this run is judged: the {load.name}", "; ".join(last["why"]))
            pytest.skip(f"the load was spoilt, this machine was too busy: {'; '.join(last['why'])}")


def heed_lateness(figure, load):
    """As heed(), of a load whose recorder died: that its datagrams were refused in the end is as it should be."""
    last = load.finish()
    figure(f"lateness of the {load.name} itself, longest", last["late_max_ms"] / 1000, "s")
    if last["late_p99_ms"] > MOST_LATE_P99_MS or last["late_max_ms"] > MOST_LATE_MS:
        figure(f"SPOILT, nothing of this run is judged: the {load.name} was late, p99, ms", last["late_p99_ms"])
        pytest.skip(f"the load was spoilt, this machine was too busy: {last['late_p99_ms']} ms late")
