"""What lies in a test's photo store, wherever that is."""

from app.core.context import Context


def files(context: Context) -> list[str]:
    """Names of everything in the store, finished or not."""
    return sorted(each.name for each in context.store.objects.listed())


def sealed_bytes(context: Context) -> bytes:
    """Everything in the store, as whoever takes the disk or the bucket has it."""
    return b"".join(context.store.objects.read(name) for name in files(context))
