"""Every table, imported once, so that migrations and tests see the whole schema."""

from sqlmodel import SQLModel

from app.audit import models as audit
from app.bulletins import models as bulletins
from app.candidates import models as candidates
from app.cases import models as cases
from app.channels import models as channels
from app.core import jobs, reach, watch_turns, workers
from app.encoders import models as encoders
from app.enquiries import models as enquiries
from app.floods import models as floods
from app.jurisdictions import models as jurisdictions
from app.officers import models as officers
from app.partners import models as partners
from app.photos import models as photos
from app.records import models as records
from app.referrals import models as referrals
from app.retention import models as retention
from app.reviews import models as reviews
from app.sightings import models as sightings
from app.tips import models as tips
from app.webhooks import models as webhooks

ROOMS = (
    audit,
    bulletins,
    candidates,
    cases,
    channels,
    encoders,
    enquiries,
    floods,
    jobs,
    jurisdictions,
    officers,
    partners,
    photos,
    reach,
    records,
    referrals,
    retention,
    reviews,
    sightings,
    tips,
    watch_turns,
    webhooks,
    workers,
)

metadata = SQLModel.metadata
