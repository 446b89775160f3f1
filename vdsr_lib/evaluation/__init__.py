"""PSNR and SSIM of a network under the paper's protocol, to the printed digit.

Luma in 8 bits, cropped to a multiple of the scale; down and up with MATLAB's
``imresize``; clamped; through the network; rounded to 8 bits; `scale` pixels shaved
from each side; compared. `vdsr_lib.protocol` shows what each deviation costs.
"""

from vdsr_lib.evaluation.table import beside_paper, evaluate, means
from vdsr_lib.evaluation.validation import Validator, validator

__all__ = ["Validator", "beside_paper", "evaluate", "means", "validator"]
