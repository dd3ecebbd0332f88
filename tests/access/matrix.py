"""Asks every route as every role, or with every kind of key, and prints what it answered.

python -m tests.access.matrix
"""

import re
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

from fastapi import FastAPI
from rich.console import Console
from rich.table import Table

from app.core.context import Context, open_context
from app.jurisdictions.models import Jurisdiction, Level
from app.main import create_app
from app.officers.access import RULES, Right
from app.officers.models import Officer, Role
from tests.access import outside
from tests.access.meant import MEANT, Standing
from tests.access.meant_outside import OUTSIDE
from tests.conftest import Client, test_settings
from tests.make import Make
from tests.web.walking import answers

PLACE = re.compile(r"{(\w+)(?::\w+)?}")
LET_IN, REFUSED, SIGN_IN = "let in", "refused", "sign in"


@dataclass(frozen=True)
class Asker:
    """Somebody who asks.

    Attributes:
        name: how the matrix calls them.
        officer: their account; None for somebody without a session.
        roles: theirs.
        national: whether they are of the nation.
    """

    name: str
    officer: Officer | None
    roles: frozenset[Role] = frozenset()
    national: bool = False


def routes_of(app: FastAPI, *, console: bool) -> set[str]:
    """Method and path of every route of the console, or of all that is outside of it."""
    return {
        f"{method} {path}"
        for method, path in _walk(app.routes)
        if path.startswith("/console") == console and not path.startswith("/assets")
    }


def askers(make: Make, national: Iterable[Role] = Role) -> list[Asker]:
    """Nobody, each role in a district, some of them in the nation, and one officer with two roles."""
    both = (Role.AUDITOR, Role.CLERK)
    return [
        Asker("nobody", None),
        *(Asker(role.value, make.officer(role), frozenset({role})) for role in Role),
        *(
            Asker(f"{role.value} CN", make.officer(role, area="CN"), frozenset({role}), national=True)
            for role in national
        ),
        Asker("auditor+clerk", make.officer(*both), frozenset(both)),
    ]


def expected(asked: Right | Standing, asker: Asker) -> str:
    """What the table says of somebody who asks for something."""
    if asked == Standing.ANYBODY:
        return LET_IN
    if asker.officer is None:
        return SIGN_IN
    if isinstance(asked, Standing):
        return LET_IN
    rule = RULES[asked]
    held = bool(rule.roles & asker.roles) and (asker.national or not rule.national)
    return LET_IN if held else REFUSED


def found(context: Context, everybody: Iterable[Asker]) -> dict[tuple[str, str], str]:
    """Ask every declared route as everybody; ids are random, so that nothing is there.

    Returns:
        The answer by asker's name and route: let in, refused or led to the sign-in.
    """
    app = create_app(context)
    seen: dict[tuple[str, str], str] = {}
    for asker in everybody:
        client = Client(app, context)
        if asker.officer is not None:
            client.get("/console/account", as_=asker.officer)
        # Leaving ends the session, so it is asked last.
        routes = sorted(
            (each for routes in MEANT.values() for each in routes), key=lambda one: "sign-out" in one
        )
        asked = {filled(route, {}): route for route in routes}
        for (method, path), answer in answers(client, [_pair(one) for one in asked]).items():
            seen[asker.name, asked[f"{method} {path}"]] = _word(answer)
    return seen


def filled(route: str, places: Mapping[str, str]) -> str:
    """A route with an id in each place: the one given for the place's name, else a random one."""
    return PLACE.sub(
        lambda place: places.get(place[1]) or (str(uuid4()) if place[1].endswith("id") else "scene"), route
    )


def main() -> None:
    """Print the matrix and end with status 1 if a cell is not as it is meant."""
    folder = Path(tempfile.mkdtemp(prefix="homeward-access-"))
    try:
        context = open_context(test_settings(folder))
        with context.db.write() as session:
            for code, level, path in (("CN", Level.NATION, "CN/"), ("440304", Level.DISTRICT, "CN/440304/")):
                parent = None if code == "CN" else "CN"
                session.add(
                    Jurisdiction(
                        code=code,
                        name=code,
                        name_en=code,
                        level=level,
                        parent_code=parent,
                        path=path,
                        authority=code,
                    )
                )
                session.flush()
        make = Make(context)
        everybody = askers(make)
        wrong = _print(MEANT, found(context, everybody), everybody, expected)
        keys = outside.holders(context, make)
        wrong += _print(OUTSIDE, outside.seen_by(context, keys), keys, outside.meant)
        context.close()
    finally:
        shutil.rmtree(folder)
    raise SystemExit(1 if wrong else 0)


def _print(
    meant: Mapping[Any, Iterable[str]],
    seen: Mapping[tuple[str, str], str],
    everybody: Iterable[Any],
    expected: Callable[[Any, Any], str],
) -> int:
    signs = {LET_IN: "+", REFUSED: "-", SIGN_IN: "·", outside.UNKNOWN: "·", outside.NOT_THERE: "○"}
    table = Table("route", *(asker.name.replace(" ", "\n") for asker in everybody), pad_edge=False)
    wrong = cells = 0
    for asked, routes in meant.items():
        table.add_section()
        for route in routes:
            row = []
            for asker in everybody:
                word = seen[asker.name, route]
                bad = word != expected(asked, asker)
                wrong, cells = wrong + bad, cells + 1
                row.append(signs[word] + ("!" if bad else ""))
            table.add_row(route, *row)
    Console(width=220).print(table)
    Console().print(
        f"+ let in, - refused, · who are you, ○ not without a receipt: {cells} cells, {wrong} not as meant"
    )
    return wrong


def _pair(route: str) -> tuple[str, str]:
    method, path = route.split(" ", 1)
    return method, path


def _word(answer: Any) -> str:
    if answer.status_code == 403:
        return REFUSED
    led = answer.headers.get("location", "") == "/console/sign-in" and answer.status_code == 303
    left = "set-cookie" in answer.headers  # signing out leads there, too, and takes the cookie back
    return SIGN_IN if answer.status_code == 401 or (led and not left) else LET_IN


def _walk(routes: Any) -> Iterator[tuple[str, str]]:
    for route in routes:
        if hasattr(route, "effective_route_contexts"):
            for inner in route.effective_route_contexts():
                yield from ((method, inner.path) for method in set(inner.methods) - {"HEAD"})
        elif getattr(route, "methods", None):
            yield from ((method, route.path) for method in set(route.methods) - {"HEAD"})


if __name__ == "__main__":
    main()
