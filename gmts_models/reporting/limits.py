"""What the report says that it does not tell: of this run, of single models, of any run."""

from __future__ import annotations

from dataclasses import dataclass

from gmts_models.reporting import words
from gmts_models.reporting.model_sections import display_name
from gmts_models.reporting.run_folder import RunFolder


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What the results do not tell.

    Attributes
    ----------
    run : sentences about these data and this run.
    models : sentences about single models, each with the models that it is about.
    always : sentences that hold of any run.
    """

    run: tuple[str, ...]
    models: tuple[tuple[str, str], ...]
    always: tuple[str, ...]


def limits(run: RunFolder) -> Limits:
    """Return what a reader should mind, sentences about models apart from the others."""
    of_run, of_models = [], []
    for sentence in run.facts.limits:
        names, said = _about(run, sentence)
        if names:
            shown = words.in_words(display_name(run, name) for name in names)
            of_models.append((said[:1].upper() + said[1:], shown))
        else:
            of_run.append(sentence)
    return Limits(run=tuple(of_run), models=tuple(of_models), always=_always(run))


def _about(run: RunFolder, sentence: str) -> tuple[list[str], str]:
    """Return the models that a sentence is about, and what it says; none where it is not."""
    known = {model.name for model in run.facts.models}
    before, colon, said = sentence.partition(": ")
    names = before.split(", ")
    if colon and set(names) <= known:
        return names, said
    for name in known:
        if sentence.startswith(begin := f"Model {name} could"):
            return [name], f"could{sentence[len(begin) :]}"
    return [], sentence


def _always(run: RunFolder) -> tuple[str, ...]:
    groups = len(run.groups)
    return (
        "Associations are not causes. That one specialism keeps more of its people does not say "
        "that the specialism is why: who chooses it, where and when also differ.",
        "The intervals are about chance in who was taken on and who left. They know nothing of "
        "wrong or missing records, and those of the scores take each model as it was fitted.",
        "People no longer followed are taken to leave as those who still are. If they were lost "
        "because they were about to leave, retention is lower than stated.",
        "Late months rest on early cohorts, since later ones have not been followed for as long. "
        "They hold for later cohorts only if little has changed.",
        *(
            [
                f"With {groups} specialisms compared, some differences arise by chance; "
                "the highest and the lowest stand out most for that reason too."
            ]
            if groups > 2
            else []
        ),
        "A predicted risk is an average over people who look alike in these data. It is not known "
        "who will leave or why, and no decision about a person should rest on it.",
    )
