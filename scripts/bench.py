#!/usr/bin/env python3
"""What recordings cost, next to the floor, the least that any recorder costs: one table, in a few minutes.

usage: bench.py [--quick] [--streams 1,10,100,300] [--seconds 20] [--modes whip,rooms,aac] [--peer CMD --peer-url URL]

Each line is a separate run: bench/load publishes that many 720p30 streams of 2 Mb/s, `holdfast serve` records them
(audio = copy, unless the mode is aac), and the measurement starts when all are connected. For comparison, bench/floor
takes the same load: it only receives, decrypts and appends. A line marked * is invalid, because the load itself was late.

To measure another recorder: --peer 'CMD' is started with BENCH_PORT and BENCH_FOLDER in its environment, and accepts WHIP
at --peer-url, in which {port} and {} (the stream's number) are replaced.
"""
import argparse
import contextlib
import http.client
import json
import os
import pathlib
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILD = ROOT / "build/release"
TICKS = os.sysconf("SC_CLK_TCK")
KEY, SECRET = "bench", "bench-secret-of-thirty-two-bytes-"
CONNECT_SECONDS = 90
TRACE_SECONDS = 2  # system calls are counted after what is measured: counting them costs


class Failed(Exception):
    pass


# --- processes

def wait_until(condition, seconds, what):
    end = time.monotonic() + seconds
    while not (found := condition()):
        if time.monotonic() > end:
            raise Failed(f"{what}: not within {seconds} s")
        time.sleep(0.02)
    return found


class Program:
    """A process with its output in a file, ended when the block is left."""

    def __init__(self, command, folder, name, env=None):
        self.log = folder / f"{name}.log"
        self.out = folder / f"{name}.out"
        self.command = [str(word) for word in command]
        self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=self.out.open("w"),
                                        stderr=self.log.open("w"), start_new_session=True,
                                        env={**os.environ, **(env or {})})

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end()

    def lines(self):
        """The whole lines of JSON that it has printed."""
        return [json.loads(line) for line in self.out.read_text().split("\n")[:-1] if line.startswith("{")]

    def line(self, number, seconds, what):
        def printed():
            if len(found := self.lines()) > number:
                return found[number]
            if self.process.poll() is not None and len(self.lines()) <= number:
                self.must_run()
            return None
        return wait_until(printed, seconds, what)

    def must_run(self):
        if self.process.poll() is not None:
            raise Failed(f"{self.command[0]} ended with {self.process.returncode}: {self.log.read_text()[-500:].strip()}")
        return True

    def end(self, seconds=20):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(seconds)
        with contextlib.suppress(ProcessLookupError):  # what it started, and left
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


def tree(pid):
    """The process and all that it started."""
    pids = [pid]
    for task in pathlib.Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            for child in task.read_text().split():
                pids += tree(int(child))
    return pids


def cpu_seconds(pid):
    total = 0
    for each in tree(pid):
        with contextlib.suppress(OSError):
            fields = pathlib.Path(f"/proc/{each}/stat").read_text().rpartition(")")[2].split()
            total += int(fields[11]) + int(fields[12])
    return total / TICKS


def wakeups(pid):
    total = 0
    for each in tree(pid):
        for status in pathlib.Path(f"/proc/{each}/task").glob("*/status"):
            with contextlib.suppress(OSError):
                total += int(re.search(r"^voluntary_ctxt_switches:\s+(\d+)", status.read_text(), re.M)[1])
    return total


def anonymous_kb(pid):
    total = 0
    for each in tree(pid):
        with contextlib.suppress(OSError):
            text = pathlib.Path(f"/proc/{each}/smaps_rollup").read_text()
            total += int(re.search(r"^Pss_Anon:\s+(\d+)", text, re.M)[1])
    return total


def system_calls(pid, seconds):
    """A second, by perf, else by strace; None where neither may look."""
    pids = ",".join(map(str, tree(pid)))
    if shutil.which("perf"):
        done = subprocess.run(["perf", "stat", "-x,", "-e", "raw_syscalls:sys_enter", "-p", pids, "--", "sleep", str(seconds)],
                              text=True, capture_output=True)
        if found := re.search(r"^(\d+),", done.stderr, re.M):
            return int(found[1]) / seconds
    if shutil.which("strace"):
        words = [word for each in pids.split(",") for word in ("-p", each)]
        done = subprocess.run(["timeout", "--signal=INT", str(seconds), "strace", "-c", "-f", *words],
                              text=True, capture_output=True)
        if found := re.search(r"^100\.00\s+\S+\s+(?:\d+\s+)?(\d+)\s.*total$", done.stderr, re.M):
            return int(found[1]) / seconds
    return None


PORTS = range(20000, 32000)  # below those that the kernel gives away
next_port = PORTS.start


def free_ports(count, kind=socket.SOCK_DGRAM):
    """The first of `count` free ports in a row; other ports at each call, since the earlier ports may not be in use yet."""
    global next_port
    for _ in range(2 * len(PORTS) // count):
        first = next_port if next_port + count <= PORTS.stop else PORTS.start
        next_port = first + count
        with contextlib.ExitStack() as stack, contextlib.suppress(OSError):
            for port in range(first, first + count):
                stack.enter_context(socket.socket(socket.AF_INET, kind)).bind(("127.0.0.1", port))
            return first
    raise Failed(f"cannot find {count} consecutive free ports")


def is_listening(port):
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True


# --- the floor and the load

def load_command(mode, arguments, streams, seconds):
    return [BUILD / "load", *mode, "--sessions", streams, "--seconds", seconds, "--ramp", arguments.ramp, "--progress"]


def write_interval_ms(streams, workers):
    """Between two writes to one file, as storage::WriteCadence has it: a part and a journal a recording."""
    return min(40, round(2 * streams / workers * 0.25))


def tick_ms(worker_load):
    """How long packets gather, as io::Worker::adapt_tick has it."""
    return 5 + round(15 * min(1, worker_load / 0.1))


def measure_floor(arguments, folder, streams, sockets, tick):
    """CPU seconds a second, and the load's last line."""
    port = free_ports(streams if sockets == "each" else arguments.workers)
    command = [BUILD / "floor", "--port", port, "--sockets", sockets, "--sessions", streams, "--folder", folder / "floor",
               "--workers", arguments.workers, "--write-interval-ms", write_interval_ms(streams, arguments.workers),
               "--tick-ms", tick]
    with Program(command, folder, "floor") as floor:
        wait_until(lambda: "ready" in floor.log.read_text(), 10, "the floor to be ready")
        bare = ["bare", "127.0.0.1", port, "--sockets", sockets, *(
            ["--shared-ports", arguments.workers] if sockets == "shared" else [])]
        with Program(load_command(bare, arguments, streams, arguments.seconds), folder, "floor-load") as load:
            load.line(0, CONNECT_SECONDS, "the load on the floor")
            cpu, begun = cpu_seconds(floor.process.pid), time.monotonic()
            time.sleep(arguments.seconds)
            cpu, took = cpu_seconds(floor.process.pid) - cpu, time.monotonic() - begun
            return cpu / took, load.line(1, 60, "the load on the floor to end")


# --- recorders

class Holdfast:
    """`holdfast serve`, asked over its API."""

    def __init__(self, arguments, folder, audio, livekit=None, env=None):
        self.port = free_ports(1, socket.SOCK_STREAM)
        self.recordings = folder / "recordings"
        command = [BUILD / "holdfast", "serve", "--listen", f"127.0.0.1:{self.port}", "--recordings", self.recordings,
                   "--media-listen", f"127.0.0.1:{free_ports(arguments.workers)}", "--workers", arguments.workers,
                   "--audio", audio, "--admission-limit", 0, "--log-level", "warn"]
        if livekit:
            command += ["--livekit-url", livekit, "--livekit-api-key", KEY, "--livekit-api-secret", SECRET]
        self.url = f"http://127.0.0.1:{self.port}/whip/s{{}}"
        self.program = Program(command, folder, "holdfast", env)

    def request(self, method, path):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        with contextlib.closing(connection):
            connection.request(method, path)
            reply = connection.getresponse()
            return reply.status, reply.read().decode()

    def answers(self):
        with contextlib.suppress(OSError):
            return self.request("GET", "/health")[0] == 200

    def write_latency(self):
        """Upper bound in ms -> writes up to there."""
        page = self.request("GET", "/metrics")[1]
        found = re.findall(r'recording_write_latency_microseconds_bucket\{le="([^"]+)"\} (\d+)', page)
        return {float(bound) / 1000: int(count) for bound, count in found}  # float("+Inf") is infinite

    def worker_load(self):
        """Of the workers on average, over the last seconds."""
        loads = re.findall(r'holdfast_worker_load\{worker="\d+"\} (\S+)', self.request("GET", "/metrics")[1])
        return sum(map(float, loads)) / len(loads)

    def ledger(self):
        active = json.loads(self.request("GET", "/api/recording/active")[1])["recordings"]
        packets = [track["packets"] for recording in active for track in recording["tracks"]]
        return {"recordings": sum(recording["state"] == "recording" for recording in active),
                **{key: sum(each[key] for each in packets) for key in ("expected", "lost", "dropped")}}

    def first_byte_ms(self):
        """Of each file: from its first key frame, as the journal has it, until the file was there with bytes in it."""
        key_frames = {}
        for journal in self.recordings.glob("*.journal.jsonl"):
            for line in journal.read_text().splitlines():
                event = json.loads(line)
                if event["event"] == "part" and event["number"] == 1:
                    key_frames[event["file"]] = seconds_of(event["wall"])
        files = sorted(self.recordings.glob("*.ts"))
        if not files:
            return []
        born = subprocess.run(["stat", "-c", "%n|%w", *files], text=True, capture_output=True, check=True).stdout
        found = []
        for line in born.splitlines():
            name, _, when = line.rpartition("|")
            if (name := pathlib.Path(name).name) in key_frames and when != "-":
                found.append((seconds_of(when) - key_frames[name]) * 1000)
        return found


class Peer:
    """Any other recorder that takes WHIP."""

    def __init__(self, arguments, folder):
        self.port = free_ports(1, socket.SOCK_STREAM)
        self.url = arguments.peer_url.replace("{port}", str(self.port))
        (folder / "recordings").mkdir()
        self.program = Program(shlex.split(arguments.peer), folder, "peer",
                               {"BENCH_PORT": str(self.port), "BENCH_FOLDER": str(folder / "recordings")})

    def answers(self):
        return is_listening(self.port)


def make_certificate(folder):
    """For localhost; its file and its key's."""
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                    "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-keyout", key, "-out", certificate],
                   check=True, capture_output=True)
    return certificate, key


def seconds_of(when):
    """Of the day. "2026-11-22T16:45:01.250Z", or as stat says it: "2026-11-22 16:45:01.250000000 +0000"."""
    date, clock = re.match(r"(\S{10})[T ]([\d:.]+)", when).groups()
    hours, minutes, seconds = clock.split(":")
    return int(date[8:]) * 86400 + int(hours) * 3600 + int(minutes) * 60 + float(seconds)


def percentile(values, share):
    return sorted(values)[min(int(len(values) * share), len(values) - 1)] if values else None


def of_histogram(before, after, share):
    """The bound in ms below which that share of the new writes is."""
    counts = {bound: after[bound] - before.get(bound, 0) for bound in after}
    total = max(counts.values(), default=0)
    return next((bound for bound in sorted(counts) if total and counts[bound] >= share * total), None)


def measure_recorder(arguments, folder, streams, recorder, load_mode, when_loaded=None):
    with recorder.program as program:
        pid = program.process.pid
        wait_until(lambda: program.must_run() and recorder.answers(), 30, f"{program.command[0]} to answer")
        time.sleep(0.5)
        idle_kb = anonymous_kb(pid)
        command = load_command(load_mode, arguments, streams, arguments.seconds + TRACE_SECONDS + 3)
        with Program(command, folder, "load") as load:
            if when_loaded:
                when_loaded()
            load.line(0, CONNECT_SECONDS + streams / arguments.ramp, "all streams to be connected")
            row = {"streams": streams}
            known = isinstance(recorder, Holdfast)
            if known:
                wait_until(lambda: recorder.ledger()["recordings"] == streams, 30, f"{streams} recordings")
                latency = recorder.write_latency()
            cpu, woken, begun = cpu_seconds(pid), wakeups(pid), time.monotonic()
            time.sleep(arguments.seconds)
            took = time.monotonic() - begun
            row["cpu"] = (cpu_seconds(pid) - cpu) / took
            row["wakeups"] = (wakeups(pid) - woken) / took
            row["kb"] = (anonymous_kb(pid) - idle_kb) / streams
            row["idle_mb"] = idle_kb / 1024
            if known:
                now = recorder.write_latency()
                row["write_ms"] = [of_histogram(latency, now, share) for share in (0.5, 0.99, 1)]
                row["first_byte_ms"] = percentile(recorder.first_byte_ms(), 0.99)
                row["ledger"] = recorder.ledger()
                row["worker_load"] = recorder.worker_load()
            calls = system_calls(pid, TRACE_SECONDS)
            last = load.line(1, 90, "the load to end")
            packets = last["measured_packets"] / last["seconds"]
            row.update(calls=calls and calls / packets, wakeups=row["wakeups"] / packets, load=last)
            return row


def run_line(arguments, mode, streams):
    """A line of the table."""
    with tempfile.TemporaryDirectory(prefix="bench", dir=arguments.folder) as name:
        folder = pathlib.Path(name)
        sockets = "each" if mode == "rooms" else "shared"
        if mode == "peer":
            recorder = Peer(arguments, folder)
            row = measure_recorder(arguments, folder, streams, recorder, ["whip", recorder.url])
        elif mode == "rooms":
            port = free_ports(1, socket.SOCK_STREAM)
            certificate, key = make_certificate(folder)
            recorder = Holdfast(arguments, folder, "copy", f"wss://localhost:{port}", {"SSL_CERT_FILE": str(certificate)})

            def start_all():
                wait_until(lambda: is_listening(port), 20, "the rooms to be open")
                for number in range(streams):
                    status, body = recorder.request("POST", f"/api/recording/start/s{number}")
                    if status != 201:
                        raise Failed(f"a start was answered with {status}: {body}")
            rooms = ["rooms", "--listen", f"127.0.0.1:{port}", "--certificate", certificate, "--key", key]
            row = measure_recorder(arguments, folder, streams, recorder, rooms, start_all)
        else:
            recorder = Holdfast(arguments, folder, "aac" if mode == "aac" else "copy")
            row = measure_recorder(arguments, folder, streams, recorder, ["whip", recorder.url])
        shutil.rmtree(folder / "recordings", ignore_errors=True)
        tick = tick_ms(row.get("worker_load", 0))
        floor, floor_load = measure_floor(arguments, folder, streams, sockets, tick)
        why = [*row["load"]["why"], *(f"the floor's: {what}" for what in floor_load["why"])]
        return {**row, "mode": mode, "floor": floor, "tick_ms": tick, "spoilt": bool(why), "why": why}


# --- the table

def shown(value, form="{:.2f}"):
    if value is None:
        return "-"
    return ">max" if value == float("inf") else form.format(value)


COLUMNS = [
    ("mode", lambda row: row["mode"] + ("*" if row["spoilt"] else "")),
    ("streams", lambda row: str(row["streams"])),
    ("CPU s", lambda row: shown(row["cpu"] / row["streams"] * 60, "{:.4f}")),
    ("floor", lambda row: shown(row["floor"] / row["streams"] * 60, "{:.4f}")),
    ("tick", lambda row: str(row["tick_ms"])),
    ("ratio", lambda row: shown(row["cpu"] / row["floor"] if row["floor"] else None)),
    ("KB each", lambda row: shown(row["kb"], "{:.0f}")),
    ("idle MB", lambda row: shown(row["idle_mb"], "{:.0f}")),
    ("wake/pkt", lambda row: shown(row["wakeups"], "{:.3f}")),
    ("calls/pkt", lambda row: shown(row["calls"], "{:.3f}")),
    ("write p50", lambda row: shown(row.get("write_ms", [None] * 3)[0], "{:g}")),
    ("p99", lambda row: shown(row.get("write_ms", [None] * 3)[1], "{:g}")),
    ("max", lambda row: shown(row.get("write_ms", [None] * 3)[2], "{:g}")),
    ("1st byte", lambda row: shown(row.get("first_byte_ms"), "{:.0f}")),
    ("lost", lambda row: str(row["ledger"]["lost"] + row["ledger"]["dropped"]) if "ledger" in row else "-"),
    ("asked", lambda row: str(row["load"]["nacks"])),
    ("late p99", lambda row: shown(row["load"]["late_p99_ms"], "{:.1f}")),
    ("max", lambda row: shown(row["load"]["late_max_ms"], "{:.0f}")),
]
LEGEND = """\
CPU s, floor: CPU seconds a stream-minute. tick: how long packets gather, ms; the floor's is what the recorder's was. KB each:
anonymous memory above the idle MB, by stream. wake, calls: voluntary context switches and system calls a packet. write: ms from a
frame's commit until it is in the file (upper bounds). 1st byte: p99, ms after the first key frame. lost: packets lost or dropped,
by the ledger. asked: packets asked for again. late: of the load itself, ms."""


def show(rows):
    table = [[name for name, _ in COLUMNS], *([text(row) for _, text in COLUMNS] for row in rows)]
    widths = [max(len(line[at]) for line in table) for at in range(len(COLUMNS))]
    for line in table:
        print("  ".join(cell.rjust(width) for cell, width in zip(line, widths)))
    print(LEGEND)
    for row in rows:
        for why in row["why"]:
            print(f"* {row['mode']} {row['streams']}: {why}")


def machine():
    model = re.search(r"^model name\s*: (.*)", pathlib.Path("/proc/cpuinfo").read_text(), re.M)
    return f"{len(os.sched_getaffinity(0))} processors, {model[1] if model else os.uname().machine}, Linux {os.uname().release}"


def numbers(text):
    return [int(word) for word in text.split(",")]


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a minute: 1, 10 and 100 streams by WHIP, 5 s each")
    parser.add_argument("--streams", type=numbers, help="numbers of streams (1,10,100,300)")
    parser.add_argument("--seconds", type=int, help="measured in each run (20)")
    parser.add_argument("--modes", help="whip: a socket a worker; rooms: LiveKit, a socket a recording; aac: WHIP with AAC, "
                                        "10 streams (whip,rooms,aac)")
    parser.add_argument("--ramp", type=float, default=50, help="streams started per second (50)")
    parser.add_argument("--workers", type=int, default=len(os.sched_getaffinity(0)),
                        help="threads of the recorder and of the floor (one per processor)")
    parser.add_argument("--folder", help="folder for the recordings (the system's folder for temporary files)")
    parser.add_argument("--peer", metavar="CMD", help="measure this recorder instead")
    parser.add_argument("--peer-url", metavar="URL", help="URL of its WHIP endpoint: http://127.0.0.1:{port}/s{}/whip")
    parser.add_argument("--json", metavar="FILE", help="write all figures to this file")
    arguments = parser.parse_args()
    if bool(arguments.peer) != bool(arguments.peer_url):
        parser.error("--peer and --peer-url: set both or neither")
    arguments.seconds = arguments.seconds or (5 if arguments.quick else 20)
    streams = arguments.streams or ([1, 10, 100] if arguments.quick else [1, 10, 100, 300])
    modes = (arguments.modes or ("whip" if arguments.quick else "whip,rooms,aac")).split(",")
    if unknown := set(modes) - {"whip", "rooms", "aac"}:
        parser.error(f"--modes: {', '.join(unknown)} unknown; the modes are whip, rooms and aac")
    if arguments.peer:
        modes = ["peer"]
    arguments.lines = [(mode, count) for mode in modes for count in ([10] if mode == "aac" else streams)]
    return arguments


def main():
    arguments = parse_arguments()
    targets = ["load", "floor", *([] if arguments.peer else ["holdfast"])]
    subprocess.run(["cmake", "--build", "--preset", "release", "--target", *targets], cwd=ROOT, check=True,
                   stdout=subprocess.DEVNULL)
    rows, failed = [], []
    for mode, streams in arguments.lines:
        print(f"bench: {mode}, {streams} streams", file=sys.stderr, flush=True)
        try:
            rows.append(run_line(arguments, mode, streams))
        except (Failed, OSError) as error:
            failed.append(f"{mode}, {streams} streams: {error}")
    print(f"bench: {machine()}; {arguments.seconds} s a run, {arguments.workers} workers")
    if rows:
        show(rows)
    for line in failed:
        print(f"bench: FAILED: {line}")
    if arguments.json:
        pathlib.Path(arguments.json).write_text(json.dumps(rows, indent=1) + "\n")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
