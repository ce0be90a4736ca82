"""How well models predict people they have not seen."""
