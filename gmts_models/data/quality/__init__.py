"""What is worth a look before anything is estimated: gaps, odd values, young cohorts, drift."""
