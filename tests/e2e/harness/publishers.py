"""Starts the publishers: other people's WebRTC, each in a process of its own."""
from harness import livekit as server_side
from harness.paths import PUBLISHERS, PYTHON, SYSTEM_PYTHON
from harness.program import Program


def _flags(options):
    words = []
    for name, value in options.items():
        flag = f"--{name.replace('_', '-')}"
        words += [flag] if value is True else [flag, value]
    return words


def livekit(folder, server, room, identity="streamer", **options):
    """LiveKit's own SDK. For the options see publishers/livekit_publisher.py."""
    command = [PYTHON, PUBLISHERS / "livekit_publisher.py", "--url", server.url,
               "--token", server_side.token(identity, room)]
    return Program([*command, *_flags(options)], folder / f"publisher-{room}-{identity}.log")


def whip(folder, kind, url, **options):
    """kind: chromium, gstreamer or aiortc."""
    python = SYSTEM_PYTHON if kind == "gstreamer" else PYTHON
    command = [python, PUBLISHERS / f"{kind}_whip.py", "--url", url]
    return Program([*command, *_flags(options)], folder / f"publisher-{kind}.log")
