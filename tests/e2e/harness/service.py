"""The program under test: `holdfast serve` and its HTTP API."""
import contextlib
import http.client
import json
import os
import pathlib
import re
import ssl

from harness.livekit import KEY, SECRET
from harness.paths import HOLDFAST
from harness.program import Program, free_port, free_udp_ports

WORKERS = 2


class Reply:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    @property
    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return f"{self.status} {self.body[:300]!r}"


class Holdfast(Program):
    def __init__(self, folder, livekit_url=None, *flags, name="holdfast", namespace=None, port=None, group=None, tls=None):
        self.tls = tls  # the certificate to trust, with HTTPS
        self.port, self.recordings = port or free_port(), folder / "recordings"
        self.address = namespace.far if namespace else "127.0.0.1"
        media_port = free_udp_ports(WORKERS)
        command = [*(namespace.inside if namespace else []), HOLDFAST, "serve", "--listen", f"{self.address}:{self.port}",
                   "--recordings", self.recordings, "--workers", WORKERS,
                   "--media-listen", f"{self.address}:{media_port}"]
        if namespace:
            command += ["--insecure", "--allowed-hosts", self.address]
        if livekit_url:
            command += ["--livekit-url", livekit_url, "--livekit-api-key", KEY, "--livekit-api-secret", SECRET,
                        "--livekit-room", "{mint_id}"]
        self.media_ports = range(media_port, media_port + WORKERS)
        self.recordings.mkdir(exist_ok=True)
        super().__init__([*command, *flags], folder / f"{name}.log", group=group)
        self.url = f"{'https' if tls else 'http'}://{self.address}:{self.port}"
        self.wait_for(self._answers, 10, "to answer")

    def _answers(self):
        with contextlib.suppress(OSError):
            return self.request("GET", "/health").status == 200

    def _connect(self, timeout):
        if not self.tls:
            return http.client.HTTPConnection(self.address, self.port, timeout=timeout)
        context = ssl.create_default_context(cafile=self.tls)
        return http.client.HTTPSConnection(self.address, self.port, timeout=timeout, context=context)

    def request(self, method, path, body=None, headers=None, timeout=10):
        connection = self._connect(timeout)
        try:
            if isinstance(body, dict):
                body, headers = json.dumps(body), {"Content-Type": "application/json", **(headers or {})}
            connection.request(method, path, body, headers or {})
            reply = connection.getresponse()
            return Reply(reply.status, reply.headers, reply.read().decode(errors="replace"))
        finally:
            connection.close()

    def fetch(self, path, headers=None, timeout=30):
        """Status, headers and bytes of what may be no text."""
        connection = self._connect(timeout)
        try:
            connection.request("GET", path, headers=headers or {})
            reply = connection.getresponse()
            return reply.status, reply.headers, reply.read()
        finally:
            connection.close()

    def start(self, mint_id, **fields):
        return self.request("POST", f"/api/recording/start/{mint_id}", fields or None)

    def stop(self, mint_id):
        return self.request("POST", f"/api/recording/stop/{mint_id}")

    def status(self, mint_id):
        return self.request("GET", f"/api/recording/status/{mint_id}").json

    def wait_for_state(self, mint_id, *states, seconds=15):
        def reached():
            status = self.status(mint_id)
            return status if status.get("state") in states else None
        try:
            return self.wait_for(reached, seconds, f"{mint_id} to be {' or '.join(states)}")
        except AssertionError as error:
            raise AssertionError(f"{error}\nlast status: {self.status(mint_id)}") from None

    def follow(self, mint_id, **fields):
        return self.request("POST", f"/api/follow/{mint_id}", fields or None)

    def wait_for_follow(self, mint_id, seconds=15, **fields):
        """The follow of that stream, once it has these fields."""
        def reached():
            follow = self.request("GET", f"/api/follow/{mint_id}").json
            return follow if fields.items() <= follow.items() else None
        return self.wait_for(reached, seconds, f"the follow of {mint_id} to be {fields}")

    def record(self, mint_id, **fields):
        """Starts a recording and returns its file's path once media is being written."""
        reply = self.start(mint_id, **fields)
        assert reply.status == 201, reply
        return pathlib.Path(self.wait_for_state(mint_id, "recording")["output_path"])

    def finish(self, mint_id):
        """Stops a recording; returns the stop reply's body."""
        reply = self.stop(mint_id)
        assert reply.status == 200, reply
        return reply.json

    def metric(self, name):
        """The sum of a metric over its labels; None when it is not there."""
        text = self.request("GET", "/metrics").body
        values = re.findall(rf"^{name}(?:\{{[^}}]*\}})? (\S+)", text, re.MULTILINE)
        return sum(map(float, values)) if values else None

    def write_latency(self):
        """Seconds -> writes up to there, from a frame's commit until it is in the file. The last bound is infinite."""
        text = self.request("GET", "/metrics").body
        found = re.findall(r'recording_write_latency_microseconds_bucket\{le="([^"]+)"\} (\d+)', text)
        return {float(bound) / 1e6: int(count) for bound, count in found}

    def admission(self):
        """What admission sees and did, as /metrics has it."""
        text = self.request("GET", "/metrics").body
        wanted = r"^(?:holdfast_\w+_load|holdfast_disk_wait|recording_admission_refused).*"
        return "\n".join(re.findall(wanted, text, re.MULTILINE))

    def anonymous_kib(self):
        """Its own memory: pages of files not, pages shared with others in part."""
        text = pathlib.Path(f"/proc/{self.pid}/smaps_rollup").read_text()
        return int(re.search(r"^Pss_Anon:\s+(\d+)", text, re.MULTILINE)[1])

    def resident_kib(self):
        """Anonymous and shared resident memory, without the file mappings that come and go with the page cache."""
        fields = dict(re.findall(r"^(\w+):\s+(\d+) kB", pathlib.Path(f"/proc/{self.pid}/status").read_text(), re.MULTILINE))
        return int(fields["RssAnon"])

    def udp_ports(self):
        """The ports of its UDP sockets now."""
        held = set()
        for entry in pathlib.Path(f"/proc/{self.pid}/fd").iterdir():
            with contextlib.suppress(OSError):  # closed since it was listed
                held.add(os.readlink(entry))
        ports = set()
        for table in ("udp", "udp6"):
            for line in pathlib.Path(f"/proc/{self.pid}/net/{table}").read_text().splitlines()[1:]:
                fields = line.split()
                if f"socket:[{fields[9]}]" in held:
                    ports.add(int(fields[1].rpartition(":")[2], 16))
        return ports

    def open_files(self):
        return len(list(pathlib.Path(f"/proc/{self.pid}/fd").iterdir()))
