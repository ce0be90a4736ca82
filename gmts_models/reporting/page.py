"""How pages are made: templates that escape whatever they are given, and refuse what is missing."""

from __future__ import annotations

from jinja2 import Environment, PackageLoader, StrictUndefined, Template


def page_template(name: str) -> Template:
    """Return a template of the folder ``templates`` by its file's name."""
    environment = Environment(
        loader=PackageLoader("gmts_models.reporting"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template(name)
