"""Publishes the test pattern (H.264 and Opus) by WHIP with GStreamer's webrtcbin until stdin says "leave" or closes.

Runs under the distribution's Python, which has the GStreamer bindings.
"""
import argparse
import importlib
import pathlib
import sys
import threading
import time

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstApp", "1.0")
gi.require_version("GstSdp", "1.0")
gi.require_version("GstWebRTC", "1.0")
from gi.repository import GLib, Gst, GstSdp, GstWebRTC  # noqa: E402

importlib.import_module("gi.repository.GstApp")  # gives appsrc and appsink elements their methods

import whip  # noqa: E402

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from harness.pattern import Picture, SAMPLE_RATE, tone  # noqa: E402

CHUNK = SAMPLE_RATE // 50
PIPELINE = """
webrtcbin name=out bundle-policy=max-bundle
appsrc name=video format=time is-live=true caps=video/x-raw,format=I420,width={width},height={height},framerate={fps}/1
  ! x264enc tune=zerolatency speed-preset=veryfast key-int-max={fps} bitrate={kilobits}
  ! video/x-h264,profile=constrained-baseline ! rtph264pay config-interval=-1 aggregate-mode=zero-latency
  ! application/x-rtp,media=video,encoding-name=H264,payload=96 ! out.
appsrc name=audio format=time is-live=true caps=audio/x-raw,format=S16LE,layout=interleaved,rate=48000,channels=1
  ! opusenc ! rtpopuspay ! application/x-rtp,media=audio,encoding-name=OPUS,payload=97 ! out.
"""


class Publisher:
    def __init__(self, options):
        Gst.init(None)
        self.options = options
        self.picture = Picture(options.width, options.height)
        self.pipeline = Gst.parse_launch(PIPELINE.format(width=options.width, height=options.height,
                                                         fps=self.picture.fps, kilobits=options.bitrate // 1000))
        self.webrtc = self.pipeline.get_by_name("out")
        self.agent = self.webrtc.get_property("ice-agent")  # kept: the getter gives its own reference away
        self.agent.emit("add-local-ip-address", "127.0.0.1")
        self.webrtc.connect("on-negotiation-needed", self.offer)
        self.webrtc.connect("notify::ice-gathering-state", self.gathered)
        self.loop, self.resource, self.error = GLib.MainLoop(), None, None
        bus = self.pipeline.get_bus()
        bus.add_signal_watch()
        bus.connect("message::error", lambda _, message: self.fail(str(message.parse_error())))

    def fail(self, error):
        self.error = error
        self.loop.quit()

    def offer(self, webrtc):
        for i in range(2):
            transceiver = webrtc.emit("get-transceiver", i)
            transceiver.set_property("direction", GstWebRTC.WebRTCRTPTransceiverDirection.SENDONLY)
        promise = Gst.Promise.new_with_change_func(self.offered, None, None)
        webrtc.emit("create-offer", None, promise)

    def offered(self, promise, *_):
        reply = promise.get_reply()  # owns the description; must outlive its use
        self.webrtc.emit("set-local-description", reply.get_value("offer"), Gst.Promise.new())

    def gathered(self, webrtc, _):
        if webrtc.get_property("ice-gathering-state") == GstWebRTC.WebRTCICEGatheringState.COMPLETE and not self.resource:
            GLib.idle_add(self.post)

    def post(self):
        try:
            self.resource = whip.Resource(self.options.url,
                                          self.webrtc.get_property("local-description").sdp.as_text())
        except Exception as error:  # the reply's status, or no answer: both end this program
            self.fail(f"POST {self.options.url}: {error}")
            return False
        _, message = GstSdp.SDPMessage.new_from_text(self.resource.answer)
        answer = GstWebRTC.WebRTCSessionDescription.new(GstWebRTC.WebRTCSDPType.ANSWER, message)
        self.webrtc.emit("set-remote-description", answer, Gst.Promise.new())
        whip.say("live", start=self.start)
        return False

    def pump(self, name, rate, draw):
        """Pushes buffer n at n / rate seconds from the start, stamped with that time."""
        source, n = self.pipeline.get_by_name(name), 0
        while True:
            late = 1 / rate if name == "audio" else 0  # a chunk of sound is there when its last sample is
            time.sleep(max(0.0, self.start + n / rate + late - time.monotonic()))
            buffer = Gst.Buffer.new_wrapped(draw(n))
            buffer.pts = self.base + n * Gst.SECOND // rate
            buffer.duration = Gst.SECOND // rate
            if source.emit("push-buffer", buffer) != Gst.FlowReturn.OK:
                return
            n += 1

    def leave(self):
        sys.stdin.readline()
        GLib.idle_add(self.loop.quit)

    def run(self):
        self.pipeline.set_state(Gst.State.PLAYING)
        self.pipeline.get_state(Gst.SECOND)
        self.start = time.monotonic()
        clock = self.pipeline.get_clock() or Gst.SystemClock.obtain()
        self.base = clock.get_time() - self.pipeline.get_base_time()
        for target, arguments in ((self.pump, ("video", self.picture.fps, self.picture.draw)),
                                  (self.pump, ("audio", 50, lambda n: tone(n * CHUNK, CHUNK))), (self.leave, ())):
            threading.Thread(target=target, args=arguments, daemon=True).start()
        self.loop.run()
        if self.resource:
            self.resource.delete()
        self.pipeline.set_state(Gst.State.NULL)
        if self.error:
            sys.exit(self.error)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", required=True, help="the WHIP endpoint")
    parser.add_argument("--width", type=int, default=640)
    parser.add_argument("--height", type=int, default=360)
    parser.add_argument("--bitrate", type=int, default=800_000, help="bits/s")
    Publisher(parser.parse_args()).run()


if __name__ == "__main__":
    main()
