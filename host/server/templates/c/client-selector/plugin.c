// {{name}}: a client selector that asks the clients that were asked least often, and unreliable ones last.
//
// What each function does and what must hold is written in wit/client-selector.wit. Each call has an instance of its own:
// nothing is kept from one to the next, and what is not given back need not be freed.
#include "client_selector_plugin.h"
#include "config.h"

#include <stdlib.h>
#include <string.h>

typedef fedwit_plugin_types_error_t plugin_error_t;
typedef exports_fedwit_plugin_client_selector_candidate_t candidate_t;
typedef exports_fedwit_plugin_client_selector_selected_t selected_t;

static double patience = 3;

// The configuration, and what tells its users about it.
static const config_number_t NUMBERS[] = {
    {"patience", &patience, config_is_count, "a whole number from 0"},
};
static const char SCHEMA[] =
    "{\"$schema\": \"https://json-schema.org/draft/2020-12/schema\", \"type\": \"object\", \"properties\": {"
    "\"patience\": {\"type\": \"integer\", \"default\": 3, \"minimum\": 0,"
    " \"description\": \"A client that was given up more often than this comes last.\"}"
    "}, \"additionalProperties\": false}";

void exports_fedwit_plugin_client_selector_describe(exports_fedwit_plugin_client_selector_description_t *description) {
  memset(description, 0, sizeof *description);
  client_selector_plugin_string_dup(&description->name, "{{name}}");
  client_selector_plugin_string_dup(&description->version, "0.1.0");
  client_selector_plugin_string_dup(&description->summary,
                                    "Asks the clients that were asked least often, and unreliable ones last.");
  client_selector_plugin_string_dup(&description->config_schema, SCHEMA);
}

bool exports_fedwit_plugin_client_selector_check(client_selector_plugin_string_t *config, plugin_error_t *error) {
  char why[200];
  if (config_read(config->ptr, config->len, NUMBERS, sizeof NUMBERS / sizeof *NUMBERS, why, sizeof why)) return true;
  error->tag = FEDWIT_PLUGIN_TYPES_ERROR_INVALID_CONFIG;
  client_selector_plugin_string_dup(&error->val.invalid_config, why);
  return false;
}

// Candidates come in no particular order, and the same question must get the same answer: the id decides at last.
static int compare(const void *left_place, const void *right_place) {
  const candidate_t *left = left_place, *right = right_place;
  int late = (left->history.given_up > patience) - (right->history.given_up > patience);
  if (late) return late;
  if (left->history.asked != right->history.asked) return left->history.asked < right->history.asked ? -1 : 1;
  size_t shorter = left->client.len < right->client.len ? left->client.len : right->client.len;
  int order = memcmp(left->client.ptr, right->client.ptr, shorter);
  return order ? order : (left->client.len > right->client.len) - (left->client.len < right->client.len);
}

bool exports_fedwit_plugin_client_selector_select(exports_fedwit_plugin_client_selector_selection_t *context,
                                                  exports_fedwit_plugin_client_selector_list_candidate_t *candidates,
                                                  exports_fedwit_plugin_client_selector_list_selected_t *chosen,
                                                  plugin_error_t *error) {
  if (!exports_fedwit_plugin_client_selector_check(&context->config, error)) return false;
  qsort(candidates->ptr, candidates->len, sizeof *candidates->ptr, compare);
  chosen->len = candidates->len < context->clients_requested ? candidates->len : context->clients_requested;
  // Settings are for one client alone, a JSON object such as {"epochs": 2}; all zeros are none.
  chosen->ptr = calloc(chosen->len + 1, sizeof *chosen->ptr);
  if (!chosen->ptr) abort();
  for (size_t i = 0; i < chosen->len; i++) chosen->ptr[i].client = candidates->ptr[i].client;
  return true;
}
