#include "checksum.h"

// What each byte does to the sum.
static uint32_t table[256];

static void fill_table(void) {
  for (uint32_t byte = 0; byte < 256; byte++) {
    uint32_t sum = byte;
    for (int bit = 0; bit < 8; bit++) sum = sum & 1 ? 0xedb88320u ^ (sum >> 1) : sum >> 1;
    table[byte] = sum;
  }
}

uint32_t checksum(uint32_t sum, const uint8_t *bytes, size_t length) {
  if (!table[1]) fill_table();
  sum = ~sum;
  for (size_t i = 0; i < length; i++) sum = table[(sum ^ bytes[i]) & 0xff] ^ (sum >> 8);
  return ~sum;
}
