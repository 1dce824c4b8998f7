// Only what plugin.c and mean_delta.c call is here: the linker names what a rule of yours needs beside it, and
// wit/tensors.wit says what it does.
#include "double.h"

#include <stdlib.h>
#include <string.h>

enum { MOST_MODELS = 1000, LONGEST_MODEL = 8 };

typedef struct row {
  size_t count;
  double values[LONGEST_MODEL];
  // For an accumulator its weight, for an update the client's examples.
  double weight;
} row_t;

// Handles are places in here. A test is a process, so nothing is ever used twice.
static row_t rows[MOST_MODELS];
static int32_t used = 0;

static int32_t keep(row_t row) {
  if (used == MOST_MODELS) abort();
  rows[used] = row;
  return used++;
}

static bool failed(plugin_error_t *error, const char *why) {
  return refuse(error, FEDWIT_PLUGIN_TYPES_ERROR_FAILED, why);
}

parameters_t model(size_t count, const double *values) {
  row_t row = {.count = count};
  if (count > LONGEST_MODEL) abort();
  memcpy(row.values, values, count * sizeof *values);
  return (parameters_t){keep(row)};
}

double value_of(parameters_t model, size_t index) { return rows[model.__handle].values[index]; }

fedwit_plugin_updates_own_update_t update(uint64_t num_examples, parameters_t sent, parameters_t base) {
  row_t row = rows[sent.__handle];
  for (size_t i = 0; i < row.count; i++) row.values[i] -= rows[base.__handle].values[i];
  row.weight = (double)num_examples;
  return (fedwit_plugin_updates_own_update_t){keep(row)};
}

// Borrowing and dropping.

fedwit_plugin_tensors_borrow_parameters_t fedwit_plugin_tensors_borrow_parameters(parameters_t handle) {
  return (fedwit_plugin_tensors_borrow_parameters_t){handle.__handle};
}

fedwit_plugin_tensors_borrow_accumulator_t fedwit_plugin_tensors_borrow_accumulator(
    fedwit_plugin_tensors_own_accumulator_t handle) {
  return (fedwit_plugin_tensors_borrow_accumulator_t){handle.__handle};
}

fedwit_plugin_updates_borrow_update_t fedwit_plugin_updates_borrow_update(fedwit_plugin_updates_own_update_t handle) {
  return (fedwit_plugin_updates_borrow_update_t){handle.__handle};
}

void fedwit_plugin_tensors_parameters_drop_own(parameters_t handle) { (void)handle; }
void fedwit_plugin_updates_update_drop_own(fedwit_plugin_updates_own_update_t handle) { (void)handle; }

// Updates.

void fedwit_plugin_updates_method_update_info(fedwit_plugin_updates_borrow_update_t self,
                                              fedwit_plugin_updates_update_info_t *info) {
  memset(info, 0, sizeof *info);
  info->num_examples = (uint64_t)rows[self.__handle].weight;
}

bool fedwit_plugin_updates_method_update_delta(fedwit_plugin_updates_borrow_update_t self, parameters_t *delta,
                                               plugin_error_t *error) {
  (void)error;
  *delta = (parameters_t){keep(rows[self.__handle])};
  return true;
}

// Arithmetic.

bool fedwit_plugin_tensors_method_parameters_plus(fedwit_plugin_tensors_borrow_parameters_t self,
                                                  fedwit_plugin_tensors_borrow_parameters_t other, parameters_t *sum,
                                                  plugin_error_t *error) {
  row_t row = rows[self.__handle];
  if (row.count != rows[other.__handle].count) return failed(error, "the models do not fit together");
  for (size_t i = 0; i < row.count; i++) row.values[i] += rows[other.__handle].values[i];
  *sum = (parameters_t){keep(row)};
  return true;
}

bool fedwit_plugin_tensors_method_parameters_scaled(fedwit_plugin_tensors_borrow_parameters_t self, double factor,
                                                    parameters_t *product, plugin_error_t *error) {
  (void)error;
  row_t row = rows[self.__handle];
  for (size_t i = 0; i < row.count; i++) row.values[i] *= factor;
  *product = (parameters_t){keep(row)};
  return true;
}

bool fedwit_plugin_tensors_method_parameters_filled(fedwit_plugin_tensors_borrow_parameters_t self, double value,
                                                    parameters_t *filled, plugin_error_t *error) {
  (void)error;
  row_t row = rows[self.__handle];
  for (size_t i = 0; i < row.count; i++) row.values[i] = value;
  *filled = (parameters_t){keep(row)};
  return true;
}

bool fedwit_plugin_tensors_method_parameters_widened(fedwit_plugin_tensors_borrow_parameters_t self,
                                                     parameters_t *widened, plugin_error_t *error) {
  return fedwit_plugin_tensors_method_parameters_scaled(self, 1, widened, error);
}

bool fedwit_plugin_tensors_method_parameters_squared_norm(fedwit_plugin_tensors_borrow_parameters_t self, double *norm,
                                                          plugin_error_t *error) {
  (void)error;
  *norm = 0;
  for (size_t i = 0; i < rows[self.__handle].count; i++) {
    *norm += rows[self.__handle].values[i] * rows[self.__handle].values[i];
  }
  return true;
}

fedwit_plugin_tensors_own_accumulator_t fedwit_plugin_tensors_constructor_accumulator(
    fedwit_plugin_tensors_borrow_parameters_t like) {
  return (fedwit_plugin_tensors_own_accumulator_t){keep((row_t){.count = rows[like.__handle].count})};
}

bool fedwit_plugin_tensors_method_accumulator_add(fedwit_plugin_tensors_borrow_accumulator_t self,
                                                  fedwit_plugin_tensors_borrow_parameters_t value, double weight,
                                                  plugin_error_t *error) {
  row_t *mean = &rows[self.__handle];
  if (mean->count != rows[value.__handle].count) return failed(error, "the models do not fit together");
  if (!(weight > 0)) return failed(error, "the weight is not a positive finite number");
  mean->weight += weight;
  for (size_t i = 0; i < mean->count; i++) {
    mean->values[i] += (rows[value.__handle].values[i] - mean->values[i]) * weight / mean->weight;
  }
  return true;
}

double fedwit_plugin_tensors_method_accumulator_total_weight(fedwit_plugin_tensors_borrow_accumulator_t self) {
  return rows[self.__handle].weight;
}

bool fedwit_plugin_tensors_static_accumulator_mean(fedwit_plugin_tensors_own_accumulator_t accumulator,
                                                   parameters_t *mean, plugin_error_t *error) {
  if (rows[accumulator.__handle].weight == 0) return failed(error, "a mean of no values");
  *mean = (parameters_t){keep(rows[accumulator.__handle])};
  return true;
}

// What the generated bindings have of their own.

void aggregator_plugin_string_dup(aggregator_plugin_string_t *copy, const char *text) {
  copy->len = strlen(text);
  copy->ptr = malloc(copy->len + 1);
  if (!copy->ptr) abort();
  memcpy(copy->ptr, text, copy->len);
}

void fedwit_plugin_updates_update_info_free(fedwit_plugin_updates_update_info_t *info) { (void)info; }
void exports_fedwit_plugin_aggregator_partial_aggregate_free(share_t *share) { (void)share; }
void exports_fedwit_plugin_aggregator_context_free(exports_fedwit_plugin_aggregator_context_t *context) {
  (void)context;
}
