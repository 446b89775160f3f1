"""Every public name is documented in numpydoc form, and its examples are true."""

from __future__ import annotations

import doctest
import importlib
import inspect
import pkgutil
import warnings
from collections.abc import Iterator

import pytest
from numpydoc.docscrape import get_doc_object
from numpydoc.validate import validate

import vdsr_lib

# GL08 no docstring; PR01/PR02 undocumented or unknown parameters; PR07 a parameter
# without description; RT01 no Returns section; YD01 no Yields; SS03 no full stop.
REQUIRED = {"GL08", "PR01", "PR02", "PR07", "RT01", "YD01", "SS03"}


def public_modules() -> Iterator[str]:
    """Yield the names of the library's modules, without the commands and `_modules`."""
    for found in pkgutil.walk_packages(vdsr_lib.__path__, "vdsr_lib."):
        if ".cli" not in found.name and "._" not in found.name:
            yield found.name


def public_objects() -> Iterator[str]:
    """Yield the dotted name of each public function and class, not of methods."""
    for module_name in public_modules():
        module = importlib.import_module(module_name)
        for name in getattr(module, "__all__", ()):
            thing = getattr(module, name, None)
            if not (inspect.isfunction(thing) or inspect.isclass(thing)):
                continue
            if thing.__module__ != module_name and "._" not in thing.__module__:
                continue  # documented where it is written
            yield f"{module_name}.{name}"


def problems(dotted: str) -> list[str]:
    """Return the required points that the docstring of a name does not meet."""
    module_name, _, name = dotted.rpartition(".")
    thing = getattr(importlib.import_module(module_name), name)
    if inspect.isclass(thing) and not thing.__doc__:
        return ["GL08: no docstring"]
    # Members are not judged here, and numpydoc would look at the inherited ones too.
    documented = get_doc_object(thing, config={"show_class_members": False})
    required = REQUIRED - ({"PR01"} if getattr(thing, "_is_protocol", False) else set())
    return [
        f"{code}: {text}"
        for code, text in validate(documented)["errors"]
        if code in required
    ]


@pytest.mark.parametrize("dotted", sorted(public_objects()))
def test_public_names_are_documented(dotted: str) -> None:
    assert not problems(dotted)


def test_members_that_a_class_inherits_are_left_alone() -> None:
    """ipywidgets warns at the mere look at some of those that a widget inherits."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert not problems("vdsr_lib.widgets.compare.Compare")


def undocumented(first: int, second: int) -> int:
    """Add two numbers without saying what they are."""
    return first + second


def test_a_docstring_without_its_parameters_is_caught() -> None:
    found = problems(f"{__name__}.undocumented")
    assert any(problem.startswith("PR01") for problem in found)
    assert any(problem.startswith("RT01") for problem in found)


@pytest.mark.parametrize("module_name", sorted(public_modules()))
def test_examples_in_docstrings_are_true(module_name: str) -> None:
    results = doctest.testmod(importlib.import_module(module_name))
    assert results.failed == 0
