"""Open data sets on people who stay or leave."""
