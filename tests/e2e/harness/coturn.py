"""Debian's coturn on 127.0.0.1, with a user and a certificate of its own."""
import contextlib
import shutil
import socket

from harness.certificate import self_signed
from harness.program import Program, free_port, free_udp_ports

USER, CREDENTIAL, REALM = "e2e", "a credential of the end-to-end tests", "e2e.test"
RELAY_PORTS = 16


def installed():
    return shutil.which("turnserver") is not None


class Coturn(Program):
    def __init__(self, folder):
        self.port, self.tls_port = free_port(), free_port()
        self.certificate, key = self_signed(folder)
        relays = free_udp_ports(RELAY_PORTS)
        config = folder / "turnserver.conf"
        config.write_text("\n".join([
            "listening-ip=127.0.0.1", "relay-ip=127.0.0.1", f"listening-port={self.port}", f"tls-listening-port={self.tls_port}",
            f"min-port={relays}", f"max-port={relays + RELAY_PORTS - 1}", "allow-loopback-peers", "no-cli", "no-dtls",
            "lt-cred-mech", "fingerprint", f"realm={REALM}", f"user={USER}:{CREDENTIAL}",
            f"cert={self.certificate}", f"pkey={key}",
            f"pidfile={folder}/turnserver.pid", f"userdb={folder}/turndb", "log-file=stdout", "simple-log", "verbose", ""]))
        super().__init__(["turnserver", "-c", config], folder / "turnserver.log")
        self.wait_for(self._listens, 10, "to listen")

    def _listens(self):
        with contextlib.suppress(OSError):
            for port in (self.port, self.tls_port):
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return True

    def url(self, kind):
        """kind: udp, tcp or tls."""
        return f"turns:localhost:{self.tls_port}" if kind == "tls" else f"turn:127.0.0.1:{self.port}?transport={kind}"

    @property
    def flags(self):
        return ["--turn-username", USER, "--turn-credential", CREDENTIAL, "--turn-ca-file", self.certificate]
