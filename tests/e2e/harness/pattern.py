"""The test picture and tone: every frame says which it is, and sight and sound say the same instant.

Frame n is due at n / fps after the pattern's start, sample s at s / 48000. Each second opens with a flash of 100 ms and a
1 kHz beep as long. The top band of the picture holds n in 20 cells, black or white, the band below the same inverted: after
any lossy codec and any scaling a reader finds n, or finds that it cannot be read.

Standard library only: LiveKit's SDK, aiortc and the system's GStreamer bindings all draw with this file.
"""
import array
import math
import random

CELLS = 20
BANDS = 8  # the picture's height in bands: number, its inverse, two of flash, four of texture
SAMPLE_RATE = 48000
BLACK, WHITE, GREY = 16, 235, 110


class Picture:
    """Draws I420 frames. `texture` is the noise that an encoder has to spend bits on, 0 (none) to 100."""

    def __init__(self, width=640, height=360, fps=30, texture=0):
        if width % CELLS or height % BANDS:
            raise ValueError(f"the size must be a multiple of {CELLS}x{BANDS}")
        self.width, self.height, self.fps = width, height, fps
        self._band = height // BANDS
        self._chroma = bytes([128]) * (width * height // 2)
        noise = random.Random(1)
        rows = height + self._band * 4
        self._texture = bytes(GREY + noise.randint(-texture, texture) for _ in range(width * rows)) if texture else None

    def draw(self, number):
        """Frame `number` as width * height * 3 / 2 bytes."""
        flash = number % self.fps < self.fps // 10
        flash_bands = bytes([WHITE if flash else BLACK]) * (self.width * self._band * 2)
        return b"".join((self._cells(number), self._cells(~number), flash_bands, self._moving(number), self._chroma))

    def _cells(self, bits):
        cell = self.width // CELLS
        return b"".join(bytes([WHITE if bits >> i & 1 else BLACK]) * cell for i in range(CELLS)) * self._band

    def _moving(self, number):
        size = self.width * self._band * 4
        if self._texture:
            start = number * 7 % self.height * self.width
            return self._texture[start:start + size]
        at = number * 4 % (self.width - 16)
        row = bytes([GREY]) * at + bytes([WHITE]) * 16 + bytes([GREY]) * (self.width - at - 16)
        return row * (self._band * 4)


_BEEP = array.array("h", (int(12000 * math.sin(2 * math.pi * 1000 * s / SAMPLE_RATE)) for s in range(SAMPLE_RATE // 10)))
_SECOND = _BEEP + array.array("h", bytes(2 * (SAMPLE_RATE - len(_BEEP))))


def tone(first, count):
    """Samples [first, first + count) as signed 16-bit mono, for a count within one second."""
    at = first % SAMPLE_RATE
    return (_SECOND + _SECOND)[at:at + count].tobytes() if at + count > SAMPLE_RATE else _SECOND[at:at + count].tobytes()


def read_number(luma):
    """The number in a decoded frame's luma (rows of values 0..255, any scale); None when it cannot be read."""
    height, width = len(luma), len(luma[0])
    upper, lower = luma[height // (2 * BANDS)], luma[height * 3 // (2 * BANDS)]
    number = 0
    for i in range(CELLS):
        x = width * (2 * i + 1) // (2 * CELLS)
        bit, inverse = int(upper[x]), int(lower[x])
        if abs(bit - inverse) < 64:
            return None
        number |= (bit > inverse) << i
    return number


def is_flash(luma):
    """Whether the flash is on."""
    height, width = len(luma), len(luma[0])
    return int(luma[height * 3 // BANDS][width // 2]) > 128
