"""A disk that is full, or stalls, under ten recordings: all go on, none loses more than it must, and every loss is told."""
import contextlib
import json
import pathlib
import subprocess

import pytest

from harness import journal, media
from harness.judge import judge_ledger
from harness.paths import HOLDFAST
from harness.program import Program
from harness.waiting import steadily

STREAMS = 10
FRAME = 1 / 30


@pytest.fixture
def ten_streams(folder, programs):
    """ten_streams(program, "1M") publishes them to it; returns their mint ids once all are recorded."""
    def publish(program, bitrate):
        size = "1280x720" if bitrate == "6M" else "640x360"
        programs.append(Program([HOLDFAST, "publish", f"{program.url}/whip/s{{n}}", "--count", STREAMS, "--size", size,
                                 "--bitrate", bitrate, "--quiet"], folder / "publish.log"))
        ids = [f"s{n}" for n in range(1, STREAMS + 1)]
        for mint_id in ids:
            program.wait_for_state(mint_id, "recording")
        return ids
    return publish


@pytest.fixture
def small_disk(folder):
    """small_disk(8) mounts so many MiB as the recordings folder of the service that is started next."""
    mounted = []

    def mount(mebibytes):
        target = folder / "holdfast/recordings"
        target.mkdir(parents=True)
        if subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={mebibytes}m", "tmpfs", target], capture_output=True).returncode:
            pytest.skip("mounting a tmpfs needs CAP_SYS_ADMIN")
        mounted.append(target)
        return target
    yield mount
    for target in mounted:
        subprocess.run(["umount", "--lazy", target], check=True)


def verdict(status):
    done = subprocess.run([HOLDFAST, "verify", "--json", status["output_paths"][0]], text=True, capture_output=True, timeout=60)
    return json.loads(done.stdout)["verdict"]


def judge_losses(figure, program, ids):
    """Every packet is accounted for, and what the journal says was lost to the disk is what the file does not have."""
    missing_frames = told_packets = 0
    for mint_id in ids:
        status = program.finish(mint_id)
        judge_ledger(status)
        path = pathlib.Path(status["output_paths"][0])
        for part in status["output_paths"]:
            assert media.decode_errors(part) == [], part
        video = next(track for track in status["tracks"] if track["kind"] == "video")
        losses = [event for event in journal.events(path, "loss") if event["track"] == 0]
        told = sum(event["packets"] for event in losses if event["cause"] != "network")
        assert told == video["packets"]["dropped"], mint_id
        times = [t for part in status["output_paths"] for t in media.read(part).video_times]
        missing = round((times[-1] - times[0]) / FRAME) + 1 - len(times)
        frames = sum(event["frames"] for event in losses if event["cause"] == "disk")
        assert abs(missing - frames) <= 2, (mint_id, missing, frames)  # of the two ends of the count
        assert verdict(status) == "whole", mint_id
        missing_frames += frames
        told_packets += told
    figure("packets lost to the disk, as the journals and the ledgers say alike, of ten recordings", told_packets)
    figure("frames lost to it, as the journals say", missing_frames)


def test_a_full_disk_costs_what_does_not_fit(service, small_disk, ten_streams, figure, proving):
    folder = small_disk(600 if proving else 24)
    program = service("--min-free", "1MiB")
    ids = ten_streams(program, "6M" if proving else "1M")
    program.wait_for(lambda: all(program.status(i)["file_size_bytes"] > 0 for i in ids), 10, "all to write")
    before = program.resident_kib()
    ballast = folder / "ballast"
    with open(ballast, "wb", buffering=0) as file, contextlib.suppress(OSError):
        while file.write(b"\0" * 4096):
            pass
    steadily(3, program.alive)
    said = program.status(ids[0])
    assert said["state"] == "recording" and "No space left" in said["error"] and "free some space" in said["error"], said
    program.wait_for(lambda: program.request("GET", "/ready").status == 503, 10, "to take no more")
    refused = program.start("another")
    assert refused.status == 503 and "min_free" in refused.body, refused
    steadily(20 if proving else 7, program.alive)
    figure("memory taken by ten recordings that wait", (program.resident_kib() - before) / 1024, "MiB", most=10 * 4 + 8)
    ballast.unlink()
    sizes = {i: program.status(i)["file_size_bytes"] for i in ids}
    steadily(3, program.alive)
    for mint_id in ids:
        status = program.status(mint_id)
        assert status["state"] == "recording" and status["file_size_bytes"] > sizes[mint_id], status
    judge_losses(figure, program, ids)


def test_a_stalled_disk_is_waited_for(service, stalling_disk, ten_streams, figure, proving):
    program = service()
    ids = ten_streams(program, "6M" if proving else "1M")
    steadily(3, program.alive)
    before = program.resident_kib()
    with stalling_disk():
        steadily(30 if proving else 8, program.alive)
        figure("memory taken by ten recordings that wait", (program.resident_kib() - before) / 1024, "MiB", most=10 * 4 * 2 + 8)
        assert program.request("GET", "/health").status == 200
        assert all(program.status(i)["state"] == "recording" for i in ids)
    steadily(5, program.alive)
    judge_losses(figure, program, ids)
