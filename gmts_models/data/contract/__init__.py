"""What each table of people holds: columns, kinds, labels, when each is known."""
