"""Settings of matplotlib for every figure; with them, the same figure gives the same bytes."""

from typing import Any

RC: dict[Any, Any] = {
    "svg.hashsalt": "emotiw",
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans", "Arial"],
}
