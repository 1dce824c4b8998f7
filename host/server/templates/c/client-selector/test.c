// Native tests of the rule.
#include <string.h>

#include "check.h"
#include "client_selector_plugin.h"

static fedwit_plugin_types_error_t error;

static exports_fedwit_plugin_client_selector_candidate_t candidate(const char *client, uint32_t asked,
                                                                   uint32_t given_up) {
  exports_fedwit_plugin_client_selector_candidate_t candidate = {.history = {.asked = asked, .given_up = given_up}};
  client_selector_plugin_string_dup(&candidate.client, client);
  return candidate;
}

// Whether the clients that are chosen are these, each of one letter.
static bool chooses(const char *config, uint32_t requested,
                    exports_fedwit_plugin_client_selector_list_candidate_t candidates, const char *letters) {
  exports_fedwit_plugin_client_selector_selection_t selection = {
      .round = 1, .attempt = 1, .clients_requested = requested, .clients_required = 1};
  client_selector_plugin_string_dup(&selection.config, config);
  exports_fedwit_plugin_client_selector_list_selected_t chosen;
  CHECK(exports_fedwit_plugin_client_selector_select(&selection, &candidates, &chosen, &error));
  if (chosen.len != strlen(letters)) return false;
  for (size_t i = 0; i < chosen.len; i++) {
    if (chosen.ptr[i].client.ptr[0] != (uint8_t)letters[i] || chosen.ptr[i].settings.len != 0) return false;
  }
  return true;
}

static void those_who_were_asked_least_often_come_first(void) {
  exports_fedwit_plugin_client_selector_candidate_t all[] = {candidate("a", 2, 0), candidate("b", 0, 0),
                                                             candidate("c", 1, 0)};
  CHECK(chooses("{}", 2, (exports_fedwit_plugin_client_selector_list_candidate_t){all, 3}, "bc"));
}

static void the_order_of_the_candidates_does_not_matter(void) {
  exports_fedwit_plugin_client_selector_candidate_t all[] = {candidate("c", 0, 0), candidate("a", 0, 0),
                                                             candidate("b", 0, 0)};
  CHECK(chooses("{}", 2, (exports_fedwit_plugin_client_selector_list_candidate_t){all, 3}, "ab"));
}

static void an_unreliable_client_comes_last_and_is_not_left_out(void) {
  exports_fedwit_plugin_client_selector_candidate_t all[] = {candidate("a", 2, 2), candidate("b", 9, 1)};
  CHECK(chooses("{\"patience\": 1}", 2, (exports_fedwit_plugin_client_selector_list_candidate_t){all, 2}, "ba"));
  CHECK(chooses("{\"patience\": 2}", 1, (exports_fedwit_plugin_client_selector_list_candidate_t){all, 2}, "a"));
}

static bool refused(const char *text, const char *key) {
  client_selector_plugin_string_t config;
  client_selector_plugin_string_dup(&config, text);
  CHECK(!exports_fedwit_plugin_client_selector_check(&config, &error));
  CHECK(error.tag == FEDWIT_PLUGIN_TYPES_ERROR_INVALID_CONFIG);
  char why[200] = "";
  memcpy(why, error.val.invalid_config.ptr, error.val.invalid_config.len);
  return strstr(why, key) != NULL;
}

static void a_configuration_that_is_wrong_is_refused_by_its_key(void) {
  CHECK(refused("{\"patience\": -1}", "patience"));
  CHECK(refused("{\"patience\": 0.5}", "patience"));
  CHECK(refused("{\"patients\": 1}", "patients"));
  CHECK(refused("[1]", "object"));
}

int main(void) {
  TEST(those_who_were_asked_least_often_come_first);
  TEST(the_order_of_the_candidates_does_not_matter);
  TEST(an_unreliable_client_comes_last_and_is_not_left_out);
  TEST(a_configuration_that_is_wrong_is_refused_by_its_key);
  return failures > 0;
}
