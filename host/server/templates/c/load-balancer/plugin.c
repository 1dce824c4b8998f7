// {{name}}: a load balancer that gives clients the combiner that they would like, unless others have far less to do.
//
// What each function does and what must hold is written in wit/load-balancer.wit. Each call has an instance of its own:
// nothing is kept from one to the next, and what is not given back need not be freed.
#include "config.h"
#include "load_balancer_plugin.h"

#include <string.h>

typedef fedwit_plugin_types_error_t plugin_error_t;
typedef exports_fedwit_plugin_load_balancer_combiner_t combiner_t;

static double tolerance = 10;

// The configuration, and what tells its users about it.
static const config_number_t NUMBERS[] = {
    {"tolerance", &tolerance, config_is_count, "a whole number from 0"},
};
static const char SCHEMA[] =
    "{\"$schema\": \"https://json-schema.org/draft/2020-12/schema\", \"type\": \"object\", \"properties\": {"
    "\"tolerance\": {\"type\": \"integer\", \"default\": 10, \"minimum\": 0, \"description\": \"How many clients more than"
    " the least loaded a combiner may have for a wish to be granted.\"}"
    "}, \"additionalProperties\": false}";

// Always false, so that it can be returned.
static bool refuse(plugin_error_t *error, uint8_t kind, const char *why) {
  error->tag = kind;
  // The three kinds hold the same, a text.
  load_balancer_plugin_string_dup(&error->val.failed, why);
  return false;
}

void exports_fedwit_plugin_load_balancer_describe(exports_fedwit_plugin_load_balancer_description_t *description) {
  memset(description, 0, sizeof *description);
  load_balancer_plugin_string_dup(&description->name, "{{name}}");
  load_balancer_plugin_string_dup(&description->version, "0.1.0");
  load_balancer_plugin_string_dup(&description->summary,
                                  "Gives clients the combiner that they would like, unless others have far less to do.");
  load_balancer_plugin_string_dup(&description->config_schema, SCHEMA);
}

bool exports_fedwit_plugin_load_balancer_check(load_balancer_plugin_string_t *config, plugin_error_t *error) {
  char why[200];
  if (config_read(config->ptr, config->len, NUMBERS, sizeof NUMBERS / sizeof *NUMBERS, why, sizeof why)) return true;
  return refuse(error, FEDWIT_PLUGIN_TYPES_ERROR_INVALID_CONFIG, why);
}

static bool has_room(const combiner_t *combiner) {
  return !combiner->capacity.is_some || combiner->clients < combiner->capacity.val;
}

static int compare(const load_balancer_plugin_string_t *left, const load_balancer_plugin_string_t *right) {
  int order = memcmp(left->ptr, right->ptr, left->len < right->len ? left->len : right->len);
  return order ? order : (left->len > right->len) - (left->len < right->len);
}

// Of several the first by name, whatever order they come in.
static bool is_less_loaded(const combiner_t *combiner, const combiner_t *than) {
  if (combiner->clients != than->clients) return combiner->clients < than->clients;
  return compare(&combiner->name, &than->name) < 0;
}

bool exports_fedwit_plugin_load_balancer_place(load_balancer_plugin_string_t *config,
                                               exports_fedwit_plugin_load_balancer_client_info_t *client,
                                               exports_fedwit_plugin_load_balancer_list_combiner_t *combiners,
                                               load_balancer_plugin_string_t *name, plugin_error_t *error) {
  if (!exports_fedwit_plugin_load_balancer_check(config, error)) return false;
  const combiner_t *least = NULL, *wished = NULL;
  for (size_t i = 0; i < combiners->len; i++) {
    const combiner_t *combiner = &combiners->ptr[i];
    if (!has_room(combiner)) continue;
    if (!least || is_less_loaded(combiner, least)) least = combiner;
    if (client->preferred.is_some && compare(&combiner->name, &client->preferred.val) == 0) wished = combiner;
  }
  if (!least) return refuse(error, FEDWIT_PLUGIN_TYPES_ERROR_FAILED, "no combiner has room for another client");
  bool granted = wished && wished->clients <= least->clients + tolerance;
  *name = granted ? wished->name : least->name;
  return true;
}
