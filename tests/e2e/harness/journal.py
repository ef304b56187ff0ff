"""A recording's journal, as docs/journal.md has it."""
import json
import pathlib


def read(recording):
    """The events of the journal beside a recording's first part: dictionaries, in order."""
    path = pathlib.Path(recording)
    text = (path.parent / f"{path.stem}.journal.jsonl").read_text()
    return [json.loads(line) for line in text.splitlines() if line]


def events(recording, name):
    return [event for event in read(recording) if event["event"] == name]


def gaps(recording):
    """[(seconds, cause)]"""
    return [((event["to_pts"] - event["from_pts"]) / 90000, event["cause"]) for event in events(recording, "gap")]
