"""The judges judged: the helpers on files whose content is known."""
import fractions

import av
import numpy
import pytest

from harness import media
from harness.pattern import SAMPLE_RATE, Picture, tone
from harness.wire import Packet, frame_times

SECONDS, CHUNK = 4, 960


def make_recording(path, video_codec="libx264", sound_later=0.0, without=()):
    """A recording of the pattern by libavformat; its sound `sound_later` seconds late, the frames `without` left out."""
    picture = Picture(640, 360)
    with av.open(str(path), "w") as container:
        video = container.add_stream(video_codec, rate=picture.fps)
        video.width, video.height, video.pix_fmt, video.bit_rate = 640, 360, "yuv420p", 400_000
        video.options = ({"tune": "zerolatency", "preset": "ultrafast"} if video_codec == "libx264"
                         else {"deadline": "realtime", "cpu-used": "8"})
        audio = container.add_stream("aac" if path.suffix == ".ts" else "libopus", rate=SAMPLE_RATE, layout="mono")
        for number in range(3, SECONDS * picture.fps):
            if number in without:
                continue
            frame = av.VideoFrame.from_ndarray(
                numpy.frombuffer(picture.draw(number), numpy.uint8).reshape(-1, 640), format="yuv420p")
            frame.pts, frame.time_base = number, fractions.Fraction(1, picture.fps)
            container.mux(video.encode(frame))
        container.mux(video.encode())
        for first in range(4800, SECONDS * SAMPLE_RATE, CHUNK):
            frame = av.AudioFrame.from_ndarray(numpy.frombuffer(tone(first, CHUNK), numpy.int16).reshape(1, -1),
                                               format="s16", layout="mono")
            frame.sample_rate, frame.time_base = SAMPLE_RATE, fractions.Fraction(1, SAMPLE_RATE)
            frame.pts = first + int(sound_later * SAMPLE_RATE)
            container.mux(audio.encode(frame))
        container.mux(audio.encode())
    return path


@pytest.mark.parametrize("suffix, codec", [(".ts", "libx264"), (".mkv", "libvpx")])
def test_a_whole_recording_reads_as_whole(folder, suffix, codec):
    path = make_recording(folder / f"whole{suffix}", codec)
    content = media.read(path)
    assert set(media.codecs(path)) == {"video", "audio"}
    assert content.numbers == list(range(3, SECONDS * 30))
    assert len(content.offsets()) == SECONDS - 1
    assert abs(content.offset()) < 0.012
    assert media.decode_errors(path) == []


def test_sound_that_is_late_shows_as_an_offset(folder):
    content = media.read(make_recording(folder / "late.ts", sound_later=0.1))
    assert content.offset() == pytest.approx(0.1, abs=0.012)


def test_frames_left_out_are_named(folder):
    content = media.read(make_recording(folder / "holes.ts", without={50, 51, 90}))
    assert content.missing() == [50, 51, 90]


def test_a_file_cut_anywhere_is_judged_without_its_last_frame(folder, dice):
    whole = make_recording(folder / "whole.ts").read_bytes()
    for _ in range(5):
        path = folder / "cut.ts"
        path.write_bytes(whole[:dice.randrange(len(whole) // 2, len(whole))])
        assert media.decode_errors_but_in_last_frame(path) == []


def test_damage_before_the_last_frame_is_an_error(folder):
    path = make_recording(folder / "damaged.ts")
    data = bytearray(path.read_bytes())
    middle = len(data) // 2 // 188 * 188
    data[middle:middle + 40 * 188] = bytes(40 * 188)
    path.write_bytes(data)
    assert media.decode_errors_but_in_last_frame(path) != []


def test_a_scaled_picture_is_still_read():
    picture = Picture(640, 360, texture=60)
    for number in (0, 1, 12345, (1 << 20) - 1):
        luma = numpy.frombuffer(picture.draw(number), numpy.uint8)[:640 * 360].reshape(360, 640)
        assert media.pattern.read_number(luma[::4, ::4]) == number
    assert media.pattern.read_number(numpy.full((90, 160), 128)) is None


def test_wire_frames_are_counted_across_the_wrap_of_the_timestamp():
    start = (1 << 32) - 4500
    packets = [Packet(1 + n / 30 + part / 1000, 5000, 7, part == 1, 96, 2 * n + part, (start + n * 3000) % (1 << 32), 1000)
               for n in range(5) for part in range(2)]
    assert [round(when * 30) for when, _ in frame_times(packets)] == [0, 1, 2, 3, 4]
    assert frame_times(packets)[1][1] == pytest.approx(1 + 1 / 30 + 0.001)
