// {{name}}: a storage adapter that keeps a checksum behind every blob, and gives back no blob that was damaged.
//
// Blobs stay with the host; what is held here are handles. What the checksum needs is read in pieces, and what is put
// together of other blobs never comes here. What each function does and what must hold is written in
// wit/storage-adapter.wit and wit/blobs.wit.
#include "checksum.h"
#include "config.h"
#include "storage_adapter_plugin.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef fedwit_plugin_types_error_t plugin_error_t;
typedef storage_adapter_plugin_string_t string_t;
typedef fedwit_plugin_blobs_own_blob_t blob_t;
typedef fedwit_plugin_blobs_borrow_blob_t borrowed_t;

// Where the blobs are kept.
static const char PREFIX[] = "{{name}}/";
enum { PREFIX_LENGTH = sizeof PREFIX - 1, SUM_LENGTH = 4 };

static double piece_kib = 1024;

static bool is_piece(double value) { return config_is_count(value) && value >= 1 && value <= 65536; }

// The configuration, and what tells its users about it.
static const config_number_t NUMBERS[] = {
    {"piece_kib", &piece_kib, is_piece, "a whole number from 1 to 65536"},
};
static const char SCHEMA[] =
    "{\"$schema\": \"https://json-schema.org/draft/2020-12/schema\", \"type\": \"object\", \"properties\": {"
    "\"piece_kib\": {\"type\": \"integer\", \"default\": 1024, \"minimum\": 1, \"maximum\": 65536,"
    " \"description\": \"How much of a blob is read at a time, in KiB; from 1 to 65536.\"}"
    "}, \"additionalProperties\": false}";

// Always false, so that it can be returned.
static bool refuse(plugin_error_t *error, uint8_t kind, const char *why) {
  error->tag = kind;
  // The three kinds hold the same, a text.
  storage_adapter_plugin_string_dup(&error->val.failed, why);
  return false;
}

static void *allocated(size_t size) {
  void *place = malloc(size + 1);
  if (!place) abort();
  return place;
}

void exports_fedwit_plugin_storage_adapter_describe(exports_fedwit_plugin_storage_adapter_description_t *description) {
  memset(description, 0, sizeof *description);
  storage_adapter_plugin_string_dup(&description->name, "{{name}}");
  storage_adapter_plugin_string_dup(&description->version, "0.1.0");
  storage_adapter_plugin_string_dup(&description->summary,
                                    "Keeps a checksum behind every blob, and gives back no blob that was damaged.");
  storage_adapter_plugin_string_dup(&description->config_schema, SCHEMA);
  description->permissions.len = 1;
  description->permissions.ptr = allocated(sizeof *description->permissions.ptr);
  description->permissions.ptr[0].tag = FEDWIT_PLUGIN_TYPES_PERMISSION_STORAGE_PREFIX;
  storage_adapter_plugin_string_dup(&description->permissions.ptr[0].val.storage_prefix, PREFIX);
}

bool exports_fedwit_plugin_storage_adapter_open(string_t *config, plugin_error_t *error) {
  char why[200];
  bool read = config_read(config->ptr, config->len, NUMBERS, sizeof NUMBERS / sizeof *NUMBERS, why, sizeof why);
  storage_adapter_plugin_string_free(config);
  return read || refuse(error, FEDWIT_PLUGIN_TYPES_ERROR_INVALID_CONFIG, why);
}

// The host's key for one of the server's.
static string_t placed(const string_t *key) {
  string_t place = {allocated(PREFIX_LENGTH + key->len), PREFIX_LENGTH + key->len};
  memcpy(place.ptr, PREFIX, PREFIX_LENGTH);
  memcpy(place.ptr + PREFIX_LENGTH, key->ptr, key->len);
  return place;
}

// Of the first `size` bytes of a blob, and of its key, so that no blob passes for another.
static bool sum_up(const string_t *key, borrowed_t blob, uint64_t size, uint8_t sum[SUM_LENGTH], plugin_error_t *error) {
  uint32_t total = checksum(0, key->ptr, key->len);
  uint64_t most = (uint64_t)piece_kib * 1024;
  for (uint64_t first = 0; first < size; first += most) {
    storage_adapter_plugin_list_u8_t piece;
    uint64_t count = size - first < most ? size - first : most;
    if (!fedwit_plugin_blobs_method_blob_read(blob, first, count, &piece, error)) return false;
    total = checksum(total, piece.ptr, piece.len);
    storage_adapter_plugin_list_u8_free(&piece);
  }
  for (int i = 0; i < SUM_LENGTH; i++) sum[i] = (uint8_t)(total >> (8 * i));
  return true;
}

// The first `size` bytes of a blob as one of their own, with `count` more behind them.
static bool copy(borrowed_t blob, uint64_t size, uint8_t *end, size_t count, blob_t *made, plugin_error_t *error) {
  fedwit_plugin_blobs_own_blob_writer_t writer = fedwit_plugin_blobs_constructor_blob_writer();
  storage_adapter_plugin_list_u8_t bytes = {end, count};
  if (fedwit_plugin_blobs_method_blob_writer_append(fedwit_plugin_blobs_borrow_blob_writer(writer), blob, 0, size, error) &&
      fedwit_plugin_blobs_method_blob_writer_write(fedwit_plugin_blobs_borrow_blob_writer(writer), &bytes, error)) {
    return fedwit_plugin_blobs_static_blob_writer_finish(writer, made, error);
  }
  fedwit_plugin_blobs_blob_writer_drop_own(writer);
  return false;
}

bool exports_fedwit_plugin_storage_adapter_put(string_t *key, borrowed_t value, plugin_error_t *error) {
  uint8_t sum[SUM_LENGTH];
  uint64_t size = fedwit_plugin_blobs_method_blob_size(value);
  blob_t kept;
  bool done = sum_up(key, value, size, sum, error) && copy(value, size, sum, SUM_LENGTH, &kept, error);
  if (done) {
    string_t place = placed(key);
    done = fedwit_plugin_blobs_store_put(&place, fedwit_plugin_blobs_borrow_blob(kept), error);
    fedwit_plugin_blobs_blob_drop_own(kept);
    free(place.ptr);
  }
  // What was lent is given back before the call ends.
  fedwit_plugin_blobs_blob_drop_borrow(value);
  storage_adapter_plugin_string_free(key);
  return done;
}

// Whether the checksum behind a blob is the blob's own.
static bool check(const string_t *key, borrowed_t kept, plugin_error_t *error) {
  uint64_t size = fedwit_plugin_blobs_method_blob_size(kept);
  if (size >= SUM_LENGTH) {
    uint8_t sum[SUM_LENGTH];
    storage_adapter_plugin_list_u8_t end;
    if (!fedwit_plugin_blobs_method_blob_read(kept, size - SUM_LENGTH, SUM_LENGTH, &end, error)) return false;
    bool summed = sum_up(key, kept, size - SUM_LENGTH, sum, error);
    bool same = summed && memcmp(sum, end.ptr, SUM_LENGTH) == 0;
    storage_adapter_plugin_list_u8_free(&end);
    if (same || !summed) return same;
  }
  char why[400];
  snprintf(why, sizeof why, "the blob under `%.*s` is not what was put there", (int)key->len, (const char *)key->ptr);
  return refuse(error, FEDWIT_PLUGIN_TYPES_ERROR_FAILED, why);
}

bool exports_fedwit_plugin_storage_adapter_get(string_t *key,
                                               exports_fedwit_plugin_storage_adapter_option_own_blob_t *found,
                                               plugin_error_t *error) {
  fedwit_plugin_blobs_option_own_blob_t kept;
  string_t place = placed(key);
  bool done = fedwit_plugin_blobs_store_get(&place, &kept, error);
  free(place.ptr);
  found->is_some = done && kept.is_some;
  if (found->is_some) {
    borrowed_t blob = fedwit_plugin_blobs_borrow_blob(kept.val);
    uint64_t size = fedwit_plugin_blobs_method_blob_size(blob);
    done = check(key, blob, error) && copy(blob, size - SUM_LENGTH, NULL, 0, &found->val, error);
    fedwit_plugin_blobs_blob_drop_own(kept.val);
  }
  storage_adapter_plugin_string_free(key);
  return done;
}

bool exports_fedwit_plugin_storage_adapter_remove(string_t *key, plugin_error_t *error) {
  string_t place = placed(key);
  bool done = fedwit_plugin_blobs_store_remove(&place, error);
  free(place.ptr);
  storage_adapter_plugin_string_free(key);
  return done;
}

bool exports_fedwit_plugin_storage_adapter_keys(string_t *prefix, string_t *after, uint32_t most,
                                                storage_adapter_plugin_list_string_t *keys, plugin_error_t *error) {
  string_t under = placed(prefix), last = {0};
  if (after) last = placed(after);
  bool done = fedwit_plugin_blobs_store_keys(&under, after ? &last : NULL, most, keys, error);
  for (size_t i = 0; done && i < keys->len; i++) {
    keys->ptr[i].len -= PREFIX_LENGTH;
    memmove(keys->ptr[i].ptr, keys->ptr[i].ptr + PREFIX_LENGTH, keys->ptr[i].len);
  }
  free(under.ptr);
  free(last.ptr);
  storage_adapter_plugin_string_free(prefix);
  if (after) storage_adapter_plugin_string_free(after);
  return done;
}
