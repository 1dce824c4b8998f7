// Native tests of the rule.
#include <math.h>
#include <string.h>

#include "check.h"
#include "double.h"

static plugin_error_t error;

static parameters_t number(double value) { return model(1, &value); }

static bool begin(const char *config, parameters_t global_model) {
  exports_fedwit_plugin_aggregator_context_t context = {.round = 1, .global_model = global_model};
  aggregator_plugin_string_dup(&context.config, config);
  return exports_fedwit_plugin_aggregator_begin(&context, &error);
}

static bool add(uint64_t num_examples, double sent, double base) {
  return exports_fedwit_plugin_aggregator_add(update(num_examples, number(sent), number(base)), &error);
}

static double finish(void) {
  exports_fedwit_plugin_aggregator_outcome_t outcome;
  CHECK(exports_fedwit_plugin_aggregator_finish(&outcome, &error));
  return value_of(outcome.model, 0);
}

static bool refused(const char *config, const char *key) {
  char why[200] = "";
  CHECK(!begin(config, number(0)) && error.tag == FEDWIT_PLUGIN_TYPES_ERROR_INVALID_CONFIG);
  memcpy(why, error.val.invalid_config.ptr, error.val.invalid_config.len);
  return strstr(why, key) != NULL;
}

static void a_first_round_goes_by_the_mean(void) {
  CHECK(begin("{}", number(1)));
  CHECK(add(10, 2, 1));
  CHECK(add(30, 6, 1));
  CHECK(fabs(finish() - 5) < 1e-12);
}

static exports_fedwit_plugin_aggregator_named_parameters_t set_of(const char *name, parameters_t value) {
  exports_fedwit_plugin_aggregator_named_parameters_t set = {.value = value};
  aggregator_plugin_string_dup(&set.name, name);
  return set;
}

static bool begin_from(exports_fedwit_plugin_aggregator_named_parameters_t set, const char *config) {
  exports_fedwit_plugin_aggregator_context_t context = {.round = 2, .global_model = number(1)};
  aggregator_plugin_string_dup(&context.config, config);
  context.state.is_some = true;
  context.state.val.parameters.ptr = &set;
  context.state.val.parameters.len = 1;
  return exports_fedwit_plugin_aggregator_begin(&context, &error);
}

static void a_later_round_goes_by_the_momentum(void) {
  CHECK(begin_from(set_of("momentum", number(2)), "{\"momentum\": 0.5, \"learning_rate\": 0.1}"));
  CHECK(add(10, 4, 1));
  exports_fedwit_plugin_aggregator_outcome_t outcome;
  CHECK(exports_fedwit_plugin_aggregator_finish(&outcome, &error));
  // m = 0.5 * 2 + 3, and a tenth of it is the step.
  CHECK(fabs(value_of(outcome.model, 0) - 1.4) < 1e-12);
  CHECK(outcome.state.is_some && fabs(value_of(outcome.state.val.parameters.ptr[0].value, 0) - 4) < 1e-12);
}

static void a_state_that_is_not_this_plugins_is_refused(void) {
  CHECK(!begin_from(set_of("second_moment", number(2)), "{}"));
  CHECK(error.tag == FEDWIT_PLUGIN_TYPES_ERROR_FAILED);
}

static void a_state_of_another_model_is_refused(void) {
  CHECK(!begin_from(set_of("momentum", model(2, (double[]){1, 2})), "{}"));
  CHECK(error.tag == FEDWIT_PLUGIN_TYPES_ERROR_FAILED);
}

static void a_share_counts_by_its_weight(void) {
  exports_fedwit_plugin_aggregator_named_parameters_t set = set_of("mean_delta", number(4));
  share_t share = {.parameters = {&set, 1}, .weight = 30, .updates = 2};
  CHECK(begin("{}", number(1)));
  CHECK(add(10, 1, 1));
  CHECK(exports_fedwit_plugin_aggregator_merge(&share, &error));
  CHECK(fabs(finish() - 4) < 1e-12);
}

static void a_configuration_that_is_wrong_is_refused_by_its_key(void) {
  CHECK(refused("{\"momentum\": 1}", "momentum"));
  CHECK(refused("{\"momentum\": -0.1}", "momentum"));
  CHECK(refused("{\"momentum\": 0.5, \"learning_rate\": 0}", "learning_rate"));
  CHECK(refused("{\"tau\": 1}", "tau"));
}

int main(void) {
  TEST(a_first_round_goes_by_the_mean);
  TEST(a_later_round_goes_by_the_momentum);
  TEST(a_state_that_is_not_this_plugins_is_refused);
  TEST(a_state_of_another_model_is_refused);
  TEST(a_share_counts_by_its_weight);
  TEST(a_configuration_that_is_wrong_is_refused_by_its_key);
  return failures > 0;
}
