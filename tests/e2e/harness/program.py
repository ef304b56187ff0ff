"""A process of ours: started with its output in a log, ended by its own pid."""
import contextlib
import json
import os
import signal
import socket
import subprocess
import threading

from harness.waiting import until


def free_port(kind=socket.SOCK_STREAM):
    with socket.socket(type=kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def free_udp_ports(count):
    """The first of `count` free UDP ports in a row."""
    while True:
        first = free_port(socket.SOCK_DGRAM)
        with contextlib.ExitStack() as probes:
            try:
                for port in range(first, first + count):
                    probes.enter_context(socket.socket(type=socket.SOCK_DGRAM)).bind(("127.0.0.1", port))
                return first
            except (OSError, OverflowError):
                continue


class Program:
    def __init__(self, command, log, env=None, group=None):
        self.name, self.log = log.stem, log
        with open(log, "w") as errors:
            self.process = subprocess.Popen([str(word) for word in command], stdin=subprocess.PIPE,
                                            stdout=subprocess.PIPE, stderr=errors, text=True, group=group,
                                            env={**os.environ, **(env or {})})
        self.events, self._lines = [], []
        self._output = log.with_suffix(".out.log")  # kept for scripts/list_messages.py
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        with open(self._output, "a") as output:
            for line in self.process.stdout:
                output.write(line)
                self._lines.append(line)
                if line.startswith("{"):
                    try:
                        self.events.append(json.loads(line))
                    except ValueError:
                        pass  # a log line that only looks like an event

    @property
    def pid(self):
        return self.process.pid

    def tail(self, count=15):
        text = self.log.read_text(errors="replace").splitlines() + [line.rstrip() for line in self._lines]
        return "\n".join(text[-count:])

    def alive(self):
        """Fails with the log when the process has ended."""
        status = self.process.poll()
        assert status is None, f"{self.name} ended with status {status}:\n{self.tail()}"

    def wait_for(self, condition, seconds, what):
        def check():
            self.alive()
            return condition()
        try:
            return until(check, seconds, f"{self.name}: {what}")
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.tail()}") from None

    def event(self, name, seconds=30, **fields):
        """The first event of this name with these fields."""
        def found():
            return next((e for e in self.events if e.get("event") == name and fields.items() <= e.items()), None)
        return self.wait_for(found, seconds, f"event {name} {fields or ''}")

    def tell(self, command):
        """Writes a command, returns when the process says that it is done."""
        done = sum(e.get("event") == "done" for e in self.events)
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()
        return self.wait_for(lambda: [e for e in self.events if e.get("event") == "done"][done:], 30, command)[0]

    def kill(self):
        """kill -9."""
        self.end(signal.SIGKILL)

    def end(self, sign=signal.SIGTERM, seconds=10):
        """Asks it to end, insists after `seconds`. Returns its exit status."""
        if self.process.poll() is None:
            self.process.send_signal(sign)
            try:
                self.process.wait(seconds)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self._reader.join(5)
        return self.process.returncode
