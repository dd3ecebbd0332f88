"""The operator's commands for partners' keys."""

from datetime import timedelta
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from app.core.context import open_context
from app.core.settings import Settings

partners_app = typer.Typer(help="Partners' channels and their keys.", no_args_is_help=True)
out = Console()


@partners_app.command("key")
def key(
    name: Annotated[str, typer.Argument(help="The channel's name, such as the partner's.")],
    days: Annotated[int, typer.Option(min=1, max=365, help="Days until the key expires.")] = 365,
    scope: Annotated[list[str] | None, typer.Option(help="tips:send, tips:read, webhooks; repeat.")] = None,
    label: Annotated[str, typer.Option(help="What the partner calls it.")] = "",
    owner: Annotated[str, typer.Option(help="Who answers for a new channel, and how to reach them.")] = "",
    registry: Annotated[str | None, typer.Option(help="Area of a police system that sends records.")] = None,
    *,
    sandbox: Annotated[bool, typer.Option(help="For trials: officers see nothing of it.")] = False,
    signed: Annotated[bool, typer.Option(help="Its requests have to be signed.")] = False,
) -> None:
    """Make a key for a channel; the channel is made with its first one. It is shown this once."""
    from app.partners import keys  # noqa: PLC0415
    from app.partners.models import Scope  # noqa: PLC0415
    from app.tips.models import ChannelKind  # noqa: PLC0415

    kind = ChannelKind.SANDBOX if sandbox else ChannelKind.REGISTRY if registry else ChannelKind.PARTNER
    context = open_context(Settings())
    with context.db.write() as session:
        channel = keys.add_channel(session, name, kind, owner=owner, jurisdiction_code=registry)
        made = keys.make_key(
            session,
            context.keys,
            channel,
            scopes=[Scope(each) for each in scope or []],
            days=days,
            label=label,
            signed=signed,
        )
    _show(made, name)


@partners_app.command("rotate")
def rotate(
    key_id: Annotated[str, typer.Argument(help="The middle part of the key.")],
    overlap_hours: Annotated[float, typer.Option(min=0, max=720, help="Both keys work this long.")] = 72,
) -> None:
    """Replace a key by a new one that may do the same."""
    from app.partners import keys  # noqa: PLC0415

    context = open_context(Settings())
    with context.db.write() as session:
        made = keys.rotate_key(session, context.keys, key_id, overlap=timedelta(hours=overlap_hours))
    _show(made, key_id)


@partners_app.command("revoke")
def revoke(key_id: Annotated[str, typer.Argument(help="The middle part of the key.")]) -> None:
    """Refuse a key from now on."""
    from app.partners import keys  # noqa: PLC0415

    context = open_context(Settings())
    with context.db.write() as session:
        keys.revoke_key(session, key_id)
    out.print("Revoked.")


@partners_app.command("list")
def show_keys() -> None:
    """List all keys, without their secrets."""
    from app.partners import keys  # noqa: PLC0415

    context = open_context(Settings())
    table = Table("channel", "kind", "key", "label", "scopes", "signed", "expires", "last used")
    with context.db.read() as session:
        for row, channel in keys.keys_of(session):
            end = "revoked" if row.revoked_at else f"{row.expires_at:%Y-%m-%d %H:%M}"
            used = f"{row.last_used_at:%Y-%m-%d %H:%M}" if row.last_used_at else "never"
            signed = "yes" if row.signing_secret_sealed else "no"
            table.add_row(
                channel.name, channel.kind, row.key_id, row.label, " ".join(row.scopes), signed, end, used
            )
    out.print(table)


def _show(made: object, name: str) -> None:
    from app.partners.keys import NewKey  # noqa: PLC0415

    assert isinstance(made, NewKey)
    out.print(f"Key for {name}, shown this once, good until {made.expires_at:%Y-%m-%d}:", highlight=False)
    out.print(made.key, soft_wrap=True, highlight=False)
    if made.signing_secret:
        out.print("Secret for its requests' signatures, shown this once:")
        out.print(made.signing_secret, soft_wrap=True, highlight=False)
