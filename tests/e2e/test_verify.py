"""`holdfast verify`, `inspect` and `repair` on what the service recorded, whole and damaged."""
import json
import random
import subprocess

import pytest

from harness import media
from harness.paths import HOLDFAST
from harness.program import Program
from harness.waiting import steadily

PACKET = 188
SOUND = {"whole", "whole, not checksummed"}


def holdfast(*words):
    return subprocess.run([str(word) for word in (HOLDFAST, *words)], capture_output=True, text=True, timeout=120)


def verify(path):
    """Exit status and the report."""
    done = holdfast("verify", "--json", path)
    return done.returncode, json.loads(done.stdout)


@pytest.fixture
def recorded(service, tmp_path):
    """Records our own publisher for some seconds; gives the folder and the part's path."""
    def record(seconds=5, *flags):
        program = service(*flags)
        publisher = Program([HOLDFAST, "publish", f"{program.url}/whip/v", "--size", "320x240", "--bitrate", "500k",
                             "--quiet"], tmp_path / "publish.log")
        try:
            program.wait_for_state("v", "recording")
            steadily(seconds, program.alive)
            # It grows still: what is there is sound.
            status, report = verify(program.recordings)
            assert (status, report["verdict"]) == (0, "active"), report
            return program.finish("v")["output_path"]
        finally:
            publisher.end()
    return record


def length(path):
    times = media.read(path).video_times
    return times[-1] - times[0]


def journal_of(path):
    return path.rsplit(".", 1)[0] + ".journal.jsonl"


def edit(path, change):
    with open(path, "rb") as file:
        content = bytearray(file.read())
    content = change(content) or content
    with open(path, "wb") as file:
        file.write(content)


def test_what_was_recorded_is_whole_and_damage_is_found(recorded):
    path = recorded()
    status, report = verify(path)
    assert status == 0 and report["verdict"] in SOUND, report
    checksummed = report["verdict"] == "whole"

    inspected = json.loads(holdfast("inspect", "--json", path).stdout)
    assert inspected["state"] == "ended" and inspected["gaps"] == []
    assert {track["written_as"] for track in inspected["tracks"]} == {"h264", "aac"}
    assert abs(inspected["duration"] - length(path)) < 0.5
    assert "[" in holdfast("inspect", path).stdout.splitlines()[-1]

    with open(path, "rb") as file:
        whole = file.read()
    with open(journal_of(path), "rb") as file:
        journal = file.read()
    chance = random.Random(7)
    middle = chance.randrange(len(whole) // PACKET // 4, len(whole) // PACKET // 2) * PACKET

    def cut_packet(content):
        del content[middle:middle + PACKET]

    def cut_tail(content):
        del content[-1000:]

    def flip_header(content):
        content[middle + 3] ^= 1

    def flip_anywhere(content):
        content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)

    def swap(content):
        # Of one PID, or only checksums can tell.
        pid = content[middle + 1] & 0x1f, content[middle + 2]
        other = next(at for at in range(middle + PACKET, len(content), PACKET)
                     if (content[at + 1] & 0x1f, content[at + 2]) == pid and content[at + 3] & 0x10)
        content[middle:middle + PACKET], content[other:other + PACKET] = \
            content[other:other + PACKET], content[middle:middle + PACKET]

    changes = [cut_packet, cut_tail, flip_header, swap] + ([flip_anywhere] * 5 if checksummed else [])
    for change in changes:
        edit(path, change)
        status, report = verify(path)
        assert (status, report["verdict"]) == (1, "damaged"), change.__name__
        assert all(finding["file"] and finding["detail"] for finding in report["findings"])
        edit(path, lambda _: whole)

    for lines in (lambda all: all[:2] + all[3:],
                  lambda all: all[:1] + [all[1].replace(b'"number":1', b'"number":2')] + all[2:]):
        edit(journal_of(path), lambda content: b"".join(lines(content.splitlines(keepends=True))))
        status, report = verify(path)
        assert (status, report["verdict"]) == (1, "damaged")
        assert "journal_line" in {finding["what"] for finding in report["findings"]}
        edit(journal_of(path), lambda _: journal)
    assert verify(path)[0] == 0
    assert holdfast("verify", "/nowhere/at/all.ts").returncode == 2


def test_a_damaged_recording_is_repaired(recorded, tmp_path):
    path = recorded()
    before = media.read(path)
    chance = random.Random(3)

    def damage(content):
        for _ in range(5):
            content[chance.randrange(len(content))] ^= 0x40
        at = len(content) // 2
        content[at:at + 700] = bytes(chance.randrange(256) for _ in range(700))
        del content[len(content) // 3:len(content) // 3 + 100]
        del content[-500:]

    edit(path, damage)
    with open(path, "rb") as file:
        damaged = file.read()
    output = str(tmp_path / "saved.ts")
    done = holdfast("repair", path, "-o", output)
    assert done.returncode == 0, done.stderr
    assert "left out: bytes" in done.stdout
    with open(path, "rb") as file:
        assert file.read() == damaged
    status, report = verify(output)
    assert (status, report["verdict"]) == (0, "whole"), report
    after = media.read(output)
    assert len(after.video_times) > 0.8 * len(before.video_times)
    assert after.video_times[-1] > before.video_times[-1] - 1
    assert holdfast("repair", path, "-o", output).returncode == 1
    assert "exists" in holdfast("repair", path, "-o", output).stderr


def test_raw_h264_of_old_recorders_becomes_mpeg_ts(recorded, tmp_path):
    path = recorded(3)
    raw = tmp_path / "old.h264"
    subprocess.run(["ffmpeg", "-v", "error", "-i", path, "-map", "0:v", "-c", "copy", "-f", "h264", raw], check=True)
    done = holdfast("repair", raw, "--fps", "30")
    assert done.returncode == 0, done.stderr
    assert "30.000 frames per second" in done.stdout
    output = str(tmp_path / "old_repaired.ts")
    assert verify(output)[1]["verdict"] == "whole"
    assert media.decode_errors(output) == []
    assert len(media.read(output).video_times) == len(media.read(path).video_times)


@pytest.mark.parametrize("kind", ["mkv", "mp4"])
def test_other_formats_are_whole_too_and_a_cut_tail_is_left_out(recorded, tmp_path, kind):
    path = recorded(4, "--format", kind)
    status, report = verify(path)
    assert status == 0 and report["verdict"] in SOUND, report
    edit(path, lambda content: content[:len(content) * 2 // 3])
    assert verify(path)[0] == 1
    output = str(tmp_path / f"saved.{kind}")
    done = holdfast("repair", path, "-o", output)
    assert done.returncode == 0, done.stderr
    assert verify(output)[1]["verdict"] == "whole"
    assert media.decode_errors(output) == []
