"""Attributes of the user's own in a recipe: what was declared is kept, their functions are not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gmts_models.errors import DataError, InputError
from gmts_models.features.attribute import Attribute
from gmts_models.models.files.arrays import AS_SAVED

_TOLD = ("name", "kind", "meaning", "unit", "lag_days", "protected", "moves")
_LISTS = ("sources", "optional")
_SAME = ("kind", "lag_days", *_LISTS)


def write_attribute(attribute: Attribute) -> dict[str, Any]:
    """Return everything of an attribute but its function."""
    told = {name: getattr(attribute, name) for name in _TOLD}
    lists = {name: list(getattr(attribute, name)) for name in _LISTS}
    return {"type": "attribute"} | told | lists | {"lag_days": int(attribute.lag_days)}


def read_attribute(value: Mapping[str, Any], given: Mapping[str, Attribute]) -> Attribute:
    """Return the attribute that is given for one in a file.

    Raises
    ------
    InputError : there is none of that name, or it is declared differently.
    """
    name = value.get("name")
    if not isinstance(name, str) or not all(key in value for key in _SAME):
        raise DataError("the file does not say which features it needs", fix=AS_SAVED)
    own = given.get(name)
    if own is None:
        raise InputError(
            f"the model needs your own feature {name!r}, whose function no file holds",
            where="load_model(attributes=...)",
            fix=f"give the Attribute it was fitted with: load_model(folder, attributes=[{name}])",
        )
    written = write_attribute(own)
    if other := [key for key in _SAME if written[key] != value[key]]:
        raise InputError(
            f"your feature {name!r} is not declared as when the model was fitted",
            where=f"{other[0]} of the attribute",
            fix="give the Attribute it was fitted with, or fit the model again",
        )
    return own
