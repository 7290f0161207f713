# Used by the other modules alone.
