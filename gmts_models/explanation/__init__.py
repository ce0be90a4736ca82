"""What a model makes of attributes: over all people, and of one person.

Everything here describes the model, and what goes together in its data. Nothing says what would
happen if somebody changed an attribute.
"""
