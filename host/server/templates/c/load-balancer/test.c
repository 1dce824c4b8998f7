// Native tests of the rule.
#include <string.h>

#include "check.h"
#include "load_balancer_plugin.h"

typedef exports_fedwit_plugin_load_balancer_combiner_t combiner_t;

static fedwit_plugin_types_error_t error;

static combiner_t combiner(const char *name, uint32_t clients) {
  combiner_t combiner = {.clients = clients};
  load_balancer_plugin_string_dup(&combiner.name, name);
  return combiner;
}

static combiner_t full(const char *name) {
  combiner_t full = combiner(name, 1);
  full.capacity = (load_balancer_plugin_option_u32_t){true, 1};
  return full;
}

// The letter of the combiner that a client joins; 0 if it joins none.
static char placed(const char *text, const char *preferred, size_t count, combiner_t *combiners) {
  exports_fedwit_plugin_load_balancer_client_info_t client = {.preferred = {.is_some = preferred != NULL}};
  if (preferred) load_balancer_plugin_string_dup(&client.preferred.val, preferred);
  exports_fedwit_plugin_load_balancer_list_combiner_t list = {combiners, count};
  load_balancer_plugin_string_t config, name;
  load_balancer_plugin_string_dup(&config, text);
  bool done = exports_fedwit_plugin_load_balancer_place(&config, &client, &list, &name, &error);
  return done ? (char)name.ptr[0] : 0;
}

static void a_client_without_a_wish_joins_the_least_loaded(void) {
  combiner_t combiners[] = {combiner("a", 3), combiner("c", 1), combiner("b", 1)};
  CHECK(placed("{}", NULL, 3, combiners) == 'b');
  CHECK(placed("{}", "nowhere", 3, combiners) == 'b');
}

static void a_wish_is_granted_within_the_tolerance(void) {
  combiner_t combiners[] = {combiner("a", 3), combiner("b", 1)};
  CHECK(placed("{\"tolerance\": 2}", "a", 2, combiners) == 'a');
  CHECK(placed("{\"tolerance\": 1}", "a", 2, combiners) == 'b');
}

static void nobody_joins_a_combiner_that_is_full(void) {
  combiner_t combiners[] = {full("a"), combiner("b", 9)};
  CHECK(placed("{}", "a", 2, combiners) == 'b');
  CHECK(placed("{}", NULL, 1, combiners) == 0 && error.tag == FEDWIT_PLUGIN_TYPES_ERROR_FAILED);
}

static bool refused(const char *config, const char *key) {
  combiner_t combiners[] = {combiner("a", 0)};
  CHECK(placed(config, NULL, 1, combiners) == 0 && error.tag == FEDWIT_PLUGIN_TYPES_ERROR_INVALID_CONFIG);
  char why[200] = "";
  memcpy(why, error.val.invalid_config.ptr, error.val.invalid_config.len);
  return strstr(why, key) != NULL;
}

static void a_configuration_that_is_wrong_is_refused_by_its_key(void) {
  CHECK(refused("{\"tolerance\": -1}", "tolerance"));
  CHECK(refused("{\"tolerance\": \"much\"}", "tolerance"));
  CHECK(refused("{\"patience\": 1}", "patience"));
  CHECK(refused("[1]", "object"));
}

int main(void) {
  TEST(a_client_without_a_wish_joins_the_least_loaded);
  TEST(a_wish_is_granted_within_the_tolerance);
  TEST(nobody_joins_a_combiner_that_is_full);
  TEST(a_configuration_that_is_wrong_is_refused_by_its_key);
  return failures > 0;
}
