"""The evaluation protocol as switches: what each of the usual mistakes costs.

Two papers can print different PSNR for the same bicubic interpolation, because they
measure differently. Here bicubic interpolation is measured under any combination of
the choices on which implementations differ. `PAPER` is the protocol of the paper and
of its authors' code; `MISTAKES` holds the usual deviations.
"""

from vdsr_lib.protocol.benchmarks import load_benchmarks
from vdsr_lib.protocol.combinations import SWITCHES, combined, switch_costs
from vdsr_lib.protocol.measuring import Pair, bicubic_pair, bicubic_psnr
from vdsr_lib.protocol.switches import MISTAKES, PAPER, Mistake, Protocol
from vdsr_lib.protocol.tables import (
    beside_table3,
    bicubic_scores,
    costs,
    published_costs,
)

__all__ = [
    "MISTAKES",
    "PAPER",
    "SWITCHES",
    "Mistake",
    "Pair",
    "Protocol",
    "beside_table3",
    "bicubic_pair",
    "bicubic_psnr",
    "bicubic_scores",
    "combined",
    "costs",
    "load_benchmarks",
    "published_costs",
    "switch_costs",
]
