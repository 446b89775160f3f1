"""The static figures of the lessons, drawn with matplotlib in one style.

Every function returns a `matplotlib.figure.Figure` that belongs to nobody: it is not
registered with pyplot, so nothing is shown twice and nothing stays in memory. A lesson
shows it with `show`, which asks for the alternative text, and saves it with the
figure's own ``savefig``. Sizes, fonts and colours are the library's
(``vdsr_lib/lesson.mplstyle``), never a lesson's.
"""

from vdsr_lib.figures.charts import convergence, dots, kernel
from vdsr_lib.figures.combinations import combinations
from vdsr_lib.figures.crops import Box, differing_boxes
from vdsr_lib.figures.filters import filters
from vdsr_lib.figures.gradients import gradient_histogram, traces
from vdsr_lib.figures.grids import grid
from vdsr_lib.figures.learning import filmstrip, histogram, panels
from vdsr_lib.figures.magnitudes import Magnitudes, gradient_sizes
from vdsr_lib.figures.pictures import comparison, difference
from vdsr_lib.figures.receptive import SeenField, receptive_fields
from vdsr_lib.figures.seeds import seeds
from vdsr_lib.figures.style import COLOURS, show, use_style

__all__ = [
    "COLOURS",
    "Box",
    "Magnitudes",
    "SeenField",
    "combinations",
    "comparison",
    "convergence",
    "difference",
    "differing_boxes",
    "dots",
    "filmstrip",
    "filters",
    "gradient_histogram",
    "gradient_sizes",
    "grid",
    "histogram",
    "kernel",
    "panels",
    "receptive_fields",
    "seeds",
    "show",
    "traces",
    "use_style",
]
