"""Multiple imputation of attributes, around any model."""
