"""Has functions for the other modules of this package alone."""
