"""`make run` as a person sees it, without the building."""
import signal
import socket
import subprocess

import pytest

from harness.paths import HOLDFAST, ROOT
from harness.program import Program
from harness.waiting import steadily


@pytest.mark.skipif(not HOLDFAST.exists(), reason="build/release/holdfast is not built: say `make build`")
def test_run_shows_a_recording_and_leaves_a_file_that_plays(folder, programs):

    with socket.socket() as probe:
        if probe.connect_ex(("127.0.0.1", 8000)) == 0:
            pytest.skip("port 8000, which `make run` uses, is taken on this machine")
    run = Program(["python3", ROOT / "scripts/run_demo.py", folder], folder / "run.log")
    programs.append(run)
    run.wait_for(lambda: " frames | " in run.tail(50), 30, "the live line")
    steadily(6, run.alive)
    assert run.end(signal.SIGINT, seconds=15) == 0, run.tail(50)
    text = run.tail(50)
    assert "Play it: ffplay " in text and "video: h264" in text and "audio: aac" in text, text
    path = text.split("Play it: ffplay ")[1].split("\n")[0]
    done = subprocess.run(["ffmpeg", "-v", "error", "-i", path, "-f", "null", "-"], text=True, capture_output=True)
    assert done.returncode == 0 and not done.stderr, done.stderr


