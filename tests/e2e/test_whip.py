"""Recordings by WHIP, from other people's WebRTC: Chromium, GStreamer's webrtcbin, aiortc. And from our own publisher."""
import time

import pytest

from harness import journal, media
from harness.growth import GrowthWatch
from harness.judge import judge_gap, judge_ledger, judge_recording, listening
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


def test_an_ice_restart_of_a_browser_costs_nothing(service, whip, figure):
    program = service()
    publisher = whip("chromium", f"{program.url}/whip/restart", codec="h264")
    path = program.wait_for_state("restart", "recording")["output_path"]
    steadily(3, program.alive)
    publisher.tell("restart")
    steadily(5, program.alive)
    status = program.finish("restart")
    assert status["output_paths"] == [path]
    assert media.decode_errors(path) == []
    content = media.read(path)
    figure("longest time between two frames", max(b - a for a, b in zip(content.video_times, content.video_times[1:])), "s",
           most=0.2)
    assert [event["cause"] for event in journal.events(path, "reconnect")] == ["resume"]
    judge_ledger(status)


def test_a_publisher_who_died_and_comes_back_is_one_recording(service, whip, figure):
    program = service()
    with listening() as wire:
        publisher = whip("aiortc", f"{program.url}/whip/again", codec="h264")
        path = program.wait_for_state("again", "recording")["output_path"]
        steadily(3, program.alive)
        publisher.kill()
        steadily(4, program.alive)
        assert program.status("again")["state"] == "gap"
        around = time.monotonic()
        whip("aiortc", f"{program.url}/whip/again", codec="h264")
        program.wait_for_state("again", "recording")
        steadily(3, program.alive)
        ports = program.udp_ports()
        status = program.finish("again")
    assert status["output_paths"] == [path]
    assert media.decode_errors(path) == []
    judge_gap(figure, path, wire, ports, around, "network")


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
