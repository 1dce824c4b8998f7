// Native tests of the rule.
#include <string.h>

#include "check.h"
#include "checksum.h"
#include "double.h"

static fedwit_plugin_types_error_t error;

static bool open(const char *config) {
  storage_adapter_plugin_string_t copy = text(config);
  return exports_fedwit_plugin_storage_adapter_open(&copy, &error);
}

static void put(const char *key, size_t length, const uint8_t *content) {
  storage_adapter_plugin_string_t copy = text(key);
  fedwit_plugin_blobs_borrow_blob_t lent = fedwit_plugin_blobs_borrow_blob(blob(length, content));
  CHECK(exports_fedwit_plugin_storage_adapter_put(&copy, lent, &error));
}

static exports_fedwit_plugin_storage_adapter_option_own_blob_t found;

static bool get(const char *key) {
  storage_adapter_plugin_string_t copy = text(key);
  return exports_fedwit_plugin_storage_adapter_get(&copy, &found, &error);
}

static bool says(const char *part) {
  char why[400] = "";
  memcpy(why, error.val.failed.ptr, error.val.failed.len);
  return strstr(why, part) != NULL;
}

static void the_checksum_is_the_one_that_everybody_has(void) {
  uint32_t half = checksum(0, (const uint8_t *)"1234", 4);
  CHECK(checksum(half, (const uint8_t *)"56789", 5) == 0xcbf43926u);
}

static void what_was_put_is_there_until_it_is_removed(void) {
  static const size_t SIZES[] = {0, 1, 1023, 1024, 1025, 5000};
  uint8_t content[5000];
  for (size_t i = 0; i < sizeof content; i++) content[i] = (uint8_t)(i % 251);
  CHECK(open("{\"piece_kib\": 1}"));
  for (size_t i = 0; i < sizeof SIZES / sizeof *SIZES; i++) {
    put("a", SIZES[i], content);
    CHECK(get("a") && found.is_some);
    const bytes_t *bytes = bytes_of(found.val);
    CHECK(bytes->length == SIZES[i] && memcmp(bytes->content, content, SIZES[i]) == 0);
  }
  storage_adapter_plugin_string_t key = text("a");
  CHECK(exports_fedwit_plugin_storage_adapter_remove(&key, &error));
  CHECK(get("a") && !found.is_some);
}

static void a_blob_that_was_damaged_is_an_error(void) {
  CHECK(open("{}"));
  put("a", 7, (const uint8_t *)"weights");
  bytes_t *place = kept("{{name}}/a");
  CHECK(place);
  bytes_t whole = *place;
  for (size_t i = 0; i < whole.length; i++) {
    *place = whole;
    place->content[i] ^= 1;
    CHECK(!get("a") && error.tag == FEDWIT_PLUGIN_TYPES_ERROR_FAILED && says("`a`"));
  }
  for (size_t length = 0; length < whole.length; length++) {
    *place = whole;
    place->length = length;
    CHECK(!get("a"));
  }
  // Under another key than it was put under.
  put("b", 0, NULL);
  *kept("{{name}}/b") = whole;
  CHECK(!get("b") && says("`b`"));
}

static void keys_are_those_that_were_put(void) {
  static const char *const KEYS[] = {"m/2", "m/1", "n"};
  CHECK(open("{}"));
  for (int i = 0; i < 3; i++) put(KEYS[i], 0, NULL);
  storage_adapter_plugin_list_string_t keys;
  storage_adapter_plugin_string_t prefix = text("m/"), after = text("m/1");
  CHECK(exports_fedwit_plugin_storage_adapter_keys(&prefix, &after, 10, &keys, &error));
  CHECK(keys.len == 1 && keys.ptr[0].len == 3 && memcmp(keys.ptr[0].ptr, "m/2", 3) == 0);
  prefix = text("m/");
  CHECK(exports_fedwit_plugin_storage_adapter_keys(&prefix, NULL, 10, &keys, &error));
  CHECK(keys.len == 1 && memcmp(keys.ptr[0].ptr, "m/1", 3) == 0);
}

static bool refused(const char *config, const char *key) {
  return !open(config) && error.tag == FEDWIT_PLUGIN_TYPES_ERROR_INVALID_CONFIG && says(key);
}

static void a_configuration_that_is_wrong_is_refused_by_its_key(void) {
  CHECK(refused("{\"piece_kib\": 0}", "piece_kib"));
  CHECK(refused("{\"piece_kib\": 65537}", "piece_kib"));
  CHECK(refused("{\"piece\": 1}", "piece"));
  CHECK(refused("[1]", "object"));
}

int main(void) {
  TEST(the_checksum_is_the_one_that_everybody_has);
  TEST(what_was_put_is_there_until_it_is_removed);
  TEST(a_blob_that_was_damaged_is_an_error);
  TEST(keys_are_those_that_were_put);
  TEST(a_configuration_that_is_wrong_is_refused_by_its_key);
  return failures > 0;
}
