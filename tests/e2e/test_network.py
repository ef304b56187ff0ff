"""Loss between a real server and the program, in a network namespace of the test's own.

Datagrams towards the program are dropped by iptables (RTP, resends, reports, checks alike); what the server sent is heard
before that. `--prove` takes 60 s, a sample less.
"""
import re
import time

import pytest

from harness import journal, media, publishers
from harness.livekit import LiveKitServer
from harness.namespace import Namespace, may_make
from harness.waiting import steadily
from harness.wire import Wire, may_listen

pytestmark = pytest.mark.skipif(not (may_listen() and may_make()),
                                reason="needs root, ip and iptables: a network namespace with a packet filter")

H264 = {"codec": "h264", "width": 1280, "height": 720, "bitrate": 2_000_000, "simulcast": "off", "texture": 60}
AUDIO_TYPES = (63, 111)  # RED, Opus


@pytest.fixture
def lossy(folder, programs, service):
    """A namespace, a service in it, and a live stream on a server outside."""
    namespace = Namespace()
    programs.append(namespace)
    server = LiveKitServer(folder, namespace.near, namespace.near_device)
    programs.append(server)
    programs.append(publishers.livekit(folder, server, "lossy", **H264))
    programs[-1].event("live")
    server.wait_for_tracks("lossy", 2)
    return namespace, service(server=server, namespace=namespace)


def sent(packets):
    """Sequence numbers of one source in the order of sending, extended."""
    at, numbers = packets[0].sequence, []
    for packet in packets:
        at += (packet.sequence - at + 0x8000) % 0x10000 - 0x8000
        numbers.append((at, packet.at))
    return numbers


def judge_expected(figure, track, packets, stopped_at):
    """From the first packet on, the ledger expects what the server sent until the stop, to the packet."""
    numbers = sent(packets)
    first = numbers[0][0]
    expected = track["packets"]["expected"]
    at_stop = [abs(number - first + 1 - expected) for number, at in numbers if abs(at - stopped_at) < 0.3]
    figure(f"{track['kind']}: packets expected", expected)
    figure(f"{track['kind']}: expected against the wire at the stop", min(at_stop), "packets", most=0)


@pytest.mark.parametrize("loss", [0.05, 0.20])
def test_loss_is_made_good_and_accounted_for(lossy, figure, proving, loss):
    namespace, program = lossy
    with Wire(namespace) as wire:
        path = program.record("lossy")
        ports = program.udp_ports()
        steadily(2, program.alive)
        namespace.lose(loss)
        steadily(60 if proving else 12, program.alive)
        namespace.lose(0)
        steadily(3, program.alive)
        stopped_at = time.monotonic()
        status = program.finish("lossy")
        streams = wire.streams(ports)
    tracks = {track["kind"]: track for track in status["tracks"]}
    sources = sorted(streams.values(), key=lambda packets: sum(packet.size for packet in packets))
    video = sources[-1]
    audio = max((packets for packets in sources[:-1] if packets[0].payload_type in AUDIO_TYPES), key=len)
    judge_expected(figure, tracks["video"], video, stopped_at)
    judge_expected(figure, tracks["audio"], audio, stopped_at)
    for kind, track in tracks.items():
        packets = track["packets"]
        assert packets["expected"] == packets["written"] + packets["lost"] + packets["dropped"], track
        figure(f"{kind}: recovered", packets["recovered"], least=1)
        figure(f"{kind}: lost", packets["lost"])
    assert sum(event["packets"] for event in journal.events(path, "loss") if event["cause"] == "network") == \
        sum(track["packets"]["lost"] for track in status["tracks"])
    content = media.read(path)
    figure("frames in the file", len(content.video_times), least=30)
    errors = [line for line in media.decode_errors(path) if re.search(r"error|corrupt|conceal", line)]
    figure("decode errors", len(errors), most=0 if loss < 0.1 else None)
    if loss < 0.1:
        figure("packets lost", sum(track["packets"]["lost"] for track in status["tracks"]), most=0)
        figure("frames whose number cannot be read", content.unreadable(), most=0)
