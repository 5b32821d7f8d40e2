"""What the figures were measured on."""

import os
import platform
from pathlib import Path

import psutil


def describe() -> dict[str, str | int | float]:
    """CPU model, cores that this process may use, memory in GiB, Python and the instruction sets that matter here."""
    info = Path("/proc/cpuinfo").read_text(encoding="utf-8") if Path("/proc/cpuinfo").exists() else ""
    models = [line.split(":", 1)[1].strip() for line in info.splitlines() if line.startswith("model name")]
    flags = next((line for line in info.splitlines() if line.startswith("flags")), "")
    return {
        "cpu": models[0] if models else platform.processor() or platform.machine(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "instructions": " ".join(name for name in ("avx2", "avx512_vnni", "amx_bf16") if f" {name}" in flags),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
    }
