"""One stream, one recording: whatever breaks, the same file goes on on the same clock, and a gap is as long as it was.

`--prove` takes the promised spans (30 s, 20 s, 59 and 61 s); a sample takes shorter ones through the same code.
"""
import time

import pytest

from harness import journal, media, publishers
from harness.judge import frames_arrived, judge_gap, judge_ledger, listening
from harness.livekit import LiveKitServer
from harness.proxy import Proxy
from harness.waiting import steadily

H264 = {"codec": "h264", "width": 640, "height": 360, "bitrate": 800_000, "simulcast": "off"}


@pytest.fixture
def proxy(programs, livekit_server):
    programs.append(Proxy(livekit_server.port))
    return programs[-1]


@pytest.fixture
def own_server(folder, programs):
    """A LiveKit server that the test may kill; restart() starts it again at the same ports."""
    programs.append(LiveKitServer(folder))
    return programs[-1]


def leave(publisher):
    """The publisher says goodbye and ends."""
    publisher.process.stdin.write("leave\n")
    publisher.process.stdin.flush()
    publisher.process.wait(10)


def judge_one_file(program, mint_id, path):
    assert list(program.recordings.glob(f"{mint_id}*.ts")) == [path]
    # A gap within the first seconds, which ffmpeg reads to find the frame rate, is long beside a frame: it says so.
    assert [line for line in media.decode_errors(path) if "DTS discontinuity in stream" not in line] == []


def test_signalling_cut_with_media_alive_costs_nothing(service, stream, proxy, figure, proving):
    stream("cut", **H264)
    program = service(server=proxy)
    with listening() as wire:
        path = program.record("cut")
        steadily(3, program.alive)
        ports = program.udp_ports()
        proxy.cut()
        steadily(20 if proving else 6, program.alive)
        assert program.status("cut")["state"] == "recording"
        proxy.mend()
        steadily(10, program.alive)
        stopped_at = time.monotonic()
        status = program.finish("cut")
        if wire:
            missing = len(frames_arrived(wire, ports, stopped_at - 0.1)) - len(media.read(path).video_times)
            figure("frames on the wire but not in the file", max(0, missing), most=0)
    judge_one_file(program, "cut", path)
    assert journal.gaps(path) == []
    assert [event["cause"] for event in journal.events(path, "reconnect")] == ["resume"]
    assert proxy.connections >= 2
    judge_ledger(status, wire.missing(ports) if wire else 0)


def test_a_publisher_who_leaves_and_comes_back_is_one_recording(service, stream, figure, proving):
    publisher = stream("back", **H264)
    program = service()
    with listening() as wire:
        path = program.record("back")
        steadily(3, program.alive)
        ports = program.udp_ports()
        leave(publisher)
        left = time.monotonic()
        steadily(29 if proving else 6, program.alive)
        assert program.status("back")["state"] == "gap"
        assert program.status("back")["gap_cause"] == "left"
        around = time.monotonic()
        stream("back", **H264)
        program.wait_for_state("back", "recording")
        steadily(4, program.alive)
        ports |= program.udp_ports()
        figure("away for", time.monotonic() - left, "s")
        program.finish("back")
    judge_one_file(program, "back", path)
    judge_gap(figure, path, wire, ports, around, "left")


def test_a_server_killed_and_restarted_is_one_recording(service, folder, programs, own_server, figure, proving):
    def publish(name):
        programs.append(publishers.livekit(folder, own_server, "restart", identity="streamer", **H264))
        programs[-1].event("live")
        own_server.wait_for_tracks("restart", 2)
        return programs[-1]

    publisher = publish("first")
    program = service(server=own_server)
    with listening() as wire:
        path = program.record("restart")
        steadily(3, program.alive)
        ports = program.udp_ports()
        own_server.end()
        publisher.kill()
        steadily(8 if proving else 4, program.alive)
        assert program.status("restart")["state"] == "gap"
        around = time.monotonic()
        own_server.restart()
        publish("second")
        program.wait_for_state("restart", "recording", seconds=30)
        steadily(4, program.alive)
        ports |= program.udp_ports()
        program.finish("restart")
    judge_one_file(program, "restart", path)
    judge_gap(figure, path, wire, ports, around, "server")
    # The rejoined connection brings new keys and credentials: that is no resume.
    assert [event["cause"] for event in journal.events(path, "reconnect")][-1] == "rejoin"


@pytest.mark.parametrize("over", [False, True])
def test_the_gap_limit_is_exact(service, stream, figure, proving, over):
    limit = 60 if proving else 5
    publisher = stream(f"limit-{over}", **H264)
    program = service("--gap-limit", f"{limit}s")
    path = program.record(f"limit-{over}")
    steadily(3, program.alive)
    leave(publisher)
    steadily(limit - 1, program.alive)
    assert program.status(f"limit-{over}")["state"] == "gap"
    if not over:
        program.finish(f"limit-{over}")
        return
    steadily(2, program.alive)
    status = program.wait_for_state(f"limit-{over}", "stopped")
    assert status["end_reason"] == "gap_limit"
    assert media.decode_errors(path) == []
    assert journal.events(path, "end")[0]["reason"] == "gap_limit"


def test_mute_and_camera_off_survive_a_plain_remux(service, stream, figure, proving, folder):
    span = 30 if proving else 6
    publisher = stream("remux", **H264)
    program = service()
    path = program.record("remux")
    steadily(6, program.alive)
    for off, on in (("mute audio", "unmute audio"), ("mute video", "unmute video"), ("unpublish video", "publish video")):
        publisher.tell(off)
        steadily(span, program.alive)
        publisher.tell(on)
        steadily(8, program.alive)
    status = program.finish("remux")
    assert status["output_path"] == str(path)
    judge_one_file(program, "remux", path)
    assert journal.gaps(path) == []
    remuxed = media.remux(path, folder / "remuxed.mp4")
    content = media.read(remuxed)
    offsets = content.offsets()
    figure("flashes with a beep", len(offsets), least=10)
    figure("sound minus picture in the remuxed file (median)", content.offset(), "s", most=0.04, least=-0.04)
    figure("worst of them", max(map(abs, offsets)), "s")
    assert media.codecs(remuxed) == {"video": "h264", "audio": "aac"}
