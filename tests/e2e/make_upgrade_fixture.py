"""Makes a folder as a version of Holdfast leaves it when it is killed: what src/app/upgrade_test.cpp opens with today's code.

usage: make_upgrade_fixture.py PROGRAM TARGET     scripts/make_upgrade_fixture.sh builds the program first
"""
import pathlib
import shutil
import sys
import tempfile
import time

from harness import livekit, paths, publishers, service
from harness.program import Program

SMALL = {"codec": "h264", "width": 160, "height": 96, "fps": 10, "bitrate": 60_000, "simulcast": "off"}
CONFIG = """\
# As a user of that version has it.
recordings = "recordings"
format = "mpegts"
audio = "aac"
gap_limit = "90s"
part_size = "500MB"
keep_days = 0
livekit_room = "{mint_id}"
"""


def publish(program, name, seconds=None):
    command = [paths.HOLDFAST, "publish", f"{program.url}/whip/{name}", "--size", "160x90", "--fps", "10",
               "--bitrate", "60000", "--quiet"]
    if seconds:
        command += ["--duration", f"{seconds}s"]
    publisher = Program(command, program.log.parent / f"publish-{name}.log")
    program.wait_for_state(name, "recording")
    return publisher


def fill(folder, target):
    server = livekit.LiveKitServer(folder)
    (folder / "holdfast.toml").write_text(CONFIG)
    program = service.Holdfast(folder, server.url, "--config", folder / "holdfast.toml", "--follow-interval", "1s")
    running = [server, program]

    def room(name, identity="streamer"):
        publisher = publishers.livekit(folder, server, name, identity=identity, **SMALL)
        publisher.event("live")
        server.wait_for_tracks(name, 2)
        return publisher
    try:
        # Finished, with a marker, protected, and exported.
        publisher = publish(program, "finished")
        time.sleep(1)
        program.request("POST", "/api/recording/marker/finished", {"text": "goal"})
        time.sleep(2)
        finished = program.finish("finished")
        publisher.end()
        assert program.request("PUT", f"/api/recordings/{finished['recording_id']}/protection").status == 200
        exported = program.recordings / "exported.mp4"
        assert Program([paths.HOLDFAST, "export", finished["output_path"], exported], folder / "export.log").process.wait(30) == 0

        # Two parts.
        publisher = publish(program, "split")
        time.sleep(2)
        assert program.request("POST", "/api/recording/split/split").status == 200
        time.sleep(3)
        program.finish("split")
        publisher.end()

        # An MP4, replaced by one with its index at the front.
        running.append(room("faststart"))
        program.record("faststart", format="mp4")
        time.sleep(3)
        program.finish("faststart")
        program.wait_for_state("faststart", "stopped")
        running.pop().end()

        # Followed: once recorded to its end, and once more when the program dies.
        assert program.follow("followed", format="mkv").status == 201
        streamer = room("followed")
        program.wait_for_state("followed", "recording")
        time.sleep(2)
        streamer.end()
        server.call("DeleteRoom", "followed")
        program.wait_for_state("followed", "stopped")
        running.append(room("followed"))
        program.wait_for_state("followed", "recording")

        # All participants of a room, and a publisher by WHIP, interrupted too.
        running.append(room("panel", "alice"))
        assert program.start("panel", participants="all").status == 201
        running.append(publish(program, "interrupted"))
        program.wait_for(lambda: list(program.recordings.glob("panel_alice_*.ts")), 20, "alice's file")
        time.sleep(3)
        program.kill()
    finally:
        for each in reversed(running):
            each.end()
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(program.recordings, target / "recordings")
    shutil.copy(folder / "holdfast.toml", target)


def main():
    program, target = pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2]).resolve()
    paths.HOLDFAST = service.HOLDFAST = program
    with tempfile.TemporaryDirectory() as folder:
        fill(pathlib.Path(folder), target)
    size = sum(path.stat().st_size for path in target.rglob("*") if path.is_file())
    print(f"{target}: {size} bytes")


if __name__ == "__main__":
    main()
