"""The service dies, or is restarted, in the middle of recordings: they go on, and nothing is left that does not play."""
import json
import signal
import pathlib
import statistics
import subprocess

import pytest

from harness import journal, media
from harness.paths import HOLDFAST
from harness.waiting import steadily

H264 = {"codec": "h264"}


def parts(status):
    return [pathlib.Path(path) for path in status["output_paths"]]


def verdicts(program):
    """recording id -> what `holdfast verify` says."""
    done = subprocess.run([HOLDFAST, "verify", "--json", program.recordings], text=True, capture_output=True, timeout=120)
    return {one["recording_id"]: one for one in map(json.loads, done.stdout.splitlines())}


def wait_for_part(program, mint_id, count):
    def there():
        status = program.status(mint_id)
        return status if status.get("state") == "recording" and len(status["output_paths"]) == count else None
    return program.wait_for(there, 20, f"part {count} of {mint_id}")


@pytest.mark.parametrize("sign", [signal.SIGKILL, signal.SIGTERM])
def test_a_restart_costs_its_own_gap_only(service, stream, figure, sign):
    room = f"again-{sign.name}"
    stream(room, **H264)
    program = service()
    first = program.record(room)
    steadily(4, program.alive)
    program.kill() if sign == signal.SIGKILL else program.end(sign)
    program = service()
    status = wait_for_part(program, room, 2)
    assert status["recording_id"] == first.stem
    steadily(3, program.alive)
    status = program.finish(room)
    paths = parts(status)
    for path in paths:
        assert media.decode_errors(path) == [], path
    (length, cause), = journal.gaps(first)
    assert cause == "restart"
    figure("gap", length, "s", most=4.0)
    # One timeline: the second file begins where the gap ends.
    gap, = journal.events(first, "gap")
    begins = media.read(paths[1]).video_times[0]
    figure("from the first packet to the first picture", begins - gap["to_pts"] / 90000, "s", least=-0.050, most=1.0)
    verdict = verdicts(program)[first.stem]
    assert verdict["verdict"] == "whole", verdict


def test_whoever_stops_the_service_by_hand_ends_its_recordings(service, stream):
    stream("by-hand", **H264)
    program = service()
    first = program.record("by-hand")
    steadily(2, program.alive)
    program.end(signal.SIGINT)
    program = service()
    steadily(2, program.alive)
    assert program.request("GET", "/api/recording/active").json["count"] == 0
    assert journal.read(first)[-1]["event"] == "end"


def test_without_resume_what_was_running_is_closed(service, stream):
    stream("closed", **H264)
    program = service()
    first = program.record("closed")
    steadily(2, program.alive)
    program.kill()
    program = service("--no-resume")
    steadily(1, program.alive)
    assert program.request("GET", "/api/recording/active").json["count"] == 0
    assert journal.read(first)[-1]["reason"] == "interrupted"
    assert media.decode_errors(first) == []
    assert verdicts(program)[first.stem]["verdict"] in ("whole", "interrupted")


def test_two_services_in_one_folder_leave_each_other_alone(service, stream, folder):
    stream("mine", **H264)
    stream("yours", **H264)
    one, two = service(), service()
    mine, yours = one.record("mine"), two.record("yours")
    steadily(2, one.alive)
    one.kill()
    one = service()
    wait_for_part(one, "mine", 2)
    steadily(2, one.alive)
    assert two.status("yours")["state"] == "recording"
    assert [r["mint_id"] for r in one.request("GET", "/api/recording/active").json["recordings"]] == ["mine"]
    one.finish("mine")
    two.finish("yours")
    assert len(journal.events(yours, "part")) == 1 and journal.gaps(yours) == []
    assert media.decode_errors(yours) == []
    assert {verdict["verdict"] for verdict in verdicts(one).values()} == {"whole"}


def test_kill_9_again_and_again_leaves_nothing_that_does_not_play(service, stream, dice, figure, proving):
    """Many short recordings side by side, killed together; each restart goes on with all of them."""
    rooms = [f"many-{i}" for i in range(5)]
    for room in rooms:
        stream(room, bitrate=300_000, **H264)
    rounds = 100 if proving else 4
    program = service("--resume-limit", "1h")
    for room in rooms:
        program.record(room)
    tails, holes = [], []
    for turn in range(rounds):
        steadily(0.5 + 1.5 * dice.random(), program.alive)
        before = {room: program.status(room) for room in rooms}
        program.kill()
        program = service("--resume-limit", "1h")
        for room in rooms:
            status = wait_for_part(program, room, len(before[room]["output_paths"]) + 1)
            assert status["recording_id"] == before[room]["recording_id"]
    active = program.request("GET", "/api/recording/active").json
    assert active["count"] == len(rooms), "nothing dead is reported as active, nothing alive is missing"
    for room in rooms:
        program.finish(room)
    killed_files = 0
    for room in rooms:
        first = parts(program.status(room))[0]
        for path in parts(program.status(room)):
            assert media.decode_errors(path) == [], path
            killed_files += 1
        trimmed = journal.events(first, "trimmed")
        tails += [event["cut"] for event in trimmed]
        holes += [length for length, cause in journal.gaps(first) if cause == "restart"]
    assert {verdict["verdict"] for verdict in verdicts(program).values()} == {"whole"}
    figure("kills of a recording", rounds * len(rooms))
    figure("files, all of which decode without a word", killed_files)
    figure("half frames at a file's end, kept beside it", len(tails))
    figure("hole, median", statistics.median(holes), "s")
    figure("hole, longest", max(holes), "s")
