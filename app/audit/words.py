"""The audit log in words: what was done, to what, and the names of its details."""

from app.audit.models import Action, ActorKind


def _(message: str) -> str:
    """Mark a message for the catalogs."""
    return message


ACTIONS: dict[Action, str] = {
    Action.TIP_ACCEPTED: _("A tip was accepted"),
    Action.TIP_STATE: _("A tip moved on"),
    Action.TIP_DISPOSED: _("A tip got its disposition"),
    Action.TIP_TRANSFERRED: _("A tip was transferred"),
    Action.TIP_VIEWED: _("A tip was opened"),
    Action.MESSAGE_SENT: _("A message was sent"),
    Action.CONTACT_OPENED: _("A tipster's contact was opened"),
    Action.PHOTO_EXAMINED: _("A photo was examined"),
    Action.PHOTO_PARKED: _("A photo was set aside"),
    Action.PHOTO_VIEWED: _("A photo was viewed"),
    Action.PHOTO_CLUSTERED: _("A photo joined a cluster"),
    Action.PHOTO_SEPARATED: _("A photo was taken out of its cluster"),
    Action.GALLERY_SEARCHED: _("The gallery was searched"),
    Action.RECORD_ADDED: _("A record was added"),
    Action.RECORD_CHANGED: _("A record was changed"),
    Action.RECORD_CLOSED: _("A record was closed"),
    Action.RECORD_REOPENED: _("A record was reopened"),
    Action.RECORDS_IMPORTED: _("Records were imported"),
    Action.RECORDS_SEARCHED: _("The registry was searched"),
    Action.REVIEW_CLAIMED: _("A candidate was taken for review"),
    Action.REVIEW_RELEASED: _("A review was given back"),
    Action.REVIEW_DECIDED: _("A review was decided"),
    Action.CANDIDATE_SETTLED: _("A candidate was settled"),
    Action.CANDIDATE_WITHDRAWN: _("A candidate was withdrawn"),
    Action.LEAD_MADE: _("A lead was made"),
    Action.CASE_OPENED: _("A case was opened"),
    Action.CASE_CHANGED: _("A case was changed"),
    Action.CASE_CLOSED: _("A case was closed"),
    Action.CASE_REOPENED: _("A case was reopened"),
    Action.IDENTITY_CONFIRMED: _("An identity was confirmed"),
    Action.FAMILY_CONTACTED: _("A family was contacted"),
    Action.SIGNED_IN: _("An officer signed in"),
    Action.SIGN_IN_FAILED: _("A sign-in failed"),
    Action.SIGNED_OUT: _("An officer signed out"),
    Action.OFFICER_ADDED: _("An officer was added"),
    Action.OFFICER_CHANGED: _("An officer's account was changed"),
    Action.PARTNER_KEY_MADE: _("A partner key was made"),
    Action.PARTNER_KEY_REVOKED: _("A partner key was revoked"),
    Action.JOB_PARKED: _("A job was parked"),
    Action.JOB_RETRIED: _("A parked job was tried again"),
    Action.JURISDICTIONS_IMPORTED: _("Areas were imported"),
}

ACTORS: dict[ActorKind, str] = {
    ActorKind.OFFICER: _("Officer"),
    ActorKind.TIPSTER: _("Tipster"),
    ActorKind.PARTNER: _("Partner"),
    ActorKind.SYSTEM: _("System"),
}

SUBJECTS: dict[str, str] = {
    "tip": _("Tip"),
    "photo": _("Photo"),
    "face": _("Face"),
    "record": _("Record"),
    "reference": _("Reference"),
    "candidate": _("Candidate"),
    "candidate_list": _("Candidate list"),
    "review": _("Review"),
    "lead": _("Lead"),
    "case": _("Case"),
    "officer": _("Officer"),
    "channel": _("Channel"),
    "partner_key": _("Partner key"),
    "job": _("Job"),
    "import": _("Import"),
    "jurisdiction": _("Area"),
}
"""Words for the kinds of things that rows are about; an unknown kind is shown as it is written."""

DETAILS: dict[str, str] = {
    "was": _("before"),
    "now": _("after"),
    "change": _("change"),
    "roles": _("roles"),
    "roles_were": _("roles before"),
    "area": _("area"),
    "area_was": _("area before"),
    "kind": _("kind"),
    "face": _("face"),
    "faces": _("faces"),
    "photos": _("photos"),
    "photos_added": _("photos added"),
    "photos_removed": _("photos removed"),
    "ages_changed": _("ages changed"),
    "fields": _("fields"),
    "revision": _("revision"),
    "reason": _("reason"),
    "disposition": _("disposition"),
    "conclusion": _("conclusion"),
    "outcome": _("outcome"),
    "sessions_ended": _("sessions ended"),
    "added": _("added"),
    "changed": _("changed"),
    "unchanged": _("unchanged"),
    "refused": _("refused"),
    "cluster": _("cluster"),
    "same_as": _("same as"),
    "tip": _("tip"),
    "record": _("record"),
    "case": _("case"),
    "state": _("state"),
    "asked_by": _("asked by"),
    "request": _("written request"),
}
"""Words for the details of rows; an unknown one is shown as it is written."""
