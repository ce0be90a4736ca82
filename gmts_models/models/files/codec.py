"""Values as JSON and arrays, and back: what a fitted model is made of.

None, flags, whole numbers, finite floats, text and lists are JSON's own. Everything else is an
object with a "type": float (inf, nan), tuple, dict, scalar, array, objects, those of ``frames.py``,
record (a dataclass) and model (an estimator of this package), encoder and scikit-learn. Python
writes a float with as many digits as tell it apart, so that it is read back to the bit. Arrays are
kept beside, under the path of where they belong.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator

from gmts_models.errors import DataError, GmtsError, InputError
from gmts_models.features.attribute import Attribute
from gmts_models.models.files import frames
from gmts_models.models.files.arrays import AS_SAVED, PLAIN_KINDS, Array
from gmts_models.models.files.attributes import read_attribute, write_attribute
from gmts_models.models.files.encoders import read_encoder, write_encoder
from gmts_models.models.files.names import REFUSED, find_class, name_of
from gmts_models.models.files.scalars import read_float, read_scalar, write_float, write_scalar
from gmts_models.models.files.scikit_learn import read_estimator, write_estimator

Json = Any
"""What the json module reads and writes."""

_PLACES = ("memory", "resume")
"""Parameters that name a place on the machine of the fit. They are not kept: whoever fits a loaded
model again would read there what a stranger's file says."""

_STATE = re.compile(r"_[a-z]\w*|[a-z]\w*_", re.ASCII)


@dataclass(slots=True)
class Writer:
    """Turns values into JSON, and collects what is kept beside it.

    Attributes
    ----------
    arrays : by name.
    estimators : files of scikit-learn's estimators, by name.
    """

    arrays: dict[str, Array] = field(default_factory=dict)
    estimators: dict[str, bytes] = field(default_factory=dict)
    _inside: list[int] = field(default_factory=list)

    def write(self, value: Any, path: str) -> Json:
        """Return a value as JSON.

        Parameters
        ----------
        path : where the value belongs, such as "model.coef_"; of letters, digits, "_" and ".".

        Raises
        ------
        InputError : a value is of a type that is not kept, or contains itself.
        """
        if value is None or type(value) in (bool, int, str):
            return value
        if type(value) is float:
            return write_float(value)
        with self._entered(value, path):
            return self._write_compound(value, path)

    @contextmanager
    def _entered(self, value: Any, path: str) -> Iterator[None]:
        if id(value) in self._inside:
            raise InputError("a value contains itself, and cannot be kept", where=path)
        self._inside.append(id(value))
        try:
            yield
        finally:
            self._inside.pop()

    def _write_compound(self, value: Any, path: str) -> Json:
        match value:
            case list() if type(value) is list:
                return self._items(value, path)
            case tuple() if type(value) is tuple:
                return {"type": "tuple", "items": self._items(value, path)}
            case dict() if type(value) is dict:
                # By number, since a key may be a label, and paths stand in errors.
                values = self._items(list(value.values()), path)
                if all(type(key) is str for key in value):
                    return {"type": "dict", "values": dict(zip(value, values, strict=True))}
                keys = [self._key(key, path) for key in value]
                return {"type": "dict", "items": list(zip(keys, values, strict=True))}
            case np.generic():
                return write_scalar(value, path)
            case np.ndarray() if type(value) is np.ndarray:
                return self._write_array(value, path)
            case Attribute():
                return write_attribute(value)
            case BaseEstimator():
                return self._write_estimator(value, path)
        if frames.is_frame(value):
            return frames.write_frame(value, path, self.write)
        if (name := name_of("records", value)) is not None:
            fields = {each.name: getattr(value, each.name) for each in dataclasses.fields(value)}
            return {"type": "record", "name": name, "fields": self._named(fields, path)}
        raise _not_kept(value, path)

    def _items(self, values: Sequence[Any], path: str) -> list[Json]:
        return [self.write(each, f"{path}.{number}") for number, each in enumerate(values)]

    def _named(self, values: Mapping[str, Any], path: str) -> dict[str, Json]:
        return {name: self.write(each, f"{path}.{name}") for name, each in values.items()}

    def _key(self, key: Any, path: str) -> Json:
        plain = key if isinstance(key, tuple) else (key,)
        if not all(each is None or isinstance(each, bool | int | float | str) for each in plain):
            raise InputError("the keys of a table are neither text nor numbers", where=path)
        return self.write(key, path)

    def _write_array(self, value: Array, path: str) -> Json:
        if value.dtype.kind == "O":
            flat = value.ravel().tolist()
            if not all(frames.is_cell(each) for each in flat):
                raise InputError("an array holds neither numbers nor text", where=path)
            return {
                "type": "objects",
                "shape": list(value.shape),
                "items": self._items(flat, path),
            }
        if value.dtype.kind not in PLAIN_KINDS:
            raise InputError("an array holds neither numbers nor text", where=path)
        self.arrays[path] = value
        return {"type": "array", "name": path}

    def _write_estimator(self, value: Any, path: str) -> Json:
        if (encoder := write_encoder(value)) is not None:
            return {"type": "encoder"} | encoder
        name = name_of("estimators", value)
        if name is None:
            if type(value).__module__.split(".")[0] != "sklearn":
                raise _not_kept(value, path)
            file = f"estimators/{len(self.estimators)}.skops"
            self.estimators[file] = write_estimator(value, path)
            return {"type": "scikit-learn", "file": file}
        params = {
            key: None if key in _PLACES else each
            for key, each in value.get_params(deep=False).items()
        }
        state = {key: each for key, each in vars(value).items() if key not in params}
        if strange := [key for key in state if not _STATE.fullmatch(key)]:
            raise InputError(
                f"{name} has an attribute that is neither a parameter nor fitted",
                where=f"{path}.{strange[0]}",
            )
        return {
            "type": "model",
            "name": name,
            "params": self._named(params, path),
            "state": self._named(state, path),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """Turns JSON back into values.

    Attributes
    ----------
    arrays, estimators : as of `Writer`.
    attributes : the user's own, by name: their functions are in no file.
    """

    arrays: Mapping[str, Array]
    estimators: Mapping[str, bytes]
    attributes: Mapping[str, Attribute] = field(default_factory=dict)

    def read(self, value: Json, path: str) -> Any:
        """Return the value of JSON.

        Raises
        ------
        DataError : it is nothing that `Writer` writes.
        InputError : a function of the user's own is missing.
        """
        if value is None or isinstance(value, bool | int | float | str):
            return value
        if isinstance(value, list):
            return self._items(value, path)
        if not isinstance(value, dict):
            raise _not_known(path)
        match value:
            case {"type": "float", "value": str(text)}:
                return read_float(text)
            case {"type": "tuple", "items": list(items)}:
                return tuple(self._items(items, path))
            case {"type": "dict", "values": dict(values)}:
                return dict(zip(values, self._items(list(values.values()), path), strict=True))
            case {"type": "dict", "items": list(items)}:
                return {
                    self.read(key, path): self.read(each, f"{path}.{number}")
                    for number, (key, each) in enumerate(items)
                }
            case {"type": "scalar", "dtype": str(dtype), "value": plain}:
                return read_scalar(dtype, self.read(plain, path), path)
            case {"type": "array", "name": str(name)} if name in self.arrays:
                return self.arrays[name]
            case {"type": "objects", "shape": list(shape), "items": list(items)}:
                return frames.object_array(self._items(items, path), shape)
            case {"type": "attribute"}:
                return read_attribute(value, self.attributes)
            case {"type": "encoder"}:
                return read_encoder(value)
            case {"type": "scikit-learn", "file": str(file)} if file in self.estimators:
                return read_estimator(self.estimators[file], file)
            case {"type": "record", "name": str(name), "fields": dict(fields)}:
                return self._read_record(name, self._named(fields, path), path)
            case {"type": "model", "name": str(name), "params": dict(), "state": dict()}:
                return self._read_model(name, value, path)
        return frames.read_frame(value, path, self.read)

    def _items(self, values: Sequence[Json], path: str) -> list[Any]:
        return [self.read(each, f"{path}.{number}") for number, each in enumerate(values)]

    def _named(self, values: Mapping[str, Json], path: str) -> dict[str, Any]:
        return {name: self.read(each, f"{path}.{name}") for name, each in values.items()}

    def _read_record(self, name: str, fields: dict[str, Any], path: str) -> Any:
        kind = find_class("records", name)
        if kind is None:
            raise DataError(f"the file names a class that models do not have: {name[:40]!r}")
        try:
            return kind(**fields)
        except (TypeError, ValueError, GmtsError):
            raise _other_version(name, path) from None

    def _read_model(self, name: str, value: Json, path: str) -> Any:
        kind = find_class("estimators", name)
        if kind is None:
            raise DataError(
                f"the file names an estimator that this version does not have: {name[:40]!r}",
                where=path,
                fix="update gmts_models, where the name is one of its own",
            )
        params = self._named(value["params"], path)
        if any(params.get(key) is not None for key in _PLACES):
            raise DataError("the file names a place on the disc, and is not read", where=path)
        try:
            model = kind(**params)
        except TypeError:
            raise _other_version(name, path) from None
        for key, each in self._named(value["state"], path).items():
            if not _STATE.fullmatch(key) or hasattr(kind, key) or key in params:
                raise _other_version(name, path)
            vars(model)[key] = each
        return model


def _not_kept(value: object, path: str) -> InputError:
    kind = type(value)
    name = f"{kind.__module__}.{kind.__qualname__}"
    return InputError(
        f"a model file cannot keep a value of the type {name}",
        where=path,
        fix=REFUSED.get(
            kind.__name__,
            "fit the model with plain values: numbers, text, and estimators of gmts_models or "
            "scikit-learn; a model of another library is saved with that library",
        ),
    )


def _not_known(path: str) -> DataError:
    return DataError("the file holds what no model file holds", where=path, fix=AS_SAVED)


def _other_version(name: str, path: str) -> DataError:
    return DataError(
        f"what the file keeps of a {name} is not what this version of gmts_models expects",
        where=path,
        fix="fit the model again with its config, or install the version that the file names in "
        "made_with",
    )
