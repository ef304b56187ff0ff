"""Requests that no client should send, drawn from a seed."""
import dataclasses
import json
import socket

PATHS = ["/api/recording/start", "/api/recording/start/x", "/api/recording/stop", "/api/recording/stop/never",
         "/api/recording/status/never", "/whip/x", "/api/nothing", "/"]
WRONG_IDS = ["", ".", "..", ".x", "a/b", "a b", "%00", "%2e%2e%2fup", "%", "%zz", "a" * 129, "\u00fc", "<x>", "a\\b", "*"]
WRONG_BODIES = ["", "{", "[]", "null", "7", '"text"', "{}", '{"mint_id":}', '{"mint_id": 7}', '{"mint_id": null}',
                '{"mint_id": ["x"]}', '{"mint_id": "../x"}', '{"mint_id": ""}', '{"mint_id": "ok", "format": "exe"}',
                '{"mint_id": "ok", "audio": {}}', '{"mint_id": "ok", "livekit_url": "http://127.0.0.1"}',
                '{"mint_id": "ok", "livekit_url": "ws://"}', '{"mint_id": "ok", "video_quality": -1}',
                '{"mint_id": "ok", "unknown": 1}', "[" * 5000, '{"a":' * 2000, "\x00\x01\x02", "{" + " " * 100_000]
WRONG_METHODS = ["PUT", "PATCH", "DELETE", "FROB", "get", "CONNECT", "TRACE"]
WRONG_SDP = ["", "v=0", "v=0\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\n", "v=0\r\n" * 2000, "a=" + "x" * 70_000,
             "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\nm=audio 9 RTP/AVP 0\r\n", "\xff\xfe", "m=video"]


@dataclasses.dataclass
class Request:
    data: bytes

    def __str__(self):
        return repr(self.data[:160])

    def send(self, port):
        """The reply's status; None when the connection was closed without one."""
        with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
            try:
                connection.sendall(self.data)
                connection.shutdown(socket.SHUT_WR)
                line = b""
                while b"\r\n" not in line and (more := connection.recv(4096)):
                    line += more
            except (ConnectionResetError, BrokenPipeError):
                return None
        words = line.split(b" ", 2)
        return int(words[1]) if len(words) > 1 and words[1][:3].isdigit() else None


def _http(method, path, body="", kind="application/json", headers=()):
    data = body.encode("utf-8", "replace")
    head = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", "Connection: close", f"Content-Type: {kind}",
            f"Content-Length: {len(data)}", *headers]
    return Request("\r\n".join(head).encode("utf-8", "replace") + b"\r\n\r\n" + data)


def _wrong_id(dice):
    return _http("POST", f"/api/recording/start/{dice.choice(WRONG_IDS)}")


def _wrong_body(dice):
    return _http("POST", "/api/recording/start", dice.choice(WRONG_BODIES))


def _wrong_method(dice):
    return _http(dice.choice(WRONG_METHODS), dice.choice(PATHS))


def _wrong_sdp(dice):
    return _http("POST", "/whip/hammer", dice.choice(WRONG_SDP), "application/sdp")


def _wrong_headers(dice):
    return _http("POST", "/api/recording/stop/hammered", headers=[dice.choice([
        "Origin: http://evil.example", "Origin: null", "X: " + "y" * 100_000, "Transfer-Encoding: nonsense"])])


def _cut_body(dice):
    whole = json.dumps({"mint_id": "cut", "format": "mpegts"})
    head = f"POST /api/recording/start HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {len(whole) + 10}\r\n\r\n"
    return Request((head + whole[:dice.randrange(len(whole))]).encode())


def _noise(dice):
    return Request(dice.randbytes(dice.randrange(1, 3000)))


def malformed_requests(dice, count):
    """`count` of them, every kind in turn."""
    kinds = [_wrong_id, _wrong_body, _wrong_method, _wrong_sdp, _wrong_headers, _cut_body, _noise]
    return [kinds[n % len(kinds)](dice) for n in range(count)]
