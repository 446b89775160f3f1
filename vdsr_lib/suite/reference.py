"""The reference: a page for each module of the library, and one that lists them.

Signatures and texts are the docstrings' own; nothing is written twice.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Iterator

import vdsr_lib

__all__ = ["public_modules", "reference_pages"]

_INNER = {"cli", "suite"}  # commands have a page of their own; the suite is for us


def public_modules() -> list[str]:
    """Return the names of the library's modules that others may import.

    Returns
    -------
    list of str
        ``"claims"``, ``"clipping"``, ...: in the order of the alphabet.
    """
    found = (module.name for module in pkgutil.iter_modules(vdsr_lib.__path__))
    return sorted(n for n in found if not n.startswith("_") and n not in _INNER)


def reference_pages() -> dict[str, str]:
    """Return the sources of the library's pages.

    Returns
    -------
    dict
        A page's name to its text: ``"index.md"`` for Markdown, which lists the names
        of ``vdsr_lib`` itself, ``"metrics.rst"`` for reStructuredText.
    """
    modules = public_modules()
    pages = {f"{name}.rst": _module_page(name) for name in modules}
    names = "\n".join(_rows())
    summaries = "\n".join(f"- {{doc}}`{n}`: {_first(_module(n))}" for n in modules)
    pages["index.md"] = f"""# The library

`import vdsr_lib as lab` gives these names; each comes from the module that its link
leads to.

| name | what it is |
|---|---|
{names}

## Modules

{summaries}

```{{toctree}}
:hidden:
{chr(10).join(modules)}
```
"""
    return pages


def _module(name: str) -> object:
    return importlib.import_module(f"vdsr_lib.{name}")


def _first(thing: object) -> str:
    """Return the first paragraph of a docstring in one line, as Markdown has code."""
    first = (inspect.getdoc(thing) or "").partition("\n\n")[0]
    return " ".join(first.split()).replace("``", "`")


def _module_page(name: str) -> str:
    return f"""{name}
{"=" * len(name)}

.. automodule:: vdsr_lib.{name}
   :members:
   :imported-members:
"""


def _rows() -> Iterator[str]:
    """Yield a row for each name of the package that is not a module."""
    for name in sorted(dir(vdsr_lib), key=str.lower):
        thing = getattr(vdsr_lib, name)
        if inspect.ismodule(thing):
            continue
        home = ".".join(thing.__module__.split(".")[:2])
        yield f"| {{py:obj}}`{name} <{home}.{name}>` | {_first(thing)} |"
