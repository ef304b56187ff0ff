"""kill -9 at random moments, and the ends that are asked for: SIGINT, SIGTERM."""
import signal
import time

import pytest

from harness import media
from harness.judge import frames_arrived, listening
from harness.waiting import steadily

RATES = {"2 Mb/s": {"bitrate": 2_000_000, "texture": 20}, "150 kb/s": {"bitrate": 150_000}}
TAIL = 0.100


def kill_at_a_random_moment(program, room, dice):
    """Records, kills. Returns the file, and the video frames that had come whole before the kill (None: cannot listen)."""
    with listening() as wire:
        path = program.record(room)
        steadily(1 + 3 * dice.random(), program.alive)
        ports = program.udp_ports()  # the server goes on sending to those that were killed before
        killed_at = time.monotonic()
        program.kill()
    return path, frames_arrived(wire, ports, killed_at) if wire else None


def tail_lost(content, arrived):
    """Seconds of video from the last frame in the file to the last that had arrived."""
    have = min(len(content.video_times), len(arrived))
    return arrived[-1][0] - arrived[have - 1][0]


@pytest.mark.parametrize("rate", RATES)
def test_kill_9_costs_the_last_frame_at_most(service, stream, dice, figure, proving, rate):
    room = "kill-" + rate.split()[0]
    stream(room, codec="h264", **RATES[rate])
    tails = []
    for attempt in range(20 if proving else 3):
        path, arrived = kill_at_a_random_moment(service("--no-resume", name=f"holdfast-{attempt}"), room, dice)
        assert media.decode_errors_but_in_last_frame(path) == [], path
        content = media.read(path)
        assert content.unreadable() <= 1, path
        if arrived:
            tails.append(tail_lost(content, arrived))
    if not tails:
        pytest.skip("the files are sound; the tail lost was not measured: listening on the wire needs CAP_NET_RAW")
    figure(f"tail lost, worst of {len(tails)}", max(tails), "s", most=TAIL)
    figure("tail lost, mean", sum(tails) / len(tails), "s")


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM])
def test_asked_to_end_it_finishes_every_file_within_2_s(service, stream, figure, sign):
    stream(f"end-{sign.name}", codec="h264")
    program = service()
    path = program.record(f"end-{sign.name}")
    steadily(3, program.alive)
    begun = time.monotonic()
    assert program.end(sign) == 0
    figure("ends after", time.monotonic() - begun, "s", most=2.0)
    assert media.decode_errors(path) == []
    assert media.read(path).unreadable() == 0
    journal = path.with_suffix(".journal.jsonl").read_text().splitlines()
    assert '"end"' in journal[-1], journal[-1]
