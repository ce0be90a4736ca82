"""Tables of people: the contract of columns, checks, loading, open data, the synthetic scheme."""
