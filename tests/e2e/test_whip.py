"""Recordings by WHIP, from other people's WebRTC: Chromium, GStreamer's webrtcbin, aiortc. And from our own publisher."""
import pytest

from harness import media
from harness.growth import GrowthWatch
from harness.judge import judge_recording
from harness.paths import HOLDFAST
from harness.program import Program
from harness.waiting import steadily

PEERS = [("chromium", "vp8"), ("chromium", "h264"), ("gstreamer", "h264"), ("aiortc", "vp8"), ("aiortc", "h264")]


@pytest.mark.parametrize("kind, codec", PEERS)
def test_a_whip_publisher_is_recorded(service, whip, figure, proving, kind, codec):
    program = service()
    options = {} if kind == "gstreamer" else {"codec": codec}
    status, _ = judge_recording(figure, program, "whip", 60 if proving else 10, {
        "video": codec, "audio": "aac" if codec == "h264" else "opus"},
        start=lambda: whip(kind, f"{program.url}/whip/whip", **options))
    assert status["format_used"] == ("mpegts" if codec == "h264" else "mkv")


def test_delete_ends_the_recording_whole(service, whip):
    program = service()
    publisher = whip("aiortc", f"{program.url}/whip/leaver", codec="h264")
    path = program.wait_for_state("leaver", "recording")["output_path"]
    steadily(2, program.alive)
    publisher.process.stdin.write("leave\n")
    publisher.process.stdin.flush()
    program.wait_for_state("leaver", "stopped", seconds=10)
    assert media.decode_errors(path) == []


def test_our_own_publisher_is_recorded(service, folder, programs, figure):
    program = service()
    with GrowthWatch(program.recordings) as watch:
        programs.append(Program([HOLDFAST, "publish", f"{program.url}/whip/own"], folder / "publish.log"))
        program.wait_for_state("own", "recording")
        steadily(5, program.alive)
        figure("longest time without growth", watch.longest_pause(), "s", most=0.15)
        status = program.finish("own")
    assert media.codecs(status["output_path"]) == {"video": "h264", "audio": "aac"}
    assert media.decode_errors(status["output_path"]) == []


def test_a_resource_answers_as_rfc_9725_says(service):
    program = service()
    offer = {"Content-Type": "application/sdp"}
    assert program.request("POST", "/whip/bad", "this is no SDP", offer).status == 400
    assert program.request("POST", "/whip/bad", "v=0\r\n", {"Content-Type": "text/plain"}).status == 415
    assert program.request("DELETE", "/whip/bad/nothing").status == 404
    assert program.request("GET", "/whip/bad").status in (204, 405)
