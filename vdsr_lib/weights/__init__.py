"""Weights: files that cannot run code, with a card that says where they come from.

`save_model` writes a safetensors file with a model card in its metadata, `load_model`
makes the network again from the file alone, and two readers take the MATLAB files of
the papers' authors. Nothing in this package unpickles anything.
"""

from vdsr_lib.weights.matlab import import_matconvnet, import_srcnn
from vdsr_lib.weights.saving import save_model
from vdsr_lib.weights.shipped import (
    available_models,
    load_model,
    network_on,
    networks_on,
    read_card,
    weights_file,
)

__all__ = [
    "available_models",
    "import_matconvnet",
    "import_srcnn",
    "load_model",
    "network_on",
    "networks_on",
    "read_card",
    "save_model",
    "weights_file",
]
