"""The fictional world: value pools, phrasings, general knowledge and the generator that joins them from a seed."""
