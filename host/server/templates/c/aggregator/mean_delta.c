#include "mean_delta.h"

#include <stdlib.h>
#include <string.h>

// The name that a share's mean is handed up by.
static const char NAME[] = "mean_delta";

bool refuse(plugin_error_t *error, uint8_t kind, const char *why) {
  error->tag = kind;
  // The three kinds hold the same, a text.
  aggregator_plugin_string_dup(&error->val.failed, why);
  return false;
}

void mean_delta_begin(mean_delta_t *mean, parameters_t global_model) {
  mean->accumulator = fedwit_plugin_tensors_constructor_accumulator(fedwit_plugin_tensors_borrow_parameters(global_model));
  mean->updates = 0;
}

// Only what the host refuses can go wrong here, and it says why; that is this update's or share's fault alone.
static bool take(mean_delta_t *mean, parameters_t delta, double weight, uint64_t updates, plugin_error_t *error) {
  if (updates > UINT64_MAX - mean->updates) {
    return refuse(error, FEDWIT_PLUGIN_TYPES_ERROR_REJECTED, "more updates than can be counted");
  }
  if (!fedwit_plugin_tensors_method_accumulator_add(fedwit_plugin_tensors_borrow_accumulator(mean->accumulator),
                                                    fedwit_plugin_tensors_borrow_parameters(delta), weight, error)) {
    error->tag = FEDWIT_PLUGIN_TYPES_ERROR_REJECTED;
    return false;
  }
  mean->updates += updates;
  return true;
}

bool mean_delta_add(mean_delta_t *mean, fedwit_plugin_updates_own_update_t update, plugin_error_t *error) {
  fedwit_plugin_updates_borrow_update_t borrowed = fedwit_plugin_updates_borrow_update(update);
  fedwit_plugin_updates_update_info_t info;
  fedwit_plugin_updates_method_update_info(borrowed, &info);
  double weight = (double)info.num_examples;
  fedwit_plugin_updates_update_info_free(&info);

  parameters_t delta;
  bool taken = fedwit_plugin_updates_method_update_delta(borrowed, &delta, error);
  if (taken) {
    taken = take(mean, delta, weight, 1, error);
    fedwit_plugin_tensors_parameters_drop_own(delta);
  }
  fedwit_plugin_updates_update_drop_own(update);
  return taken;
}

bool mean_delta_share(mean_delta_t *mean, share_t *share, plugin_error_t *error) {
  memset(share, 0, sizeof *share);
  share->updates = mean->updates;
  share->weight = fedwit_plugin_tensors_method_accumulator_total_weight(
      fedwit_plugin_tensors_borrow_accumulator(mean->accumulator));
  if (mean->updates == 0) return true;

  parameters_t delta, widened;
  if (!fedwit_plugin_tensors_static_accumulator_mean(mean->accumulator, &delta, error)) return false;
  // In the dtypes of computation: the mean of integers is none.
  bool done =
      fedwit_plugin_tensors_method_parameters_widened(fedwit_plugin_tensors_borrow_parameters(delta), &widened, error);
  fedwit_plugin_tensors_parameters_drop_own(delta);
  if (!done) return false;

  share->parameters.ptr = malloc(sizeof *share->parameters.ptr);
  if (!share->parameters.ptr) abort();
  share->parameters.len = 1;
  aggregator_plugin_string_dup(&share->parameters.ptr[0].name, NAME);
  share->parameters.ptr[0].value = widened;
  return true;
}

bool mean_delta_merge(mean_delta_t *mean, share_t *share, plugin_error_t *error) {
  size_t sets = share->parameters.len;
  bool empty = sets == 0 && share->updates == 0;
  bool whole = sets == 1 && share->updates > 0 && share->parameters.ptr[0].name.len == strlen(NAME) &&
               memcmp(share->parameters.ptr[0].name.ptr, NAME, strlen(NAME)) == 0;
  bool merged = false;
  if (share->bytes.len > 0) {
    refuse(error, FEDWIT_PLUGIN_TYPES_ERROR_REJECTED, "a share with bytes, which a mean does not have");
  } else if (empty) {
    merged = true;
  } else if (whole) {
    merged = take(mean, share->parameters.ptr[0].value, share->weight, share->updates, error);
  } else {
    refuse(error, FEDWIT_PLUGIN_TYPES_ERROR_REJECTED, "this is no share of a mean");
  }
  for (size_t i = 0; i < sets; i++) fedwit_plugin_tensors_parameters_drop_own(share->parameters.ptr[i].value);
  exports_fedwit_plugin_aggregator_partial_aggregate_free(share);
  return merged;
}

bool mean_delta_finish(mean_delta_t *mean, parameters_t *delta, plugin_error_t *error) {
  if (mean->updates == 0) return refuse(error, FEDWIT_PLUGIN_TYPES_ERROR_FAILED, "no update was added");
  return fedwit_plugin_tensors_static_accumulator_mean(mean->accumulator, delta, error);
}
