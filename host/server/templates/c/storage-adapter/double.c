#include "double.h"

#include <stdlib.h>
#include <string.h>

enum { MOST_BLOBS = 200, MOST_KEPT = 8, LONGEST_KEY = 100 };

// Handles are places in here. A test is a process, so nothing is ever used twice.
static bytes_t blobs[MOST_BLOBS];
static int32_t used = 0;

static struct {
  char key[LONGEST_KEY];
  bytes_t bytes;
} store[MOST_KEPT];

static int32_t next(void) {
  if (used == MOST_BLOBS) abort();
  return used++;
}

static void write(bytes_t *bytes, const uint8_t *content, size_t length) {
  if (bytes->length + length > sizeof bytes->content) abort();
  if (length) memcpy(bytes->content + bytes->length, content, length);
  bytes->length += length;
}

fedwit_plugin_blobs_own_blob_t blob(size_t length, const uint8_t *content) {
  int32_t handle = next();
  write(&blobs[handle], content, length);
  return (fedwit_plugin_blobs_own_blob_t){handle};
}

const bytes_t *bytes_of(fedwit_plugin_blobs_own_blob_t blob) { return &blobs[blob.__handle]; }

static int find(const char *key, size_t length) {
  for (int i = 0; i < MOST_KEPT; i++) {
    if (strlen(store[i].key) == length && memcmp(store[i].key, key, length) == 0) return i;
  }
  return -1;
}

bytes_t *kept(const char *key) {
  int place = find(key, strlen(key));
  return place < 0 ? NULL : &store[place].bytes;
}

storage_adapter_plugin_string_t text(const char *text) {
  storage_adapter_plugin_string_t copy;
  storage_adapter_plugin_string_dup(&copy, text);
  return copy;
}

// Blobs.

uint64_t fedwit_plugin_blobs_method_blob_size(fedwit_plugin_blobs_borrow_blob_t self) {
  return blobs[self.__handle].length;
}

bool fedwit_plugin_blobs_method_blob_read(fedwit_plugin_blobs_borrow_blob_t self, uint64_t first, uint64_t count,
                                          storage_adapter_plugin_list_u8_t *read, fedwit_plugin_blobs_error_t *error) {
  bytes_t *bytes = &blobs[self.__handle];
  if (first + count > bytes->length) {
    error->tag = FEDWIT_PLUGIN_TYPES_ERROR_FAILED;
    error->val.failed = text("there are not so many bytes");
    return false;
  }
  read->len = count;
  read->ptr = malloc(count + 1);
  if (!read->ptr) abort();
  memcpy(read->ptr, bytes->content + first, count);
  return true;
}

fedwit_plugin_blobs_own_blob_writer_t fedwit_plugin_blobs_constructor_blob_writer(void) {
  return (fedwit_plugin_blobs_own_blob_writer_t){next()};
}

bool fedwit_plugin_blobs_method_blob_writer_write(fedwit_plugin_blobs_borrow_blob_writer_t self,
                                                  storage_adapter_plugin_list_u8_t *bytes,
                                                  fedwit_plugin_blobs_error_t *error) {
  (void)error;
  write(&blobs[self.__handle], bytes->ptr, bytes->len);
  return true;
}

bool fedwit_plugin_blobs_method_blob_writer_append(fedwit_plugin_blobs_borrow_blob_writer_t self,
                                                   fedwit_plugin_blobs_borrow_blob_t source, uint64_t first,
                                                   uint64_t count, fedwit_plugin_blobs_error_t *error) {
  (void)error;
  write(&blobs[self.__handle], blobs[source.__handle].content + first, count);
  return true;
}

bool fedwit_plugin_blobs_static_blob_writer_finish(fedwit_plugin_blobs_own_blob_writer_t writer,
                                                   fedwit_plugin_blobs_own_blob_t *made,
                                                   fedwit_plugin_blobs_error_t *error) {
  (void)error;
  made->__handle = writer.__handle;
  return true;
}

// The store.

bool fedwit_plugin_blobs_store_put(storage_adapter_plugin_string_t *key, fedwit_plugin_blobs_borrow_blob_t value,
                                   fedwit_plugin_blobs_error_t *error) {
  (void)error;
  int place = find((const char *)key->ptr, key->len);
  if (place < 0) place = find("", 0);
  if (place < 0 || key->len >= LONGEST_KEY) abort();
  memcpy(store[place].key, key->ptr, key->len);
  store[place].bytes = blobs[value.__handle];
  return true;
}

bool fedwit_plugin_blobs_store_get(storage_adapter_plugin_string_t *key, fedwit_plugin_blobs_option_own_blob_t *found,
                                   fedwit_plugin_blobs_error_t *error) {
  (void)error;
  int place = find((const char *)key->ptr, key->len);
  found->is_some = place >= 0;
  if (found->is_some) found->val = blob(store[place].bytes.length, store[place].bytes.content);
  return true;
}

bool fedwit_plugin_blobs_store_remove(storage_adapter_plugin_string_t *key, fedwit_plugin_blobs_error_t *error) {
  (void)error;
  int place = find((const char *)key->ptr, key->len);
  if (place >= 0) memset(&store[place], 0, sizeof store[place]);
  return true;
}

// Of one key alone, which is the next; a page may be shorter than it could be.
bool fedwit_plugin_blobs_store_keys(storage_adapter_plugin_string_t *prefix, storage_adapter_plugin_string_t *after,
                                    uint32_t most, storage_adapter_plugin_list_string_t *keys,
                                    fedwit_plugin_blobs_error_t *error) {
  (void)error;
  char last[LONGEST_KEY] = "";
  if (after) memcpy(last, after->ptr, after->len);
  const char *next = NULL;
  for (int i = 0; i < MOST_KEPT; i++) {
    const char *key = store[i].key;
    bool wanted = *key && strncmp(key, (const char *)prefix->ptr, prefix->len) == 0 && strcmp(key, last) > 0;
    if (wanted && (!next || strcmp(key, next) < 0)) next = key;
  }
  keys->len = next && most > 0;
  keys->ptr = malloc(sizeof *keys->ptr);
  if (!keys->ptr) abort();
  if (keys->len) keys->ptr[0] = text(next);
  return true;
}

// Borrowing and dropping, and what else the generated bindings have of their own.

fedwit_plugin_blobs_borrow_blob_t fedwit_plugin_blobs_borrow_blob(fedwit_plugin_blobs_own_blob_t handle) {
  return (fedwit_plugin_blobs_borrow_blob_t){handle.__handle};
}

fedwit_plugin_blobs_borrow_blob_writer_t fedwit_plugin_blobs_borrow_blob_writer(
    fedwit_plugin_blobs_own_blob_writer_t handle) {
  return (fedwit_plugin_blobs_borrow_blob_writer_t){handle.__handle};
}

void fedwit_plugin_blobs_blob_drop_own(fedwit_plugin_blobs_own_blob_t handle) { (void)handle; }
void fedwit_plugin_blobs_blob_drop_borrow(fedwit_plugin_blobs_borrow_blob_t handle) { (void)handle; }
void fedwit_plugin_blobs_blob_writer_drop_own(fedwit_plugin_blobs_own_blob_writer_t handle) { (void)handle; }

void storage_adapter_plugin_string_dup(storage_adapter_plugin_string_t *copy, const char *text) {
  copy->len = strlen(text);
  copy->ptr = malloc(copy->len + 1);
  if (!copy->ptr) abort();
  memcpy(copy->ptr, text, copy->len);
}

void storage_adapter_plugin_string_free(storage_adapter_plugin_string_t *text) { free(text->ptr); }
void storage_adapter_plugin_list_u8_free(storage_adapter_plugin_list_u8_t *list) { free(list->ptr); }
