"""A wall or USB power meter that writes CSV lines to a serial port, or to a file that grows.

A line is ``seconds,watts``, with the meter's own clock, or ``volts,amps``, as it comes. A line with these names says
which, or the environment does; otherwise it is ``seconds,watts``. The first line may be half of one: it is left out.
"""

from __future__ import annotations

import math
import os
import stat
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import ClassVar, Final

import tradeoff

PORT: Final = "TRADEOFF_SERIAL_METER"
BAUD: Final = "TRADEOFF_SERIAL_BAUD"
NAMES: Final = "TRADEOFF_SERIAL_COLUMNS"
COLUMNS: Final = (("seconds", "watts"), ("volts", "amps"))
#: Seconds to wait for the first lines: a meter that says nothing in this time says nothing at all.
PATIENCE: Final = 10.0
_CLOCK: Final = time.monotonic


class Lines(tradeoff.Reading):
    """Adds up watts line by line, in a thread that does nothing but wait for the next."""

    covers = ("device",)

    def __init__(
        self,
        read: Callable[[], bytes],
        close: Callable[[], None],
        columns: tuple[str, str] = COLUMNS[0],
        patience: float = PATIENCE,
    ) -> None:
        self._read, self._close = read, close
        self._columns = columns
        self._joules = 0.0
        self._begun = False
        self._last: tuple[float, float] | None = None
        self._steps: list[float] = []
        self._wrong = ""
        self._ready = threading.Event()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()
        if not self._ready.wait(patience) or self._wrong:
            self.close()
            raise OSError(self._wrong or f"fewer than four lines in {patience:g} s; check cable, port and {BAUD}")
        self.step_seconds = max(self._steps)

    def read(self) -> float:
        """Joules up to the last line."""
        if self._wrong:
            raise OSError(self._wrong)
        return self._joules

    def close(self) -> None:
        """Stop listening."""
        self._ended.set()
        self._thread.join(2.0)
        self._close()

    def _listen(self) -> None:
        rest = b""
        try:
            while not self._ended.is_set():
                *lines, rest = (rest + self._read()).split(b"\n")
                for line in lines:
                    self._take(line.decode("ascii", "replace").strip())
        except (OSError, ValueError) as error:
            self._wrong = str(error) or type(error).__name__
            self._ready.set()

    def _take(self, line: str) -> None:
        fields = tuple(part.strip().lower() for part in line.split(","))
        begun, self._begun = self._begun, True
        if fields in COLUMNS:
            self._columns = COLUMNS[COLUMNS.index(fields)]
            return
        if not begun or not line:
            return
        now, watts = self._parsed(line, fields)
        if self._last is not None:
            before, watts_before = self._last
            if now <= before:
                raise ValueError(f"time stands still or goes back in the line {line!r}")
            # Between two lines the power is taken to change steadily.
            self._joules += (watts + watts_before) / 2 * (now - before)
            self._steps.append(now - before)
            if len(self._steps) == 2:
                self._ready.set()
        self._last = now, watts

    def _parsed(self, line: str, fields: Sequence[str]) -> tuple[float, float]:
        try:
            first, second = map(float, fields)
        except ValueError:
            raise ValueError(f"the line {line[:80]!r} is not two numbers, {','.join(self._columns)}") from None
        if not math.isfinite(first + second):
            raise ValueError(f"the line {line[:80]!r} holds what is no number")
        return (first, second) if self._columns == COLUMNS[0] else (_CLOCK(), first * second)


class SerialMeter(tradeoff.Meter):
    """The meter at the port that the environment names."""

    name: ClassVar[str] = "serial"
    summary: ClassVar[str] = f"a wall or USB meter that writes seconds,watts or volts,amps to the port in {PORT}"

    def available(self) -> str:
        """Why it cannot be read here, or nothing."""
        port = os.environ.get(PORT)
        if not port:
            return f"no port is named: set {PORT}, to /dev/ttyUSB0 for example"
        if os.name == "posix" and not Path(port).exists():
            return f"there is no {port}, which {PORT} names"
        return ""

    def open(self) -> tradeoff.Reading:
        """Listen at the port."""
        names = tuple(os.environ.get(NAMES, ",".join(COLUMNS[0])).split(","))
        if names not in COLUMNS:
            raise ValueError(f"{NAMES}={','.join(names)}: expected seconds,watts or volts,amps")
        port, baud = os.environ[PORT], int(os.environ.get(BAUD, "115200"))
        return Lines(*opened(port, baud), columns=COLUMNS[COLUMNS.index(names)])


def opened(port: str, baud: int) -> tuple[Callable[[], bytes], Callable[[], None]]:
    """How to read what has come, and how to close: from a terminal device, a pipe or a file."""
    if os.name != "posix":
        import serial

        device = serial.Serial(port, baud, timeout=0.2)
        return lambda: bytes(device.read(4096)), device.close
    number = os.open(port, os.O_RDONLY | os.O_NOCTTY | os.O_NONBLOCK)
    before = []
    terminal = os.isatty(number)
    if terminal:
        _set_raw(number, baud)
    elif stat.S_ISREG(os.fstat(number).st_mode):
        # What a file holds already is past; only its head says what the columns are.
        before.append(os.read(number, 100).partition(b"\n")[0] + b"\n")
        os.lseek(number, 0, os.SEEK_END)

    def read() -> bytes:
        try:
            found = before.pop() if before else os.read(number, 4096)
        except BlockingIOError:
            time.sleep(0.01)
            return b""
        if not found and terminal:
            raise OSError(f"{port} was hung up: is the cable still in?")
        if not found:
            # A file that may still grow.
            time.sleep(0.01)
        return found

    return read, lambda: os.close(number)


def _set_raw(number: int, baud: int) -> None:
    import termios
    import tty

    speed = getattr(termios, f"B{baud}", None)
    if speed is None:
        raise ValueError(f"{BAUD}={baud} is no speed of a serial port; 9600 and 115200 are")
    # What has come already is not thrown away: it may be the only head there is.
    tty.setraw(number, termios.TCSANOW)
    settings = termios.tcgetattr(number)
    settings[4] = settings[5] = speed
    termios.tcsetattr(number, termios.TCSANOW, settings)


@tradeoff.hookimpl
def tradeoff_meters() -> Sequence[tradeoff.Meter]:
    """``serial``."""
    return [SerialMeter()]
