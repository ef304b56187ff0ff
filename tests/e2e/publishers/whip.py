"""The HTTP side of WHIP (RFC 9725) for publishers that bring only WebRTC. Standard library only."""
import json
import urllib.parse
import urllib.request


def say(event, **fields):
    print(json.dumps({"event": event, **fields}), flush=True)


class Resource:
    """One WHIP resource: made by offering, ended by `delete`."""

    def __init__(self, url, offer):
        request = urllib.request.Request(url, offer.encode(), {"Content-Type": "application/sdp"})
        with urllib.request.urlopen(request, timeout=10) as reply:
            assert reply.status == 201, reply.status
            self.location = urllib.parse.urljoin(url, reply.headers["Location"])
            self.answer = reply.read().decode()

    def restart(self, fragment):
        """An ICE restart: our fragment for theirs."""
        request = urllib.request.Request(self.location, fragment.encode(), method="PATCH", headers={
            "Content-Type": "application/trickle-ice-sdpfrag", "If-Match": "*"})
        with urllib.request.urlopen(request, timeout=10) as reply:
            assert reply.status == 200 and reply.headers["ETag"], (reply.status, reply.headers)
            return reply.read().decode()

    def delete(self):
        with urllib.request.urlopen(urllib.request.Request(self.location, method="DELETE"), timeout=10):
            pass
