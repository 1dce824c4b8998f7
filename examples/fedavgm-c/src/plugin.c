// FedAvg with server momentum: with D the mean of the clients' deltas, weighted by their examples,
//
//   m <- momentum m + D        m starts at 0
//   x <- x + learning_rate m
//
// Hsu et al. 2019, "Measuring the Effects of Non-Identical Data Distribution for Federated Visual Classification". m is
// the state, kept in the dtypes of computation: a model of integers would round it away.
#include "config.h"
#include "mean_delta.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

// The name that m is handed back by.
static const char MOMENTUM[] = "momentum";

// An instance is one round: the host calls begin once, add and merge as often as it wants, then partial or finish.
static enum { NEW, BEGUN, ENDED } life = NEW;
static double momentum = 0.9;
static double learning_rate = 1.0;
static parameters_t global_model;
static parameters_t kept;
static mean_delta_t mean;

// The configuration, and what tells its users about it.
static const config_number_t NUMBERS[] = {
    {"momentum", &momentum, config_is_fraction, "at least 0 and below 1"},
    {"learning_rate", &learning_rate, config_is_positive, "a finite number above 0"},
};
static const char SCHEMA[] =
    "{\"$schema\": \"https://json-schema.org/draft/2020-12/schema\", \"type\": \"object\", \"properties\": {"
    "\"momentum\": {\"type\": \"number\", \"default\": 0.9, \"minimum\": 0, \"exclusiveMaximum\": 1,"
    " \"description\": \"How much of the momentum is kept; at least 0 and below 1.\"},"
    "\"learning_rate\": {\"type\": \"number\", \"default\": 1.0, \"exclusiveMinimum\": 0,"
    " \"description\": \"How far to go along the momentum; above 0.\"}"
    "}, \"additionalProperties\": false}";

void exports_fedwit_plugin_aggregator_describe(exports_fedwit_plugin_aggregator_description_t *description) {
  memset(description, 0, sizeof *description);
  aggregator_plugin_string_dup(&description->name, "fedavgm-c");
  aggregator_plugin_string_dup(&description->version, "0.1.0");
  aggregator_plugin_string_dup(&description->summary, "FedAvg with server momentum.");
  aggregator_plugin_string_dup(&description->config_schema, SCHEMA);
}

bool exports_fedwit_plugin_aggregator_mergeable(void) { return true; }

// What the arithmetic below is made of: each takes a handle, makes another, and lets go of the first.

static bool scale(parameters_t *value, double factor, plugin_error_t *error) {
  parameters_t scaled;
  if (!fedwit_plugin_tensors_method_parameters_scaled(fedwit_plugin_tensors_borrow_parameters(*value), factor, &scaled,
                                                      error)) {
    return false;
  }
  fedwit_plugin_tensors_parameters_drop_own(*value);
  *value = scaled;
  return true;
}

static bool add_to(parameters_t *value, parameters_t other, plugin_error_t *error) {
  parameters_t sum;
  if (!fedwit_plugin_tensors_method_parameters_plus(fedwit_plugin_tensors_borrow_parameters(*value),
                                                    fedwit_plugin_tensors_borrow_parameters(other), &sum, error)) {
    return false;
  }
  fedwit_plugin_tensors_parameters_drop_own(*value);
  *value = sum;
  return true;
}

static bool widened(parameters_t value, parameters_t *wide, plugin_error_t *error) {
  return fedwit_plugin_tensors_method_parameters_widened(fedwit_plugin_tensors_borrow_parameters(value), wide, error);
}

// The momentum of the last round, or zeros.
static bool restore(exports_fedwit_plugin_aggregator_option_state_t *state, plugin_error_t *error) {
  if (!state->is_some) return widened(global_model, &kept, error) && scale(&kept, 0, error);
  exports_fedwit_plugin_aggregator_list_named_parameters_t *sets = &state->val.parameters;
  if (sets->len != 1 || state->val.bytes.len > 0 || sets->ptr[0].name.len != strlen(MOMENTUM) ||
      memcmp(sets->ptr[0].name.ptr, MOMENTUM, strlen(MOMENTUM)) != 0) {
    return refuse(error, FEDWIT_PLUGIN_TYPES_ERROR_FAILED, "the state is not one that this plugin keeps");
  }
  kept = sets->ptr[0].value;
  // A sum of models that do not fit together is refused: found out now, and not after the clients' work.
  parameters_t sum;
  if (!fedwit_plugin_tensors_method_parameters_plus(fedwit_plugin_tensors_borrow_parameters(global_model),
                                                    fedwit_plugin_tensors_borrow_parameters(kept), &sum, error)) {
    return false;
  }
  fedwit_plugin_tensors_parameters_drop_own(sum);
  return true;
}

bool exports_fedwit_plugin_aggregator_begin(exports_fedwit_plugin_aggregator_context_t *context,
                                            plugin_error_t *error) {
  if (life != NEW) return refuse(error, FEDWIT_PLUGIN_TYPES_ERROR_FAILED, "an instance begins once");
  char why[200];
  if (!config_read(context->config.ptr, context->config.len, NUMBERS, sizeof NUMBERS / sizeof *NUMBERS, why,
                   sizeof why)) {
    return refuse(error, FEDWIT_PLUGIN_TYPES_ERROR_INVALID_CONFIG, why);
  }
  global_model = context->global_model;
  if (!restore(&context->state, error)) return false;
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

static void *allocated(size_t size) {
  void *memory = calloc(1, size);
  if (!memory) abort();
  return memory;
}

bool exports_fedwit_plugin_aggregator_finish(exports_fedwit_plugin_aggregator_outcome_t *outcome,
                                             plugin_error_t *error) {
  if (!has_begun(error)) return false;
  life = ENDED;
  memset(outcome, 0, sizeof *outcome);
  parameters_t delta, step;
  double squared_norm;
  bool done = mean_delta_finish(&mean, &delta, error) &&
              fedwit_plugin_tensors_method_parameters_squared_norm(fedwit_plugin_tensors_borrow_parameters(delta),
                                                                   &squared_norm, error) &&
              scale(&kept, momentum, error) && add_to(&kept, delta, error) &&
              // A handle of its own for the step: `kept` is handed back as the state.
              widened(kept, &step, error) && scale(&step, learning_rate, error) && add_to(&global_model, step, error);
  if (!done) return false;

  outcome->model = global_model;
  outcome->state.is_some = true;
  outcome->state.val.parameters.len = 1;
  outcome->state.val.parameters.ptr = allocated(sizeof *outcome->state.val.parameters.ptr);
  aggregator_plugin_string_dup(&outcome->state.val.parameters.ptr[0].name, MOMENTUM);
  outcome->state.val.parameters.ptr[0].value = kept;
  outcome->metrics.len = 1;
  outcome->metrics.ptr = allocated(sizeof *outcome->metrics.ptr);
  aggregator_plugin_string_dup(&outcome->metrics.ptr[0].name, "update_norm");
  outcome->metrics.ptr[0].value = sqrt(squared_norm);
  return true;
}
