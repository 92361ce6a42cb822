"""Cells of a confusion matrix with the colours that show their shares, for the pages."""

from collections.abc import Sequence
from typing import Any

LOW, HIGH = (255, 255, 255), (8, 69, 148)  # ends of the colour scale
INK, LIGHT_TEXT = "#000000", 0.71  # share above which white text has better contrast than black


def shade(share: float) -> tuple[str, str]:
    """Fill and text colour of a cell that holds `share` of its row."""
    rgb = [round(low + (high - low) * share) for low, high in zip(LOW, HIGH, strict=True)]
    return "#" + "".join(f"{value:02x}" for value in rgb), "#ffffff" if share > LIGHT_TEXT else INK


def cells(name: str, confusion: Sequence[Sequence[int]]) -> dict[str, Any]:
    """Cells of a confusion matrix: counts with their fill and text colours."""
    rows = [[(count, *shade(count / max(sum(row), 1))) for count in row] for row in confusion]
    return {
        "name": name,
        "rows": rows,
        "n": sum(map(sum, confusion)),
        "right": sum(row[i] for i, row in enumerate(confusion)),
    }
