"""What a service says no with; `app.core.web.problems` alone knows how a refusal looks."""


def message(text: str) -> str:
    """Mark a sentence for the catalogs where it is not the first argument of a refusal."""
    return text


class Refusal(Exception):
    """Something asked for is not done, and nothing has changed.

    Args:
        message: plain English sentence, also the translation key; never contains what was sent.
        values: named values for the sentence, safe to show.
        field: the form field or API part the refusal is about.
    """

    status = 400
    code = "refused"

    def __init__(self, message: str, *, field: str | None = None, **values: str | int) -> None:
        super().__init__(message)
        self.message = message
        self.field = field
        self.values = values
        self.headers: dict[str, str] = {}


class Invalid(Refusal):
    """Input that breaks a rule of its field."""

    status = 422
    code = "invalid"


class TooLarge(Refusal):
    """More bytes than are taken."""

    status = 413
    code = "too-large"


class UnsupportedPhoto(Refusal):
    """A file that is no photo of a kind we read."""

    status = 415
    code = "unsupported-photo"


class NotSignedIn(Refusal):
    """No valid session or key."""

    status = 401
    code = "not-signed-in"
    page = "/console/sign-in"
    """Where a browser is led instead of being refused."""


class SecondFactorNeeded(NotSignedIn):
    """Signed in with a password alone, which opens nothing yet."""

    code = "second-factor-needed"
    page = "/console/second-factor"

    def __init__(self) -> None:
        super().__init__(message("Prove with your second factor that it is you."))


class ProofNeeded(Refusal):
    """Something grave is asked for, and it is a while since the officer proved who they are."""

    status = 403
    code = "proof-needed"
    page = "/console/prove"

    def __init__(self) -> None:
        super().__init__(message("Prove once more that it is you, then repeat this step."))


class NotAllowed(Refusal):
    """A known person asks for something their role does not include."""

    status = 403
    code = "not-allowed"


NOTHING_HERE = message("There is nothing here, or it is not yours to see.")


class NotFound(Refusal):
    """Nothing there, or nothing that the asker may see: the two look alike."""

    status = 404
    code = "not-found"

    def __init__(self, message: str = NOTHING_HERE) -> None:
        super().__init__(message)


class Conflict(Refusal):
    """The thing's present state does not allow this step."""

    status = 409
    code = "conflict"


class TooMany(Refusal):
    """Asked too often; try again later."""

    status = 429
    code = "too-many"

    def __init__(self, message: str, *, retry_after_s: int) -> None:
        super().__init__(message)
        self.headers = {"Retry-After": str(retry_after_s)}


class Unavailable(Refusal):
    """The service cannot do this just now; the asker should repeat it."""

    status = 503
    code = "unavailable"

    def __init__(self, message: str, *, retry_after_s: int = 5) -> None:
        super().__init__(message)
        self.headers = {"Retry-After": str(retry_after_s)}
