"""Recordings of a real LiveKit server, from LiveKit's own publisher."""
import time

import pytest

from harness import livekit, media
from harness.judge import judge_ledger, judge_recording, listening
from harness.waiting import steadily

# Bits for the encoder to spend, and 30 frames a second, without the rate control leaving frames out.
H264 = {"codec": "h264", "bitrate": 2_000_000, "texture": 20}


def seconds_of(proving):
    return 60 if proving else 12


def test_default_sdk_settings_are_recorded_whole(service, stream, figure, proving):
    stream("vp8-default")
    status, _ = judge_recording(figure, service(), "vp8-default", seconds_of(proving),
                                {"video": "vp8", "audio": "opus"})
    assert status["format_used"] == "mkv"


def test_h264_and_opus_are_recorded_whole(service, stream, figure, proving):
    stream("h264", **H264)
    status, _ = judge_recording(figure, service(), "h264", seconds_of(proving),
                                {"video": "h264", "audio": "aac"})
    assert status["format_used"] == "mpegts"


def test_audio_copy_keeps_opus(service, stream):
    stream("audio-copy", **H264)
    program = service("--audio", "copy")
    program.record("audio-copy")
    steadily(3, program.alive)
    assert media.codecs(program.finish("audio-copy")["output_path"]) == {"video": "h264", "audio": "opus"}


def test_mp4_is_fragmented_while_it_grows_and_plays_after_stop(service, stream):
    stream("mp4", **H264)
    program = service()
    path = program.record("mp4", format="mp4")
    steadily(4, program.alive)
    assert media.codecs(path)["video"] == "h264"
    program.finish("mp4")
    path = program.wait_for_state("mp4", "stopped")["output_path"]
    assert media.decode_errors(path) == []
    # The publisher itself leaves out frames on a busy machine: what counts is that each is read whole.
    assert media.read(path).unreadable() == 0


def publish_later(stream, first, later, room):
    """A stream whose second track comes 10 s after its first. The publisher ends with the test."""
    return stream(room, tracks=1, **{f"{first}_after": 0, f"{later}_after": -1}, **H264)


def test_audio_that_comes_10_s_after_video_is_in_step(service, stream, figure, folder):
    publisher = publish_later(stream, "video", "audio", "late-audio")
    program = service()
    program.record("late-audio")
    steadily(10, program.alive)
    publisher.tell("publish audio")
    steadily(12, program.alive)
    path = program.finish("late-audio")["output_path"]
    content = media.read(path)
    assert media.decode_errors(path) == []
    assert set(media.codecs(path)) == {"video", "audio"}
    assert content.beeps[0] - content.video_times[0] > 9
    # How far the sound ends before the picture is the publisher's: it hands its sound over late when it has no CPU.
    figure("sound ends before the picture", content.video_times[-1] - content.video_times[0] - content.audio_duration, "s")
    # Where its first reports say that sound lies later than it came, it steps forward once, by 300 ms at most.
    figure("longest hole in the sound", content.audio_hole, "s", most=0.35)
    figure("sound minus picture (median)", content.offset(), "s", most=0.04, least=-0.04)
    figure("the same after `ffmpeg -c copy` to MP4", media.read(media.remux(path, folder / "remuxed.mp4")).offset(), "s",
           most=0.04, least=-0.04)


def test_video_that_comes_10_s_after_audio_begins_a_new_part_with_both(service, stream, figure):
    publisher = publish_later(stream, "audio", "video", "late-video")
    program = service()
    assert program.start("late-video").status == 201
    program.wait_for_state("late-video", "recording")
    steadily(10, program.alive)
    publisher.tell("publish video")
    steadily(12, program.alive)
    path = program.finish("late-video")["output_path"]
    assert media.codecs(path) == {"video": "h264", "audio": "aac"}
    assert media.decode_errors(path) == []
    figure("sound minus picture (median)", media.read(path).offset(), "s", most=0.04, least=-0.04)
    parts = list(program.recordings.glob("late-video*.ts"))
    assert len(parts) == 2, parts
    for part in parts:
        assert media.decode_errors(part) == []


def test_both_announced_but_muted_are_recorded_when_they_speak(service, stream, figure):
    publisher = stream("muted", muted=True, **H264)
    program = service()
    assert program.start("muted").status == 201
    steadily(4, program.alive)
    assert program.status("muted")["state"] in ("connecting", "waiting", "recording", "gap")
    publisher.tell("unmute video")
    publisher.tell("unmute audio")
    program.wait_for_state("muted", "recording")
    steadily(10, program.alive)
    path = program.finish("muted")["output_path"]
    assert set(media.codecs(path)) == {"video", "audio"}
    assert media.decode_errors(path) == []
    figure("sound minus picture (median)", media.read(path).offset(), "s", most=0.04, least=-0.04)


def test_mute_in_the_middle_leaves_one_file_on_one_clock(service, stream, figure):
    publisher = stream("mute-middle", **H264)
    program = service()
    path = program.record("mute-middle")
    steadily(4, program.alive)
    for kind in ("audio", "video"):
        publisher.tell(f"mute {kind}")
        steadily(4, program.alive)
        publisher.tell(f"unmute {kind}")
        steadily(4, program.alive)
    status = program.finish("mute-middle")
    assert status["output_path"] == str(path)
    assert media.decode_errors(path) == []
    content = media.read(path)
    judge_ledger(status)
    figure("sound minus picture (median)", content.offset(), "s", most=0.04, least=-0.04)
    figure("file's length against the clock", abs(content.video_times[-1] - content.video_times[0] - 20), "s", most=1.5)


def test_a_stream_that_is_not_live_yet_is_waited_for(service, stream):
    program = service()
    assert program.start("later").status == 201
    program.wait_for_state("later", "waiting")
    steadily(2, program.alive)
    stream("later", **H264)
    program.wait_for_state("later", "recording")
    steadily(2, program.alive)
    assert media.decode_errors(program.finish("later")["output_path"]) == []


def test_an_encrypted_stream_is_refused_with_its_reason(service, stream):
    stream("secret", e2ee=True)
    program = service()
    assert program.start("secret").status == 201
    status = program.wait_for_state("secret", "failed")
    assert "encrypt" in status["error"].lower() or "e2ee" in status["error"].lower(), status


def test_a_token_given_is_used_and_a_wrong_one_is_named(service, stream):
    stream("by-token", **H264)
    program = service()
    assert program.start("given", token=livekit.token("recorder", "by-token")).status == 201
    program.wait_for_state("given", "recording")
    program.finish("given")
    assert program.start("wrong", token="not.a.token").status in (201, 400, 422)
    if (status := program.status("wrong")).get("state") != "stopped":
        status = program.wait_for_state("wrong", "failed")
        assert "token" in status["error"].lower(), status


@pytest.mark.parametrize("count", [2, 10])
def test_many_recordings_of_one_server_at_once(service, stream, figure, count):
    rooms = [f"many-{count}-{n}" for n in range(count)]
    for room in rooms:  # small pictures: ten publishers and the server share this machine with the program
        stream(room, codec="h264", width=320, height=160, bitrate=100_000, simulcast="off", fps=15)
    program = service()
    with listening() as wire:
        for room in rooms:
            assert program.start(room).status == 201
        for room in rooms:
            program.wait_for_state(room, "recording")
        steadily(8, program.alive)
        figure("memory of the program with all recording", program.resident_kib() / 1024, "MiB anonymous")
        ports = program.udp_ports()
        statuses = []
        for room in rooms:
            begun = time.monotonic()
            statuses.append(program.finish(room))
            assert time.monotonic() - begun < 2
        # A publisher without CPU may lose a packet on its way to the server.
        never_sent = wire.missing(ports) if wire else 0
    figure("packets that the server never sent", never_sent)
    for status in statuses:
        judge_ledger(status, never_sent)
        assert media.codecs(status["output_path"]) == {"video": "h264", "audio": "aac"}
        assert media.decode_errors(status["output_path"]) == []


def test_the_end_of_the_room_ends_the_file_whole(service, stream, livekit_server):
    stream("ending", **H264)
    program = service()
    path = program.record("ending")
    steadily(3, program.alive)
    livekit_server.call("DeleteRoom", "ending")
    program.wait_for_state("ending", "stopped")
    assert media.decode_errors(path) == []
    assert all(size == (640, 360) for size in media.read(path).sizes), "the server's blank farewell frames are in the file"
