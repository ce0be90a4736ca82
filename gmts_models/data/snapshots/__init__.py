"""Staff-in-post extracts become histories: a row for each person on each date, in; people, out."""

from gmts_models.data.snapshots.checked import CheckedSnapshots as CheckedSnapshots
from gmts_models.data.snapshots.flows import flows as flows
from gmts_models.data.snapshots.load import from_snapshots as from_snapshots
