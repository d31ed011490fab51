"""The demo's face: a live picture in a terminal, plain lines elsewhere."""

from __future__ import annotations

from typing import Protocol

import msgspec
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from streams.demo.board import Board
from streams.demo.kafka_side import Progress
from streams.demo.outcome import transition_line

PLAIN_EVERY_S = 2.0


class Picture(msgspec.Struct, frozen=True):
    """What is true at one moment of the replay."""

    board: Board
    progress: Progress
    events_per_s: float
    seconds: float
    bootstrap: str
    metrics: str


class Screen(Protocol):
    """Where the demo tells how it goes."""

    def step(self, text: str) -> None:
        """Say what is done next."""

    def show(self, picture: Picture) -> None:
        """Show how the replay stands."""

    def close(self) -> None:
        """Leave the terminal as it was, the last picture above."""


class LiveScreen:
    """A picture that is redrawn in place."""

    def __init__(self, console: Console) -> None:
        """Draw on *console*, which must be a terminal."""
        self._console = console
        self._live: Live | None = None

    def step(self, text: str) -> None:
        """Print one line before the picture begins."""
        if self._live is None:
            self._console.print(f"[dim]·[/] {text}", highlight=False)

    def show(self, picture: Picture) -> None:
        """Redraw."""
        if self._live is None:
            self._live = Live(console=self._console, auto_refresh=False, vertical_overflow="crop")
            self._live.start()
        self._live.update(draw(picture, self._console.width), refresh=True)

    def close(self) -> None:
        """Stop redrawing."""
        if self._live is not None:
            self._live.stop()
            self._live = None


class PlainScreen:
    """Lines, for logs and pipes."""

    def __init__(self, console: Console) -> None:
        """Print on *console*."""
        self._console = console
        self._shown_at_s = -PLAIN_EVERY_S

    def step(self, text: str) -> None:
        """Print one line."""
        self._console.print(text, highlight=False, soft_wrap=True)

    def show(self, picture: Picture) -> None:
        """Print one line every other second."""
        if picture.seconds - self._shown_at_s < PLAIN_EVERY_S:
            return
        self._shown_at_s = picture.seconds
        progress = picture.progress
        self._console.print(
            f"{picture.seconds:5.1f} s  {progress.committed:,} of {progress.written:,} records  "
            f"{picture.events_per_s:,.0f} events/s  lag {progress.lag:,}  {picture.board.transitions:,} transitions",
            highlight=False,
            soft_wrap=True,
        )

    def close(self) -> None:
        """Nothing to restore."""


def screen_for(console: Console) -> Screen:
    """Return the screen that suits *console*."""
    return LiveScreen(console) if console.is_terminal else PlainScreen(console)


def draw(picture: Picture, width: int) -> RenderableType:
    """Return the picture for a terminal of *width* columns."""
    last = Text("\n").join(Text.from_markup(transition_line(seen)) for seen in reversed(picture.board.last))
    last.no_wrap, last.overflow = True, "ellipsis"
    lower: list[RenderableType] = [
        Panel(_segments(picture.board), title="segments", border_style="dim"),
        Panel(last, title="last transitions, and why", border_style="dim"),
    ]
    return Group(_head(picture, width), *lower)


def _head(picture: Picture, width: int) -> Panel:
    progress, board = picture.progress, picture.board
    figures = Table.grid(expand=True)
    for _ in range(4):
        figures.add_column(justify="center")
    figures.add_row(
        f"[bold green]{picture.events_per_s:,.0f}[/] events/s",
        f"[bold]{progress.committed:,}[/] of {progress.written:,} records",
        f"lag [bold]{progress.lag:,}[/]",
        f"[bold]{board.transitions:,}[/] transitions",
    )
    bar = ProgressBar(total=max(1, progress.written), completed=progress.committed, width=max(20, width - 4))
    title = "[bold]Segment Streams[/] · a real shop's year, exactly once"
    subtitle = f"[dim]Kafka {picture.bootstrap} · metrics {picture.metrics} · {picture.seconds:.0f} s[/]"
    return Panel(Group(figures, bar), title=title, subtitle=subtitle)


def _segments(board: Board) -> Table:
    """Return sizes in two columns, so that all of them fit a terminal of usual height."""
    table = Table.grid(expand=True, padding=(0, 2))
    for _ in range(2):
        table.add_column(no_wrap=True)
        table.add_column(justify="right", style="bold")
    members = [(segment_id, f"{size:,}") for segment_id, size in board.members().items()]
    half = (len(members) + 1) // 2
    for i in range(half):
        right = members[half + i] if half + i < len(members) else ("", "")
        table.add_row(*members[i], *right)
    return table
