"""Many recordings at once in one service with its default settings: all of it is there, in time, in little memory, also after
kill -9, and one bad stream costs the others nothing.

bench/load publishes 720p streams of 2 Mb/s. It says itself when it did not keep to time: such a run is skipped, not judged.
A sample takes 30 streams, `--prove` 300.
"""
import json
import math
import os
import re
import shutil
import signal
import statistics
import subprocess
import time

import pytest

from harness import journal, media
from harness.load import Rooms, heed, heed_lateness, whip
from harness.nuisance import JunkFlood, MalformedRequests, SlowClients
from harness.paths import HOLDFAST, LOAD
from harness.service import Holdfast
from harness.transport_stream import video_span
from harness.waiting import steadily, until

pytestmark = pytest.mark.skipif(not (HOLDFAST.exists() and LOAD.exists()),
                                reason="build/release/holdfast or load is not built: say `make build`, and "
                                       "`cmake --build --preset release --target load`")

FPS = 30
WRITTEN_WITHIN = 0.100
FIRST_BYTE = 0.150
TAIL = 0.100
SILENT_FILE = 0.250  # what a frame may wait, and the 125 ms after which another thread takes over from one that stands still
LOOK_EVERY = 0.1


@pytest.fixture
def count(proving):
    return 300 if proving else 30


@pytest.fixture
def ramp(proving):
    """Streams begun a second: slow enough for the admission limit, which is the default one."""
    return 20 if proving else 50


@pytest.fixture
def recorder(folder, programs):
    """recorder() starts a service for WHIP, recorder(url) one for LiveKit as well."""
    def start(livekit_url=None):
        programs.append(Holdfast(folder, livekit_url, "--audio", "copy", name=f"holdfast-{len(programs)}"))
        return programs[-1]
    return start


@pytest.fixture
def publish(request, folder, programs, ramp):
    """publish(service, 30) has so many streams sent to it, s0 and on; flags of bench/load as fields."""
    def start(service, sessions, ramp=ramp, **options):
        return whip(folder, programs, service, sessions=sessions, ramp=ramp, seed=request.config.getoption("--seed"), **options)
    return start


# --- what the service and its files say

def active(program):
    """mint id -> status of what records."""
    return {each["mint_id"]: each for each in program.request("GET", "/api/recording/active").json["recordings"]}


def wait_for_recordings(program, count, parts=1):
    def all_record():
        found = [each for each in active(program).values() if each["state"] == "recording" and len(each["output_paths"]) == parts]
        return len(found) == count
    program.wait_for(all_record, 30, f"{count} recordings of {parts} parts")


def admission_loads(program):
    """Thread or processors -> load, of several the busiest."""
    found = re.findall(r"^holdfast_(worker|storage|processor)_load\S* (\S+)", program.admission(), re.MULTILINE)
    return {name: max(float(load) for each, load in found if each == name) for name, _ in found}


def first_files(program, mint_ids):
    """mint id -> its first file."""
    files = {path.name.rpartition("_")[0]: path for path in sorted(program.recordings.glob("*.ts"), reverse=True)}
    return {mint_id: files[mint_id] for mint_id in mint_ids}


def packets(statuses, *fates):
    return sum(track["packets"][fate] for status in statuses for track in status["tracks"] for fate in fates)


def at_the_end(files):
    """expected, lost, dropped -> packets, as the journals of what has ended have it."""
    ledgers = [line for path in files for line in {line["track"]: line for line in journal.events(path, "ledger")}.values()]
    assert all(line["expected"] == line["written"] + line["lost"] + line["dropped"] + line["pending"] for line in ledgers)
    return {fate: sum(line[fate] for line in ledgers) for fate in ("expected", "lost", "dropped", "pending")}


def verify(program):
    """Path of each recording that is not whole -> what is wrong; asserts that all of them were looked at."""
    done = subprocess.run([HOLDFAST, "verify", "--json", program.recordings], text=True, capture_output=True, timeout=600)
    verdicts = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(verdicts) == len(list(program.recordings.glob("*.journal.jsonl"))), done.stderr
    return {one["recording"]: one for one in verdicts if one["verdict"] != "whole"}


def seconds(when):
    """Unix seconds of a journal's `wall`."""
    return time.mktime(time.strptime(when[:19], "%Y-%m-%dT%H:%M:%S")) - time.timezone + float(when[19:-1])


def born(path):
    """Unix seconds; a file has its first bytes when it is born. The kernel's clock for it steps by up to 4 ms."""
    said = subprocess.run(["stat", "-c", "%.W", path], text=True, capture_output=True, check=True).stdout
    if float(said) == 0:
        pytest.skip("this file system does not tell when a file was born")
    return float(said)


def percentile(values, share):
    return sorted(values)[min(int(len(values) * share), len(values) - 1)]


# --- what happens to writes meanwhile

class Interval:
    """What became of the recordings `ids` over some seconds, while it is entered."""

    def __init__(self, program, ids):
        self._program, self._ids = program, ids
        self.silence = 0.0

    def __enter__(self):
        self._before, self._begun = self._program.write_latency(), time.monotonic()
        return self

    def watch(self, duration):
        files = first_files(self._program, self._ids).values()

        def look():
            self._program.alive()
            now = time.time()
            self.silence = max([self.silence, *(now - os.stat(path).st_mtime for path in files)])
        steadily(duration, look, every=LOOK_EVERY)

    def __exit__(self, kind, *_):
        if kind:
            return
        after, took = self._program.write_latency(), time.monotonic() - self._begun
        self._counts = {bound: after[bound] - self._before[bound] for bound in sorted(after)}
        self.rate = max(self._counts.values()) / took
        now = active(self._program)
        self.lost = packets([now[mint_id] for mint_id in self._ids], "lost", "dropped")

    def latency(self, share):
        """The bound in seconds below which that share of the writes is."""
        total = max(self._counts.values())
        return next(bound for bound, count in self._counts.items() if count >= share * total)

    def one_worse(self, latency):
        """The next bucket's bound."""
        bounds = list(self._counts)
        return bounds[min(bounds.index(latency) + 1, len(bounds) - 1)]

    def tell(self, figure, when, most=(None, None)):
        figure(f"{when}: write latency, p99, no more than", self.latency(0.99), "s", most=most[0])
        figure(f"{when}: write latency, longest, no more than", self.latency(1), "s", most=most[1])
        figure(f"{when}: longest time without a write to a file", self.silence, "s")
        figure(f"{when}: packets lost or dropped", self.lost, most=0)


# --- the tests

def newcomers_first_bytes(figure, program, ids, starts):
    """By the recorder's own word as scripts/bench.py has it, and by the load's, which began to send the first key frame then."""
    files = first_files(program, ids)
    by_journal = [born(path) - seconds(journal.events(path, "part")[0]["wall"]) for path in files.values()]
    by_load = [born(path) - start for path, start in zip(files.values(), starts)]
    figure("first byte after the first key frame, as the journal has it, p99", percentile(by_journal, 0.99), "s", most=FIRST_BYTE)
    figure("first byte after the load began to send it (it takes up to 10 ms), median", statistics.median(by_load), "s")
    figure("first byte after the load began to send it, p99", percentile(by_load, 0.99), "s", most=FIRST_BYTE)


def judge_the_end(figure, program, ids, *loads):
    """Once the loads have said goodbye: every packet they sent is in a file, every file is whole."""
    sent = sum(load.finish()["packets"] for load in loads)
    until(lambda: not active(program), 20, "all recordings to end")
    files = first_files(program, ids).values()
    totals = at_the_end(files)
    # Where nothing was lost, a frame is not whole only because the load said goodbye in the middle of it.
    halves = sum(event["packets"] for path in files for event in journal.events(path, "loss") if event["cause"] == "incomplete")
    figure("packets sent", sent)
    figure("packets sent but not expected", sent - totals["expected"], most=0, least=0)
    figure("packets lost", totals["lost"], most=0)
    figure("packets dropped, but for frames of which the load did not send the rest", totals["dropped"] - halves, most=0)
    assert verify(program) == {}


@pytest.mark.parametrize("way", ["whip", "rooms"])
def test_all_of_it_is_there_in_time(recorder, publish, folder, programs, monkeypatch, figure, count, ramp, proving, way):
    newcomers = 20 if proving else 6
    ids = [f"s{n}" for n in range(count)]
    late_ids = [f"s{n}" for n in range(count, count + newcomers)]
    if way == "whip":
        program = recorder()
        loads = [publish(program, count)]
    else:
        loads = [Rooms(folder, sessions=count + newcomers, ramp=1000)]
        programs.append(loads[0])
        monkeypatch.setenv("SSL_CERT_FILE", str(loads[0].certificate))
        program = recorder(loads[0].url)
        for mint_id in ids:
            assert (reply := program.start(mint_id)).status == 201, reply
            time.sleep(1 / ramp)
    wait_for_recordings(program, count)
    with Interval(program, ids) as interval:
        if way == "whip":
            loads.append(publish(program, newcomers, ramp=4, first_id=count, name="newcomers"))
            starts = loads[1].starts
        else:
            for mint_id in late_ids:
                assert (reply := program.start(mint_id)).status == 201, reply
                time.sleep(1 / 4)
            loads[0].wait_until_sending()
            starts = loads[0].starts[count:]
        wait_for_recordings(program, count + newcomers)
        interval.watch(20 if proving else 1)
    memory, loads_shown = program.anonymous_kib(), admission_loads(program)
    heed(figure, *loads)
    for name, load in loads_shown.items():
        figure(f"{name} load, as admission sees it (the limit is 0.85)", load)
    # A single write of a sample says more of the machine than of the recorder.
    interval.tell(figure, f"{count} streams", most=(WRITTEN_WITHIN, WRITTEN_WITHIN if proving else None))
    figure("anonymous memory", memory / 1024, "MiB", most=40 + 0.15 * (count + newcomers))
    figure("starts refused", program.metric("recording_admission_refused_total"), most=0)
    judge_the_end(figure, program, ids + late_ids, *loads)
    newcomers_first_bytes(figure, program, late_ids, starts)
    discard(program)



def tail_lost(path, start, killed_at):
    """Seconds from the last frame in the file to the last that was due before the kill: the load sends frame k at k / FPS after
    `start`, and the first in the file is frame 0. What the load was late (its longest is a figure) counts as lost by us; a kill
    within 0.5 ms of a frame, as exactly as `start` is known, may count that frame or not."""
    first, last = video_span(path)
    sent_until = math.floor((killed_at - start) * FPS) / FPS
    return sent_until - (last - first)


def test_kill_9_costs_each_file_its_last_frames_at_most(recorder, publish, folder, dice, figure, count):
    ids = [f"s{n}" for n in range(count)]
    program = recorder()
    load = publish(program, count)
    wait_for_recordings(program, count)
    steadily(2 + dice.random(), program.alive)
    files = first_files(program, ids)
    os.kill(program.pid, signal.SIGKILL)
    killed_at = time.time()
    program.end()
    heed_lateness(figure, load)
    # They are not decoded now: a gap of a minute would end the recordings.
    (folder / "as killed").mkdir()
    as_killed = [shutil.copy(path, folder / "as killed") for path in list(files.values())[::10]]

    # Files are cut to their last whole frame by the restart: that is what is left of each.
    program = recorder()
    again = publish(program, count, name="load again")
    wait_for_recordings(program, count, parts=2)
    tails = [tail_lost(path, start, killed_at) for path, start in zip(files.values(), load.starts)]
    figure("tail lost, median", statistics.median(tails), "s")
    figure("tail lost, p99", percentile(tails, 0.99), "s", most=TAIL)
    figure("tail lost, longest", max(tails), "s", most=TAIL)
    figure("tail lost, shortest", min(tails), "s", least=-0.5 / FPS)  # none has what was not sent: the measure is sound
    cut = [event["cut"] for path in files.values() for event in journal.events(path, "trimmed")]
    figure("files with half a frame at the end, cut off and kept beside it", len(cut))
    steadily(1, program.alive)
    heed(figure, again)
    until(lambda: not active(program), 20, "all recordings to end")
    for path in as_killed:
        assert media.decode_errors_but_in_last_frame(path) == [], path
    for path in list(files.values())[::10]:
        assert media.decode_errors(path) == [], path
    assert verify(program) == {}
    discard(program)


def test_one_bad_stream_costs_the_others_nothing(recorder, publish, stalling_disk, monkeypatch, dice, figure, count, proving):
    stalled, rogue = "s7", f"s{count}"
    ids = [f"s{n}" for n in range(count)]
    others = [mint_id for mint_id in ids if mint_id != stalled]
    monkeypatch.setenv("STALL_NAME", f"/{stalled}_")
    program = recorder()
    load = publish(program, count)
    wait_for_recordings(program, count)
    steadily(1, program.alive)
    stalled_file = first_files(program, [stalled])[stalled]

    with Interval(program, others) as quiet:
        quiet.watch(10 if proving else 2)
    with stalling_disk(), Interval(program, others) as beside_a_stall:
        size = stalled_file.stat().st_size
        beside_a_stall.watch(10 if proving else 3)
        assert stalled_file.stat().st_size == size, "it did not stall"
    steadily(1, program.alive)
    assert stalled_file.stat().st_size > size, "it does not go on"
    rogue_load = publish(program, 1, loss=30, first_id=count, name="rogue")
    with JunkFlood(dice, program.media_ports, 20_000) as flood, MalformedRequests(dice, program.port) as malformed, \
            SlowClients(dice, program.port) as slow, Interval(program, others) as beside_nuisances:
        beside_nuisances.watch(10 if proving else 3)
        rates = [nuisance.rate() for nuisance in (flood, malformed, slow)]
    rogue_packets = packets([active(program)[rogue]], "lost", "dropped", "recovered")
    rogue_load.finish()
    heed(figure, load)

    quiet.tell(figure, "without trouble")
    most = (quiet.one_worse(quiet.latency(0.99)), None)
    beside_a_stall.tell(figure, "while one file stalled", most)
    beside_nuisances.tell(figure, "beside a stream of 30 % loss, junk, malformed and slow requests", most)
    for interval, when in ((beside_a_stall, "one file stalled"), (beside_nuisances, "there were nuisances")):
        # No limit: a busier worker gathers for longer, and writes more at a time.
        figure(f"writes a second while {when}, of those before", interval.rate / quiet.rate)
        figure(f"longest time without a write to another file while {when}", interval.silence, "s", most=SILENT_FILE)
    for name, rate, least in zip(("junk datagrams", "malformed requests", "bytes by slow clients"), rates, (15_000, 20, 50)):
        figure(f"{name} a second", rate, least=least)
    figure("packets of the stream with 30 % loss that did not come by themselves", rogue_packets, least=1)
    judge_the_end(figure, program, ids, load)
    discard(program)


def test_memory_stays_small_where_5_percent_are_lost(recorder, publish, figure, count, proving):
    program = recorder()
    idle = program.anonymous_kib()
    load = publish(program, count, loss=5)
    wait_for_recordings(program, count)
    steadily(30 if proving else 3, program.alive)
    memory, said = program.anonymous_kib(), active(program).values()
    heed(figure, load)
    figure("packets that were lost on the way", load.finish()["dropped"], least=1)
    figure("packets lost for good", packets(said, "lost"))
    figure("anonymous memory", memory / 1024, "MiB", most=40 + count)
    figure("anonymous memory a stream, above the idle program's", (memory - idle) / count, "KiB")
    until(lambda: not active(program), 20, "all recordings to end")
    assert verify(program) == {}
    discard(program)


def discard(program):
    """The files of a test that got so far: hundreds of streams are too much to keep."""
    shutil.rmtree(program.recordings)
