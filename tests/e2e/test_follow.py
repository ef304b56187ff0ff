"""Followed streams: recorded each time they go live, whoever dies in between."""
import base64
import hashlib
import http.server
import json
import threading
import time

from harness import livekit, media, publishers
from harness.program import free_port
from harness.service import Holdfast
from harness.waiting import steadily

H264 = {"codec": "h264", "bitrate": 1_000_000, "texture": 20}
# Looks often, so that the tests are short.
KEEN = ("--follow-interval", "1s", "--gap-limit", "3s")


def end_stream(server, publisher, room):
    publisher.end()
    server.call("DeleteRoom", room)


def test_a_followed_stream_is_recorded_each_time_it_is_live_also_after_kill_9(service, stream, livekit_server):
    program = service(*KEEN)
    assert program.follow("followed", format="mkv").status == 201
    assert program.follow("followed", format="mkv").status == 200
    program.wait_for_follow("followed", state="watching", last_error=None)

    publisher = stream("followed", **H264)
    program.wait_for_follow("followed", state="recording")
    first = program.wait_for_state("followed", "recording")
    assert program.start("followed").status == 409
    steadily(1, program.alive)
    end_stream(livekit_server, publisher, "followed")
    assert program.wait_for_state("followed", "stopped")["end_reason"] == "stream_ended"
    program.wait_for_follow("followed", state="watching", last_recording_id=first["recording_id"])

    program.kill()
    program = service(*KEEN)
    follows = program.request("GET", "/api/follow").json
    assert [(f["mint_id"], f["last_recording_id"], f["options"]) for f in follows["follows"]] == \
        [("followed", first["recording_id"], {"format": "mkv"})]

    publisher = stream("followed", **H264)
    second = program.wait_for_state("followed", "recording")
    steadily(1, program.alive)
    program.kill()
    program = service(*KEEN)
    program.wait_for_state("followed", "recording")
    assert program.request("DELETE", "/api/follow/followed").status == 200
    assert program.request("DELETE", "/api/follow/followed").status == 404
    program.finish("followed")
    paths = sorted(program.recordings.glob("followed_*.mkv"))
    # An encoder that finds its feet may begin a part of its own.
    assert {path.stem.partition("_part")[0] for path in paths} >= {first["recording_id"], second["recording_id"]}
    assert all("video" in media.codecs(path) for path in paths)


def test_what_is_stopped_by_hand_waits_for_the_stream_to_end(service, stream, livekit_server):
    publisher = stream("by-hand", **H264)
    program = service(*KEEN)
    assert program.follow("by-hand").status == 201
    program.wait_for_state("by-hand", "recording")
    stopped = program.finish("by-hand")
    program.wait_for_follow("by-hand", state="watching", stopped_by_hand=True)
    steadily(4, program.alive)
    assert program.status("by-hand")["recording_id"] == stopped["recording_id"], "started again"
    end_stream(livekit_server, publisher, "by-hand")
    program.wait_for_follow("by-hand", stopped_by_hand=False)
    stream("by-hand", **H264)
    assert program.wait_for_state("by-hand", "recording")["recording_id"] != stopped["recording_id"]
    program.finish("by-hand")
    program.wait_for_follow("by-hand", stopped_by_hand=True)
    program.record("by-hand")
    program.wait_for_follow("by-hand", state="recording", stopped_by_hand=False)


def signed(body, secret=livekit.SECRET):
    digest = base64.b64encode(hashlib.sha256(body.encode()).digest()).decode()
    return {"Content-Type": "application/webhook+json", "Authorization": livekit.sign({"sha256": digest}, secret)}


def test_a_webhook_starts_it_at_once_and_a_forged_one_nothing(folder, programs, figure):
    port, path = free_port(), "/api/livekit/webhook"
    server = livekit.LiveKitServer(
        folder, webhook={"api_key": livekit.KEY, "urls": [f"http://127.0.0.1:{port}{path}"]})
    programs.append(server)
    bearer = {"Authorization": "Bearer of-the-api"}
    program = Holdfast(folder, server.url, "--follow-interval", "10m", "--api-token", "of-the-api", port=port)
    programs.append(program)
    assert program.request("POST", "/api/follow/hooked", headers=bearer).status == 201

    lie = json.dumps({"event": "track_published", "room": {"name": "hooked"}, "createdAt": str(int(time.time()))})
    for headers in ({}, bearer, signed(lie, "another secret"), signed(lie + " ")):
        reply = program.request("POST", path, lie, headers)
        assert reply.status == 401, reply
        assert "error" in reply.json
    steadily(1, program.alive)
    metrics = program.request("GET", "/metrics", headers=bearer).body
    assert 'holdfast_livekit_webhooks_total{outcome="refused"} 4' in metrics
    assert 'holdfast_followed_streams{state="watching"} 1' in metrics

    programs.append(publishers.livekit(folder, server, "hooked", **H264))
    server.wait_for_tracks("hooked", 1)
    published = time.monotonic()
    program.wait_for(lambda: program.request("GET", "/api/follow/hooked", headers=bearer).json["state"] == "recording",
                     20, "to start")
    figure("from seen published to started", time.monotonic() - published, "s", most=1)
    program.wait_for(lambda: list(program.recordings.glob("hooked_*.ts")), 20, "to write")


class Site(http.server.BaseHTTPRequestHandler):
    """A site's join endpoint."""
    live, questions, token = False, 0, ""

    def do_GET(self):
        Site.questions += 1
        reply = json.dumps({"token": self.token} if self.live else {}).encode()
        self.send_response(200 if self.live else 404)
        self.send_header("Content-Length", str(len(reply)))
        self.end_headers()
        self.wfile.write(reply)

    def log_message(self, *_):
        pass


def test_a_token_endpoint_tells_when_a_followed_stream_is_live(stream, folder, programs, livekit_server):
    stream("site-room", **H264)
    Site.live, Site.questions, Site.token = False, 0, livekit.token("viewer", "site-room")
    with http.server.HTTPServer(("127.0.0.1", 0), Site) as site:
        threading.Thread(target=site.serve_forever, daemon=True).start()
        program = Holdfast(folder, None, "--livekit-url", livekit_server.url, *KEEN, "--token-endpoint-poll-interval", "500ms",
                           "--token-endpoint-url", f"http://127.0.0.1:{site.server_port}/join/{{mint_id}}")
        programs.append(program)
        assert program.follow("mint").status == 201
        steadily(3.5, program.alive)
        assert 3 <= Site.questions <= 5, "asked every 1 to 1.2 s"
        program.wait_for_follow("mint", state="watching", last_error=None)
        Site.live = True
        program.wait_for_state("mint", "recording")
        site.shutdown()


def test_a_broken_file_of_follows_is_kept_aside_and_said(folder, service):
    program = service()
    assert program.request("GET", "/api/follow").json["problem"] is None
    assert program.follow("kept").status == 201
    program.kill()
    path = program.recordings / ".holdfast/follows.json"
    broken = path.read_text().replace('"mint_id"', '"mint"')
    path.write_text(broken)
    program = service()
    follows = program.request("GET", "/api/follow").json
    aside = next(path.parent.glob("follows.json.broken-*"))
    assert aside.name in follows["problem"] and follows["count"] == 0
    assert aside.read_text() == broken
