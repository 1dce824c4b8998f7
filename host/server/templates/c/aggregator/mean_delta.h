// The weighted mean of the clients' deltas: what most aggregators begin with.
//
// With u_k what client k sent, x the global model and n_k the client's examples: D = sum (n_k / N) (u_k - x).
#pragma once

#include "aggregator_plugin.h"

typedef fedwit_plugin_types_error_t plugin_error_t;
typedef fedwit_plugin_tensors_own_parameters_t parameters_t;
typedef exports_fedwit_plugin_aggregator_partial_aggregate_t share_t;

typedef struct mean_delta {
  fedwit_plugin_tensors_own_accumulator_t accumulator;
  uint64_t updates;
} mean_delta_t;

// An error of this kind (FEDWIT_PLUGIN_TYPES_ERROR_...); always false, so that it can be returned.
bool refuse(plugin_error_t *error, uint8_t kind, const char *why);

// No deltas yet, for models like `global_model`.
void mean_delta_begin(mean_delta_t *mean, parameters_t global_model);

// Takes the delta of an update in, weighted by its examples. What is rejected has changed nothing.
bool mean_delta_add(mean_delta_t *mean, fedwit_plugin_updates_own_update_t update, plugin_error_t *error);

// Hands up what was added and merged so far, for another instance to merge.
bool mean_delta_share(mean_delta_t *mean, share_t *share, plugin_error_t *error);

// Takes in what another instance handed up, by its weight. What is rejected has changed nothing.
bool mean_delta_merge(mean_delta_t *mean, share_t *share, plugin_error_t *error);

// The mean. Fails if nothing was added or merged.
bool mean_delta_finish(mean_delta_t *mean, parameters_t *delta, plugin_error_t *error);
