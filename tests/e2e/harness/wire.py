"""Listens on the loopback device, so that what a file holds is judged by what really arrived on the wire.

RTP headers stay in the clear under SRTP: sequence numbers and timestamps can be read without keys. Needs CAP_NET_RAW.
"""
import collections
import dataclasses
import socket
import struct
import threading
import time


def may_listen():
    try:
        socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, 0).close()
        return True
    except (PermissionError, AttributeError):
        return False


@dataclasses.dataclass(frozen=True)
class Packet:
    at: float  # monotonic seconds, from the kernel's arrival stamp
    target: int  # UDP port
    ssrc: int
    marker: bool
    payload_type: int
    sequence: int
    timestamp: int
    size: int


class Wire:
    """Keeps the header of every RTP packet on a device (loopback, or a namespace's), while it is entered.

    It hears packets before any packet filter does.
    """

    _ETH_P_IP, _SO_TIMESTAMPNS, _OUTGOING = 0x0800, 35, 4

    def __init__(self, namespace=None):
        self._namespace = namespace
        self._packets = []
        self._over = False

    def _open(self):
        device = self._namespace.device if self._namespace else "lo"
        if self._namespace:
            self._namespace.enter()  # the thread ends with this call
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(self._ETH_P_IP))
        self._socket.bind((device, self._ETH_P_IP))

    def __enter__(self):
        opener = threading.Thread(target=self._open)
        opener.start()
        opener.join()
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
        self._socket.setsockopt(socket.SOL_SOCKET, self._SO_TIMESTAMPNS, 1)
        self._socket.settimeout(0.2)
        self._wall_to_monotonic = time.monotonic() - time.time()
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._over = True
        self._thread.join()
        self._socket.close()

    def _listen(self):
        while not self._over:
            try:
                data, ancillary, _, address = self._socket.recvmsg(128, 64)
            except (socket.timeout, InterruptedError):
                continue
            if address[2] != self._OUTGOING:  # loopback shows each packet twice
                self._take(data, ancillary)

    def _take(self, data, ancillary):
        if len(data) < 40 or data[9] != socket.IPPROTO_UDP:
            return
        at = (data[0] & 15) * 4
        target, length = struct.unpack_from("!HH", data, at + 2)
        rtp = data[at + 8:]
        # RFC 7983: 128..191 is RTP or RTCP; RFC 5761: RTCP has packet types 192..223.
        if len(rtp) < 12 or not 128 <= rtp[0] <= 191 or 192 <= rtp[1] <= 223:
            return
        sequence, timestamp, ssrc = struct.unpack_from("!HII", rtp, 2)
        seconds, nanoseconds = struct.unpack("qq", ancillary[0][2]) if ancillary else (time.time(), 0)
        self._packets.append(Packet(seconds + nanoseconds * 1e-9 + self._wall_to_monotonic, target, ssrc,
                                    rtp[1] > 127, rtp[1] & 127, sequence, timestamp, length - 8))

    def streams(self, targets):
        """SSRC -> its packets in arrival order, of those sent to the UDP ports `targets`."""
        found = collections.defaultdict(list)
        for packet in list(self._packets):
            if packet.target in targets:
                found[packet.ssrc].append(packet)
        return dict(found)

    def missing(self, targets):
        """How many packets never came to these ports: sequence numbers that no stream's packets show, resends counted."""
        return sum(_missing([packet.sequence for packet in packets]) for packets in self.streams(targets).values())

    def video(self, targets):
        """The packets of the stream with the most bytes to these ports."""
        streams = self.streams(targets)
        assert streams, f"no RTP on the wire to the ports {targets}"
        return max(streams.values(), key=lambda packets: sum(packet.size for packet in packets))


def _missing(sequences):
    """Numbers between the first and the last of a 16-bit sequence that are not in it."""
    seen, at = set(), sequences[0]
    for sequence in sequences:
        at += (sequence - at + 0x8000) % 0x10000 - 0x8000  # RFC 3550 section A.1: extended
        seen.add(at)
    return max(seen) - min(seen) + 1 - len(seen)


def frame_sizes(packets):
    """Bytes of each frame of a video stream, headers and all, in order of arrival; a packet that came again counts once."""
    sizes, seen = {}, set()
    for packet in packets:
        if packet.sequence not in seen:
            seen.add(packet.sequence)
            sizes[packet.timestamp] = sizes.get(packet.timestamp, 0) + packet.size
    return list(sizes.values())


def frame_times(packets, clock_rate=90000):
    """The distinct frames of a video stream as seconds since the first, by RTP timestamp, in order; and their arrivals.

    A frame arrives when the last of its packets does (resends apart).
    """
    arrivals, base, last, wraps = {}, packets[0].timestamp, packets[0].timestamp, 0
    for packet in packets:
        if packet.timestamp < last - (1 << 31):
            wraps += 1
        elif packet.timestamp > last + (1 << 31):
            continue  # a straggler from before the wrap
        last = packet.timestamp
        when = (packet.timestamp + (wraps << 32) - base) / clock_rate
        arrivals.setdefault(when, packet.at)
        arrivals[when] = max(arrivals[when], packet.at) if packet.at - arrivals[when] < 0.2 else arrivals[when]
    return sorted(arrivals.items())
