"""A laboratory for very deep super-resolution: VDSR against SRCNN, measured.

``import vdsr_lib`` is cheap: each name is imported from its module when it is first
used, so no Jupyter package, no thread and no random seed is touched before that.
The names are listed, with their types, in ``__init__.pyi``.
"""

import lazy_loader as _lazy

__getattr__, __dir__, __all__ = _lazy.attach_stub(__name__, __file__)
__version__ = "0.1.0"
