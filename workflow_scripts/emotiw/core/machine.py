"""Facts of the machine; the last digits of a result depend on them."""

import os
import platform
from pathlib import Path

CPU_FACTS = Path("/proc/cpuinfo")
# environment variables that make a library use other instructions than the best ones of the processor
DISPATCH = ("ATEN_CPU_CAPABILITY", "DNNL_MAX_CPU_ISA", "ONEDNN_MAX_CPU_ISA", "OPENBLAS_CORETYPE")


def machine() -> dict[str, str]:
    """Model of the processor, architecture and operating system."""
    return {"cpu": cpu_model(), "architecture": platform.machine(), "system": platform.system()}


def surroundings() -> dict[str, str]:
    """Facts that decide whether the same stage gives the same bytes for the same input."""
    chosen = {name: os.environ[name] for name in DISPATCH if name in os.environ}
    return {**machine(), "python": platform.python_version(), **chosen}


def cpu_model(facts: Path = CPU_FACTS) -> str:
    """Model name of the processor, or its architecture if the system does not report the name."""
    if facts.is_file():
        with facts.open(errors="replace") as lines:  # of the first processor; a large machine has hundreds
            for line in lines:
                if line.startswith("model name"):
                    return line.partition(":")[2].strip()
    return platform.machine()
