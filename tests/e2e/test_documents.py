"""Every command of README and docs, run as a reader would run it, in a folder of its own.

Each ```sh block of the Markdown files is either run here, or changes the machine or builds; the latter are listed by
NOT_RUN_HERE with what covers them, and are checked for what can be checked: that the shell reads them, and that the files, units
and targets which they name are the project's. A block that is neither fails the test.

Placeholders become what the test has: example.org hosts the test's servers, KEY, SECRET and TOKEN its credentials, ports and
folders its own, the names of example recordings a recording that is there. `ffplay` becomes a reader without a window.
"""
import glob
import os
import re
import shlex
import signal
import subprocess

import pytest

from harness.livekit import KEY, SECRET
from harness.paths import HOLDFAST, ROOT
from harness.program import Program, free_port, free_udp_ports
from harness.service import WORKERS, Holdfast
from harness.waiting import until

TOKEN = "token-of-the-documents"
STREAM = "my-stream"
# First word of a line -> what covers the command.
NOT_RUN_HERE = {
    "make": "the targets that the tests and CI run",
    "cmake": "every build",
    "apt": "test_package",
    "systemctl": "test_package",
    "journalctl": "test_package",
    "skopeo": "test_image, which unpacks the same layout",
    "docker": "test_image, which runs the same entry point",
}
RUN_HERE = {"curl", "ffplay", "holdfast", "jq", "rsync"}
FOREGROUND = ("serve", "record")  # commands of holdfast that run until Ctrl+C
EXAMPLE_RECORDING = re.compile(r"[\w-]+_20\d{6}T\d{6}\.\d{3}Z")


def documents():
    listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard", "--", "*.md"], cwd=ROOT, text=True, check=True,
                            stdout=subprocess.PIPE).stdout.split()
    return sorted(set(listed))


def blocks(name):
    """The ```sh blocks of a document, each with the number of its first line."""
    text = (ROOT / name).read_text()
    return [(text.count("\n", 0, match.start(1)) + 1, match[1])
            for match in re.finditer(r"^```(?:sh|bash|shell|console)[ \t]*\n(.*?)^```", text, re.MULTILINE | re.DOTALL)]


def commands(block):
    """The commands of a block, continued lines joined."""
    joined = block.replace("\\\n", " ").splitlines()
    return [line.strip().removeprefix("sudo ") for line in joined if line.strip() and not line.lstrip().startswith("#")]


def first_words(block):
    return [shlex.split(line, comments=True)[0] for line in commands(block)]


def with_blocks():
    return [name for name in documents() if blocks(name)]


class Reader:
    """Somebody who types the commands of one document, one after the other, with a service that the document assumes."""

    def __init__(self, folder, programs, livekit_url=None, api_token=""):
        self.folder, self.programs = folder, programs
        self.service = Holdfast(folder, livekit_url, *(["--api-token", TOKEN] if api_token else []))
        programs.append(self.service)
        self.livekit_url, self.recording = livekit_url, None
        (folder / "bin").mkdir()
        for name, command in (("holdfast", f'exec "{HOLDFAST}" "$@"'), ("curl", 'exec /usr/bin/curl -sS --fail-with-body "$@"'),
                              ("ffplay", 'exec ffmpeg -nostdin -v error -t 2 -i "$1" -f null -')):
            (folder / "bin" / name).write_text(f"#!/bin/sh\n{command}\n")
            (folder / "bin" / name).chmod(0o755)

    def environment(self):
        return {**os.environ, "PATH": f"{self.folder}/bin:{os.environ['PATH']}"}

    def adapted(self, text):
        """The text with the test's servers, credentials, folders and recording in place of the document's."""
        for there, here in (("wss://livekit.example.org", self.livekit_url or ""),
                            ("https://record.example.org", self.service.url),
                            ("http://127.0.0.1:8000", self.service.url),
                            ("/var/lib/holdfast/recordings", str(self.service.recordings)),
                            ("/etc/holdfast/holdfast.toml", str(self.folder / "holdfast.toml")),
                            ("BACKUP", str(self.folder / "backup"))):
            text = text.replace(there, here)
        text = re.sub(r"\bKEY\b", KEY, text)
        text = re.sub(r"\bSECRET\b", shlex.quote(SECRET), text)
        text = re.sub(r"\bTOKEN\b", TOKEN, text)
        if self.recording:
            text = EXAMPLE_RECORDING.sub(self.recording, text)
        return text

    def record_by_whip(self):
        """Leaves a finished recording of STREAM, which documents name as an example, and a configuration file beside it."""
        address = f"{self.service.url}/whip/{STREAM}"
        subprocess.run([HOLDFAST, "publish", address, "--duration", "3s", "--quiet"], check=True, timeout=60)
        self.service.stop(STREAM)
        journal = until(lambda: glob.glob(f"{self.service.recordings}/{STREAM}_*.journal.jsonl"), 10, "a journal")[0]
        self.recording = os.path.basename(journal).removesuffix(".journal.jsonl")
        config = (ROOT / "packaging/holdfast.toml").read_text()
        for key, value in (("recordings", f'"{self.service.recordings}"'), ("keep_days", "30")):
            config = re.sub(rf"^{key} = \S+", f"{key} = {value}", config, flags=re.MULTILINE)
        (self.folder / "holdfast.toml").write_text(config)

    def run(self, block):
        """Runs a block to its end; a command that stays in the foreground is left running."""
        text = self.adapted(block)
        words = shlex.split(commands(text)[0], comments=True)
        if words[0] == "holdfast" and words[1] in FOREGROUND:
            self.leave_running(words)
            return
        done = subprocess.run(["bash", "-euo", "pipefail", "-c", text], cwd=self.folder, env=self.environment(), text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=90, stdin=subprocess.DEVNULL)
        assert done.returncode == 0, f"{text}\nended with status {done.returncode}:\n{done.stdout}"

    def leave_running(self, words):
        """Starts a server or a recorder; ports that the document leaves to the program are free ones."""
        port = free_port()
        env = {**self.environment(), "HOLDFAST_LISTEN": f"127.0.0.1:{port}", "HOLDFAST_WORKERS": str(WORKERS),
               "HOLDFAST_MEDIA_LISTEN": f"127.0.0.1:{free_udp_ports(WORKERS)}"}
        if words[1] == "serve":
            self.service.end()  # the document brings its own, and both would have the same folder
        before = self.media_files()
        program = Program(["bash", "-c", f'cd "{self.folder}" && exec "$0" "$@"', *words],
                          self.folder / f"{words[1]}-{len(self.programs)}.log", env=env)
        self.programs.append(program)
        if words[1] == "serve":
            self.service.port, self.service.url = port, f"http://127.0.0.1:{port}"
            program.wait_for(self.service._answers, 10, "to answer")
        else:
            program.wait_for(lambda: self.media_files() - before, 20, "to record")
            assert program.end(signal.SIGINT) == 0, program.tail()

    def media_files(self):
        """The files in the folder that have media in them."""
        return {path for path in self.folder.rglob("*.ts") if path.stat().st_size > 0}

    def wait_for_media(self):
        """A reader looks at a recording once there is something to see."""
        until(lambda: any(path.stat().st_size > 50_000 for path in self.media_files()), 20, "something to play")


def check_unrun(name, line, block):
    """A block that is not run: the shell reads it, and what it names is there."""
    subprocess.run(["bash", "-n", "-c", block], check=True)
    packaging = "\n".join(path.read_text(errors="replace") for path in (ROOT / "packaging").rglob("*") if path.is_file())
    for command in commands(block):
        words = shlex.split(command, comments=True)
        if words[0] == "make":
            subprocess.run(["make", "-n", *words[1:]], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
        if words[0] == "cmake":
            targets = re.findall(r"holdfast_module\((\w+)", (ROOT / "CMakeLists.txt").read_text())
            assert re.search(r"--target (\w+?)_test", command)[1] in targets, command
        if words[0] in ("systemctl", "journalctl") and "holdfast" in words:
            assert (ROOT / "packaging/systemd/holdfast.service").is_file(), command
        for path in re.findall(r"/(?:etc|usr|var)/[\w./-]+", " ".join(words)):
            assert path in packaging, f"{name}:{line}: {path} is in no file of packaging/"


@pytest.fixture
def reader(folder, programs, request):
    """reader(livekit=True, api_token=True) is a Reader whose service knows the LiveKit server, with a live stream in it."""
    def make(livekit, api_token):
        url = request.getfixturevalue("livekit_server").url if livekit else None
        if livekit:
            request.getfixturevalue("stream")(STREAM, codec="h264")
        return Reader(folder, programs, url, api_token)
    return make


def test_every_block_is_run_or_covered():
    for name in with_blocks():
        for line, block in blocks(name):
            words = set(first_words(block))
            covered = words & set(NOT_RUN_HERE)
            assert not covered or covered == words, f"{name}:{line}: part of the block can be run and part cannot: split it"
            assert covered or words <= RUN_HERE, f"{name}:{line}: {words - RUN_HERE}: run it, or list it"


@pytest.mark.parametrize("name", with_blocks())
def test_the_commands_of(name, reader):
    if not HOLDFAST.exists():
        pytest.skip("build/release/holdfast is not built: say `make build`")
    everything = blocks(name)
    to_run = [(line, block) for line, block in everything if not set(first_words(block)) & set(NOT_RUN_HERE)]
    for line, block in everything:
        if (line, block) not in to_run:
            check_unrun(name, line, block)
            covered = sorted({NOT_RUN_HERE[word] for word in first_words(block)})
            print(f"{name}:{line}: not run here: covered by {', '.join(covered)}")
    if not to_run:
        return
    text = "".join(block for _, block in to_run)
    typist = reader(livekit=bool(re.search(r"livekit|api/recording/start|api/follow", text)), api_token="TOKEN" in text)
    if "recording/start" not in text and re.search(r"recordings\b", text):
        typist.record_by_whip()
    for line, block in to_run:
        for part in commands(block) if "ffplay" in block else [block]:
            if part.startswith("ffplay"):
                typist.wait_for_media()
            typist.run(part)
