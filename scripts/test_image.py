#!/usr/bin/env python3
"""Runs an OCI image from its layout, without a daemon, the way its configuration says, and records a stream to its volume.

usage: test_image.py LAYOUT
The root file system is read-only and the user is the one of the image. By runc where that works, else by chroot with
read-only bind mounts. Needs root, umoci and ffmpeg. Exits 1 at the first claim that does not hold.
"""
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time

import sandbox
from sandbox import check, figure, run

TOKEN = "a-token-for-this-test"


class Image:
    """The layout, its configuration, and its root file system in `folder`/bundle."""

    def __init__(self, layout, folder):
        index = json.loads((layout / "index.json").read_text())
        self.tag = index["manifests"][0]["annotations"]["org.opencontainers.image.ref.name"]
        manifest = self._blob(layout, index["manifests"][0]["digest"])
        self.config = self._blob(layout, manifest["config"]["digest"])["config"]
        self.layer_bytes = sum(layer["size"] for layer in manifest["layers"])
        self.bundle = folder / "bundle"
        run(["umoci", "unpack", "--image", f"{layout}:{self.tag}", self.bundle])
        self.root = self.bundle / "rootfs"
        self.user, self.group = (int(number) for number in self.config["User"].split(":"))

    @staticmethod
    def _blob(layout, digest):
        return json.loads((layout / "blobs" / digest.replace(":", "/")).read_text())


class Runc:
    """A container of runc, in namespaces of its own and without capabilities."""

    name = "runc"

    def __init__(self, image, network, volume):
        self._image, self._network, self._volume, self._count = image, network, volume, 0
        self._template = json.loads((image.bundle / "config.json").read_text())

    def command(self, arguments, environment):
        """The words that run the entry point with `arguments`; runc hands signals on to it."""
        image, spec = self._image, json.loads(json.dumps(self._template))
        self._count += 1
        spec["process"].update(terminal=False, noNewPrivileges=True, cwd=image.config["WorkingDir"],
                               args=[*image.config["Entrypoint"], *arguments],
                               env=[*image.config["Env"], *(f"{name}={value}" for name, value in environment.items())],
                               user={"uid": image.user, "gid": image.group})
        spec["process"].pop("rlimits", None)
        spec["process"]["capabilities"] = {}
        spec["root"] = {"path": str(image.root), "readonly": True}
        volume = next(iter(image.config["Volumes"]))
        spec["mounts"] = [mount for mount in spec["mounts"] if mount["destination"] != volume and mount["type"] != "cgroup"]
        spec["mounts"].append({"destination": volume, "type": "bind", "source": str(self._volume), "options": ["rbind", "rw"]})
        for space in spec["linux"]["namespaces"]:
            if space["type"] == "network":
                space["path"] = self._network.path
        bundle = image.bundle.parent / f"container{self._count}"
        bundle.mkdir()
        (bundle / "config.json").write_text(json.dumps(spec))
        return ["runc", "--root", image.bundle.parent / "runc", "run", "--bundle", bundle,
                f"holdfast-{os.getpid()}-{self._count}"]


class Chroot:
    """Where runc does not work: the same root, user and environment, with bind mounts."""

    name = "chroot with read-only bind mounts"

    def __init__(self, image, network, volume):
        self._image, self._network, self._volume = image, network, volume

    def command(self, arguments, environment):
        image, config = self._image, self._image.config
        volume = next(iter(config["Volumes"]))
        script = ("mount --bind $0 $0 && mount -o remount,bind,ro $0 && mount --bind $1 $0$2 && "
                  "mount -t proc proc $0/proc && mount --rbind /dev $0/dev && root=$0 && shift 2 && exec chroot $root \"$@\"")
        return [*self._network.inside, "unshare", "--mount", "--propagation", "private", "sh", "-c", script, image.root,
                self._volume, volume, "/usr/bin/setpriv", f"--reuid={image.user}", f"--regid={image.group}", "--clear-groups",
                "--no-new-privs", "--bounding-set=-all", "/usr/bin/env", "-i", f"--chdir={config['WorkingDir']}", *config["Env"],
                *(f"{name}={value}" for name, value in environment.items()), *config["Entrypoint"], *arguments]


class Container:
    """Starts and ends processes of the image."""

    def __init__(self, image, network, volume):
        self._runner = self._choose(image, network, volume)
        figure("run by", self._runner.name)

    def run(self, *arguments, **environment):
        """(exit status, output) of a command."""
        command = self._words(arguments, environment)
        done = subprocess.run(command, text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=60)
        return done.returncode, done.stdout

    def start(self, log, *arguments, **environment):
        with open(log, "w") as output:
            return subprocess.Popen(self._words(arguments, environment), stdin=subprocess.DEVNULL, stdout=output,
                                    stderr=subprocess.STDOUT, start_new_session=True)

    def _words(self, arguments, environment):
        return [str(word) for word in self._runner.command(arguments, environment)]

    @staticmethod
    def _choose(image, network, volume):
        runc = Runc(image, network, volume)
        if shutil.which("runc"):
            tried = subprocess.run([str(word) for word in runc.command(["version"], {})], text=True, capture_output=True)
            if tried.returncode == 0:
                return runc
            figure("runc does not work here", tried.stderr.strip()[-300:] or "it gives no reason")
        return Chroot(image, network, volume)


def check_config(image):
    config = image.config
    check(config["Entrypoint"] == ["/usr/bin/holdfast"] and config["Cmd"] == ["serve"], "the image runs holdfast serve")
    check(image.user == 65532 and image.group == 65532, "the user is 65532:65532")
    check(set(config["ExposedPorts"]) == {"8000/tcp", "8189/udp"}, "it exposes 8000/tcp and 8189/udp")
    check(list(config["Volumes"]) == ["/var/lib/holdfast"], "the recordings are a volume")
    check(config["Labels"]["org.opencontainers.image.version"] == image.tag, f"its labels say version {image.tag}")
    figure("size", f"{image.layer_bytes / 1e6:.0f} MB compressed")
    owner = (image.root / "var/lib/holdfast").stat()
    check((owner.st_uid, owner.st_gid) == (65532, 65532), "a new volume belongs to that user")
    files = [path for path in image.root.rglob("*") if path.is_file() and not path.is_symlink()]
    setuid = [path.name for path in files if path.stat().st_mode & 0o4000]
    figure("programs that change the user", ", ".join(sorted(setuid)) or "none")


def grown(network, volume):
    """The file of the stream, once it holds a good second."""
    status = sandbox.status_of(network, "stream", TOKEN)
    path = volume / pathlib.Path(status["output_path"]).name if status else None
    return path if path and path.stat().st_size > 300_000 else None


def record(container, network, folder, volume):
    """A stream to the volume; SIGTERM in mid-recording leaves a file that is complete."""
    service = container.start(folder / "service.log", "serve", HOLDFAST_API_TOKEN=TOKEN)
    publisher = None
    try:
        since = time.monotonic()
        sandbox.wait_for(lambda: network.fetch("/ready"), "the start of the service")
        figure("ready", f"{time.monotonic() - since:.1f} s after its start")
        check(network.fetch("/api/recording/active")[0] == 401, "the API answers 401 without the token")
        publisher = sandbox.Publisher(network, [folder / "bundle/holdfast"], "http://127.0.0.1:8000/whip/stream",
                                      folder / "publisher.log", "--token", TOKEN)
        path = sandbox.wait_for(lambda: grown(network, volume), "a recording on the volume", 30)
        check(path.stat().st_uid == 65532, f"{path.name} is on the volume and belongs to 65532")
        sandbox.check_media_so_far(path)
        since = time.monotonic()
        service.send_signal(signal.SIGTERM)
        status = service.wait(20)
        check(status == 0, f"SIGTERM ends it with exit status 0 in {time.monotonic() - since:.2f} s",
              (folder / "service.log").read_text())
    finally:
        if publisher:
            publisher.end()
        if service.poll() is None:
            service.terminate()
            service.wait(20)
    return path


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    sandbox.isolate()
    layout = pathlib.Path(sys.argv[1]).resolve()
    network = sandbox.Network()
    try:
        with sandbox.folder() as folder:
            image = Image(layout, folder)
            check_config(image)
            volume = folder / "volume"
            volume.mkdir()
            os.chown(volume, image.user, image.group)
            # The publisher is the image's program too, but outside of the container: it is another machine's.
            wrapper = image.bundle / "holdfast"
            wrapper.write_text(f"#!/bin/sh\nexec chroot {image.root} /usr/bin/holdfast \"$@\"\n")
            wrapper.chmod(0o755)
            container = Container(image, network, volume)
            status, said = container.run(*image.config["Cmd"])
            check(status == 2 and "api_token" in said, "without a token it does not start, and says what to set", said)
            figure("it says", said.strip())
            path = record(container, network, folder, volume)
            sandbox.check_media(path, 1)
            status, said = container.run("verify", "/var/lib/holdfast")
            check(status == 0, "verify, run in the image, finds no damage", said)
            figure("verify", said.strip().splitlines()[0])
            status, said = container.run("serve", HOLDFAST_API_TOKEN=TOKEN, HOLDFAST_RECORDINGS="/srv/recordings")
            check(status == 1 and "Read-only file system" in said, "the root file system is read-only", said)
    finally:
        network.end()
    print("the image is good")


if __name__ == "__main__":
    main()
