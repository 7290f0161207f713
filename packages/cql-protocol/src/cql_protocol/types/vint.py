"""Variable-length integers, as durations (spec section 3) and vectors hold them.

The first byte begins with as many one bits as bytes follow it; the bits left in it are the
number's highest. A signed number is folded first, so that -1, 1, -2, 2 become 1, 2, 3, 4.
"""

from __future__ import annotations

__all__ = ["pack_signed", "pack_unsigned", "unpack_signed", "unpack_unsigned"]

# For each first byte: how many bytes follow, and the bits of the number in it.
_EXTRA = [8 - (byte ^ 0xFF).bit_length() for byte in range(256)]
_MASK = [0xFF >> extra + 1 for extra in range(8)] + [0]


def pack_unsigned(number: int) -> bytes:
    """Return the bytes of a number of at most 64 bits, as few as hold it."""
    if number < 0x80:
        return bytes((number,))
    # Each byte that follows takes one bit of the first: n bytes hold 7 * n bits, nine hold 64.
    extra = min((number.bit_length() - 1) // 7, 8)
    lead = 0xFF00 >> extra & 0xFF
    return (lead << 8 * extra | number).to_bytes(extra + 1, "big")


def unpack_unsigned(data: bytes, at: int) -> tuple[int, int]:
    """Return (number, where it ends) of the number that begins at `at`.

    Raises IndexError when `data` ends before it does.
    """
    first = data[at]
    at += 1
    if first < 0x80:
        return first, at
    extra = _EXTRA[first]
    end = at + extra
    if end > len(data):
        raise IndexError(end)
    return (first & _MASK[extra]) << 8 * extra | int.from_bytes(data[at:end], "big"), end


def pack_signed(number: int) -> bytes:
    """Return the bytes of a number of 64 bits with sign."""
    return pack_unsigned(number << 1 if number >= 0 else (-number << 1) - 1)


def unpack_signed(data: bytes, at: int) -> tuple[int, int]:
    """Return (number, where it ends); raises IndexError when `data` ends before it does."""
    folded, end = unpack_unsigned(data, at)
    return (folded >> 1) ^ -(folded & 1), end
