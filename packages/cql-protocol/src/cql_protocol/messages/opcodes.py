"""Opcodes and frame flags (spec sections 2.2 and 2.4), as plain ints for the codec."""

from __future__ import annotations

ERROR = 0x00
STARTUP = 0x01
READY = 0x02
AUTHENTICATE = 0x03
OPTIONS = 0x05
SUPPORTED = 0x06
QUERY = 0x07
RESULT = 0x08
PREPARE = 0x09
EXECUTE = 0x0A
REGISTER = 0x0B
EVENT = 0x0C
BATCH = 0x0D
AUTH_CHALLENGE = 0x0E
AUTH_RESPONSE = 0x0F
AUTH_SUCCESS = 0x10

FLAG_COMPRESSED = 0x01
FLAG_TRACING = 0x02
FLAG_CUSTOM_PAYLOAD = 0x04
FLAG_WARNING = 0x08
FLAG_BETA = 0x10

NAMES = {
    value: name
    for name, value in list(globals().items())
    if isinstance(value, int) and name.isupper() and not name.startswith("FLAG_")
}
"""The name of each opcode, for messages that people read."""
