"""Publishes the test pattern by WHIP with aiortc until stdin says "leave" or closes."""
import argparse
import asyncio
import fractions
import pathlib
import sys
import time

import aioice.ice
import av
import numpy
from aiortc import RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamTrack

import whip

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from harness.pattern import Picture, SAMPLE_RATE, tone  # noqa: E402

# aioice leaves loopback out of its candidates; the tests live there.
aioice.ice.get_host_addresses = lambda use_ipv4, use_ipv6: ["127.0.0.1"]
CHUNK = SAMPLE_RATE // 50


class Video(MediaStreamTrack):
    kind = "video"

    def __init__(self, picture, start):
        super().__init__()
        self.picture, self.start_time, self.number = picture, start, 0

    async def recv(self):
        picture, number = self.picture, self.number
        self.number += 1
        await asyncio.sleep(self.start_time + number / picture.fps - time.monotonic())
        drawn = numpy.frombuffer(picture.draw(number), numpy.uint8).reshape(-1, picture.width)
        frame = av.VideoFrame.from_ndarray(drawn, format="yuv420p")
        frame.pts, frame.time_base = number * 90000 // picture.fps, fractions.Fraction(1, 90000)
        return frame


class Audio(MediaStreamTrack):
    kind = "audio"

    def __init__(self, start):
        super().__init__()
        self.start_time, self.sample = start, 0

    async def recv(self):
        sample = self.sample
        self.sample += CHUNK
        await asyncio.sleep(self.start_time + (sample + CHUNK) / SAMPLE_RATE - time.monotonic())
        frame = av.AudioFrame.from_ndarray(numpy.frombuffer(tone(sample, CHUNK), numpy.int16).reshape(1, -1),
                                           format="s16", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = SAMPLE_RATE, sample, fractions.Fraction(1, SAMPLE_RATE)
        return frame


async def run(options):
    start = time.monotonic() + 1  # both tracks wait for it, so that they begin together
    connection = RTCPeerConnection()
    transceivers = [connection.addTransceiver(track, direction="sendonly")
                    for track in (Video(Picture(options.width, options.height), start), Audio(start))]
    if options.codec != "default":
        codecs = type(transceivers[0].sender).getCapabilities("video").codecs
        transceivers[0].setCodecPreferences([c for c in codecs if c.mimeType.lower() == f"video/{options.codec}"])
    await connection.setLocalDescription(await connection.createOffer())
    resource = await asyncio.to_thread(whip.Resource, options.url, connection.localDescription.sdp)
    await connection.setRemoteDescription(RTCSessionDescription(resource.answer, "answer"))
    whip.say("live", start=start)
    await asyncio.to_thread(sys.stdin.readline)
    await asyncio.to_thread(resource.delete)
    await connection.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", required=True, help="the WHIP endpoint")
    parser.add_argument("--codec", default="default", choices=["default", "vp8", "h264"])
    parser.add_argument("--width", type=int, default=640)
    parser.add_argument("--height", type=int, default=360)
    asyncio.run(run(parser.parse_args()))


if __name__ == "__main__":
    main()
