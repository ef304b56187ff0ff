"""The recordings on disk: the catalog that can always be made again, retention, protection, markers."""
import json
import subprocess
import urllib.parse

from harness import media
from harness.paths import HOLDFAST
from harness.waiting import steadily

H264 = {"codec": "h264"}


def recordings(program, **query):
    reply = program.request("GET", "/api/recordings" + ("?" + urllib.parse.urlencode(query) if query else ""))
    assert reply.status == 200, reply
    return reply.json


def answers(program, mint_ids):
    """All that the API says of what is on disk: the whole list, by mint id, and page by page."""
    said = [recordings(program)]
    for mint_id in mint_ids:
        said.append(recordings(program, mint_id=mint_id))
    before = {}
    while True:
        said.append(recordings(program, limit=1, **before))
        if said[-1]["next"] is None:
            return said
        before = {"before": said[-1]["next"]}


def ids(program):
    return [recording["recording_id"] for recording in recordings(program)["recordings"]]


def run(*words):
    return subprocess.run([HOLDFAST, *map(str, words)], text=True, capture_output=True, timeout=60)


def record(program, mint_id, seconds=1.5, **fields):
    program.record(mint_id, **fields)
    steadily(seconds, program.alive)
    return program.finish(mint_id)["recording_id"]


def events(program, recording_id):
    return [json.loads(line) for line in (program.recordings / f"{recording_id}.journal.jsonl").read_text().splitlines()]


def remove_catalog(program):
    for path in (program.recordings / ".holdfast").glob("catalog.sqlite*"):
        path.unlink()


def test_without_its_catalog_the_api_answers_as_before(service, stream):
    stream("first", **H264)
    stream("second", **H264)
    program = service("--no-resume")
    for mint_id in ("first", "second", "first"):
        record(program, mint_id)
    cut_off = program.record("second").stem
    steadily(1.5, program.alive)
    listed = recordings(program)["recordings"]
    assert [(r["mint_id"], r["end"]) for r in listed] == [("first", "ended"), ("second", "ended"), ("first", "ended"),
                                                          ("second", "active")]
    program.kill()
    (program.recordings / "strange.journal.jsonl").write_text("no journal\n")

    program = service("--no-resume")
    assert program.request("PUT", f"/api/recordings/{ids(program)[0]}/protection").status == 200
    before = answers(program, ["first", "second", "nobody"])
    by_id = {r["recording_id"]: r for r in before[0]["recordings"]}
    assert len(by_id) == 4 and by_id[cut_off]["end_reason"] == "interrupted" and len(before[0]["unreadable"]) == 1
    assert all(r["file_size_bytes"] > 0 and r["end_time"] for r in by_id.values())
    program.end()
    remove_catalog(program)
    program = service("--no-resume")
    assert answers(program, ["first", "second", "nobody"]) == before, "made again by the service"
    program.end()
    remove_catalog(program)
    assert run("reindex", program.recordings).returncode == 3, "one journal cannot be read"
    program = service("--no-resume")
    assert answers(program, ["first", "second", "nobody"]) == before, "made again by reindex"
    remove_catalog(program)
    assert run("reindex", program.recordings).returncode == 3, "while a service runs there"
    assert answers(program, ["first", "second", "nobody"]) == before


def test_a_catalog_that_is_damaged_or_cannot_be_written_costs_no_recording(service, stream):
    stream("damage", **H264)
    program = service()
    record(program, "damage")
    before = answers(program, [])
    program.end()
    remove_catalog(program)
    (program.recordings / ".holdfast/catalog.sqlite").write_bytes(b"!" * 10_000)
    program = service()
    assert answers(program, []) == before
    program.end()
    remove_catalog(program)
    (program.recordings / ".holdfast/catalog.sqlite").mkdir()
    program = service()
    assert answers(program, []) == before
    record(program, "damage")
    assert len(ids(program)) == 2
    assert "catalog" in program.log.read_text() + program.tail(50)
    assert run("reindex", program.recordings).returncode == 1


def test_retention_removes_the_oldest_and_nothing_that_is_protected_running_or_not_ours(folder, service, stream):
    stream("kept", **H264)
    program = service()
    recorded = [record(program, "kept") for _ in range(3)]
    oldest, middle, newest = recorded
    assert program.request("PUT", f"/api/recordings/{oldest}/protection").json["protected"] is True
    running = program.record("kept").stem
    marked = program.request("POST", "/api/recording/marker/kept", {"text": "a goal"})
    assert marked.status == 200 and marked.json["recording_ids"] == [running]
    assert program.request("PUT", f"/api/recordings/{running}/protection").status == 200
    (program.recordings / "holiday.ts").write_text("not ours")

    dry = run("prune", program.recordings, "--keep-bytes", 1, "--dry-run")
    assert dry.returncode == 3 and "keep_bytes is exceeded" in dry.stderr, dry
    assert middle in dry.stdout and newest in dry.stdout and oldest not in dry.stdout and running not in dry.stdout
    assert ids(program) == [*recorded, running], "nothing went"

    assert run("prune", program.recordings, "--keep-bytes", 1).returncode == 3
    assert ids(program) == [oldest, running]
    left = {path.name for path in program.recordings.iterdir()}
    assert {"holiday.ts", "deleted.journal.jsonl", f"{oldest}.ts"} <= left and not any(middle in name for name in left)
    account = [json.loads(line) for line in (program.recordings / "deleted.journal.jsonl").read_text().splitlines()]
    assert [(line["event"], line.get("recording_id")) for line in account] == \
        [("removed", middle), ("removal_done", None), ("removed", newest), ("removal_done", None)]
    steadily(1, program.alive)
    assert program.status("kept")["state"] == "recording"
    program.finish("kept")
    noted = {event["event"]: event for event in events(program, running)}
    assert noted["marker"]["text"] == "a goal" and noted["protect"]["on"] is True
    assert media.decode_errors(program.recordings / f"{running}.ts") == []

    assert program.request("DELETE", f"/api/recordings/{oldest}/protection").json["protected"] is False
    assert program.request("PUT", "/api/recordings/nobody/protection").status == 404
    program.end()
    program = service("--keep-bytes", "1")  # at its start, and then each minute
    program.wait_for(lambda: ids(program) == [running], 10, "to remove what is protected no longer")
    assert program.metric("holdfast_recordings_removed_total") == 1
    assert program.metric("holdfast_removed_bytes_total") > 0
    assert program.metric("holdfast_retention_missed") == 1


def test_two_services_on_one_folder_list_the_same(folder, service, stream):
    stream("left", **H264)
    stream("right", **H264)
    one, other = service(), service()
    assert one.recordings == other.recordings
    first = record(one, "left")
    second = record(other, "right")
    running = one.record("left").stem
    expected = {first: "ended", second: "ended", running: "active"}
    for program in (one, other):  # a recording is listed once its journal is on disk
        program.wait_for(lambda: {r["recording_id"]: r["end"] for r in recordings(program)["recordings"]} == expected, 2,
                         "to list all three")
    reply = other.request("PUT", f"/api/recordings/{running}/protection")
    assert reply.status == 409 and "another process" in reply.json["error"]
    assert run("reindex", one.recordings).returncode == 0
    one.finish("left")
    assert answers(one, ["left", "right"]) == answers(other, ["left", "right"])


def test_an_mp4_made_faststart_has_its_checksum_in_the_journal(service, stream):
    stream("faststart", **H264)
    program = service()
    recording_id = record(program, "faststart", seconds=3, format="mp4")
    program.wait_for_state("faststart", "stopped")
    # An encoder that finds its feet may begin a part of its own.
    parts = {event["number"]: event["file"] for event in events(program, recording_id) if event["event"] == "part"}
    contents = {number: (program.recordings / name).read_bytes() for number, name in parts.items()}
    for data in contents.values():
        assert data.index(b"moov") < data.index(b"mdat")
    replaced = [event for event in events(program, recording_id) if event["event"] == "replaced"]
    assert sorted((e["part"], e["bytes"], e["crc32c"], e["reason"]) for e in replaced) == \
        [(number, len(data), f"{crc32c(data):08x}", "faststart") for number, data in sorted(contents.items())]
    assert recordings(program)["recordings"][0]["file_size_bytes"] == sum(map(len, contents.values()))


def crc32c(data):
    table = []
    for value in range(256):
        for _ in range(8):
            value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)
        table.append(value)
    crc = 0xFFFFFFFF
    for byte in data:
        crc = table[(crc ^ byte) & 255] ^ crc >> 8
    return crc ^ 0xFFFFFFFF
