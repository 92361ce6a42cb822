"""Cells of a confusion matrix with the strengths that show their shares, for the pages."""

from collections.abc import Sequence
from typing import Any

STRONG = 0.728  # share of the row above which the text of a cell is inverted, for the contrast of WCAG AA


def cells(name: str, confusion: Sequence[Sequence[int]]) -> dict[str, Any]:
    """Cells of a confusion matrix: count, share of the row, and whether the cell is strong (`STRONG`)."""
    rows = [[(count, *shade(count / max(sum(row), 1))) for count in row] for row in confusion]
    return {
        "name": name,
        "rows": rows,
        "n": sum(map(sum, confusion)),
        "right": sum(row[i] for i, row in enumerate(confusion)),
    }


def shade(share: float) -> tuple[str, bool]:
    """Opacity of a cell that holds `share` of its row, as text, and whether it is strong."""
    return f"{share:.3f}", share > STRONG
