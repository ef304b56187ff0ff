"""Publishes the test pattern to a LiveKit room with LiveKit's own SDK, at its default settings unless told otherwise.

Prints a JSON line an event: {"event": "live", "start": monotonic seconds of the pattern's frame 0} and so on. Reads
commands from stdin, a line each: "mute audio", "unmute video", "publish audio", "unpublish video", "stats", "leave".
"""
import argparse
import asyncio
import json
import pathlib
import sys
import time

from livekit import rtc

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from harness.pattern import Picture, SAMPLE_RATE, tone  # noqa: E402

CHUNK = SAMPLE_RATE // 100


def say(event, **fields):
    print(json.dumps({"event": event, **fields}), flush=True)


class Publisher:
    def __init__(self, options):
        self.options = options
        self.room = rtc.Room()
        self.picture = Picture(options.width, options.height, options.fps, options.texture)
        self.video = rtc.VideoSource(options.width, options.height)
        self.audio = rtc.AudioSource(SAMPLE_RATE, 1, queue_size_ms=0)  # no queue: captured when handed over
        self.tracks = {}
        self.start = 0.0

    async def connect(self):
        room_options = rtc.RoomOptions(auto_subscribe=False)
        if self.options.e2ee:
            room_options.e2ee = rtc.E2EEOptions(
                key_provider_options=rtc.KeyProviderOptions(shared_key=b"a key of the end-to-end test"))
        await self.room.connect(self.options.url, self.options.token, room_options)
        self.start = time.monotonic()

    async def publish(self, kind):
        if kind == "video":
            track = rtc.LocalVideoTrack.create_video_track("camera", self.video)
            settings = rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_CAMERA)
            if self.options.codec != "default":
                settings.video_codec = getattr(rtc.VideoCodec, self.options.codec.upper())
            if self.options.simulcast != "default":
                settings.simulcast = self.options.simulcast == "on"
            if self.options.bitrate:
                settings.video_encoding.max_bitrate = self.options.bitrate
                settings.video_encoding.max_framerate = self.options.fps
        else:
            track = rtc.LocalAudioTrack.create_audio_track("microphone", self.audio)
            settings = rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_MICROPHONE)
        if self.options.muted:
            track.mute()
        self.tracks[kind] = track
        await self.room.local_participant.publish_track(track, settings)
        say("published", kind=kind, start=self.start, at=time.monotonic())

    async def unpublish(self, kind):
        await self.room.local_participant.unpublish_track(self.tracks.pop(kind).sid)

    async def publish_at(self, kind, seconds):
        if seconds >= 0:
            await asyncio.sleep(self.start + seconds - time.monotonic())
            await self.publish(kind)

    async def pump_video(self):
        number = 0
        while True:
            await asyncio.sleep(self.start + number / self.options.fps - time.monotonic())
            frame = rtc.VideoFrame(self.options.width, self.options.height, rtc.VideoBufferType.I420,
                                   self.picture.draw(number))
            self.video.capture_frame(frame)
            number = max(number + 1, int((time.monotonic() - self.start) * self.options.fps - 2))

    async def pump_audio(self):
        sample = 0
        while True:
            # A chunk is handed over when its last sample is due, as a microphone does.
            await asyncio.sleep(self.start + (sample + CHUNK) / SAMPLE_RATE - time.monotonic())
            await self.audio.capture_frame(rtc.AudioFrame(tone(sample, CHUNK), SAMPLE_RATE, 1, CHUNK))
            sample += CHUNK

    async def obey(self):
        lines = asyncio.StreamReader()
        await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
        while line := (await lines.readline()).decode().split():
            verb, kind = line[0], line[-1]
            if verb == "mute":
                self.tracks[kind].mute()
            elif verb == "unmute":
                self.tracks[kind].unmute()
            elif verb == "publish":
                await self.publish(kind)
            elif verb == "unpublish":
                await self.unpublish(kind)
            elif verb == "leave":
                return
            say("done", command=" ".join(line), at=time.monotonic())

    async def run(self):
        await self.connect()
        pumps = [asyncio.create_task(self.pump_video()), asyncio.create_task(self.pump_audio())]
        try:
            for seconds, kind in sorted([(self.options.video_after, "video"), (self.options.audio_after, "audio")]):
                await self.publish_at(kind, seconds)
            say("live", start=self.start)
            obey = asyncio.create_task(self.obey())
            finished, _ = await asyncio.wait([obey, *pumps], return_when=asyncio.FIRST_COMPLETED)
            for task in finished:
                task.result()
        finally:
            for task in pumps:
                task.cancel()
            await self.room.disconnect()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", required=True)
    parser.add_argument("--token", required=True)
    parser.add_argument("--codec", default="default", choices=["default", "vp8", "h264", "vp9", "av1", "h265"])
    parser.add_argument("--simulcast", default="default", choices=["default", "on", "off"])
    parser.add_argument("--width", type=int, default=640)
    parser.add_argument("--height", type=int, default=360)
    parser.add_argument("--fps", type=int, default=30)
    parser.add_argument("--texture", type=int, default=0)
    parser.add_argument("--bitrate", type=int, default=0, help="bits/s; 0 leaves it to the SDK")
    parser.add_argument("--video-after", type=float, default=0, help="seconds; negative is never")
    parser.add_argument("--audio-after", type=float, default=0, help="seconds; negative is never")
    parser.add_argument("--muted", action="store_true", help="both tracks are announced muted")
    parser.add_argument("--e2ee", action="store_true")
    options = parser.parse_args()

    async def run():  # the SDK's objects belong to the loop in which they are made
        await Publisher(options).run()
    asyncio.run(run())


if __name__ == "__main__":
    main()
