"""What training devices can do at most: dense FLOP/s by number format, as their makers state it.

Figures that makers state "with sparsity" are halved here. A source without a further word was read in the maker's own
page on 2026-11-30; of the others only tables and vendors that repeat the sheet were found, and the sentence that
names the source says so. A device of which neither was found is not here. Training reaches a share of the peak, the
utilisation, that a user knows best; 0.4 is usual for large dense models (Chowdhery et al. 2022, arXiv 2204.02311, table
3: 0.21 to 0.46).
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
        source: the maker's document, and whether only others were found to repeat it.
    """

    peak: Mapping[str, float]
    source: str


def _device(source: str, **teraflops: float) -> Device:
    return Device({name: round(1e12 * figure) for name, figure in teraflops.items()}, source)


def _repeated(document: str) -> str:
    return f"{document}, as others repeat it"


DEVICES: Mapping[str, Device] = {
    "V100": _device("NVIDIA technical blog: Programming Tensor Cores in CUDA 9 (V100 SXM2)", fp16=125),
    "T4": _device(_repeated("NVIDIA T4 datasheet"), fp16=65),
    "A100": _device(_repeated("NVIDIA A100 datasheet"), bf16=312, fp16=312, tf32=156),
    "L4": _device(_repeated("NVIDIA L4 datasheet"), bf16=121, fp16=121, fp8=242.5),
    "L40S": _device(_repeated("NVIDIA L40S datasheet"), bf16=362.05, fp16=362.05, fp8=733),
    "H100": _device(_repeated("NVIDIA H100 datasheet (SXM)"), bf16=989.4, fp16=989.4, fp8=1978.9, tf32=494.7),
    "H100-PCIe": _device(_repeated("NVIDIA H100 datasheet (PCIe)"), bf16=756, fp16=756, fp8=1513, tf32=378),
    "H200": _device(_repeated("NVIDIA H200 datasheet (SXM)"), bf16=989.4, fp16=989.4, fp8=1978.9, tf32=494.7),
    "B200": _device(_repeated("NVIDIA HGX B200 datasheet, one of eight"), bf16=2250, fp16=2250, fp8=4500),
    # 1,024 FLOPs a clock and compute unit in fp16 and bf16, 220 units, 1.7 GHz; both dies
    "MI250X": _device("AMD lab notes: AMD matrix cores (MI250X)", bf16=383, fp16=383),
    "MI300X": _device(_repeated("AMD Instinct MI300X data sheet"), bf16=1307.4, fp16=1307.4, fp8=2614.9),
    "TPUv4": _device("Google Cloud documentation: TPU v4, one chip", bf16=275),
    "TPUv5e": _device("Google Cloud documentation: TPU v5e, one chip", bf16=197),
    "TPUv5p": _device(_repeated("Google Cloud documentation: TPU v5p, one chip"), bf16=459),
    "TPUv6e": _device("Google Cloud documentation: TPU v6e, one chip", bf16=918),
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
