"""The page on configurations says what the code does.

``GMTS_UPDATE_DOCS=1 pytest tests/config/test_config_page.py`` writes the table of keys and the
errors into the page anew.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gmts_models.config.file import dump_yaml, json_schema, read_config, shareable
from gmts_models.config.schema import choices, plain, tag_key, variants, words
from gmts_models.errors import ConfigError

UPDATE = "GMTS_UPDATE_DOCS=1 pytest tests/config/test_config_page.py"
PAGE = Path(__file__).parents[2] / "docs" / "config.md"
KEYS = ("<!-- keys -->\n", "<!-- end of the keys -->")
ERRORS = ("```text\n", "```")
UPDATE = os.environ.get("GMTS_UPDATE_DOCS") == "1"


@pytest.fixture(autouse=True)
def _working_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GMTS_RUNS", raising=False)
    monkeypatch.setenv("GMTS_DATA", "somewhere")


def page() -> str:
    return PAGE.read_text(encoding="utf-8")


def between(marks: tuple[str, str], made: str) -> str:
    """Return what the page has between two marks; when updating, put `made` there first."""
    before, rest = page().split(marks[0], 1)
    found, after = rest.split(marks[1], 1)
    if UPDATE:
        text = before + marks[0] + made + marks[1] + after
        PAGE.write_text(text, encoding="utf-8", newline="\n")
        return made
    return found


def yaml_blocks() -> list[str]:
    return re.findall(r"```yaml\n(.*?)```", page(), flags=re.DOTALL)


# ------------------------------------------------------------ the table


def sections(node: dict[str, Any], at: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Give a heading and a schema for each mapping of a configuration."""
    node = plain(node)
    kinds = variants(node)
    if kinds:
        for name, kind in kinds.items():
            yield f"`{at}` with `{tag_key(node)}: {name}`", kind
            yield from _inside(kind, at)
    elif node.get("type") == "array":
        yield from sections(node["items"], at)
    elif "properties" in node:
        yield (f"`{at}`" if at else "At the top"), node
        yield from _inside(node, at)
    elif isinstance(node.get("additionalProperties"), dict):
        yield from sections(node["additionalProperties"], f"{at}.NAME")


def _inside(node: dict[str, Any], at: str) -> Iterator[tuple[str, dict[str, Any]]]:
    for key, child in node["properties"].items():
        yield from sections(child, f"{at}.{key}".strip("."))


AROUND = ("pooling", "pooling_by", "impute", "tune")
"""Keys that most models have, told once, of cox."""


def rows(node: dict[str, Any], *, told: tuple[str, ...] = ()) -> Iterator[str]:
    needed = node.get("required", ())
    for key, child in sorted(node["properties"].items(), key=lambda item: item[0] not in needed):
        if "const" in child or key in told:  # the kind is said by the heading
            continue
        required = key in node.get("required", ())
        default = "**required**" if required else _default(child)
        meaning = " ".join(child["description"].replace("``", "`").split())
        yield f"| `{key}` | {_value(child)} | {default} | {meaning} |"


def _value(node: dict[str, Any]) -> str:
    node = plain(node)
    nested = node.get("items") or node.get("additionalProperties") or node
    if variants(plain(nested)) or "properties" in plain(nested):
        shape = {"array": "a list, see below", "object": "a mapping, see below"}
        return shape.get(node.get("type", ""), "see below")
    allowed = choices(node)
    if allowed and "anyOf" not in node:
        return ", ".join(f"`{each}`" for each in allowed)
    return words(node)


def _default(node: dict[str, Any]) -> str:
    value = node["default"]
    if isinstance(value, dict) and value:
        return "see below" if "kind" not in value else f"`kind: {value['kind']}`"
    text = value if isinstance(value, str) and value else json.dumps(value)
    return f"`{text}`"


def key_tables() -> str:
    parts = []
    for title, node in dict(sections(json_schema())).items():  # tables have the same everywhere
        about = "" if title == "At the top" else f"{node['description'].replace('``', '`')}\n\n"
        head = "| key | value | default | meaning |\n|---|---|---|---|\n"
        told = tuple(key for key in AROUND if key in node["properties"] and "models" in title)
        if title == "`models` with `kind: cox`":
            told = ()
        also = f"\nAnd {', '.join(f'`{key}`' for key in told)}, as for `cox`.\n" if told else ""
        table = "\n".join(rows(node, told=told))
        parts.append(f"### {title}\n\n{about}{head}{table}\n{also}")
    return "\n" + "\n".join(parts) + "\n"


def test_the_tables_of_keys_are_those_of_the_schema() -> None:
    made = key_tables()
    assert between(KEYS, made) == made, UPDATE


def test_the_tables_have_every_key() -> None:
    schema = json_schema()
    for part in (schema, *schema["$defs"].values()):
        for key, node in part["properties"].items():
            assert "const" in node or f"| `{key}` |" in key_tables()


# ------------------------------------------------------------ the rest


def test_the_errors_are_real() -> None:
    Path("bad.yaml").write_text(yaml_blocks()[1], encoding="utf-8")
    (override,) = re.findall(r"bad\.yaml --set (\S+)`", page())
    with pytest.raises(ConfigError) as caught:
        read_config("bad.yaml", [override])
    made = f"Error: {caught.value}\n"
    assert made.count("bad.yaml:") == 6
    assert between(ERRORS, made) == made, UPDATE


def test_the_example_is_valid_and_says_what_it_says(tmp_path: Path) -> None:
    Path("example.yaml").write_text(yaml_blocks()[0], encoding="utf-8")
    config = read_config("example.yaml").config
    values = shareable(config)
    assert values["data"]["path"] == "trainees.csv"
    assert values["data"]["census_date"] == "2024-08-31"
    assert [model["name"] for model in values["models"]] == [
        "kaplan_meier",
        "cox",
        "cox_unstratified",
    ]
    # "Only name, data and models must be given."
    text = dump_yaml({key: values[key] for key in ("name", "data", "models")})
    Path("short.yaml").write_text(text, encoding="utf-8")
    assert read_config("short.yaml").config.data.source == "file"


def test_the_example_of_overrides_works() -> None:
    (command,) = re.findall(r"```sh\n(.*?)```", page(), flags=re.DOTALL)
    pairs = [quoted or bare for quoted, bare in re.findall(r'--set (?:"([^"]+)"|(\S+))', command)]
    assert len(pairs) == 3
    configs = Path(__file__).parents[2] / "configs"
    config = read_config(configs / "gmts.yaml", [*pairs, "question='Why: who?'"]).config
    assert config.horizons == (6, 12)
    assert config.models[1].model_dump()["alpha"] == 0.5
    assert config.evaluation.scheme.model_dump() == {"kind": "k_fold", "folds": 5}
    assert config.question == "Why: who?"


def test_the_example_of_a_schema_runs(tmp_path: Path) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", page(), flags=re.DOTALL)
    exec(code, {})
    written = json.loads((tmp_path / "gmts.schema.json").read_text(encoding="utf-8"))
    assert written == json_schema()
