"""Media by HTTP: a file is downloaded while it grows, and those who take it slowly, or only hold connections, cost the others
nothing."""
import socket
import statistics
import time

from harness import media
from harness.paths import HOLDFAST
from harness.program import Program
from harness.waiting import steadily

H264 = {"codec": "h264"}
IDLE_CONNECTIONS = 500
STARTS = 60


def get(program, recording_id, headers=None, query=""):
    """Status, headers and bytes of one answer."""
    return program.fetch(f"/api/recordings/{recording_id}/media{query}", headers)


def test_a_growing_file_is_downloaded_by_ranges(service, stream, folder):
    stream("grows", **H264)
    program = service()
    path = program.record("grows")
    recording = path.stem
    taken = bytearray()

    def take_on():
        status, headers, body = get(program, recording, {"Range": f"bytes={len(taken)}-"})
        if status == 206:
            first, rest = headers["Content-Range"].removeprefix("bytes ").split("-")
            assert (int(first), int(rest.split("/")[0])) == (len(taken), len(taken) + len(body) - 1)
            taken.extend(body)
        else:
            assert status == 416, status

    for _ in range(6):
        take_on()
        steadily(0.5, program.alive)
    assert len(taken) > 50_000
    program.finish("grows")
    take_on()
    assert bytes(taken) == path.read_bytes()
    copy = folder / "copy.ts"
    copy.write_bytes(taken)
    assert media.decode_errors(copy) == []

    status, headers, body = get(program, recording)
    assert (status, headers["Content-Type"], body) == (200, "video/mp2t", path.read_bytes())
    assert get(program, recording, {"Range": "bytes=-188"})[2] == path.read_bytes()[-188:]
    assert get(program, "no-such-recording")[0] == 404
    assert get(program, "..%2F..%2Fetc%2Fpasswd")[0] == 404
    assert get(program, recording, query="?part=2")[0] == 404
    assert get(program, recording, query="?part=x")[0] == 422


def percentile(values, share):
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def test_stalled_readers_and_idle_connections_cost_starts_nothing(service, programs, folder, figure):
    """A start is answered as fast as without, and nothing of the recording is lost."""
    program = service("--audio", "copy", "--wait-limit", "5m")
    programs.append(Program([HOLDFAST, "publish", f"{program.url}/whip/big", "--bitrate", "8M"],
                            folder / "publish.log"))
    program.wait_for_state("big", "recording")
    path = next(program.recordings.glob("big_*.ts"))
    program.wait_for(lambda: path.stat().st_size > 3_000_000, 60, "3 MB of media")

    def time_starts(prefix):
        spent = []
        for number in range(STARTS):
            began = time.monotonic()
            assert program.start(f"{prefix}-{number}").status == 201
            spent.append(1000 * (time.monotonic() - began))
            program.stop(f"{prefix}-{number}")
        return spent

    alone = time_starts("alone")
    held = []
    for _ in range(8):  # take the header, and then nothing more
        reader = socket.socket()
        reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        reader.connect((program.address, program.port))
        reader.sendall(f"GET /api/recordings/{path.stem}/media HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        assert reader.recv(15).startswith(b"HTTP/1.1 200")
        held.append(reader)
    for _ in range(IDLE_CONNECTIONS):
        idle = socket.create_connection((program.address, program.port))
        held.append(idle)
    beside = time_starts("beside")
    for idle in held[-3:]:  # the youngest are alive
        idle.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert idle.recv(15).startswith(b"HTTP/1.1 200")
    figure("start call alone: median", statistics.median(alone), "ms")
    figure("start call alone: p99", percentile(alone, 0.99), "ms")
    figure("start call with stalled readers and idle connections: median", statistics.median(beside), "ms")
    # The noise of a busy machine; a start that waits for a reader would take seconds.
    figure("start call with stalled readers and idle connections: p99", percentile(beside, 0.99), "ms",
           most=max(10 * percentile(alone, 0.99), 50))
    status = program.finish("big")
    for connection in held:
        connection.close()
    lost = sum(track["packets"]["lost"] + track["packets"]["dropped"] for track in status["tracks"])
    figure("packets lost or dropped", lost, most=0)
    assert media.decode_errors(path) == []
