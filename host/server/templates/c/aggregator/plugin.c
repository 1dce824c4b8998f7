// {{name}}: an aggregator that goes along the mean of the clients' deltas, x <- x + learning_rate D.
//
// Models stay with the host; a parameters_t is a handle to one. What each function does and what must hold is written
// in wit/aggregator.wit and wit/tensors.wit.
#include "config.h"
#include "mean_delta.h"

#include <string.h>

// An instance is one round: the host calls begin once, add and merge as often as it wants, then partial or finish.
static enum { NEW, BEGUN, ENDED } life = NEW;
static double learning_rate = 1.0;
static parameters_t global_model;
static mean_delta_t mean;

// The configuration, and what tells its users about it.
static const config_number_t NUMBERS[] = {
    {"learning_rate", &learning_rate, config_is_positive, "a finite number above 0"},
};
static const char SCHEMA[] =
    "{\"$schema\": \"https://json-schema.org/draft/2020-12/schema\", \"type\": \"object\", \"properties\": {"
    "\"learning_rate\": {\"type\": \"number\", \"default\": 1.0, \"exclusiveMinimum\": 0,"
    " \"description\": \"How far to go along the mean delta; above 0.\"}"
    "}, \"additionalProperties\": false}";

void exports_fedwit_plugin_aggregator_describe(exports_fedwit_plugin_aggregator_description_t *description) {
  memset(description, 0, sizeof *description);
  aggregator_plugin_string_dup(&description->name, "{{name}}");
  aggregator_plugin_string_dup(&description->version, "0.1.0");
  aggregator_plugin_string_dup(&description->summary, "Goes along the mean of the clients' deltas.");
  aggregator_plugin_string_dup(&description->config_schema, SCHEMA);
}

bool exports_fedwit_plugin_aggregator_mergeable(void) { return true; }

bool exports_fedwit_plugin_aggregator_begin(exports_fedwit_plugin_aggregator_context_t *context, plugin_error_t *error) {
  if (life != NEW) return refuse(error, FEDWIT_PLUGIN_TYPES_ERROR_FAILED, "an instance begins once");
  char why[200];
  if (!config_read(context->config.ptr, context->config.len, NUMBERS, sizeof NUMBERS / sizeof *NUMBERS, why,
                   sizeof why)) {
    return refuse(error, FEDWIT_PLUGIN_TYPES_ERROR_INVALID_CONFIG, why);
  }
  global_model = context->global_model;
  mean_delta_begin(&mean, global_model);
  exports_fedwit_plugin_aggregator_context_free(context);
  life = BEGUN;
  return true;
}

static bool has_begun(plugin_error_t *error) {
  if (life == BEGUN) return true;
  return refuse(error, FEDWIT_PLUGIN_TYPES_ERROR_FAILED, life == NEW ? "no round has begun" : "the round has ended");
}

bool exports_fedwit_plugin_aggregator_add(fedwit_plugin_updates_own_update_t update, plugin_error_t *error) {
  return has_begun(error) && mean_delta_add(&mean, update, error);
}

bool exports_fedwit_plugin_aggregator_partial(share_t *share, plugin_error_t *error) {
  if (!has_begun(error)) return false;
  life = ENDED;
  return mean_delta_share(&mean, share, error);
}

bool exports_fedwit_plugin_aggregator_merge(share_t *share, plugin_error_t *error) {
  return has_begun(error) && mean_delta_merge(&mean, share, error);
}

bool exports_fedwit_plugin_aggregator_finish(exports_fedwit_plugin_aggregator_outcome_t *outcome, plugin_error_t *error) {
  if (!has_begun(error)) return false;
  life = ENDED;
  memset(outcome, 0, sizeof *outcome);
  parameters_t delta, step;
  if (!mean_delta_finish(&mean, &delta, error)) return false;
  if (!fedwit_plugin_tensors_method_parameters_scaled(fedwit_plugin_tensors_borrow_parameters(delta), learning_rate,
                                                      &step, error)) {
    return false;
  }
  return fedwit_plugin_tensors_method_parameters_plus(fedwit_plugin_tensors_borrow_parameters(global_model),
                                                      fedwit_plugin_tensors_borrow_parameters(step), &outcome->model,
                                                      error);
}
