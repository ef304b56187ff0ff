"""Records a live stream for a while and judges the file by the promises that every recording has to keep."""
import contextlib
import time

from harness import journal, media
from harness.growth import GrowthWatch
from harness.waiting import steadily
from harness.wire import Wire, frame_times, may_listen

FIRST_BYTE_AFTER_START = 1.0
FIRST_BYTE_AFTER_KEY_FRAME = 0.100
LONGEST_PAUSE = 0.150
STOP_ANSWER = 2.0
GAP_ERROR = 0.050
AV_OFFSET = 0.040


def listening():
    """A Wire where the machine allows it, else None."""
    return Wire() if may_listen() else contextlib.nullcontext()


def frames_arrived(wire, ports, before):
    """[(seconds by RTP time, arrival)] of the video frames that were whole at these ports before a moment."""
    return [(when, at) for when, at in frame_times(wire.video(ports)) if at < before]


def judge_growth(figure, watch, wire, ports, called):
    """Limits are widened by the longest time in which this process itself did not get to look."""
    blind = watch.slowest_poll
    figure("slowest look at the file", blind, "s")
    if called:
        figure("first byte after the start call", watch.first_byte - called, "s", most=FIRST_BYTE_AFTER_START + blind)
    stream_pause = 0.0
    if wire:
        arrivals = [at for _, at in frame_times(wire.video(ports))]
        figure("first byte after the first key frame was whole", watch.first_byte - arrivals[0], "s",
               most=FIRST_BYTE_AFTER_KEY_FRAME + blind)
        stream_pause = max(later - earlier for earlier, later in zip(arrivals, arrivals[1:]))
        figure("longest pause of the stream itself", stream_pause, "s")
    # A stream that pauses by itself (the publisher had no CPU) cannot make a file grow.
    figure("longest time without growth", watch.longest_pause(), "s",
           most=max(LONGEST_PAUSE, stream_pause + 0.05) + blind)


def judge_frames(figure, content, wire, ports, stopped_at):
    figure("frames in the file", len(content.video_times), least=30)
    figure("frames whose number cannot be read", content.unreadable(), most=0)
    figure("numbers left out, by publisher or recorder", len(content.missing()))
    if wire:
        # What came in the last 100 ms before the stop call may or may not have made it.
        figure("frames on the wire but not in the file",
               max(0, len(frames_arrived(wire, ports, stopped_at - 0.1)) - len(content.video_times)), most=0)


def judge_recording(figure, service, mint_id, seconds, codecs, start=None, **fields):
    """Starts, waits, stops; judges. `start` begins the recording where it is not the API's start call (WHIP)."""
    with GrowthWatch(service.recordings) as watch, listening() as wire:
        called = None if start else time.monotonic()
        if start:
            start()
        else:
            reply = service.start(mint_id, **fields)
            assert reply.status == 201, reply
        service.wait_for_state(mint_id, "recording")
        steadily(seconds, service.alive)
        ports = service.udp_ports()
        judge_growth(figure, watch, wire, ports, called)
        stopped_at = time.monotonic()
        status = service.finish(mint_id)
        figure("stop answers after", time.monotonic() - stopped_at, "s", most=STOP_ANSWER)
    path = status["output_path"]
    assert media.codecs(path) == codecs
    assert media.decode_errors(path) == []
    content = media.read(path)
    judge_frames(figure, content, wire, ports, stopped_at)
    judge_ledger(status, wire.missing(ports) if wire else 0)
    figure("sound minus picture (flash and beep, median)", content.offset(), "s", most=AV_OFFSET, least=-AV_OFFSET)
    return status, content


def judge_ledger(status, never_sent=0):
    """Nothing is lost silently: every packet of every track is accounted for. `never_sent`: what no server sent us."""
    assert status["tracks"], status
    for track in status["tracks"]:
        packets = track["packets"]
        assert packets["expected"] == sum(packets.get(part, 0) for part in ("written", "lost", "dropped", "pending")), track
    assert sum(track["packets"]["lost"] for track in status["tracks"]) <= never_sent, (status, never_sent)


def real_packets(packets):
    """Without the few packets alike at the end: blank pictures or silence, which the server makes up when a track ends."""
    tail = 0
    while tail < len(packets) and packets[-1 - tail].size == packets[-1].size:
        tail += 1
    return packets[:-tail] if 4 <= tail <= 12 else packets


def gap_on_the_wire(wire, ports, around):
    """Seconds without media to these ports around a moment."""
    before, after = [], []
    for packets in wire.streams(ports).values():
        early = real_packets([packet for packet in packets if packet.at < around])
        before += [packet.at for packet in early]
        after += [packet.at for packet in packets if packet.at >= around and packet.sequence]
    return min(after) - max(before)


def judge_gap(figure, path, wire, ports, around, cause):
    gaps = journal.gaps(path)
    assert len(gaps) == 1, gaps
    length, said = gaps[0]
    figure("gap in the journal", length, "s")
    if wire:
        figure("gap in the journal against the wire", abs(length - gap_on_the_wire(wire, ports, around)), "s", most=GAP_ERROR)
    assert said == cause
