"""`homeward officers link` and `reset-factors`: for whoever runs the service."""

import typer

from app.audit.service import SYSTEM
from app.core.context import Context, open_context
from app.core.errors import Invalid, NotFound
from app.core.settings import Settings
from app.officers import identities, queries, second_factors
from app.officers.directory import Identity


def register(officers_app: typer.Typer) -> None:
    """Add the commands."""
    officers_app.command("link")(_link)
    officers_app.command("reset-factors")(_reset)


def _link(username: str, subject: str) -> None:
    """Link an officer with their id (sub) in the directory that the settings name."""
    link_officer(open_context(Settings()), username, subject)
    typer.echo("Linked.")


def _reset(username: str) -> None:
    """Take all second factors of an officer away, as for the last administrator who lost theirs."""
    count = reset_factors(open_context(Settings()), username)
    typer.echo(f"{count} taken away; all sessions of the officer have ended.")


def link_officer(context: Context, username: str, subject: str) -> None:
    """Link an officer with whom the directory knows.

    Raises:
        Invalid: no directory is set.
        NotFound: no such officer.
        Conflict: one of the two is linked with another.
    """
    if not context.settings.oidc_issuer:
        raise Invalid("No directory is set.")
    with context.db.write() as session:
        officer = queries.by_username(session, queries.normal_username(username))
        if officer is None:
            raise NotFound
        identities.link(session, officer, Identity(context.settings.oidc_issuer, subject), SYSTEM)


def reset_factors(context: Context, username: str) -> int:
    """Take all second factors of an officer away and end their sessions.

    Returns:
        How many there were.

    Raises:
        NotFound: no such officer.
    """
    with context.db.write() as session:
        officer = queries.by_username(session, queries.normal_username(username))
        if officer is None:
            raise NotFound
        return second_factors.take_away(session, officer, SYSTEM)
