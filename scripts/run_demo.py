#!/usr/bin/env python3
"""`make run`: the service, a synthetic streamer published to it over WebRTC, and one live line about the recording.

Ctrl+C stops all three, and prints where the file is and how to play it.
usage: run_demo.py [FOLDER]     folder for the recording; by default recordings/
"""
import json
import pathlib
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent
HOLDFAST = ROOT / "build/release/holdfast"
RECORDINGS = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "recordings"
SERVICE_LOG = ROOT / "build/run-service.log"
STREAMER_LOG = ROOT / "build/run-streamer.log"
HOST, PORT, MINT_ID = "127.0.0.1", 8000, "demo"
BASE = f"http://{HOST}:{PORT}"


def get(path):
    """The reply's body, also of an error status; None while nobody answers."""
    try:
        with urllib.request.urlopen(BASE + path, timeout=2) as reply:
            return reply.read().decode()
    except urllib.error.HTTPError as error:
        return error.read().decode()
    except (OSError, TimeoutError):
        return None


def start(log, *arguments):
    """In a session of its own, so that Ctrl+C reaches only us and we end things in order."""
    with open(log, "w") as output:
        return subprocess.Popen([HOLDFAST, *arguments], stdout=output, stderr=subprocess.STDOUT,
                                stdin=subprocess.DEVNULL, start_new_session=True)


def last_lines(log, count=5):
    return "\n".join("  " + line for line in log.read_text(errors="replace").splitlines()[-count:])


def port_taken():
    with socket.socket() as probe:
        return probe.connect_ex((HOST, PORT)) == 0


def wait_for(ready, process, log, what, seconds=10):
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if (found := ready()) is not None:
            return found
        if process.poll() is not None:
            sys.exit(f"{what} ended with status {process.returncode}:\n{last_lines(log)}")
        time.sleep(0.05)
    sys.exit(f"{what} was not ready within {seconds} s:\n{last_lines(log)}")


def recording_status():
    reply = json.loads(get(f"/api/recording/status/{MINT_ID}") or "{}")
    return reply if reply.get("output_path") else None


def memory_megabytes():
    found = re.search(r"^recording_memory_usage_mb(?:\{[^}]*\})? ([\d.e+]+)", get("/metrics") or "", re.MULTILINE)
    return float(found[1]) if found else 0.0


class WriteRate:
    """Bytes a second over the last five seconds of samples."""

    def __init__(self):
        self._samples = []

    def add(self, size):
        now = time.monotonic()
        self._samples = [(t, s) for t, s in self._samples if now - t < 5] + [(now, size)]
        (oldest, then) = self._samples[0]
        return (size - then) / (now - oldest) if now > oldest else 0.0


def live_line(status, rate):
    tracks = status.get("tracks", [])
    packets = [track.get("packets", {}) for track in tracks]
    video = next((track for track in tracks if track.get("kind") == "video"), {})
    elapsed = int(status.get("duration_seconds", 0))
    size = status.get("file_size_bytes", 0)
    lost = sum(p.get("lost", 0) for p in packets)
    return (f"{status.get('state', '?')} {elapsed // 3600:02}:{elapsed // 60 % 60:02}:{elapsed % 60:02}"
            f" | {size / 1e6:.2f} MB | {rate.add(size) / 1e3:.0f} kB/s | {video.get('frames', 0)} frames"
            f" | lost {lost} of {sum(p.get('expected', 0) for p in packets)} packets | {memory_megabytes():.1f} MB memory")


def end(process, seconds=5):
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    return process.returncode


def summary(path):
    probe = subprocess.run(["ffprobe", "-v", "error", "-show_entries",
                            "format=duration,size:stream=codec_type,codec_name,width,height,sample_rate,channels",
                            "-of", "json", path], text=True, capture_output=True)
    if probe.returncode != 0:
        return f"  ffprobe cannot read it: {probe.stderr.strip()}"
    found = json.loads(probe.stdout)
    lines = [f"  {float(found['format']['duration']):.1f} s, {int(found['format']['size']) / 1e6:.2f} MB"]
    for stream in found["streams"]:
        detail = (f"{stream.get('width')}x{stream.get('height')}" if stream["codec_type"] == "video"
                  else f"{stream.get('sample_rate')} Hz, {stream.get('channels')} channels")
        lines.append(f"  {stream['codec_type']}: {stream['codec_name']}, {detail}")
    return "\n".join(lines)


def show_until_interrupted(service, streamer):
    """One line, redrawn in place on a terminal; otherwise a line every 5 s, for logs."""
    terminal, rate = sys.stdout.isatty(), WriteRate()
    while service.poll() is None and streamer.poll() is None:
        status = recording_status()
        if status:
            line = live_line(status, rate)
            print(f"\r\x1b[K{line}" if terminal else line, end="" if terminal else "\n", flush=True)
        time.sleep(0.5 if terminal else 5)
    name, log = ("service", SERVICE_LOG) if service.poll() is not None else ("streamer", STREAMER_LOG)
    print(f"\nThe {name} stopped unexpectedly:\n{last_lines(log)}")


def main():
    if not HOLDFAST.exists():
        sys.exit("The program is not built. `make run` builds and starts it.")
    if port_taken():
        sys.exit(f"Port {PORT} is in use by another holdfast or another program.\n"
                 f"`ss -ltnp 'sport = :{PORT}'` shows which program; stop that program and run `make run` again.")
    for sign in (signal.SIGINT, signal.SIGTERM):  # SIGINT too: a shell's background job starts with it ignored
        signal.signal(sign, signal.default_int_handler)
    RECORDINGS.mkdir(exist_ok=True)
    service = start(SERVICE_LOG, "serve", "--listen", f"{HOST}:{PORT}", "--recordings", RECORDINGS)
    streamer, status = None, None
    try:
        wait_for(lambda: get("/health"), service, SERVICE_LOG, "The service")
        print(f"Service on {BASE}. Publishing a synthetic stream to {BASE}/whip/{MINT_ID}.")
        streamer = start(STREAMER_LOG, "publish", f"{BASE}/whip/{MINT_ID}")
        status = wait_for(recording_status, streamer, STREAMER_LOG, "The streamer")
        print(f"Recording to {status['output_path']}. Press Ctrl+C to stop.")
        show_until_interrupted(service, streamer)
    except KeyboardInterrupt:
        print("\nStopping …")
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        statuses = [end(process) for process in (streamer, service) if process]
    if not status:
        return 1
    path = pathlib.Path(status["output_path"])
    print(f"The file is {path}\n{summary(path)}\nPlay it: ffplay {path}")
    return 0 if not any(statuses) else 1


if __name__ == "__main__":
    sys.exit(main())
