// A double of the host's blobs and of its store, for native tests: bytes in memory.
#pragma once

#include "storage_adapter_plugin.h"

// A blob, or what is kept under a key.
typedef struct bytes {
  size_t length;
  uint8_t content[1 << 14];
} bytes_t;

// A blob of so many bytes.
fedwit_plugin_blobs_own_blob_t blob(size_t length, const uint8_t *content);

// What a blob holds.
const bytes_t *bytes_of(fedwit_plugin_blobs_own_blob_t blob);

// What the host keeps under a key; NULL for nothing.
bytes_t *kept(const char *key);

storage_adapter_plugin_string_t text(const char *text);
