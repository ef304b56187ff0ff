"""The HTTP API: right answers to right and to wrong requests, while a recording goes on."""
import json
import re
import signal
import socket
import ssl
import subprocess
import time

import pytest

from harness import media
from harness.certificate import self_signed
from harness.malformed import malformed_requests
from harness.paths import HOLDFAST, PROMTOOL, ROOT
from harness.program import Program, free_udp_ports
from harness.service import Holdfast
from harness.waiting import steadily, until

H264 = {"codec": "h264"}


def test_a_recording_answers_as_the_api_says(service, stream):
    stream("answers", **H264)
    program = service()
    started = program.start("answers")
    assert started.status == 201
    for key in ("success", "recording_id", "mint_id", "state", "output_path", "format_used", "start_time",
                "duration_seconds", "file_size_bytes", "tracks", "error"):
        assert key in started.json, key
    program.wait_for_state("answers", "recording")
    steadily(2, program.alive)
    active = program.request("GET", "/api/recording/active").json
    assert "answers" in json.dumps(active)
    stopped = program.finish("answers")
    assert stopped["state"] in ("stopped", "finalizing") and stopped["success"] is True
    assert stopped["file_size_bytes"] > 0 and stopped["duration_seconds"] > 1
    assert "answers" in json.dumps(program.request("GET", "/api/recordings").json)
    assert "mpegts" in json.dumps(program.request("GET", "/api/recording/formats").json)


def test_a_second_start_is_refused_and_the_first_goes_on(service, stream):
    stream("twice", **H264)
    program = service()
    path = program.record("twice")
    assert program.start("twice").status == 409
    size = path.stat().st_size
    steadily(1, program.alive)
    assert path.stat().st_size > size
    assert program.status("twice")["state"] == "recording"


def test_stop_twice_is_no_error_and_the_file_stays_whole(service, stream):
    stream("stop-twice", **H264)
    program = service()
    path = program.record("stop-twice")
    steadily(2, program.alive)
    program.finish("stop-twice")
    data = path.read_bytes()
    again = program.stop("stop-twice")
    assert again.status in (200, 404) and again.json["state"] == "stopped", again
    assert path.read_bytes() == data
    assert media.decode_errors(path) == []


def test_nothing_known_is_404(service):
    program = service()
    for reply in (program.stop("nobody"), program.request("GET", "/api/recording/status/nobody")):
        assert reply.status == 404
        assert reply.json["success"] is False and reply.json["state"] == "stopped"


@pytest.mark.parametrize("field, value", [("format", "avi"), ("format", 7), ("audio", "mp3"), ("video_quality", "best"),
                                          ("livekit_url", "http://127.0.0.1"), ("livekit_url", "file:///etc/passwd"),
                                          ("mint_id", "../up"), ("mint_id", ".hidden"), ("mint_id", "a" * 129)])
def test_a_wrong_field_is_named(service, field, value):
    program = service()
    reply = program.request("POST", "/api/recording/start", {"mint_id": "fields", field: value})
    assert reply.status in (400, 422), reply
    assert field in reply.body, reply


def test_other_origins_and_hosts_are_refused(service):
    program = service()
    assert program.request("POST", "/api/recording/start/web", headers={"Origin": "http://evil.example"}).status == 403
    assert program.request("POST", "/api/recording/start/web", headers={"Host": "evil.example"}).status in (400, 403, 421)
    assert program.request("GET", "/api/recording/status/web").status == 404


def test_malformed_requests_leave_no_trace(service, stream, dice, figure, proving):
    stream("hammered", **H264)
    program = service()
    path = program.record("hammered")
    steadily(3, program.alive)
    files, memory, size = program.open_files(), program.resident_kib(), path.stat().st_size
    count = 1000
    wrong = []
    for request in malformed_requests(dice, count):
        status = request.send(program.port)
        if status is not None and not 400 <= status < 500:
            wrong.append((status, str(request)))
    program.alive()
    assert not wrong, wrong[:10]
    steadily(1, program.alive)
    figure(f"memory after {count} malformed requests", (program.resident_kib() - memory) / 1024, "MiB more", most=2.0)
    figure("open files more", program.open_files() - files, most=0)
    assert path.stat().st_size > size and program.status("hammered")["state"] == "recording"
    assert len(program.request("GET", "/api/recording/active").body.split("hammered")) > 1
    program.finish("hammered")
    assert media.decode_errors(path) == []


def test_memory_stays_flat(service, stream, figure, proving):
    settle, watched = (60, 540) if proving else (15, 25)
    stream("flat", codec="h264", bitrate=2_000_000, texture=20)
    program = service()
    program.record("flat")
    steadily(settle, program.alive)
    samples = []
    steadily(watched, lambda: (program.alive(), samples.append(program.resident_kib())))
    figure(f"memory over {watched} s, after {settle} s", (max(samples) - samples[0]) / 1024, "MiB more", most=1.0)
    figure("memory of the whole program", samples[-1] / 1024, "MiB anonymous")
    program.finish("flat")


def test_a_start_that_the_machine_cannot_carry_is_refused_and_what_runs_goes_on(service, stream):
    stream("carried", **H264)
    program = service("--admission-limit", "0.005")  # AAC alone takes more

    def start(mint_id):
        return lambda: (reply := program.start(mint_id)).status == 201 and reply

    def refused():
        reply = program.start("one-too-many")
        if reply.status == 201:  # the load does not show the first one yet
            program.finish("one-too-many")
        return reply.status == 503 and reply

    # Asked once a second: more would be load. The program's own start has to be over first.
    until(start("carried"), 15, "a start while nothing runs", every=1)
    program.wait_for_state("carried", "recording")
    reply = until(refused, 15, "a start to be refused", every=1)
    assert reply.json["code"] == "machine_full" and "admission_limit" in reply.json["error"], reply
    assert int(reply.headers["Retry-After"]) > 0
    metrics = program.request("GET", "/metrics").body
    counts = re.findall(r'recording_admission_refused_total\{resource="\w+"\} (\d+)', metrics)
    assert sum(map(int, counts)) >= 1, metrics
    size = program.status("carried")["file_size_bytes"]
    steadily(1, program.alive)
    assert program.status("carried")["file_size_bytes"] > size
    program.finish("carried")
    until(start("one-too-many"), 15, "room again", every=1)


def test_metrics_are_what_the_alerts_read(service, stream):
    stream("metered", **H264)
    program = service()
    program.record("metered")
    steadily(3, program.alive)
    for name in ("recording_file_size_bytes", "recording_memory_usage_mb", "recording_disk_write_rate"):
        assert (program.metric(name) or 0) > 0, name
    assert program.metric("recording_zero_packet_streak") < 2
    text = program.request("GET", "/metrics").body
    checked = subprocess.run([PROMTOOL, "check", "metrics"], input=text, text=True, capture_output=True)
    assert checked.returncode != 1, checked.stderr  # 3 is a matter of taste: names that the users gave us


def test_the_alert_rules_fire_when_they_should():
    rules = ROOT / "packaging/prometheus"
    for command in (["check", "rules", rules / "alerts.yml"], ["test", "rules", rules / "alerts_test.yml"]):
        done = subprocess.run([PROMTOOL, *command], text=True, capture_output=True, cwd=rules)
        assert done.returncode == 0, done.stdout + done.stderr


def test_export_makes_a_faststart_mp4_of_a_growing_and_of_a_finished_file(service, stream, folder):
    stream("export", **H264)
    program = service()
    path = program.record("export")
    steadily(4, program.alive)
    for name in ("growing", "finished"):
        out = folder / f"{name}.mp4"
        done = subprocess.run([HOLDFAST, "export", path, out], text=True, capture_output=True, timeout=60)
        assert done.returncode == 0, done.stderr
        assert media.decode_errors(out) == []
        data = out.read_bytes()
        assert data.index(b"moov") < data.index(b"mdat")
        assert set(media.codecs(out)) == {"video", "audio"}
        if name == "growing":
            program.finish("export")
    copied = folder / "copied.mp4"
    subprocess.run(["ffmpeg", "-v", "error", "-i", path, "-c", "copy", copied], check=True)
    assert abs(media.read(copied).offset() - media.read(path).offset()) < 0.02


def test_bound_elsewhere_it_needs_a_token_or_the_word_insecure(folder):
    done = subprocess.run([HOLDFAST, "serve", "--listen", "0.0.0.0:0", "--recordings", folder], text=True,
                          capture_output=True, timeout=10)
    assert done.returncode != 0 and "--insecure" in done.stderr + done.stdout, done


def test_a_taken_port_is_said(folder):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = "127.0.0.1:%d" % taken.getsockname()[1]
        begun = time.monotonic()
        done = subprocess.run([HOLDFAST, "serve", "--listen", address, "--recordings", folder], text=True,
                              capture_output=True, timeout=10)
    assert done.returncode != 0 and address in done.stderr + done.stdout, done
    assert time.monotonic() - begun < 5


def shown_certificate(program):
    return ssl.get_server_certificate((program.address, program.port))


def test_https_with_a_certificate_that_is_renewed_without_a_restart(folder, programs, stream, livekit_server):
    """A recording goes on while SIGHUP has the certificate read again; a bad file changes nothing."""
    certificate, key = self_signed(folder)
    flags = ["--tls-certificate-file", certificate, "--tls-key-file", key]
    program = Holdfast(folder, livekit_server.url, *flags, tls=certificate)
    programs.append(program)
    stream("secure", **H264)
    path = program.record("secure")
    before = shown_certificate(program)
    self_signed(folder)
    program.process.send_signal(signal.SIGHUP)
    program.wait_for(lambda: shown_certificate(program) != before, 5, "the new certificate")
    assert program.status("secure")["state"] == "recording"
    renewed = shown_certificate(program)
    program.tls = folder / "trusted.pem"
    program.tls.write_text(renewed)
    certificate.write_text("no certificate")
    program.process.send_signal(signal.SIGHUP)
    program.wait_for(lambda: "the old certificate stays in use" in program.tail(1000), 5, "an error")
    assert shown_certificate(program) == renewed
    program.finish("secure")
    assert media.decode_errors(path) == []
    with socket.create_connection((program.address, program.port)) as plain:
        plain.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert not plain.recv(100).startswith(b"HTTP/1.1 200")


def test_a_unix_socket(folder, programs):
    """With a file that a killed service left behind."""
    path = folder / "holdfast.sock"
    left = socket.socket(socket.AF_UNIX)
    left.bind(str(path))
    left.close()
    command = [HOLDFAST, "serve", "--listen", f"unix:{path}", "--recordings", folder / "recordings",
               "--media-listen", f"127.0.0.1:{free_udp_ports(2)}", "--workers", "1"]
    program = Program(command, folder / "unix.log")
    programs.append(program)
    program.wait_for(lambda: "listening on unix:" in program.tail(1000), 10, "to listen")
    answer = subprocess.run(["curl", "-sS", "--unix-socket", path, "http://localhost/api/recording/active"],
                            capture_output=True, text=True, check=True)
    assert json.loads(answer.stdout)["count"] == 0
    program.process.terminate()
    assert program.process.wait(5) == 0
    assert not path.exists()
