"""What a file holds, by other people's readers: ffprobe, ffmpeg's decoders, PyAV."""
import dataclasses
import json
import pathlib
import re
import shutil
import statistics
import subprocess

import av
import numpy

from harness import pattern


def probe(path):
    """ffprobe's view: {"format": …, "streams": […]}."""
    done = subprocess.run(["ffprobe", "-v", "error", "-show_streams", "-show_format", "-of", "json", path],
                          text=True, capture_output=True)
    assert done.returncode == 0, f"ffprobe cannot read {path}: {done.stderr}"
    return json.loads(done.stdout)


def codecs(path):
    """Kind -> codec name of every stream."""
    return {stream["codec_type"]: stream["codec_name"] for stream in probe(path)["streams"]}


# ffmpeg says of a hole in a transport stream only in a warning that a packet is corrupt.
_COMPLAINT = re.compile(r"corrupt|error|invalid|conceal|missing|monoton|discontinu", re.IGNORECASE)


def decode_errors(path):
    """What ffmpeg complains about while it decodes the whole file: lines, empty when it is clean."""
    # Frames keep the times that they have in the file: ffmpeg must not fit them to a frame rate, nor take gaps of more than
    # 10 s out of a transport stream, and complain of what comes of that.
    done = subprocess.run(["ffmpeg", "-nostdin", "-v", "warning", "-copyts", "-i", path, "-fps_mode", "passthrough",
                           "-enc_time_base", "-1", "-f", "null", "-"], text=True, capture_output=True)
    complaints = [line for line in done.stderr.splitlines() if _COMPLAINT.search(line)]
    return complaints + ([] if done.returncode == 0 else [f"ffmpeg exited {done.returncode}: {done.stderr[-300:]}"])


def remux(path, target):
    """What people do to get an MP4: `ffmpeg -c copy`. Returns the target."""
    done = subprocess.run(["ffmpeg", "-nostdin", "-v", "error", "-y", "-i", path, "-c", "copy", target],
                          text=True, capture_output=True)
    assert done.returncode == 0, f"ffmpeg cannot remux {path}: {done.stderr}"
    return target


def _last_video_position(path):
    done = subprocess.run(["ffprobe", "-v", "quiet", "-select_streams", "v:0", "-show_entries", "packet=pos",
                           "-of", "csv=p=0", path], text=True, capture_output=True)
    return int([line.strip(",") for line in done.stdout.split() if line.strip(",").isdigit()][-1])


def video_sizes(path):
    """Bytes of each coded picture, in the order of the file."""
    with av.open(str(path)) as container:
        return [packet.size for packet in container.demux(video=0) if packet.size]


def decode_errors_but_in_last_frame(path):
    """As decode_errors, for a file that was cut short: its last video frame may be broken, nothing before it."""
    if not decode_errors(path):
        return []
    before = pathlib.Path(path).with_suffix(".before_last" + pathlib.Path(path).suffix)
    shutil.copy(path, before)
    with open(before, "r+b") as file:
        file.truncate(_last_video_position(path))
    try:
        return decode_errors(before)
    finally:
        before.unlink()


@dataclasses.dataclass
class Content:
    """The decoded content of a recording of the test pattern."""
    video_times: list      # seconds, a value a decoded frame
    numbers: list          # the burnt-in number of each, None where it cannot be read
    sizes: list            # (width, height) of each
    flashes: list          # seconds: the onsets of the flashes
    beeps: list            # seconds: the onsets of the beeps
    audio_duration: float  # seconds of decoded sound
    audio_hole: float      # seconds: the longest stretch of time between two decoded pieces of sound

    def missing(self):
        """Numbers between the first and the last that no frame shows."""
        seen = [number for number in self.numbers if number is not None]
        return sorted(set(range(seen[0], seen[-1] + 1)) - set(seen)) if seen else []

    def unreadable(self):
        return self.numbers.count(None)

    def offsets(self):
        """Sound minus picture in seconds, for each flash that has a beep within half a second."""
        pairs = ((min(self.beeps, key=lambda beep: abs(beep - flash)) - flash) for flash in self.flashes if self.beeps)
        return [offset for offset in pairs if abs(offset) < 0.5]

    def offset(self):
        offsets = self.offsets()
        assert offsets, f"no flash with a beep: {len(self.flashes)} flashes, {len(self.beeps)} beeps"
        return statistics.median(offsets)


def read(path):
    """Decodes the whole file."""
    times, numbers, sizes, flashes = [], [], [], []
    audio_times, levels, audio_duration, audio_hole, audio_end = [], [], 0.0, 0.0, None
    lit = True  # a flash that was on from the start has no onset
    with av.open(str(path)) as container:
        streams = [*container.streams.video[:1], *container.streams.audio[:1]]
        for packet in container.demux(streams):
            try:
                frames = packet.decode()
            except av.error.InvalidDataError:
                continue  # a cut last frame; decode_errors judges those
            for frame in frames:
                if packet.stream.type == "video":
                    luma = _luma(frame)
                    now_lit = pattern.is_flash(luma)
                    if now_lit and not lit:
                        flashes.append(frame.time)
                    lit = now_lit
                    times.append(frame.time)
                    numbers.append(pattern.read_number(luma))
                    sizes.append((frame.width, frame.height))
                else:
                    t, l = _levels(frame)
                    audio_times.append(t)
                    levels.append(l)
                    audio_duration += frame.samples / frame.sample_rate
                    audio_hole = max(audio_hole, frame.time - (frame.time if audio_end is None else audio_end))
                    audio_end = frame.time + frame.samples / frame.sample_rate
    return Content(times, numbers, sizes, flashes, _onsets(audio_times, levels), audio_duration, audio_hole)


def _luma(frame):
    plane = frame.planes[0]
    return numpy.frombuffer(plane, numpy.uint8).reshape(plane.height, plane.line_size)[:, :plane.width]


def _levels(frame):
    """The loudness of each millisecond of an audio frame, with its time."""
    samples = frame.to_ndarray()
    if samples.dtype.kind == "i":
        samples = samples / 32768.0
    if not frame.format.is_planar:
        samples = samples.reshape(-1, frame.layout.nb_channels).T
    mono = numpy.abs(samples[0])
    step = frame.sample_rate // 1000
    count = len(mono) // step
    return frame.time + numpy.arange(count) / 1000.0, mono[:count * step].reshape(count, step).max(axis=1)


def _onsets(times, levels):
    """Where a beep begins: loud after at least 300 ms without."""
    if not times:
        return []
    times, levels = numpy.concatenate(times), numpy.concatenate(levels)
    loud = times[levels > 0.1]
    if not len(loud):
        return []
    begins = numpy.concatenate(([True], numpy.diff(loud) > 0.3))
    onsets = loud[begins]
    # A beep that was on from the start has no onset.
    return [float(onset) for onset in onsets if onset - times[0] > 0.05]
