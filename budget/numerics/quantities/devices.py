"""What training devices can do at most: dense FLOP/s by number format, as their makers state it.

Figures that makers state "with sparsity" are halved here. On 2026-11-30 those of TPU v5e and v6e were read again in
Google's pages; those of H100, H200, B200, MI300X and TPU v5p agree with tables that repeat their makers', and the
others were not found again. Training reaches a share of them, the utilisation, that a
user knows best; 0.4 is usual for large dense models (Chowdhery et al. 2022, arXiv 2204.02311, table 3: 0.21 to 0.46).
"""

from collections.abc import Mapping
from dataclasses import dataclass

UTILISATION = 0.4
"""Share of the peak that training is taken to reach where nobody says."""


@dataclass(frozen=True)
class Device:
    """One accelerator.

    Attributes:
        peak: number format → dense FLOP/s, the one that training is done in first.
        source: where the maker states it.
    """

    peak: Mapping[str, float]
    source: str


def _device(source: str, **teraflops: float) -> Device:
    return Device({name: round(1e12 * figure) for name, figure in teraflops.items()}, source)


DEVICES: Mapping[str, Device] = {
    "V100": _device("NVIDIA V100 datasheet (SXM2)", fp16=125),
    "T4": _device("NVIDIA T4 datasheet", fp16=65),
    "A100": _device("NVIDIA A100 datasheet", bf16=312, fp16=312, tf32=156),
    "A10": _device("NVIDIA A10 datasheet", bf16=125, fp16=125),
    "L4": _device("NVIDIA L4 datasheet", bf16=121, fp8=242.5),
    "L40S": _device("NVIDIA L40S datasheet", bf16=362.05, fp8=733),
    "H100": _device("NVIDIA H100 datasheet (SXM)", bf16=989.4, fp16=989.4, fp8=1978.9, tf32=494.7),
    "H100-PCIe": _device("NVIDIA H100 datasheet (PCIe)", bf16=756, fp16=756, fp8=1513, tf32=378),
    "H200": _device("NVIDIA H200 datasheet (SXM)", bf16=989.4, fp16=989.4, fp8=1978.9, tf32=494.7),
    "B200": _device("NVIDIA HGX B200 datasheet, one of eight", bf16=2250, fp16=2250, fp8=4500),
    "MI250X": _device("AMD Instinct MI250X data sheet", bf16=383, fp16=383),
    "MI300X": _device("AMD Instinct MI300X data sheet", bf16=1307.4, fp16=1307.4, fp8=2614.9),
    "TPUv4": _device("Google Cloud TPU v4 documentation, one chip", bf16=275),
    "TPUv5e": _device("Google Cloud TPU v5e documentation, one chip", bf16=197),
    "TPUv5p": _device("Google Cloud TPU v5p documentation, one chip", bf16=459),
    "TPUv6e": _device("Google Cloud TPU v6e documentation, one chip", bf16=918),
}
"""Name → what it can do."""


def find_device(name: str) -> tuple[str, Device] | None:
    """The device of a name, in any case, with or without hyphens; ``None`` for one that is not in the table.

    >>> find_device("h100")[0], find_device("TPU-v5e")[0], find_device("H101")
    ('H100', 'TPUv5e', None)
    """
    wanted = name.replace("-", "").lower()
    return next(
        ((known, device) for known, device in DEVICES.items() if known.replace("-", "").lower() == wanted), None
    )
