"""What the last bits of a result depend on beside code, settings, inputs and packages: the machine."""

import os
import platform
from pathlib import Path

CPU_FACTS = Path("/proc/cpuinfo")
# environment: by these, libraries choose other instructions than the processor's best
DISPATCH = ("ATEN_CPU_CAPABILITY", "DNNL_MAX_CPU_ISA", "ONEDNN_MAX_CPU_ISA", "OPENBLAS_CORETYPE")


def machine() -> dict[str, str]:
    """Model of the processor, architecture and operating system."""
    return {"cpu": cpu_model(), "architecture": platform.machine(), "system": platform.system()}


def surroundings() -> dict[str, str]:
    """Return all that decides, for the same stage and the same input, whether the bytes are the same."""
    chosen = {name: os.environ[name] for name in DISPATCH if name in os.environ}
    return {**machine(), "python": platform.python_version(), **chosen}


def cpu_model(facts: Path = CPU_FACTS) -> str:
    """Model name of the processor, or its architecture where the system does not tell."""
    if facts.is_file():
        with facts.open(errors="replace") as lines:  # of the first processor; a large machine has hundreds
            for line in lines:
                if line.startswith("model name"):
                    return line.partition(":")[2].strip()
    return platform.machine()
