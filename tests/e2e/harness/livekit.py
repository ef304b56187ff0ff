"""A real LiveKit server on 127.0.0.1, its tokens, and its room API."""
import base64
import hashlib
import hmac
import json
import signal
import socket
import time
import urllib.request

from harness.paths import LIVEKIT_SERVER
from harness.program import Program, free_port
from harness.waiting import until

KEY, SECRET = "e2e-key", "a secret of the end-to-end tests, long enough"


def _base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def sign(claims, secret=SECRET, seconds=3600):
    """A JWT of ours, or, with another secret, a forged one."""
    now = int(time.time())
    claims = {"iss": KEY, "nbf": now - 5, "exp": now + seconds, **claims}
    signed = ".".join(_base64url(json.dumps(part).encode()) for part in ({"alg": "HS256", "typ": "JWT"}, claims))
    return f"{signed}.{_base64url(hmac.new(secret.encode(), signed.encode(), hashlib.sha256).digest())}"


def token(identity, room, seconds=3600, **grants):
    return sign({"sub": identity, "video": {"roomJoin": True, "room": room, **grants}}, seconds=seconds)


class LiveKitServer(Program):
    def __init__(self, folder, address="127.0.0.1", device="lo", rtc=None, **changes):
        """`rtc` and `changes` go into the server's configuration."""
        self.address = address
        self.port, self.udp_port = free_port(), free_port(socket.SOCK_DGRAM)
        config = folder / "livekit.yaml"
        config.write_text(json.dumps({  # JSON is YAML
            "port": self.port, "bind_addresses": sorted({"127.0.0.1", address}), "keys": {KEY: SECRET},
            "logging": {"level": "info"},
            "rtc": {"udp_port": self.udp_port, "tcp_port": free_port(), "node_ip": address,
                    "use_external_ip": False, "enable_loopback_candidate": True,
                    "interfaces": {"includes": [device]}, "ips": {"includes": [f"{address}/32"]}, **(rtc or {})}, **changes}))
        self._command = [LIVEKIT_SERVER, "--config", config], folder / "livekit.log"
        self.url = f"ws://{address}:{self.port}"
        self.restart()

    def restart(self):
        """Starts it (again), at the same ports."""
        super().__init__(*self._command)
        self.wait_for(self._answers, 20, "to answer")

    def end(self, *_):
        """At once: asked kindly, the server waits for everyone to leave."""
        return super().end(signal.SIGKILL)

    def _answers(self):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}", timeout=1):
                return True
        except OSError:
            return False

    def call(self, method, room, **fields):
        """A call of the room service about a room, for instance call("RemoveParticipant", "a", identity="b")."""
        grants = {"roomAdmin": True, "roomList": True, "roomCreate": True}
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/twirp/livekit.RoomService/{method}", json.dumps({"room": room, **fields}).encode(),
            {"Content-Type": "application/json", "Authorization": f"Bearer {token('admin', room, **grants)}"})
        with urllib.request.urlopen(request, timeout=10) as reply:
            return json.load(reply)

    def wait_for_tracks(self, room, count):
        """Until the room has `count` published tracks: the stream is live."""
        def published():
            people = self.call("ListParticipants", room).get("participants", [])
            return sum(len(person.get("tracks", [])) for person in people) >= count
        until(published, 20, f"{count} tracks in room {room}", every=0.1)
