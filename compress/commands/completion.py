"""What could stand where the cursor is: names, dotted keys, and the words that a setting allows.

bash breaks words at "=": completing ``target=j`` it hands over ``target``, ``=`` and ``j``, so the words
before the cursor tell which key is meant. zsh and fish hand over the whole word.
"""

from __future__ import annotations

from compress.config.names import listing
from compress.config.words import NAME_GROUPS


def complete(words_before: tuple[str, ...], incomplete: str) -> list[str]:
    """The completions of ``incomplete``; ``words_before`` are the arguments in front of it."""
    if incomplete == "=" and words_before:
        return _values(words_before[-1], "")
    if len(words_before) >= 2 and words_before[-1] == "=":
        return _values(words_before[-2], incomplete)
    key, equals, value = incomplete.partition("=")
    if equals:
        return [f"{key}={full}" for full in _values(key, value)]
    from compress.config.keys import all_keys

    names = dict.fromkeys((*NAME_GROUPS, *all_keys()))
    return [f"{name}=" for name in names if name.startswith(incomplete)]


def _values(key: str, begun: str) -> list[str]:
    """Values of a key that continue ``begun``; after a comma the next value of a sweep is meant."""
    head, comma, last = begun.rpartition(",")
    if key in NAME_GROUPS:
        known = tuple(listing(NAME_GROUPS[key]))
    else:
        from compress.config.keys import words_allowed

        known = words_allowed(key)
    taken = head.split(",")
    return [head + comma + value for value in known if value.startswith(last) and value not in taken]
