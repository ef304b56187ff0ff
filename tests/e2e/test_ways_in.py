"""The ways to a stream beside the API's plain start: `holdfast record`, all participants, a layer, a token endpoint."""
import http.server
import json
import pathlib
import signal
import threading

import pytest

from harness import livekit, media
from harness.livekit import KEY, SECRET
from harness.paths import HOLDFAST
from harness.program import Program
from harness.service import Holdfast
from harness.waiting import steadily, until

H264 = {"codec": "h264", "bitrate": 1_000_000, "texture": 20}


def test_record_records_one_room_without_the_service(folder, stream, livekit_server):
    stream("alone", **H264)
    command = [HOLDFAST, "record", "--livekit-url", livekit_server.url, "--livekit-api-key", KEY,
               "--livekit-api-secret", SECRET, "--room", "alone", "--recordings", folder, "--duration", "4s", "--quiet"]
    program = Program(command, folder / "record.log")
    assert program.process.wait(20) == 0, program.tail()
    path = next(folder.glob("alone_*.ts"))
    assert media.codecs(path) == {"video": "h264", "audio": "aac"}
    assert media.decode_errors(path) == []


def test_record_ends_whole_on_ctrl_c(folder, stream, livekit_server):
    stream("alone-int", **H264)
    command = [HOLDFAST, "record", "--livekit-url", livekit_server.url, "--livekit-api-key", KEY,
               "--livekit-api-secret", SECRET, "--room", "alone-int", "--recordings", folder, "--quiet"]
    program = Program(command, folder / "record.log")
    path = until(lambda: next((p for p in folder.glob("alone-int_*.ts") if p.stat().st_size > 100_000), None), 20, "to record")
    assert program.end(signal.SIGINT) == 0, program.tail()
    assert media.decode_errors(path) == []


def test_all_participants_get_a_recording_each(service, stream, livekit_server):
    stream("panel", identity="alice", **H264)
    stream("panel", tracks=2, identity="bob", **H264)
    program = service()
    started = program.start("panel", participants="all")
    assert (started.status, started.json["state"]) == (201, "watching"), started
    assert "recording_id" not in started.json

    def both():
        files = [path for path in program.recordings.glob("panel*.ts") if path.stat().st_size > 50_000]
        return files if len(files) == 2 else None
    files = program.wait_for(both, 20, "two files")
    steadily(1, program.alive)
    active = program.request("GET", "/api/recording/active").json
    assert [watch["watch_id"] for watch in active["watches"]] == [started.json["watch_id"]], active
    assert sorted(each["participant"] for each in active["recordings"]) == ["alice", "bob"], active
    again = program.start("panel", participants="all")
    assert (again.status, again.json["success"]) == (409, False), again
    stopped = program.stop("panel")
    assert stopped.status == 200
    assert len(stopped.json["recordings"]) == 2 and stopped.json["watch"]["state"] == "stopped", stopped
    for path in files:
        assert media.decode_errors(path) == []
    assert {name for path in files for name in ("alice", "bob") if name in path.name} == {"alice", "bob"}


@pytest.mark.parametrize("quality, width", [("low", 320), ("high", 1280)])
def test_a_simulcast_layer_is_chosen(service, stream, quality, width):
    stream(f"layer-{quality}", width=1280, height=720)  # default settings: VP8 with simulcast
    program = service()
    program.record(f"layer-{quality}", video_quality=quality)
    steadily(6, program.alive)
    status = program.finish(f"layer-{quality}")
    video = next(track for track in status["tracks"] if track["kind"] == "video")
    assert video["width"] == width, status


class Site(http.server.BaseHTTPRequestHandler):
    """A site's join endpoint: 404 to begin with, then a token."""
    questions, not_live_for, token = [], 2, ""

    def do_POST(self):
        self.questions.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        live = len(self.questions) > self.not_live_for
        reply = json.dumps({"data": {"token": self.token}} if live else {"message": "not live"}).encode()
        self.send_response(201 if live else 404)
        self.send_header("Content-Length", str(len(reply)))
        self.end_headers()
        self.wfile.write(reply)

    def log_message(self, *_):
        pass


def test_a_token_endpoint_is_asked_until_the_stream_is_live(stream, folder, programs, livekit_server):
    stream("mint-room", **H264)
    Site.questions, Site.token = [], livekit.token("viewer", "mint-room")
    with http.server.HTTPServer(("127.0.0.1", 0), Site) as site:
        threading.Thread(target=site.serve_forever, daemon=True).start()
        config = folder / "holdfast.toml"
        config.write_text(f'[token_endpoint]\nmethod = "POST"\nurl = "http://127.0.0.1:{site.server_port}/join/{{mint_id}}"\n'
                          'body = \'{"mintId": "{mint_id}", "viewer": true}\'\ntoken_pointer = "/data/token"\n'
                          'not_live_statuses = [404]\npoll_interval = "300ms"\n')
        program = Holdfast(folder, None, "--livekit-url", livekit_server.url, "--config", config)
        programs.append(program)
        path = program.record("Mint.1")
        steadily(2, program.alive)
        program.finish("Mint.1")
        site.shutdown()
    assert Site.questions == [{"mintId": "Mint.1", "viewer": True}] * 3
    assert pathlib.Path(path).name.startswith("Mint.1_")
    assert media.decode_errors(path) == []
