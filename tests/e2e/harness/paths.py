"""Where things are in the checkout."""
import pathlib

ROOT = pathlib.Path(__file__).resolve().parents[3]
E2E = ROOT / "tests/e2e"
PUBLISHERS = E2E / "publishers"
PEERS = ROOT / "build/peers"
HOLDFAST = ROOT / "build/release/holdfast"
LOAD = ROOT / "build/release/load"
PYTHON = PEERS / "venv/bin/python"
SYSTEM_PYTHON = "/usr/bin/python3"  # has the distribution's GStreamer bindings
LIVEKIT_SERVER = PEERS / "livekit-server"
PROMTOOL = PEERS / "promtool"
