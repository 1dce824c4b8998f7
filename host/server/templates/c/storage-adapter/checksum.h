// CRC-32, as in zlib: it finds damage, and keeps out nobody who means harm.
#pragma once

#include <stddef.h>
#include <stdint.h>

// The sum of what had the sum `sum` (0 for nothing) and of `length` more bytes.
uint32_t checksum(uint32_t sum, const uint8_t *bytes, size_t length);
