"""All lines of the table of speeds in one run, driver beside driver: `command` tells how."""
